/*
 * store_contract_threads.c - many at one store at once, and one that has to
 * wait.  Threads count what they see; the test's own thread judges it.
 */
#include "tests/unit/store_contract_private.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 8, ROUNDS = 60, DEADLINE_MS = 20000 };

struct crowd;

struct worker {
	struct crowd *crowd;
	int number;
	unsigned ends[STORE_STOPPED + 1];
	unsigned whys[GREYLIST_TRAPPED + 1];
};

struct crowd {
	struct store *store;
	struct greylist_time now;
	struct greylist_terms terms;
	pthread_barrier_t start;
	struct worker workers[THREADS];
	void (*round)(struct worker *worker, int round);
	unsigned ends[STORE_STOPPED + 1];
	unsigned whys[GREYLIST_TRAPPED + 1];
};

static void call_on(struct worker *worker, const char *identity,
		    const char *sender)
{
	char key[TRIPLET_KEY_SIZE];
	const struct store_visit asked = {
		.triplet = key,
		.identity = identity,
		.sender = sender,
		.terms = worker->crowd->terms,
		.now = worker->crowd->now,
		.max_ms = PATIENCE_MS,
	};
	struct greylist_result result;

	triplet_key(identity, sender, "me@x.example", key);
	worker->ends[store_visit(worker->crowd->store, &asked, &result)]++;
	worker->whys[result.why]++;
}

static void *work(void *argument)
{
	struct worker *worker = argument;

	pthread_barrier_wait(&worker->crowd->start);
	for (int i = 0; i < ROUNDS; i++)
		worker->crowd->round(worker, i);
	return NULL;
}

