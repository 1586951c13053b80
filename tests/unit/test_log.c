/* test_log.c - one event, one line, whoever reads and whoever does not. */
#include "filter/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "rules/arena.h"

enum { TEXT_SIZE = 1 << 20 };

/* Stands in for stderr, which every test gives back. */
struct reader {
	int real; /* what stderr was */
	int fd; /* what was written comes out here */
	char text[TEXT_SIZE];
};

static struct reader reader;

static int open_reader(void **state)
{
	int ends[2];

	if (pipe(ends) < 0)
		return -1;
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	reader.real = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	reader.fd = ends[0];
	log_level(LOG_INFO);
	log_open(LOG_TO_STDERR, "test");
	*state = &reader;
	return 0;
}

static int close_reader(void **state)
{
	(void)state;
	log_close();
	dup2(reader.real, STDERR_FILENO);
	close(reader.real);
	close(reader.fd);
	return 0;
}

/* Everything there is to read now. */
static const char *text(void)
{
	size_t len = 0;
	ssize_t got;

	while (len < TEXT_SIZE - 1 && (got = read(reader.fd, reader.text + len,
						  TEXT_SIZE - 1 - len)) > 0)
		len += (size_t)got;
	reader.text[len] = '\0';
	return reader.text;
}

/* --- values ------------------------------------------------------------- */

static const struct {
	const char *claim;
	const char *value;
	size_t len, max;
	const char *escaped;
} values[] = {
	{ "a name stays", "mx.example.org", 14, 99, "mx.example.org" },
	{ "nothing is a dash", "", 0, 99, "-" },
	{ "a space would end it", "a b", 3, 99, "a\\x20b" },
	{ "so would an equals sign", "a=b", 3, 99, "a\\x3db" },
	{ "a quote", "a\"b", 3, 99, "a\\x22b" },
	{ "a backslash", "a\\b", 3, 99, "a\\x5cb" },
	{ "a new line", "a\r\nb", 4, 99, "a\\x0d\\x0ab" },
	{ "an escape sequence", "\033[2J", 4, 99, "\\x1b[2J" },
	{ "a NUL", "a\0b", 3, 99, "a\\x00b" },
	{ "DEL", "\177", 1, 99, "\\x7f" },
	{ "C1 and UTF-8", "\xc2\x85", 2, 99, "\\xc2\\x85" },
	{ "all of it fits", "abc", 3, 3, "abc" },
	{ "the rest is cut", "abcd", 4, 3, "abc..." },
	{ "the cut counts bytes, not signs", "\1\2\3", 3, 2, "\\x01\\x02..." },
};

static void test_values(void **state)
{
	char buffer[4 * 99 + 4];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		log_escape(values[i].value, values[i].len, values[i].max,
			   buffer);
		if (strcmp(buffer, values[i].escaped) != 0)
			fail_msg("%s: %s", values[i].claim, buffer);
	}
}

/* The promised size is enough, and not by luck: the bytes behind it stay. */
static void test_longest_value(void **state)
{
	char value[LOG_VALUE_MAX + 1], buffer[LOG_VALUE_SIZE + 1];

	(void)state;
	memset(value, 0xff, sizeof(value));
	buffer[LOG_VALUE_SIZE] = '#';
	log_escape(value, sizeof(value), LOG_VALUE_MAX, buffer);
	assert_int_equal(strlen(buffer), 4 * LOG_VALUE_MAX + 3);
	assert_int_equal(buffer[LOG_VALUE_SIZE], '#');
}

static void test_arena_value(void **state)
{
	struct arena arena;

	(void)state;
	arena_init(&arena, 1 << 16);
	assert_string_equal(log_value(&arena, "a b", 3), "a\\x20b");
	arena_done(&arena);
	arena_init(&arena, 0);
	assert_string_equal(log_value(&arena, "a b", 3), "-");
	arena_done(&arena);
}

/* --- lines -------------------------------------------------------------- */

static void test_a_line(void **state)
{
	(void)state;
	log_event(LOG_WARNING, "P2", "inspector=%u signal=%d", 3u, 11);
	assert_string_equal(
		text(), "test: event=P2 level=warning inspector=3 signal=11\n");
}

static void test_levels(void **state)
{
	(void)state;
	log_event(LOG_DEBUG, "x", "not said");
	assert_string_equal(text(), "");
	log_level(LOG_DEBUG);
	log_event(LOG_DEBUG, "x", "said");
	assert_string_equal(text(), "test: event=x level=debug said\n");
}

