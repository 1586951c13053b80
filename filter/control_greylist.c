/*
 * control_greylist.c - what greylisting remembers, shown and counted.
 *
 * All of it goes by pages: a client asks again, with the cursor that it got,
 * for as long as there is more.  What is remembered may be large, and a request
 * that walks all of it would hold a thread, and the client a line, for minutes.
 */
#include "filter/control_greylist.h"

#include <string.h>

#include "filter/clock.h"
#include "filter/control.h"
#include "filter/control_verbs.h"
#include "filter/generation.h"
#include "filter/greylist.h"
#include "filter/show.h"
#include "lists/greylist_clock.h"

enum {
	LINE_ENTRIES = 100, /* of a page, on a line */
	COUNT_MS = 500, /* of one request that counts */
};

/* --- list ---------------------------------------------------------------- */

struct page {
	const struct grey_call *call;
	json_t *entries;
	bool raw;
};

static bool page_add(void *context, const struct store_entry *entry)
{
	struct page *page = context;

	return json_array_append_new(page->entries,
				     show_greylist_entry(entry,
							 &page->call->terms,
							 &page->call->now,
							 page->raw)) == 0;
}

/* Several lines, so that none is very long; false: nobody reads any more. */
static bool send_entries(struct grey_call *call, const json_t *entries)
{
	size_t count = json_array_size(entries);

	for (size_t at = 0; at < count; at += LINE_ENTRIES) {
		json_t *some = json_array(), *line;
		bool sent = false;

		for (size_t i = at; i < count && i < at + LINE_ENTRIES; i++)
			json_array_append(some, json_array_get(entries, i));
		line = json_pack("{s:b, s:o}", "ok", true, "entries", some);
		if (line != NULL)
			sent = call->sink->line(call->sink->context, line);
		json_decref(line);
		if (!sent)
			return false;
	}
	return true;
}

static bool act_list(struct grey_call *call)
{
	struct page page = { .call = call };
	struct grey_filter what;
	struct store_cursor cursor;
	enum store_end end;
	int64_t limit;
	bool more = false, good;

	if (!grey_read_filter(call, &what) ||
	    !grey_read_cursor(call, &cursor) ||
	    !grey_read_bool(call, "raw", &page.raw) ||
	    !grey_read_number(call, "limit", 1, STORE_PAGE_MAX, STORE_PAGE_MAX,
			      &limit) ||
	    !grey_open(call))
		return false;
	page.entries = json_array();
	end = store_list(call->store, &what.filter, &call->terms, &call->now,
			 (unsigned)limit, GREYLIST_PAGE_MS, &cursor, page_add,
			 &page, &more);
	if (end == STORE_INVALID && cursor.at[0] != '\0')
		good = grey_say_wrong(call, "cursor (--after) is no place "
					    "where a listing of this store "
					    "has ended");
	else if (end != STORE_DONE)
		good = grey_say_end(call, end);
	else
		good = send_entries(call, page.entries) &&
		       grey_say(call,
				json_pack("{s:b, s:b, s:I, s:b, s:o}", "ok",
					  true, "end", true, "count",
					  (json_int_t)json_array_size(
						  page.entries),
					  "more", more, "cursor",
					  show_string(more ? cursor.at : "")));
	json_decref(page.entries);
	return good;
}

/* --- count --------------------------------------------------------------- */

/* What is counted by looking at all there is. */
struct tally {
	const struct grey_call *call;
	uint64_t waiting, once, passed; /* once: of those that wait, one try */
	uint64_t known, trapped, allowed, blocked;
	uint64_t outbound, foreign;
	uint64_t waits[STORE_WAITS]; /* of those that passed */
};

static void tally_triplet(struct tally *tally,
			  const struct greylist_triplet *triplet)
{
	size_t slot = 0;

	if (triplet->state == GREYLIST_WAITING) {
		tally->waiting++;
		tally->once += triplet->count <= 1;
		return;
	}
	tally->passed++;
	while (slot + 1 < STORE_WAITS && triplet->waited > (int64_t)1 << slot)
		slot++;
	tally->waits[slot]++;
}

static bool span_lasts(const struct greylist_time *then, int64_t span,
		       const struct greylist_time *now)
{
	return greylist_since(then, now, span) < span;
}

static void tally_identity(struct tally *tally,
			   const struct greylist_identity *identity)
{
	const struct grey_call *call = tally->call;
	bool marked = identity->mark != GREYLIST_UNMARKED &&
		      (identity->marked_for == 0 ||
		       span_lasts(&identity->marked, identity->marked_for,
				  &call->now));

	tally->allowed += marked && identity->mark == GREYLIST_ALLOW;
	tally->blocked += marked && identity->mark == GREYLIST_BLOCK;
	tally->trapped += span_lasts(&identity->trapped, identity->trapped_for,
				     &call->now);
	tally->known += greylist_is_known(identity, &call->terms, &call->now);
}

