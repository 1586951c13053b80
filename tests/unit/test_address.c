/* test_address.c - domains in one form; envelope paths. */
#include "rules/mail/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "rules/arena.h"

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))

/* 63 and 64 octets. */
#define A63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A61 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
	const char *claim, *text;
	enum address_fault fault;
	const char *name;
	unsigned int flags;
} domains[] = {
	{ "a name", "example.org", ADDRESS_FINE, "example.org", 0 },
	{ "lower case", "EXAMPLE.Org", ADDRESS_FINE, "example.org", 0 },
	{ "one label", "localhost", ADDRESS_FINE, "localhost",
	  DOMAIN_ONE_LABEL },
	{ "a final dot goes", "example.org.", ADDRESS_FINE, "example.org",
	  DOMAIN_FINAL_DOT },
	{ "underscores are taken", "a_b.example", ADDRESS_FINE, "a_b.example",
	  DOMAIN_UNDERSCORE },
	{ "digits and hyphens", "3com.r3---sn.x", ADDRESS_FINE,
	  "3com.r3---sn.x", 0 },
	{ "an IP address without brackets", "192.0.2.1", ADDRESS_FINE,
	  "192.0.2.1", DOMAIN_BARE_IP },
	{ "a literal", "[192.0.2.1]", ADDRESS_FINE, "[192.0.2.1]",
	  DOMAIN_LITERAL },
	{ "an IPv6 literal, shortest form", "[ipv6:2001:DB8:0:0::1]",
	  ADDRESS_FINE, "[IPv6:2001:db8::1]", DOMAIN_LITERAL },
	{ "an IPv6 literal without its tag", "[2001:db8::1]",
	  ADDRESS_DOMAIN_LITERAL, "", 0 },
	{ "IPv4 with the tag of IPv6", "[IPv6:192.0.2.1]",
	  ADDRESS_DOMAIN_LITERAL, "", 0 },
	{ "an octet too big", "[192.0.2.256]", ADDRESS_DOMAIN_LITERAL, "", 0 },
	{ "a name in brackets", "[example.org]", ADDRESS_DOMAIN_LITERAL, "",
	  0 },
	{ "a bracket alone", "[", ADDRESS_DOMAIN_LITERAL, "", 0 },
	{ "an open bracket", "[192.0.2.1", ADDRESS_DOMAIN_LITERAL, "", 0 },
	{ "empty brackets", "[]", ADDRESS_DOMAIN_LITERAL, "", 0 },
	{ "nothing", "", ADDRESS_NO_DOMAIN, "", 0 },
	{ "a dot alone", ".", ADDRESS_DOMAIN_LABEL, "", 0 },
	{ "a dot too many", "a..b", ADDRESS_DOMAIN_LABEL, "", 0 },
	{ "two final dots", "a.b..", ADDRESS_DOMAIN_LABEL, "", 0 },
	{ "a leading dot", ".a", ADDRESS_DOMAIN_LABEL, "", 0 },
	{ "a leading hyphen", "-a.b", ADDRESS_DOMAIN_LABEL, "", 0 },
	{ "a trailing hyphen", "a.b-", ADDRESS_DOMAIN_LABEL, "", 0 },
	{ "a quote", "legit.test'.x", ADDRESS_DOMAIN_CHARACTER, "", 0 },
	{ "a comment", "legit.test(.x", ADDRESS_DOMAIN_CHARACTER, "", 0 },
	{ "a blank", "a b", ADDRESS_DOMAIN_CHARACTER, "", 0 },
	{ "a second @", "a@b", ADDRESS_DOMAIN_CHARACTER, "", 0 },
	{ "a port", "a.test:25", ADDRESS_DOMAIN_CHARACTER, "", 0 },
	{ "a tab", "a\tb", ADDRESS_CONTROL, "", 0 },
	{ "DEL", "a\x7f", ADDRESS_CONTROL, "", 0 },
	{ "63 octets", A63 ".x", ADDRESS_FINE, A63 ".x", 0 },
	{ "64 octets", A63 "a.x", ADDRESS_DOMAIN_LENGTH, "", 0 },
	{ "253 in all", A63 "." A63 "." A63 "." A61, ADDRESS_FINE,
	  A63 "." A63 "." A63 "." A61, 0 },
	{ "254 in all", A63 "." A63 "." A63 "." A61 "b", ADDRESS_DOMAIN_LENGTH,
	  "", 0 },
	{ "a U-label",
	  "b\xc3\xbc"
	  "cher.example",
	  ADDRESS_FINE, "xn--bcher-kva.example", DOMAIN_IDN },
	{ "a U-label in capitals",
	  "B\xc3\x9c"
	  "CHER.example",
	  ADDRESS_FINE, "xn--bcher-kva.example", DOMAIN_IDN },
	{ "decomposed is the same",
	  "bu\xcc\x88"
	  "cher.example",
	  ADDRESS_FINE, "xn--bcher-kva.example", DOMAIN_IDN },
	{ "an A-label is itself", "XN--bcher-KVA.example", ADDRESS_FINE,
	  "xn--bcher-kva.example", 0 },
	{ "sharp s is a letter of its own", "fa\xc3\x9f.de", ADDRESS_FINE,
	  "xn--fa-hia.de", DOMAIN_IDN },
	{ "Greek, Han, Arabic",
	  "\xce\xb1\xce\xb2.\xe4\xbe\x8b.\xd9\x85\xd8\xb5\xd8\xb1",
	  ADDRESS_FINE, "xn--mxac.xn--fsq.xn--wgbh1c", DOMAIN_IDN },
	{ "an emoji is no letter", "\xf0\x9f\x92\xa9.test", ADDRESS_DOMAIN_IDNA,
	  "", 0 },
	{ "Latin-1 is no UTF-8",
	  "b\xfc"
	  "cher.test",
	  ADDRESS_DOMAIN_IDNA, "", 0 },
	{ "full width letters are not ASCII", "\xef\xbc\x87oogle.test",
	  ADDRESS_DOMAIN_IDNA, "", 0 },
	{ "full width G", "\xef\xbd\x87oogle.test", ADDRESS_DOMAIN_IDNA, "",
	  0 },
	{ "the Kelvin sign is no k", "\xe2\x84\xaa.test", ADDRESS_DOMAIN_IDNA,
	  "", 0 },
	{ "a soft hyphen does not vanish", "goo\xc2\xadgle.test",
	  ADDRESS_DOMAIN_IDNA, "", 0 },
	{ "an ideographic dot is no dot",
	  "a\xe3\x80\x82"
	  "b.test",
	  ADDRESS_DOMAIN_IDNA, "", 0 },
	{ "nor between U-labels", "\xce\xb1\xe3\x80\x82\xce\xb2.test",
	  ADDRESS_DOMAIN_IDNA, "", 0 },
	{ "a slash from a ligature", "\xe2\x84\x80.test", ADDRESS_DOMAIN_IDNA,
	  "", 0 },
};

