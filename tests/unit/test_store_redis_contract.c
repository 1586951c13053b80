/*
 * test_store_redis_contract.c - the contract of a store, on a real server.
 */
#include "lists/store_redis.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include "redis_server.h"
#include "redis_store.h"
#include "store_contract.h"

static struct redis_server server;
static struct greylist_time opened;

static struct store *open_again(void)
{
	const struct store_redis_settings settings = {
		.servers = server.place,
		.prefix = "contract*[a]:",
	};
	struct store *store = redis_store_open(&settings);

	redis_store_be_patient(store);
	return store;
}

static struct store *open_empty(const struct greylist_time *now)
{
	if (server.pid == 0)
		redis_server_start(&server, NULL);
	opened = *now;
	redis_server_do(&server, "FLUSHALL");
	/* what is another's is no business of ours */
	redis_server_do(&server, "SET t:somebody 1");
	redis_server_do(&server, "SET contracta:t:somebody 1");
	return open_again();
}

static struct store *reopen(struct store *store,
			    const struct greylist_time *now)
{
	(void)now;
	store_close(store);
	return open_again();
}

static void put(struct store *store, enum store_kind kind, const char *key,
		const char *value, int64_t expires)
{
	const char *letter = kind == STORE_TRIPLET    ? "t"
			     : kind == STORE_IDENTITY ? "i"
						      : "o";

	(void)store;
	if (expires == GREYLIST_FOR_EVER)
		redis_server_do(&server, "SET contract*[a]:%s:%s %s", letter,
				key, value);
	else if (expires > opened.wall)
		redis_server_do(&server, "SET contract*[a]:%s:%s %s EX %lld",
				letter, key, value,
				(long long)(expires - opened.wall));
}

static void hold(struct store *store)
{
	(void)store;
	redis_server_freeze(&server);
}

static void let_go(void)
{
	redis_server_thaw(&server);
}

int main(void)
{
	const struct store_contract redis = {
		.name = "contract, on a server",
		.stories = 10,
		.open = open_empty,
		.reopen = reopen,
		.close = store_close,
		.put = put,
		.hold = hold,
		.let_go = let_go,
	};
	int failed = store_contract_run(&redis);

	redis_server_stop(&server);
	return failed;
}
