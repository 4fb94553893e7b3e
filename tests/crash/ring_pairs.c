/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two producers in every schedule with at most two preemptions: one runs i
 * instructions, the other j, then the one to its end, then the other. On a
 * ring of four entries, so that they meet in the same ones; the consumer looks
 * in at each switch, or only at the end, or the first is killed instead of
 * going on. Both operations end, each once.
 */
#include "tests/crash/ring_child.h"

#include <errno.h>

enum {
	ENTRIES_LOG2 = 2,
	PAIR = 2,
	SAMPLE = 6, /* places in each, unless BULKHEAD_EXHAUSTIVE is set */
	STATUS = -EPIPE,
};

/* What happens between the two. */
enum schedule {
	CONSUMER_AT_END,
	CONSUMER_AT_SWITCHES,
	FIRST_IS_KILLED,
	SCHEDULES,
};

/* One producer, with a claim ... */
static void
claim(struct scene *scene)
{
	struct ring_producer producer = {
		.ring = &scene->f.ring,
		.id = PRODUCER_THREADS,
	};

	atomic_store(&scene->began, 1);
	if (ring_try_publish(&producer, scene->refs[0], 0, STATUS, 0) != 0)
		_Exit(1);
	atomic_store(&scene->ended, 1);
}

/* ... and the other, which holds the only reference. */
static void
publish(struct scene *scene)
{
	struct ring_producer producer = {
		.ring = &scene->f.ring,
		.id = PRODUCER_THREADS + 1,
	};

	atomic_store(&scene->began, 1);
	ring_publish(&producer, scene->refs[1], 0, STATUS, 1);
	atomic_store(&scene->ended, 1);
}

static void
consume_all(struct scene *scene)
{
	struct completion c;

	while (ring_consume(&scene->f.consumer, &c)) {
		assert_true(c.token < PAIR);
		assert_true(c.ref == scene->refs[c.token]);
		assert_int_equal(PRODUCER_THREADS + c.token, c.completer);
		assert_int_equal(
		    0, atomic_fetch_add(&scene->handled[c.token], 1));
		assert_true(c.status == STATUS || c.status == -EOWNERDEAD);
		ring_release(&scene->f.consumer, c.ref);
	}
}

/* Run a stopped child to its end, if it isn't there yet. */
static void
run_to_end(pid_t child, bool running)
{
	if (running)
		child_continue(child);
}

static void
run_schedule(
    struct scene *scene, int lead, int i, int j, enum schedule schedule)
{
	const uint16_t lead_id = (uint16_t)(PRODUCER_THREADS + lead);
	bool running[PAIR];
	pid_t children[PAIR];
	uint16_t token;

	for (token = 0; token < PAIR; token++) {
		scene_reserve(scene, token);
		ring_assign(&scene->f.consumer, scene->refs[token],
		    (uint16_t)(PRODUCER_THREADS + token));
	}
	children[0] = child_start(lead == 0 ? claim : publish, scene);
	children[1] = child_start(lead == 0 ? publish : claim, scene);
	running[0] = child_step(children[0], i);
	if (schedule == CONSUMER_AT_SWITCHES)
		consume_all(scene);
	running[1] = child_step(children[1], j);
	if (schedule == CONSUMER_AT_SWITCHES)
		consume_all(scene);
	if (schedule != FIRST_IS_KILLED) {
		run_to_end(children[0], running[0]);
	} else if (running[0]) {
		child_kill(children[0]);
		(void)ring_sweep(&scene->f.consumer, lead_id);
		consume_all(scene);
		assert_int_equal(1, atomic_load(&scene->handled[lead]));
	}
	if (schedule == CONSUMER_AT_SWITCHES)
		consume_all(scene);
	run_to_end(children[1], running[1]);
	consume_all(scene);
	for (token = 0; token < PAIR; token++)
		assert_int_equal(1, atomic_load(&scene->handled[token]));
	scene_expect_whole(scene);
}

static int
measure(void (*run)(struct scene *scene), struct scene *scene, int *ret_begin)
{
	int last;

	scene_reserve(scene, 0);
	scene_reserve(scene, 1);
	child_measure(run, scene, ret_begin, &last);
	/* A ring and records as new. */
	scene_entries(scene, ENTRIES_LOG2);
	return (last);
}

/* All places of the two, or a sample; another residue each time. */
static int
run_schedules(struct scene *scene, int lead, const int *begin, const int *end)
{
	const int other = 1 - lead;
	int count = 0, i, j, steps[PAIR];
	enum schedule schedule;

	for (i = 0; i < PAIR; i++)
		steps[i] =
		    child_exhaustive() ? 1 : (end[i] - begin[i]) / SAMPLE + 1;
	for (schedule = 0; schedule < SCHEDULES; schedule++) {
		for (i = begin[lead] + count * 7 % steps[lead]; i <= end[lead];
		     i += steps[lead]) {
			for (j = begin[other] + count % steps[other];
			     j <= end[other]; j += steps[other], count++)
				run_schedule(scene, lead, i, j, schedule);
		}
	}
	return (count);
}

static void
both_end_in_any_schedule(void **state)
{
	struct scene *scene = *state;
	int begin[PAIR], count, end[PAIR];

	end[0] = measure(claim, scene, &begin[0]);
	end[1] = measure(publish, scene, &begin[1]);
	count = run_schedules(scene, 0, begin, end);
	count += run_schedules(scene, 1, begin, end);
	print_message("%d schedules of %d and %d instructions, "
		      "%lu tickets poisoned, %lu by bitmap\n",
	    count, end[0] - begin[0], end[1] - begin[1],
	    (unsigned long)scene->f.consumer.poisoned,
	    (unsigned long)scene->f.consumer.fallbacks);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup_teardown(
	    both_end_in_any_schedule, scene_setup, scene_teardown),
};

UNIT_MAIN(tests)
