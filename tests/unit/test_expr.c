/*
 * test_expr.c - what a condition says about facts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "rules/expr.h"
#include "tests/unit/rule_bench.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

enum {
	F = TRUTH_FALSE,
	T = TRUTH_TRUE,
	U = TRUTH_UNKNOWN,
	P = TRUTH_PENDING,
	W = TRUTH_WAIVED,
};

struct row {
	const char *claim;
	const char *condition;
	const char *facts;
	int truth;
};

static void rows_check(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct rule_bench bench;
		char text[1024];
		int truth;

		snprintf(text, sizeof(text),
			 "list nets ip { 192.0.2.0/24, 2001:db8::/32 }\n"
			 "list names domain { \"example.org\" }\n"
			 "list people address { \"a@example.org\" }\n"
			 "list patterns regex { /^sp.m/i /viagra/ }\n"
			 "rule X 1.0 if %s\n",
			 rows[i].condition);
		rule_bench_open(&bench, text);
		rule_bench_facts(&bench, rows[i].facts);
		truth = (int)rule_bench_rule(&bench, "X");
		if (truth != rows[i].truth)
			print_error("%s: %s with %s is %d, not %d\n",
				    rows[i].claim, rows[i].condition,
				    rows[i].facts, truth, rows[i].truth);
		assert_int_equal(truth, rows[i].truth);
		rule_bench_done(&bench);
	}
}

static void test_states(void **state)
{
	static const struct row rows[] = {
		{ "what is not there yet is pending", "helo.is_ip", "", P },
		{ "a failed look-up is unknown", "helo.is_ip",
		  "helo.is_ip=unknown", U },
		{ "what nobody asked is unknown", "helo.is_ip",
		  "helo.is_ip=unasked", U },
		{ "none is not yes", "helo.is_ip", "helo.is_ip=none", F },
		{ "not unknown is unknown", "not helo.is_ip",
		  "helo.is_ip=unknown", U },
		{ "proven absence", "helo.name is none", "helo.name=none", T },
		{ "a name is not none", "helo.name is none", "helo.name=x", F },
		{ "unknown may be none", "helo.name is none",
		  "helo.name=unknown", U },
		{ "there is a name", "helo.name is not none", "helo.name=x",
		  T },
		{ "there is none", "helo.name is not none", "helo.name=none",
		  F },
		{ "unknown is seen by one test", "spf is unknown",
		  "spf=unknown", T },
		{ "also what nobody asked", "spf is unknown", "spf=unasked",
		  T },
		{ "pending is not unknown yet", "spf is unknown", "", P },
		{ "none is known", "spf is unknown", "spf=none", F },
		{ "known is not unknown", "spf is not unknown", "spf=pass", T },
		{ "none is not unknown", "spf is not unknown", "spf=none", T },
		{ "unknown is not known", "spf is not unknown", "spf=unknown",
		  F },
	};

	(void)state;
	rows_check(rows, COUNT(rows));
}

/* DNS did not answer, and the check says so. */
static void test_temperror(void **state)
{
	static const struct row rows[] = {
		{ "who asks for it sees it", "spf is temperror",
		  "spf=temperror", T },
		{ "also among others", "spf in {fail, temperror}",
		  "spf=temperror", T },
		{ "it can be denied", "spf is not temperror", "spf=temperror",
		  F },
		{ "with others", "spf not in {fail, temperror}",
		  "spf=temperror", F },
		{ "it is unknown", "spf is unknown", "spf=temperror", T },
		{ "so it is not known", "spf is not unknown", "spf=temperror",
		  F },
		{ "it may be a pass", "spf is pass", "spf=temperror", U },
		{ "or none", "spf is not pass", "spf=temperror", U },
		{ "nobody knows what it is not", "not spf is fail",
		  "spf=temperror", U },
		{ "or among what", "spf in {fail, softfail}", "spf=temperror",
		  U },
		{ "there may be no record", "spf is none", "spf=temperror", U },
		{ "or there is one", "spf is not none", "spf=temperror", U },
		{ "a lost inspector said nothing", "spf is temperror",
		  "spf=unknown", U },
		{ "another word is another", "spf is temperror",
		  "spf=permerror", F },
		{ "and known", "spf is not temperror", "spf=permerror", T },
		{ "none is known", "spf is not temperror", "spf=none", T },
		{ "so is a signature's", "dkim is not pass", "dkim=temperror",
		  U },
		{ "and the author's", "dmarc is fail", "dmarc=temperror", U },
		{ "HELO's", "spf.helo is temperror", "spf.helo=temperror", T },
		{ "the MTA's own word means what it says",
		  "client.mta_resolve is not ok", "client.mta_resolve=temp",
		  T },
		{ "so is each signature's", "dkim.results is \"pass\"",
		  "dkim.results=fail,temperror", U },
		{ "it may be what is denied", "dkim.results is not \"pass\"",
		  "dkim.results=fail,temperror", U },
		{ "unless another one is", "dkim.results is \"pass\"",
		  "dkim.results=temperror,pass", T },
		{ "who asks for it there sees it",
		  "dkim.results is \"temperror\"",
		  "dkim.results=fail,temperror", T },
		{ "where it is", "dkim.results is \"temperror\"",
		  "dkim.results=fail,pass", F },
		{ "what DNS said is no error of the record",
		  "spf.error is not none", "spf=temperror; spf.error=servfail",
		  U },
		{ "nor to a pattern", "spf.error ~ /x/",
		  "spf=temperror; spf.error=x", U },
		{ "the record's own is", "spf.error is not none",
		  "spf=permerror; spf.error=x", T },
		{ "HELO's has nothing to do with it", "spf.error is none",
		  "spf=pass; spf.helo=temperror; spf.error=none", T },
		{ "a signature's error", "dkim.error is not none",
		  "dkim=temperror; dkim.error=servfail", U },
		{ "a key that nobody has seen", "dkim.bits is none",
		  "dkim=temperror; dkim.bits=none", U },
		{ "or says what it is for", "not dkim.testing",
		  "dkim=temperror; dkim.testing=no", U },
		{ "the signature itself is there", "dkim.domain is \"x\"",
		  "dkim=temperror; dkim.domain=x", T },
	};

	(void)state;
	rows_check(rows, COUNT(rows));
}

