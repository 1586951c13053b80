/*
 * session_rcpt.c - the recipients: who is taken, refused, or asked to come
 * again.
 */
#include <string.h>

#include "filter/counters.h"
#include "filter/generation.h"
#include "filter/message.h"

/* Of a text in `work`, which the next recipient empties. */
static bool keep_fact(struct arena *arena, struct fact *fact)
{
	if (fact->state != FACT_KNOWN)
		return true;
	fact->text.at = arena_strndup(arena, fact->text.at, fact->text.len);
	return fact->text.at != NULL;
}

/*
 * Keeps the recipient's own facts for the end.  False: there is no room for
 * more, because there are too many or their addresses are too long.
 */
static bool recipient_add(struct message *m, const struct greylist_said *said)
{
	struct recipient rcpt = {
		.rcpt = m->facts.fixed[FACT_RCPT],
		.local = m->facts.fixed[FACT_RCPT_LOCAL],
		.domain = m->facts.fixed[FACT_RCPT_DOMAIN],
		.greylist = *said,
		.is_trap = m->rcpt_is_trap,
	};

	if (m->rcpt_count == RECIPIENTS_MAX ||
	    !keep_fact(&m->rcpt_arena, &rcpt.rcpt) ||
	    !keep_fact(&m->rcpt_arena, &rcpt.local) ||
	    !keep_fact(&m->rcpt_arena, &rcpt.domain))
		return false;
	if (m->rcpt_count == m->rcpt_room) {
		size_t room = m->rcpt_room == 0 ? 4 : m->rcpt_room * 2;
		struct recipient *more;

		more = arena_array(&m->rcpt_arena, room, sizeof(*more));
		if (more == NULL)
			return false;
		if (m->rcpt_count > 0)
			memcpy(more, m->rcpts, m->rcpt_count * sizeof(*more));
		m->rcpts = more;
		m->rcpt_room = room;
	}
	m->rcpts[m->rcpt_count++] = rcpt;
	return true;
}

/* What the recipient before has left in `work` goes. */
static void recipient_begin(struct message *m)
{
	m->has_outcome = false;
	m->facts.fixed[FACT_RCPT] = (struct fact){ .state = FACT_PENDING };
	m->facts.fixed[FACT_RCPT_LOCAL] = m->facts.fixed[FACT_RCPT];
	m->facts.fixed[FACT_RCPT_DOMAIN] = m->facts.fixed[FACT_RCPT];
	m->rcpt_is_trap = false;
	arena_reset(&m->work);
}

/*
 * The message goes on, so it needs a reference that has not been given to
 * somebody who was refused.
 */
static void recipient_taken(struct message *m)
{
	if (m->ref_spoken)
		ref_next(m->ref);
	m->ref_spoken = false;
}

/*
 * Judges one recipient where an answer is due.  The recipients of a message
 * must all end alike, so one who might not is asked to come again alone; but
 * first whether he has to wait, so that by then he has.
 */
static enum answer judge_recipient(struct session *s)
{
	const struct generation *gen = s->generation;
	struct message *m = s->message;
	struct greylist_said said;
	struct hits *hits;
	enum answer answer;

	session_weigh(s, PHASE_RCPT);
	hits = hits_for_rcpt(m->hits, &m->facts, &m->work);
	if (hits == NULL)
		return speak_fault(s, PHASE_RCPT);
	answer = speak_early(s, hits, PHASE_RCPT);
	if (answer != ANSWER_CONTINUE) {
		m->rcpts_refused++;
		count(COUNT_RCPT_REFUSED);
		return answer;
	}
	if (grey_recipient(s, hits, &said))
		return speak_wait(s, hits, &said);
	if (m->first_rcpt_hits != NULL && gen->settings.session.split_classes &&
	    !hits_judged_alike(m->first_rcpt_hits, hits))
		return speak_split(s, &said);
	if (!recipient_add(m, &said)) {
		if (m->rcpt_arena.failed)
			return speak_fault(s, PHASE_RCPT);
		if (ruleset_tells_recipients_apart(gen->rules))
			return speak_too_many(s, &said);
		m->rcpts_uncounted++; /* it ends as the others do */
	}
	m->greylist = *greylist_worse(&m->greylist, &said);
	if (m->first_rcpt_hits == NULL) {
		m->first_rcpt_hits =
			hits_for_rcpt(m->hits, &m->facts, &m->arena);
		if (m->first_rcpt_hits == NULL)
			return speak_fault(s, PHASE_RCPT);
	}
	recipient_taken(m);
	return ANSWER_CONTINUE;
}

/*
 * Where rules want to know, the MTA also tells of recipients that it refuses
 * itself (SMFIP_RCPT_REJ); that mailer is what they have in common.
 */
static bool is_refused_by_mta(const struct session *s)
{
	const char *mailer;

	if (!s->generation->plan.wants_refused)
		return false;
	mailer = s->mta->macro(s->mta->context, "{rcpt_mailer}");
	return mailer != NULL && strcmp(mailer, "error") == 0;
}

enum answer session_rcpt(struct session *s, char **args)
{
	const struct greylist_said said = { 0 }; /* not asked here */
	struct message *m = s->message;
	struct envelope envelope;
	bool refused;

	if (s->refused)
		return speak_busy(s);
	if (s->out_of_memory || (m != NULL && m->fault))
		return session_fault(s, PHASE_RCPT);
	if (m == NULL || !m->open)
		return ANSWER_CONTINUE; /* RCPT without MAIL: the MTA's task */
	refused = is_refused_by_mta(s);
	if (refused)
		s->manners.refused_rcpts++;
	if (refused && !s->generation->plan.has_traps)
		return ANSWER_CONTINUE;
	recipient_begin(m);
	envelope = session_envelope(s, &m->work);
	envelope.args = args;
	phases_check(PHASE_RCPT, &envelope, &m->facts);
	grey_trap(s);
	if (refused)
		return ANSWER_CONTINUE;
	if (s->generation->plan.answers[PHASE_RCPT])
		return judge_recipient(s);
	if (!recipient_add(m, &said))
		m->rcpts_uncounted++;
	return ANSWER_CONTINUE;
}
