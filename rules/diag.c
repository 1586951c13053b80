/*
 * diag.c - collects mistakes and prints them, each with its line and a caret.
 *
 * What comes from outside is made printable once, when it is formatted, so that
 * neither terminal nor log can be led astray by a file name or a stray byte.
 */
#include "rules/diag.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/utf8.h"

enum {
	KEPT = 100, /* entries of each level */
	INDENT = 8, /* of the lines below a message */
	WINDOW = 96, /* columns of a source line that are shown */
	BEFORE = 60, /* of these, at most so many before the place */
	TAB = 8,
	NAME_LONGEST = 64, /* no suggestion for anything longer */
	LINE_KEPT = UINT16_MAX + WINDOW, /* as far as columns are counted */
};

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

void diag_init(struct diag *diag)
{
	memset(diag, 0, sizeof(*diag));
}

void diag_done(struct diag *diag)
{
	for (size_t i = 0; i < diag->source_count; i++) {
		free(diag->sources[i].name);
		free(diag->sources[i].text);
	}
	for (size_t i = 0; i < diag->entry_count; i++) {
		free(diag->entries[i].message);
		free(diag->entries[i].hint);
	}
	free(diag->sources);
	free(diag->entries);
	diag_init(diag);
}

uint16_t diag_add_source(struct diag *diag, const char *name, char *text,
			 size_t len)
{
	struct diag_source *sources;
	char *copy = strdup(name);

	if (copy == NULL || diag->source_count >= UINT16_MAX)
		goto fail;
	sources = realloc(diag->sources,
			  (diag->source_count + 1) * sizeof(*sources));
	if (sources == NULL)
		goto fail;
	diag->sources = sources;
	sources[diag->source_count++] =
		(struct diag_source){ .name = copy, .text = text, .len = len };
	return (uint16_t)diag->source_count;
fail:
	diag->failed = true;
	free(copy);
	free(text);
	return 0;
}

/* --- text ---------------------------------------------------------------- */

/*
 * How many bytes at `at` may be shown as they are, as one character; 0 for
 * controls, C1 ones and those that turn the direction of writing included.
 */
static size_t shown(const char *at, size_t len)
{
	const unsigned char *b = (const unsigned char *)at;
	size_t need = utf8_length(at, len);

	if (need == 1)
		return b[0] >= 0x20 && b[0] != 0x7f;
	if (need == 2 && b[0] == 0xc2 && b[1] < 0xa0)
		return 0; /* U+0080 to U+009F */
	if (need == 3 && b[0] == 0xe2 &&
	    ((b[1] == 0x80 && b[2] >= 0xa8 && b[2] <= 0xae) ||
	     (b[1] == 0x81 && b[2] >= 0xa6 && b[2] <= 0xa9)))
		return 0; /* U+2028 to U+202E, U+2066 to U+2069 */
	return need;
}

/* Takes `text` and gives back its printable form. */
static char *printable(char *text)
{
	size_t len, out = 0;
	char *clean;

	if (text == NULL)
		return NULL;
	len = strlen(text);
	clean = malloc(len * 4 + 1);
	for (size_t i = 0; clean != NULL && i < len;) {
		size_t take = shown(text + i, len - i);

		if (take == 0) {
			snprintf(clean + out, 5, "\\x%02x",
				 (unsigned char)text[i]);
			out += 4;
			i++;
			continue;
		}
		memcpy(clean + out, text + i, take);
		out += take;
		i += take;
	}
	if (clean != NULL)
		clean[out] = '\0';
	free(text);
	return clean;
}

__attribute__((format(printf, 1, 0))) static char *format_line(const char *f,
							       va_list args)
{
	char *text = NULL;

	if (vasprintf(&text, f, args) < 0)
		return NULL;
	return printable(text);
}

/* --- entries ------------------------------------------------------------- */

