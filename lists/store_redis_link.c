/*
 * store_redis_link.c - one connection to a server, with a deadline for all.
 */
#include "lists/store_redis_link.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	ALIVE_S = 60, /* until a silent TCP connection is tried by the kernel */
	READ_SIZE = 16384,
};

uint64_t redis_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* --- opening ------------------------------------------------------------- */

/* Waits for the socket; 0, or -1 with errno. */
static int await(int fd, short events, uint64_t deadline_ms)
{
	struct pollfd poll_fd = { .fd = fd, .events = events };

	for (;;) {
		uint64_t now = redis_clock();
		int ready;

		if (now >= deadline_ms) {
			errno = ETIMEDOUT;
			return -1;
		}
		ready = poll(&poll_fd, 1, (int)(deadline_ms - now));
		if (ready > 0)
			return 0;
		if (ready < 0 && errno != EINTR)
			return -1;
	}
}

static int connect_within(int fd, const struct redis_place *place,
			  uint64_t deadline_ms)
{
	const struct sockaddr *address =
		(const struct sockaddr *)&place->address;
	socklen_t len = sizeof(int);
	int error = 0;

	if (connect(fd, address, place->len) == 0)
		return 0;
	/* a full backlog of a unix socket is EAGAIN: as good as refused */
	if (errno != EINPROGRESS && errno != EINTR)
		return -1;
	if (await(fd, POLLOUT, deadline_ms) < 0)
		return -1;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return -1;
	errno = error;
	return error == 0 ? 0 : -1;
}

static void set_options(int fd, const struct redis_place *place)
{
	static const int on = 1, alive = ALIVE_S;

	if (place->address.ss_family == AF_UNIX)
		return;
	/* without them it works as well, and slower */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &alive, sizeof(alive));
}

int redis_link_open(struct redis_link *link, const struct redis_place *place,
		    uint64_t deadline_ms)
{
	int fd = socket(place->address.ss_family,
			SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error;

	link->reader = NULL;
	link->fd = fd;
	if (fd < 0 || connect_within(fd, place, deadline_ms) < 0)
		goto fail;
	set_options(fd, place);
	link->reader = redis_reader_new();
	if (link->reader == NULL)
		goto fail;
	return 0;
fail:
	error = errno;
	snprintf(link->why, sizeof(link->why), "%s: %s", place->text,
		 strerrordesc_np(error) ? strerrordesc_np(error) : "?");
	redis_link_close(link);
	errno = error;
	return -1;
}

void redis_link_close(struct redis_link *link)
{
	if (link->fd >= 0)
		close(link->fd);
	link->fd = -1;
	redis_reader_free(link->reader);
	link->reader = NULL;
}

void redis_link_interrupt(const struct redis_link *link)
{
	shutdown(link->fd, SHUT_RDWR);
}

bool redis_link_is_quiet(const struct redis_link *link)
{
	struct pollfd poll_fd = { .fd = link->fd, .events = POLLIN };

	return poll(&poll_fd, 1, 0) == 0;
}

/* --- commands ------------------------------------------------------------ */

void redis_command_init(struct redis_command *command)
{
	*command = (struct redis_command){ 0 };
}

void redis_command_done(struct redis_command *command)
{
	if (command->bytes != NULL)
		explicit_bzero(command->bytes, command->room);
	free(command->bytes);
	redis_command_init(command);
}

static void add(struct redis_command *command, const char *bytes, size_t len)
{
	if (command->failed || len == 0)
		return;
	if (len > command->room - command->len) {
		size_t room = (command->len + len) * 2 + 256;
		char *more = malloc(room);

		if (more == NULL) {
			command->failed = true;
			return;
		}
		if (command->len > 0)
			memcpy(more, command->bytes, command->len);
		if (command->bytes != NULL)
			explicit_bzero(command->bytes, command->room);
		free(command->bytes);
		command->bytes = more;
		command->room = room;
	}
	memcpy(command->bytes + command->len, bytes, len);
	command->len += len;
}

static void add_count(struct redis_command *command, char kind, size_t count)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%c%zu\r\n", kind, count);

	add(command, text, (size_t)len);
}

void redis_command_begin(struct redis_command *command, size_t words)
{
	add_count(command, '*', words);
	command->count++;
}

void redis_command_word(struct redis_command *command, const char *text,
			size_t len)
{
	add_count(command, '$', len);
	add(command, text, len);
	add(command, "\r\n", 2);
}

