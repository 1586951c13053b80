/*
 * dmarc.c - is the author's domain vouched for, and what does it ask for?
 *
 * The evaluation is written as if DNS had answered everything.  What it misses
 * is unknown, as if DNS had failed, and the first such thing is the question;
 * with each answer the evaluation starts over.  So there is no state but what
 * has been heard, no order of events to get wrong, and at any time an outcome.
 * It costs a few string comparisons.
 */
#include "filter/inspect/dmarc.h"

#include <stdio.h>
#include <string.h>

/* What is known about the records of a name. */
enum look {
	LOOK_UNKNOWN, /* not heard yet, or DNS failed */
	LOOK_NOTHING,
	LOOK_SEVERAL,
	LOOK_RECORD,
};

#define LABEL_MAX 63

/* --- names -------------------------------------------------------------- */

/* Underscores stand in many names that mail is sent from. */
static bool is_name_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
	       c == '_';
}

/* Small letters into buf, without a dot at the end; "" for no host name. */
static void name_read(const char *name, size_t len,
		      char buf[DMARC_NAME_MAX + 1])
{
	size_t label = 0, at;

	buf[0] = '\0';
	if (len > 0 && name[len - 1] == '.')
		len--;
	if (len > DMARC_NAME_MAX)
		return;
	for (at = 0; at < len; at++) {
		char c = name[at];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c + ('a' - 'A'));
		buf[at] = c;
		if (c == '.' && label > 0)
			label = 0;
		else if (!is_name_byte(c) || ++label > LABEL_MAX)
			break;
	}
	buf[at == len && label > 0 ? len : 0] = '\0';
}

static size_t labels_of(const char *name)
{
	size_t labels = 1;

	for (; *name != '\0'; name++)
		labels += *name == '.';
	return labels;
}

/* The last labels of a name that has at least as many. */
static const char *name_end(const char *name, size_t labels)
{
	for (size_t more = labels_of(name) - labels; more > 0; more--)
		name = strchr(name, '.') + 1;
	return name;
}

/* True for the name itself, too. */
static bool is_below(const char *name, const char *top)
{
	size_t len = strlen(name), top_len = strlen(top);

	if (len < top_len || strcmp(name + len - top_len, top) != 0)
		return false;
	return len == top_len || name[len - top_len - 1] == '.';
}

/* Section 4.10, steps 3, 4 and 7; NULL when no labels are left. */
static const char *walk_next(const char *name)
{
	size_t labels = labels_of(name);

	if (labels == 1)
		return NULL;
	return name_end(name, labels < DMARC_WALK_MAX ? labels - 1
						      : DMARC_WALK_MAX - 1);
}

size_t dmarc_walk_names(const char *domain,
			const char *ret_names[DMARC_WALK_MAX])
{
	size_t count = 0;

	for (const char *at = domain; at && *at != '\0'; at = walk_next(at))
		ret_names[count++] = at;
	return count;
}

/* --- what DNS said ------------------------------------------------------ */

static struct dmarc_seen *seen_find(struct dmarc *dmarc, const char *domain,
				    enum dmarc_ask ask)
{
	for (size_t i = 0; i < dmarc->seen_count; i++)
		if (dmarc->seen[i].ask == ask &&
		    strcmp(dmarc->seen[i].domain, domain) == 0)
			return &dmarc->seen[i];
	return NULL;
}

/* Notes the question, if it is the first and there may be another one. */
static void ask(struct dmarc *dmarc, const char *domain, enum dmarc_ask what)
{
	if (dmarc->asking || dmarc->seen_count == DMARC_QUESTIONS_MAX)
		return;
	dmarc->next = (struct dmarc_seen){ .domain = domain, .ask = what };
	snprintf(dmarc->question, sizeof(dmarc->question), "%s%s",
		 what == DMARC_ASK_TXT ? "_dmarc." : "", domain);
	dmarc->asking = true;
}

static enum look look(struct dmarc *dmarc, const char *domain,
		      const struct dmarc_record **ret_record)
{
	const struct dmarc_seen *seen;

	/* there can be no such name */
	if (strlen("_dmarc.") + strlen(domain) > DMARC_NAME_MAX)
		return LOOK_NOTHING;
	seen = seen_find(dmarc, domain, DMARC_ASK_TXT);
	if (!seen)
		ask(dmarc, domain, DMARC_ASK_TXT);
	if (!seen || seen->said == DMARC_SAID_NOTHING)
		return LOOK_UNKNOWN;
	switch (seen->choice) {
	case DMARC_CHOICE_ONE: *ret_record = &seen->record; return LOOK_RECORD;
	case DMARC_CHOICE_SEVERAL: return LOOK_SEVERAL;
	case DMARC_CHOICE_NOTHING: break;
	}
	return LOOK_NOTHING;
}

