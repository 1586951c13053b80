/*
 * dkim_body.h - a body on its way into libopendkim.
 *
 * The library's canonicalisations depend on how a body is cut, and lose bytes
 * where a CR or an LF stands alone.  So what it gets is cut anew: a CR is never
 * parted from what follows, and the last line has its end (RFC 6376 section
 * 3.4.3 and 3.4.4).  What is left of its mistakes is found here and told, so
 * that nobody believes a result about such a body:
 *
 *	simple	an LF without a CR before it, several CRs in front of one that
 *		are all of a line
 *	relaxed	a CR before anything but CR or LF, or behind a blank
 *	both	a line, or a run of CRs, longer than the limits below
 *
 * And it counts how long the canonicalised body is, which the library cannot
 * say of more than l= bytes of it.
 */
#ifndef STEELYARD_INSPECT_DKIM_BODY_H
#define STEELYARD_INSPECT_DKIM_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	DKIM_LINE_MAX = 1024 * 1024, /* the library keeps it in memory */
	DKIM_CRS_MAX = 32,
};

/* Starts as { .count = ..., .each = ..., .context = ... }. */
struct dkim_body {
	bool count; /* are the lengths wanted? */
	void (*each)(void *context, const char *bytes, size_t len);
	void *context;

	/* What was found; holds at any time. */
	bool strange_simple, strange_relaxed;

	/* Canonicalised bytes; hold after dkim_body_end(). */
	uint64_t simple, relaxed;

	/* private */
	char held[DKIM_CRS_MAX + 2]; /* CRs at the end, and what follows */
	size_t held_len;
	size_t line; /* bytes since the last LF, handed on */
	bool any, whole; /* bytes were handed on; the last are CRLF */
	char last; /* byte that was handed on */
	char before; /* the byte before the CRs that are held */
	/* of the counting */
	uint64_t simple_ends, relaxed_ends; /* of empty lines not yet counted */
	uint64_t simple_line, relaxed_line; /* bytes of this line */
	bool blank; /* blanks not yet counted */
	bool cr;
};

void dkim_body_feed(struct dkim_body *body, const char *bytes, size_t len);
void dkim_body_end(struct dkim_body *body);

#endif
