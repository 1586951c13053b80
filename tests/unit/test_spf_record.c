/*
 * test_spf_record.c - what does an SPF record say, and what is wrong with it?
 */
#include "filter/inspect/spf_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rules/arena.h"

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))
#define ROOM (1024 * 1024)

/* Reads a copy in memory of its own, so that reading past its end is seen. */
static enum spf_parse parse(struct arena *arena, const char *text, size_t len,
			    struct spf_record *ret_record,
			    struct spf_fault *ret_fault)
{
	char *copy = malloc(len > 0 ? len : 1);
	enum spf_parse parse;

	assert_non_null(copy);
	memcpy(copy, text, len);
	parse = spf_record_parse(arena, copy, len, ret_record, ret_fault);
	free(copy);
	return parse;
}

static struct spf_record parsed(struct arena *arena, const char *text)
{
	struct spf_record record = { 0 };
	struct spf_fault fault = { 0 };

	if (parse(arena, text, strlen(text), &record, &fault) != SPF_PARSED)
		fail_msg("%s: %s at %zu", text, fault.why, fault.at);
	return record;
}

/* --- records as they should be ------------------------------------------ */

/* What is read is written again; NULL means without any change. */
static const struct {
	const char *claim, *text, *written;
} fine[] = {
	{ "nothing is said", "v=spf1", NULL },
	{ "nothing but a blank", "v=spf1 ", "v=spf1" },
	{ "RFC 7208 3: the example", "v=spf1 +mx a:colo.example.com/28 -all",
	  "v=spf1 mx a:colo.example.com/28 -all" },
	{ "RFC 7208 A.1", "v=spf1 a:example.org -all", NULL },
	{ "RFC 7208 A.1: a network", "v=spf1 ip4:192.0.2.128/28 -all", NULL },
	{ "RFC 7208 A.3", "v=spf1 include:example.com include:example.net -all",
	  NULL },
	{ "RFC 7208 A.4", "v=spf1 exists:%{ir}.%{v}._spf.%{d} -all", NULL },
	{ "RFC 7208 5.2", "v=spf1 a ?include:example.com ~all", NULL },
	{ "RFC 7208 5.7", "v=spf1 exists:%{ir}.%{l1r+-}._spf.%{d} -all", NULL },
	{ "RFC 7208 6.2", "v=spf1 mx -all exp=explain._spf.%{d}", NULL },
	{ "RFC 7208 D.1", "v=spf1 -include:ip4._spf.%{d} +all",
	  "v=spf1 -include:ip4._spf.%{d} all" },
	{ "every mechanism",
	  "v=spf1 include:x.test a mx ptr ip4:192.0.2.1 ip6:2001:db8::1 "
	  "exists:x.test all",
	  NULL },
	{ "every qualifier", "v=spf1 +a -mx ?ptr ~all",
	  "v=spf1 a -mx ?ptr ~all" },
	{ "blanks, as many as there are", "v=spf1   a    -all  ",
	  "v=spf1 a -all" },
	{ "capitals", "V=sPf1 A:X.test IP4:192.0.2.0/24 MX PTR -ALL",
	  "v=spf1 a:X.test ip4:192.0.2.0/24 mx ptr -all" },
	{ "terms behind all", "v=spf1 -all mx", NULL },
	{ "all twice", "v=spf1 all -all", NULL },
	{ "a term twice", "v=spf1 a a mx mx", NULL },
	/* hosts */
	{ "a with everything", "v=spf1 ~a:x.test/24//64", NULL },
	{ "a with nothing but lengths", "v=spf1 a/24//64 mx/8", NULL },
	{ "lengths of 0", "v=spf1 a/0 mx//0 a/0//0", NULL },
	{ "lengths that are all of an address", "v=spf1 a/32 mx//128 a/32//128",
	  "v=spf1 a mx a" },
	{ "a length behind a macro", "v=spf1 a:%{d}/24 mx:%{d2}//64", NULL },
	{ "a length behind a dot", "v=spf1 a:x.test./24", NULL },
	{ "slashes in a domain", "v=spf1 a:foo:bar/baz.example.com", NULL },
	{ "a length in a domain", "v=spf1 a:foo/24.test/8", NULL },
	{ "two slashes in a domain", "v=spf1 a://x.test//64", NULL },
	{ "a slash in a macro", "v=spf1 exists:%{l/} a:%{l/}/24", NULL },
	{ "ptr with a domain", "v=spf1 ptr:example.Com", NULL },
	{ "a label that is too long is not the grammar's matter",
	  "v=spf1 a:xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	  "xxxxxxxxxxxx.test",
	  NULL },
	/* networks */
	{ "any IPv4", "v=spf1 ip4:1.1.1.1/0", "v=spf1 ip4:0.0.0.0/0" },
	{ "one IPv4", "v=spf1 ip4:1.2.3.4/32", "v=spf1 ip4:1.2.3.4" },
	{ "what is below the prefix goes", "v=spf1 ip4:192.0.2.77/28",
	  "v=spf1 ip4:192.0.2.64/28" },
	{ "any IPv6", "v=spf1 ip6:::1.1.1.1/0", "v=spf1 ip6:::/0" },
	{ "IPv6 in capitals", "v=spf1 ip6:Cafe:Babe:8000::/33",
	  "v=spf1 ip6:cafe:babe:8000::/33" },
	{ "IPv4-mapped stays IPv6", "v=spf1 ip6:::FFFF:1.2.3.4",
	  "v=spf1 ip6:::ffff:102:304" },
	{ "and so do its networks", "v=spf1 ip6:::ffff:1.2.3.4/104",
	  "v=spf1 ip6:::ffff:100:0/104" },
	/* modifiers */
	{ "modifiers anywhere", "v=spf1 exp=x.test a redirect=y.test mx",
	  NULL },
	{ "a redirect that all cancels", "v=spf1 redirect=x.test ~all", NULL },
	{ "an unknown modifier", "v=spf1 moo.cow-far_out=man:dog/cat -all",
	  NULL },
	{ "with nothing in it", "v=spf1 moo= -all", NULL },
	{ "as often as one likes", "v=spf1 moo=1 moo=2 MOO=3", NULL },
	{ "with macros", "v=spf1 moo=%{d}%{c}%%", NULL },
	{ "another draft's", "v=spf1 default=+ default=pass", NULL },
	{ "with a mechanism's name", "v=spf1 all=x ip4=192.0.2.1", NULL },
};

