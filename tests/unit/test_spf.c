/*
 * test_spf.c - who may send for whom, in a world of given answers.
 */
#include "filter/inspect/spf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "rules/arena.h"
#include "rules/facts.h"
#include "tests/unit/inspect_zone.h"
#include "tests/unit/spf_claims.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void check(struct inspect_zone *zone, struct arena *arena,
		  const char *client, const char *helo, const char *sender,
		  struct spf_outcome *ret_outcome)
{
	struct spf_request request = { .helo = helo, .sender = sender };

	assert_int_equal(ip_parse(client, strlen(client), &request.client), 0);
	inspect_zone_forget(zone);
	spf_check(&request, SPF_OF_MAIL_FROM, &zone->dns, arena, ret_outcome);
	assert_true(zone->questions <= SPF_QUERIES_MAX);
}

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static void check_claim(struct inspect_zone *zone,
			const struct spf_claim *claim)
{
	struct spf_outcome outcome, deaf;
	struct arena arena;

	arena_init(&arena, 65536);
	check(zone, &arena, claim->client, claim->helo, claim->sender,
	      &outcome);
	if (outcome.result != claim->result)
		fail_msg("%s: %s (%s)", claim->claim,
			 spf_result_name(outcome.result), outcome.error);
	if (claim->mechanism && !same(claim->mechanism, outcome.mechanism))
		fail_msg("%s: by %s", claim->claim, outcome.mechanism);
	if (!outcome.error !=
	    !(outcome.result == PERM || outcome.result == TEMP))
		fail_msg("%s: error %s", claim->claim, outcome.error);
	/* hints make it fast, nothing else */
	zone->deaf = true;
	check(zone, &arena, claim->client, claim->helo, claim->sender, &deaf);
	zone->deaf = false;
	if (deaf.result != outcome.result || deaf.lookups != outcome.lookups ||
	    deaf.voids != outcome.voids ||
	    !same(deaf.mechanism, outcome.mechanism))
		fail_msg("%s: otherwise without hints", claim->claim);
	arena_done(&arena);
}

static void test_results(void **state)
{
	struct inspect_zone zone;

	(void)state;
	inspect_zone_open(&zone, spf_world);
	for (size_t i = 0; i < spf_claim_count; i++)
		check_claim(&zone, &spf_claims[i]);
	inspect_zone_close(&zone);
}

/* --- what else is told -------------------------------------------------- */

static const struct {
	const char *claim, *sender;
	const char *explanation;
} explained[] = {
	{ "its macros are put in", "joe@exp.test",
	  "joe@exp.test may not send for exp.test from 192.0.2.99, says "
	  "mail.test" },
	{ "without exp there is none", "joe@all.test", NULL },
	{ "several records are none", "joe@expmany.test", NULL },
	{ "no answer is none", "joe@expbroken.test", NULL },
	{ "a wrong macro is none", "joe@expsyntax.test", NULL },
	{ "a control character is none", "joe@expbytes.test", NULL },
	{ "that of an include is not asked for", "joe@expinc.test", NULL },
	{ "that of a redirect counts", "joe@expredir.test",
	  "joe@expredir.test may not send for exp.test from 192.0.2.99, says "
	  "mail.test" },
	{ "and no other", "joe@expredir2.test", NULL },
	{ "there is one for a fail only", "joe@expsoft.test", NULL },
	{ "an unproven client is unknown", "joe@expp.test", "you are unknown" },
};

static void test_explanations(void **state)
{
	struct inspect_zone zone;
	struct spf_outcome outcome;
	struct arena arena;

	(void)state;
	inspect_zone_open(&zone, spf_world);
	arena_init(&arena, 65536);
	for (size_t i = 0; i < COUNT(explained); i++) {
		check(&zone, &arena, "192.0.2.99", "mail.test",
		      explained[i].sender, &outcome);
		if (!same(outcome.explanation, explained[i].explanation))
			fail_msg("%s: %s", explained[i].claim,
				 outcome.explanation);
	}
	check(&zone, &arena, C4, H, "joe@expp.test", &outcome);
	assert_string_equal(outcome.explanation, "you are mail.test");
	arena_done(&arena);
	inspect_zone_close(&zone);
}

