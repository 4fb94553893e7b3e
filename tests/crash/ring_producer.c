/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A producer that is killed, or stopped for a long time, after each single
 * instruction from taking its id to giving it back: nobody waits for it, no
 * operation ends twice or never, and what it called DONE is true.
 */
#include "tests/crash/ring_child.h"

#include "shm/reader.h"

#include <errno.h>
#include <unistd.h>

enum {
	CHILD_ID = PRODUCER_THREADS, /* the first that is free */
	OTHER_ID,
	BYTES = 4711,
	STATUS = -EPIPE,
	/* Token 0 by publish, 1 by try_publish, the others in a batch. */
	BATCH_FROM = 2,
	PUBLISHED = 5,
	OTHER = PUBLISHED, /* token of what another producer does */
};

static void
publish(struct scene *scene)
{
	struct ring_result results[PUBLISHED - BATCH_FROM];
	struct ring_producer producer;
	uint64_t token;

	for (token = BATCH_FROM; token < PUBLISHED; token++)
		results[token - BATCH_FROM] = (struct ring_result){
			.ref = scene->refs[token],
			.bytes = BYTES,
			.status = STATUS,
			.aux = token,
		};
	atomic_store(&scene->began, 1);
	ring_producer_init(&producer, &scene->f.ring, PRODUCER_NONE);
	ring_publish(&producer, scene->refs[0], BYTES, STATUS, 0);
	if (ring_try_publish(&producer, scene->refs[1], BYTES, STATUS, 1) != 0)
		_Exit(1);
	ring_publish_batch(&producer, results, PUBLISHED - BATCH_FROM);
	ring_producer_fini(&producer);
	atomic_store(&scene->ended, 1);
}

/* Consume all there is. The handler's log is by token. */
static void
drain(struct scene *scene)
{
	struct completion c;

	while (ring_consume(&scene->f.consumer, &c)) {
		assert_true(c.token < SCENE_OPERATIONS && c.conn == 5);
		assert_true(c.ref == scene->refs[c.token]);
		if (c.token == OTHER) {
			assert_int_equal(OTHER_ID, c.completer);
		} else {
			assert_int_equal(CHILD_ID, c.completer);
			assert_true(c.status == -EOWNERDEAD ||
				    (c.status == STATUS && c.bytes == BYTES &&
					c.aux == c.token));
		}
		/* The status, so that 1 is -EPERM and never seen. */
		assert_int_equal(0, atomic_load(&scene->handled[c.token]));
		atomic_store(
		    &scene->handled[c.token], c.status == 0 ? 1 : c.status);
		ring_release(&scene->f.consumer, c.ref);
	}
}

/* ${count} publications of another process all arrive. */
static void
others_go_on(struct scene *scene, int count)
{
	struct ring_producer other = { .ring = &scene->f.ring, .id = OTHER_ID };
	int i;

	for (i = 0; i < count; i++) {
		ring_publish(&other, scene_reserve(scene, OTHER), 0, 0, 0);
		drain(scene);
		assert_int_equal(1, atomic_load(&scene->handled[OTHER]));
	}
}

/*
 * The consumer is asleep, and a producer that saw that is dead, perhaps before
 * it wrote the eventfd: the next one writes it.
 */
static void
expect_wake(struct scene *scene)
{
	struct ring_producer other = { .ring = &scene->f.ring, .id = OTHER_ID };
	uint64_t count;

	(void)!read(scene->f.wake_fd, &count, sizeof(count));
	ring_publish(&other, scene_reserve(scene, OTHER), 0, 0, 0);
	assert_int_equal(
	    sizeof(count), read(scene->f.wake_fd, &count, sizeof(count)));
	ring_awake(&scene->f.consumer);
	drain(scene);
	assert_int_equal(1, atomic_load(&scene->handled[OTHER]));
}

/* Operations for the next child; the consumer sleeps, or doesn't. */
static void
prepare(struct scene *scene, bool assign, bool sleeping)
{
	int i;

	for (i = 0; i < PUBLISHED; i++) {
		scene_reserve(scene, (uint64_t)i);
		if (assign)
			ring_assign(
			    &scene->f.consumer, scene->refs[i], CHILD_ID);
	}
	if (sleeping)
		assert_true(ring_may_sleep(&scene->f.consumer));
}

/* What a reader makes of the segment is what its records say. */
static void
expect_readable(const struct scene *scene, const enum record_state *left)
{
	struct reader_record record;
	struct reader reader;
	int count = 0;

	assert_int_equal(0, reader_open(&reader, &scene->f.reader, true));
	assert_int_equal(0, reader.corrupt);
	for (; reader_next(&reader, &record); count++) {
		const uint64_t token = record.completion.token;

		assert_true(token < PUBLISHED);
		assert_int_equal(left[token], record.state);
		assert_true(record.state != RECORD_DONE ||
			    record.completion.status == STATUS);
	}
	assert_int_equal(PUBLISHED, count);
	reader_close(&reader);
}

