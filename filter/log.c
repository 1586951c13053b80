/*
 * log.c - one event, one line, to stderr or syslogd, never waiting for either.
 *
 * A line that the reader does not take at once goes into a ring; it is tried
 * again before the next line and by log_flush().  When the ring is full, lines
 * are counted instead of kept, and the count is the first thing said after the
 * ring has emptied.
 *
 * stderr is shared with other processes, so its O_NONBLOCK is not ours to set:
 * pipes and terminals are opened a second time, sockets are told at each send,
 * and files never wait.
 */
#include "filter/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "rules/arena.h"

enum {
	RING_LINES = 1000,
	LINE_SIZE = 4096, /* PIPE_BUF: a pipe takes it whole or not at all */
	NAME_SIZE = 32,
	TAIL = 8, /* room for an escape, or the dots and the end */
	RECONNECT_SECONDS = 1,
};

enum writer { WRITER_NONE, WRITER_FILE, WRITER_POLLED, WRITER_SOCKET };

static struct {
	pthread_mutex_t lock;
	enum log_target target;
	enum writer writer;
	char name[NAME_SIZE];
	const char *socket_path;
	int fd; /* -1: none; STDERR_FILENO is never closed */
	int level;
	int facility;
	int64_t connected; /* when it was last tried, monotonic seconds */
	char *ring[RING_LINES]; /* lines as they go out; malloc'ed */
	size_t first, count;
	uint64_t dropped;
} out = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.target = LOG_TO_STDERR,
	.writer = WRITER_POLLED,
	.name = "steelyard",
	.socket_path = "/dev/log",
	.fd = STDERR_FILENO,
	.level = LOG_INFO,
	.facility = LOG_MAIL,
};

/* --- words -------------------------------------------------------------- */

static const char *const level_names[] = {
	"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug",
};

static const struct {
	const char *name;
	int facility;
} facilities[] = {
	{ "mail", LOG_MAIL },	  { "daemon", LOG_DAEMON },
	{ "user", LOG_USER },	  { "local0", LOG_LOCAL0 },
	{ "local1", LOG_LOCAL1 }, { "local2", LOG_LOCAL2 },
	{ "local3", LOG_LOCAL3 }, { "local4", LOG_LOCAL4 },
	{ "local5", LOG_LOCAL5 }, { "local6", LOG_LOCAL6 },
	{ "local7", LOG_LOCAL7 },
};

static bool plain(unsigned char c)
{
	return c > ' ' && c < 0x7f && c != '"' && c != '\\' && c != '=';
}

static char *put_hex(char *to, unsigned char c)
{
	static const char digits[] = "0123456789abcdef";

	*to++ = '\\';
	*to++ = 'x';
	*to++ = digits[c >> 4];
	*to++ = digits[c & 15];
	return to;
}

char *log_escape(const char *value, size_t len, size_t max, char *buffer)
{
	char *to = buffer;
	size_t i;

	if (len == 0)
		*to++ = '-';
	for (i = 0; i < len && i < max; i++) {
		unsigned char c = (unsigned char)value[i];

		if (plain(c))
			*to++ = (char)c;
		else
			to = put_hex(to, c);
	}
	if (len > max)
		to = stpcpy(to, "...");
	*to = '\0';
	return buffer;
}

const char *log_value(struct arena *arena, const char *value, size_t len)
{
	char *buffer;
	size_t shown = len < LOG_VALUE_MAX ? len : LOG_VALUE_MAX;

	buffer = arena_alloc(arena, 4 * shown + 4);
	if (!buffer)
		return "-";
	return log_escape(value, len, LOG_VALUE_MAX, buffer);
}

/* --- ways out ----------------------------------------------------------- */

static int64_t monotonic_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

