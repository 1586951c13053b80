/*
 * speak.c - from hits to what the MTA is told: verdict, reply, header.
 *
 * Everything that a stranger wrote stays out of replies; reply_make() sees to
 * the form (rules/verdict.h), `%` is doubled at libmilter's door.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "filter/counters.h"
#include "filter/fault.h"
#include "filter/generation.h"
#include "filter/message.h"
#include "lists/ip.h"

static const char header_name[] = "X-Steelyard";

struct symbols {
	const struct ruleset *rules;
	struct arena *arena;
	const char *separator;
	char *text;
	size_t len, room;
};

/* A full arena cuts the list; the verdict stands all the same. */
static void symbol_add(void *context, size_t index)
{
	struct symbols *list = context;
	const struct rule_info *rule = ruleset_rule(list->rules, index);
	size_t need;

	if (rule->shadow)
		return;
	need = list->len + strlen(list->separator) + strlen(rule->name) + 1;
	if (need > list->room) {
		size_t room = need * 2 + 128;
		char *more = arena_alloc(list->arena, room);

		if (more == NULL)
			return;
		memcpy(more, list->text, list->len + 1);
		list->text = more;
		list->room = room;
	}
	list->len += (size_t)sprintf(list->text + list->len, "%s%s",
				     list->len > 0 ? list->separator : "",
				     rule->name);
}

static const char *symbols_of(struct session *s, const struct hits *hits,
			      const char *separator)
{
	static char nothing[] = "";
	struct symbols list = { .rules = s->generation->rules,
				.arena = &s->message->arena,
				.separator = separator,
				.text = nothing };

	hits_each(hits, symbol_add, &list);
	return list.text;
}

static void outcome_set(struct session *s, const struct hits *hits,
			const struct verdict *verdict, enum phase phase)
{
	struct message *m = s->message;

	m->outcome = (struct outcome){
		.verdict = *verdict,
		.symbols = symbols_of(s, hits, ","),
		.ref = m->ref,
		.facts = &m->facts,
		.hits = hits,
		.phase = phase,
	};
	m->has_outcome = true;
}

/* Hands a reply over; where it cannot be made there is a fault of ours. */
static enum answer refuse(struct session *s, const struct hits *hits,
			  const struct verdict *verdict, enum phase phase)
{
	struct message *m = s->message;
	char ip[IP_TEXT_SIZE];
	struct reply_values values = {
		.hits = symbols_of(s, hits, ", "),
		.score = verdict->bounds.score,
		.client_ip = ip_format(&s->client_ip, ip, sizeof(ip)),
		.ref = m->ref,
	};

	outcome_set(s, hits, verdict, phase);
	if (reply_make(verdict->reply, verdict->word, &values, &m->arena,
		       &m->reply) < 0 ||
	    !s->mta->reply(s->mta->context, &m->reply))
		return speak_fault(s, phase);
	m->outcome.reply = &m->reply;
	s->refusal_class = m->reply.code[0] - '0';
	if (verdict->softened)
		count(COUNT_SOFTENED);
	return ANSWER_REFUSE;
}

static bool refuses(enum verdict_word word)
{
	return word == VERDICT_DEFER || word == VERDICT_REJECT;
}

enum answer speak_early(struct session *s, const struct hits *hits,
			enum phase phase)
{
	const struct session_settings *set = &s->generation->settings.session;
	struct verdict verdict;

	if (set->mode == MODE_OBSERVE)
		return ANSWER_CONTINUE;
	verdict = verdict_of(hits, &set->verdict);
	if (!verdict.certain || !refuses(verdict.word))
		return ANSWER_CONTINUE;
	if (phase != PHASE_RCPT)
		count(COUNT_ACCEPT + (enum counter)verdict.word);
	return refuse(s, hits, &verdict, phase);
}

/* --- replies that no rule asked for ------------------------------------ */

