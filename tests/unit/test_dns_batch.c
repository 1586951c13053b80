/*
 * test_dns_batch.c - many questions, one deadline.
 */
#include "lists/dns_batch.h"

#include "lists/dns_zonefile.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const char text[] = "1.2.0.192.in-addr.arpa PTR one.test.\n"
			   "1.2.0.192.in-addr.arpa PTR two.test.\n"
			   "one.test A 192.0.2.1\n"
			   "two.test A 192.0.2.2\n"
			   "two.test DELAY 5ms\n"
			   "*.fast.test A 192.0.2.3\n"
			   "*.slow.test A 192.0.2.4\n"
			   "*.slow.test DELAY 20ms\n"
			   "*.hold.test TIMEOUT\n"
			   "silent.test TIMEOUT\n";

struct world {
	struct dns_zone *zone;
	struct dns *dns;
	struct dns_batch *batch;
};

static int set_up(void **state)
{
	static struct world world;
	char error[DNS_ZONEFILE_ERROR_SIZE];
	struct dns_settings settings = { .timeout_ms = 5000 };

	world.zone = dns_zonefile_parse("zone", text, strlen(text), error);
	assert_non_null(world.zone);
	settings.zone = world.zone;
	world.dns = dns_open(&settings, error);
	assert_non_null(world.dns);
	world.batch = dns_batch_new(world.dns);
	assert_non_null(world.batch);
	*state = &world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;

	dns_batch_free(world->batch);
	dns_close(world->dns);
	dns_zone_free(world->zone);
	return 0;
}

static bool wait(struct world *world)
{
	return dns_batch_wait(world->batch, dns_now_ms() + 4000);
}

/* They run at the same time: 60 × 20 ms are not 1,200 ms. */
static void test_together(void **state)
{
	struct world *world = *state;
	uint64_t start = dns_now_ms();

	for (int i = 0; i < 60; i++) {
		char name[32];

		snprintf(name, sizeof(name), "n%d.slow.test", i);
		assert_int_equal(dns_batch_ask(world->batch, name, DNS_A, NULL,
					       NULL),
				 i);
	}
	assert_true(wait(world));
	assert_true(dns_now_ms() - start < 600);
	for (int i = 0; i < 60; i++)
		assert_int_equal(dns_batch_answer(world->batch, i)->status,
				 DNS_FOUND);
	assert_int_equal(dns_batch_count(world->batch), 60);
	assert_null(dns_batch_answer(world->batch, 60));
	assert_null(dns_batch_answer(world->batch, -1));
}

static void test_deadline(void **state)
{
	struct world *world = *state;
	int silent, slow;

	silent = dns_batch_ask(world->batch, "silent.test", DNS_A, NULL, NULL);
	slow = dns_batch_ask(world->batch, "a.slow.test", DNS_A, NULL, NULL);
	assert_false(dns_batch_wait(world->batch, dns_now_ms() + 1));
	assert_false(dns_batch_wait(world->batch, 0)); /* long ago */
	assert_false(dns_batch_wait(world->batch, dns_now_ms() + 100));
	assert_null(dns_batch_answer(world->batch, silent));
	assert_int_equal(dns_batch_answer(world->batch, slow)->status,
			 DNS_FOUND);
	assert_int_equal(dns_batch_pending(world->batch), 1);
}

/* Reverse DNS: the addresses of each name are asked for as it comes. */
static void names_came(struct dns_batch *batch, int slot,
		       struct dns_answer *answer, void *context)
{
	int *asked = context;

	assert_int_equal(slot, 0);
	for (size_t i = 0; i < answer->count; i++)
		asked[i] = dns_batch_ask(batch, answer->records[i].name, DNS_A,
					 NULL, NULL);
}

static void test_then(void **state)
{
	struct world *world = *state;
	int asked[2] = { -1, -1 };

	assert_int_equal(dns_batch_ask(world->batch, "1.2.0.192.in-addr.arpa",
				       DNS_PTR, names_came, asked),
			 0);
	assert_true(wait(world));
	assert_int_equal(asked[0], 1);
	assert_int_equal(asked[1], 2);
	assert_int_equal(
		dns_batch_answer(world->batch, 1)->records->ip.bytes[3], 1);
	assert_int_equal(
		dns_batch_answer(world->batch, 2)->records->ip.bytes[3], 2);
}

