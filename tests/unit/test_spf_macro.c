/* test_spf_macro.c - what do the macros of an SPF record stand for? */
#include "filter/inspect/spf_macro.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "lists/dns_name.h"

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))

/* RFC 7208 section 7.4 */
#define SENDER "strong-bad@email.example.com"
#define DOMAIN "email.example.com"

static struct ip address(const char *text)
{
	struct ip ip = { 0 };

	if (ip_parse(text, strlen(text), &ip) < 0)
		fail_msg("%s is no address", text);
	return ip;
}

static struct spf_context context_of(const char *ip, const char *sender)
{
	return (struct spf_context){
		.sender = sender,
		.helo = "mx.example.org",
		.domain = DOMAIN,
		.validated = "mx.example.org",
		.receiver = "mail.example.net",
		.ip = address(ip),
		.now = 1700000000,
	};
}

static const char *expansion_name(enum spf_expansion expansion)
{
	switch (expansion) {
	case SPF_EXPANDED: return "expanded";
	case SPF_NOT_A_NAME: return "not a name";
	case SPF_NO_TEXT: return "no text";
	case SPF_BAD_MACRO: return "a bad macro";
	}
	return "?";
}

/* A copy in memory of its own, so that reading past its end is seen. */
static char *exactly(const char *text, size_t len)
{
	char *copy = malloc(len > 0 ? len : 1);

	assert_non_null(copy);
	memcpy(copy, text, len);
	return copy;
}

static void check_domain(const char *claim, const struct spf_context *context,
			 const char *spec, const char *name)
{
	char *copy = exactly(spec, strlen(spec));
	char got[SPF_NAME_SIZE] = "";
	enum spf_expansion expansion =
		spf_expand_domain(context, copy, strlen(spec), got);

	if (expansion != (name ? SPF_EXPANDED : SPF_NOT_A_NAME) ||
	    strcasecmp(got, name ? name : "") != 0)
		fail_msg("%s: %s is %s, \"%s\"", claim, spec,
			 expansion_name(expansion), got);
	free(copy);
}

static void check_text(const char *claim, const struct spf_context *context,
		       const char *published, const char *text)
{
	char *copy = exactly(published, strlen(published));
	char got[512] = "?";
	enum spf_expansion expansion =
		spf_expand_explanation(context, copy, strlen(published), got,
				       sizeof(got));

	if (expansion != (text ? SPF_EXPANDED : SPF_NO_TEXT) ||
	    strcmp(got, text ? text : "") != 0)
		fail_msg("%s: %s is %s, \"%s\"", claim, published,
			 expansion_name(expansion), got);
	free(copy);
}

/* --- the RFC's own examples, section 7.4 -------------------------------- */

static const struct {
	const char *text, *expanded;
} examples[] = {
	{ "%{s}", "strong-bad@email.example.com" },
	{ "%{o}", "email.example.com" },
	{ "%{d}", "email.example.com" },
	{ "%{d4}", "email.example.com" },
	{ "%{d3}", "email.example.com" },
	{ "%{d2}", "example.com" },
	{ "%{d1}", "com" },
	{ "%{dr}", "com.example.email" },
	{ "%{d2r}", "example.email" },
	{ "%{l}", "strong-bad" },
	{ "%{l-}", "strong.bad" },
	{ "%{lr}", "strong-bad" },
	{ "%{lr-}", "bad.strong" },
	{ "%{l1r-}", "strong" },
	{ "%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com" },
	{ "%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com" },
	{ "%{lr-}.lp.%{ir}.%{v}._spf.%{d2}",
	  "bad.strong.lp.3.2.0.192.in-addr._spf.example.com" },
	{ "%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}",
	  "3.2.0.192.in-addr.strong.lp._spf.example.com" },
	{ "%{d2}.trusted-domains.example.net",
	  "example.com.trusted-domains.example.net" },
};

static void test_examples(void **state)
{
	struct spf_context context = context_of("192.0.2.3", SENDER);

	(void)state;
	for (size_t i = 0; i < ROWS(examples); i++) {
		check_domain("RFC 7208 section 7.4", &context, examples[i].text,
			     examples[i].expanded);
		check_text("RFC 7208 section 7.4", &context, examples[i].text,
			   examples[i].expanded);
	}
	context.ip = address("2001:db8::cb01");
	check_domain("RFC 7208 section 7.4", &context, "%{ir}.%{v}._spf.%{d2}",
		     "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
		     "8.b.d.0.1.0.0.2.ip6._spf.example.com");
}

