/*
 * test_resolver.c - when a resolver can be kept, and whom it believes.
 */
#include "filter/resolver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>
#include <cmocka.h>

#include "filter/log.h"
#include "filter/settings.h"
#include "lists/dns_zonefile.h"
#include "rules/ast.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static struct settings settings_of(const char *text)
{
	struct settings settings;
	struct diag diag;
	struct ast ast;

	diag_init(&diag);
	ast_init(&ast);
	ast_parse_text(&ast, "test", text, strlen(text), NULL, &diag);
	if (!settings_read(&settings, &ast, &diag))
		fail_msg("%s", diag_text(&diag));
	ast_done(&ast);
	diag_done(&diag);
	return settings;
}

static struct resolver *open_one(const char *text, const char *zone)
{
	struct settings settings = settings_of(text);
	char error[DNS_ERROR_SIZE];
	struct resolver *resolver = resolver_open(&settings, zone, error);

	if (resolver == NULL)
		fail_msg("%s", error);
	settings_done(&settings);
	return resolver;
}

static bool fits(const struct resolver *resolver, const char *text)
{
	struct settings settings = settings_of(text);
	bool does = resolver_fits(resolver, &settings);

	settings_done(&settings);
	return does;
}

static void write_zone(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static char path[] = "/tmp/test_resolver.XXXXXX";

static int set_up(void **state)
{
	int fd;

	(void)state;
	log_level(LOG_EMERG - 1);
	strcpy(strrchr(path, '.'), ".XXXXXX");
	fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int tear_down(void **state)
{
	(void)state;
	return unlink(path);
}

#define BASE "set dns_servers \"127.0.0.1:9\"\n"

static void test_fits(void **state)
{
	static const struct {
		const char *claim, *text;
		bool fits;
	} rows[] = {
		{ "the same settings", BASE, true },
		{ "what is not about DNS", BASE "set mode observe", true },
		{ "a default that is spelled out", BASE "set dns_timeout 3s",
		  true },
		{ "other servers", "set dns_servers \"127.0.0.1:10\"", false },
		{ "the system's servers", "", false },
		{ "another timeout", BASE "set dns_timeout 2s", false },
		{ "other tries", BASE "set dns_tries 1", false },
		{ "another size", BASE "set dns_cache_size 1MiB", false },
		{ "another address to ask from",
		  BASE "set dns_bind \"127.0.0.1\"", false },
	};
	struct resolver *resolver = open_one(BASE, NULL);

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (fits(resolver, rows[i].text) != rows[i].fits)
			fail_msg("%s: %d", rows[i].claim, !rows[i].fits);
	resolver_unref(resolver);
	/* what the system says counts where nothing is set */
	resolver = open_one("", NULL);
	assert_true(fits(resolver, ""));
	assert_false(fits(resolver, BASE));
	resolver_unref(resolver);
	resolver_unref(NULL);
}

static void test_zone(void **state)
{
	struct resolver *resolver;

	(void)state;
	write_zone(path, "a A 192.0.2.1\n");
	resolver = open_one(BASE, path);
	assert_true(fits(resolver, BASE));
	assert_false(fits(resolver, BASE "set dns_tries 1"));
	write_zone(path, "a A 192.0.2.2\nb A 192.0.2.3\n");
	assert_false(fits(resolver, BASE));
	resolver_unref(resolver);
}

static void test_zone_mistakes(void **state)
{
	struct settings settings = settings_of("");
	char error[DNS_ERROR_SIZE], place[64];

	(void)state;
	write_zone(path, "a A 192.0.2.1\nb A 192.0.2\n");
	assert_null(resolver_open(&settings, path, error));
	snprintf(place, sizeof(place), "%s:2:5: ", path);
	assert_non_null(strstr(error, place));
	assert_null(resolver_open(&settings, "/nonesuch/zone", error));
	assert_non_null(strstr(error, "/nonesuch/zone: No such file"));
	settings_done(&settings);
}

static enum dns_status status_of(struct resolver *resolver, const char *name)
{
	struct dns_answer *answer = dns_wait(resolver->dns, name, DNS_A, 0);
	enum dns_status status = answer->status;

	dns_answer_unref(answer);
	return status;
}

static void test_behind(void **state)
{
	static const char front[] = "a NXDOMAIN\nc A 192.0.2.9\n";
	struct settings settings = settings_of("");
	char error[DNS_ZONEFILE_ERROR_SIZE];
	struct resolver *resolver;

	(void)state;
	write_zone(path, "a A 192.0.2.1\nb A 192.0.2.2\n");
	resolver =
		resolver_open_behind(&settings, path,
				     dns_zonefile_parse("front", front,
							strlen(front), error),
				     error);
	assert_non_null(resolver);
	/* the last reference counts */
	resolver_unref(resolver_ref(resolver));
	assert_int_equal(status_of(resolver, "a"), DNS_NXDOMAIN);
	assert_int_equal(status_of(resolver, "b"), DNS_FOUND);
	assert_int_equal(status_of(resolver, "c"), DNS_FOUND);
	assert_int_equal(status_of(resolver, "d"), DNS_NXDOMAIN);
	resolver_unref(resolver);
	settings_done(&settings);
}

#define EACH(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(test_fits),
		EACH(test_zone),
		EACH(test_zone_mistakes),
		EACH(test_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
