/* test_dkim_facts.c - the facts that tell of a message's signatures. */
#include "filter/inspect/dkim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four standard ones before it */
#include <cmocka.h>

#include "rules/arena.h"
#include "rules/facts.h"
#include "tests/unit/dkim_bench.h"
#include "tests/unit/dkim_signer.h"
#include "tests/unit/inspect_zone.h"

static const struct fact *fact(const struct facts *facts, enum fact_id id)
{
	return facts_get(facts, (struct fact_ref){ .id = id });
}

static void facts_tell_of_all(void **state)
{
	static const char *const tags[] = {
		(PLAIN "t=1699999000; x=1800000000; " NAMES),
		("v=1; a=rsa-sha512; d=example.org; s=x; " NAMES),
	};
	struct letter l;
	struct facts facts;

	(void)state;
	letter_verify(&l, tags, 2);
	assert_int_equal(facts_init(&facts, &l.v.arena, 0), 0);
	signatures_facts(l.v.signatures, &l.v.arena, &facts);
	assert_int_equal(fact(&facts, FACT_DKIM)->word, SIGNATURE_PASS);
	assert_int_equal(fact(&facts, FACT_DKIM_BITS)->number, 2048);
	assert_int_equal(fact(&facts, FACT_DKIM_AGE)->number, 1000);
	assert_int_equal(fact(&facts, FACT_DKIM_COUNT)->number, 2);
	assert_true(fact(&facts, FACT_DKIM_COVERED)->yes);
	assert_int_equal(fact(&facts, FACT_DKIM_ERROR)->state, FACT_NONE);
	assert_int_equal(fact(&facts, FACT_DKIM_ALIGNED)->state, FACT_PENDING);
	for (enum fact_id id = FACT_DKIM_RESULTS; id < FACT_DKIM_POSSIBLE; id++)
		assert_int_equal(fact(&facts, id)->set.count, 2);
	assert_int_equal(fact(&facts, FACT_DKIM_POSSIBLE)->set.count, 1);
	assert_string_equal(fact(&facts, FACT_DKIM_RESULTS)->set.items[0].at,
			    "permerror");
	assert_string_equal(fact(&facts, FACT_DKIM_ALGORITHMS)->set.items[0].at,
			    "");
	assert_int_equal(fact(&facts, FACT_DKIM_DIGESTS)->set.items[1].len, 8);
	assert_int_equal(fact(&facts, FACT_DKIM_PASSED)->set.count, 1);
	assert_false(fact(&facts, FACT_DKIM_PASSED)->partial);
	letter_done(&l);
}

/* "a,b", and a "*" behind them if there may be more; "" for none. */
static const char *list(const struct facts *facts, enum fact_id id)
{
	static char text[1024];
	const struct fact *set = fact(facts, id);
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; set->state == FACT_KNOWN && i < set->set.count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "%s%.*s", i > 0 ? "," : "",
					 (int)set->set.items[i].len,
					 set->set.items[i].at);
	if (set->partial)
		snprintf(text + used, sizeof(text) - used, "*");
	return text;
}

static void facts_tell_of_each(void **state)
{
	static const char *const tags[] = {
		(OF("silent") NAMES),
		(ED("ed") "t=1700000010; " NAMES),
		(OF("revoked") "t=1; " NAMES),
		(PLAIN "l=1; " NAMES),
		(PLAIN "l=9999; " NAMES),
	};
	struct letter l;
	struct facts facts;

	(void)state;
	/* one without what DNS keeps back */
	for (size_t first = 0; first < 2; first++) {
		letter_verify(&l, tags + first, 5 - first);
		assert_int_equal(facts_init(&facts, &l.v.arena, 0), 0);
		signatures_facts(l.v.signatures, &l.v.arena, &facts);
		assert_string_equal(list(&facts, FACT_DKIM_RESULTS),
				    first ? "fail,policy,permerror,pass"
					  : "fail,policy,permerror,pass,"
					    "temperror");
		assert_string_equal(list(&facts, FACT_DKIM_KEY_SIZES),
				    first ? "2048,2048,,256"
					  : "2048,2048,,256,*");
		assert_string_equal(list(&facts, FACT_DKIM_COVERAGES),
				    first ? "yes,no,yes,yes"
					  : "yes,no,yes,yes,yes");
		assert_string_equal(list(&facts, FACT_DKIM_AGES),
				    first ? ",,1699999999,-10"
					  : ",,1699999999,-10,");
		letter_done(&l);
	}
}

static void facts_of_what_might_have_passed_are_partial(void **state)
{
	size_t len;
	char *message = signer_sign(bench_signer, OF("silent") NAMES,
				    bench_letter, strlen(bench_letter), &len);
	struct verification v;
	struct facts facts;

	(void)state;
	verification_run(&v, signer_zone(bench_signer), message, len, 100,
			 NULL);
	assert_int_equal(facts_init(&facts, &v.arena, 0), 0);
	signatures_facts(v.signatures, &v.arena, &facts);
	assert_int_equal(fact(&facts, FACT_DKIM)->word, SIGNATURE_TEMPERROR);
	assert_int_equal(fact(&facts, FACT_DKIM_PASSED)->state, FACT_UNKNOWN);
	assert_int_equal(fact(&facts, FACT_DKIM_POSSIBLE)->state, FACT_KNOWN);
	assert_false(fact(&facts, FACT_DKIM_POSSIBLE)->partial);
	assert_string_equal(fact(&facts, FACT_DKIM_POSSIBLE)->set.items[0].at,
			    "example.org");
	verification_done(&v);
	free(message);
}

