/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Asynchronous operations and their completions: the nine rules of DESIGN
 * section 6, and what happens to modules that break them. Tickets are in
 * async_threads.c.
 */
#include "harness.h"

#include "shm/stats.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static char buffer[65536];

/* What a completion says: operation, bytes, share of the entity, status. */
static void
note_info(const struct bh_completion_info *info)
{
	note("done:%u,%u,%u,%d", bh_completed_operation(info),
	    (unsigned)bh_completion_bytes(info),
	    (unsigned)bh_completion_entity_bytes(info),
	    bh_completion_status(info));
}

/* The rest of the pipeline answers. */
CALLBACK(hello)
{
	answer(context, "hello");
	return (BH_CONTINUE);
}

COMPLETION(completed)
{
	note_info(info);
	return (BH_CONTINUE);
}

/* A read that says whether it was inline: "read:<error>,<bytes>,<later>". */
static int
read_async(struct bh_context *context, size_t size, bool *ret_later)
{
	size_t received = 0;
	int error;

	error = bh_request_read_entity_body(bh_context_request(context), buffer,
	    size, true, &received, ret_later);
	note("read:%d,%zu,%d", error, received,
	    ret_later == NULL ? -1 : *ret_later);
	return (error);
}

static int
read_sync(struct bh_context *context, size_t size)
{
	size_t received = 0;
	int error;

	error = bh_request_read_entity_body(
	    bh_context_request(context), buffer, size, false, &received, NULL);
	note("sync:%d,%zu", error, received);
	return (error);
}

CALLBACK(read_it)
{
	bool later = false;

	(void)read_async(context, sizeof(buffer), &later);
	return (later ? BH_PENDING : BH_CONTINUE);
}

CALLBACK(read_and_always_post)
{
	if (read_async(context, sizeof(buffer), NULL) != 0)
		return (BH_CONTINUE);
	return (BH_PENDING);
}

/* --- Rule 1: inline or posted ------------------------------------------ */

TEST(inline_completion_says_so_and_no_completion_comes)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = read_it,
	    .on_execute_request_handler = hello,
	    .on_async_completion = completed));
	client = client_open(CLIENT_UNIX);
	client_send(client, POST(3) "abc");
	client_expect(client, OK(5, "hello"));
	assert_string_equal(harness_notes(), "read:0,3,0");
	assert_memory_equal(buffer, "abc", 3);
}

TEST(completion_comes_when_it_was_expected)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = read_it,
	    .on_execute_request_handler = hello,
	    .on_async_completion = completed));
	client = client_open(CLIENT_UNIX);
	client_send(client, POST(3));
	harness_run();
	assert_string_equal(harness_notes(), "read:0,0,1");
	client_send(client, "abc");
	client_expect(client, OK(5, "hello"));
	assert_string_equal(harness_notes(), "done:1,3,0,0");
	assert_memory_equal(buffer, "abc", 3);
}

TEST(asked_to_always_post_an_inline_read_posts)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = read_and_always_post,
	    .on_execute_request_handler = hello,
	    .on_async_completion = completed));
	client = client_open(CLIENT_UNIX);
	client_send(client, POST(3) "abc");
	client_expect(client, OK(5, "hello"));
	assert_string_equal(harness_notes(), "read:0,3,-1 done:1,3,0,0");
}

TEST(asked_to_always_post_a_late_read_posts_once)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = read_and_always_post,
	    .on_execute_request_handler = hello,
	    .on_async_completion = completed));
	client = client_open(CLIENT_UNIX);
	client_send(client, POST(3));
	harness_run();
	client_send(client, "abc");
	client_expect(client, OK(5, "hello"));
	assert_string_equal(harness_notes(), "read:0,0,-1 done:1,3,0,0");
}

static int
write_async(struct bh_context *context, const char *text, bool *ret_later)
{
	struct bh_data_chunk chunk = { BH_CHUNK_MEMORY, text, strlen(text) };
	size_t sent = 0;
	int error;

	error = bh_response_write_entity_chunks(bh_context_response(context),
	    &chunk, 1, true, true, &sent, ret_later);
	note("write:%d,%zu,%d", error, sent,
	    ret_later == NULL ? -1 : *ret_later);
	return (error);
}

CALLBACK(write_inline)
{
	bool later = true;

	(void)write_async(context, "abc", &later);
	return (later ? BH_PENDING : BH_CONTINUE);
}

CALLBACK(write_and_always_post)
{
	(void)write_async(context, "abc", NULL);
	return (BH_PENDING);
}

TEST(a_buffered_write_is_inline)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = write_inline,
	    .on_async_completion = completed));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	client_expect(client, OK(3, "abc"));
	assert_string_equal(harness_notes(), "write:0,3,0");
}

