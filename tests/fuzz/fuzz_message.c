/*
 * fuzz_message.c - a message, read as the inspector reads it.
 *
 * The first two bytes choose where the body is cut and how much of it is read,
 * and with that what SPF found and what DNS says; what follows is a message as
 * it lies in a file.  Held against it:
 *
 *	every fact that is to be set is set, in bounded memory
 *	facts do not depend on where the body is cut
 *	no pass of DMARC without one From field and somebody who vouches
 *	facts stay what they are on their way through a channel
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "filter/inspect/answer.h"
#include "filter/inspect/channel.h"
#include "filter/inspect/message.h"
#include "rules/arena.h"
#include "rules/mail/header.h"
#include "tests/fuzz/dice_dns.h"
#include "tests/fuzz/fuzz.h"

enum { SLOTS = 4 };

static const struct message_want wants[SLOTS] = {
	{ .slot = 0, .raw = false, .name = "Subject", .name_len = 7 },
	{ .slot = 1, .raw = true, .name = "Subject", .name_len = 7 },
	{ .slot = 2, .raw = false, .name = "From", .name_len = 4 },
	{ .slot = 3, .raw = true, .name = "X", .name_len = 1 },
};

struct reading {
	struct arena arena;
	struct facts facts;
	struct dice_dns dice;
};

/* What the envelope said, from the byte that chose how the body is cut. */
static struct message_authentication authentication(size_t piece)
{
	static const char *const domains[] = { NULL, "example.com", "a.test",
					       "football.example.com" };

	return (struct message_authentication){
		.wanted = piece % 2 == 0,
		.discovery = (enum dmarc_discovery)(piece / 2 % 3),
		.spf = piece % 8 == 0 ? SPF_RESULT_TEMPERROR : SPF_RESULT_PASS,
		.spf_unknown = piece % 16 == 2,
		.spf_domain = domains[piece / 4 % 4],
	};
}

/* The body comes in pieces of `piece` bytes. */
static void read_message(const char *text, size_t len, uint64_t limit,
			 size_t piece, bool given, unsigned seed,
			 struct reading *ret)
{
	const struct message_request request = {
		.arrival = 1530000000,
		.body_limit = limit,
		.wants = wants,
		.want_count = SLOTS,
		.authentication = authentication(seed),
		.dns = &ret->dice.dns,
	};
	struct header_walk walk = { .text = text, .len = len };
	struct header_field field;
	struct message *message;

	dice_dns_init(&ret->dice, seed, seed % 4 == 0);
	arena_init(&ret->arena, MESSAGE_ARENA_MAX);
	assert(facts_init(&ret->facts, &ret->arena, SLOTS) == 0);
	message = message_new(&request, &ret->arena);
	assert(message != NULL);
	while (header_next(&walk, &field))
		if (given)
			message_header(message, field.name, field.name_len,
				       field.value, field.value_len, false);
		else
			message_field(message, &field);
	for (size_t at = walk.pos; at < len; at += piece)
		message_body(message, text + at,
			     len - at < piece ? len - at : piece);
	message_finish(message, false, &ret->facts);
	message_free(message);
	assert(ret->arena.taken <= MESSAGE_ARENA_MAX);
}

static bool same_text(const struct text *a, const struct text *b)
{
	return a->len == b->len && memcmp(a->at, b->at, a->len) == 0;
}

static void assert_same(const struct fact *a, const struct fact *b,
			enum fact_type type)
{
	assert(a->state == b->state);
	if (a->state == FACT_UNKNOWN)
		assert(a->cause == b->cause);
	if (a->state != FACT_KNOWN)
		return;
	if (type == FACT_TYPE_BOOL)
		assert(a->yes == b->yes);
	if (type == FACT_TYPE_NUMBER)
		assert(a->number == b->number);
	if (type == FACT_TYPE_ENUM)
		assert(a->word == b->word);
	if (type == FACT_TYPE_STRING)
		assert(same_text(&a->text, &b->text));
	if (type != FACT_TYPE_SET)
		return;
	assert(a->set.count == b->set.count);
	for (size_t i = 0; i < a->set.count; i++)
		assert(same_text(&a->set.items[i], &b->set.items[i]));
}

static void assert_all_same(const struct facts *a, const struct facts *b)
{
	for (int id = 0; id < FACT_FIXED; id++)
		assert_same(&a->fixed[id], &b->fixed[id],
			    fact_row((enum fact_id)id)->type);
	for (size_t i = 0; i < SLOTS; i++)
		assert_same(&a->slots[i], &b->slots[i], FACT_TYPE_SET);
}

static int deliver(void *context, const struct packet *packet)
{
	assert(answer_take(context, packet->bytes, packet->used));
	return 0;
}

static void travel(const struct facts *facts, bool with_body, bool vouched)
{
	static unsigned char bytes[CHANNEL_PACKET_MAX];
	struct packet packet = { .bytes = bytes, .room = sizeof(bytes) };
	struct reading there;
	struct answer answer = { .facts = &there.facts,
				 .due = { .body = with_body,
					  .authentication = vouched },
				 .wants = wants,
				 .want_count = SLOTS };

	arena_init(&there.arena, 4 * MESSAGE_ARENA_MAX);
	assert(facts_init(&there.facts, &there.arena, SLOTS) == 0);
	assert(answer_give(facts, &answer.due, wants, 1, &packet, deliver,
			   &answer) == 0);
	assert(answer_complete(&answer));
	assert(answer_fill(&answer, CAUSE_FAILED));
	assert_all_same(facts, &there.facts);
	arena_done(&there.arena);
}

static bool is_yes(const struct facts *facts, enum fact_id id)
{
	return facts->fixed[id].state == FACT_KNOWN && facts->fixed[id].yes;
}

static void check_vouched(const struct facts *facts)
{
	const struct fact *dmarc = &facts->fixed[FACT_DMARC];
	const struct fact *count = &facts->fixed[FACT_FROM_COUNT];

	for (int id = FACT_DKIM; id <= FACT_DMARC_RECORD_ERROR; id++)
		assert(facts->fixed[id].state != FACT_PENDING);
	if (dmarc->state != FACT_KNOWN || dmarc->word != 0)
		return;
	assert(count->state == FACT_KNOWN && count->number == 1);
	assert(is_yes(facts, FACT_DMARC_ALIGNED_SPF) ||
	       is_yes(facts, FACT_DMARC_ALIGNED_DKIM));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	static struct reading whole, pieces;
	uint64_t limit;
	size_t piece;
	bool vouched;
	unsigned seed;

	/* More would not fit into an answer and be unknown over there. */
	if (size < 2 || size > 65536)
		return 0;
	piece = (size_t)data[0] + 1;
	seed = (unsigned)piece | (unsigned)data[1] << 9;
	vouched = authentication(seed).wanted;
	limit = (uint64_t)data[1] * data[1];
	text += 2;
	size -= 2;
	read_message(text, size, limit, SIZE_MAX / 2, false, seed, &whole);
	read_message(text, size, limit, piece, false, seed, &pieces);
	assert_all_same(&whole.facts, &pieces.facts);
	if (vouched)
		check_vouched(&whole.facts);
	travel(&whole.facts, limit > 0, vouched);
	arena_done(&pieces.arena);
	arena_done(&whole.arena);
	read_message(text, size, limit, piece, true, seed, &pieces);
	if (vouched)
		check_vouched(&pieces.facts);
	travel(&pieces.facts, limit > 0, vouched);
	arena_done(&pieces.arena);
	return 0;
}
