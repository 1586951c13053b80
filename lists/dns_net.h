/*
 * dns_net.h - questions to DNS servers over the network.
 *
 * The only door to c-ares, which does sockets, timeouts, repeats and the
 * comparison of replies with queries.  What it leaves to us is done here: TCP
 * where a reply is truncated, another server where one fails, no EDNS where a
 * server does not understand it, following CNAMEs that the server did not
 * follow, and reading replies (dns_message.h) within bounds.
 *
 * Source ports: c-ares keeps one socket a server, and the port of it is half
 * of what a forger must guess.  So there are many channels.  One that has sent
 * DNS_NET_QUERIES_PER_PORT queries rests until all are answered; its sockets
 * are closed whenever it is idle, and the next query gets a new port.  Where
 * all servers are on this machine nobody else can forge, and opening a socket
 * costs more than a query; then a few channels keep theirs open and take
 * turns, each for DNS_NET_QUERIES_LOCAL queries.
 *
 * Everything is for one thread, the one that waits on epoll_fd; and nothing
 * of c-ares is called from its own callbacks (CVE-2026-33630 and its kind).
 */
#ifndef LISTS_DNS_NET_H
#define LISTS_DNS_NET_H

#include "lists/dns_message.h"
#include "lists/dns_server.h"

struct dns_net;
struct dns_net_channel;
struct epoll_event;

#define DNS_NET_QUERIES_PER_PORT 4
#define DNS_NET_CHANNELS 64 /* at most, for UDP */
#define DNS_NET_QUERIES_LOCAL 256
#define DNS_NET_CHANNELS_LOCAL 8
#define DNS_NET_ERROR_SIZE 160

struct dns_net_settings {
	struct dns_server servers[DNS_SERVERS_MAX];
	size_t server_count;
	unsigned timeout_ms; /* for all tries on one query together */
	unsigned tries; /* of each server */
	struct ip bind4, bind6; /* family 0: the system chooses */
	bool local; /* keep sockets open, as forging is no danger */
};

struct dns_net_question {
	/* the caller's; must stay until the question is done */
	struct dns_question question;
	uint64_t deadline_ms; /* no further query is sent from then on */

	/* set when it is done; the caller unreferences it */
	struct dns_answer *answer;

	/* private */
	struct dns_net *net;
	struct dns_net_channel *channel;
	struct dns_question at; /* where CNAMEs have led */
	uint32_t ttl;
	unsigned cnames, servers_tried;
	uint8_t tcp, plain;
	struct dns_net_question *next;
};

struct dns_net_stats {
	uint64_t queries; /* as handed to c-ares, whatever it repeats */
	uint64_t tcp; /* of these, over TCP */
	uint64_t ports; /* sockets opened */
	uint64_t failovers; /* another server was made the first */
	size_t out; /* being waited for */
};

/*
 * epoll_fd is borrowed; events on it whose data.u64 is not 0 are for
 * dns_net_event().  NULL, with a sentence in error.
 */
struct dns_net *dns_net_open(int epoll_fd,
			     const struct dns_net_settings *settings,
			     char error[DNS_NET_ERROR_SIZE]);

/* Questions that are not done become so (DNS_STOPPED), but are not popped. */
void dns_net_stop(struct dns_net *net);
void dns_net_close(
	struct dns_net *net); /* after dns_net_stop(); NULL is fine */

void dns_net_ask(struct dns_net *net, struct dns_net_question *question);
void dns_net_event(struct dns_net *net, const struct epoll_event *event);

/* To be called at dns_net_next(), which is UINT64_MAX if nothing is out. */
void dns_net_tick(struct dns_net *net, uint64_t now_ms);
uint64_t dns_net_next(const struct dns_net *net, uint64_t now_ms);

/* A question that is done, or NULL; after ask, event, tick and stop. */
struct dns_net_question *dns_net_pop(struct dns_net *net);

void dns_net_stats(const struct dns_net *net, struct dns_net_stats *ret_stats);

#endif
