/*
 * parser_dnsbl.c - DNS lists, and which of their answers mean what.
 */
#include "rules/parser.h"

#include <stdio.h>
#include <string.h>

#include "lists/ip.h"

enum { ANY_OCTET = 256 };

/*
 * Four octets, each a figure without leading zeros or, if `wild`, a star.
 * Written here and not taken from lists/ip.h because of the stars.
 */
static bool read_octets(const char *text, bool wild, uint16_t octets[4])
{
	for (unsigned i = 0; i < 4; i++) {
		unsigned value = 0, digits = 0;

		if (i > 0 && *text++ != '.')
			return false;
		if (wild && *text == '*') {
			octets[i] = ANY_OCTET;
			text++;
			continue;
		}
		for (; *text >= '0' && *text <= '9'; text++) {
			if (digits > 0 && value == 0)
				return false;
			value = value * 10 + (unsigned)(*text - '0');
			if (++digits > 3 || value > 255)
				return false;
		}
		if (digits == 0)
			return false;
		octets[i] = (uint16_t)value;
	}
	return *text == '\0';
}

static uint32_t number_of(const uint16_t octets[4])
{
	return (uint32_t)octets[0] << 24 | (uint32_t)octets[1] << 16 |
	       (uint32_t)octets[2] << 8 | octets[3];
}

/* The next token as an address of an answer. */
static bool parse_octets(struct parser *parser, bool wild, uint16_t octets[4])
{
	const struct token *token = &parser->token;

	if (parser_peek(parser) != TOKEN_ADDRESS) {
		parser_expected(parser, "an IPv4 address such as 127.0.0.2");
		return false;
	}
	if (!read_octets(token->text, wild, octets)) {
		diag_error(parser->diag, token->place,
			   "this is not an IPv4 address");
		if (strchr(token->text, '/') != NULL)
			diag_hint(parser->diag,
				  "write a range: 127.0.0.4 - 127.0.0.7");
		return false;
	}
	parser_take(parser);
	return true;
}

static bool in_127(struct parser *parser, struct place place, uint16_t octet)
{
	if (octet == 127)
		return true;
	diag_error(parser->diag, place,
		   "a list answers with addresses of 127.0.0.0/8");
	diag_hint(parser->diag,
		  "any other answer is taken for a fault of the list");
	return false;
}

static bool parse_filter(struct parser *parser, struct ast_filter *ret)
{
	struct place place = parser->token.place;
	uint16_t first[4], second[4];
	bool wild;

	memset(ret, 0, sizeof(*ret));
	ret->place = place;
	if (!parse_octets(parser, true, first) ||
	    !in_127(parser, place, first[0]))
		return false;
	wild = first[1] == ANY_OCTET || first[2] == ANY_OCTET ||
	       first[3] == ANY_OCTET;
	if (wild) {
		ret->kind = AST_FILTER_WILD;
		memcpy(ret->octets, first, sizeof(first));
		return true;
	}
	ret->kind = AST_FILTER_RANGE;
	ret->from = ret->to = number_of(first);
	place = parser->token.place;
	if (parser_accept(parser, TOKEN_DASH)) {
		if (!parse_octets(parser, false, second))
			return false;
		ret->to = number_of(second);
		if (ret->to < ret->from || second[0] != 127) {
			diag_error(parser->diag, place,
				   "this range ends before it begins, or "
				   "outside of 127.0.0.0/8");
			return false;
		}
	} else if (parser_accept_word(parser, "mask")) {
		place = parser->token.place;
		if (!parse_octets(parser, false, second))
			return false;
		ret->kind = AST_FILTER_MASK;
		ret->base = number_of(first);
		ret->mask = number_of(second);
		if (ret->mask == 0 || second[0] != 0) {
			diag_error(parser->diag, place,
				   "a mask has some bit, and none in its first "
				   "octet");
			return false;
		}
	}
	return true;
}

