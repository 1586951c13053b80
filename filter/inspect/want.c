/*
 * want.c - from the slots of a rule set to what a message is asked.
 */
#include "filter/inspect/want.h"

#include <stdbool.h>
#include <string.h>

#include "filter/inspect/channel.h"
#include "filter/inspect/message.h"
#include "rules/ruleset.h"

static bool is_header(const struct fact_slot *slot)
{
	return slot->id == FACT_HEADER || slot->id == FACT_HEADER_RAW;
}

size_t want_count(const struct ruleset *rules)
{
	size_t slots = ruleset_slot_count(rules);
	size_t count = 0;

	for (size_t i = 0; i < slots && count < CHANNEL_WANTS_MAX; i++)
		if (is_header(ruleset_slot(rules, (unsigned)i)))
			count++;
	return count;
}

void want_fill(const struct ruleset *rules, struct message_want *wants)
{
	size_t slots = ruleset_slot_count(rules);
	size_t count = 0;

	for (size_t i = 0; i < slots && count < CHANNEL_WANTS_MAX; i++) {
		const struct fact_slot *slot;

		slot = ruleset_slot(rules, (unsigned)i);
		if (!is_header(slot))
			continue;
		wants[count++] = (struct message_want){
			.slot = (unsigned)i,
			.raw = slot->id == FACT_HEADER_RAW,
			.name = slot->name,
			.name_len = strlen(slot->name),
		};
	}
}
