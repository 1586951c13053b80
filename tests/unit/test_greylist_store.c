/*
 * test_greylist_store.c - which memories are opened, and what is left when one
 * cannot be.
 */
#include "filter/greylist.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>
#include <cmocka.h>

#include "filter/log.h"
#include "filter/settings.h"

static char folder[] = "/tmp/test_greylist_store.XXXXXX";
static char good[64], bad[64], nothing[] = "", nobody[] = "127.0.0.1:1";
static char prefix[] = "steelyard:", wrong[] = "two words";

static int setup(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(good, sizeof(good), "%s/state", folder);
	snprintf(bad, sizeof(bad), "%s/absent", folder);
	log_level(LOG_EMERG);
	return mkdir(good, 0700);
}

static int teardown(void **state)
{
	static const char *const names[] = { "greylist.mdb",
					     "greylist.mdb-lock" };
	char path[128];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", good, names[i]);
		unlink(path);
	}
	return rmdir(good) == 0 ? rmdir(folder) : -1;
}

/* The engine that is opened, or "" with a sentence. */
static const char *opened(char *state_dir, char *servers, char *keys,
			  bool read_only)
{
	const struct settings settings = {
		.process = { .state_dir = state_dir },
		.store = { .size = 1024 * 1024,
			   .redis_servers = servers,
			   .redis_sentinels = nothing,
			   .redis_master = nothing,
			   .redis_password_file = nothing,
			   .redis_user = nothing,
			   .redis_prefix = keys },
	};
	char why[STORE_WHY_SIZE] = "";
	struct store *store = greylist_open_store(&settings, read_only, why);
	const char *name = store != NULL ? store->engine->name : "";

	assert_true((store == NULL) == (why[0] != '\0'));
	store_close(store);
	return name;
}

static void test_what_the_settings_name_is_opened(void **state)
{
	(void)state;
	assert_string_equal(opened(good, nothing, prefix, false), "lmdb");
	assert_string_equal(opened(good, nothing, prefix, true), "lmdb");
	assert_string_equal(opened(good, nobody, prefix, false), "pair");
	assert_string_equal(opened(good, nobody, prefix, true), "redis");
}

static void test_without_its_file_the_shared_one_is_left(void **state)
{
	(void)state;
	assert_string_equal(opened(bad, nothing, prefix, false), "");
	assert_string_equal(opened(bad, nobody, prefix, false), "redis");
	assert_string_equal(opened(bad, nobody, prefix, true), "redis");
}

static void test_what_is_wrong_is_said(void **state)
{
	(void)state;
	assert_string_equal(opened(good, nobody, wrong, false), "");
	assert_string_equal(opened(good, wrong, prefix, false), "");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_the_settings_name_is_opened),
		cmocka_unit_test(test_without_its_file_the_shared_one_is_left),
		cmocka_unit_test(test_what_is_wrong_is_said),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
