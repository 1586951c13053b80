/*
 * listen.c - the sockets on which others find us.
 */
#include "filter/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "filter/lock.h"

enum {
	BACKLOG = 512,
	IN_USE_TRIES = 20, /* with a pause of a tenth of a second */
	FOLDER_MODE = 0750,
};

static bool refuse(char *why, size_t why_size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static bool refuse(char *why, size_t why_size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, why_size, format, args);
	va_end(args);
	return false;
}

/* --- reading addresses -------------------------------------------------- */

static const char *after(const char *text, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(text, prefix, len) == 0 ? text + len : NULL;
}

static bool parse_unix(const char *path, struct listen_address *ret, char *why,
		       size_t why_size)
{
	ret->kind = LISTEN_UNIX;
	if (*path == '\0')
		return refuse(why, why_size, "the path is missing");
	if (strlen(path) >= sizeof(ret->path))
		return refuse(why, why_size,
			      "the path is longer than %zu bytes",
			      sizeof(ret->path) - 1);
	memcpy(ret->path, path, strlen(path) + 1);
	return true;
}

static bool parse_inet(const char *text, struct listen_address *ret, char *why,
		       size_t why_size)
{
	unsigned long port = 0;
	const char *at = text;
	size_t len;

	while (*at >= '0' && *at <= '9' && port <= UINT16_MAX)
		port = port * 10 + (unsigned long)(*at++ - '0');
	if (at == text || port == 0 || port > UINT16_MAX)
		return refuse(why, why_size, "the port must be 1 to 65535");
	/* no host would mean every network there is: that must be said */
	if (*at != '@' || at[1] == '\0')
		return refuse(why, why_size,
			      "say on which address: %lu@127.0.0.1", port);
	at++;
	len = strlen(at);
	if (*at == '[' && at[len - 1] == ']') {
		at++;
		len -= 2;
	}
	if (len == 0 || len >= sizeof(ret->host))
		return refuse(why, why_size, "the host is empty or too long");
	memcpy(ret->host, at, len);
	ret->host[len] = '\0';
	ret->port = (uint16_t)port;
	if (strchr(ret->host, ':'))
		ret->kind = LISTEN_INET6;
	return true;
}

bool listen_parse(const char *text, struct listen_address *ret, char *why,
		  size_t why_size)
{
	const char *rest;

	memset(ret, 0, sizeof(*ret));
	rest = after(text, "unix:");
	if (!rest)
		rest = after(text, "local:");
	if (rest)
		return parse_unix(rest, ret, why, why_size);
	ret->kind = LISTEN_INET;
	rest = after(text, "inet:");
	if (!rest) {
		ret->kind = LISTEN_INET6;
		rest = after(text, "inet6:");
	}
	if (rest)
		return parse_inet(rest, ret, why, why_size);
	return refuse(why, why_size, "not unix:/path or inet:port@host");
}

/* --- folders ------------------------------------------------------------ */

static int make_one(const char *path, mode_t mode, uid_t uid, gid_t gid)
{
	if (mkdir(path, mode) < 0)
		return errno == EEXIST ? 1 : -1;
	/* ours, and empty: nobody can have put a link in its place unless the
	 * folder above is anybody's, where no socket should be */
	if (chmod(path, mode) < 0)
		return -1;
	if ((uid != (uid_t)-1 || gid != (gid_t)-1) &&
	    lchown(path, uid, gid) < 0)
		return -1;
	return 0;
}