__attribute__((format(printf, 4, 0))) static void add(struct diag *diag,
						      enum diag_level level,
						      struct place place,
						      const char *format,
						      va_list args)
{
	size_t *counter = level == DIAG_ERROR ? &diag->errors : &diag->warnings;
	struct diag_entry *entries;
	char *message;

	diag->newest = 0;
	if ((*counter)++ >= KEPT)
		return;
	message = format_line(format, args);
	entries = realloc(diag->entries,
			  (diag->entry_count + 1) * sizeof(*entries));
	if (entries != NULL)
		diag->entries = entries;
	if (message == NULL || entries == NULL) {
		diag->failed = true;
		free(message);
		return;
	}
	entries[diag->entry_count++] = (struct diag_entry){
		.level = level, .place = place, .message = message
	};
	diag->newest = diag->entry_count;
}

void diag_error(struct diag *diag, struct place place, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(diag, DIAG_ERROR, place, format, args);
	va_end(args);
}

/* The line as a source; 0 without memory. */
static uint16_t add_line(struct diag *diag, const struct diag_line *line)
{
	size_t len = line->text == NULL ? 0 : line->len;
	uint16_t file;
	char *copy;

	if (len > LINE_KEPT)
		len = LINE_KEPT;
	copy = malloc(len + 1);
	if (copy == NULL) {
		diag->failed = true;
		return 0;
	}
	if (len > 0)
		memcpy(copy, line->text, len);
	copy[len] = '\0';
	file = diag_add_source(diag, line->name, copy, len);
	if (file != 0)
		diag->sources[file - 1].skipped = (uint32_t)(line->line - 1);
	return file;
}

void diag_error_in_line(struct diag *diag, const struct diag_line *line,
			const char *format, ...)
{
	struct place place = { .line = (uint32_t)line->line,
			       .column = (uint16_t)least(line->column,
							 UINT16_MAX),
			       .length = 1 };
	va_list args;

	if (diag->errors < KEPT)
		place.file = add_line(diag, line);
	va_start(args, format);
	add(diag, DIAG_ERROR, place, format, args);
	va_end(args);
}

void diag_warning(struct diag *diag, struct place place, const char *format,
		  ...)
{
	va_list args;

	va_start(args, format);
	add(diag, DIAG_WARNING, place, format, args);
	va_end(args);
}

void diag_hint(struct diag *diag, const char *format, ...)
{
	struct diag_entry *entry;
	va_list args;

	if (diag->newest == 0)
		return;
	entry = &diag->entries[diag->newest - 1];
	free(entry->hint);
	va_start(args, format);
	entry->hint = format_line(format, args);
	va_end(args);
	if (entry->hint == NULL)
		diag->failed = true;
}

/* --- the nearest name ---------------------------------------------------- */

/*
 * Edit distance without regard to case, where two neighbours that changed
 * places count once (optimal string alignment).  Both are at most NAME_LONGEST.
 */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t rows[3][NAME_LONGEST + 1];
	size_t *older = rows[0], *old = rows[1], *now = rows[2];

	for (size_t j = 0; j <= b_len; j++)
		old[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t *spare = older;
		int x = tolower((unsigned char)a[i - 1]);

		now[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			int y = tolower((unsigned char)b[j - 1]);
			size_t best = old[j - 1] + (x != y);

			best = least(best, old[j] + 1);
			best = least(best, now[j - 1] + 1);
			if (i > 1 && j > 1 &&
			    x == tolower((unsigned char)b[j - 2]) &&
			    y == tolower((unsigned char)a[i - 2]))
				best = least(best, older[j - 2] + 1);
			now[j] = best;
		}
		older = old;
		old = now;
		now = spare;
	}
	return old[b_len];
}

