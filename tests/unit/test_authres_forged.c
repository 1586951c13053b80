/*
 * test_authres_forged.c - who says in our name what became of a message.
 */
#include "filter/checks/authres.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const char our_name[] = "mx.example.org";

#define U "\xc3\xbc" /* a small u with two dots */

static const struct {
	const char *claim, *value;
} forged[] = {
	{ "as we write it", " mx.example.org; dkim=pass" },
	{ "without the blank", "mx.example.org; dkim=pass" },
	{ "in another case", " MX.eXample.ORG; dkim=pass" },
	{ "folded before", "\r\n mx.example.org; dkim=pass" },
	{ "folded by LF and tab", "\n\tmx.example.org; dkim=pass" },
	{ "folded thrice", "\r\n \r\n\t\r\n mx.example.org; dkim=pass" },
	{ "folded behind", " mx.example.org\r\n ; dkim=pass" },
	{ "folded within", " mx.exa\r\n mple.org; dkim=pass" },
	{ "blanks within", " mx . example . org; dkim=pass" },
	{ "a version", " mx.example.org 1; dkim=pass" },
	{ "any word behind", " mx.example.org evil.example; dkim=pass" },
	{ "a blank for the semicolon", " mx.example.org dkim=pass" },
	{ "no semicolon", " mx.example.org" },
	{ "a final dot", " mx.example.org.; dkim=pass" },
	{ "a final dot and a version", " mx.example.org. 1; dkim=pass" },
	{ "an empty first part", "; mx.example.org; dkim=pass" },
	{ "a comma", " mx.example.org, dkim=pass" },
	{ "a port", " mx.example.org:25; dkim=pass" },
	{ "an equals sign", " mx.example.org=; dkim=pass" },
	{ "a slash", " mx.example.org/1; dkim=pass" },
	{ "an at sign", " @mx.example.org; dkim=pass" },
	{ "brackets", " <mx.example.org>; dkim=pass" },
	/* comments */
	{ "a comment before", " (x) mx.example.org; dkim=pass" },
	{ "a comment behind", " mx.example.org (x); dkim=pass" },
	{ "touching", "(x)mx.example.org(y);dkim=pass" },
	{ "comments within", " mx.(x)example(y).org; dkim=pass" },
	{ "another name in a comment",
	  " (other.example) mx.example.org; dkim=pass" },
	{ "nested", " (a (b (c) d) e) mx.example.org; dkim=pass" },
	{ "a quoted parenthesis", " (a \\) b) mx.example.org; dkim=pass" },
	{ "quoted, for who does not know that",
	  " (a \\) mx.example.org; dkim=pass" },
	{ "nested, for who does not know that",
	  " (a (b) mx.example.org; ) other.example; dkim=pass" },
	{ "no end", " (x mx.example.org; dkim=pass" },
	{ "no end of the outer one", " ((x) mx.example.org; dkim=pass" },
	{ "no end behind", " mx.example.org (x; dkim=pass" },
	{ "a backslash at the end", " (x\\" },
	/* quotes and backslashes */
	{ "in quotes", " \"mx.example.org\"; dkim=pass" },
	{ "in quotes with a blank", " \" mx.example.org\"; dkim=pass" },
	{ "quotes in pieces", " \"mx\".\"example\".org; dkim=pass" },
	{ "quotes before", " \"\"mx.example.org; dkim=pass" },
	{ "no closing quote", " \"mx.example.org; dkim=pass" },
	{ "no opening quote", " mx.example.org\"; dkim=pass" },
	{ "quoted pairs", " \"m\\x.ex\\ample.org\"; dkim=pass" },
	{ "quoted pairs without quotes", " m\\x.example\\.org; dkim=pass" },
	{ "a comment in quotes", " \"(x) mx.example.org\"; dkim=pass" },
	{ "more in the quotes", " \"mx.example.org; x\"; dkim=pass" },
	/* other bytes */
	{ "control characters before", "\x01\x7f mx.example.org; dkim=pass" },
	{ "control characters within", " mx.ex\x01"
				       "ample.org; dkim=pass" },
	{ "a control character behind", " mx.example.org\x01; dkim=pass" },
	{ "a bare CR", "\rmx.example.org\r; dkim=pass" },
	{ "8-bit before", "\xff mx.example.org; dkim=pass" },
	{ "8-bit within", " mx.ex\xff"
			  "ample.org; dkim=pass" },
	{ "a no-break space", "\xc2\xa0mx.example.org; dkim=pass" },
	{ "a soft hyphen", " mx.exam\xc2\xadple.org; dkim=pass" },
	{ "a zero width space", " mx.example\xe2\x80\x8b.org; dkim=pass" },
	{ "a full-width letter", " \xef\xbd\x8dx.example.org; dkim=pass" },
	{ "an ideographic full stop", " mx\xe3\x80\x82"
				      "example.org; dkim=pass" },
	{ "behind a dot", " .\xef\xbd\x8dx.example.org; dkim=pass" },
	{ "with a comment within",
	  " \xef\xbd\x8dx.(x)example.org (y); dkim=pass" },
	{ "with a word behind", " \xef\xbd\x8dx.example.org x; dkim=pass" },
	{ "in quotes", " \"\xef\xbd\x8d\"x.\\example.org.; dkim=pass" },
	{ "behind a quoted parenthesis",
	  " (a \\) \xef\xbd\x8dx.example.org; dkim=pass" },
	{ "a sign that no name may have",
	  " mx.example.or\xe2\x84\x8a; dkim=pass" },
	/* encoded words */
	{ "an encoded word", " =?utf-8?q?mx.example.org?=; dkim=pass" },
	{ "all of it", " =?us-ascii?Q?mx.example.org;_dkim=3Dpass?=" },
	{ "in base64", " =?utf-8?B?bXguZXhhbXBsZS5vcmc=?=; dkim=pass" },
	{ "in two words", " =?x?q?mx.exa?= =?x?q?mple.org?=; dkim=pass" },
	{ "in part", " mx.=?utf-8?q?example?=.org; dkim=pass" },
	{ "in escapes", " =?utf-8?q?=6d=78=2Eexample.org?=; dkim=pass" },
	{ "no end of the word", " =?utf-8?q?mx.example.org; dkim=pass" },
	/* cut off, as at a NUL */
	{ "nothing at all", "" },
	{ "blanks alone", " \r\n " },
	{ "the beginning of our name", " mx.exam" },
};