static void domains_have_one_form(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(domains); i++) {
		struct domain d = { .len = 0 };
		enum address_fault fault =
			domain_normalise(domains[i].text,
					 strlen(domains[i].text), &d);

		if (fault != domains[i].fault ||
		    strcmp(d.name, domains[i].name) != 0 ||
		    d.len != strlen(d.name) || d.flags != domains[i].flags)
			fail_msg("not so: %s: \"%s\" %x, %s", domains[i].claim,
				 d.name, d.flags, address_fault_text(fault));
	}
}

static void a_domain_in_its_form_stays(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(domains); i++) {
		struct domain d;

		if (domains[i].fault != ADDRESS_FINE)
			continue;
		assert_int_equal(domain_normalise(domains[i].name,
						  strlen(domains[i].name), &d),
				 ADDRESS_FINE);
		assert_string_equal(d.name, domains[i].name);
	}
}

static void nul_is_in_no_domain(void **state)
{
	struct domain d;

	(void)state;
	assert_int_equal(domain_normalise("a\0b", 3, &d), ADDRESS_CONTROL);
	assert_int_equal(domain_normalise("[1.2.3.4\0]", 10, &d),
			 ADDRESS_DOMAIN_LITERAL);
	assert_int_equal(domain_normalise("\xc3\xbc\0", 3, &d),
			 ADDRESS_CONTROL);
}

