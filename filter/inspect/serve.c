/*
 * serve.c - packets in, facts out.
 */
#include "filter/inspect/serve.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "filter/inspect/answer.h"
#include "filter/inspect/channel.h"
#include "filter/inspect/message.h"
#include "filter/inspect/message_test.h"
#include "filter/inspect/note.h"
#include "rules/arena.h"

enum {
	PAGE = 4096,
	/* of one packet, in whole pages */
	SLOT = (CHANNEL_PACKET_MAX + PAGE - 1) / PAGE * PAGE,
	/* of each packet's pages stay between messages */
	KEEP = 2 * PAGE,
};

struct serving {
	int fd;
	struct charsets *charsets;
	unsigned char *in, *out;
	size_t in_most, out_most; /* largest packets of this message */

	struct arena arena; /* of the message */
	uint64_t number;
	struct message_request request;
	struct message_want *wants;
	size_t wants_seen;
	struct message *message; /* NULL: between two, or WANTs still come */
	bool begun;
};

size_t serve_room(void)
{
	return (size_t)2 * SLOT;
}

static void serving_drop(struct serving *s)
{
	arena_reset(&s->arena);
	s->message = NULL;
	s->begun = false;
	note_message(0);
}

static int serving_begin(struct serving *s, struct channel_record *record)
{
	serving_drop(s);
	if (!channel_read_begin(&record->payload, &s->request))
		return -1;
	s->wants = arena_array(&s->arena, s->request.want_count,
			       sizeof(*s->wants));
	if (s->wants == NULL)
		return -1;
	s->request.wants = s->wants;
	s->request.charsets = s->charsets;
	s->wants_seen = 0;
	s->begun = true;
	note_message(s->number);
	return 0;
}

static int serving_want(struct serving *s, struct channel_record *record)
{
	struct message_want *want = &s->wants[s->wants_seen];

	if (s->message != NULL || s->wants_seen == s->request.want_count ||
	    !channel_read_want(&record->payload, want))
		return -1;
	want->name = arena_strndup(&s->arena, want->name, want->name_len);
	want->slot = (unsigned)s->wants_seen++;
	return want->name == NULL ? -1 : 0;
}

/* The first record after the WANTs finds them complete, or is an error. */
static int serving_ready(struct serving *s)
{
	if (s->message != NULL)
		return 0;
	if (s->wants_seen != s->request.want_count)
		return -1;
	s->message = message_new(&s->request, &s->arena);
	return s->message == NULL ? -1 : 0;
}

static int send_packet(void *context, const struct packet *packet)
{
	struct serving *s = context;
	ssize_t sent;

	if (packet->used > s->out_most)
		s->out_most = packet->used;
	do
		sent = send(s->fd, packet->bytes, packet->used, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -1 : 0;
}

/* Pages that a large message has touched go back to the system. */
static void give_back(unsigned char *at, size_t used)
{
	if (used > KEEP)
		madvise(at + KEEP, SLOT - KEEP, MADV_DONTNEED);
}

static int serving_end(struct serving *s, struct channel_record *record)
{
	struct packet packet = { .bytes = s->out, .room = CHANNEL_PACKET_MAX };
	struct facts facts;
	int failed;

	if (facts_init(&facts, &s->arena, s->request.want_count) < 0)
		return -1;
	message_finish(s->message, (record->flags & CHANNEL_CUT) != 0, &facts);
	if (message_test_garbage()) {
		memset(s->out, 0xff, 100);
		packet.used = 100;
		failed = send_packet(s, &packet);
	} else {
		failed = answer_give(&facts, s->wants, s->number, &packet,
				     send_packet, s);
	}
	serving_drop(s);
	give_back(s->in, s->in_most);
	give_back(s->out, s->out_most);
	s->in_most = s->out_most = 0;
	return failed;
}

static int serving_record(struct serving *s, struct channel_record *record)
{
	struct channel_field field;

	if (!s->begun)
		return -1;
	if (record->type == CHANNEL_WANT)
		return serving_want(s, record);
	if (serving_ready(s) < 0)
		return -1;
	switch (record->type) {
	case CHANNEL_HEADER:
		if (!channel_read_header(record, &field))
			return -1;
		message_header(s->message, field.name, field.name_len,
			       field.value, field.value_len, field.cut);
		return 0;
	case CHANNEL_BODY:
		message_body(s->message, record->payload.at,
			     record->payload.left);
		return 0;
	case CHANNEL_END: return serving_end(s, record);
	default: return -1;
	}
}

/* A new message: its number is new, and BEGIN is its first record. */
static int serving_new(struct serving *s, uint64_t number,
		       struct cursor *packet)
{
	struct channel_record record;

	if (number <= s->number ||
	    channel_next(packet, &record) != CHANNEL_RECORD ||
	    record.type != CHANNEL_BEGIN)
		return -1;
	s->number = number;
	return serving_begin(s, &record);
}

static int serving_packet(struct serving *s, size_t len)
{
	struct cursor packet = cursor_over(s->in, len);
	struct channel_record record;
	struct channel_head head;
	enum channel_read read;

	if (!channel_open(&packet, &head))
		return -1;
	if (len > s->in_most)
		s->in_most = len;
	if ((head.number != s->number || !s->begun) &&
	    serving_new(s, head.number, &packet) < 0)
		return -1;
	while ((read = channel_next(&packet, &record)) == CHANNEL_RECORD)
		if (serving_record(s, &record) < 0)
			return -1;
	return read == CHANNEL_ENDED ? 0 : -1;
}

int serve_channel(int fd, void *room, struct charsets *charsets)
{
	struct serving s = { .fd = fd, .in = room, .charsets = charsets };
	ssize_t got;
	int failed = 0;

	s.out = s.in + SLOT;
	arena_init(&s.arena, MESSAGE_ARENA_MAX);
	while (failed == 0) {
		got = recv(fd, s.in, CHANNEL_PACKET_MAX, MSG_TRUNC);
		if (got < 0 && errno == EINTR)
			continue;
		if (got == 0 || (got < 0 && errno == ECONNRESET))
			break;
		failed = got < 0 || got > CHANNEL_PACKET_MAX
				 ? -1
				 : serving_packet(&s, (size_t)got);
	}
	arena_done(&s.arena);
	return failed;
}
