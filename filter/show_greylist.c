/*
 * show_greylist.c - what greylisting remembers, as JSON.
 *
 * Moments are seconds of the wall clock, as the records have them.  What is
 * left of a time is what the judgement says of it (lists/greylist.h), which a
 * clock that was set does not mislead.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "filter/show.h"
#include "lists/greylist.h"
#include "lists/store.h"
#include "lists/triplet.h"

/* What a record is seen with. */
struct view {
	const struct greylist_terms *terms;
	const struct greylist_time *now;
	json_t *object;
};

static void put(const struct view *view, const char *key, json_t *value)
{
	json_object_set_new(view->object, key, value);
}

static void put_number(const struct view *view, const char *key, int64_t number)
{
	put(view, key, json_integer((json_int_t)number));
}

/* Null is for ever. */
static void put_left(const struct view *view, const char *key, int64_t left)
{
	put(view, key,
	    left == GREYLIST_FOR_EVER ? json_null()
				      : json_integer((json_int_t)left));
}

/* --- entries ------------------------------------------------------------- */

static void put_parts(const struct view *view, const char *key)
{
	struct triplet_parts parts;

	if (!triplet_parse(key, strlen(key), &parts))
		return;
	put(view, "identity", show_text(parts.identity, parts.identity_len));
	put(view, "sender", show_text(parts.sender, parts.sender_len));
	put(view, "recipient", show_text(parts.recipient, parts.recipient_len));
}

static int64_t wait_left(const struct view *view,
			 const struct greylist_triplet *triplet)
{
	int64_t wait = view->terms->wait;
	int64_t since = greylist_since(&triplet->first, view->now, wait);

	return since < wait ? wait - since : 0;
}

static void put_triplet(const struct view *view,
			const struct greylist_triplet *triplet)
{
	if (triplet->state == GREYLIST_WAITING) {
		put(view, "state", json_string("waiting"));
		put_number(view, "first", triplet->first.wall);
		put_number(view, "last", triplet->tried_wall);
		put_number(view, "count", triplet->count);
		put_number(view, "wait_left", wait_left(view, triplet));
	} else {
		put(view, "state", json_string("passed"));
		put_number(view, "first", triplet->first_wall);
		put_number(view, "last", triplet->last.wall);
		put_number(view, "count", triplet->count);
		put_number(view, "waited", triplet->waited);
	}
	put_left(view, "left",
		 greylist_triplet_left(triplet, view->terms, view->now));
}

/* In a word, what counts first. */
static const char *identity_state(const struct view *view,
				  const struct greylist_identity *identity)
{
	if (greylist_mark_left(identity, view->now) > 0)
		return identity->mark == GREYLIST_ALLOW ? "allowed" : "blocked";
	if (greylist_trap_left(identity, view->now) > 0)
		return "trapped";
	if (greylist_is_known(identity, view->terms, view->now))
		return "known";
	return identity->passes > 0 ? "counted" : "idle";
}

static void put_identity(const struct view *view,
			 const struct greylist_identity *identity)
{
	put(view, "state", json_string(identity_state(view, identity)));
	put_number(view, "passes", identity->passes);
	put(view, "known",
	    json_boolean(greylist_is_known(identity, view->terms, view->now)));
	if (identity->passes > 0) {
		put_number(view, "counted", identity->counted.wall);
		put_number(view, "last", identity->last.wall);
	}
	if (identity->round > 0) {
		put_number(view, "trapped", identity->trapped.wall);
		put_number(view, "trap_left",
			   greylist_trap_left(identity, view->now));
	}
	if (identity->mark != GREYLIST_UNMARKED) {
		put(view, "mark",
		    json_string(identity->mark == GREYLIST_ALLOW ? "allow"
								 : "block"));
		put_number(view, "marked", identity->marked.wall);
		put_left(view, "mark_left",
			 greylist_mark_left(identity, view->now));
	}
	put_left(view, "left",
		 greylist_identity_left(identity, view->terms, view->now));
}

static void put_outbound(const struct view *view,
			 const struct greylist_outbound *outbound)
{
	put(view, "state", json_string("written"));
	put_number(view, "last", outbound->last.wall);
	put_left(view, "left",
		 greylist_outbound_left(outbound, view->terms, view->now));
}

static void put_record(const struct view *view, const struct store_entry *entry)
{
	switch (entry->kind) {
	case STORE_TRIPLET:
		put_parts(view, entry->key);
		put_triplet(view, &entry->triplet);
		break;
	case STORE_IDENTITY:
		put(view, "identity", show_string(entry->key));
		put_identity(view, &entry->identity);
		break;
	case STORE_OUTBOUND:
		put(view, "address", show_string(entry->key));
		put_outbound(view, &entry->outbound);
		break;
	case STORE_ALL: break;
	}
}

const char *show_greylist_kind(enum store_kind kind)
{
	switch (kind) {
	case STORE_TRIPLET: return "triplet";
	case STORE_IDENTITY: return "identity";
	case STORE_OUTBOUND: return "outbound";
	case STORE_ALL: break;
	}
	return "";
}

