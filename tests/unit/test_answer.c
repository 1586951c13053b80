/*
 * test_answer.c - facts that make the round trip.
 */
#include "filter/inspect/answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "filter/inspect/message.h"
#include "rules/arena.h"

static unsigned char fixed_bytes[CHANNEL_PACKET_MAX];

static const struct message_want wants[] = {
	{ .slot = 2, .raw = false, .name = "A", .name_len = 1 },
	{ .slot = 0, .raw = true, .name = "A", .name_len = 1 },
};

struct trip {
	struct answer answer;
	struct arena arena;
	struct facts facts;
	size_t packets, bytes;
	bool last, fine;
};

static int deliver(void *context, const struct packet *packet)
{
	struct trip *trip = context;
	/* An exact copy, so that a sanitizer sees each byte past the end. */
	unsigned char *copy = malloc(packet->used);

	memcpy(copy, packet->bytes, packet->used);
	trip->packets++;
	trip->bytes += packet->used;
	trip->last = (copy[1] & CHANNEL_LAST) != 0;
	trip->fine &= answer_take(&trip->answer, copy, packet->used);
	free(copy);
	return 0;
}

static void trip_init(struct trip *trip, size_t ceiling)
{
	memset(trip, 0, sizeof(*trip));
	arena_init(&trip->arena, ceiling);
	assert_int_equal(facts_init(&trip->facts, &trip->arena, 3), 0);
	trip->answer = (struct answer){ .facts = &trip->facts,
					.due = { .body = true,
						 .authentication = true },
					.wants = wants,
					.want_count = 2 };
	trip->fine = true;
}

static void trip_run(struct trip *trip, const struct facts *facts)
{
	struct packet packet = { .bytes = fixed_bytes,
				 .room = CHANNEL_PACKET_MAX };

	assert_int_equal(answer_give(facts, &trip->answer.due, wants, 9,
				     &packet, deliver, trip),
			 0);
	assert_true(trip->last);
	assert_true(trip->fine);
	assert_true(answer_complete(&trip->answer));
}

static void facts_come_out_as_they_went_in(void **state)
{
	const struct text names[] = { { "one.test", 8 },
				      { "", 0 },
				      { "nul\0inside", 10 } };
	struct fact slots[2] = { 0 };
	struct facts in = { .slots = slots, .slot_count = 2 };
	const struct fact *out;
	struct trip trip;

	(void)state;
	facts_bool(&in, FACT_HEADER_8BIT, true);
	facts_number(&in, FACT_DATE_AGE, -12345678901);
	facts_text(&in, FACT_SUBJECT, "hi\0", 3);
	facts_set(&in, FACT_FROM_DOMAIN, names, 3);
	facts_none(&in, FACT_MESSAGE_ID);
	facts_unknown(&in, FACT_DATE, CAUSE_LIMIT);
	facts_slot_set(&in, 0, names, 1);
	facts_slot_none(&in, 1);
	facts_word(&in, FACT_DMARC, 3);
	facts_set(&in, FACT_DKIM_SELECTORS, names + 1, 1);
	facts_set_partial(&in, FACT_DKIM_DOMAINS, names, 2, CAUSE_LIMIT);
	facts_word(&in, FACT_SPF, 1); /* not of this kind: it stays here */
	trip_init(&trip, 1 << 20);
	trip_run(&trip, &in);
	out = trip.facts.fixed;
	assert_int_equal(trip.packets, 1);
	assert_true(out[FACT_HEADER_8BIT].yes);
	assert_true(out[FACT_DATE_AGE].number == -12345678901);
	assert_int_equal(out[FACT_SUBJECT].text.len, 3);
	assert_int_equal(out[FACT_FROM_DOMAIN].set.count, 3);
	assert_memory_equal(out[FACT_FROM_DOMAIN].set.items[2].at,
			    "nul\0inside", 10);
	assert_int_equal(out[FACT_MESSAGE_ID].state, FACT_NONE);
	assert_int_equal(out[FACT_DATE].state, FACT_UNKNOWN);
	assert_int_equal(out[FACT_DATE].cause, CAUSE_LIMIT);
	assert_int_equal(out[FACT_FROM_COUNT].state, FACT_PENDING);
	assert_int_equal(out[FACT_DMARC].word, 3);
	assert_int_equal(out[FACT_DKIM_SELECTORS].set.count, 1);
	assert_int_equal(out[FACT_DKIM_SELECTORS].set.items[0].len, 0);
	assert_false(out[FACT_DKIM_SELECTORS].partial);
	assert_int_equal(out[FACT_DKIM_DOMAINS].set.count, 2);
	assert_true(out[FACT_DKIM_DOMAINS].partial);
	assert_int_equal(out[FACT_DKIM_DOMAINS].cause, CAUSE_LIMIT);
	assert_int_equal(out[FACT_SPF].state, FACT_PENDING);
	assert_int_equal(trip.facts.slots[2].set.count, 1);
	assert_int_equal(trip.facts.slots[0].state, FACT_NONE);
	assert_int_equal(trip.facts.slots[1].state, FACT_PENDING);
	arena_done(&trip.arena);
}

