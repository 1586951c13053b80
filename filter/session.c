/*
 * session.c - connection and envelope: what is heard, and what follows from it.
 *
 * Facts of the connection are kept as plain values and become facts again with
 * each message, because HELO may come again and a session may carry many
 * messages.  Before MAIL there is no message; where a refusal may be spoken
 * that early, one is made for the moment.
 */
#include "filter/session.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "filter/checks/replay.h"
#include "filter/clock.h"
#include "filter/counters.h"
#include "filter/generation.h"
#include "filter/lookups.h"
#include "filter/message.h"

static void keep(struct kept *kept, const char *text)
{
	free(kept->text);
	kept->text = text != NULL ? strdup(text) : NULL;
	kept->lost = text != NULL && kept->text == NULL;
}

static void message_free(struct session *s)
{
	struct message *m = s->message;

	if (m == NULL)
		return;
	content_drop(s);
	enquiry_spf_end(m);
	lookups_free(m->lookups);
	arena_done(&m->arena);
	arena_done(&m->rcpt_arena);
	arena_done(&m->work);
	arena_done(&m->judged[0]);
	arena_done(&m->judged[1]);
	free(m);
	s->message = NULL;
}

struct envelope session_envelope(const struct session *s, struct arena *arena)
{
	const struct kept *said = s->said;

	return (struct envelope){
		.arena = arena,
		.mta = s->mta,
		.client_ip = s->client_ip,
		.client_port = s->client_port,
		.client_is_local = s->client_is_local,
		.client_mta_name = said[SAID_MTA_NAME].text,
		.client_mta_ptr = said[SAID_MTA_PTR].text,
		.client_mta_resolve = said[SAID_MTA_RESOLVE].text,
		.daemon = said[SAID_DAEMON].text,
		.our_name = said[SAID_OUR_NAME].text,
		.our_if_name = said[SAID_OUR_IF_NAME].text,
		.our_addr = said[SAID_OUR_ADDR].text,
		.helo = said[SAID_HELO].text,
		.client_mta_name_lost = said[SAID_MTA_NAME].lost,
		.client_mta_ptr_lost = said[SAID_MTA_PTR].lost,
		.client_mta_resolve_lost = said[SAID_MTA_RESOLVE].lost,
		.daemon_lost = said[SAID_DAEMON].lost,
		.our_name_lost = said[SAID_OUR_NAME].lost,
		.our_if_name_lost = said[SAID_OUR_IF_NAME].lost,
		.our_addr_lost = said[SAID_OUR_ADDR].lost,
		.helo_lost = said[SAID_HELO].lost,
		.manners = s->manners,
	};
}

/* A new message, with what the connection says about it up to `phase`. */
static bool message_begin(struct session *s, enum phase phase)
{
	const struct generation *gen = s->generation;
	struct envelope envelope;
	struct message *m;

	message_free(s);
	m = calloc(1, sizeof(*m));
	if (m == NULL)
		return false;
	s->message = m;
	arena_init(&m->arena, gen->settings.session.arena_limit);
	arena_init(&m->rcpt_arena, RECIPIENTS_ROOM);
	arena_init(&m->work, WORK_ROOM);
	arena_init(&m->judged[0], WORK_ROOM);
	arena_init(&m->judged[1], WORK_ROOM);
	m->began_ms = monotonic_ms();
	ref_next(m->ref);
	m->inspection_lost = CAUSE_BUSY;
	if (facts_init(&m->facts, &m->arena, ruleset_slot_count(gen->rules)) <
	    0)
		return false;
	m->hits = hits_new(gen->rules, &gen->lists, &m->arena);
	if (m->hits == NULL)
		return false;
	envelope = session_envelope(s, &m->arena);
	phases_check(PHASE_CONNECT, &envelope, &m->facts);
	if (phase >= PHASE_HELO)
		phases_check(PHASE_HELO, &envelope, &m->facts);
	ruleset_close_phase(gen->rules, &m->facts,
			    phase >= PHASE_HELO ? PHASE_HELO : PHASE_CONNECT);
	return true;
}

static void message_end(struct session *s, const char *end)
{
	struct message *m = s->message;

	if (m == NULL || !m->open)
		return;
	grey_end(s);
	m->open = false;
	report_message(s, end);
	if (m->queue_id != NULL)
		keep(&s->last_queue_id, m->queue_id);
	content_drop(s);
	enquiry_spf_end(m);
	if (!s->keep_outcome)
		message_free(s);
}

struct session *session_new(const struct session_start *start)
{
	struct session *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->generation = generation_ref(start->generation);
	s->pool = start->pool;
	s->mta = start->mta;
	s->now = start->now;
	s->store = start->store;
	s->refused = start->refused;
	s->keep_outcome = start->keep_outcome;
	count(COUNT_SESSIONS);
	return s;
}

