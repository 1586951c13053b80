/*
 * test_inspector.c - the pool where all goes well: leases, messages, answers.
 */
#include "filter/inspector.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "filter/inspect/channel.h"
#include "filter/inspector_pool.h"
#include "tests/unit/inspections.h"

/* --- all goes well ------------------------------------------------------ */

static void facts_arrive(void **state)
{
	struct inspector_pool *pool = inspector_pool_open(1, 2);
	struct test_inspector inspector;
	struct inspection *inspection;
	struct test_facts got;
	const struct fact *slots;
	enum fact_cause cause;

	(void)state;
	inspector_threads(&inspector, 0, 2);
	inspector_adopt(&inspector, pool);
	inspection = test_begin(pool, &test_with_body, 0);
	assert_non_null(inspection);
	test_header(inspection, "from",
		    " =?utf-8?q?J=C3=BCrg?= <j@Example.ORG>");
	test_header(inspection, "Subject", " one\n two");
	inspection_body(inspection, "a\r\nbc", 5);
	inspection_body(inspection, "d\r\n", 3);
	test_facts_init(&got);
	assert_int_equal(inspection_wait(inspection, &got.facts, LONG, &cause),
			 INSPECTION_DONE);
	inspection_end(inspection);

	slots = got.facts.slots;
	assert_int_equal(got.facts.fixed[FACT_FROM_DOMAIN].set.count, 1);
	assert_memory_equal(got.facts.fixed[FACT_FROM_DOMAIN].set.items[0].at,
			    "example.org", 11);
	assert_memory_equal(got.facts.fixed[FACT_FROM_NAME].set.items[0].at,
			    "J\xc3\xbcrg", 5);
	assert_int_equal(got.facts.fixed[FACT_BODY_SIZE].number, 8);
	assert_int_equal(got.facts.fixed[FACT_BODY_LONGEST_LINE].number, 3);
	assert_int_equal(slots[SLOT_DNSBL].state, FACT_PENDING);
	assert_memory_equal(slots[SLOT_SUBJECT].set.items[0].at, "one two", 7);
	assert_memory_equal(slots[SLOT_SUBJECT_RAW].set.items[0].at,
			    " one\n two", 9);
	assert_int_equal(slots[SLOT_LIST].state, FACT_NONE);
	test_facts_done(&got);
	inspector_pool_close(pool);
	inspector_join(&inspector);
}

/* 200 KiB of header and 3 MiB of body through a channel of a few packets. */
static void large_messages_stream(void **state)
{
	static char value[60000], piece[65535];
	struct inspector_pool *pool = inspector_pool_open(1, 1);
	struct test_inspector inspector;
	struct inspection *inspection;
	struct test_outcome outcome;
	const struct inspection_request large = { .body_limit = 3 << 20 };

	(void)state;
	memset(value, 'v', sizeof(value));
	memset(piece, 'b', sizeof(piece));
	inspector_threads(&inspector, 0, 1);
	inspector_adopt(&inspector, pool);
	for (int round = 0; round < 3; round++) {
		inspection = test_begin(pool, &large, LONG);
		for (int i = 0; i < 3; i++)
			inspection_header(inspection, "List-Id", 7, value,
					  sizeof(value));
		for (int i = 0; i < 10; i++)
			inspection_body(inspection, piece, sizeof(piece));
		test_say(inspection, "late", NULL);
		outcome = test_take(inspection, LONG);
		assert_int_equal(outcome.answer, INSPECTION_DONE);
		assert_string_equal(outcome.subject, "late");
		inspection_end(inspection);
	}
	inspector_pool_close(pool);
	inspector_join(&inspector);
}

