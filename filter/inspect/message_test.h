/*
 * message_test.h - faults on demand, in a program made for tests alone.
 *
 * Compiled with TEST_FAULTS, the reader obeys the header field X-Test-Fault:
 * "crash" dies of SIGSEGV, "abort" of SIGABRT, "hang" spins for ever, "exit"
 * leaves, "escape" tries to open a file, "garbage" has the channel answer with
 * what is no packet.  A HELO of "crash.x-test-fault" does the same to an
 * envelope, and so does the selector of a signature when that is verified.
 * Elsewhere this is nothing at all.
 */
#ifndef STEELYARD_INSPECT_MESSAGE_TEST_H
#define STEELYARD_INSPECT_MESSAGE_TEST_H

#include <stdbool.h>

struct header_field;

#ifdef TEST_FAULTS
void message_test_fault(const struct header_field *field);
void message_test_helo(const char *helo); /* NULL is fine */
void message_test_selector(const char *selector);
/* The last message of this thread asked for garbage; asking resets it. */
bool message_test_garbage(void);
#else
static inline void message_test_fault(const struct header_field *field)
{
	(void)field;
}

static inline void message_test_helo(const char *helo)
{
	(void)helo;
}

static inline void message_test_selector(const char *selector)
{
	(void)selector;
}

static inline bool message_test_garbage(void)
{
	return false;
}
#endif

#endif
