/*
 * sender_dns.c - could an answer reach the sender's domain?
 *
 * The MX records are asked for first.  A domain without any is its own mail
 * host if it has an address (the implicit MX of RFC 5321 section 5.1); a name
 * that does not exist is none.  "MX 0 ." alone is a null MX (RFC 7505 section
 * 3): the domain exists and takes no mail.  A "." among other records, or with
 * another preference, is no null MX, just a host that there cannot be.
 *
 * For sender.bogus_mx the addresses of the best MX_HOSTS_MAX hosts are asked
 * for.  One public address is enough: the domain can be reached.  It is bogus
 * if all addresses known are such that they cannot belong to a public mail
 * host; an address written where a host name belongs counts among these, and
 * so does localhost.  Hosts that do not exist have no say: with them alone
 * there is no address to be bogus, and the fact is none.  It is unknown where
 * a question failed, or hosts were not looked at, that could have had a public
 * address.
 */
#include "filter/checks/asking.h"

#include <string.h>
#include <strings.h>

#include "rules/arena.h"

/*
 * No mail host of the public Internet has such an address.  The networks of
 * RFC 5737 and RFC 3849 are left alone, as documentation and tests use them
 * for public ones.
 */
static bool is_public(const struct ip *ip)
{
	static const struct ip_prefix others[] = {
		{ { 4, { 0 } }, 8 }, /* this network */
		{ { 4, { 224 } }, 4 }, /* multicast */
		{ { 4, { 240 } }, 4 }, /* reserved, and broadcast */
		{ { 6, { 0 } }, 128 }, /* unspecified */
		{ { 6, { 0xff } }, 8 }, /* multicast */
		{ { 6, { 0xfe, 0xc0 } }, 10 }, /* site-local, RFC 3879 */
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (ip_in_prefix(ip, &others[i]))
			return false;
	return !ip_is_loopback(ip) && !ip_is_private(ip);
}

/* localhost and all below it is loopback, whatever DNS says (RFC 6761). */
static bool is_localhost(const struct domain *host)
{
	static const char name[] = "localhost";
	size_t len = sizeof(name) - 1;

	return host->len >= len &&
	       strcmp(host->name + host->len - len, name) == 0 &&
	       (host->len == len || host->name[host->len - len - 1] == '.');
}

static void ask_host(struct sender_dns *sender, struct dns_batch *batch,
		     const char *name)
{
	struct domain host;
	size_t n = sender->host_count;

	if (domain_is_ip(name, strlen(name))) {
		sender->bad_host = true;
		return;
	}
	if (!asking_domain(name, strlen(name), &host))
		return; /* cannot exist */
	if (is_localhost(&host)) {
		sender->bad_host = true;
		return;
	}
	if (n == MX_HOSTS_MAX) {
		sender->more_hosts = true;
		return;
	}
	sender->hosts[n].name = name;
	sender->hosts[n].a = sender->hosts[n].aaaa = -1;
	if (sender->on_host != NULL)
		sender->on_host(sender->context, name);
	if (sender->wants_hosts) {
		sender->hosts[n].a =
			dns_batch_ask_of_stranger(batch, name, DNS_A, NULL,
						  NULL);
		sender->hosts[n].aaaa =
			dns_batch_ask_of_stranger(batch, name, DNS_AAAA, NULL,
						  NULL);
	}
	sender->host_count++;
}

/* Places of the records, best preference first, else as they came. */
static size_t best_first(const struct dns_answer *answer,
			 uint8_t order[DNS_RECORDS_MAX])
{
	const struct dns_record *records = answer->records;
	size_t count = 0;

	for (; count < answer->count && count < DNS_RECORDS_MAX; count++) {
		size_t at = count;

		for (; at > 0 && records[order[at - 1]].preference >
					 records[count].preference;
		     at--)
			order[at] = order[at - 1];
		order[at] = (uint8_t)count;
	}
	return count;
}

static bool is_root(const char *name)
{
	return strcmp(name, ".") == 0;
}

static bool is_null_mx(const struct dns_answer *answer)
{
	return answer->count == 1 && answer->records[0].preference == 0 &&
	       is_root(answer->records[0].name);
}

/* The MX records have come, or there are none; see dns_batch_then. */
static void mx_came(struct dns_batch *batch, int slot,
		    struct dns_answer *answer, void *context)
{
	struct sender_dns *sender = context;
	uint8_t order[DNS_RECORDS_MAX];
	size_t count;

	(void)slot;
	if (answer->status == DNS_NODATA) {
		const char *domain = sender->domain;

		sender->a = dns_batch_ask_of_stranger(batch, domain, DNS_A,
						      NULL, NULL);
		sender->aaaa = dns_batch_ask_of_stranger(batch, domain,
							 DNS_AAAA, NULL, NULL);
		return;
	}
	count = best_first(answer, order);
	for (size_t i = 0; i < count; i++)
		ask_host(sender, batch, answer->records[order[i]].name);
}

void sender_dns_ask(struct sender_dns *sender, struct dns_batch *batch,
		    const char *domain, size_t len, bool wants_hosts)
{
	struct domain name;

	sender->asked = true;
	sender->wants_hosts = wants_hosts;
	sender->mx = sender->a = sender->aaaa = -1;
	if (len == 0 || !asking_domain(domain, len, &name) ||
	    (name.flags & DOMAIN_ONE_LABEL) != 0)
		return;
	sender->is_name = true;
	memcpy(sender->domain, name.name, name.len + 1);
	sender->mx = dns_batch_ask_of_stranger(batch, sender->domain, DNS_MX,
					       mx_came, sender);
}

/* What is known of the addresses of all hosts together. */
struct reach {
	bool bogus, public, open;
	enum fact_cause cause; /* of open */
};

static void see(struct reach *reach, const struct asked *asked)
{
	for (size_t i = 0; asked->found && i < asked->answer->count; i++)
		if (is_public(&asked->answer->records[i].ip))
			reach->public = true;
		else
			reach->bogus = true;
}

static void see_host(struct reach *reach, struct dns_batch *batch, int a_slot,
		     int aaaa_slot)
{
	struct asked a = asking_answer(batch, a_slot);
	struct asked aaaa = asking_answer(batch, aaaa_slot);

	see(reach, &a);
	see(reach, &aaaa);
	if (a.no_name || aaaa.no_name || (a.known && aaaa.known))
		return;
	reach->open = true;
	reach->cause = a.known ? aaaa.cause : a.cause;
}

static void tell_reach(const struct reach *reach, struct facts *facts)
{
	if (reach->public)
		facts_bool(facts, FACT_SENDER_BOGUS_MX, false);
	else if (reach->open)
		facts_unknown(facts, FACT_SENDER_BOGUS_MX, reach->cause);
	else if (reach->bogus)
		facts_bool(facts, FACT_SENDER_BOGUS_MX, true);
	else
		facts_none(facts, FACT_SENDER_BOGUS_MX);
}

static void tell_mx(const struct dns_answer *answer, struct arena *arena,
		    struct facts *facts)
{
	struct text *items = arena_array(arena, answer->count, sizeof(*items));
	uint8_t order[DNS_RECORDS_MAX];
	size_t count, hosts = 0;

	if (items == NULL) {
		facts_unknown(facts, FACT_SENDER_MX, CAUSE_LIMIT);
		return;
	}
	count = best_first(answer, order);
	for (size_t i = 0; i < count; i++) {
		const char *name = answer->records[order[i]].name;

		if (!is_root(name))
			items[hosts++] = (struct text){ .at = name,
							.len = strlen(name) };
	}
	facts_set(facts, FACT_SENDER_MX, items, hosts);
}

static void tell_found(const struct sender_dns *sender, struct dns_batch *batch,
		       const struct dns_answer *answer, struct arena *arena,
		       struct facts *facts)
{
	struct reach reach = { .bogus = sender->bad_host,
			       .open = sender->more_hosts,
			       .cause = CAUSE_LIMIT };

	facts_bool(facts, FACT_SENDER_EXISTS, true);
	facts_bool(facts, FACT_SENDER_NULL_MX, is_null_mx(answer));
	tell_mx(answer, arena, facts);
	if (!sender->wants_hosts)
		return;
	for (size_t i = 0; i < sender->host_count; i++)
		see_host(&reach, batch, sender->hosts[i].a,
			 sender->hosts[i].aaaa);
	tell_reach(&reach, facts);
}

/* No MX record: the domain itself is the host, if there is such a name. */
static void tell_implicit(const struct sender_dns *sender,
			  struct dns_batch *batch, const struct asked *mx,
			  struct facts *facts)
{
	struct reach reach = { 0 };
	struct asked a, aaaa;

	facts_bool(facts, FACT_SENDER_NULL_MX, false);
	facts_none(facts, FACT_SENDER_MX);
	if (mx->no_name) {
		facts_bool(facts, FACT_SENDER_EXISTS, false);
	} else {
		a = asking_answer(batch, sender->a);
		aaaa = asking_answer(batch, sender->aaaa);
		asking_tell_addresses(&a, &aaaa, facts, FACT_SENDER_EXISTS);
		see_host(&reach, batch, sender->a, sender->aaaa);
	}
	if (sender->wants_hosts)
		tell_reach(&reach, facts);
}

static void tell_alike(const struct sender_dns *sender, struct facts *facts,
		       bool none, enum fact_cause cause)
{
	static const enum fact_id ids[] = {
		FACT_SENDER_EXISTS,
		FACT_SENDER_MX,
		FACT_SENDER_NULL_MX,
		FACT_SENDER_BOGUS_MX,
	};

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		if (ids[i] == FACT_SENDER_BOGUS_MX && !sender->wants_hosts)
			continue;
		else if (none)
			facts_none(facts, ids[i]);
		else
			facts_unknown(facts, ids[i], cause);
}

void sender_dns_tell(const struct sender_dns *sender, struct dns_batch *batch,
		     struct arena *arena, struct facts *facts)
{
	struct asked mx;

	if (!sender->asked)
		return;
	/* Until this answer is there, the rest is the resolver thread's. */
	mx = asking_answer(batch, sender->mx);
	if (!sender->is_name || !mx.known)
		tell_alike(sender, facts, !sender->is_name, mx.cause);
	else if (mx.found)
		tell_found(sender, batch, mx.answer, arena, facts);
	else
		tell_implicit(sender, batch, &mx, facts);
}
