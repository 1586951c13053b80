/*
 * note.h - the last words of an inspector: which message killed it.
 *
 * One page of shared memory, made by the supervisor.  A thread writes down what
 * it is about to read in a place of its own; the fatal-signal handler copies
 * that to the page.  The filter reads the page with pread(), when the inspector
 * is dead, and believes it no further than it can check.
 */
#ifndef STEELYARD_INSPECT_NOTE_H
#define STEELYARD_INSPECT_NOTE_H

#include <stdint.h>

enum { NOTE_SIZE = 4096, NOTE_MAGIC = 0x53594e31 };

struct note {
	uint32_t magic; /* set last */
	uint32_t channel;
	uint64_t number; /* of the message */
	int32_t signal;
	uint32_t claimed; /* the first thread to die writes */
};

/* Maps the page for note_write(); -1 and errno on failure. */
int note_open(int fd);

/*
 * What this thread works on; 0 for nothing.  Kept for the signal handler.
 */
void note_thread(uint32_t channel);
void note_message(uint64_t number);

/*
 * Handles SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGSYS and SIGTRAP: notes,
 * then dies of the signal.  note_stack() gives the calling thread the stack for
 * it, NOTE_STACK bytes that stay.
 */
enum { NOTE_STACK = 16384 };
void note_handlers(void);
void note_stack(void *stack);

/* Reads a dead inspector's note; false if there is none. */
_Bool note_read(int fd, struct note *ret_note);

#endif
