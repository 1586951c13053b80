/*
 * control_greylist.h - the parts of the verb `greylist`, among themselves.
 *
 * Nothing is sent to a client while the store is being walked: a page is put
 * together first, so a slow client holds up himself alone.
 */
#ifndef STEELYARD_FILTER_CONTROL_GREYLIST_H
#define STEELYARD_FILTER_CONTROL_GREYLIST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lists/greylist.h"
#include "lists/sender_key.h"
#include "lists/store.h"
#include "lists/triplet.h"

struct control_context;
struct control_sink;
struct generation;

enum {
	GREYLIST_PATTERN_SIZE = 1024, /* with the NUL */
	GREYLIST_ASK_MS = 5000, /* for one record */
	GREYLIST_PAGE_MS = 1000, /* for a page */
	GREYLIST_WHY = 512,
};

/* One request. */
struct grey_call {
	const struct control_sink *sink;
	const struct control_context *context;
	const json_t *request;
	struct store *store; /* by grey_open() */
	struct generation *gen;
	struct greylist_terms terms; /* of those in no class */
	struct greylist_time now;
	const char *did; /* for the log: what was changed, or tried to be */
};

/* Takes the answer over; whether it was a good one. */
bool grey_say(struct grey_call *call, json_t *answer);
/* {"ok":false,"code":"wrong"} */
bool grey_say_wrong(struct grey_call *call, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/*
 * Finds the store, once it is clear that the request is right: what is wrong
 * with that is told also where there is none.  False: none, and that was said.
 */
bool grey_open(struct grey_call *call);
/* Of any end but STORE_DONE. */
bool grey_say_end(struct grey_call *call, enum store_end end);

/* --- members of a request; false: it is another thing, and that was said -- */

bool grey_read_number(struct grey_call *call, const char *name, int64_t least,
		      int64_t most, int64_t standard, int64_t *ret_number);
bool grey_read_bool(struct grey_call *call, const char *name, bool *ret_yes);
/* NULL if it is not there. */
bool grey_read_text(struct grey_call *call, const char *name,
		    const char **ret_text);
bool grey_read_cursor(struct grey_call *call, struct store_cursor *ret_cursor);

/* Patterns in small letters, which the filter points to. */
struct grey_filter {
	struct store_filter filter;
	char identity[GREYLIST_PATTERN_SIZE];
	char sender[GREYLIST_PATTERN_SIZE];
	char recipient[GREYLIST_PATTERN_SIZE];
};
bool grey_read_filter(struct grey_call *call, struct grey_filter *ret_filter);

/* "identity" of a request, in small letters. */
bool grey_read_identity(struct grey_call *call,
			char ret_identity[TRIPLET_IDENTITY_SIZE]);

/* --- control_greylist_who.c ---------------------------------------------- */

/*
 * Is this an identity?  If not, `ret_why` says what one looks like, with a
 * guess at what was meant.  `bits` are those of networks here.
 */
bool grey_is_identity(const char *text, const struct triplet_bits *bits,
		      char ret_why[GREYLIST_WHY]);

/* Whom a request is about; the keys are "" where it does not say. */
struct grey_who {
	char identity[TRIPLET_IDENTITY_SIZE];
	char triplet[TRIPLET_KEY_SIZE];
	char address[SENDER_KEY_SIZE]; /* the sender, or whom we wrote to */
};
bool grey_read_who(struct grey_call *call, struct grey_who *ret_who);

/* --- control_greylist_edit.c: what changes ------------------------------- */

bool grey_allow(struct grey_call *call);
bool grey_block(struct grey_call *call);
bool grey_unmark(struct grey_call *call);
bool grey_forget(struct grey_call *call);
bool grey_import(struct grey_call *call);

#endif
