/*
 * dnsbl.c - what DNS lists say about a message, as facts of their slots.
 */
#include "filter/checks/dnsbl.h"

#include <stdlib.h>
#include <string.h>

#include "filter/checks/asking.h"
#include "filter/generation.h"
#include "lists/dnsbl.h"
#include "lists/suffix.h"
#include "rules/arena.h"
#include "rules/expr.h"
#include "rules/mail/address.h"

/* One name that one list was asked about. */
struct dnsbl_question {
	struct dnsbl_question *next;
	struct dns_batch *batch;
	struct dnsbl *list;
	size_t index; /* of the list, as the rules number it */
	enum fact_id of;
	unsigned kind; /* DNSBL_OF_... */
	bool probed;
	bool muted; /* so was the list; it was not asked */
	int answer, probe; /* of the batch; -1: could not be asked */
	size_t len;
	char subject[]; /* the name, as it was given; "" for an address */
};

void dnsbl_asking_init(struct dnsbl_asking *asking,
		       const struct generation *gen)
{
	asking->gen = gen;
	asking->of_client = asking->of_others = NULL;
	pthread_mutex_init(&asking->lock, NULL);
	asking->first = NULL;
	asking->count = 0;
	memset(asking->missed, 0, sizeof(asking->missed));
}

void dnsbl_asking_done(struct dnsbl_asking *asking)
{
	while (asking->first != NULL) {
		struct dnsbl_question *next = asking->first->next;

		free(asking->first);
		asking->first = next;
	}
	pthread_mutex_destroy(&asking->lock);
}

static bool list_reads(const struct dnsbl_info *list, enum fact_id of)
{
	if (list->off)
		return false;
	for (size_t i = 0; i < list->of_count; i++)
		if (list->of[i] == of)
			return true;
	return false;
}

bool dnsbl_reads(const struct generation *gen, enum fact_id of)
{
	for (size_t i = 0; i < ruleset_dnsbl_count(gen->rules); i++)
		if (list_reads(ruleset_dnsbl(gen->rules, i), of))
			return true;
	return false;
}

bool dnsbl_is_about_client(enum fact_id of)
{
	return fact_row(of)->phase <= PHASE_HELO || of == FACT_CLIENT_PTR ||
	       of == FACT_CLIENT_NAME;
}

/* --- asking ------------------------------------------------------------- */

/* The resolver's thread brings an answer. */
static void answered(struct dns_batch *batch, int slot,
		     struct dns_answer *answer, void *context)
{
	struct dnsbl_question *question = context;
	char probe[DNSBL_NAME_SIZE];

	(void)slot;
	dnsbl_note(question->list, answer);
	if (dnsbl_read(answer) != DNSBL_LISTED ||
	    !dnsbl_probe_name(question->list, question->kind, answer, probe))
		return;
	question->probe = dns_batch_ask(batch, probe, DNS_A, NULL, NULL);
	question->probed = true;
}

void dnsbl_miss(struct dnsbl_asking *asking, enum fact_id of)
{
	pthread_mutex_lock(&asking->lock);
	asking->missed[of] = true;
	pthread_mutex_unlock(&asking->lock);
}

/* NULL without memory, or when there are too many: they are missed. */
static struct dnsbl_question *question_new(struct dnsbl_asking *asking,
					   size_t index, enum fact_id of,
					   const char *subject, size_t len)
{
	struct dnsbl_question *question =
		calloc(1, sizeof(*question) + len + 1);

	if (question == NULL) {
		dnsbl_miss(asking, of);
		return NULL;
	}
	question->batch = dnsbl_is_about_client(of) ? asking->of_client
						    : asking->of_others;
	question->list = asking->gen->dnsbls[index];
	question->index = index;
	question->of = of;
	question->answer = question->probe = -1;
	question->len = len;
	if (len > 0)
		memcpy(question->subject, subject, len);
	pthread_mutex_lock(&asking->lock);
	if (asking->count == DNSBL_QUESTIONS_MAX) {
		asking->missed[of] = true;
		pthread_mutex_unlock(&asking->lock);
		free(question);
		return NULL;
	}
	asking->count++;
	question->next = asking->first;
	asking->first = question;
	pthread_mutex_unlock(&asking->lock);
	return question;
}

/*
 * A list that is muted now may be well when the slot is told, and would then
 * seem to have said that nobody is listed: so it is remembered.
 */
static void question_ask(struct dnsbl_question *question, const char *name)
{
	question->muted = !dnsbl_may_be_asked(question->list);
	if (question->muted)
		return;
	question->answer =
		dns_batch_ask(question->batch, name, DNS_A, answered, question);
}

