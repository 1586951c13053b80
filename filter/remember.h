/*
 * remember.h - greylisting's memory through the life of the filter: opened when
 * a configuration first asks for it, kept over reloads, tried again, watched.
 *
 * What is wrong with it costs no mail: where it is not open nobody is asked to
 * wait, and the log says so.
 */
#ifndef STEELYARD_FILTER_REMEMBER_H
#define STEELYARD_FILTER_REMEMBER_H

#include <stdbool.h>

#include "lists/store.h"

struct generation;

/*
 * Opens it, if the configuration asks for one and it is not open yet.  False,
 * logged, with a sentence: that cannot be done; it is tried again later.  Any
 * thread.
 */
bool remember_open(const struct generation *gen, char ret_why[STORE_WHY_SIZE]);

/* NULL where it is not open.  Once there it stays.  Any thread. */
struct store *remember_store(void);

/*
 * Every second, by one thread: what has expired goes, what has changed is
 * logged (event=store), and what could not be opened is tried again.  A wall
 * clock that is set by more than STORE_JUMP is logged (event=T1), also where
 * nothing is remembered.
 */
void remember_tick(const struct generation *gen);

/* Closes it.  Nobody uses it any more. */
void remember_end(void);

#endif
