/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A connection's life: pipelining, bodies that nobody reads, buffers, and
 * what its slot says at each stage.
 */
#include "harness.h"

#include "shm/activity.h"
#include "shm/stats.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static char buffer[65536];
static struct bh_ticket ticket;

/* The path, as the body of the answer. */
CALLBACK(echo_path)
{
	struct bh_str path = bh_request_path(bh_context_request(context));
	struct bh_data_chunk chunk = { BH_CHUNK_MEMORY, path.data,
		path.length };

	(void)bh_response_write_entity_chunks(
	    bh_context_response(context), &chunk, 1, false, true, NULL, NULL);
	return (BH_CONTINUE);
}

CALLBACK(hello)
{
	answer(context, "hello");
	return (BH_CONTINUE);
}

/* The whole body, as the answer. */
CALLBACK(echo_body)
{
	struct bh_data_chunk chunk = { BH_CHUNK_MEMORY, buffer, 0 };
	size_t received = 0;
	int error;

	while ((error = bh_request_read_entity_body(bh_context_request(context),
		    buffer + chunk.length, sizeof(buffer) - chunk.length, false,
		    &received, NULL)) == 0)
		chunk.length += received;
	note("body:%d,%zu", error, chunk.length);
	(void)bh_response_write_entity_chunks(
	    bh_context_response(context), &chunk, 1, false, true, NULL, NULL);
	return (BH_CONTINUE);
}

CALLBACK(take_ticket)
{
	note("ticket:%d", bh_context_take_ticket(context, &ticket));
	return (BH_PENDING);
}

COMPLETION(completed)
{
	note("done:%d", bh_completion_status(info));
	answer(context, "hello");
	return (BH_CONTINUE);
}

/* --- Requests, one after the other --------------------------------------- */

TEST(answers_pipelined_requests_in_order)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = echo_path));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET_FROM("/1") GET_FROM("/2") GET_FROM("/3"));
	client_expect(client, OK(2, "/1") OK(2, "/2") OK(2, "/3"));
	assert_int_equal(client_slot_state(client), SLOT_IDLE);
	assert_int_equal(harness_stat(STAT_buffers_used), 0);
	assert_int_equal(
	    harness_stat(STAT_completions + OPERATION_CONN_NEXT), 2);
}

TEST(takes_a_head_byte_by_byte)
{
	static const char head[] = GET_FROM("/bytes");
	struct client *client;
	size_t i;

	harness_serve(OPS(.on_begin_request = echo_path));
	client = client_open(CLIENT_UNIX);
	for (i = 0; i < sizeof(head) - 1; i++) {
		client_send_bytes(client, &head[i], 1);
		harness_run();
		assert_int_equal(client_slot_state(client),
		    i + 2 < sizeof(head) ? SLOT_READING : SLOT_IDLE);
	}
	client_expect(client, OK(6, "/bytes"));
}

/* Heads of 1000 bytes until the buffer's end is in the middle of one. */
TEST(moves_a_head_that_reaches_the_buffers_end)
{
	char head[1001], expected[40000] = "";
	struct client *client;
	char path[8];
	int i;

	harness_serve(OPS(.on_begin_request = echo_path));
	client = client_open(CLIENT_UNIX);
	for (i = 0; i < 40; i++) {
		(void)snprintf(path, sizeof(path), "/%02d", i);
		(void)snprintf(head, sizeof(head),
		    "GET %s HTTP/1.1\r\nHost: a\r\nX: %0*d\r\n\r\n", path,
		    1000 - 38, 0);
		client_send(client, head);
		(void)snprintf(expected + strlen(expected),
		    sizeof(expected) - strlen(expected), OK(3, "%s"), path);
	}
	client_expect(client, expected);
	assert_int_equal(harness_stat(STAT_buffers_used), 0);
	assert_int_equal(client_place(client).buffer, 0);
}

