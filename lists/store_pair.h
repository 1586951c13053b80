/*
 * store_pair.h - a shared store, and a local one that answers when it is away.
 *
 * While the shared one answers, what it holds of those who have waited, or were
 * told to, is told to the local one as well, later and without being waited
 * for: of every eighth mere use, too, so that this host alone knows enough when
 * the other is gone.  While it is away the local one judges alone
 * (STORE_ALONE), and what it has written is kept, at most STORE_QUEUE_MAX
 * records, the oldest dropped first.  A thread finds out when the shared one is
 * back and gives it these, as store_import() does: the better for the sender
 * wins.  Only then is it asked again, so that who was told to wait meanwhile
 * need not do so twice; and no visit pays for finding out.  Only when both fail
 * is the answer unknown.
 *
 * The local one goes by the shared one's wall clock, too, also while it is
 * alone.  Whatever this host has stamped it judges by its steady clock until it
 * is started anew, so no jump and no late answer of the shared one changes what
 * it says.  After that there is only the wall clock: what was stamped before is
 * judged rightly once the shared one has told the time; if that has been away
 * since the start, by this host's own clock, as if there were no other.
 *
 * While the shared one is away, what is taken away (store_forget(), and
 * GREYLIST_UNMARKED) is taken from this host alone; and a listing that began at
 * one of the two ends with STORE_AWAY where the other has taken over.
 */
#ifndef LISTS_STORE_PAIR_H
#define LISTS_STORE_PAIR_H

#include "lists/store.h"

enum {
	STORE_QUEUE_MAX = 10000,
	STORE_TELL_MS = 100, /* until the local one is told */
};

/* Owns both from now on, also when it fails (NULL, without memory). */
struct store *store_pair_open(struct store *shared, struct store *local);

#endif