void diag_nearest(struct diag *diag, const char *name, size_t len,
		  const char *(*next)(void *context), void *context)
{
	size_t allowed = len / 3;
	const char *nearest = NULL;
	const char *candidate;

	if (diag->newest == 0 || len > NAME_LONGEST)
		return;
	while ((candidate = next(context)) != NULL) {
		size_t other = strlen(candidate);
		size_t apart;

		if (other > NAME_LONGEST || other > len + allowed ||
		    len > other + allowed)
			continue;
		apart = distance(name, len, candidate, other);
		if (apart > allowed || (nearest != NULL && apart == allowed))
			continue;
		nearest = candidate;
		if (apart == 0)
			break;
		allowed = apart;
	}
	if (nearest != NULL)
		diag_hint(diag, "did you mean \"%s\"?", nearest);
}

/* --- printing ------------------------------------------------------------ */

static const struct diag_source *source_of(const struct diag *diag,
					   struct place place)
{
	if (place.file == 0 || place.file > diag->source_count)
		return NULL;
	return &diag->sources[place.file - 1];
}

static int by_place(const void *left, const void *right)
{
	const struct diag_entry *a = *(const struct diag_entry *const *)left;
	const struct diag_entry *b = *(const struct diag_entry *const *)right;

	if (a->place.file != b->place.file)
		return a->place.file < b->place.file ? -1 : 1;
	if (a->place.line != b->place.line)
		return a->place.line < b->place.line ? -1 : 1;
	if (a->place.column != b->place.column)
		return a->place.column < b->place.column ? -1 : 1;
	return a < b ? -1 : a > b; /* as found */
}

/* The entries in the order of their places; malloc'ed. */
static const struct diag_entry **sorted(const struct diag *diag)
{
	const struct diag_entry **order;

	order = calloc(diag->entry_count + 1, sizeof(const void *));
	if (order == NULL)
		return NULL;
	for (size_t i = 0; i < diag->entry_count; i++)
		order[i] = &diag->entries[i];
	qsort(order, diag->entry_count, sizeof(const void *), by_place);
	return order;
}

static void print_head(FILE *out, const struct diag *diag,
		       const struct diag_entry *entry)
{
	const struct diag_source *source = source_of(diag, entry->place);
	const char *level = entry->level == DIAG_ERROR ? "error" : "warning";

	if (source != NULL) {
		char *name = printable(strdup(source->name));

		fprintf(out, "%s:%u:%u: ", name != NULL ? name : "?",
			(unsigned)entry->place.line,
			(unsigned)entry->place.column);
		free(name);
	}
	fprintf(out, "%s: %s", level, entry->message);
}

/*
 * Finds a line by counting; `ret_len` is without its end.  NULL if the source
 * has not that many.
 */
static const char *find_line(const struct diag_source *source, uint32_t line,
			     size_t *ret_len)
{
	const char *at = source->text;
	const char *end = at + source->len;
	const char *stop;

	if (line <= source->skipped)
		return NULL;
	for (line -= source->skipped; line > 1; line--) {
		at = memchr(at, '\n', (size_t)(end - at));
		if (at == NULL)
			return NULL;
		at++;
	}
	stop = memchr(at, '\n', (size_t)(end - at));
	if (stop == NULL)
		stop = end;
	if (stop > at && stop[-1] == '\r')
		stop--;
	*ret_len = (size_t)(stop - at);
	return at;
}

/* A line as shown: where each byte comes to stand, tabs made spaces. */
struct excerpt {
	const char *at; /* without the white space in front */
	size_t len;
	size_t from, to; /* bytes to underline, from `at` */
	bool cut_front, cut_back;
};

static bool excerpt_of(const struct diag *diag, struct place place,
		       struct excerpt *ex)
{
	const struct diag_source *source = source_of(diag, place);
	size_t skip = 0;