TEST(answers_the_last_request_before_a_half_close)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = echo_path));
	client = client_open(CLIENT_TCP);
	client_send(client, GET_FROM("/1") GET_FROM("/2"));
	client_shut(client);
	client_expect(client, OK(2, "/1") OK(2, "/2"));
	client_wait_end(client);
	assert_true(client->eof);
	client_wait_closed(client);
	assert_int_equal(client->closed, CLOSE_ORDERLY);
}

TEST(refuses_what_is_no_request)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = echo_path));
	client = client_open(CLIENT_UNIX);
	client_send(client, "nonsense\r\n\r\n" GET);
	client_expect(client,
	    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n"
	    "Content-Length: 16\r\nConnection: close\r\n\r\n"
	    "400 Bad Request\n");
	client_wait_end(client);
	assert_string_equal(harness_notes(), "");
	assert_int_equal(harness_stat(STAT_bad_requests), 1);
}

TEST(refuses_a_body_beyond_the_limit)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = echo_path));
	harness_worker()->limits.body_max = 1000;
	client = client_open(CLIENT_UNIX);
	client_send(client, POST(1001));
	client_wait_text(client, 10);
	assert_memory_equal(client_text(client), "HTTP/1.1 413 ", 13);
	client_wait_end(client);
}

/* --- Bodies ------------------------------------------------------------- */

TEST(reads_a_body_to_its_end_and_goes_on)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = echo_body));
	client = client_open(CLIENT_UNIX);
	client_send(client, POST(5) "hel");
	harness_run();
	client_send(client, "lo" POST_CHUNKED "3\r\nabc\r\n");
	client_expect(client, OK(5, "hello"));
	client_send(client, "2;x\r\nde\r\n0\r\nT: x\r\n\r\n" POST(2) "ok");
	client_expect(client, OK(5, "abcde") OK(2, "ok"));
	assert_string_equal(
	    harness_notes(), "body:-4096,5 body:-4096,5 body:-4096,2");
}

/* Chunks of 1000 bytes, far beyond what one buffer holds. */
TEST(reads_a_long_chunked_body_through_one_buffer)
{
	struct client *client;
	char chunk[1100];
	int i;

	harness_serve(OPS(.on_begin_request = echo_body));
	client = client_open(CLIENT_UNIX);
	client_send(client, POST_CHUNKED);
	memset(chunk, 'x', sizeof(chunk));
	memcpy(chunk, "3e8\r\n", 5);
	memcpy(chunk + 1005, "\r\n", 3);
	for (i = 0; i < 60; i++) {
		memset(chunk + 5, 'a' + i % 26, 1000);
		client_send(client, chunk);
		harness_run();
		assert_int_equal(harness_stat(STAT_buffers_used), 1);
	}
	client_send(client, "0\r\n\r\n" GET);
	client_take(client, 60000);
	client_read(client);
	assert_string_equal(harness_notes(), "body:-4096,60000 body:-4096,0");
	assert_int_equal(buffer[59999], 'a' + 59 % 26);
	assert_int_equal(buffer[1000], 'b');
}

/* The head takes so much of its buffer that chunks need another. */
TEST(reads_chunks_behind_a_long_head_into_a_second_buffer)
{
	struct client *client;
	static char head[14001], chunk[2001];

	harness_serve(OPS(.on_begin_request = echo_body));
	client = client_open(CLIENT_UNIX);
	(void)snprintf(head, sizeof(head),
	    "POST / HTTP/1.1\r\nHost: a\r\n"
	    "Transfer-Encoding: chunked\r\nX: %013800d\r\n\r\n",
	    0);
	client_send(client, head);
	harness_run();
	assert_int_equal(harness_stat(STAT_buffers_used), 2);
	assert_int_equal(client_place(client).offset, 0);
	(void)snprintf(chunk, sizeof(chunk), "7c0\r\n%01984d\r\n", 7);
	client_send(client, chunk);
	harness_run();
	client_send(client, "0\r\n\r\n" GET);
	client_take(client, 1984 + 100);
	client_read(client);
	assert_string_equal(harness_notes(), "body:-4096,1984 body:-4096,0");
	assert_int_equal(harness_stat(STAT_buffers_used), 0);
}

