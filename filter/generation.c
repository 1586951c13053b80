/*
 * generation.c - load a configuration as a whole, or not at all.
 *
 * What a generation was made from (tree, reports, texts) is kept in its parts,
 * which a generation with refreshed lists shares.
 */
#include "filter/generation.h"

#include <glob.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "filter/texts.h"
#include "lists/listfile.h"
#include "rules/ast.h"

enum { RULE_FILE_MAX = 16 * 1024 * 1024 };

struct globbed {
	struct globbed *next;
	char *pattern;
	char *paths; /* joined by NUL, an empty one at the end */
	size_t len;
};

struct generation_parts {
	atomic_uint refs;
	struct ast ast;
	struct diag diag;
	struct globbed *globs;
};

/* A list's file, as it was when its content was loaded. */
struct list_state {
	struct file_watch watch;
};

static atomic_uint_fast64_t numbers;

/* --- references --------------------------------------------------------- */

static void parts_unref(struct generation_parts *parts)
{
	if (parts == NULL || atomic_fetch_sub(&parts->refs, 1) != 1)
		return;
	ast_done(&parts->ast);
	diag_done(&parts->diag);
	while (parts->globs != NULL) {
		struct globbed *next = parts->globs->next;

		free(parts->globs->pattern);
		free(parts->globs->paths);
		free(parts->globs);
		parts->globs = next;
	}
	free(parts);
}

struct generation *generation_ref(struct generation *gen)
{
	atomic_fetch_add(&gen->refs, 1);
	return gen;
}

void generation_unref(struct generation *gen)
{
	if (gen == NULL || atomic_fetch_sub(&gen->refs, 1) != 1)
		return;
	for (size_t i = 0; i < gen->lists.count; i++)
		rule_list_unref(gen->lists.at[i]);
	free(gen->lists.at);
	free(gen->list_states);
	ruleset_unref(gen->rules);
	settings_done(&gen->settings);
	parts_unref(gen->parts);
	free(gen);
}

/* --- where texts come from ---------------------------------------------- */

struct source {
	struct generation_parts *parts;
	const struct texts *texts; /* instead of the disk, or NULL */
};

static char *copy_of(const char *text, size_t len)
{
	char *copy = malloc(len + 1);

	if (copy == NULL)
		return NULL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

static char *read_rules(void *context, const char *path, size_t *ret_len,
			char *why, size_t why_size)
{
	struct source *source = context;
	struct file_stamp stamp;
	const char *kept;
	char *text;

	if (source->texts != NULL) {
		kept = texts_find(source->texts, TEXTS_RULES, path, ret_len);
		if (kept == NULL)
			snprintf(why, why_size, "%s: not in the copy", path);
		return kept != NULL ? copy_of(kept, *ret_len) : NULL;
	}
	if (file_read(path, RULE_FILE_MAX, &text, &stamp, why, why_size) < 0)
		return NULL;
	*ret_len = (size_t)stamp.size;
	return text;
}

/* Paths joined by NUL; glob() has put them in order (C locale, as we set
 * none). */
static char *join_paths(const glob_t *found, size_t *ret_len)
{
	size_t len = 1;
	char *joined, *at;

	for (size_t i = 0; i < found->gl_pathc; i++)
		len += strlen(found->gl_pathv[i]) + 1;
	joined = at = malloc(len);
	if (joined == NULL)
		return NULL;
	for (size_t i = 0; i < found->gl_pathc; i++)
		at = stpcpy(at, found->gl_pathv[i]) + 1;
	*at = '\0';
	*ret_len = len;
	return joined;
}

static bool note_glob(struct generation_parts *parts, const char *pattern,
		      const char *paths, size_t len)
{
	struct globbed *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return false;
	g->pattern = strdup(pattern);
	g->paths = copy_of(paths, len);
	g->len = len;
	g->next = parts->globs;
	parts->globs = g;
	return g->pattern != NULL && g->paths != NULL;
}

static char *find_paths(void *context, const char *pattern, char *why,
			size_t why_size)
{
	struct source *source = context;
	char *joined = NULL;
	glob_t found = { 0 };
	const char *kept;
	size_t len = 0;
	int result;

	if (source->texts != NULL) {
		kept = texts_find(source->texts, TEXTS_GLOB, pattern, &len);
		joined = kept != NULL ? copy_of(kept, len) : NULL;
	} else {
		result = glob(pattern, 0, NULL, &found);
		if (result == 0 || result == GLOB_NOMATCH)
			joined = join_paths(&found, &len);
		globfree(&found);
	}
	if (joined != NULL && note_glob(source->parts, pattern, joined, len))
		return joined;
	free(joined);
	snprintf(why, why_size, "%s: cannot be expanded", pattern);
	return NULL;
}

/* --- lists -------------------------------------------------------------- */

struct list_context {
	struct diag *diag;
	struct place place; /* of the list's statement */
	char *first; /* the first problem as a line, for a log; or NULL */
};

static void list_problem(void *context, const struct list_problem *problem)
{
	struct list_context *list = context;
	char line[FILE_ERROR_SIZE];

	list_problem_format(problem, line, sizeof(line));
	if (list->diag != NULL)
		diag_error(list->diag, list->place, "%s", line);
	if (list->first == NULL)
		list->first = strdup(line);
}

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
		diag_error(context->diag, context->place, "%s: not in the copy",
			   info->path);
	else if (builder != NULL && list_parse_text(builder, text, len,
						    list_problem, context) == 0)
		list = list_builder_finish(builder);
	list_builder_free(builder);
	return list;
}

