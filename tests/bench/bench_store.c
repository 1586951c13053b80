/*
 * bench_store.c - what it costs to remember a greylist.
 *
 *   lmdb     answers a second, by one thread and by eight, synced and not:
 *            strangers (each is written, and must last) and those who are
 *            known (a use is noted, which need not).  Beside each row of
 *            strangers what LMDB does by itself with as many puts in as large
 *            transactions: a value and a place in the index for each visit.
 *            They take turns, and the ratio is the median over the rounds.
 *   redis    the same over a server of our own on a socket, which is synced
 *            (appendfsync always) or keeps all in memory.  Not where there is
 *            no redis-server.
 *   --many   a store of so many triplets: size, start, answers, sweep.
 *   --flood  so many strangers, each once, into a store of --room bytes.
 *
 * Exits 0 if all was measured, 1 if something failed, 2 for wrong use.
 */
#include "lists/store.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lists/greylist_clock.h"
#include "lists/store_lmdb.h"
#include "lists/store_redis.h"
#include "tests/bench/bare_lmdb.h"
#include "tests/bench/redis_server.h"
#include "tests/bench/store_load.h"

#define GIB ((uint64_t)1 << 30)

enum { ROUNDS_MAX = 15, KNOWN = 20000, PAGE = STORE_PAGE_MAX };
enum { PACE = 2000 }; /* known ones a second, in a large store */

static struct {
	double seconds;
	unsigned rounds;
	const char *folder;
	uint64_t many, flood, room;
} options = { 1.5, 3, "/tmp", 0, 0, GIB };

static char folder[200]; /* of this run */
static pid_t redis; /* while it runs */

static void fail(const char *what, const char *why)
{
	fprintf(stderr, "bench_store: %s: %s\n", what, why);
	exit(1);
}

static void path_of(const char *name, char path[256])
{
	snprintf(path, 256, "%s/%s", folder, name);
}

static void remove_store(const char *path)
{
	char lock[300];

	snprintf(lock, sizeof(lock), "%s-lock", path);
	unlink(path);
	unlink(lock);
}

static struct store *open_lmdb(const char *path, uint64_t room, bool sync)
{
	const struct store_lmdb_settings settings = {
		.path = path,
		.room = room,
		.sync = sync,
	};
	struct greylist_time now = greylist_now();
	char why[STORE_WHY_SIZE] = "";
	struct store *store = store_lmdb_open(&settings, &now, why);

	if (!store)
		fail(path, why);
	return store;
}

static void check(const struct load_figures *figures, struct store *store,
		  const char *what)
{
	struct store_stats stats;

	/* too many at once may be late, and a slow server given up for now */
	if (figures->failed ==
	    figures->ends[STORE_LATE] + figures->ends[STORE_AWAY])
		return;
	store_stats(store, &stats);
	fprintf(stderr, "bench_store: %s: %s\n", what, stats.why);
	for (int end = 1; end <= STORE_STOPPED; end++)
		if (figures->ends[end])
			fprintf(stderr, "bench_store: %s: %llu %s\n", what,
				(unsigned long long)figures->ends[end],
				store_end_name((enum store_end)end));
	exit(1);
}

/* --- filling ------------------------------------------------------------- */

/* Triplets that have passed, by pages; 0 where the terms say how long. */
static void fill(struct store *store, uint64_t count,
		 int64_t (*expires)(uint64_t n))
{
	static struct load_triplet triplets[PAGE];
	static struct store_entry entries[PAGE];
	struct greylist_time now = greylist_now();
	struct greylist_terms terms = load_terms;
	char value[GREYLIST_RECORD_SIZE];
	const struct greylist_triplet passed = {
		.state = GREYLIST_PASSED,
		.first_wall = now.wall,
		.last = now,
		.waited = 310,
		.count = 1,
	};

	if (expires)
		terms.keep = 1;
	greylist_write_triplet(&passed, value);
	for (uint64_t n = 0; n < count;) {
		size_t page = 0, bad;
		uint64_t taken;

		for (; page < PAGE && n < count; page++, n++) {
			load_triplet(n, &triplets[page]);
			entries[page] = (struct store_entry){
				.kind = STORE_TRIPLET,
				.key = triplets[page].key,
				.value = value,
				.expires = expires ? expires(n) : 0,
			};
		}
		if (store_import(store, entries, page, &terms, &now, &taken,
				 &bad) != STORE_DONE)
			fail("import", "failed");
	}
}

/* --- rates --------------------------------------------------------------- */

