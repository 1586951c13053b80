/*
 * test_dnsbl_name.c - the names under which lists are asked.
 */
#include "lists/dnsbl.h"

#include "lists/dns_zone.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

struct world {
	struct dns_zone *zone; /* an empty one: nobody asks */
	struct dns *dns;
	struct dnsbls *dnsbls;
};

static uint64_t clock_ms;

static uint64_t now(void)
{
	return clock_ms;
}

static int set_up(void **state)
{
	static struct world world;
	struct dns_settings settings = { 0 };
	char error[DNS_ERROR_SIZE];

	clock_ms = 5000000;
	settings.zone = world.zone = dns_zone_new();
	assert_non_null(world.zone);
	world.dns = dns_open(&settings, error);
	assert_non_null(world.dns);
	world.dnsbls = dnsbls_open(world.dns, NULL, NULL, now);
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
	return 0;
}

static struct dnsbl *get(struct world *world, const char *zone, unsigned of,
			 const char *test)
{
	struct dnsbl_start start = { .zone = zone, .of = of, .test = test };

	return dnsbls_get(world->dnsbls, &start);
}

static void test_ip_names(void **state)
{
	static const struct {
		const char *ip, *name;
	} rows[] = {
		{ "192.0.2.99", "99.2.0.192.well.test" },
		{ "::ffff:192.0.2.99", "99.2.0.192.well.test" },
		{ "2001:db8::1",
		  "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0."
		  "1.0.0.2.well.test" },
	};
	struct dnsbl *dnsbl = get(*state, "Well.Test.", DNSBL_OF_IP4, NULL);
	char name[DNSBL_NAME_SIZE];
	struct ip ip = { 0 };

	assert_int_equal(dnsbl_ip_name(dnsbl, &ip, name), -1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(ip_parse(rows[i].ip, strlen(rows[i].ip), &ip),
				 0);
		assert_int_equal(dnsbl_ip_name(dnsbl, &ip, name), 0);
		assert_string_equal(name, rows[i].name);
	}
}

static void test_domain_names(void **state)
{
	static const struct {
		const char *claim, *domain, *name; /* NULL: none */
	} rows[] = {
		{ "a domain", "example.com", "example.com.well.test" },
		{ "a dot at the end", "example.com.", "example.com.well.test" },
		{ "case", "EXAMPLE.Com", "example.com.well.test" },
		{ "underscores, hyphens", "_a-b.example.com",
		  "_a-b.example.com.well.test" },
		{ "what a master file escapes", "a$b.example.com",
		  "a\\$b.example.com.well.test" },
		{ "one label", "localhost", NULL },
		{ "and a dot", "localhost.", NULL },
		{ "nothing", "", NULL },
		{ "the root", ".", NULL },
		{ "two dots", "example.com..", NULL },
		{ "an empty label", "a..com", NULL },
		{ "an address", "192.0.2.1", NULL },
		{ "with a dot", "192.0.2.1.", NULL },
		{ "an IPv6 address", "2001:db8::1", NULL },
		{ "a literal", "[192.0.2.1]", NULL },
		{ "an IPv6 literal", "[IPv6:2001:db8::1]", NULL },
		{ "blanks", "a b.example.com", NULL },
		{ "line ends", "example.com\r\n", NULL },
		{ "an address of mail", "a@example.com", NULL },
		{ "a dot inside a label", "a\\.b.example.com", NULL },
		{ "a byte by its number", "a\\000b.example.com", NULL },
		{ "U-labels",
		  "b\xc3\xbc"
		  "cher.example",
		  NULL },
		{ "a label of 64",
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		  "aaaa.com",
		  NULL },
	};
	struct dnsbl *dnsbl = get(*state, "well.test", DNSBL_OF_NAMES, NULL);
	char name[DNSBL_NAME_SIZE];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int result = dnsbl_domain_name(dnsbl, rows[i].domain,
					       strlen(rows[i].domain), name);

		if (result != (rows[i].name ? 0 : -1))
			fail_msg("%s: %d", rows[i].claim, result);
		if (rows[i].name)
			assert_string_equal(name, rows[i].name);
	}
}

