/*
 * nameserver.c - a DNS server for benchmarks: quick, or late by so much.
 *
 *	nameserver [-d MS] [-k KEY]
 *
 * Says "listening 127.0.0.1:PORT" and answers over UDP until its stdin ends.
 * With -d each reply goes out MS milliseconds after its query came, however
 * many others wait, so that it is a slow network and not a busy server.
 *
 * Nothing is looked up, what it tells is made from the name asked about:
 *
 *	A D.C.B.A.listed.bench: 127.0.0.2 for 198.18.0.1 and the 59,999
 *	addresses after it, and for 127.0.0.2
 *
 *	A D.C.B.A.*.bench: 127.0.0.2 for 127.0.0.2 alone
 *
 *	PTR D.C.B.A.in-addr.arpa: out.sN.test for the N-th of 198.18.0.0/15
 *
 *	A out.sN.test: that address
 *
 *	MX *.test: 10 mx.*.test, and A of that: 198.51.100.9
 *
 *	TXT *.test: an SPF record that all these clients pass
 *
 *	TXT _dmarc.sender.test: a DMARC record
 *
 *	TXT s1._domainkey.sender.test: a DKIM record with KEY, in base64
 *
 * All else does not exist.
 */
#include <arpa/inet.h>
#include <err.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEADER 12
#define PACKET 1232
#define PACKETS 64 /* read at a time */
#define LATER (1u << 16) /* replies that wait; a power of two */
#define LISTED 60000u
#define FIRST 0xc6120000u /* 198.18.0.0 */
#define TYPE_A 1
#define TYPE_SOA 6
#define TYPE_PTR 12
#define TYPE_MX 15
#define TYPE_TXT 16

struct reply {
	uint64_t due; /* ns, monotonic */
	struct sockaddr_in to;
	size_t len;
	uint8_t bytes[PACKET];
};

