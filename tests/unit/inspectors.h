/*
 * inspectors.h - inspectors for tests: in threads of this process, in a process
 * of their own behind the jail, or none at all behind open channels.
 */
#ifndef STEELYARD_TESTS_INSPECTORS_H
#define STEELYARD_TESTS_INSPECTORS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "filter/inspector.h"
#include "rules/arena.h"
#include "rules/facts.h"

enum { TEST_CHANNELS_MAX = 32 };

struct test_inspector {
	unsigned number;
	pid_t pid;
	int note;
	size_t count;
	int ours[TEST_CHANNELS_MAX]; /* the filter's ends */
	int theirs[TEST_CHANNELS_MAX]; /* -1 once handed over */
	unsigned long threads[TEST_CHANNELS_MAX];
	void *rooms[TEST_CHANNELS_MAX];
};

/* Channels, and nobody behind them: the test holds `theirs`. */
void inspector_open(struct test_inspector *inspector, unsigned number,
		    size_t channels);
/* Threads serve them until the pool closes; join with inspector_join(). */
void inspector_threads(struct test_inspector *inspector, unsigned number,
		       size_t channels);
void inspector_join(struct test_inspector *inspector);
/*
 * A process runs inspector_main() on them; while no other thread runs.
 */
void inspector_process(struct test_inspector *inspector, unsigned number,
		       size_t channels);
/* Into the pool, which then owns its descriptors. */
void inspector_adopt(struct test_inspector *inspector,
		     struct inspector_pool *pool);
/* Waits for its death and tells the pool; returns the status. */
int inspector_bury(struct test_inspector *inspector,
		   struct inspector_pool *pool);

/* The rule set all of them are asked for: slots of header fields. */
enum {
	SLOT_DNSBL, /* not an inspector's */
	SLOT_SUBJECT,
	SLOT_SUBJECT_RAW,
	SLOT_LIST, /* List-Id */
	SLOT_COUNT,
};
extern const struct ruleset *const test_rules;

/* Facts in an arena of their own. */
struct test_facts {
	struct arena arena;
	struct facts facts;
};
void test_facts_init(struct test_facts *facts);
void test_facts_done(struct test_facts *facts);

#endif
