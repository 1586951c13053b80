/*
 * test_control_dns.c - what the control socket tells of DNS and its lists.
 */
#include "filter/control_verbs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "lists/dns.h"
#include "tests/unit/control_filter.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static bool keep(void *context, json_t *answer)
{
	json_t **kept = context;

	json_decref(*kept);
	*kept = json_incref(answer);
	return true;
}

static bool has_gone(void *context)
{
	(void)context;
	return true;
}

static json_t *ask(const char *request, bool (*gone)(void *context))
{
	json_t *answer = NULL;
	const struct control_sink sink = { .line = keep,
					   .gone = gone,
					   .context = &answer };
	bool good;

	control_answer(&filter, true, request, strlen(request), &sink, &good);
	assert_non_null(answer);
	return answer;
}

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value != NULL ? value : "";
}

/* --- dns ---------------------------------------------------------------- */

/* The texts of its records, one a line; or the code of a refusal. */
static const char *said(const json_t *answer, char buffer[512])
{
	json_t *record;
	size_t i, used = 0;

	if (!json_is_true(json_object_get(answer, "ok")))
		return text(answer, "code");
	buffer[0] = '\0';
	json_array_foreach(json_object_get(answer, "records"), i, record)
		used +=
		(size_t)snprintf(buffer + used, 512 - used, "%s%s",
				 i > 0 ? "\n" : "", text(record, "text"));
	return buffer;
}

