/*
 * test_dnsbl_test.c - what the first test of a list finds, over a zone.
 */
#include "lists/dnsbl.h"

#include "tests/unit/dnsbl_world.h"

#include <stdarg.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

static void test_first(void **state)
{
	static const struct {
		const char *zone;
		unsigned of;
		const char *test;
		enum dnsbl_health health;
		const char *why; /* begins so */
	} rows[] = {
		{ "well.test", DNSBL_OF_IP4, NULL, DNSBL_WELL, "" },
		{ "well.test", DNSBL_OF_IP6, NULL, DNSBL_WELL, "" },
		{ "well.test", DNSBL_OF_NAMES, NULL, DNSBL_WELL, "" },
		{ "well.test", ALL, NULL, DNSBL_WELL, "" },
		{ "six.test", IPS, NULL, DNSBL_WELL, "" },
		{ "six.test", DNSBL_OF_IP4, NULL, DNSBL_NO_TEST_ENTRY,
		  "127.0.0.2 is not listed" },
		{ "own.test", DNSBL_OF_NAMES, NULL, DNSBL_NO_TEST_ENTRY,
		  "TEST is not listed" },
		{ "own.test", DNSBL_OF_NAMES, "dbltest.com", DNSBL_WELL, "" },
		{ "own.test", ALL, "dbltest.com", DNSBL_WELL, "" },
		{ "own.test", IPS, "9.9.9.9", DNSBL_WELL, "" },
		{ "nobody.test", ALL, NULL, DNSBL_NO_TEST_ENTRY,
		  "127.0.0.2 is not listed" },
		{ "world.test", DNSBL_OF_IP4, NULL, DNSBL_LISTS_ALL,
		  "127.0.0.1 is listed (127.0.0.2)" },
		{ "world.test", DNSBL_OF_NAMES, NULL, DNSBL_LISTS_ALL,
		  "INVALID is listed (127.0.0.2)" },
		{ "worldsix.test", DNSBL_OF_IP4, NULL, DNSBL_NO_TEST_ENTRY,
		  "127.0.0.2 is not listed" },
		{ "worldsix.test", IPS, NULL, DNSBL_LISTS_ALL,
		  "::ffff:127.0.0.1 is listed (127.0.0.2)" },
		{ "parked.test", ALL, NULL, DNSBL_FOREIGN,
		  "answers 203.0.113.9 about 127.0.0.2" },
		{ "refusing.test", ALL, NULL, DNSBL_REFUSING,
		  "answers 127.255.255.254 about 127.0.0.2" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world *world;
		struct dnsbl *dnsbl;

		world_set_up(state);
		world = *state;
		dnsbl = world_list(world, rows[i].zone, rows[i].of,
				   rows[i].test);
		assert_true(dnsbl_may_be_asked(dnsbl));
		assert_int_equal(world_health(dnsbl), DNSBL_UNTESTED);
		world_tick(world);
		if (world_change(world) != rows[i].health ||
		    strcmp(world->why, rows[i].why) != 0)
			fail_msg("row %zu: %s (%s)", i + 1,
				 dnsbl_health_name(world->is), world->why);
		assert_int_equal(world->was, DNSBL_UNTESTED);
		assert_int_equal(dnsbl_may_be_asked(dnsbl),
				 !dnsbl_health_is_muted(world->is));
		world_tear_down(state);
	}
	world_set_up(state);
}

/* Only the probe meets what is listed below "invalid". */
static void test_probe_in_test(void **state)
{
	struct world *world = *state;

	world_list(world, "worldnames.test", DNSBL_OF_NAMES, NULL);
	world_tick(world);
	assert_int_equal(world_change(world), DNSBL_LISTS_ALL);
	assert_non_null(strstr(world->why, ".invalid is listed (127.0.0.2)"));
}

/* The world was added to what was listed before, test entries and all. */
static void test_world_beside_entries(void **state)
{
	for (unsigned of = DNSBL_OF_IP4; of <= DNSBL_OF_IP6; of++) {
		struct world *world = *state;

		world_list(world, "wild.test", of, NULL);
		world_tick(world);
		assert_int_equal(world_change(world), DNSBL_LISTS_ALL);
		assert_non_null(strstr(world->why, " is listed (127.0.0.2)"));
		world_tear_down(state);
		world_set_up(state);
	}
}

/* The first question starts the test, nobody has to wait for a tick. */
static void test_by_note(void **state)
{
	struct world *world = *state;

	dnsbl_note(world_list(world, "well.test", ALL, NULL), &world_hit);
	assert_int_equal(world_change(world), DNSBL_WELL);
}

/* No answer, and nobody else has one: that says nothing of the lists. */
static void test_unanswered(void **state)
{
	struct world *world = *state;
	struct dnsbl *silent = world_list(world, "silent.test", ALL, NULL);
	struct dnsbl *failing = world_list(world, "failing.test", ALL, NULL);

	world_tick(world);
	world_settle(world);
	assert_int_equal(world_health(failing), DNSBL_UNTESTED);
	assert_int_equal(world_health(silent), DNSBL_UNTESTED);
	assert_int_equal(world->changes, 0);
}

/* Others have answers all the time. */
static void test_silence(void **state)
{
	struct world *world = *state;
	struct dnsbl *silent = world_list(world, "failing.test", ALL, NULL);
	const struct dns_answer *timeout = dns_answer_of(DNS_TIMEOUT);

	for (int i = 0; i < 20 && dnsbl_may_be_asked(silent); i++) {
		world_pass(1);
		world_settle(world);
		dnsbl_note(silent, timeout);
		world_settle(world);
	}
	assert_int_equal(world_change(world), DNSBL_SILENT);
	assert_int_equal(world->changes, 0);
	assert_string_equal(world->why,
			    "10 of 10 questions unanswered (servfail)");
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_first, world_tear_down),
		TEST(test_probe_in_test),
		TEST(test_world_beside_entries),
		TEST(test_by_note),
		TEST(test_unanswered),
		TEST(test_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
