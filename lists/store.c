/*
 * store.c - the front of every store: looks at what comes in before an engine
 * sees it, counts what goes out, and does what no engine need do by itself.
 */
#include "lists/store.h"

#include <stdlib.h>
#include <string.h>

static const char *const end_names[] = {
	[STORE_DONE] = "done",	     [STORE_LATE] = "late",
	[STORE_FULL] = "full",	     [STORE_AWAY] = "away",
	[STORE_BROKEN] = "broken",   [STORE_NEWER] = "newer",
	[STORE_INVALID] = "invalid", [STORE_STOPPED] = "stopped",
};

const char *store_end_name(enum store_end end)
{
	return end_names[end];
}

/* --- numbers ------------------------------------------------------------- */

void store_init(struct store *store, const struct store_engine *engine)
{
	store->engine = engine;
	for (size_t i = 0; i <= GREYLIST_TRAPPED; i++)
		atomic_init(&store->answers[i], 0);
	for (size_t i = 0; i <= STORE_STOPPED; i++)
		atomic_init(&store->ends[i], 0);
	for (size_t i = 0; i < STORE_WAITS; i++)
		atomic_init(&store->waits[i], 0);
}

static void count(atomic_uint_least64_t *number)
{
	atomic_fetch_add_explicit(number, 1, memory_order_relaxed);
}

static enum store_end count_end(struct store *store, enum store_end end)
{
	count(&store->ends[end]);
	return end;
}

static size_t wait_slot(int64_t waited)
{
	size_t slot = 0;

	while (slot + 1 < STORE_WAITS && waited > (int64_t)1 << slot)
		slot++;
	return slot;
}

static void copy_counts(uint64_t *to, atomic_uint_least64_t *from, size_t count)
{
	for (size_t i = 0; i < count; i++)
		to[i] = atomic_load_explicit(&from[i], memory_order_relaxed);
}

void store_stats(struct store *store, struct store_stats *ret_stats)
{
	memset(ret_stats, 0, sizeof(*ret_stats));
	store->engine->stats(store, ret_stats);
	copy_counts(ret_stats->answers, store->answers, GREYLIST_TRAPPED + 1);
	copy_counts(ret_stats->ends, store->ends, STORE_STOPPED + 1);
	copy_counts(ret_stats->waits, store->waits, STORE_WAITS);
	if (ret_stats->back_since == 0)
		ret_stats->came_back = ret_stats->answers[GREYLIST_WAITED];
}

/* --- what can be one ----------------------------------------------------- */

static bool is_key(enum store_kind kind, const char *key)
{
	return key && store_key_valid(kind, key, strlen(key));
}

static bool is_visit(const struct store_visit *visit)
{
	struct triplet_parts parts;

	if (!visit->triplet || !visit->identity || !visit->sender ||
	    !triplet_parse(visit->triplet, strlen(visit->triplet), &parts))
		return false;
	if (strlen(visit->identity) != parts.identity_len ||
	    memcmp(visit->identity, parts.identity, parts.identity_len) != 0)
		return false;
	return strcmp(visit->sender, "<>") == 0 ||
	       is_key(STORE_OUTBOUND, visit->sender);
}

static bool is_pattern(const char *pattern)
{
	size_t len = 0;

	if (!pattern)
		return true;
	for (; pattern[len] != '\0' && len <= TRIPLET_KEY_MAX; len++)
		if (pattern[len] <= ' ' || pattern[len] >= 0x7f ||
		    (pattern[len] >= 'A' && pattern[len] <= 'Z'))
			return false;
	return len > 0 && len <= TRIPLET_KEY_MAX;
}

static bool is_mark(enum greylist_mark mark)
{
	return (unsigned)mark <= GREYLIST_BLOCK;
}

static bool is_filter(const struct store_filter *filter)
{
	return (filter->kinds & ~(unsigned)STORE_ALL) == 0 &&
	       (unsigned)filter->state <= GREYLIST_PASSED &&
	       is_mark(filter->mark) && is_pattern(filter->identity) &&
	       is_pattern(filter->sender) && is_pattern(filter->recipient) &&
	       filter->seen_after >= 0 && filter->seen_before >= 0;
}

/* It comes back from a client: whether it is one of its own an engine tells. */
static bool is_cursor(const struct store_cursor *cursor)
{
	const char *end = memchr(cursor->at, '\0', sizeof(cursor->at));

	if (!end)
		return false;
	for (const char *c = cursor->at; c < end; c++)
		if (*c < ' ' || *c >= 0x7f)
			return false;
	return true;
}

static unsigned page_of(unsigned limit)
{
	return limit == 0 || limit > STORE_PAGE_MAX ? STORE_PAGE_MAX : limit;
}

/* --- visits -------------------------------------------------------------- */

enum store_end store_visit(struct store *store, const struct store_visit *visit,
			   struct greylist_result *ret_result)
{
	enum store_end end = STORE_INVALID;
	struct greylist_result result = { 0 };

