/*
 * test_poison.c - three deaths in ten minutes.
 */
#include "filter/poison.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { MINUTE = 60 * 1000 };

static const struct death {
	const char *claim;
	const char *input;
	int64_t at; /* ms */
	bool refused; /* afterwards */
} deaths[] = {
	{ "once is chance", "a", 0, false },
	{ "twice too", "a", MINUTE, false },
	{ "another input does not count", "b", MINUTE, false },
	{ "three times in ten minutes is poison", "a", 10 * MINUTE, true },
	{ "the other is still fine", "b", 11 * MINUTE, false },
	{ "slow deaths: one", "c", 20 * MINUTE, false },
	{ "slow deaths: two", "c", 26 * MINUTE, false },
	{ "slow deaths: three in more than ten minutes", "c", 30 * MINUTE + 1,
	  false },
	{ "but the last three came fast", "c", 36 * MINUTE, true },
	{ "nothing at all can be poison", "", 40 * MINUTE, false },
};

static void deaths_are_counted(void **state)
{
	struct poison *poison = poison_new();

	(void)state;
	assert_non_null(poison);
	assert_false(poison_refuses(poison, "a", 1));
	for (size_t i = 0; i < sizeof(deaths) / sizeof(deaths[0]); i++) {
		const struct death *d = &deaths[i];

		poison_killed(poison, d->input, strlen(d->input), d->at);
		if (poison_refuses(poison, d->input, strlen(d->input)) !=
		    d->refused)
			fail_msg("%s", d->claim);
	}
	poison_free(poison);
}

static void the_longest_unseen_gives_way(void **state)
{
	struct poison *poison = poison_new();

	(void)state;
	for (int i = 0; i < POISON_DEATHS; i++) {
		poison_killed(poison, "old", 3, 0);
		poison_killed(poison, "kept", 4, 0);
	}
	for (int i = 0; i < POISON_SIZE - 1; i++) {
		char input[16];

		snprintf(input, sizeof(input), "%d", i);
		poison_killed(poison, input, strlen(input), 0);
		assert_true(poison_refuses(poison, "kept", 4));
	}
	assert_false(poison_refuses(poison, "old", 3));
	poison_free(poison);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(deaths_are_counted),
		cmocka_unit_test(the_longest_unseen_gives_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
