/*
 * iplist.c - sorted networks, the outermost in front.
 *
 * Two networks are either apart or one lies within the other.  Whether an
 * address is in any of them is therefore decided by the outermost alone, and
 * as those are apart, the last one that begins at or before the address is
 * the only candidate.  The inner ones are kept behind them, to be counted and
 * shown.
 *
 * The start of every STRETCH-th outer network is also kept apart, as a
 * signpost: the search among a million begins in what fits the processor's
 * cache and then looks at a few neighbouring lines of memory.
 */
#include "lists/iplist.h"
#include "lists/ip.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define STRETCH 32

struct v6 {
	uint64_t high, low;
};

/* An IPv6 network while the set is being filled. */
struct v6_entry {
	struct v6 start;
	uint8_t bits;
};

/* `outer` networks that are apart, then those within them; both sorted. */
struct v4_table {
	uint32_t *start, *signs;
	uint8_t *bits;
	size_t count, outer;
};

struct v6_table {
	struct v6 *start, *signs;
	uint8_t *bits;
	size_t count, outer;
};

struct iplist {
	/* IPv4 as start << 8 | bits: sorts like the pair, and swiftly. */
	uint64_t *v4_added;
	size_t v4_count, v4_room;
	struct v6_entry *v6_added;
	size_t v6_count, v6_room;

	struct v4_table v4;
	struct v6_table v6;
};

static uint64_t big_endian(const uint8_t *bytes, size_t len)
{
	uint64_t word = 0;

	for (size_t i = 0; i < len; i++)
		word = word << 8 | bytes[i];
	return word;
}

static void put_big_endian(uint8_t *bytes, size_t len, uint64_t word)
{
	while (len-- > 0) {
		bytes[len] = (uint8_t)word;
		word >>= 8;
	}
}

static uint32_t v4_of(const struct ip *ip)
{
	return (uint32_t)big_endian(ip->bytes, 4);
}

static struct v6 v6_of(const struct ip *ip)
{
	return (struct v6){ big_endian(ip->bytes, 8),
			    big_endian(ip->bytes + 8, 8) };
}

static int v6_compare(const struct v6 *a, const struct v6 *b)
{
	if (a->high != b->high)
		return a->high < b->high ? -1 : 1;
	if (a->low != b->low)
		return a->low < b->low ? -1 : 1;
	return 0;
}

static bool v4_within(uint32_t ip, uint32_t start, unsigned bits)
{
	return bits == 0 || (ip ^ start) >> (32 - bits) == 0;
}

static bool v6_within(const struct v6 *ip, const struct v6 *start,
		      unsigned bits)
{
	uint64_t high = ip->high ^ start->high;
	uint64_t low = ip->low ^ start->low;

	if (bits == 0)
		return true;
	if (bits <= 64)
		return high >> (64 - bits) == 0;
	return high == 0 && low >> (128 - bits) == 0;
}

struct iplist *iplist_new(void)
{
	return calloc(1, sizeof(struct iplist));
}

void iplist_free(struct iplist *set)
{
	if (!set)
		return;
	free(set->v4_added);
	free(set->v6_added);
	free(set->v4.start);
	free(set->v4.signs);
	free(set->v4.bits);
	free(set->v6.start);
	free(set->v6.signs);
	free(set->v6.bits);
	free(set);
}

/* Makes room for one more of `size` bytes; NULL leaves the array as it was. */
static void *grow(void *array, size_t count, size_t *room, size_t size)
{
	size_t wanted = *room ? *room + *room / 2 : 8;
	void *bigger;

	if (count < *room)
		return array;
	bigger = reallocarray(array, wanted, size);
	if (bigger)
		*room = wanted;
	return bigger;
}

int iplist_add(struct iplist *set, const struct ip_prefix *prefix)
{
	if (prefix->ip.family == 4) {
		uint64_t *keys = grow(set->v4_added, set->v4_count,
				      &set->v4_room, sizeof(*keys));

		if (!keys)
			return -1;
		set->v4_added = keys;
		keys[set->v4_count++] =
			(uint64_t)v4_of(&prefix->ip) << 8 | prefix->bits;
	} else if (prefix->ip.family == 6) {
		struct v6_entry *entries =
			grow(set->v6_added, set->v6_count, &set->v6_room,
			     sizeof(*entries));

		if (!entries)
			return -1;
		set->v6_added = entries;
		entries[set->v6_count++] =
			(struct v6_entry){ v6_of(&prefix->ip), prefix->bits };
	} else {
		errno = EINVAL;
		return -1;
	}
	return 0;
}

