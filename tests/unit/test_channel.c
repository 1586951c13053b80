/*
 * test_channel.c - packets, records, and facts that make the round trip.
 */
#include "filter/inspect/channel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "filter/inspect/answer.h"
#include "filter/inspect/message.h"
#include "rules/arena.h"

static unsigned char fixed_bytes[CHANNEL_PACKET_MAX];

static struct cursor reading(const struct packet *packet,
			     struct channel_head *ret_head)
{
	struct cursor cursor = cursor_over(packet->bytes, packet->used);

	assert_true(channel_open(&cursor, ret_head));
	return cursor;
}

static struct channel_record next(struct cursor *cursor, uint8_t type)
{
	struct channel_record record;

	assert_int_equal(channel_next(cursor, &record), CHANNEL_RECORD);
	assert_int_equal(record.type, type);
	return record;
}

/* --- the filter's half -------------------------------------------------- */

static void a_message_comes_out_as_it_went_in(void **state)
{
	const struct message_request request = { .arrival = -5,
						 .body_limit = 1ULL << 40,
						 .want_count = 1 };
	const struct message_want want = { .raw = true,
					   .name = "List-Id",
					   .name_len = 7 };
	struct packet packet = { .grows = true };
	struct message_request got;
	struct message_want got_want;
	struct channel_record record;
	struct channel_field field;
	struct channel_head head;
	struct cursor cursor;
	uint32_t dns_ms;
	size_t taken;

	(void)state;
	assert_int_equal(packet_begin(&packet, 77), PACKET_PUT);
	assert_true(packet_empty(&packet));
	assert_int_equal(packet_put_begin(&packet, &request, 1500), PACKET_PUT);
	assert_int_equal(packet_put_want(&packet, &want), PACKET_PUT);
	assert_int_equal(packet_put_header(&packet, "A", 1, " b\0c", 4),
			 PACKET_PUT);
	assert_int_equal(packet_put_body(&packet, "xyz", 3, &taken),
			 PACKET_PUT);
	assert_int_equal(packet_put_end(&packet, true), PACKET_PUT);

	cursor = reading(&packet, &head);
	assert_int_equal(head.number, 77);
	assert_int_equal(head.flags, 0);
	record = next(&cursor, CHANNEL_BEGIN);
	assert_true(channel_read_begin(&record.payload, &got, &dns_ms));
	assert_int_equal(got.arrival, -5);
	assert_true(got.body_limit == 1ULL << 40);
	assert_int_equal(got.want_count, 1);
	record = next(&cursor, CHANNEL_WANT);
	assert_true(channel_read_want(&record.payload, &got_want));
	assert_true(got_want.raw);
	assert_int_equal(got_want.name_len, 7);
	assert_memory_equal(got_want.name, "List-Id", 7);
	record = next(&cursor, CHANNEL_HEADER);
	assert_true(channel_read_header(&record, &field));
	assert_int_equal(field.name_len, 1);
	assert_int_equal(field.value_len, 4);
	assert_memory_equal(field.value, " b\0c", 4);
	assert_false(field.cut);
	record = next(&cursor, CHANNEL_BODY);
	assert_int_equal(record.payload.left, 3);
	record = next(&cursor, CHANNEL_END);
	assert_int_equal(record.flags, CHANNEL_CUT);
	assert_int_equal(channel_next(&cursor, &record), CHANNEL_ENDED);
	packet_done(&packet);
}

static const struct size_row {
	const char *claim;
	size_t name_len, value_len;
	bool cut;
} sizes[] = {
	{ "an empty field", 0, 0, false },
	{ "the largest that a milter frame holds", 1, 65532, false },
	{ "one byte more is cut", 1, 65533, true },
	{ "a megabyte is cut", 4, 1 << 20, true },
	{ "a name alone can be too long", 1 << 20, 5, true },
};

