/*
 * test_exempts.c - who is exempt already, before anything is weighed.
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

static void test_exempts(void **state)
{
	static const struct {
		const char *claim, *rules, *facts;
		bool exempt;
	} rows[] = {
		{ "our network", "exempt if client.ip in ours",
		  "client.ip=192.0.2.1", true },
		{ "another one", "exempt if client.ip in ours",
		  "client.ip=198.51.100.1", false },
		{ "what is pending does not hold",
		  "exempt if client.auth or client.ip in ours",
		  "client.ip=198.51.100.1", false },
		{ "nor does what it denies", "exempt if not client.auth",
		  "client.ip=192.0.2.1", false },
		{ "what is pending does not matter",
		  "exempt if client.auth or client.ip in ours",
		  "client.ip=192.0.2.1", true },
		{ "unknown is not enough", "exempt if client.auth",
		  "client.auth=unknown", false },
		{ "X is unknown is taken at its word",
		  "exempt if client.name is unknown", "client.name=unknown",
		  true },
		{ "the second exemption",
		  "exempt if client.auth\nexempt if client.ip in ours",
		  "client.ip=192.0.2.1", true },
		{ "a rule that reads a rule",
		  "rule B 0 if A and helo.is_valid\nrule C 0 if helo.is_ip\n"
		  "rule A 0 if client.ip in ours\nexempt if B and not C",
		  "client.ip=192.0.2.1; helo.is_valid=yes; helo.is_ip=no",
		  true },
		{ "half of it",
		  "rule B 0 if A and helo.is_valid\n"
		  "rule A 0 if client.ip in ours\nexempt if B",
		  "client.ip=192.0.2.1", false },
		{ "the symbol of a DNS list",
		  "dnsbl \"wl.test\" { W -1 on 127.0.0.2 }\nexempt if W",
		  "dnsbl:wl.test=127.0.0.3,127.0.0.2", true },
		{ "a rule that is off",
		  "rule A 0 if client.ip in ours\noverride A off\n"
		  "exempt if A",
		  "client.ip=192.0.2.1", false },
		{ "one recipient's exemption is not the message's",
		  "exempt if rcpt.local is \"abuse\"", "rcpt.local=abuse",
		  false },
		{ "a pattern",
		  "exempt if helo.name ~ /^mx[0-9]+\\.friend\\.example$/i",
		  "helo.name=MX12.friend.example", true },
		{ "a list of patterns",
		  "list p regex { /x/ /friend/ }\nexempt if helo.name in p",
		  "helo.name=a.friend.example", true },
		{ "no exemption", "rule A 0 if client.auth", "client.auth=yes",
		  false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct rule_bench bench;
		char text[512];
		bool exempt;

		snprintf(text, sizeof(text),
			 "list ours ip { 192.0.2.0/24 }\n%s", rows[i].rules);
		rule_bench_open(&bench, text);
		rule_bench_facts(&bench, rows[i].facts);
		exempt = ruleset_exempts(bench.rules, &bench.lists,
					 &bench.facts);
		if (exempt != rows[i].exempt)
			fail_msg("%s", rows[i].claim);
		/* What it says the verdict will say, too. */
		if (exempt)
			assert_true(rule_bench_verdict(&bench).exempt);
		rule_bench_done(&bench);
	}
}

/* More rules than the stack has room for, and patterns in each. */
static void test_exempts_many(void **state)
{
	enum { RULES = 2000 };
	struct rule_bench bench;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	for (int i = RULES; i > 0; i--)
		fprintf(out, "rule R%d 0 if helo.name ~ /x%d/ or R%d\n", i, i,
			i - 1);
	fputs("rule R0 0 if client.is_local\nexempt if R2000\n", out);
	fclose(out);
	rule_bench_open(&bench, text);
	rule_bench_facts(&bench, "helo.name=a.x1999b; client.is_local=no");
	assert_true(ruleset_exempts(bench.rules, &bench.lists, &bench.facts));
	rule_bench_facts(&bench, "helo.name=nothing");
	assert_false(ruleset_exempts(bench.rules, &bench.lists, &bench.facts));
	rule_bench_done(&bench);
	free(text);
}

static void test_may_exempt(void **state)
{
	static const struct {
		const char *claim, *rules;
		enum phase from; /* PHASE_COUNT: never */
	} rows[] = {
		{ "none", "rule A 0 if client.is_local", PHASE_COUNT },
		{ "networks", "exempt if client.auth or client.is_local",
		  PHASE_CONNECT },
		{ "both have to hold",
		  "exempt if client.auth and client.is_local", PHASE_MAIL },
		{ "a later one too",
		  "exempt if dkim is pass\nexempt if helo.is_ip", PHASE_HELO },
		{ "recipients do not count", "exempt if rcpt is \"a@b.c\"",
		  PHASE_COUNT },
		{ "through a rule", "rule A 0 if subject is \"x\"\nexempt if A",
		  PHASE_EOM },
		{ "a DNS list tells with MAIL",
		  "dnsbl \"w.test\" { W -1 on 127.0.0.2 }\nexempt if W",
		  PHASE_MAIL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct rule_bench bench;

		rule_bench_open(&bench, rows[i].rules);
		for (enum phase at = 0; at < PHASE_COUNT; at++)
			if (ruleset_may_exempt(bench.rules, at) !=
			    (at >= rows[i].from))
				fail_msg("%s: %s", rows[i].claim,
					 phase_name(at));
		rule_bench_done(&bench);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exempts),
		cmocka_unit_test(test_exempts_many),
		cmocka_unit_test(test_may_exempt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
