/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The activity word, and the names of the steps in it.
 */
#include "unit.h"

#include "shm/activity.h"

static void
expect_name(uint32_t step, const char *wanted)
{
	char name[64];

	activity_step_name(step, name, sizeof(name));
	assert_string_equal(wanted, name);
}

static void
a_word_gives_back_what_was_packed(void **state)
{
	const uint64_t request = request_id_make(0xabcd, 0x89abcdef);
	uint32_t module, step;
	uint64_t got;

	(void)state;
	assert_true(
	    activity_unpack(activity_pack(31, ACTIVITY_ASYNC | 23, request),
		&module, &step, &got));
	assert_int_equal(31, module);
	assert_int_equal(ACTIVITY_ASYNC | 23, step);
	assert_true(got == request);
	assert_true(
	    activity_unpack(activity_pack(0, 0, 0), &module, NULL, NULL));
	assert_int_equal(0, module);
}

static void
an_empty_word_says_nothing(void **state)
{
	(void)state;
	assert_false(activity_unpack(0, NULL, NULL, NULL));
	assert_false(activity_unpack(UINT64_C(1) << 55, NULL, NULL, NULL));
}

static void
setting_returns_the_word_to_restore(void **state)
{
	struct activity activity = { .word = 0 };
	const uint64_t outer = activity_pack(1, 2, 3);
	const uint64_t inner = activity_pack(4, 5, 6);

	(void)state;
	assert_true(activity_set(&activity, outer) == 0);
	assert_true(activity_set(&activity, inner) == outer);
	assert_true(activity_set(&activity, outer) == inner);
	assert_true(atomic_load(&activity.word) == outer);
}

static void
steps_have_the_names_of_their_notifications(void **state)
{
	(void)state;
	expect_name(0, "begin_request");
	expect_name(1, "post_begin_request");
	expect_name(2, "authenticate_request");
	expect_name(4, "authorize_request");
	expect_name(6, "resolve_request_cache");
	expect_name(9, "post_map_request_handler");
	expect_name(10, "acquire_request_state");
	expect_name(12, "pre_execute_request_handler");
	expect_name(14, "execute_request_handler");
	expect_name(16, "release_request_state");
	expect_name(18, "update_request_cache");
	expect_name(20, "log_request");
	expect_name(22, "end_request");
	expect_name(23, "post_end_request");
	expect_name(ACTIVITY_ASYNC | 0, "async of begin_request");
	expect_name(ACTIVITY_ASYNC | 9, "async of post_map_request_handler");
	expect_name(ACTIVITY_OFFLOAD | 14, "offload of execute_request_handler");
	expect_name(ACTIVITY_THREAD, "a thread of its own");
	expect_name(ACTIVITY_LOADING, "register_module");
	expect_name(ACTIVITY_UNLOADING, "terminate");
	expect_name(ACTIVITY_DISPOSING, "dispose");
}

static void
a_step_that_there_isnt_has_no_name(void **state)
{
	(void)state;
	expect_name(24, "?");
	expect_name(0x3f, "?");
	expect_name(ACTIVITY_ASYNC | 24, "?");
	expect_name(0x84, "?");
	expect_name(ACTIVITY_ASYNC | ACTIVITY_LOADING, "?");
	expect_name(ACTIVITY_NONE, "?");
	expect_name(UINT32_MAX, "?");
}

static void
a_name_is_cut_to_the_room_for_it(void **state)
{
	char name[8];

	(void)state;
	activity_step_name(ACTIVITY_ASYNC | 9, name, sizeof(name));
	assert_string_equal("async o", name);
	activity_step_name(ACTIVITY_LOADING, name, sizeof(name));
	assert_string_equal("registe", name);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(a_word_gives_back_what_was_packed),
	cmocka_unit_test(an_empty_word_says_nothing),
	cmocka_unit_test(setting_returns_the_word_to_restore),
	cmocka_unit_test(steps_have_the_names_of_their_notifications),
	cmocka_unit_test(a_step_that_there_isnt_has_no_name),
	cmocka_unit_test(a_name_is_cut_to_the_room_for_it),
};

UNIT_MAIN(tests)
