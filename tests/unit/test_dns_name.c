/*
 * test_dns_name.c - names as text and on the wire.
 */
#include "lists/dns_name.h"

#include "lists/ip.h"

#include <stdarg.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#define L10 "abcdefghij"
#define L60 L10 L10 L10 L10 L10 L10
#define L63 L60 "klm"

/* NULL: no name.  Else what it is written as. */
static const struct {
	const char *text, *written;
} texts[] = {
	{ "example.org", "example.org" },
	{ "example.org.", "example.org" },
	{ "Example.ORG", "Example.ORG" },
	{ ".", "." },
	{ "a", "a" },
	{ "_dmarc.example.org", "_dmarc.example.org" },
	{ "*.example.org", "*.example.org" },
	{ "a b.test", "a\\032b.test" },
	{ "a\\.b.test", "a\\.b.test" },
	{ "a\\046b.test", "a\\.b.test" },
	{ "a\\000b", "a\\000b" },
	{ "a\\\\.b", "a\\\\.b" },
	{ "\"quoted\";.test", "\\\"quoted\\\"\\;.test" },
	{ "a\tb", "a\\009b" },
	{ "caf\xc3\xa9.test", "caf\\195\\169.test" },
	{ L63 ".test", L63 ".test" },
	{ L63 "." L63 "." L63 "." L60 "k", L63 "." L63 "." L63 "." L60 "k" },
	{ "", NULL },
	{ "..", NULL },
	{ ".a", NULL },
	{ "a..b", NULL },
	{ "a..", NULL },
	{ "a\\", NULL },
	{ "a\\25", NULL },
	{ "a\\256", NULL },
	{ "a\\25x", NULL },
	{ L63 "n.test", NULL },
	{ L63 "." L63 "." L63 "." L60 "kl", NULL },
};

static void test_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char buf[DNS_NAME_TEXT_SIZE];
		struct dns_name name, again;
		size_t len;
		int parsed = dns_name_parse(texts[i].text,
					    strlen(texts[i].text), &name);

		if ((parsed == 0) != (texts[i].written != NULL))
			fail_msg("\"%s\"", texts[i].text);
		if (parsed < 0)
			continue;
		len = dns_name_format(&name, buf);
		assert_string_equal(buf, texts[i].written);
		assert_int_equal(len, strlen(buf));
		assert_int_equal(dns_name_text_len(&name), len);
		assert_int_equal(dns_name_parse(buf, len, &again), 0);
		assert_int_equal(again.len, name.len);
		assert_memory_equal(again.wire, name.wire, name.len);
	}
}

static struct dns_name name_of(const char *text)
{
	struct dns_name name;

	assert_int_equal(dns_name_parse(text, strlen(text), &name), 0);
	return name;
}

static void test_compare(void **state)
{
	struct dns_name org = name_of("example.org"), root = name_of(".");
	struct dns_name www = name_of("WWW.Example.Org");
	struct dns_name other = name_of("badexample.org");

	(void)state;
	assert_true(dns_name_below(&www, &org));
	assert_true(dns_name_below(&org, &org));
	assert_true(dns_name_below(&www, &root));
	assert_true(dns_name_below(&root, &root));
	assert_false(dns_name_below(&org, &www));
	assert_false(dns_name_below(&other, &org));
	assert_false(dns_name_equal(&www, &org));
	dns_name_lower(&www);
	other = name_of("www.example.org");
	assert_true(dns_name_equal(&www, &other));
	assert_memory_equal(www.wire, other.wire, other.len);
}

/* Names in a message; offsets are into `message`. */
#define MESSAGE                                                 \
	"\0\0\0\0\0\0\0\0\0\0\0\0" /* 0: as long as a header */ \
	"\1a\4test\0" /* 12 */                                  \
	"\1b\xc0\x0e" /* 20: b.test */                          \
	"\xc0\x14" /* 24: b.test, by two pointers */            \
	"\xc0\x1a" /* 26: itself */                             \
	"\1c\xc0\x20" /* 28: forward */                         \
	"\1d\xc0\x20" /* 32: itself, by a label */              \
	"\x40x" /* 36: a label of no kind that there is */      \
	"\x3f" /* 38: longer than what is left */

static const struct {
	const char *claim;
	size_t at;
	const char *name; /* NULL: refused */
	size_t behind;
} reads[] = {
	{ "a name in full", 12, "a.test", 20 },
	{ "a pointer back", 20, "b.test", 24 },
	{ "two", 24, "b.test", 26 },
	{ "a pointer to itself", 26, NULL, 0 },
	{ "a pointer forward", 28, NULL, 0 },
	{ "a loop", 32, NULL, 0 },
	{ "an unknown label", 36, NULL, 0 },
	{ "a label that is cut off", 38, NULL, 0 },
	{ "the end", 39, NULL, 0 },
};

static void test_read(void **state)
{
	static const uint8_t message[] = MESSAGE;

	(void)state;
	for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++) {
		char buf[DNS_NAME_TEXT_SIZE];
		struct dns_name name;
		size_t at = reads[i].at;
		int read =
			dns_name_read(message, sizeof(message) - 1, &at, &name);

		if ((read == 0) != (reads[i].name != NULL))
			fail_msg("%s", reads[i].claim);
		if (read < 0) {
			assert_int_equal(at, reads[i].at);
			continue;
		}
		dns_name_format(&name, buf);
		assert_string_equal(buf, reads[i].name);
		assert_int_equal(at, reads[i].behind);
	}
}

/* Pointers that make a name longer than 255 bytes. */
static void test_read_long(void **state)
{
	uint8_t message[1024] = { 0 };
	struct dns_name name;
	size_t at = 1, last = 0;

	(void)state;
	for (int i = 0; i < 5; i++) {
		size_t begin = at;

		message[at++] = 63;
		at += 63;
		message[at++] = (uint8_t)(0xc0 | last >> 8);
		message[at++] = (uint8_t)last;
		last = begin;
	}
	assert_int_equal(dns_name_read(message, at, &last, &name), -1);
	last -= 66; /* one label less */
	assert_int_equal(dns_name_read(message, at, &last, &name), -1);
	last -= 66;
	assert_int_equal(dns_name_read(message, at, &last, &name), 0);
	assert_int_equal(name.len, 3 * 64 + 1);
}

static void test_reverse(void **state)
{
	char buf[DNS_REVERSE_SIZE];
	struct ip ip;

	(void)state;
	assert_int_equal(ip_parse("192.0.2.99", 10, &ip), 0);
	assert_string_equal(dns_name_reverse(&ip, buf),
			    "99.2.0.192.in-addr.arpa");
	assert_int_equal(ip_parse("2001:db8::1", 11, &ip), 0);
	assert_string_equal(dns_name_reverse(&ip, buf),
			    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
			    "8.b.d.0.1.0.0.2.ip6.arpa");
	ip = (struct ip){ 0 };
	assert_string_equal(dns_name_reverse(&ip, buf), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_compare),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_read_long),
		cmocka_unit_test(test_reverse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
