/*
 * test_greylist_model.c - a greylist against one that only keeps a diary; and
 * what clocks that jump can do.
 *
 * The slow model writes down each thing that happens and answers a visit by
 * reading the whole diary.  It knows no records, stamps, rounds and expiries.
 */
#include "lists/greylist.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "lists/greylist_record.h"

enum {
	IDENTITIES = 2,
	TRIPLETS = 3, /* of each */
	EVENTS = 400,
	STORIES = 300,
	TRAP = 60,
	A_WHILE = 50, /* of an admin's word */
};

/* So short that every border is met. */
static const struct greylist_terms terms = {
	.wait = 10,
	.window = 100,
	.keep = 300,
	.known_gap = 40,
	.known_after = 3,
	.outbound = 80,
};

static uint64_t dice_state;

static uint32_t dice(uint32_t sides)
{
	dice_state ^= dice_state << 13;
	dice_state ^= dice_state >> 7;
	dice_state ^= dice_state << 17;
	return (uint32_t)(dice_state >> 32) % sides;
}

/* --- the diary ----------------------------------------------------------- */

enum kind { VISIT, CONVICT, MARK, WRITE };

struct event {
	enum kind kind;
	int64_t when; /* true time */
	int identity, triplet;
	enum greylist_why why; /* of a visit */
	enum greylist_mark mark;
	int64_t span;
};

struct diary {
	struct event events[EVENTS];
	int count;
};

/* The last word of an admin before `end`, if it still holds. */
static enum greylist_mark marked(const struct diary *d, int end, int identity,
				 int64_t now)
{
	for (int i = end - 1; i >= 0; i--) {
		const struct event *e = &d->events[i];

		if (e->kind != MARK || e->identity != identity)
			continue;
		if (e->span > 0 && now - e->when >= e->span)
			return GREYLIST_UNMARKED;
		return e->mark;
	}
	return GREYLIST_UNMARKED;
}

static bool convicts(const struct diary *d, int at, int identity)
{
	const struct event *e = &d->events[at];

	return e->kind == CONVICT && e->identity == identity &&
	       marked(d, at, identity, e->when) != GREYLIST_ALLOW;
}

static bool is_trapped(const struct diary *d, int identity, int64_t now)
{
	for (int i = d->count - 1; i >= 0; i--) {
		const struct event *e = &d->events[i];

		if (e->kind == MARK && e->identity == identity &&
		    e->mark == GREYLIST_ALLOW)
			return false;
		if (convicts(d, i, identity))
			return now - e->when < TRAP;
	}
	return false;
}

static bool is_visit(const struct event *e, int identity, int triplet)
{
	return e->kind == VISIT && e->identity == identity &&
	       e->triplet == triplet;
}

static bool has_passed(const struct diary *d, int identity, int triplet,
		       int64_t now)
{
	for (int i = d->count - 1; i >= 0; i--) {
		const struct event *e = &d->events[i];

		if (is_visit(e, identity, triplet) &&
		    (e->why == GREYLIST_WAITED || e->why == GREYLIST_KEPT))
			return now - e->when <= terms.keep;
	}
	return false;
}

/* Waits that ended since the last conviction or silence, a gap apart. */
static bool is_known(const struct diary *d, int identity, int64_t now)
{
	int64_t used = 0, counted = 0;
	unsigned passes = 0;

	for (int i = 0; i < d->count; i++) {
		const struct event *e = &d->events[i];

		if (convicts(d, i, identity))
			passes = 0;
		if (e->kind != VISIT || e->identity != identity)
			continue;
		if (e->when - used > terms.keep)
			passes = 0;
		if (e->why == GREYLIST_WAITED &&
		    (passes == 0 || e->when - counted >= terms.known_gap)) {
			passes++;
			counted = e->when;
		}
		if (e->why == GREYLIST_WAITED || e->why == GREYLIST_KEPT ||
		    e->why == GREYLIST_KNOWN)
			used = e->when;
	}
	return passes >= terms.known_after && now - used <= terms.keep;
}

static bool was_written_to(const struct diary *d, int identity, int triplet,
			   int64_t now)
{
	for (int i = d->count - 1; i >= 0; i--) {
		const struct event *e = &d->events[i];

		if (e->kind == WRITE && e->identity == identity &&
		    e->triplet == triplet)
			return now - e->when <= terms.outbound;
	}
	return false;
}

