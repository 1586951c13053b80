/*
 * test_store_lmdb_file.c - whatever the file is, it is used, set aside once, or
 * refused in a sentence; and what was answered outlasts a kill -9.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lists/store_lmdb_check.h"
#include "lists/store_lmdb_private.h"
#include "tests/unit/lmdb_folder.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROWS(array) (sizeof(array) / sizeof((array)[0]))

enum { MANY = 300, PAGE = 4096 };

static uint32_t dice_state;

static uint32_t dice(uint32_t sides)
{
	dice_state = dice_state * 1664525u + 1013904223u;
	return (uint32_t)((uint64_t)(dice_state >> 1) * sides >> 31);
}

/* --- its content --------------------------------------------------------- */

/* A store with some of all kinds in it, closed in order. */
static void fill(void)
{
	struct store *store = lmdb_must_open(LMDB_ROOM, 0);
	struct lmdb_visitor visitor;

	for (unsigned i = 0; i < MANY; i++)
		lmdb_comes(store, i, i % 100);
	for (unsigned i = 0; i < MANY; i += 3)
		lmdb_comes(store, i, 400);
	lmdb_visitor(&visitor, 7, 500);
	for (unsigned i = 0; i < 20; i++) {
		snprintf(visitor.sender, sizeof(visitor.sender), "s%u@b.test",
			 i);
		store_write_to(store, visitor.sender, &visitor.visit.terms,
			       &visitor.visit.now, 1000);
	}
	store_close(store);
}

static bool see(void *context, const struct store_entry *entry)
{
	++*(size_t *)context;
	return entry->key != NULL;
}

static size_t list_all(struct store *store)
{
	struct lmdb_visitor visitor;
	struct store_cursor cursor = { "" };
	size_t count = 0;
	bool more = true;

	lmdb_visitor(&visitor, 0, 500);
	while (more &&
	       store_list(store, NULL, &visitor.visit.terms, &visitor.visit.now,
			  0, 10000, &cursor, see, &count, &more) == STORE_DONE)
		;
	return count;
}

/* All that a store can do, on whatever is in it. */
static void use(struct store *store)
{
	struct greylist_time late = lmdb_noon(10000000);

	for (unsigned i = 0; i < MANY; i += 7)
		lmdb_comes(store, i, 800);
	for (unsigned i = 0; i < 20; i++)
		lmdb_comes(store, MANY + i, 800);
	list_all(store);
	store_sweep(store, &late, 200);
}

static void forget_those_set_aside(void)
{
	char command[256];

	snprintf(command, sizeof(command), "rm -f %s.damaged-*", lmdb_file());
	assert_int_equal(system(command), 0);
}

/* Opens it, which must go well, and says whether it was set aside. */
static bool is_set_aside(void)
{
	size_t before = lmdb_folder_count("greylist.db.damaged-");
	struct store_stats stats;
	struct store *store;
	bool aside;

	lmdb_set_aside = 0;
	store = lmdb_must_open(LMDB_ROOM, 500);
	aside = lmdb_set_aside > 0;
	assert_true(lmdb_set_aside <= 1);
	assert_int_equal(lmdb_folder_count("greylist.db.damaged-"),
			 before + aside);
	store_stats(store, &stats);
	assert_int_equal(stats.health, aside ? STORE_YOUNG : STORE_WELL);
	use(store);
	store_close(store);
	/* and that was it */
	store = lmdb_must_open(LMDB_ROOM, 600);
	assert_int_equal(lmdb_set_aside, aside);
	store_close(store);
	return aside;
}

static void test_in_order(void **state)
{
	(void)state;
	fill();
	assert_false(is_set_aside());
	assert_int_equal(lmdb_folder_count(""), 2); /* it, and its lock */
}

/* Used pages lie up to the end, but for what its last commits left free. */
static void test_truncated(void **state)
{
	size_t len, kept = 0;
	unsigned char *bytes;

	(void)state;
	fill();
	bytes = lmdb_file_read(&len);
	assert_true(len > 20 * PAGE);
	for (size_t at = 512; at < len; at += 512) {
		if (at % (8 * PAGE) == 0)
			forget_those_set_aside();
		lmdb_file_write(bytes, at);
		if (is_set_aside())
			continue;
		if (at < len - 8 * PAGE)
			fail_msg("%zu bytes of %zu are enough", at, len);
		kept++;
	}
	assert_true(kept < 64);
	free(bytes);
}

