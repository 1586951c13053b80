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
#include "filter/inspect/serve_dns.h"
#include "filter/inspect/spf.h"
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
	unsigned char *in, *out, *late;
	size_t in_most, out_most; /* largest packets of this message */

	struct arena arena; /* of the message */
	struct serve_dns dns;
	uint64_t number;
	struct message_request request;
	struct message_want *wants;
	size_t wants_seen;
	struct message *message; /* NULL: between two, or WANTs still come */
	struct facts facts;
	bool begun;
};

size_t serve_room(void)
{
	return (size_t)3 * SLOT;
}

static void serving_drop(struct serving *s)
{
	message_free(s->message);
	arena_reset(&s->arena);
	serve_dns_end(&s->dns);
	s->message = NULL;
	s->begun = false;
	note_message(0);
}

/* Copies a text of a packet, as the packet goes. */
static bool keep_text(struct serving *s, const char **text)
{
	if (*text != NULL)
		*text = arena_strndup(&s->arena, *text, strlen(*text));
	else
		return true;
	return *text != NULL;
}

static int serving_begin(struct serving *s, struct channel_record *record)
{
	struct message_request *request = &s->request;
	uint32_t dns_ms;

	if (record->flags != 0 ||
	    !channel_read_begin(&record->payload, request, &dns_ms) ||
	    !keep_text(s, &request->authentication.spf_domain))
		return -1;
	s->wants =
		arena_array(&s->arena, request->want_count, sizeof(*s->wants));
	if (s->wants == NULL)
		return -1;
	request->wants = s->wants;
	request->charsets = s->charsets;
	request->dns = &s->dns.door;
	s->wants_seen = 0;
	s->begun = true;
	serve_dns_begin(&s->dns, s->number, dns_ms);
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

/*
 * The first record after the WANTs finds them complete, or is an error.  The
 * facts get their room here, as at the end the message may have taken all.
 */
static int serving_ready(struct serving *s)
{
	if (s->message != NULL)
		return 0;
	if (s->wants_seen != s->request.want_count)
		return -1;
	if (facts_init(&s->facts, &s->arena, s->request.want_count) < 0)
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
static void give_back(unsigned char *at, size_t *used)
{
	if (*used > KEEP)
		madvise(at + KEEP, SLOT - KEEP, MADV_DONTNEED);
	*used = 0;
}

/* The facts go out, and with them all that was for this message. */
static int serving_answer(struct serving *s, const struct facts *facts,
			  const struct answer_due *due)
{
	struct packet packet = { .bytes = s->out, .room = CHANNEL_PACKET_MAX };
	int failed;

	if (message_test_garbage()) {
		memset(s->out, 0xff, 100);
		packet.used = 100;
		failed = send_packet(s, &packet);
	} else {
		failed = answer_give(facts, due, s->wants, s->number, &packet,
				     send_packet, s);
	}
	serving_drop(s);
	if (s->dns.late_len == 0)
		give_back(s->late, &s->dns.late_most);
	give_back(s->in, &s->in_most);
	give_back(s->out, &s->out_most);
	return s->dns.broken ? -1 : failed;
}

static int serving_end(struct serving *s, struct channel_record *record)
{
	const struct answer_due due = {
		.body = s->request.body_limit > 0,
		.authentication = s->request.authentication.wanted,
	};

	message_finish(s->message, (record->flags & CHANNEL_CUT) != 0,
		       &s->facts);
	return serving_answer(s, &s->facts, &due);
}

/* With what is known of DNS it fills its packet, and says all. */
static int serving_envelope(struct serving *s, struct channel_record *record,
			    struct cursor *rest)
{
	const struct answer_due due = { .envelope = true };
	struct channel_record known;
	enum channel_read read;
	struct spf_request request;
	uint32_t dns_ms;

	if (record->flags != 0 ||
	    !channel_read_envelope(&record->payload, &request, &dns_ms) ||
	    facts_init(&s->facts, &s->arena, 0) < 0)
		return -1;
	serve_dns_begin(&s->dns, s->number, dns_ms);
	while ((read = channel_next(rest, &known)) == CHANNEL_RECORD)
		if (known.type != CHANNEL_KNOWN ||
		    !serve_dns_known(&s->dns, &known))
			return -1;
	if (read == CHANNEL_BROKEN)
		return -1;
	note_message(s->number);
	message_test_helo(request.helo);
	/* The packet stays where it is: answers have a buffer of their own. */
	spf_facts(&request, &s->dns.door, &s->facts);
	return serving_answer(s, &s->facts, &due);
}

static int serving_record(struct serving *s, struct channel_record *record)
{
	struct channel_field field;

	uint8_t cut =
		record->type == CHANNEL_HEADER || record->type == CHANNEL_END
			? CHANNEL_CUT
			: 0;

	if (!s->begun || (record->flags & ~cut) != 0)
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
	case CHANNEL_KNOWN: return serve_dns_known(&s->dns, record) ? 0 : -1;
	case CHANNEL_BODY:
		message_body(s->message, record->payload.at,
			     record->payload.left);
		return 0;
	case CHANNEL_END: return serving_end(s, record);
	default: return -1;
	}
}

/* Its number is new, and its first record says what it is. */
static int serving_new(struct serving *s, uint64_t number,
		       struct cursor *packet)
{
	struct channel_record record;

	if (number <= s->number ||
	    channel_next(packet, &record) != CHANNEL_RECORD)
		return -1;
	serving_drop(s);
	s->number = number;
	if (record.type == CHANNEL_BEGIN)
		return serving_begin(s, &record);
	if (record.type == CHANNEL_ENVELOPE)
		return serving_envelope(s, &record, packet);
	return -1;
}

static int serving_packet(struct serving *s, size_t len)
{
	struct cursor packet = cursor_over(s->in, len), ahead;
	struct channel_record record;
	struct channel_head head;
	enum channel_read read;

	if (!channel_open(&packet, &head) || head.flags != 0)
		return -1;
	if (len > s->in_most)
		s->in_most = len;
	ahead = packet;
	if (head.number == s->number &&
	    channel_next(&ahead, &record) == CHANNEL_RECORD &&
	    record.type == CHANNEL_ANSWER)
		return serve_dns_answer(&s->dns, &record, &ahead) ? 0 : -1;
	if ((head.number != s->number || !s->begun) &&
	    serving_new(s, head.number, &packet) < 0)
		return -1;
	while ((read = channel_next(&packet, &record)) == CHANNEL_RECORD)
		if (serving_record(s, &record) < 0)
			return -1;
	return read == CHANNEL_ENDED ? 0 : -1;
}

/* The next packet, into `in`: 1, 0 at the end of the channel, or -1. */
static int next_packet(struct serving *s, size_t *ret_len)
{
	ssize_t got;

	if (s->dns.late_len > 0) {
		*ret_len = s->dns.late_len;
		memcpy(s->in, s->late, *ret_len);
		s->dns.late_len = 0;
		return 1;
	}
	do
		got = recv(s->fd, s->in, CHANNEL_PACKET_MAX, MSG_TRUNC);
	while (got < 0 && errno == EINTR);
	if (got == 0 || (got < 0 && errno == ECONNRESET))
		return 0;
	*ret_len = (size_t)got;
	return got < 0 || got > CHANNEL_PACKET_MAX ? -1 : 1;
}

int serve_channel(int fd, void *room, struct charsets *charsets)
{
	struct serving s = { .fd = fd, .in = room, .charsets = charsets };
	size_t len;
	int next;

	s.out = s.in + SLOT;
	s.late = s.out + SLOT;
	arena_init(&s.arena, MESSAGE_ARENA_MAX);
	serve_dns_init(&s.dns, fd, s.late);
	while ((next = next_packet(&s, &len)) > 0)
		if (serving_packet(&s, len) < 0) {
			next = -1;
			break;
		}
	serve_dns_done(&s.dns);
	message_free(s.message);
	arena_done(&s.arena);
	return next;
}
