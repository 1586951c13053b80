/*
 * test_control_greylist.c - what greylisting remembers, asked for by requests.
 */
#include "tests/unit/grey_asked.h"

/* --- requests, and the codes of their answers ---------------------------- */

static const struct {
	const char *claim;
	const struct control_context *context;
	bool may_write;
	const char *members;
	const char *code;
} requests[] = {
	{ "who may ask may list", &grey_filter, false, "\"action\":\"list\"",
	  "ok" },
	{ "and count", &grey_filter, false, "\"action\":\"count\"", "ok" },
	{ "and see how it does", &grey_filter, false, "\"action\":\"stats\"",
	  "ok" },
	{ "and see one", &grey_filter, false,
	  "\"action\":\"show\",\"identity\":\"" NET "\"", "ok" },
	{ "allowing is for writers", &grey_filter, false,
	  "\"action\":\"allow\",\"identity\":\"" NET "\"", "denied" },
	{ "so is blocking", &grey_filter, false,
	  "\"action\":\"block\",\"identity\":\"" NET "\"", "denied" },
	{ "and unmarking", &grey_filter, false,
	  "\"action\":\"unmark\",\"identity\":\"" NET "\"", "denied" },
	{ "and forgetting, be it only counted", &grey_filter, false,
	  "\"action\":\"forget\",\"dry_run\":true", "denied" },
	{ "and bringing in", &grey_filter, false,
	  "\"action\":\"import\",\"entries\":[{}]", "denied" },
	{ "there must be an action", &grey_filter, true, "\"x\":1", "wrong" },
	{ "that is known", &grey_filter, true, "\"action\":\"sing\"", "wrong" },
	{ "and a text", &grey_filter, true, "\"action\":[]", "wrong" },
	{ "a filter that is misspelled forgets nothing", &grey_filter, true,
	  "\"action\":\"forget\",\"identiy\":\"" NET "\"", "wrong" },
	{ "nor one of another action", &grey_filter, true,
	  "\"action\":\"stats\",\"identity\":\"" NET "\"", "wrong" },
	{ "an address is no identity", &grey_filter, true,
	  "\"action\":\"allow\",\"identity\":\"192.0.2.7\"", "wrong" },
	{ "an identity must be there", &grey_filter, true,
	  "\"action\":\"allow\"", "wrong" },
	{ "a time is a number", &grey_filter, true,
	  "\"action\":\"allow\",\"identity\":\"" NET "\",\"for\":\"1d\"",
	  "wrong" },
	{ "and not below nothing", &grey_filter, true,
	  "\"action\":\"allow\",\"identity\":\"" NET "\",\"for\":-1", "wrong" },
	{ "a page has at least one", &grey_filter, true,
	  "\"action\":\"list\",\"limit\":0", "wrong" },
	{ "and at most a thousand", &grey_filter, true,
	  "\"action\":\"list\",\"limit\":1001", "wrong" },
	{ "a state is one of two", &grey_filter, true,
	  "\"action\":\"list\",\"state\":\"absent\"", "wrong" },
	{ "so is a mark", &grey_filter, true,
	  "\"action\":\"list\",\"mark\":\"none\"", "wrong" },
	{ "a kind is one of three", &grey_filter, true,
	  "\"action\":\"list\",\"kinds\":[\"all\"]", "wrong" },
	{ "and a text", &grey_filter, true, "\"action\":\"list\",\"kinds\":[1]",
	  "wrong" },
	{ "kinds are an array", &grey_filter, true,
	  "\"action\":\"list\",\"kinds\":\"triplet\"", "wrong" },
	{ "all three are fine", &grey_filter, true,
	  "\"action\":\"list\",\"kinds\":[\"triplet\",\"identity\","
	  "\"outbound\"]",
	  "ok" },
	{ "a pattern is not empty", &grey_filter, true,
	  "\"action\":\"list\",\"sender\":\"\"", "wrong" },
	{ "nor is a set of it left open", &grey_filter, true,
	  "\"action\":\"list\",\"sender\":\"[a-z\"", "wrong" },
	{ "a bracket in a set does not close it twice", &grey_filter, true,
	  "\"action\":\"list\",\"sender\":\"[]]\"", "ok" },
	{ "nor one that is escaped", &grey_filter, true,
	  "\"action\":\"list\",\"sender\":\"[\\\\]\"", "wrong" },
	{ "nor that of a class", &grey_filter, true,
	  "\"action\":\"list\",\"sender\":\"[[:digit:]\"", "wrong" },
	{ "which may be in one", &grey_filter, true,
	  "\"action\":\"list\",\"sender\":\"[![:digit:]]\"", "ok" },
	{ "an escaped bracket opens none", &grey_filter, true,
	  "\"action\":\"list\",\"sender\":\"\\\\[a\"", "ok" },
	{ "a backslash has something behind it", &grey_filter, true,
	  "\"action\":\"list\",\"sender\":\"a\\\\\"", "wrong" },
	{ "nor does it have blanks", &grey_filter, true,
	  "\"action\":\"list\",\"sender\":\"a b\"", "wrong" },
	{ "nor is it longer than a key", &grey_filter, true,
	  "\"action\":\"list\",\"cursor\":\"" NET NET NET NET NET NET NET NET
		  NET NET NET NET NET NET NET NET NET NET NET NET NET NET NET
			  NET NET NET NET NET NET NET NET NET NET "\"",
	  "wrong" },
	{ "patterns are for identities", &grey_filter, true,
	  "\"action\":\"list\",\"identity\":\"net:192.0.*\"", "ok" },
	{ "without a wildcard it must be one", &grey_filter, true,
	  "\"action\":\"forget\",\"identity\":\"192.0.2.0/24\"", "wrong" },
	{ "known is a bool", &grey_filter, true,
	  "\"action\":\"list\",\"known\":1", "wrong" },
	{ "show wants somebody", &grey_filter, true, "\"action\":\"show\"",
	  "wrong" },
	{ "and only one", &grey_filter, true,
	  "\"action\":\"show\",\"identity\":\"" NET "\",\"key\":\"" KEY "\"",
	  "wrong" },
	{ "a client has an address", &grey_filter, true,
	  "\"action\":\"show\",\"client\":\"example.org\"", "wrong" },
	{ "a sender goes with a recipient", &grey_filter, true,
	  "\"action\":\"show\",\"client\":\"192.0.2.7\",\"sender\":\"a@b\"",
	  "wrong" },
	{ "two words are no key", &grey_filter, true,
	  "\"action\":\"show\",\"key\":\"" NET " a@example.org\"", "wrong" },
	{ "text ends where it ends", &grey_filter, true,
	  "\"action\":\"show\",\"key\":\"" NET "\\u0000\"", "wrong" },
	{ "an import has entries", &grey_filter, true, "\"action\":\"import\"",
	  "wrong" },
	{ "at least one", &grey_filter, true,
	  "\"action\":\"import\",\"entries\":[]", "wrong" },
	{ "that are entries", &grey_filter, true,
	  "\"action\":\"import\",\"entries\":[7]", "wrong" },
	{ "without a store it fails", &grey_closed, true,
	  "\"action\":\"stats\"", "failed" },
	{ "where nobody is greylisted, too", &grey_unasked, true,
	  "\"action\":\"stats\"", "failed" },
	{ "what is wrong is told without a store, too", &grey_closed, true,
	  "\"action\":\"allow\",\"identity\":\"nonsense\"", "wrong" },
	{ "of a page", &grey_closed, true, "\"action\":\"list\",\"limit\":0",
	  "wrong" },
	{ "of what is forgotten", &grey_closed, true,
	  "\"action\":\"forget\",\"sender\":\"[\"", "wrong" },
	{ "of whom to show", &grey_closed, true, "\"action\":\"show\"",
	  "wrong" },
	{ "of what is brought", &grey_closed, true,
	  "\"action\":\"import\",\"entries\":[7]", "wrong" },
	{ "and without a filter", &grey_nobody, true,
	  "\"action\":\"block\",\"identity\":\"192.0.2.7\"", "wrong" },
	{ "without a filter there is nothing", &grey_nobody, true,
	  "\"action\":\"stats\"", "absent" },
};

