/*
 * fault.h - faults of ours, and how long they have lasted.
 *
 * A message that we fail on (no memory, no room) is told to come again.  If
 * faults go on for five minutes without one message that we could judge, mail
 * passes unchecked instead (`set on_fault`), so that nothing of ours holds mail
 * longer than one retry.  Any thread may call.
 */
#ifndef STEELYARD_FILTER_FAULT_H
#define STEELYARD_FILTER_FAULT_H

#include <stdbool.h>
#include <stdint.h>

enum { FAULT_LASTS = 300 }; /* seconds */

/* A message could be judged. */
void fault_over(void);

/*
 * One could not; `now` is monotonic, in seconds.  Returns how many seconds this
 * has lasted, 0 for the first.
 */
int64_t fault_seen(int64_t now);

#endif
