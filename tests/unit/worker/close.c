/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How connections end: the peer, time limits, and the end of the worker.
 */
#include "harness.h"

#include "shm/stats.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

static char buffer[65536];
static struct bh_ticket ticket;

CALLBACK(hello)
{
	answer(context, "hello");
	return (BH_CONTINUE);
}

CALLBACK(read_sync)
{
	size_t received = 0;
	int error;

	error = bh_request_read_entity_body(bh_context_request(context), buffer,
	    sizeof(buffer), false, &received, NULL);
	note("read:%d,%zu", error, received);
	answer(context, "hello");
	return (BH_CONTINUE);
}

CALLBACK(read_async)
{
	bool later;

	note("read:%d", bh_request_read_entity_body(bh_context_request(context),
			    buffer, sizeof(buffer), true, NULL, &later));
	return (BH_PENDING);
}

CALLBACK(take_ticket)
{
	(void)bh_context_take_ticket(context, &ticket);
	return (BH_PENDING);
}

COMPLETION(completed)
{
	note("done:%d,%u", bh_completion_status(info),
	    (unsigned)bh_completion_bytes(info));
	answer(context, "hello");
	return (BH_CONTINUE);
}

COMPLETION(flush_after_completion)
{
	answer(context, "hello");
	note("flush:%d", bh_response_flush(bh_context_response(context), false,
			     true, NULL, NULL));
	return (BH_CONTINUE);
}

CALLBACK(see_log)
{
	note("log");
	return (BH_CONTINUE);
}

static uint8_t much[4 << 20];

CALLBACK(send_much)
{
	struct bh_data_chunk chunk = { BH_CHUNK_MEMORY, much, sizeof(much) };

	note("write:%d",
	    bh_response_write_entity_chunks(bh_context_response(context),
		&chunk, 1, false, true, NULL, NULL));
	return (BH_CONTINUE);
}

CALLBACK(send_much_sync)
{
	(void)bh_response_disable_buffering(bh_context_response(context));
	return (send_much(self, context, provider));
}

/* --- The peer ----------------------------------------------------------- */

TEST(an_idle_connections_fin_ends_it)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = hello));
	client = client_open(CLIENT_TCP);
	client_shut(client);
	client_wait_end(client);
	assert_true(client->eof);
	client_wait_closed(client);
	assert_int_equal(client->closed, CLOSE_ORDERLY);
	assert_int_equal(client_slot_state(client), SLOT_FREE);
	assert_int_equal(harness_stat(STAT_connections_open), 0);
}

TEST(a_fin_inside_a_head_ends_it)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = hello));
	client = client_open(CLIENT_TCP);
	client_send(client, "GET / HTTP/1.1\r\nHo");
	harness_run();
	client_shut(client);
	client_wait_end(client);
	assert_int_equal(client->length, 0);
	client_wait_closed(client);
	assert_int_equal(client->closed, CLOSE_ORDERLY);
}

TEST(a_fin_inside_a_body_is_told)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = read_async,
	    .on_async_completion = completed));
	client = client_open(CLIENT_TCP);
	client_send(client, POST(10));
	harness_run();
	client_shut(client);
	client_expect(client, OK_CLOSE(5, "hello"));
	client_wait_end(client);
	/* ECONNRESET */
	assert_string_equal(harness_notes(), "read:0 done:-104,0");
}

TEST(a_fin_inside_a_chunk_is_told)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = read_async,
	    .on_async_completion = completed));
	client = client_open(CLIENT_TCP);
	client_send(client, POST_CHUNKED "5");
	client_shut(client);
	client_expect(client, OK_CLOSE(5, "hello"));
	assert_string_equal(harness_notes(), "read:0 done:-104,0");
}

TEST(a_reset_while_parked_is_found_by_the_next_operation)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = take_ticket,
	    .on_async_completion = flush_after_completion,
	    .on_log_request = see_log));
	client = client_open(CLIENT_TCP);
	client_send(client, GET);
	while (harness_stat(STAT_requests_parked) == 0)
		harness_run();
	client_abort(client);
	while (harness_stat(STAT_completions + OPERATION_CONN_BROKEN) == 0)
		harness_run();
	assert_int_equal(client->closed, 0);
	assert_int_equal(harness_post(&ticket, 0, 0), 0);
	client_wait_closed(client);
	assert_int_equal(client->closed, CLOSE_RESET);
	assert_string_equal(
	    harness_notes(), "answer:Connection reset by peer flush:-104 log");
	assert_int_equal(harness_stat(STAT_responses_2xx), 0);
}