static void test_requests(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		char request[2048];
		json_t *lines;

		snprintf(request, sizeof(request), "{\"verb\":\"greylist\",%s}",
			 requests[i].members);
		lines = ask_as(requests[i].context, requests[i].may_write,
			       request);
		if (strcmp(code_of(lines), requests[i].code) != 0)
			fail_msg("%s: %s, not %s", requests[i].claim,
				 code_of(lines), requests[i].code);
		json_decref(lines);
	}
}

/* --- what was meant ------------------------------------------------------ */

static const struct {
	const char *typed, *told; /* NULL: it is one */
} identities[] = {
	{ "spf:example.org", NULL },
	{ "SPF:Example.ORG", NULL },
	{ "ptr:example.org", NULL },
	{ "net:192.0.2.0/24", NULL },
	{ "192.0.2.7", "net:192.0.2.0/24" },
	{ "net:192.0.2.7", NULL }, /* a network of one */
	{ "2001:db8:1:2:3::4", "net:2001:db8:1:2::/64" },
	{ "192.0.2.0/25", "net:192.0.2.0/25" },
	{ "192.0.2.7/25", "net:192.0.2.0/24" },
	{ "example.org", "spf:example.org or ptr:example.org" },
	{ "Example.org", "spf:example.org or ptr:example.org" },
	{ "anna@example.org", "spf:example.org or ptr:example.org" },
	{ "spf:192.0.2.7", "net:192.0.2.0/24" },
	{ "net:example.org", "spf:example.org or ptr:example.org" },
	{ "nonsense", "looks like spf:example.org" },
	{ "", "looks like spf:example.org" },
};

