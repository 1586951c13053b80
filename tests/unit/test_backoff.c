/* test_backoff.c - pauses before something that died is started again. */
#include "filter/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const struct backoff_policy five = { 5, 2000, 50, 5000 };
static const struct backoff_policy one = { 1, 100, 100, 10000 };

enum { LIVES = 16 };

static const struct {
	const char *claim;
	const struct backoff_policy *policy;
	int64_t lived[LIVES]; /* ends with -1 */
	int64_t last_pause;
} rows[] = {
	{ "the first death is free", &five, { 0, -1 }, 0 },
	{ "so is the fifth in a row", &five, { 0, 0, 0, 0, 0, -1 }, 0 },
	{ "the sixth waits", &five, { 0, 0, 0, 0, 0, 0, -1 }, 50 },
	{ "the seventh waits twice as long",
	  &five,
	  { 0, 0, 0, 0, 0, 0, 0, -1 },
	  100 },
	{ "there is a limit",
	  &five,
	  { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1 },
	  5000 },
	{ "a life of two seconds earns one back",
	  &five,
	  { 0, 0, 0, 0, 0, 2000, -1 },
	  0 },
	{ "half a life earns half",
	  &five,
	  { 0, 0, 0, 0, 0, 1000, 1000, -1 },
	  50 },
	{ "a long life earns all, and no credit",
	  &five,
	  { 0, 0, 0, 0, 0, 0, INT64_MAX / 2000, 0, 0, 0, 0, 0, -1 },
	  50 },
	{ "one free death is one", &one, { 0, 0, -1 }, 100 },
	{ "who lives long enough is never kept waiting",
	  &one,
	  { 100, 100, 100, 100, 100, 100, 100, -1 },
	  0 },
	{ "who does not, is", &one, { 50, 50, 50, -1 }, 100 },
};

static void test_rows(void **state)
{
	size_t i, j;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct backoff backoff = { 0 };
		int64_t pause = -1;

		for (j = 0; rows[i].lived[j] >= 0; j++)
			pause = backoff_died(&backoff, rows[i].policy,
					     rows[i].lived[j]);
		if (pause != rows[i].last_pause)
			fail_msg("%s: pause %lld", rows[i].claim,
				 (long long)pause);
	}
}

/* However long it went on, one long life ends it. */
static void test_forgives(void **state)
{
	struct backoff backoff = { 0 };
	int i;

	(void)state;
	for (i = 0; i < 100000; i++)
		assert_true(backoff_died(&backoff, &five, 0) <= 5000);
	assert_int_equal(backoff_died(&backoff, &five, 30000), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_forgives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
