/*
 * child.c - starts our own program once more, or the one that belongs to it.
 */
#include "config.h"

#include "filter/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum {
	FIRST_FD = 3,
	OUT_OF_THE_WAY = 256, /* above every number that a child is given */
	FDS_MAX = 128,
	ENVIRONMENT_MAX = 32,
	EXIT_EXEC = 127,
};

/* What a child may keep of the environment that we were started in. */
static const struct {
	const char *prefix;
	bool preload; /* only where child.preloads says so */
} kept[] = {
	{ "TZ=", false },
#ifdef SANITIZED
	{ "ASAN_OPTIONS=", false },
	{ "UBSAN_OPTIONS=", false },
	{ "LSAN_OPTIONS=", false },
	{ "TSAN_OPTIONS=", false },
	{ "ASAN_SYMBOLIZER_", false },
#endif
	{ "LD_PRELOAD=", true },
	{ "LD_LIBRARY_PATH=", true },
	{ "FAKETIME", true },
	{ "FIU_", true },
};

/*
 * Signals belong to the supervisor: a terminal's ^C reaches all of us, and a
 * service manager may send SIGTERM to everybody.
 */
static const int ignored[] = { SIGHUP, SIGINT, SIGTERM, SIGQUIT, SIGPIPE };

/* Where a program lies that is in the running one's folder. */
static bool beside_us(const char *name, char path[PATH_MAX])
{
	ssize_t len = readlink("/proc/self/exe", path, PATH_MAX - 1);

	if (len < 0)
		return false;
	while (len > 0 && path[len - 1] != '/')
		len--;
	return snprintf(path + len, (size_t)(PATH_MAX - len), "%s", name) <
	       PATH_MAX - len;
}

int child_image(const char *name)
{
	char path[PATH_MAX] = "/proc/self/exe";
	int fd = -1;

	if (!name || beside_us(name, path))
		fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0 && name) {
		snprintf(path, sizeof(path), PKGLIBEXECDIR "/%s", name);
		fd = open(path, O_PATH | O_CLOEXEC);
	}
	if (fd < 0)
		fprintf(stderr, "steelyard: %s: %s\n", path, strerror(errno));
	return fd;
}

static bool is_kept(const char *entry, bool preloads)
{
	size_t i;

	for (i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		if ((preloads || !kept[i].preload) &&
		    strncmp(entry, kept[i].prefix, strlen(kept[i].prefix)) == 0)
			return true;
	}
	return false;
}

static void fill_environment(const char *ret[ENVIRONMENT_MAX + 1],
			     const struct child *child)
{
	size_t count = 0, i;

	for (i = 0; child->environment[i] && count < ENVIRONMENT_MAX; i++)
		ret[count++] = child->environment[i];
	for (i = 0; environ[i] && count < ENVIRONMENT_MAX; i++) {
		if (is_kept(environ[i], child->preloads))
			ret[count++] = environ[i];
	}
	ret[count] = NULL;
}

/* --- between fork and exec: only calls that are safe there -------------- */

static bool place_fds(const struct child *child)
{
	int moved[FDS_MAX];
	size_t i;

	/* all out of the way first: a target may be another one's source */
	for (i = 0; i < child->fd_count; i++) {
		moved[i] = -1;
		if (child->fds[i] < 0)
			continue;
		moved[i] =
			fcntl(child->fds[i], F_DUPFD_CLOEXEC, OUT_OF_THE_WAY);
		/* a low RLIMIT_NOFILE leaves no room up there */
		if (moved[i] < 0)
			moved[i] = fcntl(child->fds[i], F_DUPFD_CLOEXEC,
					 FIRST_FD + (int)child->fd_count);
		if (moved[i] < 0)
			return false;
	}
	for (i = 0; i < child->fd_count; i++) {
		int target = FIRST_FD + (int)i;

		if (moved[i] < 0)
			close(target);
		else if (dup2(moved[i], target) < 0)
			return false;
	}
	return true;
}

static void close_stdio(const struct child *child)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return;
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	if (child->silent)
		dup2(null, STDERR_FILENO);
	if (null > STDERR_FILENO)
		close(null);
}

static void run(int image, const struct child *child, pid_t parent,
		char *const *environment)
{
	char *argv[] = { (char *)child->title, NULL };
	sigset_t none;
	size_t i;
	int own;

	for (i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (child->dies_with_us) {
		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		if (getppid() != parent)
			_exit(EXIT_EXEC);
	}
	/* the image must not stand where a descriptor is to go */
	own = fcntl(image, F_DUPFD_CLOEXEC, FIRST_FD + (int)child->fd_count);
	if (own < 0)
		_exit(EXIT_EXEC);
	close_stdio(child);
	if (!place_fds(child))
		_exit(EXIT_EXEC);
	close_range(FIRST_FD + (unsigned)child->fd_count, ~0U,
		    CLOSE_RANGE_CLOEXEC);
	execveat(own, "", argv, environment, AT_EMPTY_PATH);
	dprintf(STDERR_FILENO, "steelyard: cannot execute \"%s\": %s\n",
		child->title, strerror(errno));
	_exit(EXIT_EXEC);
}

pid_t child_start(int image, const struct child *child)
{
	const char *environment[ENVIRONMENT_MAX + 1];
	pid_t parent = getpid();
	pid_t pid;

	if (child->fd_count > FDS_MAX) {
		errno = EINVAL;
		return -1;
	}
	fill_environment(environment, child);
	pid = fork();
	if (pid == 0)
		run(image, child, parent, (char *const *)environment);
	return pid;
}

void child_title(int argc, char **argv, const char *title)
{
	const char *end = argv[0];
	size_t room;
	int i;

	/* the kernel lays the arguments out one behind the other */
	for (i = 0; i < argc && argv[i] == end; i++)
		end += strlen(end) + 1;
	room = (size_t)(end - argv[0]);
	if (strlen(title) >= room)
		return;
	memset(argv[0], 0, room);
	memcpy(argv[0], title, strlen(title));
}
