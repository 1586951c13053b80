/* replay.c - signatures seen in the last hour, see replay.h. */
#include "filter/checks/replay.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lists/hash.h"
#include "rules/facts.h"

enum {
	HOUR = 3600,
	WAYS = 8, /* places that a signature may have */
	SETS = 8192, /* a power of two */
};

struct seen {
	uint64_t signature; /* 0: the place is free */
	int64_t hour; /* that `count` is of; `before` is of the one before */
	uint32_t count, before;
};

struct replays {
	struct seen seen[SETS][WAYS];
};

struct replays *replays_new(void)
{
	return calloc(1, sizeof(struct replays));
}

void replays_free(struct replays *replays)
{
	free(replays);
}

/* A clock that was set back leaves what it has counted where it is. */
static void turn_to(struct seen *seen, int64_t hour)
{
	if (hour <= seen->hour)
		return;
	seen->before = hour == seen->hour + 1 ? seen->count : 0;
	seen->count = 0;
	seen->hour = hour;
}

static uint32_t worth(const struct seen *seen)
{
	return seen->count > seen->before ? seen->count : seen->before;
}

/* Its place, or the one that is missed least. */
static struct seen *place_of(struct seen *set, uint64_t signature, int64_t hour)
{
	struct seen *least = &set[0];

	for (size_t i = 0; i < WAYS; i++) {
		if (set[i].signature == signature)
			return &set[i];
		turn_to(&set[i], hour);
		if (worth(&set[i]) < worth(least))
			least = &set[i];
	}
	*least = (struct seen){ .signature = signature, .hour = hour };
	return least;
}

uint32_t replays_count(struct replays *replays, uint64_t signature, int64_t now)
{
	int64_t hour = now / HOUR, left = HOUR - now % HOUR;
	uint64_t key = signature != 0 ? signature : 1;
	struct seen *seen = place_of(replays->seen[key % SETS], key, hour);

	turn_to(seen, hour);
	if (seen->count < UINT32_MAX / 2)
		seen->count++;
	return seen->count + (uint32_t)((int64_t)seen->before * left / HOUR);
}

/* --- of a message -------------------------------------------------------- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct replays *table;
static struct hash_key key;

/* Under the lock.  False without memory; the next message tries again. */
static bool table_is_there(void)
{
	if (table == NULL && hash_key_random(&key) == 0)
		table = replays_new();
	return table != NULL;
}

static const struct fact *set_of(const struct facts *facts, enum fact_id id)
{
	const struct fact *fact = &facts->fixed[id];

	return fact->state == FACT_KNOWN ? fact : NULL;
}

static void mix(uint64_t *hash, const struct text *text)
{
	*hash ^= hash_keyed(&key, text->at, text->len);
	*hash *= 0x9E3779B97F4A7C15u; /* so that the order matters */
}

static bool text_is(const struct text *text, const char *word)
{
	return text->len == strlen(word) &&
	       memcmp(text->at, word, text->len) == 0;
}

/*
 * The sets are parallel: the n-th value is of the n-th signature.  The hash is
 * keyed, so nobody chooses whom he drives out.
 */
static uint32_t count_passed(const struct facts *facts, int64_t now)
{
	const struct fact *results = set_of(facts, FACT_DKIM_RESULTS);
	const struct fact *parts[] = { set_of(facts, FACT_DKIM_DOMAINS),
				       set_of(facts, FACT_DKIM_SELECTORS),
				       set_of(facts, FACT_DKIM_DIGESTS) };
	uint32_t most = 0;

	for (size_t i = 0; results != NULL && i < results->set.count; i++) {
		uint64_t signature = 0;
		uint32_t count;

		if (!text_is(&results->set.items[i], "pass"))
			continue;
		for (size_t p = 0; p < sizeof(parts) / sizeof(parts[0]); p++)
			if (parts[p] != NULL && i < parts[p]->set.count)
				mix(&signature, &parts[p]->set.items[i]);
		count = replays_count(table, signature, now);
		if (count > most)
			most = count;
	}
	return most;
}

/* One of them might pass. */
static bool is_unsure(const struct fact *results)
{
	for (size_t i = 0; i < results->set.count; i++)
		if (text_is(&results->set.items[i], "temperror"))
			return true;
	return results->partial;
}

void check_replay(struct facts *facts, int64_t now)
{
	const struct fact *results = &facts->fixed[FACT_DKIM_RESULTS];
	bool room;
	uint32_t most = 0;

	if (results->state != FACT_KNOWN) {
		facts->fixed[FACT_DKIM_SEEN] = *results;
		return;
	}
	pthread_mutex_lock(&lock);
	room = table_is_there();
	if (room)
		most = count_passed(facts, now);
	pthread_mutex_unlock(&lock);
	if (!room)
		facts_unknown(facts, FACT_DKIM_SEEN, CAUSE_LIMIT);
	else if (most == 0 && is_unsure(results))
		facts_unknown(facts, FACT_DKIM_SEEN, CAUSE_FAILED);
	else if (most == 0)
		facts_none(facts, FACT_DKIM_SEEN);
	else
		facts_number(facts, FACT_DKIM_SEEN, most);
}
