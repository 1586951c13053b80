/*
 * answer_give.c - the inspector writes down what it found.
 */
#include "filter/inspect/answer.h"

#include <string.h>

#include "filter/inspect/message.h"

enum { FACT_HEAD = 8 };

struct giving {
	struct packet *packet;
	uint64_t number;
	size_t sent; /* bytes, this packet not counted */
	size_t items;
	answer_send *send;
	void *context;
};

static bool giving_has_room(const struct giving *g, size_t len)
{
	return g->sent + g->packet->used + len + CHANNEL_PACKET_MAX <=
	       ANSWER_BYTES_MAX;
}

static int giving_flush(struct giving *g)
{
	g->sent += g->packet->used;
	if (g->send(g->context, g->packet) < 0)
		return -1;
	return packet_begin(g->packet, g->number) == PACKET_PUT ? 0 : -1;
}

static int giving_put(struct giving *g, uint8_t flags, const void *payload,
		      size_t len)
{
	enum packet_put put;

	put = packet_put(g->packet, CHANNEL_FACT, flags, payload, len);
	if (put == PACKET_FULL) {
		if (giving_flush(g) < 0)
			return -1;
		put = packet_put(g->packet, CHANNEL_FACT, flags, payload, len);
	}
	return put == PACKET_PUT ? 0 : -1;
}

static void fact_head(struct pen *pen, enum fact_id id, uint32_t want,
		      enum fact_state state, enum fact_cause cause)
{
	pen_u16(pen, (uint16_t)id);
	pen_u8(pen, (uint8_t)state);
	pen_u8(pen, (uint8_t)cause);
	pen_u32(pen, want);
}

/* What a set takes in records, about. */
static size_t set_bytes(const struct fact *fact)
{
	size_t bytes = 0;

	for (size_t i = 0; i < fact->set.count; i++)
		bytes += 2 + fact->set.items[i].len;
	return bytes + bytes / 32;
}

static int give_unknown(struct giving *g, enum fact_id id, uint32_t want,
			enum fact_cause cause)
{
	unsigned char head[FACT_HEAD];
	struct pen pen = { .at = head, .room = sizeof(head) };

	fact_head(&pen, id, want, FACT_UNKNOWN, cause);
	return giving_put(g, 0, head, pen.used);
}

static size_t text_len(const struct text *text)
{
	return text->len > MESSAGE_TEXT_MAX ? MESSAGE_TEXT_MAX : text->len;
}

/* Records filled as far as they go: at least one value each. */
static int give_set(struct giving *g, enum fact_id id, uint32_t want,
		    const struct fact *fact)
{
	static _Thread_local unsigned char record[CHANNEL_RECORD_MAX];
	size_t next = 0;

	do {
		struct pen pen = { .at = record, .room = sizeof(record) };
		bool more;

		fact_head(&pen, id, want, FACT_KNOWN, CAUSE_UNSTATED);
		pen_u32(&pen, (uint32_t)fact->set.count);
		while (next < fact->set.count) {
			const struct text *item = &fact->set.items[next];
			size_t len = text_len(item);

			if (len + 2 > pen.room - pen.used)
				break;
			pen_u16(&pen, (uint16_t)len);
			pen_bytes(&pen, item->at, len);
			next++;
		}
		more = next < fact->set.count;
		if (giving_put(g, more ? CHANNEL_MORE : 0, record, pen.used) <
		    0)
			return -1;
	} while (next < fact->set.count);
	return 0;
}
