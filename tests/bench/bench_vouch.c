/*
 * bench_vouch.c - what it costs to find out who vouches for a letter.
 *
 *	bench_vouch LETTER KEY [messages]
 *
 * The letter is signed for sender.test by s1, KEY is the public key (base64).
 * Prints a line of JSON, CPU microseconds a message:
 *
 *	library   libopendkim alone verifies the letter, as its own filter does
 *	reader    our reader, in this process: SPF, the header, DKIM, DMARC
 *	inspector the same in an inspector: two questions over a channel, and
 *		  what DNS says along with them, as it would be known
 *
 * So the channel costs what `inspector` costs more than `reader`.
 */
#include <err.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include <opendkim/dkim.h>

#include "filter/inspect/dkim.h"
#include "filter/inspect/message.h"
#include "filter/inspector.h"
#include "filter/resolver.h"
#include "lists/dns_zonefile.h"
#include "rules/arena.h"
#include "tests/bench/jailed.h"
#include "tests/bench/letter.h"
#include "tests/unit/inspect_zone.h"

enum {
	PIECE = 65535, /* as an MTA hands over a body */
	WAIT_MS = 10000,
	ARRIVAL = 1732272130,
};

static struct letter letter;
static char record[1024], zone_text[2048];

/* --- libopendkim alone --------------------------------------------------- */

static DKIM_CBSTAT give_key(DKIM *dkim, DKIM_SIGINFO *sig, unsigned char *buf,
			    size_t size)
{
	(void)dkim;
	(void)sig;
	if (strlen(record) >= size)
		return DKIM_CBSTAT_ERROR;
	memcpy(buf, record, strlen(record) + 1);
	return DKIM_CBSTAT_CONTINUE;
}

/* "Name:value" with CRLF in the folds. */
static void give_field(DKIM *dkim, const struct letter_field *field)
{
	static unsigned char text[65536];
	size_t len = 0;

	for (const char *c = field->name; *c != '\0'; c++)
		text[len++] = (unsigned char)*c;
	text[len++] = ':';
	for (const char *c = field->value; *c && len + 2 < sizeof(text); c++) {
		if (*c == '\n')
			text[len++] = '\r';
		text[len++] = (unsigned char)*c;
	}
	if (dkim_header(dkim, text, len) != DKIM_STAT_OK)
		errx(1, "dkim_header");
}

static void by_library(void *context)
{
	unsigned char *body = (unsigned char *)letter.body;
	DKIM_LIB *library = context;
	DKIM_STAT status;
	DKIM *dkim = dkim_verify(library, (const unsigned char *)"bench", NULL,
				 &status);

	if (dkim == NULL)
		errx(1, "dkim_verify");
	for (size_t i = 0; i < letter.field_count; i++)
		give_field(dkim, &letter.fields[i]);
	if (dkim_eoh(dkim) != DKIM_STAT_OK)
		errx(1, "dkim_eoh");
	for (size_t at = 0, len; at < letter.body_len; at += len) {
		len = letter.body_len - at;
		if (len > PIECE)
			len = PIECE;
		if (dkim_body(dkim, body + at, len) != DKIM_STAT_OK)
			errx(1, "dkim_body");
	}
	if (dkim_eom(dkim, NULL) != DKIM_STAT_OK)
		errx(1, "libopendkim does not verify the letter");
	dkim_free(dkim);
}

/* --- the reader ----------------------------------------------------------- */

static struct message_authentication authentication(void)
{
	return (struct message_authentication){
		.wanted = true,
		.verifies = true,
		.spf = SPF_RESULT_PASS,
		.spf_domain = "s1.test",
	};
}

static struct spf_request envelope(void)
{
	struct spf_request request = {
		.helo = "out.s1.test",
		.sender = "sender1@s1.test",
		.receiver = "mx.here.test",
		.now = ARRIVAL,
	};

