/*
 * store_contract.c - what lists/store.h promises, as tests for any engine: its
 * helpers, and visits.
 */
#include "tests/unit/store_contract_private.h"

#include <stdlib.h>

const struct store_contract *the_contract;

/* --- what the parts share ------------------------------------------------ */

struct greylist_time after_noon(int64_t seconds)
{
	return (struct greylist_time){ NOON + seconds, 5000 + seconds, 42 };
}

struct store *reopen(void **state, const struct greylist_time *now)
{
	*state = the_contract->reopen(*state, now);
	assert_non_null(*state);
	return *state;
}

enum store_end try_visit(struct store *store, const char *identity,
			 const char *sender, const char *recipient,
			 const struct greylist_time *now,
			 struct greylist_result *ret_result)
{
	char key[TRIPLET_KEY_SIZE];
	const struct store_visit asked = {
		.triplet = key,
		.identity = identity,
		.sender = sender,
		.terms = diary_terms,
		.now = *now,
		.max_ms = PATIENCE_MS,
	};

	triplet_key(identity, sender, recipient, key);
	return store_visit(store, &asked, ret_result);
}

struct greylist_result visit(struct store *store, const char *identity,
			     const char *sender, const char *recipient,
			     const struct greylist_time *now)
{
	struct greylist_result result;
	enum store_end end =
		try_visit(store, identity, sender, recipient, now, &result);

	if (end != STORE_DONE)
		fail_msg("%s %s %s: %s", identity, sender, recipient,
			 store_end_name(end));
	return result;
}

void bring(struct store *store, enum store_kind kind, const char *key,
	   const char *value, int64_t expires, const struct greylist_time *now)
{
	const struct store_entry entry = {
		.kind = kind, .key = key, .value = value, .expires = expires
	};
	uint64_t taken = 0;
	size_t bad;

	if (store_import(store, &entry, 1, &diary_terms, now, &taken, &bad) !=
		    STORE_DONE ||
	    taken != 1)
		fail_msg("not taken: %s, %s", key, value);
}

static bool note_shown(void *context, const struct store_entry *entry)
{
	struct shown *shown = context;

	shown->entry = *entry;
	snprintf(shown->value, sizeof(shown->value), "%s", entry->value);
	return true;
}

struct shown show(struct store *store, enum store_kind kind, const char *key,
		  const struct greylist_time *now)
{
	struct shown shown = { 0 };

	assert_int_equal(store_show(store, kind, key, now, PATIENCE_MS,
				    note_shown, &shown, &shown.is_there),
			 STORE_DONE);
	return shown;
}

/* --- stories ------------------------------------------------------------- */

struct stage {
	struct store *store;
	unsigned scene; /* each with names of its own */
	bool sweeps;
	struct greylist_time last;
};

static void name_them(const struct stage *stage, const struct diary_event *e,
		      char identity[64], char sender[64])
{
	snprintf(identity, 64, "%s:s%u-%d.example", e->identity ? "ptr" : "spf",
		 stage->scene, e->identity);
	snprintf(sender, 64, "joe@s%u-%d-%d.example", stage->scene, e->identity,
		 e->triplet);
}

static enum greylist_why act(void *context, const struct diary_event *e,
			     const struct greylist_time *clock)
{
	struct stage *stage = context;
	struct store *store = stage->store;
	enum store_end end = STORE_DONE;
	char identity[64], sender[64];
	bool done;

	name_them(stage, e, identity, sender);
	if (stage->sweeps && diary_dice(3) == 0)
		store_sweep(store, clock, 100);
	stage->last = *clock;
	switch (e->kind) {
	case DIARY_VISIT:
		return visit(store, identity, sender, "you@here.example", clock)
			.why;
	case DIARY_CONVICT:
		end = store_convict(store, identity, &diary_terms, clock,
				    DIARY_TRAP, PATIENCE_MS, &done);
		break;
	case DIARY_MARK:
		end = store_set_mark(store, identity, e->mark, &diary_terms,
				     clock, e->span, PATIENCE_MS);
		break;
	case DIARY_WRITE:
		end = store_write_to(store, sender, &diary_terms, clock,
				     PATIENCE_MS);
		break;
	}
	assert_int_equal(end, STORE_DONE);
	return GREYLIST_NO_ANSWER;
}

