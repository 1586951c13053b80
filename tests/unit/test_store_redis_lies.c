/*
 * test_store_redis_lies.c - what a server that lies, dawdles or raves does to
 * a visit: nothing but that it has no answer, in time.
 */
#include "lists/store_redis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "redis_store.h"
#include "redis_stub.h"

enum {
	MAX_MS = 60000,
	SLACK_MS = 3000, /* of a busy machine */
	NOON = 1700000000,
};

static struct store *open_at(const char *servers, const char *sentinels)
{
	const struct store_redis_settings settings = {
		.servers = servers,
		.sentinels = sentinels,
		.master = "mymaster",
		.prefix = "steelyard:",
	};

	return redis_store_open(&settings);
}

static enum store_end visit(struct store *store, unsigned max_ms,
			    struct greylist_result *ret_result)
{
	const struct store_visit asked = {
		.triplet = "net:192.0.2.0/24 a@x.test b@y.test",
		.identity = "net:192.0.2.0/24",
		.sender = "a@x.test",
		.terms = { .wait = 10, .window = 100, .keep = 300 },
		.now = { .wall = NOON },
		.max_ms = max_ms,
	};

	return store_visit(store, &asked, ret_result);
}

static int64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#define NEW "$3\r\nnew\r\n"
#define REST ":0\r\n:1\r\n:1\r\n:101\r\n:0\r\n:0\r\n:0\r\n"

static const struct row {
	const char *claim, *answer;
	enum store_end end;
	const char *why; /* part of it; NULL: none */
	bool drips, never_ends, hangs_up;
} rows[] = {
	{ "what it should say is an answer", "*9\r\n" NEW ":10\r\n" REST,
	  STORE_DONE, NULL, false, false, false },
	{ "a newer record is no answer", "+NEWER\r\n", STORE_NEWER, NULL, false,
	  false, false },
	/* nothing, or not all, or not in time */
	{ "silence", "", STORE_AWAY, "timed out", false, false, false },
	{ "half an answer", "*9\r\n" NEW ":1", STORE_AWAY, "timed out", false,
	  false, false },
	{ "a dripping answer",
	  "*9\r\n" NEW ":10\r\n" REST "                                 ",
	  STORE_AWAY, "timed out", true, false, false },
	{ "it hangs up", "", STORE_AWAY, "reset", false, false, true },
	{ "it hangs up in the middle", "*9\r\n" NEW, STORE_AWAY, "reset", false,
	  false, true },
	/* another type */
	{ "a number", ":1\r\n", STORE_BROKEN, "not what", false, false, false },
	{ "a text", "$3\r\nnew\r\n", STORE_BROKEN, "not what", false, false,
	  false },
	{ "nothing", "$-1\r\n", STORE_BROKEN, "not what", false, false, false },
	{ "no array", "*-1\r\n", STORE_BROKEN, "not what", false, false,
	  false },
	{ "an empty array", "*0\r\n", STORE_BROKEN, "not what", false, false,
	  false },
	{ "another status", "+OK\r\n", STORE_BROKEN, "not what", false, false,
	  false },
	/* another content */
	{ "a part too few",
	  "*8\r\n" NEW ":10\r\n:0\r\n:1\r\n:1\r\n:101\r\n:0\r\n:0\r\n",
	  STORE_BROKEN, "not what", false, false, false },
	{ "a part too many", "*10\r\n" NEW ":10\r\n" REST ":0\r\n",
	  STORE_BROKEN, "not what", false, false, false },
	{ "an unknown word", "*9\r\n$3\r\nNEW\r\n:10\r\n" REST, STORE_BROKEN,
	  "not what", false, false, false },
	{ "the word for no answer", "*9\r\n$7\r\nunknown\r\n:10\r\n" REST,
	  STORE_BROKEN, "not what", false, false, false },
	{ "a word with more behind a NUL", "*9\r\n$3\r\nne\1\r\n:10\r\n" REST,
	  STORE_BROKEN, "not what", false, false, false },
	{ "a wait of no time", "*9\r\n" NEW ":0\r\n" REST, STORE_BROKEN,
	  "not what", false, false, false },
	{ "a wait for ever", "*9\r\n" NEW ":-1\r\n" REST, STORE_BROKEN,
	  "not what", false, false, false },
	{ "a wait of more than a hundred years",
	  "*9\r\n" NEW ":3155760001\r\n" REST, STORE_BROKEN, "not what", false,
	  false, false },
	{ "a negative wait", "*9\r\n" NEW ":-2\r\n" REST, STORE_BROKEN,
	  "not what", false, false, false },
	{ "a text for a number", "*9\r\n" NEW "$2\r\n10\r\n" REST, STORE_BROKEN,
	  "not what", false, false, false },
	{ "an array for a number", "*9\r\n" NEW "*1\r\n:10\r\n" REST,
	  STORE_BROKEN, "not what", false, false, false },
	{ "an error in the middle", "*9\r\n" NEW "-ERR no\r\n" REST,
	  STORE_BROKEN, "not what", false, false, false },
	{ "more than was asked for", "*9\r\n" NEW ":10\r\n" REST ":0\r\n",
	  STORE_BROKEN, "more than", false, false, false },
	/* no protocol at all */
	{ "another protocol", "HTTP/1.1 400 Bad Request\r\n\r\n", STORE_BROKEN,
	  "Protocol error", false, false, false },
	{ "a number that is none", "*9\r\n" NEW ":1x\r\n" REST, STORE_BROKEN,
	  "Bad integer", false, false, false },
	{ "a length that is none", "$x\r\nabc\r\n", STORE_BROKEN, "Bad bulk",
	  false, false, false },
	{ "arrays in arrays",
	  "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n",
	  STORE_BROKEN, "nested", false, false, false },
	/* more than there is room for */
	{ "a huge array", "*2147483647\r\n", STORE_BROKEN, "too many parts",
	  false, false, false },
	{ "a huge array in an array", "*2\r\n*2147483647\r\n", STORE_BROKEN,
	  "too many parts", false, false, false },
	{ "an array beyond all bounds", "*99999999999999\r\n", STORE_BROKEN,
	  "out of range", false, false, false },
	{ "many arrays, each within bounds",
	  "*8000\r\n*8000\r\n*8000\r\n*8000\r\n", STORE_BROKEN,
	  "too many parts", false, false, false },
	{ "a huge text without end", "$2000000000\r\n", STORE_BROKEN,
	  "too long", false, true, false },
	{ "a line without end", "+", STORE_BROKEN, "too long", false, true,
	  false },
	{ "a text as long as can be said", "$9223372036854775807\r\n",
	  STORE_BROKEN, "too long", false, true, false },
	/* it says no */
	{ "no room", "-OOM command not allowed\r\n", STORE_BROKEN, "OOM", false,
	  false, false },
	{ "no room, as told by Redis 6",
	  "-ERR Error running script: @user_script: 1: -OOM command not\r\n",
	  STORE_BROKEN, "OOM", false, false, false },
	{ "a replica", "-READONLY You can't write against a replica.\r\n",
	  STORE_AWAY, "READONLY", false, false, false },
	{ "it loads", "-LOADING Redis is loading the dataset in memory\r\n",
	  STORE_AWAY, "LOADING", false, false, false },
	{ "its master is away", "-MASTERDOWN Link with MASTER is down\r\n",
	  STORE_AWAY, "MASTERDOWN", false, false, false },
	{ "who are you", "-NOAUTH Authentication required.\r\n", STORE_BROKEN,
	  "NOAUTH", false, false, false },
	{ "an error that is not to be printed", "-ERR \x1b[2J\xff\r\n",
	  STORE_BROKEN, "ERR ?[2J?", false, false, false },
	{ "no script, and nonsense to who loads it",
	  "-NOSCRIPT No matching script.\r\n", STORE_BROKEN, "more than", false,
	  false, false },
};