/* --- the tree walk (section 4.10) --------------------------------------- */

struct walk {
	const char *start;
	size_t count;
	/* from the longest name to the shortest */
	const char *names[DMARC_WALK_MAX];
	const struct dmarc_record *records[DMARC_WALK_MAX];
};

/* False if not all of it is known; the walk has what was found before that. */
static bool walk_run(struct dmarc *dmarc, const char *start, struct walk *walk)
{
	*walk = (struct walk){ .start = start };
	for (const char *at = start; at; at = walk_next(at)) {
		const struct dmarc_record *record = NULL;
		enum look found = look(dmarc, at, &record);

		if (found == LOOK_UNKNOWN)
			return false;
		if (found != LOOK_RECORD)
			continue;
		walk->names[walk->count] = at;
		walk->records[walk->count++] = record;
		if (record->psd != DMARC_PSD_UNSAID)
			break;
	}
	return true;
}

/* The organisational domain that a whole walk found (section 4.10.2). */
static const char *walk_organisation(const struct walk *walk)
{
	for (size_t i = 0; i < walk->count; i++) {
		if (walk->records[i]->psd == DMARC_PSD_NO)
			return walk->names[i];
		/* one label below, which the walk may have left out */
		if (walk->records[i]->psd == DMARC_PSD_YES &&
		    walk->names[i] != walk->start)
			return name_end(walk->start,
					labels_of(walk->names[i]) + 1);
	}
	return walk->count > 0 ? walk->names[walk->count - 1] : walk->start;
}

/* RFC 7489 section 3.2; a suffix, and what is no name, stands for itself. */
static const char *list_organisation(const struct dmarc *dmarc,
				     const char *name)
{
	size_t len = strlen(name), found_len = 0;

	if (!dmarc->set.organisation)
		return name;
	if (!dmarc->set.organisation(name, len, &found_len) || found_len > len)
		return name;
	return name + len - found_len;
}

/*
 * That of a whole walk; where it hit upon no psd= and the list is asked too,
 * the larger of both.
 */
static const char *organisation_of(const struct dmarc *dmarc,
				   const struct walk *walk)
{
	const char *found = walk_organisation(walk), *listed;

	if (dmarc->set.discovery != DMARC_WALK_AND_LIST ||
	    (walk->count > 0 &&
	     walk->records[walk->count - 1]->psd != DMARC_PSD_UNSAID))
		return found;
	listed = list_organisation(dmarc, walk->start);
	return labels_of(listed) < labels_of(found) ? listed : found;
}

/* --- which record (section 4.10.1) -------------------------------------- */

static enum look found_record(struct dmarc *dmarc, const char *domain,
			      const struct dmarc_record *record)
{
	dmarc->outcome.record = record;
	dmarc->outcome.record_domain = domain;
	return LOOK_RECORD;
}

static enum look discover_by_walk(struct dmarc *dmarc)
{
	struct dmarc_outcome *outcome = &dmarc->outcome;
	const struct dmarc_record *own = NULL;
	enum look found = look(dmarc, dmarc->author, &own);
	struct walk walk;
	bool whole;

	if (found == LOOK_UNKNOWN || found == LOOK_SEVERAL)
		return found;
	whole = walk_run(dmarc, dmarc->author, &walk);
	if (whole)
		outcome->organisation = organisation_of(dmarc, &walk);
	/* the author's own counts whatever is above it */
	if (found == LOOK_RECORD)
		return found_record(dmarc, dmarc->author, own);
	if (!whole)
		return LOOK_UNKNOWN;
	/* then the organisation's; else the suffix's, where the walk ended */
	for (size_t i = 0; i < walk.count; i++)
		if (walk.names[i] == walk_organisation(&walk) ||
		    walk.records[i]->psd == DMARC_PSD_YES)
			return found_record(dmarc, walk.names[i],
					    walk.records[i]);
	return LOOK_NOTHING;
}

static enum look discover_by_list(struct dmarc *dmarc)
{
	struct dmarc_outcome *outcome = &dmarc->outcome;
	const struct dmarc_record *record = NULL;
	const char *at = dmarc->author;
	enum look found = look(dmarc, at, &record);

	outcome->organisation = list_organisation(dmarc, at);
	if (found == LOOK_NOTHING && outcome->organisation != at) {
		at = outcome->organisation;
		found = look(dmarc, at, &record);
	}
	return found == LOOK_RECORD ? found_record(dmarc, at, record) : found;
}

/* --- what it asks for --------------------------------------------------- */

/*
 * Whether the author's domain exists; LOOK_RECORD is yes, LOOK_NOTHING no.
 * What was said of _dmarc below it may tell already (RFC 8020).
 */
