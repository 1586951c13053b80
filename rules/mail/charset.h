/*
 * charset.h - from the charsets of mail to UTF-8.
 *
 * UTF-8, US-ASCII, ISO-8859-1 and -15 and windows-1252 are our own tables. Some
 * twenty more come from iconv(3), whose modules are files: they are all opened
 * by charset_open(), before a jail closes around the process, and never later.
 * A charset that is not in the table, or that the system lacks, is unknown.
 *
 * What the label says is read as mail clients read it: ISO-8859-1 as
 * windows-1252, GB2312 as GB18030, Shift_JIS and EUC-KR as Microsoft's
 * supersets, for that is what senders mean by them.
 *
 * Conversions may run in any thread; each descriptor has a lock of its own.
 */
#ifndef STEELYARD_RULES_MAIL_CHARSET_H
#define STEELYARD_RULES_MAIL_CHARSET_H

#include <stdbool.h>
#include <stddef.h>

struct charsets;

/* Opens what the system has.  NULL when memory runs out. */
struct charsets *charset_open(void);
void charset_close(struct charsets *sets); /* NULL is fine */

enum charset_answer {
	CHARSET_FINE,
	CHARSET_MENDED, /* U+FFFD stands where bytes had no meaning */
	CHARSET_UNKNOWN, /* nothing written */
};

/* The most bytes that `len` bytes of any charset here become. */
#define CHARSET_ROOM(len) (3 * (len) + 4)

/*
 * Writes to `out`, which holds CHARSET_ROOM(len) bytes.  `name` as a message
 * gives it, case aside.  `sets` may be NULL: then only our own tables are
 * known. Control characters, NUL too, come through.
 */
enum charset_answer charset_to_utf8(struct charsets *sets, const char *name,
				    size_t name_len, const char *text,
				    size_t len, char *out, size_t *ret_len);

/* Would charset_to_utf8() know it? */
bool charset_known(const struct charsets *sets, const char *name,
		   size_t name_len);

/* How many of the iconv charsets did the system have, of how many? */
size_t charset_count(const struct charsets *sets, size_t *ret_of);

#endif
