/*
 * parser_value.c - names, figures and values.
 */
#include "rules/parser.h"

#include <string.h>

static const char *const reserved[] = {
	"and", "or",   "not",	  "in",	   "is",  "if",	  "at",	   "on",
	"of",  "none", "unknown", "never", "max", "mask", "reply", NULL,
};

bool parse_name(struct parser *parser, const char *what, struct ast_word *ret)
{
	const struct token *token = &parser->token;

	if (parser_peek(parser) != TOKEN_WORD) {
		parser_expected(parser, what);
		return false;
	}
	if (token->len > PARSER_NAME) {
		diag_error(parser->diag, token->place,
			   "a name has at most %d characters", PARSER_NAME);
		return false;
	}
	*ret = (struct ast_word){ .place = token->place, .text = token->text };
	parser_take(parser);
	return true;
}

bool parse_new_name(struct parser *parser, const char *what,
		    struct ast_statement *statement)
{
	struct ast_word word;

	if (!parse_name(parser, what, &word))
		return false;
	for (size_t i = 0; reserved[i] != NULL; i++)
		if (strcmp(reserved[i], word.text) == 0) {
			diag_error(parser->diag, word.place,
				   "\"%s\" is a word of the language and "
				   "cannot be a name",
				   word.text);
			return false;
		}
	statement->name = word.text;
	statement->name_place = word.place;
	return true;
}

static struct ast_value value_of(const struct token *token,
				 enum ast_value_kind kind)
{
	return (struct ast_value){
		.kind = kind,
		.place = token->place,
		.text = token->text,
		.len = token->text_len,
		.number = token->number,
		.flags = token->flags,
	};
}

bool parse_string(struct parser *parser, const char *what,
		  struct ast_value *ret)
{
	if (parser_peek(parser) != TOKEN_STRING) {
		parser_expected(parser, what);
		if (parser_peek(parser) == TOKEN_WORD ||
		    parser_peek(parser) == TOKEN_BARE)
			diag_hint(parser->diag, "put it between double quotes");
		return false;
	}
	*ret = value_of(&parser->token, AST_STRING);
	parser_take(parser);
	return true;
}

bool parse_time(struct parser *parser, const char *what, int64_t *ret_seconds)
{
	if (parser_peek(parser) != TOKEN_TIME) {
		parser_expected(parser, what);
		return false;
	}
	if (parser->token.number < 0) {
		diag_error(parser->diag, parser->token.place,
			   "this time cannot be negative");
		return false;
	}
	*ret_seconds = parser->token.number;
	parser_take(parser);
	return true;
}

bool parse_weight(struct parser *parser, const char *what, int32_t *ret)
{
	int64_t number = parser->token.number;

	if (parser_peek(parser) != TOKEN_NUMBER) {
		parser_expected(parser, what);
		return false;
	}
	if (number < -PARSER_WEIGHT || number > PARSER_WEIGHT) {
		diag_error(parser->diag, parser->token.place,
			   "this lies outside of -%d to %d",
			   PARSER_WEIGHT / 100, PARSER_WEIGHT / 100);
		number = 0;
	}
	*ret = (int32_t)number;
	parser_take(parser);
	return true;
}

static enum ast_value_kind word_kind(const struct token *token)
{
	if (token_is(token, "none"))
		return AST_NONE;
	if (token_is(token, "unknown"))
		return AST_UNKNOWN;
	return AST_WORD;
}

bool parse_value(struct parser *parser, const char *what, struct ast_value *ret)
{
	const struct token *token = &parser->token;
	enum ast_value_kind kind;

	switch (parser_peek(parser)) {
	case TOKEN_WORD: kind = word_kind(token); break;
	case TOKEN_BARE: kind = AST_WORD; break;
	case TOKEN_ADDRESS: kind = AST_ADDRESS; break;
	case TOKEN_NUMBER: kind = AST_NUMBER; break;
	case TOKEN_TIME: kind = AST_TIME; break;
	case TOKEN_SIZE: kind = AST_SIZE; break;
	case TOKEN_STRING: kind = AST_STRING; break;
	case TOKEN_REGEX: kind = AST_REGEX; break;
	default: parser_expected(parser, what); return false;
	}
	if (kind == AST_ADDRESS && strchr(token->text, '*') != NULL) {
		diag_error(parser->diag, token->place,
			   "an address with * stands only behind the \"on\" of "
			   "a dnsbl");
		if (strchr(token->text, '/') == NULL)
			diag_hint(parser->diag,
				  "write a prefix such as 192.0.2.0/24");
		return false;
	}
	*ret = value_of(token, kind);
	parser_take(parser);
	return true;
}

const struct ast_value *keep_value(struct parser *parser,
				   const struct ast_value *value)
{
	struct ast_value *kept = parser_array(parser, 1, sizeof(*kept));

	if (kept != NULL)
		*kept = *value;
	return kept;
}

bool parse_values(struct parser *parser, const char *what,
		  const struct ast_value **ret_values, size_t *ret_count)
{
	struct gather gather = { 0 };
	struct ast_value value;
	struct place open;
	enum body body;

	if (!parser_open(parser, &open))
		return false;
	while ((body = parser_more(parser, open)) == BODY_MORE) {
		size_t taken = parser->taken;

		if (!parse_value(parser, what, &value)) {
			parser_skip_entry(parser, taken, true);
			continue; /* reported; the others are of use */
		}
		if (!gather_add(parser, &gather, &value, sizeof(value)))
			break;
		parser_accept(parser, TOKEN_COMMA);
	}
	*ret_count = gather.count;
	*ret_values = gather_done(parser, &gather, sizeof(value));
	return body == BODY_CLOSED && !parser->lexer.failed;
}
