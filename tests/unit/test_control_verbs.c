/*
 * test_control_verbs.c - what is asked, and what is answered.
 */
#include "filter/control_verbs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "filter/show.h"
#include "tests/unit/control_filter.h"

static bool collect(void *context, json_t *answer)
{
	json_array_append(context, answer);
	return true;
}

/* All lines of an answer, as an array. */
static json_t *ask_as(const struct control_context *context, bool may_write,
		      const char *request)
{
	json_t *lines = json_array();
	const struct control_sink sink = { .line = collect, .context = lines };
	bool good;

	control_answer(context, may_write, request, strlen(request), &sink,
		       &good);
	return lines;
}

static const char *code_of(json_t *lines)
{
	json_t *last = json_array_get(lines, json_array_size(lines) - 1);

	if (json_is_true(json_object_get(last, "ok")))
		return "ok";
	return json_string_value(json_object_get(last, "code"));
}

static const struct {
	const char *claim;
	const struct control_context *context;
	bool may_write;
	const char *request;
	const char *code; /* "ok", or the code of a refusal */
} verbs[] = {
	{ "ping is answered", &filter, false, "{\"verb\":\"ping\"}", "ok" },
	{ "status is for all who may ask", &filter, false,
	  "{\"verb\":\"status\"}", "ok" },
	{ "facts", &filter, false, "{\"verb\":\"facts\"}", "ok" },
	{ "settings", &filter, false, "{\"verb\":\"settings\"}", "ok" },
	{ "lists", &filter, false, "{\"verb\":\"lists\"}", "ok" },
	{ "reload is not for readers", &filter, false, "{\"verb\":\"reload\"}",
	  "denied" },
	{ "reload is for writers", &filter, true, "{\"verb\":\"reload\"}",
	  "ok" },
	{ "refresh is not for readers", &filter, false,
	  "{\"verb\":\"refresh\",\"name\":\"friends\"}", "denied" },
	{ "refresh wants a name", &filter, true, "{\"verb\":\"refresh\"}",
	  "wrong" },
	{ "refresh of no list fails", &filter, true,
	  "{\"verb\":\"refresh\",\"name\":\"x\"}", "failed" },
	{ "readers may not add", &filter, false,
	  "{\"verb\":\"list\",\"name\":\"friends\",\"action\":\"add\","
	  "\"entry\":\"a.test\"}",
	  "denied" },
	{ "readers may not remove", &filter, false,
	  "{\"verb\":\"list\",\"name\":\"friends\",\"action\":\"remove\","
	  "\"entry\":\"example.org\"}",
	  "denied" },
	{ "braces cannot be edited", &filter, true,
	  "{\"verb\":\"list\",\"name\":\"nets\",\"action\":\"add\","
	  "\"entry\":\"198.51.100.1\"}",
	  "wrong" },
	{ "an entry must suit the list", &filter, true,
	  "{\"verb\":\"list\",\"name\":\"friends\",\"action\":\"add\","
	  "\"entry\":\"a b\"}",
	  "wrong" },
	{ "an entry is one line", &filter, true,
	  "{\"verb\":\"list\",\"name\":\"friends\",\"action\":\"add\","
	  "\"entry\":\"a.test\\nb.test\"}",
	  "wrong" },
	{ "an empty entry is none", &filter, true,
	  "{\"verb\":\"list\",\"name\":\"friends\",\"action\":\"add\","
	  "\"entry\":\"\"}",
	  "wrong" },
	{ "a list must be known", &filter, false,
	  "{\"verb\":\"list\",\"name\":\"x\",\"action\":\"show\"}", "wrong" },
	{ "an action must be known", &filter, false,
	  "{\"verb\":\"list\",\"name\":\"nets\",\"action\":\"burn\"}",
	  "wrong" },
	{ "dns stats are for all who may ask", &filter, false,
	  "{\"verb\":\"dns\",\"action\":\"stats\"}", "ok" },
	{ "so are questions", &filter, false,
	  "{\"verb\":\"dns\",\"action\":\"query\",\"name\":\"a.test\"}", "ok" },
	{ "dns flush is not for readers", &filter, false,
	  "{\"verb\":\"dns\",\"action\":\"flush\"}", "denied" },
	{ "dns flush is for writers", &filter, true,
	  "{\"verb\":\"dns\",\"action\":\"flush\"}", "ok" },
	{ "dns wants an action", &filter, true, "{\"verb\":\"dns\"}", "wrong" },
	{ "that it knows", &filter, true,
	  "{\"verb\":\"dns\",\"action\":\"dig\"}", "wrong" },
	{ "a question wants a name", &filter, true,
	  "{\"verb\":\"dns\",\"action\":\"query\"}", "wrong" },
	{ "not an empty one", &filter, true,
	  "{\"verb\":\"dns\",\"action\":\"query\",\"name\":\"\"}", "wrong" },
	{ "dnsbl health", &filter, false,
	  "{\"verb\":\"dnsbl\",\"action\":\"health\"}", "ok" },
	{ "dnsbl wants an action", &filter, false, "{\"verb\":\"dnsbl\"}",
	  "wrong" },
	{ "and somebody to ask about", &filter, false,
	  "{\"verb\":\"dnsbl\",\"action\":\"ask\"}", "wrong" },
	{ "with a name", &filter, false,
	  "{\"verb\":\"dnsbl\",\"action\":\"ask\",\"subject\":\"localhost\"}",
	  "wrong" },
	{ "without a resolver nothing can be asked", &deaf, false,
	  "{\"verb\":\"dns\",\"action\":\"query\",\"name\":\"a.test\"}",
	  "failed" },
	{ "nor of lists", &deaf, false,
	  "{\"verb\":\"dnsbl\",\"action\":\"health\"}", "failed" },
	{ "nor without a filter", &nobody, false,
	  "{\"verb\":\"dns\",\"action\":\"stats\"}", "absent" },
	{ "be it about lists", &nobody, false,
	  "{\"verb\":\"dnsbl\",\"action\":\"health\"}", "absent" },
	{ "a verb must be known", &filter, true, "{\"verb\":\"sing\"}",
	  "wrong" },
	{ "a verb is text", &filter, true, "{\"verb\":7}", "wrong" },
	{ "there must be a verb", &filter, true, "{}", "wrong" },
	{ "an array is no request", &filter, true, "[\"status\"]", "wrong" },
	{ "garbage is no request", &filter, true, "GET / HTTP/1.1", "wrong" },
	{ "nothing is no request", &filter, true, "", "wrong" },
	{ "two members of one name are refused", &filter, true,
	  "{\"verb\":\"ping\",\"verb\":\"reload\"}", "wrong" },
	{ "without a filter there is no status", &nobody, true,
	  "{\"verb\":\"status\"}", "absent" },
	{ "nor a reload", &nobody, true, "{\"verb\":\"reload\"}", "absent" },
	{ "nor a refresh", &nobody, true,
	  "{\"verb\":\"refresh\",\"name\":\"a\"}", "absent" },
	{ "nor settings", &nobody, true, "{\"verb\":\"settings\"}", "absent" },
	{ "nor lists", &nobody, true, "{\"verb\":\"lists\"}", "absent" },
	{ "nor one list", &nobody, true,
	  "{\"verb\":\"list\",\"name\":\"a\",\"action\":\"show\"}", "absent" },
	{ "but facts there are", &nobody, false, "{\"verb\":\"facts\"}", "ok" },
};

