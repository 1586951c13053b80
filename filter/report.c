/*
 * report.c - the one line that the log holds of a message.
 */
#include <inttypes.h>
#include <string.h>

#include "filter/generation.h"
#include "filter/log.h"
#include "filter/message.h"
#include "lists/ip.h"

static const char *fact_value(struct message *m, enum fact_id id)
{
	const struct fact *fact = &m->facts.fixed[id];
	enum fact_type type = fact_row(id)->type;

	if (fact->state != FACT_KNOWN)
		return fact->state == FACT_NONE ? "-" : "?";
	if (type == FACT_TYPE_STRING)
		return log_value(&m->arena, fact->text.at, fact->text.len);
	if (type == FACT_TYPE_SET)
		return log_value(&m->arena, fact->set.items[0].at,
				 fact->set.items[0].len);
	return "-";
}

static const char *text_value(struct message *m, const char *text)
{
	return text != NULL ? log_value(&m->arena, text, strlen(text)) : "-";
}

static const char *first_rcpt(struct message *m)
{
	const struct fact *rcpt;

	if (m->rcpt_count == 0)
		return fact_value(m, FACT_RCPT); /* one that was refused */
	rcpt = &m->rcpts[0].rcpt;
	return rcpt->state == FACT_KNOWN
		       ? log_value(&m->arena, rcpt->text.at, rcpt->text.len)
		       : "-";
}

static const char *verdict_text(const struct message *m)
{
	if (m->outcome.unchecked)
		return "unchecked";
	if (m->fault)
		return "fault";
	if (!m->has_outcome)
		return "-";
	if (m->outcome.verdict.exempt)
		return "exempt";
	return verdict_word_name(m->outcome.verdict.word);
}

void report_message(struct session *s, const char *end)
{
	struct message *m = s->message;
	char ip[IP_TEXT_SIZE], score[SCORE_TEXT];
	int32_t sum = m->has_outcome ? m->outcome.verdict.bounds.score : 0;
	const struct reply *reply = m->outcome.reply;

	log_event(m->fault ? LOG_WARNING : LOG_INFO, "mail",
		  "ref=%s qid=%s mode=%s verdict=%s score=%s symbols=%s "
		  "reply=%s end=%s client=%s name=%s helo=%s sender=%s rcpt=%s "
		  "rcpts=%zu refused=%zu split=%zu from=%s mid=%s auth=%s "
		  "softened=%d rules=%.8s ms=%" PRId64,
		  m->ref, text_value(m, m->queue_id),
		  s->generation->settings.session.mode == MODE_OBSERVE
			  ? "observe"
			  : "enforce",
		  verdict_text(m), score_text(sum, score),
		  m->has_outcome && m->outcome.symbols[0] != '\0'
			  ? m->outcome.symbols
			  : "-",
		  reply != NULL ? reply->code : "-", end,
		  s->client_ip.family != 0
			  ? ip_format(&s->client_ip, ip, sizeof(ip))
			  : "local",
		  text_value(m, s->client_mta_name), text_value(m, s->helo),
		  fact_value(m, FACT_SENDER), first_rcpt(m),
		  m->rcpt_count + m->rcpts_uncounted, m->rcpts_refused,
		  m->rcpts_split, fact_value(m, FACT_FROM_ADDRESS),
		  fact_value(m, FACT_MESSAGE_ID),
		  fact_value(m, FACT_CLIENT_AUTH_NAME),
		  m->has_outcome && m->outcome.verdict.softened,
		  s->generation->digest, monotonic_ms() - m->began_ms);
}
