/*
 * store_redis_edit.c - what is changed by hand in the shared store.
 *
 * What is brought is judged here, on what the server has said that it holds;
 * the script then swaps all of it or, where something has come between, none,
 * and it is judged again.
 */
#include "lists/store_redis_private.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PATIENCE_MS = 20000 }; /* of what has no max_ms */

enum store_end redis_drop(struct store *store, enum store_kind kind,
			  const char *const *keys, size_t count)
{
	struct store_redis *redis = (struct store_redis *)store;
	struct redis_call call = redis_call_patient(time(NULL), PATIENCE_MS);
	struct redis_command command;
	struct redis_reply *reply;
	enum store_end end;

	redis_enter(redis);
	redis_command_init(&command);
	redis_command_begin(&command, 1 + count);
	redis_command_text(&command, "DEL");
	for (size_t i = 0; i < count; i++)
		redis_command_key(&command, redis, kind, keys[i]);
	end = redis_ask(redis, &call, &command, &reply);
	redis_command_done(&command);
	if (end == STORE_DONE) {
		if (reply->kind != REDIS_NUMBER)
			end = redis_blame(redis, &call);
		redis_reply_free(reply);
	}
	redis_leave(redis);
	return end;
}

/* A key, what the server held for it, and the best that is brought. */
struct brought {
	struct redis_item item;
	size_t order; /* in which it was brought */
	struct store_entry entry;
	char value[GREYLIST_RECORD_SIZE]; /* the entry's, if restamped */
	char text[GREYLIST_RECORD_SIZE + 1];
	size_t len;
	struct store_entry there;
	const struct store_entry *best; /* NULL: what is there stays */
};

struct merging {
	struct brought *brought;
	size_t count, next;
	uint64_t taken;
};

static int by_key(const void *a, const void *b)
{
	const struct brought *one = a, *other = b;
	int order;

	if (one->item.kind != other->item.kind)
		return one->item.kind < other->item.kind ? -1 : 1;
	order = strcmp(one->item.key, other->item.key);
	if (order != 0)
		return order;
	return one->order < other->order ? -1 : 1;
}

static bool same_key(const struct brought *one, const struct brought *other)
{
	return one->item.kind == other->item.kind &&
	       strcmp(one->item.key, other->item.key) == 0;
}

/* The first of each key has what was found, and takes the best of them all. */
static bool merge_item(void *context, const struct redis_item *item,
		       const struct redis_held *held)
{
	struct merging *merging = context;
	struct brought *first = &merging->brought[merging->next];
	char value[GREYLIST_RECORD_SIZE + 1] = "";

	first->len = held->text == NULL ? 0 : held->len;
	if (first->len > GREYLIST_RECORD_SIZE)
		first->len = GREYLIST_RECORD_SIZE;
	if (first->len > 0)
		memcpy(first->text, held->text, first->len);
	first->best = NULL;
	redis_held_read(item, held, value, &first->there);
	while (merging->next < merging->count) {
		const struct brought *each = &merging->brought[merging->next];
		const struct store_entry *best =
			first->best ? first->best : &first->there;

		if (!same_key(first, each))
			break;
		if (store_is_better(&each->entry, best)) {
			first->best = &each->entry;
			merging->taken++;
		}
		merging->next++;
	}
	return true;
}

static enum store_end swap_all(struct store_redis *redis,
			       const struct redis_call *call,
			       const struct merging *merging, bool *ret_swapped)
{
	struct redis_command words;
	struct redis_reply *reply;
	enum store_end end;
	size_t count = 0;

	redis_command_init(&words);
	for (size_t i = 0; i < merging->count; i++) {
		const struct brought *b = &merging->brought[i];

		if (b->best == NULL)
			continue;
		redis_command_key(&words, redis, b->item.kind, b->item.key);
		count++;
	}
	redis_command_text(&words, "swap");
	for (size_t i = 0; i < merging->count; i++) {
		const struct brought *b = &merging->brought[i];

		if (b->best == NULL)
			continue;
		redis_command_word(&words, b->text, b->len);
		redis_command_text(&words, b->best->value);
		redis_command_number(&words,
				     b->best->expires == GREYLIST_FOR_EVER
					     ? -1
					     : b->best->expires - call->wall);
	}
	*ret_swapped = true;
	end = STORE_DONE;
	if (count > 0)
		end = redis_run(redis, call, &words, 4 * count + 1, count,
				&reply);
	redis_command_done(&words);
	if (end == STORE_DONE && count > 0) {
		if (reply->kind != REDIS_NUMBER)
			end = redis_blame(redis, call);
		*ret_swapped = reply->number == 1;
		redis_reply_free(reply);
	}
	return end;
}

