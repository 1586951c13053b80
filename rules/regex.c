/*
 * regex.c - PCRE2 behind limits.
 *
 * PCRE2 counts its match limit in the machine code too, but there it knows
 * neither depth nor heap: the size of the machine code's own stack takes their
 * place.  All of them end in REGEX_LIMIT, as does our own count of the work.
 */
#include "rules/regex.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum {
	JIT_STACK_FIRST = 32 * 1024,
	JIT_STACK_MAX = 512 * 1024,
	ROOMS_KEPT = 64, /* more are freed when they come back */
};

struct regex {
	pcre2_code *code;
	bool jit;
	bool refers; /* holds back references */
	unsigned repeat; /* the largest number of a {repeat} */
	char text[]; /* as it was written */
};

struct regex_room {
	struct regex_room *next; /* in the pool */
	pcre2_match_data *data;
	pcre2_match_context *limits;
	pcre2_jit_stack *stack;
};

static struct {
	pthread_mutex_t lock;
	struct regex_room *free;
	size_t count;
} pool = { .lock = PTHREAD_MUTEX_INITIALIZER };

static int flags_read(const char *flags, uint32_t *ret_options, char *why,
		      size_t why_size)
{
	uint32_t options = PCRE2_NEVER_BACKSLASH_C | PCRE2_AUTO_CALLOUT;
	bool utf = false;

	for (const char *at = flags; *at != '\0'; at++) {
		switch (*at) {
		case 'i': options |= PCRE2_CASELESS; break;
		case 'm': options |= PCRE2_MULTILINE; break;
		case 's': options |= PCRE2_DOTALL; break;
		case 'x': options |= PCRE2_EXTENDED; break;
		case 'u': utf = true; break;
		default:
			snprintf(why, why_size,
				 "unknown flag \"%c\"; there are i m s x u",
				 *at);
			return -1;
		}
	}
	/* Texts come from strangers: wrong UTF-8 must be no error. */
	options |= utf ? PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF
		       : PCRE2_NEVER_UTF;
	*ret_options = options;
	return 0;
}

/* Looks for {NUMBER and ,NUMBER, wherever they stand: too many do no harm. */
static unsigned largest_repeat(const char *pattern, size_t len)
{
	enum { MOST = 65535 }; /* PCRE2's */
	unsigned largest = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned number = 0;

		if (pattern[i] != '{' && pattern[i] != ',')
			continue;
		while (i + 1 < len && pattern[i + 1] >= '0' &&
		       pattern[i + 1] <= '9' && number < MOST)
			number = number * 10 + (unsigned)(pattern[++i] - '0');
		if (number > largest)
			largest = number;
	}
	return largest;
}

static pcre2_code *code_new(const char *pattern, size_t len, const char *flags,
			    char *why, size_t why_size, size_t *ret_offset)
{
	PCRE2_SIZE offset;
	pcre2_code *made;
	uint32_t options;
	int code;

	*ret_offset = len;
	if (flags_read(flags, &options, why, why_size) < 0)
		return NULL;
	if (len > REGEX_PATTERN_MAX) {
		snprintf(why, why_size, "pattern longer than %d bytes",
			 REGEX_PATTERN_MAX);
		return NULL;
	}
	made = pcre2_compile((PCRE2_SPTR)pattern, len, options, &code, &offset,
			     NULL);
	if (made == NULL) {
		pcre2_get_error_message(code, (PCRE2_UCHAR *)why, why_size);
		*ret_offset = offset < len ? offset : len;
	}
	return made;
}

bool regex_is_good(const char *pattern, size_t len, const char *flags,
		   char *why, size_t why_size, size_t *ret_offset)
{
	pcre2_code *code =
		code_new(pattern, len, flags, why, why_size, ret_offset);

	pcre2_code_free(code);
	return code != NULL;
}

struct regex *regex_new(const char *pattern, size_t len, const char *flags,
			char *why, size_t why_size, size_t *ret_offset)
{
	pcre2_code *code =
		code_new(pattern, len, flags, why, why_size, ret_offset);
	uint32_t references = 0;
	struct regex *regex;

	if (code == NULL)
		return NULL;
	regex = calloc(1, sizeof(*regex) + len + strlen(flags) + 3);
	if (regex == NULL) {
		snprintf(why, why_size, "out of memory");
		pcre2_code_free(code);
		return NULL;
	}
	regex->code = code;
	regex->text[0] = '/';
	for (size_t i = 0; i < len; i++)
		regex->text[i + 1] = pattern[i] != '\0' ? pattern[i] : ' ';
	regex->text[len + 1] = '/';
	memcpy(regex->text + len + 2, flags, strlen(flags));
	pcre2_pattern_info(regex->code, PCRE2_INFO_BACKREFMAX, &references);
	regex->refers = references > 0;
	regex->repeat = largest_repeat(pattern, len);
	/* Where memory may not be both written and run this fails: slower. */
	regex->jit = pcre2_jit_compile(regex->code, PCRE2_JIT_COMPLETE) == 0;
	return regex;
}

