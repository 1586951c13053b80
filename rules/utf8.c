/*
 * utf8.c - well-formed UTF-8, by the table of RFC 3629 section 4.
 */
#include "rules/utf8.h"

#include <stdint.h>

size_t utf8_length(const char *at, size_t len)
{
	const unsigned char *b = (const unsigned char *)at;
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t code;
	size_t need;

	if (b[0] < 0x80)
		return 1;
	if (b[0] < 0xc2 || b[0] > 0xf4)
		return 0;
	need = b[0] < 0xe0 ? 2 : b[0] < 0xf0 ? 3 : 4;
	if (len < need)
		return 0;
	code = b[0] & (0x7fu >> need);
	for (size_t i = 1; i < need; i++) {
		if ((b[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (b[i] & 0x3f);
	}
	if (code < least[need] || code > 0x10ffff ||
	    (code >= 0xd800 && code <= 0xdfff))
		return 0;
	return need;
}
