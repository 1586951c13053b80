/*
 * test_store_lmdb_room.c - a store that runs out of room, of disk, or of time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lists/store_lmdb_private.h"
#include "tests/unit/lmdb_folder.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SMALL = STORE_ROOM_MIN, SLACK = 256 * 1024 };

static struct store_stats numbers(struct store *store)
{
	struct store_stats stats;

	store_stats(store, &stats);
	return stats;
}

static uint64_t forget_all(struct store *store)
{
	struct lmdb_visitor visitor;
	struct store_cursor cursor = { "" };
	uint64_t sum = 0, count;
	bool more = true;

	lmdb_visitor(&visitor, 0, 0);
	while (more) {
		assert_int_equal(store_forget(store, NULL, &visitor.visit.terms,
					      &visitor.visit.now, false, 0,
					      10000, &cursor, &count, &more),
				 STORE_DONE);
		sum += count;
	}
	return sum;
}

static uint64_t file_size(void)
{
	struct stat st;

	assert_int_equal(stat(lmdb_file(), &st), 0);
	return (uint64_t)st.st_size;
}

/* Marks for ever: nothing of it may be given up. */
static unsigned mark_until(struct store *store, uint64_t percent, unsigned from)
{
	struct lmdb_visitor visitor;
	char identity[64];

	lmdb_visitor(&visitor, 0, 0);
	for (;; from++) {
		struct store_stats stats = numbers(store);

		if (stats.bytes_used * 100 >= stats.bytes_room * percent)
			return from;
		snprintf(identity, sizeof(identity), "spf:a%u.example", from);
		assert_int_equal(store_set_mark(store, identity, GREYLIST_ALLOW,
						&visitor.visit.terms,
						&visitor.visit.now, 0, 10000),
				 STORE_DONE);
	}
}

/* --- room ---------------------------------------------------------------- */

/* A flood pushes out its own oldest; nothing fails; all can be deleted. */
static void test_flood(void **state)
{
	/* `make soak` has time for more */
	const unsigned flood = getenv("SOAK") ? 1000000 : 6000;
	struct store *store = lmdb_must_open(SMALL, 0);
	struct store_stats stats;
	unsigned full = 0;

	(void)state;
	for (unsigned i = 0; i < flood; i++) {
		enum store_end end = lmdb_tries(store, i, i / 10);

		if (end != STORE_DONE && end != STORE_FULL)
			fail_msg("stranger %u: %s", i, store_end_name(end));
		full += end == STORE_FULL;
	}
	stats = numbers(store);
	assert_true(full < flood / 100);
	assert_int_equal(stats.health, STORE_CROWDED);
	assert_true(stats.pruned > 0);
	assert_true(stats.bytes_used <= stats.bytes_room * 85 / 100);
	assert_true(file_size() <= SMALL + SLACK);
	/* the newest are there, the oldest are not */
	assert_int_equal(lmdb_comes(store, flood - 1, flood / 10 + 400),
			 GREYLIST_WAITED);
	assert_int_equal(lmdb_comes(store, 0, flood / 10), GREYLIST_NEW);
	assert_true(stats.triplets > 200);
	assert_true(forget_all(store) >= stats.triplets);
	stats = numbers(store);
	assert_int_equal(stats.triplets + stats.identities, 0);
	assert_int_equal(stats.health, STORE_WELL);
	assert_int_equal(lmdb_tries(store, 1, flood / 10 + 400), STORE_DONE);
	store_close(store);
	store = lmdb_must_open(SMALL, flood / 10 + 400);
	assert_int_equal(lmdb_set_aside, 0);
	store_close(store);
}

/* Where nothing may be given up strangers are let through, and only they. */
static void test_borders(void **state)
{
	struct store *store = lmdb_must_open(SMALL, 0);
	struct store_stats stats;
	unsigned marks;

	(void)state;
	marks = mark_until(store, STORE_PRUNE_PERCENT - 5, 0);
	assert_int_equal(numbers(store).health, STORE_WELL);
	marks = mark_until(store, STORE_PRUNE_PERCENT + 2, marks);
	assert_int_equal(numbers(store).health, STORE_CROWDED);
	assert_int_equal(lmdb_tries(store, 1, 1), STORE_DONE);
	mark_until(store, STORE_STOP_PERCENT + 1, marks);
	stats = numbers(store);
	assert_int_equal(stats.health, STORE_STOPPED_INSERTING);
	assert_int_equal(lmdb_tries(store, 2, 2), STORE_FULL);
	assert_true(numbers(store).triplets <= stats.triplets);
	/* what an admin says is still taken */
	mark_until(store, STORE_STOP_PERCENT + 4, 100000);
	assert_true(forget_all(store) > 0);
	assert_int_equal(lmdb_tries(store, 2, 3), STORE_DONE);
	store_close(store);
}

