/*
 * store_lmdb_file.c - whose file it is, and whether it may be used.
 *
 * Whoever has the file open holds a shared lock on it (flock(2), which a
 * process that dies lets go).  Who finds nobody there takes it alone, looks at
 * the file from page to page, and sets it aside if it is damaged; nobody can
 * open it meanwhile.  Who finds others there takes it as they do: they have
 * looked.  So no file is taken away from under anybody.
 *
 * LMDB's own lock is one of fcntl(2), which a process loses as soon as it
 * closes any descriptor of that file; so within one process nobody may open it
 * twice, and it is refused.
 */
#include "lists/store_lmdb_private.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lists/store_lmdb_check.h"

enum {
	TRIES = 8, /* a file that is replaced meanwhile is looked for anew */
	LOCK_TRIES = 1000, /* while another looks at it */
	LOCK_NAP_MS = 10,
	NAMES = 100, /* of files that were set aside within a second */
};

static pthread_mutex_t open_lock = PTHREAD_MUTEX_INITIALIZER;
static struct store_lmdb *open_stores;

/* --- within this process ------------------------------------------------- */

static bool enter(struct store_lmdb *s, const struct stat *st)
{
	bool is_open = false;

	pthread_mutex_lock(&open_lock);
	for (struct store_lmdb *other = open_stores; other; other = other->next)
		is_open |= other->dev == st->st_dev && other->ino == st->st_ino;
	if (!is_open) {
		s->dev = st->st_dev;
		s->ino = st->st_ino;
		s->next = open_stores;
		open_stores = s;
	}
	pthread_mutex_unlock(&open_lock);
	return !is_open;
}

static void leave(struct store_lmdb *s)
{
	pthread_mutex_lock(&open_lock);
	for (struct store_lmdb **at = &open_stores; *at; at = &(*at)->next) {
		if (*at != s)
			continue;
		*at = s->next;
		break;
	}
	pthread_mutex_unlock(&open_lock);
}

/* --- the lock ------------------------------------------------------------ */

/* 0, with *ret_alone; -1 with errno. */
static int lock_file(int fd, bool *ret_alone)
{
	const struct timespec nap = { 0, LOCK_NAP_MS * 1000000L };

	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
			*ret_alone = true;
			return 0;
		}
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -1;
		if (flock(fd, LOCK_SH | LOCK_NB) == 0) {
			*ret_alone = false;
			return 0;
		}
		nanosleep(&nap, NULL);
	}
	errno = EWOULDBLOCK;
	return -1;
}

/*
 * A byte behind the end of any file, which nothing else locks.  (flock(2) is
 * taken by those who only look, too, and cannot be asked after.)
 */
static struct flock at_the_end(short type)
{
	return (struct flock){ .l_type = type,
			       .l_whence = SEEK_SET,
			       .l_start = INT64_MAX - 1,
			       .l_len = 1 };
}

int lmdb_announce(int fd)
{
	struct flock at = at_the_end(F_RDLCK);

	return fcntl(fd, F_OFD_SETLK, &at);
}

bool lmdb_is_alone(int fd)
{
	struct flock at = at_the_end(F_WRLCK);

	return fcntl(fd, F_OFD_GETLK, &at) == 0 && at.l_type == F_UNLCK;
}

/* Else a write may be a signal, see store_lmdb_writer.c. */
static bool is_without_limit(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
	       limit.rlim_cur == RLIM_INFINITY;
}

/* Is what was opened what stands there? */
static bool is_at_path(const struct store_lmdb *s, const struct stat *st)
{
	struct stat there;

	return lstat(s->path, &there) == 0 && there.st_dev == st->st_dev &&
	       there.st_ino == st->st_ino;
}

/* --- one try ------------------------------------------------------------- */

enum try_end { TRY_OPEN, TRY_AGAIN, TRY_REFUSED };

static enum try_end refused(const struct store_lmdb *s,
			    char why[STORE_WHY_SIZE], const char *reason)
{
	lmdb_refuse(s, why, reason);
	return TRY_REFUSED;
}

static enum try_end take_file(struct store_lmdb *s, struct stat *ret_st,
			      bool *ret_alone, char why[STORE_WHY_SIZE])
{
	int flags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;

	flags |= s->read_only ? O_RDONLY : O_RDWR | O_CREAT;
	s->fd = open(s->path, flags, 0600);
	if (s->fd < 0)
		return refused(s, why,
			       errno == ELOOP ? "is a symbolic link"
					      : strerror(errno));
	if (fstat(s->fd, ret_st) < 0)
		return refused(s, why, strerror(errno));
	if (!S_ISREG(ret_st->st_mode))
		return refused(s, why, "is not a regular file");
	if (!s->read_only && ret_st->st_uid != geteuid())
		return refused(s, why, "belongs to another user");
	if (!enter(s, ret_st))
		return refused(s, why, "is open already, in this process");
	if (lock_file(s->fd, ret_alone) < 0)
		return refused(s, why,
			       "cannot be locked: another process is "
			       "looking at it");
	s->can_own = !s->read_only && lmdb_announce(s->fd) == 0 && !s->sync &&
		     is_without_limit();
	return is_at_path(s, ret_st) ? TRY_OPEN : TRY_AGAIN;
}

