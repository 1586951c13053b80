/*
 * store_contract_import.c - what any store takes from elsewhere.
 */
#include "tests/unit/store_contract_private.h"

#include <stdlib.h>

#define JOE "spf:a.example joe@a.example me@x.example"
#define WHO "spf:a.example"
#define WE "joe@a.example"

static uint64_t import(struct store *store, const struct store_entry *entries,
		       size_t count, const struct greylist_time *now)
{
	uint64_t taken = 0;
	size_t bad = SIZE_MAX;
	enum store_end end = store_import(store, entries, count, &diary_terms,
					  now, &taken, &bad);

	if (end != STORE_DONE)
		fail_msg("%s, at %zu", store_end_name(end), bad);
	return taken;
}

/* Of two lines, the one that is there and the one that comes. */
void test_import_better(void **state)
{
	static const struct {
		const char *claim;
		enum store_kind kind;
		const char *key, *there, *brought;
		bool is_taken;
	} rows[] = {
		{ "who waits comes before none", STORE_TRIPLET, JOE, NULL,
		  "1 waiting first=1699999990 tried=1699999990 tries=1 round=0",
		  true },
		{ "who has passed before who waits", STORE_TRIPLET, JOE,
		  "1 waiting first=1699999990 tried=1699999990 tries=1 round=0",
		  "1 passed last=1699999900 first=1699999000 waited=10 uses=1",
		  true },
		{ "and stays", STORE_TRIPLET, JOE,
		  "1 passed last=1699999900 first=1699999000 waited=10 uses=1",
		  "1 waiting first=1699999990 tried=1699999990 tries=1 round=0",
		  false },
		{ "the later use wins", STORE_TRIPLET, JOE,
		  "1 passed last=1699999900 first=1699999000 waited=10 uses=5",
		  "1 passed last=1699999901 first=1699999000 waited=10 uses=1",
		  true },
		{ "the earlier does not", STORE_TRIPLET, JOE,
		  "1 passed last=1699999900 first=1699999000 waited=10 uses=1",
		  "1 passed last=1699999899 first=1699999000 waited=10 uses=5",
		  false },
		{ "nor does the same", STORE_TRIPLET, JOE,
		  "1 passed last=1699999900 first=1699999000 waited=10 uses=1",
		  "1 passed last=1699999900 first=1699999000 waited=10 uses=1",
		  false },
		{ "who has waited longer", STORE_TRIPLET, JOE,
		  "1 waiting first=1699999990 tried=1699999990 tries=1 round=0",
		  "1 waiting first=1699999980 tried=1699999980 tries=1 round=0",
		  true },
		{ "who has not", STORE_TRIPLET, JOE,
		  "1 waiting first=1699999980 tried=1699999980 tries=1 round=0",
		  "1 waiting first=1699999990 tried=1699999990 tries=1 round=0",
		  false },
		{ "who waits since a conviction", STORE_TRIPLET, JOE,
		  "1 waiting first=1699999980 tried=1699999980 tries=1 round=0",
		  "1 waiting first=1699999990 tried=1699999990 tries=1 "
		  "round=1699999985",
		  true },
		{ "what has lapsed is not taken", STORE_TRIPLET, JOE, NULL,
		  "1 waiting first=1699999000 tried=1699999000 tries=1 round=0",
		  false },
		{ "more passes", STORE_IDENTITY, WHO,
		  "1 identity passes=1 round=0 counted=1699999990 "
		  "last=1699999990",
		  "1 identity passes=2 round=0 counted=1699999980 "
		  "last=1699999980",
		  true },
		{ "fewer", STORE_IDENTITY, WHO,
		  "1 identity passes=2 round=0 counted=1699999980 "
		  "last=1699999980",
		  "1 identity passes=1 round=0 counted=1699999990 "
		  "last=1699999990",
		  false },
		{ "as many, later", STORE_IDENTITY, WHO,
		  "1 identity passes=2 round=0 counted=1699999980 "
		  "last=1699999980",
		  "1 identity passes=2 round=0 counted=1699999980 "
		  "last=1699999981",
		  true },
		{ "an admin's word before none", STORE_IDENTITY, WHO,
		  "1 identity passes=2 round=0 counted=1699999980 "
		  "last=1699999980",
		  "1 identity passes=0 round=0 block=1699999000 for=0", true },
		{ "which stays", STORE_IDENTITY, WHO,
		  "1 identity passes=0 round=0 allow=1699999000 for=0",
		  "1 identity passes=2 round=0 counted=1699999980 "
		  "last=1699999980",
		  false },
		{ "his later word", STORE_IDENTITY, WHO,
		  "1 identity passes=0 round=0 allow=1699999000 for=0",
		  "1 identity passes=0 round=0 block=1699999001 for=0", true },
		{ "his earlier word", STORE_IDENTITY, WHO,
		  "1 identity passes=0 round=0 block=1699999001 for=0",
		  "1 identity passes=0 round=0 allow=1699999000 for=0", false },
		{ "a conviction that is not known yet", STORE_IDENTITY, WHO,
		  "1 identity passes=2 round=0 counted=1699999980 "
		  "last=1699999980",
		  "1 identity passes=0 round=1699999990 trapped=1699999990 "
		  "for=600",
		  true },
		{ "from before one", STORE_IDENTITY, WHO,
		  "1 identity passes=0 round=1699999990 trapped=1699999990 "
		  "for=600",
		  "1 identity passes=2 round=0 counted=1699999980 "
		  "last=1699999980",
		  false },
		{ "written to later", STORE_OUTBOUND, WE,
		  "1 outbound last=1699999980", "1 outbound last=1699999981",
		  true },
		{ "written to earlier", STORE_OUTBOUND, WE,
		  "1 outbound last=1699999981", "1 outbound last=1699999980",
		  false },
	};
	struct greylist_time now = after_noon(0);

	for (size_t i = 0; i < ROWS(rows); i++) {
		struct store_filter all = { 0 };
		struct store_cursor cursor = { "" };
		struct store_entry entry = {
			.kind = rows[i].kind,
			.key = rows[i].key,
			.value = rows[i].brought,
		};
		const char *stays =
			rows[i].is_taken ? rows[i].brought : rows[i].there;
		struct shown shown;
		uint64_t taken, count;
		bool more;

		assert_int_equal(store_forget(*state, &all, &diary_terms, &now,
					      false, 0, PATIENCE_MS, &cursor,
					      &count, &more),
				 STORE_DONE);
		if (rows[i].there)
			bring(*state, rows[i].kind, rows[i].key, rows[i].there,
			      0, &now);
		taken = import(*state, &entry, 1, &now);
		if (taken != rows[i].is_taken)
			fail_msg("%s: %d taken", rows[i].claim, (int)taken);
		/* twice is harmless */
		assert_int_equal(import(*state, &entry, 1, &now), 0);
		if (i % 4 == 0)
			reopen(state, &now);
		shown = show(*state, rows[i].kind, rows[i].key, &now);
		assert_int_equal(shown.is_there, stays != NULL);
		if (stays)
			assert_string_equal(shown.value, stays);
	}
}

