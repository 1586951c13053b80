/*
 * greylist_store.c - where it is remembered who must wait: the engines that the
 * settings name.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "filter/generation.h"
#include "filter/greylist.h"
#include "filter/log.h"
#include "lists/greylist_clock.h"
#include "lists/store_lmdb.h"
#include "lists/store_pair.h"
#include "lists/store_redis.h"

static char elsewhere[] = "local"; /* a shared store has it all, too */

static void was_set_aside(void *context, const char *sentence)
{
	const char *lost = context != NULL ? context : "all";
	char value[LOG_VALUE_SIZE];

	log_event(LOG_CRIT, "S4", "store=greylist entries_lost=%s error=%s",
		  lost,
		  log_escape(sentence, strlen(sentence), LOG_VALUE_MAX, value));
	if (context == NULL)
		greylist_was_lost();
}

void greylist_clock_jumped(int64_t seconds, const char *seen)
{
	log_event(LOG_WARNING, "T1", "jump=%" PRId64 " seen=%s", seconds, seen);
}

static void has_jumped(void *context, int64_t seconds)
{
	(void)context;
	greylist_clock_jumped(seconds, "start");
}

static bool is_shared(const struct store_settings *set)
{
	return set->redis_servers[0] != '\0' || set->redis_sentinels[0] != '\0';
}

static struct store *open_shared(const struct store_settings *set,
				 char ret_why[STORE_WHY_SIZE])
{
	const struct store_redis_settings redis = {
		.servers = set->redis_servers,
		.sentinels = set->redis_sentinels,
		.master = set->redis_master,
		.user = set->redis_user,
		.password_file = set->redis_password_file,
		.prefix = set->redis_prefix,
		.database = set->redis_database,
	};

	return store_redis_open(&redis, ret_why);
}

static struct store *open_local(const struct settings *settings, bool read_only,
				char ret_why[STORE_WHY_SIZE])
{
	const struct store_settings *set = &settings->store;
	const struct greylist_time now = greylist_now();
	struct store_lmdb_settings lmdb = {
		.room = set->size,
		.sync = set->sync,
		.read_only = read_only,
		.set_aside = was_set_aside,
		/* what a server's clock has stamped says nothing of ours */
		.jumped = read_only || is_shared(set) ? NULL : has_jumped,
		.context = is_shared(set) ? elsewhere : NULL,
	};
	struct store *store = NULL;
	char *path;

	if (asprintf(&path, "%s/greylist.mdb", settings->process.state_dir) <
	    0) {
		snprintf(ret_why, STORE_WHY_SIZE, "out of memory");
		return NULL;
	}
	lmdb.path = path;
	store = store_lmdb_open(&lmdb, &now, ret_why);
	free(path);
	return store;
}

/* What the shared one remembers is worth more than nothing. */
static void tell_alone(const char *why)
{
	char value[LOG_VALUE_SIZE];

	log_event(LOG_ERR, "S5", "store=greylist state=shared-only error=%s",
		  log_escape(why, strlen(why), LOG_VALUE_MAX, value));
}

struct store *greylist_open_store(const struct settings *settings,
				  bool read_only, char ret_why[STORE_WHY_SIZE])
{
	struct store *shared, *local, *pair;
	char why[STORE_WHY_SIZE];

	if (!is_shared(&settings->store))
		return open_local(settings, read_only, ret_why);
	shared = open_shared(&settings->store, ret_why);
	if (shared == NULL || read_only)
		return shared;
	local = open_local(settings, false, why);
	if (local == NULL) {
		tell_alone(why);
		return shared;
	}
	pair = store_pair_open(shared, local);
	if (pair == NULL)
		snprintf(ret_why, STORE_WHY_SIZE, "out of memory");
	return pair;
}
