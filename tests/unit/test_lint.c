/*
 * test_lint.c - what is found in rules that compile, and what is left in peace.
 */
#include "rules/ruleset.h"

#include <stdarg.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* Enough for every threshold used here to be within reach. */
#define MUCH                                  \
	"rule A 6 if helo.is_ip\n"            \
	"rule B 6 if not helo.is_qualified\n" \
	"rule C 6 if sender.is_null\n"

static void test_warnings(void **state)
{
	static const struct {
		const char *claim, *rules;
		const char *warning; /* "line message", NULL: none */
	} rows[] = {
		{ "nothing at all", "", NULL },
		{ "sound rules",
		  MUCH "verdict reject at 10\nverdict tag at 5\n", NULL },

		/* what can never hold */
		{ "there are no fewer than none", "rule X 1 if from.count < 0",
		  "1 X can never fire" },
		{ "none is possible", "rule X 1 if from.count <= 0", NULL },
		{ "a date may lie in the future", "rule X 1 if date.age < -1h",
		  NULL },
		{ "no port is so high", "rule X 1 if client.port > 65535",
		  "1 X can never fire" },
		{ "this one is", "rule X 1 if client.port > 65534", NULL },
		{ "nothing is counted in halves",
		  "rule X 1 if from.count is 1.5", "1 X can never fire" },
		{ "but compared with them", "rule X 1 if from.count > 1.5",
		  NULL },
		{ "one of several is enough",
		  "rule X 1 if from.count in { 1.5, 2 }", NULL },
		{ "not below none is always so",
		  "rule X 1 if not from.count < 0", NULL },
		{ "an address without @", "rule X 1 if sender is \"a.example\"",
		  "1 X can never fire" },
		{ "a domain with one", "rule X 1 if helo.name is \"a@b\"",
		  "1 X can never fire" },
		{ "an empty list", "list l ip { }\nrule X 1 if client.ip in l",
		  "2 X can never fire" },
		{ "not in an empty list",
		  "list l ip { }\nrule X 1 if client.ip not in l", NULL },
		{ "and with what cannot be",
		  "rule X 1 if helo.is_ip and from.count < 0",
		  "1 X can never fire" },
		{ "or with it", "rule X 1 if helo.is_ip or from.count < 0",
		  NULL },
		{ "by way of another rule",
		  "rule X 1 if not not Y\nrule Y 1 if from.count < 0",
		  "1 X can never fire" },
		{ "a class", "class k if client.port > 70000 { }",
		  "1 k can never apply" },
		{ "an exemption", "exempt if client.port > 70000",
		  "1 this exemption can never apply" },

		/* who would wait */
		{ "greylisting below all refusals",
		  MUCH "verdict reject at 10\ngreylist at 2.0", NULL },
		{ "where all is refused already",
		  MUCH "verdict reject at 10\ngreylist at 10",
		  "5 greylist at 10.00 never asks anybody to wait: reject "
		  "comes at 10.00" },
		{ "or deferred",
		  MUCH "verdict reject at 10\nverdict defer at 8\n"
		       "greylist at 9",
		  "6 greylist at 9.00 never asks anybody to wait: defer comes "
		  "at 8.00" },
		{ "but not where it is tagged",
		  MUCH "verdict tag at 5\ngreylist at 9", NULL },
		{ "where no mail gets", "rule A 6 if helo.is_ip\ngreylist at 7",
		  "2 greylist at 7.00 is never reached" },
		{ "a class of its own",
		  MUCH "verdict reject at 10\n"
		       "class k if rcpt.local is \"x\" "
		       "{ greylist at 11 }",
		  "5 greylist at 11.00 never asks anybody to wait" },
		{ "one that has it from elsewhere is left in peace",
		  MUCH "verdict reject at 10\ngreylist at 5\n"
		       "class k if rcpt.local is \"x\" "
		       "{ verdict reject at 4 }",
		  NULL },
		{ "one that is spared",
		  MUCH "verdict reject at 10\ngreylist at 5\n"
		       "class k if rcpt.local is \"x\" "
		       "{ greylist never }",
		  NULL },

		{ "a wait that is none",
		  MUCH "verdict reject at 10\ngreylist at 5 wait 0s",
		  "5 greylist with wait 0s asks nobody to wait" },
		{ "one of a second is one",
		  MUCH "verdict reject at 10\ngreylist at 5 wait 1s keep 1s",
		  NULL },
		{ "forgotten at once",
		  MUCH "verdict reject at 10\ngreylist at 5 keep 0s",
		  "5 greylist with keep 0s forgets at once who has waited" },
		{ "in a class",
		  MUCH "verdict reject at 10\ngreylist at 5\n"
		       "class k if rcpt.local is \"x\" "
		       "{ greylist wait 0s }",
		  "6 greylist with wait 0s asks nobody to wait" },
		{ "not told again of who has it from elsewhere",
		  MUCH "verdict reject at 10\n"
		       "class k if rcpt.local is \"x\" "
		       "{ greylist never }",
		  NULL },

		/* switched off, worth nothing, read by nobody */
		{ "a rule that is off is not looked at",
		  "rule X 1 if from.count < 0\noverride X off", NULL },
		{ "reading one that is off",
		  "rule X 1 if Y\nrule Y 1 if helo.is_ip\noverride Y off",
		  "1 X reads Y, which is switched off" },
		{ "a rule of no weight", "rule X 0 if helo.is_ip",
		  "1 X weighs nothing" },
		{ "that others build on",
		  "rule X 0 if helo.is_ip\nrule Y 1 if X", NULL },
		{ "a shadow rule weighs nothing yet",
		  "shadow rule X 0 if helo.is_ip", NULL },
		{ "weighed nothing by an override",
		  "rule X 1 if helo.is_ip\noverride X 0",
		  "2 X weighs nothing" },
		{ "a list that nobody reads", "list l ip { 192.0.2.1 }",
		  "1 no rule, class or exemption reads the list \"l\"" },
		{ "a group that adds nothing",
		  "group g max 0 { X }\nrule X 1 if helo.is_ip",
		  "2 the group \"g\" adds at most 0" },
		{ "a group of nobody", "group g max 5 { }",
		  "0 the group \"g\" has no rule that counts" },

		/* thresholds */
		{ "a verdict behind a more severe one",
		  MUCH "verdict reject at 10\nverdict tag at 10",
		  "5 tag at 10.00 is never spoken: reject comes at 10.00" },
		{ "out of reach", MUCH "verdict reject at 18.01",
		  "4 reject at 18.01 is never reached: all rules together add "
		  "up to 18.00" },
		{ "within reach", MUCH "verdict reject at 18", NULL },
		{ "out of reach behind a cap",
		  MUCH "group g max 8 { A B }\nverdict reject at 15",
		  "5 reject at 15.00 is never reached: all rules together add "
		  "up to 14.00" },
		{ "shadow rules do not add up",
		  MUCH "shadow rule X 9 if helo.is_literal\n"
		       "verdict reject at 20",
		  "5 reject at 20.00 is never reached" },
		{ "a class inherits without blame",
		  MUCH
		  "verdict defer at 8\nverdict reject at 10\n"
		  "class k if rcpt.local is \"x\" { verdict reject at 6.5 }",
		  NULL },
		{ "but is blamed for what it says",
		  MUCH "verdict reject at 10\n"
		       "class k if rcpt.local is \"x\" { verdict tag at 12 }",
		  "5 tag at 12.00 is never spoken" },

		/* one sign alone */
		{ "one rule that refuses",
		  MUCH "rule X 10 if helo.is_literal\nverdict reject at 10",
		  "4 X refuses by itself: it adds 10.00, and 10.00 are enough" },
		{ "held back by a cap",
		  MUCH "rule X 10 if helo.is_literal\ngroup g max 9 { X }\n"
		       "verdict reject at 10",
		  NULL },
		{ "a list is somebody's word",
		  MUCH "list l ip from \"l\"\nrule X 10 if client.ip in l\n"
		       "verdict reject at 10",
		  NULL },
		{ "not being on one is not",
		  MUCH "list l ip from \"l\"\n"
		       "rule X 10 if client.ip not in l\n"
		       "verdict reject at 10",
		  "5 X refuses by itself" },

		/* in time for RCPT */
		{ "a late rule that could still save",
		  MUCH "rule X -9 if from.is_valid\nverdict reject at 10",
		  "4 nothing is refused at RCPT" },
		{ "one that could not",
		  MUCH "rule X -8 if from.is_valid\nverdict reject at 10",
		  NULL },
		{ "an early one",
		  MUCH "rule X -9 if sender.smtputf8\nverdict reject at 10",
		  NULL },
		{ "nothing to refuse at RCPT anyway",
		  MUCH "rule X -9 if from.is_valid\nrule Y 6 if header.nul\n"
		       "verdict reject at 19",
		  NULL },
		{ "an exemption that comes late",
		  MUCH "exempt if from.is_valid\nverdict reject at 10",
		  "4 nothing is refused at RCPT: this exemption is decided at "
		  "eom" },

		/* who is believed */
		{ "what From says", "exempt if from.domain is \"a.example\"",
		  "1 this exemption trusts from.domain, which anybody can "
		  "write" },
		{ "and DMARC proves",
		  "exempt if from.domain is \"a.example\" and dmarc is pass",
		  NULL },
		{ "or a signature of the author",
		  "rule X -1 if from.domain is \"a.example\" and dkim is pass "
		  "and dkim.aligned",
		  NULL },
		{ "not one of anybody",
		  "rule X -1 if from.domain is \"a.example\" and dkim is pass",
		  "1 X trusts from.domain" },
		{ "nor what is no pass",
		  "rule X -1 if from.domain is \"a.example\" and dmarc is not "
		  "pass",
		  "1 X trusts from.domain" },
		{ "against a sender it is evidence",
		  "rule X 1 if from.domain is \"a.example\"", NULL },
		{ "a signature that says so",
		  "rule X -1 if dkim.domain is \"a.example\"",
		  "1 X trusts dkim.domain, which any signature may say" },
		{ "and is right",
		  "rule X -1 if dkim.domain is \"a.example\" and dkim is pass",
		  NULL },
		{ "by way of another rule",
		  "rule X -1 if dkim.domain is \"a.example\" and OK\n"
		  "rule OK 1 if dkim is pass",
		  NULL },
		{ "one of several signatures",
		  "rule X -1 if dkim.domains is \"a.example\" and dkim is pass",
		  "1 X trusts dkim.domains" },
		{ "those that are right",
		  "rule X -1 if dkim.passed is \"a.example\"", NULL },
		{ "whom SPF is about",
		  "rule X -1 if spf.domain is \"a.example\"",
		  "1 X trusts spf.domain" },
		{ "and who passed it",
		  "rule X -1 if spf.domain is \"a.example\" and spf is pass",
		  NULL },
		{ "or something else",
		  "rule X -1 if spf.domain is \"a.example\" and spf in "
		  "{ pass, neutral }",
		  "1 X trusts spf.domain" },
		{ "HELO exempts", "exempt if helo.name is \"a.example\"",
		  "1 this exemption trusts helo.name" },
		{ "HELO lowers the score", "rule X -1 if helo.name ~ /^mx/",
		  "1 X trusts helo.name" },
		{ "HELO raises it", "rule X 1 if helo.name ~ /^mx/", NULL },
		{ "by way of another rule",
		  "rule X 1 if helo.name ~ /^mx/\nrule Y -1 if X",
		  "2 Y trusts helo.name" },
		{ "that there is a HELO is no trust",
		  "rule X -1 if helo.name is not none", NULL },
		{ "the MTA's name in a class",
		  "class k if client.mta_name ~ /x/ { }",
		  "1 k trusts client.mta_name" },
		{ "a reverse name exempts",
		  "exempt if client.ptr in { \"a.example\" }",
		  "1 this exemption trusts client.ptr" },
		{ "a reverse name in a class",
		  "class k if client.ptr ~ /x/ { }", "1 k trusts client.ptr" },
		{ "a reverse name lowers the score",
		  "list l domain { a.example }\nrule X -1 if client.ptr in l",
		  "2 X trusts client.ptr" },
		{ "what the MTA saw of it is not better",
		  "exempt if client.mta_ptr is \"a.example\"",
		  "1 this exemption trusts client.mta_ptr" },
		{ "one that is confirmed is a proof",
		  "exempt if client.name is \"a.example\"\n"
		  "class k if client.name ~ /x/ { }\n"
		  "rule X -1 if client.name is \"b.example\"",
		  NULL },
		{ "a white list of HELO names",
		  "dnsbl \"w.test\" of helo.name { W -1 on 127.0.0.2 }",
		  "1 W trusts helo.name" },
		{ "a white list of reverse names, among others",
		  "dnsbl \"w.test\" of sender.domain, client.ptr {\n"
		  "W -1 on 127.0.0.2 }",
		  "2 W trusts client.ptr" },
		{ "an exemption by one",
		  "dnsbl \"w.test\" of helo.name { W 0 on 127.0.0.2 }\n"
		  "exempt if W",
		  "2 this exemption trusts helo.name" },
		{ "a white list of addresses",
		  "dnsbl \"w.test\" { W -1 on 127.0.0.2 }", NULL },
		{ "a black list of names",
		  "dnsbl \"b.test\" of helo.name, client.ptr {\n"
		  "B 1 on 127.0.0.2 }",
		  NULL },
		{ "a listing that refuses alone",
		  MUCH "dnsbl \"b.test\" { Z 10 on 127.0.0.2 }\n"
		       "verdict reject at 10",
		  "4 Z refuses by itself" },
		{ "one whose group keeps it from that",
		  MUCH "dnsbl \"b.test\" { Z 10 on 127.0.0.2 }\n"
		       "group g max 9 { Z }\nverdict reject at 10",
		  NULL },
		{ "an address is a proof",
		  "exempt if client.ip is 192.0.2.1 or client.auth", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rule_lists lists = { NULL, 0 };
		char first[256] = "";
		struct ruleset *rules;
		struct diag diag;
		struct ast ast;

		ast_init(&ast);
		diag_init(&diag);
		ast_parse_text(&ast, "f", rows[i].rules, strlen(rows[i].rules),
			       NULL, &diag);
		rules = ruleset_compile(&ast, &diag);
		if (rules == NULL || diag.entry_count > 0)
			fail_msg("%s: %s", rows[i].claim, diag_text(&diag));
		ruleset_lint(rules, &lists, &diag);
		assert_int_equal(diag.errors, 0);
		for (size_t j = diag.entry_count; j-- > 0;) {
			snprintf(first, sizeof(first), "%u %s",
				 (unsigned)diag.entries[j].place.line,
				 diag.entries[j].message);
			if (rows[i].warning != NULL &&
			    strncmp(first, rows[i].warning,
				    strlen(rows[i].warning)) == 0)
				break;
		}
		if (rows[i].warning == NULL
			    ? first[0] != '\0'
			    : strncmp(first, rows[i].warning,
				      strlen(rows[i].warning)) != 0)
			fail_msg("%s: %s", rows[i].claim, first);
		ruleset_unref(rules);
		ast_done(&ast);
		diag_done(&diag);
	}
}

/* What cannot be asked about was told of when rules were compiled. */
static void test_unbuilt(void **state)
{
	static const char text[] =
		"dnsbl \"u.test\" of body.urls { U 1 on 127.0.0.2 }";
	struct rule_lists lists = { NULL, 0 };
	struct ruleset *rules;
	struct diag diag;
	struct ast ast;

	(void)state;
	ast_init(&ast);
	diag_init(&diag);
	assert_true(ast_parse_text(&ast, "f", text, strlen(text), NULL, &diag));
	rules = ruleset_compile(&ast, &diag);
	assert_non_null(rules);
	assert_int_equal(diag.entry_count, 1);
	assert_non_null(strstr(diag.entries[0].message, "\"body.urls\""));
	ruleset_lint(rules, &lists, &diag);
	assert_int_equal(diag.entry_count, 1);
	ruleset_unref(rules);
	ast_done(&ast);
	diag_done(&diag);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_warnings),
		cmocka_unit_test(test_unbuilt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
