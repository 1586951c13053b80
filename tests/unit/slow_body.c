/* slow_body.c - a body canonicalised line by line. */
#include "tests/unit/slow_body.h"

#include <stdlib.h>
#include <string.h>

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* "Reduce all sequences of WSP within a line to a single SP", none at its end.
 */
static size_t add_relaxed(char *out, const char *line, size_t len)
{
	size_t used = 0;

	while (len > 0 && is_blank(line[len - 1]))
		len--;
	for (size_t i = 0; i < len; i++) {
		if (is_blank(line[i]) && i > 0 && is_blank(line[i - 1]))
			continue;
		out[used++] = is_blank(line[i]) ? ' ' : line[i];
	}
	return used;
}

char *slow_body(const char *body, size_t len, bool relaxed, size_t *ret_len)
{
	char *out = malloc(len + 3);
	size_t used = 0, kept = 0;

	if (out == NULL)
		abort();
	for (size_t at = 0; at < len;) {
		const char *end = memmem(body + at, len - at, "\r\n", 2);
		size_t size = end ? (size_t)(end - body) - at : len - at;
		size_t before = used;

		if (relaxed) {
			used += add_relaxed(out + used, body + at, size);
		} else {
			memcpy(out + used, body + at, size);
			used += size;
		}
		if (used > before)
			kept = used + 2; /* the last line that is not empty */
		memcpy(out + used, "\r\n", 2);
		used += 2;
		at += size + 2;
	}
	if (kept == 0 && !relaxed) {
		memcpy(out, "\r\n", 2);
		kept = 2;
	}
	*ret_len = kept;
	return out;
}
