/*
 * fuzz_greylist_foreign.c - what another greylist may have written.
 *
 * The first byte chooses the format, the second the pieces.  Whatever comes,
 * each entry is one that a store would take, with a time to live; each record
 * is counted once; and it makes no difference in which pieces it came.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lists/greylist_foreign.h"
#include "lists/greylist_record.h"
#include "lists/hash.h"
#include "tests/fuzz/fuzz.h"

static const struct greylist_foreign_terms usual = {
	.terms = { .wait = 300,
		   .window = 172800,
		   .keep = 3110400,
		   .known_gap = 86400,
		   .known_after = 5 },
	.bits = { 24, 64 },
	.now = { 1732300000, 3600, 0x9f86d081884c7d65 },
	.utc_offset = -3600,
};

/* What was said, in short. */
struct said {
	uint64_t entries, problems;
	struct hash_digest digest;
};

static void note(struct said *said, uint64_t line, const char *a, const char *b)
{
	char text[64 + TRIPLET_KEY_SIZE + GREYLIST_RECORD_SIZE];
	int len = snprintf(text, sizeof(text), "%llx %llx %llx %s %s",
			   (unsigned long long)said->digest.word[0],
			   (unsigned long long)said->digest.word[1],
			   (unsigned long long)line, a, b);

	CLAIM(len > 0 && (size_t)len < sizeof(text));
	said->digest = hash_digest(text, (size_t)len);
}

static bool take_entry(void *context, uint64_t line,
		       const struct store_entry *entry)
{
	struct said *said = context;
	struct greylist_triplet triplet;
	struct greylist_identity identity;
	struct triplet_parts parts;
	size_t len = strlen(entry->value);

	if (entry->kind == STORE_TRIPLET) {
		CLAIM(triplet_parse(entry->key, strlen(entry->key), &parts));
		CLAIM(greylist_read_triplet(entry->value, len, &triplet) ==
		      GREYLIST_READ);
	} else {
		CLAIM(entry->kind == STORE_IDENTITY);
		CLAIM(triplet_identity_proof(entry->key, strlen(entry->key)));
		CLAIM(greylist_read_identity(entry->value, len, &identity) ==
		      GREYLIST_READ);
	}
	CLAIM(entry->expires > usual.now.wall);
	CLAIM(entry->expires <= usual.now.wall + usual.terms.keep + 1);
	note(said, line, entry->key, entry->value);
	said->entries++;
	return true;
}

static void take_problem(void *context, uint64_t line, const char *what)
{
	struct said *said = context;

	CLAIM(line > 0);
	for (const char *c = what; *c; c++)
		CLAIM(*c >= ' ' && *c < 0x7f);
	note(said, line, "", what);
	said->problems++;
}

static struct said read_all(enum greylist_foreign_kind kind, const char *text,
			    size_t len, size_t piece)
{
	const struct greylist_foreign_counts *counts;
	struct greylist_foreign *foreign;
	struct said said = { 0 };

	foreign = greylist_foreign_new(kind, &usual, take_entry, take_problem,
				       &said);
	if (!foreign)
		abort();
	for (size_t i = 0; i < len; i += piece)
		CLAIM(greylist_foreign_feed(foreign, text + i,
					    piece < len - i ? piece : len - i));
	CLAIM(greylist_foreign_end(foreign));
	counts = greylist_foreign_counts(foreign);
	CLAIM(counts->records == counts->taken + counts->lapsed +
					 counts->hashed + counts->other +
					 counts->bad);
	CLAIM(counts->bad <= said.problems);
	CLAIM(counts->entries == said.entries);
	CLAIM(counts->entries <= 2 * counts->taken);
	greylist_foreign_free(foreign);
	return said;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char letters[] = "pms";
	enum greylist_foreign_kind kind = GREYLIST_SQLGREY;
	struct said whole, pieces;
	const char *text = (const char *)data;

	if (size < 2)
		return 0;
	for (int i = 0; i < 3; i++)
		if (data[0] == (uint8_t)letters[i])
			kind = (enum greylist_foreign_kind)(i + 1);
	whole = read_all(kind, text + 2, size - 2, size);
	pieces = read_all(kind, text + 2, size - 2, 1 + data[1] % 16);
	CLAIM(memcmp(&whole, &pieces, sizeof(whole)) == 0);
	greylist_foreign_binary(text, size);
	return 0;
}
