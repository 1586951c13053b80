/*
 * ascii.h - characters as the mail standards know them, in every locale alike.
 *
 * <ctype.h> asks the locale and must not see negative values; these do neither.
 * A byte is looked at as a char, whatever its sign.
 */
#ifndef STEELYARD_RULES_MAIL_ASCII_H
#define STEELYARD_RULES_MAIL_ASCII_H

#include <stdbool.h>
#include <stddef.h>

static inline bool ascii_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool ascii_is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool ascii_is_alnum(char c)
{
	return ascii_is_alpha(c) || ascii_is_digit(c);
}

/* Space or tab: "WSP" of RFC 5234. */
static inline bool ascii_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* A control character, TAB, CR and LF included. */
static inline bool ascii_is_control(char c)
{
	return (unsigned char)c < 0x20 || (unsigned char)c == 0x7f;
}

static inline bool ascii_is_8bit(char c)
{
	return (unsigned char)c >= 0x80;
}

static inline char ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* The value of a hexadecimal digit, or -1. */
static inline int ascii_hex(char c)
{
	if (ascii_is_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The value of a base64 digit, or -1. */
static inline int ascii_base64(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (ascii_is_digit(c))
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

/* Equal but for the case of ASCII letters. */
static inline bool ascii_equal(const char *a, size_t alen, const char *b,
			       size_t blen)
{
	if (alen != blen)
		return false;
	for (size_t i = 0; i < alen; i++)
		if (ascii_lower(a[i]) != ascii_lower(b[i]))
			return false;
	return true;
}

#endif
