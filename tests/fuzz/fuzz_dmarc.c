/*
 * fuzz_dmarc.c - DMARC in any small world, against a slow second reading.
 *
 * The bytes make an author's domain, up to three proven ones that mostly share
 * its end, and records at ends of these names.  The second reading knows all
 * records at once and follows RFC 9989 section 4.10 literally: every walk in
 * full, for every domain.  With answers for every question both agree.  Where
 * DNS fails for some names, whatever is not temperror must be so whatever
 * these names would have said, and no policy may be harsher.
 */
#include "filter/inspect/dmarc.h"
#include "tests/fuzz/fuzz.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { PROVEN_MAX = 3, ENTRIES_MAX = 12, FAILS_MAX = 2, NAME_SIZE = 64 };

/* What may be at a name; the second reading has these words for it. */
struct kind {
	const char *text; /* NULL: nothing, and the name exists */
	enum dmarc_request p, sp, np; /* all UNSAID: not usable */
	char psd;
	bool strict;
};

static const struct kind kinds[] = {
	{ "v=DMARC1; p=none", DMARC_NONE, DMARC_NONE, DMARC_NONE, 'u', false },
	{ "v=DMARC1; p=none; psd=y", DMARC_NONE, DMARC_NONE, DMARC_NONE, 'y',
	  false },
	{ "v=DMARC1; p=reject; psd=n", DMARC_REJECT, DMARC_REJECT, DMARC_REJECT,
	  'n', false },
	{ "v=DMARC1; p=reject; sp=none; np=quarantine", DMARC_REJECT,
	  DMARC_NONE, DMARC_QUARANTINE, 'u', false },
	{ "v=DMARC1; p=quarantine; np=reject; psd=y", DMARC_QUARANTINE,
	  DMARC_QUARANTINE, DMARC_REJECT, 'y', false },
	{ "v=DMARC1; p=reject; adkim=s; aspf=s", DMARC_REJECT, DMARC_REJECT,
	  DMARC_REJECT, 'u', true },
	{ "v=DMARC1; p=reject; t=y", DMARC_QUARANTINE, DMARC_QUARANTINE,
	  DMARC_QUARANTINE, 'u', false },
	{ "v=DMARC1; adkim=s; aspf=s", DMARC_UNSAID, DMARC_UNSAID, DMARC_UNSAID,
	  'u', true },
	{ "v=dmarc1; p=reject", DMARC_UNSAID, DMARC_UNSAID, DMARC_UNSAID, 0,
	  false },
	{ NULL, DMARC_UNSAID, DMARC_UNSAID, DMARC_UNSAID, 0, false },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))
#define SEVERAL KINDS
#define ABSENT (KINDS + 1)
#define FAILS (KINDS + 2)

struct entry {
	char name[NAME_SIZE];
	size_t kind;
};

struct world {
	char author[NAME_SIZE];
	char proven[PROVEN_MAX][NAME_SIZE];
	size_t proven_count;
	struct entry entries[ENTRIES_MAX];
	size_t entry_count;
	size_t exists; /* 0 no, 1 yes, FAILS: the author's domain */
};

/* --- a world out of bytes ----------------------------------------------- */

struct bytes {
	const uint8_t *at;
	size_t left;
};

static unsigned next(struct bytes *bytes, unsigned limit)
{
	if (bytes->left == 0)
		return 0;
	bytes->left--;
	return *bytes->at++ % limit;
}

static size_t labels_in(const char *name)
{
	size_t count = 1;

	for (; *name; name++)
		count += *name == '.';
	return count;
}

/* The last `labels` of a name. */
static const char *end_of(const char *name, size_t labels)
{
	while (labels_in(name) > labels)
		name = strchr(name, '.') + 1;
	return name;
}

static void make_name(struct bytes *bytes, const char *end, char *name)
{
	size_t more = next(bytes, 12), used = 0;

	if (more > 8)
		more = 1;
	for (size_t i = 0; i < more; i++) {
		name[used++] = (char)('a' + next(bytes, 3));
		name[used++] = '.';
	}
	snprintf(name + used, NAME_SIZE - used, "%s", end);
}

