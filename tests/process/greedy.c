/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A module that takes more than its own of what processes share: whoever isn't
 * served by it notices nothing.
 */
#include "shm/base/fd.h"
#include "tests/support/client.h"
#include "tests/support/process.h"
#include "tests/support/server.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define GET(target) "GET " target " HTTP/1.1\r\nHost: a\r\n\r\n"
#define LAST(target) \
	"GET " target " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

/* Nobody's number but ours, as what is in flight counts for all of a user's. */
#define NOBODY "61234"
#define AS_NOBODY \
	"setpriv --reuid=" NOBODY " --regid=" NOBODY " --clear-groups "

enum {
	LONG_MS = 20000,
	CLIENTS = 40,
	LIMIT = 2048, /* of the master's descriptors */
	NOBODY_UID = 61234,
};

static const char *
greedy(void)
{
	static char path[256];

	server_module("greedy", path, sizeof(path));
	return (path);
}

/* The descriptors of the master are those of its clients and some. */
static size_t
descriptors(const struct server *server)
{
	struct process_holding holding;

	process_hold(server->pid, &holding);
	return (holding.descriptors);
}

/*
 * The option belongs to the socket, and the last to close it was the master: it
 * stood still in close(2) until the client had read, or for as long as the
 * module liked.
 */
static void
a_client_that_lingers_does_not_keep_the_master(void **state)
{
	struct server *server = server_start("-w", "2", "-m", "hello", "-m",
	    greedy(), "-o", "linger-limit=100ms", NULL);
	size_t before = descriptors(server);
	struct client slow;
	int64_t deadline;

	(void)state;
	client_open(&slow, server);
	client_send_text(&slow, LAST("/greedy/linger"));
	/* Its worker gives up waiting, and then the master closes it. */
	deadline = test_deadline(LONG_MS);
	while (client_quiet(&slow, 0))
		assert_true(test_left_ms(deadline) > 0);
	do {
		assert_true(test_left_ms(deadline) > 0);
		client_expect_get(server, "/hello", 200, NULL);
		test_sleep_ms(10);
	} while (descriptors(server) > before);
	for (int i = 0; i < 20; i++)
		client_expect_get(server, "/hello", 200, NULL);
	client_close(&slow);
	server_stop(server);
}

static bool
can_be_nobody(void)
{
	char program[PATH_MAX], command[PATH_MAX + 128];
	struct process_result result;
	int status;

	process_program("bulkhead-worker", program, sizeof(program));
	(void)snprintf(
	    command, sizeof(command), AS_NOBODY "test -x %s", program);
	process_run((const char *const[]){ "bash", "-c", command, NULL }, 5000,
	    &result);
	status = result.status;
	process_result_free(&result);
	if (status != 0)
		print_message("to become another user takes root, setpriv and "
			      "a build that everybody may use\n");
	return (status == 0);
}

/* As in the unit: master and workers are one user without privileges. */
static struct server *
start_as_nobody(void)
{
	return (server_start_by("chown " NOBODY " \"${5%/*}\" && "
				"ulimit -n 2048 && exec " AS_NOBODY "\"$@\"",
	    "-w", "2", "-m", "hello", "-m", greedy(), NULL));
}

/* All at once: many descriptors are on their way. */
static void
expect_service(const struct server *server)
{
	static struct client clients[CLIENTS];
	struct response r;

	for (int i = 0; i < CLIENTS; i++) {
		client_open(&clients[i], server);
		client_send_text(&clients[i], GET("/hello"));
	}
	for (int i = 0; i < CLIENTS; i++) {
		client_response(&clients[i], &r);
		assert_int_equal(r.status, 200);
		response_free(&r);
		client_close(&clients[i]);
	}
}

/*
 * The kernel counts them for the user and refuses each sender by its own limit:
 * the master, with the same one, handed nothing over any more, to nobody.
 */
static void
descriptors_in_flight_do_not_keep_the_master_from_handing_over(void **state)
{
	struct server *server;
	struct response r;

	(void)state;
	if (!can_be_nobody())
		skip();
	server = start_as_nobody();
	for (int i = 0; i < 4; i++) { /* both workers */
		client_get(server, "/greedy/flight", &r);
		assert_int_equal(r.status, 200);
		if (i == 0) /* it got as far as it could */
			assert_in_range(strtoul(r.body, NULL, 10), LIMIT / 2,
			    LIMIT - 2 * (CLIENTS + 1));
		response_free(&r);
		expect_service(server);
	}
	server_stop(server);
}