int listen_make_folder(const char *path, mode_t mode, uid_t uid, gid_t gid)
{
	char part[4096];
	struct stat st;
	size_t len = strlen(path);
	char *slash;

	while (len > 1 && path[len - 1] == '/')
		len--;
	if (len == 0 || len >= sizeof(part)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(part, path, len);
	part[len] = '\0';
	if (stat(part, &st) == 0) {
		errno = ENOTDIR;
		return S_ISDIR(st.st_mode) ? 0 : -1;
	}
	for (slash = strchr(part + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (stat(part, &st) < 0 &&
		    make_one(part, 0755, (uid_t)-1, (gid_t)-1) < 0)
			return -1;
		*slash = '/';
	}
	return make_one(part, mode, uid, gid) < 0 ? -1 : 0;
}

/* False for one that cannot be named: in the root, or where we stand. */
static bool folder_of(const char *path, char ret[LISTEN_PATH_SIZE])
{
	char *slash;

	snprintf(ret, LISTEN_PATH_SIZE, "%s", path);
	slash = strrchr(ret, '/');
	if (!slash || slash == ret)
		return false;
	*slash = '\0';
	return true;
}

static int make_folder_of(const char *path, const struct listen_rights *rights)
{
	char folder[LISTEN_PATH_SIZE];

	if (!folder_of(path, folder))
		return 0;
	return listen_make_folder(folder, FOLDER_MODE, rights->uid,
				  rights->gid);
}

bool listen_is_exposed(const char *path)
{
	char folder[LISTEN_PATH_SIZE];
	struct stat st;

	return folder_of(path, folder) && stat(folder, &st) == 0 &&
	       (st.st_mode & (S_IWOTH | S_ISVTX)) == S_IWOTH;
}

/* --- Unix sockets ------------------------------------------------------- */

static struct sockaddr_un unix_address(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	memcpy(address.sun_path, path, strlen(path));
	return address;
}

enum probe { PROBE_NOBODY, PROBE_DEAD, PROBE_ALIVE, PROBE_FOREIGN };

/* What is at `path`?  `*ret_pid` says who listens there. */
static enum probe probe(const char *path, pid_t *ret_pid)
{
	struct sockaddr_un address = unix_address(path);
	struct ucred peer = { 0 };
	socklen_t len = sizeof(peer);
	enum probe answer = PROBE_ALIVE;
	struct stat st;
	int fd;

	*ret_pid = 0;
	if (lstat(path, &st) < 0)
		return errno == ENOENT ? PROBE_NOBODY : PROBE_FOREIGN;
	if (!S_ISSOCK(st.st_mode))
		return PROBE_FOREIGN;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return PROBE_ALIVE;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0)
			*ret_pid = peer.pid;
	} else if (errno == ECONNREFUSED) {
		answer = PROBE_DEAD;
	} else if (errno == ENOENT) {
		answer = PROBE_NOBODY;
	}
	close(fd);
	return answer;
}

/* Removes what is left of a predecessor; we hold the lock. */
static bool clear_path(const char *path, pid_t predecessor, char *why,
		       size_t why_size)
{
	pid_t pid;

	switch (probe(path, &pid)) {
	case PROBE_NOBODY: return true;
	case PROBE_FOREIGN:
		return refuse(why, why_size,
			      "%s exists and is not a socket of ours", path);
	case PROBE_ALIVE:
		/* A filter whose supervisor was killed finishes its messages
		 * on the old socket: SO_PEERCRED still names the supervisor. */
		if (pid != 0 && pid == predecessor)
			break;
		return refuse(why, why_size,
			      "%s is served by another program (pid %d)", path,
			      (int)pid);
	case PROBE_DEAD: break;
	}
	if (unlink(path) < 0 && errno != ENOENT)
		return refuse(
			why, why_size,
			"%s is left from before and cannot be removed: %s",
			path, strerror(errno));
	return true;
}

