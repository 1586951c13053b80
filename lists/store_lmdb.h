/*
 * store_lmdb.h - a store in a file of this host, by LMDB: the one door to it.
 *
 * One file (and LMDB's own lock beside it, PATH-lock), which several processes
 * may have open at once: the filter, and steelyardctl; within one process, only
 * once.  Fork before opening, not after.  See store.h for what it promises,
 * store_lmdb.c for how.
 */
#ifndef LISTS_STORE_LMDB_H
#define LISTS_STORE_LMDB_H

#include "lists/store.h"

#define STORE_ROOM_MIN ((uint64_t)256 * 1024)

struct store_lmdb_settings {
	const char *path; /* of the file; its folder is there */
	/*
	 * Bytes that it may grow to, STORE_ROOM_MIN or more.  An eighth of that
	 * on top (256 KiB to 64 MiB) is for deletes.
	 */
	uint64_t room;
	bool sync; /* what must last outlasts a loss of power, too */
	bool read_only; /* looks, changes nothing, makes no file */
	/*
	 * A damaged file is set aside as PATH.damaged-YYYYMMDDThhmmssZ and an
	 * empty one begun, which is told here, in a sentence; NULL: not
	 * wanted.  Anything else that is wrong with the file is left alone: a
	 * newer version, another program's, another owner, no right to write.
	 * Mostly while it is opened; but what is found later is told later, in
	 * a thread of the store's.
	 */
	void (*set_aside)(void *context, const char *sentence);
	void *context;
};

/* NULL, and a sentence that names the file. */
struct store *store_lmdb_open(const struct store_lmdb_settings *settings,
			      const struct greylist_time *now,
			      char ret_why[STORE_WHY_SIZE]);

#endif
