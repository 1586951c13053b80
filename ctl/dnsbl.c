/*
 * dnsbl.c - how well DNS lists are, and what they all say of somebody.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ctl/ask.h"
#include "ctl/command.h"
#include "ctl/print.h"

static const char *text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static bool is_set(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

static void cell_number(struct table *table, const json_t *object,
			const char *key)
{
	char number[24];

	snprintf(number, sizeof(number), "%" PRId64,
		 (int64_t)json_integer_value(json_object_get(object, key)));
	table_cell(table, number);
}

/* --- health -------------------------------------------------------------- */

/* "5m 3s" ago; "-" for never. */
static void cell_ago(struct table *table, const json_t *object, const char *key)
{
	const json_t *moment = json_object_get(object, key);
	char ago[TIME_TEXT];

	table_cell(table,
		   json_is_integer(moment)
			   ? duration_text(time(NULL) -
						   json_integer_value(moment),
					   ago)
			   : NULL);
}

static void print_health(const json_t *lists)
{
	static const char *const heads[] = { "LIST",   "STATE", "FOR",
					     "TESTED", "ASKED", "LISTED",
					     "FAULTS", "LOST",	"WHY" };
	enum { HEADS = sizeof(heads) / sizeof(heads[0]) };
	struct table *table = table_new(HEADS);
	json_t *row;
	size_t i;

	for (i = 0; i < HEADS; i++)
		table_cell(table, heads[i]);
	json_array_foreach((json_t *)(uintptr_t)lists, i, row)
	{
		char state[64];

		snprintf(state, sizeof(state), "%s%s", text(row, "state"),
			 is_set(row, "muted") ? ", muted" : "");
		table_cell(table, text(row, "zone"));
		table_cell(table, state);
		cell_ago(table, row, "since");
		cell_ago(table, row, "tested");
		cell_number(table, row, "asked");
		cell_number(table, row, "listed");
		cell_number(table, row, "faults");
		cell_number(table, row, "unanswered");
		table_cell(table, text(row, "why"));
	}
	table_print(table, stdout);
}

static bool some_muted(const json_t *lists)
{
	json_t *row;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)lists, i,
			   row) if (is_set(row, "muted")) return true;
	return false;
}

/* --- what they say ------------------------------------------------------- */

static void row_begin(struct table *table, const char *zone, const char *answer)
{
	table_cell(table, zone);
	table_cell(table, answer);
}

/* One reply with a symbol that it means. */
static void print_symbol(struct table *table, const json_t *symbol)
{
	char *what = NULL;
	char weight[32] = "off";

	if (is_set(symbol, "shadow"))
		snprintf(weight, sizeof(weight), "shadow");
	else if (!is_set(symbol, "off"))
		snprintf(weight, sizeof(weight), "%.2f",
			 json_number_value(json_object_get(symbol, "weight")));
	row_begin(table, "", "");
	table_cell(table, "");
	if (asprintf(&what, "%s %s %s%s%s", text(symbol, "answer"),
		     text(symbol, "name"), weight,
		     text(symbol, "description") != NULL ? "  " : "",
		     text(symbol, "description") != NULL
			     ? text(symbol, "description")
			     : "") < 0)
		what = NULL;
	table_cell(table, what);
	free(what);
}

static bool has_symbol(const json_t *symbols, const char *reply)
{
	json_t *symbol;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)symbols, i,
			   symbol) if (strcmp(text(symbol, "answer"), reply) ==
				       0) return true;
	return false;
}

static void print_note(struct table *table, const char *before,
		       const char *note, const char *after)
{
	char *what = NULL;

	row_begin(table, "", "");
	table_cell(table, "");
	if (asprintf(&what, "%s%s%s", before, note, after) < 0)
		what = NULL;
	table_cell(table, what);
	free(what);
}

static void print_replies(struct table *table, const json_t *question)
{
	bool fault = strcmp(text(question, "answer"), "fault") == 0;
	json_t *symbols = json_object_get(question, "symbols"), *row;
	size_t i;

	json_array_foreach(symbols, i, row) print_symbol(table, row);
	json_array_foreach(json_object_get(question, "replies"), i,
			   row) if (!fault &&
				    !has_symbol(symbols,
						json_string_value(row)))
		print_note(table, "", json_string_value(row),
			   " means nothing to our rules");
	json_array_foreach(json_object_get(question, "txt"), i, row)
		print_note(table, "\"", json_string_value(row), "\"");
}

