/*
 * early_model.h - random rule sets and messages, and what should come of them.
 *
 * A model is a rule set in a form that shares nothing with rules/ but the
 * words of verdicts: it can be printed as a rule file, and judged slowly, by
 * the letter of the design.
 */
#ifndef STEELYARD_TESTS_EARLY_MODEL_H
#define STEELYARD_TESTS_EARLY_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rules/ast.h"
#include "rules/facts.h"

enum {
	MODEL_RULES = 10,
	MODEL_CLASSES = 3,
	MODEL_EXEMPTS = 2,
	MODEL_GROUPS = 2,
	MODEL_FACTS = 22,
	MODEL_LISTS = 2, /* of DNS */
	MODEL_ANSWERS = MODEL_FACTS - 3, /* what they say: the last facts */
	MODEL_NODES = 1024,
	MODEL_TEXT = 65536,
};

enum model_type {
	MODEL_BOOL,
	MODEL_NUMBER,
	MODEL_ENUM,
	MODEL_TEXTS,
	MODEL_SET
};

struct model_fact {
	const char *name; /* of a DNS list's answers: its zone */
	int id; /* enum fact_id; FACT_HEADER: the slot of header("X") */
	enum phase phase;
	enum model_type type;
	const char *words[4]; /* values 0 to 2 of enums, and temperror */
	bool late; /* DNS says it, perhaps after later phases' facts */
};
extern const struct model_fact model_facts[MODEL_FACTS];

/*
 * A value is 0 or 1, a number from 0 to 2, a letter from 0 to 2, a word from 0
 * to 2 or MODEL_TEMPERROR, or a set of letters as bits 1 to 7; there may be
 * more of them if it is partial.
 */
enum { MODEL_TEMPERROR = 3 };
struct model_value {
	enum fact_state state; /* never pending */
	int value;
	bool partial;
	bool waived; /* of one that was not asked */
};

struct node {
	enum { LEAF, RULE, NOT, AND, OR } kind;
	int left, right;
	int rule;
	int fact;
	enum { BARE, NONE, UNKNOWN, LESS, MORE, AMONG } op;
	int value; /* LESS, MORE: hundredths; AMONG: bits of values */
	bool negated;
	int spelling; /* one of several ways to write it */
};

struct model_verdict {
	bool said, never;
	int threshold;
};

struct model {
	uint64_t random; /* state of the generator */
	struct node nodes[MODEL_NODES];
	int node_count;
	int rule_count;
	struct {
		int when; /* a node */
		enum phase phase;
		int list; /* a symbol of this DNS list, or -1 */
		bool shadow, off, overridden;
		int written, weight; /* hundredths */
		int group; /* or -1 */
	} rules[MODEL_RULES];
	int group_count;
	int group_max[MODEL_GROUPS];
	int class_count, class_when[MODEL_CLASSES];
	int exempt_count, exempt_when[MODEL_EXEMPTS];
	/* 0 is the default; class i is i + 1 */
	struct model_verdict verdicts[MODEL_CLASSES + 1][VERDICT_WORDS];
	bool reject_4xx[MODEL_CLASSES + 1];
	bool defer_on_unknown;
};

uint64_t model_random(struct model *model, uint64_t below);

/* A rule set out of the model's own randomness. */
void model_make(struct model *model);

/* A message: a value, or the lack of one, for each fact. */
void model_message(struct model *model, struct model_value *values);
/* The same for the facts of one recipient only. */
void model_recipient(struct model *model, struct model_value *values);

/* The rule file. */
void model_print(struct model *model, char text[MODEL_TEXT]);

struct model_answer {
	enum verdict_word word;
	bool exempt, reject_5xx;
	int score;
	int truth[MODEL_RULES]; /* 0 false, 1 unknown, 2 true */
};

/* By the letter of the design. */
struct model_answer model_judge(const struct model *model,
				const struct model_value *values);

/*
 * How much harm is done at the least (0 none, 1 discard, 2 a 5xx) if unknown
 * facts get any values, or none.  Tries all combinations, up to `tries`
 * random ones where there are more.
 */
int model_least_harm(struct model *model, const struct model_value *values,
		     int tries);
int model_harm(const struct model_answer *answer);

#endif
