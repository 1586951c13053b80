/*
 * compile_test.c - is this a question that can be asked of this fact?
 *
 * Types are checked here, so that an evaluation need not.
 */
#include "rules/compile.h"

#include <stdio.h>
#include <string.h>

#include "lists/list.h"
#include "rules/regex.h"

/* What a test is made from. */
struct subject {
	struct compiler *c;
	const struct ast_expr *expr;
	const struct fact_row *row;
	enum fact_id id;
	struct test *test;
};

static const char *op_text(enum ast_op op)
{
	static const char *const texts[] = {
		[AST_OP_TRUE] = "",
		[AST_OP_IS] = "is",
		[AST_OP_IS_NOT] = "is not",
		[AST_OP_IN] = "in",
		[AST_OP_NOT_IN] = "not in",
		[AST_OP_MATCHES] = "~",
		[AST_OP_NOT_MATCHES] = "!~",
		[AST_OP_LESS] = "<",
		[AST_OP_LESS_EQUAL] = "<=",
		[AST_OP_GREATER] = ">",
		[AST_OP_GREATER_EQUAL] = ">=",
	};

	return texts[op];
}

/* "a number", as in "sender.size is a number". */
static const char *row_noun(const struct fact_row *row)
{
	switch (row->type) {
	case FACT_TYPE_BOOL: return "yes or no";
	case FACT_TYPE_NUMBER: return "a number";
	case FACT_TYPE_IP: return "an IP address";
	case FACT_TYPE_ENUM: return "a word";
	case FACT_TYPE_STRING:
	case FACT_TYPE_SET: break;
	}
	switch (row->kind) {
	case FACT_KIND_DOMAIN:
		return row->type == FACT_TYPE_SET ? "a set of domain names"
						  : "a domain name";
	case FACT_KIND_ADDRESS:
		return row->type == FACT_TYPE_SET ? "a set of mail addresses"
						  : "a mail address";
	default:
		return row->type == FACT_TYPE_SET ? "a set of texts" : "a text";
	}
}

static bool is_text(const struct fact_row *row)
{
	return row->type == FACT_TYPE_STRING || row->type == FACT_TYPE_SET;
}

/* "a value does not suit the fact"; `instead` says what would. */
static int unsuitable(struct subject *s, const struct ast_value *value,
		      const char *instead)
{
	diag_error(s->c->diag, value->place,
		   "\"%s\" is %s; it is compared with "
		   "%s",
		   s->row->name, row_noun(s->row), instead);
	return -1;
}

static int read_bool(struct subject *s, const struct ast_value *value)
{
	const char *text = value->kind == AST_WORD ? value->text : "";

	if (strcmp(text, "yes") == 0 || strcmp(text, "true") == 0)
		return 0;
	if (strcmp(text, "no") == 0 || strcmp(text, "false") == 0) {
		s->test->negated = !s->test->negated;
		return 0;
	}
	return unsuitable(s, value, "yes or no");
}

static int read_number(struct subject *s, const struct ast_value *value,
		       int64_t *ret_number)
{
	switch (value->kind) {
	case AST_NUMBER: *ret_number = value->number; return 0;
	case AST_SIZE:
	case AST_TIME:
		if (!__builtin_mul_overflow(value->number, 100, ret_number))
			return 0;
		diag_error(s->c->diag, value->place, "the number is too large");
		return -1;
	default: return unsuitable(s, value, "a number, a size or a time");
	}
}

static int read_word(struct subject *s, const struct ast_value *value,
		     unsigned *ret_word)
{
	if (value->kind == AST_STRING)
		return unsuitable(s, value, "a word without quotes");
	if (value->kind != AST_WORD)
		return unsuitable(s, value, "one of its words");
	return compile_word(s->c, s->row, value, ret_word);
}

static int read_text(struct subject *s, const struct ast_value *value,
		     struct text *ret_text)
{
	if (value->kind != AST_STRING)
		return unsuitable(s, value, "a text in quotes");
	ret_text->len = value->len;
	ret_text->at = compile_got(s->c, arena_strndup(s->c->arena, value->text,
						       value->len));
	return ret_text->at == NULL ? -1 : 0;
}

static int read_network(struct subject *s, const struct ast_value *value,
			struct ip_prefix *ret_prefix)
{
	struct ip_error error;

	if (value->kind == AST_STRING)
		return unsuitable(s, value, "an address without quotes");
	if (value->kind != AST_ADDRESS)
		return unsuitable(s, value, "an address or a network");
	if (ip_prefix_parse(value->text, value->len, ret_prefix, &error) == 0)
		return 0;
	diag_error(s->c->diag, value->place, "%s", error.text);
	return -1;
}

static size_t value_size(enum fact_type type)
{
	switch (type) {
	case FACT_TYPE_NUMBER: return sizeof(int64_t);
	case FACT_TYPE_ENUM: return sizeof(unsigned);
	case FACT_TYPE_IP: return sizeof(struct ip_prefix);
	default: return sizeof(struct text);
	}
}