	ip_parse("198.18.0.1", 10, &request.client);
	return request;
}

static void check(const struct facts *facts)
{
	const struct fact *fixed = facts->fixed;

	if (fixed[FACT_SPF].state != FACT_KNOWN || fixed[FACT_SPF].word != 0)
		errx(1, "SPF does not pass");
	if (fixed[FACT_DKIM].state != FACT_KNOWN || fixed[FACT_DKIM].word != 0)
		errx(1, "DKIM does not pass");
	if (fixed[FACT_DMARC].state != FACT_KNOWN ||
	    fixed[FACT_DMARC].word != 0)
		errx(1, "DMARC does not pass");
}

static void by_reader(void *context)
{
	struct inspect_zone *zone = context;
	struct spf_request spf = envelope();
	struct message_request request = {
		.arrival = ARRIVAL,
		.authentication = authentication(),
		.dns = &zone->dns,
	};
	struct message *message;
	struct arena arena;
	struct facts facts;

	arena_init(&arena, MESSAGE_ARENA_MAX);
	if (facts_init(&facts, &arena, 0) < 0)
		errx(1, "memory");
	spf_facts(&spf, request.dns, &facts);
	message = message_new(&request, &arena);
	if (message == NULL)
		errx(1, "memory");
	for (size_t i = 0; i < letter.field_count; i++) {
		const struct letter_field *f = &letter.fields[i];

		message_header(message, f->name, strlen(f->name), f->value,
			       strlen(f->value), false);
	}
	for (size_t at = 0, len; at < letter.body_len; at += len) {
		len = letter.body_len - at;
		if (len > PIECE)
			len = PIECE;
		message_body(message, letter.body + at, len);
	}
	message_finish(message, false, &facts);
	check(&facts);
	arena_done(&arena);
	inspect_zone_forget(zone);
}

/* --- an inspector --------------------------------------------------------- */

struct site {
	struct inspector_pool *pool;
	struct resolver resolver;
};

static void take(struct inspection *inspection, struct facts *facts)
{
	enum fact_cause cause;

	if (inspection_wait(inspection, facts, WAIT_MS, &cause) !=
	    INSPECTION_DONE)
		errx(1, "the inspector does not answer: %s",
		     fact_cause_name(cause));
	inspection_end(inspection);
}

static void by_inspector(void *context)
{
	struct site *site = context;
	struct inspection_envelope first = { .spf = envelope(),
					     .resolver = &site->resolver,
					     .dns_ms = WAIT_MS };
	struct inspection_request request = {
		.arrival = ARRIVAL,
		.authentication = authentication(),
		.resolver = &site->resolver,
		.dns_ms = WAIT_MS,
	};
	struct inspection *inspection;
	enum fact_cause cause;
	struct arena arena;
	struct facts facts;

	arena_init(&arena, MESSAGE_ARENA_MAX);
	if (facts_init(&facts, &arena, 0) < 0)
		errx(1, "memory");
	inspection =
		inspection_begin_envelope(site->pool, &first, WAIT_MS, &cause);
	if (inspection == NULL)
		errx(1, "no channel");
	take(inspection, &facts);
	inspection = inspection_begin(site->pool, &request, WAIT_MS, &cause);
	if (inspection == NULL)
		errx(1, "no channel");
	for (size_t i = 0; i < letter.field_count; i++) {
		const struct letter_field *f = &letter.fields[i];

		inspection_header(inspection, f->name, strlen(f->name),
				  f->value, strlen(f->value));
	}
	for (size_t i = 0; i < letter.field_count; i++) {
		const struct letter_field *f = &letter.fields[i];

		inspection_expect(inspection, f->name, strlen(f->name),
				  f->value, strlen(f->value));
	}
	for (size_t at = 0, len; at < letter.body_len; at += len) {
		len = letter.body_len - at;
		if (len > PIECE)
			len = PIECE;
		inspection_body(inspection, letter.body + at, len);
	}
	take(inspection, &facts);
	check(&facts);
	arena_done(&arena);
}

