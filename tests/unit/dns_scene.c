/*
 * dns_scene.c - a resolver, and whom it asks.
 */
#include "tests/unit/dns_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

/* Time enough for a loaded machine, short enough to wait for. */
#define TIMEOUT_MS 1000

struct dns *dns_scene_open(const char *servers, unsigned probe_ms)
{
	struct dns_settings settings = {
		.servers = servers,
		.timeout_ms = TIMEOUT_MS,
		.breaker_failures = probe_ms > 0 ? 20 : 1000,
		.breaker_probe_ms = probe_ms,
	};
	char error[DNS_ERROR_SIZE] = "";
	struct dns *dns = dns_open(&settings, error);

	assert_string_equal(error, "");
	assert_non_null(dns);
	return dns;
}

int dns_scene_set_up(void **state)
{
	static struct dns_scene scene;

	scene.fake = fakedns_start();
	scene.dns = dns_scene_open(fakedns_address(scene.fake), 0);
	*state = &scene;
	return 0;
}

int dns_scene_tear_down(void **state)
{
	struct dns_scene *scene = *state;

	dns_close(scene->dns);
	fakedns_stop(scene->fake);
	return 0;
}

void tally_done(struct dns_asker *asker, struct dns_answer *answer)
{
	struct tally *tally = asker->context;

	pthread_mutex_lock(&tally->lock);
	tally->status[answer->status]++;
	if (--tally->left == 0)
		pthread_cond_signal(&tally->all);
	pthread_mutex_unlock(&tally->lock);
	dns_answer_unref(answer);
}

void tally_wait(struct tally *tally)
{
	pthread_mutex_lock(&tally->lock);
	while (tally->left > 0)
		pthread_cond_wait(&tally->all, &tally->lock);
	pthread_mutex_unlock(&tally->lock);
}

void tally_ask(struct tally *tally, struct dns *dns, const char *begin,
	       bool different, struct dns_asker *askers, size_t n)
{
	pthread_mutex_lock(&tally->lock);
	tally->left += n;
	pthread_mutex_unlock(&tally->lock);
	for (size_t i = 0; i < n; i++) {
		struct dns_answer *answer;
		char name[64];

		snprintf(name, sizeof(name), "%s-%zu.test", begin,
			 different ? i : 0);
		askers[i] = (struct dns_asker){ .done = tally_done,
						.context = tally };
		answer = dns_ask(dns, name, DNS_A, 0, &askers[i]);
		if (answer)
			tally_done(&askers[i], answer);
	}
}
