/*
 * test_dns_net.c - the resolver and a server that is not always nice.
 */
#include "lists/dns.h"

#include "lists/dns_net.h"
#include "tests/unit/dns_scene.h"

#include <pthread.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* --- one question, one answer ------------------------------------------ */

static const struct row {
	const char *claim;
	const char *name;
	enum dns_type type;
	enum dns_status status;
	size_t tcp; /* queries over TCP that it took */
} rows[] = {
	{ "an address is found", "ok.test", DNS_A, DNS_FOUND, 0 },
	{ "case does not matter", "OK.Test.", DNS_A, DNS_FOUND, 0 },
	{ "no such name", "nx.test", DNS_A, DNS_NXDOMAIN, 0 },
	{ "a name without such records", "nodata.test", DNS_MX, DNS_NODATA, 0 },
	{ "a server that fails", "servfail.test", DNS_A, DNS_SERVFAIL, 0 },
	{ "one that refuses", "refused.test", DNS_A, DNS_REFUSED, 0 },
	{ "one that does not understand", "formerr.test", DNS_A, DNS_FORMERR,
	  0 },
	{ "one that knows no EDNS", "plain.test", DNS_A, DNS_FOUND, 0 },
	{ "one that is silent", "silent.test", DNS_A, DNS_TIMEOUT, 0 },
	{ "a reply with another id is none", "wrongid.test", DNS_A, DNS_TIMEOUT,
	  0 },
	{ "nor is one to another question", "wrongquestion.test", DNS_A,
	  DNS_TIMEOUT, 0 },
	{ "nor is garbage", "garbage.test", DNS_A, DNS_TIMEOUT, 0 },
	{ "a reply cut off is asked for over TCP", "cut.test", DNS_A,
	  DNS_GARBLED, 1 },
	{ "a truncated one, too", "truncatedudp.test", DNS_A, DNS_FOUND, 1 },
	{ "truncated over TCP as well", "truncated.test", DNS_A, DNS_TRUNCATED,
	  1 },
	{ "6,000 bytes of text are too many", "big.test", DNS_TXT,
	  DNS_TOO_LARGE, 1 },
	{ "so are 60,000", "huge.test", DNS_TXT, DNS_TOO_LARGE, 1 },
	{ "and 1,000 records", "many.test", DNS_A, DNS_TOO_LARGE, 1 },
	{ "a pointer to itself", "pointers.test", DNS_A, DNS_GARBLED, 1 },
	{ "a CNAME and its target", "chain.test", DNS_A, DNS_FOUND, 0 },
	{ "a CNAME alone is followed", "alias.test", DNS_A, DNS_FOUND, 0 },
	{ "a CNAME to itself", "loop.test", DNS_A, DNS_LOOP, 0 },
	{ "CNAMEs without end", "endless.test", DNS_A, DNS_LOOP, 0 },
	{ "what is no name is not asked", "a..b", DNS_A, DNS_INVALID, 0 },
};

static void test_rows(void **state)
{
	struct dns_scene *scene = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		size_t tcp = fakedns_tcp(scene->fake);
		struct dns_answer *answer;

		answer = dns_wait(scene->dns, row->name, row->type, 0);
		tcp = fakedns_tcp(scene->fake) - tcp;
		if (answer->status != row->status || tcp != row->tcp)
			fail_msg("%s: %s, %zu over TCP", row->claim,
				 dns_status_name(answer->status), tcp);
		dns_answer_unref(answer);
	}
}

static void test_answer(void **state)
{
	struct dns_scene *scene = *state;
	struct dns_answer *answer;

	answer = dns_wait(scene->dns, "alias.test", DNS_A, 0);
	assert_int_equal(answer->count, 1);
	assert_int_equal(answer->cnames, 1);
	assert_string_equal(answer->canonical, "ok.test");
	assert_int_equal(answer->ttl, 20); /* the CNAME's */
	assert_memory_equal(answer->records[0].ip.bytes, "\xc0\0\2\1", 4);
	dns_answer_unref(answer);
}

/* On every channel, whatever c-ares has learned there before. */
static void test_no_edns(void **state)
{
	struct dns_scene *scene = *state;
	struct dns_answer *answer;
	char name[32];

	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "plain-%d.test", i);
		answer = dns_wait(scene->dns, name, DNS_A, 0);
		assert_int_equal(answer->status, DNS_FOUND);
		dns_answer_unref(answer);
	}
}