/* All of the map, also what no stranger gets: deletes go on. */
static void test_map_full(void **state)
{
	struct store *store = lmdb_must_open(SMALL, 0);
	struct lmdb_visitor visitor;
	enum store_end end = STORE_DONE;
	char identity[64];
	uint64_t marks = 0;

	(void)state;
	lmdb_visitor(&visitor, 0, 0);
	while (end == STORE_DONE && marks < 20000) {
		snprintf(identity, sizeof(identity), "spf:a%u.example",
			 (unsigned)marks * 7919 % 20011);
		end = store_set_mark(store, identity, GREYLIST_ALLOW,
				     &visitor.visit.terms, &visitor.visit.now,
				     0, 10000);
		marks += end == STORE_DONE;
	}
	assert_int_equal(end, STORE_FULL);
	assert_int_equal(forget_all(store), marks);
	assert_int_equal(numbers(store).identities, 0);
	assert_int_equal(lmdb_tries(store, 2, 3), STORE_DONE);
	store_close(store);
}

/* A room that was made smaller than what is in it. */
static void test_smaller_room(void **state)
{
	struct store *store = lmdb_must_open(LMDB_ROOM, 0);

	(void)state;
	mark_until(store, 10, 0);
	store_close(store);
	store = lmdb_must_open(SMALL, 0);
	assert_int_equal(numbers(store).health, STORE_STOPPED_INSERTING);
	assert_int_equal(lmdb_tries(store, 2, 2), STORE_FULL);
	forget_all(store);
	assert_int_equal(lmdb_tries(store, 2, 3), STORE_DONE);
	store_close(store);
}

/* --- disk ---------------------------------------------------------------- */

/* It looks again after a while; tests do not wait for that. */
static void look_again(struct store *store)
{
	struct store_lmdb *s = (struct store_lmdb *)store;

	s->reserve_next = 0;
}

static void fill_disk(struct store *store)
{
	enum store_end end;

	for (unsigned i = 0; i < 3000; i++) {
		end = lmdb_tries(store, i, i / 10);
		if (end != STORE_DONE && end != STORE_FULL)
			fail_msg("stranger %u: %s", i, store_end_name(end));
	}
	assert_int_equal(numbers(store).health, STORE_STOPPED_INSERTING);
	/* those that it has are judged, and new ones come in their turn */
	assert_true(numbers(store).triplets > 10);
	assert_true(numbers(store).pruned > 0);
}

static void check_recovered(struct store *store)
{
	look_again(store);
	lmdb_tries(store, 5000, 1000);
	look_again(store);
	for (unsigned i = 5001; i < 5600; i++)
		assert_int_equal(lmdb_tries(store, i, 1000), STORE_DONE);
	assert_int_equal(numbers(store).health, STORE_WELL);
	for (unsigned i = 5001; i < 5600; i++)
		assert_int_equal(lmdb_comes(store, i, 1001), GREYLIST_EARLY);
}

static void test_file_limit(void **state)
{
	struct rlimit all, some;
	struct store *store;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &all), 0);
	some = all;
	some.rlim_cur = 1024 * 1024;
	store = lmdb_must_open(LMDB_ROOM, 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &some), 0);
	fill_disk(store);
	assert_true(forget_all(store) > 10);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &all), 0);
	check_recovered(store);
	store_close(store);
}

static void test_small_disk(void **state)
{
	char folder[64] = "", hog[160];
	struct store *store;
	FILE *file;

	(void)state;
	snprintf(folder, sizeof(folder), "%.*s",
		 (int)(strrchr(lmdb_file(), '/') - lmdb_file()), lmdb_file());
	if (mount("tmpfs", folder, "tmpfs", 0, "size=2m") < 0)
		skip();
	store = lmdb_must_open(LMDB_ROOM, 0);
	lmdb_tries(store, 1, 0);
	snprintf(hog, sizeof(hog), "%s/hog", folder);
	file = fopen(hog, "w");
	while (file && fputc('x', file) != EOF)
		;
	if (file)
		fclose(file);
	fill_disk(store);
	remove(hog);
	check_recovered(store);
	store_close(store);
	assert_int_equal(umount2(folder, MNT_DETACH), 0);
}

