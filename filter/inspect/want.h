/*
 * want.h - the header fields that a rule set asks for.
 */
#ifndef STEELYARD_INSPECT_WANT_H
#define STEELYARD_INSPECT_WANT_H

#include <stddef.h>

struct message_want;
struct ruleset;

/*
 * How many slots of the rule set are header fields; CHANNEL_WANTS_MAX at most.
 */
size_t want_count(const struct ruleset *rules);

/* Fills `wants`, which holds want_count() of them; names are the rule set's. */
void want_fill(const struct ruleset *rules, struct message_want *wants);

#endif
