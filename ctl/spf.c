/*
 * spf.c - what an SPF record costs, what is wrong with it, and what it says of
 * a client.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <syslog.h>
#include <time.h>

#include "ctl/ask.h"
#include "ctl/command.h"
#include "ctl/print.h"
#include "ctl/spf_walk.h"
#include "filter/generation.h"
#include "filter/inspect/dns.h"
#include "filter/inspect/spf.h"
#include "filter/inspect/spf_record.h"
#include "filter/log.h"
#include "filter/resolver.h"
#include "rules/mail/address.h"

enum {
	ARENA_MAX = 64 * 1024 * 1024,
	WINDOW = 72, /* columns of a record that are shown around a fault */
};

/* Stands for the domain of a record that is published nowhere. */
#define NO_DOMAIN "record.invalid"

/* --- DNS ---------------------------------------------------------------- */

struct answered {
	struct answered *next;
	struct dns_answer *answer;
};

/*
 * The door to DNS: the configuration's resolver, opened by the first question,
 * as a record may need none.  In front of it stands the record that was given.
 */
struct door {
	struct inspect_dns dns; /* must be first */
	const struct command *command;
	struct generation *gen;
	bool opened, broken;
	struct arena *arena;
	struct answered *answers; /* to be given back */
	const char *domain;
	struct dns_record record; /* given, or without a text */
	struct dns_answer own;
	uint16_t ends[1];
};

static bool open_resolver(struct door *door)
{
	if (!door->opened) {
		door->opened = true;
		log_level(LOG_EMERG - 1); /* logs are for the filter */
		door->gen = ask_settings(door->command);
		door->broken =
			door->gen == NULL ||
			!ask_use_resolver(door->command, door->gen, NULL);
	}
	return !door->broken;
}

static const struct dns_answer *ask(struct inspect_dns *dns, const char *name,
				    enum dns_type type)
{
	struct door *door = (struct door *)dns;
	struct answered *answered;

	if (door->record.text != NULL && type == DNS_TXT &&
	    strcasecmp(name, door->domain) == 0)
		return &door->own;
	if (!open_resolver(door))
		return dns_answer_of(DNS_UNREACHABLE);
	answered = arena_alloc(door->arena, sizeof(*answered));
	if (answered == NULL)
		return dns_answer_of(DNS_NO_MEMORY);
	answered->answer = dns_wait(door->gen->resolver->dns, name, type, 0);
	answered->next = door->answers;
	door->answers = answered;
	return answered->answer;
}

/* The cache has what was asked before; nobody is in a hurry. */
static void hint(struct inspect_dns *dns, const char *name, enum dns_type type)
{
	(void)dns;
	(void)name;
	(void)type;
}

static void close_door(struct door *door)
{
	for (struct answered *a = door->answers; a != NULL; a = a->next)
		dns_answer_unref(a->answer);
	generation_unref(door->gen);
}

static void give_record(struct door *door, const char *record)
{
	door->record = (struct dns_record){
		.type = DNS_TXT,
		.text = record,
		.text_len = strlen(record),
		.ends = door->ends,
		.strings = 1,
	};
	door->own = (struct dns_answer){
		.status = DNS_FOUND,
		.canonical = door->domain,
		.count = 1,
		.records = &door->record,
	};
}

/* --- what was asked ----------------------------------------------------- */

struct question {
	const char *domain;
	const char *record; /* NULL: as published */
	bool has_client;
	struct spf_request request;
};

/* The A-labels of a domain, in the arena; NULL if it is none. */
static const char *domain_of(struct arena *arena, const char *text)
{
	struct domain domain;

	if (domain_normalise(text, strlen(text), &domain) != ADDRESS_FINE ||
	    domain.flags & (DOMAIN_LITERAL | DOMAIN_BARE_IP | DOMAIN_ONE_LABEL))
		return NULL;
	return arena_strndup(arena, domain.name, domain.len);
}

static bool read_sender(const struct command *command, struct arena *arena,
			struct question *q)
{
	const char *from = command_value(command, "from");
	const char *at = from != NULL ? strrchr(from, '@') : NULL;
	const char *domain = at != NULL ? domain_of(arena, at + 1) : NULL;

	if (from != NULL && domain == NULL) {
		wrong_use(command, "--from %s is no address", from);
		return false;
	}
	if (q->domain == NULL)
		q->domain = domain != NULL ? domain : NO_DOMAIN;
	if (from != NULL && strcmp(domain, q->domain) != 0) {
		wrong_use(command, "--from %s is not of %s", from, q->domain);
		return false;
	}
	q->request.sender =
		from != NULL ? from
			     : arena_printf(arena, "postmaster@%s", q->domain);
	return q->request.sender != NULL;
}

static bool read_question(const struct command *command, struct arena *arena,
			  struct question *q)
{
	const char *what = command->arguments[1];
	const char *client = command_value(command, "client");

