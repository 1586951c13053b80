/*
 * main.c - steelyardctl: which verb, and what it was given.
 *
 * Options may stand before or behind the verb and its arguments; "--" ends
 * them.  Wrong use is one line that says what would have been right.
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/print.h"
#include "rules/diag.h"

static const struct verb *const verbs[] = {
	&verb_status,	&verb_reload,	&verb_check, &verb_facts,
	&verb_settings, &verb_greylist, &verb_list,  &verb_dns,
	&verb_dnsbl,	&verb_spf,	&verb_test,
};
enum { VERBS = sizeof(verbs) / sizeof(verbs[0]) };

/* What every verb takes. */
static const struct verb_option common[] = {
	{ "config", "FILE", "the configuration; -c for short" },
	{ "socket", "PATH",
	  "the control socket, instead of the configured one" },
	{ "json", NULL, "answer in JSON" },
	{ "help", NULL, "say what there is; -h for short" },
	{ "version", NULL, "print the version; -V for short" },
	{ NULL, NULL, NULL },
};

/* --- help --------------------------------------------------------------- */

static void print_options(const struct verb_option *options)
{
	for (; options != NULL && options->name != NULL; options++) {
		char name[40];

		snprintf(name, sizeof(name), "--%s%s%s", options->name,
			 options->value != NULL ? " " : "",
			 options->value != NULL ? options->value : "");
		printf("  %-20s %s\n", name, options->meaning);
	}
}

static void help_all(void)
{
	printf("usage: steelyardctl [-c FILE] [--json] VERB ...\n\n");
	for (size_t i = 0; i < VERBS; i++)
		printf("  %-10s %s\n", verbs[i]->name, verbs[i]->help);
	printf("\nFor each of them:\n");
	print_options(common);
	printf("\nExit code: 0 done, or yes; 1 not done, or no; 2 wrong use.\n"
	       "`steelyardctl VERB --help` says more, with examples.\n");
}

static void help_verb(const struct verb *verb)
{
	printf("usage: steelyardctl %s%s%s\n\n%s.\n", verb->name,
	       verb->arguments[0] != '\0' ? " " : "", verb->arguments,
	       verb->help);
	if (verb->more != NULL)
		printf("%s", verb->more);
	if (verb->options != NULL) {
		printf("\nOptions:\n");
		print_options(verb->options);
	}
	printf("\nFor every verb:\n");
	print_options(common);
	printf("\nExamples:\n");
	for (const char *const *e = verb->examples; *e != NULL; e++)
		printf("  %s\n", *e);
}

/* --- wrong use ---------------------------------------------------------- */

struct names {
	size_t at;
	const struct verb_option *options; /* NULL: verbs */
	bool in_common;
};

static const char *next_name(void *context)
{
	struct names *names = context;
	const char *name;

	if (names->options == NULL)
		return names->at < VERBS ? verbs[names->at++]->name : NULL;
	name = names->options[names->at].name;
	if (name == NULL && !names->in_common) {
		*names = (struct names){ .options = common, .in_common = true };
		name = common[0].name;
	}
	names->at++;
	return name;
}

/* One line: what is wrong, and what is near. */
static enum exit_code unknown(const char *what, const char *name,
			      struct names names)
{
	struct diag diag;
	const char *hint;

	diag_init(&diag);
	diag_error(&diag, (struct place){ .file = 0 }, "unknown");
	diag_nearest(&diag, name, strlen(name), next_name, &names);
	hint = diag.entry_count > 0 ? diag.entries[0].hint : NULL;
	fprintf(stderr, "steelyardctl: unknown %s \"", what);
	print_escaped(stderr, name);
	fprintf(stderr, "\"%s%s\n",
		hint != NULL ? ", " : "; try steelyardctl --help",
		hint != NULL ? hint : "");
	diag_done(&diag);
	return EXIT_WRONG;
}

