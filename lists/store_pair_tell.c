/*
 * store_pair_tell.c - what one store of a pair knows, is told to the other.
 *
 * To the local one a record is told as it is at the shared one, better or not:
 * that is the one who knows.  To the shared one it is brought, as others may
 * have written there meanwhile.
 */
#include "lists/store_pair_private.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lists/greylist_record.h"

enum {
	BATCH = 200, /* records */
	SHOW_MS = 1000,
	PAUSE_MS = 200, /* the first; each failure doubles it */
	PAUSE_MAX_MS = 5000,
};

/* Records by key, with what a store says of them. */
struct batch {
	size_t count; /* keys */
	enum store_kind kinds[BATCH];
	char keys[BATCH][TRIPLET_KEY_SIZE];
	size_t found; /* entries, whose texts are: */
	struct store_entry entries[BATCH];
	char values[BATCH][GREYLIST_RECORD_SIZE];
};

void store_pair_note(struct store_pair *pair, struct store_queue *queue,
		     enum store_kind kind, const char *key)
{
	bool first;

	pthread_mutex_lock(&pair->lock);
	first = store_queue_count(queue) == 0;
	if (!store_queue_push(queue, kind, key) && queue == pair->for_shared)
		pair->dropped++;
	if (first)
		pthread_cond_broadcast(&pair->changed);
	pthread_mutex_unlock(&pair->lock);
}

/* Locked.  Takes up to a batch of keys. */
static void take_batch(struct store_queue *queue, struct batch *batch)
{
	batch->count = batch->found = 0;
	while (batch->count < BATCH &&
	       store_queue_pop(queue, &batch->kinds[batch->count],
			       batch->keys[batch->count]))
		batch->count++;
}

static void put_back(struct store_pair *pair, struct store_queue *queue,
		     const struct batch *batch)
{
	pthread_mutex_lock(&pair->lock);
	for (size_t i = batch->count; i-- > 0;) {
		if (!store_queue_unpop(queue, batch->kinds[i],
				       batch->keys[i]) &&
		    queue == pair->for_shared)
			pair->dropped++;
	}
	pthread_mutex_unlock(&pair->lock);
}

static bool note_entry(void *context, const struct store_entry *entry)
{
	struct batch *batch = context;
	struct store_entry *copy = &batch->entries[batch->found];
	size_t len = strlen(entry->value);

	if (entry->reading != GREYLIST_READ || len >= GREYLIST_RECORD_SIZE)
		return true;
	*copy = *entry;
	memcpy(batch->values[batch->found], entry->value, len + 1);
	copy->value = batch->values[batch->found];
	batch->found++;
	return true;
}

/* What the store says of the keys; what has lapsed is as if not there. */
static enum store_end look_up(struct store *store, struct batch *batch,
			      const struct greylist_time *now)
{
	enum store_end end = STORE_DONE;

	for (size_t i = 0; i < batch->count && end == STORE_DONE; i++) {
		size_t found = batch->found;
		bool there;

		end = store_show(store, batch->kinds[i], batch->keys[i], now,
				 SHOW_MS, note_entry, batch, &there);
		if (end != STORE_DONE || batch->found == found)
			continue;
		batch->entries[found].key = batch->keys[i];
		if (batch->entries[found].expires <= now->wall)
			batch->found = found;
	}
	return end;
}

static enum store_end bring(struct store *store, const struct batch *batch,
			    const struct greylist_time *now)
{
	uint64_t taken;

	if (batch->found == 0)
		return STORE_DONE;
	return store->engine->merge(store, batch->entries, batch->found, now,
				    &taken);
}

static enum store_end drop_kind(struct store *store, const struct batch *batch,
				enum store_kind kind)
{
	const char *keys[BATCH];
	size_t count = 0;

	for (size_t i = 0; i < batch->count; i++) {
		if (batch->kinds[i] == kind)
			keys[count++] = batch->keys[i];
	}
	if (count == 0)
		return STORE_DONE;
	return store->engine->drop(store, kind, keys, count);
}

/* Better or not: what was there is gone. */
static enum store_end replace(struct store *store, const struct batch *batch,
			      const struct greylist_time *now)
{
	enum store_end end = drop_kind(store, batch, STORE_TRIPLET);

	if (end == STORE_DONE)
		end = drop_kind(store, batch, STORE_IDENTITY);
	if (end == STORE_DONE)
		end = drop_kind(store, batch, STORE_OUTBOUND);
	if (end == STORE_DONE)
		end = bring(store, batch, now);
	return end;
}

