/*
 * inherit.h - sockets that a service manager opened for us (LISTEN_FDS).
 */
#ifndef STEELYARD_FILTER_INHERIT_H
#define STEELYARD_FILTER_INHERIT_H

struct listen_address;

/*
 * Reads LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES and closes all descriptors
 * from 3 on that they do not name.  Once, before anything is opened.
 */
void inherit_open(void);

/*
 * The inherited socket that is called `name` or listens on `address`, or -1.
 * The caller owns it, and it is not found again.
 */
int inherit_take(const char *name, const struct listen_address *address);

/* Closes what nobody took. */
void inherit_close(void);

#endif
