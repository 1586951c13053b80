/*
 * admission.c - count connections, and notice when descriptors run short.
 *
 * libmilter retries a failed accept() at once and for ever: without descriptors
 * it burns a whole core and serves nobody new.  RESERVE descriptors are left
 * for our own use and for saying 421; a thread looks whether they are there.
 *
 * It also sees to it that nobody starves.  libmilter (8.17.1) starts a thread
 * for what there is to do only if it believes that none is idle, and believes
 * so too late: of commands that arrive together some find no thread, and wait
 * until others have done with half a frame or with an inspector.  But
 * whenever somebody connects it counts anew.  So we connect ourselves, now and
 * then, and oftener as long as this makes the threads more.
 */
#include "filter/admission.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "filter/listener.h"
#include "filter/log.h"

enum {
	RESERVE = 32,
	WATCH_MS = 100,
	KNOCK_TICKS = 3, /* from one knock to the next, when all is well */
	FIRST_TICKS = 20, /* of a filter that others may have waited for */
	KNOCKS_MOST = 32, /* in a row */
};

static atomic_uint sessions;
static atomic_uint limit;
static int lowest_free, lowest_ever = INT_MAX; /* the watching thread's */
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
	lowest_free = probe;
	if (lowest_free < lowest_ever)
		lowest_ever = lowest_free;
	return (rlim_t)probe + RESERVE >= most;
}

/* A process has a link in this folder for each thread. */
static unsigned threads(void)
{
	struct stat st;

	return stat("/proc/self/task", &st) == 0 ? (unsigned)st.st_nlink : 0;
}

/*
 * Descriptors in use beyond those of an idle filter, or known sessions.  At the
 * start nobody knows what an idle filter has: whoever waited in the backlog was
 * there before the first look.
 */
static bool anybody_there(void)
{
	static unsigned ticks;

	if (ticks < FIRST_TICKS) {
		ticks++;
		return true;
	}
	return lowest_free > lowest_ever || admission_sessions() > 0;
}

static void knock(void)
{
	static unsigned ticks, knocks = 1, before;
	unsigned now;

	if (!anybody_there())
		return;
	now = threads();
	if (now >= before + knocks)
		knocks = knocks < KNOCKS_MOST ? knocks * 2 : KNOCKS_MOST;
	else if (++ticks < KNOCK_TICKS)
		return;
	else
		knocks = 1;
	ticks = 0;
	before = now;
	for (unsigned i = 0; i < knocks; i++)
		listener_knock();
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
		if (!now)
			knock();
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
