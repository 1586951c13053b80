/*
 * store_lmdb.c - a store in a file of this host, by LMDB.
 *
 * The file is one of LMDB's, with a database for each kind of record, one that
 * is the index by expiry, and one, "meta", where the store says of itself what
 * format it has, when it last wrote, and whether it was closed.  Keys and
 * values are lines for people (store_lmdb_record.c).  `mdb_dump -s triplet -p
 * -n FILE` shows them.
 *
 * The way of a visit: read and judged at a glance; if something must last, or
 * if in doubt, queued; judged by the writer, in one transaction with all others
 * that wait; committed and synced; answered.  Whoever else changes something,
 * a sweep, too, asks the writer.  Where nothing is synced, a visit that comes
 * alone does the writer's work itself (store_lmdb_writer.c); one at a time has
 * the pen.  Other processes may write as well: LMDB lets one at a time.
 *
 * What is used of LMDB 0.9.24, and what is not: no MDB_WRITEMAP (a stray write
 * cannot reach the map, a full disk is an error and no SIGBUS); no MDB_DUPSORT
 * and no nested transactions, which have bugs there; MDB_NOTLS, as threads come
 * and go; read transactions of milliseconds, from which all is copied out, as
 * one that stays open keeps pages from being used again.
 *
 * Without `sync` nothing is synced: what was answered survives a kill -9, as it
 * is in the kernel's hands.  After a loss of power the file may be a mixture of
 * old and new pages; so such a file is checked from end to end, see
 * store_lmdb_check.h.
 */
#include "lists/store_lmdb_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lists/store_lmdb_check.h"

static void close_store(struct store *store);

static const struct store_engine engine = {
	.name = "lmdb",
	.visit = lmdb_visit,
	.change = lmdb_change,
	.write_to = lmdb_write_to,
	.list = lmdb_list,
	.show = lmdb_show,
	.drop = lmdb_drop,
	.merge = lmdb_merge,
	.sweep = lmdb_sweep,
	.stats = lmdb_stats,
	.close = close_store,
};

static int init_locks(struct store_lmdb *s)
{
	pthread_rwlockattr_t attr;
	int error = pthread_rwlockattr_init(&attr);

	if (error)
		return error;
	/* else readers that never cease keep it from being opened anew */
	pthread_rwlockattr_setkind_np(
		&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	error = pthread_rwlock_init(&s->env_lock, &attr);
	pthread_rwlockattr_destroy(&attr);
	if (!error)
		error = pthread_mutex_init(&s->lock, NULL);
	if (!error)
		error = pthread_mutex_init(&s->parked_lock, NULL);
	if (!error && sem_init(&s->work, 0, 0) < 0)
		error = errno;
	return error;
}

static void free_store(struct store_lmdb *s)
{
	sem_destroy(&s->work);
	pthread_mutex_destroy(&s->parked_lock);
	pthread_mutex_destroy(&s->lock);
	pthread_rwlock_destroy(&s->env_lock);
	free(s->path);
	free(s);
}

/* Between runs of the machine only the wall clock tells how long it was. */
static void watch_jump(struct store_lmdb *s,
		       const struct store_lmdb_settings *settings,
		       const struct greylist_time *now)
{
	bool is_one_run = now->run != 0 && now->run == s->noted.run;
	int64_t jump = is_one_run ? greylist_drift(&s->noted, now)
				  : now->wall - s->noted.wall;

	if (s->noted.wall == 0 || (jump <= STORE_JUMP && jump >= -STORE_JUMP))
		return;
	if (!is_one_run && jump > 0) {
		s->is_paused = true;
		s->paused = *now;
	}
	if (settings->jumped != NULL)
		settings->jumped(settings->context, jump);
}

struct store *store_lmdb_open(const struct store_lmdb_settings *settings,
			      const struct greylist_time *now,
			      char ret_why[STORE_WHY_SIZE])
{
	struct store_lmdb *s = calloc(1, sizeof(*s));
	int error;

	snprintf(ret_why, STORE_WHY_SIZE, "%s: no memory", settings->path);
	if (!s)
		return NULL;
	store_init(&s->store, &engine);
	s->fd = -1;
	s->last = &s->first;
	s->can_reserve = true;
	s->room = settings->room < STORE_ROOM_MIN ? STORE_ROOM_MIN
						  : settings->room;
	s->sync = settings->sync;
	s->read_only = settings->read_only;
	s->set_aside = settings->set_aside;
	s->context = settings->context;
	s->path = strdup(settings->path);
	error = init_locks(s);
	if (error || !s->path || lmdb_file_open(s, now, false, ret_why) < 0) {
		free_store(s);
		return NULL;
	}
	watch_jump(s, settings, now);
	if (!s->read_only && lmdb_writer_start(s) != 0) {
		snprintf(ret_why, STORE_WHY_SIZE, "%s: no thread to write",
			 s->path);
		lmdb_file_close(s);
		free_store(s);
		return NULL;
	}
	ret_why[0] = '\0';
	return &s->store;
}

/*
 * It was left in order: the next start need not wonder, and finds how waits
 * have ended.
 */
static void note_closed(struct store_lmdb *s)
{
	struct lmdb_back back;
	struct lmdb_txn txn;

	if (s->read_only || atomic_load(&s->is_bad) || lmdb_write(s, &txn) != 0)
		return;
	if (lmdb_meta_put(&txn, LMDB_OPENED_KEY, "0 0 0") == 0 &&
	    lmdb_back_add(&txn, &s->back_more, &back) == 0)
		lmdb_commit(&txn);
	else
		lmdb_abort(&txn);
}

static void close_store(struct store *store)
{
	struct store_lmdb *s = (struct store_lmdb *)store;

	lmdb_writer_stop(s);
	note_closed(s);
	lmdb_file_close(s);
	free_store(s);
}
