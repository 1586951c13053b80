/*
 * greylist_foreign_private.h - what the readers of other greylists' dumps
 * share.
 */
#ifndef LISTS_GREYLIST_FOREIGN_PRIVATE_H
#define LISTS_GREYLIST_FOREIGN_PRIVATE_H

#include "lists/greylist_foreign.h"

/* Not terminated. */
struct foreign_text {
	const char *at;
	size_t len;
};

/* --- records ------------------------------------------------------------- */

enum foreign_state {
	FOREIGN_WAITS, /* since `first` */
	FOREIGN_PASSED,
	FOREIGN_KNOWN, /* a client, and whoever proves the domain */
};

struct foreign_record {
	enum foreign_state state;
	struct ip client;
	struct foreign_text sender,
		recipient; /* of known ones: "", or @domain */
	int64_t first, last; /* wall clock, 0 to GREYLIST_TIME_MAX */
	uint32_t count; /* tries, uses or passes */
};

/* One record has been found, and is taken, or has lapsed. */
void foreign_put(struct greylist_foreign *foreign,
		 const struct foreign_record *record);

/* One record has been found, and is not taken. */
void foreign_bad(struct greylist_foreign *foreign, const char *what);

/* Something is wrong that is no record. */
void foreign_tell(struct greylist_foreign *foreign, const char *what);

/* --- words --------------------------------------------------------------- */

bool foreign_is(struct foreign_text text, const char *word); /* any case */
bool foreign_starts(struct foreign_text text, const char *with);
struct foreign_text foreign_trim(struct foreign_text text); /* blanks, CR */

/* Takes off the part in front of the byte, which goes too; false: not there. */
bool foreign_cut(struct foreign_text *rest, char at, struct foreign_text *ret);

/* Takes off the next word between blanks; false: there is none. */
bool foreign_word(struct foreign_text *rest, struct foreign_text *ret);

/* Decimal digits and nothing else, up to `most`. */
bool foreign_number(struct foreign_text text, int64_t most, int64_t *ret);

/* An address, or the front of one: "192.0.2", "2001:db8:1:2", "fe80::1%em0". */
bool foreign_client(struct foreign_text text, struct ip *ret_ip);

/* --- readers ------------------------------------------------------------- */

enum { FOREIGN_COLUMNS = 8, FOREIGN_VALUE = 512 };

struct foreign_value {
	size_t len;
	bool is_null, is_long;
	char text[FOREIGN_VALUE];
};

enum foreign_column {
	FOREIGN_NO_COLUMN,
	FOREIGN_NAME,
	FOREIGN_DOMAIN,
	FOREIGN_SRC,
	FOREIGN_RCPT,
	FOREIGN_FIRST,
	FOREIGN_LAST,
};

enum foreign_table {
	FOREIGN_OTHER_TABLE,
	FOREIGN_CONNECT,
	FOREIGN_FROM_AWL,
	FOREIGN_DOMAIN_AWL,
};

/* A row of sqlgrey's, and what its columns mean. */
struct foreign_rows {
	enum foreign_table table;
	enum foreign_column columns[FOREIGN_COLUMNS];
	size_t column_count;
	size_t value_count; /* may be more than FOREIGN_COLUMNS */
	struct foreign_value values[FOREIGN_COLUMNS];
	bool utc; /* the dump says that its times are */
};

void foreign_rows_begin(struct foreign_rows *rows, enum foreign_table table);
enum foreign_table foreign_table(struct foreign_text name);
enum foreign_column foreign_column(struct foreign_text name);
void foreign_rows_column(struct foreign_rows *rows, struct foreign_text name);
/* NULL if the row has too many; they are counted. */
struct foreign_value *foreign_rows_value(struct foreign_rows *rows);
void foreign_value_add(struct foreign_value *value, char c);
/* Judges what has been gathered, and begins the next row. */
void foreign_rows_end(struct greylist_foreign *foreign,
		      struct foreign_rows *rows);
