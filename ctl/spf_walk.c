/*
 * spf_walk.c - all that an SPF record leads to.
 */
#include "ctl/spf_walk.h"

#include <string.h>
#include <strings.h>

#include "filter/inspect/dns.h"
#include "filter/inspect/spf.h"
#include "filter/inspect/spf_record.h"
#include "lists/dns_name.h"

struct walker {
	struct spf_walk *walk;
	struct inspect_dns *dns;
	struct arena *arena;
	const char *stand_in; /* a domain that is none; or NULL */
	unsigned records; /* that were read */
};

/* A record on the way from the first one; names are plain. */
struct place {
	const struct place *above;
	const char *domain;
	unsigned depth;
	const struct spf_record *record;
};

static void walk_domain(struct walker *w, const char *domain,
			const struct place *above, const struct spf_term *from);

/* --- problems ----------------------------------------------------------- */

static void problem(struct walker *w, const char *domain, const char *record,
		    size_t at, size_t len, const char *why)
{
	struct spf_walk *walk = w->walk;

	if (walk->problem_count == SPF_WALK_PROBLEMS_MAX || !why) {
		walk->whole = false;
		return;
	}
	walk->problems[walk->problem_count++] = (struct spf_walk_problem){
		.domain = domain,
		.record = record,
		.at = at,
		.len = len,
		.why = why,
	};
}

static void term_problem(struct walker *w, const struct place *place,
			 const struct spf_term *term, const char *why)
{
	problem(w, place->domain, place->record->text, term->at, term->len,
		why);
}

/* --- DNS ---------------------------------------------------------------- */

static const struct dns_answer *ask(struct walker *w, const char *name,
				    enum dns_type type)
{
	char text[DNS_NAME_TEXT_SIZE];
	struct dns_name wire;

	if (spf_name_wire(name, strlen(name), &wire) < 0)
		return NULL;
	dns_name_format(&wire, text);
	return w->dns->ask(w->dns, text, type);
}

static const char *unanswered(struct walker *w, const char *name,
			      enum dns_type type,
			      const struct dns_answer *answer)
{
	return arena_printf(w->arena, "DNS does not say what %s has as %s: %s",
			    name, dns_type_name(type),
			    answer ? dns_status_name(answer->status)
				   : "this is no name");
}

/*
 * What the term names, if that is the same for all mail; NULL if it is not, or
 * if it is no name.
 */
static const char *fixed_target(struct walker *w, const struct place *place,
				const struct spf_term *term)
{
	struct spf_context context = {
		.sender = "",
		.helo = "",
		.domain = place->domain,
	};
	char name[SPF_NAME_SIZE];

	if (term->letters & ~SPF_LETTER('d') ||
	    (place->domain == w->stand_in && (!term->spec || term->letters)))
		return NULL;
	if (!term->spec)
		return place->domain;
	switch (spf_expand_domain(&context, term->spec, term->spec_len, name)) {
	case SPF_EXPANDED: return arena_strndup(w->arena, name, strlen(name));
	case SPF_NOT_A_NAME:
		term_problem(w, place, term, "this can be no name in DNS");
		return NULL;
	default: return NULL;
	}
}

/* A void look-up costs one of two, whoever the client is. */
static void check_void(struct walker *w, const struct place *place,
		       const struct spf_term *term, const char *why)
{
	w->walk->voids++;
	term_problem(w, place, term, why);
}

static void check_addresses(struct walker *w, const struct place *place,
			    const struct spf_term *term, const char *name)
{
	const struct dns_answer *four = ask(w, name, DNS_A);
	const struct dns_answer *six;

	if (!four || !dns_status_is_known(four->status)) {
		term_problem(w, place, term, unanswered(w, name, DNS_A, four));
		return;
	}
	if (four->count > 0)
		return;
	six = term->kind == SPF_EXISTS ? NULL : ask(w, name, DNS_AAAA);
	if (six && !dns_status_is_known(six->status))
		term_problem(w, place, term,
			     unanswered(w, name, DNS_AAAA, six));
	else if (!six || six->count == 0)
		check_void(w, place, term,
			   "a void look-up: this name has no address");
}

