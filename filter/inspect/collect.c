/*
 * collect.c - arrays that double, in an arena.
 */
#include "filter/inspect/collect.h"

#include <string.h>

#include "filter/inspect/message.h"
#include "rules/arena.h"

static bool collect_grow(struct collect *collect, struct arena *arena)
{
	size_t room = collect->room == 0 ? 4 : collect->room * 2;
	struct text *items;

	if (collect->count < collect->room)
		return true;
	if (collect->count >= MESSAGE_ITEMS_MAX)
		return false;
	items = arena_array(arena, room, sizeof(*items));
	if (items == NULL)
		return false;
	if (collect->count > 0)
		memcpy(items, collect->items, collect->count * sizeof(*items));
	collect->items = items;
	collect->room = room;
	return true;
}

/* A cut must not halve a character: UTF-8 goes on with 10xxxxxx. */
static size_t cut_length(const char *at, size_t len)
{
	if (len <= MESSAGE_TEXT_MAX)
		return len;
	len = MESSAGE_TEXT_MAX;
	for (int back = 0; back < 3 && ((unsigned char)at[len] & 0xc0) == 0x80;
	     back++)
		len--;
	return len;
}

bool collect_keep(struct collect *collect, struct arena *arena, const char *at,
		  size_t len)
{
	size_t most = cut_length(at, len);

	if (!collect_grow(collect, arena)) {
		collect->lost = true;
		return false;
	}
	collect->items[collect->count++] =
		(struct text){ .at = at, .len = most };
	return most < len;
}

bool collect_add(struct collect *collect, struct arena *arena, const char *at,
		 size_t len)
{
	size_t most = cut_length(at, len);
	char *copy = arena_strndup(arena, at, most);

	if (copy == NULL) {
		collect->lost = true;
		return false;
	}
	collect_keep(collect, arena, copy, most);
	return most < len;
}

void collect_fact(const struct collect *collect, struct facts *facts,
		  enum fact_id id)
{
	if (collect->lost)
		facts_unknown(facts, id, CAUSE_LIMIT);
	else
		facts_set(facts, id, collect->items, collect->count);
}

void collect_slot(const struct collect *collect, struct facts *facts,
		  unsigned slot)
{
	if (slot >= facts->slot_count)
		return;
	if (collect->lost)
		facts_slot_unknown(facts, slot, CAUSE_LIMIT);
	else
		facts_slot_set(facts, slot, collect->items, collect->count);
}
