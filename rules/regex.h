/*
 * regex.h - regular expressions with a limit: the one door to PCRE2.
 *
 * A pattern is compiled once, to machine code where the system allows memory
 * that is written and run, and may be used by any number of threads.  What a
 * match needs beside it lies in a *room*; a room belongs to one thread at a
 * time and is lent from a common pool.
 *
 * Whoever sends mail chooses the text, so each match may only do so much work,
 * and all matches of a message together.  One that would need more has no
 * answer: REGEX_LIMIT.  Work is counted and not timed, so that the same text
 * always has the same answer.
 *
 * PCRE2's own limits count backtracking alone, and from anew at each byte where
 * a match may begin; what a repeat reads is not counted at all.  So a pattern
 * is compiled to call us before each of its items.  Whatever goes in circles
 * comes by there, and what was read in between shows in how far the place has
 * moved.  A unit of work is what takes about a nanosecond in machine code, and
 * up to five without it.
 */
#ifndef STEELYARD_RULES_REGEX_H
#define STEELYARD_RULES_REGEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct regex;
struct regex_room;

enum regex_answer {
	REGEX_NO,
	REGEX_YES,
	REGEX_LIMIT, /* gave up: too much work, or no memory for it */
};

/* What one match may take. */
enum {
	REGEX_WORK = 16000000, /* units, some 20 ms */
	REGEX_MESSAGE_WORK = 10 * REGEX_WORK, /* for all of a message */
	REGEX_MATCH_LIMIT = 100000, /* steps of backtracking from one byte */
	REGEX_DEPTH_LIMIT = 1000, /* of them remembered at once */
	REGEX_HEAP_LIMIT_KIB = 1024,
	REGEX_TEXT_MAX = 65536, /* of a longer text, only the beginning */
	REGEX_PATTERN_MAX = 65536, /* bytes of a pattern */
};

/*
 * Compiles `len` bytes.  Flags: i (no case), m (^ and $ at lines), s (a dot
 * takes newlines too), x (blanks and comments in the pattern), u (UTF-8; what
 * is not UTF-8 in the text matches nothing).  NULL with the reason in `why`;
 * *ret_offset is then where in the pattern, or `len`.
 */
struct regex *regex_new(const char *pattern, size_t len, const char *flags,
			char *why, size_t why_size, size_t *ret_offset);
void regex_free(struct regex *regex); /* NULL is fine */

/* Would it compile?  Without the machine code, so in a fraction of the time. */
bool regex_is_good(const char *pattern, size_t len, const char *flags,
		   char *why, size_t why_size, size_t *ret_offset);

/* "/pattern/flags", for a digest; NUL within it becomes a blank. */
const char *regex_text(const struct regex *regex);

/* It was compiled to machine code. */
bool regex_is_jit(const struct regex *regex);

/* Lends a room; NULL without memory.  Any thread. */
struct regex_room *regex_room_take(void);
void regex_room_give(struct regex_room *room); /* NULL is fine */

/* Frees the rooms that nobody has; for leak checks at the very end. */
void regex_rooms_drop(void);

/*
 * Searches the text; NUL is a byte like any other.  *work is what may be done
 * yet, and shrinks by what was; with too little left the answer is REGEX_LIMIT.
 * So it is where nothing was found in the first REGEX_TEXT_MAX bytes of a
 * longer text.
 */
enum regex_answer regex_match(const struct regex *regex,
			      struct regex_room *room, const char *text,
			      size_t len, uint64_t *work);

#endif
