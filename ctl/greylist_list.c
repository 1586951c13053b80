/*
 * greylist_list.c - what is remembered, a line each, as long as it may be.
 *
 * Columns are as wide as they usually need to be: what comes in pages has no
 * widest cell until it is over.
 *
 * Where --limit ends a listing it says how to go on: by the cursor of the page
 * that was cut there, which is a key in a file and a place of SCAN in Redis.
 * So it is printed and taken back as it is, and no row's name will do.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ctl/ask.h"
#include "ctl/greylist.h"
#include "ctl/print.h"

/* --- what is asked for --------------------------------------------------- */

static bool add(json_t *request, const char *member, json_t *value)
{
	return json_object_set_new(request, member, value) == 0;
}

/* "--older 2d" as the moment before which it was. */
static bool add_age(const struct command *command, const char *option,
		    const char *member, json_t *request)
{
	const char *text = command_value(command, option);
	int64_t span, now = (int64_t)time(NULL);

	if (text == NULL)
		return true;
	if (!greylist_read_span(text, &span)) {
		wrong_use(command,
			  "--%s wants a time such as 90s, 5m or 2d, "
			  "not \"%s\"",
			  option, text);
		return false;
	}
	return add(request, member, json_integer(span < now ? now - span : 1));
}

/* One of the words, or the reason why not is told. */
static bool add_word(const struct command *command, const char *option,
		     const char *member, const char *const *words,
		     json_t *request)
{
	const char *text = command_value(command, option);
	json_t *word;

	if (text == NULL)
		return true;
	for (size_t i = 0; words[i] != NULL; i++) {
		if (strcmp(words[i], text) != 0)
			continue;
		word = json_string(text);
		return add(request, member,
			   strcmp(option, "kind") == 0 ? json_pack("[o]", word)
						       : word);
	}
	wrong_use(command, "--%s is %s%s%s%s%s, not \"%s\"", option, words[0],
		  words[2] != NULL ? ", " : " or ", words[1],
		  words[2] != NULL ? " or " : "",
		  words[2] != NULL ? words[2] : "", text);
	return false;
}

static bool add_marks(const struct command *command, json_t *request)
{
	bool allowed = command_has(command, "allowed");
	bool blocked = command_has(command, "blocked");

	if (allowed && blocked) {
		wrong_use(command, "--allowed or --blocked, not both");
		return false;
	}
	if (allowed || blocked)
		add(request, "mark", json_string(allowed ? "allow" : "block"));
	if (command_has(command, "known"))
		add(request, "known", json_true());
	if (command_has(command, "trapped"))
		add(request, "trapped", json_true());
	return true;
}

/* By option or, in this order, by word; not by both. */
static bool add_patterns(const struct command *command,
			 const char *const *words, size_t count,
			 json_t *request)
{
	static const char *const names[] = { "identity", "sender",
					     "recipient" };

	for (size_t i = 0; i < 3; i++) {
		const char *text = command_value(command, names[i]);

		if (text != NULL && i < count) {
			wrong_use(command, "two patterns for the %s", names[i]);
			return false;
		}
		if (i < count)
			text = words[i];
		if (text == NULL)
			continue;
		if (!add(request, names[i], json_string(text))) {
			wrong_use(command, "patterns must be UTF-8");
			return false;
		}
	}
	return true;
}

bool greylist_request(const struct command *command, const char *action,
		      const char *const *words, size_t count,
		      json_t **ret_request)
{
	static const char *const kinds[] = { "triplet", "identity", "outbound",
					     NULL };
	static const char *const states[] = { "waiting", "passed", NULL };
	json_t *request = json_pack("{s:s}", "action", action);

	if (add_word(command, "kind", "kinds", kinds, request) &&
	    add_word(command, "state", "state", states, request) &&
	    add_marks(command, request) &&
	    add_age(command, "older", "seen_before", request) &&
	    add_age(command, "newer", "seen_after", request) &&
	    add_patterns(command, words, count, request)) {
		*ret_request = request;
		return true;
	}
	json_decref(request);
	return false;
}

/* --- a line each --------------------------------------------------------- */

static const char *text(const json_t *entry, const char *key)
{
	return json_string_value(json_object_get(entry, key));
}

static int64_t number(const json_t *entry, const char *key)
{
	return (int64_t)json_integer_value(json_object_get(entry, key));
}

/* What will become of it: "in 2m", "for 34d". */
static void next_of(const json_t *entry, const char *state,
		    char buffer[GREYLIST_AGO])
{
	char left[GREYLIST_AGO];
	const char *member = "left", *before = "for";
	const json_t *over = json_object_get(entry, "left");

	if (json_is_integer(over) && json_integer_value(over) == 0) {
		snprintf(buffer, GREYLIST_AGO, "over");
		return;
	}
	if (strcmp(state, "waiting") == 0) {
		member = "wait_left";
		before = "in";
		if (number(entry, member) == 0) {
			snprintf(buffer, GREYLIST_AGO, "any time");
			return;
		}
	} else if (strcmp(state, "allowed") == 0 ||
		   strcmp(state, "blocked") == 0) {
		member = "mark_left";
	} else if (strcmp(state, "trapped") == 0) {
		member = "trap_left";
	}
	snprintf(buffer, GREYLIST_AGO, "%s %.30s", before,
		 greylist_left(json_object_get(entry, member), left));
}

static int64_t last_of(const json_t *entry, const char *state)
{
	if (strcmp(state, "allowed") == 0 || strcmp(state, "blocked") == 0)
		return number(entry, "marked");
	if (strcmp(state, "trapped") == 0 || strcmp(state, "idle") == 0)
		return number(entry, "trapped");
	return number(entry, "last");
}