/* Or forgers would write that many, and nobody could say who has signed. */
static void what_is_not_looked_at_has_not_passed(void **state)
{
	static const char odd[] = "DKIM-Signature: v=1; a=rsa-sha256; "
				  "d=example.org; s=rsa2048; h=from; xb=1; "
				  "bh=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
				  "AAA=; b=AAAA\r\n";
	static const char noise[] = "DKIM-Signature: a=b\r\n";
	static const char rest[] = "From: a@example.org\r\n\r\nx\r\n";
	char message[4096];
	struct verification v;
	struct facts facts;

	(void)state;
	for (int many = 0; many < 2; many++) {
		size_t used = 0;

		for (int i = 0; i < (many ? SIGNATURES_SEEN_MAX + 1 : 1); i++)
			used += (size_t)snprintf(message + used,
						 sizeof(message) - used, "%s",
						 many ? noise : odd);
		used += (size_t)snprintf(message + used, sizeof(message) - used,
					 "%s", rest);
		verification_run(&v, signer_zone(bench_signer), message, used,
				 100, NULL);
		assert_int_equal(facts_init(&facts, &v.arena, 0), 0);
		signatures_facts(v.signatures, &v.arena, &facts);
		assert_int_equal(fact(&facts, FACT_DKIM)->word,
				 many ? SIGNATURE_PERMERROR
				      : SIGNATURE_NEUTRAL);
		assert_int_equal(fact(&facts, FACT_DKIM_RESULTS)->partial,
				 many);
		assert_int_equal(fact(&facts, FACT_DKIM_POSSIBLE)->state,
				 FACT_NONE);
		assert_int_equal(fact(&facts, FACT_DKIM_PASSED)->state,
				 FACT_NONE);
		verification_done(&v);
	}
}

static void facts_of_half_a_header_are_unknown(void **state)
{
	static const char broken[] = " v=1; d=example.org";
	struct verification v;
	struct facts facts;

	(void)state;
	for (int seen = 0; seen < 2; seen++) {
		verification_open(&v, signer_zone(bench_signer), 1 << 20);
		if (seen)
			signatures_header(v.signatures, "DKIM-Signature", 14,
					  broken, strlen(broken), false);
		signatures_beyond(v.signatures);
		assert_false(signatures_eoh(v.signatures, "example.org"));
		signatures_finish(v.signatures, false);
		assert_int_equal(facts_init(&facts, &v.arena, 0), 0);
		signatures_facts(v.signatures, &v.arena, &facts);
		for (enum fact_id id = FACT_DKIM; id <= FACT_DKIM_COUNT; id++)
			if (id != FACT_DKIM_ALIGNED)
				assert_int_equal(fact(&facts, id)->state,
						 FACT_UNKNOWN);
		assert_int_equal(fact(&facts, FACT_DKIM_RESULTS)->state,
				 seen ? FACT_KNOWN : FACT_UNKNOWN);
		assert_int_equal(fact(&facts, FACT_DKIM_RESULTS)->partial,
				 seen);
		assert_int_equal(fact(&facts, FACT_DKIM_POSSIBLE)->state,
				 FACT_UNKNOWN);
		assert_int_equal(fact(&facts, FACT_DKIM_PASSED)->state,
				 FACT_UNKNOWN);
		verification_done(&v);
	}
}

/* Each of them has an answer, as if it could not be read itself. */
static void what_the_library_refuses_is_permerror_for_each(void **state)
{
	static const char *const tags[] = { (PLAIN NAMES), (ED("ed") NAMES) };

	(void)state;
	for (size_t count = 1; count <= 2; count++) {
		size_t len;
		char *message = bench_sign_all(tags, count, &len);
		struct verification v;
		struct facts facts;

		verification_open(&v, signer_zone(bench_signer), 1 << 20);
		verification_header(&v, message, len);
		/* it takes no TAB before a colon, and Date is signed */
		signatures_header(v.signatures, "Date\t", 5, " x", 2, false);
		assert_false(signatures_eoh(v.signatures, NULL));
		signatures_finish(v.signatures, false);
		assert_int_equal(signatures_count(v.signatures), count);
		for (size_t i = 0; i < count; i++)
			assert_string_equal(signatures_at(v.signatures, i)->why,
					    "libopendkim refuses the message");
		assert_int_equal(facts_init(&facts, &v.arena, 0), 0);
		signatures_facts(v.signatures, &v.arena, &facts);
		assert_int_equal(fact(&facts, FACT_DKIM)->word,
				 SIGNATURE_PERMERROR);
		assert_string_equal(list(&facts, FACT_DKIM_RESULTS),
				    count == 1 ? "permerror"
					       : "permerror,permerror");
		verification_done(&v);
		free(message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(facts_tell_of_all),
		cmocka_unit_test(facts_tell_of_each),
		cmocka_unit_test(facts_of_what_might_have_passed_are_partial),
		cmocka_unit_test(what_is_not_looked_at_has_not_passed),
		cmocka_unit_test(facts_of_half_a_header_are_unknown),
		cmocka_unit_test(
			what_the_library_refuses_is_permerror_for_each),
	};

	return cmocka_run_group_tests(tests, bench_setup, bench_teardown);
}
