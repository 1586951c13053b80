/*
 * redis_store.h - a store in a server, opened for a test.
 *
 * All of it fails through cmocka.
 */
#ifndef TESTS_UNIT_REDIS_STORE_H
#define TESTS_UNIT_REDIS_STORE_H

#include "lists/store_redis.h"

/* Never NULL.  What is NULL in the settings is "". */
struct store *redis_store_open(const struct store_redis_settings *settings);

/* Half a minute for each command, as other tests may keep the machine busy. */
void redis_store_be_patient(struct store *store);

#endif