static const struct {
	const char *claim, *client, *sender;
	bool open;
} opens[] = {
	{ "+all", C4, "joe@open.test", true },
	{ "-all", C4, "joe@all.test", false },
	{ "a network of /0", C4, "joe@zero4.test", true },
	{ "also one that the client is not in", C6, "joe@zero4.test", true },
	{ "a /0 that fails", C4, "joe@nobody.test", false },
	{ "a with /0", C4, "joe@a0.test", true },
	{ "+all in an include", C4, "joe@incopen.test", true },
	{ "+all in an include that fails", C4, "joe@incopenminus.test", false },
	{ "a network", C4, "joe@ip4.test", false },
	{ "halves of everything", C4, "joe@halves.test", true },
	{ "of IPv6, too", C4, "joe@halves6.test", true },
	{ "the largest that somebody has", C4, "joe@largest.test", false },
	{ "a host's half", C4, "joe@a1.test", true },
};

static void test_open(void **state)
{
	struct inspect_zone zone;
	struct spf_outcome outcome;
	struct arena arena;

	(void)state;
	inspect_zone_open(&zone, spf_world);
	arena_init(&arena, 65536);
	for (size_t i = 0; i < COUNT(opens); i++) {
		check(&zone, &arena, opens[i].client, H, opens[i].sender,
		      &outcome);
		if (outcome.open != opens[i].open)
			fail_msg("%s: not so", opens[i].claim);
	}
	arena_done(&arena);
	inspect_zone_close(&zone);
}

static const struct {
	const char *sender, *domain;
	size_t at;
	const char *error;
} errors[] = {
	{ "joe@wrong.test", "wrong.test", 22, "there is no such mechanism" },
	{ "joe@incwrong.test", "wrong.test", 22, "there is no such mechanism" },
	{ "joe@incnone.test", "incnone.test", 7,
	  "that domain has no SPF record" },
	{ "joe@voids3.test", "voids3.test", 30,
	  "more than 2 look-ups find nothing" },
	{ "joe@terms11.test", "terms2.test", 7, "more than 10 terms ask DNS" },
	{ "joe@abroken.test", NULL, 0,
	  "DNS does not say what broken.test has as A: servfail" },
	{ "joe@asilent.test", NULL, 0,
	  "DNS does not say what silent.test has as A: timeout" },
};

static void test_errors(void **state)
{
	struct inspect_zone zone;
	struct spf_outcome outcome;
	struct arena arena;

	(void)state;
	inspect_zone_open(&zone, spf_world);
	arena_init(&arena, 65536);
	for (size_t i = 0; i < COUNT(errors); i++) {
		check(&zone, &arena, C4, H, errors[i].sender, &outcome);
		if (!same(outcome.error, errors[i].error) ||
		    !same(outcome.error_domain, errors[i].domain) ||
		    outcome.error_in_record != (errors[i].domain != NULL) ||
		    outcome.error_at != errors[i].at)
			fail_msg("%s: %s, %s %zu", errors[i].sender,
				 outcome.error, outcome.error_domain,
				 outcome.error_at);
	}
	arena_done(&arena);
	inspect_zone_close(&zone);
}

/* --- limits ------------------------------------------------------------- */

/* A zone as it grows. */
struct zone_text {
	char *at;
	size_t len;
	FILE *out;
};

static void begin_text(struct zone_text *text)
{
	text->out = open_memstream(&text->at, &text->len);
	assert_non_null(text->out);
}

static void open_text(struct zone_text *text, struct inspect_zone *zone)
{
	assert_int_equal(fclose(text->out), 0);
	inspect_zone_open(zone, text->at);
	free(text->at);
}

static void put_hosts(FILE *out, const char *domain, unsigned count,
		      unsigned last)
{
	for (unsigned i = 1; i <= count; i++) {
		fprintf(out, "%s MX %u h%u.%s\n", domain, i, i, domain);
		fprintf(out, "h%u.%s A 198.51.100.%u\n", i, domain,
			i == count ? last : 200);
	}
}

