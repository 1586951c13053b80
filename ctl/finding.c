/*
 * finding.c - what became of a test message.
 */
#include "ctl/finding.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/visit.h"
#include "filter/generation.h"
#include "filter/session.h"
#include "filter/show.h"
#include "rules/hits.h"

static json_t *text_of(const char *text)
{
	return text != NULL ? show_text(text, strlen(text)) : json_null();
}

void finding_set(json_t *finding, const char *key, const char *value)
{
	json_object_set_new(finding, key, text_of(value));
}

json_t *finding_new(const char *path, const struct visit *visit)
{
	json_t *finding = json_object(), *rcpts = json_array();
	static const char *const lists[] = { "symbols", "replies", "changes" };

	finding_set(finding, "file", path);
	finding_set(finding, "client", visit->client);
	finding_set(finding, "ptr", visit->ptr);
	finding_set(finding, "helo", visit->helo);
	finding_set(finding, "sender", visit->from);
	for (size_t i = 0; i < visit->rcpt_count; i++)
		json_array_append_new(rcpts, text_of(visit->rcpts[i]));
	json_object_set_new(finding, "recipients", rcpts);
	finding_set(finding, "verdict", NULL);
	finding_set(finding, "stage", NULL);
	finding_set(finding, "reply", NULL);
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		json_object_set_new(finding, lists[i], json_array());
	return finding;
}

char *finding_reply_text(const struct reply *reply)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		return NULL;
	for (unsigned i = 0; i < reply->line_count; i++)
		fprintf(out, "%s%s%c%s %s", i > 0 ? "\n" : "", reply->code,
			i + 1 < reply->line_count ? '-' : ' ', reply->enhanced,
			reply->lines[i]);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

void finding_reply(json_t *finding, const char *stage, const char *text)
{
	json_array_append_new(json_object_get(finding, "replies"),
			      json_pack("{s:s, s:o}", "stage", stage, "reply",
					text_of(text)));
	finding_set(finding, "reply", text);
	finding_set(finding, "stage", stage);
}

void finding_change(json_t *finding, const char *what, const char *name,
		    const char *value)
{
	json_array_append_new(json_object_get(finding, "changes"),
			      json_pack("{s:s, s:o, s:o}", "what", what, "name",
					text_of(name), "value",
					text_of(value)));
}

/* --- facts -------------------------------------------------------------- */

static json_t *set_values(const struct fact *fact)
{
	json_t *values = json_array();

	for (size_t i = 0; i < fact->set.count; i++)
		json_array_append_new(values,
				      show_text(fact->set.items[i].at,
						fact->set.items[i].len));
	return values;
}

static json_t *known_value(const struct fact *fact, const struct fact_row *row)
{
	char ip[IP_TEXT_SIZE];

	switch (row->type) {
	case FACT_TYPE_BOOL: return json_boolean(fact->yes);
	case FACT_TYPE_NUMBER: return json_integer(fact->number);
	case FACT_TYPE_STRING: return show_text(fact->text.at, fact->text.len);
	case FACT_TYPE_IP: return text_of(ip_format(&fact->ip, ip, sizeof(ip)));
	case FACT_TYPE_ENUM: return text_of(row->words[fact->word]);
	case FACT_TYPE_SET: return set_values(fact);
	}
	return json_null();
}

static void add_unknown(json_t *finding, const char *name, const char *cause,
			bool partial)
{
	json_array_append_new(json_object_get(finding, "unknown"),
			      json_pack("{s:o, s:s, s:b}", "fact",
					text_of(name), "cause", cause,
					"partial", partial));
}

/* Puts one fact where it belongs. */
static void add_fact(json_t *finding, const char *name, enum fact_id id,
		     const struct fact *fact)
{
	const struct fact_row *row = fact_row(id);
	json_t *value = NULL;

	switch (fact->state) {
	case FACT_PENDING:
	case FACT_NOT_ASKED: return;
	case FACT_UNKNOWN:
	case FACT_NONE: break;
	case FACT_KNOWN: value = known_value(fact, row); break;
	}
	if (fact_is_unsure(row, fact))
		add_unknown(finding, name, fact_unsure_cause(row, fact),
			    row->type == FACT_TYPE_SET && fact->partial);
	json_array_append_new(json_object_get(finding, "facts"),
			      json_pack("{s:o, s:s, s:o}", "fact",
					text_of(name), "state",
					fact_state_name(fact->state), "value",
					value != NULL ? value : json_null()));
}

/* What rules read, and should have known when the verdict was given. */
static void add_not_asked(json_t *finding, const char *name,
			  const struct fact *fact, bool due)
{
	json_t *names = json_object_get(finding, "not_asked");

	if (due && fact->state == FACT_NOT_ASKED)
		json_array_append_new(names, text_of(name));
}

static void add_slot(json_t *finding, const struct fact_slot *slot,
		     const struct fact *fact, enum phase until)
{
	char *name;

	if (asprintf(&name, "%s(\"%s\")", fact_row(slot->id)->name,
		     slot->name) < 0)
		return;
	add_fact(finding, name, slot->id, fact);
	add_not_asked(finding, name, fact, slot->phase <= until);
	free(name);
}

static void add_facts(json_t *finding, const struct generation *gen,
		      const struct outcome *outcome)
{
	const struct facts *facts = outcome->facts;
	enum phase until = outcome->phase;

	json_object_set_new(finding, "unknown", json_array());
	json_object_set_new(finding, "not_asked", json_array());
	json_object_set_new(finding, "facts", json_array());
	for (enum fact_id id = 0; id < FACT_FIXED; id++) {
		const struct fact_row *row = fact_row(id);

		add_fact(finding, row->name, id, &facts->fixed[id]);
		add_not_asked(finding, row->name, &facts->fixed[id],
			      row->built && row->phase <= until &&
				      ruleset_reads(gen->rules, id));
	}
	for (size_t i = 0; i < facts->slot_count; i++)
		add_slot(finding, ruleset_slot(gen->rules, (unsigned)i),
			 &facts->slots[i], until);
	if (outcome->hits != NULL && hits_regex_limits(outcome->hits) > 0)
		add_unknown(finding, "regex", fact_cause_name(CAUSE_LIMIT),
			    false);
}