/* Answers, that is; what failed is none. */
static double per_second(const struct load_figures *figures)
{
	return (double)(figures->visits - figures->failed) / figures->seconds;
}

/* As many puts in transactions of that mean size, for as long. */
static double bare_rate(double batch, bool sync, uint64_t first,
			double *ret_cpu_us)
{
	struct load_triplet triplet;
	char path[256];
	struct bare *bare;
	double begin, took, cpu, due = 0;
	uint64_t n = 0;

	path_of("bare.mdb", path);
	remove_store(path);
	bare = bare_open(path, 8 * GIB, sync);
	cpu = load_cpu_us();
	begin = load_clock();
	do {
		bare_begin(bare);
		for (due += batch; due >= 1; due--) {
			load_triplet(first + n++, &triplet);
			bare_put(bare, triplet.key,
				 "1732473101/1732473101 1 waiting "
				 "first=1732300300/3600/9f86d081884c7d65 "
				 "tried=1732300300 tries=1 round=0",
				 1732473101);
		}
		bare_commit(bare);
		took = load_clock() - begin;
	} while (took < options.seconds);
	*ret_cpu_us = (load_cpu_us() - cpu) / (double)n;
	bare_close(bare);
	remove_store(path);
	return (double)n / took;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, unsigned count)
{
	qsort(values, count, sizeof(*values), by_size);
	return values[count / 2];
}

static void strangers(unsigned threads, bool sync)
{
	double rate[ROUNDS_MAX], bare[ROUNDS_MAX], ratio[ROUNDS_MAX];
	double batch = 1, p50 = 0, p99 = 0, cpu = 0, bare_cpu = 0;
	char path[256];

	path_of("store.mdb", path);
	for (unsigned i = 0; i < options.rounds; i++) {
		struct store_stats stats;
		struct load load = { .threads = threads,
				     .seconds = options.seconds,
				     .first = KNOWN };
		struct load_figures got;

		remove_store(path);
		load.store = open_lmdb(path, 8 * GIB, sync);
		got = load_run(&load);
		cpu = got.cpu_us;
		check(&got, load.store, "lmdb");
		store_stats(load.store, &stats);
		store_close(load.store);
		batch = stats.commits ? (double)stats.visits_committed /
						(double)stats.commits
				      : 1;
		rate[i] = per_second(&got);
		bare[i] = bare_rate(batch < 1 ? 1 : batch, sync, KNOWN,
				    &bare_cpu);
		ratio[i] = rate[i] / bare[i];
		p50 = got.p50_us, p99 = got.p99_us;
	}
	remove_store(path);
	printf("store lmdb strangers threads=%u synced=%s per_s=%.0f "
	       "p50_us=%.0f p99_us=%.0f cpu_us=%.1f per_commit=%.1f "
	       "bare_per_s=%.0f bare_cpu_us=%.1f ratio=%.2f\n",
	       threads, sync ? "yes" : "no", median(rate, options.rounds), p50,
	       p99, cpu, batch, median(bare, options.rounds), bare_cpu,
	       median(ratio, options.rounds));
	fflush(stdout);
}

static void run_known(const char *name, struct store *store, unsigned threads,
		      const char *synced)
{
	struct load load = {
		.store = store,
		.threads = threads,
		.seconds = options.seconds,
		.known = KNOWN,
	};
	struct load_figures got = load_run(&load);

	check(&got, store, name);
	printf("store %s known threads=%u synced=%s per_s=%.0f p50_us=%.1f "
	       "p99_us=%.1f longest_us=%.0f failed=%llu\n",
	       name, threads, synced, per_second(&got), got.p50_us, got.p99_us,
	       got.longest_us, (unsigned long long)got.failed);
	fflush(stdout);
}

static void rates_lmdb(void)
{
	char path[256];
	struct store *store;

	path_of("store.mdb", path);
	for (int sync = 1; sync >= 0; sync--) {
		strangers(1, sync);
		strangers(8, sync);
		store = open_lmdb(path, 8 * GIB, sync);
		fill(store, KNOWN, NULL);
		run_known("lmdb", store, 1, sync ? "yes" : "no");
		run_known("lmdb", store, 8, sync ? "yes" : "no");
		store_close(store);
		remove_store(path);
	}
}

/* --- Redis --------------------------------------------------------------- */

