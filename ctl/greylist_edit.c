/*
 * greylist_edit.c - an admin's word, and what shall be forgotten.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/ask.h"
#include "ctl/greylist.h"
#include "ctl/print.h"
#include "lists/greylist.h"
#include "rules/mail/ascii.h"

/* --- marks --------------------------------------------------------------- */

static void print_mark(const char *action, const json_t *answer)
{
	const char *was = json_string_value(json_object_get(answer, "was"));
	int64_t span = json_integer_value(json_object_get(answer, "for"));
	char text[GREYLIST_SPAN_SIZE];
	bool unmark = strcmp(action, "unmark") == 0;

	print_escaped(stdout,
		      json_string_value(json_object_get(answer, "identity")));
	if (unmark && was == NULL)
		puts(" was not marked");
	else if (unmark)
		printf(" is no longer %sed\n", was);
	else if (span == 0)
		printf(" is %sed until that is taken back\n", action);
	else
		printf(" is %sed for %s\n", action, greylist_span(span, text));
}

static enum exit_code mark(const struct command *command, const char *action)
{
	const char *given = command_value(command, "for");
	struct greylist_asker *asker;
	enum exit_code code = EXIT_YES;
	json_t *request, *lines;
	int64_t span = 0;

	if (given != NULL && (!greylist_read_span(given, &span) || span == 0))
		return wrong_use(command,
				 "--for wants a time such as 12h or "
				 "30d, not \"%s\"",
				 given);
	request = json_pack("{s:s, s:s}", "action", action, "identity",
			    command->arguments[1]);
	if (span > 0)
		json_object_set_new(request, "for",
				    json_integer((json_int_t)span));
	asker = greylist_asker_open(command, GREYLIST_CHANGE);
	lines = greylist_ask(asker, request);
	if (lines == NULL)
		code = request == NULL ? EXIT_WRONG : EXIT_NO;
	else if (!answer_is_ok(lines))
		code = ask_refused(command, lines);
	else if (command->json)
		print_json(answer_last(lines));
	else
		print_mark(action, answer_last(lines));
	json_decref(lines);
	greylist_asker_close(asker);
	return code;
}

enum exit_code greylist_allow(const struct command *command)
{
	return mark(command, "allow");
}

enum exit_code greylist_block(const struct command *command)
{
	return mark(command, "block");
}

enum exit_code greylist_unmark(const struct command *command)
{
	return mark(command, "unmark");
}

/* --- forget -------------------------------------------------------------- */

static bool add_count(void *context, const json_t *lines)
{
	uint64_t *count = context;

	*count += (uint64_t)json_integer_value(
		json_object_get(answer_last(lines), "count"));
	return true;
}

/* All pages; counts what is forgotten, or would be. */
static enum exit_code forget(struct greylist_asker *asker,
			     const json_t *request, bool dry_run,
			     uint64_t *ret_count)
{
	json_t *copy = json_copy((json_t *)(uintptr_t)request);

	*ret_count = 0;
	json_object_set_new(copy, "dry_run", json_boolean(dry_run));
	return greylist_pages(asker, copy, add_count, ret_count);
}

static bool agrees(uint64_t count)
{
	char answer[16] = "";

	fprintf(stderr, "Forget %" PRIu64 " record%s? [y/N] ", count,
		count == 1 ? "" : "s");
	return fgets(answer, sizeof(answer), stdin) != NULL &&
	       ascii_lower(answer[0]) == 'y';
}

static void print_count(const struct command *command, bool dry_run,
			uint64_t count)
{
	json_t *answer;

	if (!command->json) {
		printf("%" PRIu64 " record%s %s forgotten\n", count,
		       count == 1 ? "" : "s",
		       dry_run	    ? "would be"
		       : count == 1 ? "is"
				    : "are");
		return;
	}
	answer = json_pack("{s:b, s:I, s:b}", "ok", true, "count",
			   (json_int_t)count, "dry_run", dry_run);
	print_json(answer);
	json_decref(answer);
}

/* Asks where somebody sits; false: not now, with the code. */
static bool may_forget(const struct command *command,
		       struct greylist_asker *asker, const json_t *request,
		       enum exit_code *ret_code)
{
	uint64_t count;

	if (command_has(command, "yes"))
		return true;
	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
		*ret_code = wrong_use(command, "nobody is here to be asked; "
					       "--yes forgets, --dry-run "
					       "counts");
		return false;
	}
	*ret_code = forget(asker, request, true, &count);
	if (*ret_code != EXIT_YES)
		return false;
	if (count > 0 && agrees(count))
		return true;
	*ret_code = EXIT_NO;
	puts(count > 0 ? "nothing is forgotten" : "there is nothing like that");
	return false;
}

enum { PATTERN_MAX = 1024 };

/* A key as it is shown, in parts, with what is special in patterns escaped. */
static bool split_key(const char *key, char parts[3][PATTERN_MAX])
{
	size_t part = 0, len = 0;

	for (; *key != '\0'; key++) {
		if (*key == ' ') {
			parts[part++][len] = '\0';
			len = 0;
			if (part == 3)
				return false;
			continue;
		}
		if (len + 3 > PATTERN_MAX)
			return false;
		if (strchr("*?[\\", *key) != NULL)
			parts[part][len++] = '\\';
		parts[part][len++] = *key;
	}
	parts[part][len] = '\0';
	return part == 2;
}

static bool request_of(const struct command *command, json_t **ret_request)
{
	const char *const *words = command->arguments + 1;
	size_t count = command->argument_count - 1;
	char parts[3][PATTERN_MAX];
	const char *const key[] = { parts[0], parts[1], parts[2] };

	if (count == 1 && strchr(words[0], ' ') != NULL) {
		if (!split_key(words[0], parts)) {
			wrong_use(command,
				  "\"%s\" is no key; one is an "
				  "identity, a sender and a recipient",
				  words[0]);
			return false;
		}
		words = key;
		count = 3;
	}
	return greylist_request(command, "forget", words, count, ret_request);
}

/* Something must say what, or all would be forgotten by mistake. */
static bool says_what(const struct command *command)
{
	static const char *const how[] = { "yes", "dry-run" };

	if (command->argument_count > 1)
		return true;
	for (size_t i = 0; i < command->given_count; i++)
		if (strcmp(command->given[i].option->name, how[0]) != 0 &&
		    strcmp(command->given[i].option->name, how[1]) != 0)
			return true;
	return false;
}

enum exit_code greylist_forget(const struct command *command)
{
	bool dry_run = command_has(command, "dry-run");
	struct greylist_asker *asker;
	enum exit_code code = EXIT_YES;
	uint64_t count = 0;
	json_t *request;

	if (!says_what(command))
		return wrong_use(command,
				 "forget what? IDENTITY [SENDER [RECIPIENT]] "
				 "as patterns, or options; '*' is all");
	if (!request_of(command, &request))
		return EXIT_WRONG;
	asker = greylist_asker_open(command,
				    dry_run ? GREYLIST_LOOK : GREYLIST_CHANGE);
	if (dry_run || may_forget(command, asker, request, &code))
		code = forget(asker, request, dry_run, &count);
	else
		goto done;
	if (code == EXIT_YES)
		print_count(command, dry_run, count);
done:
	json_decref(request);
	greylist_asker_close(asker);
	return code;
}
