/*
 * bench_inspector.c - what it costs to have a message read by an inspector.
 *
 * An inspector in a process of its own, in its jail; `threads` sessions hand
 * over messages of ten header fields, one after the other, with and without a
 * body of 2 KiB.  Prints the CPU time of both processes for each message, the
 * time it takes, and what the inspector weighs idle and after work.
 *
 *	bench_inspector [messages [threads]]
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "filter/inspector.h"
#include "rules/arena.h"
#include "rules/ruleset.h"
#include "tests/bench/jailed.h"

enum { THREADS_MAX = 64 };

/* --- ten header fields are asked for ------------------------------------ */

struct ruleset {
	const char *names[10];
};

static const struct ruleset rules = { { "Subject", "From", "To", "Message-ID",
					"Received", "Content-Type", "List-Id",
					"X-Mailer", "Reply-To", "Date" } };
static struct fact_slot slots[10];

size_t ruleset_slot_count(const struct ruleset *set)
{
	(void)set;
	return 10;
}

const struct fact_slot *ruleset_slot(const struct ruleset *set, unsigned slot)
{
	(void)set;
	return &slots[slot];
}

bool ruleset_reads_any(const struct ruleset *set, enum fact_id from,
		       enum fact_id to)
{
	(void)set;
	(void)from;
	(void)to;
	return true;
}

static const struct {
	const char *name, *value;
} fields[] = {
	{ "Received", " from mail.example.org (mail.example.org "
		      "[192.0.2.25])\n\tby mx.example.net with ESMTPS id 4Qx1; "
		      "Sun, 22 Nov 2026 10:00:00 +0000" },
	{ "Received", " from [198.51.100.7] (port=4711)\n\tby "
		      "mail.example.org with ESMTPSA; "
		      "Sun, 22 Nov 2026 09:59:58 +0000" },
	{ "Message-ID", " <20261122095958.4711@mail.example.org>" },
	{ "Date", " Sun, 22 Nov 2026 10:59:58 +0100" },
	{ "From", " Ann Example <ann@example.org>" },
	{ "To", " Bob Example <bob@example.net>" },
	{ "Subject", " the figures of last week, and the room for the "
		     "meeting" },
	{ "MIME-Version", " 1.0" },
	{ "Content-Type", " text/plain; charset=utf-8" },
	{ "User-Agent", " Example/1.0" },
};

/* --- messages ----------------------------------------------------------- */

struct work {
	struct inspector_pool *pool;
	long messages;
	size_t body;
	long failures;
};

static bool message(struct inspector_pool *pool, const char *body, size_t len,
		    struct arena *arena)
{
	const struct inspection_request request = {
		.rules = &rules,
		.arrival = 1795345200,
		.body_limit = len > 0 ? 1 << 20 : 0,
	};
	enum inspection_answer answer;
	enum fact_cause cause;
	struct inspection *inspection;
	struct facts facts;

	inspection = inspection_begin(pool, &request, 1000, &cause);
	if (inspection == NULL)
		return false;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		inspection_header(inspection, fields[i].name,
				  strlen(fields[i].name), fields[i].value,
				  strlen(fields[i].value));
	if (len > 0)
		inspection_body(inspection, body, len);
	inspection_finish(inspection);
	facts_init(&facts, arena, 10);
	answer = inspection_wait(inspection, &facts, 1000, &cause);
	inspection_end(inspection);
	arena_reset(arena);
	return answer == INSPECTION_DONE;
}

static void *run(void *context)
{
	static char body[2048];
	struct work *work = context;
	struct arena arena;

	arena_init(&arena, 1 << 20);
	for (long i = 0; i < work->messages; i++)
		if (!message(work->pool, body, work->body, &arena))
			work->failures++;
	arena_done(&arena);
	return NULL;
}

/* --- figures ------------------------------------------------------------ */

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* In KiB, from the kernel's own sum; -1 if it can't be read. */
static long pss_of(pid_t pid)
{
	char path[64], line[256];
	long kib = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	file = fopen(path, "re");
	if (file == NULL)
		return -1;
	while (fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "Pss: %ld", &kib) == 1)
			break;
	fclose(file);
	return kib;
}

static void measure(struct inspector_pool *pool, pid_t pid, long messages,
		    unsigned threads, size_t body)
{
	struct work work[THREADS_MAX];
	pthread_t thread[THREADS_MAX];
	double began = now(), ours = jailed_own_cpu(),
	       theirs = jailed_cpu_of(pid);
	double count = (double)messages * threads;
	long failures = 0;

	for (unsigned i = 0; i < threads; i++) {
		work[i] = (struct work){ pool, messages, body, 0 };
		pthread_create(&thread[i], NULL, run, &work[i]);
	}
	for (unsigned i = 0; i < threads; i++) {
		pthread_join(thread[i], NULL);
		failures += work[i].failures;
	}
	began = now() - began;
	ours = jailed_own_cpu() - ours;
	theirs = jailed_cpu_of(pid) - theirs;
	printf("threads %2u body %4zu: %6.1f us cpu (filter %5.1f, inspector "
	       "%5.1f), %6.1f us each way, %7.0f messages/s, %ld failed\n",
	       threads, body, (ours + theirs) / count * 1e6, ours / count * 1e6,
	       theirs / count * 1e6, began / (double)messages * 1e6,
	       count / began, failures);
}

int main(int argc, char **argv)
{
	long messages = argc > 1 ? atol(argv[1]) : 20000;
	unsigned threads = argc > 2 ? (unsigned)atoi(argv[2]) : 8;
	struct inspector_pool *pool;
	struct timespec moment = { .tv_nsec = 300000000 };
	pid_t pid;

	jailed_run();
	if (messages <= 0 || threads == 0 || threads > THREADS_MAX) {
		fprintf(stderr,
			"usage: bench_inspector [messages [threads]]\n");
		return 2;
	}
	for (unsigned i = 0; i < 10; i++)
		slots[i] = (struct fact_slot){ .id = FACT_HEADER,
					       .name = rules.names[i],
					       .phase = PHASE_EOM };
	pool = inspector_pool_open(1, JAILED_CHANNELS);
	if (pool == NULL)
		return 1;
	pid = jailed_start(pool);
	nanosleep(&moment, NULL); /* until it is up and still */
	printf("inspector idle: PSS %ld KiB\n", pss_of(pid));
	measure(pool, pid, messages, 1, 0);
	measure(pool, pid, messages, 1, 2048);
	measure(pool, pid, messages / threads, threads, 0);
	measure(pool, pid, messages / threads, threads, 2048);
	printf("inspector after work: PSS %ld KiB\n", pss_of(pid));
	inspector_pool_close(pool);
	waitpid(pid, NULL, 0);
	return 0;
}
