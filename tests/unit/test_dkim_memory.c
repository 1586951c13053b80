/*
 * test_dkim_memory.c - signatures where OpenSSL gets no memory, at each place
 * in turn.
 */
#include <openssl/crypto.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four standard ones before it */
#include <cmocka.h>

#include "tests/unit/dkim_bench.h"

/* Allocations that are granted still, and then one is not; -1: all are. */
static long granted = -1;

static bool is_refused(void)
{
	return granted >= 0 && granted-- == 0;
}

static void *scarce_malloc(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return is_refused() ? NULL : malloc(size);
}

static void *scarce_realloc(void *old, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return is_refused() ? NULL : realloc(old, size);
}

static void scarce_free(void *old, const char *file, int line)
{
	(void)file;
	(void)line;
	free(old);
}

/* `ret_refused`: not all of that many were needed. */
static enum signature_result result_of(const char *message, size_t len,
				       long grants, bool *ret_refused)
{
	enum signature_result result;
	struct verification v;

	granted = grants;
	verification_run(&v, signer_zone(bench_signer), message, len, 50, NULL);
	*ret_refused = grants >= 0 && granted < 0;
	granted = -1;
	result = signatures_at(v.signatures, 0)->result;
	verification_done(&v);
	return result;
}

/*
 * Whether the header is as it was signed depends on the key; while that is
 * unknown, so is what bh= says about the body.
 */
static void a_changed_body_is_not_known_sooner_than_a_right_one(void **state)
{
	static const char *const tags[] = {
		(PLAIN NAMES),
		(ED("ed") NAMES),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		size_t len, unknown = 0;
		char *right = signer_sign(bench_signer, tags[i], bench_letter,
					  strlen(bench_letter), &len);
		char *changed = malloc(len);
		bool refused;

		assert_non_null(changed);
		memcpy(changed, right, len);
		*(char *)memmem(changed, len, "Hello", 5) = 'J';
		/* What is kept for the next time is there. */
		assert_int_equal(result_of(right, len, -1, &refused),
				 SIGNATURE_PASS);
		assert_int_equal(result_of(changed, len, -1, &refused),
				 SIGNATURE_FAIL);
		for (long grants = 0; grants == 0 || refused; grants++) {
			enum signature_result one =
				result_of(right, len, grants, &refused);
			enum signature_result other =
				result_of(changed, len, grants, &refused);

			assert_int_not_equal(other, SIGNATURE_PASS);
			if (one != SIGNATURE_TEMPERROR)
				continue;
			unknown++;
			if (other != SIGNATURE_TEMPERROR)
				fail_msg("%s, after %ld", tags[i], grants);
		}
		assert_true(unknown > 0);
		free(changed);
		free(right);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_changed_body_is_not_known_sooner_than_a_right_one),
	};

	/* Only before OpenSSL has taken any; too late, the test is skipped. */
	if (!CRYPTO_set_mem_functions(scarce_malloc, scarce_realloc,
				      scarce_free))
		return 77;
	return cmocka_run_group_tests(tests, bench_setup, bench_teardown);
}