/* Thousands of addresses take all the room there is for a message. */
static void what_fills_the_arena_is_no_crash(void **state)
{
	static char list[999 * 4 + 1];
	struct inspector_pool *pool = inspector_pool_open(1, 1);
	struct test_inspector inspector;
	struct inspection *inspection;
	enum fact_cause cause;
	struct test_facts got;

	(void)state;
	for (size_t i = 0; i < 999; i++)
		memcpy(list + 4 * i, "a@b,", 5);
	inspector_threads(&inspector, 0, 1);
	inspector_adopt(&inspector, pool);
	inspection = test_begin(pool, &test_no_body, LONG);
	for (int i = 0; i < 60; i++)
		test_header(inspection, "Reply-To", list);
	test_say(inspection, "late", NULL);
	test_facts_init(&got);
	assert_int_equal(inspection_wait(inspection, &got.facts, LONG, &cause),
			 INSPECTION_DONE);
	inspection_end(inspection);
	assert_true(got.facts.fixed[FACT_HEADER_TRUNCATED].yes);
	assert_int_equal(got.facts.fixed[FACT_HEADER_COUNT].number, 62);
	assert_int_equal(got.facts.slots[SLOT_SUBJECT].state, FACT_UNKNOWN);
	test_facts_done(&got);
	test_one_message(pool, "next");
	assert_int_equal(inspector_pool_stats(pool).hangs, 0);
	inspector_pool_close(pool);
	inspector_join(&inspector);
}

/* An inspector that begins to read when the session waits for it. */
struct slow {
	struct inspector_pool *pool;
	struct inspection *inspection;
	int fd;
	uint64_t body, wrong;
	bool cut;
};

static bool is_stalled(struct slow *slow)
{
	bool stalled;

	pthread_mutex_lock(&slow->pool->lock);
	stalled = slow->inspection->stalled;
	pthread_mutex_unlock(&slow->pool->lock);
	return stalled;
}

/* Every byte of what is sent tells where it stands. */
static unsigned char byte_at(size_t at)
{
	return (unsigned char)(at * 2654435761U >> 16);
}

static void take_body(struct slow *slow, const struct channel_record *record)
{
	for (size_t i = 0; i < record->payload.left; i++)
		slow->wrong += (unsigned char)record->payload.at[i] !=
			       byte_at(slow->body + i);
	slow->body += record->payload.left;
}

static void *read_slowly(void *context)
{
	static unsigned char bytes[CHANNEL_PACKET_MAX];
	struct slow *slow = context;
	struct packet last = { .grows = true };
	struct channel_record record = { .type = CHANNEL_BEGIN };
	struct channel_head head = { .number = 1 };

	while (!is_stalled(slow))
		sched_yield();
	while (record.type != CHANNEL_END) {
		ssize_t got = recv(slow->fd, bytes, sizeof(bytes), 0);
		struct cursor packet = cursor_over(bytes, (size_t)got);

		if (got <= 0 || !channel_open(&packet, &head))
			return NULL;
		while (channel_next(&packet, &record) == CHANNEL_RECORD)
			if (record.type == CHANNEL_BODY)
				take_body(slow, &record);
	}
	slow->cut = record.flags != 0;
	packet_begin(&last, head.number);
	packet_flag(&last, CHANNEL_LAST);
	send(slow->fd, last.bytes, last.used, 0);
	packet_done(&last);
	return NULL;
}

static void a_signed_body_goes_over_whole(void **state)
{
	static unsigned char piece[65535];
	const struct inspection_request request = {
		.body_limit = 1000,
		.authentication = { .wanted = true, .verifies = true },
	};
	struct inspector_pool *pool = inspector_pool_open(1, 1);
	struct slow slow = { .pool = pool };
	struct test_inspector inspector;
	pthread_t thread;

	(void)state;
	inspector_open(&inspector, 0, 1);
	inspector_adopt(&inspector, pool);
	slow.fd = inspector.theirs[0];
	slow.inspection = test_begin(pool, &request, 0);
	assert_non_null(slow.inspection);
	pthread_create(&thread, NULL, read_slowly, &slow);
	for (size_t i = 0; i < 80; i++) {
		for (size_t c = 0; c < sizeof(piece); c++)
			piece[c] = byte_at(i * sizeof(piece) + c);
		inspection_body(slow.inspection, piece, sizeof(piece));
	}
	inspection_finish(slow.inspection);
	assert_int_equal(test_take(slow.inspection, LONG).answer,
			 INSPECTION_DONE);
	pthread_join(thread, NULL);
	assert_int_equal(slow.body, 80 * sizeof(piece));
	assert_int_equal(slow.wrong, 0);
	assert_false(slow.cut);
	inspection_end(slow.inspection);
	close(slow.fd);
	inspector_pool_close(pool);
}

