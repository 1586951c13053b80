/* test_encoded.c - what encoded words say. */
#include "rules/mail/encoded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "rules/arena.h"
#include "rules/mail/charset.h"

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))
#define BAD "\xef\xbf\xbd"
#define UE "\xc3\xbc" /* ü */

struct row {
	const char *claim, *value, *text;
	unsigned int flags;
};

static const struct row texts[] = {
	{ "plain", " hello  world ", "hello  world", 0 },
	{ "folds go", "hello\r\n world", "hello world", 0 },
	{ "Q", "=?utf-8?Q?=C3=BC_b?=", UE " b", ENCODED_WORDS },
	{ "B", "=?UTF-8?b?w7w=?=", UE, ENCODED_WORDS },
	{ "B without padding", "=?utf-8?B?w7w?=", UE, ENCODED_WORDS },
	{ "an empty word",
	  "a =?utf-8?Q?"
	  "?= b",
	  "a  b", ENCODED_WORDS },
	{ "a language", "=?utf-8*de-AT?Q?=C3=BC?=", UE, ENCODED_WORDS },
	{ "another charset", "=?koi8-r?B?8NI=?=", "\xd0\x9f\xd1\x80",
	  ENCODED_WORDS },
	{ "text around", "a =?utf-8?Q?=C3=BC?= b", "a " UE " b",
	  ENCODED_WORDS },
	{ "RFC 2047: (a b)", "(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)", "(ab)",
	  ENCODED_WORDS },
	{ "blanks between words vanish",
	  "=?utf-8?Q?a?=\r\n =?utf-8?Q?b?=", "ab", ENCODED_WORDS },
	{ "so do they between charsets",
	  "=?utf-8?Q?=C3=BC?= =?iso-8859-1?Q?=FC?=", UE UE, ENCODED_WORDS },
	{ "a blank that is meant", "=?utf-8?Q?a?= =?utf-8?Q?_b?=", "a b",
	  ENCODED_WORDS },
	{ "a character cut in two", "=?utf-8?B?w7zD?= =?utf-8?B?vA==?=", UE UE,
	  ENCODED_WORDS },
	{ "cut between B and Q", "=?utf-8?B?ww==?= =?UTF-8?Q?=BC?=", UE,
	  ENCODED_WORDS },
	{ "words that touch", "=?utf-8?Q?a?==?utf-8?Q?b?=", "ab",
	  ENCODED_WORDS },
	{ "words inside words of text", "x=?utf-8?Q?a?=y", "xay",
	  ENCODED_WORDS },
	{ "half a character at the end", "=?utf-8?B?ww==?=", BAD,
	  ENCODED_WORDS | ENCODED_MENDED },
	{ "an unknown charset stays", "a =?x-y?Q?b=20c?= d",
	  "a =?x-y?Q?b=20c?= d", ENCODED_UNKNOWN },
	{ "with its blanks", "=?utf-8?Q?a?= =?x-y?Q?b?= =?utf-8?Q?c?=",
	  "a =?x-y?Q?b?= c", ENCODED_UNKNOWN | ENCODED_WORDS },
	{ "another encoding",
	  "=?utf-8?X?a?=", "=?utf-8?X?a?=", ENCODED_BROKEN },
	{ "no base64", "=?utf-8?B?a-b?=", "=?utf-8?B?a-b?=", ENCODED_BROKEN },
	{ "one letter of base64",
	  "=?utf-8?B?w7w=x?=", "=?utf-8?B?w7w=x?=", ENCODED_BROKEN },
	{ "five letters of base64",
	  "=?utf-8?B?YWJjZ?=", "=?utf-8?B?YWJjZ?=", ENCODED_BROKEN },
	{ "no hexadecimal",
	  "=?utf-8?Q?=XY?=", "=?utf-8?Q?=XY?=", ENCODED_BROKEN },
	{ "a blank inside",
	  "=?utf-8?Q?a b?=", "=?utf-8?Q?a b?=", ENCODED_BROKEN },
	{ "no charset",
	  "=?"
	  "?Q?a?=",
	  "=?"
	  "?Q?a?=",
	  ENCODED_BROKEN },
	{ "not closed", "=?utf-8?Q?a", "=?utf-8?Q?a", ENCODED_BROKEN },
	{ "half closed", "=?utf-8?Q?a?", "=?utf-8?Q?a?", ENCODED_BROKEN },
	{ "the beginning alone", "=?", "=?", ENCODED_BROKEN },
	{ "a word behind a broken one", "=?=?utf-8?Q?a?=", "=?a",
	  ENCODED_BROKEN | ENCODED_WORDS },
	{ "a word not to be decoded twice",
	  "=?utf-8?Q?=3D=3Futf-8=3FQ=3Fb=3F=3D?=", "=?utf-8?Q?b?=",
	  ENCODED_WORDS },
	{ "raw UTF-8", "gr" UE "n", "gr" UE "n", ENCODED_RAW },
	{ "raw Latin-1", "gr\xfcn", "gr" BAD "n",
	  ENCODED_RAW | ENCODED_MENDED },
	{ "raw UTF-8 in a word", "=?utf-8?Q?" UE "?=", UE, ENCODED_WORDS },
	{ "a line break in a word", "=?utf-8?Q?a=0D=0Ab?=", "a\r\nb",
	  ENCODED_WORDS },
	{ "quotes are text", "\"a\" \\b", "\"a\" \\b", 0 },
	{ "nothing", "", "", 0 },
	{ "blanks", " \r\n ", "", 0 },
};

