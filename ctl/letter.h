/*
 * letter.h - a message file, taken apart as an MTA hands it to a milter.
 *
 * Lines may end in LF or CRLF.  A value begins right behind its colon; the
 * lines of a folded one are parted by LF, as Postfix does.  The header ends at
 * an empty line, or where a line is no field (which then is the body's
 * first).  A leading "From " of an mbox is skipped.  The body has CRLF.
 */
#ifndef STEELYARD_CTL_LETTER_H
#define STEELYARD_CTL_LETTER_H

#include <stddef.h>

struct letter_field {
	const char *name;
	const char *value; /* ends at the first NUL, as for a milter */
};

struct letter {
	char *text; /* holds names and values */
	size_t len;
	struct letter_field *fields;
	size_t field_count, field_room;
	char *body;
	size_t body_len;
};

enum { LETTER_MAX = 256 * 1024 * 1024 };

/* Reads a file, or stdin for "-".  -1 with errno; then nothing is to free. */
int letter_read(struct letter *letter, const char *path);
/* The same from memory; takes `text` (malloc'ed, one byte of room) over. */
int letter_parse(struct letter *letter, char *text, size_t len);
void letter_done(struct letter *letter);

#endif
