/*
 * dns_server.c - which DNS servers are asked.
 */
#include "lists/dns_server.h"

#include <stdio.h>
#include <string.h>

#define PORT 53
#define SEPARATORS ", \t"

/* The port behind a colon; the whole rest must be it. */
static int parse_port(const char *text, size_t len, uint16_t *ret_port)
{
	unsigned long port = 0;

	if (len == 0 || len > 5)
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		port = port * 10 + (unsigned long)(text[i] - '0');
	}
	if (port == 0 || port > 65535)
		return -1;
	*ret_port = (uint16_t)port;
	return 0;
}

static int parse_one(const char *text, size_t len,
		     struct dns_server *ret_server)
{
	const char *colon = memchr(text, ':', len);
	const char *bracket = memchr(text, ']', len);
	size_t rest;

	ret_server->port = PORT;
	if (text[0] == '[') {
		if (!bracket || ip_parse(text + 1, (size_t)(bracket - text) - 1,
					 &ret_server->ip) < 0)
			return -1;
		rest = (size_t)(text + len - bracket) - 1;
		if (rest == 0)
			return 0;
		return bracket[1] == ':' ? parse_port(bracket + 2, rest - 1,
						      &ret_server->port)
					 : -1;
	}
	if (ip_parse(text, len, &ret_server->ip) == 0)
		return 0;
	if (!colon || ip_parse(text, (size_t)(colon - text), &ret_server->ip))
		return -1;
	return parse_port(colon + 1, (size_t)(text + len - colon) - 1,
			  &ret_server->port);
}

int dns_servers_parse(const char *text, struct dns_server list[DNS_SERVERS_MAX],
		      char error[DNS_SERVER_ERROR_SIZE])
{
	int count = 0;

	for (text += strspn(text, SEPARATORS); *text != '\0';
	     text += strspn(text, SEPARATORS)) {
		size_t len = strcspn(text, SEPARATORS);

		if (count == DNS_SERVERS_MAX) {
			snprintf(error, DNS_SERVER_ERROR_SIZE,
				 "more than %d DNS servers", DNS_SERVERS_MAX);
			return -1;
		}
		if (parse_one(text, len, &list[count]) < 0) {
			snprintf(error, DNS_SERVER_ERROR_SIZE,
				 "\"%.*s\" is no address of a DNS server; they "
				 "are written 192.0.2.1, 127.0.0.1:5353 or "
				 "[::1]:53",
				 len > 40 ? 40 : (int)len, text);
			return -1;
		}
		count++;
		text += len;
	}
	if (count == 0) {
		snprintf(error, DNS_SERVER_ERROR_SIZE, "no DNS server given");
		return -1;
	}
	return count;
}

int dns_bind_parse(const char *text, struct ip *ret_ip4, struct ip *ret_ip6,
		   char error[DNS_SERVER_ERROR_SIZE])
{
	struct ip ip;

	*ret_ip4 = *ret_ip6 = (struct ip){ .family = 0 };
	for (text += strspn(text, SEPARATORS); *text != '\0';
	     text += strspn(text, SEPARATORS)) {
		size_t len = strcspn(text, SEPARATORS);
		struct ip *to;

		to = ip_parse(text, len, &ip) < 0 ? NULL
		     : ip.family == 4		  ? ret_ip4
						  : ret_ip6;
		if (!to || to->family != 0) {
			snprintf(error, DNS_SERVER_ERROR_SIZE,
				 "\"%.*s\" cannot be bound to: one IPv4 and "
				 "one IPv6 address at most",
				 len > 40 ? 40 : (int)len, text);
			return -1;
		}
		*to = ip;
		text += len;
	}
	return 0;
}

int dns_servers_system(const char *path,
		       struct dns_server list[DNS_SERVERS_MAX])
{
	static const char word[] = "nameserver";
	FILE *file = fopen(path ? path : "/etc/resolv.conf", "re");
	char line[1024];
	int count = 0, lines = 0;

	while (file && count < DNS_SERVERS_MAX && lines++ < 1000 &&
	       fgets(line, sizeof(line), file)) {
		size_t skip = sizeof(word) - 1, len;

		if (strncmp(line, word, skip) != 0)
			continue;
		len = strspn(line + skip, " \t");
		if (len == 0)
			continue;
		skip += len;
		len = strcspn(line + skip, " \t\r\n#;");
		if (ip_parse(line + skip, len, &list[count].ip) == 0)
			list[count++].port = PORT;
	}
	if (file)
		fclose(file);
	if (count == 0) {
		list[0] = (struct dns_server){
			.ip = { .family = 4, .bytes = { 127, 0, 0, 1 } },
			.port = PORT,
		};
		count = 1;
	}
	return count;
}

const char *dns_server_format(const struct dns_server *server,
			      char buf[DNS_SERVER_TEXT_SIZE])
{
	char ip[IP_TEXT_SIZE];

	ip_format(&server->ip, ip, sizeof(ip));
	snprintf(buf, DNS_SERVER_TEXT_SIZE,
		 server->ip.family == 6 ? "[%s]:%u" : "%s:%u", ip,
		 (unsigned)server->port);
	return buf;
}

bool dns_server_is_loopback(const struct dns_server *server)
{
	return ip_is_loopback(&server->ip);
}
