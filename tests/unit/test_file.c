/*
 * test_file.c - what is refused, what changes under our hands, and that a
 * replaced file keeps what it was.
 *
 * The program is linked with --wrap=fstat and --wrap=fstat64, of which the C
 * library takes the one or the other: a test sets `meddle`, which is called
 * before each look at an open file.  That is where a writer gets in.
 */
#include "lists/file.h"

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
#define MAX (16 << 20)

static char folder[] = "/tmp/test_file.XXXXXX";
static char path[64], other[64];

int __wrap_fstat(int fd, struct stat *st);
int __wrap_fstat64(int fd, struct stat *st);

static void (*meddle)(int look);
static int looks;

int __wrap_fstat(int fd, struct stat *st)
{
	if (meddle)
		meddle(++looks);
	return fstatat(fd, "", st, AT_EMPTY_PATH);
}

int __wrap_fstat64(int fd, struct stat *st)
{
	return __wrap_fstat(fd, st);
}

static void write_at(const char *where, const char *text)
{
	FILE *file = fopen(where, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(where, 0640), 0);
}

static int setup(void **state)
{
	(void)state;
	meddle = NULL;
	looks = 0;
	write_at(path, "abc\n");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	meddle = NULL;
	unlink(other);
	rmdir(path);
	unlink(path);
	return 0;
}

static void expect_refusal(int code, const char *why)
{
	char *buf = NULL;
	char error[FILE_ERROR_SIZE];
	struct file_stamp stamp;

	errno = 0;
	assert_int_equal(file_read(path, MAX, &buf, &stamp, error,
				   sizeof(error)),
			 -1);
	assert_int_equal(errno, code);
	assert_memory_equal(error, path, strlen(path));
	assert_string_equal(error + strlen(path), why);
	assert_null(buf);
}

static void expect_text(const char *text)
{
	char *buf;
	char error[FILE_ERROR_SIZE];
	struct file_stamp stamp;

	if (file_read(path, MAX, &buf, &stamp, error, sizeof(error)) < 0)
		fail_msg("%s", error);
	assert_int_equal(stamp.size, strlen(text));
	assert_string_equal(buf, text);
	assert_false(file_stamp_differs(path, &stamp));
	free(buf);
}

static void test_read(void **state)
{
	(void)state;
	expect_text("abc\n");
	write_at(path, "");
	expect_text("");
	unlink(path);
	expect_refusal(ENOENT, ": No such file or directory");
}

static void test_no_file(void **state)
{
	(void)state;
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	expect_refusal(EINVAL, ": this is not a regular file");
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	expect_refusal(EISDIR, ": this is a directory");
}

static void test_device(void **state)
{
	char *buf;
	char error[FILE_ERROR_SIZE];
	struct file_stamp stamp;

	(void)state;
	assert_int_equal(file_read("/dev/zero", MAX, &buf, &stamp, error,
				   sizeof(error)),
			 -1);
	assert_string_equal(error, "/dev/zero: this is not a regular file");
	assert_int_equal(file_read("/dev/zero", MAX, &buf, &stamp, NULL, 0),
			 -1);
}

static void test_link(void **state)
{
	char why[256];

	(void)state;
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(symlink(other, path), 0);
	snprintf(why, sizeof(why),
		 ": this is a symbolic link, which is not followed; name the "
		 "file itself: %s",
		 other);
	expect_refusal(ELOOP, why);
	unlink(other);
	expect_refusal(ELOOP, ": this is a symbolic link, which is not "
			      "followed; name the file itself");
}

static void test_trust(void **state)
{
	(void)state;
	assert_int_equal(chmod(path, 0646), 0);
	expect_refusal(EPERM, ": everybody may write to it; chmod o-w it");
	assert_int_equal(chmod(path, 0664), 0);
	expect_text("abc\n");
	if (geteuid() != 0)
		return;
	assert_int_equal(chown(path, 12345, 0), 0);
	expect_refusal(EPERM, ": it belongs to uid 12345, but we (uid 0) trust "
			      "only our own files and root's; chown it");
}

/* Nobody writes that much, and it is not even allocated. */
static void test_size(void **state)
{
	(void)state;
	assert_int_equal(truncate(path, (off_t)1 << 30), 0);
	expect_refusal(EFBIG,
		       ": 1073741824 bytes are too many; at most 16777216");
	assert_int_equal(truncate(path, MAX + 1), 0);
	expect_refusal(EFBIG,
		       ": 16777217 bytes are too many; at most 16777216");
}

static void rewrite_once(int look)
{
	if (look == 2)
		write_at(path, "defghi\n");
}

static void truncate_once(int look)
{
	if (look == 2)
		assert_int_equal(truncate(path, 0), 0);
}

/* A writer that begins anew whenever we look, and is never done. */
static void rewrite_always(int look)
{
	write_at(path, look % 2 ? "half" : "half of");
}

static void rename_once(int look)
{
	if (look != 2)
		return;
	write_at(other, "xyz\n");
	assert_int_equal(rename(other, path), 0);
}

