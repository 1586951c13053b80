/*
 * test_store_pair.c - two stores in memory, of which either may fail.
 *
 * What a thread does later is waited for, by looking at it again and again.
 */
#include "lists/store_pair.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "tests/unit/store_contract.h"
#include "tests/unit/store_memory.h"

#define IDENTITY "net:192.0.2.0/24"

enum { NOON = 1700000000, MAX_MS = 2000, LOOKS = 2000 };

static const struct greylist_terms terms = {
	.wait = 10,
	.window = 100,
	.keep = 300,
	.known_gap = 40,
	.known_after = 3,
	.outbound = 80,
};

static struct store *shared, *local, *pair;

static struct greylist_time at(int64_t seconds)
{
	return (struct greylist_time){ NOON + seconds, 5000 + seconds, 7 };
}

static int open_pair(void **state)
{
	(void)state;
	shared = store_memory_open();
	local = store_memory_open();
	assert_non_null(shared);
	assert_non_null(local);
	pair = store_pair_open(shared, local);
	assert_non_null(pair);
	return 0;
}

static int close_pair(void **state)
{
	(void)state;
	store_close(pair);
	return 0;
}

/* --- what is said and done ----------------------------------------------- */

static const char *triplet_of(int number)
{
	static char key[TRIPLET_KEY_SIZE];

	snprintf(key, sizeof(key), IDENTITY " s%d@x.test b@y.test", number);
	return key;
}

static enum store_end visit(int number, int64_t seconds,
			    struct greylist_result *ret_result)
{
	char sender[32];
	const struct store_visit asked = {
		.triplet = triplet_of(number),
		.identity = IDENTITY,
		.sender = sender,
		.terms = terms,
		.now = at(seconds),
		.max_ms = MAX_MS,
	};

	snprintf(sender, sizeof(sender), "s%d@x.test", number);
	return store_visit(pair, &asked, ret_result);
}

static void must_say(int number, int64_t seconds, enum greylist_why why)
{
	struct greylist_result result;

	assert_int_equal(visit(number, seconds, &result), STORE_DONE);
	assert_string_equal(greylist_why_name(result.why),
			    greylist_why_name(why));
}

static struct store_stats stats(void)
{
	struct store_stats stats;

	store_stats(pair, &stats);
	return stats;
}

static void look_again(int looks)
{
	const struct timespec moment = { .tv_nsec = 5000000 };

	if (looks == LOOKS)
		fail_msg("it does not happen");
	nanosleep(&moment, NULL);
}

static void await_health(enum store_health health)
{
	for (int looks = 0; stats().health != health; looks++)
		look_again(looks);
}

struct seen {
	char value[400];
};

static bool see(void *context, const struct store_entry *entry)
{
	struct seen *seen = context;

	snprintf(seen->value, sizeof(seen->value), "%s", entry->value);
	return true;
}

static bool has(struct store *store, enum store_kind kind, const char *key,
		const char *begin)
{
	const struct greylist_time now = at(0);
	struct seen seen = { "" };
	bool there;

	if (store_show(store, kind, key, &now, MAX_MS, see, &seen, &there) !=
	    STORE_DONE)
		return false;
	if (begin == NULL)
		return !there;
	return there && strncmp(seen.value, begin, strlen(begin)) == 0;
}

/* NULL: until it is gone. */
static void await_record(struct store *store, enum store_kind kind,
			 const char *key, const char *begin)
{
	for (int looks = 0; !has(store, kind, key, begin); looks++)
		look_again(looks);
}

/* --- claims -------------------------------------------------------------- */

static void test_who_was_told_to_wait_passes_when_it_is_away(void **state)
{
	(void)state;
	must_say(1, 0, GREYLIST_NEW);
	assert_int_equal(stats().health, STORE_WELL);
	await_record(local, STORE_TRIPLET, triplet_of(1), "1 waiting");
	store_memory_fail(shared, STORE_AWAY);
	must_say(1, 5, GREYLIST_EARLY);
	must_say(1, 10, GREYLIST_WAITED);
	assert_int_equal(stats().health, STORE_ALONE);
	assert_int_equal(stats().since, NOON + 5);
}

static void test_who_was_told_meanwhile_passes_when_it_is_back(void **state)
{
	static const enum store_end ends[] = { STORE_AWAY, STORE_BROKEN,
					       STORE_LATE };

	(void)state;
	for (int i = 0; i < 3; i++) {
		int64_t later = 1000 * i;

		store_memory_fail(shared, ends[i]);
		must_say(i, later, GREYLIST_NEW);
		assert_int_equal(stats().health, STORE_ALONE);
		store_memory_fail(shared, STORE_DONE);
		await_health(STORE_WELL);
		assert_int_equal(stats().queued, 0);
		assert_true(
			has(shared, STORE_TRIPLET, triplet_of(i), "1 waiting"));
		must_say(i, later + 10, GREYLIST_WAITED);
		assert_true(
			has(shared, STORE_TRIPLET, triplet_of(i), "1 passed"));
	}
	assert_int_equal(stats().dropped, 0);
}

