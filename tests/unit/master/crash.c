/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a crash report takes from a wreck's buffers, while somebody writes them.
 */
#include "master/crash.h"

#include "master/master.h"
#include "master/pool.h"
#include "shm/activity.h"
#include "shm/slot.h"
#include "tests/unit/master/test.h"
#include "tests/unit/shm/fixture.h"

#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
	SLOT = 3,
	GENERATION = 5,
	REPORTS = 2000,
};

struct scene {
	struct fixture *f;
	struct config_pool config;
	struct pool pool;
	struct worker worker;
	struct master master;
	struct connection connection;
	_Atomic bool over;
};

/* A worker that died in a request whose line is ${line}. */
static struct scene *
make_scene(const char *line)
{
	struct scene *scene = calloc(1, sizeof(*scene));
	struct slot_request request = { .buffer = 1 };
	struct worker *worker;

	assert_non_null(scene);
	assert_int_equal(0, fixture_setup((void **)&scene->f));
	worker = &scene->worker;
	worker->master = &scene->master;
	worker->pool = &scene->pool;
	scene->pool.config = &scene->config;
	worker->view = scene->f->reader;
	worker->segment_fds = scene->f->fds;
	worker->ready_ns = 1;
	assert_int_equal(
	    0, connections_init(&scene->master.connections, FIXTURE_SLOTS));
	connection_owner_init(&worker->owner);
	scene->connection.slot = SLOT;
	scene->connection.generation = GENERATION;
	TAILQ_INSERT_TAIL(&worker->owner.list, &scene->connection, link);
	request.request = request_id_make(19, 7);
	slot_open(&scene->f->segment.slots[SLOT], GENERATION,
	    &(struct slot_peer){ .port = 1 }, 1);
	slot_set_request(&scene->f->segment.slots[SLOT], &request);
	(void)activity_set(&scene->f->segment.consumer->activities[0],
	    activity_pack(0, 0, request.request));
	memcpy(segment_buffer(&scene->f->segment, 0), line, strlen(line) + 1);
	return (scene);
}

static void
free_scene(struct scene *scene)
{
	void *fixture = scene->f;

	connections_fini(&scene->master.connections);
	(void)fixture_teardown(&fixture);
	free(scene);
}

static void
collect(struct scene *scene, struct crash *ret_crash)
{
	crash_collect(&scene->worker,
	    &(siginfo_t){ .si_code = CLD_KILLED, .si_status = SIGSEGV },
	    CAUSE_OWN, ret_crash);
}

static void
the_lines_first_two_words_are_told(void **state)
{
	struct scene *scene = make_scene("GET /a\x01z?b=c HTTP/1.1\r\n");
	struct crash crash;

	(void)state;
	collect(scene, &crash);
	assert_string_equal("GET", crash.method);
	assert_string_equal("/a?z?b=c", crash.target);
	free_scene(scene);
	scene = make_scene("GET\r\n/a");
	collect(scene, &crash);
	assert_string_equal("GET", crash.method);
	assert_string_equal("", crash.target);
	free_scene(scene);
}

static void *
change_all_the_time(void *argument)
{
	struct scene *scene = argument;
	uint8_t *bytes = segment_buffer(&scene->f->segment, 0);
	static const uint8_t values[] = { 'A', 0x1b };
	size_t i, k;

	for (k = 0; !atomic_load(&scene->over); k++)
		for (i = 0; i < CRASH_LINE; i++)
			__atomic_store_n(&bytes[i],
			    values[(i + k) % sizeof(values)], __ATOMIC_RELAXED);
	return (NULL);
}

/* A byte that was looked at is the byte that is told. */
static void
bytes_that_change_meanwhile_are_told_as_they_were_checked(void **state)
{
	struct scene *scene = make_scene("GET / HTTP/1.1\r\n");
	struct crash crash;
	pthread_t thread;
	size_t i, k;

	(void)state;
	assert_int_equal(
	    0, pthread_create(&thread, NULL, change_all_the_time, scene));
	for (k = 0; k < REPORTS; k++) {
		collect(scene, &crash);
		for (i = 0; crash.method[i] != '\0'; i++)
			assert_true(isgraph((unsigned char)crash.method[i]));
		for (i = 0; crash.target[i] != '\0'; i++)
			assert_true(isgraph((unsigned char)crash.target[i]));
	}
	atomic_store(&scene->over, true);
	assert_int_equal(0, pthread_join(thread, NULL));
	free_scene(scene);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_lines_first_two_words_are_told),
		cmocka_unit_test(
		    bytes_that_change_meanwhile_are_told_as_they_were_checked),
	};

	return (RUN_TESTS(argc, argv, tests));
}
