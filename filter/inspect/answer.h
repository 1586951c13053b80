/*
 * answer.h - facts on their way from an inspector to the filter.
 *
 * A record CHANNEL_FACT is
 *
 *	fact u16, state u8, cause u8, want u32, value
 *
 * `want` is the number of the WANT that a header("N") answers, else 0.  The
 * state is known, none or unknown; a value is there when it is known: bool u8,
 * number u64 (two's complement), enum u16, string: the rest of the record.  A
 * set is: how many in all u32, then len u16 and bytes of each; one too large
 * for a record goes on in the next (CHANNEL_MORE), same head and flags.  Of one
 * that is partial (CHANNEL_PARTIAL) `cause` says why.
 *
 * The inspector may have been taken over by the message it read, so
 * answer_take() believes nothing.
 */
#ifndef STEELYARD_INSPECT_ANSWER_H
#define STEELYARD_INSPECT_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "filter/inspect/channel.h"
#include "rules/facts.h"

struct message_want;

enum {
	/* Bytes of packets that answer one message; facts that would not fit
	 * are unknown (CAUSE_LIMIT). */
	ANSWER_BYTES_MAX = 1024 * 1024,
	/* Values of all sets together. */
	ANSWER_ITEMS_MAX = 32768,
};

/* Which facts an inspection establishes, parametric ones aside. */
struct answer_due {
	bool envelope; /* spf to spf.error, and nothing else */
	bool body; /* those of the body */
	bool authentication; /* dkim to dmarc.record_error */
};
bool answer_is_due(const struct answer_due *due, enum fact_id id);

/* May they be any inspection's? */
bool answer_is_inspectors(enum fact_id id);

/* --- the inspector's side ----------------------------------------------- */

/* Sends a packet, and may then reuse its bytes.  -1 when the filter is gone. */
typedef int answer_send(void *context, const struct packet *packet);

/*
 * Sends the facts that are due and not pending; slot i belongs to wants[i].
 * `packet` is for the function to work in.  Returns -1 if `send` did.
 */
int answer_give(const struct facts *facts, const struct answer_due *due,
		const struct message_want *wants, uint64_t number,
		struct packet *packet, answer_send *send, void *context);

/* --- the filter's side -------------------------------------------------- */

/*
 * Start with facts, what is due, wants, and zeros.  Values are copied into the
 * facts' arena; what finds no room there is unknown (CAUSE_LIMIT).
 */
struct answer {
	struct facts *facts;
	struct answer_due due;
	const struct message_want *wants;
	size_t want_count;
	/* how far it has come */
	size_t items; /* in all sets */
	bool open, partial; /* a set goes on in the next record */
	enum fact_id id;
	enum fact_cause cause;
	uint32_t want;
	struct text *at; /* its values; NULL if there was no room */
	size_t at_count, at_filled;
};

/* One packet, its head included; false breaks the protocol. */
bool answer_take(struct answer *answer, const void *packet, size_t len);
/* After the last packet; false if something is missing. */
bool answer_complete(const struct answer *answer);

/* Makes every fact that is due pending again. */
void answer_forget(struct answer *answer);

/*
 * What should have come and is still pending becomes unknown.  True if there
 * was nothing of that kind.
 */
bool answer_fill(struct answer *answer, enum fact_cause cause);

#endif
