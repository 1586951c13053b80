/*
 * encoded.h - what a header value says, in UTF-8.
 *
 * Encoded words (RFC 2047) become the text they stand for.  Blanks between two
 * of them vanish, and bytes of neighbours in one charset are joined before they
 * are converted, as senders cut characters in two.  A word that is not well
 * formed stays as it is, and so does one in an unknown charset.  More is taken
 * than the RFC allows where readers do the same: words that touch their
 * neighbours, words longer than 75 characters, missing base64 padding, words in
 * quoted strings.
 *
 * Outside of words UTF-8 is kept; bytes that are none become U+FFFD.  Line
 * breaks of folds go.  Control characters, NUL among them, come through as they
 * are, encoded or not: who logs or shows the text must escape it.
 *
 * Time is linear, memory at most five times the input.
 */
#ifndef STEELYARD_RULES_MAIL_ENCODED_H
#define STEELYARD_RULES_MAIL_ENCODED_H

#include <stddef.h>

struct arena;
struct charsets;

enum encoded_where {
	ENCODED_TEXT, /* unstructured: Subject and the like */
	ENCODED_PHRASE, /* a display name: quoted strings lose their quotes */
};

enum encoded_flag {
	ENCODED_WORDS = 1 << 0, /* there was at least one word */
	ENCODED_BROKEN = 1 << 1, /* one was not well formed, and stayed */
	ENCODED_UNKNOWN = 1 << 2, /* one had an unknown charset, and stayed */
	ENCODED_MENDED = 1 << 3, /* U+FFFD stands for bytes without meaning */
	ENCODED_RAW = 1 << 4, /* bytes beyond ASCII outside of words */
	ENCODED_IN_QUOTES = 1 << 5, /* a word inside a quoted string */
};

struct encoded_text {
	const char *text; /* UTF-8, not NUL-terminated; may be the input */
	size_t len;
	unsigned int flags;
};

/* `sets` may be NULL (see charset.h).  -1 when the arena is full, else 0. */
int encoded_decode(struct arena *arena, struct charsets *sets,
		   const char *value, size_t len, enum encoded_where where,
		   struct encoded_text *ret_text);

#endif
