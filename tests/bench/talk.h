/*
 * talk.h - connections to a milter, driven by one thread.
 *
 * A closed loop: each of `connections` sends its next message as soon as the
 * one before has been answered, without think time, until `messages` have been
 * sent in all.  One thread and epoll keep the driver's own work small beside
 * the filter's, and the clock is read next to the write and next to the read.
 */
#ifndef BENCH_TALK_H
#define BENCH_TALK_H

#include "tests/bench/sample.h"
#include "tests/bench/wire.h"

#include <stdint.h>

struct letter;

struct talk_settings {
	const char *socket; /* unix:/path, /path, inet:port@host */
	unsigned connections;
	uint32_t messages;
	unsigned per_connection; /* messages, then quit and connect anew */
	unsigned rcpts;
	/*
	 * Clients with an address each, taken in turn by the connections, from
	 * the first on (see wire.h); 0: always the same.
	 */
	uint32_t clients;
	uint32_t first_client;
	const struct letter *letters; /* taken in turn */
	size_t letter_count;
};

struct talk_result {
	/*
	 * From the connect, or on a connection already in use from MAIL, to
	 * the reply that ended the message.
	 */
	struct sample message;
	struct sample steps[WIRE_STEPS]; /* those that waited for a reply */
	uint32_t replies[256];
	/* The last ones that were added, "Name: value". */
	char header[512], authentication[1024];
	uint32_t broken; /* talks that the filter left or garbled */
	struct wire_deal deal; /* of the last connection */
	uint64_t ns; /* the whole run */
};

/*
 * Returns when every message was sent; a broken talk costs its message.  A
 * filter that cannot be reached, or gives no reply for half a minute, ends the
 * program with one line.
 */
void talk_run(const struct talk_settings *set, struct talk_result *ret_result);

/*
 * Opens `count` connections, says connect and HELO on each and leaves them
 * idle.  Says "holding COUNT" on stdout, and quits them all when stdin ends.
 */
void talk_hold(const char *socket, unsigned count);

void talk_result_done(struct talk_result *result);

#endif
