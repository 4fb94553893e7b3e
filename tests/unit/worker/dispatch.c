/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The dispatch loop: synchronous calls that wait while it goes on, what
 * happens when stacks or records run out, and what it leaves in the segment.
 */
#include "harness.h"

#include "shm/activity.h"
#include "shm/recorder.h"
#include "shm/stats.h"
#include "worker/request.h"
#include "worker/stack.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* Each request reads into memory of its own. */
CALLBACK(read_all)
{
	struct bh_request *request = bh_context_request(context);
	struct bh_data_chunk chunk = { BH_CHUNK_MEMORY, NULL, 0 };
	char *body = bh_context_allocate(context, 1000);
	size_t received = 0;
	int error;

	while (
	    (error = bh_request_read_entity_body(request, body + chunk.length,
		 1000 - chunk.length, false, &received, NULL)) == 0)
		chunk.length += received;
	chunk.buffer = body;
	if (error != -BH_EOF)
		note("read:%d", error);
	(void)bh_response_write_entity_chunks(
	    bh_context_response(context), &chunk, 1, false, true, NULL, NULL);
	return (BH_CONTINUE);
}

CALLBACK(hello)
{
	answer(context, "hello");
	return (BH_CONTINUE);
}

static struct bh_ticket tickets[256];
static unsigned ticket_count;

CALLBACK(take_ticket)
{
	int error = bh_context_take_ticket(context, &tickets[ticket_count]);

	if (error != 0) {
		note("ticket:%d", error);
		answer(context, "busy");
		return (BH_CONTINUE);
	}
	ticket_count++;
	return (BH_PENDING);
}

COMPLETION(completed)
{
	answer(context, "hello");
	return (BH_CONTINUE);
}

/* --- Waiting ------------------------------------------------------------ */

TEST(serves_others_while_a_read_trickles)
{
	struct client *slow, *other;
	int i;

	harness_serve(OPS(.on_begin_request = read_all));
	slow = client_open(CLIENT_UNIX);
	other = client_open(CLIENT_UNIX);
	client_send(slow, POST(10));
	for (i = 0; i < 10; i++) {
		harness_run();
		assert_int_equal(harness_stat(STAT_stacks_parked), 1);
		client_send(other, POST(2) "ok");
		client_expect(other, OK(2, "ok"));
		client_send(slow, "x");
	}
	client_expect(slow, OK(10, "xxxxxxxxxx"));
	assert_int_equal(harness_stat(STAT_stacks_parked), 0);
}

TEST(waits_inside_waits_in_any_order)
{
	struct client *clients[50];
	char text[8], expected[80];
	int i;

	harness_serve(OPS(.on_begin_request = read_all));
	for (i = 0; i < 50; i++) {
		clients[i] = client_open(CLIENT_UNIX);
		client_send(clients[i], POST(4));
	}
	harness_run();
	assert_int_equal(harness_stat(STAT_stacks_parked), 50);
	for (i = 0; i < 50; i++)
		client_send(clients[i * 7 % 50], "ab");
	harness_run();
	assert_int_equal(harness_stat(STAT_stacks_parked), 50);
	for (i = 0; i < 50; i++) {
		(void)snprintf(text, sizeof(text), "%02d", i);
		client_send(clients[i], text);
	}
	for (i = 49; i >= 0; i--) {
		(void)snprintf(expected, sizeof(expected),
		    "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab%02d", i);
		client_expect(clients[i], expected);
	}
	assert_int_equal(harness_stat(STAT_stacks_parked), 0);
}

CALLBACK(note_activity)
{
	struct worker *worker = harness_worker();
	uint64_t word, id = bh_context_request_id(context), request;
	uint32_t module, step;

	(void)read_all(self, context, provider);
	word = atomic_load(&worker->activity->word);
	if (activity_unpack(word, &module, &step, &request))
		note("%u,%u,%d", module, step, request == id);
	note("%d", worker->running.request != NULL &&
		       worker->running.request->id == id);
	return (BH_CONTINUE);
}

TEST(the_activity_word_follows_the_stack)
{
	struct client *first, *second;

	harness_serve(OPS(.on_post_authorize_request = note_activity));
	first = client_open(CLIENT_UNIX);
	second = client_open(CLIENT_UNIX);
	client_send(first, POST(1));
	client_send(second, POST(1));
	harness_run();
	assert_int_equal(atomic_load(&harness_worker()->activity->word), 0);
	assert_null(harness_worker()->running.request);
	client_send(first, "1");
	client_expect(first, OK(1, "1"));
	client_send(second, "2");
	client_expect(second, OK(1, "2"));
	assert_string_equal(harness_notes(), "0,5,1 1 0,5,1 1");
	assert_int_equal(atomic_load(&harness_worker()->activity->word), 0);
}

