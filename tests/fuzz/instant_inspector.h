/*
 * instant_inspector.h - filter/inspector.h without processes: the message is
 * read in the caller's own, and answered at once.
 *
 * Facts still travel as packets and are taken out of them by the filter's code.
 * Now and then an inspector is missing or lost, as the message's number says,
 * so that equal inputs have equal ends.
 */
#ifndef STEELYARD_FUZZ_INSTANT_INSPECTOR_H
#define STEELYARD_FUZZ_INSTANT_INSPECTOR_H

/* The next message is the first again. */
void instant_inspector_reset(void);

/* How many inspections were begun and not ended. */
unsigned instant_inspector_open(void);

#endif
