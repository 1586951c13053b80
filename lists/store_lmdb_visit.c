/*
 * store_lmdb_visit.c - visits, and all else that changes a record.
 *
 * A visit is judged twice at most.  First at a glance, in the caller's thread
 * and on what is committed.  If nothing need last, that is the answer: whoever
 * writes meanwhile has not been answered yet, so it might have come after.
 * What is to be noted of it, a use or a try, is left to the writer, which
 * judges it once more on what it finds by then, and drops the note if that has
 * become another story.  Everything else is judged by who has the pen alone,
 * within his transaction: no two visits judge on one state and both write. What
 * was judged at a glance need not be judged again there if none of its records
 * has changed since, see lmdb_is_unchanged().
 *
 * A glance must not miss notes that are not committed yet, as they may put off
 * an expiry.  Where these are of about the same time, as they are unless a
 * clock is turned or time is made by a test, they change no answer (but for who
 * falls silent in that very moment); else the visit goes to the writer, where
 * it comes after them.  An address that one of ours is writing to is always
 * left to it.
 */
#include "lists/store_lmdb_private.h"

#include <stdlib.h>
#include <string.h>

struct visit_records {
	struct lmdb_record triplet, identity, outbound;
};

/* --- judging ------------------------------------------------------------- */

static void count_reading(struct store_stats *counts,
			  const struct lmdb_record *record)
{
	if (!record->is_there)
		return;
	counts->foreign += record->entry.reading == GREYLIST_JUNK;
	counts->newer += record->entry.reading == GREYLIST_NEWER;
}

static void count_readings(struct store_stats *counts,
			   const struct visit_records *records)
{
	count_reading(counts, &records->triplet);
	count_reading(counts, &records->identity);
	count_reading(counts, &records->outbound);
}

static bool is_newer(const struct lmdb_record *record)
{
	return record->is_there && record->entry.reading == GREYLIST_NEWER;
}

/*
 * Reads and judges; what shall be written is in the records then.  *ret_end is
 * STORE_NEWER, and nothing judged, where a record is.
 */
static int judge(struct lmdb_txn *txn, const struct store_visit *visit,
		 struct visit_records *records,
		 struct greylist_result *ret_result, enum store_end *ret_end)
{
	const struct greylist_time *now = &visit->now;
	struct greylist_records judged;
	int error = lmdb_get(txn, STORE_TRIPLET, visit->triplet, now,
			     &records->triplet);

	if (!error)
		error = lmdb_get(txn, STORE_IDENTITY, visit->identity, now,
				 &records->identity);
	if (!error)
		error = lmdb_get(txn, STORE_OUTBOUND, visit->sender, now,
				 &records->outbound);
	if (error)
		return error;
	if (is_newer(&records->triplet) || is_newer(&records->identity) ||
	    is_newer(&records->outbound)) {
		*ret_end = STORE_NEWER;
		return 0;
	}
	judged.triplet = records->triplet.entry.triplet;
	judged.identity = records->identity.entry.identity;
	judged.outbound = records->outbound.entry.outbound;
	greylist_visit(&visit->terms, now, &judged, ret_result);
	records->triplet.entry.triplet = judged.triplet;
	records->identity.entry.identity = judged.identity;
	*ret_end = STORE_DONE;
	return 0;
}

/* --- writing ------------------------------------------------------------- */

/* For strangers; and for all that is new, as what is left is for deletes. */
static bool is_stopped(const struct lmdb_batch *batch)
{
	return batch->room.share >= STORE_STOP_PERCENT;
}

static bool is_full(const struct lmdb_batch *batch,
		    const struct lmdb_record *record)
{
	return !record->is_there && batch->room.share >= 100;
}

static void note_time(struct lmdb_batch *batch, const struct greylist_time *now)
{
	batch->now = *now;
	batch->has_now = true;
}

static int put(struct lmdb_batch *batch, struct lmdb_record *record,
	       int64_t left, const struct greylist_time *now)
{
	batch->changed++;
	if (left == 0)
		return lmdb_delete(&batch->txn, record);
	batch->began += !record->is_there;
	return lmdb_put(&batch->txn, record,
			left == GREYLIST_FOR_EVER ? left : now->wall + left,
			now);
}

/* An empty file in a damaged one's place is young until nobody waits twice. */
static void grow_up(struct store_lmdb *s, const struct store_visit *visit)
{
	if (visit->terms.wait > s->young_for)
		s->young_for = visit->terms.wait;
	if (s->young_for > 0 &&
	    greylist_since(&s->begun, &visit->now, 0) >= s->young_for)
		s->is_young = false;
}

