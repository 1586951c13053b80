/*
 * fuzz_dmarc.c - DMARC in any small world, against a slow second reading.
 *
 * The bytes make a world (dmarc_world.h).  The second reading knows all records
 * at once, by a reader of its own, and takes each kind of discovery literally:
 * RFC 9989 section 4.10 with every walk in full for every domain, the public
 * suffix list as in RFC 7489 section 6.6.3, or the walk with the list's help.
 * With answers for every question both agree.  Where DNS fails for some names,
 * whatever is not temperror must be so whatever these names would have said,
 * and no policy may be harsher.
 */
#include "filter/inspect/dmarc.h"
#include "tests/fuzz/dmarc_world.h"
#include "tests/fuzz/fuzz.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static struct world world;

/* --- the public suffix list ---------------------------------------------- */

/*
 * One label more than the longest suffix that there is; NULL for a suffix.  As
 * in the true list each last label is one.
 */
static const char *listed(const char *name, size_t len, size_t *ret_len)
{
	size_t labels = 1, all = labels_in(name);
	const char *found;

	CLAIM(strlen(name) == len);
	for (size_t i = 0; i < world.suffix_count; i++) {
		size_t more = labels_in(world.suffixes[i]);

		if (more > labels && more <= all &&
		    strcmp(end_of(name, more), world.suffixes[i]) == 0)
			labels = more;
	}
	if (all == labels)
		return NULL;
	found = end_of(name, labels + 1);
	*ret_len = strlen(found);
	return found;
}

/* --- the second reading -------------------------------------------------- */

struct reading {
	enum dmarc_result result;
	enum dmarc_request published, policy;
	bool testing;
	enum dmarc_alignment spf, dkim;
	char organisation[NAME_SIZE];
	char record_domain[NAME_SIZE]; /* "": there is none */
};

/* NULL where there is not exactly one record. */
static const struct dmarc_reference *record_at(const char *name)
{
	const struct entry *entry = world_find(&world, name);

	if (!entry || entry->kind != ENTRY_TEXTS || entry->record_count != 1)
		return NULL;
	return &entry->record;
}

static bool several_at(const char *name)
{
	const struct entry *entry = world_find(&world, name);

	return entry && entry->kind == ENTRY_TEXTS && entry->record_count > 1;
}

/* How many labels the organisation has; *ret_psd: a psd tag said so. */
static size_t labels_by_walk(const char *start, bool *ret_psd)
{
	size_t labels = labels_in(start), best = labels, step = labels;

	*ret_psd = false;
	for (; step > 0; step = step < 8 ? step - 1 : 7) {
		const struct dmarc_reference *record =
			record_at(end_of(start, step));

		if (!record)
			continue;
		best = step;
		if (record->psd == DMARC_PSD_UNSAID)
			continue;
		*ret_psd = true;
		if (record->psd == DMARC_PSD_YES && step < labels)
			best = step + 1;
		break;
	}
	return best;
}

/* A name that has no organisation is its own. */
static size_t labels_by_list(const char *name)
{
	size_t len;
	const char *found =
		world.has_list ? listed(name, strlen(name), &len) : NULL;

	return labels_in(found ? found : name);
}

static const char *organisation_of(const char *name)
{
	bool psd;
	size_t walked = labels_by_walk(name, &psd), list = labels_by_list(name);

	if (world.discovery == DMARC_SUFFIX_LIST)
		return end_of(name, list);
	if (world.discovery == DMARC_TREE_WALK || psd)
		return end_of(name, walked);
	return end_of(name, list < walked ? list : walked);
}

/* Of the author's domain or above it.  What the list says has no say here. */
static const struct dmarc_reference *record_by_walk(const char **ret_name)
{
	const struct dmarc_reference *above;
	bool psd;
	size_t labels = labels_by_walk(world.author, &psd);

	*ret_name = world.author;
	if (several_at(world.author) || record_at(world.author))
		return record_at(world.author);
	*ret_name = end_of(world.author, labels);
	/* an organisation that the walk left out was not looked at */
	if (record_at(*ret_name) && labels < 8)
		return record_at(*ret_name);
	if (labels == 1 || labels > 8)
		return NULL;
	*ret_name = end_of(world.author, labels - 1);
	above = record_at(*ret_name);
	return above && above->psd == DMARC_PSD_YES ? above : NULL;
}

