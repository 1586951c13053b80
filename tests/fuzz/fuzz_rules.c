/*
 * fuzz_rules.c - any text as a rule file.
 *
 * Whatever it holds: reports have a place inside of it and are printable, and a
 * text that is taken as rules can be judged by, gives the same tree again, and
 * weighs the same whether facts come in one go or phase by phase.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/arena.h"
#include "rules/ast.h"
#include "rules/hits.h"
#include "rules/ruleset.h"
#include "rules/verdict.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/some_facts.h"

enum { MOST = 16384, ROOM = 4 << 20 };

/* One more file, so that includes are walked through, too. */
static char *read_one(void *context, const char *path, size_t *ret_len,
		      char *why, size_t why_size)
{
	(void)context;
	if (strchr(path, 'x') == NULL) {
		snprintf(why, why_size, "no such file");
		return NULL;
	}
	*ret_len = 6;
	return strdup("set x\n");
}

static char *glob_one(void *context, const char *pattern, char *why,
		      size_t why_size)
{
	(void)context;
	(void)pattern;
	(void)why;
	(void)why_size;
	return calloc(1, 2);
}

static void check_text(char *text, bool one_line)
{
	CLAIM(text != NULL);
	for (const char *at = text; *at != '\0'; at++) {
		unsigned char byte = (unsigned char)*at;

		CLAIM(byte >= 0x20 || (byte == '\n' && !one_line));
		CLAIM(byte != 0x7f);
	}
	free(text);
}

static void check_reports(const struct diag *diag)
{
	for (size_t i = 0; i < diag->entry_count; i++) {
		const struct diag_entry *entry = &diag->entries[i];
		struct place place = entry->place;

		CLAIM(entry->message[0] != '\0');
		CLAIM(strchr(entry->message, '\n') == NULL);
		CLAIM(place.file <= diag->source_count);
		CLAIM(place.file == 0 ||
		      (place.line > 0 && place.column > 0 && place.length > 0));
	}
	check_text(diag_text(diag), false);
	check_text(diag_summary(diag), true);
}

/* The contents of the lists that the text itself holds. */
static struct rule_lists lists_of(const struct ruleset *rules)
{
	size_t count = ruleset_list_count(rules);
	struct rule_lists lists = { calloc(count + 1, sizeof(void *)), count };

	CLAIM(lists.at != NULL);
	for (size_t i = 0; i < count; i++)
		lists.at[i] = ruleset_list_inline(rules, i);
	return lists;
}

static void symbol_check(void *context, size_t rule)
{
	const struct ruleset *rules = context;

	CLAIM(rule < ruleset_rule_count(rules));
}

/* What is told of DNS lists agrees with their slots. */
static void check_dnsbls(struct ruleset *rules)
{
	for (size_t i = 0; i < ruleset_dnsbl_count(rules); i++) {
		const struct dnsbl_info *info = ruleset_dnsbl(rules, i);

		CLAIM(info->zone[0] != '\0' && info->of_count > 0);
		ruleset_dnsbl_each_symbol(rules, i, "127.0.0.2", symbol_check,
					  rules);
	}
	for (unsigned i = 0; i < ruleset_slot_count(rules); i++) {
		const struct fact_slot *slot = ruleset_slot(rules, i);
		const struct dnsbl_info *info;

		if (slot->id != FACT_DNSBL)
			continue;
		info = ruleset_dnsbl(rules, slot->dnsbl);
		CLAIM(!info->off && strcmp(info->zone, slot->name) == 0);
		CLAIM(slot->of_count > 0 && slot->of_count <= info->of_count);
		CLAIM(slot->phase >= PHASE_MAIL);
	}
}

/* The verdict on a message whose facts come in one go, or by phase. */
static struct verdict judge(const struct ruleset *rules,
			    const struct rule_lists *lists, bool by_phase)
{
	static const struct verdict_settings settings = { false };
	struct arena arena;
	struct facts facts;
	struct hits *hits;
	struct verdict verdict;
	bool exempt = false;

	arena_init(&arena, ROOM);
	CLAIM(facts_init(&facts, &arena, ruleset_slot_count(rules)) == 0);
	hits = hits_new(rules, lists, &arena);
	CLAIM(hits != NULL);
	for (int phase = 0; phase < PHASE_COUNT; phase++) {
		some_facts(&facts, rules, (enum phase)phase);
		ruleset_close_phase(rules, &facts, (enum phase)phase);
		if (by_phase)
			hits_weigh(hits, &facts);
		CLAIM(!exempt || ruleset_exempts(rules, lists, &facts));
		exempt = ruleset_exempts(rules, lists, &facts);
		CLAIM(!exempt || ruleset_may_exempt(rules, (enum phase)phase));
	}
	hits_weigh(hits, &facts);
	hits = hits_for_rcpt(hits, &facts, &arena);
	CLAIM(hits != NULL);
	verdict = verdict_of(hits, &settings);
	CLAIM(!exempt || verdict.exempt);
	arena_done(&arena);
	return verdict;
}

static void check_rules(const struct ast *ast, struct diag *diag)
{
	struct ruleset *rules = ruleset_compile(ast, diag);
	struct verdict whole, phased;
	struct rule_lists lists;
	char digest[33];

	if (rules == NULL) {
		CLAIM(diag->errors > 0);
		return;
	}
	lists = lists_of(rules);
	ruleset_digest(rules, digest);
	CLAIM(strlen(digest) == 32);
	check_dnsbls(rules);
	ruleset_run_examples(rules, &lists, diag);
	ruleset_lint(rules, &lists, diag);
	whole = judge(rules, &lists, false);
	phased = judge(rules, &lists, true);
	CLAIM(whole.word == phased.word);
	CLAIM(whole.bounds.score == phased.bounds.score);
	CLAIM(whole.certain);
	free(lists.at);
	ruleset_unref(rules);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct ast_reader reader = { .read = read_one,
						  .glob = glob_one };
	struct diag diag;
	struct ast ast;

	if (size > MOST)
		return 0;
	ast_init(&ast);
	diag_init(&diag);
	if (ast_parse_text(&ast, "input", (const char *)data, size, &reader,
			   &diag)) {
		CLAIM(diag.errors == 0);
		check_rules(&ast, &diag);
	} else {
		CLAIM(diag.errors > 0);
		/* what was understood is still a tree to be compiled */
		CLAIM(ruleset_compile(&ast, &diag) == NULL);
	}
	check_reports(&diag);
	ast_done(&ast);
	diag_done(&diag);
	return 0;
}