static void watch_youth(struct store_lmdb *s, const struct store_visit *visit)
{
	pthread_mutex_lock(&s->lock);
	if (s->is_young)
		grow_up(s, visit);
	pthread_mutex_unlock(&s->lock);
}

static int write_visit(struct lmdb_batch *batch,
		       const struct store_visit *visit,
		       struct visit_records *records,
		       const struct greylist_result *result)
{
	int error = 0;

	note_time(batch, &visit->now);
	batch->counts.came_back +=
		result->why == GREYLIST_WAITED && visit->terms.wait > 0;
	if (result->triplet_changed)
		error = put(batch, &records->triplet, result->triplet_left,
			    &visit->now);
	if (!error && result->identity_changed)
		error = put(batch, &records->identity, result->identity_left,
			    &visit->now);
	return error;
}

struct visit_args {
	const struct store_visit *visit;
	struct greylist_result *result;
	struct visit_records records;
	/* what they were judged from, at a glance: a transaction of a file */
	size_t judged_at; /* 0: they were not */
	unsigned judged_in;
};

/* Is what was judged at a glance what there is now? */
static bool is_judged(const struct lmdb_batch *batch,
		      const struct visit_args *asked)
{
	const struct visit_records *records = &asked->records;
	const struct lmdb_txn *txn = &batch->txn;
	size_t at = asked->judged_at;

	return at > 0 && txn->s->opened == asked->judged_in &&
	       lmdb_is_unchanged(txn, at, &records->triplet) &&
	       lmdb_is_unchanged(txn, at, &records->identity) &&
	       lmdb_is_unchanged(txn, at, &records->outbound);
}

static int run_visit(struct lmdb_batch *batch, void *args,
		     enum store_end *ret_end)
{
	struct visit_args *asked = args;
	struct visit_records *records = &asked->records;
	int error = 0;

	if (!is_judged(batch, asked))
		error = judge(&batch->txn, asked->visit, records, asked->result,
			      ret_end);
	asked->judged_at = 0;
	if (error)
		return error;
	count_readings(&batch->counts, records);
	if (*ret_end != STORE_DONE)
		return 0;
	note_time(batch, &asked->visit->now);
	if ((asked->result->triplet_changed && !records->triplet.is_there &&
	     is_stopped(batch)) ||
	    (asked->result->identity_changed &&
	     is_full(batch, &records->identity))) {
		*ret_end = STORE_FULL;
		return 0;
	}
	return write_visit(batch, asked->visit, records, asked->result);
}

/* --- notes --------------------------------------------------------------- */

/* A visit with copies of its keys. */
struct visit_note {
	struct store_visit visit;
	char triplet[TRIPLET_KEY_SIZE];
	char identity[TRIPLET_IDENTITY_SIZE];
	char sender[]; /* what a triplet's sender may be, or longer */
};

static int run_visit_note(struct lmdb_batch *batch, void *args,
			  enum store_end *ret_end)
{
	const struct visit_note *note = args;
	struct visit_records records;
	struct greylist_result result;
	int error =
		judge(&batch->txn, &note->visit, &records, &result, ret_end);

	if (error)
		return error;
	count_readings(&batch->counts, &records);
	if (*ret_end != STORE_DONE || result.must_last)
		return 0;
	return write_visit(batch, &note->visit, &records, &result);
}

static void note_visit(struct store_lmdb *s, const struct store_visit *visit)
{
	size_t len = strlen(visit->sender) + 1;
	struct visit_note *note = malloc(sizeof(*note) + len);
	const struct lmdb_work work = { .run = run_visit_note, .args = note };

	if (!note)
		return;
	note->visit = *visit;
	memcpy(note->triplet, visit->triplet, strlen(visit->triplet) + 1);
	memcpy(note->identity, visit->identity, strlen(visit->identity) + 1);
	memcpy(note->sender, visit->sender, len);
	note->visit.triplet = note->triplet;
	note->visit.identity = note->identity;
	note->visit.sender = note->sender;
	lmdb_do_later(s, &work, &visit->now, NULL);
}

/* --- visits -------------------------------------------------------------- */

static int64_t shortest(const struct greylist_terms *terms)
{
	return terms->window < terms->keep ? terms->window : terms->keep;
}

/* True if that is the answer. */
static bool glance(struct store_lmdb *s, struct visit_args *asked,
		   enum store_end *ret_end)
{
	const struct store_visit *visit = asked->visit;
	struct lmdb_txn txn;
	int error;

