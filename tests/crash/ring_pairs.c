/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two producers in every schedule with at most two preemptions: one runs i
 * instructions, the other j, then the one to its end, then the other. On a
 * ring of four entries, so that they meet in the same ones; the consumer looks
 * in at each switch, or only at the end, or the first is killed instead of
 * going on. All operations end, each once.
 *
 * BULKHEAD_EXHAUSTIVE=1 leaves no schedule out. It takes a while, so it can be
 * divided: with BULKHEAD_SHARD=2/8 in the environment only every eighth i is
 * run, from the second on.
 */
#include "tests/crash/ring_child.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	ENTRIES_LOG2 = 2,
	PAIR = 2,
	SAMPLE = 6, /* places in each, unless BULKHEAD_EXHAUSTIVE is set */
	STATUS = -EPIPE,
	CLAIMER = PRODUCER_THREADS, /* has token 0, its rival the others */
	RIVAL,
	TOKENS = 3,
};

/* What happens between the two. */
enum schedule {
	CONSUMER_AT_END,
	CONSUMER_AT_SWITCHES,
	FIRST_IS_KILLED,
	SCHEDULES,
};

/* One producer of the pair. */
struct part {
	void (*run)(struct scene *scene);
	uint16_t id;
	uint16_t first, end; /* its tokens */
	int began, ended;    /* its steps */
};

/* A producer with a claim ... */
static void
claim(struct scene *scene)
{
	struct ring_producer producer = {
		.ring = &scene->f.ring,
		.id = CLAIMER,
	};

	atomic_store(&scene->began, 1);
	if (ring_try_publish(&producer, scene->refs[0], 0, STATUS, 0) != 0)
		_Exit(1);
	atomic_store(&scene->ended, 1);
}

/* ... one that holds the only reference ... */
static void
publish(struct scene *scene)
{
	struct ring_producer producer = {
		.ring = &scene->f.ring,
		.id = RIVAL,
	};

	atomic_store(&scene->began, 1);
	ring_publish(&producer, scene->refs[1], 0, STATUS, 1);
	atomic_store(&scene->ended, 1);
}

/* ... and one that has two at once. */
static void
publish_batch(struct scene *scene)
{
	struct ring_producer producer = {
		.ring = &scene->f.ring,
		.id = RIVAL,
	};
	const struct ring_result results[] = {
		{ .ref = scene->refs[1], .status = STATUS, .aux = 1 },
		{ .ref = scene->refs[2], .status = STATUS, .aux = 2 },
	};

	atomic_store(&scene->began, 1);
	ring_publish_batch(&producer, results, 2);
	atomic_store(&scene->ended, 1);
}

static void
consume_all(struct scene *scene, enum schedule schedule)
{
	const uint64_t by_bitmap = scene->f.consumer.fallbacks;
	struct completion c;

	while (ring_consume(&scene->f.consumer, &c)) {
		assert_true(c.token < TOKENS);
		assert_true(c.ref == scene->refs[c.token]);
		assert_int_equal(c.token == 0 ? CLAIMER : RIVAL, c.completer);
		assert_int_equal(
		    0, atomic_fetch_add(&scene->handled[c.token], 1));
		assert_true(c.status == STATUS || c.status == -EOWNERDEAD);
		/* A batch comes in its order, but by bitmap and sweep. */
		if (c.token == 2 && schedule != FIRST_IS_KILLED &&
		    scene->f.consumer.fallbacks == by_bitmap)
			assert_int_equal(1, atomic_load(&scene->handled[1]));
		ring_release(&scene->f.consumer, c.ref);
	}
}

static void
expect_ended(const struct scene *scene, const struct part *part)
{
	uint16_t token;

	for (token = part->first; token < part->end; token++)
		assert_int_equal(1, atomic_load(&scene->handled[token]));
}

/* Run a stopped child to its end, if it isn't there yet. */
static void
run_to_end(pid_t child, bool running)
{
	if (running)
		child_continue(child);
}

/* ${pair} is who leads, and the other. */
static void
run_schedule(struct scene *scene, const struct part *const *pair, int i, int j,
    enum schedule schedule)
{
	bool running[PAIR];
	pid_t children[PAIR];
	uint16_t token;
	int k;

