/*
 * store_lmdb_sweep.c - what expires, and what has to go for want of room.
 *
 * Both walk the index from its begin.  Each entry that is due either leaves,
 * with its record, or moves to where its record expires; so a sweep costs what
 * is due, and nothing is looked at twice.
 */
#include "lists/store_lmdb_private.h"

#include <string.h>

enum {
	SWEEP_SLICE = 500, /* records, in one transaction */
	PRUNE_LOOK = 4, /* times as many are looked at as may go */
	PRUNE_FULL = 80, /* percent: from here on it is not left to inserts */
	PRUNE_STEP = 5, /* percent above the border: one goes, one comes */
};

/* What an entry of the index has led to. */
enum found {
	FOUND_NOTHING, /* the entry is stale */
	FOUND_LATER, /* its record expires later */
	FOUND_DUE,
};

static int find(struct lmdb_txn *txn, const struct lmdb_date *date,
		const struct greylist_time *now, struct lmdb_record *record,
		enum found *ret_found)
{
	int error = lmdb_get(txn, date->kind, date->key, now, record);

	if (error)
		return error;
	*ret_found = FOUND_DUE;
	if (!record->is_there || record->indexed != date->second)
		*ret_found = FOUND_NOTHING;
	else if (record->entry.expires > now->wall &&
		 record->entry.expires > date->second)
		*ret_found = FOUND_LATER;
	return 0;
}

/* The first entry of the index at or behind `from`; MDB_NOTFOUND. */
static int first_date(struct lmdb_txn *txn, MDB_val *from)
{
	MDB_cursor *cursor;
	MDB_val value;
	int error =
		mdb_cursor_open(txn->txn, txn->s->dbi[LMDB_EXPIRY], &cursor);

	if (error)
		return error;
	error = mdb_cursor_get(cursor, from, &value,
			       from->mv_size > 0 ? MDB_SET_RANGE : MDB_FIRST);
	mdb_cursor_close(cursor);
	return error;
}

/* With a record that has lost its dates, and would never expire. */
static int drop_stale(struct lmdb_txn *txn, MDB_val *key,
		      const struct lmdb_record *record)
{
	int error = lmdb_drop_date(txn, key);

	if (!error && record->is_there && !record->is_dated &&
	    record->entry.reading == GREYLIST_JUNK)
		error = lmdb_delete(txn, record);
	return error;
}

/* --- sweeping ------------------------------------------------------------ */

struct sweep_args {
	const struct greylist_time *now;
	uint64_t limit;
	uint64_t swept;
	bool is_over; /* nothing else is due */
};

static int expire(struct lmdb_batch *batch, struct lmdb_record *record)
{
	const struct greylist_triplet *triplet = &record->entry.triplet;

	batch->counts.expired++;
	if (record->entry.kind == STORE_TRIPLET &&
	    record->entry.reading == GREYLIST_READ &&
	    triplet->state == GREYLIST_WAITING) {
		batch->counts.never_back += triplet->count <= 1;
		batch->counts.came_back += triplet->count > 1;
	}
	return lmdb_delete(&batch->txn, record);
}

static int sweep_one(struct lmdb_batch *batch, struct sweep_args *asked)
{
	struct lmdb_record record;
	struct lmdb_date date;
	MDB_val key = { 0 };
	enum found found;
	int error = first_date(&batch->txn, &key);

	if (error == MDB_NOTFOUND) {
		asked->is_over = true;
		return 0;
	}
	if (error)
		return error;
	if (!lmdb_date_read(&key, &date)) {
		batch->changed++;
		return lmdb_drop_date(&batch->txn, &key); /* none of ours */
	}
	if (date.second > asked->now->wall) {
		asked->is_over = true;
		return 0;
	}
	error = find(&batch->txn, &date, asked->now, &record, &found);
	if (error)
		return error;
	batch->changed++;
	switch (found) {
	case FOUND_NOTHING: return drop_stale(&batch->txn, &key, &record);
	case FOUND_LATER: return lmdb_move(&batch->txn, &record);
	case FOUND_DUE: break;
	}
	asked->swept++;
	return expire(batch, &record);
}

static int run_sweep(struct lmdb_batch *batch, void *args,
		     enum store_end *ret_end)
{
	struct sweep_args *asked = args;
	size_t most = lmdb_batch_max(batch->txn.s);
	int64_t until = lmdb_clock_ms() + LMDB_LOOK_MS;
	int error = 0;

	(void)ret_end;
	asked->swept = 0;
	asked->is_over = false;
	batch->now = *asked->now;
	batch->has_now = true;
	if (most > SWEEP_SLICE)
		most = SWEEP_SLICE;
	for (size_t i = 0; i < most && !error && !asked->is_over; i++) {
		if (asked->swept >= asked->limit)
			break;
		error = sweep_one(batch, asked);
		if (i % 16 == 15 && lmdb_clock_ms() >= until)
			break;
	}
	return error;
}

