/*
 * greylist_foreign.h - what other greylists remember, as entries of ours, so
 * that a site can move without making everybody wait again.
 *
 * postgrey          Its two Berkeley DBs, as db_dump (with -p or without)
 *                   writes them, one after the other if need be; or lines of
 *                   "KEY VALUE".  A triplet is "NET/SENDER/RECIPIENT" and
 *                   "FIRST,LAST", a client "ADDRESS" and "COUNT,LAST".
 * milter-greylist   Its dump file, of any version: "ADDRESS SENDER RECIPIENT
 *                   TIME", with AUTO for those who have passed.
 * sqlgrey           The tables connect, from_awl and domain_awl, as SQLite's
 *                   .dump, mysqldump or pg_dump write them, or rows cut by
 *                   tabs.
 *
 * What becomes of it.  The client is its network in our width, as nothing else
 * is known of it.  But a mail that comes again may prove its sender's domain by
 * SPF, and is known by that then; so each entry is made twice, for the network
 * and for the domain of the sender.  That is no gift to forgers, as the second
 * is for those alone who prove the domain.
 *
 *   waits there      waits here, since then; where only the end of the wait is
 *                    known (milter-greylist) it ends here at that time
 *   has passed       has passed, and was used last when it was there
 *   a client that    is known, with as many passes as it had; sqlgrey's lists
 *   does not wait    tell no number and no recipient: passes enough to be known
 *
 * What would have lapsed by our own terms is not taken; nor what is but a hash,
 * or means nothing here.  Each of these is counted, and what cannot be read is
 * told with its line.
 *
 * The text is not trusted.  It is read as it comes, in any pieces, and memory
 * does not grow with it.  Nothing here asks a clock.  One reader is for one
 * thread at a time.
 */
#ifndef LISTS_GREYLIST_FOREIGN_H
#define LISTS_GREYLIST_FOREIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lists/store.h"

enum greylist_foreign_kind {
	GREYLIST_FOREIGN_NONE,
	GREYLIST_POSTGREY,
	GREYLIST_MILTER_GREYLIST,
	GREYLIST_SQLGREY,
};

enum { GREYLIST_FOREIGN_LINE = 8192 }; /* bytes; a longer one is no record */

/* "sqlgrey"; NONE for what is none of them, and "" the other way round. */
enum greylist_foreign_kind greylist_foreign_kind(const char *name);
const char *greylist_foreign_name(enum greylist_foreign_kind kind);

/*
 * What people are told of a file that begins with these bytes, if it is no text
 * but a data base or packed: what it is, and what makes text of it.  NULL if
 * there is nothing to tell.
 */
const char *greylist_foreign_binary(const char *start, size_t len);

/* All by value. */
struct greylist_foreign_terms {
	struct greylist_terms terms; /* ours */
	struct triplet_bits bits;
	struct greylist_time now;
	int utc_offset; /* seconds east, of times that do not say theirs */
};

/* Each record is in one of those below it. */
struct greylist_foreign_counts {
	uint64_t lines;
	uint64_t records;
	uint64_t taken;
	uint64_t lapsed; /* by our terms */
	uint64_t hashed; /* postgrey --privacy */
	uint64_t other; /* of other tables; tarpits */
	uint64_t bad; /* has been told */
	uint64_t entries; /* made of those taken */
};

/* The entry's strings are the reader's.  False ends the reading. */
typedef bool greylist_foreign_entry(void *context, uint64_t line,
				    const struct store_entry *entry);
/* What is wrong with a line, in a few words of printable ASCII. */
typedef void greylist_foreign_problem(void *context, uint64_t line,
				      const char *what);

struct greylist_foreign;

/* NULL without memory. */
struct greylist_foreign *greylist_foreign_new(
	enum greylist_foreign_kind kind,
	const struct greylist_foreign_terms *terms,
	greylist_foreign_entry *entry, greylist_foreign_problem *problem,
	void *context);
void greylist_foreign_free(struct greylist_foreign *foreign); /* NULL is fine */

/* The next bytes.  False if `entry` has said so, now or before. */
bool greylist_foreign_feed(struct greylist_foreign *foreign, const char *text,
			   size_t len);

/* There are no more.  False as above. */
bool greylist_foreign_end(struct greylist_foreign *foreign);

const struct greylist_foreign_counts *greylist_foreign_counts(
	const struct greylist_foreign *foreign);

#endif
