/*
 * test_reply_text.c - texts of replies: what loads, and what is said.
 */
#include "rules/reply_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "rules/arena.h"
#include "rules/verdict.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define REF "K7Q2-M4XN"

static const struct reply_values values = {
	.hits = "SBL, HELO_IS_US",
	.score = 1050,
	.client_ip = "192.0.2.1",
	.wait = 298,
	.ref = REF,
};

/* Codes and lines in one text, as they would go over the wire. */
static void wire_text(const char *template_text,
		      const struct reply_values *with, enum verdict_word word,
		      char *out, size_t size)
{
	struct arena arena;
	struct reply reply;
	struct reply_template *template = NULL;
	char why[256];
	size_t len = 0;

	arena_init(&arena, 1 << 20);
	if (template_text != NULL) {
		template = reply_template_new(&arena, template_text,
					      strlen(template_text), why,
					      sizeof(why));
		assert_non_null(template);
	}
	assert_int_equal(reply_make(template, word, with, &arena, &reply), 0);
	for (unsigned i = 0; i < reply.line_count; i++) {
		int add = snprintf(out + len, size - len, "%s%c%s %s\n",
				   reply.code,
				   i + 1 < reply.line_count ? '-' : ' ',
				   reply.enhanced, reply.lines[i]);

		assert_true(add <= 511); /* 510 and the newline */
		len += (size_t)add;
	}
	arena_done(&arena);
}

static void test_texts(void **state)
{
	static const struct {
		const char *claim, *template, *wire;
	} rows[] = {
		{ "plain", "550 5.7.1 No", "550 5.7.1 No (ref " REF ")\n" },
		{ "an enhanced code is found", "554 No",
		  "554 5.7.1 No (ref " REF ")\n" },
		{ "of the code's class", "450 No",
		  "450 4.7.1 No (ref " REF ")\n" },
		{ "symbols", "550 5.7.1 %{hits}",
		  "550 5.7.1 SBL, HELO_IS_US (ref " REF ")\n" },
		{ "all names", "451 4.7.1 %{score} %{client.ip} %{wait} %{ref}",
		  "451 4.7.1 10.50 192.0.2.1 4m58s " REF " (ref " REF ")\n" },
		{ "a reference of its own", "550 5.7.1 No (ref %{ref})",
		  "550 5.7.1 No (ref " REF ")\n" },
		{ "only the reference", "550 5.7.1 ",
		  "550 5.7.1 (ref " REF ")\n" },
		{ "only a code", "550", "550 5.7.1 (ref " REF ")\n" },
		{ "lines", "550 5.7.1 One\nTwo",
		  "550-5.7.1 One\n550 5.7.1 Two (ref " REF ")\n" },
		{ "a percent sign", "550 5.7.1 100% sure {x}",
		  "550 5.7.1 100% sure {x} (ref " REF ")\n" },
	};
	char wire[4096];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		wire_text(rows[i].template, &values, VERDICT_REJECT, wire,
			  sizeof(wire));
		assert_string_equal(wire, rows[i].wire);
	}
}

static void test_built_in(void **state)
{
	char wire[1024];

	(void)state;
	wire_text(NULL, &values, VERDICT_REJECT, wire, sizeof(wire));
	assert_string_equal(wire, "550 5.7.1 Refused by local policy (ref " REF
				  ")\n");
	wire_text(NULL, &values, VERDICT_DEFER, wire, sizeof(wire));
	assert_string_equal(wire,
			    "451 4.7.1 Please try again later (ref " REF ")\n");
}

