/*
 * test_dns_zonefile.c - a file of names and records.
 */
#include "lists/dns_zonefile.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static struct dns_answer *ask(const struct dns_zone *zone, const char *name,
			      enum dns_type type)
{
	struct dns_question question = { .type = type };
	unsigned delay_ms;

	assert_int_equal(dns_name_parse(name, strlen(name), &question.name), 0);
	return dns_zone_ask(zone, &question, 0, &delay_ms);
}

/* The first record, as one writes it. */
static const char *show(const struct dns_answer *answer, char *buf, size_t size)
{
	const struct dns_record *record = answer->records;
	char ip[IP_TEXT_SIZE];

	if (answer->status != DNS_FOUND)
		return dns_status_name(answer->status);
	switch (record->type) {
	case DNS_A:
	case DNS_AAAA:
		snprintf(buf, size, "%u %s", record->ttl,
			 ip_format(&record->ip, ip, sizeof(ip)));
		break;
	case DNS_MX:
		snprintf(buf, size, "%u %u %s", record->ttl, record->preference,
			 record->name);
		break;
	case DNS_TXT:
		snprintf(buf, size, "%u %zu %s", record->ttl, record->strings,
			 record->text);
		break;
	case DNS_SOA:
		snprintf(buf, size, "%u %s %s %u %u", record->ttl, record->name,
			 record->mailbox, record->serial, record->minimum);
		break;
	default: snprintf(buf, size, "%u %s", record->ttl, record->name);
	}
	return buf;
}

static const struct {
	const char *text, *name;
	enum dns_type type;
	const char *shown;
} good[] = {
	{ "a A 192.0.2.1", "a", DNS_A, "300 192.0.2.1" },
	{ "a 60 IN A 192.0.2.1\n", "a", DNS_A, "60 192.0.2.1" },
	{ "a IN 1h30m A 192.0.2.1\n", "a", DNS_A, "5400 192.0.2.1" },
	{ "a in a 192.0.2.1\r\n", "a", DNS_A, "300 192.0.2.1" },
	{ "$TTL 1d\na A 192.0.2.1", "a", DNS_A, "86400 192.0.2.1" },
	{ "a AAAA ::ffff:192.0.2.1", "a", DNS_AAAA, "300 192.0.2.1" },
	{ "$ORIGIN b.c.\na A 192.0.2.1", "a.b.c", DNS_A, "300 192.0.2.1" },
	{ "$ORIGIN c.\n$ORIGIN b\n@ A 192.0.2.1", "b.c", DNS_A,
	  "300 192.0.2.1" },
	{ "$ORIGIN b.c.\na. A 192.0.2.1", "a", DNS_A, "300 192.0.2.1" },
	{ "a TXT x\n\n; nothing\n  A 192.0.2.1", "a", DNS_A, "300 192.0.2.1" },
	{ "$ORIGIN z.\na MX 10 b", "a.z", DNS_MX, "300 10 b.z" },
	{ "a MX 0 .", "a", DNS_MX, "300 0 ." },
	{ "a NS b", "a", DNS_NS, "300 b" },
	{ "1.2.0.192.in-addr.arpa PTR Host.Example.", "1.2.0.192.in-addr.arpa",
	  DNS_PTR, "300 Host.Example" },
	{ "a CNAME b", "a", DNS_CNAME, "300 b" },
	{ "a SOA ns mail 7 1h 15m 1w 1m", "a", DNS_SOA, "300 ns mail 7 60" },
	{ "a SOA ( ns ; the server\n mail 7 (\n", "a", DNS_SOA, NULL },
	{ "a SOA ns mail ( ; begins\n 7 1h ; more\n\n 15m\n1w 1m )\nb A "
	  "192.0.2.1",
	  "b", DNS_A, "300 192.0.2.1" },
	{ "a TXT plain \"with space\" \"\" ; comment", "a", DNS_TXT,
	  "300 3 plainwith space" },
	{ "a TXT \"a;b(c)\" \"\\\"q\\\"\" \\065\\066", "a", DNS_TXT,
	  "300 3 a;b(c)\"q\"AB" },
	{ "a TXT \"x\"\"y\"z", "a", DNS_TXT, "300 3 xyz" },
	{ "a\\.b A 192.0.2.1", "a\\.b", DNS_A, "300 192.0.2.1" },
	{ "a\\032b A 192.0.2.1", "a\\032b", DNS_A, "300 192.0.2.1" },
	{ "servfail A 192.0.2.1", "servfail", DNS_A, "300 192.0.2.1" },
	{ "a servfail", "a", DNS_A, "servfail" },
	{ "a IN 60 TIMEOUT 2s A MX", "a", DNS_A, "timeout" },
	{ "a IN 60 TIMEOUT 2s A MX", "a", DNS_TXT, "nodata" },
	{ "a TIMEOUT A MX", "a", DNS_MX, "timeout" },
	{ "a NODATA MX\na A 192.0.2.1", "a", DNS_A, "300 192.0.2.1" },
};

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		char error[DNS_ZONEFILE_ERROR_SIZE] = "", buf[300];
		struct dns_zone *zone =
			dns_zonefile_parse("f", good[i].text,
					   strlen(good[i].text), error);
		struct dns_answer *answer;

		if ((zone != NULL) != (good[i].shown != NULL))
			fail_msg("\"%s\": %s", good[i].text, error);
		if (!zone)
			continue;
		answer = ask(zone, good[i].name, good[i].type);
		assert_string_equal(show(answer, buf, sizeof(buf)),
				    good[i].shown);
		dns_answer_unref(answer);
		dns_zone_free(zone);
	}
}

