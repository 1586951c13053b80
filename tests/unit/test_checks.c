/*
 * test_checks.c - what the MTA says about the client, and HELO.
 */
#include "filter/checks/checks.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "filter/phases.h"
#include "tests/unit/dns_world.h"

/* name, {client_ptr}, {client_resolve} -> mta_name, mta_ptr, mta_resolve */
static const struct {
	const char *claim;
	const char *name, *ptr, *resolve;
	const char *mta_name, *mta_ptr, *mta_resolve;
} names[] = {
	{ "all is well", "a.test", "a.test", "OK", "a.test", "a.test", "ok" },
	{ "an MTA that says nothing more", "a.test", NULL, NULL, "a.test",
	  "none", "none" },
	{ "nor has a name", "[192.0.2.1]", NULL, NULL, "none", "none", "none" },
	{ "Postfix: no name", "[192.0.2.1]", "unknown", "FAIL", "none", "none",
	  "fail" },
	{ "Postfix: the look-up of the name failed", "[192.0.2.1]", "unknown",
	  "TEMP", "unknown: failed", "unknown: failed", "temp" },
	{ "Postfix: that of its address failed", "[192.0.2.1]", "a.test",
	  "TEMP", "unknown: failed", "a.test", "temp" },
	{ "Postfix: other addresses", "[192.0.2.1]", "a.test", "FORGED",
	  "unknown: failed", "a.test", "forged" },
	{ "Postfix: not confirmed, and no word why", "[192.0.2.1]", "a.test",
	  NULL, "unknown: failed", "a.test", "none" },
	{ "Sendmail: no name", "[192.0.2.1]", "[192.0.2.1]", "FAIL", "none",
	  "none", "fail" },
	{ "Sendmail: failed", "[192.0.2.1]", "[192.0.2.1]", "TEMP",
	  "unknown: failed", "unknown: failed", "temp" },
	{ "Sendmail: not confirmed", "[192.0.2.1]", "a.test", "FORGED",
	  "unknown: failed", "a.test", "forged" },
	{ "a name that is said to be forged is none", "a.test", "a.test",
	  "FORGED", "unknown: failed", "a.test", "forged" },
	{ "another word is none", "a.test", "a.test", "ok", "a.test", "a.test",
	  "none" },
	{ "empty is none", "a.test", "", "", "a.test", "none", "none" },
	{ "a local client", "localhost", "localhost", "OK", "localhost",
	  "localhost", "ok" },
};

static void begin(struct dns_world *world)
{
	arena_init(&world->arena, 4096);
	assert_int_equal(facts_init(&world->facts, &world->arena, 0), 0);
}

static void expect(const char *claim, struct dns_world *world, enum fact_id id,
		   const char *wanted)
{
	char said[2048];

	dns_world_fact(world, id, said);
	if (strcmp(said, wanted) != 0)
		fail_msg("%s: %s is %s", claim, fact_row(id)->name, said);
}

static void test_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct envelope envelope = {
			.client_ip = ip_of("192.0.2.1"),
			.client_mta_name = names[i].name,
			.client_mta_ptr = names[i].ptr,
			.client_mta_resolve = names[i].resolve,
		};
		struct dns_world world;

		begin(&world);
		check_client(&envelope, &world.facts);
		expect(names[i].claim, &world, FACT_CLIENT_MTA_NAME,
		       names[i].mta_name);
		expect(names[i].claim, &world, FACT_CLIENT_MTA_PTR,
		       names[i].mta_ptr);
		expect(names[i].claim, &world, FACT_CLIENT_MTA_RESOLVE,
		       names[i].mta_resolve);
		arena_done(&world.arena);
	}
}

