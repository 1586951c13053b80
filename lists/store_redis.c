/*
 * store_redis.c - a store in a Redis or Valkey server that several hosts share.
 */
#include "lists/store_redis_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lists/greylist_clock.h"
#include "lists/greylist_record.h"

/* --- keys ---------------------------------------------------------------- */

static char letter(enum store_kind kind)
{
	return kind == STORE_TRIPLET ? 't' : kind == STORE_IDENTITY ? 'i' : 'o';
}

void redis_command_key(struct redis_command *command,
		       const struct store_redis *redis, enum store_kind kind,
		       const char *key)
{
	char word[REDIS_KEY_SIZE];
	int len = snprintf(word, sizeof(word), "%s%c:%s", redis->prefix,
			   letter(kind), key);

	if (len < 0 || (size_t)len >= sizeof(word))
		command->failed = true;
	else
		redis_command_word(command, word, (size_t)len);
}

/* --- visits -------------------------------------------------------------- */

enum { VISIT_KEYS = 3, VISIT_WORDS = VISIT_KEYS + 11 };

static void write_visit(struct redis_command *words,
			const struct store_redis *redis,
			const struct store_visit *visit)
{
	const struct greylist_terms *terms = &visit->terms;
	char run[17];

	redis_command_key(words, redis, STORE_TRIPLET, visit->triplet);
	redis_command_key(words, redis, STORE_IDENTITY, visit->identity);
	redis_command_key(words, redis, STORE_OUTBOUND, visit->sender);
	redis_command_text(words, "visit");
	redis_command_number(words, terms->wait);
	redis_command_number(words, terms->window);
	redis_command_number(words, terms->keep);
	redis_command_number(words, terms->known_gap);
	redis_command_number(words, terms->known_after);
	redis_command_number(words, terms->outbound);
	redis_command_number(words, visit->now.wall);
	redis_command_number(words, visit->now.up);
	snprintf(run, sizeof(run), "%016" PRIx64, visit->now.run);
	redis_command_text(words, run);
	redis_command_number(words, terms->longest_window);
}

static enum store_end read_visit(struct store_redis *redis,
				 const struct redis_call *call,
				 const struct redis_reply *reply,
				 struct greylist_result *ret_result)
{
	unsigned foreign;

	if (redis_reply_is(reply, "NEWER")) {
		redis_count(redis, 0, 1);
		return STORE_NEWER;
	}
	if (!redis_reply_visit(reply, ret_result, &foreign))
		return redis_blame(redis, call);
	redis_count(redis, foreign, 0);
	return STORE_DONE;
}

static enum store_end visit_redis(struct store *store,
				  const struct store_visit *visit,
				  struct greylist_result *ret_result)
{
	struct store_redis *redis = (struct store_redis *)store;
	struct redis_call call =
		redis_call_urgent(redis, &visit->now, visit->max_ms);
	struct store_visit part = *visit;
	struct redis_command words;
	struct redis_reply *reply;
	enum store_end end;

	redis_enter(redis);
	redis_command_init(&words);
	end = redis_share_time(redis, &call, &visit->now, &part.now);
	if (end == STORE_DONE) {
		write_visit(&words, redis, &part);
		end = redis_run(redis, &call, &words, VISIT_WORDS, VISIT_KEYS,
				&reply);
	}
	if (end == STORE_DONE) {
		end = read_visit(redis, &call, reply, ret_result);
		redis_reply_free(reply);
	}
	redis_command_done(&words);
	redis_leave(redis);
	return end;
}

/* --- identities ---------------------------------------------------------- */

/* As it was found: the text to be swapped, and what it says. */
struct found {
	char text[GREYLIST_RECORD_SIZE + 1]; /* "": nothing */
	size_t len;
	struct greylist_identity identity;
};

static enum store_end read_identity(struct store_redis *redis,
				    const struct redis_call *call,
				    const struct redis_reply *reply,
				    struct found *ret_found)
{
	const char *text;
	int64_t expires;

	if (!redis_reply_look(reply, 1, 0, 0, &text, &ret_found->len,
			      &expires) ||
	    ret_found->len > GREYLIST_RECORD_SIZE)
		return redis_blame(redis, call);
	ret_found->identity = (struct greylist_identity){ 0 };
	if (text == NULL)
		return STORE_DONE;
	memcpy(ret_found->text, text, ret_found->len);
	switch (greylist_read_identity(text, ret_found->len,
				       &ret_found->identity)) {
	case GREYLIST_READ: break;
	case GREYLIST_JUNK: redis_count(redis, 1, 0); break;
	case GREYLIST_NEWER: redis_count(redis, 0, 1); return STORE_NEWER;
	}
	return STORE_DONE;
}

static enum store_end look_at_identity(struct store_redis *redis,
				       const struct redis_call *call,
				       const char *identity,
				       struct found *ret_found)
{
	struct redis_command words;
	struct redis_reply *reply;
	enum store_end end;

