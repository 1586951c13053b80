/*
 * test_verdict.c - one verdict, when it is certain, and what the unknown does
 * to it.
 */
#include "rules/verdict.h"

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

enum { NO, YES };

struct row {
	const char *claim;
	const char *rules; /* beside the common ones */
	const char *facts;
	enum phase closed; /* phases up to this one have ended */
	bool defer_on_unknown;
	enum verdict_word word;
	int certain, softened, exempt;
};

#define LADDER                                          \
	"verdict reject at 8.0\nverdict defer at 6.0\n" \
	"verdict quarantine at 5.0\nverdict tag at 3.0\n"

static void rows_check(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct row *row = &rows[i];
		struct verdict_settings settings = { row->defer_on_unknown };
		struct rule_bench bench;
		struct verdict verdict;
		struct facts facts;
		struct hits *hits;
		bool right;

		rule_bench_open(&bench, row->rules);
		rule_bench_facts(&bench, row->facts);
		facts = bench.facts; /* the recipient's are in there */
		if (row->closed < PHASE_COUNT) {
			rule_bench_close(&bench, row->closed);
			ruleset_close_phase(bench.rules, &facts, row->closed);
		}
		hits_weigh(bench.hits, &bench.facts);
		hits = hits_for_rcpt(bench.hits, &facts, &bench.arena);
		verdict = verdict_of(hits, &settings);
		right = verdict.word == row->word &&
			verdict.certain == (row->certain == YES) &&
			verdict.softened == (row->softened == YES) &&
			verdict.exempt == (row->exempt == YES);
		if (!right)
			print_error("%s: %s%s%s%s, score %d in %d..%d\n",
				    row->claim, verdict_word_name(verdict.word),
				    verdict.certain ? " certain" : "",
				    verdict.softened ? " softened" : "",
				    verdict.exempt ? " exempt" : "",
				    verdict.bounds.score, verdict.bounds.lowest,
				    verdict.bounds.highest);
		assert_true(right);
		rule_bench_done(&bench);
	}
}

#define NINE "rule NINE 9.0 if helo.is_ip\n" LADDER

/*
 * What is not certain is what would be said if nothing more were learned, and
 * so a 451 where something pending might have prevented a 5xx.
 */
static void test_early(void **state)
{
	static const struct row rows[] = {
		{ "9.0 that a later -3.0 could save is not refused early",
		  NINE "rule SAVES -3.0 if subject is \"x\"\n",
		  "helo.is_ip=yes; rcpt.local=a", PHASE_RCPT, false,
		  VERDICT_DEFER, NO, YES, NO },
		{ "9.0 that nothing can save is refused at RCPT",
		  NINE "rule SAVES -1.0 if subject is \"x\"\n",
		  "helo.is_ip=yes; rcpt.local=a", PHASE_RCPT, false,
		  VERDICT_REJECT, YES, NO, NO },
		{ "nor by what has failed to come true",
		  NINE "rule SAVES -3.0 if sender.is_null and subject is "
		       "\"x\"\n",
		  "helo.is_ip=yes; sender.is_null=no", PHASE_RCPT, false,
		  VERDICT_REJECT, YES, NO, NO },
		{ "what is still to come may make it worse",
		  "rule SIX 6.5 if helo.is_ip\n"
		  "rule LATER 2.0 if body.nul\n" LADDER,
		  "helo.is_ip=yes", PHASE_RCPT, false, VERDICT_DEFER, NO, NO,
		  NO },
		{ "but not that much worse",
		  "rule SIX 6.5 if helo.is_ip\n"
		  "rule LATER 1.0 if body.nul\n" LADDER,
		  "helo.is_ip=yes", PHASE_RCPT, false, VERDICT_DEFER, YES, NO,
		  NO },
		{ "a cap makes it certain",
		  "rule A 2.0 if helo.is_ip\nrule B 9.0 if body.nul\n"
		  "group g max 2.5 { A, B }\n" LADDER,
		  "helo.is_ip=yes", PHASE_HELO, false, VERDICT_ACCEPT, YES, NO,
		  NO },
		{ "a cap does not hide a negative",
		  "rule A 9.0 if helo.is_ip\nrule B -2.0 if body.nul\n"
		  "group g max 9.0 { A, B }\n" LADDER,
		  "helo.is_ip=yes", PHASE_HELO, false, VERDICT_DEFER, NO, YES,
		  NO },
		{ "with nothing left to read, all is said",
		  "rule A 4.0 if helo.is_ip\n" LADDER, "helo.is_ip=yes",
		  PHASE_HELO, false, VERDICT_TAG, YES, NO, NO },
		{ "an exemption that may come keeps it open",
		  NINE "exempt if client.auth\n", "helo.is_ip=yes", PHASE_HELO,
		  false, VERDICT_DEFER, NO, YES, NO },
		{ "one that does not come closes it",
		  NINE "exempt if client.auth\n",
		  "helo.is_ip=yes; client.auth=no", PHASE_MAIL, false,
		  VERDICT_REJECT, YES, NO, NO },
		{ "a class that may come keeps it open",
		  NINE "class open if rcpt.local is \"abuse\" {\n"
		       "verdict reject never }\n",
		  "helo.is_ip=yes", PHASE_MAIL, false, VERDICT_DEFER, NO, YES,
		  NO },
		{ "one that says the same does not",
		  NINE "class open if rcpt.local is \"abuse\" {\n"
		       "verdict reject at 2.0 }\n",
		  "helo.is_ip=yes", PHASE_MAIL, false, VERDICT_REJECT, YES, NO,
		  NO },
		{ "one whose reject is no 5xx does",
		  NINE "class open if rcpt.local is \"abuse\" {\n"
		       "verdict reject at 2.0 reply \"451 4.7.1 x\" }\n",
		  "helo.is_ip=yes", PHASE_MAIL, false, VERDICT_DEFER, NO, YES,
		  NO },
		{ "a look-up that may fail softens: not certain",
		  NINE "rule SAVES -3.0 if spf is pass\n", "helo.is_ip=yes",
		  PHASE_HELO, false, VERDICT_DEFER, NO, YES, NO },
	};

	(void)state;
	rows_check(rows, COUNT(rows));
}

