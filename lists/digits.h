/*
 * digits.h - numbers as text, where printf would take most of the time.
 *
 * An address, a score and a few times are written for every message.  Pure
 * functions, for any thread.
 */
#ifndef LISTS_DIGITS_H
#define LISTS_DIGITS_H

#include <stddef.h>
#include <stdint.h>

enum { DIGITS_PUT_MAX = 20 }; /* of any number, in base 10 or 16 */

/*
 * Writes the number at `to` in small letters, with zeros before it up to
 * `at_least` digits (DIGITS_PUT_MAX at most), and returns the end.  No NUL.
 */
static inline char *digits_put(char *to, uint64_t number, unsigned base,
			       size_t at_least)
{
	char digits[DIGITS_PUT_MAX], *at = digits + sizeof(digits);
	const char *end = at;

	do {
		*--at = "0123456789abcdef"[number % base];
		number /= base;
	} while (number > 0 || (size_t)(end - at) < at_least);
	while (at < end)
		*to++ = *at++;
	return to;
}

#endif
