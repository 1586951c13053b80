/*
 * test_compile_dnsbl.c - what rule files say of DNS lists, as others see it.
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

static void test_slots(void **state)
{
	static const struct {
		enum fact_id id;
		const char *name;
		enum phase phase;
		size_t of_count;
	} rows[] = {
		{ FACT_HEADER, "Subject", PHASE_EOM, 0 },
		{ FACT_HEADER_RAW, "subject", PHASE_EOM, 0 },
		{ FACT_DNSBL, "dbl.test", PHASE_MAIL, 3 },
		{ FACT_DNSBL, "dbl.test", PHASE_EOM, 1 },
		{ FACT_DNSBL, "zen.test", PHASE_MAIL, 1 },
	};
	struct rule_bench bench;
	const struct fact *slot;

	(void)state;
	rule_bench_open(&bench,
			"rule A 1.0 if (header(\"Subject\") ~ /x/ and\n"
			"    header(\"SUBJECT\") ~ /y/ and\n"
			"    header.raw(\"subject\") ~ /x/)\n"
			"dnsbl \"off.test\" { OFF 1.0 on 127.0.0.2 }\n"
			"dnsbl \"Dbl.test.\" of sender.domain, from.domain,"
			"    client.ptr, body.urls, helo.name {\n"
			"  DBL 1.0 on 127.0.1.2 }\n"
			"dnsbl \"zen.test\" { ZEN 1.0 on 127.0.0.2 }\n"
			"override OFF off\n");
	assert_int_equal(ruleset_slot_count(bench.rules), COUNT(rows));
	for (unsigned i = 0; i < COUNT(rows); i++) {
		const struct fact_slot *at = ruleset_slot(bench.rules, i);

		assert_int_equal(at->id, rows[i].id);
		assert_string_equal(at->name, rows[i].name);
		assert_int_equal(at->phase, rows[i].phase);
		assert_int_equal(at->of_count, rows[i].of_count);
	}
	assert_int_equal(ruleset_slot(bench.rules, 2)->of[0],
			 FACT_SENDER_DOMAIN);
	assert_int_equal(ruleset_slot(bench.rules, 2)->of[1], FACT_CLIENT_PTR);
	assert_int_equal(ruleset_slot(bench.rules, 2)->of[2], FACT_HELO_NAME);
	assert_int_equal(ruleset_slot(bench.rules, 3)->of[0], FACT_FROM_DOMAIN);
	assert_int_equal(ruleset_slot(bench.rules, 3)->dnsbl, 1);
	assert_int_equal(ruleset_slot(bench.rules, 4)->dnsbl, 2);
	/* An early listing counts early. */
	rule_bench_facts(&bench, "dnsbl:dbl.test=127.0.1.2");
	assert_int_equal(rule_bench_rule(&bench, "DBL"), TRUTH_TRUE);
	/* A phase ends for the slots that it ends for. */
	ruleset_close_phase(bench.rules, &bench.facts, PHASE_HELO);
	slot = bench.facts.slots;
	assert_int_equal(slot[4].state, FACT_PENDING);
	ruleset_close_phase(bench.rules, &bench.facts, PHASE_MAIL);
	assert_int_equal(slot[0].state, FACT_PENDING);
	assert_int_equal(slot[2].state, FACT_KNOWN);
	assert_int_equal(slot[3].state, FACT_PENDING);
	assert_int_equal(slot[4].state, FACT_NOT_ASKED);
	rule_bench_done(&bench);
}

static void symbol_note(void *context, size_t rule)
{
	char *names = context;

	snprintf(names + strlen(names), 16, "%c", (char)('0' + (int)rule));
}

