/*
 * ruleset.h - rule files, compiled: what is judged, in which phase, by what.
 *
 * A rule set never changes after ruleset_compile(); any number of threads may
 * use it.  It is counted: ruleset_ref() and ruleset_unref() may be called from
 * any thread.
 *
 * The contents of lists are kept apart (struct rule_lists), because a list file
 * may change while the rules stay: lists are numbered by the rule set, and a
 * generation of the configuration pairs one rule set with one array of
 * contents.
 */
#ifndef STEELYARD_RULES_RULESET_H
#define STEELYARD_RULES_RULESET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rules/ast.h"
#include "rules/facts.h"

struct list;
struct list_error;
struct regex;
struct ruleset;
struct rule_list;

/* --- contents of lists ------------------------------------------------- */

/*
 * What `in NAME` looks into: a list of lists/list.h, or compiled patterns made
 * from one of kind LIST_REGEX.  Counted, immutable, any thread.
 */
struct rule_list *rule_list_new(struct list *list, char *why, size_t why_size);
struct rule_list *rule_list_ref(struct rule_list *list);
void rule_list_unref(struct rule_list *list); /* NULL is fine */
const struct list *rule_list_content(const struct rule_list *list);
/* The patterns of a list of kind LIST_REGEX; NULL and 0 for another kind. */
const struct regex *const *rule_list_patterns(const struct rule_list *list,
					      size_t *ret_count);
/* Would this entry of a LIST_REGEX compile?  Else `why` says why not. */
bool rule_list_pattern_fits(const char *text, size_t len, char *why,
			    size_t why_size);
/* The same for list_builder_check(), which wants to know where. */
int rule_list_pattern_check(const char *text, size_t len,
			    struct list_error *ret_error);

struct rule_lists {
	struct rule_list **at; /* numbered as the rule set numbers them */
	size_t count;
};

/* One list as a statement declared it. */
struct rule_list_info {
	const char *name;
	int kind; /* enum list_kind */
	const char *path; /* file, or NULL if written between braces */
	struct place place;
};

/* The kind that a statement names, or -1. */
int ruleset_list_kind(const char *name);

size_t ruleset_list_count(const struct ruleset *rules);
const struct rule_list_info *ruleset_list_info(const struct ruleset *rules,
					       size_t index);
/* The list of this name, or -1. */
int ruleset_find_list(const struct ruleset *rules, const char *name);
/*
 * Something else than a condition reads it: lint is to know.  Before the rule
 * set is shared.
 */
void ruleset_use_list(struct ruleset *rules, size_t index);
/* The content written between braces; NULL for one from a file. */
struct rule_list *ruleset_list_inline(const struct ruleset *rules,
				      size_t index);

/* --- compiling --------------------------------------------------------- */

/*
 * Resolves names, infers phases, compiles patterns, and checks all that the
 * design asks for; `set` statements are left to the caller.  What a condition
 * means stands in expr.h.  A fact or a DNS list whose check is not
 * built in brings a warning.  Returns NULL if `diag` holds any error, also one
 * of the parser's.  The caller drops the result with ruleset_unref().
 * Places of declarations refer to the sources of `diag`, which must outlive
 * lint and printing, not the rule set.
 */
struct ruleset *ruleset_compile(const struct ast *ast, struct diag *diag);
struct ruleset *ruleset_ref(struct ruleset *rules);
void ruleset_unref(struct ruleset *rules); /* NULL is fine */

/*
 * `facts` of an example: what it names; all else is none, false, 0 or not
 * listed, and nothing is derived (sender does not bring sender.domain).
 *
 * Runs every example of the rule files against the rules; each one that does
 * not come out as expected is an error in `diag` that says what came out and
 * which symbols fired.  Returns how many failed.
 */
size_t ruleset_run_examples(const struct ruleset *rules,
			    const struct rule_lists *lists, struct diag *diag);

/* Stable over comments and layout; 16 bytes as 32 hex digits and a NUL. */
void ruleset_digest(const struct ruleset *rules, char ret_hex[33]);

/* --- what a filter must know ------------------------------------------- */

/* A rule, class or exemption reads this fact (of any slot). */
bool ruleset_reads(const struct ruleset *rules, enum fact_id id);

/* Some fact whose phase is EOM and whose id is in from..to is read. */
bool ruleset_reads_any(const struct ruleset *rules, enum fact_id from,
		       enum fact_id to);

/* Slots of parametric facts; header names are given as first written. */
size_t ruleset_slot_count(const struct ruleset *rules);
struct fact_slot {
	enum fact_id id; /* FACT_HEADER, FACT_HEADER_RAW or FACT_DNSBL */
	const char *name; /* header field name, or DNS list's zone */
	enum phase phase;
	/*
	 * A DNS list has a slot for what is known by MAIL that it is asked
	 * about, client and HELO included, and one for what is known at the
	 * end of the message; `of` are the facts of this one, never empty.
	 * Facts that no check establishes are left out, and so is a list all of
	 * whose symbols are switched off.
	 */
	const enum fact_id *of;
	size_t of_count;
	size_t dnsbl; /* its list's index; of FACT_DNSBL alone */
};
const struct fact_slot *ruleset_slot(const struct ruleset *rules,
				     unsigned slot);

