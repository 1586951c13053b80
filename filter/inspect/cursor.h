/*
 * cursor.h - bytes of a foreign message, read and written within bounds.
 *
 * A cursor reads from the front.  Whoever reads past the end gets zeros, and
 * `failed` stays set, so that a parser may read a whole record and ask once.
 * A pen writes in the same manner.  Numbers are little-endian.
 */
#ifndef STEELYARD_INSPECT_CURSOR_H
#define STEELYARD_INSPECT_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cursor {
	const unsigned char *at;
	size_t left;
	bool failed;
};

struct cursor cursor_over(const void *bytes, size_t len);
uint8_t cursor_u8(struct cursor *cursor);
uint16_t cursor_u16(struct cursor *cursor);
uint32_t cursor_u32(struct cursor *cursor);
uint64_t cursor_u64(struct cursor *cursor);
/* The next `len` bytes where they lie; NULL after a failure. */
const char *cursor_bytes(struct cursor *cursor, size_t len);
/* Nothing failed, and nothing is left. */
bool cursor_whole(const struct cursor *cursor);

struct pen {
	unsigned char *at;
	size_t used, room;
	bool failed; /* something did not fit and was left out */
};

void pen_u8(struct pen *pen, uint8_t value);
void pen_u16(struct pen *pen, uint16_t value);
void pen_u32(struct pen *pen, uint32_t value);
void pen_u64(struct pen *pen, uint64_t value);
void pen_bytes(struct pen *pen, const void *bytes, size_t len);

#endif