static void test_lies(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct row *row = &rows[i];
		struct redis_stub stub = {
			.greeting = REDIS_STUB_MASTER,
			.answer = row->answer,
			.drips = row->drips,
			.never_ends = row->never_ends,
			.hangs_up = row->hangs_up,
		};
		struct greylist_result result;
		struct store_stats stats;
		struct store *store;
		enum store_end end;
		int64_t began;

		redis_stub_start(&stub);
		store = open_at(stub.place, "");
		if (row->why == NULL || strcmp(row->why, "timed out") != 0)
			redis_store_be_patient(store);
		began = clock_ms();
		end = visit(store, MAX_MS, &result);
		if (end == STORE_AWAY &&
		    clock_ms() - began > STORE_COMMAND_MS + SLACK_MS)
			fail_msg("%s: took %d ms", row->claim,
				 (int)(clock_ms() - began));
		store_stats(store, &stats);
		if (end != row->end)
			fail_msg("%s: %s (%s)", row->claim, store_end_name(end),
				 stats.why);
		assert_int_equal(result.answer, end == STORE_DONE
							? GREYLIST_WAIT
							: GREYLIST_UNKNOWN);
		if (row->why && !strstr(stats.why, row->why))
			fail_msg("%s: %s", row->claim, stats.why);
		assert_int_equal(stats.health,
				 row->why ? STORE_SILENT : STORE_WELL);
		store_close(store);
		redis_stub_stop(&stub);
	}
}

/* --- who is greeted ------------------------------------------------------ */

