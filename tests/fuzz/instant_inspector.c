/*
 * instant_inspector.c - an inspection is a message being read.
 */
#include "tests/fuzz/instant_inspector.h"

#include <stdlib.h>

#include "filter/inspect/answer.h"
#include "filter/inspect/channel.h"
#include "filter/inspect/dns.h"
#include "filter/inspect/message.h"
#include "filter/inspect/spf.h"
#include "filter/inspect/want.h"
#include "filter/inspector.h"
#include "rules/arena.h"
#include "rules/ruleset.h"

enum {
	BUSY_EACH = 5, /* begins that find no channel */
	LOST_EACH = 7, /* messages that an inspector dies of */
};

struct inspection {
	struct arena arena;
	struct message *message; /* NULL: an envelope, `found` is said of it */
	struct facts found;
	struct answer_due due;
	const struct ruleset *rules;
	struct message_want *wants; /* as the inspector numbers them */
	size_t want_count;
	uint64_t body_limit, body_given;
	bool body_cut, finished, lost;
};

static unsigned begun, open_count;

void instant_inspector_reset(void)
{
	begun = 0;
}

unsigned instant_inspector_open(void)
{
	return open_count;
}

/* A DNS that always fails. */
static const struct dns_answer *fail_to_answer(struct inspect_dns *dns,
					       const char *name,
					       enum dns_type type)
{
	(void)dns;
	(void)name;
	(void)type;
	return dns_answer_of(DNS_SERVFAIL);
}

static void no_hint(struct inspect_dns *dns, const char *name,
		    enum dns_type type)
{
	(void)dns;
	(void)name;
	(void)type;
}

static struct inspect_dns no_dns = { .ask = fail_to_answer, .hint = no_hint };

static void *need(void *memory)
{
	if (memory == NULL)
		abort();
	return memory;
}

static struct message_want *wants_of(const struct ruleset *rules,
				     struct arena *arena, size_t count)
{
	struct message_want *wants =
		need(arena_array(arena, count + 1, sizeof(*wants)));

	want_fill(rules, wants);
	return wants;
}

struct inspection *inspection_begin(struct inspector_pool *pool,
				    const struct inspection_request *request,
				    unsigned wait_ms,
				    enum fact_cause *ret_cause)
{
	struct message_request begin = {
		.arrival = request->arrival,
		.body_limit = request->body_limit,
		.authentication = request->authentication,
		.dns = &no_dns,
	};
	struct inspection *i;

	(void)pool;
	*ret_cause = CAUSE_BUSY;
	if (++begun % BUSY_EACH == 0 && wait_ms == 0)
		return NULL;
	if (begun % (BUSY_EACH * BUSY_EACH) == 0)
		return NULL;
	i = need(calloc(1, sizeof(*i)));
	arena_init(&i->arena, MESSAGE_ARENA_MAX);
	i->rules = request->rules;
	i->body_limit = request->authentication.verifies ? UINT64_MAX
							 : request->body_limit;
	i->due = (struct answer_due){
		.body = request->body_limit > 0,
		.authentication = request->authentication.wanted,
	};
	i->lost = begun % LOST_EACH == 0;
	i->want_count = want_count(request->rules);
	i->wants = wants_of(request->rules, &i->arena, i->want_count);
	for (size_t w = 0; w < i->want_count; w++)
		i->wants[w].slot = (unsigned)w;
	begin.wants = i->wants;
	begin.want_count = i->want_count;
	/* before the message can fill the arena */
	if (facts_init(&i->found, &i->arena, i->want_count) < 0)
		abort();
	i->message = need(message_new(&begin, &i->arena));
	open_count++;
	return i;
}

