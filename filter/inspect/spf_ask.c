/* spf_ask.c - the questions of an evaluation, and what the client is called. */
#include "filter/inspect/spf_private.h"

#include <string.h>
#include <strings.h>

#include "filter/inspect/dns.h"

/* --- questions ---------------------------------------------------------- */

static bool was_put(const struct spf_evaluation *e, const char *name,
		    enum dns_type type)
{
	for (size_t i = 0; i < e->put_count; i++)
		if (e->put[i].type == type &&
		    strcasecmp(e->put[i].name, name) == 0)
			return true;
	return false;
}

/*
 * Remembers a question.  What is put again costs nothing, as whoever is behind
 * the door has the answer.
 */
static bool may_put(struct spf_evaluation *e, const char *name,
		    enum dns_type type, size_t max)
{
	const char *copy;

	if (was_put(e, name, type))
		return true;
	if (e->put_count >= max)
		return false;
	copy = arena_strndup(&e->arena, name, strlen(name));
	if (!copy)
		return false;
	e->put[e->put_count++] = (struct spf_question){ copy, type };
	return true;
}

const struct dns_answer *spf_ask(struct spf_evaluation *e, const char *name,
				 enum dns_type type)
{
	if (!may_put(e, name, type, SPF_QUERIES_MAX))
		return NULL;
	return e->dns->ask(e->dns, name, type);
}

void spf_hint(struct spf_evaluation *e, const char *name, enum dns_type type,
	      size_t max)
{
	if (!was_put(e, name, type) && may_put(e, name, type, max))
		e->dns->hint(e->dns, name, type);
}

enum dns_type spf_address_type(const struct spf_evaluation *e)
{
	return e->context.ip.family == 4 ? DNS_A : DNS_AAAA;
}

/* --- names -------------------------------------------------------------- */

bool spf_name_text(const char *name, char ret_text[DNS_NAME_TEXT_SIZE])
{
	struct dns_name wire;

	if (spf_name_wire(name, strlen(name), &wire) < 0)
		return false;
	dns_name_format(&wire, ret_text);
	return true;
}

/*
 * The other way round; NULL for what is not printable or has a dot in a label.
 */
static const char *plain_name(struct arena *arena, const char *text)
{
	struct dns_name wire;
	char *plain, *out;

	if (dns_name_parse(text, strlen(text), &wire) < 0 || wire.len < 2)
		return NULL;
	plain = out = arena_alloc(arena, wire.len);
	if (!plain)
		return NULL;
	for (size_t at = 0; wire.wire[at] != 0;) {
		size_t len = wire.wire[at++];

		if (at > 1)
			*out++ = '.';
		for (size_t i = 0; i < len; i++, at++) {
			uint8_t c = wire.wire[at];

			if (c <= ' ' || c > '~' || c == '.')
				return NULL;
			*out++ = (char)c;
		}
	}
	return plain;
}

bool spf_name_below(const char *name, const char *domain)
{
	size_t len = strlen(name), top = strlen(domain);

	return len >= top && strcasecmp(name + len - top, domain) == 0 &&
	       (len == top || name[len - top - 1] == '.');
}

void spf_client_names(struct spf_evaluation *e)
{
	char reverse[DNS_REVERSE_SIZE];
	const struct dns_answer *answer;

	if (e->names_known)
		return;
	e->names_known = true;
	e->names_status = DNS_BUSY;
	answer = spf_ask(e, dns_name_reverse(&e->context.ip, reverse), DNS_PTR);
	if (!answer)
		return;
	e->names_status = answer->status;
	for (size_t i = 0; i < answer->count && e->name_count < SPF_NAMES_MAX;
	     i++) {
		const char *text = answer->records[i].name;

		e->names[e->name_count++] = (struct spf_client_name){
			.text = text,
			.plain = plain_name(&e->arena, text),
		};
	}
}

bool spf_name_holds(struct spf_evaluation *e, struct spf_client_name *name)
{
	const struct dns_answer *answer;

	if (name->proof != SPF_NAME_UNSEEN)
		return name->proof == SPF_NAME_HOLDS;
	name->proof = SPF_NAME_LIES;
	answer = spf_ask(e, name->text, spf_address_type(e));
	for (size_t i = 0; answer && i < answer->count; i++)
		if (ip_equal(&answer->records[i].ip, &e->context.ip))
			name->proof = SPF_NAME_HOLDS;
	return name->proof == SPF_NAME_HOLDS;
}

