/*
 * span.h - places in a text that is not terminated, and what stands there.
 *
 * For parsers of records made of ASCII words.  A blank is a space or a tab
 * (WSP of RFC 5234); no locale is asked.
 */
#ifndef STEELYARD_INSPECT_SPAN_H
#define STEELYARD_INSPECT_SPAN_H

#include <stdbool.h>
#include <stddef.h>

struct span {
	size_t at, len;
};

static inline bool ascii_blank(char c)
{
	return c == ' ' || c == '\t';
}

static inline bool ascii_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool ascii_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* What is left of text[from, to) without the blanks at its ends. */
static inline struct span span_trim(const char *text, size_t from, size_t to)
{
	while (from < to && ascii_blank(text[from]))
		from++;
	while (to > from && ascii_blank(text[to - 1]))
		to--;
	return (struct span){ .at = from, .len = to - from };
}

#endif