TEST(throws_away_a_short_body_that_nobody_read)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = hello));
	client = client_open(CLIENT_UNIX);
	client_send(client, POST(5) "12345" GET POST(40000));
	memset(buffer, 'x', 40000);
	client_expect(client, OK(5, "hello") OK(5, "hello") OK(5, "hello"));
	client_send_bytes(client, buffer, 40000);
	client_send(client, GET);
	client_expect(client, OK(5, "hello"));
}

TEST(throws_away_chunks_that_nobody_read)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = hello));
	client = client_open(CLIENT_TCP);
	client_send(client, POST_CHUNKED "5\r\n12345\r\n0\r\n\r\n" GET);
	client_expect(client, OK(5, "hello") OK(5, "hello"));
	client_send(client, POST_CHUNKED "9");
	client_expect(client, OK(5, "hello"));
	client_send(client, "c40\r\n");
	memset(buffer, 'x', 40000);
	client_send_bytes(client, buffer, 40000);
	client_send(client, "\r\n3;a=b\r\nxy");
	harness_run();
	assert_int_not_equal(client_place(client).unread, 0);
	assert_int_equal(client_slot_state(client), SLOT_READING);
	client_send(client, "z\r\n0\r\nA: b\r\n\r\n" GET);
	client_expect(client, OK(5, "hello"));
	assert_int_equal(client_place(client).unread, 0);
	assert_int_equal(client_slot_state(client), SLOT_IDLE);
}

TEST(closes_after_chunks_that_are_none_or_too_many)
{
	static const char *const bodies[] = { "5\r\n12345xx", "10001\r\nx" };
	struct client *client;
	size_t i;

	harness_serve(OPS(.on_begin_request = hello));
	for (i = 0; i < 2; i++) {
		client = client_open(CLIENT_TCP);
		client_send(client, POST_CHUNKED);
		client_expect(client, OK(5, "hello"));
		client_send(client, bodies[i]);
		client_wait_end(client);
	}
}

TEST(closes_after_a_long_body_that_nobody_read)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = hello));
	client = client_open(CLIENT_TCP);
	client_send(client, POST(70000) "12345");
	client_expect(client, OK_CLOSE(5, "hello"));
	client_wait_end(client);
	assert_true(client->eof);
	/* What comes late doesn't reset. */
	client_send_bytes(client, buffer, sizeof(buffer));
	harness_run();
	assert_int_equal(client_slot_state(client), SLOT_CLOSING);
	client_drop(client);
	client_wait_closed(client);
	assert_int_equal(client->closed, CLOSE_ORDERLY);
}

static uintptr_t lowest, highest;

CALLBACK(note_frame)
{
	uintptr_t frame = (uintptr_t)__builtin_frame_address(0);

	lowest = frame < lowest ? frame : lowest;
	highest = frame > highest ? frame : highest;
	answer(context, "hello");
	return (BH_CONTINUE);
}

/* Unread bodies must not make the loop call itself. */
TEST(many_pipelined_unread_bodies_cost_no_stack)
{
	static char requests[16384];
	struct client *client;
	size_t length = 0;
	unsigned count;

	lowest = UINTPTR_MAX;
	highest = 0;
	harness_serve(OPS(.on_begin_request = note_frame));
	client = client_open(CLIENT_UNIX);
	for (count = 0; length + 46 < sizeof(requests); count++)
		length += (size_t)snprintf(requests + length,
		    sizeof(requests) - length, "%s",
		    "POST / HTTP/1.1\r\nHost:a\r\nContent-Length:1\r\n\r\nx");
	client_send_bytes(client, requests, length);
	client_read(client);
	assert_int_equal(harness_stat(STAT_requests), count);
	assert_in_range(highest - lowest, 0, 2000);
	/* Each waits for its turn, behind other connections'. */
	assert_in_range(harness_stat(STAT_completions + OPERATION_CONN_NEXT),
	    count - 1, count);
}

#define EXPECT(length)                                           \
	"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n" \
	"Content-Length: " #length "\r\n\r\n"
#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"

