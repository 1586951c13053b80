/*
 * test.c - what would become of this message?
 *
 * Offline through the filter's own code (trial.h), or with --via through a
 * filter that runs, as an MTA would bring it (mta.h).  One message is shown at
 * length, several as a table.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <syslog.h>
#include <time.h>

#include "ctl/ask.h"
#include "ctl/command.h"
#include "ctl/finding.h"
#include "ctl/letter.h"
#include "ctl/mta.h"
#include "ctl/print.h"
#include "ctl/trial.h"
#include "ctl/visit.h"
#include "filter/generation.h"
#include "filter/log.h"
#include "lists/greylist.h"

/* --- one message -------------------------------------------------------- */

static const char *text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static double number(const json_t *object, const char *key)
{
	return json_number_value(json_object_get(object, key));
}

static void line(const char *name, const char *value)
{
	printf("%-10s ", name);
	print_escaped(stdout, value);
	putchar('\n');
}

/* Each line of a reply under the other. */
static void print_reply(const char *name, const char *reply)
{
	char *copy = strdup(reply), *rest = copy, *part;

	while (copy != NULL && (part = strsep(&rest, "\n")) != NULL) {
		line(name, part);
		name = "";
	}
	free(copy);
}

static void print_visit(const json_t *finding)
{
	json_t *rcpts = json_object_get(finding, "recipients"), *rcpt;
	size_t i;

	line("message", text(finding, "file"));
	printf("%-10s ", "client");
	print_escaped(stdout, text(finding, "client"));
	fputs(" (", stdout);
	print_escaped(stdout, text(finding, "ptr"));
	fputs("), HELO ", stdout);
	print_escaped(stdout, text(finding, "helo"));
	putchar('\n');
	line("sender", text(finding, "sender"));
	json_array_foreach(rcpts, i, rcpt)
		line("recipient", json_string_value(rcpt));
}

static void print_verdict(const json_t *finding)
{
	const char *word = text(finding, "verdict");
	const char *stage = text(finding, "stage");
	const char *class = text(finding, "class");

	printf("%-10s ", "verdict");
	print_escaped(stdout, word != NULL ? word : "not known");
	if (stage != NULL)
		printf(" at %s", stage);
	if (json_is_number(json_object_get(finding, "score")))
		printf(", score %.2f", number(finding, "score"));
	if (json_is_true(json_object_get(finding, "offline")))
		fputs(" (offline)", stdout);
	if (json_is_number(json_object_get(finding, "threshold")))
		printf(" of %.2f", number(finding, "threshold"));
	if (json_is_true(json_object_get(finding, "softened")))
		fputs(", softened: an unknown could have prevented it", stdout);
	if (class != NULL && strcmp(class, "default") != 0) {
		fputs(", class ", stdout);
		print_escaped(stdout, class);
	}
	putchar('\n');
}

/* Whether others than strangers wait is for the filter that runs to know. */
static void print_greylist(const json_t *finding)
{
	const json_t *greylist = json_object_get(finding, "greylist");
	char span[GREYLIST_SPAN_SIZE];

	if (!json_is_object(greylist) ||
	    !json_is_true(json_object_get(greylist, "waits")))
		return;
	printf("%-10s a stranger would wait %s", "greylist",
	       greylist_span(json_integer_value(
				     json_object_get(greylist, "wait")),
			     span));
	if (text(greylist, "identity") != NULL) {
		fputs(", known as ", stdout);
		print_escaped(stdout, text(greylist, "identity"));
	}
	putchar('\n');
}

static void print_trap(const json_t *finding)
{
	if (text(finding, "trap") == NULL)
		return;
	printf("%-10s ", "spamtrap");
	print_escaped(stdout, text(finding, "trap"));
	puts(" is one: a filter that runs blocks whoever writes to it");
}

/* A folded value keeps its lines, each below the one before. */
static void print_folded(const char *value)
{
	char *copy = strdup(value), *at = copy, *end;

	while (at != NULL && (end = strchr(at, '\n')) != NULL &&
	       (end[1] == ' ' || end[1] == '\t')) {
		*end = '\0';
		print_escaped(stdout, at);
		printf("\n%11s", "");
		at = end + 2;
	}
	if (at != NULL)
		print_escaped(stdout, at);
	free(copy);
}

