/*
 * current.h - the configuration that holds now, and how another one takes over.
 *
 * The functions that all threads of the filter use stand in serve.h:
 * serve_generation(), serve_reload(), serve_take_list().  These here are for
 * who starts and keeps the filter.
 */
#ifndef STEELYARD_FILTER_CURRENT_H
#define STEELYARD_FILTER_CURRENT_H

#include <stdbool.h>
#include <stdint.h>

struct generation;

struct current_start {
	const char *path;
	/*
	 * Called for one that a reload brings.  False: something it needs
	 * cannot be had, so the reload is refused; `*ret_why`, malloc'ed, says
	 * what.
	 */
	bool (*prepare)(struct generation *gen, char **ret_why);
	/* Called for each generation before it holds. */
	void (*take)(struct generation *gen);
	bool complain; /* on stderr too, should there be none to begin with */
};

/*
 * Loads the first one: from the disk, for somebody may have mended what made
 * the last filter die; where that is broken, what the last filter ran on, if
 * `snapshot` is not -1.  It stays the caller's.  False: neither can be had.
 */
bool current_load(const struct current_start *start, int snapshot);

/* Looks whether list files have changed. */
void current_refresh(void);

uint64_t current_reloads(void);
uint64_t current_refusals(void);

#endif