/* All threads, all rounds; sums up what they saw. */
static void let_loose(struct crowd *crowd)
{
	pthread_t threads[THREADS];
	struct store_stats stats;

	memset(crowd->ends, 0, sizeof(crowd->ends));
	memset(crowd->whys, 0, sizeof(crowd->whys));
	pthread_barrier_init(&crowd->start, NULL, THREADS);
	for (int i = 0; i < THREADS; i++) {
		crowd->workers[i] =
			(struct worker){ .crowd = crowd, .number = i };
		assert_int_equal(pthread_create(&threads[i], NULL, work,
						&crowd->workers[i]),
				 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		for (int end = 0; end <= STORE_STOPPED; end++)
			crowd->ends[end] += crowd->workers[i].ends[end];
		for (int why = 0; why <= GREYLIST_TRAPPED; why++)
			crowd->whys[why] += crowd->workers[i].whys[why];
	}
	pthread_barrier_destroy(&crowd->start);
	store_stats(crowd->store, &stats);
	for (int end = 1; end <= STORE_STOPPED; end++)
		if (crowd->ends[end] > 0)
			fail_msg("%u ended as %s: %s", crowd->ends[end],
				 store_end_name((enum store_end)end),
				 stats.why);
}

static struct crowd crowd_at(struct store *store, int64_t seconds)
{
	return (struct crowd){
		.store = store,
		.now = after_noon(seconds),
		.terms = diary_terms,
	};
}

/* What need not last is written with what must. */
static void flush(struct store *store, const struct greylist_time *now)
{
	visit(store, "spf:flush.example", "joe@a.example", "me@x.example", now);
}

static uint32_t count_of(struct store *store, const char *key,
			 const struct greylist_time *now)
{
	struct shown shown = show(store, STORE_TRIPLET, key, now);

	assert_true(shown.is_there);
	return shown.entry.triplet.count;
}

/* --- no update is lost --------------------------------------------------- */

static void call_on_one(struct worker *worker, int round)
{
	(void)round;
	call_on(worker, "spf:a.example", "joe@a.example");
}

void test_threads_one_triplet(void **state)
{
	const char *key = "spf:a.example joe@a.example me@x.example";
	struct crowd crowd = crowd_at(*state, 0);
	struct shown shown;

	crowd.round = call_on_one;
	let_loose(&crowd);
	assert_int_equal(crowd.whys[GREYLIST_NEW], 1);
	assert_int_equal(crowd.whys[GREYLIST_EARLY], THREADS * ROUNDS - 1);
	flush(*state, &crowd.now);
	assert_int_equal(count_of(*state, key, &crowd.now), THREADS * ROUNDS);

	crowd.now = after_noon(10);
	let_loose(&crowd);
	assert_int_equal(crowd.whys[GREYLIST_WAITED], 1);
	assert_int_equal(crowd.whys[GREYLIST_KEPT], THREADS * ROUNDS - 1);
	crowd.now = after_noon(11);
	flush(*state, &crowd.now);
	assert_int_equal(count_of(*state, key, &crowd.now), THREADS * ROUNDS);
	shown = show(*state, STORE_IDENTITY, "spf:a.example", &crowd.now);
	assert_true(shown.is_there);
	assert_int_equal(shown.entry.identity.passes, 1);
}

/* Every second round all meet; in the others each is by himself. */
static void call_on_many(struct worker *worker, int round)
{
	char sender[64];

	if (round % 2)
		snprintf(sender, sizeof(sender), "joe@a%d-%d.example",
			 worker->number, round);
	else
		snprintf(sender, sizeof(sender), "joe@all-%d.example", round);
	call_on(worker, "net:192.0.2.0/24", sender);
}

void test_threads_many_triplets(void **state)
{
	const unsigned triplets = THREADS * ROUNDS / 2 + ROUNDS / 2;
	struct crowd crowd = crowd_at(*state, 0);

	crowd.round = call_on_many;
	let_loose(&crowd);
	assert_int_equal(crowd.whys[GREYLIST_NEW], triplets);
	assert_int_equal(crowd.whys[GREYLIST_EARLY],
			 THREADS * ROUNDS - triplets);
	/* all of them are there when it is opened again */
	crowd.now = after_noon(10);
	crowd.store = reopen(state, &crowd.now);
	let_loose(&crowd);
	assert_int_equal(crowd.whys[GREYLIST_WAITED], triplets);
	assert_int_equal(crowd.whys[GREYLIST_KEPT],
			 THREADS * ROUNDS - triplets);
}

static void pass_as_one(struct worker *worker, int round)
{
	char sender[64];

	snprintf(sender, sizeof(sender), "joe@a%d-%d.example", worker->number,
		 round);
	call_on(worker, "spf:a.example", sender);
}

/* Each of several hundred passes counts for the identity that they share. */
void test_threads_identity(void **state)
{
	struct crowd crowd = crowd_at(*state, 0);
	struct shown shown;

	crowd.round = pass_as_one;
	crowd.terms.known_gap = 0;
	crowd.terms.known_after = 0;
	let_loose(&crowd);
	assert_int_equal(crowd.whys[GREYLIST_NEW], THREADS * ROUNDS);
	crowd.now = after_noon(10);
	let_loose(&crowd);
	assert_int_equal(crowd.whys[GREYLIST_WAITED], THREADS * ROUNDS);
	shown = show(*state, STORE_IDENTITY, "spf:a.example", &crowd.now);
	assert_true(shown.is_there);
	assert_int_equal(shown.entry.identity.passes, THREADS * ROUNDS);
}

/* --- all at once --------------------------------------------------------- */

static bool count_foreign(void *context, const struct store_entry *entry)
{
	unsigned *foreign = context;

	*foreign += entry->reading != GREYLIST_READ;
	return true;
}

static enum store_end forget_one(struct worker *worker, const char *identity)
{
	const struct store_filter filter = { .kinds = STORE_IDENTITY,
					     .identity = identity };
	struct store_cursor cursor = { "" };
	uint64_t count;
	bool more;

	return store_forget(worker->crowd->store, &filter, &diary_terms,
			    &worker->crowd->now, false, 5, PATIENCE_MS, &cursor,
			    &count, &more);
}

static enum store_end look(struct worker *worker)
{
	struct store_cursor cursor = { "" };
	unsigned foreign = 0;
	enum store_end end;
	bool more;

	end = store_list(worker->crowd->store, NULL, &diary_terms,
			 &worker->crowd->now, 20, PATIENCE_MS, &cursor,
			 count_foreign, &foreign, &more);
	/* none was written */
	return foreign > 0 ? STORE_INVALID : end;
}

static enum store_end bring_one(struct worker *worker, const char *identity)
{
	const struct store_entry entry = {
		.kind = STORE_IDENTITY,
		.key = identity,
		.value = "1 identity passes=0 round=0 allow=1700000000 for=0",
	};
	uint64_t taken;
	size_t bad;

	return store_import(worker->crowd->store, &entry, 1, &diary_terms,
			    &worker->crowd->now, &taken, &bad);
}

static void do_anything(struct worker *worker, int round)
{
	struct store *store = worker->crowd->store;
	const struct greylist_time *now = &worker->crowd->now;
	enum store_end end = STORE_DONE;
	struct store_stats stats;
	char identity[32];
	bool done;

	snprintf(identity, sizeof(identity), "spf:a%d.example", round % 3);
	switch ((worker->number * 5 + round) % 9) {
	case 0:
		end = store_convict(store, identity, &diary_terms, now, 60,
				    PATIENCE_MS, &done);
		break;
	case 1:
		end = store_set_mark(store, identity, GREYLIST_UNMARKED,
				     &diary_terms, now, 0, PATIENCE_MS);
		break;
	case 2:
		end = store_write_to(store, "joe@a.example", &diary_terms, now,
				     PATIENCE_MS);
		break;
	case 3: end = look(worker); break;
	case 4: end = forget_one(worker, identity); break;
	case 5: end = bring_one(worker, identity); break;
	case 6:
		store_sweep(store, now, 10);
		store_stats(store, &stats);
		break;
	default: call_on(worker, identity, "joe@b.example"); return;
	}
	worker->ends[end]++;
}

/* Nobody disturbs another so that it fails, or leaves half a record. */
void test_threads_of_all_sorts(void **state)
{
	struct crowd crowd = crowd_at(*state, 0);
	struct worker worker = { .crowd = &crowd };

	crowd.round = do_anything;
	let_loose(&crowd);
	assert_int_equal(look(&worker), STORE_DONE);
	crowd.now = after_noon(10);
	crowd.store = reopen(state, &crowd.now);
	assert_int_equal(look(&worker), STORE_DONE);
	let_loose(&crowd);
}

/* --- one that has to wait ------------------------------------------------ */

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void rest(void)
{
	const struct timespec moment = { .tv_nsec = 1000000 };

	nanosleep(&moment, NULL);
}

struct caller {
	struct store *store;
	unsigned max_ms;
	atomic_int tid;
	enum store_end end;
	struct greylist_result result;
};

static void *call(void *argument)
{
	struct caller *caller = argument;
	const struct store_visit asked = {
		.triplet = "spf:a.example joe@a.example me@x.example",
		.identity = "spf:a.example",
		.sender = "joe@a.example",
		.terms = diary_terms,
		.now = after_noon(0),
		.max_ms = caller->max_ms,
	};

	atomic_store(&caller->tid, (int)syscall(SYS_gettid));
	caller->end = store_visit(caller->store, &asked, &caller->result);
	return NULL;
}

void test_late(void **state)
{
	struct greylist_time now = after_noon(1);
	struct caller caller = { .store = *state, .max_ms = 60 };
	int64_t begin = now_ms(), took;
	struct greylist_result result;
	enum store_end end;

	if (!the_contract->hold)
		skip();
	the_contract->hold(*state);
	call(&caller);
	took = now_ms() - begin;
	the_contract->let_go();
	assert_true(caller.end == STORE_LATE ||
		    (!the_contract->is_local && caller.end == STORE_AWAY));
	assert_int_equal(caller.result.answer, GREYLIST_UNKNOWN);
	if (took > 5000)
		fail_msg("60 ms came to %lld", (long long)took);
	/* it comes back to itself; a server that failed may rest a moment */
	do {
		end = try_visit(*state, "spf:a.example", "joe@a.example",
				"me@x.example", &now, &result);
		if (end != STORE_DONE)
			rest();
	} while (end == STORE_AWAY && now_ms() - begin < DEADLINE_MS);
	assert_int_equal(end, STORE_DONE);
	assert_true(result.why == GREYLIST_NEW || result.why == GREYLIST_EARLY);
}

static bool is_asleep(int tid)
{
	char path[64], line[256] = "";
	const char *name_end;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	file = fopen(path, "r");
	if (!file)
		return false;
	if (!fgets(line, sizeof(line), file))
		line[0] = '\0';
	fclose(file);
	name_end = strrchr(line, ')');
	return name_end && name_end[1] == ' ' && name_end[2] == 'S';
}

static void *close_store(void *argument)
{
	store_close(argument);
	return NULL;
}

/* Who waits when it is closed need not wait longer. */
void test_stopped(void **state)
{
	struct caller caller = { .store = *state, .max_ms = PATIENCE_MS };
	int64_t begin = now_ms();
	pthread_t visitor, closer;

	if (!the_contract->hold || !the_contract->is_local)
		skip();
	the_contract->hold(*state);
	assert_int_equal(pthread_create(&visitor, NULL, call, &caller), 0);
	while (now_ms() - begin < DEADLINE_MS &&
	       !(atomic_load(&caller.tid) && is_asleep(caller.tid)))
		rest();
	assert_int_equal(pthread_create(&closer, NULL, close_store, *state), 0);
	pthread_join(visitor, NULL);
	the_contract->let_go();
	pthread_join(closer, NULL);
	*state = NULL;
	assert_int_equal(caller.end, STORE_STOPPED);
	assert_int_equal(caller.result.answer, GREYLIST_UNKNOWN);
	assert_true(now_ms() - begin < PATIENCE_MS);
}
