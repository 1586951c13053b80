/*
 * test_sender_dns.c - could an answer reach the sender's domain?
 */
#include "filter/checks/asking.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/dns_world.h"

static const char zone[] = "one.test MX 10 mx.one.test.\n"
			   "mx.one.test A 192.0.2.1\n"
			   "order.test MX 20 b.order.test.\n"
			   "order.test MX 10 a.order.test.\n"
			   "order.test MX 20 c.order.test.\n"
			   "order.test MX 0 first.order.test.\n"
			   "*.order.test A 192.0.2.2\n"
			   "implicit4.test A 192.0.2.1\n"
			   "implicit6.test AAAA 2001:db8::1\n"
			   "nothing.test TXT \"a\"\n"
			   "alias.test CNAME one.test\n"
			   "xn--mnchen-3ya.test MX 10 mx.one.test.\n"
			   "_under.score.test MX 10 mx.one.test.\n"
			   /* null MX and what is none */
			   "null.test MX 0 .\n"
			   "null5.test MX 5 .\n"
			   "null-and.test MX 0 .\n"
			   "null-and.test MX 10 mx.one.test.\n"
			   "null-and-bogus.test MX 0 .\n"
			   "null-and-bogus.test MX 10 local.test.\n"
			   "null-with-address.test MX 0 .\n"
			   "null-with-address.test A 192.0.2.1\n"
			   /* each question fails in turn */
			   "mx-fails.test SERVFAIL MX\n"
			   "mx-fails.test A 192.0.2.1\n"
			   "mx-silent.test TIMEOUT 1ms MX\n"
			   "a-fails.test SERVFAIL A\n"
			   "a-fails.test TXT \"a\"\n"
			   "a-fails6.test SERVFAIL A\n"
			   "a-fails6.test AAAA 2001:db8::1\n"
			   "a-fails-bogus.test SERVFAIL A\n"
			   "a-fails-bogus.test AAAA ::1\n"
			   "aaaa-fails.test SERVFAIL AAAA\n"
			   "aaaa-fails.test TXT \"a\"\n"
			   "a-silent.test TIMEOUT 1ms A\n"
			   "a-silent.test TXT \"a\"\n"
			   "a-gone.test NXDOMAIN A\n"
			   "a-gone.test SERVFAIL AAAA\n"
			   "a-gone.test TXT \"a\"\n"
			   /* hosts */
			   "local.test A 127.0.0.1\n"
			   "fails.test SERVFAIL\n"
			   "bogus.test MX 10 local.test.\n"
			   "half-bogus.test MX 10 local.test.\n"
			   "half-bogus.test MX 20 mx.one.test.\n"
			   "host-fails.test MX 10 fails.test.\n"
			   "host-silent.test MX 10 silent.test.\n"
			   "silent.test TIMEOUT 1ms\n"
			   "host-fails-bogus.test MX 10 fails.test.\n"
			   "host-fails-bogus.test MX 20 local.test.\n"
			   "host-fails-fine.test MX 10 fails.test.\n"
			   "host-fails-fine.test MX 20 mx.one.test.\n"
			   "host-gone.test MX 10 gone.test.\n"
			   "host-gone-bogus.test MX 10 gone.test.\n"
			   "host-gone-bogus.test MX 20 local.test.\n"
			   "host-six-bogus.test MX 10 a-fails-bogus.test.\n"
			   "text.test MX 10 192.0.2.1.\n"
			   "text6.test MX 10 2001:db8::1.\n"
			   "localhost-mx.test MX 10 localhost.\n"
			   "below-localhost.test MX 10 mail.localhost.\n"
			   "notlocalhost.test MX 10 mynotlocalhost.\n"
			   "escaped.test MX 10 a\\032b\\000.test.\n"
			   "literal.test MX 10 [192.0.2.1].\n"
			   "implicit-bogus.test A 10.0.0.1\n"
			   "six.test MX 10 a.six.test.\n"
			   "six.test MX 20 b.six.test.\n"
			   "six.test MX 30 c.six.test.\n"
			   "six.test MX 40 d.six.test.\n"
			   "six.test MX 50 e.six.test.\n"
			   "six.test MX 60 f.six.test.\n"
			   "f.six.test A 192.0.2.1\n"
			   "*.six.test A 10.0.0.1\n"
			   "five.test MX 10 a.six.test.\n"
			   "five.test MX 20 b.six.test.\n"
			   "five.test MX 30 c.six.test.\n"
			   "five.test MX 40 d.six.test.\n"
			   "five.test MX 50 e.six.test.\n"
			   "five.test MX 60 192.0.2.1.\n"
			   "six-fine.test MX 10 mx.one.test.\n"
			   "six-fine.test MX 20 b.six.test.\n"
			   "six-fine.test MX 30 c.six.test.\n"
			   "six-fine.test MX 40 d.six.test.\n"
			   "six-fine.test MX 50 e.six.test.\n"
			   "six-fine.test MX 60 f.six.test.\n";