static void test_what_was_meant(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(identities) / sizeof(identities[0]);
	     i++) {
		const char *told = identities[i].told;
		char members[300];
		json_t *lines;

		snprintf(members, sizeof(members),
			 "\"action\":\"show\",\"identity\":\"%s\"",
			 identities[i].typed);
		lines = ask(members);
		if (told == NULL)
			assert_string_equal(code_of(lines), "ok");
		else if (strstr(text(last_of(lines), "error"), told) == NULL)
			fail_msg("%s: %s, not %s", identities[i].typed,
				 text(last_of(lines), "error"), told);
		json_decref(lines);
	}
}

/* --- list ---------------------------------------------------------------- */

static const struct {
	const char *claim, *members, *keys;
} lists[] = {
	{ "those that wait", "\"state\":\"waiting\"", KEY " " },
	{ "those that have passed", "\"state\":\"passed\"",
	  "spf:example.org c@example.org b@example.net " },
	{ "identities", "\"kinds\":[\"identity\"]",
	  "net:198.51.100.0/24 spf:example.org " },
	{ "those that are trapped", "\"trapped\":true",
	  "net:198.51.100.0/24 " },
	{ "nobody is known yet", "\"known\":true", "" },
	{ "those whom we wrote to", "\"kinds\":[\"outbound\"]",
	  "d@example.com " },
	{ "all of an identity", "\"identity\":\"SPF:*\"",
	  "spf:example.org c@example.org b@example.net spf:example.org " },
	{ "all of a sender", "\"sender\":\"a@*\"", KEY " " },
};

static void test_list(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		char members[300];
		json_t *lines;

		snprintf(members, sizeof(members), "\"action\":\"list\",%s",
			 lists[i].members);
		lines = ask(members);
		if (strcmp(keys_of(lines), lists[i].keys) != 0)
			fail_msg("%s: %s, not %s", lists[i].claim,
				 keys_of(lines), lists[i].keys);
		assert_true(is(last_of(lines), "end"));
		assert_false(is(last_of(lines), "more"));
		json_decref(lines);
	}
}

