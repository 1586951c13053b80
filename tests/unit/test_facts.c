/*
 * test_facts.c - the table is whole, and facts keep what they are told.
 */
#include "rules/facts.h"

#include <stdarg.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "rules/arena.h"

static bool good_name(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.");

	return len > 0 && name[len] == '\0' && len <= 64;
}

static void test_table(void **state)
{
	(void)state;
	for (int id = 0; id < FACT_ID_COUNT; id++) {
		const struct fact_row *row = fact_row((enum fact_id)id);

		if (row->name == NULL || !good_name(row->name))
			fail_msg("fact %d has no proper name", id);
		if (row->meaning == NULL || strlen(row->meaning) < 10 ||
		    strlen(row->meaning) > 72 || strchr(row->meaning, '\n'))
			fail_msg("%s: meaning is not one line", row->name);
		if ((row->type == FACT_TYPE_ENUM) != (row->words != NULL))
			fail_msg("%s: words belong to an enum", row->name);
		if ((row->type == FACT_TYPE_IP) != (row->kind == FACT_KIND_IP))
			fail_msg("%s: only an ip is compared as one",
				 row->name);
		if (row->per_rcpt && row->phase != PHASE_RCPT)
			fail_msg("%s: one recipient is known at RCPT",
				 row->name);
		for (int other = 0; other < id; other++)
			if (strcmp(fact_row((enum fact_id)other)->name,
				   row->name) == 0)
				fail_msg("%s stands twice", row->name);
		if (id != FACT_DNSBL)
			assert_int_equal(fact_find(row->name,
						   strlen(row->name)),
					 id);
	}
}

