/*
 * fuzz_channel.c - both ends of a channel, fed with what is not a message.
 *
 * The input is a row of packets: length u16 (little-endian) and that many
 * bytes.  The first byte, modulo 4, says who reads them.
 *
 *	0, 2	the filter: an inspector that was taken over answers about a
 *		message, or an envelope.  What answer_take() accepts are facts
 *		that were due, well formed, or none at all; questions are what
 *		may be asked.
 *	1	the inspector, as it serves a channel.  Whatever it answers or
 *		asks, the filter must accept: both have the same idea of the
 *		protocol.
 *	3	the inspector, what it is told of DNS: a packet is the type u8
 *		and an ANSWER.  Written again, it is the same.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "filter/inspect/answer.h"
#include "filter/inspect/channel.h"
#include "filter/inspect/message.h"
#include "filter/inspect/serve.h"
#include "rules/arena.h"
#include "tests/fuzz/fuzz.h"

enum { SLOTS = 4 };

static const struct message_want some_wants[SLOTS] = {
	{ .slot = 3, .raw = false, .name = "A", .name_len = 1 },
	{ .slot = 2, .raw = true, .name = "A", .name_len = 1 },
	{ .slot = 0, .raw = false, .name = "B", .name_len = 1 },
	/* Slots of a rule set that is not these facts' */
	{ .slot = 4, .raw = false, .name = "C", .name_len = 1 },
};

/* The next packet; false at the end.  A short one is as long as it is. */
static bool next_packet(struct cursor *input, const char **ret_bytes,
			size_t *ret_len)
{
	size_t len;

	if (input->left < 2)
		return false;
	len = cursor_u16(input);
	if (len > input->left)
		len = input->left;
	*ret_len = len;
	*ret_bytes = cursor_bytes(input, len);
	return true;
}

static volatile char sink;

/* Every byte that a fact claims to have is touched. */
static void touch(const struct fact *fact, enum fact_type type)
{
	assert(fact->state <= FACT_UNKNOWN);
	assert(fact->cause < CAUSE_COUNT);
	if (fact->state != FACT_KNOWN)
		return;
	if (type == FACT_TYPE_STRING)
		for (size_t i = 0; i < fact->text.len; i++)
			sink ^= fact->text.at[i];
	if (type != FACT_TYPE_SET)
		return;
	assert(fact->set.count > 0);
	for (size_t i = 0; i < fact->set.count; i++)
		for (size_t c = 0; c < fact->set.items[i].len; c++)
			sink ^= fact->set.items[i].at[c];
}

static void touch_all(const struct facts *facts, const struct answer_due *due)
{
	for (int id = 0; id < FACT_FIXED; id++) {
		assert(facts->fixed[id].state == FACT_PENDING ||
		       answer_is_due(due, (enum fact_id)id));
		touch(&facts->fixed[id], fact_row((enum fact_id)id)->type);
	}
	for (size_t i = 0; i < facts->slot_count; i++)
		touch(&facts->slots[i], FACT_TYPE_SET);
}

static void touch_question(const struct channel_question *question)
{
	assert(channel_may_ask(question->type));
	assert(question->number < CHANNEL_QUESTIONS_MAX);
	for (const char *c = question->name; *c != '\0'; c++)
		sink ^= *c;
}

/* A packet that holds a question, and that alone. */
static bool is_question(const void *packet, size_t len,
			struct channel_question *ret_question)
{
	struct cursor cursor = cursor_over(packet, len);
	struct channel_record record;
	struct channel_head head;

	return channel_open(&cursor, &head) &&
	       channel_next(&cursor, &record) == CHANNEL_RECORD &&
	       record.type == CHANNEL_QUESTION && cursor_whole(&cursor) &&
	       channel_read_question(&record.payload, ret_question);
}

static void filter_reads(struct cursor input, bool envelope)
{
	struct arena arena;
	struct facts facts;
	struct answer answer = { .facts = &facts,
				 .due = { .envelope = envelope,
					  .body = !envelope,
					  .authentication = !envelope },
				 .wants = some_wants,
				 .want_count = envelope ? 0 : SLOTS };
	struct channel_question question;
	const char *bytes;
	size_t len;
	bool fine = true;

	arena_init(&arena, 1 << 20);
	assert(facts_init(&facts, &arena, SLOTS) == 0);
	while (fine && next_packet(&input, &bytes, &len)) {
		/* A copy of its own, so that one byte too far is seen. */
		char *copy = malloc(len > 0 ? len : 1);

		if (len > 0)
			memcpy(copy, bytes, len);
		if (is_question(copy, len, &question))
			touch_question(&question);
		else
			fine = answer_take(&answer, copy, len);
		free(copy);
	}
	touch_all(&facts, &answer.due);
	answer_forget(&answer);
	for (int id = 0; id < FACT_FIXED; id++)
		assert(facts.fixed[id].state == FACT_PENDING);
	answer_fill(&answer, CAUSE_CRASHED);
	arena_done(&arena);
}

/* --- what DNS says ------------------------------------------------------- */

