/*
 * redis_stub.c - a server that says what it is told to.
 */
#include "redis_stub.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

/* False when the test wants to end, or a time is over. */
static bool await(const struct redis_stub *stub, int fd, short events,
		  int timeout_ms)
{
	struct pollfd fds[2] = {
		{ .fd = stub->stop[0], .events = POLLIN },
		{ .fd = fd, .events = events },
	};

	return poll(fds, 2, timeout_ms) > 0 && fds[0].revents == 0;
}

static bool say(const struct redis_stub *stub, int fd, const char *bytes,
		size_t len)
{
	while (len > 0) {
		ssize_t n;

		if (!await(stub, fd, POLLOUT, -1))
			return false;
		n = send(fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n <= 0)
			return false;
		bytes += n;
		len -= (size_t)n;
	}
	return true;
}

static void answer(const struct redis_stub *stub, int fd)
{
	size_t len = strlen(stub->answer);
	char more[65536];

	if (stub->drips) {
		for (size_t i = 0; i < len; i++) {
			(void)await(stub, -1, 0, 5);
			if (!say(stub, fd, stub->answer + i, 1))
				return;
		}
		return;
	}
	if (!say(stub, fd, stub->answer, len))
		return;
	memset(more, 'x', sizeof(more));
	while (stub->never_ends && say(stub, fd, more, sizeof(more)))
		;
}

/* How a greeting ends: with the script, whose last word is a call. */
static bool greets(const char *bytes, size_t len)
{
	static const char end[] = "]()\n\r\n", sentinel[] = "by-name";

	if (memmem(bytes, len, sentinel, strlen(sentinel)) != NULL)
		return true;
	return len >= strlen(end) &&
	       memcmp(bytes + len - strlen(end), end, strlen(end)) == 0;
}

static void serve(const struct redis_stub *stub, int fd)
{
	char bytes[65536];
	bool greeted = false;

	while (await(stub, fd, POLLIN, -1)) {
		ssize_t n = recv(fd, bytes, sizeof(bytes), 0);

		if (n <= 0)
			return;
		if (!greeted && !greets(bytes, (size_t)n))
			continue;
		if (!greeted || greets(bytes, (size_t)n)) {
			if (!say(stub, fd, stub->greeting,
				 strlen(stub->greeting)))
				return;
			greeted = true;
			continue;
		}
		answer(stub, fd);
		if (stub->hangs_up)
			return;
	}
}

static void *run(void *argument)
{
	const struct redis_stub *stub = argument;

	while (await(stub, stub->fd, POLLIN, -1)) {
		int fd = accept(stub->fd, NULL, NULL);

		if (fd < 0)
			continue;
		serve(stub, fd);
		close(fd);
	}
	return NULL;
}

void redis_stub_start(struct redis_stub *stub)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	strcpy(stub->folder, "/tmp/test-redis-XXXXXX");
	assert_non_null(mkdtemp(stub->folder));
	snprintf(stub->place, sizeof(stub->place), "unix:%s/stub",
		 stub->folder);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/stub",
		 stub->folder);
	stub->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(stub->fd, (struct sockaddr *)&address,
			      sizeof(address)),
			 0);
	assert_int_equal(listen(stub->fd, 16), 0);
	assert_int_equal(pipe(stub->stop), 0);
	assert_int_equal(pthread_create(&stub->thread, NULL, run, stub), 0);
}

void redis_stub_stop(struct redis_stub *stub)
{
	assert_int_equal(write(stub->stop[1], "", 1), 1);
	pthread_join(stub->thread, NULL);
	close(stub->stop[0]);
	close(stub->stop[1]);
	close(stub->fd);
	unlink(stub->place + strlen("unix:"));
	rmdir(stub->folder);
}