TEST(says_100_continue_when_the_body_is_read)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = echo_body));
	client = client_open(CLIENT_TCP);
	client_send(client, EXPECT(5));
	client_expect(client, CONTINUE);
	client_send(client, "hello");
	client_wait_text(client, 1);
	client_expect(client, OK(5, "hello"));
	/* One that doesn't wait for it needs none. */
	client_send(client, EXPECT(5) "again");
	client_expect(client, OK(5, "again"));
}

TEST(says_no_100_continue_when_the_body_is_not_read)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = hello));
	client = client_open(CLIENT_UNIX);
	client_send(client, EXPECT(5));
	client_expect(client, OK_CLOSE(5, "hello"));
	client_wait_end(client);
}

CALLBACK(flush_then_read)
{
	answer(context, "hello");
	(void)bh_response_flush(
	    bh_context_response(context), false, true, NULL, NULL);
	return (echo_body(self, context, provider));
}

TEST(says_no_100_continue_inside_a_response)
{
	struct client *client;

	harness_serve(OPS(.on_begin_request = flush_then_read));
	client = client_open(CLIENT_UNIX);
	client_send(client, EXPECT(5));
	client_wait_text(client, 1);
	client_send(client, " you!");
	client_expect(client,
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "5\r\nhello\r\n5\r\n you!\r\n0\r\n\r\n");
}

/* --- Buffers ------------------------------------------------------------ */

TEST(waits_for_a_buffer)
{
	struct client *clients[6];
	int i;

	harness_geometry()->buffers = 2;
	harness_serve(OPS(.on_begin_request = echo_path));
	for (i = 0; i < 6; i++) {
		clients[i] = client_open(CLIENT_UNIX);
		client_send(clients[i], "GET /x HTTP/1.1\r\nHost: a\r\n");
	}
	harness_run();
	assert_int_equal(harness_stat(STAT_buffers_used), 2);
	/* Those that have none still get their turn. */
	for (i = 0; i < 6; i++)
		client_send(clients[i], "\r\n");
	for (i = 0; i < 6; i++)
		client_expect(clients[i], OK(2, "/x"));
	for (i = 0; i < 6; i++)
		client_send(clients[i], GET_FROM("/y"));
	for (i = 5; i >= 0; i--)
		client_expect(clients[i], OK(2, "/y"));
}

TEST(a_starved_connection_may_end)
{
	struct client *first, *second, *third;

	harness_geometry()->buffers = 1;
	harness_serve(OPS(.on_begin_request = echo_path));
	first = client_open(CLIENT_TCP);
	second = client_open(CLIENT_TCP);
	third = client_open(CLIENT_TCP);
	client_send(first, "GET /x HTTP/1.1\r\n");
	client_read(first);
	client_send(second, GET_FROM("/2"));
	client_read(second);
	client_send(third, GET_FROM("/3"));
	client_read(third);
	assert_int_equal(client_slot_state(second), SLOT_IDLE);
	client_abort(second);
	client_send(first, "Host: a\r\n\r\n");
	client_expect(first, OK(2, "/x"));
	client_expect(third, OK(2, "/3"));
	client_wait_closed(second);
}

/* --- The slot ----------------------------------------------------------- */

static void
note_slot(struct bh_context *context, const char *when)
{
	struct conn_slot *slot = &harness_worker()->segment.slots[0];
	struct slot_request place;

	(void)slot_get_request(slot, &place);
	note("%s:%d,%d,%u,%u,%u,%u,%x,%d", when, slot_state(slot),
	    place.request == bh_context_request_id(context),
	    (unsigned)place.consumed, (unsigned)place.written,
	    (unsigned)place.response_end, place.offset,
	    place.flags & 0xffff, /* what stands above is for the log */
	    place.buffer != 0);
}

CALLBACK(note_begin)
{
	note_slot(context, "begin");
	answer(context, "hello");
	return (BH_CONTINUE);
}

CALLBACK(note_flush)
{
	note_slot(context, "begin");
	answer(context, "hello");
	(void)bh_response_flush(
	    bh_context_response(context), false, true, NULL, NULL);
	note_slot(context, "flushed");
	return (BH_CONTINUE);
}