/* The dead child's operations end, each once and as they must. */
static void
bury(struct scene *scene, const enum record_state *left, bool assigned)
{
	struct ring_producer dead = { .ring = &scene->f.ring };
	int i;

	if (atomic_load(&scene->f.ring.thread_ids) != 0)
		dead.id = CHILD_ID;
	(void)ring_sweep(&scene->f.consumer, CHILD_ID);
	ring_producer_fini(&dead);
	drain(scene);
	assert_int_equal(0, ring_sweep(&scene->f.consumer, CHILD_ID));
	for (i = 0; i < PUBLISHED; i++) {
		if (left[i] == RECORD_INFLIGHT && !assigned) {
			/* Whose it was isn't known; others may end it. */
			assert_int_equal(0, atomic_load(&scene->handled[i]));
			assert_true(
			    ring_cancel(&scene->f.consumer, scene->refs[i]));
			continue;
		}
		assert_int_equal(left[i] == RECORD_DONE ? STATUS : -EOWNERDEAD,
		    atomic_load(&scene->handled[i]));
	}
	assert_int_equal(0, atomic_load(&scene->f.ring.thread_ids));
	scene_expect_whole(scene);
}

static void
may_be_killed_after_any_instruction(void **state)
{
	struct scene *scene = *state;
	int first, i, last, met[RECORD_DISPATCHING] = { 0 }, round = 0, steps;
	const int stride = child_stride(1, 17);
	enum record_state left[PUBLISHED];
	pid_t child;

	prepare(scene, true, true);
	child_measure(publish, scene, &first, &last);
	drain(scene);
	for (steps = first; steps <= last; steps += stride, round++) {
		const bool assigned = round % 2 == 0;
		const bool sleeping = round / 2 % 2 == 0;

		prepare(scene, assigned, sleeping);
		child = child_start(publish, scene);
		if (child_step(child, steps))
			child_kill(child);
		for (i = 0; i < PUBLISHED; i++)
			met[left[i] = scene_state(scene, scene->refs[i])]++;
		expect_readable(scene, left);
		if (sleeping)
			expect_wake(scene);
		/* The kernel tells of the death later, or sooner. */
		if (round % 3 == 0)
			others_go_on(scene, 1);
		bury(scene, left, assigned);
		others_go_on(scene, 1);
	}
	print_message("%d deaths in %d instructions: %d in flight, "
		      "%d claimed, %d done\n",
	    round, last - first, met[RECORD_INFLIGHT], met[RECORD_CLAIMED],
	    met[RECORD_DONE]);
	if (stride > 1)
		return;
	/* Each of the states was met, so the steps were the right ones. */
	assert_true(met[RECORD_INFLIGHT] > 0 && met[RECORD_CLAIMED] > 0 &&
		    met[RECORD_DONE] > 0);
	assert_true(scene->f.consumer.poisoned > 0);
}

static void
may_be_stopped_for_more_than_a_lap_anywhere(void **state)
{
	struct scene *scene = *state;
	int first, i, last, round = 0, steps;
	const int stride = child_stride(3, 31);
	bool running;
	pid_t child;

	prepare(scene, false, false);
	child_measure(publish, scene, &first, &last);
	drain(scene);
	for (steps = first; steps <= last; steps += stride, round++) {
		prepare(scene, false, round % 2 == 0);
		child = child_start(publish, scene);
		running = child_step(child, steps);
		ring_awake(&scene->f.consumer);
		others_go_on(scene, SCENE_ENTRIES + 3);
		if (running)
			child_continue(child);
		drain(scene);
		for (i = 0; i < PUBLISHED; i++)
			assert_int_equal(
			    STATUS, atomic_load(&scene->handled[i]));
		assert_int_equal(0, atomic_load(&scene->f.ring.thread_ids));
		scene_expect_whole(scene);
	}
	print_message("%d stops in %d instructions, %lu tickets poisoned\n",
	    round, last - first, (unsigned long)scene->f.consumer.poisoned);
	if (stride == 1)
		assert_true(scene->f.consumer.poisoned > 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup_teardown(
	    may_be_killed_after_any_instruction, scene_setup, scene_teardown),
	cmocka_unit_test_setup_teardown(
	    may_be_stopped_for_more_than_a_lap_anywhere, scene_setup,
	    scene_teardown),
};

UNIT_MAIN(tests)