static enum answer say(struct session *s, const char *code,
		       const char *enhanced, const char *text)
{
	char line[160], ref[REF_SIZE];
	struct reply reply = { .line_count = 1 };

	if (s->message != NULL)
		memcpy(ref, s->message->ref, sizeof(ref));
	else
		ref_next(ref);
	snprintf(reply.code, sizeof(reply.code), "%s", code);
	snprintf(reply.enhanced, sizeof(reply.enhanced), "%s", enhanced);
	snprintf(line, sizeof(line), "%s (ref %s)", text, ref);
	reply.lines[0] = line;
	/* Without the text the MTA's own 4xx is said: still no mail lost. */
	s->mta->reply(s->mta->context, &reply);
	s->refusal_class = code[0] - '0';
	return ANSWER_REFUSE;
}

enum answer speak_busy(struct session *s)
{
	return say(s, "421", "4.3.2", "Too busy, please try again later");
}

enum answer speak_split(struct session *s)
{
	s->message->rcpts_split++;
	count(COUNT_RCPT_SPLIT);
	return say(s, "452", "4.5.3",
		   "Please send to this recipient separately");
}

enum answer speak_too_many(struct session *s)
{
	s->message->rcpts_split++;
	return say(s, "452", "4.5.3", "Too many recipients");
}

/* --- the end ------------------------------------------------------------ */

/* Copies that strangers sent: from the last to the first, as each deletion
 * moves the numbers of those behind it. */
static void remove_own_headers(struct session *s)
{
	for (unsigned i = s->message->own_headers; i > 0; i--)
		s->mta->change_header(s->mta->context, header_name, (int)i,
				      NULL);
}

static void add_own_header(struct session *s, const char *word,
			   const struct outcome *outcome)
{
	struct message *m = s->message;
	char score[SCORE_TEXT];
	const char *symbols = outcome->symbols;
	const char *value;

	if (m == NULL)
		return;
	score_text(outcome->verdict.bounds.score, score);
	value = arena_printf(&m->arena, "score=%s verdict=%s symbols=%s ref=%s",
			     score, word, symbols, m->ref);
	if (value == NULL || strlen(value) > 900) /* RFC 5322 2.1.1: 998 */
		value = arena_printf(
			&m->arena, "score=%s verdict=%s symbols=%.700s ref=%s",
			score, word, symbols, m->ref);
	if (value != NULL)
		s->mta->insert_header(s->mta->context, 0, header_name, value);
}

/* A line's end that no blank follows would begin a field of its own. */
static void keep_one_field(char *value)
{
	for (char *c = value; *c != '\0'; c++) {
		bool fold = c[0] == '\n' && (c[1] == ' ' || c[1] == '\t');

		if (c[0] == '\n' && !fold && c > value && c[-1] == '\r')
			c[-1] = ' ';
		if ((c[0] == '\n' && !fold) || (c[0] == '\r' && c[1] != '\n'))
			c[0] = ' ';
	}
}

static void prefix_subject(struct session *s, const char *prefix)
{
	struct message *m = s->message;
	const struct field *subject = NULL;
	const char *value;
	char *changed;

	for (size_t i = 0; i < m->field_count && subject == NULL; i++)
		if (strcasecmp(m->fields[i].name, "Subject") == 0)
			subject = &m->fields[i];
	if (subject == NULL) {
		s->mta->insert_header(s->mta->context, 1, "Subject", prefix);
		return;
	}
	value = subject->value;
	if (value[0] == ' ')
		value++;
	if (strncmp(value, prefix, strlen(prefix)) == 0)
		return;
	changed = arena_printf(&m->arena, "%s%s", prefix, value);
	if (changed == NULL)
		return;
	keep_one_field(changed);
	s->mta->change_header(s->mta->context, "Subject", 1, changed);
}

static const char *word_of(const struct verdict *verdict)
{
	return verdict->exempt ? "exempt" : verdict_word_name(verdict->word);
}

/* All changes in one burst, each harmless by itself if the link breaks. */
static void change_message(struct session *s, const struct verdict *verdict,
			   bool enforce)
{
	struct message *m = s->message;
	const char *reason;

	remove_own_headers(s);
	if (enforce && verdict->word == VERDICT_TAG && verdict->subject != NULL)
		prefix_subject(s, verdict->subject);
	add_own_header(s, word_of(verdict), &m->outcome);
	if (!enforce || verdict->word != VERDICT_QUARANTINE)
		return;
	reason = arena_printf(&m->arena, "steelyard: %.200s (ref %s)",
			      m->outcome.symbols, m->ref);
	s->mta->quarantine(s->mta->context,
			   reason != NULL ? reason : "steelyard");
}

