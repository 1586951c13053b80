/*
 * dmarc_world.h - a small world for DMARC, out of a fuzzer's bytes.
 *
 * An author's domain, up to three proven ones that mostly share its end, TXT
 * records at ends of these names and public suffixes among them.  Records are
 * put together from all tags, in every spelling, with mistakes; the bytes may
 * also be a record themselves.
 */
#ifndef STEELYARD_TESTS_FUZZ_DMARC_WORLD_H
#define STEELYARD_TESTS_FUZZ_DMARC_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "filter/inspect/dmarc.h"
#include "tests/fuzz/dmarc_reference.h"

enum {
	PROVEN_MAX = 3,
	ENTRIES_MAX = 10,
	FAILS_MAX = 2,
	TEXTS_MAX = 2,
	SUFFIXES_MAX = 3,
	NAME_SIZE = 64,
	TEXT_SIZE = 256,
};

enum entry_kind {
	ENTRY_ABSENT, /* no such name */
	ENTRY_TEXTS, /* maybe none at all; then the name exists */
	ENTRY_FAILS, /* DNS does not say */
};

struct text {
	char text[TEXT_SIZE];
	size_t len;
};

/* What is at "_dmarc." of a name. */
struct entry {
	char name[NAME_SIZE];
	enum entry_kind kind;
	struct text texts[TEXTS_MAX];
	size_t text_count;
	/* what the second reader says of it */
	size_t record_count;
	struct dmarc_reference record; /* the last one */
};

struct world {
	enum dmarc_discovery discovery;
	char author[NAME_SIZE];
	struct {
		char name[NAME_SIZE];
		bool by_spf;
	} proven[PROVEN_MAX];
	size_t proven_count;
	struct entry entries[ENTRIES_MAX];
	size_t entry_count;
	bool exists, exists_fails; /* the author's domain */
	bool has_list;
	char suffixes[SUFFIXES_MAX][NAME_SIZE]; /* any last label is one, too */
	size_t suffix_count;
};

void world_make(struct world *world, const uint8_t *data, size_t size);

/* NULL: the bytes did not say anything of this name, so it is absent. */
struct entry *world_find(struct world *world, const char *name);

/* Does the author's domain exist, as something below it does? (RFC 8020) */
bool world_knows_author(struct world *world);

/*
 * Puts these texts there, but those that the second reader can't read; counts
 * what it says are records.
 */
void entry_set(struct entry *entry, const struct text *texts, size_t count);

size_t labels_in(const char *name);
const char *end_of(const char *name, size_t labels); /* its last ones */

#endif
