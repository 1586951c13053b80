/*
 * vouch_bench.h - a message that is read, in a test, in a world made of a
 * zone's text, and the facts that come of it.
 *
 * All of it fails the test where it fails.
 */
#ifndef STEELYARD_TESTS_VOUCH_BENCH_H
#define STEELYARD_TESTS_VOUCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>

#include "filter/inspect/message.h"
#include "rules/arena.h"
#include "rules/facts.h"
#include "tests/unit/inspect_zone.h"

struct mail {
	const char *header;
	size_t len;
	const char *spf; /* "pass x.test", "unknown", "fail"; NULL: none */
	enum dmarc_discovery discovery;
};

struct reading {
	struct arena arena;
	struct inspect_zone zone;
	struct facts facts;
	struct message *message;
	char spf_domain[256];
};

/*
 * Before the first field, in vouch_world (vouch_claims.h); of the mail, only
 * SPF and discovery are looked at.
 */
void reading_init(struct reading *r, const struct mail *mail);

/* At any time; no signatures may be alive behind it. */
void reading_done(struct reading *r);

/*
 * The fields of a block: as the block has them, or if `given`, as an MTA hands
 * them over, the name with the blanks around it.
 */
void reading_feed(struct reading *r, const char *block, size_t len, bool given);

/* From reading_init() to the facts, with a body of one line. */
void reading_take(struct reading *r, const struct mail *mail, bool given);

/*
 * Are the facts as expected?  "fact value; fact value", without "dmarc" in
 * front of a name that begins with a dot.  A set is written "a,b", with a "*"
 * behind it if it is partial.
 */
void vouch_check(const struct facts *facts, const char *claim,
		 const char *expected);

#endif
