/*
 * control.c - clients of the control socket, each on a thread of its own.
 *
 * A client may be slow, hostile or busy with a reload of seconds; what it does
 * to its own thread is nobody else's business.  Threads wait with poll(2) for
 * their client and for the stop event together, so that stopping takes no
 * longer than the request that is being worked on.
 */
#include "filter/control.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "filter/clock.h"
#include "filter/control_verbs.h"
#include "filter/log.h"

enum {
	/*
	 * The parser of rule files is recursive; untouched pages cost nothing.
	 */
	STACK_SIZE = 8 * 1024 * 1024,
	POLITENESS = 5, /* nice(2): mail goes first */
	GROUPS_MAX = 256, /* of a peer that are looked at */
	FULL_PAUSE_MS = 100, /* out of descriptors: before accepting again */
};

/* The socket's group and how its user stands to us. */
struct peer {
	uid_t uid;
	pid_t pid;
	bool may_read, may_write;
};

struct client {
	int fd;
	struct peer peer;
	int64_t patience; /* monotonic ms: the next thing must be done by then
			   */
	size_t have;
	char line[CONTROL_LINE_MAX];
};

static struct {
	struct control_context context;
	int listen_fd;
	int stop_fd; /* an eventfd, readable from control_stop() on */
	gid_t group;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t left; /* a client's thread has ended */
	unsigned clients;
} control = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.left = PTHREAD_COND_INITIALIZER,
	.stop_fd = -1,
};

/* --- who is there ------------------------------------------------------- */

static bool in_group(int fd, gid_t primary, gid_t wanted)
{
	gid_t groups[GROUPS_MAX];
	socklen_t len = sizeof(groups);

	if (primary == wanted)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) < 0)
		return false;
	for (size_t i = 0; i < len / sizeof(groups[0]); i++)
		if (groups[i] == wanted)
			return true;
	return false;
}

static struct peer peer_of(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	struct peer peer = { .uid = (uid_t)-1 };

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return peer;
	peer.uid = cred.uid;
	peer.pid = cred.pid;
	peer.may_write = cred.uid == 0 || cred.uid == geteuid();
	peer.may_read = peer.may_write || in_group(fd, cred.gid, control.group);
	return peer;
}

/* The group that the socket's file has; our own where it has no file. */
static gid_t socket_group(int fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(address) - 1; /* a NUL stays behind the path */
	struct stat st;

	if (getsockname(fd, (struct sockaddr *)&address, &len) == 0 &&
	    address.sun_family == AF_UNIX && address.sun_path[0] == '/' &&
	    stat(address.sun_path, &st) == 0 && S_ISSOCK(st.st_mode))
		return st.st_gid;
	return getegid();
}

/* --- words to and from a client ----------------------------------------- */

/* Waits for the client; false when it is too late, or time to stop. */
static bool await(const struct client *client, short events)
{
	struct pollfd fds[] = { { .fd = client->fd, .events = events },
				{ .fd = control.stop_fd, .events = POLLIN } };

	for (;;) {
		int64_t left = client->patience - monotonic_ms();
		int ready;

		if (left <= 0)
			return false;
		ready = poll(fds, 2, (int)left);
		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0 || fds[1].revents != 0)
			return false;
		return true;
	}
}

static bool send_all(const struct client *client, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = send(client->fd, text, len,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n >= 0) {
			text += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			if (!await(client, POLLOUT))
				return false;
		} else if (errno != EINTR) {
			return false;
		}
	}
	return true;
}

/* A control_sink. */
static bool send_line(void *context, json_t *answer)
{
	struct client *client = context;
	char *text = json_dumps(answer, JSON_COMPACT);
	bool sent = false;

	if (text != NULL) {
		client->patience = monotonic_ms() + CONTROL_PATIENCE_MS;
		sent = send_all(client, text, strlen(text)) &&
		       send_all(client, "\n", 1);
	}
	free(text);
	if (!sent)
		shutdown(client->fd, SHUT_RDWR);
	return sent;
}

/* A control_sink's.  One who only ended his own words still listens. */
static bool has_gone(void *context)
{
	const struct client *client = context;
	struct pollfd fds[] = { { .fd = client->fd },
				{ .fd = control.stop_fd, .events = POLLIN } };

	return poll(fds, 2, 0) > 0 &&
	       (fds[1].revents != 0 ||
		(fds[0].revents & (POLLHUP | POLLERR)) != 0);
}

static void send_refusal(struct client *client, const char *code,
			 const char *why)
{
	json_t *refusal = control_refusal(code, "%s", why);

	if (refusal != NULL)
		send_line(client, refusal);
	json_decref(refusal);
}

/*
 * Reads until a whole line is there; its length with the LF, or 0 when there
 * will be none.
 */
