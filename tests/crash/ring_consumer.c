/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A consumer that is killed, or stopped while others publish, after each
 * single instruction of all that it does: consume (from the lane, the ring and
 * the bitmap; past a ticket that nobody fills), release, rearm, sweep, cancel,
 * reserve, publish to itself, sleep. A reader of what it leaves finds each
 * operation once, in the state that it was in; and nothing that is published
 * while it is stopped finds it asleep.
 */
#include "tests/crash/ring_child.h"

#include "shm/reader.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

/* Instrumented and debug builds have several times as many instructions. */
#if UNIT_SANITIZED || !defined(__OPTIMIZE__)
#define CONSUMER_SAMPLE 4
#else
#define CONSUMER_SAMPLE 12
#endif

enum {
	LIVING = PRODUCER_THREADS,
	DEAD, /* it has left three operations and a ticket */
	STATUS = -EPIPE,
	SAMPLE = CONSUMER_SAMPLE, /* lives, unless BULKHEAD_EXHAUSTIVE is set */
	SAMPLE_OF_SLEEP = 150,
	STUCK_MS = 10000, /* a wake-up that takes so long was lost */
};

/* Operations by token. */
enum {
	IN_RING, /* rearmed once: the handler sees it twice */
	IN_LANE,
	IN_BITMAP,
	DEAD_DONE,
	DEAD_CLAIMED,
	DEAD_INFLIGHT,
	CANCELLED,
	RESERVED, /* by the child itself, published to itself */
	LATE,     /* published while the child is stopped, or never */
	LATER,
	TOKENS,
};

/*
 * A completion has come. The log has it after ring_consume() marked it
 * DISPATCHING and before anything else is done with it.
 */
static void
handle(struct scene *scene, const struct completion *c)
{
	struct fixture *f = &scene->f;
	ring_ref ref;
	int times;

	if (c->token >= TOKENS)
		_exit(1);
	times = atomic_fetch_add(&scene->handled[c->token], 1);
	if (c->token != IN_RING || times > 0) {
		ring_release(&f->consumer, c->ref);
		return;
	}
	ref = ring_rearm(&f->consumer, c->ref);
	ring_publish(&f->dispatch, ref, 0, STATUS, 0);
}

static void
consume_all(struct scene *scene)
{
	struct completion c;

	while (ring_consume(&scene->f.consumer, &c))
		handle(scene, &c);
}

static void
work(struct scene *scene)
{
	struct fixture *f = &scene->f;
	ring_ref ref;

	atomic_store(&scene->began, 1);
	consume_all(scene);
	(void)ring_sweep(&f->consumer, DEAD);
	if (!ring_cancel(&f->consumer, scene->refs[CANCELLED]))
		_exit(2);
	if (ring_reserve(&f->consumer, CREDIT_CONTROL, OPERATION_FLUSH, 5,
		RESERVED, &ref) != 0)
		_exit(3);
	ring_publish(&f->dispatch, ref, 0, STATUS, 0);
	consume_all(scene);
	if (ring_may_sleep(&f->consumer))
		ring_awake(&f->consumer);
}

static void
work_and_end(struct scene *scene)
{
	work(scene);
	atomic_store(&scene->ended, 1);
}

/* As a dispatch loop, until the late ones have come. */
static void
wait_for_late(struct scene *scene)
{
	struct epoll_event event;

	for (;;) {
		consume_all(scene);
		if (atomic_load(&scene->handled[LATE]) != 0 &&
		    atomic_load(&scene->handled[LATER]) != 0)
			break;
		if (!ring_may_sleep(&scene->f.consumer))
			continue;
		atomic_store(&scene->ended, 1);
		if (epoll_wait(scene->epoll, &event, 1, STUCK_MS) != 1)
			_exit(4);
		ring_awake(&scene->f.consumer);
	}
	if (scene->f.consumer.corrupt != 0)
		_exit(5);
}

