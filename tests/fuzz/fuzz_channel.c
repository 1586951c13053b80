/*
 * fuzz_channel.c - both ends of a channel, fed with what is not a message.
 *
 * The input is a row of packets: length u16 (little-endian) and that many
 * bytes.  The first byte says who reads them.
 *
 *	even	the filter: an inspector that was taken over answers.  What
 *		answer_take() accepts are facts of the inspector's own, well
 *		formed, or none at all.
 *	odd	the inspector, as it serves a channel.  Whatever it answers, the
 *		filter must accept: both have the same idea of the protocol.
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

static void touch_all(const struct facts *facts)
{
	for (int id = 0; id < FACT_FIXED; id++) {
		assert(facts->fixed[id].state == FACT_PENDING ||
		       answer_is_inspectors((enum fact_id)id));
		touch(&facts->fixed[id], fact_row((enum fact_id)id)->type);
	}
	for (size_t i = 0; i < facts->slot_count; i++)
		touch(&facts->slots[i], FACT_TYPE_SET);
}

static void filter_reads(struct cursor input)
{
	struct arena arena;
	struct facts facts;
	struct answer answer = { .facts = &facts,
				 .wants = some_wants,
				 .want_count = SLOTS };
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
		fine = answer_take(&answer, copy, len);
		free(copy);
	}
	touch_all(&facts);
	answer_forget(&answer);
	for (int id = 0; id < FACT_FIXED; id++)
		assert(facts.fixed[id].state == FACT_PENDING);
	answer_fill(&answer, true, CAUSE_CRASHED);
	arena_done(&arena);
}

/* The WANTs that were in force when the inspector answered message `number`. */
static size_t wants_of(struct cursor input, uint64_t number,
		       struct message_want *wants, size_t room)
{
	struct channel_record record;
	struct channel_head head;
	size_t count = 0, len;
	const char *bytes;

	while (next_packet(&input, &bytes, &len)) {
		struct cursor packet = cursor_over(bytes, len);

		if (!channel_open(&packet, &head) || head.number != number)
			continue;
		while (channel_next(&packet, &record) == CHANNEL_RECORD) {
			if (record.type == CHANNEL_END)
				return count;
			if (record.type == CHANNEL_BEGIN)
				count = 0;
			if (record.type == CHANNEL_WANT && count < room &&
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
	struct facts facts;
	struct arena arena;
	ssize_t got;

	arena_init(&arena, 16 << 20);
	while ((got = recv(fd, packet, sizeof(packet), MSG_DONTWAIT)) > 0) {
		struct cursor cursor = cursor_over(packet, (size_t)got);
		struct channel_head head;

		assert(channel_open(&cursor, &head));
		if (answer.facts == NULL) {
			answer.want_count = wants_of(input, head.number, wants,
						     CHANNEL_WANTS_MAX);
			assert(facts_init(&facts, &arena, answer.want_count) ==
			       0);
			answer.facts = &facts;
		}
		assert(answer_take(&answer, packet, (size_t)got));
		if ((head.flags & CHANNEL_LAST) != 0) {
			assert(answer_complete(&answer));
			assert(answer_fill(&answer, false, CAUSE_FAILED));
			touch_all(&facts);
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
	if ((cursor_u8(&input) & 1) == 0)
		filter_reads(input);
	else
		inspector_reads(input);
	return 0;
}
