/*
 * enquiry_spf.c - what SPF says of the envelope: asked at MAIL, taken where it
 * is needed.
 *
 * That is where rules read it, at the first reply that they decide about, or
 * before the content goes to its inspector, as DMARC builds on it.  From then
 * on the facts are what they are.
 *
 * A client may fall silent after MAIL, and its answer then keeps a channel that
 * others need.  So nobody takes one early while half of them are leased: who
 * has not got one asks when the answer is due.  Nor does anybody take one for
 * what was said a moment ago (spf_memory.h).
 */
#include <string.h>

#include "filter/clock.h"
#include "filter/generation.h"
#include "filter/inspector.h"
#include "filter/message.h"
#include "filter/resolver.h"
#include "filter/spf_memory.h"

enum {
	DNS_MS = 6000, /* for all questions; the session waits longer */
	LEASE_MS = 1000, /* for a free channel, where we may wait */
	CONTENT_WAIT_MS = 4000, /* the channel for the content takes 3 s more */
};

static bool is_wanted(const struct session *s)
{
	const struct facts *facts = &s->message->facts;

	/* Where there was no memory for them, none would be a lie. */
	return s->client_ip.family != 0 && !s->said[SAID_HELO].lost &&
	       facts->fixed[FACT_SENDER].state != FACT_UNKNOWN;
}

/*
 * The reverse path without brackets.  One that cannot be read is a fact as it
 * was written; SPF goes by what stands behind its last @ (RFC 7208 4.3).
 */
static const char *reverse_path(struct message *m)
{
	const struct fact *sender = &m->facts.fixed[FACT_SENDER];
	const char *text = sender->text.at;
	size_t len = sender->text.len;

	if (sender->state != FACT_KNOWN)
		return "";
	if (len < 2 || text[0] != '<' || text[len - 1] != '>')
		return text;
	return arena_strndup(&m->arena, text + 1, len - 2);
}

/* False: there is no memory to say it. */
static bool request_of(struct session *s, struct spf_request *ret)
{
	const char *id = s->generation->settings.authentication.authserv_id;

	*ret = (struct spf_request){
		.client = s->client_ip,
		.helo = s->said[SAID_HELO].text,
		.sender = reverse_path(s->message),
		.receiver = id[0] != '\0' ? id
					  : s->mta->macro(s->mta->context, "j"),
		.now = s->now(),
	};
	return ret->sender != NULL;
}

static bool begin(struct session *s, unsigned wait_ms)
{
	struct message *m = s->message;
	struct inspection_envelope envelope = {
		.resolver = s->generation->resolver,
		.dns_ms = DNS_MS,
	};

	m->spf_lost = CAUSE_LIMIT;
	if (!request_of(s, &envelope.spf))
		return false;
	m->spf = inspection_begin_envelope(s->pool, &envelope, wait_ms,
					   &m->spf_lost);
	return m->spf != NULL;
}

/* --- what was said a moment ago ------------------------------------------- */

static struct spf_memory *memory_of(const struct session *s)
{
	const struct resolver *resolver = s->generation->resolver;

	return resolver != NULL ? resolver->spf : NULL;
}

/* Without facts: could it be done? */
static bool recall(struct session *s, struct facts *facts)
{
	struct spf_request request;

	return memory_of(s) != NULL && request_of(s, &request) &&
	       spf_memory_recall(memory_of(s), &request, dns_now_ms(), facts);
}

static void keep(struct session *s)
{
	struct message *m = s->message;
	struct spf_request request;
	uint64_t until_ms;

	if (memory_of(s) != NULL && inspection_lasts(m->spf, &until_ms) &&
	    request_of(s, &request))
		spf_memory_keep(memory_of(s), &request, dns_now_ms(), until_ms,
				&m->facts);
}

void enquiry_spf_begin(struct session *s)
{
	struct message *m = s->message;
	struct inspector_stats stats;

	m->spf_due = true;
	m->spf_lost = CAUSE_LIMIT;
	if (!is_wanted(s))
		return;
	m->spf_lost = CAUSE_BUSY;
	/* If that is over when it is due, it is asked then. */
	if (recall(s, NULL))
		return;
	stats = inspector_pool_stats(s->pool);
	if (stats.leased < stats.channels / 2)
		begin(s, 0);
}

