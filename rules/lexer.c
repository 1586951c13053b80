/*
 * lexer.c - cuts a rule file into tokens, in one pass and without going back.
 *
 * Everything that is neither quoted nor punctuation is taken as one piece up to
 * the next blank or punctuation, and then told what it is (lexer_number.c for
 * figures).  So `3x` and `192.0.2.300` are each one wrong token, not two right
 * ones, and the report can underline what the writer sees as one thing.
 */
#include "rules/lexer.h"

#include <string.h>

#include "rules/arena.h"
#include "rules/lexer_number.h"
#include "rules/utf8.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_alnum(char c)
{
	return is_alpha(c) || is_digit(c);
}

static bool is_high(char c)
{
	return (unsigned char)c >= 0x80;
}

/* May stand inside of a piece of bare text. */
static bool is_bare(char c)
{
	return is_alnum(c) || is_high(c) ||
	       (c != '\0' && strchr(".-:/@*+%", c));
}

/* --- the source as a whole ----------------------------------------------- */

static struct place place_in_file(uint16_t file, uint32_t line, size_t column,
				  size_t length)
{
	const size_t most = UINT16_MAX;

	return (struct place){
		.file = file,
		.line = line,
		.column = (uint16_t)(column < most ? column : most),
		.length = (uint16_t)(length < most ? length : most),
	};
}

/* Returns the first byte of this line that has no business there, or NULL. */
static const char *bad_byte(const char *at, const char *stop)
{
	while (at < stop) {
		size_t take = utf8_length(at, (size_t)(stop - at));

		if (take == 0 || *at == '\0')
			return at;
		at += take;
	}
	return NULL;
}

static void check_bytes(struct lexer *lexer)
{
	const char *at = lexer->at;

	for (uint32_t line = 1; at < lexer->end; line++) {
		const char *stop = memchr(at, '\n', (size_t)(lexer->end - at));
		const char *bad;

		if (stop == NULL)
			stop = lexer->end;
		bad = bad_byte(at, stop);
		if (bad != NULL) {
			struct place place =
				place_in_file(lexer->file, line,
					      (size_t)(bad - at) + 1, 1);

			if (*bad == '\0')
				diag_error(lexer->diag, place,
					   "a NUL byte in the file");
			else
				diag_error(lexer->diag, place,
					   "byte 0x%02x is not UTF-8",
					   (unsigned char)*bad);
		}
		at = stop < lexer->end ? stop + 1 : stop;
	}
}

void lexer_init(struct lexer *lexer, struct diag *diag, struct arena *arena,
		uint16_t file)
{
	const struct diag_source *source = &diag->sources[file - 1];

	*lexer = (struct lexer){
		.diag = diag,
		.arena = arena,
		.at = source->text,
		.end = source->text + source->len,
		.line_start = source->text,
		.line = 1,
		.file = file,
		.first = true,
	};
	check_bytes(lexer);
	if (source->len >= 3 && memcmp(source->text, "\xef\xbb\xbf", 3) == 0) {
		diag_error(diag, place_in_file(file, 1, 1, 3),
			   "the file begins with a byte order mark");
		diag_hint(diag, "save it as UTF-8 without one");
		lexer->at += 3;
	}
}

struct place lexer_place(const struct lexer *lexer, const char *at, size_t len)
{
	return place_in_file(lexer->file, lexer->line,
			     (size_t)(at - lexer->line_start) + 1,
			     len > 0 ? len : 1);
}

/* --- reports ------------------------------------------------------------- */

/* `hint` may be NULL. */
static void report(struct lexer *lexer, const char *at, size_t len,
		   const char *message, const char *hint)
{
	if (lexer->quiet)
		return;
	diag_error(lexer->diag, lexer_place(lexer, at, len), "%s", message);
	if (hint != NULL)
		diag_hint(lexer->diag, "%s", hint);
}

