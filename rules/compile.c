/*
 * compile.c - ruleset_compile(): names first, then everything they stand for.
 */
#include "rules/compile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lists/list.h"

enum {
	ARENA_CEILING = 1 << 30,
	WEIGHT_MAX = 100000 * 100, /* hundredths: sums stay far from limits */
	RULES_MAX = 100000,
	DNSBLS_MAX = 256, /* each is tested by and by; see lists/dnsbl.h */
};

/* How many there will be of each, so that arrays never move. */
struct counts {
	size_t rules, groups, classes, exempts, lists, dnsbls;
};

void *compile_got(struct compiler *c, void *memory)
{
	if (memory == NULL)
		c->no_memory = true;
	return memory;
}

const char *compile_copy(struct compiler *c, const char *text)
{
	if (text == NULL)
		return NULL;
	return compile_got(c, arena_strndup(c->arena, text, strlen(text)));
}

struct words_walk {
	const char *const *next;
};

static const char *words_next(void *context)
{
	struct words_walk *walk = context;

	return *walk->next != NULL ? *walk->next++ : NULL;
}

int compile_word(struct compiler *c, const struct fact_row *row,
		 const struct ast_value *value, unsigned *ret_word)
{
	struct words_walk walk = { row->words };

	for (unsigned i = 0; row->words[i] != NULL; i++) {
		if (strcmp(row->words[i], value->text) != 0)
			continue;
		*ret_word = i;
		return 0;
	}
	diag_error(c->diag, value->place, "\"%s\" is never \"%s\"", row->name,
		   value->text);
	diag_nearest(c->diag, value->text, value->len, words_next, &walk);
	return -1;
}

struct nearest_walk {
	struct names_walk names;
	int fact; /* next one, or past the end */
};

static const char *nearest_next(void *context)
{
	struct nearest_walk *walk = context;

	while (walk->fact < FACT_ID_COUNT) {
		int id = walk->fact++;

		if (id != FACT_DNSBL)
			return fact_row((enum fact_id)id)->name;
	}
	return walk->names.names != NULL ? names_next(&walk->names) : NULL;
}

void compile_nearest(struct compiler *c, const char *name,
		     const struct names *names, bool facts)
{
	struct nearest_walk walk = { { names, 0 }, facts ? 0 : FACT_ID_COUNT };

	diag_nearest(c->diag, name, strlen(name), nearest_next, &walk);
}

void compile_hint_first(struct compiler *c, struct place place)
{
	if (place.file == 0 || place.file > c->diag->source_count)
		return;
	diag_hint(c->diag, "first defined at %s:%u",
		  c->diag->sources[place.file - 1].name, (unsigned)place.line);
}

static struct counts count_all(const struct ast *ast)
{
	struct counts counts = { .classes = 1 };

	for (const struct ast_statement *at = ast->first; at != NULL;
	     at = at->next) {
		counts.rules += at->kind == AST_RULE;
		counts.groups += at->kind == AST_GROUP;
		counts.classes += at->kind == AST_CLASS;
		counts.exempts += at->kind == AST_EXEMPT;
		counts.lists += at->kind == AST_LIST;
		counts.dnsbls += at->kind == AST_DNSBL;
		if (at->kind == AST_DNSBL)
			counts.rules += at->dnsbl.reply_count;
	}
	return counts;
}

static void arrays_make(struct compiler *c, const struct counts *counts)
{
	struct ruleset *rules = c->rules;

	rules->rules = compile_got(c, arena_array(c->arena, counts->rules,
						  sizeof(*rules->rules)));
	rules->groups = compile_got(c, arena_array(c->arena, counts->groups,
						   sizeof(*rules->groups)));
	rules->classes = compile_got(c, arena_array(c->arena, counts->classes,
						    sizeof(*rules->classes)));
	rules->exempts = compile_got(c, arena_array(c->arena, counts->exempts,
						    sizeof(*rules->exempts)));
	rules->lists = compile_got(c, arena_array(c->arena, counts->lists,
						  sizeof(*rules->lists)));
	rules->dnsbls = compile_got(c, arena_array(c->arena, counts->dnsbls,
						   sizeof(*rules->dnsbls)));
	if (c->no_memory)
		return;
	rules->classes[0].name = "default";
	rules->class_count = 1;
}

bool compile_declare(struct compiler *c, struct names *names, const char *name,
		     uint32_t number, struct place place, const char *what,
		     uint32_t *ret_number)
{
	int added = names_add(names, name, number, ret_number);

	if (added > 0)
		return true;
	if (added < 0)
		c->no_memory = true;
	else
		diag_error(c->diag, place, "%s \"%s\" is defined twice", what,
			   name);
	return false;
}

static void weight_check(struct compiler *c, int32_t weight, struct place place)
{
	if (weight > WEIGHT_MAX || weight < -WEIGHT_MAX)
		diag_error(c->diag, place, "a weight is at most %d",
			   WEIGHT_MAX / 100);
}

