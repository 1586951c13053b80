/*
 * dkim_tags.h - the tag=value lists of DKIM, read strictly (RFC 6376 section
 * 3.2).
 *
 * Signatures and key records are such lists.  A name that stands twice, a byte
 * that no value may hold, a tag without a sign or a name spoil the whole list:
 * what readers make of it differs, and libopendkim is one of them.  Blanks fold
 * with CRLF, or with LF alone as an MTA hands it over.
 *
 * Pure functions for any thread; nothing is allocated; time is linear in the
 * text but for the comparison of names, which are at most DKIM_TAGS_MAX.
 */
#ifndef STEELYARD_INSPECT_DKIM_TAGS_H
#define STEELYARD_INSPECT_DKIM_TAGS_H

#include <stdbool.h>
#include <stddef.h>

#include "filter/inspect/span.h"

enum { DKIM_TAGS_MAX = 48 };

struct dkim_tag {
	struct span name, value; /* without blanks around */
	bool blank; /* between the name and its sign */
};

struct dkim_tags {
	const char *text; /* borrowed */
	size_t count;
	struct dkim_tag list[DKIM_TAGS_MAX];
};

/* NULL, or a sentence (a constant) about what is wrong with the list. */
const char *dkim_tags_read(const char *text, size_t len,
			   struct dkim_tags *ret_tags);

/* Names are compared with case.  NULL if it is not there. */
const struct dkim_tag *dkim_tags_find(const struct dkim_tags *tags,
				      const char *name);

/* Blank, or a part of a line end that folds. */
bool dkim_is_fold(char c);

/* Is this the word, ASCII case aside? */
bool dkim_word_is(const char *text, struct span span, const char *word);

/*
 * The words of a list with colons between them, without the blanks around
 * them.  *at starts as 0; false at the end.  An empty word is handed out, too.
 */
bool dkim_word_next(const char *text, struct span list, size_t *at,
		    struct span *ret_word);

/*
 * Decodes base64 with folds anywhere in it; the padding may be missing, and
 * bits that make no byte are not looked at (section 2.10).  Returns the bytes
 * it stands for, of which at most `size` are written, or -1.
 */
int dkim_base64_read(const char *text, struct span span, unsigned char *bytes,
		     size_t size);

/*
 * Is this a host name of letters, digits and hyphens, with at least `labels`
 * labels?  `underscore`: that counts as a letter.
 */
bool dkim_is_host(const char *text, struct span span, unsigned labels,
		  bool underscore);

#endif
