/*
 * hash.h - a keyed hash (SipHash-2-4), against chosen collisions and for
 * noticing change.
 *
 * Whoever can choose names that we keep in a hash table could choose such as
 * fall into one place, if he knew the function.  A random key that is never
 * shown keeps him from knowing it.  Pure functions, for any thread.
 */
#ifndef LISTS_HASH_H
#define LISTS_HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash_key {
	uint64_t word[2];
};

/* The same everywhere and for ever; not proof against forgery. */
struct hash_digest {
	uint64_t word[2];
};

/* Fills the key from the system's random source; -1 with errno set. */
int hash_key_random(struct hash_key *ret_key);

uint64_t hash_keyed(const struct hash_key *key, const void *data, size_t len);

struct hash_digest hash_digest(const void *data, size_t len);

#endif
