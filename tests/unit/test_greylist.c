/*
 * test_greylist.c - who has come back, and waited.
 */
#include "lists/greylist.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

enum { MINUTE = 60, HOUR = 3600, DAY = 86400, TRAP = DAY };

static const struct greylist_terms terms = {
	.wait = 5 * MINUTE,
	.window = 4 * HOUR,
	.keep = 36 * DAY,
	.known_gap = DAY,
	.known_after = 3,
	.outbound = 30 * DAY,
};

enum deed {
	VISIT,
	TRAP_HIT,
	SAYS_ALLOW,
	SAYS_BLOCK,
	SAYS_NOTHING,
	BLOCKS_AN_HOUR,
	WE_WRITE,
};

/* One identity with several triplets: a to h. */
struct step {
	const char *claim;
	int64_t at; /* seconds of the story */
	char triplet;
	enum greylist_why why;
	int64_t left;
	enum deed deed;
};

struct story {
	struct greylist_identity identity;
	struct greylist_triplet triplets[8];
	struct greylist_outbound outbound[8];
};

static struct greylist_time at(int64_t second)
{
	return (struct greylist_time){ 1700000000 + second, 100 + second, 7 };
}

static void do_deed(struct story *story, const struct step *step,
		    const struct greylist_time *now)
{
	switch (step->deed) {
	case VISIT: break;
	case TRAP_HIT: greylist_convict(&story->identity, now, TRAP); break;
	case SAYS_ALLOW:
		greylist_set_mark(&story->identity, GREYLIST_ALLOW, now, 0);
		break;
	case SAYS_BLOCK:
		greylist_set_mark(&story->identity, GREYLIST_BLOCK, now, 0);
		break;
	case SAYS_NOTHING:
		greylist_set_mark(&story->identity, GREYLIST_UNMARKED, now, 0);
		break;
	case BLOCKS_AN_HOUR:
		greylist_set_mark(&story->identity, GREYLIST_BLOCK, now, HOUR);
		break;
	case WE_WRITE:
		greylist_write_to(&story->outbound[step->triplet - 'a'], now);
		break;
	}
}

static void tell(const struct step *steps, size_t count)
{
	struct story story = { 0 };

	for (size_t i = 0; i < count; i++) {
		const struct step *step = &steps[i];
		const struct greylist_time now = at(step->at);
		size_t which = (size_t)(step->triplet - 'a');
		struct greylist_records records;
		struct greylist_result result;

		if (step->deed != VISIT) {
			do_deed(&story, step, &now);
			continue;
		}
		records.triplet = story.triplets[which];
		records.identity = story.identity;
		records.outbound = story.outbound[which];
		greylist_visit(&terms, &now, &records, &result);
		if (result.why != step->why)
			fail_msg("%s: %s", step->claim,
				 greylist_why_name(result.why));
		if (result.left != step->left)
			fail_msg("%s: %lld left", step->claim,
				 (long long)result.left);
		if (result.triplet_changed)
			story.triplets[which] = records.triplet;
		if (result.identity_changed)
			story.identity = records.identity;
	}
}

#define TELL(steps) tell(steps, sizeof(steps) / sizeof((steps)[0]))

