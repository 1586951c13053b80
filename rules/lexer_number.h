/*
 * lexer_number.h - figures as rule files write them: 1.5, 36d, 64KiB.
 */
#ifndef STEELYARD_RULES_LEXER_NUMBER_H
#define STEELYARD_RULES_LEXER_NUMBER_H

#include <stddef.h>
#include <stdint.h>

#include "rules/lexer.h"

struct figure {
	enum token_kind kind; /* NUMBER, TIME, SIZE; BARE if it is no figure */
	int64_t number; /* hundredths, seconds, bytes; 0 if something is wrong
			 */
	const char *message; /* NULL: all is well */
	const char *hint; /* or NULL */
	size_t at; /* what is wrong begins here */
};

/* Reads all of `text`; never fails to say which kind was meant. */
struct figure figure_read(const char *text, size_t len);

#endif