static const struct row phrases[] = {
	{ "a plain name", "Ann Bo", "Ann Bo", 0 },
	{ "quotes go", "\"Bo, Ann\"", "Bo, Ann", 0 },
	{ "so do backslashes", "\"a\\\"b\\\\c\"", "a\"b\\c", 0 },
	{ "quotes and atoms", "\"Ann\" Bo", "Ann Bo", 0 },
	{ "a fold in quotes", "\"Ann\r\n Bo\"", "Ann Bo", 0 },
	{ "a word", "=?utf-8?Q?=C3=BC?= Bo", UE " Bo", ENCODED_WORDS },
	{ "a word in quotes", "\"=?utf-8?Q?=C3=BC?=\"", UE,
	  ENCODED_WORDS | ENCODED_IN_QUOTES },
	{ "a word before quotes", "=?utf-8?Q?=C3=BC?= \"Bo\"", UE " Bo",
	  ENCODED_WORDS },
	{ "UTF-8 behind a backslash", "\"\\" UE "\"", UE, ENCODED_RAW },
	{ "a backslash outside of quotes", "a\\b", "a\\b", 0 },
	{ "quotes that stay open", "\"Ann", "Ann", 0 },
	{ "a backslash at the end", "\"Ann\\", "Ann\\", 0 },
};

static void check(const struct row *row, struct charsets *sets,
		  enum encoded_where where)
{
	/* a copy without room behind it, for the sanitizer's eyes */
	size_t len = strlen(row->value);
	char *value = malloc(len ? len : 1);
	struct encoded_text out;
	struct arena arena;

	arena_init(&arena, 65536);
	memcpy(value, row->value, len);
	assert_int_equal(encoded_decode(&arena, sets, value, len, where, &out),
			 0);
	if (out.len != strlen(row->text) ||
	    memcmp(out.text, row->text, out.len) != 0 ||
	    out.flags != row->flags)
		fail_msg("not so: %s: \"%.*s\" %x", row->claim, (int)out.len,
			 out.text, out.flags);
	free(value);
	arena_done(&arena);
}

static void texts_are_decoded(void **state)
{
	for (size_t i = 0; i < ROWS(texts); i++)
		check(&texts[i], *state, ENCODED_TEXT);
}

static void phrases_are_decoded(void **state)
{
	for (size_t i = 0; i < ROWS(phrases); i++)
		check(&phrases[i], *state, ENCODED_PHRASE);
}

static void without_descriptors_words_stay(void **state)
{
	const struct row row = { "KOI8-R is unknown then", "=?koi8-r?B?8NI=?=",
				 "=?koi8-r?B?8NI=?=", ENCODED_UNKNOWN };

	(void)state;
	check(&row, NULL, ENCODED_TEXT);
}

/* Whatever is repeated, the text and the memory stay within their bounds. */
static void bombs_stay_small(void **state)
{
	static const char *const parts[] = {
		"=?",
		"=?a?b?",
		"=?utf-8?B?w7w=?= ",
		"=?utf-8?Q?",
		"=?a*b",
		"=?cp1252?Q?\x80?=",
		"\"=?utf-8?q?",
		"\x80",
		"=?iso-2022-jp?B?GyRC?= ",
		" \r\n =?utf-8?q?=",
	};
	enum { SIZE = 65536 };
	char *value = malloc(SIZE);

	for (size_t i = 0; i < ROWS(parts); i++) {
		size_t n = strlen(parts[i]);
		struct encoded_text out;
		struct arena arena;

		for (size_t k = 0; k < SIZE; k++)
			value[k] = parts[i][k % n];
		arena_init(&arena, 5 * SIZE);
		assert_int_equal(encoded_decode(&arena, *state, value, SIZE,
						ENCODED_PHRASE, &out),
				 0);
		assert_true(out.len <= 3 * SIZE);
		arena_done(&arena);
	}
	free(value);
}

static void a_full_arena_is_told(void **state)
{
	struct encoded_text out;
	struct arena arena;

	(void)state;
	arena_init(&arena, 1);
	assert_int_equal(encoded_decode(&arena, NULL, "=?utf-8?q?a?=", 13,
					ENCODED_TEXT, &out),
			 -1);
	assert_int_equal(encoded_decode(&arena, NULL, "plain", 5, ENCODED_TEXT,
					&out),
			 0);
	arena_done(&arena);
}

static int open_sets(void **state)
{
	*state = charset_open();
	return *state ? 0 : -1;
}

static int close_sets(void **state)
{
	charset_close(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_decoded),
		cmocka_unit_test(phrases_are_decoded),
		cmocka_unit_test(without_descriptors_words_stay),
		cmocka_unit_test(bombs_stay_small),
		cmocka_unit_test(a_full_arena_is_told),
	};

	return cmocka_run_group_tests(tests, open_sets, close_sets);
}
