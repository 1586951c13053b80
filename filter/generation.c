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

#include "filter/generation_parts.h"
#include "filter/resolver.h"
#include "filter/texts.h"
#include "lists/entry.h"
#include "lists/file.h"
#include "rules/ast.h"

enum { RULE_FILE_MAX = 16 * 1024 * 1024 };

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
	resolver_unref(gen->resolver);
	free(gen->dnsbls);
	settings_done(&gen->settings);
	parts_unref(gen->parts);
	free(gen);
}

/* --- where texts come from ---------------------------------------------- */

struct source {
	struct generation_parts *parts;
	const struct texts *texts; /* instead of the disk, or NULL */
	/*
	 * NULL, or whose rules are loaded; what is read first is then no file,
	 * and what it includes first is this folder's.
	 */
	const char *folder;
	bool read, globbed; /* that was done */
};

char *generation_copy_text(const char *text, size_t len)
{
	char *copy = malloc(len + 1);

	if (copy == NULL)
		return NULL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

static const char include_all[] = "include \"*.rules\"\n";

static char *read_rules(void *context, const char *path, size_t *ret_len,
			char *why, size_t why_size)
{
	struct source *source = context;
	struct file_stamp stamp;
	const char *kept;
	char *text;

	if (source->folder != NULL && !source->read) {
		source->read = true;
		*ret_len = strlen(include_all);
		return generation_copy_text(include_all, *ret_len);
	}
	if (source->texts != NULL) {
		kept = texts_find(source->texts, TEXTS_RULES, path, ret_len);
		if (kept == NULL)
			snprintf(why, why_size, "%s: not in the copy", path);
		return kept != NULL ? generation_copy_text(kept, *ret_len)
				    : NULL;
	}
	if (file_read(path, RULE_FILE_MAX, &text, &stamp, why, why_size) < 0)
		return NULL;
	*ret_len = (size_t)stamp.size;
	return text;
}

/*
 * Paths joined by NUL; glob() has put them in order (C locale, as we set
 * none).
 */
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
	g->paths = generation_copy_text(paths, len);
	g->len = len;
	g->next = parts->globs;
	parts->globs = g;
	return g->pattern != NULL && g->paths != NULL;
}

/* The name of the folder stands for itself, whatever characters are in it. */
static int glob_folder(const char *folder, glob_t *found)
{
	char *pattern = malloc(2 * strlen(folder) + sizeof("/*.rules"));
	char *to = pattern;
	int result;

	if (pattern == NULL)
		return GLOB_NOSPACE;
	for (const char *at = folder; *at != '\0'; at++) {
		if (strchr("*?[\\", *at) != NULL)
			*to++ = '\\';
		*to++ = *at;
	}
	strcpy(to, "/*.rules");
	result = glob(pattern, 0, NULL, found);
	free(pattern);
	return result;
}