/* --- names -------------------------------------------------------------- */

#define X10 "xxxxxxxxxx"
#define X60 X10 X10 X10 X10 X10 X10

static const struct {
	const char *claim, *ip, *sender, *spec, *name; /* NULL: not a name */
} names[] = {
	{ "no macro at all", "192.0.2.3", SENDER, "a.example", "a.example" },
	{ "a final dot goes", "192.0.2.3", SENDER, "a.example.", "a.example" },
	{ "capital letters mean the same", "192.0.2.3", SENDER, "x.%{D}",
	  "x.email.example.com" },
	{ "and are escaped", "192.0.2.3", "a b@x.test", "%{L}.x.test",
	  "a%20b.x.test" },
	{ "a percent, a blank, a blank for URLs", "192.0.2.3", SENDER,
	  "macro%%percent%_%_space%-url-space.example.com",
	  "macro%percent  space%20url-space.example.com" },
	{ "a percent alone at the end", "192.0.2.3", SENDER, "a.%%", "a.%" },
	{ "two-digit numbers", "192.0.2.3", SENDER, "%{d12}",
	  "email.example.com" },
	{ "numbers that no computer can hold", "192.0.2.3", SENDER,
	  "%{d99999999999999999999999999}", "email.example.com" },
	{ "zeros before a number", "192.0.2.3", SENDER, "%{d002}",
	  "example.com" },
	{ "a capital R", "192.0.2.3", SENDER, "%{dR}", "com.example.email" },
	{ "the right two, in order", "192.0.2.3", "a.b.c@x.test", "%{l2}.t.e",
	  "b.c.t.e" },
	{ "the left two, reversed", "192.0.2.3", "a.b.c@x.test", "%{l2r}.t.e",
	  "b.a.t.e" },
	{ "the left one", "192.0.2.3", "a.b.c@x.test", "%{l1r}.t.e", "a.t.e" },
	{ "every delimiter", "192.0.2.3", "a.b-c+d,e/f_g=h@x.test",
	  "%{l.-+,/_=}.t.e", "a.b.c.d.e.f.g.h.t.e" },
	{ "others than dots leave the dots", "192.0.2.3", "a.b-c@x.test",
	  "%{lr-}.t.e", "c.a.b.t.e" },
	{ "two kinds, one of them twice", "192.0.2.3", "foo+zip-bar@x.test",
	  "%{l2r++-}.t.e", "zip.foo.t.e" },
	{ "an empty part stays, and is no label", "192.0.2.3", "a--b@x.test",
	  "%{l-}.t.e", NULL },
	{ "an empty part that is left out", "192.0.2.3", "a--b@x.test",
	  "%{l1-}.t.e", "b.t.e" },
	{ "an empty part at the start", "192.0.2.3", "-b@x.test", "%{lr-}.t.e",
	  NULL },
	{ "an address is escaped", "192.0.2.3", SENDER, "%{S}",
	  "strong-bad%40email.example.com" },
	{ "IPv4", "192.0.2.3", SENDER, "%{i}.%{v}", "192.0.2.3.in-addr" },
	{ "IPv4, the last two", "192.0.2.3", SENDER, "%{i2}.%{v}",
	  "2.3.in-addr" },
	{ "IPv4-mapped is IPv4", "::ffff:192.0.2.3", SENDER, "%{i}.%{v}",
	  "192.0.2.3.in-addr" },
	{ "IPv6 in nibbles", "cafe:babe::1", SENDER, "%{i}.%{v}",
	  "c.a.f.e.b.a.b.e.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1."
	  "ip6" },
	{ "some of the nibbles", "cafe:babe::1", SENDER, "%{i8r}.e",
	  "e.b.a.b.e.f.a.c.e" },
	{ "HELO", "192.0.2.3", SENDER, "%{h}", "mx.example.org" },
	{ "the validated name", "192.0.2.3", SENDER, "%{p2}", "example.org" },
	{ "a null sender is postmaster at HELO", "192.0.2.3", "", "%{s}",
	  "postmaster@mx.example.org" },
	{ "and has its domain", "192.0.2.3", "", "%{o}", "mx.example.org" },
	{ "no local part", "192.0.2.3", "@x.test", "%{s}",
	  "postmaster@x.test" },
	{ "not even an @", "192.0.2.3", "x.test", "%{l}.%{o}",
	  "postmaster.x.test" },
	{ "the last @ counts", "192.0.2.3", "a@b@x.test", "%{l}.%{o}",
	  "a@b.x.test" },
	{ "dots in a row", "192.0.2.3", SENDER, "a..example", NULL },
	{ "a dot to begin with", "192.0.2.3", SENDER, ".example", NULL },
	{ "63 octets of a label", "192.0.2.3", SENDER, X60 "abc.example",
	  X60 "abc.example" },
	{ "64 octets of a label", "192.0.2.3", SENDER, X60 "abcd.example",
	  NULL },
	{ "a local part with letters beyond ASCII", "192.0.2.3",
	  "\xce\xb1@x.test", "%{l}.x.test", NULL },
	{ "as part of an address", "192.0.2.3", "\xce\xb1@x.test",
	  "%{s}.x.test", NULL },
	{ "though not where it is left out", "192.0.2.3", "\xce\xb1@x.test",
	  "%{o}", "x.test" },
	{ "nor if it is escaped", "192.0.2.3", "\xce\xb1@x.test", "%{L}.x.test",
	  "%CE%B1.x.test" },
	{ "a control character", "192.0.2.3", "a\tb@x.test", "%{l}.x.test",
	  NULL },
	{ "one label is for DNS to judge", "192.0.2.3", "a@x", "%{o}", "x" },
};

