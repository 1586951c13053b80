/*
 * serve.c - the filter process: what runs in it, and on which configuration.
 *
 *	first thread   the link: inspectors come and go, reload, drain; pings
 *	milter         libmilter's loop, which starts threads of its own
 *	keeper         loads configurations and looks after list files
 *
 * Signals are not ours.  libmilter waits for SIGHUP, SIGTERM and SIGINT with
 * sigwait(3) and stops at any of them; it blocks them in its own threads only.
 * The first thread leaves them unblocked and ignored (child.c), and the kernel
 * drops a signal that the first thread of a process ignores.
 */
#include "config.h"

#include "filter/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "filter/control.h"
#include "filter/generation.h"
#include "filter/holdings.h"
#include "filter/inspector.h"
#include "filter/link.h"
#include "filter/listen.h"
#include "filter/log.h"
#include "filter/milter.h"
#include "filter/privileges.h"

enum {
	DRAIN_SECONDS = 25,
	LEAVE_MS = 28000, /* a drain that has not ended by then never will */
	REFRESH_SECONDS = 5, /* how often list files are looked at */
	NAMES_SIZE = 512,
	STACK_SIZE = 512 * 1024, /* of threads that serve sessions */
	LOADER_STACK_SIZE = 8 * 1024 * 1024, /* the parser is recursive */
};

static struct {
	struct filter_start start;
	struct inspector_pool *pool;

	pthread_mutex_t lock; /* of `current`; held for an instant only */
	struct generation *current;
	char *socket; /* the milter's, as at the start */

	pthread_mutex_t loading; /* one load at a time, however long */
	atomic_uint_fast64_t reloads, refused_reloads;

	pthread_t keeper, milter;
	pthread_mutex_t keeper_lock;
	pthread_cond_t keeper_wakes;
	bool reload_wanted, keeper_stops;

	int snapshot; /* handed over by the supervisor; -1: none */
	int milter_ended; /* an eventfd */
	atomic_bool milter_ready, draining;
	int64_t leave; /* when patience ends; 0: not draining */
	int64_t started; /* wall clock */
} filter = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.loading = PTHREAD_MUTEX_INITIALIZER,
	.keeper_lock = PTHREAD_MUTEX_INITIALIZER,
	.snapshot = -1,
	.milter_ended = -1,
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void tell(enum link_verb verb, int32_t value, const int *fd)
{
	struct link_message message = { .verb = verb, .value = value };

	/* without a supervisor the end of the link says all */
	if (link_send(filter.start.link_fd, &message, fd, fd ? 1 : 0) < 0 &&
	    errno != EPIPE)
		log_event(LOG_WARNING, "link", "verb=%d error=%s", (int)verb,
			  strerror(errno));
}

/* --- the configuration that holds --------------------------------------- */

struct generation *serve_generation(void)
{
	struct generation *gen;

	pthread_mutex_lock(&filter.lock);
	gen = generation_ref(filter.current);
	pthread_mutex_unlock(&filter.lock);
	return gen;
}

/* Takes over the reference. */
static void switch_to(struct generation *gen)
{
	struct generation *old;
	int fd;

	log_level((int)gen->settings.session.log_level);
	inspector_pool_set_timeout(
		filter.pool, 1000 * gen->settings.session.inspect_timeout);
	fd = generation_snapshot(gen);
	if (fd >= 0) {
		tell(LINK_KEEP, 0, &fd);
		close(fd);
	}
	pthread_mutex_lock(&filter.lock);
	old = filter.current;
	filter.current = gen;
	pthread_mutex_unlock(&filter.lock);
	generation_unref(old);
}

/*
 * What was decided at the start stays until the end.  Appends to `*report`
 * what that leaves without effect.
 */
static void keep_frozen(const struct generation *old, struct generation *gen,
			char **report)
{
	struct process_settings kept;
	char names[NAMES_SIZE];
	char *longer;

	settings_frozen_changes(&old->settings, &gen->settings, names,
				sizeof(names));
	if (names[0] == '\0')
		return;
	log_event(LOG_WARNING, "frozen", "settings=\"%s\" until=restart",
		  names);
	if (process_settings_copy(&kept, &old->settings.process)) {
		process_settings_done(&gen->settings.process);
		gen->settings.process = kept;
	} else {
		process_settings_done(&kept);
	}
	if (asprintf(&longer, "%sonly a restart changes: %s\n",
		     *report ? *report : "", names) >= 0) {
		free(*report);
		*report = longer;
	}
}