	if (!lmdb_may_glance(s, &visit->now, shortest(&visit->terms),
			     visit->sender) ||
	    lmdb_try_read(s, &txn) != 0)
		return false;
	error = judge(&txn, visit, &asked->records, asked->result, ret_end);
	asked->judged_at = error ? 0 : mdb_txn_id(txn.txn);
	asked->judged_in = s->opened;
	lmdb_abort(&txn);
	if (error)
		return false; /* the writer finds out what it means */
	if (*ret_end == STORE_NEWER) {
		asked->judged_at = 0;
		return false; /* and counts it */
	}
	if (asked->result->must_last)
		return false;
	if (asked->result->triplet_changed || asked->result->identity_changed)
		note_visit(s, visit);
	return true;
}

enum store_end lmdb_visit(struct store *store, const struct store_visit *visit,
			  struct greylist_result *ret_result)
{
	struct store_lmdb *s = (struct store_lmdb *)store;
	struct greylist_result result = { 0 };
	struct visit_args args;
	struct lmdb_work work = { .run = run_visit, .args = &args };
	enum store_end end = STORE_BROKEN;

	args.visit = visit;
	args.result = &result;
	args.judged_at = 0;
	watch_youth(s, visit);
	if (!glance(s, &args, &end)) {
		work.may_own = args.judged_at > 0;
		end = lmdb_do(s, &work, true, visit->max_ms);
	}
	if (end == STORE_DONE)
		*ret_result = result;
	return end;
}

/* --- identities ---------------------------------------------------------- */

struct change_args {
	const char *identity;
	store_change *change;
	void *context;
	const struct greylist_terms *terms;
	const struct greylist_time *now;
	bool done;
};

static int run_change(struct lmdb_batch *batch, void *args,
		      enum store_end *ret_end)
{
	struct change_args *asked = args;
	struct greylist_identity *identity;
	struct lmdb_record record;
	int error = lmdb_get(&batch->txn, STORE_IDENTITY, asked->identity,
			     asked->now, &record);

	if (error)
		return error;
	count_reading(&batch->counts, &record);
	if (is_newer(&record)) {
		*ret_end = STORE_NEWER;
		return 0;
	}
	note_time(batch, asked->now);
	identity = &record.entry.identity;
	asked->done = asked->change(asked->context, identity);
	if (!asked->done)
		return 0;
	if (is_full(batch, &record)) {
		*ret_end = STORE_FULL;
		return 0;
	}
	return put(batch, &record,
		   greylist_identity_left(identity, asked->terms, asked->now),
		   asked->now);
}

enum store_end lmdb_change(struct store *store, const char *identity,
			   store_change *change, void *context,
			   const struct greylist_terms *terms,
			   const struct greylist_time *now, unsigned max_ms,
			   bool *ret_done)
{
	struct change_args args = { .identity = identity,
				    .change = change,
				    .context = context,
				    .terms = terms,
				    .now = now };
	const struct lmdb_work work = { .run = run_change, .args = &args };
	enum store_end end =
		lmdb_do((struct store_lmdb *)store, &work, true, max_ms);

	if (end == STORE_DONE)
		*ret_done = args.done;
	return end;
}

/* --- outbound ------------------------------------------------------------ */

struct write_note {
	struct greylist_terms terms;
	struct greylist_time now;
	char address[];
};

static int run_write_note(struct lmdb_batch *batch, void *args,
			  enum store_end *ret_end)
{
	const struct write_note *note = args;
	struct greylist_outbound *outbound;
	struct lmdb_record record;
	int error = lmdb_get(&batch->txn, STORE_OUTBOUND, note->address,
			     &note->now, &record);

	if (error)
		return error;
	count_reading(&batch->counts, &record);
	if (is_newer(&record) || (!record.is_there && is_stopped(batch)))
		return 0;
	*ret_end = STORE_DONE;
	note_time(batch, &note->now);
	outbound = &record.entry.outbound;
	greylist_write_to(outbound, &note->now);
	return put(batch, &record,
		   greylist_outbound_left(outbound, &note->terms, &note->now),
		   &note->now);
}

/* As far as it can be seen before it is written. */
static enum store_end may_write(struct store_lmdb *s, const char *address,
				const struct greylist_time *now)
{
	struct lmdb_record record = { .is_there = false };
	struct lmdb_txn txn;
	bool stopped;

	if (lmdb_try_read(s, &txn) != 0)
		return STORE_DONE; /* the writer finds out */
	if (lmdb_get(&txn, STORE_OUTBOUND, address, now, &record) != 0)
		record.is_there = true;
	lmdb_abort(&txn);
	if (is_newer(&record))
		return STORE_NEWER;
	pthread_mutex_lock(&s->lock);
	stopped = s->share >= STORE_STOP_PERCENT;
	pthread_mutex_unlock(&s->lock);
	return stopped && !record.is_there ? STORE_FULL : STORE_DONE;
}

