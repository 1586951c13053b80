/*
 * store_redis.h - a store in a Redis or Valkey server that several hosts share,
 * by hiredis: the one door to it.
 *
 * Opening never waits for a server: who is away is asked again later.  A server
 * that has failed is not asked for a moment, which grows while it fails
 * (STORE_AWAY at once); so a dead server costs a visit STORE_CONNECT_MS or
 * STORE_COMMAND_MS once in a while, and otherwise nothing.
 */
#ifndef LISTS_STORE_REDIS_H
#define LISTS_STORE_REDIS_H

#include "lists/store.h"

enum {
	STORE_CONNECT_MS = 200,
	STORE_COMMAND_MS = 100,
	STORE_REDIS_SERVERS_MAX = 8,
};

struct store_redis_settings {
	/*
	 * "127.0.0.1:6379, [::1]:6379, unix:/run/redis/redis.sock": the first
	 * that is a master and answers; "" where sentinels tell.
	 */
	const char *servers;
	const char *sentinels; /* "host:port, host:port", or "" */
	const char *master; /* the name that sentinels know it by */
	const char *user; /* or "" */
	const char *password_file; /* first line; read at each connect; or "" */
	const char *prefix;
	unsigned database;
};

/* False, with a sentence, for what is no list of servers or sentinels. */
bool store_redis_servers_valid(const char *servers,
			       char ret_why[STORE_WHY_SIZE]);

/* NULL, and a sentence, where the settings are wrong or there is no memory. */
struct store *store_redis_open(const struct store_redis_settings *settings,
			       char ret_why[STORE_WHY_SIZE]);

#endif
