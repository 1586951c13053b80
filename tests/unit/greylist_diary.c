/*
 * greylist_diary.c - a greylist that only keeps a diary, for tests.
 */
#include "tests/unit/greylist_diary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

enum { EVENTS = 400 };

const struct greylist_terms diary_terms = {
	.wait = 10,
	.window = 100,
	.keep = 300,
	.known_gap = 40,
	.known_after = 3,
	.outbound = 80,
};

/* --- dice ---------------------------------------------------------------- */

static uint64_t dice_state = 88172645463325252;

void diary_seed(uint64_t seed)
{
	dice_state = seed;
}

uint32_t diary_dice(uint32_t sides)
{
	dice_state ^= dice_state << 13;
	dice_state ^= dice_state >> 7;
	dice_state ^= dice_state << 17;
	return (uint32_t)(dice_state >> 32) % sides;
}

int64_t diary_pause(void)
{
	static const int64_t borders[] = { 0,  1,  9,  10, 11,	39,  40,  41,
					   59, 60, 80, 99, 100, 101, 300, 301 };

	return diary_dice(3) == 0 ? borders[diary_dice(16)] : diary_dice(30);
}

/* --- the diary ----------------------------------------------------------- */

struct diary {
	struct diary_event events[EVENTS];
	int count;
};

/* The last word of an admin before `end`, if it still holds. */
static enum greylist_mark marked(const struct diary *d, int end, int identity,
				 int64_t now)
{
	for (int i = end - 1; i >= 0; i--) {
		const struct diary_event *e = &d->events[i];

		if (e->kind != DIARY_MARK || e->identity != identity)
			continue;
		if (e->span > 0 && now - e->when >= e->span)
			return GREYLIST_UNMARKED;
		return e->mark;
	}
	return GREYLIST_UNMARKED;
}

static bool convicts(const struct diary *d, int at, int identity)
{
	const struct diary_event *e = &d->events[at];

	return e->kind == DIARY_CONVICT && e->identity == identity &&
	       marked(d, at, identity, e->when) != GREYLIST_ALLOW;
}

static bool is_trapped(const struct diary *d, int identity, int64_t now)
{
	for (int i = d->count - 1; i >= 0; i--) {
		const struct diary_event *e = &d->events[i];

		if (e->kind == DIARY_MARK && e->identity == identity &&
		    e->mark == GREYLIST_ALLOW)
			return false;
		if (convicts(d, i, identity))
			return now - e->when < DIARY_TRAP;
	}
	return false;
}

static bool is_visit(const struct diary_event *e, int identity, int triplet)
{
	return e->kind == DIARY_VISIT && e->identity == identity &&
	       e->triplet == triplet;
}

static bool has_passed(const struct diary *d, int identity, int triplet,
		       int64_t now)
{
	for (int i = d->count - 1; i >= 0; i--) {
		const struct diary_event *e = &d->events[i];

		if (is_visit(e, identity, triplet) &&
		    (e->why == GREYLIST_WAITED || e->why == GREYLIST_KEPT))
			return now - e->when <= diary_terms.keep;
	}
	return false;
}

/* Waits that ended since the last conviction or silence, a gap apart. */
static bool is_known(const struct diary *d, int identity, int64_t now)
{
	int64_t used = 0, counted = 0;
	unsigned passes = 0;

	for (int i = 0; i < d->count; i++) {
		const struct diary_event *e = &d->events[i];

		if (convicts(d, i, identity))
			passes = 0;
		if (e->kind != DIARY_VISIT || e->identity != identity)
			continue;
		if (e->when - used > diary_terms.keep)
			passes = 0;
		if (e->why == GREYLIST_WAITED &&
		    (passes == 0 ||
		     e->when - counted >= diary_terms.known_gap)) {
			passes++;
			counted = e->when;
		}
		if (e->why == GREYLIST_WAITED || e->why == GREYLIST_KEPT ||
		    e->why == GREYLIST_KNOWN)
			used = e->when;
	}
	return passes >= diary_terms.known_after &&
	       now - used <= diary_terms.keep;
}

static bool was_written_to(const struct diary *d, int identity, int triplet,
			   int64_t now)
{
	for (int i = d->count - 1; i >= 0; i--) {
		const struct diary_event *e = &d->events[i];

		if (e->kind == DIARY_WRITE && e->identity == identity &&
		    e->triplet == triplet)
			return now - e->when <= diary_terms.outbound;
	}
	return false;
}

static enum greylist_why wait_of(const struct diary *d, int identity,
				 int triplet, int64_t now)
{
	bool dropped = false;

	for (int i = d->count - 1; i >= 0; i--) {
		const struct diary_event *e = &d->events[i];

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
		if (now - e->when > diary_terms.window)
			return GREYLIST_LATE;
		return now - e->when >= diary_terms.wait ? GREYLIST_WAITED
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

/* --- stories ------------------------------------------------------------- */

bool diary_begins(enum greylist_why why)
{
	return why == GREYLIST_NEW || why == GREYLIST_LATE ||
	       why == GREYLIST_DROPPED;
}

static struct diary_event next_event(int64_t now)
{
	uint32_t which = diary_dice(40);
	struct diary_event event = {
		.kind = which == 0   ? DIARY_CONVICT
			: which == 1 ? DIARY_MARK
			: which == 2 ? DIARY_WRITE
				     : DIARY_VISIT,
		.when = now,
		.identity = (int)diary_dice(DIARY_IDENTITIES),
		.triplet = (int)diary_dice(DIARY_TRIPLETS),
	};

	if (event.kind != DIARY_MARK)
		return event;
	event.mark = (enum greylist_mark)diary_dice(3);
	event.span = diary_dice(4) > 0 ? DIARY_A_WHILE : 0;
	if (event.span == 0 && diary_dice(8) > 0)
		event.mark = GREYLIST_UNMARKED;
	return event;
}

static int64_t jump(void)
{
	int64_t by = (int64_t)diary_dice(UINT32_MAX) *
		     (diary_dice(2) ? 1 : -1) / (1 + diary_dice(1000000));

	return diary_dice(4) == 0 ? by : 0;
}

static int64_t in_bounds(int64_t wall)
{
	if (wall < 0)
		return 0;
	return wall < GREYLIST_TIME_MAX ? wall : GREYLIST_TIME_MAX;
}

static void check_answer(const struct diary_actor *actor,
			 const struct diary *diary, const struct diary_event *e,
			 enum greylist_why right)
{
	/* what is forgotten begins as what never was */
	if (e->why == right ||
	    (actor->forgets && diary_begins(e->why) && diary_begins(right)))
		return;
	fail_msg("event %d, at %lld: %s instead of %s", diary->count,
		 (long long)e->when, greylist_why_name(e->why),
		 greylist_why_name(right));
}

void diary_play(const struct diary_actor *actor, void *context,
		struct diary_story *story)
{
	static struct diary diary;
	int64_t now = story->begin, skew = 1700000000;

	diary.count = 0;
	while (diary.count < EVENTS) {
		struct diary_event *e = &diary.events[diary.count];
		struct greylist_time clock = { .run = 42 };
		enum greylist_why right;

		now += diary_pause();
		if (story->jumps)
			skew += jump();
		clock.wall = in_bounds(now + skew);
		clock.up = now;
		*e = next_event(now);
		e->why = actor->act(context, e, &clock);
		if (e->kind == DIARY_VISIT) {
			right = expected(&diary, e->identity, e->triplet, now);
			check_answer(actor, &diary, e, right);
			story->seen[e->why]++;
		}
		diary.count++;
	}
	story->end = now;
}