static int glob_disk(struct source *source, const char *pattern, glob_t *found)
{
	if (source->folder == NULL || source->globbed)
		return glob(pattern, 0, NULL, found);
	source->globbed = true;
	return glob_folder(source->folder, found);
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
		joined = kept != NULL ? generation_copy_text(kept, len) : NULL;
	} else {
		result = glob_disk(source, pattern, &found);
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

void generation_finish(struct generation *gen)
{
	gen->number = atomic_fetch_add(&numbers, 1) + 1;
	gen->loaded = (int64_t)time(NULL);
	ruleset_digest(gen->rules, gen->digest);
	phases_plan(gen, &gen->plan);
}

/*
 * An editor that empties a file before it writes it, or a file left out by
 * mistake, would switch the filter off (faults R2).
 */
static bool has_shrunk(struct generation *gen,
		       const struct generation *previous)
{
	size_t now = ruleset_rule_count(gen->rules);
	size_t before = ruleset_rule_count(previous->rules);

	if (before < 5 || now * 10 >= before)
		return false;
	diag_error(&gen->parts->diag, (struct place){ .file = 0 },
		   "only %zu rules are left of %zu", now, before);
	diag_hint(&gen->parts->diag,
		  "`steelyardctl reload --force` takes them all the same");
	return true;
}

static bool read_settings(struct generation *gen, const char *path,
			  struct source *source)
{
	struct generation_parts *parts = gen->parts;
	struct ast_reader reader = { .context = source,
				     .read = read_rules,
				     .glob = find_paths };
	bool good;

	source->parts = parts;
	good = ast_parse_file(&parts->ast, path, &reader, &parts->diag);
	return settings_read(&gen->settings, &parts->ast, &parts->diag) && good;
}

static const struct ast_statement *find_list(const struct ast *ast,
					     const char *name)
{
	for (const struct ast_statement *at = ast->first; at != NULL;
	     at = at->next)
		if (at->kind == AST_LIST && strcmp(at->name, name) == 0)
			return at;
	return NULL;
}

/* What settings name among the rules, which may not have compiled. */
static bool check_spamtraps(struct generation *gen)
{
	struct generation_parts *parts = gen->parts;
	const char *name = gen->settings.greylist.spamtraps;
	const struct ast_statement *list;
	struct place place;

	if (name == NULL || name[0] == '\0')
		return true;
	place = settings_place(&parts->ast, "spamtraps");
	list = find_list(&parts->ast, name);
	if (list == NULL) {
		diag_error(&parts->diag, place,
			   "spamtraps wants a list, and there is none \"%s\"",
			   name);
		diag_hint(&parts->diag,
			  "as in: list %s address from \"lists/%s.list\"", name,
			  name);
		return false;
	}
	if (gen->rules != NULL)
		ruleset_use_list(gen->rules,
				 (size_t)ruleset_find_list(gen->rules, name));
	if (list->broken || ruleset_list_kind(list->list.kind) == LIST_ADDRESS)
		return true;
	diag_error(&parts->diag, place,
		   "spamtraps wants a list of addresses, and \"%s\" is one of "
		   "another kind",
		   name);
	return false;
}

/*
 * Every step runs, so that all mistakes are told at once; but rules that do not
 * compile cannot be counted, and examples need all that is tried in them: rules
 * that compiled, and lists that were read.
 */
static bool load(struct generation *gen, const char *path,
		 struct source *source, struct generation *previous, bool force)
{
	struct generation_parts *parts = gen->parts;
	const struct texts *texts = source->texts;
	bool good;

	good = read_settings(gen, path, source);
	gen->rules = ruleset_compile(&parts->ast, &parts->diag);
	good = check_spamtraps(gen) && good;
	if (texts == NULL)
		generation_check_password(gen);
	if (gen->rules == NULL) {
		generation_check_lists(gen, texts, previous, force);
		return false;
	}
	if (!force && previous != NULL && has_shrunk(gen, previous))
		good = false;
	good = generation_load_lists(gen, texts, previous, force) && good;
	if (good)
		good = ruleset_run_examples(gen->rules, &gen->lists,
					    &parts->diag) == 0;
	if (good)
		generation_finish(gen);
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
	struct source source = { .texts = NULL };

	return result_of(gen, gen != NULL && load(gen, path, &source, previous,
						  force));
}

struct generation_result generation_check(
	const char *path,
	void (*also)(const struct generation *gen, struct diag *diag))
{
	struct generation *gen = generation_new();
	struct source source = { .texts = NULL };
	bool good = false;

	if (gen != NULL) {
		struct diag *diag = &gen->parts->diag;

		good = load(gen, path, &source, NULL, false);
		also(gen, diag);
		good = good && diag->errors == 0 && !diag->failed;
	}
	return result_of(gen, good);
}

struct generation_result generation_load_folder(const char *folder)
{
	struct generation *gen = generation_new();
	struct source source = { .folder = folder };
	bool good = false;
	char *path;

	if (asprintf(&path, "%s/*.rules", folder) < 0)
		path = NULL;
	if (gen != NULL && path != NULL)
		good = load(gen, path, &source, NULL, true);
	free(path);
	return result_of(gen, good);
}

struct generation_result generation_load_settings(const char *path)
{
	struct generation *gen = generation_new();
	struct source source = { .texts = NULL };
	bool good = gen != NULL && read_settings(gen, path, &source);

	/* nothing will be loaded: then tell the other mistakes as well */
	if (gen != NULL && !good)
		gen->rules =
			ruleset_compile(&gen->parts->ast, &gen->parts->diag);
	return result_of(gen, good);
}

struct generation_result generation_load_snapshot(int fd)
{
	struct generation *gen = generation_new();
	struct texts *texts = texts_open(fd);
	struct source source = { .texts = texts };
	bool good = false;

	if (gen != NULL && texts != NULL)
		good = load(gen, texts_first(texts), &source, NULL, true);
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