/* --- the thread ---------------------------------------------------------- */

/* Is it there?  Asks for something that never is. */
static enum store_end knock(struct store *shared,
			    const struct greylist_time *now)
{
	struct batch *nothing = NULL;
	bool there;

	return store_show(shared, STORE_IDENTITY, "spf:nobody.invalid", now,
			  SHOW_MS, note_entry, nothing, &there);
}

/*
 * Gives the shared one what it has missed, a batch; STORE_DONE if it took that.
 * Once nothing is left it is the one to be asked again.
 */
static enum store_end reconcile(struct store_pair *pair, struct batch *batch)
{
	struct greylist_time now;
	enum store_end end;
	bool lost;

	pthread_mutex_lock(&pair->lock);
	now = pair->now;
	take_batch(pair->for_shared, batch);
	pthread_mutex_unlock(&pair->lock);
	now = store_pair_time(pair, &now);
	/* what the local one cannot say is lost, and keeps nothing else back */
	lost = look_up(pair->local, batch, &now) != STORE_DONE;
	if (batch->found == 0)
		end = knock(pair->shared, &now);
	else
		end = bring(pair->shared, batch, &now);
	if (end != STORE_DONE) {
		put_back(pair, pair->for_shared, batch);
		return end;
	}
	pthread_mutex_lock(&pair->lock);
	if (lost)
		pair->dropped += batch->count - batch->found;
	if (pair->alone && store_queue_count(pair->for_shared) == 0) {
		pair->alone = pair->silent = false;
		pair->since = pair->now.wall;
	}
	pthread_mutex_unlock(&pair->lock);
	return STORE_DONE;
}

/* What could not be told will be with its next use. */
static void mirror(struct store_pair *pair, struct batch *batch)
{
	struct greylist_time now;

	pthread_mutex_lock(&pair->lock);
	now = pair->now;
	take_batch(pair->for_local, batch);
	pthread_mutex_unlock(&pair->lock);
	now = store_pair_time(pair, &now);
	if (look_up(pair->shared, batch, &now) == STORE_DONE)
		(void)replace(pair->local, batch, &now);
}

/* Locked; returns early only when the pair is closed. */
static void rest(struct store_pair *pair, unsigned ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(ms / 1000);
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	while (!pair->stopping &&
	       pthread_cond_timedwait(&pair->changed, &pair->lock, &until) == 0)
		;
}

static bool has_news(const struct store_pair *pair)
{
	return pair->alone || store_queue_count(pair->for_shared) > 0 ||
	       store_queue_count(pair->for_local) > 0;
}

/* Locked, but not while it tells.  Returns how long to rest afterwards. */
static unsigned tell(struct store_pair *pair, struct batch *batch,
		     unsigned *pause_ms)
{
	bool owes = pair->alone || store_queue_count(pair->for_shared) > 0;
	enum store_end end = STORE_DONE;

	pthread_mutex_unlock(&pair->lock);
	if (owes)
		end = reconcile(pair, batch);
	else
		mirror(pair, batch);
	pthread_mutex_lock(&pair->lock);
	if (!owes)
		return STORE_TELL_MS;
	if (end == STORE_DONE) {
		*pause_ms = 0;
		return 0;
	}
	*pause_ms = *pause_ms == 0 ? PAUSE_MS : *pause_ms * 2;
	if (*pause_ms > PAUSE_MAX_MS)
		*pause_ms = PAUSE_MAX_MS;
	return *pause_ms;
}

void *store_pair_tell(void *argument)
{
	struct store_pair *pair = argument;
	struct batch *batch = malloc(sizeof(*batch));
	unsigned pause_ms = 0;

	pthread_mutex_lock(&pair->lock);
	while (!pair->stopping) {
		if (batch == NULL) {
			rest(pair, PAUSE_MAX_MS);
			batch = malloc(sizeof(*batch));
		} else if (has_news(pair)) {
			rest(pair, tell(pair, batch, &pause_ms));
		} else {
			pthread_cond_wait(&pair->changed, &pair->lock);
		}
	}
	pthread_mutex_unlock(&pair->lock);
	free(batch);
	return NULL;
}
