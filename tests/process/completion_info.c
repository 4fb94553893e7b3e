/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * completion_info logs what became of each of its operations, and the bytes
 * are those that the client received.
 */
#include "tests/support/client.h"
#include "tests/support/server.h"

#include <stdio.h>
#include <string.h>

/* One line of the module's. */
struct logged {
	unsigned incarnation, request;
	char notification[64];
	unsigned long long bytes;
	int status;
	char operation[64];
	unsigned long long entity_bytes;
};

static bool
find_logged(struct server *server, struct logged *ret_logged)
{
	const char *line, *name;
	unsigned worker;

	line = server_log_find(server, ": notification: ");
	if (line == NULL)
		return (false);
	name = strstr(line, "completion_info ");
	if (sscanf(line, "<6>bulkhead-worker %u", &worker) != 1 ||
	    name == NULL ||
	    sscanf(name,
		"completion_info request=%u-%u: notification: %63[^,], "
		"bytes: %llu, status: %d, operation: %63[^,], "
		"entity bytes: %llu",
		&ret_logged->incarnation, &ret_logged->request,
		ret_logged->notification, &ret_logged->bytes,
		&ret_logged->status, ret_logged->operation,
		&ret_logged->entity_bytes) != 7)
		fail_msg("not as it should be: %s", line);
	return (true);
}

/* The sum of one request's completions, in one struct. */
static void
wait_logged(struct server *server, struct logged *ret_sum)
{
	struct logged logged;
	int64_t deadline;

	memset(ret_sum, 0, sizeof(*ret_sum));
	deadline = test_deadline(5000);
	/* The flush in map_request_handler is the last. */
	do {
		while (!find_logged(server, &logged)) {
			if (test_left_ms(deadline) == 0)
				fail_msg("no completion was logged");
			test_sleep_ms(2);
		}
		assert_int_equal(logged.status, 0);
		ret_sum->bytes += logged.bytes;
		ret_sum->entity_bytes += logged.entity_bytes;
		ret_sum->request = logged.request;
	} while (strcmp(logged.notification, "map_request_handler") != 0);
	assert_string_equal(logged.operation, "flush");
	assert_false(find_logged(server, &logged));
}

static void
logged_bytes_are_those_that_the_client_received(void **state)
{
	struct server *server =
	    server_start("-w", "1", "-m", "completion_info", NULL);
	unsigned last = 0;
	struct logged sum;
	struct response r;
	int i;

	(void)state;
	for (i = 0; i < 5; i++) {
		client_get(server, "/completion_info", &r);
		assert_int_equal(r.status, 200);
		assert_string_equal(r.body, "An example string\n");
		assert_string_equal(
		    response_header(&r, "Content-Type"), "text/plain");
		wait_logged(server, &sum);
		assert_int_equal(sum.bytes, r.wire_bytes);
		assert_int_equal(sum.entity_bytes, r.body_bytes);
		assert_true(sum.request > last);
		last = sum.request;
		response_free(&r);
	}
	server_stop(server);
}

static void
a_head_request_has_no_entity_bytes(void **state)
{
	struct server *server =
	    server_start("-w", "1", "-m", "completion_info", NULL);
	struct client client;
	struct logged sum;
	struct response r;

	(void)state;
	client_open(&client, server);
	client_send_text(
	    &client, "HEAD /completion_info HTTP/1.1\r\nHost: a\r\n\r\n");
	client_head_response(&client, &r);
	assert_int_equal(r.status, 200);
	wait_logged(server, &sum);
	assert_int_equal(sum.bytes, r.wire_bytes);
	assert_int_equal(sum.entity_bytes, 0);
	response_free(&r);
	client_close(&client);
	server_stop(server);
}

static void
an_old_client_is_logged_the_same(void **state)
{
	struct server *server =
	    server_start("-w", "1", "-m", "completion_info", NULL);
	struct logged sum;
	struct response r;

	(void)state;
	client_exchange(server, "GET /completion_info HTTP/1.0\r\n\r\n", &r);
	wait_logged(server, &sum);
	assert_int_equal(sum.bytes, r.wire_bytes);
	assert_int_equal(sum.entity_bytes, r.body_bytes);
	response_free(&r);
	server_stop(server);
}

static void
other_paths_are_not_its_business(void **state)
{
	struct server *server = server_start(
	    "-w", "1", "-m", "completion_info", "-m", "hello", NULL);
	struct logged logged;

	(void)state;
	client_expect_get(server, "/hello", 200, NULL);
	client_expect_get(server, "/completion_infos", 404, NULL);
	assert_false(find_logged(server, &logged));
	server_stop(server);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(logged_bytes_are_those_that_the_client_received),
		PROCESS_TEST(a_head_request_has_no_entity_bytes),
		PROCESS_TEST(an_old_client_is_logged_the_same),
		PROCESS_TEST(other_paths_are_not_its_business),
	};

	return (RUN_TESTS(argc, argv, tests));
}
