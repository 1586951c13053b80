/* dmarc_world.c - see dmarc_world.h. */
#include "tests/fuzz/dmarc_world.h"

#include <stdio.h>
#include <string.h>

struct bytes {
	const uint8_t *at;
	size_t left;
};

static unsigned next(struct bytes *bytes, size_t limit)
{
	if (bytes->left == 0)
		return 0;
	bytes->left--;
	return *bytes->at++ % (unsigned)limit;
}

/* --- names --------------------------------------------------------------- */

size_t labels_in(const char *name)
{
	size_t count = 1;

	for (; *name; name++)
		count += *name == '.';
	return count;
}

const char *end_of(const char *name, size_t labels)
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

/* An end of the author's domain or of a proven one. */
static const char *some_end(struct bytes *bytes, const struct world *world)
{
	unsigned whose = next(bytes, PROVEN_MAX + 1);
	const char *name = whose < world->proven_count
				   ? world->proven[whose].name
				   : world->author;

	return end_of(name, 1 + next(bytes, 12));
}

/* --- records ------------------------------------------------------------- */

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const char *const versions[] = {
	"v=DMARC1", "v=DMARC1",	 "v=DMARC1",  "v = DMARC1 ", "V=DMARC1",
	"v=dmarc1", " v=DMARC1", "v=DMARC10", "v=DMARC1",    "v=spf1 -all",
};
static const char *const separators[] = { ";", "; ", " ;\t", ";;", "; ;", " " };
static const char *const equals[] = { "=", "=", " = ", "\t=", "", "==" };
static const char *const requests[] = {
	"none",	  "quarantine", "reject", "REJECT",	 "None",
	" none ", "rej",	"",	  "reject none",
};
static const char *const letters[] = { "y", "n", "s", "r", "u", "Y",
				       "N", "S", "R", "U", "x", "" };
static const char *const numbers[] = { "0", "100", "00", "50", "101", "-0" };
static const char *const addresses[] = { "mailto:a@b", "a@b", "mailto:a@b!1m",
					 "x,mailto:", "" };

static const struct {
	const char *name;
	const char *const *values;
	size_t count;
} tags[] = {
	{ "p", requests, COUNT(requests) },
	{ "sp", requests, COUNT(requests) },
	{ "np", requests, COUNT(requests) },
	{ "psd", letters, COUNT(letters) },
	{ "t", letters, COUNT(letters) },
	{ "adkim", letters, COUNT(letters) },
	{ "aspf", letters, COUNT(letters) },
	{ "pct", numbers, COUNT(numbers) },
	{ "rua", addresses, COUNT(addresses) },
	{ "P", requests, COUNT(requests) },
	{ "Psd", letters, COUNT(letters) },
	{ "x", letters, COUNT(letters) },
	{ "v", versions, COUNT(versions) },
	{ "?", requests, COUNT(requests) },
};

static void add(struct text *text, const char *more)
{
	size_t len = strlen(more);

	if (len > TEXT_SIZE - text->len)
		len = TEXT_SIZE - text->len;
	memcpy(text->text + text->len, more, len);
	text->len += len;
}

#define ADD_ONE(text, table, bytes) \
	add(text, (table)[next(bytes, COUNT(table))])

static void make_text(struct bytes *bytes, struct text *text)
{
	unsigned count = next(bytes, 8);

	text->len = 0;
	ADD_ONE(text, versions, bytes);
	if (count == 7) { /* any bytes */
		size_t len = next(bytes, 40);

		add(text, ";");
		for (size_t i = 0; i < len; i++)
			text->text[text->len++] = (char)next(bytes, 256);
		return;
	}
	for (unsigned i = 0; i <= count; i++) {
		size_t tag = next(bytes, COUNT(tags));

		ADD_ONE(text, separators, bytes);
		add(text, tags[tag].name);
		ADD_ONE(text, equals, bytes);
		add(text, tags[tag].values[next(bytes, tags[tag].count)]);
	}
}

void entry_set(struct entry *entry, const struct text *texts, size_t count)
{
	entry->kind = ENTRY_TEXTS;
	entry->text_count = entry->record_count = 0;
	for (size_t i = 0; i < count; i++) {
		struct dmarc_reference record;

		switch (dmarc_reference_read(texts[i].text, texts[i].len,
					     &record)) {
		case DMARC_READ_TOO_LONG: continue;
		case DMARC_READ_FOREIGN: break;
		case DMARC_READ_RECORD:
			entry->record = record;
			entry->record_count++;
		}
		entry->texts[entry->text_count++] = texts[i];
	}
}

/* --- all of it ----------------------------------------------------------- */

struct entry *world_find(struct world *world, const char *name)
{
	for (size_t i = 0; i < world->entry_count; i++)
		if (strcmp(world->entries[i].name, name) == 0)
			return &world->entries[i];
	return NULL;
}

bool world_knows_author(struct world *world)
{
	const struct entry *own = world_find(world, world->author);

	return own && own->kind != ENTRY_ABSENT;
}

static void make_entry(struct bytes *bytes, struct entry *entry, size_t *fails)
{
	struct text texts[TEXTS_MAX];
	unsigned dice = next(bytes, 12);
	size_t count = dice < 2 ? dice * 2 : 1;

	if (dice == 2) {
		entry->kind = ENTRY_ABSENT;
	} else if (dice == 3 && *fails < FAILS_MAX) {
		entry->kind = ENTRY_FAILS;
		++*fails;
	} else {
		for (size_t i = 0; i < count; i++)
			make_text(bytes, &texts[i]);
		entry_set(entry, texts, count);
	}
}

static void make_names(struct bytes *bytes, struct world *world)
{
	make_name(bytes, "z", world->author);
	world->proven_count = next(bytes, PROVEN_MAX + 1);
	for (size_t i = 0; i < world->proven_count; i++) {
		make_name(bytes, end_of(world->author, 1 + next(bytes, 12)),
			  world->proven[i].name);
		world->proven[i].by_spf = next(bytes, 2);
	}
	world->suffix_count = next(bytes, SUFFIXES_MAX + 2);
	world->has_list = world->suffix_count <= SUFFIXES_MAX;
	if (!world->has_list)
		world->suffix_count = 0;
	for (size_t i = 0; i < world->suffix_count; i++)
		snprintf(world->suffixes[i], NAME_SIZE, "%s",
			 some_end(bytes, world));
}

void world_make(struct world *world, const uint8_t *data, size_t size)
{
	struct bytes bytes = { data, size };
	size_t fails = 0;
	unsigned exists;

	memset(world, 0, sizeof(*world));
	world->discovery = (enum dmarc_discovery)next(&bytes, 3);
	make_names(&bytes, world);
	exists = next(&bytes, 6);
	world->exists = exists & 1;
	world->exists_fails = exists >= 4;
	while (bytes.left > 0 && world->entry_count < ENTRIES_MAX) {
		struct entry *entry = &world->entries[world->entry_count];
		const char *name = some_end(&bytes, world);

		if (world_find(world, name))
			continue;
		snprintf(entry->name, NAME_SIZE, "%s", name);
		make_entry(&bytes, entry, &fails);
		world->entry_count++;
	}
	if (world_knows_author(world))
		world->exists = true;
}
