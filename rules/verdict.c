/*
 * verdict.c - bounds, classes and exemptions -> one verdict, and how sure.
 *
 * The end of a message is one of several outcomes.  What is still pending may
 * end in any way, so verdict_of() collects the outcomes that are possible; the
 * verdict is certain when there is only one.  Each source of doubt is taken by
 * itself, as if they were independent: that may keep silent where it could have
 * spoken, never the other way round.
 *
 * Promise 2: only a 5xx and a discard cannot be made good again.  They must
 * stand with each unknown answered in the sender's favour: rules in the `_kind`
 * bounds, exemptions by holding, classes by being any that may be the first.
 */
#include "rules/verdict.h"

#include "rules/compiled.h"

/* What a sender cannot make good again by trying later. */
enum harm { HARM_NONE, HARM_DISCARD, HARM_REJECT };

enum { OUTCOME_REJECT_4XX = VERDICT_WORDS }; /* beside the words */

enum verdict_word class_word(const struct rule_class *class, int32_t score)
{
	for (unsigned word = VERDICT_REJECT; word > VERDICT_ACCEPT; word--) {
		const struct verdict_info *info = &class->verdicts[word];

		if (!info->never && score >= info->threshold)
			return (enum verdict_word)word;
	}
	return VERDICT_ACCEPT;
}

static enum harm word_harm(const struct rule_class *class,
			   enum verdict_word word)
{
	const struct reply_template *reply;

	if (word == VERDICT_DISCARD)
		return HARM_DISCARD;
	if (word != VERDICT_REJECT)
		return HARM_NONE;
	reply = class->verdicts[word].reply;
	return reply != NULL && reply_template_class(reply) == 4 ? HARM_NONE
								 : HARM_REJECT;
}

/*
 * The least harm that scores from..to do.  Mostly that is the lowest score's,
 * but a reject of 4xx above a discard does less harm than what lies below.
 */
static enum harm least_harm(const struct rule_class *class, int32_t from,
			    int32_t to)
{
	enum harm least = word_harm(class, class_word(class, from));

	for (unsigned word = VERDICT_TAG; word < VERDICT_WORDS; word++) {
		const struct verdict_info *info = &class->verdicts[word];
		enum harm harm;

		if (info->never || info->threshold <= from ||
		    info->threshold > to)
			continue;
		harm = word_harm(class, class_word(class, info->threshold));
		if (harm < least)
			least = harm;
	}
	return least;
}

/* How the unknown bears on the verdict: whether it may, and whether it must. */
struct doubt {
	enum harm may_harm; /* the least that may be left of a refusal */
	enum harm must_harm; /* no more than this will be left */
	bool may_refuse; /* were the unknown against the sender */
	bool must_refuse;
};

static void doubt_add(struct doubt *doubt, const struct rule_class *class,
		      const struct bounds *bounds, bool sure)
{
	enum harm least =
		least_harm(class, bounds->lowest_kind, bounds->highest_harsh);

	if (least < doubt->may_harm)
		doubt->may_harm = least;
	if (class_word(class, bounds->highest_harsh) >= VERDICT_DEFER)
		doubt->may_refuse = true;
	if (!sure)
		return;
	/* These scores will be possible whatever is still to come. */
	if (bounds->highest_kind <= bounds->lowest_harsh) {
		least = least_harm(class, bounds->highest_kind,
				   bounds->lowest_harsh);
		if (least < doubt->must_harm)
			doubt->must_harm = least;
	}
	if (class_word(class, bounds->lowest_harsh) >= VERDICT_DEFER)
		doubt->must_refuse = true;
}

/* Each class that may be the first to match, if unknown ones may match. */
static struct doubt doubt_of(const struct hits *hits,
			     const struct bounds *bounds, enum truth exempt)
{
	const struct rule_class *classes = hits->set->classes;
	struct doubt doubt = { HARM_REJECT, HARM_REJECT, false, false };
	enum truth fair = TRUTH_FALSE;
	bool sure = true;

	for (size_t i = 1; i < hits->set->class_count; i++) {
		fair = truth_fair(hits->classes[i]);
		if (fair == TRUTH_FALSE || fair == TRUTH_WAIVED)
			continue;
		if (fair == TRUTH_PENDING)
			sure = false;
		doubt_add(&doubt, &classes[i], bounds, sure);
		if (fair == TRUTH_TRUE)
			break;
	}
	if (fair != TRUTH_TRUE)
		doubt_add(&doubt, &classes[0], bounds, sure);
	if (exempt != TRUTH_FALSE && exempt != TRUTH_WAIVED)
		doubt.may_harm = HARM_NONE;
	if (exempt == TRUTH_UNKNOWN)
		doubt.must_harm = HARM_NONE;
	return doubt;
}

static unsigned outcome_bit(const struct rule_class *class,
			    enum verdict_word word)
{
	if (word == VERDICT_REJECT && word_harm(class, word) == HARM_NONE)
		return 1u << OUTCOME_REJECT_4XX;
	return 1u << word;
}