static void test_pages_come_to_the_same(void **state)
{
	json_t *all = ask("\"action\":\"list\"");
	char keys[1024] = "", cursor[600] = "", members[800];
	bool more = true;
	int pages = 0;

	(void)state;
	while (more) {
		json_t *page;

		snprintf(members, sizeof(members),
			 "\"action\":\"list\",\"limit\":1,\"cursor\":\"%s\"",
			 cursor);
		page = ask(members);
		assert_string_equal(code_of(page), "ok");
		strncat(keys, keys_of(page), sizeof(keys) - strlen(keys) - 1);
		more = is(last_of(page), "more");
		snprintf(cursor, sizeof(cursor), "%s",
			 text(last_of(page), "cursor"));
		json_decref(page);
		assert_true(++pages < 10);
	}
	assert_string_equal(keys, keys_of(all));
	json_decref(all);
}

static void test_an_entry_says_what_it_is(void **state)
{
	json_t *lines = ask("\"action\":\"list\",\"state\":\"waiting\"");
	json_t *entry = json_array_get(json_object_get(json_array_get(lines, 0),
						       "entries"),
				       0);

	(void)state;
	assert_string_equal(text(entry, "kind"), "triplet");
	assert_string_equal(text(entry, "identity"), NET);
	assert_string_equal(text(entry, "sender"), "a@example.org");
	assert_string_equal(text(entry, "recipient"), "b@example.net");
	assert_string_equal(text(entry, "state"), "waiting");
	assert_int_equal(number(entry, "first"), now.wall - 100);
	assert_int_equal(number(entry, "count"), 1);
	assert_in_range(number(entry, "wait_left"), 140, 200);
	assert_in_range(number(entry, "left"), 172800 - 160, 172800);
	json_decref(lines);
}

static void test_what_cannot_be_read_is_shown(void **state)
{
	json_t *lines, *entry;

	(void)state;
	store_memory_put(store, STORE_IDENTITY, "spf:x.test", "junk",
			 now.wall + 100);
	lines = ask("\"action\":\"list\",\"identity\":\"spf:x.test\"");
	entry = json_array_get(json_object_get(json_array_get(lines, 0),
					       "entries"),
			       0);
	assert_true(is(entry, "foreign"));
	assert_string_equal(text(entry, "value"), "junk");
	assert_null(json_object_get(entry, "state"));
	json_decref(lines);
}

static bool nobody_reads(void *context, json_t *answer)
{
	(void)context;
	(void)answer;
	return false;
}

static void test_who_hangs_up(void **state)
{
	const struct control_sink sink = { .line = nobody_reads };
	const char *request = "{\"verb\":\"greylist\",\"action\":\"list\"}";
	bool good = true;

	(void)state;
	control_answer(&grey_filter, true, request, strlen(request), &sink,
		       &good);
	assert_false(good);
}

/* --- show, count, stats -------------------------------------------------- */

static const struct {
	const char *claim, *members;
	bool there;
	const char *answer, *why;
} shows[] = {
	{ "one that waits, by its key", "\"key\":\"" KEY "\"", true, "wait",
	  "early" },
	{ "by its parts",
	  "\"identity\":\"" NET "\",\"sender\":\"A@Example.org\","
	  "\"recipient\":\"b@example.net\"",
	  true, "wait", "early" },
	{ "by the client",
	  "\"client\":\"192.0.2.77\",\"sender\":\"a@example.org\","
	  "\"recipient\":\"b@example.net\"",
	  true, "wait", "early" },
	{ "a stranger",
	  "\"client\":\"192.0.2.77\",\"sender\":\"x@example.org\","
	  "\"recipient\":\"b@example.net\"",
	  false, "wait", "new" },
	{ "one who has passed",
	  "\"client\":\"192.0.2.77\",\"spf\":\"example.org\","
	  "\"sender\":\"c@example.org\",\"recipient\":\"b@example.net\"",
	  true, "pass", "kept" },
	{ "a name is believed",
	  "\"client\":\"192.0.2.77\",\"ptr\":\"mx.example.org\"", false, "wait",
	  "new" },
	{ "a trapped network", "\"client\":\"198.51.100.9\"", true, "refused",
	  "trapped" },
	{ "one whom we wrote to",
	  "\"client\":\"203.0.113.9\",\"sender\":\"d@example.com\","
	  "\"recipient\":\"b@example.net\"",
	  false, "pass", "outbound" },
	{ "an address alone", "\"key\":\"d@example.com\"", true, "", "" },
	{ "another", "\"key\":\"e@example.com\"", false, "", "" },
};

