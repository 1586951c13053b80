/*
 * test_inspector_envelope.c - envelopes and messages, all the way: a session,
 * the pool, an inspector that asks, and a world of DNS.
 *
 * Inspectors obey a HELO of x-test-fault (message_test.h).
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
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "filter/inspect/channel.h"
#include "filter/resolver.h"
#include "tests/unit/inspections.h"

static const char world[] =
	"$ORIGIN test.\n"
	"pass TXT \"v=spf1 ip4:192.0.2.1 -all\"\n"
	"many TXT \"v=spf1 a:a1.test a:a2.test mx:slow.test include:pass.test "
	"?all\"\n"
	"a1 A 198.51.100.1\n"
	"a2 A 198.51.100.2\n"
	"slow MX 10 a1\n"
	"slow DELAY 40ms\n"
	"silent TIMEOUT\n"
	"broken SERVFAIL\n"
	"why TXT \"v=spf1 -all exp=exp.test\"\n"
	"exp TXT \"not from %{i}\"\n";

static const struct row {
	const char *claim, *client, *helo, *sender;
	const char *spf, *of_helo; /* "none" is none */
} rows[] = {
	{ "the sender's network", "192.0.2.1", "pass.test", "u@pass.test",
	  "pass", "pass" },
	{ "another network", "192.0.2.2", "nowhere.test", "u@pass.test", "fail",
	  "none" },
	{ "no record", "192.0.2.1", "nowhere.test", "u@nowhere.test", "none",
	  "none" },
	{ "a null sender is HELO's", "192.0.2.1", "pass.test", "", "pass",
	  "pass" },
	{ "several questions", "192.0.2.1", "many.test", "u@many.test", "pass",
	  "pass" },
	{ "several questions, in vain", "192.0.2.9", NULL, "u@many.test",
	  "neutral", "none" },
	{ "servers that fail", "192.0.2.1", "pass.test", "u@broken.test",
	  "temperror", "pass" },
	{ "an explanation", "192.0.2.1", "pass.test", "u@why.test", "fail",
	  "pass" },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static struct inspection *begin_row(struct inspector_pool *pool,
				    const struct row *row,
				    struct resolver *resolver, unsigned dns_ms)
{
	struct inspection_envelope envelope = {
		.spf = { .helo = row->helo,
			 .sender = row->sender,
			 .receiver = "mx.test",
			 .now = 1000 },
		.resolver = resolver,
		.dns_ms = dns_ms,
	};
	enum fact_cause cause;

	assert_int_equal(ip_parse(row->client, strlen(row->client),
				  &envelope.spf.client),
			 0);
	return inspection_begin_envelope(pool, &envelope, LONG, &cause);
}

static const char *word(const struct facts *facts, enum fact_id id)
{
	const struct fact *fact = &facts->fixed[id];

	return fact->state == FACT_KNOWN ? fact_row(id)->words[fact->word]
					 : fact_state_name(fact->state);
}

/* Waits and ends it; true if all is as the row says. */
static bool holds(struct inspection *inspection, const struct row *row,
		  bool complains)
{
	enum fact_cause cause;
	struct test_facts got;
	bool fine;

	test_facts_init(&got);
	fine = inspection_wait(inspection, &got.facts, LONG, &cause) ==
		       INSPECTION_DONE &&
	       strcmp(word(&got.facts, FACT_SPF), row->spf) == 0 &&
	       strcmp(word(&got.facts, FACT_SPF_HELO), row->of_helo) == 0;
	if (!fine && complains)
		fail_msg("%s: %s, HELO %s", row->claim,
			 word(&got.facts, FACT_SPF),
			 word(&got.facts, FACT_SPF_HELO));
	assert_int_equal(got.facts.fixed[FACT_FROM_DOMAIN].state, FACT_PENDING);
	test_facts_done(&got);
	inspection_end(inspection);
	return fine;
}

static void hear_rows(struct inspector_pool *pool)
{
	struct resolver *resolver = test_resolver(world);

	for (size_t i = 0; i < ROWS; i++)
		holds(begin_row(pool, &rows[i], resolver, 4000), &rows[i],
		      true);
	resolver_unref(resolver);
}

static void an_envelope_is_judged(void **state)
{
	struct inspector_pool *pool = inspector_pool_open(1, 1);
	struct test_inspector inspector;

	(void)state;
	inspector_threads(&inspector, 0, 1);
	inspector_adopt(&inspector, pool);
	hear_rows(pool);
	inspector_pool_close(pool);
	inspector_join(&inspector);
}

static void an_envelope_is_judged_in_jail(void **state)
{
	struct test_inspector inspector;
	struct inspector_pool *pool;

	(void)state;
	inspector_process(&inspector, 0, 1);
	pool = inspector_pool_open(1, 1);
	inspector_adopt(&inspector, pool);
	hear_rows(pool);
	assert_int_equal(inspector_pool_stats(pool).crashes, 0);
	inspector_pool_close(pool);
	waitpid(inspector.pid, NULL, 0);
}

static void who_has_no_dns_knows_nothing(void **state)
{
	const struct row row = { "",	      "192.0.2.1",
				 "a.test",    "u@pass.test",
				 "temperror", "temperror" };
	const struct row silent = { "",		 "192.0.2.1",
				    NULL,	 "u@silent.test",
				    "temperror", "none" };
	struct inspector_pool *pool = inspector_pool_open(1, 1);
	struct resolver *resolver = test_resolver(world);
	struct test_inspector inspector;

	(void)state;
	inspector_threads(&inspector, 0, 1);
	inspector_adopt(&inspector, pool);
	holds(begin_row(pool, &row, NULL, 4000), &row, true);
	holds(begin_row(pool, &row, resolver, 0), &row, true);
	holds(begin_row(pool, &silent, resolver, 30), &silent, true);
	resolver_unref(resolver);
	inspector_pool_close(pool);
	inspector_join(&inspector);
}

static void what_no_mta_takes_is_not_asked(void **state)
{
	static char text[CHANNEL_TEXT_MAX + 2];
	struct inspection_envelope envelope = { .spf.sender = text };
	struct inspector_pool *pool = inspector_pool_open(1, 1);
	struct test_inspector inspector;
	struct inspection *inspection;
	enum fact_cause cause;

	(void)state;
	inspector_threads(&inspector, 0, 1);
	inspector_adopt(&inspector, pool);
	memset(text, 's', CHANNEL_TEXT_MAX + 1);
	assert_null(inspection_begin_envelope(pool, &envelope, 0, &cause));
	assert_int_equal(cause, CAUSE_LIMIT);
	text[CHANNEL_TEXT_MAX] = '\0';
	inspection = inspection_begin_envelope(pool, &envelope, 0, &cause);
	assert_non_null(inspection);
	inspection_end(inspection);
	inspector_pool_close(pool);
	inspector_join(&inspector);
}

/* Waits and ends it. */
static void assert_lost(struct inspection *inspection)
{
	enum fact_cause cause;
	struct test_facts got;

	test_facts_init(&got);
	assert_int_equal(inspection_wait(inspection, &got.facts, LONG, &cause),
			 INSPECTION_LOST);
	assert_int_equal(cause, CAUSE_CRASHED);
	assert_int_equal(got.facts.fixed[FACT_SPF].state, FACT_UNKNOWN);
	assert_int_equal(got.facts.fixed[FACT_SPF].cause, CAUSE_CRASHED);
	assert_int_equal(got.facts.fixed[FACT_FROM_DOMAIN].state, FACT_PENDING);
	test_facts_done(&got);
	inspection_end(inspection);
}

/* --- deaths -------------------------------------------------------------- */

static void an_envelope_that_kills_is_refused(void **state)
{
	enum { COUNT = 4 };
	static const struct row deadly = {
		"", "192.0.2.1", "crash.x-test-fault", "u@pass.test", "", ""
	};
	/* The same names, but another sender and client. */
	static const struct row again = {
		"", "192.0.2.7", "crash.x-test-fault", "other@pass.test", "", ""
	};
	struct test_inspector inspectors[COUNT];
	struct inspector_pool *pool;
	struct inspection *inspection;
	struct test_hangs hangs = { .kill = true };

	(void)state;
	for (unsigned i = 0; i < COUNT; i++)
		inspector_process(&inspectors[i], i, 1);
	pool = inspector_pool_open(1, 1);
	inspector_pool_on_hang(pool, test_on_hang, &hangs);
	for (unsigned i = 0; i < COUNT - 1; i++) {
		inspector_adopt(&inspectors[i], pool);
		inspection = begin_row(pool, &deadly, NULL, 0);
		assert_lost(inspection);
		inspector_bury(&inspectors[i], pool);
	}
	inspector_adopt(&inspectors[COUNT - 1], pool);
	inspection = begin_row(pool, &again, NULL, 0);
	assert_lost(inspection);
	assert_int_equal(inspector_pool_stats(pool).refused_inputs, 1);
	assert_int_equal(inspector_pool_stats(pool).crashes, COUNT - 1);
	hear_rows(pool);
	inspector_pool_close(pool);
	waitpid(inspectors[COUNT - 1].pid, NULL, 0);
}

/* It dies, or is killed, while it waits for an answer. */
static void a_kill_while_it_asks_is_survived(void **state)
{
	static const struct row silent = { "",	 "192.0.2.1",
					   NULL, "u@silent.test",
					   "",	 "" };
	struct resolver *resolver;
	struct test_inspector inspectors[2];
	struct inspector_pool *pool;
	struct inspection *inspection;
	struct dns_stats stats;

	(void)state;
	for (unsigned i = 0; i < 2; i++)
		inspector_process(&inspectors[i], i, 1);
	pool = inspector_pool_open(1, 1);
	resolver = test_resolver(world);
	inspector_adopt(&inspectors[0], pool);
	inspection = begin_row(pool, &silent, resolver, 4000);
	do {
		sched_yield();
		dns_stats(resolver->dns, &stats);
	} while (stats.asked == 0);
	kill(inspectors[0].pid, SIGKILL);
	inspector_bury(&inspectors[0], pool);
	assert_lost(inspection);
	resolver_unref(resolver);
	inspector_adopt(&inspectors[1], pool);
	hear_rows(pool);
	inspector_pool_close(pool);
	waitpid(inspectors[1].pid, NULL, 0);
}

/* --- many at once -------------------------------------------------------- */

enum { SESSIONS = 12, ROUNDS = 40 };

struct crowd {
	struct inspector_pool *pool;
	struct resolver *resolver;
	atomic_int turn;
};

/* Envelopes that are heard, some that are not, and a message now and then. */
static void *session(void *context)
{
	static const struct row silent = { "",	 "192.0.2.1",
					   NULL, "u@silent.test",
					   "",	 "" };
	struct crowd *crowd = context;
	intptr_t failures = 0;

	for (int i = 0; i < ROUNDS; i++) {
		unsigned turn = (unsigned)crowd->turn++;
		const struct row *row = &rows[turn % ROWS];

		if (turn % 11 == 5)
			inspection_end(begin_row(crowd->pool, &silent,
						 crowd->resolver, 4000));
		else if (turn % 7 == 3)
			test_one_message(crowd->pool, "between");
		else
			failures += !holds(begin_row(crowd->pool, row,
						     crowd->resolver, 4000),
					   row, false);
	}
	return (void *)failures;
}

static void nobody_gets_anothers_answers(void **state)
{
	struct crowd crowd = { .pool = inspector_pool_open(2, 2),
			       .resolver = test_resolver(world) };
	struct test_inspector inspectors[2];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		inspector_threads(&inspectors[i], i, 2);
		inspector_adopt(&inspectors[i], crowd.pool);
	}
	test_sessions(crowd.pool, SESSIONS, session, &crowd);
	assert_int_equal(inspector_pool_stats(crowd.pool).messages,
			 SESSIONS * ROUNDS);
	assert_int_equal(inspector_pool_stats(crowd.pool).hangs, 0);
	resolver_unref(crowd.resolver);
	inspector_pool_close(crowd.pool);
	for (unsigned i = 0; i < 2; i++)
		inspector_join(&inspectors[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_envelope_is_judged_in_jail),
		cmocka_unit_test(an_envelope_that_kills_is_refused),
		cmocka_unit_test(a_kill_while_it_asks_is_survived),
		cmocka_unit_test(an_envelope_is_judged),
		cmocka_unit_test(who_has_no_dns_knows_nothing),
		cmocka_unit_test(what_no_mta_takes_is_not_asked),
		cmocka_unit_test(nobody_gets_anothers_answers),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
