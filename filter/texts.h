/*
 * texts.h - every text that a configuration was loaded from, in one memory
 * file.
 *
 * texts_pack() writes named texts into a sealed memfd; texts_open() maps one
 * and texts_find() hands them out again.  So a filter that starts after a crash
 * can load just what the one before it ran on.  A pack is written and read by
 * the same program; one that does not add up is refused as a whole.
 */
#ifndef STEELYARD_FILTER_TEXTS_H
#define STEELYARD_FILTER_TEXTS_H

#include <stdbool.h>
#include <stddef.h>

struct texts_writer;
struct texts;

/* What a text is: a path may stand for a rule file, a list, or a glob. */
enum texts_kind { TEXTS_RULES, TEXTS_GLOB, TEXTS_LIST };

/* NULL, or -1, with errno. */
struct texts_writer *texts_writer_new(void);
int texts_add(struct texts_writer *writer, enum texts_kind kind,
	      const char *name, const char *text, size_t len);
/* The sealed descriptor, or -1 if anything failed; frees the writer. */
int texts_seal(struct texts_writer *writer);

/* Maps a pack; the descriptor stays the caller's. NULL with errno. */
struct texts *texts_open(int fd);
void texts_close(struct texts *texts); /* NULL is fine */

/* The text, inside the map; NULL if there is none of that kind and name. */
const char *texts_find(const struct texts *texts, enum texts_kind kind,
		       const char *name, size_t *ret_len);
/* The name of the first rule file: the configuration's own. */
const char *texts_first(const struct texts *texts);

#endif
