/*
 * redis_server.c - a Redis server of the test's own.
 */
#include "redis_server.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

enum { OPTIONS_MAX = 8, ARGS_MAX = 16 + OPTIONS_MAX, TRIES = 500, LEVELS = 4 };

/* Returns if there is none. */
static void run_unpacked(const char *folder, char *const *args)
{
	char program[512], libraries[512];
	glob_t found;

	if (folder == NULL)
		return;
	snprintf(program, sizeof(program), "%s/root/usr/bin/redis-server",
		 folder);
	snprintf(libraries, sizeof(libraries), "%s/root/usr/lib/*-linux-gnu*",
		 folder);
	if (access(program, X_OK) != 0)
		return;
	if (glob(libraries, 0, NULL, &found) == 0)
		setenv("LD_LIBRARY_PATH", found.gl_pathv[0], 1);
	execv(program, args);
}

static void run(const struct redis_server *server)
{
	static char name[] = "redis-server";
	char *args[ARGS_MAX] = { name };
	char socket[96], folder[3 * LEVELS + sizeof("../redis")] = "redis";
	int count = 1, null;

	snprintf(socket, sizeof(socket), "%s/redis.sock", server->folder);
	char *fixed[] = { "--port",	  "0",
			  "--unixsocket", socket,
			  "--save",	  "",
			  "--appendonly", "no",
			  "--dir",	  (char *)(uintptr_t)server->folder };
	for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++)
		args[count++] = fixed[i];
	for (int i = 0; server->options && server->options[i]; i++)
		args[count++] = (char *)(uintptr_t)server->options[i];
	null = open("/dev/null", O_RDWR);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	run_unpacked(getenv("STEELYARD_REDIS"), args);
	/* `make distcheck` builds inside a build tree that has it */
	for (int up = 0; up <= LEVELS; up++) {
		run_unpacked(folder, args);
		strcpy(folder + 3 * up, "../redis");
	}
	execvp("redis-server", args);
	_exit(127);
}

static void pause_a_moment(void)
{
	const struct timespec moment = { .tv_nsec = 10000000 };

	nanosleep(&moment, NULL);
}

static void begin(struct redis_server *server)
{
	int status;

	server->pid = fork();
	assert_true(server->pid >= 0);
	if (server->pid == 0)
		run(server);
	for (int i = 0; i < TRIES; i++) {
		server->us = redisConnectUnix(server->place + strlen("unix:"));
		if (server->us != NULL && server->us->err == 0)
			return;
		redisFree(server->us);
		server->us = NULL;
		if (waitpid(server->pid, &status, WNOHANG) == server->pid)
			fail_msg("redis-server is missing or does not start: "
				 "install it, or have it "
				 "unpacked: tests/redis/unpack redis");
		pause_a_moment();
	}
	fail_msg("redis-server does not answer");
}

void redis_server_start(struct redis_server *server, const char *const *options)
{
	*server = (struct redis_server){
		.folder = "/tmp/test-redis-XXXXXX",
		.options = options,
	};
	assert_non_null(mkdtemp(server->folder));
	snprintf(server->place, sizeof(server->place), "unix:%s/redis.sock",
		 server->folder);
	begin(server);
}

void redis_server_restart(struct redis_server *server)
{
	begin(server);
}

void redis_server_kill(struct redis_server *server)
{
	redisFree(server->us);
	server->us = NULL;
	if (server->pid <= 0)
		return;
	kill(server->pid, SIGKILL);
	waitpid(server->pid, NULL, 0);
	server->pid = 0;
}

void redis_server_stop(struct redis_server *server)
{
	redis_server_kill(server);
	unlink(server->place + strlen("unix:"));
	rmdir(server->folder);
}

void redis_server_freeze(const struct redis_server *server)
{
	kill(server->pid, SIGSTOP);
}

void redis_server_thaw(const struct redis_server *server)
{
	kill(server->pid, SIGCONT);
}

static redisReply *say(const struct redis_server *server, const char *format,
		       va_list args)
{
	redisReply *reply = redisvCommand(server->us, format, args);

	assert_non_null(reply);
	if (reply->type == REDIS_REPLY_ERROR)
		fail_msg("%s: %s", format, reply->str);
	return reply;
}

redisReply *redis_server_say(const struct redis_server *server,
			     const char *format, ...)
{
	redisReply *reply;
	va_list args;

	va_start(args, format);
	reply = say(server, format, args);
	va_end(args);
	return reply;
}

void redis_server_do(const struct redis_server *server, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	freeReplyObject(say(server, format, args));
	va_end(args);
}