/* --- taking --------------------------------------------------------------- */

/* Not even a phase that has ended in the meantime settles what is due. */
static void reopen(struct facts *facts)
{
	for (enum fact_id id = FACT_SPF; id <= FACT_SPF_ERROR; id++)
		facts->fixed[id] = (struct fact){ .state = FACT_PENDING };
}

/* Nobody was asked, as there was no channel or no need. */
static bool take_remembered(struct session *s)
{
	struct message *m = s->message;

	if (m->spf != NULL || m->spf_lost != CAUSE_BUSY ||
	    !recall(s, &m->facts))
		return false;
	enquiry_spf_end(m);
	return true;
}

static bool try_to_take(struct session *s, unsigned wait_ms)
{
	struct message *m = s->message;
	enum inspection_answer answer;

	if (m->spf == NULL)
		return take_remembered(s);
	m->spf_lost = CAUSE_TIMEOUT;
	reopen(&m->facts);
	answer = inspection_wait(m->spf, &m->facts, wait_ms, &m->spf_lost);
	if (answer == INSPECTION_WAITING)
		return false;
	if (answer == INSPECTION_DONE)
		keep(s);
	enquiry_spf_end(m);
	return true;
}

static unsigned left_ms(int64_t until_ms)
{
	int64_t left = until_ms - monotonic_ms();

	return left > 0 ? (unsigned)left : 0;
}

void enquiry_spf_settle(struct session *s, int64_t until_ms)
{
	struct message *m = s->message;
	unsigned lease_ms = left_ms(until_ms);

	if (!m->spf_due)
		return;
	if (take_remembered(s))
		return;
	if (m->spf == NULL && m->spf_lost == CAUSE_BUSY)
		begin(s, lease_ms < LEASE_MS ? lease_ms : LEASE_MS);
	if (!try_to_take(s, left_ms(until_ms))) {
		reopen(&m->facts);
		inspection_envelope_unknown(&m->facts, m->spf_lost);
	}
	enquiry_spf_end(m);
}

void enquiry_spf_end(struct message *m)
{
	inspection_end(m->spf);
	m->spf = NULL;
	m->spf_due = false;
}

/*
 * Whom it would have been about; NULL if that is not known, either.  A sender
 * whose DNS takes longer than we wait leaves his own domain in doubt, and no
 * other author's.
 */
static const char *domain_in_doubt(struct session *s)
{
	struct message *m = s->message;
	const char *path = NULL, *at;

	if (m->facts.fixed[FACT_SENDER].state != FACT_UNKNOWN)
		path = reverse_path(m);
	if (path == NULL)
		return NULL;
	if (path[0] == '\0' && s->said[SAID_HELO].text == NULL)
		return s->said[SAID_HELO].lost ? NULL : "";
	if (path[0] == '\0')
		return s->said[SAID_HELO].text;
	at = strrchr(path, '@');
	return at != NULL ? at + 1 : path;
}

bool enquiry_spf(struct session *s, bool waits,
		 struct message_authentication *ret_said)
{
	struct message *m = s->message;
	const struct fact *spf = &m->facts.fixed[FACT_SPF];
	const struct fact *domain = &m->facts.fixed[FACT_SPF_DOMAIN];

	if (m->spf_due && waits)
		enquiry_spf_settle(s, monotonic_ms() + CONTENT_WAIT_MS);
	if (m->spf_due && !try_to_take(s, 0))
		return false;
	ret_said->spf = spf->state == FACT_KNOWN ? (enum spf_result)spf->word
						 : SPF_RESULT_NONE;
	ret_said->spf_unknown =
		spf->state != FACT_KNOWN && spf->state != FACT_NONE;
	ret_said->spf_domain =
		domain->state == FACT_KNOWN ? domain->text.at : NULL;
	if (ret_said->spf_unknown && ret_said->spf_domain == NULL)
		ret_said->spf_domain = domain_in_doubt(s);
	return true;
}