static void test_none(void **state)
{
	static const struct row rows[] = {
		{ "none is no text", "helo.name is \"x\"", "helo.name=none",
		  F },
		{ "nor another text", "helo.name is not \"x\"",
		  "helo.name=none", F },
		{ "not turns what is behind it", "not helo.name is \"x\"",
		  "helo.name=none", T },
		{ "none matches nothing", "helo.name ~ /x/", "helo.name=none",
		  F },
		{ "none fails to match nothing", "helo.name !~ /x/",
		  "helo.name=none", F },
		{ "none is in no list", "helo.name in names", "helo.name=none",
		  F },
		{ "none is not outside either", "helo.name not in names",
		  "helo.name=none", F },
		{ "no size is not small", "sender.size < 10",
		  "sender.size=none", F },
		{ "no address is elsewhere", "client.ip not in nets",
		  "client.ip=none", F },
		{ "no values, no denial", "header(\"X\") is not \"a\"",
		  "header:X=none", F },
		{ "a result that is none is not pass", "dkim is not pass",
		  "dkim=none", T },
		{ "nor among others", "dkim not in {pass, policy}", "dkim=none",
		  T },
		{ "nor is it fail", "dkim is fail", "dkim=none", F },
		{ "no login", "client.auth is no", "client.auth=none", F },
	};

	(void)state;
	rows_check(rows, COUNT(rows));
}

static void test_kleene(void **state)
{
	static const struct row rows[] = {
		{ "false settles and", "helo.is_ip and spf is pass",
		  "helo.is_ip=no", F },
		{ "from the right as well", "spf is pass and helo.is_ip",
		  "helo.is_ip=no", F },
		{ "true settles or", "helo.is_ip or spf is pass",
		  "helo.is_ip=yes", T },
		{ "and from the right", "spf is pass or helo.is_ip",
		  "helo.is_ip=yes", T },
		{ "unknown and true", "helo.is_ip and spf is pass",
		  "helo.is_ip=yes; spf=unknown", U },
		{ "unknown and false", "helo.is_ip and spf is pass",
		  "helo.is_ip=no; spf=unknown", F },
		{ "unknown or true", "helo.is_ip or spf is pass",
		  "helo.is_ip=yes; spf=unknown", T },
		{ "unknown or false", "helo.is_ip or spf is pass",
		  "helo.is_ip=no; spf=unknown", U },
		{ "unknown and pending may become false",
		  "helo.is_ip and spf is pass", "spf=unknown", P },
		{ "unknown or pending may become true",
		  "helo.is_ip or spf is pass", "spf=unknown", P },
		{ "not binds closest", "not helo.is_ip and helo.is_valid",
		  "helo.is_ip=no; helo.is_valid=yes", T },
		{ "and before or",
		  "helo.is_ip or helo.is_valid and client.auth",
		  "helo.is_ip=yes; helo.is_valid=no; client.auth=no", T },
		{ "braces first",
		  "(helo.is_ip or helo.is_valid) and client.auth",
		  "helo.is_ip=yes; helo.is_valid=no; client.auth=no", F },
	};

	(void)state;
	rows_check(rows, COUNT(rows));
}

