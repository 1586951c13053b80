/*
 * fuzz_greylist_record.c - what a greylist's store may hold.
 *
 * A line that is read is written again as the same bytes.  Whatever is read,
 * the judgement takes it, at any time, and what it leaves can be written and
 * read; a triplet that waits is told how long, which is never longer than what
 * a stranger has to.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lists/greylist_record.h"
#include "lists/triplet.h"
#include "tests/fuzz/fuzz.h"

static const struct greylist_terms terms = {
	.wait = 300,
	.window = 172800,
	.keep = 3110400,
	.known_gap = 86400,
	.known_after = 5,
	.outbound = 2592000,
};

static const struct greylist_time times[] = {
	{ 0, 0, 0 },
	{ 1732300000, 3600, 0x9f86d081884c7d65 },
	{ 1732300400, 4000, 0x9f86d081884c7d65 },
	{ 1732386400, 90000, 0x1f86d081884c7d65 },
	{ INT64_MAX, INT64_MAX, UINT64_MAX },
	{ INT64_MIN, INT64_MIN, 1 },
};

static void check_written(const struct greylist_records *records)
{
	char line[GREYLIST_RECORD_SIZE];
	struct greylist_triplet triplet;
	struct greylist_identity identity;
	size_t len = greylist_write_triplet(&records->triplet, line);

	if (len > 0)
		CLAIM(greylist_read_triplet(line, len, &triplet) ==
		      GREYLIST_READ);
	len = greylist_write_identity(&records->identity, line);
	if (len > 0)
		CLAIM(greylist_read_identity(line, len, &identity) ==
		      GREYLIST_READ);
}

static void check_visits(const struct greylist_records *found)
{
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct greylist_records records = *found;
		struct greylist_result result;

		greylist_visit(&terms, &times[i], &records, &result);
		CLAIM(result.answer != GREYLIST_UNKNOWN);
		if (result.answer == GREYLIST_WAIT)
			CLAIM(result.left > 0 && result.left <= terms.wait);
		CLAIM(result.left >= 0 && result.waited >= 0);
		CLAIM(result.triplet_left >= 0 && result.identity_left >= 0);
		check_written(&records);
		greylist_convict(&records.identity, &times[i], 86400);
		check_written(&records);
	}
}

static void check_same(const char *text, size_t len, const char *line,
		       size_t line_len)
{
	CLAIM(line_len == len && memcmp(text, line, len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char line[GREYLIST_RECORD_SIZE], *text = malloc(size + 1);
	struct greylist_records found;
	struct triplet_parts parts;

	if (!text)
		return 0;
	if (size > 0)
		memcpy(text, data, size);
	if (greylist_read_triplet(text, size, &found.triplet) == GREYLIST_READ)
		check_same(text, size, line,
			   greylist_write_triplet(&found.triplet, line));
	if (greylist_read_identity(text, size, &found.identity) ==
	    GREYLIST_READ)
		check_same(text, size, line,
			   greylist_write_identity(&found.identity, line));
	if (greylist_read_outbound(text, size, &found.outbound) ==
	    GREYLIST_READ)
		check_same(text, size, line,
			   greylist_write_outbound(&found.outbound, line));
	check_visits(&found);
	if (triplet_parse(text, size, &parts)) {
		CLAIM(parts.identity == text);
		CLAIM(parts.sender == text + parts.identity_len + 1);
		CLAIM(parts.recipient == parts.sender + parts.sender_len + 1);
		CLAIM(parts.recipient + parts.recipient_len == text + size);
	}
	free(text);
	return 0;
}
