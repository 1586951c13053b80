/*
 * test_ruleset.c - what compiles, what does not, and what is known of it.
 */
#include "rules/ruleset.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lists/list.h"
#include "tests/unit/rule_bench.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

struct mistake {
	const char *claim;
	const char *text;
	const char *said; /* begins with the place */
	const char *hint; /* or NULL */
};

static void mistakes_check(const struct mistake *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char *said = rule_bench_said(rows[i].text);

		if (strstr(said, rows[i].said) == NULL ||
		    (rows[i].hint != NULL &&
		     strstr(said, rows[i].hint) == NULL))
			print_error("%s:\n%s", rows[i].claim, said);
		assert_non_null(strstr(said, rows[i].said));
		if (rows[i].hint != NULL)
			assert_non_null(strstr(said, rows[i].hint));
		free(said);
	}
}

static void test_names(void **state)
{
	static const struct mistake rows[] = {
		{ "a misspelt fact", "rule A 1 if helo.nme is \"x\"",
		  ":1:13: error: unknown fact or symbol \"helo.nme\"",
		  "did you mean \"helo.name\"?" },
		{ "a misspelt symbol",
		  "rule NO_RDNS 1 if client.ptr is none\n"
		  "rule B 1 if NO_RDSN",
		  ":2:13: error: unknown fact or symbol \"NO_RDSN\"",
		  "did you mean \"NO_RDNS\"?" },
		{ "a misspelt list",
		  "list partners domain { a.b }\nrule A 1 if helo.name in partner",
		  ":2:26: error: unknown list \"partner\"",
		  "did you mean \"partners\"?" },
		{ "a rule twice",
		  "rule A 1 if helo.is_ip\nrule A 1 if helo.is_ip",
		  ":2:6: error: symbol \"A\" is defined twice",
		  "first defined at test:1" },
		{ "a rule and a DNS list's symbol",
		  "rule A 1 if helo.is_ip\n"
		  "dnsbl \"x.test\" { A 1.0 on 127.0.0.2 }",
		  ":2:18: error: symbol \"A\" is defined twice",
		  "first defined at test:1" },
		{ "a DNS list twice",
		  "dnsbl \"x.test\" { A 1.0 on 127.0.0.2 }\n"
		  "dnsbl \"x.test\" { B 1.0 on 127.0.0.3 }",
		  ":2:7: error: DNS list \"x.test\" is defined twice",
		  "first defined at test:1" },
		{ "the same zone, written otherwise",
		  "dnsbl \"x.test\" { A 1.0 on 127.0.0.2 }\n"
		  "dnsbl \"X.Test.\" of helo.name { B 1.0 on 127.0.0.3 }",
		  ":2:7: error: DNS list \"x.test\" is defined twice",
		  "first defined at test:1" },
		{ "a list twice",
		  "list l ip { 10.0.0.1 }\nlist l ip { 10.0.0.2 }",
		  ":2:6: error: list \"l\" is defined twice",
		  "first defined at test:1" },
		{ "a group twice", "group g max 1 {}\ngroup g max 1 {}",
		  "error: group \"g\" is defined twice", NULL },
		{ "a class twice",
		  "class c if helo.is_ip { verdict tag at 1 }\n"
		  "class c if helo.is_ip { verdict tag at 1 }",
		  ":2:7: error: class \"c\" is defined twice",
		  "first defined at test:1" },
		{ "a class that is none",
		  "class default if helo.is_ip { verdict tag at 1 }",
		  "outside of all classes", NULL },
		{ "a rule named like a fact", "rule spf 1 if helo.is_ip",
		  "\"spf\" is the name of a fact", NULL },
		{ "in two groups",
		  "rule A 1 if helo.is_ip\n"
		  "group g max 1 { A }\ngroup h max 1 { A }",
		  ":3:17: error: \"A\" is in group \"g\" already", NULL },
		{ "a member that is not there", "group g max 1 { A }",
		  ":1:17: error: unknown symbol \"A\"", NULL },
		{ "an override of nothing",
		  "rule PILLS 1 if helo.is_ip\noverride PILS off",
		  ":2:10: error: override of an unknown rule \"PILS\"",
		  "did you mean \"PILLS\"?" },
		{ "overridden twice",
		  "rule A 1 if helo.is_ip\noverride A off\noverride A 2.0",
		  ":3:10: error: \"A\" is overridden twice",
		  "first defined at test:2" },
		{ "a circle of one", "rule A 1 if not A",
		  ":1:6: error: rules read each other in a circle: A -> A",
		  NULL },
		{ "a circle of three",
		  "rule A 1 if B\nrule B 1 if C\nrule C 1 if A\n"
		  "rule D 1 if A",
		  "in a circle: A -> B -> C -> A", NULL },
		{ "shadows stay among themselves",
		  "shadow rule S 1 if helo.is_ip\nrule A 1 if S",
		  ":2:13: error: \"S\" is a shadow rule", NULL },
		{ "no exemption by a shadow",
		  "shadow rule S 1 if helo.is_ip\nexempt if S",
		  ":2:11: error: \"S\" is a shadow rule", NULL },
		{ "a class cannot wait for the header",
		  "class c if subject is \"x\" { verdict tag at 1 }",
		  ":1:12: error: \"subject\" is known at eom, too late", NULL },
		{ "nor by a symbol",
		  "rule A 1 if body.nul\nclass c if A { verdict tag at 1 }",
		  ":2:7: error: \"A\" is decided at eom, too late", NULL },
	};

	(void)state;
	mistakes_check(rows, COUNT(rows));
}

