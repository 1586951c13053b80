/*
 * test_bounds.c - what could still be added or taken away.
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

static void test_sums(void **state)
{
	static const char rules[] = "rule PLUS 3.0 if helo.is_ip\n"
				    "rule MINUS -2.0 if helo.is_valid\n"
				    "rule SMALL 1.5 if sender.is_null\n"
				    "shadow rule SHADOW 9.0 if helo.is_ip\n"
				    "rule ASKS 0.5 if spf is unknown\n"
				    "rule TWO 2.0 if client.is_local\n"
				    "rule THREE 3.0 if client.is_local\n"
				    "rule MEMBER -1.0 if client.is_local\n"
				    "group g max 4.0 { TWO, THREE, MEMBER }\n";
	static const struct {
		const char *claim, *facts;
		struct bounds bounds;
	} rows[] = {
		{ "nothing is known: caps hold for what may come",
		  "",
		  { 0, -300, 900, -300, 900, -300, 900 } },
		{ "what holds is counted",
		  "helo.is_ip=yes; helo.is_valid=yes; sender.is_null=yes; "
		  "client.is_local=no; spf=pass",
		  { 250, 250, 250, 250, 250, 250, 250 } },
		{ "what does not hold is not",
		  "helo.is_ip=no; helo.is_valid=no; sender.is_null=no; "
		  "client.is_local=no; spf=pass",
		  { 0, 0, 0, 0, 0, 0, 0 } },
		{ "a group adds no more than its cap, less its negatives",
		  "helo.is_ip=no; helo.is_valid=no; sender.is_null=no; "
		  "client.is_local=yes; spf=pass",
		  { 300, 300, 300, 300, 300, 300, 300 } },
		{ "the unknown adds nothing, kindly or harshly",
		  "helo.is_ip=unknown; helo.is_valid=unknown; "
		  "sender.is_null=yes; client.is_local=no; spf=pass",
		  { 150, 150, 150, -50, -50, 450, 450 } },
		{ "unknown members are capped too",
		  "helo.is_ip=no; helo.is_valid=no; sender.is_null=no; "
		  "client.is_local=unknown; spf=pass",
		  { 0, 0, 0, -100, -100, 400, 400 } },
		{ "asking for the unknown scores, but not in kindness",
		  "helo.is_ip=no; helo.is_valid=no; sender.is_null=no; "
		  "client.is_local=no; spf=unknown",
		  { 50, 50, 50, 0, 0, 50, 50 } },
		{ "pending negatives",
		  "helo.is_ip=yes; sender.is_null=no; client.is_local=no; "
		  "spf=pass",
		  { 300, 100, 300, 100, 300, 100, 300 } },
	};
	struct rule_bench bench;

	(void)state;
	rule_bench_open(&bench, rules);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bounds bounds;

		rule_bench_begin(&bench);
		rule_bench_facts(&bench, rows[i].facts);
		hits_weigh(bench.hits, &bench.facts);
		bounds = hits_bounds(bench.hits);
		if (memcmp(&bounds, &rows[i].bounds, sizeof(bounds)) != 0)
			print_error("%s: %d, %d..%d, %d..%d, %d..%d\n",
				    rows[i].claim, bounds.score, bounds.lowest,
				    bounds.highest, bounds.lowest_kind,
				    bounds.highest_kind, bounds.lowest_harsh,
				    bounds.highest_harsh);
		assert_memory_equal(&bounds, &rows[i].bounds, sizeof(bounds));
	}
	rule_bench_done(&bench);
}

static void test_may_refuse(void **state)
{
	static const struct {
		const char *claim, *rules;
		enum phase first; /* from here on; PHASE_COUNT: never */
	} rows[] = {
		{ "no rule, no refusal", "verdict reject at 1.0\n",
		  PHASE_COUNT },
		{ "no verdict, no refusal", "rule A 9.0 if client.is_local\n",
		  PHASE_COUNT },
		{ "a tag is no refusal",
		  "rule A 9.0 if client.is_local\nverdict tag at 1.0\n",
		  PHASE_COUNT },
		{ "at once",
		  "rule A 9.0 if client.is_local\nverdict defer at 9.0\n",
		  PHASE_CONNECT },
		{ "when enough can be known",
		  "rule A 5.0 if client.is_local\nrule B 5.0 if helo.is_ip\n"
		  "verdict reject at 9.0\n",
		  PHASE_HELO },
		{ "not while an exemption may come",
		  "rule A 9.0 if client.is_local\nverdict reject at 9.0\n"
		  "exempt if client.auth\n",
		  PHASE_MAIL },
		{ "not while a negative could save it",
		  "rule A 9.0 if client.is_local\nverdict reject at 8.0\n"
		  "rule B -3.0 if dkim is pass\n",
		  PHASE_EOM },
		{ "if the negative is small enough, at once",
		  "rule A 9.0 if client.is_local\nverdict reject at 8.0\n"
		  "rule B -1.0 if dkim is pass\n",
		  PHASE_CONNECT },
		{ "a group's cap keeps it below",
		  "rule A 9.0 if client.is_local\nverdict reject at 8.0\n"
		  "group g max 5.0 { A }\n",
		  PHASE_COUNT },
		{ "only where the class is known",
		  "rule A 9.0 if client.is_local\nverdict reject at 8.0\n"
		  "class open if rcpt.local is \"x\" { verdict reject never }\n",
		  PHASE_RCPT },
		{ "the class refuses as well",
		  "rule A 9.0 if client.is_local\nverdict reject at 8.0\n"
		  "class open if rcpt.local is \"x\" { verdict reject at 5.0 }\n",
		  PHASE_CONNECT },
		{ "either side of an or",
		  "rule A 9.0 if client.is_local or body.nul\n"
		  "verdict reject at 8.0\n",
		  PHASE_CONNECT },
		{ "both sides of an and",
		  "rule A 9.0 if client.is_local and body.nul\n"
		  "verdict reject at 8.0\n",
		  PHASE_EOM },
		{ "not of an and",
		  "rule A 9.0 if not (client.is_local and "
		  "body.nul)\nverdict reject at 8.0\n",
		  PHASE_CONNECT },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct rule_bench bench;

		rule_bench_open(&bench, rows[i].rules);
		for (enum phase phase = 0; phase < PHASE_COUNT; phase++) {
			bool may = ruleset_may_refuse(bench.rules, phase);

			if (may != (phase >= rows[i].first))
				print_error("%s: %s\n", rows[i].claim,
					    phase_name(phase));
			assert_int_equal(may, phase >= rows[i].first);
		}
		rule_bench_done(&bench);
	}
}

/* Sums that no int32_t holds stop at its ends. */
static void test_large_sums(void **state)
{
	enum { RULES = 22000 };
	char *text = malloc(RULES * 48 + 1), *at = text;
	struct rule_bench bench;
	struct bounds bounds;

	(void)state;
	for (int i = 0; i < RULES; i++)
		at += sprintf(at, "rule R%d 1000.00 if helo.is_ip\n", i);
	rule_bench_open(&bench, text);
	rule_bench_facts(&bench, "helo.is_ip=yes");
	hits_weigh(bench.hits, &bench.facts);
	bounds = hits_bounds(bench.hits);
	assert_int_equal(bounds.score, INT32_MAX);
	assert_int_equal(bounds.highest, INT32_MAX);
	rule_bench_done(&bench);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_may_refuse),
		cmocka_unit_test(test_large_sums),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
