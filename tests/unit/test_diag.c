/*
 * test_diag.c - a report says where, shows the line, and never misleads.
 */
#include "rules/diag.h"

#include <stdarg.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static uint16_t add(struct diag *diag, const char *name, const char *text)
{
	return diag_add_source(diag, name, strdup(text), strlen(text));
}

static struct place at(uint16_t file, uint32_t line, uint16_t column,
		       uint16_t length)
{
	return (struct place){
		.file = file, .line = line, .column = column, .length = length
	};
}

static void expect(const struct diag *diag, const char *wanted)
{
	char *text = diag_text(diag);

	assert_non_null(text);
	assert_string_equal(text, wanted);
	free(text);
}

static void test_excerpt(void **state)
{
	static const struct {
		const char *claim, *text;
		uint32_t line;
		uint16_t column, length;
		const char *shown;
	} rows[] = {
		{ "the place is underlined", "set x yes\n", 1, 5, 1,
		  "        set x yes\n"
		  "            ^\n" },
		{ "in its length", "set long yes", 1, 5, 4,
		  "        set long yes\n"
		  "            ^~~~\n" },
		{ "the third line", "\n\nabc\n", 3, 2, 1,
		  "        abc\n"
		  "         ^\n" },
		{ "white space in front is left out", "\t  abc", 1, 4, 3,
		  "        abc\n"
		  "        ^~~\n" },
		{ "tabs become spaces", "a\tb\tc", 1, 5, 1,
		  "        a       b       c\n"
		  "                        ^\n" },
		{ "a tab may be the place itself", "a\tb", 1, 2, 1,
		  "        a       b\n"
		  "         ^~~~~~~\n" },
		{ "a letter of two bytes is one column", "\xc3\xa9\xc3\xa9 x",
		  1, 6, 1,
		  "        \xc3\xa9\xc3\xa9 x\n"
		  "           ^\n" },
		{ "behind the line's end", "abc\r\nx", 1, 4, 1,
		  "        abc\n"
		  "           ^\n" },
		{ "a length past the end stops there", "abc", 1, 2, 99,
		  "        abc\n"
		  "         ^~\n" },
		{ "an empty line is not shown", "\n", 1, 1, 1, "" },
		{ "nor one that is not there", "a\n", 9, 1, 1, "" },
		{ "bytes that are no letters become ?", "a\x01\xff\x1b[x", 1, 6,
		  1,
		  "        a???[x\n"
		  "             ^\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct diag diag;
		char wanted[512];

		diag_init(&diag);
		diag_error(&diag,
			   at(add(&diag, "f", rows[i].text), rows[i].line,
			      rows[i].column, rows[i].length),
			   "%s", rows[i].claim);
		snprintf(wanted, sizeof(wanted), "f:%u:%u: error: %s\n%s",
			 (unsigned)rows[i].line, rows[i].column, rows[i].claim,
			 rows[i].shown);
		expect(&diag, wanted);
		diag_done(&diag);
	}
}

static void test_long_line(void **state)
{
	struct diag diag;
	char line[4001];
	char *text;

	(void)state;
	memset(line, 'x', 4000);
	line[4000] = '\0';
	memcpy(line + 2000, "HERE", 4);
	diag_init(&diag);
	diag_error(&diag, at(add(&diag, "f", line), 1, 2001, 4), "far out");
	text = diag_text(&diag);
	assert_non_null(strstr(text, "HERE"));
	assert_true(strlen(text) < 300);
	/* the caret stands below the H */
	assert_int_equal(strchr(strstr(text, "HERE"), '\n') -
				 strstr(text, "HERE"),
			 strlen("HERExxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx..."));
	assert_int_equal(strstr(text, "HERE") - strstr(text, "        ..."),
			 strrchr(text, '^') - strrchr(text, '.') - 2);
	free(text);
	diag_done(&diag);
}

static void say_in_line(struct diag *diag, size_t line, size_t column,
			const char *text, size_t len)
{
	const struct diag_line place = { "a.list", line, column, text, len };

	diag_error_in_line(diag, &place, "wrong");
}

/* Of a text that is not kept, the lines that are wrong are shown alike. */
static void test_in_line(void **state)
{
	struct diag diag;
	char *summary;

	(void)state;
	diag_init(&diag);
	say_in_line(&diag, 7, 3, "\tx\x1b[2Jy", 7);
	diag_hint(&diag, "a hint");
	say_in_line(&diag, 900000, 1, "last\nand more", 4);
	say_in_line(&diag, 900001, 1, NULL, 0);
	say_in_line(&diag, 900002, 70000, "x", 1);
	expect(&diag, "a.list:7:3: error: wrong\n"
		      "        x?[2Jy\n"
		      "         ^\n"
		      "        a hint\n"
		      "a.list:900000:1: error: wrong\n"
		      "        last\n"
		      "        ^\n"
		      "a.list:900001:1: error: wrong\n"
		      "a.list:900002:65535: error: wrong\n");
	summary = diag_summary(&diag);
	assert_string_equal(summary, "a.list:7:3: error: wrong (and 3 more)");
	free(summary);
	diag_done(&diag);
}

/* However many and however long they are. */
static void test_in_line_is_bounded(void **state)
{
	size_t len = 200000;
	char *line = malloc(len);
	struct diag diag;
	char *text;

	(void)state;
	assert_non_null(line);
	memset(line, 'x', len);
	line[65000] = '!';
	diag_init(&diag);
	for (size_t i = 1; i <= 5000; i++)
		say_in_line(&diag, i, 65001, line, len);
	assert_int_equal(diag.errors, 5000);
	assert_int_equal(diag.source_count, 100);
	for (size_t i = 0; i < diag.source_count; i++)
		assert_true(diag.sources[i].len < 66000);
	assert_false(diag.failed);
	text = diag_text(&diag);
	assert_non_null(strstr(text, "a.list:100:65001: error"));
	assert_non_null(strstr(text, "xxx!xxx"));
	assert_null(strstr(text, "a.list:101:"));
	assert_non_null(strstr(text, "and 4900 more\n"));
	free(text);
	diag_done(&diag);
	free(line);
}

static void test_order(void **state)
{
	struct diag diag;
	uint16_t one, two;
	char *summary;

	(void)state;
	diag_init(&diag);
	expect(&diag, "");
	one = add(&diag, "one", "");
	two = add(&diag, "two", "");
	diag_error(&diag, at(two, 1, 1, 1), "fourth");
	diag_warning(&diag, at(one, 2, 1, 1), "third");
	diag_hint(&diag, "forgotten");
	diag_hint(&diag, "a hint");
	diag_error(&diag, at(one, 1, 9, 1), "second");
	diag_error(&diag, (struct place){ 0 }, "first");
	expect(&diag, "error: first\n"
		      "one:1:9: error: second\n"
		      "one:2:1: warning: third\n"
		      "        a hint\n"
		      "two:1:1: error: fourth\n");
	assert_int_equal(diag.errors, 3);
	assert_int_equal(diag.warnings, 1);
	summary = diag_summary(&diag);
	assert_string_equal(summary, "error: first (and 3 more)");
	free(summary);
	diag_done(&diag);

	diag_init(&diag);
	one = add(&diag, "one", "");
	diag_warning(&diag, at(one, 1, 1, 1), "early");
	diag_error(&diag, at(one, 2, 1, 1), "late");
	summary = diag_summary(&diag);
	assert_string_equal(summary, "one:2:1: error: late (and 1 more)");
	free(summary);
	diag_done(&diag);

	diag_init(&diag);
	summary = diag_summary(&diag);
	assert_string_equal(summary, "");
	free(summary);
	diag_done(&diag);
}

static void test_too_many(void **state)
{
	struct diag diag;
	char *text;

	(void)state;
	diag_init(&diag);
	for (int i = 0; i < 1000; i++) {
		diag_error(&diag, (struct place){ 0 }, "number %d", i);
		diag_hint(&diag, "hint %d", i);
	}
	assert_int_equal(diag.errors, 1000);
	assert_int_equal(diag.entry_count, 100);
	text = diag_text(&diag);
	assert_non_null(strstr(text, "hint 99\nand 900 more\n"));
	free(text);
	diag_warning(&diag, (struct place){ 0 }, "still room for this");
	assert_int_equal(diag.entry_count, 101);
	diag_done(&diag);
}

static void test_outside_bytes(void **state)
{
	struct diag diag;

	(void)state;
	diag_init(&diag);
	diag_error(&diag, at(add(&diag, "evil\x1b[2Jname", "x"), 1, 1, 1), "%s",
		   "a\nb\x1b"
		   "c\xff\xc2\x9b\xe2\x80\xae \xc3\xa9");
	expect(&diag, "evil\\x1b[2Jname:1:1: error: a\\x0ab\\x1bc\\xff"
		      "\\xc2\\x9b\\xe2\\x80\\xae \xc3\xa9\n"
		      "        x\n"
		      "        ^\n");
	diag_done(&diag);
}

static const char *next_name(void *context)
{
	const char *const **names = context;

	return **names != NULL ? *(*names)++ : NULL;
}

static void test_nearest(void **state)
{
	static const char *const names[] = { "helo.name", "helo.is_ip",
					     "client.ip", "spf",
					     "NO_RDNS",	  "dkim",
					     "dmarc",	  NULL };
	static const struct {
		const char *claim, *name, *nearest;
	} rows[] = {
		{ "a letter is missing", "helo.nme", "helo.name" },
		{ "one too many", "clientt.ip", "client.ip" },
		{ "another letter", "dkin", "dkim" },
		{ "two changed places", "psf", "spf" },
		{ "case counts for nothing", "no_rdns", "NO_RDNS" },
		{ "the nearer one wins", "helo.is_op", "helo.is_ip" },
		{ "a third is the limit", "dxxrc", NULL },
		{ "nothing like it", "banana", NULL },
		{ "too short to tell", "x", NULL },
		{ "empty", "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *const *at_name = names;
		struct diag diag;
		char wanted[64];

		diag_init(&diag);
		diag_error(&diag, (struct place){ 0 }, "%s", rows[i].claim);
		diag_nearest(&diag, rows[i].name, strlen(rows[i].name),
			     next_name, &at_name);
		snprintf(wanted, sizeof(wanted), "did you mean \"%s\"?",
			 rows[i].nearest != NULL ? rows[i].nearest : "");
		if (rows[i].nearest == NULL)
			assert_null(diag.entries[0].hint);
		else
			assert_string_equal(diag.entries[0].hint, wanted);
		diag_done(&diag);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_excerpt),
		cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_in_line),
		cmocka_unit_test(test_in_line_is_bounded),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_outside_bytes),
		cmocka_unit_test(test_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
