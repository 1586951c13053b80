/* test_spf_memory.c - what SPF said a moment ago. */
#include "filter/spf_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "filter/inspect/spf.h"
#include "rules/arena.h"
#include "rules/facts.h"

enum { NOW = 1000000, SOON = NOW + 60000 };

struct scene {
	struct spf_memory *memory;
	struct arena arena;
	struct facts facts;
};

static struct spf_request request(const char *client, const char *helo,
				  const char *sender)
{
	struct spf_request made = { .helo = helo, .sender = sender };

	ip_parse(client, strlen(client), &made.client);
	return made;
}

static void open_scene(struct scene *s)
{
	s->memory = spf_memory_new();
	assert_non_null(s->memory);
	arena_init(&s->arena, 1 << 20);
	assert_int_equal(facts_init(&s->facts, &s->arena, 0), 0);
}

static void close_scene(struct scene *s)
{
	spf_memory_free(s->memory);
	arena_done(&s->arena);
}

/* It is `spf`, and all else of it has a value or none. */
static void say(struct scene *s, enum spf_result spf, const char *domain)
{
	struct fact *fixed = s->facts.fixed;

	for (enum fact_id id = FACT_SPF; id <= FACT_SPF_ERROR; id++)
		fixed[id] = (struct fact){ .state = FACT_NONE };
	fixed[FACT_SPF].state = FACT_KNOWN;
	fixed[FACT_SPF].word = spf;
	fixed[FACT_SPF_DOMAIN].state = FACT_KNOWN;
	fixed[FACT_SPF_DOMAIN].text =
		(struct text){ .at = domain, .len = strlen(domain) };
	fixed[FACT_SPF_LOOKUPS].state = FACT_KNOWN;
	fixed[FACT_SPF_LOOKUPS].number = 3;
}

static bool recalls(struct scene *s, const struct spf_request *who,
		    uint64_t now_ms)
{
	struct facts facts;
	bool known;

	assert_int_equal(facts_init(&facts, &s->arena, 0), 0);
	known = spf_memory_recall(s->memory, who, now_ms, &facts);
	assert_int_equal(known,
			 spf_memory_recall(s->memory, who, now_ms, NULL));
	if (!known) {
		assert_int_equal(facts.fixed[FACT_SPF].state, FACT_PENDING);
		return false;
	}
	assert_int_equal(facts.fixed[FACT_SPF].word, SPF_RESULT_PASS);
	assert_int_equal(facts.fixed[FACT_SPF_HELO].state, FACT_NONE);
	assert_string_equal(facts.fixed[FACT_SPF_DOMAIN].text.at, "a.test");
	assert_int_equal(facts.fixed[FACT_SPF_LOOKUPS].number, 3);
	return true;
}

static const struct {
	const char *claim, *client, *helo, *sender;
	bool known;
} rows[] = {
	{ "the same again", "192.0.2.1", "mx.test", "joe@a.test", true },
	{ "another of the domain", "192.0.2.1", "mx.test", "+x@a.test", true },
	{ "another domain", "192.0.2.1", "mx.test", "joe@b.test", false },
	{ "a domain below", "192.0.2.1", "mx.test", "joe@x.a.test", false },
	{ "no domain", "192.0.2.1", "mx.test", "a.test", false },
	{ "no sender", "192.0.2.1", "mx.test", "", false },
	{ "another client", "192.0.2.2", "mx.test", "joe@a.test", false },
	{ "the client in IPv6", "2001:db8::1", "mx.test", "joe@a.test", false },
	{ "another HELO", "192.0.2.1", "mx2.test", "joe@a.test", false },
	{ "no HELO", "192.0.2.1", NULL, "joe@a.test", false },
	{ "an empty HELO", "192.0.2.1", "", "joe@a.test", false },
};

static void it_is_about_client_helo_and_domain(void **state)
{
	const struct spf_request joe =
		request("192.0.2.1", "mx.test", "joe@a.test");
	struct scene s;

	(void)state;
	open_scene(&s);
	assert_false(recalls(&s, &joe, NOW));
	say(&s, SPF_RESULT_PASS, "a.test");
	spf_memory_keep(s.memory, &joe, NOW, SOON, &s.facts);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct spf_request who =
			request(rows[i].client, rows[i].helo, rows[i].sender);

		if (recalls(&s, &who, NOW) != rows[i].known)
			fail_msg("%s", rows[i].claim);
	}
	close_scene(&s);
}

