/*
 * test_rdns.c - the client's names: published, confirmed, dynamic.
 */
#include "filter/checks/asking.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "lists/dns_name.h"
#include "tests/unit/dns_world.h"

#define L10 "abcdefghij"
#define L60 L10 L10 L10 L10 L10 L10
#define L63 L60 "klm"
#define L253 L63 "." L63 "." L63 "." L60 "k"

/* PTR records of 192.0.2.N, then what these names lead to. */
static const char zone[] =
	"$ORIGIN 2.0.192.in-addr.arpa.\n"
	"1 PTR mail.a.test.\n"
	"2 PTR mail.a.test.\n"
	"3 PTR two.test.\n"
	"3 PTR mail.c.test.\n"
	"4 TXT \"no name\"\n"
	"6 SERVFAIL\n"
	"7 TIMEOUT 1ms\n"
	"8 PTR fails.test.\n"
	"9 PTR fails.test.\n"
	"9 PTR nine.test.\n"
	"10 PTR silent.test.\n"
	"11 PTR gone.test.\n"
	"12 PTR six.test.\n"
	"13 PTR 13.2.0.192.dyn.test.\n"
	"14 CNAME 14.sub\n"
	"14.sub PTR fourteen.test.\n"
	"15 PTR ip-192-0-2-15.test.\n"
	"15 PTR mail.fifteen.test.\n"
	"16 PTR ip-192-0-2-16.test.\n"
	"16 PTR p16.dyn.a.test.\n"
	"17 PTR ip-192-0-2-17.test.\n"
	"17 PTR .\n"
	"18 PTR alias.test.\n"
	"19 REFUSED\n"
	"20 GARBLED\n"
	/* hostile */
	"30 PTR .\n"
	"31 PTR localhost.\n"
	"32 PTR 192.0.2.32.\n"
	"33 PTR a\\032b\\000.test.\n"
	"34 PTR " L253 ".\n"
	"35 PTR \\195\\169.test.\n"
	"36 PTR a\\.b.test.\n"
	"37 PTR [192.0.2.37].\n"
	"38 PTR *.a.test.\n"
	"39 PTR 39.2.0.192.in-addr.arpa.\n"
	"40 PTR fails.test.\n"
	"40 PTR .\n"
	"$ORIGIN .\n"
	"mail.a.test A 192.0.2.1\n"
	"two.test A 192.0.2.3\n"
	"mail.c.test A 192.0.2.99\n"
	"mail.c.test A 192.0.2.3\n"
	"fails.test SERVFAIL\n"
	"nine.test A 192.0.2.9\n"
	"silent.test TIMEOUT 1ms\n"
	"six.test AAAA 2001:db8::1\n"
	"fourteen.test A 192.0.2.14\n"
	"mail.fifteen.test A 192.0.2.15\n"
	"alias.test CNAME real.test\n"
	"real.test A 192.0.2.18\n"
	"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2"
	".ip6.arpa PTR six.test.\n";

#define ANY "-" /* not looked at */

