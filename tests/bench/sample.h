/*
 * sample.h - durations, kept one by one, and what they say together.
 *
 * All of them are kept (eight bytes each), as a p99 from buckets would be as
 * wrong as the differences that the benchmark looks for.  Nanoseconds.
 * Memory that runs out ends the program.
 */
#ifndef BENCH_SAMPLE_H
#define BENCH_SAMPLE_H

#include <stddef.h>
#include <stdint.h>

struct sample {
	uint64_t *ns;
	size_t count;
	size_t room;
};

void sample_add(struct sample *s, uint64_t ns);

/*
 * The value below which `permille` thousandths of the sample lie (1000: the
 * largest); 0 for an empty sample.  Sorts the sample.
 */
uint64_t sample_rank(struct sample *s, unsigned permille);

void sample_done(struct sample *s);

uint64_t sample_clock(void); /* now, monotonic */

#endif
