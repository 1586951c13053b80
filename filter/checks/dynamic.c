/*
 * dynamic.c - does a name look like that of a dial-up or cable customer?
 *
 * Access networks name thousands of addresses by a pattern: the address stands
 * in the name, or a word tells what the line is for, or both.  Names of mail
 * servers are given by hand and say what the machine does.
 *
 *   1. A server's word in the first label ends it: whoever has named the
 *      machine has control of its name.
 *   2. Words that mean changing addresses (dyn, dhcp, ppp) stand for
 *      themselves.
 *   3. A server's word anywhere else ends it.  "static" is one, as is what
 *      hosting companies write (vps, ec2, cloud): such names hold the address
 *      too, and nobody took care to change them, but it is a machine in a data
 *      centre or a line that is not dynamic.  Rules that want those as well
 *      can test client.ptr.
 *   4. The address in the name is enough.
 *   5. Words for a kind of access (dsl, cable, pool, customer) need a figure
 *      beside them: "acme.customer.isp.example" was named by hand.
 *
 * Words in the organisation's own domain, at the end of the name, say nothing:
 * "mail.cable.example" is the mail server of a cable company.
 */
#include "filter/checks/asking.h"

#include <stdio.h>
#include <string.h>

#include "lists/dns_name.h"

enum meaning {
	MEANS_NOTHING,
	MEANS_CHANGING, /* address */
	MEANS_ACCESS,
	MEANS_SERVER,
};

/* A word is a run of letters, or of letters and figures; "mail*" is a start. */
static const struct {
	const char *word;
	enum meaning meaning;
} words[] = {
	{ "dyn", MEANS_CHANGING },	 { "dynamic*", MEANS_CHANGING },
	{ "dynamique", MEANS_CHANGING }, { "dinamic*", MEANS_CHANGING },
	{ "dynip", MEANS_CHANGING },	 { "dynpool", MEANS_CHANGING },
	{ "dhcp", MEANS_CHANGING },	 { "ppp", MEANS_CHANGING },
	{ "pppoe", MEANS_CHANGING },	 { "dial", MEANS_CHANGING },
	{ "dialin", MEANS_CHANGING },	 { "dialup*", MEANS_CHANGING },
	{ "dip", MEANS_CHANGING },

	{ "access", MEANS_ACCESS },	 { "adsl*", MEANS_ACCESS },
	{ "broadband*", MEANS_ACCESS },	 { "cable*", MEANS_ACCESS },
	{ "catv", MEANS_ACCESS },	 { "client*", MEANS_ACCESS },
	{ "cpe", MEANS_ACCESS },	 { "cust", MEANS_ACCESS },
	{ "customer*", MEANS_ACCESS },	 { "docsis", MEANS_ACCESS },
	{ "dsl*", MEANS_ACCESS },	 { "fiber*", MEANS_ACCESS },
	{ "fibre*", MEANS_ACCESS },	 { "fios", MEANS_ACCESS },
	{ "ftth", MEANS_ACCESS },	 { "gpon", MEANS_ACCESS },
	{ "gprs", MEANS_ACCESS },	 { "home", MEANS_ACCESS },
	{ "hsd", MEANS_ACCESS },	 { "isdn", MEANS_ACCESS },
	{ "lte", MEANS_ACCESS },	 { "mobile*", MEANS_ACCESS },
	{ "modem*", MEANS_ACCESS },	 { "pool*", MEANS_ACCESS },
	{ "pools", MEANS_ACCESS },	 { "res", MEANS_ACCESS },
	{ "residential", MEANS_ACCESS }, { "subscriber*", MEANS_ACCESS },
	{ "user*", MEANS_ACCESS },	 { "vdsl*", MEANS_ACCESS },
	{ "wimax", MEANS_ACCESS },	 { "wireless", MEANS_ACCESS },
	{ "wlan", MEANS_ACCESS },	 { "xdsl*", MEANS_ACCESS },

	{ "bounce*", MEANS_SERVER },	 { "cloud*", MEANS_SERVER },
	{ "colo*", MEANS_SERVER },	 { "compute", MEANS_SERVER },
	{ "dedi", MEANS_SERVER },	 { "dedicated*", MEANS_SERVER },
	{ "ec2", MEANS_SERVER },	 { "email*", MEANS_SERVER },
	{ "exchange", MEANS_SERVER },	 { "hosted", MEANS_SERVER },
	{ "hosting*", MEANS_SERVER },	 { "imap", MEANS_SERVER },
	{ "kvm", MEANS_SERVER },	 { "mail*", MEANS_SERVER },
	{ "mta*", MEANS_SERVER },	 { "mx", MEANS_SERVER },
	{ "mxout", MEANS_SERVER },	 { "newsletter*", MEANS_SERVER },
	{ "out", MEANS_SERVER },	 { "outbound", MEANS_SERVER },
	{ "outgoing", MEANS_SERVER },	 { "postfix", MEANS_SERVER },
	{ "relay*", MEANS_SERVER },	 { "sender", MEANS_SERVER },
	{ "server*", MEANS_SERVER },	 { "smtp*", MEANS_SERVER },
	{ "srv", MEANS_SERVER },	 { "static*", MEANS_SERVER },
	{ "statique", MEANS_SERVER },	 { "vds", MEANS_SERVER },
	{ "vm", MEANS_SERVER },		 { "vps", MEANS_SERVER },
	{ "vserver*", MEANS_SERVER },
};