static const struct {
	const char *claim, *client, *ptr, *name, *dynamic;
} rows[] = {
	{ "a name that leads back", "192.0.2.1", "mail.a.test", "mail.a.test",
	  "false" },
	{ "a name that does not", "192.0.2.2", "mail.a.test", "none", "false" },
	{ "two that do", "192.0.2.3", "two.test mail.c.test",
	  "two.test mail.c.test", "false" },
	{ "IPv6", "2001:db8::1", "six.test", "six.test", "false" },
	{ "IPv6 mapped is IPv4", "::ffff:192.0.2.1", "mail.a.test",
	  "mail.a.test", "false" },
	{ "an alias in the reverse zone (RFC 2317)", "192.0.2.14",
	  "fourteen.test", "fourteen.test", "false" },
	{ "an alias forward", "192.0.2.18", "alias.test", "alias.test",
	  "false" },
	{ "only the client's family counts", "192.0.2.12", "six.test", "none",
	  "false" },

	{ "PTR: NODATA", "192.0.2.4", "none", "none", "none" },
	{ "PTR: NXDOMAIN", "192.0.2.5", "none", "none", "none" },
	{ "PTR: SERVFAIL", "192.0.2.6", "unknown: failed", "unknown: failed",
	  "unknown: failed" },
	{ "PTR: TIMEOUT", "192.0.2.7", "unknown: timeout", "unknown: timeout",
	  "unknown: timeout" },
	{ "PTR: REFUSED", "192.0.2.19", "unknown: failed", "unknown: failed",
	  "unknown: failed" },
	{ "PTR: GARBLED", "192.0.2.20", "unknown: failed", "unknown: failed",
	  "unknown: failed" },
	{ "forward: SERVFAIL", "192.0.2.8", "fails.test", "unknown: failed",
	  "false" },
	{ "forward: TIMEOUT", "192.0.2.10", "silent.test", "unknown: timeout",
	  "false" },
	{ "forward: NXDOMAIN", "192.0.2.11", "gone.test", "none", "false" },
	{ "one fails, one is confirmed", "192.0.2.9", "fails.test nine.test",
	  "nine.test, unknown: failed", "false" },

	{ "dynamic", "192.0.2.13", "13.2.0.192.dyn.test", "none", "true" },
	{ "one name by hand is enough", "192.0.2.15",
	  "ip-192-0-2-15.test mail.fifteen.test", "mail.fifteen.test",
	  "false" },
	{ "all are dynamic", "192.0.2.16", "ip-192-0-2-16.test p16.dyn.a.test",
	  "none", "true" },
	{ "what is no host name does not help", "192.0.2.17",
	  "ip-192-0-2-17.test .", "none", "true" },

	{ "the root", "192.0.2.30", ".", "none", "false" },
	{ "one label", "192.0.2.31", "localhost", "none", "false" },
	{ "an address as a name", "192.0.2.32", "192.0.2.32", "none", "false" },
	{ "blanks and NUL", "192.0.2.33", "a\\032b\\000.test", "none",
	  "false" },
	{ "253 characters", "192.0.2.34", L253, "none", "false" },
	{ "bytes above 127", "192.0.2.35", "\\195\\169.test", "none", "false" },
	{ "a dot inside a label", "192.0.2.36", "a\\.b.test", "none", "false" },
	{ "a literal", "192.0.2.37", "[192.0.2.37]", "none", "false" },
	{ "a wildcard", "192.0.2.38", "*.a.test", "none", "false" },
	{ "itself", "192.0.2.39", "39.2.0.192.in-addr.arpa", "none", "true" },
	{ "the root beside one that fails", "192.0.2.40", "fails.test .",
	  "unknown: failed", "false" },
};

