/*
 * facts.c - the tables of facts and of settings, for whoever writes rules.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ask.h"
#include "ctl/command.h"
#include "ctl/print.h"
#include "filter/generation.h"
#include "filter/show.h"
#include "rules/diag.h"

static const char *text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static bool is(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

/* --- one row by name ---------------------------------------------------- */

struct rows {
	const json_t *rows;
	size_t at;
};

static const char *next_row(void *context)
{
	struct rows *rows = context;

	return text(json_array_get(rows->rows, rows->at++), "name");
}

static const json_t *row_find(const json_t *rows, const char *name)
{
	json_t *row;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)rows, i,
			   row) if (strcmp(text(row, "name"), name) ==
				    0) return row;
	return NULL;
}

static enum exit_code unknown_row(const struct command *command,
				  const json_t *rows, const char *what,
				  const char *name)
{
	struct rows names = { .rows = rows };
	const char *hint = NULL;
	enum exit_code code;
	struct diag diag;

	diag_init(&diag);
	diag_error(&diag, (struct place){ .file = 0 }, "unknown");
	diag_nearest(&diag, name, strlen(name), next_row, &names);
	if (diag.entry_count > 0)
		hint = diag.entries[0].hint;
	code = failed(command, "no %s is called %s%s%s", what, name,
		      hint != NULL ? "; " : "", hint != NULL ? hint : "");
	diag_done(&diag);
	return code;
}

/* --- facts -------------------------------------------------------------- */

/* "pass fail ..." of an enum's row; "" for others. */
static void print_words(const json_t *row)
{
	json_t *words = json_object_get(row, "words"), *word;
	size_t i;

	if (!json_is_array(words))
		return;
	printf("  one of   ");
	json_array_foreach(words, i, word)
		printf("%s%s", i > 0 ? ", " : "", json_string_value(word));
	putchar('\n');
}

static void print_fact(const json_t *row)
{
	printf("%s\n  meaning  %s\n  type     %s\n  known    when %s ends%s\n",
	       text(row, "name"), text(row, "meaning"), text(row, "type"),
	       text(row, "phase"),
	       is(row, "recipient") ? ", for each recipient" : "");
	print_words(row);
	if (!is(row, "built"))
		puts("  no check in this build establishes it");
}

static void print_facts(const json_t *facts)
{
	struct table *table = table_new(4);
	json_t *row;
	size_t i;

	table_cell(table, "FACT");
	table_cell(table, "TYPE");
	table_cell(table, "PHASE");
	table_cell(table, "MEANING");
	json_array_foreach((json_t *)(uintptr_t)facts, i, row)
	{
		char meaning[256];

		snprintf(meaning, sizeof(meaning), "%s%s", text(row, "meaning"),
			 is(row, "built") ? "" : " (not built in)");
		table_cell(table, text(row, "name"));
		table_cell(table, text(row, "type"));
		table_cell(table, text(row, "phase"));
		table_cell(table, meaning);
	}
	table_print(table, stdout);
}

static enum exit_code run_facts(const struct command *command)
{
	json_t *facts = show_facts();
	const char *name =
		command->argument_count > 0 ? command->arguments[0] : NULL;
	const json_t *row = name != NULL ? row_find(facts, name) : NULL;
	enum exit_code code = EXIT_YES;

	if (name != NULL && row == NULL)
		code = unknown_row(command, facts, "fact", name);
	else if (command->json)
		print_json(row != NULL ? row : facts);
	else if (row != NULL)
		print_fact(row);
	else
		print_facts(facts);
	json_decref(facts);
	return code;
}

static const char *const facts_examples[] = {
	"steelyardctl facts",
	"steelyardctl facts helo.name",
	"steelyardctl --json facts",
	NULL,
};

const struct verb verb_facts = {
	.name = "facts",
	.arguments = "[NAME]",
	.help = "what rules can ask about: names, types, when it is known",
	.examples = facts_examples,
	.most = 1,
	.run = run_facts,
};

/* --- settings ----------------------------------------------------------- */

static void print_settings(const json_t *settings)
{
	struct table *table = table_new(5);
	json_t *row;
	size_t i;

	table_cell(table, "SETTING");
	table_cell(table, "VALUE");
	table_cell(table, "SOURCE");
	table_cell(table, "DEFAULT");
	table_cell(table, "");
	json_array_foreach((json_t *)(uintptr_t)settings, i, row)
	{
		const char *source = text(row, "source");
		const char *standard = text(row, "default");

		table_cell(table, text(row, "name"));
		table_cell(table, text(row, "value"));
		table_cell(table, source != NULL ? source : "default");
		table_cell(table, source == NULL	? ""
				  : standard[0] == '\0' ? "\"\""
							: standard);
		table_cell(table, !is(row, "built")    ? "no effect yet"
				  : is(row, "restart") ? "needs a restart"
						       : "");
	}
	table_print(table, stdout);
}

static void print_setting(const json_t *row)
{
	const char *source = text(row, "source");
	const char *standard = text(row, "default");

	printf("%s\n  meaning  %s\n  value    ", text(row, "name"),
	       text(row, "meaning"));
	print_escaped(stdout, text(row, "value"));
	printf("\n  source   ");
	print_escaped(stdout, source != NULL ? source : "default");
	printf("\n  default  %s\n  type     %s\n",
	       standard[0] == '\0' ? "\"\"" : standard, text(row, "type"));
	if (is(row, "restart"))
		puts("  a change needs a restart");
	if (!is(row, "built"))
		puts("  has no effect in this build");
}

/* From the filter or from files; NULL when the reason has been told. */
static json_t *settings_lines(const struct command *command)
{
	json_t *request = json_pack("{s:s}", "verb", "settings");
	json_t *lines = NULL;
	struct generation *gen;
	char why[ASK_WHY];

	if (command_has(command, "live")) {
		if (ask_filter(command, request, &lines, why) != ASKED) {
			failed(command, "%s", why);
			return NULL;
		}
	} else {
		gen = ask_generation(command);
		if (gen == NULL) {
			json_decref(request);
			return NULL;
		}
		lines = ask_files(gen, request);
		generation_unref(gen);
	}
	if (answer_is_ok(lines))
		return lines;
	failed(command, "%s", answer_text(lines, "error"));
	json_decref(lines);
	return NULL;
}

static enum exit_code run_settings(const struct command *command)
{
	json_t *lines = settings_lines(command);
	const json_t *settings, *row = NULL;
	enum exit_code code = EXIT_YES;
	const char *name =
		command->argument_count > 0 ? command->arguments[0] : NULL;

	if (lines == NULL)
		return EXIT_NO;
	settings = json_object_get(answer_last(lines), "settings");
	if (name != NULL)
		row = row_find(settings, name);
	if (name != NULL && row == NULL)
		code = unknown_row(command, settings, "setting", name);
	else if (command->json)
		print_json(row != NULL ? row : settings);
	else if (row != NULL)
		print_setting(row);
	else
		print_settings(settings);
	json_decref(lines);
	return code;
}

static const struct verb_option settings_options[] = {
	{ "live", NULL, "those of the running filter, not of the files" },
	{ NULL, NULL, NULL },
};

static const char *const settings_examples[] = {
	"steelyardctl settings",
	"steelyardctl settings earliest_refusal",
	"steelyardctl settings --live --json",
	NULL,
};

const struct verb verb_settings = {
	.name = "settings",
	.arguments = "[--live] [NAME]",
	.help = "every setting with its value, where it comes from, its default",
	.options = settings_options,
	.examples = settings_examples,
	.most = 1,
	.run = run_settings,
};