static bool is_letter(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_figure(char c)
{
	return c >= '0' && c <= '9';
}

static enum meaning meaning_of(const char *word, size_t len)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const char *known = words[i].word;
		size_t known_len = strlen(known);
		bool is_start = known[known_len - 1] == '*';

		known_len -= is_start ? 1 : 0;
		if ((is_start ? len >= known_len : len == known_len) &&
		    memcmp(word, known, known_len) == 0)
			return words[i].meaning;
	}
	return MEANS_NOTHING;
}

/* What the words say, left of the organisation's domain. */
struct signs {
	bool names_server; /* a word in the first label */
	bool server, changing, access;
	bool figure;
};

static void note(struct signs *signs, const char *word, size_t len, bool first)
{
	switch (meaning_of(word, len)) {
	case MEANS_NOTHING: break;
	case MEANS_CHANGING: signs->changing = true; break;
	case MEANS_ACCESS: signs->access = true; break;
	case MEANS_SERVER:
		signs->server = true;
		signs->names_server |= first;
		break;
	}
}

/* "adsl2-pool" are adsl2, adsl and pool. */
static void read_words(const char *name, size_t len, struct signs *signs)
{
	size_t whole = 0, letters = 0; /* where the run at hand began */
	bool first = true;

	for (size_t i = 0; i <= len; i++) {
		char c = i < len ? name[i] : '.';

		if (is_letter(c))
			continue;
		if (i > letters)
			note(signs, name + letters, i - letters, first);
		letters = i + 1;
		if (is_figure(c)) {
			signs->figure = true;
			continue;
		}
		if (i > whole)
			note(signs, name + whole, i - whole, first);
		whole = i + 1;
		if (c == '.')
			first = false;
	}
}

/* "co.uk", "com.br": where the last two labels are a registry's. */
static bool is_registry(const char *label, size_t len)
{
	static const char *const labels[] = {
		"ac",  "co", "com", "edu", "go",  "gob",
		"gov", "ne", "net", "or",  "org",
	};

	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
		if (strlen(labels[i]) == len && !memcmp(label, labels[i], len))
			return true;
	return false;
}

/* The length of what stands left of the organisation's domain. */
static size_t own_len(const char *name, size_t len)
{
	size_t dots[3] = { 0 }; /* from the right */
	size_t count = 0;

	for (size_t i = len; i > 0 && count < 3; i--)
		if (name[i - 1] == '.')
			dots[count++] = i - 1;
	if (count < 2)
		return 0;
	if (len - dots[0] - 1 == 2 &&
	    is_registry(name + dots[1] + 1, dots[0] - dots[1] - 1))
		return dots[2];
	return dots[1];
}

/*
 * How an IPv4 address is written into a name, all of which must be there.
 * a b c d are its four numbers, A B C D the same in three figures, w x y z in
 * two of hex, "-" is any single character that is no figure.
 */
static const struct {
	const char *first, *second;
	size_t least; /* characters; fewer are too easily chance */
} shapes[] = {
	{ "a-b-c-d", NULL, 0 }, { "d-c-b-a", NULL, 0 }, { "A-B-C-D", NULL, 0 },
	{ "D-C-B-A", NULL, 0 }, { "b-c-d", NULL, 0 },	{ "d-c-b", NULL, 0 },
	{ "a-b", "c-d", 0 },	{ "a-b", "d-c", 0 },	{ "b-a", "d-c", 0 },
	{ "a-b-c", "d", 0 },	{ "c-b-a", "d", 0 },	{ "ABCD", NULL, 0 },
	{ "DCBA", NULL, 0 },	{ "abcd", NULL, 8 },	{ "dcba", NULL, 8 },
	{ "wxyz", NULL, 0 },	{ "zyxw", NULL, 0 },	{ "w-x-y-z", NULL, 0 },
};

