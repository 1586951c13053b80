/* test_replay.c - what is counted of signatures, and over which time. */
#include "filter/checks/replay.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "rules/arena.h"
#include "rules/facts.h"

enum { HOUR = 3600, NOON = 12 * HOUR };

static int setup(void **state)
{
	*state = replays_new();
	return *state == NULL;
}

static int teardown(void **state)
{
	replays_free(*state);
	return 0;
}

static void test_each_has_its_own_count(void **state)
{
	assert_int_equal(replays_count(*state, 7, NOON), 1);
	assert_int_equal(replays_count(*state, 7, NOON + 1), 2);
	assert_int_equal(replays_count(*state, 8, NOON + 1), 1);
	assert_int_equal(replays_count(*state, 7, NOON + 2), 3);
	assert_int_equal(replays_count(*state, 0, NOON + 2), 1);
}

static void test_the_hour_slides(void **state)
{
	for (int i = 0; i < 100; i++)
		replays_count(*state, 7, NOON);
	/* half of the hour before lies in the last 60 minutes */
	assert_int_equal(replays_count(*state, 7, NOON + 3 * HOUR / 2), 51);
	assert_int_equal(replays_count(*state, 7, NOON + 3 * HOUR), 1);
}

static void test_a_clock_set_back_forgets_nothing(void **state)
{
	for (int i = 0; i < 10; i++)
		replays_count(*state, 7, NOON);
	assert_in_range(replays_count(*state, 7, NOON - 5 * HOUR), 11, 12);
	assert_int_equal(replays_count(*state, 7, NOON), 12);
}

/* A million others, and the one that is replayed is still known. */
static void test_a_flood_drives_out_what_was_seen_once(void **state)
{
	for (int i = 0; i < 1000; i++)
		replays_count(*state, 7, NOON);
	for (uint64_t i = 0; i < 1000000; i++)
		replays_count(*state, 1000 + i * 2654435761u, NOON + 1);
	assert_int_equal(replays_count(*state, 7, NOON + 2), 1001);
}

/* --- of messages --------------------------------------------------------- */

struct signature {
	const char *result, *domain, *digest;
};

/* dkim.seen of a message with these signatures. */
static struct fact seen_of(const struct signature *signatures, size_t count,
			   bool partial)
{
	static const enum fact_id ids[] = { FACT_DKIM_RESULTS,
					    FACT_DKIM_DOMAINS,
					    FACT_DKIM_SELECTORS,
					    FACT_DKIM_DIGESTS };
	struct text items[4][8];
	struct arena arena;
	struct facts facts;
	struct fact seen;

	arena_init(&arena, 65536);
	assert_int_equal(facts_init(&facts, &arena, 0), 0);
	for (size_t i = 0; i < count; i++) {
		const char *words[] = { signatures[i].result,
					signatures[i].domain, "s1",
					signatures[i].digest };

		for (size_t p = 0; p < 4; p++)
			items[p][i] =
				(struct text){ words[p], strlen(words[p]) };
	}
	for (size_t p = 0; p < 4; p++)
		facts_set(&facts, ids[p], items[p], count);
	facts.fixed[FACT_DKIM_RESULTS].partial = partial;
	check_replay(&facts, NOON);
	seen = facts.fixed[FACT_DKIM_SEEN];
	arena_done(&arena);
	return seen;
}

static int64_t number_of(struct fact fact)
{
	assert_int_equal(fact.state, FACT_KNOWN);
	return fact.number;
}

static void test_valid_signatures_count(void **state)
{
	const struct signature ours = { "pass", "a.example", "AAAAAAAA" };
	const struct signature other = { "pass", "a.example", "BBBBBBBB" };
	const struct signature both[] = { other, ours };

	(void)state;
	assert_int_equal(number_of(seen_of(&ours, 1, false)), 1);
	assert_int_equal(number_of(seen_of(&ours, 1, false)), 2);
	assert_int_equal(number_of(seen_of(&other, 1, false)), 1);
	/* of several the one that was seen most */
	assert_int_equal(number_of(seen_of(both, 2, false)), 3);
}

static void test_others_do_not(void **state)
{
	const struct signature broken = { "fail", "b.example", "CCCCCCCC" };
	const struct signature unsure = { "temperror", "b.example",
					  "CCCCCCCC" };

	(void)state;
	assert_int_equal(seen_of(&broken, 1, false).state, FACT_NONE);
	assert_int_equal(seen_of(NULL, 0, false).state, FACT_NONE);
	assert_int_equal(seen_of(&unsure, 1, false).state, FACT_UNKNOWN);
	assert_int_equal(seen_of(&broken, 1, true).state, FACT_UNKNOWN);
}

/* Nobody looked, or it is not known: neither is this. */
static void test_as_unknown_as_the_signatures(void **state)
{
	struct arena arena;
	struct facts facts;

	(void)state;
	arena_init(&arena, 65536);
	assert_int_equal(facts_init(&facts, &arena, 0), 0);
	facts_unknown(&facts, FACT_DKIM_RESULTS, CAUSE_CRASHED);
	check_replay(&facts, NOON);
	assert_int_equal(facts.fixed[FACT_DKIM_SEEN].state, FACT_UNKNOWN);
	assert_int_equal(facts.fixed[FACT_DKIM_SEEN].cause, CAUSE_CRASHED);
	facts_waive(&facts, FACT_DKIM_RESULTS);
	check_replay(&facts, NOON);
	assert_int_equal(facts.fixed[FACT_DKIM_SEEN].state, FACT_NOT_ASKED);
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_each_has_its_own_count,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_hour_slides, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			test_a_clock_set_back_forgets_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_a_flood_drives_out_what_was_seen_once, setup,
			teardown),
		cmocka_unit_test(test_valid_signatures_count),
		cmocka_unit_test(test_others_do_not),
		cmocka_unit_test(test_as_unknown_as_the_signatures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
