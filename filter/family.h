/*
 * family.h - the supervisor's children: one filter and N inspectors.
 *
 * Keeps them alive.  What dies is started again, at once or after a pause
 * (backoff.h); with the filter go its inspectors, whose channels ended there.
 * Times are monotonic milliseconds and are handed in.
 */
#ifndef STEELYARD_FILTER_FAMILY_H
#define STEELYARD_FILTER_FAMILY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "filter/backoff.h"

struct holdings;

enum { INSPECTORS_MAX = 64 };

struct member {
	pid_t pid; /* 0: not running */
	int64_t due; /* when it is to be started */
	int64_t started;
	bool replaced; /* killed by us, for it has lost its filter */
	struct backoff backoff;
};

struct family {
	struct holdings *holdings;
	const char *config;
	const char *dns_zone; /* NULL: the network */
	bool foreground;
	int image, reader; /* our own program, and that of inspectors */
	struct member filter;
	int link; /* -1: no filter */
	int64_t served; /* since when the filter serves; 0: not yet */
	int64_t silent_until; /* then it is taken for dead */
	int snapshot; /* what the last filter ran on; -1: nothing */
	struct member inspectors[INSPECTORS_MAX];
	unsigned count, channels;
	bool ever_ready;
	bool draining;
	bool failed; /* the first filter did not come up */
};

/*
 * Nothing is started yet; the texts are borrowed.  False with the reason on
 * stderr.
 */
bool family_open(struct family *family, struct holdings *holdings,
		 const char *config, const char *dns_zone, bool foreground);

/* Kills what is left, and waits for it. */
void family_close(struct family *family);

/* The descriptor to poll for family_hear(), or -1. */
int family_link(const struct family *family);

/* Reads what the filter has said. */
enum family_news { FAMILY_NOTHING, FAMILY_FIRST_READY, FAMILY_RELOADED };
enum family_news family_hear(struct family *family, int64_t now);

/* Notices who has died. */
void family_bury(struct family *family, int64_t now);

/* Starts who is due, and kills a filter that has been silent for too long. */
void family_tend(struct family *family, int64_t now);

/* When family_tend() is needed next. */
int64_t family_due(const struct family *family);

/* Nobody could be heard for a while: grants the filter a new term. */
void family_excuse(struct family *family, int64_t now);

/* The filter shall load anew; false: there is none to tell. */
bool family_reload(struct family *family);

/* The filter shall finish and exit; nobody is started any more. */
void family_drain(struct family *family);
void family_kill(struct family *family); /* the same without mercy */

/* Drained, or failed: no filter is running, and none will. */
bool family_ended(const struct family *family);

#endif
