/*
 * test_include.c - one tree from many files, each of them once.
 */
#include "rules/include.h"

#include <fnmatch.h>
#include <stdarg.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/ast_dump.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* A folder that exists here alone; NULL ends it. */
struct page {
	const char *path, *text;
};

static char *page_read(void *context, const char *path, size_t *ret_len,
		       char *why, size_t why_size)
{
	for (const struct page *page = context; page->path != NULL; page++)
		if (strcmp(page->path, path) == 0) {
			*ret_len = strlen(page->text);
			return strdup(page->text);
		}
	snprintf(why, why_size, "no such file");
	return NULL;
}

/* The pages are written in C order here. */
static char *page_glob(void *context, const char *pattern, char *why,
		       size_t why_size)
{
	char *paths = NULL;
	size_t size = 0;
	FILE *out;

	if (strstr(pattern, "forbidden") != NULL) {
		snprintf(why, why_size, "permission denied");
		return NULL;
	}
	out = open_memstream(&paths, &size);
	for (const struct page *page = context; page->path != NULL; page++)
		if (fnmatch(pattern, page->path, FNM_PATHNAME) == 0)
			fwrite(page->path, 1, strlen(page->path) + 1, out);
	fputc('\0', out);
	fclose(out);
	return paths;
}

static void test_files(void **state)
{
	static const struct {
		const char *claim;
		struct page pages[6];
		const char *dump; /* NULL: not of interest */
		const char *problem; /* in the first error; NULL: all is well */
		const char *hint;
	} rows[] = {
		{ "statements come where they are included",
		  { { "a", "set a 1\ninclude \"b\"\nset c 3" },
		    { "b", "set b 2" } },
		  "set a n100\nset b n200\nset c n300\n",
		  NULL,
		  NULL },
		{ "from the folder of the file that names it",
		  { { "/etc/x/a", "include \"d/b\"" },
		    { "/etc/x/d/b", "include \"../c\"\nlist l ip from \"l\"" },
		    { "/etc/x/c", "list m ip from \"/abs/m\"" } },
		  "list m ip from /abs/m\nlist l ip from /etc/x/d/l\n",
		  NULL,
		  NULL },
		{ "a pattern stands for all that fit",
		  { { "a", "include \"d/*.rules\"" },
		    { "d/1.rules", "set x 1" },
		    { "d/2.rules", "set x 2" },
		    { "d/no", "set x 3" } },
		  "set x n100\nset x n200\n",
		  NULL,
		  NULL },
		{ "or for none",
		  { { "a", "include \"d/*.rules\"" } },
		  "",
		  NULL,
		  NULL },
		{ "a name without a pattern must exist",
		  { { "a", "include \"b\"" } },
		  "",
		  "1:9 cannot read \"b\": no such file",
		  NULL },
		{ "so must the first file",
		  { { "z", "" } },
		  "",
		  "0:0 cannot read \"a\": no such file",
		  NULL },
		{ "a folder that cannot be read is an error",
		  { { "a", "include \"forbidden/*\"" } },
		  "",
		  "1:9 cannot look for \"forbidden/*\": permission denied",
		  NULL },
		{ "twice is once too often",
		  { { "a", "include \"b\"\ninclude \"./x/..//b\"" },
		    { "b", "set b 2" } },
		  "set b n200\n",
		  "2:9 \"b\" is included twice",
		  "the first time at a:1" },
		{ "a pattern counts, too",
		  { { "a", "include \"d/1\"\ninclude \"d/*\"" },
		    { "d/1", "set b 1" },
		    { "d/2", "set b 2" } },
		  "set b n100\nset b n200\n",
		  "2:9 \"d/1\" is included twice",
		  NULL },
		{ "a circle ends",
		  { { "a", "include \"b\"" }, { "b", "include \"a\"" } },
		  "",
		  "1:9 \"a\" is included twice",
		  "the file that is read first" },
		{ "a mistake is told in its own file",
		  { { "a", "include \"b\"\nset x 1" }, { "b", "\nsat y 2" } },
		  "set x n100\n",
		  "2:1 there is no statement \"sat\"",
		  NULL },
		{ "an open brace ends with its file",
		  { { "a", "include \"b\"\nset x 1" },
		    { "b", "list l ip { 10.0.0.1" } },
		  "BROKEN list l ip {a10.0.0.1}\nset x n100\n",
		  "1:11 this \"{\" is never closed",
		  NULL },
		{ "an empty name is none",
		  { { "a", "include \"\"" } },
		  "",
		  "1:9 this name is empty",
		  NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct ast_reader reader = {
			.context = (void *)(uintptr_t)rows[i].pages,
			.read = page_read,
			.glob = page_glob,
		};
		const char *first = rows[i].pages[0].path;
		char problem[256] = "";
		struct diag diag;
		struct ast ast;
		char *dump;

		ast_init(&ast);
		diag_init(&diag);
		if (strcmp(first, "z") == 0)
			first = "a";
		if (ast_parse_file(&ast, first, &reader, &diag) !=
		    (rows[i].problem == NULL))
			fail_msg("%s", rows[i].claim);
		if (rows[i].problem != NULL) {
			const struct diag_entry *entry = &diag.entries[0];

			snprintf(problem, sizeof(problem), "%u:%u %s",
				 (unsigned)entry->place.line,
				 entry->place.column, entry->message);
			assert_string_equal(problem, rows[i].problem);
		}
		if (rows[i].hint != NULL)
			assert_non_null(
				strstr(diag.entries[0].hint, rows[i].hint));
		dump = ast_dump(&ast);
		assert_string_equal(dump, rows[i].dump);
		free(dump);
		ast_done(&ast);
		diag_done(&diag);
	}
}

/* Files that are made as they are asked for: N includes N+1. */
struct endless {
	size_t files;
	size_t bytes; /* of each */
	bool deep;
};

static char *endless_read(void *context, const char *path, size_t *ret_len,
			  char *why, size_t why_size)
{
	const struct endless *endless = context;
	unsigned long number = strtoul(path, NULL, 10);
	char *text = malloc(endless->bytes + 64 * 2000);
	size_t len = 0;

	(void)why;
	(void)why_size;
	memset(text, '\n', endless->bytes);
	len = endless->bytes;
	if (endless->deep)
		len += (size_t)sprintf(text + len, "include \"%lu\"\n",
				       number + 1);
	for (unsigned long i = 1;
	     !endless->deep && number == 0 && i < endless->files; i++)
		len += (size_t)sprintf(text + len, "include \"%lu\"\n", i);
	text[len] = '\0';
	*ret_len = len;
	return text;
}

static void test_limits(void **state)
{
	static const struct {
		const char *claim;
		struct endless endless;
		const char *problem;
	} rows[] = {
		{ "17 deep",
		  { .deep = true },
		  "files include each other more than 16 deep" },
		{ "1,000 files", { .files = 1000 }, NULL },
		{ "1,001 files", { .files = 1001 }, "more than 1000 files" },
		{ "15 MiB", { .files = 15, .bytes = 1 << 20 }, NULL },
		{ "17 MiB",
		  { .files = 17, .bytes = 1 << 20 },
		  "all rule files together exceed 16 MiB" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct endless endless = rows[i].endless;
		struct ast_reader reader = { .context = &endless,
					     .read = endless_read };
		struct diag diag;
		struct ast ast;

		ast_init(&ast);
		diag_init(&diag);
		if (ast_parse_file(&ast, "0", &reader, &diag) !=
		    (rows[i].problem == NULL))
			fail_msg("%s", rows[i].claim);
		if (rows[i].problem != NULL)
			assert_string_equal(diag.entries[0].message,
					    rows[i].problem);
		ast_done(&ast);
		diag_done(&diag);
	}
}

static void test_paths(void **state)
{
	static const struct {
		const char *from, *name, *path;
	} rows[] = {
		{ NULL, "a", "a" },
		{ NULL, "./a", "a" },
		{ NULL, "a//b/./c/", "a/b/c" },
		{ NULL, "a/../b", "b" },
		{ NULL, "../b", "../b" },
		{ NULL, "../../b", "../../b" },
		{ NULL, "a/../../b", "../b" },
		{ NULL, "/", "/" },
		{ NULL, "//a", "/a" },
		{ NULL, "..a/.b", "..a/.b" },
		{ "x", "a", "a" },
		{ "d/x", "a", "d/a" },
		{ "d/x", "/a", "/a" },
		{ "/d/e/x", "../a", "/d/a" },
		{ "d/x", "", "d" },
		{ "/x", "a", "/a" },
	};
	struct arena arena;

	(void)state;
	arena_init(&arena, 1 << 16);
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_string_equal(include_path(&arena, rows[i].from,
						 rows[i].name),
				    rows[i].path);
	arena_done(&arena);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
