/*
 * parser_statement.c - set, list, group, rule, override, exempt.
 */
#include "rules/parser.h"

#include <string.h>

#include "rules/include.h"

bool parse_set(struct parser *parser, struct ast_statement *statement)
{
	struct ast_value *value = &statement->set.value;
	struct ast_word name;

	if (!parse_name(parser, "a setting's name", &name) ||
	    !parse_value(parser, "a value", value))
		return false;
	if (value->kind == AST_NONE || value->kind == AST_UNKNOWN)
		value->kind = AST_WORD; /* no state of a fact here */
	if (value->kind == AST_REGEX) {
		diag_error(parser->diag, value->place,
			   "a setting takes no regular expression");
		diag_hint(parser->diag, "put it between double quotes");
		return false;
	}
	statement->name = name.text;
	statement->name_place = name.place;
	return true;
}

/* --- lists --------------------------------------------------------------- */

static const char *const list_kinds[] = { "ip", "domain", "address", "regex",
					  NULL };

static bool parse_list_kind(struct parser *parser,
			    struct ast_statement *statement)
{
	const struct token kind = parser->token;

	statement->list.kind = list_kinds[0]; /* until something better */
	statement->list.kind_place = kind.place;
	for (size_t i = 0; list_kinds[i] != NULL; i++)
		if (parser_accept_word(parser, list_kinds[i])) {
			statement->list.kind = list_kinds[i];
			return true;
		}
	parser_expected(parser, "ip, domain, address or regex");
	if (!parser_at_end(parser))
		parser_suggest(parser, &kind, list_kinds);
	return false;
}

/* Patterns belong into lists of patterns, and nothing else does. */
static void check_entries(struct parser *parser,
			  const struct ast_statement *statement)
{
	bool regex = strcmp(statement->list.kind, "regex") == 0;

	for (size_t i = 0; i < statement->list.entry_count; i++) {
		const struct ast_value *entry = &statement->list.entries[i];

		if (regex && entry->kind != AST_REGEX) {
			diag_error(parser->diag, entry->place,
				   "an entry of a regex list stands between "
				   "slashes");
			diag_hint(parser->diag, "such as /^mail[0-9]+\\./i");
		} else if (!regex && entry->kind == AST_REGEX) {
			diag_error(parser->diag, entry->place,
				   "a list of kind %s takes no regular "
				   "expressions",
				   statement->list.kind);
		}
	}
}

static bool parse_list_file(struct parser *parser,
			    struct ast_statement *statement)
{
	struct ast_value file;

	if (!parse_string(parser, "the name of a file in quotes", &file))
		return false;
	if (file.len == 0) {
		diag_error(parser->diag, file.place, "this name is empty");
		return false;
	}
	statement->list.file = keep_value(parser, &file);
	statement->list.path =
		include_path(parser->arena, parser->path, file.text);
	return statement->list.file != NULL && statement->list.path != NULL;
}

bool parse_list(struct parser *parser, struct ast_statement *statement)
{
	statement->list.kind = list_kinds[0];
	if (!parse_new_name(parser, "a name for the list", statement) ||
	    !parse_list_kind(parser, statement))
		return false;
	if (parser_accept_word(parser, "from"))
		return parse_list_file(parser, statement);
	if (parser_peek(parser) != TOKEN_OPEN_BRACE) {
		parser_expected(parser, "\"{\" or from \"file\"");
		return false;
	}
	if (!parse_values(parser, "an entry or \"}\"", &statement->list.entries,
			  &statement->list.entry_count))
		return false;
	check_entries(parser, statement);
	return true;
}

/* --- groups -------------------------------------------------------------- */

static bool parse_members(struct parser *parser,
			  struct ast_statement *statement)
{
	struct gather gather = { 0 };
	struct ast_word word;
	struct place open;
	enum body body;

	if (!parser_open(parser, &open))
		return false;
	while ((body = parser_more(parser, open)) == BODY_MORE) {
		size_t taken = parser->taken;

		if (!parse_name(parser, "a symbol or \"}\"", &word)) {
			parser_skip_entry(parser, taken, true);
			continue;
		}
		if (!gather_add(parser, &gather, &word, sizeof(word)))
			break;
		parser_accept(parser, TOKEN_COMMA);
	}
	statement->group.member_count = gather.count;
	statement->group.members = gather_done(parser, &gather, sizeof(word));
	return body == BODY_CLOSED;
}

bool parse_group(struct parser *parser, struct ast_statement *statement)
{
	struct place place;

	if (!parse_new_name(parser, "a name for the group", statement))
		return false;
	if (parser_accept_word(parser, "max")) {
		place = parser->token.place;
		if (!parse_weight(parser, "the most that the group may add",
				  &statement->group.max))
			return false;
		statement->group.has_max = true;
		if (statement->group.max < 0) {
			diag_error(parser->diag, place,
				   "the most that a group adds cannot be "
				   "negative");
			statement->group.max = 0;
		}
	}
	if (parser_peek(parser) != TOKEN_OPEN_BRACE) {
		parser_expected(parser, statement->group.has_max
						? "\"{\""
						: "\"max\" or \"{\"");
		return false;
	}
	return parse_members(parser, statement);
}

/* --- rules --------------------------------------------------------------- */

static bool parse_rule_body(struct parser *parser,
			    struct ast_statement *statement)
{
	struct ast_value why;

	if (!parse_weight(parser, "a weight such as 1.5",
			  &statement->rule.weight) ||
	    !parser_expect_word(parser, "if"))
		return false;
	statement->rule.condition = parse_condition(parser);
	if (statement->rule.condition == NULL)
		return false;
	if (parser_peek(parser) != TOKEN_STRING) {
		if (parser_at_end(parser))
			return true;
		parser_expected(parser, "\"and\", \"or\", a description in "
					"quotes or the end of the line");
		return false;
	}
	if (!parse_string(parser, "a description", &why))
		return false;
	statement->rule.description = why.text;
	return true;
}

bool parse_rule(struct parser *parser, struct ast_statement *statement)
{
	bool fine;

	if (!parse_new_name(parser, "a name for the rule", statement))
		return false;
	fine = parse_rule_body(parser, statement);
	if (statement->rule.condition == NULL)
		statement->rule.condition =
			parse_stand_in(parser, statement->place);
	return fine;
}

bool parse_shadow_rule(struct parser *parser, struct ast_statement *statement)
{
	statement->rule.shadow = true;
	return parser_expect_word(parser, "rule") &&
	       parse_rule(parser, statement);
}

bool parse_override(struct parser *parser, struct ast_statement *statement)
{
	struct ast_word name;

	if (!parse_name(parser, "the name of a rule", &name))
		return false;
	if (parser_accept_word(parser, "off"))
		statement->override.off = true;
	else if (!parse_weight(parser, "\"off\" or a weight such as 1.5",
			       &statement->override.weight))
		return false;
	statement->name = name.text;
	statement->name_place = name.place;
	return true;
}

bool parse_exempt(struct parser *parser, struct ast_statement *statement)
{
	if (!parser_expect_word(parser, "if"))
		return false;
	statement->exempt.condition = parse_condition(parser);
	return statement->exempt.condition != NULL;
}
