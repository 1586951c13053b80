/*
 * fuzz.h - what every fuzz target has: one function that is given bytes, and
 * claims that hold whatever these are.
 */
#ifndef STEELYARD_TESTS_FUZZ_H
#define STEELYARD_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Called by libFuzzer, or by replay.c with each seed. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* If it is not so the program ends, and libFuzzer keeps the input. */
#define CLAIM(what) ((what) ? (void)0 : claim_broken(#what, __FILE__, __LINE__))

__attribute__((noreturn)) static inline void claim_broken(const char *what,
							  const char *file,
							  int line)
{
	fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
	abort();
}

#endif