static void test_verbs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		json_t *lines = ask_as(verbs[i].context, verbs[i].may_write,
				       verbs[i].request);

		if (strcmp(code_of(lines), verbs[i].code) != 0)
			fail_msg("%s: %s", verbs[i].claim,
				 json_dumps(lines, JSON_COMPACT));
		json_decref(lines);
	}
	assert_int_equal(atomic_load(&reloads), 1);
}

static const struct {
	const char *list, *entry;
	const char *answer; /* yes, no, or a code */
} tests[] = {
	{ "nets", "192.0.2.77", "yes" },
	{ "nets", "198.51.100.1", "no" },
	{ "nets", "::ffff:192.0.2.1", "yes" },
	{ "nets", "mail.example.org", "wrong" },
	{ "friends", "mail.example.org", "yes" },
	{ "friends", "MX.EXAMPLE.NET.", "yes" },
	{ "friends", "a.mx.example.net", "no" },
	{ "words", "cheap ViAgRa", "yes" },
	{ "words", "cheap soap", "no" },
	{ "people", "Anna@EXAMPLE.org", "yes" },
	{ "people", "x@example.net", "yes" },
	{ "people", "x@example.org", "no" },
	{ "people", "example.net", "wrong" },
};

static void test_list_test(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
		char request[256];
		const char *answer;
		json_t *lines;

		snprintf(request, sizeof(request),
			 "{\"verb\":\"list\",\"name\":\"%s\","
			 "\"action\":\"test\",\"entry\":\"%s\"}",
			 tests[i].list, tests[i].entry);
		lines = ask_as(&filter, false, request);
		answer = code_of(lines);
		if (strcmp(answer, "ok") == 0)
			answer = json_is_true(json_object_get(
					 json_array_get(lines, 0), "listed"))
					 ? "yes"
					 : "no";
		if (strcmp(answer, tests[i].answer) != 0)
			fail_msg("%s in %s: %s", tests[i].entry, tests[i].list,
				 answer);
		json_decref(lines);
	}
}