/* As long as the test's end of ${lifeline} is open. */
static _Noreturn void
flood(int lifeline)
{
	const struct rlimit limit = { 2 * LIMIT, 2 * LIMIT };
	int ends[2], fds[FD_PASS_MAX];
	char byte = 0;

	for (size_t i = 0; i < FD_PASS_MAX; i++)
		fds[i] = lifeline;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0 ||
	    setresuid(NOBODY_UID, NOBODY_UID, NOBODY_UID) != 0)
		_exit(1);
	for (size_t sent = 0; sent <= LIMIT; sent += FD_PASS_MAX)
		if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) != 0 ||
		    fd_send(ends[0], &byte, 1, fds, FD_PASS_MAX) != 0)
			_exit(1);
	if (write(lifeline, &byte, 1) != 1)
		_exit(1);
	_exit(read(lifeline, &byte, 1) == 0 ? 0 : 1);
}

static void
a_master_that_can_hand_nothing_over_says_so(void **state)
{
	struct server *server;
	struct client client;
	struct response r;
	int lifeline[2];
	pid_t pid;
	char byte;

	(void)state;
	if (!can_be_nobody())
		skip();
	server = start_as_nobody();
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, lifeline), 0);
	pid = fork();
	assert_true(pid != -1);
	if (pid == 0) {
		(void)close(lifeline[0]);
		flood(lifeline[1]);
	}
	(void)close(lifeline[1]);
	assert_int_equal(read(lifeline[0], &byte, 1), 1);
	client_open(&client, server);
	client_send_text(&client, GET("/hello"));
	(void)server_log_wait(server,
	    "no connection can be handed to a worker for 1 s, 1 wait: a "
	    "module, or another process of this user, keeps too many "
	    "descriptors",
	    LONG_MS);
	assert_true(client_quiet(&client, 500));
	assert_null(server_log_find(server, "no connection can be"));
	(void)close(lifeline[0]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	(void)server_log_wait(
	    server, "connections are handed to workers again", LONG_MS);
	client_response(&client, &r);
	assert_int_equal(r.status, 200);
	response_free(&r);
	client_close(&client);
	server_stop(server);
}

static void
expect_answer(struct client *client)
{
	struct response r;

	client_response(client, &r);
	assert_int_equal(r.status, 200);
	response_free(&r);
}

/* Its worker can take no other connection from now on. */
static void
take_descriptors(const struct server *server, struct client *client)
{
	client_open(client, server);
	client_send_text(client, GET("/greedy/descriptors"));
	expect_answer(client);
}

static void
expect_late(struct client *client)
{
	expect_answer(client);
	client_close(client);
}

/*
 * A refusal is an answer, so nobody found that it hangs, and who had connected
 * waited for ever.
 */
static void
a_worker_that_only_refuses_is_replaced(void **state)
{
	struct server *server = server_start("-w", "1", "-m", "hello", "-m",
	    greedy(), "-o", "hang-limit=500ms", NULL);
	pid_t before[SERVER_WORKERS_MAX], after[SERVER_WORKERS_MAX];
	struct client old, client;

	(void)state;
	assert_int_equal(server_workers(server, before), 1);
	take_descriptors(server, &old);
	client_open(&client, server);
	client_send_text(&client, GET("/hello"));
	(void)server_log_wait(
	    server, "refuses connections for want of descriptors", LONG_MS);
	/* It serves those that it has. */
	client_send_text(&old, GET("/hello"));
	expect_answer(&old);
	assert_true(client_quiet(&client, 0));
	(void)server_log_wait(
	    server, "refused all it was offered: replaced", LONG_MS);
	expect_late(&client);
	client_send_text(&old, GET("/hello"));
	expect_late(&old);
	while (server_workers(server, after) != 1)
		test_sleep_ms(10);
	assert_int_not_equal(before[0], after[0]);
	server_stop(server);
}