static bool tally_add(void *context, const struct store_entry *entry)
{
	struct tally *tally = context;

	if (entry->reading != GREYLIST_READ)
		tally->foreign++;
	else if (entry->kind == STORE_TRIPLET)
		tally_triplet(tally, &entry->triplet);
	else if (entry->kind == STORE_IDENTITY)
		tally_identity(tally, &entry->identity);
	else
		tally->outbound++;
	return true;
}

static json_t *show_tally(const struct tally *tally)
{
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}",
			 "waiting", (json_int_t)tally->waiting, "once",
			 (json_int_t)tally->once, "passed",
			 (json_int_t)tally->passed, "known",
			 (json_int_t)tally->known, "trapped",
			 (json_int_t)tally->trapped, "allowed",
			 (json_int_t)tally->allowed, "blocked",
			 (json_int_t)tally->blocked, "outbound",
			 (json_int_t)tally->outbound, "foreign",
			 (json_int_t)tally->foreign, "waits",
			 show_greylist_waits(tally->waits));
}

static bool act_count(struct grey_call *call)
{
	int64_t until = monotonic_ms() + COUNT_MS;
	struct tally tally = { .call = call };
	struct store_cursor cursor;
	enum store_end end;
	bool more;

	if (!grey_read_cursor(call, &cursor) || !grey_open(call))
		return false;
	do {
		more = false;
		end = store_list(call->store, NULL, &call->terms, &call->now,
				 STORE_PAGE_MAX, GREYLIST_PAGE_MS, &cursor,
				 tally_add, &tally, &more);
	} while (end == STORE_DONE && more && monotonic_ms() < until);
	if (end != STORE_DONE)
		return grey_say_end(call, end);
	return grey_say(call,
			json_pack("{s:b, s:o, s:b, s:o}", "ok", true, "count",
				  show_tally(&tally), "more", more, "cursor",
				  show_string(more ? cursor.at : "")));
}

/* --- show ---------------------------------------------------------------- */

struct found {
	struct grey_call *call;
	json_t *records;
	struct greylist_records as; /* what a visit would find */
	bool newer; /* and would make nothing of */
};

static bool found_add(void *context, const struct store_entry *entry)
{
	struct found *found = context;

	json_array_append_new(found->records,
			      show_greylist_entry(entry, &found->call->terms,
						  &found->call->now, false));
	found->newer = found->newer || entry->reading == GREYLIST_NEWER;
	if (entry->kind == STORE_TRIPLET)
		found->as.triplet = entry->triplet;
	else if (entry->kind == STORE_IDENTITY)
		found->as.identity = entry->identity;
	else
		found->as.outbound = entry->outbound;
	return false;
}

static enum store_end look(struct found *found, enum store_kind kind,
			   const char *key, bool *ret_there)
{
	struct grey_call *call = found->call;

	*ret_there = false;
	if (key[0] == '\0' ||
	    (kind == STORE_OUTBOUND && strcmp(key, "<>") == 0))
		return STORE_DONE;
	return store_show(call->store, kind, key, &call->now, GREYLIST_ASK_MS,
			  found_add, found, ret_there);
}

/* By what was asked for: the triplet, the identity, or else the address. */
static json_t *show_found(struct found *found, const struct grey_who *who,
			  bool there)
{
	struct grey_call *call = found->call;
	struct greylist_result result;
	json_t *answer = json_pack("{s:b, s:b, s:O}", "ok", true, "there",
				   there, "records", found->records);

	if (who->identity[0] != '\0')
		json_object_set_new(answer, "identity",
				    show_string(who->identity));
	if (who->identity[0] != '\0' && !found->newer) {
		greylist_visit(&call->terms, &call->now, &found->as, &result);
		json_object_set_new(answer, "next",
				    show_greylist_result(&result));
	}
	if (who->triplet[0] != '\0')
		json_object_set_new(answer, "key", show_string(who->triplet));
	else if (who->address[0] != '\0')
		json_object_set_new(answer, "address",
				    show_string(who->address));
	return answer;
}

static bool act_show(struct grey_call *call)
{
	struct found found = { .call = call, .records = json_array() };
	bool triplet = false, identity = false, outbound = false;
	struct grey_who who;
	enum store_end end;
	bool good = false;

	if (!grey_read_who(call, &who) || !grey_open(call))
		goto done;
	end = look(&found, STORE_TRIPLET, who.triplet, &triplet);
	if (end == STORE_DONE)
		end = look(&found, STORE_IDENTITY, who.identity, &identity);
	if (end == STORE_DONE)
		end = look(&found, STORE_OUTBOUND, who.address, &outbound);
	if (end != STORE_DONE)
		good = grey_say_end(call, end);
	else
		good = grey_say(call,
				show_found(&found, &who,
					   who.triplet[0] != '\0' ? triplet
					   : who.identity[0] != '\0'
						   ? identity
						   : outbound));
done:
	json_decref(found.records);
	return good;
}

