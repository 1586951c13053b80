/*
 * message_test.c - the faults; no part of the program that is shipped.
 */
#ifndef TEST_FAULTS
#error "only for tests"
#endif

#include "filter/inspect/message_test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rules/mail/ascii.h"
#include "rules/mail/header.h"

static _Thread_local bool garbage;
static char *volatile nowhere; /* hidden from the compiler */

static bool asks_for(const struct header_field *field, const char *what)
{
	const char *at = field->value;
	size_t len = field->value_len;

	while (len > 0 && ascii_is_blank(*at)) {
		at++;
		len--;
	}
	return ascii_equal(at, len, what, strlen(what));
}

void message_test_fault(const struct header_field *field)
{
	if (!header_is(field, "x-test-fault"))
		return;
	if (asks_for(field, "crash"))
		*nowhere = 1;
	if (asks_for(field, "abort"))
		abort();
	if (asks_for(field, "exit"))
		_exit(3);
	if (asks_for(field, "escape"))
		(void)!open("/etc/passwd", O_RDONLY);
	garbage |= asks_for(field, "garbage");
	/* a compiler may take a loop without effects for one that ends */
	if (asks_for(field, "hang"))
		for (volatile bool hangs = true; hangs;)
			;
}

void message_test_helo(const char *helo)
{
	static const char name[] = "x-test-fault";
	const char *dot = helo == NULL ? NULL : strchr(helo, '.');
	const struct header_field field = {
		.name = name,
		.name_len = sizeof(name) - 1,
		.value = helo,
		.value_len = dot == NULL ? 0 : (size_t)(dot - helo),
	};

	if (dot != NULL && strcmp(dot + 1, name) == 0)
		message_test_fault(&field);
}

void message_test_selector(const char *selector)
{
	message_test_helo(selector);
}

bool message_test_garbage(void)
{
	bool asked = garbage;

	garbage = false;
	return asked;
}
