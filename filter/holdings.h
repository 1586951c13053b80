/*
 * holdings.h - what the supervisor holds: settings, locks, sockets.
 *
 * All of it is opened once, before privileges are given up, and is handed to
 * each filter that is started.
 */
#ifndef STEELYARD_FILTER_HOLDINGS_H
#define STEELYARD_FILTER_HOLDINGS_H

#include <stdbool.h>

#include "filter/listen.h"
#include "filter/privileges.h"
#include "filter/settings.h"

struct holdings {
	struct process_settings set; /* a copy that outlives its generation */
	struct privileges become;
	gid_t milter_group; /* -1: our own */
	struct listen_socket milter, control;
	int state_lock;
};

/*
 * Reads the settings; where they, or rule files, are broken, says on stderr
 * what is wrong.  What can only be seen in rules and lists the filter finds as
 * it starts, and leaves.  holdings_close() in any case.
 */
bool holdings_read(struct holdings *ret, const char *config);

/*
 * Makes folders, takes locks, opens sockets, gives up privileges.  False, with
 * the reason on stderr.
 */
bool holdings_open(struct holdings *holdings);

/* Stops listening; the locks stay. */
void holdings_deafen(struct holdings *holdings);
void holdings_close(struct holdings *holdings);

/* A deep copy; false without memory.  process_settings_done() in any case. */
bool process_settings_copy(struct process_settings *ret,
			   const struct process_settings *from);
void process_settings_done(struct process_settings *set);

#endif
