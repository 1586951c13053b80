/*
 * greylist_foreign_sql.c - sqlgrey's tables, as data bases write them out.
 *
 * Statements are read byte by byte, as mysqldump puts thousands of rows on one
 * line: bytes become words, texts and marks, these become statements, and of
 * those count
 *
 *   INSERT INTO [schema.]table [(columns)] VALUES (...), (...);
 *   COPY [schema.]table [(columns)] FROM stdin;   and lines, up to "\."
 *   SET TIME_ZONE='+00:00'                        of mysqldump
 *
 * all others being skipped.  A backslash in a text is one, but where MySQL
 * wrote it (who puts backquotes around names, and statements into comments) or
 * in PostgreSQL's E'...', where
 * it takes away the meaning of what follows.
 *
 * A file whose first line has a tab, and is no statement, is rows alone.
 */
#include "lists/greylist_foreign_private.h"

#include <string.h>

static struct foreign_text token_text(const struct foreign_sql *sql)
{
	return (struct foreign_text){ sql->token.text, sql->token.len };
}

/* --- statements ---------------------------------------------------------- */

static void begin_statement(struct foreign_sql *sql, enum foreign_token token,
			    struct foreign_text text)
{
	sql->statement = FOREIGN_SKIPS;
	sql->is_copy = false;
	if (token == FOREIGN_IS_MARK && text.at[0] == ';')
		sql->statement = FOREIGN_BEGINS;
	if (token != FOREIGN_IS_WORD)
		return;
	if (foreign_is(text, "insert") || foreign_is(text, "replace"))
		sql->statement = FOREIGN_INSERTS;
	else if (foreign_is(text, "set"))
		sql->statement = FOREIGN_SETS;
	else if (foreign_is(text, "copy"))
		sql->statement = FOREIGN_COPIES;
}

/* The table's name, or its schema's, in quotes or not. */
static void take_name(struct foreign_sql *sql, enum foreign_token token,
		      struct foreign_text text)
{
	struct foreign_text schema;

	if (token == FOREIGN_IS_MARK) {
		sql->statement =
			text.at[0] == ';' ? FOREIGN_BEGINS : FOREIGN_SKIPS;
		return;
	}
	if (token == FOREIGN_IS_TEXT && sql->quote == '`')
		sql->is_mysql = true;
	while (token == FOREIGN_IS_WORD && foreign_cut(&text, '.', &schema))
		;
	if (text.len == 0)
		return; /* schema."table" */
	foreign_rows_begin(&sql->rows, foreign_table(text));
	sql->statement = FOREIGN_NAMED;
}

static void after_name(struct foreign_sql *sql, enum foreign_token token,
		       struct foreign_text text)
{
	if (token == FOREIGN_IS_MARK && text.at[0] == '.')
		sql->statement =
			sql->is_copy ? FOREIGN_COPIES : FOREIGN_INSERTS_INTO;
	else if (token == FOREIGN_IS_MARK && text.at[0] == '(')
		sql->statement = FOREIGN_LISTS_COLUMNS;
	else if (token == FOREIGN_IS_WORD && !sql->is_copy &&
		 foreign_is(text, "values"))
		sql->statement = FOREIGN_AWAITS_ROW;
	else if (token == FOREIGN_IS_WORD && sql->is_copy &&
		 foreign_is(text, "from"))
		sql->statement = FOREIGN_AWAITS_ROWS;
	else
		sql->statement = token == FOREIGN_IS_MARK && text.at[0] == ';'
					 ? FOREIGN_BEGINS
					 : FOREIGN_SKIPS;
}

static void list_columns(struct foreign_sql *sql, enum foreign_token token,
			 struct foreign_text text)
{
	if (token != FOREIGN_IS_MARK)
		foreign_rows_column(&sql->rows, text);
	else if (text.at[0] == ')')
		sql->statement = FOREIGN_NAMED;
	else if (text.at[0] == ';')
		sql->statement = FOREIGN_BEGINS;
}

/* --- rows of an INSERT --------------------------------------------------- */

static void await_row(struct greylist_foreign *foreign,
		      enum foreign_token token, struct foreign_text text)
{
	struct foreign_sql *sql = &foreign->of.sql;

	if (token == FOREIGN_IS_MARK && text.at[0] == '(') {
		sql->rows.value_count = 0;
		sql->statement = FOREIGN_AWAITS_VALUE;
	} else if (token == FOREIGN_IS_MARK && text.at[0] == ';') {
		sql->statement = FOREIGN_BEGINS;
	} else if (token != FOREIGN_IS_MARK || text.at[0] != ',') {
		sql->statement = FOREIGN_SKIPS; /* ON CONFLICT ... */
	}
}