static void test_junk(void **state)
{
	static const struct {
		const char *claim;
		size_t len;
		int byte; /* of all; -1: random ones */
		bool is_aside;
	} rows[] = {
		{ "an empty one is new", 0, 0, false },
		{ "a single byte is not", 1, 'x', true },
		{ "zeros", 8 * PAGE, 0, true },
		{ "a page of zeros", PAGE, 0, true },
		{ "ones", 8 * PAGE, 255, true },
		{ "random bytes", 8 * PAGE, -1, true },
		{ "many random bytes", 64 * PAGE, -1, true },
		{ "text", 100, 'a', true },
	};
	unsigned char *bytes = malloc(64 * PAGE);

	(void)state;
	assert_non_null(bytes);
	for (size_t i = 0; i < ROWS(rows); i++) {
		for (size_t b = 0; b < rows[i].len; b++)
			bytes[b] = (unsigned char)(rows[i].byte < 0
							   ? dice(256)
							   : (uint32_t)rows[i]
								     .byte);
		lmdb_file_write(bytes, rows[i].len);
		if (is_set_aside() != rows[i].is_aside)
			fail_msg("%s", rows[i].claim);
		remove(lmdb_file());
	}
	free(bytes);
}

/* A run of bytes somewhere, zeroed, random, or another page's. */
static void spoil(unsigned char *bytes, size_t len)
{
	size_t size = dice(4) == 0 ? PAGE : 1 + dice(64);
	size_t at = dice((uint32_t)(len - size));
	uint32_t how = dice(4);

	if (dice(8) == 0)
		at = dice(2 * PAGE - 64); /* metas */
	for (size_t i = 0; i < size; i++) {
		if (how == 0)
			bytes[at + i] = 0;
		else if (how == 1)
			bytes[at + i] = (unsigned char)dice(256);
		else if (how == 2)
			bytes[at + i] ^= (unsigned char)(1u << dice(8));
		else
			bytes[at + i] = bytes[(at + i + PAGE) % len];
	}
}

/* What is only a value may pass; what would lead LMDB astray does not. */
static void test_spoilt(void **state)
{
	unsigned char *bytes, *spoilt;
	size_t len, aside = 0;

	(void)state;
	fill();
	bytes = lmdb_file_read(&len);
	spoilt = malloc(len);
	assert_non_null(spoilt);
	for (uint32_t round = 0; round < 400; round++) {
		dice_state = round;
		memcpy(spoilt, bytes, len);
		for (uint32_t i = 0; i <= round % 3; i++)
			spoil(spoilt, len);
		lmdb_file_write(spoilt, len);
		aside += is_set_aside();
		if (round % 50 == 0)
			forget_those_set_aside();
	}
	assert_true(aside > 40);
	free(spoilt);
	free(bytes);
}

/* --- whose it is --------------------------------------------------------- */

static const char *refusal(bool read_only)
{
	struct store_lmdb_settings settings = lmdb_settings(LMDB_ROOM);
	struct greylist_time now = lmdb_noon(0);
	static char why[STORE_WHY_SIZE];
	struct store *store;

	settings.read_only = read_only;
	store = store_lmdb_open(&settings, &now, why);
	store_close(store);
	return store ? "none" : why;
}

static void expect_refusal(const char *word)
{
	for (int read_only = 0; read_only < 2; read_only++)
		if (!strstr(refusal(read_only), word) ||
		    !strstr(refusal(read_only), "greylist.db"))
			fail_msg("\"%s\": %s", word, refusal(read_only));
	assert_int_equal(lmdb_set_aside, 0);
}

