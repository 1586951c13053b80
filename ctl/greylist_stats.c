/*
 * greylist_stats.c - how the memory of greylisting does.
 *
 * Two kinds of numbers: what was counted as it happened, which costs nothing
 * (since the store was opened; how waits have ended, since its file was begun),
 * and what is counted by walking all records, which --quick leaves out.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ctl/ask.h"
#include "ctl/greylist.h"
#include "ctl/print.h"
#include "lists/greylist.h"

static int64_t number(const json_t *object, const char *key)
{
	return (int64_t)json_integer_value(json_object_get(object, key));
}

static const char *text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

/* --- adding pages up ----------------------------------------------------- */

static void add_numbers(json_t *total, const json_t *page)
{
	json_t *value;
	const char *key;

	json_object_foreach((json_t *)(uintptr_t)page, key, value)
	{
		const json_t *sum = json_object_get(total, key);

		if (json_is_integer(value))
			json_object_set_new(total, key,
					    json_integer(
						    json_integer_value(sum) +
						    json_integer_value(value)));
	}
}

static void add_waits(json_t *total, const json_t *page)
{
	json_t *sums = json_object_get(total, "waits"), *value;
	size_t i;

	if (sums == NULL) {
		json_object_set_new(total, "waits",
				    json_deep_copy(
					    json_object_get(page, "waits")));
		return;
	}
	json_array_foreach(json_object_get(page, "waits"), i, value)
		json_array_set_new(sums, i,
				   json_integer(
					   json_integer_value(
						   json_array_get(sums, i)) +
					   json_integer_value(value)));
}

static bool add_page(void *context, const json_t *lines)
{
	const json_t *page = json_object_get(answer_last(lines), "count");

	add_numbers(context, page);
	add_waits(context, page);
	return true;
}

/* --- for people ---------------------------------------------------------- */

static void print_bytes(int64_t bytes)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB",
					     "TiB" };
	double shown = (double)bytes;
	size_t unit = 0;

	while (shown >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		shown /= 1024;
		unit++;
	}
	printf("%.*f %s", unit > 0, shown, units[unit]);
}

static void print_store(const json_t *stats)
{
	int64_t since = number(stats, "since");
	int64_t room = number(stats, "bytes_room");
	const char *why = text(stats, "why");
	char span[GREYLIST_SPAN_SIZE];

	printf("store       %s, %s", text(stats, "engine"),
	       text(stats, "health"));
	if (since > 0)
		printf(" for %s",
		       greylist_span((int64_t)time(NULL) - since, span));
	if (why != NULL && why[0] != '\0') {
		fputs(": ", stdout);
		print_escaped(stdout, why);
	}
	fputs("\nsize        ", stdout);
	print_bytes(number(stats, "bytes_used"));
	if (room > 0) {
		fputs(" of ", stdout);
		print_bytes(room);
		printf(" (%" PRId64 "%%)",
		       number(stats, "bytes_used") * 100 / room);
	}
	putchar('\n');
}

static void print_records(const json_t *stats, const json_t *count)
{
	printf("triplets    %" PRId64, number(stats, "triplets"));
	if (count != NULL)
		printf(": %" PRId64 " wait (%" PRId64 " tried once), %" PRId64
		       " have passed",
		       number(count, "waiting"), number(count, "once"),
		       number(count, "passed"));
	printf("\nidentities  %" PRId64, number(stats, "identities"));
	if (count != NULL)
		printf(": %" PRId64 " known, %" PRId64 " trapped, %" PRId64
		       " allowed, %" PRId64 " blocked",
		       number(count, "known"), number(count, "trapped"),
		       number(count, "allowed"), number(count, "blocked"));
	printf("\nwritten to  %" PRId64 "\n", number(stats, "outbound"));
}

/* "new 3, waited 2": those that are not 0. */
static void print_words(const char *label, const json_t *words)
{
	json_t *value;
	const char *key;
	bool some = false;

	printf("%-11s", label);
	json_object_foreach((json_t *)(uintptr_t)words, key, value)
	{
		if (json_integer_value(value) == 0)
			continue;
		printf("%s %s %" PRId64, some ? "," : "", key,
		       (int64_t)json_integer_value(value));
		some = true;
	}
	puts(some ? "" : " none yet");
}

