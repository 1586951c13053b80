/*
 * some_facts.h - a message that rule files of any kind can be tried on.
 */
#ifndef STEELYARD_TESTS_SOME_FACTS_H
#define STEELYARD_TESTS_SOME_FACTS_H

#include "rules/facts.h"

struct ruleset;

/*
 * Sets what becomes known in this phase.  Some facts are known, some are none,
 * some unknown and some are never asked for, by their number.
 */
void some_facts(struct facts *facts, const struct ruleset *rules,
		enum phase phase);

#endif
