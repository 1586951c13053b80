/*
 * dmarc_print.c - a DMARC Policy Record, written.
 */
#include "filter/inspect/dmarc_record.h"

#include <stdio.h>
#include <string.h>

struct sheet {
	char *buf;
	size_t size, used; /* `used` may go past `size` */
};

static void put(struct sheet *sheet, const char *text, size_t len)
{
	size_t room = sheet->used < sheet->size ? sheet->size - sheet->used : 0;

	if (room > 0) {
		size_t part = len < room - 1 ? len : room - 1;

		memcpy(sheet->buf + sheet->used, text, part);
		sheet->buf[sheet->used + part] = '\0';
	}
	sheet->used += len;
}

static void put_tag(struct sheet *sheet, const char *tag, const char *value)
{
	put(sheet, "; ", 2);
	put(sheet, tag, strlen(tag));
	put(sheet, "=", 1);
	put(sheet, value, strlen(value));
}

static void put_request(struct sheet *sheet, const char *tag,
			enum dmarc_request request)
{
	static const char *const words[] = {
		[DMARC_INVALID] = "invalid",
		[DMARC_NONE] = "none",
		[DMARC_QUARANTINE] = "quarantine",
		[DMARC_REJECT] = "reject",
	};

	if (request != DMARC_UNSAID)
		put_tag(sheet, tag, words[request]);
}

static void put_uris(struct sheet *sheet, const char *tag, const char *text,
		     const struct dmarc_uris *uris)
{
	struct dmarc_uri uri;
	size_t at = 0, count = 0;

	while (dmarc_uri_next(text, uris, &at, &uri)) {
		if (!uri.valid)
			continue;
		if (count++ == 0)
			put_tag(sheet, tag, "");
		else
			put(sheet, ",", 1);
		put(sheet, text + uri.at, uri.len);
	}
}

size_t dmarc_record_print(const struct dmarc_record *record, const char *text,
			  char *buf, size_t size)
{
	static const char *const fo[] = { "", ":d", ":s", ":d:s" };
	struct sheet sheet = { .buf = buf, .size = size };
	unsigned extra = record->fo / DMARC_FO_DKIM;
	char number[16];

	if (size > 0)
		buf[0] = '\0';
	put(&sheet, "v=DMARC1", 8);
	put_request(&sheet, "p", record->p);
	put_request(&sheet, "sp", record->sp);
	put_request(&sheet, "np", record->np);
	if (record->strict_dkim)
		put_tag(&sheet, "adkim", "s");
	if (record->strict_spf)
		put_tag(&sheet, "aspf", "s");
	if (record->psd != DMARC_PSD_UNSAID)
		put_tag(&sheet, "psd",
			record->psd == DMARC_PSD_YES ? "y" : "n");
	if (record->testing)
		put_tag(&sheet, "t", "y");
	if (record->pct != 100) {
		snprintf(number, sizeof(number), "%u", record->pct);
		put_tag(&sheet, "pct", number);
	}
	put_uris(&sheet, "rua", text, &record->rua);
	put_uris(&sheet, "ruf", text, &record->ruf);
	if (record->fo != DMARC_FO_ALL) {
		if (record->fo & (DMARC_FO_ALL | DMARC_FO_ANY)) {
			put_tag(&sheet, "fo",
				record->fo & DMARC_FO_ANY ? "1" : "0");
			put(&sheet, fo[extra], strlen(fo[extra]));
		} else {
			put_tag(&sheet, "fo", fo[extra] + 1);
		}
	}
	return sheet.used;
}
