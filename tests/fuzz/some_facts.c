/*
 * some_facts.c - facts of every type and in every state.
 */
#include "tests/fuzz/some_facts.h"

#include <string.h>

#include "rules/ruleset.h"

static const struct text texts[] = {
	{ "mx.example.org", 14 },
	{ "a@example.org", 13 },
	{ "", 0 },
};

static const struct text answers[] = {
	{ "127.0.0.2", 9 },
	{ "127.0.1.2", 9 },
	{ "127.255.255.254", 15 },
};

static void set_known(struct facts *facts, enum fact_id id)
{
	static const struct ip ip = { .family = 4, .bytes = { 192, 0, 2, 1 } };
	bool address = fact_row(id)->kind == FACT_KIND_ADDRESS;

	switch (fact_row(id)->type) {
	case FACT_TYPE_BOOL: facts_bool(facts, id, id % 2 == 0); break;
	case FACT_TYPE_NUMBER: facts_number(facts, id, (int)id - 20); break;
	case FACT_TYPE_STRING:
		facts_text(facts, id, texts[address].at, texts[address].len);
		break;
	case FACT_TYPE_IP: facts_ip(facts, id, &ip); break;
	case FACT_TYPE_ENUM: facts_word(facts, id, 0); break;
	case FACT_TYPE_SET:
		if (id % 2 == 0)
			facts_set(facts, id, texts, 3);
		else
			facts_set_partial(facts, id, texts, 2, CAUSE_TIMEOUT);
		break;
	}
}

static void set_slot(struct facts *facts, unsigned slot, enum fact_id id)
{
	const struct text *items = id == FACT_DNSBL ? answers : texts;

	switch (slot % 5) {
	case 0: facts_slot_set(facts, slot, items, 3); break;
	case 1: facts_slot_none(facts, slot); break;
	case 2: facts_slot_unknown(facts, slot, CAUSE_TIMEOUT); break;
	case 3:
		facts_slot_set_partial(facts, slot, items, 1, CAUSE_TIMEOUT);
		break;
	default: break; /* not asked */
	}
}

void some_facts(struct facts *facts, const struct ruleset *rules,
		enum phase phase)
{
	for (int id = 0; id < FACT_FIXED; id++) {
		if (fact_row((enum fact_id)id)->phase != phase)
			continue;
		switch (id % 5) {
		case 3: facts_none(facts, (enum fact_id)id); break;
		case 4:
			facts_unknown(facts, (enum fact_id)id, CAUSE_FAILED);
			break;
		default: set_known(facts, (enum fact_id)id); break;
		}
	}
	for (unsigned slot = 0; slot < facts->slot_count; slot++)
		if (ruleset_slot(rules, slot)->phase == phase)
			set_slot(facts, slot, ruleset_slot(rules, slot)->id);
}
