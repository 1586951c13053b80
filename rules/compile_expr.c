/*
 * compile_expr.c - the tree of a condition becomes a program.
 *
 * A chain of a thousand "or" is a tree a thousand deep, so the walk keeps its
 * own stack.
 */
#include "rules/compile.h"

#include <stdlib.h>
#include <string.h>

struct step {
	const struct ast_expr *expr;
	unsigned done; /* sides of it that are compiled */
	uint32_t skip; /* the skip between them */
};

struct builder {
	struct compiler *c;
	struct reader reader;
	struct step *steps;
	size_t step_count, step_room;
	struct code *code;
	size_t count, room;
	unsigned depth, deepest; /* of the truths' stack */
	bool failed;
};

static struct code *code_add(struct builder *b, enum code_op op)
{
	if (b->count == b->room) {
		size_t room = b->room == 0 ? 16 : b->room * 2;
		struct code *code =
			compile_got(b->c,
				    reallocarray(b->code, room, sizeof(*code)));

		if (code == NULL) {
			b->failed = true;
			return NULL;
		}
		b->code = code;
		b->room = room;
	}
	b->code[b->count] = (struct code){ .op = op };
	return &b->code[b->count++];
}

static void step_push(struct builder *b, const struct ast_expr *expr)
{
	if (b->step_count == b->step_room) {
		size_t room = b->step_room == 0 ? 16 : b->step_room * 2;
		struct step *steps =
			compile_got(b->c, reallocarray(b->steps, room,
						       sizeof(*steps)));

		if (steps == NULL) {
			b->failed = true;
			return;
		}
		b->steps = steps;
		b->step_room = room;
	}
	b->steps[b->step_count++] = (struct step){ .expr = expr };
}

static void symbol_compile(struct builder *b, const struct ast_expr *expr,
			   struct code *code)
{
	struct compiler *c = b->c;
	int64_t rule = names_find(&c->symbols, expr->name);

	b->failed = true;
	if (rule < 0) {
		diag_error(c->diag, expr->place,
			   "unknown fact or symbol \"%s\"", expr->name);
		compile_nearest(c, expr->name, &c->symbols, true);
		return;
	}
	if (expr->op != AST_OP_TRUE || expr->arg != NULL) {
		diag_error(c->diag, expr->place,
			   "\"%s\" is a symbol: it holds or it does not",
			   expr->name);
		diag_hint(c->diag, "write \"%s\" or \"not %s\" by itself",
			  expr->name, expr->name);
		return;
	}
	if (c->rules->rules[rule].info.shadow && !b->reader.shadow) {
		diag_error(c->diag, expr->place,
			   "\"%s\" is a shadow rule; only shadow rules may "
			   "read it",
			   expr->name);
		return;
	}
	code->op = CODE_RULE;
	code->arg = (uint32_t)rule;
	b->failed = false;
}

static void leaf_compile(struct builder *b, const struct ast_expr *expr)
{
	bool failed = b->failed;
	int id = fact_find(expr->name, strlen(expr->name));
	struct code *code = code_add(b, CODE_TEST);

	if (code == NULL)
		return;
	if (++b->depth > b->deepest)
		b->deepest = b->depth;
	if (id < 0) {
		symbol_compile(b, expr, code);
		b->failed |= failed;
		return;
	}
	code->test = compile_test(b->c, expr, (enum fact_id)id, b->reader);
	if (code->test == NULL)
		b->failed = true;
}

static void step_on(struct builder *b)
{
	struct step *step = &b->steps[b->step_count - 1];
	const struct ast_expr *expr = step->expr;
	bool both = expr->kind == AST_AND;

	switch (expr->kind) {
	case AST_TEST:
		b->step_count--;
		leaf_compile(b, expr);
		return;
	case AST_NOT:
		if (step->done++ == 0) {
			step_push(b, expr->left);
			return;
		}
		b->step_count--;
		code_add(b, CODE_NOT);
		return;
	case AST_AND:
	case AST_OR: break;
	}
	switch (step->done++) {
	case 0: step_push(b, expr->left); return;
	case 1:
		step->skip = (uint32_t)b->count;
		code_add(b, both ? CODE_SKIP_FALSE : CODE_SKIP_TRUE);
		step_push(b, expr->right);
		return;
	default: break;
	}
	if (code_add(b, both ? CODE_AND : CODE_OR) != NULL)
		b->code[step->skip].arg = (uint32_t)b->count;
	b->depth--;
	b->step_count--;
}

void compile_expr(struct compiler *c, const struct ast_expr *expr,
		  struct reader reader, struct expr *ret_expr)
{
	struct builder b = { .c = c, .reader = reader };
	struct code *code = NULL;

	memset(ret_expr, 0, sizeof(*ret_expr));
	step_push(&b, expr);
	while (b.step_count > 0 && !c->no_memory)
		step_on(&b);
	if (b.deepest > EXPR_STACK) {
		diag_error(c->diag, expr->place,
			   "the condition is nested more than %d deep",
			   EXPR_STACK);
		b.failed = true;
	}
	if (!b.failed && !c->no_memory)
		code = compile_got(c, arena_array(c->arena, b.count,
						  sizeof(*code)));
	if (code != NULL) {
		memcpy(code, b.code, b.count * sizeof(*code));
		ret_expr->code = code;
		ret_expr->count = (uint32_t)b.count;
	}
	free(b.code);
	free(b.steps);
}
