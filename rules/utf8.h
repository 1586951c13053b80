/*
 * utf8.h - is this a character?
 */
#ifndef STEELYARD_RULES_UTF8_H
#define STEELYARD_RULES_UTF8_H

#include <stddef.h>

/*
 * The length of the well-formed UTF-8 character (RFC 3629) at the beginning of
 * `len` > 0 bytes, or 0 if there is none: overlong forms, surrogates and what
 * lies above U+10FFFF are not well-formed.  NUL is a character of one byte.
 */
size_t utf8_length(const char *at, size_t len);

#endif