/* All in one store, one story after the other. */
static void tell(void **state, uint64_t seed, bool sweeps, bool jumps)
{
	struct stage stage = { .store = *state, .sweeps = sweeps };
	/* any store may drop what need not be kept */
	const struct diary_actor actor = { .act = act, .forgets = true };
	struct diary_story story = { .jumps = jumps, .end = 1000 };

	diary_seed(seed);
	for (; stage.scene < the_contract->stories; stage.scene++) {
		story.begin = story.end;
		diary_play(&actor, &stage, &story);
		if (stage.scene % 8 == 0)
			stage.store = reopen(state, &stage.last);
	}
	if (the_contract->stories >= 20 && !jumps)
		for (int why = GREYLIST_NEW; why <= GREYLIST_TRAPPED; why++)
			assert_true(story.seen[why] > 0);
}

static void test_stories(void **state)
{
	tell(state, 88172645463325252, false, false);
}

static void test_stories_with_sweeps(void **state)
{
	tell(state, 362436069, true, false);
}

static void test_stories_with_jumps(void **state)
{
	tell(state, 521288629, false, true);
}

static void test_stories_with_both(void **state)
{
	tell(state, 88675123, true, true);
}

/* --- visits -------------------------------------------------------------- */

static void test_visits(void **state)
{
	static const struct {
		const char *claim, *identity, *sender, *recipient;
		int64_t at;
		enum greylist_why why;
		int64_t left, waited;
	} rows[] = {
		{ "a stranger waits", "spf:a.example", "joe@a.example",
		  "me@x.example", 0, GREYLIST_NEW, 10, 0 },
		{ "a second early still waits", "spf:a.example",
		  "joe@a.example", "me@x.example", 9, GREYLIST_EARLY, 1, 0 },
		{ "another recipient is another triplet", "spf:a.example",
		  "joe@a.example", "you@x.example", 9, GREYLIST_NEW, 10, 0 },
		{ "another sender is", "spf:a.example", "ann@a.example",
		  "me@x.example", 9, GREYLIST_NEW, 10, 0 },
		{ "another identity is", "ptr:a.example", "joe@a.example",
		  "me@x.example", 9, GREYLIST_NEW, 10, 0 },
		{ "a beginning of an identity is", "spf:a.exampl",
		  "joe@a.example", "me@x.example", 9, GREYLIST_NEW, 10, 0 },
		{ "a network is", "net:192.0.2.0/24", "joe@a.example",
		  "me@x.example", 9, GREYLIST_NEW, 10, 0 },
		{ "of the later family, too", "net:2001:db8::/64", "<>",
		  "me@x.example", 9, GREYLIST_NEW, 10, 0 },
		{ "on time it passes", "spf:a.example", "joe@a.example",
		  "me@x.example", 10, GREYLIST_WAITED, 0, 10 },
		{ "and is kept", "spf:a.example", "joe@a.example",
		  "me@x.example", 310, GREYLIST_KEPT, 0, 10 },
		{ "others go on waiting", "net:192.0.2.0/24", "joe@a.example",
		  "me@x.example", 109, GREYLIST_WAITED, 0, 100 },
		{ "and are late at last", "spf:a.example", "joe@a.example",
		  "you@x.example", 110, GREYLIST_LATE, 10, 0 },
		{ "silent for too long begins anew", "spf:a.example",
		  "joe@a.example", "me@x.example", 611, GREYLIST_NEW, 10, 0 },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct greylist_time now = after_noon(rows[i].at);
		struct greylist_result got =
			visit(*state, rows[i].identity, rows[i].sender,
			      rows[i].recipient, &now);

		if (got.why != rows[i].why || got.left != rows[i].left ||
		    got.waited != rows[i].waited)
			fail_msg("%s: %s, %lld left, %lld waited",
				 rows[i].claim, greylist_why_name(got.why),
				 (long long)got.left, (long long)got.waited);
	}
}