static void test_unknown(void **state)
{
	static const struct row rows[] = {
		{ "an unknown rule adds nothing",
		  "rule A 9.0 if helo.is_ip\n" LADDER, "helo.is_ip=unknown",
		  PHASE_EOM, false, VERDICT_ACCEPT, YES, NO, NO },
		{ "nor does what nobody asked",
		  "rule A 9.0 if helo.is_ip\n" LADDER, "", PHASE_EOM, false,
		  VERDICT_ACCEPT, YES, NO, NO },
		{ "a 5xx that an unknown rule might prevent is a 451",
		  NINE "rule SAVES -3.0 if spf is pass\n",
		  "helo.is_ip=yes; spf=unknown", PHASE_EOM, false,
		  VERDICT_DEFER, YES, YES, NO },
		{ "one that it cannot prevent stands",
		  NINE "rule SAVES -1.0 if spf is pass\n",
		  "helo.is_ip=yes; spf=unknown", PHASE_EOM, false,
		  VERDICT_REJECT, YES, NO, NO },
		{ "discard is softened as well",
		  "rule A 9.0 if helo.is_ip\nverdict discard at 8.0\n"
		  "rule SAVES -3.0 if spf is pass\n",
		  "helo.is_ip=yes; spf=unknown", PHASE_EOM, false,
		  VERDICT_DEFER, YES, YES, NO },
		{ "what a white list has not said yet could have saved it",
		  "rule A 9.0 if helo.is_ip\n"
		  "dnsbl \"wl.test\" of helo.name, sender.domain {\n"
		  "WL -5.0 on 127.0.*.3\nWL_LOW -0.5 on 127.0.*.1 }\n" LADDER,
		  "helo.is_ip=yes; dnsbl:wl.test=127.0.3.1,?", PHASE_EOM, false,
		  VERDICT_DEFER, YES, YES, NO },
		{ "what it has said is too little",
		  "rule A 9.0 if helo.is_ip\n"
		  "dnsbl \"wl.test\" of helo.name, sender.domain {\n"
		  "WL -5.0 on 127.0.*.3\nWL_LOW -0.5 on 127.0.*.1 }\n" LADDER,
		  "helo.is_ip=yes; dnsbl:wl.test=127.0.3.1", PHASE_EOM, false,
		  VERDICT_REJECT, YES, NO, NO },
		{ "what a muted white list would have said, too",
		  "rule A 9.0 if helo.is_ip\n"
		  "dnsbl \"wl.test\" { WL -5.0 on 127.0.*.3 }\n" LADDER,
		  "helo.is_ip=yes; dnsbl:wl.test=unasked", PHASE_EOM, false,
		  VERDICT_DEFER, YES, YES, NO },
		{ "what a black list has not said harms nobody",
		  "dnsbl \"bl.test\" of helo.name, sender.domain {\n"
		  "BL 9.0 on 127.0.0.2\nMILD 3.0 on 127.0.0.3 }\n" LADDER,
		  "dnsbl:bl.test=127.0.0.3,?", PHASE_EOM, false, VERDICT_TAG,
		  YES, NO, NO },
		{ "one listing is enough, whatever the others say",
		  "dnsbl \"bl.test\" of helo.name, sender.domain {\n"
		  "BL 9.0 on 127.0.0.2 }\n" LADDER,
		  "dnsbl:bl.test=127.0.0.2,?", PHASE_EOM, false, VERDICT_REJECT,
		  YES, NO, NO },
		{ "an exemption by a name that was not confirmed in time",
		  "rule A 9.0 if helo.is_ip\n"
		  "exempt if client.name is \"a.example\"\n" LADDER,
		  "helo.is_ip=yes; client.name=b.example,?", PHASE_EOM, false,
		  VERDICT_DEFER, YES, YES, NO },
		{ "what a white list was not to be asked saves nobody",
		  "rule A 9.0 if helo.is_ip\n"
		  "dnsbl \"wl.test\" { WL -5.0 on 127.0.*.3 }\n" LADDER,
		  "helo.is_ip=yes; dnsbl:wl.test=waived", PHASE_EOM, false,
		  VERDICT_REJECT, YES, NO, NO },
		{ "nor an exemption, nor by way of a rule that denies",
		  "rule A 9.0 if helo.is_ip\n"
		  "rule B -5.0 if helo.is_ip and not C\n"
		  "rule C 0 if helo.is_ip and client.name is none\n"
		  "exempt if client.name is \"a.example\"\n" LADDER,
		  "helo.is_ip=yes; client.name=waived", PHASE_EOM, false,
		  VERDICT_REJECT, YES, NO, NO },
		{ "nor does it harm anybody",
		  "rule A 4.0 if helo.is_ip\n"
		  "rule B 9.0 if helo.is_ip and not helo.resolves\n" LADDER,
		  "helo.is_ip=yes; helo.resolves=waived", PHASE_EOM, true,
		  VERDICT_TAG, YES, NO, NO },
		{ "a reject of 4xx needs no softening",
		  "rule A 9.0 if helo.is_ip\n"
		  "verdict reject at 8.0 reply \"451 4.7.1 x\"\n"
		  "rule SAVES -3.0 if spf is pass\n",
		  "helo.is_ip=yes; spf=unknown", PHASE_EOM, false,
		  VERDICT_REJECT, YES, NO, NO },
		{ "a defer neither",
		  "rule A 7.0 if helo.is_ip\n"
		  "rule SAVES -3.0 if spf is pass\n" LADDER,
		  "helo.is_ip=yes; spf=unknown", PHASE_EOM, false,
		  VERDICT_DEFER, YES, NO, NO },
		{ "an unknown exemption softens",
		  NINE "exempt if client.ip in {10.0.0.0/8}\n",
		  "helo.is_ip=yes; client.ip=unknown", PHASE_EOM, false,
		  VERDICT_DEFER, YES, YES, NO },
		{ "an unknown class softens",
		  NINE "class open if client.is_local {\n"
		       "verdict reject never }\n",
		  "helo.is_ip=yes; client.is_local=unknown", PHASE_EOM, false,
		  VERDICT_DEFER, YES, YES, NO },
		{ "not if a class before it matches",
		  NINE "class strict if helo.is_ip { verdict reject at 5.0 }\n"
		       "class open if client.is_local {\n"
		       "verdict reject never }\n",
		  "helo.is_ip=yes; client.is_local=unknown", PHASE_EOM, false,
		  VERDICT_REJECT, YES, NO, NO },
		{ "who scores the unknown cannot refuse for good by it",
		  "rule A 9.0 if spf is unknown\n" LADDER, "spf=unknown",
		  PHASE_EOM, false, VERDICT_DEFER, YES, YES, NO },
		{ "nor by its name", "rule A 9.0 if spf is temperror\n" LADDER,
		  "spf=temperror", PHASE_EOM, false, VERDICT_DEFER, YES, YES,
		  NO },
		{ "temperror softens what a pass would have prevented",
		  "rule A 9.0 if helo.is_ip\nrule B -3.0 if spf is pass\n" LADDER,
		  "helo.is_ip=yes; spf=temperror", PHASE_EOM, false,
		  VERDICT_DEFER, YES, YES, NO },
		{ "temperror is no fail", "rule A 9.0 if spf is fail\n" LADDER,
		  "spf=temperror", PHASE_EOM, false, VERDICT_ACCEPT, YES, NO,
		  NO },
		{ "nor is it no pass", "rule A 9.0 if spf is not pass\n" LADDER,
		  "spf=temperror", PHASE_EOM, false, VERDICT_ACCEPT, YES, NO,
		  NO },
		{ "but may tag", "rule A 4.0 if spf is unknown\n" LADDER,
		  "spf=unknown", PHASE_EOM, false, VERDICT_TAG, YES, NO, NO },
		{ "nor by the contrary",
		  "rule A -9.0 if spf is not unknown\n"
		  "rule B 9.0 if helo.is_ip\n" LADDER,
		  "spf=unknown; helo.is_ip=yes", PHASE_EOM, false,
		  VERDICT_DEFER, YES, YES, NO },
		{ "on_unknown ignore: below the threshold it passes",
		  "rule A 9.0 if helo.is_ip\n" LADDER, "helo.is_ip=unknown",
		  PHASE_EOM, false, VERDICT_ACCEPT, YES, NO, NO },
		{ "on_unknown defer: it might be above",
		  "rule A 9.0 if helo.is_ip\n" LADDER, "helo.is_ip=unknown",
		  PHASE_EOM, true, VERDICT_DEFER, YES, YES, NO },
		{ "nobody is deferred who could only be tagged",
		  "rule A 4.0 if helo.is_ip\n" LADDER, "helo.is_ip=unknown",
		  PHASE_EOM, true, VERDICT_ACCEPT, YES, NO, NO },
		{ "an exemption stands above the unknown",
		  "rule A 9.0 if helo.is_ip\nexempt if client.auth\n" LADDER,
		  "helo.is_ip=unknown; client.auth=yes", PHASE_EOM, true,
		  VERDICT_ACCEPT, YES, NO, YES },
		{ "early: certain that it will be softened",
		  NINE "exempt if client.is_local\n"
		       "rule LATER 1.0 if body.nul\n",
		  "helo.is_ip=yes; client.is_local=unknown", PHASE_HELO, false,
		  VERDICT_DEFER, YES, YES, NO },
	};

	(void)state;
	rows_check(rows, COUNT(rows));
}

