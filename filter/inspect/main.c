/*
 * main.c - takes what it needs, closes the door, and reads mail.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "filter/inspect/main.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "filter/inspect/dkim.h"
#include "filter/inspect/jail.h"
#include "filter/inspect/note.h"
#include "filter/inspect/serve.h"
#include "filter/link.h"
#include "lists/suffix.h"
#include "rules/mail/charset.h"

/*
 * Our own frames stay below 16 KiB in all (no recursion, no large arrays); the
 * rest is for libopendkim, OpenSSL, libidn2 and iconv.  Pages that are not
 * touched cost nothing.  Sanitizers put guard zones around every variable.
 */
#ifdef SANITIZED
enum { STACK = 2048 * 1024 };
#else
enum { STACK = 512 * 1024 };
#endif

/*
 * Passed twice: when all threads are up (the first steps of a thread are calls
 * that the jail forbids), and when the door is closed.
 */
static pthread_barrier_t gate;
static struct charsets *charsets;

struct worker {
	pthread_t thread;
	unsigned channel;
	char *memory; /* serve_room() bytes, then the signal stack */
};

static void die(const char *step)
{
	fprintf(stderr, "steelyard: inspector: %s: %s\n", step,
		strerror(errno));
	_exit(1);
}

/*
 * Many threads, few of them busy: they share one heap, which gives back what
 * a large message took.  The values also keep glibc from adapting them.
 */
static void inspector_memory(void)
{
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_THRESHOLD, 256 * 1024);
	mallopt(M_TRIM_THRESHOLD, 256 * 1024);
	mallopt(M_TOP_PAD, 0);
}

/* 0-2 lead nowhere, but for stderr in the foreground; no strays above. */
static void inspector_descriptors(unsigned channels)
{
	bool quiet = getenv("STEELYARD_FOREGROUND") == NULL;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

#ifdef SANITIZED
	quiet = false;
#endif
	if (null < 0)
		die("/dev/null");
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	if (quiet)
		dup2(null, STDERR_FILENO);
	if (null > STDERR_FILENO)
		close(null);
	if (close_range(INSPECT_CHANNEL_FD + channels, ~0U, 0) < 0)
		die("close_range");
}

static void inspector_signals(void)
{
	static const int ignored[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM,
				       SIGPIPE };
	sigset_t none;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	note_handlers();
}

static void *worker_run(void *context)
{
	struct worker *worker = context;
	int fd = INSPECT_CHANNEL_FD + (int)worker->channel;

	note_thread(worker->channel);
#ifndef SANITIZED /* their run time has a stack of its own there */
	note_stack(worker->memory + serve_room());
#endif
	pthread_barrier_wait(&gate);
	pthread_barrier_wait(&gate);
	serve_channel(fd, worker->memory, charsets);
	close(fd); /* tells the filter, if it was us who gave up */
	return NULL;
}

static void workers_start(struct worker *workers, unsigned count)
{
	size_t each = serve_room() + NOTE_STACK;
	pthread_attr_t attr;
	char *memory;

	memory = mmap(NULL, each * count, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		die("mmap");
	pthread_attr_init(&attr);
	errno = pthread_attr_setstacksize(&attr, STACK);
	if (errno != 0)
		die("stack size");
	errno = pthread_barrier_init(&gate, NULL, count + 1);
	if (errno != 0)
		die("barrier");
	for (unsigned i = 0; i < count; i++) {
		workers[i].channel = i;
		workers[i].memory = memory + i * each;
		errno = pthread_create(&workers[i].thread, &attr, worker_run,
				       &workers[i]);
		if (errno != 0)
			die("thread");
	}
	pthread_attr_destroy(&attr);
}

int inspector_main(unsigned channels)
{
	struct worker workers[CHANNELS_MAX];
	const char *step;

	if (channels == 0 || channels > CHANNELS_MAX) {
		errno = EINVAL;
		die("channels");
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	inspector_memory();
	inspector_descriptors(channels);
	inspector_signals();
	if (note_open(INSPECT_NOTE_FD) < 0)
		die("crash note");
	close(INSPECT_NOTE_FD);
	/* What needs files, before the door closes. */
	charsets = charset_open();
	if (charsets == NULL)
		die("charsets");
	suffix_load();
	if (signatures_open() < 0) /* OpenSSL reads files, too */
		die("libopendkim");
	workers_start(workers, channels);
	pthread_barrier_wait(&gate);
	if (jail_enter(&step) < 0)
		die(step);
	pthread_barrier_wait(&gate);
	for (unsigned i = 0; i < channels; i++)
		pthread_join(workers[i].thread, NULL);
	_exit(0); /* nothing to tidy up, and exit() would look for files */
}
