/*
 * token.h - the words that structured header fields are made of.
 *
 * RFC 5322 section 3.2, with its obsolete forms and UTF-8 (RFC 6532): atoms,
 * quoted strings, domain literals and specials; blanks, folds and comments
 * between them are skipped.  Comments are counted, not recursed into.  A token
 * is a place in the text; nothing is copied.  Bytes above 0x7f are text:
 * whether they are UTF-8 is for the caller to ask.
 */
#ifndef STEELYARD_RULES_MAIL_TOKEN_H
#define STEELYARD_RULES_MAIL_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

enum token_type {
	TOKEN_END,
	TOKEN_ATOM, /* a run of atext, no dots */
	TOKEN_QUOTED, /* with its quotes */
	TOKEN_LITERAL, /* with its brackets */
	TOKEN_SPECIAL, /* one of < > @ , : ; . */
	TOKEN_BAD, /* `bad` says why; stays so from then on */
};

enum token_bad {
	TOKEN_CONTROL, /* NUL or another control character */
	TOKEN_LINE_BREAK, /* bare CR, or a line that is not folded */
	TOKEN_CHARACTER, /* ) ] or \ on its own */
	TOKEN_COMMENT, /* not closed, or deeper than MAIL_COMMENT_DEPTH */
	TOKEN_QUOTE, /* not closed */
	TOKEN_BRACKET, /* literal not closed, or with [ or \ inside */
};

struct token {
	enum token_type type;
	enum token_bad bad;
	char special; /* NUL unless type is TOKEN_SPECIAL */
	size_t start, end; /* end is the byte behind */
	bool space; /* a blank, fold or comment stands before it */
	bool obsolete; /* two folds in a row, in it or before it */
};

/* Start with { .text = ..., .len = ... }. */
struct token_reader {
	const char *text;
	size_t len, pos;
};

void token_next(struct token_reader *reader, struct token *ret_token);

/*
 * What a quoted string means: quotes, backslashes and line breaks taken out.
 * `text` is the token with its quotes; `out` holds `len` bytes.  Returns the
 * length.
 */
size_t token_unquote(const char *text, size_t len, char *out);

#endif
