/*
 * ip.c - reading, writing and comparing addresses.
 */
#include "lists/ip.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "lists/digits.h"

#define GROUPS 8

/* What is being read, and what went wrong first. */
struct reader {
	const char *text;
	size_t len, at;
	const char *why;
	size_t why_at;
};

static int wrong(struct reader *r, size_t at, const char *why)
{
	if (!r->why) {
		r->why = why;
		r->why_at = at;
	}
	return -1;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* A decimal number without leading zeros, at most three digits. */
static int read_number(struct reader *r, unsigned max, const char *too_large,
		       unsigned *ret_number)
{
	size_t start = r->at;
	unsigned number = 0;

	while (r->at < r->len && is_digit(r->text[r->at])) {
		number = number * 10 + (unsigned)(r->text[r->at] - '0');
		if (number > max)
			return wrong(r, start, too_large);
		r->at++;
	}
	if (r->at == start)
		return wrong(r, start, "a number is expected here");
	if (r->at - start > 1 && r->text[start] == '0')
		return wrong(r, start, "a number may not begin with a zero");
	*ret_number = number;
	return 0;
}

static int read_v4(struct reader *r, uint8_t out[4])
{
	unsigned number;

	for (int i = 0; i < 4; i++) {
		if (i > 0) {
			if (r->at == r->len)
				return wrong(r, r->at,
					     "an IPv4 address has four "
					     "numbers");
			if (r->text[r->at] != '.')
				return wrong(r, r->at,
					     "unexpected character in an "
					     "IPv4 address");
			r->at++;
		}
		if (read_number(r, 255, "a number is larger than 255",
				&number) < 0)
			return -1;
		out[i] = (uint8_t)number;
	}
	if (r->at < r->len)
		return wrong(
			r, r->at,
			r->text[r->at] == '.'
				? "an IPv4 address has four numbers"
				: "unexpected character in an IPv4 address");
	return 0;
}

/* Is what comes next, up to the next colon, written with dots? */
static bool dotted_ahead(const struct reader *r)
{
	for (size_t i = r->at; i < r->len && r->text[i] != ':'; i++)
		if (r->text[i] == '.')
			return true;
	return false;
}

static int read_group(struct reader *r, uint8_t out[2])
{
	size_t start = r->at;
	unsigned group = 0;
	int value;

	while (r->at < r->len && (value = hex_value(r->text[r->at])) >= 0) {
		if (r->at - start == 4)
			return wrong(r, r->at,
				     "more than four hex digits in a group");
		group = group << 4 | (unsigned)value;
		r->at++;
	}
	if (r->at < r->len && r->text[r->at] == '%')
		return wrong(r, r->at, "an address here has no zone");
	if (r->at == start)
		return wrong(r, start, "hex digits are expected here");
	out[0] = (uint8_t)(group >> 8);
	out[1] = (uint8_t)group;
	return 0;
}

/* RFC 4291 section 2.2 */
static int read_v6(struct reader *r, uint8_t out[16])
{
	uint8_t groups[GROUPS][2] = { { 0 } };
	int n = 0, gap = -1, tail;

	if (r->len >= 2 && r->text[0] == ':' && r->text[1] == ':') {
		gap = 0;
		r->at = 2;
	}
	while (r->at < r->len) {
		if (n == GROUPS)
			return wrong(r, r->at, "more than eight groups");
		if (dotted_ahead(r)) {
			uint8_t v4[4];

			if (n > GROUPS - 2)
				return wrong(r, r->at,
					     "more than eight groups");
			if (read_v4(r, v4) < 0)
				return -1;
			memcpy(groups[n], v4, 2);
			memcpy(groups[n + 1], v4 + 2, 2);
			n += 2;
			break;
		}
		if (read_group(r, groups[n]) < 0)
			return -1;
		n++;
		if (r->at == r->len)
			break;
		if (r->text[r->at] != ':')
			return wrong(r, r->at,
				     "unexpected character in an IPv6 "
				     "address");
		r->at++;
		if (r->at == r->len)
			return wrong(r, r->at - 1, "a colon at the end");
		if (r->text[r->at] == ':') {
			if (gap >= 0)
				return wrong(r, r->at - 1,
					     "'::' may stand only once");
			gap = n;
			r->at++;
		}
	}
	if (gap < 0 && n < GROUPS)
		return wrong(r, r->len, "an IPv6 address has eight groups");
	if (gap >= 0 && n == GROUPS)
		return wrong(r, r->len, "'::' stands for at least one group");
	if (gap < 0)
		gap = n;
	tail = n - gap;
	memset(out, 0, 16);
	memcpy(out, groups, (size_t)gap * 2);
	memcpy(out + 16 - tail * 2, groups[gap], (size_t)tail * 2);
	return 0;
}

static struct ip from_v4(const uint8_t bytes[4])
{
	struct ip ip = { .family = 4 };

	memcpy(ip.bytes, bytes, 4);
	return ip;
}

static struct ip from_v6(const uint8_t bytes[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct ip ip = { .family = 6 };

	if (memcmp(bytes, mapped, sizeof(mapped)) == 0)
		return from_v4(bytes + 12);
	memcpy(ip.bytes, bytes, 16);
	return ip;
}

/* *ret_family is what was written, which differs for a mapped address. */
static int read_ip(struct reader *r, struct ip *ret_ip, uint8_t *ret_family)
{
	uint8_t bytes[16];

	if (r->len == 0)
		return wrong(r, 0, "an address is expected here");
	if (r->text[0] == '[')
		return wrong(r, 0, "an address here has no brackets");
	if (memchr(r->text, ':', r->len)) {
		if (read_v6(r, bytes) < 0)
			return -1;
		*ret_ip = from_v6(bytes);
		*ret_family = 6;
	} else {
		if (read_v4(r, bytes) < 0)
			return -1;
		*ret_ip = from_v4(bytes);
		*ret_family = 4;
	}
	return 0;
}

int ip_parse(const char *text, size_t len, struct ip *ret_ip)
{
	struct reader r = { .text = text, .len = len };
	uint8_t family;

	return read_ip(&r, ret_ip, &family);
}

static int read_bits(struct reader *r, uint8_t family, const struct ip *ip,
		     unsigned *ret_bits)
{
	unsigned max = family == 4 ? 32 : 128;
	size_t start = r->at;

	if (read_number(r, max,
			family == 4 ? "an IPv4 prefix is 0 to 32 bits"
				    : "an IPv6 prefix is 0 to 128 bits",
			ret_bits) < 0)
		return -1;
	if (r->at < r->len)
		return wrong(r, r->at,
			     "a prefix is one number after the slash");
	if (family == 6 && ip->family == 4) {
		if (*ret_bits < 96)
			return wrong(r, start,
				     "IPv4-mapped addresses share 96 bits; "
				     "write the network as IPv4");
		*ret_bits -= 96;
	}
	return 0;
}

static int read_prefix(struct reader *r, struct ip_prefix *ret_prefix)
{
	const char *slash = memchr(r->text, '/', r->len);
	struct reader address = { .text = r->text, .len = r->len };
	uint8_t family;
	unsigned bits;
	struct ip ip;

	if (slash)
		address.len = (size_t)(slash - r->text);
	if (read_ip(&address, &ip, &family) < 0)
		return wrong(r, address.why_at, address.why);
	bits = ip.family == 4 ? 32 : 128;
	if (slash) {
		r->at = address.len + 1;
		if (read_bits(r, family, &ip, &bits) < 0)
			return -1;
	}
	ret_prefix->ip = ip;
	ret_prefix->bits = (uint8_t)bits;
	return 0;
}

int ip_prefix_parse(const char *text, size_t len, struct ip_prefix *ret_prefix,
		    struct ip_error *ret_error)
{
	struct reader r = { .text = text, .len = len };
	char network[IP_PREFIX_TEXT_SIZE];
	struct ip_prefix prefix, right;

	if (read_prefix(&r, &prefix) < 0) {
		if (ret_error) {
			ret_error->offset = r.why_at;
			snprintf(ret_error->text, sizeof(ret_error->text), "%s",
				 r.why);
		}
		return -1;
	}
	right = prefix;
	right.ip = ip_mask(&prefix.ip, prefix.bits);
	if (!ip_equal(&right.ip, &prefix.ip)) {
		if (ret_error) {
			ret_error->offset = 0;
			snprintf(ret_error->text, sizeof(ret_error->text),
				 "bits are set below the prefix; the network "
				 "is %s",
				 ip_prefix_format(&right, network,
						  sizeof(network)));
		}
		return -1;
	}
	*ret_prefix = prefix;
	return 0;
}

/* The longest run of two or more zero groups, the first among equals. */
static void longest_gap(const unsigned groups[GROUPS], int *ret_start,
			int *ret_end)
{
	int start = -1, best = 1;

	for (int i = 0; i < GROUPS; i++) {
		int n = 0;

		while (i + n < GROUPS && groups[i + n] == 0)
			n++;
		if (n > best) {
			best = n;
			start = i;
		}
		i += n;
	}
	*ret_start = start;
	*ret_end = start < 0 ? -1 : start + best;
}

static void format_v6(const struct ip *ip, char *at)
{
	unsigned groups[GROUPS];
	int start, end;

	for (int i = 0; i < GROUPS; i++)
		groups[i] =
			(unsigned)ip->bytes[i * 2] << 8 | ip->bytes[i * 2 + 1];
	longest_gap(groups, &start, &end);
	for (int i = 0; i < GROUPS; i++) {
		if (i == start) {
			at = stpcpy(at, "::");
			i = end - 1;
			continue;
		}
		if (i > 0 && i != end)
			*at++ = ':';
		at = digits_put(at, groups[i], 16, 1);
	}
	*at = '\0';
}

static void format_v4(const uint8_t bytes[4], bool reversed, char *at)
{
	for (int i = 0; i < 4; i++) {
		if (i > 0)
			*at++ = '.';
		at = digits_put(at, bytes[reversed ? 3 - i : i], 10, 1);
	}
	*at = '\0';
}

const char *ip_format(const struct ip *ip, char *buf, size_t size)
{
	if (size > 0)
		buf[0] = '\0';
	if (size < IP_TEXT_SIZE)
		return buf;
	if (ip->family == 4)
		format_v4(ip->bytes, false, buf);
	else if (ip->family == 6)
		format_v6(ip, buf);
	return buf;
}

const char *ip_prefix_format(const struct ip_prefix *prefix, char *buf,
			     size_t size)
{
	size_t len;

	if (size < IP_PREFIX_TEXT_SIZE) {
		if (size > 0)
			buf[0] = '\0';
		return buf;
	}
	ip_format(&prefix->ip, buf, size);
	if (prefix->ip.family == 0 ||
	    prefix->bits == (prefix->ip.family == 4 ? 32 : 128))
		return buf;
	len = strlen(buf);
	snprintf(buf + len, size - len, "/%u", prefix->bits);
	return buf;
}

const char *ip_reversed(const struct ip *ip, char *buf, size_t size)
{
	static const char digits[] = "0123456789abcdef";

	if (size > 0)
		buf[0] = '\0';
	if (size < IP_REVERSED_SIZE)
		return buf;
	if (ip->family == 4) {
		format_v4(ip->bytes, true, buf);
	} else if (ip->family == 6) {
		char *at = buf;

		for (int i = 15; i >= 0; i--) {
			*at++ = digits[ip->bytes[i] & 15];
			*at++ = '.';
			*at++ = digits[ip->bytes[i] >> 4];
			*at++ = i > 0 ? '.' : '\0';
		}
	}
	return buf;
}

int ip_from_sockaddr(const struct sockaddr *sa, struct ip *ret_ip)
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	uint8_t bytes[16];

	*ret_ip = (struct ip){ 0 };
	if (!sa)
		return -1;
	if (sa->sa_family == AF_INET) {
		memcpy(&in, sa, sizeof(in));
		memcpy(bytes, &in.sin_addr, 4);
		*ret_ip = from_v4(bytes);
		return 0;
	}
	if (sa->sa_family == AF_INET6) {
		memcpy(&in6, sa, sizeof(in6));
		memcpy(bytes, &in6.sin6_addr, 16);
		*ret_ip = from_v6(bytes);
		return 0;
	}
	return -1;
}

static size_t ip_size(const struct ip *ip)
{
	return ip->family == 4 ? 4 : ip->family == 6 ? 16 : 0;
}

struct ip ip_mask(const struct ip *ip, unsigned bits)
{
	struct ip masked = { .family = ip->family };
	size_t size = ip_size(ip);
	size_t whole = bits / 8;

	if (whole >= size) {
		memcpy(masked.bytes, ip->bytes, size);
		return masked;
	}
	memcpy(masked.bytes, ip->bytes, whole);
	masked.bytes[whole] =
		(uint8_t)(ip->bytes[whole] & (0xff00U >> bits % 8));
	return masked;
}

bool ip_equal(const struct ip *a, const struct ip *b)
{
	return ip_compare(a, b) == 0;
}

bool ip_in_prefix(const struct ip *ip, const struct ip_prefix *prefix)
{
	struct ip network;

	if (ip->family == 0 || ip->family != prefix->ip.family)
		return false;
	network = ip_mask(ip, prefix->bits);
	return ip_equal(&network, &prefix->ip);
}

int ip_compare(const struct ip *a, const struct ip *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, ip_size(a));
}

bool ip_is_loopback(const struct ip *ip)
{
	static const struct ip one = { 6, { [15] = 1 } };

	return (ip->family == 4 && ip->bytes[0] == 127) || ip_equal(ip, &one);
}

bool ip_is_private(const struct ip *ip)
{
	static const struct ip_prefix networks[] = {
		{ { 4, { 10 } }, 8 },	       { { 4, { 172, 16 } }, 12 },
		{ { 4, { 192, 168 } }, 16 },   { { 4, { 100, 64 } }, 10 },
		{ { 4, { 169, 254 } }, 16 },   { { 6, { 0xfc } }, 7 },
		{ { 6, { 0xfe, 0x80 } }, 10 },
	};

	for (size_t i = 0; i < sizeof(networks) / sizeof(networks[0]); i++)
		if (ip_in_prefix(ip, &networks[i]))
			return true;
	return false;
}
