/*
 * list.c - lists: shown, asked, edited.
 *
 * The running filter is asked first, as it knows what it uses.  Without one,
 * files say the same.  A file that the filter may not write (its own
 * configuration seldom is) is written by whoever called us, if he may; the
 * filter is then told to look.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ask.h"
#include "ctl/command.h"
#include "ctl/print.h"
#include "filter/generation.h"
#include "lists/listfile.h"

static json_t *request_of(const struct command *command)
{
	const char *const *a = command->arguments;
	json_t *request;

	if (command->argument_count == 0)
		return json_pack("{s:s}", "verb", "lists");
	request = json_pack("{s:s, s:s%, s:s}", "verb", "list", "name", a[0],
			    strlen(a[0]), "action",
			    command->argument_count > 1 ? a[1] : "show");
	if (command->argument_count > 2 &&
	    json_object_set_new(request, "entry", json_string(a[2])) < 0) {
		json_decref(request);
		return NULL;
	}
	return request;
}

/* What the request came to; NULL when the reason has been told. */
static json_t *ask(const struct command *command)
{
	json_t *request = request_of(command), *lines = NULL;
	struct generation *gen;
	char why[ASK_WHY];
	enum asked asked;

	if (request == NULL) {
		wrong_use(command, "names and entries must be UTF-8");
		return NULL;
	}
	asked = ask_filter(command, json_incref(request), &lines, why);
	if (asked == ASKED_NOBODY) {
		fprintf(stderr, "steelyardctl list: the filter does not run; "
				"this is from its files\n");
		gen = ask_generation(command);
		if (gen != NULL)
			lines = ask_files(gen, json_incref(request));
		generation_unref(gen);
	} else if (asked == ASKED_FAILED) {
		failed(command, "%s", why);
	}
	json_decref(request);
	return lines;
}

/* --- printing ----------------------------------------------------------- */

static void print_lists(const json_t *lists)
{
	struct table *table = table_new(4);
	json_t *row;
	size_t i;

	table_cell(table, "LIST");
	table_cell(table, "KIND");
	table_cell(table, "ENTRIES");
	table_cell(table, "FILE");
	json_array_foreach((json_t *)(uintptr_t)lists, i, row)
	{
		json_t *file = json_object_get(row, "file");
		char count[32];

		snprintf(count, sizeof(count), "%" PRId64,
			 (int64_t)json_integer_value(
				 json_object_get(row, "entries")));
		table_cell(table,
			   json_string_value(json_object_get(row, "name")));
		table_cell(table,
			   json_string_value(json_object_get(row, "kind")));
		table_cell(table, count);
		table_cell(table, json_is_string(file) ? json_string_value(file)
						       : "between braces");
	}
	table_print(table, stdout);
}

static void print_entries(const struct command *command, const json_t *lines)
{
	json_t *all = json_array(), *line, *entry;
	size_t i, j;

	json_array_foreach((json_t *)(uintptr_t)lines, i, line)
		json_array_foreach(json_object_get(line, "entries"), j, entry)
	{
		if (command->json) {
			json_array_append(all, entry);
			continue;
		}
		print_escaped(stdout, json_string_value(entry));
		putchar('\n');
	}
	if (command->json) {
		line = json_pack("{s:b, s:O}", "ok", true, "entries", all);
		print_json(line);
		json_decref(line);
	}
	json_decref(all);
}

static enum exit_code print_test(const struct command *command,
				 const json_t *lines)
{
	const json_t *last = answer_last(lines);
	bool listed = json_is_true(json_object_get(last, "listed"));
	const char *pattern =
		json_string_value(json_object_get(last, "pattern"));

	if (command->json) {
		print_json(last);
	} else {
		print_escaped(stdout, command->arguments[2]);
		printf(" is %sin ", listed ? "" : "not ");
		print_escaped(stdout, command->arguments[0]);
		if (pattern != NULL) {
			fputs(": ", stdout);
			print_escaped(stdout, pattern);
		}
		putchar('\n');
	}
	return listed ? EXIT_YES : EXIT_NO;
}

/* --- edits -------------------------------------------------------------- */

static int kind_find(const char *name)
{
	for (int kind = LIST_IP; kind <= LIST_REGEX; kind++)
		if (strcmp(entry_kind_name((enum list_kind)kind), name) == 0)
			return kind;
	return -1;
}

/* Tells the filter that a list has another content; takes its answer in. */
static void announce(const struct command *command, json_t *answer)
{
	json_t *lines = NULL;
	char why[ASK_WHY];

	if (ask_filter(command,
		       json_pack("{s:s, s:s}", "verb", "refresh", "name",
				 command->arguments[0]),
		       &lines, why) != ASKED)
		return; /* `live` stays false */
	json_object_set_new(answer, "live", json_boolean(answer_is_ok(lines)));
	if (!answer_is_ok(lines))
		json_object_set_new(answer, "report",
				    json_string(answer_text(lines, "report")));
	json_decref(lines);
}

