/*
 * store_lmdb.h - a store in a file of this host, by LMDB: the one door to it.
 *
 * One file (and LMDB's own lock beside it, PATH-lock), which several processes
 * may have open at once: the filter, and steelyardctl; within one process, only
 * once.  Fork before opening, not after.  See store.h for what it promises,
 * store_lmdb.c for how.
 *
 * With `sync` a thread of the store's writes, and a visit waits for it no
 * longer than its max_ms.  Without, a visit that comes alone writes by itself,
 * into the system's memory; that takes some 20 us, and twice as long if another
 * thread has to be woken for it and to wake the visit.  But a write into memory
 * may be held up, too: if the disk is failing, or cannot keep up.  That visit
 * is not let go when its max_ms are over.  It is one at a time, as all others
 * wait for it and keep to theirs; and once a write has taken longer than
 * STORE_SLICE_MS it is left to the store's thread for ten seconds, and for ten
 * more with each that does.  So is everything while another process has the
 * file open to write, or where the size of files is limited (RLIMIT_FSIZE).
 * Whoever writes to the file otherwise than by a store holds up a visit for as
 * long as he does.  A thread must not be cancelled in a visit.
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
	/*
	 * While it is opened: the wall clock is more than STORE_JUMP ahead of
	 * where the file says that it should be, or (negative) behind.  Where
	 * the machine was started anew nobody knows how long it was off, so it
	 * may have been that.  NULL: not wanted.
	 */
	void (*jumped)(void *context, int64_t seconds);
	void *context; /* of both */
};

/* NULL, and a sentence that names the file. */
struct store *store_lmdb_open(const struct store_lmdb_settings *settings,
			      const struct greylist_time *now,
			      char ret_why[STORE_WHY_SIZE]);

#endif
