/*
 * notify.h - tells a service manager how we are (sd_notify(3), by hand).
 *
 * Without $NOTIFY_SOCKET every function does nothing.
 */
#ifndef STEELYARD_FILTER_NOTIFY_H
#define STEELYARD_FILTER_NOTIFY_H

#include <stdint.h>

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID; once, early. */
void notify_open(void);

/* One datagram, such as "READY=1\nSTATUS=..."; lost if it cannot be sent. */
void notify_say(const char *text);

/* "RELOADING=1" with the time stamp that Type=notify-reload asks for. */
void notify_reloading(void);

/* How often the manager wants to hear "WATCHDOG=1", halved; 0: never. */
int64_t notify_watchdog_ms(void);

#endif