void redis_command_text(struct redis_command *command, const char *text)
{
	redis_command_word(command, text, strlen(text));
}

void redis_command_number(struct redis_command *command, int64_t number)
{
	char text[24];
	int len = snprintf(text, sizeof(text), "%" PRId64, number);

	redis_command_word(command, text, (size_t)len);
}

void redis_command_raw(struct redis_command *command,
		       const struct redis_command *words)
{
	command->failed |= words->failed;
	add(command, words->bytes, words->len);
}

void redis_command_say(struct redis_command *command, const char *word, ...)
{
	va_list args;
	size_t words = 1;

	va_start(args, word);
	while (va_arg(args, const char *) != NULL)
		words++;
	va_end(args);
	redis_command_begin(command, words);
	redis_command_text(command, word);
	va_start(args, word);
	while (--words > 0)
		redis_command_text(command, va_arg(args, const char *));
	va_end(args);
}

/* --- asking -------------------------------------------------------------- */

static enum store_end fail(struct redis_link *link, const char *what, int error)
{
	snprintf(link->why, sizeof(link->why), "%s: %s", what,
		 strerrordesc_np(error) ? strerrordesc_np(error) : "?");
	return STORE_AWAY;
}

static enum store_end send_all(struct redis_link *link,
			       const struct redis_command *command,
			       uint64_t deadline_ms)
{
	size_t sent = 0;

	while (sent < command->len) {
		ssize_t n = send(link->fd, command->bytes + sent,
				 command->len - sent, MSG_NOSIGNAL);

		if (n > 0) {
			sent += (size_t)n;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			return fail(link, "asking the server", errno);
		if (await(link->fd, POLLOUT, deadline_ms) < 0)
			return fail(link, "asking the server", errno);
	}
	return STORE_DONE;
}

/* What has come, as far as there is any. */
static enum store_end receive(struct redis_link *link, uint64_t deadline_ms)
{
	static const char what[] = "the server's reply";
	char bytes[READ_SIZE];
	ssize_t n;

	for (;;) {
		n = recv(link->fd, bytes, sizeof(bytes), 0);
		if (n > 0)
			break;
		if (n == 0)
			return fail(link, what, ECONNRESET);
		if (errno != EAGAIN && errno != EINTR)
			return fail(link, what, errno);
		if (await(link->fd, POLLIN, deadline_ms) < 0)
			return fail(link, what, errno);
	}
	/* one that sends all the time is late, too */
	if (redis_clock() >= deadline_ms)
		return fail(link, what, ETIMEDOUT);
	if (redis_reader_feed(link->reader, bytes, (size_t)n, link->why) < 0)
		return STORE_BROKEN;
	return STORE_DONE;
}

static enum store_end await_reply(struct redis_link *link, uint64_t deadline_ms,
				  struct redis_reply **ret_reply)
{
	enum store_end end = STORE_DONE;

	while (end == STORE_DONE) {
		if (redis_reader_next(link->reader, ret_reply, link->why) < 0)
			return STORE_BROKEN;
		if (*ret_reply != NULL)
			return STORE_DONE;
		end = receive(link, deadline_ms);
	}
	return end;
}

/* A page of a listing is large; the next reply is not. */
static void renew_reader(struct redis_link *link)
{
	struct redis_reader *reader;

	if (!redis_reader_is_large(link->reader))
		return;
	reader = redis_reader_new();
	if (reader == NULL)
		return;
	redis_reader_free(link->reader);
	link->reader = reader;
}

enum store_end redis_link_ask(struct redis_link *link,
			      const struct redis_command *command,
			      uint64_t deadline_ms,
			      struct redis_reply **ret_replies)
{
	enum store_end end = STORE_BROKEN;
	size_t count = 0;

	snprintf(link->why, sizeof(link->why), "out of memory");
	if (command->failed)
		return end;
	end = send_all(link, command, deadline_ms);
	while (end == STORE_DONE && count < command->count) {
		end = await_reply(link, deadline_ms, &ret_replies[count]);
		count += end == STORE_DONE;
	}
	if (end == STORE_DONE && !redis_reader_is_empty(link->reader)) {
		snprintf(link->why, sizeof(link->why),
			 "the server says more than it was asked for");
		end = STORE_BROKEN;
	}
	if (end == STORE_DONE) {
		renew_reader(link);
		link->used_ms = redis_clock();
		return end;
	}
	while (count > 0)
		redis_reply_free(ret_replies[--count]);
	return end;
}