static void test_values(void **state)
{
	static const struct row rows[] = {
		{ "no case", "helo.name is \"MX.Example.org\"",
		  "helo.name=mx.eXample.ORG", T },
		{ "a dot at the end of a domain", "helo.name is \"a.b\"",
		  "helo.name=a.b.", T },
		{ "or of the rule", "helo.name is \"a.b.\"", "helo.name=a.b",
		  T },
		{ "the whole name", "helo.name is \"b\"", "helo.name=a.b", F },
		{ "a local part keeps its dot", "sender.local is \"a\"",
		  "sender.local=a.", F },
		{ "bytes above ASCII keep their case",
		  "sender.local is \"\303\204\"", "sender.local=\303\244", F },
		{ "one of several", "helo.name in {\"a\", \"b\"}",
		  "helo.name=B", T },
		{ "below a domain", "helo.name in names",
		  "helo.name=mx.example.org", T },
		{ "beside a domain", "helo.name in names",
		  "helo.name=notexample.org", F },
		{ "an address", "sender in people", "sender=A@example.ORG", T },
		{ "a network", "client.ip in nets", "client.ip=192.0.2.7", T },
		{ "IPv6", "client.ip in nets", "client.ip=2001:db8::1", T },
		{ "outside", "client.ip not in nets", "client.ip=10.0.0.1", T },
		{ "is a network", "client.ip is 10.0.0.0/8",
		  "client.ip=10.1.2.3", T },
		{ "in networks", "client.ip in {10.0.0.0/8, ::1}",
		  "client.ip=::1", T },
		{ "five is above four and a half", "rcpt.count > 4.50",
		  "rcpt.count=5", T },
		{ "four is not", "rcpt.count > 4.50", "rcpt.count=4", F },
		{ "four is at least four", "rcpt.count >= 4", "rcpt.count=4",
		  T },
		{ "and at most", "rcpt.count <= 4", "rcpt.count=4", T },
		{ "not below", "rcpt.count < 4", "rcpt.count=4", F },
		{ "equal", "rcpt.count is 4", "rcpt.count=4", T },
		{ "different", "rcpt.count is not 4", "rcpt.count=5", T },
		{ "among", "rcpt.count in {3, 4}", "rcpt.count=4", T },
		{ "a size", "body.size > 2M", "body.size=2097153", T },
		{ "not larger than itself", "body.size > 2M",
		  "body.size=2097152", F },
		{ "a time", "date.age > 7d", "date.age=604801", T },
		{ "from the future", "date.age < 0", "date.age=-3", T },
		{ "an enormous number", "date.age > 7d",
		  "date.age=9223372036854775807", T },
		{ "an enormous number below zero", "date.age < -7d",
		  "date.age=-9223372036854775807", T },
		{ "a word", "spf is fail", "spf=fail", T },
		{ "another word", "spf is fail", "spf=pass", F },
		{ "words", "spf in {fail, softfail}", "spf=softfail", T },
		{ "yes", "helo.is_ip is yes", "helo.is_ip=yes", T },
		{ "no", "helo.is_ip is no", "helo.is_ip=no", T },
		{ "not yes", "helo.is_ip is not yes", "helo.is_ip=yes", F },
		{ "a pattern", "subject ~ /\\bpharmacy\\b/i",
		  "subject=Cheap PHARMACY here", T },
		{ "no match", "subject ~ /\\bpharmacy\\b/i",
		  "subject=pharmacyst", F },
		{ "denied", "subject !~ /a/", "subject=b", T },
		{ "patterns of a list", "subject in patterns",
		  "subject=SPAM it is", T },
		{ "case of the second pattern", "subject in patterns",
		  "subject=VIAGRA", F },
	};

	(void)state;
	rows_check(rows, COUNT(rows));
}

