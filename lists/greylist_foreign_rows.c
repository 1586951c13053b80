/*
 * greylist_foreign_rows.c - rows of sqlgrey's tables, from wherever they come.
 *
 *   connect     sender_name sender_domain src rcpt first_seen
 *   from_awl    sender_name sender_domain src first_seen last_seen
 *   domain_awl  sender_domain src first_seen last_seen
 *
 * `src` is an address, or the first three numbers of one.  A part of a sender
 * that there is none of is "-undef-".
 */
#include "lists/greylist_foreign_private.h"

#include <string.h>
#include <time.h>

enum {
	ENOUGH_PASSES = 5, /* to be known, where nobody ever is by our terms */
	SENDER_SIZE = 2 * FOREIGN_VALUE + 2,
};

/* --- tables and columns -------------------------------------------------- */

enum foreign_table foreign_table(struct foreign_text name)
{
	if (foreign_is(name, "connect"))
		return FOREIGN_CONNECT;
	if (foreign_is(name, "from_awl"))
		return FOREIGN_FROM_AWL;
	if (foreign_is(name, "domain_awl"))
		return FOREIGN_DOMAIN_AWL;
	return FOREIGN_OTHER_TABLE;
}

enum foreign_column foreign_column(struct foreign_text name)
{
	static const struct {
		const char *name;
		enum foreign_column column;
	} columns[] = {
		{ "sender_name", FOREIGN_NAME },
		{ "sender_domain", FOREIGN_DOMAIN },
		{ "src", FOREIGN_SRC },
		{ "ip_addr", FOREIGN_SRC }, /* before 1.6 */
		{ "host_ip", FOREIGN_SRC },
		{ "rcpt", FOREIGN_RCPT },
		{ "first_seen", FOREIGN_FIRST },
		{ "last_seen", FOREIGN_LAST },
	};

	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		if (foreign_is(name, columns[i].name))
			return columns[i].column;
	return FOREIGN_NO_COLUMN;
}

/* As sqlgrey makes them. */
static const enum foreign_column usual[][FOREIGN_COLUMNS] = {
	[FOREIGN_OTHER_TABLE] = { 0 },
	[FOREIGN_CONNECT] = { FOREIGN_NAME, FOREIGN_DOMAIN, FOREIGN_SRC,
			      FOREIGN_RCPT, FOREIGN_FIRST },
	[FOREIGN_FROM_AWL] = { FOREIGN_NAME, FOREIGN_DOMAIN, FOREIGN_SRC,
			       FOREIGN_FIRST, FOREIGN_LAST },
	[FOREIGN_DOMAIN_AWL] = { FOREIGN_DOMAIN, FOREIGN_SRC, FOREIGN_FIRST,
				 FOREIGN_LAST },
};

void foreign_rows_begin(struct foreign_rows *rows, enum foreign_table table)
{
	rows->table = table;
	rows->column_count = 0;
	rows->value_count = 0;
	memcpy(rows->columns, usual[table], sizeof(rows->columns));
}

/* They are named, in their order. */
void foreign_rows_column(struct foreign_rows *rows, struct foreign_text name)
{
	if (rows->column_count == 0)
		memset(rows->columns, 0, sizeof(rows->columns));
	if (rows->column_count < FOREIGN_COLUMNS)
		rows->columns[rows->column_count] = foreign_column(name);
	rows->column_count++;
}

struct foreign_value *foreign_rows_value(struct foreign_rows *rows)
{
	struct foreign_value *value;

	if (rows->value_count++ >= FOREIGN_COLUMNS)
		return NULL;
	value = &rows->values[rows->value_count - 1];
	value->len = 0;
	value->is_null = value->is_long = false;
	return value;
}

void foreign_value_add(struct foreign_value *value, char c)
{
	if (value->len < sizeof(value->text))
		value->text[value->len++] = c;
	else
		value->is_long = true;
}

/* --- times --------------------------------------------------------------- */

/* Takes so many digits, and the byte behind them if there has to be one. */
static bool take_digits(struct foreign_text *text, size_t count,
			const char *behind, int *ret)
{
	int64_t number;

	if (text->len < count ||
	    !foreign_number((struct foreign_text){ text->at, count }, 9999,
			    &number))
		return false;
	text->at += count;
	text->len -= count;
	if (*behind) {
		if (text->len == 0 || !strchr(behind, text->at[0]))
			return false;
		text->at++;
		text->len--;
	}
	*ret = (int)number;
	return true;
}