static void test_list_edit(void **state)
{
	json_t *lines;

	(void)state;
	lines = ask_as(&filter, true,
		       "{\"verb\":\"list\",\"name\":\"friends\","
		       "\"action\":\"add\",\"entry\":\"New.test\"}");
	assert_string_equal(code_of(lines), "ok");
	assert_true(json_is_true(
		json_object_get(json_array_get(lines, 0), "changed")));
	assert_true(json_is_true(
		json_object_get(json_array_get(lines, 0), "live")));
	json_decref(lines);
	assert_non_null(strstr(read_all("friends.list"), "# who\n"));

	lines = ask_as(&filter, false,
		       "{\"verb\":\"list\",\"name\":\"friends\","
		       "\"action\":\"test\",\"entry\":\"a.new.test\"}");
	assert_true(json_is_true(
		json_object_get(json_array_get(lines, 0), "listed")));
	json_decref(lines);

	/* again: it is there already */
	lines = ask_as(&filter, true,
		       "{\"verb\":\"list\",\"name\":\"friends\","
		       "\"action\":\"add\",\"entry\":\"new.test\"}");
	assert_true(json_is_false(
		json_object_get(json_array_get(lines, 0), "changed")));
	json_decref(lines);
}

/* What is refused was not written: the next start would fail on it. */
static void test_pattern_edit(void **state)
{
	static const struct {
		const char *claim, *action, *entry, *code;
	} rows[] = {
		{ "no slashes", "add", "cheap", "wrong" },
		{ "no second slash", "add", "/cheap", "wrong" },
		{ "an open bracket", "add", "/[/", "wrong" },
		{ "an open group", "add", "/(cheap/i", "wrong" },
		{ "a flag nobody knows", "add", "/cheap/q", "wrong" },
		{ "more behind the flags", "add", "/cheap/i x", "wrong" },
		{ "a good one", "add", "/ch[e]+ap/i", "ok" },
		{ "and back", "remove", "/ch[e]+ap/i", "ok" },
	};
	char before[256], request[256];

	(void)state;
	snprintf(before, sizeof(before), "%s", read_all("spam.list"));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool good = strcmp(rows[i].code, "ok") == 0;
		json_t *lines;

		snprintf(request, sizeof(request),
			 "{\"verb\":\"list\",\"name\":\"spam\","
			 "\"action\":\"%s\",\"entry\":\"%s\"}",
			 rows[i].action, rows[i].entry);
		lines = ask_as(&filter, true, request);
		if (strcmp(code_of(lines), rows[i].code) != 0 ||
		    (!good && strcmp(read_all("spam.list"), before) != 0))
			fail_msg("%s: %s", rows[i].claim,
				 json_dumps(lines, JSON_COMPACT));
		json_decref(lines);
	}
	assert_string_equal(read_all("spam.list"), before);
}

/* Even the last ones go: what was asked for is not suspicious. */
static void test_list_emptied(void **state)
{
	static const char *const entries[] = { "example.org",
					       "=mx.example.net" };
	char request[256];
	json_t *lines;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		snprintf(request, sizeof(request),
			 "{\"verb\":\"list\",\"name\":\"friends\","
			 "\"action\":\"remove\",\"entry\":\"%s\"}",
			 entries[i]);
		lines = ask_as(&filter, true, request);
		assert_string_equal(code_of(lines), "ok");
		assert_true(json_is_true(
			json_object_get(json_array_get(lines, 0), "live")));
		json_decref(lines);
	}
	assert_string_equal(read_all("friends.list"), "# who\n");
	lines = ask_as(&filter, false,
		       "{\"verb\":\"list\",\"name\":\"friends\","
		       "\"action\":\"show\"}");
	assert_int_equal(json_integer_value(
				 json_object_get(json_array_get(lines, 0),
						 "count")),
			 0);
	json_decref(lines);
}

