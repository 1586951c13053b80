/*
 * grey.c - must this sender wait?  Asked of the greylist's memory, and what
 * else it is told.
 *
 * Asked is where the score so far has reached the threshold of the recipient's
 * class, and it is not certain already that he is refused: at RCPT, or where
 * `set greylist_stage` says so; the null sender's not before DATA, as a callout
 * sends no more than RCPT, and must not wait.  At DATA and EOM all recipients
 * are asked about, and the message is deferred as a whole if any has to wait.
 * In observe mode nobody waits for DNS until EOM, so it is asked there, before
 * the content counts, and nothing is spoken.
 *
 * Who is asked about is fixed for a message when it is first needed, by what is
 * proven then.  What could not be found out proves nothing: where SPF or a name
 * was not to be had in time, the next best proof counts, the network the last.
 * So if the same mail comes again and SPF passes this time, it is another's,
 * and waits once more; and so it would the other way round.  It never waits
 * twice for one proof, as each wait is remembered.  Of several confirmed names
 * the organisation is taken that comes first in the alphabet, however DNS deals
 * them; and a record that lets everybody send proves nothing.
 *
 * Whoever writes to a trap is convicted at once if an answer is due, or else at
 * the message's end; not the null sender, as a bounce or a callout goes to
 * whatever address somebody else has forged.  For the rest of the message it is
 * asked about all other recipients, whatever the score.
 *
 * No lock is held while the memory is asked; each question has a deadline.
 */
#include <string.h>

#include "filter/checks/asking.h"
#include "filter/clock.h"
#include "filter/counters.h"
#include "filter/generation.h"
#include "filter/message.h"
#include "lists/greylist_clock.h"
#include "lists/list.h"
#include "lists/sender_key.h"
#include "lists/store.h"
#include "rules/ruleset.h"

enum {
	/*
	 * For one question before EOM, or all at DATA, or all that is told.
	 * With what DNS may take (enquiry.c), still 8 s.
	 */
	ASK_MS = 1000,
	ASK_EOM_MS = 5000, /* for all at EOM */
	TELL_MS = 300, /* for a conviction that nobody waits for */
	/* Who is given less has no fair chance, and would count as silent. */
	LEAST_MS = 200,
	NAME_MAX_LEN = 255, /* bytes of a domain name */
};

static struct store *store_of(const struct session *s)
{
	return s->store != NULL ? s->store() : NULL;
}

static bool is_null_sender(const struct message *m)
{
	return m->facts.fixed[FACT_SENDER].state == FACT_NONE;
}

static bool knows(const struct fact *fact, bool yes)
{
	return fact->state == FACT_KNOWN && fact->yes == yes;
}

/* --- whom it is known as ------------------------------------------------- */

/* The texts of facts end with their length alone. */
static bool copy_name(const struct text *text, char buf[NAME_MAX_LEN + 1])
{
	if (text->len == 0 || text->len > NAME_MAX_LEN)
		return false;
	memcpy(buf, text->at, text->len);
	buf[text->len] = '\0';
	return strlen(buf) == text->len;
}

static bool spf_domain(const struct facts *facts, char buf[NAME_MAX_LEN + 1])
{
	const struct fact *spf = &facts->fixed[FACT_SPF];
	const struct fact *domain = &facts->fixed[FACT_SPF_DOMAIN];
	const char *const *words = fact_row(FACT_SPF)->words;

	return spf->state == FACT_KNOWN &&
	       strcmp(words[spf->word], "pass") == 0 &&
	       !knows(&facts->fixed[FACT_SPF_OPEN], true) &&
	       domain->state == FACT_KNOWN && copy_name(&domain->text, buf);
}

