/*
 * generation_lists.c - the contents of lists: loaded, and loaded again when a
 * file has changed.
 */
#include "filter/generation.h"

#include <stdlib.h>
#include <string.h>

#include "filter/generation_parts.h"
#include "filter/texts.h"
#include "lists/listfile.h"

struct list_context {
	struct diag *diag;
	const struct rule_list_info *info; /* where there is a diag */
	bool told; /* of a line in its file */
	char *first; /* the first problem as a line, for a log; or NULL */
};

/* Where it is: in a line of the file, or else where the list is declared. */
static void tell(struct list_context *list, const struct list_problem *problem,
		 const char *whole)
{
	const struct place place = list->info->place;
	const struct diag_line line = { .name = list->info->path,
					.line = problem->line,
					.column = problem->column,
					.text = problem->source,
					.len = problem->source_len };

	if (problem->line == 0 && list->told) {
		/* how many more there are belongs to the last of them */
		diag_hint(list->diag, "%s in this file", problem->message);
		return;
	}
	if (problem->line == 0) {
		diag_error(list->diag, place, "%s", whole);
		return;
	}
	diag_error_in_line(list->diag, &line, "%s", problem->message);
	if (!list->told && place.file != 0)
		diag_hint(list->diag, "list %s is declared at %s:%u",
			  list->info->name,
			  list->diag->sources[place.file - 1].name,
			  (unsigned)place.line);
	list->told = true;
}

static void list_problem(void *context, const struct list_problem *problem)
{
	struct list_context *list = context;
	char line[FILE_ERROR_SIZE];

	list_problem_format(problem, line, sizeof(line));
	if (list->diag != NULL)
		tell(list, problem, line);
	if (list->first == NULL)
		list->first = strdup(line);
}

static struct list_reading reading_of(const struct rule_list_info *info,
				      const struct list *previous, bool force,
				      struct list_context *context)
{
	return (struct list_reading){ .kind = (enum list_kind)info->kind,
				      .previous = previous,
				      .force = force,
				      .check = rule_list_pattern_check,
				      .report = list_problem,
				      .ctx = context };
}

/* The copy holds what was good: its patterns are not tried one by one. */
static struct list *list_from_texts(const struct rule_list_info *info,
				    const struct texts *texts,
				    struct list_context *context)
{
	struct list_builder *builder;
	struct list *list = NULL;
	const char *text;
	size_t len;

	text = texts_find(texts, TEXTS_LIST, info->path, &len);
	builder = list_builder_new((enum list_kind)info->kind);
	if (text == NULL)
		diag_error(context->diag, info->place, "%s: not in the copy",
			   info->path);
	else if (builder != NULL && list_parse_text(builder, text, len,
						    list_problem, context) == 0)
		list = list_builder_finish(builder);
	list_builder_free(builder);
	return list;
}

/* Which list of `previous` is this one, by its name and file?  -1: none. */
static long find_previous(const struct generation *previous,
			  const struct rule_list_info *info)
{
	size_t count = previous != NULL ? previous->lists.count : 0;

	for (size_t i = 0; i < count; i++) {
		const struct rule_list_info *old =
			ruleset_list_info(previous->rules, i);

		if (strcmp(old->name, info->name) == 0 &&
		    old->kind == info->kind && old->path != NULL &&
		    strcmp(old->path, info->path) == 0)
			return (long)i;
	}
	return -1;
}

/* From its file, if that looks whole compared with what the list was before. */
static struct list *list_from_file(const struct rule_list_info *info,
				   const struct generation *previous,
				   bool force, struct file_stamp *ret_stamp,
				   struct list_context *context)
{
	long at = find_previous(previous, info);
	const struct list *before = NULL;
	struct list_reading reading;
	char why[FILE_ERROR_SIZE];
	struct list *list;

	if (at >= 0)
		before = rule_list_content(previous->lists.at[at]);
	if (at >= 0 && !force &&
	    file_is_unfinished(info->path, previous->list_states[at].ends_line,
			       why, sizeof(why))) {
		diag_error(context->diag, info->place, "%s", why);
		return NULL;
	}
	reading = reading_of(info, before, force, context);
	if (list_load_file(info->path, &reading, &list, ret_stamp) !=
	    LIST_LOADED)
		return NULL;
	return list;
}