void dnsbl_ask_ip(struct dnsbl_asking *asking, enum fact_id of,
		  const struct ip *ip)
{
	const struct ruleset *rules = asking->gen->rules;

	for (size_t i = 0; i < ruleset_dnsbl_count(rules); i++) {
		struct dnsbl *list = asking->gen->dnsbls[i];
		struct dnsbl_question *question;
		char name[DNSBL_NAME_SIZE];

		if (!list_reads(ruleset_dnsbl(rules, i), of) ||
		    dnsbl_ip_name(list, ip, name) < 0)
			continue;
		question = question_new(asking, i, of, NULL, 0);
		if (question == NULL)
			continue;
		question->kind = ip->family == 6 ? DNSBL_OF_IP6 : DNSBL_OF_IP4;
		question_ask(question, name);
	}
}

/* What cannot be a name in this list is in it no more than in any other. */
static void ask_about(struct dnsbl_asking *asking, size_t index,
		      enum fact_id of, struct text name, struct text subject)
{
	struct dnsbl *list = asking->gen->dnsbls[index];
	struct dnsbl_question *question;
	char buffer[DNSBL_NAME_SIZE];

	if (dnsbl_domain_name(list, name.at, name.len, buffer) < 0)
		return;
	question = question_new(asking, index, of, subject.at, subject.len);
	if (question == NULL)
		return;
	question->kind = DNSBL_OF_NAMES;
	question_ask(question, buffer);
}

void dnsbl_ask_name(struct dnsbl_asking *asking, enum fact_id of,
		    const char *name, size_t len)
{
	const struct ruleset *rules = asking->gen->rules;
	const struct text subject = { name, len };
	struct text full, organisation = { 0 };
	struct domain domain;

	if (domain_normalise(name, len, &domain) != ADDRESS_FINE ||
	    (domain.flags & (DOMAIN_LITERAL | DOMAIN_BARE_IP)) != 0)
		return;
	full = (struct text){ domain.name, domain.len };
	for (size_t i = 0; i < ruleset_dnsbl_count(rules); i++) {
		const struct dnsbl_info *info = ruleset_dnsbl(rules, i);

		if (!list_reads(info, of))
			continue;
		if (info->ask != DNSBL_ASK_ORGANISATION)
			ask_about(asking, i, of, full, subject);
		if (info->ask != DNSBL_ASK_FULL && organisation.at == NULL)
			organisation.at =
				suffix_organisation(full.at, full.len,
						    &organisation.len);
		if (organisation.at != NULL &&
		    (info->ask == DNSBL_ASK_ORGANISATION ||
		     (info->ask == DNSBL_ASK_BOTH &&
		      organisation.len != full.len)))
			ask_about(asking, i, of, organisation, subject);
	}
}

void dnsbl_ask_fact(struct dnsbl_asking *asking, enum fact_id of,
		    const struct fact *fact)
{
	if (fact->state != FACT_KNOWN)
		return;
	if (fact_row(of)->type == FACT_TYPE_IP)
		dnsbl_ask_ip(asking, of, &fact->ip);
	else if (fact_row(of)->type == FACT_TYPE_STRING)
		dnsbl_ask_name(asking, of, fact->text.at, fact->text.len);
	if (fact_row(of)->type != FACT_TYPE_SET)
		return;
	for (size_t i = 0; i < fact->set.count && i < DNSBL_SUBJECTS_MAX; i++)
		dnsbl_ask_name(asking, of, fact->set.items[i].at,
			       fact->set.items[i].len);
	if (fact->set.count > DNSBL_SUBJECTS_MAX)
		dnsbl_miss(asking, of);
}

/* --- telling ------------------------------------------------------------ */

enum { LISTINGS_MAX = 64 }; /* different replies in one slot */

/* What one slot holds so far. */
struct telling {
	struct arena *arena;
	struct text listings[LISTINGS_MAX];
	size_t count;
	bool asked; /* something was there to ask about, or is known not to be
		     */
	bool passed_over; /* something was there, and the list could not tell */
	bool unknown;
	enum fact_cause cause;
};

static void tell_unknown(struct telling *telling, enum fact_cause cause)
{
	telling->asked = true;
	telling->unknown = true;
	telling->cause = cause;
}

static void tell_listing(struct telling *telling, const struct ip *ip)
{
	char buffer[IP_TEXT_SIZE];
	struct text text = { ip_format(ip, buffer, sizeof(buffer)), 0 };

	text.len = strlen(text.at);
	for (size_t i = 0; i < telling->count; i++)
		if (text_equal(telling->listings[i], text, false))
			return;
	text.at = arena_strndup(telling->arena, text.at, text.len);
	if (text.at == NULL || telling->count == LISTINGS_MAX)
		tell_unknown(telling, CAUSE_LIMIT);
	else
		telling->listings[telling->count++] = text;
}

/* Does a listing count?  Else it is unknown, or the list's own fault. */
static bool is_confirmed(const struct dnsbl_question *question,
			 struct telling *telling)
{
	const struct dns_answer *probe;
	bool unknown;

	if (!question->probed)
		return true; /* this list is not to be tested */
	probe = dns_batch_answer(question->batch, question->probe);
	if (probe == NULL) {
		tell_unknown(telling, asking_cause(probe));
		return false;
	}
	if (dnsbl_probe_passed(question->list, probe, &unknown))
		return true;
	if (unknown)
		tell_unknown(telling, asking_cause(probe));
	else
		telling->passed_over = true;
	return false;
}

