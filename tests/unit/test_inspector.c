/*
 * test_inspector.c - the pool: leases, answers, and everything that goes wrong.
 *
 * The readers behind the channels obey X-Test-Fault (message_test.h).
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
#include "filter/inspect/message.h"
#include "filter/inspector_pool.h"
#include "tests/unit/inspectors.h"

enum { LONG = 20000, SHORT = 100 }; /* ms */

static const struct inspection_request no_body = { .arrival = 1000 };
static const struct inspection_request with_body = { .arrival = 1000,
						     .body_limit = 1000000 };

static struct inspection *begin(struct inspector_pool *pool,
				const struct inspection_request *request,
				unsigned wait_ms)
{
	struct inspection_request r = *request;
	enum fact_cause cause;

	r.rules = test_rules;
	return inspection_begin(pool, &r, wait_ms, &cause);
}

static void header(struct inspection *inspection, const char *name,
		   const char *value)
{
	inspection_header(inspection, name, strlen(name), value, strlen(value));
}

/* A message with this Subject and, if not NULL, this fault. */
static void say(struct inspection *inspection, const char *subject,
		const char *fault)
{
	header(inspection, "From", " Ann <ann@example.org>");
	header(inspection, "Subject", subject);
	if (fault != NULL)
		header(inspection, "X-Test-Fault", fault);
	inspection_finish(inspection);
}

struct outcome {
	enum inspection_answer answer;
	enum fact_cause cause;
	char subject[64]; /* "" if not known */
	enum fact_state from, body, slot;
};

static struct outcome take(struct inspection *inspection, unsigned wait_ms)
{
	struct outcome outcome = { .cause = CAUSE_UNSTATED };
	struct test_facts got;
	const struct fact *subject;

	test_facts_init(&got);
	outcome.answer = inspection_wait(inspection, &got.facts, wait_ms,
					 &outcome.cause);
	subject = &got.facts.fixed[FACT_SUBJECT];
	if (subject->state == FACT_KNOWN)
		snprintf(outcome.subject, sizeof(outcome.subject), "%.*s",
			 (int)subject->text.len, subject->text.at);
	outcome.from = got.facts.fixed[FACT_FROM_DOMAIN].state;
	outcome.body = got.facts.fixed[FACT_BODY_SIZE].state;
	outcome.slot = got.facts.slots[SLOT_SUBJECT].state;
	test_facts_done(&got);
	return outcome;
}

static void assert_answered(struct inspection *inspection, const char *subject)
{
	struct outcome outcome = take(inspection, LONG);

	assert_int_equal(outcome.answer, INSPECTION_DONE);
	assert_string_equal(outcome.subject, subject);
	assert_int_equal(outcome.from, FACT_KNOWN);
	assert_int_equal(outcome.slot, FACT_KNOWN);
}

static void assert_lost(struct inspection *inspection, enum fact_cause cause)
{
	struct outcome outcome = take(inspection, LONG);

	assert_int_equal(outcome.answer, INSPECTION_LOST);
	assert_int_equal(outcome.cause, cause);
	assert_int_equal(outcome.from, FACT_UNKNOWN);
	assert_int_equal(outcome.slot, FACT_UNKNOWN);
}

static void one_message(struct inspector_pool *pool, const char *subject)
{
	struct inspection *inspection = begin(pool, &no_body, LONG);

	assert_non_null(inspection);
	say(inspection, subject, NULL);
	assert_answered(inspection, subject);
	inspection_end(inspection);
}

/* --- hangs are told ----------------------------------------------------- */

struct hangs {
	atomic_int count;
	atomic_uint number;
	atomic_int pid;
	bool kill;
};

static void on_hang(void *context, unsigned number, pid_t pid)
{
	struct hangs *hangs = context;

	hangs->number = number;
	hangs->pid = pid;
	if (hangs->kill)
		kill(pid, SIGKILL);
	hangs->count++;
}

