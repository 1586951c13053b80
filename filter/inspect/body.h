/*
 * body.h - what the bytes of a body look like, line by line.
 *
 * Pieces may be cut anywhere: the outcome is that of one piece.  A line ends in
 * CRLF or LF.  Nothing is stored but counts.
 */
#ifndef STEELYARD_INSPECT_BODY_H
#define STEELYARD_INSPECT_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct facts;

struct body {
	uint64_t limit; /* bytes that are read */
	uint64_t size; /* and how many were */
	uint64_t line, longest; /* bytes without the line end */
	bool after_cr; /* the last byte was CR */
	bool nul, bare_cr, bare_lf;
	bool cut; /* there was, or may have been, more */
};

void body_init(struct body *body, uint64_t limit);
void body_read(struct body *body, const void *bytes, size_t len);

/*
 * Sets the facts of the body.  Of a body that was longer than the limit, what
 * was not found is unknown; size and longest line are those of the part read.
 */
void body_finish(struct body *body, struct facts *facts);

#endif
