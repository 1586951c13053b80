/*
 * authres_reader.h - readers of Authentication-Results: one as strict as RFC
 * 8601, one that is slow, and some that take what they get.
 */
#ifndef STEELYARD_TESTS_AUTHRES_READER_H
#define STEELYARD_TESTS_AUTHRES_READER_H

#include <stdbool.h>
#include <stddef.h>

enum {
	READ_RESULTS_MAX = 32,
	READ_PROPERTIES_MAX = 8,
	READ_VALUE_MAX = 1024,
};

struct read_property {
	char name[64]; /* such as "header.d" */
	char value[READ_VALUE_MAX]; /* without its quotes */
};

struct read_result {
	char method[64], result[64];
	char reason[READ_VALUE_MAX]; /* "" if there is none */
	struct read_property properties[READ_PROPERTIES_MAX];
	size_t count;
};

struct read_field {
	char id[READ_VALUE_MAX];
	struct read_result results[READ_RESULTS_MAX];
	size_t count; /* 0: "none" */
};

/* False if it is not what section 2.2 allows, to the letter. */
bool authres_read(struct read_field *field, const char *value);

/*
 * Is this ours?  The same question as authres_is_ours(), answered by rewriting
 * the value, manner by manner; of bytes beyond ASCII it knows only that they
 * may be skipped, and of encoded words nothing.
 */
bool authres_slowly(const char *id, const char *value, size_t len);

/* Does any of some simple readers, as they are written, see this id? */
bool authres_leniently(const char *id, const char *value, size_t len);

/* Does it begin, well-formed, with a host name in ASCII that is another? */
bool authres_names_another(const char *id, const char *value, size_t len);

#endif