static void large_fields_are_cut_with_a_mark(void **state)
{
	char *text = calloc(1, 1 << 20);

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct packet packet = { .grows = true };
		struct channel_record record;
		struct channel_field field;
		struct channel_head head;
		struct cursor cursor;

		packet_begin(&packet, 1);
		if (packet_put_header(&packet, text, sizes[i].name_len, text,
				      sizes[i].value_len) != PACKET_PUT)
			fail_msg("no room: %s", sizes[i].claim);
		assert_true(packet.used <= CHANNEL_PACKET_MAX);
		cursor = reading(&packet, &head);
		record = next(&cursor, CHANNEL_HEADER);
		assert_true(channel_read_header(&record, &field));
		if (field.cut != sizes[i].cut)
			fail_msg("%s", sizes[i].claim);
		assert_true(field.name_len + field.value_len <= 65533);
		packet_done(&packet);
	}
	free(text);
}

static void a_body_fills_packets_to_the_brim(void **state)
{
	struct packet packet = { .grows = true };
	char *text = calloc(1, 200000);
	size_t left = 200000, taken;
	unsigned packets = 1;

	(void)state;
	packet_begin(&packet, 1);
	while (packet_put_body(&packet, text, left, &taken) == PACKET_FULL) {
		left -= taken;
		assert_int_equal(packet.used, CHANNEL_PACKET_MAX);
		packet_begin(&packet, 1);
		packets++;
	}
	assert_int_equal(taken, left);
	assert_int_equal(packets, 4);
	packet_done(&packet);
	free(text);
}

static void a_full_packet_is_left_as_it_was(void **state)
{
	struct packet packet = { .bytes = fixed_bytes,
				 .room = CHANNEL_PACKET_MAX };
	char *text = calloc(1, CHANNEL_RECORD_MAX);
	size_t used, taken;

	(void)state;
	packet_begin(&packet, 1);
	assert_int_equal(packet_put(&packet, CHANNEL_BODY, 0, text,
				    CHANNEL_RECORD_MAX),
			 PACKET_PUT);
	used = packet.used;
	assert_int_equal(packet_put_end(&packet, false), PACKET_FULL);
	assert_int_equal(packet_put_header(&packet, "a", 1, "b", 1),
			 PACKET_FULL);
	assert_int_equal(packet_put_body(&packet, "a", 1, &taken), PACKET_FULL);
	assert_int_equal(packet.used, used);
	free(text);
}

static const struct packet_row {
	const char *claim;
	const char *bytes;
	size_t len;
} broken[] = {
	{ "nothing", "", 0 },
	{ "half a head", "\2\0\0\0\1", 5 },
	{ "another version", "\1\0\0\0\1\0\0\0\0\0\0\0", 12 },
	{ "flags nobody knows", "\2\2\0\0\1\0\0\0\0\0\0\0", 12 },
	{ "reserved bytes in use", "\2\0\1\0\1\0\0\0\0\0\0\0", 12 },
	{ "half a record's head", "\2\0\0\0\1\0\0\0\0\0\0\0\5\0\0", 15 },
	{ "a record past the end", "\2\0\0\0\1\0\0\0\0\0\0\0\5\0\1\0", 16 },
	{ "the longest record, missing",
	  "\2\0\0\0\1\0\0\0\0\0\0\0\5\0\377\377x", 17 },
};

static void broken_packets_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		struct cursor cursor =
			cursor_over(broken[i].bytes, broken[i].len);
		struct channel_record record;
		struct channel_head head;

		if (channel_open(&cursor, &head) &&
		    channel_next(&cursor, &record) != CHANNEL_BROKEN)
			fail_msg("taken: %s", broken[i].claim);
	}
}

/* --- the inspector's half ----------------------------------------------- */

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
					.due = { .body = true },
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
		cmocka_unit_test(a_message_comes_out_as_it_went_in),
		cmocka_unit_test(large_fields_are_cut_with_a_mark),
		cmocka_unit_test(a_body_fills_packets_to_the_brim),
		cmocka_unit_test(a_full_packet_is_left_as_it_was),
		cmocka_unit_test(broken_packets_are_refused),
		cmocka_unit_test(facts_come_out_as_they_went_in),
		cmocka_unit_test(large_sets_take_several_packets),
		cmocka_unit_test(too_much_to_say_is_unknown),
		cmocka_unit_test(what_finds_no_room_is_unknown),
		cmocka_unit_test(a_fact_is_said_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
