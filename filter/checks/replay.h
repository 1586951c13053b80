/*
 * replay.h - has this signature been seen before?
 *
 * A DKIM signature says nothing of who the mail is brought to, so one message
 * that a large provider has signed can be brought to a million people by
 * somebody else (RFC 6376 section 8.6).  A mailing list does the same with good
 * reason; so the number is a fact, for rules to weigh together with others.
 *
 * Counted are signatures that pass, by domain, selector and the first
 * characters of b=, over a window that slides: what the hour before has seen
 * counts as far as it lies within the last 60 minutes.  The table has a fixed
 * size.  Who floods it with signatures of his own drives out others that were
 * seen as seldom as his, not those seen often.  It is lost with the process:
 * a count that is too low costs nobody anything.
 */
#ifndef STEELYARD_FILTER_CHECKS_REPLAY_H
#define STEELYARD_FILTER_CHECKS_REPLAY_H

#include <stddef.h>
#include <stdint.h>

struct facts;
struct replays;

/* NULL without memory. */
struct replays *replays_new(void);
void replays_free(struct replays *replays);

/*
 * Counts one message with this signature; returns how many there were in the
 * hour that ends now, this one included.  `now` in seconds of the wall clock.
 * One thread at a time.
 */
uint32_t replays_count(struct replays *replays, uint64_t signature,
		       int64_t now);

/*
 * Sets dkim.seen from the facts about the message's signatures, counting this
 * message; once for each.  Any thread; the process has one table, made when the
 * first signature passes.
 */
void check_replay(struct facts *facts, int64_t now);

#endif