/* What a caller forgot to escape cannot look like a second event. */
static void test_no_forged_line(void **state)
{
	(void)state;
	log_event(LOG_ERR, "x", "%s", "a\nb\033[2J\x9b\xc3\xa4");
	assert_string_equal(text(), "test: event=x level=err "
				    "a\\x0ab\\x1b[2J\\x9b\\xc3\\xa4\n");
}

static void test_long_line(void **state)
{
	static char longest[10000];
	const char *got;

	(void)state;
	memset(longest, '\1', sizeof(longest) - 1);
	log_event(LOG_ERR, "x", "%s", longest);
	got = text();
	assert_true(strlen(got) <= 4096);
	assert_string_equal(got + strlen(got) - 4, "...\n");
}

/* --- readers that do not keep up ----------------------------------------- */

static int count_lines(const char *at)
{
	int lines = 0;

	for (; (at = strchr(at, '\n')); at++)
		lines++;
	return lines;
}

static void test_a_full_pipe(void **state)
{
	char big[3000];
	const char *got;
	int said = 0, kept = 0;

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	fcntl(reader.fd, F_SETPIPE_SZ, 65536);
	for (said = 0; said < 1200; said++)
		log_event(LOG_ERR, "x", "n=%d %s", said, big);
	/* nobody has read, and we are here: nothing waited */
	while (!log_flush())
		kept += count_lines(text());
	got = text();
	kept += count_lines(got);
	assert_non_null(strstr(got, "event=C4 level=warning dropped="));
	kept -= 1; /* the line that says so */
	assert_int_equal(kept + atoi(strstr(got, "dropped=") +
				     strlen("dropped=")),
			 said);
	assert_true(kept >= 1000);

	log_event(LOG_ERR, "x", "and on");
	assert_string_equal(text(), "test: event=x level=err and on\n");
}

static void test_no_reader(void **state)
{
	(void)state;
	close(reader.fd);
	reader.fd = -1;
	log_event(LOG_ERR, "x", "to nobody");
	assert_true(log_flush());
}

/* --- syslog -------------------------------------------------------------- */

struct syslogd {
	char folder[64];
	char path[108];
	int fd;
};

static void syslogd_open(struct syslogd *d)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	d->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", d->path);
	assert_int_equal(bind(d->fd, (struct sockaddr *)&address,
			      sizeof(address)),
			 0);
}

static void syslogd_close(struct syslogd *d)
{
	close(d->fd);
	unlink(d->path);
}

static const char *syslogd_read(struct syslogd *d)
{
	ssize_t got = recv(d->fd, reader.text, TEXT_SIZE - 1, 0);

	reader.text[got < 0 ? 0 : got] = '\0';
	return reader.text;
}

static void test_syslog(void **state)
{
	struct syslogd d = { .folder = "/tmp/steelyard-log-XXXXXX" };
	char tail[80];
	const char *got;
	int i;

	(void)state;
	assert_non_null(mkdtemp(d.folder));
	snprintf(d.path, sizeof(d.path), "%s/log", d.folder);
	log_socket(d.path);
	syslogd_open(&d);
	assert_true(log_facility("local3"));
	assert_false(log_facility("nonsense"));
	log_open(LOG_TO_SYSLOG, "steelyard");

	log_event(LOG_ERR, "x", "n=1");
	snprintf(tail, sizeof(tail), " steelyard[%d]: event=x level=err n=1",
		 (int)getpid());
	got = syslogd_read(&d);
	assert_memory_equal(got, "<155>", 5); /* local3 * 8 + err */
	assert_string_equal(got + strlen("<155>Nov 22 10:00:00"), tail);

	/* a new syslogd at the same place is found */
	syslogd_close(&d);
	syslogd_open(&d);
	log_event(LOG_ERR, "x", "n=2");
	assert_non_null(strstr(syslogd_read(&d), "n=2"));

	/* one that does not read costs no time, and no line that fits */
	for (i = 0; i < 200; i++)
		log_event(LOG_ERR, "x", "i=%d", i);
	for (i = 0; i < 200; i++) {
		snprintf(tail, sizeof(tail), " i=%d", i);
		got = syslogd_read(&d);
		assert_string_equal(got + strlen(got) - strlen(tail), tail);
		log_flush();
	}
	log_close();
	syslogd_close(&d);
	rmdir(d.folder);
	log_socket("/dev/log");
}

#define EACH(t) cmocka_unit_test_setup_teardown(t, open_reader, close_reader)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_longest_value),
		cmocka_unit_test(test_arena_value),
		EACH(test_a_line),
		EACH(test_levels),
		EACH(test_no_forged_line),
		EACH(test_long_line),
		EACH(test_a_full_pipe),
		EACH(test_no_reader),
		EACH(test_syslog),
	};

	signal(SIGPIPE, SIG_IGN); /* as in every process of ours */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