static void tell_answer(const struct dnsbl_question *question,
			struct telling *telling)
{
	const struct dns_answer *answer =
		dns_batch_answer(question->batch, question->answer);

	if (question->muted) {
		telling->passed_over = true;
		return;
	}
	if (answer == NULL) {
		tell_unknown(telling, asking_cause(answer));
		return;
	}
	switch (dnsbl_read(answer)) {
	case DNSBL_NOT_LISTED: telling->asked = true; return;
	case DNSBL_UNKNOWN: tell_unknown(telling, asking_cause(answer)); return;
	case DNSBL_FAULT: telling->passed_over = true; return;
	case DNSBL_LISTED: break;
	}
	if (!is_confirmed(question, telling))
		return;
	telling->asked = true;
	for (size_t i = 0; i < answer->count; i++)
		if (dnsbl_is_listing(&answer->records[i]))
			tell_listing(telling, &answer->records[i].ip);
}

/* A name that stands for client.name was asked about before it was proven. */
static bool still_holds(const struct dnsbl_question *question,
			const struct fact *fact)
{
	struct text subject = { question->subject, question->len };

	if (question->of != FACT_CLIENT_NAME)
		return true;
	if (fact->state != FACT_KNOWN)
		return false;
	for (size_t i = 0; i < fact->set.count; i++)
		if (text_equal(fact->set.items[i], subject, true))
			return true;
	return false;
}

static void tell_subject(const struct dnsbl_asking *asking, size_t index,
			 enum fact_id of, const struct fact *fact,
			 struct telling *telling)
{
	const struct dnsbl_question *question;
	bool found = false;

	if (fact->state == FACT_UNKNOWN ||
	    (fact->state == FACT_KNOWN && fact_row(of)->type == FACT_TYPE_SET &&
	     fact->partial))
		tell_unknown(telling, fact->cause);
	if (fact->state == FACT_NONE)
		telling->asked = true;
	if (asking->missed[of])
		tell_unknown(telling, CAUSE_LIMIT);
	if (fact->state != FACT_KNOWN)
		return;
	for (question = asking->first; question != NULL;
	     question = question->next) {
		if (question->index != index || question->of != of ||
		    !still_holds(question, fact))
			continue;
		tell_answer(question, telling);
		found = true;
	}
	if (!found)
		telling->asked = true; /* it was no name */
}

static void tell_slot(const struct dnsbl_asking *asking, unsigned number,
		      bool skips_client, struct facts *facts)
{
	const struct fact_slot *slot = ruleset_slot(asking->gen->rules, number);
	struct telling telling = { .arena = facts->arena };
	bool muted = !dnsbl_may_be_asked(asking->gen->dnsbls[slot->dnsbl]);
	bool waived = skips_client;
	struct text *listings = NULL;

	for (size_t i = 0; i < slot->of_count; i++) {
		if (skips_client && dnsbl_is_about_client(slot->of[i]))
			continue;
		waived = false;
		if (!muted)
			tell_subject(asking, slot->dnsbl, slot->of[i],
				     &facts->fixed[slot->of[i]], &telling);
	}
	if (waived) {
		facts_slot_waive(facts, number);
		return;
	}
	if (!telling.asked) {
		facts_slot_not_asked(facts, number);
		return;
	}
	if (telling.passed_over)
		tell_unknown(&telling, CAUSE_FAILED);
	if (telling.count > 0) {
		size_t size = telling.count * sizeof(*listings);

		listings = arena_array(telling.arena, telling.count,
				       sizeof(*listings));
		if (listings != NULL)
			memcpy(listings, telling.listings, size);
		else
			tell_unknown(&telling, CAUSE_LIMIT);
	}
	if (listings == NULL)
		telling.count = 0;
	if (telling.unknown)
		facts_slot_set_partial(facts, number, listings, telling.count,
				       telling.cause);
	else
		facts_slot_set(facts, number, listings, telling.count);
}

static bool is_about_client_alone(const struct fact_slot *slot)
{
	for (size_t i = 0; i < slot->of_count; i++)
		if (!dnsbl_is_about_client(slot->of[i]))
			return false;
	return true;
}

void dnsbl_tell(struct dnsbl_asking *asking, enum phase phase,
		enum dnsbl_part part, bool skips_client, struct facts *facts)
{
	const struct ruleset *rules = asking->gen->rules;

	pthread_mutex_lock(&asking->lock);
	for (size_t i = 0; i < ruleset_slot_count(rules); i++) {
		const struct fact_slot *slot = ruleset_slot(rules, (unsigned)i);

		if (slot->id == FACT_DNSBL && slot->phase == phase &&
		    facts->slots[i].state == FACT_PENDING &&
		    is_about_client_alone(slot) == (part == DNSBL_CLIENT))
			tell_slot(asking, (unsigned)i, skips_client, facts);
	}
	pthread_mutex_unlock(&asking->lock);
}
