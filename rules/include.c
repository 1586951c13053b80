/*
 * include.c - includes, and the ways into the parser.
 */
#include "rules/include.h"

#include <stdlib.h>
#include <string.h>

#include "rules/parser.h"

/* --- paths --------------------------------------------------------------- */

/* Takes "", "." and "x/.." out of a path, in place. */
static void tidy(char *path)
{
	char *in = path, *out = path;
	char *root;

	if (*in == '/')
		out = ++in;
	root = out;
	while (*in != '\0') {
		size_t len = strcspn(in, "/");
		char *last = out; /* the part before this one */

		while (last > root && (last == out || last[-1] != '/'))
			last--;
		if (len == 2 && memcmp(in, "..", 2) == 0 && last < out &&
		    memcmp(last, "../", 3) != 0) {
			out = last;
		} else if (len > 1 || (len == 1 && *in != '.')) {
			memmove(out, in, len);
			out += len;
			*out++ = '/';
		}
		in += len;
		if (*in == '/')
			in++;
	}
	if (out > root)
		out--;
	*out = '\0';
}

const char *include_path(struct arena *arena, const char *from,
			 const char *name)
{
	const char *slash = from != NULL ? strrchr(from, '/') : NULL;
	size_t folder = slash != NULL ? (size_t)(slash - from) + 1 : 0;
	size_t len = strlen(name);
	char *path;

	if (*name == '/')
		folder = 0;
	path = arena_alloc(arena, folder + len + 2); /* tidy() adds a slash */
	if (path == NULL)
		return NULL;
	if (folder > 0)
		memcpy(path, from, folder);
	memcpy(path + folder, name, len);
	tidy(path);
	return path;
}

/* --- files --------------------------------------------------------------- */

static bool admit(struct inclusion *files, const char *path, struct place place,
		  struct diag *diag)
{
	for (size_t i = 0; i < files->file_count; i++) {
		struct place first = files->files[i].place;

		if (strcmp(files->files[i].path, path) != 0)
			continue;
		diag_error(diag, place, "\"%s\" is included twice", path);
		if (first.file == 0)
			diag_hint(diag, "it is the file that is read first");
		else
			diag_hint(diag, "the first time at %s:%u",
				  diag->sources[first.file - 1].name,
				  (unsigned)first.line);
		return false;
	}
	if (files->file_count == INCLUDE_FILES) {
		diag_error(diag, place, "more than %d files", INCLUDE_FILES);
		return false;
	}
	files->files[files->file_count++] =
		(struct included){ .path = path, .place = place };
	return true;
}

/* Reads a file into `diag`; returns its number, or 0 with a report. */
static uint16_t load(struct inclusion *files, const char *path,
		     struct place place, struct diag *diag)
{
	const struct ast_reader *reader = files->reader;
	char why[256] = "";
	size_t len = 0;
	char *text;

	text = reader->read(reader->context, path, &len, why, sizeof(why));
	if (text == NULL) {
		diag_error(diag, place, "cannot read \"%s\": %s", path, why);
		return 0;
	}
	if (len > INCLUDE_BYTES - files->bytes) {
		diag_error(diag, place, "all rule files together exceed %d MiB",
			   INCLUDE_BYTES >> 20);
		free(text);
		return 0;
	}
	files->bytes += len;
	return diag_add_source(diag, path, text, len);
}

/* All of one source and what it includes. */
static void read_source(struct ast *ast, struct inclusion *files,
			const char *path, uint16_t file, struct diag *diag)
{
	struct parser parser = {
		.ast = ast,
		.diag = diag,
		.arena = &ast->arena,
		.files = files,
		.path = path,
	};

	files->depth++;
	parser_run(&parser, file);
	files->depth--;
}

static void read_file(struct ast *ast, struct inclusion *files,
		      const char *path, struct place place, struct diag *diag)
{
	uint16_t file;

	if (!admit(files, path, place, diag))
		return;
	file = load(files, path, place, diag);
	if (file != 0)
		read_source(ast, files, path, file, diag);
}

