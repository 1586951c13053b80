/*
 * greylist.c - what greylisting remembers: which action, and what it takes.
 */
#include "ctl/greylist.h"

#include <stdio.h>
#include <string.h>

#include "rules/diag.h"

/* What one remembers, by what it is. */
#define FILTER                                                                 \
	"kind", "state", "known", "trapped", "allowed", "blocked", "identity", \
		"sender", "recipient", "older", "newer"

enum { ACTION_OPTIONS = 16 };

static const struct action {
	const char *name;
	size_t least, most; /* arguments behind it */
	const char *usage;
	enum exit_code (*run)(const struct command *command);
	const char *options[ACTION_OPTIONS];
} actions[] = {
	{ "list",
	  0,
	  0,
	  "[--state S] [--identity PATTERN] ... [--limit N] [--after PLACE]",
	  greylist_list,
	  { FILTER, "limit", "after" } },
	{ "show",
	  0,
	  3,
	  "KEY | IDENTITY | IDENTITY SENDER RECIPIENT | --client IP",
	  greylist_show,
	  { "client", "ptr", "spf", "sender", "recipient" } },
	{ "stats", 0, 0, "[--quick]", greylist_stats, { "quick" } },
	{ "allow", 1, 1, "IDENTITY [--for TIME]", greylist_allow, { "for" } },
	{ "block", 1, 1, "IDENTITY [--for TIME]", greylist_block, { "for" } },
	{ "unmark", 1, 1, "IDENTITY", greylist_unmark, { NULL } },
	{ "forget",
	  0,
	  3,
	  "[IDENTITY [SENDER [RECIPIENT]]] [--dry-run] [--yes]",
	  greylist_forget,
	  { FILTER, "dry-run", "yes" } },
	{ "export", 0, 1, "[FILE]", greylist_export, { FILTER } },
	{ "import",
	  0,
	  1,
	  "[--from PROGRAM] [FILE]",
	  greylist_import,
	  { "from" } },
	{ "advise", 0, 0, "", greylist_advise, { NULL } },
};
enum { ACTIONS = sizeof(actions) / sizeof(actions[0]) };

/* --- which --------------------------------------------------------------- */

static const char *next_action(void *context)
{
	size_t *at = context;

	return *at < ACTIONS ? actions[(*at)++].name : NULL;
}

static enum exit_code unknown(const struct command *command, const char *name)
{
	const char *hint = NULL;
	enum exit_code code;
	struct diag diag;
	size_t at = 0;

	diag_init(&diag);
	diag_error(&diag, (struct place){ .file = 0 }, "unknown");
	diag_nearest(&diag, name, strlen(name), next_action, &at);
	if (diag.entry_count > 0)
		hint = diag.entries[0].hint;
	code = wrong_use(command, "unknown action \"%s\", %s", name,
			 hint != NULL ? hint
				      : "try steelyardctl greylist --help");
	diag_done(&diag);
	return code;
}

static const struct action *action_find(const char *name)
{
	for (size_t i = 0; i < ACTIONS; i++)
		if (strcmp(actions[i].name, name) == 0)
			return &actions[i];
	return NULL;
}

static bool takes(const struct action *action, const char *option)
{
	for (size_t i = 0; i < ACTION_OPTIONS && action->options[i]; i++)
		if (strcmp(action->options[i], option) == 0)
			return true;
	return false;
}

/* An option that was given twice: the first one would be passed over. */
static const char *twice(const struct command *command)
{
	for (size_t i = 0; i < command->given_count; i++)
		for (size_t j = 0; j < i; j++)
			if (command->given[i].option ==
			    command->given[j].option)
				return command->given[i].option->name;
	return NULL;
}

static enum exit_code run_greylist(const struct command *command)
{
	const char *name = command->arguments[0];
	const struct action *action;
	size_t words = command->argument_count - 1;

	if (command->argument_count == 0)
		return wrong_use(command,
				 "which action? list, show, stats, allow, "
				 "block, unmark, forget, export, import, "
				 "advise");
	action = action_find(name);
	if (action == NULL)
		return unknown(command, name);
	if (words < action->least || words > action->most)
		return wrong_use(command, "usage: steelyardctl greylist %s %s",
				 action->name, action->usage);
	for (size_t i = 0; i < command->given_count; i++) {
		const char *option = command->given[i].option->name;

		if (!takes(action, option))
			return wrong_use(command, "%s takes no --%s",
					 action->name, option);
	}
	if (twice(command) != NULL)
		return wrong_use(command, "--%s is given twice",
				 twice(command));
	return action->run(command);
}