static void test_sets(void **state)
{
	static const struct row rows[] = {
		{ "any value will do", "client.ptr is \"b\"", "client.ptr=a,b",
		  T },
		{ "none of them", "client.ptr is \"c\"", "client.ptr=a,b", F },
		{ "is not denies all", "client.ptr is not \"b\"",
		  "client.ptr=a,b", F },
		{ "all differ", "client.ptr is not \"c\"", "client.ptr=a,b",
		  T },
		{ "not in denies all", "client.ptr not in names",
		  "client.ptr=a,x.example.org", F },
		{ "!~ denies all", "client.ptr !~ /b/", "client.ptr=a,b", F },
		{ "one matches", "client.ptr ~ /b/", "client.ptr=a,b", T },
		{ "headers by name without case",
		  "header(\"SUBJECT\") is \"x\"", "header:subject=y,X", T },
		{ "raw ones are others", "header.raw(\"X\") ~ /a/",
		  "header.raw:X=bab", T },
	};

	(void)state;
	rows_check(rows, COUNT(rows));
}

static void test_answers(void **state)
{
	static const struct {
		const char *claim, *filter, *answers;
		int truth;
	} rows[] = {
		{ "one address", "127.0.0.2", "127.0.0.2", T },
		{ "another address", "127.0.0.2", "127.0.0.3", F },
		{ "one of several answers", "127.0.0.2", "127.0.0.9,127.0.0.2",
		  T },
		{ "a range", "127.0.0.4 - 127.0.0.7", "127.0.0.7", T },
		{ "behind a range", "127.0.0.4 - 127.0.0.7", "127.0.0.8", F },
		{ "any octet", "127.0.*.3", "127.0.77.3", T },
		{ "not any octet", "127.0.*.3", "127.0.77.2", F },
		{ "a bit", "127.0.0.0 mask 0.0.0.4", "127.0.0.6", T },
		{ "no such bit", "127.0.0.0 mask 0.0.0.4", "127.0.0.3", F },
		{ "an error is no listing", "127.0.0.0 - 127.255.255.255",
		  "127.255.255.254", F },
		{ "beside the errors", "127.0.0.0 - 127.255.255.255",
		  "127.255.254.254", T },
		{ "an answer from outside", "127.0.0.0 - 127.255.255.255",
		  "10.0.0.1", F },
		{ "no address", "127.0.0.2", "hello", F },
		{ "IPv6", "127.0.0.2", "::1", F },
		{ "not listed", "127.0.0.2", "none", F },
		{ "the list is silent", "127.0.0.2", "unknown", U },
		{ "one question was answered, and listed", "127.0.0.2",
		  "127.0.0.2,?", T },
		{ "the other one might be", "127.0.0.3", "127.0.0.2,?", U },
		{ "the list is muted", "127.0.0.2", "unasked", U },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct rule_bench bench;
		char text[256];

		snprintf(text, sizeof(text),
			 "dnsbl \"zen.test\" { X 1.0 on %s }\n",
			 rows[i].filter);
		rule_bench_open(&bench, text);
		snprintf(text, sizeof(text), "dnsbl:zen.test=%s",
			 rows[i].answers);
		rule_bench_facts(&bench, text);
		if ((int)rule_bench_rule(&bench, "X") != rows[i].truth)
			print_error("%s\n", rows[i].claim);
		assert_int_equal((int)rule_bench_rule(&bench, "X"),
				 rows[i].truth);
		rule_bench_done(&bench);
	}
}

/* Some of the values are known, and there may be others. */
static void test_partial(void **state)
{
	static const struct row rows[] = {
		{ "one that is there will do", "client.ptr is \"a\"",
		  "client.ptr=b,a,?", T },
		{ "it may be among the others", "client.ptr is \"a\"",
		  "client.ptr=b,?", U },
		{ "in braces", "client.ptr in { \"c\", \"b\" }",
		  "client.ptr=b,?", T },
		{ "in a list", "client.ptr in names",
		  "client.ptr=x.example.org,?", T },
		{ "perhaps in a list", "client.ptr in names",
		  "client.ptr=x.example.net,?", U },
		{ "a pattern", "client.ptr ~ /^x/", "client.ptr=y,x,?", T },
		{ "a pattern, perhaps", "client.ptr ~ /^x/", "client.ptr=y,?",
		  U },
		{ "a list of patterns, perhaps", "client.ptr in patterns",
		  "client.ptr=y,?", U },
		{ "denied of one is denied of all", "client.ptr is not \"a\"",
		  "client.ptr=a,?", F },
		{ "denied of those that are known", "client.ptr is not \"a\"",
		  "client.ptr=b,?", U },
		{ "no list holds those that are known",
		  "client.ptr not in names", "client.ptr=b,?", U },
		{ "no pattern that one matches", "client.ptr !~ /b/",
		  "client.ptr=b,?", F },
		{ "not", "not client.ptr is \"a\"", "client.ptr=b,?", U },
		{ "not of what is there", "not client.ptr is \"b\"",
		  "client.ptr=b,?", F },
		{ "absence is disproven", "client.ptr is none",
		  "client.ptr=b,?", F },
		{ "there is one", "client.ptr is not none", "client.ptr=b,?",
		  T },
		{ "something is known", "client.ptr is unknown",
		  "client.ptr=b,?", F },
		{ "so it is not unknown", "client.ptr is not unknown",
		  "client.ptr=b,?", T },
	};

	(void)state;
	rows_check(rows, COUNT(rows));
}

