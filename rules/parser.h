/*
 * parser.h - what the parts of the parser share; outside, ast.h is the door.
 *
 * One function a statement.  Each returns true when it understood what it read;
 * false means that the mistake has been reported, and that the caller skips to
 * where the next thing begins.  A statement that has a name is kept even then,
 * with a harmless stand-in for what was not understood, so that those who use
 * the name are not told that it is unknown.
 */
#ifndef STEELYARD_RULES_PARSER_H
#define STEELYARD_RULES_PARSER_H

#include "rules/ast.h"
#include "rules/lexer.h"

enum {
	PARSER_DEPTH = 64, /* ( and not inside of each other */
	PARSER_BRACES = 8, /* of which parentheses around them are known */
	PARSER_NAME = 64, /* bytes of a name */
	PARSER_WEIGHT = 100000, /* hundredths; sums of all rules fit 32 bits */
};

struct inclusion; /* include.h */

struct parser {
	struct ast *ast;
	struct diag *diag;
	struct arena *arena; /* the tree's */
	struct inclusion *files;
	const char *path; /* of this file; NULL if the text is no file */
	struct lexer lexer;
	struct token token; /* the next one */
	struct place behind; /* the token taken last */
	size_t taken; /* tokens, to see that there is progress */
	unsigned braces; /* open ones */
	unsigned parens; /* open ones inside the innermost brace */
	unsigned around[PARSER_BRACES]; /* and around each brace */
	unsigned depth; /* of the condition */
	bool started; /* with this statement */
	const char *const *inner; /* statements that may stand in this one */
};

/* --- tokens (parser.c) --------------------------------------------------- */

/* Reads all statements of a source that `diag` holds into the tree. */
void parser_run(struct parser *parser, uint16_t file);

/* Reads one condition and nothing else; NULL if there was an error. */
const struct ast_expr *parser_run_condition(struct parser *parser,
					    uint16_t file);

/* The next token ends the statement: another line, or the end of the file. */
bool parser_at_end(const struct parser *parser);

/* The next token; TOKEN_EOF at the end of the statement. */
enum token_kind parser_peek(const struct parser *parser);
bool parser_at_word(const struct parser *parser, const char *word);

/* Steps over the next token. */
void parser_take(struct parser *parser);
bool parser_accept(struct parser *parser, enum token_kind kind);
bool parser_accept_word(struct parser *parser, const char *word);

/* Reports `expected WHAT, found ...`; nothing if that is reported already. */
void parser_expected(struct parser *parser, const char *what);
bool parser_expect(struct parser *parser, enum token_kind kind,
		   const char *what);
bool parser_expect_word(struct parser *parser, const char *word);

/* Adds the nearest of these words, which NULL ends, to the newest report. */
void parser_suggest(struct parser *parser, const struct token *token,
		    const char *const *words);

/* Reports the lack of memory once; NULL then. */
void *parser_array(struct parser *parser, size_t count, size_t size);

/* --- what stands between braces ------------------------------------------ */

enum body { BODY_MORE, BODY_CLOSED, BODY_UNCLOSED };

bool parser_open(struct parser *parser, struct place *ret_open);

/*
 * Is there another entry?  Takes the closing brace; reports one that is
 * missing.
 */
enum body parser_more(struct parser *parser, struct place open);

/*
 * After a mistake in an entry: to the next line, the closing brace, or, where
 * entries are parted by commas, behind the next one.  `taken` is what it was
 * when the entry began.
 */
void parser_skip_entry(struct parser *parser, size_t taken, bool commas);

/* Items on their way into the tree, as nobody knows their number before. */
struct gather {
	void *items;
	size_t count, room;
};
bool gather_add(struct parser *parser, struct gather *gather, const void *item,
		size_t size);
/* Moves them into the arena and frees the rest; NULL if there are none. */
const void *gather_done(struct parser *parser, struct gather *gather,
			size_t size);

/* --- names and figures (parser_value.c) ---------------------------------- */

/* A name that may be chosen or used: form and length are checked. */
bool parse_name(struct parser *parser, const char *what, struct ast_word *ret);
/* The same for one that is being defined: no word of the language. */
bool parse_new_name(struct parser *parser, const char *what,
		    struct ast_statement *statement);

bool parse_string(struct parser *parser, const char *what,
		  struct ast_value *ret);
bool parse_time(struct parser *parser, const char *what, int64_t *ret_seconds);
/* A number in hundredths, from -PARSER_WEIGHT to PARSER_WEIGHT. */
bool parse_weight(struct parser *parser, const char *what, int32_t *ret);

/* Any value; none and unknown have kinds of their own. */
bool parse_value(struct parser *parser, const char *what,
		 struct ast_value *ret);
const struct ast_value *keep_value(struct parser *parser,
				   const struct ast_value *value);

/* `{ a, b, c }`; commas may be left out. */
bool parse_values(struct parser *parser, const char *what,
		  const struct ast_value **ret_values, size_t *ret_count);

/* --- conditions (parser_expr.c) ------------------------------------------ */

const struct ast_expr *parse_condition(struct parser *parser);
/* Stands in for a condition that was not understood. */
const struct ast_expr *parse_stand_in(struct parser *parser,
				      struct place place);
/* Behind a name: ("N"), if it is there. */
bool parse_argument(struct parser *parser, const char **ret_arg,
		    struct place *ret_place);

/* --- statements, the keyword being taken --------------------------------- */

typedef bool parse_statement(struct parser *parser,
			     struct ast_statement *statement);

/* parser_statement.c */
parse_statement parse_set, parse_list, parse_group, parse_rule,
	parse_shadow_rule, parse_override, parse_exempt;
/* parser_verdict.c */
parse_statement parse_verdict, parse_greylist, parse_class;
/* parser_dnsbl.c */
parse_statement parse_dnsbl;
/* parser_example.c */
parse_statement parse_example;
/* include.c */
parse_statement parse_include;

#endif
