/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Crash reports say what became of each connection of the dead worker: what
 * its clients saw, and the report, agree.
 */
#include "tests/support/client.h"
#include "tests/support/ctl.h"
#include "tests/support/server.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <stdlib.h>
#include <unistd.h>

#define HEAD " HTTP/1.1\r\nHost: a\r\n\r\n"

enum {
	LONG_MS = 10000
};

static struct server *
start(void)
{
	char path[512], module[640];
	struct server *server;
	static char file[] = "/tmp/bulkhead-outcomes-XXXXXX";
	static int fd = -1;

	/* Where faulty counts how often it has died. */
	if (fd == -1)
		fd = mkstemp(file);
	assert_true(fd != -1);
	assert_int_equal(ftruncate(fd, 0), 0);
	server_module("faulty", path, sizeof(path));
	(void)snprintf(module, sizeof(module), "%s,state=/proc/%d/fd/%d", path,
	    (int)getpid(), fd);
	(void)unlink(file);
	server = server_start("-w", "1", "-m", module, "-m", "hello", "-o",
	    "quarantine-crashes=64", NULL);
	server->crash_expected = true; /* a sanitizer reports it */
	return (server);
}

/* Report ${index} of all, once it is there. */
static json_t *
report(struct server *server, size_t index)
{
	int64_t deadline = test_deadline(LONG_MS);
	struct process_result result;
	json_t *list, *found;

	for (;;) {
		assert_int_equal(
		    ctl_run(server, "crashes", "--json", &result), 0);
		list = json_loads(result.output, 0, NULL);
		process_result_free(&result);
		found = json_incref(json_array_get(list, index));
		json_decref(list);
		if (found != NULL)
			return (found);
		if (test_left_ms(deadline) == 0)
			fail_msg("there is never a report %zu", index);
		test_sleep_ms(10);
	}
}

static json_int_t
count(const json_t *crash, const char *outcome)
{
	return (json_integer_value(
	    json_object_get(json_object_get(crash, "connections"), outcome)));
}

/* As the server sees it: "127.0.0.1:4711". */
static void
name_client(const struct client *client, char *ret_name, size_t size)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);

	assert_int_equal(
	    getsockname(client->fd, (struct sockaddr *)&address, &length), 0);
	(void)snprintf(
	    ret_name, size, "127.0.0.1:%u", (unsigned)ntohs(address.sin_port));
}

static void
expect_outcome(const json_t *crash, const char *client, const char *outcome)
{
	json_t *list = json_object_get(
		   json_object_get(crash, "connections"), "list"),
	       *item;
	const char *is;
	size_t i;

	json_array_foreach(list, i, item)
	{
		is = json_string_value(json_object_get(item, "client"));
		if (is == NULL || strcmp(is, client) != 0)
			continue;
		assert_string_equal(
		    json_string_value(json_object_get(item, "outcome")),
		    outcome);
		return;
	}
	fail_msg("%s isn't in the report", client);
}

static void
send_and_expect(struct client *client, const char *text, int status)
{
	struct response r;

	client_send_text(client, text);
	client_response(client, &r);
	assert_int_equal(r.status, status);
	response_free(&r);
}

enum {
	IDLE,
	HALF,
	REPLAYABLE,
	UNREPEATABLE,
	CULPRIT,
	CLIENTS
};

