/*
 * bench_dns.c - what a question costs.
 *
 * A server of its own answers over loopback; its CPU time is not counted.
 * Prints a line for questions sent one after the other, for many at a time,
 * for batches as one connection makes them, and for hits of the cache.
 * Argument: how many questions (100,000).
 */
#include "lists/dns_batch.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define WINDOW 256 /* questions in flight */
#define BATCH 6 /* of one connection: PTR, A, three lists, MX */
#define PACKETS 32
#define HITS 1000 /* names in the cache */

struct server {
	int fd;
	char address[32];
	pthread_t thread;
	clockid_t clock;
};

static double seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* --- the server --------------------------------------------------------- */

/* Behind the question an address; what was behind it (EDNS) goes away. */
static size_t answer(uint8_t *packet, size_t len)
{
	static const uint8_t record[] =
		"\xc0\x0c\0\1\0\1\0\0\1\0\0\4\x7f\0\0\2";
	size_t end = 12;

	while (end < len && packet[end] != 0)
		end += packet[end] + 1u;
	end += 5;
	if (end > len)
		return 0;
	memcpy(packet + 2, "\x81\x80\0\1\0\1\0\0\0\0", 10);
	memcpy(packet + end, record, sizeof(record) - 1);
	packet[end + 3] = packet[end - 3]; /* of the type asked for */
	return end + sizeof(record) - 1;
}

static void *serve(void *arg)
{
	static uint8_t bytes[PACKETS][600];
	static struct sockaddr_storage from[PACKETS];
	struct server *server = arg;
	struct mmsghdr messages[PACKETS];
	struct iovec iov[PACKETS];

	for (;;) {
		int count;

		for (size_t i = 0; i < PACKETS; i++) {
			iov[i].iov_base = bytes[i];
			iov[i].iov_len = 512;
			memset(&messages[i], 0, sizeof(messages[i]));
			messages[i].msg_hdr.msg_iov = &iov[i];
			messages[i].msg_hdr.msg_iovlen = 1;
			messages[i].msg_hdr.msg_name = &from[i];
			messages[i].msg_hdr.msg_namelen = sizeof(from[i]);
		}
		count = recvmmsg(server->fd, messages, PACKETS, MSG_WAITFORONE,
				 NULL);
		if (count <= 0 || messages[0].msg_len == 0)
			return NULL;
		for (int i = 0; i < count; i++)
			iov[i].iov_len = answer(bytes[i], messages[i].msg_len);
		sendmmsg(server->fd, messages, (unsigned)count, 0);
	}
}

static void start_server(struct server *server)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);
	int size = 4 << 20;

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server->fd = socket(AF_INET, SOCK_DGRAM, 0);
	setsockopt(server->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (server->fd < 0 || bind(server->fd, (struct sockaddr *)&in, len) ||
	    getsockname(server->fd, (struct sockaddr *)&in, &len) ||
	    pthread_create(&server->thread, NULL, serve, server) ||
	    pthread_getcpuclockid(server->thread, &server->clock)) {
		perror("bench_dns: server");
		exit(1);
	}
	snprintf(server->address, sizeof(server->address), "127.0.0.1:%u",
		 (unsigned)ntohs(in.sin_port));
}

/* --- measuring ---------------------------------------------------------- */

struct measure {
	const struct server *server;
	double wall, cpu;
};

static void begin(struct measure *m, const struct server *server)
{
	m->server = server;
	m->wall = seconds(CLOCK_MONOTONIC);
	m->cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - seconds(server->clock);
}

static void end(struct measure *m, const char *what, size_t questions)
{
	double wall = seconds(CLOCK_MONOTONIC) - m->wall;
	double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) -
		     seconds(m->server->clock) - m->cpu;

	printf("%-28s %9.0f /s  %7.2f us CPU  %8.1f us each\n", what,
	       (double)questions / wall, cpu * 1e6 / (double)questions,
	       wall * 1e6 / (double)questions);
}

static struct dns *open_dns(const struct server *server)
{
	struct dns_settings settings = { .servers = server->address,
					 .cache_bytes = 64 << 20 };
	char error[DNS_ERROR_SIZE];
	struct dns *dns = dns_open(&settings, error);

	if (!dns) {
		fprintf(stderr, "bench_dns: %s\n", error);
		exit(1);
	}
	return dns;
}

static void must_be_found(const struct dns_answer *got)
{
	if (got->status == DNS_FOUND)
		return;
	fprintf(stderr, "bench_dns: %s\n", dns_status_name(got->status));
	exit(1);
}

static void one_by_one(struct dns *dns, const struct server *server, size_t n)
{
	struct measure m;

	begin(&m, server);
	for (size_t i = 0; i < n; i++) {
		char name[64];
		struct dns_answer *got;

		snprintf(name, sizeof(name), "one-%zu.bench.test", i);
		got = dns_wait(dns, name, DNS_A, 0);
		must_be_found(got);
		dns_answer_unref(got);
	}
	end(&m, "one by one", n);
}

