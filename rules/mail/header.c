/*
 * header.c - see header.h.
 *
 * Both ways of reading find where a field begins and ends by themselves, and
 * share field_split(), which looks into one field.  The fuzzer holds them
 * against each other.
 */
#include "rules/mail/header.h"

#include <stdint.h>
#include <string.h>

#include "rules/arena.h"
#include "rules/mail/ascii.h"
#include "rules/mail/limits.h"

#define READER_START 4096 /* the first buffer of a reader */
#define READER_MAX (MAIL_FIELD_MAX + 2) /* room for the last line end */

struct header_reader {
	struct arena *arena;
	header_each *each;
	void *ctx;
	char *buffer; /* the field being collected */
	size_t stored, room;
	size_t size; /* what it really has, stored or not */
	size_t begin; /* its offset in the block */
	size_t pos; /* bytes taken so far */
	size_t fields;
	unsigned int faults;
	char last, last_but_one; /* bytes of the field */
	bool line_start; /* the next byte opens a line */
	bool cr_held; /* a CR opened a line; a field, or the end? */
	bool ended;
};

static const struct {
	enum header_fault fault;
	const char *text;
} fault_texts[] = {
	{ HEADER_NO_COLON, "no colon in the line" },
	{ HEADER_EMPTY_NAME, "no name before the colon" },
	{ HEADER_BAD_NAME, "a name no field can have" },
	{ HEADER_NAME_SPACE, "blanks before the colon" },
	{ HEADER_NAME_FOLD, "a line break before the colon" },
	{ HEADER_LEADING_SPACE, "the first line opens with a blank" },
	{ HEADER_BARE_CR, "a CR without LF" },
	{ HEADER_BARE_LF, "a line break that is no fold" },
	{ HEADER_NUL, "a NUL byte" },
	{ HEADER_8BIT, "bytes beyond ASCII" },
	{ HEADER_LONG_LINE, "a line longer than 998 bytes" },
	{ HEADER_BLANK_FOLD, "a folded line of blanks alone" },
	{ HEADER_CUT, "a field longer than 64 KiB" },
	{ HEADER_MBOX, "a mailbox file's From line" },
	{ HEADER_TOO_MANY, "more than 1,000 fields" },
	{ HEADER_TOO_LARGE, "a header larger than 256 KiB" },
	{ HEADER_NO_MEMORY, "the message's memory is used up" },
};

const char *header_fault_text(enum header_fault fault)
{
	size_t n = sizeof(fault_texts) / sizeof(fault_texts[0]);

	for (size_t i = 0; i < n; i++)
		if (fault_texts[i].fault == fault)
			return fault_texts[i].text;
	return "no fault";
}

bool header_name_valid(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] > '~' || name[i] == ':')
			return false;
	return len > 0;
}

bool header_is(const struct header_field *field, const char *name)
{
	return ascii_equal(field->name, field->name_len, name, strlen(name));
}

/* Faults of the bytes, wherever in the field they stand. */
static unsigned int byte_faults(const char *text, size_t len)
{
	unsigned int faults = 0;
	size_t line = 0; /* where this line began */
	bool blank = false; /* a continuation, blanks alone so far */

	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (c > ' ' && c <= '~') {
			blank = false; /* nearly all bytes, so they are first */
			continue;
		}
		if (c == '\n') {
			size_t end =
				i > line && text[i - 1] == '\r' ? i - 1 : i;

			if (end - line > MAIL_LINE_MAX)
				faults |= HEADER_LONG_LINE;
			if (blank)
				faults |= HEADER_BLANK_FOLD;
			if (i + 1 < len && !ascii_is_blank(text[i + 1]))
				faults |= HEADER_BARE_LF;
			line = i + 1;
			blank = true;
			continue;
		}
		if (c == '\r') {
			if (i + 1 == len || text[i + 1] != '\n')
				faults |= HEADER_BARE_CR;
			continue;
		}
		if (c == '\0')
			faults |= HEADER_NUL;
		if (ascii_is_8bit(c))
			faults |= HEADER_8BIT;
		if (!ascii_is_blank(c))
			blank = false;
	}
	if (len - line > MAIL_LINE_MAX)
		faults |= HEADER_LONG_LINE;
	if (blank)
		faults |= HEADER_BLANK_FOLD;
	return faults;
}

static bool is_space(char c)
{
	return ascii_is_blank(c) || c == '\r' || c == '\n';
}

/* The name is text[0..len), up to the colon; what is wrong with it? */
static unsigned int name_faults(const char *text, size_t len,
				struct header_field *field)
{
	unsigned int faults = 0;
	size_t end = len;

