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
#include "lists/store_lmdb_check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	MAGIC = (int)0xBEEFC0DE,
	VERSION = 1,
	PAGE_BRANCH = 1,
	PAGE_LEAF = 2,
	PAGE_OVERFLOW = 4,
	PAGE_META = 8,
	NODE_BIG = 1, /* its data is on pages of its own */
	NODE_TREE = 2, /* its data is the root of a tree */
	FREE_FLAGS = 8, /* keys are integers */
	ENV_FLAGS = 0x4000, /* stand there, too: the file is in no folder */
	KEY_MAX = 511,
	DEPTH_MAX = 32,
	PAGE_MIN = 512,
	PAGE_MAX = 32768,
	LOOK_EVERY = 64, /* pages, at the clock */
	TREES_MAX = 8, /* in the main one */
};

struct page_head {
	size_t number;
	uint16_t pad, flags;
	uint16_t lower, upper; /* overflow: together, how many pages */
};

struct node_head {
	uint16_t half[2]; /* of the data's size, or of a page's number */
	uint16_t flags; /* branch: the number goes on here */
	uint16_t key_size;
};

struct tree {
	uint32_t pad;
	uint16_t flags, depth;
	size_t branches, leaves, overflows, entries, root;
};

struct meta {
	uint32_t magic, version;
	void *address;
	size_t map_size;
	struct tree free, main;
	size_t last_page, transaction;
};

#define HEAD sizeof(struct page_head)
#define NO_PAGE ((size_t)-1)

enum tree_kind { TREE_FREE, TREE_MAIN, TREE_META, TREE_OTHER };

struct node {
	const unsigned char *key;
	size_t key_size;
	const unsigned char *data;
	size_t data_size;
	size_t child; /* branch */
	unsigned flags;
};

struct check {
	int fd;
	struct lmdb_check *said;
	struct meta meta;
	uint64_t file_size, run;
	size_t page_size;
	unsigned char *used; /* a bit a page */
	unsigned char *places; /* a byte for each two bytes of a page */
	bool hurried; /* the time is over when `until` is */
	bool over;
	int64_t until;
	bool has_format, is_suspect;
	struct {
		struct tree tree;
		bool is_meta;
	} trees[TREES_MAX];
	size_t tree_count;
};

/* One tree's walk. */
struct walk {
	struct check *check;
	enum tree_kind kind;
	struct tree claimed, found;
	size_t last_size; /* of the key before */
	unsigned char last[KEY_MAX];
};

__attribute__((format(printf, 3, 4))) static bool say(struct check *check,
						      enum lmdb_file file,
						      const char *format, ...)
{
	va_list args;

	check->said->file = file;
	va_start(args, format);
	vsnprintf(check->said->what, sizeof(check->said->what), format, args);
	va_end(args);
	return false;
}

static bool damaged(struct check *check, size_t page, const char *what)
{
	return say(check, LMDB_DAMAGED, "page %zu: %s", page, what);
}

static int64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- pages --------------------------------------------------------------- */

static bool read_at(struct check *check, void *buf, size_t len, uint64_t at)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(check->fd, (char *)buf + done, len - done,
				  (off_t)(at + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return say(check, LMDB_DAMAGED, "cannot be read: %s",
				   strerror(errno));
		if (n == 0)
			return say(check, LMDB_DAMAGED,
				   "ends at byte %" PRIu64 ", in a page",
				   at + done);
		done += (size_t)n;
	}
	return true;
}

/* Each page has one use. */
static bool take(struct check *check, size_t page, size_t count, bool is_read)
{
	if (page < 2 || count == 0 || page > check->meta.last_page ||
	    count - 1 > check->meta.last_page - page)
		return damaged(check, page, "is out of bounds");
	if (is_read && page + count > check->file_size / check->page_size)
		return damaged(check, page, "is behind the file's end");
	for (size_t i = page; i < page + count; i++) {
		if (check->used[i / 8] & (1u << i % 8))
			return damaged(check, i, "is used twice");
		check->used[i / 8] |= (unsigned char)(1u << i % 8);
	}
	return true;
}

static bool is_late(struct check *check)
{
	if (check->said->pages++ % LOOK_EVERY == 0 && check->hurried &&
	    clock_ms() >= check->until)
		check->over = true;
	return check->over;
}

static size_t node_count(const struct page_head *head)
{
	return (head->lower - HEAD) / sizeof(uint16_t);
}

/* The header, and each node in bounds and apart from the others. */
static bool page_is_sound(struct walk *walk, const unsigned char *page,
			  size_t number, struct page_head *head)
{
	struct check *check = walk->check;
	size_t size = check->page_size;

	memcpy(head, page, sizeof(*head));
	if (head->number != number)
		return damaged(check, number, "bears another's number");
	if (head->flags != PAGE_LEAF && head->flags != PAGE_BRANCH)
		return damaged(check, number, "is of no known kind");
	if (head->lower < HEAD || head->lower > head->upper ||
	    head->upper > size || head->lower % 2 || head->upper % 2)
		return damaged(check, number, "its bounds are wrong");
	if (node_count(head) <
	    (head->flags == PAGE_LEAF || walk->kind == TREE_FREE ? 1 : 2))
		return damaged(check, number, "has too few nodes");
	memset(check->places, 0, size / 2);
	return true;
}

