/*
 * test_sender_key.c - what stays the same about a sender.
 */
#include "lists/sender_key.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

struct row {
	const char *claim, *sender, *key;
};

static void check(const struct row *row)
{
	char key[SENDER_KEY_SIZE], again[SENDER_KEY_SIZE];
	size_t len = sender_key(row->sender, strlen(row->sender), key);

	if (strcmp(key, row->key) != 0)
		fail_msg("%s: %s: %s instead of %s", row->claim, row->sender,
			 key, row->key);
	assert_int_equal(len, strlen(key));
	sender_key(key, len, again);
	if (strcmp(key, again) != 0)
		fail_msg("%s: the key of %s is %s", row->claim, key, again);
}

#define CHECK(rows)                                                   \
	for (size_t i = 0; i < sizeof(rows) / sizeof((rows)[0]); i++) \
	check(&(rows)[i])

static void test_plain(void **state)
{
	static const struct row rows[] = {
		{ "an address stays", "joe@example.org", "joe@example.org" },
		{ "the domain has no case", "joe@Example.ORG",
		  "joe@example.org" },
		{ "nor has the local part", "Joe.Doe@example.org",
		  "joe.doe@example.org" },
		{ "a dot at the end means nothing", "joe@example.org.",
		  "joe@example.org" },
		{ "the null sender", "", "<>" },
		{ "however it is written", "<>", "<>" },
		{ "a name without a domain", "postmaster", "postmaster" },
		{ "quotes that say nothing", "\"joe\"@example.org",
		  "joe@example.org" },
		{ "quotes around a blank", "\"joe doe\"@example.org",
		  "joe{20}doe@example.org" },
		{ "a quoted quote", "\"joe\\\"\\\\doe\"@example.org",
		  "joe{22}{5c}doe@example.org" },
		{ "an @ in quotes", "\"joe@home\"@example.org",
		  "joe{40}home@example.org" },
		{ "nothing in quotes is not the null sender", "\"\"", "{}" },
		{ "half a quote", "\"joe@example.org", "{22}joe@example.org" },
		{ "beyond ASCII", "j\xc3\xb6@example.org",
		  "j{c3}{b6}@example.org" },
		{ "numbers of bytes are no codes", "\xe7\x94\xa8-1@example.org",
		  "{e7}{94}{a8}-#@example.org" },
		{ "no line is broken", "joe\r\n@example.org",
		  "joe{0d}{0a}@example.org" },
		{ "a literal", "joe@[192.0.2.1]", "joe@[192.0.2.1]" },
		{ "an IPv6 literal", "joe@[IPv6:2001:DB8::1]",
		  "joe@[ipv6:2001:db8::1]" },
		{ "digits of the domain stay", "news@em1234567.example.com",
		  "news@em1234567.example.com" },
	};

	(void)state;
	CHECK(rows);
}

static void test_tags(void **state)
{
	static const struct row rows[] = {
		{ "a tag goes", "joe+news@example.org", "joe@example.org" },
		{ "with all behind it", "joe+a+b=c@example.org",
		  "joe@example.org" },
		{ "a tag alone is a name", "+joe@example.org",
		  "+joe@example.org" },
		{ "of which a second one goes", "+joe+x@example.org",
		  "+joe@example.org" },
		{ "a hyphen is no tag", "joe-news@example.org",
		  "joe-news@example.org" },
		{ "forwarded by a big mailbox provider",
		  "joe+caf_=you=example.net@example.org", "joe@example.org" },
	};

	(void)state;
	CHECK(rows);
}

static void test_verp(void **state)
{
	static const struct row rows[] = {
		{ "a recipient", "bounces-you=example.org@lists.example.net",
		  "bounces-*@lists.example.net" },
		{ "of a numbered mail",
		  "list-return-42-you=example.org@lists.example.net",
		  "list-return-#-*@lists.example.net" },
		{ "and no other than the last word before the =",
		  "news-jane.doe=mail.example.org@example.net",
		  "news-*@example.net" },
		{ "behind a tag", "list-bounces+you=example.org@example.net",
		  "list-bounces@example.net" },
		{ "in front of something",
		  "joe=example.org__0-3kfw2abcdefg7@bnc.example.com",
		  "*__#-#@bnc.example.com" },
		{ "with numbers behind the domain",
		  "b-you=example.org.123@example.net", "b-*.#@example.net" },
		{ "no domain, no recipient", "a=b@example.net",
		  "a=b@example.net" },
		{ "nobody, no recipient", "=example.org@example.net",
		  "=example.org@example.net" },
		{ "numbers are no domain", "id=1.25@example.net",
		  "id=#.#@example.net" },
	};

	(void)state;
	CHECK(rows);
}

