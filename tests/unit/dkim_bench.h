/*
 * dkim_bench.h - what verifies, in a test, messages that are signed there.
 *
 * A test program runs in one group, between bench_setup() and bench_teardown();
 * in between bench_signer is there, and is only read, so threads may share it.
 * All of it fails the test where it fails.
 */
#ifndef STEELYARD_TESTS_DKIM_BENCH_H
#define STEELYARD_TESTS_DKIM_BENCH_H

#include "filter/inspect/dkim.h"

#include <stdbool.h>
#include <stddef.h>

#include "rules/arena.h"
#include "tests/unit/dkim_signer.h"
#include "tests/unit/inspect_zone.h"

/* when all is verified, in seconds since 1970 */
#define BENCH_NOW 1700000000

/* Tags for signer_sign(): the first of them, and the fields that are signed. */
#define BY(algorithm, canon, selector) \
	"v=1; a=" algorithm "; c=" canon "; d=example.org; s=" selector "; "
#define OF(selector) BY("rsa-sha256", "relaxed/relaxed", selector)
#define PLAIN OF("rsa2048")
#define SIMPLE BY("rsa-sha256", "simple/simple", "rsa2048")
#define ED(selector) BY("ed25519-sha256", "relaxed/simple", selector)
#define ED_SIMPLE BY("ed25519-sha256", "simple/simple", "ed")
#define ED_RELAXED BY("ed25519-sha256", "relaxed/relaxed", "ed")
#define NAMES "h=from:to:subject:date"

enum { BENCH_SHOWN_MAX = 4096 };

/* Signed by the tests; NAMES are its fields. */
extern const char bench_letter[];

extern struct signer *bench_signer;

int bench_setup(void **state);
int bench_teardown(void **state);

/*
 * The letter, signed once for each of the tags; the last one ends on top.  The
 * caller frees it.
 */
char *bench_sign_all(const char *const *tags, size_t count, size_t *ret_len);

/* A body in pieces, none of them longer than `piece`. */
void bench_give_body(struct signatures *signatures, const char *bytes,
		     size_t len, size_t piece);

struct verification {
	struct inspect_zone zone;
	struct arena arena;
	struct signatures *signatures;
	bool body_wanted;
};

/*
 * Before the first field, with so much room; the signatures are NULL if that is
 * too little for any.  What is found lasts until verification_done().
 */
void verification_open(struct verification *v, const char *zone, size_t room);

/* All fields of a message.  Returns where its body begins. */
size_t verification_header(struct verification *v, const char *message,
			   size_t len);

/*
 * All of it, from the first field to the end of the body.  `author` is the
 * domain of From, or NULL.
 */
void verification_run(struct verification *v, const char *zone,
		      const char *message, size_t len, size_t piece,
		      const char *author);
void verification_done(struct verification *v);

/* The letter, signed once for each of some tags, and what is found. */
struct letter {
	struct verification v;
	char *message;
};

void letter_verify(struct letter *letter, const char *const *tags,
		   size_t count);
void letter_done(struct letter *letter);

/* All that is told of all signatures, a line each. */
void verification_show(const struct verification *v,
		       char text[BENCH_SHOWN_MAX]);

#endif
