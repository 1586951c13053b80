/*
 * dns_name.c - domain names, as text and on the wire.
 */
#include "lists/dns_name.h"

#include "lists/ip.h"

#include <stdio.h>
#include <string.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

/* What must be escaped so that a master file would give it back. */
static bool is_special(uint8_t c)
{
	return c == '.' || c == '\\' || c == '"' || c == ';' || c == '@' ||
	       c == '$' || c == '(' || c == ')';
}

/* One byte of a label, perhaps escaped; returns how much text it took. */
static size_t parse_byte(const char *text, size_t len, uint8_t *ret_byte)
{
	unsigned number;

	if (text[0] != '\\') {
		*ret_byte = (uint8_t)text[0];
		return 1;
	}
	if (len < 2)
		return 0;
	if (!is_digit(text[1])) {
		*ret_byte = (uint8_t)text[1];
		return 2;
	}
	if (len < 4 || !is_digit(text[2]) || !is_digit(text[3]))
		return 0;
	number = (unsigned)(text[1] - '0') * 100 +
		 (unsigned)(text[2] - '0') * 10 + (unsigned)(text[3] - '0');
	if (number > 255)
		return 0;
	*ret_byte = (uint8_t)number;
	return 4;
}

int dns_name_parse(const char *text, size_t len, struct dns_name *ret_name)
{
	size_t label = 0; /* where the length of this label stands */
	size_t end = 1; /* where its next byte goes */

	if (len == 0)
		return -1;
	if (len == 1 && text[0] == '.')
		end = label;
	else
		for (size_t at = 0; at < len;) {
			size_t took;

			if (text[at] == '.') {
				if (end == label + 1)
					return -1;
				ret_name->wire[label] =
					(uint8_t)(end - label - 1);
				label = end++;
				at++;
				continue;
			}
			/* one byte is kept for the root */
			if (end - label > DNS_LABEL_MAX ||
			    end >= DNS_NAME_MAX - 1)
				return -1;
			took = parse_byte(text + at, len - at,
					  &ret_name->wire[end]);
			if (took == 0)
				return -1;
			end++;
			at += took;
		}
	if (end > label + 1) { /* no dot at the end */
		ret_name->wire[label] = (uint8_t)(end - label - 1);
		label = end;
	}
	ret_name->wire[label] = 0;
	ret_name->len = (uint8_t)(label + 1);
	return 0;
}

static size_t format_byte(uint8_t c, char *to)
{
	if (c <= ' ' || c >= 0x7f) {
		to[0] = '\\';
		to[1] = (char)('0' + c / 100);
		to[2] = (char)('0' + c / 10 % 10);
		to[3] = (char)('0' + c % 10);
		return 4;
	}
	if (is_special(c)) {
		to[0] = '\\';
		to[1] = (char)c;
		return 2;
	}
	to[0] = (char)c;
	return 1;
}

size_t dns_name_format(const struct dns_name *name,
		       char buf[DNS_NAME_TEXT_SIZE])
{
	const uint8_t *label = name->wire;
	size_t len = 0;

	if (*label == 0)
		buf[len++] = '.';
	while (*label > 0) {
		if (len > 0)
			buf[len++] = '.';
		for (unsigned i = 1; i <= *label; i++)
			len += format_byte(label[i], buf + len);
		label += *label + 1;
	}
	buf[len] = '\0';
	return len;
}

size_t dns_name_text_len(const struct dns_name *name)
{
	char buf[DNS_NAME_TEXT_SIZE];

	return dns_name_format(name, buf);
}

int dns_name_read(const uint8_t *message, size_t len, size_t *at,
		  struct dns_name *ret_name)
{
	size_t from = *at;
	size_t bound = *at; /* a pointer must lead to before this place */
	size_t behind = 0;
	size_t used = 0;

	for (;;) {
		uint8_t head;

		if (from >= len)
			return -1;
		head = message[from];
		if (head >= 0xc0) {
			size_t target;

			if (from + 1 >= len)
				return -1;
			target = (size_t)(head & 0x3f) << 8 | message[from + 1];
			if (target >= bound)
				return -1;
			if (behind == 0)
				behind = from + 2;
			from = bound = target;
			continue;
		}
		if (head > DNS_LABEL_MAX || from + head >= len ||
		    used + head + 1 > DNS_NAME_MAX)
			return -1;
		memcpy(ret_name->wire + used, message + from, (size_t)head + 1);
		used += (size_t)head + 1;
		from += (size_t)head + 1;
		if (head == 0)
			break;
	}
	ret_name->len = (uint8_t)used;
	*at = behind > 0 ? behind : from;
	return 0;
}

void dns_name_lower(struct dns_name *name)
{
	/* a label's length is never as large as a letter */
	for (size_t i = 0; i < name->len; i++)
		name->wire[i] = lower(name->wire[i]);
}

static bool wire_equal(const uint8_t *a, const uint8_t *b, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (lower(a[i]) != lower(b[i]))
			return false;
	return true;
}

bool dns_name_equal(const struct dns_name *a, const struct dns_name *b)
{
	return a->len == b->len && wire_equal(a->wire, b->wire, a->len);
}

bool dns_name_below(const struct dns_name *name, const struct dns_name *top)
{
	size_t at = 0;

	while ((size_t)name->len - at > top->len)
		at += (size_t)name->wire[at] + 1;
	return (size_t)name->len - at == top->len &&
	       wire_equal(name->wire + at, top->wire, top->len);
}

const char *dns_name_reverse(const struct ip *ip, char buf[DNS_REVERSE_SIZE])
{
	char reversed[IP_REVERSED_SIZE];

	buf[0] = '\0';
	if (*ip_reversed(ip, reversed, sizeof(reversed)) != '\0')
		snprintf(buf, DNS_REVERSE_SIZE, "%s.%s", reversed,
			 ip->family == 4 ? "in-addr.arpa" : "ip6.arpa");
	return buf;
}
