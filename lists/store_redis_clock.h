/*
 * store_redis_clock.h - one wall clock for all hosts that share a server: its.
 *
 * A stamp of another host is judged by the wall clock alone (greylist.h), and
 * a wall clock can jump, or be wrong.  So where several hosts remember together
 * the one that counts is the server's.  It is asked now and then, never apart
 * from what is asked anyway; and in between it is worked out from this host's
 * steady clock, which nobody sets: wall = base + up.  Hence no jump of this
 * host's wall clock is seen by what the hosts share, at no moment.
 *
 * The server's clock may jump as well, or another server take over, or both be
 * one machine.  A step of it is not followed at once, as those who wait would
 * be judged by two clocks: only when it has lasted for REDIS_CLOCK_HOLD_MS is
 * it believed.  Those who are waiting then, and come to another host than the
 * first time, may be let in early or, once, asked to wait anew.  So is, until
 * then, who comes to a host that was started after the step.  What is slower
 * than a step, as clocks do differ in their speed, is followed.
 *
 * A host whose clock was never compared (the server is away since it started,
 * or does not tell the time) goes by its own; so does a time of another run
 * than this one, as one that a test has made up.
 *
 * Pure functions; whoever has a struct redis_wall guards it.
 */
#ifndef LISTS_STORE_REDIS_CLOCK_H
#define LISTS_STORE_REDIS_CLOCK_H

#include "lists/greylist.h"

enum {
	REDIS_CLOCK_EVERY_MS = 60000, /* it is asked again */
	REDIS_CLOCK_HOLD_MS = 3600000,
	REDIS_CLOCK_ROUNDING = 1, /* seconds, as either clock is cut off */
	REDIS_CLOCK_DRIFT = 5, /* seconds; more than that is a step */
};

/* All zero: nothing is known. */
struct redis_wall {
	bool asked; /* it was, whatever it has said */
	uint64_t next_ms; /* when to ask again */
	uint64_t run; /* that base is of; 0: not known */
	int64_t base; /* the server's wall clock, less our `up` */
	bool in_doubt; /* the server has another since then: */
	int64_t other;
	uint64_t since_ms;
};

/* Is it time to ask?  ms is redis_clock()'s, as all below. */
bool redis_wall_is_due(const struct redis_wall *wall, uint64_t ms);

/*
 * The server said that its clock shows so many seconds, between `before` and
 * `after` of ours; what took too long to tell a second says nothing.
 */
void redis_wall_learn(struct redis_wall *wall, int64_t seconds,
		      const struct greylist_time *before,
		      const struct greylist_time *after, uint64_t ms);

/* It was asked, and does not tell. */
void redis_wall_refused(struct redis_wall *wall, uint64_t ms);

/* The time with the wall clock that counts; to do so twice changes nothing. */
struct greylist_time redis_wall_time(const struct redis_wall *wall,
				     const struct greylist_time *now);

/* By how many seconds our wall clock is ahead of it; 0 if nobody knows. */
int64_t redis_wall_ahead(const struct redis_wall *wall,
			 const struct greylist_time *now);

#endif
