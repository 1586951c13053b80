/*
 * dkim_field.h - one DKIM-Signature field, read strictly (RFC 6376 section
 * 3.5).
 *
 * The guard before libopendkim: what this calls READ the library may see, and
 * understands as we do.  Besides what the RFC forbids, it holds back what the
 * library misreads (DKIM_FIELD_STRANGE):
 *
 * - it takes b= out of the text that was signed only where nothing stands
 *   between the name and its sign, and any tag whose name ends in b, too;
 * - it reads no more than 4,095 bytes of h=, 256 of i=, 18 digits of a number;
 * - it looks for the domain of i= behind the first "@", reads past the end of
 *   one that ends in "=", and ends at a NUL that i= spells (=00).
 *
 * Pure functions for any thread; nothing is allocated.
 */
#ifndef STEELYARD_INSPECT_DKIM_FIELD_H
#define STEELYARD_INSPECT_DKIM_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "filter/inspect/dkim_key.h"
#include "filter/inspect/span.h"

enum {
	DKIM_FIELD_MAX = 16384, /* bytes of a value */
	DKIM_FIELD_NAMES_MAX = 250, /* names in h= */
	DKIM_FIELD_DIGEST = 8,
	DKIM_FIELD_BODY_HASH = 32, /* bytes; SHA-1 has 20 */
};

enum dkim_field_reading {
	DKIM_FIELD_READ,
	DKIM_FIELD_BROKEN, /* by the RFC's rules */
	DKIM_FIELD_STRANGE, /* it may be right, but the library misreads it */
};

/*
 * Spans lead into the value that was read.  Those of d=, s= and a= are empty
 * where the signature has none that is well-formed, also if it is broken.
 */
struct dkim_field {
	struct span domain, selector, algorithm;
	char digest[DKIM_FIELD_DIGEST + 1]; /* of b=, without blanks */
	unsigned char body_hash[DKIM_FIELD_BODY_HASH]; /* bh= */
	enum dkim_key_type key_type;
	enum dkim_hash hash;
	bool relaxed_body;
	bool below; /* i= names a subdomain of d= */
	struct span names; /* h= */
	bool has_length, has_made, has_expires;
	uint64_t length; /* l=; UINT64_MAX for what is more */
	uint64_t made, expires; /* t=, x=: seconds since 1970 */
};

/*
 * `value` is what stands behind the colon, with CRLF or LF in its folds; any
 * bytes.  *ret_why is a sentence and a constant, NULL for DKIM_FIELD_READ.
 */
enum dkim_field_reading dkim_field_read(const char *value, size_t len,
					struct dkim_field *ret_field,
					const char **ret_why);

/* How often h= names this field, case aside. */
size_t dkim_field_signs(const struct dkim_field *field, const char *value,
			const char *name, size_t name_len);

#endif
