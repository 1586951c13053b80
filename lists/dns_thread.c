/*
 * dns_thread.c - the resolver: where questions are answered.
 */
#include "lists/dns_private.h"

#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS 64

/* Calls back; the lock is held before and after. */
static void call(struct dns *dns, struct dns_asker *asker,
		 struct dns_answer *answer)
{
	dns_flight_leave(dns, asker);
	dns->calling = asker;
	pthread_mutex_unlock(&dns->lock);
	asker->done(asker, dns_answer_ref(answer));
	pthread_mutex_lock(&dns->lock);
	dns->calling = NULL;
	pthread_cond_broadcast(&dns->called);
}

/* A question nobody asks: is there a server that answers? */
static void probe(struct dns *dns, const struct dns_question *question)
{
	struct dns_flight *flight = dns_flight_new(dns, 0, question);

	if (!flight)
		return;
	flight->probe = true;
	dns->stats.probes++;
}

static void probe_root(struct dns *dns)
{
	static const struct dns_question root = { .name = { .len = 1 },
						  .type = DNS_NS };

	probe(dns, &root);
}

static void note_breaker(struct dns *dns, enum dns_status status)
{
	switch (dns_breaker_note(&dns->breaker, status, dns_now_ms())) {
	case DNS_BREAKER_OPENED: dns->refused.name.len = 0; break;
	case DNS_BREAKER_SUSPECTS: probe_root(dns); break;
	case DNS_BREAKER_STAYS:
	case DNS_BREAKER_CLOSED: break;
	}
}

static void probe_if_due(struct dns *dns, uint64_t now)
{
	if (!dns_breaker_wants_probe(&dns->breaker, now))
		return;
	probe_root(dns);
	if (dns->refused.name.len > 0)
		probe(dns, &dns->refused);
}

/* The flight is over; takes the answer's reference.  With the lock held. */
static void land(struct dns *dns, struct dns_flight *flight,
		 struct dns_answer *answer)
{
	struct dns_flight **at;

	if (!dns->zone && answer->status != DNS_STOPPED) {
		dns_cache_put(dns->cache, &flight->net.question, answer,
			      dns_now_ms());
		note_breaker(dns, answer->status);
	}
	dns->stats.answers[answer->status]++;
	if (!flight->probe) {
		at = dns_flight_find(dns, flight->hash, &flight->net.question);
		*at = flight->next;
	}
	dns->flights--;
	while (flight->askers)
		call(dns, flight->askers, answer);
	dns_answer_unref(answer);
	free(flight);
}

static void land_all(struct dns *dns)
{
	struct dns_net_question *question;

	while ((question = dns_net_pop(dns->net))) {
		struct dns_flight *flight = (struct dns_flight *)question;

		pthread_mutex_lock(&dns->lock);
		dns_net_stats(dns->net, &dns->net_stats);
		land(dns, flight, question->answer);
		pthread_mutex_unlock(&dns->lock);
	}
}

/* A flight over the zone lands after its delay. */
static void ask_zone(struct dns *dns, struct dns_flight *flight)
{
	uint64_t now = dns_now_ms();
	unsigned delay_ms;

	flight->net.answer =
		dns_zone_ask(dns->zone, &flight->net.question, now, &delay_ms);
	if (delay_ms == DNS_ZONE_SILENT)
		delay_ms = dns->timeout_ms;
	pthread_mutex_lock(&dns->lock);
	if (delay_ms == 0)
		land(dns, flight, flight->net.answer);
	else
		dns_wheel_set(&dns->delays, &flight->timer, now + delay_ms);
	pthread_mutex_unlock(&dns->lock);
}

/* Starts what was asked since the last time; the lock is not held. */
static void start_flights(struct dns *dns, struct dns_flight *flight)
{
	while (flight) {
		struct dns_flight *next = flight->start_next;

		if (dns->zone)
			ask_zone(dns, flight);
		else
			dns_net_ask(dns->net, &flight->net);
		flight = next;
	}
}

