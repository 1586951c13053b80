/*
 * greylist_advise.c - `greylist advise`: what another wait, window or mask
 * would cost and stop, by what has been seen.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ctl/ask.h"
#include "ctl/greylist.h"
#include "ctl/greylist_advice.h"
#include "ctl/print.h"
#include "lists/greylist.h"

enum { BAR_WIDTH = 40, CELL = 64 };

static int64_t number(const json_t *object, const char *key)
{
	return (int64_t)json_integer_value(json_object_get(object, key));
}

/* "12 (3.4%)" */
static const char *share(int64_t part, int64_t whole, char buf[CELL])
{
	if (whole > 0)
		snprintf(buf, CELL, "%" PRId64 " (%.1f%%)", part,
			 100.0 * (double)part / (double)whole);
	else
		snprintf(buf, CELL, "%" PRId64, part);
	return buf;
}

static void cell_number(struct table *table, int64_t count)
{
	char text[CELL];

	snprintf(text, sizeof(text), "%" PRId64, count);
	table_cell(table, text);
}

static void cell_span(struct table *table, int64_t seconds, bool is_now)
{
	char span[GREYLIST_SPAN_SIZE], text[CELL];

	snprintf(text, sizeof(text), "%s%s", greylist_span(seconds, span),
		 is_now ? " *" : "");
	table_cell(table, text);
}

/* --- how long they took -------------------------------------------------- */

static void print_plot(const json_t *steps)
{
	char span[GREYLIST_SPAN_SIZE];
	int64_t most = 1;
	json_t *step;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)steps, i, step)
	{
		if (number(step, "count") > most)
			most = number(step, "count");
	}
	json_array_foreach((json_t *)(uintptr_t)steps, i, step)
	{
		int64_t count = number(step, "count");
		int64_t width = (count * BAR_WIDTH + most - 1) / most;
		bool open = json_is_null(json_object_get(step, "up_to"));

		printf("  %-6s %-4s %9" PRId64 "  ", open ? "later" : "up to",
		       open ? "" : greylist_span(number(step, "up_to"), span),
		       count);
		while (width-- > 0)
			putchar('#');
		putchar('\n');
	}
}

static void print_never_back(const json_t *advice)
{
	const json_t *part = json_object_get(advice, "never_back_share");
	int64_t since = number(advice, "back_since");
	char span[GREYLIST_SPAN_SIZE];

	if (json_is_real(part))
		printf("Never back were %" PRId64
		       " (%.1f%%) of those whose wait has ended in %s.\n",
		       number(advice, "never_back"),
		       100.0 * json_real_value(part),
		       greylist_span((int64_t)time(NULL) - since, span));
	printf("Waiting: %" PRId64 "; of these %" PRId64
	       " have tried again, and %" PRId64
	       " tried once and could have\npassed since.\n",
	       number(advice, "waiting"), number(advice, "tried_again"),
	       number(advice, "overdue"));
}

/* --- tables -------------------------------------------------------------- */

static void print_waits(const json_t *advice)
{
	int64_t measured = number(advice, "measured");
	int64_t wait = number(advice, "wait");
	struct table *table = table_new(4);
	char text[CELL];
	json_t *row;
	size_t i;

	puts("\nHad the wait been (* now):");
	table_cell(table, "wait");
	table_cell(table, "pass at that try");
	table_cell(table, "sent away once more");
	table_cell(table, "through, of those waiting");
	json_array_foreach(json_object_get(advice, "waits"), i, row)
	{
		int64_t seconds = number(row, "wait");

		cell_span(table, seconds, seconds == wait);
		table_cell(table, share(number(row, "pass"), measured, text));
		table_cell(table, share(number(row, "again"), measured, text));
		if (seconds < wait)
			cell_number(table, number(row, "through"));
		else
			table_cell(table, NULL);
	}
	table_print(table, stdout);
	puts("A shorter wait lets through who tries again soon and gives up: "
	     "the last column.\nHow much earlier the others would have passed "
	     "cannot be seen.");
}

static void print_windows(const json_t *advice)
{
	int64_t measured = number(advice, "measured");
	int64_t window = number(advice, "window");
	const json_t *rows = json_object_get(advice, "windows");
	struct table *table;
	char text[CELL];
	json_t *row;
	size_t i;

	if (json_array_size(rows) == 0)
		return;
	puts("\nHad the window been (* now):");
	table = table_new(2);
	table_cell(table, "window");
	table_cell(table, "back too late");
	json_array_foreach((json_t *)(uintptr_t)rows, i, row)
	{
		int64_t seconds = number(row, "window");

		cell_span(table, seconds, seconds == window);
		table_cell(table, share(number(row, "late"), measured, text));
	}
	table_print(table, stdout);
}

