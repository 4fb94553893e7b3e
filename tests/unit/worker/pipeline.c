/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pipeline: who is called, in which order, and what the answers of
 * callbacks do.
 */
#include "harness.h"

#include "shm/activity.h"
#include "shm/stats.h"

#include <errno.h>
#include <string.h>

/* --- Modules ----------------------------------------------------------- */

/* Every step, noted as "<module>:<step>"; the last handler answers. */
#define STEP(step)                                             \
	CALLBACK(see_##step)                                   \
	{                                                      \
		note("%s:" #step, bh_registration_name(self)); \
		return (BH_CONTINUE);                          \
	}
#define STEPS(X)                       \
	X(begin_request)               \
	X(authenticate_request)        \
	X(authorize_request)           \
	X(resolve_request_cache)       \
	X(map_request_handler)         \
	X(acquire_request_state)       \
	X(pre_execute_request_handler) \
	X(execute_request_handler)     \
	X(release_request_state)       \
	X(update_request_cache)        \
	X(log_request)                 \
	X(end_request)
#define STEP_AND_POST(step) STEP(step) STEP(post_##step)
#define OP_AND_POST(step) \
	.on_##step = see_##step, .on_post_##step = see_post_##step,

STEPS(STEP_AND_POST)

static const struct bh_module_ops sees_all = {
	.size = sizeof(struct bh_module_ops), STEPS(OP_AND_POST)
};

CALLBACK(hello)
{
	answer(context, "hello");
	return (BH_CONTINUE);
}

CALLBACK(go_on)
{
	note("%s", bh_registration_name(self));
	return (BH_CONTINUE);
}

CALLBACK(finish)
{
	note("finish");
	answer(context, "done");
	return (BH_FINISH_REQUEST);
}

CALLBACK(wait_for_nothing)
{
	note("pending");
	return (BH_PENDING);
}

CALLBACK(see_log)
{
	note("log:%u", bh_response_status(bh_context_response(context)));
	return (BH_CONTINUE);
}

CALLBACK(see_end)
{
	note("end:%u", bh_response_status(bh_context_response(context)));
	return (BH_CONTINUE);
}

/* Posts, and tells how it goes on. */
CALLBACK(post)
{
	note("post:%d", bh_context_post_completion(context, 42));
	return (BH_PENDING);
}

COMPLETION(posted)
{
	note("posted:%u,%u,%d,%u", (unsigned)bh_completion_bytes(info),
	    bh_completed_operation(info), bh_completion_status(info),
	    notification << 1 | post_notification);
	return (BH_CONTINUE);
}

COMPLETION(posted_and_finish)
{
	note("posted");
	answer(context, "done");
	return (BH_FINISH_REQUEST);
}

COMPLETION(posted_and_post_again)
{
	static unsigned times;

	note("posted:%u", (unsigned)bh_completion_bytes(info));
	if (++times % 3 == 0) {
		answer(context, "done");
		return (BH_CONTINUE);
	}
	note("post:%d", bh_context_post_completion(context, times));
	return (BH_PENDING);
}

/* State for each request: get_module() and dispose() in pairs. */
static int made, disposed;

static int
make_self(void *module, struct bh_context *context, void **ret_self)
{
	(void)context;
	note("get:%s", bh_registration_name(module));
	*ret_self = &made;
	made++;
	return (0);
}

static int
fail_to_make_self(void *module, struct bh_context *context, void **ret_self)
{
	(void)module;
	(void)context;
	(void)ret_self;
	note("get");
	return (-ENOMEM);
}

static void
dispose(void *self)
{
	note("dispose:%d", self == &made);
	disposed++;
}

CALLBACK(with_self)
{
	note("self:%d", self == &made);
	return (BH_CONTINUE);
}

/* --- Order ------------------------------------------------------------- */

TEST(calls_all_24_steps_in_order)
{
#define NAME_AND_POST(step) "a:" #step " a:post_" #step " "
	static const char expected[] = STEPS(NAME_AND_POST);
	char order[sizeof(expected)];
	struct client *client;

	harness_add("a", &sees_all, BH_PRIORITY_MEDIUM, BH_PRIORITY_MEDIUM);
	harness_start();
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	client_expect(client, NOT_FOUND);
	memcpy(order, expected, sizeof(order));
	order[sizeof(order) - 2] = '\0';
	assert_string_equal(harness_notes(), order);
	assert_int_equal(harness_module_stat(0, MODULE_STAT_calls), 24);
}

TEST(calls_modules_by_priority_then_as_given)
{
	const struct bh_module_ops *ops =
	    OPS(.on_begin_request = see_begin_request,
		.on_post_begin_request = see_post_begin_request);
	struct client *client;

	harness_add("low", ops, BH_PRIORITY_LOW, BH_PRIORITY_FIRST);
	harness_add("medium", ops, BH_PRIORITY_MEDIUM, BH_PRIORITY_LAST);
	harness_add("also", ops, BH_PRIORITY_MEDIUM, BH_PRIORITY_LAST);
	harness_add("first", ops, BH_PRIORITY_FIRST, BH_PRIORITY_MEDIUM);
	harness_start();
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	client_expect(client, NOT_FOUND);
	assert_string_equal(harness_notes(),
	    "first:begin_request medium:begin_request also:begin_request "
	    "low:begin_request low:post_begin_request "
	    "first:post_begin_request medium:post_begin_request "
	    "also:post_begin_request");
}

TEST(finish_still_runs_log_and_end)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = finish,
	    .on_post_begin_request = go_on, .on_execute_request_handler = hello,
	    .on_log_request = see_log, .on_post_end_request = see_end));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	client_expect(client, OK(4, "done"));
	assert_string_equal(harness_notes(), "finish log:200 end:200");
}

