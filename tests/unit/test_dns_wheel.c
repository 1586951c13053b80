/*
 * test_dns_wheel.c - many deadlines.
 */
#include "lists/dns_wheel.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

static void test_order(void **state)
{
	struct dns_wheel wheel = { .now_ms = 1000 };
	struct dns_timer soon = { 0 }, later = { 0 }, far = { 0 }, past = { 0 };

	(void)state;
	assert_true(dns_wheel_next(&wheel) == UINT64_MAX);
	dns_wheel_set(&wheel, &far, 1005 + DNS_WHEEL_SLOTS);
	dns_wheel_set(&wheel, &soon, 1005);
	dns_wheel_set(&wheel, &later, 1500);
	dns_wheel_set(&wheel, &past, 3);
	assert_true(dns_wheel_next(&wheel) == 1000);
	assert_ptr_equal(dns_wheel_pop(&wheel, 1000), &past);
	assert_null(dns_wheel_pop(&wheel, 1004));
	assert_true(dns_wheel_next(&wheel) == 1005);
	assert_ptr_equal(dns_wheel_pop(&wheel, 1005), &soon);
	assert_null(dns_wheel_pop(&wheel, 1005));
	assert_true(dns_wheel_next(&wheel) == 1500);
	dns_wheel_set(&wheel, &soon, 1005); /* it is that moment still */
	assert_ptr_equal(dns_wheel_pop(&wheel, 1005), &soon);
	dns_wheel_unset(&wheel, &later);
	dns_wheel_unset(&wheel, &later);
	assert_true(dns_wheel_next(&wheel) == 1005 + DNS_WHEEL_SLOTS);
	assert_null(dns_wheel_pop(&wheel, 1004 + DNS_WHEEL_SLOTS));
	assert_ptr_equal(dns_wheel_pop(&wheel, 100000), &far);
	assert_true(dns_wheel_next(&wheel) == UINT64_MAX);
}

/* Against a plain list, with steps of any size. */
static void test_model(void **state)
{
	enum { N = 300 };
	struct dns_wheel wheel = { .now_ms = 5 };
	struct dns_timer timers[N] = { 0 };
	uint64_t now = 5;

	(void)state;
	srand(1);
	for (int step = 0; step < 4000; step++) {
		struct dns_timer *timer = &timers[rand() % N];
		uint64_t first = UINT64_MAX;

		if (rand() % 3 > 0)
			dns_wheel_set(&wheel, timer,
				      now + (uint64_t)(rand() % 4000));
		else
			dns_wheel_unset(&wheel, timer);
		for (size_t i = 0; i < N; i++)
			if (timers[i].from && timers[i].due_ms < first)
				first = timers[i].due_ms;
		assert_true(dns_wheel_next(&wheel) <= first);
		now += (uint64_t)(rand() % 10 == 0 ? rand() % 3000
						   : rand() % 5);
		while ((timer = dns_wheel_pop(&wheel, now))) {
			assert_true(timer->due_ms <= now);
			assert_null(timer->from);
		}
		for (size_t i = 0; i < N; i++)
			assert_true(!timers[i].from || timers[i].due_ms > now);
		assert_true(dns_wheel_next(&wheel) > now);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
