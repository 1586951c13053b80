/*
 * channel.c - packets and the filter's half of the records.
 */
#include "filter/inspect/channel.h"

#include <stdlib.h>
#include <string.h>

#include "filter/inspect/message.h"
#include "filter/inspect/spf.h"

enum {
	ROOM_MIN = 4096,
	/* what there is of an authentication, one byte */
	AUTH_WANTED = 1,
	AUTH_VERIFIES = 2,
	AUTH_SPF_UNKNOWN = 4,
	AUTH_FLAGS = 7,
};

static enum packet_put packet_grow(struct packet *packet, size_t need)
{
	size_t room = packet->room < ROOM_MIN ? ROOM_MIN : packet->room;
	unsigned char *bytes;

	if (need <= packet->room)
		return PACKET_PUT;
	if (need > CHANNEL_PACKET_MAX || !packet->grows)
		return PACKET_FULL;
	while (room < need)
		room *= 2;
	if (room > CHANNEL_PACKET_MAX)
		room = CHANNEL_PACKET_MAX;
	bytes = realloc(packet->bytes, room);
	if (bytes == NULL)
		return PACKET_NO_MEMORY;
	packet->bytes = bytes;
	packet->room = room;
	return PACKET_PUT;
}

void packet_done(struct packet *packet)
{
	if (packet->grows)
		free(packet->bytes);
	packet->bytes = NULL;
	packet->used = packet->room = 0;
}

enum packet_put packet_begin(struct packet *packet, uint64_t number)
{
	enum packet_put put = packet_grow(packet, CHANNEL_HEAD);
	struct pen pen;

	if (put != PACKET_PUT)
		return put;
	pen = (struct pen){ .at = packet->bytes, .room = packet->room };
	pen_u8(&pen, CHANNEL_VERSION);
	pen_u8(&pen, 0);
	pen_u16(&pen, 0);
	pen_u64(&pen, number);
	packet->used = pen.used;
	return PACKET_PUT;
}

void packet_flag(struct packet *packet, enum channel_packet_flag flag)
{
	packet->bytes[1] |= (unsigned char)flag;
}

bool packet_empty(const struct packet *packet)
{
	return packet->used <= CHANNEL_HEAD;
}

enum packet_put packet_open(struct packet *packet, enum channel_type type,
			    size_t at_least, struct pen *ret_pen)
{
	const size_t most = CHANNEL_RECORD_HEAD + CHANNEL_RECORD_MAX;
	enum packet_put put;
	struct pen pen;

	if (at_least > CHANNEL_RECORD_MAX)
		return PACKET_FULL;
	put = packet_grow(packet,
			  packet->used + CHANNEL_RECORD_HEAD + at_least);
	if (put != PACKET_PUT)
		return put;
	pen = (struct pen){ .at = packet->bytes + packet->used,
			    .room = packet->room - packet->used };
	if (pen.room > most)
		pen.room = most;
	pen_u8(&pen, (uint8_t)type);
	pen_u8(&pen, 0);
	pen_u16(&pen, 0);
	*ret_pen = pen;
	return PACKET_PUT;
}

void packet_close(struct packet *packet, const struct pen *pen, uint8_t flags)
{
	struct pen head = { .at = pen->at + 1, .room = 3 };

	pen_u8(&head, flags);
	pen_u16(&head, (uint16_t)(pen->used - CHANNEL_RECORD_HEAD));
	packet->used += pen->used;
}

enum packet_put packet_put(struct packet *packet, enum channel_type type,
			   uint8_t flags, const void *payload, size_t len)
{
	struct pen pen;
	enum packet_put put = packet_open(packet, type, len, &pen);

	if (put != PACKET_PUT)
		return put;
	pen_bytes(&pen, payload, len);
	packet_close(packet, &pen, flags);
	return PACKET_PUT;
}

/* --- texts: length u16 and that many bytes, a NUL among them; NULL is 0 --- */

bool channel_text_fits(const char *text)
{
	return text == NULL ||
	       strnlen(text, CHANNEL_TEXT_MAX + 1) <= CHANNEL_TEXT_MAX;
}

static size_t text_size(const char *text)
{
	return 2 + (text == NULL ? 0 : strlen(text) + 1);
}

static void put_text(struct pen *pen, const char *text)
{
	size_t len = text == NULL ? 0 : strlen(text) + 1;

	pen_u16(pen, (uint16_t)len);
	pen_bytes(pen, text, len);
}

static const char *read_text(struct cursor *payload)
{
	uint16_t len = cursor_u16(payload);
	const char *text = cursor_bytes(payload, len);

	if (text == NULL || len == 0)
		return NULL;
	if (len > CHANNEL_TEXT_MAX + 1 ||
	    memchr(text, '\0', len) != text + len - 1) {
		payload->failed = true;
		return NULL;
	}
	return text;
}

/* --- the filter's half --------------------------------------------------- */

