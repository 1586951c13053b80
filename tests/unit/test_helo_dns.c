/*
 * test_helo_dns.c - does HELO's name lead anywhere, and to the client?
 */
#include "filter/checks/asking.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/dns_world.h"

static const char zone[] = "four.test A 192.0.2.1\n"
			   "four.test A 192.0.2.2\n"
			   "six.test AAAA 2001:db8::1\n"
			   "both.test A 192.0.2.1\n"
			   "both.test AAAA 2001:db8::1\n"
			   "mapped.test AAAA ::ffff:192.0.2.1\n"
			   "text.test TXT \"no address\"\n"
			   "alias.test CNAME both.test\n"
			   "xn--mnchen-3ya.test A 192.0.2.1\n"
			   "name_with.underscore.test A 192.0.2.1\n"
			   "a-fails.test SERVFAIL A\n"
			   "a-fails.test AAAA 2001:db8::1\n"
			   "aaaa-fails.test A 192.0.2.1\n"
			   "aaaa-fails.test SERVFAIL AAAA\n"
			   "a-fails-alone.test TXT \"a\"\n"
			   "a-fails-alone.test SERVFAIL A\n"
			   "aaaa-fails-alone.test TXT \"a\"\n"
			   "aaaa-fails-alone.test REFUSED AAAA\n"
			   "fails.test SERVFAIL\n"
			   "silent.test TIMEOUT 1ms\n"
			   "half-gone.test NXDOMAIN A\n"
			   "half-gone.test SERVFAIL AAAA\n";

#define V4 "192.0.2.1"
#define V6 "2001:db8::1"

static const struct {
	const char *claim, *helo, *client, *resolves, *matches;
} rows[] = {
	{ "one of its addresses", "four.test", V4, "true", "true" },
	{ "or another", "four.test", "192.0.2.2", "true", "true" },
	{ "a stranger's name", "four.test", "192.0.2.3", "true", "false" },
	{ "IPv6", "six.test", V6, "true", "true" },
	{ "no IPv4 for an IPv4 client", "six.test", V4, "true", "false" },
	{ "no IPv6 for an IPv6 client", "four.test", V6, "true", "false" },
	{ "both, asked from IPv4", "both.test", V4, "true", "true" },
	{ "both, asked from IPv6", "both.test", V6, "true", "true" },
	{ "an alias", "alias.test", V6, "true", "true" },
	{ "case and a final dot", "FOUR.Test.", V4, "true", "true" },
	{ "U-labels", "m\xc3\xbcnchen.test", V4, "true", "true" },
	{ "underscores", "name_with.underscore.test", V4, "true", "true" },
	{ "there, without address", "text.test", V4, "false", "false" },
	{ "no such name", "gone.test", V4, "false", "false" },

	{ "A fails, AAAA resolves", "a-fails.test", V4, "true",
	  "unknown: failed" },
	{ "A fails, AAAA matches", "a-fails.test", V6, "true", "true" },
	{ "AAAA fails, A resolves", "aaaa-fails.test", V6, "true",
	  "unknown: failed" },
	{ "AAAA fails, A matches", "aaaa-fails.test", V4, "true", "true" },
	{ "A fails, no AAAA, IPv4", "a-fails-alone.test", V4, "unknown: failed",
	  "unknown: failed" },
	{ "A fails, no AAAA, IPv6", "a-fails-alone.test", V6, "unknown: failed",
	  "false" },
	{ "AAAA fails, no A, IPv4", "aaaa-fails-alone.test", V4,
	  "unknown: failed", "false" },
	{ "AAAA fails, no A, IPv6", "aaaa-fails-alone.test", V6,
	  "unknown: failed", "unknown: failed" },
	{ "both fail", "fails.test", V4, "unknown: failed", "unknown: failed" },
	{ "nobody answers", "silent.test", V4, "unknown: timeout",
	  "unknown: timeout" },
	{ "no such name says it for both types", "half-gone.test", V6, "false",
	  "false" },

	{ "a literal is no name", "[192.0.2.1]", V4, "none", "none" },
	{ "nor is an IPv6 one", "[IPv6:2001:db8::1]", V6, "none", "none" },
	{ "nor a bare address", "192.0.2.1", V4, "none", "none" },
	{ "nor a bare IPv6 one", "2001:db8::1", V6, "none", "none" },
	{ "nor one label", "four", V4, "none", "none" },
	{ "nor one label and a dot", "test.", V4, "none", "none" },
	{ "nor the root", ".", V4, "none", "none" },
	{ "nor nothing", "", V4, "none", "none" },
	{ "nor no HELO at all", NULL, V4, "none", "none" },
	{ "nor what no name can be", "a b.test", V4, "none", "none" },
	{ "nor two dots", "a..test", V4, "none", "none" },
	{ "a client without address", "four.test", "", "true", "none" },
};

static void test_rows(void **state)
{
	struct dns_world world;

	(void)state;
	dns_world_open(&world, zone);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ip client = ip_of(rows[i].client);
		struct helo_dns helo = { 0 };
		char said[2][2048];

		dns_world_begin(&world);
		helo_dns_ask(&helo, world.batch, rows[i].helo, &client);
		dns_world_wait(&world, 4000);
		helo_dns_tell(&helo, world.batch, &world.facts);
		dns_world_fact(&world, FACT_HELO_RESOLVES, said[0]);
		dns_world_fact(&world, FACT_HELO_MATCHES_CLIENT, said[1]);
		if (strcmp(said[0], rows[i].resolves) != 0 ||
		    strcmp(said[1], rows[i].matches) != 0)
			fail_msg("%s: %s, %s", rows[i].claim, said[0], said[1]);
	}
	dns_world_close(&world);
}

static void test_not_in_time(void **state)
{
	struct ip client = ip_of(V4);
	struct helo_dns helo = { 0 };
	struct dns_world world;
	char said[2048];

	(void)state;
	dns_world_open(&world, "slow.test A " V4 "\nslow.test DELAY 3s\n");
	helo_dns_tell(&helo, world.batch, &world.facts);
	assert_string_equal(dns_world_fact(&world, FACT_HELO_RESOLVES, said),
			    "pending"); /* nobody asked */
	helo_dns_ask(&helo, world.batch, "slow.test", &client);
	dns_world_wait(&world, 0);
	helo_dns_tell(&helo, world.batch, &world.facts);
	assert_string_equal(dns_world_fact(&world, FACT_HELO_RESOLVES, said),
			    "unknown: timeout");
	/* and nothing can be asked any more */
	helo_dns_ask(&helo, world.batch, "slow.test", &client);
	helo_dns_tell(&helo, world.batch, &world.facts);
	assert_string_equal(dns_world_fact(&world, FACT_HELO_RESOLVES, said),
			    "unknown: limit");
	dns_world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_not_in_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
