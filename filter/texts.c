/*
 * texts.c - records behind one another: a head, the name, the text.
 */
#include "filter/texts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Native byte order: a pack never leaves the machine, nor outlives it. */
struct head {
	uint32_t magic;
	uint32_t kind;
	uint64_t name_len; /* with the NUL behind it */
	uint64_t len;
};

static const uint32_t magic = 0x73746c31; /* "stl1" */

struct texts_writer {
	FILE *file;
	bool failed;
};

struct texts {
	const char *map;
	size_t len;
};

struct texts_writer *texts_writer_new(void)
{
	struct texts_writer *writer = calloc(1, sizeof(*writer));
	int fd;

	if (writer == NULL)
		return NULL;
	fd = memfd_create("steelyard-rules", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	writer->file = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (writer->file != NULL)
		return writer;
	if (fd >= 0)
		close(fd);
	free(writer);
	return NULL;
}

int texts_add(struct texts_writer *writer, enum texts_kind kind,
	      const char *name, const char *text, size_t len)
{
	struct head head = { .magic = magic,
			     .kind = kind,
			     .name_len = strlen(name) + 1,
			     .len = len };

	if (fwrite(&head, sizeof(head), 1, writer->file) != 1 ||
	    fwrite(name, head.name_len, 1, writer->file) != 1 ||
	    (len > 0 && fwrite(text, len, 1, writer->file) != 1))
		writer->failed = true;
	return writer->failed ? -1 : 0;
}

int texts_seal(struct texts_writer *writer)
{
	int fd = -1;

	if (!writer->failed && fflush(writer->file) == 0)
		fd = fcntl(fileno(writer->file), F_DUPFD_CLOEXEC, 0);
	fclose(writer->file);
	free(writer);
	if (fd >= 0 && fcntl(fd, F_ADD_SEALS,
			     F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE |
				     F_SEAL_SEAL) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* The record at *at, which moves behind it; false at the end or if broken. */
static bool record_next(const struct texts *texts, size_t *at,
			struct head *ret_head, const char **ret_name,
			const char **ret_text)
{
	size_t left = texts->len - *at;

	if (left < sizeof(*ret_head))
		return false;
	memcpy(ret_head, texts->map + *at, sizeof(*ret_head));
	left -= sizeof(*ret_head);
	if (ret_head->magic != magic || ret_head->name_len == 0 ||
	    ret_head->name_len > left ||
	    ret_head->len > left - ret_head->name_len)
		return false;
	*ret_name = texts->map + *at + sizeof(*ret_head);
	*ret_text = *ret_name + ret_head->name_len;
	if ((*ret_name)[ret_head->name_len - 1] != '\0')
		return false;
	*at += sizeof(*ret_head) + ret_head->name_len + ret_head->len;
	return true;
}

static bool adds_up(const struct texts *texts)
{
	const char *name, *text;
	struct head head;
	size_t at = 0;

	while (record_next(texts, &at, &head, &name, &text))
		;
	return at == texts->len && at > 0;
}

struct texts *texts_open(int fd)
{
	struct texts *texts = calloc(1, sizeof(*texts));
	struct stat st;
	void *map;

	if (texts == NULL)
		return NULL;
	if (fstat(fd, &st) < 0 || st.st_size <= 0)
		goto failed;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		goto failed;
	texts->map = map;
	texts->len = (size_t)st.st_size;
	if (adds_up(texts))
		return texts;
	munmap(map, texts->len);
	errno = EPROTO;
failed:
	free(texts);
	return NULL;
}

void texts_close(struct texts *texts)
{
	if (texts == NULL)
		return;
	munmap((void *)(uintptr_t)texts->map, texts->len);
	free(texts);
}

const char *texts_find(const struct texts *texts, enum texts_kind kind,
		       const char *name, size_t *ret_len)
{
	const char *found, *text;
	struct head head;
	size_t at = 0;

	while (record_next(texts, &at, &head, &found, &text))
		if (head.kind == kind && strcmp(found, name) == 0) {
			*ret_len = head.len;
			return text;
		}
	return NULL;
}

const char *texts_first(const struct texts *texts)
{
	const char *name, *text;
	struct head head;
	size_t at = 0;

	while (record_next(texts, &at, &head, &name, &text))
		if (head.kind == TEXTS_RULES)
			return name;
	return NULL;
}
