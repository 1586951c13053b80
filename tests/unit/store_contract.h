/*
 * store_contract.h - what lists/store.h promises, as tests for any engine.
 *
 * An engine's test fills in how it is opened and calls store_contract_run().
 * All times are the tests' own; an engine whose records live by a server's
 * clock is asked nothing that takes longer than the tests run.
 */
#ifndef TESTS_UNIT_STORE_CONTRACT_H
#define TESTS_UNIT_STORE_CONTRACT_H

#include "lists/store.h"

struct store_contract {
	const char *name;
	/*
	 * It lists in the order of kinds and keys, sweeps by the time that it
	 * is given, and stops who waits.  A server need not.
	 */
	bool is_local;
	unsigned stories; /* of each of four sorts; 400 visits each */
	enum store_health health; /* that it has from first to last */

	/* An empty one; fails through cmocka. */
	struct store *(*open)(const struct greylist_time *now);
	/* Closes it and opens what has lasted. */
	struct store *(*reopen)(struct store *store,
				const struct greylist_time *now);
	/* Closes it (NULL: is closed) and removes what it was kept in. */
	void (*close)(struct store *store);

	/* Writes a value behind its back; seconds of the wall clock. */
	void (*put)(struct store *store, enum store_kind kind, const char *key,
		    const char *value, int64_t expires);
	/*
	 * From now on nothing that changes a record gets through, until
	 * let_go(), which any thread may call while store_close() runs.  NULL:
	 * this cannot be had.
	 */
	void (*hold)(struct store *store);
	void (*let_go)(void);
};

/* Runs all of it as a group of tests; returns the number of those failed. */
int store_contract_run(const struct store_contract *contract);

#endif
