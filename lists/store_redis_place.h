/*
 * store_redis_place.h - where a server may be: an address or a socket's path.
 *
 * Addresses alone and `localhost`: to look a name up takes as long as the
 * system's resolver likes, and mail would wait for it.
 *
 * Pure functions, for any thread.
 */
#ifndef LISTS_STORE_REDIS_PLACE_H
#define LISTS_STORE_REDIS_PLACE_H

#include <stdint.h>
#include <sys/socket.h>

#include "lists/store_redis.h"

enum {
	REDIS_PORT = 6379,
	REDIS_SENTINEL_PORT = 26379,
};

#define REDIS_PLACE_TEXT_SIZE 120

struct redis_place {
	struct sockaddr_storage address;
	socklen_t len;
	char text[REDIS_PLACE_TEXT_SIZE]; /* "[::1]:6379", for people */
};

/*
 * Reads "192.0.2.1:6379, [::1], localhost, unix:/run/redis.sock", apart by
 * commas or blanks, with or without a port.  Returns how many there are, 0 for
 * an empty text, or -1 with a sentence.  `localhost` is two, 127.0.0.1 and ::1.
 */
int redis_places_parse(const char *text, uint16_t port,
		       struct redis_place list[STORE_REDIS_SERVERS_MAX],
		       char ret_why[STORE_WHY_SIZE]);

/* What a sentinel says: an address and a port.  0, or -1 if it is none. */
int redis_place_make(const char *ip, size_t ip_len, const char *port,
		     size_t port_len, struct redis_place *ret_place);

#endif
