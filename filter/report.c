/*
 * report.c - what the log holds: a line a message, one a refused recipient.
 *
 * What we know ourselves stands first, what strangers wrote behind it and cut
 * to OUTSIDE_MAX bytes a value, so that they cannot push anything off the line.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "filter/generation.h"
#include "filter/clock.h"
#include "filter/log.h"
#include "filter/message.h"
#include "lists/ip.h"

enum { OUTSIDE_MAX = 100, OUTSIDE_SIZE = 4 * OUTSIDE_MAX + 4 };

/*
 * Everything that comes from outside, escaped, on the stack: a log line must
 * not depend on memory.
 */
struct outside {
	char queue_id[OUTSIDE_SIZE], name[OUTSIDE_SIZE], helo[OUTSIDE_SIZE];
	char sender[OUTSIDE_SIZE], rcpt[OUTSIDE_SIZE], from[OUTSIDE_SIZE];
	char mid[OUTSIDE_SIZE], auth[OUTSIDE_SIZE];
	char client[IP_TEXT_SIZE];
};

static void text_value(const char *text, char out[OUTSIDE_SIZE])
{
	log_escape(text != NULL ? text : "", text != NULL ? strlen(text) : 0,
		   OUTSIDE_MAX, out);
}

static void fact_value(const struct fact *fact, enum fact_type type,
		       char out[OUTSIDE_SIZE])
{
	const struct text *text = &fact->text;

	if (fact->state != FACT_KNOWN) {
		snprintf(out, OUTSIDE_SIZE, "%s",
			 fact->state == FACT_NONE ? "-" : "?");
		return;
	}
	if (type == FACT_TYPE_SET)
		text = &fact->set.items[0];
	log_escape(text->at, text->len, OUTSIDE_MAX, out);
}

static void outside_of(const struct session *s, struct outside *ret)
{
	const struct message *m = s->message;
	const struct fact *fixed = m->facts.fixed;
	/* the first that was taken, or the last that was not */
	const struct fact *rcpt =
		m->rcpt_count > 0 ? &m->rcpts[0].rcpt : &fixed[FACT_RCPT];

	text_value(m->queue_id, ret->queue_id);
	text_value(s->said[SAID_MTA_NAME].text, ret->name);
	text_value(s->said[SAID_HELO].text, ret->helo);
	fact_value(&fixed[FACT_SENDER], FACT_TYPE_STRING, ret->sender);
	fact_value(rcpt, FACT_TYPE_STRING, ret->rcpt);
	fact_value(&fixed[FACT_FROM_ADDRESS], FACT_TYPE_SET, ret->from);
	fact_value(&fixed[FACT_MESSAGE_ID], FACT_TYPE_STRING, ret->mid);
	fact_value(&fixed[FACT_CLIENT_AUTH_NAME], FACT_TYPE_STRING, ret->auth);
	if (s->client_ip.family != 0)
		ip_format(&s->client_ip, ret->client, sizeof(ret->client));
	else
		snprintf(ret->client, sizeof(ret->client), "local");
}

/* What the line says of the verdict. */
struct judged {
	const char *word, *symbols, *code;
	int32_t score;
	bool softened;
	const struct greylist_said *greylist;
};

static struct judged judged_of(const struct message *m)
{
	const struct outcome *outcome = &m->outcome;
	struct judged judged = { .word = "-",
				 .symbols = "",
				 .code = "-",
				 .greylist = &m->greylist };

	if (outcome->unchecked || m->fault) {
		judged.word = outcome->unchecked ? "unchecked" : "fault";
	} else if (m->rcpt_count + m->rcpts_uncounted == 0 &&
		   m->refused_symbols != NULL) {
		judged.word = m->refused_word;
		judged.symbols = m->refused_symbols;
		judged.score = m->refused_verdict.bounds.score;
		judged.softened = m->refused_verdict.softened;
		judged.code = m->refused_code;
		judged.greylist = &m->refused_greylist;
	} else if (m->has_outcome && outcome->phase != PHASE_RCPT) {
		judged.word =
			outcome->greylisted ? "greylist"
			: outcome->verdict.exempt
				? "exempt"
				: verdict_word_name(outcome->verdict.word);
		judged.symbols = outcome->symbols;
		judged.score = outcome->verdict.bounds.score;
		judged.softened = outcome->verdict.softened;
		if (outcome->reply != NULL)
			judged.code = outcome->reply->code;
	}
	return judged;
}

