/*
 * greylist_import_foreign.c - `greylist import --from WHAT`: what another
 * greylist has written out.
 *
 * What a line says is judged by lists/greylist_foreign.h, by the terms of the
 * configuration for those in no class.  A line that cannot be read is told and
 * passed over, as a dump of a million is not to be lost for one.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ctl/ask.h"
#include "ctl/greylist.h"
#include "ctl/print.h"
#include "filter/generation.h"
#include "filter/greylist.h"
#include "lists/greylist_clock.h"
#include "lists/greylist_foreign.h"

enum {
	TOLD_MAX = 20, /* lines that are told one by one */
	BLOCK = 65536,
};

struct reading {
	const struct command *command;
	const char *file;
	struct greylist_import *import;
	uint64_t problems;
};

static bool take_entry(void *context, uint64_t line,
		       const struct store_entry *entry)
{
	struct reading *reading = context;

	greylist_import_at(reading->import, reading->file, line);
	return greylist_import_entry(reading->import, entry);
}

static void tell_problem(void *context, uint64_t line, const char *what)
{
	struct reading *reading = context;

	if (++reading->problems > TOLD_MAX)
		return;
	fprintf(stderr, "steelyardctl greylist: ");
	print_escaped(stderr, reading->file);
	fprintf(stderr, ":%" PRIu64 ": %s\n", line, what);
}

/* --- what is told behind ------------------------------------------------- */

static void print_count(uint64_t count, const char *what)
{
	if (count > 0)
		fprintf(stderr, "steelyardctl greylist: %" PRIu64 " %s\n",
			count, what);
}

static void print_counts(const struct reading *reading,
			 const struct greylist_foreign_counts *counts)
{
	json_t *row;

	if (reading->problems > TOLD_MAX)
		print_count(reading->problems - TOLD_MAX,
			    "more complaints are not shown");
	if (reading->command->json) {
		row = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
				"lines", (json_int_t)counts->lines, "found",
				(json_int_t)counts->records, "good",
				(json_int_t)counts->taken, "lapsed",
				(json_int_t)counts->lapsed, "hashed",
				(json_int_t)counts->hashed, "other",
				(json_int_t)counts->other, "bad",
				(json_int_t)counts->bad, "entries",
				(json_int_t)counts->entries);
		print_json(row);
		json_decref(row);
		return;
	}
	print_count(counts->records, "found there");
	print_count(counts->lapsed, "of them have lapsed by our terms");
	print_count(counts->hashed, "are hashes that tell nothing");
	print_count(counts->other, "mean nothing here");
	print_count(counts->bad, "cannot be read");
}

/* --- reading ------------------------------------------------------------- */

static void refuse(struct reading *reading, const char *why)
{
	greylist_import_at(reading->import, reading->file, 1);
	greylist_import_refuse(reading->import, "%s", why);
}

/* False with the reason told. */
static bool read_stream(struct reading *reading,
			struct greylist_foreign *foreign, FILE *in)
{
	static char block[BLOCK];
	const char *binary;
	bool first = true;
	size_t len;

	while ((len = fread(block, 1, sizeof(block), in)) > 0) {
		binary = first ? greylist_foreign_binary(block, len) : NULL;
		if (binary) {
			refuse(reading, binary);
			return false;
		}
		first = false;
		if (!greylist_foreign_feed(foreign, block, len))
			return false; /* and told */
	}
	if (ferror(in)) {
		refuse(reading, strerror(errno));
		return false;
	}
	return greylist_foreign_end(foreign);
}

static struct greylist_foreign_terms terms_of(const struct generation *gen)
{
	struct greylist_foreign_terms terms = {
		.terms = greylist_terms_of(gen, 0),
		.bits = { (uint8_t)gen->settings.greylist.v4_bits,
			  (uint8_t)gen->settings.greylist.v6_bits },
		.now = greylist_now(),
	};
	time_t now = (time_t)terms.now.wall;
	struct tm here;

	if (localtime_r(&now, &here))
		terms.utc_offset = (int)here.tm_gmtoff;
	return terms;
}

static enum exit_code read_all(struct reading *reading,
			       enum greylist_foreign_kind kind,
			       const struct greylist_foreign_terms *terms,
			       FILE *in)
{
	const struct greylist_foreign_counts *counts;
	struct greylist_foreign *foreign;
	enum exit_code code = EXIT_NO, sent;
	bool good = false;

	foreign = greylist_foreign_new(kind, terms, take_entry, tell_problem,
				       reading);
	if (!foreign)
		return failed(reading->command, "out of memory");
	reading->import = greylist_import_open(reading->command);
	if (read_stream(reading, foreign, in)) {
		counts = greylist_foreign_counts(foreign);
		good = counts->records > 0 && reading->problems == 0;
		if (counts->records > 0 || reading->problems > 0)
			print_counts(reading, counts);
		else
			refuse(reading, "there is nothing in it that such a "
					"greylist writes");
	}
	sent = greylist_import_close(reading->import);
	if (good)
		code = sent;
	greylist_foreign_free(foreign);
	return code;
}

enum exit_code greylist_import_foreign(const struct command *command,
				       const char *what, const char *file)
{
	enum greylist_foreign_kind kind = greylist_foreign_kind(what);
	bool standard = !file || strcmp(file, "-") == 0;
	struct reading reading = { .command = command,
				   .file = standard ? "standard input" : file };
	struct greylist_foreign_terms terms;
	struct generation *gen;
	enum exit_code code;
	FILE *in;

	if (kind == GREYLIST_FOREIGN_NONE)
		return wrong_use(command,
				 "--from is postgrey, milter-greylist or "
				 "sqlgrey, not \"%s\"",
				 what);
	gen = ask_generation(command);
	if (!gen)
		return EXIT_NO;
	terms = terms_of(gen);
	generation_unref(gen);
	in = standard ? stdin : fopen(file, "re");
	if (!in)
		return failed(command, "%s: %s", file, strerror(errno));
	code = read_all(&reading, kind, &terms, in);
	if (!standard)
		fclose(in);
	return code;
}
