/*
 * compile_order.c - which rule comes before which, and when each is decided.
 *
 * A walk in depth along "reads" gives the order: a rule is done when all that
 * it reads are done.  Meeting one that is begun but not done is a circle, and
 * the walk's own path shows it.
 */
#include "rules/compile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum mark { FRESH, BEGUN, DONE };

struct walk {
	struct compiler *c;
	uint32_t *path; /* rules begun, the first one lowest */
	uint32_t *at; /* how far into the code of each */
	size_t depth;
	uint8_t *marks;
	size_t ordered;
};

static void circle_report(struct walk *walk, uint32_t rule)
{
	enum { SHOWN = 8 };
	const struct rule *rules = walk->c->rules->rules;
	size_t start = walk->depth;
	char text[640] = "";
	size_t len = 0;

	while (start > 0 && walk->path[start - 1] != rule)
		start--;
	start--;
	for (size_t i = start; i < walk->depth && i < start + SHOWN; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"%.64s -> ",
					rules[walk->path[i]].info.name);
	if (walk->depth - start > SHOWN)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"... -> ");
	diag_error(walk->c->diag, rules[rule].info.place,
		   "rules read each other in a circle: %s%s", text,
		   rules[rule].info.name);
}

static void walk_on(struct walk *walk)
{
	uint32_t rule = walk->path[walk->depth - 1];
	const struct expr *when = &walk->c->rules->rules[rule].when;
	uint32_t *at = &walk->at[walk->depth - 1];

	while (*at < when->count) {
		const struct code *code = &when->code[(*at)++];

		if (code->op != CODE_RULE || walk->marks[code->arg] == DONE)
			continue;
		if (walk->marks[code->arg] == BEGUN) {
			circle_report(walk, code->arg);
			continue;
		}
		walk->marks[code->arg] = BEGUN;
		walk->path[walk->depth] = code->arg;
		walk->at[walk->depth++] = 0;
		return;
	}
	walk->marks[rule] = DONE;
	walk->c->rules->order[walk->ordered++] = rule;
	walk->depth--;
}

static void order_make(struct compiler *c)
{
	size_t count = c->rules->rule_count;
	struct walk walk = { .c = c };

	c->rules->order = compile_got(c, arena_array(c->arena, count,
						     sizeof(*c->rules->order)));
	c->rules->due = compile_got(c, arena_array(c->arena, count,
						   sizeof(*c->rules->due)));
	walk.path = compile_got(c, calloc(count + 1, sizeof(*walk.path)));
	walk.at = compile_got(c, calloc(count + 1, sizeof(*walk.at)));
	walk.marks = compile_got(c, calloc(count + 1, sizeof(*walk.marks)));
	for (uint32_t i = 0; i < count && !c->no_memory; i++) {
		if (walk.marks[i] != FRESH)
			continue;
		walk.marks[i] = BEGUN;
		walk.path[0] = i;
		walk.at[0] = 0;
		walk.depth = 1;
		while (walk.depth > 0)
			walk_on(&walk);
	}
	free(walk.path);
	free(walk.at);
	free(walk.marks);
}

static const struct span *span_of(const void *context, uint32_t rule)
{
	const struct ruleset *rules = context;

	return &rules->rules[rule].span;
}

static void reads_note(struct ruleset *rules, const struct expr *when)
{
	for (uint32_t i = 0; i < when->count; i++) {
		const struct test *test = when->code[i].test;
		const struct fact_slot *slot;

		if (when->code[i].op != CODE_TEST)
			continue;
		rules->reads[test->ref.id] = true;
		if (test->ref.id != FACT_DNSBL)
			continue;
		slot = &rules->slots[test->ref.slot];
		for (size_t of = 0; of < slot->of_count; of++)
			rules->reads[slot->of[of]] = true;
	}
}

/* Decides when each rule is decided; one that is off never holds. */
static void rules_span(struct ruleset *rules)
{
	for (size_t i = 0; i < rules->rule_count; i++) {
		struct rule *rule = &rules->rules[rules->order[i]];

		if (rule->info.off)
			rule->when = (struct expr){ .code = NULL };
		rule->span = expr_span(&rule->when, span_of, rules);
		rules->due[i] = due_of(&rule->span);
		rule->info.phase = rule->span.latest;
		rule->info.per_rcpt = rule->span.per_rcpt;
		reads_note(rules, &rule->when);
		if (!rule->span.per_rcpt)
			continue;
		rules->has_rcpt = true;
		if (rule->info.weight != 0)
			rules->tells_apart = true;
	}
}