static void put_authentication(struct pen *pen,
			       const struct message_authentication *auth)
{
	pen_u8(pen, (uint8_t)((auth->wanted ? AUTH_WANTED : 0) |
			      (auth->verifies ? AUTH_VERIFIES : 0) |
			      (auth->spf_unknown ? AUTH_SPF_UNKNOWN : 0)));
	pen_u8(pen, (uint8_t)auth->discovery);
	pen_u8(pen, (uint8_t)auth->spf);
	put_text(pen, auth->spf_domain);
}

enum packet_put packet_put_begin(struct packet *packet,
				 const struct message_request *request,
				 uint32_t dns_ms)
{
	const struct message_authentication *auth = &request->authentication;
	enum packet_put put;
	struct pen pen;

	if (!channel_text_fits(auth->spf_domain))
		return PACKET_FULL;
	put = packet_open(packet, CHANNEL_BEGIN,
			  8 + 8 + 4 + 4 + 3 + text_size(auth->spf_domain),
			  &pen);
	if (put != PACKET_PUT)
		return put;
	pen_u64(&pen, (uint64_t)request->arrival);
	pen_u64(&pen, request->body_limit);
	pen_u32(&pen, (uint32_t)request->want_count);
	pen_u32(&pen, dns_ms);
	put_authentication(&pen, auth);
	packet_close(packet, &pen, 0);
	return PACKET_PUT;
}

bool channel_envelope_fits(const struct spf_request *request)
{
	return channel_text_fits(request->helo) &&
	       channel_text_fits(request->sender) &&
	       channel_text_fits(request->receiver);
}

enum packet_put packet_put_envelope(struct packet *packet,
				    const struct spf_request *request,
				    uint32_t dns_ms,
				    struct packet_span *ret_names)
{
	const char *at = strrchr(request->sender, '@');
	size_t domain = at == NULL ? 0 : (size_t)(at + 1 - request->sender);
	size_t base = packet->used;
	enum packet_put put;
	struct pen pen;

	if (!channel_envelope_fits(request))
		return PACKET_FULL;
	put = packet_open(packet, CHANNEL_ENVELOPE,
			  8 + 4 + 17 + text_size(request->receiver) +
				  text_size(request->sender) +
				  text_size(request->helo),
			  &pen);
	if (put != PACKET_PUT)
		return put;
	pen_u64(&pen, (uint64_t)request->now);
	pen_u32(&pen, dns_ms);
	channel_put_ip(&pen, &request->client);
	put_text(&pen, request->receiver);
	ret_names->from = base + pen.used + 2 + domain;
	put_text(&pen, request->sender);
	put_text(&pen, request->helo);
	ret_names->to = base + pen.used;
	packet_close(packet, &pen, 0);
	return PACKET_PUT;
}

enum packet_put packet_put_want(struct packet *packet,
				const struct message_want *want)
{
	struct pen pen;
	enum packet_put put;

	put = packet_open(packet, CHANNEL_WANT, 1 + want->name_len, &pen);
	if (put != PACKET_PUT)
		return put;
	pen_u8(&pen, want->raw);
	pen_bytes(&pen, want->name, want->name_len);
	packet_close(packet, &pen, 0);
	return PACKET_PUT;
}

enum packet_put packet_put_header(struct packet *packet, const char *name,
				  size_t name_len, const char *value,
				  size_t value_len)
{
	const size_t most = CHANNEL_RECORD_MAX - 2;
	enum packet_put put;
	uint8_t flags = 0;
	struct pen pen;

	if (name_len > most) {
		name_len = most;
		flags = CHANNEL_CUT;
	}
	if (value_len > most - name_len) {
		value_len = most - name_len;
		flags = CHANNEL_CUT;
	}
	put = packet_open(packet, CHANNEL_HEADER, 2 + name_len + value_len,
			  &pen);
	if (put != PACKET_PUT)
		return put;
	pen_u16(&pen, (uint16_t)name_len);
	pen_bytes(&pen, name, name_len);
	pen_bytes(&pen, value, value_len);
	packet_close(packet, &pen, flags);
	return PACKET_PUT;
}

/* How many bytes of a body go into the packet. */
static size_t body_room(const struct packet *packet, size_t len)
{
	size_t over = packet->used + CHANNEL_RECORD_HEAD;

	if (over >= CHANNEL_PACKET_MAX)
		return 0;
	return len < CHANNEL_PACKET_MAX - over ? len
					       : CHANNEL_PACKET_MAX - over;
}

enum packet_put packet_put_body(struct packet *packet, const void *bytes,
				size_t len, size_t *ret_taken)
{
	size_t piece = body_room(packet, len);
	enum packet_put put;

	*ret_taken = 0;
	if (len == 0)
		return PACKET_PUT;
	if (piece == 0)
		return PACKET_FULL;
	put = packet_put(packet, CHANNEL_BODY, 0, bytes, piece);
	if (put != PACKET_PUT)
		return put;
	*ret_taken = piece;
	return piece < len ? PACKET_FULL : PACKET_PUT;
}

