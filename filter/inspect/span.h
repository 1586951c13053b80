/*
 * span.h - places in a text that is not terminated, and what stands there.
 *
 * For parsers of records made of ASCII words.
 */
#ifndef STEELYARD_INSPECT_SPAN_H
#define STEELYARD_INSPECT_SPAN_H

#include <stddef.h>

#include "rules/mail/ascii.h"

struct span {
	size_t at, len;
};

/* What is left of text[from, to) without the blanks at its ends. */
static inline struct span span_trim(const char *text, size_t from, size_t to)
{
	while (from < to && ascii_is_blank(text[from]))
		from++;
	while (to > from && ascii_is_blank(text[to - 1]))
		to--;
	return (struct span){ .at = from, .len = to - from };
}

#endif
