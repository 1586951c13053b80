/*
 * list.h - the local lists that rules and people ask.
 *
 * A list is built once and never changes: whoever wants another one builds it
 * beside the old one.  A builder belongs to one thread.  A finished list may
 * be asked from any thread without a lock, and lives until the last of its
 * holders lets go.
 */
#ifndef LISTS_LIST_H
#define LISTS_LIST_H

#include "lists/entry.h" /* enum list_kind, struct list_error */
#include "lists/hash.h"

#include <stdbool.h>
#include <stddef.h>

struct list;
struct list_builder;

/* Regexes are tried one after the other, so there cannot be many. */
#define LIST_REGEX_MAX 1000
#define LIST_ERRORS_MAX 20 /* told about one by one in a text */

/* NULL, with errno set, when memory runs out. */
struct list_builder *list_builder_new(enum list_kind kind);

/*
 * Who can read regexes, which lists/ cannot: asked about each, up to
 * LIST_REGEX_MAX of them; -1 with *ret_error filled in refuses it.
 */
void list_builder_check(struct list_builder *builder,
			int (*check)(const char *text, size_t len,
				     struct list_error *ret_error));
void list_builder_free(struct list_builder *builder); /* NULL is fine */

/*
 * Adds one entry, as it is written (see entry.h).  -1 with *ret_error filled
 * in and nothing added; the builder can go on.  The same entry again is no
 * error.  The text of a regex is kept unread.
 */
int list_builder_add(struct list_builder *builder, const char *text, size_t len,
		     struct list_error *ret_error);

/*
 * The list, held once, or NULL with errno set.  The builder is only good for
 * list_builder_free() then.
 */
struct list *list_builder_finish(struct list_builder *builder);

/* Another holder.  Returns the list itself. */
struct list *list_ref(struct list *list);
void list_unref(struct list *list); /* NULL is fine */

/* A question that does not suit the list's kind is answered with false. */
bool list_has_ip(const struct list *list, const struct ip *ip);
bool list_has_domain(const struct list *list, const char *name, size_t len);
bool list_has_address(const struct list *list, const char *address, size_t len);

enum list_kind list_kind(const struct list *list);
size_t list_count(const struct list *list); /* each entry once */
size_t list_memory(const struct list *list); /* bytes */

/*
 * Calls `visit` with each entry in canonical form, NUL-terminated, until it
 * says false: networks by number, all others in the order they were added.
 */
void list_each(const struct list *list,
	       bool (*visit)(void *ctx, const char *text, size_t len),
	       void *ctx);

/*
 * Equal for lists of one kind with the same entries, whatever their order and
 * how they were written.
 */
struct hash_digest list_digest(const struct list *list);

/* What is wrong with a list's text. */
struct list_problem {
	const char *path; /* NULL: the text did not come from a file */
	size_t line, column; /* from 1, in bytes; 0: about the whole text */
	const char *message;
	const char *source; /* that line, not NUL-terminated; NULL if none */
	size_t source_len;
};

/* "path:line:column: message", without what is not known; returns buf. */
const char *list_problem_format(const struct list_problem *problem, char *buf,
				size_t size);

/*
 * Adds every entry of a text, one a line.  `report` hears of each problem in
 * turn, of at most LIST_ERRORS_MAX, then of "and N more"; the strings last
 * only for the call.  0, or -1 if anything was reported.
 */
int list_parse_text(struct list_builder *builder, const char *text, size_t len,
		    void (*report)(void *ctx,
				   const struct list_problem *problem),
		    void *ctx);

#endif
