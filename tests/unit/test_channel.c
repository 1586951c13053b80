/*
 * test_channel.c - packets and records that make the round trip.
 */
#include "filter/inspect/channel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "filter/inspect/message.h"
#include "filter/inspect/spf.h"
#include "lists/dns_name.h"
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
	const struct message_request request = {
		.arrival = -5,
		.body_limit = 1ULL << 40,
		.want_count = 1,
		.authentication = { .wanted = true,
				    .discovery = DMARC_SUFFIX_LIST,
				    .spf = SPF_RESULT_SOFTFAIL,
				    .spf_domain = "a.test" },
	};
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
	assert_int_equal(dns_ms, 1500);
	assert_true(got.authentication.wanted);
	assert_false(got.authentication.verifies);
	assert_false(got.authentication.spf_unknown);
	assert_int_equal(got.authentication.discovery, DMARC_SUFFIX_LIST);
	assert_int_equal(got.authentication.spf, SPF_RESULT_SOFTFAIL);
	assert_string_equal(got.authentication.spf_domain, "a.test");
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

static void bytes_of_a_body_may_follow_the_packet(void **state)
{
	static const char text[] = "bytes that lie elsewhere";
	struct packet packet = { .grows = true };
	size_t taken, left = 200000;
	struct channel_record record;
	struct channel_head head;
	struct cursor cursor;
	unsigned char sent[256];

	(void)state;
	packet_begin(&packet, 1);
	packet_put_header(&packet, "a", 1, "b", 1);
	assert_int_equal(packet_put_body_head(&packet, strlen(text), &taken),
			 PACKET_PUT);
	assert_int_equal(taken, strlen(text));
	memcpy(sent, packet.bytes, packet.used);
	memcpy(sent + packet.used, text, taken);
	cursor = cursor_over(sent, packet.used + taken);
	assert_true(channel_open(&cursor, &head));
	next(&cursor, CHANNEL_HEADER);
	record = next(&cursor, CHANNEL_BODY);
	assert_int_equal(record.payload.left, taken);
	assert_memory_equal(record.payload.at, text, taken);
	assert_true(cursor_whole(&cursor));

	/* As many as there is room for */
	packet_begin(&packet, 1);
	packet_put_header(&packet, "a", 1, "b", 1);
	assert_int_equal(packet_put_body_head(&packet, left, &taken),
			 PACKET_PUT);
	assert_int_equal(packet.used + taken, CHANNEL_PACKET_MAX);
	packet.used = CHANNEL_PACKET_MAX - CHANNEL_RECORD_HEAD;
	assert_int_equal(packet_put_body_head(&packet, left, &taken),
			 PACKET_FULL);
	packet_done(&packet);
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
	{ "half a head", "\3\0\0\0\1", 5 },
	{ "another version", "\1\0\0\0\1\0\0\0\0\0\0\0", 12 },
	{ "flags nobody knows", "\3\2\0\0\1\0\0\0\0\0\0\0", 12 },
	{ "reserved bytes in use", "\3\0\1\0\1\0\0\0\0\0\0\0", 12 },
	{ "half a record's head", "\3\0\0\0\1\0\0\0\0\0\0\0\5\0\0", 15 },
	{ "a record past the end", "\3\0\0\0\1\0\0\0\0\0\0\0\5\0\1\0", 16 },
	{ "the longest record, missing",
	  "\3\0\0\0\1\0\0\0\0\0\0\0\5\0\377\377x", 17 },
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

/* --- envelopes ----------------------------------------------------------- */

static const struct envelope_row {
	const char *claim, *client, *helo, *sender, *receiver;
	const char *names; /* what the digest covers, NULs as / */
} envelopes[] = {
	{ "all of it", "192.0.2.1", "mx.a.test", "u@b.test", "mx.test",
	  "b.test/[]mx.a.test/" },
	{ "an IPv6 client", "2001:db8::1", "[]", "@", "", "/[][]/" },
	{ "no HELO, no receiver", "192.0.2.1", NULL, "\"a@b\"@c", NULL,
	  "c/[]" },
	{ "a null sender", "192.0.2.1", "mx", "", NULL, "/[]mx/" },
	{ "a sender without a domain", "192.0.2.1", "mx", "u", NULL,
	  "u/[]mx/" },
};

static void assert_text(const char *got, const char *expected)
{
	if (expected == NULL)
		assert_null(got);
	else
		assert_string_equal(got, expected);
}

/* The lengths between texts are []. */
static void assert_names(const struct packet *packet,
			 const struct packet_span *span, const char *expected)
{
	const unsigned char *at = packet->bytes + span->from;

	assert_true(span->to <= packet->used);
	for (const char *c = expected; *c != '\0'; c++) {
		if (c[0] == '[' && c[1] == ']' && at[1] == 0 && at[0] != '[') {
			at += 2;
			c++;
			continue;
		}
		assert_int_equal(*at, *c == '/' ? '\0' : *c);
		at++;
	}
	assert_ptr_equal(at, packet->bytes + span->to);
}

static void an_envelope_comes_out_as_it_went_in(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(envelopes) / sizeof(envelopes[0]); i++) {
		const struct envelope_row *row = &envelopes[i];
		struct spf_request in = { .helo = row->helo,
					  .sender = row->sender,
					  .receiver = row->receiver,
					  .now = 1234567890123 };
		struct packet packet = { .grows = true };
		struct channel_record record;
		struct channel_head head;
		struct packet_span span;
		struct spf_request out;
		struct cursor cursor;
		uint32_t dns_ms;

		assert_int_equal(ip_parse(row->client, strlen(row->client),
					  &in.client),
				 0);
		packet_begin(&packet, 5);
		assert_int_equal(packet_put_envelope(&packet, &in, 7, &span),
				 PACKET_PUT);
		assert_names(&packet, &span, row->names);
		cursor = reading(&packet, &head);
		record = next(&cursor, CHANNEL_ENVELOPE);
		assert_true(
			channel_read_envelope(&record.payload, &out, &dns_ms));
		assert_int_equal(dns_ms, 7);
		assert_true(out.now == in.now);
		assert_true(ip_equal(&out.client, &in.client));
		assert_text(out.helo, row->helo);
		assert_text(out.sender, row->sender);
		assert_text(out.receiver, row->receiver);
		packet_done(&packet);
	}
}

