/*
 * test_store_lmdb_io.c - a disk that fails in the middle of a commit.
 *
 * LMDB's writes come here first, as the test's own functions bear their names,
 * and fail as told.  What failed has not happened, what was before is there,
 * and the next one goes well without anybody's help.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lists/store_lmdb_private.h"
#include "tests/unit/lmdb_folder.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum place { NOWHERE, AT_PAGES, AT_SYNC, AT_META };

static atomic_int place, error, cut, failures;

static bool fails_at(enum place here)
{
	if (atomic_load(&place) != (int)here || atomic_load(&failures) <= 0)
		return false;
	atomic_fetch_sub(&failures, 1);
	errno = atomic_load(&error);
	return true;
}

/* By both names that a C library has for it; large files are the rule. */
ssize_t write_short(int fd, const void *buf, size_t len,
		    off_t at) __asm__("pwrite");
ssize_t write_long(int fd, const void *buf, size_t len,
		   off_t at) __asm__("pwrite64");

/* A meta page is not written whole. */
ssize_t write_long(int fd, const void *buf, size_t len, off_t at)
{
	if (fails_at(len < 512 ? AT_META : AT_PAGES)) {
		if (!atomic_load(&cut))
			return -1;
		len /= 2;
	}
	return syscall(SYS_pwrite64, fd, buf, len, at);
}

ssize_t write_short(int fd, const void *buf, size_t len, off_t at)
{
	return write_long(fd, buf, len, at);
}

ssize_t writev(int fd, const struct iovec *vec, int count)
{
	if (fails_at(AT_PAGES)) {
		if (atomic_load(&cut))
			return syscall(SYS_writev, fd, vec, 1);
		return -1;
	}
	return syscall(SYS_writev, fd, vec, count);
}

int fdatasync(int fd)
{
	return fails_at(AT_SYNC) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

static struct store *open_synced(int64_t seconds_later)
{
	struct store_lmdb_settings settings = lmdb_settings(LMDB_ROOM);

	settings.sync = true;
	return lmdb_must_open_with(&settings, seconds_later);
}

static const struct {
	const char *claim;
	enum place place;
	int error;
	bool cut;
	enum store_end end;
} rows[] = {
	{ "a full disk", AT_PAGES, ENOSPC, false, STORE_FULL },
	{ "a quota", AT_PAGES, EDQUOT, false, STORE_FULL },
	{ "a bad disk", AT_PAGES, EIO, false, STORE_BROKEN },
	{ "a write that is cut short", AT_PAGES, 0, true, STORE_BROKEN },
	{ "a sync that fails", AT_SYNC, EIO, false, STORE_BROKEN },
	{ "a full disk at the sync", AT_SYNC, ENOSPC, false, STORE_FULL },
	{ "a meta page that fails", AT_META, EIO, false, STORE_BROKEN },
	{ "a meta page that is cut short", AT_META, 0, true, STORE_BROKEN },
	{ "a meta page on a full disk", AT_META, ENOSPC, false, STORE_FULL },
};

static void fail_once(size_t row)
{
	atomic_store(&error, rows[row].error);
	atomic_store(&cut, rows[row].cut);
	atomic_store(&place, (int)rows[row].place);
	atomic_store(&failures, 1);
}

static void test_failing_commit(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned first = (unsigned)i * 1000;
		struct store *store = open_synced(0);
		struct store_stats stats;
		enum store_end end;

		for (unsigned n = 0; n < 20; n++)
			assert_int_equal(lmdb_tries(store, first + n, 0),
					 STORE_DONE);
		fail_once(i);
		end = lmdb_tries(store, first + 20, 0);
		if (end != rows[i].end || atomic_load(&failures) != 0)
			fail_msg("%s: %s", rows[i].claim, store_end_name(end));
		store_stats(store, &stats);
		assert_true(stats.why[0] != '\0');
		/* at once, and by itself; it was not heard before */
		((struct store_lmdb *)store)->reserve_next = 0;
		assert_int_equal(lmdb_comes(store, first + 20, 1),
				 GREYLIST_NEW);
		for (unsigned n = 0; n <= 20; n++)
			if (lmdb_comes(store, first + n, 2) != GREYLIST_EARLY)
				fail_msg("%s: %u is lost", rows[i].claim, n);
		((struct store_lmdb *)store)->reserve_next = 0;
		assert_int_equal(lmdb_tries(store, first + 21, 2), STORE_DONE);
		store_stats(store, &stats);
		assert_int_equal(stats.health, STORE_WELL);
		store_close(store);
		/* and so it is on the disk */
		store = open_synced(300);
		assert_int_equal(lmdb_set_aside, 0);
		for (unsigned n = 0; n <= 20; n++)
			if (lmdb_comes(store, first + n, 310) !=
			    GREYLIST_WAITED)
				fail_msg("%s: %u is lost", rows[i].claim, n);
		store_close(store);
	}
}

/* Of those who share a commit none is told that it went well. */
static void test_failing_delete(void **state)
{
	struct store *store = open_synced(0);
	struct store_cursor cursor = { "" };
	struct lmdb_visitor visitor;
	uint64_t count = 0;
	bool more;

	(void)state;
	lmdb_visitor(&visitor, 0, 0);
	for (unsigned n = 0; n < 20; n++)
		lmdb_tries(store, n, 0);
	/* no space: what deletes is tried once more */
	fail_once(0);
	assert_int_equal(store_forget(store, NULL, &visitor.visit.terms,
				      &visitor.visit.now, false, 0, 10000,
				      &cursor, &count, &more),
			 STORE_DONE);
	assert_int_equal(count, 20);
	assert_int_equal(atomic_load(&failures), 0);
	assert_int_equal(lmdb_comes(store, 3, 0), GREYLIST_NEW);
	store_close(store);
}

/* While the disk fails nobody is told to wait. */
static void test_bad_for_long(void **state)
{
	struct store *store = open_synced(0);
	struct store_stats stats;

	(void)state;
	lmdb_tries(store, 1, 0);
	fail_once(6);
	atomic_store(&failures, 1000000);
	for (unsigned n = 10; n < 60; n++)
		assert_int_equal(lmdb_tries(store, n, 0), STORE_BROKEN);
	store_stats(store, &stats);
	assert_int_equal(stats.answers[GREYLIST_NEW], 1);
	assert_int_equal(stats.health, STORE_SILENT);
	atomic_store(&failures, 0);
	((struct store_lmdb *)store)->reopen_next = 0;
	assert_int_equal(lmdb_comes(store, 1, 300), GREYLIST_WAITED);
	assert_int_equal(lmdb_comes(store, 30, 300), GREYLIST_NEW);
	store_stats(store, &stats);
	assert_int_equal(stats.health, STORE_WELL);
	store_close(store);
}

int main(void)
{
#define TEST(name)                                                \
	cmocka_unit_test_setup_teardown(name, lmdb_folder_set_up, \
					lmdb_folder_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_failing_commit),
		TEST(test_failing_delete),
		TEST(test_bad_for_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
