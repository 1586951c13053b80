/*
 * store_memory.h - the smallest engine of a store, for tests: a sorted table in
 * memory, under one lock, as slow as it is plain.
 */
#ifndef TESTS_UNIT_STORE_MEMORY_H
#define TESTS_UNIT_STORE_MEMORY_H

#include "lists/store.h"

/* NULL without memory.  store_close() ends it, as any. */
struct store *store_memory_open(void);

/* Writes a value behind its back. */
void store_memory_put(struct store *store, enum store_kind kind,
		      const char *key, const char *value, int64_t expires);

/* Visits wait from now on, until it is let go or they are late. */
void store_memory_hold(struct store *store);
void store_memory_let_go(struct store *store);

/* From now on each call of the engine ends so; STORE_DONE: as it should. */
void store_memory_fail(struct store *store, enum store_end end);

#endif