/* Not asked on purpose: nothing may hold because of it. */
static void test_waived(void **state)
{
	static const struct row rows[] = {
		{ "it does not hold", "helo.resolves", "helo.resolves=waived",
		  W },
		{ "nor does its opposite", "not helo.resolves",
		  "helo.resolves=waived", W },
		{ "nor that it is unknown", "helo.resolves is unknown",
		  "helo.resolves=waived", W },
		{ "nor that it is none", "client.ptr is none",
		  "client.ptr=waived", W },
		{ "nor that it is another", "client.ptr is not \"a\"",
		  "client.ptr=waived", W },
		{ "what is false stays so", "helo.resolves and helo.is_ip",
		  "helo.resolves=waived; helo.is_ip=no", F },
		{ "what is true does, too", "helo.is_ip or helo.resolves",
		  "helo.resolves=waived; helo.is_ip=yes", T },
		{ "what is true is not enough", "helo.is_ip and helo.resolves",
		  "helo.resolves=waived; helo.is_ip=yes", W },
		{ "what is false is not enough for its opposite",
		  "not (helo.is_ip or helo.resolves)",
		  "helo.resolves=waived; helo.is_ip=no", W },
		{ "what is pending may yet be false",
		  "helo.resolves and helo.is_ip", "helo.resolves=waived", P },
		{ "what is unknown besides is unknown",
		  "helo.resolves and helo.is_ip",
		  "helo.resolves=waived; helo.is_ip=unknown", U },
	};

	(void)state;
	rows_check(rows, COUNT(rows));
}

/* A thousand terms are a tree a thousand deep. */
static void test_long_chains(void **state)
{
	enum { TERMS = 20000 };
	char *text = malloc(TERMS * 16 + 64);
	size_t len = (size_t)sprintf(text, "rule X 1.0 if helo.is_ip");
	struct rule_bench bench;

	(void)state;
	for (int i = 0; i < TERMS; i++)
		len += (size_t)sprintf(text + len, " or helo.is_ip");
	strcpy(text + len, "\n");
	rule_bench_open(&bench, text);
	rule_bench_facts(&bench, "helo.is_ip=no");
	assert_int_equal(rule_bench_rule(&bench, "X"), TRUTH_FALSE);
	rule_bench_done(&bench);
	free(text);
}

/* Trees that no parser makes: to the right, deeper than the stack. */
static void test_depth(void **state)
{
	static const struct {
		const char *claim;
		int depth;
		bool fits;
	} rows[] = {
		{ "as deep as the stack", EXPR_STACK - 1, true },
		{ "one deeper", EXPR_STACK, false },
		{ "much deeper", 100000, false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ast_expr *nodes =
			calloc((size_t)rows[i].depth * 2 + 1, sizeof(*nodes));
		struct ast_expr leaf = { .kind = AST_TEST,
					 .name = "helo.is_ip",
					 .op = AST_OP_TRUE };
		struct ast_statement rule = { .kind = AST_RULE, .name = "X" };
		const struct ast_expr *root = &leaf;
		struct ast ast = { .first = &rule };
		struct diag diag;
		struct ruleset *rules;

		for (int n = 0; n < rows[i].depth; n++) {
			nodes[n] = (struct ast_expr){ .kind = AST_AND,
						      .left = &leaf,
						      .right = root };
			root = &nodes[n];
		}
		rule.rule.condition = root;
		diag_init(&diag);
		rules = ruleset_compile(&ast, &diag);
		if ((rules != NULL) != rows[i].fits)
			print_error("%s\n", rows[i].claim);
		assert_int_equal(rules != NULL, rows[i].fits);
		ruleset_unref(rules);
		diag_done(&diag);
		free(nodes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_temperror),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_kleene),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_sets),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_partial),
		cmocka_unit_test(test_waived),
		cmocka_unit_test(test_long_chains),
		cmocka_unit_test(test_depth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
