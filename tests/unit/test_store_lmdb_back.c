/*
 * test_store_lmdb_back.c - how waits have ended is counted over restarts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lists/store_lmdb_check.h"
#include "lists/store_lmdb_private.h"
#include "tests/unit/lmdb_folder.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WINDOW = 172800 };

static void expect_numbers(struct store *store, uint64_t never, uint64_t came)
{
	struct store_stats stats;

	store_stats(store, &stats);
	assert_int_equal(stats.never_back, never);
	assert_int_equal(stats.came_back, came);
	assert_true(stats.back_since > 0);
}

static struct store *open_to_look(void)
{
	struct store_lmdb_settings settings = lmdb_settings(LMDB_ROOM);

	settings.read_only = true;
	return lmdb_must_open_with(&settings, 500);
}

/* Those from one number to before another come. */
static void come(struct store *store, unsigned from, unsigned to,
		 int64_t seconds_later)
{
	for (unsigned i = from; i < to; i++)
		lmdb_comes(store, i, seconds_later);
}

static void sweep(struct store *store, int64_t seconds_later)
{
	struct greylist_time now = lmdb_noon(seconds_later);

	store_sweep(store, &now, 1000);
}

/* --- one at a time ------------------------------------------------------- */

static void test_restarts(void **state)
{
	struct store *store = lmdb_must_open(LMDB_ROOM, 0);
	struct store_stats first, last;

	(void)state;
	store_stats(store, &first);
	expect_numbers(store, 0, 0);
	come(store, 0, 10, 0);
	come(store, 4, 6, 100); /* too early, and never again */
	expect_numbers(store, 0, 0);
	come(store, 0, 4, 400);
	expect_numbers(store, 0, 4);
	store_close(store);

	store = lmdb_must_open(LMDB_ROOM, 500);
	expect_numbers(store, 0, 4);
	come(store, 0, 4, 600); /* once is enough */
	expect_numbers(store, 0, 4);
	sweep(store, WINDOW + 10);
	expect_numbers(store, 4, 6);
	store_close(store);

	store = open_to_look();
	expect_numbers(store, 4, 6);
	store_stats(store, &last);
	assert_int_equal(last.back_since, first.back_since);
	store_close(store);
}

/* Who need not wait has not come back. */
static void test_no_wait(void **state)
{
	struct store *store = lmdb_must_open(LMDB_ROOM, 0);
	struct greylist_result result;
	struct lmdb_visitor visitor;

	(void)state;
	lmdb_visitor(&visitor, 1, 0);
	visitor.visit.terms.wait = 0;
	assert_int_equal(store_visit(store, &visitor.visit, &result),
			 STORE_DONE);
	assert_int_equal(result.why, GREYLIST_WAITED);
	expect_numbers(store, 0, 0);
	store_close(store);
}

/* One who waits here has passed on another host. */
static void test_import(void **state)
{
	struct store *store = lmdb_must_open(LMDB_ROOM, 0);
	struct store_entry entry = { .kind = STORE_TRIPLET };
	struct lmdb_visitor visitor;
	uint64_t taken = 0;
	size_t bad;

	(void)state;
	come(store, 0, 2, 0);
	for (unsigned i = 1; i < 3; i++) {
		char value[GREYLIST_RECORD_SIZE];

		lmdb_visitor(&visitor, i, 400);
		entry.key = visitor.triplet;
		entry.value = value;
		snprintf(value, sizeof(value),
			 "1 passed last=%lld first=%lld waited=390 uses=1",
			 (long long)lmdb_noon(390).wall,
			 (long long)lmdb_noon(0).wall);
		assert_int_equal(store_import(store, &entry, 1,
					      &visitor.visit.terms,
					      &visitor.visit.now, &taken, &bad),
				 STORE_DONE);
		assert_int_equal(taken, 1);
	}
	expect_numbers(store, 0, 1);
	store_close(store);
}

/* --- files --------------------------------------------------------------- */

