/*
 * store_lmdb_room.c - how much is used of the room, and whether the disk has
 * what is left.
 *
 * LMDB copies each page that it changes, and the old ones are free only two
 * transactions later; so whoever deletes needs room, too.  In the map that is a
 * part which nothing else gets (store_lmdb_env.c).  On the disk it is reserved
 * behind the last page, and where that cannot be had the disk is full: then the
 * room is what there is, and prune and stop keep to that.
 */
#include "lists/store_lmdb_private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define KIB ((uint64_t)1024)
#define MIB (KIB * 1024)
#define RESERVE_MIN (128 * KIB)

static uint64_t between(uint64_t value, uint64_t low, uint64_t high)
{
	if (value < low)
		return low;
	return value < high ? value : high;
}

size_t lmdb_map_size(const struct store_lmdb *s, uint64_t in_use)
{
	uint64_t slack = between(s->room / 8, 256 * KIB, 64 * MIB);
	uint64_t size = (s->room > in_use ? s->room : in_use) + slack;

	size = between(size, 0, SIZE_MAX / 2);
	return (size_t)(size / s->page_size * s->page_size);
}

bool lmdb_is_full(int error)
{
	return error == MDB_MAP_FULL || error == ENOSPC || error == EDQUOT ||
	       error == EFBIG;
}

void lmdb_measure(struct lmdb_txn *txn, MDB_stat ret_stats[LMDB_DATABASES])
{
	struct store_lmdb *s = txn->s;
	bool is_ours = txn->is_write && s->counted_id > 0 &&
		       mdb_txn_id(txn->txn) - s->counted_id <= 1;

	for (unsigned db = 0; db < LMDB_DATABASES; db++) {
		if (is_ours && !(txn->touched & 1u << db))
			ret_stats[db] = s->counted[db];
		else if (mdb_stat(txn->txn, s->dbi[db], &ret_stats[db]) != 0)
			ret_stats[db] = (MDB_stat){ 0 };
	}
}

static uint64_t pages_of(const MDB_stat *stat)
{
	return stat->ms_branch_pages + stat->ms_leaf_pages +
	       stat->ms_overflow_pages;
}

struct lmdb_room lmdb_room(struct lmdb_txn *txn,
			   const MDB_stat stats[LMDB_DATABASES])
{
	struct store_lmdb *s = txn->s;
	struct lmdb_room room = { .room = s->room };
	uint64_t pages = 2; /* metas; then LMDB's own two trees, and ours */
	MDB_envinfo info;
	MDB_stat st;
	bool disk_full;

	for (MDB_dbi dbi = 0; dbi < 2; dbi++)
		if (mdb_stat(txn->txn, dbi, &st) == 0)
			pages += pages_of(&st);
	for (unsigned db = 0; db < LMDB_DATABASES; db++)
		pages += pages_of(&stats[db]);
	mdb_env_info(s->env, &info);
	room.used = pages * s->page_size;
	room.file = ((uint64_t)info.me_last_pgno + 1) * s->page_size;
	pthread_mutex_lock(&s->lock);
	disk_full = s->disk_full;
	pthread_mutex_unlock(&s->lock);
	/*
	 * what cannot grow has the room that it has, but for what deletes take
	 */
	if (disk_full) {
		uint64_t there =
			s->on_disk > room.file ? s->on_disk : room.file;

		there = there > RESERVE_MIN + s->page_size ? there - RESERVE_MIN
							   : s->page_size;
		if (room.room > there)
			room.room = there;
	}
	room.share = room.used * 100 / room.room;
	return room;
}

/* Few where the reserve is all that there is. */
size_t lmdb_batch_max(struct store_lmdb *s)
{
	bool disk_full;

	pthread_mutex_lock(&s->lock);
	disk_full = s->disk_full;
	pthread_mutex_unlock(&s->lock);
	return disk_full ? 2 : (size_t)between(s->room / 4096 / 32, 2, 2000);
}

/* A limit on the size of files is one on the disk. */
static bool is_over_limit(uint64_t end)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
	       limit.rlim_cur != RLIM_INFINITY && end > limit.rlim_cur;
}

/* LMDB calls a write that was cut short an input/output error. */
int lmdb_disk_error(struct store_lmdb *s, int error)
{
	struct statvfs vfs;
	struct stat st;

	if (error != EIO)
		return error;
	if (fstatvfs(s->fd, &vfs) == 0 &&
	    (uint64_t)vfs.f_bavail * vfs.f_frsize < RESERVE_MIN)
		return ENOSPC;
	if (fstat(s->fd, &st) == 0 &&
	    is_over_limit((uint64_t)st.st_size + RESERVE_MIN))
		return ENOSPC;
	return error;
}

/* As much as there is, up to what is wanted; errno says why not all. */
static uint64_t reserve_from(struct store_lmdb *s, uint64_t end, uint64_t want)
{
	while (want >= RESERVE_MIN / 2) {
		errno = EFBIG;
		if (!is_over_limit(end + want) &&
		    fallocate(s->fd, FALLOC_FL_KEEP_SIZE, (off_t)end,
			      (off_t)want) == 0)
			return want;
		if (!lmdb_is_full(errno))
			break;
		want /= 2;
	}
	return 0;
}

/*
 * A disk that fills up shows here first, while there is still room for the
 * commits that delete: so many bytes behind the last page are reserved.
 */
void lmdb_reserve(struct lmdb_txn *txn)
{
	struct store_lmdb *s = txn->s;
	uint64_t want = between(s->room / 64, 2 * RESERVE_MIN, 4 * MIB);
	MDB_envinfo info;
	uint64_t end, got = 0;
	int64_t now;
	bool full;

	mdb_env_info(s->env, &info);
	end = ((uint64_t)info.me_last_pgno + 1) * s->page_size;
	pthread_mutex_lock(&s->lock);
	full = s->disk_full;
	pthread_mutex_unlock(&s->lock);
	if (!full && s->on_disk >= end + want / 2)
		return;
	now = lmdb_clock_ms();
	if (now < s->reserve_next)
		return;
	full = false;
	if (s->can_reserve) {
		int64_t began = s->clock();

		got = reserve_from(s, end, want);
		full = got < want && lmdb_is_full(errno);
		s->can_reserve = got > 0 || full || errno == EINTR;
		lmdb_note_pace(s, began);
	}
	if (end + got > s->on_disk)
		s->on_disk = end + got;
	if (full)
		lmdb_note_trouble(s, "no space on its disk");
	if (full || !s->can_reserve)
		s->reserve_next = now + LMDB_PAUSE_MS;
	pthread_mutex_lock(&s->lock);
	s->disk_full = full;
	pthread_mutex_unlock(&s->lock);
}