static void test_fine(void **state)
{
	struct arena arena;
	char written[512];

	(void)state;
	arena_init(&arena, ROOM);
	for (size_t i = 0; i < ROWS(fine); i++) {
		const char *want =
			fine[i].written ? fine[i].written : fine[i].text;
		struct spf_record record = parsed(&arena, fine[i].text);
		size_t len =
			spf_record_format(&record, written, sizeof(written));

		if (len != strlen(want) || strcmp(written, want) != 0)
			fail_msg("%s: %s is written %s", fine[i].claim,
				 fine[i].text, written);
		arena_reset(&arena);
	}
	arena_done(&arena);
}

/* --- and as they should not --------------------------------------------- */

static const struct {
	const char *claim, *text;
	size_t at;
	const char *why; /* how the sentence goes on from somewhere */
} broken[] = {
	{ "no version", "", 0, "begins with" },
	{ "another version", "v=spf2 -all", 0, "begins with" },
	{ "a version that goes on", "v=spf10", 0, "begins with" },
	{ "a blank before it", " v=spf1", 0, "begins with" },
	{ "a tab behind it", "v=spf1\t-all", 0, "begins with" },
	{ "an unknown mechanism", "v=spf1 -all moo", 12, "no such mechanism" },
	{ "even behind all, with a qualifier", "v=spf1 -all ~moo", 13,
	  "no such mechanism" },
	{ "half a mechanism", "v=spf1 al", 7, "no such mechanism" },
	{ "a mechanism that goes on", "v=spf1 ip44:1.2.3.4", 7,
	  "no such mechanism" },
	{ "ipv4", "v=spf1 ipv4:1.2.3.4", 7, "no such mechanism" },
	{ "a dot behind all", "v=spf1 -all.", 8, "no such mechanism" },
	{ "a domain behind all", "v=spf1 -all:foobar", 11, "nothing" },
	{ "a length behind all", "v=spf1 -all/8", 11, "nothing" },
	{ "a qualifier alone", "v=spf1 - all", 8, "name of a mechanism" },
	{ "two qualifiers", "v=spf1 --all", 8, "name of a mechanism" },
	{ "an unknown qualifier", "v=spf1 !a:x.test -all", 7,
	  "name of a mechanism" },
	{ "a comma", "v=spf1 a, mx", 8, "':' is expected" },
	/* domains */
	{ "include of nothing", "v=spf1 include +all", 14,
	  "':' and a domain are missing" },
	{ "include of an empty domain", "v=spf1 include: -all", 15,
	  "domain is missing" },
	{ "include with a length", "v=spf1 include:x.test/24 -all", 21,
	  "letters, digits and hyphens only" },
	{ "include with a length alone", "v=spf1 include/24", 14,
	  "no prefix length" },
	{ "exists of nothing", "v=spf1 exists", 13, "missing" },
	{ "ptr with a length", "v=spf1 ptr/0 -all", 10, "no prefix length" },
	{ "ptr of an empty domain", "v=spf1 ptr:", 11, "missing" },
	{ "a of an empty domain", "v=spf1 a:", 9, "missing" },
	{ "a of an empty domain, with a length", "v=spf1 a:/24", 9, "missing" },
	{ "one label", "v=spf1 a:museum", 9, "ends in a dot and a last label" },
	{ "an address for a domain", "v=spf1 a:111.222.33.44", 20, "a number" },
	{ "a port", "v=spf1 mx:example.com:8080", 21,
	  "letters, digits and hyphens only" },
	{ "a hyphen", "v=spf1 mx:example.-com", 18, "hyphen" },
	/* lengths */
	{ "33 bits", "v=spf1 a/33 -all", 9, "0 to 32" },
	{ "129 bits", "v=spf1 mx//129 -all", 11, "0 to 128" },
	{ "ever so many bits", "v=spf1 a/99999999999999999999", 9, "0 to 32" },
	{ "a slash too few", "v=spf1 a/24/64 -all", 12, "0 to 32" },
	{ "though it might be IPv4", "v=spf1 a/24/32 -all", 8, "/24//64" },
	{ "behind a domain", "v=spf1 a:x.test/24/32", 15,
	  "letters, digits and hyphens only" },
	{ "the wrong order", "v=spf1 a//64/24", 8, "/24//64" },
	{ "IPv6 twice", "v=spf1 a//64//64", 10, "two prefix lengths" },
	{ "three slashes", "v=spf1 a///64", 8, "/24//64" },
	{ "no digits", "v=spf1 a/ -all", 8, "/24//64" },
	{ "no digits behind a domain", "v=spf1 a:x.test/ -all", 15,
	  "letters, digits and hyphens only" },
	{ "a leading zero", "v=spf1 a/08", 9, "begins with a zero" },
	{ "two zeros", "v=spf1 a//00", 10, "begins with a zero" },
	/* networks */
	{ "ip4 alone", "v=spf1 ip4", 10, "':' and a network" },
	{ "ip6 alone", "v=spf1 -all ip6", 15, "':' and a network" },
	{ "ip4 of nothing", "v=spf1 ip4: 192.0.2.5", 11, "IPv4" },
	{ "ip4 of a length", "v=spf1 ip4/24", 10, "no prefix length" },
	{ "three numbers", "v=spf1 ip4:1.2.3", 11, "IPv4" },
	{ "a number over 255", "v=spf1 ip4:1.2.3.256", 11, "IPv4" },
	{ "a number with a zero before", "v=spf1 ip4:1.2.3.04", 11, "IPv4" },
	{ "an IPv4 port", "v=spf1 ip4:1.2.3.4:8080", 11, "IPv4" },
	{ "IPv6 for IPv4", "v=spf1 ip4:2001:db8::1", 11, "IPv4" },
	{ "mapped IPv4 for IPv4", "v=spf1 ip4:::ffff:1.2.3.4", 11, "IPv4" },
	{ "IPv4 for IPv6", "v=spf1 ip6:1.2.3.4", 11, "IPv6" },
	{ "two colons missing", "v=spf1 ip6::CAFE::BABE", 11, "IPv6" },
	{ "an IPv6 zone", "v=spf1 ip6:fe80::1%eth0", 11, "IPv6" },
	{ "33 bits of IPv4", "v=spf1 ip4:1.2.3.4/33", 19, "0 to 32" },
	{ "032 bits of IPv4", "v=spf1 ip4:1.2.3.4/032", 19, "zero" },
	{ "two slashes of IPv4", "v=spf1 ip4:1.2.3.4//32", 19, "digits only" },
	{ "two lengths of IPv4", "v=spf1 ip4:1.2.3.4/24//64", 21,
	  "digits only" },
	{ "no bits of IPv4", "v=spf1 ip4:1.2.3.4/", 19, "missing" },
	{ "129 bits of IPv6", "v=spf1 ip6:::1.1.1.1/129", 21, "0 to 128" },
	{ "two slashes of IPv6", "v=spf1 ip6:::1.1.1.1//33", 21,
	  "digits only" },
	/* modifiers */
	{ "redirect with a colon", "v=spf1 redirect:t2.example.com", 15,
	  "'=' is expected" },
	{ "exp with nothing", "v=spf1 -exp", 11, "'=' is expected" },
	{ "a qualifier before a modifier", "v=spf1 -redirect=x.test", 7,
	  "no qualifier" },
	{ "and before an unknown one", "v=spf1 ?moo=cow", 7, "no qualifier" },
	{ "no name", "v=spf1 =all", 7, "name of a mechanism" },
	{ "a digit begins a name", "v=spf1 1up=foo", 7, "name of a mechanism" },
	{ "a slash in a name", "v=spf1 moo.cow/far_out=man:dog/cat -all", 7,
	  "no such mechanism" },
	{ "a colon in a name", "v=spf1 moo.cow:far_out=man:dog/cat -all", 7,
	  "no such mechanism" },
	{ "redirect twice", "v=spf1 redirect=x.test -all redirect=x.test", 28,
	  "only once" },
	{ "exp twice, in two ways", "v=spf1 exp=x.test -all EXP=y.test", 23,
	  "only once" },
	{ "exp of nothing", "v=spf1 exp= -all", 11, "missing" },
	{ "redirect of nothing", "v=spf1 ?all redirect=", 21, "missing" },
	{ "exp of no domain", "v=spf1 exp=-all", 11, "ends in a dot" },
	{ "redirect of no domain", "v=spf1 redirect=-all ?all", 16,
	  "ends in a dot" },
	{ "r in a domain", "v=spf1 -all exp=%{r}.example.com", 18,
	  "explanation's text only" },
	{ "a percent in what nobody reads", "v=spf1 -all foo=%abc", 16,
	  "'%' must be followed" },
	{ "an unknown macro", "v=spf1 a:%{a}.example.com -all", 11,
	  "no macro has this letter" },
	{ "round brackets", "v=spf1 -exists:%(ir).sbl.example.com ?all", 15,
	  "'%' must be followed" },
	/* bytes */
	{ "beyond ASCII", "v=spf1 a:\xEF\xBB\xBFgarbage.example.net -all", 9,
	  "not ASCII" },
	{ "beyond ASCII, in what nobody reads", "v=spf1 -all x=\x96", 14,
	  "not ASCII" },
	{ "a line end", "v=spf1 a:ctrl.example.com\rptr -all", 25, "control" },
	{ "a tab between terms", "v=spf1 a\t-all", 8, "control" },
	{ "DEL", "v=spf1 -all \x7f", 12, "control" },
};