static void test_wait(void **state)
{
	static const struct step steps[] = {
		{ "a stranger waits", 0, 'a', GREYLIST_NEW, 300, VISIT },
		{ "back at once, still waits", 1, 'a', GREYLIST_EARLY, 299,
		  VISIT },
		{ "one second early still waits", 299, 'a', GREYLIST_EARLY, 1,
		  VISIT },
		{ "on time passes", 300, 'a', GREYLIST_WAITED, 0, VISIT },
		{ "and from then on", 301, 'a', GREYLIST_KEPT, 0, VISIT },
		{ "another triplet is a stranger", 301, 'b', GREYLIST_NEW, 300,
		  VISIT },
		{ "the end of the window is in it", 301 + 4 * HOUR, 'b',
		  GREYLIST_WAITED, 0, VISIT },
		{ "a third", 400, 'c', GREYLIST_NEW, 300, VISIT },
		{ "too late starts over", 401 + 4 * HOUR, 'c', GREYLIST_LATE,
		  300, VISIT },
		{ "and waits", 402 + 4 * HOUR, 'c', GREYLIST_EARLY, 299,
		  VISIT },
		{ "each use keeps it", 301 + 36 * DAY, 'a', GREYLIST_KEPT, 0,
		  VISIT },
		{ "for as long again", 301 + 72 * DAY, 'a', GREYLIST_KEPT, 0,
		  VISIT },
		{ "and no longer", 302 + 108 * DAY, 'a', GREYLIST_NEW, 300,
		  VISIT },
	};

	(void)state;
	TELL(steps);
}

static void test_known(void **state)
{
	static const struct step steps[] = {
		{ "a", 0, 'a', GREYLIST_NEW, 300, VISIT },
		{ "b", 0, 'b', GREYLIST_NEW, 300, VISIT },
		{ "c", 0, 'c', GREYLIST_NEW, 300, VISIT },
		{ "d", 0, 'd', GREYLIST_NEW, 300, VISIT },
		{ "a passes", 300, 'a', GREYLIST_WAITED, 0, VISIT },
		{ "b passes", 300, 'b', GREYLIST_WAITED, 0, VISIT },
		{ "c passes", 400, 'c', GREYLIST_WAITED, 0, VISIT },
		{ "d passes", 500, 'd', GREYLIST_WAITED, 0, VISIT },
		{ "a campaign of one day is one occasion", 600, 'e',
		  GREYLIST_NEW, 300, VISIT },
		{ "uses of what has passed are none", DAY + 400, 'a',
		  GREYLIST_KEPT, 0, VISIT },
		{ "however many days", 2 * DAY + 400, 'a', GREYLIST_KEPT, 0,
		  VISIT },
		{ "nor these", 3 * DAY + 400, 'a', GREYLIST_KEPT, 0, VISIT },
		{ "still a stranger", 3 * DAY + 500, 'f', GREYLIST_NEW, 300,
		  VISIT },
		{ "the second occasion", 3 * DAY + 800, 'f', GREYLIST_WAITED, 0,
		  VISIT },
		{ "a day later", 4 * DAY + 500, 'g', GREYLIST_NEW, 300, VISIT },
		{ "a second under a day", 4 * DAY + 799, 'g', GREYLIST_EARLY, 1,
		  VISIT },
		{ "the third occasion", 4 * DAY + 800, 'g', GREYLIST_WAITED, 0,
		  VISIT },
		{ "known: no wait", 4 * DAY + 801, 'h', GREYLIST_KNOWN, 0,
		  VISIT },
		{ "and no triplet was made", 4 * DAY + 802, 'h', GREYLIST_KNOWN,
		  0, VISIT },
		{ "each use keeps it", 40 * DAY + 802, 'h', GREYLIST_KNOWN, 0,
		  VISIT },
		{ "a triplet that has lapsed is not asked for", 40 * DAY + 803,
		  'a', GREYLIST_KNOWN, 0, VISIT },
		{ "silence ends it", 76 * DAY + 804, 'h', GREYLIST_NEW, 300,
		  VISIT },
		{ "with all that was counted", 76 * DAY + 1104, 'h',
		  GREYLIST_WAITED, 0, VISIT },
		{ "so that one is one", 76 * DAY + 1105, 'e', GREYLIST_LATE,
		  300, VISIT },
	};

	(void)state;
	TELL(steps);
}

