/*
 * answer_take.c - the filter reads what an inspector says, and believes none
 * of it: every fact must be the inspector's to establish, of the table's type,
 * said once.
 */
#include "filter/inspect/answer.h"

#include <string.h>

#include "filter/inspect/message.h"
#include "rules/arena.h"

static bool between(enum fact_id id, enum fact_id first, enum fact_id last)
{
	return id >= first && id <= last;
}

bool answer_is_due(const struct answer_due *due, enum fact_id id)
{
	if (!fact_row(id)->built)
		return false;
	if (due->envelope)
		return between(id, FACT_SPF, FACT_SPF_ERROR);
	return between(id, FACT_FROM_DOMAIN, FACT_HEADER_TRUNCATED) ||
	       (due->body &&
		between(id, FACT_BODY_SIZE, FACT_BODY_LONGEST_LINE)) ||
	       (due->authentication &&
		between(id, FACT_DKIM, FACT_DMARC_RECORD_ERROR));
}

bool answer_is_inspectors(enum fact_id id)
{
	static const struct answer_due envelope = { .envelope = true };
	static const struct answer_due content = { .body = true,
						   .authentication = true };

	return answer_is_due(&envelope, id) || answer_is_due(&content, id);
}

/* The fact's place, or NULL if it is not the inspector's. */
static struct fact *place_of(struct answer *answer, unsigned id, uint32_t want)
{
	const struct message_want *wanted;

	if (id < FACT_FIXED)
		return want == 0 && answer_is_due(&answer->due,
						  (enum fact_id)id)
			       ? &answer->facts->fixed[id]
			       : NULL;
	if (want >= answer->want_count)
		return NULL;
	wanted = &answer->wants[want];
	if (id != (wanted->raw ? FACT_HEADER_RAW : FACT_HEADER) ||
	    wanted->slot >= answer->facts->slot_count)
		return NULL;
	return &answer->facts->slots[wanted->slot];
}

static const struct fact no_room = { .state = FACT_UNKNOWN,
				     .cause = CAUSE_LIMIT };

/* The next values of a set; the last one completes it. */
static bool take_items(struct answer *answer, struct cursor *payload, bool more,
		       struct fact *fact)
{
	struct arena *arena = answer->facts->arena;

	while (payload->left > 0) {
		uint16_t len = cursor_u16(payload);
		const char *bytes = cursor_bytes(payload, len);
		char *copy;

		if (bytes == NULL || answer->at_filled >= answer->at_count)
			return false;
		answer->at_filled++;
		if (answer->at == NULL)
			continue;
		copy = arena_strndup(arena, bytes, len);
		if (copy == NULL) {
			answer->at = NULL;
			continue;
		}
		answer->at[answer->at_filled - 1] =
			(struct text){ .at = copy, .len = len };
	}
	if (more)
		return true;
	if (payload->failed || answer->at_filled != answer->at_count)
		return false;
	answer->open = false;
	*fact = no_room;
	if (answer->at != NULL)
		*fact = (struct fact){ .state = FACT_KNOWN,
				       .cause = answer->cause,
				       .partial = answer->partial,
				       .set = { .items = answer->at,
						.count = answer->at_count } };
	return true;
}

static bool take_set(struct answer *answer, struct cursor *payload, bool more,
		     struct fact *fact)
{
	uint32_t count = cursor_u32(payload);

	if (payload->failed)
		return false;
	if (answer->open)
		return count == answer->at_count &&
		       take_items(answer, payload, more, fact);
	if (count == 0 || count > ANSWER_ITEMS_MAX - answer->items)
		return false;
	answer->items += count;
	answer->open = true;
	answer->at_count = count;
	answer->at_filled = 0;
	answer->at =
		arena_array(answer->facts->arena, count, sizeof(*answer->at));
	return take_items(answer, payload, more, fact);
}

static bool take_text(struct answer *answer, struct cursor *payload,
		      struct fact *fact)
{
	size_t len = payload->left;
	const char *bytes = cursor_bytes(payload, len);
	char *copy;

	if (bytes == NULL)
		return false;
	copy = arena_strndup(answer->facts->arena, bytes, len);
	*fact = no_room;
	if (copy != NULL)
		*fact = (struct fact){ .state = FACT_KNOWN,
				       .text = { .at = copy, .len = len } };
	return true;
}