static void ip_addresses_are_known(void **state)
{
	(void)state;
	assert_true(domain_is_ip("192.0.2.1", 9));
	assert_true(domain_is_ip("2001:db8::1", 11));
	assert_true(domain_is_ip("::ffff:192.0.2.1", 16));
	assert_false(domain_is_ip("192.0.2", 7));
	assert_false(domain_is_ip("[192.0.2.1]", 11));
	assert_false(domain_is_ip("example.org", 11));
	assert_false(domain_is_ip("", 0));
	assert_true(domain_valid("example.org", 11));
	assert_false(domain_valid("[192.0.2.1]", 11));
	assert_false(domain_valid("a b", 3));
}

static const struct {
	const char *claim, *text;
	enum address_fault fault;
	const char *local, *domain, *canonical;
	unsigned int flags;
} paths[] = {
	{ "the null sender", "<>", ADDRESS_FINE, "", "", "", ADDRESS_NULL },
	{ "an address", "<a@x.test>", ADDRESS_FINE, "a", "x.test", "a@x.test",
	  0 },
	{ "without brackets", "a@x.test", ADDRESS_FINE, "a", "x.test",
	  "a@x.test", 0 },
	{ "blanks around", " <a@x.test>\t", ADDRESS_FINE, "a", "x.test",
	  "a@x.test", 0 },
	{ "case is the local part's own", "<A.b@X.Test>", ADDRESS_FINE, "A.b",
	  "x.test", "A.b@x.test", 0 },
	{ "a final dot", "<a@x.test.>", ADDRESS_FINE, "a", "x.test", "a@x.test",
	  0 },
	{ "a source route", "<@p.test,@q.test:a@x.test>", ADDRESS_FINE, "a",
	  "x.test", "a@x.test", ADDRESS_HAD_ROUTE },
	{ "a route without brackets", "@p.test:a@x.test", ADDRESS_FINE, "a",
	  "x.test", "a@x.test", ADDRESS_HAD_ROUTE },
	{ "a route over a literal", "<@[IPv6:::1]:a@x.test>", ADDRESS_FINE, "a",
	  "x.test", "a@x.test", ADDRESS_HAD_ROUTE },
	{ "a route without its colon", "<@p.test>", ADDRESS_ROUTE, "", "", "",
	  0 },
	{ "a route with a blank", "<@p.test, @q.test:a@x.test>", ADDRESS_ROUTE,
	  "", "", "", 0 },
	{ "a route and nothing", "<@p.test:>", ADDRESS_NO_LOCAL, "", "", "",
	  0 },
	{ "two routes", "<@p.test:@q.test:a@x.test>", ADDRESS_NO_LOCAL, "", "",
	  "", 0 },
	{ "a quoted local part", "<\"a b\"@x.test>", ADDRESS_FINE, "a b",
	  "x.test", "\"a b\"@x.test", ADDRESS_QUOTED },
	{ "quotes that were not needed", "<\"a\\b\"@x.test>", ADDRESS_FINE,
	  "ab", "x.test", "ab@x.test", ADDRESS_QUOTED },
	{ "a quoted @ is no @", "<\"a@y.test\"@x.test>", ADDRESS_FINE,
	  "a@y.test", "x.test", "\"a@y.test\"@x.test", ADDRESS_QUOTED },
	{ "a quoted quote", "<\"a\\\"\\\\\"@x.test>", ADDRESS_FINE, "a\"\\",
	  "x.test", "\"a\\\"\\\\\"@x.test", ADDRESS_QUOTED },
	{ "an empty quoted string", "<\"\"@x.test>", ADDRESS_FINE, "", "x.test",
	  "\"\"@x.test", ADDRESS_QUOTED },
	{ "UTF-8 behind a backslash pair", "<\"\\\\\xc3\xbc\"@x.test>",
	  ADDRESS_FINE, "\\\xc3\xbc", "x.test", "\"\\\\\xc3\xbc\"@x.test",
	  ADDRESS_QUOTED | ADDRESS_UTF8 },
	{ "no pair may hold UTF-8", "<\"\\\xc3\xbc\"@x.test>", ADDRESS_QUOTE,
	  "", "", "", 0 },
	{ "an open quote", "<\"a@x.test>", ADDRESS_QUOTE, "", "", "", 0 },
	{ "something behind the quotes", "<\"a\"b@x.test>", ADDRESS_QUOTE, "",
	  "", "", 0 },
	{ "a backslash at the end", "<\"a\\>", ADDRESS_QUOTE, "", "", "", 0 },
	{ "a literal", "<a@[192.0.2.1]>", ADDRESS_FINE, "a", "[192.0.2.1]",
	  "a@[192.0.2.1]", ADDRESS_LITERAL },
	{ "a broken literal", "<a@[x.test]>", ADDRESS_DOMAIN_LITERAL, "", "",
	  "", 0 },
	{ "postmaster", "<Postmaster>", ADDRESS_FINE, "Postmaster", "",
	  "Postmaster", ADDRESS_POSTMASTER },
	{ "somebody else without a domain", "<root>", ADDRESS_NO_AT, "root", "",
	  "root", 0 },
	{ "a domain forgotten", "<a@>", ADDRESS_NO_DOMAIN, "", "", "", 0 },
	{ "a local part forgotten", "@x.test", ADDRESS_ROUTE, "", "", "", 0 },
	{ "nothing", "", ADDRESS_EMPTY, "", "", "", 0 },
	{ "blanks alone", "  ", ADDRESS_EMPTY, "", "", "", 0 },
	{ "SMTPUTF8",
	  "<\xce\xb4@b\xc3\xbc"
	  "cher.test>",
	  ADDRESS_FINE, "\xce\xb4", "xn--bcher-kva.test",
	  "\xce\xb4@xn--bcher-kva.test", ADDRESS_UTF8 },
	{ "Latin-1 before the @", "<\xfc@x.test>", ADDRESS_FINE, "\xfc",
	  "x.test", "\xfc@x.test", ADDRESS_UTF8 | ADDRESS_RAW },
	{ "dots at odd places", "<.a..b.@x.test>", ADDRESS_FINE, ".a..b.",
	  "x.test", "\".a..b.\"@x.test", ADDRESS_DOTS },
	{ "a long local part", "<" A63 "aa@x.test>", ADDRESS_FINE, A63 "aa",
	  "x.test", A63 "aa@x.test", ADDRESS_LONG_LOCAL },
	{ "an open bracket", "<a@x.test", ADDRESS_BRACKET, "", "", "", 0 },
	{ "a bracket alone", "<", ADDRESS_BRACKET, "", "", "", 0 },
	{ "a bracket behind", "a@x.test>", ADDRESS_DOMAIN_CHARACTER, "", "", "",
	  0 },
	{ "two pairs of brackets", "<<a@x.test>>", ADDRESS_LOCAL, "", "", "",
	  0 },
	{ "a name before it", "A <a@x.test>", ADDRESS_LOCAL, "", "", "", 0 },
	{ "a blank inside", "<a b@x.test>", ADDRESS_LOCAL, "", "", "", 0 },
	{ "two @", "<a@b@x.test>", ADDRESS_DOMAIN_CHARACTER, "", "", "", 0 },
	{ "a line break", "<a@x.test\n>", ADDRESS_CONTROL, "", "", "", 0 },
	/* Chen et al., USENIX Security 2020 */
	{ "espoofer A1: a plain subdomain", "<any@no.legit.test>", ADDRESS_FINE,
	  "any", "no.legit.test", "any@no.legit.test", 0 },
	{ "espoofer A2: a comment opens", "<(any@legit.test>", ADDRESS_LOCAL,
	  "", "", "", 0 },
	{ "espoofer A5: a parenthesis in the domain",
	  "<any@legit.test(a.attack.test>", ADDRESS_DOMAIN_CHARACTER, "", "",
	  "", 0 },
	{ "espoofer A6: a quote in the domain",
	  "<any@legit.test'@any.attack.test>", ADDRESS_DOMAIN_CHARACTER, "", "",
	  "", 0 },
	{ "espoofer A7: a route to the attacker",
	  "<@legit.test,@any.test:'any@attack.test>", ADDRESS_FINE, "'any",
	  "attack.test", "'any@attack.test", ADDRESS_HAD_ROUTE },
};

