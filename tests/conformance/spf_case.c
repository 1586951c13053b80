/*
 * spf_case.c - evaluates SPF in the world of a zone file.
 *
 *	spf_case ZONE < CASES
 *
 * A case a line, with tabs between: helo, client, sender; %XX is a byte.  What
 * comes out is a line for each: result, mechanism, explanation, error, terms
 * that asked, void look-ups, questions, waits; "-" where there is nothing.
 */
#include "filter/inspect/spf.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lists/dns_zonefile.h"
#include "rules/arena.h"
#include "tests/unit/inspect_zone.h"

static int nibble(char c)
{
	const char *hex = "0123456789ABCDEF";
	const char *at = c != '\0' ? strchr(hex, c) : NULL;

	return at ? (int)(at - hex) : -1;
}

static void undo(char *text)
{
	char *out = text;

	for (const char *c = text; *c != '\0'; c++) {
		if (c[0] == '%' && nibble(c[1]) >= 0 && nibble(c[2]) >= 0) {
			*out++ = (char)(nibble(c[1]) * 16 + nibble(c[2]));
			c += 2;
		} else {
			*out++ = *c;
		}
	}
	*out = '\0';
}

static const char *shown(const char *text)
{
	return text ? text : "-";
}

static int run(struct dns_zone *world, char *line)
{
	char *helo = strtok(line, "\t"), *client = strtok(NULL, "\t");
	char *sender = strtok(NULL, "\t");
	struct spf_request request = { .now = 1445412480 };
	struct spf_outcome outcome;
	struct inspect_zone zone;
	struct arena arena;

	if (!client || ip_parse(client, strlen(client), &request.client) < 0)
		return -1;
	undo(helo);
	request.helo = helo;
	request.receiver = "receiver.example";
	request.sender = sender ? sender : "";
	if (sender)
		undo(sender);
	inspect_zone_borrow(&zone, world);
	arena_init(&arena, 1024 * 1024);
	spf_check(&request, SPF_OF_MAIL_FROM, &zone.dns, &arena, &outcome);
	printf("%s\t%s\t%s\t%s\t%u\t%u\t%u\t%u\n",
	       spf_result_name(outcome.result), shown(outcome.mechanism),
	       shown(outcome.explanation), shown(outcome.error),
	       outcome.lookups, outcome.voids, zone.questions, zone.waits);
	arena_done(&arena);
	inspect_zone_close(&zone);
	return 0;
}

int main(int argc, char **argv)
{
	char error[DNS_ZONEFILE_ERROR_SIZE] = "spf_case ZONE < CASES";
	struct dns_zone *world =
		argc == 2 ? dns_zonefile_load(argv[1], error) : NULL;
	static char line[65536];

	if (!world) {
		fprintf(stderr, "%s\n", error);
		return 2;
	}
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		if (run(world, line) < 0) {
			fprintf(stderr, "spf_case: not a case: %s\n", line);
			return 2;
		}
	}
	dns_zone_free(world);
	return 0;
}
