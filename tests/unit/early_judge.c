/*
 * early_judge.c - what should come of a model's message, slowly.
 *
 * By the letter of the design, and with nothing of rules/ but words.
 */
#include "tests/unit/early_model.h"

#include <string.h>

enum { F_FALSE, F_UNKNOWN, F_WAIVED, F_TRUE };

/*
 * What is true of a message; `fair`: `is unknown` and `is temperror` have no
 * answer either.
 */
struct world {
	const struct model *model;
	const struct model_value *values;
	bool fair;
	int rules[MODEL_RULES];
};

/* No value of it passes, but there may be one that nobody has seen. */
static bool may_be_more(const struct node *node,
			const struct model_value *value)
{
	return value->partial && node->op == AMONG &&
	       (value->value & node->value) == 0;
}

static int known_leaf(const struct model_fact *fact, const struct node *node,
		      int value)
{
	bool holds = false;

	switch (node->op) {
	case BARE: holds = value != 0; break;
	case LESS: holds = value * 100 < node->value; break;
	case MORE: holds = value * 100 >= node->value; break;
	case AMONG:
		holds = fact->type == MODEL_SET
				? (value & node->value) != 0
				: (1 << value & node->value) != 0;
		break;
	case NONE:
	case UNKNOWN: break; /* it is there, and known */
	}
	return holds != node->negated ? F_TRUE : F_FALSE;
}

/* DNS did not answer, and the check says so. */
static bool is_temperror(int fact, const struct model_value *value)
{
	return value->state == FACT_KNOWN &&
	       model_facts[fact].type == MODEL_ENUM &&
	       value->value == MODEL_TEMPERROR;
}

static bool asks_for(const struct node *node, bool temperror)
{
	return node->op == UNKNOWN || (temperror && node->op == AMONG &&
				       node->value & 1 << MODEL_TEMPERROR);
}

static int leaf_judge(const struct world *world, const struct node *node)
{
	const struct model_fact *fact = &model_facts[node->fact];
	const struct model_value *value = &world->values[node->fact];
	bool temperror = is_temperror(node->fact, value);

	if (value->state == FACT_KNOWN && may_be_more(node, value))
		return F_UNKNOWN;
	if (value->state == FACT_KNOWN && !temperror)
		return known_leaf(fact, node, value->value);
	if (value->state == FACT_NONE) {
		if (node->op == NONE)
			return node->negated ? F_FALSE : F_TRUE;
		if (node->op == UNKNOWN)
			return node->negated ? F_TRUE : F_FALSE;
		if (fact->type == MODEL_ENUM && node->negated)
			return F_TRUE;
		return F_FALSE;
	}
	if (value->waived)
		return F_WAIVED;
	if (!asks_for(node, temperror) || world->fair)
		return F_UNKNOWN;
	return node->negated ? F_FALSE : F_TRUE;
}

static int opposite(int truth)
{
	return truth == F_TRUE ? F_FALSE : truth == F_FALSE ? F_TRUE : truth;
}

/*
 * Unknown, or not to be known: then nobody could have been the better for it.
 */
static bool is_possible(int truth)
{
	return truth == F_TRUE || truth == F_UNKNOWN;
}

static int node_judge(const struct world *world, int at)
{
	const struct node *node = &world->model->nodes[at];
	int left, right;

	if (node->kind == LEAF)
		return leaf_judge(world, node);
	if (node->kind == RULE)
		return world->rules[node->rule];
	left = node_judge(world, node->left);
	if (node->kind == NOT)
		return opposite(left);
	right = node_judge(world, node->right);
	if (node->kind == AND)
		return left < right ? left : right;
	return opposite(opposite(left) < opposite(right) ? opposite(left)
							 : opposite(right));
}

static struct world world_make(const struct model *model,
			       const struct model_value *values, bool fair)
{
	struct world world = { .model = model, .values = values, .fair = fair };

	for (int i = 0; i < model->rule_count; i++)
		world.rules[i] =
			model->rules[i].off
				? F_FALSE
				: node_judge(&world, model->rules[i].when);
	return world;
}

static int score_of(const struct model *model, const bool *holds)
{
	int score = 0;

	for (int i = 0; i < model->rule_count; i++)
		if (holds[i] &&
		    (model->rules[i].weight < 0 || model->rules[i].group < 0))
			score += model->rules[i].weight;
	for (int group = 0; group < model->group_count; group++) {
		int most = model->group_max[group] < 0
				   ? 0
				   : model->group_max[group];
		int sum = 0;

		for (int i = 0; i < model->rule_count; i++)
			if (holds[i] && model->rules[i].weight > 0 &&
			    model->rules[i].group == group)
				sum += model->rules[i].weight;
		score += sum < most ? sum : most;
	}
	return score;
}

static enum verdict_word word_of(const struct model *model, int class,
				 int score)
{
	enum verdict_word word = VERDICT_ACCEPT;

	for (int i = VERDICT_TAG; i < VERDICT_WORDS; i++) {
		const struct model_verdict *verdict = &model->verdicts[0][i];

		if (class > 0 && model->verdicts[class][i].said)
			verdict = &model->verdicts[class][i];
		if (verdict->said && !verdict->never &&
		    score >= verdict->threshold)
			word = (enum verdict_word)i;
	}
	return word;
}

static bool is_4xx(const struct model *model, int class)
{
	const struct model_verdict *own =
		&model->verdicts[class][VERDICT_REJECT];

	/* "never" says nothing of a reply. */
	return model
		->reject_4xx[class > 0 && own->said && !own->never ? class : 0];
}

static int harm_of(const struct model *model, int class, enum verdict_word word)
{
	if (word == VERDICT_DISCARD)
		return 1;
	return word == VERDICT_REJECT && !is_4xx(model, class) ? 2 : 0;
}