/* A rule or a DNS list's symbol; doubles keep their place in the array. */
static void symbol_declare(struct compiler *c, const char *name,
			   struct place place, int32_t weight, bool shadow,
			   const char *description)
{
	struct ruleset *rules = c->rules;
	struct rule_info *info = &rules->rules[rules->rule_count].info;
	uint32_t number;

	*info = (struct rule_info){
		.name = compile_copy(c, name),
		.weight = shadow ? 0 : weight,
		.written_weight = weight,
		.shadow = shadow,
		.group = -1,
		.description = compile_copy(c, description),
		.place = place,
	};
	if (info->name == NULL)
		return;
	weight_check(c, weight, place);
	if (fact_find(name, strlen(name)) >= 0)
		diag_error(c->diag, place, "\"%s\" is the name of a fact",
			   name);
	if (!compile_declare(c, &c->symbols, info->name,
			     (uint32_t)rules->rule_count, place, "symbol",
			     &number) &&
	    !c->no_memory)
		compile_hint_first(c, rules->rules[number].info.place);
	rules->rule_count++;
}

static void dnsbl_declare(struct compiler *c,
			  const struct ast_statement *statement)
{
	compile_dnsbl_declare(c, statement);
	for (size_t i = 0; i < statement->dnsbl.reply_count; i++) {
		const struct ast_reply *reply = &statement->dnsbl.replies[i];

		symbol_declare(c, reply->symbol, reply->place, reply->weight,
			       false, reply->description);
	}
}

int ruleset_list_kind(const char *name)
{
	for (int kind = LIST_IP; kind <= LIST_REGEX; kind++)
		if (strcmp(entry_kind_name((enum list_kind)kind), name) == 0)
			return kind;
	return -1;
}

static void list_declare(struct compiler *c,
			 const struct ast_statement *statement)
{
	struct ruleset *rules = c->rules;
	struct rule_list_info *info = &rules->lists[rules->list_count].info;
	int kind = ruleset_list_kind(statement->list.kind);
	uint32_t number;

	if (kind < 0) {
		diag_error(c->diag, statement->list.kind_place,
			   "a list is of kind ip, domain, address or regex");
		kind = LIST_DOMAIN; /* so that its name is known */
	}
	*info = (struct rule_list_info){
		.name = compile_copy(c, statement->name),
		.kind = kind,
		.path = compile_copy(c, statement->list.path),
		.place = statement->name_place,
	};
	if (info->name == NULL)
		return;
	if (!compile_declare(c, &c->lists, info->name,
			     (uint32_t)rules->list_count, statement->name_place,
			     "list", &number) &&
	    !c->no_memory)
		compile_hint_first(c, rules->lists[number].info.place);
	rules->list_count++;
}

static void group_declare(struct compiler *c,
			  const struct ast_statement *statement)
{
	struct ruleset *rules = c->rules;
	struct group_info *info = &rules->groups[rules->group_count];
	uint32_t number;

	*info = (struct group_info){
		.name = compile_copy(c, statement->name),
		.has_max = statement->group.has_max,
		.max = statement->group.max,
	};
	if (info->name == NULL)
		return;
	if (info->has_max && info->max < 0)
		diag_error(c->diag, statement->name_place,
			   "the most that a group adds cannot be negative");
	compile_declare(c, &c->groups, info->name, (uint32_t)rules->group_count,
			statement->name_place, "group", &number);
	rules->group_count++;
}

static void class_declare(struct compiler *c,
			  const struct ast_statement *statement)
{
	struct ruleset *rules = c->rules;
	struct rule_class *class = &rules->classes[rules->class_count];
	uint32_t number;

	class->name = compile_copy(c, statement->name);
	class->place = statement->name_place;
	if (class->name == NULL)
		return;
	if (!compile_declare(c, &c->classes, class->name,
			     (uint32_t)rules->class_count,
			     statement->name_place, "class", &number) &&
	    !c->no_memory)
		compile_hint_first(c, rules->classes[number].place);
	if (strcmp(class->name, "default") == 0)
		diag_error(c->diag, statement->name_place,
			   "\"default\" is what holds outside of all classes");
	rules->class_count++;
}

static void declare_all(struct compiler *c)
{
	for (const struct ast_statement *at = c->ast->first;
	     at != NULL && !c->no_memory; at = at->next) {
		switch (at->kind) {
		case AST_RULE:
			symbol_declare(c, at->name, at->name_place,
				       at->rule.weight, at->rule.shadow,
				       at->rule.description);
			break;
		case AST_DNSBL: dnsbl_declare(c, at); break;
		case AST_LIST: list_declare(c, at); break;
		case AST_GROUP: group_declare(c, at); break;
		case AST_CLASS: class_declare(c, at); break;
		default: break;
		}
	}
}

static void override_apply(struct compiler *c,
			   const struct ast_statement *statement)
{
	int64_t number = names_find(&c->symbols, statement->name);
	struct rule_info *info;

	if (number < 0) {
		diag_error(c->diag, statement->name_place,
			   "override of an unknown rule \"%s\"",
			   statement->name);
		compile_nearest(c, statement->name, &c->symbols, false);
		return;
	}
	info = &c->rules->rules[number].info;
	if (info->override_place.line != 0) {
		diag_error(c->diag, statement->name_place,
			   "\"%s\" is overridden twice", statement->name);
		compile_hint_first(c, info->override_place);
		return;
	}
	info->override_place = statement->name_place;
	info->off = statement->override.off;
	weight_check(c, statement->override.weight, statement->name_place);
	if (info->off)
		info->weight = 0;
	else if (!info->shadow)
		info->weight = statement->override.weight;
}

