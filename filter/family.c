/*
 * family.c - the supervisor's children: one filter and N inspectors.
 */
#include "config.h"

#include "filter/family.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "filter/child.h"
#include "filter/holdings.h"
#include "filter/link.h"
#include "filter/log.h"

enum {
	NOTE_SIZE = 4096, /* one page */
	SEND_BUFFER = 256 * 1024,
	FAREWELL_MS = 20,
	EXIT_PATIENCE_MS = 5000, /* from the end of the link to that of it */
	/* for all but channels; the resolver alone has up to 20 */
	RESERVED_FDS = 56,
	ENTRY_SIZE = 64,
};

/* An inspector that lives two seconds earns back one death. */
static const struct backoff_policy inspector_policy = { 5, 2000, 50, 5000 };

/*
 * While a filter serves between its deaths, even briefly, mail gets through
 * that would not get through in a pause.
 */
static const struct backoff_policy filter_policy = { 1, 100, 100, 5000 };

/* --- numbers ------------------------------------------------------------ */

static unsigned cores(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return 1;
	return (unsigned)CPU_COUNT(&set);
}

/* Half the descriptors at most go to channels, for sessions need them too. */
static void fit_channels(struct family *family)
{
	struct rlimit limit;
	uint64_t room;
	unsigned wanted = family->channels;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	room = limit.rlim_cur > RESERVED_FDS ? limit.rlim_cur - RESERVED_FDS
					     : 0;
	room /= 2;
	while (family->count > 1 && room / family->count < 2)
		family->count--;
	room /= family->count;
	if (room < wanted + 1)
		family->channels = room > 2 ? (unsigned)room - 1 : 1;
	if (family->channels < wanted)
		log_event(LOG_WARNING, "X1",
			  "nofile=%" PRIu64 " channels=%u wanted=%u",
			  (uint64_t)limit.rlim_cur, family->channels, wanted);
}

