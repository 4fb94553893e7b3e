/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For how long has a worker made no progress? One look after the other.
 */
#include "master/watch.h"
#include "tests/unit/master/test.h"

#include <string.h>

#define MS UINT64_C(1000000)
#define T0 (5000 * MS)

static struct watch watch;

/* A look ${at_ms} after T0; returns the result in milliseconds. */
static uint64_t
look(uint64_t at_ms, bool asleep, uint64_t turn, uint64_t turn_ms)
{
	const struct watch_sight sight = {
		.asleep = asleep, .turn = turn, .turn_ns = T0 + turn_ms * MS
	};

	watch_update(&watch, &sight, T0 + at_ms * MS);
	return (watch.still_ns / MS);
}

static int
set_up(void **state)
{
	(void)state;
	watch_begin(&watch);
	return (0);
}

static void
a_turn_that_does_not_end_is_seen(void **state)
{
	(void)state;
	assert_int_equal(look(0, true, 7, 0), 0);
	assert_int_equal(look(50, false, 8, 20), 30);
	assert_int_equal(look(100, false, 8, 20), 80);
	assert_int_equal(look(150, false, 8, 20), 130);
	assert_int_equal(look(200, false, 9, 190), 10);
	assert_int_equal(look(250, true, 9, 190), 0);
}

/* Whatever its words say: it was offered connections and doesn't answer. */
static void
one_that_takes_nothing_is_seen(void **state)
{
	struct watch_sight sight = { .asleep = true, .owing = true };

	(void)state;
	for (uint64_t at = 0; at < 1000; at += 50) {
		sight.turn = at; /* it seems to turn */
		watch_update(&watch, &sight, T0 + at * MS);
		assert_int_equal(watch.still_ns, 0);
		assert_int_equal(watch_late(&watch), at * MS);
	}
	sight.answers++;
	watch_update(&watch, &sight, T0 + 1000 * MS);
	assert_int_equal(watch_late(&watch), 0);
	watch_update(&watch, &sight, T0 + 1050 * MS);
	assert_int_equal(watch_late(&watch), 50 * MS);
	sight.owing = false;
	watch_update(&watch, &sight, T0 + 1100 * MS);
	assert_int_equal(watch_late(&watch), 0);
}

/* A refusal is an answer, so it isn't late; but that is all that it does. */
static void
one_that_only_refuses_is_seen(void **state)
{
	struct watch_sight sight = { .asleep = true, .refused = 7 };

	(void)state;
	watch_update(&watch, &sight, T0);
	assert_false(watch.refuses);
	for (uint64_t at = 50; at <= 1000; at += 50) {
		sight.turn = at;
		sight.refused++;
		sight.answers++;
		watch_update(&watch, &sight, T0 + at * MS);
		assert_true(watch.refuses);
		assert_int_equal(watch_late(&watch), 0);
		assert_int_equal(watch.refusing_ns, (at - 50) * MS);
	}
	/* Between two refusals nobody else may have come for long. */
	sight.turn++;
	watch_update(&watch, &sight, T0 + 60000 * MS);
	sight.refused++;
	watch_update(&watch, &sight, T0 + 90000 * MS);
	assert_in_range(watch.refusing_ns, 950 * MS, 1500 * MS);
	sight.refused++;
	sight.taken++;
	watch_update(&watch, &sight, T0 + 90050 * MS);
	assert_int_equal(watch.refusing_ns, 0);
}

static void
one_that_sleeps_or_turns_is_well(void **state)
{
	(void)state;
	for (uint64_t at = 0; at < 1000; at += 50)
		assert_int_equal(look(at, true, 7, 0), 0);
	for (uint64_t at = 1000; at < 2000; at += 50)
		assert_in_range(look(at, false, at, at - 1), 0, 1);
}

/* It was woken a moment ago: the turn that it published is from before. */
static void
waking_after_a_long_sleep_is_no_hang(void **state)
{
	(void)state;
	(void)look(0, true, 7, 0);
	assert_int_equal(look(10000, true, 7, 0), 0);
	assert_int_equal(look(10200, false, 8, 0), 0);
}

static void
the_same_turn_counts_from_the_first_look_at_it_awake(void **state)
{
	(void)state;
	(void)look(0, true, 7, 0);
	(void)look(200, true, 7, 0);
	assert_in_range(look(400, false, 7, 0), 0, 200);
}

static void
a_time_that_cannot_be_is_not_believed(void **state)
{
	(void)state;
	(void)look(0, true, 7, 0);
	assert_int_equal(look(50, false, 8, 9000000), 0);
	(void)look(100, true, 8, 0);
	watch_update(&watch, &(struct watch_sight){ .turn = 9, .turn_ns = 1 },
	    T0 + 150 * MS);
	assert_int_equal(watch.still_ns, 0);
	watch_update(&watch,
	    &(struct watch_sight){ .turn = 10, .turn_ns = UINT64_MAX },
	    T0 + 200 * MS);
	assert_int_equal(watch.still_ns, 0);
}

static void
time_when_nobody_looked_does_not_count(void **state)
{
	(void)state;
	(void)look(0, false, 8, 0);
	(void)look(50, false, 8, 0);
	assert_in_range(look(60 * 60 * 1000, false, 8, 0), 50, 500);
}

static void
one_that_is_stopped_makes_no_progress_even_asleep(void **state)
{
	(void)state;
	(void)look(0, true, 7, 0);
	watch.stopped = true;
	assert_int_equal(look(200, true, 7, 0), 200);
	assert_int_equal(look(400, true, 7, 0), 400);
	watch.stopped = false;
	assert_int_equal(look(450, true, 7, 0), 0);
}

/* What it said last is that it sleeps; whoever wakes it sees whether. */
static void
one_that_cannot_be_woken_makes_no_progress(void **state)
{
	(void)state;
	(void)look(0, true, 7, 0);
	(void)look(200, true, 7, 0);
	(void)look(400, true, 7, 0);
	assert_int_equal(watch.quiet_ns, 400 * MS);
	watch.asked = true;
	assert_int_equal(look(450, true, 7, 0), 50);
	assert_int_equal(look(500, true, 7, 0), 100);
	assert_int_equal(look(550, true, 8, 520), 0);
	assert_false(watch.asked);
	assert_int_equal(watch.quiet_ns, 0);
	assert_int_equal(look(600, true, 8, 520), 0);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
		    a_turn_that_does_not_end_is_seen, set_up),
		cmocka_unit_test_setup(one_that_takes_nothing_is_seen, set_up),
		cmocka_unit_test_setup(one_that_only_refuses_is_seen, set_up),
		cmocka_unit_test_setup(
		    one_that_sleeps_or_turns_is_well, set_up),
		cmocka_unit_test_setup(
		    waking_after_a_long_sleep_is_no_hang, set_up),
		cmocka_unit_test_setup(
		    the_same_turn_counts_from_the_first_look_at_it_awake,
		    set_up),
		cmocka_unit_test_setup(
		    a_time_that_cannot_be_is_not_believed, set_up),
		cmocka_unit_test_setup(
		    time_when_nobody_looked_does_not_count, set_up),
		cmocka_unit_test_setup(
		    one_that_is_stopped_makes_no_progress_even_asleep, set_up),
		cmocka_unit_test_setup(
		    one_that_cannot_be_woken_makes_no_progress, set_up),
	};

	return (RUN_TESTS(argc, argv, tests));
}
