/*
 * vouch_claims.h - what follows from whom a message names, and who vouches.
 *
 * Facts are given as "name value; name value"; a name that begins with a dot is
 * one of dmarc's.
 */
#ifndef STEELYARD_TESTS_VOUCH_CLAIMS_H
#define STEELYARD_TESTS_VOUCH_CLAIMS_H

#include <stddef.h>

/* A zone file: what is published. */
extern const char vouch_world[];

/*
 * Signatures are the double's.  SPF is "pass x.test", "fail", "unknown" and so
 * on; NULL is none.
 */
struct vouch_row {
	const char *claim, *header, *spf, *expected;
};

extern const struct vouch_row vouch_rows[];
extern const size_t vouch_row_count;

/* From as forgers write it. */
struct vouch_attack {
	const char *claim;
	const char *header;
	size_t len;
	const char *spf;
	const char *expected;
};

extern const struct vouch_attack vouch_attacks[];
extern const size_t vouch_attack_count;

#endif