static bool take_value(struct answer *answer, enum fact_id id,
		       struct cursor *payload, struct fact *fact)
{
	const struct fact_row *row = fact_row(id);
	struct fact value = { .state = FACT_KNOWN };
	unsigned words = 0;
	uint8_t yes;

	switch (row->type) {
	case FACT_TYPE_BOOL:
		yes = cursor_u8(payload);
		if (yes > 1)
			return false;
		value.yes = yes == 1;
		break;
	case FACT_TYPE_NUMBER:
		value.number = (int64_t)cursor_u64(payload);
		break;
	case FACT_TYPE_ENUM:
		value.word = cursor_u16(payload);
		while (row->words[words] != NULL)
			words++;
		if (value.word >= words)
			return false;
		break;
	case FACT_TYPE_STRING: return take_text(answer, payload, fact);
	case FACT_TYPE_SET:
	case FACT_TYPE_IP:
	default: return false;
	}
	if (!cursor_whole(payload))
		return false;
	*fact = value;
	return true;
}

static bool take_fact(struct answer *answer, struct channel_record *record)
{
	struct cursor *payload = &record->payload;
	unsigned id = cursor_u16(payload);
	uint8_t state = cursor_u8(payload);
	uint8_t cause = cursor_u8(payload);
	uint32_t want = cursor_u32(payload);
	bool more = (record->flags & CHANNEL_MORE) != 0;
	bool partial = (record->flags & CHANNEL_PARTIAL) != 0;
	struct fact *fact;

	if (payload->failed || cause >= CAUSE_COUNT ||
	    (record->flags & ~(CHANNEL_MORE | CHANNEL_PARTIAL)) != 0)
		return false;
	fact = place_of(answer, id, want);
	if (fact == NULL || fact->state != FACT_PENDING)
		return false;
	if (answer->open &&
	    (id != answer->id || want != answer->want ||
	     cause != (uint8_t)answer->cause || partial != answer->partial))
		return false;
	answer->id = (enum fact_id)id;
	answer->want = want;
	answer->cause = (enum fact_cause)cause;
	answer->partial = partial;
	if (state == FACT_KNOWN && fact_row(answer->id)->type == FACT_TYPE_SET)
		return take_set(answer, payload, more, fact);
	if (answer->open || more || partial)
		return false;
	if (state == FACT_KNOWN)
		return take_value(answer, answer->id, payload, fact);
	if (!cursor_whole(payload) ||
	    (state != FACT_NONE && state != FACT_UNKNOWN))
		return false;
	*fact = (struct fact){ .state = (enum fact_state)state,
			       .cause = (enum fact_cause)cause };
	return true;
}

bool answer_take(struct answer *answer, const void *packet, size_t len)
{
	struct cursor cursor = cursor_over(packet, len);
	struct channel_record record;
	struct channel_head head;
	enum channel_read read;

	if (!channel_open(&cursor, &head))
		return false;
	while ((read = channel_next(&cursor, &record)) == CHANNEL_RECORD)
		if (record.type != CHANNEL_FACT || !take_fact(answer, &record))
			return false;
	return read == CHANNEL_ENDED;
}

bool answer_complete(const struct answer *answer)
{
	return !answer->open;
}

void answer_forget(struct answer *answer)
{
	struct facts *facts = answer->facts;

	for (int id = 0; id < FACT_FIXED; id++)
		if (answer_is_due(&answer->due, (enum fact_id)id))
			facts->fixed[id] = (struct fact){ 0 };
	for (size_t i = 0; i < answer->want_count; i++)
		if (answer->wants[i].slot < facts->slot_count)
			facts->slots[answer->wants[i].slot] =
				(struct fact){ 0 };
	answer->open = false;
}

static bool fill_one(struct fact *fact, enum fact_cause cause)
{
	if (fact->state != FACT_PENDING)
		return true;
	*fact = (struct fact){ .state = FACT_UNKNOWN, .cause = cause };
	return false;
}

bool answer_fill(struct answer *answer, enum fact_cause cause)
{
	struct facts *facts = answer->facts;
	bool all = true;

	for (int id = 0; id < FACT_FIXED; id++)
		if (answer_is_due(&answer->due, (enum fact_id)id))
			all &= fill_one(&facts->fixed[id], cause);
	for (size_t i = 0; i < answer->want_count; i++)
		if (answer->wants[i].slot < facts->slot_count)
			all &= fill_one(&facts->slots[answer->wants[i].slot],
					cause);
	return all;
}
