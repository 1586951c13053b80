/*
 * dnsbl_stories.h - what befalls a list, step by step, and what it is then.
 */
#ifndef TESTS_UNIT_DNSBL_STORIES_H
#define TESTS_UNIT_DNSBL_STORIES_H

#include <stddef.h>

#include "lists/dnsbl_health.h"

/* Answers of a list. */
enum said {
	MISS,
	HIT,
	ERROR,
	FOREIGN,
	HIT_AND_ERROR,
	HIT_AND_FOREIGN,
	TIMEOUT,
	SERVFAIL,
	BREAKER,
	BUSY,
	SAIDS,
};

enum event {
	NOTE, /* questions bring this answer, `times` times */
	PROBE, /* so says the probe of a listing */
	OTHERS, /* the resolver answers that many questions of others */
	IDLE, /* no test is due */
	/* one is, and this is what it finds */
	RUN, /* all as it should be */
	RUN_ONE_KIND, /* all, but another kind is not answered */
	RUN_NO_ENTRY, /* all, but the entry for tests is not there */
	RUN_SAYS, /* this is said to all */
	RUN_OLD, /* likewise, out of our cache, but for the probe */
	START, /* one is due, and its end comes later: */
	END_SAYS,
	RETEST, /* another entry for tests is given */
	UNTEST, /* tests are no longer wanted */
};

struct step {
	unsigned at_s;
	enum event event;
	enum said said;
	unsigned times;
	enum dnsbl_health is; /* after it */
};

#define STEPS 24

struct story {
	const char *claim;
	struct step steps[STEPS];
};

extern const struct story dnsbl_stories[];
extern const size_t dnsbl_story_count;

#endif
