/*
 * cursor.h - bytes of a foreign message, read and written within bounds.
 *
 * A cursor reads from the front.  Whoever reads past the end gets zeros, and
 * `failed` stays set, so that a parser may read a whole record and ask once.
 * A pen writes in the same manner.  Numbers are little-endian.
 *
 * Every length is compared in two places, cursor_bytes() and pen_bytes().
 * All of it is inline, as a message is a few hundred of such steps.
 */
#ifndef STEELYARD_INSPECT_CURSOR_H
#define STEELYARD_INSPECT_CURSOR_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cursor {
	const unsigned char *at;
	size_t left;
	bool failed;
};

static inline struct cursor cursor_over(const void *bytes, size_t len)
{
	return (struct cursor){ .at = bytes, .left = len };
}

/* The next `len` bytes where they lie; NULL after a failure. */
static inline const char *cursor_bytes(struct cursor *cursor, size_t len)
{
	const char *bytes = (const char *)cursor->at;

	if (cursor->failed || len > cursor->left) {
		cursor->failed = true;
		cursor->left = 0;
		return NULL;
	}
	cursor->at += len;
	cursor->left -= len;
	return bytes;
}

static inline uint8_t cursor_u8(struct cursor *cursor)
{
	const char *at = cursor_bytes(cursor, 1);

	return at ? (uint8_t)*at : 0;
}

static inline uint16_t cursor_u16(struct cursor *cursor)
{
	const char *at = cursor_bytes(cursor, sizeof(uint16_t));
	uint16_t value = 0;

	if (at != NULL)
		memcpy(&value, at, sizeof(value));
	return le16toh(value);
}

static inline uint32_t cursor_u32(struct cursor *cursor)
{
	const char *at = cursor_bytes(cursor, sizeof(uint32_t));
	uint32_t value = 0;

	if (at != NULL)
		memcpy(&value, at, sizeof(value));
	return le32toh(value);
}

static inline uint64_t cursor_u64(struct cursor *cursor)
{
	const char *at = cursor_bytes(cursor, sizeof(uint64_t));
	uint64_t value = 0;

	if (at != NULL)
		memcpy(&value, at, sizeof(value));
	return le64toh(value);
}

/* Nothing failed, and nothing is left. */
static inline bool cursor_whole(const struct cursor *cursor)
{
	return !cursor->failed && cursor->left == 0;
}

struct pen {
	unsigned char *at;
	size_t used, room;
	bool failed; /* something did not fit and was left out */
};

static inline void pen_bytes(struct pen *pen, const void *bytes, size_t len)
{
	if (pen->failed || len > pen->room - pen->used) {
		pen->failed = true;
		return;
	}
	if (len > 0)
		memcpy(pen->at + pen->used, bytes, len);
	pen->used += len;
}

static inline void pen_u8(struct pen *pen, uint8_t value)
{
	pen_bytes(pen, &value, 1);
}

static inline void pen_u16(struct pen *pen, uint16_t value)
{
	value = htole16(value);
	pen_bytes(pen, &value, sizeof(value));
}

static inline void pen_u32(struct pen *pen, uint32_t value)
{
	value = htole32(value);
	pen_bytes(pen, &value, sizeof(value));
}

static inline void pen_u64(struct pen *pen, uint64_t value)
{
	value = htole64(value);
	pen_bytes(pen, &value, sizeof(value));
}

#endif
