/*
 * greylist.c - has this sender tried before, and waited?  The judgement alone.
 */
#include "lists/greylist.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const why_names[] = {
	[GREYLIST_NO_ANSWER] = "unknown", [GREYLIST_NEW] = "new",
	[GREYLIST_EARLY] = "early",	  [GREYLIST_LATE] = "late",
	[GREYLIST_DROPPED] = "dropped",	  [GREYLIST_WAITED] = "waited",
	[GREYLIST_KEPT] = "kept",	  [GREYLIST_KNOWN] = "known",
	[GREYLIST_OUTBOUND] = "outbound", [GREYLIST_ALLOWED] = "allowed",
	[GREYLIST_BLOCKED] = "blocked",	  [GREYLIST_TRAPPED] = "trapped",
};

static const char *const answer_names[] = {
	[GREYLIST_UNKNOWN] = "unknown",
	[GREYLIST_WAIT] = "wait",
	[GREYLIST_PASS] = "pass",
	[GREYLIST_REFUSED] = "refused",
};

const char *greylist_why_name(enum greylist_why why)
{
	return why_names[why];
}

const char *greylist_answer_name(enum greylist_answer answer)
{
	return answer_names[answer];
}

/* --- time ---------------------------------------------------------------- */

/* Can the steady clock tell what lies between? */
static bool is_one_run(const struct greylist_time *then,
		       const struct greylist_time *now)
{
	return then->run != 0 && then->run == now->run && then->up <= now->up;
}

int64_t greylist_drift(const struct greylist_time *then,
		       const struct greylist_time *now)
{
	if (!is_one_run(then, now))
		return 0;
	return (now->wall - then->wall) - (now->up - then->up);
}

int64_t greylist_since(const struct greylist_time *then,
		       const struct greylist_time *now, int64_t in_doubt)
{
	int64_t span;

	if (is_one_run(then, now))
		return now->up - then->up;
	span = now->wall - then->wall;
	if (span >= 0)
		return span;
	return span >= -GREYLIST_SKEW ? 0 : in_doubt;
}

/* What a stamp may hold, so that it can be written and read again. */
static struct greylist_time stamp(const struct greylist_time *now)
{
	struct greylist_time time = *now;

	if (time.wall < 0)
		time.wall = 0;
	if (time.wall > GREYLIST_TIME_MAX)
		time.wall = GREYLIST_TIME_MAX;
	if (time.run == 0 || time.up < 0 || time.up > GREYLIST_TIME_MAX)
		time.run = 0, time.up = 0;
	return time;
}

static int64_t in_bounds(int64_t span)
{
	if (span < 0)
		return 0;
	return span < GREYLIST_SPAN_MAX ? span : GREYLIST_SPAN_MAX;
}

static void count_up(uint32_t *count)
{
	if (*count < GREYLIST_COUNT_MAX)
		++*count;
}

/* Spans that are not sane are made so, once, on the way in. */
static struct greylist_terms sane(const struct greylist_terms *terms)
{
	struct greylist_terms sane = *terms;

	sane.wait = in_bounds(terms->wait);
	sane.window = in_bounds(terms->window);
	sane.keep = in_bounds(terms->keep);
	sane.known_gap = in_bounds(terms->known_gap);
	sane.outbound = in_bounds(terms->outbound);
	sane.longest_window = in_bounds(terms->longest_window);
	if (sane.window < sane.wait)
		sane.window = sane.wait;
	if (sane.longest_window < sane.window)
		sane.longest_window = sane.window;
	return sane;
}

/* --- identities ---------------------------------------------------------- */

/* Of a block of so many seconds; 0 when it is over. */
static int64_t block_left(const struct greylist_time *then, int64_t span,
			  const struct greylist_time *now)
{
	int64_t since = greylist_since(then, now, span);

	return since < span ? span - since : 0;
}

int64_t greylist_mark_left(const struct greylist_identity *identity,
			   const struct greylist_time *now)
{
	if (identity->mark == GREYLIST_UNMARKED)
		return 0;
	if (identity->marked_for == 0)
		return GREYLIST_FOR_EVER;
	return block_left(&identity->marked, identity->marked_for, now);
}

