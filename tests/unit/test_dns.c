/*
 * test_dns.c - the resolver over a zone: no sockets, real threads.
 */
#include "lists/dns.h"

#include "lists/dns_zonefile.h"

#include <pthread.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const char text[] = "a A 192.0.2.1\n"
			   "slow A 192.0.2.2\nslow DELAY 30ms\n"
			   "slower A 192.0.2.3\nslower DELAY 10s\n"
			   "silent TIMEOUT\n"
			   "failing SERVFAIL\n";

struct world {
	struct dns_zone *zone;
	struct dns *dns;
};

static int set_up(void **state)
{
	static struct world world;
	char error[DNS_ERROR_SIZE > DNS_ZONEFILE_ERROR_SIZE
			   ? DNS_ERROR_SIZE
			   : DNS_ZONEFILE_ERROR_SIZE];
	struct dns_settings settings = { .timeout_ms = 60 };

	world.zone = dns_zonefile_parse("zone", text, strlen(text), error);
	assert_non_null(world.zone);
	settings.zone = world.zone;
	world.dns = dns_open(&settings, error);
	assert_non_null(world.dns);
	*state = &world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;

	dns_close(world->dns);
	dns_zone_free(world->zone);
	return 0;
}

static void test_answers(void **state)
{
	struct world *world = *state;
	static const struct {
		const char *name;
		enum dns_status status;
	} rows[] = {
		{ "a", DNS_FOUND },	   { "b", DNS_NXDOMAIN },
		{ "slow", DNS_FOUND },	   { "slower", DNS_TIMEOUT },
		{ "silent", DNS_TIMEOUT }, { "failing", DNS_SERVFAIL },
		{ "", DNS_INVALID },	   { "a..b", DNS_INVALID },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dns_answer *answer;

		answer = dns_wait(world->dns, rows[i].name, DNS_A, 0);
		if (answer->status != rows[i].status)
			fail_msg("\"%s\": %s", rows[i].name,
				 dns_status_name(answer->status));
		dns_answer_unref(answer);
	}
}

/* Failing names neither open a breaker nor are remembered. */
static void test_no_breaker(void **state)
{
	struct world *world = *state;
	struct dns_answer *answer;
	struct dns_stats stats;

	for (int i = 0; i < 100; i++) {
		answer = dns_wait(world->dns, "failing", DNS_A, 0);
		assert_int_equal(answer->status, DNS_SERVFAIL);
	}
	dns_stats(world->dns, &stats);
	assert_int_equal(stats.breaker_opened, 0);
	assert_int_equal(stats.cache_entries, 0);
	assert_int_equal(stats.asked, 100);
	assert_int_equal(stats.queries, 0);
	assert_int_equal(stats.answers[DNS_SERVFAIL], 100);
}

/* --- callbacks that do what callbacks may do ------------------------------ */

struct story {
	struct dns_asker asker, other;
	struct dns *dns;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t told;
	int calls;
	bool over;
};

static void end_story(struct story *story)
{
	pthread_mutex_lock(&story->lock);
	story->over = true;
	pthread_cond_signal(&story->told);
	pthread_mutex_unlock(&story->lock);
}

static void wait_story(struct story *story)
{
	pthread_mutex_lock(&story->lock);
	while (!story->over)
		pthread_cond_wait(&story->told, &story->lock);
	pthread_mutex_unlock(&story->lock);
	dns_give_up(story->dns, &story->asker); /* its callback has ended */
}

static void begin_story(struct story *story, struct dns *dns,
			void (*done)(struct dns_asker *, struct dns_answer *))
{
	memset(story, 0, sizeof(*story));
	story->dns = dns;
	pthread_mutex_init(&story->lock, NULL);
	pthread_cond_init(&story->told, NULL);
	story->asker.done = done;
	story->asker.context = story;
}

/* Asks again, with the same asker, three times. */
static void ask_again(struct dns_asker *asker, struct dns_answer *answer)
{
	struct story *story = asker->context;

	dns_answer_unref(answer);
	assert_false(pthread_equal(pthread_self(), story->thread));
	if (++story->calls == 3)
		end_story(story);
	else
		assert_null(dns_ask(story->dns, "a", DNS_A, 0, asker));
}

static void test_ask_in_callback(void **state)
{
	struct world *world = *state;
	struct story story;

	begin_story(&story, world->dns, ask_again);
	story.thread = pthread_self();
	assert_null(dns_ask(world->dns, "a", DNS_A, 0, &story.asker));
	wait_story(&story);
	assert_int_equal(story.calls, 3);
}

static void never(struct dns_asker *asker, struct dns_answer *answer)
{
	(void)asker;
	(void)answer;
	abort();
}

static void give_up_other(struct dns_asker *asker, struct dns_answer *answer)
{
	struct story *story = asker->context;

	dns_answer_unref(answer);
	assert_true(dns_give_up(story->dns, &story->other));
	assert_false(dns_give_up(story->dns, asker));
	end_story(story);
}

static void test_give_up_in_callback(void **state)
{
	struct world *world = *state;
	struct story story;

	begin_story(&story, world->dns, give_up_other);
	story.other.done = never;
	assert_null(dns_ask(world->dns, "slow", DNS_A, 0, &story.asker));
	assert_null(dns_ask(world->dns, "slow", DNS_A, 0, &story.other));
	wait_story(&story);
}