static void test_batv(void **state)
{
	static const struct row rows[] = {
		{ "signed", "prvs=2234abcdef=joe@example.org",
		  "joe@example.org" },
		{ "in capitals", "PRVS=2234ABCDEF=Joe@example.org",
		  "joe@example.org" },
		{ "with another length", "prvs=08012a5f8=joe@example.org",
		  "joe@example.org" },
		{ "the first draft's order", "prvs=joe/2234abcdef@example.org",
		  "joe@example.org" },
		{ "another maker's", "btv1==052d3a2bd6c==joe@example.org",
		  "joe@example.org" },
		{ "a third one's",
		  "msprvs1=17xyzab12cdef=bounces-267218-2@example.org",
		  "bounces-#-#@example.org" },
		{ "with a tag", "prvs=2234abcdef=joe+x@example.org",
		  "joe@example.org" },
		{ "signed twice", "prvs=2234abcdef=prvs=1111aaaaaa=joe@a.org",
		  "joe@a.org" },
		{ "nobody signed", "prvs=2234abcdef=@example.org",
		  "prvs=#=@example.org" },
		{ "a short tag is none", "prvs=ab=joe@example.org",
		  "prvs=ab=joe@example.org" },
		{ "a slash and no tag", "prvs=joe/abc@example.org",
		  "prvs=joe/abc@example.org" },
		{ "a name that begins so", "prvs@example.org",
		  "prvs@example.org" },
		{ "half of the other maker's", "btv1==052d3a2b=joe@example.org",
		  "btv1==#=joe@example.org" },
	};

	(void)state;
	CHECK(rows);
}

static void test_srs(void **state)
{
	static const struct row rows[] = {
		{ "forwarded", "SRS0=a1B2=XY=example.org=joe@forward.example",
		  "srs0=#=#=example.org=joe@forward.example" },
		{ "with another separator",
		  "SRS0+a1B2=XY=example.org=joe@forward.example",
		  "srs0=#=#=example.org=joe@forward.example" },
		{ "what was forwarded is normalised",
		  "SRS0=a1B2=XY=example.org=b-123-you=example.net@f.example",
		  "srs0=#=#=example.org=b-#-*@f.example" },
		{ "signed, then forwarded",
		  "SRS0=a/+2=XY=example.org=prvs=2234abcdef=joe@f.example",
		  "srs0=#=#=example.org=joe@f.example" },
		{ "forwarded twice",
		  "SRS1=Zz9x=first.example==a1B2=XY=example.org=joe@f.example",
		  "srs1=#=first.example==#=#=example.org=joe@f.example" },
		{ "forwarded twice, with another separator",
		  "SRS1=Zz9x=first.example=+a1B2=XY=example.org=joe@f.example",
		  "srs1=#=first.example==#=#=example.org=joe@f.example" },
		{ "no domain was forwarded", "SRS0=a1B2=XY=joe@f.example",
		  "srs0=a1b2=xy=joe@f.example" },
		{ "nobody was forwarded", "SRS0=a1B2=XY=example.org=@f.example",
		  "srs0=a1b2=*=@f.example" },
		{ "a name that begins so", "srs0joe@f.example",
		  "srs0joe@f.example" },
	};

	(void)state;
	CHECK(rows);
}

static void test_codes(void **state)
{
	static const struct row rows[] = {
		{ "numbers", "bounce-26_HTML-123456-789-0-12@example.com",
		  "bounce-#_html-#-#-#-#@example.com" },
		{ "a number and a UUID",
		  "0100018f3a2b4c5d-1e2f3a4b-5c6d-7e8f-abcd-1c2d3e4f5a6b-"
		  "000000@example.com",
		  "#-#-#@example.com" },
		{ "codes", "bounce-mc.us1_12345.6789-abc0123def@example.com",
		  "bounce-mc.us1_#.#-#@example.com" },
		{ "hexadecimal", "r-deadbeef01@example.com",
		  "r-#@example.com" },
		{ "a long run in a word", "msg20241122-x@example.com",
		  "msg#-x@example.com" },
		{ "or alone", "bounce1234567@example.com",
		  "bounce#@example.com" },
		{ "a very long code alone",
		  "3x2abyqktbpmpzab7nabc9ye@example.com", "#@example.com" },
	};

	(void)state;
	CHECK(rows);
}

