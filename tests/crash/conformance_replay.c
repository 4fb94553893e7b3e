/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A worker dies in a request of which no byte was answered and that may be
 * repeated: its client gets the answer, from another worker.
 */
#include "tests/crash/conformance.h"

static void
a_get_is_answered_wherever_its_worker_died(void **state)
{
	struct play what = { .scene = SCENE_GET };

	(void)state;
	for (what.place = 0; what.place < PLACE_COUNT; what.place++) {
		what.way = what.place % 2 == 0 ? 0 : 2;
		play(&what);
	}
	play_scene(SCENE_GET, 31);
}

static void
a_get_is_answered_however_its_worker_died(void **state)
{
	struct play what = { .scene = SCENE_GET, .place = PLACE_EXECUTE };

	(void)state;
	for (what.thread = 0; what.thread < 3; what.thread++)
		for (what.way = 0; what.way < WAY_COUNT; what.way++)
			play(&what);
}

static void
a_head_is_answered(void **state)
{
	(void)state;
	play_scene(SCENE_HEAD, 23);
}

static void
a_put_with_its_body_at_hand_is_answered(void **state)
{
	(void)state;
	play_scene(SCENE_PUT, 17);
}

static void
an_answer_that_was_only_buffered_is_made_again(void **state)
{
	(void)state;
	play_scene(SCENE_BUFFERED, 19);
}

static void
requests_behind_it_are_answered_in_order(void **state)
{
	(void)state;
	play_scene(SCENE_PIPELINED, 17);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(a_get_is_answered_wherever_its_worker_died),
		PROCESS_TEST(a_get_is_answered_however_its_worker_died),
		PROCESS_TEST(a_head_is_answered),
		PROCESS_TEST(a_put_with_its_body_at_hand_is_answered),
		PROCESS_TEST(an_answer_that_was_only_buffered_is_made_again),
		PROCESS_TEST(requests_behind_it_are_answered_in_order),
	};

	return (RUN_TESTS(argc, argv, tests));
}
