/*
 * greylist_advice.c - what other terms of greylisting would have meant for the
 * mail that has been seen.
 */
#include "ctl/greylist_advice.h"

#include <err.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/command.h"
#include "lists/hash.h"
#include "lists/ip.h"

enum { MINUTE = 60, HOUR = 3600, DAY = 86400 };

static const int64_t waits[] = { MINUTE,      2 * MINUTE,  5 * MINUTE,
				 10 * MINUTE, 15 * MINUTE, 30 * MINUTE,
				 HOUR };
static const int64_t windows[] = { 2 * HOUR, 4 * HOUR, 12 * HOUR,
				   DAY,	     2 * DAY,  4 * DAY };
/* The plot's steps; the last has no end. */
static const int64_t steps[] = { MINUTE,      2 * MINUTE,  5 * MINUTE,
				 10 * MINUTE, 15 * MINUTE, 30 * MINUTE,
				 HOUR,	      2 * HOUR,	   4 * HOUR,
				 8 * HOUR,    DAY,	   2 * DAY,
				 INT64_MAX };
static const uint32_t passes[] = { 1, 2, 3, 5, 10 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* --- sets of hashes ------------------------------------------------------ */

/* Those that are in it already, up to ADVICE_NETWORKS of them. */
struct set {
	uint64_t *at; /* 0 is free */
	uint64_t *with; /* what belongs to each, if anything */
	size_t size, used; /* size is a power of two */
	bool full;
};

static void set_init(struct set *set, bool with)
{
	*set = (struct set){ .size = 1024 };
	set->at = calloc(set->size, sizeof(*set->at));
	set->with = with ? calloc(set->size, sizeof(*set->with)) : NULL;
	if (!set->at || (with && !set->with))
		err(EXIT_NO, NULL);
}

static void set_done(struct set *set)
{
	free(set->at);
	free(set->with);
}

static size_t place_of(const struct set *set, uint64_t hash)
{
	size_t place = (size_t)hash & (set->size - 1);

	while (set->at[place] != 0 && set->at[place] != hash)
		place = (place + 1) & (set->size - 1);
	return place;
}

static void set_grow(struct set *set)
{
	struct set old = *set;

	set->size *= 2;
	set->at = calloc(set->size, sizeof(*set->at));
	if (old.with)
		set->with = calloc(set->size, sizeof(*set->with));
	if (!set->at || (old.with && !set->with))
		err(EXIT_NO, NULL);
	for (size_t i = 0; i < old.size; i++) {
		size_t place;

		if (old.at[i] == 0)
			continue;
		place = place_of(set, old.at[i]);
		set->at[place] = old.at[i];
		if (old.with)
			set->with[place] = old.with[i];
	}
	set_done(&old);
}

/* What belongs to it, which is `with` if it was not there; NULL: no room. */
static uint64_t *set_add(struct set *set, uint64_t hash, uint64_t with,
			 bool *ret_is_new)
{
	size_t place;

	hash = hash ? hash : 1;
	if (set->used * 2 >= set->size && set->size < 2 * ADVICE_NETWORKS)
		set_grow(set);
	place = place_of(set, hash);
	*ret_is_new = set->at[place] == 0;
	if (*ret_is_new) {
		if (set->used >= ADVICE_NETWORKS) {
			set->full = true;
			return NULL;
		}
		set->at[place] = hash;
		if (set->with)
			set->with[place] = with;
		set->used++;
	}
	return set->with ? &set->with[place] : set->at + place;
}

/* --- what is gathered ---------------------------------------------------- */

enum { MASKS = 5 };

/* Networks of one family, in the width that is remembered and in wider ones. */
struct family {
	unsigned of; /* 4 or 6 */
	unsigned bits[MASKS];
	struct set networks[MASKS]; /* at each */
	uint64_t merged[MASKS]; /* mails of several networks that are one */
	unsigned finest; /* that was seen */
};

struct advice {
	int64_t wait, window, now;
	struct hash_key key;
	uint64_t passed, measured; /* measured: it is known how long */
	uint64_t waiting, again, overdue; /* tried again; once, and long ago */
	uint64_t steps[COUNT(steps)];
	uint64_t pass[COUNT(waits)], through[COUNT(waits)];
	uint64_t late[COUNT(windows)];
	uint64_t identities, known, with_passes[COUNT(passes)];
	struct family four, six;
	struct set mails; /* their first network */
	uint64_t several; /* mails, tried from several networks */
};

static void family_init(struct family *family, unsigned of,
			const unsigned bits[MASKS])
{
	family->of = of;
	for (size_t i = 0; i < MASKS; i++) {
		family->bits[i] = bits[i];
		set_init(&family->networks[i], false);
	}
}

struct advice *advice_new(int64_t wait, int64_t window, int64_t now)
{
	struct advice *advice = calloc(1, sizeof(*advice));

	if (!advice || hash_key_random(&advice->key) < 0)
		err(EXIT_NO, NULL);
	advice->wait = wait;
	advice->window = window;
	advice->now = now;
	family_init(&advice->four, 4, (unsigned[]){ 32, 28, 24, 20, 16 });
	family_init(&advice->six, 6, (unsigned[]){ 128, 64, 56, 48, 32 });
	set_init(&advice->mails, true);
	return advice;
}

void advice_free(struct advice *advice)
{
	if (!advice)
		return;
	for (size_t i = 0; i < MASKS; i++) {
		set_done(&advice->four.networks[i]);
		set_done(&advice->six.networks[i]);
	}
	set_done(&advice->mails);
	free(advice);
}

/* --- networks ------------------------------------------------------------ */

static uint64_t hash_network(const struct advice *advice, const struct ip *ip,
			     unsigned bits)
{
	struct ip masked = ip_mask(ip, bits);

	return hash_keyed(&advice->key, &masked, sizeof(masked));
}

/* What is left of an address in eight bytes: enough for any wider network. */
static uint64_t squeeze(const struct ip *ip)
{
	uint64_t front = 0;

	for (size_t i = 0; i < 8; i++)
		front = front << 8 | ip->bytes[i];
	return front;
}

static struct ip unsqueeze(uint64_t front, unsigned family)
{
	struct ip ip = { .family = (uint8_t)family };

	for (size_t i = 0; i < 8; i++)
		ip.bytes[i] = (uint8_t)(front >> (8 * (7 - i)));
	return ip;
}

/*
 * A mail has a sender and a recipient; it was tried before from another network
 * if what it began with is another.
 */
static void add_mail(struct advice *advice, struct family *family,
		     const struct ip *ip, const json_t *entry)
{
	const char *key = json_string_value(json_object_get(entry, "key"));
	const char *rest = key ? strchr(key, ' ') : NULL;
	const uint64_t *first;
	uint64_t hash;
	struct ip other;
	bool is_new;

	if (!rest)
		return;
	hash = hash_keyed(&advice->key, rest, strlen(rest)) ^ family->of;
	first = set_add(&advice->mails, hash, squeeze(ip), &is_new);
	if (!first || is_new || *first == squeeze(ip))
		return;
	advice->several++;
	other = unsqueeze(*first, family->of);
	for (size_t i = 0; i < MASKS; i++) {
		struct ip a = ip_mask(ip, family->bits[i]);
		struct ip b = ip_mask(&other, family->bits[i]);

		/* of an address of six the front half is known */
		family->merged[i] += family->bits[i] <= 64 && ip_equal(&a, &b);
	}
}

static void add_network(struct advice *advice, const json_t *entry)
{
	const char *identity =
		json_string_value(json_object_get(entry, "identity"));
	struct ip_prefix network;
	struct family *family;
	bool is_new;

	if (!identity || strncmp(identity, "net:", 4) != 0 ||
	    ip_prefix_parse(identity + 4, strlen(identity + 4), &network,
			    NULL) < 0)
		return;
	family = network.ip.family == 4 ? &advice->four : &advice->six;
	if (network.bits > family->finest)
		family->finest = network.bits;
	for (size_t i = 0; i < MASKS; i++)
		set_add(&family->networks[i],
			hash_network(advice, &network.ip, family->bits[i]), 0,
			&is_new);
	add_mail(advice, family, &network.ip, entry);
}

/* --- records ------------------------------------------------------------- */

static int64_t number(const json_t *object, const char *key)
{
	return (int64_t)json_integer_value(json_object_get(object, key));
}

static bool says(const json_t *object, const char *key, const char *word)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text && strcmp(text, word) == 0;
}