static void test_above_the_sum(void **state)
{
	static const struct row rows[] = {
		{ "an exemption accepts whatever the score",
		  NINE "exempt if client.auth\n",
		  "helo.is_ip=yes; client.auth=yes", PHASE_MAIL, false,
		  VERDICT_ACCEPT, YES, NO, YES },
		{ "several exemptions: one is enough",
		  NINE "exempt if client.auth\nexempt if client.is_local\n",
		  "helo.is_ip=yes; client.is_local=yes", PHASE_CONNECT, false,
		  VERDICT_ACCEPT, YES, NO, YES },
		{ "the most severe wins, whatever the order of numbers",
		  "rule A 4.0 if helo.is_ip\nverdict reject at 3.0\n"
		  "verdict tag at 2.0\nverdict defer at 4.0\n",
		  "helo.is_ip=yes", PHASE_EOM, false, VERDICT_REJECT, YES, NO,
		  NO },
		{ "reject above discard above defer",
		  "rule A 4.0 if helo.is_ip\nverdict discard at 3.0\n"
		  "verdict defer at 2.0\n",
		  "helo.is_ip=yes", PHASE_EOM, false, VERDICT_DISCARD, YES, NO,
		  NO },
		{ "at the threshold it is reached",
		  "rule A 8.0 if helo.is_ip\n" LADDER, "helo.is_ip=yes",
		  PHASE_EOM, false, VERDICT_REJECT, YES, NO, NO },
		{ "a hundredth below it is not",
		  "rule A 7.99 if helo.is_ip\n" LADDER, "helo.is_ip=yes",
		  PHASE_EOM, false, VERDICT_DEFER, YES, NO, NO },
		{ "the first class that matches",
		  "rule A 4.0 if helo.is_ip\n" LADDER
		  "class one if rcpt.local is \"a\" { verdict reject at 4.0 }\n"
		  "class two if helo.is_ip { verdict tag never }\n",
		  "helo.is_ip=yes; rcpt.local=a", PHASE_EOM, false,
		  VERDICT_REJECT, YES, NO, NO },
		{ "another recipient, another class",
		  "rule A 4.0 if helo.is_ip\n" LADDER
		  "class one if rcpt.local is \"a\" { verdict reject at 4.0 }\n"
		  "class two if helo.is_ip { verdict tag never }\n",
		  "helo.is_ip=yes; rcpt.local=b", PHASE_EOM, false,
		  VERDICT_ACCEPT, YES, NO, NO },
		{ "a class inherits what it does not name",
		  "rule A 9.0 if helo.is_ip\n" LADDER
		  "class one if rcpt.local is \"a\" { verdict tag at 1.0 }\n",
		  "helo.is_ip=yes; rcpt.local=a", PHASE_EOM, false,
		  VERDICT_REJECT, YES, NO, NO },
		{ "an exemption for one recipient",
		  NINE "exempt if rcpt.local is \"a\"\n",
		  "helo.is_ip=yes; rcpt.local=a", PHASE_RCPT, false,
		  VERDICT_ACCEPT, YES, NO, YES },
		{ "is none for another", NINE "exempt if rcpt.local is \"a\"\n",
		  "helo.is_ip=yes; rcpt.local=b", PHASE_RCPT, false,
		  VERDICT_REJECT, YES, NO, NO },
		{ "no rule, no verdict", LADDER, "", PHASE_COUNT, false,
		  VERDICT_ACCEPT, YES, NO, NO },
	};

	(void)state;
	rows_check(rows, COUNT(rows));
}

