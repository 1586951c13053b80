/*
 * signatures_double.h - signatures whose results stand in the message.
 *
 * In place of filter/inspect/dkim.c, for tests of what follows from results.  A
 * field "DKIM-Signature: temperror d=x.test" has the result temperror; a field
 * that was cut off makes all of them temperror, as does a body.
 */
#ifndef STEELYARD_TESTS_SIGNATURES_DOUBLE_H
#define STEELYARD_TESTS_SIGNATURES_DOUBLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the double has been told since it was reset. */
struct signatures_heard {
	size_t fields;
	char names[256]; /* each with a '|' behind it */
	char author[256]; /* "-" for none, "" before the end of the header */
	size_t body; /* bytes */
	bool body_cut;
	bool finished; /* keys have been asked for */
	int alive; /* made and not freed */
};

extern struct signatures_heard signatures_heard;

/* The next signatures_new() finds no memory. */
extern bool signatures_double_fails;

#endif
