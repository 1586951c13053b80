/*
 * store_lmdb_check.h - is this file one that LMDB may be let loose on?
 *
 * LMDB maps its file and believes what it finds: a page number that is too
 * large, a node that reaches over its page's end, and the process is gone.  So
 * the file is read here first, with plain reads, as the format says: both meta
 * pages, then each tree from its root, page by page.  What passes has nothing
 * in it that leads LMDB out of the file or out of a page: page numbers are in
 * bounds, inside of the file and used once, nodes inside of their page and
 * apart, keys in order, depths and counts as claimed, and no page is both free
 * and in use.  What the values say is another matter, see greylist_record.h.
 *
 * A large file would take long.  After `max_ms` the rest is taken on trust,
 * unless there is reason not to: the file is shorter than its meta pages say,
 * or it was left open LMDB_SUSPECT times in a row, as by a program that this
 * file makes crash, or the machine went down when nothing was synced.
 *
 * Reads the descriptor from any offset; nobody may write to the file meanwhile.
 */
#ifndef LISTS_STORE_LMDB_CHECK_H
#define LISTS_STORE_LMDB_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LMDB_SUSPECT 3

/* What the store says of itself in its "meta" database. */
#define LMDB_META_NAME "meta"
#define LMDB_FORMAT_KEY "format"
#define LMDB_FORMAT_WORD "steelyard-greylist "
#define LMDB_FORMAT_VERSION "1"
#define LMDB_OPENED_KEY "opened" /* "COUNT RUN SYNC", taken back by a close */
#define LMDB_BACK_KEY "back" /* "NEVER/CAME/SINCE": how waits have ended */

enum lmdb_file {
	LMDB_SOUND, /* as far as it was read */
	LMDB_EMPTY, /* nothing in it yet */
	LMDB_DAMAGED, /* what and where it says */
	LMDB_FOREIGN, /* whole, but of another program */
	LMDB_NEWER, /* LMDB's own format, or ours, is of a later version */
	LMDB_FAILED, /* no memory to look */
};

struct lmdb_check {
	enum lmdb_file file;
	char what[96]; /* for people, unless it is sound */
	bool whole; /* all was read */
	unsigned opened; /* so often in a row and never closed */
	uint64_t pages; /* that were read */
	size_t page_size;
};

/* `run` is the name of this run of the machine, 0 if it has none. */
void lmdb_check(int fd, unsigned max_ms, uint64_t run,
		struct lmdb_check *ret_check);

#endif
