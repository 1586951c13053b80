/*
 * remember.c - greylisting's memory through the life of the filter.
 */
#include "filter/remember.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "filter/clock.h"
#include "filter/generation.h"
#include "filter/greylist.h"
#include "filter/log.h"
#include "lists/greylist_clock.h"

enum {
	RETRY_MS = 30000,
	SWEEP_MAX = 10000, /* records a second */
};

static struct {
	pthread_mutex_t opening; /* held while it is opened, and then only */
	_Atomic(struct store *) store;
	_Atomic int64_t retry_ms; /* 0: it was never tried */
	/* the ticking thread's */
	struct greylist_time ticked; /* the last time */
	bool told;
	bool clock_wrong; /* and the log says so */
	enum store_health health;
} memory = { .opening = PTHREAD_MUTEX_INITIALIZER };

struct store *remember_store(void)
{
	return atomic_load(&memory.store);
}

static bool open_now(const struct generation *gen, char ret_why[STORE_WHY_SIZE])
{
	char value[LOG_VALUE_SIZE];
	struct store *store =
		greylist_open_store(&gen->settings, false, ret_why);

	atomic_store(&memory.store, store);
	if (store != NULL) {
		log_event(LOG_NOTICE, "store", "store=greylist state=open");
		return true;
	}
	atomic_store(&memory.retry_ms, monotonic_ms() + RETRY_MS);
	log_event(LOG_ERR, "S5", "store=greylist state=closed error=%s",
		  log_escape(ret_why, strlen(ret_why), LOG_VALUE_MAX, value));
	return false;
}

bool remember_open(const struct generation *gen, char ret_why[STORE_WHY_SIZE])
{
	bool done = true;

	if (remember_store() != NULL || !greylist_is_wanted(gen))
		return true;
	pthread_mutex_lock(&memory.opening);
	if (remember_store() == NULL)
		done = open_now(gen, ret_why);
	pthread_mutex_unlock(&memory.opening);
	return done;
}

static const char *health_name(enum store_health health)
{
	static const char *const names[] = {
		[STORE_WELL] = "well",	     [STORE_YOUNG] = "young",
		[STORE_CROWDED] = "crowded", [STORE_STOPPED_INSERTING] = "full",
		[STORE_ALONE] = "alone",     [STORE_SILENT] = "silent",
	};

	return names[health];
}

static int health_level(enum store_health health)
{
	switch (health) {
	case STORE_WELL:
	case STORE_YOUNG: break;
	case STORE_CROWDED:
	case STORE_ALONE: return LOG_WARNING;
	case STORE_STOPPED_INSERTING:
	case STORE_SILENT: return LOG_ERR;
	}
	return LOG_NOTICE;
}

/* No harm to who waits, but whoever reads the log is misled by its times. */
static void watch_clock(int64_t ahead)
{
	/* at the border it is not told again with each second's rounding */
	int64_t most = GREYLIST_SKEW - (memory.clock_wrong ? 5 : 0);
	bool wrong = ahead > most || ahead < -most;

	if (wrong != memory.clock_wrong)
		log_event(wrong ? LOG_WARNING : LOG_NOTICE, "store",
			  "store=greylist clock=%s clock_ahead=%" PRId64,
			  wrong ? "wrong" : "right", ahead);
	memory.clock_wrong = wrong;
}

/* What a store begins with is told unless it is well. */
static void watch(struct store *store)
{
	struct store_stats stats;
	char value[LOG_VALUE_SIZE];

	store_stats(store, &stats);
	watch_clock(stats.clock_ahead);
	if (stats.health == memory.health && memory.told)
		return;
	if (memory.told || stats.health != STORE_WELL)
		log_event(health_level(stats.health), "store",
			  "store=greylist health=%s used=%" PRIu64
			  " room=%" PRIu64 " why=%s",
			  health_name(stats.health), stats.bytes_used,
			  stats.bytes_room,
			  log_escape(stats.why, strlen(stats.why),
				     LOG_VALUE_MAX, value));
	memory.health = stats.health;
	memory.told = true;
}

/* Slow drift, or what a time server corrects, is no jump. */
static void watch_jump(const struct greylist_time *now)
{
	int64_t jump = greylist_drift(&memory.ticked, now);

	if (jump > STORE_JUMP || jump < -STORE_JUMP)
		greylist_clock_jumped(jump, "running");
	memory.ticked = *now;
}

void remember_tick(const struct generation *gen)
{
	const struct greylist_time now = greylist_now();
	struct store *store = remember_store();
	char why[STORE_WHY_SIZE];

	watch_jump(&now);
	if (store == NULL) {
		if (monotonic_ms() >= atomic_load(&memory.retry_ms))
			remember_open(gen, why);
		return;
	}
	store_sweep(store, &now, SWEEP_MAX);
	watch(store);
}

void remember_end(void)
{
	store_close(atomic_exchange(&memory.store, NULL));
}