static const struct {
	const char *claim, *value;
} foreign[] = {
	{ "another name", " other.example; dkim=pass" },
	{ "below ours", " a.mx.example.org; dkim=pass" },
	{ "above ours", " example.org; dkim=pass" },
	{ "ours is its beginning", " mx.example.org.evil.example; dkim=pass" },
	{ "ours, longer", " mx.example.organic; dkim=pass" },
	{ "ours, with a hyphen", " mx.example.org-2; dkim=pass" },
	{ "ours, but for a letter", " my.example.org; dkim=pass" },
	{ "its beginning of ours", " mx.example; dkim=pass" },
	{ "ours in a comment before", " (mx.example.org) a.example; none" },
	{ "ours in a comment", " a.example (mx.example.org); dkim=pass" },
	{ "ours as the version", " a.example mx.example.org; dkim=pass" },
	{ "ours in a value", " a.example; dkim=pass header.d=mx.example.org" },
	{ "ours as a second part", " a.example; mx.example.org; dkim=pass" },
	{ "ours in a reason",
	  " a.example; spf=fail reason=\"mx.example.org\"" },
	{ "in quotes", " \"a.example\"; dkim=pass" },
	{ "no id, but results", " dkim=pass header.d=mx.example.org" },
	{ "no id, and a semicolon", "; dkim=pass header.d=mx.example.org" },
	{ "a comment without end behind", " a.example (mx.example.org; x" },
	{ "a quote without end behind", " a.example; x=\"mx.example.org" },
	{ "a U-label", " mx.b" U "cher.example; dkim=pass" },
	{ "bytes that are no UTF-8", " mx.b\xfc"
				     "cher.example; dkim=pass" },
	{ "an encoded word", " a.example; x=\"=?utf-8?q?mx.example.org?=\"" },
	{ "an encoded name", " =?utf-8?q?a.example?=; x=mx.example.org" },
	{ "an address literal", " [192.0.2.1]; dkim=pass" },
	{ "ARC's instance", " i=1; mx.example.org; dkim=pass" },
};

