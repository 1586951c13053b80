/*
 * vouch.h - who vouches for a message?
 *
 * The signatures are verified, the author's one domain is looked for, and
 * DMARC puts both and SPF together: facts dkim to dmarc.record_error.  Fed
 * while the message is read; what DNS will be asked is hinted at as soon as the
 * header has ended.
 *
 * Never a pass without one certain author: several From fields, one that only
 * some readers see, several domains in it or none that all readers agree upon
 * are permerror, and dmarc.record_error says which.  Where it cannot be known
 * whether that is so, as the header was longer than what is read, all of dmarc
 * is unknown (CAUSE_LIMIT).
 *
 * Never a fail that an answer of DNS might have averted: where SPF or a
 * signature had none (temperror) and DMARC would pass had they passed, it is
 * temperror.  What the alignment of those is, is unknown.
 *
 * Without a record there is no DMARC, but alignment there is: the relaxed one,
 * as far as the walk and the list tell the organisation.
 */
#ifndef STEELYARD_INSPECT_VOUCH_H
#define STEELYARD_INSPECT_VOUCH_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct facts;
struct header_field;
struct message_request;
struct vouch;

/*
 * Takes authentication, arrival and dns of the request; the name is copied, the
 * arena and dns are borrowed.  NULL when the arena is full.
 */
struct vouch *vouch_new(const struct message_request *request,
			struct arena *arena);
/* Frees what is not in the arena.  NULL is fine. */
void vouch_free(struct vouch *vouch);

/*
 * A field, in order.  The name is given apart as it came, blanks included:
 * signatures may be about them.
 */
void vouch_field(struct vouch *vouch, const struct header_field *field,
		 const char *name, size_t name_len);

/* This field, and all that may follow, are beyond what is read. */
void vouch_beyond(struct vouch *vouch);

/* A piece of the body, all of it; with the first the header has ended. */
void vouch_body(struct vouch *vouch, const void *bytes, size_t len);

/* Sets the facts.  `body_cut`: there was more of it. */
void vouch_finish(struct vouch *vouch, bool body_cut, struct facts *facts);

#endif
