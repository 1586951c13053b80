/*
 * store_redis_clock.c - one wall clock for all hosts that share a server.
 */
#include "lists/store_redis_clock.h"

bool redis_wall_is_due(const struct redis_wall *wall, uint64_t ms)
{
	return !wall->asked || ms >= wall->next_ms;
}

static int64_t distance(int64_t a, int64_t b)
{
	return a > b ? a - b : b - a;
}

/* The server's clock is not where it should be: believed if that lasts. */
static void doubt(struct redis_wall *wall, int64_t base, uint64_t ms)
{
	if (!wall->in_doubt ||
	    distance(base, wall->other) > REDIS_CLOCK_DRIFT) {
		wall->in_doubt = true;
		wall->since_ms = ms;
	}
	wall->other = base;
	if (ms - wall->since_ms >= REDIS_CLOCK_HOLD_MS) {
		wall->base = base;
		wall->in_doubt = false;
	}
}

void redis_wall_learn(struct redis_wall *wall, int64_t seconds,
		      const struct greylist_time *before,
		      const struct greylist_time *after, uint64_t ms)
{
	int64_t base = seconds - after->up;

	wall->asked = true;
	wall->next_ms = ms; /* asked again with the next step, else */
	if (after->run == 0 || distance(after->up, before->up) > 1)
		return;
	wall->next_ms = ms + REDIS_CLOCK_EVERY_MS;
	if (wall->run != after->run) {
		*wall = (struct redis_wall){ .asked = true,
					     .next_ms = wall->next_ms,
					     .run = after->run,
					     .base = base };
	} else if (distance(base, wall->base) > REDIS_CLOCK_DRIFT) {
		doubt(wall, base, ms);
	} else {
		wall->in_doubt = false;
		if (distance(base, wall->base) > REDIS_CLOCK_ROUNDING)
			wall->base = base;
	}
}

void redis_wall_refused(struct redis_wall *wall, uint64_t ms)
{
	wall->asked = true;
	wall->next_ms = ms + REDIS_CLOCK_EVERY_MS;
}

/* Can our steady clock tell what the server's wall clock shows at `now`? */
static bool tells(const struct redis_wall *wall,
		  const struct greylist_time *now)
{
	return wall->run != 0 && wall->run == now->run && now->up >= 0 &&
	       now->up <= GREYLIST_TIME_MAX;
}

struct greylist_time redis_wall_time(const struct redis_wall *wall,
				     const struct greylist_time *now)
{
	struct greylist_time time = *now;

	if (!tells(wall, now))
		return time;
	time.wall = wall->base + now->up;
	if (time.wall < 0)
		time.wall = 0;
	if (time.wall > GREYLIST_TIME_MAX)
		time.wall = GREYLIST_TIME_MAX;
	return time;
}

int64_t redis_wall_ahead(const struct redis_wall *wall,
			 const struct greylist_time *now)
{
	return tells(wall, now) ? now->wall - (wall->base + now->up) : 0;
}
