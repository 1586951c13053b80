/*
 * store_lmdb_check.c - reads an LMDB file as its format says, see the header.
 *
 * The format is LMDB 0.9's (data version 1): pages of one size, in the host's
 * byte order and word size.  Page 0 and 1 are metas; the one with the higher
 * transaction counts, and stands where the last bit of that number says, as
 * LMDB finds it by that.  A tree's page is a header, the places of its nodes
 * growing up from it and the nodes growing down from the end.  The free list is
 * a tree of its own: by transaction, the numbers of the pages it left, largest
 * first.
 */
#include "lists/store_lmdb_check_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* --- what a leaf holds --------------------------------------------------- */

static int compare(enum tree_kind kind, const void *a, size_t a_size,
		   const void *b, size_t b_size)
{
	int diff;

	if (kind == TREE_FREE) {
		size_t x, y;

		memcpy(&x, a, sizeof(x));
		memcpy(&y, b, sizeof(y));
		return (x > y) - (x < y);
	}
	diff = memcmp(a, b, a_size < b_size ? a_size : b_size);
	return diff ? diff : (a_size > b_size) - (a_size < b_size);
}

static bool key_is_sound(struct walk *walk, size_t page,
			 const struct node *node)
{
	size_t transaction;

	if (walk->kind == TREE_FREE) {
		if (node->key_size != sizeof(transaction))
			return check_damaged(walk->check, page, "a key's size");
		memcpy(&transaction, node->key, sizeof(transaction));
		if (transaction == 0 ||
		    transaction > walk->check->meta.transaction)
			return check_damaged(walk->check, page,
					     "a key's value");
	}
	if (node->key_size == 0)
		return check_damaged(walk->check, page, "an empty key");
	if (walk->found.entries > 0 &&
	    compare(walk->kind, walk->last, walk->last_size, node->key,
		    node->key_size) >= 0)
		return check_damaged(walk->check, page,
				     "keys are not in order");
	memcpy(walk->last, node->key, node->key_size);
	walk->last_size = node->key_size;
	return true;
}

/* A list of pages: how many, then they, from the largest down. */
static bool free_list(struct walk *walk, size_t page, const unsigned char *data,
		      size_t size)
{
	size_t count, number, last = NO_PAGE;

	if (size < sizeof(count) || size % sizeof(count))
		return check_damaged(walk->check, page, "a free list's size");
	memcpy(&count, data, sizeof(count));
	if (count > size / sizeof(count) - 1)
		return check_damaged(walk->check, page, "a free list's length");
	for (size_t i = 1; i <= count; i++) {
		memcpy(&number, data + i * sizeof(number), sizeof(number));
		if (number >= last)
			return check_damaged(walk->check, page, "a free list");
		if (!check_take(walk->check, number, 1, false))
			return false;
		last = number;
	}
	return true;
}

static bool big_data(struct walk *walk, const struct node *node)
{
	struct check *check = walk->check;
	struct page_head head;
	uint32_t pages;
	size_t page;
	unsigned char *data;
	bool ok;

	memcpy(&page, node->data, sizeof(page));
	if (!check_take(check, page, 1, true) ||
	    !check_read(check, &head, sizeof(head), page * check->page_size))
		return false;
	memcpy(&pages, &head.lower, sizeof(pages));
	if (head.number != page || head.flags != PAGE_OVERFLOW || pages == 0 ||
	    node->data_size > (uint64_t)pages * check->page_size - HEAD)
		return check_damaged(check, page, "is no overflow page");
	if (pages > 1 && !check_take(check, page + 1, pages - 1, true))
		return false;
	walk->found.overflows += pages;
	if (walk->kind != TREE_FREE)
		return true;
	data = malloc(node->data_size + 1);
	if (!data)
		return check_say(check, LMDB_FAILED, "no memory");
	ok = check_read(check, data, node->data_size,
			page * check->page_size + HEAD) &&
	     free_list(walk, page, data, node->data_size);
	free(data);
	return ok;
}

