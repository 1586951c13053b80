/* test_listen.c - addresses read, sockets opened, what the dead left behind. */
#include "filter/listen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "filter/lock.h"

/* --- addresses ----------------------------------------------------------- */

static const struct {
	const char *text;
	enum listen_kind kind;
	const char *where; /* path or host */
	unsigned port;
} good[] = {
	{ "unix:/run/x.sock", LISTEN_UNIX, "/run/x.sock", 0 },
	{ "local:/run/x.sock", LISTEN_UNIX, "/run/x.sock", 0 },
	{ "inet:8890@127.0.0.1", LISTEN_INET, "127.0.0.1", 8890 },
	{ "inet:1@localhost", LISTEN_INET, "localhost", 1 },
	{ "inet6:65535@::1", LISTEN_INET6, "::1", 65535 },
	{ "inet:8890@[::1]", LISTEN_INET6, "::1", 8890 },
};

static const struct {
	const char *text;
	const char *why; /* part of it */
} bad[] = {
	{ "", "not unix:" },
	{ "/run/x.sock", "not unix:" },
	{ "tcp:8890@127.0.0.1", "not unix:" },
	{ "unix:", "path is missing" },
	{ "unix:/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	  "longer than 107" },
	{ "inet:", "port" },
	{ "inet:@127.0.0.1", "port" },
	{ "inet:0@127.0.0.1", "port" },
	{ "inet:65536@127.0.0.1", "port" },
	{ "inet:99999999999999999999@127.0.0.1", "port" },
	{ "inet:8890", "which address" },
	{ "inet:8890@", "which address" },
	{ "inet:8890x@127.0.0.1", "which address" },
	{ "inet:8890@[]", "empty" },
};

static void test_addresses(void **state)
{
	struct listen_address address;
	char why[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (!listen_parse(good[i].text, &address, why, sizeof(why)))
			fail_msg("%s: %s", good[i].text, why);
		assert_int_equal(address.kind, good[i].kind);
		assert_string_equal(address.kind == LISTEN_UNIX ? address.path
								: address.host,
				    good[i].where);
		assert_int_equal(address.port, good[i].port);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (listen_parse(bad[i].text, &address, why, sizeof(why)))
			fail_msg("%s was taken", bad[i].text);
		if (!strstr(why, bad[i].why))
			fail_msg("%s: %s", bad[i].text, why);
	}
}

/* --- sockets ------------------------------------------------------------- */

struct place {
	char folder[64];
	struct listen_address address;
	struct listen_rights rights;
	struct listen_socket sock;
	char why[256];
};

static int open_place(void **state)
{
	static struct place place;

	memset(&place, 0, sizeof(place));
	strcpy(place.folder, "/tmp/steelyard-listen-XXXXXX");
	if (!mkdtemp(place.folder))
		return -1;
	snprintf(place.address.path, sizeof(place.address.path),
		 "%s/run/milter.sock", place.folder);
	place.rights = (struct listen_rights){ 0660, (uid_t)-1, (gid_t)-1 };
	place.sock.fd = place.sock.lock_fd = -1;
	*state = &place;
	return 0;
}

static int close_place(void **state)
{
	struct place *p = *state;
	char command[128];

	if (p->sock.fd >= 0)
		listen_close(&p->sock);
	if (p->sock.lock_fd >= 0)
		close(p->sock.lock_fd);
	snprintf(command, sizeof(command), "rm -r '%s'", p->folder);
	return system(command);
}

static enum listen_answer open_it(struct place *p)
{
	return listen_open(&p->sock, &p->address, &p->rights, p->why,
			   sizeof(p->why));
}

static int dial(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), error = 0;

	strcpy(address.sun_path, path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		error = errno;
	close(fd);
	return error;
}

static void test_a_socket(void **state)
{
	struct place *p = *state;
	struct stat st;
	char folder[128];

	if (open_it(p) != LISTEN_OK)
		fail_msg("%s", p->why);
	assert_int_equal(dial(p->address.path), 0);
	assert_true(listen_matches(p->sock.fd, &p->address));
	assert_int_equal(stat(p->address.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	snprintf(folder, sizeof(folder), "%s/run", p->folder);
	assert_int_equal(stat(folder, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	listen_close(&p->sock);
	assert_int_equal(dial(p->address.path), ENOENT);
}

static void test_a_second_instance(void **state)
{
	struct place *p = *state;
	struct listen_socket second;
	char pid[32];

	assert_int_equal(open_it(p), LISTEN_OK);
	assert_int_equal(listen_open(&second, &p->address, &p->rights, p->why,
				     sizeof(p->why)),
			 LISTEN_RUNNING);
	snprintf(pid, sizeof(pid), "(pid %d)", (int)getpid());
	assert_non_null(strstr(p->why, pid));
	assert_int_equal(second.fd, -1);
	assert_int_equal(dial(p->address.path), 0);
}

/* Binds without a lock, as another program would. */
static int foreign(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(address.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)),
			 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void test_a_stale_socket(void **state)
{
	struct place *p = *state;

	assert_int_equal(listen_make_folder(p->folder, 0700, -1u, -1u), 0);
	snprintf(p->address.path, sizeof(p->address.path), "%s/stale",
		 p->folder);
	close(foreign(p->address.path));
	assert_int_equal(dial(p->address.path), ECONNREFUSED);
	if (open_it(p) != LISTEN_OK)
		fail_msg("%s", p->why);
	assert_int_equal(dial(p->address.path), 0);
}

static void test_somebody_elses_socket(void **state)
{
	struct place *p = *state;
	int fd;

	snprintf(p->address.path, sizeof(p->address.path), "%s/other",
		 p->folder);
	fd = foreign(p->address.path);
	assert_int_equal(open_it(p), LISTEN_FAILED);
	assert_non_null(strstr(p->why, "another program"));
	assert_int_equal(dial(p->address.path), 0);
	close(fd);
}

static void test_a_file_in_the_way(void **state)
{
	struct place *p = *state;
	struct stat st;
	int fd;

	snprintf(p->address.path, sizeof(p->address.path), "%s/file",
		 p->folder);
	fd = open(p->address.path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	assert_int_equal(open_it(p), LISTEN_FAILED);
	assert_non_null(strstr(p->why, "not a socket"));
	assert_int_equal(stat(p->address.path, &st), 0);
}

/*
 * Our predecessor was killed, and a child of it still holds the socket: the
 * lock is free, and the socket's peer is the pid in the lock.
 */
static void test_an_orphans_socket(void **state)
{
	struct place *p = *state;
	int go[2], up[2];
	char byte;
	pid_t predecessor;

	assert_int_equal(pipe(go), 0);
	assert_int_equal(pipe(up), 0);
	predecessor = fork();
	if (predecessor == 0) {
		if (open_it(p) != LISTEN_OK)
			_exit(1);
		if (fork() == 0) {
			close(p->sock.lock_fd); /* close-on-exec */
			close(go[1]);
			if (write(up[1], "u", 1) != 1)
				_exit(1);
			_exit(read(go[0], &byte, 1) < 0);
		}
		pause();
	}
	assert_int_equal(read(up[0], &byte, 1), 1);
	kill(predecessor, SIGKILL);
	waitpid(predecessor, NULL, 0);
	assert_int_equal(dial(p->address.path), 0);

	if (open_it(p) != LISTEN_OK)
		fail_msg("%s", p->why);
	assert_int_equal(dial(p->address.path), 0);
	close(go[0]);
	close(go[1]);
	close(up[0]);
	close(up[1]);
}

/* What somebody else has put in our place is not ours to remove. */
static void test_only_our_own_is_removed(void **state)
{
	struct place *p = *state;
	struct stat st;
	int fd;

	assert_int_equal(open_it(p), LISTEN_OK);
	unlink(p->address.path);
	fd = foreign(p->address.path);
	listen_close(&p->sock);
	assert_int_equal(stat(p->address.path, &st), 0);
	close(fd);
}

static uint16_t free_port(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET };
	socklen_t len = sizeof(any);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&any, len), 0);
	getsockname(fd, (struct sockaddr *)&any, &len);
	close(fd);
	return ntohs(any.sin_port);
}

static void test_a_port(void **state)
{
	struct place *p = *state;
	struct listen_socket again;

	p->address = (struct listen_address){ .kind = LISTEN_INET,
					      .host = "127.0.0.1",
					      .port = free_port() };
	if (open_it(p) != LISTEN_OK)
		fail_msg("%s", p->why);
	assert_true(listen_matches(p->sock.fd, &p->address));
	assert_true(fcntl(p->sock.fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(p->sock.fd, F_GETFL) & O_NONBLOCK);
	/* freed at once when it is closed */
	listen_close(&p->sock);
	assert_int_equal(listen_open(&again, &p->address, &p->rights, p->why,
				     sizeof(p->why)),
			 LISTEN_OK);
	p->sock = again;
	p->address.port ^= 1;
	assert_false(listen_matches(p->sock.fd, &p->address));
}

static void test_a_strange_host(void **state)
{
	struct place *p = *state;

	p->address = (struct listen_address){ .kind = LISTEN_INET,
					      .host = "192.0.2.300",
					      .port = 8890 };
	assert_int_equal(open_it(p), LISTEN_FAILED);
	assert_non_null(strstr(p->why, "192.0.2.300"));
}

/* --- folders ------------------------------------------------------------- */

static void test_exposed_folders(void **state)
{
	static const struct {
		const char *claim;
		mode_t mode;
		bool exposed;
	} rows[] = {
		{ "ours alone", 0750, false },
		{ "a group's", 0770, false },
		{ "like /tmp", 01777, false },
		{ "anybody's", 0777, true },
		{ "without looking into it", 0703, true },
	};
	struct place *p = *state;
	char path[80];

	snprintf(path, sizeof(path), "%s/x.sock", p->folder);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(chmod(p->folder, rows[i].mode), 0);
		if (listen_is_exposed(path) != rows[i].exposed)
			fail_msg("%s", rows[i].claim);
	}
	assert_int_equal(chmod(p->folder, 0700), 0);
	assert_false(listen_is_exposed("x.sock"));
	assert_false(listen_is_exposed("/x.sock"));
	assert_false(listen_is_exposed("/nowhere/x.sock"));
}

/* --- locks --------------------------------------------------------------- */

static void test_a_lock(void **state)
{
	struct place *p = *state;
	char path[128];
	pid_t pid = -1;
	int first, second;

	snprintf(path, sizeof(path), "%s/lock", p->folder);
	first = lock_take(path, (uid_t)-1, &pid);
	assert_true(first >= 0);
	assert_int_equal(pid, 0);
	assert_int_equal(lock_take(path, (uid_t)-1, &pid), -1);
	assert_int_equal(errno, EWOULDBLOCK);
	assert_int_equal(pid, getpid());

	/* it goes with whoever held it, the name stays */
	close(first);
	second = lock_take(path, (uid_t)-1, &pid);
	assert_true(second >= 0);
	assert_int_equal(pid, getpid());
	close(second);
}

static void test_a_lock_is_no_link(void **state)
{
	struct place *p = *state;
	char path[128];
	pid_t pid;

	snprintf(path, sizeof(path), "%s/lock", p->folder);
	assert_int_equal(symlink("/tmp/elsewhere", path), 0);
	assert_int_equal(lock_take(path, (uid_t)-1, &pid), -1);
	assert_int_equal(errno, ELOOP);
}

/* Opened by root, it would be emptied and given away. */
static void test_a_lock_is_nobody_elses(void **state)
{
	static const struct {
		const char *claim;
		bool linked;
		uid_t owner, uid; /* (uid_t)-1: us */
		int error; /* 0: locked */
	} rows[] = {
		{ "ours", false, (uid_t)-1, (uid_t)-1, 0 },
		{ "a second name", true, (uid_t)-1, (uid_t)-1, EMLINK },
		{ "a stranger's", false, 65534, (uid_t)-1, EPERM },
		{ "whom we become", false, 65534, 65534, 0 },
	};
	struct place *p = *state;
	char path[80], other[80];

	snprintf(path, sizeof(path), "%s/lock", p->folder);
	snprintf(other, sizeof(other), "%s/other", p->folder);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct stat st;
		pid_t pid;
		int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);

		assert_int_equal(write(fd, "precious\n", 9), 9);
		if (rows[i].owner != (uid_t)-1 &&
		    fchown(fd, rows[i].owner, (gid_t)-1) < 0) {
			assert_int_equal(geteuid() == 0, 0);
			goto next; /* only root can try that */
		}
		if (rows[i].linked)
			assert_int_equal(link(path, other), 0);
		close(fd);
		fd = lock_take(path, rows[i].uid, &pid);
		if ((fd < 0 ? errno : 0) != rows[i].error)
			fail_msg("%s: %s", rows[i].claim, strerror(errno));
		assert_int_equal(stat(path, &st), 0);
		if (rows[i].error != 0)
			assert_int_equal(st.st_size, 9);
	next:
		if (fd >= 0)
			close(fd);
		unlink(other);
		unlink(path);
	}
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(lock_take(path, (uid_t)-1, &(pid_t){ 0 }), -1);
	assert_int_equal(errno, EINVAL);
	unlink(path);
}

#define EACH(t) cmocka_unit_test_setup_teardown(t, open_place, close_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		EACH(test_a_socket),
		EACH(test_a_second_instance),
		EACH(test_a_stale_socket),
		EACH(test_somebody_elses_socket),
		EACH(test_a_file_in_the_way),
		EACH(test_an_orphans_socket),
		EACH(test_only_our_own_is_removed),
		EACH(test_a_port),
		EACH(test_a_strange_host),
		EACH(test_exposed_folders),
		EACH(test_a_lock),
		EACH(test_a_lock_is_no_link),
		EACH(test_a_lock_is_nobody_elses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
