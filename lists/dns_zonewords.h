/*
 * dns_zonewords.h - a master file as entries of words (RFC 1035 section 5.1).
 *
 * An entry ends with its line, unless a parenthesis is open.  Comments are
 * gone; what is escaped with \ stays as it is written.
 */
#ifndef LISTS_DNS_ZONEWORDS_H
#define LISTS_DNS_ZONEWORDS_H

#include <stdbool.h>
#include <stddef.h>

struct dns_word {
	const char *at; /* in the text; behind the opening quote, if any */
	size_t len;
	unsigned line, column; /* from 1; columns are bytes */
	bool quoted;
};

/* All zeroes but for text, end, at, line_start and line = 1 is a beginning. */
struct dns_words {
	const char *text, *end, *at, *line_start;
	unsigned line;

	/* the entry */
	struct dns_word *words; /* to be freed at last */
	size_t count, room;
	bool indented; /* begins with a blank */
	struct dns_word stop; /* where it ends */

	/* after -1 */
	struct dns_word bad;
	const char *why;
};

/* Reads the next entry: 1; 0 at the end; -1, with what is bad, and why. */
int dns_words_next(struct dns_words *words);

/* Is it this, in quotes never, without case? */
bool dns_word_is(const struct dns_word *word, const char *text);

#endif
