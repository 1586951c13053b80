/*
 * command.h - a command line of steelyardctl, and the verbs there are.
 *
 * A verb is one row of the table in main.c: what it takes is written down
 * there, and the parser, the help and the wrong-use messages read it from the
 * row.  A verb answers with the program's exit code.
 */
#ifndef STEELYARD_CTL_COMMAND_H
#define STEELYARD_CTL_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

enum exit_code {
	EXIT_YES = 0, /* done; the answer is yes */
	EXIT_NO = 1, /* not done; the answer is no */
	EXIT_WRONG = 2, /* the command line is not right */
};

struct command;

struct verb_option {
	const char *name; /* without the dashes */
	const char *value; /* what to call its value; NULL: it has none */
	const char *meaning;
};

struct verb {
	const char *name;
	const char *arguments; /* as shown in the help, "" for none */
	const char *help; /* one line */
	const char *more; /* further lines of help, or NULL */
	const struct verb_option *options; /* a NULL name ends them */
	const char *const *examples; /* NULL ends them */
	size_t least, most; /* how many arguments */
	enum exit_code (*run)(const struct command *command);
};

struct given { /* an option as it was given */
	const struct verb_option *option;
	const char *value; /* NULL where it has none */
};

struct command {
	const struct verb *verb;
	const char *config;
	bool config_given; /* by -c, not the default */
	const char *socket; /* --socket, or NULL */
	bool json;
	const char *const *arguments;
	size_t argument_count;
	const struct given *given;
	size_t given_count;
};

bool command_has(const struct command *command, const char *option);
/* The value of an option, the last one given; NULL if it was not. */
const char *command_value(const struct command *command, const char *option);
/* The n-th value of an option that may be given several times, or NULL. */
const char *command_nth(const struct command *command, const char *option,
			size_t n);

/* "steelyardctl VERB: ..." on stderr; returns EXIT_WRONG, or EXIT_NO. */
enum exit_code wrong_use(const struct command *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
enum exit_code failed(const struct command *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The verbs; each file has its own. */
extern const struct verb verb_status, verb_reload, verb_check, verb_facts,
	verb_settings, verb_list, verb_dns, verb_dnsbl, verb_test, verb_spf,
	verb_greylist;

#endif