/* ".123456", then "+01", "-03:30", "Z" or nothing. */
static bool take_zone(struct foreign_text text, int *offset)
{
	int hours, minutes = 0;
	char sign;

	if (text.len > 0 && text.at[0] == '.')
		do {
			text.at++;
			text.len--;
		} while (text.len > 0 && text.at[0] >= '0' &&
			 text.at[0] <= '9');
	if (text.len == 0)
		return true;
	sign = text.at[0];
	if (sign == 'Z') {
		*offset = 0;
		return text.len == 1;
	}
	text.at++;
	text.len--;
	if ((sign != '+' && sign != '-') ||
	    !take_digits(&text, 2, "", &hours) || hours > 15)
		return false;
	if (text.len > 0 && text.at[0] == ':') {
		text.at++;
		text.len--;
	}
	if (text.len > 0 &&
	    (!take_digits(&text, 2, "", &minutes) || minutes > 59))
		return false;
	*offset = (hours * 60 + minutes) * (sign == '-' ? -60 : 60);
	return text.len == 0;
}

static bool take_date(struct foreign_text *text, bool apart, struct tm *ret)
{
	struct tm tm = { 0 };

	if (!take_digits(text, 4, apart ? "-" : "", &tm.tm_year) ||
	    !take_digits(text, 2, apart ? "-" : "", &tm.tm_mon) ||
	    !take_digits(text, 2, apart ? " T" : "", &tm.tm_mday) ||
	    !take_digits(text, 2, apart ? ":" : "", &tm.tm_hour) ||
	    !take_digits(text, 2, apart ? ":" : "", &tm.tm_min) ||
	    !take_digits(text, 2, "", &tm.tm_sec))
		return false;
	*ret = tm;
	return true;
}

bool foreign_time(struct foreign_text text, int utc_offset, int64_t *ret)
{
	int64_t wall;
	struct tm tm;

	if (text.len != 14 &&
	    foreign_number(text, GREYLIST_TIME_MAX, ret)) /* since 1970 */
		return true;
	if (!take_date(&text, memchr(text.at, '-', text.len) != NULL, &tm) ||
	    !take_zone(text, &utc_offset))
		return false;
	if (tm.tm_year == 0 && tm.tm_mon == 0 && tm.tm_mday == 0) {
		*ret = 0; /* MySQL's "never" */
		return true;
	}
	if (tm.tm_year < 1970 || tm.tm_mon < 1 || tm.tm_mon > 12 ||
	    tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 ||
	    tm.tm_min > 59 || tm.tm_sec > 60)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	wall = (int64_t)timegm(&tm) - utc_offset;
	*ret = wall < 0			  ? 0
	       : wall < GREYLIST_TIME_MAX ? wall
					  : GREYLIST_TIME_MAX;
	return true;
}

/* --- rows ---------------------------------------------------------------- */

static const struct foreign_value *value_of(const struct foreign_rows *rows,
					    enum foreign_column column)
{
	for (size_t i = 0; i < FOREIGN_COLUMNS && i < rows->value_count; i++)
		if (rows->columns[i] == column)
			return &rows->values[i];
	return NULL;
}

static bool text_of(const struct foreign_rows *rows, enum foreign_column column,
		    struct foreign_text *ret)
{
	const struct foreign_value *value = value_of(rows, column);

	if (!value || value->is_null || value->is_long)
		return false;
	*ret = (struct foreign_text){ value->text, value->len };
	return true;
}

static bool time_of(const struct greylist_foreign *foreign,
		    const struct foreign_rows *rows, enum foreign_column column,
		    int64_t *ret)
{
	struct foreign_text text;

	return text_of(rows, column, &text) &&
	       foreign_time(text, rows->utc ? 0 : foreign->set.utc_offset, ret);
}

/* "name@domain", "@domain" or "". */
static bool sender_of(const struct foreign_rows *rows, char buf[SENDER_SIZE],
		      struct foreign_text *ret)
{
	struct foreign_text name = { "", 0 }, domain;
	size_t len = 0;

	if ((rows->table != FOREIGN_DOMAIN_AWL &&
	     !text_of(rows, FOREIGN_NAME, &name)) ||
	    !text_of(rows, FOREIGN_DOMAIN, &domain))
		return false;
	if (!foreign_is(name, "-undef-")) {
		memcpy(buf, name.at, name.len);
		len = name.len;
	}
	if (domain.len > 0 && !foreign_is(domain, "-undef-")) {
		buf[len++] = '@';
		memcpy(buf + len, domain.at, domain.len);
		len += domain.len;
	}
	*ret = (struct foreign_text){ buf, len };
	return true;
}

/* What is wrong with the row, or NULL. */
static const char *read_row(struct greylist_foreign *foreign,
			    const struct foreign_rows *rows,
			    char buf[SENDER_SIZE],
			    struct foreign_record *record)
{
	uint32_t enough = foreign->set.terms.known_after;
	struct foreign_text src;

