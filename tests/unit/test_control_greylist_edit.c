/*
 * test_control_greylist_edit.c - what greylisting remembers, changed by
 * requests; and what is told when it cannot be.
 */
#include "tests/unit/grey_asked.h"

/* --- changing ------------------------------------------------------------ */

static const char *state_of(const char *identity)
{
	static char found[32];
	char members[300];
	json_t *lines;

	snprintf(members, sizeof(members),
		 "\"action\":\"show\",\"identity\":\"%s\"", identity);
	lines = ask(members);
	snprintf(found, sizeof(found), "%s",
		 text(json_array_get(json_object_get(last_of(lines), "records"),
				     0),
		      "state"));
	json_decref(lines);
	return found;
}

static void test_marks(void **state)
{
	json_t *lines;

	(void)state;
	lines = ask("\"action\":\"allow\",\"identity\":\"" NET "\"");
	assert_string_equal(code_of(lines), "ok");
	assert_string_equal(did, "greylist-allow");
	assert_string_equal(text(last_of(lines), "was"), "");
	assert_string_equal(state_of(NET), "allowed");
	json_decref(lines);
	lines = ask("\"action\":\"block\",\"identity\":\"" NET
		    "\",\"for\":3600");
	assert_string_equal(did, "greylist-block");
	assert_string_equal(text(last_of(lines), "was"), "allow");
	assert_string_equal(state_of(NET), "blocked");
	json_decref(lines);
	lines = ask("\"action\":\"unmark\",\"identity\":\"" NET "\"");
	assert_string_equal(text(last_of(lines), "was"), "block");
	json_decref(lines);
	lines = ask("\"action\":\"show\",\"key\":\"" KEY "\"");
	assert_string_equal(text(json_object_get(last_of(lines), "next"),
				 "why"),
			    "early");
	json_decref(lines);
}

static void test_forget(void **state)
{
	json_t *lines;

	(void)state;
	lines = ask("\"action\":\"forget\",\"identity\":\"spf:example.org\","
		    "\"dry_run\":true");
	assert_int_equal(number(last_of(lines), "count"), 2);
	assert_null(did); /* nothing was changed */
	json_decref(lines);
	lines = ask("\"action\":\"forget\",\"identity\":\"spf:example.org\"");
	assert_int_equal(number(last_of(lines), "count"), 2);
	assert_string_equal(did, "greylist-forget");
	json_decref(lines);
	lines = ask("\"action\":\"list\",\"identity\":\"spf:*\"");
	assert_string_equal(keys_of(lines), "");
	json_decref(lines);
}

/* All that is there, as an import that goes on or not. */
static json_t *import_of(json_t *listed, bool goes_on)
{
	json_t *entries = json_array(), *line, *entry;
	json_t *request;
	char *request_text;
	json_t *lines;
	size_t i, j;

	json_array_foreach(listed, i, line)
	{
		json_array_foreach(json_object_get(line, "entries"), j, entry)
			json_array_append(entries, entry);
	}
	request =
		json_pack("{s:s, s:s, s:b, s:o}", "verb", "greylist", "action",
			  "import", "goes_on", goes_on, "entries", entries);
	request_text = json_dumps(request, 0);
	lines = ask_as(&grey_filter, true, request_text);
	free(request_text);
	json_decref(request);
	return lines;
}

static void test_what_was_listed_can_be_brought_in(void **state)
{
	json_t *listed = ask("\"action\":\"list\",\"raw\":true"), *lines;

	(void)state;
	store_close(store);
	store = store_memory_open();
	lines = import_of(listed, false);
	assert_string_equal(code_of(lines), "ok");
	assert_int_equal(number(last_of(lines), "given"), 5);
	assert_int_equal(number(last_of(lines), "taken"), 5);
	assert_string_equal(did, "greylist-import");
	json_decref(lines);
	lines = import_of(listed, true);
	assert_int_equal(number(last_of(lines), "taken"), 0);
	assert_null(did); /* the first of them was logged */
	json_decref(lines);
	lines = ask("\"action\":\"list\",\"raw\":true");
	assert_int_equal(json_equal(lines, listed), 1);
	json_decref(lines);
	json_decref(listed);
}