static enum phase ref_phase(const struct ruleset *rules, struct fact_ref ref)
{
	return ref.id < FACT_FIXED ? fact_row(ref.id)->phase
				   : rules->slots[ref.slot].phase;
}

/* hits.c looks at these to see how far a message has come. */
static void watched_make(struct compiler *c)
{
	struct ruleset *rules = c->rules;
	struct fact_ref *refs =
		compile_got(c, arena_array(c->arena,
					   FACT_FIXED + rules->slot_count,
					   sizeof(*refs)));
	size_t count = 0;

	if (refs == NULL)
		return;
	rules->watched = refs;
	for (enum phase phase = 0; phase < PHASE_COUNT; phase++) {
		for (unsigned id = 0; id < FACT_FIXED; id++) {
			struct fact_ref ref = { (enum fact_id)id, 0 };

			if (rules->reads[id] && ref_phase(rules, ref) == phase)
				refs[count++] = ref;
		}
		for (unsigned slot = 0; slot < rules->slot_count; slot++) {
			struct fact_ref ref = { rules->slots[slot].id, slot };

			if (ref_phase(rules, ref) == phase)
				refs[count++] = ref;
		}
		rules->watched_until[phase] = count;
	}
}

static int weight_compare(const void *a, const void *b)
{
	const struct weight *left = a, *right = b;

	if (left->group != right->group)
		return left->group < right->group ? -1 : 1;
	return left->rule < right->rule ? -1 : left->rule > right->rule;
}

/* Negative members of a group count in full, as if they were in none. */
static void weights_make(struct compiler *c)
{
	struct ruleset *rules = c->rules;
	struct weight *weights =
		compile_got(c, arena_array(c->arena, rules->rule_count,
					   sizeof(*weights)));

	if (weights == NULL)
		return;
	for (uint32_t i = 0; i < rules->rule_count; i++) {
		const struct rule_info *info = &rules->rules[i].info;

		if (info->weight == 0)
			continue;
		weights[rules->weight_count++] = (struct weight){
			.rule = i,
			.hundredths = info->weight,
			.group = info->weight > 0 ? info->group : -1,
		};
	}
	qsort(weights, rules->weight_count, sizeof(*weights), weight_compare);
	rules->weights = weights;
}

/* A class is chosen at RCPT, so it cannot wait for what comes later. */
static void class_check(struct compiler *c, const struct rule_class *class,
			bool ordered)
{
	const struct expr *when = &class->when;

	for (uint32_t i = 0; i < when->count; i++) {
		const struct code *code = &when->code[i];
		const struct rule *rule;

		if (code->op == CODE_TEST && code->test->phase > PHASE_RCPT)
			diag_error(c->diag, code->test->place,
				   "\"%s\" is known at %s, too late for a "
				   "class: it reads what is known at rcpt",
				   fact_row(code->test->ref.id)->name,
				   phase_name(code->test->phase));
		if (code->op != CODE_RULE || !ordered)
			continue;
		rule = &c->rules->rules[code->arg];
		if (rule->span.latest > PHASE_RCPT)
			diag_error(c->diag, class->place,
				   "\"%s\" is decided at %s, too late for a "
				   "class: it reads what is known at rcpt",
				   rule->info.name,
				   phase_name(rule->span.latest));
	}
}

static void classes_span(struct compiler *c, bool ordered)
{
	struct ruleset *rules = c->rules;

	for (size_t i = 1; i < rules->class_count; i++) {
		struct rule_class *class = &rules->classes[i];

		class_check(c, class, ordered);
		if (!ordered)
			continue;
		class->span = expr_span(&class->when, span_of, rules);
		reads_note(rules, &class->when);
		rules->has_rcpt |= class->span.per_rcpt;
		rules->tells_apart |= class->span.per_rcpt;
	}
}

static void exempts_span(struct ruleset *rules)
{
	for (size_t i = 0; i < rules->exempt_count; i++) {
		struct exemption *exempt = &rules->exempts[i];

		exempt->span = expr_span(&exempt->when, span_of, rules);
		reads_note(rules, &exempt->when);
		rules->has_rcpt |= exempt->span.per_rcpt;
		rules->tells_apart |= exempt->span.per_rcpt;
	}
}

void compile_order(struct compiler *c)
{
	size_t errors = c->diag->errors;
	bool ordered;

	order_make(c);
	if (c->no_memory)
		return;
	ordered = c->diag->errors == errors; /* no circles */
	if (ordered) {
		rules_span(c->rules);
		weights_make(c);
		exempts_span(c->rules);
		compile_exempts(c);
	}
	classes_span(c, ordered);
	watched_make(c);
}
