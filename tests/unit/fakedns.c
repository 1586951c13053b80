/*
 * fakedns.c - a DNS server inside a test.
 *
 * It reads only as much of a query as ours contain, and answers by writing
 * the question again with something behind it.
 */
#include "tests/unit/fakedns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define NAMES 4096
#define HELD 64
#define CONNECTIONS 16
#define HEADER 12
#define POINTER "\xc0\x0c" /* to the question's name */

struct reply {
	uint8_t bytes[65536];
	size_t len;
	size_t end; /* of the question */
	bool tcp, edns;
};

struct held {
	struct sockaddr_storage to;
	struct reply *reply;
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

/* --- what is said ------------------------------------------------------ */

static void put(struct reply *r, const void *data, size_t len)
{
	memcpy(r->bytes + r->len, data, len);
	r->len += len;
}

static void put16(struct reply *r, unsigned value)
{
	uint8_t b[] = { (uint8_t)(value >> 8), (uint8_t)value };

	put(r, b, 2);
}

static void count(struct reply *r, size_t at, unsigned n)
{
	r->bytes[at] = (uint8_t)(n >> 8);
	r->bytes[at + 1] = (uint8_t)n;
}

static void put_record(struct reply *r, const char *owner, size_t owner_len,
		       unsigned type, unsigned ttl, const void *data,
		       size_t len)
{
	put(r, owner, owner_len);
	put16(r, type);
	put16(r, 1);
	put16(r, 0);
	put16(r, ttl);
	put16(r, (unsigned)len);
	put(r, data, len);
}

static void say_address(struct reply *r)
{
	count(r, 6, 1);
	put_record(r, POINTER, 2, 1, 60, "\xc0\x00\x02\x01", 4);
}

static void say_soa(struct reply *r)
{
	static const char soa[22] = { [21] = 30 };

	count(r, 8, 1);
	put_record(r, "", 1, 6, 60, soa, sizeof(soa));
}

static void say_nx(struct reply *r)
{
	r->bytes[3] |= 3;
	say_soa(r);
}

static void say_servfail(struct reply *r)
{
	r->bytes[3] |= 2;
}

static void say_refused(struct reply *r)
{
	r->bytes[3] |= 5;
}

static void say_formerr(struct reply *r)
{
	r->bytes[3] |= 1;
}

static void say_silent(struct reply *r)
{
	r->len = 0;
}

static void say_wrong_id(struct reply *r)
{
	say_address(r);
	r->bytes[0] ^= 0x55;
}

static void say_wrong_question(struct reply *r)
{
	say_address(r);
	r->bytes[HEADER + 1] ^= 1;
}

static void say_garbage(struct reply *r)
{
	for (size_t i = 2; i < 40; i++)
		r->bytes[i] = (uint8_t)(i * 77);
	r->len = 40;
}

static void say_cut(struct reply *r)
{
	say_address(r);
	r->len -= 3;
}

/* One datagram of no bytes.  (Over TCP that is the end.) */
static void say_empty(struct reply *r)
{
	r->len = SIZE_MAX;
}

static void say_truncated(struct reply *r)
{
	r->bytes[2] |= 2;
}

static void say_truncated_udp(struct reply *r)
{
	if (r->tcp)
		say_address(r);
	else
		say_truncated(r);
}

static void say_text(struct reply *r, size_t strings)
{
	uint8_t data[65000];
	size_t len = 0;

	if (!r->tcp) {
		say_truncated(r);
		return;
	}
	for (size_t i = 0; i < strings; i++) {
		data[len++] = 200;
		memset(data + len, 'x', 200);
		len += 200;
	}
	count(r, 6, 1);
	put_record(r, POINTER, 2, 16, 60, data, len);
}

static void say_big(struct reply *r)
{
	say_text(r, 30); /* 6,000 bytes of text */
}

static void say_huge(struct reply *r)
{
	say_text(r, 300); /* 60,000 */
}

static void say_many(struct reply *r)
{
	if (!r->tcp) {
		say_truncated(r);
		return;
	}
	count(r, 6, 1000);
	for (int i = 0; i < 1000; i++)
		put_record(r, POINTER, 2, 1, 60, "\x7f\0\0\2", 4);
}

static void say_pointers(struct reply *r)
{
	uint8_t name[2] = { 0xc0, (uint8_t)r->len };

	count(r, 6, 1);
	put_record(r, (char *)name, 2, 1, 60, "\x7f\0\0\2", 4);
}

static void say_chain(struct reply *r)
{
	static const char target[] = "\x06target\x04test";

	count(r, 6, 2);
	put_record(r, POINTER, 2, 5, 20, target, sizeof(target));
	put_record(r, target, sizeof(target), 1, 60, "\xc0\x00\x02\x02", 4);
}

static void say_alias(struct reply *r)
{
	static const char target[] = "\x02ok\x04test";

	count(r, 6, 1);
	put_record(r, POINTER, 2, 5, 20, target, sizeof(target));
}

static void say_loop(struct reply *r)
{
	count(r, 6, 1);
	put_record(r, POINTER, 2, 5, 20, POINTER, 2);
}

/* A CNAME to a name that is one letter longer, and so on. */
static void say_endless(struct reply *r)
{
	uint8_t target[256];
	size_t len = r->bytes[HEADER] + 1u;

	memcpy(target, r->bytes + HEADER, len);
	target[0]++;
	target[len++] = 'x';
	memcpy(target + len, "\x04test", 6);
	count(r, 6, 1);
	put_record(r, POINTER, 2, 5, 20, target, len + 6);
}

static void say_plain(struct reply *r)
{
	if (r->edns)
		say_formerr(r);
	else
		say_address(r);
}

static const struct {
	const char *label;
	void (*say)(struct reply *r);
} sayings[] = {
	{ "ok", say_address },
	{ "hold", say_address }, /* but not before fakedns_release() */
	{ "nx", say_nx },
	{ "nodata", say_soa },
	{ "servfail", say_servfail },
	{ "refused", say_refused },
	{ "formerr", say_formerr },
	{ "silent", say_silent },
	{ "wrongid", say_wrong_id },
	{ "wrongquestion", say_wrong_question },
	{ "garbage", say_garbage },
	{ "cut", say_cut },
	{ "empty", say_empty },
	{ "truncated", say_truncated },
	{ "truncatedudp", say_truncated_udp },
	{ "big", say_big },
	{ "huge", say_huge },
	{ "many", say_many },
	{ "pointers", say_pointers },
	{ "chain", say_chain },
	{ "alias", say_alias },
	{ "loop", say_loop },
	{ "endless", say_endless },
	{ "plain", say_plain },
};

/* --- who hears it ------------------------------------------------------ */

/* Writes down the query, and the reply's part up to the question's end. */
static bool hear(struct fakedns *fake, const uint8_t *query, size_t len,
		 bool tcp, struct reply *r, char name[256])
{
	size_t at = HEADER, text = 0;

	if (len < HEADER + 5)
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
	r->len = r->end = at;
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

/* With the lock held.  False: no reply (now). */
static bool think(struct fakedns *fake, const uint8_t *query, size_t len,
		  bool tcp, struct reply *r,
		  const struct sockaddr_storage *from)
{
	char name[256];
	size_t label;

	if (!hear(fake, query, len, tcp, r, name) || fake->mute)
		return false;
	if (fake->rcode > 0) {
		r->bytes[3] |= (uint8_t)fake->rcode;
		return true;
	}
	label = strcspn(name, "-.");
	if (label >= 7 && strncmp(name, "endless", 7) == 0)
		label = 7;
	if (label == 0) { /* the root has servers */
		count(r, 6, 1);
		put_record(r, "", 1, 2, 60, "\1a\4test", 8);
		return true;
	}
	for (size_t i = 0; i < sizeof(sayings) / sizeof(sayings[0]); i++)
		if (strlen(sayings[i].label) == label &&
		    strncasecmp(sayings[i].label, name, label) == 0) {
			sayings[i].say(r);
			if (strncmp(name, "hold", 4) == 0 && fake->hold &&
			    from && fake->held_count < HELD) {
				struct held *held =
					&fake->held[fake->held_count++];

				held->to = *from;
				held->reply = malloc(sizeof(*r));
				memcpy(held->reply, r, sizeof(*r));
				return false;
			}
			return r->len > 0;
		}
	say_nx(r);
	return true;
}

static void serve_udp(struct fakedns *fake, struct reply *r)
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
		sendto(fake->udp, r->bytes, r->len == SIZE_MAX ? 0 : r->len, 0,
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
static bool serve_tcp(struct fakedns *fake, int fd, struct reply *r)
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
	if (r->len == SIZE_MAX)
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
	struct reply *r = malloc(sizeof(*r));
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
