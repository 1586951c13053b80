/*
 * store_contract_look.c - what any store lists, shows and forgets.
 */
#include "tests/unit/store_contract_private.h"

#include <stdlib.h>

/* --- a small world ------------------------------------------------------- */

/* Seconds ago are those of 1700000000, when it is looked at. */
static const struct {
	char letter;
	enum store_kind kind;
	const char *key, *value;
} world[] = {
	{ 'A', STORE_TRIPLET, "spf:a.example joe@a.example me@here.example",
	  "1 passed last=1699999900 first=1699990000 waited=310 uses=12" },
	{ 'B', STORE_TRIPLET, "spf:a.example ann@a.example you@here.example",
	  "1 waiting first=1699999995 tried=1699999995 tries=1 round=0" },
	{ 'C', STORE_TRIPLET, "net:192.0.2.0/24 <> me@here.example",
	  "1 waiting first=1699999950 tried=1699999980 tries=2 round=0" },
	{ 'D', STORE_TRIPLET, "ptr:b.example joe@b.example me@here.example",
	  "1 passed last=1699999800 first=1699990000 waited=310 uses=12" },
	{ 'a', STORE_IDENTITY, "spf:a.example",
	  "1 identity passes=3 round=0 counted=1699999900 last=1699999900" },
	{ 'b', STORE_IDENTITY, "net:192.0.2.0/24",
	  "1 identity passes=0 round=1699999970 trapped=1699999970 for=86400" },
	{ 'c', STORE_IDENTITY, "ptr:b.example",
	  "1 identity passes=0 round=0 allow=1699999700 for=0" },
	{ 'd', STORE_IDENTITY, "spf:c.example",
	  "1 identity passes=0 round=0 block=1699999600 for=1000" },
	/* said for a time that is over */
	{ 'e', STORE_IDENTITY, "spf:d.example",
	  "1 identity passes=0 round=0 allow=1699999500 for=100" },
	{ 'O', STORE_OUTBOUND, "joe@c.example", "1 outbound last=1699999990" },
};

static void make_world(struct store *store)
{
	struct greylist_time now = after_noon(0);

	for (size_t i = 0; i < ROWS(world); i++)
		bring(store, world[i].kind, world[i].key, world[i].value,
		      NOON + 1000, &now);
}

struct letters {
	bool seen[128];
};

static bool note_letter(void *context, const struct store_entry *entry)
{
	struct letters *letters = context;

	for (size_t i = 0; i < ROWS(world); i++)
		if (world[i].kind == entry->kind &&
		    strcmp(world[i].key, entry->key) == 0 &&
		    strcmp(world[i].value, entry->value) == 0 &&
		    entry->reading == GREYLIST_READ)
			letters->seen[(unsigned char)world[i].letter] = true;
	return true;
}

/* The letters of what the filter finds, sorted. */
static void find(struct store *store, const struct store_filter *filter,
		 char found[128])
{
	struct greylist_time now = after_noon(0);
	struct store_cursor cursor = { "" };
	struct letters letters = { 0 };
	size_t len = 0;
	bool more;

	do {
		assert_int_equal(store_list(store, filter, &diary_terms, &now,
					    100, PATIENCE_MS, &cursor,
					    note_letter, &letters, &more),
				 STORE_DONE);
	} while (more);
	for (int c = 1; c < 127; c++)
		if (letters.seen[c])
			found[len++] = (char)c;
	found[len] = '\0';
}