CALLBACK(note_log)
{
	note_slot(context, "log");
	return (BH_CONTINUE);
}

TEST(the_slot_tells_where_each_request_stands)
{
	char expected[200];
	struct client *client;
	unsigned answer_size;

	harness_serve(
	    OPS(.on_begin_request = note_begin, .on_log_request = note_log));
	client = client_open(CLIENT_UNIX);
	assert_int_equal(client_slot_state(client), SLOT_IDLE);
	client_send(client, GET);
	client_read(client);
	answer_size = (unsigned)client->length;
	/* HANDLING, REPLAYABLE; then SENDING, and RESPONDING as well. */
	(void)snprintf(expected, sizeof(expected),
	    "begin:3,1,0,0,0,0,1,1 log:4,1,0,0,%u,0,5,1", answer_size);
	assert_string_equal(harness_notes(), expected);
	assert_int_equal(client_slot_state(client), SLOT_IDLE);
	assert_int_equal(client_place(client).request, 0);
	/* Two more: one with its first byte elsewhere, one not replayable. */
	client_send(client, GET "POST / HTTP/1.1\r\nHost: a\r\n\r\n");
	client_read(client);
	(void)snprintf(expected, sizeof(expected),
	    "begin:3,1,27,0,0,0,1,1 log:4,1,27,%u,%u,0,5,1 "
	    "begin:3,1,54,0,0,27,0,1 log:4,1,54,%u,%u,27,4,1",
	    answer_size, 2 * answer_size, 2 * answer_size, 3 * answer_size);
	assert_string_equal(harness_notes(), expected);
	assert_int_equal(
	    atomic_load(&harness_worker()->segment.slots[0].served), 3);
}

TEST(the_slot_tells_no_end_of_a_response_that_is_not_known)
{
	char expected[200];
	struct client *client;
	unsigned size;

	harness_serve(
	    OPS(.on_begin_request = note_flush, .on_log_request = note_log));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	client_read(client);
	size = (unsigned)client->length;
	(void)snprintf(expected, sizeof(expected),
	    "begin:3,1,0,0,0,0,1,1 flushed:3,1,0,0,0,0,5,1 "
	    "log:4,1,0,0,%u,0,5,1",
	    size);
	assert_string_equal(harness_notes(), expected);
}

CALLBACK(note_whole_flush)
{
	(void)bh_response_set_header(
	    bh_context_response(context), "Content-Length", "5", true);
	answer(context, "hello");
	(void)bh_response_flush(
	    bh_context_response(context), false, true, NULL, NULL);
	return (BH_CONTINUE);
}

TEST(the_slot_tells_the_end_of_a_response_whose_end_takes_no_byte)
{
	char expected[200];
	struct client *client;
	unsigned size;

	harness_serve(OPS(.on_begin_request = note_whole_flush,
	    .on_log_request = note_log));
	client = client_open(CLIENT_UNIX);
	client_send(client, GET);
	client_read(client);
	size = (unsigned)client->length;
	(void)snprintf(
	    expected, sizeof(expected), "log:4,1,0,0,%u,0,5,1", size);
	assert_string_equal(harness_notes(), expected);
}

TEST(the_slot_says_that_body_bytes_have_left)
{
	struct client *client;

	harness_serve(
	    OPS(.on_begin_request = echo_body, .on_log_request = note_log));
	client = client_open(CLIENT_UNIX);
	client_send(client, POST(5));
	harness_run();
	assert_int_equal(client_place(client).flags, SLOT_BODY_OUTSIDE);
	assert_int_equal(client_slot_state(client), SLOT_HANDLING);
	client_send(client, "hello");
	client_expect(client, OK(5, "hello"));
}

/* DESIGN section 5: what the kernel says must agree with what we say. */
static uint64_t
kernel_consumed(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t size = sizeof(info);
	int unread = 0;

	assert_int_equal(
	    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size), 0);
	assert_int_equal(ioctl(fd, SIOCINQ, &unread), 0);
	return ((uint64_t)info.tcpi_bytes_received - (unsigned)unread);
}

