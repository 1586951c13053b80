/*
 * compiled.h - the inside of a rule set, for the files of rules/ that make it,
 * weigh with it or criticise it.
 *
 * Everything lies in the rule set's arena, except patterns and lists, which
 * are freed with it.  Nothing changes once ruleset_compile() has returned.
 */
#ifndef STEELYARD_RULES_COMPILED_H
#define STEELYARD_RULES_COMPILED_H

#include <stdatomic.h>

#include "rules/arena.h"
#include "rules/expr.h"
#include "rules/hits.h"
#include "rules/ruleset.h"

/* What a weighing must know of a condition, in two bytes. */
struct due {
	uint8_t earliest; /* phase before which it cannot be decided */
	bool per_rcpt;
};

static inline struct due due_of(const struct span *span)
{
	enum phase earliest = span->can_true < span->can_false
				      ? span->can_true
				      : span->can_false;

	return (struct due){ (uint8_t)earliest, span->per_rcpt };
}

struct rule {
	struct rule_info info;
	struct expr when; /* of a rule that is off: empty */
	struct span span;
	const char *zone; /* of a DNS list's symbol, else NULL */
	const struct ast_filter *filters; /* and what it stands for */
	size_t filter_count;
};

struct exemption {
	struct expr when;
	struct span span;
	struct place place;
};

struct rule_class {
	const char *name;
	struct place place;
	struct expr when; /* class 0 has none */
	struct span span;
	struct verdict_info verdicts[VERDICT_WORDS];
	struct greylist_info greylist;
};

struct rule_set_dnsbl {
	struct dnsbl_info info;
	size_t first, count; /* its symbols among the rules */
};

struct rule_set_list {
	struct rule_list_info info;
	struct rule_list *content; /* NULL for one from a file */
	bool read; /* by some condition */
};

/* A value that an example gives to a fact. */
struct example_given {
	struct fact_ref ref; /* of a header nobody reads: no such slot */
	struct fact fact;
};

struct example {
	const char *title;
	struct place place;
	const struct example_given *given;
	size_t given_count;
	enum verdict_word expect;
	bool expect_exempt;
};

struct regex_link {
	struct regex_link *next;
	struct regex *regex;
};

/* A rule that weighs something; see bounds.c. */
struct weight {
	uint32_t rule;
	int32_t hundredths; /* never 0 */
	int group; /* of a positive one; -1: counted in full */
};

struct ruleset {
	struct arena arena;
	atomic_size_t holders;
	struct rule *rules;
	size_t rule_count;
	uint32_t *order; /* rules, each one behind those it reads */
	struct due *due; /* when each of `order` can be decided */
	struct weight *weights; /* sorted by group */
	size_t weight_count;
	struct group_info *groups;
	size_t group_count;
	struct rule_class *classes; /* 0 is the default */
	size_t class_count;
	struct exemption *exempts;
	size_t exempt_count;
	uint32_t *exempt_order; /* rules that they read, as in `order` */
	size_t exempt_order_count;
	struct rule_set_list *lists;
	size_t list_count;
	struct rule_set_dnsbl *dnsbls;
	size_t dnsbl_count;
	struct fact_slot *slots;
	size_t slot_count;
	struct example *examples;
	size_t example_count;
	struct regex_link *regexes;
	size_t memo_count; /* dear tests */
	size_t rcpt_count; /* tests of the recipient */
	bool reads[FACT_ID_COUNT];
	/* The facts that conditions read, sorted by phase. */
	struct fact_ref *watched;
	size_t watched_until[PHASE_COUNT]; /* where the next phase's begin */
	bool has_rcpt; /* some rule, class or exemption reads rcpt facts */
	bool tells_apart; /* and a verdict may depend on it */
	char digest[33];
};

/* See hits.h.  The pairs and the memo are what is copied for a recipient. */
struct hits {
	const struct ruleset *set;
	const struct rule_lists *lists;
	bool rcpt; /* of one recipient */
	uint64_t work; /* left to patterns */
	uint64_t rcpt_work; /* to those that look at a recipient */
	unsigned limits; /* patterns that gave up */
	truth_pair *rules, *classes, *exempts; /* in `bytes` */
	truth_pair *rcpt_tests;
	uint8_t *memo;
	uint8_t bytes[];
};

/* digest.c */
int ruleset_digest_make(struct ruleset *rules); /* -1 without memory */

/* verdict.c: the most severe verdict whose threshold this score reaches. */
enum verdict_word class_word(const struct rule_class *class, int32_t score);

#endif
