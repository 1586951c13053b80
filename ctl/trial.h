/*
 * trial.h - a message file through the filter's own code, without a filter.
 *
 * The configuration is loaded, a session is told of the message as milter.c
 * would tell it, and header and body are read by a jailed inspector.
 */
#ifndef STEELYARD_CTL_TRIAL_H
#define STEELYARD_CTL_TRIAL_H

#include <jansson.h>

#include "ctl/jailed.h"

struct generation;
struct letter;
struct visit;

struct trial {
	struct generation *gen; /* borrowed */
	struct jailed jailed;
};

/* -1 with errno.  While the process has a single thread. */
int trial_open(struct trial *trial, struct generation *gen);
void trial_close(struct trial *trial);

/* Fills in a finding (finding.h). */
void trial_run(struct trial *trial, const struct visit *visit,
	       const struct letter *letter, json_t *finding);

#endif