struct later {
	struct reply *ring;
	size_t first, count;
	uint64_t delay; /* ns */
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- what is told --------------------------------------------------------- */

static void put(struct reply *r, const void *bytes, size_t len)
{
	if (r->len + len > sizeof(r->bytes))
		errx(1, "no room for the reply");
	memcpy(r->bytes + r->len, bytes, len);
	r->len += len;
}

static void put16(struct reply *r, size_t value)
{
	put(r, (uint8_t[]){ (uint8_t)(value >> 8), (uint8_t)value }, 2);
}

/* A record of the question's name, an hour to live, without its data. */
static void put_record(struct reply *r, unsigned type, size_t len)
{
	r->bytes[7] = 1;
	put(r, "\xc0\x0c", 2);
	put16(r, type);
	put(r, "\0\1\0\0\x0e\x10", 6);
	put16(r, len);
}

static void put_address(struct reply *r, uint32_t address)
{
	address = htonl(address);
	put_record(r, TYPE_A, 4);
	put(r, &address, 4);
}

/* No such name, or no such type; both may be cached for an hour. */
static void put_absence(struct reply *r, bool name_exists)
{
	static const uint8_t soa[] = "\0\0\0\0\0\1\0\0\x0e\x10\0\0\x03\x84"
				     "\0\1\x51\x80\0\0\x0e\x10";

	r->bytes[3] |= name_exists ? 0 : 3;
	r->bytes[9] = 1;
	put(r, "\0\0\6\0\1\0\0\x0e\x10", 9);
	put16(r, sizeof(soa) - 1);
	put(r, soa, sizeof(soa) - 1);
}

static void put_ptr(struct reply *r, uint32_t n)
{
	uint8_t name[32] = "\3out";
	int len = snprintf((char *)name + 5, 20, "s%u", n);

	name[4] = (uint8_t)len;
	memcpy(name + 5 + len, "\4test", 6);
	put_record(r, TYPE_PTR, 5 + (size_t)len + 6);
	put(r, name, 5 + (size_t)len + 6);
}

static void put_mx(struct reply *r)
{
	put_record(r, TYPE_MX, 7);
	put(r, "\0\xa\2mx\xc0\x0c", 7);
}

/* One string, or as many as it takes. */
static void put_txt(struct reply *r, const char *text)
{
	size_t len = strlen(text), strings = (len + 254) / 255;

	put_record(r, TYPE_TXT, len + strings);
	for (size_t at = 0; at < len; at += 255) {
		uint8_t part = (uint8_t)(len - at < 255 ? len - at : 255);

		put(r, &part, 1);
		put(r, text + at, part);
	}
}

static bool ends(const char *name, const char *with)
{
	size_t a = strlen(name), b = strlen(with);

	return a >= b && strcmp(name + a - b, with) == 0;
}

static const char *key = ""; /* of DKIM */

static void tell_txt(struct reply *r, const char *name)
{
	char text[600];

	if (strcmp(name, "s1._domainkey.sender.test") == 0 && *key) {
		snprintf(text, sizeof(text), "v=DKIM1; k=rsa; p=%s", key);
		put_txt(r, text);
	} else if (strcmp(name, "_dmarc.sender.test") == 0) {
		put_txt(r, "v=DMARC1; p=reject");
	} else if (ends(name, ".test") && strchr(name, '_') == NULL) {
		put_txt(r, "v=spf1 ip4:198.18.0.0/15 ip4:192.0.2.25 -all");
	} else {
		put_absence(r, false);
	}
}

/* Answers `name`, in small letters and without the last dot. */
static void tell(struct reply *r, const char *name, unsigned type)
{
	unsigned d, c, b, a, n;
	int at = 0;

	if (sscanf(name, "%u.%u.%u.%u.%n", &d, &c, &b, &a, &at) == 4 &&
	    at > 0) {
		uint32_t ip = a << 24 | b << 16 | c << 8 | d;
		bool ours = ip - FIRST - 1 < 0x1ffff;

		if (type == TYPE_PTR && ours && ends(name, ".in-addr.arpa"))
			put_ptr(r, ip - FIRST);
		else if (type == TYPE_A && ends(name, ".bench") &&
			 (ip == 0x7f000002 ||
			  (ip - FIRST - 1 < LISTED &&
			   strcmp(name + at, "listed.bench") == 0)))
			put_address(r, 0x7f000002);
		else
			put_absence(r, false);
	} else if (sscanf(name, "out.s%u.test%n", &n, &at) == 1 &&
		   name[at] == '\0' && at > 0 && type == TYPE_A) {
		put_address(r, FIRST + n);
	} else if (strncmp(name, "mx.", 3) == 0 && ends(name, ".test") &&
		   type == TYPE_A) {
		put_address(r, 0xc6336409);
	} else if (type == TYPE_TXT) {
		tell_txt(r, name);
	} else if (ends(name, ".test") && type == TYPE_MX) {
		put_mx(r);
	} else {
		put_absence(r, ends(name, ".test"));
	}
}

/* Turns a query into its reply; false for what is none. */
static bool answer(struct reply *r, size_t len)
{
	size_t at = HEADER, out = 0;
	char name[256];
	unsigned type;

	while (at < len && r->bytes[at] > 0 &&
	       out + r->bytes[at] + 1u < sizeof(name)) {
		for (unsigned left = r->bytes[at++]; left > 0 && at < len;
		     left--, at++) {
			uint8_t c = r->bytes[at];

			name[out++] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
		}
		name[out++] = '.';
	}
	if (at + 5 > len)
		return false;
	name[out > 0 ? out - 1 : 0] = '\0';
	type = (unsigned)(r->bytes[at + 1] << 8 | r->bytes[at + 2]);
	memcpy(r->bytes + 2, "\x81\x80\0\1\0\0\0\0\0\0", 10);
	r->len = at + 5;
	tell(r, name, type);
	return true;
}

/* --- when it is told ------------------------------------------------------ */

static void send_all(int fd, struct reply *replies, size_t count)
{
	struct mmsghdr out[PACKETS] = { 0 };
	struct iovec iov[PACKETS];

	for (size_t i = 0; i < count; i++) {
		iov[i].iov_base = replies[i].bytes;
		iov[i].iov_len = replies[i].len;
		out[i].msg_hdr.msg_iov = &iov[i];
		out[i].msg_hdr.msg_iovlen = 1;
		out[i].msg_hdr.msg_name = &replies[i].to;
		out[i].msg_hdr.msg_namelen = sizeof(replies[i].to);
	}
	for (size_t sent = 0; sent < count;) {
		int n = sendmmsg(fd, out + sent, (unsigned)(count - sent), 0);

		sent += n > 0 ? (size_t)n : 1; /* who has gone gets none */
	}
}

/* Takes what has come, PACKETS at most. */
static size_t read_all(int fd, struct reply *replies)
{
	struct mmsghdr in[PACKETS] = { 0 };
	struct iovec iov[PACKETS];
	size_t count = 0;
	int got;

	for (size_t i = 0; i < PACKETS; i++) {
		iov[i].iov_base = replies[i].bytes;
		iov[i].iov_len = sizeof(replies[i].bytes);
		in[i].msg_hdr.msg_iov = &iov[i];
		in[i].msg_hdr.msg_iovlen = 1;
		in[i].msg_hdr.msg_name = &replies[i].to;
		in[i].msg_hdr.msg_namelen = sizeof(replies[i].to);
	}
	got = recvmmsg(fd, in, PACKETS, MSG_DONTWAIT, NULL);
	for (int i = 0; i < got; i++) {
		if (!answer(&replies[i], in[i].msg_len))
			continue;
		if (count < (size_t)i)
			replies[count] = replies[i];
		count++;
	}
	return count;
}

/* All wait equally long, so who came first goes first. */
static void put_off(struct later *later, const struct reply *replies,
		    size_t count)
{
	uint64_t due = now_ns() + later->delay;

	for (size_t i = 0; i < count && later->count < LATER; i++) {
		struct reply *r = &later->ring[(later->first + later->count++) &
					       (LATER - 1)];

		*r = replies[i];
		r->due = due;
	}
}

static void send_due(int fd, struct later *later)
{
	uint64_t now = now_ns();

	while (later->count > 0 && later->ring[later->first].due <= now) {
		send_all(fd, &later->ring[later->first], 1);
		later->first = (later->first + 1) & (LATER - 1);
		later->count--;
	}
}

static void serve(int fd, struct later *later)
{
	static struct reply replies[PACKETS];
	struct pollfd fds[] = { { .fd = fd, .events = POLLIN },
				{ .fd = STDIN_FILENO, .events = POLLIN } };
	char byte;

	for (;;) {
		struct timespec wait = { 0 };
		size_t count;

		if (later->count > 0) {
			uint64_t due = later->ring[later->first].due;
			uint64_t now = now_ns();

			if (due > now)
				wait.tv_nsec = (long)(due - now);
		}
		if (ppoll(fds, 2, later->count > 0 ? &wait : NULL, NULL) < 0)
			err(1, "ppoll");
		if (fds[1].revents && read(STDIN_FILENO, &byte, 1) <= 0)
			return;
		if (fds[0].revents) {
			count = read_all(fd, replies);
			if (later->delay > 0)
				put_off(later, replies, count);
			else
				send_all(fd, replies, count);
		}
		send_due(fd, later);
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct later later = { 0 };
	socklen_t len = sizeof(in);
	int size = 8 << 20, fd, c;

	while ((c = getopt(argc, argv, "d:k:")) != -1) {
		if (c == 'd') {
			later.delay =
				strtoul(optarg, NULL, 10) % 1000 * 1000000;
		} else if (c == 'k') {
			key = optarg;
		} else {
			fputs("usage: nameserver [-d MS] [-k KEY]\n", stderr);
			return 2;
		}
	}
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	later.ring = calloc(LATER, sizeof(*later.ring));
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (!later.ring || fd < 0 || bind(fd, (struct sockaddr *)&in, len) ||
	    getsockname(fd, (struct sockaddr *)&in, &len))
		err(1, "nameserver");
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	printf("listening 127.0.0.1:%u\n", (unsigned)ntohs(in.sin_port));
	fflush(stdout);
	serve(fd, &later);
	free(later.ring);
	return 0;
}
