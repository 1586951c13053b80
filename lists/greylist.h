/*
 * greylist.h - has this sender tried before, and waited?  The judgement alone.
 *
 * A stranger is told to come back; who does so after `wait` and within `window`
 * has passed, and is not asked again until it is silent for `keep`.  Here come
 * in the terms, the time and what the store holds, and out comes the answer
 * with what the store shall hold from now on.  Nothing here asks a clock, locks
 * or stores, so each path is a row in the unit test.
 *
 * What is judged, in this order: what an admin said of the identity; whether it
 * is convicted (a spamtrap was hit); whether the triplet has passed; whether
 * the identity is known; whether one of ours wrote to the sender; the wait.
 *
 * A known identity does not wait.  It has ended `known_after` waits, each on
 * an occasion of its own: an end within `known_gap` of the last one that was
 * counted is not.  So it takes several triplets that each came back, and days:
 * a campaign, however wide, earns one.  It is lost by silence for `keep` and
 * by conviction.  What passes without having waited earns nothing.
 *
 * A conviction takes the identity's count and blocks it for a time.  Triplets
 * that were waiting by then begin anew; those that had passed are heard again
 * when the block ends, as they earned it apart.  So it is remembered until no
 * triplet can still be waiting since before it, in whatever class.
 *
 * Time.  A stamp is a wall clock's time and, to tell what that is worth, a
 * clock that nobody can set (CLOCK_BOOTTIME) with the name of its run (a hash
 * of the kernel's boot_id).  What lies between two stamps of one run is taken
 * from that clock alone; so however the wall clock jumps while a machine is up,
 * no triplet becomes valid early, starts over, or waits longer than it should.
 * Between runs, or machines, there is only the wall clock, and what it says is
 * believed with two limits: a stamp in the future by up to GREYLIST_SKEW is of
 * just now (two hosts' clocks differ, and a retry at the other one is not to
 * pass at once); one further in the future is as old as helps the sender, who
 * has waited then, or has just been used, or is no longer blocked.  A jump
 * forward over `window` starts a wait over, which is one more wait and not for
 * ever; a jump by more than `wait` and less than `window` across a restart
 * cannot be told from waiting.  So machines that remember together go by one
 * wall clock, that of the server which they share (store_redis_clock.h).
 *
 * Pure functions, for any thread; nothing is allocated.
 */
#ifndef LISTS_GREYLIST_H
#define LISTS_GREYLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	GREYLIST_SKEW = 120, /* seconds */
	GREYLIST_COUNT_MAX = 1000000000, /* counters stay there */
};

#define GREYLIST_TIME_MAX 253402300799 /* the last second of the year 9999 */
#define GREYLIST_SPAN_MAX 3155760000 /* a hundred years */
#define GREYLIST_FOR_EVER INT64_MAX

struct greylist_time {
	int64_t wall; /* seconds since 1970, 0 to GREYLIST_TIME_MAX */
	int64_t up; /* seconds that the run has lasted */
	uint64_t run; /* 0: unknown, as no other */
};

/* Seconds; of the class and the score that this visit has. */
struct greylist_terms {
	int64_t wait;
	int64_t window; /* from the first try; less than wait counts as wait */
	int64_t keep;
	int64_t known_gap;
	uint32_t known_after; /* 0: nobody is known */
	int64_t outbound; /* that long after one of ours wrote; 0: never */
	/*
	 * The longest of any class, which a conviction outlives; less than
	 * window counts as window.
	 */
	int64_t longest_window;
};

enum greylist_state {
	GREYLIST_ABSENT,
	GREYLIST_WAITING,
	GREYLIST_PASSED,
};

struct greylist_triplet {
	enum greylist_state state;
	struct greylist_time first; /* waiting: the first try of this wait */
	struct greylist_time last; /* passed: the last use */
	int64_t first_wall; /* passed: when the wait began, for people */
	int64_t waited; /* passed: how long it came to */
	int64_t tried_wall; /* waiting: the last try, for people */
	uint32_t count; /* waiting: tries; passed: uses */
	int64_t round; /* waiting: the identity's, at the first try */
};

enum greylist_mark {
	GREYLIST_UNMARKED,
	GREYLIST_ALLOW,
	GREYLIST_BLOCK,
};

/* All zero: absent. */
struct greylist_identity {
	uint32_t passes; /* that were counted */
	int64_t round; /* grows with each conviction: its wall time, or more */
	struct greylist_time counted; /* if passes > 0 */
	struct greylist_time last; /* pass of any kind, if passes > 0 */
	int64_t trapped_for; /* 0: not convicted */
	struct greylist_time trapped;
	enum greylist_mark mark;
	int64_t marked_for; /* 0: until it is taken back */
	struct greylist_time marked;
};