static const struct {
	const char *claim;
	struct store_filter filter;
	const char *found;
} filters[] = {
	{ "none finds all", { 0 }, "ABCDOabcde" },
	{ "triplets", { .kinds = STORE_TRIPLET }, "ABCD" },
	{ "identities", { .kinds = STORE_IDENTITY }, "abcde" },
	{ "outbound", { .kinds = STORE_OUTBOUND }, "O" },
	{ "two kinds", { .kinds = STORE_TRIPLET | STORE_OUTBOUND }, "ABCDO" },
	{ "all kinds", { .kinds = STORE_ALL }, "ABCDOabcde" },
	{ "who waits", { .state = GREYLIST_WAITING }, "BC" },
	{ "who has passed", { .state = GREYLIST_PASSED }, "AD" },
	{ "who is allowed", { .mark = GREYLIST_ALLOW }, "c" },
	{ "who is blocked", { .mark = GREYLIST_BLOCK }, "d" },
	{ "who is known", { .only_known = true }, "a" },
	{ "who is trapped", { .only_trapped = true }, "b" },
	{ "an identity is its triplets, too",
	  { .identity = "spf:a.example" },
	  "ABa" },
	{ "a proof", { .identity = "spf:*" }, "ABade" },
	{ "a network", { .identity = "net:*" }, "Cb" },
	{ "letters", { .identity = "*:[ab].example" }, "ABDac" },
	{ "one letter", { .identity = "spf:?.example" }, "ABade" },
	{ "a beginning is no match", { .identity = "spf:a" }, "" },
	{ "a sender", { .sender = "joe@a.example" }, "A" },
	{ "senders", { .sender = "joe@*" }, "AD" },
	{ "the null sender", { .sender = "<>" }, "C" },
	{ "a recipient", { .recipient = "me@here.example" }, "ACD" },
	{ "a recipient who is waited for",
	  { .recipient = "me@*", .state = GREYLIST_WAITING },
	  "C" },
	{ "all three",
	  { .identity = "spf:*", .sender = "ann@*", .recipient = "you@*" },
	  "B" },
	{ "seen since", { .seen_after = NOON - 20 }, "BCO" },
	{ "not seen since", { .seen_before = NOON - 100 }, "Dcde" },
	{ "seen between",
	  { .seen_after = NOON - 100, .seen_before = NOON - 20 },
	  "Aab" },
	{ "what cannot be",
	  { .kinds = STORE_IDENTITY, .state = GREYLIST_WAITING },
	  "" },
	{ "an identity by its sender",
	  { .kinds = STORE_IDENTITY, .sender = "*" },
	  "" },
};

void test_filters(void **state)
{
	char found[128];

	make_world(*state);
	for (size_t i = 0; i < ROWS(filters); i++) {
		find(*state, &filters[i].filter, found);
		if (strcmp(found, filters[i].found) != 0)
			fail_msg("%s: %s", filters[i].claim, found);
	}
	find(*state, NULL, found);
	assert_string_equal(found, "ABCDOabcde");
}

/* A dry run counts what then is gone, and nothing else is. */
void test_forget(void **state)
{
	struct greylist_time now = after_noon(0);
	char found[128], right[128];

	for (size_t i = 0; i < ROWS(filters); i++) {
		const struct store_filter *filter = &filters[i].filter;
		uint64_t counts[2] = { 0, 0 };
		size_t len = 0;
		bool more;

		make_world(*state);
		for (int dry = 1; dry >= 0; dry--) {
			struct store_cursor cursor = { "" };

			do {
				uint64_t count = 0;

				assert_int_equal(store_forget(*state, filter,
							      &diary_terms,
							      &now, dry, 100,
							      PATIENCE_MS,
							      &cursor, &count,
							      &more),
						 STORE_DONE);
				counts[dry] += count;
			} while (more);
			if (!dry)
				continue;
			find(*state, NULL, found);
			assert_string_equal(found, "ABCDOabcde");
		}
		for (const char *c = "ABCDOabcde"; *c; c++)
			if (!strchr(filters[i].found, *c))
				right[len++] = *c;
		right[len] = '\0';
		reopen(state, &now);
		find(*state, NULL, found);
		if (strcmp(found, right) != 0 || counts[0] != counts[1] ||
		    counts[0] != strlen(filters[i].found))
			fail_msg("%s: left %s, %d forgotten, %d dry",
				 filters[i].claim, found, (int)counts[0],
				 (int)counts[1]);
		/* the next one begins with nothing */
		for (more = true; more;) {
			struct store_cursor cursor = { "" };
			uint64_t count;

			assert_int_equal(store_forget(*state, NULL,
						      &diary_terms, &now, false,
						      0, PATIENCE_MS, &cursor,
						      &count, &more),
					 STORE_DONE);
		}
		find(*state, NULL, found);
		assert_string_equal(found, "");
	}
}

