/*
 * test_dns_breaker.c - stop asking when nobody answers.
 */
#include "lists/dns_breaker.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <cmocka.h>

/* A story: so many answers of a kind, then what the last of them changed. */
static const struct {
	const char *claim;
	enum dns_status status;
	unsigned times;
	uint64_t now;
	enum dns_breaker_event event;
	bool open;
} story[] = {
	{ "nine failures are nothing", DNS_TIMEOUT, 9, 1000, DNS_BREAKER_STAYS,
	  false },
	{ "ten are suspicious", DNS_SERVFAIL, 1, 1000, DNS_BREAKER_SUSPECTS,
	  false },
	{ "a name that is not there shows that all is well", DNS_NXDOMAIN, 1,
	  1000, DNS_BREAKER_STAYS, false },
	{ "so counting begins anew", DNS_TIMEOUT, 14, 1000, DNS_BREAKER_STAYS,
	  false },
	{ "fifteen are suspicious again", DNS_REFUSED, 1, 1000,
	  DNS_BREAKER_SUSPECTS, false },
	{ "what we do not understand says nothing", DNS_GARBLED, 100, 1000,
	  DNS_BREAKER_STAYS, false },
	{ "nor what is too large", DNS_TOO_LARGE, 100, 1000, DNS_BREAKER_STAYS,
	  false },
	{ "nineteen are not enough", DNS_UNREACHABLE, 4, 1000,
	  DNS_BREAKER_STAYS, false },
	{ "twenty are", DNS_TIMEOUT, 1, 1000, DNS_BREAKER_OPENED, true },
	{ "more do not open it again", DNS_TIMEOUT, 50, 1000, DNS_BREAKER_STAYS,
	  true },
	{ "one success closes it", DNS_NODATA, 1, 9000, DNS_BREAKER_CLOSED,
	  false },
	{ "and it takes twenty again", DNS_TIMEOUT, 19, 9000, DNS_BREAKER_STAYS,
	  false },
	{ "to open it", DNS_TIMEOUT, 1, 9000, DNS_BREAKER_OPENED, true },
};

static void test_story(void **state)
{
	struct dns_breaker breaker = { .limit = 20, .probe_ms = 5000 };

	(void)state;
	for (size_t i = 0; i < sizeof(story) / sizeof(story[0]); i++) {
		enum dns_breaker_event event = DNS_BREAKER_STAYS;

		for (unsigned n = 0; n < story[i].times; n++)
			event = dns_breaker_note(&breaker, story[i].status,
						 story[i].now);
		if (event != story[i].event || breaker.open != story[i].open)
			fail_msg("%s", story[i].claim);
	}
	assert_int_equal(breaker.opened, 2);
}

static void test_probes(void **state)
{
	struct dns_breaker breaker = { .limit = 1, .probe_ms = 5000 };

	(void)state;
	assert_false(dns_breaker_wants_probe(&breaker, 1000));
	dns_breaker_note(&breaker, DNS_TIMEOUT, 1000);
	assert_false(dns_breaker_wants_probe(&breaker, 5999));
	assert_true(dns_breaker_wants_probe(&breaker, 6000));
	assert_false(dns_breaker_wants_probe(&breaker, 6001));
	assert_true(dns_breaker_wants_probe(&breaker, 30000));
	assert_false(dns_breaker_wants_probe(&breaker, 34999));
	dns_breaker_note(&breaker, DNS_FOUND, 34999);
	assert_false(dns_breaker_wants_probe(&breaker, 99000));
}

static void test_never(void **state)
{
	struct dns_breaker breaker = { .probe_ms = 5000 };

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(dns_breaker_note(&breaker, DNS_TIMEOUT, 0),
				 DNS_BREAKER_STAYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_story),
		cmocka_unit_test(test_probes),
		cmocka_unit_test(test_never),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