static bool is_key(const struct node *node, const char *key)
{
	return node->key_size == strlen(key) &&
	       memcmp(node->key, key, node->key_size) == 0;
}

/* A database is kept until the main tree has been read. */
static bool note_tree(struct check *check, size_t page, const struct node *node)
{
	struct tree tree;

	if (node->data_size != sizeof(tree))
		return check_damaged(check, page, "a database's size");
	if (check->tree_count == TREES_MAX)
		return check_say(check, LMDB_FOREIGN,
				 "holds too many databases");
	memcpy(&tree, node->data, sizeof(tree));
	check->trees[check->tree_count].tree = tree;
	check->trees[check->tree_count].is_meta = is_key(node, LMDB_META_NAME);
	check->tree_count++;
	return true;
}

/* "COUNT RUN SYNC" */
static void note_opened(struct check *check, const struct node *node)
{
	char text[64] = "";
	unsigned count = 0, sync = 0;
	uint64_t run = 0;

	if (node->data_size < sizeof(text))
		memcpy(text, node->data, node->data_size);
	if (sscanf(text, "%u %" SCNx64 " %u", &count, &run, &sync) != 3)
		return;
	check->said->opened = count;
	if (count >= LMDB_SUSPECT ||
	    (count > 0 && !sync && (run == 0 || run != check->run)))
		check->is_suspect = true;
}

static bool note_format(struct check *check, const struct node *node)
{
	size_t len = sizeof(LMDB_FORMAT_WORD) - 1;

	if (node->data_size <= len ||
	    memcmp(node->data, LMDB_FORMAT_WORD, len) != 0)
		return true;
	check->has_format = true;
	if (node->data_size - len != sizeof(LMDB_FORMAT_VERSION) - 1 ||
	    memcmp(node->data + len, LMDB_FORMAT_VERSION,
		   node->data_size - len) != 0)
		return check_say(check, LMDB_NEWER,
				 "was made by a later version");
	return true;
}

static bool leaf_node(struct walk *walk, size_t page, const struct node *node)
{
	unsigned flags = node->flags;

	if (!key_is_sound(walk, page, node))
		return false;
	walk->found.entries++;
	if (walk->kind == TREE_MAIN && flags == NODE_TREE)
		return note_tree(walk->check, page, node);
	if (flags == NODE_BIG)
		return big_data(walk, node);
	if (flags != 0)
		return check_damaged(walk->check, page,
				     "a node of no known kind");
	if (walk->kind == TREE_FREE)
		return free_list(walk, page, node->data, node->data_size);
	if (walk->kind == TREE_META && is_key(node, LMDB_OPENED_KEY))
		note_opened(walk->check, node);
	if (walk->kind == TREE_META && is_key(node, LMDB_FORMAT_KEY))
		return note_format(walk->check, node);
	return true;
}

/* --- trees --------------------------------------------------------------- */

static bool walk_page(struct walk *walk, size_t number, unsigned depth);

/* The keys of a branch stand between those of its children. */
static bool walk_branch(struct walk *walk, const unsigned char *page,
			const struct page_head *head, unsigned depth)
{
	struct node node, last = { 0 };

	for (size_t i = 0; i < page_nodes(head); i++) {
		memset(walk->check->places, 0, walk->check->page_size / 2);
		if (!page_node(walk, page, head, i, &node))
			return false;
		if (i > 0 &&
		    (node.key_size == 0 || (walk->kind == TREE_FREE &&
					    node.key_size != sizeof(size_t))))
			return check_damaged(walk->check, head->number,
					     "a branch's key");
		if (i > 1 && compare(walk->kind, last.key, last.key_size,
				     node.key, node.key_size) >= 0)
			return check_damaged(walk->check, head->number,
					     "branches are not in order");
		if (i > 0 && !walk->check->over && walk->found.entries > 0 &&
		    compare(walk->kind, walk->last, walk->last_size, node.key,
			    node.key_size) >= 0)
			return check_damaged(walk->check, head->number,
					     "a branch's key is too small");
		last = node;
		if (!walk_page(walk, node.child, depth - 1))
			return false;
	}
	return true;
}

