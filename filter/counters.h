/*
 * counters.h - how often what happened, since this process began.
 *
 * Any thread may count and read, without a lock.
 */
#ifndef STEELYARD_FILTER_COUNTERS_H
#define STEELYARD_FILTER_COUNTERS_H

#include <stdint.h>

enum counter {
	COUNT_SESSIONS,
	COUNT_REFUSED_SESSIONS, /* 421: overload or drain */
	COUNT_MESSAGES, /* MAIL commands */
	COUNT_ACCEPT, /* verdicts, in the order of enum verdict_word */
	COUNT_TAG,
	COUNT_QUARANTINE,
	COUNT_DEFER,
	COUNT_DISCARD,
	COUNT_REJECT,
	COUNT_EXEMPT,
	COUNT_OBSERVED, /* would not have been accepted, but for the mode */
	COUNT_SOFTENED, /* 5xx that became 451 */
	COUNT_RCPT_REFUSED,
	COUNT_RCPT_SPLIT, /* 452 4.5.3 */
	COUNT_ABORTED,
	COUNT_FAULTS, /* 451 4.3.0 */
	COUNT_UNCHECKED, /* passed because a fault lasted */
	COUNT_REGEX_LIMITS,
	COUNT_GREYLIST_PASS, /* answers, each for one recipient */
	COUNT_GREYLIST_WAIT,
	COUNT_GREYLIST_REFUSED, /* blocked, or convicted */
	COUNT_GREYLIST_UNKNOWN, /* the memory has failed: mail flows */
	COUNT_CONVICTED, /* who wrote to a spamtrap */
	COUNTERS,
};

void count(enum counter counter);
void count_add(enum counter counter, uint64_t n);
uint64_t counted(enum counter counter);
const char *counter_name(enum counter counter);

#endif
