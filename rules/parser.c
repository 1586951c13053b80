/*
 * parser.c - from one statement to the next, whatever stands between.
 *
 * A statement ends with its line unless a bracket is open.  So that one missing
 * bracket does not swallow the rest of a file, a line that begins with the
 * keyword of a statement, not indented, begins a statement in any case.
 */
#include "rules/parser.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct keyword {
	const char *word;
	enum ast_kind kind;
	parse_statement *parse;
	const char *const *inner; /* what may begin a line inside of it */
};

static const char *const in_class[] = { "verdict", "greylist", NULL };
static const char *const in_example[] = { "dnsbl", NULL };
static const char *const in_none[] = { NULL };

/* include adds no statement of its own; its kind is not used. */
static const struct keyword keywords[] = {
	{ "set", AST_SET, parse_set, in_none },
	{ "include", AST_SET, parse_include, in_none },
	{ "list", AST_LIST, parse_list, in_none },
	{ "dnsbl", AST_DNSBL, parse_dnsbl, in_none },
	{ "group", AST_GROUP, parse_group, in_none },
	{ "rule", AST_RULE, parse_rule, in_none },
	{ "shadow", AST_RULE, parse_shadow_rule, in_none },
	{ "override", AST_OVERRIDE, parse_override, in_none },
	{ "exempt", AST_EXEMPT, parse_exempt, in_none },
	{ "verdict", AST_VERDICT, parse_verdict, in_none },
	{ "greylist", AST_GREYLIST, parse_greylist, in_none },
	{ "class", AST_CLASS, parse_class, in_class },
	{ "example", AST_EXAMPLE, parse_example, in_example },
};

enum { KEYWORDS = sizeof(keywords) / sizeof(keywords[0]) };

static const struct keyword *find_keyword(const struct token *token)
{
	for (size_t i = 0; i < KEYWORDS; i++)
		if (token_is(token, keywords[i].word))
			return &keywords[i];
	return NULL;
}

/* --- tokens -------------------------------------------------------------- */

static bool listed(const char *const *words, const char *word)
{
	for (; *words != NULL; words++)
		if (strcmp(*words, word) == 0)
			return true;
	return false;
}

/* An entry of a list may be called "set": nothing follows it on its line. */
static bool stands_alone(const struct parser *parser)
{
	const char *at = parser->lexer.at;

	while (at < parser->lexer.end && (*at == ' ' || *at == '\t'))
		at++;
	return at == parser->lexer.end || strchr(",}#\r\n", *at) != NULL;
}

static bool begins_statement(const struct parser *parser)
{
	const struct keyword *keyword;

	if (!parser->token.first || parser->token.place.column != 1)
		return false;
	keyword = find_keyword(&parser->token);
	return keyword != NULL && !listed(parser->inner, keyword->word) &&
	       !stands_alone(parser);
}

bool parser_at_end(const struct parser *parser)
{
	if (parser->token.kind == TOKEN_EOF)
		return true;
	if (parser->braces + parser->parens > 0)
		return begins_statement(parser);
	return parser->token.first && parser->started;
}

enum token_kind parser_peek(const struct parser *parser)
{
	return parser_at_end(parser) ? TOKEN_EOF : parser->token.kind;
}

bool parser_at_word(const struct parser *parser, const char *word)
{
	return token_is(&parser->token, word) && !parser_at_end(parser);
}

static void take_brace(struct parser *parser)
{
	if (parser->braces < PARSER_BRACES)
		parser->around[parser->braces] = parser->parens;
	parser->braces++;
	parser->parens = 0;
}

/* A parenthesis that was left open inside is no longer; those around are. */
static void leave_brace(struct parser *parser)
{
	parser->parens = 0;
	if (parser->braces == 0)
		return;
	parser->braces--;
	if (parser->braces < PARSER_BRACES)
		parser->parens = parser->around[parser->braces];
}

void parser_take(struct parser *parser)
{
	switch (parser->token.kind) {
	case TOKEN_OPEN: parser->parens++; break;
	case TOKEN_OPEN_BRACE: take_brace(parser); break;
	case TOKEN_CLOSE:
		if (parser->parens > 0)
			parser->parens--;
		break;
	case TOKEN_CLOSE_BRACE: leave_brace(parser); break;
	default: break;
	}
	parser->behind = parser->token.place;
	if (parser->behind.column < UINT16_MAX - parser->behind.length)
		parser->behind.column = (uint16_t)(parser->behind.column +
						   parser->behind.length);
	parser->behind.length = 1;
	parser->started = true;
	parser->taken++;
	lexer_next(&parser->lexer, &parser->token);
}

