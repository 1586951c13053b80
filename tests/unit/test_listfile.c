/*
 * test_listfile.c - lists from files: half written, emptied, edited.
 */
#include "lists/listfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static char folder[] = "/tmp/test_listfile.XXXXXX";
static char path[64];

static int setup(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "%s/a.list", folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

/* The file, and when it was last changed. */
static void write_file(const char *text, time_t ago)
{
	struct timespec times[2] = { { .tv_sec = time(NULL) - ago },
				     { .tv_sec = time(NULL) - ago } };
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static char heard[1024];

static void hear(void *ctx, const struct list_problem *problem)
{
	char line[300];

	(void)ctx;
	assert_string_equal(problem->path, path);
	list_problem_format(problem, line, sizeof(line));
	assert_true(strlen(heard) + strlen(line) + 2 < sizeof(heard));
	/* without the folder, which has another name each time */
	strcat(heard, line + strlen(folder) + 1);
	strcat(heard, "\n");
}

static enum list_load load(const struct list *previous, bool force,
			   struct list **ret_list)
{
	const struct list_reading reading = { .kind = LIST_DOMAIN,
					      .previous = previous,
					      .force = force,
					      .report = hear };
	struct file_stamp stamp = { 0 };
	enum list_load answer;

	*ret_list = NULL;
	heard[0] = '\0';
	answer = list_load_file(path, &reading, ret_list, &stamp);
	assert_int_equal(answer == LIST_LOADED, *ret_list != NULL);
	assert_int_equal(answer == LIST_LOADED, heard[0] == '\0');
	if (answer == LIST_LOADED)
		assert_false(file_stamp_differs(path, &stamp));
	return answer;
}

/* "n0.test" to "n<count - 1>.test", a line each */
static const char *names(size_t count)
{
	static char text[4096];
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < count; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"n%zu.test\n", i);
	return text;
}

static void test_shrinking(void **state)
{
	static const struct {
		const char *claim;
		size_t before, after;
		bool force;
		enum list_load answer;
	} rows[] = {
		{ "growing is fine", 1, 100, false, LIST_LOADED },
		{ "the same is fine", 100, 100, false, LIST_LOADED },
		{ "a tenth left is fine", 100, 10, false, LIST_LOADED },
		{ "less is not", 100, 9, false, LIST_LOAD_SHRUNK },
		{ "unless it is meant", 100, 9, true, LIST_LOADED },
		{ "suddenly empty is not", 100, 0, false, LIST_LOAD_SHRUNK },
		{ "not even from one", 1, 0, false, LIST_LOAD_SHRUNK },
		{ "unless it is meant to be", 1, 0, true, LIST_LOADED },
		{ "still empty is fine", 0, 0, false, LIST_LOADED },
		{ "two of nineteen is fine", 19, 2, false, LIST_LOADED },
		{ "one of nineteen is not", 19, 1, false, LIST_LOAD_SHRUNK },
	};
	struct list *before, *after;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		print_message("%s\n", rows[i].claim);
		write_file(names(rows[i].before), 0);
		assert_int_equal(load(NULL, false, &before), LIST_LOADED);
		assert_int_equal(list_count(before), rows[i].before);
		write_file(names(rows[i].after), 0);
		assert_int_equal(load(before, rows[i].force, &after),
				 rows[i].answer);
		list_unref(before);
		list_unref(after);
	}
	write_file(names(100), 0);
	load(NULL, false, &before);
	write_file(names(1), 0);
	load(before, false, &after);
	assert_string_equal(heard,
			    "a.list: it has 1 entry now and had 100; if that "
			    "is meant, load it with force\n");
	list_unref(before);
	/* nothing to compare with at start */
	write_file("", 0);
	assert_int_equal(load(NULL, false, &after), LIST_LOADED);
	list_unref(after);
}

static void test_half_written(void **state)
{
	static const struct {
		const char *claim, *text;
		time_t ago;
		bool first, force;
		enum list_load answer;
	} rows[] = {
		{ "a line without end, just now, may be half of one",
		  "a.test\nb.te", 0, false, false, LIST_LOAD_BUSY },
		{ "after a while it is just how somebody writes",
		  "a.test\nb.test", LIST_SETTLE_S, false, false, LIST_LOADED },
		{ "a whole line is a whole line", "a.test\nb.test\n", 0, false,
		  false, LIST_LOADED },
		{ "at start there is nothing better", "a.test\nb.test", 0, true,
		  false, LIST_LOADED },
		{ "who says force means it", "a.test\nb.test", 0, false, true,
		  LIST_LOADED },
		{ "a time to come says nothing", "a.test\nb.test", -3600, false,
		  false, LIST_LOADED },
	};
	struct list *previous, *list;

	(void)state;
	write_file("a.test\n", 0);
	assert_int_equal(load(NULL, false, &previous), LIST_LOADED);
	for (size_t i = 0; i < COUNT(rows); i++) {
		print_message("%s\n", rows[i].claim);
		write_file(rows[i].text, rows[i].ago);
		assert_int_equal(load(rows[i].first ? NULL : previous,
				      rows[i].force, &list),
				 rows[i].answer);
		list_unref(list);
	}
	list_unref(previous);
}

