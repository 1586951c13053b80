/*
 * show.h - what there is to tell, as JSON: for the control socket, and for
 * steelyardctl where it reads files itself.
 */
#ifndef STEELYARD_FILTER_SHOW_H
#define STEELYARD_FILTER_SHOW_H

#include <jansson.h>
#include <stddef.h>

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

/* Members: status, known, ttl, canonical, cnames, records; `answer` NULL: it
 * has not come. */
json_t *show_dns_answer(const struct dns_answer *answer);
/* Each record's strings joined, an array; of type TXT. */
json_t *show_dns_texts(const struct dns_answer *answer);
/* In a word, for `status`: does DNS answer, and which lists are muted? */
json_t *show_dns_status(const struct generation *gen);
json_t *show_dns_stats(struct resolver *resolver,
		       const struct generation *gen); /* an object with "ok" */

#endif