static void test_types(void **state)
{
	static const struct mistake rows[] = {
		{ "a word in quotes", "rule A 1 if spf is \"fail\"",
		  ":1:20: error: \"spf\" is a word", "without quotes" },
		{ "no such word", "rule A 1 if spf is fial",
		  ":1:20: error: \"spf\" is never \"fial\"",
		  "did you mean \"fail\"?" },
		{ "a text without quotes", "rule A 1 if rcpt.local is abuse",
		  "\"rcpt.local\" is a text; it is compared with a text in "
		  "quotes",
		  NULL },
		{ "a number for a name", "rule A 1 if helo.name is 3",
		  "is a domain name; it is compared with a text", NULL },
		{ "an address in quotes",
		  "rule A 1 if client.ip is \"10.0.0.1\"",
		  "an address without quotes", NULL },
		{ "bits below the prefix",
		  "rule A 1 if client.ip is 10.0.0.1/8",
		  "the network is 10.0.0.0/8", NULL },
		{ "a text that is less", "rule A 1 if subject < 3",
		  "\"subject\" is a text; \"<\" compares numbers", NULL },
		{ "a number alone", "rule A 1 if sender.size",
		  "\"sender.size\" is a number: say what", NULL },
		{ "a set alone", "rule A 1 if header(\"X\")",
		  "\"header\" is a set of texts: say what", "is not none" },
		{ "a field that is not named", "rule A 1 if header is \"x\"",
		  "\"header\" wants the name of a field", NULL },
		{ "a name too many", "rule A 1 if subject(\"x\") is \"y\"",
		  "\"subject\" takes nothing in parentheses", NULL },
		{ "a symbol compared",
		  "rule B 1 if helo.is_ip\nrule A 1 if B is yes",
		  ":2:13: error: \"B\" is a symbol", NULL },
		{ "a pattern on a number", "rule A 1 if sender.size ~ /1/",
		  "a pattern looks for a text", NULL },
		{ "a pattern on a word", "rule A 1 if spf ~ /fail/",
		  "a pattern looks for a text", NULL },
		{ "a broken pattern", "rule A 1 if subject ~ /a(b/",
		  ":1:23: error: missing closing parenthesis (at byte 4",
		  NULL },
		{ "a list of another kind",
		  "list l domain { a.b }\nrule A 1 if client.ip in l",
		  "\"client.ip\" is an IP address, but \"l\" is a list of kind "
		  "domain",
		  NULL },
		{ "an address among domains",
		  "list l domain { a.b }\nrule A 1 if sender in l",
		  "is a mail address, but", "\"sender.domain\" may be meant" },
		{ "a text among domains",
		  "list l domain { a.b }\nrule A 1 if subject in l",
		  "is a text, but \"l\" is a list of kind domain", NULL },
		{ "a wrong entry", "list l ip { 10.0.0.1/8 }",
		  ":1:13: error: ", "10.0.0.0/8" },
		{ "a wrong pattern in a list", "list l regex { /b/ /a(/ }",
		  ":1:20: error: missing closing parenthesis", NULL },
		{ "a size too large", "rule A 1 if body.size > 100000000000GiB",
		  "error:", NULL },
		{ "a DNS list about a recipient",
		  "dnsbl \"x.test\" of rcpt.domain { A 1.0 on 127.0.0.2 }",
		  "not about \"rcpt.domain\"", NULL },
		{ "a DNS list about a text",
		  "dnsbl \"x.test\" of subject { A 1.0 on 127.0.0.2 }",
		  "not about \"subject\"", NULL },
		{ "a DNS list about nothing known",
		  "dnsbl \"x.test\" of helo.nam { A 1.0 on 127.0.0.2 }",
		  "unknown fact \"helo.nam\"", "did you mean" },
		{ "a DNS list about one thing twice",
		  "dnsbl \"x.test\" of helo.name, helo.name {\n"
		  "A 1.0 on 127.0.0.2 }",
		  ":1:30: error: \"helo.name\" is named twice", NULL },
		{ "an address's organisation",
		  "dnsbl \"x.test\" ask both { A 1.0 on 127.0.0.2 }",
		  ":1:16: error: this list is asked about an address",
		  "of sender.domain" },
		{ "an address's organisation, spelt out",
		  "dnsbl \"x.test\" of client.ip ask full {\n"
		  "A 1.0 on 127.0.0.2 }",
		  ":1:29: error: this list is asked about an address", NULL },
		{ "a DNS list about what nobody finds out",
		  "dnsbl \"x.test\" of sender.domain, body.urls {\n"
		  "A 1.0 on 127.0.0.2 }",
		  ":1:34: warning: the check for \"body.urls\" is not built "
		  "in; \"x.test\" is not asked about it",
		  NULL },
		{ "a DNS list about nothing else",
		  "dnsbl \"x.test\" of body.urls { A 1.0 on 127.0.0.2 }",
		  ":1:19: warning: the check for \"body.urls\" is not built "
		  "in",
		  "it is never asked" },
		{ "a filter for errors only",
		  "dnsbl \"x.test\" { A 1.0 on 127.255.255.0 - "
		  "127.255.255.255 }",
		  "warning: no answer passes this filter", NULL },
		{ "a filter from outside",
		  "dnsbl \"x.test\" { A 1.0 on 126.0.0.1 - 126.9.9.9 }",
		  "error:", NULL },
	};

	(void)state;
	mistakes_check(rows, COUNT(rows));
}