	memset(ex, 0, sizeof(*ex));
	if (source == NULL || place.line == 0 || place.column == 0)
		return false;
	ex->at = find_line(source, place.line, &ex->len);
	if (ex->at == NULL)
		return false;
	ex->from = least(place.column - 1u, ex->len);
	ex->to = least(ex->from + place.length, ex->len);
	if (place.column == UINT16_MAX)
		return false; /* too far to the right to be counted */
	while (skip < ex->from && (ex->at[skip] == ' ' || ex->at[skip] == '\t'))
		skip++;
	if (ex->from - skip > BEFORE) {
		skip = ex->from - BEFORE;
		while (skip < ex->from && (ex->at[skip] & 0xc0) == 0x80)
			skip++; /* not in the midst of a character */
		ex->cut_front = true;
	}
	ex->at += skip;
	ex->len -= skip;
	ex->from -= skip;
	ex->to -= skip;
	if (ex->len > WINDOW) {
		ex->len = WINDOW;
		while (ex->len > ex->from + 1 &&
		       (ex->at[ex->len] & 0xc0) == 0x80)
			ex->len--;
		ex->cut_back = true;
		ex->to = least(ex->to, ex->len);
	}
	return true;
}

static void print_excerpt(FILE *out, const struct diag *diag,
			  struct place place)
{
	struct excerpt ex;
	size_t column = 0, mark_from = 0, mark_to = 0;

	if (!excerpt_of(diag, place, &ex) || ex.len == 0)
		return;
	fprintf(out, "%*s%s", INDENT, "", ex.cut_front ? "..." : "");
	for (size_t i = 0; i < ex.len;) {
		size_t take = shown(ex.at + i, ex.len - i);
		size_t wide = 1;

		if (i <= ex.from)
			mark_from = column;
		if (ex.at[i] == '\t') {
			wide = TAB - column % TAB;
			fprintf(out, "%*s", (int)wide, "");
		} else if (take == 0) {
			fputc('?', out);
		} else {
			fwrite(ex.at + i, 1, take, out);
		}
		i += take > 0 ? take : 1;
		column += wide;
		if (i <= ex.to)
			mark_to = column;
	}
	if (ex.from >= ex.len)
		mark_from = column; /* just behind the line */
	fprintf(out, "%s\n%*s^", ex.cut_back ? "..." : "",
		(int)(INDENT + mark_from + (ex.cut_front ? 3 : 0)), "");
	while (++mark_from < mark_to)
		fputc('~', out);
	fputc('\n', out);
}

char *diag_text(const struct diag *diag)
{
	const struct diag_entry **order = sorted(diag);
	size_t unsaid = diag->errors + diag->warnings - diag->entry_count;
	char *text = NULL;
	size_t size = 0;
	FILE *out = NULL;

	if (order != NULL)
		out = open_memstream(&text, &size);
	if (out == NULL)
		goto done;
	for (size_t i = 0; i < diag->entry_count; i++) {
		print_head(out, diag, order[i]);
		fputc('\n', out);
		print_excerpt(out, diag, order[i]->place);
		if (order[i]->hint != NULL)
			fprintf(out, "%*s%s\n", INDENT, "", order[i]->hint);
	}
	if (unsaid > 0)
		fprintf(out, "and %zu more\n", unsaid);
	if (diag->failed)
		fputs("memory ran out: there may be more\n", out);
	if (fclose(out) != 0) {
		free(text);
		text = NULL;
	}
done:
	free(order);
	return text;
}

char *diag_summary(const struct diag *diag)
{
	const struct diag_entry **order = sorted(diag);
	const struct diag_entry *first = NULL;
	size_t all = diag->errors + diag->warnings;
	char *text = NULL;
	size_t size = 0;
	FILE *out = NULL;

	if (order != NULL)
		out = open_memstream(&text, &size);
	if (out == NULL)
		goto done;
	for (size_t i = 0; i < diag->entry_count; i++)
		if (first == NULL || (first->level == DIAG_WARNING &&
				      order[i]->level == DIAG_ERROR))
			first = order[i];
	if (first != NULL) {
		print_head(out, diag, first);
		if (all > 1)
			fprintf(out, " (and %zu more)", all - 1);
	}
	if (fclose(out) != 0) {
		free(text);
		text = NULL;
	}
done:
	free(order);
	return text;
}