static void test_what_is_said(void **state)
{
	struct rule_bench bench;
	struct verdict verdict;
	struct verdict_settings settings = { false };

	(void)state;
	rule_bench_open(&bench,
			"rule A 5.0 if helo.is_ip\n"
			"rule SAVES -3.0 if spf is pass\n"
			"verdict reject at 4.0 reply \"554 5.7.1 Go\"\n"
			"verdict defer at 9.0 reply \"450 4.7.1 Later\"\n"
			"class mild if rcpt.local is \"a\" {\n"
			"  verdict reject never\n"
			"  verdict tag at 4.0 subject \"[SPAM] \" }\n");
	rule_bench_facts(&bench, "helo.is_ip=yes; spf=fail");
	verdict = rule_bench_rcpt(&bench, "rcpt.local=b");
	assert_int_equal(verdict.class_index, 0);
	assert_true(verdict.class_certain);
	assert_int_equal(verdict.threshold, 400);
	assert_int_equal(reply_template_class(verdict.reply), 5);
	assert_null(verdict.subject);

	verdict = rule_bench_rcpt(&bench, "rcpt.local=a");
	assert_int_equal(verdict.class_index, 1);
	assert_int_equal(verdict.word, VERDICT_TAG);
	assert_string_equal(verdict.subject, "[SPAM] ");

	/* Softened: the word before is kept, the reply is our own 451. */
	rule_bench_begin(&bench);
	rule_bench_facts(&bench, "helo.is_ip=yes; spf=unknown");
	verdict = rule_bench_rcpt(&bench, "rcpt.local=b");
	assert_int_equal(verdict.word, VERDICT_DEFER);
	assert_int_equal(verdict.unsoftened, VERDICT_REJECT);
	assert_int_equal(verdict.threshold, 400);
	assert_null(verdict.reply);

	/* Of the message, while recipients differ. */
	verdict = verdict_of(bench.hits, &settings);
	assert_false(verdict.certain);
	assert_false(verdict.class_certain);
	rule_bench_done(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_early),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_above_the_sum),
		cmocka_unit_test(test_what_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
