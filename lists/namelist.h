/*
 * namelist.h - a set of names, looked up by hash.
 *
 * Holds keys in the canonical form of entry.h.  Fill it with namelist_add(),
 * then namelist_seal() it.  Until it is sealed it belongs to one thread and
 * answers nothing; from then on it never changes and any number of threads
 * may ask.  The same key twice is one entry.
 *
 * Who can send us names cannot make look-ups slow: each set hashes with a
 * random key of its own.  Memory: two bytes and the name itself, and 6 to 13
 * bytes of table an entry.
 */
#ifndef LISTS_NAMELIST_H
#define LISTS_NAMELIST_H

#include <stdbool.h>
#include <stddef.h>

struct namelist;

#define NAMELIST_KEY_MAX 0x7fff

/* NULL, with errno set, when memory runs out. */
struct namelist *namelist_new(void);
void namelist_free(struct namelist *set); /* NULL is fine */

/*
 * -1 with errno set: ENOMEM, EFBIG at 4 GiB of names, EINVAL for a key of no
 * or more than NAMELIST_KEY_MAX bytes.
 */
int namelist_add(struct namelist *set, bool exact, const char *key, size_t len);

/* -1 with errno set: the set is then good only for namelist_free(). */
int namelist_seal(struct namelist *set);

/*
 * Is this name in the set, or - unless that entry is exact - a domain above
 * it?  Takes the name as it was met in mail.
 */
bool namelist_has_domain(const struct namelist *set, const char *name,
			 size_t len);

/* Is this address in the set, or "@" and its domain? */
bool namelist_has_address(const struct namelist *set, const char *address,
			  size_t len);

size_t namelist_count(const struct namelist *set);
size_t namelist_memory(const struct namelist *set); /* bytes */

/* Calls `visit` with each key in the order added, until it says false. */
void namelist_each(const struct namelist *set,
		   bool (*visit)(void *ctx, bool exact, const char *key,
				 size_t len),
		   void *ctx);

#endif
