/*
 * include.h - one file after the other into the same tree.
 */
#ifndef STEELYARD_RULES_INCLUDE_H
#define STEELYARD_RULES_INCLUDE_H

#include <stddef.h>

#include "rules/ast.h"

struct arena;

enum {
	INCLUDE_DEPTH = 16, /* files inside of each other */
	INCLUDE_FILES = 1000, /* and as many statements */
	INCLUDE_BYTES = 16 << 20, /* of all files together */
};

struct included {
	const char *path;
	struct place place; /* of the include that named it */
};

/* Belongs to one ast_parse_file() or ast_parse_text(). */
struct inclusion {
	const struct ast_reader *reader; /* NULL: no includes */
	struct included *files; /* INCLUDE_FILES of them */
	size_t file_count;
	size_t statements;
	size_t bytes;
	unsigned depth;
};

/*
 * `name` as seen from the folder of the file `from` (NULL: from here), with
 * "//", "/./" and "x/../" taken out, so that equal paths are equal texts. Lives
 * in the arena; NULL without memory.
 */
const char *include_path(struct arena *arena, const char *from,
			 const char *name);

#endif