bool serve_reload(bool force, char **ret_report)
{
	struct generation *old;
	struct generation_result loaded;
	bool done;

	pthread_mutex_lock(&filter.loading);
	old = serve_generation();
	loaded = generation_load(filter.start.config, old, force);
	done = loaded.generation != NULL;
	if (done) {
		keep_frozen(old, loaded.generation, &loaded.report);
		log_event(LOG_NOTICE, "reload",
			  "generation=%" PRIu64 " rules=%s warnings=%zu",
			  loaded.generation->number, loaded.generation->digest,
			  loaded.warnings);
		switch_to(loaded.generation);
		atomic_fetch_add(&filter.reloads, 1);
	} else {
		log_event(LOG_ERR, "R1",
			  "generation=%" PRIu64 " stays; refused: %s",
			  old->number, loaded.summary ? loaded.summary : "-");
		atomic_fetch_add(&filter.refused_reloads, 1);
	}
	*ret_report = loaded.report;
	loaded.report = NULL;
	generation_result_done(&loaded);
	generation_unref(old);
	pthread_mutex_unlock(&filter.loading);
	return done;
}

/* Reports and takes over what a look at list files has brought. */
static bool take_lists(struct generation *gen, const char *summary)
{
	if (summary)
		log_event(LOG_WARNING, "R2", "%s", summary);
	if (gen) {
		log_event(LOG_INFO, "lists", "generation=%" PRIu64,
			  gen->number);
		switch_to(gen);
	}
	return !summary;
}

static void refresh_lists(void)
{
	struct generation *old, *gen;
	char *summary = NULL;

	pthread_mutex_lock(&filter.loading);
	old = serve_generation();
	gen = generation_refresh_lists(old, &summary);
	take_lists(gen, summary);
	free(summary);
	generation_unref(old);
	pthread_mutex_unlock(&filter.loading);
}

bool serve_take_list(const char *name, char **ret_report)
{
	struct generation *old, *gen = NULL;
	char *summary = NULL;
	bool done = false;

	pthread_mutex_lock(&filter.loading);
	old = serve_generation();
	for (size_t i = 0; i < old->lists.count; i++) {
		if (strcmp(ruleset_list_info(old->rules, i)->name, name) != 0)
			continue;
		gen = generation_take_list(old, i, &summary);
		done = take_lists(gen, summary);
		break;
	}
	*ret_report = summary;
	generation_unref(old);
	pthread_mutex_unlock(&filter.loading);
	return done;
}

/*
 * The disk first: somebody may have mended what made the last filter die.
 * Where that is broken, a filter that is restarted goes on with what ran.
 */
static bool load_first(void)
{
	struct generation_result loaded, kept;

	loaded = generation_load(filter.start.config, NULL, false);
	if (!loaded.generation && filter.snapshot >= 0) {
		log_event(LOG_ERR, "R1", "%s; goes on with the last that held",
			  loaded.summary ? loaded.summary : "-");
		kept = generation_load_snapshot(filter.snapshot);
		loaded.generation = kept.generation;
		generation_result_done(&kept);
	}
	if (!loaded.generation) {
		log_event(LOG_ERR, "R1", "%s",
			  loaded.summary ? loaded.summary : "-");
		if (filter.start.starting && loaded.report)
			fputs(loaded.report, stderr);
	} else {
		filter.socket = strdup(
			loaded.generation->settings.process.milter_socket);
		log_facility(
			loaded.generation->settings.process.syslog_facility);
		switch_to(loaded.generation);
	}
	generation_result_done(&loaded);
	if (filter.snapshot >= 0)
		close(filter.snapshot);
	filter.snapshot = -1;
	return filter.current && filter.socket;
}

/* --- the keeper --------------------------------------------------------- */

/* True when a reload is wanted, false when it is time to look at lists. */
static bool await_work(bool *ret_stop)
{
	struct timespec until;
	bool wanted;
	int error = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += REFRESH_SECONDS;
	pthread_mutex_lock(&filter.keeper_lock);
	while (!filter.reload_wanted && !filter.keeper_stops && error == 0)
		error = pthread_cond_timedwait(&filter.keeper_wakes,
					       &filter.keeper_lock, &until);
	wanted = filter.reload_wanted;
	filter.reload_wanted = false;
	*ret_stop = filter.keeper_stops;
	pthread_mutex_unlock(&filter.keeper_lock);
	return wanted;
}