static void
each_connection_is_in_the_report(void **state)
{
	static const char *const outcomes[CLIENTS] = { "adopted", "adopted",
		"replayed", "answered_502", "reset" };
	struct server *server = start();
	struct client clients[CLIENTS];
	char names[CLIENTS][32], id[64];
	struct process_result result;
	json_t *crash;

	(void)state;
	for (int i = 0; i < CLIENTS; i++) {
		client_open(&clients[i], server);
		name_client(&clients[i], names[i], sizeof(names[i]));
	}
	send_and_expect(&clients[IDLE], "GET /hello" HEAD, 200);
	client_send_text(&clients[HALF], "GET /hel");
	client_send_text(
	    &clients[REPLAYABLE], "GET /faulty?key=g&wait=1500" HEAD);
	client_send_text(
	    &clients[UNREPEATABLE], "POST /faulty?key=p&wait=1500" HEAD);
	test_sleep_ms(200);
	client_send_text(&clients[CULPRIT],
	    "GET /faulty?key=c&how=segv&times=1&respond=length&"
	    "at=execute_request_handler" HEAD);
	assert_int_equal(client_end(&clients[CULPRIT], LONG_MS), CLIENT_RESET);
	crash = report(server, 0);
	assert_int_equal(count(crash, "adopted"), 2);
	assert_int_equal(count(crash, "replayed"), 1);
	assert_int_equal(count(crash, "answered_502"), 1);
	assert_int_equal(count(crash, "reset"), 1);
	assert_int_equal(count(crash, "waiting"), 0);
	assert_int_equal(count(crash, "not_listed"), 0);
	for (int i = 0; i < CLIENTS; i++)
		expect_outcome(crash, names[i], outcomes[i]);
	send_and_expect(&clients[IDLE], "GET /hello" HEAD, 200);
	send_and_expect(&clients[HALF], "lo" HEAD, 200);
	send_and_expect(&clients[REPLAYABLE], "", 200);
	send_and_expect(&clients[UNREPEATABLE], "", 502);

	(void)snprintf(id, sizeof(id), "%s",
	    json_string_value(json_object_get(crash, "id")));
	assert_int_equal(ctl_run(server, "crashes", id, &result), 0);
	assert_non_null(strstr(result.output,
	    "connections 2 adopted, 1 replayed, 1 answered 502, 1 reset\n"));
	assert_non_null(strstr(result.output, names[REPLAYABLE]));
	assert_null(strstr(result.output, names[IDLE]));
	process_result_free(&result);
	json_decref(crash);
	for (int i = 0; i < CLIENTS; i++)
		client_close(&clients[i]);
	server_stop(server);
}

/* A poison request: its first death's report refers to the second. */
static void
a_successor_that_dies_is_told(void **state)
{
	struct server *server = start();
	struct client client;
	char name[32];
	json_t *crash;

	(void)state;
	client_open(&client, server);
	name_client(&client, name, sizeof(name));
	send_and_expect(
	    &client, "GET /faulty?key=s&how=segv&at=begin_request" HEAD, 502);
	crash = report(server, 0);
	expect_outcome(crash, name, "successor_died");
	json_decref(crash);
	crash = report(server, 1);
	expect_outcome(crash, name, "answered_502");
	assert_int_equal(count(crash, "answered_502"), 1);
	assert_int_equal(count(crash, "successor_died"), 0);
	json_decref(crash);
	client_close(&client);
	server_stop(server);
}

/* Its client leaves while nobody looks: no reset of ours. */
static void
a_client_that_has_gone_is_told(void **state)
{
	const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
	struct server *server = start();
	pid_t workers[SERVER_WORKERS_MAX];
	struct client client;
	json_t *crash;

	(void)state;
	client_open(&client, server);
	send_and_expect(&client, "GET /hello" HEAD, 200);
	assert_int_equal(server_workers(server, workers), 1);
	assert_int_equal(kill(workers[0], SIGSTOP), 0);
	assert_int_equal(setsockopt(client.fd, SOL_SOCKET, SO_LINGER, &at_once,
			     sizeof(at_once)),
	    0);
	client_close(&client);
	test_sleep_ms(20);
	assert_int_equal(kill(workers[0], SIGKILL), 0);
	crash = report(server, 0);
	assert_int_equal(count(crash, "client_gone"), 1);
	assert_int_equal(count(crash, "reset"), 0);
	json_decref(crash);
	server_stop(server);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(each_connection_is_in_the_report),
		PROCESS_TEST(a_successor_that_dies_is_told),
		PROCESS_TEST(a_client_that_has_gone_is_told),
	};

	return (RUN_TESTS(argc, argv, tests));
}
