/* token.c - see token.h. */
#include "rules/mail/token.h"

#include "rules/mail/address.h"
#include "rules/mail/ascii.h"
#include "rules/mail/limits.h"

static bool bad(struct token *token, enum token_bad why, size_t at)
{
	token->type = TOKEN_BAD;
	token->bad = why;
	token->start = token->end = at;
	return false;
}

/*
 * Folding white space: [*WSP CRLF] 1*WSP; with a second line break it is
 * obsolete.  LF alone folds too, as in stored mail.
 */
static bool skip_space(struct token_reader *reader, struct token *token)
{
	const char *text = reader->text;
	size_t i = reader->pos, folds = 0;

	while (i < reader->len) {
		size_t lf = i;

		if (ascii_is_blank(text[i])) {
			i++;
			continue;
		}
		if (text[i] == '\r')
			lf++;
		else if (text[i] != '\n')
			break;
		if (lf + 1 >= reader->len || text[lf] != '\n' ||
		    !ascii_is_blank(text[lf + 1]))
			return bad(token, TOKEN_LINE_BREAK, i);
		i = lf + 2;
		folds++;
	}
	if (folds > 1)
		token->obsolete = true;
	reader->pos = i;
	return true;
}

/* Behind a backslash: one visible character or blank. */
static bool skip_pair(struct token_reader *reader, struct token *token,
		      enum token_bad unclosed)
{
	size_t i = reader->pos + 1;

	if (i >= reader->len)
		return bad(token, unclosed, reader->pos);
	if (reader->text[i] == '\r' || reader->text[i] == '\n')
		return bad(token, TOKEN_LINE_BREAK, i);
	if (ascii_is_control(reader->text[i]) && reader->text[i] != '\t')
		return bad(token, TOKEN_CONTROL, i);
	reader->pos += 2;
	return true;
}

/*
 * The inside of a comment or quoted string: skips what any of them may hold at
 * this place, so that `pos` is at a byte with a meaning or has moved on.
 */
static bool skip_inside(struct token_reader *reader, struct token *token,
			enum token_bad unclosed)
{
	char c;

	if (!skip_space(reader, token))
		return false;
	if (reader->pos == reader->len)
		return bad(token, unclosed, reader->len);
	c = reader->text[reader->pos];
	if (ascii_is_control(c))
		return bad(token, TOKEN_CONTROL, reader->pos);
	if (c == '\\')
		return skip_pair(reader, token, unclosed);
	return true;
}

static bool skip_comment(struct token_reader *reader, struct token *token)
{
	size_t depth = 0, before;

	do {
		before = reader->pos;
		if (!skip_inside(reader, token, TOKEN_COMMENT))
			return false;
		if (reader->pos != before)
			continue; /* blanks or a pair; look again */
		if (reader->text[before] == '(' && ++depth > MAIL_COMMENT_DEPTH)
			return bad(token, TOKEN_COMMENT, before);
		if (reader->text[before] == ')')
			depth--;
		reader->pos++;
	} while (depth > 0);
	return true;
}

static bool read_quoted(struct token_reader *reader, struct token *token)
{
	size_t before;

	token->type = TOKEN_QUOTED;
	reader->pos++;
	for (;;) {
		before = reader->pos;
		if (!skip_inside(reader, token, TOKEN_QUOTE))
			return false;
		if (reader->pos != before)
			continue;
		reader->pos++;
		if (reader->text[before] == '"')
			return true;
	}
}

static bool read_literal(struct token_reader *reader, struct token *token)
{
	char c;

	token->type = TOKEN_LITERAL;
	reader->pos++;
	for (;;) {
		if (!skip_space(reader, token))
			return false;
		if (reader->pos == reader->len)
			return bad(token, TOKEN_BRACKET, reader->len);
		c = reader->text[reader->pos];
		if (ascii_is_control(c))
			return bad(token, TOKEN_CONTROL, reader->pos);
		if (c == '[' || c == '\\')
			return bad(token, TOKEN_BRACKET, reader->pos);
		reader->pos++;
		if (c == ']')
			return true;
	}
}

static bool is_special(char c)
{
	return c == '<' || c == '>' || c == '@' || c == ',' || c == ':' ||
	       c == ';' || c == '.';
}

static bool read_token(struct token_reader *reader, struct token *token)
{
	const char *text = reader->text;
	char c;

	if (reader->pos == reader->len)
		return true;
	c = text[reader->pos];
	if (address_is_atext(c)) {
		token->type = TOKEN_ATOM;
		while (reader->pos < reader->len &&
		       address_is_atext(text[reader->pos]))
			reader->pos++;
		return true;
	}
	if (is_special(c)) {
		token->type = TOKEN_SPECIAL;
		token->special = c;
		reader->pos++;
		return true;
	}
	if (c == '"')
		return read_quoted(reader, token);
	if (c == '[')
		return read_literal(reader, token);
	return bad(token, ascii_is_control(c) ? TOKEN_CONTROL : TOKEN_CHARACTER,
		   reader->pos);
}

void token_next(struct token_reader *reader, struct token *ret_token)
{
	size_t begin = reader->pos;

	*ret_token = (struct token){ .type = TOKEN_END };
	for (;;) {
		if (!skip_space(reader, ret_token))
			goto stuck;
		if (reader->pos == reader->len ||
		    reader->text[reader->pos] != '(')
			break;
		if (!skip_comment(reader, ret_token))
			goto stuck;
	}
	ret_token->space = reader->pos > begin;
	ret_token->start = reader->pos;
	if (!read_token(reader, ret_token))
		goto stuck;
	ret_token->end = reader->pos;
	return;
stuck:
	reader->pos = begin; /* so that the next call says the same */
}

size_t token_unquote(const char *text, size_t len, char *out)
{
	size_t used = 0;

	for (size_t i = 1; i + 1 < len; i++) {
		if (text[i] == '\r' || text[i] == '\n')
			continue;
		if (text[i] == '\\')
			i++;
		out[used++] = text[i];
	}
	return used;
}