TEST(a_reset_while_reading_is_told)
{
	struct client *client;

	harness_serve(
	    OPS(.on_begin_request = read_sync, .on_log_request = see_log));
	client = client_open(CLIENT_TCP);
	client_send(client, POST(10));
	while (harness_stat(STAT_stacks_parked) == 0)
		harness_run();
	client_abort(client);
	client_wait_closed(client);
	assert_string_equal(harness_notes(), "read:-104,0 log");
}

TEST(a_reset_while_sending_is_told)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = send_much_sync));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	harness_run();
	assert_int_equal(harness_stat(STAT_stacks_parked), 1);
	client_drop(client);
	harness_run();
	assert_string_equal(harness_notes(), "write:-104");
	assert_int_equal(client->closed, CLOSE_RESET);
}

TEST(a_reset_while_the_response_goes_out_ends_it)
{
	struct client *client;

	harness_serve(
	    OPS(.on_begin_request = send_much, .on_log_request = see_log));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	harness_run();
	assert_int_equal(client_slot_state(client), SLOT_SENDING);
	assert_string_equal(harness_notes(), "write:0");
	client_drop(client);
	harness_run();
	assert_string_equal(harness_notes(), "log");
	assert_int_equal(client->closed, CLOSE_RESET);
}

/* --- Time limits -------------------------------------------------------- */

TEST(an_idle_connection_ends_after_75_s)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = hello));
	client = client_open(CLIENT_UNIX);
	harness_advance(72 * SECOND_MS);
	client_send(client, GET);
	client_expect(client, OK(5, "hello"));
	harness_advance(72 * SECOND_MS);
	assert_int_equal(client_slot_state(client), SLOT_IDLE);
	harness_advance(3 * SECOND_MS);
	client_wait_end(client);
	assert_true(client->eof);
	assert_int_equal(client->length, 0);
	assert_int_equal(harness_stat(STAT_timeouts), 1);
	/* Its FIN is awaited, within another limit. */
	assert_int_equal(client_slot_state(client), SLOT_CLOSING);
	harness_advance(4 * SECOND_MS);
	assert_int_equal(client->closed, CLOSE_ORDERLY);
}

#define TIMED_OUT                                                      \
	"HTTP/1.1 408 Request Timeout\r\nContent-Type: text/plain\r\n" \
	"Content-Length: 20\r\nConnection: close\r\n\r\n"

TEST(a_head_that_takes_30_s_is_answered_408)
{
	struct client *client;
	int i;

	harness_serve(OPS(.on_begin_request = hello));
	client = client_open(CLIENT_UNIX);
	harness_advance(20 * SECOND_MS);
	client_send(client, "GET / HTTP/1.1\r\nHost: ");
	/* A byte now and then doesn't help. */
	for (i = 0; i < 4; i++) {
		harness_advance(5 * SECOND_MS);
		client_send(client, "x");
		harness_run();
		assert_int_equal(client_slot_state(client), SLOT_READING);
	}
	harness_advance(10 * SECOND_MS);
	client_expect(client, TIMED_OUT "408 Request Timeout\n");
	client_wait_end(client);
	assert_true(client->eof);
}

TEST(a_408_has_its_body_whatever_request_came_before)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = hello));
	client = client_open(CLIENT_UNIX);
	client_send(client, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
	client_expect(client, OK(5, ""));
	client_send(client, "GET");
	harness_advance(31 * SECOND_MS);
	client_expect(client, TIMED_OUT "408 Request Timeout\n");
}

TEST(a_body_that_stops_for_60_s_is_told)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = read_async,
	    .on_async_completion = completed, .on_log_request = see_log));
	client = client_open(CLIENT_UNIX);
	client_send(client, POST(10));
	harness_advance(58 * SECOND_MS);
	assert_string_equal(harness_notes(), "read:0");
	harness_advance(2 * SECOND_MS);
	/* ETIMEDOUT */
	assert_string_equal(
	    harness_notes(), "done:-110,0 answer:Connection reset by peer log");
	assert_int_equal(client->closed, CLOSE_RESET);
}