/* What there was no memory for is unknown, and so is what follows from it. */
static void test_names_lost(void **state)
{
	static const struct {
		bool name, ptr, resolve;
		const char *mta_name, *mta_ptr, *mta_resolve;
	} rows[] = {
		{ true, false, false, "unknown: limit", "none", "none" },
		{ false, true, false, "unknown: limit", "unknown: limit",
		  "none" },
		{ false, false, true, "unknown: limit", "unknown: limit",
		  "unknown: limit" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct envelope envelope = {
			.client_ip = ip_of("192.0.2.1"),
			.client_mta_name_lost = rows[i].name,
			.client_mta_ptr_lost = rows[i].ptr,
			.client_mta_resolve_lost = rows[i].resolve,
		};
		struct dns_world world;

		begin(&world);
		check_client(&envelope, &world.facts);
		expect("lost", &world, FACT_CLIENT_MTA_NAME, rows[i].mta_name);
		expect("lost", &world, FACT_CLIENT_MTA_PTR, rows[i].mta_ptr);
		expect("lost", &world, FACT_CLIENT_MTA_RESOLVE,
		       rows[i].mta_resolve);
		arena_done(&world.arena);
	}
}

static const struct {
	const char *claim, *helo, *client;
	const char *name, *if_name, *addr; /* ours */
	const char *is_ours;
} helos[] = {
	{ "a stranger", "a.test", "192.0.2.1", "mx.us.test", NULL, "192.0.2.9",
	  "false" },
	{ "our name", "mx.us.test", "192.0.2.1", "mx.us.test", NULL,
	  "192.0.2.9", "true" },
	{ "spelt otherwise", "MX.us.TEST.", "192.0.2.1", "mx.us.test", NULL,
	  "192.0.2.9", "true" },
	{ "our other name", "if.us.test", "192.0.2.1", "mx.us.test",
	  "if.us.test", "192.0.2.9", "true" },
	{ "a name above ours", "us.test", "192.0.2.1", "mx.us.test", NULL,
	  "192.0.2.9", "false" },
	{ "our address", "[192.0.2.9]", "192.0.2.1", "mx.us.test", NULL,
	  "192.0.2.9", "true" },
	{ "bare", "192.0.2.9", "192.0.2.1", "mx.us.test", NULL, "192.0.2.9",
	  "true" },
	{ "another address", "[192.0.2.8]", "192.0.2.1", "mx.us.test", NULL,
	  "192.0.2.9", "false" },
	{ "IPv6", "[IPv6:2001:DB8::9]", "2001:db8::1", "mx.us.test", NULL,
	  "2001:db8::9", "true" },
	{ "IPv6 as Sendmail gives it", "[IPv6:2001:db8::9]", "2001:db8::1",
	  "mx.us.test", NULL, "IPv6:2001:db8::9", "true" },
	{ "an interface without a name", "[192.0.2.9]", "192.0.2.1",
	  "mx.us.test", "[192.0.2.9]", NULL, "false" },
	{ "any address is no address", "[0.0.0.0]", "192.0.2.1", "mx.us.test",
	  NULL, "0.0.0.0", "false" },
	{ "nor is any of IPv6", "[IPv6:::]", "192.0.2.1", "mx.us.test", NULL,
	  "::", "false" },
	{ "we may say so ourselves", "mx.us.test", "192.0.2.9", "mx.us.test",
	  NULL, "192.0.2.9", "false" },
	{ "and on loopback", "mx.us.test", "127.0.0.1", "mx.us.test", NULL,
	  "192.0.2.9", "false" },
	{ "and on a local socket", "mx.us.test", "", "mx.us.test", NULL,
	  "192.0.2.9", "false" },
	{ "an MTA that says nothing", "a.test", "192.0.2.1", NULL, NULL, NULL,
	  "none" },
	{ "no HELO", "", "192.0.2.1", "mx.us.test", NULL, "192.0.2.9", "none" },
	{ "what is no name", "a b", "192.0.2.1", "mx.us.test", NULL,
	  "192.0.2.9", "false" },
	{ "nor is ours", "a b", "192.0.2.1", "a b", NULL, "192.0.2.9",
	  "false" },
};

static void test_helos(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(helos) / sizeof(helos[0]); i++) {
		struct envelope envelope = {
			.client_ip = ip_of(helos[i].client),
			.client_is_local = helos[i].client[0] == '\0',
			.our_name = helos[i].name,
			.our_if_name = helos[i].if_name,
			.our_addr = helos[i].addr,
			.helo = helos[i].helo,
		};
		struct dns_world world;

		begin(&world);
		check_helo(&envelope, &world.facts);
		expect(helos[i].claim, &world, FACT_HELO_IS_OURS,
		       helos[i].is_ours);
		arena_done(&world.arena);
	}
}

static void test_helo_lost(void **state)
{
	struct envelope envelope = {
		.client_ip = ip_of("192.0.2.1"),
		.our_name = "mx.us.test",
		.our_addr_lost = true,
		.helo = "[192.0.2.9]",
	};
	struct dns_world world;

	(void)state;
	begin(&world);
	check_helo(&envelope, &world.facts);
	expect("address lost", &world, FACT_HELO_IS_OURS, "unknown: limit");
	envelope.helo = "mx.us.test";
	check_helo(&envelope, &world.facts);
	expect("name known", &world, FACT_HELO_IS_OURS, "true");
	envelope.helo = NULL;
	envelope.helo_lost = true;
	check_helo(&envelope, &world.facts);
	expect("HELO lost", &world, FACT_HELO_IS_OURS, "unknown: limit");
	arena_done(&world.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_names_lost),
		cmocka_unit_test(test_helos),
		cmocka_unit_test(test_helo_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
