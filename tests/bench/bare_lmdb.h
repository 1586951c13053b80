/*
 * bare_lmdb.h - LMDB without a store around it, to measure one against: for
 * each visit a value and its place in an index by expiry, so many visits a
 * transaction.  Ends the program where something fails.
 */
#ifndef TESTS_BENCH_BARE_LMDB_H
#define TESTS_BENCH_BARE_LMDB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bare;

struct bare *bare_open(const char *path, uint64_t room, bool sync);
void bare_begin(struct bare *bare);
void bare_put(struct bare *bare, const char *key, const char *value,
	      int64_t expires);
void bare_commit(struct bare *bare);
void bare_close(struct bare *bare);

#endif
