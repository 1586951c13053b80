/*
 * listener.c - exchange the socket behind a descriptor.
 *
 * poll() keeps hold of the socket that it began with, for up to five seconds in
 * libmilter.  After an exchange it may therefore report the old one as ready,
 * and accept() then asks the new one; both are non-blocking, so that this costs
 * one EAGAIN.  A signal without a meaning ends the poll() early.
 */
#include "filter/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int shown = -1; /* the descriptor that libmilter knows */
static int real = -1; /* the socket that MTAs connect to */
static int idle = -1; /* a socket that nobody knows */
static bool paused;
static bool shut; /* paused for good */
static bool serving;
static pthread_t server;
static struct stat entry; /* of the real one's path, if it has one */

static int idle_socket(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	/* No path: the kernel picks an unused abstract name (unix(7)). */
	if (fd >= 0 &&
	    bind(fd, (struct sockaddr *)&name, sizeof(name.sun_family)) == 0 &&
	    listen(fd, 1) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* The path of a Unix socket; NULL for one without. */
static const char *path_of(const struct sockaddr_storage *address)
{
	const struct sockaddr_un *name = (const struct sockaddr_un *)address;

	return name->sun_family == AF_UNIX && name->sun_path[0] != '\0'
		       ? name->sun_path
		       : NULL;
}

static void note_entry(int fd)
{
	struct sockaddr_storage address = { 0 };
	socklen_t len = sizeof(address);

	entry = (struct stat){ 0 };
	if (getsockname(fd, (struct sockaddr *)&address, &len) == 0 &&
	    path_of(&address) != NULL)
		(void)lstat(path_of(&address), &entry);
}

/* Whoever has removed the path may have made another there. */
static bool is_ours(const struct sockaddr_storage *address)
{
	struct stat now;

	return path_of(address) == NULL ||
	       (lstat(path_of(address), &now) == 0 &&
		now.st_dev == entry.st_dev && now.st_ino == entry.st_ino);
}

int listener_open(int fd)
{
	int flags = fcntl(fd, F_GETFL), one = 1;

	/*
	 * Accepted sockets inherit it.  libmilter writes each change and each
	 * answer by itself, and would wait 40 ms for the MTA's acknowledgement
	 * in between.  A unix socket refuses, and does not need it.
	 */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -1;
	shown = fd;
	real = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	idle = idle_socket();
	note_entry(fd);
	return real < 0 || idle < 0 ? -1 : 0;
}

static void woken(int signal)
{
	(void)signal; /* that poll() returned is all */
}

void listener_serve_here(void)
{
	struct sigaction action = { .sa_handler = woken };
	sigset_t signals;

	sigaction(SIGUSR2, &action, NULL);
	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR2);
	pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
	pthread_mutex_lock(&lock);
	server = pthread_self();
	serving = true;
	pthread_mutex_unlock(&lock);
}

static void wake_locked(void)
{
	if (serving)
		pthread_kill(server, SIGUSR2);
}

void listener_pause(void)
{
	pthread_mutex_lock(&lock);
	if (!paused && real >= 0 && dup3(idle, shown, O_CLOEXEC) >= 0)
		paused = true;
	wake_locked();
	pthread_mutex_unlock(&lock);
}

void listener_resume(void)
{
	pthread_mutex_lock(&lock);
	if (paused && !shut && dup3(real, shown, O_CLOEXEC) >= 0)
		paused = false;
	wake_locked();
	pthread_mutex_unlock(&lock);
}

void listener_shut(void)
{
	pthread_mutex_lock(&lock);
	shut = true;
	pthread_mutex_unlock(&lock);
	listener_pause();
	pthread_mutex_lock(&lock);
	if (paused && real >= 0)
		close(real);
	real = -1;
	pthread_mutex_unlock(&lock);
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
	wake_locked();
	pthread_mutex_unlock(&lock);
}

void listener_knock(void)
{
	struct sockaddr_storage address = { 0 };
	socklen_t len = sizeof(address);
	int fd = -1;

	pthread_mutex_lock(&lock);
	if (!paused && real >= 0 &&
	    getsockname(real, (struct sockaddr *)&address, &len) == 0)
		fd = socket(address.ss_family,
			    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	pthread_mutex_unlock(&lock);
	if (fd < 0)
		return;
	if (is_ours(&address))
		(void)connect(fd, (struct sockaddr *)&address, len);
	close(fd);
}