static void test_long_names(void **state)
{
	struct dnsbl *dnsbl = get(*state, "well.test", DNSBL_OF_NAMES, NULL);
	char domain[300], name[DNSBL_NAME_SIZE];

	for (size_t i = 0; i < sizeof(domain); i++)
		domain[i] = i % 10 == 9 ? '.' : 'a';
	/* 253 with the ".well.test", which is 10 */
	assert_int_equal(dnsbl_domain_name(dnsbl, domain, 243, name), 0);
	assert_int_equal(strlen(name), 253);
	assert_int_equal(dnsbl_domain_name(dnsbl, domain, 244, name), -1);
	assert_int_equal(dnsbl_domain_name(dnsbl, domain, 300, name), -1);
}

#define ALL (DNSBL_OF_IP4 | DNSBL_OF_IP6 | DNSBL_OF_NAMES)

static void test_probe_names(void **state)
{
	struct world *world = *state;
	struct dnsbl *dnsbl = get(world, "well.test", ALL, NULL);
	char one[DNSBL_NAME_SIZE], two[DNSBL_NAME_SIZE];
	struct dns_answer listing = { .status = DNS_FOUND };
	unsigned w, x, y, z;

	assert_true(dnsbl_probe_name(dnsbl, DNSBL_OF_IP4, NULL, one));
	clock_ms += 999;
	assert_true(dnsbl_probe_name(dnsbl, DNSBL_OF_IP4, NULL, two));
	assert_string_equal(one, two);
	clock_ms += 1000;
	assert_true(dnsbl_probe_name(dnsbl, DNSBL_OF_IP4, NULL, two));
	assert_string_not_equal(one, two);
	/* what was listed before this second began shares its name */
	listing.received = clock_ms / 1000 * 1000 - 1;
	assert_true(dnsbl_probe_name(dnsbl, DNSBL_OF_IP4, &listing, one));
	assert_string_equal(one, two);
	/* what is newer has one of its own: the list may have just changed */
	listing.received = clock_ms / 1000 * 1000 + 1;
	assert_true(dnsbl_probe_name(dnsbl, DNSBL_OF_IP4, &listing, one));
	assert_string_not_equal(one, two);
	for (int i = 0; i < 2000; i++) {
		clock_ms += 1000;
		assert_true(dnsbl_probe_name(dnsbl, DNSBL_OF_IP4, NULL, one));
		/* nobody's, and not beside a test entry: see probe_ip() */
		assert_int_equal(sscanf(one, "%u.%u.%u.%u.well.test", &z, &y,
					&x, &w),
				 4);
		assert_in_range(w, 240, 254);
	}
	assert_true(dnsbl_probe_name(dnsbl, DNSBL_OF_NAMES, NULL, one));
	assert_int_equal(strlen(one), 10 + strlen(".invalid.well.test"));
	assert_string_equal(one + 10, ".invalid.well.test");
	clock_ms += 1000;
	assert_true(dnsbl_probe_name(dnsbl, DNSBL_OF_NAMES, NULL, two));
	assert_string_not_equal(one, two);
	assert_true(dnsbl_probe_name(dnsbl, DNSBL_OF_IP6, NULL, one));
	assert_int_equal(strlen(one), 64 + strlen("well.test"));
	assert_string_equal(one + 62, "e.well.test");
	assert_false(dnsbl_probe_name(get(world, "own.test", ALL, ""),
				      DNSBL_OF_NAMES, NULL, one));
}

/* Whoever knows one name does not know those of other lists, or later ones. */
static void test_no_pattern(void **state)
{
	struct world *world = *state;
	char one[DNSBL_NAME_SIZE], two[DNSBL_NAME_SIZE];

	dnsbl_probe_name(get(world, "a.test", ALL, NULL), DNSBL_OF_NAMES, NULL,
			 one);
	dnsbl_probe_name(get(world, "b.test", ALL, NULL), DNSBL_OF_NAMES, NULL,
			 two);
	assert_memory_not_equal(one, two, 10);
	tear_down(state);
	set_up(state); /* at the same time, with another key */
	dnsbl_probe_name(get(*state, "a.test", ALL, NULL), DNSBL_OF_NAMES, NULL,
			 two);
	assert_memory_not_equal(one, two, 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ip_names),   TEST(test_domain_names),
		TEST(test_long_names), TEST(test_probe_names),
		TEST(test_no_pattern),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