/* `on FILTER, FILTER...` */
static bool parse_filters(struct parser *parser, struct ast_reply *reply)
{
	struct gather gather = { 0 };
	struct ast_filter filter;
	bool fine;

	do
		fine = parse_filter(parser, &filter) &&
		       gather_add(parser, &gather, &filter, sizeof(filter));
	while (fine && parser_accept(parser, TOKEN_COMMA));
	reply->filter_count = gather.count;
	reply->filters = gather_done(parser, &gather, sizeof(filter));
	return fine;
}

/* What an entry means whose filter was not understood: a stand-in. */
static bool any_answer(struct parser *parser, struct ast_reply *reply)
{
	struct ast_filter *filter;

	if (reply->filter_count > 0)
		return true;
	filter = parser_array(parser, 1, sizeof(*filter));
	if (filter == NULL)
		return false;
	filter->place = reply->place;
	filter->kind = AST_FILTER_RANGE;
	filter->from = filter->to = UINT32_C(0x7f000002);
	reply->filters = filter;
	reply->filter_count = 1;
	return true;
}

static bool parse_reply(struct parser *parser, struct ast_reply *reply)
{
	struct ast_statement name = { 0 };
	struct ast_value why;

	memset(reply, 0, sizeof(*reply));
	if (!parse_new_name(parser, "a symbol or \"}\"", &name))
		return false;
	reply->place = name.name_place;
	reply->symbol = name.name;
	if (!parse_weight(parser, "a weight such as 4.0", &reply->weight))
		return false;
	if (!parser_at_word(parser, "on")) {
		if (parser->token.kind == TOKEN_BAD)
			return false;
		diag_error(parser->diag, reply->place,
			   "%s does not say on which answers", reply->symbol);
		diag_hint(parser->diag,
			  "add \"on 127.0.0.2\": without it any answer, a "
			  "refusal to serve too, would be taken for a listing");
		return false;
	}
	parser_take(parser);
	if (!parse_filters(parser, reply))
		return false;
	if (parser_peek(parser) == TOKEN_STRING) {
		if (!parse_string(parser, "a description", &why))
			return false;
		reply->description = why.text;
	}
	return true;
}

static bool parse_replies(struct parser *parser,
			  struct ast_statement *statement)
{
	struct gather gather = { 0 };
	struct place open;
	enum body body;
	bool empty = true;

	if (!parser_open(parser, &open))
		return false;
	while ((body = parser_more(parser, open)) == BODY_MORE) {
		size_t taken = parser->taken;
		struct ast_reply reply;

		empty = false;

		if (!parse_reply(parser, &reply))
			parser_skip_entry(parser, taken, false);
		if (reply.symbol == NULL)
			continue;
		if (!any_answer(parser, &reply) ||
		    !gather_add(parser, &gather, &reply, sizeof(reply)))
			break;
	}
	statement->dnsbl.reply_count = gather.count;
	statement->dnsbl.replies =
		gather_done(parser, &gather, sizeof(struct ast_reply));
	if (body == BODY_CLOSED && empty) {
		diag_error(parser->diag, open,
			   "this list has no symbol: nothing would be asked");
		diag_hint(parser->diag,
			  "add an entry such as: LISTED 4.0 on 127.0.0.2");
	}
	return body == BODY_CLOSED;
}

static bool parse_of(struct parser *parser, struct ast_statement *statement)
{
	struct gather gather = { 0 };
	struct ast_word word;
	bool fine;

	do
		fine = parse_name(parser, "a fact such as sender.domain",
				  &word) &&
		       gather_add(parser, &gather, &word, sizeof(word));
	while (fine && parser_accept(parser, TOKEN_COMMA));
	statement->dnsbl.of_count = gather.count;
	statement->dnsbl.of = gather_done(parser, &gather, sizeof(word));
	return fine;
}

/* Letters, figures, hyphens, underscores; labels of 1 to 63. */
static bool is_name(const char *text, size_t len, size_t room)
{
	size_t label = 0;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (c == '.') {
			if (label == 0)
				return false;
			label = 0;
			continue;
		}
		if (++label > 63 ||
		    strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			   "0123456789-_",
			   c) == NULL)
			return false;
	}
	return len > 0 && len <= room;
}

enum { NAME_ROOM = 253, ZONE_ROOM = NAME_ROOM - 63 }; /* an IPv6 address */

