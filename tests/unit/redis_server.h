/*
 * redis_server.h - a Redis server of the test's own, on a unix socket in a
 * folder of its own, with nothing on disk.
 *
 * The program is that of the folder which tests/redis/unpack has filled
 * (STEELYARD_REDIS, else `redis` in the build's folder or one above it), or
 * the machine's; where there is neither the test fails and says so.  It ends
 * with the test, however that ends.
 */
#ifndef TESTS_UNIT_REDIS_SERVER_H
#define TESTS_UNIT_REDIS_SERVER_H

#include <sys/types.h>

#include <hiredis/hiredis.h>

struct redis_server {
	pid_t pid;
	char folder[64];
	char place[96]; /* "unix:/tmp/.../redis.sock" */
	const char *const *options;
	redisContext *us; /* a connection past what is tested */
};

/*
 * Returns when it answers.  Further options, up to 8, of which the last is NULL
 * and which must stay; or NULL.
 */
void redis_server_start(struct redis_server *server,
			const char *const *options);
void redis_server_stop(struct redis_server *server);

/* Kills it, or starts it again in the same place; the folder stays. */
void redis_server_kill(struct redis_server *server);
void redis_server_restart(struct redis_server *server);

/* Stops it in mid-air, or lets it go on. */
void redis_server_freeze(const struct redis_server *server);
void redis_server_thaw(const struct redis_server *server);

/* A command as printf() would write it; fails on an error.  To be freed. */
redisReply *redis_server_say(const struct redis_server *server,
			     const char *format, ...);

/* The same, for what it does alone. */
void redis_server_do(const struct redis_server *server, const char *format,
		     ...);

#endif
