/* vouch.c - see vouch.h. */
#include "filter/inspect/vouch.h"

#include <string.h>

#include "filter/inspect/dkim.h"
#include "filter/inspect/dmarc_dns.h"
#include "filter/inspect/dns.h"
#include "filter/inspect/message.h"
#include "lists/suffix.h"
#include "rules/arena.h"
#include "rules/mail/address.h"
#include "rules/mail/author.h"
#include "rules/mail/header.h"

/* In the order of the words in rules/facts.c. */
enum { WORD_PASS, WORD_FAIL, WORD_PERMERROR, WORD_TEMPERROR };
enum { WORD_REJECT, WORD_QUARANTINE };

enum {
	HINTS_MAX = 8, /* about domains that may be proven */
};

struct vouch {
	struct message_authentication given;
	struct inspect_dns *dns;
	struct arena *arena;

	struct author author;
	enum author_answer answer;
	enum mailbox_reason why;
	const char *domain; /* the author's, or NULL */
	bool header_ended;
	bool cut; /* the end of some field was not seen */
	bool from_cut; /* and it was one that counts as From */
	bool beyond;

	struct signatures *signatures; /* NULL: there was no memory */
	bool body_wanted;
	struct dmarc_settings settings;
	struct dmarc dmarc;
	size_t certain; /* of what it holds as proven; the rest is doubtful */
	enum dns_status failure; /* DNS_FOUND: none */
};

/* --- while the message comes in ----------------------------------------- */

static const struct dns_answer *ask_nobody(struct inspect_dns *dns,
					   const char *name, enum dns_type type)
{
	(void)dns;
	(void)name;
	(void)type;
	return dns_answer_of(DNS_UNREACHABLE);
}

static void hint_nobody(struct inspect_dns *dns, const char *name,
			enum dns_type type)
{
	(void)dns;
	(void)name;
	(void)type;
}

static struct inspect_dns nobody = { .ask = ask_nobody, .hint = hint_nobody };

struct vouch *vouch_new(const struct message_request *request,
			struct arena *arena)
{
	const struct message_authentication *given = &request->authentication;
	struct vouch *v = arena_alloc(arena, sizeof(*v));

	if (v == NULL)
		return NULL;
	v->given = *given;
	v->dns = request->dns ? request->dns : &nobody;
	v->arena = arena;
	v->settings.discovery = given->discovery;
	v->settings.organisation = suffix_organisation;
	if (given->spf_domain != NULL) {
		v->given.spf_domain = arena_strndup(arena, given->spf_domain,
						    strlen(given->spf_domain));
		if (v->given.spf_domain == NULL)
			return NULL;
	}
	v->signatures = signatures_new(arena, v->dns, request->arrival);
	return v;
}

void vouch_free(struct vouch *v)
{
	if (v == NULL)
		return;
	signatures_free(v->signatures);
	v->signatures = NULL;
}

void vouch_field(struct vouch *v, const struct header_field *field,
		 const char *name, size_t name_len)
{
	bool cut = (field->faults & HEADER_CUT) != 0;
	size_t before = v->author.fields;

	if (v->beyond)
		return;
	author_note(&v->author, v->arena, field);
	v->cut |= cut;
	v->from_cut |= cut && v->author.fields > before;
	if (v->signatures != NULL)
		signatures_header(v->signatures, name, name_len, field->value,
				  field->value_len, cut);
}

void vouch_beyond(struct vouch *v)
{
	if (v->signatures != NULL)
		signatures_beyond(v->signatures);
	v->beyond = true;
}

static bool spf_passed(const struct vouch *v)
{
	return !v->given.spf_unknown && v->given.spf == SPF_RESULT_PASS &&
	       v->given.spf_domain != NULL;
}

static void hint_proven(struct vouch *v, const char *domain, unsigned *left)
{
	struct domain plain;

	if (domain_normalise(domain, strlen(domain), &plain) == ADDRESS_FINE)
		dmarc_hint_proven(&v->settings, v->domain, plain.name, v->dns,
				  left);
}