static void test_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(names); i++) {
		struct spf_context context =
			context_of(names[i].ip, names[i].sender);

		check_domain(names[i].claim, &context, names[i].spec,
			     names[i].name);
	}
}

static void test_what_is_not_known(void **state)
{
	struct spf_context context = context_of("192.0.2.3", SENDER);

	(void)state;
	context.validated = NULL;
	context.receiver = NULL;
	check_domain("no validated name", &context, "%{p}", "unknown");
	check_text("nobody receives", &context, "by %{r}", "by unknown");
	context.ip.family = 0;
	check_domain("no address", &context, "%{i}.x.test", NULL);
	check_text("no address", &context, "%{c}", NULL);
}

/* RFC 7208 section 7.3: labels go from the left until 253 octets are left. */
static void test_shortened(void **state)
{
	struct spf_context context = context_of("192.0.2.3", SENDER);
	char domain[SPF_NAME_SIZE], longer[2 * SPF_NAME_SIZE], spec[8192];

	(void)state;
	/* 23 labels of ten, 252 octets in all */
	for (size_t i = 0; i < 23; i++)
		memcpy(domain + i * 11, "0123456789.", 11);
	domain[252] = '\0';
	context.domain = domain;

	check_domain("252 octets", &context, "%{d}", domain);
	snprintf(longer, sizeof(longer), "a%s", domain);
	check_domain("253 octets", &context, "a%{d}", longer);
	check_domain("254 octets", &context, "a.%{d}", domain);
	check_domain("no half of a label stays", &context, "aa%{d}",
		     domain + 11);
	snprintf(longer, sizeof(longer), "%s.e", domain + 11);
	check_domain("a final dot does not count", &context, "a.%{d}.e.",
		     longer);

	for (size_t i = 0; i < 700; i++)
		memcpy(spec + i * 5, ".%{d}", 6);
	check_domain("700 times", &context, spec, domain);
	for (size_t i = 0; i < 700; i++)
		memcpy(spec + i * 4, "%{d}", 5);
	check_domain("700 times in a row", &context, spec, domain + 11);

	memset(spec, 'x', 300);
	memcpy(spec + 300, ".example", 9);
	check_domain("a label that is too long goes", &context, spec,
		     "example");
	memcpy(spec + 300, "%{d1}", 6);
	check_domain("and is no name if it is the only one", &context, spec,
		     NULL);
}