static void test_dnsbls(void **state)
{
	static const struct {
		const char *claim;
		size_t list;
		const char *answer, *rules;
	} rows[] = {
		{ "one symbol", 0, "127.0.0.2", "1" },
		{ "two, one of them switched off", 0, "127.0.0.4", "23" },
		{ "nothing that means something", 0, "127.0.0.9", "" },
		{ "an error is no listing", 0, "127.255.255.254", "" },
		{ "nor is an address elsewhere", 0, "192.0.2.2", "" },
		{ "nor what is no address", 0, "::1", "" },
		{ "the other list's answers are its own", 1, "127.0.1.2", "4" },
	};
	struct rule_bench bench;
	const struct dnsbl_info *info;

	(void)state;
	rule_bench_open(
		&bench,
		"rule FIRST 1.0 if helo.is_ip\n"
		"dnsbl \"zen.test\" { A 6.0 on 127.0.0.2\n"
		"  B 8.0 on 127.0.0.4 - 127.0.0.7  C 1.0 on 127.*.*.4 }\n"
		"dnsbl \"DBL.test.\" of sender.domain, body.urls ask both"
		"  test \"dbltest.com\" { D -6.0 on 127.0.1.2 }\n"
		"dnsbl \"off.test\" test none { E 6.0 on 127.0.1.2 }\n"
		"override E off\noverride C off\n");
	assert_int_equal(ruleset_dnsbl_count(bench.rules), 3);
	info = ruleset_dnsbl(bench.rules, 0);
	assert_string_equal(info->zone, "zen.test");
	assert_int_equal(info->of_count, 1);
	assert_int_equal(info->of[0], FACT_CLIENT_IP);
	assert_int_equal(info->ask, DNSBL_ASK_FULL);
	assert_null(info->test);
	assert_false(info->off);
	assert_int_equal(info->place.line, 2);
	info = ruleset_dnsbl(bench.rules, 1);
	assert_string_equal(info->zone, "dbl.test");
	assert_int_equal(info->of_count, 2);
	assert_int_equal(info->of[1], FACT_BODY_URLS);
	assert_int_equal(info->ask, DNSBL_ASK_BOTH);
	assert_string_equal(info->test, "dbltest.com");
	info = ruleset_dnsbl(bench.rules, 2);
	assert_string_equal(info->test, "");
	assert_true(info->off);
	for (size_t i = 0; i < COUNT(rows); i++) {
		char names[64] = "";

		ruleset_dnsbl_each_symbol(bench.rules, rows[i].list,
					  rows[i].answer, symbol_note, names);
		if (strcmp(names, rows[i].rules) != 0)
			fail_msg("%s: %s", rows[i].claim, names);
	}
	rule_bench_done(&bench);
}

static void digest_of(const char *text, char hex[33])
{
	struct rule_bench bench;

	rule_bench_open(&bench, text);
	ruleset_digest(bench.rules, hex);
	rule_bench_done(&bench);
}

/* What a list is asked, and how, is part of what the rules say. */
static void test_digest_dnsbl(void **state)
{
	static const char *const rows[] = {
		"dnsbl \"x.t\" of helo.name { A 1 on 127.0.0.2 }",
		"dnsbl \"y.t\" of helo.name { A 1 on 127.0.0.2 }",
		"dnsbl \"x.t\" of sender.domain { A 1 on 127.0.0.2 }",
		"dnsbl \"x.t\" of helo.name, sender.mx { A 1 on 127.0.0.2 }",
		"dnsbl \"x.t\" of helo.name ask both { A 1 on 127.0.0.2 }",
		"dnsbl \"x.t\" of helo.name ask organisation {A 1 on 127.0.0.2}",
		"dnsbl \"x.t\" of helo.name test none { A 1 on 127.0.0.2 }",
		"dnsbl \"x.t\" of helo.name test \"t\" { A 1 on 127.0.0.2 }",
	};
	char hex[COUNT(rows)][33], same[33];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		digest_of(rows[i], hex[i]);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(hex[i], hex[j]);
	}
	digest_of("dnsbl \"X.t.\" of helo.name ask full {\n"
		  "A 1.00 on 127.0.0.2 \"why\" }",
		  same);
	assert_string_equal(same, hex[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slots),
		cmocka_unit_test(test_dnsbls),
		cmocka_unit_test(test_digest_dnsbl),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