static enum look look_whether_exists(struct dmarc *dmarc)
{
	const struct dmarc_seen *seen;

	seen = seen_find(dmarc, dmarc->author, DMARC_ASK_TXT);
	if (seen && (seen->said == DMARC_SAID_RECORDS ||
		     seen->said == DMARC_SAID_NO_DATA))
		return LOOK_RECORD;
	seen = seen_find(dmarc, dmarc->author, DMARC_ASK_EXISTS);
	if (!seen)
		ask(dmarc, dmarc->author, DMARC_ASK_EXISTS);
	if (!seen || seen->said == DMARC_SAID_NOTHING)
		return LOOK_UNKNOWN;
	return seen->said == DMARC_SAID_NO_NAME ? LOOK_NOTHING : LOOK_RECORD;
}

static enum dmarc_request milder(enum dmarc_request a, enum dmarc_request b)
{
	return a < b ? a : b;
}

/* False if it is not known which of two policies it is. */
static bool set_policy(struct dmarc *dmarc)
{
	struct dmarc_outcome *outcome = &dmarc->outcome;
	const struct dmarc_record *record = outcome->record;
	enum dmarc_request own = dmarc_record_request(record, DMARC_ITS_OWN);
	enum dmarc_request sub, no_name;
	enum look exists = LOOK_RECORD;

	sub = dmarc_record_request(record, DMARC_OF_SUBDOMAIN);
	no_name = dmarc_record_request(record, DMARC_OF_NO_DOMAIN);
	outcome->published = sub;
	if (outcome->record_domain == dmarc->author) {
		outcome->published = own;
	} else if (sub != no_name) {
		exists = look_whether_exists(dmarc);
		if (exists == LOOK_NOTHING)
			outcome->published = no_name;
		else if (exists != LOOK_RECORD)
			outcome->published = milder(sub, no_name);
	}
	outcome->testing =
		record->testing ||
		(dmarc->set.discovery == DMARC_SUFFIX_LIST && record->pct == 0);
	outcome->policy = outcome->published;
	if (outcome->testing && outcome->policy > DMARC_NONE)
		outcome->policy--;
	return exists != LOOK_UNKNOWN;
}

/* --- alignment (section 4.10.2) ----------------------------------------- */

static enum dmarc_alignment align_by_walk(struct dmarc *dmarc, const char *name)
{
	const char *top = dmarc->outcome.organisation;
	struct walk walk;

	/* whatever the organisation is, it is an end of the author's domain */
	if (!top)
		return is_below(name, name_end(dmarc->author, 1))
			       ? DMARC_ALIGNMENT_UNKNOWN
			       : DMARC_NOT_ALIGNED;
	if (!is_below(name, top))
		return DMARC_NOT_ALIGNED;
	if (!walk_run(dmarc, name, &walk))
		return DMARC_ALIGNMENT_UNKNOWN;
	return strcmp(organisation_of(dmarc, &walk), top) == 0
		       ? DMARC_ALIGNED
		       : DMARC_NOT_ALIGNED;
}

static bool aligned_by_list(const struct dmarc *dmarc, const char *name)
{
	if (!dmarc->set.organisation)
		return is_below(name, dmarc->author);
	return strcmp(list_organisation(dmarc, name),
		      dmarc->outcome.organisation) == 0;
}

static enum dmarc_alignment align(struct dmarc *dmarc,
				  const struct dmarc_proven *proven)
{
	const struct dmarc_record *record = dmarc->outcome.record;

	if (proven->name[0] == '\0')
		return DMARC_NOT_ALIGNED;
	if (strcmp(proven->name, dmarc->author) == 0)
		return DMARC_ALIGNED;
	if (proven->by_spf ? record->strict_spf : record->strict_dkim)
		return DMARC_NOT_ALIGNED;
	if (dmarc->set.discovery != DMARC_SUFFIX_LIST)
		return align_by_walk(dmarc, proven->name);
	return aligned_by_list(dmarc, proven->name) ? DMARC_ALIGNED
						    : DMARC_NOT_ALIGNED;
}

/* ALIGNED is better than UNKNOWN, and that than NOT_ALIGNED. */
static void note_alignment(enum dmarc_alignment *best, const char **domain,
			   const struct dmarc_proven *proven)
{
	if (*best == DMARC_ALIGNED || proven->alignment == DMARC_NOT_ALIGNED)
		return;
	*best = proven->alignment;
	if (proven->alignment == DMARC_ALIGNED)
		*domain = proven->name;
}

static void align_all(struct dmarc *dmarc)
{
	struct dmarc_outcome *outcome = &dmarc->outcome;

	for (size_t i = 0; i < dmarc->proven_count; i++) {
		struct dmarc_proven *proven = &dmarc->proven[i];

		proven->alignment = align(dmarc, proven);
		if (proven->by_spf)
			note_alignment(&outcome->spf, &outcome->spf_domain,
				       proven);
		else
			note_alignment(&outcome->dkim, &outcome->dkim_domain,
				       proven);
	}
}

