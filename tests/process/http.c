/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The protocol at the socket: what is refused and how, and that how the bytes
 * are cut makes no difference.
 */
#include "tests/support/client.h"
#include "tests/support/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GET_HELLO "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"

struct refusal {
	int status;
	const char *request;
};

static struct server *
start(const char *workers)
{
	static char trace[4096];

	server_module("trace", trace, sizeof(trace));
	return (server_start(
	    "-w", workers, "-m", "hello", "-m", "echo", "-m", trace, NULL));
}

/* Refused, said to be the last, ended with a FIN, and nobody else noticed. */
static void
expect_refusal(
    struct server *server, int status, const char *request, size_t length)
{
	struct client client;
	struct response r;

	client_open(&client, server);
	(void)client_try_send(&client, request, length);
	client_response(&client, &r);
	if (r.status != status)
		fail_msg(
		    "%d instead of %d for: %.200s", r.status, status, request);
	if (response_header(&r, "Connection") == NULL)
		fail_msg("no Connection: close for: %.200s", request);
	assert_string_equal(response_header(&r, "Connection"), "close");
	assert_non_null(response_header(&r, "Date"));
	response_free(&r);
	if (client_end(&client, 5000) != CLIENT_FIN)
		fail_msg("no FIN after %d for: %.200s", status, request);
	assert_int_equal(client.length, 0);
	client_close(&client);
}