/* The client's names, each by itself: the first in the alphabet. */
static void by_names(const struct session *s, const struct triplet_bits *bits,
		     char buf[TRIPLET_IDENTITY_SIZE])
{
	const struct fact *names = &s->message->facts.fixed[FACT_CLIENT_NAME];
	size_t count = names->state == FACT_KNOWN ? names->set.count : 0;

	for (size_t i = 0; i < count; i++) {
		char name[NAME_MAX_LEN + 1], found[TRIPLET_IDENTITY_SIZE];
		struct triplet_client client = { .ip = s->client_ip };

		if (!copy_name(&names->set.items[i], name))
			continue;
		client.name = name;
		client.name_is_dynamic = name_is_dynamic(name, &s->client_ip);
		if (triplet_identity(&client, bits, found) == TRIPLET_PTR &&
		    (buf[0] == '\0' || strcmp(found, buf) < 0))
			memcpy(buf, found, strlen(found) + 1);
	}
}

static void identify(struct session *s, bool waits)
{
	const struct greylist_settings *set = &s->generation->settings.greylist;
	const struct triplet_bits bits = { (uint8_t)set->v4_bits,
					   (uint8_t)set->v6_bits };
	struct triplet_client client = { .ip = s->client_ip };
	struct message *m = s->message;
	char domain[NAME_MAX_LEN + 1];

	if (m->identity[0] != '\0')
		return;
	enquiry_prove(s, waits);
	if (spf_domain(&m->facts, domain)) {
		client.spf_domain = domain;
		if (triplet_identity(&client, &bits, m->identity) ==
		    TRIPLET_SPF)
			return;
		client.spf_domain = NULL;
	}
	m->identity[0] = '\0';
	by_names(s, &bits, m->identity);
	if (m->identity[0] == '\0')
		triplet_identity(&client, &bits, m->identity);
}

/* An address that cannot be read is a fact with its brackets. */
static struct text bare(const struct fact *fact)
{
	struct text text = { "", 0 };

	if (fact->state != FACT_KNOWN)
		return text;
	text = fact->text;
	if (text.len >= 2 && text.at[0] == '<' && text.at[text.len - 1] == '>')
		text = (struct text){ text.at + 1, text.len - 2 };
	return text;
}

/* --- asking -------------------------------------------------------------- */

/*
 * Is this recipient one of those who are asked about?  What a refusal says, for
 * good or for now, goes first.
 */
static bool is_due(const struct session *s, const struct hits *hits,
		   struct greylist_terms *ret_terms)
{
	const struct generation *gen = s->generation;
	const struct message *m = s->message;
	struct verdict verdict =
		verdict_of(hits, &gen->settings.session.verdict);
	const struct greylist_info *info =
		ruleset_greylist(gen->rules, verdict.class_index);

	if (m->own_client || m->exempt || verdict.exempt || info->never ||
	    (verdict.certain && verdict.word >= VERDICT_DEFER))
		return false;
	*ret_terms = greylist_terms_of(gen, verdict.class_index);
	return m->trapped || verdict.bounds.score >= info->threshold;
}

static void count_answer(const struct greylist_said *said)
{
	static const enum counter counters[] = {
		[GREYLIST_UNKNOWN] = COUNT_GREYLIST_UNKNOWN,
		[GREYLIST_WAIT] = COUNT_GREYLIST_WAIT,
		[GREYLIST_PASS] = COUNT_GREYLIST_PASS,
		[GREYLIST_REFUSED] = COUNT_GREYLIST_REFUSED,
	};

	count(said->suspended ? COUNT_GREYLIST_PASS : counters[said->answer]);
}

static void visit(struct session *s, struct store *store, const char *key,
		  const char *sender, const struct greylist_terms *terms,
		  unsigned max_ms, struct greylist_said *said)
{
	const struct store_visit visit = {
		.triplet = key,
		.identity = s->message->identity,
		.sender = sender,
		.terms = *terms,
		.now = greylist_now(),
		.max_ms = max_ms,
	};
	struct greylist_result result;

	said->end = store_visit(store, &visit, &result);
	said->answer = result.answer;
	said->why = result.why;
	said->left = result.left;
	said->waited = result.waited;
	said->suspended = result.answer == GREYLIST_WAIT &&
			  greylist_is_suspended(terms->wait);
}

