/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who may post, and who may use a context: threads with tickets (rule 9 of
 * DESIGN section 6), and those who come too late or from elsewhere (rule 3).
 */
#include "harness.h"

#include "shm/stats.h"

#include <errno.h>
#include <string.h>

static struct bh_ticket ticket;
static struct bh_context *kept;

CALLBACK(hello)
{
	answer(context, "hello");
	return (BH_CONTINUE);
}

COMPLETION(completed)
{
	note("done:%u,%u,%d", bh_completed_operation(info),
	    (unsigned)bh_completion_bytes(info), bh_completion_status(info));
	return (BH_CONTINUE);
}

/* --- Rule 9: threads and tickets ---------------------------------------- */

CALLBACK(take_ticket)
{
	note("ticket:%d", bh_context_take_ticket(context, &ticket));
	return (BH_PENDING);
}

TEST(a_thread_posts_with_a_ticket)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = take_ticket,
	    .on_execute_request_handler = hello,
	    .on_async_completion = completed));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	harness_run();
	assert_int_equal(harness_stat(STAT_requests_parked), 1);
	assert_int_equal(harness_post(&ticket, 12, -EIO), 0);
	client_expect(client, OK(5, "hello"));
	assert_string_equal(harness_notes(), "ticket:0 done:4,12,-5");
}

TEST(a_second_post_with_a_ticket_is_stale_and_named)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = take_ticket,
	    .on_execute_request_handler = hello,
	    .on_async_completion = completed));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	harness_run();
	assert_int_equal(harness_post(&ticket, 12, 0), 0);
	assert_int_equal(harness_post(&ticket, 13, 0), -ESTALE);
	assert_int_equal(harness_logged("module: posted with a ticket"), 1);
	client_expect(client, OK(5, "hello"));
	assert_string_equal(harness_notes(), "ticket:0 done:4,12,0");
	/* And so is one after the end. */
	assert_int_equal(harness_post(&ticket, 14, 0), -ESTALE);
	assert_int_equal(harness_logged("module: posted with a ticket"), 2);
	harness_run();
	assert_string_equal(harness_notes(), "");
}

CALLBACK(take_ticket_and_go_on)
{
	note("ticket:%d", bh_context_take_ticket(context, &ticket));
	answer(context, "hello");
	return (BH_CONTINUE);
}

TEST(a_ticket_is_void_when_its_callback_went_on)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = take_ticket_and_go_on,
	    .on_async_completion = completed));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	client_expect(client, OK(5, "hello"));
	assert_int_equal(harness_post(&ticket, 1, 0), -ESTALE);
	harness_run();
	assert_string_equal(harness_notes(), "ticket:0");
}

CALLBACK(take_two_tickets)
{
	struct bh_ticket second;

	note("ticket:%d", bh_context_take_ticket(context, &ticket));
	note("ticket:%d", bh_context_take_ticket(context, &second));
	note("post:%d", bh_context_post_completion(context, 1));
	return (BH_PENDING);
}

TEST(refuses_a_second_ticket)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = take_two_tickets,
	    .on_execute_request_handler = hello,
	    .on_async_completion = completed));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	harness_run();
	assert_int_equal(harness_post(&ticket, 5, 0), 0);
	client_expect(client, OK(5, "hello"));
	assert_string_equal(
	    harness_notes(), "ticket:0 ticket:-16 post:-16 done:4,5,0");
}

static void
post_from_a_thread(void *argument)
{
	note("thread:%d", bh_ticket_post(argument, 3, 0));
}

CALLBACK(post_with_ticket_before_return)
{
	note("ticket:%d", bh_context_take_ticket(context, &ticket));
	note("self:%d", bh_ticket_post(&ticket, 3, 0));
	note("late");
	return (BH_PENDING);
}

TEST(a_ticket_may_be_used_while_its_callback_runs)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = post_with_ticket_before_return,
	    .on_execute_request_handler = hello,
	    .on_async_completion = completed));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	client_expect(client, OK(5, "hello"));
	assert_string_equal(harness_notes(), "ticket:0 self:0 late done:4,3,0");
	harness_in_thread(post_from_a_thread, &ticket);
	assert_string_equal(harness_notes(), "thread:-116");
}

TEST(a_ticket_of_nothing_is_refused)
{
	static const struct bh_ticket nothing, garbage = { { ~0ull, ~0ull } };

	harness_serve(OPS(.on_begin_request = hello));
	assert_int_not_equal(harness_post(&nothing, 1, 0), 0);
	assert_int_not_equal(harness_post(&garbage, 1, 0), 0);
	harness_run();
}

/* --- Who may call ------------------------------------------------------- */

CALLBACK(keep_context)
{
	kept = context;
	answer(context, "hello");
	return (BH_CONTINUE);
}

CALLBACK(use_kept_context)
{
	char byte;

	note("%d %d %d %d %d %p %zu", bh_context_post_completion(kept, 1),
	    bh_context_take_ticket(kept, &ticket),
	    bh_response_set_status(bh_context_response(kept), 200, NULL),
	    bh_request_read_entity_body(
		bh_context_request(kept), &byte, 1, false, NULL, NULL),
	    (int)bh_context_request_id(kept), bh_context_allocate(kept, 1),
	    bh_request_url(bh_context_request(kept)).length);
	answer(context, "hello");
	return (BH_CONTINUE);
}

