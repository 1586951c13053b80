/*
 * dns_open.c - the resolver: how it begins and ends.
 */
#include "lists/dns_private.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define STACK_SIZE (512 * 1024)
#define KIB 1024
#define TRIES_MAX 5

static unsigned or_default(unsigned value, unsigned otherwise)
{
	return value > 0 ? value : otherwise;
}

static int take_settings(struct dns *dns, const struct dns_settings *settings,
			 char error[DNS_ERROR_SIZE])
{
	struct dns_net_settings *set = &dns->net_set;
	char why[DNS_SERVER_ERROR_SIZE];
	int count;

	dns->timeout_ms = or_default(settings->timeout_ms, 3000);
	dns->max_flights = or_default(settings->max_flights, 2048);
	dns->zone = settings->zone;
	dns->front = settings->front;
	dns->breaker.limit = or_default(settings->breaker_failures, 20);
	dns->breaker.probe_ms = or_default(settings->breaker_probe_ms, 5000);
	set->timeout_ms = dns->timeout_ms;
	set->tries = or_default(settings->tries, 2);
	if (set->tries > TRIES_MAX)
		set->tries = TRIES_MAX;
	if (dns->zone)
		return 0;
	if (settings->bind &&
	    dns_bind_parse(settings->bind, &set->bind4, &set->bind6, why) < 0) {
		snprintf(error, DNS_ERROR_SIZE, "%s", why);
		return -1;
	}
	if (settings->servers && *settings->servers != '\0') {
		count = dns_servers_parse(settings->servers, set->servers, why);
		if (count < 0) {
			snprintf(error, DNS_ERROR_SIZE, "%s", why);
			return -1;
		}
	} else {
		count = dns_servers_system(settings->resolv_conf, set->servers);
	}
	set->server_count = (size_t)count;
	set->local = dns_is_local(dns) && !settings->many_ports;
	return 0;
}

static int make_table(struct dns *dns, size_t cache_bytes)
{
	dns->bucket_count = 64;
	while (dns->bucket_count < dns->max_flights &&
	       dns->bucket_count < 65536)
		dns->bucket_count *= 2;
	dns->buckets = calloc(dns->bucket_count, sizeof(dns->buckets[0]));
	dns->cache = dns_cache_new(cache_bytes > 0 ? cache_bytes
						   : (size_t)16 * KIB * KIB);
	return dns->buckets && dns->cache && hash_key_random(&dns->key) == 0
		       ? 0
		       : -1;
}

static int make_events(struct dns *dns, char error[DNS_ERROR_SIZE])
{
	/* by its edge: nobody needs to read the counter */
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	char why[DNS_NET_ERROR_SIZE];

	dns->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	dns->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (dns->epoll_fd < 0 || dns->event_fd < 0 ||
	    epoll_ctl(dns->epoll_fd, EPOLL_CTL_ADD, dns->event_fd, &event) <
		    0) {
		snprintf(error, DNS_ERROR_SIZE, "DNS: %s", strerror(errno));
		return -1;
	}
	if (dns->zone)
		return 0;
	dns->net = dns_net_open(dns->epoll_fd, &dns->net_set, why);
	if (!dns->net)
		snprintf(error, DNS_ERROR_SIZE, "DNS: %s", why);
	return dns->net ? 0 : -1;
}

/* No signal is ever delivered to the thread. */
static int start_thread(struct dns *dns)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int error;

	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = pthread_create(&dns->thread, &attr, dns_thread, dns);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (error == 0)
		pthread_setname_np(dns->thread, "dns");
	return error;
}

static void release(struct dns *dns)
{
	dns_net_close(dns->net);
	dns_cache_free(dns->cache);
	free(dns->buckets);
	if (dns->epoll_fd >= 0)
		close(dns->epoll_fd);
	if (dns->event_fd >= 0)
		close(dns->event_fd);
	pthread_mutex_destroy(&dns->lock);
	pthread_cond_destroy(&dns->called);
	free(dns);
}

struct dns *dns_open(const struct dns_settings *settings,
		     char error[DNS_ERROR_SIZE])
{
	struct dns *dns = calloc(1, sizeof(*dns));
	int failed;

	if (!dns) {
		snprintf(error, DNS_ERROR_SIZE, "DNS: out of memory");
		return NULL;
	}
	unsetenv("HOSTALIASES");
	unsetenv("RES_OPTIONS");
	unsetenv("LOCALDOMAIN");
	pthread_mutex_init(&dns->lock, NULL);
	pthread_cond_init(&dns->called, NULL);
	dns->epoll_fd = dns->event_fd = -1;
	dns->start_last = &dns->start;
	dns->deadlines.now_ms = dns->delays.now_ms = dns_now_ms();
	if (take_settings(dns, settings, error) < 0)
		goto failed;
	if (make_table(dns, settings->cache_bytes) < 0) {
		snprintf(error, DNS_ERROR_SIZE, "DNS: %s", strerror(errno));
		goto failed;
	}
	if (make_events(dns, error) < 0)
		goto failed;
	failed = start_thread(dns);
	if (failed == 0)
		return dns;
	snprintf(error, DNS_ERROR_SIZE, "DNS: no thread: %s", strerror(failed));
	if (dns->net)
		dns_net_stop(dns->net);
failed:
	release(dns);
	return NULL;
}

void dns_close(struct dns *dns)
{
	if (!dns)
		return;
	pthread_mutex_lock(&dns->lock);
	dns->closing = true;
	pthread_mutex_unlock(&dns->lock);
	dns_wake(dns);
	pthread_join(dns->thread, NULL);
	release(dns);
}
