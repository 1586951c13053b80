/*
 * store_redis_link.h - one connection to a server, with a deadline for all.
 *
 * hiredis's own connections wait for each read anew, so that a server which
 * sends a byte now and then holds them as long as it likes.  Here the whole of
 * a command has one deadline, in milliseconds of redis_clock().
 *
 * For one thread at a time, but for redis_link_interrupt().  What fails leaves
 * a sentence in `why`, and a link that can only be closed.
 */
#ifndef LISTS_STORE_REDIS_LINK_H
#define LISTS_STORE_REDIS_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lists/store_redis_place.h"
#include "lists/store_redis_reply.h"

struct redis_link {
	int fd; /* -1: none */
	struct redis_reader *reader;
	char sha[REDIS_SHA_SIZE]; /* the script's name there */
	uint64_t used_ms; /* when it was last */
	unsigned generation; /* see store_redis_pool.c */
	bool busy, asking, probes;
	bool tells_time; /* with the next reply */
	char why[STORE_WHY_SIZE];
};

/* CLOCK_MONOTONIC, which is never set. */
uint64_t redis_clock(void);

/* 0, or -1 with `why`, and closed. */
int redis_link_open(struct redis_link *link, const struct redis_place *place,
		    uint64_t deadline_ms);
void redis_link_close(struct redis_link *link);

/* Ends what another thread waits for on it. */
void redis_link_interrupt(const struct redis_link *link);

/* Has the server neither closed it nor said anything unasked? */
bool redis_link_is_quiet(const struct redis_link *link);

/* --- commands ------------------------------------------------------------ */

/* Words, as they go over the wire; several commands may follow each other. */
struct redis_command {
	char *bytes;
	size_t len, room;
	size_t count; /* of commands: replies to come */
	bool failed; /* no memory; sends nothing */
};

void redis_command_init(struct redis_command *command);
/* Empties what may be a secret. */
void redis_command_done(struct redis_command *command);

/* The next command has so many words. */
void redis_command_begin(struct redis_command *command, size_t words);
void redis_command_word(struct redis_command *command, const char *text,
			size_t len);
void redis_command_text(struct redis_command *command, const char *text);
void redis_command_number(struct redis_command *command, int64_t number);

/* The words of another, which count in this one's current command. */
void redis_command_raw(struct redis_command *command,
		       const struct redis_command *words);

/* A whole one of words that are text; the last is NULL. */
void redis_command_say(struct redis_command *command, const char *word, ...)
	__attribute__((sentinel));

/*
 * Sends them and waits for all the replies; each is the caller's, and may be an
 * error.  Unless STORE_DONE there is `why` and no reply: STORE_AWAY if the
 * server did not answer, STORE_BROKEN if it speaks no such protocol.
 */
enum store_end redis_link_ask(struct redis_link *link,
			      const struct redis_command *command,
			      uint64_t deadline_ms,
			      struct redis_reply **ret_replies);

#endif
