/*
 * poison.c - a small table, searched from front to back: deaths are rare, and
 * without any there is nothing to search.
 */
#include "filter/poison.h"

#include <stdlib.h>

#include "lists/hash.h"

struct suspect {
	uint64_t digest[2];
	int64_t deaths[POISON_DEATHS]; /* times of the latest, newest first */
	unsigned count; /* of them, up to POISON_DEATHS */
	uint64_t seen; /* grows with each sight of it */
	bool refused;
};

struct poison {
	struct hash_key keys[2];
	size_t count;
	uint64_t sights;
	struct suspect suspects[POISON_SIZE];
};

struct poison *poison_new(void)
{
	struct poison *poison = calloc(1, sizeof(*poison));

	if (poison == NULL)
		return NULL;
	if (hash_key_random(&poison->keys[0]) < 0 ||
	    hash_key_random(&poison->keys[1]) < 0) {
		free(poison);
		return NULL;
	}
	return poison;
}

void poison_free(struct poison *poison)
{
	free(poison);
}

static struct suspect *suspect_find(struct poison *poison, const void *input,
				    size_t len, uint64_t ret_digest[2])
{
	ret_digest[0] = hash_keyed(&poison->keys[0], input, len);
	ret_digest[1] = hash_keyed(&poison->keys[1], input, len);
	for (size_t i = 0; i < poison->count; i++) {
		struct suspect *suspect = &poison->suspects[i];

		if (suspect->digest[0] == ret_digest[0] &&
		    suspect->digest[1] == ret_digest[1]) {
			suspect->seen = ++poison->sights;
			return suspect;
		}
	}
	return NULL;
}

/* A free place, or that of whoever was not seen for longest. */
static struct suspect *suspect_add(struct poison *poison,
				   const uint64_t digest[2])
{
	struct suspect *place = &poison->suspects[0];

	if (poison->count < POISON_SIZE) {
		place = &poison->suspects[poison->count++];
	} else {
		for (size_t i = 1; i < poison->count; i++)
			if (poison->suspects[i].seen < place->seen)
				place = &poison->suspects[i];
	}
	*place = (struct suspect){ .digest = { digest[0], digest[1] },
				   .seen = ++poison->sights };
	return place;
}

void poison_killed(struct poison *poison, const void *input, size_t len,
		   int64_t now)
{
	uint64_t digest[2];
	struct suspect *suspect = suspect_find(poison, input, len, digest);

	if (suspect == NULL)
		suspect = suspect_add(poison, digest);
	for (size_t i = POISON_DEATHS - 1; i > 0; i--)
		suspect->deaths[i] = suspect->deaths[i - 1];
	suspect->deaths[0] = now;
	if (suspect->count < POISON_DEATHS)
		suspect->count++;
	if (suspect->count == POISON_DEATHS &&
	    now - suspect->deaths[POISON_DEATHS - 1] <= POISON_WINDOW)
		suspect->refused = true;
}

bool poison_refuses(struct poison *poison, const void *input, size_t len)
{
	uint64_t digest[2];
	const struct suspect *suspect;

	if (poison->count == 0)
		return false;
	suspect = suspect_find(poison, input, len, digest);
	return suspect != NULL && suspect->refused;
}