bool parser_accept(struct parser *parser, enum token_kind kind)
{
	if (parser_peek(parser) != kind || kind == TOKEN_EOF)
		return false;
	parser_take(parser);
	return true;
}

bool parser_accept_word(struct parser *parser, const char *word)
{
	if (!parser_at_word(parser, word))
		return false;
	parser_take(parser);
	return true;
}

/* --- reports ------------------------------------------------------------- */

void parser_expected(struct parser *parser, const char *what)
{
	const struct token *token = &parser->token;
	const int shown = 40;
	struct place place = token->place;
	const struct lexer *lexer = &parser->lexer;
	bool open = parser->braces + parser->parens > 0;

	if (token->kind == TOKEN_BAD || lexer->failed) {
		parser->diag->newest = 0; /* hints are for a report of ours */
		return;
	}
	if (token->kind == TOKEN_EOF) {
		diag_error(parser->diag, parser->behind,
			   "expected %s, found the end of the file", what);
	} else if (parser_at_end(parser) && open) {
		diag_error(parser->diag, parser->behind,
			   "expected %s, found the next statement", what);
	} else if (parser_at_end(parser)) {
		diag_error(parser->diag, parser->behind,
			   "expected %s, found the end of the line", what);
		diag_hint(parser->diag, "only between ( ) and { } does a "
					"statement go on in the next line");
	} else if (token->len > (size_t)shown) {
		diag_error(parser->diag, place, "expected %s, found %.*s...",
			   what, shown, token->start);
	} else {
		const char *quote = token->kind == TOKEN_STRING ? "" : "\"";

		diag_error(parser->diag, place, "expected %s, found %s%.*s%s",
			   what, quote, (int)token->len, token->start, quote);
	}
}

bool parser_expect(struct parser *parser, enum token_kind kind,
		   const char *what)
{
	if (parser_accept(parser, kind))
		return true;
	parser_expected(parser, what);
	return false;
}

bool parser_expect_word(struct parser *parser, const char *word)
{
	char what[PARSER_NAME];

	if (parser_accept_word(parser, word))
		return true;
	snprintf(what, sizeof(what), "\"%s\"", word);
	parser_expected(parser, what);
	parser_suggest(parser, &parser->token,
		       (const char *const[]){ word, NULL });
	return false;
}

static const char *next_word(void *context)
{
	const char *const **words = context;

	return **words != NULL ? *(*words)++ : NULL;
}

void parser_suggest(struct parser *parser, const struct token *token,
		    const char *const *words)
{
	if (token->kind == TOKEN_WORD && !parser->lexer.failed)
		diag_nearest(parser->diag, token->text, token->len, next_word,
			     &words);
}

/* --- memory -------------------------------------------------------------- */

static void no_memory(struct parser *parser)
{
	if (!parser->lexer.failed)
		diag_error(parser->diag, parser->token.place,
			   "no memory is left to read on");
	parser->lexer.failed = true;
	parser->lexer.at = parser->lexer.end;
	parser->token.kind = TOKEN_EOF;
}

void *parser_array(struct parser *parser, size_t count, size_t size)
{
	void *items = arena_array(parser->arena, count, size);

	if (items == NULL)
		no_memory(parser);
	return items;
}

bool gather_add(struct parser *parser, struct gather *gather, const void *item,
		size_t size)
{
	if (gather->count == gather->room) {
		size_t room = gather->room > 0 ? gather->room * 2 : 8;
		void *items = reallocarray(gather->items, room, size);

		if (items == NULL) {
			no_memory(parser);
			return false;
		}
		gather->items = items;
		gather->room = room;
	}
	memcpy((char *)gather->items + gather->count++ * size, item, size);
	return true;
}

const void *gather_done(struct parser *parser, struct gather *gather,
			size_t size)
{
	void *items = NULL;

	if (gather->count > 0)
		items = parser_array(parser, gather->count, size);
	if (items != NULL)
		memcpy(items, gather->items, gather->count * size);
	free(gather->items);
	return items;
}

/* --- skipping ------------------------------------------------------------ */

/* What was read in silence is read again, to be reported on. */
static void loud(struct parser *parser)
{
	parser->lexer.quiet = false;
	if (parser->token.kind == TOKEN_EOF)
		return;
	parser->lexer.at = parser->token.start;
	parser->lexer.first = parser->token.first;
	lexer_next(&parser->lexer, &parser->token);
}

static void skip_statement(struct parser *parser)
{
	parser->lexer.quiet = true;
	while (!parser_at_end(parser))
		parser_take(parser);
	parser->braces = 0;
	parser->parens = 0;
	loud(parser);
}