static const struct {
	const char *claim, *domain;
	const char *exists, *mx, *null_mx, *bogus_mx;
} rows[] = {
	{ "one host", "one.test", "true", "mx.one.test", "false", "false" },
	{ "best first", "order.test", "true",
	  "first.order.test a.order.test b.order.test c.order.test", "false",
	  "false" },
	{ "implicit, IPv4", "implicit4.test", "true", "none", "false",
	  "false" },
	{ "implicit, IPv6", "implicit6.test", "true", "none", "false",
	  "false" },
	{ "neither", "nothing.test", "false", "none", "false", "none" },
	{ "NXDOMAIN", "gone.test", "false", "none", "false", "none" },
	{ "an alias", "alias.test", "true", "mx.one.test", "false", "false" },
	{ "U-labels become A-labels", "m\xc3\xbcnchen.test", "true",
	  "mx.one.test", "false", "false" },
	{ "A-labels stay", "xn--mnchen-3ya.test", "true", "mx.one.test",
	  "false", "false" },
	{ "underscores", "_under.score.test", "true", "mx.one.test", "false",
	  "false" },

	{ "null MX", "null.test", "true", "none", "true", "none" },
	{ "null MX beside an address", "null-with-address.test", "true", "none",
	  "true", "none" },
	{ "another preference is none", "null5.test", "true", "none", "false",
	  "none" },
	{ "nor is one among others", "null-and.test", "true", "mx.one.test",
	  "false", "false" },
	{ "nor among bogus ones", "null-and-bogus.test", "true", "local.test",
	  "false", "true" },

	{ "MX: SERVFAIL", "mx-fails.test", "unknown: failed", "unknown: failed",
	  "unknown: failed", "unknown: failed" },
	{ "MX: TIMEOUT", "mx-silent.test", "unknown: timeout",
	  "unknown: timeout", "unknown: timeout", "unknown: timeout" },
	{ "A: SERVFAIL, no AAAA", "a-fails.test", "unknown: failed", "none",
	  "false", "unknown: failed" },
	{ "A: SERVFAIL, AAAA", "a-fails6.test", "true", "none", "false",
	  "false" },
	{ "A: SERVFAIL, AAAA bogus", "a-fails-bogus.test", "true", "none",
	  "false", "unknown: failed" },
	{ "AAAA: SERVFAIL, no A", "aaaa-fails.test", "unknown: failed", "none",
	  "false", "unknown: failed" },
	{ "A: TIMEOUT, no AAAA", "a-silent.test", "unknown: timeout", "none",
	  "false", "unknown: timeout" },
	{ "A: NXDOMAIN is for both", "a-gone.test", "false", "none", "false",
	  "none" },

	{ "all bogus", "bogus.test", "true", "local.test", "false", "true" },
	{ "one is enough", "half-bogus.test", "true", "local.test mx.one.test",
	  "false", "false" },
	{ "host: SERVFAIL", "host-fails.test", "true", "fails.test", "false",
	  "unknown: failed" },
	{ "host: TIMEOUT", "host-silent.test", "true", "silent.test", "false",
	  "unknown: timeout" },
	{ "host: SERVFAIL, other bogus", "host-fails-bogus.test", "true",
	  "fails.test local.test", "false", "unknown: failed" },
	{ "host: SERVFAIL, other public", "host-fails-fine.test", "true",
	  "fails.test mx.one.test", "false", "false" },
	{ "host: NXDOMAIN has no say", "host-gone.test", "true", "gone.test",
	  "false", "none" },
	{ "host: NXDOMAIN, other bogus", "host-gone-bogus.test", "true",
	  "gone.test local.test", "false", "true" },
	{ "host: A fails, AAAA bogus", "host-six-bogus.test", "true",
	  "a-fails-bogus.test", "false", "unknown: failed" },
	{ "an address for a name", "text.test", "true", "192.0.2.1", "false",
	  "true" },
	{ "an IPv6 address for a name", "text6.test", "true", "2001:db8::1",
	  "false", "true" },
	{ "localhost", "localhost-mx.test", "true", "localhost", "false",
	  "true" },
	{ "below localhost", "below-localhost.test", "true", "mail.localhost",
	  "false", "true" },
	{ "ends like localhost", "notlocalhost.test", "true", "mynotlocalhost",
	  "false", "none" },
	{ "no host name", "escaped.test", "true", "a\\032b\\000.test", "false",
	  "none" },
	{ "a literal is none", "literal.test", "true", "[192.0.2.1]", "false",
	  "none" },
	{ "implicit and private", "implicit-bogus.test", "true", "none",
	  "false", "true" },
	{ "the sixth is not looked at", "six.test", "true",
	  "a.six.test b.six.test c.six.test d.six.test e.six.test f.six.test",
	  "false", "unknown: limit" },
	{ "the sixth needs no look", "five.test", "true",
	  "a.six.test b.six.test c.six.test d.six.test e.six.test 192.0.2.1",
	  "false", "true" },
	{ "nor where one is public", "six-fine.test", "true",
	  "mx.one.test b.six.test c.six.test d.six.test e.six.test f.six.test",
	  "false", "false" },

	{ "the null sender", "", "none", "none", "none", "none" },
	{ "a literal", "[192.0.2.1]", "none", "none", "none", "none" },
	{ "an IPv6 literal", "[IPv6:2001:db8::1]", "none", "none", "none",
	  "none" },
	{ "a bare address", "192.0.2.1", "none", "none", "none", "none" },
	{ "one label", "localhost", "none", "none", "none", "none" },
	{ "no domain", "a..test", "none", "none", "none", "none" },
	{ "nor this", "a b.test", "none", "none", "none", "none" },
};

