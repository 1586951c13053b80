/*
 * dkim_key.h - the public keys that a domain publishes (RFC 6376 section 3.6.1,
 * RFC 8301, RFC 8463).
 *
 * One TXT record is one key.  Records are read strictly (dkim_tags.h), and a
 * key down to its numbers, so that what libopendkim and OpenSSL get to see is
 * written anew by us: dkim_key_print().
 *
 * p= of an RSA key is a SubjectPublicKeyInfo, as everybody publishes it, or the
 * bare RSAPublicKey that section 3.6.1 asks for.  Ed25519 is 32 bytes, never
 * wrapped.  g= is gone, and unknown tags, services and flags mean nothing.
 *
 * Pure functions for any thread; nothing is allocated.
 */
#ifndef STEELYARD_INSPECT_DKIM_KEY_H
#define STEELYARD_INSPECT_DKIM_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dkim_key_type {
	DKIM_KEY_RSA,
	DKIM_KEY_ED25519,
};

enum dkim_hash {
	DKIM_HASH_SHA1 = 1,
	DKIM_HASH_SHA256 = 2,
};

enum {
	/* RSA; below it a signature proves nothing (RFC 8301). */
	DKIM_KEY_BITS_MIN = 1024,
	/* What libopendkim has room for; RFC 8301 asks for 4096. */
	DKIM_KEY_BITS_MAX = 5632,
	DKIM_KEY_BYTES = DKIM_KEY_BITS_MAX / 8,
	/* Of what dkim_key_print() writes, with the NUL. */
	DKIM_KEY_PRINT_SIZE = 1024,
};

struct dkim_key {
	enum dkim_key_type type;
	unsigned bits; /* of the modulus; 256 for Ed25519 */
	unsigned hashes; /* DKIM_HASH_* that may be used with it */
	bool test; /* t=y */
	bool whole_domain; /* t=s: i= may not be below d= */
	/* modulus without zeros in front, or the Ed25519 key */
	unsigned char number[DKIM_KEY_BYTES];
	size_t number_len;
	uint64_t exponent; /* RSA */
};

enum dkim_key_reading {
	DKIM_KEY_READ,
	DKIM_KEY_REVOKED, /* p= is empty */
	DKIM_KEY_BROKEN, /* no key that can be used; *ret_why says why */
	DKIM_KEY_FOREIGN, /* a record about something else, e.g. SPF */
};

/*
 * Reads the text of one TXT record, its strings joined; any bytes.  `ret_key`
 * is written on DKIM_KEY_READ.  *ret_why is a sentence, and a constant.
 */
enum dkim_key_reading dkim_key_read(const char *text, size_t len,
				    struct dkim_key *ret_key,
				    const char **ret_why);

struct dkim_text {
	const char *bytes;
	size_t len;
};

/*
 * The one key among the TXT records of a name that a signature with this kind
 * of key and hash may use; foreign records are passed over.  As the order of
 * records means nothing, several keys that would do and differ are none.
 */
enum dkim_key_reading dkim_key_choose(const struct dkim_text *texts,
				      size_t count, enum dkim_key_type type,
				      enum dkim_hash hash,
				      struct dkim_key *ret_key,
				      const char **ret_why);

/*
 * Writes the record that libopendkim gets, which holds only what cannot be
 * misread.  Returns its length.
 */
size_t dkim_key_print(const struct dkim_key *key,
		      char buf[DKIM_KEY_PRINT_SIZE]);

#endif
