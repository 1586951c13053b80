/*
 * speak.c - from hits to what the MTA is told: verdict and reply.
 *
 * Everything that a stranger wrote stays out of replies; reply_make() sees to
 * the form (rules/verdict.h), `%` is doubled at libmilter's door.
 */
#include <stdio.h>
#include <string.h>

#include "filter/counters.h"
#include "filter/clock.h"
#include "filter/fault.h"
#include "filter/generation.h"
#include "filter/message.h"
#include "lists/ip.h"

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
	char *end;

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
	end = list->text + list->len;
	if (list->len > 0)
		end = stpcpy(end, list->separator);
	end = stpcpy(end, rule->name);
	list->len = (size_t)(end - list->text);
}

static const char *symbols_of(struct session *s, const struct hits *hits,
			      const char *separator)
{
	static char nothing[] = "";
	struct symbols list = { .rules = s->generation->rules,
				.arena = &s->message->work,
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
		.identity = m->identity,
		.trap = m->trapped ? &m->trap : NULL,
	};
	if (phase > PHASE_RCPT)
		m->outcome.greylist = m->greylist;
	m->has_outcome = true;
}

/*
 * Hands a reply over, ending in `ref`; where it cannot be made there is a fault
 * of ours.
 */
static enum answer refuse(struct session *s, const struct hits *hits,
			  const struct verdict *verdict, enum phase phase,
			  const char *ref)
{
	struct message *m = s->message;
	char ip[IP_TEXT_SIZE];
	struct reply_values values = {
		.hits = symbols_of(s, hits, ", "),
		.score = verdict->bounds.score,
		.client_ip = ip_format(&s->client_ip, ip, sizeof(ip)),
		.ref = ref,
	};

	outcome_set(s, hits, verdict, phase);
	if (reply_make(verdict->reply, verdict->word, &values, &m->work,
		       &m->reply) < 0 ||
	    !s->mta->reply(s->mta->context, &m->reply))
		return speak_fault(s, phase);
	m->outcome.reply = &m->reply;
	s->refusal_class = m->reply.code[0] - '0';
	if (verdict->softened)
		count(COUNT_SOFTENED);
	fault_over();
	return ANSWER_REFUSE;
}

/*
 * Each refused recipient has a line in the log, under the reference that it
 * heard: the message's own for the first, new ones for others.
 */
static void recipient_ref(const struct message *m, char ref[REF_SIZE])
{
	if (m->rcpt_count + m->rcpts_uncounted == 0 && !m->ref_spoken)
		memcpy(ref, m->ref, REF_SIZE);
	else
		ref_next(ref);
}

static void tell_refused(struct session *s, const char *ref, const char *word)
{
	struct message *m = s->message;
	const struct outcome *outcome = &m->outcome;

	report_recipient(s, ref, word, m->reply.code, outcome->symbols,
			 outcome->verdict.bounds.score, &outcome->greylist);
	if (strcmp(ref, m->ref) != 0)
		return;
	m->ref_spoken = true;
	m->refused_word = word;
	m->refused_verdict = outcome->verdict;
	m->refused_greylist = outcome->greylist;
	memcpy(m->refused_code, m->reply.code, sizeof(m->refused_code));
	m->refused_symbols =
		arena_printf(&m->arena, "%.1000s", outcome->symbols);
}

static enum answer refuse_recipient(struct session *s, const struct hits *hits,
				    const struct verdict *verdict)
{
	struct message *m = s->message;
	char ref[REF_SIZE];
	enum answer answer;

	recipient_ref(m, ref);
	answer = refuse(s, hits, verdict, PHASE_RCPT, ref);
	if (!m->fault)
		tell_refused(s, ref, verdict_word_name(verdict->word));
	return answer;
}

static bool refuses(enum verdict_word word)
{
	return word == VERDICT_DEFER || word == VERDICT_REJECT;
}

bool speak_would_refuse(const struct session *s, const struct hits *hits)
{
	struct verdict verdict =
		verdict_of(hits, &s->generation->settings.session.verdict);

	return verdict.certain && refuses(verdict.word);
}

enum answer speak_early(struct session *s, const struct hits *hits,
			enum phase phase)
{
	const struct session_settings *set = &s->generation->settings.session;
	struct verdict verdict;

