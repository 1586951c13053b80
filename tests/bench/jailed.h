/*
 * jailed.h - an inspector in a process of its own, behind its jail, and what it
 * costs.
 */
#ifndef BENCH_JAILED_H
#define BENCH_JAILED_H

#include <sys/types.h>

struct inspector_pool;

enum { JAILED_CHANNELS = 32 };

/* First of all in main(): the program is started anew as the inspector. */
void jailed_run(void);

/* Before other threads are started; it ends with the pool. */
pid_t jailed_start(struct inspector_pool *pool);

/* CPU time of this process, and of that one, in seconds. */
double jailed_own_cpu(void);
double jailed_cpu_of(pid_t pid);

#endif
