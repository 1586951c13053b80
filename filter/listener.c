/*
 * listener.c - exchange the socket behind a descriptor.
 *
 * poll() keeps hold of the socket that it began with.  After an exchange it may
 * therefore report the old one as ready, and accept() then asks the new one;
 * both are non-blocking, so that this costs one EAGAIN.  After
 * listener_resume() a poll() that still watches the idle socket is woken by a
 * connection to it.
 */
#include "filter/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int shown = -1; /* the descriptor that libmilter knows */
static int real = -1; /* the socket that MTAs connect to */
static int idle = -1; /* a socket that nobody knows */
static int knock = -1; /* our own connection to it */
static bool paused;
static bool shut; /* paused for good */

static int idle_socket(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	/* No path: the kernel picks an unused abstract name (unix(7)). */
	if (fd >= 0 &&
	    bind(fd, (struct sockaddr *)&name, sizeof(name.sun_family)) == 0 &&
	    listen(fd, 8) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

int listener_open(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -1;
	shown = fd;
	real = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	idle = idle_socket();
	return real < 0 || idle < 0 ? -1 : 0;
}

/* A connection that nobody reads; the next knock replaces it. */
static void knock_at(int fd)
{
	struct sockaddr_un name;
	socklen_t len = sizeof(name);

	if (knock >= 0)
		close(knock);
	knock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (knock >= 0 && getsockname(fd, (struct sockaddr *)&name, &len) == 0)
		(void)connect(knock, (struct sockaddr *)&name, len);
}

void listener_pause(void)
{
	pthread_mutex_lock(&lock);
	if (!paused && real >= 0 && dup3(idle, shown, O_CLOEXEC) >= 0)
		paused = true;
	pthread_mutex_unlock(&lock);
}

void listener_resume(void)
{
	int fresh;

	pthread_mutex_lock(&lock);
	/* The knock stays in the old one's queue, so a fresh one is needed. */
	fresh = paused && !shut ? idle_socket() : -1;
	if (fresh >= 0 && dup3(real, shown, O_CLOEXEC) >= 0) {
		knock_at(idle);
		close(idle);
		idle = fresh;
		paused = false;
	} else if (fresh >= 0) {
		close(fresh);
	}
	pthread_mutex_unlock(&lock);
}

void listener_shut(void)
{
	pthread_mutex_lock(&lock);
	shut = true;
	pthread_mutex_unlock(&lock);
	listener_pause();
}

bool listener_paused(void)
{
	bool answer;

	pthread_mutex_lock(&lock);
	answer = paused;
	pthread_mutex_unlock(&lock);
	return answer;
}

void listener_wake(void)
{
	pthread_mutex_lock(&lock);
	if (idle >= 0)
		knock_at(idle);
	pthread_mutex_unlock(&lock);
}