static void convict(struct session *s, struct store *store, unsigned max_ms);

/* What is left until then, or 0: too little to ask for anything. */
static unsigned left_ms(int64_t until_ms)
{
	int64_t left = until_ms - monotonic_ms();

	return left >= LEAST_MS ? (unsigned)left : 0;
}

/* Until when, from now on: what DNS takes to say who it is comes before. */
static int64_t begin_asking(struct session *s, unsigned patience_ms)
{
	if (store_of(s) != NULL || s->keep_outcome)
		identify(s, true);
	return monotonic_ms() + patience_ms;
}

/* About the recipient that the facts speak of. */
static void ask(struct session *s, const struct greylist_terms *terms,
		int64_t until_ms, struct greylist_said *said)
{
	char sender[SENDER_KEY_SIZE], rcpt[SENDER_KEY_SIZE];
	char key[TRIPLET_KEY_SIZE];
	struct message *m = s->message;
	struct store *store = store_of(s);
	struct text from = bare(&m->facts.fixed[FACT_SENDER]);
	struct text to = bare(&m->facts.fixed[FACT_RCPT]);
	unsigned max_ms;

	*said = (struct greylist_said){ .due = true, .left = terms->wait };
	if (store == NULL)
		return;
	said->asked = true;
	said->left = 0;
	max_ms = left_ms(until_ms);
	if (max_ms > 0)
		convict(s, store, max_ms);
	sender_key(from.at, from.len, sender);
	recipient_key(to.at, to.len, rcpt);
	max_ms = left_ms(until_ms);
	/* What was lost for want of memory is nobody's. */
	if (m->facts.fixed[FACT_SENDER].state == FACT_UNKNOWN ||
	    triplet_key(m->identity, sender, rcpt, key) == 0)
		said->end = STORE_INVALID;
	else if (max_ms == 0)
		said->end = STORE_LATE;
	else
		visit(s, store, key, sender, terms, max_ms, said);
	count_answer(said);
}

/* At RCPT, or later for all of them? */
static bool asks_each(const struct session *s)
{
	return greylist_phase(s->generation, is_null_sender(s->message)) ==
		       PHASE_RCPT &&
	       s->generation->plan.answers[PHASE_RCPT];
}

bool grey_recipient(struct session *s, const struct hits *hits,
		    struct greylist_said *ret_said)
{
	struct greylist_terms terms;

	*ret_said = (struct greylist_said){ 0 };
	if (!s->generation->plan.greylists || s->message->rcpt_is_trap ||
	    !asks_each(s) || !is_due(s, hits, &terms))
		return false;
	ask(s, &terms, begin_asking(s, ASK_MS), ret_said);
	return greylist_defers(ret_said);
}

/*
 * Which recipients: all, or where each was asked at RCPT those who were not
 * told of a trap that was hit after it.
 */
static bool ask_all(struct session *s, enum phase phase)
{
	struct message *m = s->message;
	unsigned patience = phase == PHASE_EOM ? ASK_EOM_MS : ASK_MS;
	int64_t until = 0;

	for (size_t i = 0; i < m->rcpt_count; i++) {
		struct recipient *rcpt = &m->rcpts[i];
		struct greylist_terms terms;
		struct hits *hits;

		if (rcpt->is_trap)
			continue;
		speak_of_recipient(m, i);
		arena_reset(&m->work);
		hits = hits_for_rcpt(m->hits, &m->facts, &m->work);
		if (hits == NULL || !is_due(s, hits, &terms))
			continue;
		if (until == 0)
			until = begin_asking(s, patience);
		ask(s, &terms, until, &rcpt->greylist);
		m->greylist = *greylist_worse(&m->greylist, &rcpt->greylist);
	}
	return greylist_defers(&m->greylist);
}

