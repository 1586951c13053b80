/* unicode.c - see unicode.h. */
#include "rules/mail/unicode.h"

#include <string.h>

/* The bounds of the second byte depend on the first: RFC 3629 section 4. */
static size_t shape(unsigned char first, unsigned char *low,
		    unsigned char *high)
{
	*low = 0x80;
	*high = 0xbf;
	if (first < 0x80)
		return 1;
	if (first < 0xc2)
		return 0;
	if (first < 0xe0)
		return 2;
	if (first < 0xf0) {
		if (first == 0xe0)
			*low = 0xa0;
		if (first == 0xed)
			*high = 0x9f;
		return 3;
	}
	if (first > 0xf4)
		return 0;
	if (first == 0xf0)
		*low = 0x90;
	if (first == 0xf4)
		*high = 0x8f;
	return 4;
}

size_t unicode_length(const char *text, size_t len, size_t *ret_bad)
{
	unsigned char low, high;
	size_t want, i;

	*ret_bad = 1;
	if (len == 0)
		return 0;
	want = shape((unsigned char)text[0], &low, &high);
	for (i = 1; i < want; i++) {
		unsigned char c = i < len ? (unsigned char)text[i] : 0;

		if (c < low || c > high) {
			*ret_bad = i;
			return 0;
		}
		low = 0x80;
		high = 0xbf;
	}
	return want;
}

bool unicode_valid(const char *text, size_t len)
{
	size_t i = 0, n, bad;

	while (i < len) {
		n = unicode_length(text + i, len - i, &bad);
		if (n == 0)
			return false;
		i += n;
	}
	return true;
}

size_t unicode_put(char out[UNICODE_MAX], uint32_t code)
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xc0 | code >> 6);
		out[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (char)(0xe0 | code >> 12);
		out[1] = (char)(0x80 | (code >> 6 & 0x3f));
		out[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | code >> 18);
	out[1] = (char)(0x80 | (code >> 12 & 0x3f));
	out[2] = (char)(0x80 | (code >> 6 & 0x3f));
	out[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

size_t unicode_mend(char *out, const char *text, size_t len, bool *ret_bad)
{
	size_t i = 0, used = 0, n, bad;

	while (i < len) {
		n = unicode_length(text + i, len - i, &bad);
		if (n > 0) {
			memcpy(out + used, text + i, n);
			used += n;
			i += n;
		} else {
			used += unicode_put(out + used, 0xfffd);
			i += bad;
			*ret_bad = true;
		}
	}
	return used;
}