/* The I/O thread tells it in its own time, before or after the waiter wakes. */
static void await_hang(struct hangs *hangs)
{
	while (hangs->count == 0)
		sched_yield();
	assert_int_equal(hangs->count, 1);
}

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
	inspection = begin(pool, &with_body, 0);
	assert_non_null(inspection);
	header(inspection, "from", " =?utf-8?q?J=C3=BCrg?= <j@Example.ORG>");
	header(inspection, "Subject", " one\n two");
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
	struct outcome outcome;
	const struct inspection_request large = { .body_limit = 3 << 20 };

	(void)state;
	memset(value, 'v', sizeof(value));
	memset(piece, 'b', sizeof(piece));
	inspector_threads(&inspector, 0, 1);
	inspector_adopt(&inspector, pool);
	for (int round = 0; round < 3; round++) {
		inspection = begin(pool, &large, LONG);
		for (int i = 0; i < 3; i++)
			inspection_header(inspection, "List-Id", 7, value,
					  sizeof(value));
		for (int i = 0; i < 10; i++)
			inspection_body(inspection, piece, sizeof(piece));
		say(inspection, "late", NULL);
		outcome = take(inspection, LONG);
		assert_int_equal(outcome.answer, INSPECTION_DONE);
		assert_string_equal(outcome.subject, "late");
		inspection_end(inspection);
	}
	inspector_pool_close(pool);
	inspector_join(&inspector);
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
	inspection = begin(pool, &small, 0);
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
	assert_null(begin(pool, &no_body, 0));
	assert_null(begin(pool, &no_body, 1));
	assert_int_equal(inspector_pool_stats(pool).busy, 2);
	inspector_pool_close(pool);
}

static void *begin_waiting(void *context)
{
	return begin(context, &no_body, LONG);
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
	first = begin(pool, &no_body, 0);
	assert_non_null(first);
	assert_null(begin(pool, &no_body, 0));
	pthread_create(&thread, NULL, begin_waiting, pool);
	say(first, "first", NULL);
	assert_answered(first, "first");
	inspection_end(first);
	pthread_join(thread, &got);
	second = got;
	assert_non_null(second);
	say(second, "second", NULL);
	assert_answered(second, "second");
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
	inspection = begin(pool, &no_body, 0);
	for (int i = 0; i < 5; i++) /* some of it is sent, some not */
		inspection_header(inspection, "Subject", 7, value,
				  sizeof(value));
	inspection_end(inspection);
	one_message(pool, "next");
	inspection_end(begin(pool, &no_body, LONG)); /* nothing was said */
	one_message(pool, "after");
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
	inspection = begin(pool, &no_body, 0);
	say(inspection, "given up", NULL);
	inspection_end(inspection);
	assert_null(begin(pool, &no_body, 0));
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
		inspection = begin(pool, &no_body, LONG);
		assert_non_null(inspection);
		say(inspection, "given up", NULL);
		inspection_end(inspection);
	}
	one_message(pool, "mine");
	inspector_pool_close(pool);
	inspector_join(&inspector);
}

/* --- what inspectors do wrong ------------------------------------------- */

