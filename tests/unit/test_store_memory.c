/*
 * test_store_memory.c - the contract of a store, on the smallest one there is.
 */
#include "tests/unit/store_memory.h"

#include "tests/unit/store_contract.h"

static struct store *held;

static struct store *open_memory(const struct greylist_time *now)
{
	(void)now;
	return store_memory_open();
}

static struct store *reopen_memory(struct store *store,
				   const struct greylist_time *now)
{
	(void)now;
	return store; /* which is all that it can outlast */
}

static void hold_memory(struct store *store)
{
	held = store;
	store_memory_hold(store);
}

static void let_go_memory(void)
{
	store_memory_let_go(held);
}

int main(void)
{
	const struct store_contract memory = {
		.name = "contract, in memory",
		.is_local = true,
		.stories = 50,
		.open = open_memory,
		.reopen = reopen_memory,
		.close = store_close,
		.put = store_memory_put,
		.hold = hold_memory,
		.let_go = let_go_memory,
	};

	return store_contract_run(&memory);
}
