/*
 * dns_cache.c - answers that need not be asked for again yet.
 *
 * Each stripe is a hash table whose entries also stand in one list, last used
 * first.  The top bits of the hash choose the stripe, the others the bucket.
 * Names are chosen by strangers, hence a keyed hash.
 */
#include "lists/dns_cache.h"

#include "lists/hash.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define STRIPE_BITS 4
#define STRIPES (1 << STRIPE_BITS)
#define BUCKETS_FIRST 64
#define MALLOC_COST 16 /* what malloc itself takes for a piece */

struct entry {
	struct entry *next; /* in the bucket */
	struct entry *newer, *older;
	uint64_t hash;
	uint64_t expires_ms;
	struct dns_answer *answer;
	size_t cost;
	uint16_t type;
	uint8_t name_len;
	uint8_t name[];
};

struct stripe {
	pthread_mutex_t lock;
	struct entry **buckets;
	size_t bucket_count; /* a power of two, or 0 */
	size_t count, bytes, max_bytes;
	struct entry *newest, *oldest;
	uint64_t hits, misses, evicted;
} __attribute__((aligned(64)));

struct dns_cache {
	struct stripe stripes[STRIPES];
	struct hash_key key;
};

static uint64_t hash_question(const struct dns_cache *cache,
			      const struct dns_question *question)
{
	uint8_t key[DNS_NAME_MAX + 1];

	key[0] = (uint8_t)question->type;
	memcpy(key + 1, question->name.wire, question->name.len);
	return hash_keyed(&cache->key, key, (size_t)question->name.len + 1);
}

static struct stripe *stripe_of(struct dns_cache *cache, uint64_t hash)
{
	return &cache->stripes[hash >> (64 - STRIPE_BITS)];
}

static struct entry **bucket_of(const struct stripe *stripe, uint64_t hash)
{
	return &stripe->buckets[hash & (stripe->bucket_count - 1)];
}

struct dns_cache *dns_cache_new(size_t max_bytes)
{
	struct dns_cache *cache;
	int error = posix_memalign((void **)&cache, 64, sizeof(*cache));

	if (error != 0) {
		errno = error;
		return NULL;
	}
	memset(cache, 0, sizeof(*cache));
	if (hash_key_random(&cache->key) < 0) {
		free(cache);
		return NULL;
	}
	for (size_t i = 0; i < STRIPES; i++) {
		pthread_mutex_init(&cache->stripes[i].lock, NULL);
		cache->stripes[i].max_bytes = max_bytes / STRIPES;
	}
	return cache;
}

static struct entry **find(const struct stripe *stripe, uint64_t hash,
			   const struct dns_question *question)
{
	struct entry **at;

	if (stripe->bucket_count == 0)
		return NULL;
	for (at = bucket_of(stripe, hash); *at; at = &(*at)->next)
		if ((*at)->hash == hash &&
		    (*at)->type == (uint16_t)question->type &&
		    (*at)->name_len == question->name.len &&
		    memcmp((*at)->name, question->name.wire,
			   question->name.len) == 0)
			return at;
	return NULL;
}

static void list_remove(struct stripe *stripe, struct entry *entry)
{
	*(entry->newer ? &entry->newer->older : &stripe->newest) = entry->older;
	*(entry->older ? &entry->older->newer : &stripe->oldest) = entry->newer;
}

static void list_push(struct stripe *stripe, struct entry *entry)
{
	entry->newer = NULL;
	entry->older = stripe->newest;
	*(stripe->newest ? &stripe->newest->newer : &stripe->oldest) = entry;
	stripe->newest = entry;
}

static void drop(struct stripe *stripe, struct entry **at)
{
	struct entry *entry = *at;

	*at = entry->next;
	list_remove(stripe, entry);
	stripe->count--;
	stripe->bytes -= entry->cost;
	dns_answer_unref(entry->answer);
	free(entry);
}

static void drop_entry(struct stripe *stripe, struct entry *entry)
{
	struct entry **at = bucket_of(stripe, entry->hash);

	while (*at != entry)
		at = &(*at)->next;
	drop(stripe, at);
}

/* Makes room for one more entry in the buckets; they count as bytes, too. */
static int grow(struct stripe *stripe)
{
	size_t old_count = stripe->bucket_count;
	size_t count = old_count > 0 ? 2 * old_count : BUCKETS_FIRST;
	struct entry **old = stripe->buckets, **buckets;

	if (stripe->count < old_count)
		return 0;
	buckets = calloc(count, sizeof(*buckets));
	if (!buckets)
		return old_count > 0 ? 0 : -1;
	stripe->buckets = buckets;
	stripe->bucket_count = count;
	stripe->bytes += (count - old_count) * sizeof(*buckets);
	for (size_t i = 0; i < old_count; i++)
		for (struct entry *entry = old[i], *next; entry; entry = next) {
			struct entry **at = bucket_of(stripe, entry->hash);

			next = entry->next;
			entry->next = *at;
			*at = entry;
		}
	free(old);
	return 0;
}