static void test_broken(void **state)
{
	struct list *list;

	(void)state;
	write_file("a.test\n\n  *.b.test\nc d\n", 0);
	assert_int_equal(load(NULL, true, &list), LIST_LOAD_BROKEN);
	assert_string_equal(heard,
			    "a.list:3:3: no '*': a domain stands for all below "
			    "it, too\n"
			    "a.list:4:3: one entry a line; a comment begins "
			    "with '#'\n");
	unlink(path);
	assert_int_equal(load(NULL, true, &list), LIST_LOAD_BROKEN);
	assert_string_equal(heard, "a.list: No such file or directory\n");
	write_file("a.test\n", 0);
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(load(NULL, true, &list), LIST_LOAD_BROKEN);
	assert_string_equal(heard,
			    "a.list: everybody may write to it; chmod o-w "
			    "it\n");
	assert_int_equal(truncate(path, (off_t)LIST_FILE_MAX + 1), 0);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(load(NULL, true, &list), LIST_LOAD_BROKEN);
}

/* Takes what has no "(" in it. */
static int check_regex(const char *text, size_t len,
		       struct list_error *ret_error)
{
	const char *bad = memchr(text, '(', len);

	if (!bad)
		return 0;
	ret_error->column = (size_t)(bad - text) + 1;
	strcpy(ret_error->text, "never closed");
	return -1;
}

/* Each regex is told of, and where it stands. */
static void test_regexes_are_checked(void **state)
{
	const struct list_reading reading = { .kind = LIST_REGEX,
					      .check = check_regex,
					      .report = hear };
	struct file_stamp stamp;
	struct list *list = NULL;

	(void)state;
	write_file("/a(/\n/b/ # (\n\n  /c(/\n/(/\n", 0);
	heard[0] = '\0';
	assert_int_equal(list_load_file(path, &reading, &list, &stamp),
			 LIST_LOAD_BROKEN);
	assert_null(list);
	assert_string_equal(heard, "a.list:1:3: never closed\n"
				   "a.list:4:5: never closed\n"
				   "a.list:5:2: never closed\n");
	write_file("/b/ # (\n", 0);
	assert_int_equal(list_load_file(path, &reading, &list, &stamp),
			 LIST_LOADED);
	list_unref(list);
}

static void test_edit(void **state)
{
	static const struct {
		const char *claim;
		enum list_kind kind;
		const char *text;
		char verb; /* + or - */
		const char *entry;
		const char *after; /* NULL: nothing to do */
	} rows[] = {
		{ "added at the end", LIST_DOMAIN, "# ours\na.test\n", '+',
		  "b.test", "# ours\na.test\nb.test\n" },
		{ "into an empty file", LIST_DOMAIN, "", '+', "b.test",
		  "b.test\n" },
		{ "a missing line end is made up for", LIST_DOMAIN, "a.test",
		  '+', "b.test", "a.test\nb.test\n" },
		{ "line ends as the others", LIST_DOMAIN, "a.test\r\nb.test",
		  '+', "c.test", "a.test\r\nb.test\r\nc.test\r\n" },
		{ "written as it was given", LIST_DOMAIN, "", '+', "B.Test.",
		  "B.Test.\n" },
		{ "what is there is not added, however it is written",
		  LIST_DOMAIN, "  A.test. # x\n", '+', "a.TEST", NULL },
		{ "what is in a comment is not there", LIST_DOMAIN,
		  "# a.test\n", '+', "a.test", "# a.test\na.test\n" },
		{ "exact is another entry", LIST_DOMAIN, "a.test\n", '+',
		  "=a.test", "a.test\n=a.test\n" },
		{ "a network inside another is another entry", LIST_IP,
		  "10.0.0.0/8\n", '+', "10.1.0.0/16",
		  "10.0.0.0/8\n10.1.0.0/16\n" },
		{ "removed, the others as they were", LIST_DOMAIN,
		  "# one\n\na.test # x\r\n  b.test\n#two\nc.test", '-',
		  "B.test", "# one\n\na.test # x\r\n#two\nc.test" },
		{ "removed with its own comment", LIST_DOMAIN,
		  "a.test # x\nb.test\n", '-', "a.test", "b.test\n" },
		{ "every time it is there", LIST_IP,
		  "1.2.3.4\n::1\n1.2.3.4/32\n::ffff:1.2.3.4\n", '-', "1.2.3.4",
		  "::1\n" },
		{ "the last one", LIST_DOMAIN, "a.test", '-', "a.test", "" },
		{ "nothing to remove", LIST_DOMAIN, "x.a.test\n", '-', "a.test",
		  NULL },
		{ "what is broken stays", LIST_DOMAIN, "*\na b\na\n", '-', "a",
		  "*\na b\n" },
		{ "a quoted address", LIST_ADDRESS, "\"a\"@x.test # y\nb@c\n",
		  '-', "A@x.test", "b@c\n" },
		{ "a regex", LIST_REGEX, "/a b/ # c\n/A b/\n", '-', "/A b/",
		  "/a b/ # c\n" },
	};
	struct list_error error;
	enum list_edit answer;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char *text = NULL;
		size_t len = 0;

		print_message("%s\n", rows[i].claim);
		answer = (rows[i].verb == '+' ? list_edit_add
					      : list_edit_remove)(
			rows[i].kind, rows[i].text, strlen(rows[i].text),
			rows[i].entry, strlen(rows[i].entry), &text, &len,
			&error);
		if (!rows[i].after) {
			assert_int_equal(answer, LIST_EDIT_NOTHING);
			assert_null(text);
			continue;
		}
		assert_int_equal(answer, LIST_EDITED);
		assert_int_equal(len, strlen(rows[i].after));
		assert_memory_equal(text, rows[i].after, len);
		free(text);
	}
}

