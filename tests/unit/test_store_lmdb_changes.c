/*
 * test_store_lmdb_changes.c - is a record still what a reader has found?
 *
 * To say no where nothing has changed costs a little time.  To say yes where
 * something has would lose what another has written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lists/store_lmdb_private.h"
#include "tests/unit/lmdb_folder.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a reader finds of a visitor's triplet, and in which transaction. */
static size_t look(struct store *store, unsigned number,
		   struct lmdb_record *ret_record)
{
	struct store_lmdb *s = (struct store_lmdb *)store;
	struct lmdb_visitor visitor;
	struct lmdb_txn txn;
	size_t id;

	lmdb_visitor(&visitor, number, 0);
	assert_int_equal(lmdb_read(s, &txn), 0);
	assert_int_equal(lmdb_get(&txn, STORE_TRIPLET, visitor.triplet,
				  &visitor.visit.now, ret_record),
			 0);
	id = mdb_txn_id(txn.txn);
	lmdb_abort(&txn);
	return id;
}

/* As who is about to write sees it; he then gives up. */
static bool is_unchanged(struct store *store, size_t since,
			 const struct lmdb_record *record)
{
	struct lmdb_txn txn;
	bool is;

	assert_int_equal(lmdb_write((struct store_lmdb *)store, &txn), 0);
	is = lmdb_is_unchanged(&txn, since, record);
	lmdb_abort(&txn);
	return is;
}

static void come(struct store *store, unsigned number)
{
	assert_int_equal(lmdb_tries(store, number, 0), STORE_DONE);
}

static void test_others(void **state)
{
	struct store *store = lmdb_must_open(LMDB_ROOM, 0);
	struct lmdb_record record, other;
	size_t since;

	(void)state;
	come(store, 1);
	since = look(store, 0, &record);
	assert_true(is_unchanged(store, since, &record));
	for (unsigned n = 2; n < 50; n++) {
		look(store, n, &other);
		if (other.place == record.place)
			continue;
		come(store, n);
		assert_true(is_unchanged(store, since, &record));
	}
	store_close(store);
}

static void test_changed(void **state)
{
	struct store *store = lmdb_must_open(LMDB_ROOM, 0);
	struct lmdb_record record;
	const char *key = record.key;
	size_t since;

	(void)state;
	since = look(store, 0, &record);
	come(store, 0);
	assert_false(is_unchanged(store, since, &record));
	come(store, 1);
	assert_false(is_unchanged(store, since, &record));
	since = look(store, 0, &record);
	assert_true(record.is_there);
	assert_true(is_unchanged(store, since, &record));
	assert_int_equal(lmdb_drop(store, STORE_TRIPLET, &key, 1), STORE_DONE);
	assert_false(is_unchanged(store, since, &record));
	store_close(store);
}

static void test_expired(void **state)
{
	struct store *store = lmdb_must_open(LMDB_ROOM, 0);
	const struct greylist_time later = lmdb_noon(4000000);
	struct lmdb_record record;
	size_t since;

	(void)state;
	come(store, 0);
	since = look(store, 0, &record);
	assert_true(is_unchanged(store, since, &record));
	while (store_sweep(store, &later, 100) > 0)
		;
	assert_false(is_unchanged(store, since, &record));
	store_close(store);
}

/* Two jobs of one transaction. */
static void test_same_transaction(void **state)
{
	struct store *store = lmdb_must_open(LMDB_ROOM, 0);
	const struct greylist_time now = lmdb_noon(0);
	struct lmdb_record record;
	struct lmdb_txn txn;
	size_t since;

	(void)state;
	come(store, 0);
	since = look(store, 0, &record);
	assert_int_equal(lmdb_write((struct store_lmdb *)store, &txn), 0);
	assert_true(lmdb_is_unchanged(&txn, since, &record));
	assert_int_equal(lmdb_put(&txn, &record, now.wall + 9, &now), 0);
	assert_false(lmdb_is_unchanged(&txn, since, &record));
	lmdb_abort(&txn);
	store_close(store);
}

static void test_opened_anew(void **state)
{
	struct store *store = lmdb_must_open(LMDB_ROOM, 0);
	struct lmdb_record record;
	size_t since;

	(void)state;
	come(store, 0);
	since = look(store, 1, &record);
	come(store, 1);
	store_close(store);
	store = lmdb_must_open(LMDB_ROOM, 0);
	assert_false(is_unchanged(store, since, &record));
	store_close(store);
}

/* --- another process ----------------------------------------------------- */

static int told[2], tell[2];
static pid_t another;

/* Each byte is a visitor of its own. */
static void be_another(void)
{
	unsigned char number;

	while (read(told[0], &number, 1) == 1) {
		struct store *store = lmdb_must_open(LMDB_ROOM, 0);

		come(store, number);
		store_close(store);
		if (write(tell[1], &number, 1) != 1)
			_exit(1);
	}
	_exit(0);
}

static void begin_another(void)
{
	assert_int_equal(pipe2(told, O_CLOEXEC), 0);
	assert_int_equal(pipe2(tell, O_CLOEXEC), 0);
	another = fork();
	if (another == 0) {
		close(told[1]);
		be_another();
	}
	close(told[0]);
	close(tell[1]);
}

static void comes_to_another(unsigned char number)
{
	assert_int_equal(write(told[1], &number, 1), 1);
	assert_int_equal(read(tell[0], &number, 1), 1);
}

static void end_another(void)
{
	int status;

	close(told[1]);
	close(tell[0]);
	assert_int_equal(waitpid(another, &status, 0), another);
	assert_int_equal(status, 0);
}

static void test_another_process(void **state)
{
	struct lmdb_record record;
	struct store *store;
	size_t since;

	(void)state;
	begin_another();
	store = lmdb_must_open(LMDB_ROOM, 0);
	come(store, 1);
	since = look(store, 0, &record);
	assert_true(is_unchanged(store, since, &record));
	comes_to_another(0);
	assert_false(is_unchanged(store, since, &record));
	/* and it stays unknown, whatever we commit afterwards */
	come(store, 2);
	come(store, 3);
	assert_false(is_unchanged(store, since, &record));
	since = look(store, 0, &record);
	assert_true(is_unchanged(store, since, &record));
	store_close(store);
	end_another();
}

/* Where we changed nothing the next transaction has our number. */
static void test_same_number(void **state)
{
	struct lmdb_record record;
	struct store *store;
	struct lmdb_txn txn;
	size_t since;

	(void)state;
	begin_another();
	store = lmdb_must_open(LMDB_ROOM, 0);
	come(store, 1);
	since = look(store, 0, &record);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(lmdb_write((struct store_lmdb *)store, &txn),
				 0);
		if (i == 2)
			lmdb_count(&txn);
		assert_int_equal(lmdb_commit(&txn), 0);
		assert_true(is_unchanged(store, since, &record));
	}
	comes_to_another(0);
	assert_false(is_unchanged(store, since, &record));
	store_close(store);
	end_another();
}

int main(void)
{
#define TEST(name)                                                \
	cmocka_unit_test_setup_teardown(name, lmdb_folder_set_up, \
					lmdb_folder_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_another_process), TEST(test_same_number),
		TEST(test_others),	    TEST(test_changed),
		TEST(test_expired),	    TEST(test_same_transaction),
		TEST(test_opened_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
