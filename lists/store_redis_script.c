/*
 * store_redis_script.c - the text of greylist.lua, as the build writes it into
 * a file of strings.
 */
#include "lists/store_redis_private.h"

const char redis_script[] =
#include "lists/greylist_lua.inc"
	;
