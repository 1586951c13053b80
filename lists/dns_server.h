/*
 * dns_server.h - which DNS servers are asked.
 *
 * Pure functions but for dns_servers_system(), for any thread.
 */
#ifndef LISTS_DNS_SERVER_H
#define LISTS_DNS_SERVER_H

#include "lists/ip.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_SERVERS_MAX 8
#define DNS_SERVER_TEXT_SIZE (IP_TEXT_SIZE + 8) /* "[::1]:65535" */
#define DNS_SERVER_ERROR_SIZE 160

struct dns_server {
	struct ip ip;
	uint16_t port;
};

/*
 * Reads "127.0.0.1:5353, [::1]:53, 192.0.2.1, ::1": addresses with or without
 * a port, apart by commas or blanks.  Returns how many there are, at least 1,
 * or -1 with a sentence in `error` that quotes what is wrong.
 */
int dns_servers_parse(const char *text, struct dns_server list[DNS_SERVERS_MAX],
		      char error[DNS_SERVER_ERROR_SIZE]);

/*
 * Reads the addresses to ask from: "192.0.2.1, 2001:db8::1", one IPv4 and one
 * IPv6 address at most; what is not given becomes no address.  0, or -1 with a
 * sentence in `error`.
 */
int dns_bind_parse(const char *text, struct ip *ret_ip4, struct ip *ret_ip6,
		   char error[DNS_SERVER_ERROR_SIZE]);

/*
 * The "nameserver" lines of a file like /etc/resolv.conf (NULL means that
 * one); all else in it is left alone: no search list, no options.  Like the C
 * library it takes 127.0.0.1 when there is no such line or file.  Servers with
 * a scope (fe80::1%eth0) are passed over.  Returns how many, at least 1.
 */
int dns_servers_system(const char *path,
		       struct dns_server list[DNS_SERVERS_MAX]);

/* "127.0.0.1:53", "[::1]:53"; returns buf. */
const char *dns_server_format(const struct dns_server *server,
			      char buf[DNS_SERVER_TEXT_SIZE]);

/*
 * Between us and a server elsewhere anybody who can guess a port and a number
 * can answer: `doctor` warns unless this is true of all servers.
 */
bool dns_server_is_loopback(const struct dns_server *server);

#endif