CALLBACK(wait_in_both)
{
	note("begin");
	return (read_all(self, context, provider));
}

COMPLETION(wait_in_completion)
{
	note("completion");
	return (read_all(NULL, context, provider));
}

CALLBACK(post)
{
	(void)bh_context_post_completion(context, 0);
	return (BH_PENDING);
}

TEST(a_completion_may_wait_too)
{
	struct client *client;

	harness_serve(
	    OPS(.on_begin_request = post, .on_post_begin_request = wait_in_both,
		.on_async_completion = wait_in_completion));
	client = client_open(CLIENT_UNIX);
	client_send(client, POST(3));
	harness_run();
	assert_int_equal(harness_stat(STAT_stacks_parked), 1);
	client_send(client, "abc");
	client_expect(client, OK(3, "abc"));
	assert_string_equal(harness_notes(), "completion begin");
}

/* --- Nothing left ------------------------------------------------------- */

TEST(answers_eagain_when_stacks_run_out)
{
	struct client *clients[STACK_MAX];
	int i;

	harness_geometry()->buffers = STACK_MAX + 8;
	harness_serve(OPS(.on_begin_request = read_all));
	for (i = 0; i < STACK_MAX; i++) {
		clients[i] = client_open(CLIENT_UNIX);
		client_send(clients[i], POST(1));
		harness_run();
	}
	assert_int_equal(harness_stat(STAT_stacks_parked), STACK_MAX - 1);
	assert_string_equal(harness_notes(), "read:-11");
	client_expect(clients[STACK_MAX - 1], OK(0, ""));
	for (i = 0; i < STACK_MAX - 1; i++)
		client_send(clients[i], "x");
	for (i = 0; i < STACK_MAX - 1; i++)
		client_expect(clients[i], OK(1, "x"));
	/* And the one that had none gets one now. */
	client_send(clients[STACK_MAX - 1], "y" POST(1));
	harness_run();
	client_send(clients[STACK_MAX - 1], "z");
	client_expect(clients[STACK_MAX - 1], OK(1, "z"));
}

CALLBACK(read_then_take_ticket)
{
	(void)read_all(self, context, provider);
	if (harness_stat(STAT_stacks_parked) < STACK_MAX - 1)
		return (BH_CONTINUE);
	(void)bh_response_clear(bh_context_response(context));
	return (take_ticket(self, context, provider));
}

/* A read that found no stack must leave no time limit behind. */
TEST(a_read_without_a_stack_leaves_no_deadline)
{
	struct client *clients[STACK_MAX];
	struct conn *conn;
	int i;

	ticket_count = 0;
	harness_geometry()->buffers = STACK_MAX + 8;
	harness_serve(OPS(.on_begin_request = read_then_take_ticket,
	    .on_async_completion = completed));
	for (i = 0; i < STACK_MAX; i++) {
		clients[i] = client_open(CLIENT_UNIX);
		client_send(clients[i], POST(1));
		harness_run();
	}
	assert_string_equal(harness_notes(), "read:-11");
	conn = client_conn(clients[STACK_MAX - 1]);
	/* The ticket's own, much later than a body's. */
	assert_true(conn->deadline_ns >
		    worker_self->now_ns + 2 * worker_self->limits.body_ns);
	assert_int_equal(harness_post(&tickets[0], 0, 0), 0);
}

static void
few_records(void)
{
	harness_geometry()->records = SEGMENT_RECORDS_MIN;
	ticket_count = 0;
}

enum {
	NORMAL = SEGMENT_RECORDS_MIN - RING_CONTROL_RESERVE
};

TEST(refuses_operations_when_records_run_out)
{
	struct client *clients[NORMAL + 2];
	int i;

	few_records();
	harness_serve(OPS(.on_begin_request = take_ticket,
	    .on_async_completion = completed));
	for (i = 0; i < NORMAL + 2; i++)
		clients[i] = client_open(CLIENT_UNIX);
	for (i = 0; i < NORMAL - 1; i++)
		client_send(clients[i], GET);
	harness_run();
	assert_int_equal(ticket_count, NORMAL - 1);
	/* The receive that brings the request has the last one. */
	client_send(clients[NORMAL - 1], GET);
	client_expect(clients[NORMAL - 1], OK(4, "busy"));
	assert_string_equal(harness_notes(), "ticket:-11");
	for (i = 0; i < NORMAL - 1; i++)
		assert_int_equal(harness_post(&tickets[i], 0, 0), 0);
	for (i = 0; i < NORMAL - 1; i++)
		client_expect(clients[i], OK(5, "hello"));
}