static struct entry *find(struct world *world, const char *name)
{
	for (size_t i = 0; i < world->entry_count; i++)
		if (strcmp(world->entries[i].name, name) == 0)
			return &world->entries[i];
	return NULL;
}

static void make_world(struct bytes *bytes, struct world *world)
{
	size_t fails = 0;
	const struct entry *own;

	make_name(bytes, "z", world->author);
	world->proven_count = next(bytes, PROVEN_MAX + 1);
	for (size_t i = 0; i < world->proven_count; i++)
		make_name(bytes, end_of(world->author, 1 + next(bytes, 12)),
			  world->proven[i]);
	world->exists = next(bytes, 2);
	while (bytes->left > 0 && world->entry_count < ENTRIES_MAX) {
		unsigned whose = next(bytes, PROVEN_MAX + 1);
		const char *name = whose < world->proven_count
					   ? world->proven[whose]
					   : world->author;
		size_t kind;

		name = end_of(name, 1 + next(bytes, 12));
		kind = next(bytes, KINDS + 3);
		if (find(world, name) || (kind == FAILS && fails == FAILS_MAX))
			continue;
		fails += kind == FAILS;
		snprintf(world->entries[world->entry_count].name, NAME_SIZE,
			 "%s", name);
		world->entries[world->entry_count++].kind = kind;
	}
	/* RFC 8020: what has something below it exists */
	own = find(world, world->author);
	if (own && own->kind != ABSENT)
		world->exists = 1;
}

/* --- the second reading -------------------------------------------------- */

struct reading {
	enum dmarc_result result;
	enum dmarc_request policy;
	char organisation[NAME_SIZE];
};

/* NULL where there is not exactly one record. */
static const struct kind *record_at(struct world *world, const char *name)
{
	const struct entry *entry = find(world, name);

	if (!entry || entry->kind >= KINDS || kinds[entry->kind].psd == 0)
		return NULL;
	return &kinds[entry->kind];
}

static void organisation_of(struct world *world, const char *start, char *org)
{
	size_t labels = labels_in(start), best = labels, step = labels;

	for (; step > 0; step = step < 8 ? step - 1 : 7) {
		const struct kind *kind = record_at(world, end_of(start, step));

		if (!kind)
			continue;
		best = step;
		if (kind->psd == 'n')
			break;
		if (kind->psd == 'y') {
			best = step == labels ? step : step + 1;
			break;
		}
	}
	snprintf(org, NAME_SIZE, "%s", end_of(start, best));
}

/* The policy record of the author, and where it is; NULL: there is none. */
static const struct kind *policy_record(struct world *world, const char *org,
					const char **ret_name)
{
	const struct entry *own = find(world, world->author);
	size_t labels = labels_in(org);

	*ret_name = world->author;
	if (own && own->kind == SEVERAL)
		return NULL;
	if (record_at(world, world->author))
		return record_at(world, world->author);
	*ret_name = org;
	/* an organisation that the walk left out was not looked at */
	if (record_at(world, org) && (labels < 8))
		return record_at(world, org);
	if (labels == 1 || labels > 8)
		return NULL;
	*ret_name = end_of(org, labels - 1);
	if (record_at(world, *ret_name) &&
	    record_at(world, *ret_name)->psd == 'y')
		return record_at(world, *ret_name);
	return NULL;
}

static void read_slowly(struct world *world, struct reading *reading)
{
	const struct kind *kind;
	const char *where;
	bool pass = false;

	*reading = (struct reading){ .result = DMARC_RESULT_NONE };
	organisation_of(world, world->author, reading->organisation);
	kind = policy_record(world, reading->organisation, &where);
	if (!kind || kind->p == DMARC_UNSAID)
		return;
	reading->policy = strcmp(where, world->author) == 0 ? kind->p
			  : world->exists		    ? kind->sp
							    : kind->np;
	for (size_t i = 0; i < world->proven_count; i++) {
		char org[NAME_SIZE];

		organisation_of(world, world->proven[i], org);
		if (kind->strict)
			pass |= strcmp(world->proven[i], world->author) == 0;
		else
			pass |= strcmp(org, reading->organisation) == 0;
	}
	reading->result = pass ? DMARC_RESULT_PASS : DMARC_RESULT_FAIL;
}