	for (k = 0; k < PAIR; k++) {
		for (token = pair[k]->first; token < pair[k]->end; token++) {
			scene_reserve(scene, token);
			ring_assign(&scene->f.consumer, scene->refs[token],
			    pair[k]->id);
		}
	}
	children[0] = child_start(pair[0]->run, scene);
	children[1] = child_start(pair[1]->run, scene);
	running[0] = child_step(children[0], i);
	if (schedule == CONSUMER_AT_SWITCHES)
		consume_all(scene, schedule);
	running[1] = child_step(children[1], j);
	if (schedule == CONSUMER_AT_SWITCHES)
		consume_all(scene, schedule);
	if (schedule != FIRST_IS_KILLED) {
		run_to_end(children[0], running[0]);
	} else if (running[0]) {
		child_kill(children[0]);
		(void)ring_sweep(&scene->f.consumer, pair[0]->id);
		consume_all(scene, schedule);
		expect_ended(scene, pair[0]);
	}
	if (schedule == CONSUMER_AT_SWITCHES)
		consume_all(scene, schedule);
	run_to_end(children[1], running[1]);
	consume_all(scene, schedule);
	expect_ended(scene, pair[0]);
	expect_ended(scene, pair[1]);
	scene_expect_whole(scene);
}

static void
measure(struct scene *scene, struct part *part)
{
	uint16_t token;

	for (token = part->first; token < part->end; token++)
		scene_reserve(scene, token);
	child_measure(part->run, scene, &part->began, &part->ended);
	/* A ring and records as new. */
	scene_entries(scene, ENTRIES_LOG2);
}

/* Which first switches to run: from ${ret_from} on, every so many. */
static int
shard(int *ret_from)
{
	const char *text = getenv("BULKHEAD_SHARD");
	unsigned every = 1, number = 1;

	if (text != NULL && (sscanf(text, "%u/%u", &number, &every) != 2 ||
				number < 1 || number > every))
		fail_msg("BULKHEAD_SHARD=%s: want NUMBER/COUNT, as 2/8", text);
	*ret_from = (int)number - 1;
	return ((int)every);
}

/* All places of the two, or a sample; another residue each time. */
static int
run_schedules(
    struct scene *scene, const struct part *lead, const struct part *other)
{
	const struct part *const pair[PAIR] = { lead, other };
	int count = 0, from, i, j, k, steps[PAIR];
	const int every = shard(&from);
	enum schedule schedule;

	for (k = 0; k < PAIR; k++)
		steps[k] = child_exhaustive()
			       ? 1
			       : (pair[k]->ended - pair[k]->began) / SAMPLE + 1;
	for (schedule = 0; schedule < SCHEDULES; schedule++) {
		for (i = lead->began + from + count * 7 % steps[0];
		     i <= lead->ended; i += steps[0] * every) {
			for (j = other->began + count % steps[1];
			     j <= other->ended; j += steps[1], count++)
				run_schedule(scene, pair, i, j, schedule);
		}
	}
	return (count);
}

static void
run_pair(struct scene *scene, struct part *one, struct part *other)
{
	int count;

	measure(scene, one);
	measure(scene, other);
	count = run_schedules(scene, one, other);
	count += run_schedules(scene, other, one);
	print_message("%d schedules of %d and %d instructions, "
		      "%lu tickets poisoned, %lu by bitmap\n",
	    count, one->ended - one->began, other->ended - other->began,
	    (unsigned long)scene->f.consumer.poisoned,
	    (unsigned long)scene->f.consumer.fallbacks);
}

static void
both_end_in_any_schedule(void **state)
{
	struct part claimer = { .run = claim, .id = CLAIMER, .end = 1 };
	struct part rival = {
		.run = publish,
		.id = RIVAL,
		.first = 1,
		.end = 2,
	};

	run_pair(*state, &claimer, &rival);
}

static void
a_batch_ends_in_any_schedule_with_another(void **state)
{
	struct part claimer = { .run = claim, .id = CLAIMER, .end = 1 };
	struct part rival = {
		.run = publish_batch,
		.id = RIVAL,
		.first = 1,
		.end = TOKENS,
	};

	run_pair(*state, &claimer, &rival);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test_setup_teardown(
	    both_end_in_any_schedule, scene_setup, scene_teardown),
	cmocka_unit_test_setup_teardown(
	    a_batch_ends_in_any_schedule_with_another, scene_setup,
	    scene_teardown),
};

UNIT_MAIN(tests)
