/*
 * greylist_show.c - one sender: what is remembered, and what he would hear.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ctl/ask.h"
#include "ctl/greylist.h"
#include "ctl/print.h"
#include "lists/greylist.h"

static const char *text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static int64_t number(const json_t *object, const char *key)
{
	return (int64_t)json_integer_value(json_object_get(object, key));
}

/* --- who ----------------------------------------------------------------- */

static bool add(json_t *request, const char *member, const char *value)
{
	return value == NULL ||
	       json_object_set_new(request, member, json_string(value)) == 0;
}

/* By words: a key, an identity, or an identity with sender and recipient. */
static bool add_words(const struct command *command, json_t *request)
{
	const char *const *words = command->arguments + 1;
	size_t count = command->argument_count - 1;

	if (count == 2)
		return false;
	if (count == 0)
		return add(request, "client", command_value(command, "client"));
	if (count == 3)
		return add(request, "identity", words[0]) &&
		       add(request, "sender", words[1]) &&
		       add(request, "recipient", words[2]);
	if (command_has(command, "sender") || command_has(command, "recipient"))
		return add(request, "identity", words[0]);
	return add(request, "key", words[0]);
}

/* NULL with the reason told. */
static json_t *request_of(const struct command *command)
{
	size_t words = command->argument_count - 1;
	bool client = command_has(command, "client");
	json_t *request = json_pack("{s:s}", "action", "show");

	if ((words == 0) != client || words == 2 ||
	    (words == 3 && command_has(command, "sender"))) {
		json_decref(request);
		wrong_use(command, "show whom? KEY, IDENTITY, IDENTITY SENDER "
				   "RECIPIENT, or --client IP");
		return NULL;
	}
	if (!client &&
	    (command_has(command, "ptr") || command_has(command, "spf"))) {
		json_decref(request);
		wrong_use(command, "--ptr and --spf go with --client");
		return NULL;
	}
	if (add_words(command, request) &&
	    add(request, "ptr", command_value(command, "ptr")) &&
	    add(request, "spf", command_value(command, "spf")) &&
	    add(request, "sender", command_value(command, "sender")) &&
	    add(request, "recipient", command_value(command, "recipient")))
		return request;
	json_decref(request);
	wrong_use(command, "names and addresses must be UTF-8");
	return NULL;
}

/* --- what there is ------------------------------------------------------- */

/* "  label    5m ago (2026-11-22 10:00:00)" */
static void print_moment(const json_t *record, const char *key,
			 const char *label, int64_t now)
{
	char ago[GREYLIST_AGO], moment[TIME_TEXT];

	if (number(record, key) > 0)
		printf("  %-9s %s (%s)\n", label,
		       greylist_ago(number(record, key), now, ago),
		       time_text(number(record, key), moment));
}

static void print_left(const json_t *record, const char *key, const char *label)
{
	const json_t *left = json_object_get(record, key);
	char span[GREYLIST_SPAN_SIZE];

	if (json_is_null(left))
		printf("  %-9s until it is taken back\n", label);
	else if (json_integer_value(left) > 0)
		printf("  %-9s for another %s\n", label,
		       greylist_span(json_integer_value(left), span));
	else
		printf("  %-9s no more\n", label);
}

static void print_triplet(const json_t *record, int64_t now)
{
	bool waiting = strcmp(text(record, "state"), "waiting") == 0;
	char span[GREYLIST_SPAN_SIZE];

	print_moment(record, "first", "first", now);
	print_moment(record, "last", "last", now);
	printf("  %-9s %" PRId64 "\n", waiting ? "tries" : "uses",
	       number(record, "count"));
	if (!waiting)
		printf("  %-9s %s\n", "waited",
		       greylist_span(number(record, "waited"), span));
	else if (number(record, "wait_left") > 0)
		print_left(record, "wait_left", "waits");
	print_left(record, "left", waiting ? "may come" : "kept");
}

static void print_identity(const json_t *record, int64_t now)
{
	printf("  %-9s %" PRId64 "%s\n", "passes", number(record, "passes"),
	       json_is_true(json_object_get(record, "known"))
		       ? ", so it is known and does not wait"
		       : "");
	print_moment(record, "counted", "counted", now);
	print_moment(record, "last", "last", now);
	print_moment(record, "trapped", "trapped", now);
	if (json_object_get(record, "trap_left") != NULL)
		print_left(record, "trap_left", "refused");
	print_moment(record, "marked", "marked", now);
	if (json_object_get(record, "mark_left") != NULL)
		print_left(record, "mark_left",
			   strcmp(text(record, "mark"), "allow") == 0
				   ? "allowed"
				   : "blocked");
}

static void print_record(const json_t *record, int64_t now)
{
	const char *state = text(record, "state");
	const char *kind = text(record, "kind");

	print_escaped(stdout, text(record, "key"));
	if (state == NULL) {
		fputs("\n  not to be read: ", stdout);
		print_escaped(stdout, text(record, "value"));
		putchar('\n');
		return;
	}
	printf("\n  %-9s %s\n", kind,
	       strcmp(kind, "outbound") == 0 ? "one of ours wrote to it"
					     : state);
	if (strcmp(kind, "triplet") == 0) {
		print_triplet(record, now);
	} else if (strcmp(kind, "identity") == 0) {
		print_identity(record, now);
	} else {
		print_moment(record, "last", "last", now);
		print_left(record, "left", "kept");
	}
}

/* --- what comes next ----------------------------------------------------- */

static void print_next(const json_t *answer)
{
	const json_t *next = json_object_get(answer, "next");
	const json_t *left = json_object_get(next, "left");
	const char *said = text(next, "answer");
	char span[GREYLIST_SPAN_SIZE];

	if (said == NULL)
		return;
	printf("%s now would %s",
	       json_object_get(answer, "key") != NULL ? "A visit"
						      : "A new sender",
	       strcmp(said, "pass") == 0   ? "pass"
	       : strcmp(said, "wait") == 0 ? "have to wait"
					   : "be refused");
	if (json_is_integer(left))
		printf(" for %s",
		       greylist_span(json_integer_value(left), span));
	printf(": %s\n", text(next, "why"));
}

static void print_answer(const json_t *answer)
{
	int64_t now = (int64_t)time(NULL);
	json_t *record;
	size_t i;

	if (!json_is_true(json_object_get(answer, "there"))) {
		const char *whom = text(answer, "key");

		if (whom == NULL)
			whom = text(answer, "identity");
		if (whom == NULL)
			whom = text(answer, "address");
		fputs("nothing is remembered of ", stdout);
		print_escaped(stdout, whom != NULL ? whom : "that");
		putchar('\n');
	}
	json_array_foreach(json_object_get(answer, "records"), i, record)
		print_record(record, now);
	print_next(answer);
}

enum exit_code greylist_show(const struct command *command)
{
	json_t *request = request_of(command), *lines;
	struct greylist_asker *asker;
	enum exit_code code = EXIT_NO;

	if (request == NULL)
		return EXIT_WRONG;
	asker = greylist_asker_open(command, GREYLIST_LOOK);
	lines = greylist_ask(asker, request);
	if (lines != NULL && !answer_is_ok(lines)) {
		code = ask_refused(command, lines);
	} else if (lines != NULL) {
		if (command->json)
			print_json(answer_last(lines));
		else
			print_answer(answer_last(lines));
		if (json_is_true(json_object_get(answer_last(lines), "there")))
			code = EXIT_YES;
	}
	json_decref(lines);
	greylist_asker_close(asker);
	return code;
}
