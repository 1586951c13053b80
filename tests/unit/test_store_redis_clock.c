/*
 * test_store_redis_clock.c - one wall clock for all hosts that share a server.
 *
 * First the arithmetic, with clocks of the test's own; then hosts whose wall
 * clocks are wrong, or jump, at a real server.
 */
#include "lists/store_redis_clock.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "lists/greylist_clock.h"
#include "lists/store_pair.h"
#include "redis_server.h"
#include "redis_store.h"
#include "redis_stub.h"
#include "store_memory.h"

#define IDENTITY "net:192.0.2.0/24"
#define TRIPLET IDENTITY " a@x.test b@y.test"

enum {
	NOON = 1700000000,
	HOUR = 3600,
	YEAR = 31557600,
	MAX_MS = 60000,
	WAIT = 300,
};

/* --- the arithmetic ------------------------------------------------------ */

enum { RUN = 7, OTHER_RUN = 8 };

/* What the server says, by seconds of our steady clock. */
static const struct row {
	const char *claim;
	int64_t up, ms; /* now; ms of the clock that no test moves */
	int64_t says; /* its clock's seconds since NOON; REFUSED; SILENT */
	int64_t wall; /* ours, since NOON */
	int64_t counts; /* what the time is taken for, since NOON */
	int64_t ahead;
} rows[] = {
#define REFUSED INT64_MIN
#define SILENT INT64_MAX
	{ "nothing is known: our own", 100, 0, SILENT, 40, 40, 0 },
	{ "it may not be asked: our own", 100, 0, REFUSED, 40, 40, 0 },
	{ "what it says counts", 100, 0, 0, 200, 0, 200 },
	{ "and goes on with our steady clock", 110, 0, SILENT, 210, 10, 200 },
	{ "our wall clock jumps ahead", 110, 0, SILENT, HOUR, 10, HOUR - 10 },
	{ "and is set to 1970", 110, 0, SILENT, -NOON, 10, -NOON - 10 },
	{ "a second is rounding", 120, 60000, 21, 20, 20, 0 },
	{ "one less, too", 130, 60000, 29, 30, 30, 0 },
	{ "what differs more, a little, is followed", 140, 60000, 43, 40, 43,
	  -3 },
	{ "it refuses once: what was known still is", 150, 60000, REFUSED, 50,
	  53, -3 },
	{ "its clock jumps: not followed", 160, 60000, HOUR, 60, 63, -3 },
	{ "and jumps back", 170, 120000, 73, 70, 73, -3 },
	{ "and jumps again", 180, 3700000, HOUR + 80, 80, 83, -3 },
	{ "it is not the hour since the first jump that counts", 190, 3800000,
	  HOUR + 90, 90, 93, -3 },
	{ "nor that since one to somewhere else", 200, 7400000, 2 * HOUR, 100,
	  103, -3 },
	{ "nearly an hour, by a clock that nobody moves", 210, 10999999,
	  2 * HOUR + 10, 110, 113, -3 },
	{ "an hour: it is what they all say by now", 220, 11000000,
	  2 * HOUR + 20, 120, 2 * HOUR + 20, -2 * HOUR + 100 },
	{ "and stays", 230, 11060000, 2 * HOUR + 30, 130, 2 * HOUR + 30,
	  -2 * HOUR + 100 },
	{ "before 1970 is 1970", 230, 12000000, -NOON, 130, 2 * HOUR + 30,
	  -2 * HOUR + 100 },
};

static void test_whose_clock(void **state)
{
	struct redis_wall wall = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct row *row = &rows[i];
		const struct greylist_time now = { NOON + row->wall, row->up,
						   RUN };
		struct greylist_time time, again;

		if (row->says == REFUSED)
			redis_wall_refused(&wall, (uint64_t)row->ms);
		else if (row->says != SILENT)
			redis_wall_learn(&wall, NOON + row->says, &now, &now,
					 (uint64_t)row->ms);
		time = redis_wall_time(&wall, &now);
		again = redis_wall_time(&wall, &time);
		if (time.wall != NOON + row->counts || time.up != now.up ||
		    time.run != now.run ||
		    redis_wall_ahead(&wall, &now) != row->ahead)
			fail_msg("%s: %" PRId64 ", %" PRId64 " ahead",
				 row->claim, time.wall - NOON,
				 redis_wall_ahead(&wall, &now));
		assert_memory_equal(&time, &again, sizeof(time));
	}
}