/* The content that the list of this name had in `previous`, if it had one. */
static const struct list *previous_content(const struct generation *previous,
					   const struct rule_list_info *info)
{
	if (previous == NULL)
		return NULL;
	for (size_t i = 0; i < previous->lists.count; i++) {
		const struct rule_list_info *old =
			ruleset_list_info(previous->rules, i);

		if (strcmp(old->name, info->name) == 0 &&
		    old->kind == info->kind && old->path != NULL &&
		    strcmp(old->path, info->path) == 0)
			return rule_list_content(previous->lists.at[i]);
	}
	return NULL;
}

static bool load_list(struct generation *gen, size_t index,
		      const struct texts *texts, struct generation *previous,
		      bool force)
{
	const struct rule_list_info *info =
		ruleset_list_info(gen->rules, index);
	struct list_context context = { .diag = &gen->parts->diag,
					.place = info->place };
	struct list *list = NULL;
	char why[256] = "";

	if (info->path == NULL) {
		gen->lists.at[index] =
			rule_list_ref(ruleset_list_inline(gen->rules, index));
		return true;
	}
	if (texts != NULL)
		list = list_from_texts(info, texts, &context);
	else if (list_load_file(info->path, (enum list_kind)info->kind,
				previous_content(previous, info), force, &list,
				&gen->list_states[index].watch.loaded,
				list_problem, &context) != LIST_LOADED)
		list = NULL;
	free(context.first);
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

static bool load_lists(struct generation *gen, const struct texts *texts,
		       struct generation *previous, bool force)
{
	size_t count = ruleset_list_count(gen->rules);
	bool all = lists_room(gen, count);

	for (size_t i = 0; i < count && gen->lists.count == count; i++)
		all = load_list(gen, i, texts, previous, force) && all;
	return all;
}

/* --- loading ------------------------------------------------------------ */

static struct generation *generation_new(void)
{
	struct generation *gen = calloc(1, sizeof(*gen));

	if (gen == NULL)
		return NULL;
	atomic_store(&gen->refs, 1);
	gen->parts = calloc(1, sizeof(*gen->parts));
	if (gen->parts == NULL) {
		free(gen);
		return NULL;
	}
	atomic_store(&gen->parts->refs, 1);
	ast_init(&gen->parts->ast);
	diag_init(&gen->parts->diag);
	return gen;
}

static void finish(struct generation *gen)
{
	gen->number = atomic_fetch_add(&numbers, 1) + 1;
	gen->loaded = (int64_t)time(NULL);
	ruleset_digest(gen->rules, gen->digest);
	phases_plan(gen, &gen->plan);
}

/* Every step runs, so that all mistakes are told at once. */
static bool load(struct generation *gen, const char *path,
		 const struct texts *texts, struct generation *previous,
		 bool force)
{
	struct generation_parts *parts = gen->parts;
	struct source source = { .parts = parts, .texts = texts };
	struct ast_reader reader = { .context = &source,
				     .read = read_rules,
				     .glob = find_paths };
	bool good;

	good = ast_parse_file(&parts->ast, path, &reader, &parts->diag);
	good = settings_read(&gen->settings, &parts->ast, &parts->diag) && good;
	gen->rules = ruleset_compile(&parts->ast, &parts->diag);
	if (gen->rules == NULL)
		return false;
	good = load_lists(gen, texts, previous, force) && good;
	if (good)
		good = ruleset_run_examples(gen->rules, &gen->lists,
					    &parts->diag) == 0;
	if (good)
		finish(gen);
	return good && parts->diag.errors == 0 && !parts->diag.failed;
}

static char *text_or_empty(char *text)
{
	return text != NULL ? text : strdup("out of memory");
}

static struct generation_result result_of(struct generation *gen, bool good)
{
	struct generation_result result = { .generation = good ? gen : NULL };

	if (gen == NULL) {
		result.report = strdup("out of memory\n");
		result.summary = strdup("out of memory");
		result.errors = 1;
		return result;
	}
	result.report = text_or_empty(diag_text(&gen->parts->diag));
	result.summary = text_or_empty(diag_summary(&gen->parts->diag));
	result.errors = gen->parts->diag.errors;
	result.warnings = gen->parts->diag.warnings;
	if (!good) {
		if (result.errors == 0)
			result.errors = 1; /* memory ran out */
		generation_unref(gen);
	}
	return result;
}

struct generation_result generation_load(const char *path,
					 struct generation *previous,
					 bool force)
{
	struct generation *gen = generation_new();

	return result_of(gen,
			 gen != NULL && load(gen, path, NULL, previous, force));
}

struct generation_result generation_load_snapshot(int fd)
{
	struct generation *gen = generation_new();
	struct texts *texts = texts_open(fd);
	bool good = false;

	if (gen != NULL && texts != NULL)
		good = load(gen, texts_first(texts), texts, NULL, true);
	texts_close(texts);
	return result_of(gen, good);
}

void generation_result_done(struct generation_result *result)
{
	free(result->report);
	free(result->summary);
	result->report = NULL;
	result->summary = NULL;
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
	    !lists_room(copy, gen->lists.count)) {
		generation_unref(copy);
		return NULL;
	}
	for (size_t i = 0; i < gen->lists.count; i++) {
		copy->lists.at[i] = rule_list_ref(gen->lists.at[i]);
		copy->list_states[i] = gen->list_states[i];
	}
	finish(copy);
	return copy;
}

