/*
 * test_dns_away.c - the resolver and servers that fail, or are not there.
 */
#include "lists/dns.h"

#include "tests/unit/dns_scene.h"

#include <poll.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

static void test_failover(void **state)
{
	struct dns_scene *scene = *state;
	struct fakedns *second = fakedns_start();
	char servers[80], name[32];
	struct dns_answer *answer;
	struct dns_stats stats;
	struct dns *dns;

	snprintf(servers, sizeof(servers), "%s, %s",
		 fakedns_address(scene->fake), fakedns_address(second));
	dns = dns_scene_open(servers, 0);

	/* one that fails is asked first, the other answers */
	fakedns_fail(scene->fake, 2);
	answer = dns_wait(dns, "ok.test", DNS_A, 0);
	assert_int_equal(answer->status, DNS_FOUND);
	dns_answer_unref(answer);
	assert_int_equal(fakedns_queries(scene->fake), 1);
	assert_int_equal(fakedns_queries(second), 1);

	/* one that is silent loses its place */
	fakedns_mute(scene->fake, true);
	for (int i = 0; i < 8; i++) {
		snprintf(name, sizeof(name), "ok-%d.test", i);
		answer = dns_wait(dns, name, DNS_A, 0);
		assert_int_equal(answer->status, DNS_FOUND);
		dns_answer_unref(answer);
	}
	dns_stats(dns, &stats);
	assert_int_equal(stats.failovers, 1);
	assert_int_equal(fakedns_queries(scene->fake), 1 + 5);
	dns_close(dns);
	fakedns_stop(second);
}

static void test_nobody_there(void **state)
{
	struct fakedns *gone = fakedns_start();
	struct dns_answer *answer;
	char servers[40];
	struct dns *dns;

	(void)state;
	snprintf(servers, sizeof(servers), "%s", fakedns_address(gone));
	fakedns_stop(gone);
	dns = dns_scene_open(servers, 0);
	answer = dns_wait(dns, "ok.test", DNS_A, 0);
	assert_int_equal(answer->status, DNS_UNREACHABLE);
	dns_close(dns);
}

/* Opens after 20 failures, answers at once, closes when a probe succeeds. */
static void check_breaker(struct dns_scene *scene)
{
	struct dns *dns = dns_scene_open(fakedns_address(scene->fake), 30);
	struct dns_asker askers[20];
	struct tally tally = TALLY;
	struct dns_answer *answer;
	struct dns_stats stats;
	uint64_t start;

	tally_ask(&tally, dns, "ok", true, askers, 20);
	tally_wait(&tally);
	/* the askers heard first, by their own deadline */
	do {
		poll(NULL, 0, 1);
		dns_stats(dns, &stats);
	} while (stats.flights > 0 && stats.breaker_opened == 0);
	assert_int_equal(stats.breaker, DNS_BREAKER_IS_OPEN);

	start = dns_now_ms();
	for (int i = 0; i < 100; i++) {
		answer = dns_wait(dns, "ok.test", DNS_A, 0);
		assert_int_equal(answer->status, DNS_BREAKER);
	}
	assert_true(dns_now_ms() - start < 50);

	fakedns_mute(scene->fake, false);
	fakedns_fail(scene->fake, 0);
	do {
		poll(NULL, 0, 5);
		dns_stats(dns, &stats);
	} while (stats.breaker == DNS_BREAKER_IS_OPEN);
	answer = dns_wait(dns, "ok.test", DNS_A, 0);
	assert_int_equal(answer->status, DNS_FOUND);
	dns_answer_unref(answer);
	assert_int_equal(stats.breaker_opened, 1);
	assert_true(stats.probes > 0);
	dns_close(dns);
}

static void test_breaker_silent(void **state)
{
	struct dns_scene *scene = *state;

	fakedns_mute(scene->fake, true);
	check_breaker(scene);
}

static void test_breaker_servfail(void **state)
{
	struct dns_scene *scene = *state;

	fakedns_fail(scene->fake, 2);
	check_breaker(scene);
}

/* Names that fail one after the other do not open it if the root is there. */
static void test_breaker_stranger(void **state)
{
	struct dns_scene *scene = *state;
	struct dns *dns = dns_scene_open(fakedns_address(scene->fake), 30);
	struct dns_answer *answer;
	struct dns_stats stats;

	for (int i = 0; i < 60; i++) {
		char name[32];

		snprintf(name, sizeof(name), "servfail-%d.test", i);
		answer = dns_wait(dns, name, DNS_A, 0);
		assert_int_equal(answer->status, DNS_SERVFAIL);
	}
	dns_stats(dns, &stats);
	assert_int_equal(stats.breaker_opened, 0);
	assert_true(stats.probes >= 2);
	dns_close(dns);
}

#define TEST(name)                                              \
	cmocka_unit_test_setup_teardown(name, dns_scene_set_up, \
					dns_scene_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_failover),	     TEST(test_nobody_there),
		TEST(test_breaker_silent),   TEST(test_breaker_servfail),
		TEST(test_breaker_stranger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
