/*
 * greylist_advice.h - what other terms of greylisting would have meant for the
 * mail that has been seen.
 *
 * Records come in one by one; memory is bounded, however many they are.  What
 * was not seen is not guessed: nobody knows when those would have come who were
 * let through at the first try after the wait, or not asked at all.
 *
 *   waits     of those that came back, who would have passed at that try, and
 *             who would have been sent away once more; and of those that still
 *             wait, who has tried late enough to be through by now
 *   windows   who came back too late for a shorter one
 *   known     identities with so many counted passes
 *   masks     networks that a wider mask makes one, and mails that were tried
 *             from several networks which it makes one
 */
#ifndef STEELYARD_CTL_GREYLIST_ADVICE_H
#define STEELYARD_CTL_GREYLIST_ADVICE_H

#include <jansson.h>
#include <stdint.h>

enum {
	ADVICE_ENOUGH = 100, /* passes, to judge a wait by */
	ADVICE_NETWORKS = 1 << 20, /* more are not told apart */
};

struct advice;

/* The terms in force, in seconds.  Ends the program without memory. */
struct advice *advice_new(int64_t wait, int64_t window, int64_t now);
void advice_free(struct advice *advice); /* NULL is fine */

/* An entry as show_greylist_entry() makes it; others are passed over. */
void advice_add(struct advice *advice, const json_t *entry);

/*
 * All that was found, by the names above.  `stats` is what the store counts by
 * itself, for those that never came back.
 */
json_t *advice_json(const struct advice *advice, const json_t *stats);

#endif