static const struct {
	const char *claim, *entry;
} bad[] = {
	{ "a kind that is none",
	  "{\"kind\":\"x\",\"key\":\"a@b.c\",\"value\":\"1 outbound last=5\","
	  "\"expires\":null}" },
	{ "a key of another kind",
	  "{\"kind\":\"identity\",\"key\":\"a@b.c\",\"value\":"
	  "\"1 identity passes=0 round=0 allow=5 for=0\",\"expires\":null}" },
	{ "a value of another kind",
	  "{\"kind\":\"outbound\",\"key\":\"a@b.c\",\"value\":"
	  "\"1 identity passes=0 round=0 allow=5 for=0\",\"expires\":null}" },
	{ "no value", "{\"kind\":\"outbound\",\"key\":\"a@b.c\","
		      "\"expires\":null}" },
	{ "no expiry", "{\"kind\":\"outbound\",\"key\":\"a@b.c\",\"value\":"
		       "\"1 outbound last=5\"}" },
	{ "an expiry that is a text",
	  "{\"kind\":\"outbound\",\"key\":\"a@b.c\",\"value\":"
	  "\"1 outbound last=5\",\"expires\":\"5\"}" },
	{ "an expiry before all time",
	  "{\"kind\":\"outbound\",\"key\":\"a@b.c\",\"value\":"
	  "\"1 outbound last=5\",\"expires\":-5}" },
};

static void test_one_bad_entry_and_none_is_taken(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char members[800];
		json_t *lines;

		snprintf(members, sizeof(members),
			 "\"action\":\"import\",\"entries\":[{\"kind\":"
			 "\"identity\",\"key\":\"spf:new.test\",\"value\":"
			 "\"1 identity passes=0 round=0 allow=5 for=0\","
			 "\"expires\":null},%s]",
			 bad[i].entry);
		lines = ask(members);
		if (strcmp(code_of(lines), "wrong") != 0 ||
		    number(last_of(lines), "bad") != 1)
			fail_msg("%s: %s", bad[i].claim, code_of(lines));
		json_decref(lines);
		assert_string_equal(state_of("spf:new.test"), "");
	}
}

/* --- trouble ------------------------------------------------------------- */

static const struct {
	enum store_end end;
	const char *code;
} ends[] = {
	{ STORE_LATE, "failed" },    { STORE_FULL, "failed" },
	{ STORE_AWAY, "failed" },    { STORE_BROKEN, "failed" },
	{ STORE_NEWER, "failed" },   { STORE_INVALID, "wrong" },
	{ STORE_STOPPED, "failed" },
};

static void test_trouble_is_told(void **state)
{
	static const char *const actions[] = {
		"\"action\":\"list\"",
		"\"action\":\"count\"",
		"\"action\":\"forget\"",
		"\"action\":\"show\",\"key\":\"" KEY "\"",
		"\"action\":\"allow\",\"identity\":\"" NET "\"",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		store_memory_fail(store, ends[i].end);
		for (size_t a = 0; a < sizeof(actions) / sizeof(actions[0]);
		     a++) {
			json_t *lines = ask(actions[a]);

			assert_string_equal(code_of(lines), ends[i].code);
			assert_string_equal(text(last_of(lines), "end"),
					    store_end_name(ends[i].end));
			assert_true(strlen(text(last_of(lines), "error")) > 5);
			json_decref(lines);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLAIM(test_marks),
		CLAIM(test_forget),
		CLAIM(test_what_was_listed_can_be_brought_in),
		CLAIM(test_one_bad_entry_and_none_is_taken),
		CLAIM(test_trouble_is_told),
	};

	return cmocka_run_group_tests(tests, load_all, unload_all);
}
