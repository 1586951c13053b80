/*
 * test_store.c - the front of every store, before an engine that notes how it
 * is called.
 */
#include "lists/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/greylist_diary.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static const struct greylist_time noon = { 1700000000, 5000, 42 };

/* --- an engine that notes how it was called ------------------------------ */

struct mock {
	struct store store;
	enum store_end end;
	struct greylist_result result;
	struct greylist_identity identity;
	unsigned calls, limit;
	size_t told; /* entries that a list has */
	char dropped[400];
	int64_t expires; /* of the entries merged, in a row */
	size_t merged;
};

static struct mock *mock_of(struct store *store)
{
	struct mock *mock = (struct mock *)store;

	mock->calls++;
	return mock;
}

static enum store_end mock_visit(struct store *store,
				 const struct store_visit *visit,
				 struct greylist_result *ret_result)
{
	(void)visit;
	*ret_result = mock_of(store)->result;
	return mock_of(store)->end;
}

static enum store_end mock_change(struct store *store, const char *identity,
				  store_change *change, void *context,
				  const struct greylist_terms *terms,
				  const struct greylist_time *now,
				  unsigned max_ms, bool *ret_done)
{
	struct greylist_identity twice = { 0 };

	(void)identity, (void)terms, (void)now, (void)max_ms;
	/* once in vain, as where somebody came between */
	change(context, &twice);
	*ret_done = change(context, &mock_of(store)->identity);
	return mock_of(store)->end;
}

static enum store_end mock_write_to(struct store *store, const char *address,
				    const struct greylist_terms *terms,
				    const struct greylist_time *now,
				    unsigned max_ms)
{
	(void)address, (void)terms, (void)now, (void)max_ms;
	return mock_of(store)->end;
}

static enum store_end mock_list(struct store *store,
				const struct store_filter *filter,
				const struct greylist_terms *terms,
				const struct greylist_time *now, unsigned limit,
				unsigned max_ms, struct store_cursor *cursor,
				store_each *each, void *context, bool *ret_more)
{
	static const enum store_kind kinds[] = { STORE_IDENTITY, STORE_TRIPLET,
						 STORE_OUTBOUND };
	struct mock *mock = mock_of(store);
	char key[32];

	(void)filter, (void)terms, (void)now, (void)max_ms;
	mock->limit = limit;
	for (size_t i = 0; i < mock->told && i < limit; i++) {
		const struct store_entry entry = { .kind = kinds[i % 3],
						   .key = key };

		snprintf(key, sizeof(key), "k%zu", i);
		if (!each(context, &entry))
			break;
	}
	snprintf(cursor->at, sizeof(cursor->at), "behind");
	*ret_more = true;
	return mock->end;
}

static enum store_end mock_show(struct store *store, enum store_kind kind,
				const char *key,
				const struct greylist_time *now,
				unsigned max_ms, store_each *each,
				void *context, bool *ret_there)
{
	(void)kind, (void)key, (void)now, (void)max_ms, (void)each;
	(void)context;
	*ret_there = true;
	return mock_of(store)->end;
}

static enum store_end mock_drop(struct store *store, enum store_kind kind,
				const char *const *keys, size_t count)
{
	struct mock *mock = mock_of(store);

	for (size_t i = 0; i < count; i++) {
		char word[32];

		snprintf(word, sizeof(word), "%d:%s ", (int)kind, keys[i]);
		strncat(mock->dropped, word,
			sizeof(mock->dropped) - strlen(mock->dropped) - 1);
	}
	return kind == STORE_IDENTITY && mock->told == 7 ? STORE_AWAY
							 : STORE_DONE;
}

static enum store_end mock_merge(struct store *store,
				 const struct store_entry *entries,
				 size_t count, const struct greylist_time *now,
				 uint64_t *ret_taken)
{
	struct mock *mock = mock_of(store);

	(void)now;
	mock->merged = count;
	mock->expires = entries[0].expires;
	*ret_taken = count;
	return mock->end;
}

static uint64_t mock_sweep(struct store *store, const struct greylist_time *now,
			   unsigned limit)
{
	(void)now;
	mock_of(store);
	return limit;
}

static void mock_stats(struct store *store, struct store_stats *ret_stats)
{
	mock_of(store);
	ret_stats->commits = 3;
	ret_stats->ends[STORE_DONE] = 1000; /* not its to say */
}

static void mock_close(struct store *store)
{
	mock_of(store);
}

