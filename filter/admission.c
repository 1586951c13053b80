/*
 * admission.c - count connections, and notice when descriptors run short.
 *
 * libmilter retries a failed accept() at once and for ever: without descriptors
 * it burns a whole core and serves nobody new.  RESERVE descriptors are left
 * for our own use and for saying 421; a thread looks whether they are there.
 */
#include "filter/admission.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "filter/listener.h"
#include "filter/log.h"

enum {
	RESERVE = 32,
	WATCH_MS = 100,
};

static atomic_uint sessions;
static atomic_uint limit;
static unsigned room; /* sessions that RLIMIT_NOFILE leaves room for */

static unsigned open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	if (dir == NULL)
		return RESERVE; /* no /proc: a guess */
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

/* True if fewer than RESERVE descriptors are left. */
static bool short_of_descriptors(rlim_t most)
{
	/* The lowest free number tells how many are taken at least; only
	 * near the end is it worth to count them. */
	int probe = fcntl(0, F_DUPFD_CLOEXEC, 0);

	if (probe < 0)
		return errno == EMFILE || errno == ENFILE;
	close(probe);
	return (rlim_t)probe + RESERVE >= most;
}

static void *watch(void *unused)
{
	const struct timespec tick = { .tv_nsec = WATCH_MS * 1000 * 1000 };
	struct rlimit files;
	bool short_before = false;
	unsigned wakes = 0;

	(void)unused;
	for (;;) {
		bool now;

		nanosleep(&tick, NULL);
		if (getrlimit(RLIMIT_NOFILE, &files) < 0)
			continue;
		now = short_of_descriptors(files.rlim_cur);
		if (now && !short_before) {
			listener_pause();
			log_event(LOG_WARNING, "X1",
				  "state=paused sessions=%u descriptors=%lu",
				  admission_sessions(),
				  (unsigned long)files.rlim_cur);
		} else if (!now && short_before) {
			listener_resume();
			log_event(LOG_WARNING, "X1",
				  "state=resumed sessions=%u",
				  admission_sessions());
		}
		if (now != short_before)
			wakes = 3; /* the first may come too early */
		if (wakes > 0) {
			wakes--;
			listener_wake();
		}
		short_before = now;
	}
	return NULL;
}

void admission_watch(void)
{
	struct rlimit files;
	unsigned used = open_descriptors();
	pthread_t thread;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
		(void)getrlimit(RLIMIT_NOFILE, &files);
		if (files.rlim_cur > 1000000)
			files.rlim_cur = 1000000;
		room = files.rlim_cur > used + 2 * RESERVE
			       ? (unsigned)files.rlim_cur - used - 2 * RESERVE
			       : 1;
	}
	if (pthread_create(&thread, NULL, watch, NULL) == 0)
		pthread_detach(thread);
}

bool admission_enter(unsigned max_sessions)
{
	unsigned most = room != 0 && room < max_sessions ? room : max_sessions;

	atomic_store_explicit(&limit, most, memory_order_relaxed);
	return atomic_fetch_add(&sessions, 1) < most;
}

void admission_leave(void)
{
	atomic_fetch_sub(&sessions, 1);
}

unsigned admission_sessions(void)
{
	return atomic_load(&sessions);
}

unsigned admission_limit(void)
{
	return atomic_load_explicit(&limit, memory_order_relaxed);
}