	redis_command_init(&words);
	redis_command_key(&words, redis, STORE_IDENTITY, identity);
	redis_command_text(&words, "look");
	end = redis_run(redis, call, &words, 2, 1, &reply);
	if (end == STORE_DONE) {
		end = read_identity(redis, call, reply, ret_found);
		redis_reply_free(reply);
	}
	redis_command_done(&words);
	return end;
}

/* *ret_swapped is false if somebody has come between. */
static enum store_end swap_identity(struct store_redis *redis,
				    const struct redis_call *call,
				    const char *key, const struct found *found,
				    const struct greylist_terms *terms,
				    const struct greylist_time *now,
				    bool *ret_swapped)
{
	int64_t left = greylist_identity_left(&found->identity, terms, now);
	char text[GREYLIST_RECORD_SIZE];
	struct redis_command words;
	struct redis_reply *reply;
	enum store_end end;

	greylist_write_identity(&found->identity, text);
	redis_command_init(&words);
	redis_command_key(&words, redis, STORE_IDENTITY, key);
	redis_command_text(&words, "swap");
	redis_command_word(&words, found->text, found->len);
	redis_command_text(&words, text);
	redis_command_number(&words, left == GREYLIST_FOR_EVER ? -1 : left);
	end = redis_run(redis, call, &words, 5, 1, &reply);
	if (end == STORE_DONE) {
		if (reply->kind != REDIS_NUMBER)
			end = redis_blame(redis, call);
		*ret_swapped = reply->number == 1;
		redis_reply_free(reply);
	}
	redis_command_done(&words);
	return end;
}

static enum store_end change_redis(struct store *store, const char *identity,
				   store_change *change, void *context,
				   const struct greylist_terms *terms,
				   const struct greylist_time *now,
				   unsigned max_ms, bool *ret_done)
{
	struct store_redis *redis = (struct store_redis *)store;
	struct redis_call call = redis_call_urgent(redis, now, max_ms);
	struct greylist_time time;
	struct found found;
	enum store_end end;
	bool swapped = false;

	redis_enter(redis);
	end = redis_share_time(redis, &call, now, &time);
	while (end == STORE_DONE && !swapped) {
		end = look_at_identity(redis, &call, identity, &found);
		if (end != STORE_DONE)
			break;
		*ret_done = change(context, &found.identity);
		if (!*ret_done)
			break;
		end = swap_identity(redis, &call, identity, &found, terms,
				    &time, &swapped);
	}
	redis_leave(redis);
	return end;
}

/* --- outbound ------------------------------------------------------------ */

static enum store_end read_written(struct store_redis *redis,
				   const struct redis_call *call,
				   const struct redis_reply *reply)
{
	if (redis_reply_is(reply, "NEWER")) {
		redis_count(redis, 0, 1);
		return STORE_NEWER;
	}
	if (reply->kind != REDIS_NUMBER)
		return redis_blame(redis, call);
	redis_count(redis, reply->number != 0, 0);
	return STORE_DONE;
}

static enum store_end write_outbound(struct store_redis *redis,
				     const struct redis_call *call,
				     const char *address,
				     const struct greylist_terms *terms,
				     const struct greylist_time *now)
{
	struct greylist_outbound outbound = { 0 };
	char text[GREYLIST_RECORD_SIZE];
	struct redis_command words;
	struct redis_reply *reply;
	enum store_end end;

	greylist_write_to(&outbound, now);
	greylist_write_outbound(&outbound, text);
	redis_command_init(&words);
	redis_command_key(&words, redis, STORE_OUTBOUND, address);
	redis_command_text(&words, "write");
	redis_command_text(&words, text);
	redis_command_number(&words,
			     greylist_outbound_left(&outbound, terms, now));
	end = redis_run(redis, call, &words, 4, 1, &reply);
	if (end == STORE_DONE) {
		end = read_written(redis, call, reply);
		redis_reply_free(reply);
	}
	redis_command_done(&words);
	return end;
}

static enum store_end write_to_redis(struct store *store, const char *address,
				     const struct greylist_terms *terms,
				     const struct greylist_time *now,
				     unsigned max_ms)
{
	struct store_redis *redis = (struct store_redis *)store;
	struct redis_call call = redis_call_urgent(redis, now, max_ms);
	struct greylist_time time;
	enum store_end end;

	redis_enter(redis);
	end = redis_share_time(redis, &call, now, &time);
	if (end == STORE_DONE)
		end = write_outbound(redis, &call, address, terms, &time);
	redis_leave(redis);
	return end;
}

/* --- its life ------------------------------------------------------------ */

/* The server does that itself. */
static uint64_t sweep_redis(struct store *store,
			    const struct greylist_time *now, unsigned limit)
{
	(void)store, (void)now, (void)limit;
	return 0;
}

static void stats_redis(struct store *store, struct store_stats *ret_stats)
{
	struct store_redis *redis = (struct store_redis *)store;
	const struct greylist_time now = greylist_now();

	pthread_mutex_lock(&redis->lock);
	*ret_stats = redis->stats;
	ret_stats->clock_ahead = redis_wall_ahead(&redis->wall, &now);
	pthread_mutex_unlock(&redis->lock);
}

