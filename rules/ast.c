/*
 * ast.c - the tree's memory, and the words of verdicts.
 */
#include "rules/ast.h"

#include <string.h>

/*
 * The files may hold 16 MiB; a list entry of two bytes becomes a value and its
 * text, so the tree may be many times larger.
 */
static const size_t ceiling = (size_t)1 << 30;

static const char *const words[VERDICT_WORDS] = {
	"accept", "tag", "quarantine", "defer", "discard", "reject",
};

void ast_init(struct ast *ast)
{
	memset(ast, 0, sizeof(*ast));
	arena_init(&ast->arena, ceiling);
	ast->last = &ast->first;
}

void ast_done(struct ast *ast)
{
	arena_done(&ast->arena);
	ast->first = NULL;
	ast->last = &ast->first;
}

const char *verdict_word_name(enum verdict_word word)
{
	return words[word];
}

int verdict_word_find(const char *name, size_t len)
{
	for (int word = 0; word < VERDICT_WORDS; word++)
		if (strlen(words[word]) == len &&
		    memcmp(words[word], name, len) == 0)
			return word;
	return -1;
}
