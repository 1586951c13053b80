/* jailed.c - an inspector in a process of its own, behind its jail. */
#include "tests/bench/jailed.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "filter/inspect/main.h"
#include "filter/inspector.h"
#include "filter/link.h"

static const char variable[] = "BENCH_INSPECTOR";

void jailed_run(void)
{
	if (getenv(variable) != NULL)
		inspector_main(JAILED_CHANNELS);
}

pid_t jailed_start(struct inspector_pool *pool)
{
	int note = memfd_create("note", MFD_CLOEXEC);
	int ours[JAILED_CHANNELS], theirs[JAILED_CHANNELS + 1];
	pid_t pid;

	if (note < 0 || ftruncate(note, 4096) < 0)
		exit(1);
	theirs[0] = fcntl(note, F_DUPFD_CLOEXEC, 200);
	for (int i = 0; i < JAILED_CHANNELS; i++) {
		int pair[2];

		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
			       pair) < 0)
			exit(1);
		ours[i] = pair[0];
		theirs[i + 1] = fcntl(pair[1], F_DUPFD_CLOEXEC, 200);
		close(pair[1]);
	}
	pid = fork();
	if (pid == 0) {
		/* A fresh memory, as the supervisor gives it. */
		char text[16];

		for (int i = 0; i <= JAILED_CHANNELS; i++)
			dup2(theirs[i], INSPECT_NOTE_FD + i);
		snprintf(text, sizeof(text), "%d", JAILED_CHANNELS);
		setenv(variable, text, 1);
		execl("/proc/self/exe", "inspector", NULL);
		_exit(127);
	}
	for (int i = 0; i <= JAILED_CHANNELS; i++)
		close(theirs[i]);
	inspector_pool_adopt(pool, 0, pid, note, ours, JAILED_CHANNELS);
	return pid;
}

static double seconds(struct timeval time)
{
	return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

double jailed_own_cpu(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double jailed_cpu_of(pid_t pid)
{
	struct timespec time;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) != 0 ||
	    clock_gettime(clock, &time) < 0)
		return 0;
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}
