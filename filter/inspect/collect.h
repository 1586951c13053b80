/*
 * collect.h - values of one fact, gathered while a message streams by.
 *
 * Copies what it is given into an arena.  What finds no room, or would be one
 * too many, makes the collection incomplete, and the fact unknown.
 */
#ifndef STEELYARD_INSPECT_COLLECT_H
#define STEELYARD_INSPECT_COLLECT_H

#include <stdbool.h>
#include <stddef.h>

#include "rules/facts.h"

struct arena;

struct collect {
	struct text *items;
	size_t count, room;
	bool lost; /* incomplete */
};

/* Longer text is cut to MESSAGE_TEXT_MAX at a character; then true. */
bool collect_add(struct collect *collect, struct arena *arena, const char *at,
		 size_t len);

/* The same, but for a text that lies in the arena already. */
bool collect_keep(struct collect *collect, struct arena *arena, const char *at,
		  size_t len);

/* Sets a fact of the table, or a slot. */
void collect_fact(const struct collect *collect, struct facts *facts,
		  enum fact_id id);
void collect_slot(const struct collect *collect, struct facts *facts,
		  unsigned slot);

#endif