static void check_mx(struct walker *w, const struct place *place,
		     const struct spf_term *term, const char *name)
{
	const struct dns_answer *answer = ask(w, name, DNS_MX);

	if (!answer || !dns_status_is_known(answer->status))
		term_problem(w, place, term,
			     unanswered(w, name, DNS_MX, answer));
	else if (answer->count == 0)
		check_void(w, place, term,
			   "a void look-up: this name has no MX");
	else if (answer->count > SPF_NAMES_MAX)
		term_problem(w, place, term,
			     "this has more than 10 MX, which is an error");
}

/* --- terms -------------------------------------------------------------- */

static bool asks(const struct spf_term *term)
{
	switch (term->kind) {
	case SPF_INCLUDE:
	case SPF_A:
	case SPF_MX:
	case SPF_PTR:
	case SPF_EXISTS:
	case SPF_REDIRECT: return true;
	default: return false;
	}
}

static void add_line(struct walker *w, const struct place *place,
		     const struct spf_term *term, bool reached)
{
	struct spf_walk *walk = w->walk;
	const char *text =
		arena_strndup(w->arena, place->record->text + term->at,
			      term->len);

	if (walk->line_count == SPF_WALK_LINES_MAX || !text) {
		walk->whole = false;
		return;
	}
	walk->lines[walk->line_count++] = (struct spf_walk_line){
		.domain = place->domain,
		.term = text,
		.depth = place->depth,
		.asks = reached && asks(term),
		.reached = reached,
	};
	if (reached && asks(term) && ++walk->lookups == SPF_TERMS_ASKED_MAX + 1)
		term_problem(w, place, term,
			     "the 11th look-up, which is an error");
}

static void follow(struct walker *w, const struct place *place,
		   const struct spf_term *term)
{
	const char *name = fixed_target(w, place, term);

	if (name)
		walk_domain(w, name, place, term);
}

static void walk_term(struct walker *w, const struct place *place,
		      const struct spf_term *term)
{
	const char *name;

	if (term->qualifier == '+' && spf_term_is_open(term))
		term_problem(w, place, term, "everybody may send by this");
	switch (term->kind) {
	case SPF_INCLUDE: follow(w, place, term); break;
	case SPF_PTR:
		term_problem(w, place, term,
			     "ptr is slow and not reliable, and not to be used "
			     "(RFC 7208 section 5.5)");
		break;
	case SPF_A:
	case SPF_EXISTS:
		name = fixed_target(w, place, term);
		if (name)
			check_addresses(w, place, term, name);
		break;
	case SPF_MX:
		name = fixed_target(w, place, term);
		if (name)
			check_mx(w, place, term, name);
		break;
	case SPF_UNKNOWN:
		term_problem(w, place, term,
			     "there is no such modifier, so this does nothing");
		break;
	default: break;
	}
}

static void walk_terms(struct walker *w, const struct place *place)
{
	const struct spf_record *record = place->record;
	const struct spf_term *end = record->terms + record->count;

	for (const struct spf_term *term = record->terms; term < end; term++) {
		bool behind = record->all && term > record->all;

		if (term->kind == SPF_REDIRECT && record->redirect == term)
			continue; /* it comes last, wherever it stands */
		if (term->kind == SPF_REDIRECT) {
			add_line(w, place, term, false);
			term_problem(w, place, term,
				     "this does nothing, as there is an "
				     "\"all\"");
		} else if (behind && term->qualifier != '\0') {
			add_line(w, place, term, false);
			term_problem(w, place, term,
				     "behind \"all\" nothing is reached");
		} else {
			add_line(w, place, term, true);
			walk_term(w, place, term);
		}
	}
	if (record->redirect) {
		add_line(w, place, record->redirect, true);
		follow(w, place, record->redirect);
	} else if (!record->all && place->depth == 0) {
		problem(w, place->domain, record->text, record->len, 0,
			"neither \"all\" nor redirect stands here, so other "
			"clients are neutral");
	}
}

