/*
 * store_lmdb_env.c - LMDB's environment: transactions, room, and what its
 * errors mean.
 *
 * What LMDB 0.9.24 guarantees after an error, as its source says:
 *
 *   within a transaction   (MDB_MAP_FULL, no memory) the transaction is marked
 *	and can only be given up.  The environment is as before it.
 *   commit, data pages     (ENOSPC, EIO, a short write, a failing sync) given
 *	up.  What was written is not referred to by any meta page, and those
 *	pages are free as before.  The environment goes on.
 *   commit, meta page      LMDB writes the old numbers over it, so that the
 *	other meta page counts, and marks the environment: whatever is begun
 *	after is MDB_PANIC.  It has to be closed and opened anew, which finds
 *	the state before; or, if the new page did reach the disk and the old one
 *	did not and power is lost, that after.  Both are whole.
 *
 * So of a transaction that failed nothing is half there, and all but the last
 * heal by trying again.  MDB_CORRUPTED and the like say that the file is bad:
 * it is opened anew, too, and looked at from end to end.
 */
#include "lists/store_lmdb_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lists/greylist_clock.h"
#include "lists/store_lmdb_check.h"

static const char *const names[] = {
	[LMDB_TRIPLET] = "triplet",   [LMDB_IDENTITY] = "identity",
	[LMDB_OUTBOUND] = "outbound", [LMDB_EXPIRY] = "expiry",
	[LMDB_META] = LMDB_META_NAME,
};

int64_t lmdb_clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- errors -------------------------------------------------------------- */

void lmdb_note_trouble(struct store_lmdb *s, const char *sentence)
{
	pthread_mutex_lock(&s->lock);
	snprintf(s->numbers.why, sizeof(s->numbers.why), "%s", sentence);
	pthread_mutex_unlock(&s->lock);
}

enum store_end lmdb_end(struct store_lmdb *s, int error)
{
	if (error == 0)
		return STORE_DONE;
	if (error == EBUSY)
		return STORE_LATE;
	lmdb_note_trouble(s, mdb_strerror(error));
	switch (error) {
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_INVALID:
	case MDB_CURSOR_FULL:
	case MDB_PAGE_FULL:
	case MDB_INCOMPATIBLE:
	case MDB_BAD_VALSIZE:
		atomic_store(&s->is_suspect, true);
		atomic_store(&s->is_bad, true);
		break;
	case MDB_PANIC:
	case MDB_BAD_TXN:
	case MDB_BAD_DBI: atomic_store(&s->is_bad, true); break;
	default: break;
	}
	if (!lmdb_is_full(error))
		return STORE_BROKEN;
	if (error != MDB_MAP_FULL) {
		pthread_mutex_lock(&s->lock);
		s->disk_full = true;
		pthread_mutex_unlock(&s->lock);
	}
	return STORE_FULL;
}

/* It grows only by pages that were never used before. */
static void note_size(struct store_lmdb *s)
{
	MDB_envinfo info;
	struct stat st;

	mdb_env_info(s->env, &info);
	if (((uint64_t)info.me_last_pgno + 1) * s->page_size <=
	    atomic_load(&s->least))
		return;
	if (fstat(s->fd, &st) == 0 &&
	    (uint64_t)st.st_size > atomic_load(&s->least))
		atomic_store(&s->least, (uint64_t)st.st_size);
}

/* --- opening ------------------------------------------------------------- */

int lmdb_refuse(const struct store_lmdb *s, char why[STORE_WHY_SIZE],
		const char *reason)
{
	/* of a long path the end tells more */
	size_t len = strlen(s->path), most = STORE_WHY_SIZE / 2;
	const char *path = len > most ? s->path + (len - most) : s->path;

	if (snprintf(why, STORE_WHY_SIZE, "%s%s: %s", len > most ? "..." : "",
		     path, reason) >= STORE_WHY_SIZE)
		memcpy(why + STORE_WHY_SIZE - 4, "...", 4);
	return -1;
}

static int set_map_size(struct store_lmdb *s)
{
	MDB_envinfo info;
	MDB_stat st;

	mdb_env_info(s->env, &info);
	mdb_env_stat(s->env, &st);
	s->page_size = st.ms_psize;
	return mdb_env_set_mapsize(s->env,
				   lmdb_map_size(s,
						 ((uint64_t)info.me_last_pgno +
						  1) * s->page_size));
}

