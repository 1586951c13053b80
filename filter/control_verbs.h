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
 *	dns      action                   action query, stats, flush
 *	                                  query: name, type ("A"; "PTR" if the
 *	                                  name is an address)
 *	dnsbl    action                   action health, ask; ask: subject, an
 *	                                  address or a domain name
 *	greylist action                   what greylisting remembers, see below
 *
 * The actions of `greylist`; a member that is not named here is refused, so
 * that a filter that was misspelled does not forget everything:
 *
 *	list     FILTER, raw, limit       a page of at most `limit` (1000)
 *	                                  entries as in show_greylist_entry(),
 *	                                  some a line; then "end", "count",
 *	                                  "more" and "cursor"
 *	count    cursor                   a page of counting: "count", "more"
 *	                                  and "cursor"; to be added up
 *	show     key; or identity; or     "there", its "records", and what a
 *	         client, ptr, spf; with   visit would hear now: "next"
 *	         the latter two:
 *	         sender, recipient
 *	stats                             numbers, as show_greylist_stats()
 *	allow    identity, for            `for` seconds; 0: until it is taken
 *	block    identity, for            back
 *	unmark   identity                 "was" says what it was before
 *	forget   FILTER, dry_run          a page: "count", "more", "cursor"
 *	import   entries, goes_on         all or none of up to 1000; "bad" is
 *	                                  the index of one that is none.
 *	                                  goes_on: not the first request,
 *	                                  nothing to log
 *
 * FILTER: kinds (of triplet, identity, outbound), state (waiting, passed), mark
 * (allow, block), known, trapped (bool); identity, sender, recipient: patterns;
 * seen_after, seen_before: moments; cursor: what the page before gave.  A page
 * may end early, with more.
 *
 * The codes of refusals: "wrong" (the request), "denied", "failed" (tried, and
 * it did not work; or, the answer is no), "absent" (needs a running filter),
 * "busy": too many others are asking DNS just now.
 * `list` with add or remove has "path" and "kind" in a failed answer where a
 * file is there that could not be written, so that somebody with other rights
 * can do it.
 */
#ifndef STEELYARD_FILTER_CONTROL_VERBS_H
#define STEELYARD_FILTER_CONTROL_VERBS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct control_context;
struct generation;

/* Where answers go. */
struct control_sink {
	/* One line, borrowed; false: nobody reads any more. */
	bool (*line)(void *context, json_t *answer);
	/* Does nobody wait for an answer any more?  NULL: somebody does. */
	bool (*gone)(void *context);
	void *context;
};

/*
 * Answers one request of `len` bytes, whatever they are.  Any thread.  Returns
 * the name of the verb if it is one that changes something and was tried, for
 * the log (of greylist, with its action), else NULL; `*ret_good` says how it
 * came out.
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

/* control_dns.c and control_dnsbl.c, likewise. */
bool control_dns(const struct control_context *context, bool may_write,
		 const json_t *request, const struct control_sink *sink,
		 bool *ret_wrote);
bool control_dnsbl(const struct control_context *context, const json_t *request,
		   const struct control_sink *sink);

/*
 * control_greylist.c.  What was changed, or should have been, is a word for the
 * log in `*ret_did`, which is left alone otherwise.
 */
bool control_greylist(const struct control_context *context, bool may_write,
		      const json_t *request, const struct control_sink *sink,
		      const char **ret_did);

/* --- for verbs that wait for DNS ---------------------------------------- */

struct dns_batch;

/*
 * So that some of the socket's clients can always be served, only so many wait
 * for DNS at a time; false: too many do.
 */
enum { CONTROL_ASKERS = 4 };
bool control_room_take(void);
void control_room_give(void);

/* Waits for all answers, until that moment or until nobody wants them. */
void control_wait(const struct control_sink *sink, struct dns_batch *batch,
		  uint64_t until_ms);

#endif
