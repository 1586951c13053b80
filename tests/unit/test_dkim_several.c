/*
 * test_dkim_several.c - several signatures, too many, or half of the message.
 *
 * What becomes of one signature is in test_dkim.c, and what is told of all in
 * test_dkim_facts.c.
 */
#include "filter/inspect/dkim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
/* cmocka wants the four standard ones before it */
#include <cmocka.h>

#include "rules/arena.h"
#include "rules/facts.h"
#include "tests/unit/dkim_bench.h"
#include "tests/unit/dkim_signer.h"
#include "tests/unit/inspect_zone.h"

/* --- several -------------------------------------------------------------- */

/* What DNS kept back might have been a pass, so nothing is said before it. */
static void only_a_pass_comes_before_what_is_unknown(void **state)
{
	static const char *const tags[] = {
		(OF("silent") NAMES),
		(OF("rsa512") NAMES),
		(PLAIN "l=1; " NAMES),
		(OF("revoked") NAMES),
	};
	struct letter l;

	(void)state;
	letter_verify(&l, tags, 4);
	assert_int_equal(signatures_best(l.v.signatures)->result,
			 SIGNATURE_TEMPERROR);
	letter_done(&l);
}

static void each_is_told_and_the_best_counts(void **state)
{
	static const char *const tags[] = {
		(OF("silent") NAMES),  (ED("ed") "t=1699999990; " NAMES),
		(OF("revoked") NAMES), (OF("rsa512") NAMES),
		(PLAIN "l=1; " NAMES),
	};
	struct letter l;
	char shown[BENCH_SHOWN_MAX];

	(void)state;
	letter_verify(&l, tags, 5);
	assert_true(l.v.body_wanted);
	verification_show(&l.v, shown);
	assert_string_equal(shown,
			    "policy example.org rsa2048 rsa-sha256 2048 0 0 0 "
			    "not all of the body is signed\n"
			    "policy example.org rsa512 rsa-sha256 512 1 0 0 "
			    "the key is too short to prove anything\n"
			    "permerror example.org revoked rsa-sha256 0 1 0 0 "
			    "the key was revoked\n"
			    "pass example.org ed ed25519-sha256 256 1 0 0 -\n"
			    "temperror example.org silent rsa-sha256 0 1 0 0 "
			    "DNS did not say what its key is\n");
	assert_ptr_equal(signatures_best(l.v.signatures),
			 signatures_at(l.v.signatures, 3));
	assert_int_equal(signatures_best(l.v.signatures)->age, 10);
	/* hinted at the end of the header, so one wait is enough */
	assert_int_equal(l.v.zone.questions, 5);
	assert_int_equal(l.v.zone.waits, 1);
	assert_int_equal(l.v.zone.wasted, 0);
	letter_done(&l);
}

/* Two keys under one name: the library would mix them up. */
static void keys_of_two_kinds_under_one_name(void **state)
{
	static const char *const tags[] = {
		(ED("both") NAMES),
		(OF("both") NAMES),
	};
	struct letter l;

	(void)state;
	letter_verify(&l, tags, 2);
	assert_int_equal(signatures_at(l.v.signatures, 0)->result,
			 SIGNATURE_PASS);
	assert_int_equal(signatures_at(l.v.signatures, 1)->result,
			 SIGNATURE_NEUTRAL);
	letter_done(&l);
}

static void a_signature_may_sign_another(void **state)
{
	static const char *const tags[] = {
		(PLAIN NAMES),
		(PLAIN "h=from:dkim-signature"),
		(PLAIN "h=from; b=none"),
	};
	struct letter l;

	(void)state;
	letter_verify(&l, tags, 2);
	assert_int_equal(signatures_at(l.v.signatures, 0)->result,
			 SIGNATURE_PASS);
	letter_done(&l);

	letter_verify(&l, tags, 3);
	assert_int_equal(signatures_count(l.v.signatures), 3);
	assert_int_equal(signatures_at(l.v.signatures, 0)->result,
			 SIGNATURE_PERMERROR);
	assert_int_equal(signatures_at(l.v.signatures, 1)->result,
			 SIGNATURE_NEUTRAL);
	assert_int_equal(signatures_at(l.v.signatures, 2)->result,
			 SIGNATURE_PASS);
	letter_done(&l);
}

