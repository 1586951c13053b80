/*
 * store_lmdb_look.c - pages of records, single ones, and numbers.
 *
 * A page is read in slices: what matches is copied out of a read transaction,
 * which ends before anybody is shown it.  So a slow reader holds on to no old
 * pages, and writers go on.  A cursor is the kind's letter and the last key.
 */
#include "lists/store_lmdb_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lists/greylist_clock.h"

enum { SLICE_RECORDS = 32, SLICE_LOOKS = 2000 };

static const struct {
	enum store_kind kind;
	char letter;
} order[] = {
	{ STORE_TRIPLET, 't' },
	{ STORE_IDENTITY, 'i' },
	{ STORE_OUTBOUND, 'o' },
};

#define KINDS (sizeof(order) / sizeof(order[0]))

struct slice {
	struct lmdb_record records[SLICE_RECORDS];
	size_t count;
};

struct page {
	const struct store_filter *filter;
	const struct greylist_terms *terms;
	const struct greylist_time *now;
	unsigned kinds;
	size_t at; /* of order[] */
	char key[LMDB_KEY_SIZE]; /* the last one that was seen; "" */
	struct slice *slice;
};

/* --- pages --------------------------------------------------------------- */

static bool cursor_read(const struct store_cursor *cursor, struct page *page)
{
	size_t len = strlen(cursor->at);

	page->at = 0;
	page->key[0] = '\0';
	if (len == 0)
		return true;
	for (size_t i = 0; i < KINDS; i++) {
		if (cursor->at[0] != order[i].letter)
			continue;
		if (cursor->at[1] != ' ' || len - 2 >= sizeof(page->key))
			return false;
		page->at = i;
		memcpy(page->key, cursor->at + 2, len - 1);
		return true;
	}
	return false;
}

static void cursor_write(const struct page *page, struct store_cursor *cursor)
{
	snprintf(cursor->at, sizeof(cursor->at), "%c %.*s",
		 order[page->at].letter, TRIPLET_KEY_MAX, page->key);
}

static void note_key(struct page *page, const MDB_val *key)
{
	size_t len =
		key->mv_size < LMDB_KEY_SIZE ? key->mv_size : LMDB_KEY_SIZE - 1;

	memcpy(page->key, key->mv_data, len);
	page->key[len] = '\0';
}

/* Goes on behind the last key; MDB_NOTFOUND at the kind's end. */
static int seek(MDB_cursor *cursor, struct page *page, MDB_val *key,
		MDB_val *value)
{
	size_t len = strlen(page->key);
	int error;

	*key = (MDB_val){ len, page->key };
	if (len == 0)
		return mdb_cursor_get(cursor, key, value, MDB_FIRST);
	error = mdb_cursor_get(cursor, key, value, MDB_SET_RANGE);
	if (!error && key->mv_size == len &&
	    memcmp(key->mv_data, page->key, len) == 0)
		error = mdb_cursor_get(cursor, key, value, MDB_NEXT);
	return error;
}

/* A key that is none of ours is passed over. */
static bool look(struct page *page, const MDB_val *key, const MDB_val *value)
{
	struct lmdb_record *record = &page->slice->records[page->slice->count];
	enum store_kind kind = order[page->at].kind;

	return store_key_valid(kind, key->mv_data, key->mv_size) &&
	       lmdb_record_read(kind, key, value, page->now, record) &&
	       store_matches(page->filter, &record->entry, page->terms,
			     page->now);
}

/* Fills the slice from one kind.  *ret_ended: there is no more of it. */
static int read_slice(struct store_lmdb *s, struct page *page, unsigned most,
		      bool *ret_ended)
{
	enum lmdb_db db = lmdb_db_of(order[page->at].kind);
	int64_t until = lmdb_clock_ms() + LMDB_LOOK_MS;
	MDB_cursor *cursor = NULL;
	struct lmdb_txn txn;
	MDB_val key, value;
	int error = lmdb_read(s, &txn);

	page->slice->count = 0;
	if (error)
		return error;
	error = mdb_cursor_open(txn.txn, s->dbi[db], &cursor);
	if (!error)
		error = seek(cursor, page, &key, &value);
	for (size_t i = 0; !error && i < SLICE_LOOKS; i++) {
		note_key(page, &key);
		if (look(page, &key, &value))
			page->slice->count++;
		if (page->slice->count == most ||
		    (i % 16 == 15 && lmdb_clock_ms() >= until))
			break;
		error = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
	}
	if (cursor)
		mdb_cursor_close(cursor);
	lmdb_abort(&txn);
	*ret_ended = error == MDB_NOTFOUND;
	return error == MDB_NOTFOUND ? 0 : error;
}

/* True if the next one may be shown, too. */
static bool show_slice(struct page *page, store_each *each, void *context,
		       unsigned *left)
{
	for (size_t i = 0; i < page->slice->count; i++) {
		struct lmdb_record *record = &page->slice->records[i];

		--*left;
		if (!each(context, &record->entry)) {
			/* a later page begins behind this one */
			memcpy(page->key, record->key, sizeof(page->key));
			return false;
		}
	}
	return *left > 0;
}