static void rates_of_redis(bool durable)
{
	const char *synced = durable ? "yes" : "no";
	char servers[256], why[STORE_WHY_SIZE] = "";
	struct store_redis_settings settings = {
		.servers = servers,
		.sentinels = "",
		.master = "",
		.user = "",
		.password_file = "",
		.prefix = "steelyard:",
	};
	struct store *store;
	uint64_t first = KNOWN;

	snprintf(servers, sizeof(servers), "unix:%s/redis.sock", folder);
	store = store_redis_open(&settings, why);
	if (!store)
		fail("redis", why);
	for (unsigned threads = 1; threads <= 8; threads += 7) {
		struct load load = {
			.store = store,
			.threads = threads,
			.seconds = options.seconds,
			.first = first,
		};
		struct load_figures got = load_run(&load);

		check(&got, store, "redis");
		first += got.visits;
		printf("store redis strangers threads=%u synced=%s per_s=%.0f "
		       "p50_us=%.0f p99_us=%.0f failed=%llu\n",
		       threads, synced, per_second(&got), got.p50_us,
		       got.p99_us, (unsigned long long)got.failed);
		fflush(stdout);
	}
	fill(store, KNOWN, NULL);
	run_known("redis", store, 1, synced);
	run_known("redis", store, 8, synced);
	store_close(store);
}

static void rates_redis(void)
{
	for (int durable = 1; durable >= 0; durable--) {
		redis = redis_start(folder, durable);
		if (redis < 0) {
			printf("store redis not measured: no redis-server\n");
			redis = 0;
			return;
		}
		rates_of_redis(durable);
		redis_stop(redis, folder);
		redis = 0;
	}
}

/* --- a large one --------------------------------------------------------- */

static int64_t spread_from; /* one in a thousand expires in a minute */

static int64_t spread(uint64_t n)
{
	return spread_from + (int64_t)(n % 1000) * 60;
}

static void forget_pages(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0 || fsync(fd) < 0 ||
	    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) != 0)
		fprintf(stderr, "bench_store: %s stays in memory\n", path);
	if (fd >= 0)
		close(fd);
}

static struct store *timed_open(const char *path, uint64_t room,
				const char *how)
{
	double begin = load_clock();
	struct store *store = open_lmdb(path, room, true);

	printf("store many start=%s ms=%.1f\n", how,
	       (load_clock() - begin) * 1e3);
	return store;
}

static void tell_answers(struct store *store, const char *who, struct load load)
{
	struct load_figures got;

	load.store = store;
	got = load_run(&load);
	check(&got, store, who);
	printf("store many answers=%s threads=%u p50_us=%.1f p99_us=%.1f "
	       "longest_us=%.0f per_s=%.0f failed=%llu\n",
	       who, load.threads, got.p50_us, got.p99_us, got.longest_us,
	       per_second(&got), (unsigned long long)got.failed);
	fflush(stdout);
}

/* A tenth expires. */
static void tell_sweep(struct store *store)
{
	struct greylist_time now = greylist_now();
	double begin = load_clock(), longest = 0;
	int64_t ahead = spread_from + 100 * 60 - now.wall;
	uint64_t swept, sum = 0;

	now.wall += ahead;
	now.up += ahead;
	do {
		double start = load_clock();

		swept = store_sweep(store, &now, 10000);
		sum += swept;
		if (load_clock() - start > longest)
			longest = load_clock() - start;
	} while (swept > 0);
	printf("store many swept=%llu us_per_entry=%.2f longest_call_ms=%.1f\n",
	       (unsigned long long)sum,
	       (load_clock() - begin) * 1e6 / (double)(sum ? sum : 1),
	       longest * 1e3);
}

static void tell_size(struct store *store, const char *path, const char *what,
		      uint64_t triplets)
{
	struct store_stats stats;
	struct stat file;

	store_stats(store, &stats);
	if (stat(path, &file) < 0)
		fail(path, "is gone");
	printf("store %s triplets=%llu file_mib=%.0f on_disk_mib=%.0f "
	       "used_mib=%.0f room_mib=%.0f bytes_per_triplet=%.0f\n",
	       what, (unsigned long long)triplets,
	       (double)file.st_size / 1048576,
	       (double)file.st_blocks * 512 / 1048576,
	       (double)stats.bytes_used / 1048576,
	       (double)stats.bytes_room / 1048576,
	       (double)stats.bytes_used / (double)(triplets ? triplets : 1));
	fflush(stdout);
}

