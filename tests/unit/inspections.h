/*
 * inspections.h - what tests say to a pool of inspectors, and what they take
 * from it.
 */
#ifndef STEELYARD_TESTS_INSPECTIONS_H
#define STEELYARD_TESTS_INSPECTIONS_H

#include <stdatomic.h>
#include <stdbool.h>

#include "filter/inspector.h"
#include "tests/unit/inspectors.h"

enum { LONG = 20000, SHORT = 100 }; /* ms */

extern const struct inspection_request test_no_body, test_with_body;

/* The same with the test's rules. */
struct inspection *test_begin(struct inspector_pool *pool,
			      const struct inspection_request *request,
			      unsigned wait_ms);
void test_header(struct inspection *inspection, const char *name,
		 const char *value);
/*
 * Are messages finished when all was said, so that the I/O thread reads what is
 * answered, or by who waits, who reads himself then?  They are, until set.
 */
extern bool test_finishes;

/* A message with this Subject and, if not NULL, this fault. */
void test_say(struct inspection *inspection, const char *subject,
	      const char *fault);

struct test_outcome {
	enum inspection_answer answer;
	enum fact_cause cause;
	char subject[64]; /* "" if not known */
	enum fact_state from, body, slot;
};
struct test_outcome test_take(struct inspection *inspection, unsigned wait_ms);

/* All facts came, or none for this cause. */
void test_answered(struct inspection *inspection, const char *subject);
void test_lost(struct inspection *inspection, enum fact_cause cause);

/* A whole message that goes well. */
void test_one_message(struct inspector_pool *pool, const char *subject);

/* The world of a zone's text; one reference, the caller's. */
struct resolver *test_resolver(const char *zone);

/*
 * Runs so many sessions at once, each a thread that is given `context` and
 * returns how often it did not get what is its own, which shall be never.  In
 * the end no channel is leased.
 */
void test_sessions(struct inspector_pool *pool, unsigned count,
		   void *(*session)(void *context), void *context);

/* For inspector_pool_on_hang(). */
struct test_hangs {
	atomic_int count;
	atomic_uint number;
	atomic_int pid;
	bool kill;
};
void test_on_hang(void *context, unsigned number, pid_t pid);
/*
 * The I/O thread tells it in its own time, before or after the waiter wakes.
 * There is one.
 */
void test_await_hang(struct test_hangs *hangs);

#endif