/* A clock that has jumped while we were away is given time to be set. */
static bool is_paused(struct store_lmdb *s, const struct greylist_time *now)
{
	bool paused;

	pthread_mutex_lock(&s->lock);
	if (s->is_paused &&
	    greylist_since(&s->paused, now, STORE_PAUSE) >= STORE_PAUSE)
		s->is_paused = false;
	paused = s->is_paused;
	pthread_mutex_unlock(&s->lock);
	return paused;
}

/* Most of the time nothing is due, and the writer need not hear of it. */
static bool is_due(struct store_lmdb *s, const struct greylist_time *now)
{
	struct lmdb_date date;
	struct lmdb_txn txn;
	MDB_val key = { 0 };
	bool due;

	if (!lmdb_may_glance(s, now, 0, NULL))
		return true; /* who knows */
	if (lmdb_read(s, &txn) != 0)
		return false;
	due = first_date(&txn, &key) == 0 &&
	      (!lmdb_date_read(&key, &date) || date.second <= now->wall);
	lmdb_abort(&txn);
	return due;
}

uint64_t lmdb_sweep(struct store *store, const struct greylist_time *now,
		    unsigned limit)
{
	struct store_lmdb *s = (struct store_lmdb *)store;
	struct sweep_args args = { .now = now };
	const struct lmdb_work work = {
		.run = run_sweep, .args = &args, .frees = true, .is_long = true
	};
	uint64_t swept = 0;

	if (is_paused(s, now) || !is_due(s, now))
		return 0;
	while (swept < limit && !args.is_over) {
		args.limit = limit - swept;
		if (lmdb_do(s, &work, false, 0) != STORE_DONE)
			break;
		swept += args.swept;
	}
	return swept;
}

/* --- pruning ------------------------------------------------------------- */

/*
 * At the border nothing goes, PRUNE_STEP above it as much as comes, and more
 * beyond: so a flood settles a little above the border, and drops its own
 * oldest.  Near the end some goes even if nothing comes.
 */
static size_t prune_count(const struct lmdb_batch *batch)
{
	uint64_t share = batch->room.share, over;
	size_t most = lmdb_batch_max(batch->txn.s);
	uint64_t count;

	if (share <= STORE_PRUNE_PERCENT || !batch->has_now)
		return 0;
	over = share - STORE_PRUNE_PERCENT;
	count = (batch->began * over + PRUNE_STEP - 1) / PRUNE_STEP;
	if (share >= PRUNE_FULL)
		count += most / 4 + 1;
	return count < most ? (size_t)count : most;
}

/* What an admin said, and convictions, are not given up. */
static bool may_go(const struct lmdb_record *record)
{
	const struct greylist_identity *identity = &record->entry.identity;

	return record->entry.kind != STORE_IDENTITY ||
	       (!identity->mark && identity->trapped_for == 0);
}

/* Steps behind a key: no key of ours has a NUL. */
static void step(MDB_val *key, unsigned char buf[LMDB_KEY_SIZE])
{
	size_t len = key->mv_size;

	memmove(buf, key->mv_data, len);
	buf[len] = '\0';
	key->mv_data = buf;
	key->mv_size = len + 1;
}

int lmdb_prune(struct lmdb_batch *batch)
{
	size_t count = prune_count(batch), looks = count * PRUNE_LOOK;
	const struct greylist_time *now = &batch->now;
	unsigned char buf[LMDB_KEY_SIZE];
	MDB_val key = { 0 };
	int error = 0;

	while (count > 0 && looks-- > 0 && !error) {
		struct lmdb_record record;
		struct lmdb_date date;
		enum found found;

		error = first_date(&batch->txn, &key);
		if (error || key.mv_size >= sizeof(buf))
			break;
		step(&key, buf);
		key.mv_size--;
		if (!lmdb_date_read(&key, &date)) {
			error = lmdb_drop_date(&batch->txn, &key);
			continue;
		}
		error = find(&batch->txn, &date, now, &record, &found);
		if (error)
			break;
		batch->changed++;
		if (found == FOUND_NOTHING) {
			error = drop_stale(&batch->txn, &key, &record);
		} else if (record.entry.expires > date.second) {
			error = lmdb_move(&batch->txn, &record);
		} else if (may_go(&record)) {
			error = lmdb_delete(&batch->txn, &record);
			batch->counts.pruned++;
			count--;
		} else {
			batch->changed--;
		}
		key.mv_size++; /* from here on */
	}
	return error == MDB_NOTFOUND ? 0 : error;
}
