/*
 * content.c - header and body on their way to the inspector.
 *
 * Fields are kept until the header ends, because a channel may not be free at
 * once; then all go over in one piece, and the inspector reads while the MTA
 * still sends.  What is kept is bounded as in rules/mail/limits.h: one field
 * more than the limits allow goes over, so that the inspector sees that there
 * was more.
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

/* Leases a channel and hands over the header. */
static void begin(struct session *s, unsigned wait_ms)
{
	struct message *m = s->message;
	const struct generation *gen = s->generation;
	struct inspection_request request = {
		.rules = gen->rules,
		.arrival = s->now(),
	};

	if (m->inspection != NULL)
		return; /* a second end of the header: no MTA's, and no use */
	if (m->header_lost) {
		/* Whoever read this header would believe that it is whole. */
		m->inspection_lost = CAUSE_LIMIT;
		return;
	}
	if (gen->plan.wants_body)
		request.body_limit = gen->settings.session.body_limit;
	m->inspection = inspection_begin(s->pool, &request, wait_ms,
					 &m->inspection_lost);
	if (m->inspection == NULL)
		return;
	for (size_t i = 0; i < m->field_count; i++)
		inspection_header(m->inspection, m->fields[i].name,
				  m->fields[i].name_len, m->fields[i].value,
				  m->fields[i].value_len);
}

void content_eoh(struct session *s)
{
	struct message *m = s->message;

	begin(s, 0);
	if (m->inspection != NULL && !s->generation->plan.wants_body)
		inspection_finish(m->inspection);
}

enum answer content_body(struct session *s, const unsigned char *bytes,
			 size_t len)
{
	struct message *m = s->message;
	uint64_t limit = s->generation->settings.session.body_limit;

	if (m->body_skipped)
		return ANSWER_SKIP;
	if (m->inspection == NULL && m->body_bytes == 0)
		begin(s, LEASE_WAIT_MS); /* no EOH came, or none was free */
	if (m->inspection == NULL) {
		m->body_skipped = true; /* unknown, as nobody read it */
		return ANSWER_SKIP;
	}
	inspection_body(m->inspection, bytes, len);
	m->body_bytes += len;
	if (m->body_bytes >= limit)
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
	inspection_finish(m->inspection);
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
	content_drop(s);
}

void content_drop(struct session *s)
{
	inspection_end(s->message->inspection);
	s->message->inspection = NULL;
}