/* From either; NULL with the reasons in the parts' diag. */
static struct list *list_read(struct generation *gen,
			      const struct rule_list_info *info,
			      const struct texts *texts,
			      const struct generation *previous, bool force,
			      struct file_stamp *ret_stamp)
{
	struct list_context context = { .diag = &gen->parts->diag,
					.info = info };
	struct list *list;

	list = texts != NULL ? list_from_texts(info, texts, &context)
			     : list_from_file(info, previous, force, ret_stamp,
					      &context);
	free(context.first);
	return list;
}

static bool load_list(struct generation *gen, size_t index,
		      const struct texts *texts, struct generation *previous,
		      bool force)
{
	const struct rule_list_info *info =
		ruleset_list_info(gen->rules, index);
	struct file_stamp *stamp = &gen->list_states[index].watch.loaded;
	struct list *list;
	char why[256] = "";

	if (info->path == NULL) {
		gen->lists.at[index] =
			rule_list_ref(ruleset_list_inline(gen->rules, index));
		return true;
	}
	list = list_read(gen, info, texts, previous, force, stamp);
	gen->list_states[index].ends_line = texts != NULL || stamp->ends_line;
	if (list == NULL)
		return false;
	gen->lists.at[index] = rule_list_new(list, why, sizeof(why));
	list_unref(list);
	if (gen->lists.at[index] == NULL)
		diag_error(&gen->parts->diag, info->place, "%s: %s", info->path,
			   why);
	return gen->lists.at[index] != NULL;
}

static bool lists_room(struct generation *gen, size_t count)
{
	size_t some = count > 0 ? count : 1;

	gen->lists.at = calloc(some, sizeof(*gen->lists.at));
	gen->list_states = calloc(some, sizeof(*gen->list_states));
	gen->lists.count = gen->lists.at != NULL ? count : 0;
	return gen->lists.at != NULL && gen->list_states != NULL;
}

bool generation_load_lists(struct generation *gen, const struct texts *texts,
			   struct generation *previous, bool force)
{
	size_t count = ruleset_list_count(gen->rules);
	bool all = lists_room(gen, count);

	for (size_t i = 0; i < count && gen->lists.count == count; i++)
		all = load_list(gen, i, texts, previous, force) && all;
	return all;
}

void generation_check_lists(struct generation *gen, const struct texts *texts,
			    struct generation *previous, bool force)
{
	for (const struct ast_statement *at = gen->parts->ast.first; at != NULL;
	     at = at->next) {
		struct rule_list_info info = { .place = at->name_place };
		struct file_stamp stamp = { 0 };

		if (at->kind != AST_LIST || at->list.path == NULL)
			continue;
		info.name = at->name;
		info.path = at->list.path;
		info.kind = ruleset_list_kind(at->list.kind);
		if (info.kind >= 0)
			list_unref(list_read(gen, &info, texts, previous, force,
					     &stamp));
	}
}

/* --- lists that change -------------------------------------------------- */

/* The same rules with the same lists, to change some of them. */
static struct generation *copy_for_lists(struct generation *gen)
{
	struct generation *copy = calloc(1, sizeof(*copy));

	if (copy == NULL)
		return NULL;
	atomic_store(&copy->refs, 1);
	atomic_fetch_add(&gen->parts->refs, 1);
	copy->parts = gen->parts;
	copy->rules = ruleset_ref(gen->rules);
	if (!settings_copy(&copy->settings, &gen->settings) ||
	    (gen->resolver != NULL &&
	     !generation_use_resolver(copy, gen->resolver)) ||
	    !lists_room(copy, gen->lists.count)) {
		generation_unref(copy);
		return NULL;
	}
	for (size_t i = 0; i < gen->lists.count; i++) {
		copy->lists.at[i] = rule_list_ref(gen->lists.at[i]);
		copy->list_states[i] = gen->list_states[i];
	}
	generation_finish(copy);
	return copy;
}

/* The sentence, unless this change of the file was spoken of already. */
static int put_off(struct list_state *state, const char *why, char **ret_why)
{
	if (state->told)
		return 0;
	*ret_why = strdup(why);
	state->told = *ret_why != NULL;
	return -1;
}

