/*
 * store_pair.c - a shared store, and a local one that answers when it is away.
 *
 * Here is asked; store_pair_tell.c tells the one what the other knows.
 */
#include "lists/store_pair_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { USES = 8 }; /* of which the local one is told of one */

/* --- which of the two ---------------------------------------------------- */

/* Returns whether the shared one is to be asked. */
static bool enter(struct store_pair *pair, const struct greylist_time *now)
{
	bool shared;

	pthread_mutex_lock(&pair->lock);
	pair->users++;
	if (now != NULL)
		pair->now = *now;
	shared = !pair->alone;
	pthread_mutex_unlock(&pair->lock);
	return shared;
}

static void leave(struct store_pair *pair)
{
	pthread_mutex_lock(&pair->lock);
	if (--pair->users == 0 && pair->stopping)
		pthread_cond_broadcast(&pair->changed);
	pthread_mutex_unlock(&pair->lock);
}

/* Is that an answer, or does the shared store have none? */
static bool is_away(enum store_end end)
{
	return end == STORE_AWAY || end == STORE_BROKEN || end == STORE_LATE;
}

static void go_alone(struct store_pair *pair)
{
	pthread_mutex_lock(&pair->lock);
	if (!pair->alone) {
		pair->alone = true;
		pair->since = pair->now.wall;
		pthread_cond_broadcast(&pair->changed);
	}
	pthread_mutex_unlock(&pair->lock);
}

static void note_local_end(struct store_pair *pair, enum store_end end)
{
	pthread_mutex_lock(&pair->lock);
	pair->silent = is_away(end) || end == STORE_FULL;
	pthread_mutex_unlock(&pair->lock);
}

static uint64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* What is left of max_ms for the local one. */
static unsigned left_of(unsigned max_ms, uint64_t begin_ms)
{
	uint64_t past = clock_ms() - begin_ms;

	return past < max_ms ? max_ms - (unsigned)past : 0;
}

struct greylist_time store_pair_time(struct store_pair *pair,
				     const struct greylist_time *now)
{
	return store_time(pair->shared, now);
}

/* --- visits -------------------------------------------------------------- */

/* The shared one has answered: is it worth telling? */
static void tell_local(struct store_pair *pair, const struct store_visit *visit,
		       const struct greylist_result *result)
{
	bool tell_triplet = result->triplet_changed;
	bool tell_identity = result->identity_changed;
	bool now = result->must_last;

	switch (result->why) {
	case GREYLIST_ALLOWED:
	case GREYLIST_BLOCKED:
	case GREYLIST_TRAPPED: now = tell_identity = true; break;
	default: break;
	}
	if (!now && (tell_triplet || tell_identity)) {
		pthread_mutex_lock(&pair->lock);
		now = ++pair->uses % USES == 0;
		pthread_mutex_unlock(&pair->lock);
	}
	if (now && tell_triplet)
		store_pair_note(pair, pair->for_local, STORE_TRIPLET,
				visit->triplet);
	if (now && tell_identity)
		store_pair_note(pair, pair->for_local, STORE_IDENTITY,
				visit->identity);
}

static enum store_end visit_local(struct store_pair *pair,
				  const struct store_visit *visit,
				  struct greylist_result *ret_result)
{
	enum store_end end = store_visit(pair->local, visit, ret_result);

	note_local_end(pair, end);
	if (end == STORE_DONE && ret_result->triplet_changed)
		store_pair_note(pair, pair->for_shared, STORE_TRIPLET,
				visit->triplet);
	if (end == STORE_DONE && ret_result->identity_changed)
		store_pair_note(pair, pair->for_shared, STORE_IDENTITY,
				visit->identity);
	return end;
}

static enum store_end visit_pair(struct store *store,
				 const struct store_visit *visit,
				 struct greylist_result *ret_result)
{
	struct store_pair *pair = (struct store_pair *)store;
	struct store_visit part = *visit;
	uint64_t begin_ms = clock_ms();
	bool shared = enter(pair, &visit->now);
	enum store_end end = STORE_AWAY;

	if (shared) {
		part.max_ms = visit->max_ms / 2;
		end = store_visit(pair->shared, &part, ret_result);
		if (end == STORE_DONE)
			tell_local(pair, visit, ret_result);
		else if (is_away(end))
			go_alone(pair);
	}
	if (is_away(end)) {
		part.now = store_pair_time(pair, &visit->now);
		part.max_ms = left_of(visit->max_ms, begin_ms);
		end = visit_local(pair, &part, ret_result);
	}
	leave(pair);
	return end;
}

/* --- identities and outbound --------------------------------------------- */