static void check_row(struct dns_world *world, size_t i, bool wants_hosts)
{
	static const enum fact_id ids[] = {
		FACT_SENDER_EXISTS,
		FACT_SENDER_MX,
		FACT_SENDER_NULL_MX,
		FACT_SENDER_BOGUS_MX,
	};
	const char *wanted[] = {
		rows[i].exists,
		rows[i].mx,
		rows[i].null_mx,
		wants_hosts ? rows[i].bogus_mx : "pending",
	};
	struct sender_dns sender = { 0 };
	char domain[300];

	/* the domain's end is where its length says */
	snprintf(domain, sizeof(domain), "%sxyz", rows[i].domain);
	dns_world_begin(world);
	sender_dns_ask(&sender, world->batch, domain, strlen(rows[i].domain),
		       wants_hosts);
	dns_world_wait(world, 4000);
	sender_dns_tell(&sender, world->batch, &world->arena, &world->facts);
	for (size_t k = 0; k < sizeof(ids) / sizeof(ids[0]); k++) {
		char said[2048];

		dns_world_fact(world, ids[k], said);
		if (strcmp(said, wanted[k]) != 0)
			fail_msg("%s: %s is %s", rows[i].claim,
				 fact_row(ids[k])->name, said);
	}
}

static void test_rows(void **state)
{
	struct dns_world world;

	(void)state;
	dns_world_open(&world, zone);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		check_row(&world, i, true);
		check_row(&world, i, false);
	}
	dns_world_close(&world);
}

