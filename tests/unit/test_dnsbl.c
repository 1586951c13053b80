/*
 * test_dnsbl.c - lists and their tests, over a zone.
 */
#include "lists/dnsbl.h"

#include "lists/dns_zonefile.h"

#include <stdarg.h>
#include <setjmp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

static const char text[] =
	"$ORIGIN well.test.\n"
	"2.0.0.127 A 127.0.0.2\n"
	"99.2.0.192 A 127.0.0.4\n"
	"2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0"
	" A 127.0.0.2\n"
	"test A 127.0.1.2\n"
	"$ORIGIN six.test.\n"
	"2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0"
	" A 127.0.0.2\n"
	"$ORIGIN own.test.\n"
	"dbltest.com A 127.0.1.2\n"
	"9.9.9.9 A 127.0.0.2\n"
	"$ORIGIN world.test.\n"
	"* A 127.0.0.2\n"
	"$ORIGIN wild.test.\n" /* the wildcard does not reach below 127 */
	"2.0.0.127 A 127.0.0.2\n"
	"2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0"
	" A 127.0.0.2\n"
	"* A 127.0.0.2\n"
	"$ORIGIN worldsix.test.\n" /* its own half of the world */
	"*.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0 A 127.0.0.2\n"
	"$ORIGIN worldnames.test.\n"
	"*.invalid A 127.0.0.2\n"
	"$ORIGIN parked.test.\n"
	"* A 203.0.113.9\n"
	"$ORIGIN refusing.test.\n"
	"* A 127.255.255.254\n"
	"$ORIGIN silent.test.\n"
	"* TIMEOUT\n"
	"$ORIGIN failing.test.\n"
	"* SERVFAIL\n"
	"$ORIGIN slow.test.\n"
	"* DELAY 200ms\n"
	"* A 127.0.0.2\n"
	"$ORIGIN later.test.\n" /* after all that is asked for before it */
	"* DELAY 5ms\n"
	"* A 192.0.2.1\n";

struct world {
	struct dns_zone *zone;
	struct dns *dns;
	struct dnsbls *dnsbls;
	struct dnsbl *lists[DNSBL_MAX]; /* made so far */
	size_t count;

	pthread_mutex_t lock;
	pthread_cond_t told;
	unsigned changes;
	enum dnsbl_health was, is;
	char why[DNSBL_WHY_SIZE];
};

static atomic_uint_fast64_t clock_ms;

static uint64_t now(void)
{
	return clock_ms;
}

static void forward(uint64_t seconds)
{
	clock_ms += seconds * 1000;
}

static void changed(void *context, const struct dnsbl *dnsbl,
		    enum dnsbl_health was, enum dnsbl_health is)
{
	struct world *world = context;
	struct dnsbl_report report;

	dnsbl_report(dnsbl, &report); /* it is fine to do so here */
	pthread_mutex_lock(&world->lock);
	world->changes++;
	world->was = was;
	world->is = is;
	memcpy(world->why, report.why, sizeof(world->why));
	pthread_cond_signal(&world->told);
	pthread_mutex_unlock(&world->lock);
}

/* Waits for the next change, which has to come. */
static enum dnsbl_health change(struct world *world)
{
	struct timespec until;
	int result = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 10;
	pthread_mutex_lock(&world->lock);
	while (world->changes == 0 && result == 0)
		result = pthread_cond_timedwait(&world->told, &world->lock,
						&until);
	assert_int_equal(result, 0);
	world->changes--;
	pthread_mutex_unlock(&world->lock);
	return world->is;
}

/* Until all that was asked so far without delay is answered. */
static void settle(struct world *world)
{
	static unsigned number;
	char name[32];

	snprintf(name, sizeof(name), "n%u.later.test", number++);
	dns_answer_unref(dns_wait(world->dns, name, DNS_A, 0));
}

static int set_up(void **state)
{
	static struct world world;
	char error[DNS_ZONEFILE_ERROR_SIZE];
	struct dns_settings settings = { .timeout_ms = 300 };

	memset(&world, 0, sizeof(world));
	pthread_mutex_init(&world.lock, NULL);
	pthread_cond_init(&world.told, NULL);
	clock_ms = 5000000;
	world.zone = dns_zonefile_parse("zone", text, strlen(text), error);
	if (!world.zone)
		fail_msg("%s", error);
	settings.zone = world.zone;
	world.dns = dns_open(&settings, error);
	assert_non_null(world.dns);
	world.dnsbls = dnsbls_open(world.dns, changed, &world, now);
	assert_non_null(world.dnsbls);
	*state = &world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;

	dnsbls_close(world->dnsbls);
	dns_close(world->dns);
	dns_zone_free(world->zone);
	pthread_cond_destroy(&world->told);
	pthread_mutex_destroy(&world->lock);
	return 0;
}