static void bad_row(struct greylist_foreign *foreign, const char *what)
{
	struct foreign_sql *sql = &foreign->of.sql;

	if (sql->rows.table == FOREIGN_OTHER_TABLE)
		foreign_rows_end(foreign, &sql->rows);
	else
		foreign_bad(foreign, what);
	sql->statement = FOREIGN_IN_BAD_ROW;
	sql->depth = 1;
}

static void in_bad_row(struct foreign_sql *sql, enum foreign_token token,
		       struct foreign_text text)
{
	if (token != FOREIGN_IS_MARK)
		return;
	if (text.at[0] == '(')
		sql->depth++;
	else if (text.at[0] == ')' && --sql->depth == 0)
		sql->statement = FOREIGN_AWAITS_ROW;
	else if (text.at[0] == ';')
		sql->statement = FOREIGN_BEGINS;
}

static void await_value(struct greylist_foreign *foreign,
			enum foreign_token token, struct foreign_text text)
{
	struct foreign_sql *sql = &foreign->of.sql;
	struct foreign_value *value;

	if (token == FOREIGN_IS_MARK) {
		bad_row(foreign, "a row with something that is no value");
		in_bad_row(sql, token, text);
		return;
	}
	value = foreign_rows_value(&sql->rows);
	if (value) {
		*value = sql->token;
		value->is_null =
			token == FOREIGN_IS_WORD && foreign_is(text, "null");
	}
	sql->statement = FOREIGN_HAS_VALUE;
}

static void after_value(struct greylist_foreign *foreign,
			enum foreign_token token, struct foreign_text text)
{
	struct foreign_sql *sql = &foreign->of.sql;

	if (token == FOREIGN_IS_MARK && text.at[0] == ',') {
		sql->statement = FOREIGN_AWAITS_VALUE;
	} else if (token == FOREIGN_IS_MARK && text.at[0] == ')') {
		foreign_rows_end(foreign, &sql->rows);
		sql->statement = FOREIGN_AWAITS_ROW;
	} else {
		bad_row(foreign, "a row with something that is no value");
		in_bad_row(sql, token, text);
	}
}

/* --- tokens -------------------------------------------------------------- */

static void set_zone(struct foreign_sql *sql, enum foreign_token token,
		     struct foreign_text text)
{
	if (token == FOREIGN_IS_MARK && text.at[0] == '=')
		return;
	if (token == FOREIGN_IS_TEXT)
		sql->rows.utc = foreign_is(text, "+00:00");
	sql->statement = token == FOREIGN_IS_MARK && text.at[0] == ';'
				 ? FOREIGN_BEGINS
				 : FOREIGN_SKIPS;
}

static void take_token(struct greylist_foreign *foreign,
		       enum foreign_token token)
{
	struct foreign_sql *sql = &foreign->of.sql;
	struct foreign_text text = token_text(sql);
	bool is_word = token == FOREIGN_IS_WORD;
	bool ends = token == FOREIGN_IS_MARK && text.at[0] == ';';

	switch (sql->statement) {
	case FOREIGN_BEGINS: begin_statement(sql, token, text); break;
	case FOREIGN_SKIPS:
	case FOREIGN_COPY_LINES:
		if (ends)
			sql->statement = FOREIGN_BEGINS;
		break;
	case FOREIGN_SETS:
		sql->statement = is_word && foreign_is(text, "time_zone")
					 ? FOREIGN_SETS_ZONE
				 : ends ? FOREIGN_BEGINS
					: FOREIGN_SKIPS;
		break;
	case FOREIGN_SETS_ZONE: set_zone(sql, token, text); break;
	case FOREIGN_INSERTS:
		if (is_word && foreign_is(text, "into"))
			sql->statement = FOREIGN_INSERTS_INTO;
		else if (!is_word) /* IGNORE, OR REPLACE */
			sql->statement = ends ? FOREIGN_BEGINS : FOREIGN_SKIPS;
		break;
	case FOREIGN_COPIES: sql->is_copy = true; /* fallthrough */
	case FOREIGN_INSERTS_INTO: take_name(sql, token, text); break;
	case FOREIGN_NAMED: after_name(sql, token, text); break;
	case FOREIGN_LISTS_COLUMNS: list_columns(sql, token, text); break;
	case FOREIGN_AWAITS_ROWS:
		if (ends)
			sql->statement = FOREIGN_AWAITS_LINES;
		break;
	case FOREIGN_AWAITS_LINES: sql->statement = FOREIGN_SKIPS; break;
	case FOREIGN_AWAITS_ROW: await_row(foreign, token, text); break;
	case FOREIGN_AWAITS_VALUE: await_value(foreign, token, text); break;
	case FOREIGN_HAS_VALUE: after_value(foreign, token, text); break;
	case FOREIGN_IN_BAD_ROW: in_bad_row(sql, token, text); break;
	}
}