/* --- the verb ------------------------------------------------------------ */

static const struct verb_option greylist_options[] = {
	{ "kind", "KIND", "triplet, identity or outbound" },
	{ "state", "STATE", "triplets: waiting or passed" },
	{ "known", NULL, "identities that need not wait" },
	{ "trapped", NULL, "identities that hit a spamtrap" },
	{ "allowed", NULL, "identities that you allow" },
	{ "blocked", NULL, "identities that you block" },
	{ "identity", "PATTERN", "such as 'spf:*.example.org'" },
	{ "sender", "PATTERN", "of the sender; show: the address" },
	{ "recipient", "PATTERN", "of the recipient; show: the address" },
	{ "older", "TIME", "last seen longer ago than this" },
	{ "newer", "TIME", "last seen since" },
	{ "limit", "N", "list: no more than so many" },
	{ "after", "PLACE", "list: go on where --limit ended one" },
	{ "client", "IP", "show: one with this address" },
	{ "ptr", "NAME", "show: and this name, confirmed both ways" },
	{ "spf", "DOMAIN", "show: and for whom SPF says pass" },
	{ "quick", NULL, "stats: without counting all records" },
	{ "for", "TIME", "allow, block: then it is over" },
	{ "dry-run", NULL, "forget: only count" },
	{ "yes", NULL, "forget: do not ask" },
	{ "from", "PROGRAM", "import: postgrey, milter-greylist or sqlgrey" },
	{ NULL, NULL, NULL },
};

static const char *const greylist_examples[] = {
	"steelyardctl greylist stats",
	"steelyardctl greylist list --state waiting --newer 1h",
	"steelyardctl greylist list --limit 100 --after 't net:192.0.2.0/24'",
	"steelyardctl greylist show spf:example.org",
	"steelyardctl greylist show --client 192.0.2.7 --sender a@example.org "
	"--recipient b@example.net",
	"steelyardctl greylist allow spf:example.org --for 30d",
	"steelyardctl greylist block net:192.0.2.0/24",
	"steelyardctl greylist unmark net:192.0.2.0/24",
	"steelyardctl greylist forget 'net:192.0.2.*' --dry-run",
	"steelyardctl greylist forget --state waiting --older 1d --yes",
	"steelyardctl greylist export greylist.jsonl",
	"steelyardctl greylist import greylist.jsonl",
	"steelyardctl greylist import --from postgrey dump.txt",
	"steelyardctl greylist advise",
	NULL,
};

const struct verb verb_greylist = {
	.name = "greylist",
	.arguments = "ACTION ...",
	.help = "who has waited: shown, counted, changed, moved",
	.more = "\n"
		"  list [FILTER...] [--limit N] [--after PLACE]\n"
		"                           one record a line\n"
		"  show KEY | IDENTITY | IDENTITY SENDER RECIPIENT | --client "
		"IP\n"
		"                           one, and what a visit would hear "
		"now\n"
		"  stats [--quick]          sizes, states, how long they "
		"waited\n"
		"  allow | block IDENTITY [--for TIME], unmark IDENTITY\n"
		"                           your word on an identity\n"
		"  forget [IDENTITY [SENDER [RECIPIENT]]] [FILTER...]\n"
		"                           patterns; asks, or wants --yes\n"
		"  export [FILTER...] [FILE]\n"
		"                           lines of JSON\n"
		"  import [--from PROGRAM] [FILE]\n"
		"                           takes them in, or another's "
		"dump\n"
		"  advise                   what other waits would have "
		"meant\n\n"
		"An identity is by what a client is known: spf:example.org if "
		"SPF passes for it,\nelse ptr:example.org by its name, else "
		"net:192.0.2.0/24 by its network.  A key is\nan identity, a "
		"sender and a recipient.  Patterns are those of the shell.  "
		"Times are\nas 90s, 5m, 12h, 2d, 1d12h.  A FILTER is one of the "
		"options from --kind to --newer.\n\n"
		"The running filter is asked; without one, its file is opened. "
		" show has exit code 0\nif there is such a record and 1 if "
		"not.\n",
	.options = greylist_options,
	.examples = greylist_examples,
	.most = 4,
	.run = run_greylist,
};