enum packet_put packet_put_body_head(struct packet *packet, size_t len,
				     size_t *ret_taken)
{
	size_t piece = body_room(packet, len);
	struct pen pen;
	enum packet_put put;

	if (piece == 0)
		return PACKET_FULL;
	put = packet_open(packet, CHANNEL_BODY, 0, &pen);
	if (put != PACKET_PUT)
		return put;
	packet_close(packet, &pen, 0);
	pen = (struct pen){ .at = packet->bytes + packet->used - 2, .room = 2 };
	pen_u16(&pen, (uint16_t)piece);
	*ret_taken = piece;
	return PACKET_PUT;
}

enum packet_put packet_put_end(struct packet *packet, bool body_cut)
{
	return packet_put(packet, CHANNEL_END, body_cut ? CHANNEL_CUT : 0, NULL,
			  0);
}

bool channel_open(struct cursor *packet, struct channel_head *ret_head)
{
	struct channel_head head;
	uint8_t version = cursor_u8(packet);
	uint16_t reserved;

	head.flags = cursor_u8(packet);
	reserved = cursor_u16(packet);
	head.number = cursor_u64(packet);
	if (packet->failed || version != CHANNEL_VERSION || reserved != 0 ||
	    (head.flags & ~CHANNEL_LAST) != 0)
		return false;
	*ret_head = head;
	return true;
}

enum channel_read channel_next(struct cursor *packet,
			       struct channel_record *ret_record)
{
	struct channel_record record;
	const char *bytes;
	uint16_t len;

	if (cursor_whole(packet))
		return CHANNEL_ENDED;
	record.type = cursor_u8(packet);
	record.flags = cursor_u8(packet);
	len = cursor_u16(packet);
	bytes = cursor_bytes(packet, len);
	if (bytes == NULL)
		return CHANNEL_BROKEN;
	record.payload = cursor_over(bytes, len);
	*ret_record = record;
	return CHANNEL_RECORD;
}

static bool read_authentication(struct cursor *payload,
				struct message_authentication *ret_auth)
{
	uint8_t flags = cursor_u8(payload);
	uint8_t discovery = cursor_u8(payload);
	uint8_t spf = cursor_u8(payload);

	*ret_auth = (struct message_authentication){
		.wanted = (flags & AUTH_WANTED) != 0,
		.verifies = (flags & AUTH_VERIFIES) != 0,
		.spf_unknown = (flags & AUTH_SPF_UNKNOWN) != 0,
		.discovery = (enum dmarc_discovery)discovery,
		.spf = (enum spf_result)spf,
		.spf_domain = read_text(payload),
	};
	return (flags & ~AUTH_FLAGS) == 0 && discovery <= DMARC_SUFFIX_LIST &&
	       spf <= SPF_RESULT_NONE;
}

bool channel_read_begin(struct cursor *payload,
			struct message_request *ret_request,
			uint32_t *ret_dns_ms)
{
	struct message_request request = { 0 };
	uint32_t dns_ms;

	request.arrival = (int64_t)cursor_u64(payload);
	request.body_limit = cursor_u64(payload);
	request.want_count = cursor_u32(payload);
	dns_ms = cursor_u32(payload);
	if (!read_authentication(payload, &request.authentication) ||
	    !cursor_whole(payload) || request.want_count > CHANNEL_WANTS_MAX)
		return false;
	*ret_request = request;
	*ret_dns_ms = dns_ms;
	return true;
}

bool channel_read_envelope(struct cursor *payload,
			   struct spf_request *ret_request,
			   uint32_t *ret_dns_ms)
{
	struct spf_request request = { 0 };
	uint32_t dns_ms;
	bool fine;

	request.now = (int64_t)cursor_u64(payload);
	dns_ms = cursor_u32(payload);
	fine = channel_read_ip(payload, &request.client);
	request.receiver = read_text(payload);
	request.sender = read_text(payload);
	request.helo = read_text(payload);
	if (!fine || !cursor_whole(payload) || request.sender == NULL)
		return false;
	*ret_request = request;
	*ret_dns_ms = dns_ms;
	return true;
}

bool channel_read_want(struct cursor *payload, struct message_want *ret_want)
{
	struct message_want want = { 0 };
	uint8_t raw = cursor_u8(payload);

	want.raw = raw == 1;
	want.name_len = payload->left;
	want.name = cursor_bytes(payload, payload->left);
	if (want.name == NULL || want.name_len == 0 || raw > 1)
		return false;
	*ret_want = want;
	return true;
}

bool channel_read_header(struct channel_record *record,
			 struct channel_field *ret_field)
{
	struct channel_field field;

	field.name_len = cursor_u16(&record->payload);
	field.name = cursor_bytes(&record->payload, field.name_len);
	field.value_len = record->payload.left;
	field.value = cursor_bytes(&record->payload, field.value_len);
	field.cut = (record->flags & CHANNEL_CUT) != 0;
	if (field.name == NULL || field.value == NULL)
		return false;
	*ret_field = field;
	return true;
}