/* DNS lists, one for each `dnsbl` statement; no two have the same zone. */
struct dnsbl_info {
	const char *zone; /* lower case, without a dot at the end */
	const enum fact_id *of; /* as written, also what is not established */
	size_t of_count;
	enum dnsbl_ask ask;
	const char *test; /* NULL: what RFC 5782 says; "": there is none */
	bool off; /* all symbols are: it has no slots and is not asked */
	struct place place;
};
size_t ruleset_dnsbl_count(const struct ruleset *rules);
const struct dnsbl_info *ruleset_dnsbl(const struct ruleset *rules,
				       size_t index);

/*
 * What one answer (an address as text) of this list means: calls `each` with
 * the index of each rule whose filter it passes, also of one that is off; see
 * ruleset_rule().  What is no listing passes none.
 */
void ruleset_dnsbl_each_symbol(const struct ruleset *rules, size_t index,
			       const char *answer,
			       void (*each)(void *context, size_t rule_index),
			       void *context);

/* Ends a phase for all facts, slots included; see facts_close(). */
void ruleset_close_phase(const struct ruleset *rules, struct facts *facts,
			 enum phase phase);

/*
 * A defer, reject or discard may be certain when this phase ends, for some
 * facts; once true it stays so for later phases.  Where it says false, no
 * answer need be awaited.
 */
bool ruleset_may_refuse(const struct ruleset *rules, enum phase phase);

/*
 * Some exemption holds for this message already, whoever the recipient: asked
 * before there are hits, to save questions that would be for nothing.  What is
 * pending does not hold.  Exemptions that read rcpt facts are left out, and
 * patterns may do little work here; so "no" may become "yes" in the verdict,
 * and "yes" stays.  Any thread.
 */
bool ruleset_exempts(const struct ruleset *rules,
		     const struct rule_lists *lists, const struct facts *facts);

/* Some such exemption can hold, for some facts, when this phase ends. */
bool ruleset_may_exempt(const struct ruleset *rules, enum phase phase);

/*
 * Recipients of one message can fall under different classes or exemptions, or
 * under rules that weigh something.
 */
bool ruleset_tells_recipients_apart(const struct ruleset *rules);

/* --- for the CLI, lint and the journal --------------------------------- */

struct rule_info {
	const char *name;
	int32_t weight; /* hundredths, after overrides; 0 of a shadow rule */
	int32_t written_weight; /* before overrides */
	bool shadow;
	bool off; /* by an override */
	bool per_rcpt;
	enum phase phase; /* inferred */
	int group; /* index, or -1 */
	const char *description; /* or NULL */
	struct place place;
	struct place override_place; /* .file 0 if there is none */
};

size_t ruleset_rule_count(const struct ruleset *rules);
const struct rule_info *ruleset_rule(const struct ruleset *rules, size_t index);
int ruleset_find_rule(const struct ruleset *rules, const char *name);

struct group_info {
	const char *name;
	bool has_max;
	int32_t max;
};
size_t ruleset_group_count(const struct ruleset *rules);
const struct group_info *ruleset_group(const struct ruleset *rules,
				       size_t index);

/* Class 0 is what holds where no class matches; its name is "default". */
size_t ruleset_class_count(const struct ruleset *rules);
const char *ruleset_class_name(const struct ruleset *rules, size_t index);

/* What a class says of a verdict, inheritance done. */
struct verdict_info {
	bool never;
	int32_t threshold; /* hundredths */
	const struct reply_template *reply; /* NULL: the built-in one */
	const char *subject; /* tag: prefix of the Subject, or NULL */
	struct place place;
};
const struct verdict_info *ruleset_verdict(const struct ruleset *rules,
					   size_t class_index,
					   enum verdict_word word);

struct greylist_info {
	bool never; /* also where no statement asks for it */
	int32_t threshold; /* hundredths */
	int64_t wait, window, keep; /* seconds */
	struct place place; /* of the statement; a class may have inherited */
};
const struct greylist_info *ruleset_greylist(const struct ruleset *rules,
					     size_t class_index);

/* Some class, or what holds in none, asks somebody to wait. */
bool ruleset_greylists(const struct ruleset *rules);

/* Within which all of them are to come back, in seconds; 0: nobody waits. */
int64_t ruleset_longest_window(const struct ruleset *rules);

/*
 * lint.c: what is wrong with a rule set that compiles: warnings only.
 */
void ruleset_lint(const struct ruleset *rules, const struct rule_lists *lists,
		  struct diag *diag);

#endif
