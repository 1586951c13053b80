/*
 * store_lmdb_check_private.h - what is known of LMDB's format; for the two
 * files of the check alone.
 *
 * store_lmdb_check.c walks, store_lmdb_page.c reads a page and its nodes.
 * Functions that find something wrong say so in check->said and return false.
 */
#ifndef LISTS_STORE_LMDB_CHECK_PRIVATE_H
#define LISTS_STORE_LMDB_CHECK_PRIVATE_H

#include "lists/store_lmdb_check.h"

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
	struct tree found;
	size_t last_size; /* of the key before */
	unsigned char last[KEY_MAX];
};

int64_t check_clock_ms(void);

__attribute__((format(printf, 3, 4))) bool check_say(struct check *check,
						     enum lmdb_file file,
						     const char *format, ...);
bool check_damaged(struct check *check, size_t page, const char *what);

bool check_read(struct check *check, void *buf, size_t len, uint64_t at);

/*
 * Each page has one use.  One that will be read must be inside of the file;
 * one that is free may lie behind its end.
 */
bool check_take(struct check *check, size_t page, size_t count, bool is_read);

/* Counts the pages that are read; true when the time is over. */
bool check_is_late(struct check *check);

size_t page_nodes(const struct page_head *head);

/* The header; then each node in bounds and apart from the others. */
bool page_is_sound(struct walk *walk, const unsigned char *page, size_t number,
		   struct page_head *head);

/* Points into the page. */
bool page_node(struct walk *walk, const unsigned char *page,
	       const struct page_head *head, size_t i, struct node *node);

#endif
