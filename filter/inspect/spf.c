/*
 * spf.c - may this client send for this domain? (RFC 7208)
 *
 * Evaluated here, and not by libspf2: that fails a third of the RFC's own test
 * cases, begins its limit of look-ups anew in each include, cuts what it has
 * compiled of a record at 511 bytes, loses characters in macros, and aborts on
 * a long explanation.
 */
#include "filter/inspect/spf_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "filter/inspect/dns.h"
#include "rules/facts.h"
#include "rules/mail/address.h"

const char *spf_result_name(enum spf_result result)
{
	static const char *const names[] = {
		[SPF_RESULT_PASS] = "pass",
		[SPF_RESULT_FAIL] = "fail",
		[SPF_RESULT_SOFTFAIL] = "softfail",
		[SPF_RESULT_NEUTRAL] = "neutral",
		[SPF_RESULT_PERMERROR] = "permerror",
		[SPF_RESULT_TEMPERROR] = "temperror",
		[SPF_RESULT_NONE] = "none",
	};

	return names[result];
}

/* --- whose mail is it said to be? --------------------------------------- */

/* The identity that is checked; texts live in the evaluation's arena. */
struct claim {
	const char *sender; /* local@domain */
	const char *helo;
	const char *domain; /* as given, but in A-labels, without a final dot */
};

/*
 * A domain that a record can be asked for, or NULL: section 4.3.  What is ASCII
 * is taken as it is given, as macros and explanations repeat it.
 */
static const char *domain_of(struct arena *arena, const char *text)
{
	size_t len = strlen(text);
	struct dns_name wire;
	struct domain domain;

	if (len > 0 && text[len - 1] == '.')
		len--;
	if (len == 0 || text[0] == '[' || domain_is_ip(text, len))
		return NULL;
	for (size_t i = 0; i < len; i++) {
		if (text[i] > ' ' && text[i] <= '~')
			continue;
		if (domain_normalise(text, len, &domain) != ADDRESS_FINE)
			return NULL;
		text = domain.name;
		len = domain.len;
		break;
	}
	if (!memchr(text, '.', len) || spf_name_wire(text, len, &wire) < 0)
		return NULL;
	return arena_strndup(arena, text, len);
}

/* RFC 5321 section 4.1.2: "@a,@b:local@domain" is an old way to write it. */
static const char *without_route(const char *path)
{
	const char *colon = path[0] == '@' ? strchr(path, ':') : NULL;

	return colon && strchr(colon, '@') ? colon + 1 : path;
}

/*
 * False if there is nothing to check.  HELO has no local part, nor has every
 * sender; section 4.3 has the word for that.
 */
static bool read_claim(struct arena *arena, const struct spf_request *request,
		       enum spf_identity identity, struct claim *ret_claim)
{
	const char *path = identity == SPF_OF_MAIL_FROM && request->sender
				   ? without_route(request->sender)
				   : "";
	const char *at = strrchr(path, '@');
	const char *said = path[0] == '\0' ? request->helo : at ? at + 1 : path;
	int local_len = at ? (int)(at - path) : 0;

	ret_claim->helo = request->helo ? request->helo : "unknown";
	ret_claim->domain = said ? domain_of(arena, said) : NULL;
	if (!ret_claim->domain || local_len > MAIL_PATH_MAX)
		return false;
	ret_claim->sender =
		arena_printf(arena, "%.*s@%s", local_len > 0 ? local_len : 10,
			     local_len > 0 ? path : "postmaster",
			     ret_claim->domain);
	return ret_claim->sender != NULL;
}

/* --- how it ends -------------------------------------------------------- */

struct spf_frame *spf_top(struct spf_evaluation *e)
{
	return &e->frames[e->depth];
}

/* For a name that others published; they are printable, but may be long. */
static const char *keep(struct spf_evaluation *e, const char *text)
{
	return arena_strndup(e->results, text, strlen(text));
}

static void end(struct spf_evaluation *e, enum spf_result result)
{
	e->outcome.result = result;
	e->over = true;
}

void spf_no_memory(struct spf_evaluation *e)
{
	e->outcome.error = "there is no memory left";
	end(e, SPF_RESULT_TEMPERROR);
}

static void wrong_record(struct spf_evaluation *e, const char *domain,
			 const char *why)
{
	e->outcome.error = why;
	e->outcome.error_domain = keep(e, domain);
	end(e, SPF_RESULT_PERMERROR);
}

static void wrong_at(struct spf_evaluation *e, const char *domain, size_t at,
		     const char *why)
{
	wrong_record(e, domain, why);
	e->outcome.error_at = at;
	e->outcome.error_in_record = true;
}

