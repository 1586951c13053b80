/*
 * store_redis_pool.c - who may use which connection, and whether any at all.
 *
 * Each waiting call has a connection of its own, up to REDIS_LINKS_MAX; the
 * next one waits for one of them.  Whoever finds that the server fails makes
 * all connections worthless at once (the generation), and nobody asks for
 * pause_ms, which doubles with each failure.  Then one call finds out, while
 * the others go on without the server.
 */
#include "lists/store_redis_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lists/greylist_clock.h"

enum { LEAST_MS = STORE_CONNECT_MS + 2 * STORE_COMMAND_MS };

/* --- calls --------------------------------------------------------------- */

struct redis_call redis_call_urgent(const struct store_redis *redis,
				    const struct greylist_time *now,
				    unsigned max_ms)
{
	return (struct redis_call){
		.deadline_ms = redis_clock() + max_ms,
		.command_ms = redis->command_ms,
		.wall = now->wall,
	};
}

struct redis_call redis_call_patient(int64_t wall, unsigned max_ms)
{
	/* so that each page has an entry, be there as little time as it may */
	if (max_ms < LEAST_MS)
		max_ms = LEAST_MS;
	return (struct redis_call){
		.deadline_ms = redis_clock() + max_ms,
		.command_ms = REDIS_PATIENCE_MS,
		.wall = wall,
		.insists = true,
	};
}

void redis_enter(struct store_redis *redis)
{
	pthread_mutex_lock(&redis->lock);
	redis->users++;
	pthread_mutex_unlock(&redis->lock);
}

void redis_leave(struct store_redis *redis)
{
	pthread_mutex_lock(&redis->lock);
	if (--redis->users == 0 && redis->stopping)
		pthread_cond_broadcast(&redis->changed);
	pthread_mutex_unlock(&redis->lock);
}

void redis_count(struct store_redis *redis, unsigned foreign, unsigned newer)
{
	if (foreign == 0 && newer == 0)
		return;
	pthread_mutex_lock(&redis->lock);
	redis->stats.foreign += foreign;
	redis->stats.newer += newer;
	pthread_mutex_unlock(&redis->lock);
}

/* --- whether any at all -------------------------------------------------- */

/* Locked.  Whoever says it of an earlier generation says nothing new. */
static void begin_pause(struct store_redis *redis, const char *why,
			unsigned generation, int64_t wall)
{
	if (generation != redis->generation)
		return;
	snprintf(redis->stats.why, sizeof(redis->stats.why), "%s", why);
	if (redis->stats.health != STORE_SILENT) {
		redis->stats.health = STORE_SILENT;
		redis->stats.since = wall;
	}
	redis->pause_ms *= 2;
	if (redis->pause_ms == 0)
		redis->pause_ms = REDIS_PAUSE_MS;
	if (redis->pause_ms > REDIS_PAUSE_MAX_MS)
		redis->pause_ms = REDIS_PAUSE_MAX_MS;
	redis->retry_ms = redis_clock() + redis->pause_ms;
	redis->generation++;
	redis->leader.len = 0;
	pthread_cond_broadcast(&redis->changed);
}

static void end_pause(struct store_redis *redis, int64_t wall)
{
	if (redis->pause_ms == 0 && redis->stats.health == STORE_WELL)
		return;
	redis->pause_ms = 0;
	redis->stats.health = STORE_WELL;
	redis->stats.since = wall;
}

enum store_end redis_blame(struct store_redis *redis,
			   const struct redis_call *call)
{
	pthread_mutex_lock(&redis->lock);
	begin_pause(redis, "the server's reply is not what was asked for",
		    redis->generation, call->wall);
	pthread_mutex_unlock(&redis->lock);
	return STORE_BROKEN;
}

static bool must_not_ask(const struct store_redis *redis,
			 const struct redis_call *call)
{
	return redis->pause_ms > 0 && !call->insists &&
	       (redis->probing || redis_clock() < redis->retry_ms);
}

/* --- which connection ---------------------------------------------------- */

/* Locked.  The one that was used last, else room for a new one, else NULL. */
static struct redis_link *choose(struct store_redis *redis)
{
	struct redis_link *best = NULL;

	for (size_t i = 0; i < REDIS_LINKS_MAX; i++) {
		struct redis_link *link = &redis->links[i];

		if (link->busy)
			continue;
		if (link->fd >= 0 && link->generation != redis->generation)
			redis_link_close(link);
		if (best == NULL ||
		    (link->fd >= 0 &&
		     (best->fd < 0 || link->used_ms > best->used_ms)))
			best = link;
	}
	return best;
}