static void test_broken(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, ROOM);
	for (size_t i = 0; i < ROWS(broken); i++) {
		struct spf_record record = { .count = 4711 };
		struct spf_fault fault = { 4711, "fine" };
		enum spf_parse got =
			parse(&arena, broken[i].text, strlen(broken[i].text),
			      &record, &fault);

		if (got != SPF_BROKEN || fault.at != broken[i].at ||
		    !strstr(fault.why, broken[i].why) || record.count != 4711)
			fail_msg("%s: %s: %s at %zu", broken[i].claim,
				 broken[i].text, fault.why, fault.at);
		arena_reset(&arena);
	}
	arena_done(&arena);
}

static void test_nul(void **state)
{
	static const char text[] = "v=spf1 mx:foo.example.com\0 -all";
	struct spf_record record;
	struct spf_fault fault;
	struct arena arena;

	(void)state;
	arena_init(&arena, ROOM);
	assert_int_equal(parse(&arena, text, sizeof(text) - 1, &record, &fault),
			 SPF_BROKEN);
	assert_int_equal(fault.at, 25);
	/* nobody needs to hear what is wrong */
	assert_int_equal(parse(&arena, text, sizeof(text) - 1, &record, NULL),
			 SPF_BROKEN);
	arena_done(&arena);
}

