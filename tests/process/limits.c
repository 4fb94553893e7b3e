/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Nothing grows with the number of clients that have been, and more clients
 * than there are descriptors for wait their turn.
 */
#include "tests/support/client.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define GET_HELLO "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"

enum {
	SOON_MS = 5000
};

static size_t
count_descriptors(pid_t pid)
{
	struct dirent *entry;
	size_t count = 0;
	char path[64];
	DIR *list;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	list = opendir(path);
	assert_non_null(list);
	while ((entry = readdir(list)) != NULL)
		count += entry->d_name[0] != '.';
	(void)closedir(list);
	return (count);
}

/* Descriptors are given back a moment after the client is gone. */
static void
wait_descriptors(pid_t pid, size_t most)
{
	int64_t deadline;

	deadline = test_deadline(SOON_MS);
	while (count_descriptors(pid) > most) {
		if (test_left_ms(deadline) == 0)
			fail_msg("%zu descriptors of %d, %zu before",
			    count_descriptors(pid), (int)pid, most);
		test_sleep_ms(10);
	}
}

/* Clock ticks of processor time so far. */
static unsigned long
processor_time(pid_t pid)
{
	unsigned long system_time = 0, user_time = 0;
	char path[64], *text;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	text = process_read_file(path, NULL);
	assert_non_null(text);
	assert_int_equal(
	    sscanf(strrchr(text, ')') + 2,
		"%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
		&user_time, &system_time),
	    2);
	free(text);
	return (user_time + system_time);
}

/* End the connection as a crash of the client does. */
static void
reset_client(struct client *client)
{
	const struct linger at_once = { .l_onoff = 1 };

	(void)setsockopt(
	    client->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	client_close(client);
}

static void
one_of_each_kind(const struct server *server, unsigned kind)
{
	static const char *const requests[] = {
		GET_HELLO,
		"GET /delay?ms=20 HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab",
		"nonsense\r\n\r\n",
		"GET /hel",
		"",
	};
	struct client client;
	struct response r;

	client_open(&client, server);
	client_send_text(
	    &client, requests[kind % (sizeof(requests) / sizeof(*requests))]);
	if (kind % 6 == 0) {
		client_response(&client, &r);
		response_free(&r);
	}
	if (kind / 6 % 2 == 0)
		client_close(&client);
	else
		reset_client(&client);
}

static void
clients_that_have_been_leave_nothing_behind(void **state)
{
	struct server *server = server_start(
	    "-w", "1", "-m", "hello", "-m", "echo", "-m", "delay", NULL);
	pid_t workers[SERVER_WORKERS_MAX];
	size_t master_fds, worker_fds;
	long memory;
	unsigned i;

	(void)state;
	assert_int_equal(server_workers(server, workers), 1);
	master_fds = count_descriptors(server->pid);
	worker_fds = count_descriptors(workers[0]);
	for (i = 0; i < 600; i++)
		one_of_each_kind(server, i);
	wait_descriptors(server->pid, master_fds);
	wait_descriptors(workers[0], worker_fds);
	memory = process_memory_kib(workers[0], "VmRSS");
	for (i = 0; i < 3000; i++)
		one_of_each_kind(server, i);
	wait_descriptors(server->pid, master_fds);
	wait_descriptors(workers[0], worker_fds);
	if (!test_sanitized() &&
	    process_memory_kib(workers[0], "VmRSS") > memory + 4096)
		fail_msg("from %ld to %ld KiB", memory,
		    process_memory_kib(workers[0], "VmRSS"));
	client_expect_get(server, "/hello", 200, NULL);
	server_stop(server);
}

static void
more_clients_than_descriptors_wait_their_turn(void **state)
{
	enum {
		LIMIT = 400,
		CLIENTS = 330
	};
	struct rlimit limit;
	const struct rlimit low = { .rlim_cur = LIMIT, .rlim_max = LIMIT };
	static struct client clients[CLIENTS];
	size_t answered = 0, i;
	struct server *server;
	struct response r;
	unsigned long before;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	server = server_start("-w", "1", "-m", "hello", NULL);
	for (i = 0; i < CLIENTS; i++) {
		client_open(&clients[i], server);
		client_send_text(&clients[i], GET_HELLO);
	}
	test_sleep_ms(300);
	before = processor_time(server->pid);
	test_sleep_ms(500);
	/* Nothing happens, so nothing is done: it doesn't spin. */
	assert_in_range(processor_time(server->pid) - before, 0,
	    (unsigned long)sysconf(_SC_CLK_TCK) / 10);
	for (i = 0; i < CLIENTS; i++)
		answered += !client_quiet(&clients[i], 0);
	assert_in_range(answered, 64, CLIENTS - 1);

	/* Each that goes makes room for one that waits. */
	for (i = 0; i < CLIENTS; i++) {
		client_response(&clients[i], &r);
		assert_int_equal(r.status, 200);
		response_free(&r);
		client_close(&clients[i]);
	}
	client_expect_get(server, "/hello", 200, NULL);
	server_stop(server);
	(void)setrlimit(RLIMIT_NOFILE, &limit); /* only root may */
}

/* What -o says reaches the workers. */
static void
a_pools_limits_hold_for_its_clients(void **state)
{
	struct server *server;
	struct client client;
	struct response r;

	(void)state;
	server = server_start(
	    "-m", "hello", "-o", "body-max=5", "-o", "idle-limit=300ms", NULL);
	client_exchange(server,
	    "POST /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n"
	    "abcdef",
	    &r);
	assert_int_equal(r.status, 413);
	response_free(&r);
	client_open(&client, server);
	client_send_text(&client, GET_HELLO);
	client_response(&client, &r);
	assert_int_equal(r.status, 200);
	response_free(&r);
	assert_int_equal(client_end(&client, SOON_MS), CLIENT_FIN);
	client_close(&client);
	server_stop(server);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(clients_that_have_been_leave_nothing_behind),
		PROCESS_TEST(a_pools_limits_hold_for_its_clients),
		/* Last: the limit may stay low. */
		PROCESS_TEST(more_clients_than_descriptors_wait_their_turn),
	};

	return (RUN_TESTS(argc, argv, tests));
}
