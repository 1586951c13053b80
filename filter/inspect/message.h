/*
 * message.h - reads a message, and says what it found as facts.
 *
 * A function of the message, the request and what DNS answers: it opens
 * nothing, asks no clock, keeps nothing outside its arena but what verifies
 * signatures.  The inspector runs it in a jail; the CLI and the fuzzers run it
 * in their own process.  Time is linear in the message (times the number of
 * wanted fields for names), memory is bounded by rules/mail/limits.h and the
 * arena's ceiling.
 *
 * Past those limits nothing is read, and who feeds a message may stop: then
 * header.truncated is true, header.count and header.size tell how far it was
 * read, and whatever the rest could change is unknown (CAUSE_LIMIT): sets,
 * other counts, "is valid", "is absent".  What was found before stays known.
 *
 * Whatever is absent is none, booleans about an absent field included; but
 * from.is_valid and date.is_valid claim that the field is there, once, and are
 * false without it.  Of fields that should be there once and are there several
 * times, subject, message_id and date take the first.
 */
#ifndef STEELYARD_INSPECT_MESSAGE_H
#define STEELYARD_INSPECT_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "filter/inspect/dmarc.h"
#include "filter/inspect/spf.h"
#include "rules/facts.h"

struct arena;
struct charsets;
struct header_field;
struct inspect_dns;
struct message;

enum {
	/* What an inspector may take for one message, in bytes. */
	MESSAGE_ARENA_MAX = 4 * 1024 * 1024,
	/* A value longer than that is cut, and header.truncated is true. */
	MESSAGE_TEXT_MAX = 65000,
	/* Values in a set; with more the fact is unknown. */
	MESSAGE_ITEMS_MAX = 4096,
};

/* A header field whose values are asked for. */
struct message_want {
	unsigned slot;
	bool raw; /* as sent, else unfolded and decoded */
	const char *name; /* of the field */
	size_t name_len;
};

/*
 * Whose mail is it?  What the envelope said to that before the content came,
 * and what is wanted of it.
 */
struct message_authentication {
	bool wanted; /* facts dkim to dmarc.record_error */
	bool verifies; /* the header holds a signature: all of the body comes,
			* whatever the body_limit */
	enum dmarc_discovery discovery;
	enum spf_result spf; /* of MAIL FROM */
	bool spf_unknown; /* nobody could say; `spf` means nothing */
	/* That it is about, or would have been.  NULL: none; but with
	 * spf_unknown any, the author's own among them. */
	const char *spf_domain;
};

struct message_request {
	int64_t arrival; /* seconds since 1970 */
	uint64_t body_limit; /* bytes of the body that are read; 0: no facts
			      * about the body are asked for */
	const struct message_want *wants;
	size_t want_count;
	struct message_authentication authentication;
	struct inspect_dns *dns; /* NULL: all questions fail.  Does not
				  * travel. */
	struct charsets *charsets; /* rules/mail/charset.h; NULL: few are
				    * known.  Does not travel. */
};

/*
 * The request is copied but for the wants, the charsets and dns, which are
 * borrowed, as is the arena; all outlive the message and the facts made from
 * it.  NULL when the arena is full.
 */
struct message *message_new(const struct message_request *request,
			    struct arena *arena);

/*
 * Frees what is not in the arena, and is to be called before that is reset,
 * whether the message was finished or not.  NULL is fine.
 */
void message_free(struct message *message);

/*
 * A field as an MTA hands it over: the value begins behind the colon; LF or
 * CRLF folds.  `cut`: there was more of it.
 */
void message_header(struct message *message, const char *name, size_t name_len,
		    const char *value, size_t value_len, bool cut);

/*
 * The same for a field of a header block (rules/mail/header.h); its faults are
 * believed.
 */
void message_field(struct message *message, const struct header_field *field);

/*
 * A piece of the body, cut anywhere; with the first the header has ended.  Past
 * the limit only signatures are about it.
 */
void message_body(struct message *message, const void *bytes, size_t len);

/*
 * The message ends.  Sets every fact from FACT_FROM_DOMAIN to
 * FACT_BODY_LONGEST_LINE (those of the body with a body_limit alone), those
 * from FACT_DKIM to FACT_DMARC_RECORD_ERROR where authentication is wanted, and
 * the wanted slots, which must be below facts->slot_count.  `body_cut`: the
 * body was longer than what was handed over.  May wait for DNS, no longer than
 * request.dns lets it.
 */
void message_finish(struct message *message, bool body_cut,
		    struct facts *facts);

#endif
