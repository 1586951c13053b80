/*
 * early_model.c - makes models and prints them.
 */
#include "tests/unit/early_model.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define F(n, i, p, t)                                          \
	{                                                      \
		.name = n, .id = FACT_##i, .phase = PHASE_##p, \
		.type = MODEL_##t                              \
	}
#define DNS(n, i, p, t)                                        \
	{                                                      \
		.name = n, .id = FACT_##i, .phase = PHASE_##p, \
		.type = MODEL_##t, .late = true                \
	}
const struct model_fact model_facts[MODEL_FACTS] = {
	F("client.is_local", CLIENT_IS_LOCAL, CONNECT, BOOL),
	F("client.port", CLIENT_PORT, CONNECT, NUMBER),
	F("mta.daemon", MTA_DAEMON, CONNECT, TEXTS),
	F("helo.is_ip", HELO_IS_IP, HELO, BOOL),
	F("helo.name", HELO_NAME, HELO, TEXTS),
	{ "spf",
	  FACT_SPF,
	  PHASE_MAIL,
	  MODEL_ENUM,
	  { "pass", "fail", "softfail", "temperror" },
	  false },
	F("client.auth", CLIENT_AUTH, MAIL, BOOL),
	F("sender.size", SENDER_SIZE, MAIL, NUMBER),
	F("rcpt.local", RCPT_LOCAL, RCPT, TEXTS),
	F("rcpt.domain", RCPT_DOMAIN, RCPT, TEXTS),
	F("rcpt.count", RCPT_COUNT, DATA, NUMBER),
	{ "dkim",
	  FACT_DKIM,
	  PHASE_EOM,
	  MODEL_ENUM,
	  { "pass", "policy", "fail", "temperror" },
	  false },
	F("header.nul", HEADER_NUL, EOM, BOOL),
	F("header(\"X\")", HEADER, EOM, SET),
	F("from.name", FROM_NAME, EOM, SET),
	DNS("client.ptr", CLIENT_PTR, MAIL, SET),
	DNS("client.name", CLIENT_NAME, MAIL, SET),
	DNS("helo.resolves", HELO_RESOLVES, MAIL, BOOL),
	DNS("sender.exists", SENDER_EXISTS, MAIL, BOOL),
	DNS("w.test", DNSBL, MAIL, SET),
	DNS("d.test", DNSBL, MAIL, SET),
	DNS("d.test", DNSBL, EOM, SET),
};

/* The DNS lists: what they are asked about, and where their answers begin. */
static const struct {
	const char *zone, *of;
	int first, count;
} lists[MODEL_LISTS] = {
	{ "w.test", "", MODEL_ANSWERS, 1 },
	{ "d.test", " of sender.domain, from.domain", MODEL_ANSWERS + 1, 2 },
};

/* --- making ------------------------------------------------------------- */

/* splitmix64: every seed is a good one. */
uint64_t model_random(struct model *model, uint64_t below)
{
	uint64_t z = model->random += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (z ^ z >> 31) % below;
}

static int pick(struct model *model, int below)
{
	return (int)model_random(model, (uint64_t)below);
}

static bool chance(struct model *model, int percent)
{
	return pick(model, 100) < percent;
}

static int leaf_make(struct model *model, enum phase latest)
{
	struct node *node = &model->nodes[model->node_count];
	const struct model_fact *fact;

	memset(node, 0, sizeof(*node));
	node->kind = LEAF;
	do {
		node->fact = pick(model, MODEL_ANSWERS);
		fact = &model_facts[node->fact];
	} while (fact->phase > latest);
	node->negated = chance(model, 40);
	node->spelling = pick(model, 3);
	if (chance(model, 8)) {
		node->op = NONE;
	} else if (chance(model, 12)) {
		node->op = UNKNOWN;
	} else if (fact->type == MODEL_BOOL) {
		node->op = BARE;
	} else if (fact->type == MODEL_NUMBER && chance(model, 70)) {
		node->op = chance(model, 50) ? LESS : MORE;
		node->negated = false;
		node->value = pick(model, 6) * 50;
	} else {
		node->op = AMONG;
		node->value = 1 + pick(model, 7);
		if (fact->type == MODEL_ENUM && chance(model, 30))
			node->value |= 1 << MODEL_TEMPERROR;
		if (fact->type == MODEL_ENUM && chance(model, 10))
			node->value = 1 << MODEL_TEMPERROR;
	}
	return model->node_count++;
}

