/* test_charset.c - conversions, many at once, and inside a jail. */
#include "rules/mail/charset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <seccomp.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))
#define BAD "\xef\xbf\xbd"

static const struct {
	const char *claim, *name, *text, *utf8;
	enum charset_answer answer;
} rows[] = {
	{ "ASCII", "us-ascii", "abc", "abc", CHARSET_FINE },
	{ "case of the name", "UTF-8", "\xc3\xbc", "\xc3\xbc", CHARSET_FINE },
	{ "broken UTF-8", "utf-8", "a\xfc", "a" BAD, CHARSET_MENDED },
	{ "Latin-1", "ISO-8859-1", "gr\xfc\xdf", "gr\xc3\xbc\xc3\x9f",
	  CHARSET_FINE },
	{ "Latin-1 is read as windows-1252", "iso-8859-1", "\x80\x9f",
	  "\xe2\x82\xac\xc5\xb8", CHARSET_FINE },
	{ "windows-1252", "cp1252", "\x93x\x94\x81",
	  "\xe2\x80\x9cx\xe2\x80\x9d\xc2\x81", CHARSET_FINE },
	{ "Latin-9", "iso-8859-15", "\xa4\xa6\xa8\xb4\xb8\xbc\xbd\xbe\xa5",
	  "\xe2\x82\xac\xc5\xa0\xc5\xa1\xc5\xbd\xc5\xbe\xc5\x92\xc5\x93\xc5\xb8"
	  "\xc2\xa5",
	  CHARSET_FINE },
	{ "windows-1250", "windows-1250", "\x8a", "\xc5\xa0", CHARSET_FINE },
	{ "windows-1251", "windows-1251", "\xcf\xf0", "\xd0\x9f\xd1\x80",
	  CHARSET_FINE },
	{ "windows-1253", "windows-1253", "\xc1", "\xce\x91", CHARSET_FINE },
	{ "windows-1254", "windows-1254", "\xd0", "\xc4\x9e", CHARSET_FINE },
	{ "windows-1255", "windows-1255", "\xe0", "\xd7\x90", CHARSET_FINE },
	{ "windows-1256", "windows-1256", "\xc7", "\xd8\xa7", CHARSET_FINE },
	{ "windows-1257", "windows-1257", "\xc0", "\xc4\x84", CHARSET_FINE },
	{ "KOI8-R", "koi8-r", "\xf0\xd2", "\xd0\x9f\xd1\x80", CHARSET_FINE },
	{ "KOI8-U", "koi8-u", "\xa4", "\xd1\x94", CHARSET_FINE },
	{ "Latin-2", "iso-8859-2", "\xb1", "\xc4\x85", CHARSET_FINE },
	{ "ISO Cyrillic", "iso-8859-5", "\xbf", "\xd0\x9f", CHARSET_FINE },
	{ "ISO Greek", "iso-8859-7", "\xe1", "\xce\xb1", CHARSET_FINE },
	{ "Latin-5", "iso-8859-9", "\xfe", "\xc5\x9f", CHARSET_FINE },
	{ "Thai", "tis-620", "\xa1", "\xe0\xb8\x81", CHARSET_FINE },
	{ "GB2312", "gb2312", "\xd6\xd0", "\xe4\xb8\xad", CHARSET_FINE },
	{ "GBK", "gbk", "\x81\x40", "\xe4\xb8\x82", CHARSET_FINE },
	{ "GB18030, four bytes", "gb18030", "\x94\x39\xfc\x36",
	  "\xf0\x9f\x98\x80", CHARSET_FINE },
	{ "Big5", "big5", "\xa4\xa4", "\xe4\xb8\xad", CHARSET_FINE },
	{ "Shift_JIS", "shift_jis", "\x93\xfa\xb1", "\xe6\x97\xa5\xef\xbd\xb1",
	  CHARSET_FINE },
	{ "ISO-2022-JP", "iso-2022-jp", "\x1b$BF|\x1b(Bx", "\xe6\x97\xa5x",
	  CHARSET_FINE },
	{ "EUC-JP", "euc-jp", "\xc6\xfc", "\xe6\x97\xa5", CHARSET_FINE },
	{ "EUC-KR", "euc-kr", "\xc7\xd1", "\xed\x95\x9c", CHARSET_FINE },
	{ "Microsoft's Korean", "ks_c_5601-1987", "\x81\x41", "\xea\xb0\x82",
	  CHARSET_FINE },
	{ "ISO-2022-KR", "iso-2022-kr", "\x1b$)Cx\x0eGQ\x0f", "x\xed\x95\x9c",
	  CHARSET_FINE },
	{ "half a character", "gb2312", "a\xd6", "a" BAD, CHARSET_MENDED },
	{ "no character", "euc-jp",
	  "\xff"
	  "a",
	  BAD "a", CHARSET_MENDED },
	{ "unknown", "x-klingon", "abc", "", CHARSET_UNKNOWN },
	{ "UTF-7 is not spoken", "utf-7", "+ADw-", "", CHARSET_UNKNOWN },
	{ "nameless", "", "abc", "", CHARSET_UNKNOWN },
};

static const char *row_fault(struct charsets *sets, size_t i)
{
	char out[256];
	size_t len = 0;
	size_t text_len = strlen(rows[i].text);
	enum charset_answer answer;

	answer = charset_to_utf8(sets, rows[i].name, strlen(rows[i].name),
				 rows[i].text, text_len, out, &len);
	if (answer != rows[i].answer || len != strlen(rows[i].utf8) ||
	    memcmp(out, rows[i].utf8, len) != 0)
		return rows[i].claim;
	return NULL;
}