static const struct store_engine mock_engine = {
	.name = "mock",
	.visit = mock_visit,
	.change = mock_change,
	.write_to = mock_write_to,
	.list = mock_list,
	.show = mock_show,
	.drop = mock_drop,
	.merge = mock_merge,
	.sweep = mock_sweep,
	.stats = mock_stats,
	.close = mock_close,
};

static struct store *mock_init(struct mock *mock)
{
	memset(mock, 0, sizeof(*mock));
	store_init(&mock->store, &mock_engine);
	return &mock->store;
}

/* --- what goes in -------------------------------------------------------- */

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(store_end_name(STORE_DONE), "done");
	assert_string_equal(store_end_name(STORE_FULL), "full");
	for (int end = STORE_DONE; end <= STORE_STOPPED; end++)
		assert_true(strlen(store_end_name((enum store_end)end)) > 2);
}

static void test_visit_arguments(void **state)
{
	static const struct {
		const char *claim, *triplet, *identity, *sender;
		enum store_end end;
	} rows[] = {
		{ "all is well", "spf:a.example joe@a.example me@x.example",
		  "spf:a.example", "joe@a.example", STORE_DONE },
		{ "the null sender", "spf:a.example <> me@x.example",
		  "spf:a.example", "<>", STORE_DONE },
		{ "no triplet", "spf:a.example", "spf:a.example",
		  "joe@a.example", STORE_INVALID },
		{ "of another identity",
		  "spf:a.example joe@a.example me@x.example", "spf:b.example",
		  "joe@a.example", STORE_INVALID },
		{ "of half an identity",
		  "spf:a.example joe@a.example me@x.example", "spf:a.exampl",
		  "joe@a.example", STORE_INVALID },
		{ "of a longer identity",
		  "spf:a.example joe@a.example me@x.example", "spf:a.examples",
		  "joe@a.example", STORE_INVALID },
		{ "no sender", "spf:a.example joe@a.example me@x.example",
		  "spf:a.example", "", STORE_INVALID },
		{ "nothing", NULL, NULL, NULL, STORE_INVALID },
	};
	struct mock mock;
	struct store *store = mock_init(&mock);

	(void)state;
	mock.result.answer = GREYLIST_PASS;
	mock.result.why = GREYLIST_KEPT;
	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct store_visit visit = {
			.triplet = rows[i].triplet,
			.identity = rows[i].identity,
			.sender = rows[i].sender,
			.terms = diary_terms,
			.now = noon,
		};
		struct greylist_result result;

		memset(&result, 0xff, sizeof(result));
		if (store_visit(store, &visit, &result) != rows[i].end ||
		    result.answer != (rows[i].end == STORE_DONE
					      ? GREYLIST_PASS
					      : GREYLIST_UNKNOWN))
			fail_msg("%s", rows[i].claim);
	}
}

static void test_filter_arguments(void **state)
{
	static char long_pattern[600];
	static const struct {
		const char *claim;
		struct store_filter filter;
		enum store_end end;
	} rows[] = {
		{ "nothing asked", { 0 }, STORE_DONE },
		{ "a pattern",
		  { .identity = "net:192.0.2.*", .sender = "<>" },
		  STORE_DONE },
		{ "brackets", { .sender = "[[:alpha:]]*@*" }, STORE_DONE },
		{ "an empty pattern", { .sender = "" }, STORE_INVALID },
		{ "capitals", { .sender = "Joe@*" }, STORE_INVALID },
		{ "a blank", { .recipient = "a b" }, STORE_INVALID },
		{ "a byte", { .recipient = "\xe9" }, STORE_INVALID },
		{ "longer than any key",
		  { .identity = long_pattern },
		  STORE_INVALID },
		{ "another kind", { .kinds = 8 }, STORE_INVALID },
		{ "another state",
		  { .state = (enum greylist_state)3 },
		  STORE_INVALID },
		{ "another mark",
		  { .mark = (enum greylist_mark)3 },
		  STORE_INVALID },
		{ "before all time", { .seen_after = -1 }, STORE_INVALID },
		{ "before all time", { .seen_before = -1 }, STORE_INVALID },
	};
	struct mock mock;
	struct store *store = mock_init(&mock);

	(void)state;
	memset(long_pattern, 'a', sizeof(long_pattern) - 1);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct store_cursor cursor = { "" };
		uint64_t count;
		bool more;

		if (store_list(store, &rows[i].filter, &diary_terms, &noon, 10,
			       100, &cursor, NULL, NULL,
			       &more) != rows[i].end ||
		    store_forget(store, &rows[i].filter, &diary_terms, &noon,
				 false, 10, 100, &cursor, &count,
				 &more) != rows[i].end)
			fail_msg("%s", rows[i].claim);
	}
}