static const struct {
	const char *ip, *bogus;
} addresses[] = {
	{ "0.0.0.0", "true" },
	{ "0.1.2.3", "true" },
	{ "10.1.2.3", "true" },
	{ "100.64.0.1", "true" },
	{ "127.1.2.3", "true" },
	{ "169.254.1.1", "true" },
	{ "172.16.0.1", "true" },
	{ "192.168.1.1", "true" },
	{ "224.0.0.1", "true" },
	{ "239.255.255.255", "true" },
	{ "240.0.0.1", "true" },
	{ "255.255.255.255", "true" },
	{ "1.0.0.0", "false" },
	{ "11.0.0.0", "false" },
	{ "128.0.0.1", "false" },
	{ "223.255.255.255", "false" },
	{ "192.0.2.1", "false" },
	{ "198.51.100.1", "false" },
	{ "203.0.113.1", "false" },
	{ "::", "true" },
	{ "::1", "true" },
	{ "::ffff:10.0.0.1", "true" },
	{ "fe80::1", "true" },
	{ "fec0::1", "true" },
	{ "fc00::1", "true" },
	{ "ff02::1", "true" },
	{ "2001:db8::1", "false" },
	{ "2600::1", "false" },
	{ "::ffff:192.0.2.1", "false" },
	{ "::2", "false" },
};

static void test_addresses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		const char *ip = addresses[i].ip;
		struct sender_dns sender = { 0 };
		struct dns_world world;
		char text[128], said[2048];

		snprintf(text, sizeof(text), "a.test %s %s\n",
			 strchr(ip, ':') != NULL ? "AAAA" : "A", ip);
		dns_world_open(&world, text);
		sender_dns_ask(&sender, world.batch, "a.test", 6, true);
		dns_world_wait(&world, 4000);
		sender_dns_tell(&sender, world.batch, &world.arena,
				&world.facts);
		dns_world_fact(&world, FACT_SENDER_BOGUS_MX, said);
		if (strcmp(said, addresses[i].bogus) != 0)
			fail_msg("%s: %s", ip, said);
		dns_world_close(&world);
	}
}

static void name_host(void *context, const char *name)
{
	strcat(context, name);
	strcat(context, " ");
}

static void test_on_host(void **state)
{
	static const struct {
		const char *domain, *hosts;
		int questions;
		bool wants_hosts;
	} wanted[] = {
		{ "six.test",
		  "a.six.test b.six.test c.six.test d.six.test e.six.test ", 11,
		  true },
		{ "six.test",
		  "a.six.test b.six.test c.six.test d.six.test e.six.test ", 1,
		  false },
		{ "text.test", "", 1, true },
		{ "null.test", "", 1, true },
		{ "implicit4.test", "", 3, true },
	};
	struct dns_world world;

	(void)state;
	dns_world_open(&world, zone);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		struct sender_dns sender = { 0 };
		char hosts[1024] = "";

		dns_world_begin(&world);
		sender.on_host = name_host;
		sender.context = hosts;
		sender_dns_ask(&sender, world.batch, wanted[i].domain,
			       strlen(wanted[i].domain), wanted[i].wants_hosts);
		dns_world_wait(&world, 4000);
		assert_string_equal(hosts, wanted[i].hosts);
		assert_int_equal(dns_batch_count(world.batch),
				 wanted[i].questions);
	}
	dns_world_close(&world);
}

/* Told while answers still come: nothing wrong is said, and no race. */
static void test_told_early(void **state)
{
	struct dns_world world;

	(void)state;
	dns_world_open(&world, zone);
	for (int i = 0; i < 300; i++) {
		struct sender_dns sender = { 0 };
		char said[2048];

		dns_world_begin(&world);
		sender_dns_ask(&sender, world.batch, "one.test", 8, true);
		sender_dns_tell(&sender, world.batch, &world.arena,
				&world.facts);
		dns_world_fact(&world, FACT_SENDER_BOGUS_MX, said);
		assert_string_not_equal(said, "none");
		assert_string_not_equal(said, "true");
		dns_batch_stop(world.batch);
	}
	dns_world_close(&world);
}

static void test_no_room(void **state)
{
	struct sender_dns sender = { 0 };
	struct dns_world world;
	struct arena arena;
	char said[2048];

	(void)state;
	dns_world_open(&world, zone);
	sender_dns_ask(&sender, world.batch, "one.test", 8, true);
	dns_world_wait(&world, 4000);
	arena_init(&arena, 1);
	sender_dns_tell(&sender, world.batch, &arena, &world.facts);
	assert_string_equal(dns_world_fact(&world, FACT_SENDER_MX, said),
			    "unknown: limit");
	assert_string_equal(dns_world_fact(&world, FACT_SENDER_EXISTS, said),
			    "true");
	arena_done(&arena);
	dns_world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_on_host),
		cmocka_unit_test(test_told_early),
		cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
