/*
 * listener.h - a listening socket that can be put aside while it is in use.
 *
 * libmilter accepts connections from one descriptor and cannot be told to wait:
 * out of descriptors it spins, and to stop it closes the socket.  So the
 * descriptor is exchanged under it: dup2() puts an idle listener in its place,
 * and new connections wait in the backlog of the real one, which the
 * supervisor holds too, until this filter resumes or the next one begins.
 *
 * Any thread may call; pausing twice is the same as once.
 */
#ifndef STEELYARD_FILTER_LISTENER_H
#define STEELYARD_FILTER_LISTENER_H

#include <stdbool.h>

/* `fd` stays the caller's.  0, or -1 with errno. */
int listener_open(int fd);
void listener_pause(void);
void listener_resume(void);
bool listener_paused(void);
void listener_shut(void); /* pauses for good */

/* Wakes whoever polls the paused descriptor, so that it sees what changed. */
void listener_wake(void);

#endif