static size_t read_line(struct client *client)
{
	size_t seen = 0;

	for (;;) {
		char *end =
			memchr(client->line + seen, '\n', client->have - seen);
		ssize_t n;

		if (end != NULL)
			return (size_t)(end - client->line) + 1;
		seen = client->have;
		if (client->have == CONTROL_LINE_MAX) {
			send_refusal(client, "wrong",
				     "a request has at most 65536 bytes");
			return 0;
		}
		if (!await(client, POLLIN))
			return 0;
		n = recv(client->fd, client->line + client->have,
			 CONTROL_LINE_MAX - client->have, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			return 0;
		if (n > 0)
			client->have += (size_t)n;
	}
}

static void answer(struct client *client, size_t len)
{
	const struct control_sink sink = { .line = send_line,
					   .gone = has_gone,
					   .context = client };
	bool good = false;
	const char *verb;

	verb = control_answer(&control.context, client->peer.may_write,
			      client->line, len, &sink, &good);
	if (verb != NULL)
		log_event(LOG_NOTICE, "control", "verb=%s uid=%d pid=%d ok=%d",
			  verb, (int)client->peer.uid, (int)client->peer.pid,
			  good);
}

static void *serve_client(void *context)
{
	struct client *client = context;
	size_t len;

	setpriority(PRIO_PROCESS, (id_t)gettid(), POLITENESS);
	client->patience = monotonic_ms() + CONTROL_PATIENCE_MS;
	while ((len = read_line(client)) > 0) {
		answer(client, len);
		client->have -= len;
		memmove(client->line, client->line + len, client->have);
		client->patience = monotonic_ms() + CONTROL_PATIENCE_MS;
	}
	close(client->fd);
	free(client);
	pthread_mutex_lock(&control.lock);
	control.clients--;
	pthread_cond_signal(&control.left);
	pthread_mutex_unlock(&control.lock);
	return NULL;
}

/* --- the door ----------------------------------------------------------- */

/* Says no to one who gets no thread; what does not go out at once is lost. */
static void turn_away(int fd, const char *code, const char *why)
{
	struct client client = { .fd = fd };

	send_refusal(&client, code, why);
}

/* Local users could fill the log with this, so one line a second must do. */
static void log_denied(const struct peer *peer)
{
	static int64_t last = -1000;
	static unsigned untold;
	int64_t now = monotonic_ms();

	if (now - last < 1000) {
		untold++;
		return;
	}
	log_event(LOG_WARNING, "C1", "denied=control uid=%d pid=%d more=%u",
		  (int)peer->uid, (int)peer->pid, untold);
	untold = 0;
	last = now;
}

static bool room_take(void)
{
	bool taken;

	pthread_mutex_lock(&control.lock);
	taken = control.clients < CONTROL_CLIENTS;
	control.clients += taken;
	pthread_mutex_unlock(&control.lock);
	return taken;
}

static void room_give(void)
{
	pthread_mutex_lock(&control.lock);
	control.clients--;
	pthread_mutex_unlock(&control.lock);
}

static bool start_thread(pthread_t *ret_thread, bool detached,
			 void *(*run)(void *), void *context)
{
	pthread_attr_t attr;
	bool started;

	if (pthread_attr_init(&attr) != 0)
		return false;
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	if (detached)
		pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	started = pthread_create(ret_thread, &attr, run, context) == 0;
	pthread_attr_destroy(&attr);
	return started;
}

static bool client_start(int fd, const struct peer *peer)
{
	struct client *client = malloc(sizeof(*client));
	pthread_t thread;

	if (client == NULL)
		return false;
	client->fd = fd;
	client->peer = *peer;
	client->have = 0;
	if (start_thread(&thread, true, serve_client, client))
		return true;
	free(client);
	return false;
}

static void take_client(int fd)
{
	struct peer peer = peer_of(fd);

	if (!peer.may_read) {
		log_denied(&peer);
		turn_away(fd, "denied",
			  "only root, the filter's own user and members of the "
			  "socket's group may ask");
	} else if (!room_take()) {
		turn_away(fd, "busy", "eight others are asking; try again");
	} else if (client_start(fd, &peer)) {
		return;
	} else {
		room_give();
		turn_away(fd, "busy", "no memory for another thread");
	}
	close(fd);
}

static void *serve(void *unused)
{
	struct pollfd fds[] = { { .fd = control.listen_fd, .events = POLLIN },
				{ .fd = control.stop_fd, .events = POLLIN } };

	(void)unused;
	for (;;) {
		int fd;

		poll(fds, 2, -1);
		if (fds[1].revents != 0)
			return NULL;
		fd = accept4(control.listen_fd, NULL, NULL,
			     SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0)
			take_client(fd);
		else if (errno != EAGAIN && errno != EINTR &&
			 errno != ECONNABORTED)
			poll(&fds[1], 1, FULL_PAUSE_MS);
	}
}

int control_start(int listen_fd, const struct control_context *context)
{
	sigset_t all, before;
	bool started;

	control.context = *context;
	control.listen_fd = listen_fd;
	control.group = socket_group(listen_fd);
	control.clients = 0;
	control.stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (control.stop_fd < 0)
		return -1;
	/* Signals are for others; the clients' threads inherit this. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	started = start_thread(&control.thread, false, serve, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (started)
		return 0;
	close(control.stop_fd);
	control.stop_fd = -1;
	errno = EAGAIN;
	return -1;
}

void control_stop(void)
{
	uint64_t one = 1;

	if (control.stop_fd < 0)
		return;
	if (write(control.stop_fd, &one, sizeof(one)) < 0)
		return; /* an eventfd takes this always */
	pthread_join(control.thread, NULL);
	pthread_mutex_lock(&control.lock);
	while (control.clients > 0)
		pthread_cond_wait(&control.left, &control.lock);
	pthread_mutex_unlock(&control.lock);
	close(control.stop_fd);
	control.stop_fd = -1;
}