static void print_changes(const json_t *finding)
{
	json_t *change;
	size_t i;

	json_array_foreach(json_object_get(finding, "changes"), i, change)
	{
		const char *name = text(change, "name");
		const char *value = text(change, "value");

		printf("%-10s ", text(change, "what"));
		if (name != NULL)
			print_escaped(stdout, name);
		if (name != NULL && value != NULL)
			fputs(": ", stdout);
		if (value != NULL)
			print_folded(value);
		putchar('\n');
	}
}

static void print_replies(const json_t *finding)
{
	json_t *reply;
	size_t i;

	json_array_foreach(json_object_get(finding, "replies"), i, reply)
	{
		char name[32];

		snprintf(name, sizeof(name), "at %s", text(reply, "stage"));
		print_reply(name, text(reply, "reply"));
	}
}

/* Why the score is less than the sum of what stands above. */
static void print_caps(const json_t *finding)
{
	json_t *cap;
	size_t i;

	json_array_foreach(json_object_get(finding, "caps"), i, cap)
	{
		printf("%10.2f  group ",
		       number(cap, "max") - number(cap, "sum"));
		print_escaped(stdout, text(cap, "group"));
		printf(" adds no more than %.2f\n", number(cap, "max"));
	}
}

static void print_weights(const json_t *finding)
{
	json_t *rows = json_object_get(finding, "weights"), *row, *name;
	struct table *table;
	size_t i;

	if (json_array_size(rows) > 0) {
		table = table_new(3);
		json_array_foreach(rows, i, row)
		{
			char weight[24];

			snprintf(weight, sizeof(weight), "%10.2f",
				 number(row, "weight"));
			table_cell(table,
				   json_is_true(json_object_get(row, "shadow"))
					   ? "    shadow"
					   : weight);
			table_cell(table, text(row, "name"));
			table_cell(table, text(row, "description") != NULL
						  ? text(row, "description")
						  : "");
		}
		table_print(table, stdout);
		print_caps(finding);
	} else if (rows == NULL) {
		json_array_foreach(json_object_get(finding, "symbols"), i, name)
			line(i == 0 ? "symbols" : "", json_string_value(name));
	}
}

static void print_unknown(const json_t *finding)
{
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(finding, "unknown"), i, row)
	{
		bool partial = json_is_true(json_object_get(row, "partial"));

		printf("%-10s ", i == 0 ? "unknown" : "");
		print_escaped(stdout, text(row, "fact"));
		printf(" (%s%s)\n", partial ? "in part: " : "",
		       text(row, "cause"));
	}
	json_array_foreach(json_object_get(finding, "not_asked"), i, row)
		line(i == 0 ? "not asked" : "", json_string_value(row));
}

/* A value as one writes it in a rule, more or less. */
static char *value_text(const json_t *value)
{
	char *text_of_it, *dump;

	if (json_is_string(value))
		return strdup(json_string_value(value));
	if (json_is_boolean(value))
		return strdup(json_is_true(value) ? "yes" : "no");
	dump = json_dumps(value, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
	if (dump == NULL)
		return NULL;
	text_of_it = strdup(dump);
	free(dump);
	return text_of_it;
}

static void print_facts(const json_t *finding)
{
	struct table *table = table_new(2);
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(finding, "facts"), i, row)
	{
		json_t *value = json_object_get(row, "value");
		char *shown = json_is_null(value) ? strdup(text(row, "state"))
						  : value_text(value);
		char *name;

		if (asprintf(&name, "  %s", text(row, "fact")) >= 0) {
			table_cell(table, name);
			table_cell(table, shown);
			free(name);
		}
		free(shown);
	}
	puts("facts");
	table_print(table, stdout);
}

static void print_one(const struct command *command, const json_t *finding)
{
	print_visit(finding);
	print_verdict(finding);
	print_greylist(finding);
	print_trap(finding);
	print_replies(finding);
	print_changes(finding);
	print_weights(finding);
	print_unknown(finding);
	if (command_has(command, "facts") &&
	    json_object_get(finding, "facts") != NULL)
		print_facts(finding);
}

/* --- several ------------------------------------------------------------ */

