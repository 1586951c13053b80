/*
 * test_store_lmdb_pen.c - who writes: the writer's thread, or a caller himself.
 *
 * LMDB's writes come here first, as the test's own functions bear their names:
 * they tell which thread writes, take as long as the test's clock is told, or
 * do not return until they are let go.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lists/store_lmdb_private.h"
#include "tests/unit/lmdb_folder.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- a disk -------------------------------------------------------------- */

static atomic_long wrote; /* the thread that wrote last */
static _Atomic int64_t clock_ms; /* the store's */
static atomic_int slow_ms; /* of the next write */
static atomic_bool hangs; /* each thread, once */
static _Thread_local bool has_hung;
static sem_t hung, let_go;

static int64_t look_at_clock(void)
{
	return atomic_load(&clock_ms);
}

static void touch_disk(void)
{
	atomic_store(&wrote, syscall(SYS_gettid));
	atomic_fetch_add(&clock_ms, atomic_exchange(&slow_ms, 0));
	if (!atomic_load(&hangs) || has_hung)
		return;
	has_hung = true;
	sem_post(&hung);
	sem_wait(&let_go);
}

/* By both names that a C library has for it; large files are the rule. */
ssize_t write_short(int fd, const void *buf, size_t len,
		    off_t at) __asm__("pwrite");
ssize_t write_long(int fd, const void *buf, size_t len,
		   off_t at) __asm__("pwrite64");

ssize_t write_long(int fd, const void *buf, size_t len, off_t at)
{
	touch_disk();
	return syscall(SYS_pwrite64, fd, buf, len, at);
}

ssize_t write_short(int fd, const void *buf, size_t len, off_t at)
{
	return write_long(fd, buf, len, at);
}

ssize_t writev(int fd, const struct iovec *vec, int count)
{
	touch_disk();
	return syscall(SYS_writev, fd, vec, count);
}

/* --- a store on it ------------------------------------------------------- */

static unsigned number; /* each visitor is a stranger */

/* The first visit is the writer's, which then looks after the readers. */
static struct store *open_it(bool sync)
{
	struct store_lmdb_settings settings = lmdb_settings(LMDB_ROOM);
	struct store *store;

	settings.sync = sync;
	store = lmdb_must_open_with(&settings, 0);
	atomic_store(&clock_ms, 1000);
	((struct store_lmdb *)store)->clock = look_at_clock;
	assert_int_equal(lmdb_tries(store, number++, 0), STORE_DONE);
	return store;
}

/* A stranger's visit, which must go well.  True if his thread wrote it. */
static bool writes_own(struct store *store)
{
	atomic_store(&wrote, 0);
	assert_int_equal(lmdb_tries(store, number++, 0), STORE_DONE);
	assert_true(atomic_load(&wrote) > 0);
	return atomic_load(&wrote) == syscall(SYS_gettid);
}

static int set_up(void **state)
{
	sem_init(&hung, 0, 0);
	sem_init(&let_go, 0, 0);
	return lmdb_folder_set_up(state);
}

/* --- who writes ---------------------------------------------------------- */

static void test_alone(void **state)
{
	struct store *store = open_it(false);

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_true(writes_own(store));
	store_close(store);
	store = open_it(false);
	for (unsigned n = number - 100; n < number; n++)
		assert_int_equal(lmdb_comes(store, n, 1), GREYLIST_EARLY);
	store_close(store);
}

static void test_synced(void **state)
{
	struct store *store = open_it(true);

	(void)state;
	for (int i = 0; i < 10; i++)
		assert_false(writes_own(store));
	store_close(store);
}

/* Notes that nobody waits for go with it, in their order. */
static void test_notes(void **state)
{
	struct store *store = open_it(false);
	struct lmdb_visitor visitor;
	struct store_stats before, after;

	(void)state;
	lmdb_visitor(&visitor, 0, 0);
	assert_true(writes_own(store));
	store_stats(store, &before);
	assert_int_equal(store_write_to(store, "joe@b.test",
					&visitor.visit.terms,
					&visitor.visit.now, 0),
			 STORE_DONE);
	assert_true(writes_own(store));
	store_stats(store, &after);
	assert_int_equal(after.commits, before.commits + 1);
	assert_int_equal(after.visits_committed, before.visits_committed + 2);
	assert_int_equal(after.outbound, 1);
	store_close(store);
}

