/*
 * fuzz_dkim_body.c - any body, cut anywhere, is hashed as a slow reading of RFC
 * 6376 section 3.4 writes it.
 *
 * The first three bytes say which way to write it, how long the pieces are, and
 * l=; the rest is the body.
 */
#include "filter/inspect/dkim_body.h"

#include <openssl/evp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tests/unit/slow_body.h"

static bool is_hashed(const struct dkim_body *body, bool relaxed, uint64_t part,
		      const char *text, size_t len)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	size_t some = part < len ? (size_t)part : len;

	CLAIM(EVP_Digest(text, some, digest, NULL, EVP_sha256(), NULL));
	return dkim_body_compare(body, DKIM_HASH_SHA256, relaxed, part,
				 digest) == DKIM_BODY_SAME;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dkim_body body = { 0 };
	size_t piece, len;
	const char *text;
	bool relaxed;
	uint64_t part;
	char *slow;

	if (size < 3)
		return 0;
	relaxed = data[0] & 1;
	piece = data[1] > 0 ? data[1] : size;
	part = data[2];
	text = (const char *)data + 3;
	size -= 3;
	CLAIM(dkim_body_want(&body, DKIM_HASH_SHA256, relaxed, DKIM_BODY_ALL));
	CLAIM(dkim_body_want(&body, DKIM_HASH_SHA256, relaxed, part));
	for (size_t at = 0; at < size; at += piece)
		dkim_body_feed(&body, text + at,
			       size - at < piece ? size - at : piece);
	dkim_body_end(&body);
	slow = slow_body(text, size, relaxed, &len);
	CLAIM(dkim_body_length(&body, relaxed) == len);
	CLAIM(is_hashed(&body, relaxed, DKIM_BODY_ALL, slow, len));
	CLAIM(is_hashed(&body, relaxed, part, slow, len));
	free(slow);
	dkim_body_done(&body);
	return 0;
}
