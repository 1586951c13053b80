/*
 * arena.c - blocks that grow, cut into pieces from the front.
 *
 * The first block is small, as most messages need little; each further one
 * doubles up to BLOCK_MAX.  A request larger than that gets a block of its own.
 */
#include "rules/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_MIN = 4096, BLOCK_MAX = 65536 };

struct arena_block {
	struct arena_block *next;
	size_t size; /* of `bytes` */
	size_t used;
	_Alignas(max_align_t) unsigned char bytes[];
};

void arena_init(struct arena *arena, size_t ceiling)
{
	memset(arena, 0, sizeof(*arena));
	arena->ceiling = ceiling;
}

void arena_reset(struct arena *arena)
{
	size_t ceiling = arena->ceiling;

	arena_done(arena);
	arena_init(arena, ceiling);
}

void arena_done(struct arena *arena)
{
	struct arena_block *block = arena->blocks;

	while (block != NULL) {
		struct arena_block *next = block->next;

		free(block);
		block = next;
	}
	arena->blocks = NULL;
	arena->taken = 0;
}

static struct arena_block *block_add(struct arena *arena, size_t need)
{
	size_t size = BLOCK_MIN;
	struct arena_block *block;

	if (arena->blocks != NULL)
		size = arena->blocks->size * 2;
	if (size > BLOCK_MAX)
		size = BLOCK_MAX;
	if (size < need)
		size = need;
	if (arena->taken > arena->ceiling ||
	    size > arena->ceiling - arena->taken)
		size = need; /* the last piece below the ceiling */
	if (arena->taken > arena->ceiling ||
	    size > arena->ceiling - arena->taken) {
		arena->full = true;
		return NULL;
	}
	block = malloc(sizeof(*block) + size);
	if (block == NULL) {
		arena->failed = true;
		return NULL;
	}
	block->next = arena->blocks;
	block->size = size;
	block->used = 0;
	arena->blocks = block;
	arena->taken += size;
	return block;
}

/* As arena_alloc(), with whatever the bytes held before. */
static void *take(struct arena *arena, size_t size)
{
	const size_t align = _Alignof(max_align_t);
	struct arena_block *block = arena->blocks;
	void *piece;

	if (size > SIZE_MAX / 2) {
		arena->full = true;
		return NULL;
	}
	size = (size + align - 1) / align * align;
	if (size == 0)
		size = align;
	if (block == NULL || block->size - block->used < size)
		block = block_add(arena, size);
	if (block == NULL)
		return NULL;
	piece = block->bytes + block->used;
	block->used += size;
	return piece;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	void *piece = take(arena, size);

	return piece != NULL ? memset(piece, 0, size) : NULL;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes)) {
		arena->full = true;
		return NULL;
	}
	return arena_alloc(arena, bytes);
}

char *arena_strndup(struct arena *arena, const char *text, size_t len)
{
	char *copy;

	if (len > SIZE_MAX / 2) {
		arena->full = true;
		return NULL;
	}
	copy = take(arena, len + 1);
	if (copy == NULL)
		return NULL;
	if (len > 0)
		memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

/* Mostly there is room for it where the next piece will be. */
char *arena_printf(struct arena *arena, const char *format, ...)
{
	struct arena_block *block = arena->blocks;
	size_t room = block != NULL ? block->size - block->used : 0;
	char *here = room > 0 ? (char *)block->bytes + block->used : NULL;
	char *text;
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(here, room, format, args);
	va_end(args);
	if (len < 0)
		return NULL;
	text = take(arena, (size_t)len + 1);
	if (text == NULL || (text == here && (size_t)len < room))
		return text;
	va_start(args, format);
	vsnprintf(text, (size_t)len + 1, format, args);
	va_end(args);
	return text;
}
