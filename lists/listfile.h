/*
 * listfile.h - lists that live in files: loading them, and editing them so
 * that what people wrote around the entries stays.
 *
 * All functions may be called from any thread and hold no lock.
 */
#ifndef LISTS_LISTFILE_H
#define LISTS_LISTFILE_H

#include "lists/file.h"
#include "lists/list.h"

#include <stdbool.h>
#include <stddef.h>

#define LIST_FILE_MAX ((size_t)128 << 20) /* bytes */

enum list_load {
	LIST_LOADED,
	LIST_LOAD_BROKEN, /* unreadable, untrustworthy, or wrong entries */
	LIST_LOAD_BUSY, /* being written, it seems: try again soon */
	LIST_LOAD_SHRUNK, /* whole, but so small that only `force` loads it */
};

/* How a list is read from a file. */
struct list_reading {
	enum list_kind kind;
	const struct list *previous; /* what it was before; NULL at start */
	bool force;
	/* of regexes, as of list_builder_check(); or NULL */
	int (*check)(const char *text, size_t len,
		     struct list_error *ret_error);
	void (*report)(void *ctx, const struct list_problem *problem);
	void *ctx; /* the reporter's */
};

/*
 * Reads a list from a file (entries as in entry.h, one a line).  With a
 * `previous` one, and without `force`, a file is refused that has suddenly lost
 * all or more than nine in ten of the entries, one that somebody has open for
 * writing, and for LIST_SETTLE_S seconds after a change one whose last line
 * does not end: it may be half written.
 *
 * Unless the answer is LIST_LOADED, `report` has heard why, and *ret_list and
 * *ret_stamp are left alone.  Otherwise the list is held once by the caller.
 */
#define LIST_SETTLE_S 2

enum list_load list_load_file(const char *path,
			      const struct list_reading *reading,
			      struct list **ret_list,
			      struct file_stamp *ret_stamp);

enum list_edit {
	LIST_EDITED,
	LIST_EDIT_NOTHING, /* it is there already; or there is none to remove */
	LIST_EDIT_FAILED, /* *ret_error says why */
};

/*
 * On text: adds an entry as the last line, or removes each line that holds
 * the entry, however it is written there.  All other lines stay, byte for
 * byte.  After LIST_EDITED *ret_text is to be freed, also when it is empty.
 * Only the entry is checked, not the text around it.
 */
enum list_edit list_edit_add(enum list_kind kind, const char *text, size_t len,
			     const char *entry, size_t entry_len,
			     char **ret_text, size_t *ret_len,
			     struct list_error *ret_error);
enum list_edit list_edit_remove(enum list_kind kind, const char *text,
				size_t len, const char *entry, size_t entry_len,
				char **ret_text, size_t *ret_len,
				struct list_error *ret_error);

/* The same on a file, by file_read() and file_replace(). */
enum list_edit list_file_add(const char *path, enum list_kind kind,
			     const char *entry, size_t entry_len, char *error,
			     size_t error_size);
enum list_edit list_file_remove(const char *path, enum list_kind kind,
				const char *entry, size_t entry_len,
				char *error, size_t error_size);

#endif
