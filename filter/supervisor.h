/*
 * supervisor.h - holds the sockets, starts the others, passes signals on.
 *
 * Single-threaded.  After the start it reads nothing from outside: signals,
 * ends of children, and what the filter says on the link (link.h).
 */
#ifndef STEELYARD_FILTER_SUPERVISOR_H
#define STEELYARD_FILTER_SUPERVISOR_H

#include <stdbool.h>

/*
 * Runs until told to stop; returns the exit code.  `dns_zone` is a file that
 * stands in for the network, or NULL.  In the background it returns
 * twice: in the first process as soon as the filter is ready (0) or has failed
 * (1), in the other at the end.
 */
int supervisor_run(const char *config, const char *dns_zone, bool foreground);

#endif