static enum exit_code wrong(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

static enum exit_code wrong(const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fputs("steelyardctl: ", stderr);
	print_escaped(stderr, text);
	fputs("; try steelyardctl --help\n", stderr);
	return EXIT_WRONG;
}

/* --- parsing ------------------------------------------------------------ */

struct parse {
	struct command command;
	int argc;
	char **argv;
	const char **arguments;
	struct given *given;
	bool help, version;
	enum exit_code code; /* once it is clear that nothing will be run */
};

static const struct verb *verb_find(const char *name)
{
	for (size_t i = 0; i < VERBS; i++)
		if (strcmp(verbs[i]->name, name) == 0)
			return verbs[i];
	return NULL;
}

static const struct verb_option *option_find(const struct verb_option *options,
					     const char *name, size_t len)
{
	for (; options != NULL && options->name != NULL; options++)
		if (strlen(options->name) == len &&
		    memcmp(options->name, name, len) == 0)
			return options;
	return NULL;
}

/* Before the verb is known: the first one's that has it. */
static const struct verb_option *option_of_any(const char *name, size_t len)
{
	const struct verb_option *option = NULL;

	for (size_t i = 0; i < VERBS && option == NULL; i++)
		option = option_find(verbs[i]->options, name, len);
	return option;
}

static void common_given(struct parse *parse, const struct verb_option *option,
			 const char *value)
{
	struct command *command = &parse->command;

	if (strcmp(option->name, "config") == 0) {
		command->config = value;
		command->config_given = true;
	} else if (strcmp(option->name, "socket") == 0) {
		command->socket = value;
	} else if (strcmp(option->name, "json") == 0) {
		command->json = true;
	} else if (strcmp(option->name, "help") == 0) {
		parse->help = true;
	} else {
		parse->version = true;
	}
}

/* The long name of -c, -h or -V; NULL for another letter. */
static const char *long_name(const char *argument)
{
	switch (argument[1]) {
	case 'c': return "config";
	case 'h': return "help";
	case 'V': return "version";
	default: return NULL;
	}
}

static bool is_common(const struct verb_option *option)
{
	for (const struct verb_option *o = common; o->name != NULL; o++)
		if (o == option)
			return true;
	return false;
}

static void add_given(struct parse *parse, const struct verb_option *option,
		      const char *value)
{
	if (is_common(option))
		common_given(parse, option, value);
	else
		parse->given[parse->command.given_count++] =
			(struct given){ option, value };
}

/* Splits --name=value, -cVALUE and the like; false for an unknown letter. */
static bool split_option(const char *argument, const char **ret_name,
			 size_t *ret_len, const char **ret_value)
{
	if (argument[1] == '-') {
		*ret_name = argument + 2;
		*ret_len = strcspn(*ret_name, "=");
		*ret_value = (*ret_name)[*ret_len] == '='
				     ? *ret_name + *ret_len + 1
				     : NULL;
		return true;
	}
	*ret_name = long_name(argument);
	*ret_len = *ret_name != NULL ? strlen(*ret_name) : 0;
	*ret_value = argument[2] != '\0' ? argument + 2 : NULL;
	return *ret_name != NULL;
}

static enum exit_code unknown_option(const struct verb_option *own,
				     const char *name, size_t len)
{
	char shown[64];

	snprintf(shown, sizeof(shown), "%.*s", (int)len, name);
	return unknown("option", shown,
		       (struct names){ .options = own != NULL ? own : common,
				       .in_common = own == NULL });
}

/* Takes the option at argv[*at], and its value. */
static bool parse_option(struct parse *parse, int *at)
{
	const struct verb *verb = parse->command.verb;
	const struct verb_option *own = verb != NULL ? verb->options : NULL;
	const struct verb_option *option;
	const char *name, *value;
	size_t len;

	if (!split_option(parse->argv[*at], &name, &len, &value)) {
		parse->code = wrong("unknown option %.2s", parse->argv[*at]);
		return false;
	}
	option = option_find(own, name, len);
	if (option == NULL)
		option = option_find(common, name, len);
	if (option == NULL && verb == NULL)
		option = option_of_any(name, len);
	if (option == NULL) {
		parse->code = unknown_option(own, name, len);
		return false;
	}
	if (option->value == NULL && value != NULL) {
		parse->code = wrong("--%s takes no value", option->name);
		return false;
	}
	if (option->value != NULL && value == NULL) {
		if (*at + 1 >= parse->argc) {
			parse->code = wrong("--%s wants a value", option->name);
			return false;
		}
		value = parse->argv[++*at];
	}
	add_given(parse, option, value);
	return true;
}

static bool parse_word(struct parse *parse, const char *word)
{
	struct command *command = &parse->command;

	if (command->verb == NULL && strcmp(word, "help") == 0) {
		parse->help = true;
	} else if (command->verb == NULL) {
		command->verb = verb_find(word);
		if (command->verb == NULL)
			parse->code =
				unknown("verb", word, (struct names){ 0 });
		return command->verb != NULL;
	} else {
		parse->arguments[command->argument_count++] = word;
	}
	return true;
}

static bool parse_all(struct parse *parse)
{
	bool options = true;

	for (int at = 1; at < parse->argc; at++) {
		const char *word = parse->argv[at];
		bool good;

		if (options && strcmp(word, "--") == 0) {
			options = false;
			continue;
		}
		if (options && word[0] == '-' && word[1] != '\0')
			good = parse_option(parse, &at);
		else
			good = parse_word(parse, word);
		if (!good)
			return false;
	}
	return true;
}

/* Those that stood before the verb may be another's. */
static bool own_options(struct parse *parse)
{
	const struct verb_option *own = parse->command.verb->options;

	for (size_t i = 0; i < parse->command.given_count; i++) {
		struct given *given = &parse->given[i];
		const char *name = given->option->name;

		given->option = option_find(own, name, strlen(name));
		if (given->option == NULL) {
			parse->code = unknown_option(own, name, strlen(name));
			return false;
		}
	}
	return true;
}

static enum exit_code run(struct parse *parse)
{
	struct command *command = &parse->command;
	const struct verb *verb = command->verb;

	if (!parse_all(parse))
		return parse->code;
	verb = command->verb;
	if (parse->version) {
		puts("steelyardctl " PACKAGE_VERSION);
		return EXIT_YES;
	}
	if (parse->help && verb == NULL) {
		help_all();
		return EXIT_YES;
	}
	if (parse->help) {
		help_verb(verb);
		return EXIT_YES;
	}
	if (verb == NULL)
		return wrong("what shall I do?");
	if (!own_options(parse))
		return parse->code;
	if (command->argument_count < verb->least ||
	    command->argument_count > verb->most)
		return wrong_use(command, "usage: steelyardctl %s %s",
				 verb->name, verb->arguments);
	return verb->run(command);
}

int main(int argc, char **argv)
{
	struct parse parse = { .argc = argc, .argv = argv };
	size_t room = (size_t)argc + 1;
	enum exit_code code;

	parse.arguments = calloc(room, sizeof(*parse.arguments));
	parse.given = calloc(room, sizeof(*parse.given));
	if (parse.arguments == NULL || parse.given == NULL) {
		perror("steelyardctl");
		return EXIT_NO;
	}
	parse.command.config = SYSCONFDIR "/steelyard/steelyard.conf";
	parse.command.arguments = parse.arguments;
	parse.command.given = parse.given;
	code = run(&parse);
	free(parse.arguments);
	free(parse.given);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		perror("steelyardctl: stdout");
		return code == EXIT_YES ? EXIT_NO : (int)code;
	}
	return (int)code;
}
