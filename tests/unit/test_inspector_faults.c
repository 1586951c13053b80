/*
 * test_inspector_faults.c - inspectors that hang, lie and die.
 *
 * The readers behind the channels obey X-Test-Fault (message_test.h).
 */
#include "filter/inspector.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
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

/* --- real processes ----------------------------------------------------- */

/*
 * The message goes in, the inspector dies, the session lives; the one after it
 * is read by a new inspector.  All inspectors are forked before there are
 * threads.
 */
static void deaths(const char *fault, int signal, enum fact_cause cause)
{
	enum { COUNT = 4 };
	struct test_inspector inspectors[COUNT];
	struct inspector_pool *pool;
	struct inspection *inspection, *neighbour;
	struct test_hangs hangs = { .kill = true };

	for (unsigned i = 0; i < COUNT; i++)
		inspector_process(&inspectors[i], i, 2);
	pool = inspector_pool_open(1, 2);
	inspector_pool_on_hang(pool, test_on_hang, &hangs);
	for (unsigned i = 0; i < COUNT - 1; i++) {
		inspector_adopt(&inspectors[i], pool);
		test_one_message(pool, "harmless");
		if (signal == SIGKILL)
			inspector_pool_set_timeout(pool, SHORT);
		inspection = test_begin(pool, &test_no_body, 0);
		neighbour = test_begin(pool, &test_no_body, 0);
		test_say(inspection, "deadly", fault);
		test_lost(inspection, cause);
		inspection_end(inspection);
		inspector_bury(&inspectors[i], pool);
		test_lost(neighbour, CAUSE_CRASHED);
		inspection_end(neighbour);
		inspector_pool_set_timeout(pool, LONG);
	}
	/* It has killed three times: the fourth inspector never sees it. */
	inspector_adopt(&inspectors[COUNT - 1], pool);
	inspection = test_begin(pool, &test_no_body, 0);
	test_say(inspection, "deadly", fault);
	test_lost(inspection, CAUSE_CRASHED);
	inspection_end(inspection);
	test_one_message(pool, "harmless");
	assert_int_equal(inspector_pool_stats(pool).refused_inputs, 1);
	assert_int_equal(inspector_pool_stats(pool).crashes +
				 inspector_pool_stats(pool).hangs,
			 COUNT - 1);
	inspector_pool_close(pool);
	assert_int_equal(waitpid(inspectors[COUNT - 1].pid, NULL, 0),
			 inspectors[COUNT - 1].pid);
}

static void a_crash_is_survived(void **state)
{
	(void)state;
	deaths(" crash", SIGSEGV, CAUSE_CRASHED);
}

static void an_abort_is_survived(void **state)
{
	(void)state;
	deaths(" abort", SIGABRT, CAUSE_CRASHED);
}

static void a_breakout_is_survived(void **state)
{
	(void)state;
	deaths(" escape", SIGSYS, CAUSE_CRASHED);
}

static void an_exit_is_survived(void **state)
{
	(void)state;
	deaths(" exit", 0, CAUSE_CRASHED);
}

static void a_loop_is_survived(void **state)
{
	(void)state;
	deaths(" hang", SIGKILL, CAUSE_TIMEOUT);
}

static void garbage_is_survived(void **state)
{
	(void)state;
	deaths(" garbage", SIGKILL, CAUSE_CRASHED);
}

static void stop(const struct test_inspector *inspector)
{
	int status;

	kill(inspector->pid, SIGSTOP);
	assert_int_equal(waitpid(inspector->pid, &status, WUNTRACED),
			 inspector->pid);
	assert_true(WIFSTOPPED(status));
}

/* An operator's kill is nobody's fault: nothing is remembered. */
static void a_kill_is_not_remembered(void **state)
{
	enum { COUNT = 5 };
	struct test_inspector inspectors[COUNT];
	struct inspector_pool *pool;
	struct inspection *inspection;

	(void)state;
	for (unsigned i = 0; i < COUNT; i++)
		inspector_process(&inspectors[i], i, 2);
	pool = inspector_pool_open(1, 2);
	for (unsigned i = 0; i < COUNT - 1; i++) {
		inspector_adopt(&inspectors[i], pool);
		test_one_message(pool, "same");
		stop(&inspectors[i]);
		inspection = test_begin(pool, &test_no_body, 0);
		test_say(inspection, "same", NULL);
		kill(inspectors[i].pid, SIGKILL);
		inspector_bury(&inspectors[i], pool);
		test_lost(inspection, CAUSE_CRASHED);
		inspection_end(inspection);
	}
	inspector_adopt(&inspectors[COUNT - 1], pool);
	test_one_message(pool, "same");
	assert_int_equal(inspector_pool_stats(pool).crashes, COUNT - 1);
	inspector_pool_close(pool);
	waitpid(inspectors[COUNT - 1].pid, NULL, 0);
}