/* A row cut by tabs; a backslash marks what cannot stand for itself. */
void foreign_rows_line(struct greylist_foreign *foreign,
		       struct foreign_rows *rows, struct foreign_text line);

/* "2024-11-22 18:26:40.5+01", seconds since 1970, 14 digits. */
bool foreign_time(struct foreign_text text, int utc_offset, int64_t *ret);

enum foreign_lexing {
	FOREIGN_PLAIN,
	FOREIGN_WORD,
	FOREIGN_QUOTED,
	FOREIGN_QUOTE_ENDS, /* or is a double one */
	FOREIGN_ESCAPED,
	FOREIGN_DASH,
	FOREIGN_SLASH,
	FOREIGN_LINE_COMMENT,
	FOREIGN_COMMENT_OPENS,
	FOREIGN_COMMENT,
	FOREIGN_COMMENT_STAR,
	FOREIGN_STAR,
};

enum foreign_token { FOREIGN_IS_WORD, FOREIGN_IS_TEXT, FOREIGN_IS_MARK };

enum foreign_statement {
	FOREIGN_BEGINS,
	FOREIGN_SKIPS, /* to the semicolon */
	FOREIGN_SETS,
	FOREIGN_SETS_ZONE,
	FOREIGN_INSERTS,
	FOREIGN_INSERTS_INTO,
	FOREIGN_COPIES,
	FOREIGN_NAMED, /* the table's name has been read */
	FOREIGN_LISTS_COLUMNS,
	FOREIGN_AWAITS_ROWS,
	FOREIGN_AWAITS_LINES, /* from the next on */
	FOREIGN_AWAITS_ROW,
	FOREIGN_AWAITS_VALUE,
	FOREIGN_HAS_VALUE,
	FOREIGN_IN_BAD_ROW,
	FOREIGN_COPY_LINES,
};

struct foreign_sql {
	enum { FOREIGN_UNDECIDED, FOREIGN_TABS, FOREIGN_STATEMENTS } form;
	enum foreign_lexing lexing;
	enum foreign_statement statement;
	char quote;
	bool is_copy, is_mysql, e_string;
	unsigned depth; /* of parentheses in a bad row or a skipped statement */
	struct foreign_value token;
	struct foreign_rows rows;
};

struct foreign_postgrey {
	enum { FOREIGN_LINES, FOREIGN_HEADER, FOREIGN_KEY, FOREIGN_VALUES } at;
	bool is_hex;
	size_t key_len;
	uint64_t key_line;
	char key[GREYLIST_FOREIGN_LINE];
};

struct greylist_foreign {
	enum greylist_foreign_kind kind;
	struct greylist_foreign_terms set;
	greylist_foreign_entry *entry;
	greylist_foreign_problem *problem;
	void *context;
	struct greylist_foreign_counts counts;
	bool stopped;
	uint64_t line; /* that is being read, from 1 */
	bool is_long;
	size_t len;
	char text[GREYLIST_FOREIGN_LINE];
	union {
		struct foreign_postgrey postgrey;
		struct foreign_sql sql;
	} of;
};

/* A line without its end.  `whole` is false if it was too long. */
void foreign_postgrey_line(struct greylist_foreign *foreign,
			   struct foreign_text line, bool whole);
void foreign_postgrey_end(struct greylist_foreign *foreign);
void foreign_milter_line(struct greylist_foreign *foreign,
			 struct foreign_text line, bool whole);
/* Any bytes, over the lines' ends. */
void foreign_sql_byte(struct greylist_foreign *foreign, char c);
void foreign_sql_end(struct greylist_foreign *foreign);
/* Does sqlgrey's dump want lines here, not bytes? */
bool foreign_sql_wants_lines(const struct greylist_foreign *foreign);
void foreign_sql_line(struct greylist_foreign *foreign,
		      struct foreign_text line, bool whole);
/*
 * Decides by the start of the first line, if that was not done yet, what it is.
 * True if it is statements; the bytes have been read then.
 */
bool foreign_sql_decide(struct greylist_foreign *foreign,
			struct foreign_text line);

#endif
