/*
 * ast_dump.h - a tree as text, one statement a line, for tests to compare.
 */
#ifndef STEELYARD_TESTS_AST_DUMP_H
#define STEELYARD_TESTS_AST_DUMP_H

#include "rules/ast.h"

/* malloc'ed. */
char *ast_dump(const struct ast *ast);
char *ast_dump_expr(const struct ast_expr *expr);

#endif
