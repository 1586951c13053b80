/*
 * fakedns.c - a DNS server inside a test.
 *
 * It reads only as much of a query as ours contain, and answers by writing
 * the question again with something behind it.
 */
#include "tests/unit/fakedns.h"

#include "tests/unit/fakedns_say.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define NAMES 4096
#define HELD 64
#define CONNECTIONS 16

struct held {
	struct sockaddr_storage to;
	struct fakedns_reply *reply;
};

struct fakedns {
	int udp, listener, event;
	int tcp[CONNECTIONS];
	char address[32];
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t came;
	bool stop, mute, hold;
	unsigned rcode;
	size_t queries, tcp_queries, held_count;
	char *names[NAMES];
	bool ports[65536];
	struct held held[HELD];
};

/* --- who hears it ------------------------------------------------------ */

/* Writes down the query, and the reply's part up to the question's end. */
static bool hear(struct fakedns *fake, const uint8_t *query, size_t len,
		 bool tcp, struct fakedns_reply *r, char name[256])
{
	size_t at = FAKEDNS_HEADER, text = 0;

	if (len < FAKEDNS_HEADER + 5)
		return false;
	while (at < len && query[at] != 0 && at + query[at] < len) {
		memcpy(name + text, query + at + 1, query[at]);
		text += query[at];
		name[text++] = '.';
		at += (size_t)query[at] + 1;
	}
	name[text] = '\0';
	at += 5;
	if (at > len)
		return false;
	memcpy(r->bytes, query, at);
	r->len = at;
	r->tcp = tcp;
	r->edns = query[11] > 0;
	r->bytes[2] = 0x81;
	r->bytes[3] = 0x80;
	memset(r->bytes + 6, 0, 6);
	if (fake->queries < NAMES)
		fake->names[fake->queries] = strdup(name);
	fake->queries++;
	fake->tcp_queries += tcp;
	pthread_cond_broadcast(&fake->came);
	return true;
}

/* Whether it is kept until fakedns_release(). */
static bool hold(struct fakedns *fake, const struct fakedns_reply *r,
		 const struct sockaddr_storage *to)
{
	struct held *held;

	if (!fake->hold || fake->held_count == HELD)
		return false;
	held = &fake->held[fake->held_count++];
	held->to = *to;
	held->reply = malloc(sizeof(*r));
	memcpy(held->reply, r, sizeof(*r));
	return true;
}

/* With the lock held.  False: no reply (now). */
static bool think(struct fakedns *fake, const uint8_t *query, size_t len,
		  bool tcp, struct fakedns_reply *r,
		  const struct sockaddr_storage *from)
{
	char name[256];

	if (!hear(fake, query, len, tcp, r, name) || fake->mute)
		return false;
	if (fake->rcode > 0) {
		fakedns_say_rcode(r, fake->rcode);
		return true;
	}
	fakedns_say(r, name);
	if (from && strncmp(name, "hold", 4) == 0 && hold(fake, r, from))
		return false;
	return r->len > 0;
}

static void serve_udp(struct fakedns *fake, struct fakedns_reply *r)
{
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	uint8_t query[1500];
	ssize_t len;
	bool answer;

	len = recvfrom(fake->udp, query, sizeof(query), MSG_DONTWAIT,
		       (struct sockaddr *)&from, &from_len);
	if (len < 0)
		return;
	pthread_mutex_lock(&fake->lock);
	fake->ports[ntohs(((struct sockaddr_in *)(void *)&from)->sin_port)] =
		true;
	answer = think(fake, query, (size_t)len, false, r, &from);
	pthread_mutex_unlock(&fake->lock);
	if (answer)
		sendto(fake->udp, r->bytes,
		       r->len == FAKEDNS_EMPTY ? 0 : r->len, 0,
		       (struct sockaddr *)&from, from_len);
}

static bool read_all(int fd, uint8_t *to, size_t len)
{
	while (len > 0) {
		ssize_t got = read(fd, to, len);

		if (got <= 0)
			return false;
		to += got;
		len -= (size_t)got;
	}
	return true;
}

static bool write_all(int fd, const uint8_t *from, size_t len)
{
	while (len > 0) {
		ssize_t put_now = send(fd, from, len, MSG_NOSIGNAL);

		if (put_now <= 0)
			return false;
		from += put_now;
		len -= (size_t)put_now;
	}
	return true;
}

/* False when the connection is over. */
static bool serve_tcp(struct fakedns *fake, int fd, struct fakedns_reply *r)
{
	uint8_t query[1500], head[2];
	size_t len;
	bool answer;

	if (!read_all(fd, head, 2))
		return false;
	len = (size_t)(head[0] << 8 | head[1]);
	if (len > sizeof(query) || !read_all(fd, query, len))
		return false;
	pthread_mutex_lock(&fake->lock);
	answer = think(fake, query, len, true, r, NULL);
	pthread_mutex_unlock(&fake->lock);
	if (!answer)
		return true;
	if (r->len == FAKEDNS_EMPTY)
		return false;
	head[0] = (uint8_t)(r->len >> 8);
	head[1] = (uint8_t)r->len;
	return write_all(fd, head, 2) && write_all(fd, r->bytes, r->len);
}

static void accept_one(struct fakedns *fake)
{
	int fd = accept(fake->listener, NULL, NULL);

	for (size_t i = 0; i < CONNECTIONS && fd >= 0; i++)
		if (fake->tcp[i] < 0) {
			fake->tcp[i] = fd;
			return;
		}
	if (fd >= 0)
		close(fd);
}