static enum greylist_why wait_of(const struct diary *d, int identity,
				 int triplet, int64_t now)
{
	bool dropped = false;

	for (int i = d->count - 1; i >= 0; i--) {
		const struct event *e = &d->events[i];

		if (convicts(d, i, identity))
			dropped = true;
		if (!is_visit(e, identity, triplet))
			continue;
		if (e->why == GREYLIST_WAITED)
			break;
		if (e->why != GREYLIST_NEW && e->why != GREYLIST_LATE &&
		    e->why != GREYLIST_DROPPED)
			continue;
		if (dropped)
			return GREYLIST_DROPPED;
		if (now - e->when > terms.window)
			return GREYLIST_LATE;
		return now - e->when >= terms.wait ? GREYLIST_WAITED
						   : GREYLIST_EARLY;
	}
	return GREYLIST_NEW;
}

static enum greylist_why expected(const struct diary *d, int identity,
				  int triplet, int64_t now)
{
	enum greylist_mark mark = marked(d, d->count, identity, now);

	if (mark != GREYLIST_UNMARKED)
		return mark == GREYLIST_ALLOW ? GREYLIST_ALLOWED
					      : GREYLIST_BLOCKED;
	if (is_trapped(d, identity, now))
		return GREYLIST_TRAPPED;
	if (has_passed(d, identity, triplet, now))
		return GREYLIST_KEPT;
	if (is_known(d, identity, now))
		return GREYLIST_KNOWN;
	if (was_written_to(d, identity, triplet, now))
		return GREYLIST_OUTBOUND;
	return wait_of(d, identity, triplet, now);
}

/* --- a store of lines ---------------------------------------------------- */

struct cell {
	char line[GREYLIST_RECORD_SIZE];
	size_t len;
	int64_t needed_until; /* true time */
};

struct store {
	struct cell triplets[IDENTITIES][TRIPLETS];
	struct cell outbound[IDENTITIES][TRIPLETS];
	struct cell identities[IDENTITIES];
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
		until(now, greylist_identity_left(record, &terms, clock));
}

static enum greylist_why visit(struct store *store, int identity, int triplet,
			       int64_t now, const struct greylist_time *clock)
{
	struct cell *cell = &store->triplets[identity][triplet];
	struct greylist_records records;
	struct greylist_result result;

	load(store, identity, triplet, now, &records);
	greylist_visit(&terms, clock, &records, &result);
	if (result.triplet_changed) {
		cell->len =
			greylist_write_triplet(&records.triplet, cell->line);
		cell->needed_until = until(now, result.triplet_left);
	}
	if (result.identity_changed)
		save_identity(store, identity, now, &records.identity, clock);
	if (result.answer == GREYLIST_WAIT)
		assert_in_range(result.left, 1, terms.wait);
	return result.why;
}

/* --- stories ------------------------------------------------------------- */

static void other_event(struct store *store, struct event *e,
			const struct greylist_time *clock)
{
	struct greylist_records records;
	struct cell *cell;

	load(store, e->identity, e->triplet, e->when, &records);
	switch (e->kind) {
	case VISIT: break;
	case CONVICT:
		if (!greylist_convict(&records.identity, clock, TRAP))
			return;
		save_identity(store, e->identity, e->when, &records.identity,
			      clock);
		break;
	case MARK:
		e->mark = (enum greylist_mark)dice(3);
		e->span = dice(4) > 0 ? A_WHILE : 0;
		if (e->span == 0 && dice(8) > 0)
			e->mark = GREYLIST_UNMARKED;
		greylist_set_mark(&records.identity, e->mark, clock, e->span);
		save_identity(store, e->identity, e->when, &records.identity,
			      clock);
		break;
	case WRITE:
		greylist_write_to(&records.outbound, clock);
		cell = &store->outbound[e->identity][e->triplet];
		cell->len =
			greylist_write_outbound(&records.outbound, cell->line);
		cell->needed_until =
			until(e->when, greylist_outbound_left(&records.outbound,
							      &terms, clock));
		break;
	}
}

static int64_t pause_between(void)
{
	static const int64_t borders[] = { 0,  1,  9,  10, 11,	39,  40,  41,
					   59, 60, 80, 99, 100, 101, 300, 301 };

	return dice(3) == 0 ? borders[dice(16)] : dice(30);
}

static bool begins(enum greylist_why why)
{
	return why == GREYLIST_NEW || why == GREYLIST_LATE ||
	       why == GREYLIST_DROPPED;
}

static unsigned seen[GREYLIST_TRAPPED + 1];

