/*
 * test_changes.c - what an MTA is asked to do with a header, in which order.
 */
#include "filter/message.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "filter/generation.h"
#include "lists/ip.h"

#define AR "Authentication-Results"
#define RS "Received-SPF"

static const char *short_name(const char *name)
{
	if (strcmp(name, AR) == 0)
		return "AR";
	return strcmp(name, RS) == 0 ? "RS" : name;
}

/* What was asked, in a word each: "-AR3" deletes, "+X" inserts at the top. */
struct asked {
	char text[128 * 1024];
	size_t len;
	char results[512]; /* the value of ours */
	const char *macro_j;
	unsigned left; /* so many times there is memory; 0: always */
};

static bool has_memory(struct asked *asked)
{
	return asked->left == 0 || --asked->left > 0;
}

static const char *get_macro(void *context, const char *name)
{
	const struct asked *asked = context;

	return strcmp(name, "j") == 0 ? asked->macro_j : NULL;
}

static bool change_header(void *context, const char *name, int index,
			  const char *value)
{
	struct asked *asked = context;

	assert_null(value);
	if (!has_memory(asked))
		return false;
	asked->len += (size_t)snprintf(asked->text + asked->len,
				       sizeof(asked->text) - asked->len,
				       " -%s%d", short_name(name), index);
	return true;
}

static bool insert_header(void *context, int index, const char *name,
			  const char *value)
{
	struct asked *asked = context;
	bool results = strcmp(name, AR) == 0;

	assert_int_equal(index, 0);
	if (!has_memory(asked))
		return false;
	if (results)
		snprintf(asked->results, sizeof(asked->results), "%s", value);
	asked->len += (size_t)snprintf(asked->text + asked->len,
				       sizeof(asked->text) - asked->len, " +%s",
				       short_name(name));
	return true;
}

/* A session with nothing in it but what changes.c looks at. */
struct world {
	struct asked asked;
	struct mta mta;
	struct generation generation;
	struct session session;
	struct message message;
};

static struct world *world_new(const char *set, const char *macro_j)
{
	static char name[256];
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	snprintf(name, sizeof(name), "%s", set);
	world->generation.settings.authentication.on = true;
	world->generation.settings.authentication.authserv_id = name;
	world->asked.macro_j = macro_j;
	world->mta = (struct mta){ .context = &world->asked,
				   .macro = get_macro,
				   .insert_header = insert_header,
				   .change_header = change_header };
	world->session.mta = &world->mta;
	world->session.generation = &world->generation;
	world->session.message = &world->message;
	arena_init(&world->message.arena, 1 << 20);
	arena_init(&world->message.work, 1 << 20);
	assert_int_equal(facts_init(&world->message.facts,
				    &world->message.arena, 0),
			 0);
	world->message.outcome.symbols = "";
	return world;
}

static void world_free(struct world *world)
{
	changes_forget(&world->session);
	arena_done(&world->message.arena);
	arena_done(&world->message.work);
	free(world);
}

static void note(struct world *world, const char *value)
{
	changes_note(&world->session, AR, value);
}

static bool make(struct world *world, bool exempt, bool enforce)
{
	const struct verdict verdict = { .word = VERDICT_ACCEPT,
					 .exempt = exempt };

	return changes_make(&world->session, &verdict, enforce);
}

static void from_the_last_to_the_first(void **state)
{
	struct world *world = world_new("", "mx.example.org");
	struct session *s = &world->session;

	(void)state;
	changes_note(s, "From", " a@example.net");
	note(world, " mx.example.org; a");
	changes_note(s, "X-STEELYARD", " forged");
	note(world, " other.example; b");
	changes_note(s, "authentication-results", " (c) MX.example.org 1; c");
	changes_note(s, "ARC-Authentication-Results", " mx.example.org; d");
	changes_note(s, "X-Steelyard", " forged");
	note(world, " other.example; e");
	note(world, " mx.example.org; f");
	assert_null(changes_too_many(s));
	assert_true(make(world, false, true));
	assert_string_equal(world->asked.text,
			    " -X-Steelyard2 -X-Steelyard1 -AR5 -AR3 -AR1"
			    " +X-Steelyard +AR");
	assert_string_equal(world->asked.results, "mx.example.org; none");
	world_free(world);
}

