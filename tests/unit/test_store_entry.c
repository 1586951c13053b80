/*
 * test_store_entry.c - what one record of a store is.  What filters find, and
 * which of two is better, are rows of the contract that every engine runs.
 */
#include "lists/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static void test_keys(void **state)
{
	static const struct {
		enum store_kind kind;
		const char *key;
		bool is_valid;
	} rows[] = {
		{ STORE_TRIPLET, "spf:a.example joe@a.example me@x.example",
		  true },
		{ STORE_TRIPLET, "spf:a.example <> me@x.example", true },
		{ STORE_TRIPLET, "spf:a.example joe@a.example", false },
		{ STORE_TRIPLET, "spf:a.example", false },
		{ STORE_TRIPLET, "a.example joe@a.example me@x.example",
		  false },
		{ STORE_TRIPLET, "spf:a.example a b c", false },
		{ STORE_TRIPLET, "", false },
		{ STORE_IDENTITY, "spf:a.example", true },
		{ STORE_IDENTITY, "ptr:a.example", true },
		{ STORE_IDENTITY, "net:192.0.2.0/24", true },
		{ STORE_IDENTITY, "net:192.0.2.1/24", false },
		{ STORE_IDENTITY, "spf:A.example", false },
		{ STORE_IDENTITY, "a.example", false },
		{ STORE_IDENTITY, "", false },
		{ STORE_OUTBOUND, "joe@a.example", true },
		{ STORE_OUTBOUND, "<>", false },
		{ STORE_OUTBOUND, ":0123", false },
		{ STORE_OUTBOUND, "joe a@a.example", false },
		{ STORE_OUTBOUND, "jo\xc3\xa9@a.example", false },
		{ STORE_OUTBOUND, "", false },
		{ STORE_ALL, "joe@a.example", false },
	};
	char longest[500];

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++)
		if (store_key_valid(rows[i].kind, rows[i].key,
				    strlen(rows[i].key)) != rows[i].is_valid)
			fail_msg("%d %s", (int)rows[i].kind, rows[i].key);
	memset(longest, 'a', sizeof(longest));
	assert_true(store_key_valid(STORE_OUTBOUND, longest, 384));
	assert_false(store_key_valid(STORE_OUTBOUND, longest, 385));
}

/* Whatever an entry was before, it is what its value says. */
static void test_reading(void **state)
{
	static const struct {
		enum store_kind kind;
		const char *value;
		enum greylist_reading reading;
	} rows[] = {
		{ STORE_TRIPLET,
		  "1 waiting first=1700000000 tried=1700000000 tries=1 round=0",
		  GREYLIST_READ },
		{ STORE_TRIPLET, "1 outbound last=1700000000", GREYLIST_JUNK },
		{ STORE_TRIPLET, "", GREYLIST_JUNK },
		{ STORE_TRIPLET, "2 waiting", GREYLIST_NEWER },
		{ STORE_IDENTITY,
		  "1 identity passes=0 round=0 block=1700000000 for=0",
		  GREYLIST_READ },
		{ STORE_IDENTITY, "block", GREYLIST_JUNK },
		{ STORE_IDENTITY, "3 identity", GREYLIST_NEWER },
		{ STORE_OUTBOUND, "1 outbound last=1700000000", GREYLIST_READ },
		{ STORE_OUTBOUND, "1 outbound", GREYLIST_JUNK },
		{ STORE_OUTBOUND, "2 outbound", GREYLIST_NEWER },
		{ STORE_ALL, "1 outbound last=1700000000", GREYLIST_JUNK },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct store_entry entry = {
			.kind = rows[i].kind,
			.value = rows[i].value,
			.triplet.state = GREYLIST_PASSED,
			.identity.mark = GREYLIST_BLOCK,
			.outbound.is_there = true,
		};
		bool is_read = store_entry_read(&entry);
		bool triplet = is_read && rows[i].kind == STORE_TRIPLET;
		bool identity = is_read && rows[i].kind == STORE_IDENTITY;
		bool outbound = is_read && rows[i].kind == STORE_OUTBOUND;

		if (entry.reading != rows[i].reading ||
		    is_read != (rows[i].reading == GREYLIST_READ))
			fail_msg("%s", rows[i].value);
		assert_int_equal(entry.triplet.state,
				 triplet ? GREYLIST_WAITING : GREYLIST_ABSENT);
		assert_int_equal(entry.identity.mark,
				 identity ? GREYLIST_BLOCK : GREYLIST_UNMARKED);
		assert_int_equal(entry.outbound.is_there, outbound);
	}
}

/* Of two lines of outbound, by how they are read. */
static void test_better(void **state)
{
	static const struct {
		const char *brought, *there;
		bool is_better;
	} rows[] = {
		{ "1 outbound last=1700000000", "", true },
		{ "1 outbound last=1700000000", "junk", true },
		{ "1 outbound last=1700000000", "2 outbound", false },
		{ "1 outbound last=1700000000", "1 outbound last=1700000000",
		  false },
		{ "1 outbound last=1700000001", "1 outbound last=1700000000",
		  true },
		{ "junk", "", false },
		{ "2 outbound", "", false },
		{ "2 outbound", "1 outbound last=1700000000", false },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct store_entry brought = { .kind = STORE_OUTBOUND,
					       .value = rows[i].brought };
		struct store_entry there = { .kind = STORE_OUTBOUND,
					     .value = rows[i].there };

		store_entry_read(&brought);
		store_entry_read(&there);
		if (store_is_better(&brought, &there) != rows[i].is_better)
			fail_msg("%s, %s", rows[i].brought, rows[i].there);
	}
}

/* Of what cannot be read nobody knows when it was seen, or what it says. */
static void test_foreign_matches(void **state)
{
	static const struct {
		const char *claim;
		struct store_filter filter;
		bool matches;
	} rows[] = {
		{ "any", { 0 }, true },
		{ "its kind", { .kinds = STORE_IDENTITY }, true },
		{ "its key", { .identity = "spf:*" }, true },
		{ "since", { .seen_after = 1 }, false },
		{ "before", { .seen_before = 1800000000 }, false },
		{ "marked", { .mark = GREYLIST_ALLOW }, false },
		{ "known", { .only_known = true }, false },
		{ "trapped", { .only_trapped = true }, false },
		{ "waiting", { .state = GREYLIST_WAITING }, false },
	};
	const struct greylist_terms terms = { .keep = 300, .known_after = 1 };
	const struct greylist_time now = { 1700000000, 5000, 42 };
	struct store_entry entry = { .kind = STORE_IDENTITY,
				     .key = "spf:a.example",
				     .value = "junk" };

	(void)state;
	store_entry_read(&entry);
	for (size_t i = 0; i < ROWS(rows); i++)
		if (store_matches(&rows[i].filter, &entry, &terms, &now) !=
		    rows[i].matches)
			fail_msg("%s", rows[i].claim);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_reading),
		cmocka_unit_test(test_better),
		cmocka_unit_test(test_foreign_matches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
