/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Workers die and the server goes on; the server is told to end and does, in
 * order or at once.
 */
#include "tests/support/client.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define GET_HELLO "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"

enum {
	LONG_MS = 10000
};

static bool
contains(const pid_t *pids, size_t count, pid_t pid)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (pids[i] == pid)
			return (true);
	return (false);
}

/* Until the old worker is gone and there are ${count} again. */
static void
wait_replaced(struct server *server, pid_t old, size_t count)
{
	pid_t now[SERVER_WORKERS_MAX];
	int64_t deadline;
	size_t n;

	deadline = test_deadline(LONG_MS);
	for (;;) {
		n = server_workers(server, now);
		if (n == count && !contains(now, n, old))
			return;
		if (test_left_ms(deadline) == 0)
			fail_msg(
			    "%d wasn't replaced: %zu workers", (int)old, n);
		test_sleep_ms(5);
	}
}

static void
kill_and_expect_replacement(int signal_number)
{
	struct server *server = server_start("-w", "2", "-m", "hello", NULL);
	pid_t before[SERVER_WORKERS_MAX];
	char words[64];
	int i;

	server->crash_expected = true; /* a sanitizer reports SEGV */
	assert_int_equal(server_workers(server, before), 2);
	client_expect_get(server, "/hello", 200, NULL);
	assert_int_equal(kill(before[0], signal_number), 0);
	(void)snprintf(words, sizeof(words), "(pid %d)", (int)before[0]);
	(void)server_log_wait(server, words, LONG_MS);
	assert_non_null(strstr(server->line, "worker 1"));
	/* A sanitizer makes an exit, or its own signal, of a crash. */
	if (!test_sanitized())
		assert_non_null(strstr(server->line,
		    signal_number == SIGSEGV ? "SIGSEGV" : "SIGKILL"));
	wait_replaced(server, before[0], 2);
	for (i = 0; i < 20; i++)
		client_expect_get(server, "/hello", 200, NULL);
	server_stop(server);
}

static void
a_crashed_worker_is_replaced(void **state)
{
	(void)state;
	kill_and_expect_replacement(SIGSEGV);
}

static void
a_killed_worker_is_replaced(void **state)
{
	(void)state;
	kill_and_expect_replacement(SIGKILL);
}

static void
the_only_worker_may_die_again_and_again(void **state)
{
	struct server *server = server_start("-w", "1", "-m", "hello", NULL);
	pid_t workers[SERVER_WORKERS_MAX];
	int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		assert_int_equal(server_workers(server, workers), 1);
		assert_int_equal(kill(workers[0], SIGKILL), 0);
		wait_replaced(server, workers[0], 1);
		/* Accepted while nobody serves: answered when one does. */
		client_expect_get(server, "/hello", 200, NULL);
	}
	server_stop(server);
}

static void
connections_of_other_workers_do_not_notice(void **state)
{
	enum {
		CLIENTS = 16
	};
	struct server *server = server_start("-w", "2", "-m", "hello", NULL);
	struct client clients[CLIENTS];
	pid_t workers[SERVER_WORKERS_MAX];
	size_t alive = 0, i;
	struct response r;

	(void)state;
	for (i = 0; i < CLIENTS; i++) {
		client_open(&clients[i], server);
		client_send_text(&clients[i], GET_HELLO);
		client_response(&clients[i], &r);
		response_free(&r);
	}
	assert_int_equal(server_workers(server, workers), 2);
	assert_int_equal(kill(workers[0], SIGKILL), 0);
	wait_replaced(server, workers[0], 2);
	test_sleep_ms(20);
	for (i = 0; i < CLIENTS; i++) {
		if (client_quiet(&clients[i], 0)) {
			alive++;
			client_send_text(&clients[i], GET_HELLO);
			client_response(&clients[i], &r);
			assert_int_equal(r.status, 200);
			response_free(&r);
		}
		client_close(&clients[i]);
	}
	/* The balance gave each worker its half. */
	assert_in_range(alive, CLIENTS / 4, CLIENTS);
	server_stop(server);
}

