/*
 * show.h - what there is to tell, as JSON: for the control socket, and for
 * steelyardctl where it reads files itself.
 */
#ifndef STEELYARD_FILTER_SHOW_H
#define STEELYARD_FILTER_SHOW_H

#include <jansson.h>
#include <stddef.h>

#include "lists/store.h"
#include "rules/diag.h"

struct control_context;
struct generation;

/*
 * A JSON string; bytes that are not UTF-8, and NUL, become \xNN.  NULL without
 * memory, as for all functions here.
 */
json_t *show_text(const char *text, size_t len);

/* "FILE:LINE" of a place in a generation's sources, or null for nowhere. */
json_t *show_place(const struct generation *gen, struct place place);

/* The same without NUL behind; null for NULL. */
json_t *show_string(const char *text);

json_t *show_facts(void); /* the table: an array */
json_t *show_settings(const struct generation *gen); /* an array */
json_t *show_lists(const struct generation *gen); /* an array */
/* An object; parts whose functions are NULL are left out. */
json_t *show_status(const struct control_context *context,
		    const struct generation *gen);

/* --- show_dns.c --------------------------------------------------------- */

struct dns_answer;
struct resolver;

/*
 * Members: status, known, ttl, canonical, cnames, records; `answer` NULL: it
 * has not come.
 */
json_t *show_dns_answer(const struct dns_answer *answer);
/* Each record's strings joined, an array; of type TXT. */
json_t *show_dns_texts(const struct dns_answer *answer);
/* In a word, for `status`: does DNS answer, and which lists are muted? */
json_t *show_dns_status(const struct generation *gen);
json_t *show_dns_stats(struct resolver *resolver,
		       const struct generation *gen); /* an object with "ok" */

/* --- show_greylist.c ----------------------------------------------------- */

const char *show_greylist_kind(enum store_kind kind); /* "triplet" */

/*
 * Members: kind, key, value, expires (null: never); "foreign" if the value
 * cannot be read, "newer" if it is of a version that is not known yet.  Else,
 * and unless `raw`:
 *
 *	state     of a triplet: waiting, passed; of an identity what counts
 *	          first: allowed, blocked, trapped, known, counted, idle; of an
 *	          address: written
 *	left      seconds until it says no more than none; 0: now, null: never
 *
 *	triplet   identity, sender, recipient, first, last, count; wait_left, or
 *	          waited
 *	identity  identity, passes, known; counted, last; trapped, trap_left;
 *	          mark ("allow", "block"), marked, mark_left
 *	outbound  address, last
 *
 * Moments are of the wall clock, in seconds; what is left, too, is in seconds.
 */
json_t *show_greylist_entry(const struct store_entry *entry,
			    const struct greylist_terms *terms,
			    const struct greylist_time *now, bool raw);
/* Members: answer, why; left, if one must wait or is refused. */
json_t *show_greylist_result(const struct greylist_result *result);
/* An object with "ok": struct store_stats by its names. */
json_t *show_greylist_stats(const char *engine,
			    const struct store_stats *stats);
json_t *show_greylist_waits(const uint64_t waits[STORE_WAITS]); /* an array */

#endif