void session_free(struct session *s)
{
	if (s == NULL)
		return;
	message_end(s, "closed");
	message_free(s);
	enquiry_drop(s);
	generation_unref(s->generation);
	for (size_t i = 0; i < SAID_COUNT; i++)
		free(s->said[i].text);
	free(s->last_queue_id.text);
	changes_forget(s);
	free(s);
}

bool session_in_message(const struct session *s)
{
	return s->message != NULL && s->message->open;
}

const struct plan *session_plan(const struct session *s)
{
	return &s->generation->plan;
}

bool session_is_refused(const struct session *s)
{
	return s->refused;
}

int session_refusal_class(const struct session *s)
{
	return s->refusal_class;
}

const struct outcome *session_outcome(const struct session *s)
{
	return s->message != NULL && s->message->has_outcome
		       ? &s->message->outcome
		       : NULL;
}

/*
 * Before MAIL there is nobody to refuse but the client.  The message made for
 * the occasion lives on only if it is refused, for the log.
 */
static enum answer judge_connection(struct session *s, enum phase phase)
{
	enum answer answer;

	if (s->refused)
		return speak_busy(s);
	if (!s->generation->plan.answers[phase])
		return ANSWER_CONTINUE;
	if (!message_begin(s, phase)) {
		message_free(s); /* MAIL will fail as well, and say so */
		return ANSWER_CONTINUE;
	}
	s->message->open = true;
	hits_weigh(s->message->hits, &s->message->facts);
	answer = speak_early(s, s->message->hits, phase);
	if (answer == ANSWER_CONTINUE)
		s->message->open = false;
	else
		message_end(s, phase_name(phase));
	if (!s->keep_outcome)
		message_free(s);
	return answer;
}

/* The facts of a message point to what was said before it. */
static void forget_message(struct session *s, const char *end)
{
	s->manners.resets += session_in_message(s);
	message_end(s, end);
	message_free(s);
}

/* The first of two macros that the MTA has sent; MTAs name things apart. */
static const char *macro_of(const struct session *s, const char *first,
			    const char *second)
{
	const char *value = s->mta->macro(s->mta->context, first);

	if (value == NULL && second != NULL)
		value = s->mta->macro(s->mta->context, second);
	return value;
}

