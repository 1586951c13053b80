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
	FACT_HELO_IS_OURS,
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

/* Sendmail tags {if_addr} with "IPv6:"; one that listens anywhere says 0. */
static bool our_ip(const struct envelope *envelope, struct ip *ret_ip)
{
	static const struct ip zero;
	const char *text = envelope->our_addr;

	if (text == NULL)
		return false;
	if (strncasecmp(text, "IPv6:", 5) == 0)
		text += 5;
	return ip_parse(text, strlen(text), ret_ip) == 0 &&
	       memcmp(ret_ip->bytes, zero.bytes, sizeof(zero.bytes)) != 0;
}

static bool is_our_name(const struct domain *helo, const char *ours)
{
	struct domain domain;

	return ours != NULL &&
	       domain_normalise(ours, strlen(ours), &domain) == ADDRESS_FINE &&
	       domain.len == helo->len &&
	       memcmp(domain.name, helo->name, helo->len) == 0;
}

/*
 * Does a stranger say that he is us?  `helo` NULL: it is no domain.  `ip` NULL:
 * it is no address.  The machine itself and its neighbours on loopback may.
 */
static void ours_fact(const struct envelope *envelope, struct facts *facts,
		      const struct domain *helo, const struct ip *ip)
{
	const struct ip *client = &envelope->client_ip;
	struct ip ours;
	bool has_ip = our_ip(envelope, &ours);

	if (envelope->client_is_local || ip_is_loopback(client) ||
	    (has_ip && ip_equal(client, &ours)))
		facts_bool(facts, FACT_HELO_IS_OURS, false);
	else if (ip != NULL
			 ? has_ip && ip_equal(ip, &ours)
			 : helo != NULL &&
				   (is_our_name(helo, envelope->our_name) ||
				    is_our_name(helo, envelope->our_if_name)))
		facts_bool(facts, FACT_HELO_IS_OURS, true);
	else if (envelope->our_name_lost || envelope->our_if_name_lost ||
		 envelope->our_addr_lost)
		facts_unknown(facts, FACT_HELO_IS_OURS, CAUSE_LIMIT);
	else if (envelope->our_name == NULL && envelope->our_addr == NULL)
		facts_none(facts, FACT_HELO_IS_OURS);
	else
		facts_bool(facts, FACT_HELO_IS_OURS, false);
}

void check_helo(const struct envelope *envelope, struct facts *facts)
{
	const char *name = envelope->helo;
	struct domain domain;
	struct ip ip;
	size_t len;
	bool valid, literal, bare, is_ip;

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
	is_ip = helo_ip(name, len, &ip);
	facts_bool(facts, FACT_HELO_IS_CLIENT_IP,
		   is_ip && ip_equal(&ip, &envelope->client_ip));
	ours_fact(envelope, facts, valid ? &domain : NULL, is_ip ? &ip : NULL);
}
