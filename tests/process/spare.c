/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Spare workers: ready behind those that serve, and in their place at once
 * when one dies.
 */
#include "tests/support/client.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define GET_HELLO "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"

enum {
	LONG_MS = 10000,
	CLIENTS = 8
};

static void
wait_workers(struct server *server, size_t count)
{
	pid_t pids[SERVER_WORKERS_MAX];
	int64_t deadline = test_deadline(LONG_MS);

	while (server_workers(server, pids) != count) {
		if (test_left_ms(deadline) == 0)
			fail_msg("there are never %zu workers", count);
		test_sleep_ms(5);
	}
}

/* Until bulkheadctl's status has ${words}. */
static void
wait_status(struct server *server, const char *words)
{
	int64_t deadline = test_deadline(LONG_MS);
	struct process_result result;
	char program[256];
	bool found = false;

	process_program("bulkheadctl", program, sizeof(program));
	while (!found) {
		process_run((const char *const[]){ program, "--control",
				server->control, "status", NULL },
		    LONG_MS, &result);
		assert_int_equal(result.status, 0);
		found = strstr(result.output, words) != NULL;
		if (!found && test_left_ms(deadline) == 0)
			fail_msg("no \"%s\" in:\n%s", words, result.output);
		process_result_free(&result);
	}
}

/* The pid of the worker with this number, as status has it. */
static pid_t
worker_pid(struct server *server, unsigned number)
{
	struct process_result result;
	char program[256], start[16];
	const char *line;
	int pid = 0;

	process_program("bulkheadctl", program, sizeof(program));
	process_run((const char *const[]){ program, "--control",
			server->control, "status", NULL },
	    LONG_MS, &result);
	(void)snprintf(start, sizeof(start), "\n%6u  ", number);
	line = strstr(result.output, start);
	assert_non_null(line);
	assert_int_equal(sscanf(line + strlen(start), "%*s %d", &pid), 1);
	process_result_free(&result);
	return (pid);
}

static void
a_spare_is_ready_and_shown_and_gets_nothing(void **state)
{
	struct server *server =
	    server_start("-w", "2", "-o", "spares=1", "-m", "hello", NULL);
	struct client clients[CLIENTS];
	struct response r;
	size_t i;

	(void)state;
	wait_workers(server, 3);
	wait_status(server, "  spare  ");
	wait_status(server, "workers     2, ");
	for (i = 0; i < CLIENTS; i++) {
		client_open(&clients[i], server);
		client_send_text(&clients[i], GET_HELLO);
		client_response(&clients[i], &r);
		response_free(&r);
	}
	wait_status(server, "  spare              3 ");
	assert_int_equal(kill(worker_pid(server, 3), SIGSTOP), 0);
	for (i = 0; i < CLIENTS; i++) {
		client_send_text(&clients[i], GET_HELLO);
		client_response(&clients[i], &r);
		assert_int_equal(r.status, 200);
		response_free(&r);
		client_close(&clients[i]);
	}
	assert_int_equal(kill(worker_pid(server, 3), SIGCONT), 0);
	server_stop(server);
}

/* Its clients find the spare; the dead one's number is the next spare's. */
static void
a_spare_takes_a_dead_workers_place(void **state)
{
	struct server *server =
	    server_start("-w", "1", "-o", "spares=1", "-m", "hello", NULL);
	struct client clients[CLIENTS];
	struct response r;
	unsigned number;
	size_t i;

	(void)state;
	for (i = 0; i < CLIENTS; i++)
		client_open(&clients[i], server);
	for (number = 1; number <= 2; number++) {
		wait_status(server, "  spare  ");
		for (i = 0; i < CLIENTS; i++) {
			client_send_text(&clients[i], GET_HELLO);
			client_response(&clients[i], &r);
			assert_int_equal(r.status, 200);
			response_free(&r);
		}
		assert_int_equal(kill(worker_pid(server, number), SIGKILL), 0);
		(void)server_log_wait(
		    server, "a spare, takes the place of", LONG_MS);
	}
	for (i = 0; i < CLIENTS; i++) {
		client_send_text(&clients[i], GET_HELLO);
		client_response(&clients[i], &r);
		assert_int_equal(r.status, 200);
		response_free(&r);
		client_close(&clients[i]);
	}
	wait_workers(server, 2);
	server_stop(server);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(a_spare_is_ready_and_shown_and_gets_nothing),
		PROCESS_TEST(a_spare_takes_a_dead_workers_place),
	};

	return (RUN_TESTS(argc, argv, tests));
}