/* --- stats --------------------------------------------------------------- */

static bool act_stats(struct grey_call *call)
{
	struct store_stats stats;
	json_t *answer;

	if (!grey_open(call))
		return false;
	store_stats(call->store, &stats);
	answer = show_greylist_stats(call->store->engine->name, &stats);
	if (answer != NULL)
		json_object_set_new(answer, "terms",
				    json_pack("{s:I, s:I, s:I}", "wait",
					      (json_int_t)call->terms.wait,
					      "window",
					      (json_int_t)call->terms.window,
					      "keep",
					      (json_int_t)call->terms.keep));
	return grey_say(call, answer);
}

/* --- which --------------------------------------------------------------- */

#define WHAT                                                                \
	"kinds", "state", "mark", "known", "trapped", "identity", "sender", \
		"recipient", "seen_after", "seen_before", "cursor"

static const struct action {
	const char *name;
	bool (*run)(struct grey_call *call);
	bool writes;
	const char *members[16]; /* besides verb and action */
} actions[] = {
	{ "list", act_list, false, { WHAT, "raw", "limit" } },
	{ "count", act_count, false, { "cursor" } },
	{ "show",
	  act_show,
	  false,
	  { "key", "identity", "client", "ptr", "spf", "sender",
	    "recipient" } },
	{ "stats", act_stats, false, { NULL } },
	{ "allow", grey_allow, true, { "identity", "for" } },
	{ "block", grey_block, true, { "identity", "for" } },
	{ "unmark", grey_unmark, true, { "identity" } },
	{ "forget", grey_forget, true, { WHAT, "dry_run" } },
	{ "import", grey_import, true, { "entries", "goes_on" } },
};

static const struct action *action_find(const char *name)
{
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (name != NULL && strcmp(actions[i].name, name) == 0)
			return &actions[i];
	return NULL;
}

static bool has_member(const struct action *action, const char *name)
{
	if (strcmp(name, "verb") == 0 || strcmp(name, "action") == 0)
		return true;
	for (const char *const *m = action->members; *m != NULL; m++)
		if (strcmp(*m, name) == 0)
			return true;
	return false;
}

/* A filter that was misspelled would forget all that there is. */
static bool members_known(struct grey_call *call, const struct action *action)
{
	json_t *value;
	const char *name;

	json_object_foreach((json_t *)(uintptr_t)call->request, name, value)
	{
		if (!has_member(action, name))
			return grey_say_wrong(call, "greylist %s has no %s",
					      action->name, name);
	}
	return true;
}

static bool say_absent(struct grey_call *call)
{
	return grey_say(call,
			control_refusal("absent", "the filter does not run"));
}

/* Why there is no store. */
static bool say_without(struct grey_call *call)
{
	return grey_say(
		call, control_refusal(
			      "failed", "%s",
			      greylist_is_wanted(call->gen)
				      ? "what greylisting remembers cannot be "
					"read just now; the log says why "
					"(event=store)"
				      : "the rules greylist nobody, so nothing "
					"is remembered"));
}

bool grey_open(struct grey_call *call)
{
	if (call->context->store == NULL)
		return say_absent(call);
	call->store = call->context->store();
	if (call->store == NULL)
		return say_without(call);
	call->now = store_time(call->store, &call->now);
	return true;
}

bool control_greylist(const struct control_context *context, bool may_write,
		      const json_t *request, const struct control_sink *sink,
		      const char **ret_did)
{
	const char *name =
		json_string_value(json_object_get(request, "action"));
	const struct action *action = action_find(name);
	struct grey_call call = { .sink = sink,
				  .context = context,
				  .request = request };
	bool good = false;

	if (action == NULL)
		return grey_say_wrong(&call,
				      "greylist wants an action: list, count, "
				      "show, stats, allow, block, unmark, "
				      "forget or import");
	if (!members_known(&call, action))
		return false;
	if (action->writes && !may_write)
		return grey_say(&call,
				control_refusal("denied",
						"greylist %s is for root and "
						"the filter's own user",
						action->name));
	call.gen = context->current();
	if (call.gen == NULL)
		return say_absent(&call);
	call.terms = greylist_terms_of(call.gen, 0);
	call.now = greylist_now();
	good = action->run(&call);
	generation_unref(call.gen);
	*ret_did = call.store != NULL ? call.did : NULL;
	return good;
}