#define CONTAINER(timer, type) \
	((type *)(void *)((char *)(timer)-offsetof(type, timer)))

static void run_timers(struct dns *dns, uint64_t now)
{
	struct dns_timer *timer;

	while ((timer = dns_wheel_pop(&dns->delays, now))) {
		struct dns_flight *flight = CONTAINER(timer, struct dns_flight);

		land(dns, flight, flight->net.answer);
	}
	while ((timer = dns_wheel_pop(&dns->deadlines, now)))
		call(dns, CONTAINER(timer, struct dns_asker),
		     dns_answer_of(DNS_TIMEOUT));
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* How long to sleep, for epoll_wait(). */
static int sleep_ms(struct dns *dns, uint64_t now)
{
	uint64_t due = sooner(dns_wheel_next(&dns->deadlines),
			      dns_wheel_next(&dns->delays));

	if (dns->net)
		due = sooner(due, dns_net_next(dns->net, now));
	if (dns->breaker.open)
		due = sooner(due, dns->breaker.probe_due_ms);
	dns->wake_ms = due;
	if (due == UINT64_MAX)
		return -1;
	if (due <= now)
		return 0;
	return due - now > INT_MAX ? INT_MAX : (int)(due - now);
}

static void take_events(struct dns *dns, int timeout_ms)
{
	struct epoll_event events[EVENTS];
	int count = epoll_wait(dns->epoll_fd, events, EVENTS, timeout_ms);

	pthread_mutex_lock(&dns->lock);
	dns->awake = true;
	pthread_mutex_unlock(&dns->lock);
	for (int i = 0; i < count; i++)
		if (events[i].data.u64 != 0)
			dns_net_event(dns->net, &events[i]);
	if (dns->net) {
		dns_net_tick(dns->net, dns_now_ms());
		land_all(dns);
	}
}

/* The lock is held. */
static struct dns_flight *take_start(struct dns *dns)
{
	struct dns_flight *start = dns->start;

	dns->start = NULL;
	dns->start_last = &dns->start;
	return start;
}

/* Everybody who still asks hears DNS_STOPPED.  The lock is held. */
static void stop(struct dns *dns)
{
	struct dns_flight *flight = take_start(dns), *next;
	struct dns_timer *timer;

	for (; flight; flight = next) {
		next = flight->start_next;
		land(dns, flight, dns_answer_of(DNS_STOPPED));
	}
	while ((timer = dns_wheel_pop(&dns->delays, INT64_MAX))) {
		flight = CONTAINER(timer, struct dns_flight);
		dns_answer_unref(flight->net.answer);
		land(dns, flight, dns_answer_of(DNS_STOPPED));
	}
	if (!dns->net)
		return;
	pthread_mutex_unlock(&dns->lock);
	dns_net_stop(dns->net);
	land_all(dns);
	pthread_mutex_lock(&dns->lock);
}

void *dns_thread(void *arg)
{
	struct dns *dns = arg;

	pthread_mutex_lock(&dns->lock);
	dns->awake = true;
	while (!dns->closing) {
		uint64_t now = dns_now_ms();
		struct dns_flight *start;
		int timeout_ms;

		run_timers(dns, now);
		probe_if_due(dns, now);
		start = take_start(dns);
		if (start) {
			pthread_mutex_unlock(&dns->lock);
			start_flights(dns, start);
			if (dns->net)
				land_all(dns);
			pthread_mutex_lock(&dns->lock);
		}
		if (dns->start || dns->closing)
			continue;
		timeout_ms = sleep_ms(dns, dns_now_ms());
		dns->awake = false;
		pthread_mutex_unlock(&dns->lock);
		take_events(dns, timeout_ms);
		pthread_mutex_lock(&dns->lock);
	}
	stop(dns);
	pthread_mutex_unlock(&dns->lock);
	return NULL;
}
