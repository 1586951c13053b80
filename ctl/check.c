/*
 * check.c - is this configuration good?  Nothing but files is looked at.
 *
 * A folder is what somebody keeps rules in: if it holds steelyard.conf, that is
 * checked with all it includes, else all of its *.rules together, as an
 * include of them would bring them in.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ctl/command.h"
#include "ctl/print.h"
#include "filter/generation.h"
#include "filter/show.h"

static void add_text(json_t *answer, const char *key, const char *value)
{
	json_object_set_new(answer, key, show_text(value, strlen(value)));
}

static void print_answer(const struct command *command, const char *what,
			 const struct generation_result *result,
			 const char *lint, size_t warnings)
{
	const struct generation *gen = result->generation;
	json_t *answer;

	if (!command->json) {
		print_lines(stdout, result->report);
		print_lines(stdout, lint);
		print_escaped(stdout, what);
		printf(": %zu error%s, %zu warning%s", result->errors,
		       result->errors == 1 ? "" : "s", warnings,
		       warnings == 1 ? "" : "s");
		if (gen != NULL)
			printf("; %zu rules, %zu lists, digest %.8s",
			       ruleset_rule_count(gen->rules), gen->lists.count,
			       gen->digest);
		putchar('\n');
		return;
	}
	answer = json_pack("{s:b, s:I, s:I}", "ok", gen != NULL, "errors",
			   (json_int_t)result->errors, "warnings",
			   (json_int_t)warnings);
	add_text(answer, "checked", what);
	add_text(answer, "report", result->report);
	add_text(answer, "lint", lint);
	if (gen != NULL)
		add_text(answer, "digest", gen->digest);
	print_json(answer);
	json_decref(answer);
}

/* Says what was found, and lets go of it. */
static enum exit_code finish(const struct command *command, const char *what,
			     struct generation_result *result)
{
	enum exit_code code = result->generation != NULL ? EXIT_YES : EXIT_NO;
	size_t warnings = 0;
	char *lint = NULL;

	if (result->generation != NULL)
		lint = generation_lint(result->generation, &warnings);
	print_answer(command, what, result, lint != NULL ? lint : "",
		     warnings + result->warnings);
	free(lint);
	generation_unref(result->generation);
	generation_result_done(result);
	return code;
}

static enum exit_code check_file(const struct command *command,
				 const char *path)
{
	struct generation_result result = generation_load(path, NULL, true);

	return finish(command, path, &result);
}

static enum exit_code check_folder(const struct command *command,
				   const char *folder)
{
	struct generation_result result;
	enum exit_code code;
	struct stat st;
	char *path, *all;

	if (asprintf(&path, "%s/steelyard.conf", folder) < 0)
		return failed(command, "out of memory");
	if (stat(path, &st) == 0) {
		code = check_file(command, path);
	} else {
		if (asprintf(&all, "%s/*.rules", folder) < 0)
			all = NULL;
		result = generation_load_folder(folder);
		code = finish(command, all != NULL ? all : folder, &result);
		free(all);
	}
	free(path);
	return code;
}

static enum exit_code run_check(const struct command *command)
{
	const char *path = command->argument_count > 0 ? command->arguments[0]
						       : command->config;
	struct stat st;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return check_folder(command, path);
	return check_file(command, path);
}

static const char *const check_examples[] = {
	"steelyardctl check",
	"steelyardctl check /etc/steelyard/steelyard.conf",
	"steelyardctl check rules.d/",
	"steelyardctl check my.rules && steelyardctl reload",
	NULL,
};

const struct verb verb_check = {
	.name = "check",
	.arguments = "[FILE|FOLDER]",
	.help = "find what is wrong with a configuration, without the filter",
	.more = "Reports every error with its place, runs the examples in the "
		"rules, then looks for\nwhat is legal but hardly meant.  Exit "
		"code 1 if there are errors; warnings are 0.\nOf a folder its "
		"steelyard.conf is checked or, without one, all *.rules "
		"together.\n",
	.examples = check_examples,
	.most = 1,
	.run = run_check,
};
