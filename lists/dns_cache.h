/*
 * dns_cache.h - answers that need not be asked for again yet.
 *
 * Bounded in bytes; what has not been used for longest goes first.  Found
 * records stay for their TTL, between one second and a day, "no" for at most
 * 15 minutes (RFC 2308 section 5), failures of servers for five seconds.
 *
 * Any thread may call; the cache is cut into stripes with a lock each.  The
 * caller passes the time in (milliseconds of a clock that is never set).
 */
#ifndef LISTS_DNS_CACHE_H
#define LISTS_DNS_CACHE_H

#include "lists/dns_message.h"

#define DNS_TTL_MIN_S 1
#define DNS_TTL_MAX_S 86400
#define DNS_TTL_NEGATIVE_MAX_S 900
#define DNS_TTL_FAILURE_S 5

struct dns_cache;

struct dns_cache_stats {
	uint64_t hits, misses;
	uint64_t evicted; /* to make room, before their time */
	uint64_t entries, bytes;
};

/* NULL with errno set.  A size of 0 is a cache that keeps nothing. */
struct dns_cache *dns_cache_new(size_t max_bytes);
void dns_cache_free(struct dns_cache *cache); /* NULL is fine */

/* A reference for the caller, or NULL. */
struct dns_answer *dns_cache_get(struct dns_cache *cache,
				 const struct dns_question *question,
				 uint64_t now_ms);

/*
 * Keeps a reference of its own, for as long as such an answer may be kept;
 * what says nothing about the name (DNS_BUSY, DNS_BREAKER...) is not kept.
 * When memory runs out nothing is kept.
 */
void dns_cache_put(struct dns_cache *cache, const struct dns_question *question,
		   struct dns_answer *answer, uint64_t now_ms);

/* Seconds for which the answer may be kept; 0 is not at all. */
uint32_t dns_cache_ttl(const struct dns_answer *answer);

void dns_cache_flush(struct dns_cache *cache);
void dns_cache_stats(struct dns_cache *cache,
		     struct dns_cache_stats *ret_stats);

#endif