static void large_sets_take_several_packets(void **state)
{
	static struct text items[MESSAGE_ITEMS_MAX];
	char *text = calloc(1, 60000);
	struct facts in = { 0 };
	struct trip trip;

	(void)state;
	for (size_t i = 0; i < 10; i++)
		items[i] = (struct text){ text, 60000 };
	facts_set(&in, FACT_FROM_NAME, items, 10);
	trip_init(&trip, 4 << 20);
	trip_run(&trip, &in);
	assert_true(trip.packets >= 10);
	assert_int_equal(trip.facts.fixed[FACT_FROM_NAME].set.count, 10);
	assert_int_equal(trip.facts.fixed[FACT_FROM_NAME].set.items[9].len,
			 60000);
	arena_done(&trip.arena);

	for (size_t i = 0; i < MESSAGE_ITEMS_MAX; i++)
		items[i] = (struct text){ "x.test", 6 };
	facts_set(&in, FACT_FROM_NAME, items, MESSAGE_ITEMS_MAX);
	trip_init(&trip, 4 << 20);
	trip_run(&trip, &in);
	assert_int_equal(trip.packets, 1);
	assert_int_equal(trip.facts.fixed[FACT_FROM_NAME].set.count,
			 MESSAGE_ITEMS_MAX);
	arena_done(&trip.arena);
	free(text);
}

static void too_much_to_say_is_unknown(void **state)
{
	static struct text items[30];
	char *text = calloc(1, 60000);
	struct facts in = { 0 };
	struct trip trip;

	(void)state;
	for (size_t i = 0; i < 30; i++)
		items[i] = (struct text){ text, 60000 };
	facts_set(&in, FACT_FROM_NAME, items, 30);
	facts_number(&in, FACT_HEADER_COUNT, 30);
	trip_init(&trip, 8 << 20);
	trip_run(&trip, &in);
	assert_true(trip.bytes <= ANSWER_BYTES_MAX);
	assert_int_equal(trip.facts.fixed[FACT_FROM_NAME].state, FACT_UNKNOWN);
	assert_int_equal(trip.facts.fixed[FACT_FROM_NAME].cause, CAUSE_LIMIT);
	assert_int_equal(trip.facts.fixed[FACT_HEADER_COUNT].number, 30);
	arena_done(&trip.arena);
	free(text);
}

static void what_finds_no_room_is_unknown(void **state)
{
	static struct text items[5];
	char *text = calloc(1, 10000);
	struct facts in = { 0 };
	struct trip trip;

	(void)state;
	for (size_t i = 0; i < 5; i++)
		items[i] = (struct text){ text, 10000 };
	facts_set(&in, FACT_FROM_NAME, items, 5);
	facts_text(&in, FACT_SUBJECT, text, 10000);
	facts_number(&in, FACT_HEADER_COUNT, 5);
	trip_init(&trip, 8192);
	trip_run(&trip, &in);
	assert_int_equal(trip.facts.fixed[FACT_FROM_NAME].cause, CAUSE_LIMIT);
	assert_int_equal(trip.facts.fixed[FACT_SUBJECT].cause, CAUSE_LIMIT);
	assert_int_equal(trip.facts.fixed[FACT_HEADER_COUNT].number, 5);
	arena_done(&trip.arena);
	free(text);
}

static void a_fact_is_said_once(void **state)
{
	struct facts in = { 0 };
	struct trip trip;
	unsigned char bytes[64];
	struct packet packet = { .bytes = bytes, .room = sizeof(bytes) };
	unsigned char twice[] = { FACT_HEADER_8BIT, 0, 1, 0, 0, 0, 0, 0, 1 };

	(void)state;
	facts_bool(&in, FACT_HEADER_8BIT, false);
	trip_init(&trip, 8192);
	trip_run(&trip, &in);
	packet_begin(&packet, 9);
	packet_put(&packet, CHANNEL_FACT, 0, twice, sizeof(twice));
	assert_false(answer_take(&trip.answer, packet.bytes, packet.used));
	answer_forget(&trip.answer);
	assert_true(answer_take(&trip.answer, packet.bytes, packet.used));
	arena_done(&trip.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(facts_come_out_as_they_went_in),
		cmocka_unit_test(large_sets_take_several_packets),
		cmocka_unit_test(too_much_to_say_is_unknown),
		cmocka_unit_test(what_finds_no_room_is_unknown),
		cmocka_unit_test(a_fact_is_said_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