static int write_opened(struct lmdb_txn *txn)
{
	struct store_lmdb *s = txn->s;
	char text[64];
	unsigned count = 0;
	int error = lmdb_meta_get(txn, LMDB_OPENED_KEY, text, sizeof(text));

	if (error)
		return error;
	if (sscanf(text, "%u", &count) != 1 || count > 1000)
		count = 0;
	snprintf(text, sizeof(text), "%u %016llx %d", count + 1,
		 (unsigned long long)greylist_now().run, s->sync);
	return lmdb_meta_put(txn, LMDB_OPENED_KEY, text);
}

/* 0, an error, or -1 where the file is not ours, with the reason. */
static int open_databases(struct lmdb_txn *txn, const char **ret_reason)
{
	struct store_lmdb *s = txn->s;
	bool is_new = false, may_make = !s->read_only;
	char format[64];
	MDB_stat main;
	int error = mdb_stat(txn->txn, 1, &main);

	if (error)
		return error;
	is_new = may_make && main.ms_entries == 0;
	for (int db = LMDB_DATABASES; db-- > 0;) {
		/* meta is the first, and says whether to go on */
		error = mdb_dbi_open(txn->txn, names[db],
				     is_new || (may_make && db != LMDB_META)
					     ? MDB_CREATE
					     : 0,
				     &s->dbi[db]);
		if (error == MDB_NOTFOUND || error == MDB_INCOMPATIBLE) {
			*ret_reason = "is the file of another program";
			return -1;
		}
		if (error || db != LMDB_META)
			continue;
		if (is_new)
			error = lmdb_meta_put(
				txn, LMDB_FORMAT_KEY,
				LMDB_FORMAT_WORD LMDB_FORMAT_VERSION);
		if (!error)
			error = lmdb_meta_get(txn, LMDB_FORMAT_KEY, format,
					      sizeof(format));
		if (error)
			return error;
		if (strcmp(format, LMDB_FORMAT_WORD LMDB_FORMAT_VERSION) != 0) {
			*ret_reason = "is not of a version that is known here";
			return -1;
		}
	}
	return error;
}

static void read_last(struct lmdb_txn *txn, struct greylist_time *ret_last)
{
	long long wall, up;
	unsigned long long run;
	char text[80];

	*ret_last = (struct greylist_time){ 0 };
	if (lmdb_meta_get(txn, "last", text, sizeof(text)) == 0 &&
	    sscanf(text, "%lld/%lld/%llx", &wall, &up, &run) == 3)
		*ret_last = (struct greylist_time){ wall, up, run };
}

/* Who may write counts from now on, where nobody has before. */
static void begin_back(struct lmdb_txn *txn)
{
	struct store_lmdb *s = txn->s;
	struct lmdb_back back;

	lmdb_back_get(txn, &back);
	if (back.since == 0 && !s->read_only)
		back.since = greylist_now().wall;
	pthread_mutex_lock(&s->lock);
	s->back = back;
	s->back_more.since = back.since;
	pthread_mutex_unlock(&s->lock);
}

static int begin_databases(struct store_lmdb *s, char why[STORE_WHY_SIZE])
{
	struct lmdb_txn txn = { .s = s, .is_write = !s->read_only };
	const char *reason = NULL;
	int error = mdb_txn_begin(s->env, NULL, s->read_only ? MDB_RDONLY : 0,
				  &txn.txn);

	if (error)
		return lmdb_refuse(s, why, mdb_strerror(error));
	error = open_databases(&txn, &reason);
	if (!error && !s->read_only)
		error = write_opened(&txn);
	if (!error) {
		read_last(&txn, &s->noted);
		begin_back(&txn);
		lmdb_count(&txn);
		error = mdb_txn_commit(txn.txn);
		txn.txn = NULL;
	}
	if (txn.txn)
		mdb_txn_abort(txn.txn);
	if (error)
		return lmdb_refuse(s, why,
				   reason ? reason : mdb_strerror(error));
	return 0;
}

/* Who looks as root must not leave a lock that the filter cannot open. */
static void give_lock(struct store_lmdb *s)
{
	struct stat ours, lock;
	char path[4096 + 8];

	if (geteuid() != 0 || fstat(s->fd, &ours) < 0 ||
	    snprintf(path, sizeof(path), "%s-lock", s->path) >=
		    (int)sizeof(path) ||
	    lstat(path, &lock) < 0 || !S_ISREG(lock.st_mode) ||
	    lock.st_uid == ours.st_uid)
		return;
	if (lchown(path, ours.st_uid, ours.st_gid) < 0)
		lmdb_note_trouble(s, "the lock's owner cannot be set");
}

