/*
 * test_token.c - atoms, quoted strings, literals, specials; what lies between.
 */
#include "rules/mail/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))

/*
 * A token is written as its type (a q l s ! $), its text, "_" before it if
 * there was space, "'" if something was obsolete; "!" carries the number of
 * enum token_bad.
 */
static const struct {
	const char *claim, *text, *tokens;
} rows[] = {
	{ "nothing", "", "$" },
	{ "atoms and specials", "a.b@c", "a(a)s(.)a(b)s(@)a(c)$" },
	{ "blanks are told", "a b ", "a(a)_a(b)_$" },
	{ "all of atext", "!#$%&'*+-/=?^_`{|}~", "a(!#$%&'*+-/=?^_`{|}~)$" },
	{ "UTF-8 is text", "\xc3\xbc", "a(\xc3\xbc)$" },
	{ "a comment is space", "a(b)c", "a(a)_a(c)$" },
	{ "comments nest", "(a(b)c)d", "_a(d)$" },
	{ "a quoted parenthesis is text", "(\\)(\\()\\\\)d", "_a(d)$" },
	{ "folds are space", "a\r\n b\n\tc", "a(a)_a(b)_a(c)$" },
	{ "two folds in a row are obsolete", "a\r\n \r\n b", "a(a)_'a(b)$" },
	{ "also in a comment", "(a\n \n b)c", "_'a(c)$" },
	{ "two folds apart are not", "\n (a)\n b", "_a(b)$" },
	{ "a quoted string", "\"a\\\"b\"c", "q(\"a\\\"b\")a(c)$" },
	{ "a folded one", "\"a\r\n b\"", "q(\"a\r\n b\")$" },
	{ "an empty one", "\"\"", "q(\"\")$" },
	{ "no comment in quotes", "\"(\"", "q(\"(\")$" },
	{ "a literal", "[1.2 3]", "l([1.2 3])$" },
	{ "an open comment", "a(b", "a(a)!3" },
	{ "a comment that ends in a backslash", "(b\\", "!3" },
	{ "an open string", "\"a", "!4" },
	{ "a string that ends in a backslash", "\"a\\\"", "!4" },
	{ "an open literal", "[a", "!5" },
	{ "a literal in a literal", "[a[b]]", "!5" },
	{ "a pair in a literal", "[a\\]]", "!5" },
	{ "a parenthesis too many", "a)", "a(a)!2" },
	{ "a bracket too many", "]", "!2" },
	{ "a backslash alone", "a\\b", "a(a)!2" },
	{ "a control character", "a\x01", "a(a)!0" },
	{ "DEL in a string", "\"\x7f\"", "!0" },
	{ "a quoted control", "\"\\\x01\"", "!0" },
	{ "a quoted tab is a blank", "\"\\\t\"", "q(\"\\\t\")$" },
	{ "a bare CR", "a\rb", "a(a)!1" },
	{ "a line that is not folded", "a\nb", "a(a)!1" },
	{ "a line end at the end", "a\n", "a(a)!1" },
	{ "a quoted line break", "\"\\\n \"", "!1" },
	{ "a break in a literal", "[\nx]", "!1" },
};

static void put_token(char *out, size_t room, const struct token *t,
		      const char *text)
{
	static const char types[] = {
		[TOKEN_END] = '$',     [TOKEN_ATOM] = 'a',
		[TOKEN_QUOTED] = 'q',  [TOKEN_LITERAL] = 'l',
		[TOKEN_SPECIAL] = 's', [TOKEN_BAD] = '!'
	};

	if (t->type == TOKEN_BAD) {
		snprintf(out, room, "!%d", (int)t->bad);
		return;
	}
	snprintf(out, room, "%s%s%c", t->space ? "_" : "",
		 t->obsolete ? "'" : "", types[t->type]);
	room -= strlen(out);
	out += strlen(out);
	if (t->type != TOKEN_END)
		snprintf(out, room, "(%.*s)", (int)(t->end - t->start),
			 text + t->start);
}

static void texts_fall_into_tokens(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct token_reader reader = { .text = rows[i].text,
					       .len = strlen(rows[i].text) };
		struct token token;
		char out[256] = "";

		do {
			token_next(&reader, &token);
			put_token(out + strlen(out), sizeof(out) - strlen(out),
				  &token, rows[i].text);
		} while (token.type != TOKEN_END && token.type != TOKEN_BAD);
		if (strcmp(out, rows[i].tokens) != 0)
			fail_msg("not so: %s: %s", rows[i].claim, out);
	}
}

static void comments_nest_so_deep_and_no_deeper(void **state)
{
	char text[80];
	struct token token;

	(void)state;
	for (size_t depth = 32; depth <= 33; depth++) {
		struct token_reader reader = { .text = text, .len = 2 * depth };

		memset(text, '(', depth);
		memset(text + depth, ')', depth);
		token_next(&reader, &token);
		assert_int_equal(token.type,
				 depth == 32 ? TOKEN_END : TOKEN_BAD);
	}
}

static void nul_is_a_control_character(void **state)
{
	struct token_reader reader = { .text = "\"a\0b\"", .len = 5 };
	struct token token;

	(void)state;
	token_next(&reader, &token);
	assert_int_equal(token.type, TOKEN_BAD);
	assert_int_equal(token.bad, TOKEN_CONTROL);
	token_next(&reader, &token);
	assert_int_equal(token.type, TOKEN_BAD);
}

static void quoted_strings_mean_less_than_they_write(void **state)
{
	static const char text[] = "\"a\\\"b\\\\\r\n c\"";
	char out[sizeof(text)];
	size_t len = token_unquote(text, sizeof(text) - 1, out);

	(void)state;
	assert_int_equal(len, 6);
	assert_memory_equal(out, "a\"b\\ c", 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_fall_into_tokens),
		cmocka_unit_test(comments_nest_so_deep_and_no_deeper),
		cmocka_unit_test(nul_is_a_control_character),
		cmocka_unit_test(quoted_strings_mean_less_than_they_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