static void silence_is_a_hang(void **state)
{
	struct inspector_pool *pool = inspector_pool_open(1, 2);
	struct test_inspector inspector;
	struct inspection *asked, *neighbour;
	struct hangs hangs = { 0 };

	(void)state;
	inspector_open(&inspector, 7, 2);
	inspector_pool_on_hang(pool, on_hang, &hangs);
	inspector_pool_set_timeout(pool, SHORT);
	inspector_adopt(&inspector, pool);
	asked = begin(pool, &no_body, 0);
	neighbour = begin(pool, &no_body, 0);
	say(asked, "no answer", NULL);
	assert_int_equal(take(asked, 1).answer, INSPECTION_WAITING);
	assert_lost(asked, CAUSE_TIMEOUT);
	/* Whoever has not asked yet learns when the inspector is dead. */
	assert_null(begin(pool, &no_body, 0));
	inspector_pool_gone(pool, 7, inspector.pid, SIGKILL);
	assert_lost(neighbour, CAUSE_CRASHED);
	await_hang(&hangs);
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

/* A session never blocks on one that reads nothing; it is overdue in time. */
static void not_reading_is_a_hang(void **state)
{
	static char piece[65535];
	struct inspector_pool *pool = inspector_pool_open(1, 1);
	const struct inspection_request huge = { .body_limit = 1 << 30 };
	struct test_inspector inspector;
	struct inspection *inspection;
	struct hangs hangs = { 0 };
	struct outcome outcome;

	(void)state;
	inspector_open(&inspector, 0, 1);
	inspector_pool_on_hang(pool, on_hang, &hangs);
	inspector_adopt(&inspector, pool);
	inspection = begin(pool, &huge, 0);
	for (int i = 0; i < 100; i++)
		inspection_body(inspection, piece, sizeof(piece));
	outcome = take(inspection, LONG);
	assert_int_equal(outcome.answer, INSPECTION_LOST);
	assert_int_equal(outcome.cause, CAUSE_BUSY);
	inspection_end(inspection);

	inspector_pool_set_timeout(pool, SHORT);
	inspection = begin(pool, &huge, LONG);
	for (int i = 0; i < 8; i++)
		inspection_body(inspection, piece, sizeof(piece));
	assert_lost(inspection, CAUSE_TIMEOUT);
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
	{ "a fact not built", 1, 1, FACT_DKIM, 1, 0, 0, LIE("\0\0") },
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
		struct hangs hangs = { 0 };

		inspector_open(&inspector, 0, 1);
		inspector_pool_on_hang(pool, on_hang, &hangs);
		inspector_adopt(&inspector, pool);
		inspection = begin(pool, &no_body, 0);
		say(inspection, "x", NULL);
		tell(inspector.theirs[0], &lies[i]);
		if (take(inspection, LONG).answer != INSPECTION_LOST)
			fail_msg("believed: %s", lies[i].claim);
		assert_lost(inspection, CAUSE_CRASHED);
		inspection_end(inspection);
		assert_null(begin(pool, &no_body, 0));
		close(inspector.theirs[0]);
		inspector_pool_close(pool);
		await_hang(&hangs);
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
	inspection = begin(pool, &no_body, 0);
	tell(inspector.theirs[0], &truth);
	/* The I/O thread gives up on it; nothing is leased any more. */
	while (inspector_pool_stats(pool).hangs == 0)
		sched_yield();
	say(inspection, "x", NULL);
	assert_lost(inspection, CAUSE_CRASHED);
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
	inspection = begin(pool, &huge, 0);
	for (int i = 0; i < 8; i++)
		inspection_body(inspection, piece, sizeof(piece));
	pthread_mutex_lock(&pool->lock);
	assert_true(inspection->out.bytes > 0);
	inspection->state = INSPECTION_ANSWERED;
	pool_clear_deadline(inspection);
	pthread_mutex_unlock(&pool->lock);
	for (int i = 0; i < 2; i++)
		inspection_body(inspection, piece, sizeof(piece));
	assert_null(pool->soonest);
	assert_lost(inspection, CAUSE_CRASHED);
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
		inspection = begin(pool, &no_body, 0);
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
	struct outcome outcome;

	(void)state;
	inspector_open(&inspector, 0, 1);
	inspector_adopt(&inspector, pool);
	inspection = begin(pool, &no_body, 0);
	say(inspection, "x", NULL);
	tell(inspector.theirs[0], &truth);
	outcome = take(inspection, LONG);
	assert_int_equal(outcome.answer, INSPECTION_DONE);
	assert_int_equal(outcome.from, FACT_UNKNOWN);
	assert_int_equal(outcome.body, FACT_PENDING);
	inspection_end(inspection);
	close(inspector.theirs[0]);
	inspector_pool_close(pool);
}

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
	struct hangs hangs = { .kill = true };

	for (unsigned i = 0; i < COUNT; i++)
		inspector_process(&inspectors[i], i, 2);
	pool = inspector_pool_open(1, 2);
	inspector_pool_on_hang(pool, on_hang, &hangs);
	for (unsigned i = 0; i < COUNT - 1; i++) {
		inspector_adopt(&inspectors[i], pool);
		one_message(pool, "harmless");
		if (signal == SIGKILL)
			inspector_pool_set_timeout(pool, SHORT);
		inspection = begin(pool, &no_body, 0);
		neighbour = begin(pool, &no_body, 0);
		say(inspection, "deadly", fault);
		assert_lost(inspection, cause);
		inspection_end(inspection);
		inspector_bury(&inspectors[i], pool);
		assert_lost(neighbour, CAUSE_CRASHED);
		inspection_end(neighbour);
		inspector_pool_set_timeout(pool, LONG);
	}
	/* It has killed three times: the fourth inspector never sees it. */
	inspector_adopt(&inspectors[COUNT - 1], pool);
	inspection = begin(pool, &no_body, 0);
	say(inspection, "deadly", fault);
	assert_lost(inspection, CAUSE_CRASHED);
	inspection_end(inspection);
	one_message(pool, "harmless");
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
		one_message(pool, "same");
		stop(&inspectors[i]);
		inspection = begin(pool, &no_body, 0);
		say(inspection, "same", NULL);
		kill(inspectors[i].pid, SIGKILL);
		inspector_bury(&inspectors[i], pool);
		assert_lost(inspection, CAUSE_CRASHED);
		inspection_end(inspection);
	}
	inspector_adopt(&inspectors[COUNT - 1], pool);
	one_message(pool, "same");
	assert_int_equal(inspector_pool_stats(pool).crashes, COUNT - 1);
	inspector_pool_close(pool);
	waitpid(inspectors[COUNT - 1].pid, NULL, 0);
}