bool grey_message(struct session *s, enum phase phase)
{
	struct message *m = s->message;

	if (!s->generation->plan.greylists || m->greylist_done ||
	    phase < greylist_phase(s->generation, is_null_sender(m)))
		return false;
	m->greylist_done = true;
	if (asks_each(s) && !m->trapped)
		return false;
	return ask_all(s, phase);
}

/* --- traps --------------------------------------------------------------- */

/* Once for a message.  What it is known as is clear by now. */
static void convict(struct session *s, struct store *store, unsigned max_ms)
{
	const struct generation *gen = s->generation;
	const struct greylist_terms terms = greylist_terms_of(gen, 0);
	const struct greylist_time now = greylist_now();
	struct message *m = s->message;
	enum store_end end;
	bool convicted = false;

	if (!m->trapped || m->convicted || m->identity[0] == '\0')
		return;
	m->convicted = true;
	end = store_convict(store, m->identity, &terms, &now,
			    gen->settings.greylist.spamtrap_block, max_ms,
			    &convicted);
	if (end == STORE_DONE && convicted)
		count(COUNT_CONVICTED);
	report_trap(s, end, convicted);
}

static bool is_exempt(const struct session *s)
{
	const struct message *m = s->message;
	struct verdict verdict;

	if (m->own_client || m->exempt)
		return true;
	hits_weigh(m->hits, &m->facts);
	verdict = verdict_of(m->hits, &s->generation->settings.session.verdict);
	return verdict.exempt;
}

static void convict_now(struct session *s, bool waits)
{
	struct store *store = store_of(s);

	if (store == NULL || is_exempt(s))
		return;
	identify(s, waits);
	convict(s, store, waits ? ASK_MS : TELL_MS);
}

/* It may be told of when other recipients have been spoken of. */
static void note_trap(struct message *m)
{
	m->trap = m->facts.fixed[FACT_RCPT];
	m->trap.text.at =
		arena_strndup(&m->arena, m->trap.text.at, m->trap.text.len);
	if (m->trap.text.at == NULL)
		m->trap = (struct fact){ .state = FACT_UNKNOWN };
}

void grey_trap(struct session *s)
{
	const struct list *traps = greylist_traps(s->generation);
	struct message *m = s->message;
	struct text rcpt = bare(&m->facts.fixed[FACT_RCPT]);

	if (traps == NULL || is_null_sender(m) ||
	    !list_has_address(traps, rcpt.at, rcpt.len) || is_exempt(s))
		return;
	m->rcpt_is_trap = true;
	if (!m->trapped)
		note_trap(m);
	m->trapped = true;
	if (s->generation->plan.answers[PHASE_RCPT])
		convict_now(s, true);
}

void grey_end(struct session *s)
{
	if (s->message->trapped && !s->message->convicted)
		convict_now(s, false);
}

/* --- ours who write ------------------------------------------------------ */

void grey_delivered(struct session *s)
{
	const struct greylist_terms terms = greylist_terms_of(s->generation, 0);
	const struct greylist_time now = greylist_now();
	struct message *m = s->message;
	struct store *store;
	int64_t until;

	/* What has no sender was written by nobody, but by a program. */
	if (!s->generation->plan.greylists || terms.outbound == 0 ||
	    !knows(&m->facts.fixed[FACT_CLIENT_AUTH], true) ||
	    is_null_sender(m))
		return;
	store = store_of(s);
	until = monotonic_ms() + ASK_MS;
	for (size_t i = 0; store != NULL && i < m->rcpt_count; i++) {
		struct text to = bare(&m->rcpts[i].rcpt);
		unsigned max_ms = left_ms(until);
		char address[SENDER_KEY_SIZE];

		if (to.len == 0 || max_ms == 0)
			continue;
		sender_key(to.at, to.len, address);
		store_write_to(store, address, &terms, &now, max_ms);
	}
}
