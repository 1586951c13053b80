/*
 * status.c - how the filter does, and that it shall load its files anew.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ask.h"
#include "ctl/command.h"
#include "ctl/print.h"

static json_int_t number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static const char *text(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return value != NULL ? value : "-";
}

/* "name: format" with both aligned; the value is escaped. */
static void line(const char *name, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void line(const char *name, const char *format, ...)
{
	char *value;
	va_list args;
	int len;

	va_start(args, format);
	len = vasprintf(&value, format, args);
	va_end(args);
	if (len < 0)
		return;
	printf("%-14s ", name);
	print_escaped(stdout, value);
	putchar('\n');
	free(value);
}

static void print_configuration(const json_t *status)
{
	const json_t *conf = json_object_get(status, "configuration");
	char when[TIME_TEXT];

	line("configuration", "%s, mode %s, loaded %s", text(conf, "file"),
	     text(conf, "mode"), time_text(number(conf, "loaded"), when));
	line("rules",
	     "generation %" PRId64 ": %" PRId64 " rules, %" PRId64
	     " lists, digest %s",
	     (int64_t)number(conf, "generation"),
	     (int64_t)number(conf, "rules"), (int64_t)number(conf, "lists"),
	     text(conf, "digest"));
	line("reloads", "%" PRId64 ", and %" PRId64 " refused",
	     (int64_t)number(status, "reloads"),
	     (int64_t)number(status, "refused_reloads"));
	line("milter socket", "%s", text(conf, "milter_socket"));
}

static void print_work(const json_t *status)
{
	const json_t *milter = json_object_get(status, "milter");
	const json_t *pool = json_object_get(status, "inspectors");
	json_int_t limit = number(milter, "limit"); /* 0: not known yet */
	char most[40] = "";

	if (limit > 0)
		snprintf(most, sizeof(most), " of at most %" PRId64,
			 (int64_t)limit);
	line("sessions", "%" PRId64 " open%s, %" PRId64 " messages under way%s",
	     (int64_t)number(milter, "sessions"), most,
	     (int64_t)number(milter, "messages"),
	     json_is_true(json_object_get(milter, "draining")) ? ", draining"
							       : "");
	line("inspectors",
	     "%" PRId64 " alive, %" PRId64 " of %" PRId64 " channels in use",
	     (int64_t)number(pool, "alive"), (int64_t)number(pool, "leased"),
	     (int64_t)number(pool, "channels"));
	line("inspected",
	     "%" PRId64 " messages, %" PRId64 " crashes, %" PRId64
	     " hangs, %" PRId64 " refused, %" PRId64 " busy",
	     (int64_t)number(pool, "messages"),
	     (int64_t)number(pool, "crashes"), (int64_t)number(pool, "hangs"),
	     (int64_t)number(pool, "refused"), (int64_t)number(pool, "busy"));
}

/* "2 of 8 lists muted: a.example, b.example" */
static void print_muted(const json_t *dns, char *out, size_t size)
{
	const json_t *muted = json_object_get(dns, "muted");
	size_t used, index;
	json_t *zone;

	used = (size_t)snprintf(out, size,
				"%" PRId64 " lists, %zu of them muted",
				(int64_t)number(dns, "lists"),
				json_array_size(muted));
	json_array_foreach(muted, index, zone)
	{
		if (used < size)
			used += (size_t)snprintf(out + used, size - used,
						 "%s %s",
						 index == 0 ? ":" : ",",
						 json_string_value(zone));
	}
}

static void print_dns(const json_t *status)
{
	const json_t *dns = json_object_get(status, "dns");
	char lists[1024];

	if (json_object_get(dns, "lists") == NULL) {
		line("DNS", "%s", text(dns, "state"));
		return;
	}
	print_muted(dns, lists, sizeof(lists));
	line("DNS", "%s; %s", text(dns, "state"), lists);
}

static void print_status(const json_t *status)
{
	json_int_t now = number(status, "time");
	json_int_t started = number(status, "started");
	char when[TIME_TEXT], since[TIME_TEXT];
	const char *name;
	json_t *count;

	line("steelyard", "%s, running since %s (%s)", text(status, "version"),
	     time_text(started, when), duration_text(now - started, since));
	line("processes", "supervisor %" PRId64 ", filter %" PRId64,
	     (int64_t)number(status, "supervisor"),
	     (int64_t)number(status, "filter"));
	print_configuration(status);
	print_work(status);
	print_dns(status);
	puts("\nsince the filter began");
	json_object_foreach(json_object_get(status, "counts"), name, count)
	{
		char shown[32];

		snprintf(shown, sizeof(shown), "%s", name);
		for (char *c = shown; *c != '\0'; c++)
			if (*c == '_')
				*c = ' ';
		printf("  %-20s ", shown);
		printf("%" PRId64 "\n", (int64_t)json_integer_value(count));
	}
}

/* Asks for what only a running filter can do. */
static enum exit_code ask(const struct command *command, json_t *request,
			  json_t **ret_lines)
{
	char why[ASK_WHY];

	switch (ask_filter(command, request, ret_lines, why)) {
	case ASKED: return EXIT_YES;
	case ASKED_NOBODY:
		return failed(command, "the filter does not run (%s)", why);
	case ASKED_FAILED: break;
	}
	return failed(command, "%s", why);
}

static enum exit_code run_status(const struct command *command)
{
	json_t *lines;
	enum exit_code code =
		ask(command, json_pack("{s:s}", "verb", "status"), &lines);

	if (code != EXIT_YES)
		return code;
	if (!answer_is_ok(lines))
		code = failed(command, "%s", answer_text(lines, "error"));
	else if (command->json)
		print_json(answer_last(lines));
	else
		print_status(answer_last(lines));
	json_decref(lines);
	return code;
}

static enum exit_code run_reload(const struct command *command)
{
	json_t *lines;
	enum exit_code code;

	code = ask(command,
		   json_pack("{s:s, s:b}", "verb", "reload", "force",
			     command_has(command, "force")),
		   &lines);
	if (code != EXIT_YES)
		return code;
	if (command->json)
		print_json(answer_last(lines));
	else
		print_lines(stdout, answer_text(lines, "report"));
	if (!answer_is_ok(lines))
		code = failed(command, "%s", answer_text(lines, "error"));
	else if (!command->json)
		puts("reloaded");
	json_decref(lines);
	return code;
}

static const char *const status_examples[] = {
	"steelyardctl status",
	"steelyardctl --json status",
	NULL,
};

const struct verb verb_status = {
	.name = "status",
	.arguments = "",
	.help = "how the filter does: processes, configuration, counts",
	.examples = status_examples,
	.run = run_status,
};

static const struct verb_option reload_options[] = {
	{ "force", NULL, "also take lists that shrank suspiciously" },
	{ NULL, NULL, NULL },
};

static const char *const reload_examples[] = {
	"steelyardctl check && steelyardctl reload",
	"steelyardctl reload --force",
	NULL,
};

const struct verb verb_reload = {
	.name = "reload",
	.arguments = "[--force]",
	.help = "load rules, lists and settings anew, all of them or none",
	.more = "A configuration with mistakes is refused: they are shown, the "
		"exit code is 1,\nand the filter goes on with what it has.\n",
	.options = reload_options,
	.examples = reload_examples,
	.run = run_reload,
};
