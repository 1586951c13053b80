/*
 * test_settings.c - what `set NAME VALUE` does, and what it refuses.
 */
#include "filter/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "rules/ast.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* The text of all complaints; "" if there are none. Free it. */
static char *read_into(const char *text, struct settings *ret)
{
	struct diag diag;
	struct ast ast;
	char *said;

	diag_init(&diag);
	ast_init(&ast);
	ast_parse_text(&ast, "etc/test", text, strlen(text), NULL, &diag);
	settings_read(ret, &ast, &diag);
	said = diag_text(&diag);
	ast_done(&ast);
	diag_done(&diag);
	assert_non_null(said);
	return said;
}

static void test_values(void **state)
{
	static const struct {
		const char *text, *name, *value;
	} rows[] = {
		{ "", "mode", "enforce" },
		{ "set mode observe", "mode", "observe" },
		{ "set earliest_refusal connect", "earliest_refusal",
		  "connect" },
		{ "", "earliest_refusal", "rcpt" },
		{ "set on_unknown defer", "on_unknown", "defer" },
		{ "set split_classes off", "split_classes", "off" },
		{ "set body_limit 64KiB", "body_limit", "64KiB" },
		{ "set body_limit 2MiB", "body_limit", "2MiB" },
		{ "set inspect_timeout 2m", "inspect_timeout", "2m" },
		{ "set greylist_outbound 48h", "greylist_outbound", "2d" },
		{ "set greylist_size 2048MiB", "greylist_size", "2GiB" },
		{ "set inspect_timeout 90s", "inspect_timeout", "90s" },
		{ "set max_sessions 5", "max_sessions", "5" },
		{ "set milter_socket_mode \"0600\"", "milter_socket_mode",
		  "\"0600\"" },
		{ "set milter_socket \"inet:8893@127.0.0.1\"", "milter_socket",
		  "\"inet:8893@127.0.0.1\"" },
		{ "set milter_socket \"inet6:8893@::1\"", "milter_socket",
		  "\"inet6:8893@::1\"" },
		{ "set user \"nobody\"", "user", "\"nobody\"" },
		{ "", "authserv_id", "\"\"" },
		{ "set authserv_id \"mx1.Example.org\"", "authserv_id",
		  "\"mx1.Example.org\"" },
		{ "", "received_spf", "off" },
		{ "set received_spf on", "received_spf", "on" },
		{ "", "dmarc_discovery", "tree-walk-and-list" },
		{ "set dmarc_discovery tree-walk", "dmarc_discovery",
		  "tree-walk" },
		{ "set dmarc_discovery suffix-list", "dmarc_discovery",
		  "suffix-list" },
		{ "", "dns_servers", "\"\"" },
		{ "set dns_servers \"127.0.0.1:5353, [::1]:53\"", "dns_servers",
		  "\"127.0.0.1:5353, [::1]:53\"" },
		{ "", "dns_timeout", "3s" },
		{ "set dns_timeout 7s", "dns_timeout", "7s" },
		{ "", "dns_tries", "2" },
		{ "", "dns_cache_size", "16MiB" },
		{ "set dns_cache_size 64KiB", "dns_cache_size", "64KiB" },
		{ "set redis_password_file \"pw\"", "redis_password_file",
		  "\"etc/pw\"" },
		{ "set redis_password_file \"/pw\"", "redis_password_file",
		  "\"/pw\"" },
		{ "", "redis_password_file", "\"\"" },
		{ "set dns_bind \"192.0.2.1, 2001:db8::1\"", "dns_bind",
		  "\"192.0.2.1, 2001:db8::1\"" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct settings settings;
		char *said = read_into(rows[i].text, &settings);
		char value[256];
		size_t at = 0;

		assert_string_equal(said, "");
		while (strcmp(settings_info(at)->name, rows[i].name) != 0)
			assert_true(++at < settings_count());
		assert_string_equal(settings_value(&settings, at, value,
						   sizeof(value)),
				    rows[i].value);
		free(said);
		settings_done(&settings);
	}
}

static void test_complaints(void **state)
{
	static const struct {
		const char *text, *complaint;
	} rows[] = {
		{ "set mod observe",
		  "etc/test:1:5: error: unknown setting \"mod\"" },
		{ "set mod observe", "did you mean \"mode\"?" },
		{ "set redis_servers \",\"",
		  "etc/test:1:19: error: redis_servers wants" },
		{ "set redis_master \"\"",
		  "etc/test:1:18: error: redis_master wants the name" },
		{ "set redis_prefix \"two words\"",
		  "etc/test:1:18: error: redis_prefix wants at most 64" },
		{ "set redis_user joe",
		  "etc/test:1:5: error: redis_user needs" },
		{ "set redis_servers \"localhost\"\n"
		  "set redis_sentinels \"localhost\"",
		  "etc/test:2:5: error: redis_servers and redis_sentinels" },
		{ "set mode watch", "mode must be one of: enforce, observe" },
		{ "set mode observe\nset mode enforce",
		  "etc/test:2:5: error: mode is set twice" },
		{ "set body_limit 5s", "body_limit wants a size" },
		{ "set body_limit 1KiB\nset body_limit 1KiB", "set twice" },
		{ "set body_limit 1GiB",
		  "body_limit must lie between 1KiB and 64MiB" },
		{ "set inspect_timeout 1d", "must lie between 1s and 5m" },
		{ "set inspect_timeout 5", "inspect_timeout wants a time" },
		{ "set max_sessions 0", "must lie between 1 and 100000" },
		{ "set max_sessions 2.5", "max_sessions wants a whole number" },
		{ "set max_sessions \"5\"", "max_sessions wants a whole" },
		{ "set milter_socket \"8893\"",
		  "milter_socket wants unix:/path" },
		{ "set milter_socket \"inet:0@localhost\"",
		  "wants unix:/path" },
		{ "set milter_socket \"inet:99999@localhost\"", "wants unix:" },
		{ "set milter_socket \"inet:8893\"", "wants unix:/path" },
		{ "set control_socket \"inet:1@a\"", "control_socket wants" },
		{ "set milter_socket_mode \"0888\"", "wants an octal mode" },
		{ "set milter_socket_mode \"07777\"", "wants an octal mode" },
		{ "set state_dir \"var\"", "state_dir wants a path" },
		{ "set syslog_facility \"local8\"", "syslog_facility wants" },
		{ "set bulk_window 1d",
		  "the setting bulk_window has no effect" },
		{ "set authserv_id \"mx example\"",
		  "etc/test:1:17: error: authserv_id wants a host name" },
		{ "set authserv_id \"mx;dkim=pass\"", "authserv_id wants" },
		{ "set authserv_id \"\\\"mx\\\"\"", "authserv_id wants" },
		{ "set authserv_id \"m\303\274.example\"",
		  "authserv_id wants" },
		{ "set authserv_id \"mx\\n\"", "authserv_id wants" },
		{ "set dmarc_discovery walk",
		  "must be one of: tree-walk-and-list, tree-walk, "
		  "suffix-list" },
		{ "set dns_servers \"ns.example.org\"",
		  "etc/test:1:17: error: dns_servers wants up to 8 addresses" },
		{ "set dns_timeout 0", "must lie between 1s and 7s" },
		{ "set dns_timeout 8s", "must lie between 1s and 7s" },
		{ "set dns_tries 6", "must lie between 1 and 5" },
		{ "set dns_cache_size 1KiB", "between 64KiB and 1GiB" },
		{ "set dns_bind \"127.0.0.1, 127.0.0.2\"",
		  "dns_bind wants one IPv4 and one IPv6 address" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct settings settings;
		char *said = read_into(rows[i].text, &settings);

		if (strstr(said, rows[i].complaint) == NULL)
			fail_msg("\"%s\" brought:\n%s", rows[i].text, said);
		free(said);
		settings_done(&settings);
	}
}

static void test_frozen(void **state)
{
	struct settings before, after;
	char names[256];

	(void)state;
	free(read_into("set user \"a\"", &before));
	free(read_into("set user \"b\"\nset inspectors 3\nset mode observe",
		       &after));
	assert_string_equal(settings_frozen_changes(&before, &after, names,
						    sizeof(names)),
			    "user, inspectors");
	assert_string_equal(settings_frozen_changes(&after, &after, names,
						    sizeof(names)),
			    "");
	settings_done(&before);
	settings_done(&after);
}

static void test_copy_is_its_own(void **state)
{
	struct settings settings, copy;

	(void)state;
	free(read_into("set user \"a\"", &settings));
	assert_true(settings_copy(&copy, &settings));
	settings_done(&settings);
	assert_string_equal(copy.process.user, "a");
	settings_done(&copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_complaints),
		cmocka_unit_test(test_frozen),
		cmocka_unit_test(test_copy_is_its_own),
	};

	return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