static void test_verdicts(void **state)
{
	static const struct mistake rows[] = {
		{ "a verdict twice", "verdict tag at 1\nverdict tag at 2",
		  ":2:1: error: tag is set twice", "first defined at test:1" },
		{ "twice in a class",
		  "class c if helo.is_ip { verdict tag at 1 verdict tag at 2 }",
		  "error: tag is set twice", NULL },
		{ "greylist twice", "greylist at 1\ngreylist at 2",
		  "error: greylist is set twice", NULL },
		{ "a reply that accepts",
		  "verdict reject at 1 reply \"250 ok\"",
		  ":1:27: error: a reply begins with a code 4xx or 5xx", NULL },
		{ "a reply that disagrees",
		  "verdict reject at 1 reply \"550 4.7.1 no\"",
		  ":1:27: error: the enhanced code 4.7.1 does not agree",
		  NULL },
		{ "a defer for good",
		  "verdict defer at 1 reply \"550 5.7.1 no\"",
		  ":1:26: error: the reply of defer has a code 4xx", NULL },
		{ "an unknown name in a reply",
		  "verdict reject at 1 reply \"550 5.7.1 %{sender}\"",
		  "unknown name \"%{sender}\" in a reply", NULL },
		{ "a prefix beyond ASCII",
		  "verdict tag at 1 subject \"[\303\244] \"",
		  "a prefix of the Subject is printable ASCII", NULL },
		{ "greylisting from nowhere",
		  "class c if helo.is_ip { greylist wait 5m }",
		  "greylist wants a score to begin at", NULL },
		{ "a window that closes first",
		  "greylist at 2.0 wait 5m window 4m", "nobody can come back",
		  NULL },
		{ "so is ARC",
		  "rule A 1 if arc.trusted\nrule B 1 if not arc.trusted",
		  ":1:13: warning: the check for \"arc.trusted\" is not built "
		  "in; it will never be known",
		  NULL },
	};
	char *said;

	(void)state;
	mistakes_check(rows, COUNT(rows));
	said = rule_bench_said("rule A 1 if spf is fail\n"
			       "rule B 1 if spf is pass");
	assert_null(strstr(said, ":2:")); /* once a fact */
	free(said);
	said = rule_bench_said("rule A 1 if spf is fail\noverride A off");
	assert_string_equal(said, ""); /* off: nobody misses it */
	free(said);
	said = rule_bench_said("dnsbl \"x.test\" of sender.domain, client.ptr, "
			       "from.domain ask both test \"x.y\" {\n"
			       "A 1.0 on 127.0.0.2 }");
	assert_string_equal(said, ""); /* DNS lists are built in */
	free(said);
	said = rule_bench_said("dnsbl \"x.test\" of body.urls {\n"
			       "A 1.0 on 127.0.0.2 }\noverride A off");
	assert_string_equal(said, "");
	free(said);
}

