/*
 * dns.c - what the filter's resolver says, and how it fares.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "ctl/ask.h"
#include "ctl/command.h"
#include "ctl/print.h"

static const char *text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static int64_t number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static void line(const char *name, const char *value)
{
	printf("%-10s ", name);
	print_escaped(stdout, value != NULL ? value : "-");
	putchar('\n');
}

/* --- query --------------------------------------------------------------- */

static json_t *query_of(const struct command *command)
{
	const char *const *a = command->arguments;

	if (command->argument_count < 3)
		return json_pack("{s:s, s:s, s:s}", "verb", "dns", "action",
				 "query", "name", a[1]);
	return json_pack("{s:s, s:s, s:s, s:s}", "verb", "dns", "action",
			 "query", "name", a[1], "type", a[2]);
}

static enum exit_code print_query(const json_t *answer)
{
	const char *status = text(answer, "status");
	bool known = json_is_true(json_object_get(answer, "known"));
	json_t *record;
	size_t i;

	printf("%-10s ", "question");
	print_escaped(stdout, text(answer, "question"));
	printf(" %s\n", text(answer, "type"));
	printf("%-10s %s%s, %s%" PRId64 " ms\n", "status", status,
	       known ? "" : ", so nothing is known",
	       json_is_true(json_object_get(answer, "cached"))
		       ? "from the cache, "
		       : "",
	       number(answer, "ms"));
	if (number(answer, "cnames") > 0)
		line("stands for", text(answer, "canonical"));
	if (known)
		printf("%-10s %" PRId64 " s\n", "ttl", number(answer, "ttl"));
	json_array_foreach(json_object_get(answer, "records"), i, record)
		line("record", text(record, "text"));
	return strcmp(status, "found") == 0 ? EXIT_YES : EXIT_NO;
}

/* --- stats --------------------------------------------------------------- */

static void print_numbers(const char *name, const json_t *object, bool zeros)
{
	bool first = true;
	const char *key;
	json_t *value;

	printf("%-10s ", name);
	json_object_foreach((json_t *)(uintptr_t)object, key, value)
	{
		if (!json_is_integer(value) ||
		    (!zeros && json_integer_value(value) == 0))
			continue;
		printf("%s%" PRId64 " ", first ? "" : ", ",
		       (int64_t)json_integer_value(value));
		for (const char *c = key; *c != '\0'; c++)
			putchar(*c == '_' ? ' ' : *c);
		first = false;
	}
	puts(first ? "-" : "");
}

static enum exit_code print_stats(const json_t *stats)
{
	const json_t *breaker = json_object_get(stats, "breaker");
	const char *zone = text(stats, "zone_file");
	json_t *server;
	size_t i;

	if (zone != NULL)
		line("zone file", zone);
	json_array_foreach(json_object_get(stats, "servers"), i, server)
		line("server", json_string_value(server));
	if (text(stats, "warning") != NULL)
		line("warning", text(stats, "warning"));
	printf("%-10s %s; opened %" PRId64 " times\n", "breaker",
	       text(breaker, "state"), number(breaker, "opened"));
	print_numbers("questions", json_object_get(stats, "questions"), true);
	print_numbers("answers", json_object_get(stats, "answers"), false);
	print_numbers("network", json_object_get(stats, "network"), true);
	print_numbers("cache", json_object_get(stats, "cache"), true);
	return EXIT_YES;
}

/* --- the verb ------------------------------------------------------------ */

static enum exit_code print_answer(const struct command *command,
				   const json_t *lines)
{
	const json_t *answer = answer_last(lines);
	const char *action = command->arguments[0];
	const char *status = text(answer, "status");

	if (!answer_is_ok(lines))
		return ask_refused(command, lines);
	if (command->json) {
		print_json(answer);
		return status == NULL || strcmp(status, "found") == 0 ? EXIT_YES
								      : EXIT_NO;
	}
	if (strcmp(action, "query") == 0)
		return print_query(answer);
	if (strcmp(action, "stats") == 0)
		return print_stats(answer);
	puts("the cache is empty");
	return EXIT_YES;
}

static enum exit_code run_dns(const struct command *command)
{
	const char *action = command->arguments[0];
	bool query = strcmp(action, "query") == 0;
	enum exit_code code;
	json_t *request, *lines;

	if (!query && strcmp(action, "stats") != 0 &&
	    strcmp(action, "flush") != 0)
		return wrong_use(command, "%s is none of query, stats, flush",
				 action);
	if (query && command->argument_count < 2)
		return wrong_use(command, "query wants a NAME");
	if (!query && command->argument_count > 1)
		return wrong_use(command, "%s takes nothing more", action);
	request = query ? query_of(command)
			: json_pack("{s:s, s:s}", "verb", "dns", "action",
				    action);
	if (request == NULL)
		return wrong_use(command, "names must be UTF-8");
	lines = ask_about_dns(command, request,
			      query ? ASK_SETTINGS : ASK_ONLY_FILTER);
	if (lines == NULL)
		return EXIT_NO;
	code = print_answer(command, lines);
	json_decref(lines);
	return code;
}

static const struct verb_option dns_options[] = {
	{ "dns", "FILE", "ask this zone file, neither filter nor network" },
	{ NULL, NULL, NULL },
};

static const char *const dns_examples[] = {
	"steelyardctl dns query example.org MX",
	"steelyardctl dns query 192.0.2.1",
	"steelyardctl dns query --dns world.zone example.org TXT",
	"steelyardctl dns stats",
	"steelyardctl dns flush",
	NULL,
};

const struct verb verb_dns = {
	.name = "dns",
	.arguments = "query NAME [TYPE] | stats | flush",
	.help = "what DNS says, as the filter hears it",
	.more = "TYPE is A, AAAA, PTR, MX, TXT, NS, SOA or CNAME; A if it is "
		"not given, and PTR where\nNAME is an address.  The running "
		"filter is asked, whose cache answers first; without\none the "
		"question is put as its settings say.  The exit code of query "
		"is 0 if records were\nfound and 1 if there are none, or "
		"nothing is known.  stats tells how the resolver\nfares, flush "
		"empties its cache.\n",
	.options = dns_options,
	.examples = dns_examples,
	.least = 1,
	.most = 3,
	.run = run_dns,
};
