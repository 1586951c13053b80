/*
 * test_greylist_model.c - a greylist against one that only keeps a diary; and
 * what clocks that jump can do.
 */
#include "lists/greylist.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "lists/greylist_record.h"
#include "tests/unit/greylist_diary.h"

enum { STORIES = 300 };

/* --- a store of lines ---------------------------------------------------- */

struct cell {
	char line[GREYLIST_RECORD_SIZE];
	size_t len;
	int64_t needed_until; /* true time */
};

struct store {
	struct cell triplets[DIARY_IDENTITIES][DIARY_TRIPLETS];
	struct cell outbound[DIARY_IDENTITIES][DIARY_TRIPLETS];
	struct cell identities[DIARY_IDENTITIES];
	bool forgets; /* what is no longer needed */
};

static int64_t until(int64_t now, int64_t left)
{
	return left == GREYLIST_FOR_EVER ? left : now + left;
}

static void expire(const struct store *store, struct cell *cell, int64_t now)
{
	if (store->forgets && now >= cell->needed_until)
		cell->len = 0;
}

static void load(struct store *store, int identity, int triplet, int64_t now,
		 struct greylist_records *records)
{
	struct cell *t = &store->triplets[identity][triplet];
	struct cell *i = &store->identities[identity];
	struct cell *o = &store->outbound[identity][triplet];

	expire(store, t, now);
	expire(store, i, now);
	expire(store, o, now);
	assert_true(greylist_read_triplet(t->line, t->len, &records->triplet) ==
			    GREYLIST_READ ||
		    t->len == 0);
	assert_true(
		greylist_read_identity(i->line, i->len, &records->identity) ==
			GREYLIST_READ ||
		i->len == 0);
	assert_true(
		greylist_read_outbound(o->line, o->len, &records->outbound) ==
			GREYLIST_READ ||
		o->len == 0);
}

static void save_identity(struct store *store, int identity, int64_t now,
			  const struct greylist_identity *record,
			  const struct greylist_time *clock)
{
	struct cell *cell = &store->identities[identity];

	cell->len = greylist_write_identity(record, cell->line);
	cell->needed_until =
		until(now, greylist_identity_left(record, &diary_terms, clock));
}

static enum greylist_why visit(struct store *store, int identity, int triplet,
			       int64_t now, const struct greylist_time *clock)
{
	struct cell *cell = &store->triplets[identity][triplet];
	struct greylist_records records;
	struct greylist_result result;

	load(store, identity, triplet, now, &records);
	greylist_visit(&diary_terms, clock, &records, &result);
	if (result.triplet_changed) {
		cell->len =
			greylist_write_triplet(&records.triplet, cell->line);
		cell->needed_until = until(now, result.triplet_left);
	}
	if (result.identity_changed)
		save_identity(store, identity, now, &records.identity, clock);
	if (result.answer == GREYLIST_WAIT)
		assert_in_range(result.left, 1, diary_terms.wait);
	return result.why;
}

/* --- stories ------------------------------------------------------------- */

static void convict_or_mark(struct store *store, const struct diary_event *e,
			    struct greylist_identity *identity,
			    const struct greylist_time *clock)
{
	if (e->kind == DIARY_MARK)
		greylist_set_mark(identity, e->mark, clock, e->span);
	else if (!greylist_convict(identity, clock, DIARY_TRAP))
		return;
	save_identity(store, e->identity, e->when, identity, clock);
}

static void write_to(struct store *store, const struct diary_event *e,
		     struct greylist_outbound *outbound,
		     const struct greylist_time *clock)
{
	struct cell *cell = &store->outbound[e->identity][e->triplet];

	greylist_write_to(outbound, clock);
	cell->len = greylist_write_outbound(outbound, cell->line);
	cell->needed_until =
		until(e->when,
		      greylist_outbound_left(outbound, &diary_terms, clock));
}

static enum greylist_why act(void *context, const struct diary_event *e,
			     const struct greylist_time *clock)
{
	struct store *store = context;
	struct greylist_records records;

	if (e->kind == DIARY_VISIT)
		return visit(store, e->identity, e->triplet, e->when, clock);
	load(store, e->identity, e->triplet, e->when, &records);
	if (e->kind == DIARY_WRITE)
		write_to(store, e, &records.outbound, clock);
	else
		convict_or_mark(store, e, &records.identity, clock);
	return GREYLIST_NO_ANSWER;
}

static void tell(struct diary_story *story, bool forgets)
{
	const struct diary_actor actor = { .act = act, .forgets = forgets };
	struct store store = { .forgets = forgets };

	story->begin = 1000;
	diary_play(&actor, &store, story);
}

static void test_model(void **state)
{
	struct diary_story story = { 0 };

	(void)state;
	diary_seed(88172645463325252);
	for (int i = 0; i < STORIES; i++)
		tell(&story, i % 2 == 0);
	for (int why = GREYLIST_NEW; why <= GREYLIST_TRAPPED; why++)
		assert_true(story.seen[why] > 50);
}

/* While the machine is up the wall clock may say what it likes. */
static void test_jumps_in_a_run(void **state)
{
	struct diary_story story = { .jumps = true };

	(void)state;
	diary_seed(362436069);
	for (int i = 0; i < STORIES; i++)
		tell(&story, false);
}

