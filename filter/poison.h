/*
 * poison.h - which input has killed inspectors?
 *
 * Remembers inputs by a keyed digest of 128 bits, so that nobody can make
 * an input that is taken for another's.  One that has killed POISON_DEATHS
 * times within POISON_WINDOW is refused, until POISON_SIZE others have been
 * asked for or have killed since (the least recently seen gives way).
 *
 * Times are in milliseconds of any clock that goes forward only.  The caller
 * locks.
 */
#ifndef STEELYARD_FILTER_POISON_H
#define STEELYARD_FILTER_POISON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	POISON_DEATHS = 3,
	POISON_WINDOW = 10 * 60 * 1000,
	POISON_SIZE = 1024,
};

struct poison;

/* NULL when there is no memory, or no random source for the key. */
struct poison *poison_new(void);
void poison_free(struct poison *poison); /* NULL is fine */

/* This input has just killed an inspector. */
void poison_killed(struct poison *poison, const void *input, size_t len,
		   int64_t now);

/* Is it one that is not to be offered any more?  Cheap while none is known. */
bool poison_refuses(struct poison *poison, const void *input, size_t len);

#endif