static bool never(void *context, const struct store_entry *entry)
{
	(void)context, (void)entry;
	return false;
}

static void test_other_arguments(void **state)
{
	struct store_cursor cursor = { "a\tb" };
	struct mock mock;
	struct store *store = mock_init(&mock);
	bool there, more;
	unsigned calls;

	(void)state;
	assert_int_equal(store_convict(store, "a.example", &diary_terms, &noon,
				       60, 100, &there),
			 STORE_INVALID);
	assert_int_equal(store_set_mark(store, "a.example", GREYLIST_ALLOW,
					&diary_terms, &noon, 60, 100),
			 STORE_INVALID);
	assert_int_equal(store_set_mark(store, "spf:a.example",
					(enum greylist_mark)7, &diary_terms,
					&noon, 60, 100),
			 STORE_INVALID);
	assert_int_equal(store_write_to(store, "<>", &diary_terms, &noon, 100),
			 STORE_INVALID);
	assert_int_equal(store_show(store, STORE_TRIPLET | STORE_IDENTITY,
				    "spf:a.example", &noon, 100, never, NULL,
				    &there),
			 STORE_INVALID);
	assert_int_equal(store_list(store, NULL, &diary_terms, &noon, 1, 100,
				    &cursor, never, NULL, &more),
			 STORE_INVALID);
	assert_int_equal(store_sweep(store, &noon, 0), 0);
	assert_int_equal(mock.calls, 0);
	calls = mock.calls;
	assert_int_equal(store_sweep(store, &noon, 5), 5);
	assert_int_equal(mock.calls, calls + 1);
	store_close(store);
	assert_int_equal(mock.calls, calls + 2);
	store_close(NULL);
}

/* --- what comes out ------------------------------------------------------ */

static void test_counts(void **state)
{
	static const struct {
		int64_t waited;
		size_t slot;
	} waits[] = { { 0, 0 },
		      { 1, 0 },
		      { 2, 1 },
		      { 3, 2 },
		      { 4, 2 },
		      { 300, 9 },
		      { 512, 9 },
		      { 513, 10 },
		      { 4194304, 22 },
		      { 4194305, 23 },
		      { GREYLIST_SPAN_MAX, 23 } };
	const struct store_visit visit = {
		.triplet = "spf:a.example joe@a.example me@x.example",
		.identity = "spf:a.example",
		.sender = "joe@a.example",
	};
	struct mock mock;
	struct store *store = mock_init(&mock);
	struct greylist_result result;
	struct store_stats stats;
	uint64_t sum = 0;

	(void)state;
	mock.result.answer = GREYLIST_PASS;
	mock.result.why = GREYLIST_WAITED;
	for (size_t i = 0; i < ROWS(waits); i++) {
		uint64_t before;

		store_stats(store, &stats);
		before = stats.waits[waits[i].slot];
		mock.result.waited = waits[i].waited;
		store_visit(store, &visit, &result);
		store_stats(store, &stats);
		assert_int_equal(stats.waits[waits[i].slot], before + 1);
	}
	/* a use is no end of a wait; a failure is no answer */
	mock.result.why = GREYLIST_KEPT;
	store_visit(store, &visit, &result);
	mock.end = STORE_LATE;
	store_visit(store, &visit, &result);
	assert_int_equal(result.answer, GREYLIST_UNKNOWN);
	assert_int_equal(result.waited, 0);
	store_stats(store, &stats);
	for (size_t i = 0; i < STORE_WAITS; i++)
		sum += stats.waits[i];
	assert_int_equal(sum, ROWS(waits));
	assert_int_equal(stats.answers[GREYLIST_WAITED], ROWS(waits));
	assert_int_equal(stats.answers[GREYLIST_KEPT], 1);
	assert_int_equal(stats.answers[GREYLIST_NO_ANSWER], 1);
	assert_int_equal(stats.ends[STORE_DONE], ROWS(waits) + 1);
	assert_int_equal(stats.ends[STORE_LATE], 1);
	assert_int_equal(stats.commits, 3);
}

