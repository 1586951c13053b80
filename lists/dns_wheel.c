/*
 * dns_wheel.c - many deadlines, of which most never come.
 *
 * A slot holds the timers of every moment that is equal modulo the number of
 * slots, so one that is far off is met, and left, once in each round.
 */
#include "lists/dns_wheel.h"

#include <stdbool.h>
#include <stddef.h>

static size_t slot_of(uint64_t ms)
{
	return (size_t)(ms % DNS_WHEEL_SLOTS);
}

void dns_wheel_unset(struct dns_wheel *wheel, struct dns_timer *timer)
{
	size_t slot = slot_of(timer->due_ms);

	if (!timer->from)
		return;
	*timer->from = timer->next;
	if (timer->next)
		timer->next->from = timer->from;
	timer->from = NULL;
	if (!wheel->slots[slot])
		wheel->used[slot / 64] &= ~(UINT64_C(1) << slot % 64);
}

void dns_wheel_set(struct dns_wheel *wheel, struct dns_timer *timer,
		   uint64_t due_ms)
{
	struct dns_timer **first;
	size_t slot;

	dns_wheel_unset(wheel, timer);
	if (due_ms < wheel->now_ms)
		due_ms = wheel->now_ms;
	slot = slot_of(due_ms);
	first = &wheel->slots[slot];
	timer->due_ms = due_ms;
	timer->next = *first;
	if (*first)
		(*first)->from = &timer->next;
	timer->from = first;
	*first = timer;
	wheel->used[slot / 64] |= UINT64_C(1) << slot % 64;
}

/* How many slots from this one to the next that is used, itself included. */
static unsigned distance(const struct dns_wheel *wheel, size_t slot)
{
	uint64_t word = wheel->used[slot / 64] >> slot % 64;
	unsigned steps = 64 - (unsigned)(slot % 64);

	if (word)
		return (unsigned)__builtin_ctzll(word);
	for (size_t i = 1; i <= DNS_WHEEL_SLOTS / 64; i++) {
		word = wheel->used[(slot / 64 + i) % (DNS_WHEEL_SLOTS / 64)];
		if (word)
			return steps + (unsigned)__builtin_ctzll(word);
		steps += 64;
	}
	return DNS_WHEEL_SLOTS; /* empty */
}

static bool empty(const struct dns_wheel *wheel)
{
	for (size_t i = 0; i < DNS_WHEEL_SLOTS / 64; i++)
		if (wheel->used[i])
			return false;
	return true;
}

struct dns_timer *dns_wheel_pop(struct dns_wheel *wheel, uint64_t now_ms)
{
	if (now_ms < wheel->now_ms)
		return NULL;
	/* one round sees every slot, however long ago the last look was */
	if (now_ms - wheel->now_ms >= DNS_WHEEL_SLOTS)
		wheel->now_ms = now_ms - DNS_WHEEL_SLOTS + 1;
	while (wheel->now_ms <= now_ms) {
		size_t slot = slot_of(wheel->now_ms);

		for (struct dns_timer *timer = wheel->slots[slot]; timer;
		     timer = timer->next)
			if (timer->due_ms <= now_ms) {
				dns_wheel_unset(wheel, timer);
				return timer;
			}
		if (wheel->now_ms == now_ms)
			break; /* more may still be set for this moment */
		wheel->now_ms +=
			1 + distance(wheel, slot_of(wheel->now_ms + 1));
		if (wheel->now_ms > now_ms)
			wheel->now_ms = now_ms;
	}
	return NULL;
}

uint64_t dns_wheel_next(const struct dns_wheel *wheel)
{
	const struct dns_timer *timer = wheel->slots[slot_of(wheel->now_ms)];

	if (empty(wheel))
		return UINT64_MAX;
	for (; timer; timer = timer->next)
		if (timer->due_ms <= wheel->now_ms)
			return wheel->now_ms;
	/* the rest of this slot is for later rounds */
	return wheel->now_ms + 1 + distance(wheel, slot_of(wheel->now_ms + 1));
}