/* --- bytes --------------------------------------------------------------- */

static bool is_in_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_' || c == '@' || c == '$' ||
	       c == '+' || (unsigned char)c >= 0x80;
}

static void clear_token(struct foreign_sql *sql)
{
	sql->token.len = 0;
	sql->token.is_null = sql->token.is_long = false;
}

static void take_mark(struct greylist_foreign *foreign, char c)
{
	struct foreign_sql *sql = &foreign->of.sql;

	clear_token(sql);
	foreign_value_add(&sql->token, c);
	take_token(foreign, FOREIGN_IS_MARK);
	clear_token(sql);
}

static void plain_byte(struct greylist_foreign *foreign, char c)
{
	struct foreign_sql *sql = &foreign->of.sql;

	sql->lexing = FOREIGN_PLAIN;
	if (c == '\n' && sql->statement == FOREIGN_AWAITS_LINES)
		sql->statement = FOREIGN_COPY_LINES;
	if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
		return;
	} else if (c == '\'' || c == '"' || c == '`') {
		clear_token(sql);
		sql->quote = c;
		sql->lexing = FOREIGN_QUOTED;
	} else if (is_in_word(c)) {
		clear_token(sql);
		foreign_value_add(&sql->token, c);
		sql->lexing = FOREIGN_WORD;
	} else if (c == '-') {
		sql->lexing = FOREIGN_DASH;
	} else if (c == '/') {
		sql->lexing = FOREIGN_SLASH;
	} else if (c == '*') {
		sql->lexing = FOREIGN_STAR;
	} else {
		take_mark(foreign, c);
	}
}

/* A word ends here, unless it is the E of E'...'. */
static void end_word(struct greylist_foreign *foreign, char c)
{
	struct foreign_sql *sql = &foreign->of.sql;
	bool is_e = c == '\'' && foreign_is(token_text(sql), "e");

	if (!is_e)
		take_token(foreign, FOREIGN_IS_WORD);
	plain_byte(foreign, c);
	sql->e_string = is_e;
}

static void end_quoted(struct greylist_foreign *foreign, char c)
{
	struct foreign_sql *sql = &foreign->of.sql;

	if (c == sql->quote) { /* twice is once */
		foreign_value_add(&sql->token, c);
		sql->lexing = FOREIGN_QUOTED;
		return;
	}
	take_token(foreign, FOREIGN_IS_TEXT);
	sql->e_string = false;
	plain_byte(foreign, c);
}

static void quoted_byte(struct foreign_sql *sql, char c)
{
	if (c == sql->quote)
		sql->lexing = FOREIGN_QUOTE_ENDS;
	else if (c == '\\' && sql->quote != '`' &&
		 (sql->is_mysql || sql->e_string))
		sql->lexing = FOREIGN_ESCAPED;
	else
		foreign_value_add(&sql->token, c);
}

static void escaped_byte(struct foreign_sql *sql, char c)
{
	static const char from[] = "0bnrtZ", to[] = "\0\b\n\r\t\x1a";
	const char *at = c ? strchr(from, c) : NULL;

	foreign_value_add(&sql->token, at ? to[at - from] : c);
	sql->lexing = FOREIGN_QUOTED;
}

/*
 * MySQL's own statements stand in comments that begin with "/""*!" and the
 * version that minds them; these are read, and their ends are nothing.
 */
static void comment_opens(struct foreign_sql *sql, char c)
{
	if (c == '!')
		sql->is_mysql = true;
	sql->lexing = c == '!'	 ? FOREIGN_PLAIN
		      : c == '*' ? FOREIGN_COMMENT_STAR
				 : FOREIGN_COMMENT;
}

/* The version in front is a word of digits that begins no statement. */
static bool is_version(const struct foreign_sql *sql)
{
	int64_t number;

	return sql->statement == FOREIGN_BEGINS &&
	       foreign_number(token_text(sql), 999999, &number);
}

static void word_byte(struct greylist_foreign *foreign, char c)
{
	struct foreign_sql *sql = &foreign->of.sql;

	if (is_in_word(c) || c == '.') {
		foreign_value_add(&sql->token, c);
	} else if (is_version(sql)) {
		clear_token(sql);
		plain_byte(foreign, c);
	} else {
		end_word(foreign, c);
	}
}