TEST(finish_skips_the_same_steps_other_modules)
{
	struct client *client;

	harness_add("a", OPS(.on_begin_request = finish), BH_PRIORITY_HIGH,
	    BH_PRIORITY_MEDIUM);
	harness_add("b",
	    OPS(.on_begin_request = go_on, .on_end_request = go_on),
	    BH_PRIORITY_LOW, BH_PRIORITY_MEDIUM);
	harness_start();
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	client_expect(client, OK(4, "done"));
	assert_string_equal(harness_notes(), "finish b");
}

TEST(finish_in_the_log_step_goes_on_to_the_rest)
{
	struct client *client;

	harness_serve(OPS(.on_log_request = finish, .on_end_request = see_end));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	client_expect(client, NOT_FOUND);
	/* "done" came too late for the response. */
	assert_string_equal(
	    harness_notes(), "finish answer:Broken pipe end:404");
}

TEST(finish_from_a_completion_runs_log_and_end)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = post,
	    .on_async_completion = posted_and_finish,
	    .on_execute_request_handler = hello, .on_log_request = see_log,
	    .on_end_request = see_end));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	client_expect(client, OK(4, "done"));
	assert_string_equal(harness_notes(), "post:0 posted log:200 end:200");
}

TEST(answers_an_untouched_response_404)
{
	struct client *client;

	harness_serve(
	    OPS(.on_begin_request = go_on, .on_log_request = see_log));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	client_expect(client, NOT_FOUND);
	assert_string_equal(harness_notes(), "module log:404");
	assert_int_equal(harness_stat(STAT_responses_4xx), 1);
}

TEST(answers_404_without_any_module)
{
	struct client *client;

	harness_start();
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	client_expect(client, NOT_FOUND);
}

/* --- Completions ------------------------------------------------------- */

TEST(delivers_a_completion_to_the_parked_step)
{
	struct client *client;

	harness_serve(OPS(.on_post_map_request_handler = post,
	    .on_async_completion = posted,
	    .on_execute_request_handler = hello));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	client_expect(client, OK(5, "hello"));
	/* 42 bytes, BH_OP_POST, status 0, map_request_handler's post step. */
	assert_string_equal(harness_notes(), "post:0 posted:42,4,0,33");
	assert_int_equal(harness_module_stat(0, MODULE_STAT_pending), 1);
	assert_int_equal(harness_module_stat(0, MODULE_STAT_completions), 1);
}

TEST(pending_from_a_completion_waits_for_the_next)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = post,
	    .on_async_completion = posted_and_post_again));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	client_expect(client, OK(4, "done"));
	assert_string_equal(harness_notes(),
	    "post:0 posted:42 post:0 posted:1 post:0 posted:2");
}

TEST(answers_500_to_pending_with_nothing_outstanding)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = wait_for_nothing,
	    .on_execute_request_handler = hello, .on_log_request = see_log));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	client_expect(client, SERVER_ERROR);
	assert_string_equal(harness_notes(), "pending log:500");
	assert_int_equal(harness_logged("module: returned BH_PENDING"), 1);
	assert_int_equal(harness_module_stat(0, MODULE_STAT_errors), 1);
	assert_int_equal(harness_stat(STAT_module_errors), 1);
	/* The connection is as good as before. */
	client_send(client, GET);
	client_expect(client, SERVER_ERROR);
}

