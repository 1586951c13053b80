/*
 * redis_store.c - a store in a server, opened for a test.
 */
#include "tests/unit/redis_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lists/store_redis_private.h"

static const char *text(const char *text_or_null)
{
	return text_or_null != NULL ? text_or_null : "";
}

struct store *redis_store_open(const struct store_redis_settings *settings)
{
	const struct store_redis_settings whole = {
		.servers = text(settings->servers),
		.sentinels = text(settings->sentinels),
		.master = text(settings->master),
		.user = text(settings->user),
		.password_file = text(settings->password_file),
		.prefix = text(settings->prefix),
		.database = settings->database,
	};
	char why[STORE_WHY_SIZE];
	struct store *store = store_redis_open(&whole, why);

	if (store == NULL)
		fail_msg("%s", why);
	return store;
}

void redis_store_be_patient(struct store *store)
{
	struct store_redis *redis = (struct store_redis *)store;

	redis->connect_ms = redis->command_ms = 30000;
}
