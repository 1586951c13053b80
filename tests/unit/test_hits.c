/*
 * test_hits.c - deciding rules as facts arrive, for one recipient and for all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "rules/regex.h"
#include "tests/unit/rule_bench.h"

static const char rules[] =
	"rule A 1.0 if helo.is_ip\n"
	"rule B 2.0 if A and C\n"
	"rule C 4.0 if rcpt.local is \"abuse\"\n"
	"rule D 8.0 if not C and subject ~ /x/\n"
	"rule E 16.0 if helo.is_ip and rcpt.domain is \"x.test\"\n";

static void test_arrival(void **state)
{
	struct rule_bench bench;

	(void)state;
	rule_bench_open(&bench, rules);
	assert_int_equal(rule_bench_rule(&bench, "A"), TRUTH_PENDING);
	rule_bench_facts(&bench, "helo.is_ip=yes");
	assert_int_equal(rule_bench_rule(&bench, "A"), TRUTH_TRUE);
	assert_int_equal(rule_bench_rule(&bench, "B"), TRUTH_PENDING);
	/* A rule once decided stays so. */
	rule_bench_facts(&bench, "helo.is_ip=no");
	assert_int_equal(rule_bench_rule(&bench, "A"), TRUTH_TRUE);
	/* What reads the recipient waits for one, also at the end. */
	rule_bench_facts(&bench, "subject=x; rcpt.local=abuse");
	rule_bench_close(&bench, PHASE_EOM);
	assert_int_equal(rule_bench_rule(&bench, "C"), TRUTH_PENDING);
	assert_int_equal(rule_bench_rule(&bench, "D"), TRUTH_PENDING);
	/* ... unless something else settles it. */
	rule_bench_begin(&bench);
	rule_bench_facts(&bench, "helo.is_ip=no");
	assert_int_equal(rule_bench_rule(&bench, "E"), TRUTH_FALSE);
	rule_bench_done(&bench);
}

static void test_recipients(void **state)
{
	struct rule_bench bench;
	struct verdict verdict;
	struct hits *base;

	(void)state;
	rule_bench_open(&bench, rules);
	rule_bench_facts(&bench, "helo.is_ip=yes; subject=x");
	base = bench.hits;
	verdict = rule_bench_rcpt(&bench, "rcpt.local=abuse; rcpt.domain=y");
	assert_int_equal(verdict.bounds.score, 700);
	verdict = rule_bench_rcpt(&bench, "rcpt.local=joe; rcpt.domain=X.test");
	assert_int_equal(verdict.bounds.score, 100 + 800 + 1600);
	/* One says nothing about the other, nor about the message. */
	verdict = rule_bench_verdict(&bench);
	assert_int_equal(verdict.bounds.score, 100);
	assert_ptr_equal(bench.hits, base);
	assert_true(ruleset_tells_recipients_apart(bench.rules));
	rule_bench_done(&bench);
}

/* Where nothing reads the recipient, there is one set of hits for all. */
static void test_one_for_all(void **state)
{
	struct rule_bench bench;

	(void)state;
	rule_bench_open(&bench, "rule A 1.0 if helo.is_ip\n");
	assert_ptr_equal(hits_for_rcpt(bench.hits, &bench.facts, &bench.arena),
			 bench.hits);
	assert_false(ruleset_tells_recipients_apart(bench.rules));
	rule_bench_done(&bench);
	/* A shadow is judged for each, but makes no difference. */
	rule_bench_open(&bench, "shadow rule A 1.0 if rcpt.local is \"x\"\n");
	assert_ptr_not_equal(hits_for_rcpt(bench.hits, &bench.facts,
					   &bench.arena),
			     bench.hits);
	assert_false(ruleset_tells_recipients_apart(bench.rules));
	rule_bench_done(&bench);
}

static struct hits *hits_of(struct rule_bench *bench, const char *local)
{
	struct facts facts = bench->facts;

	facts_text(&facts, FACT_RCPT_LOCAL, local, strlen(local));
	return hits_for_rcpt(bench->hits, &facts, &bench->arena);
}