static bool walk_nodes(struct walk *walk, const unsigned char *page,
		       const struct page_head *head)
{
	struct node node;

	for (size_t i = 0; i < page_nodes(head); i++)
		if (!page_node(walk, page, head, i, &node) ||
		    !leaf_node(walk, head->number, &node))
			return false;
	return true;
}

/* Before anything is believed of a branch, its nodes are apart. */
static bool nodes_are_apart(struct walk *walk, const unsigned char *page,
			    const struct page_head *head)
{
	struct node node;

	for (size_t i = 0; i < page_nodes(head); i++)
		if (!page_node(walk, page, head, i, &node))
			return false;
	return true;
}

static bool walk_page(struct walk *walk, size_t number, unsigned depth)
{
	struct check *check = walk->check;
	struct page_head head;
	unsigned char *page;
	bool ok = false;

	if (check_is_late(check))
		return true;
	if (!check_take(check, number, 1, true))
		return false;
	page = malloc(check->page_size);
	if (!page)
		return check_say(check, LMDB_FAILED, "no memory");
	if (!check_read(check, page, check->page_size,
			(uint64_t)number * check->page_size) ||
	    !page_is_sound(walk, page, number, &head))
		goto done;
	if ((head.flags == PAGE_LEAF) != (depth == 1)) {
		check_damaged(check, number, "is at a wrong depth");
	} else if (depth == 1) {
		walk->found.leaves++;
		ok = walk_nodes(walk, page, &head);
	} else {
		walk->found.branches++;
		ok = nodes_are_apart(walk, page, &head) &&
		     walk_branch(walk, page, &head, depth);
	}
done:
	free(page);
	return ok;
}

static bool walk_tree(struct check *check, enum tree_kind kind,
		      const struct tree *tree)
{
	struct walk walk = { .check = check, .kind = kind };

	if (tree->root == NO_PAGE) {
		if (tree->depth || tree->entries || tree->leaves ||
		    tree->branches || tree->overflows)
			return check_say(check, LMDB_DAMAGED,
					 "a tree without a root is not empty");
		return true;
	}
	if (tree->depth == 0 || tree->depth >= DEPTH_MAX)
		return check_say(check, LMDB_DAMAGED,
				 "a tree's depth is wrong");
	if (!walk_page(&walk, tree->root, tree->depth))
		return false;
	if (!check->over && (walk.found.entries != tree->entries ||
			     walk.found.leaves != tree->leaves ||
			     walk.found.branches != tree->branches ||
			     walk.found.overflows != tree->overflows))
		return check_say(check, LMDB_DAMAGED,
				 "a tree's counts are wrong");
	return true;
}

/* --- the file ------------------------------------------------------------ */

static bool read_meta(struct check *check, size_t number, struct meta *meta)
{
	struct page_head head;
	unsigned char page[HEAD + sizeof(*meta)];
	size_t at = number * check->page_size;

	if (check->file_size < at + sizeof(page))
		return check_say(check, LMDB_DAMAGED, "is too short");
	if (!check_read(check, page, sizeof(page), at))
		return false;
	memcpy(&head, page, sizeof(head));
	memcpy(meta, page + HEAD, sizeof(*meta));
	if (meta->magic != (uint32_t)MAGIC || !(head.flags & PAGE_META))
		return check_say(check, LMDB_DAMAGED, "is no LMDB file");
	if (meta->version > VERSION && meta->version < 1000)
		return check_say(check, LMDB_NEWER, "is of a later LMDB");
	if (meta->version != VERSION)
		return check_say(check, LMDB_DAMAGED, "is of no known version");
	if (meta->free.pad < PAGE_MIN || meta->free.pad > PAGE_MAX ||
	    (meta->free.pad & (meta->free.pad - 1)) != 0)
		return check_say(check, LMDB_DAMAGED, "its page size is wrong");
	return true;
}