/* --- what is in the table ----------------------------------------------- */

static void test_terms(void **state)
{
	struct spf_record record;
	const struct spf_term *term;
	struct arena arena;

	(void)state;
	arena_init(&arena, ROOM);
	record =
		parsed(&arena, "v=spf1  -a:%{p}.x.test/24//64 ?ip4:192.0.2.9/8 "
			       "Moo=%{h} ip6:::ffff:1.2.3.4 exp=%{l}.y.test");
	assert_int_equal(record.count, 5);
	assert_string_equal(record.text + record.len - 6, "y.test");

	term = &record.terms[0];
	assert_int_equal(term->kind, SPF_A);
	assert_int_equal(term->qualifier, '-');
	assert_int_equal(term->at, 8);
	assert_int_equal(term->len, 21);
	assert_int_equal(term->bits4, 24);
	assert_int_equal(term->bits6, 64);
	assert_int_equal(term->spec_len, 11);
	assert_memory_equal(term->spec, "%{p}.x.test", 11);
	assert_int_equal(term->letters, SPF_LETTER('p'));

	term = &record.terms[1];
	assert_int_equal(term->kind, SPF_IP4);
	assert_int_equal(term->qualifier, '?');
	assert_null(term->spec);
	assert_int_equal(term->network.ip.family, 4);
	assert_int_equal(term->network.ip.bytes[0], 192);
	assert_int_equal(term->network.ip.bytes[3], 0);
	assert_int_equal(term->network.bits, 8);

	term = &record.terms[2];
	assert_int_equal(term->kind, SPF_UNKNOWN);
	assert_int_equal(term->qualifier, '\0');
	assert_int_equal(term->name_len, 3);
	assert_memory_equal(term->name, "Moo", 3);
	assert_memory_equal(term->spec, "%{h}", 4);

	term = &record.terms[3];
	assert_string_equal(spf_kind_name(term->kind), "ip6");
	assert_int_equal(term->qualifier, '+');
	assert_int_equal(term->network.ip.family, 6);
	assert_int_equal(term->network.ip.bytes[11], 0xff);
	assert_int_equal(term->network.ip.bytes[15], 4);
	assert_int_equal(term->network.bits, 128);

	assert_ptr_equal(record.exp, &record.terms[4]);
	assert_null(record.all);
	assert_null(record.redirect);
	assert_int_equal(record.letters, SPF_LETTER('p') | SPF_LETTER('l'));
	arena_done(&arena);
}