static void test_names_of_an_mx(void **state)
{
	struct spf_outcome outcome;
	struct inspect_zone zone;
	struct arena arena;
	struct zone_text text;

	(void)state;
	begin_text(&text);
	fputs("ten.test. TXT \"v=spf1 mx -all\"\n"
	      "eleven.test. TXT \"v=spf1 mx -all\"\n",
	      text.out);
	put_hosts(text.out, "ten.test.", 10, 1);
	put_hosts(text.out, "eleven.test.", 11, 1);
	open_text(&text, &zone);
	arena_init(&arena, 65536);
	check(&zone, &arena, "198.51.100.1", H, "joe@ten.test", &outcome);
	assert_int_equal(outcome.result, PASS);
	assert_int_equal(zone.questions, 12);
	assert_int_equal(zone.waits, 3); /* TXT, MX, all hosts at once */
	check(&zone, &arena, "198.51.100.1", H, "joe@eleven.test", &outcome);
	assert_int_equal(outcome.result, PERM);
	assert_int_equal(zone.questions, 2);
	arena_done(&arena);
	inspect_zone_close(&zone);
}

static void test_names_of_a_client(void **state)
{
	struct spf_outcome outcome;
	struct inspect_zone zone;
	struct arena arena;
	struct zone_text text;

	(void)state;
	begin_text(&text);
	fputs("ptr.test. TXT \"v=spf1 ptr:x.test -all\"\n", text.out);
	for (unsigned i = 1; i <= 12; i++) {
		fprintf(text.out,
			"1.100.51.198.in-addr.arpa. PTR n%u.x.test.\n", i);
		fprintf(text.out,
			"2.100.51.198.in-addr.arpa. PTR m%u.x.test.\n", i);
		fprintf(text.out, "n%u.x.test. A 198.51.100.%u\n", i,
			i == 10 ? 1 : 99);
		fprintf(text.out, "m%u.x.test. A 198.51.100.%u\n", i,
			i == 11 ? 2 : 99);
	}
	open_text(&text, &zone);
	arena_init(&arena, 65536);
	check(&zone, &arena, "198.51.100.1", H, "joe@ptr.test", &outcome);
	assert_int_equal(outcome.result, PASS);
	assert_int_equal(zone.waits, 3);
	check(&zone, &arena, "198.51.100.2", H, "joe@ptr.test", &outcome);
	assert_int_equal(outcome.result, FAIL);
	assert_int_equal(zone.questions, 12);
	arena_done(&arena);
	inspect_zone_close(&zone);
}

/*
 * A tree of records in which each includes ten others, all with ten mx of ten
 * hosts: whatever the order, it is over after ten terms.
 */
static void put_tree(FILE *out, const char *name, unsigned depth, bool mx_first)
{
	fprintf(out, "%s TXT \"v=spf1\"", name);
	for (unsigned i = 0; mx_first && i < 10; i++)
		fprintf(out, " \" mx:%u.m.test\"", i);
	for (unsigned i = 0; depth > 0 && i < 10; i++)
		fprintf(out, " \" include:%u.%.*s\"", i, (int)strlen(name) - 1,
			name);
	for (unsigned i = 0; !mx_first && i < 10; i++)
		fprintf(out, " \" mx:%u.m.test\"", i);
	fputs(" \" exp=%{p}.test -all\"\n", out);
	for (unsigned i = 0; depth > 0 && i < 10; i++) {
		char below[64];

		snprintf(below, sizeof(below), "%u.%s", i, name);
		put_tree(out, below, depth - 1, mx_first);
	}
}

