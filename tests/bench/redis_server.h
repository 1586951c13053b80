/*
 * redis_server.h - a Redis of our own for a while, on a socket in a folder.
 */
#ifndef TESTS_BENCH_REDIS_SERVER_H
#define TESTS_BENCH_REDIS_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Starts it and waits until it takes connections at FOLDER/redis.sock; durable:
 * each answer is on disk before it is given.  -1 if there is none or it does
 * not start.
 */
pid_t redis_start(const char *folder, bool durable);
/* Ends it, and removes what it left in the folder. */
void redis_stop(pid_t pid, const char *folder);

#endif