static bool node_read(struct walk *walk, const unsigned char *page,
		      const struct page_head *head, size_t i, struct node *node)
{
	struct check *check = walk->check;
	size_t room, len = sizeof(struct node_head);
	bool is_leaf = head->flags == PAGE_LEAF;
	struct node_head at;
	uint16_t place;

	memcpy(&place, page + HEAD + i * sizeof(place), sizeof(place));
	if (place < head->upper || place % 2 || place + len > check->page_size)
		return damaged(check, head->number, "a node is out of bounds");
	memcpy(&at, page + place, sizeof(at));
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	node->data_size = at.half[0] | (size_t)at.half[1] << 16;
#else
	node->data_size = at.half[1] | (size_t)at.half[0] << 16;
#endif
	node->flags = at.flags;
	node->key = page + place + len;
	node->key_size = at.key_size;
	node->data = node->key + node->key_size;
	node->child = node->data_size;
	if (sizeof(size_t) > 4)
		node->child |= (size_t)at.flags << 16 << 16;
	room = check->page_size - place - len;
	len += node->key_size;
	if (is_leaf)
		len += at.flags & NODE_BIG ? sizeof(size_t) : node->data_size;
	if (node->key_size > KEY_MAX || node->key_size > room ||
	    len - sizeof(at) > room)
		return damaged(check, head->number, "a node is too long");
	len = (len + 1) / 2;
	if (memchr(check->places + place / 2, 1, len))
		return damaged(check, head->number, "two nodes overlap");
	memset(check->places + place / 2, 1, len);
	return true;
}

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
			return damaged(walk->check, page, "a key's size");
		memcpy(&transaction, node->key, sizeof(transaction));
		if (transaction == 0 ||
		    transaction > walk->check->meta.transaction)
			return damaged(walk->check, page, "a key's value");
	}
	if (node->key_size == 0)
		return damaged(walk->check, page, "an empty key");
	if (walk->found.entries > 0 &&
	    compare(walk->kind, walk->last, walk->last_size, node->key,
		    node->key_size) >= 0)
		return damaged(walk->check, page, "keys are not in order");
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
		return damaged(walk->check, page, "a free list's size");
	memcpy(&count, data, sizeof(count));
	if (count > size / sizeof(count) - 1)
		return damaged(walk->check, page, "a free list's length");
	for (size_t i = 1; i <= count; i++) {
		memcpy(&number, data + i * sizeof(number), sizeof(number));
		if (number >= last)
			return damaged(walk->check, page, "a free list");
		if (!take(walk->check, number, 1, false))
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
	if (!take(check, page, 1, true) ||
	    !read_at(check, &head, sizeof(head), page * check->page_size))
		return false;
	memcpy(&pages, &head.lower, sizeof(pages));
	if (head.number != page || head.flags != PAGE_OVERFLOW || pages == 0 ||
	    node->data_size > (uint64_t)pages * check->page_size - HEAD)
		return damaged(check, page, "is no overflow page");
	if (pages > 1 && !take(check, page + 1, pages - 1, true))
		return false;
	walk->found.overflows += pages;
	if (walk->kind != TREE_FREE)
		return true;
	data = malloc(node->data_size + 1);
	if (!data)
		return say(check, LMDB_FAILED, "no memory");
	ok = read_at(check, data, node->data_size,
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
		return damaged(check, page, "a database's size");
	if (check->tree_count == TREES_MAX)
		return say(check, LMDB_FOREIGN, "holds too many databases");
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
		return say(check, LMDB_NEWER, "was made by a later version");
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
		return damaged(walk->check, page, "a node of no known kind");
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

	for (size_t i = 0; i < node_count(head); i++) {
		memset(walk->check->places, 0, walk->check->page_size / 2);
		if (!node_read(walk, page, head, i, &node))
			return false;
		if (i > 0 &&
		    (node.key_size == 0 || (walk->kind == TREE_FREE &&
					    node.key_size != sizeof(size_t))))
			return damaged(walk->check, head->number,
				       "a branch's key");
		if (i > 1 && compare(walk->kind, last.key, last.key_size,
				     node.key, node.key_size) >= 0)
			return damaged(walk->check, head->number,
				       "branches are not in order");
		if (i > 0 && !walk->check->over && walk->found.entries > 0 &&
		    compare(walk->kind, walk->last, walk->last_size, node.key,
			    node.key_size) >= 0)
			return damaged(walk->check, head->number,
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

	for (size_t i = 0; i < node_count(head); i++)
		if (!node_read(walk, page, head, i, &node) ||
		    !leaf_node(walk, head->number, &node))
			return false;
	return true;
}

/* Before anything is believed of a branch, its nodes are apart. */
static bool nodes_are_apart(struct walk *walk, const unsigned char *page,
			    const struct page_head *head)
{
	struct node node;

	for (size_t i = 0; i < node_count(head); i++)
		if (!node_read(walk, page, head, i, &node))
			return false;
	return true;
}

static bool walk_page(struct walk *walk, size_t number, unsigned depth)
{
	struct check *check = walk->check;
	struct page_head head;
	unsigned char *page;
	bool ok = false;

	if (is_late(check))
		return true;
	if (!take(check, number, 1, true))
		return false;
	page = malloc(check->page_size);
	if (!page)
		return say(check, LMDB_FAILED, "no memory");
	if (!read_at(check, page, check->page_size,
		     (uint64_t)number * check->page_size) ||
	    !page_is_sound(walk, page, number, &head))
		goto done;
	if ((head.flags == PAGE_LEAF) != (depth == 1)) {
		damaged(check, number, "is at a wrong depth");
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
	struct walk walk = { .check = check, .kind = kind, .claimed = *tree };

	if (tree->root == NO_PAGE) {
		if (tree->depth || tree->entries || tree->leaves ||
		    tree->branches || tree->overflows)
			return say(check, LMDB_DAMAGED,
				   "a tree without a root is not empty");
		return true;
	}
	if (tree->depth == 0 || tree->depth >= DEPTH_MAX)
		return say(check, LMDB_DAMAGED, "a tree's depth is wrong");
	if (!walk_page(&walk, tree->root, tree->depth))
		return false;
	if (!check->over && (walk.found.entries != tree->entries ||
			     walk.found.leaves != tree->leaves ||
			     walk.found.branches != tree->branches ||
			     walk.found.overflows != tree->overflows))
		return say(check, LMDB_DAMAGED, "a tree's counts are wrong");
	return true;
}

/* --- the file ------------------------------------------------------------ */

static bool read_meta(struct check *check, size_t number, struct meta *meta)
{
	struct page_head head;
	unsigned char page[HEAD + sizeof(*meta)];
	size_t at = number * check->page_size;

	if (check->file_size < at + sizeof(page))
		return say(check, LMDB_DAMAGED, "is too short");
	if (!read_at(check, page, sizeof(page), at))
		return false;
	memcpy(&head, page, sizeof(head));
	memcpy(meta, page + HEAD, sizeof(*meta));
	if (meta->magic != (uint32_t)MAGIC || !(head.flags & PAGE_META))
		return say(check, LMDB_DAMAGED, "is no LMDB file");
	if (meta->version > VERSION && meta->version < 1000)
		return say(check, LMDB_NEWER, "is of a later LMDB");
	if (meta->version != VERSION)
		return say(check, LMDB_DAMAGED, "is of no known version");
	if (meta->free.pad < PAGE_MIN || meta->free.pad > PAGE_MAX ||
	    (meta->free.pad & (meta->free.pad - 1)) != 0)
		return say(check, LMDB_DAMAGED, "its page size is wrong");
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
		return say(check, LMDB_DAMAGED, "its page sizes differ");
	if (metas[0].transaction % 2 != 0 ||
	    (metas[1].transaction % 2 == 0 && metas[1].transaction != 0))
		return say(check, LMDB_DAMAGED, "its metas are out of place");
	check->meta = metas[metas[1].transaction > metas[0].transaction];
	if (check->meta.last_page < 1 ||
	    check->meta.last_page > SIZE_MAX / check->page_size - 1 ||
	    check->meta.last_page / 64 > check->file_size / check->page_size)
		return say(check, LMDB_DAMAGED, "its size is wrong");
	/* FIXEDMAP and the like are not ours, nor what changes a tree's form */
	if ((check->meta.free.flags & ~ENV_FLAGS) != FREE_FLAGS)
		return say(check, LMDB_DAMAGED, "its flags are wrong");
	if (check->meta.main.flags != 0)
		return say(check, LMDB_FOREIGN, "is of another program");
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
		return say(check, LMDB_FOREIGN, "is of another program");
	for (size_t i = 0; i < check->tree_count; i++)
		if (check->trees[i].tree.flags != 0)
			return say(check, LMDB_DAMAGED,
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
		return say(check, LMDB_FAILED, "%s", strerror(errno));
	check->file_size = (uint64_t)st.st_size;
	if (check->file_size == 0)
		return say(check, LMDB_EMPTY, "is empty");
	if (!choose_meta(check))
		return false;
	check->used = calloc(check->meta.last_page / 8 + 1, 1);
	check->places = calloc(check->page_size / 2 + 1, 1);
	if (!check->used || !check->places)
		return say(check, LMDB_FAILED, "no memory");
	if (!read_first(check))
		return false;
	check->until = clock_ms() + max_ms;
	check->hurried =
		!check->is_suspect &&
		check->file_size / check->page_size > check->meta.last_page;
	if (!read_rest(check))
		return false;
	check->said->whole = !check->over;
	if (check->meta.main.entries == 0)
		return say(check, LMDB_EMPTY, "is empty");
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
