/*
 * fuzz_names.c - names out of reverse zones, which strangers write.
 *
 * The first byte says how long the client's address is, the address follows,
 * and the rest is a name.  Whether it is dynamic does not depend on case, and
 * the name of the address's own PTR records always is.
 */
#include "filter/checks/asking.h"

#include <stdint.h>
#include <string.h>

#include "lists/dns_name.h"
#include "tests/fuzz/fuzz.h"

static void turn_case(char *text)
{
	for (; *text != '\0'; text++)
		if ((*text >= 'a' && *text <= 'z') ||
		    (*text >= 'A' && *text <= 'Z'))
			*text = (char)(*text ^ 0x20);
}

static void check_address(const struct ip *ip)
{
	char name[DNS_REVERSE_SIZE];

	if (ip->family != 0)
		CLAIM(name_is_dynamic(dns_name_reverse(ip, name), ip));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ip ip = { 0 };
	struct dns_name wire;
	char name[4096], again[DNS_NAME_TEXT_SIZE];
	size_t len;
	bool dynamic;

	if (size == 0)
		return 0;
	ip.family = data[0] % 3 == 0 ? 0 : data[0] % 3 == 1 ? 4 : 6;
	len = ip.family == 0 ? 0 : ip.family == 4 ? 4 : 16;
	if (size < 1 + len)
		return 0;
	if (len > 0)
		memcpy(ip.bytes, data + 1, len);
	data += 1 + len;
	size -= 1 + len;
	if (size >= sizeof(name))
		size = sizeof(name) - 1;
	if (size > 0)
		memcpy(name, data, size);
	name[size] = '\0';

	check_address(&ip);
	dynamic = name_is_dynamic(name, &ip);
	turn_case(name);
	CLAIM(name_is_dynamic(name, &ip) == dynamic);
	turn_case(name);
	if (dns_name_parse(name, strlen(name), &wire) < 0)
		return 0;
	dns_name_format(&wire, again);
	dynamic = name_is_dynamic(again, &ip);
	turn_case(again);
	CLAIM(name_is_dynamic(again, &ip) == dynamic);
	return 0;
}
