/* greylist_clock.c - the kernel's clocks, see greylist_clock.h. */
#include "lists/greylist_clock.h"

#include <fcntl.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "lists/hash.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static uint64_t run;

/* A new UUID with each boot, 36 letters and a newline (random(4)). */
static void find_run(void)
{
	char id[36];
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (read(fd, id, sizeof(id)) == (ssize_t)sizeof(id))
		run = hash_digest(id, sizeof(id)).word[0];
	close(fd);
}

static int64_t seconds(clockid_t clock)
{
	struct timespec now;

	if (clock_gettime(clock, &now) < 0 || now.tv_sec < 0)
		return 0;
	return now.tv_sec < GREYLIST_TIME_MAX ? now.tv_sec : GREYLIST_TIME_MAX;
}

struct greylist_time greylist_now(void)
{
	pthread_once(&once, find_run);
	return (struct greylist_time){ .wall = seconds(CLOCK_REALTIME),
				       .up = seconds(CLOCK_BOOTTIME),
				       .run = run };
}
