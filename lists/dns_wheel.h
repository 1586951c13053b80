/*
 * dns_wheel.h - many deadlines, of which most never come.
 *
 * Setting and unsetting one takes the same short time however many there are,
 * and no memory: a timer is a part of what it belongs to.  Milliseconds are
 * the unit; a timer never goes off early.
 *
 * The caller owns and locks it, and passes the time in.
 */
#ifndef LISTS_DNS_WHEEL_H
#define LISTS_DNS_WHEEL_H

#include <stdint.h>

#define DNS_WHEEL_SLOTS 1024 /* a power of two, and 64 times a number */

struct dns_timer {
	struct dns_timer *next, **from; /* from: NULL if it is not set */
	uint64_t due_ms;
};

struct dns_wheel {
	struct dns_timer *slots[DNS_WHEEL_SLOTS];
	uint64_t used[DNS_WHEEL_SLOTS / 64]; /* a bit a slot that has timers */
	uint64_t now_ms; /* all slots before this moment have been seen */
};

/* All zeroes, but for now_ms, is an empty wheel, and an unset timer. */

/* A timer that is set already is moved. */
void dns_wheel_set(struct dns_wheel *wheel, struct dns_timer *timer,
		   uint64_t due_ms);
void dns_wheel_unset(struct dns_wheel *wheel, struct dns_timer *timer);

/* Unsets and returns one that is due, or NULL when there is none (left). */
struct dns_timer *dns_wheel_pop(struct dns_wheel *wheel, uint64_t now_ms);

/*
 * When to look again, or UINT64_MAX.  This may be earlier than the first
 * timer's moment, never later.
 */
uint64_t dns_wheel_next(const struct dns_wheel *wheel);

#endif