static void test_better_for_the_sender_wins(void **state)
{
	const struct greylist_time now = at(0);

	(void)state;
	store_memory_put(shared, STORE_TRIPLET, triplet_of(1),
			 "1 passed last=1700000000 first=1699999000 waited=10 "
			 "uses=1",
			 NOON + 300);
	store_memory_fail(shared, STORE_AWAY);
	must_say(1, 0, GREYLIST_NEW);
	assert_int_equal(store_write_to(pair, "a@x.test", &terms, &now, MAX_MS),
			 STORE_DONE);
	store_memory_fail(shared, STORE_DONE);
	await_health(STORE_WELL);
	assert_true(has(shared, STORE_TRIPLET, triplet_of(1), "1 passed"));
	assert_true(has(shared, STORE_OUTBOUND, "a@x.test", "1 outbound"));
}

static void test_unknown_only_if_both_fail(void **state)
{
	struct greylist_result result;

	(void)state;
	store_memory_fail(shared, STORE_AWAY);
	store_memory_fail(local, STORE_BROKEN);
	assert_int_equal(visit(1, 0, &result), STORE_BROKEN);
	assert_int_equal(result.answer, GREYLIST_UNKNOWN);
	assert_int_equal(stats().health, STORE_SILENT);
	store_memory_fail(local, STORE_DONE);
	must_say(1, 0, GREYLIST_NEW);
	assert_int_equal(stats().health, STORE_ALONE);
}

static void test_local_one_that_fails_keeps_nothing_back(void **state)
{
	(void)state;
	store_memory_fail(shared, STORE_AWAY);
	must_say(1, 0, GREYLIST_NEW);
	store_memory_fail(local, STORE_BROKEN);
	store_memory_fail(shared, STORE_DONE);
	await_health(STORE_WELL);
	assert_int_equal(stats().queued, 0);
	must_say(2, 0, GREYLIST_NEW);
}

static void test_newer_is_no_reason_to_ask_the_other(void **state)
{
	struct greylist_result result;

	(void)state;
	store_memory_put(shared, STORE_TRIPLET, triplet_of(1), "2 anything",
			 NOON + 300);
	assert_int_equal(visit(1, 0, &result), STORE_NEWER);
	assert_int_equal(stats().health, STORE_WELL);
	assert_true(has(local, STORE_TRIPLET, triplet_of(1), NULL));
	assert_true(has(shared, STORE_TRIPLET, triplet_of(1), "2 anything"));
}

static void test_word_of_an_admin_goes_to_both(void **state)
{
	const struct greylist_time now = at(0);

	(void)state;
	assert_int_equal(store_set_mark(pair, IDENTITY, GREYLIST_BLOCK, &terms,
					&now, 0, MAX_MS),
			 STORE_DONE);
	await_record(local, STORE_IDENTITY, IDENTITY, "1 identity");
	store_memory_fail(shared, STORE_AWAY);
	must_say(1, 0, GREYLIST_BLOCKED);
	store_memory_fail(shared, STORE_DONE);
	await_health(STORE_WELL);
	assert_int_equal(store_set_mark(pair, IDENTITY, GREYLIST_UNMARKED,
					&terms, &now, 0, MAX_MS),
			 STORE_DONE);
	await_record(local, STORE_IDENTITY, IDENTITY, NULL);
}

static void test_conviction_meanwhile_is_told_later(void **state)
{
	const struct greylist_time now = at(0);
	bool done;

	(void)state;
	must_say(1, 0, GREYLIST_NEW);
	store_memory_fail(shared, STORE_AWAY);
	assert_int_equal(store_convict(pair, IDENTITY, &terms, &now, 60, MAX_MS,
				       &done),
			 STORE_DONE);
	assert_true(done);
	must_say(1, 20, GREYLIST_TRAPPED);
	store_memory_fail(shared, STORE_DONE);
	await_health(STORE_WELL);
	must_say(1, 21, GREYLIST_TRAPPED);
}

static void test_forget_is_for_both(void **state)
{
	const struct store_filter all = { .kinds = STORE_ALL };
	const struct greylist_time now = at(0);
	struct store_cursor cursor = { "" };
	uint64_t count;
	bool more;

	(void)state;
	must_say(1, 0, GREYLIST_NEW);
	await_record(local, STORE_TRIPLET, triplet_of(1), "1 waiting");
	assert_int_equal(store_forget(pair, &all, &terms, &now, false, 0,
				      MAX_MS, &cursor, &count, &more),
			 STORE_DONE);
	assert_int_equal(count, 1);
	assert_true(has(shared, STORE_TRIPLET, triplet_of(1), NULL));
	assert_true(has(local, STORE_TRIPLET, triplet_of(1), NULL));
}

