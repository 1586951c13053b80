/*
 * test_dnsbl.c - lists that are asked, muted and back, over a zone.
 */
#include "lists/dnsbl.h"

#include "tests/unit/dnsbl_world.h"

#include <stdarg.h>
#include <setjmp.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* --- answers -------------------------------------------------------------- */

static void test_read(void **state)
{
	static const struct {
		const char *claim;
		enum dns_status status;
		uint8_t ips[2][4]; /* 0: none */
		enum dnsbl_answer is;
	} rows[] = {
		{ "no such name", DNS_NXDOMAIN, { { 0 } }, DNSBL_NOT_LISTED },
		{ "no record", DNS_NODATA, { { 0 } }, DNSBL_NOT_LISTED },
		{ "none at all", DNS_FOUND, { { 0 } }, DNSBL_NOT_LISTED },
		{ "listed", DNS_FOUND, { { 127, 0, 0, 2 } }, DNSBL_LISTED },
		{ "the lowest", DNS_FOUND, { { 127, 0, 0, 0 } }, DNSBL_LISTED },
		{ "below the errors",
		  DNS_FOUND,
		  { { 127, 255, 254, 255 } },
		  DNSBL_LISTED },
		{ "the lowest error",
		  DNS_FOUND,
		  { { 127, 255, 255, 0 } },
		  DNSBL_FAULT },
		{ "the highest",
		  DNS_FOUND,
		  { { 127, 255, 255, 255 } },
		  DNSBL_FAULT },
		{ "below the net",
		  DNS_FOUND,
		  { { 126, 0, 0, 2 } },
		  DNSBL_FAULT },
		{ "above it", DNS_FOUND, { { 128, 0, 0, 2 } }, DNSBL_FAULT },
		{ "an error beside a listing",
		  DNS_FOUND,
		  { { 127, 255, 255, 254 }, { 127, 0, 0, 2 } },
		  DNSBL_LISTED },
		{ "a foreigner beside a listing",
		  DNS_FOUND,
		  { { 127, 0, 0, 2 }, { 203, 0, 113, 9 } },
		  DNSBL_LISTED },
		{ "both",
		  DNS_FOUND,
		  { { 127, 255, 255, 254 }, { 203, 0, 113, 9 } },
		  DNSBL_FAULT },
		{ "no answer", DNS_TIMEOUT, { { 0 } }, DNSBL_UNKNOWN },
		{ "not asked", DNS_BREAKER, { { 0 } }, DNSBL_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dns_record records[2] = { 0 };
		struct dns_answer answer = { .status = rows[i].status,
					     .records = records };
		bool is_listed = false;

		for (; answer.count < 2 && rows[i].ips[answer.count][0] > 0;
		     answer.count++) {
			struct dns_record *record = &records[answer.count];

			record->type = DNS_A;
			record->ip.family = 4;
			memcpy(record->ip.bytes, rows[i].ips[answer.count], 4);
			is_listed |= dnsbl_is_listing(record);
		}
		if (dnsbl_read(&answer) != rows[i].is ||
		    is_listed != (rows[i].is == DNSBL_LISTED))
			fail_msg("%s: %d", rows[i].claim, dnsbl_read(&answer));
	}
}

/* --- the set -------------------------------------------------------------- */

static void test_many(void **state)
{
	struct world *world = *state;
	struct dnsbl *first = world_list(world, "n0.test", DNSBL_OF_IP4, "");
	char zone[32];

	for (int i = 0; i < 1000; i++) {
		snprintf(zone, sizeof(zone), "n%d.test", i);
		if (i < DNSBL_MAX)
			assert_non_null(
				world_list(world, zone, DNSBL_OF_IP4, NULL));
		else
			assert_null(
				world_list(world, zone, DNSBL_OF_IP4, NULL));
	}
	assert_int_equal(dnsbls_count(world->dnsbls), DNSBL_MAX);
	assert_ptr_equal(world_list(world, "N0.Test.", DNSBL_OF_NAMES, NULL),
			 first);
	/* none is left out when all are tested */
	for (int i = 0; i < DNSBL_MAX / 16; i++) {
		world_tick(world);
		world_settle(world);
	}
	world_settle(world);
	for (size_t i = 0; i < DNSBL_MAX; i++) {
		struct dnsbl_report report;

		dnsbls_report(world->dnsbls, i, &report);
		assert_int_equal(report.health, DNSBL_NO_TEST_ENTRY);
	}
}

static void test_no_zone(void **state)
{
	struct world *world = *state;

	assert_null(world_list(world, "", DNSBL_OF_IP4, NULL));
	assert_null(world_list(world, ".", DNSBL_OF_IP4, NULL));
	assert_null(world_list(world, "a..b", DNSBL_OF_IP4, NULL));
	assert_int_equal(dnsbls_count(world->dnsbls), 0);
	world_tick(world);
	dnsbls_close(NULL);
}

/* --- probes --------------------------------------------------------------- */

/* The very first hit of a list that nobody has tested yet. */
static void test_world_lister(void **state)
{
	struct world *world = *state;
	struct dnsbl *dnsbl =
		world_list(world, "world.test", DNSBL_OF_NAMES, NULL);
	char name[DNSBL_NAME_SIZE];
	struct dns_answer *answer;
	bool unknown;

	assert_true(dnsbl_probe_name(dnsbl, DNSBL_OF_NAMES, NULL, name));
	answer = dns_wait(world->dns, name, DNS_A, 0);
	assert_false(dnsbl_probe_passed(dnsbl, answer, &unknown));
	assert_false(unknown);
	dns_answer_unref(answer);
	assert_false(dnsbl_may_be_asked(dnsbl));
	assert_int_equal(world_change(world), DNSBL_LISTS_ALL);
	assert_non_null(strstr(world->why,
			       ".invalid.world.test is listed (127.0.0.2)"));
	/* and the second thread that finds it out tells nobody */
	assert_false(dnsbl_probe_passed(dnsbl, &world_hit, &unknown));
	assert_int_equal(world->changes, 0);
}

static void test_probe_answers(void **state)
{
	struct world *world = *state;
	struct dnsbl *dnsbl = world_list(world, "well.test", ALL, NULL);
	bool unknown = true;

	assert_true(dnsbl_probe_passed(dnsbl, dns_answer_of(DNS_NXDOMAIN),
				       &unknown));
	assert_false(unknown);
	assert_false(dnsbl_probe_passed(dnsbl, dns_answer_of(DNS_TIMEOUT),
					&unknown));
	assert_true(unknown);
	assert_false(dnsbl_probe_passed(dnsbl, &world_refusal, &unknown));
	assert_false(unknown);
	assert_int_equal(world_health(dnsbl), DNSBL_REFUSING);
}

/* --- muted and back ------------------------------------------------------- */

static void test_back(void **state)
{
	struct world *world = *state;
	struct dnsbl *dnsbl = world_list(world, "well.test", ALL, NULL);
	struct dnsbl_report report;

	world_tick(world);
	assert_int_equal(world_change(world), DNSBL_WELL);
	world_pass(10);
	dnsbl_note(dnsbl, &world_refusal);
	assert_int_equal(world_change(world), DNSBL_REFUSING);
	assert_false(dnsbl_may_be_asked(dnsbl));
	dnsbl_report(dnsbl, &report);
	assert_string_equal(report.zone, "well.test");
	assert_string_equal(report.why, "answers 127.255.255.254");
	assert_int_equal(report.since_ms, 5010000);
	assert_int_equal(report.tested_ms, 5000000);
	assert_int_equal(report.asked, 1);
	assert_int_equal(report.faults, 1);
	assert_int_equal(report.muted, 1);
	world_pass(29);
	world_tick(world);
	world_settle(world);
	assert_false(dnsbl_may_be_asked(dnsbl));
	world_pass(1);
	world_tick(world);
	assert_int_equal(world_change(world), DNSBL_WELL);
	assert_true(dnsbl_may_be_asked(dnsbl));
	assert_int_equal(world->changes, 0);
}

/* Names in a list of addresses: its owner is told, and takes them away. */
static void test_of_less(void **state)
{
	struct world *world = *state;

	world_list(world, "worldnames.test", ALL, NULL);
	world_tick(world);
	assert_int_equal(world_change(world), DNSBL_LISTS_ALL);
	world_list(world, "worldnames.test", IPS, NULL);
	world_pass(30);
	world_tick(world);
	assert_int_equal(world_change(world), DNSBL_NO_TEST_ENTRY);
	/* an entry that is looked for no more is not missed */
	world_list(world, "six.test", IPS, NULL);
	world_tick(world);
	assert_int_equal(world_change(world), DNSBL_WELL);
	world_list(world, "six.test", DNSBL_OF_IP4, NULL);
	world_pass(5);
	world_tick(world);
	assert_int_equal(world_change(world), DNSBL_NO_TEST_ENTRY);
	assert_int_equal(world->changes, 0);
}

static void test_untested(void **state)
{
	struct world *world = *state;
	struct dnsbl *dnsbl = world_list(world, "world.test", ALL, "");
	struct dnsbl_report report;

	assert_int_equal(world_health(dnsbl), DNSBL_NO_TEST_ENTRY);
	world_pass(7200);
	world_tick(world);
	dnsbl_note(dnsbl, &world_hit);
	world_settle(world);
	dnsbl_report(dnsbl, &report);
	assert_int_equal(report.tested_ms, 0);
	dnsbl_note(dnsbl, &world_refusal);
	assert_int_equal(world_change(world), DNSBL_REFUSING);
	world_pass(30);
	world_tick(world);
	assert_int_equal(world_change(world), DNSBL_NO_TEST_ENTRY);
	/* a reload changes its mind */
	world_list(world, "world.test", ALL, NULL);
	world_pass(5);
	world_tick(world);
	assert_int_equal(world_change(world), DNSBL_LISTS_ALL);
}

/* What no configuration names any more is not asked for ever. */
static void test_unwanted(void **state)
{
	struct world *world = *state;
	struct dnsbl *wanted[] = { NULL,
				   world_list(world, "well.test", ALL, NULL) };
	struct dnsbl *other = world_list(world, "world.test", ALL, NULL);

	for (int i = 0; i < 3; i++) {
		dnsbls_tick(world->dnsbls, wanted, 2);
		world_settle(world);
		world_pass(60);
	}
	assert_int_equal(world_health(wanted[1]), DNSBL_WELL);
	assert_int_equal(world_health(other), DNSBL_UNTESTED);
}

/* --- threads -------------------------------------------------------------- */

static void test_close_in_flight(void **state)
{
	static const char *const zones[] = { "silent.test", "slow.test",
					     "well.test", "failing.test",
					     "world.test" };
	struct world *world = *state;

	for (int round = 0; round < 200; round++) {
		for (size_t i = 0; i < 5; i++)
			world_list(world, zones[i], ALL, NULL);
		world_tick(world);
		if (round % 2 == 0)
			world_settle(world);
		world_reopen(world);
	}
}

static void *hammer(void *arg)
{
	static const char *const zones[] = { "well.test", "world.test",
					     "parked.test", "failing.test" };
	static const struct dns_answer *const said[] = { &world_hit,
							 &world_refusal };
	struct world *world = arg;
	char name[DNSBL_NAME_SIZE];
	struct dnsbl_report report;
	bool unknown;

	for (int i = 0; i < 400; i++) {
		struct dnsbl *dnsbl = world_list(world, zones[i % 4],
						 i % 3 ? ALL : IPS, NULL);

		dnsbl_note(dnsbl, said[i % 50 == 0]);
		if (dnsbl_may_be_asked(dnsbl) &&
		    dnsbl_probe_name(dnsbl, 1u << i % 3, NULL, name))
			dnsbl_probe_passed(dnsbl, dns_answer_of(DNS_NXDOMAIN),
					   &unknown);
		if (i % 10 == 0)
			world_pass(1);
		world_tick(world);
		dnsbl_report(dnsbl, &report);
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct world *world = *state;
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hammer,
						world),
				 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(dnsbls_count(world->dnsbls), 4);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		TEST(test_many),
		TEST(test_no_zone),
		TEST(test_unwanted),
		TEST(test_world_lister),
		TEST(test_probe_answers),
		TEST(test_back),
		TEST(test_of_less),
		TEST(test_untested),
		TEST(test_close_in_flight),
		TEST(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
