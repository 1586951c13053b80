/*
 * test_example.c - examples in rule files.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/rule_bench.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const char rules[] =
	"list nets ip { 192.0.2.0/24 }\n"
	"dnsbl \"zen.test\" { SBL 6.0 on 127.0.0.2\n"
	"  XBL 8.0 on 127.0.0.4 - 127.0.0.7\n"
	"  WILD 1.0 on 127.*.9.9\n"
	"  BIT 1.0 on 127.0.0.0 mask 0.0.64.0 }\n"
	"dnsbl \"wl.test\" of client.ip, sender.domain, from.domain {\n"
	"  WL -5.0 on 127.0.*.2\n  WL_HIGH -9.0 on 127.0.*.3 }\n"
	"rule FORGED 4.0 if client.mta_resolve is forged\n"
	"rule DYNAMIC 4.0 if client.is_dynamic and client.name is not none\n"
	"rule NULL_MX 4.0 if sender.null_mx or sender.mx is \"localhost\"\n"
	"rule MANNERS 4.0 if client.unknown_commands > 3\n"
	"group g max 12.0 { SBL, XBL }\n"
	"rule NO_PTR 2.0 if client.ptr is none\n"
	"rule PILLS 3.0 if header(\"Subject\") ~ /pills/\n"
	"rule BIG 4.0 if body.size > 1M\n"
	"rule MANY 2.0 if rcpt.count > 20\n"
	"rule SPF_FAIL 5.0 if spf is fail\n"
	"rule GOOD -3.0 if dkim is pass\n"
	"rule FROM 5.0 if from.domain is \"b.test\"\n"
	"rule OFF 9.0 if body.nul\noverride OFF off\n"
	"exempt if client.auth or client.ip in nets\n"
	"verdict reject at 10.0\nverdict defer at 8.0\nverdict tag at 4.0\n"
	"class open if rcpt.local is \"abuse\" { verdict reject never }\n";

static void examples_run(const char *example, size_t failures, const char *said)
{
	struct rule_bench bench;
	char text[4096], *told;

	snprintf(text, sizeof(text), "%s%s\n", rules, example);
	rule_bench_open(&bench, text);
	if (ruleset_run_examples(bench.rules, &bench.lists, &bench.diag) !=
	    failures) {
		told = diag_text(&bench.diag);
		print_error("%s\n%s", example, told);
		free(told);
		fail();
	}
	if (said != NULL) {
		told = diag_text(&bench.diag);
		if (strstr(told, said) == NULL)
			print_error("%s", told);
		assert_non_null(strstr(told, said));
		free(told);
	}
	rule_bench_done(&bench);
}

static void test_that_hold(void **state)
{
	static const char *const rows[] = {
		"example \"what is not named is none, false or 0\" {} "
		"expect accept",
		"example \"listed\" { dnsbl XBL client.ptr none } expect reject",
		"example \"in two lists\" { dnsbl XBL dnsbl SBL "
		"client.ptr \"a\" } expect reject",
		"example \"any octet\" { dnsbl WILD } expect accept",
		"example \"a bit\" { dnsbl BIT dnsbl WILD } expect tag",
		"example \"a header\" { header(\"Subject\") \"pills\" } "
		"expect tag",
		"example \"one nobody reads\" { header(\"X-Other\") \"x\" } "
		"expect accept",
		"example \"a size\" { body.size 2M } expect tag",
		"example \"a number\" { rcpt.count 21 } expect tag",
		"example \"a set\" { from.domain {\"a.test\", \"b.test\"} } "
		"expect tag",
		"example \"logged in\" { client.auth yes dnsbl XBL } "
		"expect exempt",
		"example \"ours\" { client.ip 192.0.2.99 dnsbl XBL } "
		"expect exempt",
		"example \"for abuse@\" { dnsbl XBL client.ptr none "
		"rcpt.local \"abuse\" } expect defer",
		"example \"the unknown softens\" { dnsbl XBL client.ptr none "
		"dkim unknown } expect defer",
		"example \"a white list takes away\" { dnsbl XBL "
		"client.ptr none dnsbl WL } expect tag",
		"example \"and more so\" { dnsbl XBL client.ptr none "
		"dnsbl WL_HIGH } expect accept",
		"example \"no reverse name\" { client.ptr none "
		"client.name none client.is_dynamic none } expect accept",
		"example \"temperror softens as well\" { dnsbl XBL client.ptr "
		"none dkim temperror } expect defer",
		"example \"and is no fail\" { spf temperror } expect accept",
		"example \"whether there is one is unknown\" { dnsbl XBL "
		"client.ptr unknown } expect defer",
		"example \"several names\" { client.ptr {\"a\", \"b\"} "
		"client.name \"a\" client.is_dynamic yes } expect tag",
		"example \"what Sendmail found\" "
		"{ client.mta_resolve forged } expect tag",
		"example \"no mail there\" { sender.null_mx yes } expect tag",
		"example \"a mail host\" { sender.mx {\"localhost\"} } "
		"expect tag",
		"example \"manners\" { client.unknown_commands 4 "
		"client.resets 2 } expect tag",
		"example \"a word\" { spf fail dkim pass client.ptr \"x\" } "
		"expect accept",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		examples_run(rows[i], 0, NULL);
}

static void test_that_fail(void **state)
{
	static const struct {
		const char *example, *said;
	} rows[] = {
		{ "example \"too hopeful\" { dnsbl XBL client.ptr \"a\" } expect reject",
		  "error: example \"too hopeful\": expected reject, but it "
		  "comes out as defer" },
		{ "example \"which fired\" { dnsbl XBL spf fail } expect tag",
		  "score 15.00, XBL, NO_PTR, SPF_FAIL" },
		{ "example \"nothing\" { client.ptr \"a\" } expect tag",
		  "score 0.00, no rule fired" },
		{ "example \"exempt\" { client.auth yes } expect accept",
		  "expected accept, but it comes out as exempt" },
		{ "example \"not exempt\" { } expect exempt",
		  "expected exempt, but it comes out as accept" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		examples_run(rows[i].example, 1, rows[i].said);
}

static void test_mistakes(void **state)
{
	static const struct {
		const char *claim, *example, *said;
	} rows[] = {
		{ "an unknown fact", "{ helo.nme \"x\" }",
		  "unknown fact \"helo.nme\"" },
		{ "a symbol that no list sets", "{ dnsbl NO_PTR }",
		  "is given the symbol of a DNS list" },
		{ "no symbol", "{ dnsbl XLB }", "did you mean \"XBL\"?" },
		{ "a bool", "{ client.auth 3 }", "is given yes or no" },
		{ "half a number", "{ rcpt.count 1.5 }", "a whole number" },
		{ "a network for an address", "{ client.ip 10.0.0.0/8 }",
		  "is given an IP address" },
		{ "no word", "{ spf 7 }", "is given one of its words" },
		{ "another word", "{ spf maybe }",
		  "\"spf\" is never \"maybe\"" },
		{ "a bare text", "{ rcpt.local abuse }", "text in quotes" },
		{ "several values", "{ rcpt.local {\"a\", \"b\"} }",
		  "one value, not several" },
		{ "no field", "{ header \"x\" }", "error:" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char text[4096], *said;

		snprintf(text, sizeof(text),
			 "%sexample \"x\" %s expect accept\n", rules,
			 rows[i].example);
		said = rule_bench_said(text);
		if (strstr(said, rows[i].said) == NULL)
			print_error("%s:\n%s", rows[i].claim, said);
		assert_non_null(strstr(said, rows[i].said));
		free(said);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_that_hold),
		cmocka_unit_test(test_that_fail),
		cmocka_unit_test(test_mistakes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