int64_t greylist_trap_left(const struct greylist_identity *identity,
			   const struct greylist_time *now)
{
	if (identity->trapped_for == 0)
		return 0;
	return block_left(&identity->trapped, identity->trapped_for, now);
}

static bool is_silent(const struct greylist_identity *identity,
		      const struct greylist_terms *terms,
		      const struct greylist_time *now)
{
	return greylist_since(&identity->last, now, 0) > terms->keep;
}

static bool knows(const struct greylist_identity *identity,
		  const struct greylist_terms *terms,
		  const struct greylist_time *now)
{
	return terms->known_after > 0 &&
	       identity->passes >= terms->known_after &&
	       !is_silent(identity, terms, now);
}

bool greylist_is_known(const struct greylist_identity *identity,
		       const struct greylist_terms *terms,
		       const struct greylist_time *now)
{
	struct greylist_terms limits = sane(terms);

	return identity->passes > 0 && knows(identity, &limits, now);
}

/* Takes away what is over, so that what is kept is what counts. */
static bool tidy(struct greylist_identity *identity,
		 const struct greylist_terms *terms,
		 const struct greylist_time *now)
{
	struct greylist_identity was = *identity;

	if (identity->passes > 0 && is_silent(identity, terms, now))
		identity->passes = 0;
	if (identity->trapped_for > 0 && greylist_trap_left(identity, now) == 0)
		identity->trapped_for = 0;
	if (identity->mark && greylist_mark_left(identity, now) == 0)
		identity->mark = GREYLIST_UNMARKED;
	return identity->passes != was.passes ||
	       identity->trapped_for != was.trapped_for ||
	       identity->mark != was.mark;
}

/* A pass that was waited for, on an occasion of its own or not. */
static void count_pass(struct greylist_identity *identity,
		       const struct greylist_terms *terms,
		       const struct greylist_time *now)
{
	if (identity->passes > 0 &&
	    greylist_since(&identity->counted, now, 0) < terms->known_gap)
		return;
	count_up(&identity->passes);
	identity->counted = stamp(now);
}

bool greylist_convict(struct greylist_identity *identity,
		      const struct greylist_time *now, int64_t span)
{
	if (identity->mark == GREYLIST_ALLOW &&
	    greylist_mark_left(identity, now) > 0)
		return false;
	identity->passes = 0;
	identity->trapped_for = in_bounds(span);
	identity->trapped = stamp(now);
	/* not a count, which would begin anew with a record that was dropped */
	if (identity->round < identity->trapped.wall)
		identity->round = identity->trapped.wall;
	else if (identity->round < GREYLIST_TIME_MAX)
		identity->round++;
	return true;
}

void greylist_set_mark(struct greylist_identity *identity,
		       enum greylist_mark mark, const struct greylist_time *now,
		       int64_t span)
{
	identity->mark = mark;
	identity->marked_for = in_bounds(span);
	identity->marked = stamp(now);
	if (mark == GREYLIST_ALLOW)
		identity->trapped_for = 0;
}

void greylist_write_to(struct greylist_outbound *outbound,
		       const struct greylist_time *now)
{
	outbound->is_there = true;
	outbound->last = stamp(now);
}

/* --- how long a record is needed ----------------------------------------- */

/* A second more: at the very end of a span it still counts. */
static int64_t needed(const struct greylist_time *then, int64_t span,
		      const struct greylist_time *now, int64_t in_doubt)
{
	int64_t since = greylist_since(then, now, in_doubt);

	return since <= span ? span - since + 1 : 0;
}

static int64_t triplet_left(const struct greylist_triplet *triplet,
			    const struct greylist_terms *terms,
			    const struct greylist_time *now)
{
	switch (triplet->state) {
	case GREYLIST_ABSENT: break;
	case GREYLIST_WAITING:
		/* in doubt it has waited, and may come any time */
		return needed(&triplet->first, terms->window, now, 0);
	case GREYLIST_PASSED:
		return needed(&triplet->last, terms->keep, now, 0);
	}
	return 0;
}

