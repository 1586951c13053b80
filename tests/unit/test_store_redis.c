/*
 * test_store_redis.c - the shared store, on a real server: that the script
 * judges as lists/greylist.c does, and what befalls the server.
 *
 * What a server that lies can do is in test_store_redis_stub.c.
 */
#include "lists/store_redis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lists/greylist_record.h"
#include "redis_server.h"
#include "redis_store.h"

#define IDENTITY "net:192.0.2.0/24"
#define SENDER "a@x.test"
#define TRIPLET IDENTITY " " SENDER " b@y.test"

enum { CASES = 20000, MAX_MS = 60000 };

static struct redis_server server;

static struct store *open_store(const char *places, const char *prefix)
{
	const struct store_redis_settings settings = {
		.servers = places,
		.prefix = prefix,
	};
	struct store *store = redis_store_open(&settings);

	redis_store_be_patient(store);
	return store;
}

/* --- the script against lists/greylist.c --------------------------------- */

static uint64_t dice_state;

static uint32_t dice(uint32_t sides)
{
	dice_state ^= dice_state << 13;
	dice_state ^= dice_state >> 7;
	dice_state ^= dice_state << 17;
	return (uint32_t)(dice_state >> 32) % sides;
}

#define PICK(table) ((table)[dice(sizeof(table) / sizeof(*(table)))])

/* Borders, and some of what lies between. */
static int64_t a_wall(void)
{
	static const int64_t walls[] = {
		0,
		1,
		1700000000,
		1700000000 - GREYLIST_SKEW,
		1700000000 - GREYLIST_SKEW - 1,
		1700000000 + GREYLIST_SKEW,
		1700000000 + GREYLIST_SKEW + 1,
		1700000000 - 10,
		1700000000 - 100,
		1700000000 - 101,
		1700000000 - 300,
		1700000000 - 301,
		GREYLIST_TIME_MAX - 1,
		GREYLIST_TIME_MAX,
	};

	return dice(3) ? 1700000000 - (int64_t)dice(400) : PICK(walls);
}

static struct greylist_time a_time(void)
{
	static const uint64_t runs[] = { 0, 1, 0x9f86d081884c7d65, UINT64_MAX };
	static const int64_t ups[] = { 0, 1, GREYLIST_TIME_MAX };
	struct greylist_time time = { .wall = a_wall(), .run = PICK(runs) };

	if (time.run != 0)
		time.up = dice(8) ? (int64_t)dice(400) : PICK(ups);
	return time;
}

/* As it comes from outside: not within bounds. */
static struct greylist_time a_wild_time(void)
{
	static const int64_t wild[] = { -1, INT64_MIN, INT64_MAX,
					GREYLIST_TIME_MAX + 1 };
	struct greylist_time time = a_time();

	if (dice(20) == 0)
		time.wall = PICK(wild);
	if (dice(20) == 0)
		time.up = PICK(wild);
	return time;
}

static int64_t a_span(void)
{
	static const int64_t spans[] = { 0,
					 1,
					 10,
					 40,
					 60,
					 100,
					 300,
					 GREYLIST_SPAN_MAX - 1,
					 GREYLIST_SPAN_MAX };

	return dice(2) ? (int64_t)dice(320) : PICK(spans);
}

static int64_t a_wild_span(void)
{
	static const int64_t wild[] = { -1, INT64_MIN, INT64_MAX,
					GREYLIST_SPAN_MAX + 1 };

	return dice(20) ? a_span() : PICK(wild);
}

static uint32_t a_count(void)
{
	static const uint32_t counts[] = {
		0, 1, 2, 3, 5, GREYLIST_COUNT_MAX - 1, GREYLIST_COUNT_MAX
	};

	return PICK(counts);
}

static struct greylist_terms some_terms(void)
{
	static const struct greylist_terms usual = { .wait = 10,
						     .window = 100,
						     .keep = 300,
						     .known_gap = 40,
						     .known_after = 3,
						     .outbound = 80 };

	if (dice(2))
		return usual;
	return (struct greylist_terms){
		.wait = a_wild_span(),
		.window = a_wild_span(),
		.keep = a_wild_span(),
		.known_gap = a_wild_span(),
		.known_after = dice(10) ? dice(5) : UINT32_MAX,
		.outbound = a_wild_span(),
		.longest_window = a_wild_span(),
	};
}

