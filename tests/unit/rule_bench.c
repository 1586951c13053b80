/*
 * rule_bench.c - see rule_bench.h.
 */
#include "tests/unit/rule_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <cmocka.h>

void rule_bench_open(struct rule_bench *bench, const char *text)
{
	char *said;
	size_t count;

	memset(bench, 0, sizeof(*bench));
	ast_init(&bench->ast);
	diag_init(&bench->diag);
	arena_init(&bench->arena, 16 << 20);
	ast_parse_text(&bench->ast, "test", text, strlen(text), NULL,
		       &bench->diag);
	bench->rules = ruleset_compile(&bench->ast, &bench->diag);
	if (bench->rules == NULL) {
		said = diag_text(&bench->diag);
		print_error("%s", said);
		free(said);
		fail();
	}
	count = ruleset_list_count(bench->rules);
	bench->lists.at = calloc(count + 1, sizeof(*bench->lists.at));
	bench->lists.count = count;
	for (size_t i = 0; i < count; i++)
		bench->lists.at[i] = ruleset_list_inline(bench->rules, i);
	rule_bench_begin(bench);
}

void rule_bench_done(struct rule_bench *bench)
{
	free(bench->lists.at);
	arena_done(&bench->arena);
	ruleset_unref(bench->rules);
	ast_done(&bench->ast);
	diag_done(&bench->diag);
}

void rule_bench_begin(struct rule_bench *bench)
{
	arena_reset(&bench->arena);
	assert_int_equal(facts_init(&bench->facts, &bench->arena,
				    ruleset_slot_count(bench->rules)),
			 0);
	bench->hits = hits_new(bench->rules, &bench->lists, &bench->arena);
	assert_non_null(bench->hits);
}

static struct fact *slot_find(struct rule_bench *bench, struct facts *facts,
			      enum fact_id id, const char *name)
{
	for (unsigned i = 0; i < ruleset_slot_count(bench->rules); i++) {
		const struct fact_slot *slot = ruleset_slot(bench->rules, i);

		if (slot->id == id && strcasecmp(slot->name, name) == 0)
			return &facts->slots[i];
	}
	print_error("no rule reads \"%s\"\n", name);
	fail();
	return NULL;
}

static void set_read(struct rule_bench *bench, char *value, struct fact *fact)
{
	struct text *items =
		arena_array(&bench->arena, strlen(value) + 1, sizeof(*items));
	char *end;

	fact->set.items = items;
	for (char *at = strtok_r(value, ",", &end); at != NULL;
	     at = strtok_r(NULL, ",", &end)) {
		if (strcmp(at, "?") == 0)
			fact->partial = true;
		else
			items[fact->set.count++] =
				(struct text){ at, strlen(at) };
	}
}

static unsigned word_find(const char *const *words, const char *value)
{
	unsigned word = 0;

	while (words[word] != NULL && strcmp(words[word], value) != 0)
		word++;
	assert_non_null(words[word]);
	return word;
}

static void value_read(struct rule_bench *bench, const struct fact_row *row,
		       char *value, struct fact *fact)
{
	memset(fact, 0, sizeof(*fact));
	fact->state =
		strcmp(value, "none") == 0	? FACT_NONE
		: strcmp(value, "unknown") == 0 ? FACT_UNKNOWN
		: strcmp(value, "unasked") == 0 || strcmp(value, "waived") == 0
			? FACT_NOT_ASKED
			: FACT_KNOWN;
	fact->waived = strcmp(value, "waived") == 0;
	if (fact->state != FACT_KNOWN)
		return;
	switch (row->type) {
	case FACT_TYPE_BOOL: fact->yes = strcmp(value, "yes") == 0; break;
	case FACT_TYPE_NUMBER: fact->number = strtoll(value, NULL, 10); break;
	case FACT_TYPE_STRING:
		fact->text = (struct text){ value, strlen(value) };
		break;
	case FACT_TYPE_IP:
		assert_int_equal(ip_parse(value, strlen(value), &fact->ip), 0);
		break;
	case FACT_TYPE_ENUM: fact->word = word_find(row->words, value); break;
	case FACT_TYPE_SET: set_read(bench, value, fact); break;
	}
}

static void fact_read(struct rule_bench *bench, struct facts *facts, char *text)
{
	char *value = strchr(text, '=');
	char *slot = strchr(text, ':');
	struct fact *fact;
	int id;

	assert_non_null(value);
	*value++ = '\0';
	if (slot != NULL && slot < value)
		*slot++ = '\0';
	else
		slot = NULL;
	id = strcmp(text, "dnsbl") == 0 ? FACT_DNSBL
					: fact_find(text, strlen(text));
	if (id < 0)
		print_error("no fact \"%s\"\n", text);
	assert_true(id >= 0);
	fact = slot != NULL ? slot_find(bench, facts, (enum fact_id)id, slot)
			    : &facts->fixed[id];
	value_read(bench, fact_row((enum fact_id)id), value, fact);
}

static void facts_read(struct rule_bench *bench, struct facts *facts,
		       const char *text)
{
	char *copy = arena_strndup(&bench->arena, text, strlen(text)), *end;

	for (char *at = strtok_r(copy, ";", &end); at != NULL;
	     at = strtok_r(NULL, ";", &end))
		fact_read(bench, facts, at + strspn(at, " "));
}

void rule_bench_facts(struct rule_bench *bench, const char *text)
{
	facts_read(bench, &bench->facts, text);
}

enum truth rule_bench_rule(struct rule_bench *bench, const char *name)
{
	int index = ruleset_find_rule(bench->rules, name);

	assert_true(index >= 0);
	hits_weigh(bench->hits, &bench->facts);
	return hits_rule(bench->hits, (size_t)index);
}

struct verdict rule_bench_verdict(struct rule_bench *bench)
{
	static const struct verdict_settings settings = { false };

	hits_weigh(bench->hits, &bench->facts);
	return verdict_of(bench->hits, &settings);
}

struct verdict rule_bench_rcpt(struct rule_bench *bench, const char *text)
{
	static const struct verdict_settings settings = { false };
	struct facts facts = bench->facts;
	struct hits *hits;

	facts_read(bench, &facts, text);
	hits_weigh(bench->hits, &bench->facts);
	hits = hits_for_rcpt(bench->hits, &facts, &bench->arena);
	assert_non_null(hits);
	return verdict_of(hits, &settings);
}

void rule_bench_close(struct rule_bench *bench, enum phase phase)
{
	for (enum phase at = 0; at <= phase; at++)
		ruleset_close_phase(bench->rules, &bench->facts, at);
}

char *rule_bench_said(const char *text)
{
	struct ast ast;
	struct diag diag;
	char *said;

	ast_init(&ast);
	diag_init(&diag);
	ast_parse_text(&ast, "test", text, strlen(text), NULL, &diag);
	ruleset_unref(ruleset_compile(&ast, &diag));
	said = diag_text(&diag);
	ast_done(&ast);
	diag_done(&diag);
	assert_non_null(said);
	return said;
}
