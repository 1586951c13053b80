/*
 * compile.h - from what was written to what can be weighed: the parts of the
 * compiler among themselves.
 *
 * The compiler goes through the tree several times: names first, so that they
 * may be used before they are defined, then what they stand for.  A mistake is
 * reported and the rest goes on; only lack of memory ends the work.
 */
#ifndef STEELYARD_RULES_COMPILE_H
#define STEELYARD_RULES_COMPILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rules/compiled.h"
#include "rules/names.h"

struct compiler {
	const struct ast *ast;
	struct diag *diag;
	struct ruleset *rules;
	struct arena *arena; /* the rule set's */
	struct names symbols, lists, groups, classes, slots, zones;
	size_t slot_room;
	bool no_memory;
	bool warned[FACT_ID_COUNT]; /* that it is not built in */
};

/* True if the name is new; else it was reported. */
bool compile_declare(struct compiler *c, struct names *names, const char *name,
		     uint32_t number, struct place place, const char *what,
		     uint32_t *ret_number);

/* Remembers that memory ran out when `memory` is NULL; returns it. */
void *compile_got(struct compiler *c, void *memory);

/* A copy in the rule set's arena; NULL stays NULL. */
const char *compile_copy(struct compiler *c, const char *text);

/* The number of a word among those of an enum; -1 after a complaint. */
int compile_word(struct compiler *c, const struct fact_row *row,
		 const struct ast_value *value, unsigned *ret_word);

/*
 * Adds `did you mean`: among the names of a table, and among the facts if
 * asked.
 */
void compile_nearest(struct compiler *c, const char *name,
		     const struct names *names, bool facts);

/* Adds "first defined at FILE:LINE" to the newest mistake. */
void compile_hint_first(struct compiler *c, struct place place);

/* compile_expr.c: who reads decides what may be read. */
struct reader {
	bool shadow; /* may read shadow symbols */
	bool live; /* false: off by an override, nothing is asked for it */
};
void compile_expr(struct compiler *c, const struct ast_expr *expr,
		  struct reader reader, struct expr *ret_expr);

/* compile_test.c: the test of a fact; NULL after a mistake. */
const struct test *compile_test(struct compiler *c, const struct ast_expr *expr,
				enum fact_id id, struct reader reader);

/*
 * The slot of a header field.  Where there is none it is made if asked for;
 * else, and after a mistake, -1.
 */
int64_t compile_header(struct compiler *c, enum fact_id id, const char *name,
		       struct place place, bool make);
/* A new slot, or -1 without memory. */
int64_t compile_slot(struct compiler *c, const struct fact_slot *slot);

/* compile_list.c: what stands between the braces of a list statement. */
void compile_list(struct compiler *c, const struct ast_statement *statement,
		  struct rule_set_list *list);

/*
 * compile_dnsbl.c: the next list, whose symbols are still to be declared; and
 * then, the lists being taken in the same order, what it is asked about.
 */
void compile_dnsbl_declare(struct compiler *c,
			   const struct ast_statement *statement);
void compile_dnsbl(struct compiler *c, const struct ast_statement *statement,
		   struct rule_set_dnsbl *dnsbl);

/* compile_verdict.c: verdicts, greylist, and classes with theirs. */
void compile_verdicts(struct compiler *c);

/* compile_order.c: order, circles, phases, what is read. */
void compile_order(struct compiler *c);

/* exempts.c: which rules the exemptions read, once there is an order. */
void compile_exempts(struct compiler *c);

/* example.c */
void compile_examples(struct compiler *c);

#endif