	*q = (struct question){ .has_client = client != NULL };
	if (strchr(what, '=') != NULL || strchr(what, ' ') != NULL) {
		q->record = what;
	} else {
		q->domain = domain_of(arena, what);
		if (q->domain == NULL) {
			wrong_use(command,
				  "\"%s\" is neither a domain nor a "
				  "record",
				  what);
			return false;
		}
	}
	if (client != NULL &&
	    ip_parse(client, strlen(client), &q->request.client) < 0) {
		wrong_use(command, "--client %s is no IP address", client);
		return false;
	}
	if (client == NULL && command_has(command, "helo")) {
		wrong_use(command, "--helo wants a --client");
		return false;
	}
	q->request.helo = command_value(command, "helo");
	q->request.now = (int64_t)time(NULL);
	return read_sender(command, arena, q);
}

/* --- output for people -------------------------------------------------- */

static void print_terms(const struct spf_walk *walk)
{
	struct table *table = table_new(3);

	table_cell(table, "LOOK-UPS");
	table_cell(table, "DOMAIN");
	table_cell(table, "TERM");
	for (size_t i = 0; i < walk->line_count; i++) {
		const struct spf_walk_line *line = &walk->lines[i];
		char *shown = NULL;

		table_cell(table, !line->reached ? "never"
				  : line->asks	 ? "1"
						 : "-");
		table_cell(table, line->domain);
		if (asprintf(&shown, "%*s%s", (int)(2 * line->depth), "",
			     line->term) < 0)
			shown = NULL;
		table_cell(table, shown);
		free(shown);
	}
	table_print(table, stdout);
}

/* The part of the record around the place, and a caret below it. */
static void print_place(const struct spf_walk_problem *problem)
{
	size_t len = strlen(problem->record), from = 0, n;
	size_t carets = problem->len > 0 ? problem->len : 1;

	if (problem->at > WINDOW / 2 && len > WINDOW)
		from = problem->at - WINDOW / 2;
	n = len - from < WINDOW ? len - from : WINDOW;
	fputs("    ", stdout);
	for (size_t i = from; i < from + n; i++) {
		char c = problem->record[i];

		/* one column each, so that the caret stands right */
		putchar(c >= ' ' && c <= '~' ? c : '?');
	}
	printf("\n    %*s", (int)(problem->at - from), "");
	if (carets > from + WINDOW - problem->at)
		carets = from + WINDOW - problem->at;
	while (carets-- > 0)
		putchar('^');
	putchar('\n');
}

static void print_problems(const struct spf_walk *walk)
{
	for (size_t i = 0; i < walk->problem_count; i++) {
		const struct spf_walk_problem *problem = &walk->problems[i];

		print_escaped(stdout, problem->domain);
		if (problem->record != NULL)
			printf(":%zu", problem->at + 1);
		fputs(": ", stdout);
		print_escaped(stdout, problem->why);
		putchar('\n');
		if (problem->record != NULL)
			print_place(problem);
	}
	if (!walk->whole)
		puts("this is too much to be read to its end");
}

static void print_outcome(const struct question *q,
			  const struct spf_outcome *outcome)
{
	char ip[IP_TEXT_SIZE];

	printf("%s: %s", ip_format(&q->request.client, ip, sizeof(ip)),
	       spf_result_name(outcome->result));
	if (outcome->mechanism != NULL) {
		fputs(", by ", stdout);
		print_escaped(stdout, outcome->mechanism);
	}
	if (outcome->error != NULL) {
		fputs(": ", stdout);
		print_escaped(stdout, outcome->error);
	}
	if (outcome->error_domain != NULL) {
		fputs(", in the record of ", stdout);
		print_escaped(stdout, outcome->error_domain);
	}
	printf("\nlook-ups until then: %u, of which %u find nothing\n",
	       outcome->lookups, outcome->voids);
	if (outcome->explanation != NULL) {
		fputs("explanation: ", stdout);
		print_escaped(stdout, outcome->explanation);
		putchar('\n');
	}
}

static void print_people(const struct question *q, const struct spf_walk *walk,
			 const struct spf_outcome *outcome)
{
	if (walk->record != NULL) {
		printf("%s: ", q->domain);
		print_escaped(stdout, walk->record);
		putchar('\n');
		if (walk->line_count > 0)
			print_terms(walk);
		printf("look-ups: %u of %d\n", walk->lookups,
		       SPF_TERMS_ASKED_MAX);
	}
	print_problems(walk);
	if (outcome != NULL)
		print_outcome(q, outcome);
}

/* --- output for programs ------------------------------------------------ */

/* What strangers publish need not be UTF-8. */
static json_t *text_json(const char *text)
{
	char *shown = text != NULL ? escaped(text) : NULL;
	json_t *json = shown != NULL ? json_string(shown) : json_null();

	free(shown);
	return json;
}

