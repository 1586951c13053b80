/*
 * lookups.c - what is asked of DNS about one message.
 *
 * Two batches: one for the envelope, one for the content.  Each is stopped
 * before its facts are set, so that the session is alone with the answers.
 */
#include "filter/lookups.h"

#include <stdlib.h>
#include <string.h>

#include "filter/checks/asking.h"
#include "filter/checks/dnsbl.h"
#include "filter/generation.h"
#include "filter/resolver.h"

struct lookups {
	const struct generation *gen;
	struct dns_batch *envelope, *content; /* content: NULL until asked */
	struct dnsbl_asking lists, content_lists;
	struct rdns rdns;
	struct helo_dns helo;
	struct sender_dns sender;
	bool skips_client;
	bool envelope_told;
};

static bool reads_one(const struct generation *gen, const enum fact_id *ids,
		      size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (ruleset_reads(gen->rules, ids[i]))
			return true;
	return false;
}

#define READS(gen, ...)                                       \
	reads_one(gen, (const enum fact_id[]){ __VA_ARGS__ }, \
		  sizeof((enum fact_id[]){ __VA_ARGS__ }) /   \
			  sizeof(enum fact_id))

struct lookups *lookups_new(const struct generation *gen)
{
	struct lookups *lookups;

	if (gen->resolver == NULL)
		return NULL;
	lookups = calloc(1, sizeof(*lookups));
	if (lookups == NULL)
		return NULL;
	lookups->gen = gen;
	lookups->envelope = dns_batch_new(gen->resolver->dns);
	if (lookups->envelope == NULL) {
		free(lookups);
		return NULL;
	}
	dnsbl_asking_init(&lookups->lists, gen, lookups->envelope);
	return lookups;
}

void lookups_free(struct lookups *lookups)
{
	if (lookups == NULL)
		return;
	dns_batch_free(lookups->envelope);
	dnsbl_asking_done(&lookups->lists);
	if (lookups->content != NULL) {
		dns_batch_free(lookups->content);
		dnsbl_asking_done(&lookups->content_lists);
	}
	free(lookups);
}

/* --- the envelope ------------------------------------------------------- */

/* A name of the client's has come, on whatever thread. */
static void name_came(void *context, const char *name)
{
	struct lookups *lookups = context;
	size_t len = strlen(name);

	dnsbl_ask_name(&lookups->lists, FACT_CLIENT_PTR, name, len);
	dnsbl_ask_name(&lookups->lists, FACT_CLIENT_NAME, name, len);
}

/* Its names, for the rules or for a list. */
static bool wants_names(const struct generation *gen)
{
	return dnsbl_reads(gen, FACT_CLIENT_PTR) ||
	       dnsbl_reads(gen, FACT_CLIENT_NAME) ||
	       READS(gen, FACT_CLIENT_PTR, FACT_CLIENT_NAME,
		     FACT_CLIENT_IS_DYNAMIC);
}

bool lookups_want_client(const struct generation *gen)
{
	return dnsbl_reads(gen, FACT_CLIENT_IP) || wants_names(gen);
}

void lookups_client(struct lookups *lookups, const struct ip *client)
{
	const struct generation *gen = lookups->gen;
	bool lists_name = dnsbl_reads(gen, FACT_CLIENT_NAME);

	if (client->family == 0)
		return;
	dnsbl_ask_ip(&lookups->lists, FACT_CLIENT_IP, client);
	if (!wants_names(gen))
		return;
	if (lists_name || dnsbl_reads(gen, FACT_CLIENT_PTR))
		lookups->rdns.on_name = name_came;
	lookups->rdns.context = lookups;
	rdns_ask(&lookups->rdns, lookups->envelope, client,
		 lists_name || ruleset_reads(gen->rules, FACT_CLIENT_NAME));
}

void lookups_helo(struct lookups *lookups, const char *helo,
		  const struct ip *client)
{
	if (helo != NULL)
		dnsbl_ask_name(&lookups->lists, FACT_HELO_NAME, helo,
			       strlen(helo));
	if (READS(lookups->gen, FACT_HELO_RESOLVES, FACT_HELO_MATCHES_CLIENT))
		helo_dns_ask(&lookups->helo, lookups->envelope, helo, client);
}

/* Is this one asked about elsewhere, or only after its own answer? */
static bool is_asked_elsewhere(enum fact_id id)
{
	return id == FACT_CLIENT_IP || id == FACT_CLIENT_PTR ||
	       id == FACT_CLIENT_NAME || id == FACT_HELO_NAME ||
	       id == FACT_SENDER_MX;
}

