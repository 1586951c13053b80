/*
 * names.c - a hash table that only grows.
 *
 * Names come from the administrator's own files, so a plain hash (FNV-1a) will
 * do.
 */
#include "rules/names.h"

#include <string.h>

#include "rules/arena.h"

enum { FIRST_SIZE = 64 };

void names_init(struct names *names, struct arena *arena)
{
	memset(names, 0, sizeof(*names));
	names->arena = arena;
}

static uint32_t name_hash(const char *name)
{
	uint32_t hash = 2166136261u;

	for (; *name != '\0'; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619u;
	return hash;
}

/* Where the name is, or where it would go. */
static struct name_entry *place_of(const struct names *names, const char *name,
				   uint32_t hash)
{
	size_t at = hash & (names->size - 1);

	while (names->table[at].name != NULL &&
	       (names->table[at].hash != hash ||
		strcmp(names->table[at].name, name) != 0))
		at = (at + 1) & (names->size - 1);
	return &names->table[at];
}

static int names_grow(struct names *names)
{
	struct names bigger = *names;

	bigger.size = names->size == 0 ? FIRST_SIZE : names->size * 2;
	bigger.table =
		arena_array(names->arena, bigger.size, sizeof(*bigger.table));
	if (bigger.table == NULL)
		return -1;
	for (size_t i = 0; i < names->size; i++) {
		const struct name_entry *old = &names->table[i];

		if (old->name != NULL)
			*place_of(&bigger, old->name, old->hash) = *old;
	}
	*names = bigger;
	return 0;
}

int names_add(struct names *names, const char *name, uint32_t number,
	      uint32_t *ret_number)
{
	uint32_t hash = name_hash(name);
	struct name_entry *entry;

	if (names->count * 2 >= names->size && names_grow(names) < 0)
		return -1;
	entry = place_of(names, name, hash);
	if (entry->name != NULL) {
		*ret_number = entry->number;
		return 0;
	}
	*entry = (struct name_entry){ name, hash, number };
	names->count++;
	*ret_number = number;
	return 1;
}

int64_t names_find(const struct names *names, const char *name)
{
	const struct name_entry *entry;

	if (names->size == 0)
		return -1;
	entry = place_of(names, name, name_hash(name));
	return entry->name != NULL ? (int64_t)entry->number : -1;
}

const char *names_next(void *context)
{
	struct names_walk *walk = context;

	while (walk->at < walk->names->size) {
		const char *name = walk->names->table[walk->at++].name;

		if (name != NULL)
			return name;
	}
	return NULL;
}