static void add_passed(struct advice *advice, int64_t waited)
{
	size_t step = 0;

	advice->passed++;
	if (waited <= 0) /* did not have to, or was brought from elsewhere */
		return;
	advice->measured++;
	while (waited > steps[step])
		step++;
	advice->steps[step]++;
	for (size_t i = 0; i < COUNT(waits); i++)
		advice->pass[i] += waited >= waits[i];
	for (size_t i = 0; i < COUNT(windows); i++)
		advice->late[i] += waited > windows[i];
}

static void add_waiting(struct advice *advice, const json_t *entry)
{
	int64_t first = number(entry, "first"), last = number(entry, "last");
	bool again = number(entry, "count") > 1;

	advice->waiting++;
	advice->again += again;
	advice->overdue += !again && advice->now - first > advice->wait;
	for (size_t i = 0; i < COUNT(waits); i++)
		advice->through[i] += again && waits[i] < advice->wait &&
				      last - first >= waits[i];
}

static void add_identity(struct advice *advice, const json_t *entry)
{
	int64_t had = number(entry, "passes");

	advice->identities += had > 0;
	advice->known += json_is_true(json_object_get(entry, "known"));
	for (size_t i = 0; i < COUNT(passes); i++)
		advice->with_passes[i] += had >= passes[i];
}

