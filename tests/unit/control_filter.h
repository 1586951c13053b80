/*
 * control_filter.h - a filter for the tests of the control socket: a
 * configuration in a folder, and a few functions.
 */
#ifndef TESTS_CONTROL_FILTER_H
#define TESTS_CONTROL_FILTER_H

#include <stdatomic.h>
#include <stdbool.h>

#include "filter/control.h"

extern const struct control_context filter; /* one that runs */
extern const struct control_context nobody; /* one that does not */
extern const struct control_context deaf; /* one that cannot ask DNS */

extern atomic_uint reloads; /* how often it was reloaded */
extern bool reload_good; /* whether the next one succeeds */

/* cmocka's, around each test. */
int filter_setup(void **state);
int filter_teardown(void **state);

/* A name in the filter's folder; valid until the next call. */
const char *path_of(const char *name);
void write_file(const char *name, const char *text);
char *read_all(const char *name); /* the same */

#endif
