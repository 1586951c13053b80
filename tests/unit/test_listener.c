/*
 * test_listener.c - connections wait while the listener is put aside.
 */
#include "filter/listener.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

/* A name that the kernel picks (unix(7), autobind). */
struct name {
	struct sockaddr_un at;
	socklen_t len;
};

static int listen_somewhere(struct name *ret_name)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*ret_name = (struct name){ .at = { .sun_family = AF_UNIX },
				   .len = sizeof(ret_name->at) };
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (void *)&ret_name->at, sizeof(sa_family_t)),
			 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (void *)&ret_name->at, &ret_name->len),
			 0);
	return fd;
}

static int dial(const struct name *name)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const void *)&name->at, name->len), 0);
	return fd;
}

/* accept(), or -1 with EAGAIN: the listener never blocks. */
static int take(int fd)
{
	return accept(fd, NULL, NULL);
}

static void test_pause_and_resume(void **state)
{
	struct name name;
	int fd = listen_somewhere(&name);
	int held = dup(fd); /* as the supervisor does */
	int first, second, third, got;

	(void)state;
	assert_true(held >= 0);
	assert_int_equal(listener_open(fd), 0);
	first = dial(&name);
	got = take(fd);
	assert_true(got >= 0);
	close(got);

	listener_pause();
	listener_pause(); /* the same as once */
	assert_true(listener_paused());
	second = dial(&name); /* the backlog takes it */
	assert_int_equal(take(fd), -1);
	assert_int_equal(errno, EAGAIN);

	listener_resume();
	assert_false(listener_paused());
	got = take(fd);
	assert_true(got >= 0); /* it has waited, not lost */
	close(got);

	/* Put aside for good. */
	listener_shut();
	listener_resume();
	assert_true(listener_paused());
	third = dial(&name);
	assert_int_equal(take(fd), -1);

	got = take(held);
	assert_true(got >= 0); /* the next filter answers it */
	close(got);

	close(held);
	close(first);
	close(second);
	close(third);
	close(fd);
}

static int listen_at(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (void *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

/* A successor at our path is not our door. */
static void test_knock(void **state)
{
	char folder[] = "/tmp/sy-listener-XXXXXX", path[64];
	int fd, other, got;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/socket", folder);
	fd = listen_at(path);
	assert_int_equal(listener_open(fd), 0);
	listener_knock();
	got = take(fd);
	assert_true(got >= 0);
	close(got);

	assert_int_equal(unlink(path), 0);
	other = listen_at(path);
	listener_knock();
	assert_int_equal(take(other), -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(unlink(path), 0);
	listener_knock();
	close(other);
	close(fd);
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_knock),
		/* the last: it shuts the listener */
		cmocka_unit_test(test_pause_and_resume),
	};

	return cmocka_run_group_tests_name("listener", tests, NULL, NULL);
}