static struct dnsbl *get(struct world *world, const char *zone, unsigned of,
			 const char *test)
{
	struct dnsbl_start start = { .zone = zone, .of = of, .test = test };
	struct dnsbl *dnsbl = dnsbls_get(world->dnsbls, &start);
	size_t i = 0;

	pthread_mutex_lock(&world->lock);
	while (i < world->count && world->lists[i] != dnsbl)
		i++;
	if (dnsbl && i == world->count)
		world->lists[world->count++] = dnsbl;
	pthread_mutex_unlock(&world->lock);
	return dnsbl;
}

static void tick(struct world *world)
{
	struct dnsbl *lists[DNSBL_MAX];
	size_t count;

	pthread_mutex_lock(&world->lock);
	count = world->count;
	memcpy(lists, world->lists, sizeof(lists));
	pthread_mutex_unlock(&world->lock);
	dnsbls_tick(world->dnsbls, lists, count);
}

static enum dnsbl_health health(const struct dnsbl *dnsbl)
{
	struct dnsbl_report report;

	dnsbl_report(dnsbl, &report);
	return report.health;
}

/* Answers for notes. */
static const struct dns_record hit_record = { .type = DNS_A,
					      .ip = { 4, { 127, 0, 0, 4 } } };
static const struct dns_record error_record = {
	.type = DNS_A, .ip = { 4, { 127, 255, 255, 254 } }
};
static const struct dns_answer hit = { .status = DNS_FOUND,
				       .count = 1,
				       .records = &hit_record };
static const struct dns_answer refusal = { .status = DNS_FOUND,
					   .count = 1,
					   .records = &error_record };

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
	struct dnsbl *first = get(world, "n0.test", DNSBL_OF_IP4, "");
	char zone[32];

	for (int i = 0; i < 1000; i++) {
		snprintf(zone, sizeof(zone), "n%d.test", i);
		if (i < DNSBL_MAX)
			assert_non_null(get(world, zone, DNSBL_OF_IP4, NULL));
		else
			assert_null(get(world, zone, DNSBL_OF_IP4, NULL));
	}
	assert_int_equal(dnsbls_count(world->dnsbls), DNSBL_MAX);
	assert_ptr_equal(get(world, "N0.Test.", DNSBL_OF_NAMES, NULL), first);
	/* none is left out when all are tested */
	for (int i = 0; i < DNSBL_MAX / 16; i++) {
		tick(world);
		settle(world);
	}
	settle(world);
	for (size_t i = 0; i < DNSBL_MAX; i++) {
		struct dnsbl_report report;

		dnsbls_report(world->dnsbls, i, &report);
		assert_int_equal(report.health, DNSBL_NO_TEST_ENTRY);
	}
}

static void test_no_zone(void **state)
{
	struct world *world = *state;

	assert_null(get(world, "", DNSBL_OF_IP4, NULL));
	assert_null(get(world, ".", DNSBL_OF_IP4, NULL));
	assert_null(get(world, "a..b", DNSBL_OF_IP4, NULL));
	assert_int_equal(dnsbls_count(world->dnsbls), 0);
	tick(world);
	dnsbls_close(NULL);
}

/* --- first tests ---------------------------------------------------------- */

#define IPS (DNSBL_OF_IP4 | DNSBL_OF_IP6)
#define ALL (IPS | DNSBL_OF_NAMES)

/* What no configuration names any more is not asked for ever. */
static void test_unwanted(void **state)
{
	struct world *world = *state;
	struct dnsbl *wanted[] = { NULL, get(world, "well.test", ALL, NULL) };
	struct dnsbl *other = get(world, "world.test", ALL, NULL);

	for (int i = 0; i < 3; i++) {
		dnsbls_tick(world->dnsbls, wanted, 2);
		settle(world);
		forward(60);
	}
	assert_int_equal(health(wanted[1]), DNSBL_WELL);
	assert_int_equal(health(other), DNSBL_UNTESTED);
}

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

		set_up(state);
		world = *state;
		dnsbl = get(world, rows[i].zone, rows[i].of, rows[i].test);
		assert_true(dnsbl_may_be_asked(dnsbl));
		assert_int_equal(health(dnsbl), DNSBL_UNTESTED);
		tick(world);
		if (change(world) != rows[i].health ||
		    strcmp(world->why, rows[i].why) != 0)
			fail_msg("row %zu: %s (%s)", i + 1,
				 dnsbl_health_name(world->is), world->why);
		assert_int_equal(world->was, DNSBL_UNTESTED);
		assert_int_equal(dnsbl_may_be_asked(dnsbl),
				 !dnsbl_health_is_muted(world->is));
		tear_down(state);
	}
	set_up(state);
}

