/*
 * example.c - examples in rule files: their facts, and what comes out.
 */
#include <stdio.h>
#include <string.h>

#include "rules/compile.h"
#include "rules/verdict.h"

enum { EXAMPLE_ARENA = 4 << 20 };

/* --- compiling ---------------------------------------------------------- */

static int given_bad(struct compiler *c, const struct ast_given *given,
		     const char *wanted)
{
	diag_error(c->diag,
		   given->value_count > 0 ? given->values[0].place
					  : given->place,
		   "\"%s\" is given %s", given->name, wanted);
	return -1;
}

static int given_bool(struct compiler *c, const struct ast_given *given,
		      struct fact *fact)
{
	const struct ast_value *value = given->values;
	const char *text = value->kind == AST_WORD ? value->text : "";

	if (strcmp(text, "yes") == 0 || strcmp(text, "true") == 0)
		fact->yes = true;
	else if (strcmp(text, "no") != 0 && strcmp(text, "false") != 0)
		return given_bad(c, given, "yes or no");
	return 0;
}

static int given_number(struct compiler *c, const struct ast_given *given,
			struct fact *fact)
{
	const struct ast_value *value = given->values;

	switch (value->kind) {
	case AST_SIZE:
	case AST_TIME: fact->number = value->number; return 0;
	case AST_NUMBER:
		fact->number = value->number / 100;
		if (value->number % 100 == 0)
			return 0;
		break;
	default: break;
	}
	return given_bad(c, given, "a whole number");
}

static int given_word(struct compiler *c, const struct ast_given *given,
		      const struct fact_row *row, struct fact *fact)
{
	const struct ast_value *value = given->values;

	if (value->kind != AST_WORD)
		return given_bad(c, given, "one of its words");
	return compile_word(c, row, value, &fact->word);
}

static int given_texts(struct compiler *c, const struct ast_given *given,
		       const struct fact_row *row, struct fact *fact)
{
	struct text *items =
		compile_got(c, arena_array(c->arena, given->value_count,
					   sizeof(*items)));

	if (items == NULL)
		return -1;
	for (size_t i = 0; i < given->value_count; i++) {
		const struct ast_value *value = &given->values[i];

		if (value->kind != AST_STRING)
			return given_bad(c, given, "text in quotes");
		items[i].len = value->len;
		items[i].at =
			compile_got(c, arena_strndup(c->arena, value->text,
						     value->len));
		if (items[i].at == NULL)
			return -1;
	}
	if (row->type == FACT_TYPE_STRING) {
		fact->text = items[0];
		return 0;
	}
	fact->set.items = items;
	fact->set.count = given->value_count;
	return 0;
}

static int given_value(struct compiler *c, const struct ast_given *given,
		       const struct fact_row *row, struct fact *fact)
{
	const struct ast_value *value = given->values;

	if (given->value_count == 0)
		return given_bad(c, given, "no value");
	if (given->value_count > 1 && row->type != FACT_TYPE_SET)
		return given_bad(c, given, "one value, not several");
	if (value->kind == AST_NONE || value->kind == AST_UNKNOWN) {
		fact->state =
			value->kind == AST_NONE ? FACT_NONE : FACT_UNKNOWN;
		return 0;
	}
	fact->state = FACT_KNOWN;
	switch (row->type) {
	case FACT_TYPE_BOOL: return given_bool(c, given, fact);
	case FACT_TYPE_NUMBER: return given_number(c, given, fact);
	case FACT_TYPE_ENUM: return given_word(c, given, row, fact);
	case FACT_TYPE_IP:
		if (value->kind == AST_ADDRESS &&
		    ip_parse(value->text, value->len, &fact->ip) == 0)
			return 0;
		return given_bad(c, given, "an IP address");
	case FACT_TYPE_STRING:
	case FACT_TYPE_SET: break;
	}
	return given_texts(c, given, row, fact);
}

/* An answer that this symbol stands for; false if there is none. */
static bool answer_for(const struct rule *rule, char *answer, size_t size)
{
	for (size_t i = 0; i < rule->filter_count; i++) {
		const struct ast_filter *filter = &rule->filters[i];
		uint32_t ip = filter->from;
		struct text text = { answer, 0 };

		if (filter->kind == AST_FILTER_RANGE && ip < 0x7f000000)
			ip = 0x7f000000;
		if (filter->kind == AST_FILTER_MASK)
			ip = (filter->base & 0xff000000) | filter->mask;
		if (filter->kind == AST_FILTER_WILD)
			for (unsigned at = 0; at < 4; at++) {
				unsigned octet = filter->octets[at];

				if (octet == 256)
					octet = at == 0 ? 127 : 0;
				ip = ip << 8 | octet;
			}
		snprintf(answer, size, "%u.%u.%u.%u", ip >> 24, ip >> 16 & 255,
			 ip >> 8 & 255, ip & 255);
		text.len = strlen(answer);
		if (answer_passes(text, rule->filters, rule->filter_count))
			return true;
	}
	return false;
}

