/*
 * test_ref.c - references, faults and counters: small things with a memory.
 */
#include "filter/ref.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "filter/counters.h"
#include "filter/fault.h"

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void test_form(void **state)
{
	char ref[REF_SIZE];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		ref_next(ref);
		assert_int_equal(strlen(ref), 9);
		assert_int_equal(ref[4], '-');
		assert_int_equal(strspn(ref,
					"0123456789ABCDEFGHJKMNPQRSTVWXYZ-"),
				 9);
	}
}

static void test_never_twice(void **state)
{
	enum { MANY = 200000 };
	char(*refs)[REF_SIZE] = calloc(MANY, sizeof(*refs));

	(void)state;
	assert_non_null(refs);
	for (int i = 0; i < MANY; i++)
		ref_next(refs[i]);
	qsort(refs, MANY, sizeof(*refs), by_text);
	for (int i = 1; i < MANY; i++)
		assert_string_not_equal(refs[i - 1], refs[i]);
	free(refs);
}

static void test_fault_lasts(void **state)
{
	(void)state;
	fault_over();
	assert_int_equal(fault_seen(1000), 0);
	assert_int_equal(fault_seen(1100), 100);
	assert_int_equal(fault_seen(1301), 301);
	fault_over();
	assert_int_equal(fault_seen(1302), 0);
	assert_int_equal(fault_seen(1000), 0); /* a clock that is wrong */
}

static void test_counters(void **state)
{
	uint64_t before = counted(COUNT_REJECT);

	(void)state;
	count(COUNT_REJECT);
	count_add(COUNT_REJECT, 4);
	assert_int_equal(counted(COUNT_REJECT), before + 5);
	for (int i = 0; i < COUNTERS; i++)
		assert_non_null(counter_name((enum counter)i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_never_twice),
		cmocka_unit_test(test_fault_lasts),
		cmocka_unit_test(test_counters),
	};

	return cmocka_run_group_tests_name("ref", tests, NULL, NULL);
}
