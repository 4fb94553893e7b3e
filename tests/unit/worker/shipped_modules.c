/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unit test of the shipped modules, as the loader loads them, with the server
 * played: each way in which an operation may end, in each place.
 */
#include "shm/stats.h"
#include "tests/support/test.h"
#include "tests/unit/worker/play.h"
#include "worker/module.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct segment_consumer consumer;
static _Atomic uint64_t stats[WORKER_STATS + MODULE_STATS];
static const struct segment segment = {
	.geometry = { .modules = 1 },
	.consumer = &consumer,
	.stats = stats,
	.stats_worker_words = WORKER_STATS,
	.stats_module_words = MODULE_STATS,
};

/* The module of the current test. */
static struct modules modules;

/* Load ${name} with one setting or NULL. Returns the loader's line. */
static const char *
load(const char *name, const char *setting)
{
	static char error[512];
	char list[512];
	int length;

	length = snprintf(list, sizeof(list), MODULES "/%s.so%c%s%c%s%c", name,
	    '\0', name, '\0', setting == NULL ? "" : setting, '\0');
	assert_true(length > 0 && (size_t)length < sizeof(list));
	list[length] = '\0'; /* without a setting this is one too many */
	assert_int_equal(modules_parse(&modules, list,
			     (size_t)length + (setting != NULL), 1),
	    0);
	error[0] = '\0';
	(void)modules_load(&modules, &segment, error, sizeof(error));
	return (error);
}

static int
unload(void **state)
{
	(void)state;
	modules_unload(&modules);
	return (0);
}

static enum bh_notification_status
run(struct bh_context *context)
{
	return (play_run(modules.list[0].ops, modules.list[0].self, context));
}

/* The whole answer: status, headers, body. */
static void
assert_answer(struct bh_context *context, unsigned status, const char *headers,
    const char *body)
{
	assert_int_equal(context->status, status);
	assert_string_equal(context->headers, headers);
	assert_non_null(context->body);
	assert_string_equal((const char *)context->body, body);
	assert_true(context->ended);
	play_free(context);
}

static void
hello_answers_get_and_head(void **state)
{
	struct bh_context get = { .method = "GET", .path = "/hello" };
	struct bh_context head = { .method = "HEAD", .path = "/hello" };

	(void)state;
	assert_string_equal(load("hello", NULL), "");
	assert_int_equal(run(&get), BH_FINISH_REQUEST);
	assert_answer(
	    &get, 200, "Content-Type: text/plain\n", "Hello from Bulkhead\n");
	assert_int_equal(run(&head), BH_FINISH_REQUEST);
	assert_answer(
	    &head, 200, "Content-Type: text/plain\n", "Hello from Bulkhead\n");
}

static void
hello_refuses_other_methods(void **state)
{
	struct bh_context post = { .method = "POST", .path = "/hello" };

	(void)state;
	assert_string_equal(load("hello", NULL), "");
	assert_int_equal(run(&post), BH_FINISH_REQUEST);
	assert_answer(&post, 405,
	    "Content-Type: text/plain\nAllow: GET, HEAD\n",
	    "Only GET and HEAD are served here\n");
}

static void
all_leave_other_paths_alone(void **state)
{
	static const char *const names[] = { "hello", "completion_info", "echo",
		"delay" };
	static const char *const paths[] = { "/", "/hell", "/hello2", "/echo/",
		"/delay/x", "/Echo" };
	struct bh_context context;
	size_t i, j;

	(void)state;
	for (i = 0; i < COUNT(names); i++) {
		assert_string_equal(load(names[i], NULL), "");
		for (j = 0; j < COUNT(paths); j++) {
			context = (struct bh_context){ .method = "POST",
				.path = paths[j] };
			assert_int_equal(run(&context), BH_CONTINUE);
			assert_null(context.body);
			assert_int_equal(context.memory_count, 0);
		}
		modules_unload(&modules);
	}
}

static void
all_take_a_path_and_check_it(void **state)
{
	static const char *const names[] = { "hello", "completion_info", "echo",
		"delay" };
	struct bh_context context;
	char line[256];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(names); i++) {
		assert_string_equal(load(names[i], "path=/x"), "");
		context = (struct bh_context){ .method = "GET", .path = "/x" };
		assert_int_not_equal(run(&context), BH_PENDING);
		assert_non_null(context.body);
		play_free(&context);
		modules_unload(&modules);
		(void)snprintf(line, sizeof(line),
		    "module '%s' (" MODULES "/%s.so): setting 'path' is "
		    "'x': it must begin with '/': Invalid argument",
		    names[i], names[i]);
		assert_string_equal(load(names[i], "path=x"), line);
		modules_unload(&modules);
	}
}

