/*
 * triplet.h - who wants to write as whom to whom, as a key of the store.
 *
 * The first part is the identity, chosen by proof, the best there is:
 *
 *   spf:example.org     the domain that passed SPF
 *   ptr:example.org     the organisation of a name that the client's address
 *                       has both ways, unless the name looks dynamic
 *   net:192.0.2.0/24    the client's network
 *
 * So a pool of a thousand hosts is one client if somebody answers for it, and
 * what nobody answers for is known by where it is.
 *
 * A triplet's key is "IDENTITY SENDER RECIPIENT", the latter two as
 * sender_key.h makes them.  The parts are words of printable ASCII without
 * blanks, so the key can be read by people and taken apart again, and no two
 * triplets have one key.  LMDB's keys end at 511 bytes: where a key would be
 * longer than TRIPLET_KEY_MAX the sender, and if need be the recipient, are
 * replaced by ":" and a digest, which no address is.  The identity is always
 * there in full.  So who finds two addresses with one digest (128 bits of
 * SipHash, not proof against forgery) gains a wait that he can have by waiting
 * once, with his own identity; a stranger's triplets are out of his reach.
 * Hence no secret key, which all hosts that share a store would have to share,
 * and no cryptographic library in the filter.
 *
 * Pure functions, for any thread, but for what lists/suffix.h says.
 */
#ifndef LISTS_TRIPLET_H
#define LISTS_TRIPLET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lists/ip.h"

#define TRIPLET_IDENTITY_SIZE 264 /* a tag, a name of 255 bytes, NUL */
#define TRIPLET_KEY_MAX 500
#define TRIPLET_KEY_SIZE (TRIPLET_KEY_MAX + 1)

enum {
	TRIPLET_V4_BITS = 24, /* what is usual */
	TRIPLET_V6_BITS = 64,
};

enum triplet_proof {
	TRIPLET_NOTHING, /* not even an address */
	TRIPLET_SPF,
	TRIPLET_PTR,
	TRIPLET_NET,
};

/* What is known of a client.  Strings are NULL or "" where there is none. */
struct triplet_client {
	struct ip ip;
	const char *spf_domain; /* only if SPF said pass */
	const char *name; /* only if confirmed both ways */
	bool name_is_dynamic; /* or may be: unknown counts as true */
};

/* More bits than an address has are all of them. */
struct triplet_bits {
	uint8_t v4, v6;
};

/*
 * Writes the identity and says by what it was proven.  A domain that is no
 * name of ASCII letters, digits, hyphens, underscores and dots proves nothing;
 * nor does a name that is itself a public suffix.  buf is "" after
 * TRIPLET_NOTHING.
 */
enum triplet_proof triplet_identity(const struct triplet_client *client,
				    const struct triplet_bits *bits,
				    char buf[TRIPLET_IDENTITY_SIZE]);

/* Is it one that triplet_identity() could write?  For what people type. */
enum triplet_proof triplet_identity_proof(const char *text, size_t len);

/*
 * Writes the key and returns its length; 0 if a part is empty, has a byte that
 * is not printable ASCII or is too long to be what it should be.
 */
size_t triplet_key(const char *identity, const char *sender,
		   const char *recipient, char buf[TRIPLET_KEY_SIZE]);

/* Pieces of a key, not terminated; a ':' in front says that it is a digest. */
struct triplet_parts {
	const char *identity, *sender, *recipient;
	size_t identity_len, sender_len, recipient_len;
};

/* Takes a key apart that may come from anywhere.  False if it is none. */
bool triplet_parse(const char *key, size_t len,
		   struct triplet_parts *ret_parts);

#endif