static const struct {
	const char *claim;
	struct greylist_time now;
	int64_t wall;
} times[] = {
	{ "this run's", { 5, 10, RUN }, NOON + 10 },
	{ "another's stays as it is", { 5, 10, OTHER_RUN }, 5 },
	{ "so does one of no run", { 5, 10, 0 }, 5 },
	{ "and one that cannot be", { 5, -1, RUN }, 5 },
	{ "however large", { 5, INT64_MAX, RUN }, 5 },
	{ "the end of all times",
	  { 5, GREYLIST_TIME_MAX, RUN },
	  GREYLIST_TIME_MAX },
};

static void test_whose_times(void **state)
{
	const struct greylist_time begin = { NOON, 0, RUN };
	struct redis_wall wall = { 0 };

	(void)state;
	redis_wall_learn(&wall, NOON, &begin, &begin, 0);
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
		int64_t got = redis_wall_time(&wall, &times[i].now).wall;

		if (got != times[i].wall)
			fail_msg("%s: %" PRId64, times[i].claim, got);
	}
	/* a server of 1970 that was asked by one who has been up for long */
	wall = (struct redis_wall){ 0 };
	redis_wall_learn(&wall, 0, &(struct greylist_time){ 0, 9, RUN },
			 &(struct greylist_time){ 0, 9, RUN }, 0);
	assert_int_equal(redis_wall_time(&wall, &begin).wall, 0);
}

static void test_when_it_is_asked(void **state)
{
	const struct greylist_time then = { NOON, 10, RUN };
	const struct greylist_time later = { NOON, 12, RUN };
	const struct greylist_time nobodys = { NOON, 10, 0 };
	struct redis_wall wall = { 0 };

	(void)state;
	assert_true(redis_wall_is_due(&wall, 0));
	/* who knows what it showed when */
	redis_wall_learn(&wall, NOON + HOUR, &then, &later, 5);
	assert_true(wall.asked && redis_wall_is_due(&wall, 5));
	assert_int_equal(redis_wall_time(&wall, &later).wall, NOON);
	redis_wall_learn(&wall, NOON + HOUR, &nobodys, &nobodys, 5);
	assert_int_equal(redis_wall_time(&wall, &nobodys).wall, NOON);
	redis_wall_learn(&wall, NOON + HOUR, &then, &then, 5);
	assert_int_equal(redis_wall_time(&wall, &then).wall, NOON + HOUR);
	assert_false(redis_wall_is_due(&wall, 5 + REDIS_CLOCK_EVERY_MS - 1));
	assert_true(redis_wall_is_due(&wall, 5 + REDIS_CLOCK_EVERY_MS));
	redis_wall_refused(&wall, 100000);
	assert_false(redis_wall_is_due(&wall, 100001));
}

/* --- what is asked ------------------------------------------------------- */

static const struct greylist_terms terms = { .wait = WAIT,
					     .window = 10000,
					     .keep = 100000 };

static void must_say(struct store *of, struct greylist_time now,
		     enum greylist_why why)
{
	const struct store_visit asked = {
		.triplet = TRIPLET,
		.identity = IDENTITY,
		.sender = "a@x.test",
		.terms = terms,
		.now = now,
		.max_ms = MAX_MS,
	};
	struct greylist_result result;

	assert_int_equal(store_visit(of, &asked, &result), STORE_DONE);
	assert_string_equal(greylist_why_name(result.why),
			    greylist_why_name(why));
}

/* --- what a server says ------------------------------------------------- */

static const struct {
	const char *claim, *greeting;
	int64_t wall; /* 0: our own */
} says[] = {
	{ "a time",
	  REDIS_STUB_TELLS("*2\r\n$10\r\n1700000000\r\n$6\r\n000000\r\n"),
	  NOON },
	{ "the end of all times",
	  REDIS_STUB_TELLS("*2\r\n$12\r\n253402300799\r\n$1\r\n0\r\n"),
	  GREYLIST_TIME_MAX },
	{ "beyond it",
	  REDIS_STUB_TELLS("*2\r\n$12\r\n253402300800\r\n$1\r\n0\r\n"), 0 },
	{ "far beyond it",
	  REDIS_STUB_TELLS("*2\r\n$13\r\n9999999999999\r\n$1\r\n0\r\n"), 0 },
	{ "before 1970", REDIS_STUB_TELLS("*2\r\n$2\r\n-1\r\n$1\r\n0\r\n"), 0 },
	{ "no digits", REDIS_STUB_TELLS("*2\r\n$0\r\n\r\n$1\r\n0\r\n"), 0 },
	{ "numbers", REDIS_STUB_TELLS("*2\r\n:1700000000\r\n:0\r\n"), 0 },
	{ "only seconds", REDIS_STUB_TELLS("*1\r\n$10\r\n1700000000\r\n"), 0 },
	{ "nothing", REDIS_STUB_TELLS("*-1\r\n"), 0 },
	{ "a status", REDIS_STUB_TELLS("+OK\r\n"), 0 },
	{ "no such command", REDIS_STUB_TELLS("-ERR unknown command\r\n"), 0 },
};

