/*
 * scarce.c - preloaded into the filter, lets memory and threads run short.
 *
 * Works in the filter process alone.  How often what fails is told, while it
 * runs, by a file beside this library, its name and ".control", that holds a
 * struct control; the counters in it are for the test to read.
 *
 * libmilter closes a link when memory fails under itself, and nobody can tell
 * it otherwise: it is spared unless asked for.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct control {
	_Atomic uint32_t memory; /* of a million allocations fail */
	_Atomic uint32_t threads; /* of a million starts */
	_Atomic uint32_t libmilter_too;
	_Atomic uint32_t unused;
	_Atomic uint64_t allocations;
	_Atomic uint64_t failed;
	_Atomic uint64_t failed_threads;
};

/* What these are in glibc, below the names that we take. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static struct control *control;
static uintptr_t spared[2][2]; /* libmilter, the dynamic linker: from, to */
static _Atomic uint64_t state = 88172645463325252ull;

static void spare(const struct dl_phdr_info *info, unsigned which)
{
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];

		if (part->p_type != PT_LOAD || (part->p_flags & PF_X) == 0)
			continue;
		spared[which][0] = info->dlpi_addr + part->p_vaddr;
		spared[which][1] = spared[which][0] + part->p_memsz;
	}
}

static int find(struct dl_phdr_info *info, size_t size, void *unused)
{
	(void)size;
	(void)unused;
	if (strstr(info->dlpi_name, "libmilter") != NULL)
		spare(info, 0);
	if (strstr(info->dlpi_name, "/ld-") != NULL)
		spare(info, 1);
	return 0;
}

__attribute__((constructor)) static void begin(void)
{
	char path[4096];
	Dl_info self;
	int fd;

	if (strcmp(program_invocation_name, "steelyard: filter") != 0 ||
	    dladdr(&control, &self) == 0)
		return;
	dl_iterate_phdr(find, NULL);
	snprintf(path, sizeof(path), "%s.control", self.dli_fname);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	control = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE,
		       MAP_SHARED, fd, 0);
	if (control == MAP_FAILED)
		control = NULL;
	close(fd);
}

/* xorshift64; that threads share it makes it no less random. */
static bool luckless(uint32_t of_a_million)
{
	uint64_t x = atomic_load_explicit(&state, memory_order_relaxed);

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	atomic_store_explicit(&state, x, memory_order_relaxed);
	return (x >> 11) % 1000000 < of_a_million;
}

static bool within(const uintptr_t range[2], const void *caller)
{
	return (uintptr_t)caller >= range[0] && (uintptr_t)caller < range[1];
}

static bool fails(const void *caller)
{
	if (control == NULL || control->memory == 0 ||
	    within(spared[1], caller) ||
	    (within(spared[0], caller) && !control->libmilter_too))
		return false;
	atomic_fetch_add(&control->allocations, 1);
	if (!luckless(control->memory))
		return false;
	atomic_fetch_add(&control->failed, 1);
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL
						  : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL
						  : __libc_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return fails(__builtin_return_address(0))
		       ? NULL
		       : __libc_memalign(alignment, size);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attr,
		   void *(*run)(void *), void *argument)
{
	static int (*real)(pthread_t *, const pthread_attr_t *,
			   void *(*)(void *), void *);

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
	if (control != NULL && luckless(control->threads)) {
		atomic_fetch_add(&control->failed_threads, 1);
		return EAGAIN;
	}
	return real(thread, attr, run, argument);
}