static void a_stop_is_a_hang(void **state)
{
	struct test_inspector inspectors[2];
	struct inspector_pool *pool;
	struct inspection *inspection;
	struct hangs hangs = { .kill = true };

	(void)state;
	inspector_process(&inspectors[0], 0, 2);
	inspector_process(&inspectors[1], 1, 2);
	pool = inspector_pool_open(1, 2);
	inspector_pool_on_hang(pool, on_hang, &hangs);
	inspector_adopt(&inspectors[0], pool);
	one_message(pool, "before");
	inspector_pool_set_timeout(pool, SHORT);
	stop(&inspectors[0]);
	inspection = begin(pool, &no_body, 0);
	say(inspection, "during", NULL);
	assert_lost(inspection, CAUSE_TIMEOUT);
	inspection_end(inspection);
	inspector_pool_set_timeout(pool, LONG);
	inspector_bury(&inspectors[0], pool);
	inspector_adopt(&inspectors[1], pool);
	one_message(pool, "after");
	inspector_pool_close(pool);
	waitpid(inspectors[1].pid, NULL, 0);
}

/* --- many at once ------------------------------------------------------- */

enum { SESSIONS = 12, MESSAGES = 60 };

static void *session(void *context)
{
	static atomic_int counter;
	struct inspector_pool *pool = context;
	int failures = 0;

	for (int i = 0; i < MESSAGES; i++) {
		struct inspection *inspection = begin(pool, &no_body, LONG);
		char subject[32];
		struct outcome outcome;

		snprintf(subject, sizeof(subject), "message %d", counter++);
		say(inspection, subject, NULL);
		if (i % 7 != 3) {
			outcome = take(inspection, LONG);
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
	pthread_t threads[SESSIONS];
	void *failures;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		inspector_threads(&inspectors[i], i, 2);
		inspector_adopt(&inspectors[i], pool);
	}
	for (int i = 0; i < SESSIONS; i++)
		pthread_create(&threads[i], NULL, session, pool);
	for (int i = 0; i < SESSIONS; i++) {
		pthread_join(threads[i], &failures);
		assert_int_equal((intptr_t)failures, 0);
	}
	while (inspector_pool_stats(pool).leased > 0)
		sched_yield(); /* given-up ones are still being answered */
	assert_int_equal(inspector_pool_stats(pool).messages,
			 SESSIONS * MESSAGES);
	inspector_pool_close(pool);
	for (unsigned i = 0; i < 2; i++)
		inspector_join(&inspectors[i]);
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
		cmocka_unit_test(facts_arrive),
		cmocka_unit_test(large_messages_stream),
		cmocka_unit_test(body_is_cut_at_the_limit),
		cmocka_unit_test(no_inspector_is_busy),
		cmocka_unit_test(who_waits_is_served),
		cmocka_unit_test(who_waits_gets_a_new_inspector),
		cmocka_unit_test(an_unfinished_message_leaves_no_trace),
		cmocka_unit_test(a_channel_with_an_answer_due_is_not_leased),
		cmocka_unit_test(a_late_answer_frees_the_channel),
		cmocka_unit_test(silence_is_a_hang),
		cmocka_unit_test(not_reading_is_a_hang),
		cmocka_unit_test(a_lie_is_not_believed),
		cmocka_unit_test(a_word_before_the_end_is_a_lie),
		cmocka_unit_test(an_answer_before_the_question_is_a_lie),
		cmocka_unit_test(what_failed_has_no_deadline),
		cmocka_unit_test(facts_left_out_are_unknown),
		cmocka_unit_test(nobody_gets_anothers_facts),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