	if (set->mode == MODE_OBSERVE || phase < set->earliest_refusal)
		return ANSWER_CONTINUE;
	verdict = verdict_of(hits, &set->verdict);
	if (!verdict.certain || !refuses(verdict.word))
		return ANSWER_CONTINUE;
	if (phase == PHASE_RCPT)
		return refuse_recipient(s, hits, &verdict);
	count(COUNT_ACCEPT + (enum counter)verdict.word);
	return refuse(s, hits, &verdict, phase, s->message->ref);
}

/* --- replies that no rule asked for ------------------------------------ */

static enum answer say(struct session *s, const char *code,
		       const char *enhanced, const char *text, const char *ref)
{
	char line[160];
	struct reply reply = { .line_count = 1 };

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
	char ref[REF_SIZE];

	ref_next(ref);
	if (!s->busy_told)
		report_busy(s, ref);
	s->busy_told = true;
	return say(s, "421", "4.3.2", "Too busy, please try again later", ref);
}

/* 452 4.5.3 for one recipient, with a reference and a line of its own. */
static enum answer put_off(struct session *s, const struct greylist_said *said,
			   const char *text, const char *word)
{
	char ref[REF_SIZE];

	ref_next(ref);
	s->message->rcpts_split++;
	count(COUNT_RCPT_SPLIT);
	report_recipient(s, ref, word, "452", "", 0, said);
	return say(s, "452", "4.5.3", text, ref);
}

enum answer speak_split(struct session *s, const struct greylist_said *said)
{
	return put_off(s, said, "Please send to this recipient separately",
		       "split");
}

enum answer speak_too_many(struct session *s, const struct greylist_said *said)
{
	return put_off(s, said, "Too many recipients", "too-many");
}

/* --- greylisting --------------------------------------------------------- */

/* "try again in 4m58s"; a block without an end says nothing of time. */
static enum answer say_wait(struct session *s, const struct hits *hits,
			    const struct verdict *verdict, enum phase phase,
			    const struct greylist_said *said, const char *ref)
{
	struct message *m = s->message;
	char span[GREYLIST_SPAN_SIZE];
	const char *line;

	outcome_set(s, hits, verdict, phase);
	m->outcome.greylist = *said;
	m->outcome.greylisted = true;
	if (said->left == GREYLIST_FOR_EVER)
		line = arena_printf(&m->work,
				    "Greylisted, try again later (ref %s)",
				    ref);
	else
		line = arena_printf(&m->work,
				    "Greylisted, try again in %s (ref %s)",
				    greylist_span(said->left, span), ref);
	m->reply = (struct reply){ .code = "451",
				   .enhanced = "4.7.1",
				   .lines = { line },
				   .line_count = 1 };
	if (line == NULL || !s->mta->reply(s->mta->context, &m->reply))
		return speak_fault(s, phase);
	m->outcome.reply = &m->reply;
	s->refusal_class = 4;
	fault_over();
	return ANSWER_REFUSE;
}

static const char greylist_verdict[] = "greylist";

enum answer speak_wait(struct session *s, const struct hits *hits,
		       const struct greylist_said *said)
{
	struct verdict verdict =
		verdict_of(hits, &s->generation->settings.session.verdict);
	struct message *m = s->message;
	char ref[REF_SIZE];
	enum answer answer;

	recipient_ref(m, ref);
	m->rcpts_refused++;
	count(COUNT_RCPT_REFUSED);
	answer = say_wait(s, hits, &verdict, PHASE_RCPT, said, ref);
	if (!m->fault)
		tell_refused(s, ref, greylist_verdict);
	return answer;
}

/* --- the end ------------------------------------------------------------ */

void speak_of_recipient(struct message *m, size_t index)
{
	const struct recipient *rcpt = &m->rcpts[index];

	m->facts.fixed[FACT_RCPT] = rcpt->rcpt;
	m->facts.fixed[FACT_RCPT_LOCAL] = rcpt->local;
	m->facts.fixed[FACT_RCPT_DOMAIN] = rcpt->domain;
}

/* What is said to all recipients: the mildest verdict, with its hits. */
struct common {
	struct verdict verdict;
	const struct hits *hits;
	bool certain; /* for each recipient, and all are refused */
};

static bool milder(const struct verdict *a, const struct verdict *b)
{
	return a->word < b->word || (a->exempt && !b->exempt);
}

/*
 * Over all recipients.  Those that could be told apart were split at RCPT; this
 * loop matters where that is off.  False without memory.
 */
