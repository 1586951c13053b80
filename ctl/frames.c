/*
 * frames.c - the frames of the milter protocol.
 */
#include "ctl/frames.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { LENGTH = 4 };

bool frames_fail(struct frames *f, const char *format, ...)
{
	va_list args;

	if (f->failed)
		return false;
	f->failed = true;
	va_start(args, format);
	vsnprintf(f->why, sizeof(f->why), format, args);
	va_end(args);
	return false;
}

/* --- connecting --------------------------------------------------------- */

static bool open_unix(struct frames *f, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path))
		return frames_fail(f, "%.100s...: too long for a socket", path);
	memcpy(address.sun_path, path, strlen(path));
	f->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (f->fd < 0 ||
	    connect(f->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return frames_fail(f, "%s: %s", path, strerror(errno));
	return true;
}

/* "port@host" */
static bool open_inet(struct frames *f, const char *place, int family)
{
	struct addrinfo hints = { .ai_family = family,
				  .ai_socktype = SOCK_STREAM };
	struct addrinfo *all = NULL;
	int one = 1;
	const char *host = strchr(place, '@');
	char port[16];
	int error;

	if (host == NULL || (size_t)(host - place) >= sizeof(port))
		return frames_fail(f, "%s: expected port@host", place);
	snprintf(port, sizeof(port), "%.*s", (int)(host - place), place);
	error = getaddrinfo(host + 1, port, &hints, &all);
	if (error != 0)
		return frames_fail(f, "%s: %s", place, gai_strerror(error));
	for (struct addrinfo *a = all; a != NULL; a = a->ai_next) {
		f->fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		(void)setsockopt(f->fd, IPPROTO_TCP, TCP_NODELAY, &one,
				 sizeof(one)); /* as MTAs do */
		if (f->fd >= 0 &&
		    connect(f->fd, a->ai_addr, a->ai_addrlen) == 0) {
			freeaddrinfo(all);
			return true;
		}
		frames_fail(f, "%s: %s", place, strerror(errno));
		if (f->fd >= 0)
			close(f->fd);
		f->fd = -1;
	}
	freeaddrinfo(all);
	return false;
}

static bool open_any(struct frames *f, const char *name)
{
	if (strncmp(name, "inet:", 5) == 0)
		return open_inet(f, name + 5, AF_UNSPEC);
	if (strncmp(name, "inet6:", 6) == 0)
		return open_inet(f, name + 6, AF_INET6);
	if (strncmp(name, "unix:", 5) == 0)
		name += 5;
	else if (strncmp(name, "local:", 6) == 0)
		name += 6;
	return open_unix(f, name);
}

bool frames_open(struct frames *f, const char *name)
{
	struct timeval patience = { .tv_sec = FRAMES_PATIENCE };

	*f = (struct frames){ .fd = -1 };
	if (!open_any(f, name))
		return false;
	f->failed = false; /* another of the host's addresses answered */
	setsockopt(f->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(f->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return true;
}

void frames_close(struct frames *f)
{
	if (f->fd >= 0)
		close(f->fd);
	free(f->out);
	free(f->in);
	f->fd = -1;
	f->out = f->in = NULL;
}

/* --- writing ------------------------------------------------------------ */

void frames_bytes(struct frames *f, const void *bytes, size_t len)
{
	if (f->failed)
		return;
	if (f->out_room - f->out_len < len) {
		size_t room = (f->out_len + len) * 2;
		unsigned char *more = realloc(f->out, room);

		if (more == NULL) {
			frames_fail(f, "out of memory");
			return;
		}
		f->out = more;
		f->out_room = room;
	}
	memcpy(f->out + f->out_len, bytes, len);
	f->out_len += len;
}

void frames_number(struct frames *f, uint32_t number)
{
	number = htonl(number);
	frames_bytes(f, &number, sizeof(number));
}

void frames_text(struct frames *f, const char *text)
{
	frames_bytes(f, text, strlen(text) + 1);
}

void frames_begin(struct frames *f, char command)
{
	f->out_len = 0;
	frames_number(f, 0);
	frames_bytes(f, &command, 1);
}

bool frames_send(struct frames *f)
{
	uint32_t len = htonl((uint32_t)(f->out_len - LENGTH));
	size_t at = 0;

	if (f->failed)
		return false;
	memcpy(f->out, &len, sizeof(len));
	while (at < f->out_len) {
		ssize_t n =
			send(f->fd, f->out + at, f->out_len - at, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return frames_fail(f, "the filter hung up: %s",
					   strerror(errno));
		at += (size_t)n;
	}
	return true;
}

/* --- reading ------------------------------------------------------------ */

static bool read_all(struct frames *f, void *buffer, size_t len)
{
	char *at = buffer;

	while (len > 0) {
		ssize_t n = recv(f->fd, at, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			return frames_fail(f, "the filter hung up");
		if (n < 0)
			return frames_fail(f, "no reply from the filter: %s",
					   errno == EAGAIN ? "timeout"
							   : strerror(errno));
		at += n;
		len -= (size_t)n;
	}
	return true;
}

char frames_read(struct frames *f)
{
	uint32_t len;
	char command;

	if (f->failed || !read_all(f, &len, sizeof(len)))
		return 0;
	len = ntohl(len);
	if (len == 0 || len > FRAME_MAX) {
		frames_fail(f, "the filter does not speak the milter protocol");
		return 0;
	}
	free(f->in);
	f->in_len = len - 1;
	f->in = malloc(len);
	if (f->in == NULL) {
		frames_fail(f, "out of memory");
		return 0;
	}
	if (!read_all(f, &command, 1) || !read_all(f, f->in, f->in_len))
		return 0;
	f->in[f->in_len] = '\0';
	return command;
}

bool frames_take_number(struct frames *f, size_t *at, uint32_t *ret)
{
	if (f->in_len - *at < sizeof(*ret))
		return false;
	memcpy(ret, f->in + *at, sizeof(*ret));
	*ret = ntohl(*ret);
	*at += sizeof(*ret);
	return true;
}

const char *frames_take_text(struct frames *f, size_t *at)
{
	const char *text = (const char *)f->in + *at;

	if (*at >= f->in_len)
		return NULL;
	*at += strlen(text) + 1; /* a NUL is behind the data */
	if (*at > f->in_len)
		*at = f->in_len;
	return text;
}
