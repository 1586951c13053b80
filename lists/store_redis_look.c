/*
 * store_redis_look.c - the shared store's lists and what is changed by hand.
 *
 * A listing walks along SCAN, whose cursor stands for a range of the server's
 * table and not for a key.  Where a page ends within a range, our cursor also
 * keeps the end of that range and how far we were in it, by a hash of the keys;
 * if the range has another end when it is read again (the table has grown or
 * shrunk) it is told from its beginning: twice rather than never.
 */
#include "lists/store_redis_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lists/greylist_record.h"
#include "lists/hash.h"

enum {
	SCAN_COUNT = 256, /* keys in a range, about */
	LOOK_MAX = 512, /* keys at once */
	PATIENCE_MS = 20000, /* of what has no max_ms */
};

/* --- looking at keys ----------------------------------------------------- */

/* A key as the store knows it; the strings are borrowed. */
struct item {
	enum store_kind kind;
	const char *key;
	uint64_t place; /* its hash */
};

/* What the server holds for an item; the text is the reply's. */
struct held {
	const char *text; /* NULL: nothing */
	size_t len;
	int64_t expires;
};

typedef bool item_each(void *context, const struct item *item,
		       const struct held *held);

static enum store_end tell_held(struct store_redis *redis,
				const struct redis_call *call,
				const struct redis_reply *reply,
				const struct item *items, size_t count,
				item_each *each, void *context, bool *ret_go_on)
{
	for (size_t i = 0; i < count && *ret_go_on; i++) {
		struct held held;

		if (!redis_reply_look(reply, count, i, call->wall, &held.text,
				      &held.len, &held.expires))
			return redis_blame(redis, call);
		*ret_go_on = each(context, &items[i], &held);
	}
	return STORE_DONE;
}

/* In the order of the items, until `each` has enough. */
static enum store_end look(struct store_redis *redis,
			   const struct redis_call *call,
			   const struct item *items, size_t count,
			   item_each *each, void *context)
{
	enum store_end end = STORE_DONE;
	bool go_on = true;

	while (count > 0 && go_on && end == STORE_DONE) {
		size_t some = count < LOOK_MAX ? count : LOOK_MAX;
		struct redis_command words;
		struct redis_reply *reply;

		redis_command_init(&words);
		for (size_t i = 0; i < some; i++)
			redis_command_key(&words, redis, items[i].kind,
					  items[i].key);
		redis_command_text(&words, "look");
		end = redis_run(redis, call, &words, some + 1, some, &reply);
		redis_command_done(&words);
		if (end != STORE_DONE)
			break;
		end = tell_held(redis, call, reply, items, some, each, context,
				&go_on);
		redis_reply_free(reply);
		items += some;
		count -= some;
	}
	return end;
}

static void read_held(const struct item *item, const struct held *held,
		      char value[GREYLIST_RECORD_SIZE + 1],
		      struct store_entry *ret_entry)
{
	size_t len = held->len < GREYLIST_RECORD_SIZE ? held->len
						      : GREYLIST_RECORD_SIZE;

	if (len > 0)
		memcpy(value, held->text, len);
	value[len] = '\0';
	*ret_entry = (struct store_entry){
		.kind = item->kind,
		.key = item->key,
		.value = value,
		.expires = held->expires,
	};
	store_entry_read(ret_entry);
}

/* --- one record ---------------------------------------------------------- */

struct showing {
	store_each *each;
	void *context;
	bool there;
};

static bool show_item(void *context, const struct item *item,
		      const struct held *held)
{
	struct showing *showing = context;
	char value[GREYLIST_RECORD_SIZE + 1];
	struct store_entry entry;

	if (held->text == NULL)
		return true;
	showing->there = true;
	read_held(item, held, value, &entry);
	return showing->each(showing->context, &entry);
}

enum store_end redis_show(struct store *store, enum store_kind kind,
			  const char *key, const struct greylist_time *now,
			  unsigned max_ms, store_each *each, void *context,
			  bool *ret_there)
{
	struct store_redis *redis = (struct store_redis *)store;
	struct redis_call call = redis_call_patient(now->wall, max_ms);
	struct showing showing = { .each = each, .context = context };
	struct item item = { .kind = kind, .key = key };
	enum store_end end;

	redis_enter(redis);
	end = look(redis, &call, &item, 1, show_item, &showing);
	redis_leave(redis);
	if (end == STORE_DONE)
		*ret_there = showing.there;
	return end;
}

/* --- all of them --------------------------------------------------------- */

