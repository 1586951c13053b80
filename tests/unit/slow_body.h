/*
 * slow_body.h - a body canonicalised line by line: a second reading of RFC 6376
 * section 3.4.3 and 3.4.4, for all that dkim_body.c does piece by piece.
 */
#ifndef TESTS_SLOW_BODY_H
#define TESTS_SLOW_BODY_H

#include <stdbool.h>
#include <stddef.h>

/* The caller frees it; never NULL. */
char *slow_body(const char *body, size_t len, bool relaxed, size_t *ret_len);

#endif
