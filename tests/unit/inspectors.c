/*
 * inspectors.c - processes and threads that end with their test.
 */
#include "tests/unit/inspectors.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "filter/inspect/main.h"
#include "filter/inspect/serve.h"
#include "filter/link.h"
#include "rules/ruleset.h"

/* --- a rule set of slots alone ------------------------------------------ */

struct ruleset {
	struct fact_slot slots[SLOT_COUNT];
};

static const struct ruleset rules = { {
	[SLOT_DNSBL] = { .id = FACT_DNSBL,
			 .name = "zen.test",
			 .phase = PHASE_CONNECT },
	[SLOT_SUBJECT] = { .id = FACT_HEADER,
			   .name = "Subject",
			   .phase = PHASE_EOM },
	[SLOT_SUBJECT_RAW] = { .id = FACT_HEADER_RAW,
			       .name = "SUBJECT",
			       .phase = PHASE_EOM },
	[SLOT_LIST] = { .id = FACT_HEADER,
			.name = "List-Id",
			.phase = PHASE_EOM },
} };
const struct ruleset *const test_rules = &rules;

size_t ruleset_slot_count(const struct ruleset *set)
{
	(void)set;
	return SLOT_COUNT;
}

const struct fact_slot *ruleset_slot(const struct ruleset *set, unsigned slot)
{
	return &set->slots[slot];
}

bool ruleset_reads_any(const struct ruleset *set, enum fact_id from,
		       enum fact_id to)
{
	(void)set;
	return from <= FACT_BODY_SIZE && FACT_BODY_SIZE <= to;
}

void test_facts_init(struct test_facts *facts)
{
	arena_init(&facts->arena, 4 * 1024 * 1024);
	assert_int_equal(facts_init(&facts->facts, &facts->arena, SLOT_COUNT),
			 0);
}

void test_facts_done(struct test_facts *facts)
{
	arena_done(&facts->arena);
}

/* --- inspectors --------------------------------------------------------- */

void inspector_open(struct test_inspector *inspector, unsigned number,
		    size_t channels)
{
	memset(inspector, 0, sizeof(*inspector));
	inspector->number = number;
	inspector->pid = 1000000 + (pid_t)number; /* nobody */
	inspector->count = channels;
	inspector->note = memfd_create("note", MFD_CLOEXEC);
	assert_true(inspector->note >= 0);
	assert_int_equal(ftruncate(inspector->note, 4096), 0);
	for (size_t i = 0; i < channels; i++) {
		int pair[2];

		assert_int_equal(socketpair(AF_UNIX,
					    SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
					    pair),
				 0);
		inspector->ours[i] = pair[0];
		inspector->theirs[i] = pair[1];
	}
}

struct served {
	int fd;
	void *room;
};

static void *serve(void *context)
{
	struct served served = *(struct served *)context;

	free(context);
	serve_channel(served.fd, served.room, NULL);
	close(served.fd);
	return NULL;
}

void inspector_threads(struct test_inspector *inspector, unsigned number,
		       size_t channels)
{
	inspector_open(inspector, number, channels);
	for (size_t i = 0; i < channels; i++) {
		struct served *served = malloc(sizeof(*served));

		assert_non_null(served);
		served->room = mmap(NULL, serve_room(), PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		assert_true(served->room != MAP_FAILED);
		served->fd = inspector->theirs[i];
		inspector->rooms[i] = served->room;
		inspector->theirs[i] = -1;
		assert_int_equal(pthread_create(&inspector->threads[i], NULL,
						serve, served),
				 0);
	}
}

void inspector_join(struct test_inspector *inspector)
{
	for (size_t i = 0; i < inspector->count; i++) {
		pthread_join(inspector->threads[i], NULL);
		munmap(inspector->rooms[i], serve_room());
	}
}

/* In the child: everything to where link.h says; no copies stay. */
static void run(struct test_inspector *inspector)
{
	int high[TEST_CHANNELS_MAX + 1];

	high[0] = fcntl(inspector->note, F_DUPFD, 100);
	for (size_t i = 0; i < inspector->count; i++)
		high[i + 1] = fcntl(inspector->theirs[i], F_DUPFD, 100);
	for (size_t i = 0; i <= inspector->count; i++)
		dup2(high[i], INSPECT_NOTE_FD + (int)i);
	setenv("STEELYARD_FOREGROUND", "1", 1);
	inspector_main((unsigned)inspector->count);
}

void inspector_process(struct test_inspector *inspector, unsigned number,
		       size_t channels)
{
	inspector_open(inspector, number, channels);
	inspector->pid = fork();
	assert_true(inspector->pid >= 0);
	if (inspector->pid == 0)
		run(inspector);
	for (size_t i = 0; i < channels; i++) {
		close(inspector->theirs[i]);
		inspector->theirs[i] = -1;
	}
}

void inspector_adopt(struct test_inspector *inspector,
		     struct inspector_pool *pool)
{
	inspector_pool_adopt(pool, inspector->number, inspector->pid,
			     inspector->note, inspector->ours,
			     inspector->count);
}

int inspector_bury(struct test_inspector *inspector,
		   struct inspector_pool *pool)
{
	int status = 0;

	assert_int_equal(waitpid(inspector->pid, &status, 0), inspector->pid);
	inspector_pool_gone(pool, inspector->number, inspector->pid, status);
	return status;
}
