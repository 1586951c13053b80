/*
 * inspections.c - messages as most tests of the pool say them.
 */
#include "tests/unit/inspections.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "filter/inspector_pool.h"
#include "filter/resolver.h"
#include "lists/dns_zonefile.h"

enum { SESSIONS_MAX = 16 };

const struct inspection_request test_no_body = { .arrival = 1000 };
const struct inspection_request test_with_body = { .arrival = 1000,
						   .body_limit = 1000000 };

struct inspection *test_begin(struct inspector_pool *pool,
			      const struct inspection_request *request,
			      unsigned wait_ms)
{
	struct inspection_request r = *request;
	enum fact_cause cause;

	r.rules = test_rules;
	return inspection_begin(pool, &r, wait_ms, &cause);
}

bool test_finishes = true;

void test_header(struct inspection *inspection, const char *name,
		 const char *value)
{
	inspection_header(inspection, name, strlen(name), value, strlen(value));
}

/* A message with this Subject and, if not NULL, this fault. */
void test_say(struct inspection *inspection, const char *subject,
	      const char *fault)
{
	test_header(inspection, "From", " Ann <ann@example.org>");
	test_header(inspection, "Subject", subject);
	if (fault != NULL)
		test_header(inspection, "X-Test-Fault", fault);
	if (test_finishes)
		inspection_finish(inspection);
}

struct test_outcome test_take(struct inspection *inspection, unsigned wait_ms)
{
	struct test_outcome outcome = { .cause = CAUSE_UNSTATED };
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

void test_answered(struct inspection *inspection, const char *subject)
{
	struct test_outcome outcome = test_take(inspection, LONG);

	assert_int_equal(outcome.answer, INSPECTION_DONE);
	assert_string_equal(outcome.subject, subject);
	assert_int_equal(outcome.from, FACT_KNOWN);
	assert_int_equal(outcome.slot, FACT_KNOWN);
}

void test_lost(struct inspection *inspection, enum fact_cause cause)
{
	struct test_outcome outcome = test_take(inspection, LONG);

	assert_int_equal(outcome.answer, INSPECTION_LOST);
	assert_int_equal(outcome.cause, cause);
	assert_int_equal(outcome.from, FACT_UNKNOWN);
	assert_int_equal(outcome.slot, FACT_UNKNOWN);
}

void test_one_message(struct inspector_pool *pool, const char *subject)
{
	struct inspection *inspection = test_begin(pool, &test_no_body, LONG);

	assert_non_null(inspection);
	test_say(inspection, subject, NULL);
	test_answered(inspection, subject);
	inspection_end(inspection);
}

void test_on_hang(void *context, unsigned number, pid_t pid)
{
	struct test_hangs *hangs = context;

	hangs->number = number;
	hangs->pid = pid;
	if (hangs->kill)
		kill(pid, SIGKILL);
	hangs->count++;
}

/* The I/O thread tells it in its own time, before or after the waiter wakes. */
void test_await_hang(struct test_hangs *hangs)
{
	int64_t until = pool_now() + LONG;

	while (hangs->count == 0 && pool_now() < until)
		sched_yield();
	assert_int_equal(hangs->count, 1);
}

void test_sessions(struct inspector_pool *pool, unsigned count,
		   void *(*session)(void *context), void *context)
{
	pthread_t threads[SESSIONS_MAX];
	void *failures;

	assert_true(count <= SESSIONS_MAX);
	for (unsigned i = 0; i < count; i++)
		pthread_create(&threads[i], NULL, session, context);
	for (unsigned i = 0; i < count; i++) {
		pthread_join(threads[i], &failures);
		assert_int_equal((intptr_t)failures, 0);
	}
	while (inspector_pool_stats(pool).leased > 0)
		sched_yield(); /* given-up ones are still being answered */
}

struct resolver *test_resolver(const char *zone)
{
	struct resolver *resolver = calloc(1, sizeof(*resolver));
	struct dns_settings settings = { .timeout_ms = 5000 };
	char error[DNS_ZONEFILE_ERROR_SIZE];

	assert_non_null(resolver);
	atomic_init(&resolver->refs, 1);
	resolver->zone = dns_zonefile_parse("zone", zone, strlen(zone), error);
	if (resolver->zone == NULL)
		fail_msg("%s", error);
	settings.zone = resolver->zone;
	resolver->dns = dns_open(&settings, error);
	assert_non_null(resolver->dns);
	return resolver;
}
