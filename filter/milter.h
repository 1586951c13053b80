/*
 * milter.h - the door to libmilter: when something happens.
 *
 * Only milter_steps.c knows it too, and says what is negotiated.
 *
 * Callbacks note what the MTA said, tell the session, and pass its answer on.
 */
#ifndef STEELYARD_FILTER_MILTER_H
#define STEELYARD_FILTER_MILTER_H

#include <stdbool.h>
#include <stdint.h>

struct generation;
struct inspector_pool;
struct store;

struct milter_start {
	int listen_fd; /* inherited listener, or -1: bind `socket` ourselves */
	const char *socket; /* as in `set milter_socket` */
	struct inspector_pool *pool;
	struct generation *(*current)(void); /* a new reference */
	struct store *(*store)(void); /* as in session.h */
	void (*ready)(void); /* called when the socket is served */
	void (*drained)(void); /* called when the process may end */
};

/*
 * Registers and serves.  Returns only if that cannot be done, or no longer
 * (logged): -1.  Call once, with all signals that matter blocked.
 */
int milter_serve(const struct milter_start *start);

/*
 * Begins to stop, from any thread: no new connections are taken (with an
 * inherited listener they wait in the supervisor's backlog), messages under way
 * are finished, and at most `seconds` later drained() is called.  From then on
 * callbacks wait for the process to end.
 */
void milter_drain(unsigned seconds);

struct milter_stats {
	unsigned sessions; /* open connections from MTAs */
	unsigned session_limit; /* 0: none was in force yet */
	unsigned messages; /* between MAIL and their end */
	bool draining;
	bool at_rest; /* drained, and no callback is at work any more */
};
struct milter_stats milter_stats(void);

#endif
