/*
 * abnf.h - is this text what a grammar produces?  Slow and literal.
 *
 * A grammar is the ABNF of an RFC (RFC 5234, 7405), a rule a string.  Every way
 * in which it can produce the text is tried, so there is not one reading but
 * all of them.  Understood are: names of rules, alternatives, sequences,
 * groups, options, repetitions (*, 1*, 2*4, 3), "text" in any case, %s"text" in
 * this case alone, and %d or %x with one value or a range.  For tests only: a
 * grammar that makes no sense ends the program.
 */
#ifndef STEELYARD_TESTS_FUZZ_ABNF_H
#define STEELYARD_TESTS_FUZZ_ABNF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ABNF_TEXT_MAX 63 /* bytes of input */

struct abnf;

/* The rules are borrowed; what is returned lives as long as the program. */
struct abnf *abnf_compile(const char *const *rules, size_t count);

/* From now on rules whose names begin so produce nothing.  NULL: all do. */
void abnf_without(struct abnf *abnf, const char *prefix);

/* Does this rule produce the whole text? */
bool abnf_matches(struct abnf *abnf, const char *rule, const char *text,
		  size_t len);

/*
 * Where `part` stands if it begins at `start`, in any derivation of the text:
 * its ends, as bits.  After a match only, while there is the text.
 */
uint64_t abnf_found(struct abnf *abnf, const char *part, size_t start);

/* Where it stands first, if it does so at all, and up to its last end. */
bool abnf_find(struct abnf *abnf, const char *part, size_t *ret_start,
	       size_t *ret_end);

#endif