static char *copy(struct lexer *lexer, const char *at, size_t len)
{
	char *text = arena_strndup(lexer->arena, at, len);

	if (text == NULL) {
		if (!lexer->failed)
			diag_error(lexer->diag, lexer_place(lexer, at, 1),
				   "no memory is left to read on");
		lexer->failed = true;
		lexer->at = lexer->end;
	}
	return text;
}

/* --- what stands between marks ------------------------------------------- */

/* The closing mark on this line, or NULL; a backslash hides what follows it. */
static const char *find_mark(const char *at, const char *stop, char mark)
{
	while (at < stop && *at != mark)
		at += *at == '\\' && at + 1 < stop ? 2 : 1;
	return at < stop ? at : NULL;
}

/* Where this line ends; found once a line, or long lines would cost squares. */
static const char *line_stop(struct lexer *lexer)
{
	const char *stop = lexer->line_stop;

	if (stop != NULL)
		return stop;
	stop = memchr(lexer->at, '\n', (size_t)(lexer->end - lexer->at));
	if (stop == NULL)
		stop = lexer->end;
	if (stop > lexer->at && stop[-1] == '\r')
		stop--;
	lexer->line_stop = stop;
	return stop;
}

static void check_controls(struct lexer *lexer, const char *at,
			   const char *stop)
{
	for (; at < stop; at++)
		if (((unsigned char)*at < 0x20 && *at != '\t' && *at != '\0') ||
		    *at == 0x7f) {
			report(lexer, at, 1,
			       "a control character between quotes", NULL);
			return;
		}
}

/* Undoes the escapes of a string in place; returns the new length. */
static size_t unescape(struct lexer *lexer, const char *source, char *text,
		       size_t len)
{
	size_t out = 0;

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (c == '\\' && i + 1 < len) {
			c = text[++i];
			if (c == 'n')
				c = '\n';
			else if (c == 't')
				c = '\t';
			else if (c != '"' && c != '\\')
				report(lexer, source + i - 1, 2,
				       "this escape means nothing in a string",
				       "known are \\\" \\\\ \\n and \\t");
		}
		text[out++] = c;
	}
	text[out] = '\0';
	return out;
}

/* In a regular expression only the slash is ours to escape. */
static size_t unescape_slash(char *text, size_t len)
{
	size_t out = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\\' && i + 1 < len) {
			if (text[i + 1] != '/')
				text[out++] = text[i];
			i++;
		}
		text[out++] = text[i];
	}
	text[out] = '\0';
	return out;
}

static void take_string(struct lexer *lexer, struct token *token)
{
	const char *stop = line_stop(lexer);
	const char *from = lexer->at + 1;
	const char *close = find_mark(from, stop, '"');
	char *text;

	token->kind = TOKEN_STRING;
	if (close == NULL) {
		report(lexer, lexer->at, (size_t)(stop - lexer->at),
		       "this string does not end on its line",
		       "a line's end is written \\n in a string");
		close = stop;
	}
	check_controls(lexer, from, close);
	text = copy(lexer, from, (size_t)(close - from));
	if (text == NULL)
		return;
	token->text_len = unescape(lexer, from, text, (size_t)(close - from));
	token->text = text;
	lexer->at = close < stop ? close + 1 : stop;
}

static void take_flags(struct lexer *lexer, struct token *token)
{
	const char *from = lexer->at;

	while (lexer->at < lexer->end && is_alnum(*lexer->at))
		lexer->at++;
	for (const char *flag = from; flag < lexer->at; flag++) {
		if (strchr("imsxu", *flag) == NULL) {
			report(lexer, flag, 1,
			       "there is no such flag of a regular expression",
			       "known are i m s x u");
			return;
		}
		if (memchr(from, *flag, (size_t)(flag - from)) != NULL) {
			report(lexer, flag, 1, "this flag stands twice", NULL);
			break;
		}
	}
	token->flags = copy(lexer, from, (size_t)(lexer->at - from));
}

