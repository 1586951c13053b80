/*
 * control_greylist_edit.c - what greylisting remembers, changed by hand.
 *
 * Of what comes in many requests (forgetting by pages, bringing in by batches)
 * only the first is logged.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "filter/control_greylist.h"
#include "filter/log.h"
#include "filter/show.h"

/* --- marks --------------------------------------------------------------- */

static const char *const mark_names[] = {
	[GREYLIST_UNMARKED] = NULL,
	[GREYLIST_ALLOW] = "allow",
	[GREYLIST_BLOCK] = "block",
};

static bool note_mark(void *context, const struct store_entry *entry)
{
	enum greylist_mark *mark = context;

	*mark = entry->identity.mark;
	return false;
}

static bool set_mark(struct grey_call *call, enum greylist_mark mark)
{
	char identity[TRIPLET_IDENTITY_SIZE];
	enum greylist_mark was = GREYLIST_UNMARKED;
	enum store_end end;
	bool there = false;
	int64_t span;

	if (!grey_read_number(call, "for", 0, GREYLIST_SPAN_MAX, 0, &span) ||
	    !grey_read_identity(call, identity) || !grey_open(call))
		return false;
	end = store_show(call->store, STORE_IDENTITY, identity, &call->now,
			 GREYLIST_ASK_MS, note_mark, &was, &there);
	if (end == STORE_DONE)
		end = store_set_mark(call->store, identity, mark, &call->terms,
				     &call->now, span, GREYLIST_ASK_MS);
	/* an identity holds nothing that would have to be escaped */
	log_event(LOG_NOTICE, "control",
		  "did=%s identity=%s for=%" PRId64 " end=%s", call->did,
		  identity, span, store_end_name(end));
	if (end != STORE_DONE)
		return grey_say_end(call, end);
	return grey_say(call,
			json_pack("{s:b, s:s, s:s?, s:I, s:s?}", "ok", true,
				  "identity", identity, "mark",
				  mark_names[mark], "for", (json_int_t)span,
				  "was", mark_names[was]));
}

bool grey_allow(struct grey_call *call)
{
	call->did = "greylist-allow";
	return set_mark(call, GREYLIST_ALLOW);
}

bool grey_block(struct grey_call *call)
{
	call->did = "greylist-block";
	return set_mark(call, GREYLIST_BLOCK);
}

bool grey_unmark(struct grey_call *call)
{
	call->did = "greylist-unmark";
	return set_mark(call, GREYLIST_UNMARKED);
}

/* --- forget -------------------------------------------------------------- */

bool grey_forget(struct grey_call *call)
{
	struct grey_filter what;
	struct store_cursor cursor;
	uint64_t count = 0;
	enum store_end end;
	bool dry_run, more = false;

	if (!grey_read_filter(call, &what) ||
	    !grey_read_bool(call, "dry_run", &dry_run) ||
	    !grey_read_cursor(call, &cursor) || !grey_open(call))
		return false;
	if (!dry_run && cursor.at[0] == '\0')
		call->did = "greylist-forget";
	end = store_forget(call->store, &what.filter, &call->terms, &call->now,
			   dry_run, STORE_PAGE_MAX, GREYLIST_PAGE_MS, &cursor,
			   &count, &more);
	if (end != STORE_DONE)
		return grey_say_end(call, end);
	return grey_say(call,
			json_pack("{s:b, s:I, s:b, s:o}", "ok", true, "count",
				  (json_int_t)count, "more", more, "cursor",
				  show_string(more ? cursor.at : "")));
}

/* --- import -------------------------------------------------------------- */

static bool read_kind(const json_t *row, enum store_kind *ret_kind)
{
	static const enum store_kind kinds[] = { STORE_TRIPLET, STORE_IDENTITY,
						 STORE_OUTBOUND };
	const char *name = json_string_value(json_object_get(row, "kind"));

	for (size_t i = 0; i < 3 && name != NULL; i++)
		if (strcmp(name, show_greylist_kind(kinds[i])) == 0) {
			*ret_kind = kinds[i];
			return true;
		}
	return false;
}

/* The strings are the row's. */
static bool read_entry(const json_t *row, struct store_entry *ret_entry)
{
	const json_t *expires = json_object_get(row, "expires");
	struct store_entry entry = { 0 };

	entry.key = json_string_value(json_object_get(row, "key"));
	entry.value = json_string_value(json_object_get(row, "value"));
	entry.expires = json_is_null(expires)
				? GREYLIST_FOR_EVER
				: (int64_t)json_integer_value(expires);
	if (entry.key == NULL || entry.value == NULL ||
	    !read_kind(row, &entry.kind) ||
	    (!json_is_null(expires) && !json_is_integer(expires)) ||
	    entry.expires < 0)
		return false;
	*ret_entry = entry;
	return true;
}

static bool say_bad(struct grey_call *call, size_t bad)
{
	return grey_say(call,
			json_pack("{s:b, s:s, s:s, s:I}", "ok", false, "code",
				  "wrong", "error", "no record of a greylist",
				  "bad", (json_int_t)bad));
}

static bool import_rows(struct grey_call *call, const json_t *rows,
			struct store_entry *entries)
{
	size_t count = json_array_size(rows), bad = 0;
	uint64_t taken = 0;
	enum store_end end;

	for (size_t i = 0; i < count; i++)
		if (!read_entry(json_array_get(rows, i), &entries[i]))
			return say_bad(call, i);
	if (!grey_open(call))
		return false;
	end = store_import(call->store, entries, count, &call->terms,
			   &call->now, &taken, &bad);
	if (end == STORE_INVALID)
		return say_bad(call, bad);
	if (end != STORE_DONE)
		return grey_say_end(call, end);
	return grey_say(call, json_pack("{s:b, s:I, s:I}", "ok", true, "given",
					(json_int_t)count, "taken",
					(json_int_t)taken));
}

bool grey_import(struct grey_call *call)
{
	const json_t *rows = json_object_get(call->request, "entries");
	struct store_entry *entries;
	bool good, goes_on;

	if (!grey_read_bool(call, "goes_on", &goes_on))
		return false;
	if (!json_is_array(rows) || json_array_size(rows) == 0 ||
	    json_array_size(rows) > STORE_PAGE_MAX)
		return grey_say_wrong(call,
				      "import wants entries, 1 to %d of them",
				      STORE_PAGE_MAX);
	entries = calloc(json_array_size(rows), sizeof(*entries));
	if (entries == NULL)
		return grey_say_end(call, STORE_BROKEN);
	if (!goes_on)
		call->did = "greylist-import";
	good = import_rows(call, rows, entries);
	free(entries);
	return good;
}