/* --- pages --------------------------------------------------------------- */

enum { EACH = 90, ENTRIES = 3 * EACH, ADDED = 60 };

static void key_of(int n, char key[TRIPLET_KEY_SIZE], enum store_kind *ret_kind)
{
	static const enum store_kind kinds[] = { STORE_TRIPLET, STORE_IDENTITY,
						 STORE_OUTBOUND };
	/* so that the next is not the neighbour */
	int scattered = n / 3 * 37 % 1009;

	*ret_kind = kinds[n % 3];
	if (n % 3 == 0)
		snprintf(key, TRIPLET_KEY_SIZE, "spf:n%d.example <> me@x.test",
			 scattered);
	else if (n % 3 == 1)
		snprintf(key, TRIPLET_KEY_SIZE, "ptr:n%d.example", scattered);
	else
		snprintf(key, TRIPLET_KEY_SIZE, "joe@n%d.example", scattered);
}

static void add(struct store *store, int n)
{
	static const char *const values[] = {
		"1 passed last=1700000000 first=1700000000 waited=10 uses=1",
		("1 identity passes=1 round=0 counted=1700000000 "
		 "last=1700000000"),
		"1 outbound last=1700000000",
	};
	struct greylist_time now = after_noon(0);
	char key[TRIPLET_KEY_SIZE];
	enum store_kind kind;

	key_of(n, key, &kind);
	bring(store, kind, key, values[n % 3], 0, &now);
}

struct tally {
	unsigned seen[ENTRIES + ADDED];
	unsigned page; /* entries of this one */
	unsigned stop_at; /* in a page; 0: never */
	char last[TRIPLET_KEY_SIZE];
	enum store_kind last_kind;
	bool is_ordered;
};

static bool count_entry(void *context, const struct store_entry *entry)
{
	struct tally *tally = context;
	char key[TRIPLET_KEY_SIZE];
	enum store_kind kind;

	for (int n = 0; n < ENTRIES + ADDED; n++) {
		key_of(n, key, &kind);
		if (kind == entry->kind && strcmp(key, entry->key) == 0)
			tally->seen[n]++;
	}
	if (tally->last[0] != '\0' && (entry->kind < tally->last_kind ||
				       (entry->kind == tally->last_kind &&
					strcmp(entry->key, tally->last) <= 0)))
		tally->is_ordered = false;
	snprintf(tally->last, sizeof(tally->last), "%s", entry->key);
	tally->last_kind = entry->kind;
	tally->page++;
	return tally->page != tally->stop_at;
}

static bool next_page(struct store *store, struct tally *tally, unsigned limit,
		      unsigned max_ms, struct store_cursor *cursor)
{
	struct greylist_time now = after_noon(0);
	bool more;

	tally->page = 0;
	assert_int_equal(store_list(store, NULL, &diary_terms, &now, limit,
				    max_ms, cursor, count_entry, tally, &more),
			 STORE_DONE);
	assert_true(tally->page <= (limit ? limit : STORE_PAGE_MAX));
	return more;
}

static void check_seen(const struct tally *tally, int n)
{
	if (tally->seen[n] == 1 ||
	    (tally->seen[n] > 1 && !the_contract->is_local))
		return;
	fail_msg("entry %d was seen %u times", n, tally->seen[n]);
}

static void check_all(const struct tally *tally)
{
	for (int n = 0; n < ENTRIES; n++)
		check_seen(tally, n);
	if (the_contract->is_local)
		assert_true(tally->is_ordered);
}