static void check_row(struct dns_world *world, size_t i, bool wants_forward)
{
	const char *name = wants_forward ? rows[i].name : "pending";
	struct ip client = ip_of(rows[i].client);
	struct rdns rdns = { 0 };
	char said[3][2048];

	dns_world_begin(world);
	rdns_ask(&rdns, world->batch, &client, wants_forward);
	dns_world_wait(world, 4000);
	rdns_tell(&rdns, world->batch, &world->arena, &world->facts);
	dns_world_fact(world, FACT_CLIENT_PTR, said[0]);
	dns_world_fact(world, FACT_CLIENT_NAME, said[1]);
	dns_world_fact(world, FACT_CLIENT_IS_DYNAMIC, said[2]);
	if (strcmp(said[0], rows[i].ptr) != 0 || strcmp(said[1], name) != 0 ||
	    strcmp(said[2], rows[i].dynamic) != 0)
		fail_msg("%s: %s; %s; %s", rows[i].claim, said[0], said[1],
			 said[2]);
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

/* `count` names n0.test, n1.test...; those from..to lead to the client. */
static void many(struct dns_world *world, int count, int from, int to)
{
	static char text[16384];
	size_t at = 0;

	for (int i = 0; i < count; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at,
				       "1.2.0.192.in-addr.arpa PTR n%d.test.\n"
				       "n%d.test A 192.0.2.%d\n",
				       i, i, i >= from && i <= to ? 1 : 2);
	dns_world_open(world, text);
}

static void count_name(void *context, const char *name)
{
	assert_int_equal(name[0], 'n');
	++*(int *)context;
}

static const struct {
	const char *claim;
	int count, from, to, named, questions;
	const char *name;
} crowds[] = {
	{ "ten, the last confirmed", 10, 9, 9, 10, 11, "n9.test" },
	{ "ten, none confirmed", 10, 11, 11, 10, 11, "none" },
	{ "eleven, the first confirmed", 11, 0, 0, 10, 11,
	  "n0.test, unknown: limit" },
	{ "eleven, the last is not looked at", 11, 10, 10, 10, 11,
	  "unknown: limit" },
	{ "all that a resolver takes", DNS_RECORDS_MAX, 3, 4, 10, 11,
	  "n3.test n4.test, unknown: limit" },
	{ "one more", DNS_RECORDS_MAX + 1, 0, DNS_RECORDS_MAX, 0, 1,
	  "unknown: limit" },
};

static void test_crowds(void **state)
{
	struct ip client = ip_of("192.0.2.1");

	(void)state;
	for (size_t i = 0; i < sizeof(crowds) / sizeof(crowds[0]); i++) {
		struct dns_world world;
		struct rdns rdns = { 0 };
		const struct fact *ptr;
		char said[2048];
		int named = 0;

		many(&world, crowds[i].count, crowds[i].from, crowds[i].to);
		rdns.on_name = count_name;
		rdns.context = &named;
		rdns_ask(&rdns, world.batch, &client, true);
		dns_world_wait(&world, 4000);
		rdns_tell(&rdns, world.batch, &world.arena, &world.facts);
		dns_world_fact(&world, FACT_CLIENT_NAME, said);
		if (strcmp(said, crowds[i].name) != 0)
			fail_msg("%s: %s", crowds[i].claim, said);
		assert_int_equal(named, crowds[i].named);
		assert_int_equal(dns_batch_count(world.batch),
				 crowds[i].questions);
		ptr = &world.facts.fixed[FACT_CLIENT_PTR];
		if (crowds[i].count <= DNS_RECORDS_MAX)
			assert_int_equal(ptr->set.count, crowds[i].count);
		assert_false(ptr->partial);
		dns_world_close(&world);
	}
}

static void test_no_address(void **state)
{
	struct ip client = { 0 };
	struct rdns rdns = { 0 };
	struct dns_world world;
	char said[2048];

	(void)state;
	dns_world_open(&world, zone);
	rdns_ask(&rdns, world.batch, &client, true);
	assert_int_equal(dns_batch_count(world.batch), 0);
	rdns_tell(&rdns, world.batch, &world.arena, &world.facts);
	assert_string_equal(dns_world_fact(&world, FACT_CLIENT_PTR, said),
			    "pending");
	dns_world_close(&world);
}

/* The names came in time, their addresses did not; or neither did. */
static void test_not_in_time(void **state)
{
	static const char slow[] = "1.2.0.192.in-addr.arpa PTR a.test.\n"
				   "a.test TIMEOUT\n"
				   "2.2.0.192.in-addr.arpa PTR a.test.\n"
				   "2.2.0.192.in-addr.arpa DELAY 3s\n";
	static const char *const clients[] = { "192.0.2.1", "192.0.2.2" };
	struct dns_world world;
	char said[2048];

	(void)state;
	dns_world_open(&world, slow);
	for (size_t i = 0; i < 2; i++) {
		struct ip client = ip_of(clients[i]);
		struct rdns rdns = { 0 };

		dns_world_begin(&world);
		rdns_ask(&rdns, world.batch, &client, true);
		while (i == 0 && dns_batch_answer(world.batch, 0) == NULL)
			dns_batch_wait(world.batch, dns_now_ms() + 1);
		dns_world_wait(&world, 0);
		rdns_tell(&rdns, world.batch, &world.arena, &world.facts);
		assert_string_equal(dns_world_fact(&world, FACT_CLIENT_PTR,
						   said),
				    i == 0 ? "a.test" : "unknown: timeout");
		assert_string_equal(dns_world_fact(&world, FACT_CLIENT_NAME,
						   said),
				    "unknown: timeout");
	}
	dns_world_close(&world);
}

/* Told while answers still come: what is there is right, and no race. */
static void test_told_early(void **state)
{
	struct ip client = ip_of("192.0.2.3");
	struct dns_world world;

	(void)state;
	dns_world_open(&world, zone);
	for (int i = 0; i < 300; i++) {
		struct rdns rdns = { 0 };
		char said[2048];

		dns_world_begin(&world);
		rdns_ask(&rdns, world.batch, &client, true);
		rdns_tell(&rdns, world.batch, &world.arena, &world.facts);
		dns_world_fact(&world, FACT_CLIENT_NAME, said);
		assert_string_not_equal(said, "none");
		dns_batch_stop(world.batch);
	}
	dns_world_close(&world);
}

static void test_no_room(void **state)
{
	struct ip client = ip_of("192.0.2.1");
	struct rdns rdns = { 0 };
	struct dns_world world;
	struct arena arena;
	char said[2048];

	(void)state;
	dns_world_open(&world, zone);
	rdns_ask(&rdns, world.batch, &client, true);
	dns_world_wait(&world, 4000);
	arena_init(&arena, 1);
	rdns_tell(&rdns, world.batch, &arena, &world.facts);
	assert_string_equal(dns_world_fact(&world, FACT_CLIENT_PTR, said),
			    "unknown: limit");
	assert_string_equal(dns_world_fact(&world, FACT_CLIENT_NAME, said),
			    "unknown: limit");
	arena_done(&arena);
	dns_world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_crowds),
		cmocka_unit_test(test_no_address),
		cmocka_unit_test(test_not_in_time),
		cmocka_unit_test(test_told_early),
		cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
