/*
 * diag.h - what is wrong with a rule file, and where.
 *
 * Lexer, parser, compiler and lint all report here; nobody stops at the first
 * mistake.  A report keeps file, line and column, and prints as
 *
 *	rules.d/10-local.rules:12:17: error: unknown fact "helo.nme"
 *	        rule BAD_HELO 2.0 if helo.nme ~ /x/
 *	                             ^~~~~~~~
 *	        did you mean "helo.name"?
 */
#ifndef STEELYARD_RULES_DIAG_H
#define STEELYARD_RULES_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A place in a source; file 0 means "nowhere in particular". */
struct place {
	uint16_t file; /* index + 1 into the sources */
	uint16_t column; /* from 1, in bytes */
	uint32_t line; /* from 1 */
	uint16_t length; /* bytes to underline, at least 1 */
};

enum diag_level { DIAG_WARNING, DIAG_ERROR };

struct diag_source {
	char *name; /* as the user knows it: path, or "example" */
	char *text; /* owned; NUL behind it */
	size_t len;
	uint32_t skipped; /* lines that stand before the text */
};

struct diag_entry {
	enum diag_level level;
	struct place place;
	char *message; /* one line, without a full stop */
	char *hint; /* another line, or NULL */
};

struct diag {
	struct diag_source *sources;
	size_t source_count;
	struct diag_entry *entries; /* in the order they were found */
	size_t entry_count;
	size_t newest; /* index + 1 of the newest entry; 0: it was not kept */
	size_t errors; /* counts on when entries are no longer kept */
	size_t warnings;
	bool failed; /* memory ran out: the list is not complete */
};

void diag_init(struct diag *diag);
void diag_done(struct diag *diag);

/* Takes over `text` (malloc'ed); returns the file number, 0 without memory. */
uint16_t diag_add_source(struct diag *diag, const char *name, char *text,
			 size_t len);

/*
 * At most 100 errors and 100 warnings are kept; the rest is only counted.
 * Bytes that a terminal would not show as they are become \xNN.
 */
void diag_error(struct diag *diag, struct place place, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void diag_warning(struct diag *diag, struct place place, const char *format,
		  ...) __attribute__((format(printf, 3, 4)));

/* A place in a text too long to be kept. */
struct diag_line {
	const char *name; /* as of a source */
	size_t line, column; /* from 1, in bytes */
	const char *text; /* that line without its end; NULL: not shown */
	size_t len;
};

/*
 * An error there; the line becomes a source of its own, copied.  Nothing is
 * when the error is not kept.
 */
void diag_error_in_line(struct diag *diag, const struct diag_line *line,
			const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Adds a hint to the newest entry; a second one takes its place. */
void diag_hint(struct diag *diag, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Adds `did you mean "x"?` to the newest entry for the candidate nearest to
 * `name` (edit distance with transpositions, at most a third of its length).
 * next() yields candidates until it returns NULL.
 */
void diag_nearest(struct diag *diag, const char *name, size_t len,
		  const char *(*next)(void *context), void *context);

/*
 * The whole text of all entries, sorted by place; malloc'ed, or NULL without
 * memory.  Empty if there is nothing to say.
 */
char *diag_text(const struct diag *diag);

/*
 * One line, for a log: "file:line:col: error: message (and 3 more)".  It speaks
 * of the first error, or of the first warning if there is none; malloc'ed.
 */
char *diag_summary(const struct diag *diag);

#endif
