/*
 * test_parser.c - what each statement means, and what is said of the others.
 */
#include "rules/ast.h"

#include <stdarg.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "rules/parser.h"
#include "tests/unit/ast_dump.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

struct bench {
	struct ast ast;
	struct diag diag;
	bool fine;
};

static void parse(struct bench *bench, const char *text, size_t len)
{
	ast_init(&bench->ast);
	diag_init(&bench->diag);
	bench->fine =
		ast_parse_text(&bench->ast, "f", text, len, NULL, &bench->diag);
}

static void end(struct bench *bench)
{
	ast_done(&bench->ast);
	diag_done(&bench->diag);
}

static void test_statements(void **state)
{
	static const struct {
		const char *text, *dump;
	} rows[] = {
		{ "", "" },
		{ "# nothing\n\n\r\n", "" },
		{ "set dns_timeout 3s", "set dns_timeout t3\n" },
		{ "set mode observe\nset user \"x\"",
		  "set mode observe\nset user \"x\"\n" },
		{ "set a none\nset b 1.5", "set a none\nset b n150\n" },
		{ "list n ip { 127.0.0.0/8, ::1, 192.0.2.1 }",
		  "list n ip {a127.0.0.0/8 a::1 a192.0.2.1}\n" },
		{ "list n ip {\n10.0.0.0/8 # a\n10.0.0.1,\n}",
		  "list n ip {a10.0.0.0/8 a10.0.0.1}\n" },
		{ "list d domain { example.org, =a.example \"b.example\" }",
		  "list d domain {example.org =a.example \"b.example\"}\n" },
		{ "list d address { @x.example, a+b@x.example }",
		  "list d address {@x.example a+b@x.example}\n" },
		{ "list r regex { /a/i, /b\\/c/ }",
		  "list r regex {/a/i /b/c/}\n" },
		{ "list p address from \"l/p.list\"",
		  "list p address from l/p.list\n" },
		{ "list e ip { }", "list e ip {}\n" },
		{ "list d domain {\nset\nlist,\n}",
		  "list d domain {set list}\n" },
		{ "group g max 12.0 { A, B C }", "group g max 1200 {A B C}\n" },
		{ "group g { A }", "group g {A}\n" },
		{ "rule A 1.5 if client.ptr is none \"why\"",
		  "rule A 150 client.ptr is NONE \"why\"\n" },
		{ "rule A -1 if B", "rule A -100 B\n" },
		{ "rule A 1 if (B and\n  C)", "rule A 100 [and B, C]\n" },
		{ "rule A 1 if (B in { x } and\n  C)\nset b 1",
		  "rule A 100 [and B in {x}, C]\nset b n100\n" },
		{ "shadow rule A 2 if B", "shadow A 200 B\n" },
		{ "override A off\noverride B 1.0",
		  "override A off\noverride B 100\n" },
		{ "exempt if client.auth or client.ip in our_nets",
		  "exempt [or client.auth, client.ip in our_nets]\n" },
		{ "verdict reject at 10.0 reply \"550 5.7.1 no\"",
		  "verdict reject 1000 reply \"550 5.7.1 no\"\n" },
		{ "verdict tag at 5 subject \"[SPAM] \"",
		  "verdict tag 500 subject \"[SPAM] \"\n" },
		{ "verdict discard never", "verdict discard never\n" },
		{ "greylist at 2.0 wait 5m window 2d keep 36d",
		  "greylist 200 300 172800 3110400\n" },
		{ "greylist at 2 keep 1d wait 1m",
		  "greylist 200 60 -1 86400\n" },
		{ "greylist never", "greylist never -1 -1 -1\n" },
		{ "class c if rcpt.local is \"abuse\" { verdict reject never  "
		  "greylist never }",
		  "class c rcpt.local is \"abuse\"; verdict reject never; "
		  "greylist never -1 -1 -1\n" },
		{ "class c if A {\nverdict reject at 6.0\ngreylist wait 1m\n}",
		  "class c A; verdict reject 600; greylist 60 -1 -1\n" },
		{ "class c if A { }", "class c A\n" },
		{ "example \"t\" { client.ip 192.0.2.99  dnsbl XBL  "
		  "client.ptr none\nheader(\"Subject\") \"x\" spf unknown "
		  "helo.is_literal yes from.domain { \"a\", \"b\" } } "
		  "expect reject",
		  "example t client.ip{a192.0.2.99} dnsbl{XBL} "
		  "client.ptr{NONE} header(\"Subject\"){\"x\"} spf{UNKNOWN} "
		  "helo.is_literal{yes} from.domain{\"a\" \"b\"} expect "
		  "reject\n" },
		{ "example \"t\" { } expect exempt",
		  "example t expect exempt\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bench bench;
		char *dump;

		parse(&bench, rows[i].text, strlen(rows[i].text));
		if (!bench.fine)
			fail_msg("%s: %s", rows[i].text,
				 bench.diag.entries[0].message);
		dump = ast_dump(&bench.ast);
		assert_string_equal(dump, rows[i].dump);
		free(dump);
		end(&bench);
	}
}

static void test_conditions(void **state)
{
	static const struct {
		const char *text, *dump;
	} rows[] = {
		{ "a", "a" },
		{ "not a", "[not a]" },
		{ "not not a", "[not [not a]]" },
		{ "a or b and c", "[or a, [and b, c]]" },
		{ "a and b or c", "[or [and a, b], c]" },
		{ "not a and b", "[and [not a], b]" },
		{ "not (a and b)", "[not [and a, b]]" },
		{ "(a or b) and c", "[and [or a, b], c]" },
		{ "a and b and c", "[and a, [and b, c]]" },
		{ "a and b and c and d", "[and [and a, b], [and c, d]]" },
		{ "a is pass", "a is pass" },
		{ "a is not pass", "a isnt pass" },
		{ "a is none", "a is NONE" },
		{ "a is not none", "a isnt NONE" },
		{ "a is unknown", "a is UNKNOWN" },
		{ "a is \"none\"", "a is \"none\"" },
		{ "not a is b", "[not a is b]" },
		{ "a in l", "a in l" },
		{ "a not in l", "a notin l" },
		{ "a in { 10.0.0.0/8, ::1 }", "a in {a10.0.0.0/8 a::1}" },
		{ "a not in { x, \"y\", 5 }", "a notin {x \"y\" n500}" },
		{ "a ~ /x/i", "a ~ /x/i" },
		{ "a !~ /x/", "a !~ /x/" },
		{ "a~/x/and b", "a ~ /x/and b" },
		{ "body.size > 2M", "body.size > s2097152" },
		{ "date.age < -1h", "date.age < t-3600" },
		{ "a >= 5 and a <= 5.5", "[and a >= n500, a <= n550]" },
		{ "header(\"Subject\") is none",
		  "header(\"Subject\") is NONE" },
		{ "header.raw(\"X-A\") ~ /a/", "header.raw(\"X-A\") ~ /a/" },
		{ "a\nand\nb", "[and a, b]" },
		{ "(a in { pass, fail }\nand b)", "[and a in {pass fail}, b]" },
		{ "((a in { pass }\n) and\nb)", "[and a in {pass}, b]" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct ast_expr *expr;
		struct ast ast;
		struct diag diag;
		char *dump;

		ast_init(&ast);
		diag_init(&diag);
		expr = ast_parse_expr(&ast, "x", rows[i].text,
				      strlen(rows[i].text), &diag);
		if (strcmp(rows[i].text, "a~/x/and b") == 0) {
			assert_null(expr); /* "and" is read as flags */
		} else {
			if (expr == NULL)
				fail_msg("%s: %s", rows[i].text,
					 diag.entries[0].message);
			dump = ast_dump_expr(expr);
			assert_string_equal(dump, rows[i].dump);
			free(dump);
		}
		ast_done(&ast);
		diag_done(&diag);
	}
}

/* One mistake each: its place, what is said, and what the hint holds. */
static void test_mistakes(void **state)
{
	static const struct {
		const char *text;
		unsigned line, column;
		const char *message, *hint;
	} rows[] = {
		{ "rul A 1 if b", 1, 1, "there is no statement \"rul\"",
		  "\"rule\"" },
		{ "\n  Set a 1", 2, 3, "there is no statement \"Set\"",
		  "\"set\"" },
		{ "5", 1, 1, "a statement begins with a word", NULL },
		{ "}", 1, 1, "nothing is open that this could close", NULL },
		{ "set", 1, 4, "expected a setting's name, found the end of",
		  NULL },
		{ "set a\nset b 1", 1, 6,
		  "expected a value, found the end of "
		  "the line",
		  "( )" },
		{ "set a 1 2", 1, 9,
		  "expected the end of the line, found "
		  "\"2\"",
		  NULL },
		{ "set a = 1", 1, 7, "there is no \"=\"", "nothing" },
		{ "set a /x/", 1, 7, "a setting takes no regular", "quotes" },
		{ "list 5 ip {}", 1, 6, "expected a name for the list", NULL },
		{ "list a ipp {}", 1, 8, "expected ip, domain", "\"ip\"" },
		{ "list a ip 1.2.3.4", 1, 11, "expected \"{\" or from", NULL },
		{ "list a ip { 1.2.3.4", 1, 11, "this \"{\" is never closed",
		  NULL },
		{ "list a ip { 1.2.3.4\nset b 1", 1, 11,
		  "this \"{\" is never closed", NULL },
		{ "list a ip { 1.2.*.4 }", 1, 13, "an address with *",
		  "192.0.2.0/24" },
		{ "list a ip { x, , y }", 1, 16, "expected an entry", NULL },
		{ "list a ip from x.list", 1, 16,
		  "expected the name of a file in quotes", "quotes" },
		{ "list a ip { /x/ }", 1, 13, "a list of kind ip takes no",
		  NULL },
		{ "list a regex { x }", 1, 16, "an entry of a regex list",
		  "/" },
		{ "group g max -1 { A }", 1, 13, "the most that a group adds",
		  NULL },
		{ "group g maximum 1 { A }", 1, 9, "expected \"max\" or \"{\"",
		  NULL },
		{ "rule and 1 if a", 1, 6, "\"and\" is a word of the language",
		  NULL },
		{ "rule A if a", 1, 8, "expected a weight", NULL },
		{ "rule A 1 when a", 1, 10, "expected \"if\"", NULL },
		{ "rule A 5m if a", 1, 8, "expected a weight", NULL },
		{ "rule A 1000.01 if a", 1, 8, "this lies outside", NULL },
		{ "rule A 1 if", 1, 12, "expected a fact or a symbol", NULL },
		{ "rule A 1 if a and", 1, 18, "expected a fact or a symbol",
		  NULL },
		{ "rule A 1 if a b", 1, 15, "expected an operator", NULL },
		{ "rule A 1 if a ist b", 1, 15, "expected an operator", NULL },
		{ "rule A 1 if a nott in b", 1, 15, "expected an operator",
		  "\"not\"" },
		{ "rule A 1 if a =b", 1, 15, "expected an operator", "\"is\"" },
		{ "rule A 1 if a == b", 1, 15, "there is no \"==\"", "\"is\"" },
		{ "rule A 1 if a ~ \"x\"", 1, 17,
		  "expected a regular expression", NULL },
		{ "rule A 1 if a is /x/", 1, 18, "\"is\" takes no regular",
		  "~" },
		{ "rule A 1 if a is in b", 1, 18, "\"is in\" is one word",
		  "\"in\"" },
		{ "rule A 1 if a is {b, c}", 1, 18, "\"is\" takes one value",
		  "\"in\"" },
		{ "rule A 1 if a in \"b\"", 1, 18, "expected a list's name",
		  "\"is\"" },
		{ "rule A 1 if a in {}", 1, 18, "nothing is ever in empty",
		  NULL },
		{ "rule A 1 if a in {none}", 1, 19, "\"none\" is not a value",
		  "a is none" },
		{ "rule A 1 if a in {/x/}", 1, 19,
		  "a regular expression "
		  "stands behind",
		  NULL },
		{ "rule A 1 if a > b", 1, 17, "expected a number", NULL },
		{ "rule A 1 if (a or b", 1, 13, "this \"(\" is never closed",
		  NULL },
		{ "rule A 1 if (a\nset b 1", 1, 13,
		  "this \"(\" is never closed", NULL },
		{ "rule A 1 if a)", 1, 14, "expected \"and\", \"or\", a desc",
		  NULL },
		{ "rule A 1 if header(Subject) ~ /x/", 1, 20,
		  "expected a header field's name in quotes", NULL },
		{ "rule A 1 if header(\"A:\") ~ /x/", 1, 20,
		  "this cannot be the name of a header field", "colon" },
		{ "shadow A 1 if b", 1, 8, "expected \"rule\"", NULL },
		{ "override A of", 1, 12, "expected \"off\" or a weight",
		  NULL },
		{ "exempt client.auth", 1, 8, "expected \"if\"", NULL },
		{ "verdict rejct at 1", 1, 9, "expected tag, quarantine",
		  "\"reject\"" },
		{ "verdict accept at 1", 1, 9, "accept takes no threshold",
		  NULL },
		{ "verdict reject 10", 1, 16, "expected \"at\" or \"never\"",
		  NULL },
		{ "verdict tag at 1 reply \"550 x\"", 1, 18,
		  "this verdict takes no reply", NULL },
		{ "verdict reject at 1 subject \"x\"", 1, 21,
		  "this verdict takes no subject", NULL },
		{ "verdict tag at 1 subject \"x\" subject \"y\"", 1, 30,
		  "subject stands twice", NULL },
		{ "greylist wait 5m", 1, 1, "greylist does not say at which",
		  NULL },
		{ "greylist at 2 wait 5", 1, 20, "expected a time", NULL },
		{ "greylist at 2 wait -5m", 1, 20, "this time cannot be neg",
		  NULL },
		{ "greylist at 2 wait 5m wait 6m", 1, 23, "this stands twice",
		  NULL },
		{ "class c if a verdict reject never", 1, 14,
		  "expected an operator", NULL },
		{ "class c if a { reject never }", 1, 16,
		  "expected verdict, greylist or \"}\"", NULL },
		{ "class c if a { verdict reject nver }", 1, 31,
		  "expected \"at\" or \"never\"", "\"never\"" },
		{ "example t { } expect reject", 1, 9,
		  "expected what the example shows", NULL },
		{ "example \"t\" { client.auth } expect reject", 1, 15,
		  "client.auth is given no value", "yes" },
		{ "example \"t\" { dnsbl } expect reject", 1, 15,
		  "dnsbl is given no value", "SYMBOL" },
		{ "example \"t\" { } expect rejected", 1, 24,
		  "expected a verdict", "\"reject\"" },
		{ "example \"t\" { }", 1, 16, "expected \"expect\"", NULL },
		{ "include \"x\"", 1, 9, "nothing can be included here", NULL },
		{ "include x", 1, 9, "expected the name of a file", "quotes" },
		{ "rule A 1 if subject ~ /x", 1, 23,
		  "this regular expression does not end", NULL },
		{ "set a \"x", 1, 7, "this string does not end", NULL },
		{ "set a 1; set b 2", 1, 8, "there is no \";\"", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct diag_entry *entry;
		struct bench bench;

		parse(&bench, rows[i].text, strlen(rows[i].text));
		if (bench.fine || bench.diag.errors != 1) {
			char *text = diag_text(&bench.diag);

			fail_msg("%s: %zu errors\n%s", rows[i].text,
				 bench.diag.errors, text);
		}
		entry = &bench.diag.entries[0];
		if (entry->place.line != rows[i].line ||
		    entry->place.column != rows[i].column ||
		    strncmp(entry->message, rows[i].message,
			    strlen(rows[i].message)) != 0)
			fail_msg("%s: %u:%u %s", rows[i].text,
				 (unsigned)entry->place.line,
				 entry->place.column, entry->message);
		if (rows[i].hint != NULL &&
		    (entry->hint == NULL ||
		     strstr(entry->hint, rows[i].hint) == NULL))
			fail_msg("%s: hint %s", rows[i].text,
				 entry->hint != NULL ? entry->hint : "-");
		end(&bench);
	}
}

/* Each mistake is told once, and what stands beside it is understood. */
static void test_recovery(void **state)
{
	static const struct {
		const char *claim, *text;
		const char *places; /* of all errors */
		const char *dump;
	} rows[] = {
		{ "the next line is read", "set a\nset b 1\nsat c\nset d 2",
		  "1:6 3:1 ", "set b n100\nset d n200\n" },
		{ "a mistake in braces ends with its entry",
		  "list a ip { 1.*.1.1, 10.0.0.1, ;, ::1 }\nset b 1",
		  "1:13 1:32 ", "list a ip {a10.0.0.1 a::1}\nset b n100\n" },
		{ "or with its line",
		  "dnsbl \"x.y\" {\nA 1 on 10.0.0.1\nB x\nC 1 on 127.0.0.2\n}",
		  "2:8 3:3 ",
		  "dnsbl x.y {} A 100 7f000002-7f000002 B 0 "
		  "7f000002-7f000002 C 100 7f000002-7f000002\n" },
		{ "an unknown statement takes its braces along",
		  "lst a ip {\nfoo\nbar\n}\nset b 1", "1:1 ", "set b n100\n" },
		{ "an open brace does not swallow the file",
		  "list a ip {\n10.0.0.1\n\nset b 1\nset c\n", "1:11 5:6 ",
		  "BROKEN list a ip {a10.0.0.1}\nset b n100\n" },
		{ "nor does an open parenthesis",
		  "rule A 1 if (b and\nrule C 1 if d", "1:19 ",
		  "BROKEN rule A 100 client.ip is NONE\nrule C 100 d\n" },
		{ "a broken rule still has its name",
		  "rule A 1 if b is\nrule C 1 if A", "1:17 ",
		  "BROKEN rule A 100 client.ip is NONE\nrule C 100 A\n" },
		{ "a number too fine is still a number",
		  "rule A 1.555 if b == c", "1:8 1:19 ",
		  "BROKEN rule A 0 client.ip is NONE\n" },
		{ "a class keeps what was understood",
		  "class c if a { verdict reject nver\nverdict tag never }",
		  "1:31 ", "class c a; verdict tag never\n" },
		{ "an example with a mistake is dropped",
		  "example \"t\" { dnsbl } expect reject\nset b 1", "1:15 ",
		  "set b n100\n" },
		{ "a skipped line's end is no mistake of its own",
		  "foo ' \" ; $\nset b 1", "1:1 ", "set b n100\n" },
		{ "but the next line's beginning is", "foo\n;\nset b 1",
		  "1:1 2:1 ", "set b n100\n" },
		{ "two closing braces", "group g { A } }\nset b 1", "1:15 ",
		  "BROKEN group g {A}\nset b n100\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bench bench;
		char places[256] = "";
		char *dump;

		parse(&bench, rows[i].text, strlen(rows[i].text));
		for (size_t j = 0; j < bench.diag.entry_count; j++) {
			struct place place = bench.diag.entries[j].place;
			size_t used = strlen(places);

			snprintf(places + used, sizeof(places) - used, "%u:%u ",
				 (unsigned)place.line, place.column);
		}
		dump = ast_dump(&bench.ast);
		if (strcmp(places, rows[i].places) != 0 ||
		    strcmp(dump, rows[i].dump) != 0)
			fail_msg("%s: %s\n%s", rows[i].claim, places, dump);
		free(dump);
		end(&bench);
	}
}

static char *repeated(const char *front, const char *part, size_t times,
		      const char *back, size_t *ret_len)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, ret_len);

	fputs(front, out);
	for (size_t i = 0; i < times; i++)
		fputs(part, out);
	fputs(back, out);
	fclose(out);
	return text;
}

static unsigned depth_of(const struct ast_expr *expr)
{
	unsigned left, right;

	if (expr == NULL)
		return 0;
	left = depth_of(expr->left);
	right = depth_of(expr->right);
	return 1 + (left > right ? left : right);
}

#define CLOSE_8 "))))))))"
#define CLOSE_64 CLOSE_8 CLOSE_8 CLOSE_8 CLOSE_8 CLOSE_8 CLOSE_8 CLOSE_8 CLOSE_8

static void test_depth(void **state)
{
	static const struct {
		const char *claim, *front, *part;
		size_t times;
		const char *back;
		bool fine;
	} rows[] = {
		{ "64 parentheses", "rule A 1 if ", "(", 64, "a" CLOSE_64,
		  true },
		{ "65 are too many", "rule A 1 if ", "(", 65, "a)" CLOSE_64,
		  false },
		{ "64 nots", "rule A 1 if ", "not ", 64, "a", true },
		{ "65 are too many", "rule A 1 if ", "not ", 65, "a", false },
		{ "a bomb", "rule A 1 if ", "(", 500000, "a", false },
		{ "another", "rule A 1 if ", "not(", 200000, "a", false },
		{ "braces", "", "{", 500000, "", false },
		{ "a long row is not deep", "rule A 1 if a", " and a", 100000,
		  "", true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t len;
		char *text = repeated(rows[i].front, rows[i].part,
				      rows[i].times, rows[i].back, &len);
		struct bench bench;

		parse(&bench, text, len);
		if (bench.fine != rows[i].fine)
			fail_msg("%s", rows[i].claim);
		if (bench.ast.first != NULL)
			assert_in_range(
				depth_of(bench.ast.first->rule.condition), 1,
				PARSER_DEPTH + 20);
		end(&bench);
		free(text);
	}
}

static void test_long_names(void **state)
{
	static const struct {
		size_t length;
		bool fine;
	} rows[] = { { 64, true }, { 65, false } };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t len;
		char *text =
			repeated("rule ", "N", rows[i].length, " 1 if a", &len);
		struct bench bench;

		parse(&bench, text, len);
		assert_int_equal(bench.fine, rows[i].fine);
		end(&bench);
		free(text);
	}
}

/* However little memory there is: a report, no crash, nothing half-linked. */
static void test_no_memory(void **state)
{
	static const char text[] =
		"list a ip { 1.2.3.4, ::1 }\n"
		"dnsbl \"x.y\" of helo.name { A 1 on 127.0.0.2, 127.0.0.3 }\n"
		"rule B 1 if (a in {b, c} and not d) or header(\"x\") ~ /y/i\n"
		"class c if a { verdict reject at 5 reply \"550 x\" }\n"
		"example \"t\" { client.ip 1.2.3.4 } expect accept\n";

	(void)state;
	for (size_t room = 0; room < 8192; room += 16) {
		struct bench bench;

		ast_init(&bench.ast);
		diag_init(&bench.diag);
		bench.ast.arena.ceiling = room;
		bench.fine = ast_parse_text(&bench.ast, "f", text, strlen(text),
					    NULL, &bench.diag);
		if (!bench.fine)
			assert_true(bench.diag.errors > 0);
		end(&bench);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_statements),
		cmocka_unit_test(test_conditions),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_recovery),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