void spf_wrong_term(struct spf_evaluation *e, const struct spf_term *term,
		    const char *why)
{
	wrong_at(e, spf_top(e)->domain, term->at, why);
}

void spf_no_answer(struct spf_evaluation *e, const char *name,
		   enum dns_type type, enum dns_status status)
{
	e->outcome.error = arena_printf(e->results,
					"DNS does not say what %s has as %s: "
					"%s",
					name, dns_type_name(type),
					dns_status_name(status));
	if (!e->outcome.error)
		e->outcome.error = "DNS does not answer";
	end(e, SPF_RESULT_TEMPERROR);
}

static enum spf_result result_of(char qualifier)
{
	switch (qualifier) {
	case '-': return SPF_RESULT_FAIL;
	case '~': return SPF_RESULT_SOFTFAIL;
	case '?': return SPF_RESULT_NEUTRAL;
	default: return SPF_RESULT_PASS;
	}
}

/* --- records ------------------------------------------------------------ */

/* A "pass" for everybody; what stands behind an "all" is never reached. */
static bool is_open(const struct spf_record *record)
{
	const struct spf_term *term = record->terms;
	const struct spf_term *stop =
		record->all ? record->all + 1 : term + record->count;

	for (; term < stop; term++)
		if (term->qualifier == '+' && spf_term_is_open(term))
			return true;
	return false;
}

/*
 * Sections 4.4 to 4.6: makes a frame of a TXT answer.  False if there is no
 * record, or if the evaluation is over then.
 */
static bool read_record(struct spf_evaluation *e,
			const struct dns_answer *answer, const char *domain,
			struct spf_frame *frame)
{
	struct spf_text texts[DNS_RECORDS_MAX];
	struct spf_fault fault;
	size_t which, count = 0;

	while (count < answer->count && count < DNS_RECORDS_MAX) {
		texts[count].bytes = answer->records[count].text;
		texts[count].len = answer->records[count].text_len;
		count++;
	}
	switch (spf_record_choose(texts, count, &which)) {
	case SPF_CHOICE_NONE: return false;
	case SPF_CHOICE_SEVERAL:
		wrong_record(e, domain, "there are several SPF records");
		return false;
	case SPF_CHOICE_ONE: break;
	}
	switch (spf_record_parse(&e->arena, texts[which].bytes,
				 texts[which].len, &frame->record, &fault)) {
	case SPF_PARSED: break;
	case SPF_BROKEN: wrong_at(e, domain, fault.at, fault.why); return false;
	case SPF_NO_MEMORY: spf_no_memory(e); return false;
	}
	frame->domain = domain;
	frame->next = frame->ahead = 0;
	e->letters |= frame->record.letters;
	if (frame->counts && is_open(&frame->record))
		e->outcome.open = true;
	return true;
}

/* The record that check_host() was called for. */
static void first_record(struct spf_evaluation *e, const char *domain)
{
	struct spf_frame *frame = &e->frames[0];
	char text[DNS_NAME_TEXT_SIZE];
	const struct dns_answer *answer = NULL;

	if (spf_name_text(domain, text))
		answer = spf_ask(e, text, DNS_TXT);
	if (!answer) {
		spf_no_memory(e);
		return;
	}
	if (!dns_status_is_known(answer->status)) {
		spf_no_answer(e, text, DNS_TXT, answer->status);
		return;
	}
	frame->counts = true;
	if (!read_record(e, answer, domain, frame) && !e->over)
		end(e, SPF_RESULT_NONE);
}

/*
 * Into the record that an include or a redirect names; there must be one
 * (sections 5.2 and 6.1).
 */
static void follow(struct spf_evaluation *e, const struct spf_term *term)
{
	struct spf_frame frame = { .counts = spf_top(e)->counts };
	char name[SPF_NAME_SIZE], text[DNS_NAME_TEXT_SIZE];
	const struct dns_answer *answer;
	const char *domain;

	if (!spf_count_term(e, term))
		return;
	if (term->kind == SPF_INCLUDE)
		spf_look_ahead(e, term);
	if (spf_target(e, spf_top(e)->domain, term->spec, term->spec_len,
		       term->letters, name, text) != SPF_EXPANDED ||
	    !strchr(name, '.')) {
		spf_wrong_term(e, term, "this is no domain's name");
		return;
	}
	domain = arena_strndup(&e->arena, name, strlen(name));
	if (!domain) {
		spf_no_memory(e);
		return;
	}
	answer = spf_ask_for_term(e, term, text, DNS_TXT);
	if (!answer)
		return;
	if (term->kind == SPF_INCLUDE && term->qualifier != '+')
		frame.counts = false;
	if (!read_record(e, answer, domain, &frame)) {
		if (!e->over)
			spf_wrong_term(e, term,
				       "that domain has no SPF record");
		return;
	}
	if (term->kind == SPF_INCLUDE)
		e->depth++;
	*spf_top(e) = frame;
}