/* `dnsbl SYMBOL`; 1 if the symbol is off and so nothing is given. */
static int given_listed(struct compiler *c, const struct ast_given *given,
			struct example_given *ret_given)
{
	const struct rule *rule;
	struct text *item;
	char answer[16];
	int64_t number = -1;

	if (given->value_count == 1 && given->values[0].kind == AST_WORD)
		number = names_find(&c->symbols, given->values[0].text);
	if (number < 0 || c->rules->rules[number].zone == NULL) {
		given_bad(c, given, "the symbol of a DNS list");
		if (number < 0 && given->value_count == 1 &&
		    given->values[0].kind == AST_WORD)
			compile_nearest(c, given->values[0].text, &c->symbols,
					false);
		return -1;
	}
	rule = &c->rules->rules[number];
	if (rule->when.count == 0)
		return 1;
	if (!answer_for(rule, answer, sizeof(answer)))
		return given_bad(c, given, "a symbol that no answer brings");
	item = compile_got(c, arena_alloc(c->arena, sizeof(*item)));
	if (item == NULL)
		return -1;
	item->at = compile_copy(c, answer);
	item->len = strlen(answer);
	ret_given->ref = rule->when.code[0].test->ref;
	ret_given->fact.state = FACT_KNOWN;
	ret_given->fact.set.items = item;
	ret_given->fact.set.count = 1;
	return item->at != NULL ? 0 : -1;
}

/* 0, or 1 if no rule would see it, or -1 after a mistake. */
static int given_compile(struct compiler *c, const struct ast_given *given,
			 struct example_given *ret_given)
{
	int id = fact_find(given->name, strlen(given->name));
	bool header = id == FACT_HEADER || id == FACT_HEADER_RAW;
	size_t errors = c->diag->errors;
	int64_t slot = 0;

	if (strcmp(given->name, "dnsbl") == 0)
		return given_listed(c, given, ret_given);
	if (id < 0) {
		diag_error(c->diag, given->place, "unknown fact \"%s\"",
			   given->name);
		compile_nearest(c, given->name, NULL, true);
		return -1;
	}
	if (header != (given->arg != NULL)) {
		diag_error(c->diag, given->place,
			   header ? "\"%s\" wants the name of a field"
				  : "\"%s\" takes nothing in parentheses",
			   given->name);
		return -1;
	}
	if (header) {
		slot = compile_header(c, (enum fact_id)id, given->arg,
				      given->place, false);
		if (c->diag->errors > errors)
			return -1;
	}
	if (given_value(c, given, fact_row((enum fact_id)id),
			&ret_given->fact) < 0)
		return -1;
	if (slot < 0)
		return 1;
	ret_given->ref = (struct fact_ref){ (enum fact_id)id, (unsigned)slot };
	return 0;
}

static void example_compile(struct compiler *c,
			    const struct ast_statement *statement,
			    struct example *example)
{
	size_t count = statement->example.given_count;
	struct example_given *given =
		compile_got(c, arena_array(c->arena, count, sizeof(*given)));

	example->title = compile_copy(c, statement->name);
	example->place = statement->place;
	example->expect = statement->example.expect;
	example->expect_exempt = statement->example.expect_exempt;
	example->given = given;
	for (size_t i = 0; i < count && !c->no_memory; i++) {
		struct example_given *next = &given[example->given_count];

		if (given_compile(c, &statement->example.given[i], next) == 0)
			example->given_count++;
		else
			memset(next, 0, sizeof(*next));
	}
}

void compile_examples(struct compiler *c)
{
	const struct ast_statement *at;
	struct ruleset *rules = c->rules;
	size_t count = 0;

	for (at = c->ast->first; at != NULL; at = at->next)
		count += at->kind == AST_EXAMPLE;
	rules->examples = compile_got(c, arena_array(c->arena, count,
						     sizeof(*rules->examples)));
	for (at = c->ast->first; at != NULL && !c->no_memory; at = at->next)
		if (at->kind == AST_EXAMPLE)
			example_compile(
				c, at,
				&rules->examples[rules->example_count++]);
}

/* --- running ------------------------------------------------------------ */

