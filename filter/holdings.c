/*
 * holdings.c - what the supervisor holds: settings, locks, sockets.
 */
#include "config.h"

#include "filter/holdings.h"

#include <errno.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "filter/generation.h"
#include "filter/inherit.h"
#include "filter/lock.h"
#include "filter/log.h"

enum { WHY_SIZE = 512, STATE_MODE = 0700, CONTROL_MODE = 0660 };

static bool complain(const char *format, ...)
	__attribute__((format(printf, 1, 2)));

static bool complain(const char *format, ...)
{
	va_list args;

	fputs("steelyard: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return false;
}

/* --- settings ----------------------------------------------------------- */

bool process_settings_copy(struct process_settings *ret,
			   const struct process_settings *from)
{
	*ret = *from;
	ret->milter_socket = strdup(from->milter_socket);
	ret->milter_socket_group = strdup(from->milter_socket_group);
	ret->control_socket = strdup(from->control_socket);
	ret->state_dir = strdup(from->state_dir);
	ret->user = strdup(from->user);
	ret->syslog_facility = strdup(from->syslog_facility);
	return ret->milter_socket && ret->milter_socket_group &&
	       ret->control_socket && ret->state_dir && ret->user &&
	       ret->syslog_facility;
}

void process_settings_done(struct process_settings *set)
{
	free(set->milter_socket);
	free(set->milter_socket_group);
	free(set->control_socket);
	free(set->state_dir);
	free(set->user);
	free(set->syslog_facility);
	memset(set, 0, sizeof(*set));
}

bool holdings_read(struct holdings *ret, const char *config)
{
	struct generation_result loaded;
	char why[WHY_SIZE];
	bool done;

	memset(ret, 0, sizeof(*ret));
	ret->milter.fd = ret->control.fd = ret->state_lock = -1;
	ret->milter.lock_fd = ret->control.lock_fd = -1;

	/* rules and lists are the filter's, which is not root any more; it has
	 * the warnings, too */
	loaded = generation_load_settings(config);
	done = loaded.generation != NULL;
	if (!done && loaded.report)
		fputs(loaded.report, stderr);
	if (done) {
		const struct settings *all = &loaded.generation->settings;

		log_level((int)all->session.log_level);
		log_facility(all->process.syslog_facility);
		done = process_settings_copy(&ret->set, &all->process) ||
		       complain("out of memory");
	}
	generation_unref(loaded.generation);
	generation_result_done(&loaded);
	malloc_trim(0); /* what the parser has taken */
	if (!done)
		return false;
	if (!privileges_find(&ret->become, ret->set.user, why, sizeof(why)) ||
	    !privileges_group(ret->set.milter_socket_group, &ret->milter_group,
			      why, sizeof(why)))
		return complain("%s", why);
	return true;
}

/* --- sockets ------------------------------------------------------------ */

/* In such a folder anybody can take the MTA's mail, or answer for us. */
static void warn_exposed(const char *setting,
			 const struct listen_address *address)
{
	if (address->kind == LISTEN_UNIX && listen_is_exposed(address->path))
		log_event(LOG_WARNING, "start",
			  "setting=%s socket=%s folder=writable-by-all",
			  setting, address->path);
}

static bool open_listener(struct listen_socket *ret, const char *setting,
			  const char *name, const char *value,
			  const struct listen_rights *rights)
{
	struct listen_address address;
	char why[WHY_SIZE];
	int fd;

	if (!listen_parse(value, &address, why, sizeof(why)))
		return complain("set %s \"%s\": %s", setting, value, why);
	fd = inherit_take(name, &address);
	if (fd >= 0) {
		listen_adopt(ret, fd);
		return true;
	}
	switch (listen_open(ret, &address, rights, why, sizeof(why))) {
	case LISTEN_OK: warn_exposed(setting, &address); return true;
	case LISTEN_RUNNING: return complain("%s", why);
	case LISTEN_FAILED: break;
	}
	return complain("set %s: %s", setting, why);
}

static bool open_milter(struct holdings *h, uid_t uid)
{
	struct listen_rights rights = { .mode = h->set.milter_socket_mode,
					.uid = uid,
					.gid = h->milter_group };

#ifndef MILTER_TAKES_FD
	/* libmilter opens its socket itself, in the filter */
	struct listen_address address, socket;
	char why[WHY_SIZE];
	char *slash;

	if (!listen_parse(h->set.milter_socket, &address, why, sizeof(why)))
		return complain("set milter_socket: %s", why);
	socket = address;
	slash = strrchr(address.path, '/');
	if (address.kind != LISTEN_UNIX || !slash || slash == address.path)
		return true;
	memcpy(h->milter.path, address.path, sizeof(h->milter.path));
	*slash = '\0';
	if (listen_make_folder(address.path, 0750, rights.uid, rights.gid) < 0)
		return complain("%s: %s", address.path, strerror(errno));
	warn_exposed("milter_socket", &socket);
	return true;
#else
	if (rights.gid == (gid_t)-1 && h->become.drop)
		rights.gid = h->become.gid;
	return open_listener(&h->milter, "milter_socket", "milter",
			     h->set.milter_socket, &rights);
#endif
}

static bool open_control(struct holdings *h, uid_t uid, gid_t gid)
{
	struct listen_rights rights = { CONTROL_MODE, uid, gid };

	return open_listener(&h->control, "control_socket", "control",
			     h->set.control_socket, &rights);
}

static bool lock_state(struct holdings *h, uid_t uid, gid_t gid)
{
	char path[4096];
	pid_t pid;

	if (listen_make_folder(h->set.state_dir, STATE_MODE, uid, gid) < 0)
		return complain("set state_dir \"%s\": %s", h->set.state_dir,
				strerror(errno));
	snprintf(path, sizeof(path), "%s/lock", h->set.state_dir);
	h->state_lock = lock_take(path, uid, &pid);
	if (h->state_lock >= 0)
		return true;
	if (errno == EWOULDBLOCK)
		return complain("already running (pid %d)", (int)pid);
	return complain("set state_dir: %s: %s", path, strerror(errno));
}

bool holdings_open(struct holdings *h)
{
	/* what we make belongs to whom we become, so that it can be removed,
	 * and a later start as that user works */
	uid_t uid = h->become.drop ? h->become.uid : (uid_t)-1;
	gid_t gid = h->become.drop ? h->become.gid : (gid_t)-1;
	char why[WHY_SIZE];

	if (!lock_state(h, uid, gid) || !open_milter(h, uid) ||
	    !open_control(h, uid, gid))
		return false;
	inherit_close();
	if (!privileges_drop(&h->become, why, sizeof(why)))
		return complain("%s", why);
	if (geteuid() == 0)
		log_event(LOG_WARNING, "root",
			  "running as root: `set user` names nobody else");
	return true;
}

void holdings_deafen(struct holdings *h)
{
	listen_close(&h->milter);
	listen_close(&h->control);
}

static void close_lock(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void holdings_close(struct holdings *h)
{
	holdings_deafen(h);
	close_lock(&h->milter.lock_fd);
	close_lock(&h->control.lock_fd);
	close_lock(&h->state_lock);
	process_settings_done(&h->set);
}
