/*
 * store_load.h - visits for a store to answer, by one thread or more.
 */
#ifndef TESTS_BENCH_STORE_LOAD_H
#define TESTS_BENCH_STORE_LOAD_H

#include <stdint.h>

#include "lists/store.h"

extern const struct greylist_terms load_terms; /* what is usual */

/* The n-th triplet, in no order; the same each time. */
struct load_triplet {
	char identity[32], sender[64], key[TRIPLET_KEY_SIZE];
};

void load_triplet(uint64_t n, struct load_triplet *ret_triplet);

struct load {
	struct store *store;
	unsigned threads; /* 64 at most */
	double seconds; /* or */
	uint64_t visits; /* so many, if not 0 */
	uint64_t first; /* triplets from here on, each once */
	uint64_t known; /* not 0: of the first so many, by chance */
	double per_second; /* of all threads; 0: as fast as it goes */
};

struct load_figures {
	uint64_t visits, failed;
	uint64_t ends[STORE_STOPPED + 1];
	double seconds;
	double p50_us, p99_us, longest_us;
	double cpu_us; /* of a visit, the store's own threads included */
};

/* Ends the program where something fails that is not the store. */
struct load_figures load_run(const struct load *load);

double load_clock(void); /* seconds */
double load_cpu_us(void); /* of this process */

#endif
