/*
 * test_dynamic.c - names of customers, and names of servers.
 */
#include "filter/checks/asking.h"

#include <stdarg.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

static const struct {
	const char *ip, *name;
	bool dynamic;
} rows[] = {
	/* the address in figures */
	{ "203.0.113.45", "203-0-113-45.isp.example", true },
	{ "203.0.113.45", "203.0.113.45.isp.example", true },
	{ "203.0.113.45", "203_0_113_45.isp.example", true },
	{ "203.0.113.45", "45.113.0.203.isp.example", true },
	{ "203.0.113.45", "45-113-0-203.isp.example", true },
	{ "203.0.113.45", "host-203-0-113-45.isp.example", true },
	{ "203.0.113.45", "host45-113-0-203.range.isp.co.uk", true },
	{ "203.0.113.45", "ip203x0x113x45.isp.example", true },
	{ "203.0.113.45", "c-203-0-113-45.hsd1.xx.isp.example", true },
	{ "203.0.113.45", "203-000-113-045.isp.example", true },
	{ "203.0.113.45", "045.113.000.203.isp.example", true },
	{ "192.0.2.1", "192000002001.isp.example", true },
	{ "192.0.2.1", "ppp001002000192.isp.example", true },
	{ "203.0.113.45", "p203011345.isp.example", true },
	{ "203.0.113.45", "451130203.isp.example", true },
	{ "203.0.113.45", "0-113-45.isp.example", true },
	{ "203.0.113.45", "45.113.0.net.isp.example", true },
	{ "203.0.113.45", "113-45.203-0.isp.example", true },
	{ "203.0.113.45", "45-113.b203-0.isp.example", true },
	{ "203.0.113.45", "host45.203-0-113.isp.example", true },
	{ "203.0.113.45", "H-203-0-113-45.ISP.Example", true },
	{ "203.0.113.45", "45.113.0.203.in-addr.arpa", true },
	{ "203.0.113.45", "203-0-113-45.example", true },
	/* ... in hex */
	{ "203.0.113.45", "pcb00712d.isp.example", true },
	{ "203.0.113.45", "ipcb00712d.kabel.isp.example", true },
	{ "203.0.113.45", "CB00712D.isp.example", true },
	{ "203.0.113.45", "2d7100cb.isp.example", true },
	{ "203.0.113.45", "cb-00-71-2d.isp.example", true },
	/* ... of IPv6 */
	{ "2001:db8:1:2:aaaa:bbbb:cccc:dddd",
	  "2001-db8-1-2-aaaa-bbbb-cccc-dddd.isp.example", true },
	{ "2001:db8:1:2:aaaa:bbbb:cccc:dddd",
	  "20010db800010002aaaabbbbccccdddd.isp.example", true },
	{ "2001:db8:1:2:aaaa:bbbb:cccc:dddd",
	  "aaaa-bbbb-cccc-dddd.net6.isp.example", true },
	{ "2001:db8:1:2:aaaa:bbbb:cccc:dddd",
	  "2001-0db8-0001-0002.v6.isp.example", true },
	{ "2001:db8:1:2:aaaa:bbbb:cccc:dddd",
	  "d.d.d.d.c.c.c.c.b.b.b.b.a.a.a.a.v6.isp.example", true },
	{ "2001:db8::1", "2001-db8--1.isp.example", true },
	{ "2001:db8::1", "2001-db8-0-0-0-0-0-1.isp.example", true },
	{ "2001:db8::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.isp.example", true },
	{ "2001:db8::1", "2001-db8--12.isp.example", false },
	{ "2001:db8::1", "db8.isp.example", false },
	/* words */
	{ "203.0.113.45", "dyn-77.isp.example", true },
	{ "203.0.113.45", "dynamic.isp.example", true },
	{ "203.0.113.45", "a.dynamicip.isp.example", true },
	{ "203.0.113.45", "dhcp17.campus.isp.example", true },
	{ "203.0.113.45", "ppp-9.isp.example", true },
	{ "203.0.113.45", "x.dialup.isp.example", true },
	{ "203.0.113.45", "x.dialup4.isp.com.au", true },
	{ "203.0.113.45", "pool-7.isp.example", true },
	{ "203.0.113.45", "adsl2-99.isp.example", true },
	{ "203.0.113.45", "cable-12.isp.example", true },
	{ "203.0.113.45", "u1234.ftth.isp.example", true },
	{ "203.0.113.45", "cust-1234.isp.example", true },
	{ "203.0.113.45", "client77.isp.example", true },
	{ "203.0.113.45", "cpe-aa11bb.res.isp.example", true },
	{ "203.0.113.45", "m1.mobile.isp.example", true },
	{ "203.0.113.45", "dyn.isp.example", true },
	/* servers */
	{ "203.0.113.45", "mail.a.example", false },
	{ "203.0.113.45", "mx1.a.example", false },
	{ "203.0.113.45", "mx-out-7.pool.a.example", false },
	{ "203.0.113.45", "smtp-203-0-113-45.a.example", false },
	{ "203.0.113.45", "o45.outbound.a.example", false },
	{ "203.0.113.45", "mail-203-0-113-45.a.example", false },
	{ "203.0.113.45", "mta45.203-0-113.a.example", false },
	{ "203.0.113.45", "relay2.dsl.isp.example", false },
	{ "203.0.113.45", "mail.dyn.isp.example", false },
	{ "203.0.113.45", "static-203-0-113-45.isp.example", false },
	{ "203.0.113.45", "203-0-113-45.static.isp.example", false },
	{ "203.0.113.45", "static-ip-45.adsl.isp.example", false },
	{ "203.0.113.45", "vps-203-0-113-45.host.example", false },
	{ "203.0.113.45", "ec2-203-0-113-45.eu.compute.example", false },
	{ "203.0.113.45", "203-0-113-45.cloud.host.example", false },
	{ "203.0.113.45", "srv45.203-0-113.host.example", false },
	{ "203.0.113.45", "mail.cable.example", false },
	{ "203.0.113.45", "gw.broadband.example", false },
	{ "203.0.113.45", "mx.dynamic.co.uk", false },
	{ "203.0.113.45", "acme.customer.isp.example", false },
	{ "203.0.113.45", "office.dsl.isp.example", false },
	{ "203.0.113.45", "a.example", false },
	{ "203.0.113.45", "acme.example", false },
	{ "203.0.113.45", "host45.a.example", false },
	{ "203.0.113.45", "ns1.a.example", false },
	/* ... but not where a word for a changing address stands before */
	{ "203.0.113.45", "203-0-113-45.dynamic.cloud.isp.example", true },
	/* like it, but it is not */
	{ "203.0.113.45", "203-0-113-46.a.example", false },
	{ "203.0.113.45", "203-0-11-45.a.example", false },
	{ "203.0.113.45", "203-0-113-456.a.example", false },
	{ "203.0.113.45", "203-0.a.example", false },
	{ "203.0.113.45", "113-45.a.example", false },
	{ "203.0.113.45", "cb00712e.a.example", false },
	{ "10.0.0.1", "10001.a.example", false },
	{ "203.0.113.45", "dynamo.a.example", false },
	{ "203.0.113.45", "cushion7.a.example", false },
	{ "203.0.113.45", "forest-res.a.example", false },
	/* an address nobody knows */
	{ "", "203-0-113-45.isp.example", false },
	{ "", "dyn-203-0-113-45.isp.example", true },
	/* hardly names */
	{ "203.0.113.45", "", false },
	{ "203.0.113.45", ".", false },
	{ "203.0.113.45", "dyn", false },
	{ "203.0.113.45", "...", false },
	{ "203.0.113.45", "\\032dyn\\000.isp.example", true },
	{ "203.0.113.45", "203\\.0\\.113\\.45.isp.example", false },
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ip ip = { 0 };

		if (rows[i].ip[0] != '\0')
			assert_int_equal(ip_parse(rows[i].ip,
						  strlen(rows[i].ip), &ip),
					 0);
		if (name_is_dynamic(rows[i].name, &ip) != rows[i].dynamic)
			fail_msg("%s of %s is %sdynamic", rows[i].name,
				 rows[i].ip, rows[i].dynamic ? "not " : "");
	}
}

/* Longer than any name is none, and as long as one can be is no harm. */
static void test_length(void **state)
{
	struct ip ip = { .family = 4, .bytes = { 111, 111, 111, 111 } };
	char name[2048];

	(void)state;
	for (size_t len = 0; len < sizeof(name); len++) {
		memset(name, '1', len);
		name[len] = '\0';
		assert_int_equal(name_is_dynamic(name, &ip), len == 12);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
