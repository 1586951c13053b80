/*
 * test_jail.c - each way out, tried from inside.
 *
 * A child with two threads goes to jail; then one of them tries.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "filter/inspect/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "rules/mail/charset.h"

static int channel; /* one end of a pair */
static struct charsets *charsets;

/* --- what kills --------------------------------------------------------- */

/* System calls by number: a sanitizer's wrappers would do more than asked. */

static void open_file(void)
{
	syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY, 0);
}

static void open_old(void)
{
	syscall(SYS_open, "/etc/passwd", O_RDONLY);
}

static void open_socket(void)
{
	syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
}

static void run_program(void)
{
	char *const argv[] = { (char *)"true", NULL };

	syscall(SYS_execve, "/bin/true", argv, NULL);
}

static void fork_child(void)
{
	syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static void fork_old(void)
{
	syscall(SYS_fork);
}

static void map_code(void)
{
	syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_EXEC,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void make_code(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	syscall(SYS_mprotect, page, 4096, PROT_READ | PROT_EXEC);
}

static void map_file(void)
{
	syscall(SYS_mmap, NULL, 4096, PROT_READ, MAP_SHARED, channel, 0);
}

static void trace_parent(void)
{
	syscall(SYS_ptrace, PTRACE_ATTACH, getppid(), 0, 0);
}

static void signal_parent(void)
{
	syscall(SYS_kill, getppid(), SIGTERM);
}

static void signal_others_thread(void)
{
	syscall(SYS_tgkill, 1, 1, SIGTERM);
}

static void write_elsewhere(void)
{
	syscall(SYS_write, channel, "x", 1);
}

static void allow_core(void)
{
	syscall(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static void more_files(void)
{
	const struct rlimit many = { 100, 100 };

	syscall(SYS_setrlimit, RLIMIT_NOFILE, &many);
}

static void receive_by_io_uring(void)
{
	syscall(SYS_io_uring_setup, 1, NULL);
}

/* A message that is sent so may carry descriptors, and so may one received. */
static void pass_descriptors(void)
{
	struct msghdr message = { 0 };

	syscall(SYS_sendmsg, channel, &message, MSG_DONTWAIT);
}

static void take_descriptors(void)
{
	struct msghdr message = { 0 };

	syscall(SYS_recvmsg, channel, &message, MSG_DONTWAIT);
}

/* --- what goes on working ----------------------------------------------- */

static void use_channel(void)
{
	char c;

	if (send(channel, "x", 1, MSG_NOSIGNAL) != 1 ||
	    recv(channel, &c, 1, MSG_DONTWAIT) >= 0)
		_exit(2);
}

static void use_memory(void)
{
	for (int i = 1; i < 50; i++) {
		char *small = malloc((size_t)i * 100);
		char *large = malloc((size_t)i * 40000);

		large = realloc(large, (size_t)i * 80000);
		if (small == NULL || large == NULL)
			_exit(2);
		memset(large, 1, (size_t)i * 80000);
		free(small);
		free(large);
	}
}

static void use_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	clock_gettime(CLOCK_MONOTONIC, &now);
}

static void use_charsets(void)
{
	static const char *const names[] = { "koi8-r", "gb18030", "big5",
					     "iso-2022-jp", "windows-1251" };
	char out[CHARSET_ROOM(4)];
	size_t len;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		charset_to_utf8(charsets, names[i], strlen(names[i]), "abcd", 4,
				out, &len);
}

static void say_on_stderr(void)
{
	if (write(STDERR_FILENO, "", 0) != 0)
		_exit(2);
}

static void give_up(void)
{
	abort();
}

static const struct attempt {
	const char *claim;
	void (*run)(void);
	int signal; /* that it dies of; 0: it lives */
} attempts[] = {
	{ "opens a file", open_file, SIGSYS },
	{ "opens a file in the old way", open_old, SIGSYS },
	{ "opens a socket", open_socket, SIGSYS },
	{ "runs a program", run_program, SIGSYS },
	{ "forks", fork_child, SIGSYS },
	{ "forks in the old way", fork_old, SIGSYS },
	{ "maps code", map_code, SIGSYS },
	{ "makes data executable", make_code, SIGSYS },
	{ "maps a descriptor", map_file, SIGSYS },
	{ "traces its parent", trace_parent, SIGSYS },
	{ "signals its parent", signal_parent, SIGSYS },
	{ "signals a foreign thread", signal_others_thread, SIGSYS },
	{ "writes elsewhere than to stderr", write_elsewhere, SIGSYS },
	{ "changes its process", allow_core, SIGSYS },
	{ "lifts its limits", more_files, SIGSYS },
	{ "goes round the list by io_uring", receive_by_io_uring, SIGSYS },
	{ "passes descriptors on", pass_descriptors, SIGSYS },
	{ "takes descriptors", take_descriptors, SIGSYS },
	{ "uses its channel", use_channel, 0 },
	{ "uses memory", use_memory, 0 },
	{ "asks the clock", use_clock, 0 },
	{ "converts charsets opened before", use_charsets, 0 },
	{ "writes to stderr", say_on_stderr, 0 },
	{ "aborts", give_up, SIGABRT },
};

/* --- the child ---------------------------------------------------------- */

static pthread_barrier_t gate; /* thread is up; door is closed */

static void *prisoner(void *context)
{
	const struct attempt *attempt = context;

	pthread_barrier_wait(&gate);
	pthread_barrier_wait(&gate);
	attempt->run();
	return NULL;
}

static void child(const struct attempt *attempt, bool by_thread)
{
	pthread_t thread;
	const char *step;

	for (int sig = 1; sig < 32; sig++) /* cmocka's, a sanitizer's */
		signal(sig, SIG_DFL);
	pthread_barrier_init(&gate, NULL, 2);
	if (by_thread) {
		pthread_create(&thread, NULL, prisoner, (void *)attempt);
		pthread_barrier_wait(&gate);
	}
	if (jail_enter(&step) < 0) {
		fprintf(stderr, "jail: %s: %s\n", step, strerror(errno));
		_exit(3);
	}
	if (by_thread) {
		pthread_barrier_wait(&gate);
		pthread_join(thread, NULL);
	} else {
		attempt->run();
	}
	_exit(0);
}

static void try(const struct attempt *attempt, bool by_thread)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		child(attempt, by_thread);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (attempt->signal == 0 && status != 0)
		fail_msg("%s: must live, status %#x", attempt->claim,
			 (unsigned)status);
	if (attempt->signal != 0 &&
	    !(WIFSIGNALED(status) && WTERMSIG(status) == attempt->signal))
		fail_msg("%s: must die, status %#x", attempt->claim,
			 (unsigned)status);
}

static void attempts_end_as_they_should(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		try(&attempts[i], false);
		try(&attempts[i], true);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attempts_end_as_they_should),
	};
	int pair[2], failed;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return 1;
	channel = pair[0];
	charsets = charset_open();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	charset_close(charsets);
	return failed;
}