/* One of ours wrote to an address. */
struct greylist_outbound {
	bool is_there;
	struct greylist_time last;
};

enum greylist_answer {
	GREYLIST_UNKNOWN, /* never given here; for who asks a store */
	GREYLIST_WAIT,
	GREYLIST_PASS,
	GREYLIST_REFUSED, /* blocked: the caller decides what that means */
};

enum greylist_why {
	GREYLIST_NO_ANSWER, /* with GREYLIST_UNKNOWN */
	/* wait */
	GREYLIST_NEW,
	GREYLIST_EARLY,
	GREYLIST_LATE, /* back after the window */
	GREYLIST_DROPPED, /* the identity was convicted meanwhile */
	/* pass */
	GREYLIST_WAITED,
	GREYLIST_KEPT, /* it has passed before */
	GREYLIST_KNOWN,
	GREYLIST_OUTBOUND,
	GREYLIST_ALLOWED,
	/* refused */
	GREYLIST_BLOCKED,
	GREYLIST_TRAPPED,
};

/* "known": the reason in a word, for log, journal and --json. */
const char *greylist_why_name(enum greylist_why why);
const char *greylist_answer_name(enum greylist_answer answer);

/* What the store holds, as it is found; what is not there is absent. */
struct greylist_records {
	struct greylist_triplet triplet;
	struct greylist_identity identity;
	struct greylist_outbound outbound;
};

struct greylist_result {
	enum greylist_answer answer;
	enum greylist_why why;
	int64_t left; /* wait: seconds, at least 1; refused: of the block */
	int64_t waited; /* pass: how long the triplet had to; else 0 */
	/*
	 * What has changed; the rest need not be written.  triplet_left and
	 * identity_left are how many seconds from now a record is needed:
	 * later it says no more than none.  GREYLIST_FOR_EVER is possible.
	 */
	bool triplet_changed, identity_changed;
	int64_t triplet_left, identity_left;
	/*
	 * The change must last before the answer is given: somebody was told
	 * to come back, or has come.  Otherwise a use was noted, and to lose it
	 * costs at most seconds of `keep`.
	 */
	bool must_last;
};

/*
 * Judges one visit and changes the records.  All three were read, and are
 * written, in one step of the store.
 */
void greylist_visit(const struct greylist_terms *terms,
		    const struct greylist_time *now,
		    struct greylist_records *records,
		    struct greylist_result *ret_result);

/*
 * The identity has hit a trap and is blocked for `span` seconds; a second hit
 * begins the time anew.  One that an admin allows is not touched: false then.
 */
bool greylist_convict(struct greylist_identity *identity,
		      const struct greylist_time *now, int64_t span);

/*
 * An admin's word, for `span` seconds, or until it is taken back (0).
 * GREYLIST_ALLOW also ends a conviction, GREYLIST_UNMARKED takes back a mark.
 */
void greylist_set_mark(struct greylist_identity *identity,
		       enum greylist_mark mark, const struct greylist_time *now,
		       int64_t span);

/* One of ours writes to the address. */
void greylist_write_to(struct greylist_outbound *outbound,
		       const struct greylist_time *now);

/* How long each record is needed, as in struct greylist_result; 0: no more. */
int64_t greylist_triplet_left(const struct greylist_triplet *triplet,
			      const struct greylist_terms *terms,
			      const struct greylist_time *now);
int64_t greylist_identity_left(const struct greylist_identity *identity,
			       const struct greylist_terms *terms,
			       const struct greylist_time *now);
int64_t greylist_outbound_left(const struct greylist_outbound *outbound,
			       const struct greylist_terms *terms,
			       const struct greylist_time *now);

/* How long an admin's word, or a conviction, goes on; 0: there is none. */
int64_t greylist_mark_left(const struct greylist_identity *identity,
			   const struct greylist_time *now);
int64_t greylist_trap_left(const struct greylist_identity *identity,
			   const struct greylist_time *now);

/* Is the identity known, by these terms? */
bool greylist_is_known(const struct greylist_identity *identity,
		       const struct greylist_terms *terms,
		       const struct greylist_time *now);

/*
 * Seconds from `then` to `now`.  If `then` is too far in the future to say it
 * is `in_doubt`.
 */
int64_t greylist_since(const struct greylist_time *then,
		       const struct greylist_time *now, int64_t in_doubt);

/*
 * By how many seconds the wall clock has moved ahead of the steady one between
 * the two; 0 where they are of different runs, and nobody knows.
 */
int64_t greylist_drift(const struct greylist_time *then,
		       const struct greylist_time *now);

#define GREYLIST_SPAN_SIZE 24

/* "4m58s", "2h", "1d3h": the two largest units, rounded up.  Returns buf. */
const char *greylist_span(int64_t seconds, char buf[GREYLIST_SPAN_SIZE]);

#endif
