/*
 * dns_breaker.c - stop asking when nobody answers.
 */
#include "lists/dns_breaker.h"

static bool is_failure(enum dns_status status)
{
	return status == DNS_TIMEOUT || status == DNS_UNREACHABLE ||
	       status == DNS_SERVFAIL || status == DNS_REFUSED;
}

enum dns_breaker_event dns_breaker_note(struct dns_breaker *breaker,
					enum dns_status status, uint64_t now_ms)
{
	bool was_open = breaker->open;

	if (dns_status_is_known(status)) {
		breaker->failures = 0;
		breaker->open = false;
		return was_open ? DNS_BREAKER_CLOSED : DNS_BREAKER_STAYS;
	}
	if (was_open || breaker->limit == 0 || !is_failure(status))
		return DNS_BREAKER_STAYS;
	breaker->failures++;
	if (breaker->failures < breaker->limit)
		return breaker->failures == (breaker->limit + 1) / 2 ||
				       breaker->failures ==
					       breaker->limit * 3 / 4
			       ? DNS_BREAKER_SUSPECTS
			       : DNS_BREAKER_STAYS;
	breaker->open = true;
	breaker->opened++;
	breaker->probe_due_ms = now_ms + breaker->probe_ms;
	return DNS_BREAKER_OPENED;
}

bool dns_breaker_wants_probe(struct dns_breaker *breaker, uint64_t now_ms)
{
	if (!breaker->open || now_ms < breaker->probe_due_ms)
		return false;
	breaker->probe_due_ms = now_ms + breaker->probe_ms;
	return true;
}