static void
work_and_wait(struct scene *scene)
{
	work(scene);
	atomic_store(&scene->ended, 1);
	wait_for_late(scene);
}

/* From the last look at an empty ring to the system call. */
static void
sleep_and_wait(struct scene *scene)
{
	consume_all(scene);
	atomic_store(&scene->began, 1);
	wait_for_late(scene);
}

/* As a producer that died right after that store left it. */
static void
leave(struct scene *scene, int token, enum record_state state)
{
	struct op_record *record;

	record = &scene->f.segment.records[scene->refs[token] & 0xffffff];
	record->status = STATUS;
	record->completer = DEAD;
	atomic_store(
	    &record->ctl, record_ctl(scene->refs[token] >> 24, DEAD, state));
}

/* What the child finds. It begins with a ring of its own, empty. */
static void
prepare(struct scene *scene)
{
	struct fixture *f = &scene->f;
	struct ring_producer living = { .ring = &f->ring, .id = LIVING };
	struct ring_producer nameless = { .ring = &f->ring };
	uint64_t token;

	scene_entries(scene, SCENE_ENTRIES_LOG2);
	for (token = 0; token < TOKENS; token++) {
		atomic_store(&scene->handled[token], 0);
		if (token != RESERVED)
			scene_reserve(scene, token);
	}
	ring_publish(&living, scene->refs[IN_RING], 0, STATUS, 0);
	ring_publish(&f->dispatch, scene->refs[IN_LANE], 0, STATUS, 0);
	ring_publish(&nameless, scene->refs[IN_BITMAP], 0, STATUS, 0);
	/* The dead one's ticket, never filled, with something behind it. */
	atomic_fetch_add(&f->segment.producers->tail, 1);
	leave(scene, DEAD_DONE, RECORD_DONE);
	leave(scene, DEAD_CLAIMED, RECORD_CLAIMED);
	ring_assign(&f->consumer, scene->refs[DEAD_INFLIGHT], DEAD);
}

/* How often the log says that the operation's handler has begun. */
static int
handled(const struct scene *scene, uint64_t token)
{
	return (atomic_load(&scene->handled[token]));
}

/* One operation as the reader sees it fits what the child has logged. */
static void
check_present(const struct scene *scene, const struct reader_record *record)
{
	const uint64_t token = record->completion.token;
	/* Completions before this one: only IN_RING has had any. */
	const int before =
	    token == IN_RING ? (int)(record->completion.ref >> 24) - 1 : 0;
	const int status = record->completion.status;

	if (record->state == RECORD_DISPATCHING)
		assert_in_range(handled(scene, token), before, before + 1);
	else
		assert_int_equal(before, handled(scene, token));
	if (record->state == RECORD_DONE || record->state == RECORD_DISPATCHING)
		assert_int_equal(token == DEAD_CLAIMED || token == DEAD_INFLIGHT
				     ? -EOWNERDEAD
				     : STATUS,
		    status);
	if (token == DEAD_DONE)
		assert_true(record->state >= RECORD_DONE);
}

/* What isn't there has ended, or hasn't begun. */
static void
check_absent(const struct scene *scene, uint64_t token)
{
	if (token == CANCELLED || token == RESERVED)
		return; /* checked by its being there, or once handled */
	assert_int_equal(token == IN_RING ? 2 : 1, handled(scene, token));
}

static void
check_wreck(const struct scene *scene)
{
	struct reader_record record;
	struct reader reader;
	bool present[TOKENS] = { false };
	uint64_t token;

	assert_int_equal(0, reader_open(&reader, &scene->f.reader, true));
	assert_int_equal(0, reader.corrupt);
	assert_int_equal(0, reader.torn);
	assert_int_equal(
	    SCENE_RECORDS, reader.count + reader.states[RECORD_FREE]);
	while (reader_next(&reader, &record)) {
		token = record.completion.token;
		assert_true(token < TOKENS && !present[token]);
		present[token] = true;
		check_present(scene, &record);
	}
	for (token = 0; token < TOKENS; token++)
		if (!present[token])
			check_absent(scene, token);
	assert_true(present[LATE] && present[LATER]);
	reader_close(&reader);
}

