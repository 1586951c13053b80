/*
 * lookups.c - what is asked of DNS about one message.
 *
 * Three batches: for the client, the sender and the content.  Each is stopped
 * before its facts are set, so that the session is alone with the answers.
 */
#include "filter/lookups.h"

#include <stdlib.h>
#include <string.h>

#include "filter/checks/asking.h"
#include "filter/checks/dnsbl.h"
#include "filter/generation.h"
#include "filter/greylist.h"
#include "filter/resolver.h"

struct lookups {
	const struct generation *gen;
	/* Those of sender and content are NULL until something is asked. */
	struct dns_batch *client, *sender_batch, *content;
	struct dnsbl_asking lists;
	struct rdns rdns;
	struct helo_dns helo;
	/* These go with the batches of their name. */
	struct sender_dns *sender;
	struct dnsbl_asking *content_lists;
	bool skips_client;
	bool client_told, sender_told;
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

	if (gen->resolver == NULL || !gen->plan.looks_up)
		return NULL;
	lookups = calloc(1, sizeof(*lookups));
	if (lookups == NULL)
		return NULL;
	lookups->gen = gen;
	lookups->client = dns_batch_new(gen->resolver->dns);
	if (lookups->client == NULL) {
		free(lookups);
		return NULL;
	}
	dnsbl_asking_init(&lookups->lists, gen);
	lookups->lists.of_client = lookups->client;
	return lookups;
}

void lookups_free(struct lookups *lookups)
{
	if (lookups == NULL)
		return;
	dns_batch_free(lookups->client);
	dns_batch_free(lookups->sender_batch);
	dnsbl_asking_done(&lookups->lists);
	if (lookups->content != NULL) {
		dns_batch_free(lookups->content);
		dnsbl_asking_done(lookups->content_lists);
	}
	free(lookups->content_lists);
	free(lookups->sender);
	free(lookups);
}

/* --- the client --------------------------------------------------------- */

/* A name of the client's has come, on whatever thread. */
static void name_came(void *context, const char *name)
{
	struct lookups *lookups = context;
	size_t len = strlen(name);

	dnsbl_ask_name(&lookups->lists, FACT_CLIENT_PTR, name, len);
	dnsbl_ask_name(&lookups->lists, FACT_CLIENT_NAME, name, len);
}

/* Its names, for the rules, a list, or to be known by. */
static bool wants_names(const struct generation *gen)
{
	return greylist_is_wanted(gen) || dnsbl_reads(gen, FACT_CLIENT_PTR) ||
	       dnsbl_reads(gen, FACT_CLIENT_NAME) ||
	       READS(gen, FACT_CLIENT_PTR, FACT_CLIENT_NAME,
		     FACT_CLIENT_IS_DYNAMIC);
}

bool lookups_want_client(const struct generation *gen)
{
	return dnsbl_reads(gen, FACT_CLIENT_IP) || wants_names(gen);
}

static bool wants_helo_addresses(const struct generation *gen)
{
	return READS(gen, FACT_HELO_RESOLVES, FACT_HELO_MATCHES_CLIENT);
}

bool lookups_want_helo(const struct generation *gen)
{
	return dnsbl_reads(gen, FACT_HELO_NAME) || wants_helo_addresses(gen);
}

static bool wants_sender(const struct generation *gen)
{
	return dnsbl_reads(gen, FACT_SENDER_MX) ||
	       READS(gen, FACT_SENDER_EXISTS, FACT_SENDER_MX,
		     FACT_SENDER_NULL_MX, FACT_SENDER_BOGUS_MX);
}

bool lookups_want_any(const struct generation *gen)
{
	return ruleset_dnsbl_count(gen->rules) > 0 ||
	       lookups_want_client(gen) || lookups_want_helo(gen) ||
	       wants_sender(gen);
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
	rdns_ask(&lookups->rdns, lookups->client, client,
		 lists_name || greylist_is_wanted(gen) ||
			 ruleset_reads(gen->rules, FACT_CLIENT_NAME));
}

void lookups_helo(struct lookups *lookups, const char *helo,
		  const struct ip *client)
{
	if (helo != NULL && dnsbl_reads(lookups->gen, FACT_HELO_NAME))
		dnsbl_ask_name(&lookups->lists, FACT_HELO_NAME, helo,
			       strlen(helo));
	if (wants_helo_addresses(lookups->gen))
		helo_dns_ask(&lookups->helo, lookups->client, helo, client);
}

/* Is this one asked about elsewhere, or only after its own answer? */
static bool is_asked_elsewhere(enum fact_id id)
{
	return id == FACT_CLIENT_IP || id == FACT_CLIENT_PTR ||
	       id == FACT_CLIENT_NAME || id == FACT_HELO_NAME ||
	       id == FACT_SENDER_MX || id == FACT_SPF_DOMAIN;
}

/* Each fact of these phases that a list is asked about, once. */
static void ask_lists(struct dnsbl_asking *lists, enum phase from,
		      enum phase to, const struct facts *facts)
{
	for (enum fact_id id = 0; id < FACT_FIXED; id++) {
		const struct fact_row *row = fact_row(id);

		if (row->phase >= from && row->phase <= to && !row->per_rcpt &&
		    !is_asked_elsewhere(id) &&
		    facts->fixed[id].state == FACT_KNOWN &&
		    dnsbl_reads(lists->gen, id))
			dnsbl_ask_fact(lists, id, &facts->fixed[id]);
	}
}

