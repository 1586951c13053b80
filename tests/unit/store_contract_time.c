/*
 * store_contract_time.c - what any store does with values that it cannot read,
 * with clocks that jump, and with what has lapsed.
 */
#include "tests/unit/store_contract_private.h"

#define KEY "spf:a.example joe@a.example me@x.example"
#define LATER (NOON + 100000)

static enum greylist_why joe(struct store *store,
			     const struct greylist_time *now)
{
	return visit(store, "spf:a.example", "joe@a.example", "me@x.example",
		     now)
		.why;
}

static uint64_t foreign_count(struct store *store)
{
	struct store_stats stats;

	store_stats(store, &stats);
	return stats.foreign;
}

/* --- values -------------------------------------------------------------- */

void test_foreign_values(void **state)
{
	static const struct {
		const char *claim;
		enum store_kind kind;
		const char *key, *value;
	} rows[] = {
		{ "nothing at all", STORE_TRIPLET, KEY, "" },
		{ "a word", STORE_TRIPLET, KEY, "junk" },
		{ "a number", STORE_TRIPLET, KEY, "17" },
		{ "half a line", STORE_TRIPLET, KEY,
		  "1 waiting first=1700000" },
		{ "another kind's words", STORE_TRIPLET, KEY,
		  "1 outbound last=1700000000" },
		{ "an identity's", STORE_TRIPLET, KEY,
		  "1 identity passes=1 round=0 counted=1700000000 "
		  "last=1700000000" },
		{ "more than there may be", STORE_TRIPLET, KEY,
		  "1 passed last=1700000000 first=1700000000 waited=10 "
		  "uses=99999999999999999999" },
		{ "a blank too many", STORE_TRIPLET, KEY,
		  "1 passed  last=1700000000 first=1700000000 waited=10 "
		  "uses=1" },
		{ "a line's end", STORE_TRIPLET, KEY,
		  "1 passed last=1700000000 first=1700000000 waited=10 "
		  "uses=1\n" },
		{ "bytes of all sorts", STORE_TRIPLET, KEY,
		  "\x01\xff{}[]\"%s%n\r\n\t" },
		{ "an identity that blocks in other words", STORE_IDENTITY,
		  "spf:a.example", "block" },
		{ "an identity with a triplet's", STORE_IDENTITY,
		  "spf:a.example",
		  "1 passed last=1700000000 first=1700000000 waited=10 "
		  "uses=1" },
		{ "an outbound that never was", STORE_OUTBOUND, "joe@a.example",
		  "1 outbound last=yesterday" },
	};

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct greylist_time now = after_noon(1000 * (int64_t)i);
		uint64_t before = foreign_count(*state);
		struct shown shown;

		the_contract->put(*state, rows[i].kind, rows[i].key,
				  rows[i].value, LATER);
		shown = show(*state, rows[i].kind, rows[i].key, &now);
		assert_true(shown.is_there);
		assert_string_equal(shown.value, rows[i].value);
		assert_int_equal(shown.entry.reading, GREYLIST_JUNK);
		if (!diary_begins(joe(*state, &now)))
			fail_msg("%s: is believed", rows[i].claim);
		if (foreign_count(*state) <= before)
			fail_msg("%s: is not counted", rows[i].claim);
		now.wall += 10;
		now.up += 10;
		if (joe(*state, &now) != GREYLIST_WAITED)
			fail_msg("%s: stays", rows[i].claim);
		shown = show(*state, STORE_TRIPLET, KEY, &now);
		assert_int_equal(shown.entry.reading, GREYLIST_READ);
		assert_int_equal(shown.entry.triplet.state, GREYLIST_PASSED);
	}
}

static const struct {
	enum store_kind kind;
	const char *key, *value;
} newer[] = {
	{ STORE_TRIPLET, KEY, "2 waiting for=better days" },
	{ STORE_IDENTITY, "spf:b.example", "2 identity" },
	{ STORE_OUTBOUND, "joe@c.example", "12 outbound" },
};

static void put_newer(struct store *store)
{
	for (size_t i = 0; i < ROWS(newer); i++)
		the_contract->put(store, newer[i].kind, newer[i].key,
				  newer[i].value, LATER);
}

