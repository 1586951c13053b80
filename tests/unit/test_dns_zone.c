/*
 * test_dns_zone.c - names and records that stand in for the network.
 */
#include "lists/dns_zone.h"

#include "lists/dns_zonefile.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static const char text[] =
	"$ORIGIN example.org.\n"
	"@        SOA  ns admin ( 1 1h 15m 1w 42 )\n"
	"         MX   10 mail\n"
	"mail     A    192.0.2.1\n"
	"mail     A    192.0.2.2\n"
	"mail     AAAA 2001:db8::1\n"
	"www      CNAME mail\n"
	"deep.under.here TXT \"x\"\n"
	"*.wild   A    192.0.2.3\n"
	"no.wild  TXT  \"not A\"\n"
	"gone.wild NXDOMAIN\n"
	"below.no.wild A 192.0.2.4\n"
	"*.alias  CNAME mail\n"
	"to.wild2 CNAME a.wild\n"
	"nowhere  CNAME nobody\n"
	"outside  CNAME www.elsewhere.test.\n"
	"self     CNAME self\n"
	"c0 CNAME c1\nc1 CNAME c2\nc2 CNAME c3\nc3 CNAME c4\nc4 CNAME c5\n"
	"c5 CNAME c6\nc6 CNAME c7\nc7 CNAME c8\nc8 CNAME c9\nc9 CNAME mail\n"
	"c. CNAME c0.example.org.\n"
	"broken   SERVFAIL\n"
	"half     SERVFAIL A\n"
	"half     AAAA 2001:db8::2\n"
	"most     TIMEOUT\n"
	"most     A    192.0.2.5\n"
	"quick    TIMEOUT 70ms\n"
	"refuses  REFUSED\n"
	"formerr  FORMERR\n"
	"garbled  GARBLED\n"
	"tobroken CNAME broken\n"
	"empty    NODATA\n"
	"*.down   SERVFAIL\n"
	"$ORIGIN elsewhere.test.\n"
	"www      A    192.0.2.6\n"
	"www      DELAY 200ms\n"
	"now      A 192.0.2.7\n"
	"now      DELAY 0ms\n"
	"$DELAY 20ms\n";

static const struct {
	const char *claim;
	const char *name;
	enum dns_type type;
	enum dns_status status;
	size_t count;
	uint32_t ttl;
	unsigned delay_ms;
} rows[] = {
	{ "addresses", "mail.example.org", DNS_A, DNS_FOUND, 2, 300, 20 },
	{ "in any case", "MAIL.Example.org", DNS_A, DNS_FOUND, 2, 300, 20 },
	{ "other types", "mail.example.org", DNS_AAAA, DNS_FOUND, 1, 300, 20 },
	{ "no such type, for the SOA's minimum", "mail.example.org", DNS_MX,
	  DNS_NODATA, 0, 42, 20 },
	{ "no such name", "x.example.org", DNS_A, DNS_NXDOMAIN, 0, 42, 20 },
	{ "no SOA above", "x.test", DNS_A, DNS_NXDOMAIN, 0, 60, 20 },
	{ "a CNAME is followed", "www.example.org", DNS_A, DNS_FOUND, 2, 300,
	  20 },
	{ "a name between names is there", "under.here.example.org", DNS_A,
	  DNS_NODATA, 0, 42, 20 },
	{ "a wildcard", "a.wild.example.org", DNS_A, DNS_FOUND, 1, 300, 20 },
	{ "goes deep", "a.b.c.wild.example.org", DNS_A, DNS_FOUND, 1, 300, 20 },
	{ "is not for its own parent", "wild.example.org", DNS_A, DNS_NODATA, 0,
	  42, 20 },
	{ "nor for a name that is there", "no.wild.example.org", DNS_A,
	  DNS_NODATA, 0, 42, 20 },
	{ "nor below it", "a.no.wild.example.org", DNS_A, DNS_NXDOMAIN, 0, 42,
	  20 },
	{ "nor for one that is said to be gone", "gone.wild.example.org", DNS_A,
	  DNS_NXDOMAIN, 0, 42, 20 },
	{ "can be asked for itself", "*.wild.example.org", DNS_A, DNS_FOUND, 1,
	  300, 20 },
	{ "can be a CNAME", "x.alias.example.org", DNS_A, DNS_FOUND, 2, 300,
	  20 },
	{ "can be the target", "to.wild2.example.org", DNS_A, DNS_FOUND, 1, 300,
	  20 },
	{ "has no other types", "a.wild.example.org", DNS_TXT, DNS_NODATA, 0,
	  42, 20 },
	{ "a CNAME to nothing", "nowhere.example.org", DNS_A, DNS_NXDOMAIN, 0,
	  42, 20 },
	{ "a CNAME to another zone, and its delay", "outside.example.org",
	  DNS_A, DNS_FOUND, 1, 300, 200 },
	{ "a CNAME to itself", "self.example.org", DNS_A, DNS_LOOP, 0, 0, 20 },
	{ "ten CNAMEs", "c0.example.org", DNS_A, DNS_FOUND, 2, 300, 20 },
	{ "eleven", "c", DNS_A, DNS_LOOP, 0, 0, 20 },
	{ "a server that fails", "broken.example.org", DNS_A, DNS_SERVFAIL, 0,
	  0, 20 },
	{ "behind a CNAME, too", "tobroken.example.org", DNS_A, DNS_SERVFAIL, 0,
	  0, 20 },
	{ "for one type only", "half.example.org", DNS_A, DNS_SERVFAIL, 0, 0,
	  20 },
	{ "the others are there", "half.example.org", DNS_AAAA, DNS_FOUND, 1,
	  300, 20 },
	{ "or not", "half.example.org", DNS_MX, DNS_NODATA, 0, 42, 20 },
	{ "silence", "most.example.org", DNS_TXT, DNS_TIMEOUT, 0, 0,
	  DNS_ZONE_SILENT },
	{ "but for what there is", "most.example.org", DNS_A, DNS_FOUND, 1, 300,
	  20 },
	{ "silence that ends", "quick.example.org", DNS_A, DNS_TIMEOUT, 0, 0,
	  70 },
	{ "a refusal", "refuses.example.org", DNS_A, DNS_REFUSED, 0, 0, 20 },
	{ "no understanding", "formerr.example.org", DNS_A, DNS_FORMERR, 0, 0,
	  20 },
	{ "nonsense", "garbled.example.org", DNS_A, DNS_GARBLED, 0, 0, 20 },
	{ "no data at all", "empty.example.org", DNS_A, DNS_NODATA, 0, 42, 20 },
	{ "rules of wildcards", "a.down.example.org", DNS_A, DNS_SERVFAIL, 0, 0,
	  20 },
	{ "a delay of its own", "www.elsewhere.test", DNS_A, DNS_FOUND, 1, 300,
	  200 },
	{ "and none", "now.elsewhere.test", DNS_A, DNS_FOUND, 1, 300, 0 },
};