#define X64 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static const struct {
	const char *text, *error;
} bad[] = {
	{ "a", "f:1:2: a type is missing here" },
	{ "\na A\n", "f:2:4: an address is missing here" },
	{ "a A 192.0.2.256", "f:1:5: \"192.0.2.256\" is no IPv4 address" },
	{ "a A ::1", "f:1:5: \"::1\" is no IPv4 address" },
	{ "a AAAA 192.0.2.1", "f:1:8: \"192.0.2.1\" is no IPv6 address" },
	{ "a A 192.0.2.1 x", "f:1:15: \"x\" is more than belongs here" },
	{ " A 192.0.2.1", "f:1:2: no name stands before this" },
	{ "a B c", "f:1:3: \"B\" is no type of record, nor a rule like "
		   "SERVFAIL" },
	{ "a MX mail", "f:1:6: \"mail\" is no number from 0 to 65535, as the "
		       "preference is" },
	{ "a MX 65536 mail", "f:1:6: \"65536\" is no number" },
	{ "a MX 10", "f:1:8: the exchanger's name is missing here" },
	{ "a PTR b..c", "f:1:7: \"b..c\" is no domain name" },
	{ X64 " A 192.0.2.1", "f:1:1: \"xxx" },
	{ "a TXT", "f:1:6: a string is missing here" },
	{ "a TXT \"open\n", "f:1:7: this string has no end" },
	{ "a TXT \"\\256\"", "f:1:7: \\ and digits are a byte" },
	{ "a TXT " X64 X64 X64 X64, "f:1:7: a string has at most 255 bytes" },
	{ "a TXT ( x", "f:1:7: this parenthesis is never closed" },
	{ "a TXT ) x", "f:1:7: no parenthesis is open here" },
	{ "a TXT (\n( x", "f:2:1: one parenthesis inside another" },
	{ "a SOA ns mail 1 2 3 4", "f:1:22: the TTL of \"no\" is missing" },
	{ "a SOA ns mail 1 2 3 4 x", "f:1:23: \"x\" is no time" },
	{ "a SOA ns mail 4294967296 2 3 4 5", "f:1:15: \"4294967296\"" },
	{ "a CNAME b\na A 192.0.2.1",
	  "f:2:3: a name with a CNAME can have no other records" },
	{ "a A 192.0.2.1\na CNAME b",
	  "f:2:3: a name with a CNAME can have no other records" },
	{ "$INCLUDE other",
	  "f:1:1: \"$INCLUDE\" is not known here; there are $ORIGIN, $TTL "
	  "and $DELAY" },
	{ "$TTL x", "f:1:6: \"x\" is no time like 3600 or 1h30m" },
	{ "$TTL 99999w", "f:1:6: \"99999w\" is no time" },
	{ "$TTL 1 2", "f:1:8: \"2\" is more than belongs here" },
	{ "$ORIGIN a..b", "f:1:9: \"a..b\" is no domain name" },
	{ "$ORIGIN", "f:1:8: a name is missing here" },
	{ "$DELAY 20", "f:1:8: \"20\" is no time like 200ms or 2s" },
	{ "a DELAY 2h", "f:1:9: \"2h\" is no time like 200ms or 2s" },
	{ "a DELAY 3601s", "f:1:9: \"3601s\" is no time like 200ms or 2s" },
	{ "a SERVFAIL 200ms",
	  "f:1:12: \"200ms\" is no type that SERVFAIL could be for" },
	{ "a TIMEOUT 1s 2s", "f:1:14: \"2s\" is no type that TIMEOUT" },
	{ "a A \x1b[31m", "f:1:5: \"?[31m\" is no IPv4 address" },
	{ "a TXT x\n(\n\n", "f:2:1: this parenthesis is never closed" },
};

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char error[DNS_ZONEFILE_ERROR_SIZE] = "";
		struct dns_zone *zone =
			dns_zonefile_parse("f", bad[i].text,
					   strlen(bad[i].text), error);

		if (zone ||
		    strncmp(error, bad[i].error, strlen(bad[i].error)) != 0)
			fail_msg("\"%s\": %s", bad[i].text, error);
	}
}

static void test_long_name(void **state)
{
	char error[DNS_ZONEFILE_ERROR_SIZE] = "";
	char line[600];

	(void)state;
	snprintf(line, sizeof(line),
		 "$ORIGIN %.63s.%.63s.%.63s.%.59s.\n"
		 "a A 192.0.2.1\nab A 192.0.2.1\n",
		 X64, X64, X64, X64);
	assert_null(dns_zonefile_parse("f", line, strlen(line), error));
	assert_string_equal(error,
			    "f:3:1: \"ab\" is longer than 255 bytes with "
			    "its origin");
}

static void test_file(void **state)
{
	char path[] = "/tmp/test_dns_zonefile.XXXXXX";
	char error[DNS_ZONEFILE_ERROR_SIZE], begin[64];
	int fd = mkstemp(path);
	struct dns_zone *zone;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "a A 192.0.2.1\nb A x\n", 20), 20);
	assert_null(dns_zonefile_load(path, error));
	snprintf(begin, sizeof(begin), "%s:2:5: \"x\"", path);
	assert_memory_equal(error, begin, strlen(begin));
	assert_int_equal(ftruncate(fd, 14), 0);
	zone = dns_zonefile_load(path, error);
	assert_non_null(zone);
	dns_zone_free(zone);
	close(fd);
	unlink(path);
	assert_null(dns_zonefile_load(path, error));
	assert_non_null(strstr(error, path));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_long_name),
		cmocka_unit_test(test_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