static enum store_end change_pair(struct store *store, const char *identity,
				  store_change *change, void *context,
				  const struct greylist_terms *terms,
				  const struct greylist_time *now,
				  unsigned max_ms, bool *ret_done)
{
	struct store_pair *pair = (struct store_pair *)store;
	uint64_t begin_ms = clock_ms();
	bool shared = enter(pair, now);
	struct greylist_time time;
	enum store_end end = STORE_AWAY;

	if (shared) {
		end = pair->shared->engine->change(pair->shared, identity,
						   change, context, terms, now,
						   max_ms / 2, ret_done);
		if (end == STORE_DONE)
			store_pair_note(pair, pair->for_local, STORE_IDENTITY,
					identity);
		else if (is_away(end))
			go_alone(pair);
	}
	if (is_away(end)) {
		time = store_pair_time(pair, now);
		end = pair->local->engine->change(pair->local, identity, change,
						  context, terms, &time,
						  left_of(max_ms, begin_ms),
						  ret_done);
		note_local_end(pair, end);
		if (end == STORE_DONE && *ret_done)
			store_pair_note(pair, pair->for_shared, STORE_IDENTITY,
					identity);
	}
	leave(pair);
	return end;
}

static enum store_end write_to_pair(struct store *store, const char *address,
				    const struct greylist_terms *terms,
				    const struct greylist_time *now,
				    unsigned max_ms)
{
	struct store_pair *pair = (struct store_pair *)store;
	uint64_t begin_ms = clock_ms();
	bool shared = enter(pair, now);
	struct greylist_time time;
	enum store_end end = STORE_AWAY;

	if (shared) {
		end = store_write_to(pair->shared, address, terms, now,
				     max_ms / 2);
		if (end == STORE_DONE)
			store_pair_note(pair, pair->for_local, STORE_OUTBOUND,
					address);
		else if (is_away(end))
			go_alone(pair);
	}
	if (is_away(end)) {
		time = store_pair_time(pair, now);
		end = store_write_to(pair->local, address, terms, &time,
				     left_of(max_ms, begin_ms));
		note_local_end(pair, end);
		if (end == STORE_DONE)
			store_pair_note(pair, pair->for_shared, STORE_OUTBOUND,
					address);
	}
	leave(pair);
	return end;
}

/* --- looking ------------------------------------------------------------- */

/* In front of a cursor stands whose it is. */
static bool own_cursor(const struct store_cursor *cursor, char whose,
		       struct store_cursor *ret_own)
{
	*ret_own = (struct store_cursor){ .at = "" };
	if (cursor->at[0] == '\0')
		return true;
	if (cursor->at[0] != whose)
		return false;
	memcpy(ret_own->at, cursor->at + 1, sizeof(cursor->at) - 1);
	return true;
}

static enum store_end list_pair(struct store *store,
				const struct store_filter *filter,
				const struct greylist_terms *terms,
				const struct greylist_time *now, unsigned limit,
				unsigned max_ms, struct store_cursor *cursor,
				store_each *each, void *context, bool *ret_more)
{
	struct store_pair *pair = (struct store_pair *)store;
	bool shared = enter(pair, now);
	struct greylist_time time = store_pair_time(pair, now);
	char whose = shared ? 's' : 'l';
	struct store_cursor own;
	enum store_end end;

	if (own_cursor(cursor, whose, &own)) {
		end = store_list(shared ? pair->shared : pair->local, filter,
				 terms, &time, limit, max_ms, &own, each,
				 context, ret_more);
		if (shared && is_away(end))
			go_alone(pair); /* who begins again is answered */
	} else {
		end = strchr("sl", cursor->at[0]) ? STORE_AWAY : STORE_INVALID;
	}
	if (end == STORE_DONE) {
		size_t len = strlen(own.at);

		if (len + 1 < sizeof(cursor->at)) {
			cursor->at[0] = whose;
			memcpy(cursor->at + 1, own.at, len + 1);
		} else {
			end = STORE_INVALID;
		}
	}
	leave(pair);
	return end;
}

static enum store_end show_pair(struct store *store, enum store_kind kind,
				const char *key,
				const struct greylist_time *now,
				unsigned max_ms, store_each *each,
				void *context, bool *ret_there)
{
	struct store_pair *pair = (struct store_pair *)store;
	bool shared = enter(pair, now);
	struct greylist_time time;
	enum store_end end = STORE_AWAY;

	if (shared)
		end = store_show(pair->shared, kind, key, now, max_ms, each,
				 context, ret_there);
	if (shared && is_away(end))
		go_alone(pair);
	if (is_away(end)) {
		time = store_pair_time(pair, now);
		end = store_show(pair->local, kind, key, &time, max_ms, each,
				 context, ret_there);
	}
	leave(pair);
	return end;
}

/* --- changing by hand ---------------------------------------------------- */

static enum store_end drop_pair(struct store *store, enum store_kind kind,
				const char *const *keys, size_t count)
{
	struct store_pair *pair = (struct store_pair *)store;
	bool shared = enter(pair, NULL);
	enum store_end end = STORE_AWAY, local_end;

	if (shared)
		end = pair->shared->engine->drop(pair->shared, kind, keys,
						 count);
	if (shared && is_away(end))
		go_alone(pair);
	local_end = pair->local->engine->drop(pair->local, kind, keys, count);
	leave(pair);
	return is_away(end) ? local_end : end;
}

