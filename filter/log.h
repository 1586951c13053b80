/*
 * log.h - one event, one line: key=value, every outside byte escaped.
 *
 *	log_event(LOG_WARNING, "P2", "inspector=%u signal=%d", n, sig);
 *
 * writes `event=P2 level=warning inspector=2 signal=11`.  Ids are those of the
 * event list in steelyard(8).  Anything that came from outside goes through
 * log_escape() first, so that one event can never look like two.
 *
 * Any thread may call.  Writing never blocks mail: where the reader of the log
 * does not keep up, lines are dropped and counted, and the count is logged when
 * it reads again.
 */
#ifndef STEELYARD_FILTER_LOG_H
#define STEELYARD_FILTER_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <syslog.h>

struct arena;

enum log_target { LOG_TO_STDERR, LOG_TO_SYSLOG };

/* Once, before threads; `name` ("steelyard") goes in front of stderr lines. */
void log_open(enum log_target target, const char *name);

/*
 * Tries once more what could not be written, and closes; for tests and exits.
 */
void log_close(void);

/* The name of a syslog facility, such as "mail"; false: unknown, unchanged. */
bool log_facility(const char *name);

/* Where syslogd listens instead of /dev/log; borrowed; before log_open(). */
void log_socket(const char *path);

/* Lines below this level (a LOG_* of syslog.h) are left out. */
void log_level(int level);

void log_event(int level, const char *event, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Tries again to write lines that wait; true if none are left.  Called now and
 * then, so that the last line before a silence is not kept for ever.
 */
bool log_flush(void);

/*
 * Printable ASCII without space, quote, backslash and '=' as it is, every other
 * byte as \xNN; at most `max` bytes of the value, then "...".  An empty value
 * becomes "-".  Returns `buffer`; needs 4 * max + 4 bytes.
 */
enum { LOG_VALUE_MAX = 256, LOG_VALUE_SIZE = 4 * LOG_VALUE_MAX + 4 };
char *log_escape(const char *value, size_t len, size_t max, char *buffer);

/* The same, in an arena; "-" without memory. */
const char *log_value(struct arena *arena, const char *value, size_t len);

#endif
