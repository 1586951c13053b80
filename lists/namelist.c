/*
 * namelist.c - all keys in one piece of memory, and a table over it.
 *
 * The pool holds each key behind two bytes: its length, times two, plus one
 * if it is exact.  The table is open addressing with linear probing: `slots`
 * has the places in the pool, `tags` eight bits of each key's hash, never 0
 * where there is one.  Most names met in mail are in no list, and a miss
 * hardly ever leaves the tags.
 */
#include "lists/namelist.h"
#include "lists/entry.h"
#include "lists/hash.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define HEAD 2 /* bytes before a key */

enum {
	BELOW = 1, /* entries for a domain and all below it */
	EXACT = 2,
};

struct namelist {
	char *pool;
	size_t used, room;
	size_t count;
	size_t dots; /* in the key that has most of them */

	uint32_t *slots;
	uint8_t *tags;
	size_t mask; /* slots are a power of two; 0 for no table */
	struct hash_key key;
};

struct namelist *namelist_new(void)
{
	return calloc(1, sizeof(struct namelist));
}

void namelist_free(struct namelist *set)
{
	if (!set)
		return;
	free(set->pool);
	free(set->slots);
	free(set->tags);
	free(set);
}

static int reserve(struct namelist *set, size_t more)
{
	size_t room = set->room ? set->room : 256;
	char *bigger;

	while (room - set->used < more)
		room += room / 2;
	if (set->used + more > UINT32_MAX) {
		errno = EFBIG;
		return -1;
	}
	if (room == set->room)
		return 0;
	bigger = realloc(set->pool, room);
	if (!bigger)
		return -1;
	set->pool = bigger;
	set->room = room;
	return 0;
}

static void put_head(char *at, bool exact, size_t len)
{
	uint16_t head = (uint16_t)(len << 1 | exact);

	memcpy(at, &head, HEAD);
}

static size_t get_head(const char *at, bool *ret_exact)
{
	uint16_t head;

	memcpy(&head, at, HEAD);
	*ret_exact = head & 1;
	return head >> 1;
}

static size_t count_dots(const char *text, size_t len)
{
	size_t dots = 0;

	for (size_t i = 0; i < len; i++)
		dots += text[i] == '.';
	return dots;
}

int namelist_add(struct namelist *set, bool exact, const char *key, size_t len)
{
	size_t dots;

	if (len == 0 || len > NAMELIST_KEY_MAX) {
		errno = EINVAL;
		return -1;
	}
	if (reserve(set, HEAD + len) < 0)
		return -1;
	put_head(set->pool + set->used, exact, len);
	memcpy(set->pool + set->used + HEAD, key, len);
	set->used += HEAD + len;
	set->count++;
	dots = count_dots(key, len);
	if (dots > set->dots)
		set->dots = dots;
	return 0;
}

static uint8_t tag_of(uint64_t hash)
{
	uint8_t tag = (uint8_t)(hash >> 56);

	return tag ? tag : 1;
}

/* Where a key that was not found would go. */
struct place {
	size_t slot;
	uint8_t tag;
};

/* Is the key among the wanted kinds of entries?  ret_place may be NULL. */
static bool find(const struct namelist *set, unsigned wanted, const char *key,
		 size_t len, struct place *ret_place)
{
	uint64_t hash = hash_keyed(&set->key, key, len);
	uint8_t tag = tag_of(hash);
	size_t slot = hash & set->mask;

	/* There is always a free slot to end at. */
	for (; set->tags[slot] != 0; slot = (slot + 1) & set->mask) {
		const char *at = set->pool + set->slots[slot];
		bool exact;

		if (set->tags[slot] != tag)
			continue;
		if (get_head(at, &exact) == len &&
		    (wanted & (exact ? EXACT : BELOW)) != 0 &&
		    memcmp(at + HEAD, key, len) == 0)
			return true;
	}
	if (ret_place)
		*ret_place = (struct place){ slot, tag };
	return false;
}

/* At most four in five slots are taken. */
static int make_table(struct namelist *set)
{
	size_t slots = 8;

	while (slots / 5 * 4 < set->count)
		slots *= 2;
	set->slots = calloc(slots, sizeof(*set->slots));
	set->tags = calloc(slots, sizeof(*set->tags));
	if (!set->slots || !set->tags)
		return -1;
	set->mask = slots - 1;
	return 0;
}

int namelist_seal(struct namelist *set)
{
	size_t from = 0, to = 0, step;
	struct place place;
	char *tight;
	bool exact;

	if (set->count == 0)
		return 0;
	if (hash_key_random(&set->key) < 0 || make_table(set) < 0)
		return -1;
	for (; from < set->used; from += step) {
		size_t len = get_head(set->pool + from, &exact);

		step = HEAD + len;
		if (find(set, exact ? EXACT : BELOW, set->pool + from + HEAD,
			 len, &place)) {
			set->count--;
			continue;
		}
		memmove(set->pool + to, set->pool + from, step);
		set->slots[place.slot] = (uint32_t)to;
		set->tags[place.slot] = place.tag;
		to += step;
	}
	set->used = to;
	tight = realloc(set->pool, to);
	if (tight) {
		set->pool = tight;
		set->room = to;
	}
	return 0;
}

bool namelist_has_domain(const struct namelist *set, const char *name,
			 size_t len)
{
	char key[ENTRY_KEY_MAX];
	unsigned wanted = BELOW | EXACT;
	const char *at = key, *dot;
	size_t dots;

	len = entry_domain_key(name, len, key);
	if (len == 0 || set->mask == 0)
		return false;
	dots = count_dots(key, len);
	for (;; at = dot + 1, dots--, wanted = BELOW) {
		size_t left = (size_t)(key + len - at);

		/* What has more labels than any entry is not looked for. */
		if (dots <= set->dots && find(set, wanted, at, left, NULL))
			return true;
		if (dots == 0)
			return false;
		dot = memchr(at, '.', left);
	}
}

bool namelist_has_address(const struct namelist *set, const char *address,
			  size_t len)
{
	char key[ENTRY_KEY_MAX];
	const char *at;

	len = entry_address_key(address, len, key);
	if (len == 0 || set->mask == 0)
		return false;
	if (find(set, BELOW, key, len, NULL))
		return true;
	at = memrchr(key, '@', len);
	return find(set, BELOW, at, (size_t)(key + len - at), NULL);
}

size_t namelist_count(const struct namelist *set)
{
	return set->count;
}

size_t namelist_memory(const struct namelist *set)
{
	size_t slots = set->mask ? set->mask + 1 : 0;

	return sizeof(*set) + set->room + slots * (sizeof(*set->slots) + 1);
}

void namelist_each(const struct namelist *set,
		   bool (*visit)(void *ctx, bool exact, const char *key,
				 size_t len),
		   void *ctx)
{
	for (size_t at = 0, len; at < set->used; at += HEAD + len) {
		bool exact;

		len = get_head(set->pool + at, &exact);
		if (!visit(ctx, exact, set->pool + at + HEAD, len))
			return;
	}
}