/* Paths and HELO names as long as an MTA lets them be, and longer. */
static void test_long_values(void **state)
{
	struct spf_context context;
	char sender[8192];

	(void)state;
	memset(sender, 'x', sizeof(sender));
	memcpy(sender + 2000, "@x.test", 8);
	context = context_of("192.0.2.3", sender);
	check_domain("the end is what counts", &context, "%{s}.a.test",
		     "test.a.test");
	check_domain("the domain is not long", &context, "%{o}", "x.test");
	check_text("too much for an explanation", &context, "%{l}", NULL);
	memset(sender, 'x', sizeof(sender));
	memcpy(sender + 8000, "@x.test", 8);
	check_domain("no path is that long", &context, "%{l}.a.test", NULL);
	check_text("no path is that long", &context, "%{s}", NULL);
	context.sender = SENDER;
	context.helo = sender;
	check_domain("nor a HELO name", &context, "%{h}", NULL);

	/* as many parts as there can be */
	context = context_of("192.0.2.3", sender);
	memset(sender, '.', 2000);
	memcpy(sender + 2000, "@x.test", 8);
	check_domain("only dots", &context, "%{l}.a.test", NULL);
	check_domain("reversed", &context, "%{lr}.a.test", NULL);
}

/* --- explanations ------------------------------------------------------- */

static const struct {
	const char *claim, *ip, *sender, *published, *text;
} texts[] = {
	{ "no macro at all", "192.0.2.3", SENDER, "Go away.", "Go away." },
	{ "nothing at all", "192.0.2.3", SENDER, "", "" },
	{ "who and where", "192.0.2.3", SENDER,
	  "%{s} is not for %{i}, says %{r} at %{t}",
	  SENDER " is not for 192.0.2.3, says mail.example.net at 1700000000" },
	{ "an address to be read", "cafe:babe::1", SENDER,
	  "%{c} is queried as %{ir}.%{v}.arpa",
	  "cafe:babe::1 is queried as 1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
	  "0.0.0.0.E.B.A.B.E.F.A.C.ip6.arpa" },
	{ "an address for a URL", "2001:db8::1", SENDER, "http://x/?ip=%{C}",
	  "http://x/?ip=2001%3Adb8%3A%3A1" },
	{ "URLs keep what is unreserved", "192.0.2.3",
	  "~jack&jill=up-a_b3.c@x.test", "http://x.test/why.html?l=%{L}",
	  "http://x.test/why.html?l=~jack%26jill%3Dup-a_b3.c" },
	{ "and no other byte", "192.0.2.3", "\x7f\x80\xff/ @x.test", "%{L}",
	  "%7F%80%FF%2F%20" },
	{ "the delimiter was split off before escaping", "192.0.2.3",
	  "a=b@x.test", "%{L=}", "a.b" },
	{ "digits of a time", "192.0.2.3", SENDER, "%{T1}", "1700000000" },
	{ "blanks and percents", "192.0.2.3", SENDER, "100%%%_or %-",
	  "100% or %20" },
	{ "a blank in the local part", "192.0.2.3", "Macro Error@x.test",
	  "%{l} in implementation", "Macro Error in implementation" },
	{ "no other letters than ASCII", "192.0.2.3", "\xce\xb1@x.test", "%{l}",
	  NULL },
	{ "no line ends", "192.0.2.3", "a\r\nb@x.test", "%{l}", NULL },
	{ "empty labels are no matter", "192.0.2.3", "a..b@x.test", "%{l}.",
	  "a..b." },
};

static void test_texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(texts); i++) {
		struct spf_context context =
			context_of(texts[i].ip, texts[i].sender);

		check_text(texts[i].claim, &context, texts[i].published,
			   texts[i].text);
	}
}

static void test_room(void **state)
{
	struct spf_context context = context_of("192.0.2.3", SENDER);
	char text[32];

	(void)state;
	for (size_t size = 1; size < sizeof(text); size++) {
		enum spf_expansion expansion =
			spf_expand_explanation(&context, "%{d}!", 5, text,
					       size);

		/* "email.example.com!" and a NUL */
		assert_int_equal(expansion,
				 size < 19 ? SPF_NO_TEXT : SPF_EXPANDED);
		assert_string_equal(text, size < 19 ? "" : DOMAIN "!");
	}
}

/* --- syntax ------------------------------------------------------------- */

#define FINE ((size_t)-1)

