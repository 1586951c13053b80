/*
 * store_redis_reply.h - what a server says, read within bounds.
 *
 * The server may be shared with others, or be none: nothing that it says is
 * believed without a look.  hiredis takes the protocol apart, but would make
 * room for whatever a length in it claims, so the objects are made here, and
 * counted: a reply of more than REDIS_REPLY_BYTES, or of more than
 * REDIS_REPLY_PARTS in all its arrays, ends the connection.  Afterwards the
 * functions below read what was asked for, with types, lengths and bounds.
 *
 * A reader is for one thread at a time.
 */
#ifndef LISTS_STORE_REDIS_REPLY_H
#define LISTS_STORE_REDIS_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lists/store.h"

enum {
	REDIS_REPLY_BYTES = 1 << 20,
	REDIS_REPLY_PARTS = 8192,
	REDIS_REPLY_USUAL = 65536, /* bytes; a larger buffer is not kept */
	REDIS_SHA_SIZE = 41,
};

enum redis_kind {
	REDIS_TEXT,
	REDIS_NUMBER,
	REDIS_NOTHING,
	REDIS_STATUS,
	REDIS_ERROR,
	REDIS_ARRAY,
};

struct redis_reply {
	enum redis_kind kind;
	int64_t number;
	char *text; /* with a NUL behind, and perhaps others in it */
	size_t len;
	struct redis_reply **parts;
	size_t count; /* none is NULL in a reply that is whole */
};

void redis_reply_free(struct redis_reply *reply); /* NULL is fine */

struct redis_reader;

/* NULL without memory. */
struct redis_reader *redis_reader_new(void);
void redis_reader_free(struct redis_reader *reader); /* NULL is fine */

/* 0, or -1 with a sentence; nothing can be read any more then. */
int redis_reader_feed(struct redis_reader *reader, const char *bytes,
		      size_t len, char ret_why[STORE_WHY_SIZE]);

/*
 * Takes out the next reply, which is the caller's; *ret_reply is NULL as long
 * as it is not there in full.  0, or -1 with a sentence.
 */
int redis_reader_next(struct redis_reader *reader,
		      struct redis_reply **ret_reply,
		      char ret_why[STORE_WHY_SIZE]);

/* Has all been taken that was fed? */
bool redis_reader_is_empty(const struct redis_reader *reader);

/* Has it read so much that its buffer had better be given back? */
bool redis_reader_is_large(const struct redis_reader *reader);

/* --- what it says -------------------------------------------------------- */

/* Is it a status of that word: "OK"? */
bool redis_reply_is(const struct redis_reply *reply, const char *status);

/*
 * What a server means that refuses: STORE_AWAY if it may be another matter
 * soon, or elsewhere (it loads, it is a replica), else STORE_BROKEN.
 * ret_why is what it said, as far as that can be printed.
 */
enum store_end redis_reply_refusal(const struct redis_reply *reply,
				   char ret_why[STORE_WHY_SIZE]);

/* Has it forgotten the script? */
bool redis_reply_is_noscript(const struct redis_reply *reply);

/*
 * These read the replies of greylist.lua and of a few commands; false if it is
 * none such, and what they return to is not to be looked at then.
 */
bool redis_reply_sha(const struct redis_reply *reply,
		     char ret_sha[REDIS_SHA_SIZE]);

/* ROLE: is it the master? */
bool redis_reply_role(const struct redis_reply *reply, bool *ret_master);

/* TIME: the seconds that its wall clock shows. */
bool redis_reply_time(const struct redis_reply *reply, int64_t *ret_seconds);

/* A visit's: the result, and how many records were foreign. */
bool redis_reply_visit(const struct redis_reply *reply,
		       struct greylist_result *ret_result,
		       unsigned *ret_foreign);

/*
 * A look's: what the key number `at` of `count` holds.  The text is the
 * reply's; NULL and 0 where there is none.  expires is as in struct
 * store_entry.
 */
bool redis_reply_look(const struct redis_reply *reply, size_t count, size_t at,
		      int64_t wall, const char **ret_text, size_t *ret_len,
		      int64_t *ret_expires);

/* SCAN: the cursor and an array of texts. */
bool redis_reply_scan(const struct redis_reply *reply, uint64_t *ret_cursor,
		      const struct redis_reply **ret_keys);

#endif
