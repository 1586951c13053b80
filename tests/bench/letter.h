/*
 * letter.h - a message to send: from a file, or made up to a size.
 *
 * Held as an MTA hands it to a milter: fields split into name and value, lines
 * of a folded value parted by a bare newline, the body with CRLF.
 */
#ifndef BENCH_LETTER_H
#define BENCH_LETTER_H

#include <stddef.h>

struct letter_field {
	char *name;
	char *value; /* from behind the colon, with the space if there is one */
};

struct letter {
	struct letter_field *fields;
	size_t field_count;
	char *body;
	size_t body_len;
	char *text; /* what the fields point into */
};

/* Lines may end in LF or CRLF.  Returns -1 with errno set. */
int letter_read(struct letter *let, const char *path);

/* A plain message of `size` bytes, or of its header if that is longer. */
int letter_make(struct letter *let, size_t size);

void letter_done(struct letter *let);

#endif
