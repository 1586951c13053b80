/*
 * store_redis_look.c - what is in the shared store: one by one, or all of it.
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

#include "lists/hash.h"

enum {
	SCAN_COUNT = 256, /* keys in a range, about */
	LOOK_MAX = 512, /* keys at once */
};

/* --- looking at keys ----------------------------------------------------- */

static enum store_end tell_held(struct store_redis *redis,
				const struct redis_call *call,
				const struct redis_reply *reply,
				const struct redis_item *items, size_t count,
				redis_item_each *each, void *context,
				bool *ret_go_on)
{
	for (size_t i = 0; i < count && *ret_go_on; i++) {
		struct redis_held held;

		if (!redis_reply_look(reply, count, i, call->wall, &held.text,
				      &held.len, &held.expires))
			return redis_blame(redis, call);
		*ret_go_on = each(context, &items[i], &held);
	}
	return STORE_DONE;
}

enum store_end redis_look(struct store_redis *redis,
			  const struct redis_call *call,
			  const struct redis_item *items, size_t count,
			  redis_item_each *each, void *context)
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

void redis_held_read(const struct redis_item *item,
		     const struct redis_held *held,
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

static bool show_item(void *context, const struct redis_item *item,
		      const struct redis_held *held)
{
	struct showing *showing = context;
	char value[GREYLIST_RECORD_SIZE + 1];
	struct store_entry entry;

	if (held->text == NULL)
		return true;
	showing->there = true;
	redis_held_read(item, held, value, &entry);
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
	struct redis_item item = { .kind = kind, .key = key };
	struct greylist_time time;
	enum store_end end;

	redis_enter(redis);
	end = redis_share_time(redis, &call, now, &time);
	if (end == STORE_DONE)
		end = redis_look(redis, &call, &item, 1, show_item, &showing);
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
		      const struct redis_reply *word,
		      struct redis_item *ret_item)
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
		*ret_item = (struct redis_item){
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
	const struct redis_item *one = a, *other = b;

	return (one->place > other->place) - (one->place < other->place);
}

/* What is wanted of a range, each once, in the order of places. */
static size_t read_items(const struct store_redis *redis,
			 const struct listing *listing,
			 const struct redis_reply *keys,
			 struct redis_item *items)
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

static bool list_item(void *context, const struct redis_item *item,
		      const struct redis_held *held)
{
	struct listing *listing = context;
	char value[GREYLIST_RECORD_SIZE + 1];
	struct store_entry entry;

	if (held->text != NULL) {
		redis_held_read(item, held, value, &entry);
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
	struct redis_item *items;
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
	end = redis_look(redis, call, items, count, list_item, listing);
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
	struct greylist_time time;
	struct listing listing = {
		.filter = filter,
		.terms = terms,
		.now = &time,
		.until_ms = redis_clock() + max_ms,
		.left = limit,
		.each = each,
		.context = context,
	};
	enum store_end end;

	if (!read_cursor(cursor, &listing))
		return STORE_INVALID;
	redis_enter(redis);
	end = redis_share_time(redis, &call, now, &time);
	if (end == STORE_DONE)
		end = list_some(redis, &call, &listing, ret_more);
	redis_leave(redis);
	if (end == STORE_DONE)
		write_cursor(&listing, cursor);
	return end;
}
