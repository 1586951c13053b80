/*
 * greylist.h - the parts of `steelyardctl greylist`.
 *
 * What is remembered is asked of the filter or, if none runs, of its files, by
 * the same requests (filter/control_verbs.h, verb `greylist`); so nothing here
 * knows which it was.  Whatever is long comes in pages, and memory does not
 * grow with it.  One thread.
 */
#ifndef STEELYARD_CTL_GREYLIST_H
#define STEELYARD_CTL_GREYLIST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/command.h"
#include "lists/store.h"

/* --- asking: greylist_ask.c ---------------------------------------------- */

struct greylist_asker;

enum greylist_use {
	GREYLIST_LOOK, /* without a filter the file is opened for reading */
	GREYLIST_CHANGE,
};

/* Finds out nothing yet; ends the program without memory. */
struct greylist_asker *greylist_asker_open(const struct command *command,
					   enum greylist_use use);
void greylist_asker_close(struct greylist_asker *asker); /* NULL is fine */

/*
 * One request, taken over; "verb" is added.  The answer's lines, which may be a
 * refusal; NULL when the reason has been told.
 */
json_t *greylist_ask(struct greylist_asker *asker, json_t *request);

/*
 * A request that comes in pages, taken over: asks again, with the cursor, while
 * there is more, and hands each page to `page`, which may end it by false.
 * EXIT_YES, or the exit code of what has been told.
 */
typedef bool greylist_page(void *context, const json_t *lines);
enum exit_code greylist_pages(struct greylist_asker *asker, json_t *request,
			      greylist_page *page, void *context);

/*
 * The same for action "list": each entry by itself.  Members of an entry are
 * those of filter/show.h, show_greylist_entry().
 */
typedef bool greylist_each(void *context, const json_t *entry);
enum exit_code greylist_entries(struct greylist_asker *asker, json_t *request,
				greylist_each *each, void *context);

/* --- bringing in: greylist_import.c -------------------------------------- */

/*
 * Entries on their way to the store, in batches, each of which is taken as a
 * whole or not at all.
 */
struct greylist_import;

struct greylist_import *greylist_import_open(const struct command *command);

/* Where the next entry stands, for messages; `file` is borrowed. */
void greylist_import_at(struct greylist_import *import, const char *file,
			size_t line);

/*
 * One more: kind, key, value and expires of it; all is copied.  Sends a batch
 * when it is full.  False once anything has failed, with the reason told (as
 * "FILE:LINE: ..."); nothing is sent any more then.
 */
bool greylist_import_entry(struct greylist_import *import,
			   const struct store_entry *entry);

/* Tells why FILE:LINE, where it is now, is refused; drops the open batch. */
void greylist_import_refuse(struct greylist_import *import, const char *format,
			    ...) __attribute__((format(printf, 2, 3)));

/* Entries that were given, and how many of them the store has taken. */
uint64_t greylist_import_given(const struct greylist_import *import);
uint64_t greylist_import_taken(const struct greylist_import *import);

/*
 * Sends the rest, says how many were taken (JSON where that was asked for) and
 * frees.  The exit code.
 */
enum exit_code greylist_import_close(struct greylist_import *import);

/* --- parts with a file of their own -------------------------------------- */

/*
 * greylist_import_foreign.c: `import --from WHAT [FILE]`, where WHAT is
 * "postgrey", "milter-greylist" or "sqlgrey"; another is wrong use.  `file` is
 * NULL or "-" for standard input.
 */
enum exit_code greylist_import_foreign(const struct command *command,
				       const char *what, const char *file);

/* greylist_advise.c: `advise`. */
enum exit_code greylist_advise(const struct command *command);

/* --- the actions of the verb ---------------------------------------------- */

/* greylist_list.c, greylist_show.c, greylist_stats.c: what looks. */
enum exit_code greylist_list(const struct command *command);
enum exit_code greylist_show(const struct command *command);
enum exit_code greylist_stats(const struct command *command);
/* greylist_edit.c: what changes. */
enum exit_code greylist_allow(const struct command *command);
enum exit_code greylist_block(const struct command *command);
enum exit_code greylist_unmark(const struct command *command);
enum exit_code greylist_forget(const struct command *command);
/* greylist_export.c and greylist_import.c */
enum exit_code greylist_export(const struct command *command);
enum exit_code greylist_import(const struct command *command);

/*
 * The request of `action` with what --kind, --state, --older and the like say,
 * and patterns from `words`, which may be NULL.  False with the reason told.
 */
bool greylist_request(const struct command *command, const char *action,
		      const char *const *words, size_t count,
		      json_t **ret_request);

/* --- for people: greylist_words.c ---------------------------------------- */

/* "90", "5m", "2d", "1d12h": seconds; false for what is no such time. */
bool greylist_read_span(const char *text, int64_t *ret_seconds);

enum { GREYLIST_AGO = 40 };
/* "3m", "2d": the largest unit alone, rounded up; "ever" for null. */
const char *greylist_left(const json_t *seconds, char buffer[GREYLIST_AGO]);
/* "3m ago", "in 2m", "now" */
const char *greylist_ago(int64_t moment, int64_t now,
			 char buffer[GREYLIST_AGO]);

#endif