/* As long as keys may be, and with digests where they would be longer. */
static void test_long_keys(void **state)
{
	struct greylist_time now = after_noon(0), later = after_noon(10);
	char identity[TRIPLET_IDENTITY_SIZE] = "spf:", sender[300], to[300];

	for (int i = 0; i < 4; i++) {
		memset(identity + strlen(identity), 'a' + i, 61);
		strcat(identity, ".");
	}
	strcat(identity, "ex");
	for (size_t len = 1; len < 240; len += 17) {
		memset(sender, 's', len);
		snprintf(sender + len, sizeof(sender) - len, "@a.example");
		memset(to, 'r', len);
		snprintf(to + len, sizeof(to) - len, "@b.example");
		assert_int_equal(visit(*state, identity, sender, to, &now).why,
				 GREYLIST_NEW);
	}
	memset(sender, 's', 18);
	snprintf(sender + 18, sizeof(sender) - 18, "@a.example");
	memset(to, 'r', 18);
	snprintf(to + 18, sizeof(to) - 18, "@b.example");
	assert_int_equal(visit(*state, identity, sender, to, &later).why,
			 GREYLIST_WAITED);
	assert_int_equal(store_set_mark(*state, identity, GREYLIST_ALLOW,
					&diary_terms, &now, 0, PATIENCE_MS),
			 STORE_DONE);
	assert_int_equal(store_write_to(*state, sender, &diary_terms, &now,
					PATIENCE_MS),
			 STORE_DONE);
}

/* Whoever was answered is known when the store is opened again. */
static void test_what_lasts(void **state)
{
	struct greylist_time now = after_noon(0);
	struct store *store = *state;
	bool done;

	visit(store, "spf:a.example", "joe@a.example", "me@x.example", &now);
	assert_int_equal(store_convict(store, "spf:b.example", &diary_terms,
				       &now, 60, PATIENCE_MS, &done),
			 STORE_DONE);
	assert_true(done);
	assert_int_equal(store_set_mark(store, "spf:c.example", GREYLIST_BLOCK,
					&diary_terms, &now, 0, PATIENCE_MS),
			 STORE_DONE);
	/* which need not last, but for who closes in peace */
	assert_int_equal(store_write_to(store, "joe@d.example", &diary_terms,
					&now, PATIENCE_MS),
			 STORE_DONE);
	now = after_noon(10);
	store = reopen(state, &now);
	assert_int_equal(visit(store, "spf:a.example", "joe@a.example",
			       "me@x.example", &now)
				 .why,
			 GREYLIST_WAITED);
	assert_int_equal(visit(store, "spf:b.example", "joe@a.example",
			       "me@x.example", &now)
				 .why,
			 GREYLIST_TRAPPED);
	assert_int_equal(visit(store, "spf:c.example", "joe@a.example",
			       "me@x.example", &now)
				 .why,
			 GREYLIST_BLOCKED);
	assert_int_equal(visit(store, "spf:d.example", "joe@d.example",
			       "me@x.example", &now)
				 .why,
			 GREYLIST_OUTBOUND);
	visit(store, "spf:a.example", "joe@a.example", "me@x.example", &now);
	store = reopen(state, &now);
	assert_int_equal(visit(store, "spf:a.example", "joe@a.example",
			       "me@x.example", &now)
				 .why,
			 GREYLIST_KEPT);
}

static void test_word_of_an_admin(void **state)
{
	struct greylist_time now = after_noon(0);
	struct store *store = *state;
	const char *who = "spf:a.example";
	bool done = true;

	assert_int_equal(store_set_mark(store, who, GREYLIST_ALLOW,
					&diary_terms, &now, 0, PATIENCE_MS),
			 STORE_DONE);
	assert_int_equal(store_convict(store, who, &diary_terms, &now, 60,
				       PATIENCE_MS, &done),
			 STORE_DONE);
	assert_false(done); /* he is allowed */
	assert_int_equal(
		visit(store, who, "joe@a.example", "me@x.example", &now).why,
		GREYLIST_ALLOWED);
	assert_true(show(store, STORE_IDENTITY, who, &now).entry.expires ==
		    GREYLIST_FOR_EVER);
	assert_int_equal(store_set_mark(store, who, GREYLIST_UNMARKED,
					&diary_terms, &now, 0, PATIENCE_MS),
			 STORE_DONE);
	/* which said all that there was to keep */
	assert_false(show(store, STORE_IDENTITY, who, &now).is_there);
	assert_int_equal(
		visit(store, who, "joe@a.example", "me@x.example", &now).why,
		GREYLIST_NEW);
	assert_int_equal(store_convict(store, who, &diary_terms, &now, 60,
				       PATIENCE_MS, &done),
			 STORE_DONE);
	assert_true(done);
	now = after_noon(61);
	assert_int_equal(
		visit(store, who, "joe@a.example", "me@x.example", &now).why,
		GREYLIST_DROPPED);
}