/* Writes a shape for this address; "-" stays. */
static void draw(const char *shape, const uint8_t bytes[4], char *out)
{
	for (; *shape != '\0'; shape++) {
		if (*shape >= 'a' && *shape <= 'd')
			out += sprintf(out, "%u", bytes[*shape - 'a']);
		else if (*shape >= 'A' && *shape <= 'D')
			out += sprintf(out, "%03u", bytes[*shape - 'A']);
		else if (*shape >= 'w' && *shape <= 'z')
			out += sprintf(out, "%02x", bytes[*shape - 'w']);
		else
			*out++ = *shape;
	}
	*out = '\0';
}

/*
 * Is it there, and not a part of a longer number?  `is_part` tells what would
 * make it longer; NULL: nothing would.
 */
static bool is_there(const char *name, const char *drawn,
		     bool (*is_part)(char c))
{
	size_t len = strlen(drawn);

	for (const char *at = name; *at != '\0'; at++) {
		size_t i = 0;

		while (i < len && at[i] != '\0' &&
		       (at[i] == drawn[i] ||
			(drawn[i] == '-' && !is_figure(at[i]))))
			i++;
		if (i < len)
			continue;
		if (is_part == NULL ||
		    ((at == name || !is_part(at[-1])) && !is_part(at[len])))
			return true;
	}
	return false;
}

static bool is_hex(char c)
{
	return is_figure(c) || (c >= 'a' && c <= 'f');
}

static bool holds_ipv4(const char *name, const uint8_t bytes[4])
{
	char drawn[32];

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		const char *first = shapes[i].first;
		bool hex = *first >= 'w';

		draw(first, bytes, drawn);
		if (strlen(drawn) < shapes[i].least ||
		    !is_there(name, drawn, hex ? NULL : is_figure))
			continue;
		if (shapes[i].second == NULL)
			return true;
		draw(shapes[i].second, bytes, drawn);
		if (is_there(name, drawn, is_figure))
			return true;
	}
	return false;
}

/*
 * An IPv6 address is taken for written into the name where half of it is, as 16
 * figures in either order, with whatever between them; or all of it as RFC 5952
 * has it or in eight groups.
 */
static bool holds_ipv6(const char *name, const struct ip *ip)
{
	char bare[DNS_NAME_TEXT_SIZE], figures[33], drawn[64];
	size_t n = 0;
	int at = 0;

	for (const char *c = name; *c != '\0'; c++)
		if (is_letter(*c) || is_figure(*c))
			bare[n++] = *c;
	bare[n] = '\0';
	for (size_t i = 0; i < 32; i++) {
		uint8_t byte = ip->bytes[i / 2];

		figures[i] =
			"0123456789abcdef"[i % 2 == 0 ? byte >> 4 : byte & 15];
	}
	for (size_t half = 0; half < 4; half++) {
		for (size_t i = 0; i < 16; i++)
			drawn[i] = figures[half < 2 ? half * 16 + i
						    : (half - 1) * 16 - 1 - i];
		drawn[16] = '\0';
		if (is_there(bare, drawn, NULL))
			return true;
	}
	ip_format(ip, drawn, sizeof(drawn));
	for (char *c = drawn; *c != '\0'; c++)
		if (*c == ':')
			*c = '-';
	if (is_there(name, drawn, is_hex))
		return true;
	for (size_t i = 0; i < 16; i += 2)
		at += sprintf(drawn + at, "%s%x", i == 0 ? "" : "-",
			      (unsigned)ip->bytes[i] << 8 | ip->bytes[i + 1]);
	return is_there(name, drawn, is_hex);
}

bool name_is_dynamic(const char *name, const struct ip *ip)
{
	char lower[DNS_NAME_TEXT_SIZE];
	struct signs signs = { 0 };
	size_t len = strlen(name);

	if (len >= sizeof(lower))
		return false;
	for (size_t i = 0; i <= len; i++)
		lower[i] = (char)(name[i] >= 'A' && name[i] <= 'Z'
					  ? name[i] - 'A' + 'a'
					  : name[i]);
	read_words(lower, own_len(lower, len), &signs);
	if (signs.names_server)
		return false;
	if (signs.changing)
		return true;
	if (signs.server)
		return false;
	if (ip->family == 4 && holds_ipv4(lower, ip->bytes))
		return true;
	if (ip->family == 6 && holds_ipv6(lower, ip))
		return true;
	return signs.access && signs.figure;
}