static uint64_t
kernel_written(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t size = sizeof(info);
	int unsent = 0;

	assert_int_equal(
	    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size), 0);
	assert_int_equal(ioctl(fd, SIOCOUTQ, &unsent), 0);
	return ((uint64_t)info.tcpi_bytes_acked + (unsigned)unsent);
}

TEST(the_kernels_counts_agree_with_the_slots)
{
	struct client *client;
	struct slot_request place;
	uint64_t sent;

	harness_serve(OPS(.on_begin_request = echo_body,
	    .on_post_begin_request = take_ticket,
	    .on_async_completion = completed));
	client = client_open(CLIENT_TCP);
	client_send(client, EXPECT(5));
	client_expect(client, CONTINUE);
	client_send(client, "helloGET ");
	while (harness_stat(STAT_requests_parked) == 0)
		harness_run();
	place = client_place(client);
	assert_int_equal(place.consumed, 0);
	/* The body, and not one byte of the next request. */
	assert_int_equal(kernel_consumed(client->kept), strlen(EXPECT(5)) + 5);
	assert_int_equal(kernel_written(client->kept), strlen(CONTINUE));
	assert_int_equal(harness_post(&ticket, 0, 0), 0);
	client_wait_text(client, 30);
	sent = strlen(CONTINUE) + client->length;
	assert_int_equal(client_slot_state(client), SLOT_READING);
	place = client_place(client);
	assert_int_equal(place.consumed, strlen(EXPECT(5)) + 5);
	assert_int_equal(kernel_consumed(client->kept), place.consumed + 4);
	assert_int_equal(kernel_written(client->kept), sent);
	client_forget(client);
	client_send(client, "/ HTTP/1.1\r\nHost: a\r\n\r\n");
	while (harness_stat(STAT_requests_parked) == 0)
		harness_run();
	place = client_place(client);
	assert_int_equal(place.consumed, strlen(EXPECT(5)) + 5);
	assert_int_equal(harness_post(&ticket, 0, 0), 0);
	client_wait_text(client, 30);
	assert_int_equal(kernel_written(client->kept), sent + client->length);
}

static const struct CMUnitTest tests[] = {
	HARNESS_TEST(answers_pipelined_requests_in_order),
	HARNESS_TEST(takes_a_head_byte_by_byte),
	HARNESS_TEST(moves_a_head_that_reaches_the_buffers_end),
	HARNESS_TEST(answers_the_last_request_before_a_half_close),
	HARNESS_TEST(refuses_what_is_no_request),
	HARNESS_TEST(refuses_a_body_beyond_the_limit),
	HARNESS_TEST(reads_a_body_to_its_end_and_goes_on),
	HARNESS_TEST(reads_a_long_chunked_body_through_one_buffer),
	HARNESS_TEST(reads_chunks_behind_a_long_head_into_a_second_buffer),
	HARNESS_TEST(throws_away_a_short_body_that_nobody_read),
	HARNESS_TEST(throws_away_chunks_that_nobody_read),
	HARNESS_TEST(closes_after_chunks_that_are_none_or_too_many),
	HARNESS_TEST(closes_after_a_long_body_that_nobody_read),
	HARNESS_TEST(many_pipelined_unread_bodies_cost_no_stack),
	HARNESS_TEST(says_100_continue_when_the_body_is_read),
	HARNESS_TEST(says_no_100_continue_when_the_body_is_not_read),
	HARNESS_TEST(says_no_100_continue_inside_a_response),
	HARNESS_TEST(waits_for_a_buffer),
	HARNESS_TEST(a_starved_connection_may_end),
	HARNESS_TEST(the_slot_tells_where_each_request_stands),
	HARNESS_TEST(the_slot_tells_no_end_of_a_response_that_is_not_known),
	HARNESS_TEST(
	    the_slot_tells_the_end_of_a_response_whose_end_takes_no_byte),
	HARNESS_TEST(the_slot_says_that_body_bytes_have_left),
	HARNESS_TEST(the_kernels_counts_agree_with_the_slots),
};

HARNESS_MAIN(tests)
