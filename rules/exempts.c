/*
 * exempts.c - is this message exempt already?
 *
 * Asked before there are hits, several times a message, to save questions.  So
 * only exemptions are looked at, and the rules that they read; those were put
 * into an order when the rules were compiled.
 */
#include <stdlib.h>
#include <string.h>

#include "rules/compile.h"
#include "rules/regex.h"

enum {
	ROOM = 1024, /* bytes; larger rule sets take memory */
	WORK = REGEX_WORK / 10, /* for all patterns of the exemptions */
};

static void reads_mark(const struct expr *when, bool *needed)
{
	for (uint32_t i = 0; i < when->count; i++)
		if (when->code[i].op == CODE_RULE)
			needed[when->code[i].arg] = true;
}

void compile_exempts(struct compiler *c)
{
	struct ruleset *rules = c->rules;
	bool *needed =
		compile_got(c, calloc(rules->rule_count + 1, sizeof(*needed)));
	size_t count = 0;

	if (needed == NULL)
		return;
	for (size_t i = 0; i < rules->exempt_count; i++)
		if (!rules->exempts[i].span.per_rcpt)
			reads_mark(&rules->exempts[i].when, needed);
	/* Those that read come behind those that are read. */
	for (size_t i = rules->rule_count; i-- > 0;) {
		uint32_t rule = rules->order[i];

		if (!needed[rule])
			continue;
		reads_mark(&rules->rules[rule].when, needed);
		count++;
	}
	rules->exempt_order =
		compile_got(c, arena_array(c->arena, count,
					   sizeof(*rules->exempt_order)));
	for (size_t i = 0; i < rules->rule_count && !c->no_memory; i++)
		if (needed[rules->order[i]])
			rules->exempt_order[rules->exempt_order_count++] =
				rules->order[i];
	free(needed);
}

static bool any_holds(const struct ruleset *rules, truth_pair *said,
		      struct expr_view *view)
{
	for (size_t i = 0; i < rules->exempt_order_count; i++) {
		uint32_t rule = rules->exempt_order[i];

		said[rule] = expr_eval(&rules->rules[rule].when, view);
	}
	for (size_t i = 0; i < rules->exempt_count; i++) {
		const struct exemption *exempt = &rules->exempts[i];

		if (!exempt->span.per_rcpt &&
		    truth_now(expr_eval(&exempt->when, view)) == TRUTH_TRUE)
			return true;
	}
	return false;
}

bool ruleset_exempts(const struct ruleset *rules,
		     const struct rule_lists *lists, const struct facts *facts)
{
	size_t size = rules->rule_count + rules->memo_count;
	uint8_t small[ROOM], *bytes = small;
	struct expr_view view = { .facts = facts,
				  .lists = lists,
				  .work = WORK };
	bool exempt;

	if (rules->exempt_count == 0)
		return false;
	if (size > sizeof(small))
		bytes = calloc(size, 1);
	else
		memset(small, 0, size);
	if (bytes == NULL)
		return false;
	view.rules = bytes;
	view.memo = bytes + rules->rule_count;
	exempt = any_holds(rules, bytes, &view);
	regex_room_give(view.room);
	if (bytes != small)
		free(bytes);
	return exempt;
}

bool ruleset_may_exempt(const struct ruleset *rules, enum phase phase)
{
	for (size_t i = 0; i < rules->exempt_count; i++) {
		const struct span *span = &rules->exempts[i].span;

		if (!span->per_rcpt && span->can_true <= phase)
			return true;
	}
	return false;
}
