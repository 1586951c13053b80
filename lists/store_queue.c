/*
 * store_queue.c - which records somebody else has yet to be told of.
 */
#include "lists/store_queue.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lists/hash.h"

/* Numbers of entries, 1 being the first; 0 is none. */
struct entry {
	char *key;
	enum store_kind kind;
	uint32_t bucket;
	uint32_t newer, older; /* in the queue; of a free one, the next free */
	uint32_t next; /* in the bucket */
};

struct store_queue {
	struct entry *entries; /* [0] is not used */
	uint32_t *buckets;
	size_t count, room, bucket_count;
	uint32_t oldest, newest, free;
	struct hash_key hash_key; /* strangers choose the keys */
};

struct store_queue *store_queue_new(size_t room)
{
	struct store_queue *queue = calloc(1, sizeof(*queue));

	if (queue == NULL)
		return NULL;
	queue->room = room;
	queue->bucket_count = room + room / 2 + 1;
	queue->entries = calloc(room + 1, sizeof(*queue->entries));
	queue->buckets = calloc(queue->bucket_count, sizeof(*queue->buckets));
	if (queue->entries == NULL || queue->buckets == NULL ||
	    hash_key_random(&queue->hash_key) < 0) {
		store_queue_free(queue);
		return NULL;
	}
	for (uint32_t i = 1; i < room; i++)
		queue->entries[i].older = i + 1;
	queue->free = 1;
	return queue;
}

void store_queue_free(struct store_queue *queue)
{
	if (queue == NULL)
		return;
	for (size_t i = 0; queue->entries != NULL && i <= queue->room; i++)
		free(queue->entries[i].key);
	free(queue->entries);
	free(queue->buckets);
	free(queue);
}

size_t store_queue_count(const struct store_queue *queue)
{
	return queue->count;
}

static uint32_t bucket_of(const struct store_queue *queue, const char *key)
{
	return (uint32_t)(hash_keyed(&queue->hash_key, key, strlen(key)) %
			  queue->bucket_count);
}

static bool has(const struct store_queue *queue, uint32_t bucket,
		enum store_kind kind, const char *key)
{
	for (uint32_t at = queue->buckets[bucket]; at != 0;
	     at = queue->entries[at].next) {
		const struct entry *entry = &queue->entries[at];

		if (entry->kind == kind && strcmp(entry->key, key) == 0)
			return true;
	}
	return false;
}

static void take_out_oldest(struct store_queue *queue)
{
	uint32_t at = queue->oldest;
	struct entry *entry = &queue->entries[at];
	uint32_t *link = &queue->buckets[entry->bucket];

	while (*link != at)
		link = &queue->entries[*link].next;
	*link = entry->next;
	queue->oldest = entry->newer;
	if (queue->oldest != 0)
		queue->entries[queue->oldest].older = 0;
	else
		queue->newest = 0;
	free(entry->key);
	*entry = (struct entry){ .older = queue->free };
	queue->free = at;
	queue->count--;
}

/* There is room.  0 without memory. */
static uint32_t put_in(struct store_queue *queue, uint32_t bucket,
		       enum store_kind kind, const char *key)
{
	uint32_t at = queue->free;
	struct entry *entry = &queue->entries[at];
	char *copy = strdup(key);

	if (copy == NULL)
		return 0;
	queue->free = entry->older;
	*entry = (struct entry){
		.key = copy,
		.kind = kind,
		.bucket = bucket,
		.next = queue->buckets[bucket],
	};
	queue->buckets[bucket] = at;
	queue->count++;
	return at;
}

bool store_queue_push(struct store_queue *queue, enum store_kind kind,
		      const char *key)
{
	uint32_t bucket = bucket_of(queue, key), at;
	bool full = queue->count == queue->room;

	if (has(queue, bucket, kind, key))
		return true;
	if (full)
		take_out_oldest(queue);
	at = put_in(queue, bucket, kind, key);
	if (at == 0)
		return false;
	queue->entries[at].older = queue->newest;
	if (queue->newest != 0)
		queue->entries[queue->newest].newer = at;
	else
		queue->oldest = at;
	queue->newest = at;
	return !full;
}

bool store_queue_unpop(struct store_queue *queue, enum store_kind kind,
		       const char *key)
{
	uint32_t bucket = bucket_of(queue, key), at;

	if (has(queue, bucket, kind, key))
		return true;
	if (queue->count == queue->room)
		return false;
	at = put_in(queue, bucket, kind, key);
	if (at == 0)
		return false;
	queue->entries[at].newer = queue->oldest;
	if (queue->oldest != 0)
		queue->entries[queue->oldest].older = at;
	else
		queue->newest = at;
	queue->oldest = at;
	return true;
}

bool store_queue_pop(struct store_queue *queue, enum store_kind *ret_kind,
		     char ret_key[TRIPLET_KEY_SIZE])
{
	const struct entry *entry = &queue->entries[queue->oldest];

	if (queue->count == 0)
		return false;
	*ret_kind = entry->kind;
	strncpy(ret_key, entry->key, TRIPLET_KEY_SIZE - 1);
	ret_key[TRIPLET_KEY_SIZE - 1] = '\0';
	take_out_oldest(queue);
	return true;
}
