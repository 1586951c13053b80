/* dial.c - a connection to a milter's socket, named as libmilter names it. */
#include "tests/bench/dial.h"

#include <err.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>

#define SPARE_FDS 32
#define UNIX_BUFFER 4096 /* VSTREAM_BUFSIZE */
#define INET_BUFFER (4 * 21845) /* vstream_tweak_tcp(), on the loopback */

static void read_unix(struct dial *d, const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(sun.sun_path))
		errx(2, "%s: path too long for a socket", path);
	memcpy(sun.sun_path, path, strlen(path) + 1);
	memcpy(&d->addr, &sun, sizeof(sun));
	d->len = sizeof(sun);
	d->buffer = UNIX_BUFFER;
}

static void read_inet(struct dial *d, const char *name, int family)
{
	struct addrinfo hints = { .ai_family = family,
				  .ai_socktype = SOCK_STREAM };
	struct addrinfo *found;
	const char *host = strchr(name, '@');
	char port[16];
	int rc;

	if (!host || (size_t)(host - name) >= sizeof(port))
		errx(2, "%s: expected port@host", name);
	memcpy(port, name, (size_t)(host - name));
	port[host - name] = '\0';
	rc = getaddrinfo(host + 1, port, &hints, &found);
	if (rc != 0)
		errx(2, "%s: %s", name, gai_strerror(rc));
	memcpy(&d->addr, found->ai_addr, found->ai_addrlen);
	d->len = found->ai_addrlen;
	d->buffer = INET_BUFFER;
	freeaddrinfo(found);
}

void dial_read(struct dial *ret_dial, const char *name)
{
	*ret_dial = (struct dial){ 0 };
	if (name[0] == '/')
		read_unix(ret_dial, name);
	else if (strncmp(name, "unix:", 5) == 0)
		read_unix(ret_dial, name + 5);
	else if (strncmp(name, "local:", 6) == 0)
		read_unix(ret_dial, name + 6);
	else if (strncmp(name, "inet:", 5) == 0)
		read_inet(ret_dial, name + 5, AF_INET);
	else if (strncmp(name, "inet6:", 6) == 0)
		read_inet(ret_dial, name + 6, AF_INET6);
	else
		errx(2, "%s: expected unix:/path or inet:port@host", name);
}

int dial_open(const struct dial *dial)
{
	int fd = socket(dial->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int saved, one = 1;

	if (fd < 0)
		return -1;
	/* As MTAs do; a unix socket refuses, and does not need it. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, (const struct sockaddr *)&dial->addr, dial->len) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

int dial_room(unsigned count)
{
	rlim_t need = (rlim_t)count + SPARE_FDS;
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) < 0)
		return -1;
	if (lim.rlim_cur >= need)
		return 0;
	lim.rlim_cur = need;
	if (lim.rlim_max < need)
		lim.rlim_max = need; /* root may */
	return setrlimit(RLIMIT_NOFILE, &lim);
}