/* What an example does not name. */
static void facts_default(struct facts *facts)
{
	for (int id = 0; id < FACT_FIXED; id++) {
		switch (fact_row((enum fact_id)id)->type) {
		case FACT_TYPE_BOOL:
			facts_bool(facts, (enum fact_id)id, false);
			break;
		case FACT_TYPE_NUMBER:
			facts_number(facts, (enum fact_id)id, 0);
			break;
		default: facts_none(facts, (enum fact_id)id); break;
		}
	}
	for (unsigned slot = 0; slot < facts->slot_count; slot++)
		facts_slot_none(facts, slot);
}

/* A second answer of the same DNS list joins the first. */
static int slot_give(struct facts *facts, const struct example_given *given)
{
	struct fact *slot = &facts->slots[given->ref.slot];
	size_t old = slot->state == FACT_KNOWN ? slot->set.count : 0;
	struct text *items;

	if (old == 0 || given->fact.state != FACT_KNOWN) {
		*slot = given->fact;
		return 0;
	}
	items = arena_array(facts->arena, old + given->fact.set.count,
			    sizeof(*items));
	if (items == NULL)
		return -1;
	memcpy(items, slot->set.items, old * sizeof(*items));
	memcpy(items + old, given->fact.set.items,
	       given->fact.set.count * sizeof(*items));
	facts_slot_set(facts, given->ref.slot, items,
		       old + given->fact.set.count);
	return 0;
}

struct names_text {
	const struct ruleset *rules;
	char text[400];
	size_t len;
};

static void name_add(void *context, size_t rule)
{
	struct names_text *names = context;
	const char *name = names->rules->rules[rule].info.name;
	size_t len = strlen(name);

	if (names->len + len + 3 > sizeof(names->text))
		return;
	names->len += (size_t)snprintf(names->text + names->len,
				       sizeof(names->text) - names->len, "%s%s",
				       names->len > 0 ? ", " : "", name);
}

static void example_report(const struct ruleset *rules,
			   const struct example *example,
			   const struct hits *hits,
			   const struct verdict *verdict, struct diag *diag)
{
	struct names_text names = { .rules = rules };
	char score[SCORE_TEXT];

	hits_each(hits, name_add, &names);
	diag_error(diag, example->place,
		   "example \"%s\": expected %s, but it comes out as %s",
		   example->title,
		   example->expect_exempt ? "exempt"
					  : verdict_word_name(example->expect),
		   verdict->exempt ? "exempt"
				   : verdict_word_name(verdict->word));
	diag_hint(diag, "score %s, %s%s%s",
		  score_text(verdict->bounds.score, score),
		  names.len > 0 ? names.text : "no rule fired",
		  verdict->softened ? "; not for good, as something is unknown"
				    : "",
		  verdict->class_index > 0 ? "; in a class" : "");
}

static bool example_holds(const struct ruleset *rules,
			  const struct rule_lists *lists,
			  const struct example *example, struct arena *arena,
			  struct diag *diag)
{
	static const struct verdict_settings settings = { false };
	struct verdict verdict;
	struct hits *hits;
	struct facts facts;
	int bad = 0;

	if (facts_init(&facts, arena, rules->slot_count) < 0)
		goto no_memory;
	facts_default(&facts);
	for (size_t i = 0; i < example->given_count; i++) {
		const struct example_given *given = &example->given[i];

		if (given->ref.id < FACT_FIXED)
			facts.fixed[given->ref.id] = given->fact;
		else
			bad |= slot_give(&facts, given);
	}
	hits = hits_new(rules, lists, arena);
	if (hits == NULL || bad != 0)
		goto no_memory;
	hits_weigh(hits, &facts);
	hits = hits_for_rcpt(hits, &facts, arena);
	if (hits == NULL)
		goto no_memory;
	verdict = verdict_of(hits, &settings);
	if (verdict.exempt == example->expect_exempt &&
	    (verdict.exempt || verdict.word == example->expect))
		return true;
	example_report(rules, example, hits, &verdict, diag);
	return false;
no_memory:
	diag_error(diag, example->place, "example \"%s\": out of memory",
		   example->title);
	return false;
}

size_t ruleset_run_examples(const struct ruleset *rules,
			    const struct rule_lists *lists, struct diag *diag)
{
	struct arena arena;
	size_t failed = 0;

	arena_init(&arena, EXAMPLE_ARENA);
	for (size_t i = 0; i < rules->example_count; i++) {
		failed += !example_holds(rules, lists, &rules->examples[i],
					 &arena, diag);
		arena_reset(&arena);
	}
	arena_done(&arena);
	return failed;
}