/* SPF was asked, and there is no record. */
static void set_spf(struct world *world)
{
	static const char sender[] = "a@example.net", helo[] = "h.example.net";
	static const char ip[] = "192.0.2.10";
	struct facts *facts = &world->message.facts;
	struct ip client;

	facts_text(facts, FACT_SENDER, sender, strlen(sender));
	facts_text(facts, FACT_HELO_NAME, helo, strlen(helo));
	assert_int_equal(ip_parse(ip, strlen(ip), &client), 0);
	facts_ip(facts, FACT_CLIENT_IP, &client);
	facts_none(facts, FACT_SPF);
	facts_none(facts, FACT_SPF_HELO);
}

static void received_spf_where_it_is_set(void **state)
{
	static const char ours[] = " pass receiver=mx.example.org";
	static const struct {
		const char *claim;
		bool set, on, exempt;
		const char *asked;
	} rows[] = {
		{ "not unless it is set: another may write it", false, true,
		  false, " +X-Steelyard +AR" },
		{ "below Authentication-Results", true, true, false,
		  " -RS3 -RS1 +X-Steelyard +RS +RS +AR" },
		{ "exempt: nobody was asked, what is forged goes", true, true,
		  true, " -RS3 -RS1 +X-Steelyard" },
		{ "nor where nobody is asked", true, false, false,
		  " +X-Steelyard" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world *world = world_new("", "mx.example.org");
		struct session *s = &world->session;
		struct authentication_settings *set =
			&world->generation.settings.authentication;

		set->received_spf = rows[i].set;
		set->on = rows[i].on;
		set_spf(world);
		changes_note(s, "received-SPF", ours);
		changes_note(s, RS, " pass receiver=other.example");
		changes_note(s, RS, ours);
		changes_note(s, "X-" RS, ours);
		assert_true(make(world, rows[i].exempt, true));
		if (strcmp(world->asked.text, rows[i].asked) != 0)
			fail_msg("%s:%s", rows[i].claim, world->asked.text);
		world_free(world);
	}
}

static void an_exempt_message_has_none_of_ours(void **state)
{
	struct world *world = world_new("", "mx.example.org");

	(void)state;
	note(world, " mx.example.org; a");
	assert_true(make(world, true, true));
	assert_string_equal(world->asked.text, " -AR1 +X-Steelyard");
	world_free(world);
}

static void unchecked_is_said_to_be(void **state)
{
	struct world *world = world_new("", "mx.example.org");

	(void)state;
	note(world, " other.example; a");
	note(world, " mx.example.org; b");
	world->session.message = NULL; /* there was no memory for one */
	changes_make_unchecked(&world->session);
	assert_string_equal(world->asked.text, " -AR2 +X-Steelyard +AR");
	assert_string_equal(world->asked.results, "mx.example.org; none");
	world_free(world);
}

static void there_is_a_limit(void **state)
{
	struct world *world = world_new("", "mx.example.org");
	struct session *s = &world->session;

	(void)state;
	note(world, " other.example; a");
	for (unsigned i = 0; i < FORGED_TAKEN_MAX; i++)
		note(world, " mx.example.org; b");
	assert_null(changes_too_many(s));
	note(world, " mx.example.org; b");
	assert_non_null(changes_too_many(s));
	/* where it passes all the same, many more go */
	for (unsigned i = FORGED_TAKEN_MAX + 1; i < FORGED_MAX + 1; i++)
		note(world, " mx.example.org; b");
	assert_true(make(world, false, false));
	/* those on top; the last of them has 4,000 before it */
	assert_memory_equal(world->asked.text, " -AR4001 -AR4000 ", 17);
	assert_non_null(strstr(world->asked.text, " -AR3 -AR2 +X-Steelyard"));
	assert_null(strstr(world->asked.text, " -AR1 "));
	changes_forget(s);
	assert_null(changes_too_many(s));
	world_free(world);
}

/* The same holds of marks. */
static void there_is_a_limit_to_marks(void **state)
{
	struct world *world = world_new("", "mx.example.org");
	struct session *s = &world->session;

	(void)state;
	for (unsigned i = 0; i < OWN_HEADERS_MAX; i++)
		changes_note(s, "X-Steelyard", " forged");
	assert_null(changes_too_many(s));
	changes_note(s, "X-Steelyard", " forged");
	assert_non_null(changes_too_many(s));
	assert_true(make(world, false, false));
	assert_memory_equal(world->asked.text, " -X-Steelyard201 ", 17);
	assert_non_null(strstr(world->asked.text, " -X-Steelyard1 +"));
	changes_forget(s);

	world->asked.len = 0;
	for (unsigned i = 0; i < FORGED_MAX + 1; i++)
		changes_note(s, "X-Steelyard", " forged");
	assert_true(make(world, false, false));
	assert_memory_equal(world->asked.text, " -X-Steelyard4000 ", 18);
	world_free(world);
}

static void a_list_that_was_lost_is_a_fault(void **state)
{
	struct world *world = world_new("", "mx.example.org");

	(void)state;
	note(world, " mx.example.org; a");
	world->session.forged_results.lost = true;
	assert_false(make(world, false, true));
	assert_string_equal(world->asked.text, "");
	assert_true(make(world, false, false));
	world_free(world);
}

/* What was done stays done; nothing is deleted twice, nothing stays twice. */
static void memory_that_fails(void **state)
{
	static const struct {
		unsigned fails; /* the n-th change */
		const char *changes; /* then of a message that passes */
	} rows[] = {
		{ 1, " -X-Steelyard1 -AR2 +X-Steelyard +AR" },
		{ 2, " -X-Steelyard1 -AR2 +X-Steelyard +AR" },
		{ 3, " -X-Steelyard1 -AR2 +X-Steelyard +AR" },
		{ 4, " -X-Steelyard1 -AR2 +X-Steelyard"
		     " -X-Steelyard1 +X-Steelyard +AR" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct world *world = world_new("", "mx.example.org");

		changes_note(&world->session, "x-steelyard", " forged");
		note(world, " other.example; a");
		note(world, " mx.example.org; b");
		world->asked.left = rows[i].fails;
		assert_false(make(world, false, true));
		changes_make_unchecked(&world->session);
		assert_string_equal(world->asked.text, rows[i].changes);
		world_free(world);
	}
}

/* Whose name is ours: what is set, what the MTA said, and when. */
static void our_name(void **state)
{
	static char greeted[] = "greeted.example";
	struct world *world = world_new("Set.Example", "mx.example.org");

	(void)state;
	note(world, " set.example; a");
	note(world, " mx.example.org; b");
	assert_true(make(world, false, true));
	assert_string_equal(world->asked.text, " -AR1 +X-Steelyard +AR");
	assert_string_equal(world->asked.results, "set.example; none");
	world_free(world);

	world = world_new("", "later.example");
	world->session.said[SAID_OUR_NAME].text = greeted;
	assert_true(make(world, false, true));
	assert_string_equal(world->asked.results, "greeted.example; none");
	world_free(world);

	world = world_new("", "[192.0.2.1]"); /* no name: the machine's */
	assert_true(make(world, false, true));
	assert_non_null(strstr(world->asked.results, "; none"));
	assert_null(strstr(world->asked.results, "192"));
	world_free(world);
}

static void it_stays_throughout_a_message(void **state)
{
	struct world *world = world_new("", "a.example");

	(void)state;
	note(world, " a.example; a");
	world->asked.macro_j = "b.example";
	note(world, " b.example; b");
	assert_true(make(world, false, true));
	assert_string_equal(world->asked.text, " -AR1 +X-Steelyard +AR");
	assert_string_equal(world->asked.results, "a.example; none");
	world_free(world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(from_the_last_to_the_first),
		cmocka_unit_test(received_spf_where_it_is_set),
		cmocka_unit_test(an_exempt_message_has_none_of_ours),
		cmocka_unit_test(unchecked_is_said_to_be),
		cmocka_unit_test(there_is_a_limit),
		cmocka_unit_test(there_is_a_limit_to_marks),
		cmocka_unit_test(a_list_that_was_lost_is_a_fault),
		cmocka_unit_test(memory_that_fails),
		cmocka_unit_test(our_name),
		cmocka_unit_test(it_stays_throughout_a_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