/* What was done to a record read in vain does not count. */
static void test_changes(void **state)
{
	struct mock mock;
	struct store *store = mock_init(&mock);
	bool done;

	(void)state;
	assert_int_equal(store_convict(store, "spf:a.example", &diary_terms,
				       &noon, 60, 100, &done),
			 STORE_DONE);
	assert_true(done);
	assert_int_equal(mock.identity.trapped_for, 60);
	assert_int_equal(store_set_mark(store, "spf:a.example", GREYLIST_ALLOW,
					&diary_terms, &noon, 0, 100),
			 STORE_DONE);
	assert_int_equal(mock.identity.mark, GREYLIST_ALLOW);
	assert_int_equal(store_convict(store, "spf:a.example", &diary_terms,
				       &noon, 60, 100, &done),
			 STORE_DONE);
	assert_false(done);
	mock.end = STORE_AWAY;
	mock.identity.mark = GREYLIST_UNMARKED;
	assert_int_equal(store_convict(store, "spf:a.example", &diary_terms,
				       &noon, 60, 100, &done),
			 STORE_AWAY);
	assert_false(done); /* nobody knows */
}

static void test_forget_by_kind(void **state)
{
	struct store_cursor cursor = { "" };
	struct mock mock;
	struct store *store = mock_init(&mock);
	uint64_t count = 99;
	bool more = false;

	(void)state;
	mock.told = 5;
	assert_int_equal(store_forget(store, NULL, &diary_terms, &noon, true,
				      5000, 100, &cursor, &count, &more),
			 STORE_DONE);
	assert_int_equal(mock.limit, STORE_PAGE_MAX);
	assert_int_equal(count, 5);
	assert_string_equal(mock.dropped, "");
	cursor.at[0] = '\0';
	assert_int_equal(store_forget(store, NULL, &diary_terms, &noon, false,
				      5, 100, &cursor, &count, &more),
			 STORE_DONE);
	assert_int_equal(mock.limit, 5);
	assert_int_equal(count, 5);
	assert_true(more);
	assert_string_equal(mock.dropped, "1:k1 1:k4 2:k0 2:k3 4:k2 ");
	assert_string_equal(cursor.at, "behind");
	/* where it fails in the middle nothing is said to be done */
	mock.told = 7;
	cursor.at[0] = '\0';
	count = 99;
	assert_int_equal(store_forget(store, NULL, &diary_terms, &noon, false,
				      0, 100, &cursor, &count, &more),
			 STORE_AWAY);
	assert_int_equal(mock.limit, STORE_PAGE_MAX);
	assert_int_equal(count, 99);
	assert_string_equal(cursor.at, "");
}

/* Until its own end or as long as the terms say, whichever is later. */
static void test_import_expiry(void **state)
{
	static const struct {
		const char *claim, *value;
		enum store_kind kind;
		int64_t given, expires; /* 0: not taken */
	} rows[] = {
		{ "by the terms", "1 outbound last=1700000000", STORE_OUTBOUND,
		  0, 1700000081 },
		{ "earlier than by the terms", "1 outbound last=1700000000",
		  STORE_OUTBOUND, 1700000001, 1700000081 },
		{ "later than by them", "1 outbound last=1700000000",
		  STORE_OUTBOUND, 1700009000, 1700009000 },
		{ "lapsed by the terms alone", "1 outbound last=1600000000",
		  STORE_OUTBOUND, 1700009000, 1700009000 },
		{ "lapsed by both", "1 outbound last=1600000000",
		  STORE_OUTBOUND, 1700000000, 0 },
		{ "for ever, which it is not", "1 outbound last=1700000000",
		  STORE_OUTBOUND, GREYLIST_FOR_EVER, 1700000081 },
		{ "for ever, which it is",
		  "1 identity passes=0 round=0 block=1700000000 for=0",
		  STORE_IDENTITY, 0, GREYLIST_FOR_EVER },
	};
	struct mock mock;
	struct store *store = mock_init(&mock);

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct store_entry entry = {
			.kind = rows[i].kind,
			.key = rows[i].kind == STORE_IDENTITY ? "spf:a.example"
							      : "joe@a.example",
			.value = rows[i].value,
			.expires = rows[i].given,
		};
		uint64_t taken = 99;
		size_t bad;

		mock.expires = 0;
		assert_int_equal(store_import(store, &entry, 1, &diary_terms,
					      &noon, &taken, &bad),
				 STORE_DONE);
		if (mock.expires != rows[i].expires ||
		    taken != (rows[i].expires != 0))
			fail_msg("%s: %lld", rows[i].claim,
				 (long long)mock.expires);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_visit_arguments),
		cmocka_unit_test(test_filter_arguments),
		cmocka_unit_test(test_other_arguments),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_forget_by_kind),
		cmocka_unit_test(test_import_expiry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