static void next_kind(struct page *page)
{
	page->at++;
	page->key[0] = '\0';
}

static enum store_end list(struct store_lmdb *s, struct page *page,
			   unsigned limit, int64_t until, store_each *each,
			   void *context)
{
	bool goes_on = true, ended = false;

	while (goes_on && page->at < KINDS) {
		unsigned most = limit < SLICE_RECORDS ? limit : SLICE_RECORDS;
		int error;

		if (!(page->kinds & order[page->at].kind)) {
			next_kind(page);
			continue;
		}
		error = read_slice(s, page, most, &ended);
		if (error)
			return lmdb_end(s, error);
		goes_on = show_slice(page, each, context, &limit) &&
			  lmdb_clock_ms() < until;
		/* what ends exactly there is found to have ended later */
		if (ended && goes_on)
			next_kind(page);
	}
	return STORE_DONE;
}

enum store_end lmdb_list(struct store *store, const struct store_filter *filter,
			 const struct greylist_terms *terms,
			 const struct greylist_time *now, unsigned limit,
			 unsigned max_ms, struct store_cursor *cursor,
			 store_each *each, void *context, bool *ret_more)
{
	struct page page = {
		.filter = filter,
		.terms = terms,
		.now = now,
		.kinds = filter->kinds ? filter->kinds : STORE_ALL,
		.slice = malloc(sizeof(*page.slice)),
	};
	int64_t until = lmdb_clock_ms() + max_ms;
	enum store_end end = STORE_INVALID;

	if (!page.slice)
		return STORE_BROKEN;
	if (cursor_read(cursor, &page))
		end = list((struct store_lmdb *)store, &page, limit, until,
			   each, context);
	if (end == STORE_DONE) {
		*ret_more = page.at < KINDS;
		cursor->at[0] = '\0';
		if (*ret_more)
			cursor_write(&page, cursor);
	}
	free(page.slice);
	return end;
}

enum store_end lmdb_show(struct store *store, enum store_kind kind,
			 const char *key, const struct greylist_time *now,
			 unsigned max_ms, store_each *each, void *context,
			 bool *ret_there)
{
	struct store_lmdb *s = (struct store_lmdb *)store;
	struct lmdb_record record;
	struct lmdb_txn txn;
	int error = lmdb_read(s, &txn);

	(void)max_ms;
	if (!error) {
		error = lmdb_get(&txn, kind, key, now, &record);
		lmdb_abort(&txn);
	}
	if (error)
		return lmdb_end(s, error);
	*ret_there = record.is_there;
	if (record.is_there)
		each(context, &record.entry);
	return STORE_DONE;
}

/* --- numbers ------------------------------------------------------------- */

/* The store is locked. */
static enum store_health health(struct store_lmdb *s)
{
	if (atomic_load(&s->is_bad))
		return STORE_SILENT;
	if (s->disk_full || s->share >= STORE_STOP_PERCENT)
		return STORE_STOPPED_INSERTING;
	if (s->is_young)
		return STORE_YOUNG;
	return s->share > STORE_PRUNE_PERCENT ? STORE_CROWDED : STORE_WELL;
}

/* The store is locked. */
static void note_health(struct store_lmdb *s)
{
	enum store_health now = health(s);

	if (now == s->numbers.health && s->numbers.since != 0)
		return;
	s->numbers.health = now;
	s->numbers.since = greylist_now().wall;
}

void lmdb_count(struct lmdb_txn *txn)
{
	struct store_lmdb *s = txn->s;
	MDB_stat stats[LMDB_DATABASES];
	struct lmdb_room room;

	lmdb_measure(txn, stats);
	room = lmdb_room(txn, stats);
	if (txn->is_write) {
		memcpy(s->counted, stats, sizeof(stats));
		s->counted_id = mdb_txn_id(txn->txn);
	}
	pthread_mutex_lock(&s->lock);
	s->numbers.triplets = stats[LMDB_TRIPLET].ms_entries;
	s->numbers.identities = stats[LMDB_IDENTITY].ms_entries;
	s->numbers.outbound = stats[LMDB_OUTBOUND].ms_entries;
	s->numbers.bytes_used = room.used;
	s->numbers.bytes_room = s->room;
	s->share = room.share;
	note_health(s);
	pthread_mutex_unlock(&s->lock);
}

/* What only looks has no writer that counts. */
static void count_anew(struct store_lmdb *s)
{
	struct lmdb_txn txn;

	if (lmdb_read(s, &txn) != 0)
		return;
	lmdb_count(&txn);
	lmdb_abort(&txn);
}

void lmdb_stats(struct store *store, struct store_stats *ret_stats)
{
	struct store_lmdb *s = (struct store_lmdb *)store;

	if (s->read_only)
		count_anew(s);
	pthread_mutex_lock(&s->lock);
	note_health(s);
	*ret_stats = s->numbers;
	ret_stats->never_back = s->back.never + s->back_more.never;
	ret_stats->came_back = s->back.came + s->back_more.came;
	ret_stats->back_since = s->back.since;
	pthread_mutex_unlock(&s->lock);
}
