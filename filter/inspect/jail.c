/*
 * jail.c - rlimits and a list of system calls (the one door to libseccomp).
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "filter/inspect/jail.h"

#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* Address space; an inspector at work takes a few per cent of it. */
#define MEMORY_MAX ((rlim_t)512 * 1024 * 1024)

static const int allowed[] = {
	/* the channels; the first ones are looked up soonest */
	SCMP_SYS(recvfrom),
	SCMP_SYS(sendto),
	SCMP_SYS(futex),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(read),
	SCMP_SYS(close),
	/* malloc */
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	/* the clock, where the vDSO does not answer */
	SCMP_SYS(clock_gettime),
	/* threads and their end */
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
#ifdef SANITIZED
	/*
	 * The run time of a sanitizer yields or sleeps while it waits for a
	 * lock, asks for its own limits, looks after signal stacks, and may
	 * have a thread of its own that is only starting.
	 */
	SCMP_SYS(sched_yield),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(rseq),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(nanosleep),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(getrusage),
	SCMP_SYS(getrlimit),
	SCMP_SYS(getuid),
	SCMP_SYS(sched_getaffinity),
#endif
};

static int limit(int what, rlim_t most)
{
	const struct rlimit both = { .rlim_cur = most, .rlim_max = most };

	return setrlimit((__rlimit_resource_t)what, &both);
}

static int jail_limits(void)
{
	/* poll() takes no more descriptors than that: it waits for one. */
	if (limit(RLIMIT_CORE, 0) < 0 || limit(RLIMIT_NOFILE, 1) < 0 ||
	    limit(RLIMIT_NPROC, 0) < 0)
		return -1;
#ifndef SANITIZED
	/* Sanitizers map terabytes, and report to files. */
	if (limit(RLIMIT_FSIZE, 0) < 0 || limit(RLIMIT_AS, MEMORY_MAX) < 0)
		return -1;
#endif
	return 0;
}

static int jail_process(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return -1;
#ifndef SANITIZED
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return -1;
#endif
	return 0;
}

/* Those whose arguments matter. */
static int jail_conditions(scmp_filter_ctx ctx)
{
	const uint32_t allow = SCMP_ACT_ALLOW;
	const struct scmp_arg_cmp no_exec =
		SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	const struct scmp_arg_cmp anonymous =
		SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS);
	const struct scmp_arg_cmp to_stderr =
		SCMP_A0(SCMP_CMP_EQ, STDERR_FILENO, 0);
	/* abort() and raise(), nobody else's threads */
	const struct scmp_arg_cmp self =
		SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0);

	if (seccomp_rule_add(ctx, allow, SCMP_SYS(mmap), 2, no_exec,
			     anonymous) != 0 ||
	    seccomp_rule_add(ctx, allow, SCMP_SYS(mprotect), 1, no_exec) != 0 ||
	    seccomp_rule_add(ctx, allow, SCMP_SYS(write), 1, to_stderr) != 0 ||
	    seccomp_rule_add(ctx, allow, SCMP_SYS(writev), 1, to_stderr) != 0 ||
	    seccomp_rule_add(ctx, allow, SCMP_SYS(tgkill), 1, self) != 0)
		return -1;
	return 0;
}

static int jail_calls(void)
{
	const size_t count = sizeof(allowed) / sizeof(allowed[0]);
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int answer = -1;

	if (ctx == NULL) {
		errno = ENOMEM;
		return -1;
	}
	errno = EINVAL; /* libseccomp does not always set it */
	if (seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH,
			     SCMP_ACT_KILL_PROCESS) != 0 ||
	    seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1) != 0)
		goto done;
	for (size_t i = 0; i < count; i++) {
		unsigned priority = i < 8 ? 255 - (unsigned)i : 1;

		if (seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0) != 0)
			goto done;
		(void)seccomp_syscall_priority(ctx, allowed[i],
					       (uint8_t)priority);
	}
	if (jail_conditions(ctx) < 0)
		goto done;
	answer = seccomp_load(ctx);
	if (answer < 0)
		errno = -answer;
done:
	seccomp_release(ctx);
	return answer < 0 ? -1 : 0;
}

int jail_enter(const char **ret_step)
{
	*ret_step = "prctl";
	if (jail_process() < 0)
		return -1;
	*ret_step = "setrlimit";
	if (jail_limits() < 0)
		return -1;
	*ret_step = "seccomp";
	return jail_calls();
}