/* Another program's file, by LMDB: one database, one record. */
static void make_foreign(const char *name, const char *key, const char *text)
{
	MDB_val at = { strlen(key), (void *)key };
	MDB_val value = { strlen(text), (void *)text };
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;

	assert_int_equal(mdb_env_create(&env), 0);
	mdb_env_set_maxdbs(env, 4);
	assert_int_equal(mdb_env_open(env, lmdb_file(),
				      MDB_NOSUBDIR | MDB_NOSYNC, 0600),
			 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, name, MDB_CREATE, &dbi), 0);
	assert_int_equal(mdb_put(txn, dbi, &at, &value, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

static void test_foreign(void **state)
{
	size_t len, after;
	unsigned char *bytes;

	(void)state;
	make_foreign("accounts", "joe", "1");
	bytes = lmdb_file_read(&len);
	expect_refusal("another program");
	free(lmdb_file_read(&after));
	assert_int_equal(len, after);
	free(bytes);
	make_foreign("meta", "joe", "1");
	expect_refusal("another program");
	remove(lmdb_file());
	make_foreign(NULL, "joe", "1");
	expect_refusal("another program");
}

static void test_newer(void **state)
{
	unsigned char *bytes;
	size_t len;

	(void)state;
	fill();
	make_foreign(LMDB_META_NAME, LMDB_FORMAT_KEY, LMDB_FORMAT_WORD "2");
	expect_refusal("later version");
	/* and one of a later LMDB */
	remove(lmdb_file());
	fill();
	bytes = lmdb_file_read(&len);
	bytes[20]++;
	bytes[PAGE + 20]++;
	lmdb_file_write(bytes, len);
	expect_refusal("later LMDB");
	free(bytes);
}

static void test_no_file(void **state)
{
	char other[128];

	(void)state;
	assert_non_null(strstr(refusal(true), "No such file"));
	assert_int_equal(lmdb_folder_count(""), 0);
	snprintf(other, sizeof(other), "%s.other", lmdb_file());
	assert_int_equal(symlink("greylist.db.other", lmdb_file()), 0);
	expect_refusal("symbolic link");
	remove(lmdb_file());
	assert_int_equal(mkdir(lmdb_file(), 0700), 0);
	assert_non_null(strstr(refusal(true), "not a regular file"));
	assert_non_null(strstr(refusal(false), "greylist.db"));
	remove(lmdb_file());
	assert_int_equal(mkfifo(lmdb_file(), 0600), 0);
	expect_refusal("not a regular file");
}

static void test_owner(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	fill();
	assert_int_equal(chown(lmdb_file(), 12345, 12345), 0);
	assert_non_null(strstr(refusal(false), "belongs to another user"));
	/* root may look, and takes nothing away from its owner */
	assert_string_equal(refusal(true), "none");
}

static void test_twice_in_a_process(void **state)
{
	struct store *store;

	(void)state;
	store = lmdb_must_open(LMDB_ROOM, 0);
	expect_refusal("is open already");
	assert_int_equal(lmdb_comes(store, 1, 1), GREYLIST_NEW);
	store_close(store);
	assert_string_equal(refusal(false), "none");
}

static void test_read_only(void **state)
{
	struct store_lmdb_settings settings = lmdb_settings(LMDB_ROOM);
	struct greylist_time now = lmdb_noon(0);
	char why[STORE_WHY_SIZE];
	struct store_stats stats;
	struct store *store;

	(void)state;
	fill();
	settings.read_only = true;
	store = store_lmdb_open(&settings, &now, why);
	assert_non_null(store);
	store_stats(store, &stats);
	assert_int_equal(stats.triplets, MANY);
	assert_int_equal(stats.outbound, 20);
	assert_true(list_all(store) >= MANY + 20);
	/* what has passed is known, strangers are not noted */
	assert_int_equal(lmdb_comes(store, 3, 900), GREYLIST_KEPT);
	assert_int_equal(lmdb_comes(store, MANY + 1, 900), GREYLIST_NO_ANSWER);
	store_close(store);
}

/* --- other processes ----------------------------------------------------- */

struct child {
	pid_t pid;
	int in, out; /* ours */
};

/* Runs in the child: writes a byte when it is ready, ends when told so. */
static void hold_open(int in, int out)
{
	struct store *store = lmdb_must_open(LMDB_ROOM, 0);
	char byte = '.';

	if (write(out, &byte, 1) != 1 || read(in, &byte, 1) < 0)
		_exit(1);
	store_close(store);
	_exit(0);
}

/* Comes as one stranger after the other, and says who was answered. */
static void come_for_ever(int in, int out)
{
	struct store *store = lmdb_must_open(LMDB_ROOM * 4, 0);
	unsigned number;

	if (read(in, &number, sizeof(number)) != sizeof(number))
		_exit(1);
	for (;; number++) {
		if (lmdb_comes(store, number, 0) != GREYLIST_NEW ||
		    write(out, &number, sizeof(number)) != sizeof(number))
			_exit(1);
	}
}

static struct child start(void (*run)(int in, int out))
{
	int to[2], from[2];
	struct child child;

	assert_int_equal(pipe(to), 0);
	assert_int_equal(pipe(from), 0);
	child.pid = fork();
	assert_true(child.pid >= 0);
	if (child.pid == 0) {
		close(to[1]);
		close(from[0]);
		run(to[0], from[1]);
		_exit(1);
	}
	close(to[0]);
	close(from[1]);
	child.in = to[1];
	child.out = from[0];
	return child;
}

static void end(struct child *child, int signal)
{
	int status;

	if (signal)
		kill(child->pid, signal);
	close(child->in);
	assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
	if (!signal)
		assert_int_equal(status, 0);
	close(child->out);
}

static void test_two_processes(void **state)
{
	struct child child = start(hold_open);
	struct store *store;
	char byte;

	(void)state;
	assert_int_equal(read(child.out, &byte, 1), 1);
	store = lmdb_must_open(LMDB_ROOM, 0);
	assert_int_equal(lmdb_comes(store, 1, 0), GREYLIST_NEW);
	end(&child, 0);
	assert_int_equal(lmdb_comes(store, 1, 300), GREYLIST_WAITED);
	store_close(store);
	assert_int_equal(lmdb_set_aside, 0);
}

/* It is damaged, but somebody uses it: not under him. */
static void test_held_by_another(void **state)
{
	struct child child;
	struct store *store;
	FILE *file;
	char byte;

	(void)state;
	fill();
	child = start(hold_open);
	assert_int_equal(read(child.out, &byte, 1), 1);
	/* a page that nobody looks at on the way in */
	file = fopen(lmdb_file(), "r+b");
	assert_non_null(file);
	assert_int_equal(fseek(file, 20 * PAGE, SEEK_SET), 0);
	for (int i = 0; i < PAGE; i++)
		fputc(0xff, file);
	fclose(file);
	store = lmdb_must_open(LMDB_ROOM, 0);
	assert_int_equal(lmdb_set_aside, 0);
	store_close(store);
	end(&child, SIGKILL);
	store = lmdb_must_open(LMDB_ROOM, 0);
	assert_int_equal(lmdb_set_aside, 1);
	store_close(store);
}

static void test_killed(void **state)
{
	unsigned next = 0, lost = 0;

	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		struct child child = start(come_for_ever);
		unsigned first = next, number;
		struct store *store;

		assert_int_equal(write(child.in, &next, sizeof(next)),
				 sizeof(next));
		/* so many answers, and then in the middle of the next */
		for (unsigned i = 0; i < 5 + round; i++)
			assert_int_equal(read(child.out, &number,
					      sizeof(number)),
					 sizeof(number));
		kill(child.pid, SIGKILL);
		while (read(child.out, &number, sizeof(number)) ==
		       sizeof(number))
			;
		next = number + 1;
		end(&child, SIGKILL);
		store = lmdb_must_open(LMDB_ROOM * 4, 10);
		for (unsigned i = first; i < next; i++)
			lost += lmdb_comes(store, i, 10) != GREYLIST_EARLY;
		store_close(store);
		next++; /* that one was under way, and may be there */
	}
	assert_int_equal(lost, 0);
	assert_int_equal(lmdb_set_aside, 0);
}

int main(void)
{
#define TEST(name)                                                \
	cmocka_unit_test_setup_teardown(name, lmdb_folder_set_up, \
					lmdb_folder_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_in_order),	  TEST(test_truncated),
		TEST(test_junk),	  TEST(test_spoilt),
		TEST(test_foreign),	  TEST(test_newer),
		TEST(test_no_file),	  TEST(test_owner),
		TEST(test_read_only),	  TEST(test_twice_in_a_process),
		TEST(test_two_processes), TEST(test_held_by_another),
		TEST(test_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