static void large_one(void)
{
	uint64_t room = 64 * GIB;
	struct store *store;
	char path[256];
	double begin;

	path_of("many.mdb", path);
	spread_from = greylist_now().wall + 40 * 86400;
	store = open_lmdb(path, room, false);
	begin = load_clock();
	fill(store, options.many, spread);
	printf("store many filled_s=%.1f\n", load_clock() - begin);
	tell_size(store, path, "many", options.many);
	store_close(store);
	store_close(timed_open(path, room, "warm"));
	forget_pages(path);
	store_close(timed_open(path, room, "cold"));
	store = timed_open(path, room, "again");
	tell_answers(store, "known",
		     (struct load){ .threads = 1,
				    .visits = 20000,
				    .per_second = PACE,
				    .known = options.many });
	tell_answers(store, "known",
		     (struct load){ .threads = 8,
				    .visits = 20000,
				    .per_second = PACE,
				    .known = options.many });
	tell_answers(store, "strangers",
		     (struct load){ .threads = 1,
				    .visits = 5000,
				    .first = options.many });
	tell_answers(store, "strangers",
		     (struct load){ .threads = 8,
				    .visits = 40000,
				    .first = options.many + 5000 });
	tell_sweep(store);
	store_close(store);
	remove_store(path);
}

/* --- a flood ------------------------------------------------------------- */

static void flood(void)
{
	const uint64_t part = 250000;
	uint64_t visits = 0, full = 0;
	double seconds = 0, longest = 0, p99 = 0;
	struct store *store;
	struct store_stats stats;
	char path[256];

	path_of("flood.mdb", path);
	store = open_lmdb(path, options.room, false);
	while (visits < options.flood) {
		struct greylist_time now = greylist_now();
		struct load load = { .store = store,
				     .threads = 8,
				     .visits = part,
				     .first = visits };
		struct load_figures got = load_run(&load);

		visits += got.visits;
		full += got.ends[STORE_FULL];
		seconds += got.seconds;
		if (got.longest_us > longest)
			longest = got.longest_us;
		if (got.p99_us > p99)
			p99 = got.p99_us;
		got.failed -= got.ends[STORE_FULL];
		check(&got, store, "flood");
		store_sweep(store, &now, 10000);
	}
	store_stats(store, &stats);
	printf("store flood visits=%llu full=%llu pruned=%llu per_s=%.0f "
	       "p99_us=%.0f longest_us=%.0f\n",
	       (unsigned long long)visits, (unsigned long long)full,
	       (unsigned long long)stats.pruned, (double)visits / seconds, p99,
	       longest);
	tell_size(store, path, "flood", stats.triplets);
	store_close(store);
	remove_store(path);
}

/* --- all of it ----------------------------------------------------------- */

static void usage(void)
{
	fprintf(stderr,
		"usage: bench_store [--seconds N] [--rounds N] [--dir FOLDER] "
		"[--many TRIPLETS] [--flood TRIPLETS] [--room BYTES]\n");
	exit(2);
}

static uint64_t number(const char *text)
{
	char *end;
	uint64_t value = strtoull(text, &end, 10);

	if (*text < '1' || *text > '9' || *end != '\0')
		usage();
	return value;
}

static void read_options(int argc, char **argv)
{
	static const struct option known[] = {
		{ "seconds", required_argument, NULL, 's' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "dir", required_argument, NULL, 'd' },
		{ "many", required_argument, NULL, 'm' },
		{ "flood", required_argument, NULL, 'f' },
		{ "room", required_argument, NULL, 'R' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (c) {
		case 's': options.seconds = (double)number(optarg); break;
		case 'r': options.rounds = (unsigned)number(optarg); break;
		case 'd': options.folder = optarg; break;
		case 'm': options.many = number(optarg); break;
		case 'f': options.flood = number(optarg); break;
		case 'R': options.room = number(optarg); break;
		default: usage();
		}
	}
	if (optind < argc || options.rounds > ROUNDS_MAX)
		usage();
}

/* However it ends. */
static void clean_up(void)
{
	static const char *const names[] = { "store.mdb", "bare.mdb",
					     "many.mdb", "flood.mdb" };
	char path[256];

	if (redis > 0)
		redis_stop(redis, folder);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		path_of(names[i], path);
		remove_store(path);
	}
	if (rmdir(folder) < 0)
		fprintf(stderr, "bench_store: %s is left\n", folder);
}

int main(int argc, char **argv)
{
	read_options(argc, argv);
	snprintf(folder, sizeof(folder), "%s/bench_store.XXXXXX",
		 options.folder);
	if (!mkdtemp(folder))
		fail(folder, "cannot be made");
	atexit(clean_up);
	if (options.many)
		large_one();
	if (options.flood)
		flood();
	if (!options.many && !options.flood) {
		rates_lmdb();
		rates_redis();
	}
	return 0;
}
