/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shipped modules answer at their names, to every kind of client.
 */
#include "tests/support/client.h"
#include "tests/support/server.h"

#include <stdio.h>
#include <string.h>

static struct server *
start(void)
{
	return (server_start("-m", "hello", "-m", "completion_info", "-m",
	    "echo", "-m", "delay", NULL));
}

static void
hello_answers_get(void **state)
{
	struct server *server = start();
	struct response r;

	(void)state;
	client_get(server, "/hello", &r);
	assert_int_equal(r.status, 200);
	assert_string_equal(r.body, "Hello from Bulkhead\n");
	assert_string_equal(response_header(&r, "Content-Type"), "text/plain");
	assert_non_null(response_header(&r, "Date"));
	assert_non_null(response_header(&r, "Server"));
	assert_non_null(response_header(&r, "Content-Length"));
	assert_int_equal(r.minor, 1);
	response_free(&r);
	server_stop(server);
}

static void
hello_is_there_when_nothing_is_asked_for(void **state)
{
	struct server *server = server_start("-w", "1", NULL);

	(void)state;
	client_expect_get(server, "/hello", 200, "Hello from Bulkhead\n");
	server_stop(server);
}

static void
a_setting_moves_a_module(void **state)
{
	struct server *server =
	    server_start("-m", "hello,path=/elsewhere,text=Moved", NULL);

	(void)state;
	client_expect_get(server, "/elsewhere", 200, "Moved");
	client_expect_get(server, "/hello", 404, NULL);
	server_stop(server);
}

static void
head_has_the_head_of_get_and_no_body(void **state)
{
	struct server *server = start();
	struct response get, head;
	struct client client;

	(void)state;
	client_get(server, "/hello", &get);
	client_open(&client, server);
	client_send_text(&client, "HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n");
	client_head_response(&client, &head);
	assert_int_equal(head.status, 200);
	assert_string_equal(response_header(&head, "Content-Length"),
	    response_header(&get, "Content-Length"));
	assert_int_equal(head.head_bytes, get.head_bytes);
	assert_int_equal(client.length, 0);
	response_free(&head);

	/* What follows on the connection is the next answer. */
	client_send_text(&client, "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
	client_response(&client, &head);
	assert_int_equal(head.status, 200);
	assert_string_equal(head.body, get.body);
	response_free(&head);
	response_free(&get);
	client_close(&client);
	server_stop(server);
}

static void
a_wrong_method_is_answered_405_with_allow(void **state)
{
	static const struct {
		const char *request;
		const char *allow;
	} wrong[] = {
		{ "POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
		  "\r\nabc",
		    "GET, HEAD" },
		{ "DELETE /hello HTTP/1.1\r\nHost: a\r\n\r\n", "GET, HEAD" },
		{ "GET /echo HTTP/1.1\r\nHost: a\r\n\r\n", "POST, PUT" },
	};
	struct server *server = start();
	struct response r;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		client_exchange(server, wrong[i].request, &r);
		assert_int_equal(r.status, 405);
		assert_string_equal(
		    response_header(&r, "Allow"), wrong[i].allow);
		response_free(&r);
	}
	server_stop(server);
}

static void
nobodys_path_is_answered_404(void **state)
{
	struct server *server = start();

	(void)state;
	client_expect_get(server, "/", 404, NULL);
	client_expect_get(server, "/hell", 404, NULL);
	client_expect_get(server, "/hello/", 404, NULL);
	client_expect_get(server, "/hello/world", 404, NULL);
	server_stop(server);
}

static void
a_404_keeps_the_connection(void **state)
{
	struct server *server = start();
	struct client client;
	struct response r;

	(void)state;
	client_open(&client, server);
	client_send_text(&client, "GET /no HTTP/1.1\r\nHost: a\r\n\r\n"
				  "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n");
	client_response(&client, &r);
	assert_int_equal(r.status, 404);
	response_free(&r);
	client_response(&client, &r);
	assert_int_equal(r.status, 200);
	response_free(&r);
	client_close(&client);
	server_stop(server);
}

