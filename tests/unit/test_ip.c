/*
 * test_ip.c - addresses are read strictly and written in one way.
 */
#include "lists/ip.h"

#include <netinet/in.h>
#include <stdarg.h>
#include <setjmp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static struct ip ip_of(const char *text)
{
	struct ip ip;

	if (ip_parse(text, strlen(text), &ip) < 0)
		fail_msg("%s is no address", text);
	return ip;
}

static struct ip_prefix prefix_of(const char *text)
{
	struct ip_prefix prefix;
	struct ip_error error;

	if (ip_prefix_parse(text, strlen(text), &prefix, &error) < 0)
		fail_msg("%s: %s", text, error.text);
	return prefix;
}

static void test_written(void **state)
{
	static const struct {
		const char *claim, *text, *written;
	} rows[] = {
		{ "IPv4", "192.0.2.1", "192.0.2.1" },
		{ "all zero", "0.0.0.0", "0.0.0.0" },
		{ "all one", "255.255.255.255", "255.255.255.255" },
		{ "nothing but a gap", "::", "::" },
		{ "loopback", "::1", "::1" },
		{ "gap at the end", "2001:db8::", "2001:db8::" },
		{ "upper case becomes lower", "2001:DB8::AB", "2001:db8::ab" },
		{ "leading zeros go", "2001:0db8::0001", "2001:db8::1" },
		{ "eight groups", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8" },
		{ "one zero group is no gap", "2001:db8:0:1:1:1:1:1",
		  "2001:db8:0:1:1:1:1:1" },
		{ "a gap for one group is written out", "2001:db8::1:1:1:1:1",
		  "2001:db8:0:1:1:1:1:1" },
		{ "the longer run becomes the gap", "2001:0:0:1:0:0:0:1",
		  "2001:0:0:1::1" },
		{ "the first of equal runs becomes the gap",
		  "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
		{ "gap in front", "0:0:3:4:5:6:7:8", "::3:4:5:6:7:8" },
		{ "gap for the first group", "::2:3:4:5:6:7:8",
		  "0:2:3:4:5:6:7:8" },
		{ "gap for the last group",
		  "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0" },
		{ "longest there is", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
		{ "IPv4 at the end", "64:ff9b::192.0.2.33",
		  "64:ff9b::c000:221" },
		{ "IPv4 after six groups", "1:2:3:4:5:6:1.2.3.4",
		  "1:2:3:4:5:6:102:304" },
		{ "IPv4-compatible stays IPv6", "::192.0.2.1", "::c000:201" },
		{ "mapped becomes IPv4", "::ffff:192.0.2.1", "192.0.2.1" },
		{ "mapped in hex becomes IPv4", "::ffff:c000:201",
		  "192.0.2.1" },
		{ "mapped in full becomes IPv4", "0:0:0:0:0:FFFF:192.0.2.1",
		  "192.0.2.1" },
	};
	char buf[IP_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ip ip = ip_of(rows[i].text), again;

		print_message("%s\n", rows[i].claim);
		assert_string_equal(ip_format(&ip, buf, sizeof(buf)),
				    rows[i].written);
		again = ip_of(buf);
		assert_true(ip_equal(&ip, &again));
	}
}

static void test_refused(void **state)
{
	static const char *const texts[] = {
		"",
		" 192.0.2.1",
		"192.0.2.1 ",
		"192.0.2",
		"192.0.2.1.",
		"192.0.2.1.1",
		".192.0.2.1",
		"192..2.1",
		"192.0.2.256",
		"192.0.2.1000",
		"99999999999999999999.0.2.1",
		"010.0.0.1",
		"192.0.2.00",
		"127.1",
		"2130706433",
		"0x7f.0.0.1",
		"+1.2.3.4",
		"-1.2.3.4",
		"1.2.3.4/32",
		"localhost",
		":",
		":::",
		"1::2::3",
		"::1::",
		"1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:8:9",
		"1:2:3:4:5:6:7:8::",
		"::1:2:3:4:5:6:7:8",
		":1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:",
		"12345::",
		"g::",
		"1:2:3:4:5:6:7:1.2.3.4",
		"::1.2.3",
		"::1.2.3.04",
		"::1.2.3.4:5",
		"::ffff:192.0.2.256",
		"1.2.3.4::",
		"fe80::1%eth0",
		"fe80::1%",
		"[::1]",
		"IPv6:::1",
		"::1/128",
	};
	struct ip ip = { 6, { 42 } };

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		if (ip_parse(texts[i], strlen(texts[i]), &ip) == 0)
			fail_msg("\"%s\" was read as an address", texts[i]);
		/* a failure leaves the result alone */
		assert_true(ip.family == 6 && ip.bytes[0] == 42);
	}
	/* exactly len bytes count, NUL or not */
	assert_int_equal(ip_parse("1.2.3.4\0", 8, &ip), -1);
	assert_int_equal(ip_parse("1.2.3.4567", 7, &ip), 0);
	assert_int_equal(ip.bytes[3], 4);
}

static void test_prefixes(void **state)
{
	static const struct {
		const char *claim, *text, *written;
	} rows[] = {
		{ "a network", "192.0.2.0/24", "192.0.2.0/24" },
		{ "an address is a network of one", "192.0.2.1", "192.0.2.1" },
		{ "so is one with all bits", "192.0.2.1/32", "192.0.2.1" },
		{ "everything", "0.0.0.0/0", "0.0.0.0/0" },
		{ "odd sizes", "192.0.2.254/31", "192.0.2.254/31" },
		{ "IPv6", "2001:db8::/32", "2001:db8::/32" },
		{ "IPv6 address", "::1", "::1" },
		{ "IPv6 with all bits", "::1/128", "::1" },
		{ "all of IPv6", "::/0", "::/0" },
		{ "mapped is counted from 96", "::ffff:192.0.2.0/120",
		  "192.0.2.0/24" },
		{ "all mapped is all of IPv4", "::ffff:0:0/96", "0.0.0.0/0" },
	};
	char buf[IP_PREFIX_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ip_prefix prefix = prefix_of(rows[i].text);

		print_message("%s\n", rows[i].claim);
		assert_string_equal(ip_prefix_format(&prefix, buf, sizeof(buf)),
				    rows[i].written);
	}
}

static void test_prefixes_refused(void **state)
{
	static const struct {
		const char *text, *why;
		size_t offset;
	} rows[] = {
		{ "1.2.3.4/33", "an IPv4 prefix is 0 to 32 bits", 8 },
		{ "::/129", "an IPv6 prefix is 0 to 128 bits", 3 },
		{ "192.0.2.0/", "a number is expected here", 10 },
		{ "192.0.2.0/024", "a number may not begin with a zero", 10 },
		{ "192.0.2.0/-1", "a number is expected here", 10 },
		{ "192.0.2.0/24/8", "a prefix is one number after the slash",
		  12 },
		{ "192.0.2.0/255.255.255.0", "an IPv4 prefix is 0 to 32 bits",
		  10 },
		{ "192.0.2.1/24",
		  "bits are set below the prefix; the network is 192.0.2.0/24",
		  0 },
		{ "192.0.2.1/0",
		  "bits are set below the prefix; the network is 0.0.0.0/0",
		  0 },
		{ "2001:db8::1/64",
		  "bits are set below the prefix; the network is "
		  "2001:db8::/64",
		  0 },
		{ "::ffff:192.0.2.1/120",
		  "bits are set below the prefix; the network is 192.0.2.0/24",
		  0 },
		{ "::ffff:0:0/95",
		  "IPv4-mapped addresses share 96 bits; write the network as "
		  "IPv4",
		  11 },
		{ "010.0.0.1", "a number may not begin with a zero", 0 },
		{ "10.0.0.01", "a number may not begin with a zero", 7 },
		{ "10.0.0.256", "a number is larger than 255", 7 },
		{ "10.0.0", "an IPv4 address has four numbers", 6 },
		{ "10.0.0.0.0", "an IPv4 address has four numbers", 8 },
		{ "10.0.0.0x", "unexpected character in an IPv4 address", 8 },
		{ "fe80::1%eth0", "an address here has no zone", 7 },
		{ "fe80::1%eth0/64", "an address here has no zone", 7 },
		{ "::1::2", "'::' may stand only once", 3 },
		{ "::12345", "more than four hex digits in a group", 6 },
		{ "1:2:3:4:5:6:7", "an IPv6 address has eight groups", 13 },
		{ "1:2:3:4:5:6:7:8:9", "more than eight groups", 16 },
		{ "1:2:3:4:5:6:7:", "a colon at the end", 13 },
		{ "[::1]", "an address here has no brackets", 0 },
		{ "", "an address is expected here", 0 },
		{ "/24", "an address is expected here", 0 },
	};
	struct ip_prefix prefix;
	struct ip_error error;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		print_message("%s\n", rows[i].text);
		assert_int_equal(ip_prefix_parse(rows[i].text,
						 strlen(rows[i].text), &prefix,
						 &error),
				 -1);
		assert_string_equal(error.text, rows[i].why);
		assert_int_equal(error.offset, rows[i].offset);
	}
	assert_int_equal(ip_prefix_parse("1.2.3.4/33", 10, &prefix, NULL), -1);
	assert_int_equal(ip_prefix_parse("1.2.3.4/24", 10, &prefix, NULL), -1);
}

static void test_in_prefix(void **state)
{
	static const struct {
		const char *ip, *prefix;
		bool in;
	} rows[] = {
		{ "192.0.2.1", "192.0.2.0/24", true },
		{ "192.0.3.0", "192.0.2.0/24", false },
		{ "192.0.1.255", "192.0.2.0/24", false },
		{ "192.0.2.127", "192.0.2.0/25", true },
		{ "192.0.2.128", "192.0.2.0/25", false },
		{ "192.0.2.1", "192.0.2.1", true },
		{ "192.0.2.0", "192.0.2.1", false },
		{ "255.255.255.255", "0.0.0.0/0", true },
		{ "::ffff:192.0.2.1", "192.0.2.0/24", true },
		{ "192.0.2.1", "::ffff:192.0.2.0/120", true },
		{ "192.0.2.1", "::/0", false },
		{ "::1", "0.0.0.0/0", false },
		{ "2001:db8:ffff::", "2001:db8::/32", true },
		{ "2001:db9::", "2001:db8::/32", false },
		{ "2001:db8::8000:0:0:0", "2001:db8::/65", false },
		{ "2001:db8::7fff:0:0:0", "2001:db8::/65", true },
	};
	static const struct ip none;
	struct ip_prefix prefix = prefix_of("0.0.0.0/0");

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ip ip = ip_of(rows[i].ip);
		struct ip_prefix in = prefix_of(rows[i].prefix);

		print_message("%s in %s\n", rows[i].ip, rows[i].prefix);
		assert_int_equal(ip_in_prefix(&ip, &in), rows[i].in);
	}
	assert_false(ip_in_prefix(&none, &prefix));
	prefix.ip.family = 0;
	assert_false(ip_in_prefix(&none, &prefix));
	assert_true(ip_equal(&none, &none));
}