static void hint(struct vouch *v)
{
	unsigned left = HINTS_MAX;

	dmarc_hint_author(&v->settings, v->domain, v->dns);
	if (spf_passed(v))
		hint_proven(v, v->given.spf_domain, &left);
	for (size_t i = 0;
	     v->signatures != NULL && i < signatures_count(v->signatures); i++)
		hint_proven(v, signatures_at(v->signatures, i)->domain, &left);
}

static void header_end(struct vouch *v)
{
	if (v->header_ended)
		return;
	v->header_ended = true;
	v->answer = author_ask(&v->author, &v->domain, &v->why);
	if (v->signatures != NULL)
		v->body_wanted = signatures_eoh(v->signatures, v->domain);
	if (v->domain != NULL && !v->beyond)
		hint(v);
}

void vouch_body(struct vouch *v, const void *bytes, size_t len)
{
	header_end(v);
	if (v->body_wanted)
		signatures_body(v->signatures, bytes, len);
}

/* --- DMARC -------------------------------------------------------------- */

/*
 * The name as DMARC compares it.  What has no such form is left as it is: there
 * are names with odd hyphens, and dmarc.h takes none for what it is not.
 */
static const char *plain_name(const char *domain, struct domain *buf)
{
	return domain_normalise(domain, strlen(domain), buf) == ADDRESS_FINE
		       ? buf->name
		       : domain;
}

static void prove(struct vouch *v, bool by_spf, const char *domain)
{
	struct domain buf;
	const char *name = plain_name(domain, &buf);

	for (size_t i = 0; i < v->dmarc.proven_count; i++)
		if (v->dmarc.proven[i].by_spf == by_spf &&
		    strcmp(v->dmarc.proven[i].name, name) == 0)
			return;
	if (by_spf)
		dmarc_spf(&v->dmarc, name, strlen(name));
	else
		dmarc_dkim(&v->dmarc, name, strlen(name));
}

static void prove_signatures(struct vouch *v, enum signature_result result)
{
	for (size_t i = 0; i < signatures_count(v->signatures); i++) {
		const struct signature *s = signatures_at(v->signatures, i);

		if (s->result == result)
			prove(v, false, s->domain);
	}
}

/*
 * Takes as proven what DNS did not say.  False if there is nothing such.  What
 * is not known at all might have been the author's own domain.
 */
static bool prove_doubtful(struct vouch *v)
{
	bool spf = v->given.spf_unknown || v->given.spf == SPF_RESULT_TEMPERROR;

	v->certain = v->dmarc.proven_count;
	if (spf)
		prove(v, true,
		      v->given.spf_domain ? v->given.spf_domain : v->domain);
	if (v->signatures != NULL)
		prove_signatures(v, SIGNATURE_TEMPERROR);
	if (v->signatures == NULL || signatures_missed(v->signatures))
		prove(v, false, v->domain);
	return v->dmarc.proven_count > v->certain;
}

static void unless_doubtful(enum dmarc_alignment *ours,
			    enum dmarc_alignment with_doubtful)
{
	if (*ours == DMARC_NOT_ALIGNED && with_doubtful != DMARC_NOT_ALIGNED)
		*ours = DMARC_ALIGNMENT_UNKNOWN;
}

/*
 * All that can be asked about the author before anybody waits for keys: whoever
 * signs chooses who has them and how long that takes, and a forger would have
 * no time left in which the author's domain is heard.
 */
static void start_dmarc(struct vouch *v)
{
	struct dmarc_text author = { v->domain, strlen(v->domain) };

	dmarc_start(&v->dmarc, &v->settings, &author, 1);
	if (spf_passed(v))
		prove(v, true, v->given.spf_domain);
	dmarc_resolve(&v->dmarc, v->dns, &v->failure);
}

/*
 * The outcome with what DNS said; what it holds stays valid when the struct
 * dmarc learns more.
 */
static struct dmarc_outcome evaluate(struct vouch *v)
{
	struct dmarc_outcome outcome;