static void
echo_sends_back_what_it_got(void **state)
{
	struct server *server = start();
	struct response r;

	(void)state;
	client_exchange(server,
	    "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: text/x-mine\r\n"
	    "Content-Length: 11\r\n\r\nhello there",
	    &r);
	assert_int_equal(r.status, 200);
	assert_string_equal(r.body, "hello there");
	assert_string_equal(response_header(&r, "Content-Type"), "text/x-mine");
	response_free(&r);

	client_exchange(server,
	    "PUT /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
	    "\r\n5\r\nhello\r\n6;x=y\r\n there\r\n0\r\nX-T: 1\r\n\r\n",
	    &r);
	assert_int_equal(r.status, 200);
	assert_string_equal(r.body, "hello there");
	response_free(&r);

	client_exchange(server,
	    "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", &r);
	assert_int_equal(r.status, 200);
	assert_int_equal(r.body_bytes, 0);
	response_free(&r);
	server_stop(server);
}

static void
delay_answers_when_it_is_time(void **state)
{
	struct server *server = start();
	int64_t before;

	(void)state;
	before = test_now_ms();
	client_expect_get(server, "/delay?ms=50", 200, NULL);
	assert_in_range(test_now_ms() - before, 49, 5000);
	client_expect_get(server, "/delay?ms=0", 200, NULL);
	client_expect_get(server, "/delay", 400, NULL);
	client_expect_get(server, "/delay?ms=soon", 400, NULL);
	client_expect_get(server, "/delay?ms=60001", 400, NULL);
	server_stop(server);
}

static void
delays_run_side_by_side_in_one_worker(void **state)
{
	enum {
		CLIENTS = 50
	};
	struct server *server = server_start("-w", "1", "-m", "delay", NULL);
	struct client clients[CLIENTS];
	struct response r;
	int64_t before;
	size_t i;

	(void)state;
	before = test_now_ms();
	for (i = 0; i < CLIENTS; i++) {
		client_open(&clients[i], server);
		client_send_text(&clients[i],
		    "GET /delay?ms=200 HTTP/1.1\r\nHost: a\r\n\r\n");
	}
	for (i = 0; i < CLIENTS; i++) {
		client_response(&clients[i], &r);
		assert_int_equal(r.status, 200);
		response_free(&r);
		client_close(&clients[i]);
	}
	/* One after the other they would take ten seconds. */
	assert_in_range(test_now_ms() - before, 199, 5000);
	server_stop(server);
}

static void
an_old_client_gets_its_answer_and_the_end(void **state)
{
	struct server *server = start();
	struct client client;
	struct response r;

	(void)state;
	client_open(&client, server);
	client_send_text(&client, "GET /hello HTTP/1.0\r\n\r\n");
	client_response(&client, &r);
	assert_int_equal(r.status, 200);
	assert_string_equal(r.body, "Hello from Bulkhead\n");
	assert_false(r.chunked);
	response_free(&r);
	assert_int_equal(client_end(&client, 5000), CLIENT_FIN);
	client_close(&client);

	/* A response of unknown length can't be chunked for HTTP/1.0. */
	client_open(&client, server);
	client_send_text(&client, "GET /completion_info HTTP/1.0\r\n\r\n");
	client_response(&client, &r);
	assert_int_equal(r.status, 200);
	assert_false(r.chunked);
	response_free(&r);
	assert_int_equal(client_end(&client, 5000), CLIENT_FIN);
	client_close(&client);
	server_stop(server);
}

static void
connection_close_is_obeyed_and_said(void **state)
{
	struct server *server = start();
	struct client client;
	struct response r;

	(void)state;
	client_open(&client, server);
	client_send_text(&client, "GET /hello HTTP/1.1\r\nHost: a\r\n"
				  "Connection: close\r\n\r\n");
	client_response(&client, &r);
	assert_int_equal(r.status, 200);
	assert_string_equal(response_header(&r, "Connection"), "close");
	response_free(&r);
	assert_int_equal(client_end(&client, 5000), CLIENT_FIN);
	assert_int_equal(client.length, 0);
	client_close(&client);
	server_stop(server);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(hello_answers_get),
		PROCESS_TEST(hello_is_there_when_nothing_is_asked_for),
		PROCESS_TEST(a_setting_moves_a_module),
		PROCESS_TEST(head_has_the_head_of_get_and_no_body),
		PROCESS_TEST(a_wrong_method_is_answered_405_with_allow),
		PROCESS_TEST(nobodys_path_is_answered_404),
		PROCESS_TEST(a_404_keeps_the_connection),
		PROCESS_TEST(echo_sends_back_what_it_got),
		PROCESS_TEST(delay_answers_when_it_is_time),
		PROCESS_TEST(delays_run_side_by_side_in_one_worker),
		PROCESS_TEST(an_old_client_gets_its_answer_and_the_end),
		PROCESS_TEST(connection_close_is_obeyed_and_said),
	};

	return (RUN_TESTS(argc, argv, tests));
}
