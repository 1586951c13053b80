/* spf_terms.c - does this mechanism match? (RFC 7208 section 5) */
#include "filter/inspect/spf_private.h"

#include <string.h>

#include "filter/inspect/dns.h"

bool spf_count_term(struct spf_evaluation *e, const struct spf_term *term)
{
	if (++e->outcome.lookups <= SPF_TERMS_ASKED_MAX)
		return true;
	spf_wrong_term(e, term, "more than 10 terms ask DNS");
	return false;
}

/* No answer to be had: too many questions, or no memory. */
static enum spf_match stop(struct spf_evaluation *e,
			   const struct spf_term *term)
{
	if (e->arena.full || e->arena.failed)
		spf_no_memory(e);
	else
		spf_wrong_term(e, term, "this takes too many questions");
	return SPF_STOP;
}

/*
 * Of void look-ups section 4.6.4 counts the terms; that the hosts of an mx have
 * no address in the client's family is no fault of the domain's.
 */
const struct dns_answer *spf_ask_for_term(struct spf_evaluation *e,
					  const struct spf_term *term,
					  const char *name, enum dns_type type)
{
	const struct dns_answer *answer = spf_ask(e, name, type);

	if (!answer) {
		stop(e, term);
		return NULL;
	}
	if (!dns_status_is_known(answer->status)) {
		spf_no_answer(e, name, type, answer->status);
		return NULL;
	}
	if (answer->count == 0 && ++e->outcome.voids > SPF_VOIDS_MAX) {
		spf_wrong_term(e, term, "more than 2 look-ups find nothing");
		return NULL;
	}
	return answer;
}

/* Is the client among these addresses, as far as the term looks? */
static bool is_near(const struct spf_evaluation *e, const struct spf_term *term,
		    const struct dns_answer *answer)
{
	const struct ip *client = &e->context.ip;
	uint8_t bits = client->family == 4 ? term->bits4 : term->bits6;
	struct ip_prefix network = { .bits = bits };

	for (size_t i = 0; i < answer->count; i++) {
		network.ip = ip_mask(&answer->records[i].ip, bits);
		if (network.ip.family == client->family &&
		    ip_in_prefix(client, &network))
			return true;
	}
	return false;
}

static enum spf_match match_a(struct spf_evaluation *e,
			      const struct spf_term *term, const char *name)
{
	const struct dns_answer *answer =
		spf_ask_for_term(e, term, name, spf_address_type(e));

	if (!answer)
		return SPF_STOP;
	return is_near(e, term, answer) ? SPF_MATCH : SPF_NO_MATCH;
}

/*
 * One host that matches is proof, whatever DNS does not say of the others; so
 * it does not matter in which order they come.
 */
static enum spf_match match_mx(struct spf_evaluation *e,
			       const struct spf_term *term, const char *name)
{
	const struct dns_answer *mx = spf_ask_for_term(e, term, name, DNS_MX);
	enum dns_type type = spf_address_type(e);
	enum dns_status failed = DNS_FOUND;
	const char *failed_name = NULL;

	if (!mx)
		return SPF_STOP;
	if (mx->count > SPF_NAMES_MAX) {
		spf_wrong_term(e, term, "this mx has more than 10 names");
		return SPF_STOP;
	}
	for (size_t i = 0; i < mx->count; i++)
		if (strcmp(mx->records[i].name, ".") != 0)
			spf_hint(e, mx->records[i].name, type, SPF_QUERIES_MAX);
	for (size_t i = 0; i < mx->count; i++) {
		const char *host = mx->records[i].name;
		const struct dns_answer *answer;

		if (strcmp(host, ".") == 0) /* RFC 7505: no host at all */
			continue;
		answer = spf_ask(e, host, type);
		if (!answer)
			return stop(e, term);
		if (is_near(e, term, answer))
			return SPF_MATCH;
		if (!dns_status_is_known(answer->status)) {
			failed = answer->status;
			failed_name = host;
		}
	}
	if (!failed_name)
		return SPF_NO_MATCH;
	spf_no_answer(e, failed_name, type, failed);
	return SPF_STOP;
}

/* Names that are not below the target need not be proven. */
static enum spf_match match_ptr(struct spf_evaluation *e,
				const struct spf_term *term, const char *target)
{
	bool asked = e->names_known;

	spf_client_names(e);
	if (!asked && e->name_count == 0 &&
	    dns_status_is_known(e->names_status) &&
	    ++e->outcome.voids > SPF_VOIDS_MAX) {
		spf_wrong_term(e, term, "more than 2 look-ups find nothing");
		return SPF_STOP;
	}
	for (size_t i = 0; i < e->name_count; i++) {
		struct spf_client_name *name = &e->names[i];

		if (name->plain && name->proof == SPF_NAME_UNSEEN &&
		    spf_name_below(name->plain, target))
			spf_hint(e, name->text, spf_address_type(e),
				 SPF_QUERIES_MAX);
	}
	for (size_t i = 0; i < e->name_count; i++) {
		struct spf_client_name *name = &e->names[i];

		if (name->plain && spf_name_below(name->plain, target) &&
		    spf_name_holds(e, name))
			return SPF_MATCH;
	}
	return SPF_NO_MATCH;
}

/* An A record whatever the client is. */
static enum spf_match match_exists(struct spf_evaluation *e,
				   const struct spf_term *term,
				   const char *name)
{
	const struct dns_answer *answer =
		spf_ask_for_term(e, term, name, DNS_A);

	if (!answer)
		return SPF_STOP;
	return answer->count > 0 ? SPF_MATCH : SPF_NO_MATCH;
}

static enum spf_match match_name(struct spf_evaluation *e,
				 const struct spf_term *term)
{
	char name[SPF_NAME_SIZE], text[DNS_NAME_TEXT_SIZE];

	if (!spf_count_term(e, term))
		return SPF_STOP;
	spf_look_ahead(e, term);
	/* a name that cannot be is one that does not exist, but nobody was
	 * asked */
	if (spf_target(e, spf_top(e)->domain, term->spec, term->spec_len,
		       term->letters, name, text) != SPF_EXPANDED)
		return SPF_NO_MATCH;
	switch (term->kind) {
	case SPF_A: return match_a(e, term, text);
	case SPF_MX: return match_mx(e, term, text);
	case SPF_PTR: return match_ptr(e, term, name);
	default: return match_exists(e, term, text);
	}
}

enum spf_match spf_term_match(struct spf_evaluation *e,
			      const struct spf_term *term)
{
	switch (term->kind) {
	case SPF_ALL: return SPF_MATCH;
	case SPF_IP4:
	case SPF_IP6:
		return ip_in_prefix(&e->context.ip, &term->network)
			       ? SPF_MATCH
			       : SPF_NO_MATCH;
	case SPF_A:
	case SPF_MX:
	case SPF_PTR:
	case SPF_EXISTS: return match_name(e, term);
	default: return SPF_NO_MATCH; /* modifiers */
	}
}