/* The least harm of all scores from..to; it changes only at a threshold. */
static int least_harm(const struct model *model, int class, int from, int to)
{
	int least = harm_of(model, class, word_of(model, class, from));

	for (int i = VERDICT_TAG; i < VERDICT_WORDS; i++) {
		for (int source = 0; source <= class;
		     source += class + !class) {
			int at = model->verdicts[source][i].threshold;
			int harm;

			if (at < from || at > to)
				continue;
			harm = harm_of(model, class, word_of(model, class, at));
			if (harm < least)
				least = harm;
		}
	}
	return least;
}

/* The least harm, or the most severe word, over the classes that may match. */
struct extremes {
	int harm;
	enum verdict_word word;
};

static struct extremes extremes_of(const struct world *fair, int kind,
				   int harsh)
{
	const struct model *model = fair->model;
	struct extremes ends = { 2, VERDICT_ACCEPT };
	int match = F_FALSE;

	for (int class = 1; class <= model->class_count + 1; class ++) {
		int at = class <= model->class_count ? class : 0;
		enum verdict_word word;
		int harm;

		if (at > 0)
			match = node_judge(fair, model->class_when[at - 1]);
		if (at > 0 && !is_possible(match))
			continue;
		harm = least_harm(model, at, kind, harsh);
		word = word_of(model, at, harsh);
		if (harm < ends.harm)
			ends.harm = harm;
		if (word > ends.word)
			ends.word = word;
		if (match == F_TRUE)
			break;
	}
	for (int i = 0; i < model->exempt_count; i++)
		if (is_possible(node_judge(fair, model->exempt_when[i])))
			ends.harm = 0;
	return ends;
}

struct model_answer model_judge(const struct model *model,
				const struct model_value *values)
{
	struct world now = world_make(model, values, false);
	struct world fair = world_make(model, values, true);
	struct model_answer answer = { .word = VERDICT_ACCEPT };
	bool holds[MODEL_RULES], kind[MODEL_RULES], harsh[MODEL_RULES];
	struct extremes ends;
	int class = 0, harm;

	for (int i = 0; i < model->rule_count; i++) {
		bool plus = model->rules[i].weight > 0;

		answer.truth[i] = now.rules[i];
		holds[i] = now.rules[i] == F_TRUE;
		kind[i] = plus ? fair.rules[i] == F_TRUE
			       : is_possible(fair.rules[i]);
		harsh[i] = plus ? is_possible(fair.rules[i])
				: fair.rules[i] == F_TRUE;
	}
	answer.score = score_of(model, holds);
	for (int i = 0; i < model->exempt_count; i++)
		if (node_judge(&now, model->exempt_when[i]) == F_TRUE)
			answer.exempt = true;
	if (answer.exempt)
		return answer;
	for (int i = model->class_count; i > 0; i--)
		if (node_judge(&now, model->class_when[i - 1]) == F_TRUE)
			class = i;
	answer.word = word_of(model, class, answer.score);
	harm = harm_of(model, class, answer.word);
	ends = extremes_of(&fair, score_of(model, kind),
			   score_of(model, harsh));
	if (harm > ends.harm)
		answer.word = VERDICT_DEFER;
	else if (answer.word < VERDICT_DEFER && model->defer_on_unknown &&
		 ends.word >= VERDICT_DEFER)
		answer.word = VERDICT_DEFER;
	answer.reject_5xx =
		answer.word == VERDICT_REJECT && !is_4xx(model, class);
	return answer;
}

int model_harm(const struct model_answer *answer)
{
	if (answer->word == VERDICT_DISCARD)
		return 1;
	return answer->reject_5xx ? 2 : 0;
}

static bool is_open(const struct model_value *value, int fact)
{
	return !value->waived && (value->state == FACT_UNKNOWN ||
				  value->state == FACT_NOT_ASKED ||
				  value->partial || is_temperror(fact, value));
}

/* In how many ways it may have been answered. */
static uint64_t choices_of(const struct model_value *value, int fact)
{
	if (value->partial)
		return 8; /* any letters beside those that are known */
	switch (model_facts[fact].type) {
	case MODEL_BOOL: return 2 + 1;
	case MODEL_SET: return 7 + 1;
	default: return 3 + 1;
	}
}

/* Choice 0 is none, any other one a value. */
static void choose(struct model_value *value, int fact, int choice)
{
	if (value->partial) {
		value->partial = false;
		value->value |= choice;
		return;
	}
	value->state = choice == 0 ? FACT_NONE : FACT_KNOWN;
	value->value = choice - 1 + (model_facts[fact].type == MODEL_SET);
}

int model_least_harm(struct model *model, const struct model_value *values,
		     int tries)
{
	struct model_value all[MODEL_FACTS];
	uint64_t combinations = 1;
	int least = 2;

	for (int fact = 0; fact < MODEL_FACTS; fact++)
		if (is_open(&values[fact], fact))
			combinations *= choices_of(&values[fact], fact);
	for (int try = 0; try < tries && (uint64_t)try < combinations; try++) {
		uint64_t number = (uint64_t)try;
		struct model_answer answer;

		if (combinations > (uint64_t)tries)
			number = model_random(model, combinations);
		memcpy(all, values, sizeof(all));
		for (int fact = 0; fact < MODEL_FACTS; fact++) {
			uint64_t count = choices_of(&values[fact], fact);

			if (!is_open(&values[fact], fact))
				continue;
			choose(&all[fact], fact, (int)(number % count));
			number /= count;
		}
		answer = model_judge(model, all);
		if (model_harm(&answer) < least)
			least = model_harm(&answer);
	}
	return least;
}
