/*
 * store_pair_private.h - what asking and telling have in common.
 */
#ifndef LISTS_STORE_PAIR_PRIVATE_H
#define LISTS_STORE_PAIR_PRIVATE_H

#include <pthread.h>

#include "lists/store_pair.h"
#include "lists/store_queue.h"

struct store_pair {
	struct store store; /* first */
	struct store *shared, *local;
	pthread_t teller;

	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t changed;
	bool alone; /* the shared one is away, or not up to date yet */
	bool silent; /* and the local one does not answer either */
	bool stopping;
	unsigned users; /* threads in a call */
	struct greylist_time now; /* the latest that anybody brought */
	int64_t since; /* wall clock, of `alone` or its contrary */
	unsigned uses; /* that the local one was not told of */
	uint64_t dropped;
	struct store_queue *for_local, *for_shared;
};

/*
 * The local one, too, goes by the shared clock, so that its records mean the
 * same at the other and the other way round.
 */
struct greylist_time store_pair_time(struct store_pair *pair,
				     const struct greylist_time *now);

/* Notes that a record has changed, for the one of the two that lacks it. */
void store_pair_note(struct store_pair *pair, struct store_queue *queue,
		     enum store_kind kind, const char *key);

/* The thread; its argument is the pair. */
void *store_pair_tell(void *argument);

#endif
