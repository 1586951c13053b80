/*
 * control_filter.c - a filter for the tests of the control socket.
 */
#include "tests/unit/control_filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "filter/generation.h"
#include "filter/resolver.h"

static char folder[32];
static struct generation *current, *without_dns;
atomic_uint reloads;
bool reload_good;

static const char rules_text[] =
	"set mode observe\n"
	"list nets ip { 192.0.2.0/24, 2001:db8::/32 }\n"
	"list friends domain from \"friends.list\"\n"
	"list words regex { /viag[r]a/i }\n"
	"list spam regex from \"spam.list\"\n"
	"list people address { \"anna@example.org\", \"@example.net\" }\n"
	"rule A 1.0 if client.ip in nets\n"
	"rule B 1.0 if helo.name in friends and helo.name ~ /x/\n"
	"rule C 1.0 if helo.name in words\n"
	"rule D 1.0 if sender in people\n"
	"rule E 1.0 if helo.name in spam\n"
	"dnsbl \"well.test\" { F 2.0 on 127.0.0.4 \"bot\" G 1.0 on 127.0.0.2 }\n"
	"dnsbl \"all.test\" of client.ip, helo.name { H 1.0 on 127.0.0.2 }\n"
	"dnsbl \"names.test\" of helo.name ask both test none {\n"
	"	I 1.0 on 127.0.1.2\n"
	"}\n";

static const char zone_text[] = "a.test A 192.0.2.1\n"
				"a.test TXT \"one\" \"t\\\"w\\\\o\\010\\255\"\n"
				"www.test CNAME a.test\n"
				"broken.test SERVFAIL\n"
				"silent.test TIMEOUT\n"
				"1.2.0.192.in-addr.arpa PTR a.test.\n"
				"99.2.0.192.well.test A 127.0.0.4\n"
				"99.2.0.192.well.test A 127.0.0.9\n"
				"99.2.0.192.well.test TXT \"why\\027\"\n"
				"98.2.0.192.well.test A 127.255.255.254\n"
				"97.2.0.192.well.test SERVFAIL\n"
				"*.all.test A 127.0.0.2\n"
				"example.org.names.test A 127.0.1.2\n";

const char *path_of(const char *name)
{
	static char path[80];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

void write_file(const char *name, const char *text)
{
	FILE *file = fopen(path_of(name), "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

char *read_all(const char *name)
{
	static char text[4096];
	FILE *file = fopen(path_of(name), "r");

	assert_non_null(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	return text;
}

/* --- a filter ----------------------------------------------------------- */

static struct generation *filter_current(void)
{
	return generation_ref(current);
}

static struct generation *deaf_current(void)
{
	return generation_ref(without_dns);
}

static struct generation *no_generation(void)
{
	return NULL;
}

static bool filter_reload(bool force, char **ret_report)
{
	atomic_fetch_add(&reloads, 1);
	*ret_report = strdup(force ? "forced\n" : "a.rules:3:1: error\n");
	return reload_good;
}

static bool filter_take_list(const char *name, char **ret_report)
{
	struct generation *gen;

	for (size_t i = 0; i < current->lists.count; i++) {
		if (strcmp(ruleset_list_info(current->rules, i)->name, name))
			continue;
		gen = generation_take_list(current, i, ret_report);
		if (gen == NULL)
			return *ret_report == NULL;
		generation_unref(current);
		current = gen;
		return true;
	}
	return false;
}

static struct milter_stats filter_milter(void)
{
	return (struct milter_stats){ .sessions = 7, .messages = 3 };
}

static struct inspector_stats filter_inspectors(void)
{
	return (struct inspector_stats){ .alive = 2, .channels = 64 };
}

static struct serve_stats filter_served(void)
{
	return (struct serve_stats){ .started = 1000, .reloads = 5 };
}

const struct control_context filter = {
	.current = filter_current,
	.reload = filter_reload,
	.take_list = filter_take_list,
	.milter = filter_milter,
	.inspectors = filter_inspectors,
	.served = filter_served,
	.config = "/etc/steelyard/steelyard.conf",
};
const struct control_context nobody = { .current = no_generation };
const struct control_context deaf = { .current = deaf_current };

static struct generation *load(void)
{
	struct generation_result result;

	result = generation_load(path_of("a.rules"), NULL, false);
	if (result.generation == NULL)
		fail_msg("%s", result.report);
	generation_result_done(&result);
	return result.generation;
}

static void give_dns(struct generation *gen)
{
	char error[DNS_ERROR_SIZE];
	struct resolver *resolver;

	resolver = resolver_open(&gen->settings, path_of("a.zone"), error);
	if (resolver == NULL)
		fail_msg("%s", error);
	assert_true(generation_use_resolver(gen, resolver));
	resolver_unref(resolver);
}

int filter_setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/sy-control-XXXXXX");
	assert_non_null(mkdtemp(folder));
	write_file("friends.list",
		   "# who\nexample.org\n=mx.example.net  # x\n");
	write_file("spam.list", "/pill[s]/i  # old\n");
	write_file("a.rules", rules_text);
	write_file("a.zone", zone_text);
	current = load();
	give_dns(current);
	without_dns = load();
	reload_good = true;
	return 0;
}

int filter_teardown(void **state)
{
	(void)state;
	generation_unref(current);
	generation_unref(without_dns);
	unlink(path_of("a.zone"));
	unlink(path_of("friends.list"));
	unlink(path_of("spam.list"));
	unlink(path_of("a.rules"));
	unlink(path_of("socket"));
	assert_int_equal(rmdir(folder), 0);
	return 0;
}