static void *keep(void *unused)
{
	bool stop, wanted;

	(void)unused;
	for (;;) {
		wanted = await_work(&stop);
		if (stop)
			return NULL;
		if (wanted) {
			char *report = NULL;
			bool done = serve_reload(false, &report);

			free(report);
			tell(LINK_RELOADED, done, NULL);
		} else {
			refresh_lists();
		}
	}
}

static void wake_keeper(bool reload, bool stop)
{
	pthread_mutex_lock(&filter.keeper_lock);
	filter.reload_wanted |= reload;
	filter.keeper_stops |= stop;
	pthread_cond_signal(&filter.keeper_wakes);
	pthread_mutex_unlock(&filter.keeper_lock);
}

/* --- the milter --------------------------------------------------------- */

static void begin_drain(void)
{
	atomic_store(&filter.draining, true);
	if (atomic_load(&filter.milter_ready))
		milter_drain(DRAIN_SECONDS);
}

/* libmilter makes a socket of its own with our umask, which is for nobody. */
static void open_door(void)
{
	struct generation *gen = serve_generation();
	const struct process_settings *set = &gen->settings.process;
	struct listen_rights rights = { .mode = set->milter_socket_mode,
					.uid = (uid_t)-1 };
	struct listen_address address;
	char why[256];

	if (!listen_parse(filter.socket, &address, why, sizeof(why)) ||
	    address.kind != LISTEN_UNIX)
		goto done;
	if (!privileges_group(set->milter_socket_group, &rights.gid, why,
			      sizeof(why)))
		log_event(LOG_ERR, "start", "%s", why);
	else if (listen_give(address.path, &rights) < 0)
		log_event(LOG_ERR, "start", "socket=%s error=%s", address.path,
			  strerror(errno));
done:
	generation_unref(gen);
}

/* Comes from the milter's thread. */
static void milter_is_ready(void)
{
	int null;

	if (filter.start.milter_fd < 0)
		open_door();
	tell(LINK_READY, 0, NULL);
	if (filter.start.starting && !filter.start.foreground) {
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (null >= 0) {
			dup2(null, STDERR_FILENO);
			close(null);
		}
	}
	atomic_store(&filter.milter_ready, true);
	if (atomic_load(&filter.draining))
		milter_drain(DRAIN_SECONDS);
}

static void milter_has_ended(void)
{
	uint64_t one = 1;

	if (write(filter.milter_ended, &one, sizeof(one)) < 0)
		abort(); /* an eventfd takes this always */
}

static void *run_milter(void *unused)
{
	struct milter_start start = {
		.listen_fd = filter.start.milter_fd,
		.socket = filter.socket,
		.pool = filter.pool,
		.current = serve_generation,
		.ready = milter_is_ready,
		.drained = milter_has_ended,
	};

	(void)unused;
	if (milter_serve(&start) < 0 && filter.start.starting)
		fputs("steelyard: the milter socket cannot be served\n",
		      stderr);
	milter_has_ended();
	return NULL;
}

/* --- the link ----------------------------------------------------------- */

static void hang(void *context, unsigned number, pid_t pid)
{
	struct link_message message = { .verb = LINK_KILL,
					.number = number,
					.pid = pid };

	(void)context;
	link_send(filter.start.link_fd, &message, NULL, 0);
}

static void obey(const struct link_message *message, int *fds, size_t fd_count)
{
	size_t i, taken = 0;

	switch (message->verb) {
	case LINK_INSPECTOR:
		if (fd_count < 2)
			break;
		inspector_pool_adopt(filter.pool, message->number, message->pid,
				     fds[0], fds + 1, fd_count - 1);
		taken = fd_count;
		break;
	case LINK_INSPECTOR_GONE:
		inspector_pool_gone(filter.pool, message->number, message->pid,
				    message->value);
		break;
	case LINK_RELOAD: wake_keeper(true, false); break;
	case LINK_DRAIN: begin_drain(); break;
	case LINK_SNAPSHOT:
		if (fd_count != 1 || filter.snapshot >= 0)
			break;
		filter.snapshot = fds[0];
		taken = 1;
		break;
	default: break; /* words that only we say */
	}
	for (i = taken; i < fd_count; i++)
		close(fds[i]);
}