static void test_edit_refused(void **state)
{
	static const struct {
		enum list_kind kind;
		const char *entry, *why;
	} rows[] = {
		{ LIST_DOMAIN, "a.test\nb.test", "unexpected byte 0x0a" },
		{ LIST_DOMAIN, "a.test # x", "unexpected blank" },
		{ LIST_ADDRESS, "#a@b",
		  "in a file this would be read as something else" },
		{ LIST_REGEX, "# x",
		  "in a file this would be read as something else" },
		{ LIST_REGEX, " /x/",
		  "in a file this would be read as something else" },
		{ LIST_REGEX, "/x/ # y",
		  "in a file this would be read as something else" },
		{ LIST_REGEX, "/x/\n/y/", "unexpected byte 0x0a" },
	};
	struct list_error error;
	char *text;
	size_t len;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		print_message("%s\n", rows[i].entry);
		assert_int_equal(list_edit_add(rows[i].kind, "", 0,
					       rows[i].entry,
					       strlen(rows[i].entry), &text,
					       &len, &error),
				 LIST_EDIT_FAILED);
		assert_string_equal(error.text, rows[i].why);
	}
	assert_int_equal(list_edit_remove(LIST_DOMAIN, "", 0, "*", 1, &text,
					  &len, &error),
			 LIST_EDIT_FAILED);
}

static void expect_file(const char *text)
{
	char *buf;
	struct file_stamp stamp;

	assert_int_equal(file_read(path, 1000, &buf, &stamp, NULL, 0), 0);
	assert_string_equal(buf, text);
	free(buf);
}

static void test_edit_file(void **state)
{
	char error[FILE_ERROR_SIZE] = "";

	(void)state;
	write_file("# ours\na.test\n", 0);
	assert_int_equal(list_file_add(path, LIST_DOMAIN, "b.test", 6, error,
				       sizeof(error)),
			 LIST_EDITED);
	expect_file("# ours\na.test\nb.test\n");
	assert_int_equal(list_file_add(path, LIST_DOMAIN, "B.test", 6, error,
				       sizeof(error)),
			 LIST_EDIT_NOTHING);
	assert_int_equal(list_file_remove(path, LIST_DOMAIN, "a.test", 6, error,
					  sizeof(error)),
			 LIST_EDITED);
	expect_file("# ours\nb.test\n");
	assert_string_equal(error, "");
	assert_int_equal(list_file_add(path, LIST_DOMAIN, "a.*", 3, error,
				       sizeof(error)),
			 LIST_EDIT_FAILED);
	assert_string_equal(error, "column 3: unexpected character '*'");
	unlink(path);
	assert_int_equal(list_file_add(path, LIST_DOMAIN, "a.test", 6, error,
				       sizeof(error)),
			 LIST_EDIT_FAILED);
	assert_non_null(strstr(error, ": No such file or directory"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_shrinking, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_half_written, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_broken, setup, teardown),
		cmocka_unit_test_setup_teardown(test_regexes_are_checked, setup,
						teardown),
		cmocka_unit_test(test_edit),
		cmocka_unit_test(test_edit_refused),
		cmocka_unit_test_setup_teardown(test_edit_file, setup,
						teardown),
	};
	int failed;

	if (!mkdtemp(folder))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(folder);
	return failed;
}