static void
completion_info_logs_its_flush(void **state)
{
	static const struct play_step later[] = { { PLAY_LATER, 0, 0 } };
	struct bh_context context = { .method = "GET",
		.path = "/completion_info",
		.sends = later,
		.send_count = 1 };

	(void)state;
	assert_string_equal(load("completion_info", NULL), "");
	assert_int_equal(run(&context), BH_CONTINUE);
	assert_string_equal(context.log,
	    "notification: map_request_handler, bytes: 118, status: 0, "
	    "operation: flush, entity bytes: 18");
	assert_answer(
	    &context, 200, "Content-Type: text/plain\n", "An example string\n");
}

static void
completion_info_goes_on_after_an_inline_flush(void **state)
{
	struct bh_context context = { .method = "GET",
		.path = "/completion_info" };

	(void)state;
	assert_string_equal(load("completion_info", NULL), "");
	assert_int_equal(run(&context), BH_CONTINUE);
	assert_string_equal(context.log, "");
	assert_answer(
	    &context, 200, "Content-Type: text/plain\n", "An example string\n");
}

static void
completion_info_answers_500_or_resets(void **state)
{
	static const struct play_step at_once[] = { { PLAY_INLINE, -ENOMEM,
	    0 } };
	static const struct play_step later[] = { { PLAY_LATER, -ECONNRESET,
	    0 } };
	struct bh_context early = { .method = "GET",
		.path = "/completion_info",
		.sends = at_once,
		.send_count = 1 };
	struct bh_context late = { .method = "GET",
		.path = "/completion_info",
		.sends = later,
		.send_count = 1 };

	(void)state;
	assert_string_equal(load("completion_info", NULL), "");
	assert_int_equal(run(&early), BH_FINISH_REQUEST);
	assert_int_equal(early.status, 500);
	assert_int_equal(early.error_status, -ENOMEM);
	assert_false(early.reset);
	play_free(&early);
	assert_int_equal(run(&late), BH_FINISH_REQUEST);
	assert_true(late.reset);
	assert_int_equal(late.error_status, -ECONNRESET);
	play_free(&late);
}

/* The echo of ${size} bytes, whole and right. */
static void
assert_echo(struct bh_context *context, size_t size, const char *headers)
{
	size_t i;

	assert_int_equal(context->status, 200);
	assert_string_equal(context->headers, headers);
	assert_true(context->unbuffered);
	assert_true(context->ended);
	assert_false(context->reset);
	assert_int_equal(context->body_size, size);
	for (i = 0; i < size; i++)
		assert_int_equal(context->body[i], play_byte(i));
	play_free(context);
}

static void
echo_knows_the_last_bytes_of_a_known_length(void **state)
{
	static const struct play_step reads[] = { { PLAY_INLINE, 0, 1000 },
		{ PLAY_LATER, 0, 65536 }, { PLAY_INLINE, 0, 1 } };
	static const struct play_step sends[] = { { PLAY_LATER, 0, 0 },
		{ PLAY_INLINE, 0, 0 }, { PLAY_LATER, 0, 0 } };
	struct bh_context context = { .method = "POST",
		.path = "/echo",
		.content_type = "image/jpeg",
		.remaining = 66537,
		.reads = reads,
		.read_count = COUNT(reads),
		.sends = sends,
		.send_count = COUNT(sends) };

	(void)state;
	assert_string_equal(load("echo", NULL), "");
	assert_int_equal(run(&context), BH_FINISH_REQUEST);
	assert_int_equal(context.reads_done, 3);
	assert_int_equal(context.sends_done, 3);
	assert_echo(&context, 66537,
	    "Content-Type: image/jpeg\nContent-Length: 66537\n");
}

/* The end of the body from the call, and from the completion. */
static void
echo_takes_the_end_both_ways(void **state)
{
	static const enum play_how ways[] = { PLAY_INLINE, PLAY_LATER };
	struct play_step reads[] = { { PLAY_INLINE, 0, 10 },
		{ PLAY_LATER, 0, 20 }, { PLAY_INLINE, -BH_EOF, 0 } };
	struct play_step sends[] = { { PLAY_INLINE, 0, 0 } };
	size_t i, j;

	(void)state;
	assert_string_equal(load("echo", NULL), "");
	for (i = 0; i < 2; i++)
		for (j = 0; j < 2; j++) {
			struct bh_context context = { .method = "PUT",
				.path = "/echo",
				.remaining = BH_LENGTH_UNKNOWN,
				.reads = reads,
				.read_count = COUNT(reads),
				.sends = sends,
				.send_count = COUNT(sends) };

			reads[2].how = ways[i];
			sends[0].how = ways[j];
			assert_int_equal(run(&context), BH_FINISH_REQUEST);
			assert_int_equal(context.sends_done, 3);
			assert_echo(&context, 30,
			    "Content-Type: application/octet-stream\n");
		}
}