static void note_made(struct listen_socket *sock)
{
	struct stat st;

	if (lstat(sock->path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return;
	sock->made = true;
	sock->device = st.st_dev;
	sock->inode = st.st_ino;
}

static bool bind_unix(struct listen_socket *ret,
		      const struct listen_rights *rights, char *why,
		      size_t why_size)
{
	struct sockaddr_un address = unix_address(ret->path);
	mode_t old;
	int done;

	ret->fd =
		socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (ret->fd < 0)
		return refuse(why, why_size, "socket: %s", strerror(errno));
	old = umask(~(mode_t)rights->mode & 0777);
	done = bind(ret->fd, (struct sockaddr *)&address, sizeof(address));
	umask(old);
	if (done < 0)
		return refuse(why, why_size, "%s: %s", ret->path,
			      strerror(errno));
	note_made(ret);
	if ((rights->uid != (uid_t)-1 || rights->gid != (gid_t)-1) &&
	    lchown(ret->path, rights->uid, rights->gid) < 0)
		return refuse(why, why_size,
			      "%s: cannot give it to group %d: %s", ret->path,
			      (int)rights->gid, strerror(errno));
	/* nobody can connect before this */
	if (listen(ret->fd, BACKLOG) < 0)
		return refuse(why, why_size, "%s: %s", ret->path,
			      strerror(errno));
	return true;
}

static enum listen_answer open_unix(struct listen_socket *ret,
				    const struct listen_address *address,
				    const struct listen_rights *rights,
				    char *why, size_t why_size)
{
	char lock[LISTEN_PATH_SIZE + 8];
	pid_t pid;

	memcpy(ret->path, address->path, sizeof(ret->path));
	if (make_folder_of(ret->path, rights) < 0) {
		refuse(why, why_size, "%s: cannot make its folder: %s",
		       ret->path, strerror(errno));
		return LISTEN_FAILED;
	}
	snprintf(lock, sizeof(lock), "%s.lock", ret->path);
	ret->lock_fd = lock_take(lock, rights->uid, &pid);
	if (ret->lock_fd < 0 && errno == EWOULDBLOCK) {
		refuse(why, why_size, "already running (pid %d)", (int)pid);
		return LISTEN_RUNNING;
	}
	if (ret->lock_fd < 0) {
		refuse(why, why_size, "%s: %s", lock, strerror(errno));
		return LISTEN_FAILED;
	}
	if (!clear_path(ret->path, pid, why, why_size) ||
	    !bind_unix(ret, rights, why, why_size))
		return LISTEN_FAILED;
	return LISTEN_OK;
}

/* --- Internet sockets --------------------------------------------------- */

static int bind_inet(const struct addrinfo *info)
{
	static const int yes = 1;
	int fd, error;

	fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
		    0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (info->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
	if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 &&
	    listen(fd, BACKLOG) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

/* The filter of a predecessor lets go of its socket a moment after us. */
static int bind_patiently(const struct addrinfo *info)
{
	static const struct timespec pause = { 0, 100000000 };
	int tries, fd;

	for (tries = 0;; tries++) {
		fd = bind_inet(info);
		if (fd >= 0 || errno != EADDRINUSE || tries == IN_USE_TRIES)
			return fd;
		nanosleep(&pause, NULL);
	}
}

static enum listen_answer open_inet(struct listen_socket *ret,
				    const struct listen_address *address,
				    char *why, size_t why_size)
{
	struct addrinfo want = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *info = NULL;
	char port[8];
	int error;

	want.ai_family = address->kind == LISTEN_INET6 ? AF_INET6 : AF_INET;
	snprintf(port, sizeof(port), "%u", (unsigned)address->port);
	error = getaddrinfo(address->host, port, &want, &info);
	if (error != 0) {
		refuse(why, why_size, "%s: %s", address->host,
		       gai_strerror(error));
		return LISTEN_FAILED;
	}
	ret->fd = bind_patiently(info);
	error = errno;
	freeaddrinfo(info);
	if (ret->fd >= 0)
		return LISTEN_OK;
	refuse(why, why_size, "port %s at %s: %s", port, address->host,
	       strerror(error));
	return LISTEN_FAILED;
}

/* --- listeners ---------------------------------------------------------- */

static void socket_init(struct listen_socket *sock)
{
	memset(sock, 0, sizeof(*sock));
	sock->fd = -1;
	sock->lock_fd = -1;
}

enum listen_answer listen_open(struct listen_socket *ret,
			       const struct listen_address *address,
			       const struct listen_rights *rights, char *why,
			       size_t why_size)
{
	enum listen_answer answer;

	socket_init(ret);
	if (address->kind == LISTEN_UNIX)
		answer = open_unix(ret, address, rights, why, why_size);
	else
		answer = open_inet(ret, address, why, why_size);
	if (answer != LISTEN_OK) {
		listen_close(ret);
		if (ret->lock_fd >= 0)
			close(ret->lock_fd);
		ret->lock_fd = -1;
	}
	return answer;
}

void listen_adopt(struct listen_socket *ret, int fd)
{
	socket_init(ret);
	ret->fd = fd;
}

void listen_served(struct listen_socket *sock)
{
	if (sock->fd < 0 && sock->path[0] != '\0')
		note_made(sock);
	else if (sock->made)
		(void)listen(sock->fd, BACKLOG);
}

int listen_give(const char *path, const struct listen_rights *rights)
{
	/* ours, and nobody else may write where it lies; a link is not made
	 * by bind() */
	if (chmod(path, rights->mode) < 0)
		return -1;
	return lchown(path, rights->uid, rights->gid);
}

/* The lock stays with the process: whoever stops still runs. */
void listen_close(struct listen_socket *sock)
{
	struct stat st;

	if (sock->fd >= 0)
		close(sock->fd);
	sock->fd = -1;
	if (sock->made && lstat(sock->path, &st) == 0 &&
	    st.st_dev == sock->device && st.st_ino == sock->inode)
		unlink(sock->path);
	sock->made = false;
}

static bool same_inet(const struct sockaddr_storage *bound,
		      const struct listen_address *address)
{
	in_port_t port = 0;

	if (bound->ss_family == AF_INET)
		port = ((const struct sockaddr_in *)bound)->sin_port;
	else if (bound->ss_family == AF_INET6)
		port = ((const struct sockaddr_in6 *)bound)->sin6_port;
	return port != 0 && ntohs(port) == address->port;
}

bool listen_matches(int fd, const struct listen_address *address)
{
	struct sockaddr_storage bound = { 0 };
	socklen_t len = sizeof(bound), size = sizeof(int);
	int type = 0, listens = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 ||
	    type != SOCK_STREAM)
		return false;
	size = sizeof(int);
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0 ||
	    !listens)
		return false;
	if (getsockname(fd, (struct sockaddr *)&bound, &len) < 0)
		return false;
	if (address->kind != LISTEN_UNIX)
		return same_inet(&bound, address);
	return bound.ss_family == AF_UNIX &&
	       strcmp(((const struct sockaddr_un *)&bound)->sun_path,
		      address->path) == 0;
}