TEST(asked_to_always_post_a_buffered_write_posts)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = write_and_always_post,
	    .on_async_completion = completed));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	client_expect(client, OK(3, "abc"));
	/* Nothing has been handed to the socket by it. */
	assert_string_equal(harness_notes(), "write:0,3,-1 done:2,0,0,0");
}

/* --- Rule 2: not inside the call, not before the callback is back ------- */

CALLBACK(post_then_wait)
{
	note("post:%d", bh_context_post_completion(context, 7));
	(void)read_sync(context, 3);
	note("back");
	return (BH_PENDING);
}

TEST(no_completion_before_the_callback_is_back)
{
	struct client *client, *other;

	harness_serve(OPS(.on_begin_request = post_then_wait,
	    .on_execute_request_handler = hello,
	    .on_async_completion = completed));
	client = client_open(CLIENT_UNIX);
	other = client_open(CLIENT_UNIX);
	client_send(client, POST(3));
	harness_run();
	/* Its completion has been consumed, and waits. */
	assert_string_equal(harness_notes(), "post:0");
	assert_int_equal(harness_stat(STAT_stacks_parked), 1);
	assert_int_equal(harness_stat(STAT_completions + OPERATION_POST), 1);
	client_send(other, GET);
	client_expect(other, OK(5, "hello"));
	assert_string_equal(
	    harness_notes(), "post:0 sync:-4096,0 back done:4,7,0,0");
	client_send(client, "abc");
	client_expect(client, OK(5, "hello"));
	assert_string_equal(harness_notes(), "sync:0,3 back done:4,7,0,0");
}

CALLBACK(post_wait_and_go_on)
{
	note("post:%d", bh_context_post_completion(context, 7));
	(void)read_sync(context, 3);
	return (BH_CONTINUE);
}

CALLBACK(post_again)
{
	note("post:%d", bh_context_post_completion(context, 8));
	return (BH_PENDING);
}

CALLBACK(pend)
{
	return (BH_PENDING);
}

TEST(a_completion_held_for_a_callback_that_went_on_is_dropped)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = post_wait_and_go_on,
	    .on_execute_request_handler = post_again,
	    .on_async_completion = completed));
	client = client_open(CLIENT_UNIX);
	client_send(client, POST(3));
	harness_run();
	client_send(client, "abc");
	harness_run();
	/* Not -EBUSY, and not the first one's bytes. */
	assert_string_equal(
	    harness_notes(), "post:0 sync:0,3 post:0 done:4,8,0,0");
	assert_int_equal(
	    harness_logged("module: returned without waiting for"), 1);
}

TEST(a_held_completion_is_not_another_modules)
{
	struct client *client;

	harness_add("a",
	    OPS(.on_begin_request = post_wait_and_go_on,
		.on_async_completion = completed),
	    BH_PRIORITY_MEDIUM, BH_PRIORITY_MEDIUM);
	harness_add("b",
	    OPS(.on_execute_request_handler = pend,
		.on_async_completion = completed),
	    BH_PRIORITY_MEDIUM, BH_PRIORITY_MEDIUM);
	harness_start();
	client = client_open(CLIENT_UNIX);
	client_send(client, POST(3));
	harness_run();
	client_send(client, "abc");
	client_expect(client, SERVER_ERROR);
	assert_string_equal(harness_notes(), "post:0 sync:0,3");
	assert_int_equal(harness_logged("b: returned BH_PENDING"), 1);
}

/* --- Rules 3 and 4: one at a time --------------------------------------- */

CALLBACK(post_twice)
{
	note("post:%d", bh_context_post_completion(context, 1));
	note("post:%d", bh_context_post_completion(context, 2));
	return (BH_PENDING);
}

TEST(refuses_and_names_a_second_post)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = post_twice,
	    .on_execute_request_handler = hello,
	    .on_async_completion = completed));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	client_expect(client, OK(5, "hello"));
	assert_string_equal(harness_notes(), "post:0 post:-16 done:4,1,0,0");
	assert_int_equal(
	    harness_logged("module: posted a second completion"), 1);
}

CALLBACK(do_two_operations)
{
	bool later;

	(void)read_async(context, 1, &later);
	(void)read_async(context, 1, &later);
	note("write:%d", write_text(context, "x", true));
	note("flush:%d", bh_response_flush(bh_context_response(context), false,
			     true, NULL, NULL));
	(void)read_sync(context, 1);
	return (BH_PENDING);
}

TEST(refuses_a_second_operation)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = do_two_operations,
	    .on_execute_request_handler = hello,
	    .on_async_completion = completed));
	client = client_open(CLIENT_UNIX);
	client_send(client, POST(1));
	harness_run();
	client_send(client, "x");
	client_expect(client, OK(5, "hello"));
	assert_string_equal(harness_notes(),
	    "read:0,0,1 read:-16,0,1 write:-16 flush:-16 sync:-16,0 "
	    "done:1,1,0,0");
}

