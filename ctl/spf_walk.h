/*
 * spf_walk.h - all that an SPF record leads to, whoever the client is.
 *
 * The evaluation (filter/inspect/spf.h) stops at the first match; here all
 * terms are come to, those of includes and redirects as well, so that what
 * they cost and what is wrong with them is seen before somebody's mail does.
 * It ends when far more has been read than any evaluation would.
 */
#ifndef STEELYARD_CTL_SPF_WALK_H
#define STEELYARD_CTL_SPF_WALK_H

#include <stdbool.h>
#include <stddef.h>

#include "rules/arena.h"

struct inspect_dns;

enum {
	SPF_WALK_RECORDS_MAX = 64,
	SPF_WALK_LINES_MAX = 4096,
	SPF_WALK_PROBLEMS_MAX = 256,
};

/* A term, in the order in which they are come to. */
struct spf_walk_line {
	const char *domain; /* whose record it is in */
	const char *term; /* as published */
	unsigned depth; /* 0: of the record itself, or a redirect's */
	bool asks; /* it counts as a look-up */
	bool reached; /* no "all" stands before it */
};

struct spf_walk_problem {
	const char *domain;
	const char *record; /* NULL: it is about none */
	size_t at, len; /* which bytes of it; len may be 0 */
	const char *why;
};

/* Texts live in the arena, and may hold what strangers published. */
struct spf_walk {
	const char *record; /* the domain's own; NULL: there is none to read */
	unsigned lookups; /* terms that ask DNS, if all are come to */
	unsigned voids; /* of these, what finds nothing for any client */
	bool whole; /* false: there was too much to read all of it */
	struct spf_walk_line lines[SPF_WALK_LINES_MAX];
	size_t line_count;
	struct spf_walk_problem problems[SPF_WALK_PROBLEMS_MAX];
	size_t problem_count;
};

/*
 * `domain` is a name as in filter/inspect/spf_macro.h; if it only stands in for
 * one, only its record is asked for.  The walk lives in the arena; NULL when
 * that is full.
 */
const struct spf_walk *spf_walk(const char *domain, bool stands_in,
				struct inspect_dns *dns, struct arena *arena);

#endif