/* Whatever it says of the time, what else it says is an answer. */
static void test_what_it_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(says) / sizeof(*says); i++) {
		struct redis_stub stub = {
			.greeting = says[i].greeting,
			.answer = "*9\r\n$3\r\nnew\r\n:10\r\n:0\r\n:1\r\n:1\r\n"
				  ":101\r\n:0\r\n:0\r\n:0\r\n",
		};
		struct store_redis_settings settings = { .servers =
								 stub.place };
		struct greylist_time now = greylist_now(), time;
		struct store *of;

		redis_stub_start(&stub);
		of = redis_store_open(&settings);
		redis_store_be_patient(of);
		must_say(of, now, GREYLIST_NEW);
		time = store_time(of, &now);
		if (says[i].wall == 0 ? time.wall != now.wall
				      : time.wall < says[i].wall - 2 ||
						time.wall > says[i].wall + 2)
			fail_msg("%s: %" PRId64, says[i].claim, time.wall);
		store_close(of);
		redis_stub_stop(&stub);
	}
}

/* --- at a server --------------------------------------------------------- */

static struct redis_server server;
static struct store *store;

static int open_it(void **state)
{
	const struct store_redis_settings settings = { .servers =
							       server.place };

	(void)state;
	redis_server_start(&server, NULL);
	store = redis_store_open(&settings);
	redis_store_be_patient(store);
	return 0;
}

static int close_it(void **state)
{
	(void)state;
	store_close(store);
	redis_server_stop(&server);
	return 0;
}

/* This host's, whose wall clock is wrong by so much, in some seconds. */
static struct greylist_time wrong_by(int64_t wrong, int64_t seconds)
{
	struct greylist_time now = greylist_now();

	now.wall += wrong + seconds;
	now.up += seconds;
	return now;
}

/* Another's, whose steady clock says nothing to us. */
static struct greylist_time others(int64_t seconds)
{
	struct greylist_time now = greylist_now();

	return (struct greylist_time){ now.wall + seconds, 5 + seconds,
				       now.run + 1 };
}

static const int64_t errors[] = { 0,	 -200, 200,	   HOUR,      -HOUR,
				  -YEAR, YEAR, -10 * YEAR, 10 * YEAR, -NOON };

/* The first visit of all is right already, and so is each after a jump. */
static void test_told_at_another(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		int64_t next =
			errors[(i + 3) % (sizeof(errors) / sizeof(*errors))];

		redis_server_do(&server, "FLUSHALL");
		store_close(store);
		store = redis_store_open(&(struct store_redis_settings){
			.servers = server.place });
		redis_store_be_patient(store);
		must_say(store, others(0), GREYLIST_NEW);
		must_say(store, wrong_by(errors[i], 0), GREYLIST_EARLY);
		must_say(store, wrong_by(next, WAIT - 3), GREYLIST_EARLY);
		must_say(store, wrong_by(errors[i], WAIT + 3), GREYLIST_WAITED);
	}
}

static void test_told_here(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		redis_server_do(&server, "FLUSHALL");
		must_say(store, wrong_by(errors[i], 0), GREYLIST_NEW);
		must_say(store, others(WAIT - 3), GREYLIST_EARLY);
		must_say(store, others(WAIT + 3), GREYLIST_WAITED);
	}
}

/* A user of before, who may not ask what time it is: by our own clock. */
static void test_who_may_not_ask(void **state)
{
	struct store_stats stats;

	(void)state;
	redis_server_do(&server, "ACL SETUSER default -time");
	must_say(store, others(0), GREYLIST_NEW);
	must_say(store, wrong_by(0, 3), GREYLIST_EARLY);
	must_say(store, wrong_by(WAIT + 3, 0), GREYLIST_WAITED);
	store_stats(store, &stats);
	assert_int_equal(stats.health, STORE_WELL);
	assert_int_equal(stats.clock_ahead, 0);
}

struct seen {
	char value[GREYLIST_RECORD_SIZE];
	int64_t expires;
};

static bool see(void *context, const struct store_entry *entry)
{
	struct seen *seen = context;

	snprintf(seen->value, sizeof(seen->value), "%s", entry->value);
	seen->expires = entry->expires;
	return true;
}

/* What is held under a key begins so, with the time that it is. */
static void must_hold(struct store *of, enum store_kind kind, const char *key,
		      const char *words)
{
	const struct greylist_time now = greylist_now();
	struct seen seen = { .value = "" };
	long long wall = 0;
	bool there;

	assert_int_equal(store_show(of, kind, key, &now, MAX_MS, see, &seen,
				    &there),
			 STORE_DONE);
	if (strncmp(seen.value, words, strlen(words)) != 0 ||
	    sscanf(seen.value + strlen(words), "%lld", &wall) != 1 ||
	    wall < now.wall - 30 || wall > now.wall + 2)
		fail_msg("%s: %s", key, seen.value);
	assert_true(seen.expires > now.wall);
}

