/* charset.c - see charset.h. */
#include "rules/mail/charset.h"

#include <errno.h>
#include <iconv.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "rules/mail/ascii.h"
#include "rules/mail/unicode.h"

#define NAMES 6 /* spellings of one charset, at most */

enum own {
	OWN_UTF8,
	OWN_WINDOWS_1252,
	OWN_LATIN9,
};

static const struct {
	const char *names[NAMES];
	enum own which;
} own_sets[] = {
	{ { "utf-8", "utf8", "unicode-1-1-utf-8" }, OWN_UTF8 },
	{ { "us-ascii", "ascii", "ansi_x3.4-1968", "iso646-us" }, OWN_UTF8 },
	{ { "iso-8859-1", "iso8859-1", "iso_8859-1", "latin1", "l1" },
	  OWN_WINDOWS_1252 },
	{ { "windows-1252", "cp1252", "x-cp1252" }, OWN_WINDOWS_1252 },
	{ { "iso-8859-15", "iso8859-15", "iso_8859-15", "latin9", "latin-9" },
	  OWN_LATIN9 },
};

static const struct {
	const char *names[NAMES];
	const char *iconv[2]; /* the one we like best, the next best */
} iconv_sets[] = {
	{ { "windows-1250", "cp1250" }, { "CP1250" } },
	{ { "windows-1251", "cp1251" }, { "CP1251" } },
	{ { "windows-1253", "cp1253" }, { "CP1253" } },
	{ { "windows-1254", "cp1254" }, { "CP1254" } },
	{ { "windows-1255", "cp1255" }, { "CP1255" } },
	{ { "windows-1256", "cp1256" }, { "CP1256" } },
	{ { "windows-1257", "cp1257" }, { "CP1257" } },
	{ { "koi8-r", "koi8r" }, { "KOI8-R" } },
	{ { "koi8-u", "koi8u" }, { "KOI8-U" } },
	{ { "iso-8859-2", "iso8859-2", "latin2", "l2" }, { "ISO-8859-2" } },
	{ { "iso-8859-5", "iso8859-5", "cyrillic" }, { "ISO-8859-5" } },
	{ { "iso-8859-7", "iso8859-7", "greek" }, { "ISO-8859-7" } },
	{ { "iso-8859-9", "iso8859-9", "latin5", "l5" }, { "ISO-8859-9" } },
	{ { "gb2312", "gbk", "gb18030", "cp936", "gb_2312-80", "euc-cn" },
	  { "GB18030", "GBK" } },
	{ { "big5", "big-5", "cp950", "csbig5" }, { "BIG5" } },
	{ { "shift_jis", "shift-jis", "sjis", "x-sjis", "windows-31j",
	    "cp932" },
	  { "CP932", "SHIFT_JIS" } },
	{ { "iso-2022-jp", "csiso2022jp" }, { "ISO-2022-JP" } },
	{ { "euc-jp", "eucjp", "x-euc-jp" }, { "EUC-JP" } },
	{ { "euc-kr", "euckr", "ks_c_5601-1987", "ksc5601", "cp949",
	    "windows-949" },
	  { "CP949", "EUC-KR" } },
	{ { "iso-2022-kr" }, { "ISO-2022-KR" } },
	{ { "tis-620", "windows-874", "iso-8859-11" }, { "TIS-620" } },
};

#define ICONV_SETS (sizeof(iconv_sets) / sizeof(iconv_sets[0]))

struct charset {
	pthread_mutex_t lock;
	iconv_t cd; /* (iconv_t)-1: the system has none */
};

struct charsets {
	struct charset sets[ICONV_SETS];
};

/* 0x80 to 0x9f; the five without a character are C1 controls, as elsewhere. */
static const uint16_t windows_1252[32] = {
	0x20ac, 0x0081, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
	0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0x008d, 0x017d, 0x008f,
	0x0090, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
	0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x009d, 0x017e, 0x0178,
};

/* Where ISO-8859-15 is not Latin-1. */
static const struct {
	unsigned char byte;
	uint16_t code;
} latin9[] = {
	{ 0xa4, 0x20ac }, { 0xa6, 0x0160 }, { 0xa8, 0x0161 }, { 0xb4, 0x017d },
	{ 0xb8, 0x017e }, { 0xbc, 0x0152 }, { 0xbd, 0x0153 }, { 0xbe, 0x0178 },
};

static uint32_t own_code(enum own which, unsigned char byte)
{
	if (which == OWN_WINDOWS_1252 && byte >= 0x80 && byte < 0xa0)
		return windows_1252[byte - 0x80];
	if (which == OWN_LATIN9)
		for (size_t i = 0; i < sizeof(latin9) / sizeof(latin9[0]); i++)
			if (latin9[i].byte == byte)
				return latin9[i].code;
	return byte;
}