/* 1: changed, 0: the same or not now, -1: refused with *ret_why set. */
static int read_changed(struct generation *gen, size_t index, bool force,
			struct rule_list **ret_list,
			struct file_stamp *ret_stamp, char **ret_why)
{
	const struct rule_list_info *info =
		ruleset_list_info(gen->rules, index);
	struct list_state *state = &gen->list_states[index];
	struct list_context context = { .diag = NULL };
	const struct list_reading reading =
		reading_of(info, rule_list_content(gen->lists.at[index]), force,
			   &context);
	enum list_load answer;
	struct list *list;
	char why[256] = "";
	int result;

	answer = list_load_file(info->path, &reading, &list, ret_stamp);
	if (answer == LIST_LOADED) {
		free(context.first);
		*ret_list = rule_list_new(list, why, sizeof(why));
		list_unref(list);
		if (*ret_list != NULL)
			return 1;
		context.first = strdup(why);
	}
	if (answer == LIST_LOAD_BUSY) {
		state->watch.moving = false;
		result = put_off(state, context.first ? context.first : "",
				 ret_why);
		free(context.first);
		return result;
	}
	/* Told once: not tried again until the file changes again. */
	state->watch.loaded = state->watch.seen;
	*ret_why = context.first;
	return -1;
}

/* The same, of a list whose file may have changed. */
static int refresh_list(struct generation *gen, size_t index, int64_t now_ms,
			bool force, struct rule_list **ret_list,
			struct file_stamp *ret_stamp, char **ret_why)
{
	const struct rule_list_info *info =
		ruleset_list_info(gen->rules, index);
	struct list_state *state = &gen->list_states[index];
	char why[FILE_ERROR_SIZE];
	enum file_change change;

	if (info->path == NULL)
		return 0;
	change = file_watch_look(&state->watch, info->path, now_ms);
	if (change == FILE_UNCHANGED)
		state->told = false;
	if (change == FILE_UNCHANGED || (change == FILE_CHANGING && !force))
		return 0;
	if (!force && file_is_unfinished(info->path, state->ends_line, why,
					 sizeof(why))) {
		state->watch.moving = false; /* and has to settle anew */
		return put_off(state, why, ret_why);
	}
	return read_changed(gen, index, force, ret_list, ret_stamp, ret_why);
}

/* Puts a new content into `*copy`, which is made from `gen` if need be. */
static bool put_list(struct generation *gen, struct generation **copy,
		     size_t index, struct rule_list *list,
		     const struct file_stamp *stamp)
{
	if (*copy == NULL)
		*copy = copy_for_lists(gen);
	if (*copy == NULL) {
		rule_list_unref(list);
		return false; /* without memory: at the next look */
	}
	rule_list_unref((*copy)->lists.at[index]);
	(*copy)->lists.at[index] = list;
	(*copy)->list_states[index] = (struct list_state){
		.watch.loaded = *stamp,
		.ends_line = stamp->ends_line,
	};
	return true;
}

/* Both, as one line; frees what it does not return. */
static char *join(char *before, char *why)
{
	char *both = NULL;

	if (before == NULL || why == NULL)
		return before != NULL ? before : why;
	if (asprintf(&both, "%s; %s", before, why) < 0)
		both = NULL;
	free(before);
	if (both == NULL)
		return why;
	free(why);
	return both;
}

struct generation *generation_refresh_lists(struct generation *gen,
					    int64_t now_ms, char **ret_summary)
{
	struct generation *copy = NULL;

	*ret_summary = NULL;
	for (size_t i = 0; i < gen->lists.count; i++) {
		struct rule_list *list;
		struct file_stamp stamp;
		char *why = NULL;
		int change = refresh_list(copy != NULL ? copy : gen, i, now_ms,
					  false, &list, &stamp, &why);

		if (change < 0) {
			*ret_summary = join(*ret_summary, why);
		}
		if (change > 0 && !put_list(gen, &copy, i, list, &stamp))
			return NULL;
	}
	return copy;
}

struct generation *generation_take_list(struct generation *gen, size_t index,
					char **ret_summary)
{
	struct generation *copy = NULL;
	struct rule_list *list;
	struct file_stamp stamp;

	*ret_summary = NULL;
	if (refresh_list(gen, index, 0, true, &list, &stamp, ret_summary) > 0)
		put_list(gen, &copy, index, list, &stamp);
	return copy;
}