/* Whatever stamps does so by the one clock, the very first as well. */
static void test_what_is_stamped(void **state)
{
	struct greylist_time now = wrong_by(HOUR, 0);
	bool done;

	(void)state;
	assert_int_equal(store_convict(store, IDENTITY, &terms, &now, WAIT,
				       MAX_MS, &done),
			 STORE_DONE);
	assert_true(done);
	must_hold(store, STORE_IDENTITY, IDENTITY,
		  "1 identity passes=0 round=");
	now = wrong_by(-HOUR, 0);
	assert_int_equal(store_set_mark(store, "net:198.51.100.0/24",
					GREYLIST_BLOCK, &terms, &now, WAIT,
					MAX_MS),
			 STORE_DONE);
	must_hold(store, STORE_IDENTITY, "net:198.51.100.0/24",
		  "1 identity passes=0 round=0 block=");
	assert_int_equal(store_write_to(store, "a@x.test",
					&(struct greylist_terms){
						.outbound = WAIT },
					&now, MAX_MS),
			 STORE_DONE);
	must_hold(store, STORE_OUTBOUND, "a@x.test", "1 outbound last=");
}

/* Of this run, stamped before any server could tell what time it was. */
static void test_what_is_brought(void **state)
{
	const struct greylist_time wrong = wrong_by(-10 * YEAR, 0);
	struct greylist_triplet triplet = { .state = GREYLIST_WAITING,
					    .first = wrong,
					    .count = 1 };
	char text[GREYLIST_RECORD_SIZE];
	const struct store_entry entry = { .kind = STORE_TRIPLET,
					   .key = TRIPLET,
					   .value = text };
	uint64_t taken = 0;
	size_t bad;

	(void)state;
	greylist_write_triplet(&triplet, text);
	assert_int_equal(store_import(store, &entry, 1, &terms, &wrong, &taken,
				      &bad),
			 STORE_DONE);
	assert_int_equal(taken, 1);
	must_hold(store, STORE_TRIPLET, TRIPLET, "1 waiting first=");
	must_say(store, others(0), GREYLIST_EARLY);
}

static void test_what_is_told(void **state)
{
	const struct greylist_time wrong = wrong_by(HOUR, 0);
	struct store_stats stats;

	(void)state;
	must_say(store, wrong, GREYLIST_NEW);
	store_stats(store, &stats);
	assert_in_range(stats.clock_ahead + 5, 4, 6);
	assert_in_range(wrong.wall - store_time(store, &wrong).wall, HOUR - 2,
			HOUR + 2);
}

/* The local one of a pair goes by it, too, also when it is alone. */
static void test_alone(void **state)
{
	struct store *local = store_memory_open(), *pair;

	(void)state;
	assert_non_null(local);
	pair = store_pair_open(store, local);
	assert_non_null(pair);
	must_say(pair, wrong_by(0, 0), GREYLIST_NEW);
	redis_server_do(&server, "FLUSHALL");
	redis_server_kill(&server);
	/* or the local one has it already, from before */
	store_memory_put(local, STORE_TRIPLET, TRIPLET, "", 0);
	must_say(pair, wrong_by(YEAR, 0), GREYLIST_NEW);
	must_hold(local, STORE_TRIPLET, TRIPLET, "1 waiting first=");
	must_say(pair, wrong_by(-YEAR, WAIT - 3), GREYLIST_EARLY);
	redis_server_restart(&server);
	for (int looks = 0;; looks++) {
		struct store_stats stats;

		store_stats(pair, &stats);
		if (stats.health == STORE_WELL)
			break;
		assert_true(looks < 2000);
		usleep(5000);
	}
	must_say(pair, others(WAIT - 3), GREYLIST_EARLY);
	must_say(pair, others(WAIT + 3), GREYLIST_WAITED);
	store_close(pair);
	store = NULL;
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_it, close_it)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whose_clock),
		cmocka_unit_test(test_whose_times),
		cmocka_unit_test(test_when_it_is_asked),
		cmocka_unit_test(test_what_it_says),
		TEST(test_told_at_another),
		TEST(test_told_here),
		TEST(test_who_may_not_ask),
		TEST(test_what_is_stamped),
		TEST(test_what_is_brought),
		TEST(test_what_is_told),
		TEST(test_alone),
	};

	return cmocka_run_group_tests_name("store_redis_clock", tests, NULL,
					   NULL);
}