static void paths_are_read(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 1 << 20);
	for (size_t i = 0; i < ROWS(paths); i++) {
		struct address a;
		enum address_fault fault =
			address_parse(&arena, paths[i].text,
				      strlen(paths[i].text), &a);

		if (fault != paths[i].fault ||
		    strcmp(a.local, paths[i].local) != 0 ||
		    a.local_len != strlen(a.local) ||
		    strcmp(a.domain, paths[i].domain) != 0 ||
		    a.domain_len != strlen(a.domain) ||
		    strcmp(a.canonical, paths[i].canonical) != 0 ||
		    a.flags != paths[i].flags)
			fail_msg("not so: %s: %s|%s|%s %x, %s", paths[i].claim,
				 a.local, a.domain, a.canonical, a.flags,
				 address_fault_text(fault));
	}
	arena_done(&arena);
}

static void a_canonical_address_stays(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 1 << 20);
	for (size_t i = 0; i < ROWS(paths); i++) {
		struct address a;

		if (paths[i].fault != ADDRESS_FINE || !paths[i].canonical[0])
			continue;
		assert_int_equal(address_parse(&arena, paths[i].canonical,
					       strlen(paths[i].canonical), &a),
				 ADDRESS_FINE);
		assert_string_equal(a.canonical, paths[i].canonical);
		assert_string_equal(a.local, paths[i].local);
	}
	arena_done(&arena);
}

