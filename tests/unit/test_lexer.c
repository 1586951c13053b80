/*
 * test_lexer.c - what is one token, of which kind, worth how much.
 */
#include "rules/lexer.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "rules/arena.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

struct bench {
	struct arena arena;
	struct diag diag;
	struct lexer lexer;
};

static void begin(struct bench *bench, const char *text, size_t len)
{
	char *copy = malloc(len + 1);

	memcpy(copy, text, len);
	copy[len] = '\0';
	arena_init(&bench->arena, 1 << 20);
	diag_init(&bench->diag);
	lexer_init(&bench->lexer, &bench->diag, &bench->arena,
		   diag_add_source(&bench->diag, "f", copy, len));
}

static void end(struct bench *bench)
{
	diag_done(&bench->diag);
	arena_done(&bench->arena);
}

static void test_kinds(void **state)
{
	static const struct {
		const char *text;
		enum token_kind kind;
	} rows[] = {
		{ "rule", TOKEN_WORD },
		{ "NO_RDNS", TOKEN_WORD },
		{ "client.ip", TOKEN_WORD },
		{ "_x-y.z9", TOKEN_WORD },
		{ "example.org", TOKEN_WORD },
		{ "dead", TOKEN_WORD },
		{ "=example.org", TOKEN_BARE },
		{ "a@b.example", TOKEN_BARE },
		{ "@b.example", TOKEN_BARE },
		{ "user+tag@b.example", TOKEN_BARE },
		{ "163.com", TOKEN_BARE },
		{ "3com.example", TOKEN_BARE },
		{ "1.2.3.example", TOKEN_BARE },
		{ "127.0.0.1:25", TOKEN_BARE },
		{ "rules.d/*.rules", TOKEN_BARE },
		{ "m\xc3\xbcller.example", TOKEN_BARE },
		{ "192.0.2.1", TOKEN_ADDRESS },
		{ "192.0.2.0/24", TOKEN_ADDRESS },
		{ "10/8", TOKEN_ADDRESS }, /* refused by the one who asks */
		{ "192.0.2.300", TOKEN_ADDRESS },
		{ "127.0.*.2", TOKEN_ADDRESS },
		{ "::", TOKEN_ADDRESS },
		{ "::1", TOKEN_ADDRESS },
		{ "2001:db8::/32", TOKEN_ADDRESS },
		{ "2001:DB8::1", TOKEN_ADDRESS },
		{ "fe80::1%eth0", TOKEN_ADDRESS },
		{ "::ffff:192.0.2.1", TOKEN_ADDRESS },
		{ "12", TOKEN_NUMBER },
		{ "-3.50", TOKEN_NUMBER },
		{ "5m", TOKEN_TIME },
		{ "2M", TOKEN_SIZE },
		{ "10KiB", TOKEN_SIZE },
		{ "\"x\"", TOKEN_STRING },
		{ "/x/i", TOKEN_REGEX },
		{ "(", TOKEN_OPEN },
		{ ")", TOKEN_CLOSE },
		{ "{", TOKEN_OPEN_BRACE },
		{ "}", TOKEN_CLOSE_BRACE },
		{ ",", TOKEN_COMMA },
		{ "-", TOKEN_DASH },
		{ "~", TOKEN_MATCHES },
		{ "!~", TOKEN_NOT_MATCHES },
		{ "<", TOKEN_LESS },
		{ "<=", TOKEN_LESS_EQUAL },
		{ ">", TOKEN_GREATER },
		{ ">=", TOKEN_GREATER_EQUAL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bench bench;
		struct token token;

		begin(&bench, rows[i].text, strlen(rows[i].text));
		lexer_next(&bench.lexer, &token);
		if (token.kind != rows[i].kind ||
		    token.len != strlen(rows[i].text))
			fail_msg("%s: kind %d, %zu bytes", rows[i].text,
				 (int)token.kind, token.len);
		if (bench.diag.errors != 0)
			fail_msg("%s: %s", rows[i].text,
				 bench.diag.entries[0].message);
		lexer_next(&bench.lexer, &token);
		assert_int_equal(token.kind, TOKEN_EOF);
		end(&bench);
	}
}

static void test_numbers(void **state)
{
	static const struct {
		const char *text;
		enum token_kind kind;
		int64_t number;
	} rows[] = {
		{ "0", TOKEN_NUMBER, 0 },
		{ "1", TOKEN_NUMBER, 100 },
		{ "1.5", TOKEN_NUMBER, 150 },
		{ "1.05", TOKEN_NUMBER, 105 },
		{ "-0.01", TOKEN_NUMBER, -1 },
		{ "007", TOKEN_NUMBER, 700 },
		{ "92233720368547758.07", TOKEN_NUMBER, INT64_MAX },
		{ "90s", TOKEN_TIME, 90 },
		{ "5m", TOKEN_TIME, 300 },
		{ "2h", TOKEN_TIME, 7200 },
		{ "36d", TOKEN_TIME, 3110400 },
		{ "1w", TOKEN_TIME, 604800 },
		{ "-1h", TOKEN_TIME, -3600 },
		{ "64k", TOKEN_SIZE, 65536 },
		{ "64K", TOKEN_SIZE, 65536 },
		{ "10KiB", TOKEN_SIZE, 10240 },
		{ "2M", TOKEN_SIZE, 2097152 },
		{ "2MiB", TOKEN_SIZE, 2097152 },
		{ "1G", TOKEN_SIZE, 1073741824 },
		{ "1TiB", TOKEN_SIZE, INT64_C(1099511627776) },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bench bench;
		struct token token;

		begin(&bench, rows[i].text, strlen(rows[i].text));
		lexer_next(&bench.lexer, &token);
		if (token.kind != rows[i].kind ||
		    token.number != rows[i].number || bench.diag.errors != 0)
			fail_msg("%s is %" PRId64, rows[i].text, token.number);
		end(&bench);
	}
}

static void test_contents(void **state)
{
	static const struct {
		const char *claim, *text, *holds, *flags;
	} rows[] = {
		{ "a string", "\"a b\"", "a b", "" },
		{ "its escapes", "\"\\\" \\\\ \\n \\t\"", "\" \\ \n \t", "" },
		{ "a # in it", "\"a # b\"", "a # b", "" },
		{ "an empty one", "\"\"", "", "" },
		{ "UTF-8", "\"\xc3\xa9\"", "\xc3\xa9", "" },
		{ "an expression", "/a b/", "a b", "" },
		{ "its flags", "/a/imsxu", "a", "imsxu" },
		{ "a slash in it", "/a\\/b/i", "a/b", "i" },
		{ "other escapes stay", "/\\ba\\d\\\\/", "\\ba\\d\\\\", "" },
		{ "a # in it", "/#/", "#", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bench bench;
		struct token token;

		begin(&bench, rows[i].text, strlen(rows[i].text));
		lexer_next(&bench.lexer, &token);
		if (strcmp(token.text, rows[i].holds) != 0 ||
		    token.text_len != strlen(rows[i].holds) ||
		    strcmp(token.flags, rows[i].flags) != 0 ||
		    bench.diag.errors != 0)
			fail_msg("%s: %s", rows[i].claim, token.text);
		end(&bench);
	}
}

static void test_mistakes(void **state)
{
	static const struct {
		const char *text;
		enum token_kind kind; /* that still comes */
		unsigned column;
		const char *message;
	} rows[] = {
		{ "1.555", TOKEN_NUMBER, 1,
		  "a number has at most two decimals" },
		{ "1.", TOKEN_NUMBER, 1,
		  "a number does not end with its point" },
		{ ".5", TOKEN_NUMBER, 1, "a number begins with a digit" },
		{ "92233720368547758.08", TOKEN_NUMBER, 1,
		  "this number is too large" },
		{ "99999999999999999999", TOKEN_NUMBER, 1,
		  "this number is too large" },
		{ "9999999999T", TOKEN_SIZE, 1, "this number is too large" },
		{ "3x", TOKEN_NUMBER, 2, "there is no such unit" },
		{ "10KB", TOKEN_NUMBER, 3, "there is no such unit" },
		{ "1.5h", TOKEN_TIME, 1,
		  "a number with a unit has no decimals" },
		{ "-1M", TOKEN_SIZE, 1, "a size cannot be negative" },
		{ "\"abc", TOKEN_STRING, 1,
		  "this string does not end on its line" },
		{ "\"abc\\", TOKEN_STRING, 1,
		  "this string does not end on its line" },
		{ "\"a\\qb\"", TOKEN_STRING, 3,
		  "this escape means nothing in a string" },
		{ "\"a\x01\"", TOKEN_STRING, 3,
		  "a control character between quotes" },
		{ "/abc", TOKEN_REGEX, 1,
		  "this regular expression does not end on its line" },
		{ "/a/iq", TOKEN_REGEX, 5,
		  "there is no such flag of a regular expression" },
		{ "/a/ii", TOKEN_REGEX, 5, "this flag stands twice" },
		{ "//", TOKEN_REGEX, 1,
		  "an empty regular expression matches everything" },
		{ "==", TOKEN_BAD, 1, "there is no \"==\" in this language" },
		{ "!=", TOKEN_BAD, 1, "there is no \"!=\" in this language" },
		{ "&&", TOKEN_BAD, 1, "there is no \"&&\" in this language" },
		{ ";", TOKEN_BAD, 1, "there is no \";\" in this language" },
		{ "'a'", TOKEN_BAD, 1,
		  "text stands between double quotes here" },
		{ "$x", TOKEN_BAD, 1, "this character means nothing here" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bench bench;
		struct token token;

		begin(&bench, rows[i].text, strlen(rows[i].text));
		lexer_next(&bench.lexer, &token);
		if (bench.diag.errors != 1 || token.kind != rows[i].kind ||
		    strcmp(bench.diag.entries[0].message, rows[i].message) !=
			    0 ||
		    bench.diag.entries[0].place.column != rows[i].column)
			fail_msg("%s: %zu errors, %s", rows[i].text,
				 bench.diag.errors,
				 bench.diag.errors > 0
					 ? bench.diag.entries[0].message
					 : "");
		end(&bench);
	}
}

static void test_bytes(void **state)
{
	static const struct {
		const char *claim, *text;
		size_t len;
		size_t errors;
		unsigned line, column;
	} rows[] = {
		{ "NUL", "a\nb\0c", 5, 1, 2, 2 },
		{ "Latin-1", "# \xe9t\xe9\n", 6, 1, 1, 3 },
		{ "one report a line", "\xff\xff\n\xff", 4, 2, 1, 1 },
		{ "an overlong slash", "\xc0\xaf", 2, 1, 1, 1 },
		{ "a surrogate", "\xed\xa0\x80", 3, 1, 1, 1 },
		{ "beyond the last one", "\xf4\x90\x80\x80", 4, 1, 1, 1 },
		{ "cut off at the end", "\xe2\x82", 2, 1, 1, 1 },
		{ "a byte order mark", "\xef\xbb\xbfset", 6, 1, 1, 1 },
		{ "four bytes are fine", "# \xf0\x9f\x98\x80", 6, 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bench bench;
		struct token token;

		begin(&bench, rows[i].text, rows[i].len);
		if (bench.diag.errors != rows[i].errors)
			fail_msg("%s: %zu errors", rows[i].claim,
				 bench.diag.errors);
		if (rows[i].errors > 0) {
			struct place place = bench.diag.entries[0].place;

			assert_int_equal(place.line, rows[i].line);
			assert_int_equal(place.column, rows[i].column);
		}
		do
			lexer_next(&bench.lexer, &token);
		while (token.kind != TOKEN_EOF);
		end(&bench);
	}
}

static void test_places(void **state)
{
	struct bench bench;
	struct token token;
	static const char text[] = "a b\r\n\t# no\n  c \"d\" #e\nf";
	static const struct {
		const char *text;
		unsigned line, column;
		bool first;
	} rows[] = {
		{ "a", 1, 1, true }, { "b", 1, 3, false },
		{ "c", 3, 3, true }, { "\"d\"", 3, 5, false },
		{ "f", 4, 1, true },
	};

	(void)state;
	begin(&bench, text, strlen(text));
	for (size_t i = 0; i < COUNT(rows); i++) {
		lexer_next(&bench.lexer, &token);
		assert_int_equal(token.len, strlen(rows[i].text));
		assert_memory_equal(token.start, rows[i].text, token.len);
		assert_int_equal(token.place.line, rows[i].line);
		assert_int_equal(token.place.column, rows[i].column);
		assert_int_equal(token.place.length, token.len);
		assert_int_equal(token.first, rows[i].first);
	}
	lexer_next(&bench.lexer, &token);
	assert_int_equal(token.kind, TOKEN_EOF);
	end(&bench);
}

static void test_no_memory(void **state)
{
	struct bench bench;
	struct token token;

	(void)state;
	begin(&bench, "word \"string\" more", 18);
	bench.arena.ceiling = 0;
	lexer_next(&bench.lexer, &token);
	assert_int_equal(token.kind, TOKEN_EOF);
	lexer_next(&bench.lexer, &token);
	assert_int_equal(token.kind, TOKEN_EOF);
	assert_true(bench.lexer.failed);
	assert_int_equal(bench.diag.errors, 1);
	end(&bench);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_contents),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
