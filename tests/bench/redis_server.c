/*
 * redis_server.c - a Redis of our own for a while, on a socket in a folder.
 */
#include "tests/bench/redis_server.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE = 500 }; /* looks, 10 ms apart */

static bool takes_connections(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok;

	if (fd < 0)
		return false;
	if (strlen(path) >= sizeof(address.sun_path)) {
		close(fd);
		return false;
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	ok = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
	close(fd);
	return ok;
}

static void become_redis(const char *folder, const char *path, bool durable)
{
	int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGTERM); /* however we end */
	dup2(nowhere, 0);
	dup2(nowhere, 1);
	execlp("redis-server", "redis-server", "--port", "0", "--unixsocket",
	       path, "--dir", folder, "--save", "", "--appendonly",
	       durable ? "yes" : "no", "--appendfsync", "always", (char *)NULL);
	_exit(127);
}

pid_t redis_start(const char *folder, bool durable)
{
	const struct timespec moment = { .tv_nsec = 10000000 };
	char path[256];
	pid_t pid;

	snprintf(path, sizeof(path), "%s/redis.sock", folder);
	pid = fork();
	if (pid == 0)
		become_redis(folder, path, durable);
	if (pid < 0)
		return -1;
	for (int i = 0; i < PATIENCE; i++) {
		if (takes_connections(path))
			return pid;
		if (waitpid(pid, NULL, WNOHANG) == pid)
			return -1;
		nanosleep(&moment, NULL);
	}
	redis_stop(pid, folder);
	return -1;
}

/* What it keeps of its writes. */
static void remove_log(const char *folder)
{
	char path[256], file[600];
	const struct dirent *entry;
	DIR *log;

	snprintf(path, sizeof(path), "%s/appendonlydir", folder);
	log = opendir(path);
	if (!log)
		return;
	while ((entry = readdir(log))) {
		snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		unlink(file);
	}
	closedir(log);
	rmdir(path);
}

void redis_stop(pid_t pid, const char *folder)
{
	char path[256];

	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	snprintf(path, sizeof(path), "%s/redis.sock", folder);
	unlink(path);
	snprintf(path, sizeof(path), "%s/dump.rdb", folder);
	unlink(path);
	remove_log(folder);
}
