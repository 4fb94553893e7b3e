/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Choosing a worker.
 */
#include "master/balance.h"
#include "tests/unit/master/test.h"

#include <stdlib.h>
#include <string.h>

enum {
	WORKERS = 3,
	NOW = 1000
};

struct fixture {
	struct worker workers[WORKERS];
	struct segment_consumer consumers[WORKERS];
	uint32_t turn;
};

static int
set_up(void **state)
{
	struct fixture *fixture = aligned_alloc(SEGMENT_HOT,
	    sizeof(*fixture) / SEGMENT_HOT * SEGMENT_HOT + SEGMENT_HOT);

	assert_non_null(fixture);
	memset(fixture, 0, sizeof(*fixture));
	for (size_t i = 0; i < WORKERS; i++) {
		fixture->workers[i].state = WORKER_SERVING;
		fixture->workers[i].view.consumer = &fixture->consumers[i];
	}
	*state = fixture;
	return (0);
}

static int
tear_down(void **state)
{
	free(*state);
	return (0);
}

/* The number of the chosen worker, from 1; 0 for none. */
static unsigned
choose(struct fixture *fixture)
{
	struct worker *worker;

	balance_refresh(fixture->workers, WORKERS);
	worker = balance_choose(fixture->workers, WORKERS, NOW, &fixture->turn);
	return (worker == NULL ? 0 : (unsigned)(worker - fixture->workers) + 1);
}

static void
set_load(struct fixture *fixture, size_t worker, uint32_t load)
{
	atomic_store_explicit(
	    &fixture->consumers[worker].load, load, memory_order_relaxed);
}

static void
goes_round_when_all_are_equal(void **state)
{
	struct fixture *fixture = *state;

	for (unsigned i = 0; i < 9; i++)
		assert_int_equal(choose(fixture), i % WORKERS + 1);
}

static void
chooses_the_one_with_the_fewest_connections(void **state)
{
	struct fixture *fixture = *state;

	fixture->workers[0].owner.count = 5;
	fixture->workers[1].owner.count = 3;
	fixture->workers[2].owner.count = 4;
	assert_int_equal(choose(fixture), 2);
	fixture->workers[1].owner.count = 6;
	assert_int_equal(choose(fixture), 3);
}

static void
counts_the_load_that_a_worker_publishes(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < WORKERS; i++)
		fixture->workers[i].owner.count = 10;
	set_load(fixture, 0, 7);
	set_load(fixture, 1, 9);
	set_load(fixture, 2, 2);
	assert_int_equal(choose(fixture), 3);
}

static void
believes_no_more_load_than_connections(void **state)
{
	struct fixture *fixture = *state;

	fixture->workers[0].owner.count = 2;
	fixture->workers[1].owner.count = 5;
	fixture->workers[2].owner.count = 5;
	set_load(fixture, 0, UINT32_MAX);
	assert_int_equal(choose(fixture), 1); /* 2 + 2 < 5 */
	assert_int_equal(fixture->workers[0].load, 2);
}

static void
gives_nothing_to_who_does_not_serve(void **state)
{
	struct fixture *fixture = *state;

	for (unsigned other = 0; other < WORKER_STATES; other++) {
		if (other == WORKER_SERVING)
			continue;
		fixture->workers[0].state = other;
		fixture->workers[2].state = other;
		assert_int_equal(choose(fixture), 2);
	}
	fixture->workers[1].state = WORKER_DRAINING;
	assert_int_equal(choose(fixture), 0);
}

static void
gives_nothing_to_who_cannot_take_it_now(void **state)
{
	struct fixture *fixture = *state;

	fixture->workers[0].blocked = true;
	fixture->workers[1].rest_ns = NOW + 1;
	assert_int_equal(choose(fixture), 3);
	assert_int_equal(choose(fixture), 3);
	fixture->workers[1].rest_ns = NOW;
	assert_int_equal(choose(fixture), 2);
}

static void
is_content_with_a_worker_that_maps_nothing(void **state)
{
	struct fixture *fixture = *state;

	fixture->workers[0].view.consumer = NULL;
	fixture->workers[1].owner.count = 1;
	fixture->workers[2].owner.count = 1;
	assert_int_equal(choose(fixture), 1);
}

#define BALANCE_TEST(function) \
	cmocka_unit_test_setup_teardown((function), set_up, tear_down)

static void
keeps_spares_for_when_no_regular_one_can(void **state)
{
	struct fixture *fixture = *state;

	fixture->workers[0].role = WORKER_SPARE;
	fixture->workers[1].owner.count = 100;
	fixture->workers[2].owner.count = 100;
	assert_int_equal(choose(fixture), 2);
	assert_int_equal(choose(fixture), 3);
	fixture->workers[1].state = WORKER_DYING;
	fixture->workers[2].state = WORKER_DYING;
	assert_int_equal(choose(fixture), 1);
	fixture->workers[0].role = WORKER_RESERVE;
	assert_int_equal(choose(fixture), 0);
}

static void
gives_nothing_to_a_stalled_one(void **state)
{
	struct fixture *fixture = *state;

	fixture->workers[0].stalled = true;
	fixture->workers[2].stalled = true;
	assert_int_equal(choose(fixture), 2);
	assert_int_equal(choose(fixture), 2);
	fixture->workers[1].stalled = true;
	assert_int_equal(choose(fixture), 0);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		BALANCE_TEST(goes_round_when_all_are_equal),
		BALANCE_TEST(chooses_the_one_with_the_fewest_connections),
		BALANCE_TEST(counts_the_load_that_a_worker_publishes),
		BALANCE_TEST(believes_no_more_load_than_connections),
		BALANCE_TEST(gives_nothing_to_who_does_not_serve),
		BALANCE_TEST(gives_nothing_to_who_cannot_take_it_now),
		BALANCE_TEST(is_content_with_a_worker_that_maps_nothing),
		cmocka_unit_test_setup_teardown(
		    keeps_spares_for_when_no_regular_one_can, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(
		    gives_nothing_to_a_stalled_one, set_up, tear_down),
	};

	return (RUN_TESTS(argc, argv, tests));
}