/* --- records ------------------------------------------------------------ */

/* About a domain, at the term that led there, or at none. */
static void domain_problem(struct walker *w, const char *domain,
			   const struct place *above,
			   const struct spf_term *from, const char *why)
{
	if (from)
		term_problem(w, above, from, why);
	else
		problem(w, domain, NULL, 0, 0, why);
}

static bool is_above(const struct place *place, const char *domain)
{
	for (; place; place = place->above)
		if (strcasecmp(place->domain, domain) == 0)
			return true;
	return false;
}

static void walk_record(struct walker *w, const char *text, size_t len,
			const char *domain, const struct place *above,
			const struct spf_term *from)
{
	struct place place = { .above = above, .domain = domain };
	struct spf_record record;
	struct spf_fault fault;
	const char *copy = arena_strndup(w->arena, text, len);

	if (!from)
		w->walk->record = copy;
	else
		place.depth = above->depth + (from->kind == SPF_INCLUDE);
	switch (spf_record_parse(w->arena, text, len, &record, &fault)) {
	case SPF_PARSED:
		place.record = &record;
		walk_terms(w, &place);
		break;
	case SPF_BROKEN:
		/* a NUL would hide what is behind it */
		problem(w, domain, copy && strlen(copy) == len ? copy : NULL,
			fault.at, 1, fault.why);
		break;
	case SPF_NO_MEMORY: w->walk->whole = false; break;
	}
}

static void walk_domain(struct walker *w, const char *domain,
			const struct place *above, const struct spf_term *from)
{
	const struct dns_answer *answer;
	struct spf_text texts[DNS_RECORDS_MAX];
	size_t which = 0, count = 0;

	if (is_above(above, domain)) {
		domain_problem(w, domain, above, from,
			       "this leads round in a circle");
		return;
	}
	if (w->records == SPF_WALK_RECORDS_MAX) {
		w->walk->whole = false;
		return;
	}
	w->records++;
	answer = ask(w, domain, DNS_TXT);
	if (!answer || !dns_status_is_known(answer->status)) {
		domain_problem(w, domain, above, from,
			       unanswered(w, domain, DNS_TXT, answer));
		return;
	}
	for (; count < answer->count && count < DNS_RECORDS_MAX; count++)
		texts[count] =
			(struct spf_text){ answer->records[count].text,
					   answer->records[count].text_len };
	switch (spf_record_choose(texts, count, &which)) {
	case SPF_CHOICE_NONE:
		domain_problem(w, domain, above, from,
			       from ? "that domain has no SPF record"
			       : answer->status == DNS_NXDOMAIN
				       ? "there is no such domain"
				       : "there is no SPF record");
		break;
	case SPF_CHOICE_SEVERAL:
		domain_problem(w, domain, above, from,
			       from ? "that domain has several SPF records"
				    : "there are several SPF records");
		break;
	case SPF_CHOICE_ONE:
		walk_record(w, texts[which].bytes, texts[which].len, domain,
			    above, from);
		break;
	}
}

const struct spf_walk *spf_walk(const char *domain, bool stands_in,
				struct inspect_dns *dns, struct arena *arena)
{
	struct walker w = {
		.dns = dns,
		.arena = arena,
		.stand_in = stands_in ? domain : NULL,
	};

	w.walk = arena_alloc(arena, sizeof(*w.walk));
	if (!w.walk)
		return NULL;
	w.walk->whole = true;
	walk_domain(&w, domain, NULL, NULL);
	if (w.walk->voids > SPF_VOIDS_MAX)
		problem(&w, domain, NULL, 0, 0,
			"more than 2 void look-ups are an error");
	return w.walk;
}
