/*
 * greylist.h - who must wait, and what is remembered for it: the filter's side
 * of lists/store.h.
 */
#ifndef STEELYARD_FILTER_GREYLIST_H
#define STEELYARD_FILTER_GREYLIST_H

#include <stdbool.h>
#include <stddef.h>

#include "lists/greylist.h"
#include "lists/store.h"

struct generation;
struct settings;

/* What holds for the recipients of a class (0: those in none). */
struct greylist_terms greylist_terms_of(const struct generation *gen,
					size_t class_index);

/*
 * Opens the store that the settings name: the file in state_dir, and in front
 * of it the shared one if there is one.  `read_only` is for a look from outside
 * the filter.  NULL, and a sentence.  What goes wrong with it later is logged
 * (event=store).
 */
struct store *greylist_open_store(const struct settings *settings,
				  bool read_only, char ret_why[STORE_WHY_SIZE]);

#endif
