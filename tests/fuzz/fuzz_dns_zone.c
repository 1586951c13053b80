/*
 * fuzz_dns_zone.c - zone files, and what is asked of them.
 *
 * A file is refused with a place and a reason, or answers every question that
 * a few names and types make: never in a way that our own reader finds wrong.
 */
#include "lists/dns_zonefile.h"
#include "tests/fuzz/fuzz.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const enum dns_type types[] = { DNS_A,	DNS_AAAA, DNS_PTR, DNS_MX,
				       DNS_TXT, DNS_NS,	  DNS_SOA, DNS_CNAME };

static bool has_garbled_rule(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i + 7 <= size; i++)
		if (strncasecmp((const char *)data + i, "garbled", 7) == 0)
			return true;
	return false;
}

static void ask(const struct dns_zone *zone, const struct dns_name *name,
		bool garbled)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct dns_question question = { .name = *name,
						 .type = types[i] };
		struct dns_answer *answer;
		unsigned delay_ms;

		dns_name_lower(&question.name);
		answer = dns_zone_ask(zone, &question, 1, &delay_ms);
		CLAIM(garbled || answer->status != DNS_GARBLED);
		CLAIM(delay_ms <= 3600000 || answer->status == DNS_TIMEOUT);
		dns_answer_unref(answer);
	}
}

/* Each word of the file may be a name that is there. */
static void ask_words(const struct dns_zone *zone, const char *text,
		      size_t size, bool garbled)
{
	int asked = 0;

	for (size_t at = 0; at < size && asked < 40; at++) {
		size_t end = at;
		struct dns_name name;

		while (end < size && text[end] > ' ' && end - at < 300)
			end++;
		if (dns_name_parse(text + at, end - at, &name) == 0) {
			ask(zone, &name, garbled);
			asked++;
		}
		at = end;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char error[DNS_ZONEFILE_ERROR_SIZE] = "";
	bool garbled = has_garbled_rule(data, size);
	struct dns_zone *zone;
	struct dns_name name;

	zone = dns_zonefile_parse("f", (const char *)data, size, error);
	CLAIM((zone == NULL) == (error[0] != '\0'));
	if (!zone) {
		unsigned line, column;

		CLAIM(sscanf(error, "f:%u:%u: ", &line, &column) == 2);
		CLAIM(line > 0 && column > 0);
		return 0;
	}
	CLAIM(dns_name_parse("a.b.example.org", 15, &name) == 0);
	ask(zone, &name, garbled);
	ask_words(zone, (const char *)data, size, garbled);
	dns_zone_free(zone);
	return 0;
}