static size_t signs_for(size_t count)
{
	return (count + STRETCH - 1) / STRETCH;
}

static int by_key(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Wider networks first among those that begin together. */
static int by_start(const void *a, const void *b)
{
	const struct v6_entry *x = a, *y = b;
	int order = v6_compare(&x->start, &y->start);

	return order ? order : (x->bits > y->bits) - (x->bits < y->bits);
}

/*
 * Sorted without duplicates, the keys are walked twice: what does not lie in
 * the last outer network is one itself and goes in front, the rest behind.
 */
static int v4_seal(struct iplist *set)
{
	uint64_t *keys = set->v4_added;
	struct v4_table *t = &set->v4;
	size_t unique = 0, outer = 0;

	if (set->v4_count == 0)
		return 0;
	qsort(keys, set->v4_count, sizeof(*keys), by_key);
	for (size_t i = 0; i < set->v4_count; i++)
		if (unique == 0 || keys[unique - 1] != keys[i])
			keys[unique++] = keys[i];
	t->start = calloc(unique, sizeof(*t->start));
	t->bits = calloc(unique, sizeof(*t->bits));
	if (!t->start || !t->bits)
		return -1;
	for (int inner = 0; inner < 2; inner++) {
		uint64_t top = 0;
		bool any = false;

		for (size_t i = 0; i < unique; i++) {
			uint32_t start = (uint32_t)(keys[i] >> 8);
			bool within =
				any && v4_within(start, (uint32_t)(top >> 8),
						 top & 0xff);

			if (!within) {
				top = keys[i];
				any = true;
			}
			if (within != (inner == 1))
				continue;
			t->start[t->count] = start;
			t->bits[t->count++] = (uint8_t)keys[i];
			outer += !inner;
		}
	}
	t->outer = outer;
	t->signs = calloc(signs_for(outer), sizeof(*t->signs));
	if (!t->signs)
		return -1;
	for (size_t i = 0; i < outer; i += STRETCH)
		t->signs[i / STRETCH] = t->start[i];
	free(set->v4_added);
	set->v4_added = NULL;
	return 0;
}

static int v6_seal(struct iplist *set)
{
	struct v6_entry *added = set->v6_added;
	struct v6_table *t = &set->v6;
	size_t unique = 0, outer = 0;

	if (set->v6_count == 0)
		return 0;
	qsort(added, set->v6_count, sizeof(*added), by_start);
	for (size_t i = 0; i < set->v6_count; i++)
		if (unique == 0 || by_start(&added[unique - 1], &added[i]) != 0)
			added[unique++] = added[i];
	t->start = calloc(unique, sizeof(*t->start));
	t->bits = calloc(unique, sizeof(*t->bits));
	if (!t->start || !t->bits)
		return -1;
	for (int inner = 0; inner < 2; inner++) {
		const struct v6_entry *top = NULL;

		for (size_t i = 0; i < unique; i++) {
			bool within = top && v6_within(&added[i].start,
						       &top->start, top->bits);

			if (!within)
				top = &added[i];
			if (within != (inner == 1))
				continue;
			t->start[t->count] = added[i].start;
			t->bits[t->count++] = added[i].bits;
			outer += !inner;
		}
	}
	t->outer = outer;
	t->signs = calloc(signs_for(outer), sizeof(*t->signs));
	if (!t->signs)
		return -1;
	for (size_t i = 0; i < outer; i += STRETCH)
		t->signs[i / STRETCH] = t->start[i];
	free(set->v6_added);
	set->v6_added = NULL;
	return 0;
}

int iplist_seal(struct iplist *set)
{
	return v4_seal(set) < 0 || v6_seal(set) < 0 ? -1 : 0;
}

/* The last of n sorted starts that is not behind ip; 0 if there is none. */
static size_t v4_last(const uint32_t *start, size_t n, uint32_t ip)
{
	size_t at = 0;

	while (n > 1) {
		size_t half = n / 2;

		at += start[at + half] <= ip ? half : 0;
		n -= half;
	}
	return at;
}

static size_t v6_last(const struct v6 *start, size_t n, const struct v6 *ip)
{
	size_t at = 0;

	while (n > 1) {
		const struct v6 *middle = &start[at + n / 2];
		/* no branches: which way to go is anybody's guess */
		bool before =
			(middle->high < ip->high) |
			((middle->high == ip->high) & (middle->low <= ip->low));

		at += before ? n / 2 : 0;
		n -= n / 2;
	}
	return at;
}

/* How many of `count` begin at `at`: a stretch, or what is left. */
static size_t stretch(size_t count, size_t at)
{
	return count - at < STRETCH ? count - at : STRETCH;
}

static bool v4_has(const struct v4_table *t, uint32_t ip)
{
	size_t at;

	if (t->outer == 0)
		return false;
	at = v4_last(t->signs, signs_for(t->outer), ip) * STRETCH;
	at += v4_last(t->start + at, stretch(t->outer, at), ip);
	return v4_within(ip, t->start[at], t->bits[at]);
}

static bool v6_has(const struct v6_table *t, const struct v6 *ip)
{
	size_t at;

	if (t->outer == 0)
		return false;
	at = v6_last(t->signs, signs_for(t->outer), ip) * STRETCH;
	at += v6_last(t->start + at, stretch(t->outer, at), ip);
	return v6_within(ip, &t->start[at], t->bits[at]);
}

bool iplist_has(const struct iplist *set, const struct ip *ip)
{
	struct v6 v6;

	if (ip->family == 4)
		return v4_has(&set->v4, v4_of(ip));
	if (ip->family != 6)
		return false;
	v6 = v6_of(ip);
	return v6_has(&set->v6, &v6);
}

size_t iplist_count(const struct iplist *set)
{
	return set->v4.count + set->v6.count;
}

size_t iplist_memory(const struct iplist *set)
{
	return sizeof(*set) + set->v4.count * (sizeof(uint32_t) + 1) +
	       set->v6.count * (sizeof(struct v6) + 1) +
	       signs_for(set->v4.outer) * sizeof(uint32_t) +
	       signs_for(set->v6.outer) * sizeof(struct v6);
}

static struct ip_prefix v4_prefix(const struct v4_table *t, size_t at)
{
	struct ip_prefix prefix = { .ip.family = 4, .bits = t->bits[at] };

	put_big_endian(prefix.ip.bytes, 4, t->start[at]);
	return prefix;
}

static struct ip_prefix v6_prefix(const struct v6_table *t, size_t at)
{
	struct ip_prefix prefix = { .ip.family = 6, .bits = t->bits[at] };

	put_big_endian(prefix.ip.bytes, 8, t->start[at].high);
	put_big_endian(prefix.ip.bytes + 8, 8, t->start[at].low);
	return prefix;
}

/*
 * Outer and inner networks merged into one order.  Where both begin together
 * the outer one is the wider and comes first.
 */
void iplist_each(const struct iplist *set,
		 bool (*visit)(void *ctx, const struct ip_prefix *prefix),
		 void *ctx)
{
	size_t outer = 0, inner = set->v4.outer;

	while (outer < set->v4.outer || inner < set->v4.count) {
		bool first = inner == set->v4.count ||
			     (outer < set->v4.outer &&
			      set->v4.start[outer] <= set->v4.start[inner]);
		struct ip_prefix p =
			v4_prefix(&set->v4, first ? outer++ : inner++);

		if (!visit(ctx, &p))
			return;
	}
	outer = 0;
	inner = set->v6.outer;
	while (outer < set->v6.outer || inner < set->v6.count) {
		bool first = inner == set->v6.count ||
			     (outer < set->v6.outer &&
			      v6_compare(&set->v6.start[outer],
					 &set->v6.start[inner]) <= 0);
		struct ip_prefix p =
			v6_prefix(&set->v6, first ? outer++ : inner++);

		if (!visit(ctx, &p))
			return;
	}
}
