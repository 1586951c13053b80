/* fields.c - values and facts made of an input's bytes, and our fields' form.
 */
#include "tests/fuzz/fields.h"

#include <string.h>

#include "tests/fuzz/fuzz.h"

enum { PIECE_ROOM = 32, TEXT_ROOM = 700, LINE_ROOM = 998 };

size_t fields_expand(const uint8_t *data, size_t size,
		     const char *const *pieces, size_t count,
		     char value[FIELDS_VALUE_MAX])
{
	size_t len = 0;

	for (size_t i = 0; i < size && len + PIECE_ROOM < FIELDS_VALUE_MAX;
	     i++) {
		if (data[i] < 0x80 || data[i] >= 0x80 + count) {
			value[len++] = (char)data[i];
		} else {
			const char *piece = pieces[data[i] - 0x80];

			memcpy(value + len, piece, strlen(piece));
			len += strlen(piece);
		}
	}
	return len;
}

unsigned fields_number(struct fields_input *in, unsigned below)
{
	return in->at < in->end ? *in->at++ % below : 0;
}

char *fields_text(struct fields_input *in, char end, size_t *ret_len)
{
	const uint8_t *to = in->at;
	size_t len;
	char *copy;

	while (to < in->end && *to != (uint8_t)end && to - in->at < TEXT_ROOM)
		to++;
	len = (size_t)(to - in->at);
	copy = arena_strndup(in->arena, (const char *)in->at, len);
	CLAIM(copy != NULL);
	in->at = to < in->end ? to + 1 : to;
	*ret_len = len;
	return copy;
}

bool fields_state(struct facts *facts, enum fact_id id, unsigned number)
{
	switch (number) {
	case 0: facts_none(facts, id); return false;
	case 1: facts_unknown(facts, id, CAUSE_TIMEOUT); return false;
	case 2: facts_waive(facts, id); return false;
	default: return true;
	}
}

bool fields_is_fit(struct text text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.at[i] < ' ' || text.at[i] > '~')
			return false;
	return text.len > 0 && text.len <= FIELDS_TEXT_MAX;
}

void fields_check_form(const char *name, const char *value)
{
	size_t line = strlen(name) + strlen(": ");

	for (const char *c = value; *c != '\0'; c++) {
		if (*c == '\n') {
			CLAIM(c[1] == '\t');
			line = 0;
			c++;
		} else {
			CLAIM(*c >= ' ' && *c <= '~');
		}
		CLAIM(++line < LINE_ROOM);
	}
}
