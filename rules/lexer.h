/*
 * lexer.h - a rule file cut into tokens.
 *
 * Tokens need no context: whoever asks gets the same ones.  Where a token
 * stands on its line is noted with it, as statements end with the line; the
 * parser decides where that counts.
 *
 * What is wrong with a token itself is reported here, once, and the token still
 * comes as the kind that was meant, so that the parser can go on.  Only what
 * can be no token at all comes as TOKEN_BAD, with its report made.
 *
 * Texts live in the arena; `start` points into the source.
 */
#ifndef STEELYARD_RULES_LEXER_H
#define STEELYARD_RULES_LEXER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rules/diag.h"

struct arena;

enum token_kind {
	TOKEN_EOF,
	TOKEN_BAD, /* already reported */
	TOKEN_WORD, /* [A-Za-z_][A-Za-z0-9_.-]* of any length */
	TOKEN_BARE, /* other text without quotes: a@b, =example.org, x/y */
	TOKEN_ADDRESS, /* looks like an IP address, prefix or 127.0.*.2 */
	TOKEN_NUMBER, /* number: hundredths */
	TOKEN_TIME, /* number: seconds */
	TOKEN_SIZE, /* number: bytes */
	TOKEN_STRING,
	TOKEN_REGEX,
	TOKEN_OPEN, /* ( */
	TOKEN_CLOSE, /* ) */
	TOKEN_OPEN_BRACE,
	TOKEN_CLOSE_BRACE,
	TOKEN_COMMA,
	TOKEN_DASH, /* - by itself */
	TOKEN_MATCHES, /* ~ */
	TOKEN_NOT_MATCHES, /* !~ */
	TOKEN_LESS,
	TOKEN_LESS_EQUAL,
	TOKEN_GREATER,
	TOKEN_GREATER_EQUAL,
};

struct token {
	enum token_kind kind;
	bool first; /* on its line */
	struct place place;
	const char *start; /* as written, `len` bytes */
	size_t len;
	/* NUL-terminated: as written, or what a string or a regex holds */
	const char *text;
	size_t text_len;
	const char *flags; /* of a regex */
	int64_t number;
};

struct lexer {
	struct diag *diag;
	struct arena *arena;
	bool quiet; /* skipping: tokens are not reported on */
	bool failed; /* no memory; TOKEN_EOF from now on */
	/* inside */
	const char *at, *end;
	const char *line_start;
	const char *line_stop; /* NULL: not looked for yet */
	uint32_t line;
	uint16_t file;
	bool first;
};

/*
 * Begins with a source that `diag` already holds.  NUL, bytes that are not
 * UTF-8, and a byte order mark are reported at once, one a line.
 */
void lexer_init(struct lexer *lexer, struct diag *diag, struct arena *arena,
		uint16_t file);

void lexer_next(struct lexer *lexer, struct token *ret_token);

/* The place of `len` bytes at `at` on the line being read. */
struct place lexer_place(const struct lexer *lexer, const char *at, size_t len);

/* The token is this word. */
bool token_is(const struct token *token, const char *word);

#endif