/*
 * A SIGKILL after an instruction leaves what the segment holds when the child
 * is stopped there; so all instructions are looked at in one life.
 */
static void
leaves_each_operation_once_after_any_instruction(void **state)
{
	struct scene *scene = *state;
	int last = 0;
	pid_t child;

	prepare(scene);
	child = child_start(work_and_end, scene);
	while (atomic_load(&scene->ended) == 0) {
		assert_true(last++ < CHILD_STEPS_MAX && child_step(child, 1));
		if (atomic_load(&scene->began) != 0)
			check_wreck(scene);
	}
	child_kill(child);
	check_wreck(scene);
	print_message("looked at %d instructions\n", last);
}

static void
may_be_killed_after_any_instruction(void **state)
{
	struct scene *scene = *state;
	int first, last, round = 0, steps;
	pid_t child;
	int stride;

	prepare(scene);
	child_measure(work_and_end, scene, &first, &last);
	stride = child_exhaustive() ? 1 : (last - first) / SAMPLE + 1;
	/* Not always at the same ones. */
	for (steps = first + getpid() % stride; steps <= last;
	     steps += stride, round++) {
		prepare(scene);
		child = child_start(work_and_end, scene);
		if (child_step(child, steps))
			child_kill(child);
		check_wreck(scene);
	}
	print_message("%d deaths in %d instructions\n", round, last - first);
}

/* Stop ${run}, which ends when the late ones have come, ${sample} times. */
static void
stop_and_publish(
    struct scene *scene, void (*run)(struct scene *scene), int sample)
{
	struct ring_producer living = { .ring = &scene->f.ring, .id = LIVING };
	struct ring_producer nameless = { .ring = &scene->f.ring };
	int first, last, round = 0, steps, stride;
	struct epoll_event event;
	pid_t child;

	prepare(scene);
	child_measure(run, scene, &first, &last);
	stride = child_exhaustive() ? 1 : (last - first) / sample + 1;
	for (steps = first + getpid() % stride; steps <= last;
	     steps += stride, round++) {
		prepare(scene);
		(void)epoll_wait(scene->epoll, &event, 1, 0);
		child = child_start(run, scene);
		assert_true(child_step(child, steps));
		/* Producers that took tickets and died. */
		if ((round & 1) != 0)
			atomic_fetch_add(&scene->f.segment.producers->tail, 7);
		/* Both ways, and each alone: one must not hide the other. */
		ring_publish((round & 4) == 0 ? &living : &nameless,
		    scene->refs[LATE], 0, STATUS, 0);
		ring_publish((round & 2) == 0 ? &living : &nameless,
		    scene->refs[LATER], 0, STATUS, 0);
		child_continue(child);
		assert_int_equal(1, handled(scene, LATE));
		assert_int_equal(1, handled(scene, LATER));
	}
	print_message("%d stops in %d instructions\n", round, last - first);
}

static void
is_woken_by_what_comes_while_it_is_stopped(void **state)
{
	stop_and_publish(*state, work_and_wait, SAMPLE);
}

static void
is_woken_by_what_comes_while_it_goes_to_sleep(void **state)
{
	stop_and_publish(*state, sleep_and_wait, SAMPLE_OF_SLEEP);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup_teardown(
	    leaves_each_operation_once_after_any_instruction, scene_setup,
	    scene_teardown),
	cmocka_unit_test_setup_teardown(
	    may_be_killed_after_any_instruction, scene_setup, scene_teardown),
	cmocka_unit_test_setup_teardown(
	    is_woken_by_what_comes_while_it_is_stopped, scene_setup,
	    scene_teardown),
	cmocka_unit_test_setup_teardown(
	    is_woken_by_what_comes_while_it_goes_to_sleep, scene_setup,
	    scene_teardown),
};

UNIT_MAIN(tests)