int lmdb_env_open(struct store_lmdb *s, char why[STORE_WHY_SIZE])
{
	unsigned flags = MDB_NOSUBDIR | MDB_NOTLS | MDB_NORDAHEAD;
	char reason[STORE_WHY_SIZE];
	int error = mdb_env_create(&s->env), dead;

	s->counted_id = s->last_id = 0;
	memset(s->changed_at, 0, sizeof(s->changed_at));
	if (error) {
		s->env = NULL;
		return lmdb_refuse(s, why, mdb_strerror(error));
	}
	if (!s->sync)
		flags |= MDB_NOSYNC;
	if (s->read_only)
		flags |= MDB_RDONLY;
	s->page_size = (size_t)sysconf(_SC_PAGESIZE);
	mdb_env_set_maxdbs(s->env, LMDB_DATABASES);
	mdb_env_set_maxreaders(s->env, 256);
	mdb_env_set_mapsize(s->env, lmdb_map_size(s, 0));
	error = mdb_env_open(s->env, s->path, flags, 0600);
	if (error == EACCES || error == EROFS || error == EPERM) {
		/* the file itself could be opened before */
		snprintf(reason, sizeof(reason),
			 "its lock (%s-lock) cannot be made or opened: %s",
			 strrchr(s->path, '/') ? strrchr(s->path, '/') + 1
					       : s->path,
			 strerror(error));
		lmdb_refuse(s, why, reason);
	} else if (error) {
		lmdb_refuse(s, why, mdb_strerror(error));
	}
	if (!error) {
		give_lock(s);
		mdb_reader_check(s->env, &dead);
		error = set_map_size(s);
		if (error)
			lmdb_refuse(s, why, mdb_strerror(error));
		else
			error = begin_databases(s, why);
	}
	atomic_store(&s->least, 0);
	if (error)
		lmdb_env_close(s);
	else
		note_size(s);
	return error ? -1 : 0;
}

void lmdb_env_close(struct store_lmdb *s)
{
	while (s->parked_count > 0)
		mdb_txn_abort(s->parked[--s->parked_count]);
	if (s->env)
		mdb_env_close(s->env);
	s->env = NULL;
}

/* Under env_lock, for writing. */
static int reopen(struct store_lmdb *s)
{
	struct greylist_time now = greylist_now();
	char why[STORE_WHY_SIZE];

	if (lmdb_clock_ms() < s->reopen_next)
		return EIO;
	s->reopen_next = lmdb_clock_ms() + LMDB_PAUSE_MS;
	lmdb_file_close(s);
	if (lmdb_file_open(s, &now, atomic_load(&s->is_suspect), why) < 0) {
		lmdb_note_trouble(s, why);
		return EIO;
	}
	s->on_disk = 0;
	s->opened++;
	atomic_store(&s->is_suspect, false);
	atomic_store(&s->is_bad, false);
	return 0;
}

/* --- transactions -------------------------------------------------------- */

/* Another process has made the file larger than our map. */
static int resize(struct store_lmdb *s)
{
	int error = EIO;

	pthread_rwlock_wrlock(&s->env_lock);
	if (s->env)
		error = set_map_size(s);
	pthread_rwlock_unlock(&s->env_lock);
	return error;
}

static int mend(struct store_lmdb *s, int error)
{
	int dead;

	switch (error) {
	case MDB_MAP_RESIZED: return resize(s);
	case MDB_READERS_FULL:
		pthread_rwlock_rdlock(&s->env_lock);
		if (s->env)
			error = mdb_reader_check(s->env, &dead);
		pthread_rwlock_unlock(&s->env_lock);
		return error;
	default: return error;
	}
}

/*
 * A file that somebody has cut off ends before the map does, and who reads
 * behind its end dies of SIGBUS.  So each transaction looks first.
 */
static bool was_cut(struct store_lmdb *s)
{
	/* first what it was, then what it is: commits make it larger */
	uint64_t least = atomic_load(&s->least);
	struct stat st;

	if (fstat(s->fd, &st) < 0 || (uint64_t)st.st_size >= least)
		return false;
	lmdb_note_trouble(s, "the file was cut off");
	atomic_store(&s->is_suspect, true);
	atomic_store(&s->is_bad, true);
	return true;
}

/* One that was reset, else a new one. */
static int begin_read(struct store_lmdb *s, MDB_txn **ret_txn)
{
	MDB_txn *txn = NULL;
	int error;

	if (!s->env || was_cut(s))
		return EIO;
	pthread_mutex_lock(&s->parked_lock);
	if (s->parked_count > 0)
		txn = s->parked[--s->parked_count];
	pthread_mutex_unlock(&s->parked_lock);
	if (!txn)
		return mdb_txn_begin(s->env, NULL, MDB_RDONLY, ret_txn);
	error = mdb_txn_renew(txn);
	if (error)
		mdb_txn_abort(txn);
	else
		*ret_txn = txn;
	return error;
}