static void print_question(struct table *table, const json_t *list,
			   const json_t *question)
{
	char answer[96], ms[48];

	snprintf(answer, sizeof(answer), "%s%s", text(question, "answer"),
		 is_set(list, "muted") ? " (muted)" : "");
	snprintf(ms, sizeof(ms), "%" PRId64 "%s",
		 (int64_t)json_integer_value(json_object_get(question, "ms")),
		 is_set(question, "cached") ? " cached" : "");
	row_begin(table, text(list, "zone"), answer);
	table_cell(table, ms);
	table_cell(table, text(question, "question"));
	if (text(question, "why") != NULL)
		print_note(table, "", text(question, "why"), "");
	if (is_set(list, "muted"))
		print_note(table, "the filter does not ask it now: ",
			   text(list, "state"), "");
	print_replies(table, question);
}

static void print_lists(const json_t *answer)
{
	struct table *table = table_new(4);
	json_t *list, *question;
	size_t i, j;

	row_begin(table, "LIST", "ANSWER");
	table_cell(table, "MS");
	table_cell(table, "WHAT");
	json_array_foreach(json_object_get(answer, "lists"), i, list)
		json_array_foreach(json_object_get(list, "questions"), j,
				   question)
			print_question(table, list, question);
	table_print(table, stdout);
	if (json_array_size(json_object_get(answer, "lists")) == 0)
		puts("the rules ask no list about that");
}

/* --- the verb ------------------------------------------------------------ */

static enum exit_code print_answer(const struct command *command,
				   const json_t *lines, bool health)
{
	const json_t *answer = answer_last(lines);
	bool yes;

	if (!answer_is_ok(lines))
		return ask_refused(command, lines);
	yes = health ? !some_muted(json_object_get(answer, "lists"))
		     : is_set(answer, "listed");
	if (command->json)
		print_json(answer);
	else if (health)
		print_health(json_object_get(answer, "lists"));
	else
		print_lists(answer);
	return yes ? EXIT_YES : EXIT_NO;
}

static enum exit_code run_dnsbl(const struct command *command)
{
	const char *subject = command->arguments[0];
	bool health = strcmp(subject, "health") == 0;
	enum exit_code code;
	json_t *request, *lines;

	request = health ? json_pack("{s:s, s:s}", "verb", "dnsbl", "action",
				     "health")
			 : json_pack("{s:s, s:s, s:s}", "verb", "dnsbl",
				     "action", "ask", "subject", subject);
	if (request == NULL)
		return wrong_use(command, "names must be UTF-8");
	lines = ask_about_dns(command, request, ASK_RULES);
	if (lines == NULL)
		return EXIT_NO;
	code = print_answer(command, lines, health);
	json_decref(lines);
	return code;
}

static const struct verb_option dnsbl_options[] = {
	{ "dns", "FILE", "ask this zone file, neither filter nor network" },
	{ NULL, NULL, NULL },
};

static const char *const dnsbl_examples[] = {
	"steelyardctl dnsbl health",
	"steelyardctl dnsbl 192.0.2.99",
	"steelyardctl dnsbl spam.example.org --json",
	"steelyardctl -c new.conf dnsbl --dns world.zone 2001:db8::99",
	NULL,
};

const struct verb verb_dnsbl = {
	.name = "dnsbl",
	.arguments = "health | IP | DOMAIN",
	.help = "DNS lists: how well they are, and what they say",
	.more = "health shows each list of the rules, with exit code 1 if one "
		"is muted.  An address or\na domain name is looked up in every "
		"list that the rules ask about such a thing, muted\nones as "
		"well: what they reply, what that means and weighs, and how "
		"long it took.  The\nexit code is 0 if a listing was found "
		"that counts.  The running filter is asked; without\none, the "
		"lists are asked as its files say.\n",
	.options = dnsbl_options,
	.examples = dnsbl_examples,
	.least = 1,
	.most = 1,
	.run = run_dnsbl,
};