static void check_newer(struct store *store)
{
	struct greylist_time now = after_noon(0);

	for (size_t i = 0; i < ROWS(newer); i++) {
		struct shown shown =
			show(store, newer[i].kind, newer[i].key, &now);

		assert_true(shown.is_there);
		assert_string_equal(shown.value, newer[i].value);
		assert_int_equal(shown.entry.reading, GREYLIST_NEWER);
	}
}

/* Whatever a later version wrote makes the answer unknown, and stays. */
void test_newer_values(void **state)
{
	static const char *const who[][2] = {
		{ "spf:a.example", "joe@a.example" },
		{ "spf:b.example", "joe@b.example" },
		{ "spf:c.example", "joe@c.example" },
	};
	struct greylist_time now = after_noon(0);
	struct greylist_result result;
	struct store_stats stats;

	put_newer(*state);
	for (size_t i = 0; i < ROWS(who); i++) {
		memset(&result, 0xff, sizeof(result));
		assert_int_equal(try_visit(*state, who[i][0], who[i][1],
					   "me@x.example", &now, &result),
				 STORE_NEWER);
		assert_int_equal(result.answer, GREYLIST_UNKNOWN);
	}
	check_newer(*state);
	store_stats(*state, &stats);
	assert_true(stats.newer > 0);
	assert_int_equal(stats.ends[STORE_NEWER], ROWS(who));
	assert_int_equal(stats.answers[GREYLIST_NO_ANSWER], ROWS(who));
	/* and harms nobody else */
	assert_int_equal(visit(*state, "spf:d.example", "joe@d.example",
			       "me@x.example", &now)
				 .why,
			 GREYLIST_NEW);
}

void test_newer_is_left_by_all(void **state)
{
	static const char *const brought[] = {
		"1 passed last=1700000000 first=1700000000 waited=10 uses=1",
		"1 identity passes=0 round=0 allow=1700000000 for=0",
		"1 outbound last=1700000000",
	};
	struct greylist_time now = after_noon(0);
	struct store_cursor cursor = { "" };
	struct store_filter filter = { .identity = "spf:b.example" };
	uint64_t number = 1;
	size_t bad;
	bool more, done = true;

	put_newer(*state);
	assert_int_equal(store_convict(*state, "spf:b.example", &diary_terms,
				       &now, 60, PATIENCE_MS, &done),
			 STORE_NEWER);
	assert_false(done);
	assert_int_equal(store_set_mark(*state, "spf:b.example", GREYLIST_ALLOW,
					&diary_terms, &now, 0, PATIENCE_MS),
			 STORE_NEWER);
	assert_int_equal(store_write_to(*state, "joe@c.example", &diary_terms,
					&now, PATIENCE_MS),
			 STORE_NEWER);
	for (size_t i = 0; i < ROWS(newer); i++) {
		const struct store_entry entry = { .kind = newer[i].kind,
						   .key = newer[i].key,
						   .value = brought[i] };

		assert_int_equal(store_import(*state, &entry, 1, &diary_terms,
					      &now, &number, &bad),
				 STORE_DONE);
		assert_int_equal(number, 0);
	}
	check_newer(*state);
	/* but for who deletes it by name */
	assert_int_equal(store_forget(*state, &filter, &diary_terms, &now,
				      false, 10, PATIENCE_MS, &cursor, &number,
				      &more),
			 STORE_DONE);
	assert_int_equal(number, 1);
	assert_false(
		show(*state, STORE_IDENTITY, "spf:b.example", &now).is_there);
}

/* --- clocks -------------------------------------------------------------- */

enum { HOUR = 3600, YEAR = 31557600 };