/* Hold all normal records as operations of nobody. */
static unsigned
hold_records(ring_ref *refs, unsigned leave)
{
	struct ring_consumer *consumer = &harness_worker()->consumer;
	unsigned count = 0;

	while (consumer->free_count > RING_CONTROL_RESERVE + leave &&
	       ring_reserve(consumer, CREDIT_NORMAL, OPERATION_POST, 0, 0,
		   &refs[count]) == 0)
		count++;
	return (count);
}

static void
give_records_back(const ring_ref *refs, unsigned count)
{
	while (count > 0)
		assert_true(
		    ring_cancel(&harness_worker()->consumer, refs[--count]));
}

TEST(waits_with_bytes_while_records_are_out)
{
	ring_ref refs[SEGMENT_RECORDS_MIN];
	struct client *client;
	unsigned count;

	few_records();
	harness_serve(OPS(.on_begin_request = hello));
	client = client_open(CLIENT_UNIX);
	count = hold_records(refs, 0);
	client_send(client, GET);
	(void)harness_settles(100);
	assert_int_equal(harness_stat(STAT_requests), 0);
	give_records_back(refs, count);
	client_expect(client, OK(5, "hello"));
}

TEST(sleeps_while_records_are_out)
{
	ring_ref refs[SEGMENT_RECORDS_MIN];
	struct client *client, *other;
	unsigned count;
	bool settled;

	few_records();
	harness_serve(OPS(.on_begin_request = hello));
	client = client_open(CLIENT_UNIX);
	other = client_new(CLIENT_UNIX);
	count = hold_records(refs, 0);
	client_send(client, GET);
	client_hand_over(other);
	settled = harness_settles(1000);
	give_records_back(refs, count);
	assert_true(settled);
	client_expect(client, OK(5, "hello"));
}

/* A callback that is refused for want of a record has started nothing. */
CALLBACK(write_without_record)
{
	struct ring_consumer *consumer = &harness_worker()->consumer;
	struct bh_data_chunk chunk = { BH_CHUNK_MEMORY, "once", 4 };
	ring_ref refs[SEGMENT_RECORDS_MIN];
	unsigned count = hold_records(refs, 0);
	int error;

	error = bh_response_write_entity_chunks(
	    bh_context_response(context), &chunk, 1, true, true, NULL, NULL);
	note("write:%d", error);
	while (count > 0)
		(void)ring_cancel(consumer, refs[--count]);
	error = bh_response_write_entity_chunks(
	    bh_context_response(context), &chunk, 1, false, true, NULL, NULL);
	note("write:%d", error);
	return (BH_CONTINUE);
}

TEST(a_write_refused_for_want_of_a_record_wrote_nothing)
{
	struct client *client;

	few_records();
	harness_serve(OPS(.on_begin_request = write_without_record,
	    .on_async_completion = completed));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	client_wait_text(client, 30);
	assert_string_equal(harness_notes(), "write:-11 write:0");
	client_expect(client, OK(4, "once"));
}

/* --- A pipelined request's turn that found no record --------------------- */

static ring_ref all_refs[SEGMENT_RECORDS_MIN];
static unsigned all_count;

static void
hold_all_records(void)
{
	struct ring_consumer *consumer = &harness_worker()->consumer;

	for (all_count = 0; consumer->free_count > 0; all_count++)
		(void)ring_reserve(consumer, CREDIT_CONTROL, OPERATION_POST, 0,
		    0, &all_refs[all_count]);
}

CALLBACK(hello_and_hold_all)
{
	if (all_count == 0)
		hold_all_records();
	return (hello(self, context, provider));
}

TEST(a_pipelined_request_without_a_record_comes_with_the_sweep)
{
	struct client *client;

	few_records();
	all_count = 0;
	harness_serve(OPS(.on_end_request = hello_and_hold_all,
	    .on_begin_request = hello));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET GET);
	(void)harness_settles(10);
	give_records_back(all_refs, all_count);
	harness_advance(0);
	client_expect(client, OK(5, "hello") OK(5, "hello"));
}

TEST(a_pipelined_request_survives_two_sweeps_without_a_record)
{
	struct client *client;
	int i;

	few_records();
	all_count = 0;
	harness_serve(OPS(.on_end_request = hello_and_hold_all,
	    .on_begin_request = hello));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET GET);
	(void)harness_settles(10);
	/* The receive's own record came back: nothing may be left at all. */
	give_records_back(all_refs, all_count);
	hold_all_records();
	for (i = 0; i < 4; i++) {
		harness_tick(260);
		(void)harness_settles(10);
	}
	give_records_back(all_refs, all_count);
	harness_advance(0);
	client_expect(client, OK(5, "hello") OK(5, "hello"));
}