/* --- time ---------------------------------------------------------------- */

/* Of many, those that are due leave, and nothing else is touched. */
static void test_sweep_cost(void **state)
{
	struct store *store = lmdb_must_open(LMDB_ROOM, 0);
	struct greylist_time now = lmdb_noon(172800 + 10);
	struct store_stats before, after;

	(void)state;
	for (unsigned i = 0; i < 2000; i++)
		lmdb_tries(store, i, i < 30 ? 5 : 1000);
	before = numbers(store);
	assert_int_equal(store_sweep(store, &now, 10), 10);
	assert_int_equal(store_sweep(store, &now, 1000), 20);
	after = numbers(store);
	assert_int_equal(after.triplets, before.triplets - 30);
	assert_int_equal(after.expired, 30);
	assert_int_equal(after.never_back, 30);
	assert_true(after.commits - before.commits <= 3);
	/* and where nothing is due, nothing is written */
	before = after;
	assert_int_equal(store_sweep(store, &now, 1000), 0);
	assert_int_equal(numbers(store).commits, before.commits);
	store_close(store);
}

/* Two days ahead after a restart: time to set the clock. */
static void test_pause(void **state)
{
	struct store *store = lmdb_must_open(LMDB_ROOM, 0);
	struct greylist_time now = { lmdb_noon(200000).wall, 10, 0x99 };
	struct store_lmdb_settings settings = lmdb_settings(LMDB_ROOM);
	char why[STORE_WHY_SIZE];

	(void)state;
	lmdb_tries(store, 1, 0);
	store_close(store);
	store = store_lmdb_open(&settings, &now, why);
	assert_non_null(store);
	assert_int_equal(store_sweep(store, &now, 100), 0);
	now.wall += STORE_PAUSE - 1;
	now.up += STORE_PAUSE - 1;
	assert_int_equal(store_sweep(store, &now, 100), 0);
	now.wall++;
	now.up++;
	assert_int_equal(store_sweep(store, &now, 100), 1);
	store_close(store);
	/* one day is a day, and so are two that the machine was up */
	store = lmdb_must_open(LMDB_ROOM, 0);
	lmdb_tries(store, 1, 0);
	store_close(store);
	store = lmdb_must_open(LMDB_ROOM, 200000);
	now = lmdb_noon(200000);
	assert_int_equal(store_sweep(store, &now, 100), 1);
	store_close(store);
}

static int64_t told_jump; /* 0: none */

static void hear_jump(void *context, int64_t seconds)
{
	(void)context;
	told_jump = seconds;
}

static void test_a_jump_is_told(void **state)
{
	enum { OTHER_RUN = 0x99 };
	static const struct {
		const char *claim;
		int64_t wall, up; /* since the file was last written */
		bool same_run;
		int64_t told;
	} rows[] = {
		{ "nothing", 0, 0, true, 0 },
		{ "time goes on", 200000, 200000, true, 0 },
		{ "a day is none", 86400 + 100, 100, true, 0 },
		{ "a second more", 86401 + 100, 100, true, 86401 },
		{ "back", -86401 + 100, 100, true, -86401 },
		{ "a day off", 86400, 0, false, 0 },
		{ "longer, or forward", 86401, 0, false, 86401 },
		{ "back to 1970", -86401, 0, false, -86401 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct store *store = lmdb_must_open(LMDB_ROOM, 0);
		struct store_lmdb_settings settings = lmdb_settings(LMDB_ROOM);
		struct greylist_time now = lmdb_noon(rows[i].up);
		char why[STORE_WHY_SIZE];

		lmdb_tries(store, 1, 0);
		store_close(store);
		now.wall = lmdb_noon(rows[i].wall).wall;
		if (!rows[i].same_run)
			now.run = OTHER_RUN;
		settings.jumped = hear_jump;
		told_jump = 0;
		store = store_lmdb_open(&settings, &now, why);
		assert_non_null(store);
		if (told_jump != rows[i].told)
			fail_msg("%s: %lld", rows[i].claim,
				 (long long)told_jump);
		store_close(store);
	}
}

int main(void)
{
#define TEST(name)                                                \
	cmocka_unit_test_setup_teardown(name, lmdb_folder_set_up, \
					lmdb_folder_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_flood),	   TEST(test_borders),
		TEST(test_map_full),	   TEST(test_smaller_room),
		TEST(test_file_limit),	   TEST(test_small_disk),
		TEST(test_sweep_cost),	   TEST(test_pause),
		TEST(test_a_jump_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