static const struct {
	const char *claim, *greeting;
	enum store_end end;
	const char *why;
} greetings[] = {
	{ "a replica is not asked",
	  "*5\r\n$5\r\nslave\r\n$1\r\nh\r\n:1\r\n$7\r\nconnect\r\n:0\r\n"
	  REDIS_STUB_NO_TIME
	  "$40\r\n0123456789012345678901234567890123456789\r\n",
	  STORE_AWAY, "no master" },
	{ "a sentinel is no server", "*2\r\n$8\r\nsentinel\r\n*0\r\n-ERR\r\n-ERR\r\n",
	  STORE_AWAY, "no master" },
	{ "who wants a password says so",
	  "-NOAUTH Authentication required.\r\n-NOAUTH\r\n-NOAUTH\r\n",
	  STORE_BROKEN, "NOAUTH" },
	{ "a name that is none of the script's",
	  "*1\r\n$6\r\nmaster\r\n" REDIS_STUB_NO_TIME
	  "$40\r\n012345678901234567890123456789012345678X\r\n",
	  STORE_BROKEN, "not what" },
	{ "a short name",
	  "*1\r\n$6\r\nmaster\r\n" REDIS_STUB_NO_TIME "$3\r\nabc\r\n",
	  STORE_BROKEN, "not what" },
	{ "an empty role", "*0\r\n+OK\r\n+OK\r\n", STORE_BROKEN, "not what" },
	{ "silence", "", STORE_AWAY, "timed out" },
};

static void test_greetings(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(greetings) / sizeof(*greetings); i++) {
		struct redis_stub stub = {
			.greeting = greetings[i].greeting,
			.answer = "",
		};
		struct greylist_result result;
		struct store_stats stats;
		struct store *store;
		bool silent;
		enum store_end end;
		int64_t began;

		redis_stub_start(&stub);
		store = open_at(stub.place, "");
		silent = strcmp(greetings[i].why, "timed out") == 0;
		if (!silent)
			redis_store_be_patient(store);
		began = clock_ms();
		end = visit(store, MAX_MS, &result);
		if (silent)
			assert_true(clock_ms() - began <
				    STORE_CONNECT_MS + SLACK_MS);
		store_stats(store, &stats);
		if (end != greetings[i].end ||
		    !strstr(stats.why, greetings[i].why))
			fail_msg("%s: %s, %s", greetings[i].claim,
				 store_end_name(end), stats.why);
		store_close(store);
		redis_stub_stop(&stub);
	}
}

static const struct {
	const char *claim, *says, *why;
} sentinels[] = {
	{ "an unknown name", "*-1\r\n", "has no address of \"mymaster\"" },
	{ "a name for an address", "*2\r\n$4\r\nhost\r\n$4\r\n6379\r\n",
	  "has no address" },
	{ "no port", "*2\r\n$9\r\n127.0.0.1\r\n$1\r\n0\r\n", "has no address" },
	{ "an error", "-ERR no such thing\r\n", "no such thing" },
	{ "something else", "+OK\r\n", "has no address" },
	{ "nobody there", "*2\r\n$9\r\n127.0.0.1\r\n$1\r\n1\r\n",
	  "127.0.0.1:1: Connection refused" },
};

static void test_sentinels(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(sentinels) / sizeof(*sentinels); i++) {
		struct redis_stub stub = {
			.greeting = sentinels[i].says,
			.answer = "",
		};
		struct greylist_result result;
		struct store_stats stats;
		struct store *store;

		redis_stub_start(&stub);
		store = open_at("", stub.place);
		redis_store_be_patient(store);
		assert_int_equal(visit(store, MAX_MS, &result), STORE_AWAY);
		store_stats(store, &stats);
		if (!strstr(stats.why, sentinels[i].why))
			fail_msg("%s: %s", sentinels[i].claim, stats.why);
		store_close(store);
		redis_stub_stop(&stub);
	}
}

/* A server that says nothing costs one visit, and the next nothing. */
static void test_pause(void **state)
{
	struct redis_stub stub = { .greeting = REDIS_STUB_MASTER,
				   .answer = "" };
	struct greylist_result result;
	struct store *store;
	int64_t began;

	(void)state;
	redis_stub_start(&stub);
	store = open_at(stub.place, "");
	assert_int_equal(visit(store, MAX_MS, &result), STORE_AWAY);
	began = clock_ms();
	for (int i = 0; i < 1000; i++)
		assert_int_equal(visit(store, MAX_MS, &result), STORE_AWAY);
	assert_true(clock_ms() - began < STORE_COMMAND_MS + SLACK_MS);
	store_close(store);
	redis_stub_stop(&stub);
}

/* Who has less time than the server is late, and the server not to blame. */
static void test_late(void **state)
{
	struct redis_stub stub = { .greeting = REDIS_STUB_MASTER,
				   .answer = "" };
	struct greylist_result result;
	struct store_stats stats;
	struct store *store;

	(void)state;
	redis_stub_start(&stub);
	store = open_at(stub.place, "");
	redis_store_be_patient(store);
	assert_int_equal(visit(store, 20, &result), STORE_LATE);
	store_stats(store, &stats);
	assert_int_equal(stats.health, STORE_WELL);
	store_close(store);
	redis_stub_stop(&stub);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_greetings),
		cmocka_unit_test(test_sentinels),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_late),
	};

	return cmocka_run_group_tests_name("store_redis_lies", tests, NULL,
					   NULL);
}
