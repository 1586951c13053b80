/*
 * control.h - the socket on which steelyardctl asks and orders.
 *
 * JSON lines: a request is one object a line, such as {"verb":"status"}, and is
 * answered by one line {"ok":true,...} or {"ok":false,"code":...,"error":...}.
 * A long answer comes in several lines, of which only the last has "end".
 * control_verbs.h has the verbs.
 *
 * Who may: the kernel tells who is at the other end.  Root and the user of the
 * filter may do everything; members of the socket's group may look, but not
 * change anything, because an MTA is often put into that group for the milter
 * socket's sake.  All others are told that they may not, and hung up on.
 *
 * A client costs no mail anything: one thread accepts and each client has
 * a thread of its own, at a lower priority, of which there are at most
 * CONTROL_CLIENTS; a further client is told so.  A request has to be complete
 * CONTROL_PATIENCE_MS after the client connected or got its last answer, a line
 * of an answer has to be taken within the same time; else the client is left.
 */
#ifndef STEELYARD_FILTER_CONTROL_H
#define STEELYARD_FILTER_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "filter/inspector.h"
#include "filter/milter.h"
#include "filter/serve.h"

struct generation;

enum {
	CONTROL_CLIENTS = 8,
	CONTROL_LINE_MAX = 64 * 1024, /* bytes of a request, with its LF */
	CONTROL_PATIENCE_MS = 5000,
};

/*
 * The filter, as far as the socket needs it; a test puts something else in its
 * place.  Functions may be NULL where there is no running filter (steelyardctl
 * answers from files with the same code); the verbs that need them then say so.
 */
struct control_context {
	/* A new reference; NULL if there is none. */
	struct generation *(*current)(void);
	/* As serve_reload(). */
	bool (*reload)(bool force, char **ret_report);
	/* As serve_take_list(). */
	bool (*take_list)(const char *name, char **ret_report);
	struct milter_stats (*milter)(void);
	struct inspector_stats (*inspectors)(void);
	struct serve_stats (*served)(void);
	/* As serve_store(). */
	struct store *(*store)(void);
	const char *config; /* path */
};

/*
 * Serves `listen_fd`, which stays the caller's, until control_stop().  The
 * context is copied.  0, or -1 with errno.  One at a time.
 */
int control_start(int listen_fd, const struct control_context *context);

/* Waits for the clients' threads; a request under way is finished. */
void control_stop(void);

#endif