	if (v->signatures != NULL)
		prove_signatures(v, SIGNATURE_PASS);
	dmarc_resolve(&v->dmarc, v->dns, &v->failure);
	outcome = v->dmarc.outcome;
	if (outcome.result == DMARC_RESULT_PERMERROR || !prove_doubtful(v))
		return outcome;
	dmarc_resolve(&v->dmarc, v->dns, &v->failure);
	unless_doubtful(&outcome.spf, v->dmarc.outcome.spf);
	unless_doubtful(&outcome.dkim, v->dmarc.outcome.dkim);
	/* of more domains than are looked at, one may be aligned */
	if (outcome.result == DMARC_RESULT_FAIL &&
	    (v->dmarc.outcome.result != DMARC_RESULT_FAIL ||
	     v->dmarc.proven_count == DMARC_PROVEN_MAX))
		outcome.result = DMARC_RESULT_TEMPERROR;
	return outcome;
}

/*
 * Whether a domain shares its organisation with the author, whatever a record
 * has to say of strictness.
 */
static enum dmarc_alignment shares(const struct vouch *v,
				   const struct dmarc_outcome *outcome,
				   const char *domain)
{
	const char *top = outcome->organisation;
	struct domain buf;
	const char *name = plain_name(domain, &buf);
	size_t len;

	if (strcmp(name, outcome->author) == 0)
		return DMARC_ALIGNED;
	if (top == NULL) {
		const char *dot = strrchr(outcome->author, '.');

		return dmarc_is_below(name, dot ? dot + 1 : outcome->author)
			       ? DMARC_ALIGNMENT_UNKNOWN
			       : DMARC_NOT_ALIGNED;
	}
	if (!dmarc_is_below(name, top))
		return DMARC_NOT_ALIGNED;
	/* below it, others may have their own organisations */
	if (v->settings.discovery != DMARC_TREE_WALK &&
	    suffix_organisation(name, strlen(name), &len) != NULL &&
	    len > strlen(top))
		return DMARC_NOT_ALIGNED;
	return DMARC_ALIGNED;
}

/* --- facts -------------------------------------------------------------- */

static enum fact_cause cause_of(const struct vouch *v)
{
	switch (v->failure) {
	case DNS_TIMEOUT: return CAUSE_TIMEOUT;
	case DNS_BUSY: return CAUSE_BUSY;
	case DNS_TOO_LARGE:
	case DNS_NO_MEMORY: return CAUSE_LIMIT;
	default: return CAUSE_FAILED;
	}
}

static void set_name(struct facts *facts, enum fact_id id, const char *name)
{
	if (name != NULL)
		facts_text(facts, id, name, strlen(name));
	else
		facts_none(facts, id);
}

static void set_alignment(const struct vouch *v, struct facts *facts,
			  enum fact_id id, enum dmarc_alignment alignment)
{
	if (alignment == DMARC_ALIGNMENT_UNKNOWN)
		facts_unknown(facts, id, cause_of(v));
	else
		facts_bool(facts, id, alignment == DMARC_ALIGNED);
}

/* Of each signature: dkim.alignments, and of the best, dkim.aligned. */
static void set_each_aligned(const struct vouch *v, struct facts *facts,
			     const struct dmarc_outcome *outcome)
{
	static const struct text words[] = {
		[DMARC_NOT_ALIGNED] = { "no", 2 },
		[DMARC_ALIGNED] = { "yes", 3 },
		[DMARC_ALIGNMENT_UNKNOWN] = { "", 0 },
	};
	const struct signature *best = signatures_best(v->signatures);
	size_t count = signatures_count(v->signatures);
	struct text *items = arena_array(v->arena, count, sizeof(*items));
	enum fact_cause open = CAUSE_UNSTATED;

	for (size_t i = 0; i < count; i++) {
		const struct signature *one = signatures_at(v->signatures, i);
		enum dmarc_alignment is = shares(v, outcome, one->domain);

		if (one == best)
			set_alignment(v, facts, FACT_DKIM_ALIGNED, is);
		if (is == DMARC_ALIGNMENT_UNKNOWN)
			open = cause_of(v);
		if (items != NULL)
			items[i] = words[is];
	}
	signatures_set(v->signatures, facts, FACT_DKIM_ALIGNMENTS, items, open);
}