TEST(a_whole_answer_survives_pending_in_the_log_step)
{
	struct client *client;

	harness_serve(OPS(.on_execute_request_handler = hello,
	    .on_log_request = wait_for_nothing, .on_end_request = see_end));
	client = client_open(CLIENT_TCP);
	client_send(client, GET);
	client_expect(client, OK(5, "hello"));
	assert_string_equal(harness_notes(), "pending end:200");
	assert_int_equal(harness_logged("module: returned BH_PENDING"), 1);
	client_send(client, GET);
	client_expect(client, OK(5, "hello"));
}

/* --- Instances --------------------------------------------------------- */

TEST(makes_and_disposes_of_an_instance_once_a_request)
{
	struct client *client;

	made = disposed = 0;
	harness_add("a",
	    OPS(.get_module = make_self, .dispose = dispose,
		.on_begin_request = with_self,
		.on_execute_request_handler = hello,
		.on_end_request = with_self),
	    BH_PRIORITY_MEDIUM, BH_PRIORITY_MEDIUM);
	harness_add("b",
	    OPS(.get_module = make_self, .dispose = dispose,
		.on_end_request = with_self),
	    BH_PRIORITY_MEDIUM, BH_PRIORITY_MEDIUM);
	harness_start();
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	client_expect(client, OK(5, "hello"));
	assert_string_equal(harness_notes(),
	    "get:a self:1 self:1 get:b self:1 dispose:1 dispose:1");
	client_send(client, GET);
	client_expect(client, OK(5, "hello"));
	assert_int_equal(made, 4);
	assert_int_equal(disposed, 4);
}

TEST(disposes_of_no_instance_that_was_not_made)
{
	struct client *client;

	made = disposed = 0;
	harness_add("a", OPS(.on_begin_request = finish), BH_PRIORITY_HIGH,
	    BH_PRIORITY_MEDIUM);
	harness_add("b",
	    OPS(.get_module = make_self, .dispose = dispose,
		.on_begin_request = with_self),
	    BH_PRIORITY_MEDIUM, BH_PRIORITY_MEDIUM);
	harness_start();
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	client_expect(client, OK(4, "done"));
	assert_int_equal(made, 0);
	assert_int_equal(disposed, 0);
}

TEST(gives_the_instance_to_completions)
{
	struct client *client;

	made = disposed = 0;
	harness_serve(OPS(.get_module = make_self, .dispose = dispose,
	    .on_begin_request = post, .on_async_completion = posted));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	client_expect(client, NOT_FOUND);
	assert_string_equal(
	    harness_notes(), "get:module post:0 posted:42,4,0,2 dispose:1");
}

TEST(answers_500_when_get_module_fails)
{
	struct client *client;

	harness_serve(OPS(.get_module = fail_to_make_self, .dispose = dispose,
	    .on_begin_request = with_self));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	client_expect(client, SERVER_ERROR);
	assert_string_equal(harness_notes(), "get");
	assert_int_equal(
	    harness_logged("module: get_module failed: Cannot allocate"), 1);
	client_send(client, GET);
	client_expect(client, SERVER_ERROR);
}

TEST(calls_a_failing_get_module_once)
{
	struct client *client;

	harness_serve(OPS(.get_module = fail_to_make_self, .dispose = dispose,
	    .on_begin_request = with_self, .on_log_request = with_self,
	    .on_end_request = with_self));
	client = client_open(CLIENT_TCP);
	client_send(client, GET);
	client_expect(client, SERVER_ERROR);
	assert_string_equal(harness_notes(), "get");
	client_send(client, GET);
	client_expect(client, SERVER_ERROR);
}

TEST(a_whole_answer_survives_get_module_failing_in_the_log_step)
{
	struct client *client;

	harness_add("a", OPS(.on_execute_request_handler = hello),
	    BH_PRIORITY_MEDIUM, BH_PRIORITY_MEDIUM);
	harness_add("b",
	    OPS(.get_module = fail_to_make_self, .on_log_request = with_self),
	    BH_PRIORITY_MEDIUM, BH_PRIORITY_MEDIUM);
	harness_start();
	client = client_open(CLIENT_TCP);
	client_send(client, GET GET);
	client_expect(client, OK(5, "hello") OK(5, "hello"));
}

/* --- The activity word ------------------------------------------------- */

