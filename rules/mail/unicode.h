/*
 * unicode.h - is this UTF-8, and if not, where does it go wrong?
 *
 * UTF-8 as RFC 3629 has it: no surrogates, nothing above U+10FFFF, no longer
 * form than needed.  Nothing here allocates or reads past `len`.
 */
#ifndef STEELYARD_RULES_MAIL_UNICODE_H
#define STEELYARD_RULES_MAIL_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UNICODE_MAX 4 /* bytes of one character */

/*
 * How many bytes the character at text[0] has; 0 when it is none, and then
 * `*ret_bad` is the number of bytes (1 to 3) that one U+FFFD should stand for:
 * the "maximal subpart" of the Unicode Standard, section 3.9.
 */
size_t unicode_length(const char *text, size_t len, size_t *ret_bad);

bool unicode_valid(const char *text, size_t len);

/* Writes `code`, a scalar value, to `out`; returns the number of bytes. */
size_t unicode_put(char out[UNICODE_MAX], uint32_t code);

/*
 * Copies, with U+FFFD for what is no UTF-8, and returns the length written.
 * `out` must hold 3 * len bytes.  `*ret_bad` becomes true if there was such.
 */
size_t unicode_mend(char *out, const char *text, size_t len, bool *ret_bad);

#endif
