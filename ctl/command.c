/*
 * command.c - what a verb asks of its command line.
 */
#include "ctl/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/print.h"

const char *command_nth(const struct command *command, const char *option,
			size_t n)
{
	for (size_t i = 0; i < command->given_count; i++)
		if (strcmp(command->given[i].option->name, option) == 0 &&
		    n-- == 0)
			return command->given[i].value;
	return NULL;
}

const char *command_value(const struct command *command, const char *option)
{
	const char *last = NULL;

	for (size_t i = 0; i < command->given_count; i++)
		if (strcmp(command->given[i].option->name, option) == 0)
			last = command->given[i].value;
	return last;
}

bool command_has(const struct command *command, const char *option)
{
	for (size_t i = 0; i < command->given_count; i++)
		if (strcmp(command->given[i].option->name, option) == 0)
			return true;
	return false;
}

static void complain(const struct command *command, const char *format,
		     va_list args) __attribute__((format(printf, 2, 0)));

/* One line, whatever stands in it; in one piece, as others write there too. */
static void complain(const struct command *command, const char *format,
		     va_list args)
{
	char *text, *shown;

	if (vasprintf(&text, format, args) < 0)
		return;
	fflush(stdout);
	shown = escaped(text);
	if (shown != NULL)
		fprintf(stderr, "steelyardctl %s: %s\n", command->verb->name,
			shown);
	free(shown);
	free(text);
}

enum exit_code wrong_use(const struct command *command, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(command, format, args);
	va_end(args);
	return EXIT_WRONG;
}

enum exit_code failed(const struct command *command, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(command, format, args);
	va_end(args);
	return EXIT_NO;
}