/* A6: eight are verified, the author's first, and no more keys looked up. */
static void two_hundred_signatures_cost_eight(void **state)
{
	struct timespec from, to;
	struct verification v;
	size_t len, passed = 0, neutral = 0;
	char *message = strdup(bench_letter);
	char zone[65536] = "";
	size_t at = 0;
	double ms;

	(void)state;
	/* 199 strangers with the author's among them; all right */
	len = strlen(bench_letter);
	for (int i = 0; i < 200; i++) {
		char tags[256], *more;

		snprintf(tags, sizeof(tags),
			 "v=1; a=rsa-sha256; c=relaxed/relaxed; d=%s%d.org; "
			 "s=rsa2048; " NAMES,
			 i == 50 ? "author" : "d", i);
		more = signer_sign(bench_signer, tags, message, len, &len);
		free(message);
		message = more;
		if (i == 0)
			at += (size_t)snprintf(zone, sizeof(zone), "%s",
					       signer_zone(bench_signer));
		at += (size_t)snprintf(zone + at, sizeof(zone) - at,
				       "rsa2048._domainkey.%s%d.org. CNAME "
				       "rsa2048._domainkey.example.org.\n",
				       i == 50 ? "author" : "d", i);
	}
	signatures_open();
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
	verification_run(&v, zone, message, len, 65536, "mail.author50.org");
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
	ms = (double)(to.tv_sec - from.tv_sec) * 1e3 +
	     (double)(to.tv_nsec - from.tv_nsec) / 1e6;
	printf("200 signatures: %.1f ms\n", ms);
	assert_int_equal(signatures_seen(v.signatures), 200);
	assert_int_equal(signatures_count(v.signatures), SIGNATURES_SEEN_MAX);
	for (size_t i = 0; i < SIGNATURES_SEEN_MAX; i++) {
		const struct signature *one = signatures_at(v.signatures, i);

		passed += one->result == SIGNATURE_PASS;
		neutral += one->result == SIGNATURE_NEUTRAL;
	}
	assert_int_equal(passed, SIGNATURES_MAX);
	assert_int_equal(neutral, SIGNATURES_SEEN_MAX - SIGNATURES_MAX);
	assert_int_equal(v.zone.questions, SIGNATURES_MAX);
	/* the author's is the 150th, and the best */
	assert_string_equal(signatures_best(v.signatures)->domain,
			    "author50.org");
	assert_ptr_equal(signatures_best(v.signatures),
			 signatures_at(v.signatures, SIGNATURES_SEEN_MAX - 1));
	verification_done(&v);
	free(message);
}

/* Each way to hash the body costs as much as a message. */
static void four_ways_to_hash_are_enough(void **state)
{
	static const char *const tags[] = {
		(PLAIN "l=28; " NAMES), (PLAIN NAMES),	(PLAIN "l=30; " NAMES),
		(PLAIN "l=29; " NAMES), (SIMPLE NAMES), (PLAIN NAMES),
	};
	static const enum signature_result results[] = {
		SIGNATURE_PASS, SIGNATURE_PASS, SIGNATURE_FAIL,
		SIGNATURE_FAIL, SIGNATURE_PASS, SIGNATURE_NEUTRAL,
	};
	struct letter l;

	(void)state;
	letter_verify(&l, tags, 6);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(signatures_at(l.v.signatures, i)->result,
				 results[i]);
	letter_done(&l);
}

/* The library would keep a line in memory until it ends. */
static void lines_may_be_endless(void **state)
{
	static const char *const tags[] = { (PLAIN "h=from"),
					    (SIMPLE "h=from") };
	static const char header[] = "From: a@example.org\r\n\r\n";
	static const size_t lines[] = { 1000000, 1100000 };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		size_t size = lines[i % 2], len = sizeof(header) - 1 + size;
		char *text = malloc(len + 1), *message;
		struct verification v;

		assert_non_null(text);
		memcpy(text, header, sizeof(header) - 1);
		memset(text + sizeof(header) - 1, 'x', size);
		text[len] = '\0';
		message =
			signer_sign(bench_signer, tags[i / 2], text, len, &len);
		verification_run(&v, signer_zone(bench_signer), message, len,
				 65536, NULL);
		assert_int_equal(signatures_at(v.signatures, 0)->result,
				 SIGNATURE_PASS);
		verification_done(&v);
		free(message);
		free(text);
	}
}