void lookups_connection(struct lookups *lookups, const struct facts *facts)
{
	ask_lists(&lookups->lists, PHASE_CONNECT, PHASE_HELO, facts);
}

void lookups_skip_client(struct lookups *lookups)
{
	lookups->skips_client = true;
}

/* --- the sender --------------------------------------------------------- */

static void host_came(void *context, const char *name)
{
	struct lookups *lookups = context;

	dnsbl_ask_name(&lookups->lists, FACT_SENDER_MX, name, strlen(name));
}

void lookups_sender(struct lookups *lookups, const struct facts *facts)
{
	const struct generation *gen = lookups->gen;
	const struct fact *domain = &facts->fixed[FACT_SENDER_DOMAIN];

	lookups->sender = calloc(1, sizeof(*lookups->sender));
	if (lookups->sender != NULL)
		lookups->sender_batch = dns_batch_new(gen->resolver->dns);
	if (lookups->sender_batch == NULL)
		return;
	lookups->lists.of_others = lookups->sender_batch;
	ask_lists(&lookups->lists, PHASE_MAIL, PHASE_MAIL, facts);
	/* none, the null sender's, is none for these, too */
	if ((domain->state != FACT_KNOWN && domain->state != FACT_NONE) ||
	    !wants_sender(gen))
		return;
	if (dnsbl_reads(gen, FACT_SENDER_MX))
		lookups->sender->on_host = host_came;
	lookups->sender->context = lookups;
	sender_dns_ask(lookups->sender, lookups->sender_batch, domain->text.at,
		       domain->state == FACT_KNOWN ? domain->text.len : 0,
		       ruleset_reads(gen->rules, FACT_SENDER_BOGUS_MX));
}

void lookups_spf(struct lookups *lookups, const struct facts *facts)
{
	if (lookups->sender_batch != NULL &&
	    dnsbl_reads(lookups->gen, FACT_SPF_DOMAIN))
		dnsbl_ask_fact(&lookups->lists, FACT_SPF_DOMAIN,
			       &facts->fixed[FACT_SPF_DOMAIN]);
}

/* --- the content -------------------------------------------------------- */

void lookups_content(struct lookups *lookups, const struct facts *facts)
{
	const struct generation *gen = lookups->gen;

	if (ruleset_dnsbl_count(gen->rules) == 0)
		return;
	lookups->content_lists = calloc(1, sizeof(*lookups->content_lists));
	if (lookups->content_lists != NULL)
		lookups->content = dns_batch_new(gen->resolver->dns);
	if (lookups->content == NULL)
		return;
	dnsbl_asking_init(lookups->content_lists, gen);
	lookups->content_lists->of_others = lookups->content;
	ask_lists(lookups->content_lists, PHASE_RCPT, PHASE_EOM, facts);
}

/* --- waiting ------------------------------------------------------------ */

static bool wait_for(struct dns_batch *batch, bool told, int64_t until_ms)
{
	if (batch == NULL || told || dns_batch_pending(batch) == 0)
		return true;
	return until_ms > 0 && dns_batch_wait(batch, (uint64_t)until_ms);
}

bool lookups_wait_client(struct lookups *lookups, int64_t until_ms)
{
	return wait_for(lookups->client, lookups->client_told, until_ms);
}

bool lookups_wait(struct lookups *lookups, int64_t until_ms)
{
	return lookups_wait_client(lookups, until_ms) &&
	       wait_for(lookups->sender_batch, lookups->sender_told,
			until_ms) &&
	       wait_for(lookups->content, false, until_ms);
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

bool lookups_settle_client(struct lookups *lookups, struct facts *facts)
{
	if (lookups->client_told)
		return false;
	lookups->client_told = true;
	dns_batch_stop(lookups->client);
	if (lookups->skips_client) {
		waive_client(facts);
	} else {
		if (lookups->rdns.asked)
			rdns_tell(&lookups->rdns, lookups->client, facts->arena,
				  facts);
		if (lookups->helo.asked)
			helo_dns_tell(&lookups->helo, lookups->client, facts);
	}
	/* Lists were asked about the first names alone. */
	if (lookups->rdns.more_names)
		dnsbl_miss(&lookups->lists, FACT_CLIENT_PTR);
	dnsbl_tell(&lookups->lists, PHASE_MAIL, DNSBL_CLIENT,
		   lookups->skips_client, facts);
	return true;
}

static void settle_sender(struct lookups *lookups, struct facts *facts)
{
	lookups->sender_told = true;
	if (lookups->sender_batch == NULL)
		return;
	dns_batch_stop(lookups->sender_batch);
	if (facts->fixed[FACT_SENDER_DOMAIN].state != FACT_UNKNOWN)
		sender_dns_tell(lookups->sender, lookups->sender_batch,
				facts->arena, facts);
	if (lookups->sender->more_hosts)
		dnsbl_miss(&lookups->lists, FACT_SENDER_MX);
	dnsbl_tell(&lookups->lists, PHASE_MAIL, DNSBL_REST,
		   lookups->skips_client, facts);
}

void lookups_settle(struct lookups *lookups, enum phase phase,
		    struct facts *facts)
{
	if (phase == PHASE_MAIL) {
		lookups_settle_client(lookups, facts);
		settle_sender(lookups, facts);
	} else if (lookups->content != NULL) {
		dns_batch_stop(lookups->content);
		dnsbl_tell(lookups->content_lists, PHASE_EOM, DNSBL_REST,
			   lookups->skips_client, facts);
	}
}
