/*
 * ip.h - IP addresses and networks as values.
 *
 * An address has one form only: an IPv4-mapped IPv6 address (::ffff:a.b.c.d)
 * becomes IPv4 wherever it enters, so it never needs a second comparison.
 * Parsing is strict: what two programs could read in two ways (010.0.0.1,
 * 127.1, 0x7f.0.0.1, fe80::1%eth0) is no address.
 *
 * Pure functions, for any thread; nothing is allocated.
 */
#ifndef LISTS_IP_H
#define LISTS_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sockaddr;

#define IP_TEXT_SIZE 40 /* with the NUL */
#define IP_PREFIX_TEXT_SIZE (IP_TEXT_SIZE + 4)
#define IP_REVERSED_SIZE 64

struct ip {
	uint8_t family; /* 0 none, 4, 6 */
	uint8_t bytes[16]; /* network order; IPv4 in the first four, rest 0 */
};

/* Bits of the address that count; the others are always zero. */
struct ip_prefix {
	struct ip ip;
	uint8_t bits; /* 0..32 or 0..128 */
};

struct ip_error {
	size_t offset; /* of the first byte that is wrong */
	char text[128];
};

/*
 * Reads exactly len bytes as one address.  Not for "IPv6:..." or brackets:
 * who reads an address literal (RFC 5321 section 4.1.3) takes those off
 * first.  0, or -1 and *ret_ip is left alone.
 */
int ip_parse(const char *text, size_t len, struct ip *ret_ip);

/*
 * Reads "192.0.2.0/24", "2001:db8::/32" or an address alone, which is a
 * network of one.  Bits set below the prefix are an error that names the
 * right network.  ::ffff:192.0.2.0/120 is 192.0.2.0/24.  0, or -1 with
 * *ret_error filled in; ret_error may be NULL.
 */
int ip_prefix_parse(const char *text, size_t len, struct ip_prefix *ret_prefix,
		    struct ip_error *ret_error);

/*
 * Writes the text (RFC 5952) and returns buf; "" for no address, or when size
 * is less than IP_TEXT_SIZE.  A network of one is written as its address.
 */
const char *ip_format(const struct ip *ip, char *buf, size_t size);
const char *ip_prefix_format(const struct ip_prefix *prefix, char *buf,
			     size_t size);

/*
 * The labels under which a DNSBL or in-addr.arpa knows the address, without
 * the zone: "1.2.0.192", or 32 nibbles.  "" for no address, or when size is
 * less than IP_REVERSED_SIZE.  Returns buf.
 */
const char *ip_reversed(const struct ip *ip, char *buf, size_t size);

/*
 * Takes the address out of an AF_INET or AF_INET6 socket address.  0, or -1
 * for any other family, and *ret_ip is "none" then.
 */
int ip_from_sockaddr(const struct sockaddr *sa, struct ip *ret_ip);

/* The address with all but its first `bits` bits cleared. */
struct ip ip_mask(const struct ip *ip, unsigned bits);

/* Two "none" are equal, but "none" is in no network. */
bool ip_equal(const struct ip *a, const struct ip *b);
bool ip_in_prefix(const struct ip *ip, const struct ip_prefix *prefix);

/* <0, 0, >0; none before IPv4 before IPv6, then by number. */
int ip_compare(const struct ip *a, const struct ip *b);

/* 127.0.0.0/8, ::1 */
bool ip_is_loopback(const struct ip *ip);

/*
 * Never seen as a client on the public Internet, so no list out there knows
 * about it: RFC 1918, shared (RFC 6598), link-local (RFC 3927, fe80::/10) and
 * unique local (RFC 4193) addresses.  Loopback is not among them.
 */
bool ip_is_private(const struct ip *ip);

#endif
