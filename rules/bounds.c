/*
 * bounds.c - what could still be added or taken away.
 *
 * What a rule contributes to each of seven sums depends on its sign and on what
 * it says.  So the weights are added up by these two first, and distributed
 * once for each group.  A group's cap is monotone in each member, so the
 * extremes of the sum lie where every member is at its own extreme.
 */
#include "rules/compiled.h"

#include <limits.h>

enum {
	SCORE,
	LOWEST,
	HIGHEST,
	LOWEST_KIND,
	HIGHEST_KIND,
	LOWEST_HARSH,
	HIGHEST_HARSH,
	SUMS,
};

#define BIT(sum) (1u << (sum))

/* Which sums a rule counts in, by what it says: as it stands, and fairly. */
static const unsigned positive_now[TRUTHS] = {
	[TRUTH_PENDING] = BIT(HIGHEST),
	[TRUTH_TRUE] = BIT(SCORE) | BIT(LOWEST) | BIT(HIGHEST),
};
static const unsigned positive_fair[TRUTHS] = {
	[TRUTH_PENDING] = BIT(HIGHEST_KIND) | BIT(HIGHEST_HARSH),
	[TRUTH_UNKNOWN] = BIT(LOWEST_HARSH) | BIT(HIGHEST_HARSH),
	[TRUTH_TRUE] = BIT(LOWEST_KIND) | BIT(HIGHEST_KIND) |
		       BIT(LOWEST_HARSH) | BIT(HIGHEST_HARSH),
};
static const unsigned negative_now[TRUTHS] = {
	[TRUTH_PENDING] = BIT(LOWEST),
	[TRUTH_TRUE] = BIT(SCORE) | BIT(LOWEST) | BIT(HIGHEST),
};
static const unsigned negative_fair[TRUTHS] = {
	[TRUTH_PENDING] = BIT(LOWEST_KIND) | BIT(LOWEST_HARSH),
	[TRUTH_UNKNOWN] = BIT(LOWEST_KIND) | BIT(HIGHEST_KIND),
	[TRUTH_TRUE] = BIT(LOWEST_KIND) | BIT(HIGHEST_KIND) |
		       BIT(LOWEST_HARSH) | BIT(HIGHEST_HARSH),
};

static int32_t clamp(int64_t sum)
{
	return sum > INT32_MAX	 ? INT32_MAX
	       : sum < INT32_MIN ? INT32_MIN
				 : (int32_t)sum;
}

/* The weights of one group, by sign and by what their rules say. */
struct heap {
	int64_t plus[TRUTH_PAIRS], minus[TRUTH_PAIRS];
};

/* Adds a group to the total, no more of it than its cap. */
static void heap_end(const struct ruleset *set, int group, struct heap *heap,
		     int64_t total[SUMS])
{
	bool capped = group >= 0 && set->groups[group].has_max;
	int64_t sums[SUMS] = { 0 };

	for (unsigned pair = 0; pair < TRUTH_PAIRS; pair++) {
		enum truth now = truth_now((truth_pair)pair);
		enum truth fair = truth_fair((truth_pair)pair);
		unsigned plus = positive_now[now] | positive_fair[fair];
		unsigned minus = negative_now[now] | negative_fair[fair];

		if (heap->plus[pair] == 0 && heap->minus[pair] == 0)
			continue;
		for (unsigned sum = 0; sum < SUMS; sum++) {
			if (plus & BIT(sum))
				sums[sum] += heap->plus[pair];
			if (minus & BIT(sum))
				sums[sum] += heap->minus[pair];
		}
	}
	for (unsigned sum = 0; sum < SUMS; sum++) {
		if (capped && sums[sum] > set->groups[group].max)
			sums[sum] = set->groups[group].max;
		total[sum] += sums[sum];
	}
	*heap = (struct heap){ { 0 }, { 0 } };
}

struct bounds hits_bounds(const struct hits *hits)
{
	const struct ruleset *set = hits->set;
	int64_t total[SUMS] = { 0 };
	struct heap heap = { { 0 }, { 0 } };
	int group = -1;

	for (size_t i = 0; i < set->weight_count; i++) {
		const struct weight *weight = &set->weights[i];
		truth_pair pair = hits->rules[weight->rule];

		if (weight->group != group) {
			heap_end(set, group, &heap, total);
			group = weight->group;
		}
		if (weight->hundredths > 0)
			heap.plus[pair] += weight->hundredths;
		else
			heap.minus[pair] += weight->hundredths;
	}
	heap_end(set, group, &heap, total);
	return (struct bounds){
		.score = clamp(total[SCORE]),
		.lowest = clamp(total[LOWEST]),
		.highest = clamp(total[HIGHEST]),
		.lowest_kind = clamp(total[LOWEST_KIND]),
		.highest_kind = clamp(total[HIGHEST_KIND]),
		.lowest_harsh = clamp(total[LOWEST_HARSH]),
		.highest_harsh = clamp(total[HIGHEST_HARSH]),
	};
}

/*
 * The highest score that is certain when this phase ends: all that can be true
 * by then is, and all negatives that can be false.
 */
static int32_t most_by(const struct ruleset *set, enum phase phase)
{
	int64_t total = 0, sum = 0;
	int group = -1;

	for (size_t i = 0; i <= set->weight_count; i++) {
		const struct weight *weight = &set->weights[i];
		const struct span *span;
		bool end = i == set->weight_count;

		if (end || weight->group != group) {
			if (group >= 0 && set->groups[group].has_max &&
			    sum > set->groups[group].max)
				sum = set->groups[group].max;
			total += sum;
			sum = 0;
		}
		if (end)
			break;
		group = weight->group;
		span = &set->rules[weight->rule].span;
		if (weight->hundredths > 0 ? span->can_true <= phase
					   : span->can_false > phase)
			sum += weight->hundredths;
	}
	return clamp(total);
}

static bool class_refuses(const struct rule_class *class, int32_t score)
{
	return class_word(class, score) >= VERDICT_DEFER;
}

bool ruleset_may_refuse(const struct ruleset *rules, enum phase phase)
{
	int32_t most = most_by(rules, phase);

	for (size_t i = 0; i < rules->exempt_count; i++)
		if (rules->exempts[i].span.can_false > phase)
			return false; /* it may still save any message */
	/*
	 * The class must be one that refuses; so must all before it that
	 * nothing can decide yet.
	 */
	for (size_t i = 1; i < rules->class_count; i++) {
		const struct rule_class *class = &rules->classes[i];
		bool refuses = class_refuses(class, most);

		if (refuses && class->span.can_true <= phase)
			return true;
		if (!refuses && class->span.can_false > phase)
			return false;
	}
	return class_refuses(&rules->classes[0], most);
}