static void one_answer(struct cursor input, struct arena *arena)
{
	enum dns_type type = (enum dns_type)cursor_u8(&input);
	struct cursor payload = input, written;
	struct packet packet = { .grows = true };
	const struct dns_answer *answer;
	struct channel_record record;
	struct channel_head head;
	uint32_t number;

	if (!channel_may_ask(type) || input.left > CHANNEL_RECORD_MAX ||
	    !channel_read_answer(&payload, &number) ||
	    !channel_read_records(&payload, type, arena, &answer))
		return;
	assert(answer->status < DNS_STATUSES);
	assert((answer->count > 0) == (answer->status == DNS_FOUND));
	if (answer->status == DNS_NO_MEMORY)
		return;
	assert(packet_begin(&packet, 1) == PACKET_PUT);
	assert(packet_put_answer(&packet, number, type, answer) == PACKET_PUT);
	written = cursor_over(packet.bytes, packet.used);
	assert(channel_open(&written, &head));
	assert(channel_next(&written, &record) == CHANNEL_RECORD);
	/* close to what a record holds the writer says that it is too large */
	assert(input.left > CHANNEL_RECORD_MAX - 2048 ||
	       (record.payload.left == input.left &&
		memcmp(record.payload.at, input.at, input.left) == 0));
	packet_done(&packet);
}

static void answers_read(struct cursor input)
{
	const char *bytes;
	struct arena arena;
	size_t len;

	arena_init(&arena, 1 << 20);
	while (next_packet(&input, &bytes, &len)) {
		char *copy = malloc(len > 0 ? len : 1);

		if (len > 0)
			memcpy(copy, bytes, len);
		one_answer(cursor_over(copy, len), &arena);
		free(copy);
	}
	arena_done(&arena);
}

/* --- what an inspector answers ------------------------------------------- */

/*
 * What was due, and the WANTs that were in force, when the inspector answered
 * message `number`.
 */
static size_t due_of(struct cursor input, uint64_t number,
		     struct answer_due *due, struct message_want *wants)
{
	struct message_request request;
	struct channel_record record;
	struct channel_head head;
	size_t count = 0, len;
	const char *bytes;
	uint32_t dns_ms;

	*due = (struct answer_due){ 0 };
	while (next_packet(&input, &bytes, &len)) {
		struct cursor packet = cursor_over(bytes, len);

		if (!channel_open(&packet, &head) || head.number != number)
			continue;
		while (channel_next(&packet, &record) == CHANNEL_RECORD) {
			if (record.type == CHANNEL_END)
				return count;
			if (record.type == CHANNEL_ENVELOPE) {
				due->envelope = true;
				return 0;
			}
			if (record.type == CHANNEL_BEGIN &&
			    channel_read_begin(&record.payload, &request,
					       &dns_ms)) {
				due->body = request.body_limit > 0;
				due->authentication =
					request.authentication.wanted;
			}
			if (record.type == CHANNEL_WANT &&
			    count < CHANNEL_WANTS_MAX &&
			    channel_read_want(&record.payload, &wants[count])) {
				wants[count].slot = (unsigned)count;
				count++;
			}
		}
	}
	return count;
}

static void check_answers(int fd, struct cursor input)
{
	static unsigned char packet[CHANNEL_PACKET_MAX + 1];
	static struct message_want wants[CHANNEL_WANTS_MAX];
	struct answer answer = { .wants = wants };
	struct channel_question question;
	uint64_t asks = 0;
	uint32_t asked = 0;
	struct facts facts;
	struct arena arena;
	ssize_t got;

	arena_init(&arena, 16 << 20);
	while ((got = recv(fd, packet, sizeof(packet), MSG_DONTWAIT)) > 0) {
		struct cursor cursor = cursor_over(packet, (size_t)got);
		struct channel_head head;

		assert(channel_open(&cursor, &head));
		if (is_question(packet, (size_t)got, &question)) {
			asked = head.number == asks ? asked + 1 : 0;
			asks = head.number;
			assert(head.flags == 0 && answer.facts == NULL);
			assert(question.number == asked);
			touch_question(&question);
			continue;
		}
		if (answer.facts == NULL) {
			answer.want_count =
				due_of(input, head.number, &answer.due, wants);
			assert(facts_init(&facts, &arena, answer.want_count) ==
			       0);
			answer.facts = &facts;
		}
		assert(answer_take(&answer, packet, (size_t)got));
		if ((head.flags & CHANNEL_LAST) != 0) {
			assert(answer_complete(&answer));
			assert(answer_fill(&answer, CAUSE_FAILED));
			touch_all(&facts, &answer.due);
			answer = (struct answer){ .wants = wants };
			arena_reset(&arena);
		}
	}
	arena_done(&arena);
}

static void inspector_reads(struct cursor input)
{
	static void *room;
	const struct timeval soon = { .tv_usec = 1000 };
	struct cursor rest = input;
	const char *bytes;
	size_t len;
	int pair[2];

	if (room == NULL)
		room = mmap(NULL, serve_room(), PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0)
		return;
	/* Nobody reads while it answers: what does not fit fails. */
	setsockopt(pair[1], SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof(soon));
	while (next_packet(&rest, &bytes, &len))
		if (len > 0 &&
		    send(pair[0], bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			break;
	shutdown(pair[0], SHUT_WR);
	serve_channel(pair[1], room, NULL);
	check_answers(pair[0], input);
	close(pair[0]);
	close(pair[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor input = cursor_over(data, size);

	if (size == 0 || size > 65536)
		return 0;
	switch (cursor_u8(&input) % 4) {
	case 0: filter_reads(input, false); break;
	case 1: inspector_reads(input); break;
	case 2: filter_reads(input, true); break;
	default: answers_read(input);
	}
	return 0;
}
