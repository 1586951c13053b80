/*
 * arena.h - the memory of one message: taken in small pieces, freed in one go.
 *
 * An arena has a ceiling, so that no message can take more than its share.
 * When the ceiling is reached, or the machine has no memory left, every
 * further request returns NULL; which of the two it was can be asked.  What
 * was handed out before stays valid until arena_reset() or arena_done().
 *
 * An arena belongs to one thread at a time; it locks nothing.
 */
#ifndef STEELYARD_RULES_ARENA_H
#define STEELYARD_RULES_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *blocks; /* newest first */
	size_t taken; /* bytes asked from the system */
	size_t ceiling; /* and how many it may become */
	bool full; /* a request went over the ceiling */
	bool failed; /* the system had no memory */
};

/* Takes no memory yet.  `ceiling` is in bytes. */
void arena_init(struct arena *arena, size_t ceiling);

/* Frees everything; the arena may be used again at once. */
void arena_reset(struct arena *arena);

/* Frees everything. */
void arena_done(struct arena *arena);

/* Zeroed bytes, aligned for any type, or NULL. */
void *arena_alloc(struct arena *arena, size_t size);

/* The same for `count` elements; NULL also when the product overflows. */
void *arena_array(struct arena *arena, size_t count, size_t size);

/* A copy of `len` bytes with a NUL behind them, or NULL. */
char *arena_strndup(struct arena *arena, const char *text, size_t len);

/* Formats like snprintf(); the copy lives in the arena, or NULL. */
char *arena_printf(struct arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