static void check_story(bool forgets, bool jumps)
{
	static struct diary diary;
	struct store store = { .forgets = forgets };
	int64_t now = 1000, wall = 1700000000;

	diary.count = 0;
	while (diary.count < EVENTS) {
		struct event *e = &diary.events[diary.count];
		int64_t pause = pause_between();
		struct greylist_time clock;
		uint32_t which = dice(40);

		now += pause;
		wall += pause;
		if (jumps && dice(4) == 0)
			wall += (int64_t)dice(UINT32_MAX) * (dice(2) ? 1 : -1) /
				(1 + dice(1000000));
		clock = (struct greylist_time){ wall, now, 42 };
		*e = (struct event){
			.kind = which == 0   ? CONVICT
				: which == 1 ? MARK
				: which == 2 ? WRITE
					     : VISIT,
			.when = now,
			.identity = (int)dice(IDENTITIES),
			.triplet = (int)dice(TRIPLETS),
		};
		if (e->kind == VISIT) {
			enum greylist_why got = visit(&store, e->identity,
						      e->triplet, now, &clock);

			e->why = expected(&diary, e->identity, e->triplet, now);
			/* what is forgotten begins as what never was */
			if (got != e->why &&
			    !(forgets && begins(got) && begins(e->why)))
				fail_msg("%d: %s instead of %s", diary.count,
					 greylist_why_name(got),
					 greylist_why_name(e->why));
			seen[got]++;
		} else {
			other_event(&store, e, &clock);
		}
		diary.count++;
	}
}

static void test_model(void **state)
{
	(void)state;
	dice_state = 88172645463325252;
	memset(seen, 0, sizeof(seen));
	for (int i = 0; i < STORIES; i++)
		check_story(i % 2 == 0, false);
	for (int why = GREYLIST_NEW; why <= GREYLIST_TRAPPED; why++)
		assert_true(seen[why] > 50);
}

/* While the machine is up the wall clock may say what it likes. */
static void test_jumps_in_a_run(void **state)
{
	(void)state;
	dice_state = 362436069;
	for (int i = 0; i < STORIES; i++)
		check_story(false, true);
}

/*
 * Restarts, and clocks that are set to anything: whatever that left behind, a
 * sender that comes back to a clock that goes on from there has waited.
 */
static void test_never_for_ever(void **state)
{
	(void)state;
	dice_state = 521288629;
	for (int i = 0; i < 20000; i++) {
		struct store store = { 0 };
		int64_t now = 1000, skew = 0;
		uint64_t run = 1;
		enum greylist_why why = GREYLIST_NO_ANSWER;

		for (int n = 0; n < 12; n++) {
			struct greylist_time clock;

			now += pause_between();
			if (dice(3) == 0) {
				run = dice(4);
				skew = (int64_t)dice(UINT32_MAX) *
				       (dice(2) ? 1 : -1);
				skew /= 1 + dice(100000000);
			}
			clock = (struct greylist_time){ 1700000000 + now + skew,
							now + 5 * (int64_t)run,
							run };
			visit(&store, 0, 0, now, &clock);
			if (dice(9) == 0) {
				struct event trap = { .kind = CONVICT,
						      .when = now };

				other_event(&store, &trap, &clock);
			}
		}
		/* from here on the clock goes right; a block ends first */
		skew = (int64_t)dice(1000) - 500;
		for (int n = 0; n < 3; n++) {
			struct greylist_time clock = { 1700000000 + now + skew,
						       now, 99 };

			why = visit(&store, 0, 0, now, &clock);
			if (n > 0 && why == GREYLIST_TRAPPED)
				fail_msg("blocked after the block");
			/* and then it comes as late as may be */
			now += n == 0 ? TRAP + GREYLIST_SKEW : terms.window;
		}
		if (begins(why) || why == GREYLIST_EARLY)
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
	dice_state = 88675123;
	for (int i = 0; i < 20000; i++) {
		struct greylist_records records = { 0 };
		struct greylist_result result;
		int64_t began = 0, now = 1000;

		for (int n = 0; n < 8; n++) {
			uint64_t host = 1 + dice(3);
			/* GREYLIST_SKEW between any two */
			int64_t off = ((int64_t)host - 2) * GREYLIST_SKEW / 2;
			struct greylist_time clock = { 1700000000 + now + off,
						       now + 7 * (int64_t)host,
						       host };

			greylist_visit(&long_terms, &clock, &records, &result);
			if (begins(result.why))
				began = now;
			if (result.why == GREYLIST_WAITED)
				assert_true(now - began >=
					    long_terms.wait - GREYLIST_SKEW);
			if (result.why == GREYLIST_EARLY)
				assert_true(now - began <
					    long_terms.wait + GREYLIST_SKEW);
			now += dice(400);
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

		greylist_visit(&terms, &clock, &records, &result);
		assert_int_equal(result.why, GREYLIST_NEW);
		clock = (struct greylist_time){ 1700000000 + rows[i].wall, 20,
						2 };
		greylist_visit(&terms, &clock, &records, &result);
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
