/*
 * parser_example.c - examples: what is given, and what must come of it.
 */
#include "rules/parser.h"

#include <string.h>

static bool parse_given(struct parser *parser, struct ast_given *given)
{
	struct ast_word name;
	struct ast_value value;
	bool symbol;

	memset(given, 0, sizeof(*given));
	if (!parse_name(parser, "a fact, \"dnsbl\" or \"}\"", &name))
		return false;
	given->place = name.place;
	given->name = name.text;
	symbol = strcmp(name.text, "dnsbl") == 0;
	if (!symbol) {
		struct place ignored;

		if (!parse_argument(parser, &given->arg, &ignored))
			return false;
	}
	if (!symbol && parser_peek(parser) == TOKEN_OPEN_BRACE)
		return parse_values(parser, "a value or \"}\"", &given->values,
				    &given->value_count);
	if (parser_peek(parser) == TOKEN_CLOSE_BRACE) {
		diag_error(parser->diag, name.place, "%s is given no value",
			   name.text);
		diag_hint(parser->diag, "write %s",
			  symbol ? "dnsbl SYMBOL"
				 : "the value behind it, as in: client.auth "
				   "yes");
		return false;
	}
	if (!parse_value(parser, symbol ? "a symbol" : "a value", &value))
		return false;
	if (symbol && value.kind != AST_WORD) {
		diag_error(parser->diag, value.place,
			   "dnsbl is followed by a symbol here");
		return false;
	}
	if (value.kind == AST_REGEX) {
		diag_error(parser->diag, value.place,
			   "a regular expression is not a value");
		return false;
	}
	given->values = keep_value(parser, &value);
	given->value_count = 1;
	return given->values != NULL;
}

static bool parse_expect(struct parser *parser, struct ast_statement *statement)
{
	static const char *const known[] = { "accept", "tag",	  "quarantine",
					     "defer",  "discard", "reject",
					     "exempt", NULL };
	const struct token token = parser->token;
	int word = -1;

	if (parser_accept_word(parser, "exempt")) {
		statement->example.expect_exempt = true;
		statement->example.expect = VERDICT_ACCEPT;
		return true;
	}
	if (parser_peek(parser) == TOKEN_WORD)
		word = verdict_word_find(token.start, token.len);
	if (word < 0) {
		parser_expected(parser, "a verdict such as reject, or exempt");
		if (!parser_at_end(parser))
			parser_suggest(parser, &token, known);
		return false;
	}
	statement->example.expect = (enum verdict_word)word;
	parser_take(parser);
	return true;
}

bool parse_example(struct parser *parser, struct ast_statement *statement)
{
	struct gather gather = { 0 };
	struct ast_value title;
	struct place open;
	enum body body;
	bool fine = true;

	if (!parse_string(parser, "what the example shows, in quotes",
			  &title) ||
	    !parser_open(parser, &open))
		return false;
	while ((body = parser_more(parser, open)) == BODY_MORE) {
		size_t taken = parser->taken;
		struct ast_given given;

		if (!parse_given(parser, &given)) {
			parser_skip_entry(parser, taken, false);
			fine = false;
			continue;
		}
		if (!gather_add(parser, &gather, &given, sizeof(given)))
			break;
	}
	statement->example.given_count = gather.count;
	statement->example.given =
		gather_done(parser, &gather, sizeof(struct ast_given));
	if (body != BODY_CLOSED || !parser_expect_word(parser, "expect") ||
	    !parse_expect(parser, statement))
		return false;
	/* One that is understood in part would only fail. */
	if (fine) {
		statement->name = title.text;
		statement->name_place = title.place;
	}
	return true;
}
