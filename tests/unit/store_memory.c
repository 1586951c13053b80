/*
 * store_memory.c - the smallest engine of a store, for tests.
 */
#include "tests/unit/store_memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct cell {
	enum store_kind kind;
	char *key, *value;
	int64_t expires;
	struct greylist_time written;
};

struct memory {
	struct store store; /* first */
	pthread_mutex_t lock;
	pthread_cond_t moved;
	struct cell *cells; /* by kind and key */
	size_t count, room;
	bool is_held, is_closing;
	unsigned callers; /* in a visit */
	enum store_end fails;
	uint64_t expired, never_back, foreign, newer;
};

static struct memory *memory_of(struct store *store)
{
	return (struct memory *)store;
}

/* --- the table ----------------------------------------------------------- */

/* Where it is, or belongs; *ret_there tells which. */
static size_t place_of(const struct memory *memory, enum store_kind kind,
		       const char *key, bool *ret_there)
{
	size_t from = 0, to = memory->count;

	*ret_there = false;
	while (from < to) {
		size_t middle = (from + to) / 2;
		const struct cell *cell = &memory->cells[middle];
		int order = (cell->kind > kind) - (cell->kind < kind);

		if (order == 0)
			order = strcmp(cell->key, key);
		if (order == 0)
			*ret_there = true;
		if (order < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

static void drop_at(struct memory *memory, size_t at)
{
	free(memory->cells[at].key);
	free(memory->cells[at].value);
	memory->count--;
	memmove(&memory->cells[at], &memory->cells[at + 1],
		(memory->count - at) * sizeof(memory->cells[0]));
}

static void drop_key(struct memory *memory, enum store_kind kind,
		     const char *key)
{
	bool there;
	size_t at = place_of(memory, kind, key, &there);

	if (there)
		drop_at(memory, at);
}

static void make_room(struct memory *memory)
{
	if (memory->count < memory->room)
		return;
	memory->room = memory->room * 2 + 16;
	memory->cells =
		realloc(memory->cells, memory->room * sizeof(memory->cells[0]));
	if (!memory->cells)
		abort();
}

static void put(struct memory *memory, enum store_kind kind, const char *key,
		const char *value, int64_t expires,
		const struct greylist_time *now)
{
	bool there;
	size_t at = place_of(memory, kind, key, &there);
	struct cell *cell;

	if (!there) {
		make_room(memory);
		memmove(&memory->cells[at + 1], &memory->cells[at],
			(memory->count - at) * sizeof(memory->cells[0]));
		memory->count++;
		memory->cells[at].key = strdup(key);
	} else {
		free(memory->cells[at].value);
	}
	cell = &memory->cells[at];
	cell->kind = kind;
	cell->value = strdup(value);
	cell->expires = expires;
	cell->written = *now;
}

/* Absent where there is none, or a foreign one, which is counted. */
static enum greylist_reading get(struct memory *memory, enum store_kind kind,
				 const char *key, struct store_entry *entry)
{
	bool there;
	size_t at = place_of(memory, kind, key, &there);

	*entry = (struct store_entry){
		.kind = kind,
		.key = key,
		.value = there ? memory->cells[at].value : "",
		.expires = there ? memory->cells[at].expires : 0,
	};
	store_entry_read(entry);
	if (there && entry->reading == GREYLIST_JUNK)
		memory->foreign++;
	if (there && entry->reading == GREYLIST_NEWER)
		memory->newer++;
	return entry->reading;
}

/* Writes a record for as long as it is needed, which may be not at all. */
static void keep(struct memory *memory, enum store_kind kind, const char *key,
		 const char *line, size_t len, int64_t left,
		 const struct greylist_time *now)
{
	if (len == 0 || left <= 0)
		drop_key(memory, kind, key);
	else
		put(memory, kind, key, line,
		    left == GREYLIST_FOR_EVER ? left : now->wall + left, now);
}

static void keep_identity(struct memory *memory, const char *key,
			  const struct greylist_identity *identity,
			  int64_t left, const struct greylist_time *now)
{
	char line[GREYLIST_RECORD_SIZE];
	size_t len = greylist_write_identity(identity, line);

	keep(memory, STORE_IDENTITY, key, line, len, left, now);
}

/* --- what an engine does ------------------------------------------------- */

/* Takes the lock; with STORE_DONE alone it is held then. */
static enum store_end enter(struct memory *memory, unsigned max_ms)
{
	enum store_end end;
	struct timespec until;
	int late = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += max_ms / 1000;
	until.tv_nsec += (long)(max_ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000)
		until.tv_sec++, until.tv_nsec -= 1000000000;
	pthread_mutex_lock(&memory->lock);
	memory->callers++;
	while (memory->is_held && !memory->is_closing && late == 0)
		late = pthread_cond_timedwait(&memory->moved, &memory->lock,
					      &until);
	memory->callers--;
	end = memory->is_closing ? STORE_STOPPED
	      : memory->is_held	 ? STORE_LATE
				 : memory->fails;
	pthread_cond_broadcast(&memory->moved);
	if (end != STORE_DONE)
		pthread_mutex_unlock(&memory->lock);
	return end;
}

static enum store_end memory_visit(struct store *store,
				   const struct store_visit *visit,
				   struct greylist_result *ret_result)
{
	struct memory *memory = memory_of(store);
	enum store_end end = enter(memory, visit->max_ms);
	struct store_entry triplet, identity, outbound;
	struct greylist_records records;
	char line[GREYLIST_RECORD_SIZE];

	if (end != STORE_DONE)
		return end;
	get(memory, STORE_TRIPLET, visit->triplet, &triplet);
	get(memory, STORE_IDENTITY, visit->identity, &identity);
	get(memory, STORE_OUTBOUND, visit->sender, &outbound);
	if (triplet.reading == GREYLIST_NEWER ||
	    identity.reading == GREYLIST_NEWER ||
	    outbound.reading == GREYLIST_NEWER) {
		pthread_mutex_unlock(&memory->lock);
		return STORE_NEWER;
	}
	records.triplet = triplet.triplet;
	records.identity = identity.identity;
	records.outbound = outbound.outbound;
	greylist_visit(&visit->terms, &visit->now, &records, ret_result);
	if (ret_result->triplet_changed)
		keep(memory, STORE_TRIPLET, visit->triplet, line,
		     greylist_write_triplet(&records.triplet, line),
		     ret_result->triplet_left, &visit->now);
	if (ret_result->identity_changed)
		keep_identity(memory, visit->identity, &records.identity,
			      ret_result->identity_left, &visit->now);
	pthread_mutex_unlock(&memory->lock);
	return STORE_DONE;
}

static enum store_end memory_change(struct store *store, const char *identity,
				    store_change *change, void *context,
				    const struct greylist_terms *terms,
				    const struct greylist_time *now,
				    unsigned max_ms, bool *ret_done)
{
	struct memory *memory = memory_of(store);
	enum store_end end = enter(memory, max_ms);
	struct store_entry entry;

	if (end != STORE_DONE)
		return end;
	if (get(memory, STORE_IDENTITY, identity, &entry) == GREYLIST_NEWER) {
		end = STORE_NEWER;
	} else {
		*ret_done = change(context, &entry.identity);
		if (*ret_done)
			keep_identity(memory, identity, &entry.identity,
				      greylist_identity_left(&entry.identity,
							     terms, now),
				      now);
	}
	pthread_mutex_unlock(&memory->lock);
	return end;
}

static enum store_end memory_write_to(struct store *store, const char *address,
				      const struct greylist_terms *terms,
				      const struct greylist_time *now,
				      unsigned max_ms)
{
	struct memory *memory = memory_of(store);
	enum store_end end = enter(memory, max_ms);
	char line[GREYLIST_RECORD_SIZE];
	struct store_entry entry;

	if (end != STORE_DONE)
		return end;
	if (get(memory, STORE_OUTBOUND, address, &entry) == GREYLIST_NEWER) {
		end = STORE_NEWER;
	} else {
		greylist_write_to(&entry.outbound, now);
		keep(memory, STORE_OUTBOUND, address, line,
		     greylist_write_outbound(&entry.outbound, line),
		     greylist_outbound_left(&entry.outbound, terms, now), now);
	}
	pthread_mutex_unlock(&memory->lock);
	return end;
}

/* A cell as it was, for a callback that is called without the lock. */
struct copy {
	char key[TRIPLET_KEY_SIZE];
	char value[4096];
	struct store_entry entry;
};

static void copy_cell(const struct cell *cell, struct copy *copy)
{
	strncpy(copy->key, cell->key, sizeof(copy->key) - 1);
	copy->key[sizeof(copy->key) - 1] = '\0';
	strncpy(copy->value, cell->value, sizeof(copy->value) - 1);
	copy->value[sizeof(copy->value) - 1] = '\0';
	copy->entry = (struct store_entry){
		.kind = cell->kind,
		.key = copy->key,
		.value = copy->value,
		.expires = cell->expires,
	};
	store_entry_read(&copy->entry);
}

/* The first behind the cursor. */
static bool next(struct memory *memory, const struct store_cursor *cursor,
		 struct copy *copy)
{
	enum store_kind kind = (enum store_kind)(cursor->at[0] - '0');
	bool there = false;
	size_t at = 0;

	pthread_mutex_lock(&memory->lock);
	if (cursor->at[0] != '\0')
		at = place_of(memory, kind, cursor->at + 1, &there);
	at += there;
	there = at < memory->count;
	if (there)
		copy_cell(&memory->cells[at], copy);
	pthread_mutex_unlock(&memory->lock);
	return there;
}

static enum store_end memory_list(struct store *store,
				  const struct store_filter *filter,
				  const struct greylist_terms *terms,
				  const struct greylist_time *now,
				  unsigned limit, unsigned max_ms,
				  struct store_cursor *cursor, store_each *each,
				  void *context, bool *ret_more)
{
	struct memory *memory = memory_of(store);
	enum store_end end = enter(memory, max_ms);
	bool goes_on = true;
	struct copy copy;

	if (end != STORE_DONE)
		return end;
	pthread_mutex_unlock(&memory->lock);
	if (cursor->at[0] != '\0' && !strchr("124", cursor->at[0]))
		return STORE_INVALID;
	while ((*ret_more = next(memory, cursor, &copy)) && goes_on &&
	       limit > 0) {
		cursor->at[0] = (char)('0' + (int)copy.entry.kind);
		memcpy(cursor->at + 1, copy.key, strlen(copy.key) + 1);
		if (!store_matches(filter, &copy.entry, terms, now))
			continue;
		goes_on = each(context, &copy.entry);
		limit--;
	}
	return STORE_DONE;
}

static enum store_end memory_show(struct store *store, enum store_kind kind,
				  const char *key,
				  const struct greylist_time *now,
				  unsigned max_ms, store_each *each,
				  void *context, bool *ret_there)
{
	struct memory *memory = memory_of(store);
	enum store_end end = enter(memory, max_ms);
	struct copy copy;
	size_t at;

	(void)now;
	if (end != STORE_DONE)
		return end;
	at = place_of(memory, kind, key, ret_there);
	if (*ret_there)
		copy_cell(&memory->cells[at], &copy);
	pthread_mutex_unlock(&memory->lock);
	if (*ret_there)
		each(context, &copy.entry);
	return STORE_DONE;
}

static enum store_end memory_drop(struct store *store, enum store_kind kind,
				  const char *const *keys, size_t count)
{
	struct memory *memory = memory_of(store);
	enum store_end end = enter(memory, 0);

	if (end != STORE_DONE)
		return end;
	for (size_t i = 0; i < count; i++)
		drop_key(memory, kind, keys[i]);
	pthread_mutex_unlock(&memory->lock);
	return STORE_DONE;
}

static enum store_end memory_merge(struct store *store,
				   const struct store_entry *entries,
				   size_t count,
				   const struct greylist_time *now,
				   uint64_t *ret_taken)
{
	struct memory *memory = memory_of(store);
	enum store_end end = enter(memory, 0);
	struct store_entry there;

	if (end != STORE_DONE)
		return end;
	for (size_t i = 0; i < count; i++) {
		get(memory, entries[i].kind, entries[i].key, &there);
		if (!store_is_better(&entries[i], &there))
			continue;
		put(memory, entries[i].kind, entries[i].key, entries[i].value,
		    entries[i].expires, now);
		++*ret_taken;
	}
	pthread_mutex_unlock(&memory->lock);
	return STORE_DONE;
}

static bool is_due(const struct cell *cell, const struct greylist_time *now)
{
	return cell->expires != GREYLIST_FOR_EVER &&
	       cell->expires + greylist_drift(&cell->written, now) <= now->wall;
}

static uint64_t memory_sweep(struct store *store,
			     const struct greylist_time *now, unsigned limit)
{
	struct memory *memory = memory_of(store);
	uint64_t swept = 0;
	struct store_entry entry;

	if (enter(memory, 0) != STORE_DONE)
		return 0;
	for (size_t at = memory->count; at-- > 0 && swept < limit;) {
		if (!is_due(&memory->cells[at], now))
			continue;
		get(memory, memory->cells[at].kind, memory->cells[at].key,
		    &entry);
		if (entry.triplet.state == GREYLIST_WAITING &&
		    entry.triplet.count == 1)
			memory->never_back++;
		drop_at(memory, at);
		memory->expired++;
		swept++;
	}
	pthread_mutex_unlock(&memory->lock);
	return swept;
}

static void memory_stats(struct store *store, struct store_stats *ret_stats)
{
	struct memory *memory = memory_of(store);

	pthread_mutex_lock(&memory->lock);
	for (size_t i = 0; i < memory->count; i++) {
		enum store_kind kind = memory->cells[i].kind;

		ret_stats->triplets += kind == STORE_TRIPLET;
		ret_stats->identities += kind == STORE_IDENTITY;
		ret_stats->outbound += kind == STORE_OUTBOUND;
	}
	ret_stats->expired = memory->expired;
	ret_stats->never_back = memory->never_back;
	ret_stats->foreign = memory->foreign;
	ret_stats->newer = memory->newer;
	pthread_mutex_unlock(&memory->lock);
}

static void memory_close(struct store *store)
{
	struct memory *memory = memory_of(store);

	pthread_mutex_lock(&memory->lock);
	memory->is_closing = true;
	pthread_cond_broadcast(&memory->moved);
	/* a hold is somebody else's, and his to end */
	while (memory->callers > 0 || memory->is_held)
		pthread_cond_wait(&memory->moved, &memory->lock);
	pthread_mutex_unlock(&memory->lock);
	while (memory->count > 0)
		drop_at(memory, memory->count - 1);
	free(memory->cells);
	pthread_cond_destroy(&memory->moved);
	pthread_mutex_destroy(&memory->lock);
	free(memory);
}

static const struct store_engine memory_engine = {
	.name = "memory",
	.visit = memory_visit,
	.change = memory_change,
	.write_to = memory_write_to,
	.list = memory_list,
	.show = memory_show,
	.drop = memory_drop,
	.merge = memory_merge,
	.sweep = memory_sweep,
	.stats = memory_stats,
	.close = memory_close,
};

/* --- for tests ----------------------------------------------------------- */

struct store *store_memory_open(void)
{
	struct memory *memory = calloc(1, sizeof(*memory));

	if (!memory)
		return NULL;
	store_init(&memory->store, &memory_engine);
	pthread_mutex_init(&memory->lock, NULL);
	pthread_cond_init(&memory->moved, NULL);
	return &memory->store;
}

void store_memory_put(struct store *store, enum store_kind kind,
		      const char *key, const char *value, int64_t expires)
{
	const struct greylist_time never = { 0 };
	struct memory *memory = memory_of(store);

	pthread_mutex_lock(&memory->lock);
	put(memory, kind, key, value, expires, &never);
	pthread_mutex_unlock(&memory->lock);
}

static void set_held(struct store *store, bool is_held)
{
	struct memory *memory = memory_of(store);

	pthread_mutex_lock(&memory->lock);
	memory->is_held = is_held;
	pthread_cond_broadcast(&memory->moved);
	pthread_mutex_unlock(&memory->lock);
}

void store_memory_hold(struct store *store)
{
	set_held(store, true);
}

void store_memory_let_go(struct store *store)
{
	set_held(store, false);
}

void store_memory_fail(struct store *store, enum store_end end)
{
	struct memory *memory = memory_of(store);

	pthread_mutex_lock(&memory->lock);
	memory->fails = end;
	pthread_mutex_unlock(&memory->lock);
}