static void test_hostile_trees(void **state)
{
	static const char *const senders[] = { "joe@a.test", "joe@b.test",
					       "joe@c.test", "joe@d.test" };
	struct inspect_zone zone;
	struct zone_text text;

	(void)state;
	begin_text(&text);
	put_tree(text.out, "a.test.", 3, true);
	put_tree(text.out, "b.test.", 3, false);
	put_tree(text.out, "c.test.", 0, true);
	/* a fail in each include, behind which hints went */
	fputs("d.test. TXT \"v=spf1", text.out);
	for (unsigned i = 0; i < 7; i++)
		fprintf(text.out, " include:f%u.test", i);
	fputs(" mx:1.m.test mx:2.m.test mx:3.m.test exp=%{p}.test -all\"\n",
	      text.out);
	for (unsigned i = 0; i < 7; i++)
		fprintf(text.out,
			"f%u.test. TXT \"v=spf1 ip4:1.2.3.4 -exists:x%u.test "
			"a:y%u.test mx:z%u.test include:w%u.test -all\"\n"
			"x%u.test. A 127.0.0.2\n",
			i, i, i, i, i, i);
	for (unsigned i = 0; i < 10; i++) {
		char name[32];

		snprintf(name, sizeof(name), "%u.m.test.", i);
		put_hosts(text.out, name, 10, 200);
		fprintf(text.out, "1.100.51.198.in-addr.arpa. PTR p%u.test.\n",
			i);
	}
	open_text(&text, &zone);
	for (size_t i = 0; i < COUNT(senders); i++) {
		struct spf_outcome outcome;
		struct arena arena;

		arena_init(&arena, 65536);
		check(&zone, &arena, "198.51.100.1", H, senders[i], &outcome);
		print_message("%s: %s, %u questions, %u waits, %u in vain\n",
			      senders[i], spf_result_name(outcome.result),
			      zone.questions, zone.waits, zone.wasted);
		assert_int_equal(outcome.result,
				 senders[i][4] == 'c' ? FAIL : PERM);
		assert_true(zone.questions <= SPF_QUERIES_MAX);
		arena_done(&arena);
	}
	inspect_zone_close(&zone);
}

/* --- how often one waits ------------------------------------------------ */

static void test_questions_go_ahead(void **state)
{
	struct spf_outcome outcome;
	struct inspect_zone zone;
	struct arena arena;

	(void)state;
	inspect_zone_open(&zone,
			  "x.test. TXT \"v=spf1 ip4:192.0.2.9 include:a.test "
			  "include:b.test mx exists:%{i}.e.test -all\"\n"
			  "x.test. MX 10 m.test.\n"
			  "m.test. A 192.0.2.8\n"
			  "a.test. TXT \"v=spf1 ip4:192.0.2.7 -all\"\n"
			  "b.test. TXT \"v=spf1 ip4:192.0.2.6 -all\"\n"
			  "1.2.0.192.e.test. A 127.0.0.2\n");
	arena_init(&arena, 65536);
	check(&zone, &arena, "192.0.2.9", H, "joe@x.test", &outcome);
	assert_int_equal(zone.questions, 1); /* nothing before it is needed */
	check(&zone, &arena, "192.0.2.1", H, "joe@x.test", &outcome);
	assert_int_equal(outcome.result, FAIL);
	assert_int_equal(outcome.lookups, 4);
	assert_int_equal(outcome.voids, 1);
	assert_int_equal(zone.questions, 6);
	assert_int_equal(zone.waits, 3); /* record, its terms, the MX's host */
	arena_done(&arena);
	inspect_zone_close(&zone);
}

/* --- facts -------------------------------------------------------------- */

static const char *word_of(const struct fact *fact)
{
	switch (fact->state) {
	case FACT_KNOWN: return spf_result_name(fact->word);
	case FACT_NONE: return "none";
	default: return "?";
	}
}

static const struct {
	const char *claim, *helo, *sender;
	const char *spf, *spf_helo, *domain;
	unsigned questions;
} told[] = {
	{ "both are told", "open.test", "joe@all.test", "fail", "pass",
	  "all.test", 2 },
	{ "the null sender is HELO, asked once", "all.test", "", "fail", "fail",
	  "all.test", 1 },
	{ "one domain, asked once", "All.test", "joe@all.test", "fail", "fail",
	  "all.test", 1 },
	{ "but not if the local part matters", "local.test", "x@local.test",
	  "fail", "pass", "local.test", 3 },
	{ "none is none", "[192.0.2.1]", "joe@four.test", "none", "none",
	  "four.test", 1 },
	{ "no domain", "localhost", "", "none", "none", NULL, 0 },
	{ "no HELO", NULL, "joe@all.test", "fail", "none", "all.test", 1 },
	{ "temperror is a word", "broken.test", "joe@Silent.test", "temperror",
	  "temperror", "silent.test", 2 },
	{ "permerror too", "open.test", "joe@two.test", "permerror", "pass",
	  "two.test", 2 },
};