static void
clients_of_a_dead_worker_keep_their_connections(void **state)
{
	/* What was sent before the death, and what is sent after it. */
	static const struct {
		const char *before, *after;
		int status;
	} cases[] = {
		{ "", GET_HELLO, 200 },
		{ "GET /hel", "lo HTTP/1.1\r\nHost: a\r\n\r\n", 200 },
		{ GET_HELLO, "", 200 },
		{ "GET /delay?ms=500 HTTP/1.1\r\nHost: a\r\n\r\n", "", 200 },
		{ "POST /delay?ms=500 HTTP/1.1\r\nHost: a\r\n\r\n", "", 405 },
		{ "POST /nowhere HTTP/1.1\r\nHost: a\r\n"
		  "Content-Length: 9\r\n\r\nab",
		    "", 404 },
	};
	enum {
		CLIENTS = sizeof(cases) / sizeof(cases[0])
	};
	struct server *server =
	    server_start("-w", "1", "-m", "hello", "-m", "delay", NULL);
	struct client clients[CLIENTS];
	pid_t workers[SERVER_WORKERS_MAX];
	struct response r;
	size_t i;

	(void)state;
	for (i = 0; i < CLIENTS; i++) {
		client_open(&clients[i], server);
		client_send_text(&clients[i], cases[i].before);
	}
	test_sleep_ms(100);
	assert_int_equal(server_workers(server, workers), 1);
	assert_int_equal(kill(workers[0], SIGKILL), 0);
	for (i = 0; i < CLIENTS; i++) {
		client_send_text(&clients[i], cases[i].after);
		client_response(&clients[i], &r);
		assert_int_equal(r.status, cases[i].status);
		response_free(&r);
		client_close(&clients[i]);
	}
	server_stop(server);
}

static void
deaths_under_load_leave_a_server_that_serves(void **state)
{
	struct server *server = server_start("-w", "2", "-m", "hello", NULL);
	char output[128], url[64];
	pid_t tool, workers[SERVER_WORKERS_MAX];
	int i, status;

	(void)state;
	if (!process_have("wrk")) {
		server_stop(server);
		skip();
	}
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/hello",
	    (unsigned)server->port);
	(void)snprintf(output, sizeof(output), "%s/wrk", server->dir);
	tool = process_spawn((const char *const[]){ "wrk", "-c", "32", "-t",
				 "1", "-d", "3", url, NULL },
	    output);
	for (i = 0; i < 6; i++) {
		test_sleep_ms(300);
		if (server_workers(server, workers) > 0)
			(void)kill(workers[0], SIGKILL);
	}
	assert_true(process_wait(tool, LONG_MS, &status));
	assert_int_equal(status, 0);
	for (i = 0; i < 20; i++)
		client_expect_get(server, "/hello", 200, NULL);
	server_stop(server);
}

static void
expect_drain(int signal_number)
{
	struct server *server =
	    server_start("-w", "1", "-m", "hello", "-m", "delay", NULL);
	struct client busy, idle;
	struct response r;

	client_open(&idle, server);
	client_send_text(&idle, GET_HELLO);
	client_response(&idle, &r);
	response_free(&r);
	client_open(&busy, server);
	client_send_text(
	    &busy, "GET /delay?ms=700 HTTP/1.1\r\nHost: a\r\n\r\n");
	test_sleep_ms(100);
	assert_int_equal(kill(server->pid, signal_number), 0);

	/* The idle connection ends; the busy one gets its answer first. */
	assert_int_equal(client_end(&idle, 5000), CLIENT_FIN);
	assert_int_equal(idle.length, 0);
	client_close(&idle);
	client_response(&busy, &r);
	assert_int_equal(r.status, 200);
	assert_non_null(response_header(&r, "Connection"));
	assert_string_equal(response_header(&r, "Connection"), "close");
	response_free(&r);
	assert_int_equal(client_end(&busy, 5000), CLIENT_FIN);
	client_close(&busy);
	server_ended(server);
}

static void
sigterm_answers_what_is_in_flight(void **state)
{
	(void)state;
	expect_drain(SIGTERM);
}

static void
sigint_answers_what_is_in_flight(void **state)
{
	(void)state;
	expect_drain(SIGINT);
}

static void
nobody_gets_in_while_it_drains(void **state)
{
	struct server *server = server_start("-w", "1", "-m", "delay", NULL);
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(server->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct client busy;
	struct response r;
	int fd;

	(void)state;
	client_open(&busy, server);
	client_send_text(
	    &busy, "GET /delay?ms=700 HTTP/1.1\r\nHost: a\r\n\r\n");
	test_sleep_ms(100);
	assert_int_equal(kill(server->pid, SIGTERM), 0);
	(void)server_log_wait(server, "stopping", LONG_MS);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd != -1);
	assert_int_equal(
	    connect(fd, (const struct sockaddr *)&address, sizeof(address)),
	    -1);
	assert_int_equal(errno, ECONNREFUSED);
	(void)close(fd);
	client_response(&busy, &r);
	assert_int_equal(r.status, 200);
	response_free(&r);
	client_close(&busy);
	server_ended(server);
}

