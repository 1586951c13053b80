/*
 * finding.h - what became of a test message, as one JSON object.
 *
 * Both ways to test make it, and one printer shows it:
 *
 *	file, client, ptr, helo, sender, recipients
 *	verdict       word, "exempt", "unchecked", "fault"; null: not known
 *	stage         of the conversation at which it was given
 *	score, threshold (numbers), symbols (names)
 *	reply         as the client would read it; null: none
 *	replies       all that were given: stage, reply
 *	changes       to the message: what, name, value
 *	weights       name, weight, description, shadow        offline only
 *	caps          group, max, sum of its members           offline only
 *	unknown       fact, cause, partial                     offline only
 *	not_asked     facts that rules read and nobody asked   offline only
 *	facts         fact, state, value                       offline only
 */
#ifndef STEELYARD_CTL_FINDING_H
#define STEELYARD_CTL_FINDING_H

#include <jansson.h>

struct facts;
struct fact;
struct fact_row;
struct generation;
struct outcome;
struct reply;
struct visit;

/* The bringer, and empty lists. */
json_t *finding_new(const char *path, const struct visit *visit);

/* "550 5.7.1 first line", further lines parted by LF; malloc'ed or NULL. */
char *finding_reply_text(const struct reply *reply);

/* A reply was given; the last one counts. */
void finding_reply(json_t *finding, const char *stage, const char *text);
/* "add", "insert", "change", "delete" a header field, or "quarantine". */
void finding_change(json_t *finding, const char *what, const char *name,
		    const char *value);

/* Takes over what the session found out. */
void finding_outcome(json_t *finding, const struct generation *gen,
		     const struct outcome *outcome);

/* Reads score, verdict and symbols out of an X-Steelyard value. */
void finding_header(json_t *finding, const char *value);

void finding_set(json_t *finding, const char *key, const char *value);

#endif
