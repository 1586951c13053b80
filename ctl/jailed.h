/*
 * jailed.h - one inspector for a tool: forked, jailed, the code of production.
 */
#ifndef STEELYARD_CTL_JAILED_H
#define STEELYARD_CTL_JAILED_H

#include <sys/types.h>

struct inspector_pool;

struct jailed {
	struct inspector_pool *pool;
	pid_t pid; /* -1: none */
};

/*
 * Starts one; call it while the process has a single thread.  -1 with errno.
 */
int jailed_start(struct jailed *jailed, unsigned timeout_ms);
/* True once it has died on us; then stop and start it again. */
int jailed_is_dead(struct jailed *jailed);
void jailed_stop(struct jailed *jailed);

#endif
