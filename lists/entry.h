/*
 * entry.h - how one entry of a list is written, and its one canonical form.
 *
 *   ip        192.0.2.0/24, 2001:db8::/32, or an address
 *   domain    example.org: itself and everything below; =example.org: only
 *             itself.  A dot at the end means nothing.
 *   address   anna@example.org, or @example.org for any local part at exactly
 *             that domain.  "anna b"@example.org is quoted as in RFC 5321.
 *   regex     kept as it is written; rules/ compiles it
 *
 * Names are kept without ASCII case and otherwise as bytes: whoever wants
 * b\303\274cher.example and xn--bcher-kva.example to be one maps both to
 * A-labels.  Pure functions, for any thread; nothing is allocated.
 */
#ifndef LISTS_ENTRY_H
#define LISTS_ENTRY_H

#include "lists/ip.h"

#include <stdbool.h>
#include <stddef.h>

enum list_kind {
	LIST_IP,
	LIST_DOMAIN,
	LIST_ADDRESS,
	LIST_REGEX,
};

/* What is wrong with an entry; the column counts bytes from 1. */
struct list_error {
	size_t column;
	char text[192];
};

#define ENTRY_DOMAIN_MAX 253
#define ENTRY_LOCAL_MAX 256
#define ENTRY_KEY_MAX (ENTRY_LOCAL_MAX + 1 + ENTRY_DOMAIN_MAX)
#define ENTRY_MAX 4096 /* bytes as written, or canonical */
#define ENTRY_TEXT_SIZE (ENTRY_MAX + 2)

struct entry {
	enum list_kind kind;
	bool exact; /* a domain written with "=" */
	struct ip_prefix prefix; /* of LIST_IP; others have a key */
	size_t len;
	char key[ENTRY_MAX]; /* no NUL at the end */
};

/* "ip", "domain", "address", "regex" */
const char *entry_kind_name(enum list_kind kind);

/* 0, or -1 with *ret_error filled in and *ret_entry undefined. */
int entry_parse(enum list_kind kind, const char *text, size_t len,
		struct entry *ret_entry, struct list_error *ret_error);

/* Both parsed, of one kind. */
bool entry_equal(const struct entry *a, const struct entry *b);

/*
 * Writes the key of a parsed entry as an entry that parses to it again, and
 * returns the length without the NUL.
 */
size_t entry_format_name(enum list_kind kind, bool exact, const char *key,
			 size_t len, char buf[ENTRY_TEXT_SIZE]);

/*
 * The key under which a name or an address met in mail is looked up: lower
 * case, no dot at the end, quotes of the local part taken off.  Nothing is
 * checked.  Returns its length, at most ENTRY_KEY_MAX; 0 when it is empty or
 * longer than any entry, or when an address has no "@".
 */
size_t entry_domain_key(const char *name, size_t len, char key[ENTRY_KEY_MAX]);
size_t entry_address_key(const char *address, size_t len,
			 char key[ENTRY_KEY_MAX]);

/*
 * Files: one entry a line.  A comment begins with "#" at the line's begin or
 * after a blank.  The line comes without its line end.
 */
enum entry_line {
	ENTRY_LINE_EMPTY,
	ENTRY_LINE_ENTRY, /* *ret_at and *ret_len say where in the line */
	ENTRY_LINE_BAD, /* *ret_error says why */
};

enum entry_line entry_in_line(enum list_kind kind, const char *line, size_t len,
			      size_t *ret_at, size_t *ret_len,
			      struct list_error *ret_error);

/*
 * Steps through text: takes the line at *at, with its length without LF or
 * CRLF, and moves *at behind it.  False at the end.
 */
bool entry_next_line(const char *text, size_t len, size_t *at,
		     const char **ret_line, size_t *ret_len);

#endif