static void keep_macros(struct session *s)
{
	static const struct {
		enum said said;
		const char *macro, *other;
	} rows[] = {
		{ SAID_MTA_PTR, "{client_ptr}", NULL },
		{ SAID_MTA_RESOLVE, "{client_resolve}", NULL },
		{ SAID_DAEMON, "{daemon_name}", NULL },
		{ SAID_OUR_NAME, "j", NULL },
		{ SAID_OUR_IF_NAME, "{if_name}", NULL },
		{ SAID_OUR_ADDR, "{if_addr}", "{daemon_addr}" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		keep(&s->said[rows[i].said],
		     macro_of(s, rows[i].macro, rows[i].other));
}

enum answer session_connect(struct session *s, const char *name,
			    const struct sockaddr *address)
{
	enum answer answer;

	forget_message(s, "connect");
	enquiry_drop(s);
	s->client_is_local = address == NULL;
	if (address != NULL && ip_from_sockaddr(address, &s->client_ip) == 0) {
		const struct sockaddr_in *v4 = (const void *)address;
		const struct sockaddr_in6 *v6 = (const void *)address;

		s->client_port =
			ntohs(address->sa_family == AF_INET6 ? v6->sin6_port
							     : v4->sin_port);
	}
	keep(&s->said[SAID_MTA_NAME], name);
	keep_macros(s);
	answer = judge_connection(s, PHASE_CONNECT);
	if (answer == ANSWER_CONTINUE)
		enquiry_connect(s);
	return answer;
}

enum answer session_helo(struct session *s, const char *name)
{
	const char *before = s->said[SAID_HELO].text;
	bool same = before != NULL && name != NULL && strcmp(before, name) == 0;
	enum answer answer;

	forget_message(s, "helo"); /* RFC 5321 4.1.4: as if RSET was said */
	keep(&s->said[SAID_HELO], name);
	answer = judge_connection(s, PHASE_HELO);
	if (answer == ANSWER_CONTINUE)
		enquiry_helo(s, same);
	else
		enquiry_drop(s); /* it is about another name */
	return answer;
}

void session_unknown(struct session *s)
{
	s->manners.unknown_commands++;
}

/*
 * The queue id is known at MAIL (Sendmail) or only at DATA or EOM (Postfix).
 * libmilter keeps the macros of later stages from one message to the next, so
 * the last one's id may still be there.
 */
static void note_queue_id(struct session *s)
{
	const char *id = s->mta->macro(s->mta->context, "i");

	if (id == NULL || (s->last_queue_id.text != NULL &&
			   strcmp(id, s->last_queue_id.text) == 0))
		return;
	s->message->queue_id =
		arena_strndup(&s->message->arena, id, strlen(id));
}

/* A fault is told where an answer is due; at EOM one always is. */
enum answer session_fault(struct session *s, enum phase phase)
{
	if (!s->generation->plan.answers[phase])
		return ANSWER_CONTINUE;
	return speak_fault(s, phase);
}

/*
 * Waits for DNS, unless a refusal is certain whatever it says.  What it says of
 * the client may make it certain.
 */
void session_weigh(struct session *s, enum phase phase)
{
	struct message *m = s->message;

	hits_weigh(m->hits, &m->facts);
	if (m->settled || speak_would_refuse(s, m->hits))
		return;
	if (enquiry_settle_client(s)) {
		hits_weigh(m->hits, &m->facts);
		if (speak_would_refuse(s, m->hits))
			return;
	}
	enquiry_settle(s, phase);
	hits_weigh(m->hits, &m->facts);
}

enum answer session_mail(struct session *s, char **args)
{
	const struct generation *gen = s->generation;
	struct envelope envelope;
	enum answer answer;

	message_end(s, "replaced"); /* MAIL without an end before it */
	if (s->refused)
		return speak_busy(s);
	count(COUNT_MESSAGES);
	changes_forget(s);
	s->fault_told = false;
	s->out_of_memory = !message_begin(s, PHASE_HELO);
	if (s->out_of_memory) {
		message_free(s);
		return session_fault(s, PHASE_MAIL);
	}
	s->message->open = true;
	note_queue_id(s);
	envelope = session_envelope(s, &s->message->arena);
	envelope.args = args;
	phases_check(PHASE_MAIL, &envelope, &s->message->facts);
	s->manners.transactions++;
	enquiry_mail(s);
	if (!gen->plan.answers[PHASE_MAIL])
		return ANSWER_CONTINUE;
	session_weigh(s, PHASE_MAIL);
	answer = speak_early(s, s->message->hits, PHASE_MAIL);
	if (answer != ANSWER_CONTINUE)
		message_end(s, "mail");
	return answer;
}

enum answer session_data(struct session *s)
{
	struct message *m = s->message;
	enum answer answer;

	if (s->refused)
		return speak_busy(s);
	if (s->out_of_memory || (m != NULL && m->fault))
		return session_fault(s, PHASE_DATA);
	if (m == NULL || !m->open)
		return ANSWER_CONTINUE;
	note_queue_id(s);
	facts_number(&m->facts, FACT_RCPT_COUNT,
		     (int64_t)(m->rcpt_count + m->rcpts_uncounted));
	if (!s->generation->plan.answers[PHASE_DATA])
		return ANSWER_CONTINUE;
	enquiry_settle(s, PHASE_DATA);
	answer = speak_all(s, PHASE_DATA);
	if (answer != ANSWER_CONTINUE)
		message_end(s, "data");
	return answer;
}

enum answer session_header(struct session *s, const char *name,
			   const char *value)
{
	/* Counted first of all, so that they can go even after a fault. */
	changes_note(s, name, value);
	if (session_in_message(s) && !s->message->fault)
		content_header(s, name, value);
	return ANSWER_CONTINUE;
}

enum answer session_eoh(struct session *s)
{
	if (session_in_message(s) && !s->message->fault)
		content_eoh(s);
	return ANSWER_CONTINUE;
}

enum answer session_body(struct session *s, const unsigned char *bytes,
			 size_t len)
{
	if (!session_in_message(s) || s->message->fault)
		return ANSWER_SKIP;
	return content_body(s, bytes, len);
}

/*
 * In observe mode no answer is due before, so nobody waited for DNS.  What was
 * to be asked at RCPT or DATA is, as the score was then.
 */
static void observe_greylist(struct session *s)
{
	struct message *m = s->message;

	if (s->generation->settings.session.mode != MODE_OBSERVE ||
	    !s->generation->plan.greylists)
		return;
	enquiry_settle(s, PHASE_DATA);
	hits_weigh(m->hits, &m->facts);
	grey_message(s, PHASE_DATA);
}

enum answer session_eom(struct session *s)
{
	struct message *m = s->message;
	enum answer answer;

	if (s->out_of_memory)
		return speak_fault(s, PHASE_EOM);
	if (m == NULL || !m->open)
		return ANSWER_ACCEPT; /* EOM without MAIL: nothing is known */
	note_queue_id(s);
	/* Where DATA was not told, its facts are set here. */
	if (!m->fault) {
		observe_greylist(s);
		facts_number(&m->facts, FACT_RCPT_COUNT,
			     (int64_t)(m->rcpt_count + m->rcpts_uncounted));
		content_finish(s);
		enquiry_content(s);
		enquiry_settle(s, PHASE_EOM);
		check_replay(&m->facts, s->now());
	}
	answer = m->fault ? speak_fault(s, PHASE_EOM) : speak_all(s, PHASE_EOM);
	message_end(s, "eom");
	return answer;
}

void session_abort(struct session *s)
{
	if (session_in_message(s)) {
		count(COUNT_ABORTED);
		s->manners.resets++;
	}
	message_end(s, "abort");
}
