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
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "filter/clock.h"
#include "filter/current.h"
#include "filter/control.h"
#include "filter/generation.h"
#include "filter/inspector.h"
#include "filter/link.h"
#include "filter/listen.h"
#include "filter/log.h"
#include "filter/milter.h"
#include "filter/privileges.h"
#include "filter/remember.h"
#include "filter/resolver.h"
#include "lists/suffix.h"

enum {
	DRAIN_SECONDS = 25,
	LEAVE_MS = 28000, /* a drain that has not ended by then never will */
	REFRESH_SECONDS = 1, /* how often list files are looked at */
	STACK_SIZE = 512 * 1024, /* of threads that serve sessions */
	LOADER_STACK_SIZE = 8 * 1024 * 1024, /* the parser is recursive */
};

static struct {
	struct filter_start start;
	struct inspector_pool *pool;
	struct resolver *resolver; /* the newest generation's; loaders' alone */

	char *socket; /* the milter's, as at the start */

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
	.keeper_lock = PTHREAD_MUTEX_INITIALIZER,
	.snapshot = -1,
	.milter_ended = -1,
};

static void tell(enum link_verb verb, int32_t value, const int *fd)
{
	struct link_message message = { .verb = verb, .value = value };

	/* without a supervisor the end of the link says all */
	if (link_send(filter.start.link_fd, &message, fd, fd ? 1 : 0) < 0 &&
	    errno != EPIPE)
		log_event(LOG_WARNING, "link", "verb=%d error=%s", (int)verb,
			  strerror(errno));
}

/* --- the configuration --------------------------------------------------- */

static void log_dns(const char *why)
{
	char value[LOG_VALUE_SIZE];

	log_event(LOG_ERR, "dns", "error=%s",
		  log_escape(why, strlen(why), LOG_VALUE_MAX, value));
}

/*
 * A new one, for those to come; false: the one before stays, if there is one.
 */
static bool renew_resolver(const struct generation *gen,
			   char error[DNS_ERROR_SIZE])
{
	struct resolver *fresh =
		resolver_open(&gen->settings, filter.start.dns_zone, error);

	if (fresh == NULL)
		return false;
	resolver_unref(filter.resolver);
	filter.resolver = fresh;
	return true;
}

/*
 * Gives it the resolver of the one before, unless the settings say otherwise,
 * or there is no more room in it, as it keeps the lists of all before it.
 */
static bool take_resolver(struct generation *gen, char error[DNS_ERROR_SIZE])
{
	if (gen->resolver != NULL)
		return true; /* only its lists are new, or it was prepared */
	if ((filter.resolver == NULL ||
	     !resolver_fits(filter.resolver, &gen->settings)) &&
	    !renew_resolver(gen, error))
		return false;
	if (generation_use_resolver(gen, filter.resolver))
		return true;
	if (!renew_resolver(gen, error))
		return false;
	snprintf(error, DNS_ERROR_SIZE, "DNS: out of memory");
	return generation_use_resolver(gen, filter.resolver);
}

/* Without a memory nobody waits, unless that is not wanted. */
static bool take_store(const struct generation *gen, char **ret_why)
{
	char why[STORE_WHY_SIZE];

	if (remember_open(gen, why) || !gen->settings.store.required)
		return true;
	if (asprintf(ret_why,
		     "greylist_required is on, and greylisting has "
		     "no memory: %s",
		     why) < 0)
		*ret_why = NULL;
	return false;
}

/* Before a reload: who asks for other servers is told that he has them not. */
static bool prepare_reload(struct generation *gen, char **ret_why)
{
	char error[DNS_ERROR_SIZE];

	if (take_resolver(gen, error))
		return take_store(gen, ret_why);
	log_dns(error);
	*ret_why = strdup(error);
	return false;
}

/* Called for each one before it holds. */
static void take_settings(struct generation *gen)
{
	int fd = generation_snapshot(gen);
	char error[DNS_ERROR_SIZE];

	/* Without one mail flows, and all that DNS could say is not asked. */
	if (!take_resolver(gen, error))
		log_dns(error);
	log_level((int)gen->settings.session.log_level);
	inspector_pool_set_timeout(
		filter.pool, 1000 * gen->settings.session.inspect_timeout);
	if (fd < 0)
		return;
	tell(LINK_KEEP, 0, &fd);
	close(fd);
}

/*
 * A filter that takes the place of one that died starts all the same: mail
 * would be held up, and not by what whoever has set greylist_required saw.
 */
static bool first_store(const struct generation *gen)
{
	char *why = NULL;
	bool done = take_store(gen, &why);

	if (!done && filter.start.starting)
		fprintf(stderr, "steelyard: %s\n",
			why != NULL ? why : "out of memory");
	free(why);
	return done || !filter.start.starting;
}

static bool load_first(void)
{
	const struct current_start start = { .path = filter.start.config,
					     .prepare = prepare_reload,
					     .take = take_settings,
					     .complain =
						     filter.start.starting };
	struct generation *gen;
	bool done = current_load(&start, filter.snapshot);

	if (filter.snapshot >= 0)
		close(filter.snapshot);
	filter.snapshot = -1;
	if (!done)
		return false;
	gen = serve_generation();
	log_facility(gen->settings.process.syslog_facility);
	filter.socket = strdup(gen->settings.process.milter_socket);
	done = first_store(gen);
	generation_unref(gen);
	return done && filter.socket;
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

/* DNS lists are tested whether mail comes or not, and what is old expires. */
static void look_after_lists(void)
{
	struct generation *gen = serve_generation();

	remember_tick(gen);

	if (gen->resolver != NULL)
		dnsbls_tick(gen->resolver->dnsbls, gen->dnsbls,
			    ruleset_dnsbl_count(gen->rules));
	generation_unref(gen);
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
			current_refresh();
			look_after_lists();
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
		.store = serve_store,
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
	int64_t due = monotonic_ms(), now;

	for (;;) {
		now = monotonic_ms();
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
			filter.leave = monotonic_ms() + LEAVE_MS;
		if (filter.leave != 0 && monotonic_ms() >= filter.leave) {
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
	if (!suffix_load())
		log_event(LOG_WARNING, "start",
			  "error=\"no public suffix list\" "
			  "organisation=\"the author's domain alone\"");
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
		.store = serve_store,
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
	 * that may still be in a callback, unless it was drained.
	 */
	if (milter_stats().at_rest)
		remember_end();
	log_close();
	return code;
}

struct inspector_pool *serve_pool(void)
{
	return filter.pool;
}

struct store *serve_store(void)
{
	return remember_store();
}

struct serve_stats serve_stats(void)
{
	return (struct serve_stats){
		.started = filter.started,
		.reloads = current_reloads(),
		.refused_reloads = current_refusals(),
		.draining = atomic_load(&filter.draining),
	};
}
