/*
 * store_load.c - visits for a store to answer, by one thread or more.
 */
#include "tests/bench/store_load.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "lists/greylist_clock.h"

enum {
	THREADS_MAX = 64,
	SAMPLES = 1 << 19, /* of a thread; then only every so many */
	PATIENCE_MS = 8000,
};

const struct greylist_terms load_terms = {
	.wait = 300,
	.window = 172800,
	.keep = 3110400,
	.known_gap = 43200,
	.known_after = 5,
};

struct worker {
	const struct load *load;
	unsigned number;
	atomic_uint_least64_t *next;
	atomic_bool *stop;
	uint64_t visits, ends[STORE_STOPPED + 1];
	float *samples; /* microseconds */
	size_t taken;
};

double load_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double load_cpu_us(void)
{
	struct rusage used;

	getrusage(RUSAGE_SELF, &used);
	return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
	       (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

/* The same numbers each time, in no order (splitmix64's last step). */
static uint64_t scatter(uint64_t n)
{
	n += 0x9e3779b97f4a7c15;
	n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9;
	n = (n ^ n >> 27) * 0x94d049bb133111eb;
	return n ^ n >> 31;
}

void load_triplet(uint64_t n, struct load_triplet *ret_triplet)
{
	uint64_t r = scatter(n), s = scatter(r);

	snprintf(ret_triplet->identity, sizeof(ret_triplet->identity),
		 "net:%u.%u.%u.0/24", (unsigned)(r & 0x7f) + 1,
		 (unsigned)(r >> 8 & 0xff), (unsigned)(r >> 16 & 0xff));
	snprintf(ret_triplet->sender, sizeof(ret_triplet->sender),
		 "%llx@mail%u.example", (unsigned long long)(s >> 24),
		 (unsigned)(r >> 24 & 0xffff));
	snprintf(ret_triplet->key, sizeof(ret_triplet->key),
		 "%s %s user%u@here.example", ret_triplet->identity,
		 ret_triplet->sender, (unsigned)(r >> 40 & 0xff));
}

static void note_time(struct worker *worker, double seconds)
{
	if (worker->taken < SAMPLES)
		worker->samples[worker->taken++] = (float)(seconds * 1e6);
	else /* any that came before, by chance */
		worker->samples[scatter(worker->visits) % SAMPLES] =
			(float)(seconds * 1e6);
}

static void visit(struct worker *worker, uint64_t n)
{
	const struct load *load = worker->load;
	struct load_triplet triplet;
	struct store_visit asked = {
		.terms = load_terms,
		.max_ms = PATIENCE_MS,
	};
	struct greylist_result result;
	enum store_end end;
	double begin;

	load_triplet(n, &triplet);
	asked.triplet = triplet.key;
	asked.identity = triplet.identity;
	asked.sender = triplet.sender;
	begin = load_clock();
	asked.now = greylist_now();
	end = store_visit(load->store, &asked, &result);
	note_time(worker, load_clock() - begin);
	worker->ends[end]++;
	worker->visits++;
}

/* Until it is this thread's turn again. */
static void keep_pace(const struct worker *worker, double begin)
{
	const struct load *load = worker->load;
	double due, left;

	if (load->per_second <= 0)
		return;
	due = begin + (double)worker->visits * load->threads / load->per_second;
	left = due - load_clock();
	if (left > 0) {
		struct timespec span = { .tv_sec = (time_t)left };

		span.tv_nsec = (long)((left - (double)span.tv_sec) * 1e9);
		nanosleep(&span, NULL);
	}
}

static void *work(void *argument)
{
	struct worker *worker = argument;
	const struct load *load = worker->load;
	uint64_t chance = worker->number;
	double begin = load_clock();

	while (!atomic_load_explicit(worker->stop, memory_order_relaxed)) {
		uint64_t n = atomic_fetch_add(worker->next, 1);

		if (load->visits && n >= load->visits)
			break;
		if (load->known)
			n = (chance = scatter(chance)) % load->known;
		else
			n += load->first;
		keep_pace(worker, begin);
		visit(worker, n);
	}
	return NULL;
}

static int by_size(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static void add_up(struct worker *workers, unsigned count,
		   struct load_figures *figures)
{
	float *all = calloc((size_t)count * SAMPLES, sizeof(*all));
	size_t n = 0;

	if (!all)
		exit(1);
	for (unsigned i = 0; i < count; i++) {
		figures->visits += workers[i].visits;
		for (int end = 0; end <= STORE_STOPPED; end++)
			figures->ends[end] += workers[i].ends[end];
		for (size_t s = 0; s < workers[i].taken; s++)
			all[n++] = workers[i].samples[s];
	}
	figures->failed = figures->visits - figures->ends[STORE_DONE];
	if (n > 0) {
		qsort(all, n, sizeof(*all), by_size);
		figures->p50_us = (double)all[n / 2];
		figures->p99_us = (double)all[n - 1 - n / 100];
		figures->longest_us = (double)all[n - 1];
	}
	free(all);
}

struct load_figures load_run(const struct load *load)
{
	static struct worker workers[THREADS_MAX];
	pthread_t threads[THREADS_MAX];
	struct load_figures figures = { 0 };
	atomic_uint_least64_t next;
	atomic_bool stop;
	double begin = load_clock(), cpu = load_cpu_us();

	atomic_init(&next, 0);
	atomic_init(&stop, false);
	for (unsigned i = 0; i < load->threads; i++) {
		workers[i] = (struct worker){
			.load = load,
			.number = i,
			.next = &next,
			.stop = &stop,
			.samples = calloc(SAMPLES, sizeof(float)),
		};
		if (!workers[i].samples ||
		    pthread_create(&threads[i], NULL, work, &workers[i]) != 0)
			exit(1);
	}
	if (!load->visits) {
		struct timespec span = {
			.tv_sec = (time_t)load->seconds,
			.tv_nsec = (long)((load->seconds -
					   (double)(time_t)load->seconds) *
					  1e9),
		};

		nanosleep(&span, NULL);
		atomic_store(&stop, true);
	}
	for (unsigned i = 0; i < load->threads; i++)
		pthread_join(threads[i], NULL);
	figures.seconds = load_clock() - begin;
	cpu = load_cpu_us() - cpu;
	add_up(workers, load->threads, &figures);
	if (figures.visits > 0)
		figures.cpu_us = cpu / (double)figures.visits;
	for (unsigned i = 0; i < load->threads; i++)
		free(workers[i].samples);
	return figures;
}
