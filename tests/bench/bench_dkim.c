/*
 * bench_dkim.c - what a DKIM signature costs, and how deep it goes.
 *
 * A message with one relaxed RSA-2048 signature, of three sizes: through
 * filter/inspect/dkim.h, and through libopendkim alone, in turns; for both,
 * dkim_decode.c makes keys cheap (bench_vouch has the library without).  Prints
 * the CPU time of each message, and the stack that a verification takes.
 *
 *	bench_dkim [seconds]
 */
#include <dkim.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "filter/inspect/dkim.h"
#include "rules/arena.h"
#include "rules/mail/header.h"
#include "tests/unit/dkim_signer.h"
#include "tests/unit/inspect_zone.h"

enum { PIECE = 65535, STACK = 1024 * 1024, PAINT = 0xa5 };

struct letter {
	char *text;
	size_t len, body;
};

static const char *zone;
static char record[1024]; /* the key, for the library alone */

static void expect(int holds, const char *what)
{
	if (!holds) {
		fprintf(stderr, "bench_dkim: %s\n", what);
		exit(1);
	}
}

static double cpu_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/* Ten fields and lines of 76 characters, as base64 has them. */
static struct letter letter_new(const struct signer *signer, size_t size)
{
	static const char head[] =
		"Received: from mail.example.org (mail.example.org "
		"[192.0.2.25])\r\n\tby mx.example.net with ESMTPS id 4Qx1; "
		"Sun, 22 Nov 2026 10:00:00 +0000\r\n"
		"Message-ID: <20261122095958.4711@mail.example.org>\r\n"
		"Date: Sun, 22 Nov 2026 10:59:58 +0100\r\n"
		"From: Ann Example <ann@example.org>\r\n"
		"To: Bob Example <bob@example.net>\r\n"
		"Subject: the figures of last week, and the room for the\r\n"
		"\tmeeting\r\n"
		"MIME-Version: 1.0\r\n"
		"Content-Type: text/plain; charset=utf-8\r\n"
		"User-Agent: Example/1.0\r\n\r\n";
	struct letter letter;
	char *text = malloc(sizeof(head) + size + 80);
	size_t len = sizeof(head) - 1;

	expect(text != NULL, "no memory");
	memcpy(text, head, len);
	while (len < size) {
		for (int i = 0; i < 76; i++)
			text[len++] = (char)(i % 13 == 12 ? ' ' : 'a' + i % 26);
		text[len++] = '\r';
		text[len++] = '\n';
	}
	text[len] = '\0';
	letter.text =
		signer_sign(signer,
			    "v=1; a=rsa-sha256; c=relaxed/relaxed; "
			    "d=example.org; s=rsa2048;\r\n\tt=1700000000; "
			    "h=from:to:subject:date:message-id:"
			    "mime-version:content-type",
			    text, len, &letter.len);
	letter.body =
		(size_t)(strstr(letter.text, "\r\n\r\n") - letter.text) + 4;
	free(text);
	return letter;
}

/* --- both ways ------------------------------------------------------------ */

static void ours(const struct letter *letter)
{
	struct header_walk walk = { .text = letter->text, .len = letter->len };
	struct header_field field;
	struct signatures *signatures;
	struct inspect_zone world;
	static struct dns_zone *shared;
	struct arena arena;

	if (!shared) {
		inspect_zone_open(&world, zone);
		shared = world.zone;
	}
	inspect_zone_borrow(&world, shared);
	arena_init(&arena, 4 * 1024 * 1024);
	signatures = signatures_new(&arena, &world.dns, 1700000100);
	while (header_next(&walk, &field))
		signatures_header(signatures, field.name, field.name_len,
				  field.value, field.value_len, false);
	signatures_eoh(signatures, "example.org");
	for (size_t at = walk.pos; at < letter->len; at += PIECE)
		signatures_body(signatures, letter->text + at,
				letter->len - at < PIECE ? letter->len - at
							 : PIECE);
	signatures_finish(signatures, false);
	expect(signatures_at(signatures, 0)->result == SIGNATURE_PASS,
	       "it does not pass");
	signatures_free(signatures);
	inspect_zone_close(&world);
	arena_done(&arena);
}

static DKIM_CBSTAT give_key(DKIM *dkim, DKIM_SIGINFO *siginfo,
			    unsigned char *buf, size_t size)
{
	(void)dkim;
	(void)siginfo;
	snprintf((char *)buf, size, "%s", record);
	return DKIM_CBSTAT_CONTINUE;
}