static const enum test_kind kinds[] = {
	[FACT_TYPE_BOOL] = TEST_YES,	[FACT_TYPE_NUMBER] = TEST_NUMBER,
	[FACT_TYPE_STRING] = TEST_TEXT, [FACT_TYPE_IP] = TEST_NETWORK,
	[FACT_TYPE_ENUM] = TEST_WORD,	[FACT_TYPE_SET] = TEST_TEXT,
};

/* `is V`, `in { V, W }`, and the numbers' `<` and so on. */
static int read_values(struct subject *s)
{
	const struct ast_expr *expr = s->expr;
	size_t count = expr->value_count;
	void *values;
	int bad = 0;

	s->test->kind = kinds[s->row->type];
	s->test->count = count;
	if (s->row->type == FACT_TYPE_BOOL) {
		if (count == 1)
			return read_bool(s, expr->values);
		diag_error(
			s->c->diag, expr->place,
			"\"%s\" is yes or no, there is nothing to choose from",
			s->row->name);
		return -1;
	}
	values = compile_got(s->c, arena_array(s->c->arena, count,
					       value_size(s->row->type)));
	if (values == NULL)
		return -1;
	s->test->numbers = values;
	for (size_t i = 0; i < count; i++) {
		const struct ast_value *value = &expr->values[i];

		switch (s->row->type) {
		case FACT_TYPE_NUMBER:
			bad |= read_number(s, value, &((int64_t *)values)[i]);
			break;
		case FACT_TYPE_ENUM:
			bad |= read_word(s, value, &((unsigned *)values)[i]);
			s->test->asks_temperror |=
				(int)((unsigned *)values)[i] ==
				s->test->temperror;
			break;
		case FACT_TYPE_IP:
			bad |= read_network(s, value,
					    &((struct ip_prefix *)values)[i]);
			break;
		default:
			bad |= read_text(s, value, &((struct text *)values)[i]);
			break;
		}
	}
	return bad;
}

static bool list_suits(int kind, const struct fact_row *row)
{
	switch ((enum list_kind)kind) {
	case LIST_IP: return row->type == FACT_TYPE_IP;
	case LIST_DOMAIN: return is_text(row) && row->kind == FACT_KIND_DOMAIN;
	case LIST_ADDRESS:
		return is_text(row) && row->kind == FACT_KIND_ADDRESS;
	case LIST_REGEX: return is_text(row);
	}
	return false;
}

static int read_list(struct subject *s)
{
	struct compiler *c = s->c;
	const struct ast_value *value = s->expr->values;
	struct rule_set_list *list;
	int64_t index;

	if (value->kind != AST_WORD) {
		diag_error(c->diag, value->place,
			   "\"in\" looks into a list or into values in braces");
		if (value->kind == AST_ADDRESS || value->kind == AST_STRING)
			diag_hint(c->diag, "write \"is\" for a single value");
		return -1;
	}
	index = names_find(&c->lists, value->text);
	if (index < 0) {
		diag_error(c->diag, value->place, "unknown list \"%s\"",
			   value->text);
		compile_nearest(c, value->text, &c->lists, false);
		return -1;
	}
	list = &c->rules->lists[index];
	list->read = true;
	if (!list_suits(list->info.kind, s->row)) {
		diag_error(c->diag, value->place,
			   "\"%s\" is %s, but \"%s\" is a list of kind %s",
			   s->row->name, row_noun(s->row), value->text,
			   entry_kind_name((enum list_kind)list->info.kind));
		if (s->row->kind == FACT_KIND_ADDRESS &&
		    list->info.kind == LIST_DOMAIN)
			diag_hint(c->diag, "\"%s.domain\" may be meant",
				  s->id == FACT_FROM_ADDRESS ? "from"
							     : s->row->name);
		return -1;
	}
	s->test->kind = TEST_LIST;
	s->test->list = (uint32_t)index;
	if (list->info.kind == LIST_REGEX)
		s->test->memo = (uint32_t)++c->rules->memo_count;
	return 0;
}

static int read_regex(struct subject *s)
{
	struct compiler *c = s->c;
	const struct ast_value *value = s->expr->values;
	struct regex_link *link;
	char why[160];
	size_t offset;

	if (!is_text(s->row)) {
		diag_error(c->diag, s->expr->place,
			   "\"%s\" is %s; a pattern looks for a text",
			   s->row->name, row_noun(s->row));
		return -1;
	}
	if (value->kind != AST_REGEX) {
		diag_error(c->diag, value->place,
			   "\"%s\" is followed by a pattern between slashes",
			   op_text(s->expr->op));
		return -1;
	}
	link = compile_got(c, arena_alloc(c->arena, sizeof(*link)));
	if (link == NULL)
		return -1;
	link->regex = regex_new(value->text, value->len, value->flags, why,
				sizeof(why), &offset);
	if (link->regex == NULL) {
		diag_error(c->diag, value->place,
			   "%s (at byte %zu of the "
			   "pattern)",
			   why, offset + 1);
		return -1;
	}
	link->next = c->rules->regexes;
	c->rules->regexes = link;
	s->test->kind = TEST_REGEX;
	s->test->regex = link->regex;
	s->test->memo = (uint32_t)++c->rules->memo_count;
	return 0;
}

