/*
 * telling.h - facts, as the fields tell them that we put on top of a header.
 *
 * Shared by authres.c and received_spf.c.  Pure functions, for any thread.
 */
#ifndef STEELYARD_CHECKS_TELLING_H
#define STEELYARD_CHECKS_TELLING_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "rules/facts.h"

static inline const struct fact *fact_of(const struct facts *facts,
					 enum fact_id id)
{
	return &facts->fixed[id];
}

/* Empty where it is not known. */
static inline struct text text_of(const struct facts *facts, enum fact_id id)
{
	const struct fact *fact = fact_of(facts, id);
	const struct text nothing = { "", 0 };

	return fact->state == FACT_KNOWN ? fact->text : nothing;
}

/* ASCII that can stand between quotes. */
static inline bool is_printable(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] < ' ' || text[i] > '~')
			return false;
	return true;
}

/* Of a result's word: one that has a reason. */
static inline bool is_error(const char *word)
{
	return strcmp(word, "permerror") == 0 || strcmp(word, "temperror") == 0;
}

#endif
