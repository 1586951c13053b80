/*
 * lint_score.c - what is wrong with a rule set that compiles: sums.
 *
 * Thresholds that no mail reaches or that a more severe verdict hides, also of
 * greylisting, rules
 * that refuse by themselves, groups that change nothing, and negative weights
 * that become known too late for a refusal at RCPT.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/lint.h"
#include "rules/verdict.h"

/* The sums that are possible at all, in hundredths, after group caps. */
struct reach {
	int64_t highest; /* every positive rule holds */
	int64_t early; /* every one that is decided at RCPT */
	int64_t late_minus; /* all negative ones decided after it */
};

static bool counts(const struct rule_info *info)
{
	return !info->off && !info->shadow;
}

static bool late(const struct rule_info *info)
{
	return info->phase > PHASE_RCPT;
}

/* What a positive rule adds at most, its group's cap considered. */
static int32_t worth(const struct ruleset *rules, const struct rule_info *info)
{
	const struct group_info *group;

	if (info->group < 0)
		return info->weight;
	group = &rules->groups[info->group];
	return group->has_max && group->max < info->weight ? group->max
							   : info->weight;
}

/* What the rules of one group add up to, before its cap. */
struct sum {
	int64_t all, early;
	struct place place; /* of one of them */
};

/* `sums` has a place for each group, and the last one for no group at all. */
static void add_up(const struct ruleset *rules, struct sum *sums,
		   struct reach *reach)
{
	for (size_t i = 0; i < rules->rule_count; i++) {
		const struct rule_info *info = &rules->rules[i].info;
		struct sum *sum = &sums[info->group < 0 ? rules->group_count
							: (size_t)info->group];

		if (!counts(info))
			continue;
		sum->place = info->place;
		if (info->weight > 0) {
			sum->all += info->weight;
			sum->early += late(info) ? 0 : info->weight;
		} else if (late(info)) {
			reach->late_minus += info->weight;
		}
	}
	for (size_t i = 0; i <= rules->group_count; i++) {
		int64_t max = INT64_MAX;

		if (i < rules->group_count && rules->groups[i].has_max)
			max = rules->groups[i].max;
		reach->highest += sums[i].all < max ? sums[i].all : max;
		reach->early += sums[i].early < max ? sums[i].early : max;
	}
}

/* --- thresholds ---------------------------------------------------------- */

static bool same_place(struct place a, struct place b)
{
	return a.file == b.file && a.line == b.line && a.column == b.column;
}

/* A verdict that says this class's own threshold, not an inherited one. */
static bool stated(const struct ruleset *rules, size_t class_index, int word)
{
	const struct verdict_info *info =
		&rules->classes[class_index].verdicts[word];

	if (info->never)
		return false;
	return class_index == 0 ||
	       !same_place(info->place, rules->classes[0].verdicts[word].place);
}

/* A more severe verdict at the same score or a lower one hides this one. */
static void warn_hidden(const struct rule_class *class, int word,
			struct diag *diag)
{
	const struct verdict_info *info = &class->verdicts[word];
	char mine[SCORE_TEXT], other[SCORE_TEXT];

	for (int worse = word + 1; worse < VERDICT_WORDS; worse++) {
		const struct verdict_info *hides = &class->verdicts[worse];

		if (hides->never || hides->threshold > info->threshold)
			continue;
		diag_warning(diag, info->place,
			     "%s at %s is never spoken: %s comes at %s already",
			     verdict_word_name((enum verdict_word)word),
			     score_text(info->threshold, mine),
			     verdict_word_name((enum verdict_word)worse),
			     score_text(hides->threshold, other));
		return;
	}
}