static void too_long_is_told(void **state)
{
	static char text[MAIL_PATH_MAX + 1];
	struct address a;
	struct arena arena;

	(void)state;
	arena_init(&arena, 1 << 20);
	memset(text, 'a', sizeof(text));
	memcpy(text + MAIL_PATH_MAX - 7, "@x.test", 7);
	assert_int_equal(address_parse(&arena, text, MAIL_PATH_MAX, &a),
			 ADDRESS_FINE);
	assert_int_equal(address_parse(&arena, text, sizeof(text), &a),
			 ADDRESS_TOO_LONG);
	arena_done(&arena);
}

static void a_full_arena_is_told(void **state)
{
	struct arena arena;
	struct address a;

	(void)state;
	arena_init(&arena, 1);
	assert_int_equal(address_parse(&arena, "<a@x.test>", 10, &a),
			 ADDRESS_NO_MEMORY);
	assert_string_equal(a.domain, "");
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(domains_have_one_form),
		cmocka_unit_test(a_domain_in_its_form_stays),
		cmocka_unit_test(nul_is_in_no_domain),
		cmocka_unit_test(ip_addresses_are_known),
		cmocka_unit_test(paths_are_read),
		cmocka_unit_test(a_canonical_address_stays),
		cmocka_unit_test(too_long_is_told),
		cmocka_unit_test(a_full_arena_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
