/*
 * parser_expr.c - conditions.
 *
 *	or:    and { "or" and }
 *	and:   unary { "and" unary }
 *	unary: "not" unary | "(" or ")" | test
 *	test:  NAME [ "(" STRING ")" ] [ operator value ]
 *
 * A long row of `and` becomes a balanced tree, not a list: what walks the tree
 * later may recurse without fear, as its depth grows with PARSER_DEPTH and the
 * logarithm of the file's size only.  Kleene's and/or are associative.
 */
#include "rules/parser.h"

#include <string.h>

static const struct ast_expr *parse_or(struct parser *parser);

static struct ast_expr *new_expr(struct parser *parser, enum ast_expr_kind kind,
				 struct place place)
{
	struct ast_expr *expr = parser_array(parser, 1, sizeof(*expr));

	if (expr != NULL) {
		expr->kind = kind;
		expr->place = place;
	}
	return expr;
}

/* --- tests --------------------------------------------------------------- */

static bool is_field_name(const struct token *token)
{
	for (size_t i = 0; i < token->text_len; i++)
		if (token->text[i] <= ' ' || token->text[i] > '~' ||
		    token->text[i] == ':')
			return false;
	return token->text_len > 0;
}

bool parse_argument(struct parser *parser, const char **ret_arg,
		    struct place *ret_place)
{
	if (!parser_accept(parser, TOKEN_OPEN))
		return true;
	if (parser_peek(parser) != TOKEN_STRING) {
		parser_expected(parser, "a header field's name in quotes");
		return false;
	}
	if (!is_field_name(&parser->token)) {
		diag_error(parser->diag, parser->token.place,
			   "this cannot be the name of a header field");
		if (strchr(parser->token.text, ':') != NULL)
			diag_hint(parser->diag, "write it without the colon");
		return false;
	}
	*ret_arg = parser->token.text;
	*ret_place = parser->token.place;
	parser_take(parser);
	return parser_expect(parser, TOKEN_CLOSE, "\")\"");
}

/* One value behind the operator of `test`. */
static bool one_value(struct parser *parser, struct ast_expr *test,
		      const char *what)
{
	struct ast_value value;

	if (!parse_value(parser, what, &value))
		return false;
	test->values = keep_value(parser, &value);
	test->value_count = 1;
	return test->values != NULL;
}

static bool parse_is(struct parser *parser, struct ast_expr *test)
{
	bool negated = parser_accept_word(parser, "not");

	test->op = negated ? AST_OP_IS_NOT : AST_OP_IS;
	if (parser_at_word(parser, "in")) {
		diag_error(parser->diag, parser->token.place,
			   "\"is %sin\" is one word too many",
			   negated ? "not " : "");
		diag_hint(parser->diag, "write \"%s\"",
			  negated ? "not in" : "in");
		return false;
	}
	if (parser_peek(parser) == TOKEN_OPEN_BRACE) {
		diag_error(parser->diag, parser->token.place,
			   "\"is\" takes one value");
		diag_hint(parser->diag, "write \"%s\" for several",
			  negated ? "not in" : "in");
		return false;
	}
	if (parser_peek(parser) == TOKEN_REGEX) {
		diag_error(parser->diag, parser->token.place,
			   "\"is\" takes no regular expression");
		diag_hint(parser->diag, "write \"%s\"", negated ? "!~" : "~");
		return false;
	}
	return one_value(parser, test, "a value, \"none\" or \"unknown\"");
}

/* In braces none and unknown are no values, and patterns are not compared. */
static void check_members(struct parser *parser, const struct ast_expr *test)
{
	for (size_t i = 0; i < test->value_count; i++) {
		const struct ast_value *value = &test->values[i];

		if (value->kind == AST_NONE || value->kind == AST_UNKNOWN) {
			diag_error(parser->diag, value->place,
				   "\"%s\" is not a value that could be in "
				   "braces",
				   value->text);
			diag_hint(parser->diag, "write: %s is %s", test->name,
				  value->text);
		} else if (value->kind == AST_REGEX) {
			diag_error(parser->diag, value->place,
				   "a regular expression stands behind \"~\" "
				   "or in a list of kind regex");
		}
	}
}