/* What others did is judged anew. */
static void test_news(void **state)
{
	struct store *store = open_it(false);
	unsigned first = number;

	(void)state;
	assert_true(writes_own(store));
	assert_int_equal(lmdb_comes(store, first, 1), GREYLIST_EARLY);
	assert_int_equal(lmdb_comes(store, first, 300), GREYLIST_WAITED);
	assert_int_equal(lmdb_comes(store, first, 301), GREYLIST_KEPT);
	store_close(store);
}

/* Beyond a limit a write is a signal, which only the writer has blocked. */
static void test_limit(void **state)
{
	struct rlimit all, some;
	struct store *store;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &all), 0);
	some = all;
	some.rlim_cur = 64 * 1024 * 1024;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &some), 0);
	store = open_it(false);
	assert_false(writes_own(store));
	store_close(store);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &all), 0);
}

/* --- a slow disk --------------------------------------------------------- */

static void test_slow(void **state)
{
	struct store *store = open_it(false);

	(void)state;
	atomic_store(&slow_ms, LMDB_SLOW_MS - 1);
	assert_true(writes_own(store));
	assert_true(writes_own(store));
	atomic_store(&slow_ms, LMDB_SLOW_MS);
	assert_true(writes_own(store));
	assert_false(writes_own(store));
	atomic_fetch_add(&clock_ms, LMDB_CAREFUL_MS - 1);
	assert_false(writes_own(store));
	atomic_fetch_add(&clock_ms, 1);
	assert_true(writes_own(store));
	store_close(store);
}

/* While it stays slow it is the writer that finds out. */
static void test_slow_for_long(void **state)
{
	struct store *store = open_it(false);

	(void)state;
	atomic_store(&slow_ms, 500);
	assert_true(writes_own(store));
	for (int i = 0; i < 10; i++) {
		atomic_fetch_add(&clock_ms, LMDB_CAREFUL_MS - 1000);
		atomic_store(&slow_ms, 500);
		assert_false(writes_own(store));
	}
	atomic_fetch_add(&clock_ms, LMDB_CAREFUL_MS);
	assert_true(writes_own(store));
	store_close(store);
}

/* --- a disk that hangs --------------------------------------------------- */

struct caller {
	struct store *store;
	unsigned number;
	enum store_end end;
	pthread_t thread;
};

static void *call(void *argument)
{
	struct caller *caller = argument;

	caller->end = lmdb_tries(caller->store, caller->number, 0);
	return NULL;
}

/* From now on he has the pen and does not come back. */
static void hang_one(struct caller *caller, struct store *store)
{
	*caller = (struct caller){ .store = store, .number = number++ };
	atomic_store(&hangs, true);
	assert_int_equal(pthread_create(&caller->thread, NULL, call, caller),
			 0);
	sem_wait(&hung);
}

static enum store_end try_for(struct store *store, unsigned max_ms)
{
	struct greylist_result result;
	struct lmdb_visitor visitor;
	enum store_end end;

	lmdb_visitor(&visitor, number++, 0);
	visitor.visit.max_ms = max_ms;
	end = store_visit(store, &visitor.visit, &result);
	assert_int_equal(result.answer,
			 end == STORE_DONE ? GREYLIST_WAIT : GREYLIST_UNKNOWN);
	return end;
}