/* section 5.1: wherever it stands */
static void test_redirect_and_all(void **state)
{
	struct spf_record record;
	struct arena arena;

	(void)state;
	arena_init(&arena, ROOM);
	record = parsed(&arena, "v=spf1 a redirect=x.test mx");
	assert_ptr_equal(record.redirect, &record.terms[1]);
	record = parsed(&arena, "v=spf1 redirect=x.test -all +all");
	assert_null(record.redirect);
	assert_ptr_equal(record.all, &record.terms[1]);
	record = parsed(&arena, "v=spf1 ?all redirect=x.test");
	assert_null(record.redirect);
	arena_done(&arena);
}

static const struct {
	const char *claim, *text;
	size_t lookups;
} lookups[] = {
	{ "nothing to ask", "v=spf1 ip4:192.0.2.1 ip6:::1 moo=x -all", 0 },
	{ "one of each", "v=spf1 include:x.test a mx ptr exists:x.test ~all",
	  5 },
	{ "redirect", "v=spf1 a redirect=x.test", 2 },
	{ "not one that all cancels", "v=spf1 redirect=x.test a -all", 1 },
	{ "not what is behind all", "v=spf1 a -all mx ptr", 1 },
	{ "nor an explanation", "v=spf1 a exp=x.test -all", 1 },
};

static void test_lookups(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, ROOM);
	for (size_t i = 0; i < ROWS(lookups); i++) {
		struct spf_record record = parsed(&arena, lookups[i].text);

		if (spf_record_lookups(&record) != lookups[i].lookups)
			fail_msg("%s: %s: %zu", lookups[i].claim,
				 lookups[i].text, spf_record_lookups(&record));
	}
	arena_done(&arena);
}