static _Atomic size_t left;

/* Each answer brings the next question: WINDOW are always in flight. */
struct stream {
	struct dns_asker asker;
	struct dns *dns;
	pthread_mutex_t *lock;
	pthread_cond_t *over;
	size_t *running;
};

static void next(struct dns_asker *asker, struct dns_answer *got)
{
	struct stream *stream = asker->context;
	char name[64];
	size_t i;

	must_be_found(got);
	dns_answer_unref(got);
	i = atomic_fetch_sub(&left, 1);
	if (i > 0 && i < SIZE_MAX / 2) {
		snprintf(name, sizeof(name), "many-%zu.bench.test", i);
		dns_ask(stream->dns, name, DNS_A, 0, asker);
		return;
	}
	pthread_mutex_lock(stream->lock);
	if (--*stream->running == 0)
		pthread_cond_signal(stream->over);
	pthread_mutex_unlock(stream->lock);
}

static void many_at_a_time(struct dns *dns, const struct server *server,
			   size_t n)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static pthread_cond_t over = PTHREAD_COND_INITIALIZER;
	static struct stream streams[WINDOW];
	size_t running = WINDOW;
	struct measure m;

	begin(&m, server);
	left = n;
	for (size_t i = 0; i < WINDOW; i++) {
		char name[64];

		streams[i] = (struct stream){ .dns = dns,
					      .lock = &lock,
					      .over = &over,
					      .running = &running };
		streams[i].asker.done = next;
		streams[i].asker.context = &streams[i];
		snprintf(name, sizeof(name), "first-%zu.bench.test", i);
		dns_ask(dns, name, DNS_A, 0, &streams[i].asker);
	}
	pthread_mutex_lock(&lock);
	while (running > 0)
		pthread_cond_wait(&over, &lock);
	pthread_mutex_unlock(&lock);
	end(&m, "256 at a time", n + WINDOW);
}

static void batches(struct dns *dns, const struct server *server, size_t n)
{
	struct measure m;

	begin(&m, server);
	for (size_t i = 0; i < n; i++) {
		struct dns_batch *batch = dns_batch_new(dns);

		for (int q = 0; q < BATCH; q++) {
			char name[64];

			snprintf(name, sizeof(name), "q%d-%zu.bench.test", q,
				 i);
			dns_batch_ask(batch, name, DNS_A, NULL, NULL);
		}
		if (!dns_batch_wait(batch, dns_now_ms() + 5000))
			exit(1);
		dns_batch_free(batch);
	}
	end(&m, "batch of 6", n);
}

struct hitter {
	struct dns *dns;
	size_t n;
};

static void *hit(void *arg)
{
	struct hitter *hitter = arg;
	struct dns_asker asker = { .done = NULL };

	for (size_t i = 0; i < hitter->n; i++) {
		char name[64];
		struct dns_answer *got;

		snprintf(name, sizeof(name), "one-%zu.bench.test", i % HITS);
		got = dns_ask(hitter->dns, name, DNS_A, 0, &asker);
		if (!got)
			exit(1);
		dns_answer_unref(got);
	}
	return NULL;
}

static void hits(struct dns *dns, const struct server *server, size_t threads,
		 size_t n)
{
	struct hitter hitter = { dns, n / threads };
	pthread_t running[8];
	struct measure m;
	char what[32];

	begin(&m, server);
	for (size_t i = 0; i < threads; i++)
		if (pthread_create(&running[i], NULL, hit, &hitter))
			exit(1);
	for (size_t i = 0; i < threads; i++)
		pthread_join(running[i], NULL);
	snprintf(what, sizeof(what), "cache hits, %zu thread%s", threads,
		 threads > 1 ? "s" : "");
	end(&m, what, hitter.n * threads);
}

int main(int argc, char **argv)
{
	size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
	struct dns_stats stats;
	struct server server;
	struct dns *dns;

	if (n < 10 * HITS)
		n = 10 * (size_t)HITS;
	start_server(&server);
	dns = open_dns(&server);
	one_by_one(dns, &server, n / 10);
	many_at_a_time(dns, &server, n);
	batches(dns, &server, n / 20);
	hits(dns, &server, 1, 10 * n);
	hits(dns, &server, 8, 10 * n);
	dns_stats(dns, &stats);
	printf("%llu queries from %llu ports, %llu KiB of answers cached\n",
	       (unsigned long long)stats.queries,
	       (unsigned long long)stats.ports,
	       (unsigned long long)stats.cache_bytes / 1024);
	dns_close(dns);
	shutdown(server.fd, SHUT_RD); /* wakes the server, which ends */
	pthread_join(server.thread, NULL);
	close(server.fd);
	return 0;
}
