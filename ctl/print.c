/*
 * print.c - output for people.
 */
#include "ctl/print.h"

#include <err.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl/command.h"
#include "rules/utf8.h"

/* The code point of a well-formed character. */
static uint32_t code_point(const char *at, size_t len)
{
	uint32_t code = (unsigned char)at[0];

	if (len == 1)
		return code;
	code &= 0x7fU >> len;
	for (size_t i = 1; i < len; i++)
		code = code << 6 | ((unsigned char)at[i] & 0x3fU);
	return code;
}

/* Controls, line separators, and what changes the direction of writing. */
static bool is_harmless(uint32_t code)
{
	return code >= 0x20 && !(code >= 0x7f && code <= 0x9f) &&
	       code != 0x061c && !(code >= 0x200b && code <= 0x200f) &&
	       !(code >= 0x2028 && code <= 0x202e) &&
	       !(code >= 0x2060 && code <= 0x206f) && code != 0xfeff &&
	       !(code >= 0xe0000 && code <= 0xe007f);
}

/* Bytes that can be shown as they are; 0: escape one. */
static size_t shown_bytes(const char *at, size_t len, const char *kept)
{
	size_t n = utf8_length(at, len);

	if (n == 0)
		return 0;
	if (n == 1 && at[0] != '\0' && strchr(kept, at[0]) != NULL)
		return 1;
	return is_harmless(code_point(at, n)) ? n : 0;
}

static char *escape(const char *text, const char *kept)
{
	size_t len = strlen(text);
	char *out = malloc(len * 4 + 1), *at = out;

	if (out == NULL)
		return NULL;
	for (size_t i = 0; i < len;) {
		size_t n = shown_bytes(text + i, len - i, kept);

		if (n == 0) {
			size_t whole = utf8_length(text + i, len - i);

			/* all bytes of a character, or one that is none */
			do
				at += sprintf(at, "\\x%02X",
					      (unsigned char)text[i++]);
			while (whole-- > 1);
			continue;
		}
		memcpy(at, text + i, n);
		at += n;
		i += n;
	}
	*at = '\0';
	return out;
}

char *escaped(const char *text)
{
	return escape(text, "");
}

static void print_with(FILE *out, const char *text, const char *kept)
{
	char *shown = escape(text, kept);

	if (shown != NULL)
		fputs(shown, out);
	free(shown);
}

void print_escaped(FILE *out, const char *text)
{
	print_with(out, text, "");
}

void print_lines(FILE *out, const char *text)
{
	print_with(out, text, "\n\t");
}

void print_json(const json_t *value)
{
	size_t flags = JSON_ENSURE_ASCII | JSON_ENCODE_ANY;

	json_dumpf(value, stdout,
		   flags | (isatty(STDOUT_FILENO) ? JSON_INDENT(2)
						  : JSON_COMPACT));
	putchar('\n');
}

/* --- tables ------------------------------------------------------------- */

struct table {
	size_t columns, cells, room;
	char **cell;
};

struct table *table_new(size_t columns)
{
	struct table *table = calloc(1, sizeof(*table));

	if (table == NULL)
		err(EXIT_NO, NULL);
	table->columns = columns;
	return table;
}

void table_cell(struct table *table, const char *text)
{
	if (table->cells == table->room) {
		table->room = table->room * 2 + 64;
		table->cell = realloc(table->cell,
				      table->room * sizeof(*table->cell));
		if (table->cell == NULL)
			err(EXIT_NO, NULL);
	}
	table->cell[table->cells] = escaped(text != NULL ? text : "-");
	if (table->cell[table->cells] == NULL)
		err(EXIT_NO, NULL);
	table->cells++;
}

/* Characters, which is near enough to columns of a terminal. */
static size_t width_of(const char *text)
{
	size_t width = 0;

	for (; *text != '\0'; text++)
		width += ((unsigned char)*text & 0xc0U) != 0x80U;
	return width;
}

static size_t column_width(const struct table *table, size_t column)
{
	size_t width = 0;

	for (size_t i = column; i < table->cells; i += table->columns)
		if (width_of(table->cell[i]) > width)
			width = width_of(table->cell[i]);
	return width;
}

void table_print(struct table *table, FILE *out)
{
	size_t *widths = calloc(table->columns, sizeof(*widths));

	if (widths == NULL)
		err(EXIT_NO, NULL);
	for (size_t c = 0; c < table->columns; c++)
		widths[c] = column_width(table, c);
	for (size_t i = 0; i < table->cells; i++) {
		size_t column = i % table->columns;
		size_t pad = widths[column] - width_of(table->cell[i]);

		fputs(table->cell[i], out);
		if (column + 1 == table->columns)
			fputc('\n', out);
		else
			fprintf(out, "%*s", (int)pad + 2, "");
		free(table->cell[i]);
	}
	free(widths);
	free(table->cell);
	free(table);
}

/* --- times -------------------------------------------------------------- */

const char *time_text(int64_t seconds, char buffer[TIME_TEXT])
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (localtime_r(&t, &tm) == NULL ||
	    strftime(buffer, TIME_TEXT, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		snprintf(buffer, TIME_TEXT, "%" PRId64, seconds);
	return buffer;
}

const char *duration_text(int64_t seconds, char buffer[TIME_TEXT])
{
	static const struct {
		int64_t seconds, next;
		char name, next_name;
	} units[] = {
		{ 86400, 3600, 'd', 'h' },
		{ 3600, 60, 'h', 'm' },
		{ 60, 1, 'm', 's' },
	};

	if (seconds < 0)
		seconds = 0;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (seconds < units[i].seconds)
			continue;
		snprintf(buffer, TIME_TEXT, "%" PRId64 "%c %" PRId64 "%c",
			 seconds / units[i].seconds, units[i].name,
			 seconds % units[i].seconds / units[i].next,
			 units[i].next_name);
		return buffer;
	}
	snprintf(buffer, TIME_TEXT, "%" PRId64 "s", seconds);
	return buffer;
}
