/*
 * ask.h - one request, answered by the running filter, or from files by the
 * same code.
 *
 * Answers are those of filter/control_verbs.h: an array of the lines that came,
 * of which the last says how it ended.
 */
#ifndef STEELYARD_CTL_ASK_H
#define STEELYARD_CTL_ASK_H

#include <jansson.h>
#include <stdbool.h>

#include "ctl/command.h"

struct generation;

enum asked {
	ASKED, /* there is an answer, be it a refusal */
	ASKED_NOBODY, /* no filter listens; `why` says where */
	ASKED_FAILED, /* it could not be asked; `why` says why */
};
enum { ASK_WHY = 512 };

/* Takes over `request`; `*ret_lines` is the caller's when ASKED. */
enum asked ask_filter(const struct command *command, json_t *request,
		      json_t **ret_lines, char why[ASK_WHY]);

/* The configuration from its files; NULL with its report on stderr. */
struct generation *ask_generation(const struct command *command);

/* The same, but only the settings in them: no rules, no lists. */
struct generation *ask_settings(const struct command *command);

struct dns_zone;

/*
 * Gives `gen` somebody to ask about DNS: the file that --dns names, else the
 * network as the settings say.  Before that, what is in `front` is believed,
 * which may be NULL and is taken over.  What it had before is dropped.  False
 * with the reason told.
 */
bool ask_use_resolver(const struct command *command, struct generation *gen,
		      struct dns_zone *front);

/* Takes over `request`; always answers, from `gen`. */
json_t *ask_files(struct generation *gen, json_t *request);

struct store;

/* The same where the answer needs what greylisting remembers. */
json_t *ask_store(struct generation *gen, struct store *store, json_t *request);

/*
 * Asks the filter about DNS; or, if none runs or --dns is given, does here what
 * it would.  Takes over `request`.  NULL when the reason has been told.
 */
enum ask_need {
	ASK_RULES, /* the answer needs the configuration's rules */
	ASK_SETTINGS, /* its settings alone */
	ASK_ONLY_FILTER, /* the same, and makes no sense without --dns */
};
json_t *ask_about_dns(const struct command *command, json_t *request,
		      enum ask_need need);

/* Tells why it was refused, and returns the exit code for that. */
enum exit_code ask_refused(const struct command *command, const json_t *lines);

/* The last line, which says how it ended; borrowed. */
const json_t *answer_last(const json_t *lines);
bool answer_is_ok(const json_t *lines);
/* The text of a member of the last line, or "". */
const char *answer_text(const json_t *lines, const char *key);

#endif
