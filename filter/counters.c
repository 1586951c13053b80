/*
 * counters.c - relaxed atomics: each number is right, no two are of one moment.
 */
#include "filter/counters.h"

#include <stdatomic.h>

static atomic_uint_fast64_t counters[COUNTERS];

static const char *const names[COUNTERS] = {
	[COUNT_SESSIONS] = "sessions",
	[COUNT_REFUSED_SESSIONS] = "refused_sessions",
	[COUNT_MESSAGES] = "messages",
	[COUNT_ACCEPT] = "accept",
	[COUNT_TAG] = "tag",
	[COUNT_QUARANTINE] = "quarantine",
	[COUNT_DEFER] = "defer",
	[COUNT_DISCARD] = "discard",
	[COUNT_REJECT] = "reject",
	[COUNT_EXEMPT] = "exempt",
	[COUNT_OBSERVED] = "observed",
	[COUNT_SOFTENED] = "softened",
	[COUNT_RCPT_REFUSED] = "refused_recipients",
	[COUNT_RCPT_SPLIT] = "split_recipients",
	[COUNT_ABORTED] = "aborted",
	[COUNT_FAULTS] = "faults",
	[COUNT_UNCHECKED] = "unchecked",
	[COUNT_REGEX_LIMITS] = "regex_limits",
	[COUNT_GREYLIST_PASS] = "greylist_passes",
	[COUNT_GREYLIST_WAIT] = "greylist_waits",
	[COUNT_GREYLIST_REFUSED] = "greylist_refusals",
	[COUNT_GREYLIST_UNKNOWN] = "greylist_unknown",
	[COUNT_CONVICTED] = "convicted",
};

void count(enum counter counter)
{
	count_add(counter, 1);
}

void count_add(enum counter counter, uint64_t n)
{
	atomic_fetch_add_explicit(&counters[counter], n, memory_order_relaxed);
}

uint64_t counted(enum counter counter)
{
	return atomic_load_explicit(&counters[counter], memory_order_relaxed);
}

const char *counter_name(enum counter counter)
{
	return names[counter];
}