bool family_open(struct family *family, struct holdings *holdings,
		 const char *config, const char *dns_zone, bool foreground)
{
	const struct process_settings *set = &holdings->set;

	memset(family, 0, sizeof(*family));
	family->holdings = holdings;
	family->config = config;
	family->dns_zone = dns_zone;
	family->foreground = foreground;
	family->link = family->snapshot = -1;
	family->count = set->inspectors ? set->inspectors : cores();
	if (family->count > INSPECTORS_MAX)
		family->count = INSPECTORS_MAX;
	family->channels = set->channels;
	fit_channels(family);
	family->image = child_image(NULL);
	family->reader = child_image("steelyard-inspector");
	return family->image >= 0 && family->reader >= 0;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* --- starting ----------------------------------------------------------- */

/*
 * NAME=value entries in a fixed room; a path that is too long is refused at
 * the start, by the configuration.
 */
struct entries {
	char text[6][ENTRY_SIZE];
	char config[4096 + ENTRY_SIZE], zone[4096 + ENTRY_SIZE];
	const char *at[9];
};

static void fill_entries(struct entries *e, const struct family *family,
			 const char *role)
{
	size_t count = 0;

	snprintf(e->text[0], ENTRY_SIZE, "STEELYARD_ROLE=%s", role);
	snprintf(e->text[1], ENTRY_SIZE, "STEELYARD_CHANNELS=%u",
		 family->channels);
	snprintf(e->text[2], ENTRY_SIZE, "STEELYARD_INSPECTORS=%u",
		 family->count);
	snprintf(e->text[3], ENTRY_SIZE, "STEELYARD_FOREGROUND=1");
	snprintf(e->text[4], ENTRY_SIZE, "STEELYARD_STARTING=1");
	snprintf(e->config, sizeof(e->config), "STEELYARD_CONFIG=%s",
		 family->config);
	e->at[count++] = e->text[0];
	e->at[count++] = e->text[1];
	e->at[count++] = e->text[2];
	if (family->foreground)
		e->at[count++] = e->text[3];
	if (!family->ever_ready)
		e->at[count++] = e->text[4];
	e->at[count++] = e->config;
	if (family->dns_zone) {
		snprintf(e->zone, sizeof(e->zone), "STEELYARD_DNS=%s",
			 family->dns_zone);
		e->at[count++] = e->zone;
	}
	e->at[count] = NULL;
}

static void start_failed(struct member *member, const char *what,
			 const struct backoff_policy *policy, int64_t now)
{
	int error = errno;
	int64_t pause = backoff_died(&member->backoff, policy, 0);

	if (pause < policy->first_ms)
		pause = policy->first_ms;
	member->pid = 0;
	member->due = now + pause;
	log_event(LOG_ERR, "X2", "start=%s pause_ms=%" PRId64 " error=%s", what,
		  pause, strerror(error));
}

static void start_filter(struct family *family, int64_t now)
{
	struct link_message keep = { .verb = LINK_SNAPSHOT };
	struct child child = { .title = "steelyard: filter", .preloads = true };
	struct entries entries;
	int ends[2] = { -1, -1 };
	int fds[3];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		goto fail;
	/* first of all, so that it finds this before it reads the disk */
	if (family->snapshot >= 0 &&
	    link_send(ends[0], &keep, &family->snapshot, 1) < 0)
		goto fail;
	fill_entries(&entries, family, "filter");
	fds[0] = ends[1];
	fds[1] = family->holdings->milter.fd;
	fds[2] = family->holdings->control.fd;
	child.environment = entries.at;
	child.fds = fds;
	child.fd_count = 3;
	family->filter.pid = child_start(family->image, &child);
	if (family->filter.pid < 0)
		goto fail;
	close(ends[1]);
	family->link = ends[0];
	family->served = 0;
	family->filter.started = now;
	family->silent_until = now + LINK_LOADING_MS;
	return;
fail:
	start_failed(&family->filter, "filter", &filter_policy, now);
	close_fd(&ends[0]);
	close_fd(&ends[1]);
}

/*
 * A page that both may write and neither can shrink: a reader of a page that
 * is gone would die of SIGBUS.
 */
static int open_note(void)
{
	int fd =
		memfd_create("steelyard-note", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -1;
	if (ftruncate(fd, NOTE_SIZE) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) <
		    0) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool open_channel(int *ret_ours, int *ret_theirs)
{
	static const int size = SEND_BUFFER;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return false;
	setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	*ret_ours = ends[0];
	*ret_theirs = ends[1];
	return true;
}

/* `filter_ends` and `inspector_ends` begin with the note. */
static pid_t spawn_inspector(struct family *family, unsigned number,
			     int *filter_ends, int *inspector_ends)
{
	struct child child = { .dies_with_us = true,
			       .silent = !family->foreground };
	struct entries entries;
	char title[ENTRY_SIZE];
	unsigned i;

	inspector_ends[0] = filter_ends[0] = open_note();
	if (filter_ends[0] < 0)
		return -1;
	for (i = 1; i <= family->channels; i++) {
		if (!open_channel(&filter_ends[i], &inspector_ends[i]))
			return -1;
	}
	snprintf(title, sizeof(title), "steelyard: inspector %u", number);
	fill_entries(&entries, family, "inspector");
	child.title = title;
	child.environment = entries.at;
	child.fds = inspector_ends;
	child.fd_count = family->channels + 1;
	return child_start(family->reader, &child);
}

static void start_inspector(struct family *family, unsigned number, int64_t now)
{
	struct member *member = &family->inspectors[number];
	struct link_message message = { .verb = LINK_INSPECTOR,
					.number = number };
	int filter_ends[LINK_FDS_MAX], inspector_ends[LINK_FDS_MAX];
	size_t i;

	memset(filter_ends, -1, sizeof(filter_ends));
	memset(inspector_ends, -1, sizeof(inspector_ends));
	member->pid =
		spawn_inspector(family, number, filter_ends, inspector_ends);
	if (member->pid < 0) {
		start_failed(member, "inspector", &inspector_policy, now);
		goto done;
	}
	member->started = now;
	member->replaced = false;
	message.pid = member->pid;
	/* A filter that does not listen now learns of the next one. */
	if (link_send(family->link, &message, filter_ends,
		      family->channels + 1) < 0) {
		if (errno == EPIPE || errno == ECONNRESET)
			member->replaced = true; /* for another filter */
		else
			log_event(LOG_WARNING, "P2",
				  "inspector=%u untold error=%s", number,
				  strerror(errno));
		kill(member->pid, SIGKILL);
	}
done:
	for (i = 0; i < LINK_FDS_MAX; i++) {
		if (inspector_ends[i] != filter_ends[i])
			close_fd(&inspector_ends[i]);
		close_fd(&filter_ends[i]);
	}
}

void family_tend(struct family *family, int64_t now)
{
	struct member *filter = &family->filter;
	unsigned i;

	if (filter->pid > 0 && now >= family->silent_until) {
		log_event(LOG_CRIT, "P4", "pid=%d silent, killed",
			  (int)filter->pid);
		kill(filter->pid, SIGKILL);
		family->silent_until = now + LINK_SILENCE_MS;
	}
	if (family->draining || family->failed)
		return;
	if (filter->pid == 0 && now >= filter->due)
		start_filter(family, now);
	if (family->link < 0)
		return;
	for (i = 0; i < family->count; i++) {
		if (family->inspectors[i].pid == 0 &&
		    now >= family->inspectors[i].due)
			start_inspector(family, i, now);
	}
}

int64_t family_due(const struct family *family)
{
	int64_t due = INT64_MAX;
	unsigned i;

	if (family->filter.pid > 0)
		due = family->silent_until;
	else if (!family->draining)
		due = family->filter.due;
	for (i = 0; i < family->count; i++) {
		const struct member *member = &family->inspectors[i];

		if (member->pid == 0 && family->link >= 0 &&
		    !family->draining && member->due < due)
			due = member->due;
	}
	return due;
}

void family_excuse(struct family *family, int64_t now)
{
	if (family->silent_until < now + LINK_SILENCE_MS)
		family->silent_until = now + LINK_SILENCE_MS;
}

/* --- listening ---------------------------------------------------------- */

static enum family_news filter_is_ready(struct family *family, int64_t now)
{
	bool first = !family->ever_ready;

	family->ever_ready = true;
	family->served = now;
	listen_served(&family->holdings->milter);
	log_event(LOG_NOTICE, "ready", "pid=%d start_ms=%" PRId64,
		  (int)family->filter.pid, now - family->filter.started);
	return first ? FAMILY_FIRST_READY : FAMILY_NOTHING;
}

static void kill_hanging(struct family *family, const struct link_message *m)
{
	/* the pid is compared: it may have died and been replaced meanwhile */
	if (m->number >= family->count || m->pid <= 0 ||
	    family->inspectors[m->number].pid != m->pid)
		return;
	log_event(LOG_ERR, "P3", "inspector=%u pid=%d hangs, killed", m->number,
		  (int)m->pid);
	kill(m->pid, SIGKILL);
}

static enum family_news hear_one(struct family *family,
				 const struct link_message *m, int *fds,
				 size_t fd_count, int64_t now)
{
	family->silent_until =
		now + (m->verb == LINK_PING && family->served == 0
			       ? LINK_LOADING_MS
			       : LINK_SILENCE_MS);
	switch (m->verb) {
	case LINK_READY: return filter_is_ready(family, now);
	case LINK_KILL: kill_hanging(family, m); break;
	case LINK_RELOADED: return FAMILY_RELOADED;
	case LINK_KEEP:
		if (fd_count == 1) {
			close_fd(&family->snapshot);
			family->snapshot = fds[0];
			fds[0] = -1;
		}
		break;
	default: break; /* LINK_STARTED, LINK_PING: it lives */
	}
	return FAMILY_NOTHING;
}

/* It closed the link or broke its rules: it is on its way out. */
static void lose_link(struct family *family, int64_t now)
{
	close_fd(&family->link);
	if (family->silent_until > now + EXIT_PATIENCE_MS)
		family->silent_until = now + EXIT_PATIENCE_MS;
}

enum family_news family_hear(struct family *family, int64_t now)
{
	enum family_news news = FAMILY_NOTHING, one;
	struct link_message message;
	int fds[LINK_FDS_MAX];
	size_t fd_count, i;

	while (family->link >= 0) {
		int got = link_receive(family->link, &message, fds, &fd_count);

		if (got < 0 && errno == EAGAIN)
			break;
		if (got <= 0) {
			lose_link(family, now);
			break;
		}
		one = hear_one(family, &message, fds, fd_count, now);
		if (one != FAMILY_NOTHING)
			news = one;
		for (i = 0; i < fd_count; i++)
			close_fd(&fds[i]);
	}
	return news;
}

int family_link(const struct family *family)
{
	return family->link;
}

static bool tell(struct family *family, enum link_verb verb)
{
	struct link_message message = { .verb = verb };

	return family->link >= 0 &&
	       link_send(family->link, &message, NULL, 0) == 0;
}

bool family_reload(struct family *family)
{
	return tell(family, LINK_RELOAD);
}

/* --- dying -------------------------------------------------------------- */

static const char *ending(int status, char *buffer, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(buffer, size, "signal=%d", WTERMSIG(status));
	else
		snprintf(buffer, size, "status=%d", WEXITSTATUS(status));
	return buffer;
}

static void kill_inspectors(struct family *family)
{
	unsigned i;

	for (i = 0; i < family->count; i++) {
		struct member *member = &family->inspectors[i];

		member->due = 0;
		member->backoff.debt = 0; /* a new filter, a new life */
		if (member->pid <= 0)
			continue;
		member->replaced = true;
		kill(member->pid, SIGKILL);
	}
}

static void filter_died(struct family *family, int status, int64_t now)
{
	struct member *filter = &family->filter;
	int64_t lived = family->served != 0 ? now - family->served : 0;
	int64_t pause = 0;
	/* Killed from outside before it was ready: not a crash of its own */
	int64_t useful = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL
				 ? now - filter->started
				 : lived;
	pid_t pid = filter->pid;
	char text[32];

	filter->pid = 0;
	close_fd(&family->link);
	kill_inspectors(family);
	if (family->draining) {
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
			log_event(LOG_ERR, "P1", "pid=%d %s draining", (int)pid,
				  ending(status, text, sizeof(text)));
		return;
	}
	/* One that was never ready and leaves by itself will do so again, and
	 * has said why. */
	if (!family->ever_ready && WIFEXITED(status)) {
		family->failed = true;
	} else {
		pause = backoff_died(&filter->backoff, &filter_policy, useful);
		filter->due = now + pause;
	}
	log_event(LOG_CRIT, "P1",
		  "pid=%d %s served_ms=%" PRId64 " pause_ms=%" PRId64, (int)pid,
		  ending(status, text, sizeof(text)), lived, pause);
}

static void inspector_died(struct family *family, unsigned number, int status,
			   int64_t now)
{
	struct member *member = &family->inspectors[number];
	struct link_message gone = { .verb = LINK_INSPECTOR_GONE,
				     .number = number,
				     .pid = member->pid,
				     .value = status };
	bool left;
	int64_t pause;
	char text[32];

	member->pid = 0;
	if (member->replaced) {
		member->due = now;
		return;
	}
	pause = backoff_died(&member->backoff, &inspector_policy,
			     now - member->started);
	/*
	 * One that leaves by itself has seen its channels closed: most likely
	 * the filter is dying, and we hear of that in a moment.
	 */
	left = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	if (left && pause < FAREWELL_MS)
		pause = FAREWELL_MS;
	member->due = now + pause;
	if (family->draining || family->link < 0)
		return;
	/* where this does not arrive, the ends of the channels tell it */
	link_send(family->link, &gone, NULL, 0);
	log_event(left ? LOG_INFO : LOG_ERR, "P2",
		  "inspector=%u pid=%d %s lived_ms=%" PRId64
		  " pause_ms=%" PRId64,
		  number, (int)gone.pid, ending(status, text, sizeof(text)),
		  now - member->started, pause);
}

void family_bury(struct family *family, int64_t now)
{
	int status;
	unsigned i;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == family->filter.pid) {
			filter_died(family, status, now);
			continue;
		}
		for (i = 0; i < family->count; i++) {
			if (pid == family->inspectors[i].pid)
				inspector_died(family, i, status, now);
		}
	}
}

void family_drain(struct family *family)
{
	family->draining = true;
	if (!tell(family, LINK_DRAIN) && family->filter.pid > 0)
		kill(family->filter.pid, SIGKILL);
}

void family_kill(struct family *family)
{
	if (family->filter.pid > 0)
		kill(family->filter.pid, SIGKILL);
}

bool family_ended(const struct family *family)
{
	return (family->draining || family->failed) && family->filter.pid == 0;
}

void family_close(struct family *family)
{
	unsigned i;

	family_kill(family);
	kill_inspectors(family);
	if (family->filter.pid > 0)
		waitpid(family->filter.pid, NULL, 0);
	for (i = 0; i < family->count; i++) {
		if (family->inspectors[i].pid > 0)
			waitpid(family->inspectors[i].pid, NULL, 0);
	}
	close_fd(&family->link);
	close_fd(&family->snapshot);
	close_fd(&family->image);
	close_fd(&family->reader);
}