static void group_fill(struct compiler *c,
		       const struct ast_statement *statement, int group)
{
	for (size_t i = 0; i < statement->group.member_count; i++) {
		const struct ast_word *word = &statement->group.members[i];
		int64_t number = names_find(&c->symbols, word->text);
		struct rule_info *info;

		if (number < 0) {
			diag_error(c->diag, word->place,
				   "unknown symbol \"%s\"", word->text);
			compile_nearest(c, word->text, &c->symbols, false);
			continue;
		}
		info = &c->rules->rules[number].info;
		if (info->group >= 0)
			diag_error(c->diag, word->place,
				   "\"%s\" is in group \"%s\" already",
				   word->text,
				   c->rules->groups[info->group].name);
		else
			info->group = group;
	}
}

/* What names stand for, except conditions. */
static void define_all(struct compiler *c)
{
	size_t list = 0;
	int group = 0;

	for (const struct ast_statement *at = c->ast->first;
	     at != NULL && !c->no_memory; at = at->next) {
		switch (at->kind) {
		case AST_OVERRIDE: override_apply(c, at); break;
		case AST_GROUP: group_fill(c, at, group++); break;
		case AST_LIST:
			if (at->list.file == NULL)
				compile_list(c, at, &c->rules->lists[list]);
			list++;
			break;
		default: break;
		}
	}
}

static void exempt_compile(struct compiler *c,
			   const struct ast_statement *statement)
{
	struct ruleset *rules = c->rules;
	struct exemption *exempt = &rules->exempts[rules->exempt_count++];

	exempt->place = statement->place;
	compile_expr(c, statement->exempt.condition,
		     (struct reader){ .live = true }, &exempt->when);
}

static void conditions_compile(struct compiler *c)
{
	struct rule *rule = c->rules->rules;
	struct rule_class *class = c->rules->classes + 1;
	struct rule_set_dnsbl *dnsbl = c->rules->dnsbls;

	for (const struct ast_statement *at = c->ast->first;
	     at != NULL && !c->no_memory; at = at->next) {
		switch (at->kind) {
		case AST_RULE:
			compile_expr(c, at->rule.condition,
				     (struct reader){ rule->info.shadow,
						      !rule->info.off },
				     &rule->when);
			rule++;
			break;
		case AST_DNSBL:
			compile_dnsbl(c, at, dnsbl++);
			rule += at->dnsbl.reply_count;
			break;
		case AST_CLASS:
			compile_expr(c, at->class.condition,
				     (struct reader){ .live = true },
				     &class->when);
			class ++;
			break;
		case AST_EXEMPT: exempt_compile(c, at); break;
		default: break;
		}
	}
}

static void names_all(struct compiler *c)
{
	names_init(&c->symbols, c->arena);
	names_init(&c->lists, c->arena);
	names_init(&c->groups, c->arena);
	names_init(&c->classes, c->arena);
	names_init(&c->slots, c->arena);
	names_init(&c->zones, c->arena);
}

static void compile_all(struct compiler *c)
{
	struct counts counts = count_all(c->ast);

	if (counts.dnsbls > DNSBLS_MAX) {
		diag_error(c->diag, (struct place){ .file = 0 },
			   "more than %d DNS lists", DNSBLS_MAX);
		return;
	}
	if (counts.rules > RULES_MAX) {
		diag_error(c->diag, (struct place){ .file = 0 },
			   "more than %d rules", RULES_MAX);
		return;
	}
	names_all(c);
	arrays_make(c, &counts);
	if (!c->no_memory)
		declare_all(c);
	if (!c->no_memory)
		define_all(c);
	if (!c->no_memory)
		conditions_compile(c);
	if (!c->no_memory)
		compile_verdicts(c);
	if (!c->no_memory)
		compile_order(c);
	if (!c->no_memory)
		compile_examples(c);
}

struct ruleset *ruleset_compile(const struct ast *ast, struct diag *diag)
{
	struct ruleset *rules = calloc(1, sizeof(*rules));
	struct compiler c = { .ast = ast, .diag = diag, .rules = rules };

	if (rules == NULL) {
		diag_error(diag, (struct place){ .file = 0 }, "out of memory");
		return NULL;
	}
	atomic_init(&rules->holders, 1);
	arena_init(&rules->arena, ARENA_CEILING);
	c.arena = &rules->arena;
	compile_all(&c);
	if (diag->errors == 0 && !c.no_memory && ruleset_digest_make(rules) < 0)
		c.no_memory = true;
	if (c.no_memory)
		diag_error(diag, (struct place){ .file = 0 }, "out of memory");
	if (diag->errors > 0) {
		ruleset_unref(rules);
		return NULL;
	}
	return rules;
}