static void test_alike(void **state)
{
	static const struct {
		const char *claim, *rules, *one, *other;
		bool alike;
	} rows[] = {
		{ "no rule looks at them", "rule A 1.0 if helo.is_ip\n", "a",
		  "b", true },
		{ "the same for both",
		  "rule A 1.0 if rcpt.local is \"abuse\"\n", "a", "b", true },
		{ "not the same", "rule A 1.0 if rcpt.local is \"a\"\n", "a",
		  "b", false },
		{ "a shadow parts nobody",
		  "shadow rule A 1.0 if rcpt.local is \"a\"\n", "a", "b",
		  true },
		{ "one waits for what comes, the other does not",
		  "rule A 1.0 if rcpt.local is \"a\" and body.nul\n", "a", "b",
		  false },
		{ "both wait for the same",
		  "rule A 1.0 if rcpt.local is \"a\" and body.nul\n", "a", "A",
		  true },
		{ "each waits for something else",
		  "rule A 1.0 if (rcpt.local is \"a\" and body.nul or\n"
		  "rcpt.local is \"b\" and header.nul)\n",
		  "a", "b", false },
		{ "different classes",
		  "class c if rcpt.local is \"a\" { verdict tag at 1.0 }\n",
		  "a", "b", false },
		{ "the same class, whatever stands behind it",
		  "class c if rcpt.local in {\"a\", \"b\"} {\n"
		  "verdict tag at 1.0 }\n"
		  "class d if rcpt.local is \"a\" { verdict tag at 2.0 }\n",
		  "a", "b", true },
		{ "one is exempt", "exempt if rcpt.local is \"a\"\n", "a", "b",
		  false },
		{ "both are exempt",
		  "exempt if rcpt.local in {\"a\", \"b\"}\n"
		  "rule A 1.0 if rcpt.local is \"a\"\n",
		  "a", "b", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rule_bench bench;
		bool alike;

		rule_bench_open(&bench, rows[i].rules);
		hits_weigh(bench.hits, &bench.facts);
		alike = hits_judged_alike(hits_of(&bench, rows[i].one),
					  hits_of(&bench, rows[i].other));
		if (alike != rows[i].alike)
			print_error("%s\n", rows[i].claim);
		assert_int_equal(alike, rows[i].alike);
		rule_bench_done(&bench);
	}
}

static void name_note(void *context, size_t rule)
{
	char *names = context;

	sprintf(names + strlen(names), "%zu ", rule);
}

static void test_each(void **state)
{
	struct rule_bench bench;
	char names[64] = "";

	(void)state;
	rule_bench_open(&bench, "rule Z 0.0 if helo.is_ip\n"
				"shadow rule S 1.0 if helo.is_ip\n"
				"rule N 1.0 if not helo.is_ip\n"
				"rule O 1.0 if helo.is_ip\noverride O off\n"
				"rule R 1.0 if not O\n");
	rule_bench_facts(&bench, "helo.is_ip=yes");
	hits_weigh(bench.hits, &bench.facts);
	hits_each(bench.hits, name_note, names);
	assert_string_equal(names, "0 1 4 ");
	rule_bench_done(&bench);
}

/* A pattern that gives up is unknown; it is asked once a message. */
static void test_regex_limits(void **state)
{
	static const char text[] = "rule A 1.0 if subject ~ /^(a+)+$/\n"
				   "rule B 1.0 if subject !~ /^(a+)+$/\n"
				   "rule C 1.0 if header(\"X\") ~ /^(a+)+$/\n"
				   "rule D 1.0 if header(\"Y\") ~ /^(a+)+$/\n";
	static const char bomb[] =
		"subject=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"
		";header:X=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"
		",a;header:Y=none";
	struct rule_bench bench;

	(void)state;
	rule_bench_open(&bench, text);
	rule_bench_facts(&bench, bomb);
	assert_int_equal(rule_bench_rule(&bench, "A"), TRUTH_UNKNOWN);
	assert_int_equal(rule_bench_rule(&bench, "B"), TRUTH_UNKNOWN);
	/* Another value matches. */
	assert_int_equal(rule_bench_rule(&bench, "C"), TRUTH_TRUE);
	assert_int_equal(rule_bench_rule(&bench, "D"), TRUTH_FALSE);
	assert_int_equal(hits_regex_limits(bench.hits), 3);
	rule_bench_done(&bench);
}

/* A list whose file could not be read: whatever it holds is unknown. */
static void test_missing_list(void **state)
{
	struct rule_bench bench;

	(void)state;
	rule_bench_open(&bench, "list l domain from \"x\"\n"
				"rule A 1.0 if helo.name in l\n"
				"list i ip from \"y\"\n"
				"rule B 1.0 if client.ip not in i\n");
	rule_bench_facts(&bench, "helo.name=a.b; client.ip=10.0.0.1");
	assert_int_equal(rule_bench_rule(&bench, "A"), TRUTH_UNKNOWN);
	assert_int_equal(rule_bench_rule(&bench, "B"), TRUTH_UNKNOWN);
	rule_bench_done(&bench);
}

static void test_full_arena(void **state)
{
	struct rule_bench bench;
	struct arena arena;

	(void)state;
	rule_bench_open(&bench, rules);
	arena_init(&arena, 16);
	assert_null(hits_new(bench.rules, &bench.lists, &arena));
	assert_null(hits_for_rcpt(bench.hits, &bench.facts, &arena));
	arena_done(&arena);
	rule_bench_done(&bench);
}

static long cpu_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/*
 * Faults R4: many patterns, many fields, and a text that all of them find hard.
 * What could not be looked at is unknown, and everything takes no longer than
 * is allowed for a message.
 */
static void test_regex_work(void **state)
{
	enum { PATTERNS = 200, FIELDS = 990, LONG = 300 };
	static const char *const forms[] = { "(?:[a-z]+[.])*[a-z]+", "(a+)+",
					     "a*a*a*" };
	struct text *items = calloc(FIELDS, sizeof(*items));
	char *field = malloc(LONG), *text = NULL;
	struct rule_bench bench;
	size_t len = 0, unknown = 0;
	FILE *out = open_memstream(&text, &len);
	struct hits *again;
	long took;

	(void)state;
	memset(field, 'a', LONG);
	for (size_t i = 0; i < FIELDS; i++)
		items[i] = (struct text){ field, LONG };
	for (int i = 0; i < PATTERNS; i++)
		fprintf(out, "rule R%d 1.0 if header(\"X\") ~ /%s[%dx]/i\n", i,
			forms[i % 3], i % 10);
	fputs("rule RCPT 1.0 if rcpt.local ~ /^j.*e$/\n", out);
	fclose(out);
	rule_bench_open(&bench, text);
	facts_slot_set(&bench.facts, 0, items, FIELDS);
	took = cpu_ms();
	hits_weigh(bench.hits, &bench.facts);
	took = cpu_ms() - took;
	for (size_t i = 0; i < PATTERNS; i++)
		unknown += hits_rule(bench.hits, i) == TRUTH_UNKNOWN;
	print_message("R4: %d patterns on %d fields: %ld ms, %zu unknown, "
		      "%zu times given up\n",
		      PATTERNS, FIELDS, took, unknown,
		      hits_regex_limits(bench.hits));
	assert_true(unknown > PATTERNS - 10);
	assert_true(hits_regex_limits(bench.hits) >= unknown);
	assert_true(took < 2000); /* 200, by a machine under load */
	/* The same text has the same answer. */
	again = hits_new(bench.rules, &bench.lists, &bench.arena);
	hits_weigh(again, &bench.facts);
	assert_int_equal(hits_regex_limits(again),
			 hits_regex_limits(bench.hits));
	/* A recipient has work of his own. */
	assert_int_equal(rule_bench_rcpt(&bench, "rcpt.local=joe").bounds.score,
			 100);
	rule_bench_done(&bench);
	free(text);
	free(field);
	free(items);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arrival),
		cmocka_unit_test(test_recipients),
		cmocka_unit_test(test_one_for_all),
		cmocka_unit_test(test_alike),
		cmocka_unit_test(test_each),
		cmocka_unit_test(test_regex_limits),
		cmocka_unit_test(test_missing_list),
		cmocka_unit_test(test_full_arena),
		cmocka_unit_test(test_regex_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
