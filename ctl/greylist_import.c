/*
 * greylist_import.c - entries on their way to the store, and those of a file.
 *
 * A request has at most 64 KiB, so a batch is as many entries as fit.  Of our
 * own files all is read before anything is sent: one that was cut off, or is
 * none of ours, changes nothing.
 */
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ask.h"
#include "ctl/greylist.h"
#include "ctl/print.h"
#include "filter/control.h"
#include "filter/show.h"

enum {
	BATCH_BYTES = CONTROL_LINE_MAX - 1024, /* besides the entries */
	LINE_SIZE = 8192, /* no record is that long */
};

/* --- batches ------------------------------------------------------------- */

struct origin {
	const char *file;
	size_t line;
};

struct greylist_import {
	const struct command *command;
	struct greylist_asker *asker;
	struct origin at; /* of the next entry */
	bool failed, begun;
	uint64_t given, taken;
	json_t *batch;
	size_t bytes;
	struct origin places[STORE_PAGE_MAX]; /* of those in the batch */
};

struct greylist_import *greylist_import_open(const struct command *command)
{
	struct greylist_import *import = calloc(1, sizeof(*import));

	if (import == NULL)
		err(EXIT_NO, NULL);
	import->command = command;
	import->asker = greylist_asker_open(command, GREYLIST_CHANGE);
	import->batch = json_array();
	import->at.file = "-";
	return import;
}

void greylist_import_at(struct greylist_import *import, const char *file,
			size_t line)
{
	import->at = (struct origin){ file, line };
}

uint64_t greylist_import_given(const struct greylist_import *import)
{
	return import->given;
}

uint64_t greylist_import_taken(const struct greylist_import *import)
{
	return import->taken;
}

static void refuse(struct greylist_import *import, const struct origin *place,
		   const char *why)
{
	import->failed = true;
	failed(import->command, "%s:%zu: %s", place->file, place->line, why);
	if (import->taken > 0)
		fprintf(stderr,
			"steelyardctl greylist: %" PRIu64
			" were taken before that\n",
			import->taken);
}

void greylist_import_refuse(struct greylist_import *import, const char *format,
			    ...)
{
	char why[512];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	if (!import->failed)
		refuse(import, &import->at, why);
}

static void take_answer(struct greylist_import *import, const json_t *lines)
{
	const json_t *last = answer_last(lines);
	const json_t *bad = json_object_get(last, "bad");
	size_t index = (size_t)json_integer_value(bad);

	if (answer_is_ok(lines)) {
		import->taken += (uint64_t)json_integer_value(
			json_object_get(last, "taken"));
	} else if (json_is_integer(bad) && index < STORE_PAGE_MAX) {
		refuse(import, &import->places[index],
		       answer_text(lines, "error"));
	} else {
		import->failed = true;
		failed(import->command,
		       "%s:%zu: from here on nothing was taken: %s",
		       import->places[0].file, import->places[0].line,
		       answer_text(lines, "error"));
	}
}

static void send_batch(struct greylist_import *import)
{
	json_t *request, *lines;

	if (json_array_size(import->batch) == 0)
		return;
	request = json_pack("{s:s, s:b, s:o}", "action", "import", "goes_on",
			    import->begun, "entries", import->batch);
	import->batch = json_array();
	import->bytes = 0;
	lines = greylist_ask(import->asker, request);
	import->begun = true;
	if (lines == NULL)
		import->failed = true; /* and told */
	else
		take_answer(import, lines);
	json_decref(lines);
}

/* How long it will be on a line. */
static size_t bytes_of(const json_t *row)
{
	return json_dumpb(row, NULL, 0, JSON_COMPACT) + 1;
}

bool greylist_import_entry(struct greylist_import *import,
			   const struct store_entry *entry)
{
	json_t *row;
	size_t bytes;

	if (import->failed)
		return false;
	row = json_pack("{s:s, s:s, s:s, s:o}", "kind",
			show_greylist_kind(entry->kind), "key", entry->key,
			"value", entry->value, "expires",
			entry->expires == GREYLIST_FOR_EVER
				? json_null()
				: json_integer((json_int_t)entry->expires));
	if (row == NULL) {
		refuse(import, &import->at, "not UTF-8");
		return false;
	}
	bytes = bytes_of(row);
	if (import->bytes + bytes > BATCH_BYTES ||
	    json_array_size(import->batch) == STORE_PAGE_MAX)
		send_batch(import);
	if (import->failed) {
		json_decref(row);
		return false;
	}
	import->places[json_array_size(import->batch)] = import->at;
	json_array_append_new(import->batch, row);
	import->bytes += bytes;
	import->given++;
	return true;
}

static void print_done(const struct greylist_import *import)
{
	json_t *answer;

	if (!import->command->json) {
		printf("%" PRIu64 " record%s read, %" PRIu64 " taken%s\n",
		       import->given, import->given == 1 ? "" : "s",
		       import->taken,
		       import->taken < import->given
			       ? "; the others have lapsed, or were there as "
				 "well"
			       : "");
		return;
	}
	answer = json_pack("{s:b, s:I, s:I}", "ok", true, "given",
			   (json_int_t)import->given, "taken",
			   (json_int_t)import->taken);
	print_json(answer);
	json_decref(answer);
}

enum exit_code greylist_import_close(struct greylist_import *import)
{
	enum exit_code code;