void advice_add(struct advice *advice, const json_t *entry)
{
	if (says(entry, "kind", "identity")) {
		add_identity(advice, entry);
		return;
	}
	if (!says(entry, "kind", "triplet"))
		return;
	if (says(entry, "state", "passed"))
		add_passed(advice, number(entry, "waited"));
	else if (says(entry, "state", "waiting"))
		add_waiting(advice, entry);
	else
		return; /* cannot be read */
	add_network(advice, entry);
}

/* --- what was found ------------------------------------------------------ */

static void put(json_t *object, const char *key, uint64_t value)
{
	json_object_set_new(object, key, json_integer((json_int_t)value));
}

static json_t *row(json_t *array)
{
	json_t *object = json_object();

	json_array_append_new(array, object);
	return object;
}

static json_t *waits_json(const struct advice *advice)
{
	json_t *array = json_array();

	for (size_t i = 0; i < COUNT(waits); i++) {
		json_t *object = row(array);

		put(object, "wait", (uint64_t)waits[i]);
		put(object, "pass", advice->pass[i]);
		put(object, "again", advice->measured - advice->pass[i]);
		put(object, "through", advice->through[i]);
	}
	return array;
}

static json_t *windows_json(const struct advice *advice)
{
	json_t *array = json_array();

	for (size_t i = 0; i < COUNT(windows); i++) {
		json_t *object;

		if (windows[i] > advice->window)
			break; /* who came later has begun anew */
		object = row(array);
		put(object, "window", (uint64_t)windows[i]);
		put(object, "late", advice->late[i]);
	}
	return array;
}

static json_t *steps_json(const struct advice *advice)
{
	json_t *array = json_array();

	for (size_t i = 0; i < COUNT(steps); i++) {
		json_t *object = row(array);

		if (steps[i] == INT64_MAX)
			json_object_set_new(object, "up_to", json_null());
		else
			put(object, "up_to", (uint64_t)steps[i]);
		put(object, "count", advice->steps[i]);
	}
	return array;
}

static json_t *known_json(const struct advice *advice)
{
	json_t *array = json_array();

	for (size_t i = 0; i < COUNT(passes); i++) {
		json_t *object = row(array);

		put(object, "passes", passes[i]);
		put(object, "identities", advice->with_passes[i]);
	}
	return array;
}

/* A mask that is finer than what is remembered tells nothing. */
static json_t *masks_json(const struct family *family)
{
	json_t *array = json_array();

	for (size_t i = 0; i < MASKS; i++) {
		json_t *object;

		if (family->networks[i].used == 0 ||
		    family->bits[i] > family->finest)
			continue;
		object = row(array);
		put(object, "bits", family->bits[i]);
		put(object, "networks", family->networks[i].used);
		json_object_set_new(object, "or_more",
				    json_boolean(family->networks[i].full));
		put(object, "mails", family->merged[i]);
	}
	return array;
}

json_t *advice_json(const struct advice *advice, const json_t *stats)
{
	json_t *object = json_object();

	json_object_set_new(object, "ok", json_true());
	json_object_set_new(object, "enough",
			    json_boolean(advice->measured >= ADVICE_ENOUGH));
	put(object, "wait", (uint64_t)advice->wait);
	put(object, "window", (uint64_t)advice->window);
	put(object, "passed", advice->passed);
	put(object, "measured", advice->measured);
	put(object, "waiting", advice->waiting);
	put(object, "tried_again", advice->again);
	put(object, "overdue", advice->overdue);
	json_object_set(object, "never_back",
			json_object_get(stats, "never_back"));
	json_object_set(object, "never_back_share",
			json_object_get(stats, "never_back_share"));
	json_object_set(object, "back_since",
			json_object_get(stats, "back_since"));
	json_object_set(object, "answers", json_object_get(stats, "answers"));
	json_object_set_new(object, "came_back", steps_json(advice));
	json_object_set_new(object, "waits", waits_json(advice));
	json_object_set_new(object, "windows", windows_json(advice));
	put(object, "identities", advice->identities);
	put(object, "known", advice->known);
	json_object_set_new(object, "known_after", known_json(advice));
	put(object, "several_networks", advice->several);
	json_object_set_new(object, "masks4", masks_json(&advice->four));
	json_object_set_new(object, "masks6", masks_json(&advice->six));
	return object;
}