/* All mistakes of a file at once. */
static void test_all_mistakes(void **state)
{
	char *said = rule_bench_said("rule A 1 if B\n"
				     "rule C 1 if helo.name is 3\n"
				     "group g max 1 { D }\n"
				     "verdict reject at 1 reply \"1\"\n"
				     "class c if dkim is pass { }\n"
				     "override E off\n");

	(void)state;
	assert_non_null(strstr(said, "test:1:"));
	assert_non_null(strstr(said, "test:2:"));
	assert_non_null(strstr(said, "test:3:"));
	assert_non_null(strstr(said, "test:4:"));
	assert_non_null(strstr(said, "test:5:"));
	assert_non_null(strstr(said, "test:6:"));
	free(said);
}

static void test_phases(void **state)
{
	static const struct {
		const char *name;
		enum phase phase;
		bool per_rcpt;
	} rows[] = {
		{ "A", PHASE_CONNECT, false }, { "B", PHASE_MAIL, false },
		{ "C", PHASE_RCPT, true },     { "D", PHASE_EOM, true },
		{ "E", PHASE_CONNECT, false }, { "DBL", PHASE_EOM, false },
		{ "ZEN", PHASE_MAIL, false },  { "NO", PHASE_CONNECT, false },
	};
	struct rule_bench bench;

	(void)state;
	rule_bench_open(
		&bench,
		"rule D 1.0 if C and header(\"X\") is \"y\"\n"
		"rule C 1.0 if rcpt.local is \"x\" or A\n"
		"rule B 1.0 if A and sender.is_null\n"
		"rule A 1.0 if client.is_local\n"
		"rule E 1.0 if body.nul\noverride E off\n"
		"dnsbl \"dbl.test\" of helo.name, from.domain, sender.domain {\n"
		"  DBL 1.0 on 127.0.1.2 }\n"
		"dnsbl \"zen.test\" of client.ip, body.urls {\n"
		"  ZEN 1.0 on 127.0.0.2 }\n"
		"dnsbl \"no.test\" of reply_to.domain { NO 1.0 on 127.0.0.2 }\n"
		"override NO off\n");
	for (size_t i = 0; i < COUNT(rows); i++) {
		int index = ruleset_find_rule(bench.rules, rows[i].name);
		const struct rule_info *info =
			ruleset_rule(bench.rules, (size_t)index);

		assert_int_equal(info->phase, rows[i].phase);
		assert_int_equal(info->per_rcpt, rows[i].per_rcpt);
	}
	assert_true(ruleset_reads(bench.rules, FACT_HEADER));
	assert_true(ruleset_reads(bench.rules, FACT_DNSBL));
	assert_true(ruleset_reads(bench.rules, FACT_FROM_DOMAIN));
	assert_false(ruleset_reads(bench.rules, FACT_BODY_URLS)); /* unbuilt */
	assert_false(ruleset_reads(bench.rules, FACT_REPLY_TO_DOMAIN));
	assert_false(ruleset_reads(bench.rules, FACT_BODY_NUL)); /* off */
	assert_false(ruleset_reads(bench.rules, FACT_SUBJECT));
	assert_true(ruleset_reads_any(bench.rules, FACT_FROM_DOMAIN,
				      FACT_BODY_URLS));
	assert_false(ruleset_reads_any(bench.rules, FACT_BODY_SIZE,
				       FACT_BODY_LONGEST_LINE));
	assert_false(ruleset_reads_any(bench.rules, FACT_CLIENT_IP,
				       FACT_RCPT_COUNT));
	assert_true(ruleset_tells_recipients_apart(bench.rules));
	rule_bench_done(&bench);
}