enum { GREYLIST_SIZE = GREYLIST_WORD_SIZE + TRIPLET_IDENTITY_SIZE + 80 };

/* An identity is printable ASCII without blanks (triplet.h). */
static const char *greylist_text(const struct message *m,
				 const struct greylist_said *said,
				 char out[GREYLIST_SIZE])
{
	char word[GREYLIST_WORD_SIZE], left[24] = "ever";

	if (said->left != GREYLIST_FOR_EVER)
		snprintf(left, sizeof(left), "%" PRId64, said->left);
	snprintf(out, GREYLIST_SIZE,
		 "greylist=%s wait=%s waited=%" PRId64 " identity=%s",
		 greylist_word(said, word), said->asked ? left : "-",
		 said->waited, m->identity[0] != '\0' ? m->identity : "-");
	return out;
}

enum { UNKNOWNS_SIZE = 400 };

/* Appends "name:cause"; where there is no room for more, a star. */
static size_t unknown_add(char *out, size_t used, const char *name,
			  const char *cause)
{
	size_t need = strlen(name) + strlen(cause) + 2;

	if (used > 0 && out[used - 1] == '*')
		return used;
	if (used + need + 3 > UNKNOWNS_SIZE)
		return used + (size_t)sprintf(out + used, ",*");
	return used + (size_t)sprintf(out + used, "%s%s:%s",
				      used > 0 ? "," : "", name, cause);
}

/* Why a DNS list's answers are not known; NULL where nothing is amiss. */
static const char *list_cause(const struct message *m, const struct fact *fact)
{
	if (fact_is_unsure(fact_row(FACT_DNSBL), fact))
		return fact_cause_name(fact->cause);
	/* Where anybody was asked at all, such a list was left out. */
	if (fact->state == FACT_NOT_ASKED && !fact->waived &&
	    m->lookups != NULL)
		return "unwell";
	return NULL;
}

/* What a pattern says that gave up is not known, though its facts are. */
static bool has_given_up(const struct message *m)
{
	return m->has_outcome && m->outcome.hits != NULL &&
	       hits_regex_limits(m->outcome.hits) > 0;
}

/*
 * Which of the facts that rules read are not known, and why: where a refusal
 * was softened, or none was spoken, this is the reason.
 */
static const char *unknowns_of(const struct session *s, char out[UNKNOWNS_SIZE])
{
	const struct ruleset *rules = s->generation->rules;
	const struct facts *facts = &s->message->facts;
	size_t used = 0;

	for (enum fact_id id = 0; id < FACT_FIXED; id++) {
		const struct fact_row *row = fact_row(fact_result(id));
		const struct fact *fact = &facts->fixed[fact_result(id)];

		if (fact_is_unsure(row, fact) && ruleset_reads(rules, id))
			used = unknown_add(out, used, fact_row(id)->name,
					   fact_unsure_cause(row, fact));
	}
	for (size_t i = 0; i < facts->slot_count; i++) {
		const struct fact_slot *slot = ruleset_slot(rules, (unsigned)i);
		const char *cause =
			slot->id == FACT_DNSBL
				? list_cause(s->message, &facts->slots[i])
				: NULL;

		if (cause != NULL)
			used = unknown_add(out, used, slot->name, cause);
	}
	if (s->message->sender_due)
		used = unknown_add(out, used, "sender.*", "needless");
	if (has_given_up(s->message))
		used = unknown_add(out, used, "regex",
				   fact_cause_name(CAUSE_LIMIT));
	return used > 0 ? out : "-";
}

static const char *mode_of(const struct session *s)
{
	return s->generation->settings.session.mode == MODE_OBSERVE ? "observe"
								    : "enforce";
}