static void a_stop_is_a_hang(void **state)
{
	struct test_inspector inspectors[2];
	struct inspector_pool *pool;
	struct inspection *inspection;
	struct test_hangs hangs = { .kill = true };

	(void)state;
	inspector_process(&inspectors[0], 0, 2);
	inspector_process(&inspectors[1], 1, 2);
	pool = inspector_pool_open(1, 2);
	inspector_pool_on_hang(pool, test_on_hang, &hangs);
	inspector_adopt(&inspectors[0], pool);
	test_one_message(pool, "before");
	inspector_pool_set_timeout(pool, SHORT);
	stop(&inspectors[0]);
	inspection = test_begin(pool, &test_no_body, 0);
	test_say(inspection, "during", NULL);
	test_lost(inspection, CAUSE_TIMEOUT);
	inspection_end(inspection);
	inspector_pool_set_timeout(pool, LONG);
	inspector_bury(&inspectors[0], pool);
	inspector_adopt(&inspectors[1], pool);
	test_one_message(pool, "after");
	inspector_pool_close(pool);
	waitpid(inspectors[1].pid, NULL, 0);
}

/* --- what inspectors do wrong ------------------------------------------- */

static void silence_is_a_hang(void **state)
{
	struct inspector_pool *pool = inspector_pool_open(1, 2);
	struct test_inspector inspector;
	struct inspection *asked, *neighbour;
	struct test_hangs hangs = { 0 };

	(void)state;
	inspector_open(&inspector, 7, 2);
	inspector_pool_on_hang(pool, test_on_hang, &hangs);
	inspector_pool_set_timeout(pool, SHORT);
	inspector_adopt(&inspector, pool);
	asked = test_begin(pool, &test_no_body, 0);
	neighbour = test_begin(pool, &test_no_body, 0);
	test_say(asked, "no answer", NULL);
	assert_int_equal(test_take(asked, 1).answer, INSPECTION_WAITING);
	test_lost(asked, CAUSE_TIMEOUT);
	/* Whoever has not asked yet learns when the inspector is dead. */
	assert_null(test_begin(pool, &test_no_body, 0));
	test_await_hang(&hangs); /* of one that is gone nobody would be told */
	inspector_pool_gone(pool, 7, inspector.pid, SIGKILL);
	test_lost(neighbour, CAUSE_CRASHED);
	assert_int_equal(hangs.number, 7);
	assert_int_equal(hangs.pid, inspector.pid);
	assert_int_equal(inspector_pool_stats(pool).hangs, 1);
	assert_int_equal(inspector_pool_stats(pool).alive, 0);
	inspection_end(asked);
	inspection_end(neighbour);
	close(inspector.theirs[0]);
	close(inspector.theirs[1]);
	inspector_pool_close(pool);
}

/*
 * A session waits a moment for one that reads nothing; it is overdue in time.
 */
static void not_reading_is_a_hang(void **state)
{
	static char piece[65535];
	struct inspector_pool *pool = inspector_pool_open(1, 1);
	const struct inspection_request huge = { .body_limit = 1 << 30 };
	struct test_inspector inspector;
	struct inspection *inspection;
	struct test_hangs hangs = { 0 };
	struct test_outcome outcome;

	(void)state;
	inspector_open(&inspector, 0, 1);
	pool->stall_wait = SHORT;
	inspector_pool_on_hang(pool, test_on_hang, &hangs);
	inspector_adopt(&inspector, pool);
	inspection = test_begin(pool, &huge, 0);
	for (int i = 0; i < 100; i++)
		inspection_body(inspection, piece, sizeof(piece));
	outcome = test_take(inspection, LONG);
	assert_int_equal(outcome.answer, INSPECTION_LOST);
	assert_int_equal(outcome.cause, CAUSE_BUSY);
	inspection_end(inspection);

	inspector_pool_set_timeout(pool, SHORT);
	inspection = test_begin(pool, &huge, LONG);
	for (int i = 0; i < 8; i++)
		inspection_body(inspection, piece, sizeof(piece));
	test_lost(inspection, CAUSE_TIMEOUT);
	inspection_end(inspection);
	close(inspector.theirs[0]);
	inspector_pool_close(pool);
}

/* What a taken-over inspector might answer; `number` is that of the message. */
struct lie {
	const char *claim;
	uint64_t number;
	uint8_t flags;
	uint16_t id;
	uint8_t state, cause;
	uint32_t want;
	const char *value;
	size_t len;
};
#define LIE(text) text, sizeof(text) - 1