/* Where the fault is; or FINE. */
static const struct {
	const char *claim, *text;
	enum spf_where where;
	size_t at;
} macros[] = {
	{ "nothing", "", SPF_IN_MODIFIER, FINE },
	{ "every character but '%'", "!\"#$&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~",
	  SPF_IN_MODIFIER, FINE },
	{ "every letter", "%{s}%{l}%{o}%{d}%{i}%{p}%{v}%{h}", SPF_IN_DOMAIN,
	  FINE },
	{ "every capital", "%{S}%{L}%{O}%{D}%{I}%{P}%{V}%{H}", SPF_IN_DOMAIN,
	  FINE },
	{ "c not in a domain", "%{c}", SPF_IN_DOMAIN, 2 },
	{ "r not in a domain", "%{ir}.%{r}", SPF_IN_DOMAIN, 8 },
	{ "T not in a domain", "%{T}", SPF_IN_DOMAIN, 2 },
	{ "all three in an explanation", "%{c} %{R} %{t}", SPF_IN_EXPLANATION,
	  FINE },
	{ "and in what nobody reads", "%{c}%{R}%{t}", SPF_IN_MODIFIER, FINE },
	{ "a blank there", "a b", SPF_IN_MODIFIER, 1 },
	{ "all that may follow a letter", "%{d12r.-+,/_=.}", SPF_IN_DOMAIN,
	  FINE },
	{ "zero parts", "%{d0}", SPF_IN_DOMAIN, 3 },
	{ "zero parts, at length", "%{d000r}", SPF_IN_DOMAIN, 5 },
	{ "r before a number", "%{dr2}", SPF_IN_DOMAIN, 4 },
	{ "r twice", "%{drr}", SPF_IN_DOMAIN, 4 },
	{ "an unknown delimiter", "%{d:}", SPF_IN_DOMAIN, 3 },
	{ "a percent alone", "a%", SPF_IN_DOMAIN, 1 },
	{ "a percent before a letter", "%abc", SPF_IN_MODIFIER, 0 },
	{ "round brackets", "foo%(ir).x", SPF_IN_DOMAIN, 3 },
	{ "an unknown letter", "The %{x}-files.", SPF_IN_EXPLANATION, 6 },
	{ "no letter", "%{}", SPF_IN_DOMAIN, 2 },
	{ "no end", "a%{", SPF_IN_DOMAIN, 1 },
	{ "no end behind a letter", "a%{d", SPF_IN_DOMAIN, 1 },
	{ "no end behind a number", "a%{d2r-", SPF_IN_DOMAIN, 1 },
	{ "a macro in a macro", "%{%{d}}", SPF_IN_DOMAIN, 2 },
	{ "beyond ASCII",
	  "\xef\xbb\xbf"
	  "Explanation",
	  SPF_IN_EXPLANATION, 0 },
	{ "a control character", "a\tb", SPF_IN_EXPLANATION, 1 },
	{ "DEL", "a\x7f", SPF_IN_EXPLANATION, 1 },
};

static void test_macros(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(macros); i++) {
		char *copy = exactly(macros[i].text, strlen(macros[i].text));
		struct spf_fault fault = { FINE, "fine" };

		spf_macro_check(copy, strlen(macros[i].text), macros[i].where,
				NULL, &fault);
		if (fault.at != macros[i].at)
			fail_msg("%s: %s: %s at %zu", macros[i].claim,
				 macros[i].text, fault.why, fault.at);
		free(copy);
	}
}

/* section 7.1: domain-spec */
static const struct {
	const char *claim, *text;
	size_t at;
} domains[] = {
	{ "two labels", "a.example", FINE },
	{ "a dot at the end", "a.example.", FINE },
	{ "a macro", "%{d}", FINE },
	{ "a percent for a macro", "a%%", FINE },
	{ "a blank for a macro", "a%_", FINE },
	{ "a macro before the last label", "%{d}.example", FINE },
	{ "the last label alone", ".example", FINE },
	{ "letters and digits", "a.1e2", FINE },
	{ "a letter between", "a.1e", FINE },
	{ "a hyphen within", "a.x-y", FINE },
	{ "digits and a hyphen", "a.1-2", FINE },
	{ "hyphens in a row", "a.xn--zckzah", FINE },
	{ "dots in a row before the last label", "a..example", FINE },
	{ "anything before the last label", "a:b/c@d\\e.example", FINE },
	{ "nothing", "", 0 },
	{ "one label", "museum", 0 },
	{ "one label and a dot", "museum.", 0 },
	{ "a dot alone", ".", 1 },
	{ "two dots at the end", "a.example..", 10 },
	{ "an IP address", "111.222.33.44", 11 },
	{ "a number at the end", "abc.123", 4 },
	{ "a number and a dot", "abc.123.", 4 },
	{ "a port", "example.com:8080", 11 },
	{ "a hyphen begins the last label", "example.-com", 8 },
	{ "a hyphen ends it", "example.com-", 8 },
	{ "a hyphen is all of it", "example.-", 8 },
	{ "an underscore in it", "example.c_m", 9 },
	{ "a label right behind a macro", "a.%{d}com", 6 },
	{ "a dot right behind a macro", "%{d}.", 5 },
	{ "NUL", "a.example\0", 9 },
	{ "c", "%{c}.example", 2 },
};

