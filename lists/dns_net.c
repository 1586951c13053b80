/*
 * dns_net.c - questions to DNS servers over the network.
 *
 * A reply is read inside c-ares' callback, as that is where its bytes live,
 * and the question is put on one of two lists: `done`, or `again` when another
 * query must be sent.  dns_net_pop() works these off, outside of callbacks.
 *
 * UDP channels ignore truncation, as c-ares would go on over TCP with buffers
 * that a second, forged reply can move under it; we go on over a channel that
 * knows TCP alone.
 *
 * A UDP channel knows EDNS, so that c-ares takes more than 512 bytes; to a
 * reply of FORMERR it takes the last 11 bytes off the query and sends it again.
 * Hence queries without EDNS have channels of their own.
 */
#include "lists/dns_net.h"

/* newer ones have functions of their own for some of what we use */
#define CARES_NO_DEPRECATED
#include <ares.h>
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>

#define TCP_CHANNELS 4
#define PLAIN_CHANNELS 4
#define TCP_FIRST DNS_NET_CHANNELS
#define PLAIN_FIRST (TCP_FIRST + TCP_CHANNELS)
#define CHANNELS (PLAIN_FIRST + PLAIN_CHANNELS)
#define RENEW_AFTER 2048 /* queries; then a channel is made anew */
#define SLOW_IN_A_ROW 5 /* queries that a server let time out */
#define TICK_MIN_MS 5
#define TICK_MAX_MS 50

struct dns_net_channel {
	struct dns_net *net;
	ares_channel ares; /* NULL if there is none */
	unsigned index;
	unsigned first; /* server that is asked first */
	unsigned out; /* queries not answered yet */
	unsigned sent; /* since it was idle */
	unsigned total;
};

struct queue {
	struct dns_net_question *first, **last;
};

struct dns_net {
	int epoll_fd;
	struct dns_net_settings set;
	/* for UDP, for TCP, for UDP without EDNS */
	struct dns_net_channel channels[CHANNELS];
	struct dns_net_channel *current; /* UDP channel in use */
	unsigned turn; /* of which local channel it is */
	struct queue done, again;
	unsigned first; /* server that new questions go to */
	unsigned slow; /* how often in a row it was */
	unsigned tick_ms;
	uint64_t tick_due_ms;
	bool stopping;
	uint16_t ids[64];
	size_t ids_left;
	struct dns_net_stats stats;
};

static pthread_once_t library_once = PTHREAD_ONCE_INIT;
static int library_status;

static void library_init(void)
{
	library_status = ares_library_init(ARES_LIB_INIT_ALL);
}

static void push(struct queue *queue, struct dns_net_question *question)
{
	question->next = NULL;
	*queue->last = question;
	queue->last = &question->next;
}

static struct dns_net_question *pop(struct queue *queue)
{
	struct dns_net_question *question = queue->first;

	if (question) {
		queue->first = question->next;
		if (!queue->first)
			queue->last = &queue->first;
	}
	return question;
}

static void finish(struct dns_net_question *question, struct dns_answer *answer)
{
	question->answer = answer;
	push(&question->net->done, question);
}

/* --- channels ---------------------------------------------------------- */

static bool is_tcp(const struct dns_net_channel *channel)
{
	return channel->index >= TCP_FIRST && channel->index < PLAIN_FIRST;
}

/* c-ares opened a socket, wants other events on it, or closes it (0, 0). */
static void on_socket(void *data, ares_socket_t fd, int readable, int writable)
{
	struct dns_net_channel *channel = data;
	struct epoll_event event = {
		.events =
			(readable ? EPOLLIN : 0u) | (writable ? EPOLLOUT : 0u),
		.data.u64 = (uint64_t)(channel->index + 1) << 32 | (uint32_t)fd,
	};
	int epoll_fd = channel->net->epoll_fd;

	if (event.events == 0) {
		epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL);
		return;
	}
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
		channel->net->stats.ports++;
	else if (errno == EEXIST)
		epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, &event);
	/* else the query will time out */
}