static void test_order(void **state)
{
	static const char *const sorted[] = { "0.0.0.0",  "10.0.0.1",
					      "10.0.1.0", "255.255.255.255",
					      "::",	  "::1",
					      "2001::",	  "ff00::" };
	static const struct ip none;

	(void)state;
	for (size_t i = 0; i < COUNT(sorted); i++) {
		struct ip a = ip_of(sorted[i]);

		assert_true(ip_compare(&none, &a) < 0);
		for (size_t j = 0; j < COUNT(sorted); j++) {
			struct ip b = ip_of(sorted[j]);
			int order = ip_compare(&a, &b);

			assert_int_equal((order > 0) - (order < 0),
					 (i > j) - (i < j));
			assert_int_equal(ip_equal(&a, &b), i == j);
		}
	}
}

static void test_mask(void **state)
{
	static const struct {
		const char *ip;
		unsigned bits;
		const char *masked;
	} rows[] = {
		{ "192.0.2.255", 24, "192.0.2.0" },
		{ "192.0.2.255", 25, "192.0.2.128" },
		{ "192.0.2.255", 0, "0.0.0.0" },
		{ "192.0.2.255", 32, "192.0.2.255" },
		{ "192.0.2.255", 99, "192.0.2.255" },
		{ "2001:db8:1:2:3:4:5:6", 64, "2001:db8:1:2::" },
		{ "2001:db8:1:2:3:4:5:6", 128, "2001:db8:1:2:3:4:5:6" },
		{ "ffff::", 1, "8000::" },
	};
	char buf[IP_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ip ip = ip_of(rows[i].ip);

		ip = ip_mask(&ip, rows[i].bits);
		assert_string_equal(ip_format(&ip, buf, sizeof(buf)),
				    rows[i].masked);
	}
}

