/*
 * cursor.c - every length is compared once, here.
 */
#include "filter/inspect/cursor.h"

#include <string.h>

struct cursor cursor_over(const void *bytes, size_t len)
{
	return (struct cursor){ .at = bytes, .left = len };
}

static uint64_t take(struct cursor *cursor, size_t len)
{
	const char *bytes = cursor_bytes(cursor, len);
	uint64_t value = 0;

	if (bytes != NULL)
		while (len-- > 0)
			value = value << 8 | (unsigned char)bytes[len];
	return value;
}

uint8_t cursor_u8(struct cursor *cursor)
{
	return (uint8_t)take(cursor, 1);
}

uint16_t cursor_u16(struct cursor *cursor)
{
	return (uint16_t)take(cursor, 2);
}

uint32_t cursor_u32(struct cursor *cursor)
{
	return (uint32_t)take(cursor, 4);
}

uint64_t cursor_u64(struct cursor *cursor)
{
	return take(cursor, 8);
}

const char *cursor_bytes(struct cursor *cursor, size_t len)
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

bool cursor_whole(const struct cursor *cursor)
{
	return !cursor->failed && cursor->left == 0;
}

static void put(struct pen *pen, uint64_t value, size_t len)
{
	unsigned char bytes[8];

	for (size_t i = 0; i < len; i++)
		bytes[i] = (unsigned char)(value >> (8 * i));
	pen_bytes(pen, bytes, len);
}

void pen_u8(struct pen *pen, uint8_t value)
{
	put(pen, value, 1);
}

void pen_u16(struct pen *pen, uint16_t value)
{
	put(pen, value, 2);
}

void pen_u32(struct pen *pen, uint32_t value)
{
	put(pen, value, 4);
}

void pen_u64(struct pen *pen, uint64_t value)
{
	put(pen, value, 8);
}

void pen_bytes(struct pen *pen, const void *bytes, size_t len)
{
	if (pen->failed || len > pen->room - pen->used) {
		pen->failed = true;
		return;
	}
	if (len > 0)
		memcpy(pen->at + pen->used, bytes, len);
	pen->used += len;
}