	if (memchr(text, '\n', len))
		faults |= HEADER_NAME_FOLD;
	while (end > 0 && is_space(text[end - 1]))
		end--;
	if (end < len)
		faults |= HEADER_NAME_SPACE;
	field->name = text;
	field->name_len = end;
	if (end == 0)
		faults |= HEADER_EMPTY_NAME;
	else if (!header_name_valid(text, end))
		faults |= HEADER_BAD_NAME;
	return faults;
}

/* Looks into one field: `len` bytes without the last line end. */
static void field_split(const char *text, size_t len, size_t offset,
			struct header_field *field)
{
	const char *colon;
	size_t start = 0;

	*field = (struct header_field){ .offset = offset };
	field->faults = byte_faults(text, len);
	if (len > 0 && ascii_is_blank(text[0])) {
		field->faults |= HEADER_LEADING_SPACE;
		while (start < len && is_space(text[start]))
			start++;
	}
	colon = memchr(text + start, ':', len - start);
	if (colon) {
		field->faults |=
			name_faults(text + start,
				    (size_t)(colon - text) - start, field);
		field->value = colon + 1;
		field->value_len = len - (size_t)(colon + 1 - text);
	} else {
		field->faults |= HEADER_NO_COLON;
		field->name = text;
		field->value = text;
		field->value_len = len;
	}
	if (offset == 0 && len >= 5 && memcmp(text, "From ", 5) == 0 &&
	    (field->faults & (HEADER_NO_COLON | HEADER_BAD_NAME)))
		field->faults |= HEADER_MBOX;
}

/*
 * One field is complete: `size` bytes with its line end of `end` bytes, of
 * which `text` holds all or at least MAIL_FIELD_MAX.  Fills in the field and
 * returns true if it is to be handed out.
 */
static bool field_complete(const char *text, size_t stored, size_t size,
			   size_t end, size_t offset, size_t *fields,
			   unsigned int *faults, struct header_field *field)
{
	size_t len = size - end;

	if (*fields >= MAIL_FIELDS_MAX)
		*faults |= HEADER_TOO_MANY;
	if (offset + size > MAIL_HEADER_MAX)
		*faults |= HEADER_TOO_LARGE;
	if (*faults & (HEADER_TOO_MANY | HEADER_TOO_LARGE))
		return false;

	if (len > stored)
		len = stored;
	if (len > MAIL_FIELD_MAX)
		len = MAIL_FIELD_MAX;
	field_split(text, len, offset, field);
	if (len < size - end)
		field->faults |= HEADER_CUT;
	*faults |= field->faults;
	++*fields;
	return true;
}

/* How long is the line end that these are the last two bytes of? */
static size_t end_length(char last_but_one, char last)
{
	if (last != '\n')
		return 0;
	return last_but_one == '\r' ? 2 : 1;
}

/* The length of the empty line that stands here, or 0. */
static size_t empty_line(const char *text, size_t len)
{
	if (len >= 1 && text[0] == '\n')
		return 1;
	if (len >= 2 && text[0] == '\r' && text[1] == '\n')
		return 2;
	return 0;
}

bool header_next(struct header_walk *walk, struct header_field *ret_field)
{
	const char *text = walk->text;
	const char *lf;
	size_t begin, size, empty;

	while (!walk->ended) {
		begin = walk->pos;
		empty = empty_line(text + begin, walk->len - begin);
		if (empty > 0 || begin == walk->len) {
			walk->pos += empty;
			walk->ended = true;
			break;
		}
		do {
			lf = memchr(text + walk->pos, '\n',
				    walk->len - walk->pos);
			walk->pos = lf ? (size_t)(lf + 1 - text) : walk->len;
		} while (walk->pos < walk->len &&
			 ascii_is_blank(text[walk->pos]));
		size = walk->pos - begin;
		if (field_complete(text + begin, size, size,
				   end_length(size > 1 ? text[walk->pos - 2]
						       : 0,
					      text[walk->pos - 1]),
				   begin, &walk->fields, &walk->faults,
				   ret_field))
			return true;
	}
	return false;
}

struct header_reader *header_reader_new(struct arena *arena, header_each *each,
					void *ctx)
{
	struct header_reader *reader = arena_alloc(arena, sizeof(*reader));

	if (!reader)
		return NULL;
	reader->arena = arena;
	reader->each = each;
	reader->ctx = ctx;
	reader->line_start = true;
	return reader;
}

/*
 * Doubles, as an arena takes nothing back: the waste is at most what is used.
 * Once the arena is full, what there is has to do.
 */
static bool reader_grow(struct header_reader *reader)
{
	size_t room = reader->room ? 2 * reader->room : READER_START;
	char *buffer;

	if (room > READER_MAX)
		room = READER_MAX;
	if (room == reader->room || (reader->faults & HEADER_NO_MEMORY))
		return false;
	buffer = arena_alloc(reader->arena, room);
	if (!buffer) {
		reader->faults |= HEADER_NO_MEMORY;
		return false;
	}
	if (reader->stored > 0)
		memcpy(buffer, reader->buffer, reader->stored);
	reader->buffer = buffer;
	reader->room = room;
	return true;
}

