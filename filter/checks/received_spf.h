/*
 * received_spf.h - Received-SPF: what SPF said, in a field of its own (RFC 7208
 * section 9.1), for readers who know no Authentication-Results.
 *
 * One field tells of one identity.  Of those that came with a message each goes
 * that says it was written by us, as readers behind us could not tell it from
 * ours.
 *
 * Pure functions, for any thread.
 */
#ifndef STEELYARD_CHECKS_RECEIVED_SPF_H
#define STEELYARD_CHECKS_RECEIVED_SPF_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct authres_id;
struct facts;

enum received_spf {
	/* The sender, or HELO's name in place of the null sender. */
	RECEIVED_SPF_SENDER,
	/* HELO's name besides a sender. */
	RECEIVED_SPF_HELO,
	RECEIVED_SPF_COUNT,
};

enum {
	RECEIVED_SPF_LINE = 78, /* bytes, where there is a place to fold */
};

#define RECEIVED_SPF_NAME "Received-SPF"

/* Was SPF asked about that, and is there anything to say? */
bool received_spf_is_known(const struct facts *facts, enum received_spf about);

/*
 * The value of our field, folded by LF and tab, without a blank in front; it
 * lives in the arena.  Printable ASCII; each line is shorter than 998 bytes.  A
 * result that is unknown is "temperror".  What was said in other bytes is left
 * out.  NULL: that is not known, or there is no memory.
 */
const char *received_spf_write(const struct facts *facts,
			       enum received_spf about,
			       const struct authres_id *receiver,
			       struct arena *arena);

/*
 * Does a field of that name with this value, given from behind the colon with
 * folds of any kind, name us as its receiver: by "receiver=", or at the
 * beginning of its comment, in any of the spellings of authres_is_ours()?  Time
 * is linear in `len`.
 */
bool received_spf_is_ours(const struct authres_id *receiver, const char *value,
			  size_t len);

#endif