/* All or none: what is wrong is told by its place. */
void test_import_junk(void **state)
{
	static const struct {
		const char *claim;
		enum store_kind kind;
		const char *key, *value;
	} rows[] = {
		{ "no line", STORE_IDENTITY, "spf:b.example", "junk" },
		{ "nothing", STORE_IDENTITY, "spf:b.example", "" },
		{ "another kind's line", STORE_IDENTITY, "spf:b.example",
		  "1 outbound last=1700000000" },
		{ "a newer line", STORE_OUTBOUND, "joe@b.example",
		  "2 outbound last=1700000000" },
		{ "a key that is none", STORE_IDENTITY, "b.example",
		  "1 identity passes=0 round=0 allow=1700000000 for=0" },
		{ "a key of another kind", STORE_TRIPLET, "spf:b.example",
		  "1 waiting first=1700000000 tried=1700000000 tries=1 "
		  "round=0" },
		{ "the null sender", STORE_OUTBOUND, "<>",
		  "1 outbound last=1700000000" },
		{ "two kinds at once", STORE_ALL, "spf:b.example",
		  "1 identity passes=0 round=0 allow=1700000000 for=0" },
	};
	struct greylist_time now = after_noon(0);
	struct store_entry entries[5];

	for (size_t i = 0; i < ROWS(rows); i++) {
		size_t place = i % ROWS(entries), bad = SIZE_MAX;
		uint64_t taken = 77;
		enum store_end end;

		for (size_t n = 0; n < ROWS(entries); n++)
			entries[n] = (struct store_entry){
				.kind = STORE_OUTBOUND,
				.key = "joe@a.example",
				.value = "1 outbound last=1700000000",
			};
		entries[place] = (struct store_entry){
			.kind = rows[i].kind,
			.key = rows[i].key,
			.value = rows[i].value,
		};
		end = store_import(*state, entries, ROWS(entries), &diary_terms,
				   &now, &taken, &bad);
		if (end != STORE_INVALID || bad != place || taken != 77)
			fail_msg("%s: %s, %zu", rows[i].claim,
				 store_end_name(end), bad);
		assert_false(show(*state, STORE_OUTBOUND, "joe@a.example", &now)
				     .is_there);
	}
}

/* --- there and back ------------------------------------------------------ */

enum { MANY = 300 };

struct haul {
	struct {
		enum store_kind kind;
		char key[TRIPLET_KEY_SIZE];
		char value[GREYLIST_RECORD_SIZE];
		int64_t expires;
	} lines[MANY];
	struct store_entry entries[MANY];
	size_t count;
};

static bool note(void *context, const struct store_entry *entry)
{
	struct haul *out = context;
	size_t n = out->count;

	for (size_t i = 0; i < n; i++)
		if (out->lines[i].kind == entry->kind &&
		    strcmp(out->lines[i].key, entry->key) == 0)
			return true; /* told twice, which may be */
	if (n == MANY)
		return false;
	out->lines[n].kind = entry->kind;
	snprintf(out->lines[n].key, sizeof(out->lines[n].key), "%s",
		 entry->key);
	snprintf(out->lines[n].value, sizeof(out->lines[n].value), "%s",
		 entry->value);
	out->lines[n].expires = entry->expires;
	out->entries[n] = (struct store_entry){
		.kind = entry->kind,
		.key = out->lines[n].key,
		.value = out->lines[n].value,
		.expires = entry->expires,
	};
	out->count++;
	return true;
}

