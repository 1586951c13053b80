/*
 * rule_bench.h - a rule file and a message on one table, for the tests of
 * what is judged.
 */
#ifndef STEELYARD_TESTS_RULE_BENCH_H
#define STEELYARD_TESTS_RULE_BENCH_H

#include "rules/arena.h"
#include "rules/hits.h"
#include "rules/ruleset.h"
#include "rules/verdict.h"

struct rule_bench {
	struct ast ast;
	struct diag diag;
	struct ruleset *rules;
	struct rule_lists lists;
	struct arena arena;
	struct facts facts;
	struct hits *hits;
};

/* The rule file must compile; a message is begun. */
void rule_bench_open(struct rule_bench *bench, const char *text);
void rule_bench_done(struct rule_bench *bench);

/* Another message. */
void rule_bench_begin(struct rule_bench *bench);

/*
 * Establishes facts: "helo.name=a.example; client.ip=192.0.2.1; spf=unknown;
 * client.ptr=a,b; header:Subject=x; dnsbl:zen.test=127.0.0.2".  Words that
 * suit any fact are none, unknown, unasked and waived; "a,?" is a set that is
 * partial.
 */
void rule_bench_facts(struct rule_bench *bench, const char *text);

/* Weighs what is known. */
enum truth rule_bench_rule(struct rule_bench *bench, const char *name);
struct verdict rule_bench_verdict(struct rule_bench *bench);
/* The same for a recipient with these facts. */
struct verdict rule_bench_rcpt(struct rule_bench *bench, const char *facts);

/* Ends all phases up to this one. */
void rule_bench_close(struct rule_bench *bench, enum phase phase);

/* What is said about a rule file that may be wrong; free() it. */
char *rule_bench_said(const char *text);

#endif
