/* dial.h - a connection to a milter's socket, named as libmilter names it. */
#ifndef BENCH_DIAL_H
#define BENCH_DIAL_H

#include <stddef.h>
#include <sys/socket.h>

struct dial {
	struct sockaddr_storage addr;
	socklen_t len;
	/* What Postfix buffers before it writes: more on TCP than on unix. */
	size_t buffer;
};

/*
 * Reads unix:/path, local:/path, /path, inet:port@host, inet6:port@host.
 * Ends the program with one line if it is none of them.
 */
void dial_read(struct dial *ret_dial, const char *name);

/* A connected, blocking socket, or -1 with errno set. */
int dial_open(const struct dial *dial);

/* Makes room for `count` descriptors beside a few; -1 if the system won't. */
int dial_room(unsigned count);

#endif