	if (is_visit(visit))
		end = store->engine->visit(store, visit, &result);
	if (end != STORE_DONE)
		result = (struct greylist_result){ 0 };
	count(&store->answers[result.why]);
	if (result.why == GREYLIST_WAITED)
		count(&store->waits[wait_slot(result.waited)]);
	*ret_result = result;
	return count_end(store, end);
}

/* The engine may learn the time in the call, so it is asked for within. */
struct change {
	struct store *store;
	const struct greylist_time *now;
	int64_t span;
	enum greylist_mark mark;
};

static bool convict(void *context, struct greylist_identity *identity)
{
	const struct change *change = context;
	struct greylist_time now = store_time(change->store, change->now);

	return greylist_convict(identity, &now, change->span);
}

static bool set_mark(void *context, struct greylist_identity *identity)
{
	const struct change *change = context;
	struct greylist_time now = store_time(change->store, change->now);

	greylist_set_mark(identity, change->mark, &now, change->span);
	return true;
}

enum store_end store_convict(struct store *store, const char *identity,
			     const struct greylist_terms *terms,
			     const struct greylist_time *now, int64_t span,
			     unsigned max_ms, bool *ret_done)
{
	struct change change = { .store = store, .now = now, .span = span };
	enum store_end end = STORE_INVALID;
	bool done = false;

	if (is_key(STORE_IDENTITY, identity))
		end = store->engine->change(store, identity, convict, &change,
					    terms, now, max_ms, &done);
	*ret_done = end == STORE_DONE && done;
	return count_end(store, end);
}

enum store_end store_set_mark(struct store *store, const char *identity,
			      enum greylist_mark mark,
			      const struct greylist_terms *terms,
			      const struct greylist_time *now, int64_t span,
			      unsigned max_ms)
{
	struct change change = {
		.store = store, .now = now, .span = span, .mark = mark
	};
	enum store_end end = STORE_INVALID;
	bool done;

	if (is_key(STORE_IDENTITY, identity) && is_mark(mark))
		end = store->engine->change(store, identity, set_mark, &change,
					    terms, now, max_ms, &done);
	return count_end(store, end);
}

enum store_end store_write_to(struct store *store, const char *address,
			      const struct greylist_terms *terms,
			      const struct greylist_time *now, unsigned max_ms)
{
	enum store_end end = STORE_INVALID;

	if (is_key(STORE_OUTBOUND, address))
		end = store->engine->write_to(store, address, terms, now,
					      max_ms);
	return count_end(store, end);
}

/* --- looking ------------------------------------------------------------- */

static const struct store_filter no_filter;

/* The cursor moves and there is more only if all went well. */
static enum store_end list_page(struct store *store,
				const struct store_filter *filter,
				const struct greylist_terms *terms,
				const struct greylist_time *now, unsigned limit,
				unsigned max_ms, struct store_cursor *cursor,
				store_each *each, void *context, bool *ret_more)
{
	if (!filter)
		filter = &no_filter;
	if (!is_filter(filter) || !is_cursor(cursor))
		return STORE_INVALID;
	return store->engine->list(store, filter, terms, now, page_of(limit),
				   max_ms, cursor, each, context, ret_more);
}

enum store_end store_list(struct store *store,
			  const struct store_filter *filter,
			  const struct greylist_terms *terms,
			  const struct greylist_time *now, unsigned limit,
			  unsigned max_ms, struct store_cursor *cursor,
			  store_each *each, void *context, bool *ret_more)
{
	struct store_cursor at = *cursor;
	bool more = false;
	enum store_end end = list_page(store, filter, terms, now, limit, max_ms,
				       &at, each, context, &more);

	if (end == STORE_DONE) {
		*cursor = at;
		*ret_more = more;
	}
	return count_end(store, end);
}

enum store_end store_show(struct store *store, enum store_kind kind,
			  const char *key, const struct greylist_time *now,
			  unsigned max_ms, store_each *each, void *context,
			  bool *ret_there)
{
	enum store_end end = STORE_INVALID;
	bool there = false;

	if (is_key(kind, key))
		end = store->engine->show(store, kind, key, now, max_ms, each,
					  context, &there);
	if (end == STORE_DONE)
		*ret_there = there;
	return count_end(store, end);
}

/* --- changing by hand ---------------------------------------------------- */

/* The keys of a page, which must not be deleted while it is being read. */
struct page {
	char (*keys)[TRIPLET_KEY_SIZE]; /* NULL: they are only counted */
	enum store_kind *kinds;
	const char **chosen; /* room for the keys of one kind */
	size_t count, room;
};

static bool note_key(void *context, const struct store_entry *entry)
{
	struct page *page = context;
	size_t len = strlen(entry->key);

	if (page->count == page->room || len >= TRIPLET_KEY_SIZE)
		return page->count < page->room;
	if (page->keys) {
		memcpy(page->keys[page->count], entry->key, len + 1);
		page->kinds[page->count] = entry->kind;
	}
	page->count++;
	return page->count < page->room;
}

static bool page_init(struct page *page, size_t room, bool only_counts)
{
	*page = (struct page){ .room = room };
	if (only_counts)
		return true;
	page->keys = calloc(room, sizeof(*page->keys));
	page->kinds = calloc(room, sizeof(*page->kinds));
	page->chosen = calloc(room, sizeof(*page->chosen));
	return page->keys && page->kinds && page->chosen;
}