static void it_ends_when_dns_may_say_something_else(void **state)
{
	const struct spf_request joe =
		request("192.0.2.1", "mx.test", "joe@a.test");
	struct scene s;

	(void)state;
	open_scene(&s);
	say(&s, SPF_RESULT_PASS, "a.test");
	spf_memory_keep(s.memory, &joe, NOW, NOW, &s.facts);
	assert_false(recalls(&s, &joe, NOW - 1));
	spf_memory_keep(s.memory, &joe, NOW, SOON, &s.facts);
	assert_true(recalls(&s, &joe, SOON - 1));
	assert_false(recalls(&s, &joe, SOON));
	spf_memory_keep(s.memory, &joe, NOW, UINT64_MAX, &s.facts);
	assert_true(recalls(&s, &joe, NOW + SPF_MEMORY_MS - 1));
	assert_false(recalls(&s, &joe, NOW + SPF_MEMORY_MS));
	spf_memory_flush(s.memory);
	assert_false(recalls(&s, &joe, NOW));
	close_scene(&s);
}

static void what_failed_is_tried_again(void **state)
{
	const struct spf_request joe =
		request("192.0.2.1", "mx.test", "joe@a.test");
	struct scene s;

	(void)state;
	open_scene(&s);
	say(&s, SPF_RESULT_TEMPERROR, "a.test");
	spf_memory_keep(s.memory, &joe, NOW, SOON, &s.facts);
	say(&s, SPF_RESULT_PASS, "a.test");
	s.facts.fixed[FACT_SPF_HELO].state = FACT_KNOWN;
	s.facts.fixed[FACT_SPF_HELO].word = SPF_RESULT_TEMPERROR;
	spf_memory_keep(s.memory, &joe, NOW, SOON, &s.facts);
	say(&s, SPF_RESULT_PASS, "a.test");
	s.facts.fixed[FACT_SPF_OPEN].state = FACT_UNKNOWN;
	spf_memory_keep(s.memory, &joe, NOW, SOON, &s.facts);
	s.facts.fixed[FACT_SPF_OPEN].state = FACT_PENDING;
	spf_memory_keep(s.memory, &joe, NOW, SOON, &s.facts);
	assert_false(recalls(&s, &joe, NOW));
	close_scene(&s);
}

static void what_is_long_is_not_kept(void **state)
{
	static char text[1000];
	struct spf_request joe = request("192.0.2.1", "mx.test", "joe@a.test");
	struct scene s;

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	open_scene(&s);
	say(&s, SPF_RESULT_PASS, text);
	spf_memory_keep(s.memory, &joe, NOW, SOON, &s.facts);
	assert_false(recalls(&s, &joe, NOW));
	say(&s, SPF_RESULT_PASS, "a.test");
	joe.helo = text;
	spf_memory_keep(s.memory, &joe, NOW, SOON, &s.facts);
	assert_false(recalls(&s, &joe, NOW));
	joe.helo = "mx.test";
	joe.sender = text;
	spf_memory_keep(s.memory, &joe, NOW, SOON, &s.facts);
	assert_false(recalls(&s, &joe, NOW));
	close_scene(&s);
}

static void there_are_more_senders_than_places(void **state)
{
	struct scene s;
	size_t kept = 0;
	char sender[32];

	(void)state;
	open_scene(&s);
	say(&s, SPF_RESULT_PASS, "a.test");
	for (int i = 0; i < 5000; i++) {
		snprintf(sender, sizeof(sender), "joe@n%d.test", i);
		spf_memory_keep(s.memory,
				&(struct spf_request){ .sender = sender }, NOW,
				SOON, &s.facts);
	}
	for (int i = 0; i < 5000; i++) {
		snprintf(sender, sizeof(sender), "joe@n%d.test", i);
		kept += spf_memory_recall(s.memory,
					  &(struct spf_request){
						  .sender = sender },
					  NOW, NULL);
	}
	assert_in_range(kept, 1000, 2048);
	close_scene(&s);
}

static void without_memory_nothing_is_known(void **state)
{
	const struct spf_request joe =
		request("192.0.2.1", "mx.test", "joe@a.test");

	(void)state;
	spf_memory_keep(NULL, &joe, NOW, SOON, NULL);
	assert_false(spf_memory_recall(NULL, &joe, NOW, NULL));
	spf_memory_flush(NULL);
	spf_memory_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_about_client_helo_and_domain),
		cmocka_unit_test(it_ends_when_dns_may_say_something_else),
		cmocka_unit_test(what_failed_is_tried_again),
		cmocka_unit_test(what_is_long_is_not_kept),
		cmocka_unit_test(there_are_more_senders_than_places),
		cmocka_unit_test(without_memory_nothing_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