TEST(a_body_that_stops_for_60_s_ends_a_synchronous_read)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = read_sync));
	client = client_open(CLIENT_UNIX);
	client_send(client, POST(10));
	harness_advance(61 * SECOND_MS);
	assert_string_equal(
	    harness_notes(), "read:-110,0 answer:Connection reset by peer");
	assert_int_equal(client->closed, CLOSE_RESET);
}

TEST(a_client_that_reads_nothing_for_60_s_is_reset)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = send_much));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	harness_advance(58 * SECOND_MS);
	assert_int_equal(client->closed, 0);
	/* A few bytes are progress. */
	assert_int_equal(recv(client->fd, much, 400000, 0) > 0, 1);
	harness_advance(58 * SECOND_MS);
	assert_int_equal(client->closed, 0);
	harness_advance(3 * SECOND_MS);
	assert_int_equal(client->closed, CLOSE_RESET);
}

TEST(a_parked_request_waits_for_its_ticket)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = take_ticket,
	    .on_async_completion = completed));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	harness_advance(298 * SECOND_MS);
	assert_int_equal(harness_post(&ticket, 0, 0), 0);
	client_expect(client, OK(5, "hello"));
	/* The limit was the ticket's, not the connection's. */
	client_send(client, GET);
	harness_advance(298 * SECOND_MS);
	assert_int_equal(harness_post(&ticket, 0, 0), 0);
	client_expect(client, OK(5, "hello"));
}

TEST(a_ticket_that_never_comes_ends_its_request_by_name)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = take_ticket,
	    .on_async_completion = completed));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	harness_advance(302 * SECOND_MS);
	client_expect(client, SERVER_ERROR);
	assert_int_equal(
	    harness_logged("module: left the request pending for 300 s"), 1);
	assert_int_equal(harness_post(&ticket, 0, 0), -ESTALE);
}

TEST(a_body_to_be_thrown_away_has_60_s)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = hello));
	client = client_open(CLIENT_UNIX);
	client_send(client, POST(10));
	client_expect(client, OK(5, "hello"));
	harness_advance(58 * SECOND_MS);
	assert_int_equal(client_slot_state(client), SLOT_READING);
	harness_advance(2 * SECOND_MS);
	client_wait_end(client);
	assert_true(client->eof);
}

TEST(each_of_many_connections_has_its_limit)
{
	struct client *clients[200];
	int i;

	harness_serve(OPS(.on_begin_request = hello));
	for (i = 0; i < 200; i++)
		clients[i] = client_open(CLIENT_UNIX);
	harness_advance(75 * SECOND_MS);
	for (i = 0; i < 200; i++)
		client_wait_end(clients[i]);
	harness_advance(4 * SECOND_MS);
	assert_int_equal(harness_stat(STAT_connections_open), 0);
}

/* --- Lingering ---------------------------------------------------------- */

TEST(the_end_waits_for_the_peers_fin)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = hello));
	client = client_open(CLIENT_TCP);
	client_send(client, "GET / HTTP/1.0\r\n\r\n");
	client_expect(client, OK_CLOSE(5, "hello"));
	client_wait_end(client);
	assert_int_equal(client->closed, 0);
	client_send_bytes(client, buffer, sizeof(buffer));
	harness_run();
	assert_int_equal(client->closed, 0);
	client_drop(client);
	client_wait_closed(client);
	assert_int_equal(client->closed, CLOSE_ORDERLY);
}

TEST(a_peer_that_goes_on_sending_is_left_after_3_s)
{
	struct client *client;
	int i;

	harness_serve(OPS(.on_begin_request = hello));
	client = client_open(CLIENT_UNIX);
	client_send(client, "GET / HTTP/1.0\r\n\r\n");
	client_expect(client, OK_CLOSE(5, "hello"));
	for (i = 0; i < 3 && client->closed == 0; i++) {
		client_send(client, "more");
		harness_advance(SECOND_MS);
	}
	assert_int_equal(client->closed, CLOSE_ORDERLY);
}

/* --- Drain -------------------------------------------------------------- */