/* Only the probe meets what is listed below "invalid". */
static void test_probe_in_test(void **state)
{
	struct world *world = *state;

	get(world, "worldnames.test", DNSBL_OF_NAMES, NULL);
	tick(world);
	assert_int_equal(change(world), DNSBL_LISTS_ALL);
	assert_non_null(strstr(world->why, ".invalid is listed (127.0.0.2)"));
}

/* The world was added to what was listed before, test entries and all. */
static void test_world_beside_entries(void **state)
{
	for (unsigned of = DNSBL_OF_IP4; of <= DNSBL_OF_IP6; of++) {
		struct world *world = *state;

		get(world, "wild.test", of, NULL);
		tick(world);
		assert_int_equal(change(world), DNSBL_LISTS_ALL);
		assert_non_null(strstr(world->why, " is listed (127.0.0.2)"));
		tear_down(state);
		set_up(state);
	}
}

/* The first question starts the test, nobody has to wait for a tick. */
static void test_by_note(void **state)
{
	struct world *world = *state;

	dnsbl_note(get(world, "well.test", ALL, NULL), &hit);
	assert_int_equal(change(world), DNSBL_WELL);
}

/* No answer, and nobody else has one: that says nothing of the lists. */
static void test_unanswered(void **state)
{
	struct world *world = *state;
	struct dnsbl *silent = get(world, "silent.test", ALL, NULL);
	struct dnsbl *failing = get(world, "failing.test", ALL, NULL);

	tick(world);
	settle(world);
	assert_int_equal(health(failing), DNSBL_UNTESTED);
	assert_int_equal(health(silent), DNSBL_UNTESTED);
	assert_int_equal(world->changes, 0);
}

/* Others have answers all the time. */
static void test_silence(void **state)
{
	struct world *world = *state;
	struct dnsbl *silent = get(world, "failing.test", ALL, NULL);
	const struct dns_answer *timeout = dns_answer_of(DNS_TIMEOUT);

	for (int i = 0; i < 20 && dnsbl_may_be_asked(silent); i++) {
		forward(1);
		settle(world);
		dnsbl_note(silent, timeout);
		settle(world);
	}
	assert_int_equal(change(world), DNSBL_SILENT);
	assert_int_equal(world->changes, 0);
	assert_string_equal(world->why,
			    "10 of 10 questions unanswered (servfail)");
}

/* --- probes --------------------------------------------------------------- */

/* The very first hit of a list that nobody has tested yet. */
static void test_world_lister(void **state)
{
	struct world *world = *state;
	struct dnsbl *dnsbl = get(world, "world.test", DNSBL_OF_NAMES, NULL);
	char name[DNSBL_NAME_SIZE];
	struct dns_answer *answer;
	bool unknown;

	assert_true(dnsbl_probe_name(dnsbl, DNSBL_OF_NAMES, NULL, name));
	answer = dns_wait(world->dns, name, DNS_A, 0);
	assert_false(dnsbl_probe_passed(dnsbl, answer, &unknown));
	assert_false(unknown);
	dns_answer_unref(answer);
	assert_false(dnsbl_may_be_asked(dnsbl));
	assert_int_equal(change(world), DNSBL_LISTS_ALL);
	assert_non_null(strstr(world->why,
			       ".invalid.world.test is listed (127.0.0.2)"));
	/* and the second thread that finds it out tells nobody */
	assert_false(dnsbl_probe_passed(dnsbl, &hit, &unknown));
	assert_int_equal(world->changes, 0);
}

static void test_probe_answers(void **state)
{
	struct world *world = *state;
	struct dnsbl *dnsbl = get(world, "well.test", ALL, NULL);
	bool unknown = true;

	assert_true(dnsbl_probe_passed(dnsbl, dns_answer_of(DNS_NXDOMAIN),
				       &unknown));
	assert_false(unknown);
	assert_false(dnsbl_probe_passed(dnsbl, dns_answer_of(DNS_TIMEOUT),
					&unknown));
	assert_true(unknown);
	assert_false(dnsbl_probe_passed(dnsbl, &refusal, &unknown));
	assert_false(unknown);
	assert_int_equal(health(dnsbl), DNSBL_REFUSING);
}