/* 1: changed, 0: the same or not now, -1: refused with *ret_why set. */
static int refresh_list(struct generation *gen, size_t index, bool force,
			struct rule_list **ret_list,
			struct file_stamp *ret_stamp, char **ret_why)
{
	const struct rule_list_info *info =
		ruleset_list_info(gen->rules, index);
	struct file_watch *watch = &gen->list_states[index].watch;
	struct list_context context = { .diag = NULL };
	enum list_load answer;
	struct list *list;
	char why[256] = "";

	if (info->path == NULL ||
	    file_watch_look(watch, info->path) != FILE_CHANGED)
		return 0;
	answer = list_load_file(info->path, (enum list_kind)info->kind,
				rule_list_content(gen->lists.at[index]), force,
				&list, ret_stamp, list_problem, &context);
	if (answer == LIST_LOADED) {
		free(context.first);
		*ret_list = rule_list_new(list, why, sizeof(why));
		list_unref(list);
		if (*ret_list != NULL)
			return 1;
		context.first = strdup(why);
	}
	if (answer == LIST_LOAD_BUSY) {
		free(context.first);
		return 0;
	}
	/* Told once: not tried again until the file changes again. */
	watch->loaded = watch->seen;
	*ret_why = context.first;
	return -1;
}

struct generation *generation_refresh_lists(struct generation *gen,
					    char **ret_summary)
{
	struct generation *copy = NULL;

	*ret_summary = NULL;
	for (size_t i = 0; i < gen->lists.count; i++) {
		struct rule_list *list;
		struct file_stamp stamp;
		char *why = NULL;
		int change = refresh_list(copy != NULL ? copy : gen, i, false,
					  &list, &stamp, &why);

		if (change < 0) {
			free(*ret_summary);
			*ret_summary = why;
		}
		if (change <= 0)
			continue;
		if (copy == NULL)
			copy = copy_for_lists(gen);
		if (copy == NULL) {
			rule_list_unref(list);
			return NULL; /* without memory: at the next look */
		}
		rule_list_unref(copy->lists.at[i]);
		copy->lists.at[i] = list;
		memset(&copy->list_states[i], 0, sizeof(copy->list_states[i]));
		copy->list_states[i].watch.loaded = stamp;
	}
	return copy;
}