static int64_t identity_left(const struct greylist_identity *identity,
			     const struct greylist_terms *terms,
			     const struct greylist_time *now)
{
	int64_t left = greylist_mark_left(identity, now);
	int64_t other = greylist_trap_left(identity, now);

	if (other > left)
		left = other;
	if (identity->passes > 0) {
		other = needed(&identity->last, terms->keep, now, 0);
		if (other > left)
			left = other;
	}
	/* it must outlive the triplets that wait since before it */
	if (identity->round > 0 && left != GREYLIST_FOR_EVER) {
		other = needed(&identity->trapped, terms->longest_window, now,
			       0);
		if (other > left)
			left = other;
	}
	return left;
}

int64_t greylist_triplet_left(const struct greylist_triplet *triplet,
			      const struct greylist_terms *terms,
			      const struct greylist_time *now)
{
	struct greylist_terms limits = sane(terms);

	return triplet_left(triplet, &limits, now);
}

int64_t greylist_identity_left(const struct greylist_identity *identity,
			       const struct greylist_terms *terms,
			       const struct greylist_time *now)
{
	struct greylist_terms limits = sane(terms);

	return identity_left(identity, &limits, now);
}

int64_t greylist_outbound_left(const struct greylist_outbound *outbound,
			       const struct greylist_terms *terms,
			       const struct greylist_time *now)
{
	int64_t span = in_bounds(terms->outbound);

	if (!outbound->is_there || span == 0)
		return 0;
	return needed(&outbound->last, span, now, 0);
}

/* --- a visit ------------------------------------------------------------- */

struct visit {
	const struct greylist_terms *terms;
	const struct greylist_time *now;
	struct greylist_triplet *triplet;
	struct greylist_identity *identity;
	struct greylist_result *result;
};

static void answer(const struct visit *v, enum greylist_answer given,
		   enum greylist_why why)
{
	v->result->answer = given;
	v->result->why = why;
}

static void use_identity(const struct visit *v)
{
	if (v->identity->passes == 0)
		return; /* nothing to keep */
	v->identity->last = stamp(v->now);
	v->result->identity_changed = true;
}

static void pass(const struct visit *v, enum greylist_why why)
{
	v->triplet->last = stamp(v->now);
	count_up(&v->triplet->count);
	v->result->triplet_changed = true;
	v->result->waited = v->triplet->waited;
	use_identity(v);
	answer(v, GREYLIST_PASS, why);
}

/* It has come back in time, or need not wait at all. */
static void end_wait(const struct visit *v, int64_t waited)
{
	int64_t first_wall = v->triplet->first.wall;

	*v->triplet = (struct greylist_triplet){
		.state = GREYLIST_PASSED,
		.first_wall = first_wall,
		.waited = in_bounds(waited),
	};
	if (v->terms->wait > 0)
		count_pass(v->identity, v->terms, v->now);
	v->result->must_last = true;
	pass(v, GREYLIST_WAITED);
}

static void begin_wait(const struct visit *v, enum greylist_why why)
{
	*v->triplet = (struct greylist_triplet){
		.state = GREYLIST_WAITING,
		.first = stamp(v->now),
		.tried_wall = stamp(v->now).wall,
		.count = 1,
		.round = v->identity->round,
	};
	if (v->terms->wait == 0) {
		end_wait(v, 0);
		return;
	}
	v->result->left = v->terms->wait;
	v->result->triplet_changed = v->result->must_last = true;
	answer(v, GREYLIST_WAIT, why);
}

/* In doubt it has waited, and not too long. */
static void go_on_waiting(const struct visit *v)
{
	int64_t since =
		greylist_since(&v->triplet->first, v->now, v->terms->wait);

	if (v->triplet->round < v->identity->round) {
		begin_wait(v, GREYLIST_DROPPED);
	} else if (since > v->terms->window) {
		begin_wait(v, GREYLIST_LATE);
	} else if (since >= v->terms->wait) {
		end_wait(v, since);
	} else {
		v->triplet->tried_wall = stamp(v->now).wall;
		count_up(&v->triplet->count);
		v->result->triplet_changed = true;
		v->result->left = v->terms->wait - since;
		answer(v, GREYLIST_WAIT, GREYLIST_EARLY);
	}
}

