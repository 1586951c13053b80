/*
 * greylist_ask.c - asks for what is remembered: the filter, or its files.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "ctl/ask.h"
#include "ctl/greylist.h"
#include "filter/generation.h"
#include "filter/greylist.h"
#include "filter/log.h"

enum {
	BUSY_MS = 100, /* between two tries */
	BUSY_TRIES = 100,
};

struct greylist_asker {
	const struct command *command;
	enum greylist_use use;
	bool answered; /* by the filter: from now on by nobody else */
	struct generation *gen; /* without a filter */
	struct store *store;
};

struct greylist_asker *greylist_asker_open(const struct command *command,
					   enum greylist_use use)
{
	struct greylist_asker *asker = calloc(1, sizeof(*asker));

	if (asker == NULL)
		err(EXIT_NO, NULL);
	asker->command = command;
	asker->use = use;
	return asker;
}

void greylist_asker_close(struct greylist_asker *asker)
{
	if (asker == NULL)
		return;
	store_close(asker->store);
	generation_unref(asker->gen);
	free(asker);
}

/*
 * What root writes must stay the filter's own, or it could not open it: so it
 * is opened as whoever owns the folder.
 */
static struct store *open_store(const struct greylist_asker *asker,
				char why[STORE_WHY_SIZE])
{
	const struct settings *settings = &asker->gen->settings;
	bool look = asker->use == GREYLIST_LOOK, become = false;
	gid_t group = getegid();
	struct store *store;
	struct stat st;

	if (!look && geteuid() == 0 &&
	    stat(settings->process.state_dir, &st) == 0 && st.st_uid != 0) {
		become = setegid(st.st_gid) == 0 && seteuid(st.st_uid) == 0;
		if (!become) {
			snprintf(why, STORE_WHY_SIZE,
				 "cannot become the owner of %.100s",
				 settings->process.state_dir);
			return NULL;
		}
	}
	store = greylist_open_store(settings, look, why);
	if (become && (seteuid(0) != 0 || setegid(group) != 0))
		err(EXIT_NO, "root again");
	return store;
}

/*
 * Opens what the filter would, and asks; NULL with the reason told.  First it
 * is asked without a store: who has asked for what cannot be hears so, and no
 * file is made for him.
 */
static json_t *ask_own(struct greylist_asker *asker, json_t *request)
{
	char why[STORE_WHY_SIZE] = "out of memory";
	json_t *lines;

	log_level(LOG_CRIT); /* logs are for the filter, but for lost files */
	if (asker->gen == NULL)
		asker->gen = ask_generation(asker->command);
	if (asker->gen == NULL)
		return NULL;
	lines = ask_store(asker->gen, NULL, json_incref(request));
	if (strcmp(answer_text(lines, "code"), "wrong") == 0)
		return lines;
	json_decref(lines);
	lines = NULL;
	asker->store = open_store(asker, why);
	if (asker->store != NULL)
		lines = ask_store(asker->gen, asker->store,
				  json_incref(request));
	if (strcmp(answer_text(lines, "code"), "wrong") != 0)
		fprintf(stderr, "steelyardctl greylist: the filter does not "
				"run; this is from its files\n");
	if (asker->store == NULL)
		failed(asker->command, "%s", why);
	return lines;
}

/*
 * Of many requests one may well meet eight others at the socket: then a moment
 * is waited, as nobody wants half a list.
 */
static enum asked ask_patiently(struct greylist_asker *asker, json_t *request,
				json_t **ret_lines, char why[ASK_WHY])
{
	const struct timespec moment = { .tv_nsec = BUSY_MS * 1000000L };
	enum asked asked = ASKED_FAILED;

	for (int tries = 0; tries < BUSY_TRIES; tries++) {
		asked = ask_filter(asker->command, json_incref(request),
				   ret_lines, why);
		if (asked != ASKED ||
		    strcmp(answer_text(*ret_lines, "code"), "busy") != 0 ||
		    tries + 1 == BUSY_TRIES)
			break;
		json_decref(*ret_lines);
		nanosleep(&moment, NULL);
	}
	return asked;
}

json_t *greylist_ask(struct greylist_asker *asker, json_t *request)
{
	json_t *lines = NULL;
	char why[ASK_WHY];
	enum asked asked;

	if (request == NULL ||
	    json_object_set_new(request, "verb", json_string("greylist")) < 0) {
		wrong_use(asker->command, "what is asked must be UTF-8");
		json_decref(request);
		return NULL;
	}
	if (asker->store != NULL)
		return ask_store(asker->gen, asker->store, request);
	asked = ask_patiently(asker, request, &lines, why);
	if (asked == ASKED)
		asker->answered = true;
	else if (asked == ASKED_FAILED || asker->answered)
		failed(asker->command, "%s", why);
	else
		lines = ask_own(asker, request);
	json_decref(request);
	return lines;
}

enum exit_code greylist_pages(struct greylist_asker *asker, json_t *request,
			      greylist_page *page, void *context)
{
	enum exit_code code = EXIT_YES;
	bool more = true;

	while (more && code == EXIT_YES) {
		json_t *lines = greylist_ask(asker, json_incref(request));
		const json_t *last = answer_last(lines);

		more = json_is_true(json_object_get(last, "more"));
		if (lines == NULL)
			code = EXIT_NO;
		else if (!answer_is_ok(lines))
			code = ask_refused(asker->command, lines);
		else if (!page(context, lines))
			more = false;
		if (more)
			json_object_set(request, "cursor",
					json_object_get(last, "cursor"));
		json_decref(lines);
	}
	json_decref(request);
	return code;
}

/* --- entries ------------------------------------------------------------- */

struct walk {
	greylist_each *each;
	void *context;
};

static bool walk_page(void *context, const json_t *lines)
{
	const struct walk *walk = context;
	json_t *line, *entry;
	size_t i, j;

	json_array_foreach((json_t *)(uintptr_t)lines, i, line)
	{
		json_array_foreach(json_object_get(line, "entries"), j, entry)
		{
			if (!walk->each(walk->context, entry))
				return false;
		}
	}
	return true;
}

enum exit_code greylist_entries(struct greylist_asker *asker, json_t *request,
				greylist_each *each, void *context)
{
	struct walk walk = { each, context };

	return greylist_pages(asker, request, walk_page, &walk);
}