/* --- figures ------------------------------------------------------------ */

/* Microseconds of CPU, of this process and that one (0: of none). */
static double measure(void (*one)(void *), void *context, long messages,
		      pid_t other)
{
	double began;

	for (long i = 0; i <= messages / 10; i++)
		one(context);
	began = jailed_own_cpu() + (other > 0 ? jailed_cpu_of(other) : 0);
	for (long i = 0; i < messages; i++)
		one(context);
	return (jailed_own_cpu() + (other > 0 ? jailed_cpu_of(other) : 0) -
		began) *
	       1e6 / (double)messages;
}

static DKIM_LIB *library_open_alone(void)
{
	unsigned flags = 0;
	DKIM_LIB *library = dkim_init(NULL, NULL);

	if (library == NULL ||
	    dkim_set_key_lookup(library, give_key) != DKIM_STAT_OK ||
	    dkim_options(library, DKIM_OP_SETOPT, DKIM_OPTS_FLAGS, &flags,
			 sizeof(flags)) != DKIM_STAT_OK)
		errx(1, "libopendkim");
	return library;
}

static void zone_write(const char *key)
{
	size_t half = strlen(key) / 2;

	snprintf(record, sizeof(record), "v=DKIM1; k=rsa; p=%s", key);
	snprintf(zone_text, sizeof(zone_text),
		 "s1.test. TXT \"v=spf1 ip4:198.18.0.0/15 -all\"\n"
		 "out.s1.test. TXT \"v=spf1 ip4:198.18.0.0/15 -all\"\n"
		 "_dmarc.sender.test. TXT \"v=DMARC1; p=reject\"\n"
		 "_dmarc.test. TXT \"none\"\n"
		 "s1._domainkey.sender.test. TXT \"v=DKIM1; k=rsa; p=\" "
		 "\"%.*s\" \"%s\"\n",
		 (int)half, key, key + half);
}

int main(int argc, char **argv)
{
	struct dns_settings settings = { 0 };
	char error[DNS_ZONEFILE_ERROR_SIZE];
	struct site site = { .resolver.refs = 1 };
	struct inspect_zone zone;
	double library, reader, inspector;
	struct dns_zone *world;
	long messages;
	pid_t pid;

	jailed_run();
	if (argc < 3) {
		fputs("usage: bench_vouch LETTER KEY [messages]\n", stderr);
		return 2;
	}
	messages = argc > 3 ? atol(argv[3]) : 1000;
	if (messages < 1 || letter_read(&letter, argv[1]) < 0)
		err(1, "%s", argv[1]);
	zone_write(argv[2]);
	site.pool = inspector_pool_open(1, JAILED_CHANNELS);
	if (site.pool == NULL)
		err(1, "pool");
	pid = jailed_start(site.pool);
	inspect_zone_open(&zone, zone_text);
	world = dns_zonefile_parse("zone", zone_text, strlen(zone_text), error);
	settings.zone = world;
	settings.front = world; /* at once, as a warm cache would */
	site.resolver.dns = world ? dns_open(&settings, error) : NULL;
	if (site.resolver.dns == NULL)
		errx(1, "%s", error);

	library = measure(by_library, library_open_alone(), messages, 0);
	if (signatures_open() < 0) /* as an inspector does at its start */
		errx(1, "libopendkim");
	reader = measure(by_reader, &zone, messages, 0);
	inspector = measure(by_inspector, &site, messages, pid);
	printf("{\"library\": %.1f, \"reader\": %.1f, \"inspector\": %.1f}\n",
	       library, reader, inspector);

	inspector_pool_close(site.pool);
	waitpid(pid, NULL, 0);
	dns_close(site.resolver.dns);
	inspect_zone_close(&zone);
	letter_done(&letter);
	return 0;
}