/* "4 of 10 whose wait is over (40%), in 3d", or why it is not known. */
static void print_back(const json_t *stats)
{
	const json_t *since = json_object_get(stats, "back_since");
	int64_t never = number(stats, "never_back");
	int64_t over = never + number(stats, "came_back");
	bool is_file = strcmp(text(stats, "engine"), "lmdb") == 0;
	char span[GREYLIST_SPAN_SIZE];

	if (!json_is_integer(since))
		puts(is_file ? "never back  not counted yet"
			     : "never back  not known: a shared store forgets "
			       "by itself");
	else if (over > 0)
		printf("never back  %" PRId64 " of %" PRId64
		       " whose wait is over (%" PRId64 "%%), in %s\n",
		       never, over, never * 100 / over,
		       greylist_span((int64_t)time(NULL) -
					     json_integer_value(since),
				     span));
}

/* Where hosts share a store, its clock is the one they go by. */
static void print_clock(int64_t ahead)
{
	char span[GREYLIST_SPAN_SIZE];

	if (ahead > GREYLIST_SKEW || ahead < -GREYLIST_SKEW)
		printf("clock       this host's is %s %s the shared store's\n",
		       greylist_span(ahead < 0 ? -ahead : ahead, span),
		       ahead < 0 ? "behind" : "ahead of");
}

static void print_counted(const json_t *stats)
{
	static const struct {
		const char *key, *label;
	} rows[] = {
		{ "pruned", "dropped for room" },
		{ "foreign", "not to be read" },
		{ "newer", "of a newer version" },
		{ "queued", "writes for the shared store, waiting" },
		{ "dropped", "writes for the shared store, given up" },
	};
	int64_t commits = number(stats, "commits");

	print_words("answers", json_object_get(stats, "answers"));
	print_back(stats);
	printf("expired     %" PRId64 "\n", number(stats, "expired"));
	if (commits > 0)
		printf("commits     %" PRId64 ", of %.1f visits each\n",
		       commits,
		       (double)number(stats, "visits_committed") /
			       (double)commits);
	print_clock(number(stats, "clock_ahead"));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (number(stats, rows[i].key) > 0)
			printf("            %" PRId64 " %s\n",
			       number(stats, rows[i].key), rows[i].label);
}

/* --- how long they waited ------------------------------------------------ */

enum { BAR_WIDTH = 40 };

static void print_bar(size_t slot, int64_t count, int64_t most)
{
	char span[GREYLIST_SPAN_SIZE];
	bool last = slot + 1 == STORE_WAITS;
	/* a bucket that has any has a mark */
	int64_t width = (count * BAR_WIDTH + most - 1) / most;

	printf("  %s %-8s %10" PRId64 "  ", last ? "over " : "up to",
	       greylist_span((int64_t)1 << (last ? slot - 1 : slot), span),
	       count);
	while (width-- > 0)
		putchar('#');
	putchar('\n');
}

static void print_waits(const json_t *waits)
{
	size_t first = STORE_WAITS, last = 0;
	int64_t most = 0;

	for (size_t i = 0; i < STORE_WAITS; i++) {
		int64_t count =
			(int64_t)json_integer_value(json_array_get(waits, i));

		if (count == 0)
			continue;
		if (first == STORE_WAITS)
			first = i;
		last = i;
		most = count > most ? count : most;
	}
	if (most == 0)
		return;
	puts("passes by how long they waited");
	for (size_t i = first; i <= last; i++)
		print_bar(i,
			  (int64_t)json_integer_value(json_array_get(waits, i)),
			  most);
}

/* --- the action ---------------------------------------------------------- */

static void print_stats(const struct command *command, const json_t *stats,
			json_t *count)
{
	if (command->json) {
		json_t *all = json_copy((json_t *)(uintptr_t)stats);

		if (count != NULL)
			json_object_set(all, "count", count);
		print_json(all);
		json_decref(all);
		return;
	}
	print_store(stats);
	print_records(stats, count);
	print_counted(stats);
	print_waits(json_object_get(count != NULL ? count : stats, "waits"));
}

enum exit_code greylist_stats(const struct command *command)
{
	struct greylist_asker *asker =
		greylist_asker_open(command, GREYLIST_LOOK);
	json_t *lines =
		greylist_ask(asker, json_pack("{s:s}", "action", "stats"));
	json_t *count = NULL;
	enum exit_code code = EXIT_YES;

	if (lines == NULL) {
		code = EXIT_NO;
	} else if (!answer_is_ok(lines)) {
		code = ask_refused(command, lines);
	} else if (!command_has(command, "quick")) {
		count = json_object();
		code = greylist_pages(asker,
				      json_pack("{s:s}", "action", "count"),
				      add_page, count);
	}
	if (code == EXIT_YES)
		print_stats(command, answer_last(lines), count);
	json_decref(count);
	json_decref(lines);
	greylist_asker_close(asker);
	return code;
}