static void lint_thresholds(const struct ruleset *rules,
			    const struct reach *reach, struct diag *diag)
{
	char mine[SCORE_TEXT], most[SCORE_TEXT];

	for (size_t i = 0; i < rules->class_count; i++) {
		for (int word = VERDICT_TAG; word < VERDICT_WORDS; word++) {
			const struct verdict_info *info =
				&rules->classes[i].verdicts[word];

			if (!stated(rules, i, word))
				continue;
			warn_hidden(&rules->classes[i], word, diag);
			if (info->threshold <= reach->highest)
				continue;
			diag_warning(
				diag, info->place,
				"%s at %s is never reached: all rules together "
				"add up to %s",
				verdict_word_name((enum verdict_word)word),
				score_text(info->threshold, mine),
				score_text((int32_t)reach->highest, most));
		}
	}
}

/*
 * Greylisting is for who is not refused: at a threshold where all that comes
 * is, nobody is asked.
 */
static void warn_unasked(const struct rule_class *class,
			 const struct reach *reach, struct diag *diag)
{
	const struct greylist_info *info = &class->greylist;
	char mine[SCORE_TEXT], other[SCORE_TEXT];
	int word = VERDICT_DEFER;

	while (word < VERDICT_WORDS &&
	       (class->verdicts[word].never ||
		class->verdicts[word].threshold > info->threshold))
		word++;
	if (word < VERDICT_WORDS)
		diag_warning(diag, info->place,
			     "greylist at %s never asks anybody to wait: %s "
			     "comes at %s already",
			     score_text(info->threshold, mine),
			     verdict_word_name((enum verdict_word)word),
			     score_text(class->verdicts[word].threshold,
					other));
	else if (info->threshold > reach->highest)
		diag_warning(diag, info->place,
			     "greylist at %s is never reached: all rules "
			     "together add up to %s",
			     score_text(info->threshold, mine),
			     score_text((int32_t)reach->highest, other));
}

/* Of two, the first makes the other one matter less. */
static void warn_no_time(const struct greylist_info *info, struct diag *diag)
{
	if (info->wait == 0) {
		diag_warning(diag, info->place,
			     "greylist with wait 0s asks nobody to wait");
		diag_hint(diag, "\"greylist never\" switches it off");
	} else if (info->keep == 0) {
		diag_warning(diag, info->place,
			     "greylist with keep 0s forgets at once who has "
			     "waited: the next mail waits again");
	}
}

static void lint_greylist(const struct ruleset *rules,
			  const struct reach *reach, struct diag *diag)
{
	for (size_t i = 0; i < rules->class_count; i++) {
		const struct rule_class *class = &rules->classes[i];
		const struct greylist_info *info = &class->greylist;

		if (info->never ||
		    (i > 0 &&
		     same_place(info->place, rules->classes[0].greylist.place)))
			continue;
		warn_unasked(class, reach, diag);
		warn_no_time(info, diag);
	}
}

/* The lowest score that refuses for good; INT32_MAX if none does. */
static int32_t refusal_at(const struct ruleset *rules)
{
	const struct verdict_info *verdicts = rules->classes[0].verdicts;
	int32_t least = INT32_MAX;

	for (int word = VERDICT_DISCARD; word <= VERDICT_REJECT; word++)
		if (!verdicts[word].never && verdicts[word].threshold < least)
			least = verdicts[word].threshold;
	return least;
}

/* --- rules and groups ---------------------------------------------------- */

/*
 * Whoever puts a name on a list of theirs means it: a rule that looks into one
 * may refuse alone.
 */
static bool asks_list(const struct rule *rule)
{
	for (uint32_t i = 0; i < rule->when.count; i++) {
		const struct code *code = &rule->when.code[i];

		if (code->op == CODE_TEST && code->test->kind == TEST_LIST &&
		    !code->test->negated)
			return true;
	}
	return false;
}

static void lint_alone(const struct ruleset *rules, int32_t refusal,
		       struct diag *diag)
{
	char weight[SCORE_TEXT], threshold[SCORE_TEXT];