/*
 * An address, or a name that can stand before the zone: no label begins or ends
 * with a hyphen, and there is no dot at the end.
 */
static bool is_listed(const struct ast_value *name, const char *zone)
{
	const char *text = name->text;
	size_t room = NAME_ROOM - 1 - strlen(zone);
	struct ip ip;

	if (ip_parse(text, name->len, &ip) == 0)
		return true;

	if (!is_name(text, name->len, room) || memchr(text, '_', name->len))
		return false;
	for (size_t i = 0; i < name->len; i++) {
		bool first = i == 0 || text[i - 1] == '.';
		bool last = i + 1 == name->len || text[i + 1] == '.';

		if ((first || last) && text[i] == '-')
			return false;
	}
	return text[name->len - 1] != '.';
}

static bool parse_ask(struct parser *parser, struct ast_statement *statement)
{
	static const char *const words[] = { "full", "organisation", "both",
					     NULL };

	for (unsigned i = 0; words[i] != NULL; i++)
		if (parser_accept_word(parser, words[i])) {
			statement->dnsbl.ask = (enum dnsbl_ask)i;
			statement->dnsbl.has_ask = true;
			return true;
		}
	parser_expected(parser, "full, organisation or both");
	if (!parser_at_end(parser))
		parser_suggest(parser, &parser->token, words);
	return false;
}

static bool parse_test(struct parser *parser, struct ast_statement *statement)
{
	struct ast_value name;

	if (parser_accept_word(parser, "none")) {
		statement->dnsbl.test = "";
		return true;
	}
	if (!parse_string(parser,
			  "what the list holds for tests, or "
			  "none",
			  &name))
		return false;
	/* The zone may be the one that is wrong. */
	if (!statement->broken && !is_listed(&name, statement->name)) {
		diag_error(parser->diag, name.place,
			   "this is neither an address nor the name of a "
			   "host");
		diag_hint(
			parser->diag,
			"what is listed for tests is named without the zone, as "
			"in: test \"dbltest.com\"");
		return true;
	}
	statement->dnsbl.test = name.text;
	return true;
}

/* What may stand between zone and brace, each once. */
enum clause { CLAUSE_OF, CLAUSE_ASK, CLAUSE_TEST, CLAUSES };

static bool parse_clauses(struct parser *parser,
			  struct ast_statement *statement)
{
	static const char *const words[] = { "of", "ask", "test", NULL };
	static parse_statement *const parse[CLAUSES] = {
		parse_of,
		parse_ask,
		parse_test,
	};
	bool seen[CLAUSES] = { false };

	while (parser_peek(parser) != TOKEN_OPEN_BRACE) {
		const struct token token = parser->token;
		unsigned clause = 0;

		while (clause < CLAUSES &&
		       !parser_accept_word(parser, words[clause]))
			clause++;
		if (clause == CLAUSES) {
			parser_expected(
				parser,
				seen[CLAUSE_OF] && !seen[CLAUSE_ASK] &&
						!seen[CLAUSE_TEST]
					? "\",\", \"ask\", \"test\" or "
					  "\"{\""
					: "\"of\", \"ask\", \"test\" or "
					  "\"{\"");
			if (!parser_at_end(parser))
				parser_suggest(parser, &token, words);
			return false;
		}
		if (clause == CLAUSE_ASK)
			statement->dnsbl.ask_place = token.place;
		if (seen[clause]) {
			diag_error(parser->diag, token.place,
				   "\"%s\" stands here twice", words[clause]);
			return false;
		}
		seen[clause] = true;
		if (!parse[clause](parser, statement))
			return false;
	}
	return true;
}

bool parse_dnsbl(struct parser *parser, struct ast_statement *statement)
{
	struct ast_value zone;

	if (!parse_string(parser, "the list's zone in quotes", &zone))
		return false;
	statement->name = zone.text;
	statement->name_place = zone.place;
	if (!is_name(zone.text, zone.len, ZONE_ROOM)) {
		diag_error(parser->diag, zone.place,
			   "this is not the name of a DNS zone");
		statement->broken = true;
	}
	return parse_clauses(parser, statement) &&
	       parse_replies(parser, statement);
}