struct listing {
	const struct store_filter *filter;
	const struct greylist_terms *terms;
	const struct greylist_time *now;
	uint64_t until_ms; /* then no other range is begun */
	unsigned left; /* entries to be told */
	bool enough; /* told, or `each` says so */
	store_each *each;
	void *context;

	/* where we are */
	uint64_t at, next; /* the range's ends */
	bool within; /* not at its beginning, but behind: */
	uint64_t place;
};

static bool read_cursor(const struct store_cursor *cursor,
			struct listing *listing)
{
	char again[sizeof(cursor->at)];
	int words = sscanf(cursor->at, "%" SCNu64 "/%" SCNu64 "/%" SCNx64,
			   &listing->at, &listing->next, &listing->place);

	if (cursor->at[0] == '\0')
		return true;
	listing->within = words == 3;
	if (words == 3)
		snprintf(again, sizeof(again),
			 "%" PRIu64 "/%" PRIu64 "/%016" PRIx64, listing->at,
			 listing->next, listing->place);
	else
		snprintf(again, sizeof(again), "%" PRIu64, listing->at);
	return words > 0 && strcmp(again, cursor->at) == 0;
}

static void write_cursor(const struct listing *listing,
			 struct store_cursor *cursor)
{
	if (listing->within)
		snprintf(cursor->at, sizeof(cursor->at),
			 "%" PRIu64 "/%" PRIu64 "/%016" PRIx64, listing->at,
			 listing->next, listing->place);
	else
		snprintf(cursor->at, sizeof(cursor->at), "%" PRIu64,
			 listing->at);
}

static bool wants(const struct store_filter *filter, enum store_kind kind)
{
	return filter->kinds == 0 || (filter->kinds & (unsigned)kind);
}

/* Is it one of ours?  Its kind and key, then. */
static bool read_item(const struct store_redis *redis,
		      const struct redis_reply *word, struct item *ret_item)
{
	static const struct {
		const char *letter;
		enum store_kind kind;
	} kinds[] = {
		{ "t:", STORE_TRIPLET },
		{ "i:", STORE_IDENTITY },
		{ "o:", STORE_OUTBOUND },
	};
	size_t prefix = strlen(redis->prefix);

	if (word->len < prefix + 2 ||
	    memcmp(word->text, redis->prefix, prefix) != 0)
		return false;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		const char *key = word->text + prefix + 2;
		size_t len = word->len - prefix - 2;

		if (memcmp(key - 2, kinds[i].letter, 2) != 0 ||
		    !store_key_valid(kinds[i].kind, key, len))
			continue;
		*ret_item = (struct item){
			.kind = kinds[i].kind,
			.key = key,
			.place = hash_digest(word->text, word->len).word[0],
		};
		return true;
	}
	return false;
}

static int by_place(const void *a, const void *b)
{
	const struct item *one = a, *other = b;

	return (one->place > other->place) - (one->place < other->place);
}

/* What is wanted of a range, each once, in the order of places. */
static size_t read_items(const struct store_redis *redis,
			 const struct listing *listing,
			 const struct redis_reply *keys, struct item *items)
{
	size_t count = 0, kept = 0;

	for (size_t i = 0; i < keys->count; i++) {
		if (read_item(redis, keys->parts[i], &items[count]) &&
		    wants(listing->filter, items[count].kind) &&
		    (!listing->within || items[count].place > listing->place))
			count++;
	}
	qsort(items, count, sizeof(*items), by_place);
	for (size_t i = 0; i < count; i++) {
		if (i == 0 || items[i].place != items[i - 1].place)
			items[kept++] = items[i];
	}
	return kept;
}

static bool list_item(void *context, const struct item *item,
		      const struct held *held)
{
	struct listing *listing = context;
	char value[GREYLIST_RECORD_SIZE + 1];
	struct store_entry entry;

	if (held->text != NULL) {
		read_held(item, held, value, &entry);
		if (store_matches(listing->filter, &entry, listing->terms,
				  listing->now)) {
			listing->left--;
			listing->enough =
				!listing->each(listing->context, &entry) ||
				listing->left == 0;
		}
	}
	listing->within = true;
	listing->place = item->place;
	return !listing->enough;
}

/* "steelyard:*", with what is special in the prefix made plain. */
static void write_scan(const struct store_redis *redis,
		       const struct listing *listing,
		       struct redis_command *command)
{
	char pattern[2 * REDIS_PREFIX_MAX + 8], at[24], count[16];
	unsigned kinds = listing->filter->kinds;
	size_t len = 0;

