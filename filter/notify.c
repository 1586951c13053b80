/*
 * notify.c - tells a service manager how we are.
 */
#include "filter/notify.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static struct {
	struct sockaddr_un address;
	socklen_t len; /* 0: nobody listens */
	int64_t watchdog_ms;
} manager;

void notify_open(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	const char *usec = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");

	memset(&manager, 0, sizeof(manager));
	if (!path || (*path != '/' && *path != '@') ||
	    strlen(path) >= sizeof(manager.address.sun_path))
		return;
	manager.address.sun_family = AF_UNIX;
	memcpy(manager.address.sun_path, path, strlen(path));
	if (*path == '@') /* an abstract address begins with NUL */
		manager.address.sun_path[0] = '\0';
	manager.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
				  strlen(path));
	if (usec && (!pid || strtol(pid, NULL, 10) == (long)getpid()))
		manager.watchdog_ms = strtoll(usec, NULL, 10) / 2000;
}

void notify_say(const char *text)
{
	int fd;

	if (manager.len == 0)
		return;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	sendto(fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL,
	       (struct sockaddr *)&manager.address, manager.len);
	close(fd);
}

void notify_reloading(void)
{
	struct timespec ts;
	char text[64];

	clock_gettime(CLOCK_MONOTONIC, &ts);
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
		 (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000);
	notify_say(text);
}

int64_t notify_watchdog_ms(void)
{
	return manager.watchdog_ms;
}
