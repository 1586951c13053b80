/*
 * greylist.h - who must wait, and what is remembered for it: the filter's side
 * of lists/store.h.
 *
 * What a configuration says of it, and how its memory is opened.  The question
 * itself, for a message, is asked by grey.c; remember.h keeps the memory while
 * the filter runs.
 */
#ifndef STEELYARD_FILTER_GREYLIST_H
#define STEELYARD_FILTER_GREYLIST_H

#include <stdbool.h>
#include <stddef.h>

#include "lists/greylist.h"
#include "lists/store.h"
#include "rules/facts.h"

struct generation;
struct list;
struct settings;

/* What holds for the recipients of a class (0: those in none). */
struct greylist_terms greylist_terms_of(const struct generation *gen,
					size_t class_index);

/* Somebody may have to wait, or traps are set: it needs a memory. */
bool greylist_is_wanted(const struct generation *gen);

/*
 * Where senders are told to wait: PHASE_RCPT, _DATA or _EOM; the null sender
 * not before DATA.  No earlier than `set earliest_refusal` has it.
 */
enum phase greylist_phase(const struct generation *gen, bool null_sender);

/* The traps, or NULL.  Lives as long as the generation. */
const struct list *greylist_traps(const struct generation *gen);

/*
 * Opens the store that the settings name: the file in state_dir, and in front
 * of it the shared one if there is one.  Where the file cannot be opened, that
 * is logged (event=S5), and the shared one is all there is until the filter is
 * started anew.  `read_only` is for a look from outside the filter: at the
 * shared one alone, if there is one.  NULL, and a sentence.  A file that was
 * damaged is logged (event=S4).
 */
struct store *greylist_open_store(const struct settings *settings,
				  bool read_only, char ret_why[STORE_WHY_SIZE]);

/*
 * Less than this many seconds ago all that was remembered was lost: whoever was
 * told to wait would have to do so twice, so nobody is for this long.  By the
 * steady clock; any thread.
 */
bool greylist_is_suspended(int64_t wait);
void greylist_was_lost(void); /* now */

/*
 * The wall clock has been set forward by so many seconds, or back (negative):
 * logged (event=T1), with where it was `seen`, a word.
 */
void greylist_clock_jumped(int64_t seconds, const char *seen);

/* What was answered for a recipient; for log, journal and test. */
struct greylist_said {
	bool due; /* he is of those who are asked about; else all else is 0 */
	bool asked; /* else there is no memory */
	enum store_end end; /* of asking; the rest holds after STORE_DONE */
	enum greylist_answer answer;
	enum greylist_why why;
	bool suspended; /* he need not wait, for it was all lost */
	int64_t left; /* as in greylist_result; not asked: a stranger's wait */
	int64_t waited;
};

/* Is the recipient, or the message, to be deferred for it? */
bool greylist_defers(const struct greylist_said *said);

/* The worse of two for the sender, in the order that log lines tell it. */
const struct greylist_said *greylist_worse(const struct greylist_said *a,
					   const struct greylist_said *b);

#define GREYLIST_WORD_SIZE 24

/*
 * In a word: "new", "known", ...; "-" not due, "closed" no memory,
 * "unknown:late" it has failed, "suspended".  Returns buf.
 */
const char *greylist_word(const struct greylist_said *said,
			  char buf[GREYLIST_WORD_SIZE]);

#endif