static enum store_end merge_pair(struct store *store,
				 const struct store_entry *entries,
				 size_t count, const struct greylist_time *now,
				 uint64_t *ret_taken)
{
	struct store_pair *pair = (struct store_pair *)store;
	bool shared = enter(pair, now);
	struct greylist_time time;
	enum store_end end = STORE_AWAY, local_end;
	uint64_t taken = 0;

	if (shared)
		end = pair->shared->engine->merge(pair->shared, entries, count,
						  now, ret_taken);
	if (shared && is_away(end))
		go_alone(pair);
	time = store_pair_time(pair, now);
	local_end = pair->local->engine->merge(pair->local, entries, count,
					       &time, &taken);
	if (is_away(end)) {
		end = local_end;
		*ret_taken = taken;
		for (size_t i = 0; end == STORE_DONE && i < count; i++)
			store_pair_note(pair, pair->for_shared, entries[i].kind,
					entries[i].key);
	}
	leave(pair);
	return end;
}

/* --- numbers ------------------------------------------------------------- */

static uint64_t sweep_pair(struct store *store, const struct greylist_time *now,
			   unsigned limit)
{
	struct store_pair *pair = (struct store_pair *)store;
	struct greylist_time time = store_pair_time(pair, now);
	uint64_t swept;

	(void)enter(pair, now);
	swept = store_sweep(pair->local, &time, limit) +
		store_sweep(pair->shared, now, limit);
	leave(pair);
	return swept;
}

/*
 * What is counted by looking is the local one's, which looks.  But who never
 * came back it cannot know: he may have come to another host.
 */
static void stats_pair(struct store *store, struct store_stats *ret_stats)
{
	struct store_pair *pair = (struct store_pair *)store;
	struct store_stats shared;

	store_stats(pair->shared, &shared);
	store_stats(pair->local, ret_stats);
	ret_stats->never_back = ret_stats->came_back = 0;
	ret_stats->back_since = 0;
	ret_stats->foreign += shared.foreign;
	ret_stats->newer += shared.newer;
	ret_stats->clock_ahead = shared.clock_ahead;
	pthread_mutex_lock(&pair->lock);
	if (pair->alone) {
		ret_stats->health = pair->silent ? STORE_SILENT : STORE_ALONE;
		ret_stats->since = pair->since;
	} else if (ret_stats->health == STORE_WELL) {
		ret_stats->since = pair->since;
	}
	if (ret_stats->health == STORE_ALONE || ret_stats->why[0] == '\0')
		memcpy(ret_stats->why, shared.why, sizeof(ret_stats->why));
	ret_stats->queued = store_queue_count(pair->for_shared);
	ret_stats->dropped = pair->dropped;
	pthread_mutex_unlock(&pair->lock);
}

/* --- its life ------------------------------------------------------------ */

static void free_pair(struct store_pair *pair)
{
	store_queue_free(pair->for_local);
	store_queue_free(pair->for_shared);
	pthread_cond_destroy(&pair->changed);
	pthread_mutex_destroy(&pair->lock);
	free(pair);
}

static void close_pair(struct store *store)
{
	struct store_pair *pair = (struct store_pair *)store;

	pthread_mutex_lock(&pair->lock);
	pair->stopping = true;
	pthread_cond_broadcast(&pair->changed);
	while (pair->users > 0)
		pthread_cond_wait(&pair->changed, &pair->lock);
	pthread_mutex_unlock(&pair->lock);
	pthread_join(pair->teller, NULL);
	store_close(pair->shared);
	store_close(pair->local);
	free_pair(pair);
}

static struct greylist_time time_pair(struct store *store,
				      const struct greylist_time *now)
{
	return store_pair_time((struct store_pair *)store, now);
}

static const struct store_engine engine = {
	.name = "pair",
	.visit = visit_pair,
	.change = change_pair,
	.write_to = write_to_pair,
	.list = list_pair,
	.show = show_pair,
	.drop = drop_pair,
	.merge = merge_pair,
	.sweep = sweep_pair,
	.stats = stats_pair,
	.time = time_pair,
	.close = close_pair,
};

static struct store_pair *new_pair(void)
{
	struct store_pair *pair = calloc(1, sizeof(*pair));
	pthread_condattr_t attributes;

	if (pair == NULL)
		return NULL;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&pair->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	pthread_mutex_init(&pair->lock, NULL);
	store_init(&pair->store, &engine);
	pair->since = time(NULL);
	pair->for_local = store_queue_new(STORE_QUEUE_MAX);
	pair->for_shared = store_queue_new(STORE_QUEUE_MAX);
	if (pair->for_local != NULL && pair->for_shared != NULL)
		return pair;
	free_pair(pair);
	return NULL;
}

struct store *store_pair_open(struct store *shared, struct store *local)
{
	struct store_pair *pair = new_pair();

	if (pair != NULL) {
		pair->shared = shared;
		pair->local = local;
		if (pthread_create(&pair->teller, NULL, store_pair_tell,
				   pair) == 0)
			return &pair->store;
		free_pair(pair);
	}
	store_close(shared);
	store_close(local);
	return NULL;
}