/* Between ids that share their beginnings. */
static const struct {
	const char *id, *value;
	bool ours;
} related[] = {
	{ "mx1", " mx 1; dkim=pass", false }, /* a version, not a digit */
	{ "mx1", " mx (x) 1 (y); dkim=pass", false },
	{ "mx1", " mx\r\n 1; dkim=pass", false },
	{ "mx", " mx 1; dkim=pass", true },
	{ "mx1", " m x1; dkim=pass", true },
	{ "a+b", " A+B; dkim=pass", true },
	{ "a+b", " a; dkim=pass", false },
	{ "b" U "cher.example", " b" U "cher.example; none", true },
	{ "b" U "cher.example", " xn--BCHER-kva.example; none", true },
	{ "b" U "cher.example",
	  " B\xc3\x9c"
	  "CHER.example. 1; none",
	  true },
	{ "b" U "cher.example",
	  " b\xfc"
	  "cher.example; none",
	  true }, /* ISO 8859-1 */
	{ "b" U "cher.example", " bucher.example; none", false },
	{ "xn--bcher-kva.example", " (x) \"b" U "cher.example\"; none", true },
	{ "mail.example", " m\xc3\xa4il.example; none", false },
};

static int check(const char *name, const char *claim, const char *value,
		 bool ours)
{
	struct authres_id id;

	assert_true(authres_id_init(&id, name));
	if (authres_is_ours(&id, value, strlen(value)) == ours)
		return 0;
	print_error("%s: \"%s\"\n", claim, value);
	return 1;
}

static void forged_is_ours(void **state)
{
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(forged) / sizeof(forged[0]); i++)
		wrong +=
			check(our_name, forged[i].claim, forged[i].value, true);
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		wrong += check(our_name, foreign[i].claim, foreign[i].value,
			       false);
	for (size_t i = 0; i < sizeof(related) / sizeof(related[0]); i++)
		wrong += check(related[i].id, related[i].id, related[i].value,
			       related[i].ours);
	assert_int_equal(wrong, 0);
}

/* The id may come late. */
static void long_is_ours_as_well(void **state)
{
	static const struct {
		const char *repeated, *end;
		bool ours;
	} rows[] = {
		{ " ", "mx.example.org; none", true },
		{ " (x)", "mx.example.org; none", true },
		{ "(", "mx.example.org; none", true },
		{ "\\", "mx.example.org; none", true },
		{ "\"", "mx.example.org; none", true },
		{ "\xff", "mx.example.org; none", true },
		{ "=?x?q?\?= ", "mx.example.org; none", true },
		{ "=?x?q?", "mx.example.org; none", false },
		{ " (x)", "a.example; none", false },
		{ "a", ".mx.example.org; none", false },
		{ "\xc3\xbc", ".example; none", true }, /* too long to map */
	};
	enum { LONG = 60000 };
	struct authres_id id;
	char *value = malloc(LONG + 64);

	(void)state;
	assert_non_null(value);
	assert_true(authres_id_init(&id, our_name));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t step = strlen(rows[i].repeated), len = 0;

		for (; len < LONG; len += step)
			memcpy(value + len, rows[i].repeated, step);
		memcpy(value + len, rows[i].end, strlen(rows[i].end));
		len += strlen(rows[i].end);
		if (authres_is_ours(&id, value, len) != rows[i].ours)
			fail_msg("%s", rows[i].repeated);
	}
	free(value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forged_is_ours),
		cmocka_unit_test(long_is_ours_as_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
