/*
 * spf_record_reference.h - a second reader of SPF records, slow and literal.
 *
 * It holds the ABNF of RFC 7208 section 12 and tries it on each term.  What the
 * RFC leaves open is decided as filter/inspect/spf_record.h says.  Tests only.
 */
#ifndef STEELYARD_TESTS_FUZZ_SPF_RECORD_REFERENCE_H
#define STEELYARD_TESTS_FUZZ_SPF_RECORD_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "filter/inspect/spf_record.h"
#include "tests/fuzz/abnf.h"

enum spf_reading {
	SPF_READ_BROKEN,
	SPF_READ_RECORD,
	SPF_READ_TOO_LONG, /* a term is longer than the reader can do */
};

struct spf_read_part {
	bool there;
	size_t at, len; /* in the record */
};

/* As in struct spf_term. */
struct spf_read_term {
	enum spf_kind kind;
	char qualifier;
	unsigned bits4, bits6; /* also of a network; 0 if there are none */
	struct spf_read_part whole, name, spec;
	uint32_t letters;
	unsigned char network[16];
};

struct spf_read_record {
	size_t count;
	struct spf_read_term terms[SPF_TERMS_MAX];
};

enum spf_reading spf_record_read_slowly(const char *text, size_t len,
					struct spf_read_record *ret_record);

/* Of at most ABNF_TEXT_MAX bytes: is it a domain-spec; an explain-string? */
bool spf_reference_is_domain(const char *text, size_t len);
bool spf_reference_is_explanation(const char *text, size_t len);

#endif
