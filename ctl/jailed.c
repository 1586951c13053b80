/*
 * jailed.c - one inspector for a tool.
 */
#include "ctl/jailed.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "filter/inspect/main.h"
#include "filter/inspect/note.h"
#include "filter/inspector.h"
#include "filter/link.h"

/* Moves a descriptor out of the way of those that have fixed numbers. */
static int above(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, INSPECT_CHANNEL_FD + 1);
}

static void be_inspector(int note, int channel)
{
	note = above(note);
	channel = above(channel);
	if (note < 0 || channel < 0 || dup2(note, INSPECT_NOTE_FD) < 0 ||
	    dup2(channel, INSPECT_CHANNEL_FD) < 0)
		_exit(1);
	/* what it has to say in trouble is for whoever started us */
	setenv("STEELYARD_FOREGROUND", "1", 1);
	inspector_main(1);
}

static int open_note(void)
{
	int fd = memfd_create("note", MFD_CLOEXEC);

	if (fd >= 0 && ftruncate(fd, NOTE_SIZE) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* One that hangs; the pool has given up on it. */
static void on_hang(void *context, unsigned number, pid_t pid)
{
	(void)context;
	(void)number;
	kill(pid, SIGKILL);
}

int jailed_start(struct jailed *jailed, unsigned timeout_ms)
{
	int pair[2] = { -1, -1 }, note = open_note();

	*jailed = (struct jailed){ .pid = -1 };
	if (note < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		goto fail;
	fflush(NULL); /* or the child would say it once more */
	jailed->pid = fork();
	if (jailed->pid < 0)
		goto fail;
	if (jailed->pid == 0)
		be_inspector(note, pair[1]);
	close(pair[1]);
	pair[1] = -1;
	jailed->pool = inspector_pool_open(1, 1);
	if (jailed->pool == NULL)
		goto fail;
	inspector_pool_on_hang(jailed->pool, on_hang, NULL);
	inspector_pool_set_timeout(jailed->pool, timeout_ms);
	inspector_pool_adopt(jailed->pool, 0, jailed->pid, note, &pair[0], 1);
	return 0;
fail:
	for (int i = 0; i < 2; i++)
		if (pair[i] >= 0)
			close(pair[i]);
	if (note >= 0)
		close(note);
	jailed_stop(jailed);
	return -1;
}

int jailed_is_dead(struct jailed *jailed)
{
	if (jailed->pid > 0 && waitpid(jailed->pid, NULL, WNOHANG) == 0)
		return false;
	jailed->pid = -1;
	return true;
}

void jailed_stop(struct jailed *jailed)
{
	int error = errno;

	if (jailed->pool != NULL)
		inspector_pool_close(jailed->pool);
	if (jailed->pid > 0) {
		kill(jailed->pid, SIGKILL);
		while (waitpid(jailed->pid, NULL, 0) < 0 && errno == EINTR)
			continue;
	}
	*jailed = (struct jailed){ .pid = -1 };
	errno = error;
}