/* A condition that reads facts up to a phase, and rules below `rules`. */
static int condition_make(struct model *model, int depth, enum phase latest,
			  int rules, bool shadow, enum phase *phase)
{
	struct node *node;
	int left, right = -1, at;

	if (rules > 0 && chance(model, 20)) {
		int rule = pick(model, rules);

		if ((shadow || !model->rules[rule].shadow) &&
		    model->rules[rule].phase <= latest) {
			node = &model->nodes[model->node_count];
			memset(node, 0, sizeof(*node));
			node->kind = RULE;
			node->rule = rule;
			if (model->rules[rule].phase > *phase)
				*phase = model->rules[rule].phase;
			return model->node_count++;
		}
	}
	if (depth == 0 || chance(model, 45)) {
		at = leaf_make(model, latest);
		if (model_facts[model->nodes[at].fact].phase > *phase)
			*phase = model_facts[model->nodes[at].fact].phase;
		return at;
	}
	left = condition_make(model, depth - 1, latest, rules, shadow, phase);
	at = pick(model, 5);
	if (at > 0)
		right = condition_make(model, depth - 1, latest, rules, shadow,
				       phase);
	node = &model->nodes[model->node_count];
	memset(node, 0, sizeof(*node));
	node->kind = at == 0 ? NOT : at < 3 ? AND : OR;
	node->left = left;
	node->right = right;
	return model->node_count++;
}

static int answer_make(struct model *model, int fact, int bits)
{
	struct node *node = &model->nodes[model->node_count];

	memset(node, 0, sizeof(*node));
	node->kind = LEAF;
	node->fact = fact;
	node->op = AMONG;
	node->value = bits;
	return model->node_count++;
}

/* A symbol holds if any of the list's answers passes its filter. */
static int symbol_make(struct model *model, int list, enum phase *phase)
{
	int bits = 1 + pick(model, 7);
	int at = answer_make(model, lists[list].first, bits);

	for (int i = 1; i < lists[list].count; i++) {
		int right = answer_make(model, lists[list].first + i, bits);
		struct node *node = &model->nodes[model->node_count];

		memset(node, 0, sizeof(*node));
		node->kind = OR;
		node->left = at;
		node->right = right;
		at = model->node_count++;
	}
	*phase = model_facts[lists[list].first + lists[list].count - 1].phase;
	return at;
}

static void rules_make(struct model *model)
{
	static const int weights[] = { -300, -150, -50, 50,  100,
				       200,  300,  400, 600, 900 };
	static const enum phase phases[] = { PHASE_CONNECT, PHASE_HELO,
					     PHASE_MAIL,    PHASE_RCPT,
					     PHASE_EOM,	    PHASE_EOM };

	model->rule_count = 3 + pick(model, MODEL_RULES - 2);
	model->group_count = pick(model, MODEL_GROUPS + 1);
	for (int i = 0; i < model->group_count; i++)
		model->group_max[i] = pick(model, 4) * 200 - 1;
	for (int i = 0; i < model->rule_count; i++) {
		enum phase phase = PHASE_CONNECT;

		model->rules[i].list =
			chance(model, 30) ? pick(model, MODEL_LISTS) : -1;
		model->rules[i].shadow =
			model->rules[i].list < 0 && chance(model, 10);
		model->rules[i].when =
			model->rules[i].list >= 0
				? symbol_make(model, model->rules[i].list,
					      &phase)
				: condition_make(model, 2,
						 phases[pick(model, 6)], i,
						 model->rules[i].shadow,
						 &phase);
		model->rules[i].phase = phase;
		model->rules[i].written = weights[pick(model, 10)];
		model->rules[i].group = pick(model, model->group_count + 1) - 1;
		model->rules[i].overridden = chance(model, 10);
		model->rules[i].off =
			model->rules[i].overridden && chance(model, 50);
		model->rules[i].weight = model->rules[i].overridden
						 ? weights[pick(model, 10)]
						 : model->rules[i].written;
		if (model->rules[i].shadow || model->rules[i].off)
			model->rules[i].weight = 0;
	}
}

static void verdicts_make(struct model *model, int class)
{
	static const int around[] = { 0, 150, 300, 450, 600, 900 };

	for (int word = VERDICT_TAG; word < VERDICT_WORDS; word++) {
		struct model_verdict *verdict = &model->verdicts[class][word];

		*verdict = (struct model_verdict){ .said = chance(model, 45) };
		if (word == VERDICT_REJECT && class == 0)
			verdict->said = true;
		verdict->never = verdict->said && chance(model, 15);
		/* Sometimes in an order that makes no sense. */
		verdict->threshold = around[pick(model, 6)] +
				     (chance(model, 50) ? word * 50 : 0) + 1;
	}
	model->reject_4xx[class] = chance(model, 20);
}