static const struct dmarc_reference *record_by_list(const char **ret_name)
{
	*ret_name = world.author;
	if (several_at(world.author) || record_at(world.author))
		return record_at(world.author);
	*ret_name = organisation_of(world.author);
	return record_at(*ret_name);
}

static bool is_aligned(const char *name, bool strict)
{
	size_t labels = labels_in(world.author);

	if (strcmp(name, world.author) == 0)
		return true;
	if (strict)
		return false;
	if (world.discovery == DMARC_SUFFIX_LIST && !world.has_list)
		return labels_in(name) > labels &&
		       strcmp(end_of(name, labels), world.author) == 0;
	return strcmp(organisation_of(name), organisation_of(world.author)) ==
	       0;
}

static void read_slowly(struct reading *reading)
{
	const struct dmarc_reference *record;
	enum dmarc_whose whose;
	const char *where;

	*reading = (struct reading){ .result = DMARC_RESULT_NONE };
	snprintf(reading->organisation, NAME_SIZE, "%s",
		 organisation_of(world.author));
	record = world.discovery == DMARC_SUFFIX_LIST ? record_by_list(&where)
						      : record_by_walk(&where);
	if (!record)
		return;
	snprintf(reading->record_domain, NAME_SIZE, "%s", where);
	whose = strcmp(where, world.author) == 0 ? DMARC_ITS_OWN
		: world.exists			 ? DMARC_OF_SUBDOMAIN
						 : DMARC_OF_NO_DOMAIN;
	reading->published = dmarc_reference_request(record, whose);
	if (reading->published == DMARC_UNSAID)
		return;
	reading->testing =
		record->testing ||
		(world.discovery == DMARC_SUFFIX_LIST && record->pct == 0);
	reading->policy = reading->published;
	if (reading->testing && reading->policy == DMARC_QUARANTINE)
		reading->policy = DMARC_NONE;
	if (reading->testing && reading->policy == DMARC_REJECT)
		reading->policy = DMARC_QUARANTINE;
	for (size_t i = 0; i < world.proven_count; i++) {
		const char *name = world.proven[i].name;

		if (world.proven[i].by_spf) {
			if (is_aligned(name, record->strict_spf))
				reading->spf = DMARC_ALIGNED;
		} else if (is_aligned(name, record->strict_dkim)) {
			reading->dkim = DMARC_ALIGNED;
		}
	}
	reading->result =
		reading->spf == DMARC_ALIGNED || reading->dkim == DMARC_ALIGNED
			? DMARC_RESULT_PASS
			: DMARC_RESULT_FAIL;
}

/* --- the reading that is tested ------------------------------------------ */

static enum dmarc_said say_exists(void)
{
	if (world.exists_fails)
		return DMARC_SAID_NOTHING;
	return world.exists ? DMARC_SAID_NO_DATA : DMARC_SAID_NO_NAME;
}

static void answer(struct dmarc *dmarc, const struct dmarc_question *question)
{
	struct dmarc_text texts[TEXTS_MAX];
	const struct entry *entry;

	if (question->ask == DMARC_ASK_EXISTS) {
		CLAIM(strcmp(question->name, world.author) == 0);
		dmarc_answer(dmarc, say_exists(), NULL, 0);
		return;
	}
	CLAIM(strncmp(question->name, "_dmarc.", 7) == 0);
	entry = world_find(&world, question->name + 7);
	if (!entry || entry->kind == ENTRY_ABSENT) {
		dmarc_answer(dmarc, DMARC_SAID_NO_NAME, NULL, 0);
	} else if (entry->kind == ENTRY_FAILS) {
		dmarc_answer(dmarc, DMARC_SAID_NOTHING, NULL, 0);
	} else if (entry->text_count == 0) {
		dmarc_answer(dmarc, DMARC_SAID_NO_DATA, NULL, 0);
	} else {
		for (size_t i = 0; i < entry->text_count; i++) {
			texts[i].text = entry->texts[i].text;
			texts[i].len = entry->texts[i].len;
		}
		dmarc_answer(dmarc, DMARC_SAID_RECORDS, texts,
			     entry->text_count);
	}
}