static void
malformed_requests_are_refused_and_reach_no_module(void **state)
{
	static const struct refusal refusals[] = {
		{ 400, "GET /hello HTTP/1.1\r\n\r\n" },
		{ 400, "GET  /hello HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, "GET /hello HTTP/1.1 \r\nHost: a\r\n\r\n" },
		{ 400, "GET /hello\r\nHost: a\r\n\r\n" },
		{ 400, "GET /hello HTTP/1.1\nHost: a\n\n" },
		{ 400, "GET /hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" },
		{ 400, "GET /hello HTTP/1.1\r\nHost : a\r\n\r\n" },
		{ 400, "GET /hello HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n" },
		{ 400, "GET /hello HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n" },
		{ 400, "GET /hello HTTP/1.1\r\nHost: a\r\n: 1\r\n\r\n" },
		{ 400, "GET /hel\x01lo HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, "GET hello HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, "G@T /hello HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 400, "POST /echo HTTP/1.1\r\nHost: a\r\n"
		       "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello" },
		{ 400, "POST /echo HTTP/1.1\r\nHost: a\r\n"
		       "Content-Length: 5, 6\r\n\r\nhello" },
		{ 400, "POST /echo HTTP/1.1\r\nHost: a\r\n"
		       "Content-Length: -1\r\n\r\nhello" },
		{ 400, "POST /echo HTTP/1.1\r\nHost: a\r\n"
		       "Content-Length: +5\r\n\r\nhello" },
		{ 400, "POST /echo HTTP/1.1\r\nHost: a\r\n"
		       "Content-Length: 0x5\r\n\r\nhello" },
		{ 400, "POST /echo HTTP/1.1\r\nHost: a\r\n"
		       "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"
		       "\r\n0\r\n\r\n" },
		{ 400, "POST /echo HTTP/1.0\r\nHost: a\r\n"
		       "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
		{ 405, "TRACE /hello HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 405, "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n" },
		{ 413, "POST /echo HTTP/1.1\r\nHost: a\r\n"
		       "Content-Length: 9223372036854775807\r\n\r\n" },
		{ 501, "BREW /hello HTTP/1.1\r\nHost: a\r\n\r\n" },
		{ 501, "POST /echo HTTP/1.1\r\nHost: a\r\n"
		       "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" },
		{ 505, "GET /hello HTTP/2.0\r\nHost: a\r\n\r\n" },
		{ 505, "GET /hello HTTP/3.0\r\nHost: a\r\n\r\n" },
	};
	static const char nul[] = "GET /hel\0lo HTTP/1.1\r\nHost: a\r\n\r\n";
	struct server *server = start("1");
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		expect_refusal(server, refusals[i].status, refusals[i].request,
		    strlen(refusals[i].request));
	expect_refusal(server, 400, nul, sizeof(nul) - 1);

	/* The trace module has a line for each request: only for this one. */
	client_expect_get(server, "/hello", 200, NULL);
	(void)server_log_wait(server, "way: begin_request", 5000);
	server_log_skip(server);
	client_expect_get(server, "/hello", 200, NULL);
	(void)server_log_wait(server, "way: begin_request", 5000);
	server->log_mark = 0;
	(void)server_log_wait(server, "way: begin_request", 5000);
	(void)server_log_wait(server, "way: begin_request", 5000);
	assert_null(server_log_find(server, "way: begin_request"));
	server_stop(server);
}

static void
a_refusal_knows_nothing_of_the_request_before(void **state)
{
	static const char nonsense[] = "nonsense\r\n\r\n";
	static const char *const before[] = {
		"HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n",
		"HEAD /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
	};
	struct server *server = start("1");
	struct client client;
	struct response r;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
		client_open(&client, server);
		client_send_text(&client, before[i]);
		client_head_response(&client, &r);
		assert_int_equal(r.status, 200);
		response_free(&r);
		expect_refusal(server, 400, nonsense, sizeof(nonsense) - 1);
		client_close(&client);
	}
	server_stop(server);
}

static void
oversized_heads_are_refused(void **state)
{
	enum {
		SIZE = 40000
	};
	struct server *server = start("1");
	char *request;
	size_t at, i;

	(void)state;
	request = malloc(SIZE);
	assert_non_null(request);

	at = (size_t)snprintf(request, SIZE, "GET /");
	memset(request + at, 'a', 9000);
	(void)snprintf(request + at + 9000, SIZE - at - 9000,
	    " HTTP/1.1\r\nHost: a\r\n\r\n");
	expect_refusal(server, 414, request, strlen(request));

	at = (size_t)snprintf(
	    request, SIZE, "GET /hello HTTP/1.1\r\nHost: a\r\nX: ");
	memset(request + at, 'a', 20000);
	(void)snprintf(request + at + 20000, SIZE - at - 20000, "\r\n\r\n");
	expect_refusal(server, 431, request, strlen(request));

	at = (size_t)snprintf(
	    request, SIZE, "GET /hello HTTP/1.1\r\nHost: a\r\n");
	for (i = 0; i < 200; i++)
		at += (size_t)snprintf(
		    request + at, SIZE - at, "X-%zu: 1\r\n", i);
	(void)snprintf(request + at, SIZE - at, "\r\n");
	expect_refusal(server, 431, request, strlen(request));

	free(request);
	client_expect_get(server, "/hello", 200, NULL);
	server_stop(server);
}

static void
malformed_chunks_end_the_connection(void **state)
{
	static const char *const bodies[] = {
		"zz\r\nhello\r\n0\r\n\r\n",
		"-5\r\nhello\r\n0\r\n\r\n",
		"\r\nhello\r\n0\r\n\r\n",
		"5\nhello\n0\n\n",
		"fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
	};
	struct server *server = start("1");
	char request[512];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		(void)snprintf(request, sizeof(request),
		    "POST /echo HTTP/1.1\r\nHost: a\r\n"
		    "Transfer-Encoding: chunked\r\n\r\n%s",
		    bodies[i]);
		expect_refusal(server, 400, request, strlen(request));
	}
	client_expect_get(server, "/hello", 200, NULL);
	server_stop(server);
}

static void
a_thousand_pipelined_requests_are_answered_in_order(void **state)
{
	enum {
		REQUESTS = 1000,
		REQUEST_SIZE = 128
	};
	struct server *server = start("2");
	struct client client;
	struct response r;
	char *batch, body[32], number[24];
	size_t at = 0, i;

	(void)state;
	batch = malloc(REQUESTS * REQUEST_SIZE);
	assert_non_null(batch);
	for (i = 0; i < REQUESTS; i++) {
		(void)snprintf(body, sizeof(body), "this is %zu", i);
		(void)snprintf(number, sizeof(number), "%zu", strlen(body));
		/* GET and POST in turn: with and without a body. */
		if (i % 2 == 0)
			at += (size_t)snprintf(batch + at, REQUEST_SIZE,
			    "POST /echo HTTP/1.1\r\nHost: a\r\n"
			    "Content-Length: %s\r\n\r\n%s",
			    number, body);
		else
			at += (size_t)snprintf(
			    batch + at, REQUEST_SIZE, GET_HELLO);
	}
	client_open(&client, server);
	client_send(&client, batch, at);
	free(batch);
	for (i = 0; i < REQUESTS; i++) {
		client_response(&client, &r);
		assert_int_equal(r.status, 200);
		(void)snprintf(body, sizeof(body), "this is %zu", i);
		assert_string_equal(
		    r.body, i % 2 == 0 ? body : "Hello from Bulkhead\n");
		response_free(&r);
	}
	assert_int_equal(client.length, 0);
	client_close(&client);
	server_stop(server);
}

static void
a_request_may_come_byte_by_byte(void **state)
{
	static const char *const requests[] = {
		GET_HELLO,
		"POST /echo HTTP/1.1\r\nHost: a\r\n"
		"Transfer-Encoding: chunked\r\n\r\n"
		"6\r\nHello \r\n0e;ext=1\r\nfrom Bulkhead\n\r\n0\r\nT: 1\r\n"
		"\r\n",
		"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n"
		"Hello from Bulkhead\n",
		"\r\n" GET_HELLO, /* an empty line before is forgiven */
	};
	struct server *server = start("1");
	struct client client;
	struct response r;
	size_t i, k;

	(void)state;
	client_open(&client, server);
	for (i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		for (k = 0; requests[i][k] != '\0'; k++) {
			client_send(&client, &requests[i][k], 1);
			if (k % 8 == 0)
				test_sleep_ms(1);
		}
		client_response(&client, &r);
		assert_int_equal(r.status, 200);
		assert_string_equal(r.body, "Hello from Bulkhead\n");
		response_free(&r);
	}
	client_close(&client);
	server_stop(server);
}

static void
a_connection_serves_many_requests(void **state)
{
	struct server *server = start("2");
	struct client client;
	struct response r;
	int i;

	(void)state;
	client_open(&client, server);
	for (i = 0; i < 200; i++) {
		client_send_text(&client, GET_HELLO);
		client_response(&client, &r);
		assert_int_equal(r.status, 200);
		response_free(&r);
	}
	client_close(&client);
	server_stop(server);
}

static void
expect_continue_is_answered_before_the_body(void **state)
{
	static const char head[] = "POST /echo HTTP/1.1\r\nHost: a\r\n"
				   "Expect: 100-continue\r\n"
				   "Content-Length: 5\r\n\r\n";
	static const char maybe[] = "POST /echo HTTP/1.1\r\nHost: a\r\n"
				    "Expect: 200-maybe\r\n"
				    "Content-Length: 5\r\n\r\nhello";
	struct server *server = start("1");
	struct client client;
	struct response r;

	(void)state;
	client_open(&client, server);
	client_send_text(&client, head);
	while (client.length == 0)
		assert_false(client_quiet(&client, 5000));
	assert_in_range(client.length, 25, 1000);
	assert_memory_equal(client.bytes, "HTTP/1.1 100 ", 13);
	client_send_text(&client, "hello");
	client_response(&client, &r);
	assert_int_equal(r.status, 200);
	assert_int_equal(r.interim, 1);
	assert_string_equal(r.body, "hello");
	response_free(&r);

	/* A body that is there already needs no invitation, but may get it. */
	client_send_text(&client, head);
	client_send_text(&client, "again");
	client_response(&client, &r);
	assert_int_equal(r.status, 200);
	assert_string_equal(r.body, "again");
	response_free(&r);
	client_close(&client);

	/* Nobody reads this body: the final answer comes at once. */
	client_open(&client, server);
	client_send_text(&client, "POST /hello HTTP/1.1\r\nHost: a\r\n"
				  "Expect: 100-continue\r\n"
				  "Content-Length: 5\r\n\r\n");
	client_response(&client, &r);
	assert_int_equal(r.status, 405);
	assert_int_equal(r.interim, 0);
	response_free(&r);
	client_close(&client);
	expect_refusal(server, 417, maybe, sizeof(maybe) - 1);
	server_stop(server);
}

static void
a_refused_upload_still_gets_its_answer(void **state)
{
	enum {
		UPLOAD = 1024 * 1024
	};
	static const struct refusal refusals[] = {
		{ 405, "POST /hello HTTP/1.1\r\nHost: a\r\n"
		       "Content-Length: 1048576\r\n\r\n" },
		{ 404, "POST /nowhere HTTP/1.1\r\nHost: a\r\n"
		       "Content-Length: 1048576\r\n\r\n" },
		{ 413, "POST /echo HTTP/1.1\r\nHost: a\r\n"
		       "Content-Length: 9223372036854775807\r\n\r\n" },
		{ 501, "POST /echo HTTP/1.1\r\nHost: a\r\n"
		       "Transfer-Encoding: gzip\r\n\r\n" },
	};
	struct server *server = start("1");
	struct client client;
	struct response r;
	char *upload;
	size_t i;

	(void)state;
	upload = calloc(1, UPLOAD);
	assert_non_null(upload);
	for (i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		client_open(&client, server);
		client_send_text(&client, refusals[i].request);
		/* The answer is on its way while the body still comes. */
		test_sleep_ms(20);
		client_send(&client, upload, UPLOAD);
		test_sleep_ms(20);
		client_response(&client, &r);
		assert_int_equal(r.status, refusals[i].status);
		response_free(&r);
		client_close(&client);
	}
	free(upload);
	client_expect_get(server, "/hello", 200, NULL);
	server_stop(server);
}

static void
clients_that_vanish_harm_nobody(void **state)
{
	static const char *const beginnings[] = {
		"",
		"GE",
		"GET /hello HTTP/1.1\r\nHo",
		"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe",
		"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked"
		"\r\n\r\n5\r\nhe",
		GET_HELLO,
	};
	struct server *server = start("1");
	struct client client;
	size_t i;
	int turn;

	(void)state;
	for (turn = 0; turn < 20; turn++)
		for (i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]);
		     i++) {
			client_open(&client, server);
			client_send_text(&client, beginnings[i]);
			client_close(&client);
		}
	client_expect_get(server, "/hello", 200, NULL);
	server_stop(server);
}