void parser_skip_entry(struct parser *parser, size_t taken, bool commas)
{
	unsigned braces = parser->braces;

	parser->lexer.quiet = true;
	while (!parser_at_end(parser)) {
		if (parser->braces <= braces) {
			enum token_kind kind = parser->token.kind;

			if (kind == TOKEN_CLOSE_BRACE ||
			    (parser->token.first && parser->taken > taken))
				break;
			if (commas && kind == TOKEN_COMMA &&
			    parser->parens == 0) {
				parser_take(parser);
				break;
			}
		}
		parser_take(parser);
	}
	parser->parens = 0;
	loud(parser);
}

/* --- braces -------------------------------------------------------------- */

bool parser_open(struct parser *parser, struct place *ret_open)
{
	*ret_open = parser->token.place;
	return parser_expect(parser, TOKEN_OPEN_BRACE, "\"{\"");
}

enum body parser_more(struct parser *parser, struct place open)
{
	if (parser_accept(parser, TOKEN_CLOSE_BRACE))
		return BODY_CLOSED;
	if (!parser_at_end(parser))
		return BODY_MORE;
	if (!parser->lexer.failed)
		diag_error(parser->diag, open, "this \"{\" is never closed");
	return BODY_UNCLOSED;
}

/* --- statements ---------------------------------------------------------- */

static void suggest_statement(struct parser *parser, const struct token *token)
{
	const char *words[KEYWORDS + 1];

	for (size_t i = 0; i < KEYWORDS; i++)
		words[i] = keywords[i].word;
	words[KEYWORDS] = NULL;
	parser_suggest(parser, token, words);
}

static void unknown_statement(struct parser *parser, const struct token *token)
{
	if (token->kind == TOKEN_BAD)
		return;
	if (token->kind == TOKEN_CLOSE_BRACE || token->kind == TOKEN_CLOSE) {
		diag_error(parser->diag, token->place,
			   "nothing is open that this could close");
	} else if (token->kind == TOKEN_WORD) {
		diag_error(parser->diag, token->place,
			   "there is no statement \"%.*s\"",
			   (int)(token->len < PARSER_NAME ? token->len
							  : PARSER_NAME),
			   token->start);
		suggest_statement(parser, token);
	} else {
		diag_error(parser->diag, token->place,
			   "a statement begins with a word such as \"rule\"");
	}
}

/*
 * What has a name is kept even if it was not understood, or its name would be
 * called unknown wherever it is used.
 */
static bool worth_keeping(const struct ast_statement *statement,
			  const struct keyword *keyword)
{
	switch (statement->kind) {
	case AST_EXEMPT:
	case AST_VERDICT:
	case AST_GREYLIST: return !statement->broken;
	default: return statement->name && keyword->parse != parse_include;
	}
}

static void read_statement(struct parser *parser)
{
	struct token first = parser->token;
	const struct keyword *keyword = find_keyword(&first);
	struct ast_statement *statement;
	bool fine = false;

	parser->inner = keyword != NULL ? keyword->inner : in_none;
	parser->lexer.quiet = keyword == NULL; /* what follows is skipped */
	parser_take(parser);
	if (keyword == NULL) {
		unknown_statement(parser, &first);
		goto done;
	}
	statement = parser_array(parser, 1, sizeof(*statement));
	if (statement == NULL)
		goto done;
	statement->kind = keyword->kind;
	statement->place = first.place;
	fine = keyword->parse(parser, statement);
	if (fine && !parser_at_end(parser)) {
		parser_expected(parser, "the end of the line");
		fine = false;
	}
	statement->broken = !fine;
	if (worth_keeping(statement, keyword) && !parser->lexer.failed) {
		*parser->ast->last = statement;
		parser->ast->last = &statement->next;
	}
done:
	if (!fine)
		skip_statement(parser);
}

void parser_run(struct parser *parser, uint16_t file)
{
	lexer_init(&parser->lexer, parser->diag, parser->arena, file);
	parser->inner = in_none;
	lexer_next(&parser->lexer, &parser->token);
	while (parser->token.kind != TOKEN_EOF) {
		parser->started = false;
		read_statement(parser);
	}
}

const struct ast_expr *parser_run_condition(struct parser *parser,
					    uint16_t file)
{
	size_t errors = parser->diag->errors;
	const struct ast_expr *condition;

	lexer_init(&parser->lexer, parser->diag, parser->arena, file);
	parser->inner = in_none;
	parser->parens = 1; /* lines do not matter */
	lexer_next(&parser->lexer, &parser->token);
	condition = parse_condition(parser);
	if (condition != NULL && parser->token.kind != TOKEN_EOF)
		parser_expected(parser, "\"and\", \"or\" or the end");
	return parser->diag->errors == errors ? condition : NULL;
}