static void fill(struct store *store)
{
	for (int n = 0; n < ENTRIES; n++)
		add(store, n);
}

/* The cursor is text, which outlives whoever gave it. */
void test_pages(void **state)
{
	static const unsigned limits[] = { 1,	2,   7,	  89, 90,  91,
					   269, 270, 271, 0,  5000 };
	char text[sizeof(struct store_cursor)];

	fill(*state);
	for (size_t i = 0; i < ROWS(limits); i++) {
		struct tally tally = { .is_ordered = true };
		struct store_cursor cursor = { "" };
		struct greylist_time now = after_noon(0);
		int pages = 0;

		while (next_page(*state, &tally, limits[i], PATIENCE_MS,
				 &cursor)) {
			snprintf(text, sizeof(text), "%s", cursor.at);
			memset(&cursor, 'x', sizeof(cursor));
			snprintf(cursor.at, sizeof(cursor.at), "%s", text);
			if (pages++ == 3)
				reopen(state, &now);
			assert_true(pages < 2000);
		}
		check_all(&tally);
	}
}

/* Who has no time sees little at once, but all in the end. */
void test_pages_by_the_clock(void **state)
{
	struct tally tally = { .is_ordered = true };
	struct store_cursor cursor = { "" };
	int pages = 0;

	fill(*state);
	while (next_page(*state, &tally, 50, 1, &cursor))
		assert_true(pages++ < 100000);
	check_all(&tally);
}

static void remove_entry(struct store *store, int n)
{
	struct greylist_time now = after_noon(0);
	struct store_filter filter = { 0 };
	struct store_cursor cursor = { "" };
	char key[TRIPLET_KEY_SIZE];
	uint64_t count, sum = 0;
	bool more;

	assert_int_equal(n % 3, 1); /* an identity, which is its own pattern */
	key_of(n, key, (enum store_kind *)&filter.kinds);
	filter.identity = key;
	do {
		assert_int_equal(store_forget(store, &filter, &diary_terms,
					      &now, false, 10, PATIENCE_MS,
					      &cursor, &count, &more),
				 STORE_DONE);
		sum += count;
	} while (more);
	assert_int_equal(sum, 1);
}

/* What is there from the first page to the last is seen. */
void test_pages_while_it_changes(void **state)
{
	struct tally tally = { .is_ordered = true };
	struct store_cursor cursor = { "" };
	bool gone[ENTRIES + ADDED] = { false };
	int added = ENTRIES, removed = 1;

	fill(*state);
	while (next_page(*state, &tally, 11, PATIENCE_MS, &cursor)) {
		for (int i = 0; i < 3 && added < ENTRIES + ADDED; i++)
			add(*state, added++);
		for (int i = 0; i < 2 && removed < ENTRIES; i++) {
			remove_entry(*state, removed);
			gone[removed] = true;
			removed += 3;
		}
	}
	for (int n = 0; n < ENTRIES; n++)
		if (!gone[n])
			check_seen(&tally, n);
	for (int n = 0; n < ENTRIES + ADDED; n++)
		assert_true(tally.seen[n] <= 1 || !the_contract->is_local);
}

void test_each_ends_a_page(void **state)
{
	struct tally tally = { .is_ordered = true, .stop_at = 4 };
	struct store_cursor cursor = { "" };
	int pages = 0;

	fill(*state);
	while (next_page(*state, &tally, 10, PATIENCE_MS, &cursor)) {
		assert_true(tally.page <= 4);
		assert_true(pages++ < 2000);
	}
	check_all(&tally);
}

