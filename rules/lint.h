/*
 * lint.h - what the two halves of lint share; ruleset_lint() is in ruleset.h.
 */
#ifndef STEELYARD_RULES_LINT_H
#define STEELYARD_RULES_LINT_H

#include "rules/compiled.h"

/* Thresholds, sums, groups, and when a refusal can be spoken. */
void lint_score(const struct ruleset *rules, struct diag *diag);

#endif
