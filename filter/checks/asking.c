/*
 * asking.c - why an answer of DNS is no knowledge.
 */
#include "filter/checks/asking.h"

enum fact_cause asking_cause(const struct dns_answer *answer)
{
	if (answer == NULL)
		return CAUSE_TIMEOUT;
	switch (answer->status) {
	case DNS_FOUND:
	case DNS_NXDOMAIN:
	case DNS_NODATA: return CAUSE_UNSTATED;
	case DNS_TIMEOUT: return CAUSE_TIMEOUT;
	case DNS_BUSY:
	case DNS_STOPPED: return CAUSE_BUSY;
	case DNS_TOO_LARGE:
	case DNS_NO_MEMORY: return CAUSE_LIMIT;
	case DNS_UNREACHABLE:
	case DNS_SERVFAIL:
	case DNS_REFUSED:
	case DNS_FORMERR:
	case DNS_GARBLED:
	case DNS_TRUNCATED:
	case DNS_LOOP:
	case DNS_INVALID:
	case DNS_BREAKER: break;
	}
	return CAUSE_FAILED;
}

struct asked asking_answer(struct dns_batch *batch, int slot)
{
	struct asked asked = { .answer = dns_batch_answer(batch, slot) };

	if (slot < 0)
		asked.cause = CAUSE_LIMIT;
	else
		asked.cause = asking_cause(asked.answer);
	if (asked.answer == NULL || !dns_status_is_known(asked.answer->status))
		return asked;
	asked.known = true;
	asked.found = asked.answer->status == DNS_FOUND;
	asked.no_name = asked.answer->status == DNS_NXDOMAIN;
	return asked;
}

bool asked_has_ip(const struct asked *asked, const struct ip *ip)
{
	if (!asked->found)
		return false;
	for (size_t i = 0; i < asked->answer->count; i++)
		if (ip_equal(&asked->answer->records[i].ip, ip))
			return true;
	return false;
}

bool asking_domain(const char *name, size_t len, struct domain *ret_domain)
{
	return domain_normalise(name, len, ret_domain) == ADDRESS_FINE &&
	       (ret_domain->flags & (DOMAIN_LITERAL | DOMAIN_BARE_IP)) == 0 &&
	       !domain_is_ip(name, len);
}

void asking_tell_absent(const struct asked *asked, struct facts *facts,
			enum fact_id id)
{
	if (asked->known)
		facts_none(facts, id);
	else
		facts_unknown(facts, id, asked->cause);
}

void asking_tell_addresses(const struct asked *a, const struct asked *aaaa,
			   struct facts *facts, enum fact_id id)
{
	if (a->found || aaaa->found)
		facts_bool(facts, id, true);
	else if (a->no_name || aaaa->no_name || (a->known && aaaa->known))
		facts_bool(facts, id, false);
	else
		facts_unknown(facts, id, a->known ? aaaa->cause : a->cause);
}
