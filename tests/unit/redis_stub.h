/*
 * redis_stub.h - a server that says what it is told to, for tests.
 *
 * A thread of its own serves one connection after the other on a unix socket:
 * to whatever greets it, it says `greeting`; and `answer` to each command.
 */
#ifndef TESTS_UNIT_REDIS_STUB_H
#define TESTS_UNIT_REDIS_STUB_H

#include <stdbool.h>
#include <stddef.h>

#include <pthread.h>

/* What a master says that knows the script: whether it tells the time. */
#define REDIS_STUB_TELLS(time)                    \
	"*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n" time \
	"$40\r\n0123456789012345678901234567890123456789\r\n"
#define REDIS_STUB_NO_TIME "-NOPERM this user may not TIME\r\n"
#define REDIS_STUB_MASTER REDIS_STUB_TELLS(REDIS_STUB_NO_TIME)

struct redis_stub {
	const char *greeting, *answer;
	bool drips; /* a byte of the answer every few milliseconds */
	bool never_ends; /* after the answer comes x, and x, ... */
	bool hangs_up; /* after it */

	char folder[64], place[96];
	int fd, stop[2];
	pthread_t thread;
};

/* The fields in front are filled in, and stay so. */
void redis_stub_start(struct redis_stub *stub);
void redis_stub_stop(struct redis_stub *stub);

#endif