static void test_query(void **state)
{
	static const struct {
		const char *name, *type; /* NULL: not given */
		const char *status, *said;
	} rows[] = {
		{ "a.test", "A", "found", "192.0.2.1" },
		{ "A.TEST.", "a", "found", "192.0.2.1" },
		{ "a.test", NULL, "found", "192.0.2.1" },
		{ "www.test", "A", "found", "192.0.2.1" },
		{ "www.test", "CNAME", "found", "a.test" },
		{ "a.test", "TXT", "found",
		  "\"one\" \"t\\\"w\\\\o\\x0A\\xFF\"" },
		{ "a.test", "MX", "nodata", "" },
		{ "none.test", "A", "nxdomain", "" },
		{ "broken.test", "A", "servfail", "" },
		{ "192.0.2.1", NULL, "found", "a.test" },
		{ "192.0.2.1", "PTR", "found", "a.test" },
		{ "1.2.0.192.in-addr.arpa", "PTR", "found", "a.test" },
		{ "2001:db8::1", NULL, "nxdomain", "" },
		{ "192.0.2.1", "A", "", "wrong" },
		{ "a.test", "ANY", "", "wrong" },
		{ "a..test", "A", "", "wrong" },
		{ "a test", "A", "", "wrong" },
		{ "a\\n.test", "A", "", "wrong" },
		{ "\\u00fc.test", "A", "", "wrong" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char request[256], buffer[512];
		json_t *answer;

		snprintf(request, sizeof(request),
			 "{\"verb\":\"dns\",\"action\":\"query\","
			 "\"name\":\"%s\"%s%s%s}",
			 rows[i].name,
			 rows[i].type != NULL ? ",\"type\":\"" : "",
			 rows[i].type != NULL ? rows[i].type : "",
			 rows[i].type != NULL ? "\"" : "");
		answer = ask(request, NULL);
		if (strcmp(text(answer, "status"), rows[i].status) != 0 ||
		    strcmp(said(answer, buffer), rows[i].said) != 0)
			fail_msg("%s %s: %s, %s", rows[i].name, rows[i].type,
				 text(answer, "status"), said(answer, buffer));
		json_decref(answer);
	}
}

static const char silent[] = "{\"verb\":\"dns\",\"action\":\"query\","
			     "\"name\":\"silent.test\"}";

/* One who has gone is not waited for. */
static void test_gone(void **state)
{
	uint64_t start = dns_now_ms();
	json_t *answer = ask(silent, has_gone);

	(void)state;
	assert_string_equal(text(answer, "status"), "timeout");
	assert_false(json_is_true(json_object_get(answer, "known")));
	assert_true(dns_now_ms() - start < 2000);
	json_decref(answer);
	answer = ask("{\"verb\":\"dnsbl\",\"action\":\"ask\","
		     "\"subject\":\"192.0.2.1\"}",
		     has_gone);
	assert_true(json_is_true(json_object_get(answer, "ok")));
	json_decref(answer);
}

/* Who waits leaves room for those who do not. */
static void test_room(void **state)
{
	static const char *const requests[] = {
		silent, "{\"verb\":\"dnsbl\",\"action\":\"ask\","
			"\"subject\":\"192.0.2.1\"}"
	};
	json_t *answer;

	(void)state;
	for (int i = 0; i < CONTROL_ASKERS; i++)
		assert_true(control_room_take());
	for (size_t i = 0; i < COUNT(requests); i++) {
		answer = ask(requests[i], NULL);
		assert_string_equal(text(answer, "code"), "busy");
		json_decref(answer);
	}
	answer = ask("{\"verb\":\"dns\",\"action\":\"stats\"}", NULL);
	assert_true(json_is_true(json_object_get(answer, "ok")));
	json_decref(answer);
	control_room_give();
	answer = ask(requests[1], NULL);
	assert_true(json_is_true(json_object_get(answer, "ok")));
	json_decref(answer);
	for (int i = 1; i < CONTROL_ASKERS; i++)
		control_room_give();
}

static void test_stats(void **state)
{
	json_t *answer;

	(void)state;
	json_decref(ask("{\"verb\":\"dns\",\"action\":\"query\","
			"\"name\":\"broken.test\"}",
			NULL));
	answer = ask("{\"verb\":\"dns\",\"action\":\"stats\"}", NULL);
	assert_string_equal(text(answer, "zone_file"), path_of("a.zone"));
	assert_true(json_is_null(json_object_get(answer, "warning")));
	assert_string_equal(text(json_object_get(answer, "breaker"), "state"),
			    "closed");
	assert_true(json_integer_value(
			    json_object_get(json_object_get(answer, "answers"),
					    "servfail")) >= 1);
	json_decref(answer);
}

/* --- dnsbl -------------------------------------------------------------- */

/* "zone: word/word; ..." of all lists that were asked. */
static const char *words(const json_t *answer, char buffer[512])
{
	json_t *list, *question;
	size_t i, j, used = 0;

	buffer[0] = '\0';
	json_array_foreach(json_object_get(answer, "lists"), i, list)
	{
		used += (size_t)snprintf(buffer + used, 512 - used,
					 "%s%s:", i > 0 ? "; " : "",
					 text(list, "zone"));
		json_array_foreach(json_object_get(list, "questions"), j,
				   question) used +=
			(size_t)snprintf(buffer + used, 512 - used, "%s%s",
					 j > 0 ? "/" : " ",
					 text(question, "answer"));
	}
	return buffer;
}

static void test_ask(void **state)
{
	static const struct {
		const char *subject;
		const char *words;
		bool listed;
	} rows[] = {
		{ "192.0.2.99", "well.test: listed; all.test: lists all",
		  true },
		{ "192.0.2.98", "well.test: fault; all.test: lists all",
		  false },
		{ "192.0.2.97", "well.test: no answer; all.test: lists all",
		  false },
		{ "192.0.2.1", "well.test: not listed; all.test: lists all",
		  false },
		{ "2001:db8::1", "well.test: not listed; all.test: lists all",
		  false },
		{ "a.b.example.org",
		  "all.test: lists all; names.test: not listed/listed", true },
		{ "Example.Org.", "all.test: lists all; names.test: listed",
		  true },
		{ "example.net", "all.test: lists all; names.test: not listed",
		  false },
		{ "org", "", false },
		{ "1.2.3", "", false },
		{ "[192.0.2.1]", "", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char request[128], buffer[512];
		json_t *answer;

		snprintf(request, sizeof(request),
			 "{\"verb\":\"dnsbl\",\"action\":\"ask\","
			 "\"subject\":\"%s\"}",
			 rows[i].subject);
		answer = ask(request, NULL);
		if (strcmp(words(answer, buffer), rows[i].words) != 0 ||
		    json_is_true(json_object_get(answer, "listed")) !=
			    rows[i].listed)
			fail_msg("%s: %s", rows[i].subject,
				 json_dumps(answer, JSON_COMPACT));
		json_decref(answer);
	}
}

static void test_meaning(void **state)
{
	json_t *answer = ask("{\"verb\":\"dnsbl\",\"action\":\"ask\","
			     "\"subject\":\"192.0.2.99\"}",
			     NULL);
	const json_t *list =
		json_array_get(json_object_get(answer, "lists"), 0);
	const json_t *question =
		json_array_get(json_object_get(list, "questions"), 0);
	const json_t *symbols = json_object_get(question, "symbols");
	const json_t *symbol = json_array_get(symbols, 0);

	(void)state;
	assert_int_equal(json_array_size(json_object_get(question, "replies")),
			 2);
	assert_int_equal(json_array_size(symbols), 1);
	assert_string_equal(text(symbol, "name"), "F");
	assert_string_equal(text(symbol, "answer"), "127.0.0.4");
	assert_string_equal(text(symbol, "description"), "bot");
	assert_true(json_real_value(json_object_get(symbol, "weight")) == 2.0);
	assert_string_equal(json_string_value(json_array_get(
				    json_object_get(question, "txt"), 0)),
			    "why\033");
	json_decref(answer);
}

static void test_health(void **state)
{
	json_t *answer =
		ask("{\"verb\":\"dnsbl\",\"action\":\"health\"}", NULL);
	json_t *lists = json_object_get(answer, "lists"), *row;
	static const char *const zones[] = { "well.test", "all.test",
					     "names.test" };
	size_t i;

	(void)state;
	assert_int_equal(json_array_size(lists), COUNT(zones));
	json_array_foreach(lists, i, row)
	{
		assert_string_equal(text(row, "zone"), zones[i]);
		assert_true(json_is_boolean(json_object_get(row, "muted")));
		assert_non_null(strstr(text(row, "source"), "a.rules:"));
	}
	json_decref(answer);
}

#define EACH(f) \
	cmocka_unit_test_setup_teardown(f, filter_setup, filter_teardown)

int main(void)
{
	const struct CMUnitTest all[] = {
		EACH(test_query),  EACH(test_gone), EACH(test_room),
		EACH(test_stats),  EACH(test_ask),  EACH(test_meaning),
		EACH(test_health),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}
