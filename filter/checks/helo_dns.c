/*
 * helo_dns.c - does the name that HELO gave lead anywhere, and to the client?
 */
#include "filter/checks/asking.h"

#include <string.h>

void helo_dns_ask(struct helo_dns *helo, struct dns_batch *batch,
		  const char *name, const struct ip *client)
{
	struct domain domain;

	helo->asked = true;
	helo->client = *client;
	helo->a = helo->aaaa = -1;
	if (name == NULL || !asking_domain(name, strlen(name), &domain) ||
	    (domain.flags & DOMAIN_ONE_LABEL) != 0)
		return;
	helo->is_name = true;
	helo->a = dns_batch_ask_of_stranger(batch, domain.name, DNS_A, NULL,
					    NULL);
	helo->aaaa = dns_batch_ask_of_stranger(batch, domain.name, DNS_AAAA,
					       NULL, NULL);
}

/* Only the addresses of the client's own family can match or not. */
static void tell_match(const struct helo_dns *helo, const struct asked *a,
		       const struct asked *aaaa, struct facts *facts)
{
	const struct asked *own = helo->client.family == 4 ? a : aaaa;

	if (helo->client.family == 0)
		facts_none(facts, FACT_HELO_MATCHES_CLIENT);
	else if (own->known || a->no_name || aaaa->no_name)
		facts_bool(facts, FACT_HELO_MATCHES_CLIENT,
			   asked_has_ip(own, &helo->client));
	else
		facts_unknown(facts, FACT_HELO_MATCHES_CLIENT, own->cause);
}

void helo_dns_tell(const struct helo_dns *helo, struct dns_batch *batch,
		   struct facts *facts)
{
	struct asked a, aaaa;

	if (!helo->asked)
		return;
	if (!helo->is_name) {
		facts_none(facts, FACT_HELO_RESOLVES);
		facts_none(facts, FACT_HELO_MATCHES_CLIENT);
		return;
	}
	a = asking_answer(batch, helo->a);
	aaaa = asking_answer(batch, helo->aaaa);
	asking_tell_addresses(&a, &aaaa, facts, FACT_HELO_RESOLVES);
	tell_match(helo, &a, &aaaa, facts);
}