static void tell(struct inspect_zone *zone, struct arena *arena,
		 const char *helo, const char *sender, struct facts *facts)
{
	struct spf_request request = { .helo = helo, .sender = sender };

	assert_int_equal(ip_parse(C4, strlen(C4), &request.client), 0);
	assert_int_equal(facts_init(facts, arena, 0), 0);
	inspect_zone_forget(zone);
	spf_facts(&request, &zone->dns, facts);
}

static void test_facts(void **state)
{
	struct inspect_zone zone;

	(void)state;
	inspect_zone_open(&zone, spf_world);
	for (size_t i = 0; i < COUNT(told); i++) {
		struct facts facts;
		struct arena arena;
		const struct fact *domain = &facts.fixed[FACT_SPF_DOMAIN];

		arena_init(&arena, 65536);
		tell(&zone, &arena, told[i].helo, told[i].sender, &facts);
		if (!same(word_of(&facts.fixed[FACT_SPF]), told[i].spf) ||
		    !same(word_of(&facts.fixed[FACT_SPF_HELO]),
			  told[i].spf_helo) ||
		    !same(domain->state == FACT_KNOWN ? domain->text.at : NULL,
			  told[i].domain))
			fail_msg("%s: %s, %s", told[i].claim,
				 word_of(&facts.fixed[FACT_SPF]),
				 word_of(&facts.fixed[FACT_SPF_HELO]));
		if (zone.questions != told[i].questions)
			fail_msg("%s: %u questions", told[i].claim,
				 zone.questions);
		for (int id = FACT_SPF; id <= FACT_SPF_ERROR; id++)
			assert_int_not_equal(facts.fixed[id].state,
					     FACT_PENDING);
		arena_done(&arena);
	}
	inspect_zone_close(&zone);
}

static void test_details(void **state)
{
	struct inspect_zone zone;
	struct facts facts;
	struct arena arena;

	(void)state;
	inspect_zone_open(&zone, spf_world);
	arena_init(&arena, 1 << 20);
	tell(&zone, &arena, H, "joe@zero6.test", &facts);
	assert_string_equal(facts.fixed[FACT_SPF_MECHANISM].text.at, "-all");
	assert_int_equal(facts.fixed[FACT_SPF_LOOKUPS].number, 0);
	assert_true(facts.fixed[FACT_SPF_OPEN].yes);
	assert_int_equal(facts.fixed[FACT_SPF_EXPLANATION].state, FACT_NONE);
	assert_int_equal(facts.fixed[FACT_SPF_ERROR].state, FACT_NONE);

	tell(&zone, &arena, H, "joe@terms11.test", &facts);
	assert_int_equal(facts.fixed[FACT_SPF_LOOKUPS].number, 11);
	assert_string_equal(facts.fixed[FACT_SPF_ERROR].text.at,
			    "more than 10 terms ask DNS");

	/* what DNS did not say is not known to be absent */
	tell(&zone, &arena, H, "joe@abroken.test", &facts);
	assert_int_equal(facts.fixed[FACT_SPF_OPEN].state, FACT_UNKNOWN);
	assert_int_equal(facts.fixed[FACT_SPF_LOOKUPS].state, FACT_UNKNOWN);
	assert_int_equal(facts.fixed[FACT_SPF_MECHANISM].state, FACT_UNKNOWN);
	assert_int_equal(facts.fixed[FACT_SPF_ERROR].state, FACT_KNOWN);

	tell(&zone, &arena, H, "joe@text.test", &facts);
	assert_int_equal(facts.fixed[FACT_SPF_OPEN].state, FACT_NONE);
	assert_int_equal(facts.fixed[FACT_SPF_LOOKUPS].state, FACT_NONE);
	arena_done(&arena);
	inspect_zone_close(&zone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_results),
		cmocka_unit_test(test_explanations),
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_names_of_an_mx),
		cmocka_unit_test(test_names_of_a_client),
		cmocka_unit_test(test_hostile_trees),
		cmocka_unit_test(test_questions_go_ahead),
		cmocka_unit_test(test_facts),
		cmocka_unit_test(test_details),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
