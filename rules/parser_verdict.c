/*
 * parser_verdict.c - verdict, greylist, and the classes that hold both.
 */
#include "rules/parser.h"

#include <string.h>

static void at_or_never(struct parser *parser)
{
	static const char *const words[] = { "at", "never", NULL };

	parser_expected(parser, "\"at\" or \"never\"");
	if (!parser_at_end(parser))
		parser_suggest(parser, &parser->token, words);
}

/* --- verdict ------------------------------------------------------------- */

static bool parse_verdict_word(struct parser *parser, struct ast_verdict *ret)
{
	static const char *const known[] = { "tag",	"quarantine", "defer",
					     "discard", "reject",     NULL };
	const struct token token = parser->token;
	int word = -1;

	if (parser_peek(parser) == TOKEN_WORD)
		word = verdict_word_find(token.start, token.len);
	if (word == VERDICT_ACCEPT) {
		diag_error(parser->diag, token.place,
			   "accept takes no threshold: it is what remains");
		return false;
	}
	if (word < 0) {
		parser_expected(parser,
				"tag, quarantine, defer, discard or reject");
		if (!parser_at_end(parser))
			parser_suggest(parser, &token, known);
		return false;
	}
	ret->word = (enum verdict_word)word;
	parser_take(parser);
	return true;
}

/* `reply` and `subject`, each once, and only where they have a meaning. */
static bool parse_clause(struct parser *parser, const char *word, bool allowed,
			 const struct ast_value **ret_value)
{
	struct place place = parser->token.place;
	struct ast_value value;

	parser_take(parser);
	if (!parse_string(parser, "text in quotes", &value))
		return false;
	if (!allowed) {
		diag_error(parser->diag, place, "this verdict takes no %s",
			   word);
		return true;
	}
	if (*ret_value != NULL)
		diag_error(parser->diag, place, "%s stands twice", word);
	*ret_value = keep_value(parser, &value);
	return *ret_value != NULL;
}

bool parse_verdict(struct parser *parser, struct ast_statement *statement)
{
	struct ast_verdict *verdict = &statement->verdict;
	bool refuses;

	if (!parse_verdict_word(parser, verdict))
		return false;
	verdict->never = parser_accept_word(parser, "never");
	if (verdict->never)
		return true;
	if (!parser_accept_word(parser, "at")) {
		at_or_never(parser);
		return false;
	}
	if (!parse_weight(parser, "a threshold such as 10.0",
			  &verdict->threshold))
		return false;
	refuses = verdict->word == VERDICT_REJECT ||
		  verdict->word == VERDICT_DEFER;
	for (;;) {
		bool fine;

		if (parser_at_word(parser, "reply"))
			fine = parse_clause(parser, "reply", refuses,
					    &verdict->reply);
		else if (parser_at_word(parser, "subject"))
			fine = parse_clause(parser, "subject",
					    verdict->word == VERDICT_TAG,
					    &verdict->subject);
		else
			return true;
		if (!fine)
			return false;
	}
}

/* --- greylist ------------------------------------------------------------ */

/* One of wait, window and keep; they come in any order. */
static bool parse_period(struct parser *parser, struct ast_greylist *grey)
{
	struct place place = parser->token.place;
	int64_t *seconds = &grey->keep;
	bool twice;

	if (parser_at_word(parser, "wait"))
		seconds = &grey->wait;
	else if (parser_at_word(parser, "window"))
		seconds = &grey->window;
	twice = *seconds >= 0;
	parser_take(parser);
	if (!parse_time(parser, "a time such as 5m or 2d", seconds))
		return false;
	if (twice)
		diag_error(parser->diag, place, "this stands twice");
	return true;
}

static bool at_period(const struct parser *parser)
{
	return parser_at_word(parser, "wait") ||
	       parser_at_word(parser, "window") ||
	       parser_at_word(parser, "keep");
}

bool parse_greylist(struct parser *parser, struct ast_statement *statement)
{
	struct ast_greylist *grey = &statement->greylist;

	grey->wait = grey->window = grey->keep = -1;
	grey->never = parser_accept_word(parser, "never");
	if (grey->never)
		return true;
	if (parser_accept_word(parser, "at")) {
		if (!parse_weight(parser, "a threshold such as 2.0",
				  &grey->threshold))
			return false;
		grey->has_threshold = true;
	} else if (!at_period(parser)) {
		at_or_never(parser);
		return false;
	}
	while (at_period(parser))
		if (!parse_period(parser, grey))
			return false;
	if (!grey->has_threshold && parser->braces == 0) {
		diag_error(parser->diag, statement->place,
			   "greylist does not say at which score it begins");
		diag_hint(parser->diag,
			  "write: greylist at 2.0 wait 5m window 2d keep 36d");
		return false;
	}
	return true;
}

/* --- class --------------------------------------------------------------- */

static bool parse_class_entry(struct parser *parser,
			      struct ast_statement *entry)
{
	static const char *const words[] = { "verdict", "greylist", NULL };
	const struct token token = parser->token;

	entry->place = token.place;
	if (parser_accept_word(parser, "verdict")) {
		entry->kind = AST_VERDICT;
		return parse_verdict(parser, entry);
	}
	if (parser_accept_word(parser, "greylist")) {
		entry->kind = AST_GREYLIST;
		return parse_greylist(parser, entry);
	}
	parser_expected(parser, "verdict, greylist or \"}\"");
	parser_suggest(parser, &token, words);
	return false;
}

static bool parse_class_body(struct parser *parser,
			     struct ast_statement *statement)
{
	const struct ast_statement **last = &statement->class.body;
	struct place open;
	enum body body;

	if (!parser_open(parser, &open))
		return false;
	while ((body = parser_more(parser, open)) == BODY_MORE) {
		size_t taken = parser->taken;
		struct ast_statement *entry;

		entry = parser_array(parser, 1, sizeof(*entry));
		if (entry == NULL)
			return false;
		if (!parse_class_entry(parser, entry)) {
			parser_skip_entry(parser, taken, false);
			continue;
		}
		*last = entry;
		last = (const struct ast_statement **)&entry->next;
	}
	return body == BODY_CLOSED;
}

bool parse_class(struct parser *parser, struct ast_statement *statement)
{
	bool fine;

	if (!parse_new_name(parser, "a name for the class", statement))
		return false;
	fine = parser_expect_word(parser, "if");
	if (fine) {
		statement->class.condition = parse_condition(parser);
		fine = statement->class.condition != NULL;
	}
	if (!fine)
		statement->class.condition =
			parse_stand_in(parser, statement->place);
	return fine && parse_class_body(parser, statement);
}
