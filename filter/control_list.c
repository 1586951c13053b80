/*
 * control_list.c - lists shown, asked and edited.
 *
 * Entries are shown in pages, so that a list of a million needs neither a
 * buffer for all of it nor a line without end.
 */
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "filter/control.h"
#include "filter/control_verbs.h"
#include "filter/generation.h"
#include "filter/show.h"
#include "lists/listfile.h"
#include "rules/regex.h"

enum { PAGE_ENTRIES = 200 };

/* One request about one list. */
struct asked {
	const struct control_context *context;
	const struct control_sink *sink;
	struct generation *gen;
	size_t index;
	const struct rule_list_info *info;
	const struct list *list;
	const char *entry; /* or NULL */
	size_t entry_len;
	bool may_write;
	bool wrote;
};

static bool say(struct asked *asked, json_t *answer)
{
	bool good = json_is_true(json_object_get(answer, "ok"));

	if (answer != NULL)
		asked->sink->line(asked->sink->context, answer);
	json_decref(answer);
	return good;
}

/* --- show --------------------------------------------------------------- */

struct page {
	const struct control_sink *sink;
	json_t *entries;
	size_t shown;
	bool gone; /* nobody reads, or no memory */
};

static void page_send(struct page *page)
{
	json_t *line =
		json_pack("{s:b, s:o}", "ok", true, "entries", page->entries);

	page->entries = NULL;
	if (line == NULL || !page->sink->line(page->sink->context, line))
		page->gone = true;
	json_decref(line);
}

static bool page_add(void *context, const char *text, size_t len)
{
	struct page *page = context;

	if (page->entries == NULL)
		page->entries = json_array();
	if (json_array_append_new(page->entries, show_text(text, len)) < 0)
		page->gone = true;
	page->shown++;
	if (!page->gone && json_array_size(page->entries) == PAGE_ENTRIES)
		page_send(page);
	return !page->gone;
}

static bool list_show(struct asked *asked)
{
	struct page page = { .sink = asked->sink };

	list_each(asked->list, page_add, &page);
	if (page.entries != NULL && !page.gone)
		page_send(&page);
	json_decref(page.entries);
	if (page.gone)
		return false;
	return say(asked, json_pack("{s:b, s:b, s:I}", "ok", true, "end", true,
				    "count", (json_int_t)page.shown));
}

/* --- test --------------------------------------------------------------- */

/* The pattern that matches, or NULL. */
static const char *pattern_of(const struct rule_list *list, const char *text,
			      size_t len)
{
	size_t count = 0;
	const struct regex *const *patterns = rule_list_patterns(list, &count);
	struct regex_room *room = regex_room_take();
	uint64_t work = REGEX_MESSAGE_WORK;
	const char *found = NULL;

	for (size_t i = 0; i < count && room != NULL && found == NULL; i++)
		if (regex_match(patterns[i], room, text, len, &work) ==
		    REGEX_YES)
			found = regex_text(patterns[i]);
	regex_room_give(room);
	return found;
}

static bool list_test(struct asked *asked)
{
	const char *pattern = NULL;
	bool listed = false;
	struct ip ip;

	switch (list_kind(asked->list)) {
	case LIST_IP:
		if (ip_parse(asked->entry, asked->entry_len, &ip) < 0)
			return say(asked,
				   control_refusal("wrong",
						   "%s holds networks, and %s "
						   "is no IP address",
						   asked->info->name,
						   asked->entry));
		listed = list_has_ip(asked->list, &ip);
		break;
	case LIST_DOMAIN:
		listed = list_has_domain(asked->list, asked->entry,
					 asked->entry_len);
		break;
	case LIST_ADDRESS:
		if (memchr(asked->entry, '@', asked->entry_len) == NULL)
			return say(asked,
				   control_refusal("wrong",
						   "%s holds addresses, and %s "
						   "has no @",
						   asked->info->name,
						   asked->entry));
		listed = list_has_address(asked->list, asked->entry,
					  asked->entry_len);
		break;
	case LIST_REGEX:
		pattern = pattern_of(asked->gen->lists.at[asked->index],
				     asked->entry, asked->entry_len);
		listed = pattern != NULL;
		break;
	}
	return say(asked, json_pack("{s:b, s:b, s:o}", "ok", true, "listed",
				    listed, "pattern",
				    pattern != NULL ? show_text(pattern,
								strlen(pattern))
						    : json_null()));
}

/* --- add, remove -------------------------------------------------------- */

/* The path for somebody who stands in another folder. */
static json_t *full_path(const char *path)
{
	char folder[PATH_MAX], full[PATH_MAX * 2];

	if (path[0] == '/' || getcwd(folder, sizeof(folder)) == NULL)
		return show_text(path, strlen(path));
	snprintf(full, sizeof(full), "%s/%s", folder, path);
	return show_text(full, strlen(full));
}

/* A file that could not be written: somebody else may have the right to. */
static bool say_not_written(struct asked *asked, const char *error)
{
	json_t *answer = control_refusal("failed", "%s", error);

	if (answer != NULL) {
		json_object_set_new(answer, "path",
				    full_path(asked->info->path));
		json_object_set_new(
			answer, "kind",
			json_string(entry_kind_name(
				(enum list_kind)asked->info->kind)));
	}
	return say(asked, answer);
}

