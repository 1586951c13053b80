/*
 * spf_claims.h - a small world of SPF records, and what is said of it.
 */
#ifndef STEELYARD_TESTS_SPF_CLAIMS_H
#define STEELYARD_TESTS_SPF_CLAIMS_H

#include "filter/inspect/spf.h"

#define PASS SPF_RESULT_PASS
#define FAIL SPF_RESULT_FAIL
#define SOFT SPF_RESULT_SOFTFAIL
#define NEUTRAL SPF_RESULT_NEUTRAL
#define PERM SPF_RESULT_PERMERROR
#define TEMP SPF_RESULT_TEMPERROR
#define NONE SPF_RESULT_NONE

#define C4 "192.0.2.1"
#define C6 "2001:db8::1"
#define H "mail.test" /* what HELO says */

struct spf_claim {
	const char *claim;
	const char *client, *helo, *sender;
	enum spf_result result;
	const char *mechanism; /* NULL: not looked at */
};

/* A zone file. */
extern const char spf_world[];

extern const struct spf_claim spf_claims[];
extern const size_t spf_claim_count;

#endif
