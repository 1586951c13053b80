/*
 * fuzz_dkim.c - any message with any key, through the guard and libopendkim.
 *
 * The first bytes say how DNS answers and how the body is cut, then come a key
 * record and the message.  Whatever it is: the body's pieces mean nothing, keys
 * are looked up for at most eight names, and what passes has a From, a key that
 * is long enough, a hash that is good enough, and all of the body.
 */
#include "filter/inspect/dkim.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "filter/inspect/dns.h"
#include "rules/arena.h"
#include "rules/facts.h"
#include "rules/mail/header.h"
#include "tests/fuzz/fuzz.h"

enum { SHOWN_MAX = 16384, NOW = 1700000000 };

/* --- DNS: one answer for every name --------------------------------------- */

/* RFC 8463 appendix A.2 */
static const char rsa[] =
	"v=DKIM1; k=rsa; p="
	"MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk"
	"08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8u"
	"BsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryO"
	"TIKT+l/K4w3QIDAQAB";
static const char ed[] =
	"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

struct world {
	struct inspect_dns dns;
	struct dns_answer answer;
	struct dns_record records[3];
	char names[SIGNATURES_MAX][256]; /* that were asked for */
	size_t count;
};

static void note(struct world *world, const char *name)
{
	CLAIM(strlen(name) <= 253);
	for (size_t i = 0; i < world->count; i++)
		if (strcmp(world->names[i], name) == 0)
			return;
	CLAIM(world->count < SIGNATURES_MAX);
	strcpy(world->names[world->count++], name);
}

static const struct dns_answer *ask(struct inspect_dns *dns, const char *name,
				    enum dns_type type)
{
	struct world *world = (struct world *)dns;

	CLAIM(type == DNS_TXT);
	note(world, name);
	return &world->answer;
}

static void hint(struct inspect_dns *dns, const char *name, enum dns_type type)
{
	(void)type;
	note((struct world *)dns, name);
}

static void add_record(struct world *world, const char *text, size_t len)
{
	struct dns_record *record = &world->records[world->answer.count++];

	record->type = DNS_TXT;
	record->text = text;
	record->text_len = len;
}

static void world_make(struct world *world, unsigned how, const char *text,
		       size_t len)
{
	static const enum dns_status failing[] = { DNS_TIMEOUT, DNS_SERVFAIL,
						   DNS_NXDOMAIN, DNS_NODATA,
						   DNS_INVALID };

	memset(world, 0, sizeof(*world));
	world->dns.ask = ask;
	world->dns.hint = hint;
	world->answer.status = DNS_FOUND;
	world->answer.records = world->records;
	if (how < 5) {
		world->answer.status = failing[how];
		return;
	}
	if (how & 0x80)
		add_record(world, rsa, strlen(rsa));
	if (how & 0x40)
		add_record(world, ed, strlen(ed));
	if (len > 0 || world->answer.count == 0)
		add_record(world, text, len);
}

/* --- a message ------------------------------------------------------------ */

struct letter {
	const char *text;
	size_t len;
	bool lf; /* fields fold with LF alone, as MTAs have it */
	size_t authors;
};

/* The value with its CRs in front of LFs left out. */
static size_t without_cr(const char *value, size_t len, char *to)
{
	size_t count = 0;

	for (size_t i = 0; i < len; i++)
		if (value[i] != '\r' || i + 1 == len || value[i + 1] != '\n')
			to[count++] = value[i];
	return count;
}

static size_t give_header(struct signatures *signatures, struct letter *letter)
{
	struct header_walk walk = { .text = letter->text, .len = letter->len };
	struct header_field field;

	letter->authors = 0;
	while (header_next(&walk, &field)) {
		char *value = malloc(field.value_len + 1);
		char *name = malloc(field.name_len + 1);
		size_t len = field.value_len;

		if (!value || !name)
			abort();
		if (len > 0)
			memcpy(value, field.value, len);
		if (letter->lf)
			len = without_cr(field.value, field.value_len, value);
		if (field.name_len > 0)
			memcpy(name, field.name, field.name_len);
		letter->authors += header_is(&field, "from");
		signatures_header(signatures, name, field.name_len, value, len,
				  field.faults & HEADER_CUT);
		free(value);
		free(name);
	}
	return walk.pos;
}

