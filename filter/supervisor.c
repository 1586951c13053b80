/*
 * supervisor.c - holds the sockets, starts the others, passes signals on.
 *
 * Everything that shall happen later is a time in a struct: when a child is due
 * to be started, until when the filter may be silent, when patience with a
 * drain ends.  The loop sleeps until the nearest of them.
 */
#include "config.h"

#include "filter/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "filter/child.h"
#include "filter/clock.h"
#include "filter/family.h"
#include "filter/holdings.h"
#include "filter/log.h"
#include "filter/notify.h"

enum {
	DRAIN_MS = 30000, /* the filter itself takes at most 25 s */
	ASIDE_MS = 2000, /* longer asleep than meant: we were stopped */
	LOG_RETRY_MS = 1000,
};

struct supervisor {
	struct holdings holdings;
	struct family family;
	int signal_fd;
	int parent; /* a pipe to whom we were started by, or -1 */
	int64_t watchdog_due; /* 0: nobody asks */
	int64_t drain_end; /* 0: not stopping */
	bool interrupted; /* by a SIGINT; a second one kills */
};

/* --- what signals mean -------------------------------------------------- */

static void stop(struct supervisor *s, int signal_number, int64_t now)
{
	if (s->drain_end != 0) {
		if (signal_number == SIGINT && s->interrupted)
			s->drain_end = now;
		s->interrupted |= signal_number == SIGINT;
		return;
	}
	log_event(LOG_NOTICE, "P9", "state=drain signal=%d", signal_number);
	notify_say("STOPPING=1");
	s->drain_end = now + DRAIN_MS;
	s->interrupted = signal_number == SIGINT;
	/* whoever comes now is refused at once, and not left waiting */
	holdings_deafen(&s->holdings);
	family_drain(&s->family);
}

static void reload(struct supervisor *s)
{
	if (s->drain_end != 0)
		return;
	notify_reloading();
	if (!family_reload(&s->family))
		notify_say("READY=1");
}

static void take_signals(struct supervisor *s, int64_t now)
{
	struct signalfd_siginfo info;

	while (read(s->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGHUP: reload(s); break;
		case SIGINT:
		case SIGTERM: stop(s, (int)info.ssi_signo, now); break;
		default: break; /* SIGCHLD: the loop looks after each wait */
		}
	}
}

/* SIGHUP must not kill us before we can handle it, so this comes early. */
static int open_signals(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* --- the loop ----------------------------------------------------------- */

/* Somebody may wait to hear that we serve: a parent, a service manager. */
static void say_ready(struct supervisor *s)
{
	int null;

	notify_say("READY=1");
	if (s->parent < 0)
		return;
	/* from here on nobody reads what we have to say but syslogd */
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		close(null);
	}
	if (write(s->parent, "r", 1) < 0)
		log_event(LOG_INFO, "start", "nobody waits for us");
	close(s->parent);
	s->parent = -1;
}

static void hear_family(struct supervisor *s, int64_t now)
{
	switch (family_hear(&s->family, now)) {
	case FAMILY_FIRST_READY: say_ready(s); break;
	case FAMILY_RELOADED: notify_say("READY=1"); break;
	case FAMILY_NOTHING: break;
	}
}

static void feed_watchdog(struct supervisor *s, int64_t now)
{
	if (s->watchdog_due == 0 || now < s->watchdog_due)
		return;
	notify_say("WATCHDOG=1");
	s->watchdog_due = now + notify_watchdog_ms();
}

static int sleep_ms(const struct supervisor *s, int64_t now)
{
	int64_t until = family_due(&s->family);

	if (s->watchdog_due != 0 && s->watchdog_due < until)
		until = s->watchdog_due;
	if (s->drain_end != 0 && s->drain_end < until)
		until = s->drain_end;
	if (!log_flush() && now + LOG_RETRY_MS < until)
		until = now + LOG_RETRY_MS;
	return until > now ? (int)(until - now) : 0;
}

static int serve(struct supervisor *s)
{
	struct family *family = &s->family;
	int64_t now = monotonic_ms(), woken;
	int pause;

	while (!family_ended(family)) {
		struct pollfd fds[] = {
			{ .fd = s->signal_fd, .events = POLLIN },
			{ .fd = family_link(family), .events = POLLIN },
		};

		pause = sleep_ms(s, now);
		poll(fds, 2, pause);
		woken = monotonic_ms();
		/* If it was us who did not run, the filter was not silent: its
		 * words may not have been let out either. */
		if (woken - now > pause + ASIDE_MS)
			family_excuse(family, woken);
		now = woken;
		take_signals(s, now);
		hear_family(s, now);
		family_bury(family, now);
		if (s->drain_end != 0 && now >= s->drain_end) {
			log_event(LOG_ERR, "P9", "state=killed");
			family_kill(family);
			s->drain_end = INT64_MAX;
		}
		family_tend(family, now);
		feed_watchdog(s, now);
	}
	return family->failed ? 1 : 0;
}

/* --- the start ---------------------------------------------------------- */

/* Sockets are cheap, and a limit that is too low refuses mail. */
static void raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/*
 * Returns the end of a pipe to report on, in the child; -1 without one.  The
 * parent stays here and exits with what it is told.
 */
static int into_background(void)
{
	int ends[2];
	char word;
	pid_t pid;

	if (pipe(ends) < 0)
		goto fail;
	pid = fork();
	if (pid < 0)
		goto fail;
	if (pid > 0) {
		close(ends[1]);
		/* the end of the pipe without a word: it has said why */
		_exit(read(ends[0], &word, 1) == 1 ? 0 : 1);
	}
	close(ends[0]);
	if (setsid() < 0)
		goto fail;
	/* a child of ours must not keep the parent waiting */
	if (fcntl(ends[1], F_SETFD, FD_CLOEXEC) < 0)
		goto fail;
	return ends[1];
fail:
	fprintf(stderr, "steelyard: cannot go into the background: %s\n",
		strerror(errno));
	exit(1);
}

static bool start(struct supervisor *s, const char *config,
		  const char *dns_zone, bool foreground)
{
	s->parent = s->signal_fd = -1;
	if (!holdings_read(&s->holdings, config))
		return false;
	if (!foreground) {
		s->parent = into_background();
		log_open(LOG_TO_SYSLOG, "steelyard");
	}
	s->signal_fd = open_signals();
	if (s->signal_fd < 0) {
		fprintf(stderr, "steelyard: signals: %s\n", strerror(errno));
		return false;
	}
	notify_open();
	if (notify_watchdog_ms() > 0)
		s->watchdog_due = monotonic_ms();
	raise_limits();
	if (!holdings_open(&s->holdings))
		return false;
	return family_open(&s->family, &s->holdings, config, dns_zone,
			   foreground);
}

int supervisor_run(const char *config, const char *dns_zone, bool foreground)
{
	struct supervisor s;
	int code = 1;

	memset(&s, 0, sizeof(s));
	if (start(&s, config, dns_zone, foreground)) {
		log_event(LOG_NOTICE, "start",
			  "version=%s pid=%d inspectors=%u", PACKAGE_VERSION,
			  (int)getpid(), s.family.count);
		code = serve(&s);
		family_close(&s.family);
		log_event(LOG_NOTICE, "stop", "status=%d", code);
	}
	holdings_close(&s.holdings);
	if (s.signal_fd >= 0)
		close(s.signal_fd);
	if (s.parent >= 0)
		close(s.parent);
	log_close();
	return code;
}