/* "A,B", in parentheses if asked; malloc'ed. */
static char *joined(const json_t *names, bool parentheses)
{
	char *all = NULL;
	size_t size = 0, i;
	FILE *out = open_memstream(&all, &size);
	json_t *name;

	if (out == NULL)
		return NULL;
	parentheses = parentheses && json_array_size(names) > 0;
	if (parentheses)
		fputc('(', out);
	json_array_foreach((json_t *)(uintptr_t)names, i, name)
		fprintf(out, "%s%s", i > 0 ? "," : "", json_string_value(name));
	if (parentheses)
		fputc(')', out);
	fclose(out);
	return all;
}

static void print_row(struct table *table, const json_t *finding)
{
	const char *file = text(finding, "file"), *slash = strrchr(file, '/');
	const char *reply = text(finding, "reply");
	bool offline = json_is_true(json_object_get(finding, "offline"));
	char *symbols = joined(json_object_get(finding, "symbols"), offline);
	char score[32] = "-";
	char *first =
		reply != NULL ? strndup(reply, strcspn(reply, "\n")) : NULL;

	if (json_is_number(json_object_get(finding, "score")))
		snprintf(score, sizeof(score), offline ? "(%.2f)" : "%.2f",
			 number(finding, "score"));
	table_cell(table, slash != NULL ? slash + 1 : file);
	table_cell(table, text(finding, "client"));
	table_cell(table, text(finding, "helo"));
	table_cell(table, text(finding, "sender"));
	table_cell(table, score);
	table_cell(table, text(finding, "verdict"));
	table_cell(table, first);
	table_cell(table,
		   symbols != NULL && symbols[0] != '\0' ? symbols : "-");
	free(first);
	free(symbols);
}

static void print_table(const json_t *findings)
{
	static const char *const heads[] = { "MESSAGE", "CLIENT", "HELO",
					     "SENDER",	"SCORE",  "VERDICT",
					     "REPLY",	"SYMBOLS" };
	enum { HEADS = sizeof(heads) / sizeof(heads[0]) };
	struct table *table = table_new(HEADS);
	json_t *finding;
	size_t i;

	for (i = 0; i < HEADS; i++)
		table_cell(table, heads[i]);
	json_array_foreach((json_t *)(uintptr_t)findings, i, finding)
		print_row(table, finding);
	table_print(table, stdout);
}

/* --- running ------------------------------------------------------------ */

/* `date now`: what the sample's Date says is the time of the test. */
static void set_date(struct letter *letter, const struct visit *visit,
		     char *date, size_t size)
{
	time_t when = visit->time != 0 ? (time_t)visit->time : time(NULL);
	struct tm tm;

	if (!visit->date_now || gmtime_r(&when, &tm) == NULL ||
	    strftime(date, size, " %a, %d %b %Y %H:%M:%S +0000", &tm) == 0)
		return;
	for (size_t i = 0; i < letter->field_count; i++)
		if (strcasecmp(letter->fields[i].name, "Date") == 0)
			letter->fields[i].value = date;
}

/*
 * A refusal tells the MTA neither score nor symbols.  What the same rules make
 * of the message offline stands in, and is marked.
 */
static void complete(struct trial *trial, const struct visit *visit,
		     const struct letter *letter, json_t *finding)
{
	static const char *const keys[] = { "score", "symbols", "weights",
					    "caps", "threshold" };
	json_t *offline;

	if (json_object_get(finding, "score") != NULL)
		return;
	offline = finding_new("", visit);
	trial_run(trial, visit, letter, offline);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (json_object_get(offline, keys[i]) != NULL)
			json_object_set(finding, keys[i],
					json_object_get(offline, keys[i]));
	json_object_set_new(finding, "offline", json_true());
	json_decref(offline);
}

/* One file; a finding, or NULL when the reason has been told. */
static json_t *test_file(const struct command *command, const char *path,
			 struct trial *trial, enum exit_code *ret_code)
{
	const char *via = command_value(command, "via");
	char why[VISIT_WHY], date[64];
	struct letter letter;
	struct visit visit;
	json_t *finding;

	if (!visit_read(&visit, command, path, why)) {
		*ret_code = wrong_use(command, "%s", why);
		return NULL;
	}
	if (letter_read(&letter, path) < 0) {
		*ret_code = failed(command, "%s: %s", path, strerror(errno));
		visit_done(&visit);
		return NULL;
	}
	set_date(&letter, &visit, date, sizeof(date));
	finding = finding_new(path, &visit);
	if (via == NULL) {
		trial_run(trial, &visit, &letter, finding);
	} else if (mta_run(via, &visit, &letter, finding, why)) {
		if (trial != NULL)
			complete(trial, &visit, &letter, finding);
	} else {
		*ret_code = failed(command, "%s", why);
		json_decref(finding);
		finding = NULL;
	}
	letter_done(&letter);
	visit_done(&visit);
	return finding;
}

