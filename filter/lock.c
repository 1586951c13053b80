/*
 * lock.c - one instance at a time.
 */
#include "filter/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static pid_t read_pid(int fd)
{
	char text[16] = "";
	ssize_t got = pread(fd, text, sizeof(text) - 1, 0);

	return got > 0 ? (pid_t)strtol(text, NULL, 10) : 0;
}

static int write_pid(int fd)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d\n", (int)getpid());

	if (ftruncate(fd, 0) < 0)
		return -1;
	return pwrite(fd, text, (size_t)len, 0) == len ? 0 : -1;
}

/* Somebody may have removed the file between our open and our lock. */
static int still_there(int fd, const char *path)
{
	struct stat ours, named;

	if (fstat(fd, &ours) < 0)
		return -1;
	if (lstat(path, &named) < 0)
		return errno == ENOENT ? 0 : -1;
	return ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

/*
 * As root we write into the file and give it away: it must not be a name that
 * somebody else has made for another file.
 */
static int check_ours(int fd, uid_t uid)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -1;
	errno = EINVAL;
	if (!S_ISREG(st.st_mode))
		return -1;
	errno = EMLINK;
	if (st.st_nlink > 1) /* 0: just removed, see still_there() */
		return -1;
	errno = EPERM;
	return st.st_uid == 0 || st.st_uid == geteuid() || st.st_uid == uid
		       ? 0
		       : -1;
}

static int try_lock(const char *path, uid_t uid, pid_t *ret_pid)
{
	int fd, there, error;

	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
		  0600);
	if (fd < 0)
		return -1;
	if (check_ours(fd, uid) < 0)
		goto fail;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		*ret_pid = read_pid(fd);
		goto fail;
	}
	there = still_there(fd, path);
	if (there < 0)
		goto fail;
	if (there == 0) {
		errno = EAGAIN;
		goto again;
	}
	*ret_pid = read_pid(fd);
	if (write_pid(fd) < 0)
		goto fail;
	if (uid != (uid_t)-1 && fchown(fd, uid, (gid_t)-1) < 0)
		goto fail;
	return fd;
fail:
	error = errno;
	close(fd);
	errno = error;
	return -1;
again:
	close(fd);
	return -2;
}

int lock_take(const char *path, uid_t uid, pid_t *ret_pid)
{
	int tries, fd = -1;

	*ret_pid = 0;
	for (tries = 0; tries < 10; tries++) {
		fd = try_lock(path, uid, ret_pid);
		if (fd != -2)
			return fd;
	}
	errno = EIO;
	return -1;
}