/* --- the copy for the next filter --------------------------------------- */

struct list_text {
	char *text;
	size_t len;
	FILE *file;
};

static bool list_line(void *context, const char *text, size_t len)
{
	struct list_text *out = context;

	fwrite(text, 1, len, out->file);
	fputc('\n', out->file);
	return true;
}

static int pack_list(struct texts_writer *writer, const char *path,
		     const struct list *list)
{
	struct list_text out = { .text = NULL };
	int result = -1;

	out.file = open_memstream(&out.text, &out.len);
	if (out.file == NULL)
		return -1;
	list_each(list, list_line, &out);
	if (fclose(out.file) == 0)
		result = texts_add(writer, TEXTS_LIST, path, out.text, out.len);
	free(out.text);
	return result;
}

int generation_snapshot(const struct generation *gen)
{
	const struct diag *diag = &gen->parts->diag;
	struct texts_writer *writer = texts_writer_new();

	if (writer == NULL)
		return -1;
	for (size_t i = 0; i < diag->source_count; i++)
		texts_add(writer, TEXTS_RULES, diag->sources[i].name,
			  diag->sources[i].text, diag->sources[i].len);
	for (struct globbed *g = gen->parts->globs; g != NULL; g = g->next)
		texts_add(writer, TEXTS_GLOB, g->pattern, g->paths, g->len);
	for (size_t i = 0; i < gen->lists.count; i++) {
		const struct rule_list_info *info =
			ruleset_list_info(gen->rules, i);

		if (info->path != NULL)
			pack_list(writer, info->path,
				  rule_list_content(gen->lists.at[i]));
	}
	return texts_seal(writer);
}

/* --- printing ----------------------------------------------------------- */

static void print_place(const struct diag *diag, struct place place, FILE *out)
{
	if (place.file == 0 || place.file > diag->source_count)
		return;
	fprintf(out, "%s:%u", diag->sources[place.file - 1].name,
		(unsigned)place.line);
}

static void print_setting(const struct generation *gen, size_t index, FILE *out)
{
	const struct setting_info *info = settings_info(index);
	struct place place = settings_place(&gen->parts->ast, info->name);
	char value[512];

	settings_value(&gen->settings, index, value, sizeof(value));
	fprintf(out, "set %-20s %-24s # ", info->name, value);
	if (place.file == 0) {
		fputs("default", out);
	} else {
		print_place(&gen->parts->diag, place, out);
		fprintf(out, ", default %s",
			info->standard[0] != '\0' ? info->standard : "\"\"");
	}
	if (info->needs_restart)
		fputs(", needs a restart", out);
	if (!info->built)
		fprintf(out, ", no effect: %s", info->meaning);
	fputc('\n', out);
}

static void print_override(const struct generation *gen,
			   const struct rule_info *rule, FILE *out)
{
	char now[SCORE_TEXT], before[SCORE_TEXT];

	if (rule->override_place.file == 0)
		return;
	fprintf(out, "override %s %s # was %s at ", rule->name,
		rule->off ? "off" : score_text(rule->weight, now),
		score_text(rule->written_weight, before));
	print_place(&gen->parts->diag, rule->place, out);
	fputs(", overridden at ", out);
	print_place(&gen->parts->diag, rule->override_place, out);
	fputc('\n', out);
}

void generation_print(const struct generation *gen, FILE *out)
{
	for (size_t i = 0; i < settings_count(); i++)
		print_setting(gen, i, out);
	for (size_t i = 0; i < ruleset_rule_count(gen->rules); i++)
		print_override(gen, ruleset_rule(gen->rules, i), out);
}

char *generation_lint(const struct generation *gen, size_t *ret_warnings)
{
	const struct diag *from = &gen->parts->diag;
	struct diag diag;
	char *text;

	diag_init(&diag);
	for (size_t i = 0; i < from->source_count; i++) {
		char *copy =
			copy_of(from->sources[i].text, from->sources[i].len);

		if (copy != NULL)
			diag_add_source(&diag, from->sources[i].name, copy,
					from->sources[i].len);
	}
	ruleset_lint(gen->rules, &gen->lists, &diag);
	*ret_warnings = diag.warnings;
	text = diag_text(&diag);
	diag_done(&diag);
	return text;
}
