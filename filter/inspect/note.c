/*
 * note.c - async-signal-safe from end to end.
 */
#include "filter/inspect/note.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct note *page;

/* Static TLS: no allocation on first use, so a handler may read it. */
static _Thread_local volatile uint32_t my_channel;
static _Thread_local volatile uint64_t my_message;

int note_open(int fd)
{
	void *at = mmap(NULL, NOTE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			0);

	if (at == MAP_FAILED)
		return -1;
	page = at;
	return 0;
}

void note_thread(uint32_t channel)
{
	my_channel = channel;
	my_message = 0;
}

void note_message(uint64_t number)
{
	my_message = number;
}

static void last_words(int sig)
{
	/*
	 * SA_RESETHAND: what comes now is deadly.  A fault comes again when we
	 * return; what was raised must be raised again, and by this thread,
	 * since abort() would call functions that the jail forbids.
	 */
	if (page != NULL && my_message != 0 &&
	    __atomic_exchange_n(&page->claimed, 1, __ATOMIC_SEQ_CST) == 0) {
		page->channel = my_channel;
		page->number = my_message;
		page->signal = sig;
		__atomic_store_n(&page->magic, (uint32_t)NOTE_MAGIC,
				 __ATOMIC_SEQ_CST);
	}
	raise(sig);
}

void note_handlers(void)
{
	static const int fatal[] = { SIGSEGV, SIGBUS, SIGABRT, SIGFPE,
				     SIGILL,  SIGSYS, SIGTRAP };
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = last_words;
	action.sa_flags = (int)(SA_ONSTACK | SA_RESETHAND | SA_NODEFER);
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
		sigaction(fatal[i], &action, NULL);
}

void note_stack(void *stack)
{
	const stack_t alternate = { .ss_sp = stack, .ss_size = NOTE_STACK };

	sigaltstack(&alternate, NULL);
}

_Bool note_read(int fd, struct note *ret_note)
{
	struct note note;
	ssize_t got;

	do
		got = pread(fd, &note, sizeof(note), 0);
	while (got < 0 && errno == EINTR);
	if (got != (ssize_t)sizeof(note) || note.magic != NOTE_MAGIC)
		return false;
	*ret_note = note;
	return true;
}
