/*
 * test_dkim_body.c - bodies, canonicalised and hashed.
 *
 * All short bodies made of a letter, a blank, CR and LF, cut at every two
 * places, against a slow reading of RFC 6376 section 3.4.
 */
#include "filter/inspect/dkim_body.h"

#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the four standard ones before it */
#include <cmocka.h>

#include "tests/unit/slow_body.h"

enum { LENGTH = 6 };

/* Cut at `one` and `two`, for the first `part` bytes of it and for all. */
static void feed(struct dkim_body *body, bool relaxed, uint64_t part,
		 const char *text, size_t len, size_t one, size_t two)
{
	memset(body, 0, sizeof(*body));
	assert_true(dkim_body_want(body, DKIM_HASH_SHA256, relaxed, part));
	assert_true(
		dkim_body_want(body, DKIM_HASH_SHA1, relaxed, DKIM_BODY_ALL));
	dkim_body_feed(body, text, one);
	dkim_body_feed(body, text + one, two - one);
	dkim_body_feed(body, text + two, len - two);
	dkim_body_end(body);
}

static bool is_hashed(const struct dkim_body *body, enum dkim_hash kind,
		      bool relaxed, uint64_t part, const char *text, size_t len)
{
	unsigned char digest[EVP_MAX_MD_SIZE];

	assert_true(
		EVP_Digest(text, len, digest, NULL,
			   kind == DKIM_HASH_SHA1 ? EVP_sha1() : EVP_sha256(),
			   NULL));
	return dkim_body_compare(body, kind, relaxed, part, digest) ==
	       DKIM_BODY_SAME;
}

static void check(const char *text, size_t len, bool relaxed)
{
	size_t all, part = len / 2;
	char *slow = slow_body(text, len, relaxed, &all);

	for (size_t one = 0; one <= len; one++)
		for (size_t two = one; two <= len; two++) {
			struct dkim_body body;

			feed(&body, relaxed, part, text, len, one, two);
			if (dkim_body_length(&body, relaxed) != all ||
			    !is_hashed(&body, DKIM_HASH_SHA1, relaxed,
				       DKIM_BODY_ALL, slow, all) ||
			    !is_hashed(&body, DKIM_HASH_SHA256, relaxed, part,
				       slow, part < all ? part : all))
				fail_msg("%zu bytes, cut at %zu and %zu", len,
					 one, two);
			dkim_body_done(&body);
		}
	free(slow);
}

static void all_short_bodies(void **state)
{
	static const char letters[] = "a \r\n";

	(void)state;
	for (size_t len = 0; len <= LENGTH; len++)
		for (unsigned number = 0; number < 1u << 2 * len; number++) {
			char text[LENGTH + 1];

			for (size_t i = 0; i < len; i++)
				text[i] = letters[number >> 2 * i & 3];
			check(text, len, false);
			check(text, len, true);
		}
}

/* RFC 6376 section 3.4.5 */
static void the_rfcs_example(void **state)
{
	static const char text[] = " C \r\nD \t E\r\n\r\n\r\n";
	static const char simple[] = " C \r\nD \t E\r\n";
	static const char relaxed[] = " C\r\nD E\r\n";
	struct dkim_body body;

	(void)state;
	feed(&body, false, 0, text, strlen(text), 3, 9);
	assert_true(is_hashed(&body, DKIM_HASH_SHA1, false, DKIM_BODY_ALL,
			      simple, strlen(simple)));
	dkim_body_done(&body);
	feed(&body, true, 0, text, strlen(text), 3, 9);
	assert_true(is_hashed(&body, DKIM_HASH_SHA1, true, DKIM_BODY_ALL,
			      relaxed, strlen(relaxed)));
	dkim_body_done(&body);
}

/* Longer than the buffer, and so many line ends that they are, too. */
static void long_lines_and_many_ends(void **state)
{
	static const struct {
		const char *claim;
		const char *unit;
		size_t count;
	} rows[] = {
		{ "a long line", "x", 100000 },
		{ "a buffer of it", "x", DKIM_BODY_BUFFER },
		{ "words", "word ", 20000 },
		{ "words with tabs", "word\t \tto ", 20000 },
		{ "lines", "a line of it\r\n", 10000 },
		{ "blanks", " ", 100000 },
		{ "CRs", "\r", 100000 },
		{ "LFs", "\n", 100000 },
		{ "line ends", "\r\n", 100000 },
		{ "blanks and line ends", " \r\n", 50000 },
	};
	static const char *const ends[] = { "", "x", "\r\n", " ", "\r" };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t e = 0; e < sizeof(ends) / sizeof(ends[0]); e++) {
			size_t unit = strlen(rows[i].unit);
			size_t len = unit * rows[i].count;
			char *text = malloc(len + 3);

			assert_non_null(text);
			for (size_t u = 0; u < rows[i].count; u++)
				memcpy(text + u * unit, rows[i].unit, unit);
			memcpy(text + len, ends[e], strlen(ends[e]));
			len += strlen(ends[e]);
			for (int relaxed = 0; relaxed < 2; relaxed++) {
				struct dkim_body body;
				size_t all;
				char *slow =
					slow_body(text, len, relaxed, &all);

				feed(&body, relaxed, 777, text, len, len / 3,
				     len / 2);
				if (!is_hashed(&body, DKIM_HASH_SHA1, relaxed,
					       DKIM_BODY_ALL, slow, all) ||
				    !is_hashed(&body, DKIM_HASH_SHA256, relaxed,
					       777, slow,
					       all < 777 ? all : 777))
					fail_msg("%s, %zu", rows[i].claim, e);
				dkim_body_done(&body);
				free(slow);
			}
			free(text);
		}
}

static void what_is_wanted_twice_is_made_once(void **state)
{
	struct dkim_body body = { 0 };
	unsigned char digest[DKIM_BODY_HASH_SIZE] = { 0 };

	(void)state;
	for (int twice = 0; twice < 2; twice++)
		for (uint64_t part = 0; part < DKIM_BODY_HASHES; part++)
			assert_true(dkim_body_want(&body, DKIM_HASH_SHA256,
						   true, part));
	assert_false(dkim_body_want(&body, DKIM_HASH_SHA256, true,
				    DKIM_BODY_HASHES));
	assert_false(dkim_body_want(&body, DKIM_HASH_SHA256, false, 0));
	dkim_body_feed(&body, "text", 4);
	dkim_body_end(&body);
	assert_int_equal(dkim_body_compare(&body, DKIM_HASH_SHA256, true, 1,
					   digest),
			 DKIM_BODY_OTHER);
	assert_int_equal(dkim_body_compare(&body, DKIM_HASH_SHA256, false, 1,
					   digest),
			 DKIM_BODY_UNKNOWN);
	assert_int_equal(dkim_body_compare(&body, DKIM_HASH_SHA1, true, 1,
					   digest),
			 DKIM_BODY_UNKNOWN);
	dkim_body_done(&body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rfcs_example),
		cmocka_unit_test(all_short_bodies),
		cmocka_unit_test(long_lines_and_many_ends),
		cmocka_unit_test(what_is_wanted_twice_is_made_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