/*
 * Section 7.3: the domain itself if it is among the validated names, else one
 * below it, else any.  Those that are not needed are not asked about.
 */
const char *spf_validated_name(struct spf_evaluation *e, const char *domain)
{
	enum { ITSELF, BELOW, ANY, RANKS };

	spf_client_names(e);
	for (size_t i = 0; i < e->name_count; i++)
		if (e->names[i].proof == SPF_NAME_UNSEEN && e->names[i].plain)
			spf_hint(e, e->names[i].text, spf_address_type(e),
				 SPF_QUERIES_MAX);
	for (int rank = ITSELF; rank < RANKS; rank++) {
		for (size_t i = 0; i < e->name_count; i++) {
			struct spf_client_name *name = &e->names[i];

			if (!name->plain ||
			    (rank == ITSELF &&
			     strcasecmp(name->plain, domain) != 0) ||
			    (rank == BELOW &&
			     !spf_name_below(name->plain, domain)))
				continue;
			if (spf_name_holds(e, name))
				return name->plain;
		}
	}
	return NULL;
}

enum spf_expansion spf_target(struct spf_evaluation *e, const char *domain,
			      const char *spec, size_t len, uint32_t letters,
			      char ret_name[SPF_NAME_SIZE],
			      char ret_text[DNS_NAME_TEXT_SIZE])
{
	enum spf_expansion expansion;
	char name[SPF_NAME_SIZE];

	e->context.domain = domain;
	e->context.validated = NULL;
	if (spec) {
		if (letters & SPF_LETTER('p'))
			e->context.validated = spf_validated_name(e, domain);
		expansion = spf_expand_domain(&e->context, spec, len, name);
		if (expansion != SPF_EXPANDED)
			return expansion;
	} else {
		strcpy(name, domain);
	}
	if (!spf_name_text(name, ret_text))
		return SPF_NOT_A_NAME;
	if (ret_name)
		strcpy(ret_name, name);
	return SPF_EXPANDED;
}

/* --- before their turn -------------------------------------------------- */

/*
 * What a term asks first; false if it asks nothing, or that is not known yet.
 */
static bool first_question(struct spf_evaluation *e,
			   const struct spf_frame *frame,
			   const struct spf_term *term,
			   char ret_name[DNS_NAME_TEXT_SIZE],
			   enum dns_type *ret_type)
{
	switch (term->kind) {
	case SPF_INCLUDE:
	case SPF_REDIRECT: *ret_type = DNS_TXT; break;
	case SPF_A: *ret_type = spf_address_type(e); break;
	case SPF_MX: *ret_type = DNS_MX; break;
	case SPF_EXISTS: *ret_type = DNS_A; break;
	case SPF_PTR:
		*ret_type = DNS_PTR;
		dns_name_reverse(&e->context.ip, ret_name);
		return true;
	default: return false;
	}
	return !(term->letters & SPF_LETTER('p')) &&
	       spf_target(e, frame->domain, term->spec, term->spec_len,
			  term->letters, NULL, ret_name) == SPF_EXPANDED;
}

void spf_look_ahead(struct spf_evaluation *e, const struct spf_term *term)
{
	struct spf_frame *frame = spf_top(e);
	const struct spf_record *record = &frame->record;
	size_t i = (size_t)(term - record->terms);
	unsigned left = SPF_TERMS_AHEAD;
	char name[DNS_NAME_TEXT_SIZE];
	enum dns_type type;

	if (i < frame->ahead)
		return;
	/* this one was counted already */
	if (left > SPF_TERMS_ASKED_MAX - e->outcome.lookups + 1)
		left = SPF_TERMS_ASKED_MAX - e->outcome.lookups + 1;
	for (; i < record->count && left > 0; i++) {
		const struct spf_term *next = &record->terms[i];

		if (next->kind == SPF_ALL)
			break;
		if (next->kind == SPF_REDIRECT || next->kind == SPF_EXP ||
		    !first_question(e, frame, next, name, &type))
			continue;
		spf_hint(e, name, type, SPF_QUERIES_AHEAD_MAX);
		left--;
	}
	frame->ahead = i;
	if (i == record->count && left > 0 && record->redirect &&
	    first_question(e, frame, record->redirect, name, &type))
		spf_hint(e, name, type, SPF_QUERIES_AHEAD_MAX);
}