/* Two senders that are two. */
static void test_apart(void **state)
{
	static const char *const rows[][3] = {
		{ "two people", "joe@example.org", "jane@example.org" },
		{ "two domains", "joe@example.org", "joe@example.net" },
		{ "a domain below", "joe@example.org", "joe@a.example.org" },
		{ "numbers of a family", "joe1@example.org",
		  "joe2@example.org" },
		{ "years of birth", "joe1984@example.org",
		  "joe1985@example.org" },
		{ "people who are numbers", "123456789@example.org",
		  "123456788@example.org" },
		{ "who are numbers and have a tag", "123456789+a@example.org",
		  "123456788+a@example.org" },
		{ "handles", "john2doe4u@example.org",
		  "john2doe5u@example.org" },
		{ "dots", "j.doe@example.org", "jdoe@example.org" },
		{ "lists of one host", "dev-bounces+you=a.org@example.org",
		  "users-bounces+you=a.org@example.org" },
		{ "two whom one forwarded",
		  "SRS0=a1B2=XY=example.org=joe@f.example",
		  "SRS0=a1B2=XY=example.org=jane@f.example" },
		{ "one whom two forwarded",
		  "SRS0=a1B2=XY=example.org=joe@f.example",
		  "SRS0=a1B2=XY=example.org=joe@g.example" },
		{ "the first of two forwarders",
		  "SRS1=Zz9x=a.example==a1B2=XY=example.org=joe@f.example",
		  "SRS1=Zz9x=b.example==a1B2=XY=example.org=joe@f.example" },
		{ "two who signed", "prvs=2234abcdef=joe@example.org",
		  "prvs=2234abcdef=jane@example.org" },
		{ "nobody, and somebody called so", "<>", "\"<>\"" },
		{ "a blank or none", "\"a b\"@example.org", "ab@example.org" },
		{ "words of letters", "a-facade@example.org",
		  "a-defaced@example.org" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char a[SENDER_KEY_SIZE], b[SENDER_KEY_SIZE];

		sender_key(rows[i][1], strlen(rows[i][1]), a);
		sender_key(rows[i][2], strlen(rows[i][2]), b);
		if (strcmp(a, b) == 0)
			fail_msg("%s: both are %s", rows[i][0], a);
	}
}

static void test_recipients(void **state)
{
	static const struct row rows[] = {
		{ "case goes", "Joe@Example.ORG", "joe@example.org" },
		{ "a tag stays", "joe+x@example.org", "joe+x@example.org" },
		{ "numbers stay", "t-123456@example.org",
		  "t-123456@example.org" },
		{ "a blank", "\"a b\"@example.org", "a{20}b@example.org" },
		{ "and what looks like it", "a{20}b@example.org",
		  "a{7b}20}b@example.org" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char key[SENDER_KEY_SIZE];

		recipient_key(rows[i].sender, strlen(rows[i].sender), key);
		if (strcmp(key, rows[i].key) != 0)
			fail_msg("%s: %s", rows[i].claim, key);
	}
}

/* Whatever the length, the key fits, and differs. */
static void test_long(void **state)
{
	static char text[3 * SENDER_INPUT_MAX + 12];
	char key[SENDER_KEY_SIZE], last[SENDER_KEY_SIZE] = "";

	(void)state;
	for (size_t len = 1; len + 12 < sizeof(text); len += 37) {
		memset(text, 'x', len);
		memcpy(text + len - 1, "@example.org", 12);
		assert_in_range(sender_key(text, len + 11, key), 1,
				SENDER_KEY_SIZE - 1);
		if (len <= SENDER_INPUT_MAX - 11)
			assert_non_null(strstr(key, "@example.org"));
		assert_string_not_equal(key, last);
		strcpy(last, key);
		memset(text, 0xff, len);
		text[len / 2] = '@';
		assert_in_range(sender_key(text, len, key), 1,
				SENDER_KEY_SIZE - 1);
		assert_in_range(recipient_key(text, len, key), 1,
				SENDER_KEY_SIZE - 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain), cmocka_unit_test(test_tags),
		cmocka_unit_test(test_verp),  cmocka_unit_test(test_batv),
		cmocka_unit_test(test_srs),   cmocka_unit_test(test_codes),
		cmocka_unit_test(test_apart), cmocka_unit_test(test_recipients),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
