/*
 * dkim_case.c - verifies the DKIM signatures of a message in the world of a
 * zone file.
 *
 *	dkim_case ZONE TIME MESSAGE [PIECE]
 *
 * TIME is in seconds since 1970, - is now; the body comes in pieces of PIECE
 * bytes.  A line a signature comes out, in the order of the header: result,
 * domain, selector, algorithm, digest, bits, flags (w: all of the body is
 * signed, x: expired, t: a test key), age, why; with tabs between, "-" where
 * there is nothing.  The last line tells how many questions were put, and how
 * many signatures there are.
 */
#include "filter/inspect/dkim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lists/dns_zonefile.h"
#include "rules/arena.h"
#include "rules/mail/header.h"
#include "tests/unit/inspect_zone.h"

static char *read_all(const char *path, size_t *ret_len)
{
	FILE *in = fopen(path, "r");
	char *bytes = NULL;
	size_t len = 0, room = 0;

	if (!in) {
		perror(path);
		exit(2);
	}
	do {
		room = room * 2 + 65536;
		bytes = realloc(bytes, room);
		if (!bytes)
			exit(2);
		len += fread(bytes + len, 1, room - len, in);
	} while (len == room);
	fclose(in);
	*ret_len = len;
	return bytes;
}

static const char *shown(const char *text)
{
	return text && text[0] != '\0' ? text : "-";
}

static void show(const struct signature *one)
{
	printf("%s\t%s\t%s\t%s\t%s\t%u\t%s%s%s\t",
	       signature_result_name(one->result), shown(one->domain),
	       shown(one->selector), shown(one->algorithm), shown(one->digest),
	       one->key_bits, one->whole_body ? "w" : "-",
	       one->expired ? "x" : "-", one->test_key ? "t" : "-");
	if (one->has_age)
		printf("%" PRId64, one->age);
	else
		printf("-");
	printf("\t%s\n", shown(one->why));
}

static void verify(struct signatures *signatures, const char *text, size_t len,
		   size_t piece)
{
	struct header_walk walk = { .text = text, .len = len };
	struct header_field field;

	while (header_next(&walk, &field))
		signatures_header(signatures, field.name, field.name_len,
				  field.value, field.value_len,
				  field.faults & HEADER_CUT);
	if (walk.faults & (HEADER_TOO_MANY | HEADER_TOO_LARGE))
		signatures_header(signatures, "X", 1, "", 0, true);
	signatures_eoh(signatures, NULL);
	for (size_t at = walk.pos; at < len; at += piece)
		signatures_body(signatures, text + at,
				len - at < piece ? len - at : piece);
	signatures_finish(signatures, false);
}

int main(int argc, char **argv)
{
	size_t piece = argc > 4 ? strtoul(argv[4], NULL, 10) : SIZE_MAX;
	struct signatures *signatures;
	struct inspect_zone zone;
	struct arena arena;
	char *text, *world;
	size_t len, world_len;
	int64_t now;

	if (argc < 4 || piece == 0)
		return 2;
	world = read_all(argv[1], &world_len);
	world = realloc(world, world_len + 1);
	if (!world)
		return 2;
	world[world_len] = '\0';
	now = strcmp(argv[2], "-") == 0 ? time(NULL)
					: strtoll(argv[2], NULL, 10);
	text = read_all(argv[3], &len);
	arena_init(&arena, 4 * 1024 * 1024);
	inspect_zone_open(&zone, world);
	signatures = signatures_new(&arena, &zone.dns, now);
	if (!signatures)
		return 2;
	verify(signatures, text, len, piece == SIZE_MAX ? len + 1 : piece);
	for (size_t i = 0; i < signatures_count(signatures); i++)
		show(signatures_at(signatures, i));
	printf("%u questions, %zu signatures\n", zone.questions,
	       signatures_seen(signatures));
	signatures_free(signatures);
	inspect_zone_close(&zone);
	arena_done(&arena);
	free(text);
	free(world);
	return 0;
}