void regex_free(struct regex *regex)
{
	if (regex == NULL)
		return;
	pcre2_code_free(regex->code);
	free(regex);
}

const char *regex_text(const struct regex *regex)
{
	return regex->text;
}

bool regex_is_jit(const struct regex *regex)
{
	return regex->jit;
}

static void room_free(struct regex_room *room)
{
	if (room == NULL)
		return;
	pcre2_match_data_free(room->data);
	pcre2_match_context_free(room->limits);
	pcre2_jit_stack_free(room->stack);
	free(room);
}

static struct regex_room *room_new(void)
{
	struct regex_room *room = calloc(1, sizeof(*room));

	if (room == NULL)
		return NULL;
	room->data = pcre2_match_data_create(1, NULL);
	room->limits = pcre2_match_context_create(NULL);
	if (room->data == NULL || room->limits == NULL) {
		room_free(room);
		return NULL;
	}
	pcre2_set_match_limit(room->limits, REGEX_MATCH_LIMIT);
	pcre2_set_depth_limit(room->limits, REGEX_DEPTH_LIMIT);
	pcre2_set_heap_limit(room->limits, REGEX_HEAP_LIMIT_KIB);
	/* Without one the machine code uses 32 KiB of the thread's stack. */
	room->stack =
		pcre2_jit_stack_create(JIT_STACK_FIRST, JIT_STACK_MAX, NULL);
	if (room->stack != NULL)
		pcre2_jit_stack_assign(room->limits, NULL, room->stack);
	return room;
}

struct regex_room *regex_room_take(void)
{
	struct regex_room *room;

	pthread_mutex_lock(&pool.lock);
	room = pool.free;
	if (room != NULL) {
		pool.free = room->next;
		pool.count--;
	}
	pthread_mutex_unlock(&pool.lock);
	return room != NULL ? room : room_new();
}

void regex_room_give(struct regex_room *room)
{
	bool kept = false;

	if (room == NULL)
		return;
	pthread_mutex_lock(&pool.lock);
	if (pool.count < ROOMS_KEPT) {
		room->next = pool.free;
		pool.free = room;
		pool.count++;
		kept = true;
	}
	pthread_mutex_unlock(&pool.lock);
	if (!kept)
		room_free(room);
}

void regex_rooms_drop(void)
{
	struct regex_room *room;

	pthread_mutex_lock(&pool.lock);
	room = pool.free;
	pool.free = NULL;
	pool.count = 0;
	pthread_mutex_unlock(&pool.lock);
	while (room != NULL) {
		struct regex_room *next = room->next;

		room_free(room);
		room = next;
	}
}

/* What one match does, as it goes. */
struct effort {
	uint64_t left;
	uint64_t item; /* what each item costs at the least */
	size_t at; /* where the last one was tried */
};

/*
 * Called before each item of the pattern.  The way from the last one was read,
 * or given back: that is all that a repeat, or going back, can have done.
 */
static int item_count(pcre2_callout_block *block, void *context)
{
	struct effort *effort = context;
	size_t at = block->current_position;
	size_t way = at > effort->at ? at - effort->at : effort->at - at;
	uint64_t cost = effort->item + way;

	effort->at = at;
	if (cost > effort->left) {
		effort->left = 0;
		return PCRE2_ERROR_CALLOUT;
	}
	effort->left -= cost;
	return 0;
}

/*
 * What fails moves nothing, however much it has read.  A repeat fails after
 * less than its number, and a back reference after less than the text.
 */
static uint64_t item_cost(const struct regex *regex, size_t len)
{
	enum { CALL = 8, PART = 4 };

	return CALL + regex->repeat / PART + (regex->refers ? len / PART : 0);
}

enum regex_answer regex_match(const struct regex *regex,
			      struct regex_room *room, const char *text,
			      size_t len, uint64_t *work)
{
	enum { START = 64 }; /* to begin with */
	uint64_t most = *work < REGEX_WORK ? *work : REGEX_WORK;
	bool cut = len > REGEX_TEXT_MAX;
	struct effort effort = { 0 };
	int found;

	if (len == 0)
		text = ""; /* PCRE2 wants a pointer even for nothing */
	if (cut)
		len = REGEX_TEXT_MAX;
	/* Where a match may begin is searched for in the whole text. */
	if (most < START + len)
		return REGEX_LIMIT;
	effort.left = most - START - len;
	effort.item = item_cost(regex, len);
	pcre2_set_callout(room->limits, item_count, &effort);
	found = pcre2_match(regex->code, (PCRE2_SPTR)text, len, 0, 0,
			    room->data, room->limits);
	pcre2_set_callout(room->limits, NULL, NULL);
	*work -= most - effort.left;
	/* What reaches the cut might not have matched without it. */
	if (found >= 0 && cut &&
	    pcre2_get_ovector_pointer(room->data)[1] == len)
		return REGEX_LIMIT;
	if (found >= 0)
		return REGEX_YES;
	return found == PCRE2_ERROR_NOMATCH && !cut ? REGEX_NO : REGEX_LIMIT;
}
