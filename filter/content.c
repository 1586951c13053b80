/*
 * content.c - header and body on their way to the inspector.
 *
 * Fields are kept until the header ends, because a channel may not be free at
 * once; then all go over in one piece, and the inspector reads while the MTA
 * still sends.  What is kept is bounded as in rules/mail/limits.h: one field
 * more than the limits allow goes over, so that the inspector sees that there
 * was more.
 *
 * Of the body goes over what rules read, up to body_limit, but all of it where
 * there is a signature to verify.  What nobody reads the MTA is told to keep,
 * if it waits to be told (milter_steps.c), and else it ends here.
 */
#include <string.h>
#include <strings.h>

#include "filter/generation.h"
#include "filter/clock.h"
#include "filter/inspector.h"
#include "filter/message.h"
#include "rules/mail/limits.h"

enum {
	LEASE_WAIT_MS = 3000, /* for a free channel, where we may wait */
	ANSWER_WAIT_MS = 4500, /* then the MTA hears that we still work */
	EOM_WAIT_MS = 25000, /* of the MTA's 300 s, for all of it */
};

static bool field_room(struct message *m)
{
	size_t room = m->field_room == 0 ? 32 : m->field_room * 2;
	struct field *more;

	if (m->field_count < m->field_room)
		return true;
	more = arena_array(&m->arena, room, sizeof(*more));
	if (more == NULL)
		return false;
	if (m->field_count > 0)
		memcpy(more, m->fields, m->field_count * sizeof(*more));
	m->fields = more;
	m->field_room = room;
	return true;
}

void content_header(struct session *s, const char *name, const char *value)
{
	struct message *m = s->message;
	struct field field = { .name_len = strlen(name),
			       .value_len = strlen(value) };

	if (m->header_lost || m->field_count > MAIL_FIELDS_MAX ||
	    m->header_bytes > MAIL_HEADER_MAX)
		return;
	m->header_bytes += field.name_len + field.value_len + 3; /* : CR LF */
	field.name = arena_strndup(&m->arena, name, field.name_len);
	field.value = arena_strndup(&m->arena, value, field.value_len);
	if (field.name != NULL && field.value != NULL && field_room(m))
		m->fields[m->field_count++] = field;
	else
		m->header_lost = true;
}

/* Blanks before the colon are no part of a field's name. */
static bool is_named(const struct field *field, const char *name)
{
	size_t len = field->name_len;

	while (len > 0 && strchr(" \t", field->name[len - 1]) != NULL)
		len--;
	return len == strlen(name) && strncasecmp(field->name, name, len) == 0;
}

static bool is_signed(const struct message *m)
{
	for (size_t i = 0; i < m->field_count; i++)
		if (is_named(&m->fields[i], "DKIM-Signature"))
			return true;
	return false;
}

/*
 * What the envelope said of who vouches for the message.  False while it is not
 * known and `waits` is not set.
 */
static bool authentication_of(struct session *s, bool waits,
			      struct message_authentication *ret)
{
	struct message *m = s->message;

	*ret = (struct message_authentication){
		.wanted = m->authenticates && (!m->own_client || is_signed(m)),
		.spf = SPF_RESULT_NONE,
		.spf_unknown = true,
	};
	if (m->own_client && !ret->wanted)
		facts_waive_all(&m->facts, FACT_DKIM, FACT_DMARC_RECORD_ERROR);
	return !ret->wanted || m->own_client || enquiry_spf(s, waits, ret);
}

/* Nothing about DMARC counts against a client of our own. */
static void waive_dmarc(struct message *m)
{
	const struct fact *dmarc = &m->facts.fixed[FACT_DMARC];
	const char *const *words = fact_row(FACT_DMARC)->words;

	if (m->own_client && (dmarc->state != FACT_KNOWN ||
			      strcmp(words[dmarc->word], "pass") != 0))
		facts_waive_all(&m->facts, FACT_DMARC, FACT_DMARC_RECORD_ERROR);
}

/*
 * The walk to a DMARC record asks one question after the other: there is time
 * for two that nobody answers, unless a message is to be read in less.
 */
static unsigned dns_budget_ms(const struct settings *set)
{
	unsigned most = set->session.inspect_timeout * 1000;
	unsigned wanted = 2 * set->dns.timeout * 1000;

	most -= most / 5;
	return wanted < most ? wanted : most;
}