static void
echo_ends_with_the_last_chunk_when_it_is_known(void **state)
{
	static const struct play_step reads[] = { { PLAY_INLINE, 0, 10 } };
	struct bh_context context = { .method = "PUT",
		.path = "/echo",
		.remaining = BH_LENGTH_UNKNOWN,
		.ends_at = 2,
		.reads = reads,
		.read_count = 1 };

	(void)state;
	assert_string_equal(load("echo", NULL), "");
	assert_int_equal(run(&context), BH_FINISH_REQUEST);
	assert_int_equal(context.sends_done, 2);
	assert_echo(&context, 20, "Content-Type: application/octet-stream\n");
}

static void
echo_answers_an_empty_body_with_one(void **state)
{
	struct bh_context context = { .method = "POST", .path = "/echo" };

	(void)state;
	assert_string_equal(load("echo", NULL), "");
	assert_int_equal(run(&context), BH_FINISH_REQUEST);
	assert_int_equal(context.reads_done, 0);
	assert_echo(&context, 0,
	    "Content-Type: application/octet-stream\nContent-Length: 0\n");
}

/* Were it recursive, the stack would not hold this many. */
static void
echo_does_not_recurse_on_inline_results(void **state)
{
	static const struct play_step reads[] = { { PLAY_INLINE, 0, 1 } };
	struct bh_context context = { .method = "POST",
		.path = "/echo",
		.remaining = 1000000,
		.reads = reads,
		.read_count = 1 };

	(void)state;
	assert_string_equal(load("echo", NULL), "");
	assert_int_equal(run(&context), BH_FINISH_REQUEST);
	assert_int_equal(context.reads_done, 1000000);
	assert_int_equal(context.body_size, 1000000);
	play_free(&context);
}

static void
echo_refuses_other_methods(void **state)
{
	struct bh_context context = { .method = "GET", .path = "/echo" };

	(void)state;
	assert_string_equal(load("echo", NULL), "");
	assert_int_equal(run(&context), BH_FINISH_REQUEST);
	assert_answer(&context, 405,
	    "Content-Type: text/plain\nAllow: POST, PUT\n",
	    "Only POST and PUT are served here\n");
}

static void
echo_says_why_a_body_cannot_be_read(void **state)
{
	static const struct {
		int status;
		unsigned answer;
	} cases[] = { { -EBADMSG, 400 }, { -ETIMEDOUT, 408 }, { -EFBIG, 413 },
		{ -EAGAIN, 503 }, { -EIO, 500 } };
	struct play_step reads[] = { { PLAY_INLINE, 0, 0 } };
	struct bh_context context;
	size_t i;

	(void)state;
	assert_string_equal(load("echo", NULL), "");
	for (i = 0; i < 2 * COUNT(cases); i++) {
		context = (struct bh_context){ .method = "POST",
			.path = "/echo",
			.remaining = 100,
			.reads = reads,
			.read_count = 1 };
		reads[0].how = i % 2 == 0 ? PLAY_INLINE : PLAY_LATER;
		reads[0].status = cases[i / 2].status;
		assert_int_equal(run(&context), BH_FINISH_REQUEST);
		assert_int_equal(context.status, cases[i / 2].answer);
		assert_string_equal(
		    context.headers, "Content-Type: text/plain\n");
		assert_int_equal(context.error_status, cases[i / 2].status);
		assert_false(context.reset);
		assert_true(context.ended);
		play_free(&context);
	}
}

static void
echo_resets_when_it_has_begun(void **state)
{
	static const struct play_step broken_reads[] = { { PLAY_INLINE, 0, 10 },
		{ PLAY_LATER, -ECONNRESET, 0 } };
	static const struct play_step reads[] = { { PLAY_INLINE, 0, 10 } };
	static const struct play_step broken_sends[] = { { PLAY_LATER,
	    -ECONNRESET, 0 } };
	struct bh_context reading = { .method = "POST",
		.path = "/echo",
		.remaining = 100,
		.reads = broken_reads,
		.read_count = COUNT(broken_reads) };
	struct bh_context sending = { .method = "POST",
		.path = "/echo",
		.remaining = 100,
		.reads = reads,
		.read_count = 1,
		.sends = broken_sends,
		.send_count = 1 };

	(void)state;
	assert_string_equal(load("echo", NULL), "");
	assert_int_equal(run(&reading), BH_FINISH_REQUEST);
	assert_true(reading.reset);
	assert_int_equal(run(&sending), BH_FINISH_REQUEST);
	assert_true(sending.reset);
	assert_int_equal(sending.sends_done, 1);
	play_free(&reading);
	play_free(&sending);
}

