/*
 * enquiry.c - when a session asks DNS, and when it waits for the answers.
 *
 * The first message's questions about the client start with the connection.
 * Later messages on it ask anew, mostly out of the resolver's cache: what was
 * unknown before may be known now.
 *
 * Where all is to pass anyway nobody is asked: not about a message that is
 * exempt, and not about a client that has logged in or is on this machine.  Nor
 * is anybody asked about the sender where the client is refused for certain: so
 * what is known of the client has a head start, of which nobody else notices.
 */
#include "filter/clock.h"
#include "filter/generation.h"
#include "filter/lookups.h"
#include "filter/message.h"
#include "rules/ruleset.h"

enum {
	/* MTAs have patience for 10 s (Sendmail) or 30 s (Postfix) ... */
	WAIT_MS = 7000,
	HEAD_START_MS = 3,
	/* ... and for 300 s at the end, if they hear of progress. */
	EOM_WAIT_MS = 8000,
	PROGRESS_MS = 5000,
	CONNECTION_ROOM = 256 * 1024, /* bytes, for the facts of a connection */
};

static bool is_local(const struct session *s)
{
	return s->client_is_local || ip_is_loopback(&s->client_ip);
}

/* Is it certain already, by what the connection says, that all may pass? */
static bool connection_is_exempt(struct session *s)
{
	const struct generation *gen = s->generation;
	struct envelope envelope;
	struct arena arena;
	struct facts facts;
	bool exempt = false;

	if (!ruleset_may_exempt(gen->rules, PHASE_CONNECT))
		return false;
	arena_init(&arena, CONNECTION_ROOM);
	envelope = session_envelope(s, &arena);
	if (facts_init(&facts, &arena, ruleset_slot_count(gen->rules)) == 0) {
		phases_check(PHASE_CONNECT, &envelope, &facts);
		exempt = ruleset_exempts(gen->rules, &gen->lists, &facts);
	}
	arena_done(&arena);
	return exempt;
}

void enquiry_drop(struct session *s)
{
	lookups_free(s->lookups);
	s->lookups = NULL;
	s->helo_asked = false;
}

static void ask_about_client(struct session *s)
{
	enquiry_drop(s);
	s->lookups = lookups_new(s->generation);
	if (s->lookups != NULL)
		lookups_client(s->lookups, &s->client_ip);
}

/* There may have been none: that is known, unless it was lost. */
static void ask_about_helo(struct session *s)
{
	if (s->lookups == NULL || s->helo_asked)
		return;
	s->helo_asked = true;
	if (!s->said[SAID_HELO].lost)
		lookups_helo(s->lookups, s->said[SAID_HELO].text,
			     &s->client_ip);
}

/* Thousands of connections may be idle: they hold no more than they must. */
static bool asks_before_mail(const struct generation *gen)
{
	return lookups_want_client(gen) || lookups_want_helo(gen);
}

void enquiry_connect(struct session *s)
{
	enquiry_drop(s);
	if (asks_before_mail(s->generation) && !is_local(s) &&
	    !connection_is_exempt(s))
		ask_about_client(s);
}

void enquiry_helo(struct session *s, bool same)
{
	if (s->helo_asked && !same)
		enquiry_connect(s);
	ask_about_helo(s);
}

/* All that is to be known of the client, with what was asked before MAIL. */
static struct lookups *client_lookups(struct session *s)
{
	struct lookups *lookups;

	if (s->lookups == NULL)
		ask_about_client(s);
	ask_about_helo(s);
	lookups = s->lookups;
	s->lookups = NULL;
	s->helo_asked = false;
	if (lookups != NULL)
		lookups_connection(lookups, &s->message->facts);
	return lookups;
}

static struct lookups *no_client_lookups(struct session *s)
{
	struct lookups *lookups;

	enquiry_drop(s);
	lookups = lookups_new(s->generation);
	if (lookups != NULL)
		lookups_skip_client(lookups);
	return lookups;
}

static void ask_about_sender(struct session *s)
{
	struct message *m = s->message;

	m->sender_due = false;
	if (m->lookups != NULL)
		lookups_sender(m->lookups, &m->facts);
	if (m->authenticates && !m->own_client)
		enquiry_spf_begin(s);
}