static int read_once(struct store_lmdb *s, struct lmdb_txn *ret_txn)
{
	int error;

	*ret_txn = (struct lmdb_txn){ .s = s };
	error = begin_read(s, &ret_txn->txn);
	if (error) {
		ret_txn->txn = NULL;
		pthread_rwlock_unlock(&s->env_lock);
	}
	return error;
}

int lmdb_read(struct store_lmdb *s, struct lmdb_txn *ret_txn)
{
	int error;

	pthread_rwlock_rdlock(&s->env_lock);
	error = read_once(s, ret_txn);
	if (error && mend(s, error) == 0) {
		pthread_rwlock_rdlock(&s->env_lock);
		error = read_once(s, ret_txn);
	}
	return error;
}

int lmdb_try_read(struct store_lmdb *s, struct lmdb_txn *ret_txn)
{
	ret_txn->txn = NULL;
	if (atomic_load(&s->is_bad) ||
	    pthread_rwlock_tryrdlock(&s->env_lock) != 0)
		return EBUSY;
	return read_once(s, ret_txn) ? EBUSY : 0;
}

/* Transactions are numbered, whoever commits them; those given up are not. */
static void follow(struct store_lmdb *s, size_t id)
{
	if (s->last_id == 0 || id != s->last_id + 1)
		s->known_from = id;
}

/* Under env_lock, which is let go where it fails. */
static int begin_write(struct store_lmdb *s, struct lmdb_txn *txn)
{
	int error = s->env ? mdb_txn_begin(s->env, NULL, 0, &txn->txn) : EIO;

	if (!error) {
		follow(s, mdb_txn_id(txn->txn));
		return 0;
	}
	txn->txn = NULL;
	pthread_rwlock_unlock(&s->env_lock);
	return error;
}

static int write_once(struct store_lmdb *s, struct lmdb_txn *ret_txn)
{
	int error = 0;

	*ret_txn = (struct lmdb_txn){ .s = s, .is_write = true };
	if (atomic_load(&s->is_bad) || !s->env || was_cut(s)) {
		pthread_rwlock_wrlock(&s->env_lock);
		error = reopen(s);
		pthread_rwlock_unlock(&s->env_lock);
	}
	if (error)
		return error;
	pthread_rwlock_rdlock(&s->env_lock);
	return begin_write(s, ret_txn);
}

int lmdb_write(struct store_lmdb *s, struct lmdb_txn *ret_txn)
{
	int error = write_once(s, ret_txn);

	if (error == MDB_PANIC) {
		atomic_store(&s->is_bad, true);
		error = write_once(s, ret_txn);
	} else if (error && mend(s, error) == 0) {
		error = write_once(s, ret_txn);
	}
	return error;
}

int lmdb_try_write(struct store_lmdb *s, struct lmdb_txn *ret_txn)
{
	*ret_txn = (struct lmdb_txn){ .s = s, .is_write = true };
	if (atomic_load(&s->is_bad) ||
	    pthread_rwlock_tryrdlock(&s->env_lock) != 0)
		return EBUSY;
	if (!s->env) {
		pthread_rwlock_unlock(&s->env_lock);
		return EBUSY;
	}
	return begin_write(s, ret_txn) ? EBUSY : 0;
}

int lmdb_commit(struct lmdb_txn *txn)
{
	struct store_lmdb *s = txn->s;
	size_t id = mdb_txn_id(txn->txn);
	int error = mdb_txn_commit(txn->txn);

	if (error) {
		s->counted_id = s->last_id = 0;
	} else {
		note_size(s);
		/* LMDB does not count one that has changed nothing */
		if (txn->touched)
			s->last_id = id;
		else
			s->counted_id = 0;
	}
	txn->txn = NULL;
	pthread_rwlock_unlock(&s->env_lock);
	return error;
}

void lmdb_abort(struct lmdb_txn *txn)
{
	struct store_lmdb *s = txn->s;
	bool is_parked = false;

	if (!txn->txn)
		return;
	if (!txn->is_write) {
		mdb_txn_reset(txn->txn);
		pthread_mutex_lock(&s->parked_lock);
		is_parked = s->parked_count < LMDB_PARKED;
		if (is_parked)
			s->parked[s->parked_count++] = txn->txn;
		pthread_mutex_unlock(&s->parked_lock);
	}
	if (!is_parked)
		mdb_txn_abort(txn->txn);
	if (txn->is_write)
		s->counted_id = 0;
	txn->txn = NULL;
	pthread_rwlock_unlock(&s->env_lock);
}
