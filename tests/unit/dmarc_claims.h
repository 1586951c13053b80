/*
 * dmarc_claims.h - what DMARC must say in which world.
 *
 * Sections and appendices are those of RFC 9989.
 */
#ifndef TESTS_UNIT_DMARC_CLAIMS_H
#define TESTS_UNIT_DMARC_CLAIMS_H

#include "filter/inspect/dmarc.h"

#define ROWS_MAX 8
#define NAMES_MAX 4

/* A name that is not in the world does not exist.  Two rows: two records. */
struct dmarc_row {
	const char *name;
	const char *text; /* NULL: the name is there, without TXT; or FAILS */
};

#define FAILS "!"

enum { PLAIN, BOTH, LIST, NO_LIST }; /* how to discover */

struct dmarc_expected {
	enum dmarc_result result;
	enum dmarc_request policy;
	const char *organisation, *record_domain;
	/* what was asked, in order; not looked at where it is NULL */
	const char *asked;
};

struct dmarc_claim {
	const char *claim;
	const char *author;
	const char *spf; /* or NULL */
	const char *dkim[NAMES_MAX];
	struct dmarc_row world[ROWS_MAX];
	struct dmarc_expected expected;
	int how;
};

struct dmarc_claims {
	const struct dmarc_claim *rows;
	size_t count;
};

extern const struct dmarc_claims dmarc_walk_claims; /* by the tree walk */
extern const struct dmarc_claims dmarc_list_claims; /* with a list's help */

#endif