/* A jump over the restart of a machine. */
void test_jumps(void **state)
{
	static const struct {
		const char *claim;
		int64_t first, back; /* wall clock */
		enum greylist_why why;
	} rows[] = {
		{ "no jump, early", NOON, NOON + 5, GREYLIST_EARLY },
		{ "no jump, in time", NOON, NOON + 10, GREYLIST_WAITED },
		{ "an hour ahead is late", NOON, NOON + HOUR, GREYLIST_LATE },
		{ "ten years ahead are", NOON, NOON + 10 * (int64_t)YEAR,
		  GREYLIST_LATE },
		{ "a minute back is what clocks differ", NOON, NOON - 60,
		  GREYLIST_EARLY },
		{ "an hour back: has waited", NOON, NOON - HOUR,
		  GREYLIST_WAITED },
		{ "ten years back: has waited", NOON, NOON - 10 * (int64_t)YEAR,
		  GREYLIST_WAITED },
		{ "back to 1970: has waited", NOON, 0, GREYLIST_WAITED },
		{ "from 1970 to now: is late", 0, NOON, GREYLIST_LATE },
		{ "from 1970 on: early", 3, 9, GREYLIST_EARLY },
		{ "from 1970 on: in time", 3, 13, GREYLIST_WAITED },
		{ "over the end of 2038's clocks, early", INT32_MAX - 5,
		  (int64_t)INT32_MAX + 4, GREYLIST_EARLY },
		{ "over it, in time", INT32_MAX - 5, (int64_t)INT32_MAX + 5,
		  GREYLIST_WAITED },
		{ "up to the last second that there is", GREYLIST_TIME_MAX - 10,
		  GREYLIST_TIME_MAX, GREYLIST_WAITED },
		{ "back from there", GREYLIST_TIME_MAX, NOON, GREYLIST_WAITED },
	};
	char identity[32];

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct greylist_time now = { rows[i].first, 5000, 1 };
		enum greylist_why why;

		snprintf(identity, sizeof(identity), "spf:a%zu.example", i);
		visit(*state, identity, "joe@a.example", "me@x.example", &now);
		now = (struct greylist_time){ rows[i].back, 20, 2 };
		reopen(state, &now);
		why = visit(*state, identity, "joe@a.example", "me@x.example",
			    &now)
			      .why;
		/* what was swept is a stranger, which is one wait */
		if (why != rows[i].why &&
		    !(diary_begins(why) && diary_begins(rows[i].why)))
			fail_msg("%s: %s", rows[i].claim,
				 greylist_why_name(why));
	}
}

/* While the machine is up the wall clock may say what it likes. */
void test_jumps_in_a_run(void **state)
{
	static const int64_t jumps[] = {
		HOUR,
		-HOUR,
		10 * (int64_t)YEAR,
		-10 * (int64_t)YEAR,
		(int64_t)INT32_MAX + 1 - NOON,
		-NOON,
		GREYLIST_TIME_MAX - NOON,
	};
	char identity[32];

	for (size_t i = 0; i < ROWS(jumps); i++) {
		struct greylist_time now = after_noon(0);

		snprintf(identity, sizeof(identity), "spf:a%zu.example", i);
		visit(*state, identity, "joe@a.example", "me@x.example", &now);
		now.wall += jumps[i];
		now.up += 9;
		store_sweep(*state, &now, 100);
		assert_int_equal(visit(*state, identity, "joe@a.example",
				       "me@x.example", &now)
					 .why,
				 GREYLIST_EARLY);
		now.wall -= jumps[i];
		now.up += 1;
		store_sweep(*state, &now, 100);
		reopen(state, &now);
		assert_int_equal(visit(*state, identity, "joe@a.example",
				       "me@x.example", &now)
					 .why,
				 GREYLIST_WAITED);
		now.wall += jumps[i];
		now.up += 300;
		store_sweep(*state, &now, 100);
		assert_int_equal(visit(*state, identity, "joe@a.example",
				       "me@x.example", &now)
					 .why,
				 GREYLIST_KEPT);
	}
}

/* --- expiry -------------------------------------------------------------- */

static uint64_t sweep_all(struct store *store, const struct greylist_time *now)
{
	uint64_t sum = 0, swept;

	do {
		swept = store_sweep(store, now, 1000);
		sum += swept;
	} while (swept > 0);
	return sum;
}

enum expiry_step { TRIES, WRITES, IS_MARKED, IS_MARKED_FOR_EVER, SWEEPS };

