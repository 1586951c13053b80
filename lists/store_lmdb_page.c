/*
 * store_lmdb_page.c - one page of an LMDB file, and the nodes in it, for the
 * check of a file that may hold anything.
 */
#include "lists/store_lmdb_check_private.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

bool check_say(struct check *check, enum lmdb_file file, const char *format,
	       ...)
{
	va_list args;

	check->said->file = file;
	va_start(args, format);
	vsnprintf(check->said->what, sizeof(check->said->what), format, args);
	va_end(args);
	return false;
}

bool check_damaged(struct check *check, size_t page, const char *what)
{
	return check_say(check, LMDB_DAMAGED, "page %zu: %s", page, what);
}

int64_t check_clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- pages --------------------------------------------------------------- */

bool check_read(struct check *check, void *buf, size_t len, uint64_t at)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(check->fd, (char *)buf + done, len - done,
				  (off_t)(at + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return check_say(check, LMDB_DAMAGED,
					 "cannot be read: %s", strerror(errno));
		if (n == 0)
			return check_say(check, LMDB_DAMAGED,
					 "ends at byte %" PRIu64 ", in a page",
					 at + done);
		done += (size_t)n;
	}
	return true;
}

bool check_take(struct check *check, size_t page, size_t count, bool is_read)
{
	if (page < 2 || count == 0 || page > check->meta.last_page ||
	    count - 1 > check->meta.last_page - page)
		return check_damaged(check, page, "is out of bounds");
	if (is_read && page + count > check->file_size / check->page_size)
		return check_damaged(check, page, "is behind the file's end");
	for (size_t i = page; i < page + count; i++) {
		if (check->used[i / 8] & (1u << i % 8))
			return check_damaged(check, i, "is used twice");
		check->used[i / 8] |= (unsigned char)(1u << i % 8);
	}
	return true;
}

bool check_is_late(struct check *check)
{
	if (check->said->pages++ % LOOK_EVERY == 0 && check->hurried &&
	    check_clock_ms() >= check->until)
		check->over = true;
	return check->over;
}

size_t page_nodes(const struct page_head *head)
{
	return (head->lower - HEAD) / sizeof(uint16_t);
}

bool page_is_sound(struct walk *walk, const unsigned char *page, size_t number,
		   struct page_head *head)
{
	struct check *check = walk->check;
	size_t size = check->page_size;

	memcpy(head, page, sizeof(*head));
	if (head->number != number)
		return check_damaged(check, number, "bears another's number");
	if (head->flags != PAGE_LEAF && head->flags != PAGE_BRANCH)
		return check_damaged(check, number, "is of no known kind");
	if (head->lower < HEAD || head->lower > head->upper ||
	    head->upper > size || head->lower % 2 || head->upper % 2)
		return check_damaged(check, number, "its bounds are wrong");
	if (page_nodes(head) <
	    (head->flags == PAGE_LEAF || walk->kind == TREE_FREE ? 1 : 2))
		return check_damaged(check, number, "has too few nodes");
	memset(check->places, 0, size / 2);
	return true;
}

bool page_node(struct walk *walk, const unsigned char *page,
	       const struct page_head *head, size_t i, struct node *node)
{
	struct check *check = walk->check;
	size_t room, len = sizeof(struct node_head);
	bool is_leaf = head->flags == PAGE_LEAF;
	struct node_head at;
	uint16_t place;

	memcpy(&place, page + HEAD + i * sizeof(place), sizeof(place));
	if (place < head->upper || place % 2 || place + len > check->page_size)
		return check_damaged(check, head->number,
				     "a node is out of bounds");
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
		return check_damaged(check, head->number, "a node is too long");
	len = (len + 1) / 2;
	if (memchr(check->places + place / 2, 1, len))
		return check_damaged(check, head->number, "two nodes overlap");
	memset(check->places + place / 2, 1, len);
	return true;
}
