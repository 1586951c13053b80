/*
 * test_triplet.c - identities by proof; keys that people can read.
 */
#include "lists/triplet.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "lists/sender_key.h"

static struct ip ip_of(const char *text)
{
	struct ip ip = { 0 };

	if (text)
		assert_int_equal(ip_parse(text, strlen(text), &ip), 0);
	return ip;
}

static const struct row {
	const char *claim, *ip, *spf, *name;
	bool dynamic;
	const char *identity;
} rows[] = {
	{ "SPF proves a domain", "192.0.2.7", "Example.ORG", "mail.example.net",
	  false, "spf:example.org" },
	{ "the whole of it", "192.0.2.7", "em1.news.example.org", NULL, false,
	  "spf:em1.news.example.org" },
	{ "a dot at its end means nothing", "192.0.2.7", "example.org.", NULL,
	  false, "spf:example.org" },
	{ "also for a dynamic client", "192.0.2.7", "example.org",
	  "dyn-192-0-2-7.example.net", true, "spf:example.org" },
	{ "then the client's name counts, by its organisation", "192.0.2.7",
	  NULL, "o1.Mail.Example.co.uk", false, "ptr:example.co.uk" },
	{ "no domain is none", "192.0.2.7", "", "mx.example.net", false,
	  "ptr:example.net" },
	{ "customers of one host stay apart", "192.0.2.7", NULL,
	  "mx.alice.github.io", false, "ptr:alice.github.io" },
	{ "a public suffix is nobody", "192.0.2.7", NULL, "co.uk", false,
	  "net:192.0.2.0/24" },
	{ "a dynamic name proves nothing", "192.0.2.7", NULL,
	  "dyn-192-0-2-7.example.net", true, "net:192.0.2.0/24" },
	{ "no name, so the network", "192.0.2.7", NULL, NULL, false,
	  "net:192.0.2.0/24" },
	{ "IPv6", "2001:db8:1:2:3:4:5:6", NULL, NULL, false,
	  "net:2001:db8:1:2::/64" },
	{ "IPv4 in IPv6 is IPv4", "::ffff:192.0.2.7", NULL, NULL, false,
	  "net:192.0.2.0/24" },
	{ "a blank is no domain", "192.0.2.7", "exa mple.org", NULL, false,
	  "net:192.0.2.0/24" },
	{ "nor is a line end", "192.0.2.7", "example.org\n", NULL, false,
	  "net:192.0.2.0/24" },
	{ "one label", "192.0.2.7", "localhost", NULL, false,
	  "net:192.0.2.0/24" },
	{ "an address", "192.0.2.7", "192.0.2.7", NULL, false,
	  "net:192.0.2.0/24" },
	{ "a literal", "192.0.2.7", "[192.0.2.7]", NULL, false,
	  "net:192.0.2.0/24" },
	{ "bytes", "192.0.2.7", NULL, "mx.\xc3\xa4.org", false,
	  "net:192.0.2.0/24" },
	{ "a domain without an address", NULL, "example.org", NULL, false,
	  "spf:example.org" },
	{ "nothing at all", NULL, NULL, NULL, false, "" },
};

static void test_identities(void **state)
{
	static const struct triplet_bits bits = { TRIPLET_V4_BITS,
						  TRIPLET_V6_BITS };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct triplet_client client = { ip_of(rows[i].ip), rows[i].spf,
						 rows[i].name,
						 rows[i].dynamic };
		char text[TRIPLET_IDENTITY_SIZE];
		enum triplet_proof proof =
			triplet_identity(&client, &bits, text);

		if (strcmp(text, rows[i].identity) != 0)
			fail_msg("%s: %s", rows[i].claim, text);
		assert_int_equal(triplet_identity_proof(text, strlen(text)),
				 proof);
	}
}