/* --- the walk ----------------------------------------------------------- */

/* A term of the outermost record has matched. */
static void matched(struct spf_evaluation *e, const struct spf_term *term)
{
	const char *text = e->frames[0].record.text + term->at;

	e->outcome.mechanism = arena_strndup(e->results, text, term->len);
	end(e, result_of(term->qualifier));
}

/*
 * A record has come to a result.  Included, a "pass" is a match of the include,
 * and the rest is none (section 5.2); so it may go up several records at once.
 */
static void conclude(struct spf_evaluation *e, const struct spf_term *term)
{
	while (e->depth > 0) {
		bool pass = term && term->qualifier == '+';
		struct spf_frame *frame;

		e->depth--;
		if (!pass)
			return; /* the record goes on behind the include */
		frame = spf_top(e);
		term = &frame->record.terms[frame->next - 1];
	}
	if (term)
		matched(e, term);
	else
		end(e, SPF_RESULT_NEUTRAL); /* section 4.7 */
}

static void step(struct spf_evaluation *e)
{
	struct spf_frame *frame = spf_top(e);
	const struct spf_term *term;

	if (frame->next == frame->record.count) {
		if (frame->record.redirect)
			follow(e, frame->record.redirect);
		else
			conclude(e, NULL);
		return;
	}
	term = &frame->record.terms[frame->next++];
	if (term->kind == SPF_INCLUDE)
		follow(e, term);
	else if (spf_term_match(e, term) == SPF_MATCH)
		conclude(e, term);
}

/*
 * Section 6.2: what the domain says to a fail.  Whatever goes wrong, there is
 * just no explanation.
 */
static void explain(struct spf_evaluation *e)
{
	const struct spf_frame *frame = &e->frames[0];
	const struct spf_term *exp = frame->record.exp;
	char name[DNS_NAME_TEXT_SIZE];
	const struct dns_answer *answer;
	uint32_t letters;
	char *text;

	if (!exp || spf_target(e, frame->domain, exp->spec, exp->spec_len,
			       exp->letters, NULL, name) != SPF_EXPANDED)
		return;
	answer = spf_ask(e, name, DNS_TXT);
	if (!answer || answer->count != 1 ||
	    spf_macro_check(answer->records[0].text,
			    answer->records[0].text_len, SPF_IN_EXPLANATION,
			    &letters, NULL) < 0)
		return;
	e->letters |= letters;
	e->context.validated = letters & SPF_LETTER('p')
				       ? spf_validated_name(e, frame->domain)
				       : NULL;
	text = arena_alloc(&e->arena, SPF_EXPLANATION_SIZE);
	if (text &&
	    spf_expand_explanation(&e->context, answer->records[0].text,
				   answer->records[0].text_len, text,
				   SPF_EXPLANATION_SIZE) == SPF_EXPANDED &&
	    text[0] != '\0')
		e->outcome.explanation = keep(e, text);
}

