/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A worker dies when its answer is partly or wholly out: a reset that shows
 * the truncation, or nothing at all.
 */
#include "tests/crash/conformance.h"

static void
an_answer_cut_off_before_its_length_is_reset(void **state)
{
	(void)state;
	play_scene(SCENE_LENGTH, 17);
}

static void
an_answer_cut_off_between_chunks_is_reset(void **state)
{
	(void)state;
	play_scene(SCENE_CHUNKED, 17);
}

static void
after_a_whole_answer_the_connection_goes_on(void **state)
{
	(void)state;
	play_scene(SCENE_WHOLE, 17);
}

static void
after_a_whole_answer_the_next_request_is_answered(void **state)
{
	(void)state;
	play_scene(SCENE_WHOLE_PIPELINED, 17);
}

static void
after_a_whole_last_answer_the_connection_ends(void **state)
{
	(void)state;
	play_scene(SCENE_WHOLE_CLOSE, 17);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(an_answer_cut_off_before_its_length_is_reset),
		PROCESS_TEST(an_answer_cut_off_between_chunks_is_reset),
		PROCESS_TEST(after_a_whole_answer_the_connection_goes_on),
		PROCESS_TEST(after_a_whole_answer_the_next_request_is_answered),
		PROCESS_TEST(after_a_whole_last_answer_the_connection_ends),
	};

	return (RUN_TESTS(argc, argv, tests));
}
