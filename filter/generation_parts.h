/*
 * generation_parts.h - what generation.c, generation_lists.c and
 * generation_print.c share.  Nobody else includes this.
 */
#ifndef STEELYARD_FILTER_GENERATION_PARTS_H
#define STEELYARD_FILTER_GENERATION_PARTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "filter/generation.h"
#include "lists/file.h"
#include "rules/ast.h"
#include "rules/diag.h"

struct texts;

/* What a glob stood for when it was expanded. */
struct globbed {
	struct globbed *next;
	char *pattern;
	char *paths; /* joined by NUL, an empty one at the end */
	size_t len;
};

/* What a generation was made from; shared with those that refresh its lists. */
struct generation_parts {
	atomic_uint refs;
	struct ast ast;
	struct diag diag;
	struct globbed *globs;
};

/* A list's file, as it was when its content was loaded. */
struct list_state {
	struct file_watch watch;
	bool ends_line; /* the file's last line did */
	bool told; /* why a change of it is not taken over yet */
};

/* malloc'ed, with a NUL behind it. */
char *generation_copy_text(const char *text, size_t len);

/* Warns of a redis_password_file without a password that can be read. */
void generation_check_password(struct generation *gen);

/* Gives a loaded generation its number, time, digest and plan. */
void generation_finish(struct generation *gen);

/*
 * Fills gen->lists for gen->rules, from the disk or from `texts`; false with
 * the reasons in the parts' diag.
 */
bool generation_load_lists(struct generation *gen, const struct texts *texts,
			   struct generation *previous, bool force);

/*
 * Where rules do not compile: reads the list files that their statements name,
 * only for the mistakes in them.
 */
void generation_check_lists(struct generation *gen, const struct texts *texts,
			    struct generation *previous, bool force);

#endif