static bool go_on(void *context, const struct store_entry *entry)
{
	(void)context, (void)entry;
	return true;
}

static void test_listing_does_not_change_horses(void **state)
{
	const struct greylist_time now = at(0);
	struct store_cursor cursor = { "" };
	bool more;

	(void)state;
	for (int i = 0; i < 4; i++)
		must_say(i, 0, GREYLIST_NEW);
	assert_int_equal(store_list(pair, NULL, &terms, &now, 2, MAX_MS,
				    &cursor, go_on, NULL, &more),
			 STORE_DONE);
	assert_true(more);
	store_memory_fail(shared, STORE_AWAY);
	must_say(5, 0, GREYLIST_NEW);
	assert_int_equal(store_list(pair, NULL, &terms, &now, 2, MAX_MS,
				    &cursor, go_on, NULL, &more),
			 STORE_AWAY);
	strcpy(cursor.at, "x");
	assert_int_equal(store_list(pair, NULL, &terms, &now, 2, MAX_MS,
				    &cursor, go_on, NULL, &more),
			 STORE_INVALID);
}

static void test_queue_drops_the_oldest(void **state)
{
	enum { TOO_MANY = 50, STRANGERS = STORE_QUEUE_MAX + TOO_MANY };
	struct store_stats now;
	int looks = 0;

	(void)state;
	store_memory_fail(shared, STORE_AWAY);
	for (int i = 0; i < STRANGERS; i++)
		must_say(i, 0, GREYLIST_NEW);
	for (now = stats(); now.queued + now.dropped != STRANGERS;
	     now = stats())
		look_again(looks++);
	assert_in_range(now.dropped, TOO_MANY, STRANGERS / 2);
	store_memory_fail(shared, STORE_DONE);
	await_health(STORE_WELL);
	assert_true(has(shared, STORE_TRIPLET, triplet_of(0), NULL));
	assert_true(has(shared, STORE_TRIPLET, triplet_of(STRANGERS - 1),
			"1 waiting"));
}

/* --- the contract -------------------------------------------------------- */

static struct store *held;

static struct store *open_both(const struct greylist_time *now)
{
	(void)now;
	shared = store_memory_open();
	return store_pair_open(shared, store_memory_open());
}

static struct store *open_alone(const struct greylist_time *now)
{
	struct store *away = store_memory_open();
	struct store *both;
	struct seen seen;
	bool there;

	store_memory_fail(away, STORE_AWAY);
	shared = store_memory_open(); /* where values are put */
	both = store_pair_open(away, shared);
	/* behind the front's back, which counts */
	assert_int_equal(both->engine->show(both, STORE_IDENTITY, IDENTITY, now,
					    MAX_MS, see, &seen, &there),
			 STORE_DONE);
	return both;
}

static struct store *reopen(struct store *store,
			    const struct greylist_time *now)
{
	(void)now;
	return store;
}

static void put(struct store *store, enum store_kind kind, const char *key,
		const char *value, int64_t expires)
{
	(void)store;
	store_memory_put(shared, kind, key, value, expires);
}

static void hold(struct store *store)
{
	(void)store;
	held = shared;
	store_memory_hold(held);
}

static void let_go(void)
{
	store_memory_let_go(held);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_pair, close_pair)
	const struct CMUnitTest tests[] = {
		TEST(test_who_was_told_to_wait_passes_when_it_is_away),
		TEST(test_who_was_told_meanwhile_passes_when_it_is_back),
		TEST(test_better_for_the_sender_wins),
		TEST(test_unknown_only_if_both_fail),
		TEST(test_local_one_that_fails_keeps_nothing_back),
		TEST(test_newer_is_no_reason_to_ask_the_other),
		TEST(test_word_of_an_admin_goes_to_both),
		TEST(test_conviction_meanwhile_is_told_later),
		TEST(test_forget_is_for_both),
		TEST(test_listing_does_not_change_horses),
		TEST(test_queue_drops_the_oldest),
	};
	struct store_contract contract = {
		.name = "contract, of a pair",
		.stories = 5,
		.open = open_both,
		.reopen = reopen,
		.close = store_close,
		.put = put,
	};
	int failed =
		cmocka_run_group_tests_name("store_pair", tests, NULL, NULL);

	failed += store_contract_run(&contract);
	contract.name = "contract, of the one that is left";
	contract.health = STORE_ALONE;
	contract.open = open_alone;
	contract.hold = hold;
	contract.let_go = let_go;
	return failed + store_contract_run(&contract);
}
