/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Responses on the wire: heads, framing, limits, and the connection's end
 * after them. Long ones are in response_long.c.
 */
#include "harness.h"

#include "shm/stats.h"
#include "worker/response.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What the handler of this test's requests does. */
static void (*handler)(struct bh_context *context);

CALLBACK(handle)
{
	handler(context);
	return (BH_CONTINUE);
}

static struct client *
serve(void (*function)(struct bh_context *))
{
	handler = function;
	harness_serve(OPS(.on_begin_request = handle));
	return (client_open(CLIENT_UNIX));
}

static int
flush(struct bh_context *context, bool more)
{
	return (bh_response_flush(
	    bh_context_response(context), false, more, NULL, NULL));
}

static int
header(struct bh_context *context, const char *name, const char *value)
{
	return (bh_response_set_header(
	    bh_context_response(context), name, value, true));
}

static void
say_hello(struct bh_context *context)
{
	answer(context, "hello");
}

static void
stream_hello(struct bh_context *context)
{
	answer(context, "hello");
	note("%d", flush(context, true));
	answer(context, " you");
}

/* --- Framing ----------------------------------------------------------- */

TEST(says_the_length_of_a_whole_body)
{
	struct client *client = serve(say_hello);

	client_send(client, GET);
	client_expect(client, OK(5, "hello"));
}

TEST(adds_server_and_date)
{
	struct client *client = serve(say_hello);

	client_send(client, GET);
	client_take(client, 1);
	assert_non_null(memmem(
	    client->bytes, client->length, "\r\nServer: Bulkhead\r\n", 20));
	assert_non_null(memmem(client->bytes, client->length, " GMT\r\n", 6));
}

TEST(chunks_a_body_whose_end_is_not_known)
{
	struct client *client = serve(stream_hello);

	client_send(client, GET GET);
	client_expect(client,
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "5\r\nhello\r\n4\r\n you\r\n0\r\n\r\n"
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "5\r\nhello\r\n4\r\n you\r\n0\r\n\r\n");
}