static void recipient_facts(struct message *m, size_t index)
{
	const struct recipient *rcpt = &m->rcpts[index];

	m->facts.fixed[FACT_RCPT] = rcpt->rcpt;
	m->facts.fixed[FACT_RCPT_LOCAL] = rcpt->local;
	m->facts.fixed[FACT_RCPT_DOMAIN] = rcpt->domain;
}

/*
 * The mildest verdict over the recipients.  Recipients that could be told apart
 * were split at RCPT; this loop matters where that is off or was not asked.
 */
static bool judge_all(struct session *s, struct verdict *ret_verdict,
		      const struct hits **ret_hits)
{
	const struct generation *gen = s->generation;
	const struct verdict_settings *set = &gen->settings.session.verdict;
	struct message *m = s->message;
	bool first = true;

	hits_weigh(m->hits, &m->facts);
	for (size_t i = 0; i < m->rcpt_count || first; i++) {
		struct hits *hits = m->hits;
		struct verdict verdict;

		if (i < m->rcpt_count) {
			recipient_facts(m, i);
			hits = hits_for_rcpt(m->hits, &m->facts, &m->arena);
		}
		if (hits == NULL)
			return false;
		verdict = verdict_of(hits, set);
		if (first || verdict.word < ret_verdict->word ||
		    (verdict.exempt && !ret_verdict->exempt)) {
			*ret_verdict = verdict;
			*ret_hits = hits;
		}
		first = false;
		if (hits == m->hits)
			break; /* nobody tells them apart */
	}
	return true;
}

static void count_verdict(const struct verdict *verdict, bool enforce)
{
	if (verdict->exempt)
		count(COUNT_EXEMPT);
	else
		count(COUNT_ACCEPT + (enum counter)verdict->word);
	if (!enforce && verdict->word != VERDICT_ACCEPT)
		count(COUNT_OBSERVED);
}

enum answer speak_all(struct session *s, enum phase phase)
{
	struct message *m = s->message;
	const struct generation *gen = s->generation;
	bool enforce = gen->settings.session.mode == MODE_ENFORCE;
	const struct hits *hits;
	struct verdict verdict;

	ruleset_close_phase(gen->rules, &m->facts, phase);
	if (!judge_all(s, &verdict, &hits))
		return speak_fault(s, phase);
	if (phase != PHASE_EOM &&
	    (!enforce || !verdict.certain || !refuses(verdict.word)))
		return ANSWER_CONTINUE;
	fault_over();
	count_verdict(&verdict, enforce);
	count_add(COUNT_REGEX_LIMITS, hits_regex_limits(hits));
	if (enforce && refuses(verdict.word))
		return refuse(s, hits, &verdict, phase);
	outcome_set(s, hits, &verdict, phase);
	if (enforce && verdict.word == VERDICT_DISCARD)
		return ANSWER_DISCARD;
	change_message(s, &verdict, enforce);
	return ANSWER_ACCEPT;
}

/* --- our own faults ----------------------------------------------------- */

/* The message passes with a mark; whatever still works is done. */
static enum answer pass_unchecked(struct session *s)
{
	count(COUNT_UNCHECKED);
	if (s->message != NULL) {
		s->message->outcome.unchecked = true;
		remove_own_headers(s);
	}
	s->mta->insert_header(s->mta->context, 0, header_name,
			      "verdict=unchecked");
	return ANSWER_ACCEPT;
}

enum answer speak_fault(struct session *s, enum phase phase)
{
	const struct session_settings *set = &s->generation->settings.session;
	int64_t lasted = fault_seen(monotonic_ms() / 1000);
	bool pass = set->mode == MODE_OBSERVE ||
		    set->on_fault == ON_FAULT_PASS ||
		    (set->on_fault == ON_FAULT_DEFER_THEN_PASS &&
		     lasted >= FAULT_LASTS);

	count(COUNT_FAULTS);
	if (s->message != NULL)
		s->message->fault = true;
	if (pass)
		return phase == PHASE_EOM ? pass_unchecked(s) : ANSWER_CONTINUE;
	return say(s, "451", "4.3.0", "Internal trouble, please try again");
}
