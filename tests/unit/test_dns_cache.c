/*
 * test_dns_cache.c - answers that need not be asked for again yet.
 */
#include "lists/dns_cache.h"

#include <pthread.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct dns_answer *answer_of(enum dns_status status, uint32_t ttl,
				    size_t size)
{
	struct dns_answer *answer = calloc(1, size);

	assert_non_null(answer);
	*answer = (struct dns_answer){ .status = status,
				       .ttl = ttl,
				       .size = size,
				       .canonical = "",
				       .refs = 1 };
	return answer;
}

static struct dns_question question_of(const char *name, enum dns_type type)
{
	struct dns_question question = { .type = type };

	assert_int_equal(dns_name_parse(name, strlen(name), &question.name), 0);
	return question;
}

static const struct {
	const char *claim;
	enum dns_status status;
	uint32_t ttl, kept;
} rows[] = {
	{ "records stay for their TTL", DNS_FOUND, 300, 300 },
	{ "but for a second at least", DNS_FOUND, 0, 1 },
	{ "and for a day at most", DNS_FOUND, 604800, 86400 },
	{ "no such name", DNS_NXDOMAIN, 60, 60 },
	{ "which is never for long", DNS_NXDOMAIN, 86400, 900 },
	{ "nor is no such record", DNS_NODATA, 86400, 900 },
	{ "no without an SOA record", DNS_NXDOMAIN, 0, 1 },
	{ "failures are kept shortly", DNS_SERVFAIL, 0, 5 },
	{ "so is silence", DNS_TIMEOUT, 0, 5 },
	{ "and what is too large", DNS_TOO_LARGE, 0, 5 },
	{ "what the resolver itself says is not kept", DNS_BREAKER, 0, 0 },
	{ "neither this", DNS_BUSY, 0, 0 },
	{ "nor that", DNS_STOPPED, 0, 0 },
};

static void test_ttl(void **state)
{
	struct dns_question question = question_of("a.test", DNS_A);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dns_cache *cache = dns_cache_new(1 << 20);
		uint64_t end = 1000 + (uint64_t)rows[i].kept * 1000;
		struct dns_answer *answer =
			answer_of(rows[i].status, rows[i].ttl, 200);
		struct dns_answer *got;

		assert_int_equal(dns_cache_ttl(answer), rows[i].kept);
		dns_cache_put(cache, &question, answer, 1000);
		got = dns_cache_get(cache, &question, end - 1);
		if ((got != NULL) != (rows[i].kept > 0))
			fail_msg("%s", rows[i].claim);
		if (got)
			assert_ptr_equal(got, answer);
		dns_answer_unref(got);
		if (dns_cache_get(cache, &question, end))
			fail_msg("%s: too long", rows[i].claim);
		dns_answer_unref(answer);
		dns_cache_free(cache);
	}
}

static void test_keys(void **state)
{
	struct dns_cache *cache = dns_cache_new(1 << 20);
	struct dns_question a = question_of("a.test", DNS_A);
	struct dns_question mx = question_of("a.test", DNS_MX);
	struct dns_question b = question_of("b.test", DNS_A);
	struct dns_answer *first = answer_of(DNS_FOUND, 60, 100);
	struct dns_answer *second = answer_of(DNS_FOUND, 60, 100);
	struct dns_answer *got;

	(void)state;
	dns_cache_put(cache, &a, first, 0);
	assert_null(dns_cache_get(cache, &mx, 0));
	assert_null(dns_cache_get(cache, &b, 0));
	dns_cache_put(cache, &a, second, 0); /* the newer counts */
	got = dns_cache_get(cache, &a, 0);
	assert_ptr_equal(got, second);
	dns_answer_unref(got);
	dns_answer_unref(first);
	dns_answer_unref(second);
	dns_cache_flush(cache);
	assert_null(dns_cache_get(cache, &a, 0));
	dns_cache_free(cache);
}

/* However many come, it does not grow; what is used stays. */
static void test_bounded(void **state)
{
	const size_t max = 1 << 20;
	struct dns_cache *cache = dns_cache_new(max);
	struct dns_question used = question_of("used.test", DNS_A);
	struct dns_answer *answer = answer_of(DNS_FOUND, 600, 300), *got;
	struct dns_cache_stats stats;

	(void)state;
	dns_cache_put(cache, &used, answer, 0);
	for (int i = 0; i < 20000; i++) {
		char name[32];
		struct dns_question question;

		snprintf(name, sizeof(name), "n%d.test", i);
		question = question_of(name, DNS_A);
		dns_cache_put(cache, &question, answer, 0);
		if (i % 20 == 0) {
			got = dns_cache_get(cache, &used, 0);
			assert_ptr_equal(got, answer);
			dns_answer_unref(got);
		}
		if (i % 500 == 0) {
			dns_cache_stats(cache, &stats);
			assert_true(stats.bytes <= max);
		}
	}
	dns_cache_stats(cache, &stats);
	assert_true(stats.entries > 1500 && stats.entries < 20000);
	assert_int_equal(stats.evicted + stats.entries, 20001);
	assert_int_equal(stats.hits, 1000);
	dns_answer_unref(answer);
	dns_cache_free(cache);
}

static void test_too_large(void **state)
{
	struct dns_cache *cache = dns_cache_new(64 * 1024);
	struct dns_question question = question_of("a.test", DNS_A);
	struct dns_answer *answer = answer_of(DNS_FOUND, 600, 8192);
	struct dns_cache_stats stats;

	(void)state;
	dns_cache_put(cache, &question, answer, 0);
	assert_null(dns_cache_get(cache, &question, 0));
	dns_cache_stats(cache, &stats);
	assert_int_equal(stats.entries, 0);
	dns_answer_unref(answer);
	dns_cache_free(cache);
	cache = dns_cache_new(0);
	dns_cache_put(cache, &question, dns_answer_of(DNS_TIMEOUT), 0);
	assert_null(dns_cache_get(cache, &question, 0));
	dns_cache_free(cache);
}

static void *churn(void *arg)
{
	struct dns_cache *cache = arg;

	for (int i = 0; i < 3000; i++) {
		char name[32];
		struct dns_question question;
		struct dns_answer *answer;

		snprintf(name, sizeof(name), "n%d.test", i % 500);
		question = question_of(name, DNS_A);
		answer = dns_cache_get(cache, &question, (uint64_t)i);
		if (!answer) {
			answer = answer_of(DNS_FOUND, 1, 200);
			dns_cache_put(cache, &question, answer, (uint64_t)i);
		}
		assert_int_equal(answer->status, DNS_FOUND);
		dns_answer_unref(answer);
		if (i % 1000 == 0)
			dns_cache_flush(cache);
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct dns_cache *cache = dns_cache_new(128 * 1024);
	pthread_t threads[4];

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, churn,
						cache),
				 0);
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	dns_cache_free(cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ttl),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
