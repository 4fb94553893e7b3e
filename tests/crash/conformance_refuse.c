/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A worker dies in a request that must not be repeated: 502, whole and well
 * formed, unless the answer was out.
 */
#include "tests/crash/conformance.h"

static void
a_post_is_refused(void **state)
{
	(void)state;
	play_scene(SCENE_POST, 17);
}

static void
a_post_is_refused_with_what_is_behind_it(void **state)
{
	(void)state;
	play_scene(SCENE_POST_PIPELINED, 19);
}

static void
a_put_is_refused_once_its_body_has_been_read(void **state)
{
	(void)state;
	play_scene(SCENE_PUT_LARGE, 17);
}

static void
a_request_that_kills_twice_is_refused(void **state)
{
	(void)state;
	play_scene(SCENE_POISON, 17);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(a_post_is_refused),
		PROCESS_TEST(a_post_is_refused_with_what_is_behind_it),
		PROCESS_TEST(a_put_is_refused_once_its_body_has_been_read),
		PROCESS_TEST(a_request_that_kills_twice_is_refused),
	};

	return (RUN_TESTS(argc, argv, tests));
}