/*
 * The filter could not write the file: perhaps we can.  NULL if we cannot
 * either, with the reason told.
 */
static json_t *edit_here(const struct command *command, const json_t *lines)
{
	const char *path = answer_text(lines, "path");
	const char *entry = command->arguments[2];
	bool add = strcmp(command->arguments[1], "add") == 0;
	int kind = kind_find(answer_text(lines, "kind"));
	char error[FILE_ERROR_SIZE] = "";
	enum list_edit edit;
	json_t *answer;

	if (path[0] == '\0' || kind < 0) {
		failed(command, "%s", answer_text(lines, "error"));
		return NULL;
	}
	edit = (add ? list_file_add
		    : list_file_remove)(path, (enum list_kind)kind, entry,
					strlen(entry), error, sizeof(error));
	if (edit == LIST_EDIT_FAILED) {
		failed(command, "%s", error);
		return NULL;
	}
	answer = json_pack("{s:b, s:b, s:b}", "ok", true, "changed",
			   edit == LIST_EDITED, "live", false);
	announce(command, answer);
	return answer;
}

static enum exit_code print_edit(const struct command *command,
				 const json_t *answer)
{
	bool add = strcmp(command->arguments[1], "add") == 0;
	bool changed = json_is_true(json_object_get(answer, "changed"));
	bool live = json_is_true(json_object_get(answer, "live"));
	const char *report =
		json_string_value(json_object_get(answer, "report"));

	if (command->json) {
		print_json(answer);
	} else {
		print_escaped(stdout, command->arguments[2]);
		printf(" %s %s ",
		       !changed ? (add ? "was already" : "was not")
		       : add	? "is now"
				: "is no longer",
		       "in");
		print_escaped(stdout, command->arguments[0]);
		puts(live ? "" : " (its file; no filter has read it yet)");
	}
	if (report == NULL)
		return EXIT_YES;
	return failed(command, "the filter did not take it: %s", report);
}

static enum exit_code finish_edit(const struct command *command,
				  const json_t *lines)
{
	enum exit_code code;
	json_t *answer;

	if (answer_is_ok(lines))
		return print_edit(command, answer_last(lines));
	answer = edit_here(command, lines);
	if (answer == NULL)
		return EXIT_NO;
	code = print_edit(command, answer);
	json_decref(answer);
	return code;
}

/* --- the verb ----------------------------------------------------------- */

static enum exit_code print_answer(const struct command *command,
				   const json_t *lines, const char *action)
{
	if (strcmp(action, "add") == 0 || strcmp(action, "remove") == 0)
		if (answer_is_ok(lines) ||
		    answer_text(lines, "path")[0] != '\0')
			return finish_edit(command, lines);
	if (!answer_is_ok(lines))
		return ask_refused(command, lines);
	if (strcmp(action, "test") == 0)
		return print_test(command, lines);
	if (strcmp(action, "show") == 0)
		print_entries(command, lines);
	else if (command->json)
		print_json(json_object_get(answer_last(lines), "lists"));
	else
		print_lists(json_object_get(answer_last(lines), "lists"));
	return EXIT_YES;
}

static enum exit_code run_list(const struct command *command)
{
	const char *action = command->argument_count == 0 ? ""
			     : command->argument_count == 1
				     ? "show"
				     : command->arguments[1];
	enum exit_code code;
	json_t *lines;

	if (strcmp(action, "show") == 0 && command->argument_count > 2)
		return wrong_use(command, "show takes no entry");
	lines = ask(command);
	if (lines == NULL)
		return EXIT_NO;
	code = print_answer(command, lines, action);
	json_decref(lines);
	return code;
}

static const char *const list_examples[] = {
	"steelyardctl list",
	"steelyardctl list our_nets show",
	"steelyardctl list partners test anna@example.org && echo listed",
	"steelyardctl list partners add @example.net",
	"steelyardctl list partners remove @example.net",
	NULL,
};

const struct verb verb_list = {
	.name = "list",
	.arguments = "[NAME [show | test X | add X | remove X]]",
	.help = "the lists that rules ask: shown, asked, edited",
	.more = "Asks the running filter; without one, its files.  test has "
		"exit code 0 if X is listed\nand 1 if not.  add and remove "
		"change the list's file, whose other lines stay as they\nare, "
		"and the filter uses it at once; a list written between braces "
		"is edited by hand.\n",
	.examples = list_examples,
	.most = 3,
	.run = run_list,
};