/* --- muted and back ------------------------------------------------------- */

static void test_back(void **state)
{
	struct world *world = *state;
	struct dnsbl *dnsbl = get(world, "well.test", ALL, NULL);
	struct dnsbl_report report;

	tick(world);
	assert_int_equal(change(world), DNSBL_WELL);
	forward(10);
	dnsbl_note(dnsbl, &refusal);
	assert_int_equal(change(world), DNSBL_REFUSING);
	assert_false(dnsbl_may_be_asked(dnsbl));
	dnsbl_report(dnsbl, &report);
	assert_string_equal(report.zone, "well.test");
	assert_string_equal(report.why, "answers 127.255.255.254");
	assert_int_equal(report.since_ms, 5010000);
	assert_int_equal(report.tested_ms, 5000000);
	assert_int_equal(report.asked, 1);
	assert_int_equal(report.faults, 1);
	assert_int_equal(report.muted, 1);
	forward(29);
	tick(world);
	settle(world);
	assert_false(dnsbl_may_be_asked(dnsbl));
	forward(1);
	tick(world);
	assert_int_equal(change(world), DNSBL_WELL);
	assert_true(dnsbl_may_be_asked(dnsbl));
	assert_int_equal(world->changes, 0);
}

/* Names in a list of addresses: its owner is told, and takes them away. */
static void test_of_less(void **state)
{
	struct world *world = *state;

	get(world, "worldnames.test", ALL, NULL);
	tick(world);
	assert_int_equal(change(world), DNSBL_LISTS_ALL);
	get(world, "worldnames.test", IPS, NULL);
	forward(30);
	tick(world);
	assert_int_equal(change(world), DNSBL_NO_TEST_ENTRY);
	/* an entry that is looked for no more is not missed */
	get(world, "six.test", IPS, NULL);
	tick(world);
	assert_int_equal(change(world), DNSBL_WELL);
	get(world, "six.test", DNSBL_OF_IP4, NULL);
	forward(5);
	tick(world);
	assert_int_equal(change(world), DNSBL_NO_TEST_ENTRY);
	assert_int_equal(world->changes, 0);
}

static void test_untested(void **state)
{
	struct world *world = *state;
	struct dnsbl *dnsbl = get(world, "world.test", ALL, "");
	struct dnsbl_report report;

	assert_int_equal(health(dnsbl), DNSBL_NO_TEST_ENTRY);
	forward(7200);
	tick(world);
	dnsbl_note(dnsbl, &hit);
	settle(world);
	dnsbl_report(dnsbl, &report);
	assert_int_equal(report.tested_ms, 0);
	dnsbl_note(dnsbl, &refusal);
	assert_int_equal(change(world), DNSBL_REFUSING);
	forward(30);
	tick(world);
	assert_int_equal(change(world), DNSBL_NO_TEST_ENTRY);
	/* a reload changes its mind */
	get(world, "world.test", ALL, NULL);
	forward(5);
	tick(world);
	assert_int_equal(change(world), DNSBL_LISTS_ALL);
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
			get(world, zones[i], ALL, NULL);
		tick(world);
		if (round % 2 == 0)
			settle(world);
		dnsbls_close(world->dnsbls);
		world->dnsbls = dnsbls_open(world->dns, changed, world, now);
		world->count = 0;
		assert_non_null(world->dnsbls);
	}
}

static void *hammer(void *arg)
{
	static const char *const zones[] = { "well.test", "world.test",
					     "parked.test", "failing.test" };
	static const struct dns_answer *const said[] = { &hit, &refusal };
	struct world *world = arg;
	char name[DNSBL_NAME_SIZE];
	struct dnsbl_report report;
	bool unknown;

	for (int i = 0; i < 400; i++) {
		struct dnsbl *dnsbl =
			get(world, zones[i % 4], i % 3 ? ALL : IPS, NULL);

		dnsbl_note(dnsbl, said[i % 50 == 0]);
		if (dnsbl_may_be_asked(dnsbl) &&
		    dnsbl_probe_name(dnsbl, 1u << i % 3, NULL, name))
			dnsbl_probe_passed(dnsbl, dns_answer_of(DNS_NXDOMAIN),
					   &unknown);
		if (i % 10 == 0)
			clock_ms += 1000;
		tick(world);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		TEST(test_many),
		TEST(test_no_zone),
		TEST(test_unwanted),
		cmocka_unit_test_teardown(test_first, tear_down),
		TEST(test_probe_in_test),
		TEST(test_world_beside_entries),
		TEST(test_by_note),
		TEST(test_unanswered),
		TEST(test_silence),
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
