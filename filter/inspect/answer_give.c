/*
 * answer_give.c - the inspector writes down what it found.
 */
#include "filter/inspect/answer.h"

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

static int giving_flush(struct giving *g)
{
	g->sent += g->packet->used;
	if (g->send(g->context, g->packet) < 0)
		return -1;
	return packet_begin(g->packet, g->number) == PACKET_PUT ? 0 : -1;
}

/* Opens a record with the head of a fact; sends the packet if it is full. */
static int fact_open(struct giving *g, enum fact_id id, uint32_t want,
		     const struct fact *fact, size_t at_least,
		     struct pen *ret_pen)
{
	size_t need = FACT_HEAD + at_least;
	enum packet_put put;

	put = packet_open(g->packet, CHANNEL_FACT, need, ret_pen);
	if (put == PACKET_FULL) {
		if (giving_flush(g) < 0)
			return -1;
		put = packet_open(g->packet, CHANNEL_FACT, need, ret_pen);
	}
	if (put != PACKET_PUT)
		return -1;
	pen_u16(ret_pen, (uint16_t)id);
	pen_u8(ret_pen, (uint8_t)fact->state);
	pen_u8(ret_pen, (uint8_t)fact->cause);
	pen_u32(ret_pen, want);
	return 0;
}

static size_t text_len(const struct text *text)
{
	return text->len > MESSAGE_TEXT_MAX ? MESSAGE_TEXT_MAX : text->len;
}

/* Each record takes as many values as it has room for, and one at least. */
static int give_set(struct giving *g, enum fact_id id, uint32_t want,
		    const struct fact *fact)
{
	size_t next = 0;
	uint8_t flags = fact->partial ? CHANNEL_PARTIAL : 0;
	struct pen pen;

	while (next < fact->set.count) {
		size_t first = text_len(&fact->set.items[next]);

		if (fact_open(g, id, want, fact, 4 + 2 + first, &pen) < 0)
			return -1;
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
		if (next < fact->set.count)
			packet_close(g->packet, &pen, flags | CHANNEL_MORE);
		else
			packet_close(g->packet, &pen, flags);
	}
	g->items += fact->set.count;
	return 0;
}

static int give_plain(struct giving *g, enum fact_id id, uint32_t want,
		      const struct fact *fact)
{
	enum fact_type type = fact_row(id)->type;
	bool known = fact->state == FACT_KNOWN;
	size_t len =
		known && type == FACT_TYPE_STRING ? text_len(&fact->text) : 8;
	struct pen pen;

	if (fact_open(g, id, want, fact, len, &pen) < 0)
		return -1;
	if (known && type == FACT_TYPE_STRING)
		pen_bytes(&pen, fact->text.at, len);
	else if (known && type == FACT_TYPE_BOOL)
		pen_u8(&pen, fact->yes);
	else if (known && type == FACT_TYPE_NUMBER)
		pen_u64(&pen, (uint64_t)fact->number);
	else if (known && type == FACT_TYPE_ENUM)
		pen_u16(&pen, (uint16_t)fact->word);
	packet_close(g->packet, &pen, 0);
	return 0;
}

/* May the fact be said in full?  Room stays for saying that others are not. */
static bool fits(const struct giving *g, const struct fact *fact,
		 enum fact_type type)
{
	size_t bytes = 64;

	if (fact->state == FACT_KNOWN && type == FACT_TYPE_STRING)
		bytes += text_len(&fact->text);
	if (fact->state == FACT_KNOWN && type == FACT_TYPE_SET) {
		if (fact->set.count > ANSWER_ITEMS_MAX - g->items)
			return false;
		for (size_t i = 0; i < fact->set.count; i++)
			bytes += 32 + text_len(&fact->set.items[i]);
	}
	return g->sent + g->packet->used + bytes + 2 * CHANNEL_PACKET_MAX <=
	       ANSWER_BYTES_MAX;
}

static int give(struct giving *g, enum fact_id id, uint32_t want,
		const struct fact *fact)
{
	const struct fact limit = { .state = FACT_UNKNOWN,
				    .cause = CAUSE_LIMIT };
	enum fact_type type = fact_row(id)->type;

	if (!fits(g, fact, type))
		fact = &limit;
	if (fact->state == FACT_KNOWN && type == FACT_TYPE_SET)
		return give_set(g, id, want, fact);
	return give_plain(g, id, want, fact);
}

int answer_give(const struct facts *facts, const struct answer_due *due,
		const struct message_want *wants, uint64_t number,
		struct packet *packet, answer_send *send, void *context)
{
	struct giving g = { .packet = packet,
			    .number = number,
			    .send = send,
			    .context = context };

	if (packet_begin(packet, number) != PACKET_PUT)
		return -1;
	for (int id = 0; id < FACT_FIXED; id++) {
		const struct fact *fact = &facts->fixed[id];

		if (fact->state == FACT_PENDING ||
		    !answer_is_due(due, (enum fact_id)id))
			continue;
		if (give(&g, (enum fact_id)id, 0, fact) < 0)
			return -1;
	}
	for (size_t i = 0; i < facts->slot_count; i++) {
		enum fact_id id = wants[i].raw ? FACT_HEADER_RAW : FACT_HEADER;

		if (facts->slots[i].state == FACT_PENDING)
			continue;
		if (give(&g, id, (uint32_t)i, &facts->slots[i]) < 0)
			return -1;
	}
	packet_flag(packet, CHANNEL_LAST);
	return send(context, packet);
}