static void theirs(const struct letter *letter)
{
	struct header_walk walk = { .text = letter->text, .len = letter->len };
	struct header_field field;
	static DKIM_LIB *handle;
	DKIM_STAT status;
	_Bool test;
	DKIM *dkim;

	if (!handle) {
		handle = dkim_init(NULL, NULL);
		dkim_set_key_lookup(handle, give_key);
	}
	dkim = dkim_verify(handle, (const unsigned char *)"bench", NULL,
			   &status);
	while (header_next(&walk, &field))
		dkim_header(dkim,
			    (unsigned char *)(uintptr_t)(letter->text +
							 field.offset),
			    (size_t)(field.value + field.value_len -
				     (letter->text + field.offset)));
	dkim_eoh(dkim);
	for (size_t at = walk.pos; at < letter->len; at += PIECE)
		dkim_body(dkim, (unsigned char *)letter->text + at,
			  letter->len - at < PIECE ? letter->len - at : PIECE);
	expect(dkim_eom(dkim, &test) == DKIM_STAT_OK,
	       "it does not pass the library alone");
	dkim_free(dkim);
}

static void compare(const struct signer *signer, const char *name, size_t size,
		    double seconds)
{
	struct letter letter = letter_new(signer, size);
	double us[2] = { 0, 0 };
	unsigned rounds = 0;

	ours(&letter);
	theirs(&letter);
	while (us[0] + us[1] < seconds * 1e6) {
		for (int way = 0; way < 2; way++) {
			double before = cpu_now();

			for (int i = 0; i < 4; i++)
				(way ? theirs : ours)(&letter);
			us[way] += cpu_now() - before;
		}
		rounds += 4;
	}
	printf("%-8s %10.1f %12.1f %8.2f %8u\n", name, us[0] / rounds,
	       us[1] / rounds, us[0] / us[1], rounds);
	free(letter.text);
}

/* --- the stack ------------------------------------------------------------ */

static void *verify_all(void *context)
{
	const struct letter *letters = context;

	for (int i = 0; i < 4; i++)
		ours(&letters[i]);
	return NULL;
}

/* All kinds of signatures, on a stack that is painted before. */
static void measure_stack(const struct signer *signer)
{
	static const char *const tags[] = {
		"v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; "
		"s=rsa2048; h=from",
		"v=1; a=ed25519-sha256; c=simple/simple; d=example.org; s=ed; "
		"i=a@example.org; h=from:to",
		"v=1; a=rsa-sha256; c=simple/relaxed; d=example.org; s=bare; "
		"q=dns/txt; l=4; h=from",
		"v=1; a=rsa-sha256; c=relaxed/simple; d=example.org; s=both; "
		"h=from",
	};
	static const char text[] = "From: a@example.org\r\nTo: b\r\n\r\nHi\r\n";
	struct letter letters[4];
	unsigned char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_attr_t attr;
	pthread_t thread;
	size_t untouched = 0;

	expect(stack != MAP_FAILED, "no stack");
	memset(stack, PAINT, STACK);
	for (int i = 0; i < 4; i++)
		letters[i].text =
			signer_sign(signer, tags[i], text, sizeof(text) - 1,
				    &letters[i].len);
	pthread_attr_init(&attr);
	pthread_attr_setstack(&attr, stack, STACK);
	expect(pthread_create(&thread, &attr, verify_all, letters) == 0,
	       "no thread");
	pthread_join(thread, NULL);
	while (untouched < STACK && stack[untouched] == PAINT)
		untouched++;
	printf("stack: %zu bytes\n", STACK - untouched);
	for (int i = 0; i < 4; i++)
		free(letters[i].text);
}

int main(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 2;
	struct signer *signer = signer_new();
	const char *key;
	double before;

	zone = signer_zone(signer);
	key = strstr(zone, "rsa2048._domainkey");
	/* the strings of its TXT record, joined */
	for (const char *at = strchr(key, '"'); *at && *at != '\n'; at++)
		if (*at != '"' && !(*at == ' ' && at[1] == '"'))
			strncat(record, at, 1);
	before = cpu_now();
	expect(signatures_open() == 0, "no library");
	printf("signatures_open(): %.0f us\n", cpu_now() - before);
	printf("%-8s %10s %12s %8s %8s\n", "size", "us", "libopendkim", "ratio",
	       "rounds");
	compare(signer, "2 KiB", 2048, seconds);
	compare(signer, "200 KiB", 200 * 1024, seconds);
	compare(signer, "5 MiB", 5 * 1024 * 1024, seconds);
	measure_stack(signer);
	signer_free(signer);
	return 0;
}
