/* telling_bench.c - facts of which fields tell, for tests of those fields. */
#include "tests/unit/telling_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
/* cmocka wants the four standard ones before it */
#include <cmocka.h>

#include "lists/ip.h"

void telling_open(struct telling *telling, size_t room)
{
	assert_true(authres_id_init(&telling->id, TELLING_NAME));
	arena_init(&telling->arena, room);
	assert_int_equal(facts_init(&telling->facts, &telling->arena, 0), 0);
}

void telling_close(struct telling *telling)
{
	arena_done(&telling->arena);
}

/* True if there is a value to be set. */
static bool set_state(struct facts *facts, enum fact_id id, const char *word)
{
	if (word == NULL)
		return false;
	if (strcmp(word, "-") == 0)
		facts_none(facts, id);
	else if (strcmp(word, "?") == 0)
		facts_unknown(facts, id, CAUSE_TIMEOUT);
	else if (strcmp(word, ".") == 0)
		facts_waive(facts, id);
	else
		return true;
	return false;
}

void telling_set_word(struct facts *facts, enum fact_id id, const char *word)
{
	const char *const *words = fact_row(id)->words;
	unsigned i = 0;

	if (!set_state(facts, id, word))
		return;
	while (words[i] != NULL && strcmp(words[i], word) != 0)
		i++;
	assert_non_null(words[i]);
	facts_word(facts, id, i);
}

void telling_set_text(struct facts *facts, enum fact_id id, const char *text)
{
	if (set_state(facts, id, text))
		facts_text(facts, id, text, strlen(text));
}

void telling_set_pair(struct facts *facts, enum fact_id id, const char *first,
		      const char *second)
{
	struct text *items = arena_array(facts->arena, 2, sizeof(*items));

	if (!set_state(facts, id, first))
		return;
	assert_non_null(items);
	items[0] = (struct text){ first, strlen(first) };
	if (second != NULL)
		items[1] = (struct text){ second, strlen(second) };
	facts_set(facts, id, items, second != NULL ? 2 : 1);
}

void telling_set_client(struct facts *facts, const char *address)
{
	struct ip ip;

	if (address == NULL)
		return;
	assert_int_equal(ip_parse(address, strlen(address), &ip), 0);
	facts_ip(facts, FACT_CLIENT_IP, &ip);
}

bool telling_is(const char *claim, const char *got, const char *want)
{
	bool is = got != NULL && want != NULL ? strcmp(got, want) == 0
					      : got == want;

	if (!is)
		print_error("%s:\n%s\n", claim, got != NULL ? got : "nothing");
	return is;
}

size_t telling_longest_line(const char *name, const char *value)
{
	size_t longest = 0, before = strlen(name) + strlen(": ");

	while (*value != '\0') {
		size_t len = strcspn(value, "\n");

		if (before + len > longest)
			longest = before + len;
		before = 0;
		value += len + (value[len] == '\n');
	}
	return longest;
}
