/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a crash report takes from a wreck's operations: all states, ours only,
 * not too many, and nothing of what can't be.
 */
#include "master/outstanding.h"

#include "shm/activity.h"
#include "shm/slot.h"
#include "tests/unit/master/test.h"
#include "tests/unit/shm/fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	SLOT = 3,
	GENERATION = 5,
	INCARNATION = 19, /* the fixture's */
};

struct scene {
	struct fixture *f;
	struct connections table;
	struct connection_owner owner;
	struct outstanding out;
};

static int
set_up(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	if (scene == NULL || fixture_setup((void **)&scene->f) != 0 ||
	    connections_init(&scene->table, FIXTURE_SLOTS) != 0)
		return (-1);
	connection_owner_init(&scene->owner);
	scene->table.slots[SLOT].owner = &scene->owner;
	scene->table.slots[SLOT].generation = GENERATION;
	scene->table.slots[SLOT].peer.port = 4711;
	*state = scene;
	return (0);
}

static int
tear_down(void **state)
{
	struct scene *scene = *state;
	void *fixture = scene->f;

	scene->table.slots[SLOT].owner = NULL;
	connections_fini(&scene->table);
	(void)fixture_teardown(&fixture);
	free(scene);
	return (0);
}

static ring_ref
reserve(struct scene *scene, uint16_t op, uint32_t slot, uint64_t token)
{
	ring_ref ref = 0;

	assert_int_equal(0, ring_reserve(&scene->f->consumer, CREDIT_NORMAL, op,
				conn_id_make(slot, GENERATION), token, &ref));
	return (ref);
}

static void
collect(struct scene *scene)
{
	outstanding_collect(
	    &scene->f->reader, &scene->table, &scene->owner, &scene->out);
}

static void
every_state_is_told_with_request_and_client(void **state)
{
	struct scene *scene = *state;
	const struct outstanding_entry *entries = scene->out.entries;
	struct ring_producer thread;
	struct completion c;
	ring_ref refs[4];

	ring_producer_init(&thread, &scene->f->ring, PRODUCER_NONE);
	for (uint32_t i = 0; i < 4; i++)
		refs[i] = reserve(scene, OPERATION_OFFLOAD, SLOT,
		    request_handle_make(i + 1, SLOT));
	ring_publish(&scene->f->dispatch, refs[0], 10, 0, 0);
	assert_true(ring_consume(&scene->f->consumer, &c));
	ring_publish(&thread, refs[1], 20, -EPIPE, 0);
	atomic_store(&scene->f->segment.records[refs[2] & 0xffffff].ctl,
	    record_ctl(refs[2] >> 24, thread.id, RECORD_CLAIMED));
	collect(scene);
	assert_int_equal(scene->out.segment, OUTSTANDING_WHOLE);
	assert_int_equal(scene->out.count, 4);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(entries[i].state, RECORD_DISPATCHING - i);
		assert_int_equal(scene->out.counts[entries[i].state], 1);
		assert_int_equal(entries[i].op, OPERATION_OFFLOAD);
		assert_int_equal(entries[i].request,
		    request_id_make(INCARNATION, (uint32_t)i + 1));
		assert_int_equal(entries[i].slot, SLOT);
		assert_true(entries[i].known);
		assert_int_equal(entries[i].peer.port, 4711);
	}
	assert_int_equal(entries[0].bytes, 10);
	assert_int_equal(entries[1].bytes, 20);
	assert_int_equal(entries[1].status, -EPIPE);
	assert_int_equal(entries[0].completer, PRODUCER_DISPATCH);
	assert_int_equal(entries[1].completer, thread.id);
	assert_int_equal(entries[2].completer, thread.id);
	assert_int_equal(entries[3].completer, PRODUCER_NONE);
	ring_producer_fini(&thread);
}

/* Another worker's connection, a token that isn't the connection's, or none. */
static void
what_it_did_not_own_is_not_looked_up(void **state)
{
	struct scene *scene = *state;
	struct connection_owner other;

	connection_owner_init(&other);
	scene->table.slots[SLOT].owner = &other;
	(void)reserve(scene, OPERATION_FLUSH, SLOT, 0);
	(void)reserve(
	    scene, OPERATION_FLUSH, SLOT, request_handle_make(1, SLOT + 1));
	(void)reserve(scene, OPERATION_FLUSH, SLOT, UINT64_MAX << 24 | SLOT);
	(void)reserve(
	    scene, OPERATION_CONN_SENT, SLOT, request_handle_make(1, SLOT));
	(void)reserve(scene, OPERATION_FLUSH, UINT32_MAX, 0);
	collect(scene);
	assert_int_equal(scene->out.count, 5);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(scene->out.entries[i].request, 0);
		assert_false(scene->out.entries[i].known);
	}
}

static void
many_are_counted_and_few_listed(void **state)
{
	struct scene *scene = *state;
	ring_ref ref;

	for (uint32_t i = 0; i < OUTSTANDING_EACH + 8; i++)
		(void)reserve(scene, OPERATION_POST, SLOT, 0);
	ref = reserve(scene, OPERATION_POST, SLOT, 0);
	ring_publish(&scene->f->dispatch, ref, 0, 0, 0);
	collect(scene);
	assert_int_equal(
	    scene->out.counts[RECORD_INFLIGHT], OUTSTANDING_EACH + 8);
	assert_int_equal(scene->out.counts[RECORD_DONE], 1);
	assert_int_equal(scene->out.count, OUTSTANDING_EACH + 1);
}

static void
a_corrupt_segment_is_told_and_not_followed(void **state)
{
	struct scene *scene = *state;

	(void)reserve(scene, OPERATION_POST, SLOT, 0);
	atomic_store(&scene->f->segment.records[100].ctl, record_ctl(1, 0, 9));
	scene->f->segment.records[101].op = UINT16_MAX;
	atomic_store(
	    &scene->f->segment.records[101].ctl, record_ctl(1, 0, RECORD_DONE));
	collect(scene);
	assert_int_equal(scene->out.segment, OUTSTANDING_CORRUPT);
	assert_int_equal(scene->out.violations, 2);
	assert_string_equal(
	    scene->out.violated, "a record has a state that there isn't");
	assert_int_equal(scene->out.violated_at, 100);
	assert_int_equal(scene->out.count, 1);
	assert_int_equal(scene->out.entries[0].state, RECORD_INFLIGHT);
}

static void
without_a_segment_there_is_nothing(void **state)
{
	struct scene *scene = *state;
	const struct segment none = { .header = NULL };

	outstanding_collect(&none, &scene->table, &scene->owner, &scene->out);
	assert_int_equal(scene->out.segment, OUTSTANDING_NONE);
	assert_int_equal(scene->out.count, 0);
}

#define SCENE_TEST(function) \
	cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		SCENE_TEST(every_state_is_told_with_request_and_client),
		SCENE_TEST(what_it_did_not_own_is_not_looked_up),
		SCENE_TEST(many_are_counted_and_few_listed),
		SCENE_TEST(a_corrupt_segment_is_told_and_not_followed),
		SCENE_TEST(without_a_segment_there_is_nothing),
	};

	return (RUN_TESTS(argc, argv, tests));
}