static void print_known(const json_t *advice)
{
	int64_t all = number(advice, "identities");
	struct table *table;
	char text[CELL];
	json_t *row;
	size_t i;

	if (all == 0)
		return;
	printf("\nOf %" PRId64 " identities with a counted pass %" PRId64
	       " are known now; with so many passes or more:\n",
	       all, number(advice, "known"));
	table = table_new(2);
	table_cell(table, "passes");
	table_cell(table, "identities");
	json_array_foreach(json_object_get(advice, "known_after"), i, row)
	{
		cell_number(table, number(row, "passes"));
		table_cell(table, share(number(row, "identities"), all, text));
	}
	table_print(table, stdout);
}

static void print_masks(const json_t *rows, const char *family,
			const char *setting)
{
	struct table *table;
	char text[CELL];
	json_t *row;
	size_t i;

	if (json_array_size(rows) == 0)
		return;
	printf("\nNetworks that prove nothing, IPv%s (%s):\n", family, setting);
	table = table_new(3);
	table_cell(table, "mask");
	table_cell(table, "networks");
	table_cell(table, "mails that become one");
	json_array_foreach((json_t *)(uintptr_t)rows, i, row)
	{
		bool more = json_is_true(json_object_get(row, "or_more"));

		snprintf(text, sizeof(text), "/%" PRId64, number(row, "bits"));
		table_cell(table, text);
		snprintf(text, sizeof(text), "%" PRId64 "%s",
			 number(row, "networks"), more ? " or more" : "");
		table_cell(table, text);
		cell_number(table, number(row, "mails"));
	}
	table_print(table, stdout);
}

static void print_advice(const json_t *advice)
{
	int64_t measured = number(advice, "measured");
	int64_t several = number(advice, "several_networks");

	printf("%" PRId64 " triplets have passed; of %" PRId64
	       " it is known how long they took to come back",
	       number(advice, "passed"), measured);
	puts(measured > 0 ? ":" : ".");
	if (measured > 0)
		print_plot(json_object_get(advice, "came_back"));
	print_never_back(advice);
	if (!json_is_true(json_object_get(advice, "enough")))
		printf("These are too few to judge by: wait until there are "
		       "%d.\n",
		       ADVICE_ENOUGH);
	if (measured > 0) {
		print_waits(advice);
		print_windows(advice);
	}
	print_known(advice);
	print_masks(json_object_get(advice, "masks4"), "4",
		    "greylist_ipv4_bits");
	print_masks(json_object_get(advice, "masks6"), "6",
		    "greylist_ipv6_bits");
	if (several > 0)
		printf("%" PRId64 " times a mail was tried from a second "
		       "network: pools that prove nothing.\n",
		       several);
}

/* --- asking -------------------------------------------------------------- */

static bool add_entry(void *context, const json_t *entry)
{
	advice_add(context, entry);
	return true;
}

static enum exit_code walk(const struct command *command,
			   struct greylist_asker *asker, const json_t *stats)
{
	const json_t *terms = json_object_get(stats, "terms");
	struct advice *advice =
		advice_new(number(terms, "wait"), number(terms, "window"),
			   (int64_t)time(NULL));
	enum exit_code code;
	json_t *found;

	code = greylist_entries(asker,
				json_pack("{s:s, s:[s, s]}", "action", "list",
					  "kinds", "triplet", "identity"),
				add_entry, advice);
	if (code == EXIT_YES) {
		found = advice_json(advice, stats);
		if (command->json)
			print_json(found);
		else
			print_advice(found);
		json_decref(found);
	}
	advice_free(advice);
	return code;
}

enum exit_code greylist_advise(const struct command *command)
{
	struct greylist_asker *asker =
		greylist_asker_open(command, GREYLIST_LOOK);
	json_t *lines =
		greylist_ask(asker, json_pack("{s:s}", "action", "stats"));
	enum exit_code code = EXIT_NO;

	if (lines && !answer_is_ok(lines))
		code = ask_refused(command, lines);
	else if (lines)
		code = walk(command, asker, answer_last(lines));
	json_decref(lines);
	greylist_asker_close(asker);
	return code;
}
