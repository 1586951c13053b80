/*
 * names.h - finds the number that a name stands for.
 *
 * Used while rule files are compiled.  Memory is the arena's; names are
 * borrowed and must live as long as the table.  One thread.
 */
#ifndef STEELYARD_RULES_NAMES_H
#define STEELYARD_RULES_NAMES_H

#include <stddef.h>
#include <stdint.h>

struct arena;

struct name_entry {
	const char *name; /* NULL: a free place */
	uint32_t hash;
	uint32_t number;
};

struct names {
	struct arena *arena;
	struct name_entry *table; /* open addressing, at most half full */
	size_t size; /* a power of two */
	size_t count;
};

void names_init(struct names *names, struct arena *arena);

/*
 * Gives the name this number, unless it has one already: *ret_number is what
 * it has in the end.  1 if it is new, 0 if it is not, -1 without memory.
 */
int names_add(struct names *names, const char *name, uint32_t number,
	      uint32_t *ret_number);

/* -1 if there is no such name. */
int64_t names_find(const struct names *names, const char *name);

/* Steps through all names for diag_nearest(); `context` is a names_walk. */
struct names_walk {
	const struct names *names;
	size_t at; /* start with 0 */
};
const char *names_next(void *context);

#endif