static void body_is_cut_at_the_limit(void **state)
{
	const struct inspection_request small = { .body_limit = 4 };
	struct inspector_pool *pool = inspector_pool_open(1, 1);
	struct test_inspector inspector;
	struct inspection *inspection;
	struct test_facts got;
	enum fact_cause cause;

	(void)state;
	inspector_threads(&inspector, 0, 1);
	inspector_adopt(&inspector, pool);
	inspection = test_begin(pool, &small, 0);
	inspection_body(inspection, "abcdef\0", 7);
	inspection_body(inspection, "gh", 2);
	test_facts_init(&got);
	inspection_wait(inspection, &got.facts, LONG, &cause);
	assert_int_equal(got.facts.fixed[FACT_BODY_SIZE].number, 4);
	assert_int_equal(got.facts.fixed[FACT_BODY_NUL].state, FACT_UNKNOWN);
	assert_int_equal(got.facts.fixed[FACT_BODY_NUL].cause, CAUSE_LIMIT);
	test_facts_done(&got);
	inspection_end(inspection);
	inspector_pool_close(pool);
	inspector_join(&inspector);
}

/* --- leases ------------------------------------------------------------- */

static void no_inspector_is_busy(void **state)
{
	struct inspector_pool *pool = inspector_pool_open(1, 1);

	(void)state;
	assert_null(test_begin(pool, &test_no_body, 0));
	assert_null(test_begin(pool, &test_no_body, 1));
	assert_int_equal(inspector_pool_stats(pool).busy, 2);
	inspector_pool_close(pool);
}

static void *begin_waiting(void *context)
{
	return test_begin(context, &test_no_body, LONG);
}

static void who_waits_is_served(void **state)
{
	struct inspector_pool *pool = inspector_pool_open(1, 1);
	struct test_inspector inspector;
	struct inspection *first, *second;
	pthread_t thread;
	void *got;

	(void)state;
	inspector_threads(&inspector, 0, 1);
	inspector_adopt(&inspector, pool);
	first = test_begin(pool, &test_no_body, 0);
	assert_non_null(first);
	assert_null(test_begin(pool, &test_no_body, 0));
	pthread_create(&thread, NULL, begin_waiting, pool);
	test_say(first, "first", NULL);
	test_answered(first, "first");
	inspection_end(first);
	pthread_join(thread, &got);
	second = got;
	assert_non_null(second);
	test_say(second, "second", NULL);
	test_answered(second, "second");
	inspection_end(second);
	inspector_pool_close(pool);
	inspector_join(&inspector);
}

static void who_waits_gets_a_new_inspector(void **state)
{
	struct inspector_pool *pool = inspector_pool_open(1, 1);
	struct test_inspector inspector;
	struct inspection *inspection;
	pthread_t thread;
	void *got;

	(void)state;
	pthread_create(&thread, NULL, begin_waiting, pool);
	inspector_threads(&inspector, 0, 1);
	inspector_adopt(&inspector, pool);
	pthread_join(thread, &got);
	inspection = got;
	assert_non_null(inspection);
	inspection_end(inspection);
	inspector_pool_close(pool);
	inspector_join(&inspector);
}

