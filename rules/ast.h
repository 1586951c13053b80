/*
 * ast.h - a rule file as it was written: statements and expressions.
 *
 * The parser makes this tree and checks form alone; what names mean is the
 * compiler's business (ruleset.h).  All of it lives in the tree's arena, all
 * names are NUL-terminated copies, and nothing changes after parsing.
 */
#ifndef STEELYARD_RULES_AST_H
#define STEELYARD_RULES_AST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rules/arena.h"
#include "rules/diag.h"

/* A value as written.  `text` holds it without quotes and slashes. */
enum ast_value_kind {
	AST_WORD, /* pass, yes, helo.name */
	AST_STRING, /* "..." with \" \\ \n \t undone */
	AST_NUMBER, /* 12, -3.50: number is in hundredths */
	AST_TIME, /* 5m, 36d, -90s: number is in seconds */
	AST_SIZE, /* 2M, 64k, 10KiB, 1GiB: number is in bytes */
	AST_ADDRESS, /* 192.0.2.0/24, 2001:db8::1: an IP address or prefix */
	AST_REGEX, /* /.../flags */
	AST_NONE, /* the words none, unknown, */
	AST_UNKNOWN, /* never (thresholds only) */
	AST_NEVER,
};

struct ast_value {
	enum ast_value_kind kind;
	struct place place;
	const char *text;
	size_t len; /* a string may hold NUL */
	int64_t number;
	const char *flags; /* of a regex, "" if none */
};

enum ast_op {
	AST_OP_TRUE, /* a bool fact or a symbol by itself */
	AST_OP_IS,
	AST_OP_IS_NOT,
	AST_OP_IN,
	AST_OP_NOT_IN,
	AST_OP_MATCHES, /* ~ */
	AST_OP_NOT_MATCHES, /* !~ */
	AST_OP_LESS,
	AST_OP_LESS_EQUAL,
	AST_OP_GREATER,
	AST_OP_GREATER_EQUAL,
};

enum ast_expr_kind { AST_AND, AST_OR, AST_NOT, AST_TEST };

struct ast_expr {
	enum ast_expr_kind kind;
	struct place place;
	const struct ast_expr *left; /* AND, OR, NOT */
	const struct ast_expr *right; /* AND, OR */
	/* of a test: NAME or NAME("ARG"), compared with values */
	const char *name; /* fact or symbol */
	const char *arg; /* of header("N"), else NULL */
	struct place arg_place;
	enum ast_op op;
	/*
	 * One value; for IN either a list's name (AST_WORD) or, between
	 * braces, any number of values.
	 */
	const struct ast_value *values;
	size_t value_count;
	bool in_braces;
};

/* One `SYMBOL 6.0 on 127.0.0.2, 127.0.0.4 - 127.0.0.7` of a dnsbl. */
struct ast_filter {
	struct place place;
	/* A reply matches if from <= reply <= to octet by octet where the
	 * kind is RANGE (as one number), WILD (octets, 256 = any), or if
	 * (reply & mask) != 0 with the base's first octet for MASK. */
	enum { AST_FILTER_RANGE, AST_FILTER_WILD, AST_FILTER_MASK } kind;
	uint32_t from, to; /* host order; RANGE */
	uint16_t octets[4]; /* WILD */
	uint32_t base, mask; /* MASK: on 127.0.0.0 mask 0.0.0.4 */
};

struct ast_reply {
	struct place place;
	const char *symbol;
	int32_t weight; /* hundredths */
	const struct ast_filter *filters;
	size_t filter_count;
	const char *description; /* or NULL */
};

/* Which name a DNS list is asked about, where a fact is a domain. */
enum dnsbl_ask {
	DNSBL_ASK_FULL, /* as it is */
	DNSBL_ASK_ORGANISATION, /* the organisation's (public suffix list) */
	DNSBL_ASK_BOTH,
};

struct ast_word { /* a name with its place */
	struct place place;
	const char *text;
};

enum ast_kind {
	AST_SET,
	AST_LIST,
	AST_DNSBL,
	AST_GROUP,
	AST_RULE,
	AST_OVERRIDE,
	AST_EXEMPT,
	AST_VERDICT,
	AST_GREYLIST,
	AST_CLASS,
	AST_EXAMPLE,
};

/* The words of verdicts, mildest first. */
enum verdict_word {
	VERDICT_ACCEPT,
	VERDICT_TAG,
	VERDICT_QUARANTINE,
	VERDICT_DEFER,
	VERDICT_DISCARD,
	VERDICT_REJECT,
	VERDICT_WORDS,
};

/* `verdict reject at 10.0 reply "..." subject "[SPAM] "` */
struct ast_verdict {
	enum verdict_word word; /* never ACCEPT */
	bool never; /* instead of a threshold */
	int32_t threshold; /* hundredths */
	const struct ast_value *reply; /* or NULL */
	const struct ast_value *subject; /* tag: prefix of the Subject */
};

