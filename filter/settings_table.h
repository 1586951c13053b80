/*
 * settings_table.h - one row a setting; settings.c and settings_read.c share
 * it.
 */
#ifndef STEELYARD_FILTER_SETTINGS_TABLE_H
#define STEELYARD_FILTER_SETTINGS_TABLE_H

#include "filter/settings.h"

enum setting_kind {
	KIND_STRING,
	KIND_COUNT,
	KIND_TIME,
	KIND_SIZE,
	KIND_WORD,
	KIND_OCTAL,
};

/* A word that a setting may be, NULL ends the list. */
struct choice {
	const char *word;
	unsigned value;
};

struct setting_row {
	const char *name;
	enum setting_kind kind;
	size_t offset; /* in struct settings */
	const char *standard;
	uint64_t min, max;
	const struct choice *choices; /* of KIND_WORD */
	bool is_bool; /* a word that is kept as a bool */
	bool (*valid)(const char *value, const char **ret_why);
	bool needs_restart;
	bool built;
	const char *meaning;
};

enum { KIB = 1024, MIB = 1024 * KIB };
#define GIB ((uint64_t)1024 * MIB)
enum { MINUTE = 60, HOUR = 3600, DAY = 86400 };

enum { SETTINGS_MAX = 128 }; /* rows that there is room for */

const struct setting_row *settings_row(size_t index);

/* The field of a row. */
static inline void *setting_field(struct settings *settings,
				  const struct setting_row *row)
{
	return (char *)settings + row->offset;
}

static inline const void *setting_field_of(const struct settings *settings,
					   const struct setting_row *row)
{
	return (const char *)settings + row->offset;
}

/* 90 as "90s", 1048576 as "1MiB". */
void setting_print_number(enum setting_kind kind, uint64_t number, char *buffer,
			  size_t size);

#endif