/* Lower case, as facts and other identities have domains. */
static const char *in_small_letters(struct arena *arena, const char *domain)
{
	char *copy = arena_strndup(arena, domain, strlen(domain));

	for (char *c = copy; c && *c != '\0'; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	return copy;
}

static void evaluate(struct spf_evaluation *e, const struct claim *claim)
{
	e->outcome.domain = in_small_letters(e->results, claim->domain);
	first_record(e, claim->domain);
	while (!e->over)
		step(e);
	if (e->outcome.result == SPF_RESULT_FAIL)
		explain(e);
	/* what was left out for want of memory may have mattered */
	if (e->arena.full || e->arena.failed)
		spf_no_memory(e);
	if (e->outcome.result == SPF_RESULT_PERMERROR ||
	    e->outcome.result == SPF_RESULT_TEMPERROR)
		e->outcome.mechanism = e->outcome.explanation = NULL;
}

/* As spf_check(); returns the macros that could have mattered. */
static uint32_t check(const struct spf_request *request,
		      enum spf_identity identity, struct inspect_dns *dns,
		      struct arena *arena, struct spf_outcome *ret_outcome)
{
	struct spf_evaluation *e = calloc(1, sizeof(*e));
	struct claim claim;
	uint32_t letters;

	*ret_outcome = (struct spf_outcome){
		.result = SPF_RESULT_TEMPERROR,
		.error = "there is no memory left",
	};
	if (!e)
		return UINT32_MAX;
	arena_init(&e->arena, SPF_ARENA_MAX);
	e->results = arena;
	e->dns = dns;
	e->outcome.result = SPF_RESULT_NONE;
	if (request->client.family != 0 &&
	    read_claim(&e->arena, request, identity, &claim)) {
		e->context = (struct spf_context){
			.sender = claim.sender,
			.helo = claim.helo,
			.receiver = request->receiver,
			.ip = request->client,
			.now = request->now,
		};
		evaluate(e, &claim);
	} else if (e->arena.failed) {
		spf_no_memory(e);
	}
	*ret_outcome = e->outcome;
	letters = e->letters;
	arena_done(&e->arena);
	free(e);
	return letters;
}

void spf_check(const struct spf_request *request, enum spf_identity identity,
	       struct inspect_dns *dns, struct arena *arena,
	       struct spf_outcome *ret_outcome)
{
	check(request, identity, dns, arena, ret_outcome);
}

/* --- facts -------------------------------------------------------------- */

static void set_result(struct facts *facts, enum fact_id id,
		       enum spf_result result)
{
	if (result == SPF_RESULT_NONE)
		facts_none(facts, id);
	else
		facts_word(facts, id, (unsigned)result);
}

static void set_text(struct facts *facts, enum fact_id id, const char *text)
{
	if (text)
		facts_text(facts, id, text, strlen(text));
	else
		facts_none(facts, id);
}

/* Where DNS did not answer, nothing that it could have brought is known. */
static void set_details(struct facts *facts, const struct spf_outcome *outcome)
{
	set_text(facts, FACT_SPF_DOMAIN, outcome->domain);
	set_text(facts, FACT_SPF_ERROR, outcome->error);
	if (outcome->result == SPF_RESULT_TEMPERROR) {
		facts_unknown(facts, FACT_SPF_MECHANISM, CAUSE_FAILED);
		facts_unknown(facts, FACT_SPF_EXPLANATION, CAUSE_FAILED);
		facts_unknown(facts, FACT_SPF_LOOKUPS, CAUSE_FAILED);
		if (outcome->open)
			facts_bool(facts, FACT_SPF_OPEN, true);
		else
			facts_unknown(facts, FACT_SPF_OPEN, CAUSE_FAILED);
		return;
	}
	set_text(facts, FACT_SPF_MECHANISM, outcome->mechanism);
	set_text(facts, FACT_SPF_EXPLANATION, outcome->explanation);
	if (outcome->result == SPF_RESULT_NONE) {
		facts_none(facts, FACT_SPF_LOOKUPS);
		facts_none(facts, FACT_SPF_OPEN);
		return;
	}
	facts_number(facts, FACT_SPF_LOOKUPS, outcome->lookups);
	facts_bool(facts, FACT_SPF_OPEN, outcome->open);
}

/* Would HELO have been evaluated to the same? */
static bool is_the_same(const struct spf_request *request,
			const struct spf_outcome *outcome, uint32_t letters,
			struct arena *arena)
{
	const char *domain;

	if (!request->sender || request->sender[0] == '\0')
		return true;
	domain = request->helo ? domain_of(arena, request->helo) : NULL;
	return domain && outcome->domain &&
	       strcasecmp(domain, outcome->domain) == 0 &&
	       !(letters & (SPF_LETTER('s') | SPF_LETTER('l')));
}

static void hint_helo(const struct spf_request *request,
		      struct inspect_dns *dns, struct arena *arena)
{
	const char *domain =
		request->helo ? domain_of(arena, request->helo) : NULL;
	char text[DNS_NAME_TEXT_SIZE];

	if (domain && spf_name_text(domain, text))
		dns->hint(dns, text, DNS_TXT);
}

void spf_facts(const struct spf_request *request, struct inspect_dns *dns,
	       struct facts *facts)
{
	struct spf_outcome sender, helo;
	uint32_t letters;

	if (request->client.family != 0)
		hint_helo(request, dns, facts->arena);
	letters = check(request, SPF_OF_MAIL_FROM, dns, facts->arena, &sender);
	if (is_the_same(request, &sender, letters, facts->arena))
		helo = sender;
	else
		check(request, SPF_OF_HELO, dns, facts->arena, &helo);
	set_result(facts, FACT_SPF, sender.result);
	set_result(facts, FACT_SPF_HELO, helo.result);
	set_details(facts, &sender);
}