static void test_numbers(void **state)
{
	struct greylist_time now = after_noon(0);
	struct store *store = *state;
	struct store_stats stats;
	struct greylist_result result;

	visit(store, "spf:a.example", "joe@a.example", "me@x.example", &now);
	visit(store, "spf:a.example", "ann@a.example", "me@x.example", &now);
	now = after_noon(12);
	visit(store, "spf:a.example", "joe@a.example", "me@x.example", &now);
	now = after_noon(70);
	visit(store, "spf:a.example", "ann@a.example", "me@x.example", &now);
	assert_int_equal(try_visit(store, "nobody", "joe@a.example",
				   "me@x.example", &now, &result),
			 STORE_INVALID);
	store_stats(store, &stats);
	assert_int_equal(stats.answers[GREYLIST_NEW], 2);
	assert_int_equal(stats.answers[GREYLIST_WAITED], 2);
	assert_int_equal(stats.answers[GREYLIST_NO_ANSWER], 1);
	assert_int_equal(stats.ends[STORE_DONE], 4);
	assert_int_equal(stats.ends[STORE_INVALID], 1);
	assert_int_equal(stats.waits[4], 1); /* 12 s: up to 16 */
	assert_int_equal(stats.waits[7], 1); /* 70 s: up to 128 */
	assert_int_equal(stats.health, the_contract->health);
	assert_string_equal(stats.why, "");
	if (!the_contract->is_local)
		return; /* a server counts when it has the time */
	assert_int_equal(stats.triplets, 2);
	assert_int_equal(stats.identities, 1);
	assert_int_equal(stats.outbound, 0);
}

/* --- all of it ----------------------------------------------------------- */

static int open_it(void **state)
{
	struct greylist_time now = after_noon(0);

	*state = the_contract->open(&now);
	assert_non_null(*state);
	return 0;
}

static int close_it(void **state)
{
	the_contract->close(*state);
	*state = NULL;
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_it, close_it)

int store_contract_run(const struct store_contract *contract)
{
	const struct CMUnitTest tests[] = {
		TEST(test_visits),
		TEST(test_stories),
		TEST(test_stories_with_sweeps),
		TEST(test_stories_with_jumps),
		TEST(test_stories_with_both),
		TEST(test_long_keys),
		TEST(test_what_lasts),
		TEST(test_word_of_an_admin),
		TEST(test_numbers),
		TEST(test_foreign_values),
		TEST(test_newer_values),
		TEST(test_newer_is_left_by_all),
		TEST(test_jumps),
		TEST(test_jumps_in_a_run),
		TEST(test_expiry),
		TEST(test_sweep_limit),
		TEST(test_sweep_after_jump),
		TEST(test_filters),
		TEST(test_pages),
		TEST(test_pages_by_the_clock),
		TEST(test_pages_while_it_changes),
		TEST(test_each_ends_a_page),
		TEST(test_any_cursor),
		TEST(test_show),
		TEST(test_forget),
		TEST(test_forget_pages),
		TEST(test_import_better),
		TEST(test_import_junk),
		TEST(test_import_of_export),
		TEST(test_import_limits),
		TEST(test_threads_one_triplet),
		TEST(test_threads_many_triplets),
		TEST(test_threads_identity),
		TEST(test_threads_of_all_sorts),
		TEST(test_late),
		TEST(test_stopped),
	};

	the_contract = contract;
	return _cmocka_run_group_tests(contract->name, tests, ROWS(tests), NULL,
				       NULL);
}