static void test_names(void **state)
{
	static const struct {
		const char *claim, *name;
		bool known;
	} rows[] = {
		{ "a fact", "client.ip", true },
		{ "its beginning is none", "client", false },
		{ "a longer name is none", "client.ipx", false },
		{ "case counts", "Client.IP", false },
		{ "nothing", "", false },
		{ "header takes an argument", "header", true },
		{ "so does header.raw", "header.raw", true },
		{ "DNS lists have symbols", "dnsbl", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if ((fact_find(rows[i].name, strlen(rows[i].name)) >= 0) !=
		    rows[i].known)
			fail_msg("%s", rows[i].claim);
}

static void test_values(void **state)
{
	const struct text one = { "a", 1 };
	struct facts facts;
	struct arena arena;

	(void)state;
	arena_init(&arena, 1 << 16);
	assert_int_equal(facts_init(&facts, &arena, 2), 0);
	for (int id = 0; id < FACT_FIXED; id++)
		assert_int_equal(facts.fixed[id].state, FACT_PENDING);

	facts_text(&facts, FACT_HELO_NAME, "x", 1);
	facts_text(&facts, FACT_HELO_NAME, "yy", 2);
	assert_int_equal(facts.fixed[FACT_HELO_NAME].text.len, 2);
	facts_set(&facts, FACT_FROM_DOMAIN, NULL, 0);
	assert_int_equal(facts.fixed[FACT_FROM_DOMAIN].state, FACT_NONE);
	facts_slot_set(&facts, 1, &one, 1);
	facts_unknown(&facts, FACT_SPF, CAUSE_TIMEOUT);

	facts_close(&facts, PHASE_MAIL);
	assert_int_equal(facts.fixed[FACT_CLIENT_IP].state, FACT_NOT_ASKED);
	assert_int_equal(facts.fixed[FACT_HELO_NAME].state, FACT_KNOWN);
	assert_int_equal(facts.fixed[FACT_SPF].state, FACT_UNKNOWN);
	assert_int_equal(facts.fixed[FACT_RCPT_COUNT].state, FACT_PENDING);

	facts_lost(&facts, FACT_FROM_DOMAIN, FACT_BODY_URLS, CAUSE_CRASHED);
	assert_int_equal(facts.fixed[FACT_FROM_DOMAIN].state, FACT_NONE);
	assert_int_equal(facts.fixed[FACT_SUBJECT].state, FACT_UNKNOWN);
	assert_int_equal(facts.fixed[FACT_SUBJECT].cause, CAUSE_CRASHED);
	assert_int_equal(facts.fixed[FACT_BODY_URLS].state, FACT_PENDING);

	assert_ptr_equal(facts_get(&facts, (struct fact_ref){ .id = FACT_HEADER,
							      .slot = 1 }),
			 &facts.slots[1]);
	assert_ptr_equal(facts_get(&facts, (struct fact_ref){ .id = FACT_SPF }),
			 &facts.fixed[FACT_SPF]);
	arena_done(&arena);
}

static void test_unsure(void **state)
{
	static const struct {
		const char *claim;
		enum fact_id id;
		struct fact fact;
		bool unsure;
	} rows[] = {
		{ "a failed look-up",
		  FACT_SUBJECT,
		  { .state = FACT_UNKNOWN },
		  true },
		{ "what is absent is certain",
		  FACT_SPF,
		  { .state = FACT_NONE },
		  false },
		{ "nobody asked",
		  FACT_SPF,
		  { .state = FACT_NOT_ASKED },
		  false },
		{ "temperror of SPF",
		  FACT_SPF,
		  { .state = FACT_KNOWN, .word = 5 },
		  true },
		{ "permerror is certain",
		  FACT_SPF,
		  { .state = FACT_KNOWN, .word = 4 },
		  false },
		{ "temperror of DMARC",
		  FACT_DMARC,
		  { .state = FACT_KNOWN, .word = 3 },
		  true },
		{ "a policy has no such word",
		  FACT_DMARC_POLICY,
		  { .state = FACT_KNOWN, .word = 1 },
		  false },
		{ "a number is no word",
		  FACT_SPF_LOOKUPS,
		  { .state = FACT_KNOWN, .number = 5 },
		  false },
		{ "a set with more to it",
		  FACT_CLIENT_PTR,
		  { .state = FACT_KNOWN, .partial = true },
		  true },
		{ "a whole set",
		  FACT_CLIENT_PTR,
		  { .state = FACT_KNOWN },
		  false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (fact_is_unsure(fact_row(rows[i].id), &rows[i].fact) !=
		    rows[i].unsure)
			fail_msg("%s", rows[i].claim);
}

static void test_partial(void **state)
{
	const struct text two[] = { { "a", 1 }, { "b", 1 } };
	struct facts facts;
	struct arena arena;
	const struct fact *fact;

	(void)state;
	arena_init(&arena, 1 << 16);
	assert_int_equal(facts_init(&facts, &arena, 3), 0);

	facts_set_partial(&facts, FACT_CLIENT_PTR, two, 2, CAUSE_TIMEOUT);
	fact = &facts.fixed[FACT_CLIENT_PTR];
	assert_int_equal(fact->state, FACT_KNOWN);
	assert_true(fact->partial);
	assert_int_equal(fact->cause, CAUSE_TIMEOUT);
	assert_int_equal(fact->set.count, 2);
	/* Of nothing it is not known that there is more. */
	facts_set_partial(&facts, FACT_CLIENT_NAME, two, 0, CAUSE_FAILED);
	fact = &facts.fixed[FACT_CLIENT_NAME];
	assert_int_equal(fact->state, FACT_UNKNOWN);
	assert_int_equal(fact->cause, CAUSE_FAILED);
	/* Once all is known it is partial no more. */
	facts_set(&facts, FACT_CLIENT_PTR, two, 2);
	assert_false(facts.fixed[FACT_CLIENT_PTR].partial);

	facts_slot_set_partial(&facts, 0, two, 1, CAUSE_BUSY);
	assert_true(facts.slots[0].partial);
	assert_int_equal(facts.slots[0].cause, CAUSE_BUSY);
	facts_slot_set_partial(&facts, 1, two, 0, CAUSE_BUSY);
	assert_int_equal(facts.slots[1].state, FACT_UNKNOWN);
	facts_slot_not_asked(&facts, 2);
	assert_int_equal(facts.slots[2].state, FACT_NOT_ASKED);
	arena_done(&arena);
}

static void test_no_room(void **state)
{
	struct facts facts;
	struct arena arena;

	(void)state;
	arena_init(&arena, 0);
	assert_int_equal(facts_init(&facts, &arena, 0), 0);
	assert_int_equal(facts_init(&facts, &arena, 1), -1);
	arena_done(&arena);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),	cmocka_unit_test(test_names),
		cmocka_unit_test(test_values),	cmocka_unit_test(test_unsure),
		cmocka_unit_test(test_partial), cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