TEST(drain_closes_what_is_idle_and_finishes_what_is_not)
{
	struct client *idle, *busy, *reading;

	harness_serve(OPS(.on_begin_request = take_ticket,
	    .on_async_completion = completed));
	idle = client_open(CLIENT_UNIX);
	reading = client_open(CLIENT_UNIX);
	busy = client_open(CLIENT_UNIX);
	client_send(busy, GET GET);
	client_send(reading, "GET / HTTP/1.1\r\n");
	harness_run();
	harness_drain();
	client_wait_end(idle);
	assert_true(idle->eof);
	client_drop(idle);
	client_wait_closed(idle);
	assert_int_equal(busy->closed, 0);
	assert_int_equal(harness_post(&ticket, 0, 0), 0);
	client_expect(busy, OK_CLOSE(5, "hello"));
	client_wait_end(busy);
	client_drop(busy);
	client_send(reading, "Host: a\r\n\r\n");
	harness_run();
	assert_int_equal(harness_post(&ticket, 0, 0), 0);
	client_expect(reading, OK_CLOSE(5, "hello"));
	assert_false(harness_finished());
	client_drop(reading);
	client_wait_closed(reading);
	assert_true(harness_finished());
}

TEST(drain_with_nothing_ends_at_once)
{
	harness_serve(OPS(.on_begin_request = hello));
	harness_drain();
	harness_run();
	assert_true(harness_finished());
}

TEST(the_masters_end_is_a_drain)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = take_ticket,
	    .on_async_completion = completed));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	harness_run();
	harness_master_ends();
	harness_run();
	assert_int_equal(harness_logged("worker: the master is gone"), 1);
	assert_int_equal(harness_post(&ticket, 0, 0), 0);
	client_expect(client, OK_CLOSE(5, "hello"));
	client_drop(client);
	harness_run();
	assert_true(harness_finished());
}

TEST(drain_finishes_a_body_that_is_thrown_away)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = hello));
	client = client_open(CLIENT_UNIX);
	client_send(client, POST(10));
	client_expect(client, OK(5, "hello"));
	harness_drain();
	harness_run();
	assert_false(harness_finished());
	client_send(client, "0123456789");
	client_wait_end(client);
	client_drop(client);
	harness_run();
	assert_true(harness_finished());
}

static const struct CMUnitTest tests[] = {
	HARNESS_TEST(an_idle_connections_fin_ends_it),
	HARNESS_TEST(a_fin_inside_a_head_ends_it),
	HARNESS_TEST(a_fin_inside_a_body_is_told),
	HARNESS_TEST(a_fin_inside_a_chunk_is_told),
	HARNESS_TEST(a_reset_while_parked_is_found_by_the_next_operation),
	HARNESS_TEST(a_reset_while_reading_is_told),
	HARNESS_TEST(a_reset_while_sending_is_told),
	HARNESS_TEST(a_reset_while_the_response_goes_out_ends_it),
	HARNESS_TEST(an_idle_connection_ends_after_75_s),
	HARNESS_TEST(a_head_that_takes_30_s_is_answered_408),
	HARNESS_TEST(a_408_has_its_body_whatever_request_came_before),
	HARNESS_TEST(a_body_that_stops_for_60_s_is_told),
	HARNESS_TEST(a_body_that_stops_for_60_s_ends_a_synchronous_read),
	HARNESS_TEST(a_client_that_reads_nothing_for_60_s_is_reset),
	HARNESS_TEST(a_parked_request_waits_for_its_ticket),
	HARNESS_TEST(a_ticket_that_never_comes_ends_its_request_by_name),
	HARNESS_TEST(a_body_to_be_thrown_away_has_60_s),
	HARNESS_TEST(each_of_many_connections_has_its_limit),
	HARNESS_TEST(the_end_waits_for_the_peers_fin),
	HARNESS_TEST(a_peer_that_goes_on_sending_is_left_after_3_s),
	HARNESS_TEST(drain_closes_what_is_idle_and_finishes_what_is_not),
	HARNESS_TEST(drain_with_nothing_ends_at_once),
	HARNESS_TEST(the_masters_end_is_a_drain),
	HARNESS_TEST(drain_finishes_a_body_that_is_thrown_away),
};

HARNESS_MAIN(tests)
