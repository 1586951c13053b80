/*
 * hits.c - decides every rule that these facts allow to decide.
 *
 * Rules are taken in an order in which those that are read come first, so one
 * pass is enough.  Decided ones are passed over; what a pattern said is kept,
 * so no text is searched twice for the same pattern.
 */
#include "rules/hits.h"

#include <string.h>

#include "rules/arena.h"
#include "rules/compiled.h"
#include "rules/regex.h"

/*
 * Faults R4: 200 ms a message; see regex.h.  Each recipient has some work of
 * his own, so that what is said of one does not depend on who came before.
 */
enum { RCPT_WORK = REGEX_WORK / 10 };

static size_t bytes_size(const struct ruleset *set)
{
	return set->rule_count + set->class_count + set->exempt_count +
	       set->rcpt_count + set->memo_count;
}

static struct hits *hits_alloc(const struct ruleset *set, struct arena *arena)
{
	struct hits *hits = arena_alloc(arena, sizeof(*hits) + bytes_size(set));

	if (hits == NULL)
		return NULL;
	hits->set = set;
	hits->rules = hits->bytes;
	hits->classes = hits->rules + set->rule_count;
	hits->exempts = hits->classes + set->class_count;
	hits->rcpt_tests = hits->exempts + set->exempt_count;
	hits->memo = hits->rcpt_tests + set->rcpt_count;
	return hits;
}

struct hits *hits_new(const struct ruleset *rules,
		      const struct rule_lists *lists, struct arena *arena)
{
	struct hits *hits = hits_alloc(rules, arena);

	if (hits == NULL)
		return NULL;
	hits->lists = lists;
	hits->work = REGEX_MESSAGE_WORK;
	return hits;
}

/* The latest phase that some fact is known of already. */
static enum phase reached(const struct ruleset *set, const struct facts *facts)
{
	for (enum phase phase = PHASE_EOM; phase > PHASE_CONNECT; phase--) {
		size_t at = set->watched_until[phase - 1];

		for (; at < set->watched_until[phase]; at++)
			if (facts_get(facts, set->watched[at])->state !=
			    FACT_PENDING)
				return phase;
	}
	return PHASE_CONNECT;
}

/* What one weighing works with. */
struct weighing {
	struct expr_view view;
	enum phase reached;
	bool rcpt_only; /* what concerns all was weighed before */
};

/* Tests of the recipient are always made, so that they can be compared. */
static bool is_due(truth_pair pair, struct due due,
		   const struct weighing *weighing)
{
	if (truth_decided(pair))
		return false;
	if (weighing->view.rcpt && due.per_rcpt)
		return true;
	return due.earliest <= weighing->reached && !weighing->rcpt_only;
}

static void pair_weigh(truth_pair *pair, const struct expr *when,
		       const struct span *span, struct weighing *weighing)
{
	if (is_due(*pair, due_of(span), weighing))
		*pair = expr_eval(when, &weighing->view);
}

static void weigh(struct hits *hits, const struct facts *facts, bool rcpt_only)
{
	const struct ruleset *set = hits->set;
	struct weighing weighing = {
		.view = {
			.facts = facts,
			.rules = hits->rules,
			.lists = hits->lists,
			.rcpt = hits->rcpt,
			.memo = hits->memo,
			.rcpt_tests = hits->rcpt_tests,
			.work = hits->work,
			.rcpt_work = hits->rcpt_work,
			.limits = hits->limits,
		},
		.reached = reached(set, facts),
		.rcpt_only = rcpt_only,
	};

	for (size_t i = 0; i < set->rule_count; i++) {
		uint32_t rule = set->order[i];

		if (is_due(hits->rules[rule], set->due[i], &weighing))
			hits->rules[rule] = expr_eval(&set->rules[rule].when,
						      &weighing.view);
	}
	for (size_t i = 1; i < set->class_count; i++)
		pair_weigh(&hits->classes[i], &set->classes[i].when,
			   &set->classes[i].span, &weighing);
	for (size_t i = 0; i < set->exempt_count; i++)
		pair_weigh(&hits->exempts[i], &set->exempts[i].when,
			   &set->exempts[i].span, &weighing);
	hits->work = weighing.view.work;
	hits->rcpt_work = weighing.view.rcpt_work;
	hits->limits = weighing.view.limits;
	regex_room_give(weighing.view.room);
}

void hits_weigh(struct hits *hits, const struct facts *facts)
{
	weigh(hits, facts, false);
}

struct hits *hits_for_rcpt(struct hits *base, const struct facts *facts,
			   struct arena *arena)
{
	struct hits *hits;

	if (!base->set->has_rcpt)
		return base;
	hits = hits_alloc(base->set, arena);
	if (hits == NULL)
		return NULL;
	hits->lists = base->lists;
	hits->work = base->work;
	hits->rcpt_work = RCPT_WORK;
	hits->limits = base->limits;
	hits->rcpt = true;
	memcpy(hits->bytes, base->bytes, bytes_size(base->set));
	weigh(hits, facts, true);
	return hits;
}

static bool exempt_for_good(const struct hits *hits)
{
	for (size_t i = 0; i < hits->set->exempt_count; i++)
		if (truth_now(hits->exempts[i]) == TRUTH_TRUE)
			return true;
	return false;
}

/*
 * A condition says the same of both, now and at the end.  What is pending will,
 * if each test of the recipient in it said the same; the rules that it reads
 * are compared by themselves.
 */
static bool condition_alike(const struct hits *a, const struct hits *b,
			    truth_pair pair_a, truth_pair pair_b,
			    const struct expr *when)
{
	if (pair_a != pair_b)
		return false;
	if (truth_decided(pair_a))
		return true;
	for (uint32_t i = 0; i < when->count; i++) {
		const struct test *test = when->code[i].test;

		if (when->code[i].op == CODE_TEST && test->rcpt != 0 &&
		    a->rcpt_tests[test->rcpt - 1] !=
			    b->rcpt_tests[test->rcpt - 1])
			return false;
	}
	return true;
}

bool hits_judged_alike(const struct hits *a, const struct hits *b)
{
	const struct ruleset *set = a->set;

	if (a == b || (exempt_for_good(a) && exempt_for_good(b)))
		return true;
	for (size_t i = 0; i < set->rule_count; i++)
		if (set->rules[i].span.per_rcpt && !set->rules[i].info.shadow &&
		    !condition_alike(a, b, a->rules[i], b->rules[i],
				     &set->rules[i].when))
			return false;
	for (size_t i = 0; i < set->exempt_count; i++)
		if (!condition_alike(a, b, a->exempts[i], b->exempts[i],
				     &set->exempts[i].when))
			return false;
	/* Classes behind the first one that holds do not matter. */
	for (size_t i = 1; i < set->class_count; i++) {
		if (!condition_alike(a, b, a->classes[i], b->classes[i],
				     &set->classes[i].when))
			return false;
		if (truth_fair(a->classes[i]) == TRUTH_TRUE)
			break;
	}
	return true;
}

enum truth hits_rule(const struct hits *hits, size_t rule_index)
{
	return truth_now(hits->rules[rule_index]);
}

void hits_each(const struct hits *hits,
	       void (*each)(void *context, size_t rule_index), void *context)
{
	for (size_t i = 0; i < hits->set->rule_count; i++)
		if (truth_now(hits->rules[i]) == TRUTH_TRUE)
			each(context, i);
}

size_t hits_regex_limits(const struct hits *hits)
{
	return hits->limits;
}