/* A datagram of no bytes: what becomes of it is c-ares' choice. */
static void test_empty(void **state)
{
	struct dns_scene *scene = *state;
	struct dns_answer *answer =
		dns_wait(scene->dns, "empty.test", DNS_A, 0);

	assert_false(dns_status_is_known(answer->status));
}

/* --- the cache, and questions in flight --------------------------------- */

static void test_cached(void **state)
{
	static const char *const names[] = { "ok.test", "nx.test",
					     "nodata.test", "servfail.test" };
	struct dns_scene *scene = *state;
	struct dns_stats stats;
	size_t queries;

	for (size_t i = 0; i < 4; i++)
		dns_answer_unref(dns_wait(scene->dns, names[i], DNS_A, 0));
	queries = fakedns_queries(scene->fake);
	for (size_t i = 0; i < 4; i++)
		dns_answer_unref(dns_wait(scene->dns, names[i], DNS_A, 0));
	assert_int_equal(fakedns_queries(scene->fake), queries);
	dns_stats(scene->dns, &stats);
	assert_int_equal(stats.asked, 8);
	assert_int_equal(stats.cached, 4);
	assert_int_equal(stats.queries, 4);
	assert_int_equal(stats.cache_entries, 4);

	dns_flush(scene->dns);
	dns_answer_unref(dns_wait(scene->dns, names[0], DNS_A, 0));
	assert_int_equal(fakedns_queries(scene->fake), queries + 1);
}

static void test_joined(void **state)
{
	struct dns_scene *scene = *state;
	struct dns_asker askers[40];
	struct tally tally = TALLY;
	struct dns_stats stats;

	tally_ask(&tally, scene->dns, "hold", false, askers, 40);
	fakedns_wait(scene->fake, 1);
	fakedns_release(scene->fake);
	tally_wait(&tally);
	assert_int_equal(tally.status[DNS_FOUND], 40);
	assert_int_equal(fakedns_queries(scene->fake), 1);
	dns_stats(scene->dns, &stats);
	assert_int_equal(stats.joined, 39);
}

/*
 * D7: a forger must not find all questions behind one port.  How many are
 * used while 48 wait, and then for 20 one after the other?
 */
static void count_ports(struct fakedns *fake, bool many, size_t *ret_waiting,
			size_t *ret_more)
{
	struct dns_settings settings = { .servers = fakedns_address(fake),
					 .many_ports = many };
	char error[DNS_ERROR_SIZE];
	struct dns *dns = dns_open(&settings, error);
	struct dns_asker askers[48];
	struct tally tally = TALLY;
	char name[32];

	tally_ask(&tally, dns, "hold", true, askers, 48);
	fakedns_wait(fake, 48);
	*ret_waiting = fakedns_ports(fake);
	fakedns_release(fake);
	tally_wait(&tally);
	assert_int_equal(tally.status[DNS_FOUND], 48);
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "ok-%d.test", i);
		dns_answer_unref(dns_wait(dns, name, DNS_A, 0));
	}
	*ret_more = fakedns_ports(fake) - *ret_waiting;
	dns_close(dns);
}

static void test_ports(void **state)
{
	struct dns_scene *scene = *state;
	size_t waiting, more;

	count_ports(scene->fake, true, &waiting, &more);
	assert_int_equal(waiting, 48 / DNS_NET_QUERIES_PER_PORT);
	/* each a port of its own, but the system may choose one again */
	assert_true(more >= 15);
}

static void test_ports_local(void **state)
{
	struct dns_scene *scene = *state;
	size_t waiting, more;

	count_ports(scene->fake, false, &waiting, &more);
	assert_int_equal(waiting, DNS_NET_CHANNELS_LOCAL);
	assert_int_equal(more, 0);
}

/* More than a port, or a channel, is for. */
static void test_renewed(void **state)
{
	const size_t n = 3 * DNS_NET_CHANNELS_LOCAL * DNS_NET_QUERIES_LOCAL;
	struct dns_scene *scene = *state;
	struct dns_answer *answer;
	char name[32];

	for (size_t i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "ok-%zu.test", i);
		answer = dns_wait(scene->dns, name, DNS_A, 0);
		assert_int_equal(answer->status, DNS_FOUND);
		dns_answer_unref(answer);
	}
	assert_in_range(fakedns_ports(scene->fake),
			2 * DNS_NET_CHANNELS_LOCAL + 1,
			3 * DNS_NET_CHANNELS_LOCAL);
}

/* --- giving up ----------------------------------------------------------- */