/* False when the link has ended. */
static bool hear(void)
{
	struct link_message message;
	int fds[LINK_FDS_MAX];
	size_t fd_count;
	int got;

	while ((got = link_receive(filter.start.link_fd, &message, fds,
				   &fd_count)) > 0)
		obey(&message, fds, fd_count);
	return got < 0 && errno == EAGAIN;
}

/* The lock is taken on purpose: a filter stuck there is not alive. */
static void ping(void)
{
	generation_unref(serve_generation());
	tell(LINK_PING, 0, NULL);
	log_flush();
}

/* Until the milter has ended.  Returns the exit code. */
static int attend(void)
{
	struct pollfd fds[] = {
		{ .fd = filter.start.link_fd, .events = POLLIN },
		{ .fd = filter.milter_ended, .events = POLLIN },
	};
	int64_t due = now_ms(), now;

	for (;;) {
		now = now_ms();
		if (now >= due) {
			ping();
			due = now + LINK_PING_MS;
		}
		poll(fds, 2, (int)(due - now));
		if (fds[1].revents)
			return atomic_load(&filter.draining) ? 0 : 1;
		if (fds[0].revents && !hear()) {
			log_event(LOG_ERR, "P9", "state=orphan");
			fds[0].fd = -1;
			begin_drain();
		}
		if (atomic_load(&filter.draining) && filter.leave == 0)
			filter.leave = now_ms() + LEAVE_MS;
		if (filter.leave != 0 && now_ms() >= filter.leave) {
			log_event(LOG_ERR, "P9", "state=stuck");
			_exit(1);
		}
	}
}

/* --- start and end ------------------------------------------------------ */

static bool start_thread(pthread_t *ret, size_t stack, void *(*run)(void *))
{
	pthread_attr_t attr;
	int error;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, stack);
	error = pthread_create(ret, &attr, run, NULL);
	pthread_attr_destroy(&attr);
	if (error != 0)
		log_event(LOG_ERR, "X2", "thread error=%s", strerror(error));
	return error == 0;
}

/* Threads that libmilter starts take their stack from the default. */
static void size_stacks(void)
{
#ifndef SANITIZED
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	pthread_setattr_default_np(&attr);
	pthread_attr_destroy(&attr);
#endif
}

static bool prepare(void)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&filter.keeper_wakes, &attr);
	pthread_condattr_destroy(&attr);
	filter.started = time(NULL);
	filter.milter_ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	filter.pool = inspector_pool_open(filter.start.inspectors,
					  filter.start.channels);
	if (!filter.pool || filter.milter_ended < 0) {
		log_event(LOG_ERR, "X2", "start error=%s", strerror(errno));
		return false;
	}
	inspector_pool_on_hang(filter.pool, hang, NULL);
	return true;
}

static struct inspector_stats pool_stats(void)
{
	return inspector_pool_stats(filter.pool);
}

/* Without it mail goes on as well, only nobody can ask. */
static void start_control(void)
{
	const struct control_context context = {
		.current = serve_generation,
		.reload = serve_reload,
		.take_list = serve_take_list,
		.milter = milter_stats,
		.inspectors = pool_stats,
		.served = serve_stats,
		.config = filter.start.config,
	};

	if (filter.start.control_fd >= 0 &&
	    control_start(filter.start.control_fd, &context) < 0)
		log_event(LOG_ERR, "X2", "control error=%s", strerror(errno));
}

int filter_main(const struct filter_start *start)
{
	int code = 1;

	filter.start = *start;
	size_stacks();
	if (!prepare())
		return 1;
	/* what the supervisor has already said, the snapshot above all */
	if (!hear() || !load_first())
		return 1;
	tell(LINK_STARTED, 0, NULL);
	if (!hear() || atomic_load(&filter.draining))
		return 0;
	if (!start_thread(&filter.keeper, LOADER_STACK_SIZE, keep))
		return 1;
	start_control();
	if (start_thread(&filter.milter, LOADER_STACK_SIZE, run_milter))
		code = attend();
	control_stop();
	wake_keeper(false, true);
	pthread_join(filter.keeper, NULL);
	/*
	 * The pool and the configuration stay: libmilter leaves threads behind
	 * that may still be in a callback.
	 */
	log_close();
	return code;
}

struct inspector_pool *serve_pool(void)
{
	return filter.pool;
}

struct serve_stats serve_stats(void)
{
	return (struct serve_stats){
		.started = filter.started,
		.reloads = atomic_load(&filter.reloads),
		.refused_reloads = atomic_load(&filter.refused_reloads),
		.draining = atomic_load(&filter.draining),
	};
}
