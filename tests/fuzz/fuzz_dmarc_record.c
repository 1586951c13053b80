/*
 * fuzz_dmarc_record.c - TXT records that strangers publish.
 *
 * A slow second reader, made of the RFC's ABNF, reads the same in them: what is
 * a record, what each tag says, and whether anything is wrong.  Whatever is
 * read as a record is, printed, one that says the same; printing that changes
 * nothing any more.  Faults and URIs lie in the text.
 */
#include "filter/inspect/dmarc_record.h"
#include "tests/fuzz/dmarc_reference.h"
#include "tests/fuzz/fuzz.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void check_places(const char *text, size_t len,
			 const struct dmarc_record *record,
			 const struct dmarc_faults *faults)
{
	const struct dmarc_uris *lists[] = { &record->rua, &record->ruf };
	bool wrong = false;

	CLAIM(faults->count <= DMARC_FAULTS_MAX);
	for (size_t i = 0; i < faults->count; i++) {
		const struct dmarc_fault *fault = &faults->list[i];

		CLAIM(fault->at <= len && fault->len <= len - fault->at);
		CLAIM(fault->why && fault->why[0] != '\0');
		if (!fault->remark && !wrong)
			CLAIM(fault->why == record->why &&
			      fault->at == record->why_at);
		wrong = wrong || !fault->remark;
	}
	if (faults->count < DMARC_FAULTS_MAX)
		CLAIM(wrong == (record->why != NULL));
	for (size_t i = 0; i < 2; i++) {
		struct dmarc_uri uri;
		size_t at = 0, valid = 0;

		while (dmarc_uri_next(text, lists[i], &at, &uri)) {
			CLAIM(uri.len <= uri.whole_len);
			CLAIM(uri.at <= len && uri.whole_len <= len - uri.at);
			valid += uri.valid;
		}
		CLAIM(valid == lists[i]->count);
	}
}

static void check_same(const struct dmarc_record *a,
		       const struct dmarc_record *b)
{
	CLAIM(a->p == b->p && a->sp == b->sp && a->np == b->np);
	CLAIM(a->psd == b->psd && a->testing == b->testing);
	CLAIM(a->strict_dkim == b->strict_dkim);
	CLAIM(a->strict_spf == b->strict_spf);
	CLAIM(a->pct == b->pct && a->fo == b->fo);
	CLAIM(a->rua.count == b->rua.count && a->ruf.count == b->ruf.count);
	CLAIM(dmarc_record_usable(a) == dmarc_record_usable(b));
	for (enum dmarc_whose whose = DMARC_ITS_OWN;
	     whose <= DMARC_OF_NO_DOMAIN; whose++) {
		enum dmarc_request request = dmarc_record_request(a, whose);

		CLAIM(request >= DMARC_NONE && request <= DMARC_REJECT);
		CLAIM(request == dmarc_record_request(b, whose));
	}
}

static void check_reference(const char *text, size_t len, bool is_record,
			    const struct dmarc_record *record)
{
	struct dmarc_reference slow;
	enum dmarc_request own;

	switch (dmarc_reference_read(text, len, &slow)) {
	case DMARC_READ_TOO_LONG: return;
	case DMARC_READ_FOREIGN: CLAIM(!is_record); return;
	case DMARC_READ_RECORD: CLAIM(is_record); break;
	}
	CLAIM(record->p == slow.p);
	CLAIM(record->sp == slow.sp);
	CLAIM(record->np == slow.np);
	CLAIM(record->psd == slow.psd);
	CLAIM(record->strict_dkim == slow.strict_dkim);
	CLAIM(record->strict_spf == slow.strict_spf);
	CLAIM(record->testing == slow.testing);
	CLAIM(record->pct == slow.pct);
	CLAIM(record->fo == slow.fo);
	CLAIM(record->rua.count == slow.rua);
	CLAIM(record->ruf.count == slow.ruf);
	CLAIM((record->why != NULL) == slow.wrong);
	own = dmarc_reference_request(&slow, DMARC_ITS_OWN);
	CLAIM(dmarc_record_usable(record) == (own != DMARC_UNSAID));
	for (enum dmarc_whose whose = DMARC_ITS_OWN;
	     whose <= DMARC_OF_NO_DOMAIN && own != DMARC_UNSAID; whose++)
		CLAIM(dmarc_record_request(record, whose) ==
		      dmarc_reference_request(&slow, whose));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dmarc_record record, again, other;
	struct dmarc_faults faults;
	struct dmarc_text text = { .len = size };
	size_t len;
	bool is_record;
	char *bytes = malloc(size + 1); /* not terminated, on purpose */
	char *printed, *twice;

	if (!bytes)
		return 0;
	if (size > 0)
		memcpy(bytes, data, size);
	text.text = bytes;
	is_record = dmarc_record_parse(bytes, size, &record, &faults);
	check_reference(bytes, size, is_record, &record);
	if (!is_record) {
		CLAIM(faults.count == 1 && record.why);
		CLAIM(dmarc_record_choose(&text, 1, &other, NULL) ==
		      DMARC_CHOICE_NOTHING);
		free(bytes);
		return 0;
	}
	check_places(bytes, size, &record, &faults);
	CLAIM(dmarc_record_choose(&text, 1, &other, NULL) == DMARC_CHOICE_ONE);
	check_same(&record, &other);

	len = dmarc_record_print(&record, bytes, NULL, 0);
	printed = malloc(len + 1);
	twice = malloc(len + 1);
	if (printed && twice) {
		CLAIM(dmarc_record_print(&record, bytes, printed, len + 1) ==
		      len);
		CLAIM(strlen(printed) == len);
		CLAIM(dmarc_record_parse(printed, len, &again, NULL));
		check_same(&record, &again);
		CLAIM(dmarc_record_print(&again, printed, twice, len + 1) ==
		      len);
		CLAIM(strcmp(printed, twice) == 0);
	}
	free(printed);
	free(twice);
	free(bytes);
	return 0;
}