/* A server whose modules greedy and trouble; trouble crashes at ${file}. */
static struct server *
start_troubled(const char *workers, const char *hang_limit)
{
	char trouble[PATH_MAX], module[2 * PATH_MAX];
	struct server *server = server_make();

	server_module("trouble", trouble, sizeof(trouble));
	(void)snprintf(module, sizeof(module), "%s,load=%s", trouble,
	    server_path(server, "trouble"));
	server_launch(server, "-l", "127.0.0.1:0", "-w", workers, "-m", "hello",
	    "-m", "delay", "-m", greedy(), "-m", module, "-o", "spares=0", "-o",
	    "state-dir=", "-o", "hang-warn=1500ms", "-o", hang_limit, NULL);
	server->crash_expected = true;
	return (server);
}

/* No other can be started for it while there is that file. */
static void
one_that_cannot_be_replaced_is_aborted(void **state)
{
	struct server *server = start_troubled("1", "hang-limit=500ms");
	struct client old, client;

	(void)state;
	take_descriptors(server, &old);
	server_file(server, "trouble", "%s", "");
	client_open(&client, server);
	client_send_text(&client, GET("/hello"));
	(void)server_log_wait(
	    server, "refused all it was offered: replaced", LONG_MS);
	(void)server_log_wait(
	    server, "refused all it was offered: aborted", LONG_MS);
	assert_int_equal(unlink(server_path(server, "trouble")), 0);
	expect_late(&client);
	client_close(&old);
	server_stop(server);
}

/* Its worker is in one callback of trouble after the other, in a turn each. */
static void
doze_until(struct server *server, struct client *client, const char *line)
{
	int64_t deadline = test_deadline(LONG_MS);
	bool asked = false;
	struct response r;

	while (server_log_find(server, line) == NULL) {
		assert_true(test_left_ms(deadline) > 0);
		if (!asked) {
			test_sleep_ms(10);
			client_send_text(client, GET("/trouble/doze"));
		}
		asked = client_quiet(client, 20);
		if (asked)
			continue;
		client_response(client, &r);
		response_free(&r);
	}
}

/* Whose callback runs when it is aborted has nothing to do with it. */
static void
one_that_is_aborted_for_refusing_accuses_nobody(void **state)
{
	struct server *server = start_troubled("1", "hang-limit=1500ms");
	struct client busy, client, old;
	const char *line;

	(void)state;
	client_open(&busy, server);
	take_descriptors(server, &old);
	server_file(server, "trouble", "%s", "");
	client_open(&client, server);
	client_send_text(&client, GET("/hello"));
	(void)server_log_wait(
	    server, "refused all it was offered: replaced", LONG_MS);
	doze_until(server, &busy, "refused all it was offered: aborted");
	line = server_log_wait(server, "killed by SIG", LONG_MS);
	assert_null(strstr(line, "in module"));
	assert_int_equal(unlink(server_path(server, "trouble")), 0);
	expect_late(&client);
	client_close(&busy);
	client_close(&old);
	server_stop(server);
}

/*
 * One at a time is replaced, and what the first still has to do may take long:
 * the second isn't aborted for that.
 */
static void
the_next_to_be_replaced_waits_its_turn(void **state)
{
	struct server *server = start_troubled("2", "hang-limit=500ms");
	struct client slow[2], client;

	(void)state;
	for (int i = 0; i < 2; i++) {
		take_descriptors(server, &slow[i]);
		client_send_text(&slow[i], GET("/delay?ms=4000"));
	}
	client_open(&client, server);
	client_send_text(&client, GET("/hello"));
	(void)server_log_wait(
	    server, "refused all it was offered: replaced", LONG_MS);
	expect_late(&client);
	for (int i = 0; i < 2; i++)
		expect_late(&slow[i]);
	assert_null(server_log_find(server, "aborted"));
	server_stop(server);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROCESS_TEST(a_client_that_lingers_does_not_keep_the_master),
		PROCESS_TEST(
		    descriptors_in_flight_do_not_keep_the_master_from_handing_over),
		PROCESS_TEST(a_master_that_can_hand_nothing_over_says_so),
		PROCESS_TEST(a_worker_that_only_refuses_is_replaced),
		PROCESS_TEST(one_that_cannot_be_replaced_is_aborted),
		PROCESS_TEST(one_that_is_aborted_for_refusing_accuses_nobody),
		PROCESS_TEST(the_next_to_be_replaced_waits_its_turn),
	};

	return (RUN_TESTS(argc, argv, tests));
}
