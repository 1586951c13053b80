/*
 * store_queue.h - which records somebody else has yet to be told of.
 *
 * Keys in the order in which they came, each once, and a bounded number: where
 * one too many comes the oldest is dropped.  The key is what is kept, not the
 * record: whoever tells it looks up what it is by then.
 *
 * The caller locks.
 */
#ifndef LISTS_STORE_QUEUE_H
#define LISTS_STORE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "lists/store.h"

struct store_queue;

/* NULL without memory.  Up to `room` keys, at least 1. */
struct store_queue *store_queue_new(size_t room);
void store_queue_free(struct store_queue *queue); /* NULL is fine */

size_t store_queue_count(const struct store_queue *queue);

/*
 * Adds it at the end, unless it is there.  False if another was dropped for it,
 * or, without memory, this one.
 */
bool store_queue_push(struct store_queue *queue, enum store_kind kind,
		      const char *key);

/*
 * Puts back in front what was taken and could not be told.  Where it has come
 * anew, or there is no room, nothing happens; false if it is lost so.
 */
bool store_queue_unpop(struct store_queue *queue, enum store_kind kind,
		       const char *key);

/* Takes the oldest; false if there is none. */
bool store_queue_pop(struct store_queue *queue, enum store_kind *ret_kind,
		     char ret_key[TRIPLET_KEY_SIZE]);

#endif