static void
a_half_closed_client_gets_its_answer(void **state)
{
	struct server *server = start("1");
	struct client client;
	struct response r;

	(void)state;
	client_open(&client, server);
	client_send_text(&client, GET_HELLO GET_HELLO);
	client_finish(&client);
	client_response(&client, &r);
	assert_int_equal(r.status, 200);
	response_free(&r);
	client_response(&client, &r);
	assert_int_equal(r.status, 200);
	response_free(&r);
	assert_int_equal(client_end(&client, 5000), CLIENT_FIN);
	client_close(&client);
	server_stop(server);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(
		    malformed_requests_are_refused_and_reach_no_module),
		PROCESS_TEST(a_refusal_knows_nothing_of_the_request_before),
		PROCESS_TEST(oversized_heads_are_refused),
		PROCESS_TEST(malformed_chunks_end_the_connection),
		PROCESS_TEST(
		    a_thousand_pipelined_requests_are_answered_in_order),
		PROCESS_TEST(a_request_may_come_byte_by_byte),
		PROCESS_TEST(a_connection_serves_many_requests),
		PROCESS_TEST(expect_continue_is_answered_before_the_body),
		PROCESS_TEST(a_refused_upload_still_gets_its_answer),
		PROCESS_TEST(clients_that_vanish_harm_nobody),
		PROCESS_TEST(a_half_closed_client_gets_its_answer),
	};

	return (RUN_TESTS(argc, argv, tests));
}