static void free_it(struct dns_asker *asker, struct dns_answer *answer)
{
	struct story *story = asker->context;

	dns_answer_unref(answer);
	free(asker);
	end_story(story);
}

static void test_free_in_callback(void **state)
{
	struct world *world = *state;
	struct dns_asker *asker = calloc(1, sizeof(*asker));
	struct story story;

	begin_story(&story, world->dns, NULL);
	asker->done = free_it;
	asker->context = &story;
	assert_null(dns_ask(world->dns, "a", DNS_A, 0, asker));
	wait_story(&story);
}

/* Who closes while others ask answers them. */
static void stopped(struct dns_asker *asker, struct dns_answer *answer)
{
	struct story *story = asker->context;

	assert_int_equal(answer->status, DNS_STOPPED);
	/* and there is nothing more to ask */
	assert_int_equal(dns_ask(story->dns, "a", DNS_A, 0, asker)->status,
			 DNS_STOPPED);
	story->calls++;
}

static void test_close(void **state)
{
	struct world *world = *state;
	struct story story;

	begin_story(&story, world->dns, stopped);
	assert_null(dns_ask(world->dns, "slower", DNS_A, 0, &story.asker));
	dns_close(world->dns);
	world->dns = NULL;
	assert_int_equal(story.calls, 1);
}

/* --- opening -------------------------------------------------------------- */

static void test_settings(void **state)
{
	static const struct {
		const char *servers, *bind, *error;
	} rows[] = {
		{ "localhost", NULL, "\"localhost\" is no address of a DNS" },
		{ "127.0.0.1", "eth0", "\"eth0\" cannot be bound to" },
		{ "127.0.0.1", "127.0.0.1, 127.0.0.2", "\"127.0.0.2\" cannot" },
	};
	char error[DNS_ERROR_SIZE];
	struct dns_settings settings = { .servers = "127.0.0.1, [::1]:5353",
					 .bind = "127.0.0.1, ::1" };
	struct dns *dns;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dns_settings wrong = { .servers = rows[i].servers,
					      .bind = rows[i].bind };

		assert_null(dns_open(&wrong, error));
		assert_memory_equal(error, rows[i].error,
				    strlen(rows[i].error));
	}
	dns = dns_open(&settings, error);
	assert_non_null(dns);
	assert_true(dns_is_local(dns));
	dns_close(dns);
	settings.servers = "127.0.0.1, 192.0.2.1";
	dns = dns_open(&settings, error);
	assert_non_null(dns);
	assert_false(dns_is_local(dns));
	dns_close(dns);
	dns_close(NULL);
}

/* What stands in front is asked first, by name and type. */
static void test_front(void **state)
{
	static const struct {
		const char *name;
		enum dns_type type;
		enum dns_status status;
		uint8_t last; /* byte of the address */
	} rows[] = {
		{ "a", DNS_A, DNS_FOUND, 9 },	 { "A", DNS_A, DNS_FOUND, 9 },
		{ "a", DNS_TXT, DNS_FOUND, 0 },	 { "b", DNS_A, DNS_FOUND, 2 },
		{ "c", DNS_A, DNS_NXDOMAIN, 0 }, { "x.d", DNS_A, DNS_FOUND, 4 },
	};
	static const char behind[] = "a A 192.0.2.1\na TXT \"x\"\n"
				     "b A 192.0.2.2\nc A 192.0.2.3\n"
				     "x.d A 192.0.2.4\n";
	static const char front[] = "a A 192.0.2.9\nc NXDOMAIN\n"
				    "*.d A 192.0.2.9\n";
	char error[DNS_ZONEFILE_ERROR_SIZE];
	struct dns_zone *zones[] = {
		dns_zonefile_parse("behind", behind, strlen(behind), error),
		dns_zonefile_parse("front", front, strlen(front), error),
	};
	const struct dns_settings settings = { .zone = zones[0],
					       .front = zones[1] };
	struct dns *dns = dns_open(&settings, error);

	(void)state;
	assert_non_null(dns);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dns_answer *answer;

		answer = dns_wait(dns, rows[i].name, rows[i].type, 0);
		assert_int_equal(answer->status, rows[i].status);
		if (rows[i].last != 0)
			assert_int_equal(answer->records[0].ip.bytes[3],
					 rows[i].last);
		dns_answer_unref(answer);
	}
	dns_close(dns);
	dns_zone_free(zones[0]);
	dns_zone_free(zones[1]);
}

static void test_environment(void **state)
{
	static const char *const names[] = { "HOSTALIASES", "RES_OPTIONS",
					     "LOCALDOMAIN" };
	struct dns_settings settings = { .servers = "127.0.0.1" };
	char error[DNS_ERROR_SIZE];

	(void)state;
	for (size_t i = 0; i < 3; i++)
		setenv(names[i], "x", 1);
	dns_close(dns_open(&settings, error));
	for (size_t i = 0; i < 3; i++)
		assert_null(getenv(names[i]));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_answers),
		TEST(test_no_breaker),
		TEST(test_ask_in_callback),
		TEST(test_give_up_in_callback),
		TEST(test_free_in_callback),
		TEST(test_close),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_front),
		cmocka_unit_test(test_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