/* Locked; false when the deadline is over. */
static bool await_change(struct store_redis *redis, uint64_t deadline_ms)
{
	struct timespec until = {
		.tv_sec = (time_t)(deadline_ms / 1000),
		.tv_nsec = (long)(deadline_ms % 1000) * 1000000,
	};

	return pthread_cond_timedwait(&redis->changed, &redis->lock, &until) ==
	       0;
}

static enum store_end take(struct store_redis *redis,
			   const struct redis_call *call,
			   struct redis_link **ret_link)
{
	struct redis_link *link = NULL;
	enum store_end end = STORE_DONE;

	pthread_mutex_lock(&redis->lock);
	while (link == NULL && end == STORE_DONE) {
		if (redis->stopping)
			end = STORE_STOPPED;
		else if (must_not_ask(redis, call))
			end = STORE_AWAY;
		else if ((link = choose(redis)) == NULL &&
			 !await_change(redis, call->deadline_ms))
			end = STORE_LATE;
	}
	if (link != NULL) {
		link->busy = true;
		link->generation = redis->generation;
		link->probes = redis->pause_ms > 0;
		redis->probing |= link->probes;
	}
	pthread_mutex_unlock(&redis->lock);
	*ret_link = link;
	return end;
}

/* Of a use that ended so; returns what to call that. */
static enum store_end give_back(struct store_redis *redis,
				const struct redis_call *call,
				struct redis_link *link, enum store_end end,
				bool blame)
{
	pthread_mutex_lock(&redis->lock);
	if (end != STORE_DONE && redis->stopping)
		end = STORE_STOPPED, blame = false;
	link->busy = false;
	link->asking = false;
	if (link->probes)
		redis->probing = link->probes = false;
	if (end == STORE_DONE)
		end_pause(redis, call->wall);
	else
		redis_link_close(link);
	if (blame)
		begin_pause(redis, link->why, link->generation, call->wall);
	pthread_cond_signal(&redis->changed);
	pthread_mutex_unlock(&redis->lock);
	return end;
}

/* From here on, closing the store ends what we wait for. */
static bool begin_asking(struct store_redis *redis, struct redis_link *link,
			 bool is_step)
{
	uint64_t ms = redis_clock();
	bool may;

	pthread_mutex_lock(&redis->lock);
	may = !redis->stopping;
	link->asking = may;
	link->tells_time = is_step && redis_wall_is_due(&redis->wall, ms);
	if (link->tells_time)
		redis->wall.next_ms = ms + REDIS_CLOCK_EVERY_MS;
	pthread_mutex_unlock(&redis->lock);
	return may;
}

/* --- asking -------------------------------------------------------------- */

struct question {
	/* or words of the script's; NULL: only to be connected */
	const struct redis_command *command;
	size_t words, keys;
	bool is_step;
};

/* "EVALSHA", and so on, in front of the words. */
static void write_step(struct redis_command *command,
		       const struct question *question, const char *sha)
{
	redis_command_init(command);
	redis_command_begin(command, 3 + question->words);
	redis_command_text(command, "EVALSHA");
	redis_command_text(command, sha);
	redis_command_number(command, (int64_t)question->keys);
	redis_command_raw(command, question->command);
}

/* The time is asked for along with a step, in the same round trip. */
static enum store_end ask_step(struct store_redis *redis,
			       struct redis_link *link,
			       const struct question *question,
			       uint64_t deadline_ms,
			       struct redis_reply **ret_reply)
{
	const struct greylist_time before = greylist_now();
	struct redis_reply *replies[2];
	struct redis_command command;
	enum store_end end;

	write_step(&command, question, link->sha);
	if (link->tells_time)
		redis_command_say(&command, "TIME", NULL);
	end = redis_link_ask(link, &command, deadline_ms, replies);
	redis_command_done(&command);
	if (end != STORE_DONE)
		return end;
	if (link->tells_time) {
		redis_note_time(redis, replies[1], &before);
		redis_reply_free(replies[1]);
	}
	*ret_reply = replies[0];
	return STORE_DONE;
}

static enum store_end ask_once(struct store_redis *redis,
			       struct redis_link *link,
			       const struct question *question,
			       uint64_t deadline_ms,
			       struct redis_reply **ret_reply)
{
	if (question->is_step)
		return ask_step(redis, link, question, deadline_ms, ret_reply);
	return redis_link_ask(link, question->command, deadline_ms, ret_reply);
}

static enum store_end ask_on(struct store_redis *redis, struct redis_link *link,
			     const struct question *question,
			     uint64_t deadline_ms,
			     struct redis_reply **ret_reply)
{
	enum store_end end =
		ask_once(redis, link, question, deadline_ms, ret_reply);

