/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A worker that loops for ever or is stopped, wherever it is in a request: at
 * hang-limit it is ended, and then its clients get what they get when it dies.
 */
#include "tests/crash/conformance.h"

static void
a_get_whose_worker_hangs_is_answered(void **state)
{
	(void)state;
	play_hangs(SCENE_GET, 7);
}

static void
a_post_whose_worker_hangs_is_refused(void **state)
{
	(void)state;
	play_hangs(SCENE_POST, 17);
}

static void
a_request_that_hangs_every_time_is_refused(void **state)
{
	(void)state;
	play_hangs(SCENE_POISON, 19);
}

static void
an_answer_that_a_hang_cuts_off_is_reset(void **state)
{
	(void)state;
	play_hangs(SCENE_LENGTH, 19);
	play_hangs(SCENE_CHUNKED, 23);
}

static void
an_answer_that_is_out_before_the_hang_is_whole(void **state)
{
	(void)state;
	play_hangs(SCENE_WHOLE_PIPELINED, 23);
	play_hangs(SCENE_WHOLE_CLOSE, 29);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(a_get_whose_worker_hangs_is_answered),
		PROCESS_TEST(a_post_whose_worker_hangs_is_refused),
		PROCESS_TEST(a_request_that_hangs_every_time_is_refused),
		PROCESS_TEST(an_answer_that_a_hang_cuts_off_is_reset),
		PROCESS_TEST(an_answer_that_is_out_before_the_hang_is_whole),
	};

	return (RUN_TESTS(argc, argv, tests));
}
