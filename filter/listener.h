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

/* The calling thread is the one that will accept connections. */
void listener_serve_here(void);

void listener_pause(void);
void listener_resume(void);
bool listener_paused(void);

/*
 * Pauses for good and lets go of the real socket: this filter is about to end.
 * While the supervisor listens, connections wait for the next filter; when it
 * does not, they are refused at once instead of waiting for nobody.
 */
void listener_shut(void);

/*
 * Interrupts the thread's poll(), so that it looks again at what it serves and
 * whether it should stop.  One that was not in poll() just then misses it:
 * call again after a moment.
 */
void listener_wake(void);

/*
 * Connects to the socket that MTAs connect to, and goes away: see admission.c.
 * Does nothing while paused, where libmilter has bound the socket itself, or
 * where something else has taken its path.
 */
void listener_knock(void);

#endif
