/*
 * store_entry.c - what one record of a store is: its key, its value, what of a
 * filter holds for it, and whether it is better than another.
 */
#include "lists/store.h"

#include <fnmatch.h>
#include <string.h>

#include "lists/sender_key.h"

/* --- keys and values ----------------------------------------------------- */

/* A sender's key is a word, and never a digest of a triplet's. */
static bool is_address(const char *key, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (key[i] <= ' ' || key[i] >= 0x7f)
			return false;
	return len > 0 && len < SENDER_KEY_SIZE && key[0] != ':' &&
	       !(len == 2 && memcmp(key, "<>", 2) == 0);
}

bool store_key_valid(enum store_kind kind, const char *key, size_t len)
{
	struct triplet_parts parts;

	switch (kind) {
	case STORE_TRIPLET: return triplet_parse(key, len, &parts);
	case STORE_IDENTITY:
		return triplet_identity_proof(key, len) != TRIPLET_NOTHING;
	case STORE_OUTBOUND: return is_address(key, len);
	case STORE_ALL: break;
	}
	return false;
}

bool store_entry_read(struct store_entry *entry)
{
	size_t len = strlen(entry->value);

	entry->reading = GREYLIST_JUNK;
	entry->triplet = (struct greylist_triplet){ 0 };
	entry->identity = (struct greylist_identity){ 0 };
	entry->outbound = (struct greylist_outbound){ 0 };
	switch (entry->kind) {
	case STORE_TRIPLET:
		entry->reading = greylist_read_triplet(entry->value, len,
						       &entry->triplet);
		break;
	case STORE_IDENTITY:
		entry->reading = greylist_read_identity(entry->value, len,
							&entry->identity);
		break;
	case STORE_OUTBOUND:
		entry->reading = greylist_read_outbound(entry->value, len,
							&entry->outbound);
		break;
	case STORE_ALL: break;
	}
	return entry->reading == GREYLIST_READ;
}

/* --- filters ------------------------------------------------------------- */

static bool fits(const char *pattern, const char *text, size_t len)
{
	char word[TRIPLET_KEY_SIZE];

	if (!pattern)
		return true;
	if (len >= sizeof(word))
		return false;
	memcpy(word, text, len);
	word[len] = '\0';
	return fnmatch(pattern, word, 0) == 0;
}

static bool key_fits(const struct store_filter *filter,
		     const struct store_entry *entry)
{
	size_t len = strlen(entry->key);
	struct triplet_parts parts;

	if (!filter->identity && !filter->sender && !filter->recipient)
		return true;
	if (entry->kind == STORE_IDENTITY)
		return !filter->sender && !filter->recipient &&
		       fits(filter->identity, entry->key, len);
	return entry->kind == STORE_TRIPLET &&
	       triplet_parse(entry->key, len, &parts) &&
	       fits(filter->identity, parts.identity, parts.identity_len) &&
	       fits(filter->sender, parts.sender, parts.sender_len) &&
	       fits(filter->recipient, parts.recipient, parts.recipient_len);
}

static bool lasts(const struct greylist_time *then, int64_t span,
		  const struct greylist_time *now)
{
	return greylist_since(then, now, span) < span;
}

static enum greylist_mark mark_of(const struct greylist_identity *identity,
				  const struct greylist_time *now)
{
	if (identity->marked_for > 0 &&
	    !lasts(&identity->marked, identity->marked_for, now))
		return GREYLIST_UNMARKED;
	return identity->mark;
}

static bool standing_fits(const struct store_filter *filter,
			  const struct greylist_identity *identity,
			  const struct greylist_terms *terms,
			  const struct greylist_time *now)
{
	if (filter->mark && mark_of(identity, now) != filter->mark)
		return false;
	if (filter->only_known && !greylist_is_known(identity, terms, now))
		return false;
	return !filter->only_trapped ||
	       lasts(&identity->trapped, identity->trapped_for, now);
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* The last that was heard of it, or said of it; 0: never. */
static int64_t last_seen(const struct store_entry *entry)
{
	const struct greylist_triplet *triplet = &entry->triplet;
	const struct greylist_identity *identity = &entry->identity;
	int64_t seen = 0;

	switch (entry->kind) {
	case STORE_TRIPLET:
		return triplet->state == GREYLIST_PASSED ? triplet->last.wall
							 : triplet->tried_wall;
	case STORE_IDENTITY:
		if (identity->passes > 0)
			seen = identity->last.wall;
		if (identity->round > 0)
			seen = later(seen, identity->trapped.wall);
		if (identity->mark)
			seen = later(seen, identity->marked.wall);
		return seen;
	case STORE_OUTBOUND: return entry->outbound.last.wall;
	case STORE_ALL: break;
	}
	return 0;
}

static bool time_fits(const struct store_filter *filter,
		      const struct store_entry *entry)
{
	int64_t seen;

	if (filter->seen_after == 0 && filter->seen_before == 0)
		return true;
	if (entry->reading != GREYLIST_READ)
		return false;
	seen = last_seen(entry);
	return seen >= filter->seen_after &&
	       (filter->seen_before == 0 || seen < filter->seen_before);
}

bool store_matches(const struct store_filter *filter,
		   const struct store_entry *entry,
		   const struct greylist_terms *terms,
		   const struct greylist_time *now)
{
	bool asks_standing =
		filter->mark || filter->only_known || filter->only_trapped;

	if (filter->kinds != 0 && !(filter->kinds & (unsigned)entry->kind))
		return false;
	if (filter->state && (entry->kind != STORE_TRIPLET ||
			      entry->triplet.state != filter->state))
		return false;
	if (asks_standing &&
	    (entry->kind != STORE_IDENTITY ||
	     !standing_fits(filter, &entry->identity, terms, now)))
		return false;
	return time_fits(filter, entry) && key_fits(filter, entry);
}

/* --- which of two -------------------------------------------------------- */

static bool is_better_triplet(const struct greylist_triplet *a,
			      const struct greylist_triplet *b)
{
	if (a->state != b->state)
		return a->state > b->state;
	if (a->state == GREYLIST_PASSED)
		return a->last.wall > b->last.wall;
	/* with an older round it would begin anew at the next visit */
	if (a->round != b->round)
		return a->round > b->round;
	return a->first.wall < b->first.wall;
}

static bool is_better_identity(const struct greylist_identity *a,
			       const struct greylist_identity *b)
{
	if ((a->mark == GREYLIST_UNMARKED) != (b->mark == GREYLIST_UNMARKED))
		return a->mark != GREYLIST_UNMARKED;
	if (a->mark != GREYLIST_UNMARKED && a->marked.wall != b->marked.wall)
		return a->marked.wall > b->marked.wall;
	if (a->round != b->round)
		return a->round > b->round;
	if (a->passes != b->passes)
		return a->passes > b->passes;
	return a->passes > 0 && a->last.wall > b->last.wall;
}

bool store_is_better(const struct store_entry *brought,
		     const struct store_entry *there)
{
	if (brought->reading != GREYLIST_READ)
		return false;
	if (there->reading != GREYLIST_READ)
		return there->reading != GREYLIST_NEWER;
	switch (brought->kind) {
	case STORE_TRIPLET:
		return is_better_triplet(&brought->triplet, &there->triplet);
	case STORE_IDENTITY:
		return is_better_identity(&brought->identity, &there->identity);
	case STORE_OUTBOUND:
		return brought->outbound.last.wall > there->outbound.last.wall;
	case STORE_ALL: break;
	}
	return false;
}