	if (end != STORE_DONE)
		return end;
	if (redis_reply_is_noscript(*ret_reply)) {
		redis_reply_free(*ret_reply);
		end = redis_teach(link, deadline_ms);
		if (end == STORE_DONE)
			end = ask_once(redis, link, question, deadline_ms,
				       ret_reply);
		if (end != STORE_DONE)
			return end;
	}
	if ((*ret_reply)->kind != REDIS_ERROR)
		return STORE_DONE;
	end = redis_reply_refusal(*ret_reply, link->why);
	redis_reply_free(*ret_reply);
	return end;
}

static bool is_usable(const struct redis_link *link)
{
	return link->fd >= 0 && redis_clock() - link->used_ms < REDIS_IDLE_MS &&
	       redis_link_is_quiet(link);
}

/* What a failure of the server is called if the caller's time was short. */
static enum store_end fail_of(const struct redis_call *call, enum store_end end,
			      uint64_t since_ms, unsigned window_ms,
			      bool *ret_blame)
{
	uint64_t now = redis_clock();

	*ret_blame = true;
	if (end != STORE_AWAY || now < call->deadline_ms)
		return end;
	*ret_blame = now - since_ms >= window_ms / 2;
	return STORE_LATE;
}

static enum store_end use(struct store_redis *redis,
			  const struct redis_call *call,
			  struct redis_link *link,
			  const struct question *question,
			  struct redis_reply **ret_reply, bool *ret_blame)
{
	uint64_t start = redis_clock(), deadline;
	enum store_end end;

	if (!is_usable(link)) {
		redis_link_close(link);
		end = redis_greet(redis, link, call);
		if (end != STORE_DONE)
			return fail_of(call, end, start, redis->connect_ms,
				       ret_blame);
	}
	if (question->command == NULL)
		return STORE_DONE;
	if (!begin_asking(redis, link, question->is_step))
		return STORE_STOPPED;
	start = redis_clock();
	deadline = start + call->command_ms;
	if (deadline > call->deadline_ms)
		deadline = call->deadline_ms;
	end = ask_on(redis, link, question, deadline, ret_reply);
	if (end == STORE_DONE)
		return end;
	return fail_of(call, end, start, redis->command_ms, ret_blame);
}

static enum store_end ask(struct store_redis *redis,
			  const struct redis_call *call,
			  const struct question *question,
			  struct redis_reply **ret_reply)
{
	struct redis_link *link;
	enum store_end end = take(redis, call, &link);
	bool blame = false;

	if (end != STORE_DONE)
		return end;
	end = use(redis, call, link, question, ret_reply, &blame);
	return give_back(redis, call, link, end, blame);
}

enum store_end redis_ask(struct store_redis *redis,
			 const struct redis_call *call,
			 const struct redis_command *command,
			 struct redis_reply **ret_reply)
{
	struct question question = { .command = command };

	return ask(redis, call, &question, ret_reply);
}

enum store_end redis_run(struct store_redis *redis,
			 const struct redis_call *call,
			 const struct redis_command *words, size_t word_count,
			 size_t key_count, struct redis_reply **ret_reply)
{
	struct question question = {
		.command = words,
		.words = word_count,
		.keys = key_count,
		.is_step = true,
	};

	return ask(redis, call, &question, ret_reply);
}

/* --- whose clock counts -------------------------------------------------- */

void redis_note_time(struct store_redis *redis, const struct redis_reply *reply,
		     const struct greylist_time *before)
{
	const struct greylist_time after = greylist_now();
	uint64_t ms = redis_clock();
	int64_t seconds;

	pthread_mutex_lock(&redis->lock);
	if (redis_reply_time(reply, &seconds))
		redis_wall_learn(&redis->wall, seconds, before, &after, ms);
	else
		redis_wall_refused(&redis->wall, ms);
	pthread_mutex_unlock(&redis->lock);
}

/* Returns whether any server was asked for it. */
static bool share_time(struct store_redis *redis,
		       const struct greylist_time *now,
		       struct greylist_time *ret_time)
{
	bool asked;

	pthread_mutex_lock(&redis->lock);
	asked = redis->wall.asked;
	*ret_time = redis_wall_time(&redis->wall, now);
	pthread_mutex_unlock(&redis->lock);
	return asked;
}

enum store_end redis_share_time(struct store_redis *redis,
				struct redis_call *call,
				const struct greylist_time *now,
				struct greylist_time *ret_time)
{
	const struct question connect = { .command = NULL };
	enum store_end end = STORE_DONE;

	if (!share_time(redis, now, ret_time)) {
		end = ask(redis, call, &connect, NULL);
		(void)share_time(redis, now, ret_time);
	}
	call->wall = ret_time->wall;
	return end;
}
