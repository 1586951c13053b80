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

struct command;
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

/* Takes over `request`; always answers, from `gen`. */
json_t *ask_files(struct generation *gen, json_t *request);

/* The last line, which says how it ended; borrowed. */
const json_t *answer_last(const json_t *lines);
bool answer_is_ok(const json_t *lines);
/* The text of a member of the last line, or "". */
const char *answer_text(const json_t *lines, const char *key);

#endif
