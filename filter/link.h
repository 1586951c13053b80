/*
 * link.h - what supervisor and filter say to each other.
 *
 * A SOCK_SEQPACKET pair; one struct link_message a packet, descriptors ride
 * along as SCM_RIGHTS.  Both ends are the same program, started together.
 *
 * Descriptors that a child finds open at exec:
 *
 *	filter     3 link, 4 milter listener, 5 control listener
 *	inspector  3 crash note (shared memory), 4 ... 3+K channels
 *
 * and in its environment STEELYARD_ROLE=filter|inspector, STEELYARD_CONFIG (the
 * configuration's path), STEELYARD_CHANNELS (K), STEELYARD_INSPECTORS (N),
 * STEELYARD_FOREGROUND=1 (log to stderr), STEELYARD_STARTING=1 (the first
 * filter of all: somebody still reads stderr, even where the log goes to
 * syslog), STEELYARD_DNS (a file that stands in for DNS).
 */
#ifndef STEELYARD_FILTER_LINK_H
#define STEELYARD_FILTER_LINK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { LINK_FD = 3, LINK_MILTER_FD = 4, LINK_CONTROL_FD = 5 };
enum { INSPECT_NOTE_FD = 3, INSPECT_CHANNEL_FD = 4, CHANNELS_MAX = 64 };

enum link_verb {
	/* supervisor -> filter */
	LINK_INSPECTOR, /* number, pid; fds: note, then its channels */
	LINK_INSPECTOR_GONE, /* number, pid; value: wait status */
	LINK_RELOAD, /* SIGHUP came */
	LINK_DRAIN, /* finish and exit */
	LINK_SNAPSHOT, /* fd: what the last filter ran on (at start only) */
	/* filter -> supervisor */
	LINK_READY, /* it serves the socket */
	LINK_KILL, /* number, pid: this inspector hangs */
	LINK_KEEP, /* fd: snapshot for the next filter */
	LINK_STARTED, /* the config was read; fails to start without */
	LINK_PING, /* alive; at least every LINK_PING_MS */
	LINK_RELOADED, /* value: 1 the new configuration holds, 0 refused */
};

enum {
	LINK_PING_MS = 2000, /* the filter says LINK_PING as often as this */
	LINK_SILENCE_MS = 15000, /* longer than this: it hangs, and is killed */
	LINK_LOADING_MS = 60000, /* the same until LINK_STARTED has come */
};

struct link_message {
	uint32_t verb;
	uint32_t number; /* of an inspector, from 0 */
	int32_t pid;
	int32_t value;
};

enum { LINK_FDS_MAX = CHANNELS_MAX + 1 };

/* Sends; the descriptors stay open here.  -1 and errno on failure. */
int link_send(int fd, const struct link_message *message, const int *fds,
	      size_t fd_count);

/*
 * Receives one message; descriptors come close-on-exec.  Returns 1, 0 at the
 * end of the link, -1 with errno (EAGAIN, EPROTO for a malformed packet).
 */
int link_receive(int fd, struct link_message *ret_message,
		 int ret_fds[LINK_FDS_MAX], size_t *ret_fd_count);

#endif