static void test_wrong(void **state)
{
	static const struct {
		const char *claim, *template, *why;
	} rows[] = {
		{ "no code", "No", "begins with a code" },
		{ "accepting", "250 2.0.0 Fine", "begins with a code" },
		{ "no such code", "599 5.7.1 x", "begins with a code" },
		{ "glued", "5505.7.1 x", "begins with a code" },
		{ "disagreeing", "550 4.7.1 x", "does not agree" },
		{ "disagreeing too", "451 5.7.1 x", "does not agree" },
		{ "unknown name", "550 5.7.1 %{sender}", "\"%{sender}\"" },
		{ "no end", "550 5.7.1 %{hits", "without" },
		{ "UTF-8", "550 5.7.1 \303\244", "printable ASCII" },
		{ "a carriage return", "550 5.7.1 a\rb", "printable ASCII" },
		{ "too many lines",
		  "550 5.7.1 \n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"
		  "\n\n\n\n\n\n\n\n",
		  "lines" },
	};
	struct arena arena;
	char why[256];

	(void)state;
	arena_init(&arena, 1 << 20);
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (reply_template_new(&arena, rows[i].template,
				       strlen(rows[i].template), why,
				       sizeof(why)) != NULL)
			print_error("%s\n", rows[i].claim);
		assert_null(reply_template_new(&arena, rows[i].template,
					       strlen(rows[i].template), why,
					       sizeof(why)));
		assert_non_null(strstr(why, rows[i].why));
	}
	arena_done(&arena);
}

/* What fills a template may be of any length and any bytes. */
static void test_hostile_values(void **state)
{
	struct reply_values hostile = values;
	char wire[4096], hits[2000];
	const char *end;

	(void)state;
	memset(hits, 'A', sizeof(hits) - 1);
	hits[sizeof(hits) - 1] = '\0';
	hostile.hits = hits;
	wire_text("550 5.7.1 Refused: %{hits}", &hostile, VERDICT_REJECT, wire,
		  sizeof(wire));
	assert_int_equal(strlen(wire), 511);
	end = "A (ref " REF ")\n";
	assert_string_equal(wire + 511 - strlen(end), end);

	hostile.hits = "a\r\n250 ok\t\303\244";
	wire_text("550 5.7.1 %{hits}", &hostile, VERDICT_REJECT, wire,
		  sizeof(wire));
	assert_string_equal(wire, "550 5.7.1 a??250 ok??? (ref " REF ")\n");
	hostile.hits = NULL;
	hostile.ref = NULL;
	wire_text("550 5.7.1 x%{hits}y", &hostile, VERDICT_REJECT, wire,
		  sizeof(wire));
	assert_string_equal(wire, "550 5.7.1 xy\n");
}

/* Doubled for libmilter, a line must still be one that it takes. */
static void test_many_percents(void **state)
{
	char text[1100] = "550 5.7.1 ", wire[4096];
	size_t percents = 0, len = 0;
	unsigned lines = 0;

	(void)state;
	memset(text + 10, '%', 1050);
	text[10 + 520] = '\n';
	text[1060] = '\0';
	wire_text(text, &values, VERDICT_REJECT, wire, sizeof(wire));
	for (const char *at = wire; *at != '\0'; at++) {
		percents += *at == '%';
		len++;
		if (*at != '\n')
			continue;
		assert_true(percents > 300);
		assert_true(len + percents <= 980);
		percents = len = 0;
		lines++;
	}
	assert_int_equal(lines, 2);
	assert_non_null(strstr(wire, " (ref " REF ")\n"));
}

static void test_waits(void **state)
{
	static const struct {
		int64_t wait;
		const char *text;
	} rows[] = {
		{ 0, "0s" },	    { 59, "59s" },    { 60, "1m0s" },
		{ 3599, "59m59s" }, { 3600, "1h0m" }, { 90061, "1d1h" },
		{ -5, "0s" },
	};
	char wire[256], expected[256];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct reply_values with = values;

		with.wait = rows[i].wait;
		wire_text("451 4.7.1 %{wait}", &with, VERDICT_DEFER, wire,
			  sizeof(wire));
		snprintf(expected, sizeof(expected),
			 "451 4.7.1 %s (ref " REF ")\n", rows[i].text);
		assert_string_equal(wire, expected);
	}
}

static void test_scores(void **state)
{
	static const struct {
		int32_t hundredths;
		const char *text;
	} rows[] = {
		{ 0, "0.00" },
		{ 5, "0.05" },
		{ -5, "-0.05" },
		{ 1200, "12.00" },
		{ -150, "-1.50" },
		{ INT32_MAX, "21474836.47" },
		{ INT32_MIN, "-21474836.48" },
	};
	char buffer[SCORE_TEXT];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_string_equal(score_text(rows[i].hundredths, buffer),
				    rows[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_built_in),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_hostile_values),
		cmocka_unit_test(test_many_percents),
		cmocka_unit_test(test_waits),
		cmocka_unit_test(test_scores),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