static bool judge_identity(const struct visit *v)
{
	int64_t left = greylist_mark_left(v->identity, v->now);

	if (left > 0) {
		bool allowed = v->identity->mark == GREYLIST_ALLOW;

		v->result->left = allowed ? 0 : left;
		answer(v, allowed ? GREYLIST_PASS : GREYLIST_REFUSED,
		       allowed ? GREYLIST_ALLOWED : GREYLIST_BLOCKED);
		return true;
	}
	left = greylist_trap_left(v->identity, v->now);
	if (left > 0) {
		v->result->left = left;
		answer(v, GREYLIST_REFUSED, GREYLIST_TRAPPED);
	}
	return left > 0;
}

static void judge(const struct visit *v,
		  const struct greylist_outbound *outbound)
{
	if (judge_identity(v))
		return;
	if (v->triplet->state == GREYLIST_PASSED &&
	    triplet_left(v->triplet, v->terms, v->now) > 0) {
		pass(v, GREYLIST_KEPT);
	} else if (knows(v->identity, v->terms, v->now)) {
		use_identity(v);
		answer(v, GREYLIST_PASS, GREYLIST_KNOWN);
	} else if (greylist_outbound_left(outbound, v->terms, v->now) > 0) {
		answer(v, GREYLIST_PASS, GREYLIST_OUTBOUND);
	} else if (v->triplet->state == GREYLIST_WAITING) {
		go_on_waiting(v);
	} else {
		begin_wait(v, GREYLIST_NEW);
	}
}

void greylist_visit(const struct greylist_terms *terms,
		    const struct greylist_time *now,
		    struct greylist_records *records,
		    struct greylist_result *ret_result)
{
	const struct greylist_terms limits = sane(terms);
	const struct greylist_time time = stamp(now);
	const struct visit v = {
		.terms = &limits,
		.now = &time,
		.triplet = &records->triplet,
		.identity = &records->identity,
		.result = ret_result,
	};

	*ret_result = (struct greylist_result){ 0 };
	ret_result->identity_changed = tidy(v.identity, &limits, &time);
	judge(&v, &records->outbound);
	ret_result->triplet_left = triplet_left(v.triplet, &limits, &time);
	ret_result->identity_left = identity_left(v.identity, &limits, &time);
}

/* --- for people ---------------------------------------------------------- */

const char *greylist_span(int64_t seconds, char buf[GREYLIST_SPAN_SIZE])
{
	static const struct {
		int64_t seconds;
		char unit;
	} units[] = {
		{ 86400, 'd' },
		{ 3600, 'h' },
		{ 60, 'm' },
		{ 1, 's' },
	};
	size_t first = 0;
	int64_t small;

	if (seconds >= GREYLIST_SPAN_MAX) {
		snprintf(buf, GREYLIST_SPAN_SIZE, "for ever");
		return buf;
	}
	if (seconds < 0)
		seconds = 0;
	while (first < 3 && seconds < units[first].seconds)
		first++;
	if (first == 3) {
		snprintf(buf, GREYLIST_SPAN_SIZE, "%" PRId64 "s", seconds);
		return buf;
	}
	/* rounded up to the smaller unit: nobody is told to come too early */
	small = units[first + 1].seconds;
	seconds = (seconds + small - 1) / small * small;
	if (first > 0 && seconds >= units[first - 1].seconds)
		first--;
	snprintf(buf, GREYLIST_SPAN_SIZE, "%" PRId64 "%c",
		 seconds / units[first].seconds, units[first].unit);
	seconds = seconds % units[first].seconds / units[first + 1].seconds;
	if (seconds > 0) {
		size_t len = strlen(buf);

		snprintf(buf + len, GREYLIST_SPAN_SIZE - len, "%" PRId64 "%c",
			 seconds, units[first + 1].unit);
	}
	return buf;
}