static int set_servers(struct dns_net_channel *channel, unsigned first)
{
	const struct dns_net_settings *set = &channel->net->set;
	struct ares_addr_port_node nodes[DNS_SERVERS_MAX];

	memset(nodes, 0, sizeof(nodes));
	for (size_t i = 0; i < set->server_count; i++) {
		const struct dns_server *server =
			&set->servers[(first + i) % set->server_count];
		struct ares_addr_port_node *node = &nodes[i];

		node->next = i + 1 < set->server_count ? node + 1 : NULL;
		node->udp_port = node->tcp_port = server->port;
		node->family = server->ip.family == 4 ? AF_INET : AF_INET6;
		memcpy(&node->addr, server->ip.bytes,
		       server->ip.family == 4 ? 4 : 16);
	}
	channel->first = first;
	channel->sent = 0;
	return ares_set_servers_ports(channel->ares, nodes);
}

static void bind_address(struct dns_net_channel *channel)
{
	const struct dns_net_settings *set = &channel->net->set;
	uint32_t ip4;

	if (set->bind4.family == 4) {
		memcpy(&ip4, set->bind4.bytes, sizeof(ip4));
		ares_set_local_ip4(channel->ares, ntohl(ip4));
	}
	if (set->bind6.family == 6)
		ares_set_local_ip6(channel->ares, set->bind6.bytes);
}

/*
 * Each try of all servers takes twice as long as the one before; together
 * they take timeout_ms.
 */
static int first_timeout(const struct dns_net_settings *set)
{
	unsigned parts = (unsigned)set->server_count * ((1u << set->tries) - 1);
	unsigned timeout = set->timeout_ms / parts;

	return timeout < TICK_MIN_MS ? TICK_MIN_MS : (int)timeout;
}

/* Everything is set, so that c-ares reads neither files nor environment. */
static int channel_make(struct dns_net_channel *channel, unsigned first)
{
	struct in_addr nobody = { 0 };
	struct ares_options options;
	char lookups[] = "b";
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
		   ARES_OPT_NDOTS | ARES_OPT_SERVERS | ARES_OPT_DOMAINS |
		   ARES_OPT_LOOKUPS | ARES_OPT_SORTLIST |
		   ARES_OPT_SOCK_STATE_CB | ARES_OPT_EDNSPSZ |
		   ARES_OPT_NOROTATE;

	memset(&options, 0, sizeof(options));
	options.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES |
			ARES_FLAG_NOCHECKRESP;
	options.flags |= is_tcp(channel) ? ARES_FLAG_USEVC : ARES_FLAG_IGNTC;
	if (channel->index < DNS_NET_CHANNELS)
		options.flags |= ARES_FLAG_EDNS;
	if (channel->net->set.local && channel->index < DNS_NET_CHANNELS)
		options.flags |= ARES_FLAG_STAYOPEN;
	options.timeout = first_timeout(&channel->net->set);
	options.tries = (int)channel->net->set.tries;
	options.ndots = 1;
	options.servers = &nobody;
	options.nservers = 1;
	options.lookups = lookups;
	options.sock_state_cb = on_socket;
	options.sock_state_cb_data = channel;
	options.ednspsz = 4096; /* what is received; we send DNS_EDNS_SIZE */
#ifdef ARES_OPT_UDP_MAX_QUERIES
	mask |= ARES_OPT_UDP_MAX_QUERIES;
	options.udp_max_queries = channel->net->set.local
					  ? DNS_NET_QUERIES_LOCAL
					  : DNS_NET_QUERIES_PER_PORT;
#endif
#ifdef ARES_OPT_QUERY_CACHE
	mask |= ARES_OPT_QUERY_CACHE; /* off: we have our own */
	options.qcache_max_ttl = 0;
#endif
	if (ares_init_options(&channel->ares, &options, mask) != ARES_SUCCESS) {
		channel->ares = NULL;
		return -1;
	}
	bind_address(channel);
	channel->total = channel->sent = 0;
	if (set_servers(channel, first) != ARES_SUCCESS) {
		ares_destroy(channel->ares);
		channel->ares = NULL;
		return -1;
	}
	return 0;
}