static void hand_over_header(struct message *m)
{
	for (size_t i = 0; i < m->field_count; i++)
		inspection_header(m->inspection, m->fields[i].name,
				  m->fields[i].name_len, m->fields[i].value,
				  m->fields[i].value_len);
	for (size_t i = 0; i < m->field_count; i++)
		inspection_expect(m->inspection, m->fields[i].name,
				  m->fields[i].name_len, m->fields[i].value,
				  m->fields[i].value_len);
	m->body_skipped = m->body_wanted == 0;
}

/*
 * Leases a channel and hands over the header.  Without leave to wait it may
 * have to be tried again.
 */
static void begin(struct session *s, unsigned wait_ms)
{
	struct message *m = s->message;
	const struct generation *gen = s->generation;
	struct inspection_request request = {
		.rules = gen->rules,
		.arrival = s->now(),
		.body_limit = gen->plan.reads_body
				      ? gen->settings.session.body_limit
				      : 0,
		.resolver = gen->resolver,
		.dns_ms = dns_budget_ms(&gen->settings),
	};

	if (m->inspection != NULL)
		return; /* a second end of the header: no MTA's, and no use */
	if (m->header_lost) {
		/* Whoever read this header would believe that it is whole. */
		m->inspection_lost = CAUSE_LIMIT;
		return;
	}
	m->inspection_lost = CAUSE_BUSY;
	if (!authentication_of(s, wait_ms > 0, &request.authentication))
		return;
	request.authentication.discovery =
		gen->settings.authentication.dmarc_discovery;
	request.authentication.verifies =
		request.authentication.wanted && is_signed(m);
	m->body_wanted = request.authentication.verifies ? UINT64_MAX
							 : request.body_limit;
	m->inspection = inspection_begin(s->pool, &request, wait_ms,
					 &m->inspection_lost);
	if (m->inspection != NULL)
		hand_over_header(m);
}

/* Where no body is wanted the inspector reads while the MTA sends on. */
void content_eoh(struct session *s)
{
	struct message *m = s->message;

	begin(s, 0);
	if (m->inspection != NULL && m->body_skipped)
		inspection_finish(m->inspection);
}

enum answer content_body(struct session *s, const unsigned char *bytes,
			 size_t len)
{
	struct message *m = s->message;

	if (m->body_skipped)
		return ANSWER_SKIP;
	if (m->inspection == NULL && m->body_bytes == 0)
		begin(s, LEASE_WAIT_MS); /* no EOH came, or none was free */
	if (m->inspection == NULL)
		m->body_skipped = true; /* unknown, as nobody read it */
	if (m->body_skipped)
		return ANSWER_SKIP;
	inspection_body(m->inspection, bytes, len);
	m->body_bytes += len;
	if (m->body_bytes >= m->body_wanted)
		m->body_skipped = true;
	return m->body_skipped ? ANSWER_SKIP : ANSWER_CONTINUE;
}

void content_finish(struct session *s)
{
	struct message *m = s->message;
	const struct ruleset *rules = s->generation->rules;
	int64_t until = monotonic_ms() + EOM_WAIT_MS;
	enum inspection_answer answer = INSPECTION_WAITING;

	/* A body that could not be handed over must not look like none. */
	if (m->inspection == NULL && m->body_bytes == 0 && !m->body_skipped)
		begin(s, LEASE_WAIT_MS);
	if (monotonic_ms() > until - EOM_WAIT_MS + LEASE_WAIT_MS / 2)
		s->mta->progress(s->mta->context); /* it took a while */
	if (m->inspection == NULL) {
		m->unread = true;
		inspection_unknown(&m->facts, rules, m->inspection_lost);
		return;
	}
	m->inspection_lost = CAUSE_TIMEOUT;
	for (;;) {
		int64_t left = until - monotonic_ms();

		if (left > ANSWER_WAIT_MS)
			left = ANSWER_WAIT_MS;
		answer = inspection_wait(m->inspection, &m->facts,
					 left > 0 ? (unsigned)left : 0,
					 &m->inspection_lost);
		if (answer != INSPECTION_WAITING || left <= 0 ||
		    !s->mta->progress(s->mta->context))
			break;
	}
	m->unread = answer != INSPECTION_DONE;
	if (m->unread)
		inspection_unknown(&m->facts, rules, m->inspection_lost);
	waive_dmarc(m);
	content_drop(s);
}

void content_drop(struct session *s)
{
	inspection_end(s->message->inspection);
	s->message->inspection = NULL;
}