static const struct payload_row {
	const char *claim;
	const char *bytes;
	size_t len;
} bad_envelopes[] = {
#define HEAD "\0\0\0\0\0\0\0\0\0\0\0\0"
#define CLIENT "\4\300\0\2\1\0\0\0\0\0\0\0\0\0\0\0\0"
#define BYTES(text) text, sizeof(text) - 1
	{ "no sender", BYTES(HEAD CLIENT "\0\0\0\0\0\0") },
	{ "half a text", BYTES(HEAD CLIENT "\0\0\5\0a") },
	{ "a text without its NUL", BYTES(HEAD CLIENT "\0\0\1\0a\0\0") },
	{ "a text with two", BYTES(HEAD CLIENT "\0\0\3\0a\0\0\0\0") },
	{ "more behind it", BYTES(HEAD CLIENT "\0\0\1\0\0\0\0x") },
	{ "a family nobody knows",
	  BYTES(HEAD "\5\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
		     "\0\0\1\0\0\0\0") },
	{ "an IPv4 address in IPv6's dress",
	  BYTES(HEAD "\6\0\0\0\0\0\0\0\0\0\0\377\377\300\0\2\1"
		     "\0\0\1\0\0\0\0") },
};

static void a_broken_envelope_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad_envelopes) / sizeof(bad_envelopes[0]);
	     i++) {
		struct cursor payload = cursor_over(bad_envelopes[i].bytes,
						    bad_envelopes[i].len);
		struct spf_request out;
		uint32_t dns_ms;

		if (channel_read_envelope(&payload, &out, &dns_ms))
			fail_msg("taken: %s", bad_envelopes[i].claim);
	}
}

static void a_broken_begin_is_refused(void **state)
{
	static const unsigned char fine[] = { [24] = 7, 2, 6, 0, 0 };
	struct message_request got;
	struct cursor payload = cursor_over(fine, sizeof(fine));
	uint32_t dns_ms;

	(void)state;
	assert_true(channel_read_begin(&payload, &got, &dns_ms));
	for (size_t i = 24; i < sizeof(fine); i++) {
		unsigned char bad[sizeof(fine)];

		memcpy(bad, fine, sizeof(fine));
		bad[i]++;
		payload = cursor_over(bad, sizeof(bad));
		assert_false(channel_read_begin(&payload, &got, &dns_ms));
		payload = cursor_over(fine, i);
		assert_false(channel_read_begin(&payload, &got, &dns_ms));
	}
}

/* --- what DNS says ------------------------------------------------------- */

static void large_answers_are_too_large(void **state)
{
	static char name[DNS_NAME_TEXT_SIZE];
	static struct dns_record records[DNS_RECORDS_MAX];
	const struct dns_answer answer = { .status = DNS_FOUND,
					   .canonical = "a.test",
					   .count = DNS_RECORDS_MAX,
					   .records = records };
	struct dns_name largest = { .len = DNS_NAME_MAX };
	struct packet packet = { .grows = true };
	const struct dns_answer *got;
	struct channel_record record;
	struct channel_head head;
	struct cursor cursor;
	struct arena arena;
	uint32_t number;

	(void)state;
	/* 63 + 63 + 63 + 61 bytes that must be escaped */
	memset(largest.wire, 1, sizeof(largest.wire));
	for (size_t at = 0; at < 254; at += 64)
		largest.wire[at] = at < 192 ? 63 : 61;
	largest.wire[254] = 0;
	dns_name_format(&largest, name);
	assert_true(strlen(name) > 1000);
	for (size_t i = 0; i < DNS_RECORDS_MAX; i++)
		records[i] =
			(struct dns_record){ .type = DNS_MX, .name = name };
	arena_init(&arena, 1 << 20);
	packet_begin(&packet, 1);
	assert_int_equal(packet_put_answer(&packet, 3, DNS_MX, &answer),
			 PACKET_PUT);
	cursor = reading(&packet, &head);
	record = next(&cursor, CHANNEL_ANSWER);
	assert_true(channel_read_answer(&record.payload, &number));
	assert_int_equal(number, 3);
	assert_true(
		channel_read_records(&record.payload, DNS_MX, &arena, &got));
	assert_int_equal(got->status, DNS_TOO_LARGE);
	/* and what nobody has asked for is not told */
	assert_int_equal(packet_put_known(&packet, DNS_MX, name, &answer),
			 PACKET_FULL);
	assert_true(cursor_whole(&cursor));
	arena_done(&arena);
	packet_done(&packet);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_comes_out_as_it_went_in),
		cmocka_unit_test(large_fields_are_cut_with_a_mark),
		cmocka_unit_test(a_body_fills_packets_to_the_brim),
		cmocka_unit_test(bytes_of_a_body_may_follow_the_packet),
		cmocka_unit_test(a_full_packet_is_left_as_it_was),
		cmocka_unit_test(broken_packets_are_refused),
		cmocka_unit_test(an_envelope_comes_out_as_it_went_in),
		cmocka_unit_test(a_broken_envelope_is_refused),
		cmocka_unit_test(a_broken_begin_is_refused),
		cmocka_unit_test(large_answers_are_too_large),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