static void test_bits(void **state)
{
	static const struct {
		const char *ip;
		struct triplet_bits bits;
		const char *identity;
	} masks[] = {
		{ "192.0.2.7", { 16, 0 }, "net:192.0.0.0/16" },
		{ "192.0.2.7", { 32, 0 }, "net:192.0.2.7" },
		{ "192.0.2.7", { 99, 0 }, "net:192.0.2.7" },
		{ "192.0.2.7", { 0, 0 }, "net:0.0.0.0/0" },
		{ "2001:db8:1:2::9", { 0, 48 }, "net:2001:db8:1::/48" },
		{ "2001:db8:1:2::9", { 0, 255 }, "net:2001:db8:1:2::9" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
		struct triplet_client client = { .ip = ip_of(masks[i].ip) };
		char text[TRIPLET_IDENTITY_SIZE];

		assert_int_equal(triplet_identity(&client, &masks[i].bits,
						  text),
				 TRIPLET_NET);
		assert_string_equal(text, masks[i].identity);
	}
}

static void test_typed(void **state)
{
	static const char *const wrong[] = {
		"",
		"spf:",
		"spf:org",
		"spf:Example.org",
		"spf:example.org.",
		"spf:.example.org",
		"spf:a..b",
		"spf:192.0.2.1",
		"ptr:a b.org",
		"net:192.0.2.1/24",
		"net:192.0.2.1/32",
		"net:2001:DB8::/64",
		"net:",
		"foo:example.org",
		"example.org",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (triplet_identity_proof(wrong[i], strlen(wrong[i])))
			fail_msg("%s", wrong[i]);
}

static void test_keys(void **state)
{
	char key[TRIPLET_KEY_SIZE];
	struct triplet_parts parts;
	size_t len = triplet_key("spf:example.org", "joe@example.org",
				 "you@example.net", key);

	(void)state;
	assert_string_equal(key, "spf:example.org joe@example.org "
				 "you@example.net");
	assert_int_equal(len, strlen(key));
	assert_true(triplet_parse(key, len, &parts));
	assert_int_equal(parts.identity_len, 15);
	assert_memory_equal(parts.sender, "joe@", 4);
	assert_int_equal(parts.sender_len, 15);
	assert_memory_equal(parts.recipient, "you@", 4);
	assert_int_equal(parts.recipient_len, 15);

	assert_int_equal(triplet_key("net:192.0.2.0/24", "<>", "a@b", key), 23);
	/* what could be read in two ways is no key */
	assert_int_equal(triplet_key("net:192.0.2.0/24", "a b", "c", key), 0);
	assert_int_equal(triplet_key("net:192.0.2.0/24", "a", "b c", key), 0);
	assert_int_equal(triplet_key("net:192.0.2.0/24", "", "c", key), 0);
	assert_int_equal(triplet_key("net:192.0.2.0/24", "a", "", key), 0);
	assert_int_equal(triplet_key("net:192.0.2.0/24", ":a", "b", key), 0);
	assert_int_equal(triplet_key("192.0.2.0/24", "a", "b", key), 0);
	assert_string_equal(key, "");
}

/* As long as they come. */
static void test_long(void **state)
{
	char name[300] = "", identity[TRIPLET_IDENTITY_SIZE];
	char address[600], sender[SENDER_KEY_SIZE], recipient[SENDER_KEY_SIZE];
	char key[TRIPLET_KEY_SIZE], other[TRIPLET_KEY_SIZE];
	struct triplet_client client = { .spf_domain = name };
	const struct triplet_bits bits = { 24, 64 };
	struct triplet_parts parts;

	(void)state;
	for (int i = 0; i < 126; i++)
		strcat(name, "a.");
	strcat(name, "b"); /* 253 */
	assert_int_equal(triplet_identity(&client, &bits, identity),
			 TRIPLET_SPF);
	for (size_t local = 1; local <= 300; local++) {
		size_t len;

		memset(address, 'x', local);
		snprintf(address + local, sizeof(address) - local, "@%s", name);
		sender_key(address, strlen(address), sender);
		recipient_key(address, strlen(address), recipient);
		len = triplet_key(identity, sender, recipient, key);
		assert_in_range(len, 1, TRIPLET_KEY_MAX);
		assert_true(triplet_parse(key, len, &parts));
		assert_memory_equal(key, identity, strlen(identity));
		/* another sender, another key */
		len = triplet_key(identity, "joe@example.org", recipient,
				  other);
		assert_in_range(len, 1, TRIPLET_KEY_MAX);
		assert_string_not_equal(key, other);
	}
	/* room for one of the two */
	assert_true(triplet_key("spf:example.org", sender, recipient, key) > 0);
	assert_true(triplet_parse(key, strlen(key), &parts));
	assert_int_equal(parts.sender[0], ':');
	assert_int_equal(parts.recipient_len, strlen(recipient));

	strcat(name, "c.d"); /* no name has 256 bytes */
	assert_int_equal(triplet_identity(&client, &bits, identity),
			 TRIPLET_NOTHING);
}

static void test_foreign(void **state)
{
	static const char *const wrong[] = {
		"",
		" ",
		"spf:example.org",
		"spf:example.org a",
		"spf:example.org a ",
		"spf:example.org  b",
		"spf:example.org a b c",
		"spf:example.org a b\n",
		"spf:example.org a \xc3\xa4",
		"spf:example.org :a b",
		"spf:example.org :0123456789abcdef0123456789abcdeF b",
		"spf:example a b",
		"out a b",
	};
	struct triplet_parts parts;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (triplet_parse(wrong[i], strlen(wrong[i]), &parts))
			fail_msg("%s", wrong[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_identities),
		cmocka_unit_test(test_bits),
		cmocka_unit_test(test_typed),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_foreign),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