static struct dns_zone *zone_of(const char *content)
{
	char error[DNS_ZONEFILE_ERROR_SIZE] = "";
	struct dns_zone *zone =
		dns_zonefile_parse("zone", content, strlen(content), error);

	assert_string_equal(error, "");
	assert_non_null(zone);
	return zone;
}

static struct dns_answer *ask(const struct dns_zone *zone, const char *name,
			      enum dns_type type, unsigned *delay_ms)
{
	struct dns_question question = { .type = type };

	assert_int_equal(dns_name_parse(name, strlen(name), &question.name), 0);
	dns_name_lower(&question.name);
	return dns_zone_ask(zone, &question, 5, delay_ms);
}

static void test_rows(void **state)
{
	struct dns_zone *zone = zone_of(text);

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned delay_ms;
		struct dns_answer *answer =
			ask(zone, rows[i].name, rows[i].type, &delay_ms);

		if (answer->status != rows[i].status ||
		    answer->count != rows[i].count ||
		    answer->ttl != rows[i].ttl || delay_ms != rows[i].delay_ms)
			fail_msg("%s: %s, %zu records, ttl %u, after %u ms",
				 rows[i].claim, dns_status_name(answer->status),
				 answer->count, answer->ttl, delay_ms);
		dns_answer_unref(answer);
	}
	dns_zone_free(zone);
}

static void test_canonical(void **state)
{
	struct dns_zone *zone = zone_of(text);
	unsigned delay_ms;
	struct dns_answer *answer =
		ask(zone, "c0.example.org", DNS_A, &delay_ms);

	(void)state;
	assert_string_equal(answer->canonical, "mail.example.org");
	assert_int_equal(answer->cnames, 10);
	dns_answer_unref(answer);
	dns_zone_free(zone);
}

/* A wildcard at the root is for all that has no name on its way. */
static void test_world(void **state)
{
	struct dns_zone *zone = zone_of("* TIMEOUT\na.test A 192.0.2.1\n");
	struct dns_answer *answer;
	unsigned delay_ms;

	(void)state;
	assert_int_equal(ask(zone, "example.org", DNS_A, &delay_ms)->status,
			 DNS_TIMEOUT);
	/* "test" is there, so it is the root's wildcard no longer */
	answer = ask(zone, "b.test", DNS_TXT, &delay_ms);
	assert_int_equal(answer->status, DNS_NXDOMAIN);
	dns_answer_unref(answer);
	dns_zone_free(zone);
	zone = zone_of("");
	assert_non_null(zone);
	dns_zone_free(zone);
}

/* What a server may say but the resolver does not take. */
static void test_limits(void **state)
{
	struct dns_zone *zone = dns_zone_new();
	struct dns_answer *answer;
	struct dns_name name;
	unsigned delay_ms;

	(void)state;
	assert_int_equal(dns_name_parse("many", 4, &name), 0);
	for (unsigned i = 0; i < 1000; i++) {
		uint8_t ip[4] = { 127, 0, (uint8_t)(i >> 8), (uint8_t)i };

		assert_int_equal(dns_zone_add(zone, &name, DNS_A, 60, ip, 4),
				 DNS_ZONE_ADDED);
	}
	answer = ask(zone, "many", DNS_A, &delay_ms);
	assert_int_equal(answer->status, DNS_TOO_LARGE);
	dns_zone_free(zone);
}

static void test_twice(void **state)
{
	struct dns_zone *zone = zone_of("a A 192.0.2.1\na A 192.0.2.1\n");
	unsigned delay_ms;
	struct dns_answer *answer = ask(zone, "a", DNS_A, &delay_ms);

	(void)state;
	assert_int_equal(answer->count, 1);
	dns_answer_unref(answer);
	dns_zone_free(zone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),  cmocka_unit_test(test_canonical),
		cmocka_unit_test(test_world), cmocka_unit_test(test_limits),
		cmocka_unit_test(test_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
