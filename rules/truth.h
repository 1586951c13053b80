/*
 * truth.h - Kleene's three values, "not yet" and "never mind"; alone and in
 * pairs.
 *
 * TRUTH_WAIVED is what asks about a fact that was decided not to matter for
 * this message (facts.h).  Like unknown it holds neither as it stands nor
 * negated; but nobody might have been saved by knowing it.
 *
 * What an expression is worth comes as a pair.  `now` is what it says with
 * `X is unknown` taken at its word.  `fair` is the same with that test
 * unanswered wherever it saw something unknown: had the look-up worked, it
 * might have said the opposite.  A rule may score on `now`, but only `fair`
 * may carry a 5xx (promise 2).  The two differ by `X is unknown` and
 * `X is temperror` alone, and then `fair` is unknown where `now` is true or
 * false.
 */
#ifndef STEELYARD_RULES_TRUTH_H
#define STEELYARD_RULES_TRUTH_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Pending is zero, so that fresh memory is pending; truth_and() needs the
 * others' order, too.
 */
enum truth {
	TRUTH_PENDING,
	TRUTH_FALSE,
	TRUTH_UNKNOWN,
	TRUTH_WAIVED,
	TRUTH_TRUE,
};
#define TRUTHS (TRUTH_TRUE + 1)

typedef uint8_t truth_pair; /* now + TRUTHS * fair */

#define TRUTH_PAIR(now, fair) ((truth_pair)((now) + (fair)*TRUTHS))
#define TRUTH_PAIRS (TRUTHS * TRUTHS)
#define TRUTH_BOTH(truth) TRUTH_PAIR(truth, truth)

static inline enum truth truth_now(truth_pair pair)
{
	return (enum truth)(pair % TRUTHS);
}

static inline enum truth truth_fair(truth_pair pair)
{
	return (enum truth)(pair / TRUTHS);
}

/* Neither half can change any more. */
static inline bool truth_decided(truth_pair pair)
{
	return truth_now(pair) != TRUTH_PENDING &&
	       truth_fair(pair) != TRUTH_PENDING;
}

static inline enum truth truth_not(enum truth a)
{
	return a == TRUTH_TRUE	  ? TRUTH_FALSE
	       : a == TRUTH_FALSE ? TRUTH_TRUE
				  : a;
}

/*
 * False settles an "and" whatever is still to come; else what is pending may
 * yet become false, and so hides what is unknown, as this does what is waived.
 */
static inline enum truth truth_and(enum truth a, enum truth b)
{
	if (a == TRUTH_FALSE || b == TRUTH_FALSE)
		return TRUTH_FALSE;
	return a < b ? a : b;
}

static inline enum truth truth_or(enum truth a, enum truth b)
{
	return truth_not(truth_and(truth_not(a), truth_not(b)));
}

#endif