static void write_some_triplet(char text[GREYLIST_RECORD_SIZE])
{
	struct greylist_triplet triplet = {
		.state = dice(5) ? GREYLIST_WAITING : GREYLIST_PASSED,
		.first = a_time(),
		.last = a_time(),
		.first_wall = a_wall(),
		.waited = a_span(),
		.tried_wall = a_wall(),
		.count = a_count(),
		.round = dice(3) ? 0 : a_wall(),
	};

	if (dice(2))
		triplet.state = GREYLIST_PASSED;
	greylist_write_triplet(&triplet, text);
}

static void write_some_identity(char text[GREYLIST_RECORD_SIZE])
{
	struct greylist_identity identity = {
		.passes = a_count(),
		.round = dice(2) ? 0 : a_wall(),
		.counted = a_time(),
		.last = a_time(),
		.trapped_for = a_span(),
		.trapped = a_time(),
		.mark = dice(2) ? GREYLIST_UNMARKED
				: (enum greylist_mark)dice(3),
		.marked_for = a_span(),
		.marked = a_time(),
	};

	greylist_write_identity(&identity, text);
}

static void write_some_outbound(char text[GREYLIST_RECORD_SIZE])
{
	struct greylist_outbound outbound = { dice(4) != 0, a_time() };

	greylist_write_outbound(&outbound, text);
}

/* A byte is another, is gone, or is there twice. */
static void spoil(char text[GREYLIST_RECORD_SIZE])
{
	static const char bytes[] = "0123456789af/= -.\n\x80Xpwio";
	size_t len = strlen(text), at;

	if (len == 0)
		return;
	at = dice((uint32_t)len);
	switch (dice(5)) {
	case 4: text[0] = '2'; break;
	case 0: text[at] = bytes[dice(sizeof(bytes) - 1)]; break;
	case 1: memmove(text + at, text + at + 1, len - at); break;
	case 2: text[at] = '\0'; break;
	default:
		if (len + 2 < GREYLIST_RECORD_SIZE)
			memmove(text + at + 1, text + at, len - at + 1);
	}
}

struct texts {
	char triplet[GREYLIST_RECORD_SIZE];
	char identity[GREYLIST_RECORD_SIZE];
	char outbound[GREYLIST_RECORD_SIZE];
};

/* "" is no record. */
static void write_some(struct texts *texts)
{
	memset(texts, 0, sizeof(*texts));
	if (dice(4))
		write_some_triplet(texts->triplet);
	if (dice(2))
		write_some_identity(texts->identity);
	if (dice(2))
		write_some_outbound(texts->outbound);
	if (dice(16) == 0)
		spoil(texts->triplet);
	if (dice(16) == 0)
		spoil(texts->identity);
	if (dice(16) == 0)
		spoil(texts->outbound);
	if (dice(64) == 0)
		strcpy(texts->triplet, texts->identity);
}

struct answer {
	enum store_end end;
	struct greylist_result result;
};

/* What should be said, and held afterwards. */
static void judge(const struct store_visit *visit, struct texts *texts,
		  struct answer *ret_answer, unsigned *foreign)
{
	struct greylist_records records;
	enum greylist_reading reading[3] = {
		greylist_read_triplet(texts->triplet, strlen(texts->triplet),
				      &records.triplet),
		greylist_read_identity(texts->identity, strlen(texts->identity),
				       &records.identity),
		greylist_read_outbound(texts->outbound, strlen(texts->outbound),
				       &records.outbound),
	};
	const char *held[3] = { texts->triplet, texts->identity,
				texts->outbound };
	struct greylist_result *result = &ret_answer->result;

	*ret_answer = (struct answer){ .end = STORE_NEWER };
	for (int i = 0; i < 3; i++) {
		if (reading[i] == GREYLIST_NEWER)
			return;
	}
	for (int i = 0; i < 3; i++)
		*foreign += held[i][0] && reading[i] == GREYLIST_JUNK;
	ret_answer->end = STORE_DONE;
	greylist_visit(&visit->terms, &visit->now, &records, result);
	if (result->triplet_changed)
		greylist_write_triplet(&records.triplet, texts->triplet);
	if (result->identity_changed &&
	    (greylist_write_identity(&records.identity, texts->identity) == 0 ||
	     result->identity_left == 0))
		texts->identity[0] = '\0';
}