static void test_domains(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(domains); i++) {
		struct spf_fault fault = { FINE, "fine" };
		size_t len = strlen(domains[i].text);
		char *copy;

		if (strcmp(domains[i].claim, "NUL") == 0)
			len++;
		copy = exactly(domains[i].text, len);
		spf_domain_check(copy, len, NULL, &fault);
		if (fault.at != domains[i].at)
			fail_msg("%s: %s: %s at %zu", domains[i].claim,
				 domains[i].text, fault.why, fault.at);
		free(copy);
	}
}

/* What is no domain-spec is not expanded, and outputs are left alone. */
static void test_unchecked(void **state)
{
	struct spf_context context = context_of("192.0.2.3", SENDER);
	uint32_t letters = 7;
	char text[SPF_NAME_SIZE] = "as it was";

	(void)state;
	assert_int_equal(spf_expand_domain(&context, "museum", 6, text),
			 SPF_BAD_MACRO);
	assert_int_equal(spf_expand_domain(&context, "a.%{c}", 6, text),
			 SPF_BAD_MACRO);
	assert_int_equal(spf_expand_domain(&context, "a..b", 4, text),
			 SPF_NOT_A_NAME);
	assert_string_equal(text, "as it was");
	assert_int_equal(spf_macro_check("%{d}%", 5, SPF_IN_DOMAIN, &letters,
					 NULL),
			 -1);
	assert_int_equal(letters, 7);
	assert_int_equal(spf_expand_explanation(&context, "%{x}", 4, text,
						sizeof(text)),
			 SPF_BAD_MACRO);
	assert_string_equal(text, "");
}

static void test_letters(void **state)
{
	uint32_t letters;

	(void)state;
	assert_int_equal(spf_domain_check("%{P}.%{ir}.%%x.%{p}.x", 21, &letters,
					  NULL),
			 0);
	assert_int_equal(letters, SPF_LETTER('p') | SPF_LETTER('i'));
	assert_int_equal(spf_domain_check("x.test", 6, &letters, NULL), 0);
	assert_int_equal(letters, 0);
}

/* --- names for DNS ------------------------------------------------------ */

/* A backslash is a backslash, and no dot is escaped by it. */
static void test_wire(void **state)
{
	static const char name[] = "a\\.b c.test";
	static const uint8_t wire[] = "\2a\\\3b c\4test";
	char text[DNS_NAME_TEXT_SIZE], longest[SPF_NAME_SIZE];
	struct dns_name got;

	(void)state;
	assert_int_equal(spf_name_wire(name, strlen(name), &got), 0);
	assert_int_equal(got.len, sizeof(wire));
	assert_memory_equal(got.wire, wire, sizeof(wire));
	dns_name_format(&got, text);
	assert_string_equal(text, "a\\\\.b\\032c.test");

	memset(longest, 'x', sizeof(longest));
	for (size_t i = 63; i < SPF_NAME_MAX; i += 64)
		longest[i] = '.';
	assert_int_equal(spf_name_wire(longest, SPF_NAME_MAX, &got), 0);
	assert_int_equal(got.len, DNS_NAME_MAX);
	assert_int_equal(spf_name_wire(longest, SPF_NAME_MAX + 1, &got), -1);
	assert_int_equal(spf_name_wire("", 0, &got), -1);
	assert_int_equal(spf_name_wire("a.", 2, &got), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_what_is_not_known),
		cmocka_unit_test(test_shortened),
		cmocka_unit_test(test_long_values),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_macros),
		cmocka_unit_test(test_domains),
		cmocka_unit_test(test_unchecked),
		cmocka_unit_test(test_letters),
		cmocka_unit_test(test_wire),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
