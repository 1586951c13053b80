/*
 * store_redis_place.c - where a server may be: an address or a socket's path.
 */
#include "lists/store_redis_place.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "lists/ip.h"

static void set_ip(struct redis_place *place, const struct ip *ip,
		   uint16_t port)
{
	struct sockaddr_in *in4 = (struct sockaddr_in *)&place->address;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&place->address;
	char text[IP_TEXT_SIZE];

	memset(place, 0, sizeof(*place));
	ip_format(ip, text, sizeof(text));
	if (ip->family == 4) {
		in4->sin_family = AF_INET;
		in4->sin_port = htons(port);
		memcpy(&in4->sin_addr, ip->bytes, 4);
		place->len = sizeof(*in4);
	} else {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		memcpy(&in6->sin6_addr, ip->bytes, 16);
		place->len = sizeof(*in6);
	}
	snprintf(place->text, sizeof(place->text),
		 ip->family == 4 ? "%s:%u" : "[%s]:%u", text, (unsigned)port);
}

static int parse_port(const char *text, size_t len, uint16_t *ret_port)
{
	unsigned port = 0;

	if (len == 0 || len > 5 || text[0] == '0')
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		port = port * 10 + (unsigned)(text[i] - '0');
	}
	if (port > UINT16_MAX)
		return -1;
	*ret_port = (uint16_t)port;
	return 0;
}

int redis_place_make(const char *ip, size_t ip_len, const char *port,
		     size_t port_len, struct redis_place *ret_place)
{
	struct ip address;
	uint16_t number;

	if (ip_parse(ip, ip_len, &address) < 0 ||
	    parse_port(port, port_len, &number) < 0)
		return -1;
	set_ip(ret_place, &address, number);
	return 0;
}

/* "[::1]:6379", "::1", "192.0.2.1:6379": where the address ends. */
static int split(const char **word, size_t *len, const char **ret_port,
		 size_t *ret_port_len)
{
	const char *end = NULL;

	*ret_port = NULL;
	*ret_port_len = 0;
	if (*len > 0 && (*word)[0] == '[') {
		end = memchr(*word, ']', *len);
		if (end == NULL)
			return -1;
		*ret_port_len = *len - (size_t)(end + 1 - *word);
		if (*ret_port_len > 0 && end[1] != ':')
			return -1;
		*len = (size_t)(end - *word) - 1;
		++*word;
		end++;
	} else {
		end = memchr(*word, ':', *len);
		if (end == NULL ||
		    memchr(end + 1, ':', *len - (size_t)(end + 1 - *word)))
			return 0; /* no port, or an IPv6 address alone */
		*ret_port_len = *len - (size_t)(end - *word);
		*len = (size_t)(end - *word);
	}
	if (*ret_port_len > 0) {
		*ret_port = end + 1;
		--*ret_port_len;
	}
	return 0;
}

static int parse_unix(const char *path, size_t len, struct redis_place *place)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&place->address;

	if (len == 0 || path[0] != '/' || len >= sizeof(un->sun_path))
		return -1;
	memset(place, 0, sizeof(*place));
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, len);
	place->len = sizeof(*un);
	snprintf(place->text, sizeof(place->text), "unix:%.*s", (int)len, path);
	return 1;
}

/* How many places it is, 2 at most; -1 for none. */
static int parse_word(const char *word, size_t len, uint16_t port,
		      struct redis_place place[2])
{
	static const struct ip local4 = { 4, { 127, 0, 0, 1 } };
	static const struct ip local6 = { 6, { [15] = 1 } };
	const char *port_text;
	size_t port_len;
	struct ip ip;

	if (len >= 5 && memcmp(word, "unix:", 5) == 0)
		return parse_unix(word + 5, len - 5, &place[0]);
	if (split(&word, &len, &port_text, &port_len) < 0)
		return -1;
	if (port_text != NULL && parse_port(port_text, port_len, &port) < 0)
		return -1;
	if (len == 9 && memcmp(word, "localhost", len) == 0) {
		set_ip(&place[0], &local4, port);
		set_ip(&place[1], &local6, port);
		return 2;
	}
	if (ip_parse(word, len, &ip) < 0)
		return -1;
	set_ip(&place[0], &ip, port);
	return 1;
}

int redis_places_parse(const char *text, uint16_t port,
		       struct redis_place list[STORE_REDIS_SERVERS_MAX],
		       char ret_why[STORE_WHY_SIZE])
{
	static const char between[] = ", \t";
	struct redis_place place[2];
	int count = 0;

	for (;;) {
		size_t len;
		int more;

		text += strspn(text, between);
		len = strcspn(text, between);
		if (len == 0)
			return count;
		more = parse_word(text, len, port, place);
		if (more < 0) {
			snprintf(ret_why, STORE_WHY_SIZE,
				 "\"%.*s\" is no server: an address is, "
				 "\"localhost\" and \"unix:/path\", but no "
				 "other name",
				 len > 60 ? 60 : (int)len, text);
			return -1;
		}
		if (count + more > STORE_REDIS_SERVERS_MAX) {
			snprintf(ret_why, STORE_WHY_SIZE,
				 "more than %d servers (localhost is two)",
				 STORE_REDIS_SERVERS_MAX);
			return -1;
		}
		memcpy(&list[count], place,
		       (size_t)more * sizeof(struct redis_place));
		count += more;
		text += len;
	}
}

bool store_redis_servers_valid(const char *servers,
			       char ret_why[STORE_WHY_SIZE])
{
	struct redis_place list[STORE_REDIS_SERVERS_MAX];

	int count;

	ret_why[0] = '\0';
	count = redis_places_parse(servers, REDIS_PORT, list, ret_why);
	if (count == 0 && servers[0] != '\0')
		snprintf(ret_why, STORE_WHY_SIZE, "no server is named");
	return ret_why[0] == '\0';
}
