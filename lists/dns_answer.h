/*
 * dns_answer.h - what DNS says to a question.
 *
 * An answer never changes once it is handed out, and belongs to all who hold
 * a reference: threads share it without a lock.  Its records, names and texts
 * live as long as the answer.
 */
#ifndef LISTS_DNS_ANSWER_H
#define LISTS_DNS_ANSWER_H

#include "lists/ip.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dns_type {
	DNS_A = 1,
	DNS_NS = 2,
	DNS_CNAME = 5,
	DNS_SOA = 6,
	DNS_PTR = 12,
	DNS_MX = 15,
	DNS_TXT = 16,
	DNS_AAAA = 28,
};

/*
 * The first three are knowledge.  All others mean that nothing is known, and
 * why; none of them may count against anybody.
 */
enum dns_status {
	DNS_FOUND, /* at least one record */
	DNS_NXDOMAIN, /* there is no such name, of whatever type */
	DNS_NODATA, /* the name is there, without such a record */

	DNS_TIMEOUT, /* nobody answered in time */
	DNS_UNREACHABLE, /* no server could be spoken to */
	DNS_SERVFAIL, /* or any error that has no name of its own */
	DNS_REFUSED,
	DNS_FORMERR, /* the server did not understand us, even without EDNS */
	DNS_GARBLED, /* we did not understand the server */
	DNS_TRUNCATED, /* even over TCP */
	DNS_TOO_LARGE, /* more than the limits below */
	DNS_LOOP, /* more than DNS_CNAMES_MAX names that stand for others */
	DNS_INVALID, /* the name cannot be one, so nobody was asked */
	DNS_BUSY, /* too many questions in flight */
	DNS_BREAKER, /* servers have been failing, so nobody was asked */
	DNS_NO_MEMORY,
	DNS_STOPPED, /* the resolver was closed */
};
#define DNS_STATUSES (DNS_STOPPED + 1)

#define DNS_MESSAGE_MAX 16384 /* bytes */
#define DNS_RECORDS_MAX 128 /* in the answer section, CNAMEs included */
#define DNS_TEXT_MAX 4096 /* bytes of one TXT record, its strings joined */
#define DNS_CNAMES_MAX 10

struct dns_record {
	enum dns_type type;
	uint32_t ttl; /* seconds, as received */
	struct ip ip; /* A, AAAA; a mapped IPv4 address is IPv4 there, too */
	uint16_t preference; /* MX */
	const char *name; /* PTR, MX, NS, CNAME, SOA (first server):
			   * as in dns_name.h, case as published */
	/* TXT: the strings joined, any bytes, a NUL behind */
	const char *text;
	size_t text_len;
	/* where each string ends in text; strings >= 1 */
	const uint16_t *ends;
	size_t strings;
	/* SOA */
	const char *mailbox; /* a name */
	uint32_t serial, minimum;
};

struct dns_answer {
	enum dns_status status;
	uint32_t ttl; /* seconds to remember it, from `received` on */
	uint64_t received; /* dns_now_ms() */
	uint8_t cnames; /* how many were followed */
	const char *canonical; /* name they led to, or the one asked for */
	size_t count;
	const struct dns_record *records; /* all of the type asked for */

	/* private */
	size_t size; /* bytes of memory */
	unsigned refs; /* 0: for ever */
};

struct dns_answer *dns_answer_ref(struct dns_answer *answer);
void dns_answer_unref(struct dns_answer *answer); /* NULL is fine */

/* An answer without records that lives for ever; unref does nothing. */
struct dns_answer *dns_answer_of(enum dns_status status);

/* Seconds left. */
uint32_t dns_answer_ttl(const struct dns_answer *answer, uint64_t now_ms);

/* False means unknown. */
bool dns_status_is_known(enum dns_status status);

/* "found", "nxdomain", "timeout"... as logs and --json spell it. */
const char *dns_status_name(enum dns_status status);

/* "A"; "?" for none of ours. */
const char *dns_type_name(enum dns_type type);

/* Without case; 0, or -1. */
int dns_type_parse(const char *text, size_t len, enum dns_type *ret_type);

/* Milliseconds of the clock that is never set (CLOCK_MONOTONIC). */
uint64_t dns_now_ms(void);

#endif
