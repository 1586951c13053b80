/*
 * admission.h - how many connections are served, and what happens beyond.
 *
 * Up to the limit a connection is served; above it, it hears a 421.  When even
 * the descriptors for that run short, the listener is put aside and further
 * connections wait in its backlog.  The limit is the setting max_sessions or
 * what RLIMIT_NOFILE allows, whichever is less.  Any thread may call.
 */
#ifndef STEELYARD_FILTER_ADMISSION_H
#define STEELYARD_FILTER_ADMISSION_H

#include <stdbool.h>

/*
 * Raises RLIMIT_NOFILE as far as allowed, and starts the thread that watches
 * for a shortage of descriptors.  Call when everything else is open.
 */
void admission_watch(void);

/* One more; false if it is above the limit (it counts all the same). */
bool admission_enter(unsigned max_sessions);
void admission_leave(void);

unsigned admission_sessions(void);
unsigned admission_limit(void); /* the one last in force */

#endif