static bool parse_in(struct parser *parser, struct ast_expr *test,
		     enum ast_op op)
{
	struct ast_word list;
	struct ast_value value = { .kind = AST_WORD, .flags = "" };
	struct place place = parser->token.place;

	test->op = op;
	if (parser_peek(parser) == TOKEN_OPEN_BRACE) {
		test->in_braces = true;
		if (!parse_values(parser, "a value or \"}\"", &test->values,
				  &test->value_count))
			return false;
		check_members(parser, test);
		if (test->value_count == 0)
			diag_error(parser->diag, place,
				   "nothing is ever in empty braces");
		return true;
	}
	if (!parse_name(parser, "a list's name or values in braces", &list)) {
		if (parser_peek(parser) == TOKEN_STRING)
			diag_hint(parser->diag,
				  "write \"is\" for one value, braces for "
				  "several");
		return false;
	}
	value.place = list.place;
	value.text = list.text;
	value.len = strlen(list.text);
	test->values = keep_value(parser, &value);
	test->value_count = 1;
	return test->values != NULL;
}

static bool parse_matches(struct parser *parser, struct ast_expr *test,
			  enum ast_op op)
{
	test->op = op;
	if (parser_peek(parser) != TOKEN_REGEX) {
		parser_expected(parser, "a regular expression such as /x/i");
		return false;
	}
	return one_value(parser, test, "a regular expression");
}

static bool parse_compare(struct parser *parser, struct ast_expr *test,
			  enum ast_op op)
{
	enum token_kind kind = parser_peek(parser);

	test->op = op;
	if (kind != TOKEN_NUMBER && kind != TOKEN_TIME && kind != TOKEN_SIZE) {
		parser_expected(parser, "a number");
		return false;
	}
	return one_value(parser, test, "a number");
}

/* What may follow a test that is complete without an operator. */
static bool stands_by_itself(const struct parser *parser)
{
	switch (parser_peek(parser)) {
	case TOKEN_EOF:
	case TOKEN_CLOSE:
	case TOKEN_STRING: /* a description */
	case TOKEN_OPEN_BRACE: /* a class's body */ return true;
	default:
		return parser_at_word(parser, "and") ||
		       parser_at_word(parser, "or");
	}
}

static void no_operator(struct parser *parser)
{
	static const char *const words[] = { "is",  "in", "not",
					     "and", "or", NULL };

	parser_expected(parser, "an operator such as \"is\", \"in\" or \"~\"");
	if (parser_peek(parser) == TOKEN_BARE && parser->token.start[0] == '=')
		diag_hint(parser->diag, "write \"is\" instead of \"=\"");
	else
		parser_suggest(parser, &parser->token, words);
}

