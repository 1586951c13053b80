/*
 * test_parser_dnsbl.c - DNS lists as they are written.
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
		{ "dnsbl \"zen.example\" {\n SBL 6.0 on 127.0.0.2, 127.0.0.9\n"
		  " XBL 8 on 127.0.0.4 - 127.0.0.7 \"bots\"\n}",
		  "dnsbl zen.example {} SBL 600 7f000002-7f000002 "
		  "7f000009-7f000009 XBL 800 7f000004-7f000007 \"bots\"\n" },
		{ "dnsbl \"w.example\" { A -2.0 on 127.0.*.2    "
		  "B -5.0 on 127.0.*.3 }",
		  "dnsbl w.example {} A -200 127.0.256.2 B -500 "
		  "127.0.256.3\n" },
		{ "dnsbl \"m.example\" of sender.domain, helo.name {\n"
		  "M 1 on 127.0.0.0 mask 0.0.0.4 }",
		  "dnsbl m.example {sender.domain helo.name} M 100 "
		  "7f000000&4\n" },
		{ "dnsbl \"m.example\" of sender.domain ask organisation "
		  "test \"dbltest.com\" { M 1 on 127.0.0.2 }",
		  "dnsbl m.example {sender.domain} ask organisation "
		  "test \"dbltest.com\" M 100 7f000002-7f000002\n" },
		{ "dnsbl \"m.example\" test none ask full of helo.name {\n"
		  "M 1 on 127.0.0.2 }",
		  "dnsbl m.example {helo.name} ask full test \"\" M 100 "
		  "7f000002-7f000002\n" },
		{ "dnsbl \"m.example\" of helo.name ask both"
		  " test \"TEST\" {\nM 1 on 127.0.0.2 }",
		  "dnsbl m.example {helo.name} ask both test \"TEST\" M 100 "
		  "7f000002-7f000002\n" },
		{ "dnsbl \"m.example\" test \"2001:db8::1\" {\n"
		  "M 1 on 127.0.0.2 }",
		  "dnsbl m.example {} test \"2001:db8::1\" M 100 "
		  "7f000002-7f000002\n" },
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

static void test_mistakes(void **state)
{
	static const struct {
		const char *text;
		unsigned line, column;
		const char *message, *hint;
	} rows[] = {
		{ "dnsbl zen.example { A 1 on 127.0.0.2 }", 1, 7,
		  "expected the list's zone in quotes", "quotes" },
		{ "dnsbl \"x..y\" { A 1 on 127.0.0.2 }", 1, 7,
		  "this is not the name of a DNS zone", NULL },
		{ "dnsbl \"x.example\" { }", 1, 19, "this list has no symbol",
		  NULL },
		{ "dnsbl \"x.example\" { A 1 }", 1, 21,
		  "A does not say on which answers", "127.0.0.2" },
		{ "dnsbl \"x.example\" { A 1\nB 1 on 127.0.0.2 }", 1, 21,
		  "A does not say on which answers", NULL },
		{ "dnsbl \"x.example\" { A 1 on 10.0.0.1 }", 1, 28,
		  "a list answers with addresses of 127.0.0.0/8", NULL },
		{ "dnsbl \"x.example\" { A 1 on 127.0.0.0/24 }", 1, 28,
		  "this is not an IPv4 address", "range" },
		{ "dnsbl \"x.example\" { A 1 on 127.0.0.9 - 127.0.0.2 }", 1, 38,
		  "this range ends before it begins", NULL },
		{ "dnsbl \"x.example\" { A 1 on 127.0.0.0 mask 0.0.0.0 }", 1,
		  43, "a mask has some bit", NULL },
		{ "dnsbl \"x.example\" of { A 1 on 127.0.0.2 }", 1, 22,
		  "expected a fact", NULL },
		{ "dnsbl \"x.example\" off helo.name { A 1 on 127.0.0.2 }", 1,
		  19, "expected \"of\", \"ask\", \"test\" or \"{\"",
		  "did you mean \"of\"?" },
		{ "dnsbl \"x.example\" of helo.name aks both { "
		  "A 1 on 127.0.0.2 }",
		  1, 32, "expected \",\", \"ask\", \"test\" or \"{\"",
		  "did you mean \"ask\"?" },
		{ "dnsbl \"x.example\" ask both helo.name { "
		  "A 1 on 127.0.0.2 }",
		  1, 28, "expected \"of\", \"ask\", \"test\" or \"{\"", NULL },
		{ "dnsbl \"x.example\" of helo.name ask organization { "
		  "A 1 on 127.0.0.2 }",
		  1, 36, "expected full, organisation or both",
		  "did you mean \"organisation\"?" },
		{ "dnsbl \"x.example\" of helo.name ask { A 1 on 127.0.0.2 }",
		  1, 36, "expected full, organisation or both", NULL },
		{ "dnsbl \"x.example\" of helo.name ask", 1, 35,
		  "expected full, organisation or both", NULL },
		{ "dnsbl \"x.example\" ask both ask full { A 1 on 127.0.0.2 }",
		  1, 28, "\"ask\" stands here twice", NULL },
		{ "dnsbl \"x.example\" test dbltest.com { A 1 on 127.0.0.2 }",
		  1, 24, "expected what the list holds for tests", "quotes" },
		{ "dnsbl \"x.example\" test \"\" { A 1 on 127.0.0.2 }", 1, 24,
		  "this is neither an address nor the name of a host",
		  "without the zone" },
		{ "dnsbl \"x.example\" test \"a b.c\" { A 1 on 127.0.0.2 }", 1,
		  24, "this is neither an address nor the name of a host",
		  NULL },
		{ "dnsbl \"x.example\" test \"a-.c\" { A 1 on 127.0.0.2 }", 1,
		  24, "this is neither an address nor the name of a host",
		  NULL },
		{ "dnsbl \"x.example\" test \"a.c.\" { A 1 on 127.0.0.2 }", 1,
		  24, "this is neither an address nor the name of a host",
		  NULL },
		{ "dnsbl \"x..y\" test \"a.c.\" { A 1 on 127.0.0.2 }", 1, 7,
		  "this is not the name of a DNS zone", NULL },
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

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_statements),
		cmocka_unit_test(test_mistakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
