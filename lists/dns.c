/*
 * dns.c - the resolver: where questions come in.
 */
#include "lists/dns.h"

#include "lists/dns_private.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- flights ----------------------------------------------------------- */

static uint64_t hash_question(const struct dns *dns,
			      const struct dns_question *question)
{
	uint8_t key[DNS_NAME_MAX + 1];

	key[0] = (uint8_t)question->type;
	memcpy(key + 1, question->name.wire, question->name.len);
	return hash_keyed(&dns->key, key, (size_t)question->name.len + 1);
}

static bool same_question(const struct dns_question *a,
			  const struct dns_question *b)
{
	return a->type == b->type && a->name.len == b->name.len &&
	       memcmp(a->name.wire, b->name.wire, a->name.len) == 0;
}

struct dns_flight **dns_flight_find(struct dns *dns, uint64_t hash,
				    const struct dns_question *question)
{
	struct dns_flight **at = &dns->buckets[hash & (dns->bucket_count - 1)];

	while (*at && ((*at)->hash != hash ||
		       !same_question(&(*at)->net.question, question)))
		at = &(*at)->next;
	return at;
}

void dns_wake(struct dns *dns)
{
	uint64_t one = 1;

	/* fails only when the counter is full, in some 10^19 wakes */
	if (write(dns->event_fd, &one, sizeof(one)) < 0)
		return;
}

struct dns_flight *dns_flight_new(struct dns *dns, uint64_t hash,
				  const struct dns_question *question)
{
	struct dns_flight *flight = calloc(1, sizeof(*flight));

	if (!flight)
		return NULL;
	flight->net.question = *question;
	flight->net.deadline_ms = dns_now_ms() + dns->timeout_ms;
	flight->hash = hash;
	flight->last = &flight->askers;
	*dns->start_last = flight;
	dns->start_last = &flight->start_next;
	dns->flights++;
	return flight;
}

static void join(struct dns *dns, struct dns_flight *flight,
		 struct dns_asker *asker, uint64_t due_ms)
{
	asker->flight = flight;
	asker->next = NULL;
	asker->from = flight->last;
	*flight->last = asker;
	flight->last = &asker->next;
	asker->timer.from = NULL;
	dns_wheel_set(&dns->deadlines, &asker->timer, due_ms);
}

void dns_flight_leave(struct dns *dns, struct dns_asker *asker)
{
	struct dns_flight *flight = asker->flight;

	*asker->from = asker->next;
	if (asker->next)
		asker->next->from = asker->from;
	else
		flight->last = asker->from;
	asker->flight = NULL;
	dns_wheel_unset(&dns->deadlines, &asker->timer);
}

/* --- asking ------------------------------------------------------------ */

static struct dns_answer *turn_away(struct dns *dns, enum dns_status status)
{
	dns->stats.turned_away++;
	return dns_answer_of(status);
}

static bool is_full(const struct dns *dns, const struct dns_asker *asker)
{
	return dns->flights >=
	       (asker->of_stranger ? dns->max_flights / 2 : dns->max_flights);
}

/* What dns_ask() does with the lock: an answer after all, or NULL. */
static struct dns_answer *ask_locked(struct dns *dns, uint64_t hash,
				     const struct dns_question *question,
				     struct dns_asker *asker, uint64_t due_ms,
				     bool *ret_wake)
{
	struct dns_flight **at = dns_flight_find(dns, hash, question);
	struct dns_flight *flight = *at;
	struct dns_answer *answer;

	dns->stats.asked++;
	if (dns->closing)
		return turn_away(dns, DNS_STOPPED);
	if (dns->breaker.open) {
		dns->refused = *question;
		return turn_away(dns, DNS_BREAKER);
	}
	if (!flight) {
		answer = dns->zone ? NULL
				   : dns_cache_get(dns->cache, question,
						   dns_now_ms());
		if (answer) {
			dns->stats.cached++;
			return answer;
		}
		if (is_full(dns, asker))
			return turn_away(dns, DNS_BUSY);
		flight = dns_flight_new(dns, hash, question);
		if (!flight)
			return turn_away(dns, DNS_NO_MEMORY);
		flight->next = *at;
		*at = flight;
		*ret_wake = !dns->awake;
	} else {
		dns->stats.joined++;
		*ret_wake = !dns->awake && due_ms < dns->wake_ms;
	}
	join(dns, flight, asker, due_ms);
	/* one who wakes it is enough */
	dns->awake |= *ret_wake;
	return NULL;
}

static struct dns_answer *known(struct dns *dns,
				const struct dns_question *question,
				uint64_t now)
{
	unsigned delay_ms;

	if (dns->front && dns_zone_has(dns->front, question))
		return dns_zone_ask(dns->front, question, now, &delay_ms);
	return dns->zone ? NULL : dns_cache_get(dns->cache, question, now);
}

struct dns_answer *dns_known(struct dns *dns, const char *name,
			     enum dns_type type)
{
	struct dns_question question = { .type = type };

