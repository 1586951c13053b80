/*
 * header.h - the header block of a message, field by field.
 *
 * A block is a run of lines that ends with an empty line or with the data.
 * Lines end in CRLF or in LF alone, as found in stored mail.  A line that opens
 * with a blank continues the field before it (RFC 5322 section 2.2.3).  Nothing
 * is repaired: what is wrong with a field is said in its `faults`, and its
 * bytes stay as they came.  The limits of limits.h hold; what lies past them is
 * counted, and not handed out.
 *
 * A name that only a lenient reader would take for a name ("From : x",
 * " From: x" as the first line, "From" with the colon on the next line) is
 * handed out under that name, with a fault: who counts From fields must count
 * these too, since another reader may show them.
 *
 * There are two ways to read: header_next() walks over a block in memory, and a
 * header_reader takes pieces cut anywhere.  Both give the same fields.  Time is
 * linear in the block.  Nothing here is shared between threads.
 */
#ifndef STEELYARD_RULES_MAIL_HEADER_H
#define STEELYARD_RULES_MAIL_HEADER_H

#include <stdbool.h>
#include <stddef.h>

struct arena;

enum header_fault {
	/* of a field */
	HEADER_NO_COLON = 1 << 0, /* no name; the value is the whole line */
	HEADER_EMPTY_NAME = 1 << 1,
	HEADER_BAD_NAME = 1 << 2, /* other than printable ASCII, or a blank */
	HEADER_NAME_SPACE = 1 << 3, /* blanks before the colon */
	HEADER_NAME_FOLD = 1 << 4, /* a line break before the colon */
	HEADER_LEADING_SPACE = 1 << 5, /* the first line opens with a blank */
	HEADER_BARE_CR = 1 << 6,
	HEADER_BARE_LF = 1 << 7, /* in a value given apart: no fold */
	HEADER_NUL = 1 << 8,
	HEADER_8BIT = 1 << 9,
	HEADER_LONG_LINE = 1 << 10, /* more than MAIL_LINE_MAX */
	HEADER_BLANK_FOLD = 1 << 11, /* a continuation of blanks alone */
	HEADER_CUT = 1 << 12, /* only the first MAIL_FIELD_MAX bytes are here;
			       * faults behind them were not looked for */
	HEADER_MBOX = 1 << 13, /* "From " line of a mailbox file, on top */
	/* of the block */
	HEADER_TOO_MANY = 1 << 14, /* more than MAIL_FIELDS_MAX fields */
	HEADER_TOO_LARGE = 1 << 15, /* more than MAIL_HEADER_MAX bytes */
	HEADER_NO_MEMORY = 1 << 16, /* a reader's arena was full */
};

/* One bit of the above in words, e.g. "blanks before the colon". */
const char *header_fault_text(enum header_fault fault);

struct header_field {
	const char *name; /* no blanks around it; not NUL-terminated */
	size_t name_len;
	const char *value; /* behind the colon, leading blank and folds kept */
	size_t value_len; /* without the last line end */
	size_t offset; /* of the field's first byte in the block */
	unsigned int faults;
};

/*
 * A walk over a block.  Start with { .text = ..., .len = ... }.  When
 * header_next() has returned false, `pos` is where the body begins (or len),
 * `fields` the number handed out, and `faults` those of the block and of all
 * fields together.  Fields point into the text.
 */
struct header_walk {
	const char *text;
	size_t len;
	size_t pos;
	size_t fields;
	unsigned int faults;
	bool ended;
};

bool header_next(struct header_walk *walk, struct header_field *ret_field);

/*
 * The same, fed in pieces.  `each` is called for every field as soon as it is
 * complete; what the field points to is valid during the call only.
 */
typedef void header_each(void *ctx, const struct header_field *field);

struct header_reader;

/* Lives in the arena, as does its buffer.  NULL when the arena is full. */
struct header_reader *header_reader_new(struct arena *arena, header_each *each,
					void *ctx);

/*
 * Takes bytes up to the end of the block; returns how many.  Fewer than `len`
 * means that the block has ended and the rest is body.
 */
size_t header_reader_feed(struct header_reader *reader, const char *bytes,
			  size_t len);

/*
 * No more bytes will come.  Returns the faults of the block and all fields;
 * `*ret_fields` is the number of fields handed out.
 */
unsigned int header_reader_end(struct header_reader *reader,
			       size_t *ret_fields);

/*
 * A field that arrives split already, as an MTA hands it to a milter.  Only
 * faults that are still visible can be reported.  LF alone may fold.
 */
void header_field_given(const char *name, size_t name_len, const char *value,
			size_t value_len, struct header_field *ret_field);

/* Printable ASCII without colon and blank, at least one byte: RFC 5322 2.2. */
bool header_name_valid(const char *name, size_t len);

/* Is the field called so, ASCII case aside? */
bool header_is(const struct header_field *field, const char *name);

/*
 * The value on one line: line breaks taken out (a space in their place where no
 * blank follows), blanks at both ends removed, all else kept, NUL included.
 * Returns `value`'s own bytes where nothing had to be taken out, else a copy in
 * the arena; NULL when that is full.  NUL-terminated only if copied.
 */
const char *header_unfold(struct arena *arena, const char *value, size_t len,
			  size_t *ret_len);

#endif