static void test_open(void **state)
{
	struct spf_record record;
	struct arena arena;

	(void)state;
	arena_init(&arena, ROOM);
	record = parsed(&arena, "v=spf1 ip4:1.2.3.4/0 ip6:::/0 all a/0 mx//0 "
				"ip4:128.0.0.0/1 ip6:2000::/15 a/7 mx//15 "
				"ip4:10.0.0.0/8 ip6:2000::/16 ip4:0.0.0.0 a/8 "
				"mx//16 ptr moo=x");
	assert_int_equal(record.count, 16);
	for (size_t i = 0; i < record.count; i++)
		assert_int_equal(spf_term_is_open(&record.terms[i]), i < 9);
	arena_done(&arena);
}

/* --- limits ------------------------------------------------------------- */

/* There is room for as many networks as fit, not for the first 25 alone. */
static void test_many_terms(void **state)
{
	char text[SPF_RECORD_MAX + 2] = "v=spf1";
	struct spf_record record;
	struct spf_fault fault = { 0 };
	struct arena arena;
	size_t len = 6;

	(void)state;
	arena_init(&arena, ROOM);
	for (size_t i = 0; len + 19 <= SPF_RECORD_MAX; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					" ip6:2001:db8:%03zx::", i);
	record = parsed(&arena, text);
	assert_true(record.count > 200);
	assert_int_equal(record.terms[record.count - 1].network.ip.bytes[5],
			 (record.count - 1) & 0xff);

	memset(text + len, ' ', SPF_RECORD_MAX + 1 - len);
	assert_int_equal(parse(&arena, text, SPF_RECORD_MAX, &record, &fault),
			 SPF_PARSED);
	assert_int_equal(parse(&arena, text, SPF_RECORD_MAX + 1, &record,
			       &fault),
			 SPF_BROKEN);
	assert_int_equal(fault.at, SPF_RECORD_MAX);

	for (size_t i = 6; i < SPF_RECORD_MAX; i++)
		text[i] = " a"[i % 2];
	assert_int_equal(parse(&arena, text, 6 + 2 * SPF_TERMS_MAX, &record,
			       &fault),
			 SPF_PARSED);
	assert_int_equal(record.count, SPF_TERMS_MAX);
	assert_int_equal(parse(&arena, text, 8 + 2 * SPF_TERMS_MAX, &record,
			       &fault),
			 SPF_BROKEN);
	assert_int_equal(fault.at, 7 + 2 * SPF_TERMS_MAX);
	arena_done(&arena);
}

static void test_no_memory(void **state)
{
	static const char text[] = "v=spf1 a mx -all";
	struct spf_record record = { .count = 4711 };
	struct arena arena;

	(void)state;
	arena_init(&arena, 0);
	assert_int_equal(spf_record_parse(&arena, text, sizeof(text) - 1,
					  &record, NULL),
			 SPF_NO_MEMORY);
	assert_int_equal(record.count, 4711);
	arena_done(&arena);
}

/* As snprintf(): what does not fit is left out, and counted. */
static void test_format_room(void **state)
{
	static const char text[] = "v=spf1 a:x.test/24 ~all";
	struct spf_record record;
	struct arena arena;
	char got[64];

	(void)state;
	arena_init(&arena, ROOM);
	record = parsed(&arena, text);
	assert_int_equal(spf_record_format(&record, NULL, 0), strlen(text));
	for (size_t size = 1; size < sizeof(got); size++) {
		size_t room = size - 1 < strlen(text) ? size - 1 : strlen(text);

		memset(got, '#', sizeof(got));
		assert_int_equal(spf_record_format(&record, got, size),
				 strlen(text));
		assert_memory_equal(got, text, room);
		assert_int_equal(got[room], '\0');
		assert_true(got[room + 1] == '#' || room + 2 > sizeof(got));
	}
	assert_int_equal(spf_term_format(&record.terms[1], got, sizeof(got)),
			 4);
	assert_string_equal(got, "~all");
	arena_done(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fine),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_terms),
		cmocka_unit_test(test_redirect_and_all),
		cmocka_unit_test(test_lookups),
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_many_terms),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_format_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