static int read_bare(struct subject *s)
{
	if (s->row->type == FACT_TYPE_BOOL) {
		s->test->kind = TEST_YES;
		return 0;
	}
	diag_error(s->c->diag, s->expr->place,
		   "\"%s\" is %s: say what it is compared with", s->row->name,
		   row_noun(s->row));
	if (s->row->type == FACT_TYPE_SET || s->row->type == FACT_TYPE_STRING)
		diag_hint(s->c->diag, "\"is not none\" asks if there is any");
	return -1;
}

static int read_order(struct subject *s)
{
	if (s->row->type == FACT_TYPE_NUMBER)
		return read_values(s);
	diag_error(s->c->diag, s->expr->place,
		   "\"%s\" is %s; \"%s\" compares numbers", s->row->name,
		   row_noun(s->row), op_text(s->expr->op));
	return -1;
}

static int read_op(struct subject *s)
{
	const struct ast_expr *expr = s->expr;
	enum ast_value_kind first =
		expr->value_count > 0 ? expr->values[0].kind : AST_WORD;

	s->test->op = expr->op;
	switch (expr->op) {
	case AST_OP_TRUE: return read_bare(s);
	case AST_OP_IS_NOT: s->test->negated = true; /* fall through */
	case AST_OP_IS:
		s->test->op = AST_OP_IS;
		if (first == AST_NONE || first == AST_UNKNOWN) {
			s->test->kind =
				first == AST_NONE ? TEST_NONE : TEST_UNKNOWN;
			return 0;
		}
		return read_values(s);
	case AST_OP_NOT_IN: s->test->negated = true; /* fall through */
	case AST_OP_IN:
		s->test->op = AST_OP_IS;
		return expr->in_braces ? read_values(s) : read_list(s);
	case AST_OP_NOT_MATCHES: s->test->negated = true; /* fall through */
	case AST_OP_MATCHES: return read_regex(s);
	case AST_OP_LESS:
	case AST_OP_LESS_EQUAL:
	case AST_OP_GREATER:
	case AST_OP_GREATER_EQUAL: return read_order(s);
	}
	return -1;
}

/* Which fact exactly: headers have slots. */
static int read_ref(struct subject *s, struct reader reader)
{
	const struct ast_expr *expr = s->expr;
	struct compiler *c = s->c;
	int64_t slot = 0;

	if (s->id == FACT_HEADER || s->id == FACT_HEADER_RAW) {
		if (expr->arg == NULL) {
			diag_error(c->diag, expr->place,
				   "\"%s\" wants the name of a field, as in "
				   "%s(\"Subject\")",
				   s->row->name, s->row->name);
			return -1;
		}
		slot = compile_header(c, s->id, expr->arg, expr->arg_place,
				      true);
		if (slot < 0)
			return -1;
	} else if (expr->arg != NULL) {
		diag_error(c->diag, expr->arg_place,
			   "\"%s\" takes nothing in parentheses", s->row->name);
		return -1;
	}
	s->test->ref = (struct fact_ref){ s->id, (unsigned)slot };
	if (!s->row->built && reader.live && !c->warned[s->id]) {
		c->warned[s->id] = true;
		diag_warning(c->diag, expr->place,
			     "the check for \"%s\" is not built in; it will "
			     "never be known",
			     s->row->name);
	}
	return 0;
}

const struct test *compile_test(struct compiler *c, const struct ast_expr *expr,
				enum fact_id id, struct reader reader)
{
	struct subject s = {
		.c = c, .expr = expr, .id = id, .row = fact_row(id)
	};

	s.test = compile_got(c, arena_alloc(c->arena, sizeof(*s.test)));
	if (s.test == NULL)
		return NULL;
	s.test->place = expr->place;
	s.test->type = s.row->type;
	s.test->phase = s.row->phase;
	s.test->result = fact_result(id);
	s.test->temperror = fact_temperror(fact_row(s.test->result));
	if (s.row->per_rcpt)
		s.test->rcpt = (uint32_t)++c->rules->rcpt_count;
	s.test->domain = s.row->kind == FACT_KIND_DOMAIN;
	if (read_ref(&s, reader) < 0 || read_op(&s) < 0)
		return NULL;
	/* A result's none is a word among its words; see expr.h. */
	s.test->none_holds = s.test->kind == TEST_WORD && s.test->negated;
	return s.test;
}