/*
 * Makes an idle channel ready.  It is made anew now and then, as it may have
 * unlearned EDNS from a server that is long gone.
 */
static int channel_wake(struct dns_net_channel *channel, unsigned first,
			unsigned most)
{
	if (channel->ares && channel->total >= RENEW_AFTER) {
		ares_destroy(channel->ares);
		channel->ares = NULL;
	}
	if (!channel->ares)
		return channel_make(channel, first);
	if (!channel->net->set.local || channel->index >= DNS_NET_CHANNELS)
		channel->sent = 0; /* c-ares has closed its sockets */
	else if (channel->sent >= most)
		channel->first = UINT_MAX; /* for set_servers() to do so */
	if (channel->first == first)
		return 0;
	return set_servers(channel, first) == ARES_SUCCESS ? 0 : -1;
}

/* The first idle one, so that no more are made than are needed. */
static struct dns_net_channel *choose(struct dns_net_channel *begin,
				      size_t count, unsigned first,
				      unsigned most)
{
	struct dns_net_channel *best = NULL;

	for (struct dns_net_channel *at = begin; at < begin + count; at++) {
		if (at->out == 0) {
			if (channel_wake(at, first, most) == 0)
				return at;
			continue;
		}
		/* all are busy: the least busy, even with another first */
		if (!best || at->out < best->out)
			best = at;
	}
	return best;
}

/* Takes turns. */
static struct dns_net_channel *choose_local(struct dns_net *net, unsigned first)
{
	for (size_t i = 0; i < DNS_NET_CHANNELS_LOCAL; i++) {
		struct dns_net_channel *at =
			&net->channels[net->turn++ % DNS_NET_CHANNELS_LOCAL];

		if (at->out > 0 ? at->first == first &&
					  at->sent < DNS_NET_QUERIES_LOCAL
				: channel_wake(at, first,
					       DNS_NET_QUERIES_LOCAL) == 0)
			return at;
	}
	return choose(net->channels, DNS_NET_CHANNELS_LOCAL, first,
		      DNS_NET_QUERIES_LOCAL);
}

/* The channel for the next query, or NULL when there is no memory. */
static struct dns_net_channel *choose_udp(struct dns_net *net, unsigned first)
{
	struct dns_net_channel *current = net->current;

	if (net->set.local)
		return choose_local(net, first);
	if (!current || current->out == 0 || current->first != first ||
	    current->sent >= DNS_NET_QUERIES_PER_PORT)
		net->current = choose(net->channels, DNS_NET_CHANNELS, first,
				      DNS_NET_QUERIES_PER_PORT);
	return net->current;
}

/* --- questions --------------------------------------------------------- */

/* From the kernel, as what a forger must guess. */
static uint16_t next_id(struct dns_net *net)
{
	if (net->ids_left == 0) {
		ssize_t got;

		do
			got = getrandom(net->ids, sizeof(net->ids), 0);
		while (got < 0 && errno == EINTR);
		net->ids_left = sizeof(net->ids) / sizeof(net->ids[0]);
	}
	return net->ids[--net->ids_left];
}

/*
 * A server that lets question after question time out is no longer the
 * first; with c-ares alone each question would wait for it.
 */
static void watch_server(struct dns_net *net,
			 const struct dns_net_channel *channel, int status,
			 int timeouts)
{
	if (net->set.server_count < 2 || channel->first != net->first)
		return;
	if (timeouts == 0 && status == ARES_SUCCESS) {
		net->slow = 0;
		return;
	}
	if (++net->slow < SLOW_IN_A_ROW)
		return;
	net->slow = 0;
	net->first = (net->first + 1) % (unsigned)net->set.server_count;
	net->stats.failovers++;
}

static enum dns_status status_of(int status)
{
	switch (status) {
	case ARES_ETIMEOUT: return DNS_TIMEOUT;
	case ARES_ENOMEM: return DNS_NO_MEMORY;
	case ARES_ECANCELLED:
	case ARES_EDESTRUCTION: return DNS_STOPPED;
	case ARES_EBADNAME:
	case ARES_EBADQUERY: return DNS_INVALID;
	case ARES_EBADRESP:
	case ARES_EFORMERR: return DNS_GARBLED;
	default: return DNS_UNREACHABLE;
	}
}