static bool is_named(const char *const names[NAMES], const char *name,
		     size_t len)
{
	for (size_t i = 0; i < NAMES && names[i]; i++)
		if (ascii_equal(names[i], strlen(names[i]), name, len))
			return true;
	return false;
}

struct charsets *charset_open(void)
{
	struct charsets *sets = calloc(1, sizeof(*sets));

	if (!sets)
		return NULL;
	for (size_t i = 0; i < ICONV_SETS; i++) {
		struct charset *set = &sets->sets[i];

		pthread_mutex_init(&set->lock, NULL);
		set->cd = (iconv_t)-1;
		for (size_t k = 0; k < 2 && iconv_sets[i].iconv[k]; k++) {
			set->cd = iconv_open("UTF-8", iconv_sets[i].iconv[k]);
			if (set->cd != (iconv_t)-1)
				break;
		}
	}
	return sets;
}

void charset_close(struct charsets *sets)
{
	if (!sets)
		return;
	for (size_t i = 0; i < ICONV_SETS; i++) {
		if (sets->sets[i].cd != (iconv_t)-1)
			iconv_close(sets->sets[i].cd);
		pthread_mutex_destroy(&sets->sets[i].lock);
	}
	free(sets);
}

size_t charset_count(const struct charsets *sets, size_t *ret_of)
{
	size_t n = 0;

	for (size_t i = 0; i < ICONV_SETS; i++)
		if (sets->sets[i].cd != (iconv_t)-1)
			n++;
	*ret_of = ICONV_SETS;
	return n;
}

static enum charset_answer convert_own(enum own which, const char *text,
				       size_t len, char *out, size_t *ret_len)
{
	size_t used = 0;
	bool mended = false;

	if (which == OWN_UTF8) {
		used = unicode_mend(out, text, len, &mended);
	} else {
		for (size_t i = 0; i < len; i++)
			used += unicode_put(out + used,
					    own_code(which,
						     (unsigned char)text[i]));
	}
	*ret_len = used;
	return mended ? CHARSET_MENDED : CHARSET_FINE;
}

/*
 * Every error costs one byte of input at least, so this ends whatever iconv
 * does.  No charset of the table makes more than three bytes of one; should a
 * library differ, the text ends where the room does.
 */
static enum charset_answer convert_iconv(iconv_t cd, const char *text,
					 size_t len, char *out, size_t *ret_len)
{
	enum charset_answer answer = CHARSET_FINE;
	char *in = (char *)(uintptr_t)text; /* iconv(3) does not write to it */
	char *to = out;
	size_t room = CHARSET_ROOM(len);

	iconv(cd, NULL, NULL, NULL, NULL);
	while (len > 0) {
		if (iconv(cd, &in, &len, &to, &room) != (size_t)-1)
			break;
		answer = CHARSET_MENDED;
		if (errno == E2BIG || room < UNICODE_MAX || len == 0)
			break;
		room -= unicode_put(to, 0xfffd);
		to += 3;
		in++;
		len--;
	}
	/* Some decoders hold a character back until they see the next. */
	if (room > 0 && iconv(cd, NULL, NULL, &to, &room) == (size_t)-1)
		answer = CHARSET_MENDED;
	*ret_len = (size_t)(to - out);
	return answer;
}

/* The row of own_sets, or -1. */
static int find_own(const char *name, size_t len)
{
	int n = (int)(sizeof(own_sets) / sizeof(own_sets[0]));

	for (int i = 0; i < n; i++)
		if (is_named(own_sets[i].names, name, len))
			return i;
	return -1;
}

/* The row of iconv_sets, if the system has it, or -1. */
static int find_iconv(const struct charsets *sets, const char *name, size_t len)
{
	for (int i = 0; sets && i < (int)ICONV_SETS; i++)
		if (is_named(iconv_sets[i].names, name, len))
			return sets->sets[i].cd != (iconv_t)-1 ? i : -1;
	return -1;
}

bool charset_known(const struct charsets *sets, const char *name,
		   size_t name_len)
{
	return find_own(name, name_len) >= 0 ||
	       find_iconv(sets, name, name_len) >= 0;
}

enum charset_answer charset_to_utf8(struct charsets *sets, const char *name,
				    size_t name_len, const char *text,
				    size_t len, char *out, size_t *ret_len)
{
	enum charset_answer answer;
	int row = find_own(name, name_len);

	if (row >= 0)
		return convert_own(own_sets[row].which, text, len, out,
				   ret_len);
	row = find_iconv(sets, name, name_len);
	if (row < 0)
		return CHARSET_UNKNOWN;
	pthread_mutex_lock(&sets->sets[row].lock);
	answer = convert_iconv(sets->sets[row].cd, text, len, out, ret_len);
	pthread_mutex_unlock(&sets->sets[row].lock);
	return answer;
}