/* It holds up one, and nobody else for longer than he wants to wait. */
static void test_hangs(void **state)
{
	struct store *store = open_it(false);
	int64_t begin = lmdb_clock_ms();
	struct store_stats stats;
	struct caller caller;
	int by_writer = 0;

	(void)state;
	assert_true(writes_own(store));
	hang_one(&caller, store);
	for (int i = 0; i < 3; i++)
		assert_int_equal(try_for(store, 20), STORE_LATE);
	store_stats(store, &stats);
	assert_int_equal(stats.ends[STORE_LATE], 3);
	assert_true(lmdb_clock_ms() - begin < 5000);
	/* that was a slow one */
	atomic_fetch_add(&clock_ms, 60000);
	atomic_store(&hangs, false);
	sem_post(&let_go);
	pthread_join(caller.thread, NULL);
	assert_int_equal(caller.end, STORE_DONE);
	assert_false(writes_own(store));
	assert_int_equal(lmdb_comes(store, caller.number, 1), GREYLIST_EARLY);
	/* and those who waited were many */
	atomic_fetch_add(&clock_ms, LMDB_CAREFUL_MS);
	while (!writes_own(store))
		by_writer++;
	assert_in_range(by_writer, 1, LMDB_CALM);
	store_close(store);
}

static void *close_it(void *argument)
{
	store_close(argument);
	return NULL;
}

static bool is_stopping(struct store_lmdb *s)
{
	bool stopping;

	pthread_mutex_lock(&s->lock);
	stopping = s->stopping;
	pthread_mutex_unlock(&s->lock);
	return stopping;
}

/* Who has the pen writes to the end before a store is closed. */
static void test_closed(void **state)
{
	struct store *store = open_it(false);
	struct caller caller;
	pthread_t closer;

	(void)state;
	assert_true(writes_own(store));
	hang_one(&caller, store);
	assert_int_equal(pthread_create(&closer, NULL, close_it, store), 0);
	while (!is_stopping((struct store_lmdb *)store))
		sched_yield();
	sem_post(&let_go);
	pthread_join(caller.thread, NULL);
	assert_int_equal(caller.end, STORE_DONE);
	/* it notes that it was closed, which hangs as well */
	sem_wait(&hung);
	atomic_store(&hangs, false);
	sem_post(&let_go);
	pthread_join(closer, NULL);
	store = open_it(false);
	assert_int_equal(lmdb_comes(store, caller.number, 1), GREYLIST_EARLY);
	store_close(store);
}

/* --- another process ----------------------------------------------------- */

/* Opens the file when told, begins to write, and goes on when told. */
static void be_another(int told, int tell)
{
	char byte = '1';
	struct store *store;
	struct lmdb_txn txn;

	if (read(told, &byte, 1) != 1)
		_exit(1);
	store = lmdb_must_open(LMDB_ROOM, 0);
	if (lmdb_write((struct store_lmdb *)store, &txn) != 0 ||
	    write(tell, &byte, 1) != 1 || read(told, &byte, 1) != 1)
		_exit(2);
	lmdb_abort(&txn);
	store_close(store);
	_exit(0);
}

/* Its transactions, however long they take, hold up nobody for longer. */
static void test_another_process(void **state)
{
	int told[2], tell[2], status;
	struct store *store;
	char byte = '1';
	pid_t child;

	(void)state;
	assert_int_equal(pipe2(told, O_CLOEXEC), 0);
	assert_int_equal(pipe2(tell, O_CLOEXEC), 0);
	child = fork();
	if (child == 0)
		be_another(told[0], tell[1]);
	store = open_it(false);
	assert_true(writes_own(store));
	assert_int_equal(write(told[1], &byte, 1), 1);
	assert_int_equal(read(tell[0], &byte, 1), 1);
	atomic_fetch_add(&clock_ms, LMDB_ALONE_MS);
	assert_int_equal(try_for(store, 20), STORE_LATE);
	assert_int_equal(try_for(store, 20), STORE_LATE);
	assert_int_equal(write(told[1], &byte, 1), 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_false(writes_own(store));
	atomic_fetch_add(&clock_ms, LMDB_ALONE_MS);
	assert_true(writes_own(store));
	store_close(store);
	for (int i = 0; i < 2; i++) {
		close(told[i]);
		close(tell[i]);
	}
}

int main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, set_up, lmdb_folder_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_another_process),
		TEST(test_alone),
		TEST(test_synced),
		TEST(test_notes),
		TEST(test_news),
		TEST(test_limit),
		TEST(test_slow),
		TEST(test_slow_for_long),
		TEST(test_hangs),
		TEST(test_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