/* What the file says of it; NULL: nothing, as before. */
static void write_back(const char *text)
{
	MDB_val key = { strlen(LMDB_BACK_KEY), (void *)LMDB_BACK_KEY };
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;

	assert_int_equal(mdb_env_create(&env), 0);
	mdb_env_set_maxdbs(env, LMDB_DATABASES);
	assert_int_equal(mdb_env_open(env, lmdb_file(),
				      MDB_NOSUBDIR | MDB_NOSYNC, 0600),
			 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, LMDB_META_NAME, 0, &dbi), 0);
	if (text) {
		MDB_val value = { strlen(text), (void *)(uintptr_t)text };

		assert_int_equal(mdb_put(txn, dbi, &key, &value, 0), 0);
	} else {
		assert_int_equal(mdb_del(txn, dbi, &key, NULL), 0);
	}
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

static const char *const nothing[] = {
	NULL,	  "", "1/2", "many/2/3", "1/2/0", "99999999999999999999/1/1",
	"-1/2/3",
};

static void test_files_of_before(void **state)
{
	struct store_stats stats;
	struct store *store;

	(void)state;
	for (size_t i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++) {
		store = lmdb_must_open(LMDB_ROOM, 0);
		come(store, 0, 3, 0);
		come(store, 0, 1, 400);
		store_close(store);
		write_back(nothing[i]);
		store = open_to_look();
		store_stats(store, &stats);
		assert_int_equal(stats.triplets, 3);
		assert_int_equal(stats.back_since, 0);
		assert_int_equal(stats.never_back, 0);
		store_close(store);
		/* from now on */
		store = lmdb_must_open(LMDB_ROOM, 500);
		come(store, 1, 2, 500);
		expect_numbers(store, 0, 1);
		store_close(store);
		store = open_to_look();
		expect_numbers(store, 0, 1);
		store_close(store);
		lmdb_folder_remove();
		lmdb_folder_make();
	}
}

/* --- processes ----------------------------------------------------------- */

/* Runs it in another process, which ends without closing anything. */
static void elsewhere(void (*run)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		run();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void be_killed(void)
{
	struct store *store = lmdb_must_open(LMDB_ROOM, 0);

	come(store, 0, 10, 0);
	come(store, 0, 3, 400);
	come(store, 20, 21, 470); /* a commit after a minute: three are noted */
	come(store, 3, 5, 480);
}

static void test_kill(void **state)
{
	struct store *store;

	(void)state;
	elsewhere(be_killed);
	store = lmdb_must_open(LMDB_ROOM, 500);
	expect_numbers(store, 0, 3);
	come(store, 5, 6, 500);
	store_close(store);
	store = open_to_look();
	expect_numbers(store, 0, 4);
	store_close(store);
}

/* Opens it, says so, and waits to be told to count two. */
static void count_two(int in, int out)
{
	struct store *store = lmdb_must_open(LMDB_ROOM, 0);
	char byte = '.';

	if (write(out, &byte, 1) != 1 || read(in, &byte, 1) != 1)
		_exit(1);
	come(store, 0, 2, 400);
	store_close(store);
	_exit(0);
}

/* Two have the file open, and neither writes over what the other counted. */
static void test_two_processes(void **state)
{
	struct store *store = lmdb_must_open(LMDB_ROOM, 0);
	int to[2], from[2], status;
	char byte = '.';
	pid_t pid;

	(void)state;
	come(store, 0, 5, 0);
	store_close(store);
	assert_int_equal(pipe(to) | pipe(from), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		count_two(to[0], from[1]);
	assert_int_equal(read(from[0], &byte, 1), 1);
	store = lmdb_must_open(LMDB_ROOM, 0);
	assert_int_equal(write(to[1], &byte, 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	come(store, 2, 5, 410);
	store_close(store);
	store = open_to_look();
	expect_numbers(store, 0, 5);
	store_close(store);
	for (int i = 0; i < 2; i++) {
		close(to[i]);
		close(from[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_restarts,
						lmdb_folder_set_up,
						lmdb_folder_tear_down),
		cmocka_unit_test_setup_teardown(test_no_wait,
						lmdb_folder_set_up,
						lmdb_folder_tear_down),
		cmocka_unit_test_setup_teardown(test_import, lmdb_folder_set_up,
						lmdb_folder_tear_down),
		cmocka_unit_test_setup_teardown(test_files_of_before,
						lmdb_folder_set_up,
						lmdb_folder_tear_down),
		cmocka_unit_test_setup_teardown(test_kill, lmdb_folder_set_up,
						lmdb_folder_tear_down),
		cmocka_unit_test_setup_teardown(test_two_processes,
						lmdb_folder_set_up,
						lmdb_folder_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