static void put(const char *key, const char *text)
{
	if (text[0])
		redis_server_do(&server, "SET %s %s", key, text);
	else
		redis_server_do(&server, "DEL %s", key);
}

static void must_hold(const char *key, const char *text, bool changed,
		      int64_t left)
{
	redisReply *reply = redis_server_say(&server, "GET %s", key);
	redisReply *ttl = redis_server_say(&server, "TTL %s", key);

	if (text[0]) {
		assert_int_equal(reply->type, REDIS_REPLY_STRING);
		assert_string_equal(reply->str, text);
	} else {
		assert_int_equal(reply->type, REDIS_REPLY_NIL);
	}
	if (!changed || !text[0] || left == GREYLIST_FOR_EVER)
		assert_true(ttl->integer < 0);
	else
		assert_in_range(ttl->integer, left - 1, left);
	freeReplyObject(reply);
	freeReplyObject(ttl);
}

static void test_script_judges_as_greylist_visit(void **state)
{
	struct store *store = open_store(server.place, "");
	unsigned seen[GREYLIST_TRAPPED + 1] = { 0 }, foreign = 0, newer = 0;
	struct store_stats stats;

	(void)state;
	dice_state = 0x9e3779b97f4a7c15;
	for (int i = 0; i < CASES; i++) {
		struct store_visit visit = {
			.triplet = TRIPLET,
			.identity = IDENTITY,
			.sender = SENDER,
			.terms = some_terms(),
			.now = a_wild_time(),
			.max_ms = MAX_MS,
		};
		struct answer expected, got = { 0 };
		struct texts texts;

		write_some(&texts);
		put("t:" TRIPLET, texts.triplet);
		put("i:" IDENTITY, texts.identity);
		put("o:" SENDER, texts.outbound);
		judge(&visit, &texts, &expected, &foreign);
		got.end = store_visit(store, &visit, &got.result);
		assert_int_equal(got.end, expected.end);
		assert_int_equal(got.result.answer, expected.result.answer);
		assert_int_equal(got.result.why, expected.result.why);
		assert_int_equal(got.result.left, expected.result.left);
		assert_int_equal(got.result.waited, expected.result.waited);
		assert_int_equal(got.result.must_last,
				 expected.result.must_last);
		assert_int_equal(got.result.triplet_changed,
				 expected.result.triplet_changed);
		assert_int_equal(got.result.identity_changed,
				 expected.result.identity_changed);
		assert_int_equal(got.result.triplet_left,
				 expected.result.triplet_left);
		assert_int_equal(got.result.identity_left,
				 expected.result.identity_left);
		must_hold("t:" TRIPLET, texts.triplet,
			  expected.result.triplet_changed,
			  expected.result.triplet_left);
		must_hold("i:" IDENTITY, texts.identity,
			  expected.result.identity_changed,
			  expected.result.identity_left);
		must_hold("o:" SENDER, texts.outbound, false, 0);
		seen[expected.result.why]++;
		newer += expected.end == STORE_NEWER;
	}
	for (int why = 0; why <= GREYLIST_TRAPPED; why++) {
		if (seen[why] < CASES / 1000)
			fail_msg("only %u cases of %s", seen[why],
				 greylist_why_name((enum greylist_why)why));
	}
	store_stats(store, &stats);
	assert_int_equal(stats.foreign, foreign);
	assert_int_equal(stats.newer, newer);
	assert_true(foreign > 100 && newer > 10);
	store_close(store);
}

static int start_server(void **state)
{
	(void)state;
	redis_server_start(&server, NULL);
	return 0;
}

static int stop_server(void **state)
{
	(void)state;
	redis_server_stop(&server);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_script_judges_as_greylist_visit, start_server,
			stop_server),
	};

	return cmocka_run_group_tests_name("store_redis", tests, NULL, NULL);
}
