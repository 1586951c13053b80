/*
 * backoff.h - how long to wait before something that died is started again.
 *
 * A few deaths are free: the next one is started at once.  When they come
 * faster than life earns them back, the pause doubles up to a limit.  Only time
 * lived counts: what dies as soon as it is started never earns anything.
 */
#ifndef STEELYARD_FILTER_BACKOFF_H
#define STEELYARD_FILTER_BACKOFF_H

#include <stdint.h>

struct backoff_policy {
	unsigned free; /* deaths in a row that cost no pause */
	int64_t earn_ms; /* so long a life earns one of them back */
	int64_t first_ms; /* the first pause */
	int64_t max_ms;
};

struct backoff {
	int64_t debt; /* deaths not yet lived down, in thousandths */
};

/* A death after `lived_ms` of useful life; returns the pause in ms. */
int64_t backoff_died(struct backoff *backoff,
		     const struct backoff_policy *policy, int64_t lived_ms);

#endif
