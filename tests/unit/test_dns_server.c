/*
 * test_dns_server.c - which servers are asked.
 */
#include "lists/dns_server.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

/* Written with a comma between; or the error. */
static const struct {
	const char *text, *servers, *error;
} rows[] = {
	{ "127.0.0.1:5353, [::1]:53", "127.0.0.1:5353,[::1]:53", NULL },
	{ "192.0.2.1", "192.0.2.1:53", NULL },
	{ "2001:db8::1 [2001:db8::2]", "[2001:db8::1]:53,[2001:db8::2]:53",
	  NULL },
	{ " ,192.0.2.1,, ", "192.0.2.1:53", NULL },
	{ "", NULL, "no DNS server given" },
	{ "ns.example.org", NULL, "\"ns.example.org\" is no address" },
	{ "192.0.2.1:", NULL, "\"192.0.2.1:\" is no address" },
	{ "192.0.2.1:0", NULL, "is no address" },
	{ "192.0.2.1:65536", NULL, "is no address" },
	{ "192.0.2.1:53x", NULL, "is no address" },
	{ "[::1", NULL, "is no address" },
	{ "[::1]53", NULL, "is no address" },
	{ "[::1]:", NULL, "is no address" },
	{ "[]:53", NULL, "is no address" },
	{ "::1 ::1 ::1 ::1 ::1 ::1 ::1 ::1 ::1", NULL, "more than 8" },
};

static void test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dns_server list[DNS_SERVERS_MAX];
		char error[DNS_SERVER_ERROR_SIZE] = "", all[256] = "";
		int count = dns_servers_parse(rows[i].text, list, error);

		for (int n = 0; n < count; n++) {
			char buf[DNS_SERVER_TEXT_SIZE];

			strcat(all, n > 0 ? "," : "");
			strcat(all, dns_server_format(&list[n], buf));
		}
		if (rows[i].servers)
			assert_string_equal(all, rows[i].servers);
		else if (count != -1 || !strstr(error, rows[i].error))
			fail_msg("\"%s\": %d, %s", rows[i].text, count, error);
	}
}

static void test_system(void **state)
{
	static const char text[] = "# nameserver 192.0.2.9\n"
				   "search example.org\n"
				   "options ndots:5 timeout:30\n"
				   "nameserver 192.0.2.1\n"
				   "nameserver\t2001:db8::1 # comment\r\n"
				   "nameserver fe80::1%eth0\n"
				   "nameserver nonsense\n"
				   "nameserver 192.0.2.2";
	char path[] = "/tmp/test_dns_server.XXXXXX", buf[DNS_SERVER_TEXT_SIZE];
	struct dns_server list[DNS_SERVERS_MAX];
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	close(fd);
	assert_int_equal(dns_servers_system(path, list), 3);
	unlink(path);
	assert_string_equal(dns_server_format(&list[0], buf), "192.0.2.1:53");
	assert_string_equal(dns_server_format(&list[1], buf),
			    "[2001:db8::1]:53");
	assert_string_equal(dns_server_format(&list[2], buf), "192.0.2.2:53");

	assert_int_equal(dns_servers_system(path, list), 1);
	assert_string_equal(dns_server_format(&list[0], buf), "127.0.0.1:53");
}

static void test_loopback(void **state)
{
	struct dns_server list[DNS_SERVERS_MAX];
	char error[DNS_SERVER_ERROR_SIZE];

	(void)state;
	assert_int_equal(dns_servers_parse("127.0.0.53 ::1 192.0.2.1 10.0.0.1",
					   list, error),
			 4);
	assert_true(dns_server_is_loopback(&list[0]));
	assert_true(dns_server_is_loopback(&list[1]));
	assert_false(dns_server_is_loopback(&list[2]));
	assert_false(dns_server_is_loopback(&list[3]));
}

static void test_bind(void **state)
{
	static const struct {
		const char *text, *ip4, *ip6;
		bool good;
	} cases[] = {
		{ "", "", "", true },
		{ "192.0.2.1", "192.0.2.1", "", true },
		{ "2001:db8::1, 192.0.2.1", "192.0.2.1", "2001:db8::1", true },
		{ "192.0.2.1, 192.0.2.2", NULL, NULL, false },
		{ "192.0.2.1:53", NULL, NULL, false },
		{ "eth0", NULL, NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char error[DNS_SERVER_ERROR_SIZE], buf[IP_TEXT_SIZE];
		struct ip ip4, ip6;
		int got = dns_bind_parse(cases[i].text, &ip4, &ip6, error);

		assert_int_equal(got, cases[i].good ? 0 : -1);
		if (!cases[i].good) {
			assert_non_null(strstr(error, "cannot be bound to"));
			continue;
		}
		assert_string_equal(ip_format(&ip4, buf, sizeof(buf)),
				    cases[i].ip4);
		assert_string_equal(ip_format(&ip6, buf, sizeof(buf)),
				    cases[i].ip6);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_system),
		cmocka_unit_test(test_loopback),
		cmocka_unit_test(test_bind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