static void drop_file(struct store_lmdb *s)
{
	leave(s);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

/* PATH.damaged-20261122T210500Z, and a number if that is there. */
static bool rename_aside(struct store_lmdb *s, const struct greylist_time *now,
			 char to[PATH_MAX])
{
	time_t wall = (time_t)now->wall;
	struct tm tm;
	char stamp[32];

	if (!gmtime_r(&wall, &tm) ||
	    strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm) == 0)
		snprintf(stamp, sizeof(stamp), "%lld", (long long)wall);
	for (int i = 1; i < NAMES; i++) {
		int len = i == 1 ? snprintf(to, PATH_MAX, "%s.damaged-%s",
					    s->path, stamp)
				 : snprintf(to, PATH_MAX, "%s.damaged-%s-%d",
					    s->path, stamp, i);

		if (len < 0 || len >= PATH_MAX)
			return false;
		/* only we are here: the lock is ours alone */
		if (access(to, F_OK) != 0 && errno == ENOENT)
			return rename(s->path, to) == 0;
	}
	return false;
}

static enum try_end set_aside(struct store_lmdb *s,
			      const struct greylist_time *now, const char *what,
			      char why[STORE_WHY_SIZE])
{
	char to[PATH_MAX], sentence[2 * PATH_MAX + 256];

	if (s->read_only || !rename_aside(s, now, to)) {
		snprintf(sentence, sizeof(sentence), "is damaged (%s)%s", what,
			 s->read_only ? "" : " and cannot be set aside");
		return refused(s, why, sentence);
	}
	snprintf(sentence, sizeof(sentence),
		 "%s is damaged (%s): set aside as %s, begun anew", s->path,
		 what, to);
	lmdb_note_trouble(s, sentence);
	atomic_store(&s->least, 0);
	pthread_mutex_lock(&s->lock);
	s->is_young = true;
	s->begun = *now;
	s->young_for = 0;
	pthread_mutex_unlock(&s->lock);
	if (s->set_aside)
		s->set_aside(s->context, sentence);
	return TRY_AGAIN;
}

static enum try_end check_file(struct store_lmdb *s,
			       const struct greylist_time *now, bool anew,
			       char why[STORE_WHY_SIZE])
{
	struct lmdb_check check;

	lmdb_check(s->fd, anew ? UINT_MAX : LMDB_CHECK_MS, now->run, &check);
	switch (check.file) {
	case LMDB_SOUND: return TRY_OPEN;
	case LMDB_EMPTY:
		if (atomic_load(&s->least) > 0) /* it was not, before */
			return set_aside(s, now, "was emptied", why);
		return s->read_only ? refused(s, why, check.what) : TRY_OPEN;
	case LMDB_DAMAGED: return set_aside(s, now, check.what, why);
	case LMDB_FOREIGN:
	case LMDB_NEWER:
	case LMDB_FAILED: break;
	}
	return refused(s, why, check.what);
}

/* An empty file that came of a start that failed would look damaged. */
static void take_back(struct store_lmdb *s, const struct stat *st)
{
	struct stat now;

	if (!s->read_only && st->st_size == 0 && fstat(s->fd, &now) == 0 &&
	    now.st_nlink == 1 && is_at_path(s, st))
		unlink(s->path);
}

/* A file that has just been made is there after a loss of power, too. */
static void sync_folder(const struct store_lmdb *s)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(s->path, '/');
	size_t len = slash ? (size_t)(slash - s->path) + 1 : 0;
	int fd;

	if (len >= sizeof(folder))
		return;
	memcpy(folder, s->path, len);
	folder[len] = '\0';
	fd = open(len > 0 ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	fsync(fd); /* where folders cannot be synced they need not be */
	close(fd);
}

static enum try_end try_open(struct store_lmdb *s,
			     const struct greylist_time *now, bool anew,
			     char why[STORE_WHY_SIZE])
{
	bool is_alone = false;
	struct stat st;
	enum try_end end = take_file(s, &st, &is_alone, why);

	if (end == TRY_OPEN && is_alone)
		end = check_file(s, now, anew, why);
	if (end == TRY_OPEN && lmdb_env_open(s, why) < 0) {
		if (is_alone)
			take_back(s, &st);
		end = TRY_REFUSED;
	}
	if (end == TRY_OPEN && s->sync && st.st_size == 0)
		sync_folder(s);
	if (end == TRY_OPEN && is_alone && flock(s->fd, LOCK_SH) < 0) {
		lmdb_refuse(s, why, strerror(errno));
		lmdb_env_close(s);
		end = TRY_REFUSED;
	}
	if (end != TRY_OPEN)
		drop_file(s);
	return end;
}

int lmdb_file_open(struct store_lmdb *s, const struct greylist_time *now,
		   bool anew, char why[STORE_WHY_SIZE])
{
	enum try_end end = TRY_AGAIN;

	lmdb_refuse(s, why, "is replaced again and again");
	for (int i = 0; i < TRIES && end == TRY_AGAIN; i++)
		end = try_open(s, now, anew, why);
	return end == TRY_OPEN ? 0 : -1;
}

void lmdb_file_close(struct store_lmdb *s)
{
	lmdb_env_close(s);
	drop_file(s);
}