static void open_stderr(void)
{
	struct stat st;

	out.fd = STDERR_FILENO;
	out.writer = WRITER_POLLED;
	if (fstat(STDERR_FILENO, &st) < 0) {
		out.writer = WRITER_NONE;
	} else if (S_ISREG(st.st_mode)) {
		out.writer = WRITER_FILE;
	} else if (S_ISSOCK(st.st_mode)) {
		out.writer = WRITER_SOCKET;
	} else {
		int own = open("/proc/self/fd/2",
			       O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

		if (own >= 0) {
			out.fd = own;
			out.writer = WRITER_FILE;
		}
	}
}

static void close_out(void)
{
	if (out.fd > STDERR_FILENO)
		close(out.fd);
	out.fd = -1;
}

static void connect_syslog(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	out.connected = monotonic_seconds();
	out.writer = WRITER_SOCKET;
	if (strlen(out.socket_path) >= sizeof(address.sun_path))
		return;
	memcpy(address.sun_path, out.socket_path, strlen(out.socket_path));
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		close(fd);
		return;
	}
	out.fd = fd;
}

/* How many bytes went out; -1 if none can now, with errno EAGAIN; 0 never. */
static ssize_t put(const char *line, size_t len)
{
	struct pollfd ready = { .fd = out.fd, .events = POLLOUT };

	if (out.writer == WRITER_SOCKET)
		return send(out.fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (out.writer == WRITER_POLLED && poll(&ready, 1, 0) == 0) {
		errno = EAGAIN;
		return -1;
	}
	return write(out.fd, line, len);
}

static bool comes_back(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == EINTR ||
	       error == ENOBUFS || error == ENOMEM;
}

/*
 * Writes what can be written of `line` and returns how much is left.  A line
 * that can never be written counts as written: there is nobody to tell.
 */
static size_t write_line(const char *line, size_t len)
{
	ssize_t done;
	bool again = false;

retry:
	if (out.target == LOG_TO_SYSLOG && out.fd < 0) {
		if (!again &&
		    out.connected + RECONNECT_SECONDS > monotonic_seconds())
			return len;
		connect_syslog();
		if (out.fd < 0)
			return len;
	}
	if (out.fd < 0 || out.writer == WRITER_NONE)
		return 0;
	done = put(line, len);
	if (done >= 0)
		return len - (size_t)done;
	if (comes_back(errno))
		return len;
	if (out.target == LOG_TO_SYSLOG && errno != EMSGSIZE) {
		close_out(); /* syslogd has been restarted */
		if (!again) {
			again = true;
			goto retry;
		}
		return len;
	}
	return 0;
}

/* --- the ring ----------------------------------------------------------- */

static void keep_line(const char *line, size_t len)
{
	char *copy = NULL;

	if (out.count < RING_LINES)
		copy = strndup(line, len);
	if (!copy) {
		out.dropped++;
		return;
	}
	out.ring[(out.first + out.count++) % RING_LINES] = copy;
}

/* True when no line waits any more. */
static bool empty_ring(void)
{
	while (out.count > 0) {
		char *head = out.ring[out.first];
		size_t len = strlen(head), left = write_line(head, len);

		if (left > 0) {
			memmove(head, head + (len - left), left + 1);
			return false;
		}
		free(head);
		out.ring[out.first] = NULL;
		out.first = (out.first + 1) % RING_LINES;
		out.count--;
	}
	return true;
}

/* --- lines -------------------------------------------------------------- */

static size_t put_front(char line[LINE_SIZE], int level, const char *event)
{
	struct tm tm = { 0 };
	char stamp[32] = "";
	time_t now;
	int len;

	if (out.target == LOG_TO_STDERR) {
		len = snprintf(line, LINE_SIZE, "%s: ", out.name);
	} else {
		/* RFC 3164, section 4.1, as every syslogd on a Unix socket
		 * reads it */
		now = time(NULL);
		localtime_r(&now, &tm);
		strftime(stamp, sizeof(stamp), "%b %e %H:%M:%S", &tm);
		len = snprintf(line, LINE_SIZE,
			       "<%d>%s %s[%d]: ", out.facility | level, stamp,
			       out.name, (int)getpid());
	}
	len += snprintf(line + len, LINE_SIZE - (size_t)len,
			"event=%.32s level=%s ", event,
			level_names[level & LOG_PRIMASK]);
	return (size_t)len;
}

static bool is_clean(const char *text, size_t len)
{
	bool clean = true;

	for (size_t i = 0; i < len; i++) /* to the end: without a branch */
		clean &= text[i] >= ' ' && text[i] < 0x7f;
	return clean;
}

/*
 * Apart, as a call clears its buffer (-ftrivial-auto-var-init), and mostly none
 * is needed.
 */
__attribute__((noinline)) static size_t rewrite(char *text, size_t len,
						size_t room)
{
	char copy[LINE_SIZE], *to = text;
	size_t i;

	memcpy(copy, text, len);
	for (i = 0; i < len && (size_t)(to - text) + TAIL < room; i++) {
		if (is_clean(&copy[i], 1))
			*to++ = copy[i];
		else
			to = put_hex(to, (unsigned char)copy[i]);
	}
	if (i < len)
		to = stpcpy(to, "...");
	return (size_t)(to - text);
}

/*
 * Ends a line whose text begins at `front`, and returns its length.  This is
 * the net below log_escape(): whatever a caller forgot, no control character
 * and no byte of another encoding reaches a terminal, and no line is two.
 */
static size_t put_end(char line[LINE_SIZE], size_t front)
{
	size_t room = LINE_SIZE - 1 - front;
	size_t len = strlen(line + front);

	if (len + TAIL >= room || !is_clean(line + front, len))
		len = rewrite(line + front, len, room);
	len += front;
	while (len > 0 && line[len - 1] == ' ')
		len--;
	if (out.target == LOG_TO_STDERR)
		line[len++] = '\n';
	line[len] = '\0';
	return len;
}

/* --- events ------------------------------------------------------------- */

/* Apart for the same reason.  False: there is no way out for this either. */
__attribute__((noinline)) static bool tell_dropped(void)
{
	char line[LINE_SIZE];
	size_t front = put_front(line, LOG_WARNING, "C4"), len, left;

	snprintf(line + front, LINE_SIZE - front, "dropped=%llu",
		 (unsigned long long)out.dropped);
	len = put_end(line, front);
	left = write_line(line, len);
	if (left < len)
		out.dropped = 0;
	if (left > 0 && left < len)
		keep_line(line + (len - left), left);
	return left == 0;
}

/* Whatever came before; the lock is held. */
static bool catch_up(void)
{
	return empty_ring() && (out.dropped == 0 || tell_dropped());
}

void log_event(int level, const char *event, const char *format, ...)
{
	char line[LINE_SIZE];
	size_t front, len, left;
	va_list args;

	if (level > __atomic_load_n(&out.level, __ATOMIC_RELAXED))
		return;
	pthread_mutex_lock(&out.lock);
	front = put_front(line, level, event);
	va_start(args, format);
	vsnprintf(line + front, LINE_SIZE - front, format, args);
	va_end(args);
	len = put_end(line, front);
	left = catch_up() ? write_line(line, len) : len;
	if (left > 0)
		keep_line(line + (len - left), left);
	pthread_mutex_unlock(&out.lock);
}

bool log_flush(void)
{
	bool done;

	pthread_mutex_lock(&out.lock);
	done = catch_up();
	pthread_mutex_unlock(&out.lock);
	return done;
}

/* --- set-up ------------------------------------------------------------- */

void log_open(enum log_target target, const char *name)
{
	pthread_mutex_lock(&out.lock);
	close_out();
	out.target = target;
	snprintf(out.name, sizeof(out.name), "%s", name);
	if (target == LOG_TO_STDERR)
		open_stderr();
	else
		connect_syslog();
	pthread_mutex_unlock(&out.lock);
}

void log_close(void)
{
	pthread_mutex_lock(&out.lock);
	catch_up();
	for (; out.count > 0; out.count--) {
		free(out.ring[out.first]);
		out.ring[out.first] = NULL;
		out.first = (out.first + 1) % RING_LINES;
	}
	out.dropped = 0;
	close_out();
	pthread_mutex_unlock(&out.lock);
}

void log_level(int level)
{
	__atomic_store_n(&out.level, level, __ATOMIC_RELAXED);
}

bool log_facility(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(facilities) / sizeof(facilities[0]); i++) {
		if (strcasecmp(name, facilities[i].name) == 0) {
			pthread_mutex_lock(&out.lock);
			out.facility = facilities[i].facility;
			pthread_mutex_unlock(&out.lock);
			return true;
		}
	}
	return false;
}

void log_socket(const char *path)
{
	out.socket_path = path;
}