void model_make(struct model *model)
{
	uint64_t random = model->random;
	enum phase phase = PHASE_CONNECT;

	memset(model, 0, sizeof(*model));
	model->random = random;
	rules_make(model);
	model->class_count =
		chance(model, 50) ? 0 : pick(model, MODEL_CLASSES + 1);
	for (int i = 0; i < model->class_count; i++)
		model->class_when[i] =
			condition_make(model, 1, PHASE_RCPT, model->rule_count,
				       false, &phase);
	model->exempt_count =
		chance(model, 60) ? 0 : pick(model, MODEL_EXEMPTS + 1);
	for (int i = 0; i < model->exempt_count; i++)
		model->exempt_when[i] =
			condition_make(model, 1,
				       chance(model, 80) ? PHASE_MAIL
							 : PHASE_EOM,
				       model->rule_count, false, &phase);
	for (int class = 0; class <= model->class_count; class ++)
		verdicts_make(model, class);
	model->defer_on_unknown = chance(model, 25);
}

static struct model_value value_make(struct model *model, int fact)
{
	struct model_value value = { .state = FACT_KNOWN };
	int dice = pick(model, 100);

	if (dice < 8)
		value.state = FACT_NONE;
	else if (dice < 20)
		value.state = FACT_UNKNOWN;
	else if (dice < 28)
		value.state = FACT_NOT_ASKED;
	value.waived = value.state == FACT_NOT_ASKED && chance(model, 50);
	switch (model_facts[fact].type) {
	case MODEL_BOOL: value.value = pick(model, 2); break;
	case MODEL_SET:
		value.value = 1 + pick(model, 7);
		value.partial = value.state == FACT_KNOWN && chance(model, 25);
		break;
	case MODEL_ENUM:
		value.value = pick(model, 4); /* one is MODEL_TEMPERROR */
		break;
	default: value.value = pick(model, 3); break;
	}
	return value;
}

void model_message(struct model *model, struct model_value *values)
{
	for (int fact = 0; fact < MODEL_FACTS; fact++)
		values[fact] = value_make(model, fact);
}

void model_recipient(struct model *model, struct model_value *values)
{
	for (int fact = 0; fact < MODEL_FACTS; fact++)
		if (model_facts[fact].phase == PHASE_RCPT)
			values[fact] = value_make(model, fact);
}

/* --- printing ----------------------------------------------------------- */

