/*
 * scene.h - one pool, one channel, and behind it the test, which is the
 * inspector: it hears what the filter says, and asks what it likes.
 */
#ifndef STEELYARD_TESTS_SCENE_H
#define STEELYARD_TESTS_SCENE_H

#include "filter/inspect/channel.h"
#include "rules/arena.h"
#include "tests/unit/inspections.h"

struct scene {
	struct inspector_pool *pool;
	struct test_inspector inspector;
	struct test_hangs hangs;
	struct resolver *resolver;
	struct inspection *inspection;
	struct arena arena; /* of what the inspector reads */
	uint64_t number;
	uint32_t asked;
	int fd;
};

/* A world of names below test. */
extern const char scene_world[];

/* `zone`: the world, or NULL for none at all. */
void scene_open(struct scene *scene, const char *zone);
void scene_close(struct scene *scene);

/* A message begins, and reaches the inspector; `ends`: it is finished, too. */
void scene_message(struct scene *scene, bool ends);

/* The next packet; its first record. */
struct channel_record scene_receive(struct scene *scene,
				    unsigned char packet[CHANNEL_PACKET_MAX]);
void scene_send_bytes(struct scene *scene, const struct packet *packet);

/* The next question of this message. */
void scene_ask(struct scene *scene, const char *name, enum dns_type type);
/* The next answer, which is to a question of this type. */
const struct dns_answer *scene_hear(struct scene *scene, enum dns_type type,
				    uint32_t *ret_number);
void scene_hear_status(struct scene *scene, uint32_t number,
		       enum dns_status status);

/* The inspector has no more to say: all facts are missing. */
void scene_say_nothing(struct scene *scene);
/* The same, and the session takes it and is done. */
void scene_end_well(struct scene *scene);

#endif
