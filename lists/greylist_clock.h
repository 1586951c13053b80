/*
 * greylist_clock.h - what time it is, for a greylist: both clocks, and the name
 * of this run of the machine.
 *
 * Any thread.  Where the kernel does not tell the name of the run (boot_id) it
 * is 0, and times are told by the wall clock alone, as between two machines.
 */
#ifndef LISTS_GREYLIST_CLOCK_H
#define LISTS_GREYLIST_CLOCK_H

#include "lists/greylist.h"

/* A wall clock outside of what stamps can hold is taken to its border. */
struct greylist_time greylist_now(void);

#endif
