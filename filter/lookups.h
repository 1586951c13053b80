/*
 * lookups.h - what is asked of DNS about one message.
 *
 * Questions start as soon as it is heard what they are about: the client's
 * names and the lists about its address with the connection, HELO's with HELO,
 * the sender's with MAIL, the author's when the header was read.  Asking never
 * waits.  Where an answer is due, the session waits once for all of them and
 * then settles: what has come by then are facts, and what has not is unknown
 * for the rest of this message.
 *
 * The client (with its HELO) and the sender are settled apart: where what DNS
 * says of the client is enough for a refusal, nobody asks about the sender, or
 * waits for it.
 *
 * Only what the rules read is asked, or greylisting needs to know a client by.
 * Facts about the client from DNS count as known at MAIL, not before: whether
 * it has logged in is known only then, and such a client is not asked about.
 *
 * An object belongs to one session; answers arrive on the resolver's thread.
 */
#ifndef STEELYARD_FILTER_LOOKUPS_H
#define STEELYARD_FILTER_LOOKUPS_H

#include <stdbool.h>
#include <stdint.h>

#include "lists/ip.h"
#include "rules/facts.h"

struct generation;
struct lookups;

/*
 * Borrows the generation.  NULL without memory, where it has no resolver, or
 * where nothing is asked (plan.looks_up).  Without one its facts stay pending
 * until their phase is closed.
 */
struct lookups *lookups_new(const struct generation *gen);
void lookups_free(struct lookups *lookups); /* gives up what is still asked */

/* Is anything asked at all? */
bool lookups_want_any(const struct generation *gen);
/* Do the rules ask about a client before it has said a word? */
bool lookups_want_client(const struct generation *gen);
/* ... about what it calls itself? */
bool lookups_want_helo(const struct generation *gen);

/*
 * Each starts questions; an object takes each of these once.  `helo` NULL:
 * there was none.
 */
void lookups_client(struct lookups *lookups, const struct ip *client);
void lookups_helo(struct lookups *lookups, const char *helo,
		  const struct ip *client);
/* At MAIL; `facts` hold what is known by then, and are only read. */
void lookups_connection(struct lookups *lookups, const struct facts *facts);
void lookups_sender(struct lookups *lookups, const struct facts *facts);
/* After lookups_sender(), when facts spf are what they will be. */
void lookups_spf(struct lookups *lookups, const struct facts *facts);
/* `facts` hold what the header says. */
void lookups_content(struct lookups *lookups, const struct facts *facts);

/*
 * In place of the first three: no fact about the client or its HELO is wanted.
 */
void lookups_skip_client(struct lookups *lookups);

/* True when all has come; false when this moment has (monotonic_ms()). */
bool lookups_wait(struct lookups *lookups, int64_t until_ms);

/* The same of the client and its HELO alone.  In the past: does not wait. */
bool lookups_wait_client(struct lookups *lookups, int64_t until_ms);

/*
 * Sets the facts of client and HELO, from MAIL on; what has not come is
 * unknown.  False: that was done before.  Texts of this and of the next one
 * live as long as `lookups`.
 */
bool lookups_settle_client(struct lookups *lookups, struct facts *facts);

/*
 * Sets the facts of the phase: PHASE_MAIL for client, HELO and sender,
 * PHASE_EOM for the content.  Once for each.  Where lookups_sender() was not
 * called, the sender's are left alone.
 */
void lookups_settle(struct lookups *lookups, enum phase phase,
		    struct facts *facts);

#endif
