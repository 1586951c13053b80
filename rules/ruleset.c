/*
 * ruleset.c - a compiled rule set, from outside.
 */
#include "rules/ruleset.h"

#include <stdlib.h>
#include <string.h>

#include "rules/compiled.h"
#include "rules/regex.h"

struct ruleset *ruleset_ref(struct ruleset *rules)
{
	atomic_fetch_add_explicit(&rules->holders, 1, memory_order_relaxed);
	return rules;
}

void ruleset_unref(struct ruleset *rules)
{
	if (rules == NULL ||
	    atomic_fetch_sub_explicit(&rules->holders, 1,
				      memory_order_acq_rel) != 1)
		return;
	for (struct regex_link *link = rules->regexes; link != NULL;
	     link = link->next)
		regex_free(link->regex);
	for (size_t i = 0; i < rules->list_count; i++)
		rule_list_unref(rules->lists[i].content);
	arena_done(&rules->arena);
	free(rules);
}

size_t ruleset_list_count(const struct ruleset *rules)
{
	return rules->list_count;
}

const struct rule_list_info *ruleset_list_info(const struct ruleset *rules,
					       size_t index)
{
	return &rules->lists[index].info;
}

struct rule_list *ruleset_list_inline(const struct ruleset *rules, size_t index)
{
	return rules->lists[index].content;
}

void ruleset_digest(const struct ruleset *rules, char ret_hex[33])
{
	memcpy(ret_hex, rules->digest, sizeof(rules->digest));
}

bool ruleset_reads(const struct ruleset *rules, enum fact_id id)
{
	return rules->reads[id];
}

bool ruleset_reads_any(const struct ruleset *rules, enum fact_id from,
		       enum fact_id to)
{
	for (int id = (int)from; id <= (int)to; id++)
		if (rules->reads[id] &&
		    fact_row((enum fact_id)id)->phase == PHASE_EOM)
			return true;
	return false;
}

size_t ruleset_slot_count(const struct ruleset *rules)
{
	return rules->slot_count;
}

const struct fact_slot *ruleset_slot(const struct ruleset *rules, unsigned slot)
{
	return &rules->slots[slot];
}

size_t ruleset_dnsbl_count(const struct ruleset *rules)
{
	return rules->dnsbl_count;
}

const struct dnsbl_info *ruleset_dnsbl(const struct ruleset *rules,
				       size_t index)
{
	return &rules->dnsbls[index].info;
}

void ruleset_dnsbl_each_symbol(const struct ruleset *rules, size_t index,
			       const char *answer,
			       void (*each)(void *context, size_t rule_index),
			       void *context)
{
	const struct rule_set_dnsbl *dnsbl = &rules->dnsbls[index];
	const struct text text = { answer, strlen(answer) };

	for (size_t i = dnsbl->first; i < dnsbl->first + dnsbl->count; i++)
		if (answer_passes(text, rules->rules[i].filters,
				  rules->rules[i].filter_count))
			each(context, i);
}

void ruleset_close_phase(const struct ruleset *rules, struct facts *facts,
			 enum phase phase)
{
	facts_close(facts, phase);
	for (size_t i = 0; i < rules->slot_count; i++)
		if (rules->slots[i].phase <= phase &&
		    facts->slots[i].state == FACT_PENDING)
			facts->slots[i].state = FACT_NOT_ASKED;
}

int ruleset_find_list(const struct ruleset *rules, const char *name)
{
	for (size_t i = 0; i < rules->list_count; i++)
		if (strcmp(rules->lists[i].info.name, name) == 0)
			return (int)i;
	return -1;
}

void ruleset_use_list(struct ruleset *rules, size_t index)
{
	rules->lists[index].read = true;
}

bool ruleset_tells_recipients_apart(const struct ruleset *rules)
{
	return rules->tells_apart;
}

size_t ruleset_rule_count(const struct ruleset *rules)
{
	return rules->rule_count;
}

const struct rule_info *ruleset_rule(const struct ruleset *rules, size_t index)
{
	return &rules->rules[index].info;
}

int ruleset_find_rule(const struct ruleset *rules, const char *name)
{
	for (size_t i = 0; i < rules->rule_count; i++)
		if (strcmp(rules->rules[i].info.name, name) == 0)
			return (int)i;
	return -1;
}

size_t ruleset_group_count(const struct ruleset *rules)
{
	return rules->group_count;
}

const struct group_info *ruleset_group(const struct ruleset *rules,
				       size_t index)
{
	return &rules->groups[index];
}

size_t ruleset_class_count(const struct ruleset *rules)
{
	return rules->class_count;
}

const char *ruleset_class_name(const struct ruleset *rules, size_t index)
{
	return rules->classes[index].name;
}

const struct verdict_info *ruleset_verdict(const struct ruleset *rules,
					   size_t class_index,
					   enum verdict_word word)
{
	return &rules->classes[class_index].verdicts[word];
}

const struct greylist_info *ruleset_greylist(const struct ruleset *rules,
					     size_t class_index)
{
	return &rules->classes[class_index].greylist;
}

bool ruleset_greylists(const struct ruleset *rules)
{
	for (size_t i = 0; i < rules->class_count; i++)
		if (!rules->classes[i].greylist.never)
			return true;
	return false;
}

int64_t ruleset_longest_window(const struct ruleset *rules)
{
	int64_t longest = 0;

	for (size_t i = 0; i < rules->class_count; i++) {
		const struct greylist_info *info = &rules->classes[i].greylist;

		if (!info->never && info->window > longest)
			longest = info->window;
	}
	return longest;
}
