/*
 * dns_private.h - what the files of the resolver share: dns.c, where
 * questions come in; dns_thread.c, where they are answered; dns_open.c.
 *
 * A *flight* is a question on its way, with all who ask it.  It is found by
 * its question in a hash table, so equal questions join it.  Askers hang on it
 * in a list; each has a timer of its own.  One lock guards flights, askers,
 * timers and the breaker; it is never held while a callback runs, a query is
 * sent or the thread sleeps.
 *
 * A flight ends in this order: its answer goes to the cache, then it leaves
 * the table, then its askers are called.  Who finds nothing in the cache looks
 * once more after he has taken the lock, so nothing is asked twice.
 *
 * The thread alone touches dns_net and starts or frees flights.
 */
#ifndef LISTS_DNS_PRIVATE_H
#define LISTS_DNS_PRIVATE_H

#include "lists/dns.h"
#include "lists/dns_breaker.h"
#include "lists/dns_cache.h"
#include "lists/dns_net.h"
#include "lists/dns_zone.h"
#include "lists/hash.h"

#include <pthread.h>

struct dns_flight {
	struct dns_net_question net; /* first: dns_net_pop() returns it */
	struct dns_flight *next; /* in the bucket, or to be started */
	struct dns_flight *start_next;
	struct dns_asker *askers, **last;
	struct dns_timer timer; /* a zone's delay */
	uint64_t hash;
	bool probe; /* nobody asks; not in the table */
};

struct dns {
	/* never changes after dns_open() */
	struct dns_net_settings net_set;
	unsigned timeout_ms, max_flights;
	const struct dns_zone *zone, *front;
	struct dns_cache *cache;
	struct hash_key key;
	struct dns_flight **buckets;
	size_t bucket_count;
	int epoll_fd, event_fd;
	pthread_t thread;

	struct dns_net *net; /* the thread's; NULL with a zone */

	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t called; /* a callback has returned */
	const struct dns_asker *calling;
	struct dns_flight *start, **start_last;
	struct dns_wheel deadlines; /* of askers */
	struct dns_wheel delays; /* of flights over a zone */
	struct dns_breaker breaker;
	struct dns_question refused; /* last; name.len 0 if there is none */
	bool awake; /* the thread will look at everything again by itself */
	uint64_t wake_ms; /* or else then */
	bool closing;
	size_t flights;
	struct dns_stats stats;
	struct dns_net_stats net_stats; /* as of the last answer */
};

/* All with the lock held. */

/* Where in the table the question's flight is, or would be. */
struct dns_flight **dns_flight_find(struct dns *dns, uint64_t hash,
				    const struct dns_question *question);

/* To be started by the thread; in no table yet.  NULL: no memory. */
struct dns_flight *dns_flight_new(struct dns *dns, uint64_t hash,
				  const struct dns_question *question);

/* The asker no longer hangs on a flight. */
void dns_flight_leave(struct dns *dns, struct dns_asker *asker);

/* Without the lock. */

/* Makes the thread look at everything. */
void dns_wake(struct dns *dns);

/* What the thread runs; ends, with everybody answered, after `closing`. */
void *dns_thread(void *dns);

#endif