static bool choose_meta(struct check *check)
{
	struct meta metas[2];

	if (!read_meta(check, 0, &metas[0]))
		return false;
	check->page_size = metas[0].free.pad;
	check->said->page_size = check->page_size;
	if (!read_meta(check, 1, &metas[1]))
		return false;
	if (metas[1].free.pad != check->page_size)
		return check_say(check, LMDB_DAMAGED, "its page sizes differ");
	if (metas[0].transaction % 2 != 0 ||
	    (metas[1].transaction % 2 == 0 && metas[1].transaction != 0))
		return check_say(check, LMDB_DAMAGED,
				 "its metas are out of place");
	check->meta = metas[metas[1].transaction > metas[0].transaction];
	if (check->meta.last_page < 1 ||
	    check->meta.last_page > SIZE_MAX / check->page_size - 1 ||
	    check->meta.last_page / 64 > check->file_size / check->page_size)
		return check_say(check, LMDB_DAMAGED, "its size is wrong");
	/* FIXEDMAP and the like are not ours, nor what changes a tree's form */
	if ((check->meta.free.flags & ~ENV_FLAGS) != FREE_FLAGS)
		return check_say(check, LMDB_DAMAGED, "its flags are wrong");
	if (check->meta.main.flags != 0)
		return check_say(check, LMDB_FOREIGN, "is of another program");
	return true;
}

/* The main tree and ours first: they say whose it is, and if to hurry. */
static bool read_first(struct check *check)
{
	if (!walk_tree(check, TREE_MAIN, &check->meta.main))
		return false;
	if (check->meta.main.entries == 0)
		return true;
	for (size_t i = 0; i < check->tree_count; i++)
		if (check->trees[i].is_meta &&
		    check->trees[i].tree.flags == 0 &&
		    !walk_tree(check, TREE_META, &check->trees[i].tree))
			return false;
	if (!check->has_format)
		return check_say(check, LMDB_FOREIGN, "is of another program");
	for (size_t i = 0; i < check->tree_count; i++)
		if (check->trees[i].tree.flags != 0)
			return check_say(check, LMDB_DAMAGED,
					 "a database's flags are wrong");
	return true;
}

static bool read_rest(struct check *check)
{
	if (!walk_tree(check, TREE_FREE, &check->meta.free))
		return false;
	for (size_t i = 0; i < check->tree_count; i++)
		if (!check->trees[i].is_meta &&
		    !walk_tree(check, TREE_OTHER, &check->trees[i].tree))
			return false;
	return true;
}

static bool check_file(struct check *check, unsigned max_ms)
{
	struct stat st;

	if (fstat(check->fd, &st) < 0 || st.st_size < 0)
		return check_say(check, LMDB_FAILED, "%s", strerror(errno));
	check->file_size = (uint64_t)st.st_size;
	if (check->file_size == 0)
		return check_say(check, LMDB_EMPTY, "is empty");
	if (!choose_meta(check))
		return false;
	check->used = calloc(check->meta.last_page / 8 + 1, 1);
	check->places = calloc(check->page_size / 2 + 1, 1);
	if (!check->used || !check->places)
		return check_say(check, LMDB_FAILED, "no memory");
	if (!read_first(check))
		return false;
	check->until = check_clock_ms() + max_ms;
	check->hurried =
		!check->is_suspect &&
		check->file_size / check->page_size > check->meta.last_page;
	if (!read_rest(check))
		return false;
	check->said->whole = !check->over;
	if (check->meta.main.entries == 0)
		return check_say(check, LMDB_EMPTY, "is empty");
	return true;
}

void lmdb_check(int fd, unsigned max_ms, uint64_t run,
		struct lmdb_check *ret_check)
{
	struct check check = { .fd = fd, .said = ret_check, .run = run };

	*ret_check = (struct lmdb_check){ .file = LMDB_SOUND };
	check_file(&check, max_ms);
	free(check.used);
	free(check.places);
}