/* It connected in time; that its request comes after the signal is chance. */
static void
the_first_request_of_a_new_connection_is_answered(void **state)
{
	struct server *server = server_start("-w", "1", "-m", "hello", NULL);
	struct client fresh, silent, used;
	struct response r;

	(void)state;
	client_open(&fresh, server);
	client_open(&silent, server);
	client_open(&used, server);
	client_send_text(&used, GET_HELLO);
	client_response(&used, &r);
	response_free(&r);
	assert_int_equal(kill(server->pid, SIGTERM), 0);
	(void)server_log_wait(server, "stopping", LONG_MS);
	client_send_text(&fresh, GET_HELLO);
	client_response(&fresh, &r);
	assert_int_equal(r.status, 200);
	response_free(&r);
	assert_int_equal(client_end(&fresh, LONG_MS), CLIENT_FIN);
	assert_int_equal(client_end(&used, LONG_MS), CLIENT_FIN);
	assert_int_equal(client_end(&silent, LONG_MS), CLIENT_FIN);
	client_close(&fresh);
	client_close(&used);
	client_close(&silent);
	server_ended(server);
}

static void
a_second_signal_ends_it_at_once(void **state)
{
	struct server *server = server_start("-w", "2", "-m", "delay", NULL);
	struct client busy;
	int64_t before;

	(void)state;
	client_open(&busy, server);
	client_send_text(
	    &busy, "GET /delay?ms=30000 HTTP/1.1\r\nHost: a\r\n\r\n");
	test_sleep_ms(100);
	assert_int_equal(kill(server->pid, SIGTERM), 0);
	(void)server_log_wait(server, "stopping", LONG_MS);
	test_sleep_ms(100);
	assert_int_equal(kill(server->pid, 0), 0);
	before = test_now_ms();
	assert_int_equal(kill(server->pid, SIGTERM), 0);
	server_ended(server);
	assert_in_range(test_now_ms() - before, 0, 3000);
	assert_int_not_equal(client_end(&busy, 5000), CLIENT_OPEN);
	client_close(&busy);
}

static void
workers_end_when_the_master_is_killed(void **state)
{
	struct server *server = server_start("-w", "2", "-m", "hello", NULL);

	(void)state;
	client_expect_get(server, "/hello", 200, NULL);
	assert_int_equal(kill(server->pid, SIGKILL), 0);
	/* That is all: nothing may be left of its group. */
	server_ended_with(server, SIGKILL);
}

static void
a_stopped_worker_gets_no_new_connection_for_long(void **state)
{
	struct server *server = server_start("-w", "2", "-m", "hello", NULL);
	pid_t workers[SERVER_WORKERS_MAX];
	struct client clients[8];
	size_t answered = 0, i;

	(void)state;
	assert_int_equal(server_workers(server, workers), 2);
	assert_int_equal(kill(workers[0], SIGSTOP), 0);
	test_sleep_ms(300);
	for (i = 0; i < 8; i++) {
		client_open(&clients[i], server);
		client_send_text(&clients[i], GET_HELLO);
		answered += !client_quiet(&clients[i], 1000);
	}
	/* Some may have met it; the healthy one goes on meanwhile. */
	assert_in_range(answered, 4, 8);
	assert_int_equal(kill(workers[0], SIGCONT), 0);
	for (i = 0; i < 8; i++) {
		if (clients[i].length == 0)
			assert_false(client_quiet(&clients[i], LONG_MS));
		client_close(&clients[i]);
	}
	server_stop(server);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(a_crashed_worker_is_replaced),
		PROCESS_TEST(a_killed_worker_is_replaced),
		PROCESS_TEST(the_only_worker_may_die_again_and_again),
		PROCESS_TEST(connections_of_other_workers_do_not_notice),
		PROCESS_TEST(clients_of_a_dead_worker_keep_their_connections),
		PROCESS_TEST(deaths_under_load_leave_a_server_that_serves),
		PROCESS_TEST(sigterm_answers_what_is_in_flight),
		PROCESS_TEST(sigint_answers_what_is_in_flight),
		PROCESS_TEST(nobody_gets_in_while_it_drains),
		PROCESS_TEST(the_first_request_of_a_new_connection_is_answered),
		PROCESS_TEST(a_second_signal_ends_it_at_once),
		PROCESS_TEST(workers_end_when_the_master_is_killed),
		PROCESS_TEST(a_stopped_worker_gets_no_new_connection_for_long),
	};

	return (RUN_TESTS(argc, argv, tests));
}