static void test_reversed(void **state)
{
	struct ip v4 = ip_of("192.0.2.1"), v6 = ip_of("2001:db8::567:89ab");
	static const struct ip none;
	char buf[IP_REVERSED_SIZE];

	(void)state;
	assert_string_equal(ip_reversed(&v4, buf, sizeof(buf)), "1.2.0.192");
	/* the example of RFC 3596 section 2.5 in style */
	assert_string_equal(ip_reversed(&v6, buf, sizeof(buf)),
			    "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0."
			    "0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2");
	assert_string_equal(ip_reversed(&none, buf, sizeof(buf)), "");
	assert_string_equal(ip_reversed(&v4, buf, sizeof(buf) - 1), "");
	assert_string_equal(ip_format(&none, buf, sizeof(buf)), "");
	assert_string_equal(ip_format(&v4, buf, IP_TEXT_SIZE - 1), "");
	buf[0] = 'x';
	ip_format(&v4, buf, 0);
	ip_reversed(&v4, buf, 0);
	assert_int_equal(buf[0], 'x');
}

static void test_sockaddr(void **state)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(0xc0000201) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct ip ip, wanted = ip_of("192.0.2.1");

	(void)state;
	assert_int_equal(ip_from_sockaddr((struct sockaddr *)&in, &ip), 0);
	assert_true(ip_equal(&ip, &wanted));

	in6.sin6_addr.s6_addr[15] = 1;
	wanted = ip_of("::1");
	assert_int_equal(ip_from_sockaddr((struct sockaddr *)&in6, &ip), 0);
	assert_true(ip_equal(&ip, &wanted));

	/* what a dual-stack socket hands out */
	memcpy(in6.sin6_addr.s6_addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\1",
	       16);
	wanted = ip_of("192.0.2.1");
	assert_int_equal(ip_from_sockaddr((struct sockaddr *)&in6, &ip), 0);
	assert_true(ip_equal(&ip, &wanted));

	assert_int_equal(ip_from_sockaddr((struct sockaddr *)&un, &ip), -1);
	assert_int_equal(ip.family, 0);
	assert_int_equal(ip_from_sockaddr(NULL, &ip), -1);
}