static void an_unfinished_message_leaves_no_trace(void **state)
{
	static char value[60000];
	struct inspector_pool *pool = inspector_pool_open(1, 1);
	struct test_inspector inspector;
	struct inspection *inspection;

	(void)state;
	memset(value, 'v', sizeof(value));
	inspector_threads(&inspector, 0, 1);
	inspector_adopt(&inspector, pool);
	inspection = test_begin(pool, &test_no_body, 0);
	for (int i = 0; i < 5; i++) /* some of it is sent, some not */
		inspection_header(inspection, "Subject", 7, value,
				  sizeof(value));
	inspection_end(inspection);
	test_one_message(pool, "next");
	inspection_end(
		test_begin(pool, &test_no_body, LONG)); /* nothing was said */
	test_one_message(pool, "after");
	inspector_pool_close(pool);
	inspector_join(&inspector);
}

static void a_channel_with_an_answer_due_is_not_leased(void **state)
{
	struct inspector_pool *pool = inspector_pool_open(1, 1);
	struct test_inspector inspector;
	struct inspection *inspection;

	(void)state;
	inspector_open(&inspector, 0, 1);
	inspector_adopt(&inspector, pool);
	inspection = test_begin(pool, &test_no_body, 0);
	test_say(inspection, "given up", NULL);
	inspection_end(inspection);
	assert_null(test_begin(pool, &test_no_body, 0));
	assert_int_equal(inspector_pool_stats(pool).leased, 1);
	close(inspector.theirs[0]);
	inspector_pool_close(pool);
}

static void a_late_answer_frees_the_channel(void **state)
{
	struct inspector_pool *pool = inspector_pool_open(1, 1);
	struct test_inspector inspector;
	struct inspection *inspection;

	(void)state;
	inspector_threads(&inspector, 0, 1);
	inspector_adopt(&inspector, pool);
	for (int i = 0; i < 20; i++) {
		inspection = test_begin(pool, &test_no_body, LONG);
		assert_non_null(inspection);
		test_say(inspection, "given up", NULL);
		inspection_end(inspection);
	}
	test_one_message(pool, "mine");
	inspector_pool_close(pool);
	inspector_join(&inspector);
}

/* --- many at once ------------------------------------------------------- */

enum { SESSIONS = 12, MESSAGES = 60 };

static void *session(void *context)
{
	static atomic_int counter;
	struct inspector_pool *pool = context;
	int failures = 0;

	for (int i = 0; i < MESSAGES; i++) {
		struct inspection *inspection =
			test_begin(pool, &test_no_body, LONG);
		char subject[32];
		struct test_outcome outcome;

		snprintf(subject, sizeof(subject), "message %d", counter++);
		test_say(inspection, subject, NULL);
		if (i % 7 != 3) {
			outcome = test_take(inspection, LONG);
			failures += outcome.answer != INSPECTION_DONE ||
				    strcmp(outcome.subject, subject) != 0;
		}
		inspection_end(inspection);
	}
	return (void *)(intptr_t)failures;
}

static void nobody_gets_anothers_facts(void **state)
{
	struct inspector_pool *pool = inspector_pool_open(2, 2);
	struct test_inspector inspectors[2];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		inspector_threads(&inspectors[i], i, 2);
		inspector_adopt(&inspectors[i], pool);
	}
	test_sessions(pool, SESSIONS, session, pool);
	assert_int_equal(inspector_pool_stats(pool).messages,
			 SESSIONS * MESSAGES);
	inspector_pool_close(pool);
	for (unsigned i = 0; i < 2; i++)
		inspector_join(&inspectors[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(facts_arrive),
		cmocka_unit_test(large_messages_stream),
		cmocka_unit_test(what_fills_the_arena_is_no_crash),
		cmocka_unit_test(a_signed_body_goes_over_whole),
		cmocka_unit_test(body_is_cut_at_the_limit),
		cmocka_unit_test(no_inspector_is_busy),
		cmocka_unit_test(who_waits_is_served),
		cmocka_unit_test(who_waits_gets_a_new_inspector),
		cmocka_unit_test(an_unfinished_message_leaves_no_trace),
		cmocka_unit_test(a_channel_with_an_answer_due_is_not_leased),
		cmocka_unit_test(a_late_answer_frees_the_channel),
		cmocka_unit_test(nobody_gets_anothers_facts),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