	if (dns_name_parse(name, strlen(name), &question.name) < 0)
		return NULL;
	dns_name_lower(&question.name);
	return known(dns, &question, dns_now_ms());
}

struct dns_answer *dns_ask(struct dns *dns, const char *name,
			   enum dns_type type, unsigned timeout_ms,
			   struct dns_asker *asker)
{
	struct dns_question question = { .type = type };
	uint64_t now = dns_now_ms(), hash;
	struct dns_answer *answer;
	bool must_wake = false;

	asker->flight = NULL;
	if (dns_name_parse(name, strlen(name), &question.name) < 0)
		return dns_answer_of(DNS_INVALID);
	dns_name_lower(&question.name);
	if (timeout_ms == 0 || timeout_ms > dns->timeout_ms)
		timeout_ms = dns->timeout_ms;

	answer = known(dns, &question, now);
	if (answer)
		return answer;
	hash = hash_question(dns, &question);
	pthread_mutex_lock(&dns->lock);
	answer = ask_locked(dns, hash, &question, asker, now + timeout_ms,
			    &must_wake);
	pthread_mutex_unlock(&dns->lock);
	if (must_wake)
		dns_wake(dns);
	return answer;
}

bool dns_give_up(struct dns *dns, struct dns_asker *asker)
{
	bool waiting;

	pthread_mutex_lock(&dns->lock);
	while (dns->calling == asker &&
	       !pthread_equal(pthread_self(), dns->thread))
		pthread_cond_wait(&dns->called, &dns->lock);
	waiting = asker->flight != NULL;
	if (waiting)
		dns_flight_leave(dns, asker);
	pthread_mutex_unlock(&dns->lock);
	return waiting;
}

/* --- the rest ------------------------------------------------------------ */

/* Somebody who waits; `answer` is guarded by the lock. */
struct waiter {
	struct dns_asker asker;
	pthread_mutex_t lock;
	pthread_cond_t answered;
	struct dns_answer *answer;
};

static void wait_done(struct dns_asker *asker, struct dns_answer *answer)
{
	struct waiter *waiter = asker->context;

	pthread_mutex_lock(&waiter->lock);
	waiter->answer = answer;
	pthread_cond_signal(&waiter->answered);
	pthread_mutex_unlock(&waiter->lock);
}

struct dns_answer *dns_wait(struct dns *dns, const char *name,
			    enum dns_type type, unsigned timeout_ms)
{
	struct waiter waiter = { .asker.done = wait_done,
				 .asker.context = &waiter };
	struct dns_answer *answer;

	pthread_mutex_init(&waiter.lock, NULL);
	pthread_cond_init(&waiter.answered, NULL);
	answer = dns_ask(dns, name, type, timeout_ms, &waiter.asker);
	if (!answer) {
		pthread_mutex_lock(&waiter.lock);
		while (!waiter.answer)
			pthread_cond_wait(&waiter.answered, &waiter.lock);
		answer = waiter.answer;
		pthread_mutex_unlock(&waiter.lock);
		/* the callback may still hold the lock that is about to go */
		dns_give_up(dns, &waiter.asker);
	}
	pthread_cond_destroy(&waiter.answered);
	pthread_mutex_destroy(&waiter.lock);
	return answer;
}

void dns_flush(struct dns *dns)
{
	dns_cache_flush(dns->cache);
}

void dns_stats(struct dns *dns, struct dns_stats *ret_stats)
{
	struct dns_cache_stats cache;

	dns_cache_stats(dns->cache, &cache);
	pthread_mutex_lock(&dns->lock);
	*ret_stats = dns->stats;
	ret_stats->flights = dns->flights;
	ret_stats->breaker =
		dns->breaker.open ? DNS_BREAKER_IS_OPEN : DNS_BREAKER_IS_CLOSED;
	ret_stats->breaker_opened = dns->breaker.opened;
	ret_stats->queries = dns->net_stats.queries;
	ret_stats->tcp = dns->net_stats.tcp;
	ret_stats->ports = dns->net_stats.ports;
	ret_stats->failovers = dns->net_stats.failovers;
	pthread_mutex_unlock(&dns->lock);
	/* who was answered by the cache did not come as far as the lock */
	ret_stats->asked += cache.hits - ret_stats->cached;
	ret_stats->cached = cache.hits;
	ret_stats->cache_entries = cache.entries;
	ret_stats->cache_bytes = cache.bytes;
	ret_stats->cache_evicted = cache.evicted;
	ret_stats->server_count = dns->net_set.server_count;
	memcpy(ret_stats->servers, dns->net_set.servers,
	       sizeof(ret_stats->servers));
}

bool dns_is_local(const struct dns *dns)
{
	for (size_t i = 0; i < dns->net_set.server_count; i++)
		if (!dns_server_is_loopback(&dns->net_set.servers[i]))
			return false;
	return true;
}