CALLBACK(post_and_read)
{
	bool later;

	note("post:%d", bh_context_post_completion(context, 9));
	(void)read_async(context, 1, &later);
	return (BH_PENDING);
}

static unsigned completions;

COMPLETION(wait_for_two)
{
	note_info(info);
	return (completions++ % 2 == 0 ? BH_PENDING : BH_CONTINUE);
}

TEST(one_post_and_one_operation_may_be_outstanding)
{
	struct client *client;

	completions = 0;
	harness_serve(OPS(.on_begin_request = post_and_read,
	    .on_execute_request_handler = hello,
	    .on_async_completion = wait_for_two));
	client = client_open(CLIENT_UNIX);
	client_send(client, POST(1));
	harness_run();
	assert_string_equal(harness_notes(), "post:0 read:0,0,1 done:4,9,0,0");
	client_send(client, "x");
	client_expect(client, OK(5, "hello"));
	assert_string_equal(harness_notes(), "done:1,1,0,0");
}

CALLBACK(start_and_go_on)
{
	bool later;

	(void)read_async(context, 1, &later);
	return (BH_CONTINUE);
}

TEST(waits_for_an_operation_that_was_left_behind)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = start_and_go_on,
	    .on_execute_request_handler = hello,
	    .on_async_completion = completed));
	client = client_open(CLIENT_UNIX);
	client_send(client, POST(1));
	client_read(client);
	assert_string_equal(client_text(client), "");
	assert_int_equal(
	    harness_logged(
		"module: returned without waiting for the operation"),
	    1);
	client_send(client, "x");
	client_expect(client, OK(5, "hello"));
	assert_string_equal(harness_notes(), "read:0,0,1");
}

CALLBACK(post_and_go_on)
{
	note("post:%d", bh_context_post_completion(context, 1));
	return (BH_CONTINUE);
}

TEST(drops_a_post_that_nobody_waits_for)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = post_and_go_on,
	    .on_execute_request_handler = post_again,
	    .on_async_completion = completed));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	client_expect(client, NOT_FOUND);
	assert_string_equal(harness_notes(), "post:0 post:0 done:4,8,0,0");
	assert_int_equal(
	    harness_logged(
		"module: returned without waiting for the completion"),
	    1);
}

/* --- Rule 6: the end of the body ---------------------------------------- */

/* Reads in whatever way comes next, until the end. */
COMPLETION(read_on)
{
	bool later = false;

	note_info(info);
	while (read_async(context, 4, &later) == 0)
		if (later)
			return (BH_PENDING);
	return (BH_CONTINUE);
}

CALLBACK(read_to_the_end)
{
	bool later = false;

	while (read_async(context, 4, &later) == 0)
		if (later)
			return (BH_PENDING);
	return (BH_CONTINUE);
}

TEST(end_of_body_comes_from_the_call)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = read_to_the_end,
	    .on_execute_request_handler = hello,
	    .on_async_completion = read_on));
	client = client_open(CLIENT_UNIX);
	client_send(client, POST(6) "abcdef");
	client_expect(client, OK(5, "hello"));
	assert_string_equal(
	    harness_notes(), "read:0,4,0 read:0,2,0 read:-4096,0,0");
	/* Without a body at once. */
	client_send(client, GET);
	client_expect(client, OK(5, "hello"));
	assert_string_equal(harness_notes(), "read:-4096,0,0");
}

COMPLETION(completed_and_again)
{
	bool later = false;

	note_info(info);
	if (bh_completion_status(info) == 0 &&
	    read_async(context, 4, &later) == 0 && later)
		return (BH_PENDING);
	(void)read_async(context, 4, &later);
	return (BH_CONTINUE);
}

TEST(end_of_a_chunked_body_comes_from_the_completion)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = read_to_the_end,
	    .on_execute_request_handler = hello,
	    .on_async_completion = completed_and_again));
	client = client_open(CLIENT_UNIX);
	client_send(client, POST_CHUNKED);
	harness_run();
	client_send(client, "3\r\nabc\r\n");
	harness_run();
	assert_string_equal(
	    harness_notes(), "read:0,0,1 done:1,3,0,0 read:0,0,1");
	client_send(client, "0\r\n\r\n");
	client_expect(client, OK(5, "hello"));
	assert_string_equal(harness_notes(), "done:1,0,0,-4096 read:-4096,0,0");
}