TEST(refuses_and_names_a_stale_context)
{
	struct client *client;

	harness_add("a", OPS(.on_begin_request = keep_context),
	    BH_PRIORITY_MEDIUM, BH_PRIORITY_MEDIUM);
	harness_start();
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	client_expect(client, OK(5, "hello"));
	harness_worker()->modules.calls[0].callback = use_kept_context;
	client_send(client, GET);
	client_expect(client, OK(5, "hello"));
	assert_string_equal(harness_notes(), "-116 -116 -116 -116 0 (nil) 0");
	assert_int_equal(
	    harness_logged("a: used a context whose request is over"), 7);
	assert_int_equal(harness_module_stat(0, MODULE_STAT_errors), 7);
}

static void
use_from_a_thread(void *argument)
{
	struct bh_context *context = argument;
	bool expected;

	note("%d %d %d", bh_context_post_completion(context, 1),
	    bh_response_flush(
		bh_context_response(context), true, true, NULL, &expected),
	    bh_response_set_status(bh_context_response(context), 200, NULL));
}

CALLBACK(keep_and_take_ticket)
{
	kept = context;
	(void)bh_context_take_ticket(context, &ticket);
	return (BH_PENDING);
}

TEST(refuses_and_names_another_thread)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = keep_and_take_ticket,
	    .on_execute_request_handler = hello,
	    .on_async_completion = completed));
	harness_worker()->modules.list[0].text_start = 0x1000;
	harness_worker()->modules.list[0].text_end = UINTPTR_MAX;
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	harness_run();
	harness_in_thread(use_from_a_thread, kept);
	assert_string_equal(harness_notes(), "-1 -1 -1");
	assert_int_equal(
	    harness_logged("module: used a context from a thread"), 3);
	assert_int_equal(harness_post(&ticket, 1, 0), 0);
	client_expect(client, OK(5, "hello"));
}

CALLBACK(operate_on_another)
{
	char byte;

	if (kept == NULL)
		return (keep_and_take_ticket(self, context, provider));
	note("%d %d %d", bh_context_post_completion(kept, 1),
	    bh_request_read_entity_body(
		bh_context_request(kept), &byte, 1, false, NULL, NULL),
	    bh_response_flush(
		bh_context_response(kept), false, true, NULL, NULL));
	answer(context, "other");
	return (BH_FINISH_REQUEST);
}

TEST(refuses_an_operation_on_another_requests_context)
{
	struct client *client, *other;

	kept = NULL;
	harness_serve(OPS(.on_begin_request = operate_on_another,
	    .on_execute_request_handler = hello,
	    .on_async_completion = completed));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	harness_run();
	other = client_open(CLIENT_UNIX);
	client_send(other, GET);
	client_expect(other, OK(5, "other"));
	assert_string_equal(harness_notes(), "-1 -1 -1");
	assert_int_equal(
	    harness_logged("module: started an operation outside of"), 3);
	assert_int_equal(harness_post(&ticket, 1, 0), 0);
	client_expect(client, OK(5, "hello"));
}

CALLBACK(try_async)
{
	struct bh_data_chunk chunk = { BH_CHUNK_MEMORY, "x", 1 };
	bool later;
	char byte;

	note("%d %d", bh_context_post_completion(context, 1),
	    bh_context_take_ticket(context, &ticket));
	note("%d", bh_request_read_entity_body(bh_context_request(context),
		       &byte, 1, true, NULL, &later));
	note("%d %d",
	    bh_response_write_entity_chunks(bh_context_response(context),
		&chunk, 1, true, true, NULL, &later),
	    bh_response_flush(
		bh_context_response(context), true, true, NULL, NULL));
	answer(context, "sync");
	return (BH_CONTINUE);
}

TEST(refuses_async_without_on_async_completion)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = try_async));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	client_expect(client, OK(4, "sync"));
	assert_string_equal(harness_notes(), "-95 -95 -95 -95 -95");
	assert_int_equal(harness_logged("has no on_async_completion"), 5);
}

static const struct CMUnitTest tests[] = {
	HARNESS_TEST(a_thread_posts_with_a_ticket),
	HARNESS_TEST(a_second_post_with_a_ticket_is_stale_and_named),
	HARNESS_TEST(a_ticket_is_void_when_its_callback_went_on),
	HARNESS_TEST(refuses_a_second_ticket),
	HARNESS_TEST(a_ticket_may_be_used_while_its_callback_runs),
	HARNESS_TEST(a_ticket_of_nothing_is_refused),
	HARNESS_TEST(refuses_and_names_a_stale_context),
	HARNESS_TEST(refuses_and_names_another_thread),
	HARNESS_TEST(refuses_an_operation_on_another_requests_context),
	HARNESS_TEST(refuses_async_without_on_async_completion),
};

HARNESS_MAIN(tests)