static void reader_store(struct header_reader *reader, const char *bytes,
			 size_t len)
{
	size_t take;

	if (len == 0)
		return;
	reader->size += len;
	reader->last_but_one = len > 1 ? bytes[len - 2] : reader->last;
	reader->last = bytes[len - 1];
	while (reader->room - reader->stored < len)
		if (!reader_grow(reader))
			break;
	take = reader->room - reader->stored;
	if (take > len)
		take = len;
	if (take > 0)
		memcpy(reader->buffer + reader->stored, bytes, take);
	reader->stored += take;
}

static void reader_flush(struct header_reader *reader)
{
	struct header_field field;

	if (reader->size == 0)
		return;
	/* Without a single byte of memory there is nothing to look into. */
	if (reader->buffer &&
	    field_complete(reader->buffer, reader->stored, reader->size,
			   end_length(reader->last_but_one, reader->last),
			   reader->begin, &reader->fields, &reader->faults,
			   &field))
		reader->each(reader->ctx, &field);
	reader->stored = reader->size = 0;
	reader->last = reader->last_but_one = 0;
}

/* A line opens with this byte, which is no line end: whose line is it? */
static void reader_open_line(struct header_reader *reader, char c)
{
	reader->line_start = false;
	if (ascii_is_blank(c) && reader->size > 0)
		return;
	reader_flush(reader);
	reader->begin = reader->pos;
}

/* A line opens.  Returns the bytes taken: one, or none to look again. */
static size_t reader_line_start(struct header_reader *reader, char c)
{
	if (reader->cr_held) {
		reader->cr_held = false;
		if (c == '\n') {
			reader->ended = true;
			return 1;
		}
		reader->pos--; /* the field began with that CR */
		reader_open_line(reader, '\r');
		reader->pos++;
		reader_store(reader, "\r", 1);
		return 0;
	}
	if (c == '\r') {
		reader->cr_held = true;
		return 1;
	}
	if (c == '\n') {
		reader->ended = true;
		return 1;
	}
	reader_open_line(reader, c);
	return 0;
}

size_t header_reader_feed(struct header_reader *reader, const char *bytes,
			  size_t len)
{
	size_t used = 0, n;
	const char *lf;

	while (used < len && !reader->ended) {
		if (reader->line_start) {
			n = reader_line_start(reader, bytes[used]);
		} else {
			lf = memchr(bytes + used, '\n', len - used);
			n = lf ? (size_t)(lf + 1 - bytes) - used : len - used;
			reader_store(reader, bytes + used, n);
			reader->line_start = lf != NULL;
		}
		used += n;
		reader->pos += n;
	}
	return used;
}

unsigned int header_reader_end(struct header_reader *reader, size_t *ret_fields)
{
	if (reader->cr_held) {
		reader->cr_held = false;
		reader->pos--;
		reader_open_line(reader, '\r');
		reader->pos++;
		reader_store(reader, "\r", 1);
	}
	reader_flush(reader);
	reader->ended = true;
	*ret_fields = reader->fields;
	return reader->faults;
}

void header_field_given(const char *name, size_t name_len, const char *value,
			size_t value_len, struct header_field *ret_field)
{
	size_t start = 0;

	*ret_field = (struct header_field){ 0 };
	while (start < name_len && is_space(name[start]))
		start++;
	if (start > 0)
		ret_field->faults |= HEADER_LEADING_SPACE;
	ret_field->faults |=
		name_faults(name + start, name_len - start, ret_field);
	if (value_len > MAIL_FIELD_MAX) {
		value_len = MAIL_FIELD_MAX;
		ret_field->faults |= HEADER_CUT;
	}
	ret_field->faults |= byte_faults(value, value_len);
	if (memchr(name, '\0', name_len))
		ret_field->faults |= HEADER_NUL;
	ret_field->value = value;
	ret_field->value_len = value_len;
}

const char *header_unfold(struct arena *arena, const char *value, size_t len,
			  size_t *ret_len)
{
	size_t start = 0, used = 0;
	char *out;

	while (start < len && is_space(value[start]))
		start++;
	while (len > start && is_space(value[len - 1]))
		len--;
	value += start;
	len -= start;
	*ret_len = len;
	if (!memchr(value, '\n', len))
		return value;

	out = arena_alloc(arena, len + 1);
	if (!out)
		return NULL;
	for (size_t i = 0; i < len; i++) {
		if (value[i] == '\r' && i + 1 < len && value[i + 1] == '\n')
			continue;
		if (value[i] != '\n')
			out[used++] = value[i];
		else if (i + 1 < len && !is_space(value[i + 1]))
			out[used++] = ' ';
	}
	*ret_len = used;
	return out;
}
