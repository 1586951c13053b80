/*
 * replay.c - stands in for the fuzzer: feeds files to a fuzz target once.
 *
 * Arguments are files, or folders whose files are all taken.  Without any,
 * fuzz_NAME takes $srcdir/tests/fuzz/seeds/NAME, which is how `make check`
 * calls it.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

static size_t replayed;

static int replay_file(const char *path, FILE *file)
{
	uint8_t *data;
	long size;

	if (fseek(file, 0, SEEK_END) < 0 || (size = ftell(file)) < 0 ||
	    fseek(file, 0, SEEK_SET) < 0) {
		perror(path);
		return -1;
	}
	/* of its own size, so that a sanitizer sees who reads past it */
	data = malloc(size > 0 ? (size_t)size : 1);
	if (!data || fread(data, 1, (size_t)size, file) != (size_t)size) {
		perror(path);
		free(data);
		return -1;
	}
	LLVMFuzzerTestOneInput(data, (size_t)size);
	free(data);
	replayed++;
	return 0;
}

static int replay(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	int result = 0;

	if (!dir) {
		FILE *file = fopen(path, "rb");

		if (!file) {
			perror(path);
			return -1;
		}
		result = replay_file(path, file);
		fclose(file);
		return result;
	}
	while ((entry = readdir(dir))) {
		char *inside;

		if (entry->d_name[0] == '.')
			continue;
		if (asprintf(&inside, "%s/%s", path, entry->d_name) < 0)
			abort();
		if (replay(inside) < 0)
			result = -1;
		free(inside);
	}
	closedir(dir);
	return result;
}

/* The part of the program's name behind "fuzz_". */
static const char *target_name(const char *program)
{
	const char *slash = strrchr(program, '/');
	const char *name = slash ? slash + 1 : program;

	return strncmp(name, "fuzz_", 5) == 0 ? name + 5 : name;
}

int main(int argc, char **argv)
{
	const char *srcdir = getenv("srcdir");
	char *seeds;
	int result = 0;

	if (argc > 1) {
		for (int i = 1; i < argc; i++)
			if (replay(argv[i]) < 0)
				result = 1;
	} else {
		if (asprintf(&seeds, "%s/tests/fuzz/seeds/%s",
			     srcdir ? srcdir : ".", target_name(argv[0])) < 0)
			abort();
		if (replay(seeds) < 0)
			result = 1;
		free(seeds);
	}
	printf("%zu inputs\n", replayed);
	return replayed > 0 ? result : 1;
}