static void test_places(void **state)
{
	static const struct {
		const char *ip;
		bool loopback, private;
	} rows[] = {
		{ "127.0.0.1", true, false },
		{ "127.255.0.1", true, false },
		{ "128.0.0.1", false, false },
		{ "::1", true, false },
		{ "::2", false, false },
		{ "::ffff:127.0.0.1", true, false },
		{ "10.1.2.3", false, true },
		{ "11.0.0.0", false, false },
		{ "172.16.0.1", false, true },
		{ "172.31.255.255", false, true },
		{ "172.32.0.0", false, false },
		{ "192.168.255.255", false, true },
		{ "192.169.0.0", false, false },
		{ "100.64.0.1", false, true },
		{ "100.128.0.0", false, false },
		{ "169.254.1.1", false, true },
		{ "fc00::1", false, true },
		{ "fdff::", false, true },
		{ "fe00::", false, false },
		{ "fe80::1", false, true },
		{ "febf::", false, true },
		{ "fec0::", false, false },
		{ "2001:db8::1", false, false },
	};
	static const struct ip none;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ip ip = ip_of(rows[i].ip);

		print_message("%s\n", rows[i].ip);
		assert_int_equal(ip_is_loopback(&ip), rows[i].loopback);
		assert_int_equal(ip_is_private(&ip), rows[i].private);
	}
	assert_false(ip_is_loopback(&none));
	assert_false(ip_is_private(&none));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_written),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_prefixes_refused),
		cmocka_unit_test(test_in_prefix),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_mask),
		cmocka_unit_test(test_reversed),
		cmocka_unit_test(test_sockaddr),
		cmocka_unit_test(test_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