/* --- all of it ---------------------------------------------------------- */

static enum dmarc_result evaluate(struct dmarc *dmarc)
{
	struct dmarc_outcome *outcome = &dmarc->outcome;
	bool known;

	switch (dmarc->set.discovery == DMARC_SUFFIX_LIST
			? discover_by_list(dmarc)
			: discover_by_walk(dmarc)) {
	case LOOK_UNKNOWN:
		outcome->why = "DNS did not say whether there is a record";
		return DMARC_RESULT_TEMPERROR;
	case LOOK_SEVERAL:
		outcome->why = "there are several DMARC records, where only "
			       "one may be";
		return DMARC_RESULT_NONE;
	case LOOK_NOTHING: return DMARC_RESULT_NONE;
	case LOOK_RECORD: break;
	}
	outcome->why = outcome->record->why;
	if (!dmarc_record_usable(outcome->record))
		return DMARC_RESULT_NONE;

	known = set_policy(dmarc);
	align_all(dmarc);
	if (outcome->spf == DMARC_ALIGNED || outcome->dkim == DMARC_ALIGNED)
		return DMARC_RESULT_PASS;
	if (outcome->spf == DMARC_ALIGNMENT_UNKNOWN ||
	    outcome->dkim == DMARC_ALIGNMENT_UNKNOWN || !known)
		return DMARC_RESULT_TEMPERROR;
	return DMARC_RESULT_FAIL;
}

/* The outcome of what is known; may leave a question. */
static void decide(struct dmarc *dmarc)
{
	struct dmarc_outcome *outcome = &dmarc->outcome;

	if (outcome->result == DMARC_RESULT_PERMERROR)
		return;
	*outcome = (struct dmarc_outcome){ .author = dmarc->author };
	dmarc->asking = false;
	outcome->result = evaluate(dmarc);
}

void dmarc_start(struct dmarc *dmarc, const struct dmarc_settings *settings,
		 const struct dmarc_text *domains, size_t count)
{
	struct dmarc_outcome *outcome = &dmarc->outcome;

	*outcome = (struct dmarc_outcome){ .result = DMARC_RESULT_PERMERROR };
	dmarc->set = *settings;
	dmarc->author[0] = '\0';
	dmarc->proven_count = 0;
	dmarc->seen_count = 0;
	dmarc->asking = false;
	if (count == 0) {
		outcome->why = "there is no author's domain";
		return;
	}
	for (size_t i = 0; i < count; i++) {
		char name[DMARC_NAME_MAX + 1];

		name_read(domains[i].text, domains[i].len, name);
		if (name[0] == '\0') {
			outcome->why = "the author's domain is no host name";
			return;
		}
		if (i > 0 && strcmp(name, dmarc->author) != 0) {
			outcome->why = "there are several authors' domains";
			return;
		}
		memcpy(dmarc->author, name, sizeof(name));
	}
	outcome->result = DMARC_RESULT_TEMPERROR;
	decide(dmarc);
}

static void add_proven(struct dmarc *dmarc, bool by_spf, const char *domain,
		       size_t len)
{
	struct dmarc_proven *proven;

	if (dmarc->proven_count == DMARC_PROVEN_MAX)
		return;
	proven = &dmarc->proven[dmarc->proven_count++];
	proven->by_spf = by_spf;
	proven->alignment = DMARC_NOT_ALIGNED;
	name_read(domain, len, proven->name);
	decide(dmarc);
}

void dmarc_spf(struct dmarc *dmarc, const char *domain, size_t len)
{
	add_proven(dmarc, true, domain, len);
}

void dmarc_dkim(struct dmarc *dmarc, const char *domain, size_t len)
{
	add_proven(dmarc, false, domain, len);
}

bool dmarc_question(struct dmarc *dmarc, struct dmarc_question *ret_question)
{
	if (!dmarc->asking)
		return false;
	ret_question->ask = dmarc->next.ask;
	ret_question->name = dmarc->question;
	return true;
}

void dmarc_answer(struct dmarc *dmarc, enum dmarc_said said,
		  const struct dmarc_text *texts, size_t count)
{
	struct dmarc_seen *seen;

	if (!dmarc->asking)
		return;
	seen = &dmarc->seen[dmarc->seen_count++];
	*seen = dmarc->next;
	seen->said = said;
	if (said == DMARC_SAID_RECORDS && seen->ask == DMARC_ASK_TXT)
		seen->choice =
			dmarc_record_choose(texts, count, &seen->record, NULL);
	decide(dmarc);
}
