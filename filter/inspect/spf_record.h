/*
 * spf_record.h - one published SPF record, read strictly (RFC 7208 section 12).
 *
 * A record becomes a table of its terms in the order in which they were
 * published, or one fault: the byte where it stands and a sentence about it.
 * All of a record is read, also what stands behind an "all", as section 4.6
 * wants every syntax error found whoever the client is.  What macros expand to
 * is not judged here (spf_macro.h), nor is anything asked.
 *
 * Taken over from what implementers agreed on where the grammar is silent:
 * "redirect" and "exp" with anything but a domain-spec are errors, never
 * unknown modifiers; a prefix length has no leading zero; an unknown modifier's
 * value may hold every macro.
 *
 * Pure functions but for the arena, for any thread; time is linear in the
 * record's length.
 */
#ifndef STEELYARD_INSPECT_SPF_RECORD_H
#define STEELYARD_INSPECT_SPF_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "filter/inspect/spf_macro.h"
#include "lists/ip.h"

struct arena;

/*
 * Ours, not the RFC's: as much as a TXT record may hold in lists/dns_answer.h.
 */
#define SPF_RECORD_MAX 4096 /* bytes */
#define SPF_TERMS_MAX 1024

/* --- which of the TXT records? ------------------------------------------ */

/* One TXT record, its strings joined (section 3.3); any bytes. */
struct spf_text {
	const char *bytes;
	size_t len;
};

enum spf_choice {
	SPF_CHOICE_NONE, /* the result is none */
	SPF_CHOICE_ONE,
	SPF_CHOICE_SEVERAL, /* the result is permerror */
};

/* "v=spf1" in any case, and then a blank or nothing (section 4.5). */
bool spf_record_is_one(const char *text, size_t len);

/* *ret_index is written if it is the one. */
enum spf_choice spf_record_choose(const struct spf_text *texts, size_t count,
				  size_t *ret_index);

/* --- its terms ---------------------------------------------------------- */

enum spf_kind {
	/* mechanisms */
	SPF_ALL,
	SPF_INCLUDE,
	SPF_A,
	SPF_MX,
	SPF_PTR,
	SPF_IP4,
	SPF_IP6,
	SPF_EXISTS,
	/* modifiers */
	SPF_REDIRECT,
	SPF_EXP,
	SPF_UNKNOWN,
};

/*
 * Pointers lead into the record's own copy of its text.  Numbers that a kind
 * does not have are 0.
 */
struct spf_term {
	enum spf_kind kind;
	char qualifier; /* '+', '-', '~', '?'; NUL for a modifier */
	uint8_t bits4, bits6; /* a, mx: how much of an address must match */
	uint16_t at, len; /* where it stands in the record */
	uint32_t letters; /* SPF_LETTER() of the macros in it */
	const char *name; /* of an unknown modifier, as published */
	size_t name_len;
	/* domain-spec, NULL for the record's own domain; an unknown modifier's
	 * value */
	const char *spec;
	size_t spec_len;
	/*
	 * ip4, ip6: no bits below the prefix.  ip6 is always IPv6, so what is
	 * written as IPv4-mapped has no client: section 5 makes those IPv4.
	 */
	struct ip_prefix network;
};

struct spf_record {
	const char *text; /* a copy of all of it, with a NUL behind */
	size_t len;
	const struct spf_term *terms;
	size_t count;
	const struct spf_term *all; /* the first; NULL if there is none */
	const struct spf_term *redirect; /* NULL also if there is an "all",
					  * which cancels it (section 5.1) */
	const struct spf_term *exp; /* NULL if there is none */
	uint32_t letters; /* of all terms but the unknown modifiers */
};

enum spf_parse {
	SPF_PARSED,
	SPF_BROKEN, /* *ret_fault says how */
	SPF_NO_MEMORY, /* the arena is full */
};

/*
 * Reads exactly len bytes, which may be any.  The record lives in the arena.
 * *ret_record is written on success, *ret_fault (may be NULL) on SPF_BROKEN.
 */
enum spf_parse spf_record_parse(struct arena *arena, const char *text,
				size_t len, struct spf_record *ret_record,
				struct spf_fault *ret_fault);

/*
 * How many of its own terms ask DNS and count against the limit of ten, if all
 * of them are come to (section 4.6.4); what they lead to counts on top.
 */
size_t spf_record_lookups(const struct spf_record *record);

/*
 * Does the mechanism match clients that nobody can have in common?  "all", or a
 * network larger than anyone has, so that two halves of everything (/1) are
 * open as well.
 */
enum { SPF_OWNED_BITS4 = 8, SPF_OWNED_BITS6 = 16 };
bool spf_term_is_open(const struct spf_term *term);

/* "include", "ip4", ...; "unknown" for an unknown modifier. */
const char *spf_kind_name(enum spf_kind kind);

/*
 * Writes a term in its shortest form: small letters, no '+', no prefix that is
 * all of an address, networks without what is below the prefix.  Domain-specs
 * stay as they are.  Returns the length without the NUL, which may be more than
 * there was room for, as snprintf() does; `size` may be 0.
 */
size_t spf_term_format(const struct spf_term *term, char *buf, size_t size);
size_t spf_record_format(const struct spf_record *record, char *buf,
			 size_t size);

#endif