/* A long list comes in pages, and every entry once. */
static void test_list_pages(void **state)
{
	json_t *lines, *last;
	size_t entries = 0;
	FILE *file;

	(void)state;
	file = fopen(path_of("friends.list"), "w");
	for (int i = 0; i < 1001; i++)
		fprintf(file, "d%d.test\n", i);
	fclose(file);
	lines = ask_as(&filter, true,
		       "{\"verb\":\"refresh\",\"name\":\"friends\"}");
	assert_string_equal(code_of(lines), "ok");
	json_decref(lines);
	lines = ask_as(&filter, false,
		       "{\"verb\":\"list\",\"name\":\"friends\","
		       "\"action\":\"show\"}");
	assert_int_equal(json_array_size(lines), 7);
	for (size_t i = 0; i < 6; i++)
		entries += json_array_size(
			json_object_get(json_array_get(lines, i), "entries"));
	assert_int_equal(entries, 1001);
	last = json_array_get(lines, 6);
	assert_true(json_is_true(json_object_get(last, "end")));
	assert_int_equal(json_integer_value(json_object_get(last, "count")),
			 1001);
	json_decref(lines);
}

/* A file that cannot be written is named, so that another may try. */
static void test_list_unwritable(void **state)
{
	json_t *lines, *first;

	(void)state;
	unlink(path_of("friends.list"));
	lines = ask_as(&filter, true,
		       "{\"verb\":\"list\",\"name\":\"friends\","
		       "\"action\":\"add\",\"entry\":\"a.test\"}");
	first = json_array_get(lines, 0);
	assert_string_equal(code_of(lines), "failed");
	assert_string_equal(json_string_value(json_object_get(first, "path")),
			    path_of("friends.list"));
	assert_string_equal(json_string_value(json_object_get(first, "kind")),
			    "domain");
	json_decref(lines);
}

static void test_settings(void **state)
{
	json_t *lines, *settings, *row;
	size_t index, seen = 0;

	(void)state;
	lines = ask_as(&filter, false, "{\"verb\":\"settings\"}");
	settings = json_object_get(json_array_get(lines, 0), "settings");
	json_array_foreach(settings, index, row)
	{
		const char *name =
			json_string_value(json_object_get(row, "name"));
		json_t *source = json_object_get(row, "source");

		if (strcmp(name, "mode") == 0) {
			char place[160];

			snprintf(place, sizeof(place), "%s:1",
				 path_of("a.rules"));
			assert_string_equal(json_string_value(source), place);
			assert_string_equal(json_string_value(
						    json_object_get(row,
								    "value")),
					    "observe");
			seen++;
		}
		if (strcmp(name, "user") == 0) {
			assert_true(json_is_null(source));
			assert_true(
				json_is_true(json_object_get(row, "restart")));
			seen++;
		}
	}
	assert_int_equal(seen, 2);
	json_decref(lines);
}

static void test_refused_reload(void **state)
{
	json_t *lines;

	(void)state;
	reload_good = false;
	lines = ask_as(&filter, true, "{\"verb\":\"reload\"}");
	assert_string_equal(code_of(lines), "failed");
	assert_string_equal(json_string_value(
				    json_object_get(json_array_get(lines, 0),
						    "report")),
			    "a.rules:3:1: error\n");
	json_decref(lines);
}

/* Whatever the bytes, the string is one that JSON can hold. */
static void test_text(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *shown;
	} texts[] = {
		{ "plain", 5, "plain" },
		{ "b\303\274cher", 7, "b\303\274cher" },
		{ "\377x\200", 3, "\\xFFx\\x80" },
		{ "a\0b", 3, "a\\x00b" },
		{ "\300\257", 2, "\\xC0\\xAF" },
		{ "", 0, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		json_t *text = show_text(texts[i].bytes, texts[i].len);

		assert_string_equal(json_string_value(text), texts[i].shown);
		json_decref(text);
	}
}

#define EACH(f) \
	cmocka_unit_test_setup_teardown(f, filter_setup, filter_teardown)

int main(void)
{
	const struct CMUnitTest all[] = {
		EACH(test_verbs),      EACH(test_list_test),
		EACH(test_list_edit),  EACH(test_list_emptied),
		EACH(test_list_pages), EACH(test_list_unwritable),
		EACH(test_settings),   EACH(test_refused_reload),
		EACH(test_text),       EACH(test_pattern_edit),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}