static void test_told(void **state)
{
	struct rule_bench bench;
	const struct rule_info *info;
	const struct verdict_info *verdict;
	char *at;

	(void)state;
	rule_bench_open(&bench, "override A 2.5\n"
				"rule A 1.0 if helo.is_ip \"why\"\n"
				"rule B -1.0 if helo.is_ip\n"
				"shadow rule S 3.0 if helo.is_ip\n"
				"override S 4.0\n"
				"group g max 2.0 { A, B }\n"
				"verdict reject at 10.0 reply \"550 5.7.1 x\"\n"
				"verdict tag at 5.0 subject \"[SPAM] \"\n"
				"greylist at 2.0 wait 1m\n"
				"class open if sender.is_null {\n"
				"  verdict reject never  greylist wait 2m }\n"
				"class slow if client.auth {\n"
				"  greylist wait 1h window 7d }\n"
				"class spared if helo.is_literal {\n"
				"  greylist never }\n"
				"list l ip { 10.0.0.0/8 }\n"
				"list f domain from \"x.list\"\n");
	info = ruleset_rule(bench.rules, 0);
	assert_string_equal(info->name, "A");
	assert_string_equal(info->description, "why");
	assert_int_equal(info->weight, 250);
	assert_int_equal(info->written_weight, 100);
	assert_int_equal(info->override_place.line, 1);
	assert_int_equal(info->place.line, 2);
	assert_int_equal(info->group, 0);
	info = ruleset_rule(bench.rules, 2);
	assert_true(info->shadow);
	assert_int_equal(info->weight, 0);
	assert_int_equal(info->written_weight, 300);
	assert_int_equal(ruleset_find_rule(bench.rules, "C"), -1);
	assert_string_equal(ruleset_group(bench.rules, 0)->name, "g");
	assert_int_equal(ruleset_group(bench.rules, 0)->max, 200);

	assert_int_equal(ruleset_class_count(bench.rules), 4);
	assert_string_equal(ruleset_class_name(bench.rules, 0), "default");
	assert_string_equal(ruleset_class_name(bench.rules, 1), "open");
	verdict = ruleset_verdict(bench.rules, 1, VERDICT_REJECT);
	assert_true(verdict->never);
	verdict = ruleset_verdict(bench.rules, 1, VERDICT_TAG);
	assert_int_equal(verdict->threshold, 500); /* inherited */
	assert_string_equal(verdict->subject, "[SPAM] ");
	assert_true(ruleset_verdict(bench.rules, 0, VERDICT_DEFER)->never);
	assert_int_equal(ruleset_greylist(bench.rules, 0)->wait, 60);
	assert_int_equal(ruleset_greylist(bench.rules, 0)->window, 2 * 86400);
	assert_int_equal(ruleset_greylist(bench.rules, 1)->wait, 120);
	assert_int_equal(ruleset_greylist(bench.rules, 1)->threshold, 200);
	assert_int_equal(ruleset_longest_window(bench.rules), 7 * 86400);

	assert_int_equal(ruleset_list_count(bench.rules), 2);
	assert_int_equal(ruleset_list_info(bench.rules, 0)->kind, LIST_IP);
	assert_null(ruleset_list_info(bench.rules, 0)->path);
	assert_int_equal(list_count(rule_list_content(
				 ruleset_list_inline(bench.rules, 0))),
			 1);
	at = strstr(ruleset_list_info(bench.rules, 1)->path, "x.list");
	assert_non_null(at);
	assert_null(ruleset_list_inline(bench.rules, 1));
	rule_bench_done(&bench);
}

static void digest_of(const char *text, char hex[33])
{
	struct rule_bench bench;

	rule_bench_open(&bench, text);
	ruleset_digest(bench.rules, hex);
	rule_bench_done(&bench);
}