static void test_convicted(void **state)
{
	static const struct step steps[] = {
		{ "waits", 0, 'a', GREYLIST_NEW, 300, VISIT },
		{ "waits too", 0, 'b', GREYLIST_NEW, 300, VISIT },
		{ "passes", 300, 'b', GREYLIST_WAITED, 0, VISIT },
		{ "a trap", 301, 'x', 0, 0, TRAP_HIT },
		{ "all is refused", 302, 'a', GREYLIST_TRAPPED, TRAP - 1,
		  VISIT },
		{ "what had passed, too", 302, 'b', GREYLIST_TRAPPED, TRAP - 1,
		  VISIT },
		{ "and strangers", 303, 'c', GREYLIST_TRAPPED, TRAP - 2,
		  VISIT },
		{ "up to the last second", 300 + TRAP, 'c', GREYLIST_TRAPPED, 1,
		  VISIT },
		{ "then what had passed is heard", 301 + TRAP, 'b',
		  GREYLIST_KEPT, 0, VISIT },
		{ "a stranger waits", 301 + TRAP, 'c', GREYLIST_NEW, 300,
		  VISIT },
		{ "in time", 601 + TRAP, 'c', GREYLIST_WAITED, 0, VISIT },
		{ "waits again", 700 + TRAP, 'd', GREYLIST_NEW, 300, VISIT },
		{ "a second trap", 800 + TRAP, 'x', 0, 0, TRAP_HIT },
		{ "an admin forgives", 900 + TRAP, 'x', 0, 0, SAYS_ALLOW },
		{ "and takes it back", 901 + TRAP, 'x', 0, 0, SAYS_NOTHING },
		{ "who waited since before begins anew", 1000 + TRAP, 'd',
		  GREYLIST_DROPPED, 300, VISIT },
		{ "once", 1300 + TRAP, 'd', GREYLIST_WAITED, 0, VISIT },
	};

	(void)state;
	TELL(steps);
}

static struct greylist_result visit_with(const struct greylist_terms *with,
					 const struct greylist_time *now,
					 struct greylist_records *records)
{
	struct greylist_result result;

	greylist_visit(with, now, records, &result);
	return result;
}

/* Others of the identity may be of a class with less time to come back. */
static void test_a_conviction_outlives_every_wait(void **state)
{
	struct greylist_terms brief = terms, slow = terms;
	struct greylist_time now = at(0);
	struct greylist_records r = { 0 }, other = { 0 };
	struct greylist_result result;

	(void)state;
	slow.window = brief.longest_window = slow.longest_window = 7 * DAY;
	assert_int_equal(visit_with(&slow, &now, &r).why, GREYLIST_NEW);
	now = at(10);
	greylist_convict(&r.identity, &now, HOUR);
	assert_int_equal(greylist_identity_left(&r.identity, &brief, &now),
			 7 * DAY + 1);
	/* it is over: written, not shortened */
	now = at(10 + HOUR);
	other.identity = r.identity;
	result = visit_with(&brief, &now, &other);
	assert_int_equal(result.why, GREYLIST_NEW);
	assert_true(result.identity_changed);
	assert_int_equal(result.identity_left, 7 * DAY + 1 - HOUR);
	assert_int_equal(result.triplet_left, 4 * HOUR + 1);
	r.identity = other.identity;
	now = at(7 * DAY);
	assert_true(greylist_identity_left(&r.identity, &brief, &now) > 0);
	assert_int_equal(visit_with(&slow, &now, &r).why, GREYLIST_DROPPED);
	/* less than the window at hand counts as that */
	slow.longest_window = 0;
	assert_int_equal(greylist_identity_left(&r.identity, &slow, &now), 11);
}