/* --- the reading that is tested ------------------------------------------ */

static void answer(struct dmarc *dmarc, struct world *world,
		   const struct dmarc_question *question)
{
	struct dmarc_text texts[2];
	const struct entry *entry;

	if (question->ask == DMARC_ASK_EXISTS) {
		CLAIM(strcmp(question->name, world->author) == 0);
		dmarc_answer(dmarc,
			     world->exists ? DMARC_SAID_NO_DATA
					   : DMARC_SAID_NO_NAME,
			     NULL, 0);
		return;
	}
	CLAIM(strncmp(question->name, "_dmarc.", 7) == 0);
	entry = find(world, question->name + 7);
	if (!entry || entry->kind == ABSENT) {
		dmarc_answer(dmarc, DMARC_SAID_NO_NAME, NULL, 0);
	} else if (entry->kind == FAILS) {
		dmarc_answer(dmarc, DMARC_SAID_NOTHING, NULL, 0);
	} else if (entry->kind == SEVERAL) {
		texts[0].text = texts[1].text = kinds[0].text;
		texts[0].len = texts[1].len = strlen(kinds[0].text);
		dmarc_answer(dmarc, DMARC_SAID_RECORDS, texts, 2);
	} else if (!kinds[entry->kind].text) {
		dmarc_answer(dmarc, DMARC_SAID_NO_DATA, NULL, 0);
	} else {
		texts[0].text = kinds[entry->kind].text;
		texts[0].len = strlen(texts[0].text);
		dmarc_answer(dmarc, DMARC_SAID_RECORDS, texts, 1);
	}
}

static void evaluate(struct dmarc *dmarc, struct world *world)
{
	struct dmarc_settings settings = { .discovery = DMARC_TREE_WALK };
	struct dmarc_text author = { world->author, strlen(world->author) };
	struct dmarc_question question;
	size_t questions = 0;

	dmarc_start(dmarc, &settings, &author, 1);
	for (size_t i = 0; i < world->proven_count; i++) {
		if (i == 0)
			dmarc_spf(dmarc, world->proven[i],
				  strlen(world->proven[i]));
		else
			dmarc_dkim(dmarc, world->proven[i],
				   strlen(world->proven[i]));
	}
	while (dmarc_question(dmarc, &question)) {
		CLAIM(++questions <= DMARC_WALK_MAX * (1 + PROVEN_MAX) + 1);
		answer(dmarc, world, &question);
	}
}

/* Every way in which the names that fail could have answered. */
static void check_fates(struct dmarc *dmarc, struct world *world, size_t from,
			bool failed)
{
	const struct dmarc_outcome *outcome = &dmarc->outcome;
	struct reading slow;
	size_t i = from;

	while (i < world->entry_count && world->entries[i].kind != FAILS)
		i++;
	if (i < world->entry_count) {
		for (size_t kind = 0; kind <= ABSENT; kind++) {
			world->entries[i].kind = kind;
			check_fates(dmarc, world, i + 1, true);
		}
		world->entries[i].kind = FAILS;
		return;
	}
	read_slowly(world, &slow);
	if (failed && outcome->result == DMARC_RESULT_TEMPERROR)
		return;
	CLAIM(outcome->result == slow.result);
	CLAIM(outcome->policy <= slow.policy);
	if (outcome->organisation && outcome->record_domain)
		CLAIM(strcmp(outcome->organisation, slow.organisation) == 0);
	if (!failed)
		CLAIM(outcome->policy == slow.policy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes bytes = { data, size };
	struct world world = { 0 };
	static struct dmarc dmarc;

	make_world(&bytes, &world);
	evaluate(&dmarc, &world);
	check_fates(&dmarc, &world, 0, false);
	return 0;
}