	if (!import->failed)
		send_batch(import);
	if (!import->failed)
		print_done(import);
	code = import->failed ? EXIT_NO : EXIT_YES;
	json_decref(import->batch);
	greylist_asker_close(import->asker);
	free(import);
	return code;
}

/* --- a file of ours ------------------------------------------------------ */

static const char *text(const json_t *row, const char *key)
{
	return json_string_value(json_object_get(row, key));
}

static bool read_kind(const json_t *row, enum store_kind *ret_kind)
{
	const char *name = text(row, "kind");

	for (unsigned kind = STORE_TRIPLET; kind <= STORE_OUTBOUND; kind <<= 1)
		if (name != NULL &&
		    strcmp(name, show_greylist_kind((enum store_kind)kind)) ==
			    0) {
			*ret_kind = (enum store_kind)kind;
			return true;
		}
	return false;
}

/* The strings are the row's.  NULL, or what is wrong with it. */
static const char *read_row(const json_t *row, struct store_entry *entry)
{
	const json_t *expires = json_object_get(row, "expires");

	*entry = (struct store_entry){ 0 };
	entry->key = text(row, "key");
	entry->value = text(row, "value");
	if (!json_is_object(row))
		return "not an object";
	if (!read_kind(row, &entry->kind))
		return "kind is none of triplet, identity and outbound";
	if (entry->key == NULL ||
	    !store_key_valid(entry->kind, entry->key, strlen(entry->key)))
		return "key is none of that kind";
	if (entry->value == NULL || !store_entry_read(entry))
		return entry->reading == GREYLIST_NEWER && entry->value != NULL
			       ? "value is of a newer version"
			       : "value is none of that kind";
	if (json_is_null(expires))
		entry->expires = GREYLIST_FOR_EVER;
	else if (json_is_integer(expires))
		entry->expires = (int64_t)json_integer_value(expires);
	else
		return "expires is neither a number nor null";
	return entry->expires < 0 ? "expires is negative" : NULL;
}

/* NULL when it has been refused. */
static json_t *parse_line(struct greylist_import *import, const char *line)
{
	json_error_t error;
	json_t *row = json_loads(line, JSON_REJECT_DUPLICATES, &error);

	if (row == NULL)
		greylist_import_refuse(import, "not JSON: %s", error.text);
	return row;
}

/* One line; looked at, or sent. */
static bool take_line(struct greylist_import *import, const char *line,
		      bool send)
{
	struct store_entry entry;
	const char *why;
	json_t *row;
	bool good;

	if (line[strspn(line, " \t\r\n")] == '\0')
		return true;
	row = parse_line(import, line);
	if (row == NULL)
		return false;
	why = read_row(row, &entry);
	if (why != NULL)
		greylist_import_refuse(import, "%s", why);
	good = why == NULL && (!send || greylist_import_entry(import, &entry));
	json_decref(row);
	return good;
}

/* The bytes up to LF or the end, which is left out; false at the end. */
static bool read_bytes(FILE *in, char line[LINE_SIZE], size_t *ret_len)
{
	size_t len = 0;
	int c = getc(in);

	if (c == EOF)
		return false;
	for (; c != EOF && c != '\n' && len < LINE_SIZE - 1; c = getc(in))
		line[len++] = (char)c;
	line[len] = '\0';
	*ret_len = len;
	return true;
}

static bool take_file(struct greylist_import *import, FILE *in,
		      const char *name, bool send)
{
	char line[LINE_SIZE];
	size_t number = 0, len;

	while (read_bytes(in, line, &len)) {
		greylist_import_at(import, name, ++number);
		if (len == LINE_SIZE - 1)
			greylist_import_refuse(import, "no record is so long");
		else if (strlen(line) != len)
			greylist_import_refuse(import, "there is a NUL in it");
		else if (take_line(import, line, send))
			continue;
		return false;
	}
	if (ferror(in))
		greylist_import_refuse(import, "%s", strerror(errno));
	return !ferror(in);
}

/* What cannot be read twice is kept first; NULL with errno. */
static FILE *rereadable(FILE *in)
{
	char block[16384];
	FILE *copy;
	size_t len;

	if (fseek(in, 0, SEEK_SET) == 0)
		return in;
	copy = tmpfile();
	if (copy == NULL)
		return NULL;
	while ((len = fread(block, 1, sizeof(block), in)) > 0)
		if (fwrite(block, 1, len, copy) != len)
			break;
	if (ferror(in) || ferror(copy) || fflush(copy) != 0) {
		fclose(copy);
		return NULL;
	}
	rewind(copy);
	return copy;
}

enum exit_code greylist_import(const struct command *command)
{
	const char *path =
		command->argument_count > 1 ? command->arguments[1] : "-";
	const char *from = command_value(command, "from");
	bool is_stdin = strcmp(path, "-") == 0;
	struct greylist_import *import;
	enum exit_code code = EXIT_NO;
	FILE *in, *file;

	if (from != NULL)
		return greylist_import_foreign(command, from, path);
	in = is_stdin ? stdin : fopen(path, "re");
	if (in == NULL)
		return failed(command, "%s: %s", path, strerror(errno));
	errno = 0;
	file = rereadable(in);
	if (file == NULL) {
		code = failed(command, "%s: %s", path, strerror(errno));
		goto done;
	}
	import = greylist_import_open(command);
	if (take_file(import, file, path, false)) {
		rewind(file);
		take_file(import, file, path, true);
	}
	code = greylist_import_close(import);
done:
	if (file != NULL && file != in)
		fclose(file);
	if (!is_stdin)
		fclose(in);
	return code;
}