static bool say_edited(struct asked *asked, bool changed)
{
	json_t *answer = json_pack("{s:b, s:b, s:b}", "ok", true, "changed",
				   changed, "live", false);
	char *report = NULL;
	bool live = false;

	if (answer != NULL && asked->context->take_list != NULL) {
		live = asked->context->take_list(asked->info->name, &report);
		json_object_set_new(answer, "live", json_boolean(live));
		if (report != NULL)
			json_object_set_new(answer, "report",
					    show_text(report, strlen(report)));
		free(report);
	}
	return say(asked, answer);
}

/*
 * What lists/ cannot know: a pattern that does not compile, or one too many,
 * would be written, and the next start would fail on it.
 */
static bool pattern_refused(const struct asked *asked, char *why,
			    size_t why_size)
{
	if (!rule_list_pattern_fits(asked->entry, asked->entry_len, why,
				    why_size))
		return true;
	if (list_count(asked->list) < LIST_REGEX_MAX)
		return false;
	snprintf(why, why_size, "%s is full: it has %d patterns",
		 asked->info->name, LIST_REGEX_MAX);
	return true;
}

static bool list_edit(struct asked *asked, bool add)
{
	/* Two at a time would find each other's file changed. */
	static pthread_mutex_t editing = PTHREAD_MUTEX_INITIALIZER;
	enum list_kind kind = (enum list_kind)asked->info->kind;
	char error[FILE_ERROR_SIZE] = "", why[256];
	struct list_error wrong;
	struct entry entry;
	enum list_edit edit;

	if (asked->info->path == NULL)
		return say(asked,
			   control_refusal("wrong",
					   "%s is written between braces in "
					   "the rules; only a list from a file "
					   "can be edited",
					   asked->info->name));
	if (entry_parse(kind, asked->entry, asked->entry_len, &entry, &wrong) <
	    0)
		return say(asked, control_refusal("wrong", "%s: %s",
						  asked->entry, wrong.text));
	if (add && kind == LIST_REGEX &&
	    pattern_refused(asked, why, sizeof(why)))
		return say(asked, control_refusal("wrong", "%s", why));
	asked->wrote = true;
	pthread_mutex_lock(&editing);
	edit = (add ? list_file_add
		    : list_file_remove)(asked->info->path, kind, asked->entry,
					asked->entry_len, error, sizeof(error));
	pthread_mutex_unlock(&editing);
	if (edit == LIST_EDIT_FAILED)
		return say_not_written(asked, error);
	return say_edited(asked, edit == LIST_EDITED);
}

static bool list_add(struct asked *asked)
{
	return list_edit(asked, true);
}

static bool list_remove(struct asked *asked)
{
	return list_edit(asked, false);
}

/* --- which -------------------------------------------------------------- */

static const struct action {
	const char *name;
	bool entry, writes;
	bool (*run)(struct asked *asked);
} actions[] = {
	{ "show", false, false, list_show },
	{ "test", true, false, list_test },
	{ "add", true, true, list_add },
	{ "remove", true, true, list_remove },
};

static const struct action *action_find(const char *name)
{
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (strcmp(actions[i].name, name) == 0)
			return &actions[i];
	return NULL;
}

static bool list_find(struct asked *asked, const char *name)
{
	for (size_t i = 0; i < asked->gen->lists.count; i++) {
		asked->info = ruleset_list_info(asked->gen->rules, i);
		if (strcmp(asked->info->name, name) != 0)
			continue;
		asked->index = i;
		asked->list = rule_list_content(asked->gen->lists.at[i]);
		return true;
	}
	return false;
}

static bool act(struct asked *asked, const char *name,
		const struct action *action)
{
	if (!list_find(asked, name))
		return say(asked, control_refusal("wrong",
						  "no list is called "
						  "%s",
						  name));
	if (action->entry && (asked->entry == NULL || asked->entry_len == 0))
		return say(asked,
			   control_refusal("wrong", "%s what?", action->name));
	if (action->writes && !asked->may_write)
		return say(asked, control_refusal("denied",
						  "list %s is for root and the "
						  "filter's own user",
						  action->name));
	return action->run(asked);
}

bool control_list(const struct control_context *context, bool may_write,
		  const json_t *request, const struct control_sink *sink,
		  bool *ret_wrote)
{
	const char *name = json_string_value(json_object_get(request, "name"));
	const char *word =
		json_string_value(json_object_get(request, "action"));
	const json_t *entry = json_object_get(request, "entry");
	const struct action *action = word != NULL ? action_find(word) : NULL;
	struct asked asked = { .context = context,
			       .sink = sink,
			       .entry = json_string_value(entry),
			       .entry_len = json_string_length(entry),
			       .may_write = may_write };
	bool good;

	if (name == NULL || action == NULL)
		return say(&asked,
			   control_refusal("wrong",
					   "list wants a name and one of show, "
					   "test, add, remove"));
	asked.gen = context->current();
	if (asked.gen == NULL)
		return say(&asked,
			   control_refusal("absent", "there are no lists"));
	good = act(&asked, name, action);
	generation_unref(asked.gen);
	*ret_wrote = asked.wrote;
	return good;
}