static enum exit_code test_files(const struct command *command,
				 struct trial *trial)
{
	json_t *findings = json_array();
	enum exit_code code = EXIT_YES;

	for (size_t i = 0; i < command->argument_count && code == EXIT_YES;
	     i++) {
		json_t *finding =
			test_file(command, command->arguments[i], trial, &code);

		if (finding != NULL)
			json_array_append_new(findings, finding);
	}
	if (command->json && command->argument_count == 1)
		print_json(json_array_get(findings, 0));
	else if (command->json)
		print_json(findings);
	else if (command->argument_count > 1)
		print_table(findings);
	else if (json_array_size(findings) == 1)
		print_one(command, json_array_get(findings, 0));
	json_decref(findings);
	return code;
}

static enum exit_code run_test(const struct command *command)
{
	bool via = command_has(command, "via");
	struct generation *gen;
	enum exit_code code;
	struct trial trial;
	char why[VISIT_WHY];

	if (!visit_check(command, why))
		return wrong_use(command, "%s", why);
	if (via && !command->config_given && command_has(command, "dns"))
		return wrong_use(command, "--dns is for tests without --via; "
					  "the filter asks whom it asks");
	if (via && !command->config_given)
		return test_files(command, NULL);
	gen = ask_generation(command);
	if (gen == NULL)
		return EXIT_NO;
	log_level(LOG_EMERG - 1); /* what a session logs is for the filter */
	code = EXIT_NO;
	if (trial_open(&trial, command, gen)) {
		code = test_files(command, &trial);
		trial_close(&trial);
	}
	generation_unref(gen);
	return code;
}

static const struct verb_option test_options[] = {
	{ "client", "IP", "the client's address, or local; 192.0.2.1" },
	{ "ptr", "NAME", "the client's name, for the MTA and in DNS" },
	{ "port", "N", "the client's port" },
	{ "helo", "NAME", "argument of HELO; mail.example.net" },
	{ "from", "ADDRESS", "envelope sender, with parameters if any" },
	{ "rcpt", "ADDRESS", "envelope recipient; may be given several times" },
	{ "auth", "USER", "the client has logged in as USER" },
	{ "macro", "NAME=VALUE", "a macro of the MTA; several times" },
	{ "time", "T", "when: seconds since 1970, or 2026-11-22T10:00:00Z" },
	{ "date", "now", "set the message's Date to that time" },
	{ "via", "SOCKET", "through a running filter, as an MTA would" },
	{ "dns", "FILE", "ask this zone file instead of the network" },
	{ "facts", NULL, "also show what is known of the message" },
	{ NULL, NULL, NULL },
};

static const char *const test_examples[] = {
	"steelyardctl test message.eml",
	"steelyardctl test --client 192.0.2.99 --helo friend --facts - "
	"< message.eml",
	"steelyardctl test --dns world.zone --client 192.0.2.99 message.eml",
	"steelyardctl -c new.conf test samples/*.eml",
	"steelyardctl test --via unix:/run/steelyard/milter.sock message.eml",
	NULL,
};

const struct verb verb_test = {
	.name = "test",
	.arguments = "[OPTION ...] FILE.eml ...",
	.help = "what would become of a message: verdict, score, symbols",
	.more = "Offline, with the rules of the configuration and the filter's "
		"own code; --via asks a\nfilter that runs.  With -c as well, "
		"what a refusal leaves unsaid (score, symbols) is\nworked out "
		"offline and put in parentheses.  - is standard input.  "
		"Several files make a\ntable.  NAME.envelope beside NAME.eml "
		"may say who brings it: client, ptr, helo, from,\nrcpt, auth, "
		"..., one a line.  DNS is asked as the settings say, or the "
		"file of --dns; a\nname given with --ptr is the client's "
		"there, too, and leads back to its address.\nThe exit code is "
		"0 whatever the verdict is.\n",
	.options = test_options,
	.examples = test_examples,
	.least = 1,
	.most = (size_t)-1,
	.run = run_test,
};