static void read_glob(struct parser *parser, const char *pattern,
		      struct place place)
{
	const struct ast_reader *reader = parser->files->reader;
	char why[256] = "";
	char *paths;

	paths = reader->glob(reader->context, pattern, why, sizeof(why));
	if (paths == NULL) {
		diag_error(parser->diag, place, "cannot look for \"%s\": %s",
			   pattern, why);
		return;
	}
	for (const char *at = paths; *at != '\0'; at += strlen(at) + 1) {
		const char *path = include_path(parser->arena, NULL, at);
		bool full = parser->files->file_count == INCLUDE_FILES;

		if (path == NULL)
			break;
		read_file(parser->ast, parser->files, path, place,
			  parser->diag);
		if (full)
			break; /* said once */
	}
	free(paths);
}

bool parse_include(struct parser *parser, struct ast_statement *statement)
{
	struct inclusion *files = parser->files;
	struct ast_value name;
	const char *path;

	(void)statement; /* the files' own statements come in its place */
	if (!parse_string(parser, "the name of a file in quotes", &name))
		return false;
	if (name.len == 0) {
		diag_error(parser->diag, name.place, "this name is empty");
		return true;
	}
	if (files->reader == NULL) {
		diag_error(parser->diag, name.place,
			   "nothing can be included here");
		return true;
	}
	if (++files->statements > INCLUDE_FILES) {
		diag_error(parser->diag, name.place, "more than %d includes",
			   INCLUDE_FILES);
		return true;
	}
	if (files->depth >= INCLUDE_DEPTH) {
		diag_error(parser->diag, name.place,
			   "files include each other more than %d deep",
			   INCLUDE_DEPTH);
		return true;
	}
	path = include_path(parser->arena, parser->path, name.text);
	if (path == NULL)
		return false;
	if (strpbrk(path, "*?[") != NULL)
		read_glob(parser, path, name.place);
	else
		read_file(parser->ast, files, path, name.place, parser->diag);
	return true;
}

/* --- the ways in --------------------------------------------------------- */

static bool begin(struct inclusion *files, const struct ast_reader *reader,
		  struct diag *diag)
{
	*files = (struct inclusion){ .reader = reader };
	files->files = calloc(INCLUDE_FILES, sizeof(*files->files));
	if (files->files == NULL)
		diag_error(diag, (struct place){ 0 },
			   "no memory is left to read rule files");
	return files->files != NULL;
}

/* A copy of the text as a source; 0 without memory. */
static uint16_t add_text(struct diag *diag, const char *name, const char *text,
			 size_t len)
{
	char *copy = malloc(len + 1);

	if (copy == NULL) {
		diag->failed = true;
		return 0;
	}
	if (len > 0)
		memcpy(copy, text, len);
	copy[len] = '\0';
	return diag_add_source(diag, name, copy, len);
}

bool ast_parse_file(struct ast *ast, const char *path,
		    const struct ast_reader *reader, struct diag *diag)
{
	size_t errors = diag->errors;
	struct inclusion files;
	const char *tidied = include_path(&ast->arena, NULL, path);

	if (tidied == NULL || !begin(&files, reader, diag))
		return false;
	read_file(ast, &files, tidied, (struct place){ 0 }, diag);
	free(files.files);
	return diag->errors == errors && !diag->failed;
}

bool ast_parse_text(struct ast *ast, const char *name, const char *text,
		    size_t len, const struct ast_reader *reader,
		    struct diag *diag)
{
	size_t errors = diag->errors;
	uint16_t file = add_text(diag, name, text, len);
	struct inclusion files;

	if (file == 0 || !begin(&files, reader, diag))
		return false;
	read_source(ast, &files, NULL, file, diag);
	free(files.files);
	return diag->errors == errors && !diag->failed;
}

const struct ast_expr *ast_parse_expr(struct ast *ast, const char *name,
				      const char *text, size_t len,
				      struct diag *diag)
{
	uint16_t file = add_text(diag, name, text, len);
	struct parser parser = {
		.ast = ast,
		.diag = diag,
		.arena = &ast->arena,
	};

	return file != 0 ? parser_run_condition(&parser, file) : NULL;
}