/* It comes from outside: any text is a place, or STORE_INVALID. */
void test_any_cursor(void **state)
{
	static const char *const texts[] = {
		"x",
		"0",
		"1",
		"17",
		"-1",
		"18446744073709551615",
		"99999999999999999999999999",
		"t",
		"t ",
		"T:spf:a.example",
		"1 spf:n1.example <> me@x.test",
		"2:",
		"3:zzz",
		"4:",
		":",
		"1:joe",
		"junk junk junk junk",
		"0 0 0 0",
		"{}",
		"~",
	};
	struct greylist_time now = after_noon(0);
	struct store_cursor cursor;
	bool more;

	for (int n = 0; n < 30; n++)
		add(*state, n);
	for (size_t i = 0; i < ROWS(texts); i++) {
		struct tally tally = { 0 };
		enum store_end end;

		memset(&cursor, 0, sizeof(cursor));
		snprintf(cursor.at, sizeof(cursor.at), "%s", texts[i]);
		end = store_list(*state, NULL, &diary_terms, &now, 10,
				 PATIENCE_MS, &cursor, count_entry, &tally,
				 &more);
		assert_true(end == STORE_DONE || end == STORE_INVALID);
	}
	memset(&cursor, '7', sizeof(cursor));
	assert_int_equal(store_list(*state, NULL, &diary_terms, &now, 10,
				    PATIENCE_MS, &cursor, count_entry, NULL,
				    &more),
			 STORE_INVALID);
}

void test_forget_pages(void **state)
{
	struct store_filter filter = { .kinds =
					       STORE_TRIPLET | STORE_IDENTITY };
	struct greylist_time now = after_noon(0);
	struct store_cursor cursor = { "" };
	struct tally tally = { 0 };
	uint64_t sum = 0;
	bool more = true;

	fill(*state);
	while (more) {
		uint64_t count = 0;

		assert_int_equal(store_forget(*state, &filter, &diary_terms,
					      &now, false, 7, PATIENCE_MS,
					      &cursor, &count, &more),
				 STORE_DONE);
		assert_in_range(count, 0, 7);
		sum += count;
	}
	assert_int_equal(sum, 2 * EACH);
	cursor = (struct store_cursor){ "" };
	while (next_page(*state, &tally, 50, PATIENCE_MS, &cursor))
		;
	for (int n = 0; n < ENTRIES; n++)
		assert_true((tally.seen[n] > 0) == (n % 3 == 2));
}

/* --- one ----------------------------------------------------------------- */

void test_show(void **state)
{
	static const struct {
		const char *claim;
		enum store_kind kind;
		const char *key;
		enum store_end end;
		bool is_there;
	} rows[] = {
		{ "a triplet", STORE_TRIPLET,
		  "net:192.0.2.0/24 <> me@here.example", STORE_DONE, true },
		{ "an identity", STORE_IDENTITY, "spf:a.example", STORE_DONE,
		  true },
		{ "an outbound", STORE_OUTBOUND, "joe@c.example", STORE_DONE,
		  true },
		{ "none", STORE_IDENTITY, "spf:x.example", STORE_DONE, false },
		{ "of another kind", STORE_OUTBOUND, "spf:a.example",
		  STORE_DONE, false },
		{ "a key that is none", STORE_IDENTITY, "joe@c.example",
		  STORE_INVALID, false },
	};
	struct greylist_time now = after_noon(0);
	struct shown shown;

	make_world(*state);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct letters letters = { 0 };
		bool is_there = false;
		enum store_end end =
			store_show(*state, rows[i].kind, rows[i].key, &now,
				   PATIENCE_MS, note_letter, &letters,
				   &is_there);

		if (end != rows[i].end || is_there != rows[i].is_there)
			fail_msg("%s: %s", rows[i].claim, store_end_name(end));
	}
	shown = show(*state, STORE_IDENTITY, "net:192.0.2.0/24", &now);
	assert_int_equal(shown.entry.kind, STORE_IDENTITY);
	assert_int_equal(shown.entry.identity.trapped_for, 86400);
	/* a server's clock may round it */
	assert_in_range(shown.entry.expires, NOON + 86369, NOON + 86371);
	shown = show(*state, STORE_IDENTITY, "ptr:b.example", &now);
	assert_true(shown.entry.expires == GREYLIST_FOR_EVER);
}