/* Each of these facts that a list is asked about, once. */
static void ask_lists(struct dnsbl_asking *lists, enum phase from,
		      enum phase to, bool skips_client,
		      const struct facts *facts)
{
	for (enum fact_id id = 0; id < FACT_FIXED; id++) {
		const struct fact_row *row = fact_row(id);

		if (row->phase >= from && row->phase <= to && !row->per_rcpt &&
		    !is_asked_elsewhere(id) &&
		    !(skips_client && dnsbl_is_about_client(id)) &&
		    facts->fixed[id].state == FACT_KNOWN &&
		    dnsbl_reads(lists->gen, id))
			dnsbl_ask_fact(lists, id, &facts->fixed[id]);
	}
}

static void host_came(void *context, const char *name)
{
	struct lookups *lookups = context;

	dnsbl_ask_name(&lookups->lists, FACT_SENDER_MX, name, strlen(name));
}

void lookups_sender(struct lookups *lookups, const struct facts *facts)
{
	const struct generation *gen = lookups->gen;
	const struct fact *domain = &facts->fixed[FACT_SENDER_DOMAIN];
	bool lists_mx = dnsbl_reads(gen, FACT_SENDER_MX);

	ask_lists(&lookups->lists, PHASE_CONNECT, PHASE_MAIL,
		  lookups->skips_client, facts);
	/* none, the null sender's, is none for these, too */
	if ((domain->state != FACT_KNOWN && domain->state != FACT_NONE) ||
	    (!lists_mx && !READS(gen, FACT_SENDER_EXISTS, FACT_SENDER_MX,
				 FACT_SENDER_NULL_MX, FACT_SENDER_BOGUS_MX)))
		return;
	if (lists_mx)
		lookups->sender.on_host = host_came;
	lookups->sender.context = lookups;
	sender_dns_ask(&lookups->sender, lookups->envelope, domain->text.at,
		       domain->state == FACT_KNOWN ? domain->text.len : 0,
		       ruleset_reads(gen->rules, FACT_SENDER_BOGUS_MX));
}

void lookups_skip_client(struct lookups *lookups)
{
	lookups->skips_client = true;
}

/* --- the content -------------------------------------------------------- */

void lookups_content(struct lookups *lookups, const struct facts *facts)
{
	const struct generation *gen = lookups->gen;

	lookups->content = dns_batch_new(gen->resolver->dns);
	if (lookups->content == NULL)
		return;
	dnsbl_asking_init(&lookups->content_lists, gen, lookups->content);
	ask_lists(&lookups->content_lists, PHASE_RCPT, PHASE_EOM,
		  lookups->skips_client, facts);
}

bool lookups_wait(struct lookups *lookups, int64_t until_ms)
{
	uint64_t until = until_ms > 0 ? (uint64_t)until_ms : 0;

	return (lookups->envelope_told ||
		dns_batch_wait(lookups->envelope, until)) &&
	       (lookups->content == NULL ||
		dns_batch_wait(lookups->content, until));
}

/* --- telling ------------------------------------------------------------ */

/* Neither for nor against a client that we know. */
static void waive_client(struct facts *facts)
{
	static const enum fact_id about[] = {
		FACT_CLIENT_PTR,	  FACT_CLIENT_NAME,
		FACT_CLIENT_IS_DYNAMIC,	  FACT_HELO_RESOLVES,
		FACT_HELO_MATCHES_CLIENT,
	};

	for (size_t i = 0; i < sizeof(about) / sizeof(about[0]); i++)
		facts_waive(facts, about[i]);
}

/* Lists were asked about the first names alone. */
static void miss_names(struct lookups *lookups)
{
	if (lookups->rdns.more_names)
		dnsbl_miss(&lookups->lists, FACT_CLIENT_PTR);
	if (lookups->sender.more_hosts)
		dnsbl_miss(&lookups->lists, FACT_SENDER_MX);
}

static void tell_envelope(struct lookups *lookups, struct facts *facts)
{
	dns_batch_stop(lookups->envelope);
	lookups->envelope_told = true;
	if (lookups->skips_client)
		waive_client(facts);
	if (!lookups->skips_client && lookups->rdns.asked)
		rdns_tell(&lookups->rdns, lookups->envelope, facts->arena,
			  facts);
	if (!lookups->skips_client && lookups->helo.asked)
		helo_dns_tell(&lookups->helo, lookups->envelope, facts);
	if (facts->fixed[FACT_SENDER_DOMAIN].state != FACT_UNKNOWN)
		sender_dns_tell(&lookups->sender, lookups->envelope,
				facts->arena, facts);
	miss_names(lookups);
	dnsbl_tell(&lookups->lists, PHASE_MAIL, lookups->skips_client, facts);
}

void lookups_settle(struct lookups *lookups, enum phase phase,
		    struct facts *facts)
{
	if (phase == PHASE_MAIL) {
		tell_envelope(lookups, facts);
	} else if (lookups->content != NULL) {
		dns_batch_stop(lookups->content);
		dnsbl_tell(&lookups->content_lists, PHASE_EOM,
			   lookups->skips_client, facts);
	}
}