static const struct lie lies[] = {
	{ "another message's", 2, 1, FACT_HEADER_8BIT, 1, 0, 0, LIE("\0") },
	{ "an unknown packet flag", 1, 3, FACT_HEADER_8BIT, 1, 0, 0,
	  LIE("\0") },
	{ "a fact of the filter's", 1, 1, FACT_CLIENT_AUTH, 1, 0, 0,
	  LIE("\1") },
	{ "a fact that is not due", 1, 1, FACT_DKIM, 1, 0, 0, LIE("\0\0") },
	{ "one of the envelope's", 1, 1, FACT_SPF, 1, 0, 0, LIE("\0\0") },
	{ "one of a body not read", 1, 1, FACT_BODY_NUL, 1, 0, 0, LIE("\0") },
	{ "a fact nobody knows", 1, 1, FACT_ID_COUNT, 1, 0, 0, LIE("\0") },
	{ "a slot not asked for", 1, 1, FACT_HEADER, 2, 0, 3, "", 0 },
	{ "a slot of the other kind", 1, 1, FACT_HEADER_RAW, 2, 0, 0, "", 0 },
	{ "a DNS list", 1, 1, FACT_DNSBL, 2, 0, 0, "", 0 },
	{ "a fixed fact with a slot", 1, 1, FACT_HEADER_8BIT, 1, 0, 1,
	  LIE("\0") },
	{ "a state nobody knows", 1, 1, FACT_HEADER_8BIT, 9, 0, 0, "", 0 },
	{ "pending", 1, 1, FACT_HEADER_8BIT, 0, 0, 0, "", 0 },
	{ "a cause nobody knows", 1, 1, FACT_HEADER_8BIT, 3, 99, 0, "", 0 },
	{ "bool 2", 1, 1, FACT_HEADER_8BIT, 1, 0, 0, LIE("\2") },
	{ "a number too short", 1, 1, FACT_FROM_COUNT, 1, 0, 0, LIE("\0") },
	{ "a number too long", 1, 1, FACT_FROM_COUNT, 1, 0, 0,
	  LIE("123456789") },
	{ "none with a value", 1, 1, FACT_FROM_COUNT, 2, 0, 0, LIE("x") },
	{ "a set of none", 1, 1, FACT_FROM_DOMAIN, 1, 0, 0, LIE("\0\0\0\0") },
	{ "a set of too many", 1, 1, FACT_FROM_DOMAIN, 1, 0, 0,
	  LIE("\377\377\377\377") },
	{ "a set that stays short", 1, 1, FACT_FROM_DOMAIN, 1, 0, 0,
	  LIE("\2\0\0\0\1\0x") },
	{ "a set that is longer", 1, 1, FACT_FROM_DOMAIN, 1, 0, 0,
	  LIE("\1\0\0\0\1\0x\1\0y") },
	{ "a value past the end", 1, 1, FACT_FROM_DOMAIN, 1, 0, 0,
	  LIE("\1\0\0\0\5\0x") },
};

static void tell(int fd, const struct lie *lie)
{
	unsigned char bytes[256];
	unsigned char payload[64];
	struct packet packet = { .bytes = bytes, .room = sizeof(bytes) };
	struct pen pen = { .at = payload, .room = sizeof(payload) };

	packet_begin(&packet, lie->number);
	bytes[1] = lie->flags;
	pen_u16(&pen, lie->id);
	pen_u8(&pen, lie->state);
	pen_u8(&pen, lie->cause);
	pen_u32(&pen, lie->want);
	pen_bytes(&pen, lie->value, lie->len);
	packet_put(&packet, CHANNEL_FACT, 0, payload, pen.used);
	assert_int_equal(send(fd, bytes, packet.used, 0), packet.used);
}

static void a_lie_is_not_believed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct inspector_pool *pool = inspector_pool_open(1, 1);
		struct test_inspector inspector;
		struct inspection *inspection;
		struct test_hangs hangs = { 0 };

		inspector_open(&inspector, 0, 1);
		inspector_pool_on_hang(pool, test_on_hang, &hangs);
		inspector_adopt(&inspector, pool);
		inspection = test_begin(pool, &test_no_body, 0);
		test_say(inspection, "x", NULL);
		tell(inspector.theirs[0], &lies[i]);
		if (test_take(inspection, LONG).answer != INSPECTION_LOST)
			fail_msg("believed: %s", lies[i].claim);
		test_lost(inspection, CAUSE_CRASHED);
		inspection_end(inspection);
		assert_null(test_begin(pool, &test_no_body, 0));
		close(inspector.theirs[0]);
		inspector_pool_close(pool);
		test_await_hang(&hangs);
	}
}