/* What is swept when; at the last second of its need a record is there. */
void test_expiry(void **state)
{
	static const struct {
		const char *claim;
		int64_t at;
		enum expiry_step step;
		uint64_t swept, never_back; /* all in all */
	} rows[] = {
		{ "a stranger tries", 0, TRIES, 0, 0 },
		{ "is kept to the end of the window", 100, SWEEPS, 0, 0 },
		{ "and no longer", 101, SWEEPS, 1, 1 },
		{ "and only once", 102, SWEEPS, 0, 1 },
		{ "another one", 200, TRIES, 0, 1 },
		{ "comes back early", 205, TRIES, 0, 1 },
		{ "which does not make it longer", 300, SWEEPS, 0, 1 },
		{ "but he came back", 301, SWEEPS, 1, 1 },
		{ "a third", 400, TRIES, 0, 1 },
		{ "passes", 410, TRIES, 0, 1 },
		{ "no longer as one who waits", 501, SWEEPS, 0, 1 },
		{ "is used again", 610, TRIES, 0, 1 },
		{ "is kept from then on", 711, SWEEPS, 0, 1 },
		{ "to the end", 910, SWEEPS, 0, 1 },
		{ "with his identity", 911, SWEEPS, 2, 1 },
		{ "one of ours writes", 1000, WRITES, 0, 1 },
		{ "is remembered for a time", 1080, SWEEPS, 0, 1 },
		{ "and no longer", 1081, SWEEPS, 1, 1 },
		{ "a mark for a time", 1100, IS_MARKED, 0, 1 },
		{ "lasts", 1149, SWEEPS, 0, 1 },
		{ "for that time", 1150, SWEEPS, 1, 1 },
		{ "a mark for ever", 1200, IS_MARKED_FOR_EVER, 0, 1 },
		{ "lasts for ever", 1000000000, SWEEPS, 0, 1 },
	};

	if (!the_contract->is_local)
		skip();
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct greylist_time now = after_noon(rows[i].at);
		struct store_stats stats;
		uint64_t swept = 0;
		int64_t span = rows[i].step == IS_MARKED ? 50 : 0;

		switch (rows[i].step) {
		case TRIES: joe(*state, &now); break;
		case WRITES:
			store_write_to(*state, "joe@a.example", &diary_terms,
				       &now, PATIENCE_MS);
			break;
		case IS_MARKED:
		case IS_MARKED_FOR_EVER:
			store_set_mark(*state, "spf:a.example", GREYLIST_ALLOW,
				       &diary_terms, &now, span, PATIENCE_MS);
			break;
		case SWEEPS: swept = sweep_all(*state, &now); break;
		}
		store_stats(*state, &stats);
		if (swept != rows[i].swept ||
		    stats.never_back != rows[i].never_back)
			fail_msg("%s: %llu swept, %llu never back",
				 rows[i].claim, (unsigned long long)swept,
				 (unsigned long long)stats.never_back);
	}
}

void test_sweep_limit(void **state)
{
	struct greylist_time now = after_noon(0);
	uint64_t sum = 0;
	char sender[32];

	if (!the_contract->is_local)
		skip();
	for (int i = 0; i < 10; i++) {
		snprintf(sender, sizeof(sender), "joe@a%d.example", i);
		visit(*state, "spf:a.example", sender, "me@x.example", &now);
	}
	now = after_noon(200);
	assert_int_equal(store_sweep(*state, &now, 0), 0);
	for (int i = 0; i < 20; i++) {
		uint64_t swept = store_sweep(*state, &now, 3);

		assert_in_range(swept, 0, 3);
		sum += swept;
	}
	assert_int_equal(sum, 10);
}

/* What a jump makes look lapsed is moved, and swept when it has lapsed. */
void test_sweep_after_jump(void **state)
{
	struct greylist_time now = after_noon(0);

	if (!the_contract->is_local)
		skip();
	joe(*state, &now);
	now.wall += YEAR;
	now.up += 50;
	assert_int_equal(sweep_all(*state, &now), 0);
	now.wall += 50;
	now.up += 50;
	assert_int_equal(sweep_all(*state, &now), 0);
	now.wall += 1;
	now.up += 1;
	assert_int_equal(sweep_all(*state, &now), 1);
}