static void *serve(void *arg)
{
	struct fakedns *fake = arg;
	struct fakedns_reply *r = malloc(sizeof(*r));
	bool stop = false;

	while (!stop) {
		struct pollfd fds[3 + CONNECTIONS] = {
			{ .fd = fake->event, .events = POLLIN },
			{ .fd = fake->udp, .events = POLLIN },
			{ .fd = fake->listener, .events = POLLIN },
		};

		for (size_t i = 0; i < CONNECTIONS; i++)
			fds[3 + i] = (struct pollfd){ .fd = fake->tcp[i],
						      .events = POLLIN };
		if (poll(fds, 3 + CONNECTIONS, -1) < 0)
			continue;
		if (fds[1].revents)
			serve_udp(fake, r);
		if (fds[2].revents)
			accept_one(fake);
		for (size_t i = 0; i < CONNECTIONS; i++)
			if (fds[3 + i].revents &&
			    !serve_tcp(fake, fds[3 + i].fd, r)) {
				close(fake->tcp[i]);
				fake->tcp[i] = -1;
			}
		pthread_mutex_lock(&fake->lock);
		stop = fake->stop;
		pthread_mutex_unlock(&fake->lock);
	}
	free(r);
	return NULL;
}

/* --- from outside ------------------------------------------------------ */

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

struct fakedns *fakedns_start(void)
{
	struct fakedns *fake = calloc(1, sizeof(*fake));
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);
	bool bound = false;

	must(fake, "calloc");
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	/* the port must be free for both */
	for (int i = 0; i < 50 && !bound; i++) {
		fake->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		fake->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		in.sin_port = 0;
		must(bind(fake->udp, (struct sockaddr *)&in, len) == 0,
		     "fakedns: bind");
		must(getsockname(fake->udp, (struct sockaddr *)&in, &len) == 0,
		     "fakedns: getsockname");
		bound = bind(fake->listener, (struct sockaddr *)&in, len) == 0;
		if (!bound) {
			close(fake->udp);
			close(fake->listener);
		}
	}
	must(bound && listen(fake->listener, 16) == 0, "fakedns: listen");
	snprintf(fake->address, sizeof(fake->address), "127.0.0.1:%u",
		 (unsigned)ntohs(in.sin_port));
	for (size_t i = 0; i < CONNECTIONS; i++)
		fake->tcp[i] = -1;
	fake->event = eventfd(0, EFD_CLOEXEC);
	fake->hold = true;
	pthread_mutex_init(&fake->lock, NULL);
	pthread_cond_init(&fake->came, NULL);
	must(fake->event >= 0 &&
		     pthread_create(&fake->thread, NULL, serve, fake) == 0,
	     "fakedns: thread");
	return fake;
}

void fakedns_stop(struct fakedns *fake)
{
	uint64_t one = 1;

	pthread_mutex_lock(&fake->lock);
	fake->stop = true;
	pthread_mutex_unlock(&fake->lock);
	must(write(fake->event, &one, sizeof(one)) > 0, "fakedns: write");
	pthread_join(fake->thread, NULL);
	for (size_t i = 0; i < NAMES; i++)
		free(fake->names[i]);
	for (size_t i = 0; i < fake->held_count; i++)
		free(fake->held[i].reply);
	for (size_t i = 0; i < CONNECTIONS; i++)
		if (fake->tcp[i] >= 0)
			close(fake->tcp[i]);
	close(fake->udp);
	close(fake->listener);
	close(fake->event);
	pthread_mutex_destroy(&fake->lock);
	pthread_cond_destroy(&fake->came);
	free(fake);
}

const char *fakedns_address(const struct fakedns *fake)
{
	return fake->address;
}

void fakedns_mute(struct fakedns *fake, bool on)
{
	pthread_mutex_lock(&fake->lock);
	fake->mute = on;
	pthread_mutex_unlock(&fake->lock);
}

void fakedns_fail(struct fakedns *fake, unsigned rcode)
{
	pthread_mutex_lock(&fake->lock);
	fake->rcode = rcode;
	pthread_mutex_unlock(&fake->lock);
}

void fakedns_release(struct fakedns *fake)
{
	pthread_mutex_lock(&fake->lock);
	fake->hold = false;
	for (size_t i = 0; i < fake->held_count; i++) {
		struct held *held = &fake->held[i];

		sendto(fake->udp, held->reply->bytes, held->reply->len, 0,
		       (struct sockaddr *)&held->to,
		       sizeof(struct sockaddr_in));
		free(held->reply);
	}
	fake->held_count = 0;
	pthread_mutex_unlock(&fake->lock);
}

size_t fakedns_queries(struct fakedns *fake)
{
	size_t n;

	pthread_mutex_lock(&fake->lock);
	n = fake->queries;
	pthread_mutex_unlock(&fake->lock);
	return n;
}

size_t fakedns_tcp(struct fakedns *fake)
{
	size_t n;

	pthread_mutex_lock(&fake->lock);
	n = fake->tcp_queries;
	pthread_mutex_unlock(&fake->lock);
	return n;
}

size_t fakedns_asked(struct fakedns *fake, const char *begin)
{
	size_t n = 0;

	pthread_mutex_lock(&fake->lock);
	for (size_t i = 0; i < NAMES && fake->names[i]; i++)
		n += strncmp(fake->names[i], begin, strlen(begin)) == 0;
	pthread_mutex_unlock(&fake->lock);
	return n;
}

size_t fakedns_ports(struct fakedns *fake)
{
	size_t n = 0;

	pthread_mutex_lock(&fake->lock);
	for (size_t i = 0; i < 65536; i++)
		n += fake->ports[i];
	pthread_mutex_unlock(&fake->lock);
	return n;
}

void fakedns_wait(struct fakedns *fake, size_t queries)
{
	pthread_mutex_lock(&fake->lock);
	while (fake->queries < queries)
		pthread_cond_wait(&fake->came, &fake->lock);
	pthread_mutex_unlock(&fake->lock);
}