static void a_word_before_the_end_is_a_lie(void **state)
{
	const struct lie truth = { "", 1, 1, FACT_HEADER_8BIT,
				   1,  0, 0, LIE("\0") };
	struct inspector_pool *pool = inspector_pool_open(1, 1);
	struct test_inspector inspector;
	struct inspection *inspection;

	(void)state;
	inspector_open(&inspector, 0, 1);
	inspector_adopt(&inspector, pool);
	inspection = test_begin(pool, &test_no_body, 0);
	tell(inspector.theirs[0], &truth);
	/* The I/O thread gives up on it; nothing is leased any more. */
	while (inspector_pool_stats(pool).hangs == 0)
		sched_yield();
	test_say(inspection, "x", NULL);
	test_lost(inspection, CAUSE_CRASHED);
	inspection_end(inspection);
	close(inspector.theirs[0]);
	inspector_pool_close(pool);
}

/*
 * An answer that comes while the end of the message still waits for room.  In
 * truth it comes between two locks of flush(); here the state is set.
 */
static void an_answer_before_the_question_is_a_lie(void **state)
{
	static char piece[65535];
	struct inspector_pool *pool = inspector_pool_open(1, 1);
	const struct inspection_request huge = { .body_limit = 1 << 30 };
	struct test_inspector inspector;
	struct inspection *inspection;

	(void)state;
	inspector_open(&inspector, 0, 1);
	inspector_adopt(&inspector, pool);
	inspection = test_begin(pool, &huge, 0);
	for (int i = 0; i < 8; i++)
		inspection_body(inspection, piece, sizeof(piece));
	pthread_mutex_lock(&pool->lock);
	assert_true(inspection->out.bytes > 0);
	inspection->state = INSPECTION_ANSWERED;
	pool_clear_deadline(inspection);
	pthread_mutex_unlock(&pool->lock);
	for (int i = 0; i < 40; i++) /* more than there is room for */
		inspection_body(inspection, piece, sizeof(piece));
	assert_null(pool->soonest);
	test_lost(inspection, CAUSE_CRASHED);
	assert_int_equal(inspector_pool_stats(pool).hangs, 1);
	inspection_end(inspection);
	close(inspector.theirs[0]);
	inspector_pool_close(pool);
}

/* The I/O thread would look at it for ever, with the lock in its hand. */
static void what_failed_has_no_deadline(void **state)
{
	static const enum inspection_state states[] = { INSPECTION_OPEN,
							INSPECTION_ASKED,
							INSPECTION_ANSWERED,
							INSPECTION_FAILED };

	(void)state;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		struct inspector_pool *pool = inspector_pool_open(1, 1);
		struct test_inspector inspector;
		struct inspection *inspection;

		inspector_open(&inspector, 0, 1);
		inspector_adopt(&inspector, pool);
		inspection = test_begin(pool, &test_no_body, 0);
		pthread_mutex_lock(&pool->lock);
		inspection->state = states[i];
		pool_set_deadline(inspection);
		assert_ptr_equal(pool->soonest, inspection);
		pool_fail(inspection, CAUSE_TIMEOUT);
		assert_null(pool->soonest);
		pthread_mutex_unlock(&pool->lock);
		inspection_end(inspection);
		close(inspector.theirs[0]);
		inspector_pool_close(pool);
	}
}

static void facts_left_out_are_unknown(void **state)
{
	const struct lie truth = { "", 1, 1, FACT_HEADER_8BIT,
				   1,  0, 0, LIE("\0") };
	struct inspector_pool *pool = inspector_pool_open(1, 1);
	struct test_inspector inspector;
	struct inspection *inspection;
	struct test_outcome outcome;

	(void)state;
	inspector_open(&inspector, 0, 1);
	inspector_adopt(&inspector, pool);
	inspection = test_begin(pool, &test_no_body, 0);
	test_say(inspection, "x", NULL);
	tell(inspector.theirs[0], &truth);
	outcome = test_take(inspection, LONG);
	assert_int_equal(outcome.answer, INSPECTION_DONE);
	assert_int_equal(outcome.from, FACT_UNKNOWN);
	assert_int_equal(outcome.body, FACT_PENDING);
	inspection_end(inspection);
	close(inspector.theirs[0]);
	inspector_pool_close(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_crash_is_survived),
		cmocka_unit_test(an_abort_is_survived),
		cmocka_unit_test(a_breakout_is_survived),
		cmocka_unit_test(an_exit_is_survived),
		cmocka_unit_test(a_loop_is_survived),
		cmocka_unit_test(garbage_is_survived),
		cmocka_unit_test(a_kill_is_not_remembered),
		cmocka_unit_test(a_stop_is_a_hang),
		cmocka_unit_test(silence_is_a_hang),
		cmocka_unit_test(not_reading_is_a_hang),
		cmocka_unit_test(a_lie_is_not_believed),
		cmocka_unit_test(a_word_before_the_end_is_a_lie),
		cmocka_unit_test(an_answer_before_the_question_is_a_lie),
		cmocka_unit_test(what_failed_has_no_deadline),
		cmocka_unit_test(facts_left_out_are_unknown),
	};

	int failed;

	signal(SIGPIPE, SIG_IGN);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	test_finishes = false;
	return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