static bool parse_operator(struct parser *parser, struct ast_expr *test)
{
	static const struct {
		enum token_kind kind;
		enum ast_op op;
		bool (*parse)(struct parser *, struct ast_expr *, enum ast_op);
	} rows[] = {
		{ TOKEN_MATCHES, AST_OP_MATCHES, parse_matches },
		{ TOKEN_NOT_MATCHES, AST_OP_NOT_MATCHES, parse_matches },
		{ TOKEN_LESS, AST_OP_LESS, parse_compare },
		{ TOKEN_LESS_EQUAL, AST_OP_LESS_EQUAL, parse_compare },
		{ TOKEN_GREATER, AST_OP_GREATER, parse_compare },
		{ TOKEN_GREATER_EQUAL, AST_OP_GREATER_EQUAL, parse_compare },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (parser_accept(parser, rows[i].kind))
			return rows[i].parse(parser, test, rows[i].op);
	if (parser_accept_word(parser, "is"))
		return parse_is(parser, test);
	if (parser_accept_word(parser, "in"))
		return parse_in(parser, test, AST_OP_IN);
	if (parser_accept_word(parser, "not"))
		return parser_expect_word(parser, "in") &&
		       parse_in(parser, test, AST_OP_NOT_IN);
	test->op = AST_OP_TRUE;
	if (stands_by_itself(parser))
		return true;
	no_operator(parser);
	return false;
}

static const struct ast_expr *parse_test(struct parser *parser)
{
	static const char *const never[] = {
		"and", "or", "is", "in", "if", NULL
	};
	struct ast_expr *test;
	struct ast_word name;

	for (size_t i = 0; never[i] != NULL; i++)
		if (parser_at_word(parser, never[i])) {
			parser_expected(parser, "a fact or a symbol");
			return NULL;
		}
	if (!parse_name(parser, "a fact or a symbol", &name))
		return NULL;
	test = new_expr(parser, AST_TEST, name.place);
	if (test == NULL)
		return NULL;
	test->name = name.text;
	if (!parse_argument(parser, &test->arg, &test->arg_place) ||
	    !parse_operator(parser, test))
		return NULL;
	return test;
}

/* --- and, or, not -------------------------------------------------------- */

static bool deeper(struct parser *parser)
{
	if (parser->depth < PARSER_DEPTH) {
		parser->depth++;
		return true;
	}
	diag_error(parser->diag, parser->token.place,
		   "this condition is nested more than %d deep", PARSER_DEPTH);
	return false;
}

static const struct ast_expr *parse_parens(struct parser *parser)
{
	struct place open = parser->token.place;
	const struct ast_expr *inside;

	parser_take(parser);
	inside = parse_or(parser);
	if (inside == NULL || parser_accept(parser, TOKEN_CLOSE))
		return inside;
	if (!parser_at_end(parser))
		parser_expected(parser, "\"and\", \"or\" or \")\"");
	else if (!parser->lexer.failed)
		diag_error(parser->diag, open, "this \"(\" is never closed");
	return NULL;
}

static const struct ast_expr *parse_unary(struct parser *parser)
{
	struct place place = parser->token.place;
	const struct ast_expr *inside = NULL;
	bool negated = parser_at_word(parser, "not");
	struct ast_expr *expr;

	if (!negated && parser_peek(parser) != TOKEN_OPEN)
		return parse_test(parser);
	if (!deeper(parser))
		return NULL;
	if (negated) {
		parser_take(parser);
		inside = parse_unary(parser);
	} else {
		inside = parse_parens(parser);
	}
	parser->depth--;
	if (inside == NULL || !negated)
		return inside;
	expr = new_expr(parser, AST_NOT, place);
	if (expr != NULL)
		expr->left = inside;
	return expr;
}

static const struct ast_expr *balance(struct parser *parser,
				      enum ast_expr_kind kind,
				      const struct ast_expr *const *at,
				      size_t count)
{
	struct ast_expr *expr;

	if (count == 1)
		return at[0];
	expr = new_expr(parser, kind, at[0]->place);
	if (expr == NULL)
		return NULL;
	expr->left = balance(parser, kind, at, count / 2);
	expr->right = balance(parser, kind, at + count / 2, count - count / 2);
	return expr->left != NULL && expr->right != NULL ? expr : NULL;
}

static const struct ast_expr *parse_row(
	struct parser *parser, enum ast_expr_kind kind, const char *word,
	const struct ast_expr *(*parse)(struct parser *))
{
	struct gather gather = { 0 };
	const struct ast_expr *expr = parse(parser);
	const struct ast_expr *const *items;
	size_t count;

	if (expr == NULL || !parser_at_word(parser, word))
		return expr;
	while (expr != NULL &&
	       gather_add(parser, &gather, &expr, sizeof(expr)) &&
	       parser_accept_word(parser, word))
		expr = parse(parser);
	count = gather.count;
	items = gather_done(parser, &gather, sizeof(expr));
	if (expr == NULL || items == NULL)
		return NULL;
	return balance(parser, kind, items, count);
}

static const struct ast_expr *parse_and(struct parser *parser)
{
	return parse_row(parser, AST_AND, "and", parse_unary);
}

static const struct ast_expr *parse_or(struct parser *parser)
{
	return parse_row(parser, AST_OR, "or", parse_and);
}

const struct ast_expr *parse_condition(struct parser *parser)
{
	parser->depth = 0;
	return parse_or(parser);
}

const struct ast_expr *parse_stand_in(struct parser *parser, struct place place)
{
	const struct ast_value none = {
		.kind = AST_NONE,
		.place = place,
		.text = "none",
		.len = 4,
		.flags = "",
	};
	struct ast_expr *test = new_expr(parser, AST_TEST, place);

	if (test == NULL)
		return NULL;
	test->name = "client.ip";
	test->op = AST_OP_IS;
	test->values = keep_value(parser, &none);
	test->value_count = 1;
	return test->values != NULL ? test : NULL;
}