static void test_admin(void **state)
{
	static const struct step steps[] = {
		{ "waits", 0, 'a', GREYLIST_NEW, 300, VISIT },
		{ "an admin allows", 1, 'x', 0, 0, SAYS_ALLOW },
		{ "no wait", 2, 'a', GREYLIST_ALLOWED, 0, VISIT },
		{ "a trap changes nothing", 3, 'x', 0, 0, TRAP_HIT },
		{ "still no wait", 4, 'a', GREYLIST_ALLOWED, 0, VISIT },
		{ "years later", 4000 * (int64_t)DAY, 'a', GREYLIST_ALLOWED, 0,
		  VISIT },
		{ "taken back", 4000 * (int64_t)DAY, 'x', 0, 0, SAYS_NOTHING },
		{ "what never waited is a stranger", 4000 * (int64_t)DAY, 'b',
		  GREYLIST_NEW, 300, VISIT },
		{ "an admin blocks", 4000 * (int64_t)DAY, 'x', 0, 0,
		  BLOCKS_AN_HOUR },
		{ "refused", 4000 * (int64_t)DAY + 10, 'b', GREYLIST_BLOCKED,
		  3590, VISIT },
		{ "an hour later it has waited", 4000 * (int64_t)DAY + 3600,
		  'b', GREYLIST_WAITED, 0, VISIT },
		{ "for good", 4001 * (int64_t)DAY, 'x', 0, 0, SAYS_BLOCK },
		{ "refused for ever", 8000 * (int64_t)DAY, 'b',
		  GREYLIST_BLOCKED, GREYLIST_FOR_EVER, VISIT },
	};

	(void)state;
	TELL(steps);
}

static void test_outbound(void **state)
{
	static const struct step steps[] = {
		{ "one of ours writes", 0, 'a', 0, 0, WE_WRITE },
		{ "an answer does not wait", 10, 'a', GREYLIST_OUTBOUND, 0,
		  VISIT },
		{ "others do", 10, 'b', GREYLIST_NEW, 300, VISIT },
		{ "for thirty days", 30 * DAY, 'a', GREYLIST_OUTBOUND, 0,
		  VISIT },
		{ "and earns nothing by it", 30 * DAY + 1, 'a', GREYLIST_NEW,
		  300, VISIT },
		{ "a trap", 30 * DAY + 2, 'x', 0, 0, TRAP_HIT },
		{ "one of ours writes", 30 * DAY + 3, 'a', 0, 0, WE_WRITE },
		{ "but a block is a block", 30 * DAY + 4, 'a', GREYLIST_TRAPPED,
		  TRAP - 2, VISIT },
	};

	(void)state;
	TELL(steps);
}

static void test_odd_terms(void **state)
{
	struct greylist_terms odd = { 0 };
	struct greylist_time now = at(0);
	struct greylist_records r = { 0 };

	(void)state;
	/* no wait is a pass, and earns nothing */
	odd.keep = DAY;
	odd.known_after = 1;
	assert_int_equal(visit_with(&odd, &now, &r).why, GREYLIST_WAITED);
	assert_int_equal(r.identity.passes, 0);
	/* a window less than the wait is as long as the wait */
	r = (struct greylist_records){ 0 };
	odd.wait = 10;
	assert_int_equal(visit_with(&odd, &now, &r).why, GREYLIST_NEW);
	now = at(10);
	assert_int_equal(visit_with(&odd, &now, &r).why, GREYLIST_WAITED);
	/* less than nothing is nothing */
	r = (struct greylist_records){ 0 };
	odd = (struct greylist_terms){ -1, -1, -1, -1, 0, -1, -1 };
	assert_int_equal(visit_with(&odd, &now, &r).answer, GREYLIST_PASS);
	/* and more than a century is a century */
	r = (struct greylist_records){ 0 };
	odd.wait = INT64_MAX;
	assert_true(visit_with(&odd, &now, &r).left == GREYLIST_SPAN_MAX);
	/* who was told to wait five minutes may be judged by one */
	r = (struct greylist_records){ 0 };
	assert_int_equal(visit_with(&terms, &now, &r).left, 300);
	odd = terms;
	odd.wait = 60;
	now = at(70);
	assert_int_equal(visit_with(&odd, &now, &r).why, GREYLIST_WAITED);
}

