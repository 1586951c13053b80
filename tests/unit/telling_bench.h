/*
 * telling_bench.h - facts of which fields tell, for tests of those fields.
 *
 * A fact is set by a word: NULL is not asked, "-" none, "?" unknown, "."
 * waived; all others are its value.  What cannot be fails the test.
 */
#ifndef STEELYARD_TESTS_TELLING_BENCH_H
#define STEELYARD_TESTS_TELLING_BENCH_H

#include <stdbool.h>
#include <stddef.h>

#include "filter/checks/authres.h"
#include "rules/arena.h"
#include "rules/facts.h"

#define TELLING_NAME "mx.example.org" /* who tells */

enum { TELLING_ROOM = 1024 * 1024 };

struct telling {
	struct authres_id id;
	struct arena arena;
	struct facts facts; /* none is set */
};

void telling_open(struct telling *telling, size_t room);
void telling_close(struct telling *telling);

void telling_set_word(struct facts *facts, enum fact_id id, const char *word);
void telling_set_text(struct facts *facts, enum fact_id id, const char *text);
/* The second item may be NULL, too, for a set of one. */
void telling_set_pair(struct facts *facts, enum fact_id id, const char *first,
		      const char *second);
void telling_set_client(struct facts *facts, const char *address);

/*
 * False, and said so, if a field is not what it should be.  NULL is no field.
 */
bool telling_is(const char *claim, const char *got, const char *want);

/* Of a field's lines, the first of which begins with its name and ": ". */
size_t telling_longest_line(const char *name, const char *value);

#endif