static void set_none_aligned(struct facts *facts, bool unknown)
{
	if (unknown) {
		facts_unknown(facts, FACT_DKIM_ALIGNED, CAUSE_LIMIT);
		facts_unknown(facts, FACT_DKIM_ALIGNMENTS, CAUSE_LIMIT);
	} else {
		facts_none(facts, FACT_DKIM_ALIGNED);
		facts_none(facts, FACT_DKIM_ALIGNMENTS);
	}
}

static bool is_told_of(const struct vouch *v)
{
	return v->signatures != NULL && signatures_count(v->signatures) > 0;
}

/* There may be signatures that are not told of. */
static bool is_missed(const struct vouch *v)
{
	return v->signatures == NULL || signatures_missed(v->signatures);
}

/* `outcome` is NULL if there is no author. */
static void set_signatures_aligned(const struct vouch *v, struct facts *facts,
				   const struct dmarc_outcome *outcome)
{
	if (is_told_of(v) && outcome != NULL)
		set_each_aligned(v, facts, outcome);
	else
		set_none_aligned(facts, !is_told_of(v) && is_missed(v));
}

/* What has no record to be strict has the relaxed alignment. */
static void align_without_record(const struct vouch *v,
				 struct dmarc_outcome *outcome)
{
	outcome->spf = outcome->dkim = DMARC_NOT_ALIGNED;
	for (size_t i = 0; i < v->dmarc.proven_count; i++) {
		const struct dmarc_proven *proven = &v->dmarc.proven[i];
		enum dmarc_alignment *best =
			proven->by_spf ? &outcome->spf : &outcome->dkim;
		enum dmarc_alignment one = shares(v, outcome, proven->name);

		if (one == DMARC_ALIGNED && i < v->certain)
			*best = DMARC_ALIGNED;
		else if (one != DMARC_NOT_ALIGNED)
			unless_doubtful(best, one);
	}
}

static void set_policy(struct facts *facts, const struct dmarc_outcome *outcome)
{
	if (outcome->policy == DMARC_REJECT)
		facts_word(facts, FACT_DMARC_POLICY, WORD_REJECT);
	else if (outcome->policy == DMARC_QUARANTINE)
		facts_word(facts, FACT_DMARC_POLICY, WORD_QUARANTINE);
	else
		facts_none(facts, FACT_DMARC_POLICY);
}

/* There is a record, and it applies. */
static void set_record(struct facts *facts, const struct dmarc_outcome *outcome)
{
	set_policy(facts, outcome);
	set_name(facts, FACT_DMARC_DOMAIN, outcome->record_domain);
	facts_bool(facts, FACT_DMARC_TESTING, outcome->testing);
	set_name(facts, FACT_DMARC_RECORD_ERROR, outcome->why);
}

/* There is none, or none that is of use; then `why` says what it lacks. */
static void set_no_record(struct facts *facts, const char *why)
{
	facts_none(facts, FACT_DMARC_POLICY);
	facts_none(facts, FACT_DMARC_DOMAIN);
	facts_none(facts, FACT_DMARC_TESTING);
	set_name(facts, FACT_DMARC_RECORD_ERROR, why);
}

static void set_record_unknown(struct facts *facts, enum fact_cause cause)
{
	facts_unknown(facts, FACT_DMARC_POLICY, cause);
	facts_unknown(facts, FACT_DMARC_DOMAIN, cause);
	facts_unknown(facts, FACT_DMARC_TESTING, cause);
	facts_unknown(facts, FACT_DMARC_RECORD_ERROR, cause);
}

static void set_result(struct facts *facts, enum dmarc_result result)
{
	static const unsigned words[] = {
		[DMARC_RESULT_PASS] = WORD_PASS,
		[DMARC_RESULT_FAIL] = WORD_FAIL,
		[DMARC_RESULT_PERMERROR] = WORD_PERMERROR,
		[DMARC_RESULT_TEMPERROR] = WORD_TEMPERROR,
	};

	if (result == DMARC_RESULT_NONE)
		facts_none(facts, FACT_DMARC);
	else
		facts_word(facts, FACT_DMARC, words[result]);
}

static void set_permerror(const struct vouch *v, struct facts *facts,
			  const char *why)
{
	set_result(facts, DMARC_RESULT_PERMERROR);
	set_no_record(facts, why);
	facts_none(facts, FACT_DMARC_ORG_DOMAIN);
	facts_none(facts, FACT_DMARC_ALIGNED_SPF);
	facts_none(facts, FACT_DMARC_ALIGNED_DKIM);
	set_signatures_aligned(v, facts, NULL);
}