/*
 * Restarts, and clocks that are set to anything: whatever that left behind, a
 * sender that comes back to a clock that goes on from there has waited.
 */
static void test_never_for_ever(void **state)
{
	(void)state;
	diary_seed(521288629);
	for (int i = 0; i < 20000; i++) {
		struct store store = { 0 };
		int64_t now = 1000, skew = 0;
		uint64_t run = 1;
		enum greylist_why why = GREYLIST_NO_ANSWER;

		for (int n = 0; n < 12; n++) {
			struct greylist_time clock;

			now += diary_pause();
			if (diary_dice(3) == 0) {
				run = diary_dice(4);
				skew = (int64_t)diary_dice(UINT32_MAX) *
				       (diary_dice(2) ? 1 : -1);
				skew /= 1 + diary_dice(100000000);
			}
			clock = (struct greylist_time){ 1700000000 + now + skew,
							now + 5 * (int64_t)run,
							run };
			visit(&store, 0, 0, now, &clock);
			if (diary_dice(9) == 0) {
				struct diary_event trap = {
					.kind = DIARY_CONVICT,
					.when = now,
				};

				act(&store, &trap, &clock);
			}
		}
		/* from here on the clock goes right; a block ends first */
		skew = (int64_t)diary_dice(1000) - 500;
		for (int n = 0; n < 3; n++) {
			struct greylist_time clock = { 1700000000 + now + skew,
						       now, 99 };

			why = visit(&store, 0, 0, now, &clock);
			if (n > 0 && why == GREYLIST_TRAPPED)
				fail_msg("blocked after the block");
			/* and then it comes as late as may be */
			now += n == 0 ? DIARY_TRAP + GREYLIST_SKEW
				      : diary_terms.window;
		}
		if (diary_begins(why) || why == GREYLIST_EARLY)
			fail_msg("%d: %s at the second visit", i,
				 greylist_why_name(why));
	}
}

/* Several hosts with one store, whose clocks differ by what is usual. */
static void test_skewed_hosts(void **state)
{
	const struct greylist_terms long_terms = {
		.wait = 600,
		.window = 14400,
		.keep = 100000,
	};

	(void)state;
	diary_seed(88675123);
	for (int i = 0; i < 20000; i++) {
		struct greylist_records records = { 0 };
		struct greylist_result result;
		int64_t began = 0, now = 1000;

		for (int n = 0; n < 8; n++) {
			uint64_t host = 1 + diary_dice(3);
			/* GREYLIST_SKEW between any two */
			int64_t off = ((int64_t)host - 2) * GREYLIST_SKEW / 2;
			struct greylist_time clock = { 1700000000 + now + off,
						       now + 7 * (int64_t)host,
						       host };

			greylist_visit(&long_terms, &clock, &records, &result);
			if (diary_begins(result.why))
				began = now;
			if (result.why == GREYLIST_WAITED)
				assert_true(now - began >=
					    long_terms.wait - GREYLIST_SKEW);
			if (result.why == GREYLIST_EARLY)
				assert_true(now - began <
					    long_terms.wait + GREYLIST_SKEW);
			now += diary_dice(400);
		}
	}
}

/* A jump over the restart of a machine, case by case. */
static void test_jumps_over_a_restart(void **state)
{
	enum { YEAR = 31557600 };
	static const struct {
		const char *claim;
		int64_t wall; /* since the first try */
		enum greylist_why why;
	} rows[] = {
		{ "no jump, early", 5, GREYLIST_EARLY },
		{ "no jump, in time", 10, GREYLIST_WAITED },
		{ "ten years ahead is not early", 10 * (int64_t)YEAR,
		  GREYLIST_LATE },
		{ "a day ahead is not", 86400, GREYLIST_LATE },
		{ "a minute back, within what clocks differ", -60,
		  GREYLIST_EARLY },
		{ "an hour back: it has waited", -3600, GREYLIST_WAITED },
		{ "ten years back: it has waited", -10 * (int64_t)YEAR,
		  GREYLIST_WAITED },
		{ "a dead battery, 1970: it has waited", -1700000000,
		  GREYLIST_WAITED },
		{ "before 1970: it has waited", -1700000001, GREYLIST_WAITED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct greylist_time clock = { 1700000000, 5000, 1 };
		struct greylist_records records = { 0 };
		struct greylist_result result;

		greylist_visit(&diary_terms, &clock, &records, &result);
		assert_int_equal(result.why, GREYLIST_NEW);
		clock = (struct greylist_time){ 1700000000 + rows[i].wall, 20,
						2 };
		greylist_visit(&diary_terms, &clock, &records, &result);
		if (result.why != rows[i].why)
			fail_msg("%s: %s", rows[i].claim,
				 greylist_why_name(result.why));
		/* what the wait was is a number that can be stored */
		assert_true(result.waited >= 0 &&
			    result.waited <= GREYLIST_SPAN_MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_jumps_in_a_run),
		cmocka_unit_test(test_never_for_ever),
		cmocka_unit_test(test_skewed_hosts),
		cmocka_unit_test(test_jumps_over_a_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
