/*
 * dnsbl_name.c - the names under which DNS lists are asked (RFC 5782).
 */
#include "lists/dnsbl_private.h"

#include <stdio.h>
#include <string.h>

static int put(const struct dnsbl *dnsbl, const char *labels, size_t wire_len,
	       char buf[DNSBL_NAME_SIZE])
{
	int len;

	/* both count the root's byte */
	if (wire_len + dnsbl->name.len - 1 > DNS_NAME_MAX)
		return -1;
	len = snprintf(buf, DNSBL_NAME_SIZE, "%s.%s", labels, dnsbl->zone);
	return len > 0 && len < DNSBL_NAME_SIZE ? 0 : -1;
}

int dnsbl_ip_name(const struct dnsbl *dnsbl, const struct ip *ip,
		  char buf[DNSBL_NAME_SIZE])
{
	char reversed[IP_REVERSED_SIZE];

	if (*ip_reversed(ip, reversed, sizeof(reversed)) == '\0')
		return -1;
	return put(dnsbl, reversed, strlen(reversed) + 2, buf);
}

/* What no list holds, as no host is called so. */
static bool is_host_byte(uint8_t c)
{
	return c > ' ' && c < 0x7f && !strchr(".@[]:\"<>\\", c);
}

static int domain_name(const struct dnsbl *dnsbl, const char *domain,
		       size_t len, unsigned min_labels,
		       char buf[DNSBL_NAME_SIZE])
{
	char labels[DNS_NAME_TEXT_SIZE];
	struct dns_name name;
	unsigned count = 0;
	struct ip ip;

	if (len > 0 && domain[len - 1] == '.')
		len--;
	if (len == 0 || domain[len - 1] == '.' ||
	    ip_parse(domain, len, &ip) == 0 ||
	    dns_name_parse(domain, len, &name) < 0)
		return -1;
	dns_name_lower(&name);
	for (const uint8_t *label = name.wire; *label > 0;
	     label += *label + 1) {
		for (unsigned i = 1; i <= *label; i++)
			if (!is_host_byte(label[i]))
				return -1;
		count++;
	}
	if (count < min_labels)
		return -1;
	dns_name_format(&name, labels);
	return put(dnsbl, labels, name.len, buf);
}

int dnsbl_domain_name(const struct dnsbl *dnsbl, const char *domain, size_t len,
		      char buf[DNSBL_NAME_SIZE])
{
	return domain_name(dnsbl, domain, len, 2, buf);
}

int dnsbl_test_name(const struct dnsbl *dnsbl, const char *domain,
		    char buf[DNSBL_NAME_SIZE])
{
	return domain_name(dnsbl, domain, strlen(domain), 1, buf);
}

/*
 * A number that nobody can foresee, but that all share who ask for the same
 * moment.  The kernel's random key makes it.
 */
static uint64_t number_of(const struct dnsbl *dnsbl, uint64_t moment_ms)
{
	uint64_t of[2] = { dnsbl->id, moment_ms };

	return hash_keyed(&dnsbl->dnsbls->key, of, sizeof(of));
}

/*
 * Addresses that nobody will ever have: 240.0.0.0/4 (RFC 1112 section 4) and
 * e000::/4.  Those of 127.0.0.0/8 would not do.  A zone that lists the world by
 * a wildcard and still holds 127.0.0.2 has no wildcard below "127" (RFC 4592
 * section 2.2.2): all of these seem not to be listed there.
 */
static void probe_ip(unsigned kind, uint64_t number, struct ip *ret_ip)
{
	*ret_ip = (struct ip){ .family = kind == DNSBL_OF_IP6 ? 6 : 4 };
	if (ret_ip->family == 6)
		ret_ip->bytes[0] = (uint8_t)(0xe0 + number % 16);
	else
		ret_ip->bytes[0] = (uint8_t)(240 + number % 15);
	for (int i = 1; i < 4; i++)
		ret_ip->bytes[i] = (uint8_t)(number >> 8 * i);
}

int dnsbl_probe(const struct dnsbl *dnsbl, unsigned kind, uint64_t moment_ms,
		char buf[DNSBL_NAME_SIZE], char subject[DNSBL_SUBJECT_SIZE])
{
	static const char letters[32] = "abcdefghijklmnopqrstuvwxyz234567";
	uint64_t number = number_of(dnsbl, moment_ms);
	char label[11] = { 0 };
	char text[IP_TEXT_SIZE];
	struct ip ip;

	if (kind == DNSBL_OF_NAMES) {
		for (int i = 0; i < 10; i++, number >>= 5)
			label[i] = letters[number & 31];
		snprintf(subject, DNSBL_SUBJECT_SIZE, "%s.invalid", label);
		return dnsbl_test_name(dnsbl, subject, buf);
	}
	probe_ip(kind, number, &ip);
	snprintf(subject, DNSBL_SUBJECT_SIZE, "%s",
		 ip_format(&ip, text, sizeof(text)));
	return dnsbl_ip_name(dnsbl, &ip, buf);
}
