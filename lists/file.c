/*
 * file.c - what is looked at is the open file, never the path, so nothing
 * can be swapped in between.
 */
#include "lists/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define READ_TRIES 3
#define NAME_TRIES 8

/* Where the sentence goes that explains a failure. */
struct complaint {
	const char *path;
	char *text;
	size_t size;
};

/* Leaves errno as `code`, and returns -1. */
__attribute__((format(printf, 3, 4))) static int complain(
	const struct complaint *to, int code, const char *format, ...)
{
	int len = 0;
	va_list args;

	if (to->size > 0)
		len = snprintf(to->text, to->size, "%s: ", to->path);
	if (len >= 0 && (size_t)len < to->size) {
		va_start(args, format);
		vsnprintf(to->text + len, to->size - (size_t)len, format, args);
		va_end(args);
	}
	errno = code;
	return -1;
}

/* A failed system call; `what` was being done. */
static int complain_errno(const struct complaint *to, const char *what)
{
	int code = errno;
	char buf[128];

	return complain(to, code, "%s%s", what,
			strerror_r(code, buf, sizeof(buf)));
}

static int64_t nanoseconds(struct timespec t)
{
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static struct file_stamp stamp_of(const struct stat *st)
{
	return (struct file_stamp){
		.dev = st->st_dev,
		.ino = st->st_ino,
		.size = (uint64_t)st->st_size,
		.mtime_ns = nanoseconds(st->st_mtim),
		.ctime_ns = nanoseconds(st->st_ctim),
	};
}

/* The digest is left out of this: a look cannot know it. */
static bool stamp_equal(const struct file_stamp *a, const struct file_stamp *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}

/* Nothing but what we would have written ourselves is read. */
static int check_file(const struct stat *st, const struct complaint *to)
{
	if (S_ISDIR(st->st_mode))
		return complain(to, EISDIR, "this is a directory");
	if (!S_ISREG(st->st_mode))
		return complain(to, EINVAL, "this is not a regular file");
	if (st->st_mode & S_IWOTH)
		return complain(to, EPERM,
				"everybody may write to it; chmod o-w it");
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return complain(to, EPERM,
				"it belongs to uid %ju, but we (uid %ju) trust "
				"only our own files and root's; chown it",
				(uintmax_t)st->st_uid, (uintmax_t)geteuid());
	return 0;
}

/*
 * Debian likes links to what the administrator chose, but who may write to a
 * folder on the way could point them anywhere.
 */
static int complain_link(const struct complaint *to)
{
	char *real = realpath(to->path, NULL);

	complain(to, ELOOP,
		 "this is a symbolic link, which is not followed; name the "
		 "file itself%s%s",
		 real ? ": " : "", real ? real : "");
	free(real);
	errno = ELOOP;
	return -1;
}

/*
 * Reads what the file holds now, at most `size` bytes and one more that tells
 * of growth.  *ret_len is what was there.
 */
static int read_all(int fd, char *buf, size_t size, size_t *ret_len,
		    const struct complaint *to)
{
	size_t len = 0;

	while (len < size + 1) {
		ssize_t got = pread(fd, buf + len, size + 1 - len, (off_t)len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return complain_errno(to, "");
		if (got == 0)
			break;
		len += (size_t)got;
	}
	*ret_len = len;
	return 0;
}

enum attempt {
	ATTEMPT_FAILED,
	ATTEMPT_MOVED, /* it changed under our hands */
	ATTEMPT_WHOLE,
};

/* One reading, whole only if the file was the same before and after. */
static enum attempt read_once(const struct complaint *to, size_t max_bytes,
			      char **ret_buf, struct file_stamp *ret_stamp)
{
	enum attempt attempt = ATTEMPT_FAILED;
	struct stat before, after;
	struct file_stamp stamp, then;
	char *buf = NULL;
	size_t size, len = 0;
	int fd, code;

	fd = open(to->path,
		  O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		if (errno == ELOOP)
			complain_link(to);
		else
			complain_errno(to, "");
		return ATTEMPT_FAILED;
	}
	if (fstat(fd, &before) < 0) {
		complain_errno(to, "");
		goto done;
	}
	if (check_file(&before, to) < 0)
		goto done;
	if ((uintmax_t)before.st_size > max_bytes) {
		complain(to, EFBIG, "%jd bytes are too many; at most %zu",
			 (intmax_t)before.st_size, max_bytes);
		goto done;
	}
	size = (size_t)before.st_size;
	buf = malloc(size + 2);
	if (!buf) {
		complain_errno(to, "");
		goto done;
	}
	if (read_all(fd, buf, size, &len, to) < 0)
		goto done;
	if (fstat(fd, &after) < 0) {
		complain_errno(to, "");
		goto done;
	}
	attempt = ATTEMPT_MOVED;
	stamp = stamp_of(&before);
	then = stamp_of(&after);
	/* Renamed over meanwhile: whole, but no longer what is at path. */
	if (len != size || !stamp_equal(&stamp, &then) ||
	    file_stamp_differs(to->path, &stamp))
		goto done;
	buf[len] = '\0';
	stamp.digest = hash_digest(buf, len);
	stamp.ends_line = len == 0 || buf[len - 1] == '\n';
	*ret_stamp = stamp;
	*ret_buf = buf;
	buf = NULL;
	attempt = ATTEMPT_WHOLE;
done:
	code = errno;
	free(buf);
	close(fd);
	errno = code;
	return attempt;
}

int file_read(const char *path, size_t max_bytes, char **ret_buf,
	      struct file_stamp *ret_stamp, char *error, size_t error_size)
{
	struct complaint to = { path, error, error_size };

	for (int i = 0; i < READ_TRIES; i++) {
		switch (read_once(&to, max_bytes, ret_buf, ret_stamp)) {
		case ATTEMPT_FAILED: return -1;
		case ATTEMPT_MOVED: continue;
		case ATTEMPT_WHOLE: return 0;
		}
	}
	return complain(&to, EAGAIN, "it is being written; try again");
}

bool file_stamp_same_content(const struct file_stamp *a,
			     const struct file_stamp *b)
{
	return a->size == b->size && a->digest.word[0] == b->digest.word[0] &&
	       a->digest.word[1] == b->digest.word[1];
}

bool file_stamp_differs(const char *path, const struct file_stamp *stamp)
{
	struct file_stamp now;
	struct stat st;

	if (lstat(path, &st) < 0)
		return true;
	now = stamp_of(&st);
	return !stamp_equal(&now, stamp);
}

enum file_change file_watch_look(struct file_watch *watch, const char *path,
				 int64_t now_ms)
{
	struct file_stamp now = { 0 }; /* of no file */
	struct stat st;
	bool missing = lstat(path, &st) < 0;

	if (!missing)
		now = stamp_of(&st);
	if (stamp_equal(&now, &watch->loaded)) {
		watch->moving = false;
		return FILE_UNCHANGED;
	}
	if (!watch->moving || !stamp_equal(&now, &watch->seen)) {
		watch->seen = now;
		watch->since_ms = now_ms;
		watch->moving = true;
	}
	if (now_ms - watch->since_ms < FILE_SETTLE_MS)
		return FILE_CHANGING;
	return missing ? FILE_MISSING : FILE_CHANGED;
}

/*
 * A lease for reading is not to be had while anybody has the file open for
 * writing.  Whoever opens it in the instant that we hold one waits until we
 * have let go, and we would get a signal: one that nobody minds.
 */
static bool has_writer(int fd)
{
	if (fcntl(fd, F_SETSIG, SIGURG) < 0)
		return false;
	if (fcntl(fd, F_SETLEASE, F_RDLCK) < 0)
		return errno == EAGAIN;
	fcntl(fd, F_SETLEASE, F_UNLCK);
	return false;
}

/* Has it changed lately, and ends within a line? */
static bool ends_early(int fd)
{
	struct timespec now;
	struct stat st;
	int64_t age;
	char last;

	if (fstat(fd, &st) < 0 || st.st_size == 0 ||
	    clock_gettime(CLOCK_REALTIME, &now) < 0 ||
	    pread(fd, &last, 1, st.st_size - 1) != 1)
		return false;
	age = (int64_t)now.tv_sec - (int64_t)st.st_mtim.tv_sec;
	return last != '\n' && age >= 0 && age < FILE_PATIENCE_S;
}

bool file_is_unfinished(const char *path, bool should_end, char *error,
			size_t error_size)
{
	struct complaint to = { path, error, error_size };
	bool unfinished = true;
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC |
				    O_NOCTTY);

	if (fd < 0)
		return false; /* who reads it will say why it cannot be */
	if (has_writer(fd))
		complain(&to, EAGAIN, "somebody is writing to it");
	else if (should_end && ends_early(fd))
		complain(&to, EAGAIN,
			 "its last line does not end, so it may be half "
			 "written; it is read %d s after its last change",
			 FILE_PATIENCE_S);
	else
		unfinished = false;
	close(fd);
	return unfinished;
}

/* The folder, opened, and the name in it. */
static int open_folder(const struct complaint *to, const char **ret_name)
{
	const char *slash = strrchr(to->path, '/');
	char *folder;
	int fd;

	*ret_name = slash ? slash + 1 : to->path;
	if (**ret_name == '\0')
		return complain(to, EISDIR, "this is a directory");
	if (!slash)
		folder = strdup(".");
	else if (slash == to->path)
		folder = strdup("/");
	else
		folder = strndup(to->path, (size_t)(slash - to->path));
	if (!folder)
		return complain_errno(to, "");
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		complain_errno(to, "its folder: ");
	free(folder);
	return fd;
}

/*
 * A new file beside the old one.  Its name begins with a dot, so that a glob
 * in an include does not find it.
 */
static int create_beside(int folder, const char *name, char **ret_temp,
			 const struct complaint *to)
{
	uint64_t random;

	for (int i = 0; i < NAME_TRIES; i++) {
		char *temp;
		int fd;

		if (getrandom(&random, sizeof(random), 0) !=
		    (ssize_t)sizeof(random))
			return complain_errno(to, "");
		if (asprintf(&temp, ".%.200s.%016" PRIx64, name, random) < 0)
			return complain(to, ENOMEM, "out of memory");
		fd = openat(folder, temp,
			    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW |
				    O_CLOEXEC,
			    0600);
		if (fd >= 0) {
			*ret_temp = temp;
			return fd;
		}
		free(temp);
		if (errno != EEXIST)
			break;
	}
	return complain_errno(to, "a new file beside it: ");
}

static int write_all(int fd, const char *buf, size_t len,
		     const struct complaint *to)
{
	while (len > 0) {
		ssize_t put = write(fd, buf, len);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return complain_errno(to, "writing it anew: ");
		buf += put;
		len -= (size_t)put;
	}
	return 0;
}

/* Content, owner, mode (in this order: chown clears bits), and to disk. */
static int fill(int fd, const char *buf, size_t len, const struct stat *old,
		const struct complaint *to)
{
	struct stat st;

	if (write_all(fd, buf, len, to) < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return complain_errno(to, "writing it anew: ");
	if ((st.st_uid != old->st_uid || st.st_gid != old->st_gid) &&
	    fchown(fd, old->st_uid, old->st_gid) < 0)
		return complain_errno(to, "keeping its owner and group: ");
	if (fchmod(fd, old->st_mode & 07777) < 0)
		return complain_errno(to, "keeping its mode: ");
	if (fsync(fd) < 0)
		return complain_errno(to, "writing it anew: ");
	return 0;
}

static int check_old(int folder, const char *name, struct stat *old,
		     const struct file_stamp *expected,
		     const struct complaint *to)
{
	struct file_stamp now;

	if (fstatat(folder, name, old, AT_SYMLINK_NOFOLLOW) < 0)
		return complain_errno(to, "");
	if (S_ISLNK(old->st_mode))
		return complain_link(to);
	if (!S_ISREG(old->st_mode))
		return complain(to, EINVAL, "this is not a regular file");
	now = stamp_of(old);
	if (expected && !stamp_equal(&now, expected))
		return complain(to, EAGAIN,
				"somebody else has just changed it; try again");
	return 0;
}

int file_replace(const char *path, const char *buf, size_t len,
		 const struct file_stamp *expected, char *error,
		 size_t error_size)
{
	struct complaint to = { path, error, error_size };
	int folder, fd = -1, result = -1, code;
	char *temp = NULL;
	const char *name;
	struct stat old;

	folder = open_folder(&to, &name);
	if (folder < 0)
		return -1;
	if (check_old(folder, name, &old, expected, &to) < 0)
		goto done;
	fd = create_beside(folder, name, &temp, &to);
	if (fd < 0 || fill(fd, buf, len, &old, &to) < 0)
		goto done;
	/* Once more: writing may have taken its time. */
	if (check_old(folder, name, &old, expected, &to) < 0)
		goto done;
	if (renameat(folder, temp, folder, name) < 0) {
		complain_errno(&to, "putting the new file in place: ");
		goto done;
	}
	free(temp);
	temp = NULL;
	if (fsync(folder) < 0) {
		complain_errno(&to, "replaced, but perhaps not on disk: ");
		goto done;
	}
	result = 0;
done:
	code = errno;
	if (temp)
		unlinkat(folder, temp, 0);
	free(temp);
	if (fd >= 0)
		close(fd);
	close(folder);
	errno = code;
	return result;
}