static void never(struct dns_asker *asker, struct dns_answer *answer)
{
	(void)asker;
	(void)answer;
	abort();
}

static void test_give_up(void **state)
{
	struct dns_scene *scene = *state;
	struct dns_asker quitter = { .done = never }, asker;
	struct tally tally = TALLY;

	assert_null(dns_ask(scene->dns, "hold-0.test", DNS_A, 0, &quitter));
	tally_ask(&tally, scene->dns, "hold", false, &asker, 1);
	fakedns_wait(scene->fake, 1);
	assert_true(dns_give_up(scene->dns, &quitter));
	fakedns_release(scene->fake);
	tally_wait(&tally);
	assert_int_equal(tally.status[DNS_FOUND], 1);
	assert_false(dns_give_up(scene->dns, &asker));
	assert_int_equal(fakedns_queries(scene->fake), 1);
}

/* Each has his own deadline; the question goes on for the others. */
static void test_deadlines(void **state)
{
	struct dns_scene *scene = *state;
	struct dns_asker asker;
	struct tally tally = TALLY;
	struct dns_answer *answer;

	tally_ask(&tally, scene->dns, "hold", false, &asker, 1);
	answer = dns_wait(scene->dns, "hold-0.test", DNS_A, 10);
	assert_int_equal(answer->status, DNS_TIMEOUT);
	fakedns_release(scene->fake);
	tally_wait(&tally);
	assert_int_equal(tally.status[DNS_FOUND], 1);
	/* the late answer is known now */
	answer = dns_wait(scene->dns, "hold-0.test", DNS_A, 10);
	assert_int_equal(answer->status, DNS_FOUND);
	dns_answer_unref(answer);
}

static void test_closed_while_asking(void **state)
{
	struct dns_scene *scene = *state;
	struct dns_asker askers[20];
	struct tally tally = TALLY;

	tally_ask(&tally, scene->dns, "silent", true, askers, 20);
	dns_close(scene->dns);
	scene->dns = NULL;
	assert_int_equal(tally.status[DNS_STOPPED], 20);
}

static void test_busy(void **state)
{
	struct dns_scene *scene = *state;
	struct dns_settings settings = {
		.servers = fakedns_address(scene->fake),
		.max_flights = 8,
	};
	char error[DNS_ERROR_SIZE];
	struct dns *dns = dns_open(&settings, error);
	struct dns_asker askers[12];
	struct tally tally = TALLY;

	tally_ask(&tally, dns, "hold", true, askers, 12);
	fakedns_wait(scene->fake, 8);
	fakedns_release(scene->fake);
	tally_wait(&tally);
	assert_int_equal(tally.status[DNS_FOUND], 8);
	assert_int_equal(tally.status[DNS_BUSY], 4);
	dns_close(dns);
}

/* --- many threads --------------------------------------------------------- */

static void *hammer(void *arg)
{
	struct dns *dns = arg;
	static const char *const begin[] = { "ok",	 "nx",	"nodata",
					     "servfail", "cut", "chain" };

	for (unsigned i = 0; i < 120; i++) {
		struct dns_asker quitter = { .done = NULL };
		struct dns_answer *answer;
		struct tally tally = TALLY;
		char name[64];

		snprintf(name, sizeof(name), "%s-%u.test", begin[i % 6], i);
		quitter.done = tally_done;
		quitter.context = &tally;
		tally.left = 1;
		answer = dns_ask(dns, name, DNS_A, 0, &quitter);
		if (answer)
			dns_answer_unref(answer);
		else if (i % 3 == 0)
			dns_give_up(dns, &quitter);
		else {
			tally_wait(&tally);
			dns_give_up(dns, &quitter);
		}
		answer = dns_wait(dns, name, DNS_A, 1 + i % 50);
		dns_answer_unref(answer);
		if (i % 40 == 0)
			dns_flush(dns);
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct dns_scene *scene = *state;
	pthread_t threads[4];

	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hammer,
						scene->dns),
				 0);
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

#define TEST(name)                                              \
	cmocka_unit_test_setup_teardown(name, dns_scene_set_up, \
					dns_scene_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_rows),      TEST(test_answer),
		TEST(test_no_edns),   TEST(test_empty),
		TEST(test_cached),    TEST(test_joined),
		TEST(test_ports),     TEST(test_ports_local),
		TEST(test_renewed),   TEST(test_give_up),
		TEST(test_deadlines), TEST(test_closed_while_asking),
		TEST(test_busy),      TEST(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
