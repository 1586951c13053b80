/*
 * helo.c - what the client calls itself (RFC 5321 section 4.1.1.1).
 */
#include "filter/checks/checks.h"

#include <string.h>

#include "filter/phases.h"
#include "rules/mail/address.h"

static const enum fact_id helo_facts[] = {
	FACT_HELO_NAME,		FACT_HELO_IS_LITERAL, FACT_HELO_IS_IP,
	FACT_HELO_IS_QUALIFIED, FACT_HELO_IS_VALID,   FACT_HELO_IS_CLIENT_IP,
};

/* The address in "[192.0.2.1]", "[IPv6:2001:db8::1]" or a bare one. */
static bool helo_ip(const char *name, size_t len, struct ip *ret_ip)
{
	if (len >= 2 && name[0] == '[' && name[len - 1] == ']') {
		name++;
		len -= 2;
		if (len > 5 && strncasecmp(name, "IPv6:", 5) == 0) {
			name += 5;
			len -= 5;
		}
	}
	return ip_parse(name, len, ret_ip) == 0;
}

void check_helo(const struct envelope *envelope, struct facts *facts)
{
	const char *name = envelope->helo;
	struct domain domain;
	struct ip ip;
	size_t len;
	bool valid, literal, bare;

	if (name == NULL || name[0] == '\0') {
		for (size_t i = 0;
		     i < sizeof(helo_facts) / sizeof(helo_facts[0]); i++)
			if (envelope->helo_lost)
				facts_unknown(facts, helo_facts[i],
					      CAUSE_LIMIT);
			else
				facts_none(facts, helo_facts[i]);
		return;
	}
	len = strlen(name);
	valid = domain_normalise(name, len, &domain) == ADDRESS_FINE;
	literal = valid && (domain.flags & DOMAIN_LITERAL) != 0;
	bare = domain_is_ip(name, len);
	facts_text(facts, FACT_HELO_NAME, name, len);
	facts_bool(facts, FACT_HELO_IS_LITERAL, literal);
	facts_bool(facts, FACT_HELO_IS_IP, bare);
	facts_bool(facts, FACT_HELO_IS_QUALIFIED,
		   valid && !literal && !bare &&
			   (domain.flags & DOMAIN_ONE_LABEL) == 0);
	facts_bool(facts, FACT_HELO_IS_VALID, valid && !bare);
	facts_bool(facts, FACT_HELO_IS_CLIENT_IP,
		   helo_ip(name, len, &ip) &&
			   ip_equal(&ip, &envelope->client_ip));
}
