/*
 * test_iplist.c - an address is in the set if it is in any of its networks.
 */
#include "lists/ip.h"
#include "lists/iplist.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static struct iplist *set_of(const char *const *texts, size_t n)
{
	struct iplist *set = iplist_new();
	struct ip_prefix prefix;

	assert_non_null(set);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(ip_prefix_parse(texts[i], strlen(texts[i]),
						 &prefix, NULL),
				 0);
		assert_int_equal(iplist_add(set, &prefix), 0);
	}
	assert_int_equal(iplist_seal(set), 0);
	return set;
}

static bool has(const struct iplist *set, const char *text)
{
	struct ip ip;

	assert_int_equal(ip_parse(text, strlen(text), &ip), 0);
	return iplist_has(set, &ip);
}

static const char *const mixed[] = {
	"192.0.2.128/25",  "10.0.0.0/8",      "10.1.0.0/16",
	"10.1.2.0/24",	   "10.1.2.3",	      "10.255.255.255",
	"192.0.2.0/25",	   "203.0.113.5",     "203.0.113.7",
	"203.0.113.5",	   "2001:db8::/32",   "2001:db8::/64",
	"2001:db8:1::/48", "2001:db8::1",     "fe80::/10",
	"2001:db9::5",	   "255.255.255.255", "ffff:ffff:ffff:ffff::/64",
};

static void test_lookup(void **state)
{
	static const struct {
		const char *claim, *ip;
		bool in;
	} rows[] = {
		{ "first of a network", "10.0.0.0", true },
		{ "last of a network", "10.255.255.255", true },
		{ "before it", "9.255.255.255", false },
		{ "after it", "11.0.0.0", false },
		{ "behind a network inside, still in the outer one", "10.1.2.4",
		  true },
		{ "behind the last inside, still in the outer one",
		  "10.200.0.0", true },
		{ "neighbours that touch: end of the first", "192.0.2.127",
		  true },
		{ "neighbours that touch: begin of the second", "192.0.2.128",
		  true },
		{ "behind the neighbours", "192.0.3.0", false },
		{ "a single address", "203.0.113.5", true },
		{ "between two single addresses", "203.0.113.6", false },
		{ "lowest there is", "0.0.0.0", false },
		{ "highest there is", "255.255.255.255", true },
		{ "mapped is IPv4", "::ffff:10.9.9.9", true },
		{ "IPv6 behind a network inside", "2001:db8:1:8000::", true },
		{ "last of an IPv6 network",
		  "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", true },
		{ "between IPv6 networks", "2001:db9::4", false },
		{ "a single IPv6 address", "2001:db9::5", true },
		{ "lowest IPv6", "::", false },
		{ "highest IPv6", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  true },
		{ "bits are bits of its own family", "a00::", false },
	};
	struct iplist *set = set_of(mixed, COUNT(mixed));
	static const struct ip none;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		print_message("%s\n", rows[i].claim);
		assert_int_equal(has(set, rows[i].ip), rows[i].in);
	}
	assert_false(iplist_has(set, &none));
	/* one was there twice */
	assert_int_equal(iplist_count(set), COUNT(mixed) - 1);
	iplist_free(set);
}

static void test_small(void **state)
{
	static const char *const all[] = { "0.0.0.0/0", "::/0" };
	struct iplist *set = set_of(NULL, 0);

	(void)state;
	assert_false(has(set, "192.0.2.1"));
	assert_false(has(set, "::1"));
	assert_int_equal(iplist_count(set), 0);
	iplist_free(set);

	set = set_of(all, 1);
	assert_true(has(set, "0.0.0.0"));
	assert_true(has(set, "255.255.255.255"));
	assert_false(has(set, "::"));
	iplist_free(set);

	set = set_of(all, 2);
	assert_true(has(set, "2001:db8::1"));
	iplist_free(set);
	iplist_free(NULL);
}

struct seen {
	char text[32][IP_PREFIX_TEXT_SIZE];
	size_t count, limit;
};

static bool note(void *ctx, const struct ip_prefix *prefix)
{
	struct seen *seen = ctx;

	ip_prefix_format(prefix, seen->text[seen->count++],
			 IP_PREFIX_TEXT_SIZE);
	return seen->count < seen->limit;
}

static void test_shown_in_order(void **state)
{
	static const char *const sorted[] = {
		"10.0.0.0/8",
		"10.1.0.0/16",
		"10.1.2.0/24",
		"10.1.2.3",
		"10.255.255.255",
		"192.0.2.0/25",
		"192.0.2.128/25",
		"203.0.113.5",
		"203.0.113.7",
		"255.255.255.255",
		"2001:db8::/32",
		"2001:db8::/64",
		"2001:db8::1",
		"2001:db8:1::/48",
		"2001:db9::5",
		"fe80::/10",
		"ffff:ffff:ffff:ffff::/64",
	};
	struct iplist *set = set_of(mixed, COUNT(mixed));
	struct seen seen = { .limit = 32 };

	(void)state;
	iplist_each(set, note, &seen);
	assert_int_equal(seen.count, COUNT(sorted));
	for (size_t i = 0; i < COUNT(sorted); i++)
		assert_string_equal(seen.text[i], sorted[i]);

	seen = (struct seen){ .limit = 3 };
	iplist_each(set, note, &seen);
	assert_int_equal(seen.count, 3);
	seen = (struct seen){ .limit = 12 };
	iplist_each(set, note, &seen);
	assert_int_equal(seen.count, 12);
	iplist_free(set);
}

static unsigned random_bits(unsigned *seed)
{
	*seed = *seed * 1103515245 + 12345;
	return *seed >> 16 & 0x7fff;
}

static struct ip_prefix random_prefix(unsigned *seed, bool v6)
{
	struct ip_prefix prefix = { .ip.family = v6 ? 6 : 4 };

	/* few bytes vary, so that many lie within others */
	for (int i = 0; i < (v6 ? 16 : 4); i++)
		prefix.ip.bytes[i] = i % 3 ? 0 : random_bits(seed) & 0xe7;
	prefix.bits = (uint8_t)(random_bits(seed) % (v6 ? 129 : 33));
	if (prefix.bits < 6)
		prefix.bits = 6;
	prefix.ip = ip_mask(&prefix.ip, prefix.bits);
	return prefix;
}

/* The same question, answered by looking at each network in turn. */
static void test_against_walk(void **state)
{
	struct ip_prefix in[24];
	unsigned seed = 1, hits = 0;

	(void)state;
	for (int round = 0; round < 50; round++) {
		struct iplist *set = iplist_new();

		assert_non_null(set);
		for (size_t i = 0; i < COUNT(in); i++) {
			in[i] = random_prefix(&seed, i % 2);
			assert_int_equal(iplist_add(set, &in[i]), 0);
		}
		assert_int_equal(iplist_seal(set), 0);
		for (size_t i = 0; i < 500; i++) {
			struct ip ip = random_prefix(&seed, i % 2).ip;
			bool found = false;

			for (size_t j = 0; j < COUNT(in); j++)
				found = found || ip_in_prefix(&ip, &in[j]);
			assert_int_equal(iplist_has(set, &ip), found);
			hits += found;
		}
		iplist_free(set);
	}
	/* the rounds were worth something */
	assert_in_range(hits, 2500, 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lookup),
		cmocka_unit_test(test_small),
		cmocka_unit_test(test_shown_in_order),
		cmocka_unit_test(test_against_walk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