struct out {
	char *text;
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void put(struct out *out,
						      const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(out->text + out->len, MODEL_TEXT - out->len, format,
			args);
	va_end(args);
	if (len > 0 && (size_t)len < MODEL_TEXT - out->len)
		out->len += (size_t)len;
}

static void put_member(struct out *out, const struct model_fact *fact,
		       int value)
{
	if (fact->type == MODEL_ENUM)
		put(out, "%s", fact->words[value]);
	else if (fact->type == MODEL_NUMBER)
		put(out, "%d", value);
	else
		put(out, "\"%c\"", "aBc"[value]);
}

static void put_among(struct out *out, const struct model_fact *fact,
		      const struct node *node)
{
	bool texts = fact->type == MODEL_TEXTS || fact->type == MODEL_SET;
	const char *sep = "";

	if (texts && node->spelling == 0) {
		put(out, " %s /^[", node->negated ? "!~" : "~");
		for (int i = 0; i < 3; i++)
			if (node->value & 1 << i)
				put(out, "%c", "abc"[i]);
		put(out, "]$/i");
		return;
	}
	if ((node->value & (node->value - 1)) == 0) {
		put(out, " is%s ", node->negated ? " not" : "");
		put_member(out, fact, __builtin_ctz((unsigned)node->value));
		return;
	}
	put(out, "%s in {", node->negated ? " not" : "");
	for (int i = 0; i < 4; i++) {
		if (!(node->value & 1 << i))
			continue;
		put(out, "%s", sep);
		put_member(out, fact, i);
		sep = ", ";
	}
	put(out, "}");
}

static void put_leaf(struct out *out, const struct node *node)
{
	const struct model_fact *fact = &model_facts[node->fact];
	const char *negation = node->negated ? " not" : "";

	put(out, "%s", fact->name);
	switch (node->op) {
	case NONE: put(out, " is%s none", negation); return;
	case UNKNOWN: put(out, " is%s unknown", negation); return;
	case BARE:
		if (node->negated)
			put(out, node->spelling ? " is no" : " is not yes");
		else if (node->spelling)
			put(out, " is yes");
		return;
	case LESS:
	case MORE:
		put(out, " %s %d.%02d",
		    node->op == LESS ? "<" : ">=", node->value / 100,
		    node->value % 100);
		return;
	case AMONG: put_among(out, fact, node); return;
	}
}

static void put_node(struct out *out, const struct model *model, int at)
{
	const struct node *node = &model->nodes[at];

	switch (node->kind) {
	case LEAF: put_leaf(out, node); return;
	case RULE: put(out, "R%d", node->rule); return;
	case NOT:
		put(out, "not (");
		put_node(out, model, node->left);
		put(out, ")");
		return;
	case AND:
	case OR: break;
	}
	put(out, "(");
	put_node(out, model, node->left);
	put(out, node->kind == AND ? " and " : " or ");
	put_node(out, model, node->right);
	put(out, ")");
}

static void put_number(struct out *out, int hundredths)
{
	int size = hundredths < 0 ? -hundredths : hundredths;

	put(out, "%s%d.%02d", hundredths < 0 ? "-" : "", size / 100,
	    size % 100);
}

static void put_verdicts(struct out *out, const struct model *model, int class)
{
	for (int word = VERDICT_TAG; word < VERDICT_WORDS; word++) {
		const struct model_verdict *verdict =
			&model->verdicts[class][word];

		if (!verdict->said)
			continue;
		put(out, "verdict %s ",
		    verdict_word_name((enum verdict_word)word));
		if (verdict->never) {
			put(out, "never\n");
			continue;
		}
		put(out, "at ");
		put_number(out, verdict->threshold);
		if (word == VERDICT_REJECT)
			put(out, " reply \"%s\"",
			    model->reject_4xx[class] ? "451 4.7.1 later"
						     : "550 5.7.1 no");
		put(out, "\n");
	}
}

static void put_override(struct out *out, const struct model *model, int rule)
{
	if (!model->rules[rule].overridden)
		return;
	put(out, "override R%d ", rule);
	if (model->rules[rule].off)
		put(out, "off");
	else
		put_number(out, model->rules[rule].weight);
	put(out, "\n");
}

static void put_rule(struct out *out, const struct model *model, int rule)
{
	if (model->rules[rule].list >= 0)
		return;
	put(out, "%srule R%d ", model->rules[rule].shadow ? "shadow " : "",
	    rule);
	put_number(out, model->rules[rule].written);
	put(out, " if ");
	put_node(out, model, model->rules[rule].when);
	put(out, "\n");
	put_override(out, model, rule);
}

static void put_list(struct out *out, const struct model *model, int list)
{
	static const char *const filters[8] = {
		[1] = "127.0.0.2",
		[2] = "127.0.0.3",
		[3] = "127.0.0.2 - 127.0.0.3",
		[4] = "127.0.0.4",
		[5] = "127.0.0.2, 127.0.*.4",
		[6] = "127.0.0.3, 127.0.0.0 mask 0.0.0.4",
		[7] = "127.*.0.*",
	};
	int count = 0;

	for (int rule = 0; rule < model->rule_count; rule++) {
		int at = model->rules[rule].when;

		if (model->rules[rule].list != list)
			continue;
		if (model->nodes[at].kind == OR)
			at = model->nodes[at].left;
		if (count++ == 0)
			put(out, "dnsbl \"%s\"%s {\n", lists[list].zone,
			    lists[list].of);
		put(out, "R%d ", rule);
		put_number(out, model->rules[rule].written);
		put(out, " on %s\n", filters[model->nodes[at].value]);
	}
	if (count > 0)
		put(out, "}\n");
	for (int rule = 0; rule < model->rule_count; rule++)
		if (model->rules[rule].list == list)
			put_override(out, model, rule);
}

/* Some rule before what it reads, some behind. */
void model_print(struct model *model, char text[MODEL_TEXT])
{
	struct out out = { text, 0 };
	int turn = pick(model, model->rule_count);

	for (int i = 0; i < model->exempt_count; i++) {
		put(&out, "exempt if ");
		put_node(&out, model, model->exempt_when[i]);
		put(&out, "\n");
	}
	for (int i = 0; i < MODEL_LISTS; i++)
		put_list(&out, model, i);
	for (int i = 0; i < model->rule_count; i++)
		put_rule(&out, model, (i + turn) % model->rule_count);
	for (int i = 0; i < model->group_count; i++) {
		const char *sep = "";

		put(&out, "group g%d max ", i);
		put_number(&out,
			   model->group_max[i] < 0 ? 0 : model->group_max[i]);
		put(&out, " {");
		for (int rule = 0; rule < model->rule_count; rule++) {
			if (model->rules[rule].group != i)
				continue;
			put(&out, "%s R%d", sep, rule);
			sep = ",";
		}
		put(&out, " }\n");
	}
	put_verdicts(&out, model, 0);
	for (int class = 1; class <= model->class_count; class ++) {
		put(&out, "class c%d if ", class);
		put_node(&out, model, model->class_when[class - 1]);
		put(&out, " {\n");
		put_verdicts(&out, model, class);
		put(&out, "}\n");
	}
	text[out.len] = '\0';
}