static void
delay_reads_ms_strictly(void **state)
{
	static const struct {
		const char *query;
		unsigned answer;
	} cases[] = { { "ms=0", 200 }, { "ms=1", 200 }, { "ms=007", 200 },
		{ "a=b&ms=2", 200 }, { "ms=3&a=b", 200 }, { "&&ms=1&", 200 },
		{ NULL, 400 }, { "", 400 }, { "ms", 400 }, { "ms=", 400 },
		{ "ms=&a", 400 }, { "ms=x", 400 }, { "ms=1x", 400 },
		{ "ms=-1", 400 }, { "ms=+1", 400 }, { "ms=60001", 400 },
		{ "ms=99999999999999999999", 400 }, { "xms=1", 400 },
		{ "ms=1.5", 400 }, { "a=ms=1", 400 } };
	struct bh_context context;
	size_t i;

	(void)state;
	assert_string_equal(load("delay", NULL), "");
	for (i = 0; i < COUNT(cases); i++) {
		context = (struct bh_context){ .method = "GET",
			.path = "/delay",
			.query = cases[i].query };
		assert_int_equal(run(&context), BH_FINISH_REQUEST);
		if (context.status != cases[i].answer)
			print_error("%s\n", cases[i].query);
		assert_int_equal(context.status, cases[i].answer);
		play_free(&context);
	}
}

static void
delay_waits_as_long_as_it_says(void **state)
{
	struct bh_context context = {
		.method = "GET", .path = "/delay", .query = "ms=120"
	};
	int64_t start = test_now_ms();
	double waited;

	(void)state;
	assert_string_equal(load("delay", NULL), "");
	assert_int_equal(run(&context), BH_FINISH_REQUEST);
	assert_true(test_now_ms() - start >= 119);
	assert_int_equal(
	    sscanf((char *)context.body, "Waited %lf ms", &waited), 1);
	assert_true(waited >= 120.0 && waited < 60000.0);
	play_free(&context);
}

/* Later ones first: only the earliest one's post ends play_run(). */
static void
delay_posts_the_earliest_first(void **state)
{
	static const char *const queries[] = { "ms=60000", "ms=59000",
		"ms=58000", "ms=57000", "ms=56000", "ms=55000", "ms=50" };
	const struct bh_module_ops *ops;
	struct bh_context contexts[COUNT(queries)];
	void *self;
	size_t i;

	(void)state;
	assert_string_equal(load("delay", NULL), "");
	ops = modules.list[0].ops;
	for (i = 0; i < COUNT(queries); i++) {
		contexts[i] = (struct bh_context){
			.method = "GET", .path = "/delay", .query = queries[i]
		};
		if (i == COUNT(queries) - 1)
			break;
		assert_int_equal(
		    ops->get_module(modules.list[0].self, &contexts[i], &self),
		    0);
		assert_int_equal(
		    ops->on_execute_request_handler(self, &contexts[i], NULL),
		    BH_PENDING);
	}
	assert_int_equal(run(&contexts[i]), BH_FINISH_REQUEST);
	/* Ends at once, although six are waiting. */
	modules_unload(&modules);
	for (i = 0; i < COUNT(queries); i++)
		play_free(&contexts[i]);
}

#define TEST(function) cmocka_unit_test_teardown(function, unload)

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(hello_answers_get_and_head),
		TEST(hello_refuses_other_methods),
		TEST(all_leave_other_paths_alone),
		TEST(all_take_a_path_and_check_it),
		TEST(completion_info_logs_its_flush),
		TEST(completion_info_goes_on_after_an_inline_flush),
		TEST(completion_info_answers_500_or_resets),
		TEST(echo_knows_the_last_bytes_of_a_known_length),
		TEST(echo_takes_the_end_both_ways),
		TEST(echo_ends_with_the_last_chunk_when_it_is_known),
		TEST(echo_answers_an_empty_body_with_one),
		TEST(echo_does_not_recurse_on_inline_results),
		TEST(echo_refuses_other_methods),
		TEST(echo_says_why_a_body_cannot_be_read),
		TEST(echo_resets_when_it_has_begun),
		TEST(delay_reads_ms_strictly),
		TEST(delay_waits_as_long_as_it_says),
		TEST(delay_posts_the_earliest_first),
	};

	return (RUN_TESTS(argc, argv, tests));
}
