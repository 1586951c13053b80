/*
 * serve.h - one channel, message after message, to its end.
 *
 * This is all an inspector's thread does.  It needs nothing but the descriptor
 * and memory, so that tests run it in their own process.
 */
#ifndef STEELYARD_INSPECT_SERVE_H
#define STEELYARD_INSPECT_SERVE_H

#include <stddef.h>

struct charsets;

/* Three packets: one comes, one goes, one comes while somebody waits. */
size_t serve_room(void);

/*
 * Reads messages and answers them until the filter closes its end (0), or
 * breaks the protocol, or memory runs out (-1).  `room` is serve_room() bytes
 * of whole pages, given back to the system after a large message.
 */
int serve_channel(int fd, void *room, struct charsets *charsets);

#endif
