/*
 * expr.h - a condition, compiled: tests of facts, and how they are combined.
 *
 * A condition is a short program for a stack of truths; "and" and "or" skip
 * their right side where the left one settles them.  Nothing here recurses, so
 * no rule file can exhaust the stack.
 *
 * What a test says
 *
 *	fact		is unknown	is none		any comparison
 *	pending		pending		pending		pending
 *	unknown or
 *	not asked	true		unknown		unknown
 *	waived		waived		waived		waived, see truth.h
 *	temperror	true		unknown		unknown, see below
 *	none		false		true		false, see below
 *	known		false		false		by its value
 *
 * - A result that is the word temperror says that DNS did not answer, so it is
 *   unknown to any test but one that asks for this word: `spf is temperror` and
 *   `spf in { fail, temperror }` hold.  Like `is unknown` they might not, had
 *   DNS answered (truth.h).  What would be another then, such as spf.error, is
 *   unknown with it; so is each such value of dkim.results.
 * - A comparison with none is false, also a negated one: `is not`, `!~` and
 *   `not in` ask for a value that is different, and there is no value.  (`not X
 *   is V` is true then, as `not` turns whatever stands behind it.)  The one
 *   exception are results such as dkim and spf, whose none is a word among
 *   words: `dkim is not pass` holds for a message without a signature.
 * - A fact with several values holds if any of its values does; the negated
 *   operators hold if it has values and none of them does what is denied.
 * - Strings compare without ASCII case, names of hosts and domains also without
 *   a dot at the end.  `is` and `in { }` compare the whole string; sub-domains
 *   are found by `in LIST` alone.
 * - An address `is` a network if it lies inside.
 * - Numbers compare exactly, in hundredths: a fact of 5 is above 4.50.
 * - A pattern that hits its limit is unknown, unless another value matches.
 *
 * `not unknown` is unknown.  `A and B` is false if either is, `A or B` is true
 * if either is, whatever the other one may turn out to be.
 */
#ifndef STEELYARD_RULES_EXPR_H
#define STEELYARD_RULES_EXPR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lists/ip.h"
#include "rules/ast.h"
#include "rules/facts.h"
#include "rules/truth.h"

struct regex;
struct regex_room;
struct rule_lists;

enum test_kind {
	TEST_YES, /* a bool fact */
	TEST_NONE,
	TEST_UNKNOWN,
	TEST_NUMBER,
	TEST_WORD, /* of an enum */
	TEST_TEXT,
	TEST_NETWORK,
	TEST_LIST,
	TEST_REGEX,
	TEST_ANSWER, /* of a DNS list */
};

/* A test of one fact against any of several values. */
struct test {
	enum test_kind kind;
	struct place place;
	struct fact_ref ref;
	enum fact_type type; /* of the fact, and when it is known */
	enum phase phase;
	bool domain; /* a dot at the end means nothing */
	bool negated;
	bool none_holds; /* see above */
	int temperror; /* of the result that it hangs on: that word, or -1 */
	enum fact_id result; /* that one; see fact_result() */
	bool asks_temperror; /* WORD: it is among those below */
	enum ast_op op; /* NUMBER: IS, LESS, ... */
	uint32_t memo; /* dear tests: their number + 1 */
	uint32_t rcpt; /* tests of the recipient: their number + 1 */
	uint32_t list; /* LIST: its number */
	size_t count; /* of the values below */
	union {
		const int64_t *numbers; /* hundredths */
		const unsigned *words;
		const struct text *texts;
		const struct ip_prefix *networks;
		const struct ast_filter *filters;
		const struct regex *regex;
	};
};

enum code_op {
	CODE_TEST, /* push what a test says */
	CODE_RULE, /* push what a rule says */
	CODE_NOT,
	CODE_AND, /* the top two become one */
	CODE_OR,
	CODE_SKIP_FALSE, /* if the top is false for good, go on at `arg` */
	CODE_SKIP_TRUE,
};

struct code {
	enum code_op op;
	uint32_t arg; /* a rule's number, or where to go on */
	const struct test *test;
};

enum { EXPR_STACK = 128 };

struct expr {
	const struct code *code; /* NULL: never true */
	uint32_t count;
};

/* What an evaluation looks at. */
struct expr_view {
	const struct facts *facts;
	const truth_pair *rules; /* by number; those it reads come first */
	const struct rule_lists *lists; /* NULL: whatever a list holds is
					   unknown */
	bool rcpt; /* facts of the recipient are there */
	uint8_t *memo; /* what dear tests said, as enum truth */
	truth_pair *rcpt_tests; /* what tests of the recipient said */
	struct regex_room *room; /* taken when first needed; give it back */
	uint64_t work; /* left to patterns; see regex.h */
	uint64_t rcpt_work; /* to those that look at a recipient */
	unsigned limits; /* patterns that gave up, counted on */
	truth_pair stack[EXPR_STACK]; /* scratch */
};

truth_pair expr_eval(const struct expr *expr, struct expr_view *view);

/*
 * When a condition can be decided, at the earliest and at the latest.
 * PHASE_COUNT is never.  A fact is thought to be pending until its phase.
 */
struct span {
	enum phase can_true, can_false;
	enum phase latest;
	bool per_rcpt;
};

/* `rules` are the spans of the rules it reads. */
struct span expr_span(const struct expr *expr,
		      const struct span *(*rule_span)(const void *context,
						      uint32_t rule),
		      const void *context);

/* ASCII case ignored; `domain`: and one dot at the end of either. */
bool text_equal(struct text a, struct text b, bool domain);

/* The DNS list's answer (an IPv4 address as text) passes one of the filters. */
bool answer_passes(struct text answer, const struct ast_filter *filters,
		   size_t count);

#endif