/* Is there a way to ask once more that may bring something better? */
static bool try_otherwise(struct dns_net_question *question,
			  enum dns_status status)
{
	struct dns_net *net = question->net;

	switch (status) {
	case DNS_TRUNCATED:
	case DNS_GARBLED: /* cut off, or forged in part */
		if (question->tcp)
			return false;
		question->tcp = 1;
		return true;
	case DNS_FORMERR:
		if (question->plain)
			return false;
		question->plain = 1;
		return true;
	case DNS_SERVFAIL:
	case DNS_REFUSED:
		if (++question->servers_tried >= net->set.server_count)
			return false;
		question->tcp = question->plain = 0;
		return true;
	default: return false;
	}
}

/* The CNAMEs on the way here count for the answer at their end. */
static struct dns_answer *with_cnames(const struct dns_net_question *question,
				      struct dns_answer *answer)
{
	if (question->cnames == 0 || answer->refs == 0)
		return answer;
	answer->cnames = (uint8_t)(answer->cnames + question->cnames);
	if (answer->ttl > question->ttl)
		answer->ttl = question->ttl;
	return answer;
}

static void take_reply(struct dns_net_question *question, const uint8_t *reply,
		       size_t len)
{
	struct dns_answer *answer;
	struct dns_name next;

	if (dns_message_read(reply, len, &question->at, dns_now_ms(), &answer,
			     &next) == DNS_READ_FOLLOW) {
		question->cnames += answer->cnames;
		if (question->ttl > answer->ttl)
			question->ttl = answer->ttl;
		dns_answer_unref(answer);
		question->at.name = next;
		question->tcp = 0;
		if (question->cnames > DNS_CNAMES_MAX)
			finish(question, dns_answer_of(DNS_LOOP));
		else
			push(&question->net->again, question);
		return;
	}
	if (try_otherwise(question, answer->status))
		push(&question->net->again, question);
	else if (answer->cnames + question->cnames > DNS_CNAMES_MAX) {
		dns_answer_unref(answer);
		finish(question, dns_answer_of(DNS_LOOP));
	} else
		finish(question, with_cnames(question, answer));
}

static void on_reply(void *arg, int status, int timeouts, unsigned char *reply,
		     int len)
{
	struct dns_net_question *question = arg;
	struct dns_net *net = question->net;

	question->channel->out--;
	net->stats.out--;
	watch_server(net, question->channel, status, timeouts);
	if (status == ARES_SUCCESS && len >= 0)
		take_reply(question, reply, (size_t)len);
	else
		finish(question, dns_answer_of(status_of(status)));
}

static void send_query(struct dns_net *net, struct dns_net_question *question)
{
	unsigned first = (net->first + question->servers_tried) %
			 (unsigned)net->set.server_count;
	struct dns_net_channel *channel;
	uint8_t query[DNS_QUERY_MAX];
	size_t len;

	if (net->stopping) {
		finish(question, dns_answer_of(DNS_STOPPED));
		return;
	}
	if (question->tcp)
		channel = choose(net->channels + TCP_FIRST, TCP_CHANNELS, first,
				 DNS_NET_QUERIES_PER_PORT);
	else if (question->plain)
		channel = choose(net->channels + PLAIN_FIRST, PLAIN_CHANNELS,
				 first, DNS_NET_QUERIES_PER_PORT);
	else
		channel = choose_udp(net, first);
	if (!channel) {
		finish(question, dns_answer_of(DNS_NO_MEMORY));
		return;
	}
	len = dns_message_query(&question->at, next_id(net), !question->plain,
				query);
	question->channel = channel;
	channel->out++;
	channel->sent++;
	channel->total++;
	net->stats.out++;
	net->stats.queries++;
	net->stats.tcp += question->tcp;
	/* may call on_reply() before it returns */
	ares_send(channel->ares, query, (int)len, on_reply, question);
}