TEST(framing_alone_completes_no_read)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = read_it,
	    .on_execute_request_handler = hello,
	    .on_async_completion = completed));
	client = client_open(CLIENT_UNIX);
	client_send(client, POST_CHUNKED);
	harness_run();
	client_send(client, "0000");
	harness_run();
	client_send(client, "3;x=y");
	harness_run();
	client_send(client, "\r\n");
	harness_run();
	assert_string_equal(harness_notes(), "read:0,0,1");
	client_send(client, "abc\r\n0\r\n\r\n");
	/* The rest of the chunks is read for the next request's sake. */
	client_expect(client, OK(5, "hello"));
	assert_string_equal(harness_notes(), "done:1,3,0,0");
	assert_int_equal(client_slot_state(client), SLOT_IDLE);
}

TEST(malformed_chunks_are_told_and_end_the_connection)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = read_it,
	    .on_execute_request_handler = hello,
	    .on_async_completion = completed));
	client = client_open(CLIENT_UNIX);
	client_send(client, POST_CHUNKED);
	harness_run();
	client_send(client, "x\r\n");
	client_expect(client, OK_CLOSE(5, "hello"));
	assert_string_equal(harness_notes(), "read:0,0,1 done:1,0,0,-74");
	client_wait_end(client);
	assert_true(client->eof);
}

TEST(a_chunked_body_beyond_the_limit_is_told)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = read_to_the_end,
	    .on_execute_request_handler = hello,
	    .on_async_completion = read_on));
	harness_worker()->limits.body_max = 5;
	client = client_open(CLIENT_UNIX);
	client_send(client, POST_CHUNKED "3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n");
	client_expect(client, OK_CLOSE(5, "hello"));
	assert_string_equal(harness_notes(), "read:0,3,0 read:-27,0,0");
}

/* --- Rule 8: the bytes of a flush are the bytes on the wire ------------- */

CALLBACK(flush_in_parts)
{
	struct bh_response *response = bh_context_response(context);

	if (bh_context_response_headers_sent(context))
		return (BH_CONTINUE);
	answer(context, "hello");
	note("flush:%d", bh_response_flush(response, true, true, NULL, NULL));
	return (BH_PENDING);
}

COMPLETION(flush_the_rest)
{
	static unsigned times;

	note_info(info);
	if (++times % 2 == 0)
		return (BH_CONTINUE);
	answer(context, " you");
	note("flush:%d", bh_response_flush(bh_context_response(context), true,
			     false, NULL, NULL));
	return (BH_PENDING);
}

TEST(a_flush_counts_head_and_framing)
{
	struct client *client;
	char expected[200];
	size_t first, second;
	char *end;

	harness_serve(OPS(.on_begin_request = flush_in_parts,
	    .on_async_completion = flush_the_rest));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	client_take(client, 1);
	client_read(client);
	end = memmem(client->bytes, client->length, "hello\r\n", 7);
	assert_non_null(end);
	first = (size_t)(end - client->bytes) + 7;
	second = client->length - first;
	(void)snprintf(expected, sizeof(expected),
	    "flush:0 done:3,%zu,5,0 flush:0 done:3,%zu,4,0", first, second);
	assert_string_equal(harness_notes(), expected);
	assert_string_equal(client_text(client),
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "5\r\nhello\r\n4\r\n you\r\n0\r\n\r\n");
	assert_int_equal(harness_stat(STAT_bytes_sent), client->length);
}

static const struct CMUnitTest tests[] = {
	HARNESS_TEST(inline_completion_says_so_and_no_completion_comes),
	HARNESS_TEST(completion_comes_when_it_was_expected),
	HARNESS_TEST(asked_to_always_post_an_inline_read_posts),
	HARNESS_TEST(asked_to_always_post_a_late_read_posts_once),
	HARNESS_TEST(a_buffered_write_is_inline),
	HARNESS_TEST(asked_to_always_post_a_buffered_write_posts),
	HARNESS_TEST(no_completion_before_the_callback_is_back),
	HARNESS_TEST(a_completion_held_for_a_callback_that_went_on_is_dropped),
	HARNESS_TEST(a_held_completion_is_not_another_modules),
	HARNESS_TEST(refuses_and_names_a_second_post),
	HARNESS_TEST(refuses_a_second_operation),
	HARNESS_TEST(one_post_and_one_operation_may_be_outstanding),
	HARNESS_TEST(waits_for_an_operation_that_was_left_behind),
	HARNESS_TEST(drops_a_post_that_nobody_waits_for),
	HARNESS_TEST(end_of_body_comes_from_the_call),
	HARNESS_TEST(end_of_a_chunked_body_comes_from_the_completion),
	HARNESS_TEST(framing_alone_completes_no_read),
	HARNESS_TEST(malformed_chunks_are_told_and_end_the_connection),
	HARNESS_TEST(a_chunked_body_beyond_the_limit_is_told),
	HARNESS_TEST(a_flush_counts_head_and_framing),
};

HARNESS_MAIN(tests)
