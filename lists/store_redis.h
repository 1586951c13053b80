/*
 * store_redis.h - a store in a Redis or Valkey server that several hosts share,
 * by hiredis: the one door to it.
 *
 * Opening never waits for a server: who is away is asked again later.  A server
 * that has failed is not asked for a moment, which grows while it fails, from
 * 0.2 s to 5 s (STORE_AWAY at once); so a dead server costs a visit
 * STORE_CONNECT_MS or STORE_COMMAND_MS once in a while, and otherwise nothing.
 * What people wait for, such as a listing, is asked all the same.
 *
 * Keys are PREFIX t:KEY, i:KEY and o:KEY, for triplets, identities and
 * outbound, without blanks behind the prefix; the values are the lines of
 * greylist_record.h, and the server drops them when they are no longer needed.
 * The server is not believed: see store_redis_reply.h.  It is, where it says
 * what time it is: see store_redis_clock.h.
 *
 * There is no TLS: Debian 12's hiredis (0.14) has none.  A tunnel, or a unix
 * socket, is the way where others can listen.  Names are not looked up, as
 * getaddrinfo() has no deadline; see store_redis_place.h.
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

/*
 * False, with a sentence, for what is no list of servers or sentinels; "" is
 * one of none.
 */
bool store_redis_servers_valid(const char *servers,
			       char ret_why[STORE_WHY_SIZE]);

/* What keys may begin with: short, printable, without blanks; "" is fine. */
bool store_redis_prefix_valid(const char *prefix);

/* NULL, and a sentence, where the settings are wrong or there is no memory. */
struct store *store_redis_open(const struct store_redis_settings *settings,
			       char ret_why[STORE_WHY_SIZE]);

#endif