void report_message(struct session *s, const char *end)
{
	const struct message *m = s->message;
	struct judged judged = judged_of(m);
	char score[SCORE_TEXT], unknowns[UNKNOWNS_SIZE];
	char greylist[GREYLIST_SIZE];
	struct outside out;

	outside_of(s, &out);
	log_event(m->fault ? LOG_WARNING : LOG_INFO, "mail",
		  "ref=%s qid=%s mode=%s verdict=%s score=%s symbols=%.1000s "
		  "reply=%s end=%s client=%s rcpts=%zu refused=%zu split=%zu "
		  "softened=%d unread=%s unknown=%s %s rules=%.8s ms=%" PRId64
		  " auth=%s name=%s helo=%s sender=%s rcpt=%s from=%s mid=%s",
		  m->ref, out.queue_id, mode_of(s), judged.word,
		  score_text(judged.score, score),
		  judged.symbols[0] != '\0' ? judged.symbols : "-", judged.code,
		  end, out.client, m->rcpt_count + m->rcpts_uncounted,
		  m->rcpts_refused, m->rcpts_split, judged.softened,
		  m->unread ? fact_cause_name(m->inspection_lost) : "-",
		  unknowns_of(s, unknowns),
		  greylist_text(m, judged.greylist, greylist),
		  s->generation->digest, monotonic_ms() - m->began_ms, out.auth,
		  out.name, out.helo, out.sender, out.rcpt, out.from, out.mid);
}

void report_recipient(struct session *s, const char *ref, const char *verdict,
		      const char *code, const char *symbols, int32_t score,
		      const struct greylist_said *said)
{
	const struct message *m = s->message;
	char text[SCORE_TEXT], rcpt[OUTSIDE_SIZE], unknowns[UNKNOWNS_SIZE];
	char greylist[GREYLIST_SIZE];
	struct outside out;

	outside_of(s, &out);
	fact_value(&m->facts.fixed[FACT_RCPT], FACT_TYPE_STRING, rcpt);
	log_event(LOG_INFO, "rcpt",
		  "ref=%s message=%s qid=%s verdict=%s score=%s "
		  "symbols=%.1000s reply=%s client=%s unknown=%s %s rules=%.8s "
		  "auth=%s name=%s helo=%s sender=%s rcpt=%s",
		  ref, m->ref, out.queue_id, verdict, score_text(score, text),
		  symbols[0] != '\0' ? symbols : "-", code, out.client,
		  unknowns_of(s, unknowns), greylist_text(m, said, greylist),
		  s->generation->digest, out.auth, out.name, out.helo,
		  out.sender, rcpt);
}

void report_trap(struct session *s, enum store_end end, bool convicted)
{
	const struct message *m = s->message;
	char rcpt[OUTSIDE_SIZE];
	struct outside out;

	outside_of(s, &out);
	fact_value(&m->trap, FACT_TYPE_STRING, rcpt);
	log_event(end == STORE_DONE ? LOG_INFO : LOG_WARNING, "trap",
		  "message=%s identity=%s convicted=%s for=%us end=%s "
		  "client=%s name=%s helo=%s sender=%s rcpt=%s",
		  m->ref, m->identity, convicted ? "yes" : "no",
		  s->generation->settings.greylist.spamtrap_block,
		  store_end_name(end), out.client, out.name, out.helo,
		  out.sender, rcpt);
}

void report_busy(const struct session *s, const char *ref)
{
	char ip[IP_TEXT_SIZE];

	log_event(LOG_WARNING, "busy", "ref=%s reply=421 client=%s", ref,
		  s->client_ip.family != 0
			  ? ip_format(&s->client_ip, ip, sizeof(ip))
			  : "local");
}

void report_fault(struct session *s, const char *ref, enum phase phase,
		  const char *action, int64_t lasted)
{
	if (s->fault_told)
		return;
	s->fault_told = true;
	log_event(LOG_ERR, "X2",
		  "ref=%s action=%s at=%s since=%" PRId64 "s reason=nomem", ref,
		  action, phase_name(phase), lasted);
}