static void page_done(struct page *page)
{
	free(page->keys);
	free(page->kinds);
	free(page->chosen);
}

static enum store_end drop_page(struct store *store, const struct page *page)
{
	static const enum store_kind kinds[] = { STORE_TRIPLET, STORE_IDENTITY,
						 STORE_OUTBOUND };
	enum store_end end = STORE_DONE;

	if (!page->keys)
		return end;
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		size_t chosen = 0;

		for (size_t i = 0; i < page->count; i++)
			if (page->kinds[i] == kinds[k])
				page->chosen[chosen++] = page->keys[i];
		if (end == STORE_DONE && chosen > 0)
			end = store->engine->drop(store, kinds[k], page->chosen,
						  chosen);
	}
	return end;
}

enum store_end store_forget(struct store *store,
			    const struct store_filter *filter,
			    const struct greylist_terms *terms,
			    const struct greylist_time *now, bool dry_run,
			    unsigned limit, unsigned max_ms,
			    struct store_cursor *cursor, uint64_t *ret_count,
			    bool *ret_more)
{
	struct store_cursor at = *cursor;
	enum store_end end = STORE_BROKEN;
	struct page page;
	bool more = false;

	if (page_init(&page, page_of(limit), dry_run))
		end = list_page(store, filter, terms, now, limit, max_ms, &at,
				note_key, &page, &more);
	if (end == STORE_DONE)
		end = drop_page(store, &page);
	if (end == STORE_DONE) {
		*cursor = at;
		*ret_count = page.count;
		*ret_more = more;
	}
	page_done(&page);
	return count_end(store, end);
}

/* How long the terms need it, from now. */
static int64_t needed(const struct store_entry *entry,
		      const struct greylist_terms *terms,
		      const struct greylist_time *now)
{
	switch (entry->kind) {
	case STORE_TRIPLET:
		return greylist_triplet_left(&entry->triplet, terms, now);
	case STORE_IDENTITY:
		return greylist_identity_left(&entry->identity, terms, now);
	case STORE_OUTBOUND:
		return greylist_outbound_left(&entry->outbound, terms, now);
	case STORE_ALL: break;
	}
	return 0;
}

/* False if there is no reason to keep it. */
static bool set_expiry(struct store_entry *entry,
		       const struct greylist_terms *terms,
		       const struct greylist_time *now)
{
	int64_t left = needed(entry, terms, now);
	int64_t given = entry->expires;

	if (left == GREYLIST_FOR_EVER) {
		entry->expires = left;
		return true;
	}
	/* for ever is an admin's word alone, which the value says */
	if (given > now->wall + GREYLIST_SPAN_MAX)
		given = 0;
	entry->expires = now->wall + left;
	if (entry->expires < given)
		entry->expires = given;
	return entry->expires > now->wall;
}

static bool read_entry(struct store_entry *entry)
{
	return is_key(entry->kind, entry->key) && entry->value &&
	       store_entry_read(entry);
}

/* Those that are worth it to `kept`, which has room for all. */
static enum store_end choose(const struct store_entry *entries, size_t count,
			     const struct greylist_terms *terms,
			     const struct greylist_time *now,
			     struct store_entry *kept, size_t *ret_kept,
			     size_t *ret_bad)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		kept[n] = entries[i];
		if (!read_entry(&kept[n])) {
			*ret_bad = i;
			return STORE_INVALID;
		}
		if (set_expiry(&kept[n], terms, now))
			n++;
	}
	*ret_kept = n;
	return STORE_DONE;
}

enum store_end store_import(struct store *store,
			    const struct store_entry *entries, size_t count,
			    const struct greylist_terms *terms,
			    const struct greylist_time *now,
			    uint64_t *ret_taken, size_t *ret_bad)
{
	const struct greylist_time time = store_time(store, now);
	struct store_entry *kept = NULL;
	enum store_end end;
	uint64_t taken = 0;
	size_t n = 0;

	if (count > STORE_PAGE_MAX) {
		*ret_bad = STORE_PAGE_MAX;
		return count_end(store, STORE_INVALID);
	}
	kept = calloc(count + 1, sizeof(*kept));
	if (!kept)
		return count_end(store, STORE_BROKEN);
	end = choose(entries, count, terms, &time, kept, &n, ret_bad);
	if (end == STORE_DONE && n > 0)
		end = store->engine->merge(store, kept, n, now, &taken);
	if (end == STORE_DONE)
		*ret_taken = taken;
	free(kept);
	return count_end(store, end);
}

/* --- its life ------------------------------------------------------------ */

struct greylist_time store_time(struct store *store,
				const struct greylist_time *now)
{
	return store->engine->time ? store->engine->time(store, now) : *now;
}

uint64_t store_sweep(struct store *store, const struct greylist_time *now,
		     unsigned limit)
{
	return limit > 0 ? store->engine->sweep(store, now, limit) : 0;
}

void store_close(struct store *store)
{
	if (store)
		store->engine->close(store);
}