static uint64_t
activity(void)
{
	return (atomic_load(
	    &harness_worker()->segment.consumer->activities[0].word));
}

static void
note_activity(struct bh_context *context)
{
	uint32_t module, step;
	uint64_t request;

	if (!activity_unpack(activity(), &module, &step, &request)) {
		note("nobody");
		return;
	}
	note("%u,%u,%d", module, step,
	    request == bh_context_request_id(context));
}

CALLBACK(tell_activity)
{
	note_activity(context);
	return (BH_CONTINUE);
}

CALLBACK(tell_activity_and_post)
{
	note_activity(context);
	(void)bh_context_post_completion(context, 0);
	return (BH_PENDING);
}

COMPLETION(tell_completions_activity)
{
	note_activity(context);
	return (BH_CONTINUE);
}

static void
tell_disposals_activity(void *self)
{
	uint32_t module, step;

	(void)self;
	if (activity_unpack(activity(), &module, &step, NULL))
		note("%u,%u", module, step);
}

TEST(names_the_callback_in_the_activity_word)
{
	struct client *client;

	harness_add("a", OPS(.on_begin_request = tell_activity),
	    BH_PRIORITY_MEDIUM, BH_PRIORITY_MEDIUM);
	harness_add("b",
	    OPS(.get_module = make_self, .dispose = tell_disposals_activity,
		.on_post_begin_request = tell_activity_and_post,
		.on_async_completion = tell_completions_activity,
		.on_end_request = tell_activity),
	    BH_PRIORITY_MEDIUM, BH_PRIORITY_MEDIUM);
	harness_start();
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	client_expect(client, NOT_FOUND);
	/* Module, step; the completion of step 1; disposing is 130. */
	assert_string_equal(
	    harness_notes(), "0,0,1 get:b 1,1,1 1,65,1 1,22,1 1,130");
	assert_int_equal(activity(), 0);
}

/* --- Error status ------------------------------------------------------ */

CALLBACK(explain)
{
	bh_event_set_error_status(provider, -ENOENT);
	(void)bh_response_set_status(bh_context_response(context), 503, NULL);
	return (BH_CONTINUE);
}

TEST(logs_the_error_status_of_a_5xx)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = explain));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	client_expect(client, "HTTP/1.1 503 Service Unavailable\r\n"
			      "Content-Length: 0\r\n\r\n");
	assert_int_equal(
	    harness_logged("module: answered 503: No such file or directory"),
	    1);
}

TEST(counts_answers_by_class)
{
	struct client *client;

	harness_serve(OPS(.on_execute_request_handler = hello));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET GET);
	client_expect(client, OK(5, "hello") OK(5, "hello"));
	assert_int_equal(harness_stat(STAT_requests), 2);
	assert_int_equal(harness_stat(STAT_responses_2xx), 2);
	assert_int_equal(harness_stat(STAT_requests_active), 0);
}

static const struct CMUnitTest tests[] = {
	HARNESS_TEST(calls_all_24_steps_in_order),
	HARNESS_TEST(calls_modules_by_priority_then_as_given),
	HARNESS_TEST(finish_still_runs_log_and_end),
	HARNESS_TEST(finish_skips_the_same_steps_other_modules),
	HARNESS_TEST(finish_in_the_log_step_goes_on_to_the_rest),
	HARNESS_TEST(finish_from_a_completion_runs_log_and_end),
	HARNESS_TEST(answers_an_untouched_response_404),
	HARNESS_TEST(answers_404_without_any_module),
	HARNESS_TEST(delivers_a_completion_to_the_parked_step),
	HARNESS_TEST(pending_from_a_completion_waits_for_the_next),
	HARNESS_TEST(answers_500_to_pending_with_nothing_outstanding),
	HARNESS_TEST(a_whole_answer_survives_pending_in_the_log_step),
	HARNESS_TEST(makes_and_disposes_of_an_instance_once_a_request),
	HARNESS_TEST(disposes_of_no_instance_that_was_not_made),
	HARNESS_TEST(gives_the_instance_to_completions),
	HARNESS_TEST(answers_500_when_get_module_fails),
	HARNESS_TEST(calls_a_failing_get_module_once),
	HARNESS_TEST(
	    a_whole_answer_survives_get_module_failing_in_the_log_step),
	HARNESS_TEST(names_the_callback_in_the_activity_word),
	HARNESS_TEST(logs_the_error_status_of_a_5xx),
	HARNESS_TEST(counts_answers_by_class),
};

HARNESS_MAIN(tests)
