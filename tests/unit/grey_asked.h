/*
 * grey_asked.h - a filter that remembers, for the tests of the verb `greylist`:
 * one who waits, one who has passed, one who is trapped, one who was written
 * to.
 */
#ifndef TESTS_UNIT_GREY_ASKED_H
#define TESTS_UNIT_GREY_ASKED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

#include "filter/control.h"
#include "filter/control_verbs.h"
#include "lists/store.h"
#include "tests/unit/store_memory.h"

#define NET "net:192.0.2.0/24"
#define KEY NET " a@example.org b@example.net"

extern const struct control_context grey_filter; /* one that runs */
extern const struct control_context grey_closed; /* its store is not open */
extern const struct control_context grey_unasked; /* no rule asks for one */
extern const struct control_context grey_nobody; /* none runs */

extern struct store *store; /* of the filter that runs */
extern struct greylist_time now; /* when it was filled */
extern const char *did; /* for the log, by the last request */

/* The lines of an answer, an array; the second: of {"verb":"greylist",...}. */
json_t *ask_as(const struct control_context *context, bool may_write,
	       const char *request);
json_t *ask(const char *members);

json_t *last_of(json_t *lines);
const char *text(const json_t *object, const char *key); /* or "" */
int64_t number(const json_t *object, const char *key);
bool is(const json_t *object, const char *key);
const char *code_of(json_t *lines); /* "ok", or that of a refusal */
/* The keys of all entries, in their order, each with a blank behind. */
const char *keys_of(json_t *lines);

/* cmocka's: of a group, and around each test. */
int load_all(void **state);
int unload_all(void **state);
int fill(void **state);
int empty(void **state);

#define CLAIM(test) cmocka_unit_test_setup_teardown(test, fill, empty)

#endif
