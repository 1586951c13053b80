/*
 * serve.h - the filter process: what runs in it, and on which configuration.
 *
 * The first thread serves the link to the supervisor, others the MTA, the
 * control socket, and the loading of configurations.  There is one filter in a
 * process.
 */
#ifndef STEELYARD_FILTER_SERVE_H
#define STEELYARD_FILTER_SERVE_H

#include <stdbool.h>
#include <stdint.h>

struct generation;
struct inspector_pool;
struct store;

struct filter_start {
	const char *config; /* path */
	unsigned inspectors, channels; /* as the supervisor has them */
	const char *dns_zone; /* a file in place of the network, or NULL */
	bool foreground; /* log to stderr */
	bool starting; /* somebody still reads our stderr */
	int link_fd;
	int milter_fd; /* -1: bind the socket ourselves */
	int control_fd; /* -1: no control socket */
};

/* Runs the filter; returns the process's exit code. */
int filter_main(const struct filter_start *start);

/* --- for all threads of the filter ------------------------------------- */

/* The configuration that holds now, with a reference for the caller. */
struct generation *serve_generation(void);

/*
 * Loads the configuration anew and switches to it when it is whole; running
 * sessions keep theirs.  `force` takes lists that shrank suspiciously.  False:
 * refused, the old one stays.  `*ret_report` says all there is to say, for a
 * terminal (malloc'ed, "" or NULL: nothing).  Waits while another load runs.
 */
bool serve_reload(bool force, char **ret_report);

/*
 * Takes over what now stands in the file of one list, which somebody edited on
 * purpose, be it ever so short.  False: refused; `*ret_report` as above.
 */
bool serve_take_list(const char *name, char **ret_report);

struct inspector_pool *serve_pool(void);

/*
 * What greylisting remembers; NULL where it is not open: no rule asks for it,
 * or it could not be opened and is tried again.  Once there it stays until the
 * process ends.
 */
struct store *serve_store(void);

struct serve_stats {
	int64_t started; /* wall clock, seconds since 1970 */
	uint64_t reloads, refused_reloads;
	bool draining;
};
struct serve_stats serve_stats(void);

#endif