enum store_end lmdb_write_to(struct store *store, const char *address,
			     const struct greylist_terms *terms,
			     const struct greylist_time *now, unsigned max_ms)
{
	struct store_lmdb *s = (struct store_lmdb *)store;
	enum store_end end = may_write(s, address, now);
	size_t len = strlen(address) + 1;
	struct write_note *note;
	struct lmdb_work work = { .run = run_write_note };

	(void)max_ms; /* nothing is waited for */
	if (end != STORE_DONE)
		return end;
	note = work.args = malloc(sizeof(*note) + len);
	if (!note)
		return STORE_BROKEN;
	note->terms = *terms;
	note->now = *now;
	memcpy(note->address, address, len);
	return lmdb_do_later(s, &work, now, note->address) ? STORE_DONE
							   : STORE_LATE;
}

/* --- many at once -------------------------------------------------------- */

struct drop_args {
	enum store_kind kind;
	const char *const *keys;
	size_t count;
};

static int run_drop(struct lmdb_batch *batch, void *args,
		    enum store_end *ret_end)
{
	const struct drop_args *asked = args;
	const struct greylist_time none = { 0 };
	int error = 0;

	(void)ret_end;
	for (size_t i = 0; i < asked->count && !error; i++) {
		struct lmdb_record record;

		error = lmdb_get(&batch->txn, asked->kind, asked->keys[i],
				 &none, &record);
		if (error || !record.is_there)
			continue;
		batch->changed++;
		error = lmdb_delete(&batch->txn, &record);
	}
	return error;
}

enum store_end lmdb_drop(struct store *store, enum store_kind kind,
			 const char *const *keys, size_t count)
{
	enum { SLICE = 200 };
	struct store_lmdb *s = (struct store_lmdb *)store;
	size_t most = lmdb_batch_max(s);
	enum store_end end = STORE_DONE;

	if (most > SLICE)
		most = SLICE;
	while (count > 0 && end == STORE_DONE) {
		struct drop_args args = { kind, keys,
					  count < most ? count : most };
		const struct lmdb_work work = { .run = run_drop,
						.args = &args,
						.frees = true,
						.is_long = true };

		end = lmdb_do(s, &work, false, 0);
		keys += args.count;
		count -= args.count;
	}
	return end;
}

struct merge_args {
	const struct store_entry *entries;
	size_t count;
	const struct greylist_time *now;
	uint64_t taken;
};

/* Who waits here came back elsewhere. */
static bool has_passed(const struct lmdb_record *record,
		       const struct store_entry *entry)
{
	return record->is_there && entry->kind == STORE_TRIPLET &&
	       record->entry.reading == GREYLIST_READ &&
	       record->entry.triplet.state == GREYLIST_WAITING &&
	       entry->triplet.state == GREYLIST_PASSED;
}

static int merge_one(struct lmdb_batch *batch, const struct store_entry *entry,
		     struct merge_args *asked)
{
	struct lmdb_record record;
	int error = lmdb_get(&batch->txn, entry->kind, entry->key, asked->now,
			     &record);

	if (error)
		return error;
	count_reading(&batch->counts, &record);
	if (is_newer(&record) ||
	    (record.is_there && !store_is_better(entry, &record.entry)))
		return 0;
	batch->counts.came_back += has_passed(&record, entry);
	record.entry.triplet = entry->triplet;
	record.entry.identity = entry->identity;
	record.entry.outbound = entry->outbound;
	batch->changed++;
	batch->began += !record.is_there;
	asked->taken++;
	return lmdb_put(&batch->txn, &record, entry->expires, asked->now);
}

static int run_merge(struct lmdb_batch *batch, void *args,
		     enum store_end *ret_end)
{
	struct merge_args *asked = args;
	int error = 0;

	asked->taken = 0;
	if (is_stopped(batch)) {
		*ret_end = STORE_FULL;
		return 0;
	}
	note_time(batch, asked->now);
	for (size_t i = 0; i < asked->count && !error; i++)
		error = merge_one(batch, &asked->entries[i], asked);
	return error;
}

enum store_end lmdb_merge(struct store *store,
			  const struct store_entry *entries, size_t count,
			  const struct greylist_time *now, uint64_t *ret_taken)
{
	struct merge_args args = { entries, count, now, 0 };
	const struct lmdb_work work = { .run = run_merge,
					.args = &args,
					.is_long = true };
	enum store_end end =
		lmdb_do((struct store_lmdb *)store, &work, false, 0);

	if (end == STORE_DONE)
		*ret_taken = args.taken;
	return end;
}