static struct haul *haul_all(struct store *store,
			     const struct greylist_time *now)
{
	struct haul *out = calloc(1, sizeof(*out));
	struct store_cursor cursor = { "" };
	bool more;

	assert_non_null(out);
	do {
		assert_int_equal(store_list(store, NULL, &diary_terms, now, 50,
					    PATIENCE_MS, &cursor, note, out,
					    &more),
				 STORE_DONE);
	} while (more);
	return out;
}

static void live(struct store *store, struct greylist_time *now)
{
	char identity[32], sender[32];
	bool done;

	for (int i = 0; i < 200; i++) {
		*now = after_noon(i / 4);
		snprintf(identity, sizeof(identity), "spf:a%u.example",
			 diary_dice(12));
		snprintf(sender, sizeof(sender), "joe@a%u.example",
			 diary_dice(4));
		visit(store, identity, sender, "me@x.example", now);
		if (i % 20 == 3)
			store_convict(store, identity, &diary_terms, now,
				      DIARY_TRAP, PATIENCE_MS, &done);
		if (i % 20 == 7)
			store_write_to(store, sender, &diary_terms, now,
				       PATIENCE_MS);
		if (i % 20 == 11)
			store_set_mark(store, identity, GREYLIST_ALLOW,
				       &diary_terms, now, 0, PATIENCE_MS);
	}
}

/* What is exported, forgotten and imported is what it was. */
void test_import_of_export(void **state)
{
	struct haul *before, *after;
	struct greylist_time now;
	struct store_cursor cursor = { "" };
	uint64_t count;
	bool more = true;

	diary_seed(17);
	live(*state, &now);
	reopen(state, &now);
	before = haul_all(*state, &now);
	assert_true(before->count > 20);
	while (more)
		assert_int_equal(store_forget(*state, NULL, &diary_terms, &now,
					      false, 0, PATIENCE_MS, &cursor,
					      &count, &more),
				 STORE_DONE);
	assert_int_equal(import(*state, before->entries, before->count, &now),
			 before->count);
	assert_int_equal(import(*state, before->entries, before->count, &now),
			 0);
	reopen(state, &now);
	after = haul_all(*state, &now);
	assert_int_equal(after->count, before->count);
	for (size_t i = 0; i < before->count; i++) {
		struct shown shown = show(*state, before->lines[i].kind,
					  before->lines[i].key, &now);

		assert_true(shown.is_there);
		assert_string_equal(shown.value, before->lines[i].value);
		/* a server's clock may round it, and goes on meanwhile */
		if (before->lines[i].expires == GREYLIST_FOR_EVER)
			assert_true(shown.entry.expires == GREYLIST_FOR_EVER);
		else
			assert_in_range(shown.entry.expires,
					before->lines[i].expires - 5,
					before->lines[i].expires + 5);
	}
	free(before);
	free(after);
}

/* A page at once, one key twice, none at all, one too many. */
void test_import_limits(void **state)
{
	struct store_entry *entries =
		calloc(STORE_PAGE_MAX + 1, sizeof(*entries));
	char(*keys)[40] = calloc(STORE_PAGE_MAX + 1, sizeof(*keys));
	struct greylist_time now = after_noon(0);
	uint64_t taken = 0;
	size_t bad = 0;

	assert_non_null(entries);
	assert_non_null(keys);
	for (int i = 0; i <= STORE_PAGE_MAX; i++) {
		snprintf(keys[i], sizeof(keys[i]), "joe@a%d.example", i);
		entries[i] = (struct store_entry){
			.kind = STORE_OUTBOUND,
			.key = keys[i],
			.value = "1 outbound last=1700000000",
		};
	}
	assert_int_equal(import(*state, entries, 0, &now), 0);
	assert_int_equal(store_import(*state, entries, STORE_PAGE_MAX + 1,
				      &diary_terms, &now, &taken, &bad),
			 STORE_INVALID);
	assert_int_equal(bad, STORE_PAGE_MAX);
	assert_int_equal(import(*state, entries, STORE_PAGE_MAX, &now),
			 STORE_PAGE_MAX);
	assert_int_equal(import(*state, entries, STORE_PAGE_MAX, &now), 0);
	/* the second of two is the better one */
	entries[0].key = entries[1].key = "ann@a.example";
	entries[1].value = "1 outbound last=1700000001";
	assert_int_equal(import(*state, entries, 2, &now), 2);
	assert_string_equal(
		show(*state, STORE_OUTBOUND, "ann@a.example", &now).value,
		"1 outbound last=1700000001");
	/* and the other way round the first */
	entries[0].key = entries[1].key = "eve@a.example";
	entries[0].value = "1 outbound last=1700000001";
	entries[1].value = "1 outbound last=1700000000";
	assert_int_equal(import(*state, entries, 2, &now), 1);
	free(entries);
	free(keys);
}