static void test_digest(void **state)
{
	static const char base[] = "rule A 1.0 if helo.name is \"x\"\n"
				   "list l domain { a.b, c.d }\n"
				   "verdict tag at 5.0\n";
	static const struct {
		const char *claim, *text;
		bool same;
	} rows[] = {
		{ "layout does not matter",
		  "rule A 1.00 if ( helo.name is \"x\" ) # why\n\n"
		  "list l domain { \"c.d\" a.b }\nverdict tag at 5\n",
		  true },
		{ "what a rule says does not weigh",
		  "rule A 1.0 if helo.name is \"x\" \"because\"\n"
		  "list l domain { a.b, c.d }\nverdict tag at 5.0\n",
		  true },
		{ "weights matter",
		  "rule A 1.1 if helo.name is \"x\"\n"
		  "list l domain { a.b, c.d }\nverdict tag at 5.0\n",
		  false },
		{ "conditions matter",
		  "rule A 1.0 if helo.name is \"y\"\n"
		  "list l domain { a.b, c.d }\nverdict tag at 5.0\n",
		  false },
		{ "negation matters",
		  "rule A 1.0 if helo.name is not \"x\"\n"
		  "list l domain { a.b, c.d }\nverdict tag at 5.0\n",
		  false },
		{ "entries matter",
		  "rule A 1.0 if helo.name is \"x\"\n"
		  "list l domain { a.b, c.e }\nverdict tag at 5.0\n",
		  false },
		{ "thresholds matter",
		  "rule A 1.0 if helo.name is \"x\"\n"
		  "list l domain { a.b, c.d }\nverdict tag at 6.0\n",
		  false },
		{ "exemptions matter",
		  "rule A 1.0 if helo.name is \"x\"\n"
		  "list l domain { a.b, c.d }\nverdict tag at 5.0\n"
		  "exempt if client.auth\n",
		  false },
	};
	char first[33], second[33];

	(void)state;
	digest_of(base, first);
	assert_int_equal(strlen(first), 32);
	for (size_t i = 0; i < COUNT(rows); i++) {
		digest_of(rows[i].text, second);
		if ((strcmp(first, second) == 0) != rows[i].same)
			print_error("%s\n", rows[i].claim);
		assert_int_equal(strcmp(first, second) == 0, rows[i].same);
	}
}

static void *weigh_much(void *context)
{
	struct ruleset *rules = ruleset_ref(context);
	struct rule_list *inline_list = ruleset_list_inline(rules, 0);
	struct rule_lists lists = { &inline_list, 1 };
	uintptr_t wrong = 0;

	for (int i = 0; i < 500; i++) {
		static const struct text subject = { "cheap pills", 11 };
		struct arena arena;
		struct facts facts;
		struct hits *hits;

		arena_init(&arena, 1 << 20);
		facts_init(&facts, &arena, ruleset_slot_count(rules));
		facts_text(&facts, FACT_HELO_NAME, "mx.example.org", 14);
		facts_slot_set(&facts, 0, &subject, 1);
		hits = hits_new(rules, &lists, &arena);
		hits_weigh(hits, &facts);
		wrong += hits_rule(hits, 0) != TRUTH_TRUE;
		wrong += hits_rule(hits, 1) != TRUTH_TRUE;
		wrong += hits_bounds(hits).score != 300;
		arena_done(&arena);
	}
	ruleset_unref(rules);
	return (void *)wrong;
}

/* One rule set, many threads; the last one out frees it. */
static void test_threads(void **state)
{
	enum { THREADS = 4 };
	static const char text[] = "list l domain { example.org }\n"
				   "rule A 1.0 if helo.name in l\n"
				   "rule B 2.0 if header(\"S\") ~ /PILLS/i\n";
	pthread_t threads[THREADS];
	struct ast ast;
	struct diag diag;
	struct ruleset *rules;

	(void)state;
	ast_init(&ast);
	diag_init(&diag);
	ast_parse_text(&ast, "test", text, strlen(text), NULL, &diag);
	rules = ruleset_compile(&ast, &diag);
	assert_non_null(rules);
	ast_done(&ast); /* nothing of the tree is needed any more */
	diag_done(&diag);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, weigh_much,
						rules),
				 0);
	for (int i = 0; i < THREADS; i++) {
		void *wrong;

		pthread_join(threads[i], &wrong);
		assert_null(wrong);
	}
	ruleset_unref(rules);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_all_mistakes),
		cmocka_unit_test(test_phases),
		cmocka_unit_test(test_told),
		cmocka_unit_test(test_digest),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