/* --- verdict ------------------------------------------------------------ */

struct weights {
	json_t *finding;
	const struct ruleset *rules;
};

static void add_weight(void *context, size_t index)
{
	const struct weights *weights = context;
	const struct rule_info *rule = ruleset_rule(weights->rules, index);

	if (!rule->shadow)
		json_array_append_new(json_object_get(weights->finding,
						      "symbols"),
				      text_of(rule->name));
	json_array_append_new(
		json_object_get(weights->finding, "weights"),
		json_pack("{s:o, s:f, s:o, s:b}", "name", text_of(rule->name),
			  "weight", (double)rule->weight / 100, "description",
			  text_of(rule->description), "shadow", rule->shadow));
}

/* Groups whose members add more than the group may. */
static void add_caps(json_t *finding, const struct generation *gen,
		     const struct hits *hits)
{
	json_object_set_new(finding, "caps", json_array());
	for (size_t g = 0; g < ruleset_group_count(gen->rules); g++) {
		const struct group_info *group = ruleset_group(gen->rules, g);
		int64_t sum = 0;

		for (size_t i = 0; i < ruleset_rule_count(gen->rules); i++) {
			const struct rule_info *rule =
				ruleset_rule(gen->rules, i);

			if (rule->group == (int)g && rule->weight > 0 &&
			    hits_rule(hits, i) == TRUTH_TRUE)
				sum += rule->weight;
		}
		if (!group->has_max || sum <= group->max)
			continue;
		json_array_append_new(json_object_get(finding, "caps"),
				      json_pack("{s:o, s:f, s:f}", "group",
						text_of(group->name), "max",
						(double)group->max / 100, "sum",
						(double)sum / 100));
	}
}

static const char *word_of(const struct outcome *outcome)
{
	if (outcome->unchecked)
		return "unchecked";
	if (outcome->verdict.exempt)
		return "exempt";
	return verdict_word_name(outcome->verdict.word);
}

/* Where nobody is remembered each one is a stranger. */
static void add_greylist(json_t *finding, const struct outcome *outcome)
{
	const struct greylist_said *said = &outcome->greylist;
	char word[GREYLIST_WORD_SIZE];

	if (!said->due) {
		json_object_set_new(finding, "greylist", json_null());
		return;
	}
	json_object_set_new(
		finding, "greylist",
		json_pack("{s:s, s:b, s:I, s:o}", "answer",
			  said->asked ? greylist_word(said, word) : "stranger",
			  "waits", !said->asked || greylist_defers(said),
			  "wait", (json_int_t)said->left, "identity",
			  text_of(outcome->identity[0] != '\0'
					  ? outcome->identity
					  : NULL)));
}

static void add_trap(json_t *finding, const struct fact *trap)
{
	bool known = trap != NULL && trap->state == FACT_KNOWN;

	finding_set(finding, "trap", known ? trap->text.at : NULL);
}

void finding_outcome(json_t *finding, const struct generation *gen,
		     const struct outcome *outcome)
{
	struct weights weights = { finding, gen->rules };
	const struct verdict *verdict = &outcome->verdict;

	json_array_clear(json_object_get(finding, "symbols"));
	json_object_set_new(finding, "weights", json_array());
	finding_set(finding, "verdict", word_of(outcome));
	finding_set(finding, "stage", phase_name(outcome->phase));
	finding_set(finding, "ref", outcome->ref);
	if (outcome->reply == NULL) /* a recipient's is not the message's */
		finding_set(finding, "reply", NULL);
	json_object_set_new(finding, "score",
			    json_real((double)verdict->bounds.score / 100));
	json_object_set_new(finding, "threshold",
			    verdict->unsoftened == VERDICT_ACCEPT
				    ? json_null()
				    : json_real((double)verdict->threshold /
						100));
	json_object_set_new(finding, "softened",
			    json_boolean(verdict->softened));
	finding_set(finding, "class",
		    ruleset_class_name(gen->rules, verdict->class_index));
	add_greylist(finding, outcome);
	add_trap(finding, outcome->trap);
	if (outcome->hits != NULL) {
		hits_each(outcome->hits, add_weight, &weights);
		add_caps(finding, gen, outcome->hits);
	}
	if (outcome->facts != NULL)
		add_facts(finding, gen, outcome);
}

/* --- a header that a filter has written --------------------------------- */

static void split_symbols(json_t *finding, char *list)
{
	char *rest = list, *name;

	while ((name = strsep(&rest, ",")) != NULL)
		if (name[0] != '\0')
			json_array_append_new(json_object_get(finding,
							      "symbols"),
					      text_of(name));
}

void finding_header(json_t *finding, const char *value)
{
	char *copy = strdup(value), *rest = copy, *word;

	while (copy != NULL && (word = strsep(&rest, " ")) != NULL) {
		char *equals = strchr(word, '=');

		if (equals == NULL)
			continue;
		*equals++ = '\0';
		if (strcmp(word, "score") == 0)
			json_object_set_new(finding, word,
					    json_real(strtod(equals, NULL)));
		else if (strcmp(word, "symbols") == 0)
			split_symbols(finding, equals);
		else if (strcmp(word, "verdict") == 0 ||
			 strcmp(word, "ref") == 0)
			finding_set(finding, word, equals);
	}
	free(copy);
}
