/*
 * print.h - output for people: aligned, and safe for their terminal.
 *
 * What comes from messages, files and the filter may hold anything; control
 * characters, those that reverse the writing direction, and what is not UTF-8
 * are printed as \xNN.
 */
#ifndef STEELYARD_CTL_PRINT_H
#define STEELYARD_CTL_PRINT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* One line; newlines are escaped too. */
void print_escaped(FILE *out, const char *text);
/* Several lines: newlines and tabs stay. */
void print_lines(FILE *out, const char *text);

/* The same as a new string; NULL without memory. */
char *escaped(const char *text);

/* JSON as one line, or indented where somebody looks; always ASCII. */
void print_json(const json_t *value);

/* A table; the text of cells is copied and escaped. */
struct table;
struct table *table_new(size_t columns); /* ends the program without memory */
void table_cell(struct table *table, const char *text); /* NULL: "-" */
/* Prints rows that are full, each column as wide as it needs; frees. */
void table_print(struct table *table, FILE *out);

/* "2026-11-22 11:02:03", local time. */
enum { TIME_TEXT = 32 };
const char *time_text(int64_t seconds, char buffer[TIME_TEXT]);
/* "3d 4h", "12m 5s" */
const char *duration_text(int64_t seconds, char buffer[TIME_TEXT]);

#endif