static void remove_once(int look)
{
	if (look == 2)
		unlink(path);
}

/* Same size, and the old time put back: only the ctime tells. */
static void sneak_once(int look)
{
	struct timespec times[2] = { { 1000, 0 }, { 1000, 0 } };

	if (look > 2)
		return;
	if (look == 2)
		write_at(path, "cba\n");
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void test_change_while_reading(void **state)
{
	static const struct {
		const char *claim;
		void (*meddle)(int look);
		const char *text; /* NULL: refused */
		int looks;
	} rows[] = {
		{ "a rewritten file is read again", rewrite_once, "defghi\n",
		  4 },
		{ "so is one that lost its content", truncate_once, "", 4 },
		{ "so is one put in its place", rename_once, "xyz\n", 4 },
		{ "so is one changed in secret", sneak_once, "cba\n", 4 },
		{ "three changes in a row are enough", rewrite_always, NULL,
		  6 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		print_message("%s\n", rows[i].claim);
		meddle = NULL;
		write_at(path, "abc\n");
		looks = 0;
		meddle = rows[i].meddle;
		if (rows[i].text)
			expect_text(rows[i].text);
		else
			expect_refusal(EAGAIN,
				       ": it is being written; try again");
		assert_int_equal(looks, rows[i].looks);
	}
	meddle = NULL;
	looks = 0;
	meddle = remove_once;
	expect_refusal(ENOENT, ": No such file or directory");
}

static struct file_stamp stamp_now(void)
{
	char *buf;
	struct file_stamp stamp;

	assert_int_equal(file_read(path, MAX, &buf, &stamp, NULL, 0), 0);
	free(buf);
	return stamp;
}

static void test_stamp(void **state)
{
	struct file_stamp stamp = stamp_now(), again;
	struct timespec times[2] = { { 1000, 0 }, { 1000, 1 } };

	(void)state;
	assert_false(file_stamp_differs(path, &stamp));
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	assert_true(file_stamp_differs(path, &stamp));
	again = stamp_now();
	assert_true(file_stamp_same_content(&stamp, &again));
	times[1].tv_nsec++;
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	assert_true(file_stamp_differs(path, &again));
	write_at(path, "abd\n");
	again = stamp_now();
	assert_false(file_stamp_same_content(&stamp, &again));
	write_at(other, "abd\n");
	assert_int_equal(rename(other, path), 0);
	assert_true(file_stamp_differs(path, &again));
	unlink(path);
	assert_true(file_stamp_differs(path, &again));
}

static void test_watch(void **state)
{
	struct file_watch watch = { .loaded = stamp_now() };
	static const struct {
		const char *claim, *text; /* NULL: left alone; "-": removed */
		int64_t now_ms;
		enum file_change change;
	} rows[] = {
		{ "nothing has happened", NULL, 1000, FILE_UNCHANGED },
		{ "a change is seen", "ab", 2000, FILE_CHANGING },
		{ "and goes on", "abcdef\n", 8999, FILE_CHANGING },
		{ "it rests, though not for long", NULL, 8998 + FILE_SETTLE_MS,
		  FILE_CHANGING },
		{ "now it has settled", NULL, 8999 + FILE_SETTLE_MS,
		  FILE_CHANGED },
		{ "and is told until it is read", NULL, 90000, FILE_CHANGED },
		{ "changed again before that", "abcd", 91000, FILE_CHANGING },
		{ "gone for a moment", "-", 92000, FILE_CHANGING },
		{ "and here again", "abc\n", 93000, FILE_CHANGING },
		{ "gone", "-", 94000, FILE_CHANGING },
		{ "for good", NULL, 94000 + FILE_SETTLE_MS, FILE_MISSING },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("%s\n", rows[i].claim);
		if (rows[i].text != NULL && rows[i].text[0] == '-')
			unlink(path);
		else if (rows[i].text != NULL)
			write_at(path, rows[i].text);
		assert_int_equal(file_watch_look(&watch, path, rows[i].now_ms),
				 rows[i].change);
	}
	write_at(path, "abc\n");
	watch.loaded = stamp_now();
	assert_int_equal(file_watch_look(&watch, path, 200000), FILE_UNCHANGED);
}

static void test_unfinished(void **state)
{
	static const struct {
		const char *claim, *text;
		bool should_end;
		time_t ago;
		bool unfinished;
	} rows[] = {
		{ "a line without end may be half of one", "a\nb", true, 0,
		  true },
		{ "also after some seconds", "a\nb", true, FILE_PATIENCE_S - 5,
		  true },
		{ "but not for ever", "a\nb", true, FILE_PATIENCE_S, false },
		{ "and not where lines were never ended", "a\nb", false, 0,
		  false },
		{ "whole lines say nothing", "a\nb\n", true, 0, false },
		{ "nor does an empty file", "", true, 0, false },
		{ "nor a time to come", "a\nb", true, -3600, false },
	};
	char error[FILE_ERROR_SIZE];
	int fd;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct timespec times[2] = { 0 };

		print_message("%s\n", rows[i].claim);
		write_at(path, rows[i].text);
		times[1].tv_sec = time(NULL) - rows[i].ago;
		assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
		assert_int_equal(file_is_unfinished(path, rows[i].should_end,
						    error, sizeof(error)),
				 rows[i].unfinished);
	}
	fd = open(path, O_WRONLY | O_APPEND);
	assert_true(fd >= 0);
	assert_true(file_is_unfinished(path, false, error, sizeof(error)));
	assert_non_null(strstr(error, "somebody is writing to it"));
	close(fd);
	assert_false(file_is_unfinished(path, false, error, sizeof(error)));
	fd = open(path, O_RDONLY);
	assert_false(file_is_unfinished(path, false, error, sizeof(error)));
	close(fd);
	unlink(path);
	assert_false(file_is_unfinished(path, true, error, sizeof(error)));
}

static int replace(const char *text, const struct file_stamp *expected,
		   char error[FILE_ERROR_SIZE])
{
	return file_replace(path, text, strlen(text), expected, error,
			    FILE_ERROR_SIZE);
}

static void test_replace(void **state)
{
	char error[FILE_ERROR_SIZE] = "";
	struct stat old, new;

	(void)state;
	assert_int_equal(chmod(path, 0604), 0);
	if (geteuid() == 0)
		assert_int_equal(chown(path, 12345, 23456), 0);
	assert_int_equal(stat(path, &old), 0);
	if (replace("defghi\n", NULL, error) < 0)
		fail_msg("%s", error);
	assert_int_equal(stat(path, &new), 0);
	assert_int_equal(new.st_mode, old.st_mode);
	assert_int_equal(new.st_uid, old.st_uid);
	assert_int_equal(new.st_gid, old.st_gid);
	assert_int_not_equal(new.st_ino, old.st_ino);
	assert_int_equal(new.st_size, 7);
	if (geteuid() == 0)
		assert_int_equal(chown(path, 0, 0), 0);
	expect_text("defghi\n");
	/* nothing else is left in the folder: it can be removed when empty */
	unlink(path);
	assert_int_equal(rmdir(folder), 0);
	assert_int_equal(mkdir(folder, 0700), 0);
}

static void change_once(int look)
{
	if (look == 1)
		write_at(path, "else\n");
}

static void test_replace_refused(void **state)
{
	char error[FILE_ERROR_SIZE];
	struct file_stamp stamp = stamp_now();

	(void)state;
	assert_int_equal(replace("x\n", &stamp, error), 0);
	/* somebody else's work is never undone */
	errno = 0;
	assert_int_equal(replace("y\n", &stamp, error), -1);
	assert_int_equal(errno, EAGAIN);
	assert_non_null(strstr(error, "somebody else has just changed it"));
	expect_text("x\n");
	/* not even if it is done while we write */
	stamp = stamp_now();
	looks = 0;
	meddle = change_once;
	assert_int_equal(replace("y\n", &stamp, error), -1);
	assert_int_equal(errno, EAGAIN);
	meddle = NULL;
	expect_text("else\n");

	unlink(path);
	assert_int_equal(replace("x", NULL, error), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(replace("x", NULL, error), -1);
	assert_int_equal(errno, ELOOP);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(replace("x", NULL, error), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(file_replace("/nonexistent/file", "x", 1, NULL, error,
				      sizeof(error)),
			 -1);
	assert_string_equal(error, "/nonexistent/file: its folder: "
				   "No such file or directory");
	assert_int_equal(file_replace("/tmp/", "x", 1, NULL, error,
				      sizeof(error)),
			 -1);
	/* no temporary file has been left behind by any of these */
	unlink(path);
	assert_int_equal(rmdir(folder), 0);
	assert_int_equal(mkdir(folder, 0700), 0);
}

static void test_replace_here(void **state)
{
	char here[4096];
	char error[FILE_ERROR_SIZE];

	(void)state;
	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(chdir(folder), 0);
	assert_int_equal(file_replace("file", "new\n", 4, NULL, error,
				      sizeof(error)),
			 0);
	assert_int_equal(chdir(here), 0);
	expect_text("new\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_read, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_file, setup, teardown),
		cmocka_unit_test_setup_teardown(test_device, setup, teardown),
		cmocka_unit_test_setup_teardown(test_link, setup, teardown),
		cmocka_unit_test_setup_teardown(test_trust, setup, teardown),
		cmocka_unit_test_setup_teardown(test_size, setup, teardown),
		cmocka_unit_test_setup_teardown(test_change_while_reading,
						setup, teardown),
		cmocka_unit_test_setup_teardown(test_stamp, setup, teardown),
		cmocka_unit_test_setup_teardown(test_watch, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unfinished, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_replace, setup, teardown),
		cmocka_unit_test_setup_teardown(test_replace_refused, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_replace_here, setup,
						teardown),
	};
	int failed;

	if (!mkdtemp(folder))
		return 1;
	snprintf(path, sizeof(path), "%s/file", folder);
	snprintf(other, sizeof(other), "%s/other", folder);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	rmdir(folder);
	return failed;
}