/* Has all come that was asked about the client? */
static bool wait_for_client(struct message *m, int64_t until_ms)
{
	return m->lookups == NULL || lookups_wait_client(m->lookups, until_ms);
}

/*
 * Where the client may be refused at RCPT, the latest, nobody need know of the
 * sender before that is decided.
 */
static bool may_wait_for_sender(struct session *s)
{
	struct message *m = s->message;

	if (!s->generation->plan.answers[PHASE_RCPT])
		return false;
	if (!wait_for_client(m, 0))
		return true;
	if (m->lookups != NULL)
		lookups_settle_client(m->lookups, &m->facts);
	hits_weigh(m->hits, &m->facts);
	return speak_would_refuse(s, m->hits);
}

void enquiry_mail(struct session *s)
{
	const struct generation *gen = s->generation;
	struct message *m = s->message;
	const struct fact *auth = &m->facts.fixed[FACT_CLIENT_AUTH];
	bool exempt = ruleset_exempts(gen->rules, &gen->lists, &m->facts);

	m->own_client = is_local(s) || (auth->state == FACT_KNOWN && auth->yes);
	m->exempt = exempt;
	m->authenticates = gen->settings.authentication.on && !exempt;
	if (m->own_client || !m->authenticates)
		facts_waive_all(&m->facts, FACT_SPF, FACT_SPF_ERROR);
	if (!m->authenticates)
		facts_waive_all(&m->facts, FACT_DKIM, FACT_DMARC_RECORD_ERROR);
	if (exempt) {
		enquiry_drop(s);
		return;
	}
	m->lookups = m->own_client ? no_client_lookups(s) : client_lookups(s);
	m->sender_due = true;
	if (!may_wait_for_sender(s))
		ask_about_sender(s);
}

void enquiry_content(struct session *s)
{
	struct message *m = s->message;

	if (m->lookups != NULL)
		lookups_content(m->lookups, &m->facts);
}

/* At the end of a message the MTA hears that we are alive. */
static void wait_until(struct session *s, int64_t until, bool tells)
{
	int64_t pause = tells ? PROGRESS_MS : WAIT_MS;
	int64_t now;

	while ((now = monotonic_ms()) < until) {
		int64_t next = until - now < pause ? until : now + pause;

		if (lookups_wait(s->message->lookups, next) ||
		    (tells && !s->mta->progress(s->mta->context)))
			return;
	}
}

/* Of all waits before the end of a message together. */
static int64_t deadline(struct message *m)
{
	if (m->wait_until_ms == 0)
		m->wait_until_ms = monotonic_ms() + WAIT_MS;
	return m->wait_until_ms;
}

bool enquiry_settle_client(struct session *s)
{
	struct message *m = s->message;

	if (m->sender_due &&
	    !wait_for_client(m, monotonic_ms() + HEAD_START_MS))
		ask_about_sender(s);
	return m->lookups != NULL && wait_for_client(m, deadline(m)) &&
	       lookups_settle_client(m->lookups, &m->facts);
}

void enquiry_prove(struct session *s, bool waits)
{
	struct message *m = s->message;
	int64_t until = waits ? deadline(m) : monotonic_ms();

	if (m->sender_due && waits)
		ask_about_sender(s);
	enquiry_spf_settle(s, until);
	if (m->lookups != NULL &&
	    (wait_for_client(m, waits ? until : 0) || !waits))
		lookups_settle_client(m->lookups, &m->facts);
}

void enquiry_settle(struct session *s, enum phase phase)
{
	struct message *m = s->message;
	bool end = phase == PHASE_EOM;
	int64_t until;

	if (m->settled && !end)
		return;
	if (m->sender_due)
		ask_about_sender(s);
	until = end ? monotonic_ms() + EOM_WAIT_MS : deadline(m);
	if (end || s->generation->plan.reads_spf)
		enquiry_spf_settle(s, until);
	if (m->lookups != NULL) {
		if (!m->settled)
			lookups_spf(m->lookups, &m->facts);
		wait_until(s, until, end);
		if (!m->settled)
			lookups_settle(m->lookups, PHASE_MAIL, &m->facts);
		if (end)
			lookups_settle(m->lookups, PHASE_EOM, &m->facts);
	}
	m->settled = true;
	ruleset_close_phase(s->generation->rules, &m->facts, PHASE_MAIL);
}