static void take_regex(struct lexer *lexer, struct token *token)
{
	const char *stop = line_stop(lexer);
	const char *from = lexer->at + 1;
	const char *close = find_mark(from, stop, '/');
	char *text;

	token->kind = TOKEN_REGEX;
	token->flags = "";
	if (close == NULL) {
		report(lexer, lexer->at, (size_t)(stop - lexer->at),
		       "this regular expression does not end on its line",
		       "it ends with a /; a slash inside is written \\/");
		close = stop;
	}
	check_controls(lexer, from, close);
	text = copy(lexer, from, (size_t)(close - from));
	if (text == NULL)
		return;
	token->text_len = unescape_slash(text, (size_t)(close - from));
	token->text = text;
	if (close == from && close < stop)
		report(lexer, lexer->at, 2,
		       "an empty regular expression matches everything", NULL);
	lexer->at = close < stop ? close + 1 : stop;
	if (close < stop)
		take_flags(lexer, token);
}

/* --- bare text ----------------------------------------------------------- */

static bool starts_bare(const char *at, const char *end)
{
	char next = at + 1 < end ? at[1] : '\0';

	if (is_alnum(*at) || is_high(*at) ||
	    (*at != '\0' && strchr(".:@*", *at) != NULL))
		return true;
	if (*at == '-')
		return is_digit(next) || next == '.';
	return *at == '=' && (is_alnum(next) || is_high(next) || next == '*');
}

static bool is_word(const char *at, size_t len)
{
	if (!is_alpha(*at))
		return false;
	for (size_t i = 1; i < len; i++)
		if (!is_alnum(at[i]) && at[i] != '.' && at[i] != '-')
			return false;
	return true;
}

/* Two or more dots or a prefix's slash, and nothing else but figures. */
static bool looks_like_ipv4(const char *at, size_t len)
{
	size_t dots = 0, slashes = 0;

	for (size_t i = 0; i < len; i++) {
		if (at[i] == '.')
			dots++;
		else if (at[i] == '/')
			slashes++;
		else if (!is_digit(at[i]) && at[i] != '*')
			return false;
	}
	return (dots >= 2 || slashes == 1) && slashes <= 1;
}

/* Two or more colons and nothing but hex digits; a zone after % counts in. */
static bool looks_like_ipv6(const char *at, size_t len)
{
	size_t colons = 0;

	for (size_t i = 0; i < len; i++) {
		char c = at[i];

		if (c == '%')
			break;
		if (c == ':')
			colons++;
		else if (!is_digit(c) && (c < 'a' || c > 'f') &&
			 (c < 'A' || c > 'F') && c != '.' && c != '/')
			return false;
	}
	return colons >= 2;
}

static void take_bare(struct lexer *lexer, struct token *token)
{
	const char *from = lexer->at++;
	size_t len;

	while (lexer->at < lexer->end && is_bare(*lexer->at))
		lexer->at++;
	len = (size_t)(lexer->at - from);
	if (is_word(from, len)) {
		token->kind = TOKEN_WORD;
	} else if (looks_like_ipv4(from, len) || looks_like_ipv6(from, len)) {
		token->kind = TOKEN_ADDRESS;
	} else {
		struct figure figure = figure_read(from, len);

		token->kind = figure.kind;
		token->number = figure.number;
		if (figure.message != NULL)
			report(lexer, from + figure.at, len - figure.at,
			       figure.message, figure.hint);
	}
	token->text = copy(lexer, from, len);
	token->text_len = len;
}

/* --- punctuation --------------------------------------------------------- */

struct mark {
	const char *text;
	enum token_kind kind;
	const char *message, *hint; /* of TOKEN_BAD */
};