static void bytes_become_characters(void **state)
{
	for (size_t i = 0; i < ROWS(rows); i++)
		if (row_fault(*state, i))
			fail_msg("not so: %s", row_fault(*state, i));
}

static void the_state_of_one_text_is_not_the_next_ones(void **state)
{
	char out[64];
	size_t len;

	/* left in the Japanese state, and with half a character */
	charset_to_utf8(*state, "iso-2022-jp", 11, "\x1b$BF", 4, out, &len);
	charset_to_utf8(*state, "iso-2022-jp", 11, "F|", 2, out, &len);
	assert_int_equal(len, 2);
	assert_memory_equal(out, "F|", 2);
}

static void every_byte_ends_somewhere(void **state)
{
	static const char *const names[] = { "windows-1250", "koi8-r",
					     "iso-8859-7",   "gb18030",
					     "big5",	     "shift_jis",
					     "iso-2022-jp",  "iso-2022-kr",
					     "euc-jp",	     "euc-kr" };
	char text[512], out[CHARSET_ROOM(512)];
	uint32_t seed = 1;
	size_t len;

	for (int round = 0; round < 2000; round++) {
		const char *name = names[(size_t)round % ROWS(names)];
		size_t size = (size_t)round % sizeof(text);

		for (size_t i = 0; i < size; i++) {
			seed = seed * 1664525 + 1013904223;
			text[i] = (char)(seed >> 24);
		}
		charset_to_utf8(*state, name, strlen(name), text, size, out,
				&len);
		assert_true(len <= CHARSET_ROOM(size));
	}
}

static void *convert_all(void *sets)
{
	for (int round = 0; round < 200; round++)
		for (size_t i = 0; i < ROWS(rows); i++)
			if (row_fault(sets, i))
				return sets;
	return NULL;
}

static void threads_share_the_descriptors(void **state)
{
	pthread_t threads[4];
	void *fault;

	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, convert_all,
						*state),
				 0);
	for (size_t i = 0; i < 4; i++) {
		pthread_join(threads[i], &fault);
		assert_null(fault);
	}
}

/* In the child: a file opened from here on is death. */
static void convert_in_jail(struct charsets *sets)
{
	scmp_filter_ctx jail = seccomp_init(SCMP_ACT_ALLOW);

	if (!jail ||
	    seccomp_rule_add(jail, SCMP_ACT_KILL_PROCESS, SCMP_SYS(open), 0) ||
	    seccomp_rule_add(jail, SCMP_ACT_KILL_PROCESS, SCMP_SYS(openat),
			     0) ||
	    seccomp_rule_add(jail, SCMP_ACT_KILL_PROCESS, SCMP_SYS(openat2),
			     0) ||
	    seccomp_load(jail))
		_exit(2);
	seccomp_release(jail);
	for (size_t i = 0; i < ROWS(rows); i++)
		if (row_fault(sets, i))
			_exit(3);
	_exit(0);
}

static void no_file_is_opened_later(void **state)
{
	/* opened afresh, so that nothing was converted with it before */
	struct charsets *sets = charset_open();
	int status;
	pid_t child;

	(void)state;
	assert_non_null(sets);
	child = fork();
	if (child == 0)
		convert_in_jail(sets);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	charset_close(sets);
}

static void the_jail_of_that_test_holds(void **state)
{
	int status;
	pid_t child;

	(void)state;
	child = fork();
	if (child == 0) {
		scmp_filter_ctx jail = seccomp_init(SCMP_ACT_ALLOW);

		if (!jail ||
		    seccomp_rule_add(jail, SCMP_ACT_KILL_PROCESS,
				     SCMP_SYS(openat), 0) ||
		    seccomp_load(jail))
			_exit(2);
		charset_close(charset_open());
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
}

static void our_own_tables_need_no_opening(void **state)
{
	char out[16];
	size_t len;

	(void)state;
	assert_true(charset_known(NULL, "latin1", 6));
	assert_false(charset_known(NULL, "koi8-r", 6));
	assert_int_equal(charset_to_utf8(NULL, "koi8-r", 6, "x", 1, out, &len),
			 CHARSET_UNKNOWN);
	charset_close(NULL);
}

static void this_system_has_them_all(void **state)
{
	size_t of, have = charset_count(*state, &of);

	assert_int_equal(have, of);
}

static int open_sets(void **state)
{
	*state = charset_open();
	return *state ? 0 : -1;
}

static int close_sets(void **state)
{
	charset_close(*state);
	return 0;
}

int main(void)
{
	/* The fork tests come first: nothing is loaded yet. */
	const struct CMUnitTest jails[] = {
		cmocka_unit_test(the_jail_of_that_test_holds),
		cmocka_unit_test(no_file_is_opened_later),
	};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_become_characters),
		cmocka_unit_test(the_state_of_one_text_is_not_the_next_ones),
		cmocka_unit_test(every_byte_ends_somewhere),
		cmocka_unit_test(threads_share_the_descriptors),
		cmocka_unit_test(our_own_tables_need_no_opening),
		cmocka_unit_test(this_system_has_them_all),
	};
	int failed = cmocka_run_group_tests(jails, NULL, NULL);

	return failed + cmocka_run_group_tests(tests, open_sets, close_sets);
}
