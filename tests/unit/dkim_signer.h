/*
 * dkim_signer.h - signs messages, by a reading of RFC 6376 of its own.
 *
 * Canonicalisation is written here once more, and slowly, so that it agrees
 * with the verifier only if both are right.  All fail the test where they fail.
 *
 * The keys are made anew for each signer and published below example.org, each
 * under several selectors:
 *
 *	rsa2048 rsa1024 rsa768 rsa512 ed	plain
 *	test whole		t=y, t=s
 *	sha1only notmail	h=sha1, s=tlsrpt
 *	revoked			p=
 *	bare			RSAPublicKey alone, as the RFC has it
 *	among			beside an SPF record, and twice
 *	several			with another key of its kind
 *	both			with an Ed25519 key, which is `bothed`, too
 *	missing silent broken	no such name, a time-out, SERVFAIL
 */
#ifndef STEELYARD_TESTS_DKIM_SIGNER_H
#define STEELYARD_TESTS_DKIM_SIGNER_H

#include <stddef.h>

struct signer;

struct signer *signer_new(void);
void signer_free(struct signer *signer);

/* A zone file. */
const char *signer_zone(const struct signer *signer);

/*
 * The message with a signature in front, for the caller to free.  `tags` is all
 * of it but bh= and b=, and must name a=, s= and h=; a selector that nobody
 * published is signed for with RSA-2048.  Line ends are CRLF; so is the last,
 * for which the RFC's rule holds.
 */
char *signer_sign(const struct signer *signer, const char *tags,
		  const char *message, size_t len, size_t *ret_len);

#endif