/* --- what is missing ------------------------------------------------------ */

static void what_was_cut_proves_nothing(void **state)
{
	size_t len;
	char *message = signer_sign(bench_signer, PLAIN NAMES, bench_letter,
				    strlen(bench_letter), &len);

	(void)state;
	for (int body = 0; body < 2; body++) {
		struct verification v;

		verification_open(&v, signer_zone(bench_signer), 1 << 20);
		verification_header(&v, message, len);
		if (!body)
			signatures_header(v.signatures, "X", 1, "", 0, true);
		assert_int_equal(signatures_eoh(v.signatures, NULL), body);
		signatures_finish(v.signatures, true);
		assert_int_equal(signatures_at(v.signatures, 0)->result,
				 SIGNATURE_TEMPERROR);
		assert_int_equal(v.zone.questions, body);
		verification_done(&v);
	}
	free(message);
}

static void no_signature_costs_nothing(void **state)
{
	struct verification v;

	(void)state;
	verification_run(&v, signer_zone(bench_signer), bench_letter,
			 strlen(bench_letter), 10, NULL);
	assert_false(v.body_wanted);
	assert_int_equal(signatures_count(v.signatures), 0);
	assert_null(signatures_best(v.signatures));
	assert_int_equal(v.zone.questions, 0);
	verification_done(&v);
}

/* Facts have an arena of their own: the message's may be full. */
static void nothing_is_claimed_but_a_pass(struct verification *v,
					  size_t *passes)
{
	struct arena arena;
	struct facts facts;

	arena_init(&arena, 1 << 20);
	assert_int_equal(facts_init(&facts, &arena, 0), 0);
	signatures_facts(v->signatures, &arena, &facts);
	if (facts.fixed[FACT_DKIM].state == FACT_KNOWN &&
	    facts.fixed[FACT_DKIM].word == SIGNATURE_PASS)
		++*passes;
	else if (facts.fixed[FACT_DKIM].state == FACT_KNOWN)
		assert_int_equal(facts.fixed[FACT_DKIM].word,
				 SIGNATURE_TEMPERROR);
	else
		assert_int_equal(facts.fixed[FACT_DKIM].state, FACT_UNKNOWN);
	assert_true(facts.fixed[FACT_DKIM_COUNT].state == FACT_UNKNOWN ||
		    facts.fixed[FACT_DKIM_COUNT].number == 2);
	arena_done(&arena);
}

/*
 * Whatever the arena's size: an end, and never a pass of half a message.  What
 * there was no room for is unknown, and neither none nor wrong.
 */
static void a_full_arena_is_no_pass_of_something_else(void **state)
{
	static const char *const tags[] = {
		(PLAIN NAMES),
		(SIMPLE NAMES),
	};
	size_t len;
	char *message = bench_sign_all(tags, 2, &len);
	size_t passes = 0;

	(void)state;
	for (size_t room = 0; room < 40000; room += 50) {
		struct verification v;

		verification_open(&v, signer_zone(bench_signer), room);
		if (v.signatures) {
			size_t body = verification_header(&v, message, len);

			signatures_eoh(v.signatures, NULL);
			bench_give_body(v.signatures, message + body,
					len - body, 10);
			signatures_finish(v.signatures, false);
			nothing_is_claimed_but_a_pass(&v, &passes);
		}
		verification_done(&v);
	}
	assert_in_range(passes, 1, 799);
	free(message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_a_pass_comes_before_what_is_unknown),
		cmocka_unit_test(each_is_told_and_the_best_counts),
		cmocka_unit_test(keys_of_two_kinds_under_one_name),
		cmocka_unit_test(a_signature_may_sign_another),
		cmocka_unit_test(two_hundred_signatures_cost_eight),
		cmocka_unit_test(four_ways_to_hash_are_enough),
		cmocka_unit_test(lines_may_be_endless),
		cmocka_unit_test(what_was_cut_proves_nothing),
		cmocka_unit_test(no_signature_costs_nothing),
		cmocka_unit_test(a_full_arena_is_no_pass_of_something_else),
	};

	return cmocka_run_group_tests(tests, bench_setup, bench_teardown);
}