struct dns_answer *dns_cache_get(struct dns_cache *cache,
				 const struct dns_question *question,
				 uint64_t now_ms)
{
	uint64_t hash = hash_question(cache, question);
	struct stripe *stripe = stripe_of(cache, hash);
	struct dns_answer *answer = NULL;
	struct entry **at;

	pthread_mutex_lock(&stripe->lock);
	at = find(stripe, hash, question);
	if (at && (*at)->expires_ms <= now_ms) {
		drop(stripe, at);
		at = NULL;
	}
	if (at) {
		answer = dns_answer_ref((*at)->answer);
		if (stripe->newest != *at) {
			list_remove(stripe, *at);
			list_push(stripe, *at);
		}
		stripe->hits++;
	} else {
		stripe->misses++;
	}
	pthread_mutex_unlock(&stripe->lock);
	return answer;
}

uint32_t dns_cache_ttl(const struct dns_answer *answer)
{
	uint32_t max = DNS_TTL_NEGATIVE_MAX_S;

	switch (answer->status) {
	case DNS_FOUND: max = DNS_TTL_MAX_S; break;
	case DNS_NXDOMAIN:
	case DNS_NODATA: break;
	case DNS_TIMEOUT:
	case DNS_UNREACHABLE:
	case DNS_SERVFAIL:
	case DNS_REFUSED:
	case DNS_FORMERR:
	case DNS_GARBLED:
	case DNS_TRUNCATED:
	case DNS_TOO_LARGE:
	case DNS_LOOP: return DNS_TTL_FAILURE_S;
	case DNS_INVALID:
	case DNS_BUSY:
	case DNS_BREAKER:
	case DNS_NO_MEMORY:
	case DNS_STOPPED: return 0;
	}
	if (answer->ttl < DNS_TTL_MIN_S)
		return DNS_TTL_MIN_S;
	return answer->ttl < max ? answer->ttl : max;
}

static struct entry *new_entry(const struct dns_question *question,
			       struct dns_answer *answer, uint64_t hash)
{
	size_t size = sizeof(struct entry) + question->name.len;
	struct entry *entry = calloc(1, size);

	if (!entry)
		return NULL;
	entry->hash = hash;
	entry->type = (uint16_t)question->type;
	entry->name_len = question->name.len;
	memcpy(entry->name, question->name.wire, question->name.len);
	entry->answer = dns_answer_ref(answer);
	entry->cost = size + answer->size + 2 * (size_t)MALLOC_COST;
	return entry;
}

void dns_cache_put(struct dns_cache *cache, const struct dns_question *question,
		   struct dns_answer *answer, uint64_t now_ms)
{
	uint64_t hash = hash_question(cache, question);
	struct stripe *stripe = stripe_of(cache, hash);
	uint32_t ttl = dns_cache_ttl(answer);
	struct entry *entry, **at;

	if (ttl == 0)
		return;
	entry = new_entry(question, answer, hash);
	if (!entry)
		return;
	entry->expires_ms = now_ms + (uint64_t)ttl * 1000;
	pthread_mutex_lock(&stripe->lock);
	at = find(stripe, hash, question);
	if (at)
		drop(stripe, at);
	if (entry->cost > stripe->max_bytes || grow(stripe) < 0) {
		dns_answer_unref(entry->answer);
		free(entry);
	} else {
		at = bucket_of(stripe, hash);
		entry->next = *at;
		*at = entry;
		list_push(stripe, entry);
		stripe->count++;
		stripe->bytes += entry->cost;
	}
	while (stripe->bytes > stripe->max_bytes && stripe->oldest) {
		stripe->evicted += stripe->oldest->expires_ms > now_ms;
		drop_entry(stripe, stripe->oldest);
	}
	pthread_mutex_unlock(&stripe->lock);
}

static void flush_stripe(struct stripe *stripe)
{
	while (stripe->oldest)
		drop_entry(stripe, stripe->oldest);
	free(stripe->buckets);
	stripe->buckets = NULL;
	stripe->bucket_count = 0;
	stripe->bytes = 0;
}

void dns_cache_flush(struct dns_cache *cache)
{
	for (size_t i = 0; i < STRIPES; i++) {
		pthread_mutex_lock(&cache->stripes[i].lock);
		flush_stripe(&cache->stripes[i]);
		pthread_mutex_unlock(&cache->stripes[i].lock);
	}
}

void dns_cache_stats(struct dns_cache *cache, struct dns_cache_stats *ret_stats)
{
	*ret_stats = (struct dns_cache_stats){ 0 };
	for (size_t i = 0; i < STRIPES; i++) {
		struct stripe *stripe = &cache->stripes[i];

		pthread_mutex_lock(&stripe->lock);
		ret_stats->hits += stripe->hits;
		ret_stats->misses += stripe->misses;
		ret_stats->evicted += stripe->evicted;
		ret_stats->entries += stripe->count;
		ret_stats->bytes += stripe->bytes;
		pthread_mutex_unlock(&stripe->lock);
	}
}

void dns_cache_free(struct dns_cache *cache)
{
	if (!cache)
		return;
	for (size_t i = 0; i < STRIPES; i++) {
		flush_stripe(&cache->stripes[i]);
		pthread_mutex_destroy(&cache->stripes[i].lock);
	}
	free(cache);
}
