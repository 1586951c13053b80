/*
 * bench_rules.c - what weighing costs: 300 rules, ten patterns, six phases.
 *
 * Prints nanoseconds for a message and for one more recipient of it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rules/arena.h"
#include "rules/ruleset.h"
#include "rules/verdict.h"

enum { RULES = 300, PATTERNS = 10, TEXT = 1 << 20 };

static const char *const conditions[] = {
	"helo.is_ip and not helo.is_valid",
	"helo.name is \"mx%d.example.org\"",
	"sender.domain in names and client.tls is none",
	"from.count > %d",
	"client.ip is 10.%d.0.0/16 or sender.is_null",
	"header.count < %d and body.nul",
	"subject is \"offer %d\"",
	"message_id.is_valid is no or date.age > %dd",
};

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static char *rules_text(void)
{
	char *text = malloc(TEXT), *at = text;

	if (text == NULL)
		abort();
	at += sprintf(at, "list names domain { example.org, example.net }\n"
			  "verdict reject at 10.0\nverdict tag at 5.0\n"
			  "exempt if client.auth\n"
			  "class open if rcpt.local is \"abuse\" {\n"
			  "verdict reject never }\n"
			  "group g max 5.0 { R10, R20, R30, R40 }\n"
			  "rule RCPT 1.0 if rcpt.domain is \"x.test\"\n");
	for (int i = 0; i < RULES; i++) {
		char condition[128];

		if (i < PATTERNS)
			snprintf(condition, sizeof(condition),
				 "header(\"H%d\") ~ /\\b(cheap|pills?%d)\\b/i",
				 i, i);
		else
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			snprintf(condition, sizeof(condition),
				 conditions[i % 8], i % 200 + 1);
#pragma GCC diagnostic pop
		at += sprintf(at, "rule R%d %s0.%02d if %s\n", i,
			      i % 7 == 0 ? "-" : "", i % 90 + 1, condition);
	}
	return text;
}

static struct ruleset *rules_make(double *ret_ms)
{
	char *text = rules_text(), *said;
	double from = seconds();
	struct ruleset *rules;
	struct ast ast;
	struct diag diag;

	ast_init(&ast);
	diag_init(&diag);
	ast_parse_text(&ast, "bench", text, strlen(text), NULL, &diag);
	rules = ruleset_compile(&ast, &diag);
	*ret_ms = (seconds() - from) * 1e3;
	if (rules == NULL) {
		said = diag_text(&diag);
		fputs(said, stderr);
		exit(1);
	}
	ast_done(&ast);
	diag_done(&diag);
	free(text);
	return rules;
}

static const struct text value = {
	"A subject of usual length, about nothing that anybody sells", 59
};

static void phase_facts(struct facts *facts, enum phase phase)
{
	static const struct ip client = { 4, { 192, 0, 2, 1 } };

	switch (phase) {
	case PHASE_CONNECT: facts_ip(facts, FACT_CLIENT_IP, &client); break;
	case PHASE_HELO:
		facts_text(facts, FACT_HELO_NAME, "mx.example.com", 14);
		facts_bool(facts, FACT_HELO_IS_IP, false);
		facts_bool(facts, FACT_HELO_IS_VALID, true);
		break;
	case PHASE_MAIL:
		facts_text(facts, FACT_SENDER_DOMAIN, "example.com", 11);
		facts_bool(facts, FACT_SENDER_IS_NULL, false);
		facts_bool(facts, FACT_CLIENT_AUTH, false);
		facts_none(facts, FACT_CLIENT_TLS);
		break;
	case PHASE_EOM:
		facts_number(facts, FACT_FROM_COUNT, 1);
		facts_number(facts, FACT_HEADER_COUNT, 20);
		facts_bool(facts, FACT_BODY_NUL, false);
		facts_text(facts, FACT_SUBJECT, value.at, value.len);
		facts_bool(facts, FACT_MESSAGE_ID_IS_VALID, true);
		facts_number(facts, FACT_DATE_AGE, 30);
		for (unsigned i = 0; i < facts->slot_count; i++)
			facts_slot_set(facts, i, &value, 1);
		break;
	default: break;
	}
}

int main(void)
{
	static const struct verdict_settings settings = { false };
	enum { MESSAGES = 20000, RECIPIENTS = 1000 };
	struct rule_list *list;
	struct rule_lists lists = { &list, 1 };
	double ms, from, message_ns, rcpt_us;
	struct facts facts;
	struct hits *hits = NULL;
	struct arena arena;
	struct ruleset *rules = rules_make(&ms);
	size_t taken;
	long sum = 0;

	list = ruleset_list_inline(rules, 0);
	arena_init(&arena, 4 << 20);
	from = seconds();
	for (int i = 0; i < MESSAGES; i++) {
		arena_reset(&arena);
		facts_init(&facts, &arena, ruleset_slot_count(rules));
		hits = hits_new(rules, &lists, &arena);
		if (hits == NULL)
			return 1;
		for (enum phase phase = 0; phase < PHASE_COUNT; phase++) {
			phase_facts(&facts, phase);
			if (phase == PHASE_RCPT)
				continue; /* what is common to all of them */
			ruleset_close_phase(rules, &facts, phase);
			hits_weigh(hits, &facts);
			sum += verdict_of(hits, &settings).bounds.score;
		}
	}
	message_ns = (seconds() - from) * 1e9 / MESSAGES;
	taken = arena.taken;
	from = seconds();
	for (int i = 0; i < RECIPIENTS; i++) {
		struct hits *one;

		facts_text(&facts, FACT_RCPT_DOMAIN, "x.test", 6);
		facts_text(&facts, FACT_RCPT_LOCAL, "joe", 3);
		one = hits_for_rcpt(hits, &facts, &arena);
		if (one == NULL)
			return 1;
		sum += verdict_of(one, &settings).bounds.score;
	}
	rcpt_us = (seconds() - from) * 1e6 / RECIPIENTS;
	printf("rules compile_ms=%.2f message_ns=%.0f arena_bytes=%zu "
	       "rcpt_us=%.2f rcpt_bytes=%zu (%d rules, %d patterns, %ld)\n",
	       ms, message_ns, taken, rcpt_us,
	       (arena.taken - taken) / RECIPIENTS, RULES, PATTERNS, sum);
	arena_done(&arena);
	ruleset_unref(rules);
	return 0;
}