struct inspection *inspection_begin_envelope(
	struct inspector_pool *pool, const struct inspection_envelope *envelope,
	unsigned wait_ms, enum fact_cause *ret_cause)
{
	struct inspection *i;

	(void)pool;
	*ret_cause = CAUSE_BUSY;
	if (++begun % BUSY_EACH == 0 && wait_ms == 0)
		return NULL;
	i = need(calloc(1, sizeof(*i)));
	arena_init(&i->arena, MESSAGE_ARENA_MAX);
	i->due.envelope = true;
	i->lost = begun % LOST_EACH == 0;
	if (facts_init(&i->found, &i->arena, 0) < 0)
		abort();
	spf_facts(&envelope->spf, &no_dns, &i->found);
	open_count++;
	return i;
}

void inspection_header(struct inspection *i, const char *name, size_t name_len,
		       const char *value, size_t value_len)
{
	if (i->finished)
		return;
	message_header(i->message, name, name_len, value, value_len, false);
}

/* There is no channel that it could save a question on. */
void inspection_expect(struct inspection *i, const char *name, size_t name_len,
		       const char *value, size_t value_len)
{
	(void)i;
	(void)name;
	(void)name_len;
	(void)value;
	(void)value_len;
}

bool inspection_lasts(const struct inspection *i, uint64_t *ret_until_ms)
{
	*ret_until_ms = UINT64_MAX;
	return !i->lost;
}

void inspection_body(struct inspection *i, const void *bytes, size_t len)
{
	uint64_t most = i->body_limit - i->body_given;

	if (i->finished)
		return;
	if (len >= most) {
		len = (size_t)most;
		i->body_cut = true;
	}
	i->body_given += len;
	message_body(i->message, bytes, len);
}

void inspection_finish(struct inspection *i)
{
	i->finished = true;
}

static int take(void *answer, const struct packet *packet)
{
	/* what an honest inspector sends must be understood */
	if (!answer_take(answer, packet->bytes, packet->used))
		abort();
	return 0;
}

static void answer_from(struct inspection *i, struct answer *answer)
{
	static unsigned char bytes[CHANNEL_PACKET_MAX];
	struct packet packet = { .bytes = bytes, .room = sizeof(bytes) };

	if (i->message != NULL)
		message_finish(i->message, i->body_cut, &i->found);
	if (answer_give(&i->found, &i->due, i->wants, 1, &packet, take,
			answer) < 0 ||
	    !answer_complete(answer))
		abort();
}

enum inspection_answer inspection_wait(struct inspection *i,
				       struct facts *facts, unsigned wait_ms,
				       enum fact_cause *ret_cause)
{
	struct answer answer = { .facts = facts,
				 .due = i->due,
				 .want_count = i->want_count };

	(void)wait_ms;
	*ret_cause = CAUSE_CRASHED;
	if (i->message != NULL)
		answer.wants = wants_of(i->rules, &i->arena, i->want_count);
	if (!i->lost)
		answer_from(i, &answer);
	if (i->lost)
		return INSPECTION_LOST;
	answer_fill(&answer, CAUSE_LIMIT);
	return INSPECTION_DONE;
}

void inspection_end(struct inspection *i)
{
	if (i == NULL)
		return;
	message_free(i->message);
	arena_done(&i->arena);
	free(i);
	open_count--;
}

void inspection_unknown(struct facts *facts, const struct ruleset *rules,
			enum fact_cause cause)
{
	struct arena arena;
	struct answer answer = { .facts = facts,
				 .want_count = want_count(rules) };

	answer.due.body = ruleset_reads_any(rules, FACT_BODY_SIZE,
					    FACT_BODY_LONGEST_LINE);
	answer.due.authentication = true;
	arena_init(&arena, MESSAGE_ARENA_MAX);
	answer.wants = wants_of(rules, &arena, answer.want_count);
	answer_fill(&answer, cause);
	arena_done(&arena);
}

void inspection_envelope_unknown(struct facts *facts, enum fact_cause cause)
{
	struct answer answer = { .facts = facts, .due = { .envelope = true } };

	answer_fill(&answer, cause);
}

/* Now and then it looks as if many were at it. */
struct inspector_stats inspector_pool_stats(struct inspector_pool *pool)
{
	(void)pool;
	return (struct inspector_stats){ .channels = 2,
					 .leased = begun % BUSY_EACH == 2 };
}
