/*
 * store_pair.h - a shared store, and a local one that answers when it is away.
 *
 * While the shared one answers, what must last is told to the local one as
 * well, later and without being waited for, so that this host alone knows
 * enough when the other is gone.  While it is away the local one judges alone
 * (STORE_ALONE), and what it has written is kept, at most STORE_QUEUE_MAX
 * records, the oldest dropped first; once the shared one is back it gets them,
 * as store_import() does: the better for the sender wins.  Only when both fail
 * is the answer unknown.
 */
#ifndef LISTS_STORE_PAIR_H
#define LISTS_STORE_PAIR_H

#include "lists/store.h"

enum { STORE_QUEUE_MAX = 10000 };

/* Owns both from now on, also when it fails (NULL, without memory). */
struct store *store_pair_open(struct store *shared, struct store *local);

#endif
