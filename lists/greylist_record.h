/*
 * greylist_record.h - what a store holds for a greylist, as lines of text.
 *
 *   1 waiting first=1732300000/3600/9f86d081884c7d65 tried=1732300100 tries=3
 *             round=0
 *   1 passed last=1732310000 first=1732300000 waited=310 uses=12
 *   1 identity passes=5 round=1732200000 counted=... last=... trapped=...
 *              for=86400 allow=1732300000 for=0
 *   1 outbound last=1732300000
 *
 * each on one line.  In front stands the version of the format.  A stamp is the
 * wall clock's seconds and, where the run is known, how long that had lasted
 * and its name in hexadecimal.  `counted` and `last` are there if passes is not
 * 0, `trapped` and its `for` if round is not; `allow` or `block` if an admin
 * said so, for=0 being until that is taken back.
 *
 * A store may be read by anybody and, shared, written by others too.  So what
 * comes out of it is read strictly: one order, one blank, numbers without
 * leading zeros and in their bounds.  Who reads a line and writes it again
 * writes the same bytes.  What is no such line is to be taken for absent.
 *
 * Pure functions, for any thread; nothing is allocated.
 */
#ifndef LISTS_GREYLIST_RECORD_H
#define LISTS_GREYLIST_RECORD_H

#include <stddef.h>

#include "lists/greylist.h"

#define GREYLIST_RECORD_SIZE 384 /* of any line, with the NUL */

enum greylist_reading {
	GREYLIST_READ,
	GREYLIST_JUNK,
	GREYLIST_NEWER, /* a version that is not known yet */
};

/*
 * Write a line and return its length, without the NUL.  Counters and times must
 * be in the bounds of greylist.h, as all that comes from there is.  0 for what
 * is absent.
 */
size_t greylist_write_triplet(const struct greylist_triplet *triplet,
			      char buf[GREYLIST_RECORD_SIZE]);
size_t greylist_write_identity(const struct greylist_identity *identity,
			       char buf[GREYLIST_RECORD_SIZE]);
size_t greylist_write_outbound(const struct greylist_outbound *outbound,
			       char buf[GREYLIST_RECORD_SIZE]);

/* Read exactly len bytes.  What they return to is absent unless READ. */
enum greylist_reading greylist_read_triplet(
	const char *text, size_t len, struct greylist_triplet *ret_triplet);
enum greylist_reading greylist_read_identity(
	const char *text, size_t len, struct greylist_identity *ret_identity);
enum greylist_reading greylist_read_outbound(
	const char *text, size_t len, struct greylist_outbound *ret_outbound);

#endif
