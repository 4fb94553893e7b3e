/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A producer that is killed, or stopped for a long time, after each single
 * instruction of a publication: nobody waits for it, nothing arrives twice,
 * and what it called DONE is true. The producer is a child process under
 * ptrace(2), so that the kernel stops it wherever we like.
 */
#include "fixture.h"
#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Every instruction of the code that users run. The debug build's is several
 * times as long and the instrumented one's some ten times: a sample has to do.
 */
#if UNIT_SANITIZED
#define UNIT_STRIDE 23
#elif defined(__OPTIMIZE__)
#define UNIT_STRIDE 1
#else
#define UNIT_STRIDE 7
#endif

enum {
	CHILD_ID = PRODUCER_THREADS,
	OTHER_ID,
	STRIDE = UNIT_STRIDE,
	STEPS_MAX = 100000,
	STEPS_BEFORE = 10, /* before the claim: nothing has been stored */
	BYTES = 4711,
	STATUS = -EPIPE,
	AUX = 42,
};

/* The steps of a publication, counted from the child's start. */
struct span {
	int first;
	int last;
};

static _Noreturn void
child_publish(struct fixture *f, ring_ref ref)
{
	struct ring_producer producer = { .ring = &f->ring, .id = CHILD_ID };
	int error;

	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1)
		_exit(77);
	(void)raise(SIGSTOP);
	error = ring_try_publish(&producer, ref, BYTES, STATUS, AUX);
	/* For measure(); the ring has no use for this word. */
	atomic_store(&f->segment.consumer->load, 1);
	_exit(error == 0 ? 0 : 1);
}

/* Start a child that will publish ${ref}, and stop it before that. */
static pid_t
start_child(struct fixture *f, ring_ref ref)
{
	int status;
	pid_t child;

	if (UNIT_TSAN)
		skip(); /* sees no other process, and forks too slowly */
	/* It must share the segment that workers' children don't get. */
	assert_int_equal(
	    0, madvise(f->segment.base, f->segment.size, MADV_DOFORK));
	child = fork();
	assert_true(child != -1);
	if (child == 0)
		child_publish(f, ref);
	assert_int_equal(child, waitpid(child, &status, 0));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip(); /* ptrace(2) is forbidden here */
	assert_true(WIFSTOPPED(status));
	return (child);
}

/*
 * Let the child run ${steps} instructions. False when it has exited before:
 * a clock read isn't always equally long.
 */
static bool
step_child(pid_t child, int steps)
{
	int status;

	for (; steps > 0; steps--) {
		assert_int_equal(
		    0, ptrace(PTRACE_SINGLESTEP, child, NULL, NULL));
		assert_int_equal(child, waitpid(child, &status, 0));
		if (WIFEXITED(status)) {
			assert_int_equal(0, WEXITSTATUS(status));
			return (false);
		}
		assert_true(WIFSTOPPED(status));
	}
	return (true);
}

static void
kill_child(pid_t child)
{
	int status;

	assert_int_equal(0, kill(child, SIGKILL));
	assert_int_equal(child, waitpid(child, &status, 0));
}