static bool judge_all(struct session *s, struct common *ret)
{
	const struct generation *gen = s->generation;
	const struct verdict_settings *set = &gen->settings.session.verdict;
	struct message *m = s->message;
	unsigned spare = 0; /* the arena that the mildest one is not in */

	hits_weigh(m->hits, &m->facts);
	*ret = (struct common){ .certain = true };
	for (size_t i = 0; i < m->rcpt_count || ret->hits == NULL; i++) {
		struct hits *hits = m->hits;
		struct verdict verdict;

		if (i < m->rcpt_count) {
			speak_of_recipient(m, i);
			arena_reset(&m->judged[spare]);
			hits = hits_for_rcpt(m->hits, &m->facts,
					     &m->judged[spare]);
		}
		if (hits == NULL)
			return false;
		verdict = verdict_of(hits, set);
		if (!verdict.certain || !refuses(verdict.word))
			ret->certain = false;
		if (ret->hits == NULL || milder(&verdict, &ret->verdict)) {
			ret->verdict = verdict;
			ret->hits = hits;
			spare = 1 - spare;
		}
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

/* Greylisted: all of them, for the one that has to wait longest. */
static enum answer defer_all(struct session *s, const struct common *common,
			     enum phase phase)
{
	const struct greylist_said said = s->message->greylist;

	return say_wait(s, common->hits, &common->verdict, phase, &said,
			s->message->ref);
}

/* Before the end: only what holds for everybody, whatever comes. */
static enum answer speak_data(struct session *s, const struct common *common)
{
	if (s->generation->settings.session.mode == MODE_OBSERVE)
		return ANSWER_CONTINUE;
	if (!common->certain)
		return grey_message(s, PHASE_DATA)
			       ? defer_all(s, common, PHASE_DATA)
			       : ANSWER_CONTINUE;
	count_verdict(&common->verdict, true);
	return refuse(s, common->hits, &common->verdict, PHASE_DATA,
		      s->message->ref);
}

static enum answer speak_eom(struct session *s, const struct common *common)
{
	bool enforce = s->generation->settings.session.mode == MODE_ENFORCE;
	const struct verdict *verdict = &common->verdict;
	const char *too_many = changes_too_many(s);

	if (too_many == NULL && verdict->word < VERDICT_DEFER &&
	    grey_message(s, PHASE_EOM) && enforce)
		return defer_all(s, common, PHASE_EOM);
	count_verdict(verdict, enforce);
	count_add(COUNT_REGEX_LIMITS, hits_regex_limits(common->hits));
	outcome_set(s, common->hits, verdict, PHASE_EOM);
	if (enforce && too_many != NULL)
		return say(s, "552", "5.3.4", too_many, s->message->ref);
	if (enforce && refuses(verdict->word))
		return refuse(s, common->hits, verdict, PHASE_EOM,
			      s->message->ref);
	fault_over();
	if (enforce && verdict->word == VERDICT_DISCARD)
		return ANSWER_DISCARD;
	if (!changes_make(s, verdict, enforce))
		return speak_fault(s, PHASE_EOM);
	if (verdict->word != VERDICT_QUARANTINE)
		grey_delivered(s);
	return ANSWER_ACCEPT;
}

enum answer speak_all(struct session *s, enum phase phase)
{
	struct message *m = s->message;
	struct common common;

	ruleset_close_phase(s->generation->rules, &m->facts, phase);
	if (!judge_all(s, &common))
		return speak_fault(s, phase);
	return phase == PHASE_EOM ? speak_eom(s, &common)
				  : speak_data(s, &common);
}

/* --- our own faults ----------------------------------------------------- */

/* The message passes with a mark; whatever still works is done. */
static enum answer pass_unchecked(struct session *s)
{
	count(COUNT_UNCHECKED);
	if (s->message != NULL)
		s->message->outcome.unchecked = true;
	changes_make_unchecked(s);
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
	char ref[REF_SIZE];

	if (s->message != NULL) {
		s->message->fault = true;
		memcpy(ref, s->message->ref, sizeof(ref));
	} else {
		ref_next(ref);
	}
	count(COUNT_FAULTS);
	report_fault(s, ref, phase, pass ? "pass" : "defer", lasted);
	if (pass)
		return phase == PHASE_EOM ? pass_unchecked(s) : ANSWER_CONTINUE;
	return say(s, "451", "4.3.0", "Internal trouble, please try again",
		   ref);
}