/* Longer ones first. */
static const struct mark marks[] = {
	{ "!~", TOKEN_NOT_MATCHES, NULL, NULL },
	{ "=~", TOKEN_BAD, "there is no \"=~\" in this language",
	  "write \"~\", as in: subject ~ /lottery/i" },
	{ "<=", TOKEN_LESS_EQUAL, NULL, NULL },
	{ ">=", TOKEN_GREATER_EQUAL, NULL, NULL },
	{ "==", TOKEN_BAD, "there is no \"==\" in this language",
	  "write \"is\", as in: helo.name is \"localhost\"" },
	{ "!=", TOKEN_BAD, "there is no \"!=\" in this language",
	  "write \"is not\", as in: spf is not pass" },
	{ "<>", TOKEN_BAD, "there is no \"<>\" in this language",
	  "write \"is not\", or sender.is_null for the null sender" },
	{ "&&", TOKEN_BAD, "there is no \"&&\" in this language",
	  "write \"and\"" },
	{ "||", TOKEN_BAD, "there is no \"||\" in this language",
	  "write \"or\"" },
	{ "(", TOKEN_OPEN, NULL, NULL },
	{ ")", TOKEN_CLOSE, NULL, NULL },
	{ "{", TOKEN_OPEN_BRACE, NULL, NULL },
	{ "}", TOKEN_CLOSE_BRACE, NULL, NULL },
	{ ",", TOKEN_COMMA, NULL, NULL },
	{ "-", TOKEN_DASH, NULL, NULL },
	{ "~", TOKEN_MATCHES, NULL, NULL },
	{ "<", TOKEN_LESS, NULL, NULL },
	{ ">", TOKEN_GREATER, NULL, NULL },
	{ "=", TOKEN_BAD, "there is no \"=\" in this language",
	  "write \"is\" in a condition, and nothing in a setting" },
	{ "!", TOKEN_BAD, "there is no \"!\" in this language",
	  "write \"not\"" },
	{ ";", TOKEN_BAD, "there is no \";\" in this language",
	  "a statement ends with its line, what stands in braces needs no end" },
	{ "'", TOKEN_BAD, "text stands between double quotes here", NULL },
	{ "`", TOKEN_BAD, "text stands between double quotes here", NULL },
};

static void take_mark(struct lexer *lexer, struct token *token)
{
	size_t left = (size_t)(lexer->end - lexer->at);

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		size_t len = strlen(marks[i].text);

		if (len > left || memcmp(lexer->at, marks[i].text, len) != 0)
			continue;
		token->kind = marks[i].kind;
		if (token->kind == TOKEN_BAD)
			report(lexer, lexer->at, len, marks[i].message,
			       marks[i].hint);
		lexer->at += len;
		return;
	}
	token->kind = TOKEN_BAD;
	report(lexer, lexer->at, 1, "this character means nothing here", NULL);
	lexer->at++;
}

/* --- the next token ------------------------------------------------------ */

static void skip_blanks(struct lexer *lexer)
{
	while (lexer->at < lexer->end) {
		switch (*lexer->at) {
		case '\n':
			lexer->line++;
			lexer->line_start = lexer->at + 1;
			lexer->line_stop = NULL;
			lexer->first = true;
			break;
		case ' ':
		case '\t':
		case '\r':
		case '\0': /* already reported */ break;
		case '#': lexer->at = line_stop(lexer) - 1; break;
		default: return;
		}
		lexer->at++;
	}
}

void lexer_next(struct lexer *lexer, struct token *ret_token)
{
	struct token *token = ret_token;

	skip_blanks(lexer);
	*token = (struct token){
		.kind = TOKEN_EOF,
		.first = lexer->first,
		.start = lexer->at,
		.place = lexer_place(lexer, lexer->at, 1),
		.text = "",
		.flags = "",
	};
	if (lexer->at >= lexer->end)
		return;
	lexer->first = false;
	if (*lexer->at == '"')
		take_string(lexer, token);
	else if (*lexer->at == '/')
		take_regex(lexer, token);
	else if (starts_bare(lexer->at, lexer->end))
		take_bare(lexer, token);
	else
		take_mark(lexer, token);
	if (lexer->failed) {
		token->kind = TOKEN_EOF;
		return;
	}
	token->len = (size_t)(lexer->at - token->start);
	token->place = lexer_place(lexer, token->start, token->len);
}

bool token_is(const struct token *token, const char *word)
{
	return token->kind == TOKEN_WORD && token->len == strlen(word) &&
	       memcmp(token->start, word, token->len) == 0;
}