void foreign_sql_byte(struct greylist_foreign *foreign, char c)
{
	struct foreign_sql *sql = &foreign->of.sql;

	switch (sql->lexing) {
	case FOREIGN_PLAIN: plain_byte(foreign, c); break;
	case FOREIGN_WORD: word_byte(foreign, c); break;
	case FOREIGN_QUOTED: quoted_byte(sql, c); break;
	case FOREIGN_QUOTE_ENDS: end_quoted(foreign, c); break;
	case FOREIGN_ESCAPED: escaped_byte(sql, c); break;
	case FOREIGN_DASH:
		if (c == '-') {
			sql->lexing = FOREIGN_LINE_COMMENT;
			break;
		}
		take_mark(foreign, '-');
		plain_byte(foreign, c);
		break;
	case FOREIGN_SLASH:
		if (c == '*') {
			sql->lexing = FOREIGN_COMMENT_OPENS;
			break;
		}
		take_mark(foreign, '/');
		plain_byte(foreign, c);
		break;
	case FOREIGN_LINE_COMMENT:
		if (c == '\n')
			sql->lexing = FOREIGN_PLAIN;
		break;
	case FOREIGN_COMMENT_OPENS: comment_opens(sql, c); break;
	case FOREIGN_COMMENT:
		if (c == '*')
			sql->lexing = FOREIGN_COMMENT_STAR;
		break;
	case FOREIGN_COMMENT_STAR:
		if (c != '*')
			sql->lexing =
				c == '/' ? FOREIGN_PLAIN : FOREIGN_COMMENT;
		break;
	case FOREIGN_STAR:
		if (c == '/') {
			sql->lexing = FOREIGN_PLAIN;
			break;
		}
		take_mark(foreign, '*');
		plain_byte(foreign, c);
		break;
	}
}

/* --- lines --------------------------------------------------------------- */

bool foreign_sql_wants_lines(const struct greylist_foreign *foreign)
{
	const struct foreign_sql *sql = &foreign->of.sql;

	return sql->form != FOREIGN_STATEMENTS ||
	       sql->statement == FOREIGN_COPY_LINES;
}

/* Rows alone: a word and a tab come first. */
static bool is_cut_by_tabs(struct foreign_text line)
{
	for (size_t i = 0; i < line.len; i++) {
		if (line.at[i] == '\t')
			return !foreign_starts(line, "--");
		if (line.at[i] == ' ' || line.at[i] == ';' || line.at[i] == '(')
			return false;
	}
	return false;
}

bool foreign_sql_decide(struct greylist_foreign *foreign,
			struct foreign_text line)
{
	struct foreign_sql *sql = &foreign->of.sql;

	if (sql->form != FOREIGN_UNDECIDED)
		return false;
	foreign_rows_begin(&sql->rows, FOREIGN_OTHER_TABLE);
	sql->form = FOREIGN_TABS;
	if (is_cut_by_tabs(line))
		return false;
	sql->form = FOREIGN_STATEMENTS;
	for (size_t i = 0; i < line.len; i++)
		foreign_sql_byte(foreign, line.at[i]);
	return true;
}

static void copied_line(struct greylist_foreign *foreign,
			struct foreign_text line, bool whole)
{
	struct foreign_sql *sql = &foreign->of.sql;

	if (whole && foreign_is(line, "\\."))
		sql->statement = FOREIGN_BEGINS;
	else if (!whole && sql->rows.table != FOREIGN_OTHER_TABLE)
		foreign_bad(foreign, "the line is too long");
	else
		foreign_rows_line(foreign, &sql->rows, line);
}

void foreign_sql_line(struct greylist_foreign *foreign,
		      struct foreign_text line, bool whole)
{
	struct foreign_sql *sql = &foreign->of.sql;

	if (line.len > 0 && line.at[line.len - 1] == '\r')
		line.len--;
	if (sql->form == FOREIGN_STATEMENTS) {
		copied_line(foreign, line, whole);
		return;
	}
	if (line.len == 0)
		return;
	if (foreign_sql_decide(foreign, line))
		foreign_sql_byte(foreign, '\n');
	else if (!whole)
		foreign_bad(foreign, "the line is too long");
	else
		foreign_rows_line(foreign, &sql->rows, line);
}

void foreign_sql_end(struct greylist_foreign *foreign)
{
	struct foreign_sql *sql = &foreign->of.sql;

	if (sql->form != FOREIGN_STATEMENTS)
		return;
	if (sql->lexing == FOREIGN_WORD)
		end_word(foreign, ' ');
	if (sql->lexing == FOREIGN_QUOTED || sql->lexing == FOREIGN_ESCAPED ||
	    sql->statement == FOREIGN_COPY_LINES ||
	    sql->statement == FOREIGN_AWAITS_VALUE ||
	    sql->statement == FOREIGN_HAS_VALUE ||
	    sql->statement == FOREIGN_IN_BAD_ROW)
		foreign_tell(foreign, "the dump ends within a statement: "
				      "it was cut off");
}