static void test_what_lasts(void **state)
{
	struct greylist_time now = at(0);
	struct greylist_records r = { 0 };
	struct greylist_result result = visit_with(&terms, &now, &r);

	(void)state;
	assert_true(result.must_last && result.triplet_changed);
	assert_false(result.identity_changed);
	assert_int_equal(result.triplet_left, 4 * HOUR + 1);
	now = at(10);
	result = visit_with(&terms, &now, &r);
	assert_true(result.triplet_changed && !result.must_last);
	assert_int_equal(result.triplet_left, 4 * HOUR - 9);
	assert_int_equal(r.triplet.count, 2);
	now = at(310);
	result = visit_with(&terms, &now, &r);
	assert_true(result.must_last && result.identity_changed);
	assert_int_equal(result.waited, 310);
	assert_int_equal(result.triplet_left, 36 * DAY + 1);
	assert_int_equal(result.identity_left, 36 * DAY + 1);
	now = at(320);
	result = visit_with(&terms, &now, &r);
	assert_true(result.triplet_changed && !result.must_last);
	assert_int_equal(result.waited, 310);
	greylist_convict(&r.identity, &now, TRAP);
	assert_int_equal(greylist_identity_left(&r.identity, &terms, &now),
			 TRAP);
	greylist_set_mark(&r.identity, GREYLIST_BLOCK, &now, 0);
	assert_true(greylist_identity_left(&r.identity, &terms, &now) ==
		    GREYLIST_FOR_EVER);
	assert_false(greylist_is_known(&r.identity, &terms, &now));
}

static void test_drift(void **state)
{
	struct greylist_time then = at(0), now = at(100);

	(void)state;
	assert_int_equal(greylist_drift(&then, &now), 0);
	now.wall += 3600;
	assert_int_equal(greylist_drift(&then, &now), 3600);
	assert_int_equal(greylist_since(&then, &now, -1), 100);
	now.wall -= 7200;
	assert_int_equal(greylist_drift(&then, &now), -3600);
	/* another run, one that went back, one without a name */
	now.run = 8;
	assert_int_equal(greylist_drift(&then, &now), 0);
	assert_int_equal(greylist_since(&then, &now, -1), -1);
	now.run = 7;
	now.up = 50;
	assert_int_equal(greylist_drift(&then, &now), 0);
	then.run = now.run = 0;
	now.wall = then.wall + 5;
	assert_int_equal(greylist_since(&then, &now, -1), 5);
}

static void test_spans(void **state)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} rows[] = {
		{ -5, "0s" },	   { 0, "0s" },	     { 59, "59s" },
		{ 60, "1m" },	   { 298, "4m58s" }, { 3599, "59m59s" },
		{ 3600, "1h" },	   { 3601, "1h1m" }, { 7140, "1h59m" },
		{ 7141, "2h" },	   { 86399, "1d" },  { 86400, "1d" },
		{ 90001, "1d2h" }, { 259200, "3d" },
	};
	char buf[GREYLIST_SPAN_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(greylist_span(rows[i].seconds, buf),
				    rows[i].text);
	greylist_span(GREYLIST_SPAN_MAX - 1, buf);
	assert_string_equal(greylist_span(GREYLIST_FOR_EVER, buf), "for ever");
}

static void test_names(void **state)
{
	(void)state;
	for (int why = GREYLIST_NO_ANSWER; why <= GREYLIST_TRAPPED; why++)
		assert_non_null(greylist_why_name((enum greylist_why)why));
	assert_string_equal(greylist_why_name(GREYLIST_KNOWN), "known");
	assert_string_equal(greylist_answer_name(GREYLIST_WAIT), "wait");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wait),
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_convicted),
		cmocka_unit_test(test_a_conviction_outlives_every_wait),
		cmocka_unit_test(test_admin),
		cmocka_unit_test(test_outbound),
		cmocka_unit_test(test_odd_terms),
		cmocka_unit_test(test_what_lasts),
		cmocka_unit_test(test_drift),
		cmocka_unit_test(test_spans),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