static struct greylist_time time_redis(struct store *store,
				       const struct greylist_time *now)
{
	struct store_redis *redis = (struct store_redis *)store;
	struct greylist_time time;

	pthread_mutex_lock(&redis->lock);
	time = redis_wall_time(&redis->wall, now);
	pthread_mutex_unlock(&redis->lock);
	return time;
}

static void free_redis(struct store_redis *redis)
{
	free(redis->user);
	free(redis->password_file);
	free(redis->master);
	free(redis);
}

static void close_redis(struct store *store)
{
	struct store_redis *redis = (struct store_redis *)store;

	pthread_mutex_lock(&redis->lock);
	redis->stopping = true;
	pthread_cond_broadcast(&redis->changed);
	for (size_t i = 0; i < REDIS_LINKS_MAX; i++) {
		if (redis->links[i].asking)
			redis_link_interrupt(&redis->links[i]);
	}
	while (redis->users > 0)
		pthread_cond_wait(&redis->changed, &redis->lock);
	pthread_mutex_unlock(&redis->lock);
	for (size_t i = 0; i < REDIS_LINKS_MAX; i++)
		redis_link_close(&redis->links[i]);
	pthread_cond_destroy(&redis->changed);
	pthread_mutex_destroy(&redis->lock);
	free_redis(redis);
}

static const struct store_engine engine = {
	.name = "redis",
	.visit = visit_redis,
	.change = change_redis,
	.write_to = write_to_redis,
	.list = redis_list,
	.show = redis_show,
	.drop = redis_drop,
	.merge = redis_merge,
	.sweep = sweep_redis,
	.stats = stats_redis,
	.time = time_redis,
	.close = close_redis,
};

bool store_redis_prefix_valid(const char *prefix)
{
	for (const char *c = prefix; *c; c++) {
		if (*c <= ' ' || *c >= 0x7f)
			return false;
	}
	return strlen(prefix) <= REDIS_PREFIX_MAX;
}

static bool read_places(const char *text, uint16_t port,
			struct redis_place *list, size_t *ret_count,
			char why[STORE_WHY_SIZE])
{
	int count = redis_places_parse(text, port, list, why);

	if (count < 0)
		return false;
	*ret_count = (size_t)count;
	return true;
}

static bool read_settings(struct store_redis *redis,
			  const struct store_redis_settings *settings,
			  char why[STORE_WHY_SIZE])
{
	if (!read_places(settings->servers, REDIS_PORT, redis->servers,
			 &redis->server_count, why) ||
	    !read_places(settings->sentinels, REDIS_SENTINEL_PORT,
			 redis->sentinels, &redis->sentinel_count, why))
		return false;
	if (redis->server_count == 0 && redis->sentinel_count == 0) {
		snprintf(why, STORE_WHY_SIZE, "no server is named");
		return false;
	}
	if (redis->sentinel_count > 0 && settings->master[0] == '\0') {
		snprintf(why, STORE_WHY_SIZE,
			 "the sentinels' name for the server is missing");
		return false;
	}
	if (settings->user[0] && !settings->password_file[0]) {
		snprintf(why, STORE_WHY_SIZE,
			 "a user needs a file with the password");
		return false;
	}
	if (!store_redis_prefix_valid(settings->prefix)) {
		snprintf(why, STORE_WHY_SIZE,
			 "\"%.40s\" is no prefix of keys: up to %d printable "
			 "characters without blanks",
			 settings->prefix, REDIS_PREFIX_MAX);
		return false;
	}
	strcpy(redis->prefix, settings->prefix);
	redis->database = settings->database;
	redis->connect_ms = STORE_CONNECT_MS;
	redis->command_ms = STORE_COMMAND_MS;
	return true;
}

static void init_threads(struct store_redis *redis)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&redis->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	pthread_mutex_init(&redis->lock, NULL);
}

struct store *store_redis_open(const struct store_redis_settings *settings,
			       char ret_why[STORE_WHY_SIZE])
{
	struct store_redis *redis = calloc(1, sizeof(*redis));

	snprintf(ret_why, STORE_WHY_SIZE, "out of memory");
	if (redis == NULL)
		return NULL;
	if (!read_settings(redis, settings, ret_why))
		goto fail;
	redis->user = strdup(settings->user);
	redis->password_file = strdup(settings->password_file);
	redis->master = strdup(settings->master);
	if (!redis->user || !redis->password_file || !redis->master)
		goto fail;
	store_init(&redis->store, &engine);
	init_threads(redis);
	for (size_t i = 0; i < REDIS_LINKS_MAX; i++)
		redis->links[i].fd = -1;
	redis->stats.since = time(NULL);
	ret_why[0] = '\0';
	return &redis->store;
fail:
	free_redis(redis);
	return NULL;
}