TEST(closes_after_a_stream_to_http_1_0)
{
	struct client *client = serve(stream_hello);

	client_send(client, "GET / HTTP/1.0\r\n\r\n");
	client_expect(
	    client, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello you");
	client_wait_end(client);
}

TEST(keeps_an_http_1_0_connection_that_asks_for_it)
{
	struct client *client = serve(say_hello);

	client_send(client, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	client_expect(client, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
			      "Connection: keep-alive\r\n\r\nhello");
	client_send(client, "GET / HTTP/1.0\r\n\r\n");
	client_expect(client, OK_CLOSE(5, "hello"));
	client_wait_end(client);
}

TEST(sends_no_body_to_head)
{
	struct client *client = serve(say_hello);

	client_send(client, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" GET);
	client_expect(client, OK(5, "") OK(5, "hello"));
}

TEST(sends_no_stream_to_head)
{
	struct client *client = serve(stream_hello);

	client_send(client, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
	client_expect(
	    client, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
	handler = say_hello;
	client_send(client, GET);
	client_expect(client, OK(5, "hello"));
}

static void
say_204(struct bh_context *context)
{
	(void)bh_response_set_status(bh_context_response(context), 204, NULL);
	answer(context, "not to be seen");
}

static void
say_304(struct bh_context *context)
{
	(void)bh_response_set_status(bh_context_response(context), 304, NULL);
}

static void
say_304_with_length(struct bh_context *context)
{
	say_304(context);
	(void)header(context, "Content-Length", "77");
}

TEST(sends_no_body_and_no_length_with_204)
{
	struct client *client = serve(say_204);

	client_send(client, GET GET);
	client_expect(client, "HTTP/1.1 204 No Content\r\n\r\n"
			      "HTTP/1.1 204 No Content\r\n\r\n");
}

TEST(sends_no_body_with_304)
{
	struct client *client = serve(say_304);

	client_send(client, GET);
	client_expect(client, "HTTP/1.1 304 Not Modified\r\n\r\n");
	handler = say_304_with_length;
	client_send(client, GET);
	client_expect(
	    client, "HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n");
}

/* --- Content-Length ----------------------------------------------------- */

static void
keep_to_length(struct bh_context *context)
{
	note("%d", header(context, "Content-Length", "10"));
	note("%d", write_text(context, "hello", true));
	note("%d", write_text(context, " world", true));
	note("%d", flush(context, true));
	note("%d", write_text(context, "world", true));
	note("%d", write_text(context, "!", true));
}

TEST(refuses_more_than_the_content_length)
{
	struct client *client = serve(keep_to_length);

	client_send(client, GET);
	client_expect(client, OK(10, "helloworld"));
	assert_string_equal(harness_notes(), "0 0 -90 0 0 -90");
}

static void
say_less(struct bh_context *context)
{
	(void)header(context, "Content-Length", "10");
	answer(context, "hello");
}

static void
say_less_and_flush(struct bh_context *context)
{
	say_less(context);
	note("%d", flush(context, true));
}

static void
say_less_and_end(struct bh_context *context)
{
	say_less(context);
	note("%d", flush(context, false));
}

TEST(answers_500_to_less_than_the_content_length)
{
	struct client *client = serve(say_less);

	client_send(client, GET);
	client_expect(client, SERVER_ERROR);
	assert_int_equal(
	    harness_logged("module: the body has 5 bytes, not the 10"), 1);
}

TEST(resets_after_less_than_the_content_length)
{
	struct client *client;

	(void)serve(say_less_and_flush);
	client = client_open(CLIENT_TCP);
	client_send(client, GET);
	client_wait_end(client);
	assert_true(client->reset);
	assert_int_equal(client->closed, CLOSE_RESET);
	assert_int_equal(
	    harness_logged("module: the body has 5 bytes, not the 10"), 1);
}

TEST(resets_after_an_end_before_the_content_length)
{
	struct client *client;

	(void)serve(say_less_and_end);
	client = client_open(CLIENT_TCP);
	client_send(client, GET);
	client_wait_end(client);
	assert_true(client->reset);
}

static void
say_length_too_late(struct bh_context *context)
{
	answer(context, "hello");
	note("%d", header(context, "Content-Length", "3"));
	note("%d", write_text(context, "world", true));
	note("%d", flush(context, true));
}

TEST(never_sends_more_than_a_content_length_that_came_late)
{
	struct client *client = serve(say_length_too_late);

	client_send(client, GET);
	client_read(client);
	assert_null(strstr(client_text(client), "Content-Length: 3"));
	/* And the module hears of it. */
	assert_string_not_equal(harness_notes(), "0 0 0");
}

static void
say_bad_lengths(struct bh_context *context)
{
	note("%d %d %d %d %d", header(context, "Content-Length", "x"),
	    header(context, "content-length", "-1"),
	    header(context, "Content-Length", ""),
	    header(context, "Content-Length", "99999999999999999999"),
	    header(context, "Transfer-Encoding", "chunked"));
	answer(context, "hello");
}

TEST(refuses_bad_lengths_and_transfer_encoding)
{
	struct client *client = serve(say_bad_lengths);

	client_send(client, GET);
	client_expect(client, OK(5, "hello"));
	assert_string_equal(harness_notes(), "-22 -22 -22 -22 -22");
}

/* --- Headers ----------------------------------------------------------- */

static void
say_headers(struct bh_context *context)
{
	struct bh_response *response = bh_context_response(context);

	note("%d", header(context, "X-One", "1"));
	note("%d", bh_response_set_header(response, "x-one", "2", false));
	note("%d", bh_response_set_header(response, "X-Two", "3", false));
	note("%d", header(context, "X-Two", "4"));
	note("%d", bh_response_delete_header(response, "x-nothing"));
	note("%d", bh_response_set_header(response, "X-Three", "", false));
	note("%d", bh_response_delete_header(response, "X-THREE"));
	answer(context, "hello");
}

TEST(sends_headers_as_they_were_set)
{
	struct client *client = serve(say_headers);

	client_send(client, GET);
	client_expect(client, "HTTP/1.1 200 OK\r\nX-One: 1\r\nx-one: 2\r\n"
			      "X-Two: 4\r\nContent-Length: 5\r\n\r\nhello");
	assert_string_equal(harness_notes(), "0 0 0 0 -2 0 0");
}

static void
say_bad_headers(struct bh_context *context)
{
	struct bh_response *response = bh_context_response(context);

	note("%d %d %d %d %d", header(context, "X", "a\r\nSet-Cookie: b"),
	    header(context, "X", "a\nb"), header(context, "X\r\nY", "a"),
	    header(context, "X Y", "a"), header(context, "", "a"));
	note("%d %d %d %d", bh_response_set_status(response, 200, "a\r\nX: b"),
	    bh_response_set_status(response, 199, NULL),
	    bh_response_set_status(response, 600, NULL),
	    bh_response_set_status(response, 299, "Rather Good"));
	note("%d", header(context, "Connection", "keep-alive"));
	answer(context, "hello");
}

TEST(refuses_what_would_break_the_head)
{
	struct client *client = serve(say_bad_headers);

	client_send(client, GET);
	client_expect(client, "HTTP/1.1 299 Rather Good\r\n"
			      "Content-Length: 5\r\n\r\nhello");
	assert_string_equal(
	    harness_notes(), "-22 -22 -22 -22 -22 -22 -22 -22 0 -22");
}

static void
say_own_date(struct bh_context *context)
{
	(void)header(context, "Server", "Mine");
	(void)header(context, "date", "today");
	answer(context, "hello");
}

TEST(a_module_may_say_date_and_server)
{
	struct client *client = serve(say_own_date);

	client_send(client, GET);
	client_expect(client, "HTTP/1.1 200 OK\r\nServer: Mine\r\n"
			      "date: today\r\nContent-Length: 5\r\n\r\nhello");
}

static void
say_many_headers(struct bh_context *context)
{
	char name[16];
	int i, error;

	for (i = 0, error = 0; error == 0; i++) {
		(void)snprintf(name, sizeof(name), "X-%d", i);
		error = header(context, name, "v");
	}
	note("%d:%d", i - 1, error);
	/* One in the place of another still fits. */
	note("%d", header(context, "X-0", "w"));
	answer(context, "hello");
}

static char long_value[RESPONSE_HEADERS_SIZE];

static void
say_large_headers(struct bh_context *context)
{
	memset(long_value, 'v', sizeof(long_value) - 1);
	note("%d", header(context, "X", "short"));
	note("%d", header(context, "X", long_value));
	memset(long_value + 8190, 0, sizeof(long_value) - 8190);
	note("%d", header(context, "Y", long_value));
	note("%d", header(context, "Z", long_value));
	answer(context, "hello");
}

TEST(takes_64_headers)
{
	struct client *client = serve(say_many_headers);

	client_send(client, GET);
	client_take(client, 400);
	assert_string_equal(harness_notes(), "64:-7 0");
	assert_non_null(strstr(client_text(client), "X-0: w\r\n"));
}

TEST(takes_16_kib_of_headers)
{
	struct client *client = serve(say_large_headers);

	client_send(client, GET);
	client_read(client);
	assert_string_equal(harness_notes(), "0 -7 0 -7");
	assert_non_null(strstr(client_text(client), "\r\nX: short\r\nY: vv"));
}

static void
say_large_replacement(struct bh_context *context)
{
	memset(long_value, 'v', sizeof(long_value) - 1);
	long_value[10000] = '\0';
	(void)header(context, "X", "short");
	(void)header(context, "Date", "today");
	(void)header(context, "Y", long_value);
	note("%d", header(context, "X", long_value));
	note("%d", header(context, "Date", long_value));
	answer(context, "hello");
}

TEST(a_replacement_that_fails_leaves_the_old_header)
{
	struct client *client = serve(say_large_replacement);

	client_send(client, GET);
	client_read(client);
	assert_string_equal(harness_notes(), "-7 -7");
	assert_non_null(strstr(client_text(client), "\r\nX: short\r\n"));
}

static void
touch_with_nothing(struct bh_context *context)
{
	note("%d", header(context, "Transfer-Encoding", "chunked"));
}

TEST(a_refused_header_does_not_touch_the_response)
{
	struct client *client = serve(touch_with_nothing);

	client_send(client, GET);
	client_expect(client, NOT_FOUND);
}

static void
change_after_flush(struct bh_context *context)
{
	struct bh_response *response = bh_context_response(context);

	answer(context, "hello");
	note("%d", bh_context_response_headers_sent(context));
	note("%d", flush(context, true));
	note("%d", bh_context_response_headers_sent(context));
	note("%d %d %d %d", header(context, "X", "1"),
	    bh_response_delete_header(response, "X"),
	    bh_response_set_status(response, 404, NULL),
	    bh_response_clear(response));
	note("%d", flush(context, false));
	note("%d", flush(context, false));
	note("%d", write_text(context, "x", true));
}

TEST(nothing_of_the_head_changes_once_it_is_out)
{
	struct client *client = serve(change_after_flush);

	client_send(client, GET);
	client_expect(client,
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "5\r\nhello\r\n0\r\n\r\n");
	/* EALREADY; EPIPE after the end. */
	assert_string_equal(
	    harness_notes(), "0 0 1 -114 -114 -114 -114 0 -32 -32");
}

static void
write_after_end(struct bh_context *context)
{
	note("%d", write_text(context, "hello", false));
	note("%d", write_text(context, "more", true));
}

TEST(refuses_bytes_after_the_bodys_end)
{
	struct client *client = serve(write_after_end);

	client_send(client, GET);
	client_expect(client, OK(5, "hello"));
	assert_string_equal(harness_notes(), "0 -32");
}

static void
clear_and_begin_anew(struct bh_context *context)
{
	struct bh_response *response = bh_context_response(context);

	(void)header(context, "X", "1");
	(void)header(context, "Content-Length", "3");
	(void)bh_response_set_status(response, 500, "Bad");
	note("%d", write_text(context, "abc", false));
	note("%d", bh_response_clear(response));
	note("%u", bh_response_status(response));
	answer(context, "hello");
}

TEST(clear_forgets_everything)
{
	struct client *client = serve(clear_and_begin_anew);

	client_send(client, GET);
	client_expect(client, OK(5, "hello"));
	assert_string_equal(harness_notes(), "0 0 200");
}

static void
clear_all(struct bh_context *context)
{
	answer(context, "hello");
	(void)bh_response_clear(bh_context_response(context));
}

TEST(a_cleared_response_is_an_untouched_one)
{
	struct client *client = serve(clear_all);

	client_send(client, GET);
	client_expect(client, NOT_FOUND);
}

/* --- The connection's end ----------------------------------------------- */

static void
ask_for_close(struct bh_context *context)
{
	note("%d", header(context, "Connection", "Close"));
	answer(context, "hello");
}

static void
need_disconnect(struct bh_context *context)
{
	answer(context, "hello");
	note("%d",
	    bh_response_set_need_disconnect(bh_context_response(context)));
}

static void
reset_connection(struct bh_context *context)
{
	answer(context, "hello");
	note("%d", bh_response_reset_connection(bh_context_response(context)));
}

TEST(connection_close_ends_the_connection)
{
	struct client *client = serve(ask_for_close);

	client_send(client, GET);
	client_expect(client, OK_CLOSE(5, "hello"));
	client_wait_end(client);
	assert_true(client->eof);
}

TEST(need_disconnect_ends_the_connection)
{
	struct client *client = serve(need_disconnect);

	client_send(client, GET);
	client_expect(client, OK_CLOSE(5, "hello"));
	client_wait_end(client);
	assert_true(client->eof);
}

TEST(reset_connection_sends_nothing)
{
	struct client *client;

	(void)serve(reset_connection);
	client = client_open(CLIENT_TCP);
	client_send(client, GET);
	client_wait_end(client);
	assert_true(client->reset);
	assert_int_equal(client->length, 0);
	assert_int_equal(harness_stat(STAT_resets), 1);
}

static const struct CMUnitTest tests[] = {
	HARNESS_TEST(says_the_length_of_a_whole_body),
	HARNESS_TEST(adds_server_and_date),
	HARNESS_TEST(chunks_a_body_whose_end_is_not_known),
	HARNESS_TEST(closes_after_a_stream_to_http_1_0),
	HARNESS_TEST(keeps_an_http_1_0_connection_that_asks_for_it),
	HARNESS_TEST(sends_no_body_to_head),
	HARNESS_TEST(sends_no_stream_to_head),
	HARNESS_TEST(sends_no_body_and_no_length_with_204),
	HARNESS_TEST(sends_no_body_with_304),
	HARNESS_TEST(refuses_more_than_the_content_length),
	HARNESS_TEST(answers_500_to_less_than_the_content_length),
	HARNESS_TEST(resets_after_less_than_the_content_length),
	HARNESS_TEST(resets_after_an_end_before_the_content_length),
	HARNESS_TEST(never_sends_more_than_a_content_length_that_came_late),
	HARNESS_TEST(refuses_bad_lengths_and_transfer_encoding),
	HARNESS_TEST(sends_headers_as_they_were_set),
	HARNESS_TEST(refuses_what_would_break_the_head),
	HARNESS_TEST(a_module_may_say_date_and_server),
	HARNESS_TEST(takes_64_headers),
	HARNESS_TEST(takes_16_kib_of_headers),
	HARNESS_TEST(a_replacement_that_fails_leaves_the_old_header),
	HARNESS_TEST(a_refused_header_does_not_touch_the_response),
	HARNESS_TEST(nothing_of_the_head_changes_once_it_is_out),
	HARNESS_TEST(refuses_bytes_after_the_bodys_end),
	HARNESS_TEST(clear_forgets_everything),
	HARNESS_TEST(a_cleared_response_is_an_untouched_one),
	HARNESS_TEST(connection_close_ends_the_connection),
	HARNESS_TEST(need_disconnect_ends_the_connection),
	HARNESS_TEST(reset_connection_sends_nothing),
};

HARNESS_MAIN(tests)
