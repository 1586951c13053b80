/*
 * test_control.c - what a client of the control socket can do, and not do to
 * others.
 */
#include "filter/control.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "lists/dns.h"
#include "tests/unit/control_filter.h"

static int listen_here(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s",
		 path_of("socket"));
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)),
			 0);
	assert_int_equal(listen(fd, 64), 0);
	return fd;
}

static int dial(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = 20 };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s",
		 path_of("socket"));
	assert_int_equal(connect(fd, (struct sockaddr *)&address,
				 sizeof(address)),
			 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

/* One line, or "" at the end. */
static const char *hear(int fd)
{
	static char line[65536];
	size_t have = 0;

	while (have + 1 < sizeof(line) && read(fd, line + have, 1) == 1)
		if (line[have++] == '\n')
			break;
	line[have] = '\0';
	return line;
}

static void tell(int fd, const char *text, size_t len)
{
	assert_int_equal(send(fd, text, len, MSG_NOSIGNAL), (ssize_t)len);
}

static void expect(int fd, const char *part)
{
	const char *line = hear(fd);

	if (strstr(line, part) == NULL)
		fail_msg("not %s but %s", part, line);
}

static void test_socket(void **state)
{
	static const char ping[] = "{\"verb\":\"ping\"}\n";
	int fd, listen_fd = listen_here();

	(void)state;
	assert_int_equal(control_start(listen_fd, &filter), 0);
	fd = dial();
	tell(fd, ping, strlen(ping));
	expect(fd, "\"ok\":true");
	/* several requests in one packet, and one in several */
	tell(fd, "{\"verb\":\"ping\"}\n{\"verb\":\"x\"}\n{\"ver", 34);
	expect(fd, "\"ok\":true");
	expect(fd, "unknown verb x");
	tell(fd, "b\":\"ping\"}\r\n", 12);
	expect(fd, "\"ok\":true");
	/* bytes of any kind are one wrong request */
	tell(fd, "\0\377\r\033[2J\n", 8);
	expect(fd, "not a JSON object");
	tell(fd, ping, strlen(ping));
	expect(fd, "\"ok\":true");
	close(fd);
	control_stop();
	close(listen_fd);
}

static void test_ninth_client(void **state)
{
	static const char ping[] = "{\"verb\":\"ping\"}\n";
	int fds[CONTROL_CLIENTS], fd, listen_fd = listen_here();

	(void)state;
	assert_int_equal(control_start(listen_fd, &filter), 0);
	for (int i = 0; i < CONTROL_CLIENTS; i++) {
		fds[i] = dial();
		tell(fds[i], ping, strlen(ping));
		expect(fds[i], "\"ok\":true");
	}
	fd = dial();
	expect(fd, "\"code\":\"busy\"");
	assert_string_equal(hear(fd), "");
	close(fd);
	/* the others are still served */
	tell(fds[0], ping, strlen(ping));
	expect(fds[0], "\"ok\":true");
	for (int i = 0; i < CONTROL_CLIENTS; i++)
		close(fds[i]);
	control_stop();
	close(listen_fd);
}

static void test_long_line(void **state)
{
	static char line[CONTROL_LINE_MAX];
	int fd, listen_fd = listen_here();

	(void)state;
	memset(line, 'x', sizeof(line));
	assert_int_equal(control_start(listen_fd, &filter), 0);
	fd = dial();
	tell(fd, line, sizeof(line));
	expect(fd, "at most 65536 bytes");
	assert_string_equal(hear(fd), "");
	close(fd);
	/* deep nesting costs stack, but no more than there is */
	fd = dial();
	memset(line, '[', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	tell(fd, line, sizeof(line));
	expect(fd, "not a JSON object");
	close(fd);
	control_stop();
	close(listen_fd);
}

/* The end does not wait for clients that say nothing, or half a word. */
static void test_stop(void **state)
{
	int idle, half, listen_fd = listen_here();

	(void)state;
	assert_int_equal(control_start(listen_fd, &filter), 0);
	idle = dial();
	half = dial();
	tell(half, "{\"verb\"", 7);
	control_stop();
	assert_string_equal(hear(half), "");
	close(idle);
	close(half);
	/* and it can be started again */
	assert_int_equal(control_start(listen_fd, &filter), 0);
	control_stop();
	control_stop();
	close(listen_fd);
}

/* Nor for one whose question nobody answers. */
static void test_stop_while_asking(void **state)
{
	static const char slow[] = "{\"verb\":\"dns\",\"action\":\"query\","
				   "\"name\":\"silent.test\"}\n";
	static const char ping[] = "{\"verb\":\"ping\"}\n";
	int asking, other, listen_fd = listen_here();
	uint64_t start;

	(void)state;
	assert_int_equal(control_start(listen_fd, &filter), 0);
	asking = dial();
	tell(asking, slow, strlen(slow));
	other = dial();
	tell(other, ping, strlen(ping));
	expect(other, "\"ok\":true");
	start = dns_now_ms();
	control_stop();
	assert_true(dns_now_ms() - start < 2000);
	close(asking);
	close(other);
	close(listen_fd);
}

#define EACH(f) \
	cmocka_unit_test_setup_teardown(f, filter_setup, filter_teardown)

int main(void)
{
	const struct CMUnitTest all[] = {
		EACH(test_socket),
		EACH(test_ninth_client),
		EACH(test_long_line),
		EACH(test_stop),
		EACH(test_stop_while_asking),
	};

	return cmocka_run_group_tests(all, NULL, NULL);
}
