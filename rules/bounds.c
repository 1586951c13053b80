/*
 * bounds.c - what could still be added or taken away.
 *
 * Each weight contributes to seven sums at once; which of them depends on its
 * sign and on what its rule says.  A group's cap is monotone in each member,
 * so the extremes of the sum lie where every member is at its own extreme.
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
static const unsigned positive_now[4] = {
	[TRUTH_PENDING] = BIT(HIGHEST),
	[TRUTH_TRUE] = BIT(SCORE) | BIT(LOWEST) | BIT(HIGHEST),
};
static const unsigned positive_fair[4] = {
	[TRUTH_PENDING] = BIT(HIGHEST_KIND) | BIT(HIGHEST_HARSH),
	[TRUTH_UNKNOWN] = BIT(LOWEST_HARSH) | BIT(HIGHEST_HARSH),
	[TRUTH_TRUE] = BIT(LOWEST_KIND) | BIT(HIGHEST_KIND) |
		       BIT(LOWEST_HARSH) | BIT(HIGHEST_HARSH),
};
static const unsigned negative_now[4] = {
	[TRUTH_PENDING] = BIT(LOWEST),
	[TRUTH_TRUE] = BIT(SCORE) | BIT(LOWEST) | BIT(HIGHEST),
};
static const unsigned negative_fair[4] = {
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

/* Adds a group's sums to the total, none above the group's cap. */
static void group_end(const struct ruleset *set, int group, int64_t sums[SUMS],
		      int64_t total[SUMS])
{
	bool capped = group >= 0 && set->groups[group].has_max;

	for (unsigned i = 0; i < SUMS; i++) {
		if (capped && sums[i] > set->groups[group].max)
			sums[i] = set->groups[group].max;
		total[i] += sums[i];
		sums[i] = 0;
	}
}

struct bounds hits_bounds(const struct hits *hits)
{
	const struct ruleset *set = hits->set;
	int64_t total[SUMS] = { 0 }, sums[SUMS] = { 0 };
	int group = -1;

	for (size_t i = 0; i < set->weight_count; i++) {
		const struct weight *weight = &set->weights[i];
		truth_pair pair = hits->rules[weight->rule];
		bool plus = weight->hundredths > 0;
		unsigned counts =
			plus ? positive_now[truth_now(pair)] |
					positive_fair[truth_fair(pair)]
			     : negative_now[truth_now(pair)] |
					negative_fair[truth_fair(pair)];

		if (weight->group != group) {
			group_end(set, group, sums, total);
			group = weight->group;
		}
		for (unsigned sum = 0; sum < SUMS; sum++)
			if (counts & BIT(sum))
				sums[sum] += weight->hundredths;
	}
	group_end(set, group, sums, total);
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
