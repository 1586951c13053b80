/*
 * store_redis_private.h - what the parts of the shared store have in common.
 *
 *   store_redis.c         opens it, takes visits, changes identities
 *   store_redis_look.c    lists and shows
 *   store_redis_edit.c    deletes and merges
 *   store_redis_clock.c   whose wall clock counts
 *   store_redis_pool.c    who may use which connection, and whether any at all
 *   store_redis_greet.c   finds the server that leads, and is let in
 *   store_redis_place.c   where servers are
 *   store_redis_link.c    one connection
 *   store_redis_reply.c   what comes back on it
 *   greylist.lua          what the server does itself
 */
#ifndef LISTS_STORE_REDIS_PRIVATE_H
#define LISTS_STORE_REDIS_PRIVATE_H

#include <pthread.h>

#include "lists/greylist_record.h"
#include "lists/store_redis_clock.h"
#include "lists/store_redis_link.h"

enum {
	REDIS_LINKS_MAX = 8,
	REDIS_IDLE_MS = 55000, /* older connections are not trusted */
	REDIS_PAUSE_MS = 200, /* the first after a failure; each doubles it */
	REDIS_PAUSE_MAX_MS = 5000,
	REDIS_PATIENCE_MS = 5000, /* for a command that is no visit's */
	REDIS_PREFIX_MAX = 64,
	REDIS_KEY_SIZE = REDIS_PREFIX_MAX + 2 + TRIPLET_KEY_SIZE,
};

/* The text of greylist.lua. */
extern const char redis_script[];

struct store_redis {
	struct store store; /* first */
	char *user, *password_file, *master;
	char prefix[REDIS_PREFIX_MAX + 1];
	unsigned database;
	struct redis_place servers[STORE_REDIS_SERVERS_MAX];
	struct redis_place sentinels[STORE_REDIS_SERVERS_MAX];
	size_t server_count, sentinel_count;
	/* STORE_CONNECT_MS and so on; tests on busy machines have more */
	unsigned connect_ms, command_ms;

	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t changed;
	struct redis_link links[REDIS_LINKS_MAX];
	unsigned generation; /* a link of an earlier one is of no use */
	size_t preferred; /* the place to be tried first */
	struct redis_place leader; /* as a sentinel said; len 0: ask */
	uint64_t pause_ms, retry_ms; /* pause_ms 0: all is well */
	bool probing; /* somebody is finding out */
	bool stopping;
	unsigned users; /* threads in a call */
	struct redis_wall wall;
	struct store_stats stats;
};

/* How long a call may take, and how urgent it is. */
struct redis_call {
	uint64_t deadline_ms; /* of the whole */
	unsigned command_ms; /* of each command */
	int64_t wall; /* the caller's, later the shared clock's */
	bool insists; /* asks even in a pause: people wait, not mail */
};

/* The second has time for a round trip or two, whatever max_ms. */
struct redis_call redis_call_urgent(const struct store_redis *redis,
				    const struct greylist_time *now,
				    unsigned max_ms);
struct redis_call redis_call_patient(int64_t wall, unsigned max_ms);

/* Around each of the engine's functions, so that closing can wait for it. */
void redis_enter(struct store_redis *redis);
void redis_leave(struct store_redis *redis);

/*
 * The time by the clock that all hosts share, for the call, too.  Whatever
 * stamps, judges or lapses goes by this one.  Where no server was asked for it
 * yet one is connected to, so that the first visit is right as well; it has to
 * be anyway, so there is no round trip more.
 */
enum store_end redis_share_time(struct store_redis *redis,
				struct redis_call *call,
				const struct greylist_time *now,
				struct greylist_time *ret_time);

/* What it has said to TIME, refusals among it, when asked at `before`. */
void redis_note_time(struct store_redis *redis, const struct redis_reply *reply,
		     const struct greylist_time *before);

/*
 * One command, or one step of the script: its words behind "EVALSHA", the
 * script and the number of keys.  Whatever is not STORE_DONE is noted in the
 * stats and, where the server is to blame, begins a pause.  *ret_reply is the
 * caller's, and no error.
 */
enum store_end redis_ask(struct store_redis *redis,
			 const struct redis_call *call,
			 const struct redis_command *command,
			 struct redis_reply **ret_reply);
enum store_end redis_run(struct store_redis *redis,
			 const struct redis_call *call,
			 const struct redis_command *words, size_t word_count,
			 size_t key_count, struct redis_reply **ret_reply);

/* The reply was none to that question: STORE_BROKEN, which is returned. */
enum store_end redis_blame(struct store_redis *redis,
			   const struct redis_call *call);

void redis_count(struct store_redis *redis, unsigned foreign, unsigned newer);

/*
 * Connects to the server that leads and is let in, within connect_ms; the
 * link is closed and says why, if not STORE_DONE.  No lock is held.
 */
enum store_end redis_greet(struct store_redis *redis, struct redis_link *link,
			   const struct redis_call *call);

/* Tells the server the script again. */
enum store_end redis_teach(struct redis_link *link, uint64_t deadline_ms);

/* Adds the key's word: prefix, kind and key. */
void redis_command_key(struct redis_command *command,
		       const struct store_redis *redis, enum store_kind kind,
		       const char *key);

/* A key as the store knows it; the string is borrowed. */
struct redis_item {
	enum store_kind kind;
	const char *key;
	uint64_t place; /* its hash; for listings */
};

/* What the server holds for an item; the text is the reply's. */
struct redis_held {
	const char *text; /* NULL: nothing */
	size_t len;
	int64_t expires;
};

typedef bool redis_item_each(void *context, const struct redis_item *item,
			     const struct redis_held *held);

/* Tells what is held, in the order of the items, until `each` has enough. */
enum store_end redis_look(struct store_redis *redis,
			  const struct redis_call *call,
			  const struct redis_item *items, size_t count,
			  redis_item_each *each, void *context);

/* The entry has the item's key and the value in the buffer, and is read. */
void redis_held_read(const struct redis_item *item,
		     const struct redis_held *held,
		     char value[GREYLIST_RECORD_SIZE + 1],
		     struct store_entry *ret_entry);

/* Of the engine, in store_redis_look.c and store_redis_edit.c. */
enum store_end redis_list(struct store *store,
			  const struct store_filter *filter,
			  const struct greylist_terms *terms,
			  const struct greylist_time *now, unsigned limit,
			  unsigned max_ms, struct store_cursor *cursor,
			  store_each *each, void *context, bool *ret_more);
enum store_end redis_show(struct store *store, enum store_kind kind,
			  const char *key, const struct greylist_time *now,
			  unsigned max_ms, store_each *each, void *context,
			  bool *ret_there);
enum store_end redis_drop(struct store *store, enum store_kind kind,
			  const char *const *keys, size_t count);
enum store_end redis_merge(struct store *store,
			   const struct store_entry *entries, size_t count,
			   const struct greylist_time *now,
			   uint64_t *ret_taken);

#endif