	for (const char *c = redis->prefix; *c; c++) {
		if (strchr("*?[]^-\\", *c))
			pattern[len++] = '\\';
		pattern[len++] = *c;
	}
	strcpy(pattern + len, kinds == STORE_TRIPLET	? "t:*"
			      : kinds == STORE_IDENTITY ? "i:*"
			      : kinds == STORE_OUTBOUND ? "o:*"
							: "*");
	snprintf(at, sizeof(at), "%" PRIu64, listing->at);
	snprintf(count, sizeof(count), "%d", SCAN_COUNT);
	redis_command_say(command, "SCAN", at, "MATCH", pattern, "COUNT", count,
			  NULL);
}

/* Tells a range, or what is left of it; *ret_whole if to its end. */
static enum store_end list_range(struct store_redis *redis,
				 const struct redis_call *call,
				 struct listing *listing,
				 const struct redis_reply *reply,
				 bool *ret_whole)
{
	const struct redis_reply *keys;
	struct item *items;
	enum store_end end;
	uint64_t next;
	size_t count;

	if (!redis_reply_scan(reply, &next, &keys))
		return redis_blame(redis, call);
	if (next != listing->next)
		listing->within = false;
	listing->next = next;
	items = calloc(keys->count + 1, sizeof(*items));
	if (items == NULL)
		return STORE_BROKEN;
	count = read_items(redis, listing, keys, items);
	end = look(redis, call, items, count, list_item, listing);
	*ret_whole = count == 0 || (listing->within &&
				    listing->place == items[count - 1].place);
	free(items);
	return end;
}

static enum store_end list_some(struct store_redis *redis,
				const struct redis_call *call,
				struct listing *listing, bool *ret_more)
{
	enum store_end end;
	bool whole = false;

	do {
		struct redis_command command;
		struct redis_reply *reply;

		redis_command_init(&command);
		write_scan(redis, listing, &command);
		end = redis_ask(redis, call, &command, &reply);
		redis_command_done(&command);
		if (end != STORE_DONE)
			break;
		end = list_range(redis, call, listing, reply, &whole);
		redis_reply_free(reply);
		if (whole) {
			listing->at = listing->next;
			listing->within = false;
		}
		*ret_more = !whole || listing->at != 0;
	} while (end == STORE_DONE && *ret_more && whole && !listing->enough &&
		 redis_clock() < listing->until_ms);
	return end;
}

enum store_end redis_list(struct store *store,
			  const struct store_filter *filter,
			  const struct greylist_terms *terms,
			  const struct greylist_time *now, unsigned limit,
			  unsigned max_ms, struct store_cursor *cursor,
			  store_each *each, void *context, bool *ret_more)
{
	struct store_redis *redis = (struct store_redis *)store;
	struct redis_call call = redis_call_patient(now->wall, max_ms);
	struct listing listing = {
		.filter = filter,
		.terms = terms,
		.now = now,
		.until_ms = redis_clock() + max_ms,
		.left = limit,
		.each = each,
		.context = context,
	};
	enum store_end end;

	if (!read_cursor(cursor, &listing))
		return STORE_INVALID;
	redis_enter(redis);
	end = list_some(redis, &call, &listing, ret_more);
	redis_leave(redis);
	if (end == STORE_DONE)
		write_cursor(&listing, cursor);
	return end;
}

/* --- changing by hand ---------------------------------------------------- */

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
	struct item item;
	size_t order; /* in which it was brought */
	const struct store_entry *entry;
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
static bool merge_item(void *context, const struct item *item,
		       const struct held *held)
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
	read_held(item, held, value, &first->there);
	while (merging->next < merging->count) {
		const struct brought *each = &merging->brought[merging->next];
		const struct store_entry *best =
			first->best ? first->best : &first->there;

		if (!same_key(first, each))
			break;
		if (store_is_better(each->entry, best)) {
			first->best = each->entry;
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

static enum store_end merge_all(struct store_redis *redis,
				const struct redis_call *call,
				struct merging *merging, struct item *items)
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
		end = look(redis, call, items, count, merge_item, merging);
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
	struct item *items = calloc(count + 1, sizeof(*items));
	enum store_end end = STORE_BROKEN;

	merging.brought = calloc(count + 1, sizeof(*merging.brought));
	if (items == NULL || merging.brought == NULL)
		goto done;
	for (size_t i = 0; i < count; i++) {
		merging.brought[i].item.kind = entries[i].kind;
		merging.brought[i].item.key = entries[i].key;
		merging.brought[i].order = i;
		merging.brought[i].entry = &entries[i];
	}
	qsort(merging.brought, count, sizeof(*merging.brought), by_key);
	redis_enter(redis);
	end = merge_all(redis, &call, &merging, items);
	redis_leave(redis);
	if (end == STORE_DONE)
		*ret_taken = merging.taken;
done:
	free(items);
	free(merging.brought);
	return end;
}
