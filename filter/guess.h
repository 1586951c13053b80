/*
 * guess.h - what an inspector will ask of DNS, guessed from what passes by.
 *
 * A reader of its own, small and careless: it knows where names usually stand,
 * and is right about ordinary mail.  Whoever knows the answer already can hand
 * it over unasked.  A wrong guess costs a look into a cache and changes nothing
 * else, as the inspector decides by itself what it wants to know.
 *
 * No state, any thread.
 */
#ifndef STEELYARD_FILTER_GUESS_H
#define STEELYARD_FILTER_GUESS_H

#include <stddef.h>

#include "lists/dns_answer.h"

struct guess {
	/* The name is in small letters, and may be none that DNS allows. */
	void (*name)(void *context, const char *name, enum dns_type type);
	void *context;
};

/* The records of SPF; either may be NULL. */
void guess_envelope(const struct guess *guess, const char *sender,
		    const char *helo);

/* The key of a signature; the policies of an author's domain. */
void guess_field(const struct guess *guess, const char *name, size_t name_len,
		 const char *value, size_t value_len);

#endif
