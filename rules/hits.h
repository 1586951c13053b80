/*
 * hits.h - one message on the balance: which rules hold, and what they weigh.
 *
 * The walk of a message: hits_new() when the connection or the message begins,
 * facts arrive, hits_weigh() after each phase decides every rule that can be
 * decided by now.  For each recipient hits_for_rcpt() makes a copy in which the
 * rules that read rcpt facts are decided for that recipient alone. verdict_of()
 * (verdict.h) then says what all of this amounts to.
 *
 * Pure: no clock, no I/O, no state outside; the same facts in any order of
 * arrival end in the same hits.  Memory is the arena's.  One thread at a time.
 */
#ifndef STEELYARD_RULES_HITS_H
#define STEELYARD_RULES_HITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rules/facts.h"
#include "rules/truth.h"

struct arena;
struct ruleset;
struct rule_lists;
struct hits;

/*
 * Everything pending.  `rules` and `lists` are borrowed and must outlive the
 * hits.  NULL when the arena has no room.
 */
struct hits *hits_new(const struct ruleset *rules,
		      const struct rule_lists *lists, struct arena *arena);

/*
 * Decides what these facts allow.  A rule once decided stays so.  For the
 * message as a whole rcpt facts are pending, whatever `facts` hold, and so are
 * the rules that depend on them; see hits_for_rcpt().  Call it as often as
 * facts arrive.
 */
void hits_weigh(struct hits *hits, const struct facts *facts);

/*
 * For one recipient: `facts` hold its rcpt, rcpt.local and rcpt.domain beside
 * the message's facts, with which `base` was weighed just before; only what
 * reads rcpt facts is decided here.  The result is independent of `base`
 * afterwards, and may be weighed further by itself, with facts that hold the
 * recipient.  NULL when the arena has no room.  When no rule, class or
 * exemption reads rcpt facts it is `base` itself.
 */
struct hits *hits_for_rcpt(struct hits *base, const struct facts *facts,
			   struct arena *arena);

/*
 * Two recipients of one message will end alike, whatever is still to come:
 * every rule, exemption and class that reads rcpt facts says the same of both,
 * or waits for the same things.  Both were made by hits_for_rcpt() from one
 * base.  Shadow rules part nobody.
 */
bool hits_judged_alike(const struct hits *a, const struct hits *b);

enum truth hits_rule(const struct hits *hits, size_t rule_index);

/*
 * Weights summed in hundredths, after group caps.  `score` counts the rules
 * that hold.  `lowest` adds all pending negative weights, `highest` all pending
 * positive ones.  The `_kind` pair sees the unknown rules in the sender's
 * favour (negative ones hold), the `_harsh` pair against the sender.  A rule
 * that owes its answer to `X is unknown` counts in the score, but as unknown
 * in these pairs: see truth.h.  Sums stop at the ends of int32_t.
 */
struct bounds {
	int32_t score;
	int32_t lowest, highest;
	int32_t lowest_kind, highest_kind;
	int32_t lowest_harsh, highest_harsh;
};
struct bounds hits_bounds(const struct hits *hits);

/*
 * The symbols that hold, in rule order: calls `each` with the rule's index.
 * Shadow rules are told apart by ruleset_rule()->shadow.
 */
void hits_each(const struct hits *hits,
	       void (*each)(void *context, size_t rule_index), void *context);

/* A pattern or a limit gave up on this message. */
size_t hits_regex_limits(const struct hits *hits);

#endif