/* `greylist at 2.0 wait 5m window 2d keep 36d`; -1 = not named */
struct ast_greylist {
	bool never;
	bool has_threshold; /* a class may change only the wait */
	int32_t threshold; /* hundredths */
	int64_t wait, window, keep; /* seconds */
};

/* One `FACT VALUE`, `header("N") VALUE` or `dnsbl SYMBOL` of an example. */
struct ast_given {
	struct place place;
	const char *name;
	const char *arg; /* header's, else NULL */
	const struct ast_value *values; /* several: 1.2.3.4, "a" between {} */
	size_t value_count;
};

struct ast_statement {
	struct ast_statement *next; /* in file order */
	enum ast_kind kind;
	struct place place; /* of the keyword */
	/*
	 * Something in it was not understood and is reported; it is here so
	 * that its name is known, with stand-ins for what is missing.
	 */
	bool broken;
	const char *name; /* set, list, dnsbl zone, group, rule, override,
			     class, example's title; else NULL */
	struct place name_place;
	union {
		struct { /* set NAME VALUE */
			struct ast_value value;
		} set;
		struct { /* list NAME KIND { ... } | from "file" */
			const char *kind; /* ip domain address regex */
			struct place kind_place;
			const struct ast_value *entries;
			size_t entry_count;
			const struct ast_value *file; /* or NULL */
			const char *path; /* file, from the including
					     file's folder, or NULL */
		} list;
		struct {
			const struct ast_word *of; /* none: client.ip */
			size_t of_count;
			enum dnsbl_ask ask;
			bool has_ask;
			struct place ask_place;
			/* What it lists for tests; NULL: not said, "": none. */
			const char *test;
			const struct ast_reply *replies;
			size_t reply_count;
		} dnsbl;
		struct { /* group NAME max 12.0 { A, B } */
			bool has_max;
			int32_t max; /* hundredths */
			const struct ast_word *members;
			size_t member_count;
		} group;
		struct { /* [shadow] rule NAME 1.5 if EXPR "why" */
			bool shadow;
			int32_t weight; /* hundredths */
			const struct ast_expr *condition;
			const char *description; /* or NULL */
		} rule;
		struct { /* override NAME off | 1.0 */
			bool off;
			int32_t weight;
		} override;
		struct {
			const struct ast_expr *condition;
		} exempt;
		struct ast_verdict verdict;
		struct ast_greylist greylist;
		struct { /* class NAME if EXPR { verdict|greylist ... } */
			const struct ast_expr *condition;
			const struct ast_statement *body; /* linked by next */
		} class;
		struct { /* example "title" { ... } expect WORD */
			const struct ast_given *given;
			size_t given_count;
			enum verdict_word expect;
			bool expect_exempt; /* `expect exempt` */
		} example;
	};
};

struct ast {
	struct arena arena;
	struct ast_statement *first;
	struct ast_statement **last; /* where the next one is linked */
};

/*
 * Where the text of included files comes from; rules/ opens no files itself.
 */
struct ast_reader {
	void *context;
	/*
	 * Reads `path`.  Returns malloc'ed text with a NUL behind it and its
	 * length, or NULL with a reason in `why`.
	 */
	char *(*read)(void *context, const char *path, size_t *ret_len,
		      char *why, size_t why_size);
	/*
	 * The paths that a glob stands for, in C order, joined by NUL with an
	 * empty one at the end; malloc'ed, or NULL with a reason.  No match is
	 * an empty list.
	 */
	char *(*glob)(void *context, const char *pattern, char *why,
		      size_t why_size);
};

void ast_init(struct ast *ast);
void ast_done(struct ast *ast);

/*
 * Parses a file and all that it includes into `ast`.  Relative includes and
 * list files start from the folder of the file that names them; a file included
 * twice (also in a circle) is an error.  Mistakes go to `diag`; the tree then
 * holds the statements that were understood, so that the compiler can find
 * further mistakes.  Returns false if there was any error.
 */
bool ast_parse_file(struct ast *ast, const char *path,
		    const struct ast_reader *reader, struct diag *diag);

/* The same for text that is no file; `reader` NULL: includes are errors. */
bool ast_parse_text(struct ast *ast, const char *name, const char *text,
		    size_t len, const struct ast_reader *reader,
		    struct diag *diag);

/*
 * Parses one expression alone, as `journal EXPR` and tests need it; NULL with
 * errors in `diag`.
 */
const struct ast_expr *ast_parse_expr(struct ast *ast, const char *name,
				      const char *text, size_t len,
				      struct diag *diag);

const char *verdict_word_name(enum verdict_word word);
/* -1 if there is no such word. */
int verdict_word_find(const char *name, size_t len);

#endif
