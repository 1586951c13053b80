/*
 * inherit.c - sockets that a service manager opened for us (LISTEN_FDS).
 */
#include "filter/inherit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "filter/listen.h"

enum { FIRST_FD = 3, MOST = 8, NAME_SIZE = 32 };

static struct {
	int fd;
	char name[NAME_SIZE];
} inherited[MOST];
static int inherited_count;

static int number_in(const char *name)
{
	const char *text = getenv(name);

	return text ? (int)strtol(text, NULL, 10) : 0;
}

static void read_names(void)
{
	const char *names = getenv("LISTEN_FDNAMES");
	int i;

	for (i = 0; names && i < inherited_count; i++) {
		size_t len = strcspn(names, ":");

		snprintf(inherited[i].name, NAME_SIZE, "%.*s", (int)len, names);
		names = names[len] == ':' ? names + len + 1 : NULL;
	}
}

void inherit_open(void)
{
	int i;

	inherited_count = 0;
	memset(inherited, 0, sizeof(inherited));
	if (number_in("LISTEN_PID") == (int)getpid())
		inherited_count = number_in("LISTEN_FDS");
	if (inherited_count < 0 || inherited_count > MOST)
		inherited_count = 0;
	for (i = 0; i < inherited_count; i++) {
		inherited[i].fd = FIRST_FD + i;
		if (fcntl(FIRST_FD + i, F_SETFD, FD_CLOEXEC) < 0)
			inherited[i].fd = -1;
	}
	read_names();
	close_range((unsigned)(FIRST_FD + inherited_count), ~0U, 0);
}

int inherit_take(const char *name, const struct listen_address *address)
{
	int i, fd;

	for (i = 0; i < inherited_count; i++) {
		fd = inherited[i].fd;
		if (fd < 0)
			continue;
		if (strcmp(inherited[i].name, name) == 0 ||
		    listen_matches(fd, address)) {
			inherited[i].fd = -1;
			return fd;
		}
	}
	return -1;
}

void inherit_close(void)
{
	int i;

	for (i = 0; i < inherited_count; i++) {
		if (inherited[i].fd >= 0)
			close(inherited[i].fd);
		inherited[i].fd = -1;
	}
}