/*
 * What this host has stamped while no server had told the time bears the wall
 * clock of this host; the steady one, which it bears as well, says what the
 * shared clock showed then.
 */
static void restamp(struct store_redis *redis, struct brought *brought)
{
	struct store_entry *entry = &brought->entry;
	struct greylist_identity *identity = &entry->identity;
	struct store *store = &redis->store;

	entry->triplet.first = store_time(store, &entry->triplet.first);
	entry->triplet.last = store_time(store, &entry->triplet.last);
	identity->counted = store_time(store, &identity->counted);
	identity->last = store_time(store, &identity->last);
	identity->trapped = store_time(store, &identity->trapped);
	identity->marked = store_time(store, &identity->marked);
	entry->outbound.last = store_time(store, &entry->outbound.last);
	switch (entry->kind) {
	case STORE_TRIPLET:
		greylist_write_triplet(&entry->triplet, brought->value);
		break;
	case STORE_IDENTITY:
		greylist_write_identity(identity, brought->value);
		break;
	case STORE_OUTBOUND:
		greylist_write_outbound(&entry->outbound, brought->value);
		break;
	case STORE_ALL: return;
	}
	entry->value = brought->value;
}

static enum store_end merge_all(struct store_redis *redis,
				const struct redis_call *call,
				struct merging *merging,
				struct redis_item *items)
{
	enum store_end end;
	size_t count = 0;
	bool swapped = false;

	for (size_t i = 0; i < merging->count; i++) {
		merging->brought[i].best = NULL;
		if (i == 0 ||
		    !same_key(&merging->brought[i - 1], &merging->brought[i]))
			items[count++] = merging->brought[i].item;
	}
	do {
		merging->next = 0;
		merging->taken = 0;
		end = redis_look(redis, call, items, count, merge_item,
				 merging);
		if (end == STORE_DONE)
			end = swap_all(redis, call, merging, &swapped);
		if (end == STORE_DONE && !swapped &&
		    redis_clock() >= call->deadline_ms)
			end = STORE_LATE;
	} while (end == STORE_DONE && !swapped);
	return end;
}

enum store_end redis_merge(struct store *store,
			   const struct store_entry *entries, size_t count,
			   const struct greylist_time *now, uint64_t *ret_taken)
{
	struct store_redis *redis = (struct store_redis *)store;
	struct redis_call call = redis_call_patient(now->wall, PATIENCE_MS);
	struct merging merging = { .count = count };
	struct greylist_time time;
	struct redis_item *items = calloc(count + 1, sizeof(*items));
	enum store_end end = STORE_BROKEN;

	merging.brought = calloc(count + 1, sizeof(*merging.brought));
	if (items == NULL || merging.brought == NULL)
		goto done;
	for (size_t i = 0; i < count; i++) {
		merging.brought[i].item.kind = entries[i].kind;
		merging.brought[i].item.key = entries[i].key;
		merging.brought[i].order = i;
		merging.brought[i].entry = entries[i];
	}
	qsort(merging.brought, count, sizeof(*merging.brought), by_key);
	redis_enter(redis);
	end = redis_share_time(redis, &call, now, &time);
	for (size_t i = 0; end == STORE_DONE && i < count; i++)
		restamp(redis, &merging.brought[i]);
	if (end == STORE_DONE)
		end = merge_all(redis, &call, &merging, items);
	redis_leave(redis);
	if (end == STORE_DONE)
		*ret_taken = merging.taken;
done:
	free(items);
	free(merging.brought);
	return end;
}