static void
continue_child(pid_t child)
{
	int status;

	assert_int_equal(0, ptrace(PTRACE_DETACH, child, NULL, NULL));
	assert_int_equal(child, waitpid(child, &status, 0));
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static ring_ref
reserve(struct fixture *f)
{
	ring_ref ref = 0;

	assert_int_equal(0, ring_reserve(&f->consumer, CREDIT_NORMAL,
				OPERATION_FLUSH, 5, 6, &ref));
	return (ref);
}

/* Consume all there is; how often ${ref}, with the child's result, came. */
static int
drain(struct fixture *f, ring_ref ref, int *ret_others)
{
	struct completion c;
	int found = 0;

	while (ring_consume(&f->consumer, &c)) {
		if (c.ref != ref) {
			assert_int_equal(OTHER_ID, c.completer);
			ring_release(&f->consumer, c.ref);
			++*ret_others;
			continue;
		}
		found++;
		assert_int_equal(CHILD_ID, c.completer);
		assert_int_equal(BYTES, c.bytes);
		assert_int_equal(STATUS, c.status);
		assert_int_equal(AUX, c.aux);
		assert_int_equal(5, c.conn);
		assert_int_equal(6, c.token);
	}
	return (found);
}

/* Watch one publication, to learn at which steps it begins and ends. */
static struct span
measure(struct fixture *f)
{
	const ring_ref ref = reserve(f);
	const struct op_record *record = &f->segment.records[ref & 0xffffff];
	struct span span = { .first = 0 };
	int others = 0;
	pid_t child;

	child = start_child(f, ref);
	while (atomic_load(&f->segment.consumer->load) == 0) {
		assert_true(span.last < STEPS_MAX && step_child(child, 1));
		span.last++;
		if (record_state(atomic_load(&record->ctl)) == RECORD_INFLIGHT)
			span.first++;
	}
	kill_child(child);
	assert_int_equal(1, drain(f, ref, &others));
	ring_release(&f->consumer, ref);
	span.first -= STEPS_BEFORE;
	return (span);
}

/* ${count} publications of another thread all arrive. */
static int
others_go_on(struct fixture *f, ring_ref ref, int count)
{
	struct ring_producer other = { .ring = &f->ring, .id = OTHER_ID };
	int arrived = 0, found = 0, i;

	for (i = 0; i < count; i++) {
		ring_publish(&other, reserve(f), 0, 0, 0);
		found += drain(f, ref, &arrived);
		assert_int_equal(i + 1, arrived);
	}
	return (found);
}

static void
expect_whole(const struct fixture *f)
{
	assert_int_equal(0, f->consumer.corrupt);
	assert_int_equal(FIXTURE_RECORDS, f->consumer.free_count);
}

static void
a_producer_may_be_killed_after_any_instruction(void **state)
{
	struct fixture *f = *state;
	const struct op_record *record;
	int found, states[RECORD_DISPATCHING + 1] = { 0 }, steps;
	struct span span;
	uint32_t left;
	pid_t child;
	ring_ref ref;

	span = measure(f);
	for (steps = span.first; steps <= span.last; steps += STRIDE) {
		ref = reserve(f);
		record = &f->segment.records[ref & 0xffffff];
		child = start_child(f, ref);
		if (step_child(child, steps))
			kill_child(child);
		found = others_go_on(f, ref, 1);
		left = record_state(atomic_load(&record->ctl));
		states[left]++;
		if (found > 0) {
			assert_int_equal(1, found);
			assert_int_equal(RECORD_DISPATCHING, left);
		} else if (left == RECORD_DONE) {
			/* Not told any more, but a wreck's reader sees it. */
			assert_int_equal(BYTES, record->bytes);
			assert_int_equal(STATUS, record->status);
			assert_int_equal(AUX, record->aux);
			assert_int_equal(CHILD_ID, record->completer);
		} else {
			assert_true(
			    left == RECORD_INFLIGHT || left == RECORD_CLAIMED);
		}
		ring_release(&f->consumer, ref);
		expect_whole(f);
	}
	/* Each of the states was met, so the steps were the right ones. */
	if (STRIDE == 1) {
		assert_true(states[RECORD_INFLIGHT] > 0);
		assert_true(states[RECORD_CLAIMED] > 0);
		assert_true(states[RECORD_DONE] > 0);
		assert_true(states[RECORD_DISPATCHING] > 0);
		/* And among them the two between ticket and entry. */
		assert_true(f->consumer.poisoned > 0);
	}
}

static void
a_producer_may_be_stopped_for_more_than_a_lap_anywhere(void **state)
{
	struct fixture *f = *state;
	int found, others = 0, steps;
	bool running;
	struct span span;
	pid_t child;
	ring_ref ref;

	span = measure(f);
	for (steps = span.first; steps <= span.last; steps += 2 * STRIDE) {
		ref = reserve(f);
		child = start_child(f, ref);
		running = step_child(child, steps);
		found = others_go_on(f, ref, FIXTURE_ENTRIES + 3);
		if (running)
			continue_child(child);
		found += drain(f, ref, &others);
		assert_int_equal(1, found);
		assert_int_equal(0, others);
		ring_release(&f->consumer, ref);
		expect_whole(f);
	}
	if (STRIDE == 1)
		assert_true(f->consumer.poisoned > 0);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup_teardown(
	    a_producer_may_be_killed_after_any_instruction, fixture_setup,
	    fixture_teardown),
	cmocka_unit_test_setup_teardown(
	    a_producer_may_be_stopped_for_more_than_a_lap_anywhere,
	    fixture_setup, fixture_teardown),
};

UNIT_MAIN(tests)
