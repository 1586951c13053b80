/*
 * dmarc_reference.h - a second reader of DMARC records, slow and literal.
 *
 * It holds the ABNF of RFC 9989 section 4.8 (and of RFC 7489 section 6.4 for
 * pct), and tries it on each tag; that of URIs is RFC 3986's own.  What the
 * RFCs leave open is decided as filter/inspect/dmarc_record.h says.  Tests
 * only.
 */
#ifndef STEELYARD_TESTS_FUZZ_DMARC_REFERENCE_H
#define STEELYARD_TESTS_FUZZ_DMARC_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "filter/inspect/dmarc_record.h"

enum dmarc_reading {
	DMARC_READ_FOREIGN, /* no DMARC record */
	DMARC_READ_RECORD,
	DMARC_READ_TOO_LONG, /* a tag is longer than the reader can do */
};

/* As in struct dmarc_record. */
struct dmarc_reference {
	enum dmarc_request p, sp, np;
	enum dmarc_psd psd;
	bool strict_dkim, strict_spf, testing;
	unsigned pct, fo;
	size_t rua, ruf; /* how many addresses */
	bool wrong; /* something is */
};

enum dmarc_reading dmarc_reference_read(const char *text, size_t len,
					struct dmarc_reference *ret_record);

/* Section 4.10.1: what it asks for; DMARC_UNSAID if nobody applies it. */
enum dmarc_request dmarc_reference_request(const struct dmarc_reference *record,
					   enum dmarc_whose whose);

#endif