/* --- Threads ------------------------------------------------------------ */

enum {
	THREADS = 4,
	EACH = 60
};

static void *
post_many(void *argument)
{
	unsigned first = (unsigned)(uintptr_t)argument * EACH, i;

	for (i = first; i < first + EACH; i++)
		if (bh_ticket_post(&tickets[i], i, 0) != 0)
			note("stale");
	return (NULL);
}

TEST(completions_of_many_threads_all_arrive)
{
	struct client *clients[THREADS * EACH];
	pthread_t threads[THREADS];
	unsigned i;

	ticket_count = 0;
	harness_geometry()->buffers = THREADS * EACH;
	harness_serve(OPS(.on_begin_request = take_ticket,
	    .on_async_completion = completed));
	for (i = 0; i < THREADS * EACH; i++) {
		clients[i] = client_open(CLIENT_UNIX);
		client_send(clients[i], GET);
	}
	harness_run();
	assert_int_equal(harness_stat(STAT_requests_parked), THREADS * EACH);
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, post_many,
				     (void *)(uintptr_t)i),
		    0);
	for (i = 0; i < 20; i++)
		harness_run(); /* meanwhile */
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	for (i = 0; i < THREADS * EACH; i++)
		client_expect(clients[i], OK(5, "hello"));
	assert_string_equal(harness_notes(), "");
}

/* --- What it leaves behind ---------------------------------------------- */

TEST(the_flight_recorder_has_what_was_dispatched)
{
	const struct segment *segment;
	uint16_t ops[4];
	struct client *client;
	uint64_t next, i;

	harness_serve(
	    OPS(.on_begin_request = post, .on_async_completion = completed));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	client_expect(client, OK(5, "hello"));
	segment = &harness_worker()->segment;
	next = atomic_load(&segment->consumer->recorder_next);
	assert_int_equal(next, 3);
	for (i = 0; i < next; i++)
		ops[i] = segment->recorder[i].op;
	assert_int_equal(ops[0], OPERATION_CONN_ARRIVED);
	assert_int_equal(ops[1], OPERATION_CONN_RECEIVED);
	assert_int_equal(ops[2], OPERATION_POST);
	assert_int_equal(segment->recorder[2].conn,
	    conn_id_make(client->slot, client->generation));
}

TEST(publishes_load_turns_and_state)
{
	struct segment_consumer *consumer;
	struct client *client;

	ticket_count = 0;
	harness_serve(OPS(.on_begin_request = take_ticket,
	    .on_async_completion = completed));
	consumer = harness_worker()->segment.consumer;
	client = client_open(CLIENT_UNIX);
	assert_int_equal(atomic_load(&consumer->load), 0);
	client_send(client, GET);
	harness_run();
	assert_int_equal(atomic_load(&consumer->load), 1);
	assert_true(atomic_load(&consumer->turn) > 0);
	assert_int_equal(harness_post(&tickets[0], 0, 0), 0);
	client_expect(client, OK(5, "hello"));
	assert_int_equal(atomic_load(&consumer->load), 0);
	harness_drain();
	harness_run();
	assert_int_equal(atomic_load(&consumer->state), SEGMENT_DRAINING);
}

static const struct CMUnitTest tests[] = {
	HARNESS_TEST(serves_others_while_a_read_trickles),
	HARNESS_TEST(waits_inside_waits_in_any_order),
	HARNESS_TEST(the_activity_word_follows_the_stack),
	HARNESS_TEST(a_completion_may_wait_too),
	HARNESS_TEST(answers_eagain_when_stacks_run_out),
	HARNESS_TEST(a_read_without_a_stack_leaves_no_deadline),
	HARNESS_TEST(refuses_operations_when_records_run_out),
	HARNESS_TEST(waits_with_bytes_while_records_are_out),
	HARNESS_TEST(sleeps_while_records_are_out),
	HARNESS_TEST(a_write_refused_for_want_of_a_record_wrote_nothing),
	HARNESS_TEST(a_pipelined_request_without_a_record_comes_with_the_sweep),
	HARNESS_TEST(a_pipelined_request_survives_two_sweeps_without_a_record),
	HARNESS_TEST(completions_of_many_threads_all_arrive),
	HARNESS_TEST(the_flight_recorder_has_what_was_dispatched),
	HARNESS_TEST(publishes_load_turns_and_state),
};

HARNESS_MAIN(tests)