	if (rows->value_count > FOREIGN_COLUMNS)
		return "a row with too many columns";
	if (!text_of(rows, FOREIGN_SRC, &src) ||
	    !foreign_client(src, &record->client))
		return "src is no address";
	if (!sender_of(rows, buf, &record->sender))
		return "no sender, or a name that is too long";
	if (!time_of(foreign, rows, FOREIGN_FIRST, &record->first))
		return "first_seen is no time";
	record->last = record->first;
	if (rows->table == FOREIGN_CONNECT) {
		if (!text_of(rows, FOREIGN_RCPT, &record->recipient) ||
		    record->recipient.len == 0)
			return "no recipient, or one that is too long";
		record->state = FOREIGN_WAITS;
		record->count = 1;
		return NULL;
	}
	if (!time_of(foreign, rows, FOREIGN_LAST, &record->last))
		return "last_seen is no time";
	record->state = FOREIGN_KNOWN;
	record->count = enough > 0 ? enough : ENOUGH_PASSES;
	return NULL;
}

void foreign_rows_end(struct greylist_foreign *foreign,
		      struct foreign_rows *rows)
{
	struct foreign_record record = { .recipient = { "", 0 } };
	char buf[SENDER_SIZE];
	const char *wrong;

	if (rows->table == FOREIGN_OTHER_TABLE) {
		foreign->counts.records++;
		foreign->counts.other++;
	} else {
		wrong = read_row(foreign, rows, buf, &record);
		if (wrong)
			foreign_bad(foreign, wrong);
		else
			foreign_put(foreign, &record);
	}
	rows->value_count = 0;
}

/* --- rows cut by tabs ---------------------------------------------------- */

static char unescape(char c)
{
	switch (c) {
	case 't': return '\t';
	case 'n': return '\n';
	case 'r': return '\r';
	case '0': return '\0';
	case 'b': return '\b';
	case 'f': return '\f';
	case 'v': return '\v';
	default: return c;
	}
}

static void take_cell(struct foreign_rows *rows, struct foreign_text cell)
{
	struct foreign_value *value = foreign_rows_value(rows);

	if (!value)
		return;
	value->is_null = cell.len == 2 && memcmp(cell.at, "\\N", 2) == 0;
	for (size_t i = 0; i < cell.len; i++) {
		char c = cell.at[i];

		if (c == '\\' && i + 1 < cell.len)
			c = unescape(cell.at[++i]);
		foreign_value_add(value, c);
	}
}

/* Which table's are they, by what is in them? */
static enum foreign_table guess(const struct greylist_foreign *foreign,
				const struct foreign_rows *rows)
{
	const struct foreign_value *third = &rows->values[3];
	int64_t time;

	if (rows->value_count == 4)
		return FOREIGN_DOMAIN_AWL;
	if (rows->value_count != 5)
		return FOREIGN_OTHER_TABLE;
	return foreign_time((struct foreign_text){ third->text, third->len },
			    foreign->set.utc_offset, &time)
		       ? FOREIGN_FROM_AWL
		       : FOREIGN_CONNECT;
}

/* The names of the columns, in front of the rows? */
static bool take_names(struct foreign_rows *rows)
{
	size_t count = rows->value_count;

	for (size_t i = 0; i < count; i++) {
		struct foreign_text name;

		if (i >= FOREIGN_COLUMNS)
			return false;
		name = (struct foreign_text){ rows->values[i].text,
					      rows->values[i].len };
		if (foreign_column(name) == FOREIGN_NO_COLUMN)
			return false;
	}
	foreign_rows_begin(rows, FOREIGN_DOMAIN_AWL);
	for (size_t i = 0; i < count; i++) {
		enum foreign_column column;
		struct foreign_text name = { rows->values[i].text,
					     rows->values[i].len };

		foreign_rows_column(rows, name);
		column = foreign_column(name);
		if (column == FOREIGN_RCPT)
			rows->table = FOREIGN_CONNECT;
		else if (column == FOREIGN_NAME &&
			 rows->table == FOREIGN_DOMAIN_AWL)
			rows->table = FOREIGN_FROM_AWL;
	}
	return true;
}

void foreign_rows_line(struct greylist_foreign *foreign,
		       struct foreign_rows *rows, struct foreign_text line)
{
	bool is_copy = foreign->of.sql.form == FOREIGN_STATEMENTS;
	struct foreign_text cell;

	rows->value_count = 0;
	while (foreign_cut(&line, '\t', &cell))
		take_cell(rows, cell);
	take_cell(rows, line);
	if (is_copy) {
		foreign_rows_end(foreign, rows);
		return;
	}
	if (take_names(rows)) {
		rows->value_count = 0;
		return;
	}
	if (rows->column_count == 0) {
		size_t count = rows->value_count;

		foreign_rows_begin(rows, guess(foreign, rows));
		rows->value_count = count;
		if (rows->table == FOREIGN_OTHER_TABLE) {
			foreign_bad(foreign, "neither four nor five columns");
			return;
		}
	}
	foreign_rows_end(foreign, rows);
}