void dns_net_ask(struct dns_net *net, struct dns_net_question *question)
{
	question->net = net;
	question->answer = NULL;
	question->at = question->question;
	question->ttl = INT32_MAX;
	question->cnames = question->servers_tried = 0;
	question->tcp = question->plain = 0;
	send_query(net, question);
}

struct dns_net_question *dns_net_pop(struct dns_net *net)
{
	struct dns_net_question *question;

	while ((question = pop(&net->again)))
		if (dns_now_ms() >= question->deadline_ms)
			finish(question, dns_answer_of(DNS_TIMEOUT));
		else
			send_query(net, question);
	return pop(&net->done);
}

/* --- events ------------------------------------------------------------ */

void dns_net_event(struct dns_net *net, const struct epoll_event *event)
{
	size_t index = (size_t)(event->data.u64 >> 32) - 1;
	ares_socket_t fd = (ares_socket_t)(uint32_t)event->data.u64;
	ares_socket_t bad = ARES_SOCKET_BAD;
	uint32_t failed = event->events & (EPOLLERR | EPOLLHUP);

	/* an earlier event of the same round may have changed everything */
	if (index < CHANNELS && net->channels[index].ares)
		ares_process_fd(net->channels[index].ares,
				event->events & EPOLLIN || failed ? fd : bad,
				event->events & EPOLLOUT || failed ? fd : bad);
}

void dns_net_tick(struct dns_net *net, uint64_t now_ms)
{
	if (now_ms < net->tick_due_ms)
		return;
	net->tick_due_ms = now_ms + net->tick_ms;
	for (size_t i = 0; i < CHANNELS; i++)
		if (net->channels[i].out > 0)
			ares_process_fd(net->channels[i].ares, ARES_SOCKET_BAD,
					ARES_SOCKET_BAD);
}

uint64_t dns_net_next(const struct dns_net *net, uint64_t now_ms)
{
	if (net->stats.out == 0)
		return UINT64_MAX;
	return net->tick_due_ms > now_ms ? net->tick_due_ms : now_ms;
}

void dns_net_stats(const struct dns_net *net, struct dns_net_stats *ret_stats)
{
	*ret_stats = net->stats;
}

struct dns_net *dns_net_open(int epoll_fd,
			     const struct dns_net_settings *settings,
			     char error[DNS_NET_ERROR_SIZE])
{
	struct dns_net *net;

	pthread_once(&library_once, library_init);
	if (library_status != ARES_SUCCESS) {
		snprintf(error, DNS_NET_ERROR_SIZE, "c-ares: %s",
			 ares_strerror(library_status));
		return NULL;
	}
	net = calloc(1, sizeof(*net));
	if (!net) {
		snprintf(error, DNS_NET_ERROR_SIZE, "out of memory");
		return NULL;
	}
	net->epoll_fd = epoll_fd;
	net->set = *settings;
	net->done.last = &net->done.first;
	net->again.last = &net->again.first;
	net->tick_ms = (unsigned)first_timeout(settings) / 8;
	if (net->tick_ms < TICK_MIN_MS)
		net->tick_ms = TICK_MIN_MS;
	if (net->tick_ms > TICK_MAX_MS)
		net->tick_ms = TICK_MAX_MS;
	for (unsigned i = 0; i < CHANNELS; i++) {
		net->channels[i].net = net;
		net->channels[i].index = i;
	}
	/* the first channel shows whether c-ares can be used at all */
	if (channel_make(&net->channels[0], 0) < 0) {
		snprintf(error, DNS_NET_ERROR_SIZE,
			 "c-ares: cannot make a channel");
		free(net);
		return NULL;
	}
	return net;
}

void dns_net_stop(struct dns_net *net)
{
	net->stopping = true;
	for (size_t i = 0; i < CHANNELS; i++)
		if (net->channels[i].ares) {
			ares_destroy(net->channels[i].ares);
			net->channels[i].ares = NULL;
		}
}

void dns_net_close(struct dns_net *net)
{
	free(net);
}