	for (size_t i = 0; i < rules->rule_count; i++) {
		const struct rule *rule = &rules->rules[i];
		int32_t adds = worth(rules, &rule->info);

		if (!counts(&rule->info) || adds < refusal || asks_list(rule))
			continue;
		diag_warning(diag, rule->info.place,
			     "%s refuses by itself: it adds %s, and %s are "
			     "enough",
			     rule->info.name, score_text(adds, weight),
			     score_text(refusal, threshold));
		diag_hint(diag, "no single sign is free of mistakes");
	}
}

static void lint_groups(const struct ruleset *rules, const struct sum *sums,
			struct diag *diag)
{
	for (size_t i = 0; i < rules->group_count; i++) {
		const struct group_info *info = &rules->groups[i];

		if (sums[i].place.file == 0)
			diag_warning(diag, sums[i].place,
				     "the group \"%s\" has no rule that counts",
				     info->name);
		else if (info->has_max && info->max == 0 && sums[i].all > 0)
			diag_warning(diag, sums[i].place,
				     "the group \"%s\" adds at most 0: its "
				     "rules are worth nothing",
				     info->name);
	}
}

/* --- in time for RCPT ---------------------------------------------------- */

enum { NAMES_TEXT = 200 };

/* "A (-3.00), B (-1.00)", cut with dots; returns the place of the heaviest. */
static struct place name_late(const struct ruleset *rules,
			      char names[NAMES_TEXT])
{
	struct place place = { 0 };
	int32_t heaviest = 0;
	size_t used = 0;

	names[0] = '\0';
	for (size_t i = 0; i < rules->rule_count; i++) {
		const struct rule_info *info = &rules->rules[i].info;
		char weight[SCORE_TEXT];

		if (!counts(info) || !late(info) || info->weight >= 0)
			continue;
		if (info->weight < heaviest) {
			heaviest = info->weight;
			place = info->place;
		}
		if (used + strlen(info->name) + SCORE_TEXT + 8 > NAMES_TEXT) {
			snprintf(names + used, NAMES_TEXT - used, "...");
			used = NAMES_TEXT;
		} else {
			used += (size_t)snprintf(
				names + used, NAMES_TEXT - used, "%s%s (%s)",
				used > 0 ? ", " : "", info->name,
				score_text(info->weight, weight));
		}
	}
	return place;
}

static void lint_in_time(const struct ruleset *rules, const struct reach *reach,
			 int32_t refusal, struct diag *diag)
{
	char names[NAMES_TEXT], score[SCORE_TEXT];
	struct place place;

	if (reach->early < refusal)
		return; /* there is no refusal at RCPT to be kept back */
	if (reach->early + reach->late_minus < refusal) {
		place = name_late(rules, names);
		diag_warning(diag, place,
			     "nothing is refused at RCPT: what is known then "
			     "adds up to %s, and later rules could take too "
			     "much of it away",
			     score_text((int32_t)reach->early, score));
		diag_hint(diag, "these are decided later: %s", names);
	}
	for (size_t i = 0; i < rules->exempt_count; i++) {
		const struct exemption *exempt = &rules->exempts[i];

		if (exempt->span.latest <= PHASE_RCPT)
			continue;
		diag_warning(diag, exempt->place,
			     "nothing is refused at RCPT: this exemption is "
			     "decided at %s",
			     phase_name(exempt->span.latest));
	}
}

void lint_score(const struct ruleset *rules, struct diag *diag)
{
	struct sum *sums = calloc(rules->group_count + 1, sizeof(*sums));
	int32_t refusal = refusal_at(rules);
	struct reach reach = { 0 };

	if (sums == NULL) {
		diag->failed = true;
		return;
	}
	add_up(rules, sums, &reach);
	lint_thresholds(rules, &reach, diag);
	lint_greylist(rules, &reach, diag);
	lint_alone(rules, refusal, diag);
	lint_groups(rules, sums, diag);
	lint_in_time(rules, &reach, refusal, diag);
	free(sums);
}
