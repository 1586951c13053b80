/*
 * address_reference.h - a second reader of address lists, slow and literal.
 *
 * It holds RFC 5322's own ABNF as text and tries every way in which the grammar
 * can produce the input.  What it finds is thus not one reading but all of
 * them: a domain is in the answer if any derivation has it.  Tests only.
 */
#ifndef STEELYARD_TESTS_FUZZ_ADDRESS_REFERENCE_H
#define STEELYARD_TESTS_FUZZ_ADDRESS_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/fuzz/abnf.h"

#define REFERENCE_MAX ABNF_TEXT_MAX /* bytes of input */

struct reference {
	bool matches; /* the grammar produces the text */
	size_t count; /* of domains, in the order of the text */
	struct {
		size_t start; /* of its first character */
		char text[REFERENCE_MAX + 1]; /* blanks, comments left out */
	} domains[REFERENCE_MAX + 1];
};

/* Reads an address-list; `obsolete` lets section 4 of the RFC take part. */
void reference_read(const char *text, size_t len, bool obsolete,
		    struct reference *ret_reference);

#endif