static void set_unknown(const struct vouch *v, struct facts *facts)
{
	facts_lost(facts, FACT_DMARC, FACT_DMARC_RECORD_ERROR, CAUSE_LIMIT);
	set_none_aligned(facts, is_told_of(v) || is_missed(v));
}

static void set_outcome(const struct vouch *v, struct facts *facts,
			struct dmarc_outcome *outcome)
{
	bool open = outcome->result == DMARC_RESULT_TEMPERROR &&
		    outcome->record == NULL;

	if (outcome->result == DMARC_RESULT_NONE || open)
		align_without_record(v, outcome);
	set_result(facts, outcome->result);
	if (open)
		set_record_unknown(facts, cause_of(v));
	else if (outcome->result == DMARC_RESULT_NONE)
		set_no_record(facts, outcome->why);
	else
		set_record(facts, outcome);
	if (outcome->organisation == NULL)
		facts_unknown(facts, FACT_DMARC_ORG_DOMAIN, cause_of(v));
	else
		set_name(facts, FACT_DMARC_ORG_DOMAIN, outcome->organisation);
	set_alignment(v, facts, FACT_DMARC_ALIGNED_SPF, outcome->spf);
	set_alignment(v, facts, FACT_DMARC_ALIGNED_DKIM, outcome->dkim);
	set_signatures_aligned(v, facts, outcome);
}

/* Several records end the discovery before the walk has found it. */
static const char *listed_organisation(const struct dmarc_outcome *outcome)
{
	size_t len;
	const char *found = suffix_organisation(outcome->author,
						strlen(outcome->author), &len);

	return found != NULL ? found : outcome->author;
}

/* What is not read may hold another From, or end the one that is there. */
static bool author_is_open(const struct vouch *v)
{
	switch (v->answer) {
	case AUTHOR_ONE:
	case AUTHOR_NO_FIELD: return v->beyond;
	case AUTHOR_DOUBTFUL_FIELD: return v->from_cut;
	case AUTHOR_NO_DOMAIN: return v->why == MAILBOX_NO_MEMORY;
	case AUTHOR_SEVERAL_FIELDS: break;
	}
	return false;
}

/* NULL when the arena is full, which is no error of the author's. */
static const char *author_error(const struct vouch *v)
{
	const char *answer = author_answer_text(v->answer);

	if (v->answer != AUTHOR_NO_DOMAIN)
		return answer;
	return arena_printf(v->arena, "%s: %s", answer,
			    mailbox_reason_text(v->why));
}

static void finish_dmarc(struct vouch *v, struct facts *facts)
{
	struct dmarc_outcome outcome;

	if (author_is_open(v)) {
		set_unknown(v, facts);
		return;
	}
	if (v->domain == NULL) {
		set_permerror(v, facts, author_error(v));
		return;
	}
	outcome = evaluate(v);
	/* A From may hide in what was cut off, behind a bare CR.  With it, no
	 * pass would be one, but a fail would be no better. */
	if (outcome.result == DMARC_RESULT_PASS && v->cut) {
		set_unknown(v, facts);
	} else if (outcome.result == DMARC_RESULT_PERMERROR) {
		set_permerror(v, facts, outcome.why);
	} else {
		if (outcome.organisation == NULL &&
		    outcome.result == DMARC_RESULT_NONE)
			outcome.organisation = listed_organisation(&outcome);
		set_outcome(v, facts, &outcome);
	}
}

void vouch_finish(struct vouch *v, bool body_cut, struct facts *facts)
{
	header_end(v);
	if (v->domain != NULL && !author_is_open(v))
		start_dmarc(v);
	if (v->signatures != NULL) {
		signatures_finish(v->signatures, body_cut);
		signatures_facts(v->signatures, v->arena, facts);
	} else {
		facts_lost(facts, FACT_DKIM, FACT_DKIM_PASSED, CAUSE_LIMIT);
	}
	finish_dmarc(v, facts);
	vouch_free(v);
}
