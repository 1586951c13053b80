/*
 * trial.h - a message file through the filter's own code, without a filter.
 *
 * The configuration is loaded, a session is told of the message as milter.c
 * would tell it, and header and body are read by a jailed inspector.  DNS is
 * asked as the command line says (ask_use_resolver()), but what the message's
 * bringer is called, if it was given, goes before that.
 */
#ifndef STEELYARD_CTL_TRIAL_H
#define STEELYARD_CTL_TRIAL_H

#include <jansson.h>
#include <stdbool.h>

#include "ctl/jailed.h"

struct command;
struct generation;
struct letter;
struct visit;

struct trial {
	const struct command *command; /* borrowed, as is gen */
	struct generation *gen;
	struct jailed jailed;
	char *front; /* what stands before DNS now, as a zone file */
};

/*
 * False with the reason told.  While the process has a single thread; `gen` is
 * given somebody to ask about DNS.
 */
bool trial_open(struct trial *trial, const struct command *command,
		struct generation *gen);
void trial_close(struct trial *trial);

/* Fills in a finding (finding.h). */
void trial_run(struct trial *trial, const struct visit *visit,
	       const struct letter *letter, json_t *finding);

#endif
