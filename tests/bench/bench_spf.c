/*
 * bench_spf.c - what an evaluation of SPF costs, when DNS costs nothing.
 *
 * Prints one line a record; argument: how many evaluations of each (20,000).
 */
#include "filter/inspect/spf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rules/arena.h"
#include "tests/unit/inspect_zone.h"

static const char world[] =
	"one.test. TXT \"v=spf1 ip4:192.0.2.0/24 -all\"\n"
	"typical.test. TXT \"v=spf1 ip4:198.51.100.0/24 ip6:2001:db8::/32 a mx "
	"include:_spf.p.test include:_spf.q.test ~all\"\n"
	"typical.test. A 198.51.100.1\n"
	"typical.test. MX 10 m1.test.\n"
	"typical.test. MX 20 m2.test.\n"
	"m1.test. A 198.51.100.2\n"
	"m2.test. A 198.51.100.3\n"
	"_spf.p.test. TXT \"v=spf1 ip4:203.0.113.0/26 ip4:203.0.113.64/26 "
	"ip4:203.0.113.128/26 -all\"\n"
	"_spf.q.test. TXT \"v=spf1 ip4:192.0.2.0/28 ip4:192.0.2.16/28 -all\"\n"
	"macro.test. TXT \"v=spf1 exists:%{ir}.%{v}.%{l1r-}._spf.%{d2} -all\"\n"
	"why.test. TXT \"v=spf1 -all exp=text.test\"\n"
	"text.test. TXT \"%{i} may not send for %{d}\"\n";

static const char *const domains[] = { "one.test", "typical.test", "macro.test",
				       "why.test", "large.test" };

/* A record as large as can be: networks that do not match. */
static char *with_large(void)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		exit(1);
	fputs(world, out);
	fputs("large.test. TXT \"v=spf1\"", out);
	for (unsigned i = 0; i < 200; i++)
		fprintf(out, " \" ip4:198.51.%u.0/24\"", i % 100 + 100);
	fputs(" \" -all\"\n", out);
	if (fclose(out) != 0)
		exit(1);
	return text;
}

static double spent(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void run(struct inspect_zone *zone, const char *domain, unsigned rounds)
{
	struct spf_request request = {
		.client = { .family = 4, .bytes = { 192, 0, 2, 17 } },
		.helo = "m1.test",
	};
	struct spf_outcome outcome = { 0 };
	char sender[64];
	double start;

	snprintf(sender, sizeof(sender), "joe-list@%s", domain);
	request.sender = sender;
	inspect_zone_forget(zone);
	start = spent();
	for (unsigned i = 0; i < rounds; i++) {
		struct arena arena;

		arena_init(&arena, 65536);
		spf_check(&request, SPF_OF_MAIL_FROM, &zone->dns, &arena,
			  &outcome);
		arena_done(&arena);
	}
	printf("spf %s result=%s evaluation_ns=%.0f lookups=%u questions=%u "
	       "round_trips=%u\n",
	       domain, spf_result_name(outcome.result),
	       (spent() - start) / rounds * 1e9, outcome.lookups,
	       zone->questions, zone->waits);
}

int main(int argc, char **argv)
{
	unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 20000;
	struct inspect_zone zone;
	char *text;

	if (rounds == 0 || rounds > UINT32_MAX) {
		fprintf(stderr, "usage: bench_spf [EVALUATIONS]\n");
		return 2;
	}
	text = with_large();
	inspect_zone_open(&zone, text);
	free(text);
	for (size_t i = 0; i < sizeof(domains) / sizeof(domains[0]); i++)
		run(&zone, domains[i], (unsigned)rounds);
	inspect_zone_close(&zone);
	return 0;
}