static void test_show(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(shows) / sizeof(shows[0]); i++) {
		char members[400];
		json_t *lines, *next;

		snprintf(members, sizeof(members), "\"action\":\"show\",%s",
			 shows[i].members);
		lines = ask(members);
		next = json_object_get(last_of(lines), "next");
		if (strcmp(code_of(lines), "ok") != 0 ||
		    is(last_of(lines), "there") != shows[i].there ||
		    strcmp(text(next, "answer"), shows[i].answer) != 0 ||
		    strcmp(text(next, "why"), shows[i].why) != 0)
			fail_msg("%s: %s %d %s %s", shows[i].claim,
				 code_of(lines), is(last_of(lines), "there"),
				 text(next, "answer"), text(next, "why"));
		json_decref(lines);
	}
}

static void test_looking_changes_nothing(void **state)
{
	json_t *before = ask("\"action\":\"list\"");
	json_t *lines = ask("\"action\":\"show\",\"key\":\"" KEY "\"");
	json_t *after = ask("\"action\":\"list\",\"raw\":false");

	(void)state;
	assert_string_equal(code_of(lines), "ok");
	assert_int_equal(json_array_size(before), json_array_size(after));
	assert_string_equal(
		text(json_array_get(json_object_get(json_array_get(before, 0),
						    "entries"),
				    0),
		     "value"),
		text(json_array_get(json_object_get(json_array_get(after, 0),
						    "entries"),
				    0),
		     "value"));
	assert_null(did);
	json_decref(before);
	json_decref(lines);
	json_decref(after);
}

static void test_a_newer_record_has_no_next(void **state)
{
	json_t *lines;

	(void)state;
	store_memory_put(store, STORE_IDENTITY, NET, "2 identity x=1",
			 now.wall + 100);
	lines = ask("\"action\":\"show\",\"key\":\"" KEY "\"");
	assert_null(json_object_get(last_of(lines), "next"));
	json_decref(lines);
}

static void test_count(void **state)
{
	json_t *lines = ask("\"action\":\"count\"");
	const json_t *count = json_object_get(last_of(lines), "count");

	(void)state;
	assert_int_equal(number(count, "waiting"), 1);
	assert_int_equal(number(count, "once"), 1);
	assert_int_equal(number(count, "passed"), 1);
	assert_int_equal(number(count, "trapped"), 1);
	assert_int_equal(number(count, "known"), 0);
	assert_int_equal(number(count, "outbound"), 1);
	/* it waited 400 seconds: more than 256, up to 512 */
	assert_int_equal(json_integer_value(
				 json_array_get(json_object_get(count, "waits"),
						9)),
			 1);
	assert_false(is(last_of(lines), "more"));
	json_decref(lines);
}

static void test_stats(void **state)
{
	json_t *lines = ask("\"action\":\"stats\"");
	const json_t *stats = last_of(lines);

	(void)state;
	assert_string_equal(text(stats, "health"), "well");
	assert_int_equal(number(stats, "triplets"), 2);
	assert_int_equal(number(json_object_get(stats, "answers"), "waited"),
			 1);
	assert_int_equal(number(json_object_get(stats, "terms"), "wait"), 300);
	json_decref(lines);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CLAIM(test_requests),
		CLAIM(test_what_was_meant),
		CLAIM(test_list),
		CLAIM(test_pages_come_to_the_same),
		CLAIM(test_an_entry_says_what_it_is),
		CLAIM(test_what_cannot_be_read_is_shown),
		CLAIM(test_who_hangs_up),
		CLAIM(test_show),
		CLAIM(test_looking_changes_nothing),
		CLAIM(test_a_newer_record_has_no_next),
		CLAIM(test_count),
		CLAIM(test_stats),
	};

	return cmocka_run_group_tests(tests, load_all, unload_all);
}
