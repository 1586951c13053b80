/*
 * control_verbs.h - from one request to its answer, without a socket.
 *
 *	ping                              {"ok":true,"version":"..."}
 *	status                            processes, configuration, counts
 *	reload   force (bool)             "report" for a terminal; ok: it holds
 *	facts                             the table of facts
 *	settings                          each with value and source
 *	lists                             names, kinds, sizes, files
 *	list     name, action, entry      action show, test, add, remove
 *	refresh  name                     reads the list's file now
 *
 * The codes of refusals: "wrong" (the request), "denied", "failed" (tried, and
 * it did not work; or, the answer is no), "absent" (needs a running filter).
 * `list` with add or remove has "path" and "kind" in a failed answer where a
 * file is there that could not be written, so that somebody with other rights
 * can do it.
 */
#ifndef STEELYARD_FILTER_CONTROL_VERBS_H
#define STEELYARD_FILTER_CONTROL_VERBS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct control_context;
struct generation;

/* Where answers go. */
struct control_sink {
	/* One line, borrowed; false: nobody reads any more. */
	bool (*line)(void *context, json_t *answer);
	void *context;
};

/*
 * Answers one request of `len` bytes, whatever they are.  Any thread.  Returns
 * the name of the verb if it is one that changes something and was tried, for
 * the log, else NULL; `*ret_good` says how it came out.
 */
const char *control_answer(const struct control_context *context,
			   bool may_write, const char *request, size_t len,
			   const struct control_sink *sink, bool *ret_good);

/* {"ok":false,"code":code,"error":...}; NULL without memory. */
json_t *control_refusal(const char *code, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * control_list.c.  Whether the answer was good; `*ret_wrote` is set where
 * something was, or should have been, changed.
 */
bool control_list(const struct control_context *context, bool may_write,
		  const json_t *request, const struct control_sink *sink,
		  bool *ret_wrote);

#endif