json_t *show_greylist_entry(const struct store_entry *entry,
			    const struct greylist_terms *terms,
			    const struct greylist_time *now, bool raw)
{
	const struct view view = { .terms = terms,
				   .now = now,
				   .object = json_object() };

	put(&view, "kind", json_string(show_greylist_kind(entry->kind)));
	put(&view, "key", show_string(entry->key));
	put(&view, "value", show_string(entry->value));
	put_left(&view, "expires", entry->expires);
	if (entry->reading == GREYLIST_NEWER)
		put(&view, "newer", json_true());
	else if (entry->reading != GREYLIST_READ)
		put(&view, "foreign", json_true());
	else if (!raw)
		put_record(&view, entry);
	return view.object;
}

json_t *show_greylist_result(const struct greylist_result *result)
{
	json_t *object = json_pack("{s:s, s:s}", "answer",
				   greylist_answer_name(result->answer), "why",
				   greylist_why_name(result->why));
	const struct view view = { .object = object };

	if (result->answer == GREYLIST_WAIT ||
	    result->answer == GREYLIST_REFUSED)
		put_left(&view, "left", result->left);
	return object;
}

/* --- numbers ------------------------------------------------------------- */

static const char *health_name(enum store_health health)
{
	switch (health) {
	case STORE_WELL: return "well";
	case STORE_YOUNG: return "young";
	case STORE_CROWDED: return "crowded";
	case STORE_STOPPED_INSERTING: return "full";
	case STORE_ALONE: return "alone";
	case STORE_SILENT: return "silent";
	}
	return "unknown";
}

static void put_counts(const struct view *view, const struct store_stats *stats)
{
	const struct {
		const char *name;
		uint64_t count;
	} rows[] = {
		{ "triplets", stats->triplets },
		{ "identities", stats->identities },
		{ "outbound", stats->outbound },
		{ "bytes_used", stats->bytes_used },
		{ "bytes_room", stats->bytes_room },
		{ "commits", stats->commits },
		{ "visits_committed", stats->visits_committed },
		{ "expired", stats->expired },
		{ "pruned", stats->pruned },
		{ "foreign", stats->foreign },
		{ "newer", stats->newer },
		{ "queued", stats->queued },
		{ "dropped", stats->dropped },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		put_number(view, rows[i].name, (int64_t)rows[i].count);
	put_number(view, "clock_ahead", stats->clock_ahead);
}

/* What nobody has counted is null, and so is a share of nothing. */
static void put_back(const struct view *view, const struct store_stats *stats)
{
	uint64_t over = stats->never_back + stats->came_back;
	bool counted = stats->back_since > 0;

	put(view, "never_back",
	    counted ? json_integer((json_int_t)stats->never_back)
		    : json_null());
	put_number(view, "came_back", (int64_t)stats->came_back);
	put(view, "never_back_share",
	    counted && over > 0
		    ? json_real((double)stats->never_back / (double)over)
		    : json_null());
	put(view, "back_since",
	    counted ? json_integer(stats->back_since) : json_null());
}

/* Of up to so many seconds are those of show_greylist_waits(), in its order. */
static json_t *show_limits(void)
{
	json_t *array = json_array();

	for (size_t i = 0; i + 1 < STORE_WAITS; i++)
		json_array_append_new(array, json_integer((json_int_t)1 << i));
	json_array_append_new(array, json_null());
	return array;
}

json_t *show_greylist_waits(const uint64_t waits[STORE_WAITS])
{
	json_t *array = json_array();

	for (size_t i = 0; i < STORE_WAITS; i++)
		json_array_append_new(array,
				      json_integer((json_int_t)waits[i]));
	return array;
}

json_t *show_greylist_stats(const char *engine, const struct store_stats *stats)
{
	json_t *answers = json_object(), *ends = json_object();
	json_t *object =
		json_pack("{s:b, s:s, s:s, s:o, s:o, s:o}", "ok", true,
			  "engine", engine, "health",
			  health_name(stats->health), "why",
			  show_text(stats->why,
				    strnlen(stats->why, sizeof(stats->why))),
			  "answers", answers, "ends", ends);
	const struct view view = { .object = object };

	put_number(&view, "since", stats->since);
	put_counts(&view, stats);
	put_back(&view, stats);
	for (int why = GREYLIST_NO_ANSWER; why <= GREYLIST_TRAPPED; why++)
		json_object_set_new(answers,
				    greylist_why_name((enum greylist_why)why),
				    json_integer(
					    (json_int_t)stats->answers[why]));
	for (int end = STORE_DONE; end <= STORE_STOPPED; end++)
		json_object_set_new(ends, store_end_name((enum store_end)end),
				    json_integer((json_int_t)stats->ends[end]));
	put(&view, "waits", show_greylist_waits(stats->waits));
	put(&view, "waits_up_to", show_limits());
	return object;
}