static void test_known_at_once(void **state)
{
	struct world *world = *state;

	assert_int_equal(dns_batch_ask(world->batch, "a..b", DNS_A, NULL, NULL),
			 0);
	assert_int_equal(dns_batch_answer(world->batch, 0)->status,
			 DNS_INVALID);
	assert_true(dns_batch_wait(world->batch, 0));
}

static void test_empty(void **state)
{
	struct world *world = *state;

	assert_true(dns_batch_wait(world->batch, 0));
	dns_batch_free(NULL);
}

static void test_full(void **state)
{
	struct world *world = *state;

	for (int i = 0; i < DNS_BATCH_MAX; i++)
		assert_int_equal(dns_batch_ask(world->batch, "a.fast.test",
					       DNS_A, NULL, NULL),
				 i);
	assert_int_equal(dns_batch_ask(world->batch, "a.fast.test", DNS_A, NULL,
				       NULL),
			 -1);
	assert_true(wait(world));
}

/* Freed at any moment, also while a `then` asks. */
static void test_freed_any_time(void **state)
{
	struct world *world = *state;

	for (int i = 0; i < 300; i++) {
		struct dns_batch *batch = dns_batch_new(world->dns);
		int asked[2];

		dns_batch_ask(batch, "1.2.0.192.in-addr.arpa", DNS_PTR,
			      names_came, asked);
		dns_batch_ask(batch, "silent.test", DNS_A, NULL, NULL);
		if (i % 3 > 0)
			dns_batch_wait(batch, dns_now_ms() + (uint64_t)(i % 3));
		dns_batch_free(batch);
	}
}

/* What has come stays, what has not never will. */
static void test_stopped(void **state)
{
	struct world *world = *state;
	int silent, fast;

	fast = dns_batch_ask(world->batch, "a.fast.test", DNS_A, NULL, NULL);
	assert_true(wait(world));
	silent = dns_batch_ask(world->batch, "silent.test", DNS_A, NULL, NULL);
	dns_batch_stop(world->batch);
	assert_int_equal(dns_batch_answer(world->batch, fast)->status,
			 DNS_FOUND);
	assert_null(dns_batch_answer(world->batch, silent));
	assert_int_equal(dns_batch_ask(world->batch, "b.fast.test", DNS_A, NULL,
				       NULL),
			 -1);
	dns_batch_stop(world->batch);
}

/* What strangers have us wait for leaves room for what we ask of them. */
static void test_of_strangers(void **state)
{
	struct world *world = *state;
	struct dns_settings settings = { .zone = world->zone,
					 .max_flights = 8 };
	char error[DNS_ERROR_SIZE];
	struct dns *dns = dns_open(&settings, error);
	struct dns_batch *batch = dns_batch_new(dns);

	assert_non_null(dns);
	assert_non_null(batch);
	for (int i = 0; i < 12; i++) {
		bool of_stranger = i < 6;
		const struct dns_answer *answer;
		char name[32];
		int slot;

		snprintf(name, sizeof(name), "n%d.hold.test", i);
		if (of_stranger)
			slot = dns_batch_ask_of_stranger(batch, name, DNS_A,
							 NULL, NULL);
		else
			slot = dns_batch_ask(batch, name, DNS_A, NULL, NULL);
		answer = dns_batch_answer(batch, slot);
		if (i < 4 || (i >= 6 && i < 10))
			assert_null(answer); /* on its way */
		else
			assert_int_equal(answer->status, DNS_BUSY);
	}
	dns_batch_free(batch);
	dns_close(dns);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_together),	   TEST(test_deadline),
		TEST(test_then),	   TEST(test_known_at_once),
		TEST(test_empty),	   TEST(test_full),
		TEST(test_freed_any_time), TEST(test_stopped),
		TEST(test_of_strangers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