static void give_body(struct signatures *signatures, const char *bytes,
		      size_t len, size_t piece)
{
	for (size_t at = 0; at < len;) {
		size_t some = piece > 0 && len - at > piece ? piece : len - at;
		char *copy = malloc(some);

		if (!copy)
			abort();
		memcpy(copy, bytes + at, some);
		signatures_body(signatures, copy, some);
		free(copy);
		at += some;
	}
}

static void check_one(const struct signature *one, const struct world *world,
		      const struct letter *letter)
{
	CLAIM((one->result == SIGNATURE_PASS) == (one->why == NULL));
	if (!dns_status_is_known(world->answer.status) ||
	    world->answer.status != DNS_FOUND) {
		CLAIM(one->result != SIGNATURE_PASS);
		CLAIM(one->result != SIGNATURE_POLICY);
		CLAIM(one->key_bits == 0);
	}
	if (world->answer.status == DNS_FOUND ||
	    world->answer.status == DNS_NXDOMAIN)
		CLAIM(one->result != SIGNATURE_TEMPERROR);
	if (one->result != SIGNATURE_PASS)
		return;
	CLAIM(letter->authors > 0);
	CLAIM(one->whole_body && !one->expired);
	CLAIM(one->key_bits >= 1024 || one->key_bits == 256);
	CLAIM(strcmp(one->algorithm, "rsa-sha1") != 0);
	CLAIM(strchr(one->domain, '.') && one->selector[0] && one->digest[0]);
}

static void verify(struct letter *letter, struct world *world, size_t piece,
		   char shown[SHOWN_MAX])
{
	struct signatures *signatures;
	const struct signature *best;
	struct facts facts;
	struct arena arena;
	bool passed = false;
	size_t at = 0, body;

	arena_init(&arena, 4 * 1024 * 1024);
	signatures = signatures_new(&arena, &world->dns, NOW);
	if (!signatures)
		abort();
	body = give_header(signatures, letter);
	signatures_eoh(signatures, "football.example.com");
	give_body(signatures, letter->text + body, letter->len - body, piece);
	signatures_finish(signatures, false);
	CLAIM(signatures_count(signatures) <= signatures_seen(signatures));
	shown[0] = '\0';
	for (size_t i = 0; i < signatures_count(signatures); i++) {
		const struct signature *one = signatures_at(signatures, i);

		check_one(one, world, letter);
		passed |= one->result == SIGNATURE_PASS;
		at += (size_t)snprintf(shown + at, SHOWN_MAX - at,
				       "%d %.20s %u %d %s\n", (int)one->result,
				       one->domain, one->key_bits,
				       one->whole_body,
				       one->why ? one->why : "");
		CLAIM(at < SHOWN_MAX);
	}
	best = signatures_best(signatures);
	CLAIM((best != NULL) == (signatures_count(signatures) > 0));
	CLAIM(!passed || best->result == SIGNATURE_PASS);
	if (facts_init(&facts, &arena, 0) < 0)
		abort();
	signatures_facts(signatures, &arena, &facts);
	signatures_free(signatures);
	arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char whole[SHOWN_MAX], pieces[SHOWN_MAX];
	static struct world world;
	struct letter letter;
	size_t key_len;

	if (size < 3)
		return 0;
	key_len = data[2] * 4u;
	if (key_len > size - 3)
		key_len = size - 3;
	letter.text = (const char *)data + 3 + key_len;
	letter.len = size - 3 - key_len;
	letter.lf = data[1] & 0x80;
	world_make(&world, data[0], (const char *)data + 3, key_len);
	verify(&letter, &world, 0, whole);
	verify(&letter, &world, (data[1] & 0x7f) + 1u, pieces);
	if (strcmp(whole, pieces) != 0) {
		fprintf(stderr, "in one piece:\n%sin pieces:\n%s", whole,
			pieces);
		abort();
	}
	return 0;
}