static json_t *terms_json(const struct spf_walk *walk)
{
	json_t *terms = json_array();

	for (size_t i = 0; i < walk->line_count; i++) {
		const struct spf_walk_line *line = &walk->lines[i];

		json_array_append_new(terms,
				      json_pack("{s:o, s:o, s:i, s:i, s:b}",
						"domain",
						text_json(line->domain), "term",
						text_json(line->term), "depth",
						(int)line->depth, "lookups",
						line->asks ? 1 : 0, "reached",
						(int)line->reached));
	}
	return terms;
}

static json_t *problems_json(const struct spf_walk *walk)
{
	json_t *problems = json_array();

	for (size_t i = 0; i < walk->problem_count; i++) {
		const struct spf_walk_problem *problem = &walk->problems[i];
		json_t *json = json_pack("{s:o, s:o}", "domain",
					 text_json(problem->domain), "text",
					 text_json(problem->why));

		if (problem->record != NULL)
			json_object_set_new(
				json, "column",
				json_integer((json_int_t)problem->at + 1));
		json_array_append_new(problems, json);
	}
	return problems;
}

static json_t *outcome_json(const struct question *q,
			    const struct spf_outcome *outcome)
{
	char ip[IP_TEXT_SIZE];

	ip_format(&q->request.client, ip, sizeof(ip));
	return json_pack("{s:s, s:s, s:o, s:i, s:i, s:o, s:o, s:b}", "client",
			 ip, "result", spf_result_name(outcome->result),
			 "mechanism", text_json(outcome->mechanism), "lookups",
			 (int)outcome->lookups, "voids", (int)outcome->voids,
			 "explanation", text_json(outcome->explanation),
			 "error", text_json(outcome->error), "open",
			 (int)outcome->open);
}

static void print_programs(const struct question *q,
			   const struct spf_walk *walk,
			   const struct spf_outcome *outcome)
{
	json_t *json =
		json_pack("{s:s, s:o, s:o, s:i, s:i, s:b, s:o}", "domain",
			  q->domain, "record", text_json(walk->record), "terms",
			  terms_json(walk), "lookups", (int)walk->lookups,
			  "voids", (int)walk->voids, "whole", (int)walk->whole,
			  "problems", problems_json(walk));

	if (outcome != NULL)
		json_object_set_new(json, "check", outcome_json(q, outcome));
	print_json(json);
	json_decref(json);
}

/* --- the verb ----------------------------------------------------------- */

static enum exit_code check(const struct command *command,
			    const struct question *q, struct arena *arena)
{
	struct door door = {
		.dns = { .ask = ask, .hint = hint },
		.command = command,
		.arena = arena,
		.domain = q->domain,
	};
	enum exit_code code = EXIT_NO;
	const struct spf_walk *walk;
	struct spf_outcome outcome;

	if (q->record != NULL)
		give_record(&door, q->record);
	walk = spf_walk(q->domain, strcmp(q->domain, NO_DOMAIN) == 0, &door.dns,
			arena);
	if (q->has_client)
		spf_check(&q->request, SPF_OF_MAIL_FROM, &door.dns, arena,
			  &outcome);
	if (walk == NULL) {
		failed(command, "out of memory");
	} else if (!door.broken) {
		(command->json ? print_programs
			       : print_people)(q, walk,
					       q->has_client ? &outcome : NULL);
		if (walk->problem_count == 0 && walk->whole)
			code = EXIT_YES;
	}
	close_door(&door);
	return code;
}

static enum exit_code run_spf(const struct command *command)
{
	enum exit_code code = EXIT_WRONG;
	struct question q;
	struct arena arena;

	if (strcmp(command->arguments[0], "check") != 0)
		return wrong_use(command, "%s is not check",
				 command->arguments[0]);
	arena_init(&arena, ARENA_MAX);
	if (read_question(command, &arena, &q))
		code = check(command, &q, &arena);
	arena_done(&arena);
	return code;
}

static const struct verb_option spf_options[] = {
	{ "client", "IP", "say what it says of this client" },
	{ "helo", "NAME", "that greets so" },
	{ "from", "ADDRESS", "and sends as this" },
	{ "dns", "FILE", "ask this zone file, not the network" },
	{ NULL, NULL, NULL },
};

static const char *const spf_examples[] = {
	"steelyardctl spf check example.org",
	"steelyardctl spf check 'v=spf1 mx include:_spf.example.net -all'",
	"steelyardctl spf check --client 192.0.2.1 --from a@example.org "
	"example.org",
	NULL,
};

const struct verb verb_spf = {
	.name = "spf",
	.arguments = "check DOMAIN | RECORD",
	.help = "explain an SPF record, and what is wrong with it",
	.more = "Terms are listed as they are come to, those of includes and "
		"redirects with them, and\nwhat each costs of the ten look-ups "
		"that there may be.  The exit code is 0 if nothing is\nwrong "
		"and 1 if there is a problem, whatever it says of the "
		"client.\n",
	.options = spf_options,
	.examples = spf_examples,
	.least = 2,
	.most = 2,
	.run = run_spf,
};
