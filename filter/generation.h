/*
 * generation.h - one state of the configuration: settings, rules, lists.
 *
 * A generation never changes.  A session keeps the one it began with; a reload
 * builds a new one beside it and switches only when it is whole.  Counted: any
 * thread may take and drop references.
 *
 * While it loads, a generation notes every text it read.  generation_snapshot()
 * hands these texts out as one sealed memory file, from which a filter that
 * was restarted after a crash can load the rules that ran, although the files
 * on disk may be half edited by then.
 */
#ifndef STEELYARD_FILTER_GENERATION_H
#define STEELYARD_FILTER_GENERATION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "filter/phases.h"
#include "filter/settings.h"
#include "rules/ruleset.h"

struct dnsbl;
struct list_state;
struct resolver;

struct generation {
	atomic_uint refs;
	struct settings settings;
	struct ruleset *rules;
	struct rule_lists lists;
	struct list_state *list_states; /* of their files; the refresher's */
	uint64_t number; /* 1, 2, ... in this process */
	int64_t loaded; /* wall clock, seconds since 1970 */
	char digest[33]; /* of the rules */
	struct plan plan; /* what they need of the MTA */
	/*
	 * Who answers about DNS, and the lists as the rules number them: NULL
	 * until generation_use_resolver(), so where nobody asks it.
	 */
	struct resolver *resolver;
	struct dnsbl **dnsbls;
	struct generation_parts *parts; /* ast, diag, texts: generation.c's */
};

struct generation *generation_ref(struct generation *gen);
void generation_unref(struct generation *gen); /* NULL is fine */

/*
 * Loads `path` and all it names, compiles, runs the examples.  NULL on any
 * error.  `*ret_report` is always set: all errors and warnings as text for
 * a terminal (malloc'ed; may be ""), `*ret_summary` one line for a log.
 * `previous` (or NULL) lets a list that shrank suspiciously be refused, unless
 * `force`.
 */
struct generation_result {
	struct generation *generation; /* NULL: refused */
	char *report;
	char *summary;
	size_t errors, warnings;
};
struct generation_result generation_load(const char *path,
					 struct generation *previous,
					 bool force);
/*
 * For who wants to know what is wrong, before the start would say it: the same
 * without a previous one, and `also` may tell `diag` of more (the places of
 * settings are in generation_ast()).  It is asked whatever was found, so the
 * generation that it is given may lack rules and lists.
 */
struct generation_result generation_check(
	const char *path,
	void (*also)(const struct generation *gen, struct diag *diag));

/*
 * All of a folder that ends in .rules together, as an include of them would
 * bring them in; reports say that it stands in the folder, in "*.rules".  Any
 * list may have shrunk.
 */
struct generation_result generation_load_folder(const char *folder);

/*
 * For one who has rights to give up first: rule files are read, for the
 * settings in them, but no list file, and no example is run.  The generation
 * holds settings and nothing else.
 */
struct generation_result generation_load_settings(const char *path);
struct generation_result generation_load_snapshot(int fd);
void generation_result_done(struct generation_result *result); /* keeps gen */

/*
 * Call from one thread alone, every second or so.  If list files of `gen` have
 * changed on disk, and the changes have settled (lists/file.h): a new
 * generation with the same rules and the new contents; NULL if nothing
 * changed.  If a new content is refused, or looks unfinished, `*ret_summary`
 * says why, malloc'ed and once; else it is NULL.  The time goes only forward.
 */
struct generation *generation_refresh_lists(struct generation *gen,
					    int64_t now_ms, char **ret_summary);

/*
 * The same for one list that was edited just now, on purpose: neither a look
 * more nor how much it shrank matters.
 */
struct generation *generation_take_list(struct generation *gen, size_t index,
					char **ret_summary);

/*
 * Before the generation is shared: takes a reference to the resolver, and looks
 * up in it the DNS lists that the rules name.  False without memory, or where
 * there are too many lists; nothing is changed then.
 */
bool generation_use_resolver(struct generation *gen, struct resolver *resolver);

/* A sealed memfd with every text that was read, or -1. */
int generation_snapshot(const struct generation *gen);

/* Prints all settings with value, source and default (-T), overrides too. */
void generation_print(const struct generation *gen, FILE *out);

/* What it was made from, to say where something stands; borrowed. */
const struct ast *generation_ast(const struct generation *gen);
const struct diag *generation_diag(const struct generation *gen);

/* Runs lint; the text is malloc'ed. */
char *generation_lint(const struct generation *gen, size_t *ret_warnings);

#endif
