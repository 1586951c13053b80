/*
 * dns_message.h - questions and answers on the wire (RFC 1035, RFC 6891).
 *
 * The reader trusts nobody: time and memory are bounded by the limits in
 * dns_answer.h whatever the bytes are, and records that do not belong to the
 * question are as if they were not there.  Pure functions, for any thread.
 */
#ifndef LISTS_DNS_MESSAGE_H
#define LISTS_DNS_MESSAGE_H

#include "lists/dns_answer.h"
#include "lists/dns_name.h"

#define DNS_EDNS_SIZE 1232 /* bytes: what UDP carries without fragments */
#define DNS_QUERY_MAX (12 + DNS_NAME_MAX + 4 + 11)

struct dns_question {
	struct dns_name name; /* in small letters */
	enum dns_type type;
};

/*
 * Writes a query that asks for recursion, with or without EDNS, and returns
 * its length.  The EDNS record is the last 11 bytes.
 */
size_t dns_message_query(const struct dns_question *question, uint16_t id,
			 bool edns, uint8_t buf[DNS_QUERY_MAX]);

/* What a message says about what is to be done next. */
enum dns_reading {
	DNS_READ_ANSWER, /* *ret_answer: to be unreferenced by the caller */
	DNS_READ_FOLLOW, /* CNAMEs that lead to *ret_next; ask for that */
};

/*
 * Reads the answer to the question.  What cannot be trusted or understood
 * becomes an answer as well: DNS_GARBLED (another question's answer, too),
 * DNS_TRUNCATED, DNS_TOO_LARGE, or what the response code says.  Always sets
 * *ret_answer to something, for DNS_READ_FOLLOW to one that has the CNAMEs'
 * ttl and number, and is to be dropped.  `now_ms` becomes its `received`.
 *
 * An answer's ttl is the smallest on the way to it; that of a negative one is
 * of its SOA record (RFC 2308 section 5), and 0 without such.
 */
enum dns_reading dns_message_read(const uint8_t *message, size_t len,
				  const struct dns_question *question,
				  uint64_t now_ms,
				  struct dns_answer **ret_answer,
				  struct dns_name *ret_next);

#endif
