/*
 * fields.h - fields that tell of facts, for what fuzzes them: values and facts
 * made of an input's bytes, and the form that our own fields have.
 *
 * What cannot be ends the program, as CLAIM() does.
 */
#ifndef STEELYARD_TESTS_FUZZ_FIELDS_H
#define STEELYARD_TESTS_FUZZ_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rules/arena.h"
#include "rules/facts.h"

enum {
	FIELDS_VALUE_MAX = 16384,
	FIELDS_TEXT_MAX = 320, /* no longer text is told */
};

/*
 * Bytes from 0x80 on stand for the pieces, the first of them for the first; all
 * others for themselves.  Returns the value's length.  No piece may be longer
 * than 31 bytes.  Stops where another might not fit.
 */
size_t fields_expand(const uint8_t *data, size_t size,
		     const char *const *pieces, size_t count,
		     char value[FIELDS_VALUE_MAX]);

/* What is left of an input. */
struct fields_input {
	const uint8_t *at, *end;
	struct arena *arena; /* where texts are kept */
};

/* A byte's worth; 0 after the end. */
unsigned fields_number(struct fields_input *in, unsigned below);

/* Up to this byte, which is taken too, or to 700 bytes. */
char *fields_text(struct fields_input *in, char end, size_t *ret_len);

/* 0, 1, 2: none, unknown, waived.  True: another, a value is to be set. */
bool fields_state(struct facts *facts, enum fact_id id, unsigned number);

/* Printable ASCII, neither empty nor too long: a field has to tell it. */
bool fields_is_fit(struct text text);

/* Printable lines of a length that is allowed, folded by a tab. */
void fields_check_form(const char *name, const char *value);

#endif