/* What becomes of a word when the unknown is considered. */
static unsigned word_outcomes(const struct rule_class *class,
			      enum verdict_word word, const struct doubt *doubt,
			      const struct verdict_settings *settings)
{
	enum harm harm = word_harm(class, word);
	unsigned plain = outcome_bit(class, word);
	unsigned defer = 1u << VERDICT_DEFER;
	bool may = false, must = false;

	if (harm > HARM_NONE) {
		may = doubt->may_harm < harm;
		must = doubt->must_harm < harm;
	} else if (word < VERDICT_DEFER && settings->defer_on_unknown) {
		may = doubt->may_refuse;
		must = doubt->must_refuse;
	}
	return must ? defer : may ? plain | defer : plain;
}

static unsigned class_outcomes(const struct rule_class *class,
			       const struct bounds *bounds,
			       const struct doubt *doubt,
			       const struct verdict_settings *settings)
{
	unsigned outcomes =
		word_outcomes(class, class_word(class, bounds->lowest), doubt,
			      settings);

	/* The word changes with the score only where a threshold is reached. */
	for (unsigned word = VERDICT_TAG; word < VERDICT_WORDS; word++) {
		const struct verdict_info *info = &class->verdicts[word];

		if (info->never || info->threshold <= bounds->lowest ||
		    info->threshold > bounds->highest)
			continue;
		outcomes |=
			word_outcomes(class, class_word(class, info->threshold),
				      doubt, settings);
	}
	return outcomes;
}

/* The class as things stand; *ret_outcomes over all that it may yet be. */
static size_t class_choose(const struct hits *hits, const struct bounds *bounds,
			   const struct doubt *doubt,
			   const struct verdict_settings *settings,
			   unsigned *ret_outcomes, bool *ret_certain)
{
	const struct rule_class *classes = hits->set->classes;
	size_t chosen = 0;

	*ret_certain = true;
	for (size_t i = 1; i < hits->set->class_count && chosen == 0; i++) {
		enum truth now = truth_now(hits->classes[i]);

		if (now == TRUTH_PENDING) {
			*ret_certain = false;
			*ret_outcomes |= class_outcomes(&classes[i], bounds,
							doubt, settings);
		}
		if (now == TRUTH_TRUE)
			chosen = i;
	}
	*ret_outcomes |=
		class_outcomes(&classes[chosen], bounds, doubt, settings);
	return chosen;
}

static enum truth exempt_now(const struct hits *hits, bool fair)
{
	enum truth any = TRUTH_FALSE;

	for (size_t i = 0; i < hits->set->exempt_count; i++) {
		truth_pair pair = hits->exempts[i];

		any = truth_or(any, fair ? truth_fair(pair) : truth_now(pair));
	}
	return any;
}

/*
 * As things stand: what is pending does not hold, but may still keep a refusal
 * from being for good.
 */
static void verdict_speak(struct verdict *verdict,
			  const struct rule_class *class,
			  const struct doubt *doubt,
			  const struct verdict_settings *settings)
{
	enum verdict_word word = class_word(class, verdict->bounds.score);
	enum harm harm = word_harm(class, word);

	verdict->unsoftened = word;
	verdict->threshold =
		word == VERDICT_ACCEPT ? 0 : class->verdicts[word].threshold;
	verdict->softened = harm > HARM_NONE
				    ? doubt->may_harm < harm
				    : word < VERDICT_DEFER &&
					      settings->defer_on_unknown &&
					      doubt->must_refuse;
	verdict->word = verdict->softened ? VERDICT_DEFER : word;
	if (verdict->softened)
		return; /* the built-in reply: a 451 whatever the rules say */
	verdict->reply = class->verdicts[word].reply;
	if (word == VERDICT_TAG)
		verdict->subject = class->verdicts[word].subject;
}

struct verdict verdict_of(const struct hits *hits,
			  const struct verdict_settings *settings)
{
	enum truth exempt = exempt_now(hits, false);
	struct verdict verdict = { .bounds = hits_bounds(hits) };
	struct doubt doubt =
		doubt_of(hits, &verdict.bounds, exempt_now(hits, true));
	unsigned outcomes = 0;
	size_t class;

	class = class_choose(hits, &verdict.bounds, &doubt, settings, &outcomes,
			     &verdict.class_certain);
	verdict.class_index = (unsigned)class;
	if (exempt == TRUTH_TRUE) {
		verdict.exempt = true;
		verdict.certain = true;
		return verdict; /* accept */
	}
	if (exempt == TRUTH_PENDING)
		outcomes |= 1u << VERDICT_ACCEPT;
	verdict.certain = (outcomes & (outcomes - 1)) == 0;
	verdict_speak(&verdict, &hits->set->classes[class], &doubt, settings);
	return verdict;
}