static void print_head(void)
{
	printf("%-8s  %-8s  %-8s  %5s  %s\n", "STATE", "LAST", "NEXT", "COUNT",
	       "WHO");
}

static void print_entry(const json_t *entry, int64_t now)
{
	const char *state = text(entry, "state");
	char ago[GREYLIST_AGO] = "-", next[GREYLIST_AGO] = "-";
	char count[24] = "-";
	int64_t last;

	if (state == NULL) {
		state = json_object_get(entry, "newer") != NULL ? "newer"
								: "foreign";
	} else {
		const char *member = json_object_get(entry, "passes") != NULL
					     ? "passes"
					     : "count";

		last = last_of(entry, state);
		if (last > 0)
			greylist_ago(last, now, ago);
		next_of(entry, state, next);
		if (json_object_get(entry, member) != NULL)
			snprintf(count, sizeof(count), "%" PRId64,
				 number(entry, member));
	}
	printf("%-8s  %-8s  %-8s  %5s  ", state, ago, next, count);
	print_escaped(stdout, text(entry, "key"));
	putchar('\n');
}

/* --- all of them --------------------------------------------------------- */

struct listing {
	bool json, begun;
	int64_t now;
	uint64_t shown, limit; /* 0: all */
	json_t *request; /* of the next page */
	json_t *after; /* where the limit has cut it off; NULL: it is whole */
};

/* Not before it is known that there is an answer. */
static void begin(struct listing *listing)
{
	if (listing->begun)
		return;
	listing->begun = true;
	if (listing->json)
		fputs("{\"ok\":true,\"entries\":[", stdout);
	else
		print_head();
}

static void show_one(struct listing *listing, const json_t *entry)
{
	begin(listing);
	if (listing->json) {
		if (listing->shown > 0)
			putchar(',');
		json_dumpf(entry, stdout, JSON_ENSURE_ASCII | JSON_COMPACT);
	} else {
		print_entry(entry, listing->now);
	}
	listing->shown++;
}

/* The next page ends where the listing shall: its cursor is the one to tell. */
static void ask_for_left(struct listing *listing)
{
	uint64_t left = listing->limit - listing->shown;

	if (left > STORE_PAGE_MAX)
		left = STORE_PAGE_MAX;
	json_object_set_new(listing->request, "limit",
			    json_integer((json_int_t)left));
}

static bool show_page(void *context, const json_t *lines)
{
	struct listing *listing = context;
	const json_t *last = answer_last(lines);
	json_t *line, *entry;
	size_t i, j;

	json_array_foreach((json_t *)(uintptr_t)lines, i, line)
	{
		json_array_foreach(json_object_get(line, "entries"), j, entry)
			show_one(listing, entry);
	}
	if (ferror(stdout))
		return false;
	if (listing->limit == 0)
		return true;
	if (listing->shown < listing->limit) {
		ask_for_left(listing);
		return true;
	}
	if (json_is_true(json_object_get(last, "more")))
		listing->after = json_incref(json_object_get(last, "cursor"));
	return false;
}

/* As one word of a shell. */
static void print_quoted(FILE *out, const char *word)
{
	putc('\'', out);
	for (; *word != '\0'; word++) {
		if (*word == '\'')
			fputs("'\\'", out);
		putc(*word, out);
	}
	putc('\'', out);
}

static void end(struct listing *listing)
{
	const char *after = json_string_value(listing->after);

	begin(listing);
	if (listing->json) {
		printf("],\"more\":%s", after != NULL ? "true" : "false");
		if (after != NULL) {
			fputs(",\"after\":", stdout);
			json_dumpf(listing->after, stdout,
				   JSON_ENSURE_ASCII | JSON_ENCODE_ANY);
		}
		puts("}");
	} else if (after != NULL) {
		fflush(stdout);
		fputs("steelyardctl greylist: there may be more; go on with "
		      "--after ",
		      stderr);
		print_quoted(stderr, after);
		putc('\n', stderr);
	}
}

/* A number of 1 or more; false with the reason told. */
static bool read_limit(const struct command *command, uint64_t *ret_limit)
{
	const char *given = command_value(command, "limit");
	char *end;
	long long limit;

	*ret_limit = 0;
	if (given == NULL)
		return true;
	limit = strtoll(given, &end, 10);
	if (limit < 1 || *end != '\0') {
		wrong_use(command, "--limit wants a number, not \"%s\"", given);
		return false;
	}
	*ret_limit = (uint64_t)limit;
	return true;
}

static bool add_after(const struct command *command, json_t *request)
{
	const char *after = command_value(command, "after");

	if (after == NULL || add(request, "cursor", json_string(after)))
		return true;
	wrong_use(command, "--after wants what a listing said at its end");
	return false;
}

enum exit_code greylist_list(const struct command *command)
{
	struct listing listing = { .json = command->json,
				   .now = (int64_t)time(NULL) };
	struct greylist_asker *asker;
	enum exit_code code = EXIT_WRONG;

	if (!read_limit(command, &listing.limit) ||
	    !greylist_request(command, "list", NULL, 0, &listing.request))
		return EXIT_WRONG;
	if (!add_after(command, listing.request))
		goto done;
	if (listing.limit > 0)
		ask_for_left(&listing);
	asker = greylist_asker_open(command, GREYLIST_LOOK);
	code = greylist_pages(asker, json_incref(listing.request), show_page,
			      &listing);
	if (code == EXIT_YES)
		end(&listing);
	greylist_asker_close(asker);
done:
	json_decref(listing.after);
	json_decref(listing.request);
	return code;
}