static void evaluate(struct dmarc *dmarc)
{
	struct dmarc_settings settings = {
		.discovery = world.discovery,
		.organisation = world.has_list ? listed : NULL,
	};
	struct dmarc_text author = { world.author, strlen(world.author) };
	struct dmarc_question question;
	size_t questions = 0, most = DMARC_WALK_MAX * (1 + PROVEN_MAX) + 1;

	if (world.discovery == DMARC_SUFFIX_LIST)
		most = 3;
	dmarc_start(dmarc, &settings, &author, 1);
	for (size_t i = 0; i < world.proven_count; i++) {
		const char *name = world.proven[i].name;

		if (world.proven[i].by_spf)
			dmarc_spf(dmarc, name, strlen(name));
		else
			dmarc_dkim(dmarc, name, strlen(name));
	}
	while (dmarc_question(dmarc, &question)) {
		CLAIM(++questions <= most);
		answer(dmarc, &question);
	}
}

/* --- both ---------------------------------------------------------------- */

/* All was answered, so nothing is left open. */
static void check_whole(const struct dmarc_outcome *outcome,
			const struct reading *slow)
{
	CLAIM((outcome->record_domain == NULL) ==
	      (slow->record_domain[0] == '\0'));
	if (outcome->record_domain)
		CLAIM(strcmp(outcome->record_domain, slow->record_domain) == 0);
	CLAIM(outcome->published == slow->published);
	CLAIM(outcome->policy == slow->policy);
	CLAIM(outcome->testing == slow->testing);
	CLAIM(outcome->spf == slow->spf);
	CLAIM(outcome->dkim == slow->dkim);
}

static void check(const struct dmarc_outcome *outcome, bool failed)
{
	struct reading slow;

	if (failed && outcome->result == DMARC_RESULT_TEMPERROR)
		return;
	read_slowly(&slow);
	CLAIM(outcome->result == slow.result);
	CLAIM(outcome->published <= slow.published);
	CLAIM(outcome->policy <= slow.policy);
	if (outcome->organisation && outcome->record_domain)
		CLAIM(strcmp(outcome->organisation, slow.organisation) == 0);
	if (!failed)
		check_whole(outcome, &slow);
}

/* What a name that fails might have said; also nothing, or not to be there. */
static const char *const fates[] = {
	"v=DMARC1; p=none",
	"v=DMARC1; p=none; psd=y",
	"v=DMARC1; p=reject; psd=n",
	"v=DMARC1; p=reject; sp=none; np=quarantine",
	"v=DMARC1; p=quarantine; np=reject; psd=y",
	"v=DMARC1; p=reject; adkim=s",
	"v=DMARC1; p=reject; aspf=s; t=y",
	"v=DMARC1; adkim=s; aspf=s",
	"v=DMARC1; p=reject; pct=0",
	"v=dmarc1; p=reject",
};
#define FATES (sizeof(fates) / sizeof(fates[0]))
#define SEVERAL FATES
#define NO_DATA (FATES + 1)
#define ABSENT (FATES + 2)

/* Every fate, read once. */
static const struct entry *fate(size_t which)
{
	static struct entry list[ABSENT + 1];

	if (list[0].record_count == 0) {
		struct text texts[2];

		for (size_t i = 0; i < FATES; i++) {
			texts[0].len = strlen(fates[i]);
			memcpy(texts[0].text, fates[i], texts[0].len);
			texts[1] = texts[0];
			entry_set(&list[i], texts, 1);
		}
		entry_set(&list[SEVERAL], texts, 0);
		list[SEVERAL].record_count = 2;
		entry_set(&list[NO_DATA], texts, 0);
	}
	return &list[which];
}

/* Every way in which what fails could have been answered. */
static void check_fates(const struct dmarc_outcome *outcome, size_t from,
			bool failed)
{
	size_t i = from;

	while (i < world.entry_count && world.entries[i].kind != ENTRY_FAILS)
		i++;
	if (i < world.entry_count) {
		struct entry *entry = &world.entries[i];

		for (size_t which = 0; which <= ABSENT; which++) {
			entry->kind = fate(which)->kind;
			entry->record_count = fate(which)->record_count;
			entry->record = fate(which)->record;
			check_fates(outcome, i + 1, true);
		}
		entry->kind = ENTRY_FAILS;
		return;
	}
	check(outcome, failed || world.exists_fails);
	if (world.exists_fails && !world_knows_author(&world)) {
		world.exists = !world.exists;
		check(outcome, true);
		world.exists = !world.exists;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct dmarc dmarc;

	world_make(&world, data, size);
	evaluate(&dmarc);
	check_fates(&dmarc.outcome, 0, false);
	return 0;
}
