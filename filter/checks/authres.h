/*
 * authres.h - Authentication-Results: ours, and what strangers say in our name
 * (RFC 8601).
 *
 * Readers behind us believe the fields that bear our id.  So one is written
 * from facts alone, in which nothing that a stranger said can be taken for a
 * result; and of the fields that came with the message each goes that some
 * reader, strict or lenient, could take for ours (section 5).
 *
 * Pure functions, for any thread.
 */
#ifndef STEELYARD_CHECKS_AUTHRES_H
#define STEELYARD_CHECKS_AUTHRES_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct facts;

enum {
	AUTHRES_ID_SIZE = 256, /* with the NUL */
	/*
	 * Signatures that are told of.  Those that were verified come first:
	 * readers are known that fall over more than 16 results.
	 */
	AUTHRES_SIGNATURES_MAX = 12,
	AUTHRES_LINE = 78, /* bytes, where there is a place to fold */
};

#define AUTHRES_NAME "Authentication-Results"

/*
 * Our authserv-id: a host name in its one form (A-labels, small letters, no
 * final dot), or another printable word as it was given.
 */
struct authres_id {
	char name[AUTHRES_ID_SIZE];
	size_t len;
};

/* False if there is no name (NULL, "") or it can be nobody's. */
bool authres_id_init(struct authres_id *id, const char *name);

/*
 * The value of our field, folded by LF and tab, without a blank in front; it
 * lives in the arena.  Printable ASCII; each line is shorter than 998 bytes.
 * A result that is unknown is "temperror", one that is not to matter (waived)
 * "none"; what this build does not ask for is left out.  About an exempt
 * message nothing is said but that its client has logged in.  NULL: there is
 * nothing to say, or no memory.
 */
const char *authres_write(const struct facts *facts,
			  const struct authres_id *id, bool exempt,
			  struct arena *arena);

/* The same for a message that nobody has looked at: "ID; none". */
const char *authres_write_none(const struct authres_id *id,
			       struct arena *arena);

/*
 * Does a field of that name with this value, given from behind the colon with
 * folds of any kind, bear our id?  When in doubt it does: in any case, behind
 * or around comments that end in any way, in quotes, in U-labels, in encoded
 * words, with bytes in it that a reader may skip, or cut off before it could be
 * told from ours.  Never true for a well-formed field that begins with another
 * host name in ASCII.  Time is linear in `len`.
 */
bool authres_is_ours(const struct authres_id *id, const char *value,
		     size_t len);

#endif
